"""What a program is given when it is called, which must be like the examples."""

from __future__ import annotations

from functools import cached_property

from ..numbers import is_number, real
from ..tree import flatten, map_leaves, unflatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """What the arguments are called in the function."""
    code = getattr(f, "__code__", None) or getattr(type(f).__call__, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    if names[:1] == ["self"]:
        names = names[1:]
    return [names[i] if i < len(names) else f"x{i}" for i in range(count)]


def count(steps: Any) -> int:
    """How many steps to run.

    Raises:
        TypeError, ValueError: if it is no whole number, or less than 0.
    """
    if not hasattr(steps, "__index__"):
        raise TypeError(f"the number of steps is a whole number, not {steps!r:.60}")
    if steps.__index__() < 0:
        raise ValueError(f"the number of steps is at least 0, not {steps}")
    return int(steps.__index__())


class Arguments:
    """The arguments of a program of numbers: their names, and how they are nested.

    Args:
        names: what they are called in the function.
        structure: for each a leaf of whatever kind, or nested lists of leaves.
    """

    def __init__(self, names: Sequence[str], structure: Sequence[Any]) -> None:
        self.names = list(names)
        self.structure = [map_leaves(x, lambda _: None) for x in structure]

    def numbers(self, inputs: Sequence[Any]) -> list[Any]:
        """All numbers in order; arrays in the place of numbers stay arrays.

        Raises:
            TypeError: naming the argument that is not like its example.
        """
        if len(inputs) != len(self.names):
            raise TypeError(f"the program takes {len(self.names)} arguments, not {len(inputs)}")
        found: list[Any] = []
        for name, structure, x in zip(self.names, self.structure, inputs, strict=True):
            fit(name, structure, x, found)
        return found

    def floats(self, inputs: Sequence[Any]) -> list[Any] | None:
        """The arguments with floats in the place of other numbers; None if some are arrays."""
        numbers = self.numbers(inputs)
        if any(type(x) is not float for x in numbers):
            return None
        return self.nested(numbers)

    def fitting(self, inputs: Sequence[Any]) -> list[Any]:
        """Each argument as an array, or as a list of all its numbers where it is irregular.

        Raises:
            TypeError: naming the argument that is not like its example.
        """
        import numpy as np

        try:
            found = [np.asarray(x) for x in inputs]
        except ValueError:  # lists of different lengths
            found = []
        if [x.shape for x in found if x.dtype.kind in "biuf"] == self.shapes:
            return found
        numbers = self.numbers(inputs)
        if any(getattr(x, "ndim", 0) for x in numbers):
            raise TypeError("this program takes numbers, not arrays in their place")
        remaining = iter(numbers)
        return [[next(remaining) for _ in flatten(x)] for x in self.structure]

    @cached_property
    def shapes(self) -> list[tuple[int, ...] | None]:
        """The shape of each argument as an array; None where it is irregular."""
        return [rectangular(x) for x in self.structure]

    def nested(self, numbers: Sequence[Any]) -> list[Any]:
        """Numbers in order as the arguments that they are in."""
        found: list[Any] = unflatten(self.structure, numbers)
        return found


def fit(name: str, structure: Any, x: Any, found: list[Any]) -> None:
    """Collect the numbers of an argument, which must have the shape of the example."""
    if structure is None:
        if is_number(x):
            found.append(real(x))
        elif getattr(getattr(x, "dtype", None), "kind", "") in "biuf" and hasattr(x, "ndim"):
            found.append(x)
        else:
            raise TypeError(
                f"the argument {name} must be a number, not {type(x).__name__} {x!r:.60}"
            )
        return
    is_list = hasattr(x, "__len__") and not isinstance(x, (str, bytes))
    if not is_list or len(x) != len(structure):
        given = f"{len(x)} entries" if is_list else f"{type(x).__name__} {x!r:.60}"
        raise TypeError(f"the argument {name} must be a list of {len(structure)}, not {given}")
    for i, (part, y) in enumerate(zip(structure, x, strict=True)):
        fit(f"{name}[{i}]", part, y, found)


def rectangular(structure: Any) -> tuple[int, ...] | None:
    """The shape of nested lists as an array; None if they are of different lengths."""
    if not isinstance(structure, (list, tuple)):
        return ()
    shapes = {rectangular(x) for x in structure}
    if None in shapes or len(shapes) > 1:
        return None
    return (len(structure), *(shapes.pop() or ())) if shapes else (0,)
