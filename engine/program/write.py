"""Programs as text: one printer for all dialects."""

from __future__ import annotations

from ..numbers import Number
from ..rule import ATOM, CHOICE, SUM
from ..tree import flatten
from .dialects import FLOATS, READABLE, Dialect
from .names import Names
from .ops import CHECKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from .dialects import Text

__all__ = ["FLOATS", "READABLE", "Dialect", "Printer", "readable"]


class Printer:
    """Writes operations as lines of code.

    A quantity that is used once is written in the place where it is used, unless it has a label
    that a reader may look for.

    Args:
        dialect: how operations are written.
        names: what quantities are called.
        ops: the operations in order; what the finals and checks do not need is left out.
        sections: headings, each with the index of the operation that it stands before.
        finals: what is needed in the end, which has a line of its own.

    Attributes:
        lines: the code.
        needed: the quantities that are computed or used.
    """

    def __init__(
        self,
        dialect: Dialect,
        names: Names,
        ops: Sequence[Any],
        sections: Mapping[int, str],
        finals: Iterable[Any],
    ) -> None:
        self.dialect, self.names = dialect, names
        self.written: dict[Any, Text] = {}
        self.kept: set[Any] = {x for x in finals if isinstance(x, Number)}
        self.needed: set[Any] = set(self.kept)
        self.uses: dict[Any, int] = {}
        for op in reversed(ops):
            if op in self.needed or op.name in CHECKS:
                self.count(op)
        if dialect.for_people:  # ∂loss/∂t is easier to read with a line for t
            self.kept |= {op.of for op in self.needed if op.of is not None and self.is_shared(op)}
        self.lines: list[str] = []
        heading = ""
        for i, op in enumerate(ops):
            heading = sections.get(i, heading)
            if op in self.needed and op.name and (lines := self.line(op)):
                self.lines += dialect.heading(heading) if heading else []
                self.lines += lines
                heading = ""

    def count(self, op: Any) -> None:
        """Note that an operation needs its operands, and how often it writes each of them."""
        if op.name and op.name not in CHECKS and op.name not in self.dialect.plain:
            self.dialect.write(op, self.note)
            return
        self.needed.add(op)
        for x in op.args if op.name not in CHECKS else op.args * 2:  # in several conditions
            self.note(x)

    def note(self, x: Any, least: int = CHOICE) -> str:
        """Note that an operand is written: its text does not matter yet."""
        if isinstance(x, Number):
            self.needed.add(x)
            self.uses[x] = self.uses.get(x, 0) + 1
        return ""

    def line(self, op: Any) -> list[str]:
        """The lines of one operation; none if it is written where it is used."""
        if op.name in CHECKS:
            return self.guard(op) if op.name == "guard" else self.require(op)
        text, level = self.dialect.write(op, self.operand)
        text = self.dialect.tidied(text)
        if self.stands_alone(op, text) and not text.isidentifier():
            self.written[op] = name, _ = self.names.of(op), ATOM
            return self.dialect.assignment(name, text)
        self.written[op] = text, level
        return []

    def stands_alone(self, op: Any, text: str) -> bool:
        """Whether a quantity has a line of its own."""
        named = self.dialect.for_people and (op.label or (op.of is not None and op.of.label))
        return bool(named) or self.is_shared(op) or len(text) > self.dialect.longest

    def is_shared(self, op: Any) -> bool:
        """Whether a quantity is needed more than once, or in the end."""
        return op in self.kept or self.uses.get(op) != 1

    def operand(self, x: Any, least: int) -> str:
        """An argument's name, its own expression, or the constant."""
        if not isinstance(x, Number):
            return self.dialect.constant(x, least)
        if (found := self.written.get(x)) is None:
            return self.names.of(x)
        text, level = found
        return text if level >= least else f"({text})"

    def guard(self, op: Any) -> list[str]:
        """The lines that check that a comparison comes out as it did."""
        (a, b), (sign, outcome) = op.args, op.params
        condition = self.dialect.comparison(self.operand(a, SUM), sign, self.operand(b, SUM))
        found = condition if outcome else f"not {condition}"
        failing = f'raise GuardError("recorded with {found}: record again for these inputs")'
        return self.dialect.check([condition], outcome, failing)

    def require(self, op: Any) -> list[str]:
        """The lines that check targets."""
        (targets,) = op.params
        conditions = targets.parts(self.operand(op.args[0], ATOM))
        return self.dialect.check(conditions, True, targets.failing())

    def shown(self, x: Any, brackets: str = "()") -> str:
        """A result with its nesting."""
        if isinstance(x, (list, tuple)):
            kind = "[]" if isinstance(x, list) else brackets
            return self.dialect.sequence([self.shown(part) for part in x], kind)
        return self.operand(x, CHOICE)

    def returned(self, x: Any) -> list[str]:
        """The return statement."""
        several = isinstance(x, tuple) and len(x) > 1
        return self.dialect.returned(self.shown(x, "" if several else "()"))


def readable(
    name: str,
    arguments: Sequence[tuple[str, Any]],
    ops: Sequence[Any],
    sections: Mapping[int, str],
    result: Any,
    dialect: Dialect = READABLE,
) -> str:
    """The text of a function, for people to read or in another language.

    Args:
        arguments: a wish for the name of each, and its quantity or lists of quantities.
        result: what is returned: quantities, numbers, None, and lists and tuples of those.
    """
    names = Names([name, *dialect.reserved])
    names.meet(ops)
    given = [(names.argument(wish, x), x) for wish, x in arguments]
    printer = Printer(dialect, names, ops, sections, flatten(result))
    lines = [line for argument in given for line in dialect.unpacking(names, *argument)]
    lines += [*printer.lines, *printer.returned(result)]
    return dialect.definition(name, [argument for argument, _ in given], lines)
