"""Orders in which engines send their gradients back, right ones that differ and wrong ones.

The order of a node's operands in a set is anybody's: each order comes with masks that say which
nodes' operands are visited last first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .simulation import Graph

LONGEST = 2_000  # nodes that a walk without a list of those seen may visit
MASKS = range(32)

Event = int | tuple[int, int]  # a node, or a node and the place to which alone it sends


def masked(order: Callable[..., Any], **options: Any) -> list[Callable[[Graph, int], Any]]:
    """An order with each mask."""
    return [partial(order, mask=mask, **options) for mask in MASKS]


def operands(graph: Graph, node: int, mask: int, merged: bool = False) -> tuple[int, ...]:
    """A node's operands in the order that a mask gives them; if merged, each of them once."""
    args = graph.args[node]
    args = args[::-1] if mask >> node % 5 & 1 else args
    return tuple(dict.fromkeys(args)) if merged else args


def walk(graph: Graph, root: int, *, mask: int, queue: bool, once: bool) -> list[int]:
    """From the root down, without waiting for all results of a node."""
    order: list[int] = []
    waiting = [root]
    while waiting and len(order) < LONGEST:
        node = waiting.pop(0 if queue else -1)
        if not (once and node in order):
            order.append(node)
            waiting += operands(graph, node, mask)
    return order


def recursion(
    graph: Graph,
    root: int,
    *,
    mask: int = 0,
    again: bool = False,
    merged: bool = False,
    equal: bool = False,
) -> list[int]:
    """The usual recursion. As it is, it gives a right order, though maybe another one.

    Args:
        graph, root, mask: what is sorted.
        again: whether a node is appended each time it is met.
        merged: whether a node that is both operands is met once only.
        equal: whether nodes of equal value are taken for one.
    """
    order: list[int] = []
    seen: set[float] = set()

    def visit(node: int) -> None:
        key = graph.data[node] if equal else node
        known = key in seen
        if not known:
            seen.add(key)
            for x in operands(graph, node, mask, merged):
                visit(x)
        if again or not known:
            order.append(node)

    visit(root)
    return order[::-1]


def stacked(graph: Graph, root: int, *, mask: int, merged: bool, unseen: bool) -> list[int]:
    """A sort with a stack, where a node is appended whenever it is met again."""
    order: list[int] = []
    seen: set[int] = set()
    stack = [root]
    while stack and len(order) < LONGEST:
        node = stack.pop()
        if node in seen:
            order.append(node)
            continue
        seen.add(node)
        below = operands(graph, node, mask, merged)
        stack += [node, *(x for x in below if not unseen or x not in seen)]
    return order[::-1]


def sending_sums(graph: Graph, root: int, *, mask: int, all_first: bool) -> list[Event]:
    """A recursion without an order: each argument sends on at once all that it has got so far."""
    events: list[Event] = []

    def visit(node: int) -> None:
        places = list(enumerate(graph.args[node]))
        if mask >> node % 5 & 1:
            places.reverse()
        if all_first:
            events.append(node)
        for place, x in places:
            if len(events) > LONGEST:
                return
            if not all_first:
                events.append((node, place))
            visit(x)

    visit(root)
    return events
