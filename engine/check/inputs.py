"""The arguments of a function under test: numbers and arrays in nested lists, tuples and dicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice, product
from typing import Any

import numpy as np

from ..numbers import real
from ..tree import is_array, is_tensor


def map_inputs(x: Any, of: Callable[[Any], Any]) -> Any:
    """Nested lists, tuples and dicts of inputs, with every input replaced."""
    if isinstance(x, dict):
        return {key: map_inputs(part, of) for key, part in x.items()}
    if isinstance(x, (list, tuple)):
        return [map_inputs(part, of) for part in x]
    return of(x)


def leaves(x: Any) -> list[Any]:
    """The numbers and arrays in nested lists, tuples and dicts, in order."""
    found: list[Any] = []
    map_inputs(x, found.append)
    return found


def bare(x: Any) -> Any:
    """The inputs, their Tensors as arrays."""
    return map_inputs(x, lambda leaf: leaf.data if is_tensor(leaf) else leaf)


def names_of(inputs: Sequence[Any]) -> list[str]:
    """What the numbers in the inputs are called: x0, x1, …, the entries of an array x1[0,2].

    What is in a dict is called after it: x0['w'].
    """
    names: list[str] = []
    numbers = count()

    def visit(x: Any, path: str) -> None:
        if isinstance(x, dict):
            name = path or f"x{next(numbers)}"
            for key, part in x.items():
                visit(part, f"{name}[{key!r}]")
        elif isinstance(x, (list, tuple)):
            for k, part in enumerate(x):
                visit(part, f"{path}[{k}]" if path else "")
        elif is_array(x):
            shape = tuple(x.shape)
            places = product(*map(range, shape))
            name = path or f"x{next(numbers)}"
            names.extend(f"{name}[{','.join(map(str, i))}]" for i in places)
        else:
            names.append(path or f"x{next(numbers)}")

    visit(list(inputs), "")
    return names


def refill(like: Any, numbers: Iterator[Any], leaf: Callable[[Any], Any]) -> Any:
    """The next numbers in the shape of some inputs, numbers and arrays each made a ``leaf``."""

    def refilled(x: Any) -> Any:
        if not is_array(x):
            return leaf(next(numbers))
        entries = list(islice(numbers, size_of(x)))
        if is_torch(x):
            return leaf(x.detach().double().new_tensor(entries).reshape(x.shape))
        return leaf(filled_array(entries).reshape(x.shape))

    return map_inputs(like, refilled)


def filled_array(entries: list[Any]) -> Any:
    """An array of floats, or of other objects."""
    plain = all(isinstance(x, float) for x in entries)
    return np.array(entries, dtype=float if plain else object)


def entries_of(x: Any) -> list[Any]:
    """The numbers in a leaf, in order."""
    if not is_array(x):
        return [x.item() if is_torch(x) else x]
    return list(x.reshape(-1).tolist())


def size_of(x: Any) -> int:
    """How many entries an array has."""
    return math.prod(x.shape)


def is_torch(x: Any) -> bool:
    """Whether it is a tensor of torch's."""
    return type(x).__module__.partition(".")[0] == "torch" and hasattr(x, "detach")


class NotRealError(TypeError, ArithmeticError):
    """A result is complex, as that of ``x**0.5`` at −1: beyond the end of f's domain."""


def number(y: Any) -> float:
    """The result of f; an array of one entry is that number."""
    if is_array(y) and size_of(y) == 1:
        (y,) = entries_of(y)
    if isinstance(y, complex):
        raise NotRealError(f"the result of a checked function is a real number, not {y!r:.60}")
    return real(y.item() if is_torch(y) else y, "the result of a checked function")
