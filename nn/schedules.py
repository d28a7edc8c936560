"""Schedules: the learning rate as a function of the number of steps, by PyTorch's names.

A schedule belongs to an optimiser. It sets the rate for the first step when it is made, and for the
next one each time `step` is called, after the optimiser's own step or at the end of an epoch:

>>> from nn import SGD, StepLR
>>> from engine import Value
>>> optimiser = SGD([Value(1.0)], lr=0.8)
>>> schedule = StepLR(optimiser, step_size=2, gamma=0.5)
>>> rates = []
>>> for epoch in range(5):
...     rates.append(optimiser.lr)
...     schedule.step()
>>> rates
[0.8, 0.8, 0.4, 0.4, 0.2]
"""

from __future__ import annotations

from math import cos, pi
from operator import index

from engine.numbers import real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .optimisers import Optimiser


class Schedule:
    """What all schedules have.

    Args:
        optimiser: whose rate is set; the rate that it has now is the schedule's base.

    Attributes:
        base: the rate that the optimiser had.
        count: how many steps have been taken.
    """

    def __init__(self, optimiser: Optimiser) -> None:
        self.optimiser, self.base, self.count = optimiser, float(optimiser.lr), 0
        optimiser.lr = self.rate(0)

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate")

    def step(self) -> None:
        """Set the rate for the next step."""
        self.count += 1
        self.optimiser.lr = self.rate(self.count)


class StepLR(Schedule):
    """The rate times γ after every ``step_size`` steps."""

    def __init__(self, optimiser: Optimiser, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = many("step_size", step_size), factor("gamma", gamma)
        super().__init__(optimiser)

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        return self.base * self.gamma ** (count // self.step_size)


class ExponentialLR(Schedule):
    """The rate times γ after every step."""

    def __init__(self, optimiser: Optimiser, gamma: float) -> None:
        self.gamma = factor("gamma", gamma)
        super().__init__(optimiser)

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        return self.base * self.gamma**count


class CosineAnnealingLR(Schedule):
    """Half a wave of the cosine, from the base down to ``eta_min`` in ``T_max`` steps.

    Source: I. Loshchilov, F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR
    2017, equation 5.
    """

    def __init__(self, optimiser: Optimiser, T_max: int, eta_min: float = 0.0) -> None:  # noqa: N803
        self.T_max, self.eta_min = many("T_max", T_max), factor("eta_min", eta_min)
        super().__init__(optimiser)

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        return wave(self.base, self.eta_min, count / self.T_max)


class LinearLR(Schedule):
    """A warm-up: the base times a factor that grows evenly from one number to another."""

    def __init__(
        self,
        optimiser: Optimiser,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        self.start, self.end = (
            factor("start_factor", start_factor),
            factor("end_factor", end_factor),
        )
        self.total = many("total_iters", total_iters)
        super().__init__(optimiser)

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        done = min(count / self.total, 1.0)
        return self.base * (self.start + (self.end - self.start) * done)


class OneCycleLR(Schedule):
    """Up to ``max_lr`` and down to next to nothing, by halves of cosine waves.

    Args:
        optimiser: whose rate is set; its momentum stays (as with PyTorch's
            ``cycle_momentum=False``).
        max_lr: the highest rate.
        total_steps: of the whole cycle; a further one is an error.
        pct_start: the share of the steps in which the rate rises.
        div_factor: the first rate is max_lr divided by it.
        final_div_factor: the last rate is the first one divided by it.

    Source: L. Smith, N. Topin, *Super-convergence: very fast training of neural networks using
    large learning rates*, 2018.
    """

    def __init__(
        self,
        optimiser: Optimiser,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        self.max_lr, self.total = factor("max_lr", max_lr), many("total_steps", total_steps)
        if not 0 <= real(pct_start, "pct_start") <= 1:
            raise ValueError(f"pct_start is between 0 and 1, not {pct_start!r}")
        self.peak = pct_start * self.total - 1
        self.first = self.max_lr / factor("div_factor", div_factor)
        self.last = self.first / factor("final_div_factor", final_div_factor)
        super().__init__(optimiser)

    def rate(self, count: int) -> float:
        """The learning rate after so many steps."""
        if count >= self.total:
            raise ValueError(f"the cycle has {self.total:,} steps, and all are done")
        if count <= self.peak:
            return wave(self.first, self.max_lr, count / self.peak if self.peak else 1.0)
        return wave(self.max_lr, self.last, (count - self.peak) / (self.total - 1 - self.peak))


def wave(start: float, end: float, done: float) -> float:
    """From one number to another along half a cosine wave."""
    return end + (start - end) * (1 + cos(pi * done)) / 2


def many(name: str, count: int) -> int:
    """A number of steps, of which there is at least one."""
    try:
        count = index(count)
    except TypeError:
        raise TypeError(f"{name} is a whole number of steps, not {count!r}") from None
    if count < 1:
        raise ValueError(f"{name} is at least 1, not {count!r}")
    return count


def factor(name: str, x: float) -> float:
    """A number that is not negative."""
    if real(x, name) >= 0:
        return float(x)
    raise ValueError(f"{name} is at least 0, not {x!r}")
