"""What the player plays from: a graph's places, names, formulas and numbers, as JSON.

Numbers travel as the bytes of their floats, so that the page computes with the very same ones; of
several states only what differs between them is stored more than once.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine import Symbol, Value
from engine.rule import NOTHING

from .drawing import Card, Drawing, describe
from .formulas import partial_formulas, value_formula
from .names import names
from .script import Script
from .staging import stage
from .text import powers_raised, printable, shorten

Numbers = Any
"""One state: every node's data, every edge's partial, and whether that is `NOTHING`."""

OPEN, CLOSE = "\ue000", "\ue001"  # around the index of a node in a formula; names have none of them
WIDEST = -8.88e-88
NAME_LENGTH, SCOPE_LENGTH = 60, 200
MOST_LINES = 3  # of a name, as in pictures
_ORIGIN = re.compile(r"(?P<file>.*):(?P<line>\d+): (?P<code>.+)")

SCRIPT = Script()


def score(order: Sequence[Value], states: Sequence[Numbers]) -> dict[str, Any]:
    """All there is to know about a graph and its states.

    Args:
        order: the nodes, arguments before results, the output last.
        states: at least one, as `state` gives them.
    """
    drawing = describe(order[-1])
    placed = stage(with_room(drawing) if drawing.compact else drawing)
    called = [safe(str(name)) for name in names(order).values()]
    symbols = {node: Symbol(f"{OPEN}{i}{CLOSE}") for i, node in enumerate(order)}
    nodes, edges = [], []
    for node, card, box, name in zip(order, drawing.cards, placed.boxes, called, strict=True):
        nodes.append(
            {
                "name": name,
                "label": (told := card_lines(card))[0],
                "place": f"[{safe(card.place)}]" if card.place else "",
                "below": told[1:],
                "named": card.named,
                "sign": safe(card.sign),
                "role": card.role,
                "scope": safe(card.scope, SCOPE_LENGTH),
                "box": [round(x, 2) for x in box],
                "formula": written(value_formula(node, symbols)),
                "line": made_at(node),
            }
        )
    partials = [formula for node in order for formula in formulas(node, symbols)]
    for edge, curve, formula in zip(drawing.edges, placed.curves, partials, strict=True):
        points = [[round(x, 2), round(y, 2)] for x, y in curve]
        edges.append(
            {
                "tail": edge.tail,
                "head": edge.head,
                "position": edge.position,
                "curve": points,
                "formula": formula,
            }
        )
    return {
        "size": [round(placed.width, 2), round(placed.height, 2)],
        "compact": drawing.compact,
        "nodes": nodes,
        "edges": edges,
        "numbers": packed_states(states),
    }


def made_at(node: Value) -> dict[str, str] | None:
    """The line of Python that made a node, if it was made under `detect_anomaly`."""
    match = _ORIGIN.fullmatch(node.origin) if node.args else None
    if not match:
        return None
    return {
        "at": safe(f"{Path(match['file']).name}, line {match['line']}", SCOPE_LENGTH),
        "code": safe(match["code"], SCOPE_LENGTH),
    }


def card_lines(card: Card) -> list[str]:
    """What stands above the line on a card: its name, line by line, and where it is made."""
    found = [safe(line) for line in card.name.split("\n") if line.strip()] or [safe(card.name)]
    found = found if len(found) <= MOST_LINES else [*found[: MOST_LINES - 1], "…"]
    return [*found, safe(card.scope)] if card.scope and not card.place else found


def with_room(drawing: Drawing) -> Drawing:
    """The drawing with the widest numbers: compact cards are as wide as what stands on them."""
    cards = tuple(replace(card, data=WIDEST, grad=WIDEST) for card in drawing.cards)
    return replace(drawing, cards=cards)


def safe(text: str, length: int = NAME_LENGTH) -> str:
    """User text for the page: printable, of some length, without the marks of formulas."""
    text = printable(text).replace(OPEN, "\ufffd").replace(CLOSE, "\ufffd")
    return shorten(text, length)


def written(formula: Any) -> str:
    """A formula as text; "" if it would be too long."""
    if formula is None:
        return ""
    text = SCRIPT.write(formula if isinstance(formula, Symbol) else SCRIPT.quantity(formula))
    return "" if text.startswith("(…") else powers_raised(text)


def formulas(node: Value, symbols: dict[Value, Any]) -> list[str]:
    """A node's local derivatives as the table writes them; "" where they would be too long."""
    found = partial_formulas(node, symbols) if node.args else []
    return [""] * len(node.args) if found is None else [written(formula) for formula in found]


# ---------------- numbers


def outline(order: Sequence[Value]) -> list[Any]:
    """What is the same in all states of a graph: operations, roles, labels, and who uses whom."""
    place = {node: i for i, node in enumerate(order)}
    return [
        (node.sign or node.role, str(node.label), *(place[arg] for arg in node.args))
        for node in order
    ]


def state(order: Sequence[Value]) -> Numbers:
    """The numbers of a graph as they are now."""
    partials = [partial for node in order for partial in node.partials]
    return np.array(
        [
            *(node.data for node in order),
            *map(float, partials),
            *(float(partial is NOTHING) for partial in partials),
        ],
        "<f8",
    )


def packed_states(states: Sequence[Numbers]) -> dict[str, Any]:
    """The first state whole, and of all states what is not always the same."""
    every = np.stack(states)
    bits = every.view("<i8")  # so that nan is itself and −0 is not 0
    moving = np.flatnonzero((bits != bits[0]).any(axis=0))
    return {
        "count": len(states),
        "first": packed(every[0]),
        "moving": moving.tolist(),
        "moved": packed(every[:, moving]),
    }


def packed(array: Any) -> str:
    """The bytes of an array, in base 64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
