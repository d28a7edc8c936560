"""Compiled programs compute what the programs compute."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_program import same

import engine
import nn
from engine import Value, program, tanh
from engine.program import GuardError, record
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


@pytest.mark.parametrize("lowered", [False, True])
def test_a_training_loop(lowered: bool, monkeypatch: Any) -> None:
    needs_numba()
    if lowered:
        monkeypatch.setattr(program, "LARGE", -1)
        monkeypatch.setattr(program, "WORTH", 0)
    model, step = training()
    other, other_step = training()
    fast = record(step, XS, YS).jit()
    losses = fast.loop(10, XS, YS)
    assert losses == pytest.approx([other_step(XS, YS).data for _ in range(10)], rel=1e-11)
    assert fast(np.array(XS), YS) == pytest.approx(other_step(XS, YS).data, rel=1e-11)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.data == pytest.approx(q.data, rel=1e-10)
        assert p.grad == pytest.approx(q.grad, rel=1e-9, abs=1e-12)
    assert fast.parameters == model.parameters()
    assert fast.loop(0, XS, YS) == []
    assert "product" in fast.source if lowered else "tanh(" in fast.source
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


def test_a_training_loop_of_arrays() -> None:
    needs_numba()
    from engine.program.compiled_arrays import CompiledArrays

    rel = 1e-4
    xs, ys = np.array(XS, np.float32), np.array(YS, np.float32)

    def twin() -> tuple[Any, Any]:
        model = MLP(2, [4, 1], rng=5).vectorized(dtype="float32")
        optimiser = SGD(model.parameters(), lr=0.05, momentum=0.9)

        def step(xs: Any, ys: Any) -> Any:
            loss = nn.mean_squared_error(model(xs), ys)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return loss

        return model, step

    model, step = twin()
    other, other_step = twin()
    recorded: Any = record(step, xs, ys)
    fast, slow = CompiledArrays(recorded), record(other_step, xs, ys)
    losses = [fast(xs, ys), *fast.loop(5, xs, ys)]
    assert losses == pytest.approx([slow(xs, ys) for _ in range(6)], rel=rel)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=rel, atol=rel)
        np.testing.assert_allclose(p.grad, q.grad, rtol=100 * rel, atol=rel)
    with pytest.raises(ValueError, match="recorded with shape"):
        fast(xs[:2], ys)


def test_gradients_of_a_function_of_arrays() -> None:
    needs_numba()
    from engine.program.compiled_arrays import CompiledArrays

    def f(a: Any, b: Any) -> Any:
        c = ((a @ b).max(1) * a[:, 0]).sum() + (a.T @ a).exp().sum(0)[1]
        return c + b.reshape((6,))[1:4].sum()

    a, b = np.arange(6.0).reshape(3, 2) / 10, np.arange(6.0).reshape(2, 3) / 7
    slow: Any = record(f, a, b)
    value, (da, db) = CompiledArrays(slow)(a, b)
    expected, (sa, sb) = slow(a, b)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(da, sa, rtol=1e-12)
    np.testing.assert_allclose(db, sb, rtol=1e-12)
