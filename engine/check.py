"""`gradcheck`: is this gradient right, and if not, where does it go wrong?

A derivative is compared with central differences at two steps, H and H/2, whose disagreement says
how far they can be trusted at this very point. A gradient that is off by a factor of 1.0001 is
found, and a right one at an awkward point raises no alarm: at a kink both one-sided slopes are
reported, and any slope between them is a valid one.

>>> from engine.check import gradcheck
>>> print(gradcheck(lambda x, y: (x * y).tanh(), [0.5, -2.0]))
right: 2 derivatives agree with central differences

The step 6e-6 · max(1, |x|) balances the truncation error H² against the rounding error ε/H:
W. Press et al., *Numerical Recipes*, 3rd ed., Cambridge 2007, section 5.7.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from .backward import name
from .gradient import flatten, gradient, is_tensor, jvp, unflatten
from .graph import topological_order
from .maths import Complex, Number, apply, real
from .rules import Rule
from .value import Value

if TYPE_CHECKING:
    from .tensor import Tensor

EPSILON = 2.0**-52
STEP = 6e-6
TINY = 1e-20  # of complex step, which subtracts nothing and so needs no balance

RIGHT, WRONG, KINK = "right", "wrong", "kink"
ILL_CONDITIONED, NON_FINITE = "ill-conditioned", "non-finite"


class GradientError(AssertionError):
    """A gradient is wrong; `report` tells how and where."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class Finding:
    """One derivative and what differences say about it.

    Attributes:
        what: which derivative: ``∂f/∂x1``, ``∂f/∂x0[1,2]`` for an entry of an array,
            ``∂²f/∂x0∂x1``, ``along direction 3``.
        at: where: the input's value.
        claimed: the derivative under test.
        measured: the central difference at the smaller step.
        tolerance: how far the two may be apart at this point.
        step: the larger step H.
        left, right: the one-sided slopes.
        verdict: "right", "wrong", "kink", "ill-conditioned" or "non-finite".
    """

    what: str
    at: float
    claimed: float
    measured: float
    tolerance: float
    step: float
    left: float
    right: float
    verdict: str

    @property
    def between(self) -> bool:
        """Whether the claimed slope lies between the one-sided ones."""
        low, high = sorted((self.left, self.right))
        return low - self.tolerance <= self.claimed <= high + self.tolerance

    @property
    def passes(self) -> bool:
        """Whether nothing is wrong with it; at a kink, any slope between the two is fine."""
        return self.verdict in (RIGHT, ILL_CONDITIONED) or (self.verdict == KINK and self.between)

    def __str__(self) -> str:
        numbers = f"{self.what} at {self.at:.6g}: claimed {self.claimed:.10g}"
        if self.verdict == KINK:
            side = "between them" if self.between else "which is not between them"
            slopes = f"{self.left:.6g} on the left, {self.right:.6g} on the right"
            return f"kink: {numbers}, {side}: the slope is {slopes}"
        return (
            f"{self.verdict}: {numbers}, measured {self.measured:.10g} "
            f"± {self.tolerance:.1g} with step {self.step:.1g}"
        )


@dataclass
class Report:
    """What `gradcheck` found; true if every derivative passes.

    Attributes:
        findings: one for each derivative.
        notes: what could not be compared, and why.
        culprit: the first node whose local derivative is off, if there is one.
        reason: what is wrong with it.
        root: the graph that was checked, with gradients.
    """

    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    culprit: Value | Tensor | None = None
    reason: str = ""
    root: Value | Tensor | None = None

    def __bool__(self) -> bool:
        return all(finding.passes for finding in self.findings)

    def __str__(self) -> str:
        bad = [finding for finding in self.findings if not finding.passes]
        odd = [f for f in self.findings if f.passes and f.verdict != RIGHT]
        if bad:
            lines = [f"{len(bad)} of {len(self.findings)} derivatives are not right"]
        else:
            count = len(self.findings) - len(odd)
            lines = [f"right: {count} derivatives agree with central differences"]
        lines += [f"  {finding}" for finding in bad + odd]
        if self.reason:
            lines.append(f"  first wrong node: {self.reason}")
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])

    def draw(self, **options: Any) -> Any:
        """The picture of the graph with the first wrong node marked; options as for `viz.draw`."""
        from viz import draw

        if self.root is None:
            raise ValueError("there is no graph to draw: the function returned plain numbers")
        root: Any = self.root
        marks: dict[Any, str] = {self.culprit: self.reason} if self.culprit is not None else {}
        return draw(root, marks=marks, **options)


# ---------------------------------------------------------------- the check


def gradcheck(
    f: Callable[..., Any],
    inputs: Sequence[Any],
    claimed: Callable[..., Any] | Sequence[Any] | None = None,
    *,
    order: int = 1,
    directions: int = 0,
    seed: int = 0,
    raises: bool = False,
) -> Report:
    """Compare derivatives of ``f(*inputs)`` with central differences.

    Args:
        f: a function with one number as its result. It is run on Values, or on Tensors of float64
            if there is an array among the inputs; if ``claimed`` is given, on plain floats and
            arrays.
        inputs: its arguments: numbers, NumPy arrays, Tensors, and lists of these.
        claimed: the gradient to check instead of the engine's: a function of the same arguments,
            or its value; one derivative per input, in the same shape.
        order: 1 checks the gradient, 2 also all second derivatives.
        directions: if positive, the gradient is checked along so many random directions instead
            of along each input: two runs of f for each, however many inputs there are.
        seed: of the random directions.
        raises: whether to raise `GradientError` instead of returning a report that is false.

    Returns:
        A report that is true if every derivative passes; printed, it explains.

    Raises:
        TypeError: for inputs that are not numbers, or a result that is not one.
        ValueError: for a claimed gradient of another shape, or an order other than 1 and 2.
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    subject = subject_of(f, list(inputs), claimed)
    point = subject.point
    slopes = subject.slopes()
    report = Report([], root=subject.root)
    if directions:
        report.findings += along_directions(subject, slopes, directions, seed)
    else:
        report.findings += [
            compare(subject.value, point, axis(i, point), slopes[i], f"∂f/∂{x}", subject.exact)
            for i, x in enumerate(subject.names)
        ]
    if claimed is None:
        forward_against_reverse(subject, slopes, report)
        if order == 2:
            second_order(subject, report)
        if not report:
            find_culprit(subject, report)
    if raises and not report:
        raise GradientError(report)
    return report


class Subject:
    """The function under test at a point, in the forms that the comparisons need.

    Attributes:
        inputs: its arguments: numbers, arrays, and lists of these.
        point: all the numbers in them, one after the other.
        names: what each of these is called in findings.
    """

    def __init__(self, f: Any, inputs: list[Any], claimed: Any) -> None:
        self.f, self.inputs, self.claimed = f, inputs, claimed
        self.point = [real(x, "gradcheck()") for x in flatten(lists(inputs))]
        self.names = names_of(inputs)
        self.root: Any = None

    def call(self, numbers: Sequence[Any]) -> Any:
        """f of numbers of any kind, in the shape of the inputs."""
        return self.f(*self.arguments(numbers))

    def arguments(self, numbers: Sequence[Any]) -> Any:
        """The numbers in the shape of the inputs, in lists and arrays as these are."""
        return refill(self.inputs, iter(numbers), lambda entries: entries)

    def record(self, point: Sequence[float]) -> tuple[list[Any], Any]:
        """The variables and the graph at a point."""
        variables = [Value(x, label=f"x{i}") for i, x in enumerate(point)]
        y = self.call(variables)
        if not isinstance(y, Value):
            y = Value(real(y, "the result of a checked function"), role="constant")
        return variables, y

    def nodes(self, i: int, t: float) -> list[Value]:
        """The graph's nodes in topological order, recorded with input i moved by t."""
        moved = [x + t if i == j else x for j, x in enumerate(self.point)]
        return topological_order(self.record(moved)[1])

    def value(self, point: Sequence[float]) -> float:
        """f at a point."""
        if self.claimed is None:
            return self.record(point)[1].data  # type: ignore[no-any-return]
        return real(self.call(point), "the result of a checked function")

    def entries(self, slopes: Sequence[Any]) -> list[Any]:
        """The derivatives by the variables, one by one."""
        return list(slopes)

    def slopes(self) -> list[float]:
        """The gradient under test."""
        if self.claimed is None:
            variables, self.root = self.record(self.point)
            self.root.backward()
            return self.entries([x.grad for x in variables])
        given = self.claimed
        if callable(given):
            given = given(*self.arguments(self.point))
        slopes = [real(d, "a claimed gradient") for d in flatten(lists(given))]
        if len(slopes) != len(self.point):
            raise ValueError(
                f"{len(slopes)} derivatives are claimed for {len(self.point)} inputs: "
                "give one per input, in the same shape"
            )
        return slopes

    def exact(self, direction: Sequence[float]) -> float | None:
        """The derivative along a direction by complex step; None where f does not allow it."""
        steps = [Step(complex(x, TINY * v)) for x, v in zip(self.point, direction, strict=True)]
        try:
            y = self.call(steps)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return None
        return y.number.imag / TINY if isinstance(y, Step) else None

    def move(self, there: Any, here: Any) -> Any:
        """How far a node has moved."""
        return there.data - here.data

    def misfit(
        self,
        node: Any,
        i: int,
        move: tuple[Any, Any],
        moves: Sequence[tuple[Any, Any]],
        step: float,
    ) -> str:
        """What is wrong with a node that moves otherwise than its partials say; "" if nothing."""
        return misfit(node, i, move, moves, step)


def subject_of(f: Any, inputs: list[Any], claimed: Any) -> Subject:
    """The subject for these inputs; on Tensors if there is an array among them."""
    given = flatten(inputs)
    if not any(is_array(x) or is_tensor(x) for x in given):
        return Subject(f, inputs, claimed)
    inputs = unflatten(inputs, [x.data if is_tensor(x) else x for x in given])
    if claimed is not None:
        return Subject(f, inputs, claimed)
    from .check_arrays import TensorSubject  # which loads NumPy

    return TensorSubject(f, inputs, claimed)


def names_of(inputs: Sequence[Any]) -> list[str]:
    """What the numbers in the inputs are called: x0, x1, …, the entries of an array x1[0,2]."""
    names = []
    for k, x in enumerate(flatten(inputs)):
        if is_array(x):
            import numpy as np

            names += [f"x{k}[{','.join(map(str, i))}]" for i in np.ndindex(x.shape)]
        else:
            names.append(f"x{k}")
    return names


def refill(like: Any, numbers: Iterator[Any], leaf: Callable[[Any], Any]) -> Any:
    """The next numbers in the shape of some inputs, numbers and arrays each made a ``leaf``."""
    if isinstance(like, (list, tuple)):
        return [refill(part, numbers, leaf) for part in like]
    if not is_array(like):
        return leaf(next(numbers))
    import numpy as np

    entries = list(islice(numbers, like.size))
    plain = all(isinstance(x, float) for x in entries)
    return leaf(np.array(entries, dtype=float if plain else object).reshape(like.shape))


class Step(Number):
    """A complex number with the table's rows as methods, for functions written with them."""

    __slots__ = ("number",)

    def __init__(self, number: complex) -> None:
        self.number = Complex(number)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        numbers = [x.number if isinstance(x, Step) else Complex(real(x, row.name)) for x in args]
        return cls(apply(row, numbers, params))

    def __lt__(self, other: Any) -> bool:
        return self.number.real < real_part(other)

    def __le__(self, other: Any) -> bool:
        return self.number.real <= real_part(other)

    def __gt__(self, other: Any) -> bool:
        return self.number.real > real_part(other)

    def __ge__(self, other: Any) -> bool:
        return self.number.real >= real_part(other)


def real_part(x: Any) -> float:
    """The number that comparisons use."""
    return x.number.real if isinstance(x, Step) else real(x, "a comparison")


def is_array(x: Any) -> bool:
    """Whether it is a NumPy array with at least one axis."""
    return bool(getattr(x, "ndim", 0))


def lists(x: Any) -> Any:
    """Arrays, also inside lists and tuples, as nested lists."""
    if is_array(x):
        return x.tolist()
    return [lists(part) for part in x] if isinstance(x, (list, tuple)) else x


def axis(i: int, point: Sequence[float]) -> list[float]:
    """The direction of one input."""
    return [float(i == j) for j in range(len(point))]


def along_directions(
    subject: Subject, slopes: Sequence[float], count: int, seed: int
) -> list[Finding]:
    """The derivative along random unit vectors against gradient · vector."""
    generator = random.Random(seed)
    findings = []
    for k in range(count):
        v = [generator.gauss(0.0, 1.0) for _ in slopes]
        length = math.hypot(*v)
        v = [x / length for x in v]
        slope = math.fsum(d * x for d, x in zip(slopes, v, strict=True))
        what = f"along direction {k}"
        findings.append(compare(subject.value, subject.point, v, slope, what, subject.exact))
    return findings


def second_order(subject: Subject, report: Report) -> None:
    """Every second derivative against differences of the gradient."""
    variables, y = subject.record(subject.point)
    slopes = subject.entries(gradient(y, variables, create_graph=True))
    for i, slope in enumerate(slopes):
        row = subject.entries(gradient(slope, variables))

        def first(point: Sequence[float], i: int = i) -> float:
            moved, result = subject.record(point)
            return subject.entries(gradient(result, moved))[i]  # type: ignore[no-any-return]

        report.findings += [
            compare(first, subject.point, axis(j, row), row[j], f"∂²f/∂{subject.names[i]}∂{x}")
            for j, x in enumerate(subject.names)
        ]


def forward_against_reverse(subject: Subject, slopes: Sequence[float], report: Report) -> None:
    """Add a finding for each derivative on which forward and reverse mode disagree."""
    if is_tensor(subject.root):
        return  # forward mode on arrays is reverse mode of reverse mode
    for i, slope in enumerate(slopes):
        try:
            _, forward = jvp(lambda x: subject.call(x), subject.point, axis(i, slopes))
        except (TypeError, AttributeError) as error:
            report.notes.append(f"forward mode cannot run this function: {error}")
            return
        tolerance = 1e-9 * (1 + abs(slope))
        if math.isfinite(slope) and not abs(forward - slope) <= tolerance:
            what = f"∂f/∂{subject.names[i]} by forward mode"
            at = subject.point[i]
            report.findings.append(
                Finding(what, at, slope, forward, tolerance, 0.0, forward, forward, WRONG)
            )


# ---------------------------------------------------------------- central differences


def compare(
    f: Callable[[Sequence[float]], float],
    point: Sequence[float],
    direction: Sequence[float],
    slope: float,
    what: str,
    exact: Callable[[Sequence[float]], float | None] | None = None,
) -> Finding:
    """Judge one slope by differences along a direction."""
    at = math.fsum(x * v for x, v in zip(point, direction, strict=True))
    scale = max(1.0, max(abs(x) for x, v in zip(point, direction, strict=True) if v))
    middle = f(point)

    def moved(t: float) -> float:
        return f([x + t * v for x, v in zip(point, direction, strict=True)])

    def judge(step: float) -> Finding:
        values = {t: moved(t) for t in (-step, -step / 2, step / 2, step)}
        coarse = (values[step] - values[-step]) / (2 * step)
        fine = (values[step / 2] - values[-step / 2]) / step
        tolerance = (
            2 * abs(fine - coarse) + 1e-7 * (1 + abs(slope)) + 20 * EPSILON * abs(middle) / step
        )
        left = (middle - values[-step]) / step
        right = (values[step] - middle) / step
        if not all(map(math.isfinite, (middle, slope, coarse, fine))):
            verdict = NON_FINITE
        elif abs(fine - slope) <= tolerance:
            verdict = RIGHT
        else:
            verdict = WRONG
        return Finding(what, at, slope, fine, tolerance, step, left, right, verdict)

    finding, nearer = judge(STEP * scale), judge(STEP * scale / 64)
    gap, near_gap = abs(finding.right - finding.left), abs(nearer.right - nearer.left)
    rough = finding.tolerance > 1e-5 * (1 + abs(slope))
    noise = 1e-6 * (1 + abs(slope)) + 200 * EPSILON * abs(middle) / nearer.step
    if gap > noise and (rough or finding.verdict == WRONG):
        if near_gap >= 4 * gap:
            return replace(nearer, verdict=WRONG)  # a jump
        if near_gap > 0.5 * gap:  # where f is smooth it shrinks with the step
            return replace(nearer, verdict=KINK)
        if rough:
            return nearer  # there is a kink close by, but not here
    return settle(finding, exact(direction) if exact else None)


def settle(finding: Finding, exact: float | None) -> Finding:
    """Let complex step, where there is one, decide what differences cannot."""
    vague = finding.tolerance > 0.01 * (1 + abs(finding.claimed))
    if finding.verdict == NON_FINITE or (finding.verdict == RIGHT and not vague):
        return finding
    if exact is None or not math.isfinite(exact):
        return replace(finding, verdict=ILL_CONDITIONED) if vague else finding
    tolerance = 1e-9 * (1 + abs(exact))
    verdict = RIGHT if abs(exact - finding.claimed) <= tolerance else WRONG
    return replace(finding, measured=exact, tolerance=tolerance, verdict=verdict)


# ---------------------------------------------------------------- where it goes wrong


def find_culprit(subject: Subject, report: Report) -> None:
    """Find the first node whose local derivatives do not explain how it moves with its arguments.

    An input is moved by ±H and by ±H/2, and the graph is recorded each time. At a node that is
    right, Δnode = Σ partial · Δargument but for a remainder of the order H³.
    """
    for i, _ in enumerate(subject.point):
        what = f"∂f/∂{subject.names[i]}"
        if all(finding.passes for finding in report.findings if finding.what == what):
            continue
        step = STEP * max(1.0, abs(subject.point[i]))
        graphs = [subject.nodes(i, t) for t in (0.0, step, -step, step / 2, -step / 2)]
        if any([v.sign for v in nodes] != [v.sign for v in graphs[0]] for nodes in graphs):
            report.notes.append("the graph's shape changes near the point: no node is singled out")
            return
        place = {id(node): k for k, node in enumerate(graphs[0])}
        for k, node in enumerate(graphs[0]):
            moves = [
                (
                    subject.move(*[nodes[j] for nodes in graphs[1:3]]),
                    subject.move(*[nodes[j] for nodes in graphs[3:5]]),
                )
                for j in (k, *(place[id(x)] for x in node.args))
            ]
            reason = subject.misfit(node, i, moves[0], moves[1:], step)
            if reason:
                report.root, report.culprit, report.reason = graphs[0][-1], node, reason
                report.root.backward()
                return


def misfit(
    node: Value,
    i: int,
    move: tuple[float, float],
    moves: Sequence[tuple[float, float]],
    step: float,
) -> str:
    """What is wrong with a node that moves otherwise than its partials say; "" if nothing is."""
    if not node.args:
        if node.label == f"x{i}" or move == (0.0, 0.0):
            return ""
        return (
            f"{name(node)} is a leaf, but its value depends on x{i}: it was computed outside the "
            "graph, with .data or float()"
        )
    coarse, fine = (
        (own - math.fsum(d * moved for d, moved in zip(node.partials, args, strict=True))) / step
        for own, args in zip(move, zip(*moves, strict=True), strict=True)
    )
    rounding = 100 * EPSILON * (abs(node.data) + sum(abs(x.data) for x in node.args)) / step
    if abs(fine) <= abs(fine - coarse / 2) + 1e-7 * (1 + abs(move[1]) / step) + rounding:
        return ""
    if len(moves) == 1 and moves[0][1]:
        slope = move[1] / moves[0][1]
        return f"{name(node)} has local derivative {node.partials[0]:.6g}, measured {slope:.6g}"
    return f"{name(node)} moves by {move[1] / step:.6g} per unit, its partials say otherwise"


def __getattr__(name: str) -> Any:
    """`conformance` and what belongs to it; they bring Hypothesis when they are first used."""
    if name in ("NotAnEngineError", "conformance", "conformance_checks"):
        from . import conformance

        return getattr(conformance, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    from engine.conformance.commandline import run

    run()
