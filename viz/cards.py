"""Cards as Graphviz nodes: full ones, tables with a strip for the arguments, and compact ones."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from .drawing import Card, Edge
from .look import Look
from .strip import height, strip
from .text import (
    bold,
    exact_number,
    font,
    html,
    lines,
    mono,
    number,
    printable,
    room,
    shorten,
    tooltip,
)
from .theme import Surface, Theme

SIGN_LENGTH = 12
ROLE_WORDS = {"input": "input", "parameter": "param", "constant": "const"}

_WIDTH, _HEIGHT = 104, 58  # points; a card with long text grows wider
APART, DIGIT = 9, 6.1  # points between the cells of a card of one line, and of a digit there
BLANK = "________"  # a line to write a number on


def full_card(card: Card, arguments: list[Edge], look: Look, back: bool) -> str:
    """The attributes of the node for a card with all there is to see.

    ``back`` says whether what goes back along its edges is shown, too.
    """
    lit, look = look, look.faded() if card.faded else look
    theme = look.theme
    face = surface(card, theme)
    style = "ROUNDED,DASHED" if card.role == "constant" else "ROUNDED"
    rest = height(len(arguments)) - _HEIGHT if look.rankdir == "LR" else 0
    across = '<TD COLSPAN="2" CELLPADDING="0"'
    alert = "grad" not in look.hide and not math.isfinite(card.grad)
    filled = card.mark or card.share is not None or alert  # the last line, up to the corners
    rows = [
        _title(card, theme),
        f'{across} WIDTH="{_WIDTH}" HEIGHT="1" BGCOLOR="{face.stroke}"></TD>',
        quantity("data", card.data, theme.ink, look),
        quantity("grad", card.grad, theme.sign(card.grad), look),
        *([] if card.share is None or "grad" in look.hide else [share_row(card.share, look)]),
        *([mark_row(card, theme)] if card.mark else []),
        f'{across} HEIGHT="{max(8 if filled else 3, rest)}"></TD>',
    ]
    return (
        'label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f"{strip(arguments, lit, back)}"
        f'<TD><TABLE STYLE="{style}" BORDER="{border(card)}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="3" COLOR="{face.stroke}" BGCOLOR="{face.fill}">'
        f"{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE></TD></TR></TABLE>>"
    )


def compact_card(card: Card, look: Look) -> str:
    """The attributes of the node for a card of one line: name, operation, data, grad."""
    look = look.faded() if card.faded else look
    theme = look.theme
    name = bold(font(html(card.name), theme.ink if card.named else theme.zero, 10))
    cells = [cell(name, room(html(card.name)))]
    if card.place:
        place = html(f"[{card.place}]")
        cells[0] += cell(font(place, theme.zero, 10), room(place))
    if card.sign and not card.expressed:
        cells.append(cell(font(html(card.sign, SIGN_LENGTH), theme.ink, 10), room(card.sign)))
    if "data" not in look.hide:
        cells.append(figure(card.data, theme.ink, look))
    if "grad" not in look.hide:
        cells.append(figure(card.grad, theme.sign(card.grad), look))
    return one_line(card, cells + shared(card, look), look)


def one_line(card: Card, cells: Sequence[str], look: Look) -> str:
    """The attributes of the node for a card whose cells stand side by side.

    Every cell has the room that its text takes in the widest of the typefaces.
    """
    face = surface(card, look.theme)
    style = "rounded,filled,dashed" if card.role == "constant" else "rounded,filled"
    apart = f'<TD WIDTH="{APART}"></TD>'
    return (
        f'shape=box style="{style}" color="{face.stroke}" fillcolor="{face.fill}"'
        f' penwidth={border(card)} width=0 height=0 margin="0.08,0.02" fontsize=10'
        ' label=<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f"{apart.join(cells)}</TR></TABLE>>"
    )


def cell(markup: str, width: float, side: str = "LEFT") -> str:
    """A cell of a card of one line."""
    return f'<TD ALIGN="{side}" WIDTH="{math.ceil(width)}">{markup}</TD>'


def figure(x: float, color: str, look: Look) -> str:
    """The cell of a number; of what is not finite in a filled one."""
    text = number(x, look.digits)
    if math.isfinite(x):
        return cell(mono(text, color, 10), DIGIT * len(text), "RIGHT")
    filled = f'BGCOLOR="{look.theme.alert}"'
    return f"<TD {filled}>{mono(text, look.theme.page, 10)}</TD>"


def shared(card: Card, look: Look) -> list[str]:
    """The cell of what one path adds to the gradient, if one is shown."""
    if card.share is None or "grad" in look.hide:
        return []
    theme, text = look.theme, number(card.share, look.digits)
    said = mono(f"&#160;{text}", theme.sign(card.share), 10)
    return [cell(mono("path", theme.muted, 10) + said, DIGIT * (5 + len(text)))]


def card_tooltip(card: Card, look: Look) -> str:
    """Everything about a node, in full precision."""
    grad = "" if "grad" in look.hide else exact_number(card.grad)
    if card.size > 1:
        data = f"data {exact_number(card.data)}" if card.result and "data" not in look.hide else ""
        slope = f"{'grad' if card.result else '‖grad‖'} {grad}" if grad else ""
        said = (card.title, card.scope, f"{card.size:,} nodes", data, slope, card.mark)
        return tooltip(*filter(None, said))
    said = (
        f"{card.title} · {card.sign or card.role}",
        card.scope,
        "" if "data" in look.hide else f"data {exact_number(card.data)}",
        f"grad {grad}" if grad else "",
        "" if card.share is None or not grad else f"along this path {exact_number(card.share)}",
        card.mark,
    )
    return tooltip(*filter(None, said))


def surface(card: Card, theme: Theme) -> Surface:
    """A card's colours: those of its role, the output's, or those of what stands out."""
    face: Surface = getattr(theme, card.role)
    if card.output and card.role == "computed":
        face = theme.output
    return Surface(face.fill, theme.alert) if card.mark else face


def border(card: Card) -> int:
    """How wide a card's border is, in points."""
    return 2 if card.output or card.mark else 1


def _title(card: Card, theme: Theme) -> str:
    first, *rest = lines(card.name)
    # Both cells are bold, and so is a name that we have given: else their baselines differ.
    name = bold(
        font(first, theme.ink, 12) if card.named else f"<I>{font(first, theme.zero, 12)}</I>"
    )
    name += bold(font(html(f"[{card.place}]"), theme.zero, 10)) if card.place else ""
    small = [*(bold(font(line, theme.ink, 10)) for line in rest)]
    small += [font(html(card.scope), theme.muted, 10)] if card.scope and not card.place else []
    name += "".join(f'<BR ALIGN="LEFT"/>{line}' for line in small)
    if card.role in ROLE_WORDS:
        color = theme.zero if card.role == "constant" else getattr(theme, card.role).stroke
        what = font(ROLE_WORDS[card.role], color, 10)
    else:
        what = bold(font(html(card.sign, SIGN_LENGTH), theme.ink, 12))
    end, place = ('<BR ALIGN="LEFT"/>', "TOP") if small else ("", "BOTTOM")
    return (
        f'<TD ALIGN="LEFT" VALIGN="{place}">{name}{end}</TD>'
        f'<TD ALIGN="RIGHT" VALIGN="{place}">{what}</TD>'
    )


def share_row(share: float, look: Look) -> str:
    """The two cells of what one path adds to the gradient, as a line of the path."""
    theme = look.theme
    color = theme.sign(share)
    cell = f'BGCOLOR="{color}"'
    return (
        f'<TD ALIGN="LEFT" {cell}>{bold(mono("path", theme.page, 10))}</TD>'
        f'<TD ALIGN="RIGHT" {cell}>{bold(mono(number(share, look.digits), theme.page, 10))}</TD>'
    )


def mark_row(card: Card, theme: Theme) -> str:
    """The cell that says why a card stands out."""
    wrapped = textwrap.wrap(shorten(printable(card.mark), 90), 30)
    text = "".join(f'{html(line, 30)}<BR ALIGN="LEFT"/>' for line in wrapped)
    cell = f'COLSPAN="2" ALIGN="LEFT" CELLPADDING="6" BGCOLOR="{theme.alert}"'
    return f"<TD {cell}>{font(text, theme.page, 10)}</TD>"


def quantity(what: str, x: float, color: str, look: Look, called: str = "") -> str:
    """The two cells of a line, for ``"data"`` or ``"grad"``, by that name or another.

    What is not a finite number stands out in a filled cell; where the number is hidden there is a
    line to write it on.
    """
    theme = look.theme
    weight = bold if what == "grad" else str  # of both cells: else their baselines differ
    left = f'<TD ALIGN="LEFT">{weight(mono(called or what, theme.muted, 10))}</TD>'
    if what in look.hide:
        return f'{left}<TD ALIGN="RIGHT">{weight(mono(BLANK, theme.muted, 10))}</TD>'
    text = mono(number(x, look.digits), color if math.isfinite(x) else theme.page, 10)
    mark = "" if math.isfinite(x) else f' BGCOLOR="{theme.alert}"'
    return f'{left}<TD ALIGN="RIGHT"{mark}>{weight(text)}</TD>'
