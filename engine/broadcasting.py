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
    from collections.abc import Callable
    from typing import Any


class Selected:
    """A partial that is one of two, entry by entry, where one of them passes nothing back.

    A row may go on computing with it, as with any other part of a partial.
    """

    __slots__ = ("condition", "yes", "no")
    __array_ufunc__ = None  # an array leaves an operation with it to it

    def __init__(self, condition: Any, yes: Any, no: Any) -> None:
        self.condition, self.yes, self.no = condition, yes, no

    def each(self, operation: Callable[..., Any], *others: Any) -> Selected:
        """The operation on either branch."""
        yes, no = operation(self.yes, *others), operation(self.no, *others)
        return Selected(self.condition, yes, no)

    def __neg__(self) -> Selected:
        return self.each(neg)

    def __add__(self, other: Any) -> Selected:
        return self.each(add, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Selected:
        return self.each(sub, other)

    def __rsub__(self, other: Any) -> Selected:
        return (-self).each(add, other)

    def __mul__(self, other: Any) -> Selected:
        return self.each(mul, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Selected:
        return self.each(truediv, other)


def is_choice(x: object) -> bool:
    """Whether it is no array yet: nothing, or something chosen between."""
    return x is NOTHING or isinstance(x, Selected)


class Broadcasting(Mathematics):
    """What a mathematics of arrays, or of what stands for them, knows of gradients and shapes."""

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
