"""Blocks: arrays in which single numbers lie, and rows that are noted of them.

Where numbers are needed in an order in which they lie already, nothing is moved; otherwise they are
gathered by an index, or joined from several blocks.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rule import ARRAY_TABLE
from .ops import Op, outcome, resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..tensor.arrays import Array

    Spot = tuple[Op, int] | float  # where a number lies in a block, or a constant

FLOAT = np.dtype("float64")


class Blocks:
    """Rows on blocks, in order.

    Attributes:
        events: the rows, and what happens between them.
        rows: those so far.
        spots: where numbers lie: in which block, and in which of its places.
        constants: the Ops of constant arrays, with the arrays.
    """

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.rows: list[Op] = []
        self.spots: dict[Op, tuple[Op, int]] = {}
        self.constants: list[tuple[Op, Array]] = []

    # ------------------------------------------------------------ operations

    def apply(self, rule: Any, args: Sequence[Any], params: Sequence[Any] = ()) -> Op:
        """The result of a row on blocks."""
        shape, dtype = outcome(rule, args, params)
        op = Op(None, rule, tuple(args), tuple(params), shape, dtype)
        self.events.append(op)
        self.rows.append(op)
        return op

    def row(self, name: str, *args: Any) -> Op:
        """The result of the array row of that name."""
        rule = ARRAY_TABLE[name]
        return self.apply(rule, args[: rule.arity], args[rule.arity :])

    def reshaped(self, x: Op, shape: tuple[int, ...]) -> Op:
        """The block in another shape."""
        return x if x.shape == shape else self.row("reshape", x, shape)

    def constant(self, numbers: Any) -> Op:
        """A block of constants."""
        array = np.asarray(numbers)
        op = Op(None, None, (), (), array.shape, array.dtype)
        self.constants.append((op, array))
        return op

    # ------------------------------------------------------------ gathering

    def spot(self, x: Any) -> Spot:
        """Where a number lies; a constant itself."""
        x = resolved(x)
        return self.spots[x] if type(x) is Op else x

    def gather(self, xs: Sequence[Any], shape: tuple[int, ...], dense: bool = False) -> Any:
        """Numbers as one block; if all are the same one, it alone, unless dense is asked for."""
        spots = [self.spot(x) for x in xs]
        sources = {s[0]: None for s in spots if isinstance(s, tuple)}
        numbers = [s for s in spots if not isinstance(s, tuple)]
        if not sources:
            if not dense and len({repr(x) for x in numbers}) == 1:
                return numbers[0]
            return self.constant(np.reshape(np.array(numbers, float), shape))
        if len(sources) == 1 and not numbers:
            return self.taken(next(iter(sources)), [s[1] for s in spots], shape, dense)  # type: ignore[index]
        return self.joined(spots, shape)

    def taken(self, x: Op, indices: list[int], shape: tuple[int, ...], dense: bool) -> Any:
        """Entries of one block."""
        size, first = prod(x.shape), indices[0]
        if indices == list(range(first, first + len(indices))):
            if len(indices) == size:
                return self.reshaped(x, shape)
            flat = self.reshaped(x, (size,))
            part = self.row("index", flat, (slice(first, first + len(indices)),))
            return self.reshaped(part, shape)
        if not dense and len(set(indices)) == 1:
            return self.taken(x, indices[:1], (), dense)
        return self.row("index", self.reshaped(x, (size,)), (np.reshape(indices, shape),))

    def joined(self, spots: Sequence[Spot], shape: tuple[int, ...]) -> Op:
        """Entries of several blocks, and constants."""
        runs: list[tuple[Any, list[Any]]] = []
        for s in spots:
            source, entry = s if isinstance(s, tuple) else (None, s)
            if not runs or runs[-1][0] is not source:
                runs.append((source, []))
            runs[-1][1].append(entry)
        if len(runs) <= 64:
            parts = [
                self.constant(np.array(entries, float))
                if source is None
                else self.taken(source, entries, (len(entries),), True)
                for source, entries in runs
            ]
            return self.reshaped(self.apply(ARRAY_TABLE["concatenate"], parts, (0,)), shape)
        numbers = [entry for source, entries in runs if source is None for entry in entries]
        sources = list({source: None for source, _ in runs if source is not None})
        parts = [self.reshaped(s, (prod(s.shape),)) for s in sources]
        parts += [self.constant(np.array(numbers, float))] if numbers else []
        ends = np.cumsum([0, *(x.shape[0] for x in parts)]).tolist()
        starts = dict(zip([*sources, None], ends, strict=False))
        constants = iter(range(len(numbers)))
        indices = [
            starts[source] + (next(constants) if source is None else entry)
            for source, entries in runs
            for entry in entries
        ]
        whole = self.apply(ARRAY_TABLE["concatenate"], parts, (0,))
        return self.row("index", whole, (np.reshape(indices, shape),))

    def single(self, x: Any) -> Any:
        """One number as a block without axes."""
        return self.gather([x], ()) if type(x) is Op else x
