"""The mathematics of complex numbers, as complex-step differentiation needs it.

The rows continued from the real line; kinks are decided by the real part. There is no erf.
"""

from __future__ import annotations

import cmath
import math

from .numbers import Mathematics, give_comparisons
from .reals import NAN, REALS, give_operators
from .rule import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Function = Callable[..., Any]


class Complex(complex):
    """A complex number whose operators never raise and whose order is that of the real parts."""

    __slots__ = ()


def comparison(operator: Callable[[float, float], bool]) -> Callable[[complex, Any], Any]:
    """The method that compares the real parts."""
    return lambda x, y: operator(x.real, y.real) if isinstance(y, NUMERIC) else NotImplemented


give_comparisons(Complex, comparison)
NUMERIC = (complex, float, int)


def total(function: Callable[..., complex]) -> Callable[..., complex]:
    """The function, with nan + nan·i for a value where it has none."""

    def method(*args: complex) -> complex:
        try:
            return function(*args)
        except (OverflowError, ValueError, ZeroDivisionError):
            return complex(NAN, NAN)

    return method


RAISING = ("truediv", "rtruediv", "pow", "rpow")
give_operators(Complex, complex, **{x: total(getattr(complex, f"__{x}__")) for x in RAISING})


class ComplexMathematics(Mathematics):
    """Analytic continuation of the rows; kinks branch on the real part. There is no erf."""

    numbers = "complex numbers"

    def own(self, name: str) -> Function | None:
        """That of `cmath`, with nan where it raises."""
        if not hasattr(cmath, name):
            return None
        function = total(getattr(cmath, name))
        return lambda *zs: Complex(function(*zs))

    def expm1(self, z: complex) -> Complex:
        """exp(z) − 1 without cancellation near 0: eˣcos t − 1 = expm1(x)cos t − 2sin²(t/2)."""
        x, t = z.real, z.imag
        real = REALS.expm1(x) * math.cos(t) - 2 * math.sin(t / 2) ** 2
        return Complex(real, REALS.exp(x) * math.sin(t))

    def log1p(self, z: complex) -> Complex:
        """log(1 + z) without cancellation near 0."""
        x, t = z.real, z.imag
        return Complex(0.5 * REALS.log1p(x * (2 + x) + t * t), math.atan2(t, 1 + x))

    def abs(self, z: complex) -> Complex:
        """±z with a real part that is not negative: |x| continued from the real line."""
        return Complex(-z if z.real < 0 else z)

    def max(self, a: complex, b: complex) -> Complex:
        """The one with the larger real part."""
        return Complex(a if a.real >= b.real else b)

    def min(self, a: complex, b: complex) -> Complex:
        """The one with the smaller real part."""
        return Complex(a if a.real <= b.real else b)


COMPLEXES = ComplexMathematics()


def on_complexes(row: Rule, args: Sequence[Any], params: Sequence[Any]) -> complex:
    """A row's result on complex numbers."""
    return Complex(row.evaluate(COMPLEXES, [Complex(x) for x in args], params))
