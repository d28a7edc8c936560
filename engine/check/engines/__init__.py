"""Whose engine is right? A battery of properties for anything that is shaped like micrograd.

>>> from engine import Value
>>> from engine.check import conformance
>>> bool(conformance(Value, examples=20))
True

The engine runs in a process of its own (`isolation`). Hypothesis makes computation graphs
(`engine.strategies`) and shrinks those on which it is wrong; known mistakes are named
(`diagnosis`). As tests::

    from engine.check import conformance_checks

    @pytest.mark.parametrize("check", conformance_checks(MyValue))
    def test_my_value(check):
        check()
"""

from __future__ import annotations

import itertools
import unittest
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from ...display import reported
from ...rule import TABLE
from .battery import Battery
from .child import Target, label
from .findings import Finding, Outcome, report
from .isolation import Worker
from .loading import NotAnEngineError, Origin
from .properties import ALL, Property
from .sharing import shared
from .subject import Names, Survey

__all__ = ["Check", "Conformance", "NotAnEngineError", "conformance", "conformance_checks"]


@dataclass
class Conformance:
    """What the battery found; true if nothing is wrong. Printed, it explains.

    Attributes:
        name: the engine's.
        survey: what it offers.
        missing: the operations that gradpath knows and the engine does not have.
        outcomes: one for each property.
        findings: what is wrong.
        conventions: in what it differs from most engines without being wrong.
        examples: how many computations were run.
        left_out: operations that were no longer used after something was found about them.
        origin: where the engine was found, if it was imported.
    """

    name: str
    survey: Survey
    missing: tuple[str, ...]
    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    examples: int = 0
    left_out: list[str] = field(default_factory=list)
    conventions: list[Finding] = field(default_factory=list)
    origin: Origin | None = None

    def __bool__(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        return report(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        if not self.findings:
            return {"text/plain": str(self)}
        return reported(str(self), self.findings[0].draw)


def conformance(
    target: Target,
    *,
    ops: Iterable[str] | None = None,
    nodes: int = 30,
    examples: int = 500,
    seed: int = 0,
    time_limit: float = 5.0,
    most: int = 8,
    data: str = "data",
    grad: str = "grad",
    backward: str = "backward",
    strict: bool = False,
    follow: Callable[[int], None] = lambda count: None,
) -> Conformance:
    """Check an engine against the table of derivatives.

    Args:
        target: its class, or any function that makes one of its nodes of a float, or where it is:
            ``path/to/mine.py:Value``, ``mine.ipynb:Value`` or ``package.module:Value``.
        ops: the rows of the table to use; by default all that the engine has.
        nodes: how many quantities a computation has at most.
        examples: how many computations each property is tried on.
        seed: which computations; the same seed gives the same ones.
        time_limit: seconds that one computation may take.
        most: with so many findings, stop.
        data, grad, backward: what the engine calls these; ``backward`` may be the name of a
            function beside the class, which is given the root.
        strict: whether conventions in which it differs from most engines count as wrong: what a
            second pass adds, gradients for leaves only, refusals with a message.
        follow: is told how many computations have been run.

    Raises:
        NotAnEngineError: if there is nothing that could be checked.
        LookupError: if ``ops`` names an operation that there is not.
    """
    wanted = None if ops is None else [TABLE[op].name for op in ops]
    with closing(Worker(target, time_limit, Names(data, grad, backward))) as worker:
        survey = worker.survey(wanted)
        known = wanted or [r.name for r in TABLE if not r.variadic and r.is_built_in()]
        missing = tuple(op for op in known if op not in survey.ops)
        result = Conformance(label(target), survey, missing, origin=worker.origin)
        if survey.ops:
            Battery(worker, result, nodes, examples, seed, most, follow).run()
    if strict:
        result.findings += result.conventions
        result.conventions = []
    return result


COUNT = itertools.count()


class Check:
    """One property as a test: calling it raises AssertionError with the finding."""

    def __init__(self, prop: Property, run: Callable[[], Conformance]) -> None:
        self.property, self.run = prop, run
        self.__name__ = prop.name.replace(" ", "_")

    def __call__(self) -> None:
        """Raise AssertionError if the property fails, SkipTest if it was not tried."""
        report = self.run()
        texts = [str(f) for f in report.findings if self.property.name in f.properties]
        if texts:
            raise AssertionError(f"{self.property.sentence}: not here\n\n" + "\n\n".join(texts))
        outcome = next(o for o in report.outcomes if o.name == self.property.name)
        if outcome.verdict in ("not tried", "limit", "convention"):
            raise unittest.SkipTest(outcome.detail)


def conformance_checks(target: Target, **options: Any) -> list[Check]:
    """The battery as functions to parametrise a test with; options as for `conformance`.

    The battery runs once, when the first of them is called; in one process only where pytest-xdist
    runs several.
    """
    reports: list[Conformance] = []
    key = f"{next(COUNT)}-{label(target)}"  # all processes collect the same tests

    def run() -> Conformance:
        if not reports:
            reports.append(shared(key, lambda: conformance(target, **options)))
        return reports[0]

    return [Check(prop, run) for prop in ALL.values()]
