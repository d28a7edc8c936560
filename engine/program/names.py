"""Names and lines of generated code.

No text of a user's gets into a program: labels become identifiers of letters, digits and
underscores, made different where they meet; everything else is written by the engine.
"""

from __future__ import annotations

import keyword

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

WIDTH = 96  # of a line, without its indentation
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
RESERVED = frozenset(
    (*keyword.kwlist, *keyword.softkwlist, "np", "inf", "nan", "math", "type", "float", "range",
     "GuardError", "Real", "Unusual", "losses", "step", "steps", "scatter")
)  # fmt: skip


def identifier(label: str) -> str:
    """A label as a Python identifier; "" if nothing of it is left."""
    text = "".join(c if c in LETTERS else "_" for c in label[:24]).strip("_")
    while "__" in text:
        text = text.replace("__", "_")
    return f"v{text}" if text[:1].isdigit() else text


def function_name(name: str) -> str:
    """A function's own name, if a program's text may have it, else ``program``."""
    fits = name.isidentifier() and not keyword.iskeyword(name) and name != "np"
    return name if fits else "program"


def initials(scope: str) -> str:
    """A scope in short: ``layers.0.neurons.3`` is ``l0n3``."""
    words = [identifier(word) for word in str(scope)[:200].split(".")]
    return "".join(w[1:] if w[:1] == "v" and w[1:].isdigit() else w[:1] for w in words)


class Names:
    """The quantities' names in one program: their labels, made different where they meet.

    Args:
        reserved: names that the program uses otherwise.
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self.taken = set(RESERVED) | set(reserved)
        self.names: dict[int, str] = {}
        self.scopes: dict[str, set[str]] = {}
        self.last: dict[str, int] = {}

    def meet(self, quantities: Iterable[Any]) -> None:
        """Look at all labels before names are given: which occur in several scopes?"""
        for q in quantities:
            self.scopes.setdefault(q.label, set()).add(q.scope)

    def of(self, q: Any) -> str:
        """The quantity's name, given when it is first asked for."""
        if id(q) not in self.names:
            self.names[id(q)] = self.unique(self.wish(q))
        return self.names[id(q)]

    def wish(self, q: Any) -> str:
        """What it would best be called."""
        if q.of is not None:
            return f"d_{self.of(q.of)}"
        if not q.label:
            return "t"
        wish = identifier(q.label)
        if wish and q.scope and len(self.scopes.get(q.label, ())) > 1:
            wish = f"{wish}_{initials(q.scope)}"
        return wish or "t"

    def unique(self, wish: str) -> str:
        """The name, with a number if it is taken."""
        between = "" if wish == "t" else "_"  # t1, t2, … but h, h_2, …
        name, n = wish, self.last.get(wish, 0 if wish == "t" else 1)
        while name in self.taken or name == "t":
            n += 1
            name = f"{wish}{between}{n}"
        self.last[wish] = n
        self.taken.add(name)
        return name

    def argument(self, wish: str, x: Any) -> str:
        """The name of an argument: its quantity's own, or else as one wishes."""
        if not isinstance(x, (list, tuple)) and x.label:
            return self.of(x)
        self.names[id(x)] = name = self.unique(identifier(wish) or "x")
        return name

    def unpacked(self, name: str, x: Any) -> list[str]:
        """The lines that take a nested argument apart: ``a, [b, c] = x``."""
        if not isinstance(x, (list, tuple)):
            return []
        targets = self.targets(x) or "[]"
        if len(targets) + len(name) < WIDTH - 3:
            return [f"{targets} = {name}"]
        return ["[", *folded(targets), f"] = {name}"]

    def targets(self, x: Sequence[Any]) -> str:
        """The left side of an assignment that takes a list apart."""
        parts = [
            f"[{self.targets(part)}]" if isinstance(part, (list, tuple)) else self.of(part)
            for part in x
        ]
        return ", ".join(parts) + ("," if len(parts) == 1 else "")


# ---------------------------------------------------------------- lines


def indented(lines: Sequence[str]) -> list[str]:
    """The lines, four columns to the right."""
    return [f"    {line}" if line else "" for line in lines]


def function(name: str, given: Sequence[str], lines: Sequence[str]) -> str:
    """A function's text."""
    head = f"def {name}({', '.join(given)}):"
    if len(head) > WIDTH:
        head = "\n".join([f"def {name}(", *folded(", ".join(given)), "):"])
    return "\n".join([head, *indented(lines)]) + "\n"


def wrapped(start: str, text: str) -> list[str]:
    """An assignment, on several lines if it is long."""
    if len(start) + len(text) <= WIDTH:
        return [start + text]
    return [f"{start}(", *folded(text), ")"]


def folded(text: str) -> list[str]:
    """A long text on several indented lines."""
    import textwrap  # not needed to run a program

    return textwrap.wrap(
        text, WIDTH, initial_indent="    ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
