"""How a picture of a graph looks, whatever the graph is: what a teacher sets for a slide."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from .theme import LIGHT, Theme, theme

RANKDIRS = ("LR", "TB")
PARTS = ("data", "grad", "partial")
MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Look:
    """What `draw` and the other functions that draw graphs take beside the graph.

    Attributes:
        theme: the palette.
        rankdir: ``"LR"`` or ``"TB"``.
        title: what stands above the picture; "" for nothing.
        digits: decimals of a number that is not shown exactly.
        scale: how large the picture is, 1 for text of 10 points.
        legend: whether what the signs mean stands below.
        hide: what is left blank: parts among ``"data"``, ``"grad"`` and ``"partial"``.
    """

    theme: Theme = LIGHT
    rankdir: str = "LR"
    title: str = ""
    digits: int = 4
    scale: float = 1.0
    legend: bool = True
    hide: frozenset[str] = frozenset()

    def faded(self) -> Look:
        """The look of what stands back."""
        return replace(self, theme=self.theme.faded)


def look(
    dark: bool = False,
    rankdir: str = "LR",
    title: str = "",
    digits: int = 4,
    scale: float = 1.0,
    legend: bool = True,
    hide: str | Collection[str] = (),
) -> Look:
    """The look that a user asks for.

    Raises:
        TypeError: if ``title`` is no str, ``digits`` no whole number, ``scale`` no number, or
            ``hide`` no names.
        ValueError: if ``rankdir`` or a name in ``hide`` is unknown, or ``digits`` or ``scale``
            is out of range.
    """
    if rankdir not in RANKDIRS:
        raise ValueError(f"rankdir must be one of {', '.join(RANKDIRS)}, not {rankdir!r}")
    if not isinstance(title, str):
        raise TypeError(f"title is a str, not {type(title).__name__}: {title!r:.60}")
    if isinstance(digits, bool) or not isinstance(digits, int):
        raise TypeError(f"digits is a whole number, not {type(digits).__name__}: {digits!r:.60}")
    if not 1 <= digits <= MOST_DIGITS:
        raise ValueError(f"digits must be from 1 to {MOST_DIGITS}, not {digits}")
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        raise TypeError(f"scale is a number, not {type(scale).__name__}: {scale!r:.60}")
    if not (math.isfinite(scale) and 0.05 <= scale <= 20):
        raise ValueError(f"scale must be from 0.05 to 20, 1 for the usual size, not {scale}")
    return Look(theme(dark), rankdir, title, digits, float(scale), bool(legend), hidden(hide))


def hidden(hide: Any) -> frozenset[str]:
    """The parts to leave blank."""
    accepted = f"hide takes names among {', '.join(map(repr, PARTS))}"
    if not isinstance(hide, Collection):
        raise TypeError(f"{accepted}, not {type(hide).__name__}: {hide!r:.60}")
    names = [hide] if isinstance(hide, str) else list(hide)
    for name in names:
        if name not in PARTS:
            raise ValueError(f"{accepted}, not {name!r:.60}")
    return frozenset(names)
