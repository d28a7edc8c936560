"""The mathematics of Tensors: rows and pullbacks that record what they compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..broadcasting import Broadcasting, Selected
from ..graph import topological_order
from ..modes import Unwatched
from ..node import stale
from ..numbers import GenericMathematics
from ..rule import ARRAY_TABLE, Rule
from .tensor import Tensor, compare, make, operand


class TensorMathematics(Broadcasting, GenericMathematics):
    """The rows on Tensors: what is computed is recorded, so that it can be differentiated again.

    Args:
        given: the arguments of the row whose partials are computed. In a branch that the row
            chooses they are reached only where it is taken: where it is not, it passes nothing
            back, whatever it comes to there.
    """

    numbers = "Tensors"

    def __init__(self, given: Sequence[Tensor] = ()) -> None:
        self.given = given

    def __getattr__(self, name: str) -> Any:
        if name not in ARRAY_TABLE:
            return super().__getattr__(name)
        rule = ARRAY_TABLE[name]

        def method(*args: Any) -> Tensor:
            if rule.variadic:
                return make(rule, tuple(args[0]), args[1:])
            like = next(x for x in args if isinstance(x, Tensor))
            operands = tuple(operand(x, like) for x in args[: rule.arity])
            return make(rule, operands, args[rule.arity :])

        return method

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other, entry by entry."""
        yes, no = self.branch(condition, True, yes), self.branch(condition, False, no)
        return super().where(condition, yes, no)

    def branch(self, condition: Tensor, taken: bool, y: Any) -> Any:
        """A branch of a row, computed from what is given as `within` lets it through."""
        if isinstance(y, Selected):
            return Selected(
                y.condition,
                self.branch(condition, taken, y.yes),
                self.branch(condition, taken, y.no),
            )
        if not isinstance(y, Tensor) or not isinstance(condition, Tensor):
            return y
        new = {id(x): self.within(condition, taken, x) for x in self.given if x._needs}
        for node in topological_order(y, lambda node: () if id(node) in new else node.args):
            args = [new.get(id(x), x) for x in node._args]
            if id(node) not in new and any(
                x is not y for x, y in zip(args, node._args, strict=True)
            ):
                new[id(node)] = make(node._rule, tuple(args), node._params)
        return new.get(id(y), y)

    def within(self, condition: Any, taken: bool, g: Any) -> Any:
        """A number as it is in the branch taken where the condition holds, or where it fails."""
        if not isinstance(g, Tensor) or not isinstance(condition, Tensor):
            return g
        return self.select(condition, g, 0.0) if taken else self.select(condition, 0.0, g)

    def select(self, condition: Tensor, yes: Any, no: Any) -> Tensor:
        """The one or the other, entry by entry; a plain number takes the other's precision."""
        like = yes if isinstance(yes, Tensor) else no if isinstance(no, Tensor) else condition
        return make(ARRAY_TABLE["select"], (condition, operand(yes, like), operand(no, like)))

    def equal(self, a: Any, b: Any) -> Any:
        """Where two arrays are equal."""
        return compare("equal", a, b) if isinstance(a, Tensor) or isinstance(b, Tensor) else a == b

    def shape(self, x: Tensor) -> tuple[int, ...]:
        """The length of every axis."""
        return x.shape

    def dtype(self, x: Tensor) -> np.dtype[Any]:
        """The type of the entries."""
        return x.dtype

    def swap(self, x: Tensor) -> Tensor:
        """The last two axes exchanged."""
        order = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
        return make(ARRAY_TABLE["transpose"], (x,), (order,))

    def log_softmax(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """log(exp(xᵢ) / Σ exp(xⱼ)) for every i."""
        total = self.logsumexp(xs)
        return [x - total for x in xs]

    def log_softmax_rows(self, x: Tensor) -> Tensor:
        """log(exp(x) / Σ exp(x)) in every row."""
        return x - x.logsumexp(-1, keepdims=True)  # type: ignore[no-any-return]


TENSORS = TensorMathematics()


def pull_nodes(y: Tensor, g: Tensor, wanted: Sequence[bool]) -> list[Any]:
    """The gradients of a Tensor's arguments, given its own, as Tensors of a graph.

    Raises:
        ValueError: if data was changed after it was recorded.
    """
    for x, then in zip(y._args, y._saved, strict=True):
        if x._data is not then:
            raise stale(y)
    scalar = isinstance(y._rule, Rule)  # a row that may choose between branches
    m = TensorMathematics(y._args) if scalar else TENSORS
    with Unwatched():
        found: list[Any] = y._rule.pull(m, g, y, y._args, y._params, wanted)
    return found


Tensor._pull_nodes = pull_nodes
