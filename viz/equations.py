"""What derivations are written in: equations, sections, and the ways to lay them out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import reduce
from html import escape
from operator import add
from typing import Any, NamedTuple, TypeVar

from .names import latex_text
from .script import Latex, Script
from .theme import DARK, LIGHT, MONO, SANS

WIDTH = 96  # columns of the text
PLAIN, LATEX = Script(), Latex()
STYLE = f"""
:root{{color-scheme:light dark;--page:{LIGHT.page};--ink:{LIGHT.ink};--rule:{LIGHT.faint}}}
@media (prefers-color-scheme:dark){{
:root{{--page:{DARK.page};--ink:{DARK.ink};--rule:{DARK.faint}}}}}
body{{background:var(--page);color:var(--ink);font:17px/1.6 {",".join(SANS)};margin:2rem}}
main{{max-width:60rem;margin:auto}}
h1{{font-size:1.7rem}}
h2{{font-size:1.2rem;margin:2rem 0 .5rem;border-top:1px solid var(--rule);padding-top:1rem}}
main>div{{display:flex;gap:.6em;margin:.7rem 0;font-family:{",".join(MONO)};overflow-wrap:anywhere}}
main>div>span{{flex:none;max-width:45%}}
main>div>div>span{{display:block}}
@media print{{body{{margin:0}}main>div{{break-inside:avoid}}}}
"""

Item = TypeVar("Item")


class Equation(NamedTuple):
    """A chain of equal formulas: the first stands left of the first equals sign."""

    sides: Sequence[str]


class Section(NamedTuple):
    """A heading and what stands below it, equations and words, as text and as LaTeX."""

    heading: str
    text: Sequence[Equation | str]
    latex: Sequence[Equation | str]


class Derivation:
    """A derivative written out, as text (``str``), Markdown or LaTeX.

    Attributes:
        value: the derivative, a number; of Tensors an array.
        sections: its parts, for those who lay it out in another way.
    """

    def __init__(self, value: Any, sections: Sequence[Section]) -> None:
        self.value, self.sections = value, sections

    def __str__(self) -> str:
        parts = []
        for section in self.sections:
            lines = [section.heading, "─" * len(section.heading)]
            for item in section.text:
                lines += aligned(item.sides) if isinstance(item, Equation) else [item]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"<Derivation of {self.sections[0].heading}>"

    def markdown(self) -> str:
        """Markdown with the formulas in LaTeX between ``$$``, as GitHub and Jupyter show it."""
        return self._laid_out("### {}", "$$\n{}\n$$", markdown_text, markdown_text)

    def latex(self) -> str:
        r"""A fragment of a LaTeX document; it needs the package ``amsmath``.

        Labels in other scripts than Latin and Greek need a TeX that knows Unicode.
        """
        return self._laid_out(r"\paragraph{{{}}}", "\\[\n{}\n\\]", latex_text, latex_text)

    def html(self) -> str:
        """A page of its own, light or dark as the system is, that fetches nothing."""
        parts = []
        for section in self.sections:
            parts.append(f"<h2>{escape(section.heading)}</h2>")
            for item in section.text:
                if isinstance(item, str):
                    parts.append(f"<p>{escape(item)}</p>")
                    continue
                first, *others = map(escape, item.sides)
                rows = "".join(f"<span>= {side}</span>" for side in others)
                parts.append(f"<div><span>{first}</span><div>{rows}</div></div>")
        title, body = escape(self.sections[0].heading), "\n".join(parts)
        return (
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
            f'<meta name="viewport" content="width=device-width">\n<style>{STYLE}</style>\n'
            f"<main>\n{body.replace('h2>', 'h1>', 2)}\n</main></html>\n"
        )

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_latex_(self) -> str:
        return self._laid_out(r"$\textbf{{{}}}$", "$$\n{}\n$$", latex_text, latex_text)

    def _laid_out(
        self, heading: str, formula: str, words: Any, heading_words: Any = lambda words: words
    ) -> str:
        """The sections with such headings and formulas."""
        parts = []
        for section in self.sections:
            parts.append(heading.format(heading_words(section.heading)))
            for item in section.latex:
                if isinstance(item, Equation):
                    first, *others = item.sides
                    lines = " \\\\\n".join(f" &= {side}" for side in others)
                    body = f"\\begin{{aligned}}\n{first}{lines}\n\\end{{aligned}}"
                    parts.append(formula.format(body))
                else:
                    parts.append(words(item))
        return "\n\n".join(parts) + "\n"


def aligned(sides: Sequence[str]) -> Iterator[str]:
    """An equation on one line if it fits, else one line for each equals sign."""
    line = "  " + " = ".join(sides)
    if len(line) <= WIDTH or len(sides) == 1:
        yield line
    else:
        yield f"  {sides[0]} = {sides[1]}"
        indent = " " * (len(sides[0]) + 2)
        yield from (f"{indent} = {side}" for side in sides[2:])


def markdown_text(text: str) -> str:
    """Words in which every character means itself, in Markdown and in the page made of it."""
    return re.sub(r"([\\`*_\[\]$~|])", r"\\\1", escape(text, quote=False))


def section(heading: str, write: Any) -> Section:
    """A section in both scripts."""
    return Section(heading, list(write(PLAIN)), list(write(LATEX)))


def as_item(item: Sequence[str] | str) -> Equation | str:
    """Sides as an equation; words as they are."""
    return item if isinstance(item, str) else Equation(item)


# ---------------------------------------------------------------- pieces


def total(terms: Sequence[Any]) -> Any:
    """The sum of formulas."""
    return reduce(add, terms)


def distinct(sides: Sequence[str]) -> list[str]:
    """The sides of an equation without those that repeat the one before."""
    return [sides[0], *(b for a, b in zip(sides, sides[1:], strict=False) if a != b)]


def parts(items: Sequence[Item], most: int) -> list[Item | int]:
    """The items; of too many, those at both ends and between them how many are missing."""
    if len(items) <= most:
        return list(items)
    head, tail = (most + 1) // 2, most // 2
    return [*items[:head], len(items) - most, *items[len(items) - tail :]]
