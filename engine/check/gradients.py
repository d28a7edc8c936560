"""`gradcheck`: is this gradient right, and if not, where does it go wrong?

A derivative is compared with differences at steps of many sizes. How far these can be trusted at
this very point is measured, too: `differences`. A gradient that is off by a factor of
1.000001 is found, and a right one at an awkward point raises no alarm: at a kink both one-sided
slopes are reported, and any slope between them is a valid one; where f is too rough to tell, the
report says so.

>>> from engine.check import gradcheck
>>> print(gradcheck(lambda x, y: (x * y).tanh(), [0.5, -2.0]))
right: 2 derivatives agree with differences

Of very many derivatives, sums with random signs are compared first: a wrong one is in some of
them, and is then found by halving.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..gradient import gradient, jvp
from ..tree import is_array, is_tensor
from .comparison import MANY, Check, along, axis, judged, located
from .culprit import find_culprit
from .inputs import bare, is_torch, leaves
from .report import WRONG, Finding, GradientError, Report
from .subject import Subject, TensorSubject


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    claimed: Any = None,
    *,
    order: int = 1,
    directions: int = 0,
    seed: int = 0,
    raises: bool = False,
) -> Report:
    """Compare derivatives of ``f(*inputs)`` with differences.

    Args:
        f: a function with one number as its result, or with an array, of which a sum with random
            weights is checked. It is run on Values, or on Tensors of float64 if there is an array
            among the inputs; if ``claimed`` is given, on plain floats and arrays.
        inputs: a list of its arguments: numbers, arrays, Tensors, and lists and dicts of these.
            What is no list or tuple is the only argument.
        claimed: the gradient to check instead of the engine's: a function of the same arguments,
            or its value; one derivative per input, in the same shape. For a result of shape s,
            derivatives of the shape s + the input's.
        order: 1 checks the gradient, 2 also all second derivatives.
        directions: if positive, the gradient is checked along so many random directions instead
            of along each input: a few runs of f for each, however many inputs there are.
        seed: of the random directions and weights.
        raises: whether to raise `GradientError` instead of returning a report that is false.

    Returns:
        A report that is true if every derivative passes; printed, it explains. Of more than 128
        inputs it has the sums of derivatives that were compared, and those found to be wrong.

    Raises:
        TypeError: for inputs that are not numbers, or a result that is not one.
        ValueError: for a claimed gradient of another shape, or an order other than 1 and 2.
        Exception: what f raises; the message says where.
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    with np.errstate(all="ignore"):  # differences may look beyond the end of a domain
        subject = subject_of(f, inputs, claimed, seed)
        slopes = subject.slopes()
        report = Report([], root=subject.root)
        check = Check(subject, slopes, seed, report)
        if directions:
            report.findings += [check.along(v, k) for k, v in enumerate(check.signs(directions))]
        elif len(slopes) > MANY:
            check.by_groups()
        else:
            report.findings += [check.single(i) for i in range(len(slopes))]
        if claimed is None:
            forward_against_reverse(check)
            if order == 2:
                second_order(check)
            if not report:
                find_culprit(subject, report)
    if raises and not report:
        raise GradientError(report)
    return report


def subject_of(f: Any, inputs: list[Any], claimed: Any, seed: int) -> Subject:
    """The subject for these inputs; on Tensors if there is an array among them."""
    given = leaves(inputs)
    if claimed is None and any(is_torch(x) for x in given):
        raise TypeError(
            "gradcheck() runs on Values and Tensors of gradpath; for a function of torch's tensors "
            "give the gradient that is to be checked, as claimed=…"
        )
    if claimed is None and any(is_array(x) or is_tensor(x) for x in given):
        return TensorSubject(f, bare(inputs), claimed, seed)
    return Subject(f, bare(inputs), bare(claimed), seed)


def second_order(check: Check) -> None:
    """Every second derivative against differences of the gradient; along directions if many."""
    subject, n = check.subject, len(check.slopes)
    variables, y = subject.record(subject.point)
    slopes = subject.entries(gradient(y, variables, create_graph=True))
    if n > MANY:
        first = check.signs(2)
        second = [[(v, f"twice along direction {k}")] for k, v in enumerate(check.signs(2))]
    else:
        first = [axis(i, n) for i in range(n)]
        second = [
            [(axis(j, n), f"∂²f/∂{x}∂{y}") for j, y in enumerate(subject.names)]
            for x in subject.names
        ]
    for u, further in zip(first, second, strict=True):
        slope: Any = sum((d * x for d, x in zip(slopes, u, strict=True) if x), 0.0)
        row = subject.entries(gradient(slope, variables))

        def along_u(point: Sequence[float], u: Sequence[float] = u) -> float:
            moved, result = subject.record(point)
            return along(subject.entries(gradient(result, moved)), u)

        for v, what in further:
            line = check.line(v, along_u)
            with located(line, what):
                place = next((x for x, d in zip(subject.point, v, strict=True) if d), 0.0)
                check.report.findings.append(judged(line, along(row, v), what, place, 1e-9))


def forward_against_reverse(check: Check) -> None:
    """Add a finding for each derivative on which forward and reverse mode disagree."""
    subject, report, n = check.subject, check.report, len(check.slopes)
    if is_tensor(subject.root) or subject.weights is not None:
        return  # forward mode on arrays is reverse mode of reverse mode
    many = n > MANY
    directions = check.signs(2) if many else [axis(i, n) for i in range(n)]
    for i, v in enumerate(directions):
        slope = along(check.slopes, v)
        try:
            _, forward = jvp(lambda x: subject.call(x), subject.point, v)
        except (TypeError, AttributeError) as error:
            report.notes.append(f"forward mode cannot run this function: {error}")
            return
        tolerance = 1e-9 * (1 + abs(slope))
        if math.isfinite(slope) and not abs(forward - slope) <= tolerance:
            what = "along a direction" if many else f"∂f/∂{subject.names[i]}"
            report.findings.append(
                Finding(
                    f"{what} by forward mode", subject.point[i], slope, forward, tolerance, 0.0,
                    forward, forward, WRONG,
                )
            )  # fmt: skip
