"""Formulas of arrays: what the table's rows and pullbacks compute, as one writes it on a board.

A pullback of the table is a function of a mathematics; computed on `ArraySymbol`s it writes itself
down: ``δ·Wᵀ`` for a factor of a matrix product, ``δ ⊙ (1 − h ⊙ h)`` for tanh, ``Σ₀ δ`` for what was
repeated along axis 0. Nothing about derivatives is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import and_
from typing import Any

import numpy as np

from engine import TABLE, Symbol, Tensor
from engine.broadcasting import Broadcasting, is_choice
from engine.numbers import apply, give_comparisons
from engine.rule import ATOM, CHOICE, POWER, PRODUCT, SIGN, ArrayRule, Rule
from engine.symbol import BOTH, COMPARED, EQUAL, WHERE, Form, SymbolMathematics
from engine.tensor.arrays import ARRAYS

from .names import LOWERED

NUMBERS = ARRAYS[np.dtype(float)]  # the mathematics that says what shape a result has

# fmt: off
ENTRYWISE = {
    "mul": Form("mul", "*", "%s ⊙ %s", r"%s \odot %s", PRODUCT),
    "div": Form("div", "/", "%s ⊘ %s", r"%s \oslash %s", PRODUCT),
}
MATMUL = Form("matmul", "@", "%s·%s", r"%s \, %s", PRODUCT)
TRANSPOSED = Form("transpose", "", "%sᵀ", r"%s^{\top}", POWER)
REPEATED = Form("broadcast_to", "", "%s·𝟏", r"%s \, \mathbf{1}", PRODUCT)
CHOSEN = Form("select", "", "%s ⊙ %s", r"%s \odot %s", PRODUCT)
SCALED = Form("select", "", "%s·%s", r"%s \cdot %s", PRODUCT)
BRACKET = Form("bracket", "", "[%s]", r"\left[%s\right]", ATOM)
WITH_ONES = Form("with_ones", "", "[%s 𝟏]", r"\begin{bmatrix} %s & \mathbf{1} \end{bmatrix}", ATOM)
INDEXED = Form("index", "", "%s[%s]", r"%s_{[%s]}", POWER)
PLACED = Form("scatter", "", "%s → [%s]", r"%s \to \left[%s\right]", PRODUCT)
SQUARES = Form("sum_of_squares", "", "‖%s‖²", r"\lVert %s \rVert^{2}", ATOM)
SOFTMAX = Form("softmax", "", "softmax(%s)", r"\operatorname{softmax}\left(%s\right)", ATOM)
NOT = Form("not", "", "not (%s)", r"\neg \left(%s\right)", ATOM)
UNEQUAL = Form("unequal", "!=", "%s ≠ %s", r"%s \ne %s", CHOICE)
# fmt: on
OPPOSITE: dict[Any, Form] = {
    COMPARED["lt"]: COMPARED["ge"],
    COMPARED["le"]: COMPARED["gt"],
    COMPARED["gt"]: COMPARED["le"],
    COMPARED["ge"]: COMPARED["lt"],
    EQUAL: UNEQUAL,
}

WORDS = {
    "log_softmax_rows": "log softmax",
    "cross_entropy_rows": "cross-entropy",
    "logsumexp_over": "log Σ exp",
    "max_over": "max",
    "one_hot": "onehot",
    "pick_rows": "pick",
}
SHOWN = {"one_hot": 1, "max_over": 1, "logsumexp_over": 1, "count": 1}  # of their arguments


class ArraySymbol(Symbol):
    """A variable that stands for an array, or what operations make of such variables.

    Attributes:
        like: an array of the same shape and type, whatever its entries.
    """

    __slots__ = ("like",)

    def __init__(self, name: str = "", head: Any = None, args: Any = (), like: Any = 0.0) -> None:
        super().__init__(name, head, args)
        self.like = np.asarray(like)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> ArraySymbol:
        like = alike(lambda *xs: row.evaluate(NUMBERS, xs, params), args)
        several = sum(isinstance(x, ArraySymbol) and x.like.ndim > 0 for x in args) > 1
        head: Any = ENTRYWISE.get(row.name, row) if several else row
        if row.variadic:
            head = Form(row.name, "", "", "", ATOM)
        return cls(head=head, args=(*args, *params), like=like)

    def __and__(self, other: Any) -> Any:
        both = ArraySymbol(head=BOTH, args=(self, other), like=alike(and_, (self, other)))
        return both if isinstance(other, Symbol) else self if other else False

    __rand__ = __and__


give_comparisons(
    ArraySymbol,
    lambda f: (
        lambda x, y: ArraySymbol(head=COMPARED[f.__name__], args=(x, y), like=alike(f, (x, y)))
    ),
)


def alike(f: Callable[..., Any], args: Sequence[Any]) -> Any:
    """What a function makes of arrays that are like the arguments."""
    with np.errstate(all="ignore"):
        return f(*(x.like if isinstance(x, ArraySymbol) else x for x in args))


def compared(f: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison of formulas."""
    return lambda x, y: ArraySymbol(head=COMPARED[f.__name__], args=(x, y), like=alike(f, (x, y)))


give_comparisons(ArraySymbol, compared)


class ArrayFormulas(Broadcasting, SymbolMathematics):
    """The mathematics that writes down what it is to compute."""

    numbers = "formulas of arrays"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in TABLE:
            return lambda *args: apply(TABLE[name], args)
        return lambda *args: self.called(name, args)

    def called(self, name: str, args: Sequence[Any]) -> ArraySymbol:
        """A function's call; what says nothing on a board, such as a type, is left out."""
        like = alike(getattr(NUMBERS, name), args)
        shown = [x for x in args if isinstance(x, ArraySymbol)][: SHOWN.get(name)]
        word = WORDS.get(name, name.replace("_", " "))
        commas = ", ".join(["%s"] * len(shown))
        form = Form(
            name, "", f"{word}({commas})", rf"\operatorname{{{word}}}\left({commas}\right)", ATOM
        )
        return ArraySymbol(head=form, args=shown, like=like)

    def made(self, form: Form, name: str, args: Sequence[Any], *shown: Any) -> ArraySymbol:
        """The form of a function's call: of its first argument and of what else is shown."""
        like = alike(getattr(NUMBERS, name), args)
        return ArraySymbol(head=form, args=(args[0], *shown), like=like)

    def same(self, x: ArraySymbol, like: Any) -> ArraySymbol:
        """The formula of an array, for one whose axes of length 1 are others."""
        return ArraySymbol(x.name, x.head, x.args, like)

    # ------------------------------------------------------------ entries

    def exp(self, x: Any) -> Any:
        """Exponentials; those of logarithms of probabilities are probabilities."""
        if isinstance(x, ArraySymbol) and x.head and x.head.name == "log_softmax_rows":
            return ArraySymbol(head=SOFTMAX, args=x.args, like=x.like)
        return apply(TABLE["exp"], (x,))

    def times(self, partial: Any, g: Any) -> Any:
        """The gradient stands before the array that it is multiplied by, and after a number."""
        found = super().times(partial, g)
        swap = isinstance(partial, ArraySymbol) and partial.like.ndim and not is_choice(partial)
        return g * partial if swap else found

    def select(self, condition: Any, yes: Any, no: Any) -> ArraySymbol:
        """The one or the other; a gradient that passes only in places, with Iverson's brackets."""
        like = alike(NUMBERS.select, (condition, yes, no))
        for branch, other, bracket in ((yes, no, condition), (no, yes, denied(condition))):
            if not isinstance(other, Symbol) and other == 0:
                head = CHOSEN if isinstance(branch, Symbol) else SCALED
                where = Symbol(head=BRACKET, args=(bracket,))
                return ArraySymbol(head=head, args=(branch, where), like=like)
        return ArraySymbol(head=WHERE, args=(yes, condition, no), like=like)

    def equal(self, a: Any, b: Any) -> Any:
        """Where two arrays are equal."""
        if not isinstance(a, Symbol) and not isinstance(b, Symbol):
            return a == b
        return ArraySymbol(head=EQUAL, args=(a, b), like=alike(NUMBERS.equal, (a, b)))

    # ------------------------------------------------------------ shapes

    def shape(self, x: ArraySymbol) -> tuple[int, ...]:
        """The length of every axis."""
        return x.like.shape

    def dtype(self, x: ArraySymbol) -> np.dtype[Any]:
        """The type of the entries."""
        return x.like.dtype

    def astype(self, x: ArraySymbol, dtype: Any) -> ArraySymbol:
        """The array in another type."""
        return self.same(x, x.like.astype(dtype))

    def require(self, t: ArraySymbol, targets: Any) -> ArraySymbol:
        """The classes themselves."""
        return t

    def broadcast_to(self, x: ArraySymbol, shape: tuple[int, ...]) -> ArraySymbol:
        """An array repeated along axes."""
        if x.like.shape == shape:
            return x
        return self.made(REPEATED, "broadcast_to", (x, shape))

    def reshape(self, x: ArraySymbol, shape: tuple[int, ...]) -> ArraySymbol:
        """An array of another shape; axes of length 1 are none on a board."""
        long = [n for n in x.like.shape if n != 1]
        like = x.like.reshape(shape)
        if long == [n for n in like.shape if n != 1]:
            return self.same(x, like)
        return self.called("reshape", (x, shape))

    def transpose(self, x: ArraySymbol, axes: tuple[int, ...]) -> ArraySymbol:
        """The axes in another order."""
        swapped = (*range(x.like.ndim - 2), x.like.ndim - 1, x.like.ndim - 2)
        return (
            self.swap(x)
            if x.like.ndim > 1 and axes == swapped
            else self.called("transpose", (x, axes))
        )

    def swap(self, x: ArraySymbol) -> ArraySymbol:
        """The last two axes exchanged."""
        like = alike(NUMBERS.swap, (x,))
        if x.head is TRANSPOSED:
            return self.same(x.args[0], like)
        return ArraySymbol(head=TRANSPOSED, args=(x,), like=like)

    def index(self, x: ArraySymbol, key: Any) -> ArraySymbol:
        """Entries of an array."""
        return self.made(INDEXED, "index", (x, key), key_symbol(key))

    def scatter(self, x: ArraySymbol, key: Any, shape: tuple[int, ...]) -> ArraySymbol:
        """Entries put where they came from, among zeros."""
        return self.made(PLACED, "scatter", (x, key, shape), key_symbol(key))

    def gather(self, xs: Sequence[Any], key: Any) -> ArraySymbol:
        """Entries of an array at recorded places."""
        like = NUMBERS.gather([x.like for x in xs], key)
        return ArraySymbol(head=INDEXED, args=(xs[0], listed(xs[1:])), like=like)

    def scatter_at(self, xs: Sequence[Any], key: Any, shape: tuple[int, ...]) -> ArraySymbol:
        """Entries added where they came from, among zeros."""
        like = NUMBERS.scatter_at([x.like for x in xs], key, shape)
        return ArraySymbol(head=PLACED, args=(xs[0], listed(xs[1:])), like=like)

    def concatenate(self, xs: Sequence[Any], axis: int) -> ArraySymbol:
        """Arrays joined along an axis."""
        like = NUMBERS.concatenate([x.like for x in xs], axis)
        commas = ", ".join(["%s"] * len(xs))
        form = Form("concatenate", "", f"[{commas}]", rf"\left[{commas}\right]", ATOM)
        return ArraySymbol(head=form, args=xs, like=like)

    # ------------------------------------------------------------ sums and products

    def sum_over(self, x: ArraySymbol, axes: tuple[int, ...], keepdims: bool) -> ArraySymbol:
        """A sum over axes; which, where it is not over all."""
        like = NUMBERS.sum_over(x.like, axes, keepdims)
        if all(x.like.shape[axis] == 1 for axis in axes):
            return self.same(x, like)
        over = "" if len(axes) == x.like.ndim else ",".join(map(str, axes))
        below = f"_{{{over}}}" if over else ""
        form = Form("sum_over", "", f"Σ{over.translate(LOWERED)} %s", rf"\sum{below} %s", SIGN)
        return ArraySymbol(head=form, args=(x,), like=like)

    def matmul(self, a: ArraySymbol, b: ArraySymbol) -> ArraySymbol:
        """A product of matrices."""
        return self.made(MATMUL, "matmul", (a, b), b)

    def with_ones(self, x: ArraySymbol) -> ArraySymbol:
        """A matrix with a column of ones."""
        return self.made(WITH_ONES, "with_ones", (x,))

    def linear(self, x: ArraySymbol, p: ArraySymbol) -> ArraySymbol:
        """A layer: the samples, with a one each, times its weights and biases."""
        return self.matmul(self.with_ones(x), self.swap(p))

    def sum_of_squares(self, xs: Sequence[Any]) -> ArraySymbol:
        """The sum of all squares."""
        like = NUMBERS.sum_of_squares([x.like for x in xs])
        squares = [ArraySymbol(head=SQUARES, args=(x,), like=like) for x in xs]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        return total


def denied(condition: Any) -> Symbol:
    """The opposite of a condition."""
    if isinstance(condition, Symbol) and condition.head in OPPOSITE:
        return Symbol(head=OPPOSITE[condition.head], args=condition.args)
    return Symbol(head=NOT, args=(condition,))


def key_symbol(key: Any) -> Symbol:
    """An index as it is written between brackets."""
    parts = key if isinstance(key, tuple) else (key,)
    return Symbol(", ".join(map(place, parts)).replace("-", "−"))


def place(part: Any) -> str:
    """One part of an index."""
    if part is Ellipsis:
        return "…"
    if part is None:
        return "new"
    if isinstance(part, slice):
        ends = ["" if x is None else str(x) for x in (part.start, part.stop)]
        return ":".join(ends) + ("" if part.step is None else f":{part.step}")
    return str(part) if np.ndim(part) == 0 else "i"


def listed(xs: Sequence[Any]) -> Symbol:
    """Recorded indices as they are written between brackets."""
    form = ", ".join(["%s"] * len(xs))
    return Symbol(head=Form("indices", "", form, form, ATOM), args=xs)


FORMULAS = ArrayFormulas()


def symbol(x: Tensor, name: str) -> ArraySymbol:
    """A Tensor by its name."""
    return ArraySymbol(name, like=np.broadcast_to(np.zeros((), x.dtype), x.shape))


def array_formula(node: Tensor, args: Sequence[ArraySymbol]) -> ArraySymbol:
    """How a node is computed, of its arguments' symbols."""
    row = node.rule
    if not isinstance(row, ArrayRule):
        return ArraySymbol._apply(row, args, node.params)
    found: ArraySymbol = row.value(FORMULAS, *((args,) if row.variadic else args), *node.params)
    return found


def pullbacks(
    node: Tensor, upstream: Any, result: Any, names: Sequence[Any], wanted: Sequence[bool]
) -> list[Any]:
    """The gradients that a node sends its arguments, as written by the table; None for none.

    Args:
        node: the node.
        upstream: the symbol of its gradient.
        result: its own symbol.
        names: the symbols of its arguments.
        wanted: which of them a gradient is computed for.
    """
    found: list[Any] = node.rule.pull(FORMULAS, upstream, result, names, node.params, wanted)
    return found
