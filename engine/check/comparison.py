"""Claimed derivatives against differences, one by one or in sums of many."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .differences import RELATIVE, Line, Slope, roughness
from .report import ILL_CONDITIONED, NOISY, NON_FINITE, RIGHT, WRONG, Finding, Report
from .subject import TINY, Subject

MANY = 128  # derivatives, from which on sums of them are compared first
GROUPS, MOST_WRONG = 4, 5  # such sums, and derivatives that are singled out in them


def axis(i: int, n: int) -> list[float]:
    """The direction of one input."""
    v = [0.0] * n
    v[i] = 1.0
    return v


def along(slopes: Sequence[float], v: Sequence[float]) -> float:
    """The slope along a direction."""
    return math.fsum(d * x for d, x in zip(slopes, v, strict=True) if x)


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
        return self.compare(v, along(self.slopes, v), f"along direction {k}")

    def signs(self, count: int) -> list[list[float]]:
        """Directions with random signs."""
        return [self.signed(range(len(self.slopes))) for _ in range(count)]

    def line(self, v: Sequence[float], f: Any = None) -> Line:
        """f along a direction, from the point on."""
        f, point = f or self.subject.value, self.subject.point
        moved = [i for i, x in enumerate(v) if x]
        size = max((abs(point[i]) for i in moved), default=0.0)
        at = point[moved[0]] * v[moved[0]] if len(moved) == 1 else 0.0
        return Line(lambda t: f(self.subject.moved(v, t)), size, at, terms=len(v))

    def compare(
        self, v: Sequence[float], claimed: float, what: str, i: int | None = None
    ) -> Finding:
        """Judge one slope along a direction."""
        line = self.line(v)
        at = self.subject.point[i] if i is not None else self.subject.point[0]
        with located(line, what):
            finding = judged(line, claimed, what, at)
        if finding.verdict in (ILL_CONDITIONED, WRONG):
            finding = settle(finding, self.exact(v), line.size)
            if finding.verdict == WRONG and self.count(WRONG) < MOST_WRONG / 2:
                finding = self.trusted(finding, v, line.size)
        return finding

    def count(self, verdict: str) -> int:
        """How many findings have that verdict."""
        return sum(finding.verdict == verdict for finding in self.report.findings)

    def exact(self, v: Sequence[float]) -> Callable[[float], float | None]:
        """The derivative along a direction by complex step, at places on it."""
        return lambda t: self.subject.exact(self.subject.moved(v, t), v)

    def trusted(self, finding: Finding, v: Sequence[float], size: float) -> Finding:
        """The finding, unless the claimed gradient is itself too rough to tell."""

        def claim(t: float) -> float | None:
            given = self.subject.given(self.subject.moved(v, t))
            return None if given is None else along(given, v)

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
        line, claimed, what = self.line(v), along(self.slopes, v), f"along direction {k}"
        with located(line, what):
            look = line.look()
        if look and look.agrees(claimed):
            return reported(what, self.subject.point[0], claimed, look, RIGHT)
        return None

    def clearly_wrong(self, group: Sequence[int]) -> bool:
        """Whether a sum of some derivatives is far from right at first sight."""
        v = self.signed(group)
        line, claimed = self.line(v), along(self.slopes, v)
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
    return float(f"{math.ceil(x / digit * (1 - 2.0**-52)) * digit:.1g}")
