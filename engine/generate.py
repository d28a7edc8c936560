"""The table's rows as Python functions on `Value`s, written when the engine loads.

Calling a row's own functions for every node of a graph would cost a good part of the engine's
speed. So each row is computed once on symbols, and the formulas that come out are printed as one
straight-line function that makes a node: what one would have written by hand, but from the table.
For ``tanh``::

    def make_tanh(x):
        v_x = x._data
        try:
            y = tanh(v_x)
            d0 = 1.0 - y * y
        except ERRORS:
            y, (d0,) = ieee(row_tanh, (v_x,), ())
        out = new(Value)
        out._data = y
        …

Python's floats raise where IEEE arithmetic has inf or nan; then, and only then, `ieee` computes
the row itself, on numbers that do not raise.
"""

from __future__ import annotations

import math

from .maths import REALS, Real, apply, maximum, minimum, parameter
from .rules import INF, NOTHING, REQUIRED, Nothing, Rule
from .symbol import ATOMS, FORMULAS, Symbol, code, order, share, value_and_partials, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Function = Callable[..., Any]

ERRORS = (ZeroDivisionError, OverflowError, ValueError)


def ieee(
    row: Rule, data: Sequence[float], params: Sequence[Any]
) -> tuple[float, tuple[float, ...]]:
    """A row's result and partials as floats, computed by the row itself in IEEE arithmetic."""
    args = [Real(x) for x in data]
    params = [Real(p) if isinstance(p, float) else p for p in params]
    y = Real(row.evaluate(REALS, args, params))
    partials = row.differentiate(REALS, y, args, params)
    return float(y), tuple(d if type(d) is Nothing else float(d) for d in partials)


NAMES = {name: f for name, f in vars(math).items() if not name.startswith("_")} | {
    "abs": math.fabs, "max": maximum, "min": minimum, "ERRORS": ERRORS, "INF": INF,
    "NOTHING": NOTHING, "REALS": REALS, "apply": apply, "ieee": ieee, "parameter": parameter,
}  # fmt: skip


def functions(row: Rule, engine: dict[str, Any]) -> tuple[Function, Function]:
    """The row as a function that makes a node, and as one for any kind of number.

    ``engine`` holds what the code needs of the engine that it is for.
    """
    names = NAMES | engine
    names |= {f"row_{row.name}": row, f"pack_{row.name}": row.pack}
    names |= {f"default_{row.name}_{name}": value for name, value in row.params.items()}
    source = variadic(row) if row.variadic else fixed(row)
    exec(compile(source, f"<generated from the rule {row.name}>", "exec"), names)
    make, function = names[f"make_{row.name}"], names[f"any_{row.name}"]
    make.__name__ = make.__qualname__ = function.__name__ = function.__qualname__ = row.name
    make.__doc__ = function.__doc__ = describe(row)
    return make, function


def signature(row: Rule, first: Sequence[str]) -> str:
    """The arguments and then the parameters with their defaults."""
    params = [
        name if default is REQUIRED else f"{name}=default_{row.name}_{name}"
        for name, default in row.params.items()
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
    arity, args, params = row.arity, row.names, tuple(row.params)
    data = [f"v_{x}" for x in args]
    value, partials = value_and_partials(row, ATOMS, [*data, *(f"p_{p}" for p in params)])
    body = straight_line(value, partials)
    raises = any("/" in step or "(" in step for step in body)
    first, *others = args
    given = listed(params)
    lines = [f"def make_{row.name}({signature(row, args)}):"]
    for x in others:
        lines += [
            f"    if type({x}) is not Value:",
            f"        {x} = operand({x})",
            f"        if {x} is NotImplemented:",
            f"            return {x}",
        ]
    for p in params:
        lines += [f"    {p} = parameter({p}, '{row.name}')", f"    p_{p} = float({p})"]
    lines += [f"    {v} = {x}._data" for v, x in zip(data, args, strict=True)]
    if raises:
        slopes = "".join(f"d{i}, " for i in range(arity))
        lines += ["    try:", *(f"        {step}" for step in body), "    except ERRORS:"]
        lines += [f"        y, ({slopes}) = ieee(row_{row.name}, {listed(data)}, {given})"]
    else:
        lines += [f"    {step}" for step in body]
    if arity > 2 or (arity == 2 and params):
        a, b, da, db = listed(args), "MANY", listed([f"d{i}" for i in range(arity)]), given
    elif arity == 2:
        a, b, da, db = first, others[0], "d0", "d1"
    else:
        a, b, da, db = first, "None", "d0", given if params else "None"
    lines += [*store("y", row, a, b, da, db), generic(row, signature(row, args), args, params)]
    return "\n".join(lines)


def straight_line(value: Any, partials: Sequence[Any]) -> list[str]:
    """Assignments to ``y``, ``d0``, ``d1``, …; what they share is computed once, first."""
    shared, (result, *slopes) = share([value, *partials])
    late = {"y"}  # what needs the result
    early = []
    after = []
    for name, part in shared:
        step = f"{name} = {write(part, code)}"
        if any(isinstance(x, Symbol) and x.name in late for x in order([part])):
            late.add(name)
            after.append(step)
        else:
            early.append(step)
    after += [f"d{i} = {write(part, code)}" for i, part in enumerate(slopes)]
    return [*early, f"y = {write(result, code)}", *after]


def variadic(row: Rule) -> str:
    """Source for a row over a sequence: its own functions, on plain floats."""
    packed = row.pack.__code__
    first = packed.co_varnames[: packed.co_argcount]
    params = tuple(row.params)
    given, extra = listed(params), "".join(f", {p}" for p in params)
    lines = [
        f"def make_{row.name}(args{extra}):",
        *(f"    {p} = parameter({p}, '{row.name}')" for p in params),
        "    try:",
        "        data = [x._data for x in args]",
        "    except AttributeError:  # numbers among them, or other kinds of number",
        "        data = ()",
        "    if not data:",
        f"        return apply(row_{row.name}, args, {given})",
        "    try:",
        f"        y = float(row_{row.name}.value(REALS, data{extra}))",
        f"        d = row_{row.name}.partials[0](REALS, y, data{extra})",
        "    except ERRORS:",
        f"        y, d = ieee(row_{row.name}, data, {given})",
        *store("y", row, "args", "MANY", "d", given),
        f"def any_{row.name}({signature(row, first)}):",
        f"    return make_{row.name}(pack_{row.name}({', '.join(first)}){extra})",
    ]
    return "\n".join(lines)


def store(data: str, row: Rule, a: str, b: str, da: str, db: str) -> list[str]:
    """The lines that make the node."""
    return [
        "    out = new(Value)",
        f"    out._data = {data}",
        "    out._grad = 0.0",
        f"    out._rule = row_{row.name}",
        f"    out._a = {a}",
        f"    out._b = {b}",
        f"    out._da = {da}",
        f"    out._db = {db}",
        "    out._mark = None",
        "    out._note = None",
        "    if active:",
        "        observe(out)",
        "    return out",
    ]


def generic(row: Rule, signed: str, args: Sequence[str], params: Sequence[str]) -> str:
    """Source of the function for any kind of number."""
    return "\n".join(
        [
            f"def any_{row.name}({signed}):",
            f"    if type({args[0]}) is Value:",
            f"        out = make_{row.name}({', '.join((*args, *params))})",
            "        if out is not NotImplemented:",
            "            return out",
            f"    return apply(row_{row.name}, {listed(args)}, {listed(params)})",
        ]
    )
