"""The functions generated from rows over sequences: without a loop or with one, the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import NOTHING, TABLE, Value, affine, dot, rule
from engine.backward import LONGEST
from engine.operators import MAKERS

FLOATS = st.floats(-1e3, 1e3)
LENGTHS = (1, 2, 3, 15, 16, 29, 30, 31, 59, 60, 61, LONGEST // 2, LONGEST // 2 + 1, 200)


@pytest.fixture
def own() -> Iterator[set[str]]:
    """Names of rows that a test adds; they are taken out afterwards."""
    names: set[str] = set()
    yield names
    for name in names:
        TABLE.remove(name)


def numbers(n: int, start: float) -> list[float]:
    return [start + 0.1 * i * (-1) ** i for i in range(n)]


@pytest.mark.parametrize("n", LENGTHS)
def test_a_weighted_sum_adds_from_left_to_right_whatever_its_length(n: int) -> None:
    ws, xs, b = numbers(n, 0.3), numbers(n, -0.7), 0.1
    expected = b
    for w, x in zip(ws, xs, strict=True):
        expected += w * x
    w_nodes, x_nodes, b_node = list(map(Value, ws)), list(map(Value, xs)), Value(b)
    y = affine(w_nodes, x_nodes, b_node)
    y.backward(3.0)
    assert y.data == expected
    assert y.args == (*w_nodes, *x_nodes, b_node)
    assert y.partials == (*xs, *ws, 1.0)
    assert [w.grad for w in w_nodes] == [3.0 * x for x in xs]
    assert [x.grad for x in x_nodes] == [3.0 * w for w in ws]
    assert b_node.grad == 3.0


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=12), FLOATS)
def test_a_dot_product_of_any_numbers(pairs: list[tuple[float, float]], seed: float) -> None:
    xs, ys = zip(*pairs, strict=True)
    expected = 0.0
    for x, y in pairs:
        expected += x * y
    x_nodes, y_nodes = list(map(Value, xs)), list(map(Value, ys))
    product = dot(x_nodes, y_nodes)
    product.backward(seed)
    assert product.data == expected
    assert [x.grad for x in x_nodes] == [0.0 + y * seed for y in ys]
    assert [y.grad for y in y_nodes] == [0.0 + x * seed for x in xs]


def test_only_what_a_formula_computes_to_the_same_bits_is_written_out() -> None:
    by_length = {row.name: MAKERS[row.name].__globals__["makers_"] for row in TABLE if row.variadic}
    written = {name for name, makers in by_length.items() if makers[3] is not makers.loop}
    assert written == {"sum", "mean", "dot", "affine"}  # logsumexp looks at its terms
    makers = by_length["affine"]
    assert makers[LONGEST] is not makers.loop
    assert makers[LONGEST + 2] is makers.loop


@pytest.mark.parametrize("n", [1, 3, 40])
def test_numbers_and_values_mix(n: int) -> None:
    xs = numbers(n, 0.3)
    w = Value(2.0)
    y = affine([w] * n, xs, 1)
    y.backward()
    assert y.data == pytest.approx(1 + 2 * sum(xs))
    assert w.grad == pytest.approx(sum(xs))


@pytest.mark.parametrize("n", [2, 5, LONGEST, LONGEST + 1, 1000])
def test_a_node_that_occurs_many_times_receives_every_share(n: int, own: set[str]) -> None:
    rule(
        "ramp",
        lambda m, xs: m.dot(xs, [float(i) for i in range(len(xs))]),
        lambda m, y, xs: [float(i) for i in range(len(xs))],
        variadic=True,
    )
    own.add("ramp")
    x = Value(1.0)
    y = Value._apply(TABLE["ramp"], [x] * n, ())
    y.backward()
    assert y.data == x.grad == n * (n - 1) / 2


def first_positive(m: object, xs: list[float]) -> float:
    """A row's value that looks at numbers, which formulas don't allow."""
    return next((x for x in xs if x > 0), 0.0)


def test_a_row_that_does_not_run_on_formulas_runs_on_numbers(own: set[str]) -> None:
    row = rule(
        "first_positive",
        lambda m, xs: first_positive(m, xs),
        lambda m, y, xs: [1.0 if x == y else NOTHING for x in xs],
        variadic=True,
    )
    own.add("first_positive")
    nodes = [Value(-1.0), Value(2.0), Value(3.0)]
    y = Value._apply(row, nodes, ())
    y.backward(inf)
    assert y.data == 2.0
    assert [x.grad for x in nodes] == [0.0, inf, 0.0]  # nothing is sent where 0·∞ would be nan


def test_a_row_over_a_sequence_keeps_to_ieee_arithmetic(own: set[str]) -> None:
    row = rule(
        "last_exp_over_first",
        lambda m, xs: m.exp(xs[-1]) / xs[0],
        lambda m, y, xs: [-y / xs[0], *[0.0] * (len(xs) - 2), y],
        variadic=True,
    )
    own.add("last_exp_over_first")
    for data, expected in {(2.0, 1.0, 0.5): exp(0.5) / 2, (1.0, 1.0, 1e4): inf}.items():
        nodes = [Value(x) for x in data]
        y = Value._apply(row, nodes, ())
        y.backward()
        assert y.data == expected
        assert [x.grad for x in nodes] == [-y.data / data[0], 0.0, y.data]
    y = Value._apply(row, [Value(0.0), Value(1.0), Value(-inf)], ())
    assert isnan(y.data)
    assert isnan(y.partials[0])
    assert y.partials[1] == 0.0


def test_infinities_and_nan_go_through_a_weighted_sum() -> None:
    assert affine([Value(inf)], [Value(-1.0)], Value(0.0)).data == -inf
    assert isnan(affine([Value(inf)], [Value(0.0)], Value(0.0)).data)
    assert isnan(dot([Value(nan), Value(1.0)], [Value(1.0), Value(1.0)]).data)


def test_a_node_is_pushed_by_hand_before_any_backward_pass() -> None:
    x = Value(0.5)
    h = x * 3.0
    y = h.relu()
    assert (h.grad, y.grad) == (0.0, 0.0)
    y.grad = 2.0
    y._backward()
    h._backward()
    assert (h.grad, x.grad) == (2.0, 6.0)
