"""What goes through a network: each layer's activations and gradients, and their statistics."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.tree import is_tensor

from .module import COLLECTIONS, WATCHERS, Module, parts
from .scalar import Layer
from .snapshots import Snapshot, mode
from .vectorized import VectorizedLayer


class Moments(NamedTuple):
    """Numbers in brief: their mean, standard deviation and norm √Σx²."""

    mean: float
    std: float
    norm: float


class LayerStatistics(NamedTuple):
    """A layer on some samples, in brief.

    Attributes:
        name: where it is in the model, such as ``layers.0``.
        activations: of its outputs.
        gradients: of the loss's gradients with respect to these.
        parameters: of its weights and biases.
        parameter_gradients: of the loss's gradients with respect to these.
        units: how many outputs it has.
        dead: how many of them are 0 for every sample, though they have an activation function: no
            gradient passes through a ReLU that is never on.
    """

    name: str
    activations: Moments
    gradients: Moments
    parameters: Moments
    parameter_gradients: Moments
    units: int
    dead: int


class Observation(NamedTuple):
    """A layer on some samples.

    Attributes:
        name: where it is in the model, such as ``layers.0``.
        activations: its outputs h, shape (samples, units).
        gradients: ∂loss/∂h, in the same shape.
        parameters: its weights and biases, end to end.
        parameter_gradients: the loss's gradients with respect to these.
        linear: whether it has no activation function.
    """

    name: str
    activations: NDArray[Any]
    gradients: NDArray[Any]
    parameters: NDArray[Any]
    parameter_gradients: NDArray[Any]
    linear: bool

    def statistics(self) -> LayerStatistics:
        """The same in brief."""
        off = (self.activations == 0).all(0)
        return LayerStatistics(
            self.name,
            moments(self.activations),
            moments(self.gradients),
            moments(self.parameters),
            moments(self.parameter_gradients),
            len(off),
            0 if self.linear else int(off.sum()),
        )


def observe(model: Module, loss: Any, inputs: Any, targets: Any) -> list[Observation]:
    """Each layer's activations and gradients on some samples, in the order of computation.

    The model computes as in use, without dropout, and is left as it was.

    Args:
        model: a network, or a module of your own: its parts of class `Layer` are looked at, and
            those of vectorised networks.
        loss: a function of the outputs and the targets.
        inputs, targets: the samples.
    """
    names = dict(named_layers(model))
    seen: dict[Any, list[Any]] = {}

    def watch(layer: Any, outputs: Any) -> None:
        if layer in names:
            seen.setdefault(layer, []).append(outputs)

    before = Snapshot(model)
    try:
        with mode(model, training=False):
            WATCHERS.append(watch)
            try:
                value = loss(model.over(inputs), targets)
            finally:
                WATCHERS.remove(watch)
            model.zero_grad()
            value.backward()
        return [observation(names[layer], layer, outputs) for layer, outputs in seen.items()]
    finally:
        before.restore()


def observation(name: str, layer: Any, outputs: list[Any]) -> Observation:
    """What a layer has given, sample by sample or at once, with the gradients that arrived."""
    ps = layer.parameters()
    linear = isinstance(layer, Layer) and not layer.neurons[0].nonlin
    return Observation(
        name,
        rows(outputs, "data"),
        rows(outputs, "grad"),
        np.concatenate([np.ravel(p.data) for p in ps]),
        np.concatenate([np.ravel(p.grad) for p in ps]),
        linear or getattr(layer, "activation", layer) is None,
    )


def rows(outputs: list[Any], what: str) -> NDArray[Any]:
    """The outputs' data or gradients, a row for each sample."""
    if is_tensor(outputs[0]):
        return np.concatenate([np.array(getattr(h, what)) for h in outputs])
    return np.array([[float(getattr(h, what)) for h in row] for row in outputs])


def named_layers(model: Module) -> list[tuple[Any, str]]:
    """The layers in a model, each with where it is."""
    found: dict[Any, str] = {}
    seen: set[int] = set()

    def visit(x: Any, path: str) -> None:
        if id(x) in seen:
            return
        seen.add(id(x))
        if isinstance(x, (Layer, VectorizedLayer)):
            found[x] = path or type(x).__name__
            return
        for key, part in parts(x):
            if isinstance(part, COLLECTIONS):
                visit(part, f"{path}.{key}" if path else str(key))

    visit(model, "")
    return list(found.items())


def moments(x: NDArray[Any]) -> Moments:
    """Numbers in brief."""
    with np.errstate(all="ignore"):
        return Moments(float(x.mean()), float(x.std()), float(np.sqrt((x * x).sum())))
