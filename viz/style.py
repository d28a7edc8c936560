"""How plots look: matplotlib figures in the palette and typeface of the graph pictures.

This module and the plots above it need matplotlib; nothing else imports them until they are used.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from .notebook import in_cell
from .text import printable, raised, short_number, shorten
from .theme import LIGHT, SANS, Theme
from .words import Words, described

_SHARP, _TINTS = 200.0, 120.0  # dots per inch of a file, and of pixels in an SVG
_NOTEBOOK = 120  # dots per inch of the image that a notebook keeps
LARGE, SMALL = 12, 9  # points: titles, and all other text
MARGIN = 0.9  # inches at the left of axes: their ticks and their label
_ENORMOUS = 1e290
_WHOLE = 1e9  # below it, whole numbers are counts
_HINTING = 1.03  # a text may be that much wider at the resolution of a file than on the screen
_BOXES = "Glyph .* missing from"  # a box takes the place of such a character
_REPEATABLE: Any = {"svg.hashsalt": "gradpath", "pdf.fonttype": 42}
_UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


@contextmanager
def styled(theme: Theme) -> Iterator[None]:
    """Matplotlib's own defaults and ours, whatever the user has set; afterwards theirs again."""
    installed = set(fontManager.get_font_names())
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": [name for name in SANS if name in installed],
                "font.size": SMALL,
                "text.color": theme.ink,
                "text.parse_math": False,  # a name with two dollars is no formula
                "axes.facecolor": theme.page,
                "axes.edgecolor": theme.zero,
                "axes.labelcolor": theme.muted,
                "xtick.color": theme.zero,
                "ytick.color": theme.zero,
                "xtick.labelcolor": theme.muted,
                "ytick.labelcolor": theme.muted,
                "legend.labelcolor": theme.muted,
            }
        )
        yield


class Plot(Figure):
    """A figure that no pyplot state knows of; a notebook shows it all the same."""

    def __init__(self, width: float, height: float, theme: Theme) -> None:
        """An empty figure of a size in inches."""
        super().__init__(figsize=(width, height), facecolor=theme.page, layout="constrained")

    def extent(self, text: str, size: float = SMALL, weight: str = "bold") -> float:
        """How wide a text is, in inches, in the font that this machine has for it."""
        probe = self.text(0, 0, shown(text), fontsize=size, fontweight=weight)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", _BOXES)
            width = probe.get_window_extent().width / self.dpi
        probe.remove()
        return _HINTING * float(width)

    def grow(self, width: float, height: float = 0.0) -> None:
        """Make it at least so wide and high, in inches."""
        self.set_size_inches(max(width, self.get_figwidth()), max(height, self.get_figheight()))

    words = Words("Plot drawn by gradpath", "")
    """What the plot shows, in words: in an SVG its title and description."""

    in_the_dark: Callable[[], Plot] | None = None
    """The same plot on a dark page; None if that is a matter of colours alone, or it is dark."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.words}>"

    def _repr_png_(self) -> bytes:
        return rendered(self, "png")

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        light = to_hex(self.get_facecolor()).upper() == LIGHT.page
        svg, png = (rendered(self, kind, _NOTEBOOK) for kind in ("svg", "png"))
        dark = rendered(self.in_the_dark(), "svg", _NOTEBOOK).decode() if self.in_the_dark else ""
        return in_cell(svg.decode(), png, self.words, follows=light, dark=dark)


def titled(axes: Axes, title: str, remark: str = "", *, lines: int = 1) -> None:
    """Write the user's title at the left above the axes, and a remark at the right.

    In two lines, where both have no room in one.
    """
    axes.set_title(remark, loc="right", fontsize=SMALL, pad=8)
    text = axes.set_title(shown(title), loc="left", fontsize=LARGE, fontweight="bold", pad=8)
    inches: Any = axes.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]
    lift = (lines - 1) * 1.3 * LARGE / 72
    text.set_transform(text.get_transform() + ScaledTranslation(0, lift, inches))


def keyed(plot: Plot, theme: Theme, remark: str, **marker: Any) -> None:
    """Explain below the figure how signs look, as lines or in the given marker, and a remark."""
    hollow: Any = {"markerfacecolor": theme.page, "markeredgewidth": 2}
    plus = Line2D([], [], color=theme.plus, linewidth=3, label="+", **marker)
    minus = Line2D([], [], color=theme.minus, linewidth=3, label="−", **hollow, **marker)
    handles = [plus, minus, Line2D([], [], linestyle="", label=remark)]
    plot.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)


def distinct(theme: Theme) -> tuple[str, ...]:
    """The colours of things that are told apart by nothing but their names."""
    return theme.plus, theme.minus, theme.parameter.stroke, theme.input.stroke, theme.zero


def unit(numbers: Iterable[float]) -> float:
    """What to divide numbers by before they are drawn: 1, or a power of ten for enormous ones.

    Matplotlib computes with sums and differences of what it draws, which are to stay finite.
    """
    largest = max((abs(x) for x in numbers if math.isfinite(x)), default=0.0)
    return 10.0 ** math.floor(math.log10(largest)) if largest > _ENORMOUS else 1.0


def measured_in(axis: Axis, size: float) -> None:
    """Let the ticks of an axis tell what they were before they were divided by `unit`."""
    if size != 1.0:
        power = "10" + raised(round(math.log10(size)))
        axis.set_major_formatter(lambda x, _: f"{short_number(x)}·{power}" if x else "0")


def ticked(axis: Axis, numbers: Iterable[float], most: int) -> None:
    """Give the axis of whole numbers ticks at whole numbers only."""
    if all(float(x).is_integer() and abs(x) < _WHOLE for x in numbers):
        steps = [1, 2, 5, 10]
        axis.set_major_locator(MaxNLocator(most, steps=steps, integer=True, min_n_ticks=1))


def tinted(scores: Any, theme: Theme) -> dict[str, Any]:
    """An image of scores from −1 to 1, for ``imshow``: a tint of the sign's hue, grey for nan.

    It lets the page through, whatever colour that has: the less, the larger the |score|.
    """
    plus, minus, grey = map(np.array, map(to_rgb, (theme.plus, theme.minus, theme.zero)))
    none, strength = np.isnan(scores), 0.12 + 0.3 * np.minimum(np.abs(np.nan_to_num(scores)), 1.0)
    hues = np.where((scores > 0)[..., None], plus, minus)
    return {"X": np.where(none[..., None], grey, hues), "alpha": np.where(none, 0.26, strength)}


def shown(name: object) -> str:
    """User text as plots show it."""
    return shorten(printable(str(name)), 60)


def rendered(figure: Figure, file_format: str, dpi: float = 0.0) -> bytes:
    """The figure as the content of a file, the same whenever it is made.

    Args:
        figure: the figure.
        file_format: "svg", "png" or "pdf".
        dpi: dots per inch, by default 200; of the pixels in an SVG, which are tints, 120.
    """
    dpi = dpi or (_TINTS if file_format == "svg" else _SHARP)
    buffer = BytesIO()
    with repeatable():
        figure.savefig(buffer, format=file_format, dpi=dpi, metadata=_UNDATED.get(file_format))
    content = buffer.getvalue()
    if file_format == "svg" and isinstance(figure, Plot):
        return described(content.decode(), figure.words).encode()
    return content


@contextmanager
def repeatable() -> Iterator[None]:
    """Figures are drawn in the same way whenever it is, whatever the user has set."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_REPEATABLE)
        warnings.filterwarnings("ignore", _BOXES)
        yield
