"""Programs are consistent after each part that they go through, and what looks at that can fail."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from consistency import check_derived, check_program, check_recording, consistent
from hypothesis import given
from hypothesis import strategies as st
from test_array_program import Recipe, inputs, recipes

from engine import Program, Tensor, Value, fuse, record
from engine.check.computation import Computation
from engine.program.derive import Derived
from engine.program.ops import Backward, Op
from engine.rule import ARRAY_TABLE, TABLE
from engine.strategies import computations
from nn import MLP, SGD, Adam, AdamW, RMSprop, cross_entropy, mean_squared_error, training_step

XS = np.random.default_rng(0).normal(size=(6, 3))
TS = np.array([0, 1, 2, 1, 0, 2])
OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda ps: SGD(ps, lr=0.1),
    "momentum": lambda ps: SGD(ps, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    "rmsprop": lambda ps: RMSprop(ps, lr=0.01, momentum=0.5),
    "adam": lambda ps: Adam(ps, lr=0.01),
    "adamw": lambda ps: AdamW(ps, lr=0.01),
}


def run(c: Computation) -> Callable[..., Any]:
    return lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1]


@given(computations(max_nodes=20), st.booleans())
def test_random_computations(c: Computation, batch: bool) -> None:
    with consistent():
        program = record(run(c), *c.inputs, batch=batch)
    check_program(copy.deepcopy(program))


@given(recipes(), st.sampled_from(["float64", "float32"]), st.integers(0, 99))
def test_random_functions_of_arrays(f: Recipe, dtype: str, seed: int) -> None:
    arrays = [x.astype(dtype) for x in inputs(f.shapes, seed)]
    with consistent():
        program = record(f, *arrays)
        fuse(f)(*map(Tensor, arrays))
    check_program(pickle.loads(pickle.dumps(program)))


@pytest.mark.parametrize("way", ["numbers", "batch", "float64", "float32"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_steps_of_training(way: str, optimiser: str, dropout: float) -> None:
    model: Any = MLP(3, [4, 3], activation="gelu", rng=0, dropout=dropout)
    xs: Any = XS.tolist()
    if way.startswith("float"):
        model, xs = model.vectorized(way), XS.astype(way)
    step = training_step(
        model, cross_entropy, OPTIMISERS[optimiser](model.parameters()), penalty=1e-3, l1=1e-3,
        clip_norm=1.0, eager=True,
    )  # fmt: skip
    with consistent():
        program = record(step, xs, TS.tolist() if way == "batch" else TS, batch=way == "batch")
    _, theirs = copy.deepcopy((model, program))
    check_program(theirs)


# ---------------------------------------------------------------- it can fail


def an_array_program() -> Program:
    model = MLP(3, [4, 1], activation="tanh", rng=0).vectorized()
    step = training_step(model, mean_squared_error, SGD(model.parameters(), lr=0.1), eager=True)
    return record(step, XS, XS[:, 0])


def computed(derived: Derived, name: str) -> Op:
    return next(op for op in derived.code.ops if op.name == name)


def swapped(derived: Derived) -> None:
    ops = derived.code.ops
    i = next(i for i, op in enumerate(ops) if ops[i - 1] in op.args)
    ops[i - 1 : i + 1] = ops[i], ops[i - 1]
    ops[i - 1].at, ops[i].at = i - 1, i


def misplaced(derived: Derived) -> None:
    derived.code.ops[3].at = 4


def foreign(derived: Derived) -> None:
    op = computed(derived, "mul")
    op.args = (Op(derived.code, None, (), (), op.shape, op.dtype), op.args[1])


def reshaped(derived: Derived) -> None:
    computed(derived, "tanh").shape = (6, 5)


def in_another_precision(derived: Derived) -> None:
    computed(derived, "tanh").dtype = np.dtype("float32")


def twice(derived: Derived) -> None:
    op = computed(derived, "tanh")
    again = Op(derived.code, op.rule, op.args, (), op.shape, op.dtype)
    derived.code.add(again)


def renamed(derived: Derived) -> None:
    op = computed(derived, "tanh")
    derived.code.add(Op(derived.code, None, (op,), (), op.shape, op.dtype))


def of_other_code(derived: Derived) -> None:
    derived.code.ops[2].code = Value


def with_a_foreign_result(derived: Derived) -> None:
    derived.results[0] = Op(derived.code)


def with_a_foreign_slot(derived: Derived) -> None:
    next(s for s in derived.slots if s.written).now = Op(derived.code)


def with_two_slots_of_one_place(derived: Derived) -> None:
    derived.slots.append(derived.slots[0])


def with_the_gradient_of_another(derived: Derived) -> None:
    op = next(op for op in derived.code.ops if op.of is not None and op.shape)
    op.of = next(x for x in derived.code.ops if x.shape != op.shape)


def with_no_number(derived: Derived) -> None:
    op = computed(derived, "mul")
    op.args = (op.args[0], "2")


def with_an_input_that_is_computed(derived: Derived) -> None:
    derived.inputs[0] = computed(derived, "tanh")


def without_a_check(derived: Derived) -> None:
    op = derived.code.ops[0]
    rule = ARRAY_TABLE["require"]
    derived.code.add(Op(derived.code, rule, (op,), (None,), op.shape, op.dtype))


@pytest.mark.parametrize(
    "fault",
    [
        swapped, misplaced, foreign, reshaped, in_another_precision, twice, renamed, of_other_code,
        with_a_foreign_result, with_a_foreign_slot, with_two_slots_of_one_place,
        with_the_gradient_of_another, with_no_number,
        with_an_input_that_is_computed, without_a_check,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_is_wrong_with_a_program_is_found(fault: Callable[[Derived], None]) -> None:
    derived = an_array_program()._derived
    check_derived(derived)
    fault(derived)
    with pytest.raises(AssertionError):
        check_derived(derived)


class Noted:
    """A recording made by hand: x·w, the gradient of w, and w − that."""

    arrays = False

    def __init__(self) -> None:
        self.x, self.w, self.total = Op(None), Op(None), Op(None)
        self.y = Op(None, TABLE["mul"], (self.x, self.w))
        self.inputs = [self.x]
        event = Backward(self.y, 1.0, [self.y], True)
        event.wanted.append(([self.w], 0.0, self.total))
        new = Op(None, TABLE["sub"], (self.w, self.total))
        self.events: list[Any] = [self.y, event, new]
        place: Any = type("Place", (), {})()
        place.owners, place.attribute = (Value(1.0),), "_data"
        place.start, place.now, place.written = self.w, new, True
        self.places = {0: place}


def unordered(noted: Noted) -> None:
    noted.events.reverse()


def noted_twice(noted: Noted) -> None:
    noted.events.append(noted.y)


def with_an_unknown_root(noted: Noted) -> None:
    noted.events[1].root = Op(None)


def with_an_unknown_row(noted: Noted) -> None:
    noted.events[1].through.append(Op(None))


def with_a_gradient_of_nothing(noted: Noted) -> None:
    noted.events[1].wanted[0] = ([Op(None)], 0.0, noted.total)


def with_a_gradient_of_another_shape(noted: Noted) -> None:
    noted.total.shape = (2,)


def with_an_unknown_number(noted: Noted) -> None:
    noted.places[0].now = Op(None)


def with_an_input_that_is_read(noted: Noted) -> None:
    noted.inputs.append(noted.w)


@pytest.mark.parametrize(
    "fault",
    [
        unordered, noted_twice, with_an_unknown_root, with_an_unknown_row,
        with_a_gradient_of_nothing, with_a_gradient_of_another_shape, with_an_unknown_number,
        with_an_input_that_is_read,
    ],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_is_wrong_with_a_recording_is_found(fault: Callable[[Noted], None]) -> None:
    noted = Noted()
    check_recording(noted, [noted.y])
    check_derived(Derived(noted, [noted.y]))
    fault(noted)
    with pytest.raises(AssertionError):
        check_recording(noted, [noted.y])


def test_a_result_that_was_not_noted_is_found() -> None:
    with pytest.raises(AssertionError, match="the result"):
        check_recording(Noted(), [Op(None)])
