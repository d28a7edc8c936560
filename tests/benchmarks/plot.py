"""Cost against size, as a picture with a panel for each sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from viz.style import Plot, rendered, styled, titled
from viz.theme import Theme, theme

from .report import duration
from .results import GC_OFF, Result, spread
from .sizes import SWEEPS, Sweep

APART = 0.055  # of a panel's height, between the names of two curves
NARROW = 30  # the largest time in terms of the smallest, below which powers of ten are too few


def draw(done: Mapping[str, Sequence[Result]], file_format: str) -> bytes:
    """The panels of all sweeps that were measured, as a file of that format."""
    colors = theme(False)
    panels = {
        name: [result for result in done[name] if result.size is not None]
        for name in SWEEPS
        if done.get(name)
    }
    with styled(colors):
        plot = Plot(5.0 * max(len(panels), 1), 4.2, colors)
        plot.set_layout_engine("constrained", w_pad=0.15, h_pad=0.1)
        for place, (name, results) in enumerate(panels.items(), start=1):
            axes = plot.add_subplot(1, len(panels), place)
            draw_panel(axes, SWEEPS[name], results, colors)
    return rendered(plot, file_format)


def draw_panel(axes: Axes, sweep: Sweep, results: Sequence[Result], colors: Theme) -> None:
    """One sweep: a curve for every side, with its name at the end."""
    titled(axes, f"Time per {sweep.per}")
    axes.set(xscale="log", yscale="log", xlabel=f"{sweep.axis}: {sweep.title}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=colors.faint, linewidth=0.7)
    axes.set_axisbelow(True)
    ends = []
    for side in dict.fromkeys(side for result in results for side in result.timings.times):
        points = [
            (result.size or 1, sweep.cost(result.medians()[side], result.size or 1))
            for result in results
            if side in result.timings.times
        ]
        look = curve(side, colors)
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, linewidth=1.8, **look)
        ends.append((points[-1], side, look["color"]))
    sizes = [result.size or 1 for result in results]
    axes.set_xticks(sizes, [tick(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    times = [float(y) for line in axes.lines for y in np.asarray(line.get_ydata())]
    digits = (1, 2, 5) if spread(times) < NARROW else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=digits))
    axes.yaxis.set_major_formatter(lambda y, _: duration(y).replace(".00", "").replace(".0", ""))
    axes.yaxis.set_minor_locator(NullLocator())
    name_ends(axes, ends)


def curve(side: str, colors: Theme) -> dict[str, Any]:
    """How a side's curve looks: one hue for a library, dashed with the collector off."""
    hues = {
        "gradpath replay": colors.parameter.stroke,
        "gradpath": colors.plus,
        "micrograd": colors.minus,
        "jax": colors.input.stroke,
        "torch": colors.minus,
        "autograd": colors.zero,
    }
    hue = next(hue for name, hue in hues.items() if side.startswith(name))
    return {"color": hue, "linestyle": "--" if side.endswith(GC_OFF) else "-"}


def tick(size: int) -> str:
    """A size at the axis, short."""
    return f"{size // 1_000_000}M" if size >= 1_000_000 else f"{size:,}"


def name_ends(axes: Axes, ends: Sequence[tuple[tuple[float, float], str, str]]) -> None:
    """Write every name right of its curve's end, or just above the name below."""
    axes.autoscale_view()
    place = axes.transData + axes.transAxes.inverted()
    free = 0.0
    for (x, y), name, hue in sorted(ends, key=lambda end: end[0][1]):
        across, height = place.transform((x, y))
        height = max(free, float(height))
        free = height + APART
        axes.text(across + 0.02, height, name, color=hue, transform=axes.transAxes,
                  ha="left", va="center", fontweight="bold")  # fmt: skip
