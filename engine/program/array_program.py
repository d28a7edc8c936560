"""Recorded programs of Tensors: a function, or a whole training step, as array code.

Recording runs the function once on Tensors and keeps the graph. A training step also calls
``backward()`` and assigns leaves; while it is recorded, a leaf's ``data`` and ``grad`` are
quantities of the program, and assigning them is noted, not done. So nothing has changed when the
recording is over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..forks import lock
from ..graph import topological_order
from ..modes import TAPE, origin
from ..node import LOCK
from ..numbers import KindError, is_number
from ..state import Drawn, State, among
from ..tensor.arrays import Array
from ..tensor.buffer import Buffer
from ..tensor.operands import floating
from ..tensor.tensor import Tensor, constant
from ..tree import flatten, map_leaves, unflatten
from .buffers import Buffers, Places
from .names import function_name
from .recording import drawing, recorded, taped_equal, taped_text
from .surroundings import Surroundings, restless
from .tape import Op, Trace
from .twice import recorded_twice
from .write import reachable, readable

if TYPE_CHECKING:
    from .compiled_arrays import CompiledArrays


class Recording:
    """What one run of a function did, as Ops.

    Attributes:
        trace: the graph's Ops.
        now: the Op that stands for what a leaf's data, gradient or a state is by now; keys are the
            owner's id and the attribute.
        written: the owners and attributes that were assigned, in order.
    """

    def __init__(self, inputs: Sequence[Tensor], first: Recording | None = None) -> None:
        self.first, self.compared = first, 0  # the recording that this one is to be like
        self.trace = Trace()
        self.tape = self.trace.tape
        self.inputs = list(inputs)
        self.now: dict[tuple[int, str], Any] = {}
        self.owners: dict[tuple[int, str], Any] = {}
        self.start: dict[tuple[int, str], Op] = {}
        self.written: dict[tuple[int, str], None] = {}
        self.sections = {0: "forward"}
        self.required: list[Op] = []  # checks of targets
        self.draws: list[Drawn] = []
        self.drawn_leaves: set[int] = set()
        self.end: list[Any] = []
        self.places: dict[Op, int] = {}  # in the order of operations

    def restore(self) -> None:
        """Nothing: what is assigned while recording is noted, not done."""

    # ------------------------------------------------------------ what leaves hold by now

    def note(self, node: Any) -> None:
        """A node was made: what it is computed from is what leaves hold at this moment."""
        if not isinstance(node, Tensor):
            raise KindError(
                "Values and Tensors do not mix in one recording: give lists of numbers as inputs "
                "for a function of Values, arrays for one of Tensors"
            )
        self.trace.op(node)
        if self.first is not None:
            self.compare()

    def compare(self) -> None:
        """See that new operations are those of the first time.

        Raises:
            RestlessError: if one is another.
        """
        assert self.first is not None
        ours, theirs = self.tape.ops, self.first.tape.ops
        while self.compared < len(ours):
            at = self.compared
            if at >= len(theirs) or not (
                self.sign(ours[at]) == self.first.sign(theirs[at])
                or made_alike(ours[at].leaf, theirs[at].leaf)
            ):
                raise restless("the function computed something else when it ran again", origin())
            self.compared += 1

    def finish(self, results: Sequence[Any]) -> None:
        """See that what is returned and assigned is what was the first time."""
        held = [self.trace.op(x) if isinstance(x, Tensor) else x for x in results]
        held += [self.now[key] for key in self.written]
        places = {op: i for i, op in enumerate(self.tape.ops)}
        self.end = [places[x] if isinstance(x, Op) else repr(x) for x in held]
        if self.first is not None and self.end != self.first.end:
            raise restless("the function gave another result when it ran again", origin())

    def sign(self, x: Any) -> Any:
        """What tells an operation from others."""
        places = self.places
        for op in self.tape.ops[len(places) :]:
            places[op] = len(places)
        if x.leaf is not None and any(x.leaf is given for given in self.inputs):
            return "input", places[x]
        if x.leaf is not None and not x.leaf._needs:
            return "constant", x.shape, x.leaf._data.tobytes()
        if x.leaf is not None:
            return "leaf", id(x.leaf)
        args = [places[a] if isinstance(a, Op) else repr(a) for a in x.args]
        params = [p.tobytes() if isinstance(p, np.ndarray) else repr(p) for p in flatten(x.params)]
        return (x.name, *args, *params)

    def is_input(self, x: Tensor) -> bool:
        """Whether it stands for an argument."""
        return any(x is given for given in self.inputs)

    def follows(self, x: Tensor) -> bool:
        """Whether its numbers will be others when the program runs."""
        if x._args or x._needs or self.is_input(x) or id(x) in self.drawn_leaves:
            return True
        return getattr(self.trace.of.get(id(x)), "rule", None) is not None  # under no_grad

    def refusal(self, node: Tensor, what: str) -> TypeError:
        """The error for making plain numbers of what is being recorded."""
        return TypeError(
            f"{what} while a program is recorded would keep these numbers for ever: return the "
            f"Tensor and read it outside\n  at: {origin()}"
        )

    def require(self, x: Any, targets: Any) -> bool:
        """Whether the program will check these targets at each run."""
        if not isinstance(x, Tensor) or not self.follows(x):
            return False
        self.required.append(self.tape.mathematics.require(self.trace.op(x), targets))
        return True

    def draw(self, like: Any, draw: Callable[[], Any], label: str) -> Any:
        """Numbers that each run of the program draws anew."""
        state = drawing(self, like, draw, label)
        self.draws.append(state)
        leaf = constant(np.asarray(like))
        self.trace.of[id(leaf)] = self.held(state, "_data")
        self.trace.nodes.append(leaf)  # its id stays its own
        self.drawn_leaves.add(id(leaf))
        return leaf

    def read(self, owner: Any, attribute: str) -> Any:
        """What an attribute of a leaf or a state is by now."""
        buffer = getattr(owner, "_buffer", None)
        if buffer is not None and owner is buffer.whole and attribute == "_grad":
            return self.assembled(buffer)
        return self.held(owner, attribute)

    def held(self, owner: Any, attribute: str) -> Any:
        """What an attribute is by now, of this owner alone."""
        key = (id(owner), attribute)
        if key not in self.now:
            self.owners[key] = owner
            if attribute == "_data" and isinstance(owner, Tensor):
                self.now[key] = self.trace.op(owner)
            else:
                held = getattr(owner, attribute)
                array = np.asarray(np.zeros_like(owner._data) if held is None else held)
                kind = array.dtype if array.dtype.kind == "f" else np.dtype("float64")
                word = "" if isinstance(owner, State) else f"{attribute.strip('_')}_"
                op = self.tape.given(array.shape, kind, None, word + owner.label)
                op.scope = getattr(owner, "scope", "")
                op.weak = isinstance(owner, State) and not array.shape
                self.now[key] = self.start[key] = op
        return self.now[key]

    def assembled(self, buffer: Buffer) -> Any:
        """The gradient of all parameters in one array: those of its parts end to end."""
        m = self.tape.mathematics
        parts = []
        for view in buffer.views:
            g = self.held(view, "_grad")
            g = g if isinstance(g, Op) else m.broadcast_to(g, view.shape)
            parts.append(m.reshape(g, (view.size,)))
        return m.concatenate(parts, 0)

    def write(self, owner: Any, attribute: str, x: Any) -> None:
        """Note an assignment."""
        if not isinstance(x, Op) and not is_number(x):
            raise TypeError(f"a recorded step assigns what it computed, not {type(x).__name__}")
        key = (id(owner), attribute)
        self.owners[key] = owner
        self.now[key] = x
        self.written[key] = None
        buffer = getattr(owner, "_buffer", None)
        if isinstance(owner, Tensor) and attribute == "_data":
            self.trace.of[id(owner)] = x
        if buffer is None or owner is not buffer.whole:
            return
        m, start = self.tape.mathematics, 0
        for view in buffer.views:
            part = x
            if isinstance(x, Op) and x.shape:
                part = m.reshape(m.index(x, slice(start, start + view.size)), view.shape)
            self.write(view, attribute, part)
            start += view.size

    def backward(self, root: Tensor, seed: Any) -> None:
        """Note a backward pass: what it adds to the leaves' gradients."""
        if seed is not None or root.size != 1:
            raise ValueError("a recorded backward() starts from one number, without a seed")
        leaves = [x for x in variables_of(root) if not any(x is given for given in self.inputs)]
        self.section("backward")
        for leaf, g in zip(leaves, self.trace.gradients(root, leaves), strict=True):
            before = self.held(leaf, "_grad")
            zero = not isinstance(before, Op) and before == 0
            self.write(leaf, "_grad", g if zero else before + g)
        self.section("update")

    def section(self, heading: str) -> None:
        """Begin a part of the program."""
        self.sections[len(self.tape.ops)] = heading

    def updates(self) -> list[tuple[Any, str, Any]]:
        """What is to be stored in the end: owners, attributes, Ops or numbers.

        Parameters that are views of one buffer are stored as a whole.
        """
        buffers: dict[tuple[int, str], Any] = {}
        found = []
        for key in self.written:
            owner, attribute = self.owners[key], key[1]
            buffer = getattr(owner, "_buffer", None)
            if buffer is None:
                found.append((owner, attribute, self.now[key]))
            elif (id(buffer), attribute) not in buffers:
                buffers[id(buffer), attribute] = buffer
        for (_, attribute), buffer in buffers.items():
            if attribute == "_grad":
                found.append((buffer.whole, "_grad", self.assembled(buffer)))
            elif (id(buffer.whole), "_data") in self.written:
                found.append((buffer.whole, "_data", self.now[id(buffer.whole), "_data"]))
            else:
                found += [
                    (view, "_data", self.now[id(view), "_data"])
                    for view in buffer.views
                    if (id(view), "_data") in self.written
                ]
        return found


def made_alike(x: Tensor | None, y: Tensor | None) -> bool:
    """Whether two leaves hold the same: the function made one each time it ran."""
    return (
        x is not None
        and y is not None
        and (x.shape, x.dtype, x._needs) == (y.shape, y.dtype, y._needs)
        and x._data.tobytes() == y._data.tobytes()
    )


def variables_of(root: Tensor) -> list[Tensor]:
    """The leaves that a backward pass reaches; the parts of an array in its place."""
    found: dict[Tensor, None] = {}
    for x in topological_order(root):
        if x._args or not x._needs:
            continue
        whole = x._buffer is not None and x is x._buffer.whole
        found |= dict.fromkeys(x._buffer.views if whole else [x])
    return list(found)


def taped(attribute: str, original: property) -> property:
    """A property that a recording answers for leaves."""

    def read(self: Any) -> Any:
        tape = TAPE.get()
        if tape is None:
            return original.fget(self)  # type: ignore[misc]
        if isinstance(self, Tensor) and not self._needs and not tape.follows(self):
            return original.fget(self)  # type: ignore[misc]
        if isinstance(self, Tensor) and (not self._needs or self._args or tape.is_input(self)):
            raise tape.refusal(self, "reading its " + attribute.strip("_"))
        return tape.read(self, attribute)

    def assign(self: Any, x: Any) -> None:
        tape = TAPE.get()
        if tape is None:
            original.fset(self, x)  # type: ignore[misc]
        else:
            tape.write(self, attribute, x)

    return property(read, assign)


def taped_read(self: Tensor, what: str) -> Array:
    """A Tensor's numbers, if they are no others when the program runs."""
    tape = TAPE.get()
    if tape is not None and tape.follows(self):
        raise tape.refusal(self, what)
    return self._data


def taped_first(original: Callable[..., Any]) -> Callable[..., Any]:
    """What a backward pass starts with, which gives a graph or plain numbers."""

    def first(self: Tensor, create_graph: bool) -> Any:
        tape = TAPE.get()
        if tape is not None and not create_graph and tape.follows(self):
            raise tape.refusal(self, "a gradient in plain numbers (write create_graph=True)")
        return original(self, create_graph)

    return first


def taped_backward(self: Tensor, seed: Any = None) -> None:
    """`Tensor.backward`, noted if a recording is on."""
    tape = TAPE.get()
    if tape is None:
        BACKWARD(self, seed)
    else:
        tape.backward(self, seed)


BACKWARD = Tensor.backward


def methods() -> list[tuple[type, str, Any]]:
    """What takes the place of the methods of Tensors and States."""
    own = vars(Tensor)
    return [
        (Tensor, "data", taped("_data", own["data"])),
        (Tensor, "grad", taped("_grad", own["grad"])),
        (State, "data", taped("_data", vars(State)["data"])),
        (Tensor, "backward", taped_backward),
        (Tensor, "_read", taped_read),
        (Tensor, "_first", taped_first(own["_first"])),
        (Tensor, "__eq__", taped_equal),
        (Tensor, "__repr__", taped_text(own["__repr__"])),
    ]


# ---------------------------------------------------------------- programs


def record_arrays(f: Callable[..., Any], names: Sequence[str], examples: Sequence[Any]) -> Any:
    """`record` for a function of arrays: see there."""
    leaves: list[Tensor] = []

    def leaf(name: str, x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return [leaf(f"{name}_{i}", part) for i, part in enumerate(x)]
        kept = isinstance(x, Tensor) and x.role == "constant"
        array = x._data if isinstance(x, Tensor) else np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"a recorded function takes real numbers as {name}, not {x!r:.60}")
        role = "constant" if kept or array.dtype.kind in "iub" else "input"
        made = Tensor(0.0, name, role=role)
        made._data = floating(array, None) if array.dtype.kind == "f" else array.copy()
        leaves.append(made)
        return made

    arguments = [leaf(name, x) for name, x in zip(names, examples, strict=True)]

    def run(first: Recording | None) -> tuple[Any, Recording]:
        recording = Recording(leaves, first)
        result = recorded(recording, methods, lambda: f(*arguments))
        recording.finish(flatten(result))
        return (recording, result), recording

    around, (recording, result) = recorded_twice(f, run)
    recording.trace.name()
    name = getattr(f, "__name__", "")
    return ArrayProgram(recording, name, names, leaves, arguments, result, around)


class ArrayProgram:
    """A recorded function of arrays. Call it like the function, with arrays of the same shapes.

    Attributes:
        parameters: the leaves that the function found outside of itself, in order of use.
        is_step: whether it assigns leaves; otherwise it gives a value and gradients.
    """

    def __init__(
        self,
        recording: Recording,
        name: str,
        names: Sequence[str],
        inputs: Sequence[Tensor],
        arguments: Any,
        result: Any,
        around: Surroundings,
    ) -> None:
        self._around = around
        self._recording, self._inputs, self._arguments = recording, list(inputs), arguments
        self._names = list(names)
        self._name = function_name(name)
        trace, tape = recording.trace, recording.tape
        outputs = [trace.op(x) if isinstance(x, Tensor) else x for x in flatten(result)]
        self.is_step = bool(recording.written)
        self._is_flat = not any(isinstance(x, list) for x in arguments)
        self._is_one = not isinstance(result, (list, tuple))
        self._result = unflatten(result, [None] * len(outputs)) if not self._is_one else None
        self.parameters: list[Tensor] = []
        for op in tape.ops:
            leaf = op.leaf
            if leaf is not None and leaf._needs and not any(leaf is x for x in inputs):
                self.parameters.append(leaf)
        self._gradients: list[Any] = []
        if not self.is_step:
            self._gradients = self._differentiate(result, [*inputs, *self.parameters])
        self._outputs = outputs
        if len(outputs) == 1 and isinstance(outputs[0], Op) and not outputs[0].label:
            outputs[0].label = "loss" if self.is_step else "value"
        for owner, attribute, x in recording.updates():
            if (
                attribute == "_data"
                and isinstance(x, Op)
                and x.rule
                and not x.label
                and x.of is None
            ):
                x.label = f"new_{owner.label or 'data'}"
        self.get_ready()

    def get_ready(self) -> None:
        """Make the arrays and the code that computes in them."""
        self._lock: Any = LOCK if self.is_step else lock()  # for one run at a time
        self._program = Buffers(self._recording, self._inputs, self._outputs, self._gradients)
        self._drawn = among(self._recording.owners.values())

    def __copy__(self) -> ArrayProgram:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from .copying import reduced_arrays

        return reduced_arrays(self)

    def _differentiate(self, y: Any, variables: Sequence[Tensor]) -> list[Any]:
        if not isinstance(y, Tensor) or y.size != 1:
            shown = f"a Tensor of shape {y.shape}" if isinstance(y, Tensor) else type(y).__name__
            raise TypeError(
                "a recorded function returns one number, or is a training step that calls "
                f"backward() and assigns leaves; this one returned {shown}"
            )
        self._recording.section("backward")
        slopes = self._recording.trace.gradients(y, variables)
        m = self._recording.tape.mathematics
        return [  # an array also where nothing depends on one
            m.broadcast_to(d, x.shape) if x.shape and not isinstance(d, Op) else d
            for d, x in zip(slopes, variables, strict=True)
        ]

    @property
    def source(self) -> str:
        """The program as a Python function to read, of functions that any array library has."""
        return self.render("readable")

    def render(self, style: str) -> str:
        """The program as Python text: "readable" or "buffered"."""
        if style == "buffered":
            return self._program.source(self._name)
        if style == "readable":
            return self._readable()
        raise ValueError(f"a program of arrays is rendered as readable or buffered, not {style!r}")

    def _readable(self) -> str:
        recording = self._recording
        trace = recording.trace
        given = [
            (name, map_leaves(x, lambda leaf: trace.op(leaf)))
            for name, x in zip(self._names, self._arguments, strict=True)
        ]
        ours = {id(x) for x in self._inputs}
        result = self._structure()
        needed = reachable([*flatten(result), *recording.required])
        held = [
            (op.label, op)
            for op in trace.tape.ops
            if op in needed and not op.rule and id(op.leaf) not in ours
        ]
        return readable(self._name, [*given, *held], trace.tape.ops, recording.sections, result)

    def _structure(self) -> Any:
        """What the readable function returns."""
        outputs = unflatten(self._result, self._outputs)
        if self.is_step:
            updates = self._recording.updates()
            return outputs, tuple(x for _, attribute, x in updates if attribute == "_data")
        inner = self._gradients[: len(self._inputs)]
        slopes = (*unflatten(list(self._arguments), inner), *self._gradients[len(inner) :])
        return self._outputs[0], slopes

    def __call__(self, *inputs: Any) -> Any:
        """What the function returns; for a function of one number, its value and gradients.

        Args:
            inputs: arrays, or Tensors, in the shapes of the examples.

        Returns:
            A step's own result, its numbers as floats. Otherwise the value and a tuple of
            gradients: one for each input, then one for each of `parameters`.

        Raises:
            TypeError, ValueError: for inputs of another number or shape.
        """
        given = self._given(inputs)
        with self._lock:
            self._load(self._program.places, given)
            values = self._program.run()
        return self._rebuilt(values)

    def _given(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """The inputs one by one, in surroundings like those of the recording."""
        self._around.ready(self.is_step)
        given: Sequence[Any] = inputs if self._is_flat else flatten(list(inputs))
        if len(given) != len(self._inputs):
            raise TypeError(f"the program takes {len(self._inputs)} array(s), not {len(given)}")
        return given

    def _load(self, places: Places, given: Sequence[Any]) -> None:
        """Copy what is given into its places, and what is drawn at random for this run."""
        for state in self._drawn:
            state.data = state.draw()
        places.load(given)

    def _rebuilt(self, values: list[Any]) -> Any:
        """What is returned, of the list of results and gradients."""
        if self.is_step:
            return values[0] if self._is_one else unflatten(self._result, values)
        start = len(self._outputs)
        ours = values[start : start + len(self._inputs)]
        nested = tuple(unflatten(list(self._arguments), ours))
        return values[0], (*nested, *values[start + len(ours) :])

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        """Run a step several times on the same inputs: the list of its results."""
        return [self(*inputs) for _ in range(steps)]

    def jit(self) -> CompiledArrays:
        """The program in machine code, by numba: the same call, and `loop` compiled whole.

        Raises:
            ImportError: without numba, which the extra ``jit`` installs.
            NotImplementedError: for an operation that has no loops, which is named.
        """
        from .compiled_arrays import CompiledArrays  # which loads numba

        return CompiledArrays(self)

    def __repr__(self) -> str:
        return f"<program {self._name}, {len(self._recording.tape.ops)} steps on arrays>"
