"""Running straight-line code on Python's floats.

The code knows only floats, on which Python's arithmetic raises where IEEE has inf or nan; nothing
has been changed when it does. Then the same code runs on numbers that never raise; and for arrays
in the place of numbers the readable text, on NumPy.
"""

from __future__ import annotations

import math
from functools import cached_property

from ..node import LOCK
from ..reals import REALS, Real, maximum, minimum, power
from ..rule import TABLE
from ..tree import map_leaves
from .dialects import Floats
from .names import Names, function, indented
from .surroundings import GuardError
from .write import FLOATS, Printer, readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .arguments import Arguments
    from .derive import Derived


class UnusualError(Exception):
    """Raised by the code when an input is no float: the caller takes a slower way."""


FUNCTIONS = {name: f for name, f in vars(math).items() if not name.startswith("_")} | {
    "abs": math.fabs, "max": maximum, "min": minimum, "GuardError": GuardError,
    "Unusual": UnusualError,
}  # fmt: skip


class Straight:
    """Straight-line code that runs on floats.

    Args:
        name: what the function is called.
        arguments: what it is given.
        derived: what it computes.
        given: for each argument its Op or, nested, lists of Ops.
        result: what is returned: an Op, a number, None, or lists and tuples of those.
    """

    def __init__(
        self,
        name: str,
        arguments: Arguments,
        derived: Derived,
        given: Sequence[Any],
        result: Any,
    ) -> None:
        self.name, self.arguments, self.derived, self.result = name, arguments, derived, result
        self.slots = derived.slots
        reserved = [*FUNCTIONS, *(row.name for row in TABLE), name, "pow", "lock"]
        self.names = Names([*reserved, *(f"place{i}" for i in range(len(self.slots)))])
        starts = [s.start for s in self.slots if s.start is not None]
        self.names.meet([*starts, *derived.inputs, *derived.code.ops])
        wishes = zip(arguments.names, given, strict=True)
        self.given = [(self.names.argument(wish, x), x) for wish, x in wishes]
        self.unpacking = [line for x in self.given for line in self.names.unpacked(*x)]
        self.starts = [
            (i, s, self.names.of(s.start)) for i, s in enumerate(self.slots) if s.start is not None
        ]
        self.written = [(i, s) for i, s in enumerate(self.slots) if s.written]
        self.is_step = bool(self.written)
        self.printer = self.printed(FLOATS)
        self.text = self.run_text(self.printer)
        self.fast = self.compiled("run", self.text)

    # ------------------------------------------------------------ text

    def printed(self, dialect: Floats) -> Printer:
        """The code in a dialect."""
        finals = [*self.derived.results, *self.derived.finals()]
        return Printer(dialect, self.names, self.derived.code.ops, {}, finals)

    def head(self, kind: str = "float", read: str = "{}") -> list[str]:
        """The lines that take arguments apart, see that they are floats, and read the places."""
        names = [self.names.of(op) for op in self.derived.inputs]
        lines = list(self.unpacking)
        for i in range(0, len(names), 16):
            types = " is ".join([*(f"type({name})" for name in names[i : i + 16]), kind])
            lines += [f"if not ({types}):", "    raise Unusual"]
        held = ((name, read.format(f"place{i}.{s.attribute}")) for i, s, name in self.starts)
        return [*lines, *(f"{name} = {text}" for name, text in held)]

    def run_text(self, printer: Printer, *kind: str, stored: str = "{}") -> str:
        """A function of the inputs that reads the places and writes them at the end."""
        lines = [*self.head(*kind), *printer.lines]
        for i, s in self.written:
            lines.append(f"place{i}.{s.attribute} = {stored.format(printer.shown(s.now))}")
        lines += printer.returned(self.result)
        if self.is_step:
            lines = ["with lock:", *indented(lines)]
        return function("run", [name for name, _ in self.given], lines)

    def loop_text(self) -> str:
        """A function that runs n times and writes the places after the last time."""
        shown = self.printer.shown
        carried = {i: name for i, _, name in self.starts}
        head = self.head()
        for i, s in self.written:
            if i not in carried:
                carried[i] = self.names.unique("last")
                head.append(f"{carried[i]} = place{i}.{s.attribute}")
        old, new = [carried[i] for i, _ in self.written], [shown(s.now) for _, s in self.written]
        if set(old).isdisjoint(new):
            moves = [f"{a} = {b}" for a, b in zip(old, new, strict=True)]
        else:
            moves = [f"{', '.join(old)} = {', '.join(new)}"]
        body = [*self.printer.lines, *moves, f"losses.append({shown(self.result)})"]
        lines = [*head, "try:", "    for step in range(steps):", *indented(indented(body))]
        stores = [f"    place{i}.{s.attribute} = {carried[i]}" for i, s in self.written]
        lines += ["finally:", *(stores or ["    pass"])]
        given = ["losses", "steps", *(name for name, _ in self.given)]
        return function("loop", given, ["with lock:", *indented(lines)])

    def readable(self) -> str:
        """A function of the inputs and of what is read from places."""
        given = [*zip(self.arguments.names, (x for _, x in self.given), strict=True)]
        given += [(s.start.label, s.start) for _, s, _ in self.starts]  # type: ignore[union-attr]
        return readable(self.name, given, self.derived.code.ops, self.derived.sections, self.result)

    def compiled(
        self, name: str, text: str, functions: dict[str, Any] = FUNCTIONS
    ) -> Callable[..., Any]:
        """The function of that name in the text, with the places that it uses."""
        names = {f"place{i}": s.owners[0] for i, s in enumerate(self.slots)}
        return compiled(text, name, functions | {"lock": LOCK} | names)

    # ------------------------------------------------------------ running

    def run(self, *inputs: Any) -> Any:
        """The result; leaves and states change."""
        try:
            return self.fast(*inputs)
        except GuardError:
            raise
        except Exception:  # whatever it is, the careful way does it right or says what is wrong
            pass
        floats = self.arguments.floats(inputs)
        if floats is not None:
            try:
                return self.fast(*floats)  # whole numbers as floats
            except GuardError:
                raise
            except Exception:
                pass
        return self.carefully(inputs)

    def loop(self, steps: int, inputs: Sequence[Any]) -> list[Any]:
        """Run several times: the list of results."""
        inputs = self.arguments.floats(inputs) or inputs
        losses: list[Any] = []
        while len(losses) < steps:
            try:
                self.fast_loop(losses, steps - len(losses), *inputs)
            except GuardError:
                raise
            except Exception:
                losses.append(self.carefully(inputs))
        return losses

    @cached_property
    def fast_loop(self) -> Callable[..., Any]:
        """The loop over many steps."""
        return self.compiled("loop", self.loop_text())

    @cached_property
    def careful(self) -> Callable[..., Any]:
        """The code on numbers that never raise."""
        text = self.run_text(self.printed(Careful()), "Real", "Real({})", stored="float({})")
        functions = {row.name: careful_function(row.name) for row in TABLE}
        return self.compiled("run", text, FUNCTIONS | {"Real": Real} | functions)

    @cached_property
    def on_arrays(self) -> Callable[..., Any]:
        """The readable function on NumPy, with what the table has and NumPy has not."""
        from .namespace import NAMESPACE  # which loads NumPy

        names = {"np": NAMESPACE, "GuardError": GuardError}
        return compiled(self.readable(), self.name, names)

    def carefully(self, inputs: Sequence[Any]) -> Any:
        """Run on arrays, or on numbers on which Python's floats raise."""
        numbers = self.arguments.numbers(inputs)
        if any(getattr(x, "ndim", 0) for x in numbers):
            return self.entry_by_entry(numbers)
        result = self.careful(*self.arguments.nested([Real(x) for x in numbers]))
        return map_leaves(result, lambda x: x if x is None else float(x))

    def entry_by_entry(self, numbers: Sequence[Any]) -> Any:
        """Run on arrays in the place of numbers."""
        import numpy as np

        if self.is_step:
            raise TypeError("a training step takes numbers: arrays would make parameters arrays")
        given = [as_array(x) for x in numbers]
        shape = np.broadcast_shapes(*(x.shape for x in given))
        starts = [np.float64(getattr(s.owners[0], s.attribute)) for _, s, _ in self.starts]
        with np.errstate(all="ignore"):
            result = self.on_arrays(*self.arguments.nested(given), *starts)
        return map_leaves(result, lambda x: x if x is None else np.broadcast_to(x, shape) + 0.0)


class Careful(Floats):
    """Floats whose operators never raise: constants are such numbers, too."""

    def number(self, x: float) -> str:
        """A constant."""
        return f"Real({super().number(x)})"


def careful_function(name: str) -> Callable[..., Real]:
    """A row's function, on such numbers."""
    function = power if name == "pow" else getattr(REALS, name)
    return lambda *xs: Real(function(*xs))


def compiled(text: str, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function of that name in the text."""
    exec(compile(text, "<program>", "exec"), names)
    return names[name]  # type: ignore[no-any-return]


def as_array(x: Any) -> Any:
    """A number, or an array in the place of one, as an array of floats."""
    import numpy as np

    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(float)
