"""Large recordings of scalars as programs of arrays: a network is recognised in what it did.

Nodes of one row on one level of the graph are computed together, as one *block*. A group of
weighted sums in which every row of weights meets every row of inputs is a layer on a batch: one
matrix product. The quantities that a block needs come from other blocks; where they lie in the
same order already, as they do from layer to layer, nothing is moved, otherwise they are gathered
by an index. The backward pass is that of the array rows.

Sums are added up in another order than by the graph's own nodes, so results may differ from it in
the last digits.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rule import ARRAY_TABLE, TABLE
from ..rules import ALL_BUT_LAST
from ..state import State
from .formulas import COPY, Quantity
from .patterns import IrregularError, as_layer, grouped_layers, split, uses
from .recording import Applied, Backward, Place, Required
from .tape import Op
from .tape import Tape as ArrayTape
from .unrolling import resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..targets import Targets
    from ..tensor.arrays import Array
    from .recording import Tape

    Spot = tuple[Op, int] | float  # where a quantity lies in a block, or a constant

LAYERED = ("affine", "dot")
SUMMED = ("sum", "mean")
VIEWS = ("reshape", "index", "transpose", "broadcast_to")
ARITHMETIC = ("add", "sub", "mul", "div", "neg")


class Lowering:
    """A recording of scalars as operations on blocks.

    Args:
        tape: the recording.
        arguments: the quantities of each argument, nested as it is.
        results: the quantities that are returned.

    Attributes:
        ops: what to compute, in order.
        inputs: for each argument the Op that it is.
        starts: the Ops of what is read from places, with their places.
        constants: the Ops of constant arrays, with the arrays.
        updates: for starts that change, the Op of the new numbers.
        written: the Op of the numbers of all places that are written without being read, if any.
        results: the Ops of the results, or numbers.
        sections: what the operations from some indices on belong to: "forward", ….
    """

    def __init__(self, tape: Tape, arguments: Sequence[Any], results: Sequence[Any]) -> None:
        self.tape = ArrayTape()
        self.m = self.tape.mathematics
        self.spots: dict[int, tuple[Op, int]] = {}
        self.nodes: list[tuple[Any, list[Any], Sequence[Any], Op]] = []
        self.made: set[int] = set()
        self.constants: list[tuple[Op, Array]] = []
        self.starts: list[tuple[Op, list[Place]]] = []
        self.inputs = [self.argument(x) for x in arguments]
        self.place_of = {id(p.start): p for p in tape.places.values() if p.start is not None}
        self.required = self.checks(tape)
        segments = split(tape.events, uses(tape, results))
        self.sections: dict[int, str] = {0: "forward"}
        for segment, _ in segments:
            for events in grouped_layers(segment):
                self.parameters(events)
        self.other_places(tape.places.values())
        for segment, backward in segments:
            for group in self.levels(segment):
                self.block(group)
            if backward is not None:
                self.section("backward")
                self.backward(backward)
                self.section("update")
        self.results = [self.single(resolved(x)) for x in results]
        self.finish([p for p in tape.places.values() if p.written])
        self.ops = self.tape.ops

    def checks(self, tape: Tape) -> list[tuple[Op, Array, Targets]]:
        """What targets are to be checked: an input, the places of some of its numbers, and how."""
        found: dict[Any, list[int]] = {}
        for event in tape.events:
            if isinstance(event, Required):
                op, i = self.spots[id(event.args[0])]
                found.setdefault((op, event.targets), []).append(i)
        return [(op, np.array(places), targets) for (op, targets), places in found.items()]

    def section(self, name: str) -> None:
        """What comes now belongs to another section."""
        self.sections[len(self.tape.ops)] = name

    # ------------------------------------------------------------ what is given

    def given(self, shape: tuple[int, ...], quantities: Iterable[Quantity]) -> Op:
        """A block that is not computed."""
        op = self.tape.given(shape, np.float64)
        for i, q in enumerate(quantities):
            self.spots[id(q)] = op, i
        return op

    def argument(self, structure: Any) -> Op:
        """An argument as an array: of its own shape where its lists are of equal length."""
        flat, shape = flattened(structure)
        return self.given(shape if prod(shape) == len(flat) else (len(flat),), flat)

    def place_block(self, shape: tuple[int, ...], quantities: Sequence[Quantity]) -> None:
        """A block of numbers that are read from places."""
        places = [self.place_of[id(q)] for q in quantities]
        op = self.given(shape, quantities)
        op.label = block_label(places)
        self.starts.append((op, places))

    def parameters(self, events: Sequence[Applied]) -> None:
        """The weights and biases of a layer as one block, [W b]."""
        if (layer := as_layer(events)) is None:
            return
        flat = [q for row in layer[0] for q in row]
        free = all(id(q) in self.place_of and id(q) not in self.spots for q in flat)
        if free and len({id(q) for q in flat}) == len(flat):
            self.place_block((len(layer[0]), len(layer[0][0])), flat)

    def other_places(self, places: Iterable[Place]) -> None:
        """All other places, those of a kind together."""
        kinds: dict[Any, list[Quantity]] = {}
        for p in places:
            if p.start is not None and id(p.start) not in self.spots:
                label = p.owner.label if isinstance(p.owner, State) else ""
                kind = (type(p.owner), p.attribute, label)
                kinds.setdefault(kind, []).append(p.start)
        for quantities in kinds.values():
            self.place_block((len(quantities),) if len(quantities) > 1 else (), quantities)

    # ------------------------------------------------------------ operations

    def apply(self, rule: Any, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
        """The result of a row on blocks."""
        y = rule.evaluate(self.m, args, params)
        if isinstance(y, Op) and id(y) not in self.made and all(y is not x for x in args):
            self.made.add(id(y))
            self.nodes.append((rule, list(args), params, y))
        return y

    def row(self, name: str, *args: Any) -> Any:
        """The result of the array row of that name."""
        rule = ARRAY_TABLE[name]
        return self.apply(rule, args[: rule.arity], args[rule.arity :])

    def reshaped(self, x: Op, shape: tuple[int, ...]) -> Op:
        """The block in another shape."""
        return x if x.shape == shape else self.row("reshape", x, shape)

    def constant(self, numbers: Any) -> Op:
        """A block of constants."""
        array = np.asarray(numbers)
        op = self.tape.given(array.shape, array.dtype)
        self.constants.append((op, array))
        return op

    # ------------------------------------------------------------ gathering

    def spot(self, x: Any) -> Spot:
        """Where a quantity lies; a constant itself."""
        x = resolved(x)
        return self.spots[id(x)] if isinstance(x, Quantity) else x

    def gather(self, xs: Sequence[Any], shape: tuple[int, ...], dense: bool = False) -> Any:
        """Quantities as one block; if all are the same one, it alone, unless dense is asked for."""
        spots = [self.spot(x) for x in xs]
        sources = list({id(s[0]): s[0] for s in spots if isinstance(s, tuple)}.values())
        numbers = [s for s in spots if not isinstance(s, tuple)]
        if not sources:
            if not dense and len({repr(x) for x in numbers}) == 1:
                return numbers[0]
            return self.constant(np.reshape(np.array(numbers, float), shape))
        if len(sources) == 1 and not numbers:
            indices = [s[1] for s in spots]  # type: ignore[index]
            return self.taken(sources[0], indices, shape, dense)
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
        sources = list({id(s): s for s, _ in runs if s is not None}.values())
        parts = [self.reshaped(s, (prod(s.shape),)) for s in sources]
        parts += [self.constant(np.array(numbers, float))] if numbers else []
        starts = dict(zip([*map(id, sources), id(None)], offsets(parts), strict=False))
        constants = iter(range(len(numbers)))
        indices = [
            starts[id(source)] + (next(constants) if source is None else entry)
            for source, entries in runs
            for entry in entries
        ]
        whole = self.apply(ARRAY_TABLE["concatenate"], parts, (0,))
        return self.row("index", whole, (np.reshape(indices, shape),))  # type: ignore[no-any-return]

    def single(self, x: Any) -> Any:
        """One quantity as a block without axes."""
        return self.gather([x], ()) if isinstance(x, Quantity) else x

    # ------------------------------------------------------------ blocks

    def levels(self, events: Sequence[Applied]) -> Iterable[list[Applied]]:
        """The events in groups that can be computed together, in order."""
        level: dict[int, int] = {}
        rows: list[dict[Any, list[Applied]]] = []
        for event in events:
            args = [resolved(x) for x in event.args]
            depth = max([level.get(id(x), 0) for x in args], default=0)
            level[id(event.result)] = depth + 1
            if depth == len(rows):
                rows.append({})
            params = () if event.row.name == "cross_entropy" else repr(event.params)
            rows[depth].setdefault((event.row, len(args), params), []).append(event)
        for groups in rows:
            for group in groups.values():
                yield from self.by_source(group)

    def by_source(self, group: list[Applied]) -> Iterable[list[Applied]]:
        """A group in parts whose arguments come from the same blocks."""
        if group[0].row.variadic:
            return [group]
        parts: dict[Any, list[Applied]] = {}
        for event in group:
            spots = [self.spot(x) for x in event.args]
            key = tuple(id(s[0]) if isinstance(s, tuple) else None for s in spots)
            parts.setdefault(key, []).append(event)
        if len(parts) > 16:
            return [group]
        return list(parts.values())

    def block(self, group: list[Applied]) -> None:
        """Compute a group."""
        name = group[0].row.name
        if not group[0].row.variadic:
            self.elementwise(group)
        elif name in LAYERED and (layer := as_layer(group)) is not None:
            self.layer(*layer)
        elif name in SUMMED and len(group) <= 8:
            for event in group:
                self.sum(event)
        else:
            self.over_rows(group)

    def settle(self, events: Sequence[Applied], y: Any) -> None:
        """Note where results lie."""
        if not isinstance(y, Op) or prod(y.shape) != len(events):
            raise IrregularError
        y.label = y.label or common_label([event.result for event in events])
        for i, event in enumerate(events):
            self.spots[id(event.result)] = y, i

    def elementwise(self, group: list[Applied]) -> None:
        """A row entry by entry: in the order and the shape of its first argument, if possible."""

        def place(event: Applied) -> list[Any]:
            spots = [self.spot(x) for x in event.args]
            return [s[1] for s in spots if isinstance(s, tuple)]

        group = sorted(group, key=place)
        columns = list(zip(*(event.args for event in group), strict=True))
        shape: tuple[int, ...] = (len(group),) if len(group) > 1 else ()
        for column in columns:
            source = {self.spot(x)[0] for x in column if isinstance(resolved(x), Quantity)}  # type: ignore[index]
            indices = [self.spot(x)[1] for x in column if isinstance(resolved(x), Quantity)]  # type: ignore[index]
            if len(source) == 1 and indices == list(range(prod((only := source.pop()).shape))):
                shape = only.shape
                break
        if not shape and group[0].row.name not in ARITHMETIC:
            shape = (1,)  # what has no axes is for sums
        dense = group[0].row.name not in ARITHMETIC  # rows compare what is a block with numbers
        args = [self.gather(column, shape, dense) for column in columns]
        if all(getattr(x, "shape", ()) != shape for x in args):
            args[0] = self.gather(columns[0], shape, dense=True)
        self.settle(group, self.apply(group[0].row, args, group[0].params))

    def layer(self, rows: list[list[Any]], inputs: list[list[Any]], grid: list[Applied]) -> None:
        """A layer on a batch: [W b]·[x; 1]."""
        p = self.gather([q for row in rows for q in row], (len(rows), len(rows[0])), dense=True)
        x = self.gather([q for row in inputs for q in row], (len(inputs), len(inputs[0])), True)
        if x.name in VIEWS:  # has no place of its own, which could have ones beside it
            w = self.row("transpose", self.row("index", p, ALL_BUT_LAST), (1, 0))
            b = self.row("index", p, (slice(None), -1))
            self.settle(grid, self.apply(TABLE["add"], [self.row("matmul", x, w), b]))
        else:
            self.settle(grid, self.row("linear", x, p))

    def sum(self, event: Applied) -> None:
        """A sum over many quantities: block by block."""
        parts: dict[int, list[Any]] = {}
        constant = 0.0
        for x in event.args:
            s = self.spot(x)
            if isinstance(s, tuple):
                parts.setdefault(id(s[0]), []).append(x)
            else:
                constant += s
        total: Any = constant
        for xs in parts.values():
            xs = sorted(xs, key=lambda x: self.spots[id(resolved(x))][1])
            shape = self.spots[id(resolved(xs[0]))][0].shape
            shape = shape if prod(shape) == len(xs) else (len(xs),)
            block = self.gather(xs, shape, dense=True)
            part = self.row("sum_over", block, tuple(range(len(shape))), False) if shape else block
            total = part if total == 0.0 else self.apply(TABLE["add"], [total, part])
        if event.row.name == "mean":
            total = self.apply(TABLE["div"], [total, float(len(event.args))])
        self.settle([event], total)

    def over_rows(self, group: list[Applied]) -> None:
        """A row over sequences, for several sequences of one length at once."""
        name, n, k = group[0].row.name, len(group), len(group[0].args)
        if name in LAYERED:
            half = k // 2
            ws = self.gather([x for e in group for x in e.args[:half]], (n, half), True)
            xs = self.gather([x for e in group for x in e.args[half : 2 * half]], (n, half), True)
            products = self.apply(TABLE["mul"], [ws, xs])
            y = self.row("sum_over", products, (1,), False)
            if k % 2 and name == "affine":
                y = self.apply(TABLE["add"], [y, self.gather([e.args[-1] for e in group], (n,))])
        elif name == "class_cross_entropy":
            x = self.gather([x for e in group for x in e.args[:-1]], (n, k - 1), True)
            t = self.gather([e.args[-1] for e in group], (n,), True)
            t = self.row("astype", t, np.dtype("int64"))
            y = self.row("cross_entropy_rows", x, t)
        else:
            x = self.gather([x for e in group for x in e.args], (n, k), True)
            if name == "cross_entropy":
                targets = self.constant(np.array([e.params[0] for e in group]))
                y = self.row("cross_entropy_rows", x, targets)
            elif name == "logsumexp":
                y = self.row("logsumexp_over", x, (1,), False)
            elif name in SUMMED:
                y = self.row("sum_over", x, (1,), False)
                y = y if name == "sum" else self.apply(TABLE["div"], [y, float(k)])
            else:
                raise IrregularError
        self.settle(group, self.reshaped(y, (n,)))

    # ------------------------------------------------------------ the backward pass

    def backward(self, event: Backward) -> None:
        """Pull the root's gradient back through all blocks before it."""
        if any(
            isinstance(x, Quantity) and x.formula is COPY for a in event.through for x in a.args
        ):
            raise IrregularError  # a leaf stands for another's number: they would be one
        root = self.spot(event.root)
        if not isinstance(root, tuple) or prod(root[0].shape) != 1:
            raise IrregularError
        leaves = {id(self.spots[id(q)][0]) for qs, _, _ in event.wanted for q in qs}
        between = set(leaves)
        for _, args, _, y in self.nodes:
            if any(id(x) in between for x in args):
                between.add(id(y))
        forward = set(map(id, self.tape.ops))
        seed = self.m.broadcast_to(event.seed, root[0].shape)
        received: dict[int, Any] = {id(root[0]): seed}
        for rule, args, params, y in reversed(list(self.nodes)):
            g = received.get(id(y))
            if g is None:
                continue
            if isinstance(g, Op) and id(g) not in forward and g.of is None:
                g.of = y
            wanted = [id(x) in between for x in args]
            for x, d in zip(args, rule.pull(self.m, g, y, args, params, wanted), strict=True):
                if d is not None:
                    received[id(x)] = received[id(x)] + d if id(x) in received else d
        for quantities, before, total in event.wanted:
            if len(quantities) != 1 or before != 0.0:
                raise IrregularError
            self.gradient(quantities[0], total, received)

    def gradient(self, quantity: Quantity, total: Quantity, received: dict[int, Any]) -> None:
        """Note where a gradient lies: beside its quantity."""
        block, i = self.spots[id(quantity)]
        g = received.get(id(block), 0.0)
        if not isinstance(g, Op) or g.shape != block.shape:
            g = self.m.broadcast_to(g, block.shape)
            if not isinstance(g, Op):
                raise IrregularError
            received[id(block)] = g
        if g.of is None and g.rule is not None:
            g.of = block
        self.spots[id(total)] = g, i

    # ------------------------------------------------------------ what remains

    def finish(self, written: Sequence[Place]) -> None:
        """Gather what the places are to hold."""
        self.updates: list[tuple[Op, Any]] = []
        for op, places in self.starts:
            if any(p.written for p in places):
                new = self.gather([p.now for p in places], op.shape, dense=True)
                if isinstance(new, Op) and is_given(new):
                    raise IrregularError
                if isinstance(new, Op) and not new.label and new.of is None:
                    new.label = f"new_{op.label}"
                self.updates.append((op, new))
        self.written_places = [p for p in written if p.start is None]
        self.written: Any = None
        if self.written_places:
            shape = (len(self.written_places),)
            self.written = self.gather([p.now for p in self.written_places], shape, dense=True)


def block_label(places: Sequence[Place]) -> str:
    """What to call numbers that lie together: by the layer that they belong to, or all alike."""
    first = places[0].owner
    scope = str(getattr(first, "scope", "")).partition(".neurons")[0]
    return str(scope or first.label or "state") + places[0].attribute.replace("_data", "")


def common_label(quantities: Sequence[Quantity]) -> str:
    """What to call quantities that are computed together: z0, z1, … of layer 2 are z_2."""
    stems = {q.label.rstrip("0123456789") for q in quantities}
    layers = {str(q.scope).partition(".neurons")[0] for q in quantities}
    if len(quantities) == 1 and not any(layers):
        return quantities[0].label
    if len(stems) > 1 or len(layers) > 1 or not any(stems):
        return ""
    return f"{stems.pop()}_{layers.pop().rpartition('.')[2]}".rstrip("_")


def is_given(op: Op) -> bool:
    """Whether a block is, or looks at, one that is not computed."""
    while op.name in VIEWS:
        if not isinstance(op.args[0], Op):
            return False
        op = op.args[0]
    return op.rule is None


def offsets(parts: Sequence[Op]) -> list[int]:
    """Where each of several blocks begins once they are joined."""
    ends = np.cumsum([0, *(x.shape[0] for x in parts)])
    return [int(n) for n in ends[:-1]]


def flattened(structure: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The entries of nested lists in order, and their shape if it is regular."""
    if not isinstance(structure, (list, tuple)):
        return [structure], ()
    parts = [flattened(x) for x in structure]
    shapes = {shape for _, shape in parts}
    flat = [x for xs, _ in parts for x in xs]
    return flat, (len(parts), *shapes.pop()) if len(shapes) == 1 else (len(flat),)
