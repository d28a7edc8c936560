"""Loss functions: how wrong a model's outputs are, as one number to minimise.

Each takes the outputs for n samples and the n targets, and returns the mean over the samples. The
outputs may be nodes, plain numbers or a Tensor; targets are numbers or an array.
"""

from __future__ import annotations

import engine
from engine import Value, mean
from engine.numbers import Number, is_number, real
from engine.targets import Targets, classes
from engine.tree import is_tensor

from .optimisers import joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def mean_squared_error(predictions: Any, targets: Any) -> Any:
    """The mean of (p − t)² over predictions p and targets t.

    Raises:
        TypeError: if a prediction or a target is no number, or they are no lists.
        ValueError: if there are none, or not as many predictions as targets.
    """
    return average(lambda p, t: (p - t) ** 2, predictions, targets)


def hinge(scores: Any, targets: Any) -> Any:
    """The mean of max(0, 1 − t·s) over scores s and targets t, which are −1 or 1.

    Raises:
        TypeError: if a score or a target is no number, or they are no lists.
        ValueError: for another target; if there are none, or not as many scores as targets.
    """
    require(SIGNS, targets)
    return average(lambda s, t: engine.relu(margin(s, t)), scores, targets)


def margin(s: Any, t: Any) -> Any:
    """1 − t·s, as a single node where t is a plain number."""
    if is_number(t):
        return 1 - s if t == 1 else 1 + s
    return 1 - t * s


def cross_entropy(logits: Any, targets: Any) -> Any:
    """The mean of log Σⱼ exp(zⱼ) − zₜ over samples with logits z and the class t as target.

    That is −log of the probability that softmax gives to class t; nothing overflows on the way.

    Raises:
        TypeError: if a sample's logits are no list of numbers, or a target is no whole number.
        ValueError: for one that is not the number of a class, counted from 0; if there are no
            samples, or not as many as targets.
    """
    if is_tensor(logits):
        return nonempty(engine.softmax_cross_entropy(logits, targets)).mean()
    return mean([of_class(z, t) for z, t in paired(logits, targets, rows=True)])


def of_class(z: Any, t: Any) -> Any:
    """The cross-entropy of one sample."""
    known = classes(len(z))
    if isinstance(t, Value) and known.are_recorded(t):
        from engine.program.classes import class_cross_entropy

        known.check(t._data)
        return class_cross_entropy(z, t)
    if not hasattr(t, "__index__"):
        raise TypeError(f"a target of the cross-entropy is the number of a class, not {t!r}")
    known.check(t.__index__())
    return engine.cross_entropy(z, t.__index__())


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """The mean of −t·log σ(z) − (1 − t)·log(1 − σ(z)) over logits z and targets t.

    A target is the probability of class 1: 0, 1 or between. Nothing overflows on the way.

    Raises:
        TypeError: if a logit or a target is no number, or they are no lists.
        ValueError: for a target outside; if there are none, or not as many logits as targets.
    """
    require(PROBABILITIES, targets)
    return average(engine.binary_cross_entropy, logits, targets)


def huber(predictions: Any, targets: Any, delta: float = 1.0) -> Any:
    """The mean of ½e² for errors e = p − t of at most δ, and δ·(|e| − ½δ) beyond.

    Raises:
        TypeError, ValueError: as `mean_squared_error`; if δ is not greater than 0.

    Source: P. Huber, *Robust estimation of a location parameter*, 1964; PyTorch's ``HuberLoss``.
    """
    delta = real(delta, "huber()")
    if not delta > 0:
        raise ValueError(f"delta must be greater than 0, not {delta!r}")

    def loss(p: Any, t: Any) -> Any:
        e = p - t
        near = engine.clip(e, -delta, delta)
        return 0.5 * near**2 + delta * (abs(e) - abs(near))

    return average(loss, predictions, targets)


def negative_log_likelihood(log_probabilities: Any, targets: Any) -> Any:
    """The mean of −log pₜ over samples with log-probabilities log p and the class t as target.

    `cross_entropy` is this of the logits' log-softmax, and does not need it.

    Raises:
        TypeError, ValueError: as `cross_entropy`.
    """
    if is_tensor(log_probabilities):
        from engine.tensor.functions import pick_rows

        return -nonempty(pick_rows(log_probabilities, targets)).mean()
    picked = []
    for row, t in paired(log_probabilities, targets, rows=True):
        if not hasattr(t, "__index__"):
            raise TypeError(f"a target is the number of a class, not {t!r}")
        classes(len(row)).check(t.__index__())
        picked.append(row[t.__index__()])
    return -mean(picked)


def sum_of_absolutes(parameters: Iterable[Any]) -> Any:
    """Σ |w| over all parameters: what an L1 penalty multiplies.

    Raises:
        TypeError: if they are no list of parameters.
        ValueError: if there are none.
    """
    ps = summands(parameters)
    if is_tensor(ps[0]):
        total = abs(ps[0]).sum()
        for p in ps[1:]:
            total = total + abs(p).sum()
        return total
    return engine.sum([abs(p) for p in ps])


def summands(parameters: Iterable[Any]) -> list[Any]:
    """The parameters that a penalty sums over, of which there must be one."""
    if ps := joined(samples("parameters", parameters)):
        return ps
    raise ValueError("there are no parameters to sum over")


def sum_of_squares(parameters: Iterable[Any]) -> Any:
    """Σ w² over all parameters: what an L2 penalty multiplies.

    Raises:
        TypeError: if they are no list of parameters.
        ValueError: if there are none.
    """
    ps = summands(parameters)
    if is_tensor(ps[0]):
        return engine.sum_of_squares(ps)
    return engine.dot(ps, ps)


def average(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> Any:
    """The mean of a loss over samples, one by one or all at once."""
    if not is_tensor(outputs):
        return mean([loss(output, t) for output, t in paired(outputs, targets)])
    shape = getattr(targets, "shape", None) or (len(samples("targets", targets)),)
    if outputs.shape != tuple(shape):
        raise ValueError(f"the outputs have shape {outputs.shape}, but the targets {tuple(shape)}")
    return nonempty(loss(outputs, targets)).mean()


def nonempty(losses: Any) -> Any:
    """The losses of the samples, of which there must be one."""
    if not losses.size:
        raise ValueError("a loss is a mean over samples, and there are none")
    return losses


SIGNS = Targets(-1.0, 1.0, 2.0, "a target of the hinge loss is −1 or 1, not {}")
PROBABILITIES = Targets(
    0.0, 1.0, 0.0, "a target of the binary cross-entropy is between 0 and 1, not {}"
)


def require(admitted: Targets, targets: Any) -> None:
    """Check all targets; those that a recording only stands for are checked when it runs."""
    if is_tensor(targets) or getattr(targets, "ndim", 0) > 0:
        admitted.require(targets)
        return
    for i, t in enumerate(samples("targets", targets)):
        if not is_scalar(t):
            raise TypeError(f"target {i} must be a number, not {t!r:.60}")
        admitted.require(t)


def paired(
    outputs: Iterable[Any], targets: Iterable[Any], rows: bool = False
) -> list[tuple[Any, Any]]:
    """Each sample's output, a number or a row of them, with its target."""
    outputs, targets = samples("outputs", outputs), samples("targets", targets)
    if len(outputs) != len(targets):
        raise ValueError(f"there are {len(outputs)} outputs, but {len(targets)} targets")
    if not outputs:
        raise ValueError("a loss is a mean over samples, and there are none")
    for i, (output, target) in enumerate(zip(outputs, targets, strict=True)):
        if rows:
            if not is_row(output):
                raise TypeError(f"output {i} must be a list of numbers, not {output!r:.60}")
            continue
        for what, x in (("output", output), ("target", target)):
            if not is_scalar(x):
                raise TypeError(f"{what} {i} must be a number, not {x!r:.60}")
    return list(zip(outputs, targets, strict=True))


def samples(what: str, xs: Iterable[Any]) -> list[Any]:
    """What there is for each sample, as a list."""
    if isinstance(xs, str) or is_scalar(xs) or not hasattr(xs, "__iter__"):
        raise TypeError(f"the {what} are a list with one item for each sample, not {xs!r:.60}")
    return list(xs)


def is_row(x: Any) -> bool:
    """Whether it is a sequence of numbers."""
    return hasattr(x, "__len__") and not isinstance(x, str) and all(map(is_scalar, x))


def is_scalar(x: Any) -> bool:
    """Whether it is one number: a node or a plain one."""
    return isinstance(x, Number) or is_number(x)
