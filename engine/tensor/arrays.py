"""The mathematics of NumPy arrays: the table's rows entry by entry, and the array operations.

All results keep the precision of the arrays that they come from: float32 stays float32. Nothing
warns; what is undefined is nan, as everywhere in gradpath.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..broadcasting import Composed
from ..rule import ARRAY_NAMES, Rule
from ..rules import ALL_BUT_LAST

Array = NDArray[Any]

FLOATS = {np.dtype("float64"), np.dtype("float32")}
quiet = np.errstate(all="ignore")  # decorates what computes; inf and nan are results


class ArrayMathematics(Composed):
    """What the rows compute with on arrays of one floating-point type.

    Args:
        dtype: the type of the numbers that a choice between two plain numbers gives.
    """

    numbers = "arrays"

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype_of_choices = np.dtype(dtype)

    def own(self, name: str) -> Callable[..., Any] | None:
        """NumPy's, by whose names most rows of arrays go too; and the error functions."""
        if name in ("erf", "erfc"):
            return lambda x: error_function(name)(x).astype(x.dtype)
        return getattr(np, ARRAY_NAMES.get(name, name), None)

    # ------------------------------------------------------------ what the table's rows use

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other, entry by entry."""
        if not isinstance(condition, (bool, np.bool_)):
            return super().where(condition, yes, no)
        taken = yes if condition else no
        return self.dtype_of_choices.type(taken) if type(taken) in (int, float) else taken

    def max(self, a: Any, b: Any) -> Any:
        """The larger of two, nan if either is; of 0 and −0 the first, as for scalars."""
        return self.select((a >= b) | (a != a), a, b)

    def min(self, a: Any, b: Any) -> Any:
        """The smaller of two, nan if either is; of 0 and −0 the first, as for scalars."""
        return self.select((a <= b) | (a != a), a, b)

    # ------------------------------------------------------------ what the array rows use

    shape, dtype = map(staticmethod, (attrgetter("shape"), attrgetter("dtype")))

    def reshape(self, x: Array, shape: tuple[int, ...]) -> Array:
        """The same entries in another shape."""
        return x.reshape(shape)

    def astype(self, x: Array, dtype: DTypeLike) -> Array:
        """The entries in another type."""
        return x.astype(dtype)

    def select(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other, entry by entry; a plain number takes the other's type."""
        kind = getattr(yes, "dtype", None) or getattr(no, "dtype", None) or self.dtype_of_choices
        yes = yes if hasattr(yes, "dtype") else kind.type(yes)
        no = no if hasattr(no, "dtype") else kind.type(no)
        return np.where(condition, yes, no)

    def swap(self, x: Array) -> Array:
        """The last two axes exchanged."""
        return x.swapaxes(-1, -2)

    def index(self, x: Array, key: Any) -> Array:
        """The entries at a key."""
        return np.asarray(x[key])

    def scatter(self, x: Array, key: Any, shape: tuple[int, ...]) -> Array:
        """Zeros with the entries added at a key; those that meet accumulate."""
        y = np.zeros(shape, x.dtype)
        if repeats(key):
            np.add.at(y, key, x)
        else:
            y[key] = x
        return y

    def gather(self, xs: Sequence[Array], key: Any) -> Array:
        """The entries at a key whose arrays follow the array itself."""
        return self.index(xs[0], filled(key, xs[1:]))

    def scatter_at(self, xs: Sequence[Array], key: Any, shape: tuple[int, ...]) -> Array:
        """Zeros with the entries added at a key whose arrays follow them."""
        return self.scatter(xs[0], filled(key, xs[1:]), shape)

    def require(self, t: Array, targets: Any) -> Array:
        """The targets, if they are such."""
        targets.check(t)
        return t

    def sum_over(self, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        """The sum over some axes."""
        return np.asarray(x.sum(axis=axes, keepdims=keepdims))

    def max_over(self, x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        """The largest over some axes; nan if there is one, −inf of none."""
        return np.asarray(x.max(axis=axes, keepdims=keepdims, initial=-np.inf))

    def pick_rows(self, x: Array, t: Array) -> Array:
        """From each row the entry with the given number."""
        picked: Array = np.take_along_axis(x, t[..., None], -1)[..., 0]
        return picked

    def count(self, c: Array, axes: tuple[int, ...], dtype: DTypeLike) -> Array:
        """How many are true over some axes, which are kept as 1."""
        found: Array = c.sum(axis=axes, keepdims=True, dtype=dtype)
        return found

    def one_hot(self, t: Array, classes: int, dtype: DTypeLike) -> Array:
        """For each class a row of zeros with a 1 in its place."""
        rows: Array = (t[..., None] == np.arange(classes)).astype(dtype)
        return rows

    def with_ones(self, x: Array) -> Array:
        """One more column, of ones: the input that a bias weighs."""
        return np.concatenate([x, np.ones((*x.shape[:-1], 1), x.dtype)], -1)

    def linear(self, x: Array, p: Array) -> Array:
        """Weighted sums and biases of a layer with the parameters p = [W b]."""
        found: Array = np.matmul(x, p[ALL_BUT_LAST].T) + p[:, -1]
        return found

    def sum_of_squares(self, xs: Sequence[Array]) -> Array:
        """The sum of the squares of all entries of several arrays."""
        return np.asarray(sum(np.dot(x.ravel(), x.ravel()) for x in xs))


ARRAYS: dict[Any, ArrayMathematics] = {
    np.dtype(kind): ArrayMathematics(kind) for kind in ("float64", "float32")
}


def precision(dtype: DTypeLike) -> np.dtype[Any]:
    """float32 or float64."""
    kind = np.dtype(dtype)
    if kind not in FLOATS:
        raise TypeError(f"a Tensor is float32 or float64, not {kind}")
    return kind


class Hole:
    """In a key, the place of an array that is an operand."""

    def __repr__(self) -> str:
        return "HOLE"

    def __reduce__(self) -> str:
        return "HOLE"


HOLE = Hole()


def filled(key: Any, arrays: Sequence[Any]) -> Any:
    """A key with arrays in its holes."""
    remaining = iter(arrays)
    parts = [
        next(remaining) if k is HOLE else k for k in (key if isinstance(key, tuple) else (key,))
    ]
    return tuple(parts) if isinstance(key, tuple) else parts[0]


def repeats(key: Any) -> bool:
    """Whether a key may name an entry more than once: it has integer arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    return any(isinstance(part, np.ndarray) and part.dtype != bool for part in parts)


def error_function(name: str) -> Callable[[Any], Any]:
    """erf or erfc for arrays: SciPy's, or else the standard library's entry by entry."""
    try:
        from scipy import special  # type: ignore[import-untyped]

        return getattr(special, name)  # type: ignore[no-any-return]
    except ImportError:
        return np.vectorize(getattr(math, name), otypes=[float])


@quiet
def on_arrays(row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Array:
    """A row of the table on plain arrays and numbers, entry by entry.

    Raises:
        TypeError: if an array does not hold real numbers.
    """
    kinds = {x.dtype for x in args if getattr(x, "ndim", 0)}
    for kind in kinds:
        if kind.kind not in "biuf":
            raise TypeError(f"{row.name} takes arrays of real numbers, not of {kind}")
    dtype = np.result_type(*kinds)
    dtype = dtype if dtype in ARRAYS else np.dtype("float64")
    numbers = [np.asarray(x, dtype) for x in args]
    result: Array = np.asarray(row.evaluate(ARRAYS[dtype], numbers, params))
    return result
