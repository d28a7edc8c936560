"""A function of plain numbers would end the graph: it is refused, and `float` is not."""

from __future__ import annotations

import cmath
import math
import statistics
from collections.abc import Callable
from math import tanh
from typing import Any

import numpy as np
import pytest

from engine import Tensor, Value, no_grad
from nn import MLP, Neuron

W = Value(0.5)
aliased = math.exp


def given(f: Callable[[Any], float]) -> float:
    return f(W)


def unpacked() -> float:
    (y,) = map(math.exp, [W])
    return y


def over_lines() -> float:
    return math.pow(
        2.0,
        W,
    )


CUTS: dict[str, Callable[[], Any]] = {
    "math.exp": lambda: math.exp(W),
    "inside a formula": lambda: W * 2.0 + math.exp(W),
    "of a result": lambda: max(math.sin(W * 2.0), 0.0),
    "imported by name": lambda: 1.0 + tanh(W),
    "aliased": lambda: aliased(W),
    "an argument": lambda: given(math.exp),
    "one in another": lambda: math.exp(math.exp(W)),
    "second operand": over_lines,
    "starred": lambda: math.hypot(*[W, W]),
    "in a comprehension": lambda: [math.exp(x) for x in (W,)],
    "map in list": lambda: list(map(math.exp, [W])),
    "map in sum": lambda: sum(map(math.exp, [W])),
    "map in a loop": lambda: [x for x in map(math.exp, [W])],  # noqa: C416
    "map starred": lambda: [*map(math.exp, [W])],
    "map unpacked": unpacked,
    "fsum": lambda: math.fsum([W, W]),
    "statistics": lambda: statistics.fmean([W, W]),
    "isnan": lambda: math.isnan(W),
    "floor": lambda: math.floor(W),
    "cmath": lambda: cmath.exp(W),
    "a Tensor": lambda: math.exp(Tensor([0.5])),
    "a Tensor without axes": lambda: math.exp(Tensor(0.5) * 2.0),
}


@pytest.mark.parametrize("way", CUTS)
def test_a_function_of_plain_numbers_is_refused(way: str) -> None:
    with pytest.raises(TypeError, match=r"would cut the graph: use .*engine.*\.data"):
        CUTS[way]()


def test_the_error_names_the_function_and_the_cure() -> None:
    with pytest.raises(TypeError, match=r"^math\.exp\(\) would cut the graph: use engine\.exp,"):
        math.exp(W)
    with pytest.raises(TypeError, match=r"^math\.fabs\(\) would cut the graph: use engine\.abs,"):
        math.fabs(W)
    with pytest.raises(TypeError, match=r"such as engine\.exp"):
        math.lgamma(W)


def assigned() -> Any:
    array = np.zeros(1)
    array[0] = W
    return array[0]


def unrecorded() -> float:
    with no_grad():
        return math.exp(W * 2.0)


WANTED: dict[str, tuple[Callable[[], Any], float]] = {
    "float": (lambda: float(W), 0.5),
    "float of a result": (lambda: float(W * 2.0) + 1.0, 2.0),
    "floats of many": (lambda: sum(map(float, [W, W])), 1.0),
    "of float": (lambda: math.exp(float(W)), math.exp(0.5)),
    "of data": (lambda: math.exp(W.data), math.exp(0.5)),
    "a constant": (lambda: math.exp(Value(0.5, role="constant")), math.exp(0.5)),
    "text": (lambda: float("%.3f" % W), 0.5),  # noqa: UP031
    "format": (lambda: float(f"{W:.3f}"), 0.5),
    "an array": (lambda: np.array([W], float)[0], 0.5),
    "a NumPy number": (lambda: np.float64(W), 0.5),
    "into an array": (assigned, 0.5),
    "without recording": (unrecorded, math.exp(1.0)),
    "a Tensor": (lambda: float(Tensor([0.5])), 0.5),
}


@pytest.mark.parametrize("way", WANTED)
def test_a_number_that_is_asked_for_is_given(way: str) -> None:
    ask, expected = WANTED[way]
    assert ask() == expected


def test_code_without_text_is_told_too() -> None:
    names: dict[str, Any] = {"math": math, "W": W}
    exec("def f():\n    return W + math.exp(W)", names)
    with pytest.raises(TypeError, match=r"math\.exp"):
        names["f"]()


def test_an_activation_that_cuts_the_graph_is_refused() -> None:
    with pytest.raises(TypeError, match=r"math\.tanh\(\) would cut the graph: use engine\.tanh"):
        MLP(2, [3, 1], activation=math.tanh)
    hidden: Callable[[Any], Any]
    for hidden in (lambda z: math.tanh(z), lambda z: math.tanh(z.data), lambda z: z.data):
        with pytest.raises(TypeError, match="would cut the graph"):
            MLP(2, [3, 1], activation=hidden)([1.0, 2.0])
        with pytest.raises(TypeError, match="would cut the graph"):
            Neuron(2, activation=hidden)([1.0, 2.0])
    twin = MLP(2, [3, 1], activation=lambda z: np.tanh(z.data)).vectorized()
    with pytest.raises(TypeError, match="would cut the graph"):
        twin(np.ones((4, 2)))
