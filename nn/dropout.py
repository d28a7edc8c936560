"""Dropout: in training a random part of the numbers that pass is 0."""

from __future__ import annotations

import math
from functools import partial

from engine.numbers import Number, is_number, real
from engine.state import drawn
from engine.tree import is_tensor

from .initialisers import randomness
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .initialisers import Randomness


class Dropout(Module):
    """Each number becomes 0 with probability p and is divided by 1 − p otherwise.

    So its expectation stays, and in evaluation (after ``eval()``) everything passes as it is. Every
    call in training draws a new mask, and so does every run of a recorded program.

    Args:
        p: the probability of 0, at least 0 and less than 1.
        rng: what draws: a `random.Random` or the seed of a new one; None stands for the module
            `random`.

    Source: N. Srivastava et al., *Dropout: a simple way to prevent neural networks from
    overfitting*, JMLR 2014; inverted, as in PyTorch.
    """

    def __init__(self, p: float = 0.5, rng: Randomness | int | None = None) -> None:
        self.p = real(p, "Dropout()")
        if not 0 <= self.p < 1:
            raise ValueError(f"a probability of dropping is at least 0 and less than 1, not {p!r}")
        self.rng = randomness(rng)

    def __call__(self, x: Any) -> Any:
        """What passes: of a number a number, of a list a list, of a Tensor or array the like."""
        if not self.training or not self.p:
            return x
        if isinstance(x, (list, tuple)):
            return type(x)(map(self, x))
        if is_tensor(x) or hasattr(x, "shape"):
            return x * self.mask(x.shape, x.dtype)
        if isinstance(x, Number) or is_number(x):
            return x * drawn(1.0, self.draw_factor, "mask")
        raise TypeError(f"dropout takes numbers, lists of them or Tensors, not {type(x).__name__}")

    def mask(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """The factors for an array of a shape and type."""
        import numpy as np

        kind = dtype if dtype.kind == "f" else np.dtype("float64")
        return drawn(np.ones(shape, kind), partial(self.draw_mask, shape, kind), "mask")

    def draw_factor(self) -> float:
        """What one number is multiplied by: 0 or 1 / (1 − p)."""
        return 0.0 if self.rng.uniform(0.0, 1.0) < self.p else 1 / (1 - self.p)

    def draw_mask(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """New factors for an array, in its order and precision."""
        import numpy as np

        size = math.prod(shape)
        if hasattr(self.rng, "randbytes"):  # all at once
            numbers = np.frombuffer(self.rng.randbytes(4 * size), np.uint32) / 2**32
        else:
            numbers = np.array([self.rng.uniform(0.0, 1.0) for _ in range(size)])
        return (numbers >= self.p).reshape(shape) / dtype.type(1 - self.p)

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
