"""A node's formulas: how it is computed, and its local derivatives, as the table writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from engine import Symbol, Value
from engine.symbol import SymbolMathematics, order

MOST_ARGUMENTS = 40  # of an operation whose formula is written out


class Decided(SymbolMathematics):
    """Formulas in which a choice between known numbers is made: (x²)′ is 2·x."""

    def equal(self, a: Any, b: Any) -> Any:
        """Whether two numbers are equal."""
        known = not isinstance(a, Symbol) and not isinstance(b, Symbol)
        return a == b if known else super().equal(a, b)

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other."""
        if isinstance(condition, bool):
            return yes if condition else no
        return super().where(condition, yes, no)


FORMULAS = Decided()


def value_formula(node: Value, symbols: Mapping[Value, Any]) -> Any:
    """How a node is computed, as a formula of its arguments' symbols; None if it is too long."""
    row, args = node.rule, [symbols[arg] for arg in node.args]
    if row is None or len(args) > MOST_ARGUMENTS:
        return None
    if row.variadic:
        return simplified(row.evaluate(FORMULAS, args, node.params))
    return simplified(Symbol(head=row, args=(*args, *node.params)))


def partial_formulas(node: Value, symbols: Mapping[Value, Any]) -> list[Any] | None:
    """A node's local derivatives, as the table's row writes them; None if they are too long."""
    row, args = node.rule, [symbols[arg] for arg in node.args]
    if row is None or len(args) > MOST_ARGUMENTS:
        return None
    formulas = row.differentiate(FORMULAS, symbols[node], args, node.params)
    return [simplified(formula) for formula in formulas]


def simplified(formula: Any) -> Any:
    """The formula without factors of 1, exponents of 1 and summands of 0."""
    short: dict[int, Any] = {}

    def of(x: Any) -> Any:
        return short.get(id(x), x) if isinstance(x, Symbol) else x

    for part in order([formula]):
        args = [of(arg) for arg in part.args]
        name = part.head.name if part.head else ""
        short[id(part)] = part
        if name == "mul" and 1 in numbers(args):
            short[id(part)] = args[1 - numbers(args).index(1)]
        elif len(args) == 2 and numbers(args)[1] == {"power": 1, "add": 0, "sub": 0}.get(name):
            short[id(part)] = args[0]
        elif part.head:
            short[id(part)] = Symbol(head=part.head, args=args)
    return of(formula)


def numbers(args: Sequence[Any]) -> list[float]:
    """The arguments that are numbers, nan for those that are formulas."""
    return [math.nan if isinstance(x, Symbol) else float(x) for x in args]
