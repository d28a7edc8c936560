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
    state = node._data, node.grad, node._rule, names, args, many, node._da, node._db
    extra = attributes(node)
    return (*state, extra) if extra else state


def attributes(node: Any) -> dict[str, Any]:
    """What a subclass has added to a node: what is in its ``__dict__`` and in its own slots."""
    kind = type(node)
    if kind.__module__.partition(".")[0] == "engine":
        return {}
    found = dict(getattr(node, "__dict__", ()))
    for each in kind.__mro__:
        if each.__module__.partition(".")[0] == "engine":
            break
        slots = each.__dict__.get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            place = f"_{each.__name__.lstrip('_')}{slot}" if is_private(slot) else slot
            if slot not in ("__dict__", "__weakref__") and hasattr(node, place):
                found[place] = getattr(node, place)
    return found


def is_private(slot: str) -> bool:
    """Whether a class adds its own name to that of an attribute."""
    return slot.startswith("__") and not slot.endswith("__")


def adorned(node: Any, extra: dict[str, Any]) -> Any:
    """The node, with what a subclass adds to one."""
    for attribute, x in extra.items():
        object.__setattr__(node, attribute, x)
    return node


def restore(kind: type[Value], state: tuple[Any, ...]) -> Value:
    """The node that consists of those fields."""
    node = kind.__new__(kind)
    node._data, node._grad, node._rule, names, args, many, node._da, node._db = state[:8]
    if names != ("", ""):
        node._name = named(*names)
    node._mark = 0 if args else None
    if many:
        node._a, node._b = args, MANY
    else:
        node._a, node._b = (*args, None, None)[:2]
    return adorned(node, state[8]) if len(state) > 8 else node


def restore_last(below: object, kind: type[Value], state: tuple[Any, ...]) -> Value:
    """The node whose pickle lists the nodes below it first."""
    return restore(kind, state)
