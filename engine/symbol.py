"""Numbers that are formulas: a row computed on symbols writes down what it computes.

>>> x, y = Symbol("x"), Symbol("y")
>>> print(x * y + x.tanh())
x·y + tanh(x)
>>> print((x ** 2).latex())
x^{2}

The same formulas are printed as Python to generate the engine's fast paths (`code`).
"""

from __future__ import annotations

import math

from .graph import topological_order
from .numbers import Mathematics, Number, give_comparisons, is_number, unfit
from .rule import ATOM, CHOICE, NOTHING, POWER, PRODUCT, SIGN, SUM, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Text = tuple[str, int]  # a text and how tightly it binds
    Style = Callable[["Head", "list[Text]"], Text]

LONGEST = 1_000_000  # characters of one formula: shared parts are written out each time


class Form:
    """How something is written that is no row of the table: a comparison, a choice."""

    __slots__ = ("name", "op", "text", "latex", "level")

    def __init__(self, name: str, op: str, text: str, latex: str, level: int) -> None:
        self.name, self.op, self.text, self.latex, self.level = name, op, text, latex, level


if TYPE_CHECKING:
    Head = Rule | Form

# fmt: off
WHERE = Form("where", "", "%s if %s else %s",
             r"\begin{cases} %s & \text{if } %s \\ %s & \text{otherwise} \end{cases}", CHOICE)
COMPARED = {
    "lt": Form("less", "<", "%s < %s", "%s < %s", CHOICE),
    "le": Form("less_equal", "<=", "%s ≤ %s", r"%s \le %s", CHOICE),
    "gt": Form("greater", ">", "%s > %s", "%s > %s", CHOICE),
    "ge": Form("greater_equal", ">=", "%s ≥ %s", r"%s \ge %s", CHOICE),
}
EQUAL = Form("equal", "==", "%s = %s", "%s = %s", CHOICE)
BOTH = Form("both", "and", "%s and %s", r"%s \text{ and } %s", CHOICE)
# fmt: on


class Symbol(Number):
    """A variable, ``Symbol("x")``, or what operators and functions make of variables."""

    __slots__ = ("head", "args", "name")

    def __init__(self, name: str = "", head: Head | None = None, args: Sequence[Any] = ()) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a symbol has a name, not {type(name).__name__} {name!r}")
        self.name, self.head, self.args = name, head, tuple(args)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Symbol:
        for x in args:
            if not isinstance(x, Symbol) and not is_number(x):
                raise unfit(x, row.name)
        if row.variadic:
            return row.evaluate(FORMULAS, args, params)  # type: ignore[no-any-return]
        return cls(head=row, args=(*args, *params))

    def __and__(self, other: Any) -> Symbol:
        return Symbol(head=BOTH, args=(self, other))

    def __rand__(self, other: Any) -> Any:  # of what is decided already
        return self if other else False

    def __bool__(self) -> bool:
        raise TypeError("a formula is neither true nor false: rows choose with m.where")

    def __str__(self) -> str:
        return write(self, plain)

    def __repr__(self) -> str:
        return f"Symbol({self})"

    def latex(self) -> str:
        """The formula in LaTeX's mathematics mode."""
        return write(self, latex)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


give_comparisons(Symbol, lambda f: lambda x, y: Symbol(head=COMPARED[f.__name__], args=(x, y)))


class SymbolMathematics(Mathematics):
    """Every row stays as it is written: σ(x) is not written out."""

    def of_row(self, row: Rule) -> Callable[..., Any] | None:
        """The row's name."""
        return lambda *args: Symbol(head=row, args=args)

    def where(self, condition: Any, yes: Any, no: Any) -> Symbol:
        """The one or the other."""
        if not isinstance(condition, Symbol):
            raise TypeError("m.where takes a condition made with <, <=, >, >= or m.equal")
        return Symbol(head=WHERE, args=(yes, condition, no))

    def equal(self, a: Any, b: Any) -> Symbol:
        """Whether two numbers are equal."""
        return Symbol(head=EQUAL, args=(a, b))

    def dot(self, xs: Sequence[Any], ys: Sequence[Any], start: Any = None) -> Any:
        """x₁y₁ + x₂y₂ + … + start."""
        terms = [x * y for x, y in zip(xs, ys, strict=True)]
        return self.sum(terms if start is None else [*terms, start])

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        """log(exp(x₁) + exp(x₂) + …)."""
        return self.log(self.sum([self.exp(x) for x in xs]))

    def log_softmax(self, xs: Sequence[Any]) -> list[Any]:
        """xᵢ − log(exp(x₁) + exp(x₂) + …) for every i."""
        return [x - self.logsumexp(xs) for x in xs]


class AtomMathematics(SymbolMathematics):
    """Only atomic functions stay, all others are written out: what code is generated from."""

    def of_row(self, row: Rule) -> Callable[..., Any] | None:
        """The name of an atomic row."""
        return Mathematics.of_row(self, row) or super().of_row(row)


FORMULAS = SymbolMathematics()
ATOMS = AtomMathematics()


def value_and_partials(
    row: Rule, m: Mathematics, names: Sequence[str], result: str = "y"
) -> tuple[Any, list[Any]]:
    """A row's result and its partials as formulas of the named variables and the result."""
    symbols = [Symbol(name) for name in names]
    args, params = symbols[: row.arity], symbols[row.arity :]
    value = row.evaluate(m, args, params)
    return value, row.differentiate(m, Symbol(result), args, params)


# ---------------------------------------------------------------- writing formulas


def parts(symbol: Symbol) -> list[Symbol]:
    """A formula's own parts, numbers left out."""
    return [arg for arg in symbol.args if isinstance(arg, Symbol)]


def order(formulas: Sequence[Any]) -> list[Symbol]:
    """All parts of the formulas, each after its own parts."""
    return topological_order([x for x in formulas if isinstance(x, Symbol)], parts)


def write(formula: Any, style: Style) -> str:
    """The formula in a style, without recursion."""
    written: dict[int, Text] = {}

    def of(part: Any) -> Text:
        if isinstance(part, Symbol):
            return written[id(part)] if part.head else (part.name, ATOM)
        return number(part, style)

    for part in order([formula]):
        if part.head is None:
            continue
        text = written[id(part)] = style(part.head, [of(arg) for arg in part.args])
        if len(text[0]) > LONGEST:
            raise ValueError(f"the formula is longer than {LONGEST:,} characters")
    return of(formula)[0]


def number(x: Any, style: Style) -> Text:
    """A constant: as short as it stays exact, with a true minus sign outside code."""
    infinity, minus, times, power = (
        (r"\infty", "-", r" \cdot ", "10^{%s}") if style is latex else ("∞", "−", "·", "10^%s")
    )
    mantissa, _, exponent = repr(abs(float(x))).replace("inf", infinity).partition("e")
    digits, level = mantissa.removesuffix(".0"), ATOM
    if exponent:
        scale = power % str(int(exponent)).replace("-", minus)
        digits, level = (scale, POWER) if digits == "1" else (digits + times + scale, PRODUCT)
    return (minus + digits, min(level, SIGN)) if x < 0 else (digits, level)


def embrace(texts: Sequence[Text], least: Sequence[int], left: str, right: str) -> tuple[str, ...]:
    """The arguments' texts, each in parentheses if it binds less tightly than its place asks for.

    A minus after an operator stands in parentheses too: x − (−y), x·(−1).
    """
    found = []
    for i, ((text, level), tight) in enumerate(zip(texts, least, strict=True)):
        signed = i > 0 and tight > CHOICE and text.startswith(("-", "−"))
        found.append(f"{left}{text}{right}" if level < tight or signed else text)
    return tuple(found)


def places(head: Head, count: int) -> list[int]:
    """How tightly each argument of an operator must bind to stand without parentheses."""
    if head.level in (ATOM, CHOICE):
        return [CHOICE + (head.level == CHOICE)] * count
    if head.level == POWER:
        return [ATOM] * count
    return [head.level] + [head.level + 1] * (count - 1)


def plain(head: Head, args: list[Text]) -> Text:
    """Unicode text: ``1 − y·y``."""
    if not head.text:
        return f"{head.name}({', '.join(text for text, _ in args)})", ATOM
    return head.text % embrace(args, places(head, len(args)), "(", ")"), head.level


def latex(head: Head, args: list[Text]) -> Text:
    r"""LaTeX: ``\frac{1}{x}``; what stands in braces needs no parentheses."""
    if not head.latex:
        name = head.name.replace("_", r"\_")
        inner = ", ".join(text for text, _ in args)
        return rf"\operatorname{{{name}}}\left({inner}\right)", ATOM
    least = places(head, len(args))
    before = head.latex.split("%s")
    for i, text in enumerate(before[:-1]):
        if text.endswith("{"):
            least[i] = CHOICE
    texts = embrace(args, least, r"\left(", r"\right)")
    return head.latex % texts, head.level


def code(head: Head, args: list[Text]) -> Text:
    """Python on floats, where a function goes by the name of its row and an underscore."""
    if head is WHERE:
        yes, condition, no = embrace(args, [SUM] * 3, "(", ")")
        return f"({yes} if {condition} else {no})", ATOM
    if head.level in (SUM, PRODUCT, SIGN, CHOICE):
        texts = embrace(args, places(head, len(args)), "(", ")")
        return (f" {head.op} ".join(texts) if len(texts) > 1 else head.op + texts[0]), head.level
    name = "pow" if head.level == POWER else head.name
    return f"{name}_({', '.join(text for text, _ in args)})", ATOM


def code_number(x: Any) -> Text:
    """A float literal, so that floats only ever meet floats."""
    if x is NOTHING:
        return "NOTHING_", ATOM
    text = {math.inf: "INF_", -math.inf: "-INF_"}.get(x) or repr(float(x))
    return text, SIGN if text.startswith("-") else ATOM


def straight_line(
    value: Any, partials: Sequence[Any], result: str = "y_"
) -> tuple[list[str], list[str]]:
    """Assignments up to that of the result, and those parts of the partials that they share.

    Second come the partials, as expressions. Parts that are built alike are one (hash consing,
    bottom up); one that is used more than once gets a name.
    """
    built: dict[Any, int] = {}  # the parts' numbers by what they are built of
    numbers: dict[int, int] = {}  # and by their ids

    def of(x: Any) -> Any:
        if not isinstance(x, Symbol):
            return code_number(x)
        return numbers[id(x)] if x.head else (x.name, ATOM)

    for part in order([value, *partials]):
        if part.head:
            key = part.head, *map(of, part.args)
            numbers[id(part)] = built.setdefault(key, len(built))
    finals = [of(x) for x in (value, *partials)]
    once: set[Any] = set()
    again: set[Any] = set()
    for x in (*(x for _, *args in built for x in args), *finals):
        (again if x in once else once).add(x)

    texts: dict[Any, Text] = {}
    steps: list[str] = []
    after: list[str] = []
    late: set[Any] = {(result, ATOM)}  # what needs the result
    for (head, *args), number in built.items():
        texts[number] = code(head, [texts.get(x, x) for x in args])
        if not late.isdisjoint(args):
            late.add(number)
        if number in again and not isinstance(head, Form):
            name = f"t{len(steps) + len(after)}_"
            (after if number in late else steps).append(f"{name} = {texts[number][0]}")
            texts[number] = name, ATOM
    whole, *slopes = (texts.get(x, x)[0] for x in finals)
    return [*steps, f"{result} = {whole}", *after], slopes
