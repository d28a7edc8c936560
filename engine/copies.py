"""Copies and pickles of graphs of any depth.

`copy.deepcopy` and `pickle` recurse from a node into its arguments, and a deep graph would be too
much for them; here both go node by node, arguments first.
"""

from __future__ import annotations

from .backward import HANDMADE, MANY, name, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .value import Value


class Listing:
    """The nodes, in order, that a pickle under way will ask for; each has it as its mark.

    A pickle that fails leaves its listing behind. A node is then out of turn, and begins anew.
    """

    def __init__(self, nodes: Sequence[Any]) -> None:
        self.remaining = iter([id(node) for node in nodes])

    def expects(self, node: Any) -> bool:
        """Whether it is the node's turn, now that those are passed over that the pickle has."""
        return any(expected == id(node) for expected in self.remaining)


def fields(node: Value, copies: dict[int, Any] | None = None) -> tuple[Any, ...]:
    """Everything that a node consists of, with its arguments replaced by their copies."""
    if node._b is HANDMADE:
        raise TypeError(
            f"{name(node)} was made by hand: its _backward belongs to this very graph and can be "
            "neither copied nor pickled; add the operation with engine.rule(…) instead"
        )
    args = node.args if copies is None else tuple(copies[id(x)] for x in node.args)
    many = node._b is MANY
    names = node.label, node.scope
    return node._data, node.grad, node._rule, names, args, many, node._da, node._db


def restore(kind: type[Value], state: tuple[Any, ...]) -> Value:
    """The node that consists of those fields."""
    node = kind.__new__(kind)
    node._data, node._grad, node._rule, names, args, many, node._da, node._db = state
    if names != ("", ""):
        node._name = named(*names)
    node._mark = 0 if args else None
    if many:
        node._a, node._b = args, MANY
    else:
        node._a, node._b = (*args, None, None)[:2]
    return node


def restore_last(below: object, kind: type[Value], state: tuple[Any, ...]) -> Value:
    """The node whose pickle lists the nodes below it first."""
    return restore(kind, state)
