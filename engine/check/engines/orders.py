"""Orders in which engines send their gradients back, right ones that differ and wrong ones."""

from __future__ import annotations

from .simulation import Graph

LONGEST = 2_000  # nodes that a walk without a list of those seen may visit

Event = int | tuple[int, int]  # a node, or a node and the place to which alone it sends


def operands(graph: Graph, node: int, merged: bool = False) -> list[int]:
    """What a node was computed from; if merged, each node once."""
    found = [x for _, x in graph.args[node]]
    return list(dict.fromkeys(found)) if merged else found


def walk(graph: Graph, root: int, *, queue: bool, once: bool) -> list[int]:
    """From the root down, without waiting for all results of a node."""
    order: list[int] = []
    waiting = [root]
    while waiting and len(order) < LONGEST:
        node = waiting.pop(0 if queue else -1)
        if not (once and node in order):
            order.append(node)
            waiting += operands(graph, node)
    return order


def recursion(
    graph: Graph, root: int, *, again: bool = False, merged: bool = False, equal: bool = False
) -> list[int]:
    """The usual recursion. As it is, it gives a right order, though maybe another one.

    Args:
        graph, root: what is sorted.
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
            for x in operands(graph, node, merged):
                visit(x)
        if again or not known:
            order.append(node)

    visit(root)
    return order[::-1]


def stacked(graph: Graph, root: int, *, merged: bool, unseen: bool) -> list[int]:
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
        stack += [node, *(x for x in operands(graph, node, merged) if not (unseen and x in seen))]
    return order[::-1]


def sending_sums(graph: Graph, root: int, *, all_first: bool) -> list[Event]:
    """A recursion without an order: each argument sends on at once all that it has got so far."""
    events: list[Event] = []

    def visit(node: int) -> None:
        if all_first:
            events.append(node)
        for place, x in graph.args[node]:
            if len(events) > LONGEST:
                return
            if not all_first:
                events.append((node, place))
            visit(x)

    visit(root)
    return events
