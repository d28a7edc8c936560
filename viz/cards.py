"""Cards as Graphviz nodes: full ones, tables with a strip for the arguments, and compact ones."""

from __future__ import annotations

import math
import textwrap

from .drawing import Card, Edge
from .strip import height, strip
from .text import bold, exact_number, font, html, mono, number, printable, shorten, tooltip
from .theme import Surface, Theme

SIGN_LENGTH = 12
ROLE_WORDS = {"input": "input", "parameter": "param", "constant": "const"}

_WIDTH, _HEIGHT = 104, 58  # points; a card with long text grows wider


def full_card(card: Card, arguments: list[Edge], rankdir: str, theme: Theme) -> str:
    """The attributes of the node for a card with all there is to see."""
    lit, theme = theme, theme.faded if card.faded else theme
    surface = _surface(card, theme)
    style = "ROUNDED,DASHED" if card.role == "constant" else "ROUNDED"
    rest = height(len(arguments)) - _HEIGHT if rankdir == "LR" else 0
    across = '<TD COLSPAN="2" CELLPADDING="0"'
    rows = [
        _title(card, theme),
        f'{across} WIDTH="{_WIDTH}" HEIGHT="1" BGCOLOR="{surface.stroke}"></TD>',
        _quantity("data", card.data, theme.ink, theme),
        _quantity("grad", card.grad, theme.sign(card.grad), theme),
        *([_share(card.share, theme)] if card.share is not None else []),
        *([_mark(card, theme)] if card.mark else []),
        f'{across} HEIGHT="{max(8 if card.mark or card.share is not None else 3, rest)}"></TD>',
    ]
    return (
        'label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f"{strip(arguments, rankdir, lit)}"
        f'<TD><TABLE STYLE="{style}" BORDER="{_border(card)}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="3" COLOR="{surface.stroke}" BGCOLOR="{surface.fill}">'
        f"{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE></TD></TR></TABLE>>"
    )


def compact_card(card: Card, theme: Theme) -> str:
    """The attributes of the node for a card of one line: name, operation, data, grad."""
    theme = theme.faded if card.faded else theme
    surface = _surface(card, theme)
    name = html(card.name)
    words = [
        bold(name) if card.named else font(name, theme.zero, 10),
        "  ".join(filter(None, (html(card.sign, SIGN_LENGTH), number(card.data)))),
        bold(font(number(card.grad), theme.sign(card.grad), 10)),
    ]
    style = "rounded,filled,dashed" if card.role == "constant" else "rounded,filled"
    return (
        f'shape=box style="{style}" color="{surface.stroke}" fillcolor="{surface.fill}"'
        f' penwidth={_border(card)} width=0 height=0 margin="0.08,0.05" fontsize=10'
        f' fontcolor="{theme.ink}" label=<{"   ".join(words)}>'
    )


def group_card(card: Card, theme: Theme) -> str:
    """The attributes of the node for a card that stands for many nodes."""
    surface = _surface(card, theme)
    sign = f"{html(card.sign, SIGN_LENGTH)}   " if card.sign else ""
    lines = [
        bold(html(card.name)),
        font(f"{sign}{card.size:,} nodes", theme.muted, 10),
        font("‖grad‖  ", theme.muted, 10) + bold(font(number(card.grad), theme.ink, 10)),
        *([font(html(card.mark, 60), theme.alert, 10)] if card.mark else []),
    ]
    return (
        f'shape=box style="rounded,filled" peripheries=2 color="{surface.stroke}"'
        f' fillcolor="{surface.fill}" fontcolor="{theme.ink}" fontsize=11 width=0 height=0'
        f' margin="0.1,0.06" label=<{"<BR/>".join(lines)}>'
    )


def card_tooltip(card: Card) -> str:
    """Everything about a node, in full precision."""
    if card.size > 1:
        return tooltip(card.name, f"{card.size:,} nodes", f"‖grad‖ {exact_number(card.grad)}")
    lines = (
        f"{card.name} · {card.sign or card.role}",
        card.scope,
        f"data {exact_number(card.data)}",
        f"grad {exact_number(card.grad)}",
        "" if card.share is None else f"along this path {exact_number(card.share)}",
        card.mark,
    )
    return tooltip(*filter(None, lines))


def _surface(card: Card, theme: Theme) -> Surface:
    surface: Surface = getattr(theme, card.role)
    if card.output and card.role == "computed":
        surface = theme.output
    return Surface(surface.fill, theme.alert) if card.mark else surface


def _border(card: Card) -> int:
    return 2 if card.output or card.mark else 1


def _title(card: Card, theme: Theme) -> str:
    name = bold(html(card.name)) if card.named else font(card.name, theme.zero, 12)
    if card.faded:
        name = font(name, theme.ink, 12)
    if card.scope:
        name += f'<BR ALIGN="LEFT"/>{font(html(card.scope), theme.muted, 8)}<BR ALIGN="LEFT"/>'
    if card.role in ROLE_WORDS:
        color = theme.zero if card.role == "constant" else getattr(theme, card.role).stroke
        what = font(ROLE_WORDS[card.role], color, 9)
    else:
        what = bold(font(html(card.sign, SIGN_LENGTH), theme.ink, 13))
    return f'<TD ALIGN="LEFT">{name}</TD><TD ALIGN="RIGHT" VALIGN="TOP">{what}</TD>'


def _share(share: float, theme: Theme) -> str:
    """The two cells of what one path adds to the gradient, as a line of the path."""
    color = theme.sign(share)
    cell = f'BGCOLOR="{color}"'
    return (
        f'<TD ALIGN="LEFT" {cell}>{mono("path", theme.page, 10)}</TD>'
        f'<TD ALIGN="RIGHT" {cell}>{bold(mono(number(share), theme.page, 10))}</TD>'
    )


def _mark(card: Card, theme: Theme) -> str:
    lines = textwrap.wrap(shorten(printable(card.mark), 90), 30)
    text = "".join(f'{html(line, 30)}<BR ALIGN="LEFT"/>' for line in lines)
    return f'<TD COLSPAN="2" ALIGN="LEFT" BGCOLOR="{theme.alert}">{font(text, theme.page, 9)}</TD>'


def _quantity(what: str, x: float, color: str, theme: Theme) -> str:
    """The two cells of a line; what is not a finite number stands out in a filled cell."""
    text = mono(number(x), color if math.isfinite(x) else theme.page, 10)
    mark = "" if math.isfinite(x) else f' BGCOLOR="{theme.alert}"'
    return (
        f'<TD ALIGN="LEFT">{mono(what, theme.muted, 10)}</TD>'
        f'<TD ALIGN="RIGHT"{mark}>{bold(text) if what == "grad" else text}</TD>'
    )
