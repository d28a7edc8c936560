"""Nested arguments: lists and tuples of whatever is in them.

>>> flatten([1, (2, [3])])
[1, 2, 3]
>>> unflatten([0, (0, [0])], "abc")
['a', ['b', ['c']]]
"""

from __future__ import annotations

from .node import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def flatten(x: Any) -> list[Any]:
    """What is in nested lists and tuples, in order."""
    if isinstance(x, (list, tuple)):
        return [leaf for part in x for leaf in flatten(part)]
    return [x]


def map_leaves(x: Any, of: Callable[[Any], Any]) -> Any:
    """Nested lists and tuples, with everything in them replaced."""
    if isinstance(x, (list, tuple)):
        parts = [map_leaves(part, of) for part in x]
        return parts if isinstance(x, list) else tuple(parts)
    return of(x)


def unflatten(like: Any, leaves: Iterable[Any]) -> Any:
    """The leaves as nested lists in the shape of ``like``."""
    remaining = iter(leaves)  # of an iterator, itself
    if isinstance(like, (list, tuple)):
        return [unflatten(part, remaining) for part in like]
    return next(remaining)


def rebuilt(like: Any, leaves: Iterable[Any]) -> Any:
    """The leaves, nested in lists and tuples as something else is."""
    remaining = iter(leaves)
    return map_leaves(like, lambda _: next(remaining))


def describe_shape(x: Any) -> str:
    """The nesting of lists as text: ``[.,.]`` for two numbers; an array's shape, ``(2, 3)``."""
    if isinstance(x, (list, tuple)):
        return "[" + ",".join(map(describe_shape, x)) + "]"
    return str(x.shape) if is_array(x) else "."


def is_tensor(x: Any) -> bool:
    """Whether it is a Tensor; without loading NumPy if there is none yet."""
    return isinstance(x, Node) and x.holds_array


def is_array(x: Any) -> bool:
    """Whether it is an array or a Tensor, rather than one number."""
    return getattr(x, "ndim", 0) > 0 or is_tensor(x)
