"""The arrays of a program: where inputs, leaves and states are copied to, and what lies still.

`Buffers` are the buffered rendering of a recording with its arrays: ready to run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rule import Rule
from ..tensor.arrays import Array, quiet
from ..tensor.tensor import Tensor
from .buffered import Buffered
from .names import function
from .storage import VIEWS
from .tape import Op, fitting

if TYPE_CHECKING:
    from .array_program import Recording


class Buffers:
    """The buffered rendering of a recording, with its arrays: ready to run."""

    def __init__(
        self,
        recording: Recording,
        inputs: Sequence[Tensor],
        outputs: Sequence[Any],
        gradients: Sequence[Any],
    ) -> None:
        updates = recording.updates()
        homes = homes_of(recording)
        for owner, attribute, x in updates:
            if attribute == "_data" and is_last(recording, x, owner):
                homes.setdefault(x, owner._data)
        finals = [*outputs, *gradients, *(x for _, _, x in updates), *recording.required]
        self.writer = Buffered(recording.tape.ops, finals, homes)
        self.outputs, self.gradients = outputs, gradients
        self.updates = updates
        self.names = self.writer.names
        self.places = Places(recording, inputs, self.writer.place_of, homes)
        self.assign = self.assignments()
        self.run = self.compile()

    def assignments(self) -> list[str]:
        """The lines that store what a step assigned, after all has been computed."""
        first, lines = [], []
        for i, (owner, attribute, x) in enumerate(self.updates):
            text = self.names[x] if isinstance(x, Op) else repr(float(x))
            self.writer.arrays[f"owner{i}"] = owner
            if getattr(owner, "_buffer", None) is None:
                if isinstance(owner, Tensor):
                    lines.append(f"owner{i}.{attribute[1:]} = {text}")
                elif isinstance(x, Op) and x.shape:
                    lines.append(f"owner{i}._data = {text}.copy()")
                else:
                    lines.append(f"owner{i}._data = float({text})")
                continue
            if attribute == "_data":
                lines.append(f"owner{i}._buffer.version += 1")
            source, target = self.writer.arrays.get(text), getattr(owner, attribute)
            if source is target:
                continue
            if source is not None and self.is_overwritten(source):
                first.append(f"old{i} = {text}.copy()")
                text = f"old{i}"
            lines.append(f"np.copyto(owner{i}.{attribute}, {text})")
        return first + lines

    def is_overwritten(self, array: Array) -> bool:
        """Whether an array belongs to parameters that are assigned."""
        return any(
            np.may_share_memory(array, getattr(owner, attribute))
            for owner, attribute, _ in self.updates
            if getattr(owner, "_buffer", None) is not None
        )

    def compile(self) -> Callable[[], list[Any]]:
        """The code as a function without arguments."""
        source = function("run", [], [*self.writer.lines, *self.assign, self.result()])
        exec(compile(source, "<recorded program>", "exec"), self.writer.arrays)
        run: Callable[[], list[Any]] = quiet(self.writer.arrays["run"])
        return run

    def result(self) -> str:
        """The line that returns the results."""
        return f"return [{', '.join(map(self.returned, (*self.outputs, *self.gradients)))}]"

    def returned(self, x: Any) -> str:
        """What the code returns for a result: a float, or an array of its own."""
        if not isinstance(x, Op):
            return repr(x)
        return f"{self.names[x]}.copy()" if x.shape else f"float({self.names[x]})"

    def source(self, name: str) -> str:
        """The code as text."""
        lines = function(name, [], [*self.writer.lines, self.result()])
        return "\n".join([*self.writer.preamble(), "", lines])


class Places:
    """Where what a recording is given is copied to before each run.

    Args:
        recording: what is given what.
        inputs: the leaves that stand for the program's inputs.
        array: the array of an Op.
        homes: what lies where it is.
    """

    def __init__(
        self,
        recording: Recording,
        inputs: Sequence[Tensor],
        array: Callable[[Op], Array | None],
        homes: Mapping[Op, Array],
    ) -> None:
        given = {id(op.leaf): op for op in recording.tape.ops if op.leaf is not None}
        ours = [given.pop(id(x), None) for x in inputs]
        self.inputs = [None if op is None else array(op) for op in ours]
        held = [(op.leaf, "_data", op) for op in given.values() if op not in homes]
        held += [(recording.owners[key], key[1], op) for key, op in recording.start.items()]
        found = [(owner, attribute, array(op)) for owner, attribute, op in held]
        self.held = [
            (owner, attribute, place) for owner, attribute, place in found if place is not None
        ]

    def load(self, given: Sequence[Any]) -> None:
        """Copy the inputs and what leaves and states hold.

        Raises:
            TypeError, ValueError: for an input that does not fit.
        """
        for place, x in zip(self.inputs, given, strict=True):
            if place is not None:
                array = x._data if type(x) is Tensor else x
                if (
                    getattr(array, "shape", None) != place.shape
                    or getattr(array, "dtype", None) is not place.dtype
                ):
                    array = fitting(array, place)
                place[...] = array
        for owner, attribute, place in self.held:
            held = getattr(owner, attribute)
            place[...] = 0.0 if held is None else held


def homes_of(recording: Recording) -> dict[Op, Array]:
    """The arrays of parameters that lie in one, and of their gradients: they stay the same."""
    homes = {
        op: op.leaf._data
        for op in recording.tape.ops
        if op.leaf is not None and op.leaf._buffer is not None
    }
    for owner, attribute, x in recording.updates():
        if attribute == "_grad" and owner._buffer is not None and isinstance(x, Op) and x.rule:
            homes.setdefault(x, owner._grad)
    return homes


def is_last(recording: Recording, x: Any, owner: Any) -> bool:
    """Whether a leaf may be overwritten by its new data x: nothing reads the old data later."""
    buffer = getattr(owner, "_buffer", None)
    if buffer is None or not isinstance(x, Op) or not isinstance(x.rule, Rule):
        return False
    old = {recording.trace.of.get(id(leaf)) for leaf in (owner, *buffer.views)} - {x}
    ops = recording.tape.ops
    for op in ops:
        looks = op.name in VIEWS | {"concatenate"} and not old.isdisjoint(op.args)
        if looks or op.leaf is owner or op.leaf in buffer.views:
            old.add(op)
    if any(new in old for _, _, new in recording.updates()):
        return False
    return not any(arg in old for op in ops[ops.index(x) + 1 :] for arg in op.args)
