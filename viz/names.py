"""What nodes are called: in pictures of paths and in derivations, no two of them alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from engine import Symbol, Value
from engine.rule import ATOM
from engine.symbol import latex as in_latex
from engine.symbol import plain as in_text
from engine.symbol import write

from .formulas import FORMULAS
from .text import powers_raised, printable, rounded, shorten, term

LEAVES = {"input": "in", "parameter": "p"}
LONGEST = 20  # characters of an expression that is a name
MOST_ARGUMENTS = 4  # of an operation that is written out in a name


class Name(NamedTuple):
    """A node's name, which no other node of its graph has.

    Attributes:
        label: the user's label; without one what the node is: a number, a short expression such
            as ``(a·2 + 1)``, or which of its kind it is, ``tanh₃``, ``in₂``.
        place: what tells it from others of the same label: ``1.0`` for layer 1, neuron 0; often "".
        formula: the label in LaTeX, where the user has given none.
    """

    label: str
    place: str = ""
    formula: str = ""

    def __str__(self) -> str:
        return f"{self.label}[{self.place}]" if self.place else self.label

    @property
    def expression(self) -> bool:
        """Whether it says how the node is computed."""
        return bool(self.formula) and self.label.endswith(")")

    def latex(self) -> str:
        r"""The name in LaTeX's mathematics mode: ``w_{0}``, ``{z_{1}^{[0.1]}}``."""
        name = self.formula or latex_label(self.label)
        place = self.place if re.fullmatch(r"[\d.]*", self.place) else latex_word(self.place)
        return f"{{{name}^{{[{place}]}}}}" if place else name


def names(order: Sequence[Value]) -> dict[Value, Name]:
    """The names of all nodes of a graph, given in topological order."""
    bare = bare_names(order)
    often = Counter(name.label for name in bare)
    found: dict[Value, Name] = {}
    used: set[str] = set()
    typeset: set[str] = set()  # x1, x_1 and x₁ are alike in LaTeX
    again: Counter[tuple[str, str]] = Counter()
    for node, name in zip(order, bare, strict=True):
        place = "" if often[name.label] == 1 else short_scope(node.scope)
        told = bool(place) or often[name.label] == 1
        unique = name._replace(place=place)
        again[name.label, place] += 1
        # A label may look like another's with a place.
        while not told or str(unique) in used or (tex := unique.latex()) in typeset:
            which = str(again[name.label, place])
            unique = name._replace(place=f"{place}#{which}" if place else which)
            again[name.label, place] += told
            told = True
        used.add(str(unique))
        typeset.add(tex)
        found[node] = unique
    return found


def short_scope(scope: str) -> str:
    """A place in a network by its numbers: ``0.3`` for ``layers.0.neurons.3``."""
    return ".".join(re.findall(r"\d+", scope)) or shorten(printable(scope))


# ---------------- what a node without a label is


class Expression(NamedTuple):
    """A name or a short expression, to be written within another: in text and in LaTeX."""

    text: Any
    latex: Any
    length: int


def bare_names(order: Sequence[Value]) -> list[Name]:
    """What each node would be called if it were the only one that is called so.

    What is computed alike from what is called alike has one expression: a network has few.
    """
    found: list[Name] = []
    known: dict[Value, Expression] = {}
    made: dict[object, tuple[Name, Expression] | None] = {}
    kinds: Counter[str] = Counter()
    for node in order:
        sign = printable(node.sign)
        kinds[sign] += 1
        label = shorten(printable(node.label).strip())
        if label or not node.args:
            name = Name(label) if label else leaf(node, kinds)
            number = None if label or node.role != "constant" else float(f"{node.data:.4g}")
            if name not in made:
                made[name] = name, quoted(name, number)
            same = made[name]
        else:
            parts = tuple(id(known.get(arg)) for arg in node.args[: MOST_ARGUMENTS + 1])
            key = (id(node.rule), parts, repr(node.params))
            if key not in made:
                made[key] = expressed(node, known)
            same = made[key]
        if same:
            name, known[node] = same
        else:
            name = nth(sign, kinds[sign])  # and what is made of it gets no expression either
        found.append(name)
    return found


def quoted(name: Name, number: float | None) -> Expression:
    """A name, or the number of a constant, within an expression."""
    if number is not None:
        return Expression(number, number, len(name.label))
    text = term(name.label)
    return Expression(Symbol(text), Symbol(name.latex()), len(text))


def leaf(node: Value, kinds: Counter[str]) -> Name:
    """A number, or which input or parameter it is."""
    if node.role == "constant":
        return Name(rounded(node.data, 4))
    sign = LEAVES.get(node.role, "v")
    kinds[sign] += 1
    return nth(sign, kinds[sign])


def expressed(node: Value, known: Mapping[Value, Expression]) -> tuple[Name, Expression] | None:
    """How a node is computed: as its name, in parentheses unless it is a call; None if too long."""
    row, args = node.rule, [known.get(arg) for arg in node.args[: MOST_ARGUMENTS + 1]]
    terms = [arg for arg in args if arg]
    if row is None or len(terms) < len(args) or len(args) > MOST_ARGUMENTS:
        return None
    if sum(arg.length for arg in terms) > LONGEST:
        return None
    texts, latex = [arg.text for arg in terms], [arg.latex for arg in terms]
    if row.variadic:
        formulas = [row.evaluate(FORMULAS, parts, node.params) for parts in (texts, latex)]
    else:
        formulas = [Symbol(head=row, args=(*parts, *node.params)) for parts in (texts, latex)]
    if not all(isinstance(formula, Symbol) and formula.head for formula in formulas):
        return None
    text = write(formulas[0], in_text)
    if len(text) > LONGEST - 2:
        return None
    name, tex = powers_raised(text), write(formulas[1], in_latex)
    if formulas[0].head.level < ATOM or not text.endswith(")"):  # but σ(x) is enough
        name, tex = f"({name})", rf"\left({tex}\right)"
    return Name(name, formula=tex), Expression(formulas[0], formulas[1], len(text))


def nth(sign: str, index: int) -> Name:
    """The node of that index among those of its operation: ``tanh₃``."""
    sign = "pow" if sign.startswith("^") else shorten(sign) or "v"
    word = latex_label(sign) if sign.isidentifier() else latex_word(sign)
    return Name(f"{sign}{str(index).translate(LOWERED)}", formula=f"{{{word}}}_{{{index}}}")


# ---------------- LaTeX

_SIMPLE = re.compile(r"([^\W\d_]+)_?([0-9₀-₉]*)", re.ASCII)
_GREEK = re.compile(r"([α-ωΑ-Ω])_?([0-9₀-₉]*)")
_GREEK_LETTER = re.compile("[α-ωΑ-Ω]")
_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ESCAPES = str.maketrans(
    {c: "\\" + c for c in "#$%&_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    | {"<": "$<$", ">": "$>$"}  # which, besides, no browser takes for a tag
    | {"·": r"$\cdot$", "−": "$-$", "×": r"$\times$", "∂": r"$\partial$"}
)


@lru_cache(4096)  # a network has many nodes of few labels
def latex_label(label: str) -> str:
    r"""A label in mathematics mode: letters with an index as such, all else as text."""
    if match := _GREEK.fullmatch(label):
        letter, index = greek(match[1]), match[2]
    elif match := _SIMPLE.fullmatch(label):
        letter, index = match.groups()
        letter = letter if len(letter) == 1 else rf"\mathrm{{{letter}}}"
    else:
        return latex_word(label)
    return f"{letter}_{{{index.translate(_SUBSCRIPTS)}}}" if index else letter


def greek(letter: str) -> str:
    """A Greek letter in mathematics mode; TeX has no commands for those that look Latin."""
    if letter in _LATIN:
        return _LATIN[letter]
    name = unicodedata.name(letter).split()[-1].replace("LAMDA", "LAMBDA").lower()
    return "\\" + (name.capitalize() if letter.isupper() else name)


def latex_word(text: str) -> str:
    """User text in mathematics mode."""
    return rf"\text{{{latex_text(text)}}}"


def latex_text(text: str) -> str:
    """User text in which every character means itself."""
    return _GREEK_LETTER.sub(lambda match: f"${greek(match[0])}$", text.translate(_ESCAPES))
