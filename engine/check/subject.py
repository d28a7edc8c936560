"""The function whose gradient is checked, in the forms that the comparisons need."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice, product
from typing import Any

from ..complexes import Complex
from ..gradient import gradient
from ..graph import topological_order
from ..node import describe
from ..numbers import Number, apply, real
from ..rule import Rule
from ..tree import is_array, is_tensor
from ..value import Value

EPSILON = 2.0**-52
TINY = 1e-20  # of complex step, which subtracts nothing and so needs no balance


class Subject:
    """The function under test at a point, in the forms that the comparisons need.

    Attributes:
        inputs: its arguments: numbers, arrays, and lists and dicts of these.
        point: all the numbers in them, one after the other.
        names: what each of these is called in findings.
    """

    def __init__(self, f: Any, inputs: list[Any], claimed: Any, seed: int) -> None:
        self.f, self.inputs, self.claimed = f, inputs, claimed
        self.random = random.Random(seed)
        self.weights: Any = None  # of the entries of the result, if it is an array
        self.point = [real(x, "gradcheck()") for leaf in leaves(inputs) for x in entries_of(leaf)]
        self.names = names_of(inputs)
        self.root: Any = None

    def call(self, numbers: Sequence[Any]) -> Any:
        """f of numbers of any kind, in the shape of the inputs."""
        return self.f(*self.arguments(numbers))

    def arguments(self, numbers: Sequence[Any]) -> Any:
        """The numbers in the shape of the inputs, in lists and arrays as these are."""
        return refill(self.inputs, iter(numbers), lambda entries: entries)

    def record(self, point: Sequence[float]) -> tuple[list[Any], Any]:
        """The variables and the graph at a point."""
        variables = [Value(x, label=f"x{i}") for i, x in enumerate(point)]
        y = self.call(variables)
        if is_array(y):
            y = self.projected(y)
        if not isinstance(y, Value):
            y = Value(number(y), role="constant")
        return variables, y

    def nodes(self, i: int, t: float) -> list[Value]:
        """The graph's nodes in topological order, recorded with input i moved by t."""
        moved = [x + t if i == j else x for j, x in enumerate(self.point)]
        return topological_order(self.record(moved)[1])

    def value(self, point: Sequence[float]) -> float:
        """f at a point."""
        if self.claimed is None:
            return self.record(point)[1].data  # type: ignore[no-any-return]
        y = bare(self.call(point))
        return number(self.projected(y) if is_array(y) and size_of(y) != 1 else y)

    def projected(self, y: Any) -> Any:
        """The sum of an array's entries with random weights."""
        if is_torch(y):
            y = y.detach().numpy()
        if self.weights is None:
            spread = [
                self.random.choice((-1, 1)) * self.random.uniform(0.5, 1.5)
                for _ in range(size_of(y))
            ]
            self.weights = filled_array(spread).reshape(y.shape)
        if self.weights.shape != y.shape:
            raise TypeError(
                f"the result of a checked function has one shape, not {self.weights.shape} "
                f"and {y.shape}"
            )
        return (y * self.weights).sum()

    def entries(self, slopes: Sequence[Any]) -> list[Any]:
        """The derivatives by the variables, one by one."""
        return list(slopes)

    def slopes(self) -> list[float]:
        """The gradient under test."""
        if self.claimed is None:
            variables, self.root = self.record(self.point)
            self.root.backward()
            return self.entries([x.grad for x in variables])
        given = self.given(self.point)
        if given is None:
            given = self.listed(self.claimed)
        if len(given) != len(self.point):
            raise ValueError(
                f"{len(given)} derivatives are claimed for {len(self.point)} inputs: "
                "give one per input, in the same shape"
            )
        return given

    def given(self, point: Sequence[float]) -> list[float] | None:
        """The gradient under test at another point, if it is known there."""
        if self.claimed is None:
            variables, y = self.record(point)
            return self.entries([float(d) if d == d else d for d in gradient(y, variables)])
        return self.listed(self.claimed(*self.arguments(point))) if callable(self.claimed) else None

    def listed(self, claimed: Any) -> list[float]:
        """The numbers in a claimed gradient."""
        self.value(self.point)  # which tells whether the result is an array
        parts = leaves(claimed)
        if self.weights is not None and self.weights.ndim:
            shape = self.weights.shape
            if any(tuple(getattr(d, "shape", ())[: len(shape)]) != shape for d in parts):
                raise ValueError(
                    f"the result has the shape {shape}: claimed derivatives are arrays of the "
                    f"shape {shape} + the input's"
                )
            parts = [np_tensordot(self.weights, d) for d in parts]
        return [real(d, "a claimed gradient") for part in parts for d in entries_of(part)]

    def exact(self, point: Sequence[float], direction: Sequence[float]) -> float | None:
        """The derivative along a direction by complex step; None where f does not allow it."""
        steps = [Step(complex(x, TINY * v)) for x, v in zip(point, direction, strict=True)]
        try:
            y = self.call(steps)
            y = self.projected(y) if is_array(y) and size_of(y) != 1 else y
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            return None
        return y.number.imag / TINY if isinstance(y, Step) else None

    def move(self, there: Any, here: Any) -> Any:
        """How far a node has moved."""
        return there.data - here.data

    def misfit(
        self,
        node: Any,
        i: int,
        move: tuple[Any, Any],
        moves: Sequence[tuple[Any, Any]],
        step: float,
    ) -> str:
        """What is wrong with a node that moves otherwise than its partials say; "" if nothing."""
        return misfit(node, i, move, moves, step)


# ---------------------------------------------------------------- inputs


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
    import numpy as np

    plain = all(isinstance(x, float) for x in entries)
    return np.array(entries, dtype=float if plain else object)


def entries_of(x: Any) -> list[Any]:
    """The numbers in a leaf, in order."""
    if not is_array(x):
        return [x.item() if is_torch(x) else x]
    flat = x.reshape(-1).tolist()
    return flat if isinstance(flat, list) else [flat]


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


def np_tensordot(weights: Any, d: Any) -> Any:
    """The sum of an array's first axes with weights."""
    import numpy as np

    return np.tensordot(weights, np.asarray(d), axes=weights.ndim)


class Step(Number):
    """A complex number with the table's rows as methods, for functions written with them."""

    __slots__ = ("number",)

    def __init__(self, number: complex) -> None:
        self.number = Complex(number)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        numbers = [x.number if isinstance(x, Step) else Complex(real(x, row.name)) for x in args]
        return cls(apply(row, numbers, params))

    def __lt__(self, other: Any) -> bool:
        return self.number.real < real_part(other)

    def __le__(self, other: Any) -> bool:
        return self.number.real <= real_part(other)

    def __gt__(self, other: Any) -> bool:
        return self.number.real > real_part(other)

    def __ge__(self, other: Any) -> bool:
        return self.number.real >= real_part(other)


def real_part(x: Any) -> float:
    """The number that comparisons use."""
    return x.number.real if isinstance(x, Step) else real(x, "a comparison")


def misfit(
    node: Value,
    i: int,
    move: tuple[float, float],
    moves: Sequence[tuple[float, float]],
    step: float,
) -> str:
    """What is wrong with a node that moves otherwise than its partials say; "" if nothing is."""
    if not node.args:
        if node.label == f"x{i}" or move == (0.0, 0.0):
            return ""
        return (
            f"{describe(node)} is a leaf, but its value depends on x{i}: it was computed outside "
            "the graph, with .data or float()"
        )
    coarse, fine = (
        (own - math.fsum(d * moved for d, moved in zip(node.partials, args, strict=True))) / step
        for own, args in zip(move, zip(*moves, strict=True), strict=True)
    )
    rounding = 100 * EPSILON * (abs(node.data) + sum(abs(x.data) for x in node.args)) / step
    if abs(fine) <= abs(fine - coarse / 2) + 1e-7 * abs(move[1]) / step + rounding:
        return ""
    if len(moves) == 1 and moves[0][1]:
        wide, slope = (own / moved for own, moved in zip(move, moves[0], strict=True))
        slope += (slope - wide) / 3
        return f"{describe(node)} has local derivative {node.partials[0]:.6g}, measured {slope:.6g}"
    return f"{describe(node)} moves by {move[1] / step:.6g} per unit, its partials say otherwise"
