"""The vectorised twin of a multilayer perceptron: the same network on whole batches.

All parameters lie in one contiguous array, in the order of the scalar network's ``parameters()``:
layer by layer, in a layer neuron by neuron, its weights and then its bias. So a layer's parameters
are a matrix [W b] with a row for each neuron, and an optimiser moves all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engine.cuts import refusal
from engine.node import named
from engine.operators import FUNCTIONS
from engine.rule import TABLE
from engine.tensor import Tensor
from engine.tensor.arrays import precision
from engine.tensor.buffer import Buffer
from engine.tensor.functions import layer as layer_node

from .activations import title
from .module import WATCHERS, Module

if TYPE_CHECKING:
    from .scalar import MLP, Layer


class VectorizedLayer(Module):
    """A layer of neurons as one matrix.

    Attributes:
        p: the parameters [W b], shape (nout, nin + 1).
        activation: φ, a function of one Tensor; None for a linear layer.
    """

    def __init__(self, p: Tensor, activation: Any) -> None:
        self.p, self.activation = p, activation
        name = getattr(activation, "__name__", "")
        is_row = name in TABLE and activation is FUNCTIONS[name]
        self.row = name if is_row else ""

    @property
    def weight(self) -> NDArray[Any]:
        """W, shape (nout, nin): a view of the parameters."""
        return self.p.data[:, :-1]

    @property
    def bias(self) -> NDArray[Any]:
        """b, shape (nout,): a view of the parameters."""
        return self.p.data[:, -1]

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch: shape (n, nin) gives (n, nout)."""
        if self.activation is None:
            h = layer_node(x, self.p)
        elif self.row:
            h = layer_node(x, self.p, self.row)
        else:
            h = self.activation(layer_node(x, self.p))
        if not isinstance(h, Tensor):
            raise refusal(f"an activation that returns {type(h).__name__}, not a Tensor,")
        for watch in WATCHERS:
            watch(self, h)
        return h

    def __repr__(self) -> str:
        nout, nin = self.weight.shape
        kind = title(self.activation) if self.activation else "Linear"
        return f"VectorizedLayer({nin}, {nout}, {kind})"


class VectorizedMLP(Module):
    """A multilayer perceptron on Tensors: made by ``mlp.vectorized()``.

    Args:
        mlp: the scalar network, whose weights are copied.
        dtype: "float64" or "float32".

    Raises:
        ValueError: if the neurons of a layer differ in more than their weights.
    """

    def __init__(self, mlp: MLP, dtype: DTypeLike = "float64") -> None:
        numbers = np.array([p.data for p in mlp.parameters()], precision(dtype))
        self.buffer = Buffer(numbers)
        self.layers: list[VectorizedLayer] = []
        shapes = [matrix_shape(layer, i) for i, layer in enumerate(mlp.layers)]
        if sum(map(prod, shapes)) != len(numbers):
            raise ValueError("a parameter is used in two places: there is no matrix for that")
        start = 0
        for i, (layer, shape) in enumerate(zip(mlp.layers, shapes, strict=True)):
            p = self.buffer.view(start, shape, label="p", scope=f"layers.{i}", dtype=dtype)
            neuron = layer.neurons[0]
            self.layers.append(VectorizedLayer(p, neuron.activation if neuron.nonlin else None))
            start += prod(shape)
        self.dropout, self._alike = deepcopy(mlp.dropout), mlp.alike
        self.train(mlp.training)

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch of inputs.

        Args:
            x: shape (n, nin), or (nin,) for one sample: an array or Tensor; an array is a constant.

        Returns:
            Shape (n, nout), or (n,) if the last layer has one neuron, as the scalar network then
            returns a number instead of a list; without the n for one sample.

        Raises:
            ValueError: if there are more or fewer inputs than the network takes.
        """
        return forward(self.layers, x, self.buffer.whole.dtype, self.dropout)

    def over(self, xs: Any) -> Any:
        """The outputs for several samples."""
        return self(xs)

    def parameters(self) -> list[Any]:
        """The layers' matrices [W b]; end to end they are the scalar network's parameters."""
        return [layer.p for layer in self.layers]

    def named_parameters(self) -> list[tuple[str, Any]]:
        """The layers' matrices with their names, such as ``layers.0.p``."""
        return [(f"layers.{i}.p", layer.p) for i, layer in enumerate(self.layers)]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        self.buffer.whole.grad = 0.0

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of the weights and biases, by the names and in the shapes of PyTorch's `Linear`.

        >>> from nn import MLP
        >>> {name: x.shape for name, x in MLP(2, [3, 1]).vectorized().state_dict().items()}
        {'layers.0.weight': (3, 2), 'layers.0.bias': (3,), \
'layers.1.weight': (1, 3), 'layers.1.bias': (1,)}
        """
        found = {}
        for i, layer in enumerate(self.layers):
            found[f"layers.{i}.weight"] = layer.weight.copy()
            found[f"layers.{i}.bias"] = layer.bias.copy()
        return found

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over weights and biases by name: arrays, or what NumPy makes arrays of.

        Raises:
            ValueError: if a name is missing or unknown, or an array has another shape.
            TypeError: if an array is not one of real numbers.

        After an error nothing has changed.
        """
        ours = self.state_dict()
        if not hasattr(state, "keys"):
            raise TypeError(f"the weights are a dictionary by name, not {state!r:.60}")
        if wrong := sorted(ours.keys() ^ state.keys()):
            raise ValueError(f"the names {list(state)} are not {list(ours)}: see {wrong}")
        arrays = {name: weights(name, x) for name, x in state.items()}
        for name, x in arrays.items():
            if x.shape != ours[name].shape:
                raise ValueError(f"{name} has shape {ours[name].shape}, not {x.shape}")
        joined = [
            np.concatenate([arrays[f"layers.{i}.weight"], arrays[f"layers.{i}.bias"][:, None]], 1)
            for i, _ in enumerate(self.layers)
        ]
        for layer, both in zip(self.layers, joined, strict=True):
            layer.p.data = both

    def scalar(self) -> MLP:
        """The same network on scalars, with a copy of the weights."""
        mlp: MLP = self._alike([(layer.p.shape, layer.activation) for layer in self.layers])
        for p, x in zip(mlp.parameters(), self.buffer.whole.data.tolist(), strict=True):
            p.data = x
        if self.dropout is not None:
            mlp.dropout = deepcopy(self.dropout)
        return mlp.train(self.training)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from engine.display import network_mimebundle

        return network_mimebundle(self)

    def __repr__(self) -> str:
        return f"VectorizedMLP of [{', '.join(map(repr, self.layers))}]"


def forward(layers: Sequence[Any], x: Any, dtype: Any, dropout: Any = None) -> Any:
    """What layers make of a batch of inputs, or of one sample: see `VectorizedMLP.__call__`."""
    h = x if isinstance(x, Tensor) else Tensor(x, dtype=dtype, role="constant")
    nin = layers[0].p.shape[1] - 1
    if h.ndim not in (1, 2) or h.shape[-1] != nin:
        raise ValueError(f"the network takes inputs of shape (n, {nin}), not {h.shape}")
    single = h.ndim == 1
    if single:
        h = h.reshape(1, nin)
    for i, layer in enumerate(layers):
        h = layer(h)
        h._name = named(f"h{i}" if layer.activation else f"z{i}", f"layers.{i}", h.origin)
        if dropout is not None and i < len(layers) - 1:
            h = dropout(h)
    if h.shape[1] == 1:
        h = h.reshape(-1)
    return h[0] if single else h


def matrix_shape(layer: Layer, i: int) -> tuple[int, int]:
    """The shape of a layer's matrix [W b]; its neurons must be alike."""
    first = layer.neurons[0]
    for neuron in layer.neurons:
        if (len(neuron.w), neuron.nonlin, neuron.activation) != (
            len(first.w),
            first.nonlin,
            first.activation,
        ):
            raise ValueError(f"the neurons of layer {i} differ: {first!r} and {neuron!r}")
    return len(layer.neurons), len(first.w) + 1


def weights(name: str, x: Any) -> Any:
    """An array of real numbers that is to be loaded."""
    try:
        array = np.asarray(x)
        if array.dtype == object:
            array = array.astype(float) if array.size and None not in array.flat else array
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is no array of real numbers: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} is an array of real numbers, not of {array.dtype}: {x!r:.60}")
    return array
