"""Neural networks on gradpath's engine: modules, perceptrons, losses and optimisers.

>>> from nn import MLP
>>> model = MLP(2, [2, 1], activation="tanh", rng=0)
>>> model
MLP of [Layer of [TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(2)]]
>>> model([0.0, 1.0]).backward()
"""

from .initialisers import INITIALISERS
from .losses import (
    binary_cross_entropy,
    cross_entropy,
    hinge,
    mean_squared_error,
    sum_of_squares,
)
from .module import Module
from .optimisers import SGD, Adam, AdamW, Optimiser
from .scalar import MLP, Layer, Neuron
from .training import replayed, train, training_step

__all__ = [
    "INITIALISERS",
    "MLP",
    "SGD",
    "Adam",
    "AdamW",
    "Layer",
    "Module",
    "Neuron",
    "Optimiser",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "mean_squared_error",
    "replayed",
    "sum_of_squares",
    "train",
    "training_step",
]
