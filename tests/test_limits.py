"""No limits but memory: deep, wide and reused graphs, and nothing left behind."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import sys
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import engine
from engine import Value, grad, gradient, hvp, jvp, topological_order

FULL = bool(os.environ.get("CI"))
MILLION = 1_000_000
SEVERAL = MILLION if FULL else 60_000  # where the same has been tried with a million already


@pytest.fixture(autouse=True)
def _collector_off() -> Iterator[None]:
    """Whatever is freed is freed by counting references, and the recursion limit stays as it is."""
    gc.collect()
    gc.disable()
    limit = sys.getrecursionlimit()
    yield
    garbage = gc.collect()
    gc.enable()
    assert sys.getrecursionlimit() == limit
    assert garbage < 100, "reference cycles"


def chain(x: Value, length: int) -> Value:
    """x, plus 1 that many times, as a node for each: every other one has a single argument."""
    y = x
    for _ in range(length // 2):
        y = -(-y + 1.0)
    return y


def test_a_chain_of_a_million_nodes_runs_forward_backward_and_is_freed() -> None:
    x = Value(1.0)
    y = x
    for _ in range(MILLION):
        y = y.relu()
    y.backward()
    assert x.grad == 1.0
    inner = weakref.ref(y.args[0])
    del y
    assert inner() is None


def test_a_chain_through_the_second_argument() -> None:
    x = Value(0.0)
    y = x
    for _ in range(SEVERAL):
        y = 1.0 + y
    y.backward()
    assert (y.data, x.grad) == (SEVERAL, 1.0)


def test_a_chain_of_nodes_over_sequences() -> None:
    x = Value(1.0)
    y = x
    for _ in range(SEVERAL // 2):
        y = engine.sum([x, y, y * 0.0])
    y.backward()
    assert y.data == SEVERAL // 2 + 1
    assert x.grad == SEVERAL // 2 + 1


def test_a_chain_of_handmade_nodes() -> None:
    def step(a: Value) -> Value:
        out = Value(a.data, (a,), "same")

        def _backward() -> None:
            a.grad += node().grad  # type: ignore[union-attr]

        node = weakref.ref(out)
        out._backward = _backward
        return out

    x = Value(3.0)
    y = x
    for _ in range(20_000):
        y = step(y)
    y.backward()
    assert x.grad == 1.0


def test_a_long_chain_is_copied() -> None:
    x = Value(1.0)
    y = chain(x, SEVERAL)
    z = copy.deepcopy(y)
    leaf = topological_order(z)[0]
    z.backward()
    assert (leaf.grad, x.grad) == (1.0, 0.0)


def test_a_long_chain_is_pickled() -> None:
    x = Value(1.0)
    y = chain(x, SEVERAL)
    z = pickle.loads(pickle.dumps(y))
    leaf = topological_order(z)[0]
    z.backward()
    assert (leaf.grad, x.grad) == (1.0, 0.0)


def test_a_chain_is_pickled_together_with_its_parts_in_linear_size() -> None:
    x = Value(1.0)
    middle = chain(x, 400)
    y = chain(middle, 400)
    alone = len(pickle.dumps(y))
    for together in (
        (x, y),
        (middle, y),
        (y, middle),
        (x, middle, y, x),
        [x, [y]],
        {"w": x, "y": y},
    ):
        assert len(pickle.dumps(together)) < 1.1 * alone + 100
    a, b, c = pickle.loads(pickle.dumps((middle, y, x)))
    b.backward()
    assert (a.grad, c.grad) == (1.0, 1.0)
    assert len(topological_order([a, b, c])) == len(topological_order(y))


def test_the_gradient_of_a_long_chain_and_its_graph() -> None:
    x = Value(0.5)
    y = x
    for _ in range(10_000):
        y = (y * 1.0001).tanh()
    slope = gradient(y, x, create_graph=True)
    y.backward()
    assert slope.data == x.grad
    slope.backward()
    del slope, y


def test_forward_mode_and_hessian_products_of_a_long_chain() -> None:
    def f(x: Value) -> Value:
        for _ in range(5_000):
            x = (x * 1.0001).sin()
        return x

    assert jvp(f, 0.5, 1.0)[1] == pytest.approx(grad(f)(0.5), rel=1e-9)
    assert hvp(f, 0.5, 1.0) == pytest.approx(grad(grad(f))(0.5), rel=1e-9)


def test_a_leaf_used_a_million_times() -> None:
    x = Value(2.0)
    y = engine.sum([x] * MILLION)
    y.backward()
    assert (y.data, x.grad) == (2.0 * MILLION, MILLION)
    assert len(topological_order(y)) == 2
    x.grad = 0.0
    z = x
    for _ in range(SEVERAL):
        z = z + x
    z.backward()
    assert x.grad == SEVERAL + 1
    inner = weakref.ref(z.args[0])
    del z
    assert inner() is None


def test_a_product_of_many_and_a_sum_of_many() -> None:
    xs = [Value(float(i % 7)) for i in range(SEVERAL)]
    ws = [Value(1.0) for _ in xs]
    y = engine.dot(ws, xs)
    y.backward()
    assert [w.grad for w in ws] == [x.data for x in xs]
    total = engine.logsumexp(xs)
    total.backward()
    assert sum(x.grad for x in xs) == pytest.approx(SEVERAL + 1, rel=1e-9)


def test_sixty_stacked_diamonds() -> None:
    x = Value(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert y.data == x.grad == 2.0**60
    assert gradient(y, x) == 2.0**60
    assert gradient(y, x, create_graph=True).data == 2.0**60
    assert len(topological_order(y)) == 61
    assert jvp(lambda x: doubled(x, 60), 1.0, 1.0) == (2.0**60, 2.0**60)
    copied = copy.deepcopy(y)
    copied.backward()
    assert topological_order(copied)[0].grad == 2.0**61
    pickled = pickle.loads(pickle.dumps(y))
    assert len(topological_order(pickled)) == 61


def doubled(x: Value, times: int) -> Value:
    for _ in range(times):
        x = x.tanh() + x - x.tanh() + x
    return x


def test_wide_diamonds_with_a_thousand_levels_take_linear_time() -> None:
    x = Value(0.001)
    y = x
    for _ in range(1_000):
        y = engine.mean([y.sin(), y.tanh(), y, -y, y * y, 2 * y])
    y.backward()
    assert x.grad == gradient(y, x)


def test_every_use_of_a_graph_leaves_nothing_for_the_collector() -> None:
    x, w = Value(0.5), Value(-0.3)

    def f(v: Any) -> Any:
        return (v * 3 + engine.logsumexp([v, v * v, 0.1])).tanh() ** 2 + v.max(0.3) / (v + 2)

    y = f(x) + f(w)
    node = weakref.ref(y.args[0])
    y.backward()
    gradient(y, [x, [w]])
    gradient(gradient(y, x, create_graph=True), [x, w])
    copy.deepcopy(y)
    copy.copy(y)
    pickle.loads(pickle.dumps(y))
    repr(y), f"{y:.3f}", y.partials, y._prev, y._op, dir(y)
    topological_order(y)
    grad(f)(0.5)
    grad(grad(f))(0.5)
    engine.hessian(f)(0.5)
    hvp(f, 0.5, 1.0)
    jvp(f, 0.5, 1.0)
    engine.value_and_grad(f)(0.5)
    str(f(engine.Symbol("x")))
    with engine.no_grad():
        f(x)
    with engine.detect_anomaly():
        f(x).backward()
    with pytest.raises(TypeError):
        x + "2"
    assert gc.collect() == 0
    del y
    assert node() is None
    assert gc.collect() == 0


def bytes_per_node(count: int, label: str = "") -> float:
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    x = y = Value(0.5)
    for _ in range(count // 3):
        y = (y * x + x).tanh()
        if label:
            y.label, y.scope = label, "layers.0"
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(topological_order(y)) == count // 3 * 3 + 1
    return (after - before) / count


def test_a_node_takes_at_most_160_bytes() -> None:
    assert bytes_per_node(30_000) <= 160


def test_a_node_with_a_label_and_a_scope_takes_no_more() -> None:
    assert bytes_per_node(30_000, "h") <= 160


@pytest.mark.thorough
def test_no_memory_is_left_when_graphs_come_and_go() -> None:
    x = Value(0.5)

    def step() -> None:
        y = x
        for _ in range(300):
            y = (y * x + 1.0).tanh()
        y.backward()
        gradient(y, x, create_graph=True)

    tracemalloc.start()
    for _ in range(5):
        step()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(10):
        step()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000  # one graph is twice as large
