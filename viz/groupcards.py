"""Cards that stand for several nodes: neurons, layers, samples, and what is folded away."""

from __future__ import annotations

import math

from .cards import (
    DIGIT,
    SIGN_LENGTH,
    border,
    figure,
    mark_row,
    one_line,
    quantity,
    share_row,
    shared,
    surface,
)
from .cards import cell as wide
from .drawing import Card, Edge
from .look import Look
from .strip import height, strip
from .text import bold, font, html, mono, number, room
from .theme import Theme

MORE = "⊞"  # before the name of a card of one line, which has no room for two borders
STACKED = 3  # points between the two borders, which say that there is more in it


def group_card(card: Card, arguments: list[Edge], look: Look, back: bool) -> str:
    """The attributes of the node for a card that stands for many nodes, with what is known of it.

    ``back`` says whether what goes back along its edges is shown, too.
    """
    lit, look = look, look.faded() if card.faded else look
    theme, face = look.theme, surface(card, look.theme)
    rows = [title(card, theme), line(f'HEIGHT="1" BGCOLOR="{face.stroke}"')]
    rows += [line('ALIGN="LEFT"', font(html(word, 40), theme.muted, 10)) for word in card.words]
    rows += table(card, look) if card.rows else numbers(card, look)
    if card.share is not None and "grad" not in look.hide:
        rows.append(share_row(card.share, look))
    if card.mark:
        rows.append(mark_row(card, theme))
    rest = height(len(arguments)) - 58 if card.labelled and look.rankdir == "LR" else 0
    rows.append(line(f'HEIGHT="{max(3, rest)}"'))
    inner = (
        f'<TABLE STYLE="ROUNDED" BORDER="{border(card)}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="3" COLOR="{face.stroke}" BGCOLOR="{face.fill}">'
        f"{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>"
    )
    stack = (
        f'<TABLE STYLE="ROUNDED" BORDER="1" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="{STACKED}" COLOR="{face.stroke}" BGCOLOR="{face.fill}">'
        f"<TR><TD>{inner}</TD></TR></TABLE>"
    )
    if not card.labelled:
        return f"label=<{stack}>"
    return (
        'label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f"{strip(arguments, lit, back)}<TD>{stack}</TD></TR></TABLE>>"
    )


def compact_group(card: Card, look: Look) -> str:
    """The attributes of the node for a group on one line: name, operation, and what is known."""
    look = look.faded() if card.faded else look
    theme = look.theme
    name = f"{MORE} {html(card.within)}"
    cells = [wide(bold(font(name, theme.ink, 10)), room(name))]
    if card.sign:
        cells.append(wide(font(html(card.sign, SIGN_LENGTH), theme.ink, 10), room(card.sign)))
    if card.result and "data" not in look.hide:
        cells.append(figure(card.data, theme.ink, look))
    if "grad" not in look.hide and not card.result:
        cells.append(wide(mono("‖grad‖", theme.muted, 10), 7 * DIGIT))
    if "grad" not in look.hide:
        cells.append(figure(card.grad, theme.sign(card.grad) if card.result else theme.ink, look))
    cells += shared(card, look)
    if card.mark:
        mark = html(card.mark, 60)
        cells.append(wide(font(mark, theme.alert, 10), room(mark)))
    return one_line(card, cells, look)


def line(attributes: str, content: str = "") -> str:
    """A cell as wide as the card."""
    return f'<TD COLSPAN="2" CELLPADDING="{3 if content else 0}" {attributes}>{content}</TD>'


def title(card: Card, theme: Theme) -> str:
    """The cells of a name and an operation."""
    name = bold(font(html(card.name), theme.ink, 12))
    sign = bold(font(html(card.sign, SIGN_LENGTH), theme.ink, 12)) if card.sign else ""
    return f'<TD ALIGN="LEFT">{name}</TD><TD ALIGN="RIGHT">{sign}</TD>'


def numbers(card: Card, look: Look) -> list[str]:
    """The value and the gradient of the result, or the norm of all gradients."""
    theme = look.theme
    if not card.result:
        return [quantity("grad", card.grad, theme.ink, look, "‖grad‖")]
    return [
        quantity("data", card.data, theme.ink, look),
        quantity("grad", card.grad, theme.sign(card.grad), look),
    ]


def table(card: Card, look: Look) -> list[str]:
    """The listed nodes with their data and gradients."""
    theme = look.theme
    shown = [what for what in ("data", "grad") if what not in look.hide]
    heads = "".join(cell("RIGHT", what, theme.muted) for what in ("", *shown))
    rows = [f"<TR>{heads}</TR>"]
    for name, data, grad in card.rows:
        values = {"data": (data, theme.ink), "grad": (grad, theme.sign(grad or 0.0))}
        cells = [cell("LEFT", html(name, 12), theme.ink if grad is None else theme.muted)]
        cells += [value(*values[what], look) for what in shown]
        rows.append(f"<TR>{''.join(cells)}</TR>")
    whole = f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>'
    return [line('ALIGN="RIGHT"', whole), *([] if card.result else numbers(card, look))]


def value(x: float | None, color: str, look: Look) -> str:
    """A cell for a number; what is not a finite one stands out in a filled cell."""
    if x is None:
        return cell("RIGHT", "", color)
    if math.isfinite(x):
        return cell("RIGHT", number(x, look.digits), color)
    return cell("RIGHT", number(x), look.theme.page, f' BGCOLOR="{look.theme.alert}"')


def cell(side: str, text: str, color: str, more: str = "") -> str:
    """A cell of the table."""
    apart = "&#160;" if side == "RIGHT" else ""  # from the column at the left
    return f'<TD ALIGN="{side}"{more}>{mono(apart + text, color, 10) if text else ""}</TD>'
