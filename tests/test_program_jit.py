"""Compiled programs compute what the programs compute."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_array_program import Recipe, recipes
from test_array_program import inputs as random_inputs
from test_program import same

import engine
import nn
from engine import Tensor, Value, tanh
from engine.program import GuardError, compiler, loops, machine, record
from engine.state import State
from engine.tensor.buffer import Buffer
from nn import MLP, SGD, Adam

XS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, -2.0]]
YS = [0.0, 1.0, 1.0, 0.0, 1.0]


def needs_numba() -> None:
    """Skip a test where there is no compiler."""
    pytest.importorskip("numba", reason="compiled programs need numba (extra jit)")


def training() -> tuple[MLP, Callable[[Any, Any], Any]]:
    """A network and a step of its training."""
    model = MLP(2, [3, 1], activation="tanh", rng=3)
    optimiser = Adam(model.parameters(), lr=0.05)

    def step(xs: Any, ys: Any) -> Any:
        loss = nn.mean_squared_error([model(x) for x in xs], ys)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return model, step


@pytest.mark.parametrize("batched", [False, True])
def test_a_training_loop(batched: bool) -> None:
    needs_numba()
    model, step = training()
    other, other_step = training()
    fast = record(step, XS, YS, batch=batched).jit()
    losses = fast.loop(10, XS, YS)
    assert losses == pytest.approx([other_step(XS, YS).data for _ in range(10)], rel=1e-11)
    assert fast(np.array(XS), YS) == pytest.approx(other_step(XS, YS).data, rel=1e-11)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.data == pytest.approx(q.data, rel=1e-10)
        assert p.grad == pytest.approx(q.grad, rel=1e-9, abs=1e-12)
    assert fast.parameters == model.parameters()
    assert fast.loop(0, XS, YS) == []
    assert "product" in fast.source if batched else "tanh(" in fast.source
    with pytest.raises(TypeError, match="the argument xs"):
        fast(XS[:2], YS)


def test_values_gradients_edges_and_guards() -> None:
    needs_numba()
    w = Value(2.0)

    def f(x: Any, ys: Any) -> Any:
        h = (x / w).exp() + x.log() * x.max(0.5) + ys[0] ** 0.5 - ys[1].relu()
        return h if x < 4 else -h

    slow = record(f, 1.0, [2.0, 3.0])
    fast = slow.jit()
    for inputs in ((1.0, [2.0, 3.0]), (0.5, [0.0, 0.0]), (-1.0, [-2.0, math.inf])):
        value, (dx, dys, dw) = fast(*inputs)
        expected, (sx, sys_, sw) = slow(*inputs)
        for a, b in zip((value, dx, *dys, dw), (expected, sx, *sys_, sw), strict=True):
            assert same(a, b), inputs
    w.data = 0.0
    assert fast(1.0, [1.0, 1.0])[0] == math.inf
    with pytest.raises(GuardError, match="x < 4"):
        fast(5.0, [1.0, 1.0])
    with pytest.raises(TypeError, match="takes numbers"):
        fast(np.ones(3), [1.0, 1.0])


def test_without_numba_there_is_a_clear_message(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    fast = record(lambda x: tanh(x) * engine.exp(x), 1.0)
    with pytest.raises(ImportError, match=r"gradpath\[jit\]"):
        fast.jit()
    assert fast(0.0) == (0.0, (1.0,))


@pytest.mark.parametrize("hidden", [4, 300])
def test_a_training_loop_of_arrays(hidden: int) -> None:
    needs_numba()

    rel = 1e-4
    xs, ys = np.array(XS, np.float32), np.array(YS, np.float32)

    def twin() -> tuple[Any, Any]:
        model = MLP(2, [hidden, hidden // 60 + 1], rng=5).vectorized(dtype="float32")
        optimiser = SGD(model.parameters(), lr=0.05, momentum=0.9)

        def step(xs: Any, ys: Any) -> Any:
            loss = nn.mean_squared_error(model(xs), ys)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return loss

        return model, step

    ys = np.outer(ys, np.ones(6, np.float32)) if hidden > 60 else ys
    model, step = twin()
    other, other_step = twin()
    recorded: Any = record(step, xs, ys)
    fast, slow = recorded.jit(), record(other_step, xs, ys)
    large = hidden > 60 and importlib.util.find_spec("scipy") is not None
    assert ("np.dot" in fast.source) is large  # small products are loops
    losses = [fast(xs, ys), *fast.loop(5, xs, ys)]
    assert losses == pytest.approx([slow(xs, ys) for _ in range(6)], rel=rel)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=rel, atol=rel)
        np.testing.assert_allclose(p.grad, q.grad, rtol=100 * rel, atol=rel)
    with pytest.raises(ValueError, match="recorded with shape"):
        fast(xs[:2], ys)


def test_gradients_of_a_function_of_arrays() -> None:
    needs_numba()

    def f(a: Any, b: Any) -> Any:
        c = ((a @ b).max(1) * a[:, 0]).sum() + (a.T @ a).exp().sum(0)[1]
        return c + b.reshape((6,))[1:4].sum()

    a, b = np.arange(6.0).reshape(3, 2) / 10, np.arange(6.0).reshape(2, 3) / 7
    slow: Any = record(f, a, b)
    value, (da, db) = slow.jit()(a, b)
    expected, (sa, sb) = slow(a, b)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(da, sa, rtol=1e-12)
    np.testing.assert_allclose(db, sb, rtol=1e-12)


# ---------------------------------------------------------------- the loops themselves


def interpreted(program: Any, patch: pytest.MonkeyPatch) -> Any:
    """A program of arrays as its loops, run by Python: what is compiled, without a compiler."""

    def plainly(f: Any = None, **options: Any) -> Any:
        return f or plainly

    def steps(text: str) -> Any:
        names = compiler.namespace(plainly)
        exec(text, names)
        return names["steps"]

    patch.setattr(machine, "compile_loops", steps)
    return program.jit()


@given(recipes(5), st.sampled_from(["float64", "float32"]), st.sampled_from([1, 10**9]))
def test_loops_compute_what_the_program_computes(f: Recipe, dtype: str, products: int) -> None:
    assume("gather" not in {name for name, *_ in f.steps})
    arrays = [x.astype(dtype) for x in random_inputs(f.shapes, 1)]
    program: Any = record(f, *arrays)
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(loops, "PRODUCTS", products)
        try:
            fast = interpreted(program, patch)
        except NotImplementedError:
            assume(False)
        (value, slopes), (expected, others) = fast(*arrays), program(*arrays)
    relative = 1e-11 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(value, expected, rtol=relative, atol=relative)
    for a, b in zip(slopes, others, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=relative, atol=relative)


def test_without_scipy_all_products_are_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    program: Any = record(lambda a, b: (a @ b).sum(), np.ones((30, 20)), np.ones((20, 10)))
    assert "np.dot(" in interpreted(program, monkeypatch).source or not importlib.util.find_spec(
        "scipy"
    )
    monkeypatch.setattr(loops, "find_spec", lambda name: None)
    fast = interpreted(program, monkeypatch)
    assert "np.dot(" not in fast.source
    assert fast(np.ones((30, 20)), np.ones((20, 10)))[0] == 6000.0


MOVES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "copy": lambda a, b, g: 1.0 * a,  # an array of its own
    "mix": lambda a, b, g: 0.5 * a - b,
    "descend": lambda a, b, g: a - 0.1 * g,
    "shrink": lambda a, b, g: a / (1 + b * b),
    "sum": lambda a, b, g: a + b + g,
}
moves = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from(sorted(MOVES)), st.integers(0, 4), st.integers(0, 4)
    ),
    min_size=1,
    max_size=6,
)


def shuffling(moves: Any, dtype: str, cleared: bool) -> tuple[list[Any], Callable[[Any], Any]]:
    """Places, and a step that computes their new numbers from each other's."""
    numbers = np.random.default_rng(3).normal(size=(5, 2, 3)).astype(dtype)
    buffer = Buffer(numbers[:2].ravel())
    leaves = [buffer.view(6 * i, (2, 3), label=f"v{i}", dtype=dtype) for i in range(2)]
    leaves += [Tensor(x, "w", role="parameter", dtype=dtype) for x in numbers[2:4]]
    places = [*leaves, State(numbers[4].copy(), "state")]
    count, last = State(0.0, "count"), State(1.0, "last")

    def step(x: Any) -> Any:
        loss = sum(((w * x).tanh().sum() for w in leaves), Tensor(0.0, dtype=dtype))
        if cleared:
            for w in leaves:
                w.grad = 0.0
        loss.backward()
        count.data, last.data = count.data + last.data, 0.5 * count.data
        for target, move, i, j in moves:
            g = leaves[j % 4].grad * (1 - 0.9**count.data)
            places[target].data = MOVES[move](places[i].data, places[j].data, g)
        return loss

    return places, step


@given(moves, st.sampled_from(["float64", "float32"]), st.booleans())
def test_places_are_written_when_nothing_needs_their_old_numbers(
    moves: Any, dtype: str, cleared: bool
) -> None:
    x = np.array([0.3, -0.2, 0.1], dtype)
    found = []
    for way in ("eager", "replayed", "loops"):
        places, step = shuffling(moves, dtype, cleared)
        run: Any = step if way == "eager" else record(step, x)
        with pytest.MonkeyPatch.context() as patch:
            if way == "loops":
                run = interpreted(run, patch)
            losses = [float(run(x)) for _ in range(2)]
            places[2].data = places[2].data * 0.5  # another array
            losses += run.loop(2, x) if way == "loops" else [float(run(x)) for _ in range(2)]
        grads = [p.grad for p in places[:4]]
        found.append((losses, *(np.asarray(p.data) for p in places), *grads))
    relative = 1e-10 if dtype == "float64" else 1e-4
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(b, a, rtol=relative, atol=relative)
            assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("kind", [SGD, Adam, nn.AdamW, nn.RMSprop])
def test_a_step_in_single_precision_computes_in_it(kind: Any) -> None:
    generator = np.random.default_rng(0)
    x, y = (generator.normal(size=(5, n)).astype("float32") for n in (3, 2))
    found = []
    for way in ("eager", "replayed", "loops"):
        model = MLP(3, [8, 2], rng=0).vectorized(dtype="float32")
        optimiser = kind(model.parameters(), lr=0.01)

        def step(x: Any, y: Any, model: Any = model, optimiser: Any = optimiser) -> Any:
            loss = nn.mean_squared_error(model(x), y)
            model.zero_grad()
            loss.backward()
            optimiser.step()
            return loss

        run: Any = step if way == "eager" else record(step, x, y)
        if way != "eager":
            assert "float64" not in run.source
        with pytest.MonkeyPatch.context() as patch:
            run = interpreted(run, patch) if way == "loops" else run
            for _ in range(3):
                run(x, y)
        optimiser.lr = np.array(0.1)  # of a schedule that computes with arrays
        run(x, y)
        step(x, y)
        found.append(np.concatenate([p.data.ravel() for p in model.parameters()]))
    np.testing.assert_array_equal(found[1], found[0])  # also with what a program leaves behind
    np.testing.assert_allclose(found[2], found[0], rtol=1e-4, atol=1e-6)


def test_a_state_without_axes_is_a_plain_number() -> None:
    state = State(np.float64(0.1))
    assert (type(state.data), (state.data * np.ones(2, "float32")).dtype) == (float, np.float32)
    state.data = np.array(3)
    assert repr(state) == "State(3)"


def test_arrays_may_have_many_axes() -> None:
    x, w = (np.random.default_rng(i).normal(size=(2, 1, 2, 3, 2, 2)[i:]) for i in range(2))
    program = record(lambda x, w: (x.tanh() * w).sum((1, 4)).sum(), x, w)
    value, (dx, dw) = program(x, w)
    with pytest.MonkeyPatch.context() as patch:
        got, (ex, ew) = interpreted(program, patch)(x, w)
    assert got == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(ex, dx, rtol=1e-12)
    np.testing.assert_allclose(ew, dw, rtol=1e-12)
