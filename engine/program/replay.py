"""Running a lowered program: arrays made once, filled from leaves and written back to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..forks import lock
from ..node import LOCK
from ..tree import map_leaves
from .buffered import Buffered
from .names import identifier
from .tape import Op
from .write import readable

if TYPE_CHECKING:
    from ..targets import Targets
    from ..tensor.arrays import Array
    from .lowering import Lowering
    from .recording import Place


class Group:
    """Places whose numbers lie in one array, in its order."""

    def __init__(self, places: Sequence[Place], array: Array) -> None:
        self.array = array
        self.owners = [p.owner for p in places]
        self.attribute = places[0].attribute
        self.get: Callable[[Any], Any] = attrgetter(self.attribute)

    def read(self) -> None:
        """Fill the array."""
        numbers = np.fromiter(map(self.get, self.owners), float, len(self.owners))
        self.array[...] = numbers.reshape(self.array.shape)

    def write(self) -> None:
        """Put the array's numbers in their places."""
        numbers = self.array.ravel().tolist()
        if self.attribute == "_grad":  # by name it would take half as long again
            for owner, x in zip(self.owners, numbers, strict=True):
                owner._grad = x
        else:
            for owner, x in zip(self.owners, numbers, strict=True):
                owner._data = x


def checks(lowering: Lowering, arrays: Mapping[Op, Array]) -> list[tuple[Array, Array, Targets]]:
    """The targets that a program checks at each run: where they are in the arrays of its inputs."""
    return [(arrays[op], places, targets) for op, places, targets in lowering.required]


class Lowered:
    """A lowered program on buffers.

    Args:
        lowering: what it computes.
        rebuild: makes the function's result of the list of its numbers.
    """

    def __init__(self, lowering: Lowering, rebuild: Callable[[list[Any]], Any]) -> None:
        self.lowering, self.rebuild = lowering, rebuild
        updates = [new for _, new in lowering.updates]
        self.finals = [*lowering.results, *updates, lowering.written]
        self.printer = Buffered(lowering.ops, self.finals)
        arrays = self.printer.arrays
        for op, constant in lowering.constants:
            if op in self.printer.names:
                arrays[self.printer.names[op]][...] = constant
        self.inputs = [arrays[self.printer.names[op]] for op in lowering.inputs]
        self.required = checks(lowering, dict(zip(lowering.inputs, self.inputs, strict=True)))
        self.starts = [
            Group(places, arrays[self.printer.names[op]]) for op, places in lowering.starts
        ]
        changed = {id(op) for op, _ in lowering.updates}
        self.changed = [
            group
            for group, (op, _) in zip(self.starts, lowering.starts, strict=True)
            if id(op) in changed
        ]
        self.lock: Any = LOCK if lowering.updates or lowering.written_places else lock()
        names = dict(arrays)
        if lowering.written_places:
            last = np.empty(len(lowering.written_places))
            self.changed.append(Group(lowering.written_places, last))
            names["last"] = last
        exec(compile(self.text(), "<program>", "exec"), names)
        self.step: Callable[[], list[Any]] = names["step"]

    def text(self) -> str:
        """The step as a Python function on the buffers."""
        names = self.printer.names

        def shown(x: Any) -> str:
            return names[x] if isinstance(x, Op) else repr(float(x))

        lines = list(self.printer.lines)
        for op, new in self.lowering.updates:
            lines.append(f"np.copyto({names[op]}, {shown(new)})")
        if self.lowering.written is not None:
            lines.append(f"np.copyto(last, {shown(self.lowering.written)})")
        results = ["None" if x is None else f"float({shown(x)})" for x in self.lowering.results]
        lines.append(f"return [{', '.join(results)}]")
        return "\n".join(["def step():", *(f"    {line}" for line in lines)]) + "\n"

    def render(self) -> str:
        """The buffers and the function that computes in them."""
        return "\n".join([*self.printer.preamble(), "", self.text()])

    def readable(self, name: str, arguments: Sequence[tuple[str, Any]], result: Any) -> str:
        """The program as a function of its inputs and of what it reads from places."""
        given = [(wish, op) for (wish, _), op in zip(arguments, self.lowering.inputs, strict=True)]
        given += [(op.label, op) for op, _ in self.lowering.starts]
        given += [("constants", op) for op, _ in self.lowering.constants]
        remaining = iter(self.lowering.results)
        whole = map_leaves(result, lambda _: next(remaining))
        if updates := tuple(new for _, new in self.lowering.updates):
            whole = whole, updates
        name = identifier(name) or "program"
        return readable(name, given, self.lowering.ops, self.lowering.sections, whole)

    def fill(self, inputs: Sequence[Any]) -> None:
        """Copy the inputs into their buffers.

        Raises:
            ValueError, TypeError: if they do not fit.
        """
        for array, x in zip(self.inputs, inputs, strict=True):
            given = np.asarray(x)
            if given.dtype.kind not in "biuf" or given.shape != array.shape:
                raise TypeError
            array[...] = given
        for array, places, targets in self.required:
            targets.check(array.ravel()[places])

    def run_once(self, *inputs: Any) -> Any:
        """Run on inputs: the result."""
        return self.run(1, inputs)[0]

    def run(self, steps: int, inputs: Sequence[Any]) -> list[Any]:
        """Run some times on the same inputs: the list of results."""
        with self.lock:
            self.fill(inputs)
            for group in self.starts:
                group.read()
            with np.errstate(all="ignore"):
                results = [self.step() for _ in range(steps)]
            if steps:
                for group in self.changed:
                    group.write()
        return [self.rebuild(x) for x in results]
