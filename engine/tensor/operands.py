"""What a Tensor is made of, or beside: arrays of real numbers, from whatever someone gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..modes import differentiating
from ..numbers import is_number, real
from ..tree import is_tensor
from .arrays import FLOATS, Array, precision


def floating(x: Any, dtype: DTypeLike | None) -> Array:
    """The numbers as an array of its own in float32 or float64.

    Raises:
        TypeError: if they are not real numbers, or of another precision.
    """
    if is_tensor(x):
        uncut(x, "Tensor()")
        x = x._read("Tensor()")
    elif holds_tensor(x):
        raise TypeError("a list of Tensors becomes one by stack(), which keeps the graph")
    try:
        array = np.array(x)
    except ValueError as error:
        raise TypeError(f"the rows of an array are of one length: {error}") from None
    if array.dtype == object and all(is_number(entry) for entry in array.flat):
        # Decimal, Fraction, integers beyond 64 bits
        array = np.array([real(entry) for entry in array.flat]).reshape(array.shape)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a Tensor holds real numbers, not {type(x).__name__} {x!r:.60}")
    if dtype is None:
        if array.dtype.kind == "f" and array.dtype not in FLOATS:
            raise TypeError(
                f"a Tensor is float32 or float64, not {array.dtype}: convert it with dtype="
            )
        dtype = array.dtype if array.dtype in FLOATS else np.float64
    return array.astype(precision(dtype), copy=False)


def numbers(x: Any, dtype: np.dtype[Any]) -> Array:
    """The numbers as an array of that precision, which may be the one that was given."""
    return x if type(x) is np.ndarray and x.dtype == dtype else floating(x, dtype)


def holds_tensor(x: Any) -> bool:
    """Whether there is a Tensor in nested lists or tuples."""
    return is_tensor(x) or (isinstance(x, (list, tuple)) and any(holds_tensor(part) for part in x))


def fitted(array: Array, shape: tuple[int, ...], what: str) -> Array:
    """An array in a shape that it must have; a single number fills it."""
    if array.shape == shape:
        return array
    if array.ndim == 0:
        return np.full(shape, array)
    raise ValueError(f"{what} of a Tensor of shape {shape} cannot have shape {array.shape}")


def uncut(x: Any, what: str) -> None:
    """Refuse to make plain numbers of a node where that would cut the graph unnoticed."""
    if differentiating() and x._needs:
        raise TypeError(
            f"{what} would cut the graph inside a differentiated function: use engine's functions, "
            "or take .data where the numbers are meant to be constants"
        )
