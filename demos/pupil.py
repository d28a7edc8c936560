"""A network that is trained again and again from other weights, by a program recorded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nn import MLP, Optimiser, replayed, training_step
from nn.snapshots import Snapshot


class Pupil:
    """A network, its optimiser, and its step, which is recorded for the first of all trainings.

    A recorded step reads and writes the parameters and what the optimiser keeps in their places,
    so that another start is nothing but other numbers there.

    Attributes:
        model: the vectorised network.
        optimiser: what moves it.
        step: a function of a batch's inputs and targets, which gives the loss.
    """

    def __init__(
        self,
        network: MLP,
        loss: Callable[[Any, Any], Any],
        optimiser: Callable[[Any], Optimiser],
    ) -> None:
        """What learns by that loss, with an optimiser made for a list of parameters."""
        self.model = network.vectorized()
        self.optimiser = optimiser(self.model.parameters())
        self.step = replayed(training_step(self.model, loss, self.optimiser))
        self.unused = Snapshot(self.model, self.optimiser)

    def begin(self, weights: Any) -> None:
        """Forget everything, and start from the state of another network of that shape."""
        self.unused.restore()
        self.model.load_state_dict(weights)
