"""From a graph to its drawing: cards and edges as plain data, before any picture format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine import Value
from engine.graph import topological_order

FULL_CARDS = 150
LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class Card:
    """A node as it is shown.

    Attributes:
        name: the node's label, or ``v3`` for the fourth node in topological order.
        named: whether the name is the user's.
        sign: how the operation is written; empty for a leaf.
        role: ``"input"``, ``"parameter"``, ``"constant"`` or ``"computed"``.
        scope: the part of a model that the node belongs to, such as ``layers.0.neurons.3``.
        data: the node's value.
        grad: its gradient.
        output: whether it is a root of the drawing.
        mark: why the node stands out; empty for a node that does not.
    """

    name: str
    named: bool
    sign: str
    role: str
    scope: str
    data: float
    grad: float
    output: bool
    mark: str


@dataclass(frozen=True, slots=True)
class Edge:
    """An argument's way into a result.

    Attributes:
        tail: index of the argument's card.
        head: index of the result's card.
        position: which argument of the result it is, from 0.
        partial: the local derivative ∂head/∂tail; None if the head was made by hand and nobody
            has said how it is differentiated.
        sent: the gradient sent back along the edge: partial × the result's gradient.
    """

    tail: int
    head: int
    position: int
    partial: float | None
    sent: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything a picture of a graph shows.

    Attributes:
        cards: the nodes, arguments before results.
        edges: grouped by result, arguments in their order.
        differentiated: whether any gradient has arrived: false before the first backward pass.
        largest_sent: the largest finite |gradient sent back| along an edge; 0 if there is none.
    """

    cards: tuple[Card, ...]
    edges: tuple[Edge, ...]
    differentiated: bool
    largest_sent: float

    @property
    def compact(self) -> bool:
        """Whether there are too many cards to show each in full."""
        return len(self.cards) > FULL_CARDS


def describe(root: Value | Sequence[Value], marks: Mapping[Value, str] | None = None) -> Drawing:
    """The drawing of everything that ``root`` was computed from.

    Args:
        root: one `Value`, or a sequence of them.
        marks: nodes that shall stand out, and why.

    Raises:
        TypeError: if ``root`` is neither a `Value` nor a sequence of them, or ``marks`` no dict of
            what to say about nodes.
        ValueError: if there is nothing to draw, or more than 10,000 nodes.
    """
    roots, marks = _roots(root), _marks(marks)
    order = topological_order(roots)
    if len(order) > LARGEST:
        raise ValueError(
            f"the graph has {len(order):,} nodes; a picture can show at most {LARGEST:,}. Draw a "
            "node in the middle of it, the loss of a single sample, or a smaller model"
        )
    outputs = set(roots)
    cards = tuple(
        _card(index, node, node in outputs, marks.get(node, "")) for index, node in enumerate(order)
    )
    edges = tuple(_edges(order))
    return Drawing(
        cards,
        edges,
        differentiated=any(card.grad != 0 for card in cards),
        largest_sent=max((abs(e.sent) for e in edges if math.isfinite(e.sent)), default=0.0),
    )


def _roots(root: Value | Sequence[Value]) -> list[Value]:
    accepted = "draw() takes a Value or a sequence of Values"
    if isinstance(root, Value):
        return [root]
    if not isinstance(root, Sequence) or isinstance(root, (str, bytes)):
        raise TypeError(f"{accepted}, not {type(root).__name__}: {root!r:.60}")
    for position, item in enumerate(root):
        if not isinstance(item, Value):
            raise TypeError(f"{accepted}; item {position} is {type(item).__name__}: {item!r:.60}")
    if not root:
        raise ValueError(f"{accepted}, and this one is empty")
    return list(root)


def _marks(marks: Mapping[Value, str] | None) -> Mapping[Value, str]:
    accepted = "marks are a dict {Value: str}, nodes with what to say about each"
    if marks is None:
        return {}
    if not isinstance(marks, Mapping):
        raise TypeError(f"{accepted}, not {type(marks).__name__}: {marks!r:.60}")
    for node, mark in marks.items():
        if not isinstance(node, Value) or not isinstance(mark, str):
            raise TypeError(f"{accepted}; one is {node!r:.60}: {mark!r:.60}")
    return marks


def _card(index: int, node: Value, output: bool, mark: str) -> Card:
    return Card(
        name=str(node.label) or f"v{index}",
        named=bool(node.label),
        sign=str(node.sign),
        role=node.role,
        scope=str(node.scope),
        data=float(node.data),
        grad=float(node.grad),
        output=output,
        mark=mark,
    )


def _edges(order: Sequence[Value]) -> Iterator[Edge]:
    index = {node: i for i, node in enumerate(order)}
    for head, node in enumerate(order):
        for position, (arg, partial) in enumerate(zip(node.args, _partials(node), strict=True)):
            sent = 0.0 if partial is None else float(partial * node.grad)
            yield Edge(index[arg], head, position, partial, sent)


def _partials(node: Value) -> Sequence[float | None]:
    try:
        return node.partials
    except RuntimeError:  # made by hand, without a _backward so far
        return [None] * len(node.args)
