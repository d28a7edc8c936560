"""How to test an operation and a layer of your own: a few lines each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from engine import TABLE, Value, rule, softmax
from engine.check import gradcheck
from engine.strategies import computations, floats, vectors
from nn import Layer


@pytest.fixture(autouse=True, scope="module")
def swish() -> Iterator[None]:
    """An operation of one's own, for these tests only."""
    rule(
        "swish",
        lambda m, x, beta: x * m.sigmoid(beta * x),
        lambda m, y, x, beta: m.sigmoid(beta * x) + beta * y * (1 - m.sigmoid(beta * x)),
        params={"beta": 1.0},
    )
    yield
    TABLE.remove("swish")


@given(floats(), floats(0.5, 2.0))
def test_an_own_operation(x: float, beta: float) -> None:
    assert gradcheck(lambda x: x.swish(beta), [x], order=2, raises=True)


@given(computations(max_nodes=8))
def test_an_own_operation_on_top_of_random_graphs(c) -> None:  # type: ignore[no-untyped-def]
    f = lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1].swish()  # noqa: E731
    assert gradcheck(f, c.inputs, raises=True)


class Attention(Layer):
    """A layer of one's own: its outputs weighted by their softmax."""

    def __call__(self, x: list[Value]) -> Value:
        """Σ softmax(h)ᵢ hᵢ."""
        h = super().__call__(x)
        return sum(p * v for p, v in zip(softmax(h), h, strict=True))  # type: ignore[no-any-return]


@given(vectors(3))
def test_an_own_layer_by_its_inputs(xs: list[float]) -> None:
    layer = Attention(3, 2, activation="tanh", rng=0)
    assert gradcheck(layer, [xs], raises=True)


@given(vectors(8))
def test_an_own_layer_by_its_parameters(values: list[float]) -> None:
    layer = Attention(3, 2, activation="tanh", rng=0)

    def loss(parameters: list[Value]) -> Value:
        for neuron, (w0, w1, w2, b) in zip(
            layer.neurons, (parameters[:4], parameters[4:]), strict=True
        ):
            neuron.w, neuron.b = [w0, w1, w2], b
        return layer([Value(1.0), Value(-2.0), Value(0.5)])

    assert gradcheck(loss, [values], raises=True)
