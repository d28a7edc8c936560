"""The backward pass of arrays: each node pulls the gradient of its result back to its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import topological_order
from ..modes import anomaly
from ..node import not_finite, stale
from .arrays import ARRAYS, Array, quiet

if TYPE_CHECKING:
    from .tensor import Tensor


def computed(root: Tensor) -> list[Tensor]:
    """The computed nodes below a root that a gradient passes through, arguments before results."""

    def passing(node: Any) -> list[Tensor]:
        return [x for x in node._args if x._args and x._needs]

    return topological_order(root, passing) if root._args and root._needs else []


@quiet
def sweep(nodes: Sequence[Tensor]) -> None:
    """Pull every node's gradient one step back, results before arguments."""
    watched = anomaly()
    for node in reversed(nodes):
        g = node._grad
        if g is None:  # every path to it ends in a branch that was not taken
            continue
        sent = pull(node, g, [x._needs for x in node._args])
        for x, d in zip(node._args, sent, strict=True):
            if d is not None:
                accumulate(x, d)
                if watched:
                    check_gradient(x.grad, x, node)


def pull(node: Tensor, g: Array, wanted: Sequence[bool]) -> list[Any]:
    """The gradients of a node's arguments, given its own."""
    check_stamp(node)
    m = ARRAYS.get(node._data.dtype, FALLBACK)
    return node._rule.pull(m, g, node._data, node._saved, node._params, wanted)  # type: ignore[no-any-return]


FALLBACK = ARRAYS[np.dtype("float64")]


def accumulate(x: Tensor, d: Array) -> None:
    """Add to a node's gradient: in place in a leaf, which owns its array."""
    if x._args:
        if d.dtype != x._data.dtype and x._data.dtype in ARRAYS:
            d = d.astype(x._data.dtype)
        x._grad = d if x._grad is None else x._grad + d
    elif x._grad is None:
        x._grad = np.array(d, x._data.dtype)
    else:
        np.add(x._grad, d, out=x._grad, casting="same_kind")


def check_stamp(node: Tensor) -> None:
    """Raise if a parameter has been changed since the node was computed from it."""
    if node._stamp is not None and node._stamp[0].version != node._stamp[1]:
        raise stale(node, "parameters were")


def check_gradient(g: Array, x: Tensor, node: Tensor) -> None:
    """Raise at the node that sent to x a gradient which is not finite."""
    if not np.isfinite(g).all():
        raise not_finite(x, worst(np.asarray(g)), node)


def worst(x: Array) -> float:
    """The first entry that is not finite."""
    return float(x[~np.isfinite(x)][0])
