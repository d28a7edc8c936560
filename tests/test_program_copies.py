"""Copies and pickles of programs: right, and with leaves and states of their own."""

from __future__ import annotations

import copy
import importlib.util
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
import engine.program
from engine import Tensor, Value, fuse, record
from engine.state import State
from engine.strategies import Computation, computations
from nn import MLP, SGD, Adam, cross_entropy, mean_squared_error, training_step

NUMBA = importlib.util.find_spec("numba") is not None
COMPILED = pytest.param(True, marks=pytest.mark.skipif(not NUMBA, reason="needs numba"))
COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda x, protocol=protocol: pickle.loads(  # type: ignore[misc]
            pickle.dumps(x, protocol)
        )
        for protocol in (0, 2, 5)
    },
}


@pytest.fixture(params=COPIES)
def copied(request: Any) -> Callable[[Any], Any]:
    return COPIES[request.param]


@pytest.fixture(params=["small", "batched", "array"])
def kind(request: Any) -> str:
    return str(request.param)


@pytest.mark.parametrize("compiled", [False, COMPILED])
def test_a_copy_follows_its_own_parameters(kind: str, compiled: Any, copied: Any) -> None:
    if compiled and copied is not copy.deepcopy and copied is not COPIES["pickle 5"]:
        return  # each takes seconds to compile
    w: Any = Tensor([2.0, 3.0], "w") if kind == "array" else Value(2.0, label="w")
    x: Any = np.ones(2) if kind == "array" else 1.0

    def f(x: Any) -> Any:
        return (w * x).sum() if kind == "array" else engine.tanh(w) * x

    program: Any = record(f, x, batch=kind == "batched")
    run = program.jit() if compiled else program
    other = copied(run)
    before = run(x)
    np.testing.assert_equal(other(x), before)
    (leaf,) = other.parameters
    assert leaf is not w
    assert leaf.label == "w"
    leaf.data = leaf.data * 10
    np.testing.assert_equal(run(x), before)
    assert other(x)[0] != before[0]
    w.data = w.data * 10
    np.testing.assert_equal(other(x), run(x))
    if not compiled:
        assert other.source == program.source


def trained(kind: str, make: Any, loss: Any) -> tuple[Any, Any, Any, Any]:
    """A model, its optimiser, a recorded step, and a batch."""
    classes = loss is cross_entropy
    model: Any = MLP(2, [3, 3 if classes else 1], activation="tanh", rng=0)
    model = model.vectorized() if kind == "array" else model
    optimiser = make(model.parameters())
    xs, ts = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], [0, 2, 1] if classes else [0.0, 1.0, 0.5]
    batch: Any = (np.array(xs), np.array(ts)) if kind == "array" else (xs, ts)
    return (
        model,
        optimiser,
        record(training_step(model, loss, optimiser), *batch, batch=kind == "batched"),
        batch,
    )


@pytest.mark.parametrize("loss", [mean_squared_error, cross_entropy])
@pytest.mark.parametrize(
    "make", [lambda p: SGD(p, lr=0.1, momentum=0.9), lambda p: Adam(p, lr=0.1)]
)
def test_a_copied_step_trains_the_copied_model(
    kind: str, make: Any, loss: Any, copied: Any
) -> None:
    model, optimiser, step, batch = trained(kind, make, loss)
    step(*batch)
    box = copied({"model": model, "step": step, "optimiser": optimiser})
    assert step(*batch) == box["step"](*batch)  # they have had the same steps so far
    losses = [step(*batch) for _ in range(3)]
    assert [box["step"](*batch) for _ in range(3)] == losses
    for p, q in zip(model.parameters(), box["model"].parameters(), strict=True):
        assert p is not q
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.grad, q.grad)
    box["optimiser"].lr = 0.0
    (kept,) = {repr([p.data for p in model.parameters()])}
    box["step"](*batch)
    assert repr([p.data for p in model.parameters()]) == kept
    assert box["step"].loop(2, *batch)[1] == pytest.approx(box["step"](*batch))


@given(computations(), st.data())
def test_copies_of_any_program_compute_the_same(c: Computation, data: Any) -> None:
    program = record(lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1], *c.inputs)
    other = pickle.loads(pickle.dumps(program))
    xs = [data.draw(st.floats(-2, 2)) for _ in c.inputs]
    assert repr(other(*xs)) == repr(program(*xs))
    assert other.source == program.source


@pytest.mark.thorough
def test_a_long_program_is_no_problem(copied: Any) -> None:
    def chain(x: Any) -> Any:
        for _ in range(3000):
            x = x * 0.999 + 0.001
        return x

    program = record(chain, 1.0)
    assert copied(program)(0.5) == program(0.5)


def test_guards_states_and_nested_results_are_copied(copied: Any) -> None:
    count = State(0.0, "count")

    def step(x: Any) -> Any:
        count.data = count.data + 1
        return [x if x > 0 else -x, (count.data * x, None)]

    program = record(step, 1.0)
    other = copied(program)
    assert program(2.0) == other(2.0) == [2.0, (2.0, None)]
    assert other(2.0) == [2.0, (4.0, None)]
    assert count.data == 1.0
    with pytest.raises(engine.program.GuardError):
        other(-1.0)


def test_copies_of_a_container_share_leaves_and_copies_of_copies_work(copied: Any) -> None:
    w = Value(2.0)
    programs = [record(lambda x: w * x, 1.0), record(lambda x: w + x, 1.0)]
    first, second = copied(copied(programs))
    assert first.parameters[0] is second.parameters[0]
    first.parameters[0].data = 5.0
    assert (first(1.0)[0], second(1.0)[0]) == (5.0, 6.0)
    assert copy.copy(programs[0]) is programs[0]


class Scaled:
    """An object with a parameter."""

    def __init__(self) -> None:
        self.w = Tensor([2.0], role="parameter")

    def __call__(self, x: Any) -> Any:
        return (self.w * x).sum()


def test_a_copied_fused_object_has_its_own_parameter(copied: Any) -> None:
    fused = fuse(Scaled())
    assert fused(np.array([3.0])).item() == 6.0
    other = copied(fused)
    other.f.w.data = [10.0]
    assert other(np.array([3.0])).item() == 30.0
    assert fused(np.array([3.0])).item() == 6.0
