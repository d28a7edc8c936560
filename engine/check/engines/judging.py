"""Whether what an engine gives is right: compared with a right engine, but for rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ..computation import Computation, Step
from .isolation import Worker
from .properties import LARGE, Property, once, places, with_leaves
from .simulation import RIGHT, Engine, simulate, value
from .subject import Reading, Survey, Trouble, close_to

TOLERANCE = 1e-6  # of 1 + |right number|
HUGE = 1e30  # beyond what single precision holds
ROUNDED_WAYS = 4  # in which numbers are computed again, to see how far rounding moves them


class Judge:
    """What an engine gives on a computation, and whether a property holds there."""

    def __init__(self, worker: Worker, survey: Survey) -> None:
        self.worker, self.survey = worker, survey
        self.little = min(1.0, worker.time_limit)  # seconds for what is only to be made smaller
        self.known: dict[str, Reading | Trouble] = {}

    def form(self, prop: Property, c: Computation) -> Computation:
        """The computation as the engine can run it: plain numbers made leaves where need be."""
        if prop.kind == "form":
            return c
        numbers = prop.name == "numbers"
        sides = (self.survey.left, self.survey.right) if numbers else ((), ())
        return with_leaves(c, *sides)

    def seen(self, prop: Property, c: Computation, limit: float | None = None) -> Reading | Trouble:
        """What the engine gives; each computation is run once."""
        script = prop.plan(c)
        key = repr((c, script))
        if key not in self.known:
            if len(self.known) > 20_000:
                self.known.clear()
            self.known[key] = self.worker.run(c, script, limit)
        return self.known[key]

    def disagrees(self, prop: Property, c: Computation, limit: float | None = None) -> bool:
        """Whether a property fails on a computation."""
        c = self.form(prop, c)
        if not prop.applies(c) or (prop.name == LARGE.name and not self.is_finite(c)):
            return False
        seen = self.seen(prop, c, limit)
        return isinstance(seen, Trouble) or bool(self.wrong(prop, c, seen))

    def is_finite(self, c: Computation) -> bool:
        """Whether the right numbers are such as the engine's precision holds."""
        try:
            right = simulate(c, once(c))
        except (ArithmeticError, ValueError):
            return False
        most = HUGE if self.survey.rounding > 1e-12 else math.inf
        return all(isinstance(x, float) and abs(x) < most for x in (*right.data, *right.grads))

    def wrong(self, prop: Property, c: Computation, seen: Reading) -> list[tuple[int, str]]:
        """Index and attribute of the numbers that are wrong, by more than rounding may move them.

        How far that is, is only computed where it matters.
        """
        script = prop.plan(c)
        right = simulate(c, script)

        def off(i: int, what: str, *rounded: Reading) -> bool:
            x = getattr(right, what)[i]
            moves = (abs(getattr(other, what)[i] - x) for other in rounded)
            slack = 20 * max(moves, default=0.0)
            return not close_to(getattr(seen, what)[i], x, TOLERANCE * (1 + abs(x)) + slack)

        bad = [place for place in places(prop.compares, c) if off(*place)]
        ways = range(ROUNDED_WAYS if bad else 0)
        rounded = [simulate(c, script, rounding(self.survey.rounding, k)) for k in ways]
        return [place for place in bad if off(*place, *rounded)]


def rounding(error: float, k: int) -> Engine:
    """A right engine with other roundings, the k-th way."""
    signs = iter(range(10**9))

    def rounded(step: Step, args: Sequence[float]) -> float:
        n = next(signs)
        return value(step, args) * (1 + error * (1 if (n * (2 * k + 1) + k) % (k + 2) else -1))

    def leaf(x: float) -> float:
        return x * (1 + error * (1 if k % 2 else -1))

    return replace(RIGHT, value=rounded, leaf=leaf)
