"""Compiled programs: the loops rendering through numba, a whole training loop in machine code.

numba is an extra (``pip install gradpath[jit]``). Divisions and functions follow IEEE there, so
there is no second, careful way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tree import rebuilt
from .arguments import count
from .buffers import Group, Machine
from .compiler import compile_loops
from .loops import LoopPrinter, UnwrittenError
from .names import function, indented
from .ops import Op

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..tensor.arrays import Array
    from .derive import Slot
    from .program import Program
    from .straight import Straight


def jitted(program: Program) -> Compiled:
    """The compiled program, compiled again."""
    return program.jit()


class Compiled:
    """A compiled program: call it like the program that it comes from.

    Attributes:
        source: what was compiled.
        parameters: the leaves that the function found outside of itself.

    Raises:
        NotImplementedError: for an operation that has no loop.
        ImportError: without numba.
    """

    def __init__(self, program: Program) -> None:
        self._program, self.parameters = program, program.parameters
        self._machine = program._machine()
        self.source = self._machine.text
        self._steps = self._machine.steps  # made now, not at the first call

    def _repr_markdown_(self) -> str:
        from ..display import code

        return code(self.source)

    def __copy__(self) -> Compiled:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return jitted, (self._program,)

    def __call__(self, *inputs: Any) -> Any:
        """What the program returns."""
        program, machine = self._program, self._machine
        program._around.ready(program.is_step)
        given = machine.fitting(inputs)
        with machine.lock:
            program._draw()
            return machine.result_of(given)

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        program, steps = self._program, count(steps)
        machine: Loops = self._machine
        if steps and (program._drawn or machine.has_arrays):
            return [self(*inputs) for _ in range(steps)]
        program._around.ready(program.is_step)
        given = machine.fitting(inputs)
        with machine.lock:
            return machine.results(steps, given)


class Loops(Machine):
    """The loops rendering of a program with the arrays that it works on.

    Attributes:
        text: the function ``steps(count, results, done, …)``.
        arrays: the function's last arguments.
        numbers: the results that are single numbers: a row of a step's.
        has_arrays: whether there are others, which are left in arrays.
    """

    text: str
    arrays: list[Any]

    def __init__(self, program: Program) -> None:
        super().__init__(program._arguments, program._derived, program._result)
        self.numbers = [x for x in self.derived.results if x is not None and not has_axes(x)]
        self.has_arrays = any(map(has_axes, self.derived.results))
        self.is_one = self.is_one and not self.has_arrays

    @cached_property
    def steps(self) -> Callable[..., None]:
        """The function in machine code."""
        return compile_loops(self.text)

    def rows(self, steps: int) -> list[list[Any]]:
        """Take steps, and store what they come to; a step that raises has not been taken."""
        numbers, done = np.empty((steps, len(self.numbers))), np.zeros(1, np.int64)
        try:
            self.steps(steps, numbers, done, *self.arrays)
        finally:
            if done[0]:
                self.store()
        found: list[list[Any]] = numbers.tolist()
        return found

    def rebuilt(self, row: Sequence[Any]) -> Any:
        """A step's result, of the numbers that it left and of arrays."""
        numbers = iter(row)
        parts = [
            self.array_of(x).copy() if has_axes(x) else x if x is None else next(numbers)
            for x in self.derived.results
        ]
        return rebuilt(self.result, parts)

    def array_of(self, op: Op) -> Array:
        """The array of a quantity."""
        raise NotImplementedError


class NumberLoops(Loops):
    """Straight-line code on single numbers, in a compiled loop."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        straight: Straight = program._runner
        names, shown = straight.names, straight.printer.shown
        carried = {i: name for i, _, name in straight.starts}
        after = {f"after[{j}]": (i, s) for j, (i, s) in enumerate(straight.written)}
        lines = [f"{names.of(op)} = inputs[{i}]" for i, op in enumerate(self.derived.inputs)]
        lines += [f"{name} = state[{i}]" for i, name in enumerate(carried.values())]
        body = [
            *straight.printer.lines,
            *(f"results[number, {i}] = {shown(x)}" for i, x in enumerate(self.numbers)),
            *(f"{cell} = {shown(s.now)}" for cell, (_, s) in after.items()),
            *(f"{carried[i]} = {cell}" for cell, (i, _) in after.items() if i in carried),
            "done[0] = number + 1",
        ]
        lines += ["for number in range(count):", *indented(body)]
        given = ["count", "results", "done", "inputs", "state", "after"]
        self.text = function("steps", given, lines)
        sizes = len(self.derived.inputs), len(carried), len(after)
        self.arrays = [inputs, state, last] = list(map(np.zeros, sizes))
        self.take([inputs])
        self.read = grouped([s for _, s, _ in straight.starts], state)
        self.written = grouped([s for _, s in straight.written], last)

    def fitting(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """The numbers of all inputs in one array."""
        return [np.concatenate([[], *map(np.ravel, self.arguments.fitting(inputs))])]


def grouped(slots: Sequence[Slot], array: Array) -> list[Group]:
    """Single numbers as groups of one attribute, in the array's order."""
    groups: list[Group] = []
    start = 0
    for attribute, some in groupby(slots, lambda s: s.attribute):
        owners = [s.owners[0] for s in some]
        groups.append(Group(owners, attribute, array[start : start + len(owners)]))
        start += len(owners)
    return groups


class ArrayLoops(Loops):
    """Code on arrays, as loops."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        others = [*filter(has_axes, self.derived.results), *self.derived.checks]
        assigned = self.assignments()
        try:
            printer = LoopPrinter(self.ops(), self.numbers, assigned, others, self.homes)
        except UnwrittenError as error:
            raise NotImplementedError(f"{error} has no compiled form: run the program") from None
        self.text, self.arrays = printer.source, list(printer.arrays.values())
        self.array_of = printer.array_of  # type: ignore[method-assign]
        self.connect(printer.array_of)


def machine_of(program: Program) -> Loops:
    """The loops rendering of a program.

    Raises:
        NotImplementedError: for an operation that has no loop.
    """
    return (ArrayLoops if program._derived.code.arrays else NumberLoops)(program)


def has_axes(x: Any) -> bool:
    """Whether a result has axes."""
    return type(x) is Op and bool(x.shape)
