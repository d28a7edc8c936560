"""How large networks are: their summary, and with one byte for each parameter."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Tensor, Value
from nn import (
    MLP,
    Adam,
    Dropout,
    Module,
    Neuron,
    accuracy,
    binary_cross_entropy,
    quantize,
    replayed,
    summary,
    train,
    training_step,
)

# ---------------------------------------------------------------- summary


@given(d=st.integers(1, 12), h=st.integers(1, 12), o=st.integers(1, 12), twin=st.booleans())
def test_one_hidden_layer_in_numbers(d: int, h: int, o: int, twin: bool) -> None:
    model: Any = MLP(d, [h, o], rng=0)
    found = summary(model.vectorized() if twin else model)
    n = h * (d + 1) + o * (h + 1)
    assert found.parameters == n == len(model.parameters())
    assert found.forward == n
    assert found.backward == n + o * h
    assert found.bytes == {"float64": 8 * n, "float32": 4 * n, "int8": n}
    assert [layer.parameters for layer in found.layers] == [h * (d + 1), o * (h + 1)]
    assert [(layer.inputs, layer.outputs) for layer in found.layers] == [(d, h), (h, o)]
    for dtype in ("float64", "float32"):
        assert model.vectorized(dtype).buffer.whole.data.nbytes == found.bytes[dtype]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 6))
def test_the_whole_is_the_sum_of_the_layers(widths: list[int], nin: int) -> None:
    scalar = MLP(nin, widths, rng=0, dropout=0.5)
    found, twin = summary(scalar), summary(scalar.vectorized())
    assert repr(found) == str(twin)
    assert found.layers == twin.layers
    for what in ("parameters", "forward", "backward"):
        assert getattr(found, what) == sum(getattr(layer, what) for layer in found.layers)
    assert found.layers[0].bytes["float32"] == 4 * found.layers[0].parameters


def test_the_table() -> None:
    text = str(summary(MLP(64, [256, 10], rng=0)))
    first, second, _, hidden, output, _, total = text.splitlines()
    assert second.split()[:4] == ["layer", "kind", "shape", "parameters"]
    assert hidden.split()[:6] == ["layers.0", "ReLU", "64", "→", "256", "16,640"]
    assert output.split()[:2] == ["layers.1", "Linear"]
    counts = ["19,210", "153,680", "76,840", "19,210", "19,210", "21,770"]
    assert total.split() == ["in", "all", *counts]


def test_modules_of_ones_own() -> None:
    class Own(Module):
        def __init__(self) -> None:
            shared = MLP(2, [3], rng=0)
            self.parts = [shared, {"again": shared}, Dropout(0.5)]
            self.neuron = Neuron(3)
            self.p = Tensor(np.ones((4, 5)), role="parameter")
            self.a = [Value(1.0), Value(2.0, role="constant")]

    found = summary(Own())
    assert found.parameters == 20 + 1 + 9 + 4
    assert [layer.name for layer in found.layers] == ["Own", "parts.0.layers.0", "neuron"]
    assert [layer.parameters for layer in found.layers] == [21, 9, 4]
    assert found.forward is None
    assert found.backward is None
    assert "unknown" in str(found)
    assert summary(Neuron(3)).layers[0].name == "Neuron"
    assert summary(Dropout(0.5)).parameters == 0
    with pytest.raises(TypeError, match="takes a model, such as an MLP, not list"):
        summary([1.0])  # type: ignore[arg-type]


# ---------------------------------------------------------------- quantisation

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(1.7976931348623157e308),
    st.floats(-3, 3),
    st.just(0.0),
    st.just(5e-324),
)


@given(st.lists(NUMBERS, min_size=9, max_size=9), st.sampled_from(["row", "layer"]))
def test_no_parameter_moves_by_more_than_half_a_step(numbers: list[float], per: str) -> None:
    model = MLP(2, [2, 1], rng=0)
    for p, x in zip(model.parameters(), numbers, strict=True):
        p.data = x
    twin = model.vectorized()
    small = quantize(model, per)
    for ours, layer in zip(small.layers, twin.layers, strict=True):
        assert ours.q.dtype == np.int8
        assert ours.scale.shape == ((len(layer.p.data), 1) if per == "row" else (1, 1))
        error = np.abs(ours.p.data / 2 - layer.p.data / 2)  # halves cannot overflow
        assert (error <= ours.scale / 4 * (1 + 1e-12)).all()
        assert (ours.p.data[layer.p.data == 0] == 0).all()
    opposite = MLP(2, [2, 1], rng=0)
    for p, x in zip(opposite.parameters(), numbers, strict=True):
        p.data = -x
    for ours, other in zip(small.layers, quantize(opposite, per).layers, strict=True):
        assert (ours.q == -other.q).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_byte_for_each_parameter_and_the_scales(dtype: str) -> None:
    model = MLP(64, [256, 10], activation="tanh", init="he_normal", rng=0).vectorized(dtype)
    small = quantize(model)
    width = np.dtype(dtype).itemsize
    assert sum(layer.q.nbytes for layer in small.layers) == summary(model).bytes["int8"] == 19_210
    assert small.nbytes == 19_210 + (256 + 10) * width
    assert quantize(model, per="layer").nbytes == 19_210 + 2 * width
    assert len(pickle.dumps(small)) < small.nbytes + 2000
    assert "QuantizedLayer(64, 256, Tanh)" in repr(small)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_is_called_as_the_twin_is(dtype: str) -> None:
    model = MLP(3, [8, 2], activation="tanh", rng=0).vectorized(dtype)
    small = quantize(model)
    xs = np.random.default_rng(0).normal(size=(5, 3))
    plain = small.dequantized()
    for other in (small, copy.deepcopy(small), pickle.loads(pickle.dumps(small))):
        assert (other(xs).data == plain(xs).data).all()
    assert small(xs).dtype == np.dtype(dtype)
    assert small(xs[0]).shape == (2,)
    assert small.over(xs).data == pytest.approx(model(xs).data, abs=0.05)
    assert not (small(xs).data == model(xs).data).all()
    again = quantize(plain)
    for ours, theirs in zip(small.layers, again.layers, strict=True):
        assert (ours.q == theirs.q).all()
    state = small.state_dict()
    assert {name: x.shape for name, x in state.items()} == {
        name: x.shape for name, x in model.state_dict().items()
    }
    x = Tensor(xs)
    small(x).sum().backward()  # back to the inputs, as for a saliency map
    assert x.grad is not None
    with pytest.raises(ValueError, match="inputs of shape"):
        small(np.ones((2, 4)))


def moons(n: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % 2
    angle = rng.uniform(0, math.pi, n)
    side = 1 - 2 * targets
    points = np.stack([side * np.cos(angle) + targets, side * np.sin(angle) + targets / 2], 1)
    return points + 0.1 * rng.normal(size=(n, 2)), targets


def test_the_accuracy_of_a_quantised_network() -> None:
    xs, ts = moons(200, 0)
    model = MLP(2, [16, 16, 1], activation="tanh", init="xavier_normal", rng=0).vectorized()
    step = training_step(model, binary_cross_entropy, Adam(model.parameters(), lr=0.02))
    for _ in train(replayed(step), xs, ts.astype(float), epochs=60, batch_size=20, rng=0):
        pass
    held_out, classes = moons(1000, 1)
    exact = accuracy(model(held_out), classes)
    assert exact > 0.98
    for per in ("row", "layer"):
        assert accuracy(quantize(model, per)(held_out), classes) > exact - 0.01


def test_what_cannot_be_quantised() -> None:
    model = MLP(1, [1], rng=0)
    with pytest.raises(ValueError, match="'row' or 'layer', not 'column'"):
        quantize(model, per="column")
    with pytest.raises(TypeError, match="takes an MLP or its twin, not Neuron"):
        quantize(Neuron(1))  # type: ignore[arg-type]
    for bad in (math.nan, math.inf):
        model.parameters()[0].data = bad
        with pytest.raises(ValueError, match="not finite"):
            quantize(model)
