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

from .data import in_parts, paired
from .initialisers import randomness
from .losses import sum_of_absolutes, sum_of_squares
from .module import Module
from .optimisers import clip_grad_norm_, clip_grad_value_

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
) -> Step:
    """One step of training as a function of a batch's inputs and targets, which returns the loss.

    A vectorised network and the loss are computed as one node (see `engine.fuse`), unless random
    numbers are drawn in them: these are drawn in each step.

    Args:
        model: a network, scalar or vectorised.
        loss: a function of the outputs and the targets, such as `nn.hinge`.
        optimiser: what moves the parameters.
        penalty: k, for an L2 penalty k·Σw² in the loss.
        l1: k, for an L1 penalty k·Σ|w| in the loss.
        clip_value, clip_norm: bounds of the gradients, one by one and of all together: see
            `clip_grad_value_` and `clip_grad_norm_`.
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

    return step


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


def replayed(step: Step) -> Step:
    """The step as a program: recorded for the first batch of each size, then replayed.

    It is recorded anew when flags or settings that it finds have changed. A step that computes
    something else each time, as dropout does in training, is run as it is. See `engine.record` for
    what a program may depend on.
    """
    from engine import record  # not needed by those who do not replay
    from engine.program.surroundings import RestlessError, StaleError
    from engine.state import settings

    programs: dict[Any, Any] = {}  # for a step that is run as it is, the state of all settings

    def plain(inputs: Any, targets: Any) -> float:
        return number(step(inputs, targets))

    def recorded(inputs: Any, targets: Any) -> Any:
        try:
            return record(step, inputs, targets)
        except RestlessError:
            return settings[0]

    def replay(inputs: Any, targets: Any) -> Any:
        kinds = [getattr(getattr(x, "dtype", None), "kind", "") for x in (inputs, targets)]
        key = len(targets), *kinds
        program = programs.get(key)
        if program is None or (isinstance(program, int) and program != settings[0]):
            program = programs[key] = recorded(inputs, targets)
        if isinstance(program, int):
            return plain(inputs, targets)
        try:
            return program(inputs, targets)
        except StaleError:
            del programs[key]
            return replay(inputs, targets)

    return replay


def train(
    step: Step,
    inputs: Any,
    targets: Any,
    *,
    epochs: int,
    batch_size: int | None = None,
    rng: Randomness | int | None = None,
) -> Iterator[float]:
    """Train for some epochs; gives the mean loss of each as it ends.

    Args:
        step: what trains on one batch and returns its loss: see `training_step`, `replayed`.
        inputs, targets: lists with an entry for each sample, or arrays with a row for each.
        epochs: how many times each sample is used.
        batch_size: how many samples a step is given; all of them by default, in their order.
            Otherwise each epoch goes through them in another order, and the last batch of an epoch
            may be smaller.
        rng: what shuffles the samples: a `random.Random`, a seed, or None for the module `random`.

    Raises:
        ValueError: if there are no samples, or not as many inputs as targets, or the batch size
            or the number of epochs is out of range.
    """
    paired(inputs, targets)
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"a batch has at least one sample, not {batch_size!r}")
    if epochs < 0:
        raise ValueError(f"the number of epochs is at least 0, not {epochs!r}")
    return run(step, inputs, targets, epochs, batch_size, randomness(rng))


def run(
    step: Step, inputs: Any, targets: Any, epochs: int, batch_size: int | None, rng: Any
) -> Iterator[float]:
    """The mean loss of each epoch."""
    order = list(range(len(targets)))
    for _ in range(epochs):
        if batch_size is None:
            yield number(step(inputs, targets))
            continue
        rng.shuffle(order)
        total = 0.0
        for xs, ts in in_parts(inputs, targets, order, batch_size):
            total += number(step(xs, ts)) * len(ts)
        yield total / len(order)


def number(loss: Any) -> float:
    """A loss as a float."""
    return float(loss.data if hasattr(loss, "backward") else loss)
