"""Operations on whole arrays: against differences, PyTorch and jax, and what they refuse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import engine
from engine import (
    Tensor,
    Value,
    concatenate,
    gradient,
    linear,
    matmul,
    softmax_cross_entropy,
    stack,
    sum_of_squares,
    where,
)
from engine.check import gradcheck
from engine.rules import ARRAY_TABLE

Array = np.ndarray[Any, np.dtype[Any]]


def random(shape: Sequence[int], seed: int = 0) -> Array:
    """Well-scaled numbers, all different."""
    return np.random.default_rng(seed).normal(size=shape)


OURS = SimpleNamespace(
    array=lambda x: x,
    sum=lambda x, axes, keep=False: x.sum(axes, keep),
    mean=lambda x, axes, keep=False: x.mean(axes, keep),
    max=lambda x, axes, keep=False: x.max(axes, keep),
    min=lambda x, axes, keep=False: x.min(axes, keep),
    logsumexp=lambda x, axes, keep=False: x.logsumexp(axes, keep),
    softmax=lambda x, axis: x.softmax(axis),
    transpose=lambda x, axes: x.transpose(axes),
    stack=stack, concatenate=concatenate, where=where, tanh=engine.tanh, exp=engine.exp,
    linear=linear,
    cross_entropy=softmax_cross_entropy,
    binary=lambda z, t: engine.binary_cross_entropy(z, t),
)  # fmt: skip


def in_torch() -> Any:
    """The same operations in PyTorch."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    return SimpleNamespace(
        array=torch.as_tensor,
        sum=lambda x, axes, keep=False: torch.sum(x, axes, keep),
        mean=lambda x, axes, keep=False: torch.mean(x, axes, keep),
        max=lambda x, axes, keep=False: torch.amax(x, axes, keep),
        min=lambda x, axes, keep=False: torch.amin(x, axes, keep),
        logsumexp=lambda x, axes, keep=False: torch.logsumexp(x, axes, keep),
        softmax=torch.softmax,
        transpose=torch.permute,
        stack=torch.stack, concatenate=torch.cat, tanh=torch.tanh, exp=torch.exp,
        where=lambda c, a, b: torch.where(c, a, torch.as_tensor(b, dtype=torch.float64)),
        linear=lambda x, w, b, phi: getattr(torch, phi)(f.linear(x, w, b)),
        cross_entropy=lambda z, t: f.cross_entropy(z, torch.as_tensor(t), reduction="none"),
        binary=lambda z, t: f.binary_cross_entropy_with_logits(z, t, reduction="none"),
    )  # fmt: skip


def in_jax() -> Any:
    """The same operations in jax."""
    jax = pytest.importorskip("jax")
    jnp, special = jax.numpy, jax.scipy.special
    return SimpleNamespace(
        array=jnp.asarray,
        sum=lambda x, axes, keep=False: jnp.sum(x, axes, keepdims=keep),
        mean=lambda x, axes, keep=False: jnp.mean(x, axes, keepdims=keep),
        max=lambda x, axes, keep=False: jnp.max(x, axes, keepdims=keep),
        min=lambda x, axes, keep=False: jnp.min(x, axes, keepdims=keep),
        logsumexp=lambda x, axes, keep=False: special.logsumexp(x, axes, keepdims=keep),
        softmax=jax.nn.softmax,
        transpose=jnp.transpose,
        stack=jnp.stack, concatenate=jnp.concatenate, where=jnp.where, tanh=jnp.tanh, exp=jnp.exp,
        linear=lambda x, w, b, phi: getattr(jnp, phi)(x @ w.T + b),
        cross_entropy=lambda z, t: -jax.nn.log_softmax(z)[jnp.arange(len(t)), jnp.asarray(t)],
        binary=lambda z, t: jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-abs(z))),
    )  # fmt: skip


MASK = np.array([[True, False, True], [False, False, True]])
REPEATED = np.array([[0, 1, 0], [1, 1, 0]])
Operation = Callable[..., Any]
OPERATIONS: dict[str, tuple[Operation, list[tuple[tuple[int, ...], ...]]]] = {
    "matmul": (
        lambda m, a, b: a @ b,
        [((2, 3), (3, 2)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2), (2, 2, 1)),
         ((2, 1, 1, 2), (2, 2, 1)), ((1, 2), (2, 2, 1)), ((2,), (2, 2, 1)), ((0, 3), (3, 2)),
         ((2, 0), (0, 3)), ((1, 1), (1, 1))],
    ),
    "sum": (lambda m, x: m.sum(x, (0, -1)), [((2, 3),), ((0, 3),), ((2, 1, 3),)]),
    "sum of one axis, kept": (lambda m, x: m.sum(x, 1, True), [((2, 3),), ((2, 0),)]),
    "mean": (lambda m, x: m.mean(x, -1), [((2, 3),), ((1,),)]),
    "max": (lambda m, x: m.max(x, 0), [((2, 3),), ((1, 1),), ((2, 0),)]),
    "min": (lambda m, x: m.min(x, (0, 1), True), [((2, 3),), ((1, 1),)]),
    "max of ties": (lambda m, x: m.max(m.concatenate([x, x], 0), 0), [((2, 3),)]),
    "logsumexp": (lambda m, x: m.logsumexp(x, 1), [((2, 3),), ((3, 1),)]),
    "logsumexp of two axes": (lambda m, x: m.logsumexp(100 * x, (0, 2), True), [((2, 3, 2),)]),
    "softmax": (lambda m, x: m.softmax(x, 0), [((2, 3),), ((3,),), ((1, 1),), ((2, 0),)]),
    "reshape": (lambda m, x: x.reshape((3, -1)), [((2, 3),), ((3, 2, 2),), ((3,),)]),
    "transpose": (lambda m, x: m.transpose(x, (2, 0, 1)), [((1, 2, 3),), ((1, 2, 0),)]),
    "index": (lambda m, x: x[1], [((2, 3),), ((2,),)]),
    "slice": (lambda m, x: x[..., 1:, None], [((2, 3),), ((1,),)]),
    "stride": (lambda m, x: x[::2, -1], [((5, 3),), ((1, 1),)]),
    "mask": (lambda m, x: x[m.array(MASK)], [((2, 3),), ((2, 3, 2),)]),
    "gather": (lambda m, x: x[m.array(REPEATED)], [((2,),), ((2, 3),)]),
    "gather pairs": (lambda m, x: x[m.array(REPEATED), m.array(REPEATED)], [((2, 3),)]),
    "gather nothing": (lambda m, x: x[m.array(np.array([], int))], [((2, 3),)]),
    "gather beside a slice": (lambda m, x: x[:, m.array(np.array([0, 0, 1]))], [((2, 3),)]),
    "stack": (lambda m, x, y: m.stack([x, y, x], 1), [((2, 3), (2, 3)), ((0,), (0,))]),
    "stack numbers": (lambda m, x, y: m.stack([x, y], 0), [((), ())]),
    "concatenate": (lambda m, x, y: m.concatenate([x, y, x], -1), [((2, 3), (2, 1)), ((0,), (2,))]),
    "where": (lambda m, x, y: m.where(x > y, m.exp(x), y), [((2, 3), (3,)), ((2, 1), (1, 3))]),
    "where, a number": (lambda m, x: m.where(m.array(MASK), x, 0.5), [((2, 3),), ((3,),), ((),)]),
    "linear": (
        lambda m, x, w, b: m.linear(x, w, b, "tanh"),
        [((3, 2), (2, 2), (2,)), ((3,), (2, 3), (2,)), ((0, 3), (2, 3), (2,)),
         ((2, 2, 2), (1, 2), (1,))],
    ),
    "cross-entropy": (lambda m, z: m.cross_entropy(z, [0, 2]), [((2, 3),)]),
    "large cross-entropy": (lambda m, z: m.cross_entropy(1000 * z, [1, 0]), [((2, 2),)]),
    "binary cross-entropy": (lambda m, z, t: m.binary(z, t * t), [((3,), (3,)), ((0,), (0,))]),
}  # fmt: skip
SHAPED = [
    pytest.param(f, shapes, id=f"{name} {shapes}")
    for name, (f, options) in OPERATIONS.items()
    for shapes in options
]


@pytest.mark.parametrize(("f", "shapes"), SHAPED)
def test_every_operation_has_both_derivatives_right(
    f: Operation, shapes: tuple[tuple[int, ...], ...]
) -> None:
    arrays = [random(shape, i) for i, shape in enumerate(shapes)]
    weights = random(f(OURS, *map(Tensor, arrays)).shape, 9)
    xs = [Tensor(a) for a in arrays]
    report = gradcheck(lambda *xs: (f(OURS, *xs).tanh() * weights).sum(), xs, order=2)
    assert all(finding.passes for finding in report.findings), str(report)


@pytest.mark.parametrize(("f", "shapes"), SHAPED)
def test_every_operation_is_pytorchs(f: Operation, shapes: tuple[tuple[int, ...], ...]) -> None:
    torch = pytest.importorskip("torch")
    arrays = [random(shape, i) for i, shape in enumerate(shapes)]
    ours, theirs = (
        [Tensor(a) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
    )
    y, z = f(OURS, *ours), f(in_torch(), *theirs)
    weights = random(y.shape, 9)
    y.backward(weights)
    z.backward(torch.tensor(weights))
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-13)
    for x, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "name",
    ["matmul", "mean", "max", "max of ties", "logsumexp", "gather", "concatenate",
     "where", "linear", "cross-entropy", "binary cross-entropy"],
)  # fmt: skip
def test_some_operations_are_jaxs(name: str) -> None:
    jax = pytest.importorskip("jax")
    f, (shapes, *_) = OPERATIONS[name]
    arrays = [random(shape, i) for i, shape in enumerate(shapes)]
    ours = [Tensor(a) for a in arrays]
    y = f(OURS, *ours)
    weights = random(y.shape, 9)
    y.backward(weights)
    m = in_jax()
    with jax.enable_x64(True):
        z, pull = jax.vjp(lambda *xs: f(m, *xs), *map(jax.numpy.asarray, arrays))
        slopes = pull(jax.numpy.asarray(weights))
    np.testing.assert_allclose(y.data, z, rtol=1e-12, atol=1e-13)
    for x, slope in zip(ours, slopes, strict=True):
        np.testing.assert_allclose(x.grad, slope, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("f", "shapes"), SHAPED)
def test_every_operation_keeps_float32(f: Operation, shapes: tuple[tuple[int, ...], ...]) -> None:
    xs = [Tensor(random(shape, i), dtype="float32") for i, shape in enumerate(shapes)]
    y = f(OURS, *xs)
    y.backward(1.0)
    first = gradient(y.sum(), xs, create_graph=True)
    assert {y.dtype, *(x.grad.dtype for x in xs), *(d.dtype for d in first)} == {
        np.dtype("float32")
    }


@given(
    mutually_broadcastable_shapes(signature="(n,k),(k,m)->(n,m)", min_side=0, max_side=3),
    st.integers(0, 99),
)
def test_matmul_is_numpys_on_any_shapes_that_fit(shapes: Any, seed: int) -> None:
    a, b = (random(shape, seed + i) for i, shape in enumerate(shapes.input_shapes))
    x, y = Tensor(a), Tensor(b)
    z = x @ y
    np.testing.assert_allclose(z.data, a @ b, rtol=1e-13, atol=1e-13)
    z.backward(1.0)
    assert (x.grad.shape, y.grad.shape) == (a.shape, b.shape)
    assert math.isclose((x.grad * a).sum(), z.data.sum(), rel_tol=1e-9, abs_tol=1e-9)


def test_the_largest_of_ties_share_the_gradient_and_repeated_indices_accumulate() -> None:
    x = Tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    x.max(1).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    x.grad = 0.0
    x.min().backward()
    np.testing.assert_array_equal(x.grad, [[1, 0, 0], [0, 0, 0]])
    v = Tensor([1.0, 2.0])
    v[[0, 0, 1, -2]].backward([1.0, 10.0, 100.0, 1000.0])
    np.testing.assert_array_equal(v.grad, [1011.0, 100.0])


def test_a_branch_that_is_not_taken_passes_nothing_back() -> None:
    x = Tensor([-1.0, 0.0, 2.0])
    for y in (x.relu().log(), where(x > 0, x, 1.0).log(), engine.max(x, 1.0).log()):
        (g,) = gradient(y.sum(), [x])
        np.testing.assert_array_equal(g, [0.0, 0.0, 0.5])
        (g,) = gradient(y.sum(), [x], create_graph=True)
        np.testing.assert_array_equal(g.data, [0.0, 0.0, 0.5])


def test_logsumexp_and_softmax_neither_overflow_nor_lose_an_infinite_entry() -> None:
    x = Tensor([[1e300, 1e300], [-1e300, 0.0], [-math.inf, 0.0]])
    np.testing.assert_allclose(x.logsumexp(1).data, [1e300, 0.0, 0.0])
    np.testing.assert_array_equal(x[1:].softmax(1).data, [[0, 1], [0, 1]])
    x[1:].logsumexp(1).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 0], [0, 1], [0, 1]])
    y = Tensor([math.inf, 0.0]).logsumexp()
    assert y.item() == engine.logsumexp([math.inf, 0.0])
    assert Tensor([-math.inf, -math.inf]).logsumexp().item() == -math.inf
    assert math.isnan(Tensor([math.nan, 0.0]).logsumexp().item())
    losses = softmax_cross_entropy(Tensor([[1e4, 0.0], [0.0, -1e300]]), [1, 0])
    np.testing.assert_array_equal(losses.data, [1e4, 0.0])


def test_all_rows_have_an_operation_in_these_tests() -> None:
    tested = {
        "matmul", "sum_over", "max_over", "logsumexp_over", "reshape", "transpose", "index",
        "concatenate", "select", "linear", "cross_entropy_rows", "less", "less_equal", "greater",
        "greater_equal", "equal", "both", "astype", "scatter", "broadcast_to", "with_ones",
        "count", "one_hot", "pick_rows", "sum_of_squares",
        "gather", "scatter_at", "require",  # in test_array_program: they are for recorded inputs
    }  # fmt: skip
    assert set(ARRAY_TABLE) == tested
    x = Tensor([[1.0, -2.0], [0.5, 3.0]])
    assert gradcheck(lambda x: engine.sum_of_squares([x, x[0]]), [x], order=2)
    assert gradcheck(lambda x: matmul(x, x).astype("float64").sum(), [x], order=2)


# ---------------------------------------------------------------- what is refused

X = Tensor([[1.0, 2.0], [3.0, 4.0]])
V = Tensor([1.0, 2.0, 3.0])
NONE = Tensor(np.zeros((0, 3)))
made: Any = Tensor  # of what it does not take
join: Any = concatenate
squares: Any = sum_of_squares


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: X + V, r"add: shapes \(2, 2\) and \(3,\) do not go together"),
        (lambda: X * np.ones((3, 1, 3)), r"mul: shapes \(2, 2\) and \(3, 1, 3\)"),
        (lambda: np.ones(3) / X, r"div: shapes \(3,\) and \(2, 2\)"),
        (lambda: X < V, r"less: shapes \(2, 2\) and \(3,\)"),
        (lambda: X @ V, r"matmul: shapes \(2, 2\) and \(3,\)"),
        (lambda: X @ 2.0, r"matmul: shapes \(2, 2\) and \(\)"),
        (lambda: X.dot(V), r"dot: shapes \(2, 2\) and \(3,\) differ"),
        (lambda: stack([X, V]), r"stack: shapes \(2, 2\) and \(3,\) differ"),
        (lambda: stack([X], 4), r"no place 4 for a new axis beside shape \(2, 2\)"),
        (lambda: concatenate([X, V]), r"shapes \(2, 2\) and \(3,\) differ beside axis 0"),
        (lambda: concatenate([X], 2), r"no axis 2 in an array of shape \(2, 2\)"),
        (lambda: concatenate([]), "at least one Tensor"),
        (lambda: where(X > 0, X, V), r"\(2, 2\) and \(2, 2\) and \(3,\)"),
        (lambda: linear(V, X), r"inputs of shape \(3,\) and a weight of shape \(2, 2\)"),
        (lambda: linear(X, X, V), r"has a bias of shape \(2,\), not \(3,\)"),
        (lambda: linear(X, X, None, "foo"), "no activation is called 'foo'; there are neg"),
        (lambda: linear(X, X, None, "power"), "no activation is called 'power'"),
        (lambda: softmax_cross_entropy(X, [0]), r"classes of shape \(2,\), not \(1,\)"),
        (lambda: softmax_cross_entropy(X, [0, 2]), "no class 2 among 2 logits"),
        (lambda: softmax_cross_entropy(X, [-1, 0]), "no class -1 among 2 logits"),
        (lambda: sum_of_squares([]), "at least one Tensor"),
        (lambda: NONE.max(0), r"none: shape \(0, 3\), axes \(0,\)"),
        (lambda: X.sum(2), r"no axis 2 in an array of shape \(2, 2\)"),
        (lambda: X.sum((0, -2)), "an axis is named twice"),
        (lambda: X.softmax(2), "no axis 2"),
        (lambda: X.reshape(3), r"shape \(2, 2\) has 4 entries: they do not fill shape \(3,\)"),
        (lambda: X.reshape(-1, -1), "do not fill"),
        (lambda: X.transpose(0), "does not order the 2 axes"),
        (lambda: X.transpose(1, 1), "an axis is named twice"),
        (lambda: X.transpose(0, 5), "no axis 5"),
        (lambda: X.backward(), r"has shape \(2, 2\): sum it, or give a seed of its shape"),
        (lambda: X.backward([1.0]), r"the seed of a Tensor of shape \(2, 2\) cannot have shape"),
        (lambda: gradient(X, X), "starts from one number"),
        (lambda: float(X), r"float\(\) takes one number; this Tensor has shape \(2, 2\)"),
        (lambda: X.item(), r"item\(\) takes one number"),
        (lambda: bool(X > 0), r"where\(\)"),
        (lambda: bool(NONE), "one number"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_named(run: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: made("a"), "real numbers, not str 'a'"),
        (lambda: made(None), "not NoneType"),
        (lambda: made([1j]), "not list"),
        (lambda: made(["1"]), "real numbers"),
        (lambda: made([[1, 2], [3]]), "the rows of an array are of one length"),
        (lambda: made([object()]), "real numbers"),
        (lambda: made(np.array([1], "float16")), "float32 or float64, not float16"),
        (lambda: made(np.array([1], "longdouble")), "float32 or float64"),
        (lambda: made([1], dtype="int64"), "float32 or float64, not int64"),
        (lambda: made(np.array(["2020"], "M8[Y]")), "real numbers"),
        (lambda: made([Value(1.0)]), "real numbers"),
        (lambda: made([X, X]), "a list of Tensors becomes one by stack"),
        (lambda: X * [V, V], "a list of Tensors becomes one by stack"),
        (lambda: X + Value(1.0), "a Tensor does not compute with a Value"),
        (lambda: Value(1.0) + X, "real number, not Tensor"),
        (lambda: X + "a", "real numbers, not str"),
        (lambda: None * X, "real numbers, not NoneType"),
        (lambda: X @ None, "real numbers"),
        (lambda: X ** "a", "real numbers, not str"),
        (lambda: X.leaky_relu(V), "leaky_relu takes a real number, not Tensor"),
        (lambda: X.clip("a"), "clip takes a real number, not str"),
        (lambda: X.astype("int64"), "float32 or float64"),
        (lambda: X.sum("a"), "an axis is a whole number"),
        (lambda: X.sum(1.0), "an axis is a whole number"),
        (lambda: X.transpose("ab"), "an axis is a whole number"),
        (lambda: X.reshape("a"), "whole numbers"),
        (lambda: X.reshape(-2, 2), "whole numbers"),
        (lambda: X.reshape(2.0, 2), "whole numbers"),
        (lambda: X[Tensor([0.0])], "no index"),
        (lambda: X.backward("a"), "real numbers, not str"),
        (lambda: (X[0, 0] > 0).backward(), "starts from real numbers, not bool"),
        (lambda: X & X, "consists of truth values, not float64"),
        (lambda: where(X, X, 0), "consists of truth values"),
        (lambda: where(None, X, 0), "consists of truth values"),
        (lambda: join(X), "takes a list of Tensors, not Tensor"),
        (lambda: join([X], "a"), "an axis is a whole number"),
        (lambda: stack("ab"), "takes a list"),
        (lambda: squares(X), "takes a list"),
        (lambda: softmax_cross_entropy(X, [0.5, 1]), "classes are whole numbers"),
        (lambda: softmax_cross_entropy(X, ["a", "b"]), "classes are whole numbers"),
        (lambda: np.linalg.norm(X), "numpy.norm would cut the graph"),
        (lambda: np.dot(X, X), "numpy.dot would cut the graph"),
        (lambda: np.add.reduce(X), "NotImplemented"),
        (lambda: np.add(X, 1, out=np.ones((2, 2))), "NotImplemented"),
        (lambda: len(X[0, 0]), "no length"),
        (lambda: gradient(X.sum(), 3.0), "Values or Tensors, not float"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused(run: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        run()


def test_indices_out_of_range_name_the_shape() -> None:
    for key in (5, (0, 0, 0), "a", 1.0, np.array([True, False, True])):
        with pytest.raises(IndexError, match=r"in a Tensor of shape \(2, 2\)"):
            X[key]
    with pytest.raises(TypeError, match="not assigned one by one"):
        X[0] = 1.0


def test_numpys_functions_make_nodes_or_read() -> None:
    x = Tensor([[1.0, -2.0], [3.0, 4.0]])
    cases: Any = (
        (np.sum(x, axis=0), [4, 2]),
        (np.mean(x), 1.5),
        (np.max(x, 1, keepdims=True), [[1], [4]]),
        (np.where(x > 0, x, 0.0), [[1, 0], [3, 4]]),
        (np.concatenate([x, np.ones((1, 2))]), [[1, -2], [3, 4], [1, 1]]),
        (np.stack([x, x], axis=-1)[0], [[1, 1], [-2, -2]]),
        (np.reshape(x, (1, 4)), [[1, -2, 3, 4]]),
        (np.transpose(x), [[1, 3], [-2, 4]]),
        (np.maximum(x, 2), [[2, 2], [3, 4]]),
        (np.ones((2, 2)) @ x, [[4, 2], [4, 2]]),
        (np.float64(2.0) - x, [[1, 4], [-1, -2]]),
        (np.abs(x), [[1, 2], [3, 4]]),
        (np.power(2.0, x), [[2, 0.25], [8, 16]]),
        (np.power(x, 2), [[1, 4], [9, 16]]),
        (x ** [1, 2], [[1, 4], [3, 16]]),
    )
    for y, expected in cases:
        assert isinstance(y, Tensor)
        np.testing.assert_allclose(y.data, expected)
        assert gradient(y.sum(), x).any()
    assert np.shape(x) == (2, 2)
    assert np.allclose(x, x.data)


def test_a_row_over_a_sequence_takes_one_tensor_in_its_place() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 5.0]])
    assert engine.sum(x).item() == x.sum().item() == 11
    assert engine.mean(x).item() == 2.75
    assert engine.logsumexp(x).item() == x.logsumexp().item()
    assert engine.dot(x[0], [3.0, 4.0]).item() == 11
    assert engine.affine(x[0], [3.0, 4.0], 0.5).item() == 11.5
    np.testing.assert_allclose(engine.softmax(x).data.sum(-1), [1, 1])
    losses = engine.cross_entropy(x, [0, 1])
    np.testing.assert_array_equal(losses.data, engine.softmax_cross_entropy(x, [0, 1]).data)


def test_the_rows_compute_with_plain_arrays() -> None:
    x = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(engine.relu(x), [0, 0, 2])
    np.testing.assert_array_equal(engine.max(x, 1), [1, 1, 2])
    np.testing.assert_array_equal(engine.leaky_relu(x, 0.5), [-0.5, 0, 2])
    np.testing.assert_array_equal(engine.log(x), [np.nan, -np.inf, np.log(2)])
    assert engine.sigmoid(x.astype("float32")).dtype == np.float32
    assert engine.exp(np.array([0, 1])).dtype == np.float64
    with pytest.raises(TypeError, match="exp takes arrays of real numbers, not of object"):
        engine.exp(np.array([None]))
    with pytest.raises(TypeError, match="exp takes arrays of real numbers, not of complex128"):
        engine.exp(np.array([1j]))


def test_softmax_is_along_the_last_axis_whatever_it_is_given() -> None:
    grid = [[1.0, 2.0], [3.0, 5.0], [0.0, -1.0]]
    right = engine.softmax(Tensor(grid)).data
    values = [[Value(x) for x in row] for row in grid]
    objects = np.array(values, dtype=object)
    given: list[Any] = [grid, np.array(grid), values, tuple(map(tuple, grid)), objects]
    for each in given:
        found = engine.softmax(each)
        rows = [[float(x.data if isinstance(x, Value) else x) for x in row] for row in found]
        assert np.allclose(rows, right, rtol=1e-15)


def test_numpys_names_for_what_the_table_knows() -> None:
    for name in ("arcsin", "arccos", "arctan", "fabs", "exp2", "square", "reciprocal", "sinh"):
        function, x = getattr(np, name), Value(0.5)
        function(x).backward()
        t = Tensor([0.5])
        function(t).sum().backward()
        assert t.grad[0] == pytest.approx(x.grad)
        assert function(t).data[0] == pytest.approx(function(0.5))
        assert function(x).data == pytest.approx(function(0.5))
    for name in ("cbrt", "log2", "arcsinh"):  # no rows
        for y in (Value(0.5), Tensor([0.5])):
            with pytest.raises(TypeError):
                getattr(np, name)(y)


def test_numpys_variance_of_values() -> None:
    for function, slopes in ((np.var, [-1.0, 1.0]), (np.std, [-0.5, 0.5])):
        xs = [Value(3.0), Value(5.0)]
        found: Any = function(xs)
        found.backward()
        assert [x.grad for x in xs] == slopes


@pytest.mark.parametrize("f", [np.arctan2, np.hypot, np.logaddexp, np.fmod])
def test_functions_of_numpy_without_a_derivative_are_named(f: Any) -> None:
    x = Tensor([1.0, 2.0])
    for args in ((x, x), (x, 2.0), (np.ones(2), x)):
        with pytest.raises(TypeError, match=rf"numpy\.{f.__name__} has no derivative"):
            f(*args)


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e30, -1.0, 3.0])
def test_real_classes_are_checked_before_they_become_whole(wrong: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"there is no class {wrong}")):
        softmax_cross_entropy(Tensor(np.ones((2, 3))), np.array([0.0, wrong]))
