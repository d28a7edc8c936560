"""`quantize`: a network whose parameters take one byte each.

Each is stored as a whole number q from −127 to 127, so that w ≈ s·q. The scale s belongs to a row
of a layer's matrix [W b], that is to a neuron, or to the whole layer; it is the largest |w| there,
divided by 127. Rounding is symmetric, 0 stays 0, and no parameter moves by more than s/2.

Source: B. Jacob et al., *Quantization and training of neural networks for efficient
integer-arithmetic-only inference*, CVPR 2018, §2.1, with zero point 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.tensor import Tensor

from .activations import title
from .scalar import MLP
from .vectorized import VectorizedLayer, VectorizedMLP, forward

LARGEST = 127  # of the whole numbers; −128 is not used, so that both signs are alike
SCALES = ("row", "layer")


class QuantizedLayer:
    """A layer of neurons whose matrix is stored as whole numbers.

    Attributes:
        q: [W b] / s rounded, of dtype int8, shape (nout, nin + 1).
        scale: s, shape (nout, 1) or (1, 1).
        activation: φ, a function of one Tensor; None for a linear layer.
    """

    def __init__(self, p: NDArray[Any], activation: Any, per: str) -> None:
        if not np.isfinite(p).all():
            raise ValueError("a parameter that is not finite cannot be quantised")
        largest = np.abs(p).max(1 if per == "row" else None, keepdims=True)
        smallest = np.finfo(p.dtype).tiny  # so that nothing is divided by 0
        scale = np.maximum(largest / p.dtype.type(LARGEST), smallest)
        with np.errstate(over="ignore"):  # the largest number of all: s was rounded up
            self.scale = np.where(np.isinf(scale * LARGEST), np.nextafter(scale, 0 * scale), scale)
        self.q = np.clip(np.rint(p / self.scale), -LARGEST, LARGEST).astype(np.int8)
        self.activation = activation

    @property
    def p(self) -> Tensor:
        """The parameters that it computes with, s·q: a constant."""
        dtype = self.scale.dtype
        return Tensor(self.scale * self.q.astype(dtype), role="constant", dtype=dtype)

    @property
    def nbytes(self) -> int:
        """How many bytes are stored: one for each parameter, and the scales."""
        return int(self.q.nbytes + self.scale.nbytes)

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch: shape (n, nin) gives (n, nout)."""
        return VectorizedLayer(self.p, self.activation)(x)

    def __repr__(self) -> str:
        nout, columns = self.q.shape
        kind = title(self.activation) if self.activation else "Linear"
        return f"QuantizedLayer({columns - 1}, {nout}, {kind})"


class QuantizedMLP:
    """A multilayer perceptron with a byte for each parameter: made by `quantize`.

    It computes as its twin does, and cannot be trained. Dropout it has none.

    Attributes:
        layers: its `QuantizedLayer`s.
    """

    def __init__(self, model: VectorizedMLP, per: str) -> None:
        self.dtype = model.buffer.whole.dtype
        self.layers = [
            QuantizedLayer(layer.p.data, layer.activation, per) for layer in model.layers
        ]

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch of inputs, as `VectorizedMLP` gives them."""
        return forward(self.layers, x, self.dtype)

    def over(self, xs: Any) -> Any:
        """The outputs for several samples."""
        return self(xs)

    @property
    def nbytes(self) -> int:
        """How many bytes are stored: one for each parameter, and the scales."""
        return sum(layer.nbytes for layer in self.layers)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The weights and biases that it computes with, by the names of PyTorch's `Linear`."""
        return self.dequantized().state_dict()

    def dequantized(self) -> VectorizedMLP:
        """The network with the same parameters s·q, as numbers that can be trained again."""
        twin = MLP.alike([(layer.q.shape, layer.activation) for layer in self.layers])
        model = twin.vectorized(self.dtype)
        for layer, ours in zip(model.layers, self.layers, strict=True):
            layer.p.data = ours.p.data
        return model

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from engine.display import network_mimebundle

        return network_mimebundle(self)

    def __repr__(self) -> str:
        return f"QuantizedMLP of [{', '.join(map(repr, self.layers))}]"


def quantize(model: MLP | VectorizedMLP, per: str = "row") -> QuantizedMLP:
    """The network with each parameter rounded to one byte.

    >>> from nn import MLP
    >>> model = MLP(64, [256, 10], rng=0).vectorized()
    >>> quantize(model, per="layer").nbytes  # 19,210 parameters, two scales of 8 bytes
    19226

    Args:
        model: a multilayer perceptron, scalar or vectorised; it stays as it is.
        per: what has a scale of its own: each "row" of a layer's matrix [W b], that is each neuron,
            or each "layer".

    Raises:
        TypeError: if the model is none of these.
        ValueError: if a parameter is not finite, or ``per`` is neither of them.
    """
    if per not in SCALES:
        raise ValueError(f"per is what has a scale: {' or '.join(map(repr, SCALES))}, not {per!r}")
    if isinstance(model, MLP):
        model = model.vectorized()
    if not isinstance(model, VectorizedMLP):
        raise TypeError(f"quantize() takes an MLP or its twin, not {type(model).__name__}")
    return QuantizedMLP(model, per)
