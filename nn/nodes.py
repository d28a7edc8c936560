"""The nodes around a neuron: its inputs, its weighted sum, and what they are called in pictures."""

from __future__ import annotations

from engine import Value
from engine.maths import Number, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from engine.value import Note


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


class Notes:
    """Label and scope of the nodes that a neuron makes.

    Made once and shared by all of them, as to set a node's label takes longer than to compute it.
    """

    __slots__ = ("h", "part", "z")

    def __init__(self, scope: str) -> None:
        index = scope.rpartition(".")[2]
        self.part: Note = ("", "", scope, "")
        self.z: Note = (f"z{index}", "", scope, "")
        self.h: Note = (f"h{index}", "", scope, "")


def annotate(node: Any, note: Note) -> None:
    """Put a note on a computed node, unless its maker gave it a label."""
    if type(node) is Value:
        if node._note is None:
            node._note = note
        elif not node.label:  # `detect_anomaly` has noted where it was made
            node.label, _, node.scope, _ = note


def weighted_sum(ws: Sequence[Value], xs: Sequence[Any], b: Value, note: Note) -> Any:
    """b + w₀x₀ + w₁x₁ + … as + and × nodes, in micrograd's order; the last node gets no note."""
    total: Any = b
    for w, x in zip(ws, xs, strict=True):
        annotate(total, note)
        product = w * x
        annotate(product, note)
        total = total + product
    return total
