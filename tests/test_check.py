"""gradcheck finds what is wrong, explains it, and raises no false alarm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

import engine
from engine import Value
from engine.check import GradientError, gradcheck
from engine.strategies import Computation, computations


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
