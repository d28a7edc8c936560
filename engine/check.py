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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .backward import name
from .gradient import flatten, gradient, jvp, unflatten
from .graph import topological_order
from .maths import Complex, Number, apply, real
from .rules import Rule
from .value import Value

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
        what: which derivative: ``∂f/∂x1``, ``∂²f/∂x0∂x1``, ``along direction 3``.
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
    culprit: Value | None = None
    reason: str = ""
    root: Value | None = None

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
        marks = {self.culprit: self.reason} if self.culprit is not None else {}
        return draw(self.root, marks=marks, **options)


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
        f: a function with one number as its result. It is run on Values; if ``claimed`` is given,
            on plain floats.
        inputs: its arguments: numbers, lists of numbers, or NumPy arrays, which f gets as such (of
            Values, unless ``claimed`` is given).
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
    point = [real(x, "gradcheck()") for x in flatten(lists(list(inputs)))]
    subject = Subject(f, list(inputs), point, claimed)
    slopes = subject.slopes()
    report = Report([], root=subject.root)
    if directions:
        report.findings += along_directions(subject, slopes, directions, seed)
    else:
        report.findings += [
            compare(subject.value, point, axis(i, point), slopes[i], f"∂f/∂x{i}", subject.exact)
            for i in range(len(point))
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
    """The function under test at a point, in the forms that the comparisons need."""

    def __init__(self, f: Any, inputs: list[Any], point: list[float], claimed: Any) -> None:
        self.f, self.inputs, self.point, self.claimed = f, inputs, point, claimed
        self.root: Value | None = None

    def call(self, numbers: Sequence[Any]) -> Any:
        """f of numbers of any kind, in the shape of the inputs."""
        return self.f(*self.arguments(numbers))

    def arguments(self, numbers: Sequence[Any]) -> list[Any]:
        """The numbers in the shape and kind of the inputs."""
        shaped = unflatten(lists(self.inputs), numbers)
        return [
            as_array(part) if is_array(x) else part
            for part, x in zip(shaped, self.inputs, strict=True)
        ]

    def record(self, point: Sequence[float]) -> tuple[list[Value], Value]:
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

    def slopes(self) -> list[float]:
        """The gradient under test."""
        if self.claimed is None:
            variables, self.root = self.record(self.point)
            self.root.backward()
            return [x.grad for x in variables]
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


def as_array(numbers: Any) -> Any:
    """Nested lists as an array: of floats, or of whatever numbers they hold."""
    import numpy as np

    plain = all(isinstance(x, float) for x in flatten(numbers))
    return np.array(numbers, dtype=float if plain else object)


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
    for i, slope in enumerate(gradient(y, variables, create_graph=True)):
        row = gradient(slope, variables)

        def first(point: Sequence[float], i: int = i) -> float:
            moved, result = subject.record(point)
            return gradient(result, moved[i])  # type: ignore[no-any-return]

        report.findings += [
            compare(first, subject.point, axis(j, row), row[j], f"∂²f/∂x{i}∂x{j}")
            for j in range(len(row))
        ]


def forward_against_reverse(subject: Subject, slopes: Sequence[float], report: Report) -> None:
    """Add a finding for each derivative on which forward and reverse mode disagree."""
    for i, slope in enumerate(slopes):
        try:
            _, forward = jvp(lambda x: subject.call(x), subject.point, axis(i, slopes))
        except (TypeError, AttributeError) as error:
            report.notes.append(f"forward mode cannot run this function: {error}")
            return
        tolerance = 1e-9 * (1 + abs(slope))
        if math.isfinite(slope) and not abs(forward - slope) <= tolerance:
            what = f"∂f/∂x{i} by forward mode"
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
        if all(finding.passes for finding in report.findings if finding.what == f"∂f/∂x{i}"):
            continue
        step = STEP * max(1.0, abs(subject.point[i]))
        graphs = [subject.nodes(i, t) for t in (0.0, step, -step, step / 2, -step / 2)]
        if any([v.sign for v in nodes] != [v.sign for v in graphs[0]] for nodes in graphs):
            report.notes.append("the graph's shape changes near the point: no node is singled out")
            return
        data = [[v.data for v in nodes] for nodes in graphs]
        place = {id(node): k for k, node in enumerate(graphs[0])}
        for k, node in enumerate(graphs[0]):
            moves = [(data[1][j] - data[2][j], data[3][j] - data[4][j]) for j in range(k + 1)]
            sources = [place[id(x)] for x in node.args]
            reason = misfit(node, i, moves[k], [moves[j] for j in sources], step)
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
        from . import conformance as battery

        return getattr(battery, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    from engine.commandline import run

    run()
