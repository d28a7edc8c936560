"""The NumPy-vectorised twin: whole arrays as the nodes of a graph, on the same table.

`arrays` is NumPy as the mathematics of the rows; `tensor` the node, with what it holds (`holding`),
what it takes (`operands`), its `operations` and its `backward` pass. `functions` are those that are
no methods; `mathematics` computes rows on Tensors, so that gradients are graphs, too; `buffer` lays
the parameters of a network in one array.
"""

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
