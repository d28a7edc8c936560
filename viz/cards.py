"""Cards as Graphviz nodes: full ones, tables with a strip for the arguments, and compact ones."""

from __future__ import annotations

import math
import textwrap

from .drawing import Card, Edge
from .look import Look
from .strip import height, strip
from .text import bold, exact_number, font, html, lines, mono, number, printable, shorten, tooltip
from .theme import Surface, Theme

SIGN_LENGTH = 12
ROLE_WORDS = {"input": "input", "parameter": "param", "constant": "const"}

_WIDTH, _HEIGHT = 104, 58  # points; a card with long text grows wider
BLANK = "________"  # a line to write a number on


def full_card(card: Card, arguments: list[Edge], look: Look, back: bool) -> str:
    """The attributes of the node for a card with all there is to see.

    ``back`` says whether what goes back along its edges is shown, too.
    """
    lit, look = look, look.faded() if card.faded else look
    theme = look.theme
    surface = _surface(card, theme)
    style = "ROUNDED,DASHED" if card.role == "constant" else "ROUNDED"
    rest = height(len(arguments)) - _HEIGHT if look.rankdir == "LR" else 0
    across = '<TD COLSPAN="2" CELLPADDING="0"'
    rows = [
        _title(card, theme),
        f'{across} WIDTH="{_WIDTH}" HEIGHT="1" BGCOLOR="{surface.stroke}"></TD>',
        _quantity("data", card.data, theme.ink, look),
        _quantity("grad", card.grad, theme.sign(card.grad), look),
        *([] if card.share is None or "grad" in look.hide else [_share(card.share, look)]),
        *([_mark(card, theme)] if card.mark else []),
        f'{across} HEIGHT="{max(8 if card.mark or card.share is not None else 3, rest)}"></TD>',
    ]
    return (
        'label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f"{strip(arguments, lit, back)}"
        f'<TD><TABLE STYLE="{style}" BORDER="{_border(card)}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="3" COLOR="{surface.stroke}" BGCOLOR="{surface.fill}">'
        f"{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE></TD></TR></TABLE>>"
    )


def compact_card(card: Card, look: Look) -> str:
    """The attributes of the node for a card of one line: name, operation, data, grad."""
    theme = look.theme.faded if card.faded else look.theme
    surface = _surface(card, theme)
    name = html(card.name)
    data = "" if "data" in look.hide else number(card.data, look.digits)
    grad = "" if "grad" in look.hide else number(card.grad, look.digits)
    words = [
        bold(name) if card.named else font(name, theme.zero, 10),
        "  ".join(filter(None, (html(card.sign, SIGN_LENGTH), data))),
        bold(font(grad, theme.sign(card.grad), 10)) if grad else "",
    ]
    style = "rounded,filled,dashed" if card.role == "constant" else "rounded,filled"
    return (
        f'shape=box style="{style}" color="{surface.stroke}" fillcolor="{surface.fill}"'
        f' penwidth={_border(card)} width=0 height=0 margin="0.08,0.05" fontsize=10'
        f' fontcolor="{theme.ink}" label=<{"   ".join(filter(None, words))}>'
    )


def group_card(card: Card, look: Look) -> str:
    """The attributes of the node for a card that stands for many nodes."""
    theme = look.theme
    surface = _surface(card, theme)
    grad = bold(font(number(card.grad, look.digits), theme.ink, 10))
    sign = f"{html(card.sign, SIGN_LENGTH)}   " if card.sign else ""
    rows = [
        bold(html(card.name)),
        font(f"{sign}{card.size:,} nodes", theme.muted, 10),
        *([] if "grad" in look.hide else [font("‖grad‖  ", theme.muted, 10) + grad]),
        *([font(html(card.mark, 60), theme.alert, 10)] if card.mark else []),
    ]
    return (
        f'shape=box style="rounded,filled" peripheries=2 color="{surface.stroke}"'
        f' fillcolor="{surface.fill}" fontcolor="{theme.ink}" fontsize=11 width=0 height=0'
        f' margin="0.1,0.06" label=<{"<BR/>".join(rows)}>'
    )


def card_tooltip(card: Card, look: Look) -> str:
    """Everything about a node, in full precision."""
    grad = "" if "grad" in look.hide else exact_number(card.grad)
    if card.size > 1:
        return tooltip(card.name, f"{card.size:,} nodes", *([f"‖grad‖ {grad}"] if grad else []))
    said = (
        f"{card.name} · {card.sign or card.role}",
        card.scope,
        "" if "data" in look.hide else f"data {exact_number(card.data)}",
        f"grad {grad}" if grad else "",
        "" if card.share is None or not grad else f"along this path {exact_number(card.share)}",
        card.mark,
    )
    return tooltip(*filter(None, said))


def _surface(card: Card, theme: Theme) -> Surface:
    surface: Surface = getattr(theme, card.role)
    if card.output and card.role == "computed":
        surface = theme.output
    return Surface(surface.fill, theme.alert) if card.mark else surface


def _border(card: Card) -> int:
    return 2 if card.output or card.mark else 1


def _title(card: Card, theme: Theme) -> str:
    first, *rest = lines(card.name)
    # Both cells are bold, and so is a name that we have given: else their baselines differ.
    name = bold(
        font(first, theme.ink, 12) if card.named else f"<I>{font(first, theme.zero, 12)}</I>"
    )
    small = [*(bold(font(line, theme.ink, 10)) for line in rest)]
    small += [font(html(card.scope), theme.muted, 8)] if card.scope else []
    name += "".join(f'<BR ALIGN="LEFT"/>{line}' for line in small)
    if card.role in ROLE_WORDS:
        color = theme.zero if card.role == "constant" else getattr(theme, card.role).stroke
        what = font(ROLE_WORDS[card.role], color, 9)
    else:
        what = bold(font(html(card.sign, SIGN_LENGTH), theme.ink, 12))
    end, place = ('<BR ALIGN="LEFT"/>', "TOP") if small else ("", "BOTTOM")
    return (
        f'<TD ALIGN="LEFT" VALIGN="{place}">{name}{end}</TD>'
        f'<TD ALIGN="RIGHT" VALIGN="{place}">{what}</TD>'
    )


def _share(share: float, look: Look) -> str:
    """The two cells of what one path adds to the gradient, as a line of the path."""
    theme = look.theme
    color = theme.sign(share)
    cell = f'BGCOLOR="{color}"'
    return (
        f'<TD ALIGN="LEFT" {cell}>{bold(mono("path", theme.page, 10))}</TD>'
        f'<TD ALIGN="RIGHT" {cell}>{bold(mono(number(share, look.digits), theme.page, 10))}</TD>'
    )


def _mark(card: Card, theme: Theme) -> str:
    wrapped = textwrap.wrap(shorten(printable(card.mark), 90), 30)
    text = "".join(f'{html(line, 30)}<BR ALIGN="LEFT"/>' for line in wrapped)
    return f'<TD COLSPAN="2" ALIGN="LEFT" BGCOLOR="{theme.alert}">{font(text, theme.page, 9)}</TD>'


def _quantity(what: str, x: float, color: str, look: Look) -> str:
    """The two cells of a line; what is not a finite number stands out in a filled cell.

    Where the number is hidden there is a line to write it on.
    """
    theme = look.theme
    weight = bold if what == "grad" else str  # of both cells: else their baselines differ
    left = f'<TD ALIGN="LEFT">{weight(mono(what, theme.muted, 10))}</TD>'
    if what in look.hide:
        return f'{left}<TD ALIGN="RIGHT">{weight(mono(BLANK, theme.muted, 10))}</TD>'
    text = mono(number(x, look.digits), color if math.isfinite(x) else theme.page, 10)
    mark = "" if math.isfinite(x) else f' BGCOLOR="{theme.alert}"'
    return f'{left}<TD ALIGN="RIGHT"{mark}>{weight(text)}</TD>'
