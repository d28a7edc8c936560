"""Pictures of what becomes of numbers from layer to layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

import numpy as np

from .curves import draw_curve
from .style import Plot

Runs = Iterable[Iterable[SupportsFloat]]


def draw_depth(
    runs: Mapping[str, Runs],
    *,
    theory: Mapping[str, Sequence[SupportsFloat]] | None = None,
    first: int = 1,
    title: str = "",
    x_label: str = "layer",
    y_label: str = "mean square",
    dark: bool = False,
) -> Plot:
    """A quantity of each layer, such as a variance or a gradient's norm, against depth.

    The vertical axis is logarithmic: what a layer multiplies with is a straight line. A curve is
    the geometric mean over the runs, and the band around it goes from the smallest of them to the
    largest. Where a run is not positive and finite the curve has a gap.

    Args:
        runs: for each name its runs, such as different random starts, each with a number for every
            layer.
        theory: for some of the names what is expected, a number for every layer: a dashed line.
        first: which layer the first number belongs to.
        title: what stands above.
        x_label: what the numbers run over.
        y_label: what the numbers are, with their unit.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if ``runs`` is no mapping, or a run is no row of numbers.
        ValueError: if there are no runs, they are of different lengths, or theory is of another
            length than its runs or belongs to none.
    """
    if not isinstance(runs, Mapping):
        raise TypeError(f"draw_depth() takes runs by their names, not {type(runs).__name__}")
    tables = {name: _table(name, rows) for name, rows in runs.items()}
    expected = {name: list(numbers) for name, numbers in (theory or {}).items()}
    for name, numbers in expected.items():
        if name in tables and len(numbers) != tables[name].shape[1]:
            layers = tables[name].shape[1]
            raise ValueError(f"theory of {name!r} has {len(numbers)} numbers for {layers} layers")

    def against_depth(numbers: Iterable[Any]) -> list[tuple[float, Any]]:
        return list(enumerate(numbers, start=first))

    several = any(len(table) > 1 for table in tables.values())
    remarks = ["band: all runs"] * several + ["dashed: theory"] * bool(expected)
    return draw_curve(
        {name: against_depth(_mean(table)) for name, table in tables.items()},
        bands={name: zip(*_ends(table), strict=True) for name, table in tables.items()},
        theory={name: against_depth(numbers) for name, numbers in expected.items()},
        title=title,
        x_label=x_label,
        y_label=y_label,
        log=True,
        remark="     ".join(remarks),
        dark=dark,
    )


def _table(name: str, rows: Runs) -> Any:
    """Runs as rows of an array; what a logarithmic axis cannot show is nan."""
    try:
        lists = [[float(x) for x in row] for row in rows]
    except (TypeError, ValueError):
        raise TypeError(
            f"runs {name!r} must be rows of numbers, one row for each run, not {rows!r:.60}"
        ) from None
    if not lists or not lists[0] or len({len(row) for row in lists}) > 1:
        raise ValueError(
            f"runs {name!r} must be at least one row, all with a number for each layer, not rows "
            f"of {[len(row) for row in lists]!r:.60}"
        )
    table = np.array(lists)
    return np.where(np.isfinite(table) & (table > 0), table, np.nan)


def _mean(table: Any) -> Any:
    """The geometric means of the columns."""
    return np.exp(np.log(table).mean(axis=0))


def _ends(table: Any) -> tuple[Any, Any]:
    """The smallest and the largest numbers of the columns."""
    return table.min(axis=0), table.max(axis=0)
