"""Compiled programs of arrays: the loops rendering of a recording of Tensors, through numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..tensor.tensor import Tensor
from ..tree import flatten, unflatten
from .assembly import function, indented
from .compiled import compile_loops
from .loops import LoopPrinter, UnwrittenError
from .tape import Op, fitting

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
        recording = self._recording = program._recording
        self._results = [*program._outputs, *program._gradients]
        updates = recording.updates()
        carried = changes(recording)
        finals = [*self._results, *(x for _, _, x in updates), *(x for _, x in carried)]
        finals += recording.required
        try:
            self._printer = printer = LoopPrinter(recording.tape.ops, finals)
        except UnwrittenError as error:
            raise NotImplementedError(f"{error} has no compiled form: run the program") from None
        self._places = [
            np.zeros(x.shape, x.dtype) if isinstance(x, Op) else np.array(float(x))
            for x in (*self._results, *(x for _, _, x in updates))
        ]
        body = list(printer.lines)
        for i, x in enumerate((*self._results, *(x for _, _, x in updates))):
            body += self._kept(f"r{i}", x)
        kept = len(printer.lines)
        for start, new in carried:
            printer.copy(start, new)
        body += printer.lines[kept:]
        losses = [i for i, x in enumerate(program._outputs) if isinstance(x, Op) and not x.shape]
        self._losses = {i: column for column, i in enumerate(losses)}
        body += [f"losses[number, {column}] = r{i}[()]" for i, column in self._losses.items()]
        names = [*printer.buffers, *(f"r{i}" for i in range(len(self._places)))]
        lines = ["for number in range(count):", *indented(body)]
        self.source = function("steps", ["count", "losses", *names], lines)
        self._steps = compile_loops(self.source)

    def _kept(self, name: str, x: Any) -> list[str]:
        """The lines that keep a result after the last step."""
        if not isinstance(x, Op) or not x.shape:
            return [f"{name}[()] = {self._printer.cell(x, ()) if isinstance(x, Op) else float(x)}"]
        whole = f"{self._printer.names[x]}{'.T' if self._printer.is_turned(x) else ''}"
        return [f"{name}[...] = {whole}"]

    def _array(self, op: Op) -> Array:
        """The array of what is given."""
        array: Array = self._printer.buffers[self._printer.names[op]]
        return array.T if self._printer.is_turned(op) else array

    def __copy__(self) -> CompiledArrays:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledArrays, (self._program,)

    def __call__(self, *inputs: Any) -> Any:
        """What the program returns."""
        program = self._program
        with program._lock:
            self._run(1, inputs)
            values = [x.copy() if x.ndim else float(x) for x in self._places]
        count = len(program._outputs)
        outputs, gradients = values[:count], values[count : count + len(program._gradients)]
        if program.is_step:
            return unflatten(program._result, outputs)
        own = len(program._inputs)
        slopes = unflatten(list(program._arguments), gradients[:own])
        return outputs[0], (*slopes, *gradients[own:])

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results, if each is one
        number or several; a list of calls otherwise.
        """
        drawn = self._program._drawn and steps > 1
        if drawn or len(self._losses) != len(self._program._outputs):
            return [self(*inputs) for _ in range(steps)]
        if steps < 1:
            return []
        with self._program._lock:
            rows = self._run(steps, inputs).tolist()
        return [unflatten(self._program._result, row) for row in rows]

    def _run(self, steps: int, inputs: Sequence[Any]) -> Array:
        """Run some steps, and write what they assigned."""
        around = self._program._around
        if around.unchanged is not None and not around.unchanged():
            around.check()
        for state in self._program._drawn:
            state.data = state.draw()
        self._load(inputs if self._program._is_flat else flatten(list(inputs)))
        losses = np.empty((steps, len(self._losses)))
        self._steps(steps, losses, *self._printer.buffers.values(), *self._places)
        updated = self._places[len(self._results) :]
        for (owner, attribute, _), x in zip(self._recording.updates(), updated, strict=True):
            if isinstance(owner, Tensor):
                setattr(owner, attribute[1:], x)
            else:
                setattr(owner, attribute, x.copy() if x.ndim else float(x))
        return losses

    def _load(self, given: Sequence[Any]) -> None:
        """Copy the inputs and what leaves and states hold."""
        leaves, trace = self._program._inputs, self._recording.trace
        if len(given) != len(leaves):
            raise TypeError(f"the program takes {len(leaves)} array(s), not {len(given)}")
        for leaf, x in zip(leaves, given, strict=True):
            array = fitting(x._data if isinstance(x, Tensor) else x, leaf._data)
            if (op := trace.of.get(id(leaf))) in self._printer.names:
                self._array(op)[...] = array
        ours = {id(leaf) for leaf in leaves}
        for op in self._recording.tape.ops:
            if op.leaf is not None and id(op.leaf) not in ours:
                self._array(op)[...] = op.leaf._data
        for key, op in self._recording.start.items():
            held = getattr(self._recording.owners[key], key[1])
            self._array(op)[...] = 0.0 if held is None else held


def changes(recording: Recording) -> list[tuple[Op, Any]]:
    """What is read at the start of a step and another number at its end."""
    found: list[tuple[Op, Any]] = []
    for op in recording.tape.ops:
        key = (id(op.leaf), "_data")
        if op.leaf is not None and key in recording.written:
            found.append((op, recording.now[key]))
    found += [(op, recording.now[k]) for k, op in recording.start.items() if k in recording.written]
    return found
