"""Claims about multilayer perceptrons that can be run: what a lesson is made of.

A lesson is a script with a list of `Claim`s. It ends with ``run(lambda: lesson(CLAIMS))``, and its
claims are then also found by ``python -m demos`` and in the booklet.
"""

from __future__ import annotations

import math
import statistics
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from commandline import Parser, add_dark, draw_all, folder, whole

LESSONS = (
    "network",
    "backprop",
    "counting",
    "activations",
    "initialisation",
    "gradients",
    "dead_units",
    "two_logs",
    "regularisation",
    "shapes",
    "saddles",
    "rates",
    "batch_sizes",
    "xor",
)
WIDTH = 80  # characters of a line
CERTAIN = 3.3  # standard errors to either side: an interval that misses once in a thousand times

HOLDS, FAILS = "holds", "does not hold"

Plate = tuple[str, Callable[[bool], Any], str]  # file name, what draws it light or dark, caption


class Finding(NamedTuple):
    """What a run of a claim has shown.

    Attributes:
        verdict: *holds*, *holds if …* or *does not hold*, computed from the numbers.
        text: the measurement, as it is printed.
        numbers: what was measured, by name.
        pictures: what draws them; a name that ends in ``.html`` is a page to step through.
    """

    verdict: str
    text: str
    numbers: Mapping[str, float | str]
    pictures: Sequence[Plate] = ()


class Claim(NamedTuple):
    """A claim and its experiment.

    Attributes:
        number: its place in the notes, such as ``W6``.
        title: what it is about.
        claim: what is claimed, in our own words.
        run: the experiment, a function of the seed and of whether it has to be quick.
    """

    number: str
    title: str
    claim: str
    run: Callable[[int, bool], Finding]

    def command(self, seed: int = 0, quick: bool = False) -> str:
        """What a reader types to see the same numbers."""
        options = f" --seed {seed}" if seed else ""
        return f"python -m demos {self.number}{options}{' --quick' if quick else ''}"


def verdict(holds: bool, condition: str = "") -> str:
    """The verdict in words."""
    return (f"holds if {condition}" if condition else HOLDS) if holds else FAILS


def find_claims() -> list[Claim]:
    """All claims of all lessons, in the order of the notes."""
    found = [claim for lesson in LESSONS for claim in import_module(lesson).CLAIMS]
    return sorted(found, key=lambda claim: int(claim.number[1:]))


# -- a run ----------------------------------------------------------------------------------------


def lesson(claims: Sequence[Claim], arguments: Sequence[str] | None = None) -> None:
    """A lesson's command line: all its claims, or those that are named."""
    numbers = ", ".join(claim.number for claim in claims)
    parser = Parser("Run claims about multilayer perceptrons and see whether they hold.", "")
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"{numbers}; all by default")
    add_options(parser)
    options = parser.parse_args(arguments)
    for claim in chosen(claims, options.claims, parser):
        show(claim, options)


def add_options(parser: Parser) -> None:
    """What every demo of a claim can be told."""
    add = parser.add_argument
    add("--seed", type=whole(0), default=0, help="seed of all random numbers (%(default)s)")
    add("--out", type=folder, default=Path("out"), help="folder for the pictures (%(default)s)")
    add("--quick", action="store_true", help="smaller experiments, at most ten seconds each")
    add_dark(parser)


def chosen(claims: Sequence[Claim], numbers: Sequence[str], parser: Parser) -> list[Claim]:
    """The claims of these numbers, all if none is named."""
    known = {claim.number: claim for claim in claims}
    for number in numbers:
        if number.upper() not in known:
            parser.error(f"there is no claim {number[:20]!r} here; there are {', '.join(known)}")
    return [known[number.upper()] for number in numbers] or list(claims)


def show(claim: Claim, options: Any) -> None:
    """Run a claim: text first, then the numbers that the booklet lists, then pictures."""
    print(heading(claim))
    finding = claim.run(options.seed, options.quick)
    numbers = table(["Numbers", ""], finding.numbers.items())
    print(f"{finding.text}\n\n{numbers}\n\nVerdict: {finding.verdict}")
    if finding.pictures:
        draw_all([*finding.pictures], options.out, options.dark)
    print()


def heading(claim: Claim) -> str:
    """The claim, as it is printed above its measurement."""
    title = f"{claim.number}  {claim.title}"
    return f"{title}\n{'=' * len(title)}\n{textwrap.fill(claim.claim, WIDTH)}\n"


# -- what experiments share -----------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns, the first flush left, the others flush right."""
    cells = [list(head), *([shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        line = [f"{first:{widths[0]}}"]
        line += [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  " + "  ".join(line).rstrip())
    return "\n".join(lines)


def shown(x: object) -> str:
    """A number with as many digits as a reader needs."""
    return f"{x:.4g}" if isinstance(x, float) else str(x)


class Interval(NamedTuple):
    """A mean over independent runs, and how far off it may be."""

    mean: float
    margin: float

    def covers(self, x: float) -> bool:
        """Whether a number is within the interval."""
        return abs(x - self.mean) <= self.margin

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.margin:.2g}"


def interval(sample: Sequence[float]) -> Interval:
    """The mean of at least eight runs with an interval that misses once in a thousand times.

    Student's t has heavier tails than the normal distribution that `CERTAIN` is taken from;
    3.3·(1 + 4.7/(n − 1)) is above its quantile for n ≥ 8.
    """
    n = len(sample)
    error = statistics.stdev(sample) / math.sqrt(n)
    return Interval(statistics.fmean(sample), CERTAIN * (1 + 4.7 / (n - 1)) * error)


class Share(NamedTuple):
    """How many of so many independent draws were of a kind."""

    hits: int
    draws: int

    @property
    def mean(self) -> float:
        """The share that was found."""
        return self.hits / self.draws

    @property
    def bounds(self) -> tuple[float, float]:
        """Wilson's interval, which misses once in a thousand times.

        Unlike a mean's it has a width where all draws, or none, were of the kind.
        """
        z, n = CERTAIN**2, self.draws
        middle = (self.hits + z / 2) / (n + z)
        reach = math.sqrt(z * (self.hits * (1 - self.mean) + z / 4)) / (n + z)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    def __str__(self) -> str:
        low, high = self.bounds
        return f"{self.mean:.3g} ({low:.3g} to {high:.3g})"


def banded(measured: Mapping[str, Mapping[Any, Interval]]) -> dict[str, Any]:
    """Measurements and their intervals, as `viz.draw_curve` takes them."""
    return {
        "series": {name: [(x, y.mean) for x, y in ys.items()] for name, ys in measured.items()},
        "bands": {
            name: [(y.mean - y.margin, y.mean + y.margin) for y in ys.values()]
            for name, ys in measured.items()
        },
    }


def in_the_plane(model: Any) -> Callable[[float, float], float]:
    """A network's answers to two numbers, each computed once: pictures are drawn light and dark."""
    return cache(lambda x, y: float(model([x, y]).data))


def log_ratio(above: Sequence[float], below: Sequence[float]) -> Interval:
    """The logarithm of a ratio, run by run: losses scatter by factors."""
    return interval([math.log(a / b) for a, b in zip(above, below, strict=True)])


def factor(x: Interval) -> str:
    """A ratio and its interval, from its logarithm."""
    ends = (math.exp(x.mean + d) for d in (-x.margin, 0.0, x.margin))
    low, middle, high = (f"{end:.2f}" if end < 100 else f"{end:.0f}" for end in ends)
    return f"{middle} ({low} to {high})"
