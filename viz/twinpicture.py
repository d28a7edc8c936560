"""Pictures of a graph of Tensors: shapes and norms on the cards, pullbacks on the edges."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine import Tensor
from engine.tensor.arrays import ARRAYS

from .arrayformulas import symbol
from .cards import BLANK, ROLE_WORDS, SIGN_LENGTH
from .dot import headed, legend
from .drawing import FULL_CARDS, checked, written_sign
from .formulas import simplified
from .look import Look
from .names import Name
from .picture import Picture
from .strip import BACK
from .text import (
    bold,
    exact_number,
    font,
    html,
    mono,
    number,
    printable,
    short_number,
    tooltip,
)
from .theme import SANS, Surface, Theme
from .twin import PLAIN, Twin, depth, dimensions, norm, study, written
from .words import MOST, Words, counted, listed

DEEP = 6  # cards on a way, above which a slide has no room for all
LONGEST = 40  # characters of an edge's label


def draw_twin(
    roots: Sequence[Tensor],
    look: Look,
    marks: Mapping[Any, str] | None = None,
    expand: bool | None = None,
) -> Picture:
    """The picture of a graph of Tensors.

    Of a deep one, what is used once and has no label is seen in its user's formula, and what is
    sent back through it is one formula; ``expand`` says whether every array has a card.

    Raises:
        ValueError: if it has more than 150 nodes.
    """
    twin = study(roots)
    if len(twin.order) > FULL_CARDS:
        raise ValueError(
            f"the graph has {len(twin.order):,} Tensors; a picture can show at most {FULL_CARDS}: "
            "draw the loss of one step, or a node in the middle of it"
        )
    typeface, colors = ",".join(SANS), look.theme
    signs = [
        f"{BACK[look.rankdir]} what is sent back",
        "δ the gradient of the result",
        "⊙ entry by entry",
        "𝟏 repeated",
        "‖·‖ the norm",
    ]
    if not any(np.any(node.grad) for node in twin.order if node.grad is not None):
        signs.append("no gradients yet: call backward()")
    graph = {
        "rankdir": look.rankdir, "bgcolor": colors.page, "fontname": typeface, "pad": "0.15",
        "margin": "0", "nodesep": "0.2", "ranksep": "0.25", "tooltip": " ", "labelloc": "b",
        "outputorder": "edgesfirst", "dpi": f"{72 * look.scale:g}",
    }  # fmt: skip
    node = {"shape": "plain", "fontname": typeface, "fontsize": "12"}
    known: Mapping[Any, str] = checked(marks)
    fold = depth(twin) > DEEP if expand is None else not expand
    hidden = twin.foldable({*roots, *known}) if fold else set()
    if hidden and look.legend:
        signs.append("expand=True: every array")
    graph["label"] = legend(signs, [], look)
    body = headed(look.title, statements(twin, hidden, set(roots), known, look), look)
    picture = Picture("gradpath", graph_attr=graph, node_attr=node, edge_attr=node, body=body)
    picture.words = in_words(twin, roots, look)
    return picture


def in_words(twin: Twin, roots: Sequence[Tensor], look: Look) -> Words:
    """What the picture shows: shapes, formulas, and norms of gradients."""
    told = [counted(len(twin.order), "array")]
    for node in twin.order:
        name = twin.names[node]
        if node.args:
            if node in roots:
                told.append(f"{name} = {PLAIN.write(twin.formula(node))}, {dimensions(node)}")
        elif node.role != "constant":
            grad = None if "grad" in look.hide or node.grad is None else norm(node.grad)
            slope = "" if grad is None else f", norm of its gradient {short_number(grad, 4)}"
            told.append(f"{name}: {dimensions(node)}{slope}")
    title = printable(look.title) or f"Graph of {listed(twin.names[node] for node in roots)}"
    more = [f"and {len(told) - MOST:,} more"] if len(told) > MOST else []
    return Words(title, ". ".join(told[:MOST] + more) + ".")


def statements(
    twin: Twin,
    hidden: Collection[Tensor],
    roots: Collection[Tensor],
    marks: Mapping[Any, str],
    look: Look,
) -> Iterator[str]:
    """One line for every node, then for every edge: a label that the edge runs through."""
    place = {node: i for i, node in enumerate(twin.order)}
    shown = [node for node in twin.order if node not in hidden]
    for node in shown:
        formula = written(twin.formula(node)) if any(x in hidden for x in node.args) else ""
        shape = card(node, twin, node in roots, marks.get(node, ""), formula, look)
        yield f"\tn{place[node]} [{shape}]\n"
    sent = {node: sent_back(node, twin.wanted(node)) for node in twin.order}
    largest = max((x for found in sent.values() for x in found if math.isfinite(x)), default=0.0)
    for node in shown:
        arrivals = twin.arrivals(node, hidden, symbol(node, "δ"))
        for number_, (arg, into, position, formula) in enumerate(arrivals):
            size = sent[into][position] if sent[into] else 0.0
            said = "" if formula is None else written(simplified(formula))
            share = size / largest if largest and math.isfinite(size) else 0.0
            about = [f"{twin.names[arg]} → {twin.names[node]}"]
            if said and "partial" not in look.hide:
                about.append(f"sent back {said}")
            if size and "grad" not in look.hide:
                about.append(f"its norm {exact_number(size)}")
            width = 1.2 + 3 * math.sqrt(share) * ("grad" not in look.hide)
            yield from edge(place[arg], place[node], number_, said, width, about, look)


def edge(
    tail: int, head: int, position: int, said: str, width: float, about: list[str], look: Look
) -> Iterator[str]:
    """An edge in two halves with what is sent back between them; plain where nothing is."""
    tip = f"tooltip={tooltip(*about)}"
    style = f"{tip} arrowsize=0.7"
    if not said:
        yield f'\tn{tail} -> n{head} [color="{look.theme.faint}" {style}]\n'
        return
    text = "____" if "partial" in look.hide else html(said, LONGEST)
    label = font(f"{BACK[look.rankdir]} {text}", look.theme.ink, 10)
    middle = f"e{head}_{position}"
    yield f'\t{middle} [label=<{label}> shape=none margin="0.05,0.02" width=0 height=0 {tip}]\n'
    style = f'color="{look.theme.zero}" penwidth={width:.2f} {style}'
    yield f"\tn{tail} -> {middle} [arrowhead=none {style}]\n"
    yield f"\t{middle} -> n{head} [{style}]\n"


def sent_back(node: Tensor, wanted: Sequence[bool]) -> list[float]:
    """The norms of what a node sent its arguments in the backward pass; empty before one."""
    if not node.args or node.grad is None:
        return []
    m = ARRAYS.get(node.dtype, ARRAYS[np.dtype(float)])
    data = [arg.data for arg in node.args]
    with np.errstate(all="ignore"):
        found = node.rule.pull(m, node.grad, node.data, data, node.params, wanted)
    return [0.0 if x is None else norm(x) for x in found]


def card(node: Tensor, twin: Twin, output: bool, mark: str, formula: str, look: Look) -> str:
    """The attributes of a node: its name and operation, shape and type, data and gradient."""
    colors = look.theme
    surface: Surface = getattr(colors, node.role)
    surface = colors.output if output and node.args else surface
    stroke = colors.alert if mark else surface.stroke
    computed = font(f"= {html(formula, LONGEST)}", colors.ink, 10)
    rows = [
        title(node, twin.names[node], colors),
        f'<TD COLSPAN="2" WIDTH="104" HEIGHT="1" CELLPADDING="0" BGCOLOR="{surface.stroke}"></TD>',
        *([f'<TD COLSPAN="2" ALIGN="LEFT">{computed}</TD>'] if formula else []),
        both(mono(dimensions(node), colors.muted, 10), mono(str(node.dtype), colors.muted, 9)),
        quantity("data", node.data, look),
        quantity("grad", None if node.role == "constant" else node.grad, look),
    ]
    if mark:
        said = font(html(mark, 60), colors.page, 9)
        rows.append(f'<TD COLSPAN="2" ALIGN="LEFT" BGCOLOR="{colors.alert}">{said}</TD>')
    style = "ROUNDED,DASHED" if node.role == "constant" else "ROUNDED"
    cells = "".join(f"<TR>{row}</TR>" for row in rows)
    return (
        f'label=<<TABLE STYLE="{style}" BORDER="{2 if output or mark else 1}" CELLBORDER="0"'
        f' CELLSPACING="0" CELLPADDING="3" COLOR="{stroke}" BGCOLOR="{surface.fill}">{cells}'
        f"</TABLE>> tooltip={told(node, twin, mark, look)}"
    )


def both(left: str, right: str) -> str:
    """Two cells of a row."""
    return f'<TD ALIGN="LEFT">{left}</TD><TD ALIGN="RIGHT">{right}</TD>'


def title(node: Tensor, name: Name, colors: Theme) -> str:
    """The name, and the operation or the role."""
    called = html(str(name))
    left = bold(
        font(called, colors.ink, 12) if node.label else f"<I>{font(called, colors.zero, 12)}</I>"
    )
    if node.role in ROLE_WORDS:  # a leaf
        color = colors.zero if node.role == "constant" else getattr(colors, node.role).stroke
        return both(left, font(ROLE_WORDS[node.role], color, 9))
    sign = "" if name.label == node.sign else html(written_sign(node), SIGN_LENGTH)
    return both(left, bold(font(sign, colors.ink, 12)) if sign else "")


def quantity(what: str, x: Any, look: Look) -> str:
    """A row for data or a gradient: its norm, or the number if it is one."""
    colors, single = look.theme, np.ndim(x) == 0
    weight = bold if what == "grad" else str
    real = x is not None and np.asarray(x).dtype.kind == "f"
    left = weight(mono(f"‖{what}‖" if real and not single else what, colors.muted, 10))
    if what in look.hide:
        return both(left, weight(mono(BLANK, colors.muted, 10)))
    if x is None:
        return both(left, weight(mono("–", colors.muted, 10)))
    if not real:
        text = f"{np.min(x):g} … {np.max(x):g}" if np.size(x) else "–"
        return both(left, mono(text, colors.muted, 10))
    value = float(x) if single else norm(x)
    color = colors.sign(value) if what == "grad" and single else colors.ink
    text = weight(
        mono(number(value, look.digits), color if math.isfinite(value) else colors.page, 10)
    )
    if math.isfinite(value):
        return both(left, text)
    return f'<TD ALIGN="LEFT">{left}</TD><TD ALIGN="RIGHT" BGCOLOR="{colors.alert}">{text}</TD>'


def told(node: Tensor, twin: Twin, mark: str, look: Look) -> str:
    """The tooltip: where a node belongs, how it is computed, its norms in full."""
    lines = [f"{twin.names[node]} · {node.sign or node.role}", str(node.scope)]
    if node.args:
        lines.append(f"{twin.names[node]} = {PLAIN.write(twin.formula(node))}")
    lines.append(f"shape {node.shape}, {node.dtype}")
    for what, x in (("data", node.data), ("grad", node.grad)):
        if x is not None and what not in look.hide:
            lines.append(f"norm of {what} {exact_number(norm(x))}")
    return tooltip(*filter(None, (*lines, mark)))
