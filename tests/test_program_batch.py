"""Programs of arrays: what was recorded with scalars is recognised, and gives the same numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from test_program import as_function, eager, same

import engine
import nn
from engine import Value, gradient
from engine.program import Program
from engine.strategies import Computation, Step, computations
from nn import MLP, SGD, Adam, AdamW

record = partial(engine.record, batch=True)  # also what is small and irregular


def is_batched(p: Program) -> bool:
    """Whether the program computes with arrays."""
    try:
        return bool(p.render("buffered"))
    except ValueError:
        return False


@given(computations(max_nodes=20))
@example(Computation((0.5,), (Step("pow", (0.125, 0)),)))
def test_any_graph_gives_the_same_numbers_on_blocks(c: Computation) -> None:
    f = as_function(c)
    value, gradients = record(f, *c.inputs)(*c.inputs)
    expected, slopes = eager(f, c.inputs)
    assert same(value, expected, 1e-9, 1.0)
    scale = 1 + max(map(abs, slopes))
    if scale < 1e6:
        assert all(same(a, b, 1e-9, scale) for a, b in zip(gradients, slopes, strict=True))


@given(
    widths=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    samples=st.integers(1, 6),
    activation=st.sampled_from(["relu", "tanh", "sigmoid", "softplus", "gelu", "elu"]),
    fused=st.booleans(),
    loss=st.sampled_from(["mean_squared_error", "hinge", "binary_cross_entropy"]),
    seed=st.integers(0, 1000),
)
def test_networks_train_as_their_graphs_do(
    widths: list[int], samples: int, activation: str, fused: bool, loss: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    xs, ys = rng.normal(size=(samples, widths[0])).tolist(), [1.0] * samples

    def training() -> tuple[MLP, Callable[[Any], Any]]:
        model = MLP(widths[0], [*widths[1:], 1], activation=activation, fused=fused, rng=seed)
        optimiser = SGD(model.parameters(), lr=0.05, momentum=0.5)

        def step(xs: Any) -> Any:
            total = getattr(nn, loss)([model(x) for x in xs], ys)
            total = total + 0.01 * sum(p * p for p in model.parameters())
            optimiser.zero_grad()
            total.backward()
            optimiser.step()
            return total

        return model, step

    model, step = training()
    eager_model, eager_step = training()
    fast = record(step, xs)
    assert is_batched(fast)
    losses = [fast(xs), *fast.loop(3, xs)]
    assert losses == pytest.approx([eager_step(xs).data for _ in range(4)], rel=1e-12, abs=1e-12)
    for p, q in zip(model.parameters(), eager_model.parameters(), strict=True):
        assert p.data == pytest.approx(q.data, rel=1e-10, abs=1e-12)
        assert p.grad == pytest.approx(q.grad, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_an_optimisers_state_is_kept(make: Any) -> None:
    def training() -> tuple[MLP, Any, Callable[[], Any]]:
        model = MLP(2, [4, 3], rng=1)
        optimiser = make(model.parameters(), lr=0.01, weight_decay=0.1)

        def step() -> Any:
            optimiser.zero_grad()
            loss = nn.cross_entropy([model([0.1, 0.2]), model([0.5, -1.0])], [0, 2])
            loss.backward()
            optimiser.step()
            return loss

        return model, optimiser, step

    model, optimiser, step = training()
    other, other_optimiser, other_step = training()
    fast = record(step)
    assert is_batched(fast)
    for i in range(8):
        if i == 4:
            optimiser.lr = other_optimiser.lr = 0.1
        assert fast() == pytest.approx(other_step().data, rel=1e-11)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.data == pytest.approx(q.data, rel=1e-11)


def test_a_layer_on_a_batch_is_one_matrix_product() -> None:
    model = MLP(3, [5, 5, 2], rng=0)

    def f(xs: Any) -> Any:
        return engine.mean([y * y for x in xs for y in model(x)])

    fast = record(f, [[0.1, 0.2, 0.3]] * 7)
    lines = fast.render("buffered").splitlines()
    assert 8 <= sum("np.dot(" in line or "np.matmul(" in line for line in lines) <= 10
    assert sum(line.startswith("    ") for line in lines) < 60
    assert not any("add.at" in line for line in lines)


def test_inputs_need_not_be_regular() -> None:
    def f(xs: Any, y: Any) -> Any:
        return engine.sum([x * y for row in xs for x in row])

    fast = record(f, [[1.0], [2.0, 3.0]], 4.0)
    assert is_batched(fast)
    assert fast([[1.0], [2.0, 3.0]], 4.0) == (24.0, ([[4.0], [4.0, 4.0]], 6.0))
    with pytest.raises(TypeError, match="the argument xs"):
        fast([[1.0, 2.0], [3.0]], 4.0)


def test_edges_are_those_of_floats() -> None:
    def f(xs: Any) -> Any:
        return engine.sum([engine.log(engine.relu(x)) / x for x in xs])

    for inputs in ([1.0, 2.0], [0.0, 1.0], [-1.0, math.inf], [math.nan, 1.0]):
        value, (slopes,) = record(f, [1.0, 1.0])(inputs)
        leaves = [Value(x) for x in inputs]
        y = f(leaves)
        assert same(value, y.data)
        assert all(same(a, b) for a, b in zip(slopes, gradient(y, leaves), strict=True))


def test_what_cannot_be_batched_runs_all_the_same() -> None:
    v, w = Value(1.0), Value(2.0)

    def copies(x: Any) -> Any:
        w.data = v.data
        v.grad = w.grad = 0.0
        loss = v * x + 3 * w * x
        loss.backward()
        return loss

    fast = record(copies, 1.0)
    assert not is_batched(fast)
    fast(2.0)
    assert (v.grad, w.grad, w.data) == (2.0, 6.0, 1.0)

    guarded = record(lambda x: x if x < 2 else -x, 1.0)
    assert not is_batched(guarded)
    with pytest.raises(ValueError, match="nothing is buffered"):
        guarded.render("buffered")


def test_numbers_of_other_kinds_and_arrays_are_inputs() -> None:
    fast = record(lambda xs: engine.sum([x * x for row in xs for x in row]), [[1.0, 2.0]] * 3)
    assert is_batched(fast)
    for xs in (np.ones((3, 2), np.float32), [[1, 1]] * 3, [(True, 1.0)] * 3):
        value, (slopes,) = fast(xs)
        assert value == 6.0
        assert slopes == [[2.0, 2.0]] * 3
    with pytest.raises(TypeError, match="must be a number, not str"):
        fast([["1", 1.0]] * 3)


def test_the_readable_rendering_is_the_network_in_matrices() -> None:
    model = MLP(2, [3, 1], rng=0)

    def step(xs: Any, ys: Any) -> Any:
        model.zero_grad()
        loss = nn.mean_squared_error([model(x) for x in xs], ys)
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
        return loss

    xs, ys = [[1.0, 1.0]] * 4, [0.0, 1.0, 2.0, 3.0]
    fast = record(step, xs, ys)
    assert fast.source.startswith(
        "def step(xs, ys, layers_0, layers_1):\n"
        "    # forward\n"
        "    z_0 = xs @ layers_0[:, :-1].T + layers_0[:, -1]\n"
        "    h_0 = np.where(z_0 < 0, 0, z_0)\n"
        "    z_1 = h_0 @ layers_1[:, :-1].T + layers_1[:, -1]\n"
    )
    layers = [
        np.array([[*(w.data for w in n.w), n.b.data] for n in layer.neurons])
        for layer in model.layers
    ]
    names: dict[str, Any] = {"np": np}
    exec(fast.source, names)
    loss, changed = names["step"](np.array(xs), np.array(ys), *layers)
    assert loss == pytest.approx(fast(xs, ys))
    flat = [x for layer in changed for x in layer.ravel()]
    assert [p.data for p in model.parameters()] == pytest.approx(flat)


def test_constants_are_arguments_of_the_readable_rendering() -> None:
    fast = record(lambda xs: engine.dot([1.5, 2.5], xs), [1.0, 1.0])
    names: dict[str, Any] = {"np": np}
    exec(fast.source, names)
    value, (slopes,) = names["program"](np.array([1.0, 2.0]), np.array([1.5, 2.5]))
    assert value == 6.5
    np.testing.assert_array_equal(slopes, [1.5, 2.5])
