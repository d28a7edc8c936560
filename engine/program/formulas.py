"""What a recorded program is made of: quantities, each computed by a formula from others.

A row of the table becomes a `Recipe` by being computed on symbols: a formula for its result and,
for each argument, one for the gradient that it gets, ``partial × g``, where g is the gradient of
the result. Recipes are kept, so that the thousandth tanh of a program costs only its names.

In a product with a choice, the branch that was not taken gives 0 whatever g is: `NOTHING` wins.
"""

from __future__ import annotations

import operator

from ..numbers import Mathematics
from ..reals import REALS, Real
from ..rule import NOTHING, SUM, TABLE, Rule
from ..symbol import WHERE, AtomMathematics, Form, Symbol, order, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

TERMS = 12  # of a sum in one formula; longer sums are computed in several
LARGEST = 24  # arguments of one formula

TOTAL = Form("total", "+", "", "", SUM)


class Formula:
    """An expression in the places of arguments, ``#0``, ``#1``, …; equal ones are one object."""

    __slots__ = ("expression", "arity", "bounded", "printed")

    def __init__(self, expression: Symbol, arity: int) -> None:
        self.expression, self.arity = expression, arity
        heads = {x.head.name for x in order([expression]) if x.head is not None}
        self.bounded = bool(heads & {"max", "min"})  # they are written otherwise with a constant
        self.printed: dict[object, Any] = {}  # by the printers

    def __repr__(self) -> str:
        return f"<formula {write(self.expression, key)}>"


class Quantity:
    """A number in a program: an input, a place's number, or computed by a formula.

    Attributes:
        formula, args: how it is computed, from quantities and constants; None for what is given.
        label, scope: what its node was called.
        of: for a gradient, the quantity that it is the gradient of.
    """

    __slots__ = ("formula", "args", "label", "scope", "of")

    def __init__(
        self,
        formula: Formula | None = None,
        args: Sequence[Any] = (),
        label: str = "",
        scope: str = "",
        of: Quantity | None = None,
    ) -> None:
        self.formula, self.args = formula, args
        self.label, self.scope, self.of = label, scope, of


class ProgramMathematics(AtomMathematics):
    """Atomic functions stay; what does not depend on a symbol is decided at once."""

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other."""
        if isinstance(condition, bool):
            return yes if condition else no
        return super().where(condition, yes, no)

    def equal(self, a: Any, b: Any) -> Any:
        """Whether two numbers are equal."""
        return super().equal(a, b) if isinstance(a, Symbol) or isinstance(b, Symbol) else a == b

    def sum(self, xs: Sequence[Any]) -> Any:
        """Σ xᵢ, from left to right."""
        total, *terms = xs or [0.0]
        for i in range(0, len(terms), TERMS):
            total = Symbol(head=TOTAL, args=(total, *terms[i : i + TERMS]))
        return total

    dot = Mathematics.dot

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        """log Σ exp(xᵢ), shifted by the largest so that nothing overflows."""
        top = self.largest(xs)
        within = top + self.log(self.sum([self.exp(x - top) for x in xs]))
        return self.where(self.equal(top - top, 0.0), within, top)

    def log_softmax(self, xs: Sequence[Any]) -> list[Any]:
        """log(exp(xᵢ) / Σ exp(xⱼ)) for every i."""
        top = self.largest(xs)
        xs = [self.where(self.equal(x, top), 0.0, x - top) for x in xs]
        total = self.log(self.sum([self.exp(x) for x in xs]))
        return [x - total for x in xs]


PROGRAM = ProgramMathematics()


def pulled(partial: Any, g: Any) -> Any:
    """partial × g, where in a choice the branch that passes nothing gives 0."""
    if partial is NOTHING:
        return 0.0
    if isinstance(partial, Symbol) and partial.head is WHERE:
        yes, condition, no = partial.args
        if any(not isinstance(branch, Symbol) or branch.head is WHERE for branch in (yes, no)):
            return Symbol(head=WHERE, args=(pulled(yes, g), condition, pulled(no, g)))
    return partial * g


# ---------------------------------------------------------------- making formulas simple


NEUTRAL = {"mul": 1.0, "sub": 0.0, "div": 1.0, "power": 1.0, "pow": 1.0}  # as second argument


class Simplifier:
    """Builds formulas bottom up, equal parts once, without factors of 1 and the like.

    Only what changes no result of IEEE arithmetic is left out: x·1, x·(−1) = −x, x/1, x − 0; and
    x² is x·x.
    """

    def __init__(self) -> None:
        self.known: dict[Any, Symbol] = {}

    def __call__(self, formula: Any, given: dict[str, Any] | None = None) -> Any:
        """The formula in simple form, with what is given in the place of its variables."""
        if not isinstance(formula, Symbol):
            return formula
        simple: dict[int, Any] = {}
        for part in order([formula]):
            if part.head is None:
                x = (given or {}).get(part.name, part)
                simple[id(part)] = self.once(x) if isinstance(x, Symbol) else x
            else:
                args = [simple[id(x)] if isinstance(x, Symbol) else x for x in part.args]
                simple[id(part)] = self.made(part.head, args)
        return simple[id(formula)]

    def once(self, part: Symbol) -> Symbol:
        """The part, or the one that was built alike before."""
        args = [id(x) if isinstance(x, Symbol) else repr(x) for x in part.args]
        return self.known.setdefault((part.head, part.name, *args), part)

    def made(self, head: Any, args: list[Any]) -> Any:
        """One operation in simple form."""
        name, first, last = head.name, args[0], args[-1]
        if name in NEUTRAL and is_plain(last, NEUTRAL[name]):
            return first
        match name:
            case "mul" if not any(isinstance(x, Symbol) for x in args):
                return float(first) * float(last)
            case "mul" if is_plain(first, 1.0):
                return last
            case "mul" if is_plain(first, -1.0) or is_plain(last, -1.0):
                return self.made(TABLE["neg"], [last if is_plain(first, -1.0) else first])
            case "neg" if not isinstance(first, Symbol):
                return -first
            case "neg" if first.head is head:
                return first.args[0]
            case "power" | "pow" if is_plain(last, 2.0):
                return self.made(TABLE["mul"], [first, first])
            case "power" | "pow" if is_plain(last, 0.0):
                return 1.0
            case "where" if first is last:
                return first
        return self.once(Symbol(head=head, args=args))


def is_plain(x: Any, number: float) -> bool:
    """Whether it is that number and not −0."""
    return not isinstance(x, Symbol) and x == number and str(float(x)) == str(number)


# ---------------------------------------------------------------- recipes


class Recipe:
    """How a row's result and the gradients of its arguments are computed.

    A piece is a formula with the indices of its arguments in the list: the row's arguments, the
    result, the gradient of the result, and then the parts that several formulas share.

    Attributes:
        early, late: the shared parts by index, those that the result needs and the others.
        value: the piece for the result, or a number.
        pullbacks: for each argument a piece, a number, or None where nothing is passed back.
    """

    __slots__ = ("count", "early", "late", "value", "pullbacks")

    def __init__(self, row: Rule, count: int, params: Sequence[Any]) -> None:
        symbols = [Symbol(str(i)) for i in range(count + 2)]
        args, (y, g) = symbols[:count], symbols[count:]
        simplify = Simplifier()
        value = simplify(row.evaluate(PROGRAM, args, params))
        partials = row.differentiate(PROGRAM, y, args, params)
        pullbacks = [None if d is NOTHING else simplify(pulled(d, g)) for d in partials]
        shared, (value, *pullbacks) = share([value, *pullbacks], count, simplify)
        needed = below(value, shared)
        self.count = count
        self.early = [(i, piece(part)) for i, part in shared.items() if i in needed]
        self.late = [(i, piece(part)) for i, part in shared.items() if i not in needed]
        self.value = piece(value)
        self.pullbacks = [piece(x) for x in pullbacks]


RECIPES: dict[Any, Recipe] = {}
FORMULAS: dict[str, Formula] = {}


def recipe(row: Rule, count: int, params: Sequence[Any] = ()) -> Recipe:
    """The row's recipe for that many arguments."""
    name = (row, count, repr(params) if params else None)
    if name not in RECIPES:
        RECIPES[name] = Recipe(row, count, params)
    return RECIPES[name]


def key(head: Any, args: list[tuple[str, int]]) -> tuple[str, int]:
    """A style of writing that tells any two formulas apart."""
    return f"{head.name}({','.join(text for text, _ in args)})", SUM


def formula(expression: Symbol) -> Formula:
    """The expression, in ``#0``, ``#1``, …, as the one formula that is written so."""
    name = write(expression, key)
    if name not in FORMULAS:
        arity = len({x.name for x in order([expression]) if x.head is None})
        FORMULAS[name] = Formula(expression, arity)
    return FORMULAS[name]


def piece(expression: Any) -> Any:
    """A formula and the indices of its arguments; numbers and None as they are."""
    if not isinstance(expression, Symbol):
        return expression if expression is None else float(expression)
    names = list(dict.fromkeys(x.name for x in order([expression]) if x.head is None))
    if not names:
        return float(evaluated(expression))
    places = {name: Symbol(f"#{i}") for i, name in enumerate(names)}
    return formula(Simplifier()(expression, places)), tuple(map(int, names))


def evaluated(x: Any) -> float:
    """The number that an expression of constants is."""
    if not isinstance(x, Symbol):
        return Real(x)
    args = [evaluated(arg) for arg in x.args]
    if x.head is WHERE:
        return args[0] if args[1] else args[2]
    if x.head is TOTAL:
        return Real(REALS.sum(args))
    if isinstance(x.head, Rule):
        return Real(x.head.evaluate(REALS, args))
    assert x.head is not None
    return CONDITIONS[x.head.name](*args)


CONDITIONS: dict[str, Callable[..., bool]] = {
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt,
    "greater_equal": operator.ge, "equal": operator.eq, "both": lambda a, b: a and b,
}  # fmt: skip


def share(
    formulas: Sequence[Any], count: int, simplify: Simplifier
) -> tuple[dict[int, Symbol], list[Any]]:
    """The parts that occur more than once, and those of formulas too long to read, by index.

    Conditions stay where they are. The first formula is the result itself, which has index
    ``count`` already.
    """
    parts = order(formulas)
    uses: dict[int, int] = {}
    for x in [*formulas, *(arg for part in parts for arg in part.args)]:
        uses[id(x)] = uses.get(id(x), 0) + 1
    uses[id(formulas[0])] -= 1
    known: dict[int, Any] = {}
    size: dict[int, int] = {}
    shared: dict[int, Symbol] = {}
    place = count + 2
    for part in parts:
        if part.head is None:
            known[id(part)], size[id(part)] = part, 1
            continue
        args = [known[id(x)] if isinstance(x, Symbol) else x for x in part.args]
        head: Any = part.head
        whole = simplify.once(Symbol(head=head, args=args))
        size[id(part)] = sum(size.get(id(x), 1) for x in part.args)
        chained = part.head is TOTAL and getattr(part.args[0], "head", None) is TOTAL
        if part is formulas[0]:
            known[id(part)], first = Symbol(str(count)), whole
        elif (
            uses[id(part)] > 1 or size[id(part)] > LARGEST or chained or is_first(part, parts)
        ) and head.name not in CONDITIONS:
            shared[place] = whole
            known[id(part)], size[id(part)] = Symbol(str(place)), 1
            place += 1
        else:
            known[id(part)] = whole
    value = formulas[0]
    result = first if isinstance(value, Symbol) and value.head else value
    return shared, [result, *(known.get(id(x), x) for x in formulas[1:])]


def is_first(part: Symbol, parts: Sequence[Symbol]) -> bool:
    """Whether a sum is what a longer sum begins with."""
    return part.head is TOTAL and any(x.head is TOTAL and x.args[0] is part for x in parts)


def below(expression: Any, shared: dict[int, Symbol]) -> set[int]:
    """The indices of the shared parts that an expression needs."""
    needed: set[int] = set()
    waiting = [expression]
    while waiting:
        for x in order([waiting.pop()]):
            if x.head is None and int(x.name) in shared and int(x.name) not in needed:
                needed.add(int(x.name))
                waiting.append(shared[int(x.name)])
    return needed


def specialised(general: Formula, pattern: tuple[float | None, ...]) -> Any:
    """The formula with constants in some places: a piece, or a number."""
    name = ("constants", pattern)
    if name not in general.printed:
        given = {f"#{i}": Symbol(str(i)) if x is None else x for i, x in enumerate(pattern)}
        general.printed[name] = piece(Simplifier()(general.expression, given))
    return general.printed[name]


COPY = formula(Symbol("#0"))
SUMS = [formula(PROGRAM.sum([Symbol(f"#{i}") for i in range(n)])) for n in range(1, TERMS + 1)]
