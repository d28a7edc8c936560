"""Curves of numbers over training: losses, accuracies, norms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, SupportsFloat

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from .style import LARGE, MARGIN, Plot, distinct, measured_in, shown, styled, ticked, titled, unit
from .text import raised, short_number
from .theme import Theme, theme
from .words import Words

Series = Iterable[SupportsFloat] | Iterable[Sequence[SupportsFloat]]

_AXES = 4.2  # inches that names leave to the axes
_LINE_HEIGHT = 0.06  # of the height of the axes
_FEW = 9  # places that are measurements of their own, and ticks


class Curve(NamedTuple):
    """A curve as it is drawn, with nan where it has a gap.

    Attributes:
        name: what stands at its end.
        xs, ys: where it goes.
        band: the lower and the upper edge of what is around it; nothing if there is no band.
        theory: where a dashed line beside it goes; nothing if there is none.
    """

    name: str
    xs: list[float]
    ys: list[float]
    band: tuple[list[float], list[float]]
    theory: tuple[list[float], list[float]]

    @property
    def places(self) -> list[float]:
        """All x that belong to it."""
        return self.xs + self.theory[0]

    @property
    def heights(self) -> list[float]:
        """All y that belong to it, without gaps."""
        return [y for y in (*self.ys, *self.band[0], *self.band[1], *self.theory[1]) if y == y]


def draw_curve(
    series: Mapping[str, Series],
    *,
    title: str = "",
    x_label: str = "epoch",
    y_label: str = "loss",
    log: bool = False,
    x_log: bool = False,
    bands: Mapping[str, Iterable[Sequence[SupportsFloat]]] | None = None,
    theory: Mapping[str, Series] | None = None,
    remark: str = "",
    dark: bool = False,
) -> Plot:
    """Curves, each with its name at its end.

    A curve has a gap where its numbers are not finite; if it ends so, its name says ``→ nan``. On
    a logarithmic axis there is also a gap where they are not positive.

    Args:
        series: for each name its numbers, at 0, 1, 2, …, or pairs (x, y).
        title: what stands above.
        x_label: what the numbers run over, with its unit.
        y_label: what the numbers are, with their unit.
        log: a logarithmic vertical axis.
        x_log: a logarithmic horizontal axis, for positive x.
        bands: for some of the names a pair (low, high) at each of the curve's places: a band in
            the curve's colour, such as an interval around a mean. A few places are dots in it.
        theory: for some of the names what the numbers are expected to be: a dashed line in the
            curve's colour.
        remark: what stands at the right above, such as what the bands are.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if ``series`` is no mapping, or a series is neither numbers nor pairs of them.
        ValueError: if there is nothing to draw, or nothing that the axis can show; if a band or a
            line of theory belongs to no curve, or a band has another length than its curve.
    """
    if not isinstance(series, Mapping):
        raise TypeError(
            f"draw_curve() takes series of numbers by their names, not {type(series).__name__}"
        )
    if not series:
        raise ValueError("draw_curve() takes at least one series of numbers")
    curves = _curves(series, bands or {}, theory or {}, log)
    drawn = [y for curve in curves for y in curve.heights]
    if not drawn:
        raise ValueError(
            "no number of any series is " + ("positive and finite" if log else "finite")
        )
    colors = theme(dark)
    hues = distinct(colors)
    with styled(colors):
        result = Plot(6.4, 3.8, colors)
        axes = result.add_subplot(xlabel=shown(x_label), ylabel=shown(y_label))
        _dress(axes, colors)
        units = _scale(axes, [x for curve in curves for x in curve.places], drawn, log, x_log)
        ends, last = [], max(x for curve in curves for x in curve.places) / units[0]
        for number, curve in enumerate(curves):
            hue, dashes = hues[number % len(hues)], ("-", "--")[number // len(hues) % 2]
            ends.append((_draw(axes, curve, hue, dashes, units, last), curve.name, hue))
        names = max(result.extent(name) for _, name, _ in ends)
        above = result.extent(title, LARGE), result.extent(remark)
        titled(axes, title, shown(remark), lines=1 + (sum(above) > _AXES and all((title, remark))))
        result.grow(
            MARGIN + max(max(_AXES, result.extent(x_label, weight="normal")) + names, *above),
            MARGIN + result.extent(y_label, weight="normal"),
        )
        _name_ends(axes, ends)
    result.words = Words(
        shown(title) or f"{shown(y_label)} over {shown(x_label)}",
        " ".join(_told(curve, shown(x_label)) for curve in curves),
    )
    return result


def _told(curve: Curve, x_label: str) -> str:
    """A curve in words: where it begins and where it ends."""
    known = [(x, y) for x, y in zip(curve.xs, curve.ys, strict=True) if y == y]
    if not known:
        return f"{curve.name}."
    ends = [
        f"{short_number(y)} at {x_label} {short_number(x, 6)}" for x, y in (known[0], known[-1])
    ]
    return f"{curve.name}: {' to '.join(dict.fromkeys(ends))}."


def _curves(
    series: Mapping[str, Series],
    bands: Mapping[str, Iterable[Sequence[SupportsFloat]]],
    theory: Mapping[str, Series],
    log: bool,
) -> list[Curve]:
    """The curves with what belongs to them."""
    strange = [name for name in (*bands, *theory) if name not in series]
    if strange:
        raise ValueError(f"there is no series {strange[0]!r} for a band or a line of theory")
    curves = []
    for name, values in series.items():
        xs, ys, fate = _points(name, values, log)
        band = _band(name, bands[name], xs, log) if name in bands else ([], [])
        expected = (
            _points(f"theory of {name}", theory[name], log)[:2] if name in theory else ([], [])
        )
        curves.append(Curve(shown(name) + fate, xs, ys, band, expected))
    return curves


def _points(name: str, values: Series, log: bool) -> tuple[list[float], list[float], str]:
    """Where a curve goes, with nan where it has a gap, and what becomes of it in the end."""
    try:
        pairs = [_pair(i, value) for i, value in enumerate(values)]
    except (TypeError, ValueError):
        raise TypeError(
            f"series {name!r} must be numbers or pairs (x, y) of numbers, not {values!r:.60}"
        ) from None
    if not pairs:
        raise ValueError(f"series {name!r} is empty")
    ys = [y if math.isfinite(y) and (y > 0 or not log) else math.nan for _, y in pairs]
    end = pairs[-1][1]
    return [x for x, _ in pairs], ys, "" if math.isfinite(end) else f" → {end}"


def _band(
    name: str, band: Iterable[Any], xs: Sequence[float], log: bool
) -> tuple[list[float], list[float]]:
    """The lower and the upper edge of a band, with nan where it has a gap."""
    try:
        pairs = [(float(low), float(high)) for low, high in band]
    except (TypeError, ValueError):
        raise TypeError(f"band {name!r} must be pairs (low, high), not {band!r:.60}") from None
    if len(pairs) != len(xs):
        raise ValueError(f"band {name!r} has {len(pairs)} pairs (low, high) for {len(xs)} numbers")
    pairs = [
        pair if all(math.isfinite(y) and (y > 0 or not log) for y in pair) else (math.nan, math.nan)
        for pair in pairs
    ]
    return [low for low, _ in pairs], [high for _, high in pairs]


def _pair(index: int, value: Any) -> tuple[float, float]:
    x, y = value if hasattr(value, "__len__") else (index, value)
    return float(x), float(y)


def _scale(
    axes: Axes, xs: Sequence[float], ys: Sequence[float], log: bool, x_log: bool
) -> tuple[float, float]:
    """Scale both axes for these numbers; return what to divide x and y by before they are drawn."""
    if log:
        _scale_by_powers(axes, min(ys), max(ys))
    if x_log:
        _scale_across(axes, xs)
    else:
        ticked(axes.xaxis, xs, 8)
    if not log:
        ticked(axes.yaxis, ys, 6)
    units = 1.0 if x_log else unit(xs), 1.0 if log else unit(ys)
    measured_in(axes.xaxis, units[0])
    measured_in(axes.yaxis, units[1])
    return units


def _draw(
    axes: Axes, curve: Curve, hue: str, dashes: str, units: tuple[float, float], last: float
) -> float:
    """Draw a curve and what belongs to it; return its last height, nan if it has none.

    A dotted line leads from where a curve ends to the last place of all, where its name is.
    """

    def scaled(numbers: Sequence[float], size: float) -> list[float]:
        return [x / size for x in numbers]

    xs, ys = scaled(curve.xs, units[0]), scaled(curve.ys, units[1])
    low, high = (scaled(edge, units[1]) for edge in curve.band)
    if low:
        axes.fill_between(xs, low, high, color=hue, alpha=0.2, linewidth=0)
        if len(xs) <= _FEW:
            axes.plot(xs, ys, "o", color=hue, markersize=4)
    if curve.theory[0]:
        expected = scaled(curve.theory[0], units[0]), scaled(curve.theory[1], units[1])
        axes.plot(*expected, color=hue, linewidth=1.2, linestyle="--")
    mark = "o" if len(xs) == 1 else None
    axes.plot(xs, ys, color=hue, linewidth=1.8, linestyle=dashes, marker=mark)
    if xs[-1] < last and ys[-1] == ys[-1]:
        axes.plot([xs[-1], last], [ys[-1]] * 2, color=hue, linewidth=1, linestyle=":")
    return next((y for y in reversed(ys) if not math.isnan(y)), math.nan)


def _dress(axes: Axes, colors: Theme) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=colors.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)
    axes.margins(x=0.01)


def _scale_by_powers(axes: Axes, low: float, high: float) -> None:
    """Make the vertical axis logarithmic, from subnormal numbers to the largest float."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if 7 * s > last - first)
    digits = (1,) if last - first > 2 else (1, 2, 5)
    powers = range(first - first % step, last + 1, step)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    axes.set_yscale("log")
    axes.set_yticks([tick for tick in ticks if low / 2 <= tick <= high * 2 and 0 < tick < math.inf])
    axes.yaxis.set_major_formatter(lambda y, _: _power(y))
    axes.yaxis.set_minor_locator(NullLocator())
    room = (high / low) ** 0.04 if high > 2 * low else 2.0
    axes.set_ylim(max(low / room, 5e-324), min(high * room, 1.7e308))


def _scale_across(axes: Axes, xs: Sequence[float]) -> None:
    """Make the horizontal axis logarithmic, with the places themselves as ticks if they are few."""
    wrong = [x for x in xs if not 0 < x < math.inf]
    if wrong:
        raise ValueError(f"on a logarithmic axis every x is positive and finite, not {wrong[0]:g}")
    places = sorted(set(xs))
    powers = range(math.ceil(math.log10(places[0])), math.floor(math.log10(places[-1])) + 1)
    axes.set_xscale("log")
    axes.set_xticks(places if len(places) <= _FEW else [10.0**power for power in powers])
    axes.xaxis.set_major_formatter(lambda x, _: _power(x))
    axes.xaxis.set_minor_locator(NullLocator())


def _power(y: float) -> str:
    digit, exponent = f"{y:.0e}".split("e")
    if -3 <= int(exponent) <= 4:
        return f"{y:g}"
    return ("" if digit == "1" else f"{digit}·") + "10" + raised(int(exponent))


def _name_ends(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write names at the right of the axes, each at its curve's end or as near as there is room."""
    axes.autoscale_view()
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = sorted(ends, key=lambda end: (end[0] == end[0], end[0]))
    wanted = [float(to_axes.transform((0, y))[1]) if y == y else 0.0 for y, _, _ in ends]
    for height, (_, name, hue) in zip(_spread(wanted), ends, strict=True):
        text = axes.text(1.01, height, name, color=hue, transform=axes.transAxes)
        text.set(ha="left", va="center", fontweight="bold")


def _spread(wanted: Sequence[float]) -> list[float]:
    """Heights at least a line apart, in the same order and as near to the wanted ones as can be.

    Names that are too near to each other form a block around the mean of their places; blocks that
    touch become one. As long as there is room, all stay beside the axes, between 0 and 1.
    """
    most = len(wanted) - 1
    room = [(_LINE_HEIGHT * i, 1 - _LINE_HEIGHT * (most - i)) for i in range(len(wanted))]
    wanted = [max(min(x, high), low) for x, (low, high) in zip(wanted, room, strict=True)]
    blocks: list[tuple[float, int]] = []  # where a block's middle is, and how many names it has
    for height in wanted:
        middle, size = height, 1
        while blocks and middle - blocks[-1][0] < _LINE_HEIGHT * (size + blocks[-1][1]) / 2:
            below, count = blocks.pop()
            middle, size = (middle * size + below * count) / (size + count), size + count
        blocks.append((middle, size))
    return [
        middle + _LINE_HEIGHT * (i - (size - 1) / 2) for middle, size in blocks for i in range(size)
    ]
