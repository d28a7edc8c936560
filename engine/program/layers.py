"""What `batch` looks for in a recording of numbers: long sums, and layers of weighted sums.

Code in the manner of micrograd adds term by term. Such chains of + are one sum again here, and a
sum of products and a bias is the row `affine`, as if a neuron had been one node.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from ..rule import TABLE
from .ops import CHECKS, Backward, Op, resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .recording import Recording

    Layer = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[Any]]


class IrregularError(Exception):
    """The recording does something that is not worth batching, or that cannot be done on arrays."""


class Row(NamedTuple):
    """What a row made of its arguments."""

    result: Op
    rule: Any
    args: Sequence[Any]
    params: Sequence[Any]
    passes: bool  # whether gradients pass through it: not if it was made under `no_grad`

    @property
    def name(self) -> str:
        """The row's name."""
        return self.rule.name  # type: ignore[no-any-return]


class Segment(NamedTuple):
    """The rows that are applied before a backward pass, or after the last, level by level."""

    levels: list[list[Row]]
    backward: Backward | None


def segments(recording: Recording, results: Sequence[Any]) -> list[Segment]:
    """The recording from one backward pass to the next.

    Raises:
        IrregularError: if a comparison was made, which guards only numbers one by one.
    """
    found: list[Segment] = []
    ops: list[Op] = []
    names: dict[Op, Any] = {}  # what Ops are other names for
    used = uses(recording, results)
    passing = {op for x in recording.events if type(x) is Backward for op in x.through}
    for event in recording.events:
        if type(event) is not Op:
            found.append(Segment(by_level(rejoined(ops, used, names, passing)), event))
            ops = []
        elif event.name == "guard":
            raise IrregularError
        elif event.rule is None:
            names[event] = resolved(event)
        elif event.name not in CHECKS:
            ops.append(event)
    return [*found, Segment(by_level(rejoined(ops, used, names, passing)), None)]


def uses(recording: Recording, results: Sequence[Any]) -> Counter[Any]:
    """How often each Op is used."""
    found = Counter(chain(results, (p.now for p in recording.places.values())))
    for event in recording.events:
        if type(event) is Op:
            found.update(event.args)
        else:
            found[event.root] += 1
            found.update(chain.from_iterable(ops for ops, _, _ in event.wanted))
    for x, count in list(found.items()):
        if resolved(x) is not x:
            found[resolved(x)] += count
    return found


def rejoined(
    ops: Sequence[Op], used: Counter[Any], names: dict[Op, Any], passing: set[Op]
) -> list[Row]:
    """The rows, with chains of + as one sum, and a sum of products and one term as `affine`."""
    rows = [Row(op, op.rule, op.args, op.params, op in passing) for op in ops]
    if names:
        rows = [row._replace(args=[names.get(x, x) for x in row.args]) for row in rows]
    terms: dict[Op, list[Any]] = {}
    absorbed: set[Op] = set()
    for row in rows:
        if row.rule is not TABLE["add"]:
            continue
        a, b = row.args
        alike = type(a) is Op and used[a] == 1 and (a in passing) is row.passes
        mine = terms.pop(a, None) if alike else None
        if mine is None:
            mine = [a]
        else:
            absorbed.add(a)
        mine.append(b)
        terms[row.result] = mine
    long = {op: whole for op, whole in terms.items() if len(whole) > 2}
    if not long:
        return rows
    times = TABLE["mul"]
    products = {row.result: row.args for row in rows if row.rule is times and used[row.result] == 1}
    joined = {}
    for op, whole in long.items():
        ours = {
            x: products[x] for x in whole if x in products and (x in passing) is (op in passing)
        }
        joined[op] = as_sum(op, whole, ours, absorbed, op in passing)
    return [joined.get(row.result, row) for row in rows if row.result not in absorbed]


def as_sum(
    op: Op,
    whole: Sequence[Any],
    products: dict[Op, Sequence[Any]],
    absorbed: set[Op],
    passes: bool,
) -> Row:
    """A chain of + as one row."""
    whole = [x for x in whole if not (type(x) is float and x == 0.0)]
    weighted = [x for x in whole if x in products]
    others = [x for x in whole if x not in products]
    if len(others) != 1:
        return Row(op, TABLE["sum"], whole, (), passes)
    absorbed.update(weighted)
    pairs = [products[x] for x in weighted]
    args = [*(w for w, _ in pairs), *(x for _, x in pairs), others[0]]
    return Row(op, TABLE["affine"], args, (), passes)


def by_level(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows level by level: those of a level need only what lower ones have made."""
    level: dict[Any, int] = {}
    levels: list[list[Row]] = []
    for row in rows:
        depth = max(map(level.get, row.args, repeat(0)), default=0)
        level[row.result] = depth + 1
        if depth == len(levels):
            levels.append([])
        levels[depth].append(row)
    return levels


def weighted_sums(levels: Sequence[Sequence[Row]]) -> list[list[Row]]:
    """Weighted sums of one length on one level."""
    found: list[list[Row]] = []
    for level in levels:
        groups: dict[Any, list[Row]] = {}
        for row in level:
            if row.rule is TABLE["affine"]:
                groups.setdefault((len(row.args), row.passes), []).append(row)
        found += groups.values()
    return found


def as_layer(rows: Sequence[Row]) -> Layer | None:
    """Rows [w b], rows of inputs, and the sums input by input, if every row meets every input."""
    half = len(rows[0].args) // 2
    if rows[0].name != "affine" or half == 0:
        return None
    for first, second in ((0, half), (half, 0)):
        weights: dict[tuple[Any, ...], None] = {}
        inputs: dict[tuple[Any, ...], None] = {}
        cells: dict[Any, Row] = {}
        for row in rows:
            args = row.args
            ours, xs = (*args[first : first + half], args[-1]), tuple(args[second : second + half])
            weights[ours] = inputs[xs] = None
            cells[xs, ours] = row
        if len(cells) == len(rows) == len(weights) * len(inputs) and all(
            type(x) is Op and x.rule is None for ours in weights for x in ours
        ):
            grid = [cells[xs, ours] for xs in inputs for ours in weights]
            return list(weights), list(inputs), grid
    return None
