"""Two ways of writing mathematics: Unicode text and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from engine import TABLE, Symbol
from engine.rule import CHOICE
from engine.symbol import WHERE, write
from engine.symbol import latex as in_latex
from engine.symbol import plain as in_text

from .names import Name, latex_text
from .text import balanced, rounded, term

DIGITS = 6  # significant ones of a number
LONGEST = 300  # characters of a formula


class Script:
    """Writes names, numbers and formulas as Unicode text."""

    left, right = "(", ")"
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

    def style(self, head: Any, args: list[tuple[str, int]]) -> tuple[str, int]:
        """An operation on what is written already."""
        return in_text(head, [self.bare(*arg) for arg in args])

    def bare(self, text: str, level: int) -> tuple[str, int]:
        """A name in parentheses without them: they come back where they are needed."""
        inner = text.removeprefix(self.left).removesuffix(self.right)
        enclosed = len(inner) == len(text) - len(self.left) - len(self.right)
        return (
            (inner, CHOICE)
            if enclosed and balanced(inner, self.left, self.right)
            else (text, level)
        )

    def write(self, formula: Any) -> str:
        """A formula; of one that is too long, only how long it is."""
        text = write(formula, self.style)
        if isinstance(formula, Symbol) and formula.head is WHERE and self.left == "(":
            text = f"({text})"
        return text if len(text) <= LONGEST else self.words(f"(… {len(text):,} characters …)")


class Latex(Script):
    """Writes names, numbers and formulas in LaTeX's mathematics mode."""

    left, right = r"\left(", r"\right)"
    arrow, dots, times, transposed = r" \leftarrow ", r"\dots", r" \odot ", r"^{\top}"

    def name(self, name: Name) -> str:
        """A node's name; one that is no word stands in parentheses."""
        return name.latex() if term(str(name)) == str(name) else rf"\left({name.latex()}\right)"

    def style(self, head: Any, args: list[tuple[str, int]]) -> tuple[str, int]:
        """An operation on what is written already."""
        return in_latex(head, [self.bare(*arg) for arg in args])

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
