"""Code with one part altered: syntax trees, and the text that is run in the end."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from difflib import unified_diff
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def parse(text: str, **parts: ast.expr) -> Any:
    """The expression, with the named parts put in the places of their names."""

    class Insert(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parts.get(node.id, node)

    return Insert().visit(ast.parse(text, mode="eval").body)


def in_order(tree: ast.AST) -> list[ast.AST]:
    """The parts of a tree as they follow one another in its text."""
    found = list(ast.walk(tree))
    return sorted(found, key=lambda x: (getattr(x, "lineno", 0), getattr(x, "col_offset", 0)))


def substitutes(
    tree: Any, choices: Callable[[ast.AST], Iterator[ast.AST]]
) -> Iterator[tuple[ast.AST, str, Any]]:
    """Every copy of a tree with one part altered: that part, what became of it, and the copy."""
    for node in in_order(tree):
        for choice in choices(node):
            copies: dict[int, Any] = {}
            whole = copy.deepcopy(tree, copies)
            altered = replace(whole, copies[id(node)], choice)
            yield node, f"{brief(node)} → {brief(choice)}", altered


def brief(node: ast.AST) -> str:
    """A part of a program in one line."""
    return " ".join(text(node).split())


def replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """The tree with another part in the place of the old one."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return copy.deepcopy(new) if node is old else self.generic_visit(node)

    result: ast.AST = Replace().visit(tree)
    return result


def text(tree: ast.AST) -> str:
    """The code of a tree."""
    return ast.unparse(ast.fix_missing_locations(tree))


def difference(before: str, after: str) -> str:
    """What has been altered, line by line."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    return "\n".join(lines)
