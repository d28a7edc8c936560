"""The printed tables."""

from __future__ import annotations

import platform
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from .measure import TOLERANCE
from .results import NEARLY, Figure, Result
from .sizes import SWEEPS, Sweep

PEERS = ("micrograd", "autograd", "torch", "jax")
WIDTH = 88
NAME = 50  # columns for what stands at the left
INDENT = " " * 4

GREEN, RED, DIM, BOLD, PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[1m", "\033[0m"


class Painter:
    """Colours text where the reader sees them."""

    def __init__(self, colours: bool) -> None:
        self.colours = colours

    def __call__(self, text: str, colour: str) -> str:
        """The text in a colour."""
        return f"{colour}{text}{PLAIN}" if self.colours and text else text


def header(rounds: int) -> str:
    """Where this was measured, how, and against whom."""
    found = {name: installed(name) for name in ("numpy", "numba", *PEERS)}
    there = ", ".join(f"{name} {found[name]}" for name in PEERS if found[name])
    missing = ", ".join(name for name in (*PEERS, "numba") if not found[name])
    numba = f", numba {found['numba']}" if found["numba"] else ""
    how = f"medians of {rounds} rounds" if rounds > 1 else "one short round, only a first look"
    lines = [
        f"gradpath on {processor()}, Python {platform.python_version()}, "
        f"NumPy {found['numpy']}{numba}",
        f"against {there or 'nobody'}" + (f"; not installed: {missing}" if missing else ""),
        f"one thread for everybody; {how}; all compute the same losses within {TOLERANCE:.0e}",
    ]
    return "\n".join(lines)


def installed(name: str) -> str:
    """The version of a library, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """The name of the processor, as far as it is known."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


# -- one workload ---------------------------------------------------------------------------------


def comparison(name: str, result: Result, paint: Painter) -> str:
    """The times of all sides, then what is asked."""
    lines = [f"{paint(name, BOLD)}  {paint(result.title, BOLD)}"]
    medians = result.medians()
    quickest = min(medians.values(), default=1.0)
    if medians:
        lines.append(paint(f"{INDENT}{'':{NAME}}{'time':>10}  {'relative':>9}", DIM))
    for side, seconds in medians.items():
        times = f"{significant(seconds / quickest):>7} ×" if len(medians) > 1 else ""
        lines.append(f"{INDENT}{side:{NAME}}{duration(seconds):>10}  {paint(times, DIM)}")
    lines += notes(result.timings.notes, paint)
    if any(f.measured is not None or f.asked is not None for f in result.figures):
        lines += ["", *figures(result.figures, paint)]
    return "\n".join(lines)


def notes(found: Mapping[str, str], paint: Painter) -> list[str]:
    """Why sides have no times: one line for those that share a reason."""
    lines = []
    for note in dict.fromkeys(found.values()):
        sides = ", ".join(side for side, said in found.items() if said == note)
        colour = RED if note.startswith(("WRONG", "failed")) else DIM
        wrapped = textwrap.wrap(f"{sides}: {note}", WIDTH - 2 * len(INDENT))
        lines += [paint(INDENT + line, colour) for line in wrapped]
    return lines


def figures(numbers: Iterable[Figure], paint: Painter) -> list[str]:
    """What was measured beside what is asked."""
    lines = [paint(f"{INDENT}{'':{NAME}}{'measured':>10}  {'asked':>11}  met", DIM)]
    for figure in numbers:
        measured = "–" if figure.measured is None else quantity(figure.measured, figure.unit)
        asked = ""
        if figure.asked is not None:
            asked = f"{'≤' if figure.at_most else '≥'} {bound(figure)}"
        met = {True: paint("yes", GREEN), False: paint("no", RED), None: ""}[figure.met]
        lines.append(f"{INDENT}{figure.what:{NAME}}{measured:>10}  {asked:>11}  {met}".rstrip())
    return lines


def quantity(number: float, unit: str) -> str:
    """A number with its unit."""
    if unit == "s":
        return duration(number)
    if unit == "bytes":
        return f"{number:,.0f} B"
    return f"{significant(number)} {unit}"


def bound(figure: Figure) -> str:
    """What is asked, as it was written down."""
    return f"{figure.asked:,.10g} {'B' if figure.unit == 'bytes' else figure.unit}"


def significant(number: float) -> str:
    """Three digits that count, or all before the point."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:#.3g}"


def duration(seconds: float) -> str:
    """A time with the unit that suits it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale * 0.9995:
            return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"
    return f"{seconds / 1e-9:#.3g}".rstrip(".") + " ns"


# -- cost against size ----------------------------------------------------------------------------


def growth(name: str, results: Sequence[Result], paint: Painter) -> str:
    """The cost of every side at every size, then how flat it is."""
    sweep = SWEEPS[name]
    rows = [result for result in results if result.size is not None]
    sides = list(dict.fromkeys(side for row in rows for side in row.timings.times))
    per = f"time per {sweep.per}"
    lines = [paint(f"{name}  {sweep.title}: {per}", BOLD)]
    widths = [max(len(side), 9) + 3 for side in sides]
    head = "".join(f"{side:>{width}}" for side, width in zip(sides, widths, strict=True))
    lines.append(paint(f"{INDENT}{sweep.axis:>10}{head}", DIM))
    for row in rows:
        costs = cells(sweep, row, sides)
        told = "".join(f"{cost:>{width}}" for cost, width in zip(costs, widths, strict=True))
        lines.append(f"{INDENT}{row.size:>10,}{told}")
    lines += notes({k: v for row in rows for k, v in row.timings.notes.items()}, paint)
    numbers = [figure for result in results for figure in result.figures]
    return "\n".join([*lines, "", *figures(numbers, paint)] if numbers else lines)


def cells(sweep: Sweep, row: Result, sides: Sequence[str]) -> list[str]:
    """The costs at one size."""
    medians, size = row.medians(), row.size or 1
    return [duration(sweep.cost(medians[s], size)) if s in medians else "" for s in sides]


# -- all of them ----------------------------------------------------------------------------------


def summary(results: Mapping[str, Sequence[Result]], paint: Painter) -> str:
    """How many of the figures asked for are met, and which are not."""
    titles = {f"{name}  {each.title}": each for name, found in results.items() for each in found}
    asked = [f for each in titles.values() for f in each.figures if f.asked is not None]
    met, missed = (sum(f.met is verdict for f in asked) for verdict in (True, False))
    lines = [
        f"{met} of {len(asked)} figures asked for are met; "
        f"a figure counts as met at {100 * NEARLY:g} % of it, for machines are noisy"
    ]
    if missed:
        lines.append(paint(f"{missed} {'is' if missed == 1 else 'are'} not:", RED))
    for title, result in titles.items():
        lacking = [figure for figure in result.figures if figure.met is False]
        if lacking:
            lines += [f"  {paint(title, DIM)}", *figures(lacking, paint)[1:]]
    if met + missed < len(asked):
        lines.append(f"{len(asked) - met - missed} could not be measured")
    return "\n".join(lines)


def has_colours() -> bool:
    """Whether standard output shows colours."""
    import os

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
