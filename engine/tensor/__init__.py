"""The NumPy-vectorised twin: whole arrays as the nodes of a graph, on the same table."""

from __future__ import annotations

from .functions import (
    concatenate,
    linear,
    matmul,
    softmax_cross_entropy,
    stack,
    sum_of_squares,
    where,
)
from .mathematics import TENSORS
from .tensor import Tensor

__all__ = [
    "TENSORS",
    "Tensor",
    "concatenate",
    "linear",
    "matmul",
    "softmax_cross_entropy",
    "stack",
    "sum_of_squares",
    "where",
]
