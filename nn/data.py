"""Samples in parts: for training and testing, and in batches."""

from __future__ import annotations

from math import ceil
from operator import index

from engine.tree import is_tensor

from .initialisers import randomness
from .scalar import MLP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .initialisers import Randomness
    from .module import Module


def train_test_split(
    inputs: Any,
    targets: Any,
    test_size: float = 0.25,
    rng: Randomness | int | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Two parts of the samples, drawn at random: inputs and then targets, as scikit-learn's.

    Args:
        inputs, targets: lists with an entry for each sample, or arrays with a row for each.
        test_size: the second part's share, between 0 and 1; or how many samples, a whole number.
        rng: what shuffles: a `random.Random`, a seed, or None for the module `random`.

    Returns:
        Inputs to train with, inputs to test with, targets to train with, targets to test with.

    Raises:
        ValueError: if there are not as many inputs as targets, or one part would be empty.
    """
    n = paired(inputs, targets)
    if isinstance(test_size, float):
        if not 0 < test_size < 1:
            raise ValueError(f"test_size is a share between 0 and 1 or a number, not {test_size}")
        held_out = ceil(test_size * n)
    else:
        held_out = index(test_size)
    if not 0 < held_out < n:
        raise ValueError(f"of {n} samples {held_out} cannot be held out: one part would be empty")
    order = list(range(n))
    randomness(rng).shuffle(order)
    test, train = order[:held_out], order[held_out:]
    return pick(inputs, train), pick(inputs, test), pick(targets, train), pick(targets, test)


def batches(
    inputs: Any, targets: Any, batch_size: int, rng: Randomness | int | None = None
) -> Iterator[tuple[Any, Any]]:
    """One epoch in batches of inputs and targets, in random order; the last may be smaller.

    Args:
        inputs, targets, rng: as in `train_test_split`; one generator shuffles otherwise each time.
        batch_size: how many samples a batch has.

    Raises:
        ValueError: if there are not as many inputs as targets, or a batch would be empty.
    """
    n = paired(inputs, targets)
    if batch_size < 1:
        raise ValueError(f"a batch has at least one sample, not {batch_size!r}")
    order = list(range(n))
    randomness(rng).shuffle(order)
    return in_parts(inputs, targets, order, batch_size)


def in_parts(inputs: Any, targets: Any, order: list[int], size: int) -> Iterator[tuple[Any, Any]]:
    """The samples in that order, so many at a time."""
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield pick(inputs, chosen), pick(targets, chosen)


def paired(inputs: Any, targets: Any) -> int:
    """How many samples there are: one or more, with as many targets."""
    n = len(targets)
    if len(inputs) != n or not n:
        raise ValueError(f"there are {len(inputs)} inputs and {n} targets: give some, one for one")
    return n


def samples(model: Module, what: str, data: Any) -> tuple[Any, Any]:
    """Inputs and targets as the model takes them: arrays, if it computes with arrays.

    Raises:
        TypeError: if they are no pair.
        ValueError: if there are not as many inputs as targets, or none.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise TypeError(f"{what} are inputs and targets, (inputs, targets), not {data!r:.60}")
    inputs, targets = data
    paired(inputs, targets)
    leaf = model.parameters()[0]
    if is_tensor(leaf):
        network = hasattr(model, "buffer")  # of which all inputs are numbers to compute with
        return as_array(inputs, leaf, network), as_array(targets, leaf, False)
    if isinstance(model, MLP):  # a recorded program is fastest on lists
        return tuple(x.tolist() if hasattr(x, "tolist") else x for x in data)
    return inputs, targets


def as_array(x: Any, leaf: Any, numbers: bool) -> Any:
    """An array in a parameter's precision; one of whole numbers or truths may stay as it is."""
    import numpy as np

    array = np.asarray(x.data if is_tensor(x) else x)
    kinds = "fbiu" if numbers else "f"
    return array.astype(leaf.data.dtype) if array.dtype.kind in kinds else array


def pick(xs: Any, chosen: list[int]) -> Any:
    """The chosen samples, of an array or a Tensor the rows."""
    return xs[chosen] if hasattr(xs, "ndim") else [xs[i] for i in chosen]
