"""Neural networks on gradpath's engine: modules, perceptrons, losses and optimisers.

>>> from nn import MLP
>>> model = MLP(2, [2, 1], activation="tanh", rng=0)
>>> model
MLP of [Layer of [TanhNeuron(2), TanhNeuron(2)], Layer of [LinearNeuron(2)]]
>>> model([0.0, 1.0]).backward()
"""

from __future__ import annotations

from .data import batches, train_test_split
from .dropout import Dropout
from .initialisers import INITIALISERS, constant, gain, normal, with_gain
from .losses import (
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    mean_squared_error,
    negative_log_likelihood,
    sum_of_absolutes,
    sum_of_squares,
)
from .module import Module
from .optimisers import (
    SGD,
    AdaGrad,
    Adagrad,
    Adam,
    AdamW,
    Optimiser,
    RMSProp,
    RMSprop,
    clip_grad_norm_,
    clip_grad_value_,
)
from .range_test import RangeTest, learning_rate_range_test
from .replaying import replayed
from .scalar import MLP, Layer, Neuron
from .schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    Schedule,
    StepLR,
)
from .training import train, training_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fitting import EarlyStopping, History, NonFiniteLossError, fit
    from .metrics import accuracy, confusion_matrix, predictions
    from .observation import observe
    from .quantisation import quantize
    from .sizes import summary

__all__ = [
    "INITIALISERS",
    "MLP",
    "SGD",
    "AdaGrad",
    "Adagrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "Dropout",
    "EarlyStopping",
    "ExponentialLR",
    "History",
    "Layer",
    "LinearLR",
    "Module",
    "Neuron",
    "NonFiniteLossError",
    "OneCycleLR",
    "Optimiser",
    "RMSProp",
    "RMSprop",
    "RangeTest",
    "Schedule",
    "StepLR",
    "accuracy",
    "batches",
    "binary_cross_entropy",
    "clip_grad_norm_",
    "clip_grad_value_",
    "confusion_matrix",
    "constant",
    "cross_entropy",
    "fit",
    "gain",
    "hinge",
    "huber",
    "learning_rate_range_test",
    "mean_squared_error",
    "negative_log_likelihood",
    "normal",
    "observe",
    "predictions",
    "quantize",
    "replayed",
    "sum_of_absolutes",
    "sum_of_squares",
    "summary",
    "train",
    "train_test_split",
    "training_step",
    "with_gain",
]

LATER = {  # public names by the modules that they come from, which load NumPy
    "accuracy": "metrics", "confusion_matrix": "metrics", "predictions": "metrics",
    "EarlyStopping": "fitting", "History": "fitting", "NonFiniteLossError": "fitting",
    "fit": "fitting", "observe": "observation",
    "quantize": "quantisation", "summary": "sizes",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """What needs NumPy loads it when it is first asked for."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{LATER[name]}", __name__), name)
    return found
