"""Perceptrons of scalars: `Neuron`, `Layer` and `MLP`, drop-in for micrograd's."""

from __future__ import annotations

from random import Random

from engine import Value
from engine.modes import active
from engine.neuron import Inputs
from engine.node import named
from engine.operators import MAKERS, NEURONS

from .activations import activation_function, title
from .dropout import Dropout
from .initialisers import initialiser, randomness
from .module import WATCHERS, Module
from .nodes import Row, annotate, inputs, weighted_sum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, SupportsIndex

    from .activations import Activation
    from .initialisers import Initialiser, Randomness
    from .vectorized import VectorizedMLP

weigh = MAKERS["affine"]  # of weights, inputs and bias in one tuple


class Neuron(Module):
    """The weighted sum of its inputs, z = Σ wᵢxᵢ + b, and an activation of it, h = φ(z).

    Args:
        nin: the number of inputs.
        nonlin: whether there is an activation; without one the neuron is linear.
        activation: φ, a function or the name of a row of the engine's table with one argument.
        init: where the weights start, a name from `INITIALISERS` or a function
            ``(nin, nout, rng) -> float``; the bias starts at 0.
        rng: a `random.Random` or the seed of a new one; None stands for the module `random`.
        fused: whether z is a single node, or made of + and × nodes as in micrograd.
        nout: the number of neurons in its layer, for initialisers that depend on it.
        scope: its place in a network, such as ``layers.0.neurons.3``.

    Attributes:
        w, b: the weights, a list, and the bias.

    Raises:
        TypeError, ValueError: for an argument that is none of these.
    """

    def __init__(
        self,
        nin: SupportsIndex,
        nonlin: bool = True,
        *,
        activation: str | Activation = "relu",
        init: str | Initialiser = "uniform",
        rng: Randomness | int | None = None,
        fused: bool = True,
        nout: int = 1,
        scope: str = "",
    ) -> None:
        if isinstance(nonlin, str) or callable(nonlin):
            raise TypeError(f"nonlin is True or False, not {nonlin!r}: write activation={nonlin!r}")
        nin, draw, rng = width(nin, "nin"), initialiser(init), randomness(rng)
        known: Any = {"role": "parameter", "scope": scope}
        self.w = [Value(draw(nin, nout, rng), label=f"w{i}", **known) for i in range(nin)]
        self.b = Value(0.0, label="b", **known)
        self.nonlin = nonlin
        self.activation = activation_function(activation)
        self.fused = fused
        index = scope.rpartition(".")[2]
        self.scope = scope
        self.z_name, self.h_name = named(f"z{index}", scope), named(f"h{index}", scope)

    def __call__(self, x: Any) -> Any:
        """The output for ``nin`` inputs: a list, a NumPy row, … of numbers or nodes.

        Raises:
            TypeError: if the inputs are not numbers.
            ValueError: if there are more or fewer than ``nin``.
        """
        xs = x if type(x) is Inputs else inputs(x)
        n = len(xs.nodes)
        if n != len(self.w):
            raise ValueError(f"{self!r} takes {len(self.w)} inputs, not {n}")
        if self.fused and self.nonlin and xs.data and not active:
            try:
                h = NEURONS[self.activation][n]((*self.w, self.b), xs, self.z_name)
            except (KeyError, TypeError):  # it is no function of the table's
                h = None
            if h is not None:
                h._name = self.h_name
                return h
        if self.fused:
            z = weigh((*self.w, *xs.nodes, self.b))
        else:
            z = weighted_sum(self.w, xs, self.b, self.scope)
        annotate(z, self.z_name)
        if not self.nonlin:
            return z
        h = self.activation(z)
        annotate(h, self.h_name)
        return h

    def __repr__(self) -> str:
        return f"{title(self.activation) if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons that share their inputs.

    Args:
        nin: the number of inputs.
        nout: the number of neurons.
        rng, scope, options: as in `Neuron`.
    """

    def __init__(
        self,
        nin: SupportsIndex,
        nout: SupportsIndex,
        *,
        rng: Randomness | int | None = None,
        scope: str = "",
        **options: Any,
    ) -> None:
        nout = width(nout, "nout")
        options |= {"rng": randomness(rng), "nout": nout}
        prefix = f"{scope}.neurons" if scope else "neurons"
        self.neurons = [Neuron(nin, scope=f"{prefix}.{i}", **options) for i in range(nout)]

    def __call__(self, x: Any) -> Any:
        """The neurons' outputs for the same inputs: a list, or the output itself if it is one."""
        xs = inputs(x)
        out = Row([neuron(xs) for neuron in self.neurons])
        for watch in WATCHERS:
            watch(self, out)
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(repr, self.neurons))}]"


class MLP(Module):
    """A multilayer perceptron: layers of neurons, the last of them linear.

    Args:
        nin: the number of inputs.
        nouts: the number of neurons in each layer.
        activation, init, rng, fused: as in `Neuron`.
        dropout: the probability with which each output of a hidden layer is 0 in training: see
            `Dropout`, and ``train()`` and ``eval()``. It has a generator of its own.
    """

    dropout: Dropout | None = None

    def __init__(
        self,
        nin: SupportsIndex,
        nouts: Sequence[SupportsIndex],
        *,
        activation: str | Activation = "relu",
        init: str | Initialiser = "uniform",
        rng: Randomness | int | None = None,
        fused: bool = True,
        dropout: float = 0.0,
    ) -> None:
        rng = randomness(rng)
        options: Any = {
            "activation": activation,
            "init": init,
            "rng": rng,
            "fused": fused,
        }
        widths = [width(nin, "nin"), *widths_of(nouts)]
        last = len(widths) - 2
        self.layers = [
            Layer(widths[i], widths[i + 1], nonlin=i != last, scope=f"layers.{i}", **options)
            for i in range(last + 1)
        ]
        if dropout:
            self.dropout = Dropout(dropout, Random(rng.uniform(0.0, 1.0)))

    def __call__(self, x: Any) -> Any:
        """The last layer's outputs: a list, or the output itself if it is one."""
        for layer in self.layers:
            x = layer(x)
            if self.dropout is not None and layer is not self.layers[-1]:
                x = self.dropout(x)
        return x

    @staticmethod
    def alike(layers: Sequence[tuple[tuple[int, ...], Any]]) -> MLP:
        """A network whose layers have matrices [W b] of those shapes, and activations φ."""
        nin = layers[0][0][1] - 1
        mlp = MLP(nin, [shape[0] for shape, _ in layers], init="zeros")
        for (_, activation), layer in zip(layers, mlp.layers, strict=True):
            for neuron in layer.neurons:
                neuron.nonlin = activation is not None
                neuron.activation = activation or neuron.activation
        return mlp

    def vectorized(self, dtype: Any = "float64") -> VectorizedMLP:
        """The same network on whole batches, with a copy of the weights in one array.

        Args:
            dtype: "float64" or "float32".
        """
        from .vectorized import VectorizedMLP  # which loads NumPy

        return VectorizedMLP(self, dtype)

    def state_dict(self) -> dict[str, Any]:
        """The weights and biases as arrays, by the names and in the shapes of PyTorch's `Linear`:
        ``layers.0.weight`` of shape (nout, nin), ``layers.0.bias`` of shape (nout,), …"""
        return self.vectorized().state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over weights and biases by name, as `state_dict` gives them.

        Raises:
            ValueError: if a name is missing or unknown, or an array has another shape.
            TypeError: if an array is not one of real numbers.

        After an error nothing has changed.
        """
        twin = self.vectorized()
        twin.load_state_dict(state)
        for p, x in zip(self.parameters(), twin.buffer.whole.data.tolist(), strict=True):
            p.data = x

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from engine.display import network_mimebundle

        return network_mimebundle(self)

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(repr, self.layers))}]"


# ---------------------------------------------------------------- widths


def width(n: SupportsIndex, what: str) -> int:
    """A number of neurons or inputs."""
    if not hasattr(n, "__index__"):
        raise TypeError(f"{what} is a whole number, not {n!r}")
    if n.__index__() < 1:
        raise ValueError(f"{what} is at least 1, not {n!r}")
    return n.__index__()


def widths_of(nouts: Sequence[SupportsIndex]) -> list[int]:
    """The widths of a network's layers."""
    if isinstance(nouts, str) or not hasattr(nouts, "__iter__"):
        raise TypeError(f"nouts is a list with the width of each layer, not {nouts!r}")
    if widths := [width(n, "a layer's width") for n in nouts]:
        return widths
    raise ValueError("nouts is empty: a network has at least one layer")
