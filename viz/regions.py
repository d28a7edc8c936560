"""Pictures of what classifiers make of the plane."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from engine import no_grad

from .halfplanes import checked_line, draw_lines
from .style import (
    LARGE,
    MARGIN,
    Plot,
    keyed,
    measured_in,
    shown,
    styled,
    ticked,
    tinted,
    titled,
    unit,
)
from .theme import Theme, theme
from .words import Words, counted, listed

Classifier = Callable[[float, float], SupportsFloat]

RESOLUTION = 81  # scores along each side of a region
_MARGIN = 0.25  # of the points' range, around them
_PANELS = 4  # side by side
_PANEL, _SMALL = 3.6, 2.6  # inches: a panel, and one of four or more
_DOT = 70.0  # points²
_SHARE = 0.8  # of a panel's width that its axes have
_MANY = 1_000  # points that are not on their side, above which nobody asks how near they are
_KEY = 1.7  # inches that the signs' explanation needs beside a remark
_LINE = 0.22  # inches


def draw_regions(
    classifiers: Classifier | Mapping[str, Classifier],
    points: Iterable[Iterable[SupportsFloat]],
    classes: Iterable[SupportsFloat],
    *,
    lines: Mapping[str, Sequence[SupportsFloat]] | None = None,
    x_label: str = "x",
    y_label: str = "y",
    verdict: bool = True,
    dark: bool = False,
) -> Plot:
    """Where in the plane each classifier says + and where −, with the data it is to tell apart.

    A region has the colour of its sign, the stronger the larger the |score|; the line between them
    is where the score is 0. Filled points are of class +, hollow ones of class −, and a diamond is
    around those that are not on their side: on the other one, or where the score is 0 or nan.

    Args:
        classifiers: a function ``(x, y) -> score``, or several by the titles of their panels.
        points: the data, as pairs (x, y).
        classes: for each point a number that is > 0 for class +, and not for class −.
        lines: for each name three numbers (w0, w1, b), such as a hidden neuron's weights and bias:
            the line on which w0·x + w1·y + b is 0, with ticks on the side where it is positive.
            What is not 0 anywhere in the picture is named below it.
        x_label: what the plane's horizontal axis is.
        y_label: what its vertical axis is.
        verdict: whether to count and frame the points; without it the functions need be no
            classifiers.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if a classifier is no function of two numbers, or a line is no three numbers.
        ValueError: if there are no classifiers or points, not one class for each point, or a point
            is not finite.
    """
    panels = classifiers if isinstance(classifiers, Mapping) else {"": classifiers}
    for title, classifier in panels.items():
        if not takes_two(classifier):
            raise TypeError(
                f"classifier {title!r} must be a function (x, y) -> score, such as "
                f"lambda x, y: model([x, y]), not {type(classifier).__name__}"
            )
    data = [(float(x), float(y)) for x, y in points]
    positive = [float(c) > 0 for c in classes]
    if not panels or not data or len(positive) != len(data):
        raise ValueError(
            "draw_regions() takes at least one classifier, at least one point and one class for "
            f"each point, not {len(panels)}, {len(data)} and {len(positive)}"
        )
    odd = [point for point in data if not all(map(math.isfinite, point))]
    if odd:
        raise ValueError(f"draw_regions() takes points in the plane, not {odd[0]}")
    if lines is not None and not isinstance(lines, Mapping):
        raise TypeError(f"lines are (w0, w1, b) by their names, not {type(lines).__name__}")
    known = {name: checked_line(name, line) for name, line in (lines or {}).items()}
    colors = theme(dark)
    panel = _PANEL if len(panels) < _PANELS else _SMALL
    with styled(colors), no_grad():
        result = Plot(panel, panel + 0.5, colors)
        titles = max(result.extent(title, LARGE) for title in panels)
        remark = result.extent(f"{len(data)} of {len(data)} right") if verdict else 0.0
        stories = 1 + (titles + remark > panel - MARGIN)
        label_x, label_y = (result.extent(x, weight="normal") for x in (x_label, y_label))
        width = max(panel, MARGIN + titles, MARGIN + label_x)
        height = max(panel + 0.1, MARGIN + label_y)
        columns = max(1, min(len(panels), int(_PANELS * panel / width)))
        rows = math.ceil(len(panels) / columns)
        told = []
        result.grow(width * columns, (height + 0.25 * (stories - 1)) * rows + 0.6)
        for number, (title, classifier) in enumerate(panels.items(), 1):
            axes = result.add_subplot(rows, columns, number)
            axes.set(xlabel=shown(x_label), ylabel=shown(y_label))
            titled(axes, title, lines=stories)
            _draw_plane(axes, classifier, data, colors)
            coordinates = [x for point in data for x in point]
            ticks = 6 if panel == _PANEL else 3
            for axis in (axes.xaxis, axes.yaxis):  # equal ranges get equal ticks
                axis.set_major_locator(MaxNLocator(ticks))
                ticked(axis, coordinates, ticks)
            _draw_points(axes, data, positive, colors)
            absent = draw_lines(axes, known, data, _units(data), colors)
            if verdict:
                verdicts = _judge(axes, classifier, data, positive, panel, colors)
                titled(axes, title, verdicts, lines=stories)
                told.append(f"{shown(title)}: {verdicts}".lstrip(": "))
        remarks = ["◇ not on its side"] if verdict else []
        remarks += ["ticks: the positive side", *absent] if known else []
        keyed(result, colors, side_by_side(result, remarks), linestyle="", marker="o")
    inside = f"{counted(len(data), 'point')}, {sum(positive):,} of them of class +"
    drawn = [f"lines {listed(known)}"] if known else []
    result.words = Words(
        "Where in the plane it is + and where −", f"{'. '.join([inside, *told, *drawn, *absent])}."
    )
    return result


def side_by_side(plot: Plot, remarks: Sequence[str]) -> str:
    """Remarks for below a plot, one below the other where they have no room in a line."""
    room, row = plot.get_figwidth() - _KEY, "     ".join(remarks)
    if sum(map(plot.extent, remarks)) + 0.3 * len(remarks) < room:
        return row
    widest = max(map(plot.extent, remarks))
    wider = max(0.0, widest + _KEY - plot.get_figwidth())  # the axes are square
    plot.grow(widest + _KEY, plot.get_figheight() + _LINE * (len(remarks) - 1) + wider)
    return "\n".join(remarks)


def takes_two(classifier: object) -> bool:
    """Whether it is a function that can be called with two numbers."""
    if not callable(classifier):
        return False
    try:
        inspect.signature(classifier).bind(0.0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a function that does not tell what it takes
        return True
    return True


def _draw_plane(
    axes: Axes, classifier: Classifier, data: Sequence[tuple[float, float]], colors: Theme
) -> None:
    units = _units(data)
    xs, ys = (_around([point[i] / units[i] for point in data]) for i in (0, 1))
    columns, rows = [finite(x * units[0]) for x in xs], [finite(y * units[1]) for y in ys]
    scores = np.array([[float(classifier(x, y)) for x in columns] for y in rows])
    scores = scores.clip(-1e99, 1e99)
    usual = np.median(np.abs(np.nan_to_num(scores))) or 1.0
    axes.imshow(
        **tinted(np.tanh(scores / usual), colors),
        extent=(xs[0], xs[-1], ys[0], ys[-1]),
        origin="lower",
        interpolation="bilinear",
        aspect="auto",
    )
    if (scores < 0).any() and (scores > 0).any():
        axes.contour(xs, ys, scores, levels=[0], colors=[colors.ink], linewidths=1.6)
    axes.set_box_aspect(1)
    axes.set_anchor("W")  # below the beginning of its title
    axes.tick_params(length=3)
    for axis, size in zip((axes.xaxis, axes.yaxis), units, strict=True):
        measured_in(axis, size)


def _units(data: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What the points' coordinates are divided by before they are drawn."""
    return unit(x for x, _ in data), unit(y for _, y in data)


def finite(x: float) -> float:
    """The number, or the largest one of its sign."""
    return max(-sys.float_info.max, min(x, sys.float_info.max))


def _draw_points(
    axes: Axes, data: Sequence[tuple[float, float]], positive: Sequence[bool], colors: Theme
) -> None:
    (px, py), plus = (np.array(data) / _units(data)).T, np.array(positive)
    size = _dot(len(data))
    dots: Any = {"s": size, "linewidth": 2 * (size / _DOT) ** 0.5, "zorder": 3}
    axes.scatter(px[plus], py[plus], color=colors.plus, **dots)
    axes.scatter(px[~plus], py[~plus], facecolor=colors.page, edgecolor=colors.minus, **dots)


def _judge(
    axes: Axes,
    classifier: Classifier,
    data: Sequence[tuple[float, float]],
    positive: Sequence[bool],
    panel: float,
    colors: Theme,
) -> str:
    """Frame the points that are not on their side, and count the others."""
    scores = [float(classifier(x, y)) for x, y in data]
    right = [s > 0 if plus else s < 0 for s, plus in zip(scores, positive, strict=True)]
    (px, py), wrong = (np.array(data) / _units(data)).T, ~np.array(right)
    places, size = np.stack([px, py], -1)[wrong], _dot(len(data))
    areas, line = _frames(axes, places, size, panel), (size / _DOT) ** 0.5
    frame: Any = {"marker": "D", "facecolor": "none", "s": areas}
    axes.scatter(*places.T, edgecolor=colors.page, linewidth=4.2 * line, zorder=2.9, **frame)
    axes.scatter(*places.T, edgecolor=colors.alert, linewidth=1.7 * line, zorder=4, **frame)
    return f"{sum(right)} of {len(right)} right"


def _frames(axes: Axes, places: Any, dot: float, panel: float) -> Any:
    """The areas of diamonds around these points: as small as need be to keep them apart.

    Two diamonds touch where |Δx| + |Δy| is the sum of half their diagonals.
    """
    width = math.sqrt(dot)
    least, most = 1.3 * width + 1, 1.5 * width + 2
    if not 0 < len(places) <= _MANY:
        return least**2
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    flat = 72 * _SHARE * panel * (places - (left, bottom)) / (right - left, top - bottom)
    apart = np.abs(flat[:, None] - flat[None]).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    return np.clip(apart.min(axis=1, initial=np.inf) / math.sqrt(2) - 2, least, most) ** 2


def _dot(points: int) -> float:
    """How large a point is drawn: the smaller, the more there are, as their area is the plane's."""
    return _DOT * math.sqrt(min(1.0, 40 / points))


def _around(values: Sequence[float]) -> list[float]:
    """Evenly spaced numbers from below the least of the values to above the greatest."""
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or max(1.0, 1e-6 * abs(high))
    step = (high - low + 2 * margin) / (RESOLUTION - 1)
    return [low - margin + step * i for i in range(RESOLUTION)]
