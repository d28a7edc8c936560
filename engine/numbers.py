"""The kinds of number that a row of the table can be computed with.

A row is a function of a mathematics ``m``, and each kind of number brings its own: `engine.reals`
IEEE 754 arithmetic on floats, `engine.complexes` its continuation, `engine.tensor.arrays` NumPy's.
What records or carries more than a number (`Value`, `Tensor`, `Dual`, `Symbol`) derives from
`Number`, which has every row of the table as an operator or a method.

`apply` is the meeting point: it computes a row in the mathematics that its arguments belong to.
"""

from __future__ import annotations

import math
from _functools import reduce  # type: ignore[import-not-found]  # functools takes 1 ms to load
from operator import add, ge, gt, index, le, lt, mul

from .rules import NOTHING, REQUIRED, TABLE, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Function = Callable[..., Any]

INF = math.inf


class Mathematics:
    """The functions that the table's rows call; each kind of number overrides what differs."""

    numbers = "these numbers"

    def __getattr__(self, name: str) -> Function:
        """A function of these numbers, or what a row of the table makes of others: sigmoid."""
        if name in TABLE and (composed := self.of_row(TABLE[name])):
            return composed
        found = None if name.startswith("_") else self.own(name)
        if found is None:
            if name in TABLE:
                raise TypeError(f"{name} is not defined for {self.numbers}")
            raise AttributeError(f"no function or rule is called {name!r}")
        setattr(self, name, found)
        return found

    def of_row(self, row: Rule) -> Function | None:
        """The row as a function of these numbers; None if they have one of their own."""
        return None if row.atomic else lambda *args: row.evaluate(self, args)

    def own(self, name: str) -> Function | None:
        """The function of that name that these numbers have of their own, if they have one."""
        return None

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other."""
        return yes if condition else no

    def equal(self, a: Any, b: Any) -> Any:
        """Whether two numbers are equal (`==` on graph nodes is identity)."""
        return a == b

    # Every sum is added from left to right, as formulas and programs add it. Python's own `sum`
    # compensates for rounding from 3.12 on, and `math.fsum` does: neither would have their bits.

    def sum(self, xs: Sequence[Any]) -> Any:
        """Σ xᵢ, from left to right."""
        return reduce(add, xs) if xs else 0.0

    def dot(self, xs: Sequence[Any], ys: Sequence[Any], start: Any = None) -> Any:
        """start + Σ xᵢyᵢ, from left to right."""
        products = map(mul, xs, ys)
        return self.sum([*products]) if start is None else reduce(add, products, start)

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        """log Σ exp(xᵢ), shifted by the largest so that nothing overflows."""
        shift = self.finite(self.largest(xs))
        return shift + self.log(self.sum([self.exp(x - shift) for x in xs]))

    def log_softmax(self, xs: Sequence[Any]) -> list[Any]:
        """log(exp(xᵢ) / Σ exp(xⱼ)) for every i; large numbers are shifted before they are lost."""
        top = self.largest(xs)
        xs = self.below(xs, top)
        total = self.log(self.sum([self.exp(x) for x in xs]))
        return [x - total for x in xs]

    def largest(self, xs: Sequence[Any]) -> Any:
        """The largest of at least one number."""
        return reduce(self.max, xs)

    def finite(self, x: Any) -> Any:
        """x, or 0 for inf and nan: to shift by these would make nan of everything."""
        return x if x - x == 0 else 0.0

    def below(self, xs: Sequence[Any], top: Any) -> list[Any]:
        """xᵢ − top, where top is the largest: an infinite one takes all, several share it."""
        if self.equal(top - top, 0.0):
            return [x - top for x in xs]
        return [self.where(self.equal(x, top), 0.0, x - top) for x in xs]


# ---------------------------------------------------------------- all numbers


def is_number(x: object) -> bool:
    """Whether `real` accepts it: a real number of Python's, NumPy's, `decimal` or `fractions`."""
    kind = type(x)
    if kind is float or kind is int:
        return True
    if isinstance(x, (str, bytes, bytearray, complex, Number)) or getattr(x, "ndim", 0) != 0:
        return False
    if getattr(getattr(x, "dtype", None), "kind", "f") not in "biuf":
        return False
    return hasattr(kind, "__float__") or hasattr(kind, "__index__")


def real(x: Any, what: str = "a Value") -> float:
    """``x`` as a float; too large an integer is ±inf.

    Raises:
        TypeError: if it is not a real number.
    """
    if type(x) is float:
        return x
    if not is_number(x):
        raise unfit(x, what)
    try:
        return float(x)
    except OverflowError:
        return INF if x > 0 else -INF


class KindError(TypeError):
    """Two kinds of number meet that do not compute with each other: Values and Tensors."""


def unfit(x: object, what: str) -> TypeError:
    """The error for something that is not a real number."""
    given = repr(x)
    given = given if len(given) <= 60 else given[:57] + "..."
    return TypeError(
        f"{what} takes a real number, not {type(x).__name__} {given}; "
        "accepted are float, int, bool, Decimal, Fraction and NumPy scalars"
    )


def parameter(x: Any, what: str) -> float:
    """``x`` as a parameter of an operation: a number that is not differentiated.

    An integer stays one, so that ``x ** 2`` is written as it was typed.
    """
    if type(x) is float or (type(x) is int and abs(x) <= 2**53):
        return x
    if getattr(getattr(x, "dtype", None), "kind", "") == "b":
        x = bool(x)  # NumPy's truth values are no integers to Python
    try:
        integer = index(x)
    except TypeError:
        return real(x, what)
    return integer if abs(integer) <= 2**53 else real(integer)


def by_other_name(name: str) -> Callable[[Any], Any]:
    """A method that calls the one of that name."""
    return lambda self: getattr(self, name)()


def give_comparisons(kind: type, compare: Callable[[Function], Function]) -> None:
    """Give a kind of number ``<  <=  >  >=``: what ``compare`` makes of those of floats."""
    for operator in (lt, le, gt, ge):
        setattr(kind, f"__{operator.__name__}__", compare(operator))


class Number:
    """A number that gradpath computes with: has every row of the table as operator or method.

    A subclass says in `_apply` how it applies a row. `_rank` decides whose rules count when kinds
    meet: the highest, to whom all others are constants.
    """

    __slots__ = ()
    _rank = 1

    def __init_subclass__(cls) -> None:
        TABLE.reserved.update(name for name in vars(cls) if name not in TABLE)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        raise TypeError(f"{cls.__name__} does not say how it applies a rule")

    def _constant(self, x: float) -> Any:
        """``x`` as a constant of this kind of number."""
        return x

    def __pos__(self) -> Any:
        return self

    # NumPy's functions ask numbers for methods of their own names.
    conjugate = __pos__
    arcsin, arccos, arctan, fabs = map(by_other_name, ("asin", "acos", "atan", "abs"))

    def exp2(self) -> Any:
        """2 to the power of it."""
        return 2.0**self

    if TYPE_CHECKING:  # what the table adds below: operators one by one, methods by their names

        def __add__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __add__
        __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __add__
        __lt__ = __le__ = __gt__ = __ge__ = __add__
        __abs__ = __neg__

        def __getattr__(self, name: str) -> Callable[..., Any]: ...


def rank(x: Any) -> int:
    """How high a number stands when kinds meet; 0 for those that are not gradpath's."""
    return x._rank if isinstance(x, Number) else 0


def apply(row: Rule, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
    """The row's result in the mathematics of its arguments.

    Real and complex numbers give a float or a complex number, NumPy arrays an array; any other kind
    gives its own.

    Raises:
        TypeError: for an argument that is not a number.
    """
    top = max(args, key=rank, default=0.0)
    if isinstance(top, Number):
        return top._apply(row, args, params)
    for recognise, compute in KINDS:
        if any(map(recognise, args)):
            return compute(row, args, params)
    return KINDS[-1][1](row, args, params)  # of no arguments


KINDS: list[tuple[Callable[[Any], bool], Function]] = []  # the last one takes what is left


def register(recognise: Callable[[Any], bool], compute: Function) -> None:
    """Let `apply` compute rows with a kind of number that is no `Number`.

    Args:
        recognise: whether a number is of that kind; one of a row's arguments is enough. Kinds
            that were registered later are asked first.
        compute: the row's result, of the row, its arguments and its parameters.
    """
    KINDS.insert(0, (recognise, compute))


class GenericMathematics(Mathematics):
    """The rows themselves on any kind of `Number`, which record or carry what is computed."""

    def of_row(self, row: Rule) -> Function:
        """The row itself."""
        return lambda *args: apply(row, args)

    def equal(self, a: Any, b: Any) -> bool:
        """Whether two numbers have one value (`==` of graph nodes is identity)."""
        return bool(a <= b and a >= b)

    def sum(self, xs: Sequence[Any]) -> Any:
        """Σ xᵢ as one node."""
        return apply(TABLE["sum"], xs)

    def dot(self, xs: Sequence[Any], ys: Sequence[Any], start: Any = None) -> Any:
        """start + Σ xᵢyᵢ as one node."""
        if start is None:
            return apply(TABLE["dot"], (*xs, *ys))
        return apply(TABLE["affine"], (*xs, *ys, start))

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        """log Σ exp(xᵢ) as one node."""
        return apply(TABLE["logsumexp"], xs)

    def largest(self, xs: Sequence[Any]) -> Any:
        """The largest of at least one number: that number itself."""
        return max(xs)


GENERIC = GenericMathematics()


def product(partial: Any, upstream: Any) -> Any:
    """local derivative × gradient, where `NOTHING` wins and a factor of ±1 makes no node."""
    if partial is NOTHING or upstream is NOTHING:
        return NOTHING
    if not isinstance(partial, Number) and isinstance(upstream, Number):
        if partial == 1:
            return upstream
        if partial == -1:
            return -upstream
    if isinstance(partial, Number) and not isinstance(upstream, Number) and upstream == 1:
        return partial
    return partial * upstream


OPERATORS = {
    "add": "__add__", "sub": "__sub__", "mul": "__mul__", "div": "__truediv__",
    "pow": "__pow__", "neg": "__neg__", "abs": "__abs__",
}  # fmt: skip
REFLECTED = {name: f"__r{OPERATORS[name][2:]}" for name in ("add", "sub", "mul", "div", "pow")}


def give(row: Rule, present: bool) -> None:
    """Give every number the row, as a method and, if it is written with one, as an operator."""
    if row.variadic:
        return
    if not present:
        delattr(Number, row.name)
        return

    def operator(*args: Any) -> Any:
        return NotImplemented if args[-1] is NOTHING else apply(row, args)

    def method(*args: Any, **named: Any) -> Any:
        given = dict(zip(row.params, args[row.arity :], strict=False)) | named
        params = row.params | given
        count = len(args) + len(named) - len(given)
        if count != row.arity or params.keys() != row.params.keys() or REQUIRED in params.values():
            raise TypeError(f"{row.name}() takes {', '.join((*row.names, *row.params))}")
        return apply(row, args[: row.arity], tuple(params.values()))

    def reflected(b: Any, a: Any) -> Any:
        return apply(row, (a, b))

    def power(a: Any, b: Any) -> Any:
        return apply(row, (a, b)) if isinstance(b, Number) else apply(TABLE["power"], (a,), (b,))

    setattr(Number, row.name, method)
    if row.name in OPERATORS:
        setattr(Number, OPERATORS[row.name], power if row.name == "pow" else operator)
    if row.name in REFLECTED:
        setattr(Number, REFLECTED[row.name], reflected)


TABLE.listen(give)
