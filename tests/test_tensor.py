"""Tensor: the rows entry by entry, against differences and `Value`, and its graphs."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import threading
import weakref
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from strategies_local import SPECIAL, arities, call, inside

import engine
from engine import (
    TABLE,
    Rule,
    Tensor,
    Value,
    detect_anomaly,
    gradient,
    hessian,
    hvp,
    jvp,
    no_grad,
    softmax_cross_entropy,
    topological_order,
    where,
)
from engine.check import gradcheck
from engine.tensor.backward import computed

Array = np.ndarray[Any, np.dtype[Any]]
UNIFORM = [row for row in TABLE if not row.variadic]
USES = [
    pytest.param(row, params, id=f"{row.name}{list(params) or ''}")
    for row in TABLE
    for params in row.samples
]


def random(shape: Sequence[int], seed: int = 0) -> Array:
    """Well-scaled numbers, all different."""
    return np.random.default_rng(seed).normal(size=shape)


# ---------------------------------------------------------------- entry by entry


def smooth(row: Rule, arrays: Sequence[Array], params: Sequence[Any]) -> bool:
    """Whether no entry is near a kink of the row."""
    from engine.tensor.arrays import ARRAYS

    found = row.kinks(ARRAYS[np.dtype("float64")], *arrays, *params)
    return all((abs(np.asarray(k)) > 0.05).all() for k in found)


@st.composite
def uses(draw: st.DrawFn, row: Rule) -> tuple[list[Array], tuple[Any, ...]]:
    """Arrays of shapes that broadcast, inside the row's domains, and parameters."""
    shapes = draw(
        mutually_broadcastable_shapes(
            num_shapes=row.arity, max_dims=3, min_side=0, max_side=3
        ).filter(lambda s: all(math.prod(shape) <= 6 for shape in s.input_shapes))
    ).input_shapes
    arrays = []
    for shape, domain in zip(shapes, row.domain, strict=True):
        size = math.prod(shape)
        numbers = draw(st.lists(inside(domain), min_size=size, max_size=size))
        arrays.append(np.array(numbers, dtype=float).reshape(shape))
    return arrays, draw(st.sampled_from(row.samples))


@pytest.mark.parametrize("row", UNIFORM, ids=lambda row: row.name)
def test_every_row_broadcasts_and_has_both_derivatives_right(row: Rule) -> None:
    def check(use: tuple[list[Array], tuple[Any, ...]]) -> None:
        arrays, params = use
        xs = [Tensor(a) for a in arrays]
        y = call(row, xs, params)
        assert y.shape == np.broadcast_shapes(*(a.shape for a in arrays))
        weights = random(y.shape)
        y.backward(weights)
        assert [x.grad.shape for x in xs] == [a.shape for a in arrays]
        report = gradcheck(lambda *xs: (call(row, xs, params) * weights).sum(), xs, order=2)
        assert report, str(report)

    cases = uses(row).filter(lambda use: smooth(row, *use))
    settings(max_examples=settings().max_examples // 4)(given(cases)(check))()


def within(a: float, b: float, ulps: int) -> bool:
    """Whether two floats agree to so many units in the last place, exactly on nan, inf, sign."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (a != a and b != b)
    if math.copysign(1, a) != math.copysign(1, b):
        return False
    return abs(a - b) <= ulps * max(math.ulp(a), math.ulp(b))


@pytest.mark.parametrize(("row", "params"), USES)
def test_at_edges_every_entry_is_what_a_scalar_is(row: Rule, params: tuple[Any, ...]) -> None:
    special: Sequence[float] = SPECIAL
    if (row.name, params) == ("power", (0.5,)):
        # NumPy, like PyTorch, takes the root for it: of −∞ that is nan and of −0 it is −0
        special = [
            x for x in SPECIAL if x != -math.inf and not (x == 0 and math.copysign(1, x) < 0)
        ]
    if row.variadic:
        special = (0.0, 1.0, -2.0, 1e300, -1e300, math.inf, -math.inf, math.nan)
    for n in arities(row, params)[:2]:
        columns = list(zip(*product(special, repeat=n), strict=True))
        xs = [Tensor(column) for column in columns]
        y = call(row, xs, params)
        y.backward(1.0)
        for i, numbers in enumerate(zip(*columns, strict=True)):
            values = [Value(x) for x in numbers]
            z = call(row, values, params)
            z.backward()
            # sums of several terms are added in another order
            ulps = 4 if not row.variadic else 64
            assert within(y.data[i], z.data, ulps), (numbers, y.data[i], z.data)
            for x, v in zip(xs, values, strict=True):
                slope = float(x.grad[i])
                assert within(slope, v.grad, ulps) or slope == v.grad == 0, (numbers, slope, v.grad)


@pytest.mark.parametrize(("row", "params"), USES)
def test_float32_stays_float32_in_values_and_gradients(row: Rule, params: tuple[Any, ...]) -> None:
    for n in arities(row, params)[:2]:
        xs = [Tensor(np.array([0.25, 0.5], np.float32)) for _ in range(n)]
        y = call(row, xs, params)
        y.backward(1.0)
        assert {y.dtype, y.grad.dtype, *(x.grad.dtype for x in xs)} == {np.dtype("float32")}
        first = gradient(y.sum(), xs, create_graph=True)
        second = gradient(engine.sum([d.sum() for d in first]), xs, create_graph=True)
        assert {d.dtype for d in (*first, *second)} == {np.dtype("float32")}


# ---------------------------------------------------------------- derivatives as functions


def test_hessians_and_products_with_them_agree_with_formulas() -> None:
    a = random((3, 3))

    def f(x: Any) -> Any:
        return (x @ a @ x) + (x**3).sum()

    at, v = random((3,), 1), random((3,), 2)
    expected = a + a.T + np.diag(6 * at)
    np.testing.assert_allclose(hessian(f)(at), expected, rtol=1e-12)
    np.testing.assert_allclose(hvp(f, at, v), expected @ v, rtol=1e-12)
    value, slope = jvp(f, at, v)
    np.testing.assert_allclose(value, at @ a @ at + (at**3).sum())
    np.testing.assert_allclose(slope, ((a + a.T) @ at + 3 * at**2) @ v, rtol=1e-12)
    assert hessian(lambda x: (x**2).sum())(np.ones((2, 3))).shape == (2, 3, 2, 3)
    assert hessian(lambda x: (x**2).sum())(np.ones(0)).shape == (0, 0)
    np.testing.assert_array_equal(hessian(lambda x: x.sum())(np.ones(2)), np.zeros((2, 2)))


def test_a_directional_derivative_is_by_the_argument_alone() -> None:
    x = Tensor([2.0, 3.0])
    value, slope = jvp(lambda v: v * x, x, np.array([1.0, 10.0]))
    np.testing.assert_array_equal(value, [4.0, 9.0])
    np.testing.assert_array_equal(slope, [2.0, 30.0])


def test_what_does_not_depend_on_the_argument_has_no_slope() -> None:
    values, slopes = jvp(lambda v: [v * 2, 3.0, v[0]], np.array([1.0, 4.0]), np.array([1.0, 10.0]))
    np.testing.assert_array_equal(values[0], [2.0, 8.0])
    np.testing.assert_array_equal(slopes[0], [2.0, 20.0])
    assert [float(x) for x in (*values[1:], *slopes[1:])] == [3.0, 1.0, 0.0, 1.0]


def test_gradients_can_be_differentiated_any_number_of_times() -> None:
    x = Tensor([0.5, 2.0])
    y = (x**4).sum()
    for expected in (4 * x.data**3, 12 * x.data**2, 24 * x.data, np.full(2, 24.0), np.zeros(2)):
        g = gradient(y, x, create_graph=True)
        np.testing.assert_allclose(g.data, expected)
        y = g.sum()


def test_lists_of_arrays_and_numbers_give_gradients_in_their_shape() -> None:
    def f(parameters: Any) -> Any:
        (w, b), scale = parameters
        return ((w @ b) * scale).sum()

    w, b = random((2, 3)), random((3,), 1)
    (dw, db), ds = engine.grad(f)([[w, b], 2.0])
    np.testing.assert_allclose(dw, 2 * np.tile(b, (2, 1)))
    np.testing.assert_allclose(db, 2 * w.sum(0))
    assert type(ds) is float
    assert math.isclose(ds, (w @ b).sum())


def test_gradients_are_arrays_of_their_own() -> None:
    x, y = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    dx, dy = gradient((x + y).sum(), [x, y])
    dx *= 7
    np.testing.assert_array_equal(dy, [1.0, 1.0])
    h = x + y
    s = h.sum()
    s.backward()
    h.grad[0] = 5.0  # one entry of a copy
    x.grad[0] = 5.0
    np.testing.assert_array_equal(y.grad, [1.0, 1.0])
    np.testing.assert_array_equal(h.grad, [1.0, 1.0])
    assert type(gradient(s, s)) is type(gradient(s, Tensor(1.0))) is np.ndarray


def test_mixed_precision_sends_each_operand_a_gradient_of_its_own() -> None:
    x = Tensor(np.ones(2, np.float32))
    h = x * 2
    w = Tensor([1.0, 2.0])
    y = (h * w).sum()
    y.backward()
    assert [t.dtype for t in (y, h.grad, x.grad, w.grad)] == [
        "float64", "float32", "float32", "float64",
    ]  # fmt: skip
    assert [d.dtype for d in gradient(y, [h, w])] == ["float32", "float64"]
    assert [d.dtype for d in gradient(y, [h, w], create_graph=True)] == ["float32", "float64"]


# ---------------------------------------------------------------- graphs


def test_leaves_accumulate_and_computed_nodes_start_anew() -> None:
    x = Tensor([1.0, 2.0])
    h = x * x
    y = h.sum()
    for times in (1, 2):
        y.backward()
        np.testing.assert_array_equal(x.grad, times * np.array([2.0, 4.0]))
        np.testing.assert_array_equal(h.grad, [1.0, 1.0])
    other = (h * 3).sum()
    other.backward()
    np.testing.assert_array_equal(x.grad, [10.0, 20.0])
    leaf = Tensor(3.0)
    leaf.backward()
    leaf.backward(2.0)
    assert leaf.grad == 3.0


def test_the_same_run_gives_the_same_bits() -> None:
    def run() -> bytes:
        x = Tensor(random((20, 30)))
        ((x @ x.T).tanh() * x.sum(1)).logsumexp().backward()
        return x.grad.tobytes()

    assert run() == run()


def test_seeds_are_gradients_of_the_results_shape() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    seed = np.array([[1.0, 10.0], [100.0, 1000.0]])
    y = x * 2
    y.backward(seed)
    seed[:] = 0.0
    np.testing.assert_array_equal(x.grad, [[2, 20], [200, 2000]])
    np.testing.assert_array_equal(y.grad, [[1, 10], [100, 1000]])


def test_arrays_that_are_given_are_copied() -> None:
    a = np.array([1.0, 2.0])
    x, y = Tensor(a), Tensor([0.0, 0.0])
    y.data = a
    x.grad = a
    z = x * a
    mask, index = a > 1, np.array([0, 1])
    chosen, gathered = where(mask, x, 0.0), x[index]
    classes = np.array([1])
    loss = softmax_cross_entropy(x.reshape(1, 2), classes)
    a[:], mask[:], index[:], classes[:] = 9.0, True, 0, 0
    np.testing.assert_array_equal([x.data, y.data, x.grad], [[1, 2]] * 3)
    for node, expected in ((z, [1, 2]), (chosen, [0, 1]), (gathered, [1, 1])):
        np.testing.assert_array_equal(gradient(node.sum(), x), expected)
    assert gradient(loss.sum(), x)[1] < 0


def test_any_layout_of_memory_will_do() -> None:
    a = np.arange(6.0).reshape(2, 3)
    fixed = a.copy()
    fixed.setflags(write=False)
    for given_array in (np.asfortranarray(a), a[:, ::-1], fixed, np.broadcast_to(a[0], (2, 3))):
        x = Tensor(given_array)
        (x.reshape(-1)[::2] ** 2).sum().backward()
        expected = np.zeros(6)
        expected[::2] = 2 * given_array.reshape(-1)[::2]
        np.testing.assert_array_equal(x.grad, expected.reshape(2, 3))
        x.data = x.data + 1
        x.grad[0] = 1.0


def test_numbers_convert_as_for_values() -> None:
    from decimal import Decimal
    from fractions import Fraction

    numbers: Any = [True, 2, np.float32(0.5), Decimal("0.25"), Fraction(1, 8), 10**400]
    x = Tensor(numbers)
    np.testing.assert_array_equal(x.data, [1, 2, 0.5, 0.25, 0.125, math.inf])
    assert x.dtype == np.float64
    assert math.copysign(1.0, Tensor(-0.0).item()) == -1.0
    assert (Tensor([2**63]) + 2**64).data == 2.0**63 + 2.0**64
    assert Tensor([1, 2], dtype="float32").dtype == np.float32


def test_equality_and_hash_are_those_of_the_object() -> None:
    x = Tensor([1.0])
    assert x == x
    assert x != Tensor([1.0])
    assert {x: 1}[x] == 1
    assert x in [Tensor([1.0]), x]


def test_comparisons_give_truth_values_without_a_gradient() -> None:
    x = Tensor([1.0, 2.0, 3.0])
    inside_both = (x >= 2) & (np.array([3.0, 3.0, 3.0]) > x)
    assert inside_both.data.tolist() == [False, True, False]
    assert ((x <= x) & True).data.all()
    assert bool(Tensor(1.0) < 2)
    ties = x < 2, x <= 2, x > 2, x >= 2
    assert [tie.data[1] for tie in ties] == [False, True, False, True]
    assert gradient((inside_both * x).sum(), x).tolist() == [0.0, 1.0, 0.0]
    assert (x > 1.5).mean().item() == pytest.approx(2 / 3)


def test_constants_get_no_gradient_and_roles_tell_them() -> None:
    c, x = Tensor([1.0], role="constant"), Tensor([2.0], "x", role="parameter", scope="layers.0")
    y = c * x
    y.backward()
    assert [c.grad.item(), x.grad.item()] == [0.0, 1.0]
    assert [c.role, x.role, y.role, (x + 1).args[1].role] == [
        "constant", "parameter", "computed", "constant",
    ]  # fmt: skip
    assert (x.label, x.scope, y._op, y.sign, (x**2)._op) == ("x", "layers.0", "*", "×", "**2")
    assert topological_order(y) == [c, x, y]
    with pytest.raises(ValueError, match="role is one of"):
        x.role = "weight"
    with pytest.raises(TypeError, match="a label is a str"):
        x.label = 3  # type: ignore[assignment]


def test_text() -> None:
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(Tensor([1.0], dtype="float32")) == "Tensor([1.], dtype=float32)"
    assert repr(Tensor(2.0) > 1) == "Tensor(True, dtype=bool)"
    assert len(repr(Tensor(np.ones((1000, 1000))))) < 1000
    assert f"{Tensor(2.0):.2f}" == "2.00"


def test_without_recording_results_are_constants() -> None:
    x = Tensor([1.0, 2.0])
    with no_grad():
        y = (x * 2).sum()
    assert (y.args, y.role, y.item()) == ((), "constant", 6.0)


def test_changed_data_change_no_recorded_gradient() -> None:
    x = Tensor([1.0, 2.0])
    y = (x * x).sum()
    x.data = [3.0, 4.0]
    np.testing.assert_array_equal(gradient(y, x), [2.0, 4.0])
    np.testing.assert_array_equal(gradient(copy.deepcopy(y), y.args[0]), [0.0, 0.0])
    twin = copy.deepcopy(y)
    twin.backward()
    np.testing.assert_array_equal(topological_order(twin)[0].grad, [2.0, 4.0])
    with pytest.raises(ValueError, match="no longer follows from its arguments"):
        gradient(y, x, create_graph=True)


def test_anomalies_name_the_node_its_operands_and_the_line() -> None:
    with detect_anomaly():
        x = Tensor([0.0, 1.0], "x")
        with pytest.raises(FloatingPointError, match=r"(?s)log, shape .*-inf.*'x'.*x.log\(\)"):
            x.log()
        y = x.sqrt().sum()
        message = "gradient of 'x' .* became inf in the backward pass of a node \\(sqrt"
        for run in (
            y.backward,
            lambda: gradient(y, x),
            lambda: gradient(y, x, create_graph=True),
        ):
            with pytest.raises(FloatingPointError, match=message):
                run()
        z = Tensor([-1.0, 2.0])
        assert hessian(lambda z: (z.relu() ** 2).sum())(z.data).tolist() == [[0, 0], [0, 2]]
        assert gradient(where(z > 0, z, 1.0).log().sum(), z, create_graph=True).data[0] == 0.0


DEEP = 20_000


def chain(n: int = DEEP) -> tuple[Tensor, Tensor]:
    """A leaf, and a result of n operations on each other."""
    x = Tensor([1.0, 2.0])
    y = x
    for _ in range(n):
        y = y * 1.0
    return x, y


def test_a_pass_goes_through_what_needs_a_gradient_in_the_order_of_the_graph() -> None:
    x, k = Tensor([1.0, -2.0]), Tensor([0.5, 3.0], role="constant")
    a, b, fixed = x * k, x.exp(), k.exp()
    y = (a * b + b * fixed - a).sum()
    needed = [node for node in topological_order(y) if node.args and node is not fixed]
    assert list(map(id, computed(y))) == list(map(id, needed))
    assert computed(fixed) == []


def test_the_gradient_of_an_entry_is_a_node_of_the_whole() -> None:
    x = Tensor([2.0, 3.0, 5.0])
    for y, first, second in (
        (x[0] ** 3, [12.0, 0.0, 0.0], [12.0, 0.0, 0.0]),
        ((x[1:] ** 3).sum(), [0.0, 27.0, 75.0], [0.0, 18.0, 30.0]),
        ((x[[2, 0, 2]] ** 3).sum(), [12.0, 0.0, 150.0], [12.0, 0.0, 60.0]),
    ):
        slope = gradient(y, x, create_graph=True)
        np.testing.assert_array_equal(slope.data, first)
        np.testing.assert_array_equal(gradient(slope.sum(), x), second)


def test_the_gradient_of_truth_values_is_a_number() -> None:
    x = Tensor([1.5, 2.25])
    holds = x < 2
    (holds * 2.5 * x).sum().backward()
    np.testing.assert_array_equal(holds.grad, [3.75, 5.625])
    np.testing.assert_array_equal(x.grad, [2.5, 0.0])


@pytest.mark.thorough
def test_depth_is_no_limit() -> None:
    x, y = chain()
    y.backward([1.0, 2.0])
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])
    np.testing.assert_array_equal(gradient(y.sum(), x), [1.0, 1.0])
    for made in (copy.deepcopy([x, y]), pickle.loads(pickle.dumps([x, y]))):
        made[0].grad = 0.0
        made[1].backward(1.0)
        np.testing.assert_array_equal(made[0].grad, [1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])
    z = Tensor(1.0)
    wide = z
    for _ in range(60):
        wide = wide + wide
    wide.backward()
    assert z.grad == 2.0**60


def test_a_graph_is_freed_with_its_root_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x, y = chain()
        z = (where(x > 1, x, 0.0) + x[[0, 0]]).logsumexp() + x.max() + y.sum()
        z.backward()
        g = gradient(z, x, create_graph=True)
        alive = [weakref.ref(node) for node in (y, z, g)]
        del y, z, g
        assert [node() for node in alive] == [None] * 3
    finally:
        gc.enable()


def test_copies_and_pickles_keep_names_roles_and_precision() -> None:
    x = Tensor([1.0], "w", dtype="float32", role="parameter", scope="layers.0")
    c = Tensor([2.0], role="constant")
    for made in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert (made.label, made.role, made.scope, made.dtype) == (
            "w", "parameter", "layers.0", np.float32,
        )  # fmt: skip
        made.data = [5.0]
    assert x.item() == 1.0
    assert pickle.loads(pickle.dumps(c)).role == "constant"
    kept = pickle.loads(pickle.dumps(where(x > 0, x, 0.0).sum()))
    assert [node.role for node in topological_order(kept)][-1] == "computed"


def test_threads_share_leaves() -> None:
    x = Tensor(np.ones(10))

    def work() -> None:
        for _ in range(100):
            (x * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(x.grad, np.full(10, 800.0))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_choice_without_axes_keeps_its_precision(kind: str) -> None:
    x = Tensor(np.array(-1.0, kind))
    for y in (x.relu(), x.leaky_relu(2.0), x.clip(0, 1), x.abs()):
        assert y.dtype == kind
        y.backward()
        assert x.grad.dtype == kind
    assert hessian(lambda t: t.relu() ** 2)(Tensor(np.array(-1.0))).item() == 0
