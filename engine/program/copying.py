"""Copies and pickles of programs.

A program is written down as lists: its Ops by number, and the leaves and states that it reads and
writes. A copy is made of the lists, with code and arrays of its own. `copy.deepcopy` and `pickle`
copy the leaves and states along; whoever copies a model and its program together gets a program of
the copied model.

A copy has nothing to do with the function any more: what that found in plain Python stays as it
was recorded.
"""

from __future__ import annotations

from ..tree import map_leaves
from .code import Code
from .derive import Derived, Slot
from .ops import Op
from .surroundings import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .program import Program


class Number:
    """An Op in a list, by its place."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Number, (self.place,)


def numbered(x: Any) -> Any:
    """Ops, in nested lists and tuples, as their numbers."""
    return map_leaves(x, lambda part: Number(part.at) if type(part) is Op else part)


FIELDS = ("params", "shape", "dtype", "label", "scope", "leaf", "weak")


def reduced(program: Program) -> tuple[Any, ...]:
    """How a program is pickled."""
    derived = program._derived
    ops = [
        (op.rule, numbered(op.args), numbered(op.of), *(getattr(op, x) for x in FIELDS))
        for op in derived.code.ops
    ]
    slots = [
        (s.owners, s.attribute, numbered(s.start), numbered(s.now), s.written)
        for s in derived.slots
    ]
    kept = derived.inputs, derived.results, derived.checks, derived.constants
    found = [numbered(x) for x in kept]
    kind = derived.code.arrays, derived.code.precision, derived.is_batch
    code = *kind, derived.sections, ops, slots, found
    state = program._name, program._arguments, code, numbered(program._result), program.parameters
    return restored, (type(program), *state)


def restored(
    kind: type[Program], name: str, arguments: Any, state: Any, result: Any, parameters: list[Any]
) -> Program:
    """The program that consists of those lists."""
    arrays, precision, is_batch, sections, ops, slots, found = state
    code = Code(arrays)
    code.precision = precision
    for rule, args, of, *fields in ops:
        op = code.add(Op(code, rule, args))
        op.of = of
        for field, x in zip(FIELDS, fields, strict=True):
            setattr(op, field, x)

    def named(x: Any) -> Any:
        return map_leaves(x, lambda part: code.ops[part.place] if type(part) is Number else part)

    for op in code.ops:
        op.args, op.of = named(op.args), named(op.of)
    derived = Derived.__new__(Derived)
    derived.code, derived.is_batch, derived.sections, derived.env = code, is_batch, sections, {}
    derived.slots = [Slot(owners, attribute, named(start), named(now), written)
                     for owners, attribute, start, now, written in slots]  # fmt: skip
    derived.inputs, derived.results, derived.checks, derived.constants = map(named, found)
    return kind(name, arguments, derived, named(result), parameters, Surroundings(len))
