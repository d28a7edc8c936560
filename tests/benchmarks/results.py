"""What a measurement gave, and what was asked: plain data, which also travels as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from .measure import Timings

NEARLY = 0.9
"""A figure counts as met at this part of what is asked: machines are noisy."""


GC_OFF = ", gc off"
"""Ends the name of a side that runs with the collector off."""


@dataclass(frozen=True)
class Figure:
    """A number, and what is asked of it.

    Attributes:
        what: what was measured.
        measured: the number; None if there is none yet.
        asked: the bound; None where nothing is asked.
        unit: "×", "%", "s", "bytes".
        at_most: whether the bound is an upper one.
    """

    what: str
    measured: float | None
    asked: float | None
    unit: str = "×"
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is within reach of the bound; None if nothing is measured or asked."""
        if self.measured is None or self.asked is None:
            return None
        if self.at_most:
            return self.measured <= self.asked / NEARLY
        return self.measured >= self.asked * NEARLY


@dataclass(frozen=True)
class Result:
    """One comparison.

    Attributes:
        title: what was computed.
        timings: seconds a step of each side, or why it has none.
        figures: what follows from them.
        size: in a measurement of cost against size, the size.
    """

    title: str
    timings: Timings
    figures: tuple[Figure, ...] = ()
    size: int | None = None

    def medians(self) -> dict[str, float]:
        """Seconds a step of each side, the median of the rounds; the quickest side first."""
        found = {name: median(times) for name, times in self.timings.times.items()}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def as_json(self) -> dict[str, Any]:
        """The same in lists and dicts, with whether each figure is met."""
        plain = asdict(self)
        for figure, written in zip(self.figures, plain["figures"], strict=True):
            written["met"] = figure.met
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Result:
        """The result that was written so."""
        figures = tuple(
            Figure(**{key: value for key, value in figure.items() if key != "met"})
            for figure in plain["figures"]
        )
        return cls(plain["title"], Timings(**plain["timings"]), figures, plain["size"])


@dataclass(frozen=True)
class Ratio:
    """What is asked of gradpath against a peer.

    Attributes:
        side: which of gradpath's sides.
        over: the peer.
        least: how many times as long the peer shall take.
        percent: whether to write 0.93 as 93 %.
    """

    side: str
    over: str
    least: float | None
    percent: bool = False

    def figure(self, timings: Timings) -> Figure:
        """What was measured of it."""
        scale, unit = (100, "%") if self.percent else (1, "×")
        measured = timings.ratio(self.side, self.over)
        what = f"{self.side} vs {self.over}"
        if what.count(GC_OFF) == 2:
            what = what.replace(GC_OFF, "") + ", both gc off"
        return Figure(
            what,
            None if measured is None else scale * measured,
            None if self.least is None else scale * self.least,
            unit,
        )


@dataclass(frozen=True)
class Within:
    """A time that is asked of gradpath, in seconds."""

    side: str
    seconds: float

    def figure(self, timings: Timings) -> Figure:
        """What was measured of it."""
        times = timings.times.get(self.side)
        measured = median(times) if times else None
        return Figure(self.side, measured, self.seconds, "s", at_most=True)


def spread(numbers: list[float]) -> float:
    """The largest in terms of the smallest."""
    return max(numbers) / min(numbers) if numbers else math.nan
