"""Functions in Python text around a program's straight-line code."""

from __future__ import annotations

import math

from ..reals import REALS, Real, maximum, minimum
from ..reals import power as ieee_power
from ..rule import TABLE
from .formulas import Quantity
from .names import Names, function, identifier, indented, wrapped
from .printing import CAREFUL, LOOPS, READABLE, Printer, Style
from .surroundings import GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .unrolling import Code


class UnusualError(Exception):
    """Raised by a fast function when an input is no float: the caller takes a slower way."""


FUNCTIONS = {name: f for name, f in vars(math).items() if not name.startswith("_")} | {
    "abs": math.fabs, "max": maximum, "min": minimum, "GuardError": GuardError,
    "Unusual": UnusualError,
}  # fmt: skip


class CarefulFunctions(dict[str, "Any"]):
    """The functions that generated code calls, on numbers that never raise."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        if name not in TABLE:
            raise KeyError(name)
        self[name] = getattr(REALS, name)
        return self[name]  # type: ignore[no-any-return]


CAREFUL_FUNCTIONS = {"Real": Real, "inf": math.inf, "nan": math.nan, "GuardError": GuardError,
                     "pow": lambda x, n: Real(ieee_power(x, n))}  # fmt: skip


class Assembly:
    """The functions of one program.

    Args:
        code: what they compute.
        name: what the readable one is called.
        arguments: the names of the program's arguments, and for each its quantity or, nested,
            lists of quantities.
        result: what is returned: a quantity, a number, None, or lists and tuples of those.
    """

    def __init__(
        self, code: Code, name: str, arguments: Sequence[tuple[str, Any]], result: Any
    ) -> None:
        self.code, self.name, self.result = code, identifier(name) or "program", result
        self.names = Names([*FUNCTIONS, *(row.name for row in TABLE), self.name, "pow"])
        self.names.taken |= {f"place{i}" for i in range(len(code.places))}
        starts = [p.start for p in code.places if p.start is not None]
        self.names.meet([*starts, *code.inputs, *(s for s in code.steps if type(s) is Quantity)])
        self.arguments = []
        for wish, structure in arguments:
            self.arguments.append((self.names.argument(wish, structure), structure))
        self.starts = [(i, p, self.names.of(p.start)) for i, p in enumerate(code.places) if p.start]

    # ------------------------------------------------------------ the functions

    def readable(self) -> str:
        """A function of the inputs and of what is read from places, whose new numbers it returns.

        What is written without being read first, such as gradients that each step clears, stays
        inside.
        """
        given = [name for name, _ in self.arguments] + [name for _, _, name in self.starts]
        changed = tuple(p.now for p in self.code.places if p.written and p.start)
        lines = [*self.unpacking(), *self.body(READABLE)]
        return function(self.name, given, [*lines, *self.returned(changed, READABLE)])

    def run(self) -> str:
        """A function of the inputs that reads the places and writes them at the end."""
        lines = [*self.unpacking(), *self.checks(), *self.loads(), *self.body(LOOPS)]
        for i, place in enumerate(self.code.places):
            if place.written:
                lines.append(f"place{i}.{place.attribute} = {self.shown(place.now, LOOPS)}")
        lines += self.returned((), LOOPS)
        return function("run", [name for name, _ in self.arguments], lines)

    def loop(self) -> str:
        """A function that runs n times and writes the places after the last time."""
        written = [(i, p) for i, p in enumerate(self.code.places) if p.written]
        carried = {i: name for i, _, name in self.starts}
        loads = self.loads()
        for i, place in written:
            if i not in carried:
                carried[i] = self.names.unique("last")
                loads.append(f"{carried[i]} = place{i}.{place.attribute}")
        moves = [(carried[i], self.shown(p.now, LOOPS)) for i, p in written]
        move = f"{', '.join(a for a, _ in moves)} = {', '.join(b for _, b in moves)}"
        if not {a for a, _ in moves} & {b for _, b in moves}:
            move = "\n".join(f"{a} = {b}" for a, b in moves)
        body = [
            "for step in range(steps):",
            *indented(self.body(LOOPS)),
            *indented(move.splitlines() if moves else []),
            f"    losses.append({self.shown(self.result, LOOPS)})",
        ]
        lines = [*self.unpacking(), *self.checks(), *loads, "try:", *indented(body), "finally:"]
        lines += [f"    place{i}.{p.attribute} = {carried[i]}" for i, p in written] or ["    pass"]
        given = ["losses", "steps", *(name for name, _ in self.arguments)]
        return function("loop", given, lines)

    def pure(self, style: Style = CAREFUL) -> str:
        """A function of all inputs and all places' numbers: the result and their new numbers."""
        given = [self.names.of(q) for q in self.code.inputs] + [name for *_, name in self.starts]
        changed = [self.shown(p.now, style) for p in self.code.places if p.written]
        result = f"return {self.shown(self.result, style)}, [{', '.join(changed)}]"
        return function("pure", given, [*self.body(style), result])

    # ------------------------------------------------------------ their parts

    def body(self, style: Style) -> list[str]:
        """The steps; in the readable style with comments where a phase begins."""
        code, note = self.code, {}
        if style is READABLE:
            before = ["", *code.phases]
            note = {i: p for i, p in enumerate(code.phases) if p != before[i]}
        written = [p.now for p in code.places if p.written]
        printer = Printer(style, self.names, [*code.results, *written])
        return printer.lines(code.steps, note)

    def unpacking(self) -> list[str]:
        """The lines that take nested arguments apart."""
        return [line for given in self.arguments for line in self.names.unpacked(*given)]

    def checks(self) -> list[str]:
        """The lines that leave inputs other than floats to a slower way."""
        lines: list[str] = []
        names = [self.names.of(q) for q in self.code.inputs]
        for i in range(0, len(names), 16):
            types = " is ".join([*(f"type({name})" for name in names[i : i + 16]), "float"])
            lines += [f"if not ({types}):", "    raise Unusual"]
        return lines

    def loads(self) -> list[str]:
        """The lines that read the places."""
        return [f"{name} = place{i}.{place.attribute}" for i, place, name in self.starts]

    def returned(self, changed: tuple[Any, ...], style: Style) -> list[str]:
        """The return statement, with the places' new numbers after the result."""
        if changed:
            text = f"{self.shown(self.result, style)}, {self.shown(changed, style)}"
        else:
            text = self.shown(self.result, style)
            if isinstance(self.result, tuple) and len(self.result) > 1:
                text = text[1:-1]
        return wrapped("return ", text)

    def shown(self, x: Any, style: Style) -> str:
        """A result as an expression."""
        if isinstance(x, Quantity):
            return self.names.of(x)
        if isinstance(x, list):
            return f"[{', '.join(self.shown(part, style) for part in x)}]"
        if isinstance(x, tuple):
            parts = ", ".join(self.shown(part, style) for part in x)
            return f"({parts},)" if len(x) == 1 else f"({parts})"
        return "None" if x is None else style.number(x)


def compiled(text: str, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function of that name in the text."""
    exec(compile(text, "<program>", "exec"), names)
    return names[name]  # type: ignore[no-any-return]
