"""From a drawing to DOT, the language of Graphviz.

User text passes through `text.html` or `text.tooltip` and appears nowhere else; nodes and ports
have numbers for names.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from . import strip
from .cards import card_tooltip, compact_card, full_card
from .drawing import Drawing, Edge
from .groupcards import compact_group, group_card
from .legible import gap, ranksep
from .look import Look
from .text import bold, exact_number, font, html, lines, tooltip
from .theme import SANS

BOX = 80  # characters of a box's title
CAPTION = 400  # characters of a line below the picture
BACK = "dir=both arrowtail=vee"  # an arrow at the argument, too, where no label points back
TITLED = "peripheries=0 margin=0 labelloc=t labeljust=l"

Attributes = dict[str, str]


def attributes(drawing: Drawing, look: Look) -> tuple[Attributes, Attributes, Attributes]:
    """What holds for the whole graph, for every node, and for every edge."""
    theme, typeface = look.theme, ",".join(SANS)
    caption = () if "grad" in look.hide else drawing.caption  # it gives the answer
    graph = {
        "rankdir": look.rankdir,
        "bgcolor": theme.page,
        "fontname": typeface,
        "label": legend(_remarks(drawing, look), caption, look),
        "labelloc": "b",
        "tooltip": " ",
        "outputorder": "edgesfirst",
        "pad": "0.15",
        "margin": "0",
        "nodesep": f"{gap(drawing) / 72:.2g}",
        "ranksep": f"{ranksep(drawing, look.rankdir) / 72:.2f}",
    }
    if drawing.compact:  # Graphviz's patience, without which a large graph can take minutes
        graph["nslimit"] = graph["mclimit"] = f"{300 / len(drawing.cards):.2f}"
    if drawing.columns or any(card.box for card in drawing.cards):
        graph |= {"newrank": "true", "compound": "true", "remincross": "false"}
    if look.scale != 1:
        graph["dpi"] = f"{72 * look.scale:g}"
    node = {"shape": "plain", "fontname": typeface, "fontsize": "12", "fontcolor": theme.ink}
    edge = {"arrowsize": "0.5" if drawing.compact else "0.7"}
    return graph, node, edge


def statements(drawing: Drawing, look: Look) -> Iterator[str]:
    """One line for every node, in the boxes that they stand in, then one for every edge."""
    back = drawing.differentiated or "grad" in look.hide
    arguments = {head: list(edges) for head, edges in groupby(drawing.edges, attrgetter("head"))}
    nodes = []
    for index, card in enumerate(drawing.cards):
        into = arguments.get(index, [])
        if card.size > 1:
            shape = group_card(card, into, look, back)
        else:
            shape = full_card(card, into, look, back)
        if drawing.compact:
            shape = (compact_group if card.size > 1 else compact_card)(card, look)
        nodes.append(f"\tn{index} [{shape} tooltip={card_tooltip(card, look)}]\n")
    yield from boxed(drawing, nodes, look)
    exit_side, entry_side = ("e", "w") if look.rankdir == "LR" else ("s", "n")
    for edge in sorted(drawing.edges, key=lambda edge: not edge.faded):  # what stands out, on top
        plain = drawing.compact or not drawing.cards[edge.head].labelled
        port = entry_side if plain else f"a{edge.position}:{entry_side}"
        ends = f"n{edge.tail}:{exit_side} -> n{edge.head}:{port}"
        style = _stroke(edge, drawing, look) + clipped(edge, drawing)
        yield f"\t{ends} [{style} tooltip={_tooltip(edge, drawing, look)}]\n"


def boxed(drawing: Drawing, nodes: Sequence[str], look: Look) -> Iterator[str]:
    """The statements of the nodes, those of a box in a cluster, and columns in their order.

    Graphviz keeps the order of flat edges that nobody sees, but only within a cluster.
    """
    columns = {min(column): column for column in drawing.columns}
    loose = {i for column in drawing.columns for i in column if not drawing.cards[i].box}
    tree: dict[tuple[str, ...], list[int]] = {}
    for i, card in enumerate(drawing.cards):
        tree.setdefault(card.box, []).append(i)
    for i in tree.pop((), []):
        if i in loose:
            yield from column(columns[i], nodes, look) if i in columns else ()
        else:
            yield nodes[i]
    first: dict[tuple[str, ...], int] = {}
    for i, card in enumerate(drawing.cards):
        for n in range(1, len(card.box) + 1):
            first.setdefault(card.box[:n], i)
    paths = sorted(first, key=lambda box: [first[box[:n]] for n in range(1, len(box) + 1)])
    for at, path in enumerate(paths):
        space = drawing.apart and len(path) == 1  # a box that is not seen, around this one
        if at and len(paths[at - 1]) >= len(path):
            yield "\t}\n" * (len(paths[at - 1]) - len(path) + 1 + space)
        if space:
            yield f'\tsubgraph cluster_column_{at} {{ peripheries=0 margin=7 label=""\n'
        yield f"\tsubgraph {cluster(path)} {{ {frame(path[-1], look)}\n"
        held = tree.get(path, [])
        yield from (nodes[i] for i in held)
        yield from (in_order(columns[i], look) for i in held if i in columns)
    yield "\t}\n" * (len(paths[-1]) + drawing.apart if paths else 0)


def cluster(path: Sequence[str]) -> str:
    """The identifier of a box."""
    return f"cluster_{zlib.crc32(repr(path).encode())}"


def frame(name: str, look: Look) -> str:
    """How a box is drawn, with its title."""
    shown = bold(font(html(name, BOX), look.theme.muted, 11))
    return (
        f"label=<{shown}> labeljust=l labelloc=t margin=8 peripheries=1 style=rounded"
        f' color="{look.theme.zero}" tooltip={tooltip(name)}'
    )


def column(cards: Sequence[int], nodes: Sequence[str], look: Look) -> Iterator[str]:
    """A column that stands in no box."""
    yield f'\tsubgraph cluster_column{cards[0]} {{ peripheries=0 margin=0 label=""\n'
    yield from (nodes[i] for i in cards)
    yield in_order(cards, look)
    yield "\t}\n"


def in_order(cards: Sequence[int], look: Look) -> str:
    """The statement that keeps cards on one rank, in their order."""
    way = reversed(cards) if look.rankdir == "LR" else cards
    return f"\t{{ rank=same {' -> '.join(f'n{i}' for i in way)} [style=invis weight=100] }}\n"


def clipped(edge: Edge, drawing: Drawing) -> str:
    """The attributes of an edge that leads from box to box."""
    if not edge.boxed:
        return ""
    tail, head = (drawing.cards[i].box for i in (edge.tail, edge.head))
    shared = len(os.path.commonprefix([tail, head]))
    ltail = f" ltail={cluster(tail[: shared + 1])}" if tail[shared:] else ""
    return ltail + (f" lhead={cluster(head[: shared + 1])}" if head[shared:] else "")


def headed(title: str, body: Iterable[str], look: Look) -> Iterator[str]:
    """The statements of a graph, below a title if it has one."""
    if not title:
        yield from body
        return
    rows = '<BR ALIGN="LEFT"/>'.join(lines(title, CAPTION))
    shown = bold(font(f'{rows}<BR ALIGN="LEFT"/>', look.theme.ink, 16))
    yield f"\tsubgraph cluster_title {{ {TITLED}; label=<{shown}>\n"
    yield from body
    yield "\t}\n"


def _stroke(edge: Edge, drawing: Drawing, look: Look) -> str:
    """How an edge is drawn: forward to the result, and back once gradients have come that way."""
    theme = look.theme.faded if edge.faded else look.theme
    if not drawing.differentiated or "grad" in look.hide:
        return f'color="{theme.zero}" penwidth=1.2'
    if edge.size > 1 and edge.partial is None and math.isfinite(edge.sent):
        width = _width(edge, drawing) + 2 * edge.boxed
        arrow = f"arrowsize={0.4 + 0.1 * width:.2f} {BACK}"
        return f'color="{theme.zero}" penwidth={width:.2f} {arrow}'
    if edge.partial is None:
        return f'color="{theme.zero}" penwidth=1.2'
    color = f'color="{theme.sign(edge.sent)}"'
    if math.isnan(edge.sent):
        return f"{color} penwidth=2 style=dotted arrowhead=diamond"
    if edge.sent == 0:
        return f"{color} penwidth=0.8 style=dashed arrowsize=0.5"
    plain = drawing.compact or not drawing.cards[edge.head].labelled
    width, shape = _width(edge, drawing), "normal" if edge.sent > 0 else "onormal"
    if plain:  # small ones, as there are many
        head = f"arrowhead={shape} arrowsize={0.4 + 0.15 * width:.2f} {BACK}"
        return f"{color} penwidth={width:.2f} {head}"
    # A hollow arrowhead must be large enough for its own outline to leave a hole.
    size = "" if edge.sent > 0 else f" arrowsize={0.6 + 0.2 * width:.2f}"
    return f"{color} penwidth={width:.2f} arrowhead={shape}{size}"


def _width(edge: Edge, drawing: Drawing) -> float:
    """Points; the square root keeps gradients that differ a thousandfold apart and visible."""
    plain = drawing.compact or not drawing.cards[edge.head].labelled
    thickest = 1.8 if drawing.compact else 3.0 if plain else 4.2
    share = min(abs(edge.sent) / (drawing.largest_sent or 1.0), 1.0)
    return 0.8 + (thickest - 0.8) * math.sqrt(share)


def _tooltip(edge: Edge, drawing: Drawing, look: Look) -> str:
    tail, head = (drawing.cards[i] for i in (edge.tail, edge.head))
    ends = f"{tail.title} → {head.title}"
    if edge.boxed:
        ends = " → ".join(end.box[0] if end.box else end.title for end in (tail, head))
    shown = "grad" not in look.hide
    if edge.size > 1 and edge.partial is None:
        sent = [f"norm of the gradients sent back {exact_number(edge.sent)}"] if shown else []
        return tooltip(ends, f"{edge.size:,} edges", *sent)
    if edge.partial is None:
        return tooltip(ends, "local derivative unknown: the node was made by hand")
    partial = "partial" not in look.hide
    return tooltip(
        ends,
        *([f"local derivative {exact_number(edge.partial)}"] if partial else []),
        *([f"gradient sent back {exact_number(edge.sent)}"] if shown else []),
    )


def _remarks(drawing: Drawing, look: Look) -> list[str]:
    """What the signs in a picture mean, as markup."""
    theme, back = look.theme, strip.BACK[look.rankdir]
    first = [what for what in ("data", "grad") if what not in look.hide]
    named = ", ".join(["name, operation", *first])
    parts = [named if drawing.compact else "∂ local derivative"]
    if "grad" in look.hide:
        return parts if drawing.compact else [*parts, f"{back} gradient sent back"]
    if not drawing.differentiated:
        return [*parts, "no gradients yet: call backward()"]
    signs = [bold(font("▶ +", theme.plus, 10)), bold(font("▷ −", theme.minus, 10)), "╌╌ 0"]
    if any(math.isnan(edge.sent) for edge in drawing.edges):
        signs.append(bold(font("◆ nan", theme.alert, 10)))
    return [*parts, f"{back} gradient sent back: edge width", *signs]


def legend(remarks: Sequence[str], caption: Sequence[str], look: Look) -> str:
    """What stands below a picture: the user's answer first, then what the signs mean.

    Args:
        remarks: what the signs mean, as markup.
        caption: what the picture says in words, line by line.
        look: whether there is a legend.
    """
    rows = [bold(font(html(line, CAPTION), look.theme.ink, 12)) for line in caption]
    if look.legend:  # each item in a cell, so that it has its own width in whatever font there is
        items = [font(remark, look.theme.muted, 10) for remark in remarks]
        items = [f"<TD>{item}</TD>" for item in items]
        rows.append(
            f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="6"><TR>{"".join(items)}</TR></TABLE>'
        )
    if not rows:
        return ""
    cells = [f'<TR><TD HEIGHT="{30 if i == 0 else 16}" VALIGN="BOTTOM">' for i in range(len(rows))]
    table = "".join(f"{cell}{row}</TD></TR>" for cell, row in zip(cells, rows, strict=True))
    return f'<<TABLE BORDER="0" CELLSPACING="0">{table}</TABLE>>'
