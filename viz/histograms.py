"""Pictures of how numbers are distributed, and how that changes over training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .style import LARGE, SMALL, Plot, measured_in, shown, styled, ticked, titled, unit
from .text import short_number
from .theme import Theme, theme
from .words import Words

Records = Iterable[tuple[object, Any]]

MOST_ROWS = 7  # histograms above each other
_BINS = 40
_OUTSIDE = 0.5  # per cent of a row's numbers that may lie beyond either end of the axis
_TALLEST = 0.88  # height of a bar, in distances between rows
_PANEL, _LEAST, _ROW = 2.9, 6.4, 0.4  # inches: the width of panels and of one alone; a row
_COLUMNS = 3
_ZEROS = 0.1  # a share of zeros that is worth mentioning


class Row(NamedTuple):
    """The numbers at one time.

    Attributes:
        name: the time, as it is written.
        numbers: those that are finite, divided by the unit of their axis.
        said: how wide they are spread, and how many are 0 or not finite.
        lost: whether there are such.
    """

    name: str
    numbers: Any
    said: str
    lost: bool


def draw_histograms(
    records: Records | Mapping[str, Records],
    *,
    title: str = "",
    x_label: str = "value",
    y_label: str = "epoch",
    dark: bool = False,
) -> Plot:
    """Histograms of weights, activations or gradients, one below the other as time goes on.

    Numbers below 0 and above 0 have the colours of their signs; the narrow bin around 0 is grey and
    cut off at the height of the others, of which the highest is as high as there is room. At the
    right of a row stands σ, the standard deviation of its numbers, how many of them are exactly 0,
    if that is a tenth or more, and how many are nan or infinite. The axis covers at least 99 % of
    the numbers of every row. Of more than seven rows, seven are shown: the first, the last and
    others evenly between.

    Args:
        records: pairs of an epoch (or any other name) and its numbers, an array of any shape or
            a list of numbers or arrays; or such pairs for several panels, by their titles.
        title: what stands above; several panels have theirs.
        x_label: what the numbers are, with their unit.
        y_label: what the rows are.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if the records are no pairs, or what belongs to an epoch is no numbers.
        ValueError: if there are no records, an epoch has no numbers, or none at all is finite.
    """
    panels = dict(records) if isinstance(records, Mapping) else {title: records}
    if not panels:
        raise ValueError("draw_histograms() takes at least one pair (epoch, numbers)")
    read = {name: _read(name, pairs) for name, pairs in panels.items()}
    tallest = max(len(rows) for rows, _ in read.values())
    colors = theme(dark)
    with styled(colors):
        columns = min(len(read), _COLUMNS)
        lines = math.ceil(len(read) / columns)
        result = Plot(_LEAST, 3.8, colors)
        names = max(result.extent(row.name) for rows, _ in read.values() for row in rows)
        heads = max(result.extent(name, LARGE) for name in panels)
        words = result.extent(x_label, weight="normal")
        width = max(_PANEL, heads, words) + max(0.0, names - 0.5)
        height = max(_ROW * tallest, result.extent(y_label, weight="normal")) + 1.2
        result.grow(columns * width, lines * height)
        if isinstance(records, Mapping) and title:
            result.suptitle(shown(title), x=0.01, ha="left", fontsize=LARGE, fontweight="bold")
        for number, (name, (rows, size)) in enumerate(read.items(), 1):
            axes = result.add_subplot(lines, columns, number)
            axes.set(
                xlabel=shown(x_label), ylabel=shown(y_label) if (number - 1) % columns == 0 else ""
            )
            titled(axes, name)
            measured_in(axes.xaxis, size)
            _draw_rows(axes, rows, colors)
    told = []
    for name, (rows, _) in read.items():
        said = [f"{shown(y_label)} {row.name}: {', '.join(row.said.splitlines())}" for row in rows]
        told.append(f"{shown(name)}: {'; '.join(said)}.".removeprefix(": "))
    result.words = Words(shown(title) or f"Histograms of {shown(x_label)}", " ".join(told))
    return result


def _read(title: str, pairs: Records) -> tuple[list[Row], float]:
    """The rows of a panel, and the unit of their numbers."""
    where = f" of panel {title!r:.60}" if title else ""
    try:
        found = [(name, numbers) for name, numbers in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            f"draw_histograms() takes pairs (epoch, numbers), or a mapping of titles to such "
            f"pairs, not {pairs!r:.60}{where}"
        ) from None
    if not found:
        raise ValueError(f"draw_histograms() takes at least one pair (epoch, numbers){where}")
    columns = [(name, _numbers(name, numbers, where)) for name, numbers in found]
    finite = [column[np.isfinite(column)] for _, column in columns]
    if not any(map(len, finite)):
        raise ValueError(f"no number{where} is finite")
    size = unit(x for column in finite if len(column) for x in (column.min(), column.max()))
    chosen = np.unique(np.linspace(0, len(columns) - 1, MOST_ROWS).round().astype(int))
    return [_row(columns[i][0], columns[i][1], size) for i in chosen], size


def _row(name: object, column: Any, size: float) -> Row:
    """A row and what is said about it."""
    finite = column[np.isfinite(column)]
    numbers, lost = finite / size, len(column) - len(finite)
    largest = np.abs(numbers).max(initial=0.0) or 1.0  # so that no square is too large for a float
    spread = float((numbers / largest).std()) * largest * size if len(numbers) else 0.0
    said = [f"σ {short_number(spread, 2)}"] if len(numbers) else []
    zeros = np.count_nonzero(column == 0) / len(column)
    said += [f"{100 * zeros:.0f} % are 0"] if zeros >= _ZEROS else []
    said += [f"{lost} not finite"] if lost else []
    return Row(_name(name), numbers, "\n".join(said[-2:]), lost > 0)


def _numbers(name: object, numbers: Any, where: str) -> Any:
    """The numbers of an epoch, end to end."""
    try:
        column = _flat(numbers)
    except (TypeError, ValueError):
        raise TypeError(
            f"the numbers of epoch {name!r:.40}{where} must be an array or a list of numbers, "
            f"not {numbers!r:.60}"
        ) from None
    if not len(column):
        raise ValueError(f"epoch {name!r:.40}{where} has no numbers")
    return column


def _flat(numbers: Any) -> Any:
    """All numbers in arrays and lists of any shapes, end to end."""
    try:
        array = np.asarray(numbers)
    except ValueError:  # lists of different lengths
        array = None
    if array is not None and array.dtype.kind in "biuf":
        return array.astype(float).ravel()
    if isinstance(numbers, (list, tuple)) and numbers:
        return np.concatenate([_flat(part) for part in numbers])
    if array is not None and array.dtype.kind == "O" and array.ndim:
        return np.array([float(x) for x in array.ravel()])
    if array is not None and array.ndim:
        raise TypeError(f"an array of {array.dtype} holds no real numbers")
    return np.array([float(numbers)])


def _name(epoch: object) -> str:
    """An epoch as it is written; whole numbers may have come as floats."""
    return shown(f"{epoch:g}" if isinstance(epoch, float) else epoch)


def _draw_rows(axes: Axes, rows: list[Row], colors: Theme) -> None:
    edges = _edges(rows)
    middles = (edges[1:] + edges[:-1]) / 2
    signs = np.where(2 * np.abs(middles) < edges[1] - edges[0], 0, np.sign(middles))
    for place, row in enumerate(rows):
        counts = np.histogram(row.numbers, edges)[0]
        highest = counts[signs != 0].max() or counts.max() or 1
        heights = _TALLEST * np.minimum(counts / highest, 1) - place
        for sign, hue in ((-1, colors.minus), (0, colors.zero), (1, colors.plus)):
            (here,) = np.nonzero(signs == sign)
            if len(here):
                bars, ends = heights[here], edges[here[0] : here[-1] + 2]
                axes.stairs(bars, ends, baseline=-place, fill=True, color=hue)
        axes.axhline(-place, color=colors.faint, linewidth=0.7, zorder=1)
        said = axes.text(1.01, -place, row.said, transform=axes.get_yaxis_transform())
        said.set(color=colors.alert if row.lost else colors.muted, va="bottom")
        said.set(fontsize=SMALL - 1, linespacing=1.05)
    axes.set_yticks([-place for place in range(len(rows))], [row.name for row in rows])
    axes.set_ylim(-len(rows) + 0.9, 1)
    axes.set_xlim(edges[0], edges[-1])
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ticked(axes.xaxis, (float(x) for row in rows for x in row.numbers), 5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="x", length=3)
    axes.tick_params(axis="y", length=0)


def _edges(rows: list[Row]) -> Any:
    """The ends of the bins, which are the same for all rows; 0 is in the middle of one."""
    ends = [_OUTSIDE, 100 - _OUTSIDE]
    inner = [np.percentile(row.numbers, ends) for row in rows if len(row.numbers)]
    low, high = min(a for a, _ in inner), max(b for _, b in inner)
    room, largest = 0.04 * (high - low), max(abs(low), abs(high))
    if high - low <= max(1e-9 * largest, 1e-290):  # all the same
        room = 0.5 * largest if largest > 1e-290 else 1.0
    width = (high - low + 2 * room) / _BINS
    first, last = math.floor((low - room) / width), math.ceil((high + room) / width)
    return (np.arange(first, last + 2) - 0.5) * width
