"""Copies and pickles of programs.

A program is written down as lists: its quantities by number, the events or operations between
them, and the leaves and states that it reads and writes. A copy is made of the lists, with code
and arrays of its own. `copy.deepcopy` and `pickle` copy the leaves and states along; whoever
copies a model and its program together gets a program of the copied model.

A copy has nothing to do with the function any more: what that found in plain Python stays as it
was recorded.
"""

from __future__ import annotations

from ..tree import map_leaves
from .formulas import COPY, Quantity
from .recording import Applied, Backward, Guard, Required, Tape
from .surroundings import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from . import Program
    from .array_program import ArrayProgram


class Number:
    """A quantity in a list, by its place."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Number, (self.place,)


# ---------------------------------------------------------------- programs of single numbers


class Listed:
    """The quantities of a recording by number."""

    def __init__(self, tape: Tape) -> None:
        self.numbers: dict[int, int] = {}
        self.quantities: list[Quantity] = []
        computed = {id(e.result) for e in tape.events if isinstance(e, Applied)}
        computed |= {id(q) for e in tape.events if isinstance(e, Backward) for *_, q in e.wanted}
        self.computed = computed | set(map(id, tape.inputs))
        self.computed |= {id(p.start) for p in tape.places.values() if p.start is not None}

    def __call__(self, x: Any) -> Any:
        """A quantity as its number; lists and tuples part by part; anything else as it is."""
        if isinstance(x, (list, tuple)):
            return type(x)([self(part) for part in x])
        if not isinstance(x, Quantity):
            return x
        if id(x) not in self.numbers:
            self.numbers[id(x)] = len(self.quantities)
            self.quantities.append(x)
        return Number(self.numbers[id(x)])

    def fields(self, q: Quantity) -> tuple[Any, ...]:
        """What a quantity consists of: that it stands for a leaf's number, but no formula."""
        stands = q.formula is COPY and id(q) not in self.computed
        of = self(q.of) if q.of is not None and id(q) in self.computed else None
        return q.label, q.scope, self(q.args[0]) if stands else None, of


def reduced(program: Program) -> tuple[Any, ...]:
    """How a program is pickled."""
    tape, name, arguments, result = program._recording
    number = Listed(tape)
    index = {id(e): i for i, e in enumerate(tape.events)}
    events: list[Any] = []
    for e in tape.events:
        if isinstance(e, Applied):
            events.append((e.row, e.params, number(e.args), number(e.result)))
        elif isinstance(e, Guard):
            events.append((Guard, e.op, number(e.args), e.outcome))
        elif isinstance(e, Required):
            events.append((Required, e.targets, number(e.args)))
        else:
            through = [index[id(x)] for x in e.through]
            wanted = [number(x) for x in e.wanted]
            events.append((Backward, number(e.root), e.seed, through, e.accumulating, wanted))
    places = [
        (p.owner, p.attribute, number(p.start), number(p.now), p.written)
        for p in tape.places.values()
    ]
    given = number(tape.inputs), number(arguments), number(result)
    fields = []
    for q in number.quantities:  # which grow
        fields.append(number.fields(q))
    return restored, (type(program), (name, given, fields, events, places, program.parameters))


def restored(kind: type[Program], state: tuple[Any, ...]) -> Program:
    """The program that consists of those lists."""
    name, (inputs, arguments, result), fields, events, places, parameters = state
    made = [Quantity(label=label, scope=scope) for label, scope, _, _ in fields]

    def quantity(x: Any) -> Any:
        return map_leaves(x, lambda part: made[part.place] if isinstance(part, Number) else part)

    for q, (_, _, stands, of) in zip(made, fields, strict=True):
        q.of = quantity(of)
        if stands is not None:
            q.formula, q.args = COPY, (quantity(stands),)
    tape = Tape([])
    tape.inputs = quantity(inputs)
    for event in events:
        tape.events.append(event_of(event, quantity, tape))
    for owner, attribute, start, now, written in places:
        place = tape.place(owner, attribute)
        place.start, place.now, place.written = quantity(start), quantity(now), written
    tape.forget()
    around = Surroundings(len)
    return kind(tape, name, quantity(arguments), quantity(result), parameters, around)


def event_of(event: tuple[Any, ...], quantity: Callable[[Any], Any], tape: Tape) -> Any:
    """One event of a recording."""
    kind, *rest = event
    if kind is Guard:
        op, (a, b), outcome = rest
        return Guard(op, quantity(a), quantity(b), outcome)
    if kind is Required:
        targets, (x,) = rest
        return Required(targets, quantity(x))
    if kind is not Backward:
        params, args, result = rest
        return Applied(kind, params, quantity(args), quantity(result))
    root, seed, through, accumulating, wanted = rest
    applied: Sequence[Any] = [tape.events[i] for i in through]
    made = Backward(quantity(root), seed, list(applied), accumulating)
    made.wanted = quantity(wanted)
    return made


# ---------------------------------------------------------------- programs of arrays


def reduced_arrays(program: ArrayProgram) -> tuple[Any, ...]:
    """How a program of arrays is pickled."""
    from .tape import Op

    recording = program._recording
    ops = recording.tape.ops
    index = {op: i for i, op in enumerate(ops)}

    def number(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return type(x)([number(part) for part in x])
        return Number(index[x]) if isinstance(x, Op) else x

    fields = [
        (op.rule, number(op.args), op.params, op.shape, op.dtype, op.leaf, op.label, op.scope,
         op.weak, number(op.of))
        for op in ops
    ]  # fmt: skip
    held = [
        (recording.owners[key], key[1], number(now), number(recording.start.get(key)))
        for key, now in recording.now.items()
    ]
    leaves = [*program._inputs, *(op.leaf for op in ops if op.leaf is not None)]
    buffers = {id(x._buffer): x._buffer for x in leaves if x._buffer is not None}
    leaves += [x for buffer in buffers.values() for x in (buffer.whole, *buffer.views)]
    leaves += [owner for owner, *_ in held]
    known = {id(x): (x, number(recording.trace.of[id(x)])) for x in leaves
             if id(x) in recording.trace.of}  # fmt: skip
    written = [(recording.owners[key], key[1]) for key in recording.written]
    end = number(program._outputs), number(program._gradients), number(recording.required)
    shell = {
        name: getattr(program, name)
        for name in ("_names", "_name", "_inputs", "_arguments", "is_step", "_is_flat", "_is_one",
                     "_result", "parameters")
    }  # fmt: skip
    of = list(known.values())
    state = fields, held, of, written, end, recording.sections, shell
    return restored_arrays, (type(program), type(recording), state)


def restored_arrays(kind: type[ArrayProgram], recorded: Any, state: tuple[Any, ...]) -> Any:
    """The program of arrays that consists of those lists."""
    from .tape import Op, key_of

    fields, held, known, written, end, sections, shell = state
    recording = recorded(shell["_inputs"])
    tape = recording.tape

    def quantity(x: Any) -> Any:
        return map_leaves(
            x, lambda part: tape.ops[part.place] if isinstance(part, Number) else part
        )

    for rule, args, params, shape, dtype, leaf, label, scope, weak, _ in fields:
        op = Op(tape, rule, quantity(args), params, shape, dtype)
        op.leaf, op.label, op.scope, op.weak = leaf, label, scope, weak
        tape.ops.append(op)
        if rule is not None:
            tape.known[key_of(rule, op.args, params)] = op
    for op, (*_, of) in zip(tuple(tape.ops), fields, strict=True):
        op.of = quantity(of)
    for owner, attribute, now, start in held:
        key = id(owner), attribute
        recording.owners[key], recording.now[key] = owner, quantity(now)
        if start is not None:
            recording.start[key] = quantity(start)
    recording.written = {(id(owner), attribute): None for owner, attribute in written}
    for x, op in known:
        recording.trace.of[id(x)] = quantity(op)
        recording.trace.nodes.append(x)
    recording.sections = dict(sections)
    outputs, gradients, recording.required = quantity(end)
    program = kind.__new__(kind)
    vars(program).update(shell)
    program._recording, program._around = recording, Surroundings(len)
    program._outputs, program._gradients = outputs, gradients
    program.get_ready()
    return program
