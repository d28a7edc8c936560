"""Compiled programs: the loops rendering through numba, a whole training loop in machine code.

numba is an extra (``pip install gradpath[jit]``). Divisions and functions follow IEEE there, so
there is no second, careful way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..forks import lock
from ..node import LOCK
from ..tree import flatten, map_leaves
from .assembly import FUNCTIONS
from .kernels import product, product_of_any, product_of_rows
from .loops import LoopPrinter
from .lowering import flattened
from .names import function, indented
from .printing import LOOPS, Printer
from .replay import Group, checks
from .straight import fitting_all
from .tape import Op

if TYPE_CHECKING:
    from . import Program
    from .lowering import Lowering
    from .straight import Straight


def jitted(program: Any) -> Any:
    """The compiled program, compiled again."""
    return program.jit()


class Compiled:
    """A compiled program: call it like the program that it comes from.

    Attributes:
        source: what was compiled.
        parameters: the leaves that the function found outside of itself.
    """

    def __init__(
        self,
        program: Program,
        machine: Machine,
        arguments: Sequence[tuple[str, Any]],
        result: Any,
    ) -> None:
        machine.compile()
        self._program, self._around = program, program._around
        self.source, self.parameters = machine.text, program.parameters
        self._machine, self._arguments, self._result = machine, arguments, result
        self._shapes = [shape_of(x) for _, x in arguments]

    def __copy__(self) -> Compiled:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return jitted, (self._program,)

    def __call__(self, *inputs: Any) -> Any:
        """What the program returns."""
        return self.loop(1, *inputs)[0]

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        self._around.ready(self._program.is_step)
        numbers = self._numbers(inputs)
        if steps < 1:
            return []
        if self._program._drawn and steps > 1:
            return [self(*inputs) for _ in range(steps)]
        for state in self._program._drawn:
            state.data = state.draw()
        rows = self._machine.run(steps, numbers)
        if not isinstance(self._result, (list, tuple)):
            return [self._result if self._result is None else x for (x,) in rows.tolist()]
        return [self._rebuilt(row) for row in rows.tolist()]

    def _numbers(self, inputs: Sequence[Any]) -> Any:
        """The numbers of all inputs in one array."""
        try:
            parts = [np.asarray(x) for x in inputs]
        except ValueError:  # lists of different lengths
            parts = []
        if [x.shape for x in parts if x.dtype.kind in "biuf"] != self._shapes:
            numbers = fitting_all(self._arguments, inputs)
            if any(getattr(x, "ndim", 0) for x in numbers):
                raise TypeError("a compiled program takes numbers; the program itself takes arrays")
            return np.array(numbers, float)
        return np.concatenate([[], *map(np.ravel, parts)])

    def _rebuilt(self, numbers: list[float]) -> Any:
        remaining = iter(numbers)

        def number(x: Any) -> Any:
            found = next(remaining)
            return None if x is None else found

        return map_leaves(self._result, number)


def shape_of(structure: Any) -> tuple[int, ...] | None:
    """The shape of an argument as an array; None if its lists are of different lengths."""
    flat, shape = flattened(structure)
    return shape if len(flat) == math.prod(shape) else None


class Machine:
    """Compiled code with the arrays that it works on.

    Args:
        text: the function ``steps(count, results, done, …)``.
        inputs: arrays for the inputs' numbers, in order.
        starts: places in the order of their arrays, to be read before.
        changed: those to be written after.
        arrays: the function's other arguments.
        width: how many numbers one result has.
        required: arrays of inputs, places in them, and the targets that are to be there.
    """

    def __init__(
        self,
        text: str,
        inputs: Sequence[Any],
        starts: Sequence[Group],
        changed: Sequence[Group],
        arrays: Sequence[Any],
        width: int,
        required: Sequence[tuple[Any, Any, Any]] = (),
    ) -> None:
        self.text, self.required = text, required
        self.inputs, self.starts, self.changed = inputs, starts, changed
        self.arrays, self.width = arrays, width
        self.lock: Any = LOCK if changed else lock()

    def compile(self) -> None:
        """Make machine code of the text.

        Raises:
            ImportError: without numba.
        """
        self.compiled = compile_loops(self.text)

    def run(self, count: int, numbers: Any) -> Any:
        """Run a number of steps: an array with a row of results for each."""
        with self.lock:
            return self.run_alone(count, numbers)

    def run_alone(self, count: int, numbers: Any) -> Any:
        """`run`, in the only thread that uses the arrays."""
        start = 0
        for array in self.inputs:
            array[...] = numbers[start : start + array.size].reshape(array.shape)
            start += array.size
        for array, places, targets in self.required:
            targets.check(array.ravel()[places])
        for group in self.starts:
            group.read()
        results = np.empty((count, self.width))
        done = np.zeros(1, np.int64)
        try:
            self.compiled(count, results, done, *self.arrays)
        finally:
            if done[0]:
                for group in self.changed:
                    group.write()
        return results


def compile_loops(text: str) -> Callable[..., None]:
    """The function ``steps`` in the text, compiled."""
    try:
        from numba import njit  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise ImportError(
            "compiled programs need numba: pip install gradpath[jit]; without it, programs run "
            "as they are"
        ) from None
    names = namespace(njit)
    exec(compile(text, "<program>", "exec"), names)
    return njit(**STRICT)(names["steps"])  # type: ignore[no-any-return]


STRICT: Any = {"error_model": "numpy", "fastmath": {"contract"}}
FREE: Any = {"error_model": "numpy", "fastmath": {"contract", "reassoc"}}  # in the order of sums


def namespace(compiler: Callable[..., Any]) -> dict[str, Any]:
    """What the generated functions call, compiled."""
    return FUNCTIONS | {
        "np": np, "float32": np.float32, "float64": np.float64, "inf": math.inf, "nan": math.nan,
        "pow": math.pow, "max": compiler(FUNCTIONS["max"]), "min": compiler(FUNCTIONS["min"]),
        "product": compiler(**STRICT)(product),
        "product_of_any": compiler(**STRICT)(product_of_any),
        "product_of_rows": compiler(**FREE)(product_of_rows),
    }  # fmt: skip


# ---------------------------------------------------------------- straight-line code


def straight_machine(straight: Straight) -> Machine:
    """Straight-line code as a compiled loop."""
    code, assembly = straight.code, straight.assembly
    names = assembly.names
    written = [p for p in code.places if p.written]
    results = flatten(assembly.result)
    carried = {id(p): name for _, p, name in assembly.starts}
    loads = [f"{names.of(q)} = inputs[{i}]" for i, q in enumerate(code.inputs)]
    loads += [f"{name} = state[{i}]" for i, (_, _, name) in enumerate(assembly.starts)]
    printer = Printer(LOOPS, names, [*code.results, *(p.now for p in written)])
    body = printer.lines(code.steps, {})
    body += [
        f"results[number, {i}] = {'0.0' if x is None else assembly.shown(x, LOOPS)}"
        for i, x in enumerate(results)
    ]
    body += [f"after[{i}] = {assembly.shown(p.now, LOOPS)}" for i, p in enumerate(written)]
    body += [f"{carried[id(p)]} = after[{i}]" for i, p in enumerate(written) if id(p) in carried]
    lines = [*loads, "for number in range(count):", *indented([*body, "done[0] = number + 1"])]
    text = function("steps", ["count", "results", "done", "inputs", "state", "after"], lines)
    inputs = np.zeros(len(code.inputs))
    state, after = np.zeros(len(assembly.starts)), np.zeros(len(written))
    starts = grouped([p for _, p, _ in assembly.starts], state)
    arrays = [inputs, state, after]
    return Machine(text, [inputs], starts, grouped(written, after), arrays, len(results))


def grouped(places: Sequence[Any], array: Any) -> list[Group]:
    """Places as groups of one attribute, in the array's order."""
    groups: list[Group] = []
    start = 0
    for i in range(1, len(places) + 1):
        if i == len(places) or places[i].attribute != places[start].attribute:
            groups.append(Group(places[start:i], array[start:i]))
            start = i
    return groups


# ---------------------------------------------------------------- lowered programs


def lowered_machine(lowering: Lowering) -> Machine:
    """A lowered program as a compiled loop."""
    printer = LoopPrinter(lowering.ops, lowering.results, lowering.updates, [lowering.written])
    for op, constant in lowering.constants:
        printer.array_of(op)[...] = constant
    starts = {op: Group(places, printer.array_of(op)) for op, places in lowering.starts}
    changed = [starts[op] for op, _ in lowering.updates]
    if lowering.written_places and isinstance(lowering.written, Op):
        changed += grouped(lowering.written_places, printer.stored[lowering.written])
    inputs = [printer.array_of(op) for op in lowering.inputs]
    return Machine(
        printer.source,
        inputs,
        list(starts.values()),
        changed,
        list(printer.arrays.values()),
        len(lowering.results),
        checks(lowering, dict(zip(lowering.inputs, inputs, strict=True))),
    )
