"""Compiled programs: the loops rendering through numba, a whole training loop in machine code.

numba is an extra (``pip install gradpath[jit]``). Divisions and functions follow IEEE there, so
there is no second, careful way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..node import LOCK
from ..tensor.tensor import Tensor
from ..tree import map_leaves, rebuilt
from .arguments import count
from .buffers import Group, Loader, homes_of
from .compiler import compile_loops
from .loops import LoopPrinter, UnwrittenError
from .names import function, indented
from .ops import Op

if TYPE_CHECKING:
    from ..tensor.arrays import Array
    from .derive import Derived, Slot
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
        self._steps = compile_loops(self.source)
        self._numbers, self._done = np.empty((1, self._machine.width)), np.zeros(1, np.int64)

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
        program._draw()
        with machine.lock:
            machine.load(given)
            self._steps(1, self._numbers, self._done, *machine.arrays)
            machine.store()  # a step that raises has not been taken
            return machine.rebuilt(self._numbers[0].tolist())

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        program, machine, steps = self._program, self._machine, count(steps)
        if steps == 1 or (steps > 1 and (program._drawn or machine.has_arrays)):
            return [self(*inputs) for _ in range(steps)]
        program._around.ready(program.is_step)
        given = machine.fitting(inputs)
        with machine.lock:
            machine.load(given)
            numbers = np.empty((steps, machine.width))
            done = np.zeros(1, np.int64)
            try:
                self._steps(steps, numbers, done, *machine.arrays)
            finally:
                if done[0]:
                    machine.store()
            rows = numbers.tolist()
            if machine.is_one and machine.width:  # as a loss is: a step takes less than a call
                return [x for (x,) in rows]
            return [machine.rebuilt(row) for row in rows]


class Machine:
    """The loops rendering of a program with the arrays that it works on.

    Attributes:
        text: the function ``steps(count, results, done, …)``.
        arrays: the function's last arguments.
        width: how many numbers one result has; arrays that it has besides are left in `arrays`.
        is_one: whether it is not in a list.
    """

    has_arrays = False

    def __init__(self, program: Program) -> None:
        self.arguments, self.derived = program._arguments, program._derived
        self.result, self.results = program._result, program._derived.results
        self.width = len(self.results)
        self.is_one = self.result is not None and not isinstance(self.result, (list, tuple))
        self.lock: Any = program._runner.lock if self.derived.code.arrays else LOCK

    def rebuilt(self, row: Sequence[float]) -> Any:
        """A step's result, of the numbers that it left."""
        numbers = [None if x is None else y for x, y in zip(self.results, row, strict=True)]
        return rebuilt(self.result, numbers)

    def fitting(self, inputs: Sequence[Any]) -> Any:
        """The inputs as `load` takes them."""
        raise NotImplementedError

    def load(self, given: Any) -> None:
        """Fill the arrays."""
        raise NotImplementedError

    def store(self) -> None:
        """Write what was assigned to its owners."""
        raise NotImplementedError


class NumberMachine(Machine):
    """Straight-line code on single numbers, in a compiled loop."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        straight: Straight = program._runner
        names, shown = straight.names, straight.printer.shown
        carried = {i: name for i, _, name in straight.starts}
        lines = [f"{names.of(op)} = inputs[{i}]" for i, op in enumerate(self.derived.inputs)]
        lines += [f"{name} = state[{i}]" for i, name in enumerate(carried.values())]
        body = list(straight.printer.lines)
        body += [
            f"results[number, {i}] = {'0.0' if x is None else shown(x)}"
            for i, x in enumerate(self.results)
        ]
        body += [f"after[{i}] = {shown(s.now)}" for i, (_, s) in enumerate(straight.written)]
        body += [
            f"{carried[at]} = after[{i}]"
            for i, (at, _) in enumerate(straight.written)
            if at in carried
        ]
        body.append("done[0] = number + 1")
        lines += ["for number in range(count):", *indented(body)]
        given = ["count", "results", "done", "inputs", "state", "after"]
        self.text = function("steps", given, lines)
        self.inputs = np.zeros(len(self.derived.inputs))
        state, after = np.zeros(len(carried)), np.zeros(len(straight.written))
        self.starts = grouped([s for _, s, _ in straight.starts], state)
        self.changed = grouped([s for _, s in straight.written], after)
        self.arrays: list[Any] = [self.inputs, state, after]

    def fitting(self, inputs: Sequence[Any]) -> Any:
        """The numbers of all inputs in one array."""
        return np.concatenate([[], *map(np.ravel, self.arguments.fitting(inputs))])

    def load(self, given: Any) -> None:
        """Fill the arrays."""
        self.inputs[...] = given
        for group in self.starts:
            group.read()

    def store(self) -> None:
        """Write what was assigned to its owners."""
        for group in self.changed:
            group.write()


def grouped(slots: Sequence[Slot], array: Array) -> list[Group]:
    """Single numbers as groups of one attribute, in the array's order."""
    groups: list[Group] = []
    start = 0
    for i in range(1, len(slots) + 1):
        if i == len(slots) or slots[i].attribute != slots[start].attribute:
            owners = [s.owners[0] for s in slots[start:i]]
            groups.append(Group(owners, slots[start].attribute, array[start:i]))
            start = i
    return groups


class ArrayMachine(Machine):
    """Code on arrays, as loops."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        derived = self.derived
        homes = homes_of(derived)
        numbers = [x for x in self.results if not has_axes(x)]
        self.has_arrays = len(numbers) < len(self.results)
        self.width = len(numbers)
        written = [s for s in derived.slots if s.written]
        targets = [(s, target_of(s, derived, homes)) for s in written]
        assigned = [(op, s.now) for s, op in targets]
        known = {*(op for _, op in targets), *homes}
        assigned += [  # what else is read at the start of a step and is another at its end
            (s.start, s.now)
            for s in derived.slots
            if s.start is not None and s.now is not s.start and s.start not in known
        ]
        others = [*(x for x in self.results if has_axes(x)), *derived.checks]
        ops = [*derived.code.ops, *(op for _, op in targets if op.at < 0)]
        try:
            self.printer = LoopPrinter(ops, numbers, assigned, others, homes)
        except UnwrittenError as error:
            raise NotImplementedError(f"{error} has no compiled form: run the program") from None
        self.text, self.arrays = self.printer.source, list(self.printer.arrays.values())
        self.loader = Loader(derived, self.printer.array_of, homes)
        self.targets = [(s, self.printer.array_of(op)) for s, op in targets]
        self.runner = program._runner

    def fitting(self, inputs: Sequence[Any]) -> Any:
        """The arrays of the inputs."""
        return inputs if self.runner.is_flat else self.runner.fitting(inputs)

    def load(self, given: Any) -> None:
        """Fill the arrays."""
        self.loader.load(given)

    def store(self) -> None:
        """Hand what was assigned to its owners, if it is not written in their arrays already."""
        for slot, array in self.targets:
            owner = slot.owners[0]
            if self.derived.is_batch:
                Group(slot.owners, slot.attribute, array).write()
            elif not isinstance(owner, Tensor):
                owner._data = array.copy() if array.ndim else array.item()
            elif owner._buffer is None:
                setattr(owner, slot.attribute[1:], array)
            elif slot.attribute == "_data":
                owner._buffer.version += 1

    def rebuilt(self, row: Sequence[float]) -> Any:
        """A step's result, of the numbers that it left and of arrays."""
        if not self.has_arrays:
            return super().rebuilt(row)
        remaining, numbers = iter(self.results), iter(row)

        def part(_: Any) -> Any:
            x = next(remaining)
            if has_axes(x):
                return self.printer.array_of(x).copy()
            found = next(numbers)
            return None if x is None else found

        return map_leaves(self.result, part)


def machine_of(program: Program) -> Machine:
    """The loops rendering of a program.

    Raises:
        NotImplementedError: for an operation that has no loop.
    """
    return (ArrayMachine if program._derived.code.arrays else NumberMachine)(program)


def has_axes(x: Any) -> bool:
    """Whether a result has axes."""
    return type(x) is Op and bool(x.shape)


def target_of(slot: Slot, derived: Derived, homes: dict[Op, Array]) -> Op:
    """What stands for the place that is assigned: what was read from it, or a new Op."""
    owner = slot.owners[0]
    in_buffer = getattr(owner, "_buffer", None) is not None
    if not in_buffer and slot.start is not None:
        return slot.start
    like = getattr(owner, slot.attribute) if in_buffer else slot.now
    shape = (len(slot.owners),) if derived.is_batch else getattr(like, "shape", ())
    target = Op(derived.code, None, (), (), shape, getattr(like, "dtype", np.dtype("float64")))
    if in_buffer:
        homes[target] = like
    return target
