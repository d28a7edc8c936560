"""What `batch` looks for in a recording of numbers: long sums, and layers of weighted sums.

Code in the manner of micrograd adds term by term. Such chains of + are one sum again here, and a
sum of products and a bias is the row `affine`, as if a neuron had been one node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..rule import TABLE
from .ops import CHECKS, Op
from .recording import Backward, resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .recording import Recording


class IrregularError(Exception):
    """The recording does something that is not worth batching, or that cannot be done on arrays."""


class Row(NamedTuple):
    """What a row made of its arguments."""

    result: Op
    rule: Any
    args: Sequence[Any]
    params: Sequence[Any] = ()

    @property
    def name(self) -> str:
        """The row's name."""
        return self.rule.name  # type: ignore[no-any-return]


def uses(recording: Recording, results: Sequence[Any]) -> dict[Op, int]:
    """How often each Op is used."""
    named: list[Any] = [*results, *(p.now for p in recording.places.values())]
    for event in recording.events:
        if type(event) is Op:
            named += event.args
        else:
            named.append(event.root)
            named += [op for ops, _, _ in event.wanted for op in ops]
    found: dict[Op, int] = {}
    for x in map(resolved, named):
        if type(x) is Op:
            found[x] = found.get(x, 0) + 1
    return found


def split(events: Sequence[Any], used: dict[Op, int]) -> list[tuple[list[Row], Backward | None]]:
    """The rows that are applied before each backward pass, and after the last."""
    segments: list[tuple[list[Row], Backward | None]] = []
    ops: list[Op] = []
    for event in events:
        if type(event) is not Op:
            segments.append((rejoined(ops, used), event))
            ops = []
        elif event.name == "guard":
            raise IrregularError
        elif event.rule is not None and event.name not in CHECKS:
            ops.append(event)
    return [*segments, (rejoined(ops, used), None)]


def rejoined(ops: Sequence[Op], used: dict[Op, int]) -> list[Row]:
    """The rows, with chains of + as one sum, and a sum of products and one term as `affine`."""
    terms: dict[Op, list[Any]] = {}
    absorbed: set[Op] = set()
    for op in ops:
        if op.name != "add":
            continue
        a, b = op.args
        mine = terms.pop(a, None) if type(a) is Op and used.get(a) == 1 else None
        if mine is None:
            mine = [a]
        else:
            absorbed.add(a)
        mine.append(b)
        terms[op] = mine
    products = {op for op in ops if op.name == "mul" and used.get(op) == 1}
    joined = {
        op: as_sum(op, whole, products, absorbed) for op, whole in terms.items() if len(whole) > 2
    }
    return [
        joined.get(op) or Row(op, op.rule, op.args, op.params) for op in ops if op not in absorbed
    ]


def as_sum(op: Op, whole: Sequence[Any], products: set[Op], absorbed: set[Op]) -> Row:
    """A chain of + as one row."""
    whole = [x for x in whole if not (type(x) is float and x == 0.0)]
    weighted = [x for x in whole if type(x) is Op and x in products]
    others = [x for x in whole if type(x) is not Op or x not in products]
    if len(others) != 1:
        return Row(op, TABLE["sum"], whole)
    absorbed.update(weighted)
    pairs = [x.args for x in weighted]
    args = [*(w for w, _ in pairs), *(x for _, x in pairs), others[0]]
    return Row(op, TABLE["affine"], args)


def by_level(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows level by level: those of a level need only what lower ones have made."""
    level: dict[Any, int] = {}
    levels: list[list[Row]] = []
    for row in rows:
        depth = max([level.get(resolved(x), 0) for x in row.args if type(x) is Op], default=0)
        level[row.result] = depth + 1
        if depth == len(levels):
            levels.append([])
        levels[depth].append(row)
    return levels


def grouped_layers(rows: Sequence[Row]) -> list[list[Row]]:
    """Weighted sums of one length on one level."""
    found: list[list[Row]] = []
    for level in by_level(rows):
        groups: dict[int, list[Row]] = {}
        for row in level:
            if row.name == "affine":
                groups.setdefault(len(row.args), []).append(row)
        found += groups.values()
    return found


def as_layer(
    rows: Sequence[Row],
) -> tuple[list[list[Any]], list[list[Any]], list[Row]] | None:
    """Rows [w b], rows of inputs, and the sums input by input, if every row meets every input."""
    half = len(rows[0].args) // 2
    if rows[0].name != "affine" or half == 0:
        return None
    for first, second in ((0, half), (half, 0)):
        weights: dict[Any, list[Any]] = {}
        inputs: dict[Any, list[Any]] = {}
        cells: dict[Any, Row] = {}
        for row in rows:
            args = [resolved(x) for x in row.args]
            ours = [*args[first : first + half], args[-1]]
            xs = args[second : second + half]
            i, j = names_of(ours), names_of(xs)
            weights.setdefault(i, ours)
            inputs.setdefault(j, xs)
            cells[j, i] = row
        if len(cells) == len(rows) == len(weights) * len(inputs) and all(
            type(x) is Op and x.rule is None for ours in weights.values() for x in ours
        ):
            grid = [cells[j, i] for j in inputs for i in weights]
            return list(weights.values()), list(inputs.values()), grid
    return None


def names_of(xs: Sequence[Any]) -> tuple[Any, ...]:
    """What tells lists of Ops and constants apart."""
    return tuple([x if type(x) is Op else repr(x) for x in xs])


def flattened(structure: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The entries of nested lists in order, and their shape if it is regular."""
    if not isinstance(structure, (list, tuple)):
        return [structure], ()
    parts = [flattened(x) for x in structure]
    shapes = {shape for _, shape in parts}
    flat = [x for xs, _ in parts for x in xs]
    return flat, (len(parts), *shapes.pop()) if len(shapes) == 1 else (len(flat),)
