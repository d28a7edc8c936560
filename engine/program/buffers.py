"""Running code on arrays: in arrays made once, filled from leaves and written back to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..forks import lock
from ..node import LOCK
from ..rule import Rule
from ..tensor.arrays import Array, quiet
from ..tensor.tensor import Tensor
from ..tree import flatten, rebuilt
from .buffered import Buffered
from .names import function, identifier
from .ops import VIEWS, Op

if TYPE_CHECKING:
    from .arguments import Arguments
    from .derive import Derived, Slot


class Buffers:
    """The buffered rendering of some code with its arrays: ready to run.

    Args:
        name: what the function is called.
        arguments: what it is given.
        derived: what it computes.
        result: what is returned: an Op, a number, None, or lists and tuples of those.
    """

    def __init__(self, name: str, arguments: Arguments, derived: Derived, result: Any) -> None:
        self.name, self.arguments, self.derived, self.result = name, arguments, derived, result
        finals = [*derived.results, *derived.finals(), *derived.checks]
        homes = homes_of(derived)
        for slot in in_buffers(derived):
            if slot.attribute == "_data" and is_last(derived, slot.now, slot.owners[0]):
                homes.setdefault(slot.now, slot.owners[0]._data)
        self.writer = Buffered(derived.code.ops, finals, homes)
        self.loader = Loader(derived, self.writer.place_of, homes)
        self.lock: Any = LOCK if derived.finals() else lock()  # for one run at a time
        self.assign = self.assignments()
        self.step = self.compiled()
        self.is_one = not isinstance(result, (list, tuple))
        self.is_flat = not any(isinstance(x, list) for x in arguments.structure)

    # ------------------------------------------------------------ text

    @property
    def text(self) -> str:
        """The arrays and the code that computes in them; what it then stores, in comments."""
        stored = [
            f"# {identifier(s.owners[0].label) or 'leaf'}{s.attribute.replace('_', '.')} = "
            + self.shown(s.now)
            for s in self.derived.slots
            if s.written
        ]
        body = [*self.writer.lines, *stored, f"return {self.returned()}"]
        return "\n".join([*self.writer.preamble(), "", function(self.name, [], body)])

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

    def assignments(self) -> list[str]:
        """The lines that store what a step assigned, after all has been computed."""
        first, lines, arrays = [], [], self.writer.arrays
        written = [s for s in self.derived.slots if s.written]
        written.sort(key=lambda s: hasattr(s.owners[0], "_buffer") and bool(s.owners[0]._buffer))
        for i, slot in enumerate(written):  # what is written in place comes last
            text, owner = self.shown(slot.now), slot.owners[0]
            group = self.loader.groups.get(slot)
            if group is None and getattr(owner, "_buffer", None) is None:
                arrays[f"owner{i}"] = owner
                if isinstance(owner, Tensor):
                    lines.append(f"owner{i}.{slot.attribute[1:]} = {text}")
                else:
                    has_axes = type(slot.now) is Op and slot.now.shape
                    text = f"{text}.copy()" if has_axes else f"float({text})"
                    lines.append(f"owner{i}._data = {text}")
                continue
            if group is None and slot.attribute == "_data":
                arrays[f"owner{i}"] = owner
                lines.append(f"owner{i}._buffer.version += 1")
            target = getattr(owner, slot.attribute) if group is None else group.array
            source = arrays.get(text)
            if source is target:
                continue
            if source is not None and self.is_overwritten(source):
                first.append(f"old{i} = {text}.copy()")
                text = f"old{i}"
            arrays[f"new{i}"] = target
            lines.append(f"new{i}[...] = {text}")
        return first + lines

    def is_overwritten(self, array: Array) -> bool:
        """Whether an array belongs to what is assigned in place."""
        targets = [getattr(s.owners[0], s.attribute) for s in in_buffers(self.derived)]
        targets += [group.array for group in self.loader.changed]
        return any(np.may_share_memory(array, target) for target in targets)

    def compiled(self) -> Callable[[], list[Any]]:
        """The code as a function without arguments."""
        results = [f"results = {self.returned()}", *self.assign, "return results"]
        text = function("run", [], [*self.writer.lines, *results])
        run: Callable[[], list[Any]] = quiet(self.writer.run(text)["run"])
        return run

    # ------------------------------------------------------------ running

    def run(self, *inputs: Any) -> Any:
        """The result; leaves and states change."""
        with self.lock:
            self.loader.load(self.fitting(inputs))
            values = self.step()
            for group in self.loader.changed:
                group.write()
        return values[0] if self.is_one else self.rebuilt(values)

    def loop(self, steps: int, inputs: Sequence[Any]) -> list[Any]:
        """Run several times on the same inputs: the list of results."""
        if not self.derived.is_batch:
            return [self.run(*inputs) for _ in range(steps)]
        with self.lock:
            self.loader.load(self.fitting(inputs))
            results = [self.step() for _ in range(steps)]
            for group in self.loader.changed if steps else ():
                group.write()
        return [self.rebuilt(x) for x in results]

    def rebuilt(self, values: Sequence[Any]) -> Any:
        """Results in order, nested as they are returned."""
        return rebuilt(self.result, values)

    def fitting(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """The arrays of the inputs, one for each that the code is given."""
        if not self.derived.is_batch:
            return inputs if self.is_flat else flatten(list(inputs))
        numbers = self.arguments.fitting(inputs)
        return [np.reshape(x, op.shape) for x, op in zip(numbers, self.derived.inputs, strict=True)]


class Group:
    """Places of single numbers that lie in one array, in its order."""

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


class Loader:
    """What copies inputs and what leaves and states hold to where the code reads them.

    Args:
        derived: the code.
        array: the array of an Op; None if nothing needs it.
        homes: what lies where it is.
    """

    def __init__(
        self, derived: Derived, array: Callable[[Op], Array | None], homes: dict[Op, Array]
    ) -> None:
        self.inputs = [array(op) for op in derived.inputs]
        for op, numbers in derived.constants:
            if (place := array(op)) is not None:
                place[...] = numbers
        self.held: list[tuple[Any, str, Array]] = []
        self.read: list[Group] = []
        self.groups: dict[Slot, Group] = {}
        for slot in derived.slots:
            place = None if slot.start is None or slot.start in homes else array(slot.start)
            if not derived.is_batch:
                if place is not None:
                    self.held.append((slot.owners[0], slot.attribute, place))
                continue
            if place is not None:
                self.read.append(Group(slot.owners, slot.attribute, place))
            if slot.written:
                last = np.empty(len(slot.owners)) if place is None else place
                self.groups[slot] = Group(slot.owners, slot.attribute, last)
        self.changed = list(self.groups.values())

    def load(self, given: Sequence[Any]) -> None:
        """Copy the inputs and what leaves and states hold.

        Raises:
            TypeError, ValueError: for an input that does not fit.
        """
        if len(given) != len(self.inputs):
            raise TypeError(f"the program takes {len(self.inputs)} array(s), not {len(given)}")
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
        for group in self.read:
            group.read()


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


def in_buffers(derived: Derived) -> list[Slot]:
    """What is written into arrays of which Tensors are views."""
    return [
        s for s in derived.slots if s.written and getattr(s.owners[0], "_buffer", None) is not None
    ]


def is_last(derived: Derived, x: Any, owner: Any) -> bool:
    """Whether a leaf may be overwritten by its new data x: nothing reads the old data later."""
    if type(x) is not Op or not isinstance(x.rule, Rule):
        return False
    parts = [owner, *owner._buffer.views]
    ops = derived.code.ops
    old: set[Op] = set()
    for op in ops:
        looks = op.name in VIEWS | {"concatenate"} and not old.isdisjoint(op.args)
        if op is not x and (looks or any(op.leaf is part for part in parts)):
            old.add(op)
    if any(new in old for new in (*derived.finals(), *derived.results) if type(new) is Op):
        return False
    return not any(arg in old for op in ops[x.at + 1 :] for arg in op.args if type(arg) is Op)
