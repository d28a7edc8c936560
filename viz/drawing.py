"""From a graph to its drawing: cards and edges as plain data, before any picture format."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine import Value
from engine.graph import topological_order
from engine.node import Node
from engine.rule import SIGN

from .names import Name, names
from .text import raised

FULL_CARDS = 150
LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class Card:
    """A node, or several, as they are shown.

    Attributes:
        name: the user's label, or what the node is: see `names`.
        place: what tells it from others of that name, such as ``0.1``; often "".
        named: whether the name is the user's.
        sign: how the operation is written; empty for a leaf.
        role: ``"input"``, ``"parameter"``, ``"constant"`` or ``"computed"``.
        scope: the part of a model that the node belongs to, such as ``layers.0.neurons.3``.
        data: the node's value; of several nodes the value of the one whose result the others
            serve, nan if there is no such one.
        grad: its gradient; of several nodes without such a one, the norm of the gradients of the
            parameters among them, or else of all.
        output: whether it is a root of the drawing.
        mark: why the node stands out; empty for a node that does not.
        faded: whether it stands back, as what lies on no path that is shown does.
        share: where one path is shown, its part of the gradient: the product down to here.
        size: how many nodes it stands for.
        result: whether data and grad are those of one node.
        rows: of several nodes, those that are listed: name, data and gradient, nan for what is not
            shown.
        words: of several nodes, what they are: ``16 neurons``.
        labelled: whether the edges that arrive are labelled, where cards are more than a line.
        box: the titles of the boxes that it stands in, the outermost first.
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
    place: str = ""
    faded: bool = False
    share: float | None = None
    size: int = 1
    result: bool = True
    rows: tuple[tuple[str, float | None, float | None], ...] = ()
    words: tuple[str, ...] = ()
    labelled: bool = True
    box: tuple[str, ...] = ()

    @property
    def expressed(self) -> bool:
        """Whether the name says how the node is computed."""
        return not self.named and self.name.endswith(")")

    @property
    def within(self) -> str:
        """The name without what the box around it says."""
        around = self.box[-1].partition(" · ")[0] if self.box else ""
        name = self.name.removeprefix(f"{around} ") if around else self.name
        return name.removesuffix(f", {around}")

    @property
    def title(self) -> str:
        """The name, which no other card of the drawing has."""
        return f"{self.name}[{self.place}]" if self.place else self.name


@dataclass(frozen=True, slots=True)
class Edge:
    """An argument's way into a result.

    Attributes:
        tail: index of the argument's card.
        head: index of the result's card.
        position: which argument of the result it is, from 0.
        partial: the local derivative ∂head/∂tail; of a card that stands for several nodes the sum,
            over the paths within it, of the products along them. None if the head was made by hand
            and nobody has said how it is differentiated, or a card at an end has several results.
        sent: the gradient sent back along the edge: partial × the result's gradient; the norm of
            several where there is no partial.
        faded: whether it stands back.
        size: how many edges it stands for.
        boxed: whether it leads from all cards in the tail's box to all in the head's.
    """

    tail: int
    head: int
    position: int
    partial: float | None
    sent: float
    faded: bool = False
    size: int = 1
    boxed: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything a picture of a graph shows.

    Attributes:
        cards: the nodes, arguments before results.
        edges: grouped by result, arguments in their order.
        differentiated: whether any gradient has arrived: false before the first backward pass.
        largest_sent: the largest finite |gradient sent back| along an edge; 0 if there is none.
        caption: what stands below the picture, line by line.
        compact: whether a card is a single line.
        columns: cards that stand side by side, in this order, each in boxes of its own.
        apart: whether the outermost boxes are graphs of their own.
    """

    cards: tuple[Card, ...]
    edges: tuple[Edge, ...]
    differentiated: bool
    largest_sent: float
    caption: tuple[str, ...] = ()
    compact: bool = False
    columns: tuple[tuple[int, ...], ...] = ()
    apart: bool = False

    @property
    def collapsed(self) -> bool:
        """Whether there are cards that stand for many nodes."""
        return any(card.size > 1 for card in self.cards)


def describe(root: Value | Sequence[Value], marks: Mapping[Value, str] | None = None) -> Drawing:
    """The drawing of everything that ``root`` was computed from, node by node.

    Args:
        root: one `Value`, or a sequence of them.
        marks: nodes that shall stand out, and why.

    Raises:
        TypeError: if ``root`` is neither a `Value` nor a sequence of them, or ``marks`` no dict of
            what to say about nodes.
        ValueError: if there is nothing to draw, or more than 10,000 nodes.
    """
    roots, marks = outputs(root), checked(marks)
    order = topological_order(roots)
    refuse_more_than_fits(len(order))
    kept = set(roots)
    cards = [
        card(node, name, node in kept, marks.get(node, "")) for node, name in names(order).items()
    ]
    return drawing(cards, edges(order), compact=len(cards) > FULL_CARDS)


def drawing(
    cards: Iterable[Card], edges: Iterable[Edge], caption: Iterable[str] = (), **options: Any
) -> Drawing:
    """A drawing of cards and edges."""
    cards, edges = tuple(cards), tuple(edges)
    return Drawing(
        cards,
        edges,
        differentiated=any(card.grad != 0 for card in cards),
        largest_sent=max((abs(e.sent) for e in edges if math.isfinite(e.sent)), default=0.0),
        caption=tuple(caption),
        **options,
    )


def side_by_side(drawings: Mapping[str, Drawing], rankdir: str = "LR") -> Drawing:
    """Several drawings as one, each in a box with its title, the first one above or at the left."""
    cards: list[Card] = []
    edges: list[Edge] = []
    columns: list[tuple[int, ...]] = []
    # From left to right Graphviz stacks what hangs together in no way from below.
    titles = list(drawings)[:: -1 if rankdir == "LR" else 1]
    for title in titles:
        found = drawings[title]
        first = len(cards)
        cards += [replace(card, box=(title, *card.box)) for card in found.cards]
        edges += [
            replace(edge, tail=edge.tail + first, head=edge.head + first) for edge in found.edges
        ]
        columns += [tuple(i + first for i in column) for column in found.columns]
    captions = dict.fromkeys(line for found in drawings.values() for line in found.caption)
    compact = any(found.compact for found in drawings.values())
    return drawing(cards, edges, captions, compact=compact, columns=tuple(columns), apart=True)


def outputs(root: Value | Sequence[Value]) -> list[Value]:
    """What is to be drawn, as a list."""
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


def checked(marks: Mapping[Value, str] | None) -> Mapping[Value, str]:
    """The marks, none if there are none."""
    accepted = "marks are a dict {Value: str}, nodes with what to say about each"
    if marks is None:
        return {}
    if not isinstance(marks, Mapping):
        raise TypeError(f"{accepted}, not {type(marks).__name__}: {marks!r:.60}")
    for node, mark in marks.items():
        if not isinstance(node, Node) or not isinstance(mark, str):
            raise TypeError(f"{accepted}; one is {node!r:.60}: {mark!r:.60}")
    return marks


def refuse_more_than_fits(shown: int) -> None:
    """Raise ValueError if so many cards are too many for one picture."""
    if shown > LARGEST:
        raise ValueError(
            f"the graph has {shown:,} nodes to show; a picture can show at most {LARGEST:,}. Let "
            "draw() collapse neurons and layers (expand less of them), draw the heaviest paths to "
            "a leaf with draw_paths(), or draw a node in the middle of it or the loss of a single "
            "sample"
        )


def card(node: Value, name: Name, output: bool, mark: str) -> Card:
    """A node as it is shown."""
    return Card(
        name=str(node.label) if str(node.label).strip() else name.label,
        place=name.place,
        named=bool(str(node.label).strip()),
        sign=written_sign(node),
        role=node.role,
        scope=str(node.scope),
        data=float(node.data),
        grad=float(node.grad),
        output=output,
        mark=mark,
    )


def edges(order: Sequence[Value]) -> Iterator[Edge]:
    """All edges between the nodes, grouped by result, arguments in their order."""
    index = {node: i for i, node in enumerate(order)}
    for head, node in enumerate(order):
        for position, (arg, partial) in enumerate(zip(node.args, partials(node), strict=True)):
            if arg in index:
                sent = 0.0 if partial is None else float(partial * node.grad)
                yield Edge(index[arg], head, position, partial, sent)


def partials(node: Value) -> Sequence[float | None]:
    """A node's local derivatives, None where nobody has said what they are."""
    try:
        return node.partials
    except RuntimeError:  # made by hand, without a _backward so far
        return [None] * len(node.args)


def written_sign(node: Node) -> str:
    """The operation as cards write it: ``×``, ``tanh``, ``x²``, ``−x``; empty for a leaf.

    An operator of one argument is written with the argument in its place, so that −x is not taken
    for a difference.
    """
    written, rule = str(node.sign), node.rule
    if len(node.args) != 1 or rule is None:
        return written
    if written.startswith("^"):
        exponent = raised(written[1:])
        return f"x{written}" if set(exponent) & set(".e+") else f"x{exponent}"
    return str(rule.text % "x") if getattr(rule, "level", None) == SIGN else written
