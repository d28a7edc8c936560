"""Computation graphs as data: they run on any engine, print as Python, and can be drawn."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..display import viz
from ..numbers import Number, apply
from ..reals import on_floats
from ..rule import TABLE
from ..rules import halves
from ..value import Value

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "power": "**"}
OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow, "power": operator.pow, "neg": operator.neg, "abs": abs,
}  # fmt: skip


class Whole(float):
    """A whole number that an engine is given as an int; elsewhere it is a float."""

    def __repr__(self) -> str:
        return f"Whole({self})"

    def __str__(self) -> str:
        return str(int(self))


class Step(NamedTuple):
    """One operation: a row's name, its arguments, its parameters.

    An argument is the index of an earlier quantity (the inputs come first) or, as a float, a
    constant.
    """

    op: str
    args: tuple[int | float, ...]
    params: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        params = f", {self.params}" if self.params else ""
        return f"Step({self.op!r}, {self.args}{params})"

    def __eq__(self, other: object) -> bool:  # the index 2 is not the constant 2.0
        return isinstance(other, Step) and repr(self) == repr(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(repr(self))


class Computation(NamedTuple):
    """A computation graph as data: it runs on any engine.

    Attributes:
        inputs: the numbers to start from.
        steps: the operations in order; the last one's result is the root.
    """

    inputs: tuple[float, ...]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"Computation({self.inputs}, {self.steps})"

    def itself(self) -> Computation:
        """The computation."""
        return self

    def run(self, make: Callable[[float], Any] = Value) -> list[Any]:
        """All quantities, inputs first and the root last.

        Args:
            make: makes one of the engine's numbers of a float.
        """
        known: list[Any] = [make(x) for x in self.inputs]
        for op, args, params in self.steps:
            operands = [known[x] if isinstance(x, int) else x for x in args]
            known.append(perform(op, operands, params))
        return known

    def values(self) -> list[float]:
        """All quantities as floats, computed by the rows themselves."""
        known = list(self.inputs)
        for op, args, params in self.steps:
            data = [known[x] if isinstance(x, int) else x for x in args]
            known.append(on_floats(TABLE[op], data, params)[0])
        return known

    def gradients(self) -> list[float]:
        """∂root/∂quantity for every quantity: the chain rule from the last step to the first."""
        known = self.values()
        received = [0.0] * (len(known) - 1) + [1.0]
        for i, (op, args, params) in reversed([*enumerate(self.steps, len(self.inputs))]):
            data = [known[x] if isinstance(x, int) else x for x in args]
            for x, slope in zip(args, on_floats(TABLE[op], data, params)[1], strict=True):
                if isinstance(x, int):
                    received[x] += slope * received[i]
        return received

    def names(self) -> list[str]:
        """A name for each quantity: a, b, …, z, v26, v27, …."""
        count = len(self.inputs) + len(self.steps)
        return [chr(ord("a") + i) if i < 26 else f"v{i}" for i in range(count)]

    def source(self, make: str = "Value") -> str:
        """Python to paste: the graph and its backward pass on an engine with operators."""
        names = self.names()
        lines = [f"{n} = {make}({x!r})" for n, x in zip(names, self.inputs, strict=False)]
        for name, (op, args, params) in zip(names[len(self.inputs) :], self.steps, strict=True):
            texts = [names[x] if isinstance(x, int) else repr(x) for x in args]
            lines.append(f"{name} = {written(op, texts, params)}")
        return "\n".join([*lines, f"{names[-1]}.backward()"])

    def graph(self) -> Value:
        """The root of the graph as labelled Values, with gradients."""
        known = self.run()
        for name, node in zip(self.names(), known, strict=True):
            node.label = name
        known[-1].backward()
        return known[-1]  # type: ignore[no-any-return]

    def draw(self, **options: Any) -> Any:
        """The picture of the graph with its gradients; options as for `viz.draw`."""
        return viz("draw")(self.graph(), **options)

    def __str__(self) -> str:
        return self.source()


def perform(op: str, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """The operation as users write it: an operator, a method, a function over a sequence."""
    if op in OPERATIONS:
        return OPERATIONS[op](*args, *params)
    row = TABLE[op]
    if row.variadic:
        ours = any(isinstance(x, Number) for x in args)
        return sum(args) if op == "sum" and not ours else apply(row, args, params)
    method = getattr(args[0], op, None)
    return method(*args[1:], *params) if method else apply(row, args, params)


def written(op: str, args: Sequence[str], params: Sequence[Any]) -> str:
    """The operation in Python, as `perform` does it."""
    extra = [repr(p) if abs(p) < math.inf else f"float('{p}')" for p in params]
    if op in INFIX:
        left, right = (f"({x})" if x.startswith("-") else x for x in (*args, *extra))
        return f"{left} {INFIX[op]} {right}"
    if op == "neg":
        return f"-{args[0]}"
    if op == "abs":
        return f"abs({args[0]})"
    row = TABLE[op]
    if not row.variadic:
        return f"{args[0]}.{op}({', '.join([*args[1:], *extra])})"
    groups = [args]
    if row.pack.__code__.co_argcount > 1:
        groups = list(halves(args))
        extra = [*args[2 * len(groups[0]) :], *extra]
    lists = ["[" + ", ".join(group) + "]" for group in groups]
    return f"{op}({', '.join([*lists, *extra])})"


def prune(inputs: tuple[float, ...], steps: Sequence[Step]) -> Computation:
    """Only what the last step depends on."""
    count = len(inputs)
    needed = {count + len(steps) - 1}
    for i in range(len(steps) - 1, -1, -1):
        if count + i in needed:
            needed.update(x for x in steps[i].args if isinstance(x, int))
    place = {old: new for new, old in enumerate(sorted(needed))}
    kept = tuple(
        Step(op, tuple(place[x] if isinstance(x, int) else x for x in args), params)
        for i, (op, args, params) in enumerate(steps, count)
        if i in needed
    )
    return Computation(tuple(x for i, x in enumerate(inputs) if i in needed), kept)
