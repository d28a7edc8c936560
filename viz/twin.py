"""A graph of Tensors with names, formulas and what is sent back: for its picture and derivation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine import Tensor, topological_order

from .arrayformulas import ArraySymbol, array_formula, pullbacks, symbol
from .formulas import simplified
from .names import Name, short_scope
from .script import Latex, Script
from .text import (
    number,
    once_enclosed,
    powers_raised,
    printable,
    shorten,
    term,
)

LONGEST = 16  # characters of an expression that is a name
LEAVES = {"input": "input", "parameter": "p", "constant": "c"}  # arrays that have no label
PLAIN = Script()


@dataclass(frozen=True)
class Twin:
    """A graph of Tensors with what its picture and its derivation say.

    Attributes:
        order: all nodes, arguments before results.
        names: what they are called, no two alike.
        symbols: the nodes in formulas.
        expressed: those that are named by how they are computed.
        variable: those that a gradient is computed for: all but what constants are made into.
    """

    order: Sequence[Tensor]
    names: Mapping[Tensor, Name]
    symbols: Mapping[Tensor, ArraySymbol]
    expressed: Collection[Tensor]
    variable: Collection[Tensor]

    def wanted(self, node: Tensor) -> list[bool]:
        """For each argument whether it is sent anything."""
        return [arg in self.variable for arg in node.args]

    def formula(self, node: Tensor) -> Any:
        """How a node is computed, of its arguments."""
        return simplified(array_formula(node, [self.symbols[arg] for arg in node.args]))

    def pullbacks(self, node: Tensor, upstream: str = "δ") -> list[Any]:
        """What a node sends its arguments back, as formulas; None where it sends nothing.

        Args:
            node: the node; a leaf sends nothing.
            upstream: what its own gradient is called.
        """
        return [
            None if formula is None else simplified(formula)
            for formula in self.pulled(node, symbol(node, upstream))
        ]

    def pulled(self, node: Tensor, upstream: Any) -> list[Any]:
        """The same for an upstream gradient that is a formula itself, as the table writes it."""
        if not node.args or upstream is None:
            return [None] * len(node.args)
        args = [self.symbols[arg] for arg in node.args]
        return pullbacks(node, upstream, self.symbols[node], args, self.wanted(node))

    def foldable(self, kept: Collection[Tensor]) -> set[Tensor]:
        """The nodes that can be seen in the formula of the only one that uses them."""
        uses = Counter(arg for node in self.order for arg in node.args)
        return {
            node
            for node in self.order
            if uses[node] == 1 and node not in kept
            if node in self.expressed or (is_number(node) and not node.label)
        }

    def arrivals(
        self, node: Tensor, hidden: Collection[Tensor], upstream: Any
    ) -> Iterator[Arrival]:
        """Where the arguments of a node arrive, through what is seen in its formula alone."""
        for position, formula in enumerate(self.pulled(node, upstream)):
            arg = node.args[position]
            if arg not in hidden:
                yield Arrival(arg, node, position, formula)
            elif arg.args:
                yield from self.arrivals(arg, hidden, formula)


class Arrival(NamedTuple):
    """An argument's way into a card.

    Attributes:
        arg: the argument.
        into: the node that uses it, on the card.
        position: as which of its arguments.
        formula: what is sent back there; None for nothing.
    """

    arg: Tensor
    into: Tensor
    position: int
    formula: Any


def is_number(node: Tensor) -> bool:
    """Whether it is a constant of one number."""
    return not node.args and node.role == "constant" and node.data.ndim == 0


def study(roots: Sequence[Tensor], script: Script = PLAIN) -> Twin:
    """The graph of some Tensors, its names written in a script."""
    order: list[Tensor] = topological_order(roots)
    labels, expressed = bare_names(order)
    often, used = Counter(labels), Counter[str]()
    names: dict[Tensor, Name] = {}
    symbols: dict[Tensor, ArraySymbol] = {}
    inner: dict[Tensor, ArraySymbol] = {}  # what stands in the expressions that are names
    for node, label in zip(order, labels, strict=True):
        name = Name(label, short_scope(node.scope) if often[label] > 1 and node.scope else "")
        used[str(name)] += 1
        if used[str(name)] > 1:
            which = str(used[str(name)])
            name = Name(label, f"{name.place}#{which}" if name.place else which)
        names[node] = name
        symbols[node] = inner[node] = symbol(node, script.name(name))
        if not isinstance(script, Latex):
            continue
        if node in expressed:
            inner[node] = array_formula(node, [inner[arg] for arg in node.args])
            symbols[node] = symbol(node, script.embraced(script.write(simplified(inner[node]))))
        elif not node.label and node.role == "constant" and node.data.ndim == 0:
            symbols[node] = inner[node] = symbol(node, script.number(float(node.data)))
    variable: set[Tensor] = set()
    for node in order:
        leaf = not node.args and node.role != "constant" and node.dtype.kind == "f"
        if leaf or any(arg in variable for arg in node.args):
            variable.add(node)
    return Twin(order, names, symbols, expressed, variable)


def bare_names(order: Sequence[Tensor]) -> tuple[list[str], set[Tensor]]:
    """What the nodes would be called if no two were called the same, and which by expressions.

    By their labels, or as the numbers that they are; else by short expressions, ``(x·W + b)``, or
    by their operations.
    """
    found, expressed = [], set()
    known: dict[Tensor, ArraySymbol] = {}
    often = Counter(str(node.label) for node in order)
    for node in order:
        label, place = shorten(printable(str(node.label))), ""
        if label and often[str(node.label)] > 1 and node.scope:
            place = f"[{short_scope(node.scope)}]"
        elif not label and not node.args:
            label = number(float(node.data)) if node.data.ndim == 0 else LEAVES[node.role]
        elif not label:
            expression = array_formula(node, [known[arg] for arg in node.args])
            text = powers_raised(PLAIN.write(simplified(expression)))
            label = str(node.sign)
            if len(text) <= LONGEST:
                label, known[node] = term(text), expression
                expressed.add(node)
        found.append(label)
        known.setdefault(node, symbol(node, term(label + place)))
    return found, expressed


def depth(twin: Twin) -> int:
    """How many cards stand on the longest way from a leaf to a root."""
    ranks: dict[Tensor, int] = {}
    for node in twin.order:
        ranks[node] = 1 + max((ranks[arg] for arg in node.args), default=0)
    return max(ranks.values())


def written(formula: Any) -> str:
    """A formula as a card or an edge says it."""
    return once_enclosed(powers_raised(PLAIN.write(formula)))


def norm(x: Any) -> float:
    """The root of the sum of all squares."""
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(np.asarray(x, float).ravel()))


def dimensions(node: Tensor) -> str:
    """A shape as one says it: ``4 × 2``, ``4``, ``one number``."""
    return " × ".join(map(str, node.shape)) or "one number"
