"""Numbers that are alike, as arrays: what was recorded one by one is noted anew in blocks.

Rows of one kind on one level of the graph are computed together, as one *block*. A group of
weighted sums in which every row of weights meets every row of inputs is a layer on a batch: one
matrix product. The numbers that a block needs come from other blocks; where they lie in the same
order already, as they do from layer to layer, nothing is moved, otherwise they are gathered by an
index. Nothing is differentiated here: the chain rule (`engine.program.derive`) then runs on the
blocks, as on any recorded arrays.

Sums are added up in another order than by the graph's own nodes, so results may differ from it in
the last digits.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rule import TABLE
from ..rules import ALL_BUT_LAST
from ..state import State
from ..tree import flatten
from .arguments import rectangular
from .blocks import FLOAT, Blocks
from .layers import IrregularError, Row, as_layer, segments, weighted_sums
from .ops import VIEWS, Backward, Op, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..targets import Targets
    from .places import Place
    from .recording import Recording

LAYERED = ("affine", "dot")
SUMMED = ("sum", "mean")
ARITHMETIC = ("add", "sub", "mul", "div", "neg")


class Block:
    """Places whose numbers lie in one array, in its order; as `derive` takes places."""

    def __init__(self, places: Sequence[Place], start: Op | None) -> None:
        self.owners, self.attribute = [p.owner for p in places], places[0].attribute
        self.members, self.start = places, start
        self.written = any(p.written for p in places)
        self.now: Any = None


class Batch(Blocks):
    """A recording of numbers as one of blocks: what `derive` takes in its place.

    Args:
        recording: the recording, which stays as it is.
        arguments: the Ops of each argument, nested as it is.
        results: the Ops and numbers that are returned.
        worth: how many events a level must stand for, on average.

    Attributes:
        inputs: for each argument the Op that it is.
        events, places: as those of a `Recording`.
        constants: the Ops of constant arrays, with the arrays.
        results: the Ops of the results, or numbers.

    Raises:
        IrregularError: if it cannot be done.
    """

    arrays = True

    def __init__(
        self,
        recording: Recording,
        arguments: Sequence[Any],
        results: Sequence[Any],
        worth: float = 0,
    ) -> None:
        super().__init__()
        self.places: dict[Any, Block] = {}
        self.layers: dict[Op, Any] = {}  # by the first of their sums
        self.inputs = [self.argument(x) for x in arguments]
        places = list(recording.places.values())
        self.place_of = {p.start: p for p in places if p.start is not None}
        parts = segments(recording, results)
        if sum(len(part.levels) for part in parts) * worth > len(recording.events):
            raise IrregularError
        self.require(recording.events)
        for part in parts:
            for group in weighted_sums(part.levels):
                self.parameters(group)
        self.other_places(places)
        for part in parts:
            for level in part.levels:
                for group in self.groups(level):
                    self.block(group)
            if part.backward is not None:
                self.backward(part.backward)
        self.results = [self.single(resolved(x)) for x in results]
        self.finish(places)

    # ------------------------------------------------------------ what is given

    def given(self, shape: tuple[int, ...], ops: Iterable[Op], label: str = "") -> Op:
        """A block that is not computed."""
        block = Op(None, None, (), (), shape, FLOAT)
        block.label = label
        for i, op in enumerate(ops):
            self.spots[op] = block, i
        return block

    def argument(self, structure: Any) -> Op:
        """An argument as an array: of its own shape where its lists are of equal length."""
        flat, shape = flatten(structure), rectangular(structure)
        return self.given((len(flat),) if shape is None else shape, flat)

    def place_block(self, shape: tuple[int, ...], ops: Sequence[Op]) -> None:
        """A block of numbers that are read from places."""
        places = [self.place_of[op] for op in ops]
        block = self.given(shape, ops, block_label(places))
        self.places[block] = Block(places, block)

    def parameters(self, rows: Sequence[Row]) -> None:
        """The weights and biases of a layer as one block, [W b]."""
        if (layer := as_layer(rows)) is None:
            return
        self.layers[rows[0].result] = layer
        flat = [op for row in layer[0] for op in row]
        free = all(op in self.place_of and op not in self.spots for op in flat)
        if free and len(set(flat)) == len(flat):
            self.place_block((len(layer[0]), len(layer[0][0])), flat)

    def other_places(self, places: Iterable[Place]) -> None:
        """All other places, those of a kind together."""
        kinds: dict[Any, list[Op]] = {}
        for p in places:
            if p.start is not None and p.start not in self.spots:
                label = p.owner.label if isinstance(p.owner, State) else ""
                kinds.setdefault((type(p.owner), p.attribute, label), []).append(p.start)
        for ops in kinds.values():
            self.place_block((len(ops),) if len(ops) > 1 else (), ops)

    def require(self, events: Sequence[Any]) -> None:
        """The checks of targets, those alike together."""
        found: dict[Targets, list[Op]] = {}
        for op in events:
            if type(op) is Op and op.name == "require":
                found.setdefault(op.params[0], []).append(op.args[0])
        for targets, ops in found.items():
            self.row("require", self.gather(ops, (len(ops),), True), targets)

    # ------------------------------------------------------------ blocks

    def groups(self, rows: Sequence[Row]) -> Iterable[list[Row]]:
        """Rows of a level in groups that can be computed together."""
        kinds: dict[Any, list[Row]] = {}
        for row in rows:
            params = () if row.name == "cross_entropy" else repr(row.params)
            kinds.setdefault((row.rule, len(row.args), params, row.passes), []).append(row)
        for group in kinds.values():
            yield from self.by_source(group)

    def by_source(self, group: list[Row]) -> Iterable[list[Row]]:
        """A group in parts whose arguments come from the same blocks."""
        if group[0].rule.variadic:
            return [group]
        parts: dict[Any, list[Row]] = {}
        for row in group:
            spots = [self.spot(x) for x in row.args]
            key = tuple([s[0] if isinstance(s, tuple) else None for s in spots])
            parts.setdefault(key, []).append(row)
        return [group] if len(parts) > 16 else list(parts.values())

    def block(self, group: list[Row]) -> None:
        """Compute a group."""
        name, before = group[0].name, len(self.rows)
        if not group[0].rule.variadic:
            self.elementwise(group)
        elif group[0].result in self.layers:
            self.layer(*self.layers[group[0].result])
        elif name in SUMMED and len(group) <= 8:
            for row in group:
                self.sum(row)
        else:
            self.over_rows(group)
        if not group[0].passes:
            del self.rows[before:]

    def settle(self, rows: Sequence[Row], y: Any) -> None:
        """Note where results lie."""
        if type(y) is not Op or prod(y.shape) != len(rows):
            raise IrregularError
        y.label = y.label or common_label([row.result for row in rows])
        for i, row in enumerate(rows):
            self.spots[row.result] = y, i

    def elementwise(self, group: list[Row]) -> None:
        """A row entry by entry: in the order and the shape of its first argument, if possible."""

        def place(row: Row) -> list[Any]:
            spots = [self.spot(x) for x in row.args]
            return [s[1] for s in spots if isinstance(s, tuple)]

        group = sorted(group, key=place)
        columns = list(zip(*(row.args for row in group), strict=True))
        shape: tuple[int, ...] = (len(group),) if len(group) > 1 else ()
        for column in columns:
            spots = [s for s in map(self.spot, column) if isinstance(s, tuple)]
            sources = {s[0] for s in spots}
            if len(sources) == 1 and [s[1] for s in spots] == list(
                range(prod((only := sources.pop()).shape))
            ):
                shape = only.shape
                break
        dense = group[0].name not in ARITHMETIC  # rows compare what is a block with numbers
        if not shape and dense:
            shape = (1,)  # what has no axes is for sums
        args = [self.gather(column, shape, dense) for column in columns]
        if all(getattr(x, "shape", ()) != shape for x in args):
            args[0] = self.gather(columns[0], shape, dense=True)
        self.settle(group, self.apply(group[0].rule, args, group[0].params))

    def layer(self, rows: Sequence[Any], inputs: Sequence[Any], grid: Sequence[Row]) -> None:
        """A layer on a batch: [W b]·[x; 1]."""
        p = self.gather([q for row in rows for q in row], (len(rows), len(rows[0])), dense=True)
        x = self.gather([q for row in inputs for q in row], (len(inputs), len(inputs[0])), True)
        if x.name in VIEWS:  # has no place of its own, which could have ones beside it
            w = self.row("transpose", self.row("index", p, ALL_BUT_LAST), (1, 0))
            b = self.row("index", p, (slice(None), -1))
            self.settle(grid, self.apply(TABLE["add"], [self.row("matmul", x, w), b]))
        else:
            self.settle(grid, self.row("linear", x, p))

    def sum(self, row: Row) -> None:
        """A sum over many numbers: block by block."""
        parts: dict[Op, list[Any]] = {}
        total: Any = 0.0
        for x in row.args:
            s = self.spot(x)
            if isinstance(s, tuple):
                parts.setdefault(s[0], []).append(x)
            else:
                total += s
        for source, xs in parts.items():
            xs = sorted(xs, key=lambda x: self.spots[resolved(x)][1])
            shape = source.shape if prod(source.shape) == len(xs) else (len(xs),)
            block = self.gather(xs, shape, dense=True)
            part = self.row("sum_over", block, tuple(range(len(shape))), False) if shape else block
            is_first = type(total) is not Op and total == 0.0
            total = part if is_first else self.apply(TABLE["add"], [total, part])
        if row.name == "mean":
            total = self.apply(TABLE["div"], [total, float(len(row.args))])
        self.settle([row], total)

    def over_rows(self, group: list[Row]) -> None:
        """A row over sequences, for several sequences of one length at once."""
        name, n, k = group[0].name, len(group), len(group[0].args)

        def columns(start: int, stop: int) -> Any:
            xs = [x for row in group for x in row.args[start:stop]]
            return self.gather(xs, (n, stop - start), True)

        if name in LAYERED:
            half = k // 2
            products = self.apply(TABLE["mul"], [columns(0, half), columns(half, 2 * half)])
            y = self.row("sum_over", products, (1,), False)
            if name == "affine":
                y = self.apply(TABLE["add"], [y, self.gather([e.args[-1] for e in group], (n,))])
        elif name == "class_cross_entropy":
            t = self.gather([e.args[-1] for e in group], (n,), True)
            t = self.row("astype", t, np.dtype("int64"))
            y = self.row("cross_entropy_rows", columns(0, k - 1), t)
        elif name == "cross_entropy":
            targets = self.constant(np.array([e.params[0] for e in group]))
            y = self.row("cross_entropy_rows", columns(0, k), targets)
        elif name == "logsumexp":
            y = self.row("logsumexp_over", columns(0, k), (1,), False)
        elif name in SUMMED:
            y = self.row("sum_over", columns(0, k), (1,), False)
            y = y if name == "sum" else self.apply(TABLE["div"], [y, float(k)])
        else:
            raise IrregularError
        self.settle(group, self.reshaped(y, (n,)))

    # ------------------------------------------------------------ backward passes, and the end

    def backward(self, event: Backward) -> None:
        """A backward pass through the blocks so far."""
        if any(type(a) is Op and a.rule is None and a.args for x in event.through for a in x.args):
            raise IrregularError  # a leaf stands for another's number: they would be one
        root = self.spot(event.root)
        if not isinstance(root, tuple) or prod(root[0].shape) != 1:
            raise IrregularError
        anew = Backward(root[0], event.seed, list(self.rows), event.accumulating)
        self.events.append(anew)
        totals: dict[Op, Op] = {}
        for ops, before, total in event.wanted:
            if len(ops) != 1 or before != 0.0:
                raise IrregularError
            block, i = self.spots[resolved(ops[0])]
            if block not in totals:
                totals[block] = Op(None, None, (), (), block.shape, FLOAT)
                totals[block].of = block
                anew.wanted.append(([block], 0.0, totals[block]))
            self.spots[total] = totals[block], i

    def finish(self, places: Sequence[Place]) -> None:
        """Gather what the places are to hold."""
        for block in self.places.values():
            now = self.gather([p.now for p in block.members], block.start.shape, dense=True)  # type: ignore[union-attr]
            if block.written and is_given(now):
                raise IrregularError
            if block.written and not now.label and now.rule is not None:
                now.label = f"new_{block.start.label}"  # type: ignore[union-attr]
            block.now = now
        for attribute in ("_data", "_grad"):  # what is written without being read
            rest = [p for p in places if p.written and p.start is None and p.attribute == attribute]
            if rest:
                last = self.places[attribute] = Block(rest, None)
                last.now = self.gather([p.now for p in rest], (len(rest),), dense=True)


def block_label(places: Sequence[Place]) -> str:
    """What to call numbers that lie together: by the layer that they belong to, or all alike."""
    first = places[0].owner
    scope = str(getattr(first, "scope", "")).partition(".neurons")[0]
    return str(scope or first.label or "state") + places[0].attribute.replace("_data", "")


def common_label(ops: Sequence[Op]) -> str:
    """What to call numbers that are computed together: z0, z1, … of layer 2 are z_2."""
    stems = {op.label.rstrip("0123456789") for op in ops}
    layers = {str(op.scope).partition(".neurons")[0] for op in ops}
    if len(ops) == 1 and not any(layers):
        return ops[0].label
    if len(stems) > 1 or len(layers) > 1 or not any(stems):
        return ""
    return f"{stems.pop()}_{layers.pop().rpartition('.')[2]}".rstrip("_")


def is_given(op: Op) -> bool:
    """Whether a block is, or looks at, one that is not computed."""
    while op.name in VIEWS and type(op.args[0]) is Op:
        op = op.args[0]
    return op.rule is None and op.of is None
