"""What lowering looks for in a recording of scalars: long sums, and layers of weighted sums.

Code in the manner of micrograd adds term by term. Such chains of + are one sum again here, and a
sum of products and a bias is the row `affine`, as if a neuron had been one node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..rule import TABLE
from .formulas import Quantity
from .recording import Applied, Backward, Guard, Required
from .unrolling import resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .recording import Tape


class IrregularError(Exception):
    """The recording does something that is not worth lowering, or that lowering cannot do."""


def uses(tape: Tape, results: Sequence[Any]) -> dict[int, int]:
    """How often each quantity is used."""
    found: dict[int, int] = {}
    named: list[Any] = [*results, *(p.now for p in tape.places.values())]
    for event in tape.events:
        if isinstance(event, Guard):
            raise IrregularError
        if isinstance(event, (Applied, Required)):
            named += event.args
        else:
            named.append(event.root)
            named += [q for quantities, _, _ in event.wanted for q in quantities]
    for x in named:
        x = resolved(x)
        found[id(x)] = found.get(id(x), 0) + 1
    return found


def split(
    events: Sequence[Any], used: dict[int, int]
) -> list[tuple[list[Applied], Backward | None]]:
    """The rows that are applied before each backward pass, and after the last."""
    segments: list[tuple[list[Applied], Backward | None]] = []
    rows: list[Applied] = []
    for event in events:
        if isinstance(event, Applied):
            rows.append(event)
        elif isinstance(event, Backward):
            segments.append((rejoined(rows, used), event))
            rows = []
    return [*segments, (rejoined(rows, used), None)]


def rejoined(events: Sequence[Applied], used: dict[int, int]) -> list[Applied]:
    """The events with chains of + as one sum, and a sum of products and one term as `affine`."""
    by_result = {id(e.result): e for e in events}
    terms: dict[int, list[Any]] = {}
    absorbed: set[int] = set()
    for event in events:
        if event.row.name != "add":
            continue
        a, b = event.args
        mine = terms.pop(id(a), None) if used.get(id(a)) == 1 else None
        if mine is None:
            mine = [a]
        else:
            absorbed.add(id(a))
        mine.append(b)
        terms[id(event.result)] = mine
    joined: list[Applied] = []
    for event in events:
        whole = terms.get(id(event.result))
        if whole is not None and len(whole) > 2:
            joined.append(as_sum(event, whole, by_result, used, absorbed))
        else:
            joined.append(event)
    return [e for e in joined if id(e.result) not in absorbed]


def as_sum(
    event: Applied,
    whole: list[Any],
    by_result: dict[int, Applied],
    used: dict[int, int],
    absorbed: set[int],
) -> Applied:
    """A chain of + as one row."""
    whole = [x for x in whole if not (type(x) is float and x == 0.0)]
    products = [
        x
        for x in whole
        if id(x) in by_result and by_result[id(x)].row.name == "mul" and used[id(x)] == 1
    ]
    known = set(map(id, products))
    others = [x for x in whole if id(x) not in known]
    if len(others) == 1 and len(products) == len(whole) - 1:
        absorbed |= known
        pairs = [by_result[id(x)].args for x in products]
        args = [*(w for w, _ in pairs), *(x for _, x in pairs), others[0]]
        return Applied(TABLE["affine"], (), args, event.result)
    return Applied(TABLE["sum"], (), whole, event.result)


def grouped_layers(events: Sequence[Applied]) -> list[list[Applied]]:
    """Weighted sums of one length on one level."""
    level: dict[int, int] = {}
    groups: dict[Any, list[Applied]] = {}
    for event in events:
        depth = max([level.get(id(resolved(x)), 0) for x in event.args], default=0)
        level[id(event.result)] = depth + 1
        if event.row.name == "affine":
            groups.setdefault((depth, len(event.args)), []).append(event)
    return list(groups.values())


def as_layer(
    events: Sequence[Applied],
) -> tuple[list[list[Any]], list[list[Any]], list[Applied]] | None:
    """Rows [w b], rows of inputs, and the sums input by input, if every row meets every input."""
    if events[0].row.name != "affine":
        return None
    half = len(events[0].args) // 2
    if half == 0:
        return None
    for first, second in ((0, half), (half, 0)):
        rows: dict[Any, list[Any]] = {}
        inputs: dict[Any, list[Any]] = {}
        cells: dict[Any, Applied] = {}
        for event in events:
            args = [resolved(x) for x in event.args]
            row = [*args[first : first + half], args[-1]]
            xs = args[second : second + half]
            i, j = names_of(row), names_of(xs)
            rows.setdefault(i, row)
            inputs.setdefault(j, xs)
            cells[j, i] = event
        weights = [x for row in rows.values() for x in row]
        if len(cells) == len(events) == len(rows) * len(inputs) and all(
            isinstance(x, Quantity) and x.formula is None for x in weights
        ):
            grid = [cells[j, i] for j in inputs for i in rows]
            return list(rows.values()), list(inputs.values()), grid
    return None


def names_of(xs: Sequence[Any]) -> tuple[Any, ...]:
    """What tells lists of quantities and constants apart."""
    return tuple([id(x) if isinstance(x, Quantity) else repr(x) for x in xs])
