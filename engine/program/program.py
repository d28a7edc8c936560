"""`record` and what it makes: a `Program`, alike for numbers and for arrays."""

from __future__ import annotations

import gc

from ..node import LOCK
from ..numbers import KindError, is_number, real
from ..state import Drawn
from ..tree import flatten, is_array, is_tensor, map_leaves, rebuilt
from .arguments import Arguments, count, parameter_names
from .derive import Derived, Slot
from .names import function_name, identifier
from .places import whole_of
from .recording import Recording
from .surroundings import Surroundings
from .twice import recorded_twice
from .watching import recorded
from .write import READABLE, Dialect, readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    from .machine import Compiled

LARGE = 1000  # rows in a recording for which arrays may be faster than single numbers
WORTH = 10  # nodes that an operation on arrays must stand for, on average


def record(
    f: Callable[..., Any], *examples: Any, batch: bool | Literal["auto"] = "auto"
) -> Program:
    """Run f and return what it did as a program that can be run again, much faster.

    Args:
        f: a function of numbers and lists of numbers, nested as you like. Either it returns one
            number: then the program gives this value and its gradients. Or it is a training step,
            calls ``backward()`` and assigns leaves (itself or by an optimiser): then the program
            does the same and returns what f returns.
        examples: an argument of the right shape for each of f's parameters. If there is an array
            or a `Tensor` among them, f is run on Tensors and the program computes with arrays of
            these shapes; otherwise, or if f computes with Values, f gets Values, in lists for
            arrays. What f does must not depend on the numbers, except as far as guards check it:
            a comparison of numbers must come out the same in each run. Arrays of whole numbers may
            be indices and classes; these and other targets are checked at each run.
        batch: whether single numbers that are alike are computed together, as arrays; by default
            where there are many of them, and few operations on arrays stand for all.

    Leaves and States that f finds outside of itself, such as a model's parameters, are read at each
    run. Flags, settings and schedules in plain Python, as far as f's code names them, are looked
    at: the program refuses to run if they have changed. f runs twice, to see that it draws no
    random numbers and counts nothing; what it does besides (prints, appends) the program does no
    more. Recording leaves all leaves and states as they were.

    Raises:
        TypeError: while recording, for reading ``.data`` of a number that was computed, and
            for ``float()``, ``bool()``, ``int()``, text and copies of one: the program would keep
            that number for ever. Return it and read it outside. Also if f does something else when
            it runs again.
    """
    if batch not in (True, False, "auto"):
        raise ValueError(f"batch is True, False or 'auto', not {batch!r:.60}")
    names = parameter_names(f, len(examples))
    collecting = gc.isenabled()
    try:
        gc.disable()  # a recording makes many objects, and all of them stay
        if any(map(is_array, flatten(list(examples)))):
            try:
                return recorded_program(f, names, examples, True, False)
            except KindError:  # f computes with Values: plain arrays are lists of numbers to it
                if any(map(is_tensor, flatten(list(examples)))):
                    raise
        return recorded_program(f, names, examples, False, batch)
    finally:
        if collecting:
            gc.enable()


def recorded_program(
    f: Callable[..., Any],
    names: Sequence[str],
    examples: Sequence[Any],
    arrays: bool,
    batch: bool | Literal["auto"],
) -> Program:
    """`record` for a function of Tensors, or of Values."""
    leaves: list[Any] = []
    leaf = array_leaf if arrays else number_leaf
    arguments = [argument(name, x, leaf, leaves) for name, x in zip(names, examples, strict=True)]

    def run(first: Recording | None) -> tuple[Any, Recording]:
        recording = Recording(leaves, arrays, first)

        def within() -> Any:
            result = f(*arguments)
            return result, recording.finish(results_of(result, recording))

        return (recording, *recorded(recording, within)), recording

    around, (recording, result, outcome) = recorded_twice(f, run)
    given = map_leaves(arguments, lambda x: recording.known[id(x)])
    structure = rebuilt(result, outcome)
    parameters = recording.parameters()
    is_step = any(p.written for p in recording.places.values())
    if not is_step:
        structure = differentiated(recording, result, arguments, parameters)
    recording.name()
    recording.forget()
    derived = batched(recording, given, structure, batch)
    derived = derived or Derived(recording, flatten(structure))
    name = identifier(function_name(getattr(f, "__name__", ""))) or "program"
    structure = rebuilt(structure, derived.results)
    return Program(name, Arguments(names, given), derived, structure, parameters, around)


def batched(
    recording: Recording, given: Sequence[Any], structure: Any, batch: bool | Literal["auto"]
) -> Derived | None:
    """The recording with numbers that are alike as arrays, if that is wanted and can be done."""
    large = len(recording.events) > LARGE
    if recording.arrays or not (large if batch == "auto" else batch):
        return None
    from .batch import Batch
    from .layers import IrregularError

    try:
        worth = 0 if batch is True else WORTH
        rows = Batch(recording, given, flatten(structure), worth)
        derived = Derived(rows, rows.results)
    except IrregularError:
        return None
    return derived if len(derived.code.ops) * worth <= len(recording.events) else None


class Program:
    """A recorded function. Call it like the function, on numbers, lists of numbers, or arrays.

    Attributes:
        parameters: the leaves that the function found outside of itself, in order of use.
        is_step: whether it assigns leaves; otherwise it gives a value and gradients.
    """

    def __init__(
        self,
        name: str,
        arguments: Arguments,
        derived: Derived,
        result: Any,
        parameters: list[Any],
        around: Surroundings,
    ) -> None:
        self._name, self._arguments, self._derived, self._result = name, arguments, derived, result
        self.parameters, self._around = parameters, around
        self.is_step = any(s.written for s in derived.slots)
        owners = (owner for s in derived.slots for owner in s.owners)
        self._drawn = tuple(dict.fromkeys(x for x in owners if isinstance(x, Drawn)))
        self._runner = self._made_runner()
        self._run = self._runner.run

    def _made_runner(self) -> Any:
        """What runs the code: on floats, or in arrays."""
        if not self._derived.code.arrays:
            from .straight import Straight

            return Straight(self._name, self._arguments, self._derived, self._given(), self._result)
        from .buffers import Buffers

        return Buffers(self._name, self._arguments, self._derived, self._result)

    def _given(self) -> list[Any]:
        """For each argument its Op, or lists of Ops."""
        inputs = self._derived.inputs
        return inputs if self._derived.is_batch else self._arguments.nested(inputs)

    # ------------------------------------------------------------ text

    @property
    def source(self) -> str:
        """The program as a Python function to read.

        It takes the inputs and then the numbers of all leaves, and returns the result and then
        the leaves' new numbers. All its functions are those of a namespace ``np``: NumPy,
        jax.numpy and torch will do (for erf and erfc, one that has them).
        """
        return self.render("readable")

    def render(self, style: str | Dialect) -> str:
        """The program as text.

        Args:
            style: "readable"; "loops", on plain floats; or "buffered", NumPy in arrays made once,
                as programs of arrays run. Or a dialect: see `engine.program.dialects`.
        """
        if style == "readable":
            return self._readable(READABLE)
        if isinstance(style, Dialect):
            return self._readable(style)
        if style == "loops":
            loops = self._machine() if self._derived.code.arrays else self._runner
            return str(loops.text)
        if style != "buffered":
            raise ValueError(f"a program is rendered readable, buffered or as loops, not {style!r}")
        if not self._derived.code.arrays:
            raise ValueError("the program computes with single numbers: nothing is buffered")
        return self._runner.text  # type: ignore[no-any-return]

    def _readable(self, dialect: Dialect) -> str:
        derived = self._derived
        changed = tuple(s.now for s in derived.slots if s.written and is_known(s))
        given = [*zip(self._arguments.names, self._given(), strict=True)]
        given += [(s.start.label, s.start) for s in derived.slots if s.start is not None]
        given += [("constants", op) for op, _ in derived.constants]
        result = (self._result, changed) if changed else self._result
        return readable(self._name, given, derived.code.ops, derived.sections, result, dialect)

    def __repr__(self) -> str:
        given = ", ".join(identifier(name) for name in self._arguments.names)
        count = sum(op.rule is not None for op in self._derived.code.ops)
        return f"<program {self._name}({given}), {count} operation{'s' * (count != 1)}>"

    def _repr_markdown_(self) -> str:
        from ..display import code

        return code(self.source)

    def __copy__(self) -> Program:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        state = self._name, self._arguments, self._derived, self._result, self.parameters
        return copied, (type(self), *state)

    # ------------------------------------------------------------ running

    def __call__(self, *inputs: Any) -> Any:
        """What the function returns; for a function of one number, its value and gradients.

        Args:
            inputs: as many as the examples, in their shapes. A program of numbers without updates
                takes NumPy arrays in the place of numbers, and computes entry by entry.

        Returns:
            A step's own result, in floats and arrays. Otherwise the value and a tuple of gradients:
            one for each input in its shape, then one for each of `parameters`.

        Raises:
            GuardError: if a comparison comes out otherwise than when it was recorded, or what the
                function finds outside of itself has changed.
            ValueError: for targets that are none, such as a class that does not exist.
            TypeError: for inputs of another shape, or that are no numbers.
        """
        self._around.ready(self.is_step)
        if not self._drawn:
            return self._run(*inputs)
        with LOCK:  # the States are the draws' only place
            self._draw()
            return self._run(*inputs)

    def _draw(self) -> None:
        """Draw anew what each run draws."""
        for state in self._drawn:
            state.data = state.draw()

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        steps = count(steps)
        if self._drawn:
            return [self(*inputs) for _ in range(steps)]
        self._around.ready(self.is_step)
        return self._runner.loop(steps, inputs)  # type: ignore[no-any-return]

    def jit(self) -> Compiled:
        """The program in machine code, by numba: the same calls, and ``loop`` as a whole.

        The machine code is kept for the next process, in ``$XDG_CACHE_HOME/gradpath``, which is by
        default ``~/.cache/gradpath``, until it has not been used for a month.

        Raises:
            ImportError: without numba, which comes with ``pip install gradpath[jit]``.
            NotImplementedError: for an operation that has no compiled form, which is named.
        """
        from .machine import Compiled

        return Compiled(self)

    def _machine(self) -> Any:
        from .machine import machine_of

        return machine_of(self)


def copied(kind: Callable[..., Program], *state: Any) -> Program:
    """The copy of a program.

    It has nothing to do with the function any more: what that found in plain Python stays as it was
    recorded. Leaves and states are copied along; whoever copies a model and its program together
    gets a program of the copied model.
    """
    return kind(*state, Surroundings(len))


def is_known(slot: Slot) -> bool:
    """Whether a program's text takes the old numbers of a place, as one or in parts."""
    in_parts = slot.attribute == "_data" and whole_of(slot.owners[0]) is not None
    return slot.start is not None or in_parts


# ---------------------------------------------------------------- what goes in and comes out


def argument(name: str, x: Any, leaf: Callable[[str, Any], Any], leaves: list[Any]) -> Any:
    """The example as a leaf, or lists of leaves, which are added to those known."""
    if leaf is number_leaf and is_array(x):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [argument(f"{name}_{i}", part, leaf, leaves) for i, part in enumerate(x)]
    leaves.append(leaf(name, x))
    return leaves[-1]


def number_leaf(name: str, x: Any) -> Any:
    """A Value for an example."""
    from ..value import Value

    return Value(real(x, f"the argument {name} of a recorded function"), label=name)


def array_leaf(name: str, x: Any) -> Any:
    """A Tensor for an example; of whole numbers, or of a constant, one without a gradient."""
    import numpy as np

    from ..tensor.operands import floating
    from ..tensor.tensor import Tensor

    array = x._data if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a recorded function takes real numbers as {name}, not {x!r:.60}")
    kept = isinstance(x, Tensor) and x.role == "constant"
    role = "constant" if kept or array.dtype.kind in "iub" else "input"
    made = Tensor(0.0, name, role=role)
    made._data = floating(array, None) if array.dtype.kind == "f" else array.copy()
    return made


def results_of(result: Any, recording: Recording) -> list[Any]:
    """What f returned, as numbers and nodes in order."""
    found = flatten(result)
    for x in found:
        if x is not None and not isinstance(x, recording.kind) and not is_number(x):
            raise TypeError(
                f"a recorded function returns numbers, not {type(x).__name__} {x!r:.60}"
            )
    return found


def differentiated(
    recording: Recording, y: Any, arguments: Sequence[Any], parameters: Sequence[Any]
) -> Any:
    """The value and its gradients, for a function of one number."""
    nodes: list[Any] = []
    if isinstance(y, recording.kind) and getattr(y, "size", 1) == 1:
        nodes = recording.below(y)
    elif not is_number(y):
        given = f"a Tensor of shape {y.shape}" if hasattr(y, "shape") else type(y).__name__
        raise TypeError(
            "a recorded function returns one number, or is a training step that calls backward() "
            f"and assigns leaves; this one returned {given}"
        )
    value = recording.quantity(y)
    through = recording.through(nodes)
    event = recording.pass_back(value, 1.0, through, accumulating=False)

    leaves = map_leaves(arguments, lambda x: recording.slope(event, x))
    return value, (*leaves, *(recording.slope(event, p) for p in parameters))
