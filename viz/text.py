"""Numbers as pictures write them, and user text made safe for Graphviz.

A name in a picture is whatever a user typed. Graphviz reads three languages into one label: DOT
strings, HTML-like markup with its entities, and escapes such as ``\\N`` (the node's name). The
functions here make text that means only itself, in both places where user text may go: labels and
tooltips.
"""

from __future__ import annotations

import math
import re

from .theme import MONO

NAME_LENGTH = 24
TOOLTIP_LENGTH = 1000

# Control characters, lone surrogates and noncharacters are no XML; separators would break a line,
# and bidirectional overrides turn around what follows a name.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


# ---------------- numbers


def number(x: float) -> str:
    """Four decimals, or an exponent where these would say too little: ``−6.0000``, ``8.73e−04``."""
    if x == 0 or 1e-3 <= abs(x) < 1e4 or not math.isfinite(x):
        return _minus(f"{x + 0.0:.4f}")
    return _minus(f"{x:.2e}")


def short_number(x: float, digits: int = 3) -> str:
    """Few significant digits, two beside an exponent: ``−0.229``, ``1.2e−05``."""
    short = f"{x + 0.0:.{digits}g}"
    return _minus(f"{x:.1e}" if "e" in short else short)


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
    """The text with every character that cannot be shown replaced by U+FFFD, �."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shorten(text: str, length: int = NAME_LENGTH) -> str:
    """At most ``length`` characters, the last one an ellipsis where something is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def html(text: str, length: int = NAME_LENGTH) -> str:
    """User text for an HTML-like label: shortened, printable, every character meaning itself.

    Graphviz decodes the entities first and then looks for escapes, so a backslash is written twice.
    """
    return shorten(printable(text), length).translate(_ENTITIES).replace("\\", "&#92;&#92;")


def tooltip(*lines: str) -> str:
    """Lines of user text as a quoted DOT string for a ``tooltip`` attribute.

    Graphviz resolves the escapes of a tooltip twice, so a backslash is written four times.
    """
    safe = (shorten(printable(line), TOOLTIP_LENGTH).translate(_ENTITIES) for line in lines)
    return '"' + "\\n".join(line.replace("\\", "\\" * 4) for line in safe) + '"'


# ---------------- markup of an HTML-like label


def font(markup: str, color: str, size: float) -> str:
    """Markup in a colour and a size, in points."""
    return f'<FONT COLOR="{color}" POINT-SIZE="{size}">{markup}</FONT>'


def mono(markup: str, color: str, size: float) -> str:
    """Markup in the typeface of numbers."""
    return f'<FONT FACE="{",".join(MONO)}" COLOR="{color}" POINT-SIZE="{size}">{markup}</FONT>'


def bold(markup: str) -> str:
    """Bold markup."""
    return f"<B>{markup}</B>"
