"""Compiled programs of arrays: the loops rendering of a recording of Tensors, through numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tensor.tensor import Tensor
from .buffers import Places, homes_of
from .compiled import compile_loops
from .loops import LoopPrinter, UnwrittenError
from .tape import Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor.arrays import Array
    from .array_program import ArrayProgram, Recording


class CompiledArrays:
    """A program of arrays in machine code: call it like the program that it comes from.

    Attributes:
        source: what was compiled.
        parameters: the leaves that the function found outside of itself.

    Raises:
        NotImplementedError: for an operation that has no loop.
        ImportError: without numba.
    """

    def __init__(self, program: ArrayProgram) -> None:
        self._program, self.parameters = program, program.parameters
        recording = program._recording
        homes = homes_of(recording)
        self._results = [*program._outputs, *program._gradients]
        self._numbers = [x for x in self._results if not has_axes(x)]
        arrays = [x for x in self._results if has_axes(x)]
        updates = recording.updates()
        targets = [target_of(recording, *update, homes) for update in updates]
        self._targets = [(*update[:2], op) for update, op in zip(updates, targets, strict=True)]
        assigned = [(op, x) for op, (_, _, x) in zip(targets, updates, strict=True)]
        assigned += carried(recording, {*targets, *homes})
        others = [*arrays, *recording.required]
        try:
            printer = LoopPrinter(recording.tape.ops, self._numbers, assigned, others, homes)
        except UnwrittenError as error:
            raise NotImplementedError(f"{error} has no compiled form: run the program") from None
        self._printer, self.source = printer, printer.source
        self._places = Places(recording, program._inputs, printer.array_of, homes)
        self._steps = compile_loops(self.source)

    def __copy__(self) -> CompiledArrays:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledArrays, (self._program,)

    def __call__(self, *inputs: Any) -> Any:
        """What the program returns."""
        given = self._program._given(inputs)
        with self._program._lock:
            numbers = iter(self._run(1, given)[0].tolist())
            values = [
                self._printer.array_of(x).copy() if has_axes(x) else next(numbers)
                for x in self._results
            ]
        return self._program._rebuilt(values)

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        varies = self._program._drawn and steps > 1
        if varies or not self._program.is_step or len(self._numbers) != len(self._results):
            return [self(*inputs) for _ in range(steps)]
        if steps < 1:
            return []
        given = self._program._given(inputs)
        with self._program._lock:
            rows = self._run(steps, given).tolist()
        return [self._program._rebuilt(row) for row in rows]

    def _run(self, steps: int, given: Sequence[Any]) -> Array:
        """Run some steps, and write what they assigned: the numbers that each of them returns."""
        self._program._load(self._places, given)
        results = np.empty((steps, len(self._numbers)))
        done = np.zeros(1, np.int64)
        try:
            self._steps(steps, results, done, *self._printer.arrays.values())
        finally:
            if done[0]:
                self._write()
        return results

    def _write(self) -> None:
        """Hand what was assigned to its owners, if it is not written in their arrays already."""
        for owner, attribute, target in self._targets:
            array = self._printer.array_of(target)
            if not isinstance(owner, Tensor):
                owner._data = array.copy() if array.ndim else array.item()
            elif owner._buffer is None:
                setattr(owner, attribute[1:], array)
            elif attribute == "_data":
                owner._buffer.version += 1


def has_axes(x: Any) -> bool:
    """Whether a result has axes."""
    return isinstance(x, Op) and bool(x.shape)


def target_of(
    recording: Recording, owner: Any, attribute: str, x: Any, homes: dict[Op, Array]
) -> Op:
    """What stands for the place that is assigned: what was read from it, or a new Op."""
    if getattr(owner, "_buffer", None) is None:
        for key, op in starts(recording):
            if key == (id(owner), attribute):
                return op
        like = x
    else:
        like = getattr(owner, attribute)
    dtype = getattr(like, "dtype", np.dtype("float64"))
    target = Op(recording.tape, None, (), (), getattr(like, "shape", ()), dtype)
    if like is not x:
        homes[target] = like
    return target


def starts(recording: Recording) -> list[tuple[tuple[int, str], Op]]:
    """What a step reads at its start, by the owner's id and the attribute."""
    leaves = [x for x in recording.tape.ops if x.leaf is not None]
    return [*(((id(op.leaf), "_data"), op) for op in leaves), *recording.start.items()]


def carried(recording: Recording, known: set[Op]) -> list[tuple[Op, Any]]:
    """What else is read at the start of a step and another number at its end."""
    return [
        (op, recording.now[key])
        for key, op in starts(recording)
        if key in recording.written and op not in known
    ]
