"""What training looks like in the demos: three engines, the scores on two sets, curves of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from commandline import on_terminal

import viz
from engine import no_grad
from nn import MLP, Optimiser, replayed, train, training_step

ENGINES = ("scalar", "twin", "program")
ACTORS = {"scalar": "scalars", "twin": "the vectorised twin", "program": "a recorded program"}


def trainer(
    engine: str,
    mlp: MLP,
    loss: Callable[[Any, Any], Any],
    optimiser: Callable[[Any], Optimiser],
    penalty: float = 0.0,
    dtype: str = "float64",
) -> tuple[Any, Any]:
    """A network to train, and what trains it: a function of a batch's inputs and targets.

    Args:
        engine: "scalar": the network itself; "twin": its twin, with a copy of its weights;
            "program": the same, with the step recorded. The first two take each step by itself.
        mlp: the network.
        loss, penalty: as for `nn.training_step`.
        optimiser: makes an optimiser for a list of parameters.
        dtype: the twin's numbers.
    """
    model: Any = mlp if engine == "scalar" else mlp.vectorized(dtype)
    step = training_step(model, loss, optimiser(model.parameters()), penalty, eager=True)
    return model, replayed(step) if engine == "program" else step


def samples(model: Any, inputs: Any, targets: Any) -> tuple[Any, Any]:
    """Inputs and targets as the network takes them: lists of numbers, or arrays."""
    if isinstance(model, MLP):
        return inputs, targets
    import numpy as np

    return np.array(inputs, model.buffer.whole.dtype), np.array(targets, float)


@contextmanager
def say_time(engine: str) -> Iterator[None]:
    """On a terminal, say what computed and how long it took; other text is the same each time."""
    start = time.perf_counter()
    yield
    if on_terminal():
        print(f"  Trained by {ACTORS[engine]} in {time.perf_counter() - start:.2f} s")


# -- scores ---------------------------------------------------------------------------------------


class Score(NamedTuple):
    """How a network does on a set of samples.

    Attributes:
        loss: the mean loss, without a penalty.
        right: how many answers are right.
        size: how many samples there are.
    """

    loss: float
    right: int
    size: int

    @property
    def accuracy(self) -> float:
        """The share of right answers, in per cent."""
        return 100 * self.right / self.size


class Epoch(NamedTuple):
    """The scores on the training and on the test set after an epoch."""

    train: Score
    test: Score


class Experiment(NamedTuple):
    """A network, what trains and what judges it, and two sets of samples, each (inputs, targets).

    Attributes:
        model: the network.
        step: one step of training on a batch: see `trainer`.
        loss: a function of outputs and targets.
        right: how many outputs are right: a function of them as plain numbers and the targets.
        train, test: the samples to learn from and the others.
    """

    model: Any
    step: Any
    loss: Callable[[Any, Any], Any]
    right: Callable[[Any, Any], int]
    train: tuple[Any, Any]
    test: tuple[Any, Any]

    def scores(self) -> Epoch:
        """How the network does now."""
        return Epoch(self.score(*self.train), self.score(*self.test))

    def score(self, inputs: Any, targets: Any) -> Score:
        """How the network does on one set."""
        with no_grad():
            outputs = self.model.over(inputs)
            loss = self.loss(outputs, targets)
        numbers = outputs.data if hasattr(outputs, "data") else [y.data for y in outputs]
        return Score(float(loss.data), self.right(numbers, targets), len(targets))

    def run(self, epochs: int, batch: int, seed: int) -> Iterator[Epoch]:
        """Train; yield the scores after each epoch."""
        for _ in self.epochs(epochs, batch, seed):
            yield self.scores()

    def epochs(self, epochs: int, batch: int, seed: int) -> Iterator[float]:
        """Train without scores; yield the mean loss of each epoch's batches."""
        options = {"epochs": epochs, "batch_size": batch, "rng": seed}
        return train(
            self.step, *self.train, eager=True, **options
        )  # it is recorded already, or not


def report(epoch: Epoch) -> str:
    """An epoch in the log."""
    own, test = epoch
    return (
        f"loss {own.loss:.4f}, accuracy {own.accuracy:5.1f} %; "
        f"test {test.loss:.4f}, {test.accuracy:5.1f} %"
    )


# -- pictures -------------------------------------------------------------------------------------


def draw_losses(history: Sequence[Epoch], log: bool = False, dark: bool = False) -> Any:
    """The loss on both sets, epoch by epoch."""
    losses = both(history, "loss")
    return viz.draw_curve(losses, title="Loss", y_label="mean loss", log=log, dark=dark)


def draw_accuracies(history: Sequence[Epoch], dark: bool = False) -> Any:
    """The share of right answers in both sets, epoch by epoch."""
    return viz.draw_curve(
        both(history, "accuracy"),
        title="Accuracy",
        y_label="right answers in per cent",
        dark=dark,
    )


def both(history: Sequence[Epoch], what: str) -> dict[str, list[float]]:
    """A number of both sets' scores, from before the first epoch on."""
    return {name: [getattr(getattr(e, name), what) for e in history] for name in Epoch._fields}
