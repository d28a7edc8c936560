"""Lines in the plane that have a positive side, such as those of hidden neurons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, TickedStroke

from .style import shown
from .text import shorten
from .theme import Theme

Line = tuple[float, float, float]
Point = tuple[float, float]

_STOPS = [0.08 + 0.07 * i for i in range(13)]  # where on its line a name may stand
_ABSENT = 4  # lines outside the picture that are named
_LONGEST = 12  # characters of a name
_NEAR = 0.22  # of the width of the axes: a name looks no further for what may be in its way


def checked_line(name: str, numbers: Sequence[SupportsFloat]) -> Line:
    """The three numbers of a line, each divided by the largest; nan if one is not finite."""
    try:
        w0, w1, b = (float(x) for x in numbers)
    except (TypeError, ValueError):
        raise TypeError(
            f"line {name!r} must be three numbers (w0, w1, b), not {numbers!r:.60}"
        ) from None
    if not all(map(math.isfinite, (w0, w1, b))):
        return math.nan, math.nan, math.nan
    largest = max(abs(w0), abs(w1), abs(b)) or 1.0
    return w0 / largest, w1 / largest, b / largest


def draw_lines(
    axes: Axes,
    lines: Mapping[str, Line],
    data: Iterable[Point],
    units: Sequence[float],
    colors: Theme,
) -> list[str]:
    """Draw the lines that cross the axes; say of each other one which side it shows.

    Args:
        axes: where to draw; they have their limits.
        lines: by name.
        data: points that names are to keep away from.
        units: what x and y are divided by before they are drawn.
        colors: the palette.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    taken = [
        ((x / units[0] - left) / (right - left), (y / units[1] - bottom) / (top - bottom))
        for x, y in data
    ]
    absent, ends = [], {}
    for name, line in lines.items():
        a, b, c = across(line, (left, right), (bottom, top), units)
        if found := crossing(a, b, c):
            ends[name] = found
        else:
            absent.append(f"{shorten(shown(name))}: {side(a / 2 + b / 2 + c)}")
    for name, (start, end) in ends.items():
        others = [other for key, other in ends.items() if key != name]
        (drawn,) = axes.plot(
            [start[0], end[0]], [start[1], end[1]],
            transform=axes.transAxes, color=colors.parameter.stroke, linewidth=1.6, zorder=2.5,
        )  # fmt: skip
        drawn.set_path_effects([Normal(), TickedStroke(spacing=9, angle=90, length=0.6)])
        place = best_place(start, end, others, taken)
        taken.append(place)
        text = axes.text(*place, shorten(shown(name), _LONGEST), transform=axes.transAxes, zorder=5)
        anchor = "left" if place[0] < 0.3 else "right" if place[0] > 0.7 else "center"
        text.set(ha=anchor, va="center", fontweight="bold", color=colors.parameter.stroke)
        text.set_bbox({"facecolor": colors.page, "edgecolor": "none", "pad": 1.5, "alpha": 0.85})
    more = len(absent) - _ABSENT
    return absent if more <= 0 else [*absent[:_ABSENT], f"and {more} more outside"]


def side(middle: float) -> str:
    """Which side of a line that is not in the picture the picture shows."""
    if math.isnan(middle):
        return "not finite"
    return f"{'+' if middle > 0 else '−' if middle < 0 else '0'} everywhere"


def across(line: Line, xs: Point, ys: Point, units: Sequence[float]) -> Line:
    """The line with x and y as shares of the axes."""
    size = max(units)
    w0, w1, b = line[0] * (units[0] / size), line[1] * (units[1] / size), line[2] / size
    return w0 * (xs[1] - xs[0]), w1 * (ys[1] - ys[0]), w0 * xs[0] + w1 * ys[0] + b


def crossing(a: float, b: float, c: float) -> tuple[Point, Point] | None:
    """Where a·u + b·v + c = 0 enters and leaves the unit square, its positive side at the left."""
    points = [(u, -(c + a * u) / b) for u in (0.0, 1.0) if b]
    points += [(-(c + b * v) / a, v) for v in (0.0, 1.0) if a]
    inside = [(u, v) for u, v in points if -1e-9 <= u <= 1 + 1e-9 and -1e-9 <= v <= 1 + 1e-9]
    if not inside:
        return None

    def along(point: Point) -> float:
        return b * point[0] - a * point[1]

    start, end = min(inside, key=along), max(inside, key=along)
    return (start, end) if math.dist(start, end) > 1e-3 else None


def best_place(start: Point, end: Point, others: Sequence[Any], taken: Sequence[Point]) -> Point:
    """Where on its line a name is farthest from all that it could cover."""

    def room(place: Point) -> float:
        near = [min(math.dist(place, point), _NEAR) for point in taken]
        near += [min(distance(place, *other), _NEAR) for other in others]
        return min(near, default=0.0)

    places = [
        (start[0] + s * (end[0] - start[0]), start[1] + s * (end[1] - start[1])) for s in _STOPS
    ]
    return max(places, key=lambda place: (room(place), -math.dist(place, end)))


def distance(place: Point, start: Point, end: Point) -> float:
    """From a point to a line."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    return abs((place[0] - start[0]) * dy - (place[1] - start[1]) * dx) / math.hypot(dx, dy)
