"""The function whose gradient is checked, in the forms that the comparisons need."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..complexes import Complex
from ..gradient import gradient
from ..numbers import Number, apply, give_comparisons, real
from ..rule import Rule
from ..tensor.tensor import Tensor
from ..tree import is_array
from ..value import Value
from .inputs import (
    bare,
    entries_of,
    filled_array,
    is_torch,
    leaves,
    names_of,
    number,
    refill,
    size_of,
)

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

    def moved(self, v: Sequence[float], t: float) -> list[float]:
        """The point that is t away along a direction."""
        return [x + t * d if d else x for x, d in zip(self.point, v, strict=True)]

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
            sign, size = self.random.choice, self.random.uniform
            spread = [sign((-1, 1)) * size(0.5, 1.5) for _ in range(size_of(y))]
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
            parts = [np.tensordot(self.weights, np.asarray(d), self.weights.ndim) for d in parts]
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


class TensorSubject(Subject):
    """A function of Tensors under test at a point, whose numbers are the entries of its inputs."""

    def record(self, point: Sequence[float]) -> tuple[list[Any], Any]:
        """The variables, a Tensor for each input, and the graph at a point."""
        variables: list[Any] = []

        def variable(entries: Any) -> Tensor:
            variables.append(Tensor(entries, f"x{len(variables)}", dtype="float64"))
            return variables[-1]  # type: ignore[no-any-return]

        y = self.f(*refill(self.inputs, iter(point), variable))
        if not isinstance(y, Tensor):
            y = Tensor(number(y), role="constant")
        return variables, y if y.size == 1 else self.projected(y)

    def value(self, point: Sequence[float]) -> float:
        """The function at a point."""
        return float(self.record(point)[1].data.item())

    def entries(self, slopes: Sequence[Any]) -> list[Any]:
        """All entries of the derivatives by the inputs: floats of arrays, Tensors of Tensors."""
        found = [x[i] for x in slopes for i in np.ndindex(x.shape)]
        return [x if isinstance(x, Tensor) else float(x) for x in found]

    def exact(self, point: Sequence[float], direction: Sequence[float]) -> float | None:
        """Complex step does not run on Tensors."""
        return None


class Step(Number):
    """A complex number with the table's rows as methods, for functions written with them."""

    __slots__ = ("number",)

    def __init__(self, number: complex) -> None:
        self.number = Complex(number)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        numbers = [x.number if isinstance(x, Step) else Complex(real(x, row.name)) for x in args]
        return cls(apply(row, numbers, params))


def real_part(x: Any) -> float:
    """The number that comparisons use."""
    return x.number.real if isinstance(x, Step) else real(x, "a comparison")


give_comparisons(Step, lambda compare: lambda x, y: bool(compare(real_part(x), real_part(y))))
