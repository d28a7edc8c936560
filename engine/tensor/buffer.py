"""`Buffer`: the parameters of a network as one array, of which its Tensors are views."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .arrays import Array
from .tensor import Tensor


class Buffer:
    """One contiguous array of data and one of gradients that several Tensors are views of.

    Attributes:
        whole: a leaf over all of it.
        views: leaves over its parts, in order, end to end.
        version: raised whenever the data are changed in place, so that a graph which was computed
            from the old ones can tell.
    """

    def __init__(self, data: Array) -> None:
        self.version = 0
        self.views: list[Tensor] = []
        self.whole = Tensor(data, role="parameter", dtype=data.dtype)
        self.whole._data = data
        self.whole._grad = np.zeros_like(data)
        self.whole._buffer = self

    def view(self, start: int, shape: tuple[int, ...], **names: Any) -> Tensor:
        """A leaf over a part of it."""
        stop = start + prod(shape)
        leaf = Tensor(0.0, role="parameter", **names)
        leaf._data = self.whole._data[start:stop].reshape(shape)
        leaf._grad = self.whole.grad[start:stop].reshape(shape)
        leaf._buffer = self
        self.views.append(leaf)
        return leaf

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        copy = rebuilt(*self.__reduce__()[1])
        for x, ours in zip((copy.whole, *copy.views), (self.whole, *self.views), strict=True):
            memo[id(ours)] = x
        return copy

    def __reduce__(self) -> tuple[Any, ...]:
        views = [(x.shape, {"label": x.label, "scope": str(x.scope)}) for x in self.views]
        return rebuilt, (self.whole._data.copy(), self.whole.grad.copy(), views)

    def place(self, leaf: Tensor) -> int:
        """Which view it is; −1 for all of it."""
        return -1 if leaf is self.whole else [id(x) for x in self.views].index(id(leaf))

    def part_of(self, place: int) -> Tensor:
        """The leaf at a place."""
        return self.whole if place < 0 else self.views[place]

    def part(self, view: Tensor, whole: Any) -> Any:
        """What belongs to a view, of something that belongs to all of it."""
        if view is self.whole:
            return whole * 0.0
        start = sum(x.size for x in self.views[: self.place(view)])
        return whole[start : start + view.size].reshape(view.shape)


def rebuilt(data: Array, grad: Array, views: Sequence[tuple[tuple[int, ...], Any]]) -> Buffer:
    """A buffer with those numbers, and views of those shapes and names."""
    buffer, start = Buffer(data), 0
    buffer.whole.grad = grad
    for shape, names in views:
        buffer.view(start, shape, **names)
        start += prod(shape)
    return buffer
