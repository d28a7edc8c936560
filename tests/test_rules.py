"""The table of derivatives, row by row, against oracles that know nothing of its partials.

Each property below takes a row, so that rows which others add are tested by the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations_with_replacement, permutations
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from strategies_local import (
    NAMES,
    ROWS,
    Case,
    any_cases,
    arities,
    call,
    close,
    domains,
    kinks,
    same,
    smooth_cases,
)

import engine
from engine import TABLE, Rule, Symbol, Tensor, Value, grad, gradient, jvp, rule
from engine.complexes import Complex
from engine.dual import Dual
from engine.numbers import apply

INF = math.inf
STEP = 1e-20  # of the complex step: nothing is subtracted, so nothing is lost
Check = Callable[[Rule, Case], None]
Function = Callable[[float], float]


# ---------------------------------------------------------------- oracles


def central_difference(f: Function, x: float, step: float) -> tuple[float, float]:
    """f′(x) and an estimate of its error, by extrapolated central differences.

    Source: C. J. F. Ridders, *Accurate computation of F′(x) and F″(x)*, Advances in Engineering
    Software 4, 1982.
    """
    best, error = math.nan, math.inf
    previous: list[float] = []
    for i in range(7):
        h = step / 1.6**i
        low, high = x - h, x + h
        current = [(f(high) - f(low)) / (high - low)]
        for k, older in enumerate(previous):
            factor = 2.56 ** (k + 1)
            current.append((current[k] * factor - older) / (factor - 1))
            doubt = max(abs(current[-1] - current[k]), abs(current[-1] - older))
            if doubt < error:
                best, error = current[-1], doubt
        previous = current
    return best, error


def room(row: Rule, case: Case, i: int) -> float:
    """A step for argument i that stays in the domain and on one side of every kink."""
    low, high = domains(row, len(case.args))[i]
    x = case.args[i]
    step = min(0.1, (x - low) / 3, (high - x) / 3)
    here = kinks(row, case)
    while True:
        there = [kinks(row, moved(case, i, x + side * step)) for side in (-2, -1, 1, 2)]
        if all(a * b > 0 for others in there for a, b in zip(here, others, strict=True)):
            return step
        step /= 2


def moved(case: Case, i: int, x: float) -> Case:
    """The case with another i-th argument."""
    return Case((*case.args[:i], x, *case.args[i + 1 :]), case.params)


def follows(row: Rule, case: Case, i: int, f: Callable[[Case], float], slope: float) -> None:
    """Assert that ``slope`` is the derivative of f along argument i, by differences."""
    step = room(row, case, i)
    measured, error = central_difference(lambda x: f(moved(case, i, x)), case.args[i], step)
    allowed = 20 * error + 2e-8 * (1 + abs(slope))
    assert abs(measured - slope) <= allowed, f"{row} {case} ∂{i}: {slope} but {measured}"
    assert error <= 2e-5 * (1 + abs(slope)), f"{row} {case} ∂{i}: no certain difference"


def complex_step(row: Rule, case: Case, i: int) -> float | None:
    """∂value/∂argument i, exact to the last digits; None if complex numbers have no such row."""
    args: list[complex] = list(case.args)
    args[i] += STEP * 1j
    try:
        return float(apply(row, args, case.params).imag / STEP)
    except TypeError:
        return None


def directional(row: Rule, args: Sequence[Any], params: Sequence[Any], *along: int) -> Any:
    """∂/∂…∂/∂ of the row's value by dual numbers, one level for each index, over any numbers."""
    duals = list(args)
    for level, i in enumerate(along, 1):
        duals[i] = Dual(duals[i], 1.0, level)
    result = apply(row, duals, params)
    for level in range(len(along), 0, -1):
        mine = isinstance(result, Dual) and result._rank == Dual(0.0, 0.0, level)._rank
        result = result.tangent if mine else 0.0
    return result


def reverse(row: Rule, case: Case, *along: int) -> float:
    """∂/∂…∂/∂ of the row's value in reverse mode, each through the graph of the one before."""
    variables = [Value(x) for x in case.args]
    result = call(row, variables, case.params)
    for i in along:
        result = gradient(result, variables[i], create_graph=True)
    return float(result)


def ways(case: Case, depth: int) -> list[tuple[int, ...]]:
    """Which arguments to differentiate by, one after the other, among the last three."""
    picked = range(len(case.args))[-3:]
    return list(combinations_with_replacement(picked, depth))


# ---------------------------------------------------------------- properties


def partials_match_central_differences(row: Rule, case: Case) -> None:
    partials = call(row, [Value(x) for x in case.args], case.params).partials
    assert len(partials) == len(case.args)
    for i, partial in enumerate(partials):
        follows(row, case, i, lambda c: apply(row, c.args, c.params), partial)


def partials_match_the_complex_step(row: Rule, case: Case) -> None:
    partials = call(row, [Value(x) for x in case.args], case.params).partials
    for i, partial in enumerate(partials):
        exact = complex_step(row, case, i)
        assert exact is None or close(partial, exact, 1e-12, 1e-14), f"∂{i}: {partial}, {exact}"


def backward_leaves_the_partials_in_the_arguments(row: Rule, case: Case) -> None:
    variables = [Value(x) for x in case.args]
    result = call(row, variables, case.params)
    result.backward(2.0)
    for x, partial in zip(variables, result.partials, strict=True):
        assert x.grad == 2.0 * partial
        assert type(x.grad) is float


def forward_mode_matches_reverse_mode(row: Rule, case: Case) -> None:
    variables = [Value(x) for x in case.args]
    result = call(row, variables, case.params)
    for i, slope in enumerate(gradient(result, variables)):
        direction = [float(i == j) for j in range(len(case.args))]
        value, tangent = jvp(lambda xs: call(row, xs, case.params), list(case.args), direction)
        assert value == result.data
        assert close(tangent, slope, 1e-15), f"∂{i}: forward {tangent}, reverse {slope}"


def second_derivatives_match_differences_of_the_first(row: Rule, case: Case) -> None:
    for i, j in ways(case, 2):

        def first(c: Case, i: int = i) -> float:
            return reverse(row, c, i)

        follows(row, case, j, first, reverse(row, case, i, j))


def third_derivatives_match_differences_of_the_second(row: Rule, case: Case) -> None:
    for i, j, k in ways(case, 3):

        def second(c: Case, i: int = i, j: int = j) -> float:
            return reverse(row, c, i, j)

        follows(row, case, k, second, reverse(row, case, i, j, k))


def higher_derivatives_match_the_complex_step_of_forward_mode(row: Rule, case: Case) -> None:
    if complex_step(row, case, 0) is None:
        return
    for *along, last in (*ways(case, 2), *ways(case, 3)):
        args: list[complex] = [Complex(x) for x in case.args]
        args[last] = Complex(case.args[last], STEP)
        exact = complex(directional(row, args, case.params, *along)).imag / STEP
        slope = reverse(row, case, *along, last)
        assert close(slope, exact, 1e-10, 1e-11), f"∂{along}{last}: {slope}, exact {exact}"


def higher_derivatives_do_not_depend_on_order_or_mode(row: Rule, case: Case) -> None:
    for along in (*ways(case, 2), *ways(case, 3)):
        expected = reverse(row, case, *along)
        for other in set(permutations(along)):
            assert close(reverse(row, case, *other), expected, 1e-9, 1e-10), other
            forward = float(directional(row, case.args, case.params, *other))
            assert close(forward, expected, 1e-9, 1e-10), f"forward {other}"


def on_any_floats_all_kinds_of_number_agree(row: Rule, case: Case) -> None:
    """On inf, nan, subnormals, borders and ties; and nothing raises or turns complex."""
    args, params = case
    number = call(row, args, params)
    variables = [Value(x) for x in args]
    result = call(row, variables, params)
    assert type(number) is float
    assert type(result.data) is float
    assert same(number, result.data)
    plain = gradient(result, variables)
    graph = gradient(result, variables, create_graph=True)
    result.backward()
    for i, (x, slope, recorded) in enumerate(zip(variables, plain, graph, strict=True)):
        assert same(x.grad, slope), f"∂{i}: backward() {x.grad}, gradient() {slope}"
        assert close(slope, recorded.data, 0.0), f"∂{i}: {slope}, as a graph {recorded.data}"
        assert close(slope, float(directional(row, args, params, i)), 0.0), f"∂{i} forward"


def on_any_floats_higher_derivatives_never_raise(row: Rule, case: Case) -> None:
    for along in ways(case, 2):
        reverse(row, case, *along)
        float(directional(row, case.args, case.params, *along))


SMOOTH: list[Check] = [
    partials_match_central_differences,
    partials_match_the_complex_step,
    backward_leaves_the_partials_in_the_arguments,
    forward_mode_matches_reverse_mode,
    second_derivatives_match_differences_of_the_first,
    third_derivatives_match_differences_of_the_second,
    higher_derivatives_match_the_complex_step_of_forward_mode,
    higher_derivatives_do_not_depend_on_order_or_mode,
]
ANYWHERE: list[Check] = [
    on_any_floats_all_kinds_of_number_agree,
    on_any_floats_higher_derivatives_never_raise,
]
COSTLY = [check for check in SMOOTH if "difference" in check.__name__ or "higher" in check.__name__]
EXPONENT_ZERO = [Case((1.0, 0.0), ()), Case((0.3, 0.0), ())]
FOUND: dict[str, list[Case]] = {  # cases that once failed, tried each time
    "second_derivatives_match_differences_of_the_first pow": EXPONENT_ZERO,
    "third_derivatives_match_differences_of_the_second pow": EXPONENT_ZERO,
    "higher_derivatives_match_the_complex_step_of_forward_mode pow": EXPONENT_ZERO,
    "higher_derivatives_do_not_depend_on_order_or_mode pow": EXPONENT_ZERO,
    "on_any_floats_higher_derivatives_never_raise div": [Case((0.0, 0.0), ())],
    "on_any_floats_all_kinds_of_number_agree pow": [Case((-0.0, -1 + 2**-53), ())],
}


def verify(check: Check, row: Rule) -> None:
    """Try a property of a row on many cases."""
    cases = smooth_cases(row) if check in SMOOTH else any_cases(row)
    examples = settings().max_examples // (4 if check in COSTLY else 1)

    @settings(max_examples=examples)
    @given(cases)
    def holds(case: Case) -> None:
        check(row, case)

    for case in FOUND.get(f"{check.__name__} {row.name}", []):
        holds = example(case)(holds)
    holds()


@pytest.mark.parametrize("check", [*SMOOTH, *ANYWHERE], ids=lambda check: check.__name__)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_row(row: Rule, check: Check) -> None:
    verify(check, row)


def test_every_row_has_a_case_to_try() -> None:
    for row in ROWS:
        assert row.samples, row
        assert any(arities(row, params) for params in row.samples), row


# ---------------------------------------------------------------- other libraries


def ndtr(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


CLOSED_FORMS: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda x: 0 - x,
    "power": lambda x, n: math.exp(n * math.log(x)),
    "pow": lambda x, z: math.exp(z * math.log(x)),
    "sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "relu": lambda x: (x + abs(x)) / 2,
    "leaky_relu": lambda x, slope: (x + abs(x)) / 2 + slope * (x - abs(x)) / 2,
    "elu": lambda x, alpha: x if x > 0 else alpha * (math.exp(x) - 1),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * ndtr(x),
    "abs": abs,
    "max": lambda a, b: (a + b + abs(a - b)) / 2,
    "min": lambda a, b: (a + b - abs(a - b)) / 2,
    "clip": lambda x, lo, hi: sorted([lo, x, hi])[1],
    "sum": lambda *xs: math.fsum(xs),
    "mean": lambda *xs: math.fsum(xs) / len(xs),
    "dot": lambda *xy: math.fsum(x * y for x, y in zip(*halves(xy), strict=True)),
    "affine": lambda *wxb: wxb[-1] + math.fsum(w * x for w, x in zip(*halves(wxb), strict=True)),
    "logsumexp": lambda *xs: math.log(math.fsum(map(math.exp, xs))),
    "softmax_entry": lambda x, lse: math.exp(x) / math.exp(lse),
    "cross_entropy": lambda *given: (
        math.log(math.fsum(map(math.exp, given[:-1]))) - given[given[-1]]
    ),
    "binary_cross_entropy": lambda z, t: (
        -t * math.log(1 / (1 + math.exp(-z))) - (1 - t) * math.log(1 / (1 + math.exp(z)))
    ),
}


def halves(xs: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    n = len(xs) // 2
    return xs[:n], xs[n : 2 * n]


def grid(row: Rule, count: int = 12) -> list[Case]:
    """Smooth cases, the same ones each time."""
    random = Random(row.name)
    cases: list[Case] = []
    while len(cases) < count:
        params = random.choice(row.samples)
        n = random.choice(arities(row, params))
        ends = [(max(low, -6.0), min(high, 6.0)) for low, high in domains(row, n)]
        case = Case(tuple(random.uniform(low, high) for low, high in ends), params)
        if all(abs(x) > 0.05 for x in kinks(row, case)):
            cases.append(case)
    return cases


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_values_are_those_of_the_closed_form(row: Rule) -> None:
    expected = CLOSED_FORMS.get(row.name) or getattr(math, row.name)
    for case in grid(row):
        assert close(call(row, *case), expected(*case.args, *case.params), 2e-13, 2e-15), case


NO_COMPLEX_STEP: dict[str, Callable[[float], float]] = {  # derivatives of rows that have none
    "erf": lambda x: 2 / math.sqrt(math.pi) * math.exp(-x * x),
    "erfc": lambda x: -2 / math.sqrt(math.pi) * math.exp(-x * x),
    "gelu": lambda x: ndtr(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_rows_without_a_complex_step_have_the_derivative_of_the_closed_form(row: Rule) -> None:
    for case in grid(row):
        if complex_step(row, case, 0) is None:
            (partial,) = call(row, [Value(x) for x in case.args], case.params).partials
            assert close(partial, NO_COMPLEX_STEP[row.name](*case.args), 1e-14, 1e-16)


def of_terms(function: Callable[..., Any]) -> Callable[..., Any]:
    """A torch function of one tensor, its last axis the terms, as a function of the terms."""
    return lambda torch, *xs: function(torch, torch.stack(xs, -1))


TORCH: dict[str, Callable[..., Any]] = {  # where torch calls it otherwise than the table
    "power": lambda torch, x, n: x**n,
    "leaky_relu": lambda torch, x, s: torch.nn.functional.leaky_relu(x, s),
    "elu": lambda torch, x, alpha: torch.nn.functional.elu(x, alpha),
    "softplus": lambda torch, x: torch.nn.functional.softplus(x),
    "silu": lambda torch, x: torch.nn.functional.silu(x),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "max": lambda torch, a, b: torch.maximum(a, b),
    "min": lambda torch, a, b: torch.minimum(a, b),
    "sum": of_terms(lambda torch, xs: xs.sum(-1)),
    "mean": of_terms(lambda torch, xs: xs.mean(-1)),
    "logsumexp": of_terms(lambda torch, xs: torch.logsumexp(xs, -1)),
    "dot": lambda torch, *xy: sum(x * y for x, y in zip(*halves(xy), strict=True)),
    "affine": lambda torch, *wxb: sum(w * x for w, x in zip(*halves(wxb), strict=True)) + wxb[-1],
    "softmax_entry": lambda torch, x, lse: torch.exp(x - lse),
    "cross_entropy": lambda torch, *given: torch.nn.functional.cross_entropy(
        torch.stack(given[:-1], -1), torch.full(given[0].shape, given[-1]), reduction="none"
    ),
    "binary_cross_entropy": lambda torch, z, t: (
        torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_values_and_three_derivatives_are_those_of_torch(row: Rule) -> None:
    torch = pytest.importorskip("torch")
    function = TORCH.get(row.name) or (lambda torch, *xs: getattr(torch, row.name)(*xs))
    groups: dict[tuple[int, tuple[Any, ...]], list[Case]] = {}
    for case in grid(row):
        groups.setdefault((len(case.args), case.params), []).append(case)
    for (_, params), cases in groups.items():
        columns = torch.tensor([case.args for case in cases], dtype=torch.float64).T
        variables = [column.clone().requires_grad_() for column in columns]

        def slope(y: Any, x: Any) -> Any:
            if not y.requires_grad:
                return torch.zeros_like(y)
            (d,) = torch.autograd.grad(y.sum(), x, create_graph=True, allow_unused=True)
            return torch.zeros_like(y) + (0 if d is None else d)

        whole = function(torch, *variables, *params)
        everywhere = [way for depth in (0, 1, 2, 3) for way in ways(cases[0], depth)]
        for along in everywhere:
            theirs = whole
            for i in along:
                theirs = slope(theirs, variables[i])
            for case, expected in zip(cases, theirs.tolist(), strict=True):
                ours = reverse(row, case, *along)
                assert close(ours, expected, 1e-10, 1e-12), f"{case} ∂{along}: {ours}, {expected}"


# ---------------------------------------------------------------- rows of one's own


@pytest.mark.parametrize("check", [*SMOOTH, *ANYWHERE], ids=lambda check: check.__name__)
def test_a_new_row_passes_the_properties_of_the_table(check: Check, softsign: Rule) -> None:
    verify(check, softsign)


def test_a_new_row_works_on_every_kind_of_number(softsign: Rule) -> None:
    x = Value(-3.0, label="x")
    y = x.softsign()
    y.backward()
    assert (y.data, x.grad) == (-0.75, 0.0625)
    assert (y._op, y.sign, y.rule, y.args) == ("softsign", "softsign", softsign, (x,))
    assert TABLE["softsign"] is softsign
    assert softsign.name in {*dir(engine), *dir(x)}
    f = engine.softsign
    assert f(-3.0) == f(x).data == -0.75
    assert (f(2 + 1e-20j)).imag / 1e-20 == pytest.approx(1 / 9, rel=1e-15)
    assert jvp(f, -3.0, 2.0) == (-0.75, 0.125)
    assert grad(grad(f))(1.0) == pytest.approx(-0.25, rel=1e-15)
    assert grad(grad(grad(f)))(1.0) == pytest.approx(6 / 16, rel=1e-15)
    assert str(f(Symbol("x")) + 1) == "softsign(x) + 1"
    assert f(Symbol("x")).latex() == r"\operatorname{softsign}\left(x\right)"


def test_a_new_row_is_drawn(softsign: Rule) -> None:
    draw = pytest.importorskip("viz").draw
    assert "softsign" in draw(Value(-3.0).softsign()).source


def test_a_new_row_is_forgotten_when_removed() -> None:
    rule("twice", lambda m, x: 2 * x, lambda m, y, x: 2)
    x = Value(3.0)
    y = x.twice()
    TABLE.remove("twice")
    assert "twice" not in TABLE
    assert not hasattr(engine, "twice")
    assert not hasattr(x, "twice")
    assert not hasattr(Symbol("x"), "twice")
    y.backward()
    assert x.grad == 2.0


@pytest.fixture
def own() -> Iterator[Callable[..., Rule]]:
    """``rule``, with the rows that it adds removed after the test."""
    names: list[str] = []

    def add(name: str, *functions: Any, **details: Any) -> Rule:
        row = rule(name, *functions, **details)
        names.append(name)
        return row

    yield add
    for name in names:
        TABLE.remove(name)


@pytest.mark.parametrize("check", [*SMOOTH, *ANYWHERE], ids=lambda check: check.__name__)
def test_new_rows_may_call_their_arguments_as_they_like(check: Check, own: Any) -> None:
    """Names that the engine's generated code, or a function of the row, uses too."""
    verify(
        check,
        own(
            "angle",
            lambda m, y, x: m.atan(y / x),
            lambda m, r, y, x: x / (x * x + y * y),
            lambda m, r, y, x: -y / (x * x + y * y),
            domain=[(-INF, INF), (0.5, INF)],
        ),
    )
    verify(
        check,
        own(
            "bounded",
            lambda m, out, min, max: m.min(m.max(out, min), max),
            lambda m, y, out, min, max: m.where((out >= min) & (out <= max), 1, 0),
            params={"min": -1.0, "max": 1.0},
            samples=((-1.0, 1.0), (0.0, 2.0)),
            kinks=lambda m, out, min, max: (out - min, out - max),
        ),
    )
    verify(check, own("damped", lambda m, exp: m.exp(-exp), lambda m, y, exp: -y))


@pytest.mark.parametrize("check", [*SMOOTH, *ANYWHERE], ids=lambda check: check.__name__)
def test_new_rows_may_have_three_arguments_or_parameters_or_sequences(
    check: Check, own: Any
) -> None:
    verify(
        check,
        own(
            "lerp",
            lambda m, a, b, t: a + t * (b - a),
            lambda m, y, a, b, t: 1 - t,
            lambda m, y, a, b, t: t,
            lambda m, y, a, b, t: b - a,
        ),
    )
    verify(
        check,
        own(
            "huber",
            lambda m, x, t, delta: delta * delta * (m.sqrt(1 + ((x - t) / delta) ** 2) - 1),
            lambda m, y, x, t, delta: (x - t) / m.sqrt(1 + ((x - t) / delta) ** 2),
            lambda m, y, x, t, delta: (t - x) / m.sqrt(1 + ((x - t) / delta) ** 2),
            params={"delta": 1.0},
            samples=((1.0,), (2.5,)),
        ),
    )
    verify(
        check,
        own(
            "energy",
            lambda m, xs: m.dot(xs, xs),
            lambda m, y, xs: [2 * x for x in xs],
            variadic=True,
        ),
    )


def test_the_function_of_a_row_takes_its_parameters_by_position_name_and_default() -> None:
    x = Value(-2.0)
    assert engine.leaky_relu(x).data == x.leaky_relu().data == -0.02
    assert engine.leaky_relu(x, 0.5).data == x.leaky_relu(0.5).data == -1.0
    assert engine.leaky_relu(x, slope=0.5).data == x.leaky_relu(slope=0.5).data == -1.0
    assert engine.leaky_relu(-2.0, slope=0.5) == -1.0
    assert x.clip(hi=-3).data == -3.0
    assert x.clip(-1).data == -1.0
    assert (Value(1e300).clip().data, Value(-1e300).clip().data) == (1e300, -1e300)
    assert x.elu().data == x.elu(1.0).data == math.expm1(-2.0)
    assert x.leaky_relu(0.5).params == (0.5,)
    with pytest.raises(TypeError):
        x.power()
    with pytest.raises(TypeError):
        x.exp(1)
    with pytest.raises(TypeError):
        x.leaky_relu(steep=2)


def test_sequences_must_be_of_one_length_and_most_need_a_term() -> None:
    x = Value(1.0)
    for function, *args in (
        (engine.dot, [x], [x, 2.0]),
        (engine.dot, [], [1.0]),
        (engine.affine, [x, x], [x], 1.0),
        (engine.affine, [1.0], [], x),
    ):
        with pytest.raises(ValueError, match=r"one length, not \d and \d"):
            function(*args)
    for empty in (engine.mean, engine.logsumexp, engine.softmax):
        with pytest.raises(ValueError, match="at least one"):
            empty([])
    with pytest.raises(ValueError, match="at least one"):
        engine.cross_entropy([], 0)
    assert engine.sum([]) == engine.dot([], []) == 0.0
    assert engine.affine([], [], x).data == 1.0


def test_sequences_may_be_of_any_kind_and_of_mixed_numbers() -> None:
    x = Value(2.0)
    for terms in ([x, 3, 0.5], (x, 3, 0.5), iter([x, 3, 0.5]), dict.fromkeys([x, 3, 0.5])):
        y = engine.sum(terms)
        assert (y.data, len(y.args)) == (5.5, 3)
    assert engine.dot((v for v in (x, 3)), (v for v in (4, x))).data == 14.0


@pytest.mark.parametrize("target", [-1, 2, 10**30, 1.5, -0.5])
def test_a_target_class_must_be_one_of_the_classes(target: float) -> None:
    for logits in ([Value(1.0), Value(2.0)], [1.0, 2.0]):
        with pytest.raises((ValueError, IndexError), match="target|class"):
            engine.cross_entropy(logits, target)


def test_softmax_entries_are_probabilities_over_one_shared_node() -> None:
    xs = [Value(1.0), Value(2.0), Value(-1.0)]
    ps = engine.softmax(xs)
    assert sum(p.data for p in ps) == pytest.approx(1.0, rel=1e-15)
    assert len({p.args[1] for p in ps}) == 1
    for i, p in enumerate(ps):
        slopes = gradient(p, xs)
        expected = [p.data * ((i == j) - q.data) for j, q in enumerate(ps)]
        assert slopes == pytest.approx(expected, rel=1e-14, abs=1e-17)
    assert engine.softmax([0.0, 0.0]) == pytest.approx([0.5, 0.5], rel=1e-15)
    assert engine.softmax([1000.0, 0.0]) == [1.0, 0.0]


@pytest.mark.parametrize("name", ["exp", "add", "sum", "max"])
def test_the_tables_own_rows_can_be_neither_replaced_nor_removed(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        rule(name, lambda m, x: x, lambda m, y, x: 1)
    with pytest.raises(ValueError, match=name):
        TABLE.remove(name)


@pytest.mark.parametrize(
    "name", ["data", "grad", "sign", "args", "backward", "label", "params", "rule", "gradient"]
)
def test_a_row_cannot_take_a_name_that_values_or_the_engine_use_otherwise(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        rule(name, lambda m, x: x, lambda m, y, x: 1)
    assert name not in TABLE
    assert Value(3.0).data == 3.0


def test_a_row_that_is_wrong_in_form_is_refused() -> None:
    with pytest.raises(ValueError, match="identifier"):
        rule("soft sign", lambda m, x: x, lambda m, y, x: 1)
    with pytest.raises(ValueError, match="'half' has 1 argument.* 2 partial"):
        rule("half", lambda m, x: x / 2, lambda m, y, x: 0.5, lambda m, y, x: 0.5)
    assert "half" not in TABLE


def test_an_unknown_row_is_named_in_the_error() -> None:
    with pytest.raises(LookupError, match="swish"):
        TABLE["swish"]
    with pytest.raises(AttributeError, match="swish"):
        engine.swish  # noqa: B018
    with pytest.raises(AttributeError, match="swish"):
        Value(1.0).swish()


def test_the_table_lists_every_operation_of_the_design_once() -> None:
    promised = (
        "add sub mul div neg pow exp expm1 log log1p sqrt abs sin cos tan asin acos atan sinh cosh "
        "tanh sigmoid softplus relu leaky_relu elu silu gelu erf max min clip sum mean dot "
        "logsumexp cross_entropy binary_cross_entropy "
    )
    names = [row.name for row in TABLE]
    assert len(names) == len(set(names)) == len(TABLE)
    assert set(promised.split()) <= set(names)
    assert callable(engine.softmax)


TAILS = {  # by mpmath, to 40 digits
    "gelu": [(-8.5, -8.057604598977977e-17), (-20.0, -5.507248237212467e-88)],
    "erfc": [(5.0, 1.5374597944280349e-12), (26.0, 5.663192408856143e-296)],
    "softplus": [(-40.0, 4.248354255291589e-18)],
    "silu": [(-40.0, -1.6993417021166355e-16)],
    "sigmoid": [(-40.0, 4.248354255291589e-18)],
}


@pytest.mark.parametrize("name", TAILS)
def test_tails_keep_their_digits(name: str) -> None:
    function = getattr(engine, name)
    for x, right in TAILS[name]:
        assert function(x) == pytest.approx(right, rel=1e-12)
        assert function(Tensor([x])).data[0] == pytest.approx(right, rel=1e-12)
        if right < -1e-30 or right > 1e-30:
            single = function(Tensor(np.array([x], dtype="float32")))
            assert single.data[0] == pytest.approx(right, rel=2e-5)


def test_an_infinite_logit_on_the_right_side_costs_nothing() -> None:
    for z, t, loss, slope in [
        (math.inf, 1.0, 0.0, 0.0),
        (-math.inf, 0.0, 0.0, 0.0),
        (math.inf, 0.0, math.inf, 1.0),
        (-math.inf, 1.0, math.inf, -1.0),
        (math.inf, 0.5, math.inf, 0.5),
    ]:
        x = Value(z)
        y = engine.binary_cross_entropy(x, t)
        y.backward()
        assert (y.data, x.grad) == (loss, slope)
        assert engine.binary_cross_entropy(Tensor([z]), Tensor([t])).data[0] == loss
        program = engine.record(lambda z, t: engine.binary_cross_entropy(z, t), 0.5, 0.5)
        assert program(z, t)[0] == loss
    assert math.isnan(engine.binary_cross_entropy(1.0, math.nan))
    assert math.isnan(engine.binary_cross_entropy(math.nan, 1.0))
