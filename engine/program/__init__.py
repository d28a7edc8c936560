"""Programs: record a function once, replay it as straight-line code.

>>> program = record(lambda x, w: (w * x).tanh(), 0.5, 2.0)
>>> print(program.source)
def program(x, w):
    # forward
    t1 = w * x
    value = np.tanh(t1)
    # backward
    d_t1 = 1 - value * value
    d_w = x * d_t1
    d_x = w * d_t1
    return value, (d_x, d_w)
<BLANKLINE>
>>> program(0.0, 3.0)
(0.0, (3.0, 0.0))

The parts, in the order in which a recording goes through them:

- of Values: `recording` notes what happens; `formulas` and `unrolling` make straight-line formulas
  of the rows; `printing` and `assembly` write them as functions; `straight` runs these. Large
  recordings become array programs: `patterns`, `lowering`, and `replay`, which runs them.
- of Tensors: `array_program` notes what happens; `tape` holds the operations on arrays; `write`
  prints them in a dialect of `dialects`, with the `names` of a program; `buffered` writes them to
  be run, in the arrays of a `storage`; `buffers` loads and runs; `fusion` makes one node of them.
- of both: `surroundings` notes what a recording must not keep for ever; `copying` copies programs.
- compiled by numba: `loops` and `kernels` write either kind as loops; `compiled` and
  `compiled_arrays` run them.
"""

from __future__ import annotations

import gc

from ..backward import computed
from ..numbers import KindError, is_number, real
from ..state import among
from ..tree import flatten, is_array, is_tensor, map_leaves
from ..value import Value
from .formulas import Quantity
from .names import function_name, identifier
from .recording import Backward, Tape, methods, recorded
from .straight import Straight, as_floats, fitting_all
from .surroundings import GuardError
from .twice import recorded_twice
from .unrolling import resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .compiled import Compiled, Machine
    from .replay import Lowered
    from .surroundings import Surroundings

LARGE = 1000  # rows in a recording for which arrays may be faster than single numbers
WORTH = 10  # nodes that an operation on arrays must stand for, on average

__all__ = ["GuardError", "Program", "record"]


def record(f: Callable[..., Any], *examples: Any) -> Program:
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
    names = parameter_names(f, len(examples))
    if any(map(is_array, flatten(list(examples)))):
        from .array_program import record_arrays  # which loads NumPy

        try:
            return record_arrays(f, names, examples)  # type: ignore[no-any-return]
        except KindError:  # f computes with Values: plain arrays are lists of numbers to it
            if any(map(is_tensor, flatten(list(examples)))):
                raise
    collecting = gc.isenabled()
    try:
        gc.disable()  # a recording makes many objects, and all of them stay
        return record_scalars(f, names, examples)
    finally:
        if collecting:
            gc.enable()


def record_scalars(f: Callable[..., Any], names: Sequence[str], examples: Sequence[Any]) -> Program:
    """`record` for a function of single numbers."""

    def run(first: Tape | None) -> tuple[Any, Tape]:
        leaves: list[Value] = []
        arguments = [argument(name, x, leaves) for name, x in zip(names, examples, strict=True)]
        tape = Tape(leaves, first)

        def within() -> Any:
            result = f(*arguments)
            structure = outcome(tape, result)
            tape.sign("returned", *flatten(structure))
            return arguments, result, structure

        return (tape, *recorded(tape, methods, within)), tape

    around, (tape, arguments, result, structure) = recorded_twice(f, run)
    tape.name()
    shapes = [(name, quantities(x, tape.known)) for name, x in zip(names, arguments, strict=True)]
    is_step = any(place.written for place in tape.places.values())
    captured = [p for p in tape.places.values() if p.attribute == "_data"]
    parameters = [p.owner for p in captured if isinstance(p.owner, Value)]
    if not is_step:
        structure = differentiated(tape, result, shapes, parameters)
    tape.forget()
    return Program(tape, getattr(f, "__name__", ""), shapes, structure, parameters, around)


class Program:
    """A recorded function. Call it like the function, on numbers, lists of numbers, or arrays.

    Attributes:
        parameters: the leaves that the function found outside of itself, in order of use.
        is_step: whether it assigns leaves; otherwise it gives a value and gradients.
    """

    def __init__(
        self,
        tape: Tape,
        name: str,
        arguments: Sequence[tuple[str, Any]],
        result: Any,
        parameters: list[Value],
        around: Surroundings,
    ) -> None:
        self.parameters, self._around = parameters, around
        self.is_step = any(place.written for place in tape.places.values())
        name = function_name(name)
        label_results(tape)
        self._recording = tape, name, arguments, result
        self._drawn = among(p.owner for p in tape.places.values())
        self._unrolled: Straight | None = None
        self._lowered = lowered(tape, arguments, result) if len(tape.events) > LARGE else None
        self._run = self._lowered.run_once if self._lowered else self._straight.run

    @property
    def _straight(self) -> Straight:
        if self._unrolled is None:
            self._unrolled = Straight(*self._recording)
        return self._unrolled

    # ------------------------------------------------------------ text

    @property
    def source(self) -> str:
        """The program as a Python function to read.

        It takes the inputs and then the numbers of all leaves, and returns the result and then
        the leaves' new numbers. All its functions are those of a namespace ``np``: NumPy,
        jax.numpy and torch will do (for erf and erfc, one that has them).
        """
        return self.render("readable")

    def render(self, style: str) -> str:
        """The program as Python text.

        Args:
            style: "readable"; "loops", on plain floats; or "buffered", NumPy in arrays made once,
                as large programs run that have been recognised as operations on arrays.
        """
        if style == "readable" and self._lowered is not None:
            _, name, arguments, result = self._recording
            return self._lowered.readable(name, arguments, result)
        if style == "readable":
            return self._straight.assembly.readable()
        if style == "loops":
            return self._straight.assembly.run() if self._lowered is None else self._machine().text
        if style != "buffered":
            raise ValueError(f"a program is rendered readable, buffered or as loops, not {style!r}")
        if self._lowered is None:
            raise ValueError("the program computes with single numbers: nothing is buffered")
        return self._lowered.render()

    def __copy__(self) -> Program:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from .copying import reduced

        return reduced(self)

    def __repr__(self) -> str:
        _, name, arguments, _ = self._recording
        steps = len(self._lowered.printer.lines if self._lowered else self._straight.code.steps)
        given = ", ".join(identifier(name) for name, _ in arguments)
        return f"<program {identifier(name)}({given}), {steps} steps>"

    # ------------------------------------------------------------ running

    def __call__(self, *inputs: Any) -> Any:
        """What the function returns; for a function of one number, its value and gradients.

        Args:
            inputs: as many as the examples, in their shapes. A program without updates takes
                NumPy arrays in the place of numbers, and computes entry by entry.

        Returns:
            A step's own result, in floats. Otherwise the value and a tuple of gradients: one for
            each input in its shape, then one for each of `parameters`.

        Raises:
            GuardError: if a comparison comes out otherwise than when it was recorded, or what the
                function finds outside of itself has changed.
            ValueError: for targets that are none, such as a class that does not exist.
            TypeError: for inputs of another shape, or that are no numbers.
        """
        self._around.ready(self.is_step)
        for state in self._drawn:
            state.data = state.draw()
        try:
            return self._run(*inputs)
        except GuardError:
            raise
        except Exception:  # whatever it is, the careful way does it right or says what is wrong
            inputs = tuple(as_floats(self._recording[2], inputs))
            try:
                return self._run(*inputs)  # whole numbers as floats
            except GuardError:
                raise
            except Exception:
                pass
            return self._straight.carefully(inputs)

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        if self._drawn:
            return [self(*inputs) for _ in range(steps)]
        self._around.ready(self.is_step)
        if self._lowered is None:
            return self._straight.loop(steps, inputs)
        fitting_all(self._recording[2], inputs)
        return self._lowered.run(steps, inputs)

    def jit(self) -> Compiled:
        """The program in machine code, by numba: the same calls, and ``loop`` as a whole.

        Raises:
            ImportError: without numba, which comes with ``pip install gradpath[jit]``.
        """
        from .compiled import Compiled

        _, _, arguments, result = self._recording
        return Compiled(self, self._machine(), arguments, result)

    def _machine(self) -> Machine:
        """The loops rendering with its arrays."""
        from .compiled import lowered_machine, straight_machine
        from .loops import UnwrittenError

        if self._lowered is not None:
            try:
                return lowered_machine(self._lowered.lowering)
            except UnwrittenError:
                pass  # an operation on arrays that has no loop
        return straight_machine(self._straight)


def lowered(tape: Tape, arguments: Sequence[tuple[str, Any]], result: Any) -> Lowered | None:
    """The recording on arrays, if it is regular enough to be faster so."""
    from .lowering import Lowering
    from .patterns import IrregularError
    from .replay import Lowered

    try:
        lowering = Lowering(tape, [x for _, x in arguments], flatten(result))
    except IrregularError:
        return None
    if len(lowering.ops) * WORTH > len(tape.events):
        return None

    def refilled(numbers: Sequence[Any]) -> Any:
        remaining = iter(numbers)
        return map_leaves(result, lambda _: next(remaining))

    return Lowered(lowering, refilled)


# ---------------------------------------------------------------- what goes in and comes out


def parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """What the arguments are called in the function."""
    code = getattr(f, "__code__", None) or getattr(type(f).__call__, "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    if names[:1] == ["self"]:
        names = names[1:]
    return [names[i] if i < len(names) else f"x{i}" for i in range(count)]


def argument(name: str, x: Any, leaves: list[Value]) -> Any:
    """The example as a leaf, or lists of leaves, which are added to those known."""
    if getattr(x, "ndim", 0):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [argument(f"{name}_{i}", part, leaves) for i, part in enumerate(x)]
    leaves.append(Value(real(x, f"the argument {name} of a recorded function"), label=name))
    return leaves[-1]


def quantities(x: Any, known: dict[int, Any]) -> Any:
    """An argument with its leaves replaced by their quantities."""
    return map_leaves(x, lambda leaf: known[id(leaf)])


def outcome(tape: Tape, result: Any) -> Any:
    """What f returned, with quantities in the place of numbers."""

    def quantity(x: Any) -> Any:
        if x is None or isinstance(x, Value) or is_number(x):
            return x if x is None else tape.quantity(x)
        raise TypeError(f"a recorded function returns numbers, not {type(x).__name__} {x!r:.60}")

    return map_leaves(result, quantity)


def differentiated(
    tape: Tape, y: Any, shapes: Sequence[tuple[str, Any]], parameters: Sequence[Value]
) -> Any:
    """The value and its gradients, for a function of one number."""
    if not isinstance(y, Value) and not is_number(y):
        raise TypeError(
            "a recorded function returns one number, or is a training step that calls backward() "
            f"and assigns leaves; this one returned {type(y).__name__}"
        )
    root = y if isinstance(y, Value) else Value(y)
    event = tape.backward(root, 1.0, computed(root), accumulating=False)
    value = tape.quantity(y)

    def slope(q: Quantity, quantities: list[Quantity]) -> Quantity:
        event.wanted.append((quantities, 0.0, Quantity(of=q)))
        return event.wanted[-1][2]

    inputs = [map_leaves(x, lambda q: slope(q, [q])) for _, x in shapes]
    leaves = [slope(tape.leaves[id(p)][0], tape.leaves[id(p)]) for p in parameters]
    return value, (*inputs, *leaves)


def label_results(tape: Tape) -> None:
    """Call what is differentiated the loss or the value, and a place's new number after it."""
    for event in tape.events:
        if isinstance(event, Backward) and isinstance(event.root, Quantity):
            event.root.label = event.root.label or ("loss" if event.accumulating else "value")
    for place in tape.places.values():
        new = resolved(place.now)
        if place.attribute != "_data" or not place.written or place.start is None:
            continue
        if isinstance(new, Quantity) and not new.label and new.of is None:
            new.label, new.scope = f"new_{place.start.label}", place.start.scope
