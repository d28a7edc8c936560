"""The strip beside a card where its arguments arrive, and how edges cross it.

A strip has one place for each argument: its local derivative and, beside that, a port. Being part
of the node, the labels cost Graphviz no time and stay where they are put; an edge's own ``label``
can make a layout take minutes. Graphviz leads an edge to the outer side of the strip; `reach_cards`
leads it straight on from there, past its label, to the card. As no other edge ever enters a node,
none can cross a label.

A leaf gets an empty strip for the layout, so that cards line up; `reach_cards` takes it away.
"""

from __future__ import annotations

import math
import re

from .drawing import Edge
from .text import bold, font, short_number
from .theme import Theme

# Points. At the left of a card every argument has a row for its label above one for its port, at
# the top a column for its port and one for its label at the right of that.
WIDTH, LABEL_HEIGHT, PORT_HEIGHT = 62, 13, 7
HEIGHT, LABEL_WIDTH, PORT_WIDTH = 22, 37, 18

_EMPTY = {
    "LR": f'<TD WIDTH="{WIDTH}"></TD>',
    "TB": f'<TD HEIGHT="{HEIGHT}"></TD></TR><TR>',
}


def strip(arguments: list[Edge], rankdir: str, theme: Theme) -> str:
    """The cell of a node's table, with all that leads on to the card's cell."""
    if not arguments:
        return _EMPTY[rankdir]
    places = "".join(_PLACE[rankdir](edge, theme) for edge in arguments)
    if rankdir == "LR":
        table = f'{places}<TR><TD COLSPAN="2" WIDTH="{WIDTH}" HEIGHT="{LABEL_HEIGHT}"></TD></TR>'
        after = ""
    else:
        table = f'<TR><TD WIDTH="{LABEL_WIDTH}" HEIGHT="{HEIGHT}"></TD>{places}</TR>'
        after = "</TR><TR>"
    return f'<TD><TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0">{table}</TABLE></TD>{after}'


def height(arguments: int) -> int:
    """How high a strip at the left is, in points."""
    return arguments * (LABEL_HEIGHT + PORT_HEIGHT) + LABEL_HEIGHT


def _row(edge: Edge, theme: Theme) -> str:
    fixed, under_arrow = 'FIXEDSIZE="TRUE"', 24
    return (
        f'<TR><TD {fixed} WIDTH="{WIDTH - under_arrow}" HEIGHT="{LABEL_HEIGHT}" ALIGN="RIGHT"'
        f' VALIGN="BOTTOM">{_label(edge, theme)}</TD><TD WIDTH="{under_arrow}"></TD></TR>'
        f'<TR><TD {fixed} COLSPAN="2" WIDTH="{WIDTH}" HEIGHT="{PORT_HEIGHT}"'
        f' PORT="a{edge.position}"></TD></TR>'
    )


def _column(edge: Edge, theme: Theme) -> str:
    return (
        f'<TD WIDTH="{PORT_WIDTH}" PORT="a{edge.position}"></TD>'
        f'<TD FIXEDSIZE="TRUE" WIDTH="{LABEL_WIDTH}" HEIGHT="{HEIGHT}" ALIGN="LEFT" VALIGN="TOP">'
        f"{_label(edge, theme)}</TD>"
    )


_PLACE = {"LR": _row, "TB": _column}


def _label(edge: Edge, theme: Theme) -> str:
    theme = theme.faded if edge.faded else theme
    if edge.size > 1:
        return font(f"{edge.size} edges", theme.muted, 9)
    if edge.partial is None:
        return font("∂ ?", theme.muted, 9)
    text = f"∂ {short_number(edge.partial)}"
    if math.isfinite(edge.partial):
        return font(text, theme.muted, 9)
    return bold(font(text, theme.alert, 9))


# ---------------- after the layout

_ARRIVAL = re.compile(
    r"""
    (?P<edge> -> [ ] n\d+ : a\d+ : (?P<side> [wn]) \s* \[ (?:.*\n\s*)*? pos="e, )
    (?P<tip> \S+) (?P<before> [^"]*) (?P<last> (?: [ ][^ "]+ ){4}) "
    """,
    re.VERBOSE,
)
_POSITION = r"(?P<x>[^,\"]+),(?P<y>[^,\"]+)"
_LEAF = {
    rankdir: re.compile(rf'{re.escape(empty)}(?P<rest>.*>>,\s*pos="){_POSITION}')
    for rankdir, empty in _EMPTY.items()
}
_CAPTION = re.compile(rf'(?P<rest>\blp="){_POSITION}')


def has_strips(source: str) -> bool:
    """Whether DOT text has cards with strips."""
    return any(empty in source for empty in _EMPTY.values())


def reach_cards(placed: str) -> str:
    """DOT text with positions, every edge led across the strip and empty strips taken away.

    What comes first consists of leaves, so without their strips the whole picture starts later.
    """
    placed = _ARRIVAL.sub(_lengthen, placed.replace("\\\n", ""))
    if _EMPTY["TB"] in placed:
        return _LEAF["TB"].sub(lambda leaf: _moved(leaf, 0, -HEIGHT / 2), placed)
    placed = _LEAF["LR"].sub(lambda leaf: _moved(leaf, WIDTH / 2, 0), placed)
    return _CAPTION.sub(lambda caption: _moved(caption, WIDTH / 2, 0), placed, count=1)


def _moved(item: re.Match[str], dx: float, dy: float) -> str:
    return f"{item['rest']}{float(item['x']) + dx:.2f},{float(item['y']) + dy:.2f}"


def _lengthen(arrival: re.Match[str]) -> str:
    """The edge, led on to where Graphviz had cut it to place its arrow, and from there straight."""
    ahead, width = (1, WIDTH) if arrival["side"] == "w" else (-1j, HEIGHT)
    tip, *last = (
        complex(*map(float, point.split(",")))
        for point in (arrival["tip"], *arrival["last"].split())
    )
    straight = width - abs(tip - last[-1])
    start, *bend = _extended([p / ahead for p in last], (tip / ahead).real)
    points = [start * ahead, *(p * ahead for p in bend)]
    points += [tip + straight * part * ahead for part in (0.3, 0.6, 1)]
    spline = arrival["before"] + "".join(f" {p.real:.2f},{p.imag:.2f}" for p in points)
    tip += width * ahead
    return f'{arrival["edge"]}{tip.real:.2f},{tip.imag:.2f}{spline}"'


def _extended(cubic: list[complex], goal: float) -> list[complex]:
    """The Bézier curve that runs on along the same cubic until its real part is ``goal``."""
    s = 1.0
    for _ in range(8):  # Newton's method
        points = _split(cubic, s)
        speed = 3 * (points[3] - points[2]).real / s
        s = min(max(s + (goal - points[3].real) / (speed or 1.0), 1.0), 3.0)
    return _split(cubic, s)


def _split(cubic: list[complex], s: float) -> list[complex]:
    """De Casteljau: the control points of the part from 0 to ``s``, which may be beyond 1."""
    left = []
    while cubic:
        left.append(cubic[0])
        cubic = [p + (q - p) * s for p, q in zip(cubic, cubic[1:], strict=False)]
    return left
