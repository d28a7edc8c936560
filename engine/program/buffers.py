"""Running code on arrays: in arrays made once, filled from leaves and written back to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..forks import lock
from ..node import LOCK
from ..tensor.arrays import Array, quiet
from ..tensor.tensor import Tensor
from ..tree import flatten, rebuilt
from .buffered import Buffered
from .names import function, indented
from .ops import Op

if TYPE_CHECKING:
    from .arguments import Arguments
    from .derive import Derived, Slot


class Machine:
    """The arrays that some code runs in: filled before it runs, handed back when it has.

    Args:
        arguments: what the code is given.
        derived: what it computes.
        result: what is returned: an Op, a number, None, or lists and tuples of those.

    Attributes:
        inputs: the arrays of the inputs, with their shapes and types.
        read, written: what lies outside, with the arrays of what is read and stored there.
    """

    inputs: list[tuple[Array, tuple[int, ...], Any]]
    read: Sequence[Held | Group]
    written: Sequence[Held | Group]

    def __init__(self, arguments: Arguments, derived: Derived, result: Any) -> None:
        self.arguments, self.derived, self.result = arguments, derived, result
        self.lock: Any = LOCK if derived.finals() else lock()  # for one run at a time
        self.is_one = result is not None and not isinstance(result, (list, tuple))
        self.is_flat = not any(isinstance(x, list) for x in arguments.structure)

    def assignments(self) -> list[tuple[Op, Any]]:
        """What a step ends with: Ops for what is read and stored, and their new numbers.

        Sets `homes`, arrays that are there already, and `targets`, the Ops for what is stored.
        """
        slots, self.homes = self.derived.slots, homes_of(self.derived)
        self.targets = [(s, target_of(s, self.derived, self.homes)) for s in slots if s.written]
        found = [(op, s.now) for s, op in self.targets]
        known = {*(op for op, _ in found), *self.homes}
        for s in slots:
            if s.start is not None and s.now is not s.start and s.start not in known:
                found.append((s.start, s.now))
        return found

    def ops(self) -> list[Op]:
        """The code, and the Ops for what is stored and not read."""
        return [*self.derived.code.ops, *(op for _, op in self.targets if op.at < 0)]

    def connect(self, array: Callable[[Op], Array]) -> None:
        """Find the arrays of what is given and stored; those of constants are filled."""
        for op, numbers in self.derived.constants:
            array(op)[...] = numbers
        self.take([array(op) for op in self.derived.inputs])
        kind = Group if self.derived.is_batch else Held
        there = {None, *self.homes}
        starts = [(s, s.start) for s in self.derived.slots if s.start not in there]
        self.read = [kind(s.owners, s.attribute, array(op)) for s, op in starts]  # type: ignore[arg-type]
        self.written = [kind(s.owners, s.attribute, array(op)) for s, op in self.targets]

    def take(self, places: Sequence[Array]) -> None:
        """Let the inputs lie in these arrays."""
        self.inputs = [(x, x.shape, x.dtype) for x in places]

    # ------------------------------------------------------------ running

    def run(self, *inputs: Any) -> Any:
        """The result; leaves and states change."""
        given = self.fitting(inputs)
        with self.lock:
            return self.result_of(given)

    def loop(self, steps: int, inputs: Sequence[Any]) -> list[Any]:
        """Run several times on the same inputs: the list of results."""
        given = self.fitting(inputs)
        with self.lock:
            return self.results(steps, given)

    def result_of(self, given: Sequence[Any]) -> Any:
        """The result of one step on inputs that fit."""
        self.load(given)
        (row,) = self.rows(1)
        return row[0] if self.is_one else self.rebuilt(row)

    def results(self, steps: int, given: Sequence[Any]) -> list[Any]:
        """The results of so many steps."""
        self.load(given)
        rows = self.rows(steps)
        if self.is_one:  # as a loss is: a step may take less than a call
            return [x for (x,) in rows]
        return [self.rebuilt(row) for row in rows]

    def rows(self, steps: int) -> list[list[Any]]:
        """Take steps, and store what they come to: of each the numbers that it returns."""
        raise NotImplementedError

    def rebuilt(self, row: Sequence[Any]) -> Any:
        """A step's result, nested as it is returned."""
        return rebuilt(self.result, row)

    def fitting(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """The arrays of the inputs, one for each that the code is given."""
        if not self.derived.is_batch:
            return inputs if self.is_flat else flatten(list(inputs))
        numbers = self.arguments.fitting(inputs)
        return [np.reshape(x, op.shape) for x, op in zip(numbers, self.derived.inputs, strict=True)]

    def load(self, given: Sequence[Any]) -> None:
        """Copy the inputs and what leaves and states hold.

        Raises:
            TypeError, ValueError: for an input that does not fit.
        """
        if len(given) != len(self.inputs):
            raise TypeError(f"the program takes {len(self.inputs)} array(s), not {len(given)}")
        for x, (place, shape, dtype) in zip(given, self.inputs, strict=True):
            array = x._data if type(x) is Tensor else x
            if type(array) is not np.ndarray or array.shape != shape or array.dtype is not dtype:
                array = fitting(array, place)
            place[...] = array
        for held in self.read:
            held.read()

    def store(self) -> None:
        """Hand what was assigned to its owners."""
        for held in self.written:
            held.write()


class Buffers(Machine):
    """The buffered rendering of some code with its arrays: ready to run.

    Args:
        name: what the function is called.
    """

    def __init__(self, name: str, arguments: Arguments, derived: Derived, result: Any) -> None:
        super().__init__(arguments, derived, result)
        assigned = self.assignments()
        finals = [*derived.results, *derived.checks, *(x for pair in assigned for x in pair)]
        heirs = {s.now: s.owners[0]._data for s in in_buffers(derived) if s.attribute == "_data"}
        self.writer = Buffered(self.ops(), finals, self.homes, heirs)
        self.connect(self.writer.array)
        moves = self.moves(assigned)
        lines, results = self.writer.lines, self.returned()
        body = function(name, [], [*lines, f"results = {results}", *moves, "return results"])
        self.text = "\n".join([*self.writer.preamble(), "", body])
        step = ["for _ in range(count):", *indented([*lines, f"rows.append({results})", *moves])]
        names = self.writer.run(function("steps", ["count", "rows"], step))
        self.steps: Callable[..., None] = quiet(names["steps"])

    def shown(self, x: Any) -> str:
        """A quantity's name, or a number."""
        return self.writer.names[x] if type(x) is Op else repr(x if x is None else float(x))

    def returned(self) -> str:
        """The results as a list: floats, and arrays of their own."""
        texts = [
            f"{self.shown(x)}.copy()" if type(x) is Op and x.shape
            else f"float({self.shown(x)})" if type(x) is Op
            else self.shown(x)
            for x in self.derived.results
        ]  # fmt: skip
        return f"[{', '.join(texts)}]"

    def moves(self, assigned: Sequence[tuple[Op, Any]]) -> list[str]:
        """The lines that write new numbers over the old, after all has been computed."""
        arrays, first, lines = self.writer.arrays, [], []
        targets = [self.writer.array(op) for op, _ in assigned]
        for i, (op, x) in enumerate(assigned):
            text = self.shown(x)
            source = arrays.get(text)
            if source is targets[i]:
                continue
            if source is not None and any(np.may_share_memory(source, y) for y in targets):
                first.append(f"old{i} = {text}.copy()")
                text = f"old{i}"
            lines.append(f"{self.writer.names[op]}[...] = {text}")
        return first + lines

    def rows(self, steps: int) -> list[list[Any]]:
        """Take steps, and store what they come to: of each the results in order."""
        rows: list[list[Any]] = []
        try:
            self.steps(steps, rows)
        finally:
            if rows:
                self.store()
        return rows


class Held:
    """What one leaf or state holds, and an array that it is read into or stored from."""

    def __init__(self, owners: Sequence[Any], attribute: str, array: Array) -> None:
        (self.owner,), self.attribute, self.array = owners, attribute, array

    def read(self) -> None:
        """Fill the array."""
        held = getattr(self.owner, self.attribute)
        self.array[...] = 0.0 if held is None else held

    def write(self) -> None:
        """Hand the numbers over, if they are not written in their owner's array already."""
        owner, array = self.owner, self.array
        if not isinstance(owner, Tensor):
            owner._data = array.copy() if array.ndim else array.item()
        elif owner._buffer is None:
            setattr(owner, self.attribute[1:], array)
        elif self.attribute == "_data":
            owner._buffer.version += 1


class Group:
    """Single numbers of several owners, and an array that they are read into or stored from."""

    def __init__(self, owners: Sequence[Any], attribute: str, array: Array) -> None:
        self.owners, self.attribute, self.array = owners, attribute, array
        self.get: Callable[[Any], Any] = attrgetter(attribute)

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


def fitting(x: Any, place: Array) -> Array:
    """An input in the shape and of the kind that was recorded.

    Raises:
        TypeError, ValueError: if it is not, or its whole numbers do not fit into those recorded.
    """
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise TypeError(f"the rows of an array are of one length: {error}") from None
    admitted = {"f": "biuf", "b": "b"}.get(place.dtype.kind, "iu")
    if array.dtype.kind not in admitted:
        raise TypeError(
            f"an input was recorded as an array of {place.dtype}, but is given as one of "
            f"{array.dtype}: record again for such an input"
        )
    if array.shape != place.shape:
        raise ValueError(
            f"an input was recorded with shape {place.shape}, but is given with {array.shape}"
        )
    if place.dtype.kind in "iu" and (array.astype(place.dtype) != array).any():
        raise ValueError(f"an input has numbers that {place.dtype}, as it was recorded, has not")
    return array


# ---------------------------------------------------------------- arrays that are there already


def homes_of(derived: Derived) -> dict[Op, Array]:
    """The arrays of parameters that lie in one, and of their gradients: they stay the same."""
    homes = {
        op: op.leaf._data
        for op in derived.code.ops
        if getattr(op.leaf, "_buffer", None) is not None
    }
    for slot in in_buffers(derived):
        if slot.attribute == "_grad" and type(slot.now) is Op and slot.now.rule is not None:
            homes.setdefault(slot.now, slot.owners[0]._grad)
    return homes


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


def in_buffers(derived: Derived) -> list[Slot]:
    """What is written into arrays of which Tensors are views."""
    return [
        s for s in derived.slots if s.written and getattr(s.owners[0], "_buffer", None) is not None
    ]
