"""The nodes around a neuron: its inputs, its weighted sum, and what they are called in pictures."""

from __future__ import annotations

from engine import Value
from engine.cuts import refusal
from engine.modes import active
from engine.neuron import Inputs
from engine.node import Name, named
from engine.numbers import KindError, Number, is_number
from engine.operators import APART
from engine.tree import is_tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Row(list["Any"]):
    """A layer's outputs, which are nodes already."""


def inputs(x: Any) -> Inputs:
    """The inputs as nodes, each plain number as a new leaf; a lone number is a row of one."""
    if type(x) is Row:
        return Inputs(x)
    if is_tensor(x):
        raise KindError(
            "a network of Values takes numbers, not a Tensor: give lists or plain arrays, or use "
            "its twin, mlp.vectorized()"
        )
    if isinstance(x, Number) or is_number(x):
        x = (x,)
    try:
        xs = list(x)
    except TypeError:
        raise TypeError(f"the inputs are a sequence of numbers, not {type(x).__name__}") from None
    return Inputs(
        [
            x if isinstance(x, Number) else Value(x, label=f"x{i}", role="input")
            for i, x in enumerate(xs)
        ]
    )


def annotate(node: Any, name: Name) -> None:
    """Name a node that a neuron has computed, unless it has a label already.

    Raises:
        TypeError: if it is a plain number: the neuron's activation has cut the graph.
    """
    if not isinstance(node, Number):
        raise refusal(f"an activation that returns {type(node).__name__} {node!r:.40}")
    if type(node) is Value:
        known = getattr(node, "_name", None)
        if known is None:
            node._name = name
        elif not known.label:  # it may know its line of code
            node._name = named(name.label, name.scope, known.origin)


def weighted_sum(ws: Sequence[Value], xs: Inputs, b: Value, scope: str) -> Any:
    """b + w₀x₀ + w₁x₁ + … as + and × nodes, in micrograd's order."""
    name = named("", scope)
    if xs.data and not active and (z := APART[len(ws)]((*ws, b), xs, name)) is not None:
        return z
    total: Any = b
    for w, x in zip(ws, xs.nodes, strict=True):
        product = w * x
        total = total + product
        if type(total) is Value:
            product.scope = total.scope = scope
    return total
