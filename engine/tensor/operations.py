"""What a Tensor's own methods and operators do: shapes, sums, products, order."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from ..numbers import apply
from ..rule import ARRAY_TABLE, TABLE
from .arrays import FLOATS, HOLE, precision
from .holding import Holding


class Operations(Holding):
    """A Tensor's operations on whole arrays, each a node of one row of the table for arrays.

    `Tensor` derives from it and brings what makes nodes and operands.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        _make: Callable[..., Any]  # the node that applies a row: of the row, its arguments, params
        _condition: Callable[[Any], Any]  # truth values as an operand

        def _operand(self, x: Any) -> Any:
            """What it computes with: a Tensor, or a constant of its precision."""

    # ------------------------------------------------------------ truth values

    def __and__(self, other: Any) -> Any:
        return self._make(ARRAY_TABLE["both"], (self._condition(self), self._condition(other)))

    def __rand__(self, other: Any) -> Any:
        return self._condition(other) & self

    # ------------------------------------------------------------ shapes, sums and products

    @property
    def T(self) -> Any:  # noqa: N802 — NumPy's name
        """The axes in reverse order."""
        return self.transpose()

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order; without arguments reversed."""
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        order = axes_of(self, given) if given else tuple(reversed(range(self.ndim)))
        if len(order) != self.ndim:
            raise ValueError(f"{given} does not order the {self.ndim} axes of shape {self.shape}")
        return self._make(ARRAY_TABLE["transpose"], (self,), (order,))

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape; one length may be -1: what is left."""
        new = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if any(not hasattr(n, "__index__") or n.__index__() < -1 for n in new):
            raise TypeError(f"a shape consists of whole numbers, not {new}")
        try:
            new = np.empty(self.shape, bool).reshape(new).shape
        except ValueError:
            raise ValueError(
                f"an array of shape {self.shape} has {self.size} entries: "
                f"they do not fill shape {tuple(new)}"
            ) from None
        return self._make(ARRAY_TABLE["reshape"], (self,), (new,))

    def astype(self, dtype: DTypeLike) -> Any:
        """The numbers in another precision, "float32" or "float64"."""
        return self._make(ARRAY_TABLE["astype"], (self,), (precision(dtype),))

    def __getitem__(self, key: Any) -> Any:
        arrays: list[Any] = []
        key = plain_key(key, arrays)
        try:
            if arrays:
                return self._make(ARRAY_TABLE["gather"], (self, *arrays), (key,))
            return self._make(ARRAY_TABLE["index"], (self,), (key,))
        except IndexError as error:
            raise IndexError(f"{error}, in a Tensor of shape {self.shape}") from None

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor's entries are not assigned one by one, as the graph would not know: "
            "use where() or assign .data of a leaf as a whole"
        )

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The sum of all entries, or over one axis or several."""
        return over("sum_over", self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The mean of all entries, or over one axis or several; of none it is nan."""
        axes = axes_of(self, axis)
        count = prod(self.shape[i] for i in axes)
        return over("sum_over", self, axes, keepdims) / count

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The largest entry, or over one axis or several; ties share the gradient.

        Of two Tensors entry by entry: ``engine.max(a, b)``.
        """
        return over("max_over", self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """The smallest entry, or over one axis or several; ties share the gradient."""
        return -over("max_over", -self, axis, keepdims)

    def logsumexp(self, axis: Any = None, keepdims: bool = False) -> Any:
        """log Σ exp(x) over all entries, one axis or several; nothing overflows on the way."""
        return over("logsumexp_over", self, axis, keepdims)

    def softmax(self, axis: int = -1) -> Any:
        """exp(x) / Σ exp(x) along an axis."""
        return apply(TABLE["softmax_entry"], (self, self.logsumexp(axis, keepdims=True)))

    def dot(self, other: Any) -> Any:
        """The sum of the products of the entries, of two Tensors of one shape."""
        other = self._operand(other)
        if other.shape != self.shape:
            raise ValueError(f"dot: shapes {self.shape} and {other.shape} differ")
        return (self * other).sum()

    def __matmul__(self, other: Any) -> Any:
        return multiply_matrices(self, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return multiply_matrices(self, other, self)


def multiply_matrices(like: Operations, a: Any, b: Any) -> Any:
    """The matrix product over the last two axes; an operand of one axis is a row or a column."""
    a, b = like._operand(a), like._operand(b)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not go together")
    rows, columns = a.ndim == 1, b.ndim == 1
    a = a.reshape(1, -1) if rows else a
    b = b.reshape(-1, 1) if columns else b
    y = like._make(ARRAY_TABLE["matmul"], (a, b))
    if rows or columns:
        kept = y.shape[:-2] + (() if rows else y.shape[-2:-1]) + (() if columns else y.shape[-1:])
        y = y.reshape(kept)
    return y


def over(name: str, x: Operations, axis: Any, keepdims: bool) -> Any:
    """A row over some axes."""
    axes = axes_of(x, axis)
    if name == "max_over" and not prod(x.shape[i] for i in axes):
        raise ValueError(f"no entry is the largest of none: shape {x.shape}, axes {axes}")
    return x._make(ARRAY_TABLE[name], (x,), (axes, bool(keepdims)))


def axes_of(x: Operations, axis: Any) -> tuple[int, ...]:
    """One axis or several, counted from the first; all for None."""
    if axis is None:
        return tuple(range(x.ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = []
    for i in given:
        if not hasattr(i, "__index__"):
            raise TypeError(f"an axis is a whole number, not {i!r}")
        if not -x.ndim <= i.__index__() < x.ndim:
            raise ValueError(f"there is no axis {i} in an array of shape {x.shape}")
        axes.append(i.__index__() % x.ndim)
    if len(set(axes)) < len(axes):
        raise ValueError(f"an axis is named twice in {tuple(given)}")
    return tuple(axes)


def plain_key(key: Any, arrays: list[Any]) -> Any:
    """A key of plain slices, numbers and arrays that no one changes later.

    Args:
        arrays: gets the Tensors of whole numbers in it, which leave holes.
    """
    if isinstance(key, tuple):
        return tuple([plain_key(part, arrays) for part in key])
    if isinstance(key, Operations):
        if key.dtype in FLOATS:
            raise TypeError("a Tensor of real numbers is no index: use whole numbers")
        if key.dtype == bool:  # how many entries it names depends on the numbers
            return key._read("using it as a mask")
        arrays.append(key)
        return HOLE
    if isinstance(key, (list, np.ndarray)):
        array = np.array(key)
        return array if array.size else array.astype(int)
    return key
