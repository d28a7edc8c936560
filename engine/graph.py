"""The graph behind a result: its nodes in topological order, and those between two of them."""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def topological_order(
    roots: Any, args: Callable[[Any], Iterable[Any]] = attrgetter("args")
) -> list[Any]:
    """All nodes that the roots were computed from and the roots, arguments before results.

    Args:
        roots: one node, or several in a list or tuple.
        args: what a node's arguments are.

    Depth-first and iterative, so neither depth nor fan-out has a limit but memory; the order
    depends on the graph alone and is the same each time.
    """
    order: list[Any] = []
    seen: set[int] = set()
    stack = list(roots)[::-1] if isinstance(roots, (list, tuple)) else [roots]
    while stack:
        node = stack.pop()
        if node is None:  # everything below the next one is done
            order.append(stack.pop())
        elif id(node) not in seen:
            seen.add(id(node))
            stack += (node, None, *reversed(tuple(args(node))))
    return order


def between(y: Any, *variables: Any) -> list[Any]:
    """The nodes on the paths from y down to one of the variables, arguments before results."""
    reached = {id(x) for x in variables}
    found: list[Any] = []
    for node in topological_order(y):
        if id(node) in reached or any(id(arg) in reached for arg in node.args):
            reached.add(id(node))
            found.append(node)
    return found
