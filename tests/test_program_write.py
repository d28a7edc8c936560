"""The one printer of programs: operations built by hand, in every dialect."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import record
from engine.program import ops
from engine.program.dialects import FORMS, SCATTER, Dialect
from engine.program.names import Names, function, identifier, wrapped
from engine.program.write import FLOATS, READABLE, Printer, readable
from engine.rule import ATOM, CHOICE, SUM
from engine.targets import classes


def Op(name: str, *args: Any, **details: Any) -> ops.Op:  # noqa: N802
    """An operation made by hand."""
    rule = SimpleNamespace(name=name) if name else None
    op = ops.Op(None, rule, args, details.get("params", ()), details.get("shape", ()))
    op.dtype, op.of = details.get("dtype"), details.get("of")
    op.label, op.scope = details.get("label", ""), details.get("scope", "")
    return op


def given_number(label: str) -> ops.Op:
    return Op("", label=label)


def in_order(finals: Sequence[Any]) -> list[ops.Op]:
    """The operations that some results need, each after its own."""
    found: dict[ops.Op, None] = {}

    def visit(op: Any) -> None:
        if isinstance(op, ops.Op) and op not in found:
            for x in op.args:
                visit(x)
            found[op] = None

    for x in finals:
        visit(x)
    return list(found)


def text(dialect: Dialect, *finals: Any) -> list[str]:
    """The lines that compute some quantities, and what is returned."""
    printer = Printer(dialect, Names([]), in_order(finals), {}, finals)
    return [*printer.lines, *printer.returned(tuple(finals))]


def expression(dialect: Dialect, op: ops.Op) -> str:
    """The right side of the one line that computes a quantity."""
    line, _ = text(dialect, op)
    return line.partition(" = ")[2]


X, Y, Z = (given_number(label) for label in "xyz")


@pytest.mark.parametrize(
    ("op", "floats", "np"),
    [
        (Op("add", X, Op("neg", Y)), "x - y", "x - y"),
        (Op("add", X, -2.0), "x - 2.0", "x - 2"),
        (Op("sub", X, Op("neg", Y)), "x - -y", "x - -y"),
        (Op("sub", X, Op("sub", Y, Z)), "x - (y - z)", "x - (y - z)"),
        (Op("sub", Op("sub", X, Y), Z), "x - y - z", "x - y - z"),
        (Op("mul", Op("add", X, 1.0), Y), "(x + 1.0) * y", "(x + 1) * y"),
        (Op("mul", X, Op("div", Y, Z)), "x * (y / z)", "x * (y / z)"),
        (Op("mul", -1.5, Op("neg", X)), "-1.5 * -x", "-1.5 * -x"),
        (Op("neg", Op("mul", X, Y)), "-(x * y)", "-(x * y)"),
        (Op("neg", Op("neg", X)), "--x", "--x"),
        (Op("power", X, params=(2.0,)), "pow(x, 2.0)", "x ** 2"),
        (Op("power", X, params=(-0.5,)), "pow(x, -0.5)", "x ** (-0.5)"),
        (Op("power", Op("neg", X), params=(3.0,)), "pow(-x, 3.0)", "(-x) ** 3"),
        (Op("neg", Op("power", X, params=(3.0,))), "-pow(x, 3.0)", "-x ** 3"),
        (Op("pow", X, Op("add", Y, 1.0)), "pow(x, y + 1.0)", "x ** (y + 1)"),
        (Op("pow", 2.0, X), "pow(2.0, x)", "2 ** x"),
        (Op("asin", X), "asin(x)", "np.arcsin(x)"),
        (Op("tanh", Op("add", X, Y)), "tanh(x + y)", "np.tanh(x + y)"),
        (Op("max", X, Y), "max(x, y)", "np.maximum(x, y)"),
        (Op("max", X, 0.0), "max(x, 0.0)", "np.where(x < 0, 0, x)"),
        (Op("min", 1.0, X), "min(1.0, x)", "np.where(x > 1, 1, x)"),
        (Op("max", X, -math.inf), "max(x, -inf)", "np.where(x < -np.inf, -np.inf, x)"),
        (Op("add", X, math.nan), "x + nan", "x + np.nan"),
        (Op("mul", X, math.inf), "x * inf", "x * np.inf"),
        (Op("mul", X, 1e-08), "x * 1e-08", "x * 1e-08"),
        (
            Op("select", Op("less", X, Y), Op("neg", X), 0.0),
            "(-x if x < y else 0.0)",
            "np.where(x < y, -x, 0)",
        ),
        (
            Op("select", Op("both", Op("less_equal", 0.0, X), Op("greater", Y, X)), 1.0, 0.5),
            "(1.0 if 0.0 <= x and y > x else 0.5)",
            "np.where((0 <= x) & (y > x), 1, 0.5)",
        ),
        (
            Op("mul", Op("select", Op("equal", X, Op("add", Y, Z)), X, Y), 2.0),
            "(x if x == y + z else y) * 2.0",
            "np.where(x == y + z, x, y) * 2",
        ),
    ],
)
def test_expressions(op: ops.Op, floats: str, np: str) -> None:
    assert expression(FLOATS, op) == floats
    assert expression(READABLE, op) == np


def test_what_is_used_once_stands_where_it_is_used_and_else_has_a_name() -> None:
    once = Op("mul", X, Y)
    assert text(FLOATS, Op("tanh", once)) == ["t1 = tanh(x * y)", "return (t1,)"]
    twice = Op("mul", X, Y)
    result = Op("add", Op("tanh", twice), twice)
    assert text(FLOATS, result) == ["t1 = x * y", "t2 = tanh(t1) + t1", "return (t2,)"]
    clipped = Op("max", Op("mul", X, Y), 0.0)  # with a constant its text has the operand twice
    assert text(FLOATS, clipped)[0] == "t1 = max(x * y, 0.0)"
    assert text(READABLE, clipped)[:2] == ["t1 = x * y", "t2 = np.where(t1 < 0, 0, t1)"]


def test_people_find_what_has_a_label() -> None:
    h = Op("mul", X, Y, label="h")
    assert text(READABLE, Op("tanh", h))[0] == "h = x * y"
    assert text(FLOATS, Op("tanh", h))[0] == "t1 = tanh(x * y)"
    same = [Op("mul", X, Y, label="h", scope=f"layers.{i}") for i in range(2)]
    names = Names([])
    names.meet(same)
    assert [names.of(op) for op in same] == ["h_l0", "h_l1"]
    assert [Names(["h"]).of(h), Names([]).of(Op("", label="1 x;")), identifier("é")] == [
        "h_2", "v1_x", "",
    ]  # fmt: skip


def test_gradients_are_called_after_their_quantity_which_has_a_line() -> None:
    z = Op("mul", X, Y, label="z")
    d = Op("sub", 1.0, Op("tanh", z), of=z)
    assert text(READABLE, Op("mul", d, X))[:2] == ["z = x * y", "d_z = 1 - np.tanh(z)"]
    t = Op("add", X, Y)
    d = Op("exp", t, of=t)
    lines = text(READABLE, Op("mul", d, X), Op("mul", d, Y))
    assert lines[:2] == ["t1 = x + y", "d_t1 = np.exp(t1)"]
    assert text(FLOATS, Op("mul", d, X))[0] == "t1 = exp(x + y) * x"


def test_long_expressions_have_a_line_and_long_lines_are_broken() -> None:
    total: Any = X
    for i in range(40):
        total = Op("add", total, Op("mul", Y, float(i)))
    for dialect in (FLOATS, READABLE):
        lines = text(dialect, total)
        assert max(map(len, lines)) <= dialect.longest + 40
        assert len(lines) > 3
        names = {"x": 0.5, "y": 2.0}
        exec("\n".join(lines[:-1]), {}, names)
        assert names[lines[-1][8:-2]] == 0.5 + 2.0 * sum(range(40))
    many = wrapped("y = ", " + ".join(["number"] * 20))
    assert many[0] == "y = ("
    assert many[-1] == ")"
    assert max(map(len, many)) <= 100


def test_headings_stand_before_the_first_line_of_their_section() -> None:
    inner, outer = Op("mul", X, Y), Op("neg", X)
    ops = [X, Y, inner, outer, Op("tanh", outer), Op("add", inner, 1.0)]
    sections = {2: "forward", 3: "backward", 4: "update", 5: "empty"}
    printer = Printer(READABLE, Names([]), ops, sections, [inner, ops[4]])
    assert printer.lines == ["# forward", "t1 = x * y", "# update", "t2 = np.tanh(-x)"]
    assert Printer(FLOATS, Names([]), ops, sections, [inner]).lines == ["t1 = x * y"]


@pytest.mark.parametrize("outcome", [True, False])
def test_guards_are_checked_where_they_were_met(outcome: bool) -> None:
    product = Op("mul", X, Y)
    guard = Op("guard", product, 0.0, params=("<", outcome))
    ops = [X, Y, product, guard, Op("neg", X)]
    floats = Printer(FLOATS, Names([]), ops, {}, [ops[4]])
    word = "" if outcome else "not "
    failing = f'    raise GuardError("recorded with {word}t1 < 0.0: record again for these inputs")'
    unless = "not " if outcome else ""
    assert floats.lines == ["t1 = x * y", f"if {unless}t1 < 0.0:", failing, "t2 = -x"]
    for_people = Printer(READABLE, Names([]), ops, {}, [ops[4]])
    test = "not np.all(t1 < 0)" if outcome else "np.any(t1 < 0)"
    assert for_people.lines[1:3] == [f"if {test}:", failing.replace("0.0", "0")]


def test_targets_are_checked() -> None:
    check = Op("require", X, params=(classes(3),))
    failing = "    raise ValueError('there is no class … among 3 logits')"
    floats = Printer(FLOATS, Names([]), [X, check], {}, [])
    assert floats.lines == ["if not (x >= 0 and x <= 2 and (x - 0) % 1 == 0):", failing]
    for_people = Printer(READABLE, Names([]), [X, check], {}, [])
    test = "(x >= 0) & (x <= 2) & ((x - 0) % 1 == 0)"
    assert for_people.lines == [f"if not np.all({test}):", failing]


def test_results_keep_their_nesting() -> None:
    y = Op("neg", X)
    printer = Printer(FLOATS, Names([]), [X, y], {}, [y])
    assert printer.shown([y, (0.5, None), (X,), []]) == "[t1, (0.5, None), (x,), []]"
    assert printer.shown(-math.inf) == "-inf"
    assert printer.returned((y, [X])) == ["return t1, [x]"]
    assert printer.operand(y, ATOM) == "t1"
    assert printer.operand(-1.0, ATOM) == "(-1.0)"
    assert printer.operand(-1.0, SUM) == "-1.0"


def test_nested_arguments_are_taken_apart() -> None:
    a, b, c = (given_number(label) for label in "abc")
    result = Op("add", Op("mul", a, b), c)
    arguments = [("xs", [[a], (b, c)]), ("none", []), ("y", Y)]
    assert readable("f", arguments, in_order([result]), {0: "forward"}, (result, [Y])) == (
        "def f(xs, none, y):\n"
        "    [a,], [b, c] = xs\n"
        "    [] = none\n"
        "    # forward\n"
        "    t1 = a * b + c\n"
        "    return t1, [y]\n"
    )


# ---------------------------------------------------------------- random expressions

EXACT: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "abs": abs,
    "max": max,
    "min": min,
    "select": lambda c, a, b: a if c else b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "equal": lambda a, b: a == b,
    "both": lambda a, b: a and b,
}
COMPARISONS = ["less", "less_equal", "greater", "greater_equal", "equal"]


@st.composite
def numbers(draw: st.DrawFn) -> list[Any]:
    """Some operations on x, y and constants, of whole numbers, so that all is exact."""
    made: list[Any] = [X, Y, *draw(st.lists(st.integers(-3, 3).map(float), max_size=2))]

    def pick() -> Any:
        return made[-1 - draw(st.integers(0, len(made) - 1))]

    def condition() -> ops.Op:
        first = Op(draw(st.sampled_from(COMPARISONS)), made[0], pick())
        return Op("both", condition(), first) if draw(st.booleans()) else first

    for _ in range(draw(st.integers(1, 12))):
        name = draw(st.sampled_from(["add", "sub", "mul", "neg", "abs", "max", "min", "select"]))
        if name == "select":
            made.append(Op(name, condition(), pick(), pick()))
        elif name in ("neg", "abs"):
            made.append(Op(name, made[draw(st.integers(0, 1))]))
        else:
            made.append(Op(name, pick(), X))
    return made[2:]


def evaluate(op: Any, values: dict[Any, float]) -> Any:
    if op in values or not isinstance(op, ops.Op):
        return values.get(op, op)
    values[op] = EXACT[op.name](*[evaluate(x, values) for x in op.args])
    return values[op]


@given(numbers(), st.integers(-3, 3), st.integers(-3, 3))
def test_all_dialects_compute_what_the_operations_do(ops: list[Any], x: int, y: int) -> None:
    values: dict[Any, float] = {X: float(x), Y: float(y)}
    expected = [evaluate(op, values) for op in ops]
    for dialect in (FLOATS, READABLE):
        names = Names([])
        order = [X, Y, *in_order(ops)]
        printer = Printer(dialect, names, order, {}, ops)
        body = [*printer.lines, *printer.returned(ops)]
        scope: dict[str, Any] = {"np": np, **vars(math), "abs": abs, "max": max, "min": min}
        exec(function("f", [names.of(X), names.of(Y)], body), scope)
        assert scope["f"](float(x), float(y)) == expected


# ---------------------------------------------------------------- a dialect of another language


class JavaScript(Dialect):
    """JavaScript on numbers: a dialect is a table, and what statements look like."""

    forms = FORMS | {
        "equal": ("{} === {}", CHOICE, (SUM, SUM)),
        "both": ("{} && {}", CHOICE, (CHOICE, CHOICE)),
        "select": ("({} ? {} : {})", ATOM, (CHOICE, SUM, SUM)),
    }
    functions = {"power": "pow"}
    constants = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "None": "null"}

    def function(self, name: str) -> str:
        return f"Math.{super().function(name)}"

    def assignment(self, name: str, text: str) -> list[str]:
        return [f"const {name} = {text};"]

    def heading(self, text: str) -> list[str]:
        return [f"// {text}"]

    def check(self, conditions: Sequence[str], outcome: bool, failing: str) -> list[str]:
        test = " && ".join(conditions)
        return [f"if ({f'!({test})' if outcome else test}) throw new Error();"]


def test_another_language_is_another_table() -> None:
    h = Op("tanh", Op("mul", X, Y))
    guard = Op("guard", h, 0.5, params=("<", True))
    y = Op("select", Op("both", Op("equal", X, 0.0), Op("less", Y, X)), h, Op("max", Y, -math.inf))
    ops = in_order([X, Y, guard, y])
    printer = Printer(JavaScript(), Names([]), ops, {0: "forward"}, [y])
    assert printer.lines == [
        "// forward",
        "const t1 = Math.tanh(x * y);",
        "if (!(t1 < 0.5)) throw new Error();",
        "const t2 = (x === 0.0 && y < x ? t1 : Math.max(y, -Infinity));",
    ]
    assert printer.shown([y, None]) == "[t2, null]"


# ---------------------------------------------------------------- arrays


def test_choices_between_numbers_have_the_precision_of_the_arrays() -> None:
    kind: dict[str, Any] = {"shape": (2,), "dtype": np.dtype("float32")}
    x, whole = Op("", label="x", **kind), Op("", label="k", shape=(2,), dtype=np.dtype("int64"))
    for like in (x, whole):
        flags = Op("less", like, 1.0, shape=(2,), dtype=np.dtype(bool))
        both = Op("both", flags, flags, shape=(2,), dtype=np.dtype(bool))
        for condition in (flags, both):
            y = Op("select", condition, 1.0, 2.0, **kind)
            source = readable("f", [("x", x), ("k", whole)], in_order([y]), {}, y)
            names: dict[str, Any] = {"np": np}
            exec(source, names)
            result = names["f"](np.array([0.5, 1.5], "float32"), np.array([0, 1]))
            assert result.dtype == np.float32
            assert result.tolist() == [1.0, 2.0]


def test_the_text_brings_the_function_that_it_needs() -> None:
    g = Op("", label="g", shape=(2,), dtype=np.dtype(float))
    whole = Op("scatter", g, params=((slice(1, None), 0), (3, 2)), shape=(3, 2))
    source = readable("f", [("g", g)], [g, whole], {}, whole)
    assert [line.strip() for line in source.split("\n")[1:5]] == [x.strip() for x in SCATTER[:4]]
    assert "\n\n" in source
    names: dict[str, Any] = {"np": np}
    exec(source, names)
    assert names["f"](np.array([1.0, 2.0])).tolist() == [[0, 0], [1, 0], [2, 0]]


def test_the_printer_loads_no_numpy() -> None:
    code = "import sys, engine.program.write; print('numpy' in sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "False\n"


def test_the_readable_text_tells_0_from_minus_0() -> None:
    f = record(lambda x: (1 / engine.where(x > 0, x, -0.0)).sum(), np.array([1.0]))
    names: dict[str, Any] = {"np": np}
    exec(f.source, names)
    (text,) = (x for name, x in names.items() if callable(x) and name != "np")
    with np.errstate(all="ignore"):
        assert f(np.array([-2.0]))[0] == text(np.array([-2.0]))[0] == -math.inf
