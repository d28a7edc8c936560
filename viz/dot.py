"""From a drawing to DOT, the language of Graphviz.

User text passes through `text.html` or `text.tooltip` and appears nowhere else; nodes and ports
have numbers for names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from .cards import card_tooltip, compact_card, full_card, group_card
from .drawing import Drawing, Edge
from .text import bold, exact_number, font, html, tooltip
from .theme import SANS, Theme

RANKDIRS = ("LR", "TB")

CAPTION = 400  # characters of a line below the picture

Attributes = dict[str, str]


def attributes(
    drawing: Drawing, rankdir: str, theme: Theme
) -> tuple[Attributes, Attributes, Attributes]:
    """What holds for the whole graph, for every node, and for every edge."""
    typeface = ",".join(SANS)
    graph = {
        "rankdir": rankdir,
        "bgcolor": theme.page,
        "fontname": typeface,
        "label": _legend(drawing, theme),
        "labelloc": "b",
        "tooltip": " ",
        "outputorder": "edgesfirst",
        "pad": "0.15",
        "margin": "0",
        "nodesep": "0.08" if drawing.compact and not drawing.collapsed else "0.2",
        "ranksep": "1" if drawing.collapsed else "0.5",
    }
    if drawing.compact:  # Graphviz's patience, without which a large graph can take minutes
        graph["nslimit"] = graph["mclimit"] = f"{300 / len(drawing.cards):.2f}"
    node = {"shape": "plain", "fontname": typeface, "fontsize": "12", "fontcolor": theme.ink}
    edge = {"arrowsize": "0.5" if drawing.compact else "0.7"}
    return graph, node, edge


def statements(drawing: Drawing, rankdir: str, theme: Theme) -> Iterator[str]:
    """One line for every node, then one for every edge."""
    arguments = {head: list(edges) for head, edges in groupby(drawing.edges, attrgetter("head"))}
    for index, card in enumerate(drawing.cards):
        if card.size > 1:
            shape = group_card(card, theme)
        elif drawing.compact:
            shape = compact_card(card, theme)
        else:
            shape = full_card(card, arguments.get(index, []), rankdir, theme)
        yield f"\tn{index} [{shape} tooltip={card_tooltip(card)}]\n"
    exit_side, entry_side = ("e", "w") if rankdir == "LR" else ("s", "n")
    for edge in sorted(drawing.edges, key=lambda edge: not edge.faded):  # what stands out, on top
        plain = drawing.compact or drawing.cards[edge.head].size > 1
        port = "" if plain else f":a{edge.position}:{entry_side}"
        ends = f"n{edge.tail}:{exit_side} -> n{edge.head}{port}"
        yield f"\t{ends} [{_stroke(edge, drawing, theme)} tooltip={_tooltip(edge, drawing)}]\n"


def _stroke(edge: Edge, drawing: Drawing, theme: Theme) -> str:
    theme = theme.faded if edge.faded else theme
    if edge.size > 1 and drawing.differentiated and math.isfinite(edge.sent):
        return f'color="{theme.zero}" penwidth={_width(edge, drawing):.2f} arrowsize=0.6'
    if edge.partial is None or not drawing.differentiated:
        return f'color="{theme.zero}" penwidth=1.2'
    color = f'color="{theme.sign(edge.sent)}"'
    if math.isnan(edge.sent):
        return f"{color} penwidth=2 style=dotted arrowhead=diamond"
    if edge.sent == 0:
        return f"{color} penwidth=0.8 style=dashed arrowsize=0.5"
    width = _width(edge, drawing)
    # A hollow arrowhead must be large enough for its own outline to leave a hole.
    arrow = "normal" if edge.sent > 0 else f"onormal arrowsize={0.6 + 0.2 * width:.2f}"
    return f"{color} penwidth={width:.2f} arrowhead={arrow}"


def _width(edge: Edge, drawing: Drawing) -> float:
    """Points; the square root keeps gradients that differ a thousandfold apart and visible."""
    thickest = 2.2 if drawing.compact else 4.2
    share = min(abs(edge.sent) / (drawing.largest_sent or 1.0), 1.0)
    return 0.8 + (thickest - 0.8) * math.sqrt(share)


def _tooltip(edge: Edge, drawing: Drawing) -> str:
    ends = f"{drawing.cards[edge.tail].name} → {drawing.cards[edge.head].name}"
    if edge.size > 1:
        return tooltip(
            ends,
            f"{edge.size:,} edges",
            f"norm of the gradients sent back {exact_number(edge.sent)}",
        )
    if edge.partial is None:
        return tooltip(ends, "local derivative unknown: the node was made by hand")
    return tooltip(
        ends,
        f"local derivative {exact_number(edge.partial)}",
        f"gradient sent back {exact_number(edge.sent)}",
    )


def _legend(drawing: Drawing, theme: Theme) -> str:
    parts = ["name, operation, data, grad" if drawing.compact else "edge label: local derivative"]
    if drawing.differentiated:
        signs = [bold(font("▶ +", theme.plus, 10)), bold(font("▷ −", theme.minus, 10)), "╌╌ 0"]
        if any(math.isnan(edge.sent) for edge in drawing.edges):
            signs.append(bold(font("◆ nan", theme.alert, 10)))
        parts += ["edge width: |gradient sent back|", "   ".join(signs)]
    else:
        parts.append("no gradients yet: call backward()")
    rows = [bold(font(html(line, CAPTION), theme.ink, 12)) for line in drawing.caption]
    rows.append(font("  ·  ".join(parts), theme.muted, 10))
    cells = [f'<TR><TD HEIGHT="{30 if i == 0 else 16}" VALIGN="BOTTOM">' for i in range(len(rows))]
    table = "".join(f"{cell}{row}</TD></TR>" for cell, row in zip(cells, rows, strict=True))
    return f'<<TABLE BORDER="0" CELLSPACING="0">{table}</TABLE>>'
