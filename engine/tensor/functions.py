"""Functions of Tensors that are no methods: joining, choosing, layers and losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..numbers import Number, apply
from ..rule import ARRAY_TABLE, REQUIRED, TABLE
from ..targets import classes as known
from .arrays import FLOATS
from .operations import axes_of, multiply_matrices
from .tensor import Tensor, compare, condition, constant, make, operand


def tensors(what: str, xs: Any) -> tuple[Tensor, ...]:
    """All as Tensors, of which there must be one."""
    if isinstance(xs, (str, Number)) or not hasattr(xs, "__iter__"):
        raise TypeError(f"{what} takes a list of Tensors, not {type(xs).__name__}")
    xs = list(xs)
    like = next((x for x in xs if isinstance(x, Tensor)), None)
    if not xs:
        raise ValueError(f"{what} takes at least one Tensor")
    return tuple(operand(x, like) if like is not None else Tensor(x, role="constant") for x in xs)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors joined along an axis that they have; all other axes are of one length.

    Raises:
        TypeError: if they are no list.
        ValueError: if there are none, or their shapes do not fit, naming both.
    """
    parts = tensors("concatenate()", xs)
    first = parts[0]
    (axis,) = axes_of(first, (axis,))
    for x in parts:
        if x.ndim != first.ndim or any(
            n != k for i, (n, k) in enumerate(zip(x.shape, first.shape, strict=True)) if i != axis
        ):
            raise ValueError(
                f"concatenate: shapes {first.shape} and {x.shape} differ beside axis {axis}"
            )
    return make(ARRAY_TABLE["concatenate"], parts, (axis,))


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis.

    Raises:
        TypeError: if they are no list.
        ValueError: if there are none, or their shapes differ, naming both.
    """
    parts = tensors("stack()", xs)
    shape = parts[0].shape
    for x in parts:
        if x.shape != shape:
            raise ValueError(f"stack: shapes {shape} and {x.shape} differ")
    if not -len(shape) - 1 <= axis <= len(shape):
        raise ValueError(f"stack: there is no place {axis} for a new axis beside shape {shape}")
    axis %= len(shape) + 1
    longer = (*shape[:axis], 1, *shape[axis:])
    return concatenate([x.reshape(longer) for x in parts], axis)


def where(holds: Any, yes: Any, no: Any) -> Tensor:
    """The one or the other, entry by entry; the branch not taken gets the gradient 0.

    Both branches are computed for all entries, and the backward pass goes on from that 0 as from
    any other gradient: where the branch that was not taken has an infinite or undefined
    derivative, 0 times it is nan, as in PyTorch. So ``where(x > 0, sqrt(x), x)`` has gradient nan
    at −1. Keep such arguments out of the branch: ``where(x > 0, sqrt(where(x > 0, x, 1.0)), x)``;
    or write the choice as a `rule`, whose branches pass nothing back where they are not taken.

    Args:
        holds: truth values, such as ``x > 0``.
        yes, no: Tensors, arrays or numbers; the three shapes broadcast.
    """
    like = next((x for x in (yes, no) if isinstance(x, Tensor)), None)
    if like is None:
        like = Tensor(yes, role="constant")
    return make(ARRAY_TABLE["select"], (condition(holds), operand(yes, like), operand(no, like)))


def linear(x: Any, weight: Any, bias: Any = None, activation: str = "") -> Tensor:
    """A layer for a batch: φ(x·Wᵀ + b).

    Args:
        x: the inputs, shape (…, n_in).
        weight: W, shape (n_out, n_in).
        bias: b, shape (n_out,); 0 if there is none.
        activation: φ, the name of a row of the table with one argument; none if empty.

    Returns:
        Shape (…, n_out).

    Raises:
        ValueError: if the shapes do not fit, naming them, or there is no such activation.
    """
    given = [t for t in (weight, x, bias) if isinstance(t, Tensor)]
    like = given[0] if given else Tensor(weight)
    x, weight = operand(x, like), operand(weight, like)
    if weight.ndim != 2 or not x.ndim or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: inputs of shape {x.shape} and a weight of shape {weight.shape} do not go "
            "together: they are (…, n_in) and (n_out, n_in)"
        )
    if activation and not is_activation(activation):
        names = ", ".join(row.name for row in TABLE if is_activation(row.name))
        raise ValueError(f"no activation is called {activation!r}; there are {names}")
    bias = operand(np.zeros(weight.shape[0]) if bias is None else bias, like)
    if bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: a weight of shape {weight.shape} has a bias of shape "
            f"{weight.shape[:1]}, not {bias.shape}"
        )
    return layer(x, concatenate([weight, bias.reshape(-1, 1)], 1), activation)


def is_activation(name: str) -> bool:
    """Whether a row of the table is a function of one number that needs no parameter."""
    return (
        name in TABLE
        and TABLE[name].arity == 1
        and not TABLE[name].variadic
        and REQUIRED not in TABLE[name].params.values()
    )


def layer(x: Tensor, p: Tensor, activation: str = "") -> Tensor:
    """A layer with its weights and biases side by side, p = [W b], as one node."""
    rows = x.reshape(prod(x.shape[:-1]), x.shape[-1]) if x.ndim != 2 else x
    y = make(ARRAY_TABLE["linear"], (rows, p))
    if activation:
        row = TABLE[activation]
        y = apply(row, (y,), tuple(row.params.values()))
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], p.shape[0])


def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product over the last two axes; an operand of one axis is a row or a column.

    Shapes (…, n, k) and (…, k, m) give (…, n, m); the axes before them broadcast.
    """
    like = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else Tensor(b)
    return multiply_matrices(like, a, b)  # type: ignore[no-any-return]


def sum_of_squares(xs: Sequence[Any]) -> Tensor:
    """The sum of the squares of all entries of several Tensors, as one node."""
    return make(ARRAY_TABLE["sum_of_squares"], tensors("sum_of_squares()", xs))


def softmax_cross_entropy(logits: Any, classes: Any) -> Tensor:
    """−log of the probability that the softmax of each row of logits gives to its class.

    Args:
        logits: shape (…, k).
        classes: shape (…): whole numbers from 0 to k − 1.

    Returns:
        Shape (…), one loss for each row.
    """
    return make(ARRAY_TABLE["cross_entropy_rows"], with_classes(logits, classes))


def pick_rows(x: Any, classes: Any) -> Tensor:
    """From each row the entry with the number of its class.

    Args:
        x: shape (…, k).
        classes: shape (…): whole numbers from 0 to k − 1.

    Returns:
        Shape (…).
    """
    return make(ARRAY_TABLE["pick_rows"], with_classes(x, classes))


def with_classes(logits: Any, classes: Any) -> tuple[Tensor, Tensor]:
    """Rows and the classes that go with them, which are checked, in every run of a program too."""
    logits = logits if isinstance(logits, Tensor) else Tensor(logits)
    targets = classes._data if isinstance(classes, Tensor) else np.array(classes)
    whole = targets.dtype in FLOATS and (targets == np.floor(targets)).all()
    if whole:
        if isinstance(classes, Tensor):
            targets = classes._read("taking real numbers as classes (give whole numbers)")
        if logits.ndim:
            with np.errstate(invalid="ignore"):  # of an infinite one
                known(logits.shape[-1]).check(targets)
        targets = targets.astype(np.int64)
    if targets.dtype.kind not in "iu":
        raise TypeError(f"classes are whole numbers, not {targets.dtype}")
    if targets.shape != logits.shape[:-1] or not logits.ndim:
        raise ValueError(
            f"logits of shape {logits.shape} go with classes of shape {logits.shape[:-1]}, "
            f"not {targets.shape}"
        )
    kept = classes if isinstance(classes, Tensor) and not whole else constant(targets)
    known(logits.shape[-1]).require(kept)
    return logits, kept


# ---------------------------------------------------------------- in a sequence's place


def over_sequence(x: Tensor, name: str, *rest: Any) -> Tensor:
    """What a row over a sequence is if it is given one Tensor in the sequence's place."""
    if name == "cross_entropy":
        return softmax_cross_entropy(x, *rest)
    if name == "affine":
        xs, b = rest
        return x.dot(xs) + b  # type: ignore[no-any-return]
    result: Tensor = getattr(x, name)(*rest)
    return result


Tensor._over = over_sequence

# ---------------------------------------------------------------- NumPy's own functions

COMPARISONS = {"less", "less_equal", "greater", "greater_equal"}
UFUNCS = {"subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
          "negative": "neg", "absolute": "abs", "arcsin": "asin", "arccos": "acos",
          "arctan": "atan", "maximum": "max", "minimum": "min", "fabs": "abs"}  # fmt: skip
COMPOSED: dict[str, Any] = {  # NumPy's functions of one or two operations
    "square": lambda x: x * x, "reciprocal": lambda x: 1 / x, "positive": lambda x: x,
    "exp2": lambda x: 2.0**x,
}  # fmt: skip
NODES: dict[str, Callable[..., Any]] = {
    "concatenate": concatenate, "stack": stack, "where": where, "reshape": Tensor.reshape,
    "transpose": Tensor.transpose, "sum": Tensor.sum, "mean": Tensor.mean,
    "max": Tensor.max, "amax": Tensor.max, "min": Tensor.min, "amin": Tensor.min,
}  # fmt: skip
READERS = {"shape", "ndim", "size", "allclose", "isclose", "array_equal"}  # no derivative is missed


def numpy_function(function: Any) -> Callable[..., Any]:
    """What a function of NumPy's, such as ``np.sum``, does with Tensors.

    Raises:
        TypeError: for one that would make plain arrays of them and so cut the graph unnoticed.
    """
    name = function.__name__
    if name in NODES:
        return NODES[name]
    if name in READERS:
        return lambda *args, **named: function(*map(untracked, args), **named)
    raise TypeError(
        f"numpy.{name} would cut the graph of a Tensor: compute with {', '.join(sorted(NODES))} "
        "or engine's functions, or take .data where the numbers are meant to be constants"
    )


def untracked(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._read("reading its numbers") if isinstance(x, Tensor) else x


def on_function(x: Tensor, function: Any, types: Any, args: Any, named: Any) -> Any:
    """NumPy's protocol for functions such as ``np.concatenate``."""
    return numpy_function(function)(*args, **named)


def on_ufunc(x: Tensor, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
    """NumPy's protocol for functions entry by entry, such as ``np.tanh``."""
    name = UFUNCS.get(ufunc.__name__, ufunc.__name__)
    if method != "__call__" or options:
        return NotImplemented
    if name in COMPARISONS:
        return compare(name, *args)
    if name == "matmul":
        return matmul(*args)
    if name == "power":
        base, exponent = args
        return base**exponent if isinstance(base, Tensor) else apply(TABLE["pow"], args)
    if name in COMPOSED:
        return COMPOSED[name](*args)
    if name not in TABLE or TABLE[name].variadic:
        raise TypeError(
            f"numpy.{ufunc.__name__} has no derivative here: compute with engine's functions, "
            "or take .data where the numbers are meant to be constants"
        )
    return apply(TABLE[name], args)


Tensor.__array_function__ = on_function
Tensor.__array_ufunc__ = on_ufunc
