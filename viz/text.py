"""Numbers as pictures write them, and user text made safe for Graphviz.

A name in a picture is whatever a user typed. Graphviz reads three languages into one label: DOT
strings, HTML-like markup with its entities, and escapes such as ``\\N`` (the node's name). The
functions here make text that means only itself, in both places where user text may go: labels and
tooltips.
"""

from __future__ import annotations

import math
import re
import unicodedata

from .theme import MONO

NAME_LENGTH = 24
TOOLTIP_LENGTH = 1000

# Control characters, lone surrogates and noncharacters are no XML; separators would break a line,
# and bidirectional overrides turn around what follows a name.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_BREAK = re.compile("[\n\r\t]")
_TWICE = re.compile(r"\(\(([^()]+)\)\)")
_POWER = re.compile(r"\^(\d+)(?![\d.])")
_OPERATORS = frozenset(" +−-·*/×÷^()")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


# ---------------- numbers

_WHOLE, _WIDE = 1e9, 1e7  # whole numbers, and others, that fit on a card without an exponent
_BROAD = 1e5  # the same beside an edge
_TINY = 1e-3  # what has no digit among the first decimals has an exponent
_NOISE = 1e-12  # a share of a number that only its last bits differ by: 0.1 + 0.2 is 0.3
_RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def raised(exponent: object) -> str:
    """A whole number as an exponent: ``⁻¹²``."""
    return str(exponent).translate(_RAISED)


def number(x: float, digits: int = 4) -> str:
    """A number for a card: exactly if that takes few digits, or rounded to so many decimals.

    ``3``, ``0.5``, ``−123456`` are exact; zeros at the end say that more digits follow: ``1.0000``.
    Large numbers have fewer decimals, ``12345.7``, and where these would take too much room or say
    too little stands an exponent: ``8.73e−04``.
    """
    if x == 0 or not math.isfinite(x):
        return _minus(str(x + 0.0).removesuffix(".0"))
    size = abs(x)
    if size < _WHOLE and x == int(x):
        return _minus(str(int(x)))
    if size < _WIDE and (size >= _TINY or abs(round(x, digits) - x) <= _NOISE * size):
        first = math.floor(math.log10(size))  # the place of the first digit
        decimals = max(min(digits, digits + 1 - first), min(digits, 2) - 1 - first, 0)
        near = f"{x:.{decimals}f}"
        return _minus(_trimmed(near) if abs(float(near) - x) <= _NOISE * size else near)
    mantissa, _, power = f"{x:.{max(digits - 2, 0)}e}".partition("e")
    return _minus(f"{_trimmed(mantissa)}e{power}")


def _trimmed(decimals: str) -> str:
    """Decimals without the zeros at the end."""
    return decimals.rstrip("0").rstrip(".") if "." in decimals else decimals


def short_number(x: float, digits: int = 3) -> str:
    """Few significant digits, two beside an exponent: ``−0.229``, ``1.2e−05``."""
    short = f"{x + 0.0:.{digits}g}"
    return _minus(f"{x:.1e}" if "e" in short else short)


def brief_number(x: float, digits: int = 3) -> str:
    """A number beside an edge: so many significant digits, exact ones without zeros at the end.

    ``−3``, ``0.501``, ``1.00`` for 1.0019, ``18`` however few digits there shall be, ``1.2e−05``.
    """
    if x == 0 or not math.isfinite(x) or not _TINY <= abs(x) < _BROAD:
        return short_number(x, digits)
    text = f"{x:.{max(digits - 1 - math.floor(math.log10(abs(x))), 0)}f}"
    return _minus(_trimmed(text) if abs(float(text) - x) <= _NOISE * abs(x) else text)


def rounded(x: float, digits: int) -> str:
    """So many significant digits, without zeros at the end: ``−0.2293``, ``1.801e−06``."""
    return _minus(f"{x + 0.0:.{digits}g}")


def exact_number(x: float) -> str:
    """The shortest text that gives this very float back."""
    return _minus(repr(float(x)))


def _minus(text: str) -> str:
    return text.replace("-", "−")


# ---------------- user text


def printable(text: str) -> str:
    """The text on one line, with every character that cannot be shown replaced by U+FFFD, �."""
    return _UNPRINTABLE.sub("\ufffd", _BREAK.sub(" ", text))


def shorten(text: str, length: int = NAME_LENGTH) -> str:
    """At most ``length`` characters, the last one an ellipsis where something is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def room(text: str) -> float:
    """How wide bold text of 10 points may be, in points: in the widest of the typefaces for it."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return 7.1 * (len(text) - wide) + 10.5 * wide


def term(text: str) -> str:
    """A name as part of a formula: in parentheses, unless it is a word or a call, or has them."""
    called = re.fullmatch(r"(?:[^\W\d]\w*)?\((.*)\)(\[[\w.#]*\])?", text)
    if called and balanced(called[1], "(", ")") or not set(text) & _OPERATORS:
        return text
    return f"({text})"


def once_enclosed(formula: str) -> str:
    """A formula without the parentheses of a name in those of a function: ``tanh(x·W + b)``."""
    return _TWICE.sub(r"(\1)", formula)


def powers_raised(formula: str) -> str:
    """A formula with whole exponents as one writes them: ``3·a²`` for ``3·a^2``."""
    return _POWER.sub(lambda power: raised(power[1]), formula)


def balanced(text: str, left: str, right: str) -> bool:
    """Whether every parenthesis in a text is closed after it was opened."""
    depth = 0
    for part in re.findall(f"{re.escape(left)}|{re.escape(right)}", text):
        depth += 1 if part == left else -1
        if depth < 0:
            return False
    return depth == 0


def html(text: str, length: int = NAME_LENGTH) -> str:
    """User text for an HTML-like label: shortened, printable, every character meaning itself.

    Graphviz decodes the entities first and then looks for escapes, so a backslash is written twice.
    A blank is one that does not break: markup around nothing is a mistake there.
    """
    safe = shorten(printable(text), length).translate(_ENTITIES).replace("\\", "&#92;&#92;")
    return safe if safe.strip() else "&#160;"


def lines(text: str, length: int = NAME_LENGTH, most: int = 3) -> list[str]:
    """User text for an HTML-like label, each of its lines by itself; of many, the first."""
    found = [html(line, length) for line in text.split("\n") if line.strip()] or [html(text)]
    return found if len(found) <= most else [*found[: most - 1], "…"]


def tooltip(*lines: str) -> str:
    """Lines of user text as a quoted DOT string for a ``tooltip`` attribute.

    Graphviz resolves the escapes of a tooltip twice, so a backslash is written four times.
    """
    safe = (shorten(printable(line), TOOLTIP_LENGTH).translate(_ENTITIES) for line in lines)
    return '"' + "\\n".join(line.replace("\\", "\\" * 4) for line in safe) + '"'


# ---------------- markup of an HTML-like label


def font(markup: str, color: str, size: float) -> str:
    """Markup in a colour and a size, in points; around nothing it would be a mistake."""
    return markup and f'<FONT COLOR="{color}" POINT-SIZE="{size}">{markup}</FONT>'


def mono(markup: str, color: str, size: float) -> str:
    """Markup in the typeface of numbers."""
    return (
        markup
        and f'<FONT FACE="{",".join(MONO)}" COLOR="{color}" POINT-SIZE="{size}">{markup}</FONT>'
    )


def bold(markup: str) -> str:
    """Bold markup."""
    return markup and f"<B>{markup}</B>"
