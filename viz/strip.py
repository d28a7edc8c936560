"""The strip beside a card where its arguments arrive, and how edges cross it.

A strip has one place for each argument: its local derivative, a port, and what goes back there in
the backward pass, with an arrow that points back. Being part of the node, the labels cost Graphviz
no time and stay where they are put; an edge's own ``label`` can make a layout take minutes.
Graphviz leads an edge to the outer side of the strip; `reach_cards` leads it straight on from
there, past its labels, to the card. As no other edge ever enters a node, none can cross a label.

A leaf gets an empty strip for the layout, so that cards line up; `reach_cards` takes it away.
"""

from __future__ import annotations

import math
import re

from .drawing import Edge
from .look import Look
from .text import bold, brief_number, font

# Points. At the left of a card every argument has a row for its port between two for its labels, at
# the top a column for its port and one for its labels at the right of that.
WIDTH, LABEL_HEIGHT, PORT_HEIGHT = 66, 13, 7
HEIGHT, LABEL_WIDTH, PORT_WIDTH = 30, 48, 18
BACK = {"LR": "◂", "TB": "▴"}

_EMPTY = {
    "LR": f'<TD WIDTH="{WIDTH}"></TD>',
    "TB": f'<TD HEIGHT="{HEIGHT}"></TD></TR><TR>',
}


def strip(arguments: list[Edge], look: Look, back: bool) -> str:
    """The cell of a node's table, with all that leads on to the card's cell.

    It says what goes back along each edge if there is a backward pass to be shown.
    """
    if not arguments:
        return _EMPTY[look.rankdir]
    places = "".join(_PLACE[look.rankdir](edge, look, back) for edge in arguments)
    if look.rankdir == "LR":  # of a fixed size, so that a high card does not pull the rows apart
        size = f'FIXEDSIZE="TRUE" WIDTH="{WIDTH}" HEIGHT="{height(len(arguments))}"'
        table, after = places, ""
    else:
        size, after = "", "</TR><TR>"
        table = f'<TR><TD WIDTH="{LABEL_WIDTH}" HEIGHT="{HEIGHT}"></TD>{places}</TR>'
    return (
        f'<TD><TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0" {size}>{table}</TABLE></TD>{after}'
    )


def height(arguments: int) -> int:
    """How high a strip at the left is, in points."""
    return arguments * (2 * LABEL_HEIGHT + PORT_HEIGHT)


def _row(edge: Edge, look: Look, back: bool) -> str:
    fixed, under_arrow = 'FIXEDSIZE="TRUE"', 24
    sent = _sent(edge, look) if back else ""
    return (
        f'<TR><TD {fixed} WIDTH="{WIDTH - under_arrow}" HEIGHT="{LABEL_HEIGHT}" ALIGN="RIGHT"'
        f' VALIGN="BOTTOM">{_label(edge, look)}</TD><TD WIDTH="{under_arrow}"></TD></TR>'
        f'<TR><TD {fixed} COLSPAN="2" WIDTH="{WIDTH}" HEIGHT="{PORT_HEIGHT}"'
        f' PORT="a{edge.position}"></TD></TR>'
        f'<TR><TD {fixed} WIDTH="{WIDTH - under_arrow}" HEIGHT="{LABEL_HEIGHT}" ALIGN="RIGHT"'
        f' VALIGN="TOP">{sent}</TD><TD WIDTH="{under_arrow}"></TD></TR>'
    )


def _column(edge: Edge, look: Look, back: bool) -> str:
    sent = f'<BR ALIGN="LEFT"/>{_sent(edge, look)}' if back else ""
    return (
        f'<TD WIDTH="{PORT_WIDTH}" PORT="a{edge.position}"></TD>'
        f'<TD FIXEDSIZE="TRUE" WIDTH="{LABEL_WIDTH}" HEIGHT="{HEIGHT}" ALIGN="LEFT" VALIGN="TOP">'
        f'{_label(edge, look)}{sent}<BR ALIGN="LEFT"/></TD>'
    )


_PLACE = {"LR": _row, "TB": _column}


def _label(edge: Edge, look: Look) -> str:
    theme = look.theme.faded if edge.faded else look.theme
    if edge.size > 1 and edge.partial is None:
        return font(f"{edge.size} edges", theme.muted, 10)
    if edge.partial is None:
        return font("∂ ?", theme.muted, 10)
    if "partial" in look.hide:
        return font("∂ ____", theme.muted, 10)
    text = f"∂ {brief_number(edge.partial, max(look.digits - 1, 1))}"
    if math.isfinite(edge.partial):
        return font(text, theme.muted, 10)
    return bold(font(text, theme.alert, 10))


def _sent(edge: Edge, look: Look) -> str:
    """What goes back along an edge in the backward pass."""
    theme, arrow = look.theme.faded if edge.faded else look.theme, BACK[look.rankdir]
    if edge.partial is None:
        return ""
    if "grad" in look.hide:
        return font(f"{arrow} ____", theme.muted, 10)
    text = f"{arrow} {brief_number(edge.sent, max(look.digits - 1, 1))}"
    return bold(font(text, theme.sign(edge.sent), 10))


# ---------------- after the layout

_ARRIVAL = re.compile(
    r"""
    (?P<edge> -> [ ] n\d+ : a\d+ : (?P<side> [wn]) \s* \[ (?:.*\n\s*)*? pos="(?:s,\S+[ ])?e, )
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
_PART = re.compile(
    rf"""
    subgraph [ ] (?P<box> cluster_\w+ ) | (?P<close> ^\t* \}} $ ) | (?P<open> ^\t* \{{ $ )
    | ^\t* n\d+ \t \[ (?P<node> (?:.*\n\s*)*? ) pos="{_POSITION}" (?:.*\n\s*)*?
      width=(?P<width> [\d.]+ )
    """,
    re.MULTILINE | re.VERBOSE,
)


def has_strips(source: str) -> bool:
    """Whether DOT text has cards with strips."""
    return ' PORT="a0"' in source or any(empty in source for empty in _EMPTY.values())


def reach_cards(placed: str) -> str:
    """DOT text with positions, every edge led across the strip and empty strips taken away.

    What comes first consists of leaves, so without their strips the whole picture starts later.
    """
    placed = _ARRIVAL.sub(_lengthen, placed.replace("\\\n", ""))
    if _EMPTY["TB"] in placed:
        return _LEAF["TB"].sub(lambda leaf: _moved(leaf, 0, -HEIGHT / 2), placed)
    placed = placed.replace("subgraph cluster_column", "subgraph column")  # which has no border
    if _EMPTY["LR"] not in placed:
        return placed
    placed = _boxes_drawn_in(placed)
    placed = _LEAF["LR"].sub(lambda leaf: _moved(leaf, WIDTH / 2, 0), placed)
    return _CAPTION.sub(lambda caption: _moved(caption, WIDTH / 2, 0), placed, count=1)


def _moved(item: re.Match[str], dx: float, dy: float) -> str:
    return f"{item['rest']}{float(item['x']) + dx:.2f},{float(item['y']) + dy:.2f}"


def _boxes_drawn_in(placed: str) -> str:
    """DOT text whose boxes begin, and have their titles, where the first cards in them will."""
    lefts: dict[str, list[tuple[float, float]]] = {}  # of the cards in a box: before, after
    around: list[str] = []
    for part in _PART.finditer(placed):
        if part["box"] or part["open"]:
            around.append(part["box"] or "")
        elif part["close"]:
            if around:
                around.pop()
        else:
            left = float(part["x"]) - 36 * float(part["width"])
            strip = WIDTH if _EMPTY["LR"] in part["node"] else 0
            for box in filter(None, around):
                lefts.setdefault(box, []).append((left, left + strip))
    for box, found in lefts.items():
        before, after = (min(sides) for sides in zip(*found, strict=True))
        placed = re.sub(
            rf'(subgraph {box} \{{\s*graph \[bb=")([^,]+)((?:.*\n\s*)*?lp="){_POSITION}',
            lambda border, by=after - before: (  # type: ignore[misc]
                f"{border[1]}{float(border[2]) + by:.2f}{border[3]}"
                f"{float(border['x']) + by:.2f},{border['y']}"
            ),
            placed,
            count=1,
        )
    return placed


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
