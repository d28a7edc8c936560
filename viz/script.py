"""Two ways of writing mathematics: Unicode text and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine import TABLE, Symbol, Value
from engine.symbol import WHERE, SymbolMathematics, order, write
from engine.symbol import latex as in_latex
from engine.symbol import plain as in_text

from .names import Name, latex_text
from .text import rounded, term

DIGITS = 6  # significant ones of a number
LONGEST = 300  # characters of a formula
MOST_ARGUMENTS = 40  # of an operation whose formula is written out


class Script:
    """Writes names, numbers and formulas as Unicode text."""

    style = staticmethod(in_text)
    arrow, dots, times, transposed = " ← ", "…", " ⊙ ", "ᵀ"

    def name(self, name: Name) -> str:
        """A node's name; one that is no word stands in parentheses."""
        return term(str(name))

    def derivative(self, upper: str, lower: str) -> str:
        """∂upper/∂lower."""
        return f"∂{upper}/∂{lower}"

    def embraced(self, formula: str) -> str:
        """A formula in parentheses."""
        return f"({formula})"

    def gradient(self, name: str) -> str:
        """The gradient of the output by what has that name: δh."""
        return f"δ{name}"

    def number(self, x: float) -> str:
        """A number to six digits."""
        return rounded(x, DIGITS)

    def quantity(self, x: float) -> Symbol:
        """A number in a formula, which puts it in parentheses where it must."""
        if math.isnan(x) or math.copysign(1.0, x) > 0 or x == 0:
            return self.magnitude(x)
        return Symbol(head=TABLE["neg"], args=(self.magnitude(-x),))

    def magnitude(self, x: float) -> Symbol:
        """A number that is not negative."""
        return Symbol(self.number(x))

    def words(self, text: str) -> str:
        """Words between formulas."""
        return text

    def layer(self, letter: str, layer: int) -> str:
        """A letter with the number of its layer above: W⁽¹⁾."""
        return letter + "⁽" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[layer] + "⁾"

    def matrix(self, rows: Sequence[Sequence[float]]) -> str:
        """The entries of a matrix, row by row."""
        return "[" + ", ".join(f"[{', '.join(map(self.number, row))}]" for row in rows) + "]"

    def write(self, formula: Any) -> str:
        """A formula; of one that is too long, only how long it is."""
        text = write(formula, self.style)
        if isinstance(formula, Symbol) and formula.head is WHERE and self.style is in_text:
            text = f"({text})"
        return text if len(text) <= LONGEST else self.words(f"(… {len(text):,} characters …)")


class Latex(Script):
    """Writes names, numbers and formulas in LaTeX's mathematics mode."""

    style = staticmethod(in_latex)
    arrow, dots, times, transposed = r" \leftarrow ", r"\dots", r" \odot ", r"^{\top}"

    def name(self, name: Name) -> str:
        """A node's name; one that is no word stands in parentheses."""
        return name.latex() if term(str(name)) == str(name) else rf"\left({name.latex()}\right)"

    def derivative(self, upper: str, lower: str) -> str:
        """The fraction of two differentials."""
        return rf"\frac{{\partial {upper}}}{{\partial {lower}}}"

    def embraced(self, formula: str) -> str:
        """A formula in parentheses."""
        return rf"\left({formula}\right)"

    def gradient(self, name: str) -> str:
        """The gradient of the output by what has that name."""
        return rf"\delta_{{{name}}}"

    def number(self, x: float) -> str:
        """A number to six digits, with a power of ten where it has an exponent."""
        if not math.isfinite(x):
            return r"\text{nan}" if math.isnan(x) else r"\infty" if x > 0 else r"-\infty"
        digits, _, exponent = rounded(x, DIGITS).replace("−", "-").partition("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits

    def magnitude(self, x: float) -> Symbol:
        """A number that is not negative, as a product if it has a power of ten."""
        digits, _, power = self.number(x).partition(r" \cdot ")
        return Symbol(digits) * Symbol(power) if power else Symbol(digits)

    def words(self, text: str) -> str:
        """Words between formulas."""
        return rf"\text{{{latex_text(text)}}}"

    def layer(self, letter: str, layer: int) -> str:
        """A letter with the number of its layer above."""
        return f"{{{letter}^{{({layer})}}}}"

    def matrix(self, rows: Sequence[Sequence[float]]) -> str:
        """The entries of a matrix, row by row."""
        lines = r" \\ ".join(" & ".join(map(self.number, row)) for row in rows)
        return rf"\begin{{pmatrix}} {lines} \end{{pmatrix}}"


# ---------------------------------------------------------------- a node's formulas


class Decided(SymbolMathematics):
    """Formulas in which a choice between known numbers is made: (x²)′ is 2·x."""

    def equal(self, a: Any, b: Any) -> Any:
        """Whether two numbers are equal."""
        known = not isinstance(a, Symbol) and not isinstance(b, Symbol)
        return a == b if known else super().equal(a, b)

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other."""
        if isinstance(condition, bool):
            return yes if condition else no
        return super().where(condition, yes, no)


FORMULAS = Decided()


def value_formula(node: Value, symbols: Mapping[Value, Any]) -> Any:
    """How a node is computed, as a formula of its arguments' symbols; None if it is too long."""
    row, args = node.rule, [symbols[arg] for arg in node.args]
    if row is None or len(args) > MOST_ARGUMENTS:
        return None
    if row.variadic:
        return simplified(row.evaluate(FORMULAS, args, node.params))
    return simplified(Symbol(head=row, args=(*args, *node.params)))


def partial_formulas(node: Value, symbols: Mapping[Value, Any]) -> list[Any] | None:
    """A node's local derivatives, as the table's row writes them; None if they are too long."""
    row, args = node.rule, [symbols[arg] for arg in node.args]
    if row is None or len(args) > MOST_ARGUMENTS:
        return None
    formulas = row.differentiate(FORMULAS, symbols[node], args, node.params)
    return [simplified(formula) for formula in formulas]


def simplified(formula: Any) -> Any:
    """The formula without factors of 1, exponents of 1 and summands of 0."""
    short: dict[int, Any] = {}

    def of(x: Any) -> Any:
        return short.get(id(x), x) if isinstance(x, Symbol) else x

    for part in order([formula]):
        args = [of(arg) for arg in part.args]
        name = part.head.name if part.head else ""
        short[id(part)] = part
        if name == "mul" and 1 in numbers(args):
            short[id(part)] = args[1 - numbers(args).index(1)]
        elif len(args) == 2 and numbers(args)[1] == {"power": 1, "add": 0, "sub": 0}.get(name):
            short[id(part)] = args[0]
        elif part.head:
            short[id(part)] = Symbol(head=part.head, args=args)
    return of(formula)


def numbers(args: Sequence[Any]) -> list[float]:
    """The arguments that are numbers, nan for those that are formulas."""
    return [math.nan if isinstance(x, Symbol) else float(x) for x in args]
