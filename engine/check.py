"""`gradcheck`: is this gradient right, and if not, where does it go wrong?

A derivative is compared with differences at steps of many sizes. How far these can be trusted at
this very point is measured, too: `engine.differences`. A gradient that is off by a factor of
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
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count, islice, product
from typing import TYPE_CHECKING, Any

from .backward import name
from .differences import RELATIVE, Line, Slope, roughness
from .gradient import gradient, is_tensor, jvp
from .graph import topological_order
from .maths import Complex, Number, apply, real
from .rules import Rule
from .value import Value

if TYPE_CHECKING:
    from .tensor import Tensor

EPSILON = 2.0**-52
TINY = 1e-20  # of complex step, which subtracts nothing and so needs no balance
MANY = 128  # derivatives, from which on sums of them are compared first
GROUPS, MOST_WRONG = 4, 5  # such sums, and derivatives that are singled out in them

RIGHT, WRONG, KINK, JUMP = "right", "wrong", "kink", "jump"
ILL_CONDITIONED, NOISY, NON_FINITE = "ill-conditioned", "noisy", "non-finite"


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
        measured: the slope by differences, or by complex step where these cannot tell.
        tolerance: how far the two may be apart at this point.
        step: the largest step behind it.
        left, right: the one-sided slopes.
        verdict: "right", "wrong", "kink", "jump", "ill-conditioned", "noisy" or "non-finite".
        reason: why it cannot be told; "" if it can.
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
    reason: str = ""

    @property
    def between(self) -> bool:
        """Whether the claimed slope lies between the one-sided ones."""
        low, high = sorted((self.left, self.right))
        return low - self.tolerance <= self.claimed <= high + self.tolerance

    @property
    def passes(self) -> bool:
        """Whether nothing is wrong with it; at a kink, any slope between the two is fine."""
        if self.verdict == KINK:
            return self.between
        return self.verdict in (RIGHT, ILL_CONDITIONED, NOISY)

    def __str__(self) -> str:
        numbers = f"{self.what} at {self.at:.6g}: claimed {self.claimed:.10g}"
        if self.verdict == JUMP:
            return f"jump: {numbers}, but f jumps here: it has no slope"
        if self.verdict == KINK:
            side = "between them" if self.between else "which is not between them"
            slopes = f"{self.left:.6g} on the left, {self.right:.6g} on the right"
            return f"kink: {numbers}, {side}: the slope is {slopes}"
        verdict = f"cannot be told, for {self.reason}" if self.reason else self.verdict
        return (
            f"{verdict}: {numbers}, measured {self.measured:.10g} "
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
            lines = [f"right: {count} derivatives agree with differences"]
            if odd and not count:
                lines = [f"nothing is wrong; see what is said of {len(odd)} derivatives"]
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
    with silence():
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


def silence() -> Any:
    """No warnings of NumPy's from places beyond the end of a domain, where differences may look."""
    import numpy as np

    return np.errstate(all="ignore")


class Subject:
    """The function under test at a point, in the forms that the comparisons need.

    Attributes:
        inputs: its arguments: numbers, arrays, and lists and dicts of these.
        point: all the numbers in them, one after the other.
        names: what each of these is called in findings.
    """

    def __init__(self, f: Any, inputs: list[Any], claimed: Any, seed: int) -> None:
        self.f, self.inputs, self.claimed = f, inputs, claimed
        self.random = random.Random(seed)
        self.weights: Any = None  # of the entries of the result, if it is an array
        self.point = [real(x, "gradcheck()") for leaf in leaves(inputs) for x in entries_of(leaf)]
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
        if is_array(y):
            y = self.projected(y)
        if not isinstance(y, Value):
            y = Value(number(y), role="constant")
        return variables, y

    def nodes(self, i: int, t: float) -> list[Value]:
        """The graph's nodes in topological order, recorded with input i moved by t."""
        moved = [x + t if i == j else x for j, x in enumerate(self.point)]
        return topological_order(self.record(moved)[1])

    def value(self, point: Sequence[float]) -> float:
        """f at a point."""
        if self.claimed is None:
            return self.record(point)[1].data  # type: ignore[no-any-return]
        y = bare(self.call(point))
        return number(self.projected(y) if is_array(y) and size_of(y) != 1 else y)

    def projected(self, y: Any) -> Any:
        """The sum of an array's entries with random weights."""
        if is_torch(y):
            y = y.detach().numpy()
        if self.weights is None:
            spread = [
                self.random.choice((-1, 1)) * self.random.uniform(0.5, 1.5)
                for _ in range(size_of(y))
            ]
            self.weights = filled_array(spread).reshape(y.shape)
        if self.weights.shape != y.shape:
            raise TypeError(
                f"the result of a checked function has one shape, not {self.weights.shape} "
                f"and {y.shape}"
            )
        return (y * self.weights).sum()

    def entries(self, slopes: Sequence[Any]) -> list[Any]:
        """The derivatives by the variables, one by one."""
        return list(slopes)

    def slopes(self) -> list[float]:
        """The gradient under test."""
        if self.claimed is None:
            variables, self.root = self.record(self.point)
            self.root.backward()
            return self.entries([x.grad for x in variables])
        given = self.given(self.point)
        if given is None:
            given = self.listed(self.claimed)
        if len(given) != len(self.point):
            raise ValueError(
                f"{len(given)} derivatives are claimed for {len(self.point)} inputs: "
                "give one per input, in the same shape"
            )
        return given

    def given(self, point: Sequence[float]) -> list[float] | None:
        """The gradient under test at another point, if it is known there."""
        if self.claimed is None:
            variables, y = self.record(point)
            return self.entries([float(d) if d == d else d for d in gradient(y, variables)])
        return self.listed(self.claimed(*self.arguments(point))) if callable(self.claimed) else None

    def listed(self, claimed: Any) -> list[float]:
        """The numbers in a claimed gradient."""
        self.value(self.point)  # which tells whether the result is an array
        parts = list(leaves(claimed))
        if self.weights is not None and self.weights.ndim:
            shape = self.weights.shape
            if any(tuple(getattr(d, "shape", ())[: len(shape)]) != shape for d in parts):
                raise ValueError(
                    f"the result has the shape {shape}: claimed derivatives are arrays of the "
                    f"shape {shape} + the input's"
                )
            parts = [np_tensordot(self.weights, d) for d in parts]
        return [real(d, "a claimed gradient") for part in parts for d in entries_of(part)]

    def exact(self, point: Sequence[float], direction: Sequence[float]) -> float | None:
        """The derivative along a direction by complex step; None where f does not allow it."""
        steps = [Step(complex(x, TINY * v)) for x, v in zip(point, direction, strict=True)]
        try:
            y = self.call(steps)
            y = self.projected(y) if is_array(y) and size_of(y) != 1 else y
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


def subject_of(f: Any, inputs: list[Any], claimed: Any, seed: int) -> Subject:
    """The subject for these inputs; on Tensors if there is an array among them."""
    given = list(leaves(inputs))
    if claimed is None and any(is_torch(x) for x in given):
        raise TypeError(
            "gradcheck() runs on Values and Tensors of gradpath; for a function of torch's tensors "
            "give the gradient that is to be checked, as claimed=…"
        )
    if claimed is None and any(is_array(x) or is_tensor(x) for x in given):
        from .check_arrays import TensorSubject  # which loads NumPy

        return TensorSubject(f, bare(inputs), claimed, seed)
    return Subject(f, bare(inputs), bare(claimed), seed)


# ---------------------------------------------------------------- inputs


def leaves(x: Any) -> Iterator[Any]:
    """The numbers and arrays in nested lists, tuples and dicts, in order."""
    if isinstance(x, dict):
        x = list(x.values())
    if not isinstance(x, (list, tuple)):
        yield x
        return
    for part in x:
        yield from leaves(part)


def bare(x: Any) -> Any:
    """The inputs, their Tensors as arrays."""
    if isinstance(x, dict):
        return {key: bare(part) for key, part in x.items()}
    if isinstance(x, (list, tuple)):
        return [bare(part) for part in x]
    return x.data if is_tensor(x) else x


def names_of(inputs: Sequence[Any]) -> list[str]:
    """What the numbers in the inputs are called: x0, x1, …, the entries of an array x1[0,2].

    What is in a dict is called after it: x0['w'].
    """
    names: list[str] = []
    numbers = count()

    def visit(x: Any, path: str) -> None:
        if isinstance(x, dict):
            name = path or f"x{next(numbers)}"
            for key, part in x.items():
                visit(part, f"{name}[{key!r}]")
        elif isinstance(x, (list, tuple)):
            for k, part in enumerate(x):
                visit(part, f"{path}[{k}]" if path else "")
        elif is_array(x):
            shape = tuple(x.shape)
            places = product(*map(range, shape))
            name = path or f"x{next(numbers)}"
            names.extend(f"{name}[{','.join(map(str, i))}]" for i in places)
        else:
            names.append(path or f"x{next(numbers)}")

    visit(list(inputs), "")
    return names


def refill(like: Any, numbers: Iterator[Any], leaf: Callable[[Any], Any]) -> Any:
    """The next numbers in the shape of some inputs, numbers and arrays each made a ``leaf``."""
    if isinstance(like, dict):
        return {key: refill(part, numbers, leaf) for key, part in like.items()}
    if isinstance(like, (list, tuple)):
        return [refill(part, numbers, leaf) for part in like]
    if not is_array(like):
        return leaf(next(numbers))
    entries = list(islice(numbers, size_of(like)))
    if is_torch(like):
        return leaf(like.detach().double().new_tensor(entries).reshape(like.shape))
    return leaf(filled_array(entries).reshape(like.shape))


def filled_array(entries: list[Any]) -> Any:
    """An array of floats, or of other objects."""
    import numpy as np

    plain = all(isinstance(x, float) for x in entries)
    return np.array(entries, dtype=float if plain else object)


def entries_of(x: Any) -> list[Any]:
    """The numbers in a leaf, in order."""
    if not is_array(x):
        return [x.item() if is_torch(x) else x]
    flat = x.reshape(-1).tolist()
    return flat if isinstance(flat, list) else [flat]


def size_of(x: Any) -> int:
    """How many entries an array has."""
    return math.prod(x.shape)


def is_array(x: Any) -> bool:
    """Whether it is an array with at least one axis."""
    return bool(getattr(x, "ndim", 0))


def is_torch(x: Any) -> bool:
    """Whether it is a tensor of torch's."""
    return type(x).__module__.partition(".")[0] == "torch" and hasattr(x, "detach")


class NotRealError(TypeError, ArithmeticError):
    """A result is complex, as that of ``x**0.5`` at −1: beyond the end of f's domain."""


def number(y: Any) -> float:
    """The result of f; an array of one entry is that number."""
    if is_array(y) and size_of(y) == 1:
        (y,) = entries_of(y)
    if isinstance(y, complex):
        raise NotRealError(f"the result of a checked function is a real number, not {y!r:.60}")
    return real(y.item() if is_torch(y) else y, "the result of a checked function")


def np_tensordot(weights: Any, d: Any) -> Any:
    """The sum of an array's first axes with weights."""
    import numpy as np

    return np.tensordot(weights, np.asarray(d), axes=weights.ndim)


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


# ---------------------------------------------------------------- comparisons


def axis(i: int, n: int) -> list[float]:
    """The direction of one input."""
    v = [0.0] * n
    v[i] = 1.0
    return v


class Check:
    """The comparisons of a gradient with differences."""

    def __init__(
        self, subject: Subject, slopes: Sequence[float], seed: int, report: Report
    ) -> None:
        self.subject, self.slopes, self.report = subject, list(slopes), report
        self.random = random.Random(seed)

    def single(self, i: int) -> Finding:
        """The derivative by one input."""
        what = f"∂f/∂{self.subject.names[i]}"
        return self.compare(axis(i, len(self.slopes)), self.slopes[i], what, i)

    def along(self, v: Sequence[float], k: int) -> Finding:
        """The derivative along a direction against gradient · direction."""
        return self.compare(v, self.dot(v), f"along direction {k}")

    def signs(self, count: int) -> list[list[float]]:
        """Directions with random signs."""
        return [[self.random.choice((-1.0, 1.0)) for _ in self.slopes] for _ in range(count)]

    def dot(self, v: Sequence[float]) -> float:
        """The claimed slope along a direction."""
        return math.fsum(d * x for d, x in zip(self.slopes, v, strict=True) if x)

    def line(self, v: Sequence[float], f: Any = None) -> Line:
        """f along a direction, from the point on."""
        f, point = f or self.subject.value, self.subject.point
        moved = [i for i, x in enumerate(v) if x]
        size = max((abs(point[i]) for i in moved), default=0.0)
        if len(moved) != 1:
            return Line(
                lambda t: f([x + t * d for x, d in zip(point, v, strict=True)]), size, terms=len(v)
            )
        (k,) = moved
        at = [*point]

        def one(t: float) -> float:
            at[k] = point[k] + t * v[k]
            return f(list(at))  # type: ignore[no-any-return]

        return Line(one, size, point[k] * v[k], terms=len(v))

    def compare(
        self, v: Sequence[float], claimed: float, what: str, i: int | None = None
    ) -> Finding:
        """Judge one slope along a direction."""
        line = self.line(v)
        at = self.subject.point[i] if i is not None else self.subject.point[0]
        with located(line, what):
            finding = judged(line, claimed, what, at)
        if finding.verdict == ILL_CONDITIONED:
            finding = settle(finding, self.exact(v), line.size)
        elif finding.verdict == WRONG:
            finding = settle(finding, self.exact(v), line.size)
            if finding.verdict == WRONG and self.count(WRONG) < MOST_WRONG / 2:
                finding = self.trusted(finding, v, line.size)
        return finding

    def count(self, verdict: str) -> int:
        """How many findings have that verdict."""
        return sum(finding.verdict == verdict for finding in self.report.findings)

    def exact(self, v: Sequence[float]) -> Callable[[float], float | None]:
        """The derivative along a direction by complex step, at places on it."""
        return lambda t: self.subject.exact(
            [x + t * d for x, d in zip(self.subject.point, v, strict=True)], v
        )

    def trusted(self, finding: Finding, v: Sequence[float], size: float) -> Finding:
        """The finding, unless the claimed gradient is itself too rough to tell."""

        def claim(t: float) -> float | None:
            given = self.subject.given(
                [x + t * d for x, d in zip(self.subject.point, v, strict=True)]
            )
            if given is None:
                return None
            return math.fsum(d * x for d, x in zip(given, v, strict=True) if x)

        rough = rounding(claim, size)
        if abs(finding.claimed - finding.measured) > finding.tolerance + rough:
            return finding
        reason = f"the gradient itself is only good to ± {rough:.1g} here"
        tolerance = rounded_up(finding.tolerance + rough)
        return replace(finding, verdict=ILL_CONDITIONED, tolerance=tolerance, reason=reason)

    # ---------------- very many derivatives

    def by_groups(self) -> None:
        """Compare sums of derivatives with random signs, and find the wrong ones by halving."""
        n = len(self.slopes)
        bounds = [n * k // GROUPS for k in range(GROUPS + 1)]
        groups = [range(n), *map(range, bounds, bounds[1:])]
        for k, group in enumerate(groups):
            v = self.signed(group)
            finding = self.at_first_sight(v, k)
            if not finding and self.single_out(group):
                continue
            self.report.findings.append(finding or self.along(v, k))
        self.report.notes.append(
            f"{n} derivatives were compared in {len(groups)} sums with random signs"
        )

    def signed(self, group: Sequence[int]) -> list[float]:
        """Random signs for some inputs, 0 for the others."""
        v = [0.0] * len(self.slopes)
        for i in group:
            v[i] = self.random.choice((-1.0, 1.0))
        return v

    def at_first_sight(self, v: Sequence[float], k: int = 0) -> Finding | None:
        """The finding along a direction if a first look is enough to say that it is right."""
        line, claimed, what = self.line(v), self.dot(v), f"along direction {k}"
        with located(line, what):
            look = line.look()
        if look and look.agrees(claimed):
            return reported(what, self.subject.point[0], claimed, look, RIGHT)
        return None

    def clearly_wrong(self, group: Sequence[int]) -> bool:
        """Whether a sum of some derivatives is far from right at first sight."""
        v = self.signed(group)
        line, claimed = self.line(v), self.dot(v)
        with located(line, "f"):
            look = line.look(tight=False)
        return look is not None and abs(look.value - claimed) > 10 * look.error

    def single_out(self, group: Sequence[int]) -> bool:
        """Find wrong derivatives among some; whether there are any.

        What is found is put right, so that the search goes on for the next.
        """
        before = self.count(WRONG)
        while not self.at_first_sight(self.signed(group)):
            if self.count(WRONG) >= MOST_WRONG:
                return True
            part = group
            while len(part) > 1:
                half = part[: len(part) // 2]
                part = half if self.clearly_wrong(half) else part[len(half) :]
            finding = self.single(part[0])
            if finding.passes:
                break
            self.report.findings.append(finding)
            self.slopes[part[0]] = finding.measured
        return self.count(WRONG) > before


@contextmanager
def located(line: Line, what: str) -> Iterator[None]:
    """An error inside f says which input was moved, and how far."""
    try:
        yield
    except Exception as error:
        note = f"raised by f with {what.removeprefix('∂f/∂')} moved by {line.t:.3g}"
        if line.t and len(error.args) == 1 and isinstance(error.args[0], str):
            error.args = (f"{error.args[0]} ({note})",)
        elif line.t:
            error.add_note(note)
        raise


def reported(
    what: str, at: float, claimed: float, slope: Slope, verdict: str, reason: str = ""
) -> Finding:
    """A finding of what differences say."""
    tolerance = rounded_up(slope.error)
    numbers = (slope.value, tolerance, slope.step, slope.left, slope.right)
    return Finding(what, at, claimed, *numbers, verdict, reason)


def judged(line: Line, claimed: float, what: str, at: float, nothing: float = TINY**5) -> Finding:
    """A slope against differences.

    Where f is constant, a claimed slope below ``nothing`` is right: it was lost in rounding.
    """

    def finding(slope: Slope, verdict: str, reason: str = "") -> Finding:
        return reported(what, at, claimed, slope, verdict, reason)

    here = line(0.0)
    if not math.isfinite(here) or not math.isfinite(claimed):
        return finding(Slope(math.nan, math.inf, 0.0, math.nan, math.nan), NON_FINITE)
    look = line.look()
    if look and look.agrees(claimed) and (not claimed or look.error <= abs(claimed) / 10):
        return finding(look, RIGHT)
    slope = line.slope()
    if slope.value != slope.value:
        line.complain()
        return finding(slope, NON_FINITE)
    if slope.bend:
        return finding(slope, slope.bend)
    limit = 0.01 * max(abs(claimed), abs(slope.value))
    limit = max(limit, line.negligible(slope.left, slope.right))
    look = look or line.look(tight=False)
    if look and slope.agrees(look.value) and not slope.random:
        slope = min(slope, look.roughened(slope.noise), key=lambda each: each.error)
    if line.flat and abs(claimed) < nothing:
        return finding(replace(slope, error=nothing), RIGHT)
    result = finding(slope, RIGHT)
    agrees = abs(slope.value - claimed) <= result.tolerance
    if agrees and slope.error <= limit:
        return result
    rough = f"f is known to ± {slope.noise:.1g} only"
    if slope.random or not line.repeats():
        if agrees or not slope.random or abs(slope.value - claimed) <= 3 * result.tolerance:
            return finding(slope, NOISY, "f gives different values at one and the same point")
        return finding(slope, WRONG)
    return finding(slope, ILL_CONDITIONED, rough) if agrees else finding(slope, WRONG)


def settle(finding: Finding, exact: Callable[[float], float | None], size: float) -> Finding:
    """Let complex step, where there is one, decide what differences cannot."""
    slope = exact(0.0)
    if slope is None or not math.isfinite(slope):
        return finding
    tolerance = RELATIVE * max(abs(slope), abs(finding.claimed))
    rough = rounding(exact, size)
    if abs(slope - finding.claimed) <= tolerance:
        return replace(finding, measured=slope, tolerance=tolerance, verdict=RIGHT, reason="")
    if abs(slope - finding.measured) > finding.tolerance + rough:
        return finding  # they disagree: complex step is not for this function
    if rough > finding.tolerance:
        return finding
    tolerance = rounded_up(tolerance + rough)
    if abs(slope - finding.claimed) <= tolerance:
        return finding
    return replace(finding, measured=slope, tolerance=tolerance, verdict=WRONG, reason="")


def rounding(slope: Callable[[float], float | None], size: float) -> float:
    """How rough a derivative is around a point, in excess of how it bends."""
    worst = 0.0
    for digits in (40, 24, 8):
        step = (size or 1.0) * 2.0**-digits
        sides = []
        for side in (step, -step):
            try:
                values = [slope(side * i) for i in range(7)]
            except (ValueError, ArithmeticError):
                continue
            if all(v is not None and math.isfinite(v) for v in values):
                sides.append(roughness(values))  # type: ignore[arg-type]
        worst = max(worst, min(sides, default=0.0))
    return 8 * worst


def rounded_up(x: float) -> float:
    """The number with one digit that is not smaller: as it is printed."""
    if not 1e-300 < x < 1e300:
        return x
    digit = 10.0 ** math.floor(math.log10(x))
    return float(f"{math.ceil(x / digit * (1 - EPSILON)) * digit:.1g}")


def second_order(check: Check) -> None:
    """Every second derivative against differences of the gradient; along directions if many."""
    subject, n = check.subject, len(check.slopes)
    variables, y = subject.record(subject.point)
    slopes = subject.entries(gradient(y, variables, create_graph=True))
    if n > MANY:
        for k, v in enumerate(check.signs(2)):
            slope: Any = sum((d * x for d, x in zip(slopes, v, strict=True)), 0.0)
            row = subject.entries(gradient(slope, variables))
            curved(check, v, row, check.signs(1)[0], f"twice along direction {k}")
        return
    for i, slope in enumerate(slopes):
        row = subject.entries(gradient(slope, variables))
        for j, x in enumerate(subject.names):
            what = f"∂²f/∂{subject.names[i]}∂{x}"
            curved(check, axis(i, n), row, axis(j, n), what)


def curved(
    check: Check, u: Sequence[float], row: Sequence[float], v: Sequence[float], what: str
) -> None:
    """Compare a second derivative, along u and then along v."""
    subject = check.subject

    def first(point: Sequence[float]) -> float:
        moved, result = subject.record(point)
        found = subject.entries(gradient(result, moved))
        return math.fsum(d * x for d, x in zip(found, u, strict=True) if x)

    claimed = math.fsum(d * x for d, x in zip(row, v, strict=True) if x)
    line = check.line(v, first)
    with located(line, what):
        place = next((x for x, d in zip(subject.point, v, strict=True) if d), 0.0)
        check.report.findings.append(judged(line, claimed, what, place, 1e-9))


def forward_against_reverse(check: Check) -> None:
    """Add a finding for each derivative on which forward and reverse mode disagree."""
    subject, report, n = check.subject, check.report, len(check.slopes)
    if is_tensor(subject.root) or subject.weights is not None:
        return  # forward mode on arrays is reverse mode of reverse mode
    many = n > MANY
    directions = check.signs(2) if many else [axis(i, n) for i in range(n)]
    for i, v in enumerate(directions):
        slope = check.dot(v)
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
        steps = [finding.step for finding in report.findings if finding.what == what]
        step = max(steps) / 16 or 2.0**-20 * max(1.0, abs(subject.point[i]))
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
    if abs(fine) <= abs(fine - coarse / 2) + 1e-7 * abs(move[1]) / step + rounding:
        return ""
    if len(moves) == 1 and moves[0][1]:
        wide, slope = (own / moved for own, moved in zip(move, moves[0], strict=True))
        slope += (slope - wide) / 3
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
