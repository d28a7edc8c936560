"""How good a classifier is: accuracy and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.numbers import Number


def predictions(outputs: Any) -> NDArray[np.int64]:
    """The classes that a model's outputs mean.

    Args:
        outputs: for n samples, either a row of scores each, shape (n, classes): the class is the
            one with the largest; or one score each, shape (n,): class 1 if it is above 0, else 0.
            Nodes, numbers, arrays or a Tensor.

    Raises:
        TypeError: if they are no numbers.
        ValueError: if they have another shape.
    """
    scores = plain("outputs", outputs)
    if scores.ndim == 2 and scores.shape[1] > 1:
        return np.asarray(scores.argmax(1), np.int64)
    if scores.ndim == 2:
        scores = scores[:, 0]
    if scores.ndim == 1:
        return (scores > 0).astype(np.int64)
    raise ValueError(f"outputs are of shape (n,) or (n, classes), not {scores.shape}")


def accuracy(outputs: Any, targets: Any) -> float:
    """The share of samples whose class is the target's.

    Args:
        outputs: as in `predictions`.
        targets: the n classes, counted from 0; with one score each also −1 and 1.

    Raises:
        TypeError, ValueError: as `predictions`; if there are none, or not as many as targets.
    """
    said, wanted = compared(outputs, targets)
    return float((said == wanted).mean())


def confusion_matrix(outputs: Any, targets: Any, classes: int | None = None) -> NDArray[np.int64]:
    """How often each class was taken for each: row by target, column by what was said.

    Args:
        outputs, targets: as in `accuracy`.
        classes: how many there are; by default as many as outputs or targets speak of.
    """
    said, wanted = compared(outputs, targets)
    found = int(max(said.max(), wanted.max())) + 1
    scores = np.shape(plain("outputs", outputs))
    count = max(found, scores[1] if len(scores) == 2 else 2) if classes is None else classes
    if found > count:
        raise ValueError(f"class {found - 1} is not among {count} classes")
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (wanted, said), 1)
    return table


def compared(outputs: Any, targets: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The classes said and wanted, one for one."""
    said, wanted = predictions(outputs), plain("targets", targets)
    if said.shape != wanted.shape:
        raise ValueError(f"there are {len(said)} outputs, but targets of shape {wanted.shape}")
    if not said.size:
        raise ValueError("there are no samples")
    if (wanted % 1 != 0).any():
        raise ValueError(f"a target is a whole number, not {wanted[wanted % 1 != 0][0]}")
    numbers = np.where(wanted == -1, 0, wanted).astype(np.int64)
    if numbers.min() < 0:
        raise ValueError(f"a target is the number of a class, not {numbers.min()}")
    return said, numbers


def plain(what: str, xs: Any) -> NDArray[np.float64]:
    """Nodes, numbers or a Tensor as an array of floats."""
    xs = getattr(xs, "data", xs) if isinstance(xs, Number) else xs

    def number(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return [number(part) for part in x]
        return x.data if isinstance(x, Number) else x

    try:
        array = np.array(number(xs), float)
    except (TypeError, ValueError):
        raise TypeError(f"{what} are numbers or rows of numbers, not {xs!r:.60}") from None
    return array
