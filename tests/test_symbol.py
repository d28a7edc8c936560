"""Numbers that are formulas: their text means what was computed, and their LaTeX compiles."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies_local import NAMES, ROWS, Case, any_cases, close, kinks, smooth_cases

import engine
from engine import Rule, Symbol
from engine.numbers import apply
from engine.reals import REALS, Real
from engine.symbol import FORMULAS

SIGNS = {
    "·": "*", "−": "-", "^": "**", "≤": "<=", "≥": ">=", "√": "sqrt", "σ": "sigmoid", "∞": "inf",
    " = ": " == ",
}  # fmt: skip
FUNCTIONS = {name: getattr(engine, name) for name in NAMES if name not in ("sum", "abs")}


class Number(float):
    """A float with the operators of the table, so that nothing raises."""

    def __truediv__(self, other: float) -> Number:
        return Number(engine.div(float(self), float(other)))

    def __rtruediv__(self, other: float) -> Number:
        return Number(engine.div(float(other), float(self)))

    def __pow__(self, other: float) -> Number:  # type: ignore[override]
        return Number(engine.pow(float(self), float(other)))

    def __rpow__(self, other: float) -> Number:  # type: ignore[override]
        return Number(engine.pow(float(other), float(self)))

    def __add__(self, other: float) -> Number:
        return Number(float(self) + float(other))

    def __sub__(self, other: float) -> Number:
        return Number(float(self) - float(other))

    def __rsub__(self, other: float) -> Number:
        return Number(float(other) - float(self))

    def __mul__(self, other: float) -> Number:
        return Number(float(self) * float(other))

    def __neg__(self) -> Number:
        return Number(-float(self))

    __radd__, __rmul__ = __add__, __mul__


def meaning(text: str, **variables: float) -> float:
    """What a formula's text means, read by Python's own rules of precedence."""
    for sign, python in SIGNS.items():
        text = text.replace(sign, python)
    while "|" in text:  # |x| without another inside
        text, found = re.subn(r"\|([^|]*)\|", r"fabs(\1)", text, count=1)
        assert found, text
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d*)?(?:e[-+]?\d+)?)", r"Number(\1)", text)
    names: dict[str, Any] = {
        **{name: lambda *xs, f=f: Number(f(*map(float, xs))) for name, f in FUNCTIONS.items()},
        **{name: Number(x) for name, x in variables.items()},
        "fabs": lambda x: Number(math.fabs(x)),
        "inf": Number(math.inf),
        "nan": Number(math.nan),
        "Number": Number,
    }
    return float(eval(text, {"__builtins__": {}}, names))


def formulas(row: Rule, count: int, params: Sequence[Any]) -> tuple[list[str], Any, list[Any]]:
    """The names of a row's arguments, its formula, and those of its partials with result y."""
    names = [f"x{i}" for i in range(count)]
    args = [Symbol(name) for name in names]
    value = row.evaluate(FORMULAS, args, params)
    return names, value, row.differentiate(FORMULAS, Symbol("y"), args, params)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_text_of_every_row_and_partial_means_its_value(row: Rule) -> None:
    @given(smooth_cases(row))
    def holds(case: Case) -> None:
        names, value, partials = formulas(row, len(case.args), case.params)
        y = apply(row, case.args, case.params)
        variables = dict(zip(names, case.args, strict=True))
        assert close(meaning(str(value), **variables), y, 1e-12, 1e-14)
        args = [Real(x) for x in case.args]
        expected = row.differentiate(REALS, Real(y), args, case.params)
        for text, slope in zip(map(str, partials), expected, strict=True):
            assert close(meaning(text, y=y, **variables), float(slope), 1e-11, 1e-13), text

    holds()


# ---------------------------------------------------------------- whole formulas

LEAVES = st.one_of(
    st.sampled_from("abc").map(Symbol),
    st.sampled_from([2, -1, 0.5, -2.5, 3.0, 10, 1e-5, -1e-5, 1e20, 1 / 3]),
)
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(engine, name) for name in ("add", "sub", "mul", "div", "pow", "neg")},
    **{name: getattr(engine, name) for name in ("tanh", "sqrt", "sigmoid", "exp", "relu", "max")},
    "square": lambda x: engine.power(x, 2),
    "clip": lambda x: engine.clip(x, -1.0, 1.0),
}
BINARY = ("add", "sub", "mul", "div", "pow", "max")
Tree = Any  # a symbol, a number, or an operation's name and its operands


def combine(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    unary = sorted(set(OPERATIONS) - set(BINARY))
    return st.one_of(
        st.tuples(st.sampled_from(BINARY), inner, inner), st.tuples(st.sampled_from(unary), inner)
    )


TREES = st.recursive(LEAVES, combine, max_leaves=8)


def build(tree: Tree, **values: float) -> Any:
    """The tree's formula, or its value if its variables have some."""
    if isinstance(tree, Symbol):
        return values.get(tree.name, tree)
    if not isinstance(tree, tuple):
        return tree
    name, *operands = tree
    return OPERATIONS[name](*(build(operand, **values) for operand in operands))


@given(TREES)
def test_the_text_of_any_formula_means_what_was_computed(tree: Any) -> None:
    values = {"a": 0.7, "b": -1.3, "c": 2.1}
    formula = build(tree)
    if isinstance(formula, Symbol):
        expected = float(build(tree, **values))
        assert close(meaning(str(formula), **values), expected, 1e-9, 1e-12), str(formula)


WRITTEN = {  # for each row: micrograd's name, the pictures' sign, text and LaTeX
    "add": ("+", "+", "a + b", r"a + b"),
    "sub": ("-", "−", "a − b", r"a - b"),
    "mul": ("*", "×", "a·b", r"a \cdot b"),
    "div": ("/", "÷", "a/b", r"\frac{a}{b}"),
    "neg": ("-", "−", "−a", r"-a"),
    "power": ("**2", "^2", "a^2", r"a^{2}"),
    "pow": ("**", "^", "a^b", r"a^{b}"),
    "exp": ("exp", "exp", "exp(a)", r"\exp\left(a\right)"),
    "expm1": ("expm1", "expm1", "expm1(a)", r"\operatorname{expm1}\left(a\right)"),
    "log": ("log", "log", "log(a)", r"\log\left(a\right)"),
    "log1p": ("log1p", "log1p", "log1p(a)", r"\operatorname{log1p}\left(a\right)"),
    "sqrt": ("sqrt", "√", "√(a)", r"\sqrt{a}"),
    "sin": ("sin", "sin", "sin(a)", r"\sin\left(a\right)"),
    "cos": ("cos", "cos", "cos(a)", r"\cos\left(a\right)"),
    "tan": ("tan", "tan", "tan(a)", r"\tan\left(a\right)"),
    "asin": ("asin", "asin", "asin(a)", r"\arcsin\left(a\right)"),
    "acos": ("acos", "acos", "acos(a)", r"\arccos\left(a\right)"),
    "atan": ("atan", "atan", "atan(a)", r"\arctan\left(a\right)"),
    "sinh": ("sinh", "sinh", "sinh(a)", r"\sinh\left(a\right)"),
    "cosh": ("cosh", "cosh", "cosh(a)", r"\cosh\left(a\right)"),
    "tanh": ("tanh", "tanh", "tanh(a)", r"\tanh\left(a\right)"),
    "sigmoid": ("sigmoid", "σ", "σ(a)", r"\sigma\left(a\right)"),
    "softplus": ("softplus", "softplus", "softplus(a)", r"\operatorname{softplus}\left(a\right)"),
    "relu": ("ReLU", "ReLU", "relu(a)", r"\operatorname{relu}\left(a\right)"),
    "leaky_relu": (
        "leaky_relu", "leaky ReLU",
        "leaky_relu(a, 0.01)", r"\operatorname{leaky\_relu}\left(a, 0.01\right)",
    ),
    "elu": ("elu", "ELU", "elu(a, 1)", r"\operatorname{elu}\left(a, 1\right)"),
    "silu": ("silu", "SiLU", "silu(a)", r"\operatorname{silu}\left(a\right)"),
    "gelu": ("gelu", "GELU", "gelu(a)", r"\operatorname{gelu}\left(a\right)"),
    "erf": ("erf", "erf", "erf(a)", r"\operatorname{erf}\left(a\right)"),
    "erfc": ("erfc", "erfc", "erfc(a)", r"\operatorname{erfc}\left(a\right)"),
    "abs": ("abs", "|·|", "|a|", r"\left|a\right|"),
    "max": ("max", "max", "max(a, b)", r"\max\left(a, b\right)"),
    "min": ("min", "min", "min(a, b)", r"\min\left(a, b\right)"),
    "clip": ("clip", "clip", "clip(a, −1, 1)", r"\operatorname{clip}\left(a, -1, 1\right)"),
    "softmax_entry": (
        "softmax_entry", "softmax",
        "softmax_entry(a, b)", r"\operatorname{softmax\_entry}\left(a, b\right)",
    ),
    "binary_cross_entropy": (
        "binary_cross_entropy", "binary cross-entropy",
        "binary_cross_entropy(a, b)", r"\operatorname{binary\_cross\_entropy}\left(a, b\right)",
    ),
    "sum": ("sum", "Σ", "a + b", "a + b"),
    "mean": ("mean", "mean", "(a + b)/2", r"\frac{a + b}{2}"),
    "dot": ("dot", "Σxy", "a·b", r"a \cdot b"),
    "affine": ("affine", "Σwx+b", "a·b + c", r"a \cdot b + c"),
    "logsumexp": ("logsumexp", "log Σ exp", "log(exp(a) + exp(b))", None),
    "cross_entropy": ("cross_entropy", "cross-entropy", None, None),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_row_is_written_as_its_readers_expect(row: Rule) -> None:
    op, sign, text, latex = WRITTEN[row.name]
    params = row.samples[0]
    letters = "abc"[: 3 if row.name == "affine" else 2 if row.variadic else row.arity]
    node = apply(row, [engine.Value(0.5) for _ in letters], params)
    assert (node._op, node.sign) == (op, sign)
    formula = apply(row, [Symbol(letter) for letter in letters], params)
    assert text is None or str(formula) == text
    assert latex is None or formula.latex() == latex


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (lambda x, y: x * y + x.tanh(), "x·y + tanh(x)", r"x \cdot y + \tanh\left(x\right)"),
        (lambda x, y: (x + y) * 2, "(x + y)·2", r"\left(x + y\right) \cdot 2"),
        (lambda x, y: x - (y - x), "x − (y − x)", r"x - \left(y - x\right)"),
        (lambda x, y: (x - y) - x, "x − y − x", "x - y - x"),
        (lambda x, y: x / (y * x), "x/(y·x)", r"\frac{x}{y \cdot x}"),
        (lambda x, y: (x + 1) / y, "(x + 1)/y", r"\frac{x + 1}{y}"),
        (lambda x, y: (-x) ** 2, "(−x)^2", r"\left(-x\right)^{2}"),
        (lambda x, y: -(x**2), "−x^2", "-x^{2}"),
        (lambda x, y: -(x + y), "−(x + y)", r"-\left(x + y\right)"),
        (lambda x, y: (x**y) ** 3, "(x^y)^3", r"\left(x^{y}\right)^{3}"),
        (lambda x, y: x ** (y + 1), "x^(y + 1)", "x^{y + 1}"),
        (lambda x, y: x**-1, "x^(−1)", "x^{-1}"),
        (lambda x, y: x * -2, "x·(−2)", r"x \cdot \left(-2\right)"),
        (lambda x, y: x * -y, "x·(−y)", r"x \cdot \left(-y\right)"),
        (lambda x, y: -(x * y), "−(x·y)", r"-\left(x \cdot y\right)"),
        (lambda x, y: x.sqrt(), "√(x)", r"\sqrt{x}"),
        (lambda x, y: x.sigmoid(), "σ(x)", r"\sigma\left(x\right)"),
        (lambda x, y: abs(x - y), "|x − y|", r"\left|x - y\right|"),
        (lambda x, y: x.exp(), "exp(x)", r"\exp\left(x\right)"),
        (lambda x, y: 2 - x, "2 − x", "2 - x"),
        (lambda x, y: 2**x, "2^x", "2^{x}"),
        (lambda x, y: x.max(y), "max(x, y)", r"\max\left(x, y\right)"),
    ],
)
def test_formulas_are_written_as_people_write_them(formula: Any, text: str, latex: str) -> None:
    found = formula(Symbol("x"), Symbol("y"))
    assert str(found) == text
    assert found.latex() == latex


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"), (0.5, "0.5"), (-2, "−2"), (math.inf, "∞"), (-math.inf, "−∞"), (1e16, None),
        (0.1 + 0.2, "0.30000000000000004"), (1 / 3, "0.3333333333333333"), (100.0, "100"),
    ],
)  # fmt: skip
def test_numbers_are_as_short_as_they_stay_exact(number: float, text: str | None) -> None:
    shown = str(Symbol("x").max(number)).removeprefix("max(x, ").removesuffix(")")
    assert text is None or shown == text
    assert "-" not in shown


@pytest.mark.parametrize("number", [1e-5, 1e20, -2.5e-300, 5e-324])
def test_very_large_and_very_small_numbers_are_read_as_one_number(number: float) -> None:
    formula = Symbol("x") * number
    assert "-" not in str(formula)
    assert "e" not in formula.latex().replace("left", "").replace("right", "")
    assert_compiles(formula.latex())


def test_repr_shows_the_formula() -> None:
    assert repr(Symbol("x") + 1) == "Symbol(x + 1)"
    assert str(Symbol("x")) == "x"


@pytest.mark.parametrize("wrong", ["2", None, [1.0]], ids=lambda x: type(x).__name__)
def test_only_numbers_are_combined_with_symbols(wrong: Any) -> None:
    with pytest.raises(TypeError):
        str(Symbol("x") + wrong)


def test_functions_of_sequences_are_written_out() -> None:
    x, y = Symbol("x"), Symbol("y")
    assert str(engine.sum([x, y, 2.0])) == "x + y + 2"
    assert str(engine.dot([x, y], [2.0, 3.0])) == "x·2 + y·3"
    assert str(engine.mean([x, y])) == "(x + y)/2"
    assert str(engine.logsumexp([x, y])) == "log(exp(x) + exp(y))"


def test_a_formula_that_would_not_end_is_refused() -> None:
    x = Symbol("x")
    for _ in range(60):
        x = x + x
    with pytest.raises(ValueError, match="longer than"):
        str(x)
    with pytest.raises(ValueError, match="longer than"):
        x.latex()


def test_a_deep_formula_is_written_without_recursion() -> None:
    x = Symbol("x")
    for _ in range(3_000):
        x = x + 1
    assert str(x).count("+") == 3_000
    y = Symbol("x")
    for _ in range(300):
        y = y.tanh()
    assert y.latex().count("tanh") == 300


# ---------------------------------------------------------------- LaTeX


def assert_compiles(latex: str) -> None:
    r"""Assert that TeX would read it: groups closed, ``\left`` matched, no double superscript."""
    tokens = re.findall(r"\\[a-zA-Z]+|\\.|[{}^_&|()]|[^\\{}^_&|()\s]+", latex)
    stack: list[str] = []
    scripted: list[bool] = [False]  # whether the last atom of each open group has a superscript
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token in ("{", r"\left"):
            if token == r"\left":
                i += 1
                assert tokens[i] in ("(", "|", ".", "["), latex
            stack.append(token)
            scripted.append(False)
        elif token in ("}", r"\right"):
            if token == r"\right":
                i += 1
                assert tokens[i] in (")", "|", ".", "]"), latex
            assert stack, latex
            assert stack.pop() == {"}": "{", r"\right": r"\left"}[token], latex
            scripted.pop()
            scripted[-1] = scripted[-1] and token == "}" and superscript_ends(tokens, i)
        elif token in (r"\begin", r"\end"):
            assert tokens[i + 1 : i + 4] == ["{", "cases", "}"], latex
            i += 3
            if token == r"\begin":
                stack.append("cases")
                scripted.append(False)
            else:
                assert stack.pop() == "cases", latex
                scripted.pop()
                scripted[-1] = False
        elif token == "^":
            assert not scripted[-1], f"double superscript: {latex}"
            scripted[-1] = True
        elif token == "&" or token == r"\\":
            assert stack[-1:] == ["cases"], latex
            scripted[-1] = False
        else:
            scripted[-1] = False
        i += 1
    assert not stack, latex
    assert latex.isascii() or "∞" not in latex, latex


def superscript_ends(tokens: list[str], end: int) -> bool:
    """Whether the group that ends there is a superscript: another one after it is an error."""
    depth = 0
    for i in range(end, -1, -1):
        depth += (tokens[i] == "}") - (tokens[i] == "{")
        if depth == 0:
            return i > 0 and tokens[i - 1] == "^"
    return False


def test_the_checker_of_latex_checks() -> None:
    for good in (r"x^{2}", r"\frac{x^{2}}{y}^{3}", r"\left(e^{x}\right)^{2}", r"e^{x^{2}}"):
        assert_compiles(good)
    for bad in (r"e^{x}^{2}", r"x^{2", r"\left(x", r"x}", r"x & y", r"\left(x}"):
        with pytest.raises(AssertionError):
            assert_compiles(bad)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_latex_of_every_row_and_partial_compiles(row: Rule) -> None:
    for params in row.samples:
        count = 3 if row.variadic else row.arity
        _, value, partials = formulas(row, count, params)
        for formula in (value, *partials):
            if isinstance(formula, Symbol):
                assert_compiles(formula.latex())


@given(TREES)
@example(("square", ("exp", Symbol("a"))))
@example(("pow", ("exp", Symbol("a")), ("exp", Symbol("b"))))
def test_the_latex_of_any_formula_compiles(tree: Any) -> None:
    formula = build(tree)
    if isinstance(formula, Symbol):
        assert_compiles(formula.latex())


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_kinks_of_every_row_are_formulas_and_numbers(row: Rule) -> None:
    @given(any_cases(row))
    def holds(case: Case) -> None:
        assert all(isinstance(x, float) for x in kinks(row, case))

    holds()
