"""Dropout: in training a random part of the numbers that pass is 0."""

from __future__ import annotations

from engine.numbers import Number, is_number, real
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
    call in training draws a new mask; what trains with it is computed step by step, as a recorded
    program would keep one mask for ever.

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
            return x * self.mask(x)
        if isinstance(x, Number) or is_number(x):
            return x * self.factor()
        raise TypeError(f"dropout takes numbers, lists of them or Tensors, not {type(x).__name__}")

    def factor(self) -> float:
        """What one number is multiplied by: 0 or 1 / (1 − p)."""
        return 0.0 if self.rng.uniform(0.0, 1.0) < self.p else 1 / (1 - self.p)

    def mask(self, x: Any) -> Any:
        """The factors for an array, in its order and precision."""
        import numpy as np

        if hasattr(self.rng, "randbytes"):  # all at once
            drawn = np.frombuffer(self.rng.randbytes(4 * x.size), np.uint32) / 2**32
        else:
            drawn = np.array([self.rng.uniform(0.0, 1.0) for _ in range(x.size)])
        kept = (drawn >= self.p).reshape(x.shape)
        return kept / x.dtype.type(1 - self.p) if x.dtype.kind == "f" else kept / (1 - self.p)

    def __repr__(self) -> str:
        return f"Dropout({self.p:g})"
