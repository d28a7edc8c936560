"""A first engine, written in the manner of micrograd, with a mistake that many make.

``python -m engine.check demos/student.py:Value`` finds the smallest graph on which it is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable


class Value:
    """A number that remembers how it was made."""

    def __init__(self, data: float, children: tuple[Value, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.children = children
        self.send: Callable[[], None] = lambda: None

    def __add__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def send() -> None:
            self.grad += out.grad
            other.grad += out.grad

        out.send = send
        return out

    def __mul__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def send() -> None:
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad

        out.send = send
        return out

    def tanh(self) -> Value:
        """The hyperbolic tangent."""
        t = math.tanh(self.data)
        out = Value(t, (self,))

        def send() -> None:
            self.grad += (1 - t * t) * out.grad

        out.send = send
        return out

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        """Send the gradient from this node to all that it was made of."""
        order: list[Value] = []

        def visit(node: Value) -> None:
            if node not in order:
                for child in node.children:
                    visit(child)
                order.append(node)

        visit(self)
        for node in order:
            if node.children:
                node.grad = 0.0
        self.grad = 1.0
        for node in reversed(order):
            node.send()
