"""Pictures of which classes a classifier takes for which."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, SupportsIndex

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from .style import LARGE, SMALL, Plot, shown, styled, titled
from .text import shorten
from .theme import Theme, theme
from .words import Words, listed

_CELL, _WIDEST, _FEW = 0.42, 1.1, 5  # inches: a cell; one of few classes; how many


def draw_confusion(
    counts: Sequence[Sequence[SupportsIndex]],
    names: Sequence[str] = (),
    *,
    title: str = "",
    dark: bool = False,
) -> Plot:
    """A confusion matrix: a row for each true class, a column for each answer.

    The diagonal, in green, counts the right answers; what is beside it, framed and in red, the
    wrong ones. A cell is the stronger, the larger its share in its row. At the right of a row
    stands how many of its class were recognised, above the matrix how many in all.

    Args:
        counts: n rows of n whole numbers: ``counts[i][j]`` samples of class i were taken for j.
        names: the classes' names; their numbers by default.
        title: what stands above.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if a count is no whole number.
        ValueError: if the matrix is empty or not square, a count is negative, or there is not one
            name for each class.
    """
    table = _checked(counts)
    n = len(table)
    names = [shorten(shown(name)) for name in names or range(n)]
    if len(names) != n:
        raise ValueError(f"{len(names)} names for {n} classes: {list(names)!r:.60}")
    colors = theme(dark)
    with styled(colors):
        result = Plot(_CELL * n + 2.0, _CELL * n + 1.2, colors)
        widest = max(result.extent(name, weight="normal") for name in names)
        level = n <= _FEW and widest + 0.15 <= _WIDEST  # there is room for names side by side
        cell = max(_CELL, widest + 0.15) if level else _CELL
        axes = result.add_subplot(xlabel="answer", ylabel="class")
        axes.imshow(_shades(table, colors), interpolation="nearest")
        upright = widest > cell - 0.05  # too wide to stand side by side
        remark = f"{table.trace()} of {table.sum()} right"
        above = result.extent(title, LARGE), result.extent(remark)
        titled(axes, title, remark, lines=1 + (sum(above) > cell * n))
        result.grow(max(cell * n, *above) + widest + 1.6, cell * n + 1.4 + upright * widest)
        axes.set_anchor("W")  # below the beginning of its title
        axes.set_xticks(range(n), names, rotation=90 * upright)
        axes.set_yticks(range(n), names)
        axes.tick_params(which="both", length=0)
        axes.set_xticks(np.arange(1, n) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, n) - 0.5, minor=True)
        axes.grid(which="minor", color=colors.faint, linewidth=0.6)
        axes.spines[:].set_color(colors.faint)
        for (row, column), count in np.ndenumerate(table):
            if count:
                text = axes.text(column, row, str(count), ha="center", va="center")
                text.set(fontweight="bold" if row != column else "normal")
            if count and row != column:  # the colour is not the only sign of a mistake
                corner = (column - 0.47, row - 0.47)
                axes.add_patch(
                    Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=colors.alert, linewidth=1)
                )
        for row in range(n):
            axes.text(n - 0.35, row, f"{table[row, row]} of {table[row].sum()}", va="center").set(
                color=colors.muted, fontsize=SMALL - 1
            )
    if not dark:
        result.in_the_dark = partial(draw_confusion, table.tolist(), names, title=title, dark=True)
    right, every = table.trace(), table.sum()
    wrong = [(n, *place) for place, n in np.ndenumerate(table) if n and place[0] != place[1]]
    worst = [f"{n} of {names[i]} taken for {names[j]}" for n, i, j in sorted(wrong)[::-1]]
    result.words = Words(
        shown(title) or "Confusion matrix",
        f"{len(names)} classes; {right} of {every} right. {listed(worst, 4)}".strip() + ".",
    )
    return result


def _checked(counts: Sequence[Sequence[SupportsIndex]]) -> Any:
    """The counts as a square array."""
    try:
        rows = [[count.__index__() for count in row] for row in counts]
    except (TypeError, AttributeError):
        raise TypeError(
            f"draw_confusion() takes rows of whole numbers, not {counts!r:.60}"
        ) from None
    if not rows or {len(row) for row in rows} != {len(rows)}:
        raise ValueError(
            f"a confusion matrix has as many columns as rows, and at least one: {rows!r:.60}"
        )
    table = np.array(rows, dtype=object)  # whole numbers of any size
    if (table < 0).any():
        raise ValueError(f"a count is at least 0, not {table.min()}")
    return table


def _shades(table: Any, colors: Theme) -> Any:
    """A colour for each cell, by its share in its row; the smallest share can still be seen."""
    page, right, wrong = map(
        np.array, map(to_rgb, (colors.page, colors.input.stroke, colors.alert))
    )
    share = (table / np.maximum(table.sum(1, keepdims=True), 1)).astype(float)
    strength = np.where(share > 0, 0.12 + 0.33 * share**0.5, 0.0)[..., None]
    hue = np.where(np.eye(len(table), dtype=bool)[..., None], right, wrong)
    return page + strength * (hue - page)
