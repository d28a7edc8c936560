"""Training: the same loop for a scalar network, its vectorised twin and a recorded program.

>>> from nn import MLP, SGD, mean_squared_error, train, training_step
>>> model = MLP(2, [4, 1], activation="tanh", rng=0)
>>> step = training_step(model, mean_squared_error, SGD(model.parameters(), lr=0.3))
>>> xs, ts = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
>>> losses = list(train(step, xs, ts, epochs=200))
>>> losses[-1] < 0.01 < losses[0]
True
"""

from __future__ import annotations

from engine import Value

from .compiling import Course
from .data import in_parts, paired
from .initialisers import randomness
from .losses import sum_of_absolutes, sum_of_squares
from .module import Module
from .optimisers import clip_grad_norm_, clip_grad_value_
from .replaying import Replay, TrainingStep, automatic, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .initialisers import Randomness
    from .optimisers import Optimiser

    Step = Callable[[Any, Any], Any]
    Loss = Callable[[Any, Any], Any]


def training_step(
    model: Module,
    loss: Loss,
    optimiser: Optimiser,
    penalty: float = 0.0,
    *,
    l1: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    eager: bool = False,
) -> Step:
    """One step of training as a function of a batch's inputs and targets, which returns the loss.

    From the second batch of a size on, the step is replayed as a recorded program, with the same
    numbers; so the loss that it returns has no graph. Where a recording is refused, or would leave
    out what the model or the loss does besides (it prints, counts, draws random numbers), steps are
    taken one by one: see `nn.replaying.TrainingStep`.

    Args:
        model: a network, scalar or vectorised.
        loss: a function of the outputs and the targets, such as `nn.hinge`.
        optimiser: what moves the parameters.
        penalty: k, for an L2 penalty k·Σw² in the loss.
        l1: k, for an L1 penalty k·Σ|w| in the loss.
        clip_value, clip_norm: bounds of the gradients, one by one and of all together: see
            `clip_grad_value_` and `clip_grad_norm_`.
        eager: whether to take all steps one by one, and return losses with their graphs. For a
            vectorised network, these are one node (see `engine.fuse`).
    """

    def plain(inputs: Any, targets: Any) -> Any:
        value = loss(model.over(inputs), targets)
        if penalty:
            value = value + penalty * sum_of_squares(model.parameters())
        return value + l1 * sum_of_absolutes(model.parameters()) if l1 else value

    objective: Step = plain
    if isinstance(model, Module) and not isinstance(model.parameters()[0], Value):
        from engine.program.fusion import Fused

        # network and loss as one node, several times as fast, where nothing random is drawn
        objective = Fused(plain, strict=False)

    def step(inputs: Any, targets: Any) -> Any:
        value = objective(inputs, targets)
        model.zero_grad()
        value.backward()
        if clip_value is not None:
            clip_grad_value_(model.parameters(), clip_value)
        if clip_norm is not None:
            clip_grad_norm_(model.parameters(), clip_norm)
        optimiser.step()
        return value

    return step if eager else TrainingStep(step)


def require_own(optimiser: Optimiser, model: Module) -> None:
    """Raise ValueError if the optimiser moves nothing of the model: it was made for another one."""
    moved: set[int] = set()
    for p in optimiser.parameters:
        buffer = getattr(p, "_buffer", None)
        moved |= {id(p), *map(id, buffer.views if buffer is not None and p is buffer.whole else ())}
    if not any(id(p) in moved for p in model.parameters()):
        raise ValueError(
            "the optimiser moves none of the model's parameters: make it from the "
            "model.parameters() of this model (a network and its twin have their own)"
        )


def train(
    step: Step,
    inputs: Any,
    targets: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    rng: Randomness | int | None = None,
    eager: bool = False,
) -> Iterator[float]:
    """Train for some epochs; gives the mean loss of each as it ends.

    The step is recorded and replayed, unless a recording is refused or would leave out what the
    step does besides: then it is run as it is. In long runs it is compiled, if numba is installed
    and that is faster.

    Args:
        step: what trains on one batch and returns its loss: see `training_step`.
        inputs, targets: lists with an entry for each sample, or arrays with a row for each.
        epochs: how many times each sample is used.
        batch_size: how many samples a step is given; all of them by default, in their order.
            Otherwise each epoch goes through them in another order, and the last batch of an epoch
            may be smaller.
        rng: what shuffles the samples: a `random.Random`, a seed, or None for the module `random`.
        eager: whether to run the step as it is, always.

    Raises:
        ValueError: if there are no samples, or not as many inputs as targets, or the batch size
            or the number of epochs is out of range.
    """
    paired(inputs, targets)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"a batch has at least one sample, not {batch_size!r}")
    if epochs < 0:
        raise ValueError(f"the number of epochs is at least 0, not {epochs!r}")
    if eager:
        step = step.eager if isinstance(step, TrainingStep) else step
    elif epochs > 1 or (batch_size is not None and batch_size < len(targets)):
        step = automatic(step)
    return run(step, inputs, targets, epochs, batch_size, randomness(rng))


def run(
    step: Step, inputs: Any, targets: Any, epochs: int, batch_size: int | None, rng: Any
) -> Iterator[float]:
    """The mean loss of each epoch."""
    order = list(range(len(targets)))
    course = step.course if isinstance(step, Replay) else Course()
    course.announce(epochs * -(-len(order) // (batch_size or len(order))))
    try:
        for _ in range(epochs):
            if batch_size is None:
                yield number(step(inputs, targets))
                continue
            rng.shuffle(order)
            total = 0.0
            for xs, ts in in_parts(inputs, targets, order, batch_size):
                total += number(step(xs, ts)) * len(ts)
            yield total / len(order)
    finally:
        course.announce(0)
