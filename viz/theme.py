"""Colours and typefaces: what graph pictures and plots share.

Every text colour keeps a contrast of at least 4.5 : 1 (WCAG AA) on every surface it appears on, and
no colour is the only carrier of a meaning: signs also differ by arrowhead, roles by their word.
In the light palette no two colours are quite the same, so that a picture can be given those of
another palette, one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import cached_property

SANS = ("Helvetica", "Arial", "Liberation Sans", "DejaVu Sans", "sans-serif")
MONO = ("Menlo", "DejaVu Sans Mono", "Consolas", "monospace")


@dataclass(frozen=True, slots=True)
class Surface:
    """The inside and the border of a card."""

    fill: str
    stroke: str


@dataclass(frozen=True)
class Theme:
    """One palette: the page, its text, the signs of gradients and the roles of nodes."""

    page: str
    ink: str
    muted: str
    faint: str
    plus: str
    minus: str
    zero: str
    alert: str
    input: Surface
    parameter: Surface
    constant: Surface
    computed: Surface
    output: Surface

    def sign(self, x: float) -> str:
        """The colour of a number by its sign; nan has the colour of an alert."""
        if math.isnan(x):
            return self.alert
        return self.plus if x > 0 else self.minus if x < 0 else self.zero

    @cached_property
    def faded(self) -> Theme:
        """The palette of what stands back behind something else: most of it is the page."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        taken = set(self.colors.values())

        def fade(color: str) -> str:
            faded = mixed(color, self.page, 0.22)
            while faded in taken:  # the next shade of blue
                faded = f"{faded[:-2]}{(int(faded[-2:], 16) - 1) % 256:02X}"
            taken.add(faded)
            return faded

        for name, value in values.items():
            if isinstance(value, Surface):
                values[name] = Surface(fade(value.fill), fade(value.stroke))
            elif name != "page":
                values[name] = fade(value)
        return Theme(**values)

    @property
    def colors(self) -> dict[str, str]:
        """All colours by name: ``ink``, ``input-fill``, ``input-stroke``."""
        found: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Surface):
                found |= {f"{field.name}-fill": value.fill, f"{field.name}-stroke": value.stroke}
            else:
                found[field.name] = value
        return found


def mixed(color: str, page: str, share: float) -> str:
    """So much of a colour, and for the rest the page."""
    pairs = ((int(c[i : i + 2], 16) for c in (color, page)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02X}" for a, b in pairs)


LIGHT = Theme(
    page="#FFFFFF",
    ink="#111827",
    muted="#4B5563",
    faint="#D5D9E0",
    plus="#B84300",
    minus="#0B5FA5",
    zero="#5F6673",
    alert="#B3003C",
    input=Surface("#E6F4EF", "#00795A"),
    parameter=Surface("#F3ECFB", "#6D3FC0"),
    constant=Surface("#F3F4F6", "#6B7280"),
    computed=Surface("#FFFFFE", "#6B7281"),
    output=Surface("#FFFAE3", "#111828"),
)

DARK = Theme(
    page="#0F1419",
    ink="#F3F4F6",
    muted="#B6BECA",
    faint="#323A46",
    plus="#FF9B5E",
    minus="#6DB6FF",
    zero="#9AA3B2",
    alert="#FF8FA8",
    input=Surface("#0F2E26", "#4CCFA5"),
    parameter=Surface("#2A1E45", "#B79BFF"),
    constant=Surface("#1A1F27", "#9AA3B2"),
    computed=Surface("#1B212B", "#9AA3B2"),
    output=Surface("#3A3210", "#FFE9A0"),
)


def theme(dark: bool) -> Theme:
    """The palette for a dark or a light page."""
    return DARK if dark else LIGHT
