"""The paths through a graph: a derivative is a sum over them.

∂y/∂x is the sum, over all paths from the output y down to x, of the products of the local
derivatives along them. There may be more paths than anyone can walk (60 stacked diamonds have
2⁶⁰), so they are counted without walking them (`count_paths`), enumerated lazily (`paths`), or
found heaviest first (`heaviest_paths`). All three read the local derivatives that were recorded;
no node's ``grad`` is touched.
"""

from __future__ import annotations

from math import inf, isfinite
from operator import index

from .graph import between, topological_order
from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Edge = tuple[int, float, Any]  # an argument's position, its local derivative, the argument

LONGEST_TEXT = 24  # nodes of a path that its text shows
CROSSINGS = 3  # places where it could have gone another way between the same nodes, that are told
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
WORDS = {"mul": "factor", "add": "summand", "sum": "summand"}  # what an operation's arguments are
MOST_BITS = 16_384  # of a number of paths; longer ones take long and tell nobody anything


class Path:
    """One way from an output down to a node, and what it adds to the derivative.

    Attributes:
        nodes: from the output to the node, both included.
        positions: for every step, which argument of the upper node it goes to, from 0.
        partials: for every step, the local derivative ∂upper/∂lower.
    """

    __slots__ = ("nodes", "partials", "positions")

    def __init__(
        self, nodes: Sequence[Value], positions: Sequence[int], partials: Sequence[float]
    ) -> None:
        self.nodes, self.positions, self.partials = tuple(nodes), tuple(positions), tuple(partials)

    @property
    def products(self) -> list[float]:
        """For every node, the product of the partials above it: 1 for the output."""
        running = [1.0]
        for partial in self.partials:
            running.append(send(partial, running[-1]))
        return running

    @property
    def product(self) -> float:
        """The product of all partials, multiplied from the output down."""
        return self.products[-1]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path):
            return NotImplemented
        return self.nodes == other.nodes and self.positions == other.positions

    def __hash__(self) -> int:
        return hash((self.nodes, self.positions))

    def through(self, names: Sequence[str]) -> str:
        """What tells it from other paths through the same nodes: ``through y's first factor``.

        Args:
            names: what its nodes are called.

        Returns:
            "" if no node on it is used more than once by the one above.
        """
        steps = zip(names, self.nodes, self.nodes[1:], self.positions, strict=False)
        found = [
            f"{name}'s {ordinal(position)} {WORDS.get(name_of(upper), 'argument')}"
            for name, upper, lower, position in steps
            if sum(arg is lower for arg in upper.args) > 1
        ]
        if len(found) > CROSSINGS:
            found[CROSSINGS:] = [f"{len(found) - CROSSINGS:,} more"]
        *others, last = found or [""]
        return f"through {', '.join(others)}{' and ' if others else ''}{last}" if last else ""

    def __str__(self) -> str:
        """``y ← × ← x: 1 · (-2) = -2``; of a long path, both ends."""
        names = [str(node.label or node.sign or f"{node.data:g}") for node in self.nodes]
        told = self.through(names)
        factors = [f"({d:.4g})" if d < 0 else f"{d:.4g}" for d in self.partials] or ["1"]
        way = shown(names, " ← ") + (f", {told}" if told else "")
        return f"{way}: {shown(factors, ' · ')} = {self.product:.4g}"

    def __repr__(self) -> str:
        return f"<Path {self}>"


def count_paths(y: Value, x: Value) -> int:
    """How many paths lead from y down to x, exactly, without walking them.

    ``a * a`` has two paths to a; a node has one to itself.

    Raises:
        TypeError: if y or x is not a Value.
        OverflowError: if there are more than 2^16,384, a number of 4,933 digits.
    """
    check_ends(y, x)
    ways: dict[int, int] = {}
    for node in topological_order(y):
        count = 1 if node is x else 0
        for arg in node.args:
            below = ways.get(id(arg))
            if below is not None:
                count = count + below if count else below  # a number that stays is kept once
        if count:
            if count.bit_length() > MOST_BITS:
                raise OverflowError("there are more than 2^16,384 paths: they are not counted")
            ways[id(node)] = count
    return ways.get(id(y), 0)


def paths(y: Value, x: Value) -> Iterator[Path]:
    """All paths from y down to x, one by one, in the order of the arguments.

    Lazy, and without recursion: the first path of a graph with 2⁶⁰ comes at once.

    Raises:
        TypeError: if y or x is not a Value.
        RuntimeError: if a node on the way was made by hand and has no ``_backward``.
    """
    check_ends(y, x)
    return walk(y, x, leads(between(y, x)))


def walk(y: Value, x: Value, edges: dict[int, list[Edge]]) -> Iterator[Path]:
    """All paths along the edges, depth first."""
    nodes, positions, partials = [y], [0], [1.0]  # the first entries of the last two are no step's
    choices = [iter(edges.get(id(y), ()))]
    if y is x:
        yield Path(nodes, (), ())
    while choices:
        step = next(choices[-1], None)
        if step is None:
            for stack in (choices, nodes, positions, partials):
                stack.pop()
            continue
        position, partial, node = step
        nodes.append(node)
        positions.append(position)
        partials.append(partial)
        choices.append(iter(edges.get(id(node), ())))
        if node is x:
            yield Path(nodes, positions[1:], partials[1:])


def heaviest_paths(y: Value, x: Value, k: int) -> list[Path]:
    """The k paths from y down to x with the largest |product|, heaviest first.

    Those whose product is inf or nan come before all others. Paths of one weight come in an order
    that is the same each time. The others are not enumerated: finding the first takes time linear
    in the graph, each further one as long as it is.

    Args:
        y: the output.
        x: a node that it was computed from, leaf or not.
        k: how many; there may be fewer.

    Raises:
        TypeError: if y or x is not a Value, or k no whole number.
        ValueError: if k is negative.
        RuntimeError: if a node on the way was made by hand and has no ``_backward``.

    Source: V. M. Jiménez and A. Marzal, *Computing the K shortest paths*, WAE 1999. It needs only
    that a step keeps the order of what arrives, which also rounded products of IEEE numbers do.
    """
    if index(k) < 0:
        raise ValueError(f"k must be 0 or more, not {k}")
    check_ends(y, x)
    order = between(y, x)
    edges = leads(order)
    ways = {id(node): Ways(node) for node in order}
    for node in reversed(order):
        here = ways[id(node)]
        here.advance()  # of the output, which has no candidates, nothing
        for position, partial, arg in edges[id(node)]:
            ways[id(arg)].arrive(here, position, partial)
    found: list[Path] = []
    while order and len(found) < k:
        found.append(ways[id(x)].path())
        if not extend(ways[id(x)]):
            break
    return found


class Ways:
    """The ways from the output down to one node.

    Attributes:
        node: the node.
        edges: what leads here: the ways to the node above, the argument's position, its partial.
        found: the ways known so far, heaviest first, as (edge, rank of the way above, product).
        waiting: a heap of the next candidate for each edge, as (−weight, edge, rank, product).
    """

    __slots__ = ("edges", "found", "node", "waiting")

    def __init__(self, node: Value) -> None:
        self.node = node
        self.edges: list[tuple[Ways, int, float]] = []
        self.found: list[tuple[int, int, float]] = []
        self.waiting: list[tuple[float, int, int, float]] = []

    def arrive(self, above: Ways, position: int, partial: float) -> None:
        """A new edge leads here, with the heaviest way to the node above as its candidate."""
        self.edges.append((above, position, partial))
        self.offer(len(self.edges) - 1, 0)

    def offer(self, edge: int, rank: int) -> None:
        """The way of that rank to the node above, and on along the edge, is a candidate."""
        from heapq import heappush

        above, _, partial = self.edges[edge]
        product = send(partial, above.found[rank][2] if above.found else 1.0)
        weight = abs(product) if isfinite(product) else inf
        heappush(self.waiting, (-weight, edge, rank, product))

    def advance(self) -> bool:
        """Take the heaviest candidate; false if there is none."""
        from heapq import heappop

        if not self.waiting:
            return False
        self.found.append(heappop(self.waiting)[1:])
        return True

    def path(self) -> Path:
        """The way found last, from the output to here."""
        nodes, positions, partials = [self.node], [], []
        ways, rank = self, len(self.found) - 1
        while ways.found:  # the output's own way is none of these
            edge, rank, _ = ways.found[rank]
            ways, position, partial = ways.edges[edge]
            nodes.append(ways.node)
            positions.append(position)
            partials.append(partial)
        return Path(nodes[::-1], positions[::-1], partials[::-1])


def extend(ways: Ways) -> bool:
    """Find the next way to a node; false if there is none.

    Its candidates lack the successor of the way found last, which goes through the same edge. If
    the node above has not found that successor yet, it has to be extended first, and so on up.
    """
    lacking: list[Ways] = []
    while ways.found:
        lacking.append(ways)
        edge, rank, _ = ways.found[-1]
        ways = ways.edges[edge][0]
        if len(ways.found) > rank + 1:
            break
    more = False
    for here in reversed(lacking):
        edge, rank, _ = here.found[-1]
        if len(here.edges[edge][0].found) > rank + 1:
            here.offer(edge, rank + 1)
        more = here.advance()
    return more


def send(partial: float, upstream: float) -> float:
    """What the backward pass sends on: 0·∞ is nan, and a branch not taken sends 0 whatever comes.

    >>> from engine.rules import NOTHING
    >>> send(NOTHING, inf)
    0.0
    """
    return 0.0 + partial * upstream


def check_ends(*ends: object) -> None:
    """Raise if paths cannot begin or end there."""
    for node in ends:
        if not isinstance(node, Value):
            raise TypeError(f"paths lead from a Value to a Value, not to {type(node).__name__}")


def leads(order: Sequence[Value]) -> dict[int, list[Edge]]:
    """For each node between two others, by its id, the steps that stay between them."""
    inside: set[int] = set()
    edges: dict[int, list[Edge]] = {}
    for node in order:
        steps = enumerate(zip(node.args, node.partials if inside else (), strict=False))
        edges[id(node)] = [(i, d, arg) for i, (arg, d) in steps if id(arg) in inside]
        inside.add(id(node))
    return edges


def ordinal(position: int) -> str:
    """Which one it is in words, counted from 0."""
    return ORDINALS[position] if position < len(ORDINALS) else f"{position + 1}th"


def name_of(node: Value) -> str:
    """The name of a node's operation."""
    return node.rule.name if node.rule else ""


def shown(parts: Sequence[str], joint: str) -> str:
    """The parts in a row; of very many, those at both ends."""
    if len(parts) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2
        parts = [*parts[:half], f"… {len(parts) - 2 * half:,} more …", *parts[-half:]]
    return joint.join(parts)
