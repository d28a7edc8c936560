"""Pictures in words: the title and the description that an SVG carries for those who cannot see it.

A notebook shows the description where it shows text only, and a screen reader reads it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from .drawing import Card, Drawing
from .look import Look
from .text import printable, short_number, shorten, term

INFIX = set("+−-·*×/÷")
MOST = 8  # things of one kind that are named
ROLES = {"input": "input", "parameter": "parameter", "constant": "constant"}


class Words(NamedTuple):
    """A picture in words: what it is of, and what it shows."""

    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.title}. {self.text}" if self.text else f"{self.title}."


def described(svg: str, words: Words) -> str:
    """The SVG with the words in it, as an image that has a name and a description."""
    head, mark, rest = svg.partition("<svg ")
    if not rest:  # it is something else
        return svg
    attributes, end, body = rest.partition(">")
    names = "gradpath-title gradpath-text" if words.text else "gradpath-title"
    texts = f'\n<title id="gradpath-title">{escape(words.title)}</title>'
    if words.text:
        texts += f'\n<desc id="gradpath-text">{escape(words.text)}</desc>'
    return f'{head}{mark}role="img" aria-labelledby="{names}" {attributes}{end}{texts}{body}'


def of_drawing(drawing: Drawing, look: Look) -> Words:
    """What the picture of a graph shows; nothing of what it leaves blank."""
    outputs = [card for card in drawing.cards if card.output] or list(drawing.cards[-1:])
    told = [_size(drawing), *(_value(card, drawing, look) for card in outputs[:MOST])]
    if "grad" not in look.hide:
        told += [_gradients(drawing, outputs)] if drawing.differentiated else []
        told += [printable(line) for line in drawing.caption if not line.startswith(told[0])]
    marks = [f"{_name(card)}: {printable(card.mark)}" for card in drawing.cards if card.mark]
    title = printable(look.title) or f"Graph of {listed([_name(card) for card in outputs])}"
    return Words(title, " ".join(f"{line.rstrip('.')}." for line in told + marks[:MOST] if line))


def listed(things: Iterable[object], most: int = MOST) -> str:
    """Things in a sentence: ``a, b and 3 more``."""
    names = [printable(str(thing)) for thing in things]
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1:,} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 node``, ``2,000 nodes``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _size(drawing: Drawing) -> str:
    nodes, cards = sum(card.size for card in drawing.cards), len(drawing.cards)
    if nodes > cards:
        return f"{counted(nodes, 'node')} on {counted(cards, 'card')}"
    roles = Counter(card.role for card in drawing.cards)
    leaves = [counted(roles[role], noun) for role, noun in ROLES.items() if roles[role]]
    return f"{counted(nodes, 'node')}" + (f": {listed(leaves)}" if leaves else "")


def _value(output: Card, drawing: Drawing, look: Look) -> str:
    """``o = tanh(n) is 0.7071``."""
    places: dict[int, list[int]] = defaultdict(list)
    for edge in drawing.edges:
        places[edge.head].append(edge.tail)
    args = [_name(drawing.cards[i]) for i in places[drawing.cards.index(output)]]
    sign, said = printable(output.sign), _name(output)
    if output.size == 1 and args and sign:
        said += f" = {_formula(sign, args)}"
    return said if "data" in look.hide else f"{said} is {short_number(output.data, 4)}"


def _formula(sign: str, args: list[str]) -> str:
    """``a × b``, ``tanh(a)``; a sign such as ``x²`` has the argument in its place."""
    if len(args) == 1 and "x" in sign and not sign.isidentifier():
        return sign.replace("x", term(args[0]))
    if sign in INFIX:
        return f" {sign} ".join(map(term, args))
    inner = args[0][1:-1] if len(args) == 1 and args[0][0] == "(" == term(args[0])[0] else ""
    return f"{sign}({inner or ', '.join(args)})"


def _gradients(drawing: Drawing, outputs: list[Card]) -> str:
    """The gradients of what the graph starts from: ``∂o/∂w1 = 1``."""
    leaves = [card for card in drawing.cards if card.role in ("input", "parameter")]
    leaves = [card for card in leaves if card.size == 1 and not card.output and not card.faded]
    above = f"∂{_name(outputs[0])}/∂" if len(outputs) == 1 else "gradient of "
    said = [f"{above}{_name(card)} = {short_number(card.grad, 4)}" for card in leaves[:MOST]]
    more = [f"and {len(leaves) - MOST:,} more"] if len(leaves) > MOST else []
    return ", ".join(said + more)


def _name(card: Card) -> str:
    return shorten(printable(card.title))
