"""Which computations fit an engine: those of operations and constants that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...rule import TABLE, Row, Rule
from ..computation import Computation
from .offers import accepted, offered, works
from .properties import with_leaves
from .subject import Names, Subject


def resampled(row: Rule, samples: Sequence[tuple[Any, ...]]) -> Rule:
    """A row of its own that is tried with other parameters: the table's stays as it is."""
    other = Rule.__new__(Rule)  # copy.copy() gives the table's, as a row is known by its name
    for name in (*Row.__slots__, *Rule.__slots__):
        setattr(other, name, getattr(row, name))
    other.samples = tuple(samples)
    return other


def fitting(
    make: Callable[[float], Any], rows: Sequence[Rule] | None
) -> tuple[list[Rule], Callable[[Computation], Computation]]:
    """The rows that an engine has under gradpath's names, and what makes its constants fit.

    Args:
        make: makes a node of a float.
        rows: if given, only these; the engine has to have them.

    Raises:
        ValueError: if it has none, or not all of those asked for.
    """
    subject = Subject(make, Names())
    found = {}
    for op, form in offered(subject).items():
        same = form.kind == "operator" or (
            form.name == op and (form.passes or not TABLE[op].params)
        )
        samples = accepted(subject, op) if same and works(subject, op, "nodes") else []
        if samples:
            found[op] = resampled(TABLE[op], samples)
    missing = [row.name for row in rows or () if row.name not in found]
    if missing or not found:
        what = f"operation {missing[0]!r}" if missing else "operation that gradpath knows"
        raise ValueError(f"{getattr(make, '__name__', make)} has no {what}")
    left, right = (
        [op for op in found if TABLE[op].arity == 2 and works(subject, op, f"{side} float")]
        for side in ("left", "right")
    )
    left = [op for op in left if subject.forms[op].kind == "operator"]
    chosen = [found[row.name] for row in rows] if rows is not None else [*found.values()]
    return chosen, partial(with_leaves, left=left, right=right)
