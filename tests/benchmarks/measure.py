"""How sides are compared: they must compute the same, and then take turns at the clock."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

TOLERANCE = 1e-5
MOST = 30  # steps that are timed alone, in a round

Run = Callable[[int], Any]
"""Computes n steps one after the other; returns the loss of the last, a number or a node."""


class Side(NamedTuple):
    """One implementation of a workload.

    Attributes:
        name: whose it is and how it does it: "jax jit".
        prepare: imports what it needs and returns what runs it.
        collector: whether Python's garbage collector is on, as it is for everybody who does not
            turn it off. Where it is off, each step is timed alone, and its memory is given back
            when the clock has stopped (a graph of micrograd's would never be).
        checked: whether its losses must be those of the others; not if it computes only a part.
        littered: whether steps leave work for the collector, which it does in a later one: then
            even long steps are timed several in a row.
    """

    name: str
    prepare: Callable[[], Run]
    collector: bool = True
    checked: bool = True
    littered: bool = False


class Effort(NamedTuple):
    """How long to measure.

    Attributes:
        rounds: how often every side has its turn.
        seconds: for one side in one round, about.
        in_a_row: steps that are timed together at least, of a side that leaves litter.
        slow: seconds for a step above which the first one is the first round, too.
        checks: how many steps must give everybody the same loss.
    """

    rounds: int
    seconds: float
    in_a_row: int
    slow: float
    checks: int


THOROUGH, QUICK = Effort(5, 0.2, 3, 5.0, 3), Effort(1, 0.03, 2, 0.9, 2)


@dataclass(frozen=True)
class Timings:
    """What a comparison gave.

    Attributes:
        times: seconds a step for each side, one number per round.
        notes: for each side without times the reason.
        wrong: whether a side was left out because it computed something else.
    """

    times: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    wrong: bool = False

    def ratio(self, side: str, over: str) -> float | None:
        """How many times as long ``over`` takes, the median of all rounds; None if not known."""
        if side not in self.times or over not in self.times:
            return None
        pairs = zip(self.times[side], self.times[over], strict=True)
        return median(slow / quick for quick, slow in pairs)


class NotYetError(RuntimeError):
    """A part of gradpath that is not there yet."""


def compare(
    sides: Sequence[Side], effort: Effort, tell: Callable[[str], None], training: bool = True
) -> Timings:
    """Time all sides that can run and that agree with the others.

    Args:
        sides: the implementations.
        effort: how long to measure.
        tell: is told what happens, for a line of progress.
        training: whether one step differs from the next; else only one is compared.
    """
    checks = effort.checks if training else 1
    able: list[Starter] = []
    notes: dict[str, str] = {}
    for side in sides:
        tell(f"{side.name}: getting ready")
        try:
            able.append(Starter(side, checks))
        except Exception as error:
            notes[side.name] = reason(error)
    strangers = disagreements({s.side.name: s.losses for s in able if s.side.checked})
    able = [starter for starter in able if starter.side.name not in strangers]
    return Timings(take_turns(able, effort, tell), notes | strangers, wrong=bool(strangers))


class Starter:
    """A side that is ready and has computed its first steps."""

    def __init__(self, side: Side, checks: int) -> None:
        self.side = side
        self.run = side.prepare()
        self.losses: list[float] = []
        with collector(side.collector):
            for _ in range(checks):
                start = time.perf_counter()
                last = self.run(1)
                self.taken = time.perf_counter() - start
                self.losses.append(number(last))
                del last


def reason(error: Exception) -> str:
    """Why a side could not run, in one line."""
    if isinstance(error, NotYetError):
        return f"not there yet: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{error.name.partition('.')[0]} is not installed"
    return " ".join(f"failed: {type(error).__name__}: {error}".split())


def number(loss: Any) -> float:
    """The loss as a float, from what a run returned."""
    return float(getattr(loss, "data", loss))


def disagreements(losses: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """The sides whose losses are not those of the others, and what they computed instead.

    A side is compared with the median of all: of three, the odd one is found; of two that differ,
    nobody knows which is right, and both are.
    """
    found: dict[str, str] = {}
    for step, row in enumerate(zip(*losses.values(), strict=True), start=1):
        middle = median(row)
        for name, loss in zip(losses, row, strict=True):
            near = abs(loss - middle) <= TOLERANCE * max(1.0, abs(middle))
            if not (near and math.isfinite(loss)):
                said = f"WRONG: the loss of step {step} is {loss:.9g}, not {middle:.9g}"
                found.setdefault(name, said)
    return found


# -- the clock ------------------------------------------------------------------------------------


def take_turns(
    starters: Sequence[Starter], effort: Effort, tell: Callable[[str], None]
) -> dict[str, list[float]]:
    """Seconds a step: in every round one number for every side, in changing order."""
    times: dict[str, list[float]] = {}
    steps: dict[str, int] = {}
    for starter in starters:
        name = starter.side.name
        tell(f"{name}: warming up")
        steps[name] = steps_for(starter, effort)
        times[name] = [starter.taken] if counts(starter, effort) else []
    for k in range(effort.rounds):
        turn = k % max(len(starters), 1)
        for starter in (*starters[turn:], *starters[:turn]):
            name = starter.side.name
            if len(times[name]) <= k:
                tell(f"round {k + 1} of {effort.rounds}: {name}")
                times[name].append(one_round(starter, steps[name]))
    return times


def steps_for(starter: Starter, effort: Effort) -> int:
    """How many steps fill a round, after enough of them to be warm."""
    side, run, steps, taken = starter.side, starter.run, 1, starter.taken
    if not side.collector:
        return min(max(int(effort.seconds / taken), 1), MOST)
    with collector(on=True):
        while taken < effort.seconds / 10:
            steps *= 10
            reading(run, steps)  # what compiles a loop does it now
            taken = reading(run, steps)
    wanted = int(effort.seconds / taken * steps)
    if wanted > 100:
        return wanted - wanted % 100  # for those who compile a loop of 100 steps
    return max(wanted, effort.in_a_row if side.littered else 1)


def counts(starter: Starter, effort: Effort) -> bool:
    """Whether the first step, which was checked, took so long that it is a round, too."""
    return starter.taken > effort.slow and not starter.side.littered


def one_round(starter: Starter, steps: int) -> float:
    """Seconds a step of one side."""
    run = starter.run
    with collector(starter.side.collector):
        if starter.side.collector:
            return reading(run, steps) / steps
        return median(reading(run, 1) for _ in range(steps))


def reading(run: Run, steps: int) -> float:
    """Seconds that so many steps take; what they leave behind is released afterwards."""
    start = time.perf_counter()
    last = run(steps)
    taken = time.perf_counter() - start
    del last
    if not gc.isenabled():
        gc.collect()
    return taken


@contextmanager
def collector(on: bool) -> Iterator[None]:
    """Have the garbage collector on or off, and put it back.

    What is there already is kept out of its sight: else the libraries that one side has loaded
    would make every collection of another's garbage slower.
    """
    before = gc.isenabled()
    gc.collect()
    gc.freeze()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()
        gc.unfreeze()
