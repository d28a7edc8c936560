"""What nodes are called: in pictures of paths and in derivations, no two of them alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from engine import Value

from .text import printable, shorten


class Name(NamedTuple):
    """A node's name, which no other node of its graph has.

    Attributes:
        label: the user's label, or ``v3`` for the fourth node in topological order.
        place: what tells it from others of the same label: ``1.0`` for layer 1, neuron 0; often "".
    """

    label: str
    place: str

    def __str__(self) -> str:
        return f"{self.label}[{self.place}]" if self.place else self.label

    def latex(self) -> str:
        r"""The name in LaTeX's mathematics mode: ``w_{0}``, ``{z_{1}^{[0.1]}}``."""
        name = latex_label(self.label)
        place = self.place if re.fullmatch(r"[\d.]*", self.place) else latex_word(self.place)
        return f"{{{name}^{{[{place}]}}}}" if place else name


def names(order: Sequence[Value]) -> dict[Value, Name]:
    """The names of all nodes of a graph, given in topological order."""
    labels = [shorten(printable(str(node.label))) or f"v{i}" for i, node in enumerate(order)]
    often = Counter(labels)
    found: dict[Value, Name] = {}
    used: Counter[Name] = Counter()
    for node, label in zip(order, labels, strict=True):
        place = "" if often[label] == 1 else short_scope(node.scope)
        name = Name(label, place)
        used[name] += 1
        if used[name] > 1 or (often[label] > 1 and not place):
            name = Name(label, f"{place}#{used[name]}" if place else str(used[name]))
        found[node] = name
    return found


def short_scope(scope: str) -> str:
    """A place in a network by its numbers: ``0.3`` for ``layers.0.neurons.3``."""
    return ".".join(re.findall(r"\d+", scope)) or shorten(printable(scope))


# ---------------- LaTeX

_SIMPLE = re.compile(r"([^\W\d_]+)_?([0-9₀-₉]*)", re.ASCII)
_GREEK = re.compile(r"([α-ωΑ-Ω])_?([0-9₀-₉]*)")
_GREEK_LETTER = re.compile("[α-ωΑ-Ω]")
_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ESCAPES = str.maketrans(
    {c: "\\" + c for c in "#$%&_{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    | {"<": "$<$", ">": "$>$"}  # which, besides, no browser takes for a tag
    | {"·": r"$\cdot$", "−": "$-$", "×": r"$\times$", "∂": r"$\partial$"}
)


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
