"""`Value`: operators from both sides, what it shows of itself, and exact bookkeeping."""

from __future__ import annotations

import copy
import gc
import math
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from operator import add, ge, gt, le, lt, mul, sub, truediv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies_local import NAMES, ROWS, Program, call, programs, same, smooth_cases

import engine
from engine import TABLE, Rule, Value, gradient, no_grad, topological_order

ROOT = Path(__file__).parents[1]
INF, NAN = math.inf, math.nan

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add, "-": sub, "*": mul, "/": truediv, "**": pow,
}  # fmt: skip

NUMBERS: list[Any] = [
    3,
    3.0,
    True,
    Decimal("2.5"),
    Fraction(5, 2),
    np.float64(2.5),
    np.float32(2.5),
    np.float16(2.5),
    np.int64(3),
    np.uint8(3),
    np.bool_(True),
    np.array(2.5),
    np.array(3),
]

NOT_NUMBERS: list[Any] = [
    "2",
    b"2",
    None,
    [1.0],
    (1.0,),
    {"a": 1},
    {1.0},
    1j,
    object(),
    len,
]


def kind(x: object) -> str:
    return f"{type(x).__name__} {x!r}"


# ---------------------------------------------------------------- operators from both sides


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("number", NUMBERS, ids=kind)
def test_operators_take_every_kind_of_number_on_either_side(number: Any, symbol: str) -> None:
    operator = OPERATORS[symbol]
    n = float(number)
    for result, expected in (
        (operator(Value(1.5), number), operator(1.5, n)),
        (operator(number, Value(1.5)), operator(n, 1.5)),
    ):
        assert type(result) is Value
        assert type(result.data) is float
        assert result.data == expected
        result.backward()


@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_between_values_differentiate_both_sides(symbol: str) -> None:
    a, b = Value(1.5), Value(2.5)
    c = OPERATORS[symbol](a, b)
    c.backward()
    expected = {
        "+": (1, 1),
        "-": (1, -1),
        "*": (2.5, 1.5),
        "/": (1 / 2.5, -1.5 / 2.5**2),
        "**": (2.5 * 1.5**1.5, 1.5**2.5 * math.log(1.5)),
    }[symbol]
    assert c.args == (a, b)
    assert c._op == symbol
    assert (a.grad, b.grad) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("symbol", OPERATORS)
def test_a_number_on_the_left_is_the_first_argument(symbol: str) -> None:
    x = Value(3.0)
    y = OPERATORS[symbol](2, x)
    assert y.data == OPERATORS[symbol](2.0, 3.0)
    assert y.args[1] is x
    assert (y.args[0].data, y.args[0].role) == (2.0, "constant")


def test_unary_operators() -> None:
    x = Value(-3.0)
    assert (-x).data == 3.0
    assert abs(x).data == 3.0
    assert +x is x
    assert ((-x)._op, abs(x)._op, (-x).args) == ("-", "abs", (x,))


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("wrong", NOT_NUMBERS, ids=lambda x: type(x).__name__)
def test_operators_refuse_what_is_no_number_and_name_it(wrong: Any, symbol: str) -> None:
    name = type(wrong).__name__
    for left, right in ((Value(1.0), wrong), (wrong, Value(1.0))):
        with pytest.raises(TypeError, match=name):
            OPERATORS[symbol](left, right)


@pytest.mark.parametrize(
    "wrong",
    [*NOT_NUMBERS, np.array([1.0]), np.array("2"), np.complex64(1j), np.datetime64("2000")],
    ids=lambda x: type(x).__name__,
)
def test_a_value_of_what_is_no_number_is_refused_and_the_error_says_what_is_accepted(
    wrong: Any,
) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__) as error:
        Value(wrong)
    assert "float, int, bool, Decimal, Fraction and NumPy scalars" in str(error.value)
    x = Value(1.0)
    for field in ("data", "grad"):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            setattr(x, field, wrong)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        (x * 2).backward(wrong)
    assert (x.data, x.grad) == (1.0, 0.0)


def test_a_value_is_not_the_data_of_a_value() -> None:
    with pytest.raises(TypeError, match="Value"):
        Value(Value(1.0))


def test_a_long_wrong_argument_is_not_printed_in_full() -> None:
    wrong: Any = "x" * 10_000
    with pytest.raises(TypeError) as error:
        Value(wrong)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "wrong", [*NOT_NUMBERS, np.array([1.0, 2.0])], ids=lambda x: type(x).__name__
)
@pytest.mark.parametrize("name", ["max", "min", "pow", "mul", "softmax_entry"])
def test_methods_and_functions_refuse_what_is_no_number(name: str, wrong: Any) -> None:
    x = Value(1.0)
    method, function = getattr(x, name), getattr(engine, name)
    with pytest.raises(TypeError, match=type(wrong).__name__):
        method(wrong)
    for args in ((x, wrong), (wrong, x)):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            function(*args)


def test_functions_of_sequences_refuse_what_is_no_number() -> None:
    for wrong in ("ab", [1.0, None], [Value(1.0), "b"], 3.0, None):
        with pytest.raises(TypeError):
            engine.sum(wrong)


@pytest.mark.parametrize("wrong", ["2", None, 1j, Value(2.0)], ids=lambda x: type(x).__name__)
def test_parameters_are_numbers(wrong: Any) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__):
        Value(-1.0).leaky_relu(wrong)


def test_too_large_integers_and_fractions_are_infinite() -> None:
    assert Value(10**400).data == INF
    assert Value(-(10**400)).data == -INF
    assert Value(Fraction(10**400)).data == INF
    assert Value(Decimal("1e400")).data == INF
    assert (Value(2.0) ** (10**400)).data == INF


# ---------------------------------------------------------------- arrays


@pytest.mark.parametrize("symbol", OPERATORS)
def test_an_array_on_either_side_gives_an_array_of_values(symbol: str) -> None:
    array, x = np.array([[1.0, 2.0], [3.0, 4.0]]), Value(1.5)
    for result, expected in (
        (OPERATORS[symbol](x, array), OPERATORS[symbol](1.5, array)),
        (OPERATORS[symbol](array, x), OPERATORS[symbol](array, 1.5)),
    ):
        assert isinstance(result, np.ndarray)
        assert result.dtype == object
        assert result.shape == (2, 2)
        assert all(type(entry) is Value for entry in result.flat)
        assert [float(entry) for entry in result.flat] == expected.ravel().tolist()


def test_arrays_of_values_compute_and_differentiate() -> None:
    a, b = Value(1.0), Value(2.0)
    (np.array([[3.0, 4.0], [5.0, 6.0]]) @ np.array([a, b])).sum().backward()
    assert (a.grad, b.grad) == (8.0, 10.0)
    assert np.tanh(np.array([a]))[0].data == math.tanh(1.0)


# ---------------------------------------------------------------- comparisons and identity


@pytest.mark.parametrize("number", NUMBERS, ids=kind)
def test_comparisons_compare_data(number: Any) -> None:
    n = float(number)
    for compare in (lt, le, gt, ge):
        for x in (-1.0, n, 7.0):
            assert compare(Value(x), number) is compare(x, n)
            assert bool(compare(number, Value(x))) is compare(n, x)
            assert compare(Value(x), Value(n)) is compare(x, n)


def test_nan_compares_false() -> None:
    for compare in (lt, le, gt, ge):
        assert compare(Value(NAN), 1.0) is False
        assert compare(Value(1.0), Value(NAN)) is False


@pytest.mark.parametrize("wrong", ["2", None, 1j, [1.0]], ids=lambda x: type(x).__name__)
def test_comparisons_refuse_what_is_no_number(wrong: Any) -> None:
    for compare in (lt, le, gt, ge):
        with pytest.raises(TypeError, match=type(wrong).__name__):
            compare(Value(1.0), wrong)
        with pytest.raises(TypeError, match=type(wrong).__name__):
            compare(wrong, Value(1.0))


def test_values_are_equal_only_to_themselves_and_can_be_keys() -> None:
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert a != b.data
    assert len({a, b, a}) == 2
    assert {a: "a"}.get(b) is None
    assert hash(a) == hash(a)
    a.data = 5.0
    assert {a: "a"}[a] == "a"
    assert [b, a].index(a) == 1


def test_values_can_be_sorted() -> None:
    values = [Value(3.0), Value(1.0), Value(2.0)]
    assert [v.data for v in sorted(values)] == [1.0, 2.0, 3.0]
    assert max(values).data == 3.0


# ---------------------------------------------------------------- what it shows


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (3, "Value(data=3.0, grad=0.0)"),
        (True, "Value(data=1.0, grad=0.0)"),
        (-0.0, "Value(data=-0.0, grad=0.0)"),
        (np.float32(0.5), "Value(data=0.5, grad=0.0)"),
        (INF, "Value(data=inf, grad=0.0)"),
        (NAN, "Value(data=nan, grad=0.0)"),
        (1e300, "Value(data=1e+300, grad=0.0)"),
    ],
)
def test_repr_shows_data_and_grad_as_floats(x: Any, text: str) -> None:
    assert repr(Value(x)) == str(Value(x)) == f"{Value(x)}" == text


def test_format_formats_the_data() -> None:
    x = Value(3.14159, label="x")
    assert f"{x:.2f}" == "3.14"
    assert f"{x:>8.1f}" == "     3.1"
    assert f"{x:e}" == "3.141590e+00"
    assert float(x) == 3.14159
    assert type(float(x)) is float
    assert math.floor(float(x)) == 3


def test_data_and_grad_are_floats_whatever_they_are_set_to() -> None:
    x = Value(1)
    for number in NUMBERS:
        x.data = number
        x.grad = number
        assert type(x.data) is float
        assert type(x.grad) is float
        assert x.data == x.grad == float(number)


def test_a_value_matches_its_data_in_a_pattern() -> None:
    match Value(3.0):
        case Value(data=3.0):
            pass
        case _:
            pytest.fail("no match")
    match Value(3.0):
        case Value(data):
            assert data == 3.0


def test_arguments_are_in_order_and_prev_is_their_set() -> None:
    a, b = Value(1.0), Value(2.0)
    assert (a - b).args == (a, b)
    assert (b - a).args == (b, a)
    assert (a - b)._prev == {a, b}
    assert (a * a).args == (a, a)
    assert (a * a)._prev == {a}
    assert (a * a).partials == (1.0, 1.0)
    assert engine.dot([a, b], [b, a]).args == (a, b, b, a)
    assert a.args == ()
    assert a._prev == set()
    assert a.partials == ()
    assert isinstance((a - b)._prev, set)


def test_operations_go_by_micrograds_names_and_pictures_signs() -> None:
    x, y = Value(2.0), Value(3.0)
    shown = {
        (v._op, v.sign)
        for v in (x + y, x - y, x * y, x / y, -x, x**2, x**-0.5, x**y, x.relu(), x.tanh(), x.exp())
    }
    assert shown == {
        ("+", "+"), ("-", "−"), ("*", "×"), ("/", "÷"), ("-", "−"), ("**2", "^2"),
        ("**-0.5", "^−0.5"), ("**", "^"), ("ReLU", "ReLU"), ("tanh", "tanh"), ("exp", "exp"),
    }  # fmt: skip
    assert (x._op, x.sign, x.rule) == ("", "", None)
    assert (x * y).rule is TABLE["mul"]


def test_an_exponent_is_written_as_it_was_typed() -> None:
    x = Value(2.0)
    typed = (2, 2.0, -1, 0.5, np.int64(2), np.float64(2.0))
    assert [(x**n)._op for n in typed] == ["**2", "**2.0", "**-1", "**0.5", "**2", "**2.0"]
    assert (x**2).params == (2,)
    assert (x**2).args == (x,)


def test_roles_tell_inputs_parameters_and_constants_apart() -> None:
    x = Value(1.0)
    w = Value(1.0, role="parameter", scope="layers.0", label="w")
    y = w * x + 3
    assert (x.role, w.role, y.role, y.args[1].role) == (
        "input", "parameter", "computed", "constant"
    )  # fmt: skip
    assert (w.label, w.scope, x.label, x.scope) == ("w", "layers.0", "", "")
    x.role, x.scope, x.label = "parameter", "layers.1", "x"
    assert (x.role, x.scope, x.label) == ("parameter", "layers.1", "x")
    y.label = "loss"
    assert (y.label, y.role) == ("loss", "computed")


def test_a_computed_node_stays_computed_whatever_role_it_is_given() -> None:
    x = Value(3.0)
    for y in (x * x, x**2, engine.sum([x, x])):
        params = y.params
        y.role = "parameter"
        assert (y.role, y.params) == ("computed", params)
        x.grad = 0.0
        y.backward()
        assert x.grad == sum(y.partials)


def test_label_is_the_fourth_argument_as_in_the_lecture() -> None:
    x = Value(2.0)
    assert Value(2.0, (), "", "b").label == "b"
    out = Value(4.0, (x, x), "+", "sum")
    assert (out.label, out._op, out.args) == ("sum", "+", (x, x))


def test_dir_lists_the_operations() -> None:
    names = dir(Value(1.0))
    assert {"tanh", "exp", "relu", "leaky_relu", "backward", "data", "grad"} <= set(names)
    assert "logsumexp" not in names
    assert {"tanh", "logsumexp", "Value", "softmax"} <= set(dir(engine))


def test_no_attribute_can_be_misspelt_silently() -> None:
    with pytest.raises(AttributeError):
        Value(1.0).lable = "x"  # type: ignore[attr-defined]


@pytest.mark.parametrize("row", [row for row in ROWS if not row.variadic], ids=str)
def test_method_and_function_make_the_same_node(row: Rule) -> None:
    args = [Value(0.25 + i / 4) for i in range(row.arity)]
    for params in row.samples:
        one = getattr(args[0], row.name)(*args[1:], *params)
        other = call(row, args, params)
        for node in (one, other):
            assert node.args == tuple(args)
            assert (node.rule, node.params) == (row, params)
        assert (one.data, one.partials) == (other.data, other.partials)


# ---------------------------------------------------------------- fixed local derivatives


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_changing_data_later_changes_no_recorded_gradient(row: Rule) -> None:
    @given(smooth_cases(row))
    def holds(case: Any) -> None:
        variables = [Value(x) for x in case.args]
        y = call(row, variables, case.params)
        before, partials = gradient(y, variables), y.partials
        for x in variables:
            x.data = 0.77 * x.data + 0.1
        y.backward()
        assert [x.grad for x in variables] == before == gradient(y, variables)
        assert y.partials == partials

    holds()


CHANGES: dict[str, tuple[Callable[[Any], Any], float, float]] = {
    "another value": (lambda x: x.tanh(), 1.0, 2.0),
    "the same square": (lambda x: x * x, 3.0, -3.0),
    "the same power": (lambda x: x**2, 3.0, -3.0),
    "the same cosine": (lambda x: x.cos(), 1.0, -1.0),
    "the same absolute value": (lambda x: abs(x), 1.0, -1.0),
    "still times zero": (lambda x: x * Value(0.0), 1.0, 2.0),
    "saturated": (lambda x: x.tanh(), 30.0, -30.0),
    "the last bit": (lambda x: 3 * x, 1.0, 1.0 + 2**-52),
    "from nan": (lambda x: 3 * x, NAN, 1.0),
    "to nan": (lambda x: 3 * x, 1.0, NAN),
}


@pytest.mark.parametrize("change", CHANGES)
def test_create_graph_names_the_node_that_no_longer_follows_from_its_arguments(
    change: str,
) -> None:
    f, before, after = CHANGES[change]
    x = Value(before)
    y = f(x)
    y.label = "hidden"
    z = y + 1
    wrt = [x, *y.args]
    x.data = after
    gradient(z, wrt)
    with pytest.raises(ValueError, match="'hidden'.*changed"):
        gradient(z, wrt, create_graph=True)
    x.data = before
    gradient(z, wrt, create_graph=True)


def test_create_graph_notices_changed_data_of_a_computed_node() -> None:
    x = Value(1.0)
    h = x.exp()
    h.label = "h"
    y = h * 2
    y.label = "y"
    h.data = 5.0
    with pytest.raises(ValueError, match="'[hy]'.*changed"):
        gradient(y, x, create_graph=True)
    assert gradient(y, x) == 2 * math.e


def test_create_graph_on_nan_notices_no_change_where_there_is_none() -> None:
    x = Value(NAN)
    assert math.isnan(gradient(x * x, x, create_graph=True).data)


# ---------------------------------------------------------------- backward


def test_leaves_accumulate_and_computed_nodes_start_afresh() -> None:
    x = Value(3.0)
    h = x * x
    y = h + x
    for times in (1, 2, 3):
        y.backward()
        assert (y.grad, h.grad, x.grad) == (1.0, 1.0, 7.0 * times)


def test_clearing_a_leaf_is_setting_its_grad() -> None:
    x = Value(3.0)
    (x * x).backward()
    x.grad = 0.0
    (x * x).backward()
    assert x.grad == 6.0


def test_two_roots_that_share_nodes_add_up_right() -> None:
    x = Value(2.0)
    h = x * x
    a, b = h * 3, h.exp()
    a.backward()
    assert (h.grad, x.grad) == (3.0, 12.0)
    b.backward()
    assert h.grad == math.exp(4.0)
    assert x.grad == 12.0 + 4.0 * math.exp(4.0)
    assert a.grad == 1.0


AGAIN: list[Callable[[Value, Value], Value]] = [
    lambda a, b: a.exp() + a.tanh(),
    lambda a, b: a.exp() + a * b,
    lambda a, b: a.exp() + b * a,
    lambda a, b: (a * b) + (b * a),
    lambda a, b: (a * b).exp() + a * b + engine.sum([a, b, a]),
    lambda a, b: engine.sum([a * b, b, a * b]) * b,
]


@pytest.mark.parametrize("again", AGAIN)
def test_an_argument_that_another_node_had_before_is_not_walked_again(
    again: Callable[[Value, Value], Value],
) -> None:
    x = Value(0.3)
    y = again(x * 2.0, x.sin())
    y.backward()
    assert x.grad == pytest.approx(gradient(y, x), rel=1e-14)


def test_backward_from_an_inner_node_then_from_the_root() -> None:
    x = Value(2.0)
    h = x * x
    y = h * h
    h.backward()
    y.backward()
    assert (y.grad, h.grad, x.grad) == (1.0, 8.0, 4.0 + 32.0)


def test_a_root_that_is_a_leaf_gains_its_seed_each_time() -> None:
    x = Value(3.0)
    x.backward()
    x.backward(2.5)
    assert x.grad == 3.5


def test_the_seed_scales_every_gradient() -> None:
    x = Value(3.0)
    y = x * x
    for seed in (2, 0.5, -1.0, np.float32(2.0), Fraction(1, 2), True):
        x.grad = 0.0
        y.backward(seed)
        assert (x.grad, y.grad) == (6.0 * float(seed), float(seed))
        x.grad = 0.0
        y.backward(seed=seed)
        assert x.grad == 6.0 * float(seed)


def test_backward_leaves_data_alone() -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    assert (x.data, y.data) == (3.0, 9.0)


def test_a_preset_gradient_of_a_leaf_is_added_to() -> None:
    x = Value(3.0)
    x.grad = 100.0
    (2 * x).backward()
    assert x.grad == 102.0


def test_nodes_that_the_root_does_not_reach_are_left_alone() -> None:
    x = Value(3.0)
    side = x * 5
    side.grad = 7.0
    (x * 2).backward()
    assert (side.grad, x.grad) == (7.0, 2.0)


def test_a_node_used_twice_by_one_operation_gets_both_shares() -> None:
    x = Value(3.0)
    (x * x).backward()
    assert x.grad == 6.0
    y = Value(2.0)
    (y**y).backward()
    assert y.grad == pytest.approx(4 * (1 + math.log(2)), rel=1e-15)
    z = Value(5.0)
    (z / z + (z - z)).backward()
    assert z.grad == 0.0
    w = Value(3.0)
    engine.dot([w, w], [w, 2.0]).backward()
    assert w.grad == 8.0


@given(programs())
def test_backward_again_from_cleared_leaves_repeats_every_bit(program: Program) -> None:
    _, root = program.run()
    root.backward()
    nodes = topological_order(root)
    once = [x.grad for x in nodes]
    for node in nodes:
        if not node.args:
            node.grad = 0.0
    root.backward()
    assert all(same(node.grad, grad) for node, grad in zip(nodes, once, strict=True))


@given(programs())
def test_the_same_run_gives_the_same_bits(program: Program) -> None:
    runs = []
    for _ in range(2):
        leaves, root = program.run()
        root.backward()
        runs.append([root.data, *(x.grad for x in leaves), *gradient(root, leaves)])
    assert all(map(same, *runs))


@given(programs())
def test_gradient_and_backward_agree_to_the_bit(program: Program) -> None:
    leaves, root = program.run()
    slopes = gradient(root, leaves)
    assert all(x.grad == 0.0 for x in topological_order(root))
    root.backward()
    assert all(same(x.grad, d) for x, d in zip(leaves, slopes, strict=True))


def test_the_same_bits_in_another_process_with_other_hashes() -> None:
    code = """
from engine import Value, topological_order
import engine
xs = [Value(0.1 * i - 0.7) for i in range(20)]
nodes = list(xs)
for i in range(300):
    a, b, c = nodes[(7 * i) % len(nodes)], nodes[(11 * i + 3) % len(nodes)], nodes[-1]
    nodes.append((a * b + c.tanh() - a / 3 + 0.3 * b).sin())
y = engine.logsumexp(nodes)
y.backward()
print(y.data.hex(), *(x.grad.hex() for x in xs), *(x._op for x in topological_order(y)))
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().split()) > 300


def test_topological_order_puts_arguments_first_and_each_node_once() -> None:
    a, b = Value(1.0), Value(2.0)
    c = a * b
    d = c + a
    assert topological_order(d) == [a, b, c, d]
    assert topological_order([c, d]) == [a, b, c, d]
    assert topological_order(a) == [a]
    assert topological_order([]) == []


# ---------------------------------------------------------------- nodes made by hand


def handmade(x: Value) -> Value:
    """tanh in the lecture's way."""
    t = math.tanh(x.data)
    out = Value(t, (x,), "tanh")

    def _backward() -> None:
        x.grad += (1 - t * t) * out.grad

    out._backward = _backward
    return out


def test_an_assigned_backward_is_honoured() -> None:
    x = Value(0.5)
    y = handmade(x) * 2
    y.backward()
    slope = 2 * (1 - math.tanh(0.5) ** 2)
    assert x.grad == slope
    y.backward()
    assert x.grad == 2 * slope
    assert gradient(y, x) == slope
    assert x.grad == 2 * slope
    h = y.args[0]
    assert (h._op, h.sign, h.role, h.rule) == ("tanh", "tanh", "computed", None)
    assert h.partials == (pytest.approx(slope / 2),)


def test_asking_for_partials_of_a_handmade_node_leaves_every_grad_alone() -> None:
    x = Value(0.5)
    h = handmade(x)
    x.grad, h.grad = 7.0, 5.0
    assert h.partials == (1 - math.tanh(0.5) ** 2,)
    assert (x.grad, h.grad) == (7.0, 5.0)


def test_a_handmade_node_may_use_an_argument_twice() -> None:
    x = Value(3.0)
    out = Value(9.0, (x, x), "square")

    def _backward() -> None:
        x.grad += 2 * x.data * out.grad

    out._backward = _backward
    out.backward()
    assert x.grad == 6.0
    assert out._prev == {x}
    assert sum(out.partials) == 6.0
    assert gradient(out, x) == 6.0


def test_a_handmade_node_between_other_nodes() -> None:
    x = Value(0.5)
    y = (handmade((2 * x).exp()) + x) * x
    y.backward()
    z = Value(0.5)
    ((((2 * z).exp()).tanh() + z) * z).backward()
    assert x.grad == pytest.approx(z.grad, rel=1e-15)


def test_a_handmade_node_without_backward_says_so() -> None:
    x = Value(1.0)
    out = Value(2.0, (x,), "double", label="mine")
    with pytest.raises(RuntimeError, match="'mine'.*_backward"):
        (out + 1).backward()
    with pytest.raises(RuntimeError, match="'mine'.*_backward"):
        out._backward()
    with pytest.raises(RuntimeError, match="'mine'.*_backward"):
        gradient(out, x)
    assert x.grad == 0.0


def test_a_handmade_node_cannot_be_differentiated_twice_and_says_so() -> None:
    x = Value(0.5)
    with pytest.raises(ValueError, match="by hand"):
        gradient(handmade(x), x, create_graph=True)


def test_a_handmade_node_can_be_neither_copied_nor_pickled_and_says_so() -> None:
    y = handmade(Value(0.5)) + 1
    with pytest.raises(TypeError, match="by hand"):
        copy.deepcopy(y)
    with pytest.raises(TypeError, match="by hand"):
        pickle.dumps(y)


def test_the_backward_of_a_recorded_node_can_be_replaced() -> None:
    x = Value(3.0)
    y = x * x

    def straight_through() -> None:
        x.grad += y.grad

    y._backward = straight_through
    (2 * y).backward()
    assert x.grad == 2.0
    assert y._op == "*"


def test_the_backward_steps_by_hand() -> None:
    a, b = Value(2.0), Value(-3.0)
    c = a * b
    d = c + 10.0
    d.grad = 1.0
    d._backward()
    c._backward()
    assert (c.grad, a.grad, b.grad) == (1.0, -3.0, 2.0)
    c._backward()
    assert (a.grad, b.grad) == (-6.0, 4.0)
    a._backward()


def test_a_leaf_with_an_assigned_backward_still_accumulates() -> None:
    x = Value(1.0)
    x._backward = lambda: None
    for _ in range(2):
        (3 * x).backward()
    assert x.grad == 6.0
    assert x.role == "input"


@pytest.mark.parametrize("wrong", [None, 3.0, "f"])
def test_backward_must_be_a_function(wrong: Any) -> None:
    with pytest.raises(TypeError, match=type(wrong).__name__):
        Value(1.0)._backward = wrong


def test_children_must_be_values() -> None:
    with pytest.raises(TypeError, match="float"):
        Value(1.0, (2.0,), "op")  # type: ignore[arg-type]


# ---------------------------------------------------------------- copies


def test_a_deep_copy_is_the_same_graph_of_other_nodes() -> None:
    x = Value(0.5, label="x", role="parameter", scope="s")
    y = (x * x + engine.logsumexp([x, x.sin(), 2.0])) ** 3
    y.backward()
    z = copy.deepcopy(y)
    ours, theirs = topological_order(y), topological_order(z)
    assert not set(ours) & set(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.data, a.grad, a._op, a.label, a.role, a.scope, a.partials, a.params) == (
            b.data, b.grad, b._op, b.label, b.role, b.scope, b.partials, b.params
        )  # fmt: skip
    z.backward()
    assert theirs[0].grad == 2 * x.grad


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_the_same_graph(protocol: int) -> None:
    x = Value(-0.5, label="x")
    y = (x.relu() + x.leaky_relu(0.2)) * engine.dot([x, 2.0], [3.0, x]) / x.clip(-1, 1) ** 2
    y.backward()
    z = pickle.loads(pickle.dumps(y, protocol))
    for a, b in zip(topological_order(y), topological_order(z), strict=True):
        assert (a.data, a.grad, a._op, a.label, a.partials, a.params) == (
            b.data, b.grad, b._op, b.label, b.partials, b.params
        )  # fmt: skip
    (leaf,) = (v for v in topological_order(z) if v.label == "x")
    leaf.grad = 0.0
    z.backward()
    assert leaf.grad == x.grad
    assert gradient(z, leaf, create_graph=True).data == gradient(y, x)


def test_what_is_copied_or_pickled_together_stays_together() -> None:
    x = Value(2.0)
    a, b = x * 3, x * x
    duplicates: list[Callable[[Any], Any]] = [
        copy.deepcopy,
        lambda v: pickle.loads(pickle.dumps(v)),
    ]
    for duplicate in duplicates:
        c, (d, leaf) = duplicate([a, (b, x)])
        (c + d).backward()
        assert leaf.grad == 7.0
        assert x.grad == 0.0


def test_a_shallow_copy_shares_the_arguments() -> None:
    x = Value(2.0)
    y = x * x
    z = copy.copy(y)
    assert z is not y
    assert z.args == y.args
    z.backward()
    assert (x.grad, y.grad) == (4.0, 0.0)


def test_branches_not_taken_survive_copies() -> None:
    x = Value(-1.0)
    y = x.relu().log()
    for z in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        leaf = topological_order(z)[0]
        z.backward()
        assert leaf.grad == 0.0


def test_a_pickle_that_fails_leaves_nothing_behind() -> None:
    x = y = Value(1.0)
    for _ in range(5_000):
        y = y + 1.0
    broken = Value(0.0, (y,), "by hand") * 2
    for _ in range(2):
        with pytest.raises(TypeError, match="by hand"):
            pickle.dumps(broken)
        z = pickle.loads(pickle.dumps(y))
        assert len(topological_order(z)) == len(topological_order(y))
    y.backward()
    assert x.grad == 1.0


@given(programs())
def test_copies_of_any_graph_have_its_gradients(program: Program) -> None:
    leaves, root = program.run()
    for other in (copy.deepcopy([*leaves, root]), pickle.loads(pickle.dumps([*leaves, root]))):
        *copies, top = other
        expected = gradient(root, leaves)
        assert all(map(same, gradient(top, copies), expected))


def test_a_subclass_computes_and_stays_itself_in_copies() -> None:
    class Weight(Value):
        __slots__ = ()

    w = Weight(2.0)
    y = 3 * w + w**2
    y.backward()
    assert w.grad == 7.0
    assert type(copy.deepcopy(w)) is type(copy.copy(w)) is Weight
    assert type(w + 1) is Value
    assert engine.exp(w).args == (w,)


# ---------------------------------------------------------------- threads


def test_threads_that_share_nodes_and_leaves_lose_no_gradient() -> None:
    x = Value(1.0)
    shared = x
    for _ in range(400):
        shared = shared * 1.0 + x * 0.0
    rounds = 20
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def work(k: int) -> None:
        try:
            start.wait(10)
            for _ in range(rounds):
                (shared * k).backward()
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not errors
    assert x.grad == rounds * (1 + 2 + 3 + 4)


# ---------------------------------------------------------------- no_grad results, freeing


def test_a_graph_is_freed_with_its_root_with_the_collector_off() -> None:
    gc.collect()
    gc.disable()
    try:
        x = Value(0.5)
        y = engine.logsumexp([x.tanh() * x, handmade_free(x), x**2, x.pow(x), x.clip(0, 1)])
        y.backward()
        inner = weakref.ref(y.args[0])
        gradient(y, x, create_graph=True)
        copy.deepcopy(y)
        pickle.dumps(y)
        repr(y)
        del y
        assert inner() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def handmade_free(x: Value) -> Any:
    with no_grad():
        return x * 3


# ---------------------------------------------------------------- Jupyter


def test_a_notebook_shows_text_always() -> None:
    for value in (Value(1.0), Value(NAN) * 2, handmade(Value(0.5)), Value(1.0, label="<b>\0")):
        bundle = value._repr_mimebundle_()
        assert str(bundle["text/plain"]).startswith(repr(value))
        assert "text/plain" in value._repr_mimebundle_(include=None, exclude=None)


def test_a_notebook_shows_a_hint_for_a_large_graph() -> None:
    y = Value(1.0)
    for _ in range(200):
        y = y + y
    bundle = y._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "201 nodes" in str(bundle["text/plain"])
    assert "draw" in str(bundle["text/plain"])


def test_a_notebook_shows_text_when_the_picture_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viz", None)
    value = Value(1.0) * 2
    bundle = value._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert str(bundle["text/plain"]).startswith(repr(value))


@given(st.lists(st.floats(), max_size=5))
def test_functions_of_numbers_are_numbers(xs: list[float]) -> None:
    for value in (engine.sum(xs), engine.dot(xs, xs), *engine.softmax(xs or [1.0])):
        assert type(value) is float


def test_elu_at_zero_is_zero_whatever_its_scale() -> None:
    for alpha in (-1.0, math.inf):
        value = Value(0.0).elu(alpha).data
        assert (value, math.copysign(1.0, value)) == (0.0, 1.0)


def test_backward_adds_in_the_order_of_gradient() -> None:
    x = Value(1.0)
    y = engine.sum([x * 1e16, x * -1e16, x * 1.0])
    y.backward()
    assert x.grad == engine.gradient(y, x)


def test_a_function_assigned_to_a_leaf_is_called_by_hand() -> None:
    x = Value(1.0)
    calls: list[float] = []
    x._backward = lambda: calls.append(x.grad)
    x._backward()
    assert calls == [0.0]


@pytest.mark.parametrize(
    "row", [row for row in TABLE if not row.variadic], ids=lambda row: row.name
)
def test_every_operation_takes_what_derives_from_value(row: Rule) -> None:
    class Own(Value):
        pass

    numbers = [0.4 * max(low, -2.0) + 0.6 * min(high, 2.0) for low, high in row.domain]
    params = row.samples[0] if row.samples else ()
    own, plain = [Own(x) for x in numbers], [Value(x) for x in numbers]
    compute = getattr(engine, row.name)
    y, right = compute(*own, *params), compute(*plain, *params)
    for result in (y, right):
        result.backward()
    assert y.data == right.data
    assert [x.grad for x in own] == [x.grad for x in plain]
