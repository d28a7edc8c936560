"""A branch that a row does not take passes nothing back, however the row is computed.

`Value`s choose one branch and never see the other. Arrays compute both, so on them a branch that
was not taken may hold inf or nan; that must reach nobody, in first and second order, forwards and
backwards, fused, recorded and compiled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import engine
from engine import NOTHING, TABLE, Tensor, Value, fuse, gradient, hvp, jvp, record, rule

EDGES = (
    0.0, -0.0, 1.0, -1.0, 0.3, -2.0, 5.0, 710.0, -800.0, 1e308, -1e308, math.inf, -math.inf,
    math.nan, 1e-320,
)  # fmt: skip
NUMBERS = st.one_of(st.sampled_from(EDGES), st.floats())
OWN: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "own_root": (
        lambda m, x: m.where(x > 0, m.sqrt(x), 0 * x),
        lambda m, y, x: m.where(x > 0, 1 / (2 * m.sqrt(x)), NOTHING),
    ),
    "own_half_of_a_choice": (
        lambda m, x: m.where(x > 0, m.sqrt(x), 0),
        lambda m, y, x: 0.5 * m.where(x > 0, 1 / y, NOTHING),
    ),
    "own_choice_in_a_sum": (
        lambda m, x: x + m.where(x > 0, m.log(x), 0),
        lambda m, y, x: 1 - (-m.where(x > 0, 1 / x, NOTHING)),
    ),
    "own_entropy": (
        lambda m, x: m.where(x > 0, x * m.log(x), 0),
        lambda m, y, x: m.where(x > 0, 1 + m.log(x), 0),
    ),
    "own_huber": (
        lambda m, x: m.where(m.abs(x) <= 1, 0.5 * x * x, m.abs(x) - 0.5),
        lambda m, y, x: m.where(m.abs(x) <= 1, x, m.where(x > 0, 1, -1)),
    ),
    "own_exp_below_one": (
        lambda m, x: m.where(x < 1, m.exp(x), 1 + m.log(x)),
        lambda m, y, x: m.where(x < 1, m.exp(x), 1 / x),
    ),
}
ROWS = [
    (row.name, params)
    for row in TABLE
    if not row.variadic and not {"erf", "erfc"} & {*row.value.__code__.co_names}  # by SciPy
    for params in row.samples
]


@pytest.fixture(autouse=True, scope="module")
def _own_rows() -> Iterator[None]:
    for name, (value, partial) in OWN.items():
        rule(name, value, partial)
    yield
    for name in OWN:
        TABLE.remove(name)


def function(name: str, params: tuple[Any, ...] = ()) -> Callable[..., Any]:
    return lambda *xs: getattr(engine, name)(*xs, *params)


def same(a: Any, b: Any) -> bool:
    return bool(a == b or (a != a and b != b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-300)


def scalar_slopes(f: Callable[..., Any], xs: Any) -> tuple[list[Any], list[Any]]:
    """The first and second derivatives of a function of one number, one number at a time."""
    first, second = [], []
    for x in map(Value, xs):
        slope = gradient(f(x), x, create_graph=True)
        first.append(slope.data)
        second.append(gradient(slope, x))
    return first, second


@pytest.mark.parametrize(
    ("name", "params"), [*ROWS, *((name, ()) for name in OWN)], ids=lambda x: str(x)
)
@given(data=st.data())
def test_arrays_have_the_derivatives_of_single_numbers(
    name: str, params: tuple[Any, ...], data: st.DataObject
) -> None:
    f = function(name, params)
    arity = TABLE[name].arity
    args = [data.draw(st.lists(NUMBERS, min_size=4, max_size=4)) for _ in range(arity)]
    if name == "power":  # NumPy's x ** 0.5 is a square root, at −0 and −∞, too
        args = [[x for x in args[0] if params != (0.5,) or (x != 0 and x != -math.inf)]]
    tensors = [Tensor(np.array(xs)) for xs in args]
    y = f(*tensors)
    for upstream in (1.0, math.inf):
        total = (y * upstream).sum()
        for i, x in enumerate(tensors):
            slopes = gradient(total, x, create_graph=True)
            seconds = [gradient(slopes.sum(), other) for other in tensors]
            for k, numbers in enumerate(zip(*args, strict=True)):
                values = [Value(number) for number in numbers]
                slope = gradient(f(*values) * upstream, values[i], create_graph=True)
                assert same(slope.data, slopes.data[k]), (numbers, slope.data, slopes.data[k])
                for j, value in enumerate(values):
                    found = gradient(slope, value), seconds[j][k]
                    assert same(*found), (numbers, upstream, i, j, found)


@pytest.mark.parametrize("name", [*(name for name, _ in ROWS if TABLE[name].arity == 1), *OWN])
def test_in_every_way_of_running(name: str) -> None:
    if name == "power":
        return  # has no default for its exponent
    f = function(name)
    xs = np.array(EDGES)
    first, second = scalar_slopes(f, xs)

    def total(x: Any) -> Any:
        return f(x).sum()

    def slope(x: Any) -> Any:
        return gradient(total(x), x, create_graph=True).sum()

    fused = fuse(total)
    x = Tensor(xs)
    fused(x).backward()
    again = Tensor(xs)
    seconds = {
        "hvp": hvp(total, xs, np.ones_like(xs)),
        "fused": gradient(gradient(fused(again), again, create_graph=True).sum(), again),
        "recorded": record(slope, xs)(xs)[1][0],
    }
    firsts = {
        "forward": jvp(f, xs, np.ones_like(xs))[1],
        "fused": x.grad,
        "recorded": record(total, xs)(xs)[1][0],
    }
    if find_spec("numba"):
        firsts["compiled"] = record(total, xs).jit()(xs)[1][0]
        seconds["compiled"] = record(slope, xs).jit()(xs)[1][0]
    for ways, right in ((firsts, first), (seconds, second)):
        for way, found in ways.items():
            for x0, a, b in zip(EDGES, right, np.broadcast_to(found, xs.shape), strict=True):
                assert same(a, float(b)), (way, x0, a, b)


@given(st.lists(NUMBERS, min_size=2, max_size=2), st.lists(NUMBERS, min_size=3, max_size=3))
@example([0.0, 3.0], [2.0, 2.0, -1.0])
def test_arguments_that_broadcast(bases: list[float], exponents: list[float]) -> None:
    x, z = Tensor(np.array(bases)[:, None]), Tensor(np.array(exponents))
    slopes = gradient((x**z).sum(), x, create_graph=True)
    seconds = gradient(slopes.sum(), z)
    for j, exponent in enumerate(exponents):
        total = 0.0
        for base in bases:
            a, b = Value(base), Value(exponent)
            total += gradient(gradient(a**b, a, create_graph=True), b)
        assert same(total, seconds[j])


def test_the_function_where_goes_on_from_a_gradient_of_0() -> None:
    x = Tensor([-1.0, 4.0])
    engine.where(x > 0, x.sqrt(), x).sum().backward()
    assert x.grad is not None
    assert math.isnan(x.grad[0])
    assert x.grad[1] == 0.25
    y = Tensor([-1.0, 4.0])
    engine.where(y > 0, engine.where(y > 0, y, 1.0).sqrt(), y).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [1.0, 0.25]
