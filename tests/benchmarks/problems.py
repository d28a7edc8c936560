"""What is computed: networks to train, with their data and initial weights, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Precision = Literal["float32", "float64"]

CHAIN_STEPS = 3333  # of × + tanh: with the three leaves, 10,002 nodes


@dataclass(frozen=True)
class Problem:
    """A multilayer perceptron and a batch that it is trained on, always the same one.

    A training step is: the loss of the whole batch, its gradient, and w ← w − lr·∂loss/∂w.

    Attributes:
        widths: the number of inputs, then that of neurons in each layer.
        activation: of the hidden layers, "relu" or "tanh"; the last layer is linear.
        loss: "hinge", "squares" (mean squared error) or "cross-entropy".
        lr: the learning rate.
        l2: k, for the penalty k·Σw² over all weights and biases, which is part of the loss.
        x: the inputs, of shape (samples, inputs).
        y: for each sample −1 or 1 (hinge), the number wanted (squares), or the class, an integer.
        weights: for each layer (W, b), of shapes (neurons, inputs) and (neurons,).
    """

    widths: tuple[int, ...]
    activation: str
    loss: str
    lr: float
    l2: float
    x: Array
    y: Array
    weights: tuple[tuple[Array, Array], ...]

    @property
    def dtype(self) -> Any:
        """The precision of everything: the twin's, and the peers'."""
        return self.x.dtype


def moons(dtype: Precision = "float64", samples: int = 100) -> Problem:
    """Two interleaved half circles, told apart as in micrograd's demo."""
    rng = np.random.default_rng(1)
    turn = np.linspace(0, np.pi, samples) * 2 % np.pi
    upper = np.arange(samples) < samples / 2
    x = np.where(upper, [np.cos(turn), np.sin(turn)], [1 - np.cos(turn), 0.5 - np.sin(turn)]).T
    x = x + 0.1 * rng.normal(size=x.shape)
    y = np.where(upper, 1.0, -1.0)
    return problem((2, 16, 16, 1), "relu", "hinge", 0.1, x, y, dtype, l2=1e-4)


def xor(hidden: int, dtype: Precision = "float64") -> Problem:
    """The four points of XOR, as numbers to be met."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    return problem((2, hidden, 1), "tanh", "squares", 0.1, x, y, dtype)


def classes(widths: Sequence[int], samples: int, dtype: Precision = "float32") -> Problem:
    """Random inputs with random classes: what counts is the size of the matrices."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(samples, widths[0]))
    y = rng.integers(widths[-1], size=samples)
    return problem(tuple(widths), "relu", "cross-entropy", 0.01, x, y, dtype)


def problem(
    widths: tuple[int, ...],
    activation: str,
    loss: str,
    lr: float,
    x: Array,
    y: Array,
    dtype: Precision,
    l2: float = 0.0,
) -> Problem:
    """The problem with weights drawn uniformly from ±1/√inputs, and with biases of 0."""
    rng = np.random.default_rng(0)
    weights = tuple(
        (
            (rng.uniform(-1, 1, (neurons, inputs)) / np.sqrt(inputs)).astype(dtype),
            np.zeros(neurons, dtype),
        )
        for inputs, neurons in pairwise(widths)
    )
    x, y = x.astype(dtype), y if loss == "cross-entropy" else y.astype(dtype)
    for array in (x, y, *chain.from_iterable(weights)):
        array.flags.writeable = False  # the sides share them, and each trains a copy
    return Problem(widths, activation, loss, lr, l2, x, y, weights)
