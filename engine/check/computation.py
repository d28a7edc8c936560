"""Computation graphs as data: they run on any engine, print as Python, and can be drawn."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, NamedTuple

from ..display import viz
from ..numbers import OPERATORS, Number, apply
from ..reals import on_floats
from ..rule import TABLE
from ..rules import halves
from ..value import Value

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "power": "**"}
OPERATIONS: dict[str, Callable[..., Any]] = {
    op: getattr(operator, name) for op, name in {**OPERATORS, "power": "__pow__"}.items()
}


Spelling = Callable[[str, Sequence[str], Sequence[Any]], str]  # of an operation, by its arguments


class Step(NamedTuple):
    """One operation: a row's name, its arguments, its parameters.

    An argument is the index of an earlier quantity (the inputs come first) or, as a float, a
    constant.
    """

    op: str
    args: tuple[int | float, ...]
    params: tuple[Any, ...] = ()

    @property
    def nodes(self) -> tuple[int, ...]:
        """The quantities among its arguments."""
        return tuple(x for x in self.args if isinstance(x, int))

    def of(self, known: Sequence[Any]) -> list[Any]:
        """Its arguments: what is known of the quantities, and the constants."""
        return [known[x] if isinstance(x, int) else x for x in self.args]

    def on(self, place: Callable[[int], int | float]) -> Step:
        """The same operation on other quantities."""
        args = tuple(place(x) if isinstance(x, int) else x for x in self.args)
        return self._replace(args=args)

    def compute(self, args: Sequence[float]) -> tuple[float, tuple[float, ...]]:
        """The result and the local derivatives as floats, by the row itself."""
        return on_floats(TABLE[self.op], args, self.params)

    def text(self, names: Sequence[str], spell: Spelling | None = None) -> str:
        """The operation in Python, of quantities with these names."""
        return (spell or written)(self.op, [str(x) for x in self.of(names)], self.params)

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

    @property
    def root(self) -> int:
        """The index of the last quantity."""
        return len(self.inputs) + len(self.steps) - 1

    def at(self, point: Sequence[float]) -> Computation:
        """The same on other inputs: a point's numbers, again and again if they are too few."""
        return self._replace(
            inputs=tuple(x for x, _ in zip(cycle(point), self.inputs, strict=False))
        )

    def run(self, make: Callable[[float], Any] = Value) -> list[Any]:
        """All quantities, inputs first and the root last.

        Args:
            make: makes one of the engine's numbers of a float.
        """
        known: list[Any] = [make(x) for x in self.inputs]
        for step in self.steps:
            known.append(perform(step.op, step.of(known), step.params))
        return known

    def values(self) -> list[float]:
        """All quantities as floats, computed by the rows themselves."""
        known = list(self.inputs)
        for step in self.steps:
            known.append(step.compute(step.of(known))[0])
        return known

    def gradients(self) -> list[float]:
        """∂root/∂quantity for every quantity: the chain rule from the last step to the first."""
        known = self.values()
        received = [0.0] * self.root + [1.0]
        for i, step in reversed([*enumerate(self.steps, len(self.inputs))]):
            for x, slope in zip(step.args, step.compute(step.of(known))[1], strict=True):
                if isinstance(x, int):
                    received[x] += slope * received[i]
        return received

    def names(self) -> list[str]:
        """A name for each quantity: a, b, …, z, v26, v27, …."""
        return [chr(ord("a") + i) if i < 26 else f"v{i}" for i in range(self.root + 1)]

    def lines(self, make: str = "Value", spell: Spelling | None = None) -> list[str]:
        """Python for the graph, a line for each quantity.

        Args:
            make: what makes one of the engine's numbers.
            spell: writes an operation, of texts; by default as on an engine with operators.
        """
        names = self.names()
        leaves = [f"{make}({x})" for x in self.inputs]
        computed = [step.text(names, spell) for step in self.steps]
        return [f"{name} = {x}" for name, x in zip(names, leaves + computed, strict=True)]

    def source(self, make: str = "Value") -> str:
        """Python to paste: the graph and its backward pass on an engine with operators."""
        return "\n".join([*self.lines(make), f"{self.names()[-1]}.backward()"])

    def nodes(self, roots: Sequence[int] = (-1,)) -> list[Value]:
        """All quantities as labelled Values, with the gradients of these roots."""
        known = self.run()
        for name, node in zip(self.names(), known, strict=True):
            node.label = name
        for root in roots:
            known[root].backward()
        return known

    def graph(self) -> Value:
        """The root of the graph as labelled Values, with gradients."""
        return self.nodes()[-1]

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
    extra = [*map(parameter, params)]
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


def parameter(p: Any) -> str:
    """A parameter in Python."""
    return repr(p) if abs(p) < math.inf else f"float('{p}')"


def prune(inputs: Sequence[float], steps: Sequence[Step]) -> Computation:
    """Only what the last step depends on."""
    count = len(inputs)
    needed = {count + len(steps) - 1}
    for i in range(len(steps) - 1, -1, -1):
        if count + i in needed:
            needed.update(steps[i].nodes)
    place = {old: new for new, old in enumerate(sorted(needed))}
    kept = tuple(s.on(place.__getitem__) for i, s in enumerate(steps, count) if i in needed)
    return Computation(tuple(x for i, x in enumerate(inputs) if i in needed), kept)
