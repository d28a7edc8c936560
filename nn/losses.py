"""Loss functions: how wrong a model's outputs are, as one number to minimise.

Each takes the outputs for n samples and the n targets, and returns the mean over the samples. The
outputs may be nodes or plain numbers; targets are numbers.
"""

from __future__ import annotations

import engine
from engine import mean
from engine.maths import Number, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, SupportsIndex


def mean_squared_error(predictions: Iterable[Any], targets: Iterable[Any]) -> Any:
    """The mean of (p − t)² over predictions p and targets t.

    Raises:
        TypeError: if a prediction or a target is no number, or they are no lists.
        ValueError: if there are none, or not as many predictions as targets.
    """
    return mean([(p - t) ** 2 for p, t in paired(predictions, targets)])


def hinge(scores: Iterable[Any], targets: Iterable[float]) -> Any:
    """The mean of max(0, 1 − t·s) over scores s and targets t, which are −1 or 1.

    Raises:
        TypeError: if a score or a target is no number, or they are no lists.
        ValueError: for another target; if there are none, or not as many scores as targets.
    """
    pairs = paired(scores, targets)
    for _, t in pairs:
        if t != 1 and t != -1:
            raise ValueError(f"a target of the hinge loss is −1 or 1, not {t!r}")
    return mean([engine.relu(1 - s if t == 1 else 1 + s) for s, t in pairs])


def cross_entropy(logits: Iterable[Sequence[Any]], targets: Iterable[SupportsIndex]) -> Any:
    """The mean of log Σⱼ exp(zⱼ) − zₜ over samples with logits z and the class t as target.

    That is −log of the probability that softmax gives to class t; nothing overflows on the way.

    Raises:
        TypeError: if a sample's logits are no list of numbers, or a target is no whole number.
        ValueError: for one that is not the number of a class, counted from 0; if there are no
            samples, or not as many as targets.
    """
    pairs = paired(logits, targets, rows=True)
    for z, t in pairs:
        if not hasattr(t, "__index__"):
            raise TypeError(f"a target of the cross-entropy is the number of a class, not {t!r}")
        if not 0 <= t.__index__() < len(z):
            raise ValueError(f"there is no class {t} among {len(z)} logits: the first is class 0")
    return mean([engine.cross_entropy(z, t.__index__()) for z, t in pairs])


def binary_cross_entropy(logits: Iterable[Any], targets: Iterable[float]) -> Any:
    """The mean of −t·log σ(z) − (1 − t)·log(1 − σ(z)) over logits z and targets t.

    A target is the probability of class 1: 0, 1 or between. Nothing overflows on the way.

    Raises:
        TypeError: if a logit or a target is no number, or they are no lists.
        ValueError: for a target outside; if there are none, or not as many logits as targets.
    """
    pairs = paired(logits, targets)
    for _, t in pairs:
        if not 0 <= t <= 1:
            raise ValueError(f"a target of the binary cross-entropy is between 0 and 1, not {t!r}")
    return mean([engine.binary_cross_entropy(z, t) for z, t in pairs])


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
