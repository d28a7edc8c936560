"""Random steps do the same in every way of running: eager, replayed, batched, looped, copied."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_program_jit import interpreted as in_python

import engine
import nn
from engine import Tensor, Value, gradient, no_grad, record
from engine.state import State

ACTIONS = ["compute", "compute", "compute", "backward", "clear", "descend", "move", "state",
           "no_grad", "gradient", "differentiate", "halve", "set", "compare"]  # fmt: skip
FUNCTIONS: list[Callable[[Any, Any], Any]] = [
    lambda u, v: u * v,
    lambda u, v: u + v,
    lambda u, v: u - 2.0 * v,
    lambda u, v: engine.tanh(u),
    lambda u, v: engine.relu(u) * v,
    lambda u, v: u / (2.0 + v * v),
    lambda u, v: engine.exp(u * 0.1) + v**2,
]
places = st.floats(0.0, 0.999)
actions = st.lists(
    st.tuples(st.sampled_from(ACTIONS), places, places, places), min_size=1, max_size=14
)
Action = tuple[str, float, float, float]


def stepping(actions: list[Action], arrays: bool) -> tuple[list[Any], Callable[[Any], Any]]:
    """Parameters and a state, and a step that does those things with them."""
    numbers = np.random.default_rng(1).uniform(-1, 1, (3, 2, 3))

    def leaf(x: Any, label: str) -> Any:
        if arrays:
            return Tensor(x, label, role="parameter")
        return Value(x[0, 0], label=label, role="parameter")

    ps = [leaf(x, label) for x, label in zip(numbers, ("w", "b", ""), strict=True)]
    state = State(0.5, "s")

    def one(x: Any) -> Any:
        return x.sum() if arrays else x

    def step(x: Any) -> Any:
        pool, losses = [x, *ps], []
        for action, i, j, k in actions:
            u, v = pool[int(i * len(pool))], pool[int(j * len(pool))]
            p, q = ps[int(i * 3)], ps[int(j * 3)]
            if action == "compute":
                pool.append(FUNCTIONS[int(k * len(FUNCTIONS))](u, v))
            elif action == "backward":
                losses.append(one(pool[-1] * pool[-1] + u))
                losses[-1].backward()
            elif action == "clear":
                for w in ps:
                    w.grad = 0.0
            elif action == "descend":
                p.data = p.data - 0.1 * p.grad
            elif action == "move":
                p.data = q.data if k > 0.7 else 0.5 * q.data + 0.1 * state.data
            elif action == "state":
                state.data = 0.9 * state.data + 0.01
            elif action == "no_grad":
                with no_grad():
                    pool.append(u * v + 0.5)
            elif action == "gradient":
                pool.append(0.1 * p.grad + p)
            elif action == "differentiate":
                pool.append(0.3 * gradient(one(u * u * q), q, create_graph=True))
            elif action == "halve":
                p.grad = 0.5 * p.grad
            elif action == "set":
                p.grad = 1.5
            elif not arrays and u > -1e9:
                pool.append(u + 1.0)
        ps[0].data = 1.0 * ps[0].data
        return [one(pool[-1] * 1.0), *losses]

    return [*ps, state], step


def outcome(places: list[Any], results: Any) -> list[Any]:
    """What a step returned, and what it left."""
    found = [float(getattr(x, "data", x)) for x in results]
    held = [np.array(x.data) for x in places]
    return [*found, *held, *(np.array(x.grad) for x in places[:3])]


def interpreted(program: Any) -> Any:
    """The program as its loops, run by Python."""
    with pytest.MonkeyPatch.context() as patch:
        return in_python(program, patch)


WAYS: dict[str, Callable[..., Any]] = {
    "replayed": lambda f, x: record(f, x, batch=False),
    "batched": lambda f, x: record(f, x, batch=True),
    "compiled": lambda f, x: interpreted(record(f, x, batch=False)),
    "batched and compiled": lambda f, x: interpreted(record(f, x, batch=True)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("arrays", [False, True])
@given(actions)
@example([("no_grad", 0.33, 0.37, 0.0), ("compute", 0.25, 0.25, 0.0), ("backward", 0.7, 0, 0)])
@example([("compute", 0.3, 0.3, 0.0), ("no_grad", 0.3, 0.3, 0), ("backward", 0.9, 0, 0)])
@example([("move", 0.7, 0.4, 0.9), ("clear", 0, 0, 0), ("move", 0.4, 0.9, 0.4)])
@example([("move", 0.9, 0.4, 0.9), ("halve", 0.5, 0, 0), ("backward", 0, 0, 0)])
@example([("set", 0.0, 0, 0), ("compute", 0.3, 0.3, 0), ("backward", 0.9, 0, 0)])
def test_steps_do_the_same_in_every_way(way: str, arrays: bool, actions: list[Action]) -> None:
    if arrays and way.startswith("batched"):
        return
    xs: Any = [0.3, -0.7, 0.9]
    if arrays:
        xs = [k * np.linspace(-1, 1, 6).reshape(2, 3) for k in (1.0, -0.5, 0.3)]
    places, step = stepping(actions, arrays)
    try:
        right = [outcome(places, step(Tensor(x) if arrays else Value(x))) for x in xs]
    except ValueError:  # data was changed before a derivative was taken
        return
    places, step = stepping(actions, arrays)
    program = WAYS[way](step, xs[0])
    for x, expected in zip(xs, right, strict=True):
        for a, b in zip(outcome(places, program(x)), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("way", ["replayed", "batched", "compiled"])
@pytest.mark.parametrize("arrays", [False, True])
@given(actions)
def test_loops_and_copies_of_steps_do_what_steps_do(
    way: str, arrays: bool, actions: list[Action]
) -> None:
    if arrays and way == "batched":
        return
    x: Any = np.linspace(-1, 1, 6).reshape(2, 3) if arrays else 0.3
    found = []
    for run in ("one by one", "in a loop", "copied"):
        places, step = stepping(actions, arrays)
        try:
            program = record(step, x, batch=way == "batched")
        except ValueError:
            return
        if run == "copied":
            places, program = pickle.loads(pickle.dumps((places, program)))
        program = interpreted(program) if way == "compiled" else program
        results = program.loop(3, x) if run == "in a loop" else [program(x) for _ in range(3)]
        found.append((results, outcome(places, results[-1])))
    for results, last in found[1:]:
        np.testing.assert_allclose(results, found[0][0], rtol=1e-12)
        for a, b in zip(last, found[0][1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("kind", ["numbers", "batch", "arrays"])
def test_the_text_of_a_training_step_gives_the_new_parameters(kind: str) -> None:
    xs, ys = [[0.5, 1.0], [-1.0, 0.25]], [1.0, 0.0]
    model: Any = nn.MLP(2, [3, 1], rng=0)
    model = model.vectorized() if kind == "arrays" else model
    optimiser = nn.SGD(model.parameters(), lr=0.1)
    step: Any = nn.training_step(model, nn.mean_squared_error, optimiser)
    inputs: Any = (np.array(xs), np.array(ys)) if kind == "arrays" else (xs, ys)
    program = record(step.eager, *inputs, batch=kind == "batch")
    names: dict[str, Any] = {"np": np}
    exec(program.source, names)
    held = [np.array(p.data) for p in program.parameters]
    if kind == "batch":  # a layer's weights and biases are one argument
        flat = np.array([x.item() for x in held])
        held = [flat[:9].reshape(3, 3), flat[9:].reshape(1, 4)]
    loss, new = names["step"](*(np.array(x) for x in inputs), *held, 0.1)
    assert loss == pytest.approx(program(*inputs), rel=1e-12)
    left = np.concatenate([np.ravel(p.data) for p in program.parameters])
    np.testing.assert_allclose(np.concatenate([np.ravel(x) for x in new]), left, rtol=1e-12)
