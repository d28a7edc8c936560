"""Whether a program is one after each of the parts that it goes through: recording, batch, derive.

`consistent` is for tests: every program that is recorded in the block is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import pytest

from engine import Program
from engine.numbers import is_number
from engine.program import code, derive
from engine.program.ops import CHECKS, Backward, Op, outcome


@contextmanager
def consistent() -> Iterator[None]:
    """Look at all that is recorded in this block, after each part."""
    make = derive.Derived.__init__

    def checked(self: Any, recording: Any, results: Sequence[Any]) -> None:
        check_recording(recording, results)
        make(self, recording, results)
        check_derived(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(derive.Derived, "__init__", checked)
        yield


def check_recording(recording: Any, results: Sequence[Any]) -> None:
    """See that a recording, or its blocks, can be gone through in order."""
    known: set[Op] = set()

    def meet(op: Op) -> None:
        assert op not in known, f"{op} is noted twice"
        known.add(op)

    def require(x: Any, what: str) -> None:
        if type(x) is Op:
            assert x in known, f"{what} needs {x} before it is there"
        else:
            assert is_number(x) or x is None, f"{what} needs {x!r}, which is no number"

    for op in recording.inputs:
        meet(op)
    for op, array in getattr(recording, "constants", ()):
        assert op.shape == array.shape, f"{op} is a constant of shape {array.shape}"
        meet(op)
    for place in recording.places.values():
        if place.start is not None:
            assert not place.start.args, f"{place.start} is read and has arguments"
            meet(place.start)
    for event in recording.events:
        if type(event) is Backward:
            require(event.root, "a backward pass")
            require(event.seed, "a backward pass")
            for op in event.through:
                require(op, "a backward pass")
            for ops, before, total in event.wanted:
                for x in (*ops, before):
                    require(x, "a gradient")
                assert {op.shape for op in ops} == {total.shape}, f"{total} is a gradient of {ops}"
                meet(total)
            continue
        for x in event.args:
            require(x, str(event))
        if event.rule is not None and event.name not in CHECKS and recording.arrays:
            expected, _ = outcome(event.rule, event.args, event.params)
            assert event.shape == expected, f"{event} has the shape {expected}"
        meet(event)
    for x in results:
        require(x, "the result")
    for place in recording.places.values():
        require(place.now, "a place")


def check_derived(derived: Any) -> None:
    """See that straight-line code is right as it stands."""
    ops = derived.code.ops

    def require(x: Any, what: str, before: int = len(ops)) -> None:
        if type(x) is Op:
            assert x.at < len(ops), f"{what} needs {x} of other code"
            assert ops[x.at] is x, f"{what} needs {x} of other code"
            assert x.at < before, f"{what} needs {x} before it is computed"
        else:
            assert is_number(x) or x is None, f"{what} needs {x!r}, which is no number"

    given = {*derived.inputs, *(op for op, _ in derived.constants)}
    found: dict[Any, Op] = {}
    for i, op in enumerate(ops):
        assert type(op) is Op, f"{op!r} is among the operations"
        assert op.at == i, f"{op} stands at {i}, not at {op.at}"
        assert op.code is derived.code, f"{op} belongs to other code"
        if op.rule is None:
            assert not op.args, f"{op} is another name for {op.args}"
            continue
        for x in op.args:
            require(x, str(op), i)
        if op.of is not None:
            require(op.of, f"the gradient {op}")
            assert op.shape == op.of.shape, f"{op} is the gradient of {op.of}"
        agree(op, derived.code)
        key = (op.rule, *(x if type(x) is Op else repr(x) for x in op.args), code.sign(op.params))
        assert key not in found, f"{op} and {found[key]} are equal"
        found[key] = op
    for op in given:
        require(op, "the input")
        assert op.rule is None, f"{op} is given and computed"
    for op, array in derived.constants:
        assert op.shape == array.shape, f"{op} is a constant of shape {array.shape}"
    for x in derived.results:
        require(x, "the result")
    for op in derived.checks:
        require(op, "the check")
    assert {op for op in ops if op.name in CHECKS} == set(derived.checks), "a check is left out"
    places: set[tuple[int, str]] = set()
    for slot in derived.slots:
        require(slot.start, "the slot")
        require(slot.now, "the slot")
        assert slot.start is None or slot.start.rule is None, f"{slot.start} is read and computed"
        for owner in slot.owners:
            assert (id(owner), slot.attribute) not in places, f"{owner!r} has two places"
            places.add((id(owner), slot.attribute))
        for op in (slot.start, slot.now):
            if type(op) is Op and derived.is_batch:
                assert prod(op.shape) == len(slot.owners), f"{op} is for {len(slot.owners)} places"
    assert list(derived.sections) == sorted(derived.sections), "the sections are out of order"
    assert derived.sections[0] == "forward"


def agree(op: Op, code: Any) -> None:
    """See that an operation has the shape and the precision that its arguments give it."""
    if not code.arrays:
        assert (op.shape, op.dtype) == ((), None), f"{op} is a number"
        return
    shape, dtype = outcome(op.rule, op.args, op.params)
    if not any(type(x) is Op for x in op.args) or (op.name == "select" and dtype.kind == "b"):
        dtype = code.precision
    assert op.shape == shape, f"{op} has the shape {shape}"
    assert op.dtype == dtype, f"{op} is of {dtype}, not {op.dtype}"


def check_program(program: Program) -> None:
    """See that a program, or a copy of one, is consistent."""
    check_derived(program._derived)
