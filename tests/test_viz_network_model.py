"""Networks are drawn without taking them apart, and show themselves in a notebook."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine import Value
from nn import MLP, quantize
from viz import draw_network
from viz.style import rendered

MODEL = MLP(2, [3, 1], activation="tanh", rng=0)
TAKEN_APART = [
    ([[w.data for w in n.w] for n in layer.neurons], [n.b.data for n in layer.neurons])
    for layer in MODEL.layers
]


@pytest.mark.parametrize("kind", ["scalar", "twin"])
def test_a_model_is_drawn_as_its_numbers_are(kind: str) -> None:
    model: Any = MODEL if kind == "scalar" else MODEL.vectorized()
    options: Any = {"inputs": ["a", "b"], "outputs": ["y"], "title": "2-3-1"}
    ours = rendered(draw_network(model, **options), "svg")
    assert ours == rendered(draw_network(layers=TAKEN_APART, **options), "svg")
    assert ours != rendered(draw_network(quantize(model), **options), "svg")


def test_any_model_with_a_state_of_weights_is_drawn() -> None:
    class Sequential:  # as PyTorch's
        def state_dict(self) -> dict[str, Any]:
            return {"0.weight": np.ones((2, 3)), "2.weight": np.ones((1, 2)), "2.bias": np.ones(1)}

    (axes,) = draw_network(Sequential()).axes
    assert {"0", "1"} <= {text.get_text() for text in axes.texts}
    with pytest.raises(TypeError, match="takes a perceptron, or for each layer"):
        draw_network(SimpleNamespace(state_dict=lambda: {"norm.weight": np.ones(3)}))


def test_torchs_models_are_drawn() -> None:
    torch = pytest.importorskip("torch")
    linear = torch.nn.Linear
    model = torch.nn.Sequential(linear(2, 4), torch.nn.Tanh(), linear(4, 1, bias=False))
    assert draw_network(model).axes


@pytest.mark.parametrize("make", [lambda m: m, lambda m: m.vectorized(), quantize])
def test_a_notebook_shows_a_network(make: Any) -> None:
    model = make(MODEL)
    bundle = model._repr_mimebundle_(include=None, exclude=None)
    assert next(iter(bundle)) == "text/plain"
    assert bundle["text/plain"] == repr(model)
    assert "<svg" in bundle["image/svg+xml"]


@pytest.mark.parametrize("missing", ["viz", "viz.network"])
def test_a_notebook_shows_text_when_there_is_no_picture(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    for model in (MODEL, MODEL.vectorized()):
        bundle = model._repr_mimebundle_()
        assert bundle == {"text/plain": repr(model)}


def test_networks_that_cannot_be_drawn_show_as_text() -> None:
    uneven = MLP(2, [2, 1], rng=0)
    uneven.layers[0].neurons[0].nonlin = False
    assert uneven._repr_mimebundle_() == {"text/plain": repr(uneven)}
    broken = MLP(1, [1], rng=0)
    broken.layers[0].neurons[0].w[0] = "w"  # type: ignore[call-overload]
    assert set(broken._repr_mimebundle_()) == {"text/plain"}
    odd = MLP(1, [1], rng=0)
    odd.parameters()[0].data = float("nan")
    assert "<svg" in str(odd._repr_mimebundle_()["image/svg+xml"])


def test_values_show_themselves_as_before() -> None:
    bundle = (Value(1.0, label="x") * 2)._repr_mimebundle_()
    assert list(bundle)[0] == "text/plain"
