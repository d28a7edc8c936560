"""Dual numbers: forward-mode differentiation through the same rows.

A dual number is a value together with its derivative in one direction. Every row of the table
carries both: y = f(x), and ẏ = Σᵢ ∂f/∂xᵢ · ẋᵢ.

Source: A. Griewank and A. Walther, *Evaluating Derivatives*, 2nd ed., SIAM 2008, chapter 3.
"""

from __future__ import annotations

from .complexes import COMPLEXES, Complex
from .numbers import GENERIC, Number, apply, give_comparisons, product, rank
from .reals import on_floats
from .rule import NOTHING, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Dual(Number):
    """``primal + tangent·ε`` with ε² = 0.

    Args:
        primal: the value, of any kind of number.
        tangent: its derivative in the direction that is followed.
        level: which of several nested differentiations it belongs to, the innermost the highest.
            Numbers of a lower level are constants to it.
    """

    __slots__ = ("primal", "tangent", "_rank")

    def __init__(self, primal: Any, tangent: Any, level: int = 1) -> None:
        self.primal, self.tangent, self._rank = primal, tangent, 1 + level

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        top = max(x._rank for x in args if isinstance(x, Dual))
        mine = [isinstance(x, Dual) and x._rank == top for x in args]
        primals = [x.primal if own else x for x, own in zip(args, mine, strict=True)]
        y = apply(row, primals, params)
        tangent: Any = NOTHING
        for x, own, partial in zip(args, mine, partials(row, y, primals, params), strict=True):
            if own:
                tangent = tangent + product(partial, x.tangent)
        return cls(y, tangent, top - 1)

    def _constant(self, x: Any) -> Dual:
        return Dual(x, NOTHING, self._rank - 1)

    def __repr__(self) -> str:
        return f"Dual({self.primal!r}, {self.tangent!r})"


def primal(x: Any) -> Any:
    """The value of a dual number; any other number itself."""
    return x.primal if isinstance(x, Dual) else x


give_comparisons(Dual, lambda compare: lambda x, y: bool(compare(primal(x), primal(y))))


def partials(row: Rule, y: Any, args: Sequence[Any], params: Sequence[Any]) -> list[Any]:
    """The row's local derivatives in the mathematics that its arguments belong to."""
    top = max(args, key=rank, default=0.0)
    if isinstance(top, Number):
        args = [x if isinstance(x, Number) else top._constant(x) for x in args]
        return row.differentiate(GENERIC, y, args, params)
    if any(isinstance(x, complex) for x in args):
        slopes = row.differentiate(COMPLEXES, Complex(y), [Complex(x) for x in args], params)
        return [d if d is NOTHING else Complex(d) for d in slopes]
    return list(on_floats(row, args, params)[1])
