"""Somebody else's engine as the tester uses it: how its operations are spelled, what it gives.

All this runs in the process of the engine, without importing anything: there the names of
gradpath's modules belong to others (`loading`).
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from ...numbers import OPERATORS
from ..computation import OPERATIONS, Computation, Spelling, parameter, written
from .loading import headline, line, own_frame, shown

Script = tuple[int | str, ...]  # indices of roots to call backward() on, and words:
AFRESH = "afresh"  # set the leaves' gradients to 0 and compute everything again
IN_PLACE = "in place"  # first of all: the last operation is written like a += b
WHOLE = "ints"  # first of all: whole numbers are given as ints
ROUNDING = 2.0**-52
NUMBERS = ("left float", "right float", "left int", "right int")


class Names(NamedTuple):
    """What an engine calls its attributes; ``backward`` may also be a function beside the class."""

    data: str = "data"
    grad: str = "grad"
    backward: str = "backward"


class Form(NamedTuple):
    """How an engine spells an operation.

    Attributes:
        kind: "operator", "method" or "function".
        name: the method's or the function's; of an operator that of the row.
        passes: whether it is given the row's parameters.
    """

    kind: str
    name: str
    passes: bool = True

    def text(self, args: Sequence[str], params: Sequence[Any]) -> str:
        """The operation as its users write it."""
        params = params if self.passes else ()
        if self.kind == "operator":
            return written(self.name, args, params)
        first = f"{args[0]}." if self.kind == "method" else ""
        inside = [*args[len(first) > 0 :], *map(parameter, params)]
        return f"{first}{self.name}({', '.join(inside)})"


class Reading(NamedTuple):
    """What the quantities of a computation show: floats, or text where there is no number."""

    data: tuple[float | str, ...]
    grads: tuple[float | str, ...]


class Trouble(NamedTuple):
    """An engine that gave no numbers.

    Attributes:
        kind: "raises", "refuses" (its own code raises, with a message), "hangs", "crashes" or
            "returns" (something that is no node).
        text: the exception, the signal, or what was returned.
        where: the line of the engine's code, if there is one.
        step: index of the quantity that was being computed; −1 in the backward pass.
    """

    kind: str
    text: str
    where: str = ""
    step: int = -1


def close_to(a: float | str, b: float | str, tolerance: float) -> bool:
    """Whether two readings are the same but for rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or abs(a - b) <= tolerance or (math.isnan(a) and math.isnan(b))


def all_close(a: Sequence[float | str], b: Sequence[float | str], scale: float) -> bool:
    """Whether two lists of readings are the same but for rounding."""
    return len(a) == len(b) and all(
        close_to(x, y, scale * (1 + (abs(y) if isinstance(y, float) else 0)))
        for x, y in zip(a, b, strict=True)
    )


class Survey(NamedTuple):
    """What an engine offers.

    Attributes:
        forms: how it spells each of the table's rows that it has.
        samples: parameters to try each of them with, where that is not for the row to say.
        numbers: the rows that take a plain number, for each of `NUMBERS`.
        rounding: the relative rounding error of its numbers.
        made_of: for each row, the other rows that it calls: ``a - b`` may be ``a + -b``.
        augmented: the rows whose operator has a method of its own for ``a += b``.
        unchecked: what is there and is not checked, each in a few words.
        notes: what else there is to say.
        names: what its attributes are called.
        free_backward: whether ``backward`` is a function beside the class, not a method.
    """

    forms: dict[str, Form]
    samples: dict[str, tuple[tuple[Any, ...], ...]]
    numbers: dict[str, tuple[str, ...]]
    rounding: float
    made_of: dict[str, tuple[str, ...]]
    augmented: tuple[str, ...]
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]
    names: Names = Names()
    free_backward: bool = False

    @property
    def ops(self) -> tuple[str, ...]:
        """The table's rows that it has."""
        return tuple(self.forms)

    def spell(self, op: str, args: Sequence[str], params: Sequence[Any]) -> str:
        """An operation in Python, as the engine's users write it; a sum is written as one."""
        return self.forms.get(op, Form("operator", op)).text(args, params)

    def spelling(self, script: Script) -> Spelling:
        """`spell`; where ints are given, whole numbers are written as such."""
        if WHOLE not in script:
            return self.spell
        return lambda op, args, params: self.spell(op, [x.removesuffix(".0") for x in args], params)

    def start(self, root: str) -> str:
        """A backward pass in Python, as the engine's users write it."""
        name = self.names.backward
        return f"{name}({root})" if self.free_backward else f"{root}.{name}()"

    @property
    def left(self) -> tuple[str, ...]:
        """Those that take a float on the left of a node."""
        return self.numbers["left float"]

    @property
    def right(self) -> tuple[str, ...]:
        """Those that take a float on the right of a node."""
        return self.numbers["right float"]


class Subject:
    """An engine.

    Args:
        make: makes a node of a float.
        names: what its attributes are called.
        module: where functions that belong to it are looked for.
    """

    def __init__(
        self, make: Callable[[float], Any], names: Names, module: ModuleType | None = None
    ) -> None:
        self.make, self.names, self.module = make, names, module
        self.forms: dict[str, Form] = {}
        self.padding: list[Any] = []
        self.nested = False  # whether its gradients are nodes, too, as in engines for higher orders

    def is_node(self, x: Any) -> bool:
        """Whether something is one of the engine's nodes."""
        return hasattr(x, self.names.data) and hasattr(x, self.names.grad)

    def backward(self, node: Any) -> None:
        """Run a backward pass."""
        method = getattr(node, self.names.backward, None)
        if method is None:
            vars(self.module)[self.names.backward](node)
        else:
            method()

    def call(self, form: Form, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
        """An operation in a form."""
        params = params if form.passes else ()
        if form.kind == "operator":
            return OPERATIONS[form.name](*args, *params)
        if form.kind == "method":
            return getattr(args[0], form.name)(*args[1:], *params)
        return vars(self.module)[form.name](*args, *params)

    def perform(self, op: str, args: Sequence[Any], params: Sequence[Any]) -> Any:
        """An operation as the engine's users write it."""
        return sum(args) if op == "sum" else self.call(self.forms[op], args, params)

    # ------------------------------------------------------------ one computation

    def execute(self, computation: Computation, script: Script) -> Reading | Trouble:
        """What the quantities show after they were computed and the script was run."""
        nodes: list[Any] = []
        try:
            for x in computation.inputs:
                nodes.append(self.make(given(x, script)))
            for node in self.play(nodes, computation, script):
                if not self.is_node(node):
                    return Trouble("returns", shown(node), step=len(nodes) - 1)
            data = tuple(self.number(getattr(node, self.names.data)) for node in nodes)
            passes = any(isinstance(action, int) for action in script)
            grads = (self.number(getattr(node, self.names.grad), self.nested) for node in nodes)
            return Reading(data, tuple(grads) if passes else ())
        except Exception as error:
            step = -1 if len(nodes) > computation.root else len(nodes)
            kind = "refuses" if refuses(error) else "raises"
            return Trouble(kind, headline(error), line(error), step)

    def play(self, nodes: list[Any], computation: Computation, script: Script) -> Iterator[Any]:
        """Compute on leaves and run backward passes; yields every node that is added."""
        before = [self.gradient_now(leaf) for leaf in nodes] if AFRESH in script else []
        yield from self.forward(nodes, computation, script)
        for action in script:
            if isinstance(action, int):
                self.backward(nodes[action])
            elif action == AFRESH:
                del nodes[len(computation.inputs) :]
                for leaf, gradient in zip(nodes, before, strict=True):
                    self.reset(leaf, gradient)
                yield from self.forward(nodes, computation, script)

    def forward(self, nodes: list[Any], computation: Computation, script: Script) -> Iterator[Any]:
        """Add the computed quantities to the leaves, one by one."""
        for k, step in enumerate(computation.steps, start=1):
            operands = [given(x, script) for x in step.of(nodes)]
            if IN_PLACE in script and k == len(computation.steps):
                nodes.append(getattr(operator, augmented_operator(step.op))(*operands))
            else:
                nodes.append(self.perform(step.op, operands, step.params))
            yield nodes[-1]

    def gradient_now(self, leaf: Any) -> Any:
        """A copy of a new leaf's gradient: 0, in whatever form."""
        try:
            return copy.deepcopy(getattr(leaf, self.names.grad))
        except Exception:
            return 0.0

    def reset(self, leaf: Any, gradient: Any) -> None:
        """Set a leaf's gradient to what it was when the leaf was made."""
        try:
            setattr(leaf, self.names.grad, gradient)
        except AttributeError:
            leaf.zero_grad()

    def number(self, x: Any, nested: bool = False) -> float | str:
        """A float, or the text of what is none; a node is one only if it may be nested."""
        for _ in range(4):
            if isinstance(x, (str, bytes)) or x is None or (self.is_node(x) and not nested):
                break
            if callable(x):
                x = x()
            if hasattr(x, "item") and getattr(x, "size", 1) == 1:
                x = x.item()
            try:
                return float(x)
            except OverflowError:
                break
            except (TypeError, ValueError):
                pass
            inner = content(x)
            if inner is None:
                break
            x = inner
        return shown(x)


def given(x: Any, script: Script) -> Any:
    """A number as the engine gets it; what is none stays as it is."""
    return int(x) if WHOLE in script and type(x) is float and x.is_integer() else x


def augmented_operator(op: str) -> str:
    """What the method for ``a += b`` is called; no method's name if there is none."""
    return f"__i{OPERATORS.get(op, '__')[2:]}"


def refuses(error: Exception) -> bool:
    """Whether an engine's own code raised an exception on purpose, with a message."""
    frame = own_frame(error)
    text = (frame.line or "") if frame else ""
    return text.startswith(("raise ", "assert ")) and bool(str(error))


def content(x: Any) -> Any:
    """The number that an object holds, if it holds one."""
    if isinstance(x, (list, tuple)):
        return x[0] if len(x) == 1 else None
    if hasattr(x, "dtype"):
        return None
    for name in ("data", "value", "val", "real"):
        if hasattr(x, name):
            return getattr(x, name)
    return None
