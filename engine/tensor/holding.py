"""What a Tensor holds: an array of numbers and one of gradients, and how both are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..cuts import refuse_cut
from ..modes import recording
from ..node import Node
from .operands import fitted, numbers, uncut

if TYPE_CHECKING:
    from .arrays import Array
    from .buffer import Buffer


class Holding(Node):
    """A node that holds an array; what it was made of, and how, its subclass says."""

    __slots__ = ("_data", "_grad")

    holds_array = True

    _data: Array
    _grad: Array | None
    _args: tuple[Any, ...]
    _needs: bool  # whether a gradient is computed for it
    _buffer: Buffer | None

    @property
    def data(self) -> Array:
        """The array of the numbers."""
        return self._data

    @data.setter
    def data(self, data: ArrayLike) -> None:
        array = fitted(numbers(data, self._data.dtype), self._data.shape, "data")
        if self._buffer is not None:
            self._buffer.version += 1
            self._data[...] = array
        else:
            self._data = array.copy()

    @property
    def grad(self) -> Array:
        """∂root/∂self, as `backward` left it; zeros before."""
        if self._grad is None:
            return np.zeros_like(self._data)
        if self._args:  # several nodes may share one array
            return np.array(self._grad)
        return self._grad

    @grad.setter
    def grad(self, grad: ArrayLike) -> None:
        if self._buffer is not None and self._grad is not None and type(grad) is float:
            self._grad.fill(grad)  # as `zero_grad` does before every step
            return
        array = fitted(numbers(grad, self._data.dtype), self._data.shape, "grad")
        if self._buffer is not None and self._grad is not None:
            self._grad[...] = array
        else:
            self._grad = array.copy()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of every axis."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        return self._data.dtype

    def item(self) -> float:
        """The number in a Tensor of one entry."""
        uncut(self, "item()")
        return self._only("item()").item()  # type: ignore[no-any-return]

    def __float__(self) -> float:
        uncut(self, "float()")
        if recording() and self._needs:
            refuse_cut()
        return float(self._only("float()").item())

    def __bool__(self) -> bool:
        return bool(self._only("a decision by its truth", " (to choose entries, use where())"))

    def _only(self, what: str, instead: str = "") -> Array:
        """The data, if that is one number."""
        if self.size != 1:
            raise ValueError(
                f"{what} takes one number{instead}; this Tensor has shape {self.shape}"
            )
        return self._read(what)

    def _read(self, what: str) -> Array:
        """The data, for something that is no node; a recording does not give them away."""
        return self._data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        uncut(self, "numpy.asarray()")
        if copy is False:
            raise ValueError("a Tensor becomes an array of its own: that takes a copy")
        return np.array(self._read("numpy.asarray()"), dtype)

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("a Tensor without axes has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        whole: Any = self
        return (whole[i] for i in range(len(self)))

    def __repr__(self) -> str:
        head = "Tensor("
        numbers = self._read("its text")
        array = np.array2string(numbers, separator=", ", prefix=head, threshold=40)
        kind = "" if self._data.dtype == np.float64 else f", dtype={self._data.dtype}"
        return f"{head}{array}{kind})"

    _repr_pretty_ = Node._repr_pretty_  # IPython takes it from the class that has the repr

    def __format__(self, spec: str) -> str:
        numbers = self._read("its text")
        return format(numbers.item(), spec) if spec else repr(self)
