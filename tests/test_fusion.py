"""A fused function is the function: same values, gradients and graphs, as one node."""

from __future__ import annotations

import contextlib
import copy
import gc
import math
import sys
import threading
import weakref
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_array_program import Recipe, agree, inputs, recipes

import engine
from engine import Tensor, detect_anomaly, fuse, gradient, no_grad
from engine.check import gradcheck
from nn import MLP, SGD, mean_squared_error

INF, NAN = math.inf, math.nan


def compare(f: Any, fused: Any, arrays: Sequence[Any], relative: float = 1e-12) -> None:
    """Assert that both have one value and the same gradients, by both ways to them."""
    xs, ys = [Tensor(a) for a in arrays], [Tensor(a) for a in arrays]
    plain, node = f(*xs), fused(*ys)
    agree(node.data, plain.data, relative)
    plain.backward(1.0)
    slopes = gradient(node.sum(), ys)
    node.backward(1.0)
    for x, y, slope in zip(xs, ys, slopes, strict=True):
        agree(y.grad, x.grad, relative)
        agree(slope, x.grad, relative)
        assert y.grad.dtype == x.grad.dtype


@given(recipes(), st.integers(0, 999))
def test_values_and_gradients_on_any_inputs(f: Recipe, seed: int) -> None:
    fused = fuse(f)
    for k in range(3):
        compare(f, fused, inputs(f.shapes, seed + k))


@given(recipes(4), st.data())
def test_kinks_infinities_and_nan(f: Recipe, draw: st.DataObject) -> None:
    special = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, INF, -INF, NAN, 1e300])
    arrays = [
        np.array(draw.draw(st.lists(special, min_size=n * k, max_size=n * k))).reshape(n, k)
        for n, k in f.shapes
    ]
    fused = fuse(f)
    fused(*inputs(f.shapes, 0))
    compare(f, fused, arrays)


@given(recipes(5), st.integers(0, 999))
def test_gradients_that_are_graphs(f: Recipe, seed: int) -> None:
    fused = fuse(f)
    arrays = inputs(f.shapes, seed)
    results = []
    for function in (f, fused):
        xs = [Tensor(a) for a in arrays]
        slopes = gradient(function(*xs), xs, create_graph=True)
        along = engine.sum([(d * np.cos(a)).sum() for d, a in zip(slopes, arrays, strict=True)])
        results.append([*(d.data for d in slopes), *gradient(along, xs)])
    for a, b in zip(*results, strict=True):
        agree(a, b, 1e-10)


def objective(x: Any, y: Any) -> Any:
    return ((x.tanh() * y) ** 2).sum(1)


def test_one_node_with_the_functions_name() -> None:
    fused = fuse(objective)
    x = Tensor(np.ones((2, 3)))
    y = fused(x, np.ones((2, 3)))
    assert (y.args[0], y._op, y.shape) == (x, "objective", (2,))
    assert (fused.__name__, fused.__wrapped__) == ("objective", objective)
    assert gradcheck(lambda x, y: fused(x, y).sum(), inputs([(2, 3), (2, 3)], 0), order=2)


def test_several_results_at_once_keep_their_own_numbers() -> None:
    fused = fuse(objective)
    ones = np.ones((2, 3))
    xs = [Tensor(k * ones) for k in range(20)]
    ys = [fused(x, ones) for x in xs]
    for k in reversed(range(20)):
        np.testing.assert_array_equal(ys[k].data, objective(Tensor(k * ones), ones).data)
        ys[k].backward(1.0)
        expected = Tensor(k * ones)
        objective(expected, ones).backward(1.0)
        agree(xs[k].grad, expected.grad)
    total = engine.sum([y.sum() for y in ys])
    again = gradient(total, xs)
    for x, slope in zip(xs, again, strict=True):
        agree(x.grad, slope)


def test_backward_twice_and_with_any_seed() -> None:
    fused = fuse(objective)
    x, seed = Tensor(inputs([(2, 3)], 0)[0]), np.array([1.0, -2.0])
    y = fused(x, np.ones((2, 3)))
    y.backward(seed)
    once = x.grad.copy()
    y.backward(seed)
    agree(x.grad, 2 * once)
    plain = Tensor(x.data)
    objective(plain, np.ones((2, 3))).backward(seed)
    agree(once, plain.grad)


def test_leaves_outside_are_read_at_each_call_and_get_gradients() -> None:
    w = Tensor([1.0, 2.0], "w", role="parameter")
    fused = fuse(lambda x: (w * x).tanh().sum())
    for numbers in ([1.0, 2.0], [0.5, -3.0]):
        w.data = numbers
        x = Tensor([0.1, 0.2])
        w.grad = 0.0
        fused(x).backward()
        v, z = Tensor(numbers), Tensor([0.1, 0.2])
        (v * z).tanh().sum().backward()
        agree(w.grad, v.grad)
        agree(x.grad, z.grad)
    y = fused(x)
    w.data = [7.0, 7.0]
    agree(gradient(y, w), v.grad)


def test_a_networks_loss_trains_as_without() -> None:
    mlp = MLP(2, [4, 1], activation="tanh", rng=0)
    xs, ts = np.random.default_rng(0).normal(size=(8, 2)), np.linspace(-1, 1, 8)
    results = []
    for fused in (True, False):
        twin = mlp.vectorized()

        def loss(xs: Any, ts: Any, twin: Any = twin) -> Any:
            return mean_squared_error(twin(xs), ts)

        function: Any = fuse(loss) if fused else loss
        optimiser = SGD(twin.parameters(), 0.1, momentum=0.9)
        for _ in range(30):
            y = function(xs, ts)
            twin.zero_grad()
            y.backward()
            slopes = gradient(y, twin.parameters())
            agree(np.concatenate([d.ravel() for d in slopes]), twin.buffer.whole.grad)
            optimiser.step()
        with pytest.raises(ValueError, match="parameters were changed after it was recorded"):
            y.backward()
        results.append(twin.buffer.whole.data)
    agree(results[0], results[1], 1e-10)


def test_float32_is_kept() -> None:
    fused = fuse(objective)
    x = Tensor(np.ones((2, 3), np.float32))
    y = fused(x, np.ones((2, 3), np.float32))
    y.backward(1.0)
    assert {y.dtype, x.grad.dtype} == {np.dtype("float32")}
    compare(objective, fused, inputs([(2, 3), (2, 3)], 0))  # in float64 it is another plan
    compare(objective, fused, inputs([(5, 3), (5, 3)], 0))


def test_other_kinds_of_operands_are_taken_as_without() -> None:
    fused = fuse(objective)
    x = Tensor(inputs([(2, 3)], 0)[0])
    for other in (np.ones((2, 3), int), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], 2.0):
        agree(fused(x, other).data, objective(x, other).data)
    for wrong in ("a", None, 1j, np.array([1j]), [[1.0], [2.0, 3.0]], [x, x]):
        with pytest.raises(TypeError, match="real numbers|one length|stack|float64"):
            fused(x, wrong)


class Foreign:
    """Another library's array, with a dtype of its own."""

    dtype = "float"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.ones(3)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("other", [
    2.0, 2, [1.0, 2.0, 3.0], [1, 2, 3], np.ones(3), np.ones(3, "float32"), np.ones(3, "float16"),
    np.ones(3, object), np.float64(2.0), Fraction(1, 2), Foreign(),
])  # fmt: skip
def test_plain_operands_take_on_the_precision_of_tensors(kind: str, other: Any) -> None:
    x = Tensor(np.array([0.5, -1.0, 2.0], kind))
    y = fuse(lambda x, y: (x * y).sum())(x, other)
    expected = (x * other).sum()
    assert y.dtype == expected.dtype == kind
    agree(y.data, expected.data, 1e-6)


def test_modes_are_honoured() -> None:
    fused = fuse(lambda x: x.log().sum())
    with no_grad():
        y = fused(Tensor([1.0, 2.0]))
    assert (y.args, y.role) == ((), "constant")
    with detect_anomaly(), pytest.raises(FloatingPointError, match="log"):
        fused(Tensor([0.0, 1.0]))
    assert fused(Tensor([0.0, 1.0])).item() == -INF


def test_copies_have_gradients_of_their_own() -> None:
    fused = fuse(objective)
    x = Tensor(np.ones((2, 3)))
    y = fused(x, 2 * np.ones((2, 3)))
    other = copy.deepcopy(y)
    fused(Tensor(np.zeros((2, 3))), np.zeros((2, 3)))
    other.backward(1.0)
    y.backward(1.0)
    agree(other.args[0].grad, x.grad)
    assert other.args[0] is not x


def test_a_node_is_freed_with_its_arrays_for_the_next() -> None:
    fused = fuse(objective)
    gc.disable()
    try:
        x = Tensor(np.ones((2, 3)))
        for _ in range(30):
            y = fused(x, np.ones((2, 3)))
            y.backward(1.0)
            alive = weakref.ref(y)
            del y
            assert alive() is None
    finally:
        gc.enable()
    (plan,) = fused.plans.values()
    assert plan is not None
    assert len(plan.arenas) <= 2


def test_what_cannot_be_fused_is_refused_at_the_call() -> None:
    w = Tensor([1.0], "w")

    def assigning(x: Any) -> Any:
        w.data = w.data * 2
        return x.sum()

    with pytest.raises(TypeError, match="assigns nothing"):
        fuse(assigning)(Tensor([1.0]))
    with pytest.raises(TypeError, match="returns one Tensor, not tuple"):
        fuse(lambda x: (x, x))(Tensor([1.0]))
    with pytest.raises(TypeError, match=r"(?s)float.*test_fusion\.py:\d+"):
        fuse(lambda x: x * float(x.sum()))(Tensor([1.0]))
    assert w.item() == 1.0


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("line", range(12))
def test_a_backward_pass_that_was_interrupted_can_be_repeated(line: int, before: int) -> None:
    """Interrupted at one line after the other, in the first or in the second pass."""
    x = Tensor([0.5, -1.0, 2.0])
    y = fuse(lambda x: (x.tanh() * x).sum())(x)
    expected = gradient((x.tanh() * x).sum(), x)
    for _ in range(before):
        gradient(y, x)
    lines = iter(range(line, -1, -1))

    def interrupt(frame: Any, event: str, _: Any) -> Any:
        code = frame.f_code
        ours = code.co_filename == "<program>" or "fusion" in code.co_filename
        if event == "line" and ours and not next(lines, 1):
            raise KeyboardInterrupt
        return interrupt

    tracing = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            gradient(y, x)
    finally:
        sys.settrace(tracing)
    for _ in range(2):
        np.testing.assert_allclose(gradient(y, x), expected, rtol=1e-12)


def test_threads_differentiate_one_fused_node() -> None:
    x = Tensor(np.linspace(-1, 1, 1000))
    y = fuse(lambda x: (x.tanh() * x).sin().sum())(x)
    expected = gradient(y, x)
    found: list[Any] = []

    def run() -> None:
        found.extend(gradient(y, x) for _ in range(50))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    for slope in found:
        np.testing.assert_array_equal(slope, expected)
