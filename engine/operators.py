"""The table's rows as operators, methods and functions of Values.

Each is written by `engine.rowcode` when it is first looked up, and is then an ordinary function.
A row that is added to the table is here at once.
"""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]
from itertools import repeat, starmap

from .backward import FOLDED, MANY, OnDemand
from .modes import active
from .neuron import activated, apart, for_inputs
from .numbers import OPERATORS, REFLECTED, KindError, Number, is_number, unfit
from .rowcode import functions, named
from .rule import TABLE, Rule
from .tree import is_tensor
from .value import Value, observe, operand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Written(dict[str, "Callable[..., Any]"]):
    """The table's rows as generated functions by name, each written when it is first needed."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        try:
            row = TABLE[name]
            make, function = MAKERS[name], FUNCTIONS[name] = functions(row, NAMES)
        except TypeError as error:
            raise TypeError(f"the rule {name!r} does not run on formulas: {error}") from error
        if row.arity == 1 and not row.variadic and not row.params:
            NEURONS[function] = for_inputs(partial(activated, row), make.__globals__)
        return self[name]


MAKERS = Written()  # they make a node of Values and numbers
FUNCTIONS = Written()  # they take any kind of number
NEURONS: dict[Any, OnDemand] = {}  # by the activation, a function
BLANK = starmap(Value.__new__, repeat((Value,)))  # next(BLANK) is a quick Value.__new__(Value)
NAMES: dict[str, Any] = {  # what generated code needs of the engine
    "Value": Value, "blank": BLANK, "operand": operand, "active": active,
    "observe": observe, "MANY": MANY, "FOLDED": FOLDED,
}  # fmt: skip
PLUS_AND_TIMES = {f"{name}_row": TABLE[name] for name in ("mul", "add")}
APART = for_inputs(apart, named(NAMES, PLUS_AND_TIMES))  # weighted sums of + and × nodes


class Method:
    """A method or operator of Value that takes its own place when it is first looked up."""

    def __init__(self, name: str, write: Callable[[], Callable[..., Any]]) -> None:
        self.name, self.write = name, write

    def __get__(self, value: Value | None, kind: type[Value]) -> Any:
        function = self.write()
        setattr(Value, self.name, function)
        return function.__get__(value, kind)


def install(row: Rule, present: bool) -> None:
    """Give Values the row as a method, and as an operator if it is written with one."""
    MAKERS.pop(row.name, None)
    NEURONS.pop(FUNCTIONS.pop(row.name, None), None)
    if row.variadic:
        return
    if not present:
        delattr(Value, row.name)
        return

    def make() -> Callable[..., Any]:
        return MAKERS[row.name]

    setattr(Value, row.name, Method(row.name, lambda: FUNCTIONS[row.name]))
    if not row.is_built_in():
        make()  # a mistake in it shows where it is defined
    if operator := OPERATORS.get(row.name):
        setattr(Value, operator, power if row.name == "pow" else Method(operator, make))
    if operator := REFLECTED.get(row.name):
        setattr(Value, operator, Method(operator, lambda: reflected(make())))


def reflected(make: Callable[[Value, Value], Value]) -> Callable[[Value, Any], Any]:
    """The operator for a number on the left."""

    def operator(b: Value, a: Any) -> Any:
        left = operand(a)
        return left if left is NotImplemented else make(left, b)

    return operator


def power(x: Value, n: Any) -> Any:
    """``x ** n``: one argument if the exponent is a number, two if it is a Value."""
    if isinstance(n, Number):
        return MAKERS["pow"](x, n)
    return MAKERS["power"](x, n) if is_number(n) else operand(n)


def apply_row(kind: type[Value], row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """The row's node of Values and numbers: what `engine.numbers.apply` does with Values."""
    values = [operand(x) for x in args]
    if NotImplemented in values:
        other = args[values.index(NotImplemented)]
        error = unfit(other, row.name)
        raise KindError(*error.args) if isinstance(other, Number) else error
    make = MAKERS[row.name]
    return make(tuple(values), *params) if row.variadic else make(*values, *params)


Value._apply = classmethod(apply_row)  # type: ignore[assignment]
TABLE.listen(install)


def softmax(xs: Any) -> Any:
    """exp(xᵢ) / Σⱼ exp(xⱼ) for every entry: one node each, over one logsumexp.

    Of a list of numbers a list, of lists of them the same in lists; of a Tensor a Tensor, of an
    array an array. It is along the last axis, whatever is given.
    """
    if is_tensor(xs):
        return xs.softmax()
    if isinstance(xs, (list, tuple)) and xs and all(hasattr(x, "__len__") for x in xs):
        return [softmax(x) for x in xs]
    if getattr(xs, "ndim", 0) and xs.dtype != object:
        from .tensor import Tensor  # which loads NumPy; whoever has an array has done so

        return Tensor(xs, role="constant").softmax().data
    if getattr(xs, "ndim", 0) > 1:
        return [softmax(x) for x in xs]
    total = FUNCTIONS["logsumexp"](xs)
    return [FUNCTIONS["softmax_entry"](x, total) for x in xs]
