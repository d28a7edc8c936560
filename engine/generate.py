"""The table's rows as Python functions on `Value`s, written when the engine loads.

Calling a row's own functions for every node of a graph would cost a good part of the engine's
speed. So each row is computed once on symbols, and the formulas that come out are printed as one
straight-line function that makes a node: what one would have written by hand, but from the table.
For ``tanh``::

    def make(x):
        v_x_ = x._data
        try:
            y_ = tanh_(v_x_)
            d0_ = 1.0 - y_ * y_
        except ERRORS_:
            y_, (d0_,) = on_floats_(row_, (v_x_,), ())
        out_ = new_(Value_)
        out_._data = y_
        …

The code's own names end in an underscore, so that they never meet those of a row's arguments.

Python's floats raise where IEEE arithmetic has inf or nan; then, and only then, `on_floats`
computes the row itself, on numbers that do not raise.
"""

from __future__ import annotations

import math

from .maths import OPERATORS, REALS, apply, maximum, minimum, on_floats, parameter
from .rules import INF, NOTHING, REQUIRED, Rule
from .symbol import ATOMS, FORMULAS, code, order, share, value_and_partials, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Function = Callable[..., Any]

ERRORS = (ZeroDivisionError, OverflowError, ValueError)


MATH = {name: f for name, f in vars(math).items() if not name.startswith("_")} | {
    "abs": math.fabs, "max": maximum, "min": minimum, "ERRORS": ERRORS, "INF": INF,
    "NOTHING": NOTHING, "REALS": REALS, "apply": apply, "on_floats": on_floats,
    "parameter": parameter,
}  # fmt: skip


def functions(row: Rule, engine: dict[str, Any]) -> tuple[Function, Function]:
    """The row as a function that makes a node, and as one for any kind of number.

    Args:
        row: the row of the table.
        engine: what the code needs of the engine that it is for.
    """
    names = MATH | engine | {"row": row, "pack": row.pack}
    names |= {f"{p}_default": default for p, default in row.params.items()}
    names = {f"{name}_": x for name, x in names.items()}
    source = variadic(row) if row.variadic else fixed(row)
    exec(compile(source, f"<generated from the rule {row.name}>", "exec"), names)
    make, function = names["make"], names["any_number"]
    make.__name__ = make.__qualname__ = function.__name__ = function.__qualname__ = row.name
    make.__doc__ = function.__doc__ = describe(row)
    return make, function


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
    names = ", ".join((*args, *params))
    lines = [f"def make({signature(row, args)}):", *operands(row)]
    for p in params:
        lines += [f"    {p} = parameter_({p}, {row.name!r})", f"    p_{p}_ = float({p})"]
    lines += [f"    {v} = {x}._data" for v, x in zip(data, args, strict=True)]
    lines += result(row, data)
    lines += [
        *store(*layout(row)),
        f"def any_number({signature(row, args)}):",
        f"    if type({args[0]}) is Value_:",
        f"        out_ = make({names})",
        "        if out_ is not NotImplemented:",
        "            return out_",
        f"    return apply_(row_, {listed(args)}, {listed(params)})",
    ]
    return "\n".join(lines)


def operands(row: Rule) -> list[str]:
    """The lines that make Values of the other arguments.

    What cannot be one is left to the other side's operator; a method has no other side.
    """
    lines = []
    for x in row.names[1:]:
        leave = "NotImplemented"
        if row.name not in OPERATORS:
            leave = f"apply_(row_, {listed(row.names)}, {listed(tuple(row.params))})"
        lines += [
            f"    if type({x}) is not Value_:",
            f"        operand_{x}_ = operand_({x})",
            f"        if operand_{x}_ is NotImplemented:",
            f"            return {leave}",
            f"        {x} = operand_{x}_",
        ]
    return lines


def result(row: Rule, data: Sequence[str]) -> list[str]:
    """The lines that compute the result ``y_`` and the partials ``d0_``, ``d1_``, …"""
    params = tuple(row.params)
    value, partials = value_and_partials(row, ATOMS, [*data, *(f"p_{p}_" for p in params)], "y_")
    steps = straight_line(value, partials)
    if not any("/" in step or "(" in step for step in steps):  # cannot raise
        return [f"    {step}" for step in steps]
    slopes = listed([f"d{i}_" for i in range(row.arity)])
    return [
        "    try:",
        *(f"        {step}" for step in steps),
        "    except ERRORS_:",
        f"        y_, {slopes} = on_floats_(row_, {listed(data)}, {listed(params)})",
    ]


def straight_line(value: Any, partials: Sequence[Any]) -> list[str]:
    """Assignments to ``y_``, ``d0_``, ``d1_``, …; what they share is computed once, first."""
    shared, (whole, *slopes) = share([value, *partials])
    late = {"y_"}  # what needs the result
    before: list[str] = []
    after: list[str] = []
    for name, part in shared:
        if any(x.name in late for x in order([part])):
            late.add(name)
        (after if name in late else before).append(f"{name} = {write(part, code)}")
    after += [f"d{i}_ = {write(part, code)}" for i, part in enumerate(slopes)]
    return [*before, f"y_ = {write(whole, code)}", *after]


def layout(row: Rule) -> tuple[str, str, str, str]:
    """What goes into the slots ``_a``, ``_b``, ``_da``, ``_db``: see `engine.backward`."""
    args, params = row.names, listed(tuple(row.params))
    if row.arity == 1:
        return args[0], "None", "d0_", params if row.params else "None"
    if row.arity == 2 and not row.params:
        return args[0], args[1], "d0_", "d1_"
    return listed(args), "MANY_", listed([f"d{i}_" for i in range(row.arity)]), params


def variadic(row: Rule) -> str:
    """Source for a row over a sequence: its own functions, on plain floats."""
    packed = row.pack.__code__
    first = packed.co_varnames[: packed.co_argcount]
    params = tuple(row.params)
    given, extra = listed(params), "".join(f", {p}" for p in params)
    lines = [
        f"def make(args_{extra}):",
        *(f"    {p} = parameter_({p}, {row.name!r})" for p in params),
        "    try:",
        "        data_ = [x._data for x in args_]",
        "    except AttributeError:  # numbers among them, or other kinds of number",
        "        data_ = ()",
        "    if not data_:",
        f"        return apply_(row_, args_, {given})",
        "    try:",
        f"        y_ = float(row_.value(REALS_, data_{extra}))",
        f"        d_ = row_.partials[0](REALS_, y_, data_{extra})",
        "    except ERRORS_:",
        f"        y_, d_ = on_floats_(row_, data_, {given})",
        *store("args_", "MANY_", "d_", given),
        f"def any_number({signature(row, first)}):",
        f"    return make(pack_({', '.join(first)}){extra})",
    ]
    return "\n".join(lines)


def store(a: str, b: str, da: str, db: str) -> list[str]:
    """The lines that make the node."""
    return [
        "    out_ = new_(Value_)",
        "    out_._data = y_",
        "    out_._grad = 0.0",
        "    out_._rule = row_",
        f"    out_._a = {a}",
        f"    out_._b = {b}",
        f"    out_._da = {da}",
        f"    out_._db = {db}",
        "    out_._mark = None",
        '    out_._label = out_._scope = ""',
        "    if active_:",
        "        observe_(out_)",
        "    return out_",
    ]
