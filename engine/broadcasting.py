"""What gradients of arrays need besides the rows: shapes, and partials that are chosen between.

It is shared by all that computes with arrays or with what stands for them: NumPy's own
(`engine.tensor.arrays`), graphs of Tensors, and the operations of a program.
"""

from __future__ import annotations

from operator import add, mul, neg, sub, truediv

from .numbers import Mathematics
from .rule import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def either(operation: Any) -> Callable[..., Selected]:
    """The operation on both branches of a choice."""

    def method(self: Selected, *others: Any) -> Selected:
        yes, no = operation(self.yes, *others), operation(self.no, *others)
        return Selected(self.condition, yes, no)

    return method


class Selected:
    """A partial that is one of two, entry by entry, where one of them passes nothing back.

    A row may go on computing with it, as with any other part of a partial.
    """

    __slots__ = ("condition", "yes", "no")
    __array_ufunc__ = None  # an array leaves an operation with it to it

    def __init__(self, condition: Any, yes: Any, no: Any) -> None:
        self.condition, self.yes, self.no = condition, yes, no

    __neg__, __add__, __sub__, __mul__, __truediv__ = map(either, (neg, add, sub, mul, truediv))
    __radd__, __rmul__, __rsub__ = __add__, __mul__, either(lambda x, other: other - x)


def is_choice(x: object) -> bool:
    """Whether it is no array yet: nothing, or something chosen between."""
    return x is NOTHING or isinstance(x, Selected)


class Broadcasting(Mathematics):
    """What a mathematics of arrays, or of what stands for them, knows of gradients and shapes."""

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other, entry by entry."""
        if isinstance(condition, bool):
            return yes if condition else no
        if is_choice(yes) or is_choice(no):
            return Selected(condition, yes, no)
        return self.select(condition, yes, no)

    def send(self, partial: Any, g: Any, x: Any) -> Any:
        """What passes back to an argument x of a row: partial × gradient, in x's shape."""
        return self.unbroadcast(self.times(partial, g), self.shape(x))

    def times(self, partial: Any, g: Any) -> Any:
        """Partial × gradient; where a branch was not taken, 0 and not 0·inf = nan."""
        if partial is NOTHING:
            return 0.0
        if isinstance(partial, Selected):
            condition = partial.condition
            yes = self.times(partial.yes, self.within(condition, True, g))
            no = self.times(partial.no, self.within(condition, False, g))
            return self.select(condition, yes, no)
        if not hasattr(partial, "shape") and partial == 1:
            return g
        return partial * g

    def within(self, condition: Any, taken: bool, g: Any) -> Any:
        """A gradient as it is in the branch taken where the condition holds, or where it fails."""
        return g

    def unbroadcast(self, g: Any, shape: tuple[int, ...]) -> Any:
        """The gradient summed over the axes along which an array of that shape was repeated."""
        given = self.shape(g)
        if given == shape:
            return g
        extra = len(given) - len(shape)
        axes = tuple(
            i for i, n in enumerate(given) if i < extra or (shape[i - extra] == 1 and n != 1)
        )
        return self.reshape(self.sum_over(g, axes, True), shape)


class Composed(Broadcasting):
    """Rows for whole arrays, composed of others: what computes them without knowing these."""

    def finite(self, x: Any) -> Any:
        """x, with 0 in the place of inf and nan."""
        return self.where(self.equal(x - x, 0.0), x, 0.0)

    def below(self, xs: Sequence[Any], top: Any) -> list[Any]:
        """xᵢ − top, entry by entry, where top is the largest."""
        return [self.where(self.equal(x, top), 0.0, x - top) for x in xs]

    def logsumexp_over(self, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
        """log Σ exp(x) over some axes, shifted by the largest so that nothing overflows."""
        shift = self.finite(self.max_over(x, axes, True))
        y = shift + self.log(self.sum_over(self.exp(x - shift), axes, True))
        if keepdims:
            return y
        return self.reshape(y, tuple(n for i, n in enumerate(self.shape(x)) if i not in axes))

    def log_softmax_rows(self, x: Any) -> Any:
        """log(exp(x) / Σ exp(x)) in every row; large numbers are shifted before they are lost."""
        last = (len(self.shape(x)) - 1,)
        (x,) = self.below([x], self.max_over(x, last, True))
        return x - self.log(self.sum_over(self.exp(x), last, True))

    def cross_entropy_rows(self, x: Any, t: Any) -> Any:
        """−log of the probability that the softmax of each row gives to its class."""
        return -self.pick_rows(self.log_softmax_rows(x), t)
