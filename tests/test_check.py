"""gradcheck finds what is wrong, explains it, and raises no false alarm."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import Tensor, Value, where
from engine.check import GradientError, gradcheck
from engine.rules import ArrayRule
from engine.strategies import Computation, computations
from engine.tensor.tensor import make


def at(c: Computation) -> tuple[list[float], list[float]]:
    """A computation's inputs and their gradient."""
    return list(c.inputs), c.gradients()[: len(c.inputs)]


@given(computations(max_nodes=12))
def test_right_gradients_of_random_graphs_pass(c: Computation) -> None:
    report = gradcheck(lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1], list(c.inputs))
    assert report, f"{report}\n{c.source()}"
    assert {finding.verdict for finding in report.findings} == {"right"}


@given(computations(max_nodes=12))
def test_a_factor_of_1_0001_is_found(c: Computation) -> None:
    def f(*xs: float) -> float:
        return c._replace(inputs=xs).values()[-1]

    inputs, slopes = at(c)
    assert gradcheck(f, inputs, slopes)
    for finding in gradcheck(f, inputs, [1.0001 * d for d in slopes]).findings:
        assert not finding.passes or abs(finding.claimed) < 0.01


@given(computations(max_nodes=6, ops=["add", "mul", "div", "tanh", "exp", "sin", "affine"]))
def test_second_derivatives_of_random_graphs_pass(c: Computation) -> None:
    report = gradcheck(
        lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1], list(c.inputs), order=2
    )
    assert report, f"{report}\n{c.source()}"


def test_a_kink_is_reported_with_both_slopes_and_passes_if_the_gradient_lies_between() -> None:
    (finding,) = gradcheck(lambda x: x.relu(), [0.0]).findings
    assert (finding.verdict, finding.left) == ("kink", 0.0)
    assert finding.right == pytest.approx(1.0)
    assert finding.passes
    (finding,) = gradcheck(abs, [0.0], [1.5]).findings
    assert finding.verdict == "kink"
    assert not finding.passes
    assert "not between" in str(finding)


@pytest.mark.parametrize("x", [1e-3, 1e-5, 3e-6, 1e-6, 1e-7, -1e-6, -1e-5])
def test_a_kink_close_by_is_no_alarm_and_hides_no_mistake(x: float) -> None:
    (finding,) = gradcheck(lambda x: x.relu(), [x]).findings
    assert finding.verdict == "right"
    slope = 1.0001 if x > 0 else 0.0001
    assert not gradcheck(lambda x: max(x, 0.0), [x], [slope])


def test_a_jump_is_no_kink() -> None:
    assert not gradcheck(lambda x: float(x >= 0.5), [0.5], [0.0])


def test_non_finite_points_say_so() -> None:
    report = gradcheck(lambda x: x.log(), [0.0])
    assert not report
    assert "non-finite" in str(report)


def test_cancellation_is_settled_by_complex_step_or_called_ill_conditioned() -> None:
    assert gradcheck(lambda x: (x + 1e12) - 1e12, [0.3])
    (finding,) = gradcheck(lambda x: (x + 1e12) - 1e12, [0.3], [1.0]).findings
    assert finding.verdict in ("right", "ill-conditioned")


def test_the_first_wrong_node_is_named() -> None:
    def wrong_tanh(x: Value) -> Value:
        t = math.tanh(x.data)
        out = Value(t, (x,), "tanh", label="t")

        def backward() -> None:
            x.grad += (1 - t) * out.grad

        out._backward = backward
        return out

    report = gradcheck(lambda x, y: (wrong_tanh(x * y) * 3).exp(), [0.5, 1.0])
    assert not report
    assert report.culprit is not None
    assert report.culprit.label == "t"
    assert "local derivative 0.537883, measured 0.786448" in str(report)


def test_a_value_taken_out_of_the_graph_is_named() -> None:
    report = gradcheck(lambda x: x * Value(x.data * 2, label="detached"), [1.5])
    assert not report
    assert "outside the graph" in report.reason
    assert report.culprit is not None
    assert report.culprit.label == "detached"


def test_plain_functions_with_a_gradient_of_their_own() -> None:
    assert gradcheck(math.sin, [1.0], math.cos)
    assert not gradcheck(math.sin, [1.0], math.sin)
    assert gradcheck(lambda xs: sum(x * x for x in xs), [[1.0, 2.0]], [[2.0, 4.0]])


def test_arrays_come_as_arrays() -> None:
    grid = np.array([[0.5, -1.0], [2.0, 0.25]])
    assert gradcheck(lambda a: float((a**3).sum()), [grid], lambda a: 3 * a**2)
    assert not gradcheck(lambda a: float((a**3).sum()), [grid], lambda a: 2 * a**2)
    assert gradcheck(lambda a, b: ((a @ b) ** 2).sum(), [grid, np.array([1.0, 2.0])], order=2)


def test_functions_of_tensors_are_checked_entry_by_entry() -> None:
    grid, v = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([1.0, 2.0])
    report = gradcheck(lambda a, b, c: ((a @ b) ** 2).sum() * c, [grid, v, 3.0], order=2)
    assert report
    assert len(report.findings) == 7 + 7 * 7
    assert [f.what for f in report.findings[:7]] == [
        "∂f/∂x0[0,0]", "∂f/∂x0[0,1]", "∂f/∂x0[1,0]", "∂f/∂x0[1,1]",
        "∂f/∂x1[0]", "∂f/∂x1[1]", "∂f/∂x2",
    ]  # fmt: skip
    assert report.findings[7].what == "∂²f/∂x0[0,0]∂x0[0,0]"
    assert gradcheck(lambda p: (p[0] @ p[1]).tanh().sum(), [[Tensor(grid), Tensor(v)]])
    assert gradcheck(lambda a: (a**3).sum(), [Tensor(2.0)], order=2)
    assert len(gradcheck(lambda a: a.tanh().sum(), [grid], directions=3).findings) == 3
    assert gradcheck(lambda a: a.sum(), [np.ones((0, 2))])
    assert gradcheck(lambda a: a * 2, [grid])


def test_kinks_and_poles_of_tensors_are_reported_as_such() -> None:
    report = gradcheck(lambda a: a.relu().sum(), [np.array([1.0, 0.0, -1.0])])
    assert report
    assert [finding.verdict for finding in report.findings] == ["right", "kink", "right"]
    report = gradcheck(lambda a: a.log().sum(), [np.array([1.0, 0.0])])
    assert not report
    assert "non-finite: ∂f/∂x0[1]" in str(report)


def test_the_first_wrong_node_among_tensors_is_named() -> None:
    wrong = ArrayRule("wrong_square", lambda m, x: x * x, lambda m, g, y, x: 1.9 * g * x)
    a = np.array([[0.5, -1.0], [2.0, 0.25]])

    def f(a: Tensor) -> Tensor:
        squared = make(wrong, (a.tanh(),))
        squared.label = "squared"
        found: Tensor = where(squared > 0.1, squared, 0.0).sum()
        return found

    report = gradcheck(f, [a])
    assert not report
    assert report.culprit is not None
    assert report.culprit.label == "squared"
    assert "its pullback says" in str(report)
    report = gradcheck(lambda a: (a * np.asarray(a * 2)).sum(), [a])
    assert not report
    assert "outside the graph" in report.reason
    report = gradcheck(lambda a: (a * Tensor(np.asarray(a * 2), "detached")).sum(), [a])
    assert report.culprit is not None
    assert report.culprit.label == "detached"


def test_gradients_of_array_functions_that_are_given() -> None:
    w, b = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([1.0, 2.0])

    def f(parameters: list[np.ndarray]) -> float:
        w, b = parameters
        return float(((w @ b) ** 2).sum())

    def slopes(parameters: list[np.ndarray], factor: float = 2.0) -> list[np.ndarray]:
        w, b = parameters
        return [factor * np.outer(w @ b, b), 2 * w.T @ (w @ b)]

    assert gradcheck(f, [[w, b]], slopes)
    report = gradcheck(f, [[w, b]], lambda p: slopes(p, 2.001))
    assert not report
    assert [x.what for x in report.findings if not x.passes] == [
        f"∂f/∂x0[{i},{j}]" for i in (0, 1) for j in (0, 1)
    ]


def test_random_directions_find_one_wrong_derivative_among_many() -> None:
    xs = [i / 10 for i in range(50)]
    right = [2 * x for x in xs]
    wrong = [*right[:-1], right[-1] * 1.01]

    def f(xs: list[float]) -> float:
        return sum(x * x for x in xs)

    assert len(gradcheck(f, [xs], [right], directions=4).findings) == 4
    assert gradcheck(f, [xs], [right], directions=4)
    assert not gradcheck(f, [xs], [wrong], directions=4)


def test_a_wrong_rule_is_found_by_forward_reverse_and_differences() -> None:
    engine.rule("wrong_cube", lambda m, x: x * x * x, lambda m, y, x: 3 * x)
    try:
        report = gradcheck(lambda x: x.wrong_cube(), [2.0], order=2)
        assert not report
        assert report.culprit is not None
        assert report.culprit.sign == "wrong_cube"
    finally:
        engine.TABLE.remove("wrong_cube")


def test_raises_on_request_and_refuses_what_it_cannot_check() -> None:
    with pytest.raises(GradientError, match="claimed 2"):
        gradcheck(math.sin, [1.0], [2.0], raises=True)
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        gradcheck(math.sin, [1.0], [2.0], order=3)
    with pytest.raises(ValueError, match="2 derivatives are claimed for 1 inputs"):
        gradcheck(math.sin, [1.0], [2.0, 3.0])
    with pytest.raises(TypeError, match="real number, not str"):
        gradcheck(math.sin, ["1"], [2.0])
    with pytest.raises(TypeError, match="the result"):
        gradcheck(lambda x: [x], [1.0])


# ---------------- how far differences can be trusted


def noisy(noise: float) -> Callable[[float], float]:
    """x² that is different at each call."""
    generator = random.Random(0)
    return lambda x: x * x + noise * generator.random()


RIGHT_ONES: dict[str, tuple[Any, float, Any]] = {
    "a large input": (math.sin, 1e8, math.cos),
    "a large result": (lambda x: 1e20 * x * x, 1e10, lambda x: 2e20 * x),
    "near the end of a domain": (math.log, 1e-7, lambda x: 1 / x),
    "nearer": (math.sqrt, 1e-12, lambda x: 0.5 / math.sqrt(x)),
    "near a pole": (lambda x: 1 / x, 1e-8, lambda x: -1 / x**2),
    "at the other end": (math.acos, 1 - 1e-9, lambda x: -1 / math.sqrt(1 - x * x)),
    "a fast wave": (lambda x: math.sin(1e6 * x), 1.0, lambda x: 1e6 * math.cos(1e6 * x)),
    "close to a kink": (abs, -1e-7, lambda x: -1.0),
    "a small scale": (lambda x: 1e-20 * math.sin(x), 1.0, lambda x: 1e-20 * math.cos(x)),
    "saturated": (math.tanh, 18.0, lambda x: 1 - math.tanh(x) ** 2),
    "constant": (lambda x: 3.0, 1.0, lambda x: 0.0),
    "complex beyond": (lambda x: x**0.5, 1e-3, lambda x: 0.5 * x**-0.5),
}
ROUGH_ONES: dict[str, tuple[Any, float, Any]] = {
    "noise": (noisy(1e-9), 1.0, lambda x: 2 * x),
    "more noise": (noisy(1e-3), 1.0, lambda x: 2 * x),
    "single precision inside": (lambda x: float(np.sin(np.float32(x))), 1.0, math.cos),
    "half precision inside": (lambda x: float(np.sin(np.float16(x))), 1.0, math.cos),
    "cancellation": (lambda x: (1 - math.cos(x)) / x**2, 1e-4, lambda x: -x / 12),
    "cancellation to nothing": (lambda x: 1 / (1 + math.exp(-x)) - 0.5, 0.0, lambda x: 0.25),
    "an offset": (lambda x: (x + 1e12) - 1e12, 0.3, lambda x: 1.0),
    "fewer digits than waves": (math.sin, 1e16, math.cos),
}


@pytest.mark.parametrize(("f", "x", "slope"), RIGHT_ONES.values(), ids=RIGHT_ONES)
@pytest.mark.parametrize("factor", [1.1, -1.0, 0.0])
def test_right_is_right_and_wrong_is_wrong(f: Any, x: float, slope: Any, factor: float) -> None:
    (finding,) = gradcheck(f, [x], slope).findings
    assert finding.verdict == "right", str(finding)
    if abs(slope(x)) > 1e-15 * abs(f(x)):
        assert not gradcheck(f, [x], [factor * slope(x)])


@pytest.mark.parametrize(("f", "x", "slope"), ROUGH_ONES.values(), ids=ROUGH_ONES)
def test_what_is_too_rough_is_not_called_wrong(f: Any, x: float, slope: Any) -> None:
    (finding,) = gradcheck(f, [x], slope).findings
    assert finding.passes, str(finding)
    assert finding.verdict == "right" or "cannot be told, for" in str(finding)
    assert abs(finding.measured - finding.claimed) <= float(f"{finding.tolerance:.1g}")


def test_a_wrong_gradient_under_noise_is_found() -> None:
    assert not gradcheck(noisy(1e-9), [1.0], [2.1])
    assert not gradcheck(lambda x: float(np.sin(np.float32(x))), [1.0], [0.55])


def test_functions_that_are_random_or_remember_say_so() -> None:
    generator, calls = random.Random(1), [0]

    def counting(x: float) -> float:
        calls[0] += 1
        return x * x + calls[0]

    for f in (lambda x: x * generator.choice((0.0, 2.0)), counting):
        (finding,) = gradcheck(f, [1.0], [1.0]).findings
        assert finding.verdict == "noisy"
        assert "different values at one and the same point" in str(finding)


@given(
    st.sampled_from(["sin", "exp", "tanh", "cube", "relu"]),
    st.floats(0.1, 3.0) | st.floats(-3.0, -0.1),
    st.integers(-12, 12),
    st.integers(-12, 12),
    st.sampled_from([1e-4, -1e-3, 1.0]),
)
def test_scales_change_nothing(name: str, z: float, a: int, b: int, wrong: float) -> None:
    g, slope = {
        "sin": (math.sin, math.cos),
        "exp": (math.exp, math.exp),
        "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
        "cube": (lambda x: x**3, lambda x: 3 * x * x),
        "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    }[name]
    f, d = (lambda x: 10.0**a * g(x * 10.0**b)), 10.0 ** (a + b) * slope(z)
    assert gradcheck(f, [z / 10.0**b], [d])
    report = gradcheck(f, [z / 10.0**b], [d * (1 + wrong) or 10.0 ** (a + b)])
    assert not report or abs(slope(z)) < 1e-3


def test_of_thousands_of_derivatives_the_wrong_ones_are_found() -> None:
    w = np.random.default_rng(0).normal(size=10_000)

    def slopes(w: Any) -> Any:
        found = 2 * w
        found[[17, 7123]] *= 1.0001
        return found

    calls = [0]

    def f(w: Any) -> float:
        calls[0] += 1
        return float((w**2).sum())

    assert gradcheck(f, [w], lambda w: 2 * w)
    report = gradcheck(f, [w], slopes)
    assert calls[0] < 2_000  # directions first, and then halves of what is wrong
    wrong = {finding.what for finding in report.findings if not finding.passes}
    assert wrong == {"∂f/∂x0[17]", "∂f/∂x0[7123]"}


# ---------------- what is taken


def test_one_argument_needs_no_list_and_dicts_are_trees() -> None:
    assert gradcheck(lambda x: x * x, 3.0)
    assert gradcheck(lambda x: (x * x).sum(), np.ones(3))
    assert gradcheck(lambda p: p["w"] * 2 + p["b"][0], {"w": 2.0, "b": [1.0]})
    report = gradcheck(
        lambda p: float((p["w"] ** 2).sum()), {"w": np.ones(2)}, lambda p: {"w": 3 * p["w"]}
    )
    assert "∂f/∂x0['w'][1]" in str(report)


def test_an_array_of_one_entry_is_a_number() -> None:
    assert gradcheck(lambda w: np.array([(w**2).sum()]), [np.ones(3)], lambda w: 2 * w)
    assert gradcheck(lambda w: np.array([[w**2]]), [2.0], lambda w: [4.0])


def test_functions_with_arrays_as_results() -> None:
    w = np.array([0.5, -1.0, 2.0])
    assert gradcheck(lambda w: w**2, [w])
    assert not gradcheck(lambda w: w * np.asarray(w), [w])
    assert gradcheck(lambda w: w**2, [w], lambda w: np.diag(2 * w))
    assert not gradcheck(lambda w: w**2, [w], lambda w: np.diag([1, -2, 4.001]))
    with pytest.raises(ValueError, match=r"arrays of the shape \(3,\) \+ the input's"):
        gradcheck(lambda w: np.outer(w, w)[0], [w], lambda w: [1.0, 1.0, 1.0])


def test_an_error_inside_says_where() -> None:
    def f(x: float, y: float) -> float:
        if y != 2.0:
            raise KeyError("no such row")
        return x

    with pytest.raises(KeyError, match=r"no such row \(raised by f with x1 moved by -?\d"):
        gradcheck(f, [1.0, 2.0], [1.0, 0.0])
    with pytest.raises(
        ValueError, match=r"domain error \(raised by f with x0 moved by -5e-324\)|x0"
    ):
        gradcheck(math.acos, [1.0], [-1e9])


def test_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    w = torch.ones(3, requires_grad=True)
    assert gradcheck(lambda w: (w**2).sum(), [w], lambda w: 2 * w)
    assert not gradcheck(lambda w: (w**2).sum(), [w], lambda w: 3 * w)
    with pytest.raises(TypeError, match=r"give the gradient .* as claimed="):
        gradcheck(lambda w: (w**2).sum(), [w])


@pytest.mark.parametrize("b", [3.5, 3.875, 4.2])
def test_a_slope_that_is_lost_in_rounding_inside_is_not_called_wrong(b: float) -> None:
    assert gradcheck(lambda b: engine.log(engine.sigmoid(engine.dot([b, b], [b, b]))), [b])
    assert gradcheck(lambda b: engine.log(1 + engine.exp(-b * b * b)), [b])


def test_a_slope_on_a_stair_is_still_0() -> None:
    def stair(x: Any) -> Any:  # straight through, as of a quantised number
        return x + (math.floor(x.data) - x.data)

    assert not gradcheck(stair, [0.3])
    assert not gradcheck(lambda x: 1e-6 * stair(x) + 1.0, [2.6])
    assert gradcheck(lambda x: 0.0 * x + math.floor(x.data), [2.6])
