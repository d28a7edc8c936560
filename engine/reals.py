"""The mathematics of real numbers: IEEE 754 arithmetic on floats.

What overflows is inf, what is undefined is nan, nothing raises and nothing turns complex, which
Python's own floats and `math` do not promise.
"""

from __future__ import annotations

import math

from .numbers import Mathematics, real, register
from .rule import NOTHING, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Function = Callable[..., Any]

INF, NAN = math.inf, math.nan


def divide(a: float, b: float) -> float:
    """IEEE division: x/0 is ±inf, 0/0 nan."""
    try:
        return a / b
    except ZeroDivisionError:
        return NAN if a == 0 or a != a else math.copysign(INF, a) * math.copysign(1.0, b)


def power(x: float, n: float) -> float:
    """IEEE power: nan for a negative base with a non-integer exponent, inf where it overflows."""
    try:
        return math.pow(x, n)
    except OverflowError:
        return -INF if x < 0 and is_odd(n) else INF
    except ValueError:
        if x != 0:
            return NAN
        return math.copysign(INF, x) if is_odd(n) else INF


def is_odd(n: float) -> bool:
    """Whether n is an odd integer (% would round its result)."""
    return abs(math.fmod(n, 2.0)) == 1.0


class Real(float):
    """A float whose operators never raise."""

    __slots__ = ()


def give_operators(kind: Any, base: Any, **functions: Function) -> None:
    """Let the operators of a kind of number give numbers of that kind.

    Args:
        kind: the kind.
        base: what it derives from, and has operators of that never raise.
        functions: the other operators, by their names.
    """

    def kept(operator: Function) -> Function:
        def method(*args: Any) -> Any:
            y = NotImplemented if args[-1] is NOTHING else operator(*args)
            return y if y is NotImplemented else kind(y)

        return method

    inherited = {name: getattr(base, f"__{name}__") for name in STEADY}
    for name, operator in (inherited | functions).items():
        setattr(kind, f"__{name}__", kept(operator))


STEADY = ("add", "radd", "sub", "rsub", "mul", "rmul", "neg")
give_operators(
    Real, float,
    truediv=lambda x, y: divide(float(x), y) if isinstance(y, (float, int)) else NotImplemented,
    rtruediv=lambda x, y: divide(y, float(x)),
    pow=lambda x, y: power(x, y) if isinstance(y, (float, int)) else NotImplemented,
    rpow=lambda x, y: power(y, x),
)  # fmt: skip

POLES = {
    "log": {0.0: -INF}, "log2": {0.0: -INF}, "log10": {0.0: -INF}, "log1p": {-1.0: -INF},
    "atanh": {-1.0: -INF, 1.0: INF},
}  # fmt: skip


def ieee(name: str, function: Callable[..., float]) -> Callable[..., float]:
    """The function of that name, with IEEE results where it raises."""

    def total(*xs: float) -> float:
        try:
            y = function(*xs)
        except OverflowError:
            y = -INF if name == "sinh" and xs[0] < 0 else INF
        except ValueError:
            y = POLES.get(name, {}).get(xs[0], NAN)
        return Real(y) if type(xs[0]) is Real else float(y)

    return total


def maximum(a: float, b: float) -> float:
    """The larger of two; nan if either is."""
    return a if a >= b or a != a else b


def minimum(a: float, b: float) -> float:
    """The smaller of two; nan if either is."""
    return a if a <= b or a != a else b


CHOICES: dict[str, Callable[..., float]] = {"abs": math.fabs, "max": maximum, "min": minimum}


class RealMathematics(Mathematics):
    """IEEE arithmetic on floats: `math` where it agrees, inf and nan where it raises."""

    numbers = "real numbers"

    def own(self, name: str) -> Function | None:
        """That of `math`, with IEEE results where it raises."""
        function = CHOICES.get(name) or getattr(math, name, None)
        return function and ieee(name, function)


REALS = RealMathematics()


def on_floats(
    row: Rule, data: Sequence[float], params: Sequence[Any]
) -> tuple[float, tuple[float, ...]]:
    """A row's result and partials as floats."""
    args = [Real(x) for x in data]
    params = [Real(p) if isinstance(p, float) else p for p in params]
    y = Real(row.evaluate(REALS, args, params))
    partials = row.differentiate(REALS, y, args, params)
    return float(y), tuple(d if d is NOTHING else float(d) for d in partials)


def on_reals(row: Rule, args: Sequence[Any], params: Sequence[Any]) -> float:
    """A row's result on numbers that `real` accepts."""
    return float(row.evaluate(REALS, [Real(real(x, row.name)) for x in args], params))


register(lambda x: True, on_reals)
