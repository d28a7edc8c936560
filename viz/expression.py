"""Formulas that a user types, as graphs: read as Python's syntax, never run as Python.

What may stand in one is a short list: numbers, names, ``+ - * / **``, parentheses and calls of the
engine's operations. Everything else is refused with its place.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from engine import TABLE, Value
from engine.operators import FUNCTIONS

LONGEST = 2_000  # characters
DEEPEST = 60  # levels of parentheses and calls
LARGEST_EXPONENT = 1_000

OPERATORS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


class ExpressionError(ValueError):
    """The formula cannot be read: the message says where and why, in one line."""


def evaluate(text: str, values: Mapping[str, float]) -> tuple[Value, dict[str, Value]]:
    """The graph of a formula, and its variables by name.

    Args:
        text: the formula, such as ``tanh(x*w + b)``.
        values: a number for every name in it.

    Raises:
        ExpressionError: if anything stands in it that does not belong there, a name has no value
            or a value no name, or it is too long or too deep.
    """
    reader = Reader(text, {name: Value(x, label=name) for name, x in values.items()})
    result = reader.read(reader.parse(), 0)
    if unused := [name for name in values if name not in reader.used]:
        raise ExpressionError(f"{unused[0]!r} has a value but does not occur in the formula")
    root = result if isinstance(result, Value) else Value(result, role="constant")
    return root, reader.variables


class Reader:
    """Reads one formula."""

    def __init__(self, text: str, variables: dict[str, Value]) -> None:
        self.text, self.variables = text, variables
        self.used: set[str] = set()

    def parse(self) -> ast.expr:
        """The formula's syntax tree."""
        if len(self.text) > LONGEST:
            raise ExpressionError(f"{len(self.text):,} characters; at most {LONGEST:,} are read")
        try:
            with warnings.catch_warnings():  # "2if a" is no formula, with a warning or without
                warnings.simplefilter("error")
                return ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            raise self.refusal(f"this is no formula ({error.msg})", error.offset or 1) from None
        except (ValueError, MemoryError, RecursionError):
            raise ExpressionError("this is no formula, or it is too deep") from None

    def refusal(self, why: str, column: int) -> ExpressionError:
        """The error for a place."""
        near = self.text.strip()[column - 1 :][:20]
        return ExpressionError(f"column {column}, at {near!r}: {why}")

    def read(self, part: ast.expr, depth: int) -> Any:
        """What a part of the formula stands for: a Value, or a number."""
        if depth > DEEPEST:
            raise self.at(part, f"deeper than {DEEPEST} levels")
        match part:
            case ast.Constant(value=bool() | complex()):
                pass
            case ast.Constant(value=int() | float() as x):
                return self.number(part, x)
            case ast.Name(id=name):
                return self.variable(part, name)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.read(operand, depth + 1)
            case ast.BinOp(op=op) if type(op) in OPERATORS:
                return self.chain(part, depth)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(part, name, [self.read(arg, depth + 1) for arg in args])
        raise self.at(part, "only numbers, names, + - * / **, parentheses and functions are read")

    def chain(self, part: ast.BinOp, depth: int) -> Any:
        """What operators one after the other come to, as in a long sum: from left to right."""
        links = [part]
        while isinstance(left := links[-1].left, ast.BinOp) and type(left.op) in OPERATORS:
            links.append(left)
        result = self.read(left, depth + 1)
        for link in reversed(links):
            result = self.operation(link, link.op, result, self.read(link.right, depth + 1))
        return result

    def number(self, part: ast.expr, x: float) -> float:
        """A number in the formula."""
        try:
            return float(x)
        except OverflowError:
            raise self.at(part, "too large a number") from None

    def variable(self, part: ast.expr, name: str) -> Value:
        """The variable of that name."""
        if name not in self.variables:
            raise self.at(part, f"{name!r} has no value; give it as {name}=…")
        self.used.add(name)
        return self.variables[name]

    def operation(self, part: ast.expr, op: ast.operator, a: Any, b: Any) -> Any:
        """The result of an operator."""
        exponent = b.data if isinstance(b, Value) else b
        if isinstance(op, ast.Pow) and abs(exponent) > LARGEST_EXPONENT:
            raise self.at(part, f"the exponent is larger than {LARGEST_EXPONENT:,}")
        if isinstance(a, float) and isinstance(b, float):
            a = Value(a, role="constant")  # IEEE arithmetic, and a node to draw
        return OPERATORS[type(op)](a, b)

    def call(self, part: ast.expr, name: str, args: list[Any]) -> Value:
        """The result of one of the engine's operations."""
        if name not in TABLE:
            raise self.at(part, f"no function is called {name!r}")
        row = TABLE[name]
        try:
            if row.variadic:
                return FUNCTIONS[name](args)  # type: ignore[no-any-return]
            first = [x if isinstance(x, Value) else Value(x, role="constant")
                     for x in args[: row.arity]]  # fmt: skip
            return FUNCTIONS[name](*first, *args[row.arity :])  # type: ignore[no-any-return]
        except (TypeError, ValueError) as error:
            raise self.at(part, f"{name} does not take these arguments: {error}") from None

    def at(self, part: ast.expr, why: str) -> ExpressionError:
        """The error for a part of the formula; ast counts bytes of UTF-8."""
        line = self.text.strip().encode()[: part.col_offset].decode(errors="replace")
        return self.refusal(why, len(line) + 1)
