"""Which learning rates a network can be trained with: Smith's range test."""

from __future__ import annotations

from math import inf, isfinite
from operator import index

from engine.numbers import real

from .data import batches, samples
from .initialisers import randomness
from .replaying import Replay
from .snapshots import Snapshot, mode
from .training import require_own, training_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .initialisers import Randomness
    from .module import Module
    from .optimisers import Optimiser
    from .training import Loss

MEMORY = 0.9  # how much of the mean loss is kept from step to step
TOO_MUCH = 4.0  # times the smallest mean so far: it diverges


class RangeTest:
    """What a range test found.

    Attributes:
        rates: the learning rates, rising from step to step.
        losses: the loss of each step's batch before its move with that rate.
        means: the same, smoothed: running means that keep 0.9 from step to step.
        diverged: whether it stopped before the highest rate, as the loss ran away.
    """

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.means: list[float] = []
        self.diverged = False

    @property
    def steepest(self) -> float:
        """The rate around which the mean loss fell most: one to start from.

        Falls are measured over a tenth of the steps, after the first tenth, whose means are rough.
        """
        width = max(1, len(self.means) // 10)
        earlier, later = self.means[width:], self.means[2 * width :]
        falls = [b - a for a, b in zip(earlier, later, strict=False)]
        return self.rates[width + width // 2 + falls.index(min(falls))] if falls else self.rates[0]

    def add(self, rate: float, loss: float) -> None:
        """Note one step."""
        total = sum(MEMORY**i for i in range(len(self.losses) + 1))  # the means start from nothing
        before = self.means[-1] * (total - 1) if self.means else 0.0
        self.rates.append(rate)
        self.losses.append(loss)
        self.means.append((before + loss) / total)
        least = min(self.means)
        self.diverged = not isfinite(loss) or 0 < least * TOO_MUCH < self.means[-1]

    def __repr__(self) -> str:
        end = "diverged" if self.diverged else "ended"
        return (
            f"RangeTest of {len(self.rates)} rates from {self.rates[0]:g}: {end} at "
            f"{self.rates[-1]:g}, steepest at {self.steepest:g}"
        )


def learning_rate_range_test(
    model: Module,
    loss: Loss,
    optimiser: Optimiser,
    inputs: Any,
    targets: Any,
    *,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    rng: Randomness | int | None = None,
) -> RangeTest:
    """Train with a rate that rises from step to step, and see what the loss does.

    The rates rise by the same factor each time. It stops early when the loss is no longer finite,
    or when its running mean exceeds four times its smallest so far. Afterwards everything is as it
    was: parameters and gradients, what the optimiser keeps, its rate, generators and modes.

    Args:
        model, loss, optimiser: as for `training_step`.
        inputs, targets, batch_size, rng: as for `batches`.
        lowest, highest: the first rate and the last, 0 < lowest < highest.
        steps: how many rates are tried, at least 2.

    Raises:
        ValueError: if a number is out of range, or there are not as many inputs as targets.

    Source: L. Smith, *Cyclical learning rates for training neural networks*, 2017,
    arXiv:1506.01186, §3.3.
    """
    lowest, highest, steps = real(lowest, "lowest"), real(highest, "highest"), index(steps)
    if not 0 < lowest < highest < inf:
        raise ValueError(
            f"rates rise from lowest to highest, greater than 0, not {lowest:g} to {highest:g}"
        )
    if steps < 2:
        raise ValueError(f"steps is at least 2, not {steps}")
    inputs, targets = samples(model, "samples", (inputs, targets))
    require_own(optimiser, model)
    step = Replay(training_step(model, loss, optimiser, eager=True), unasked=True)
    parts = endless(inputs, targets, batch_size, randomness(rng))
    found, before = RangeTest(), Snapshot(model, optimiser)
    try:
        with mode(model, training=True):
            for i in range(steps):
                rate = lowest * (highest / lowest) ** (i / (steps - 1))
                optimiser.lr = rate
                found.add(rate, step(*next(parts)))
                if found.diverged:
                    break
    finally:
        before.restore()
    return found


def endless(inputs: Any, targets: Any, size: int, rng: Randomness) -> Iterator[tuple[Any, Any]]:
    """Batches of one epoch after the other."""
    while True:
        yield from batches(inputs, targets, size, rng)
