"""Programs as Python text: two ways of writing one and the same straight-line code.

=========  ====================================================================================
readable   functions of a namespace ``np`` and ``np.where`` for choices: it runs on numbers and
           arrays, with NumPy, jax.numpy or torch
loops      ``math`` and conditional expressions on plain floats: what CPython runs fastest, and
           what numba compiles
=========  ====================================================================================

No text of a user's gets into a program: labels become identifiers of letters, digits and
underscores, and everything else is written by the engine.
"""

from __future__ import annotations

from ..rule import ARRAY_NAMES, ATOM, CHOICE, POWER, PRODUCT, SIGN, SUM, Rule
from ..symbol import BOTH, WHERE, Symbol
from .formulas import Quantity
from .names import Names, wrapped
from .recording import Guard, Required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from .formulas import Formula

    Pieces = list[Any]  # text, and for each argument its index and how tightly it must bind


class Style:
    """How the operations that differ between two renderings are written."""

    name = ""
    longest = 120  # text that is put in the place of a name
    constants = {"inf": "inf", "-inf": "-inf", "nan": "nan"}

    def function(self, name: str) -> str:
        """What a function is called."""
        return name

    def number(self, x: float) -> str:
        """A constant."""
        return self.constants.get(repr(float(x))) or repr(float(x))

    def head(self, head: Any, args: list[Any]) -> tuple[Pieces, int]:
        """An operation on arguments that are written already."""
        if head.level in (SUM, PRODUCT, SIGN) or head.op in ("<", "<=", ">", ">=", "=="):
            if len(args) == 1:
                return [head.op, *braced(args[0], SIGN)], SIGN
            least = [head.level] + [head.level + 1] * (len(args) - 1)
            if head.level == CHOICE:
                least = [SUM] * len(args)
            found: Pieces = []
            for i, (arg, tight) in enumerate(zip(args, least, strict=True)):
                found += [f" {head.op} "] if i else []
                found += braced(arg, tight)
            return found, head.level
        name = "pow" if head.level == POWER else head.name
        return call(self.function(name), args)


class Loops(Style):
    """Plain floats."""

    name = "loops"

    def head(self, head: Any, args: list[Any]) -> tuple[Pieces, int]:
        """An operation on arguments that are written already."""
        if head is WHERE:
            yes, condition, no = args
            return [
                "(", *braced(yes, SUM), " if ", *braced(condition, CHOICE), " else ",
                *braced(no, SUM), ")",
            ], ATOM  # fmt: skip
        if head is BOTH:
            return [*braced(args[0], CHOICE), " and ", *braced(args[1], CHOICE)], CHOICE
        return super().head(head, args)


class Readable(Style):
    """Functions of a namespace ``np``."""

    name = "readable"
    longest = 48
    constants = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}
    names = ARRAY_NAMES

    def function(self, name: str) -> str:
        """What a function is called."""
        return f"np.{self.names.get(name, name)}"

    def number(self, x: float) -> str:
        """A constant."""
        return super().number(x).removesuffix(".0")

    def head(self, head: Any, args: list[Any]) -> tuple[Pieces, int]:
        """An operation on arguments that are written already."""
        if head is WHERE:
            yes, condition, no = args
            return call("np.where", [condition, yes, no])
        if head is BOTH:
            return ["(", *args[0][0], ") & (", *args[1][0], ")"], CHOICE
        if isinstance(head, Rule) and head.level == POWER:
            return [*braced(args[0], ATOM), " ** ", *braced(args[1], ATOM)], POWER
        if head.name in ("max", "min") and any(map(is_constant, args)):
            return self.limited(head.name, *sorted(args, key=is_constant))
        return super().head(head, args)

    def limited(self, name: str, x: Any, bound: Any) -> tuple[Pieces, int]:
        """max or min with a constant, which torch.maximum does not take."""
        comparison = " < " if name == "max" else " > "
        beyond: Pieces = [*braced(x, SUM), comparison, *braced(bound, SUM)]
        return call("np.where", [(beyond, CHOICE), bound, x])


class Careful(Loops):
    """Plain floats whose operators never raise: constants are such numbers too."""

    name = "careful"

    def number(self, x: float) -> str:
        """A constant."""
        return f"Real({super().number(x)})"


LOOPS, READABLE, CAREFUL = Loops(), Readable(), Careful()


def is_constant(arg: tuple[Pieces, int]) -> bool:
    """Whether an argument is written without any of the formula's arguments."""
    return all(isinstance(part, str) for part in arg[0])


def braced(arg: tuple[Pieces, int], least: int) -> Pieces:
    """An argument in the place of an operand: in parentheses if it binds too loosely."""
    pieces, level = arg
    if len(pieces) == 1 and isinstance(pieces[0], tuple):
        return [(pieces[0][0], least)]
    return pieces if level >= least else ["(", *pieces, ")"]


def call(name: str, args: Iterable[tuple[Pieces, int]]) -> tuple[Pieces, int]:
    """A function's call."""
    found: Pieces = [name, "("]
    for i, arg in enumerate(args):
        found += [", "] if i else []
        found += braced(arg, CHOICE)
    return [*found, ")"], ATOM


Template = tuple[str, list[tuple[int, int]], int]


def template(formula: Formula, style: Style) -> Template:
    """The formula as text with ``%s`` for arguments, their indices and levels, and its own."""
    if style not in formula.printed:
        pieces, level = expression(formula.expression, style)
        text = "".join("%s" if isinstance(part, tuple) else part for part in pieces)
        holes = [part for part in pieces if isinstance(part, tuple)]
        formula.printed[style] = text, holes, level
    return formula.printed[style]  # type: ignore[no-any-return]


def expression(x: Any, style: Style) -> tuple[Pieces, int]:
    """An expression in pieces; formulas are small, so it may recur."""
    if not isinstance(x, Symbol):
        text = style.number(x)
        return [text], SIGN if text.startswith("-") else ATOM
    if x.head is None:
        return [(int(x.name.removeprefix("#")), CHOICE)], ATOM
    return style.head(x.head, [expression(arg, style) for arg in x.args])


# ---------------------------------------------------------------- lines


class Printer:
    """Writes the steps of straight-line code in one style.

    A quantity that is used once is written in the place where it is used, unless it has a label
    that a reader may look for.
    """

    def __init__(self, style: Style, names: Names, kept: Sequence[Any]) -> None:
        self.style, self.names = style, names
        self.kept = {id(x) for x in kept}  # results, which have a line of their own
        self.uses: dict[int, int] = {}
        self.inlined: dict[int, tuple[str, int]] = {}

    def lines(self, steps: Sequence[Any], note: dict[int, str]) -> list[str]:
        """The steps as lines of code, with comments before the steps at some indices."""
        if self.style is READABLE:  # ∂loss/∂t is easier to read with a line for t
            self.kept |= {id(step.of) for step in steps if type(step) is Quantity}
        for step in steps:
            if isinstance(step, (Guard, Required)):
                self.count(step.args)
            else:
                holes = template(step.formula, self.style)[1]
                self.count([step.args[i] for i, _ in holes])
        lines: list[str] = []
        for i, step in enumerate(steps):
            if i in note:
                lines.append(f"# {note[i]}")
            if isinstance(step, Guard):
                lines += self.guard(step)
            elif isinstance(step, Required):
                lines += self.required(step)
            else:
                lines += self.assignment(step)
        return lines

    def count(self, args: Iterable[Any]) -> None:
        """Note that quantities are used."""
        for x in args:
            self.uses[id(x)] = self.uses.get(id(x), 0) + 1

    def assignment(self, q: Quantity) -> list[str]:
        """The line that computes a quantity; none if it is written where it is used."""
        text, level = self.text(q)
        if (
            self.uses.get(id(q)) == 1
            and id(q) not in self.kept
            and (self.style is not READABLE or not (q.label or (q.of is not None and q.of.label)))
            and len(text) <= self.style.longest
        ):
            self.inlined[id(q)] = text, level
            return []
        line = f"{self.names.of(q)} = "
        return wrapped(line, text) if self.style is READABLE else [line + text]

    def text(self, q: Quantity) -> tuple[str, int]:
        """The formula with its arguments, and how tightly it binds."""
        assert q.formula is not None
        text, holes, level = template(q.formula, self.style)
        filled = text % tuple([self.operand(q.args[i], least) for i, least in holes])
        return (filled.replace(" + -", " - ") if " + -" in filled else filled), level

    def operand(self, x: Any, least: int) -> str:
        """An argument's name, its own formula, or the constant."""
        if type(x) is Quantity:
            if (inlined := self.inlined.get(id(x))) is None:
                return self.names.of(x)
            text, level = inlined
        else:
            text = self.style.number(x)
            level = SIGN if text.startswith("-") else ATOM
        return text if level >= least else f"({text})"

    def guard(self, guard: Guard) -> list[str]:
        """The lines that check a comparison."""
        a, b = (self.operand(x, SUM) for x in guard.args)
        condition = f"{a} {guard.op} {b}"
        test = f"np.all({condition})" if self.style is READABLE else condition
        if not guard.outcome:
            test = f"np.any({condition})" if self.style is READABLE else condition
        message = f"recorded with {'' if guard.outcome else 'not '}{condition}"
        return [
            f"if {'not ' if guard.outcome else ''}{test}:",
            f'    raise GuardError("{message}: record again for these inputs")',
        ]

    def required(self, step: Required) -> list[str]:
        """The lines that check a target."""
        targets, name = step.targets, self.operand(step.args[0], ATOM)
        if self.style is READABLE:
            test = f"np.all({' & '.join(f'({part})' for part in targets.parts(name))})"
        else:
            test = f"({' and '.join(targets.parts(name))})"
        return [f"if not {test}:", f"    {targets.failing()}"]
