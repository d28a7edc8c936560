"""Pictures of a function over the plane, such as a loss, and of the paths that lead down it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator

from engine import no_grad

from .regions import RESOLUTION, Classifier, finite, takes_two
from .style import LARGE, MARGIN, SMALL, Plot, distinct, measured_in, shown, styled, titled, unit
from .text import short_number
from .theme import Theme, theme
from .words import Words, listed

Path = tuple[list[float], list[float], str]  # where it goes, and what becomes of it in the end

_AXES = 4.4  # inches that names leave to the axes
_HANDLE = 0.7  # inches beside a path's name
_LEVELS = 9
_LARGEST = 1e300  # of a height: matplotlib computes with differences
_TINT = 0.38  # of the highest places; the lowest have the colour of the page
_DOTS = 40  # on a path
_ENDS = "osD^vP"  # markers


def draw_surface(
    function: Classifier,
    x_range: Sequence[SupportsFloat],
    y_range: Sequence[SupportsFloat],
    paths: Mapping[str, Iterable[Iterable[SupportsFloat]]] | None = None,
    *,
    levels: Iterable[SupportsFloat] = (),
    title: str = "",
    x_label: str = "x",
    y_label: str = "y",
    dark: bool = False,
) -> Plot:
    """Contours of a function of two numbers, with their values, and paths across them.

    The lower, the nearer to the colour of the page; grey without contours is where the function is
    not finite. A path begins with a ring and ends with a sign of its own; the dots on it are equal
    numbers of steps apart, one step if it has few. It has a gap where it is not finite; if it ends
    so, its name says ``→ nan``.

    Args:
        function: a function ``(x, y) -> number``.
        x_range, y_range: the least and the greatest x and y shown.
        paths: points (x, y), by the names of what walked along them, such as optimisers.
        levels: the contours' values; by default nine between which there are equal areas.
        title: what stands above.
        x_label: what the horizontal axis is.
        y_label: what the vertical axis is.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if the function takes no two numbers, a range is no pair of numbers, the paths
            are no mapping, or a path is no points.
        ValueError: if a range is empty or not finite, or a path has no points.
    """
    if not takes_two(function):
        raise TypeError(
            "draw_surface() takes a function (x, y) -> number first, such as "
            f"lambda x, y: x**2 - y**2, not {type(function).__name__}"
        )
    (left, right), (bottom, top) = _range("x_range", x_range), _range("y_range", y_range)
    if paths is not None and not isinstance(paths, Mapping):
        raise TypeError(f"paths are points (x, y) by their names, not {type(paths).__name__}")
    units = unit((left, right)), unit((bottom, top))
    walks = {name: _path(name, points, units) for name, points in (paths or {}).items()}
    xs = np.linspace(left / units[0], right / units[0], RESOLUTION)
    ys = np.linspace(bottom / units[1], top / units[1], RESOLUTION)
    with no_grad():
        heights = np.array(
            [[_height(function, x * units[0], y * units[1]) for x in xs.tolist()]
             for y in ys.tolist()]
        )  # fmt: skip
    colors = theme(dark)
    with styled(colors):
        result = Plot(6.4, 3.8, colors)
        names = [result.extent(f"{name}{fate}") + _HANDLE for name, (*_, fate) in walks.items()]
        words = result.extent(title, LARGE), result.extent(x_label, weight="normal")
        result.grow(
            MARGIN + max(_AXES, *words) + max(names, default=0.0),
            max(MARGIN + result.extent(y_label, weight="normal"), 0.3 * len(names) + 0.5),
        )
        axes = result.add_subplot(xlabel=shown(x_label), ylabel=shown(y_label))
        titled(axes, title)
        _draw_heights(axes, xs, ys, heights, [float(level) for level in levels], colors)
        _draw_paths(result, axes, walks, colors)
        axes.set(xlim=(xs[0], xs[-1]), ylim=(ys[0], ys[-1]))
        axes.tick_params(length=3)
        for axis, size in zip((axes.xaxis, axes.yaxis), units, strict=True):
            axis.set_major_locator(MaxNLocator(6))
            measured_in(axis, size)
    result.words = _told(title, (x_label, y_label), (left, right, bottom, top), heights, walks)
    return result


def _told(
    title: str,
    labels: Sequence[str],
    ends: Sequence[float],
    heights: Any,
    walks: Mapping[str, Path],
) -> Words:
    """The surface in words: where it is, how high, and who walked on it."""
    axes = zip(labels, ends[::2], ends[1::2], strict=True)
    over = [f"{shown(x)} from {short_number(low)} to {short_number(high)}" for x, low, high in axes]
    told, known = [f"A function of {listed(over)}"], heights[np.isfinite(heights)]
    if len(known):
        told.append(f"Heights: {short_number(known.min())} to {short_number(known.max())}")
    if walks:
        told.append(f"Paths: {listed(f'{name}{fate}' for name, (*_, fate) in walks.items())}")
    return Words(shown(title) or "Contours", f"{'. '.join(told)}.")


def _height(function: Classifier, x: float, y: float) -> float:
    """The function's value; nan where Python's arithmetic finds none, as 1/0 or a number too large.

    The ends of the range may have grown by rounding, beyond the largest float.
    """
    try:
        return float(function(finite(x), finite(y)))
    except ArithmeticError:
        return math.nan


def _range(name: str, ends: Any) -> tuple[float, float]:
    """The ends of an axis."""
    try:
        low, high = map(float, ends)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is a pair of numbers (low, high), not {ends!r:.60}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} is a pair of finite numbers, low < high, not {ends!r:.60}")
    return low, high


def _path(name: str, points: Iterable[Iterable[SupportsFloat]], units: Sequence[float]) -> Path:
    """Where a path goes in the axes' units, with nan where it has a gap."""
    try:
        pairs = [(float(x), float(y)) for x, y in points]
    except (TypeError, ValueError):
        raise TypeError(f"path {name!r} must be points (x, y), not {points!r:.60}") from None
    if not pairs:
        raise ValueError(f"path {name!r} has no points")
    odd = [x for x in pairs[-1] if not math.isfinite(x)]
    pairs = [p if all(map(math.isfinite, p)) else (math.nan, math.nan) for p in pairs]
    xs, ys = ([p[i] / units[i] for p in pairs] for i in (0, 1))
    return xs, ys, f" → {odd[0]}" if odd else ""


def _draw_heights(
    axes: Axes, xs: Any, ys: Any, heights: Any, levels: list[float], colors: Theme
) -> None:
    """Tints and contours, with their values."""
    _draw_gaps(axes, xs, ys, ~np.isfinite(heights), colors)
    known = heights[np.isfinite(heights)].clip(-_LARGEST, _LARGEST)
    if not len(known):
        return
    surface = np.ma.masked_invalid(heights).clip(-_LARGEST, _LARGEST)
    low, high = float(known.min()), float(known.max())
    inner, digits = _levels(known, levels)
    inner = [level for level in inner if low < level < high]
    if not inner:  # a plain
        return
    tints: Any = [(colors.zero, _TINT * i / len(inner)) for i in range(len(inner) + 1)]
    axes.contourf(xs, ys, surface, levels=[low, *inner, high], colors=tints)
    contours = axes.contour(xs, ys, surface, levels=inner, colors=[colors.zero], linewidths=0.8)
    contours.set(linestyle="-")
    labels = {level: short_number(level, digits) for level in inner}
    for text in axes.clabel(contours, fmt=labels, fontsize=SMALL - 1, colors=colors.muted):
        text.set_zorder(2.5)
        text.set_path_effects([Stroke(linewidth=2, foreground=colors.page), Normal()])


def _draw_gaps(axes: Axes, xs: Any, ys: Any, gaps: Any, colors: Theme) -> None:
    """Grey where there is no height, and between that and the last place where there is one."""
    around = np.pad(gaps, 1)
    rows, columns = gaps.shape
    wide = np.any(
        [around[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0
    )
    grey = np.full((*gaps.shape, 3), to_rgb(colors.zero))
    axes.imshow(
        grey, alpha=np.where(wide, 0.26, 0.0), extent=(xs[0], xs[-1], ys[0], ys[-1]),
        origin="lower", aspect="auto",
    )  # fmt: skip


def _levels(known: Any, wanted: list[float]) -> tuple[list[float], int]:
    """The contours' values, and how many digits tell them apart."""
    exact = wanted or np.quantile(known, np.linspace(0, 1, _LEVELS + 2)[1:-1]).tolist()
    exact = sorted({level for level in exact if math.isfinite(level)})
    for digits in range(2, 18):
        rounded = {float(f"{level:.{digits - 1}e}") for level in exact}
        if len(rounded) == len(exact):
            break
    return (exact if wanted else sorted(rounded)), digits


def _draw_paths(result: Plot, axes: Axes, walks: Mapping[str, Path], colors: Theme) -> None:
    hues, handles = distinct(colors), []
    for number, (name, (xs, ys, fate)) in enumerate(walks.items()):
        hue, end = hues[number % len(hues)], _ENDS[number % len(_ENDS)]
        width = 1.6 + 1.2 * max(0, min(len(walks), 4) - 1 - number)  # all show, one on another
        axes.plot(xs, ys, color=hue, linewidth=width, zorder=3)
        every = max(1, math.ceil(len(xs) / _DOTS))
        dots: Any = {"linestyle": "", "color": hue, "markeredgecolor": colors.page}
        axes.plot(
            xs[::every], ys[::every], marker="o", markersize=4 + width / 2, zorder=3.5, **dots
        )
        axes.plot(xs[-1:], ys[-1:], marker=end, markersize=10, zorder=4, **dots)
        ring: Any = {
            "markerfacecolor": "none",
            "markeredgecolor": colors.ink,
            "markeredgewidth": 1.6,
        }
        axes.plot(xs[:1], ys[:1], marker="o", markersize=11, zorder=5, **ring)
        handles.append(Line2D([], [], marker=end, label=shown(name) + fate, color=hue, linewidth=2))
    if handles:
        result.legend(
            handles=handles, loc="outside right upper", frameon=False, labelcolor=colors.ink
        )
