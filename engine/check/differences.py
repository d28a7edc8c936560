"""How steep is a function at a point, and how far can an answer be trusted?

A central difference errs by h² where its step is large and by noise/h where it is small, and
neither the function's scale nor its noise is known. Both are measured:

- The noise is what a function's values differ by at one point and what is left of them after five
  differences at steps of many sizes (Hamming's table; J. Moré and S. Wild, "Estimating
  computational noise", SIAM J. Sci. Comput. 33, 2011). Rounding in the last digit, single
  precision inside and cancellation look alike there: the same roughness over many sizes of steps.
- The steps grow from the last digits of x on, each difference extrapolated by the one before it
  (Richardson), as long as all that is known so far agrees (Lepski's principle). So a wave, a kink
  or a pole nearby is seen before a step jumps over it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

RATIO = 4.0  # of one step to the one before it
MOST_STEPS = 48
FIRST = 2.0**-7  # the steps of a first look, in sizes of x
RELATIVE = 1e-9  # what a derivative may be off by in any case
MOST_TABLES = 16
QUANTUM = 2e-3  # the largest step of a staircase, in sizes of f, that is half precision or better
SUBNORMAL = 1e-290  # what is smaller, has lost digits or counts as nothing
REPEATS = 4
_HAMMING = [math.factorial(k) / math.sqrt(math.factorial(2 * k)) for k in range(6)]


@dataclass(frozen=True)
class Slope:
    """What differences say about a slope.

    Attributes:
        value: the slope.
        error: how far it may be off.
        step: the largest step behind it.
        left, right: the one-sided slopes.
        bend: "" where the function is smooth, else "kink" or "jump".
        noise: what a value of the function may be off by.
        random: whether the function gives different values at one point.
    """

    value: float
    error: float
    step: float
    left: float
    right: float
    bend: str = ""
    noise: float = 0.0
    random: bool = False

    @property
    def gap(self) -> float:
        """How far the one-sided slopes are apart."""
        return self.right - self.left

    def roughened(self, noise: float) -> Slope:
        """The same, if a value of the function may be off by that."""
        error = max(self.error, 2.4 * noise / self.step * RATIO**2)
        return replace(self, error=error, noise=noise)

    def agrees(self, claimed: float) -> bool:
        """Whether a claimed slope is within the error."""
        return abs(self.value - claimed) <= self.error


class Line:
    """A function along a line, t ↦ f(x + t·v), that is run once at each place.

    Args:
        f: the function of t; where it raises an error, other than at 0, it counts as nan.
        size: how large the numbers are that t is added to.
        at: the number itself if it is one: steps are then rounded so that x + t is exact.
        terms: of how many numbers f may be a sum, whose rounding adds up.
    """

    def __init__(
        self, f: Callable[[float], float], size: float, at: float = 0.0, terms: int = 1
    ) -> None:
        self.f, self.size, self.at, self.digits = f, size, at, 2 * math.sqrt(terms)
        self.values: dict[float, float] = {}
        self.t = 0.0  # where f was run last
        self.error: Exception | None = None

    def __call__(self, t: float) -> float:
        """The value at t."""
        t = (self.at + t) - self.at
        if t not in self.values:
            self.values[t] = self.run(t)
        return self.values[t]

    def run(self, t: float) -> float:
        """The value at t, anew."""
        self.t = t
        try:
            return self.f(t)
        except Exception as error:
            if not t:
                raise
            self.error = error
            return math.nan

    def complain(self) -> None:
        """Raise what f raised last, if it did."""
        if self.error:
            raise self.error

    def repeats(self) -> bool:
        """Whether f gives the same values again at all places where it was last run."""
        last = list(self.values)[-6:]
        return all(same(self.run(t), self.values[t]) for t in last)

    @property
    def flat(self) -> bool:
        """Whether f has one and the same value wherever it was run."""
        return len(set(self.values.values())) == 1

    # ---------------- differences

    def rung(self, h: float, noise: float) -> Slope:
        """The central difference with step h; its error is that of rounding alone."""
        here, there, back = self(0.0), self(h), self(-h)
        up, down = (self.at + h) - self.at, (self.at - h) - self.at
        rough = max(noise, self.digits * math.ulp(max(abs(there), abs(back))))
        if here == there == back != 0:  # it may move by less than numbers of size 1 inside of it
            rough = max(rough, math.ulp(1.0))
        left, right = (back - here) / down, (there - here) / up
        return Slope((there - back) / (up - down), rough / h, h, left, right)

    def glance(self, h: float, tight: bool) -> Slope | None:
        """The slope by three steps of which h is the largest; None unless f is smooth there.

        Nor if it is ``tight`` to be and is not known to six digits.
        """
        third, second, first = (self.rung(h / RATIO**k, 0.0) for k in (0, 1, 2))
        low, high = extrapolated(first, second), extrapolated(second, third)
        error = 2 * (abs(high - low) + 1.2 * first.error) + RELATIVE * abs(low)
        slope = replace(first, value=low, error=error, step=h, noise=first.error * first.step)
        curved = 0.5 * abs(third.gap) + 8 * first.error
        floor = max(1e-6 * abs(low), self.negligible(first.left, first.right) / 8)
        return slope if abs(first.gap) <= curved and (error <= floor or not tight) else None

    def negligible(self, left: float, right: float) -> float:
        """An error that is small beside the function itself, if not beside its slope."""
        own = 1e-9 * abs(self(0.0)) / max(self.size, 1.0)
        return max(own, 1e-12 * (abs(left) + abs(right)), SUBNORMAL)

    def look(self, tight: bool = True) -> Slope | None:
        """What the slope is at first sight, at the sizes that a function most often has."""
        for size in dict.fromkeys((self.size or 1.0, 1.0)):
            if FIRST * size > 2.0**12 * math.ulp(self.size):
                slope = self.glance(FIRST * size, tight)
                if slope:
                    return slope
        return None

    def steps(self) -> list[float]:
        """Steps from the last digits of x to a quarter of it."""
        first = max(8 * math.ulp(self.size), 1e-300) if self.size else 2.0**-60
        last = max(self.size, 1.0) / 4
        ratio = max(RATIO, 2.0 ** math.ceil(math.log2(last / first) / MOST_STEPS))
        count = int(math.log(last / first, ratio))
        return [last / ratio**k for k in range(count, -1, -1)]

    def slope(self) -> Slope:
        """The slope, from the smallest steps on."""
        noise, random = self.noise()
        low, high = -math.inf, math.inf
        best: Slope | None = None
        rungs: list[Slope] = []
        before = math.nan
        for h in self.steps():
            rung = self.rung(h, noise)
            if not math.isfinite(rung.value):
                break
            value, error = rung.value, 2 * rung.error
            if rungs:
                value = extrapolated(rungs[-1], rung)
                error = 2.4 * rungs[-1].error + abs(value - before)
                edge = rungs[-1].gap
                if abs(edge) > 8 * rungs[-1].error and abs(rung.gap) < abs(edge) / 2:
                    break  # f has turned back: the step is longer than its waves
            rungs.append(rung)
            before = value
            if len(rungs) == 2 or value - error > high or value + error < low:
                if len(rungs) > 2:
                    break
                continue
            low, high = max(low, value - error), min(high, value + error)
            if best is None or error <= best.error:
                best = replace(rung, value=value, error=error, noise=noise, random=random)
        if best is None:
            return Slope(math.nan, math.inf, 0.0, math.nan, math.nan, "", noise, random)
        best = replace(best, error=2 * best.error + RELATIVE * abs(best.value))
        return best if random else self.bent(best, noise)

    def bent(self, slope: Slope, noise: float) -> Slope:
        """The slope, with a kink or a jump if there is one at the point itself.

        Where f is smooth, the one-sided slopes approach each other with the step; at a kink they
        stay apart, at a jump they part.
        """
        rungs: list[Slope] = []
        quiet = math.inf  # the noise at the last step
        for h in self.steps():
            rung = self.rung(h, noise)
            if not math.isfinite(rung.value):
                break
            if not rungs and abs(rung.gap) > 8 * rung.error and 16 * quiet < abs(rung.gap):
                return slope  # what is there, is not at the point, or the last step had seen it
            if rungs or abs(rung.gap) > 8 * rung.error:
                rungs.append(rung)
            quiet = rung.error
            if len(rungs) == 5:
                break
        if len(rungs) < 3 or any(abs(rung.gap) <= 4 * rung.error for rung in rungs):
            return slope
        pairs = list(pairwise(rungs))
        if all(0.7 < coarse.gap / fine.gap < 1.4 for fine, coarse in pairs):
            bend = "kink"
        elif all(
            0.7 < coarse.gap * coarse.step / (fine.gap * fine.step) < 1.4 for fine, coarse in pairs
        ):
            bend = "jump"
        else:
            return slope
        at = rungs[-1]
        error = max(slope.error, 8 * at.error)
        return replace(slope, error=error, bend=bend, left=at.left, right=at.right, step=at.step)

    # ---------------- noise

    def noise(self) -> tuple[float, bool]:
        """What a value may be off by, and whether f gives different values at one point."""
        here = self(0.0)
        again = [here, *(self.run(0.0) for _ in range(REPEATS))]
        random = not all(same(here, value) for value in again)
        spread = max(again) - min(again) if random else 0.0
        return max(2 * spread, 10 * self.roughness()), random

    def roughness(self) -> float:
        """The standard deviation of the noise in the values around the point.

        At steps of one digit, all roughness is noise. At larger ones, it is if f jumps there from
        one number to the next; otherwise it is a wave or a bend, and f is smooth. A kink or a
        jump of f itself is on one side: the smoother side counts.
        """
        noise, flat = 0.0, True
        for spacing in self.spacings():
            sides = [[side * i * spacing for i in range(7)] for side in (1, -1)]
            found = [(rough, side) for side in sides if (rough := roughness(map(self, side))) >= 0]
            if not found:
                break
            rough, places = min(found)
            if spacing == self.spacings()[0]:
                noise, flat = rough, rough == 0.0
                continue
            largest = max(abs(self(t)) for t in places)
            if rough > 4 * max(noise, math.ulp(largest)):  # more than the rounding of larger values
                jump = self.jump(places, rough / 4)
                # so close to x, or of single precision, a staircase of any height is rounding
                close = spacing < 2.0**-36 or single(map(self, places))
                quantum = math.inf if close else QUANTUM * largest
                if not jump or (flat and jump > quantum):
                    break
                noise = rough
        if single(self.values.values()):
            noise = max(noise, abs(self(0.0)) * 2.0**-23)
        return noise

    def spacings(self) -> list[float]:
        """From one digit of x to where most functions bend, in steps of a few binary digits."""
        first = max(math.ulp(self.size), 1e-300) if self.size else 2.0**-60
        count = math.log2(4 * FIRST * max(self.size, 1.0) / first)
        digits = max(4.0, count / MOST_TABLES)
        return [first * 2.0 ** round(digits * i) for i in range(int(count / digits) + 1)]

    def jump(self, places: Sequence[float], least: float) -> float:
        """How far f jumps from one number to the next between the places; 0 if less than that.

        The quarter in which four differences are most unlike each other is quartered again.
        """
        a, b = places[0], places[-1]
        while True:
            grid = [a + i * (b - a) / 16 for i in range(17)]
            changes = [self(y) - self(x) for x, y in pairwise(grid)]
            spreads = [max(changes[k : k + 4]) - min(changes[k : k + 4]) for k in range(0, 16, 4)]
            spread = max(spreads)
            if not spread > least:
                return 0.0
            if abs(b - a) < 32 * math.ulp(max(self.size, abs(a), abs(b))):
                return spread
            k = 4 * spreads.index(spread)
            a, b = grid[k], grid[k + 4]


def extrapolated(fine: Slope, coarse: Slope) -> float:
    """What two differences say of the limit, as each errs by a multiple of h²."""
    square = (coarse.step / fine.step) ** 2
    return fine.value + (fine.value - coarse.value) / (square - 1)


def roughness(values: Iterable[float]) -> float:
    """The standard deviation of the noise in evenly spaced values, by Hamming's table."""
    found, row = [], list(values)
    for k in range(1, 6):
        row = [b - a for a, b in pairwise(row)]
        if k >= 3:
            found.append(_HAMMING[k] * math.hypot(*row) / math.sqrt(len(row)))
    return min(found) if all(map(math.isfinite, found)) else math.nan


def single(values: Iterable[float]) -> bool:
    """Whether numbers come from single precision: they have its digits, and need them."""
    found = np.array([y for y in values if y == y])
    full, half = (np.array_equal(found.astype(kind), found) for kind in (np.float32, np.float16))
    return bool(found.size) and full and not half


def same(a: float, b: float) -> bool:
    """Whether two values are the same, nan included."""
    return a == b or (a != a and b != b)
