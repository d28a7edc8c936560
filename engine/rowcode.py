"""The table's rows as Python functions on `Value`s, written when the engine loads.

Calling a row's own functions for every node of a graph would cost a good part of the engine's
speed. So each row is computed once on symbols, and the formulas that come out are printed as one
straight-line function that makes a node: what one would have written by hand, but from the table.
`source` shows it:

>>> from engine.rowcode import source
>>> print(source("mul"))
def make(a, b):
    if type(b) is not Value_:
        operand_b_ = operand_(b)
        if operand_b_ is NotImplemented:
            return NotImplemented
        b = operand_b_
    v_a_ = a._data
    v_b_ = b._data
    y_ = v_a_ * v_b_
    out_ = next_(blank_)
    out_._data = y_
    out_._rule = row_
    out_._a = a
    out_._b = b
    out_._da = v_b_
    out_._db = v_a_
    out_._mark = 0
    if active_:
        observe_(out_)
    return out_

The code's own names end in an underscore, so that they never meet those of a row's arguments.

Python's floats raise where IEEE arithmetic has inf or nan; then, and only then, `on_floats`
computes the row itself, on numbers that do not raise.

A weighted sum is written out too, once for every number of terms that it is needed with, without
loops and lists.
"""

from __future__ import annotations

import math

from .backward import LONGEST, OnDemand
from .numbers import OPERATORS, Mathematics, apply, parameter
from .reals import CHOICES, REALS, on_floats
from .rule import INF, NOTHING, REQUIRED, TABLE, Rule
from .symbol import ATOMS, FORMULAS, AtomMathematics, Symbol, straight_line, value_and_partials
from .tree import is_tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Function = Callable[..., Any]

ERRORS = (ZeroDivisionError, OverflowError, ValueError)


MATH = {name: f for name, f in vars(math).items() if not name.startswith("_")} | CHOICES | {
    "ERRORS": ERRORS, "INF": INF, "NOTHING": NOTHING, "REALS": REALS, "apply": apply,
    "is_tensor": is_tensor, "isinstance": isinstance, "next": next, "on_floats": on_floats,
    "parameter": parameter,
}  # fmt: skip


def functions(row: Rule, engine: dict[str, Any]) -> tuple[Function, Function]:
    """The row as a function that makes a node, and as one for any kind of number.

    Args:
        row: the row of the table.
        engine: what the code needs of the engine that it is for.
    """
    given = {f"{p}_default": default for p, default in row.params.items()}
    names = named(engine, given | {"row": row, "pack": row.pack})
    if row.variadic:
        names["makers_"] = Lengths(row, names)
    text = variadic(row) if row.variadic else fixed(row) + dispatched(row)
    found = run(text, f"from the rule {row.name}", names)
    make = found["make"]
    function = found.get("any_number", make)
    make.__name__ = make.__qualname__ = function.__name__ = function.__qualname__ = row.name
    make.__doc__ = function.__doc__ = describe(row)
    return make, function


def named(*names: dict[str, Any]) -> dict[str, Any]:
    """What generated code finds by its names, which end in an underscore."""
    return {f"{name}_": x for part in (MATH, *names) for name, x in part.items()}


def source(name: str, terms: int = 0) -> str:
    """The function that makes a node of a row of the table, as text.

    Args:
        name: the row's.
        terms: of a row over a sequence, for how many terms; 0: the loop for any number of them.
    """
    row = TABLE[name]
    if row.variadic:
        return straight(row, terms) if terms else looped(row)
    return fixed(row)


def run(source: str, origin: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run the source where those names are known; with them come its functions."""
    known = dict(names)
    exec(compile(source, f"<generated {origin}>", "exec"), known)
    return known


def signature(row: Rule, first: Sequence[str]) -> str:
    """The arguments and then the parameters with their defaults."""
    params = [
        p if default is REQUIRED else f"{p}={p}_default_" for p, default in row.params.items()
    ]
    return ", ".join((*first, *params))


def listed(names: Sequence[str]) -> str:
    """A tuple display of the names."""
    return f"({', '.join(names)},)" if names else "()"


def describe(row: Rule) -> str:
    """The docstring: the formula and its partials, as the row writes them."""
    if row.variadic:
        return f"{row.sign} over a sequence, as one node."
    names = (*row.names, *row.params)
    value, partials = value_and_partials(row, FORMULAS, names)
    slopes = ", ".join(f"∂/∂{x} = {d}" for x, d in zip(row.names, partials, strict=True))
    return f"{row.name}({', '.join(names)}) = {value}, with {slopes}, where y is the result."


def fixed(row: Rule) -> str:
    """Source for a row with a fixed number of arguments."""
    args, params = row.names, tuple(row.params)
    data = [f"v_{x}_" for x in args]
    operator = row.name in OPERATORS
    elsewhere = f"apply_(row_, {listed(args)}, {listed(params)})"
    lines = [f"def make({signature(row, args)}):"]
    if not operator:
        lines += [
            f"    if type({args[0]}) is not Value_ and not isinstance_({args[0]}, Value_):",
            f"        return {elsewhere}",
        ]
    for x in args[1:]:  # an operator leaves what cannot be a Value to that of the other side
        lines += [
            f"    if type({x}) is not Value_:",
            f"        operand_{x}_ = operand_({x})",
            f"        if operand_{x}_ is NotImplemented:",
            f"            return {'NotImplemented' if operator else elsewhere}",
            f"        {x} = operand_{x}_",
        ]
    for p in params:
        lines += [f"    {p} = parameter_({p}, {row.name!r})", f"    p_{p}_ = float({p})"]
    lines += [f"    {v} = {x}._data" for v, x in zip(data, args, strict=True)]
    steps, slopes = result(row, data)
    return "\n".join([*lines, *steps, *store(*layout(row, slopes))])


def dispatched(row: Rule) -> str:
    """Source for an operator's row as a function, which takes any kind of number."""
    if row.name not in OPERATORS:
        return ""
    args = ", ".join(row.names)
    return f"""
def any_number({args}):
    out_ = make({args}) if isinstance_({row.names[0]}, Value_) else NotImplemented
    return apply_(row_, ({args},)) if out_ is NotImplemented else out_
"""


def result(row: Rule, data: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines that compute the result ``y_``, and the partials: names or expressions."""
    params = tuple(row.params)
    names = [*data, *(f"p_{p}_" for p in params)]
    steps, slopes = straight_line(*value_and_partials(row, ATOMS, names, "y_"))
    if not can_raise([*steps, *slopes]):
        return [f"    {step}" for step in steps], slopes
    kept = many("d", row.arity)
    steps += [f"{d} = {slope}" for d, slope in zip(kept, slopes, strict=True)]
    otherwise = f"y_, {listed(kept)} = on_floats_(row_, {listed(data)}, {listed(params)})"
    return guarded(steps, otherwise), kept


def can_raise(steps: Sequence[str]) -> bool:
    """Whether Python's floats may raise in it: in a division or a function."""
    return any("/" in step or "_(" in step for step in steps)


def guarded(steps: Sequence[str], otherwise: str) -> list[str]:
    """The steps, and what is to be done instead where Python's floats raise."""
    return [
        "    try:",
        *(f"        {step}" for step in steps),
        "    except ERRORS_:",
        f"        {otherwise}",
    ]


def layout(row: Rule, slopes: Sequence[str]) -> tuple[str, str, str, str]:
    """What goes into the slots ``_a``, ``_b``, ``_da``, ``_db``: see `engine.backward`."""
    args, params = row.names, listed(tuple(row.params))
    if row.arity == 1:
        return args[0], "None", slopes[0], params if row.params else "None"
    if row.arity == 2 and not row.params:
        return args[0], args[1], slopes[0], slopes[1]
    return listed(args), "MANY_", listed(slopes), params


def variadic(row: Rule) -> str:
    """Source for a row over a sequence: `Lengths` has its functions for so many terms."""
    packed = row.pack.__code__
    first = packed.co_varnames[: packed.co_argcount]
    extra = "".join(f", {p}" for p in row.params)
    return "\n".join(
        [
            f"def make(args_{extra}):",
            f"    return makers_[len(args_)](args_{extra})",
            f"def any_number({signature(row, first)}):",
            *whole(row, first),
            f"    return make(pack_({', '.join(first)}){extra})",
        ]
    )


def whole(row: Rule, first: Sequence[str]) -> list[str]:
    """The lines that let a Tensor in a sequence's place stand for all its entries."""
    if not row.is_built_in():
        return []
    rest = "".join(f", {x}" for x in (*first[1:], *row.params))
    return [
        f"    if is_tensor_({first[0]}):",
        f"        return {first[0]}._over({row.name!r}{rest})",
    ]


class Lengths(OnDemand):
    """A variadic row's functions by the number of terms.

    The table's own rows are written out without a loop where a formula has the same bits. Rows of
    one's own are not: their functions may look at the numbers, which a formula can't tell.
    """

    def __init__(self, row: Rule, names: dict[str, Any]) -> None:
        origin = f"from the rule {row.name} for {{}} terms"
        self.loop = run(looped(row), origin.format("any number of"), names)["make"]

        def write(n: int) -> Any:
            if not 0 < n <= LONGEST or row.params or not row.is_built_in():
                return self.loop
            try:
                return run(straight(row, n), origin.format(n), names)["make"]
            except TypeError:  # it does not run on formulas
                return self.loop

        super().__init__(write)


class Terms(AtomMathematics):
    """Sequences written out term by term, in the order in which `RealMathematics` adds them."""

    dot = Mathematics.dot

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        """It shifts its terms by the largest, which no formula knows."""
        raise TypeError("log Σ exp looks at its terms")


def straight(row: Rule, n: int) -> str:
    """Source for a variadic row with n terms, without a loop."""
    args, data = many("x", n), many("v", n)
    steps, slopes = summed(row, data, "y_")
    partials = tuple_of(slopes)
    if can_raise([*steps, *slopes]):
        otherwise = f"y_, d_ = on_floats_(row_, {tuple_of(data)}, ())"
        steps, partials = guarded([*steps, f"d_ = {partials}"], otherwise), "d_"
    else:
        steps = [f"    {step}" for step in steps]
    lines = [
        "def make(args_):",
        f"    {listed(args)} = args_",
        "    try:",
        *(f"        {v} = {x}._data" for v, x in zip(data, args, strict=True)),
        "    except AttributeError:  # numbers among them, or other kinds of number",
        "        return apply_(row_, args_, ())",
        f"    if type({data[0]}) is not float:  # arrays",
        "        return apply_(row_, args_, ())",
        *steps,
        "    if type(y_) is not float:  # arrays among them",
        "        return apply_(row_, args_, ())",
    ]
    return "\n".join([*lines, *store("args_", "MANY_", partials, "()")])


def summed(row: Rule, data: Sequence[str], result: str) -> tuple[list[str], list[str]]:
    """The lines that compute a variadic row's result of those numbers, and its partials."""
    symbols = [Symbol(name) for name in data]
    value = row.evaluate(Terms(), symbols)
    return straight_line(value, row.differentiate(Terms(), Symbol(result), symbols), result)


def tuple_of(parts: Sequence[str]) -> str:
    """A tuple of expressions. Python builds one of more than 30 item by item, so it is pieced."""
    return " + ".join(listed(parts[i : i + 30]) for i in range(0, len(parts), 30))


def looped(row: Rule) -> str:
    """Source for a variadic row with any number of terms: its own functions, on plain floats."""
    params = tuple(row.params)
    given, extra = listed(params), "".join(f", {p}" for p in params)
    lines = [
        f"def make(args_{extra}):",
        *(f"    {p} = parameter_({p}, {row.name!r})" for p in params),
        "    try:",
        "        data_ = [x._data for x in args_]",
        "    except AttributeError:  # numbers among them, or other kinds of number",
        "        data_ = ()",
        "    if not data_ or set(map(type, data_)) != {float}:",
        f"        return apply_(row_, args_, {given})",
        "    try:",
        f"        y_ = float(row_.value(REALS_, data_{extra}))",
        f"        d_ = row_.partials[0](REALS_, y_, data_{extra})",
        "    except ERRORS_:",
        f"        y_, d_ = on_floats_(row_, data_, {given})",
    ]
    return "\n".join([*lines, *store("args_", "MANY_", "d_", given)])


def store(a: str, b: str, da: str, db: str) -> list[str]:
    """The last lines: they make the node and return it."""
    return [
        *made("out_", "y_", "row_", (a, b, da, db)),
        "    if active_:",
        "        observe_(out_)",
        "    return out_",
    ]


def made(node: str, data: str, row: str, slots: Sequence[str]) -> list[str]:
    """The lines that make a node with that in ``_a``, ``_b``, ``_da``, ``_db``."""
    a, b, da, db = slots
    return [
        f"    {node} = next_(blank_)",
        f"    {node}._data = {data}",
        f"    {node}._rule = {row}",
        f"    {node}._a = {a}",
        f"    {node}._b = {b}",
        f"    {node}._da = {da}",
        f"    {node}._db = {db}",
        f"    {node}._mark = 0",
    ]


def many(letter: str, n: int) -> list[str]:
    """Names for n things: ``x0_, x1_, …``."""
    return [f"{letter}{i}_" for i in range(n)]
