"""`gradient`, `grad`, `hessian`, `hvp`, `jvp`: closed forms, nesting, shapes and errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies_local import SAFE, Program, close, programs, same

import engine
from engine import (
    Value,
    cos,
    detect_anomaly,
    exp,
    grad,
    gradient,
    hessian,
    hvp,
    jvp,
    log,
    no_grad,
    sin,
    tanh,
    topological_order,
    value_and_grad,
)

INF, NAN = math.inf, math.nan
Function = Callable[..., Any]


def near(x: Any, relative: float = 1e-12, absolute: float = 1e-14) -> Any:
    return pytest.approx(x, rel=relative, abs=absolute)


# ---------------------------------------------------------------- closed forms

CLOSED: dict[str, tuple[Function, list[Function]]] = {  # f and its derivatives of rising order
    "x³": (lambda x: x**3, [lambda x: 3 * x**2, lambda x: 6 * x, lambda x: 6.0, lambda x: 0.0]),
    "1/x": (lambda x: 1 / x, [lambda x: -(x**-2), lambda x: 2 * x**-3, lambda x: -6 * x**-4]),
    "exp": (lambda x: exp(2 * x), [lambda x, k=k: 2**k * math.exp(2 * x) for k in (1, 2, 3, 4)]),
    "log": (log, [lambda x: 1 / x, lambda x: -(x**-2), lambda x: 2 * x**-3, lambda x: -6 * x**-4]),
    "sin": (sin, [math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x), math.sin]),
    "x^x": (
        lambda x: x**x,
        [
            lambda x: x**x * (math.log(x) + 1),
            lambda x: x**x * ((math.log(x) + 1) ** 2 + 1 / x),
        ],
    ),
    "tanh": (
        tanh,
        [
            lambda x: 1 - math.tanh(x) ** 2,
            lambda x: -2 * math.tanh(x) * (1 - math.tanh(x) ** 2),
            lambda x: (6 * math.tanh(x) ** 2 - 2) * (1 - math.tanh(x) ** 2),
        ],
    ),
    "sqrt": (
        lambda x: engine.sqrt(x),
        [lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5, lambda x: 0.375 * x**-2.5],
    ),
    "2^x": (
        lambda x: 2**x,
        [lambda x, k=k: math.log(2) ** k * 2**x for k in (1, 2, 3)],
    ),
    "constant": (lambda x: 5.0, [lambda x: 0.0, lambda x: 0.0]),
    "identity": (lambda x: x, [lambda x: 1.0, lambda x: 0.0, lambda x: 0.0]),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("x", [0.3, 1.0, 2.5])
def test_nested_grad_gives_derivatives_of_any_order(name: str, x: float) -> None:
    f, derivatives = CLOSED[name]
    g = f
    for derivative in derivatives:
        g = grad(g)
        assert g(x) == near(derivative(x))
        assert type(g(x)) is float


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("x", [0.3, 1.0, 2.5])
def test_nested_jvp_gives_derivatives_of_any_order(name: str, x: float) -> None:
    f, derivatives = CLOSED[name]

    def forward(g: Function) -> Function:
        return lambda x: jvp(g, x, 1.0)[1]

    g = f
    for derivative in derivatives:
        g = forward(g)
        assert float(g(x)) == near(derivative(x))


@pytest.mark.parametrize("x", [1e-300, 1e-6, 0.5, 1.0, 3.0, 1e300])
def test_the_exponent_of_a_power_matters_also_where_it_is_zero(x: float) -> None:
    """∂²(xᶻ)/∂x∂z is 1/x at z = 0, although ∂(xᶻ)/∂x is 0 there."""
    by_x_then_z = grad(lambda z: grad(lambda v: v**z)(x))(0.0)
    by_z_then_x = grad(lambda v: grad(lambda z: v**z)(0.0))(x)
    assert float(by_x_then_z) == near(1 / x)
    assert float(by_z_then_x) == near(1 / x)


def test_grad_of_a_fifth_power_until_nothing_is_left() -> None:
    f: Function = lambda x: x**5  # noqa: E731
    found = []
    for _ in range(7):
        f = grad(f)
        found.append(f(1.0))
    assert found == [5.0, 20.0, 60.0, 120.0, 120.0, 0.0, 0.0]


def test_gradient_with_respect_to_inner_nodes_and_the_root() -> None:
    x = Value(2.0)
    h = x * x
    y = h * x
    assert gradient(y, [x, h, y]) == [12.0, 2.0, 1.0]
    assert [d.data for d in gradient(y, [x, h, y], create_graph=True)] == [12.0, 2.0, 1.0]
    assert gradient(x, x) == 1.0


def test_gradient_treats_an_inner_node_that_was_asked_for_as_any_other() -> None:
    x = Value(2.0)
    h = x.exp()
    assert gradient(h * h, [h, x]) == [2 * h.data, 2 * h.data * h.data]


def test_what_is_not_reached_has_derivative_zero() -> None:
    x, other = Value(2.0), Value(5.0)
    y = x * x
    later = y * 3
    assert gradient(y, [other, later]) == [0.0, 0.0]
    zero, three = gradient(y, (other, x), create_graph=True)
    assert (zero.data, type(zero)) == (0.0, Value)
    assert three.data == 4.0
    assert gradient(zero, x) == 0.0


def test_gradient_touches_no_grad() -> None:
    x = Value(3.0)
    h = x * x
    y = h.sin()
    x.grad, h.grad, y.grad = 1.0, 2.0, 3.0
    gradient(y, [x, h])
    gradient(gradient(y, x, create_graph=True), x)
    assert (x.grad, h.grad, y.grad) == (1.0, 2.0, 3.0)


def test_gradients_come_in_the_shape_of_wrt() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    y = a * b * c
    assert gradient(y, a) == 6.0
    assert gradient(y, [a]) == [6.0]
    assert gradient(y, (a, b)) == [6.0, 3.0]
    assert gradient(y, [a, [b, [c]], (), [[]]]) == [6.0, [3.0, [2.0]], [], [[]]]
    assert gradient(y, []) == []
    assert gradient(y, [a, a]) == [6.0, 6.0]


def test_a_recorded_gradient_runs_backward() -> None:
    x, w = Value(0.7), Value(-1.3)
    dx = gradient((w * x).sin(), x, create_graph=True)
    assert dx.data == near(-1.3 * math.cos(0.91))
    dx.backward()
    assert w.grad == near(math.cos(-0.91) + 1.3 * 0.7 * math.sin(-0.91))
    assert x.grad == near(-(1.3**2) * math.sin(-0.91))


@given(programs())
def test_recorded_gradients_equal_plain_ones(program: Program) -> None:
    leaves, root = program.run()
    plain = gradient(root, leaves)
    for d, recorded in zip(plain, gradient(root, leaves, create_graph=True), strict=True):
        assert type(recorded) is Value
        assert recorded.data == d


# ---------------------------------------------------------------- functions of many numbers


def rosenbrock(xs: Sequence[Any]) -> Any:
    return engine.sum(
        [100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in zip(xs, xs[1:], strict=False)]
    )


def test_grad_of_a_list_is_a_list() -> None:
    assert grad(rosenbrock)([1.0, 1.0, 1.0]) == [0.0, 0.0, 0.0]
    assert grad(rosenbrock)([0.0, 0.0]) == [-2.0, 0.0]
    assert grad(rosenbrock)((0, 1)) == [-2.0, 200.0]


def test_grad_of_nested_lists_is_nested_lists() -> None:
    def f(layers: list[list[Any]]) -> Any:
        (a, b), (c,) = layers
        return a * b + c**2

    assert grad(f)([[2.0, 3.0], [4.0]]) == [[3.0, 2.0], [8.0]]
    assert grad(f)(((2.0, 3.0), (4.0,))) == [[3.0, 2.0], [8.0]]


@pytest.mark.parametrize(("argnum", "expected"), [(0, 12.0), (1, 4.0), (-1, 4.0), (-2, 12.0)])
def test_argnum_picks_the_argument(argnum: int, expected: float) -> None:
    def f(x: Any, y: Any, scale: float = 1.0) -> Any:
        return scale * x**2 * y

    assert grad(f, argnum)(2.0, 3.0) == expected
    assert grad(f, argnum)(2.0, 3.0, scale=2.0) == 2 * expected


def test_value_and_grad_gives_both() -> None:
    value, slopes = value_and_grad(rosenbrock)([0.0, 2.0])
    assert (value, slopes) == (401.0, [-2.0, 400.0])
    assert (type(value), type(slopes[0])) == (float, float)
    value, slope = value_and_grad(lambda x, y: x * y, argnum=1)(2.0, 3.0)
    assert (value, slope) == (6.0, 2.0)
    assert value_and_grad(lambda x: 7)(1.0) == (7.0, 0.0)


def test_values_in_values_out() -> None:
    x = Value(3.0)
    value, slope = value_and_grad(lambda v: v**3)(x)
    assert (type(value), type(slope)) == (Value, Value)
    assert (value.data, slope.data, gradient(slope, x), gradient(value, x)) == (27, 27, 18, 27)
    assert x.grad == 0.0
    assert hessian(lambda v: v**3)(x).data == 18.0
    assert hvp(lambda v: v**3, x, 2.0).data == 36.0


def test_every_real_number_is_differentiated_at() -> None:
    for x in (3, Fraction(3), True + 2, engine.Value(3.0)):
        assert float(grad(lambda v: v * v)(x)) == 6.0
        assert float(jvp(lambda v: v * v, x, 1)[1]) == 6.0


# ---------------------------------------------------------------- nesting: no confusion


def derivative(f: Function) -> Function:
    """d/dx in forward mode."""
    return lambda x: jvp(f, x, 1.0)[1]


NESTED: dict[str, tuple[Callable[[Function, Function], Function], float, float]] = {
    "x · d/dy (x + y)": (lambda d, e: d(lambda x: x * e(lambda y: x + y)(1.0)), 1.0, 1.0),
    "x · d/dy (x y)": (lambda d, e: d(lambda x: x * e(lambda y: x * y)(1.0)), 3.0, 6.0),
    "d/dy (x y²) at y = x": (lambda d, e: d(lambda x: e(lambda y: x * y**2)(x)), 3.0, 12.0),
    "d/dy (x y²) at y = 2x": (lambda d, e: d(lambda x: e(lambda y: x * y**2)(2 * x)), 3.0, 24.0),
    "d/dy (x x y)": (lambda d, e: d(lambda x: e(lambda y: x * x * y)(2.0)), 3.0, 6.0),
    "d/dy sin(x y) at 2": (
        lambda d, e: d(lambda x: e(lambda y: sin(x * y))(2.0)),
        0.5,
        math.cos(1.0) - math.sin(1.0),
    ),
    "d/dy x/y at 2": (lambda d, e: d(lambda x: e(lambda y: x / y)(2.0)), 3.0, -0.25),
    "d/dy max(x, y)": (lambda d, e: d(lambda x: x * e(lambda y: engine.max(x, y))(9.0)), 3.0, 1.0),
    "d/dy x": (lambda d, e: d(lambda x: e(lambda y: x)(2.0)), 3.0, 0.0),
    "x · d/dy x": (lambda d, e: d(lambda x: x * e(lambda y: x)(2.0)), 3.0, 0.0),
    "two levels of e": (
        lambda d, e: d(lambda x: e(lambda y: e(lambda z: x * y * z * z)(x * y))(x)),
        2.0,
        48.0,
    ),
}
MODES: dict[str, tuple[Function, Function]] = {
    "reverse in reverse": (grad, grad),
    "forward in forward": (derivative, derivative),
    "forward in reverse": (grad, derivative),
}


@pytest.mark.parametrize("modes", MODES)
@pytest.mark.parametrize("name", NESTED)
def test_nested_derivatives_do_not_confuse_their_perturbations(name: str, modes: str) -> None:
    build, at, expected = NESTED[name]
    outer, inner = MODES[modes]
    assert float(build(outer, inner)(at)) == near(expected)


def test_reverse_in_forward_works_or_says_that_it_does_not() -> None:
    try:
        found = derivative(lambda x: x * grad(lambda y: x * y)(1.0))(3.0)
    except TypeError as error:
        assert "jvp" in str(error) or "forward" in str(error) or "Dual" in str(error)
    else:
        assert float(found) == 6.0


def test_hessians_and_products_inside_grad_see_the_outer_variable() -> None:
    assert grad(lambda x: hessian(lambda y: x * y**3)(2.0))(5.0) == near(12.0)
    assert grad(lambda x: hvp(lambda y: x * y**3, 2.0, 1.0))(5.0) == near(12.0)
    assert grad(lambda x: value_and_grad(lambda y: x * y)(2.0)[0])(5.0) == near(2.0)


def test_an_inner_gradient_is_independent_of_the_outer_values_own_gradient() -> None:
    x = Value(3.0)
    inner = grad(lambda y: x * y)(2.0)
    assert float(inner) == 3.0
    assert x.grad == 0.0


def test_a_value_that_is_captured_and_given_counts_as_a_constant_where_captured() -> None:
    x = Value(3.0)
    assert grad(lambda y: x * y)(x).data == 3.0


def test_derivatives_of_functions_are_the_same_within_no_grad() -> None:
    with no_grad():
        assert grad(lambda x: x * x)(3.0) == 6.0
        assert grad(grad(lambda x: x**3))(3.0) == 18.0
        assert hessian(lambda x: x**3)(3.0) == 18.0
        assert hvp(lambda x: x**3, 3.0, 1.0) == 18.0
        assert jvp(lambda x: x * x, 3.0, 1.0) == (9.0, 6.0)
        assert value_and_grad(lambda x: x * x)(3.0) == (9.0, 6.0)
        assert (Value(1.0) * 2).args == ()


def test_no_grad_within_a_function_is_respected() -> None:
    def f(x: Any) -> Any:
        with no_grad():
            c = x * x
        return c * x

    assert grad(f)(3.0) == 9.0


# ---------------------------------------------------------------- hessian, hvp, jvp


def wavy(xs: Sequence[Any]) -> Any:
    a, b, c = xs
    return sin(a * b) + exp(a - c) * b**2 + engine.logsumexp([a, b, c]) / (2 + cos(c))


POINT = [0.3, -0.7, 1.1]


def test_hessian_of_a_number_is_its_second_derivative() -> None:
    assert hessian(lambda x: x**3)(2.0) == 12.0
    assert hessian(lambda x: 3.0 * x)(2.0) == 0.0
    assert hessian(lambda x: 3.0)(2.0) == 0.0


def test_hessian_has_the_arguments_shape_in_the_place_of_each_number() -> None:
    assert hessian(lambda v: v[0] ** 2 * v[1])([2.0, 3.0]) == [[6.0, 4.0], [4.0, 0.0]]

    def f(parts: Any) -> Any:
        (a, b), c = parts
        return a * b * c

    assert hessian(f)([[2.0, 3.0], 4.0]) == [
        [[[0.0, 4.0], 3.0], [[4.0, 0.0], 2.0]],
        [[3.0, 2.0], 0.0],
    ]
    assert hessian(lambda x, v: x * v[0] * v[1], argnum=1)(5.0, [1.0, 2.0]) == [
        [0.0, 5.0],
        [5.0, 0.0],
    ]


def test_hessian_is_symmetric_and_that_of_torch() -> None:
    torch = pytest.importorskip("torch")

    def theirs(x: Any) -> Any:
        a, b, c = x
        return (
            torch.sin(a * b) + torch.exp(a - c) * b**2 + torch.logsumexp(x, 0) / (2 + torch.cos(c))
        )

    x = torch.tensor(POINT, dtype=torch.float64)
    ours = hessian(wavy)(POINT)
    expected = torch.autograd.functional.hessian(theirs, x).tolist()
    for row, other in zip(ours, expected, strict=True):
        assert row == near(other)
    assert all(ours[i][j] == near(ours[j][i]) for i in range(3) for j in range(3))


def test_nested_derivatives_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")

    def f(m: Any) -> Function:
        return lambda x: m.sin(x) * m.exp(x)

    with jax.enable_x64(True):
        third = float(jax.grad(jax.grad(jax.grad(f(jax.numpy))))(0.7))
    assert grad(grad(grad(f(engine))))(0.7) == near(third)


def test_hvp_is_the_hessian_times_the_vector() -> None:
    v = [1.0, -2.0, 0.5]
    rows = hessian(wavy)(POINT)
    expected = [math.fsum(h * x for h, x in zip(row, v, strict=True)) for row in rows]
    assert hvp(wavy, POINT, v) == near(expected)
    assert hvp(lambda x: x**3, 2.0, 3.0) == 36.0
    assert hvp(lambda v: v[0] * v[1], [2.0, 3.0], [0.0, 0.0]) == [0.0, 0.0]
    assert hvp(lambda parts: parts[0][0] ** 3 * parts[1], [[2.0], 3.0], [[1.0], 0.0]) == [
        [36.0],
        12.0,
    ]


@given(programs(size=8), st.data())
def test_hvp_matches_hessian_rows_and_forward_over_reverse(program: Program, data: Any) -> None:
    xs = list(program.inputs)
    v = [data.draw(st.floats(-2, 2)) for _ in xs]
    product = hvp(program.compute, xs, v)
    rows = hessian(program.compute)(xs)
    scale = 1 + max(abs(h) for row in rows for h in row)
    for row, found in zip(rows, product, strict=True):
        expected = math.fsum(h * x for h, x in zip(row, v, strict=True))
        assert found == near(expected, 1e-9, 1e-11 * scale)
    twice = jvp(lambda xs: jvp(program.compute, xs, v)[1], xs, v)[1]
    expected = math.fsum(x * d for x, d in zip(v, product, strict=True))
    assert float(twice) == near(expected, 1e-8, 1e-10 * scale)


def test_jvp_gives_value_and_slope_in_the_shape_of_the_result() -> None:
    def f(xs: Any) -> Any:
        a, b = xs
        return [a * b, [sin(a)], 5.0, ()]

    values, slopes = jvp(f, [2.0, 3.0], [1.0, 10.0])
    assert values == [6.0, [math.sin(2.0)], 5.0, []]
    assert slopes == [23.0, [math.cos(2.0)], 0.0, []]
    assert jvp(lambda x: x, 2.0, 3.0) == (2.0, 3.0)
    assert jvp(lambda x: 4.0, 2.0, 3.0) == (4.0, 0.0)


def test_jvp_keeps_comparisons_and_branches_of_python() -> None:
    def f(x: Any) -> Any:
        return x * x if x > 1 else 3 * x if x >= 0 else -x

    assert [jvp(f, x, 1.0)[1] for x in (2.0, 0.5, -1.0)] == [4.0, 3.0, -1.0]
    assert [grad(f)(x) for x in (2.0, 0.5, -1.0)] == [4.0, 3.0, -1.0]


def test_jvp_of_values_is_recorded() -> None:
    x = Value(3.0)
    value, slope = jvp(lambda v: v**3, x, 1.0)
    assert (value.data, slope.data) == (27.0, 27.0)
    assert gradient(slope, x) == 18.0


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda v, x: v / x, 0.0),
        (lambda v, x: x / v, 0.0),
        (lambda v, x: engine.max(v, x), 1.0),
        (lambda v, x: v**x, 0.0),
        (lambda v, x: x**v, 0.0),
        (lambda v, x: v.max(x) + v.min(x), 1.0),
        (lambda v, x: engine.logsumexp([v, x, 0.0]), -INF),
        (lambda v, x: engine.dot([v, x], [x, 0.0]), INF),
    ],
)
@pytest.mark.parametrize("captured", [0.0, 1.0, -8.0, INF])
def test_dual_numbers_meet_values_without_raising(f: Function, at: float, captured: float) -> None:
    _, slope = jvp(lambda x: f(Value(captured), x), at, 1.0)
    _, expected = jvp(lambda x: f(engine.Value(captured) * 1.0, x), at, 1.0)
    plain = grad(lambda x: f(Value(captured), x))(at)
    assert close(float(slope), float(plain), 1e-12)
    assert close(float(slope), float(expected), 1e-12)
    inner = jvp(lambda v: jvp(lambda x: f(v * 1.0, x), at, 1.0)[1], captured, 1.0)
    assert close(float(inner[0]), float(plain), 1e-12)


# ---------------------------------------------------------------- random graphs


def slow_gradient(program: Program, kind: type = float) -> tuple[Any, list[Any]]:
    """Value and gradient by the definition: a sum over all paths, memoised, in exact order.

    An engine of its own: every result keeps its derivatives by all inputs (no backward pass), and
    with fractions the arithmetic is exact.
    """
    n = len(program.inputs)
    results = [
        (kind(x), [kind(int(i == j)) for j in range(n)]) for i, x in enumerate(program.inputs)
    ]

    for row, operands, _ in program.steps:
        given = [results[i % len(results)] for i in operands]
        data = [x for x, _ in given]
        value, partials = SLOW[row.name](*data)
        slopes = [
            sum((p * d[j] for p, (_, d) in zip(partials, given, strict=True)), kind(0))
            for j in range(n)
        ]
        results.append((value, slopes))
    return results[-1]


HALF = Fraction(1, 2)
SLOW: dict[str, Callable[..., tuple[Any, list[Any]]]] = {
    "add": lambda a, b: (a + b, [1, 1]),
    "sub": lambda a, b: (a - b, [1, -1]),
    "mul": lambda a, b: (a * b, [b, a]),
    "neg": lambda a: (-a, [-1]),
    "max": lambda a, b: (a if a > b else b, [(a > b) + HALF * (a == b), (b > a) + HALF * (a == b)]),
    "min": lambda a, b: (b if a > b else a, [(a < b) + HALF * (a == b), (b < a) + HALF * (a == b)]),
    "relu": lambda a: (a * (a > 0), [1 * (a > 0)]),
    "abs": lambda a: (abs(a), [(a > 0) - (a < 0)]),
    "sum": lambda *xs: (sum(xs), [1] * len(xs)),
    "dot": lambda *xy: (
        sum(x * y for x, y in zip(xy[: len(xy) // 2], xy[len(xy) // 2 :], strict=True)),
        [*xy[len(xy) // 2 :], *xy[: len(xy) // 2]],
    ),
}
EXACT_ROWS = tuple(SLOW)
integers = st.integers(-3, 3).map(float)


@given(programs(EXACT_ROWS, integers, size=12))
def test_random_graphs_of_integers_are_exactly_those_of_the_slow_engine(program: Program) -> None:
    value, slopes = slow_gradient(program, Fraction)
    assume(max(abs(value), *map(abs, slopes)) < 2**40)
    leaves, root = program.run()
    assert root.data == value
    assert gradient(root, leaves) == slopes
    root.backward()
    assert [x.grad for x in leaves] == slopes
    assert [d.data for d in gradient(root, leaves, create_graph=True)] == slopes
    for i in range(len(leaves)):
        direction = [float(i == j) for j in range(len(leaves))]
        assert jvp(program.compute, list(program.inputs), direction) == (value, slopes[i])


def along(program: Program, i: int) -> float:
    """∂/∂input i by complex numbers: the program's own rows, but none of their partials."""
    inputs: list[complex] = list(program.inputs)
    inputs[i] += 1e-20j
    return float(complex(program.compute(inputs)).imag / 1e-20)


ANALYTIC = tuple(name for name in SAFE if name not in ("erf", "gelu"))


@given(programs(ANALYTIC))
def test_random_graphs_follow_the_complex_step(program: Program) -> None:
    assume(program.smooth())
    leaves, root = program.run()
    for i, slope in enumerate(gradient(root, leaves)):
        assert close(slope, along(program, i), 1e-9, 1e-10)


@given(programs())
def test_random_graphs_are_those_of_torch(program: Program) -> None:
    torch = pytest.importorskip("torch")
    from test_rules import TORCH

    results = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in program.inputs]
    inputs = list(results)
    for row, operands, params in program.steps:
        function = TORCH.get(row.name) or (lambda torch, *xs, n=row.name: getattr(torch, n)(*xs))
        results.append(function(torch, *(results[i % len(results)] for i in operands), *params))
    expected = torch.autograd.grad(results[-1], inputs, allow_unused=True)
    leaves, root = program.run()
    assert close(root.data, results[-1].item(), 1e-12, 1e-13)
    for slope, theirs in zip(gradient(root, leaves), expected, strict=True):
        assert close(slope, 0.0 if theirs is None else theirs.item(), 1e-9, 1e-11)


@given(programs(SAFE + ("div", "exp", "log", "pow", "sqrt"), st.floats(-3, 3)))
@example(Program((0.0,), ()))
def test_every_mode_agrees_on_any_graph(program: Program) -> None:
    """Also where a graph overflows or leaves a domain: inf and nan come out the same."""
    if not program.steps:
        return
    leaves, root = program.run()
    slopes = gradient(root, leaves)
    recorded = gradient(root, leaves, create_graph=True)
    root.backward()
    for x, d, r in zip(leaves, slopes, recorded, strict=True):
        assert same(x.grad, d)
        assert close(d, r.data, 0.0)
    if all(map(math.isfinite, (x.data for x in topological_order(root)))) and all(
        map(math.isfinite, slopes)
    ):
        for i, d in enumerate(slopes):
            direction = [float(i == j) for j in range(len(leaves))]
            _, tangent = jvp(program.compute, list(program.inputs), direction)
            scale = max(1.0, *map(abs, slopes))
            assert math.isnan(tangent) or close(tangent, d, 1e-7, 1e-9 * scale)


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize("wrong", [3.0, None, "y", [Value(1.0)]], ids=lambda x: type(x).__name__)
def test_gradient_differentiates_values_only(wrong: Any) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__):
        gradient(wrong, Value(1.0))


@pytest.mark.parametrize("wrong", [3.0, None, "x", {"a": 1}], ids=lambda x: type(x).__name__)
def test_gradient_is_with_respect_to_values_only(wrong: Any) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__):
        gradient(Value(1.0), wrong)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        gradient(Value(1.0), [Value(2.0), [wrong]])


@pytest.mark.parametrize("wrong", ["2", None, 1j, {"a": 1.0}], ids=lambda x: type(x).__name__)
def test_functions_are_differentiated_at_numbers_only(wrong: Any) -> None:
    for derivative_of in (grad, value_and_grad, hessian):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            derivative_of(lambda x: x)(wrong)
        with pytest.raises(TypeError, match=type(wrong).__name__):
            derivative_of(lambda x: x[0])([1.0, wrong])
    with pytest.raises(TypeError, match=type(wrong).__name__):
        hvp(lambda x: x, wrong, 1.0)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        jvp(lambda x: x, wrong, 1.0)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        jvp(lambda x: x, 1.0, wrong)


@pytest.mark.parametrize("wrong", ["2", None, [1.0]], ids=lambda x: type(x).__name__)
def test_functions_must_return_one_number(wrong: Any) -> None:
    for derivative_of in (grad, value_and_grad, hessian):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            derivative_of(lambda x: wrong)(1.0)


@pytest.mark.parametrize("argnum", [1, -2, 5])
def test_argnum_must_be_among_the_arguments(argnum: int) -> None:
    with pytest.raises(TypeError, match=str(argnum)):
        grad(lambda x: x, argnum)(1.0)
    with pytest.raises(TypeError, match="0"):
        grad(lambda x: x)(x=1.0)


@pytest.mark.parametrize(
    ("x", "v"), [([1.0, 2.0], [1.0]), (1.0, [1.0]), ([1.0], 1.0), ([[1.0]], [1.0])]
)
def test_a_direction_must_have_the_arguments_shape(x: Any, v: Any) -> None:
    for product in (jvp, hvp):
        with pytest.raises(ValueError, match="shape"):
            product(lambda xs: 1.0, x, v)


def test_errors_of_the_function_come_through() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    for call in (grad(f), hessian(f), lambda x: jvp(f, x, 1.0)):
        with pytest.raises(KeyError, match="mine"):
            call(1.0)
    assert grad(lambda x: x * x)(3.0) == 6.0
    assert type(grad(lambda x: x * x)(3.0)) is float
    x = Value(2.0)
    assert (x * x).args == (x, x)


def test_anomalies_are_found_in_gradient_too() -> None:
    x = Value(0.0, label="x")
    y = x.sqrt() * 1.0
    with detect_anomaly(), pytest.raises(FloatingPointError, match="'x'.*inf"):
        gradient(y, x)
    assert gradient(y, x) == INF


def test_an_untaken_branch_is_no_anomaly() -> None:
    cases: list[tuple[Function, float]] = [
        (lambda x: engine.elu(x), 1000.0),
        (lambda x: x**0, 0.0),
        (lambda x: engine.pow(x, 2.0), 0.0),
        (lambda x: engine.clip(x, -INF, INF), 0.0),
    ]
    for f, at in cases:
        expected = grad(grad(f))(at)
        with detect_anomaly():
            assert grad(grad(f))(at) == expected


ONE_ENTRY: dict[str, tuple[Callable[[], Any], Any]] = {
    "grad": (lambda: grad(lambda x: x**2)(np.array([3.0])), [6.0]),
    "value": (lambda: engine.value_and_grad(lambda x: x**2)(np.array([[3.0]]))[0], 9.0),
    "hessian": (lambda: hessian(lambda x: x**2)(np.array([3.0])), [[2.0]]),
    "hvp": (lambda: hvp(lambda x: x**2, np.array([3.0]), np.array([1.0])), [2.0]),
    "of a Value": (lambda: grad(lambda x: np.array([x * x]))(3.0), 6.0),
    "twice of a Value": (lambda: hessian(lambda x: np.array([[x * x]]))(3.0), 2.0),
    "forward": (lambda: jvp(lambda x: np.array([x * x]), 3.0, 1.0)[1], [6.0]),
}


@pytest.mark.parametrize(("run", "right"), ONE_ENTRY.values(), ids=ONE_ENTRY)
def test_a_result_of_one_entry_is_a_number(run: Callable[[], Any], right: Any) -> None:
    assert np.asarray(run()).tolist() == right


def test_a_graph_whose_data_was_changed_gives_no_graph_of_its_derivative() -> None:
    x = Value(2.0)
    y = (x * x).exp()
    x.data = 3.0
    with pytest.raises(ValueError, match="no longer follows from its arguments"):
        gradient(y, x, create_graph=True)
