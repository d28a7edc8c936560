"""The nodes around a neuron: its inputs, its weighted sum, and what they are called in pictures."""

from __future__ import annotations

from engine import Value
from engine.maths import Number, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Row(list["Any"]):
    """Inputs that are nodes already, so that the neurons of a layer share them."""


def row(x: Any) -> Row:
    """The inputs as nodes, each plain number as a new leaf; a lone number is a row of one."""
    if isinstance(x, Number) or is_number(x):
        x = (x,)
    try:
        xs = list(x)
    except TypeError:
        raise TypeError(f"the inputs are a sequence of numbers, not {type(x).__name__}") from None
    return Row(
        x if isinstance(x, Number) else Value(x, label=f"x{i}", role="input")
        for i, x in enumerate(xs)
    )


def annotate(node: Any, label: str, scope: str) -> None:
    """Name a node that a neuron has computed, unless it has a name already."""
    if type(node) is Value and not node.label:
        node.label, node.scope = label, scope


def weighted_sum(ws: Sequence[Value], xs: Sequence[Any], b: Value, scope: str) -> Any:
    """b + w₀x₀ + w₁x₁ + … as + and × nodes, in micrograd's order."""
    total: Any = b
    for w, x in zip(ws, xs, strict=True):
        product = w * x
        total = total + product
        if type(total) is Value:
            product.scope = total.scope = scope
    return total
