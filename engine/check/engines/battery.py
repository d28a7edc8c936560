"""The battery: which property is tried when, on what, and what comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from ..computation import Computation
from .explaining import Explainer
from .findings import Finding, Outcome, spelled
from .isolation import Worker
from .judging import Judge
from .properties import (
    ALL,
    GRADIENTS,
    INNER,
    LARGE,
    LARGE_VALUES,
    PASSES,
    VALUES,
    Property,
    at_large,
    once,
    one_operation,
)
from .searching import FEW, SHRINKING, Search
from .subject import Trouble

if TYPE_CHECKING:
    from . import Conformance

ENOUGH = "enough was found before"
SHARES = "graphs have to be independent of each other first"
UNEXPLAINED = 3  # findings without a diagnosis, after which a property is given up


class Battery:
    """Everything that is tried on an engine, and what is noted of it."""

    def __init__(
        self,
        worker: Worker,
        result: Conformance,
        nodes: int,
        examples: int,
        seed: int,
        most: int,
        follow: Callable[[int], None],
    ) -> None:
        self.worker, self.result, self.survey = worker, result, result.survey
        self.most, self.follow = most, follow
        self.judge = Judge(worker, result.survey)
        self.search = Search(self.judge, nodes, examples, seed, self.count)
        self.explainer = Explainer(self.judge, self.search, result)
        self.ops = self.search.ops
        self.of_right_value = list(self.ops)
        self.failed: set[str] = set()  # properties that fail for no single operation
        self.unexplained: Counter[str] = Counter()
        self.limits: dict[str, int] = {}  # operations in a row that the engine's recursion bears

    def run(self) -> None:
        """Try everything and note what comes of it."""
        self.try_small()
        self.try_large()  # before a random number happens to be as large
        self.try_random()
        for prop in ALL.values():
            self.try_each(prop, prop.graphs(self.survey, self.ops))
            self.conclude(prop)

    def count(self) -> None:
        """One more computation was run."""
        self.result.examples += 1
        self.follow(self.result.examples)

    @property
    def has_enough(self) -> bool:
        """Whether there are as many findings as were asked for."""
        return len(self.result.findings) >= self.most

    @property
    def is_over(self) -> bool:
        """Whether enough is known."""
        return self.explainer.shared or self.has_enough

    # ------------------------------------------------------------ what is tried

    def try_small(self) -> None:
        """All graphs of one operation, and beside its operand: values first, then gradients."""
        single = partial(one_operation, self.survey)
        trials = (VALUES, single), (GRADIENTS, single), (INNER, single)
        for prop, graphs in (*trials, (GRADIENTS, self.search.beside)):
            ops = self.of_right_value if prop is VALUES else self.ops
            for op in list(ops):
                if self.is_over or {prop.name, *prop.needs} & self.failed:
                    break
                if op not in (self.of_right_value if prop is VALUES else self.ops):
                    continue  # it was left out meanwhile
                found, tried = self.search.first(prop, graphs(op))
                if found is None:
                    continue
                if self.survey.made_of[op]:
                    basic = self.search.pairs(self.search.basis)
                    found = self.search.first(prop, basic, SHRINKING)[0] or found
                elif len(found.steps) > 1:
                    found = self.search.smallest(prop, found)
                self.handle(prop, found, tried)

    def try_large(self) -> None:
        """Large inputs; of what has a wrong gradient the values."""
        right = [] if GRADIENTS.name in self.failed else self.ops
        others = [op for op in self.of_right_value if op not in right]
        self.try_each(LARGE, at_large(self.survey, right))
        self.try_each(LARGE_VALUES, at_large(self.survey, others, 10))

    def try_random(self) -> None:
        """Random graphs of any size, and of what is found the smallest."""
        while self.ops and not self.is_over:
            known = (p for p in ALL.values() if p.kind == "random")
            active = [p for p in known if not {p.name, *p.needs} & self.failed]
            found = self.search.random(active) if active else None
            if found is None:
                break
            plainer = [prop for prop in (VALUES, GRADIENTS) if prop in active]
            if plainer and found[0] not in plainer:
                found = self.search.random(plainer, FEW) or found
            prop, c, tried = found
            self.handle(prop, self.search.smallest(prop, c), tried)

    def try_each(self, prop: Property, graphs: Iterable[Computation]) -> None:
        """Try a property on some graphs; what fails on one operation is not tried on it again."""
        if self.failed & {*prop.needs}:
            return
        done: set[str] = set()
        for c in graphs:
            op = c.steps[-1].op if c.steps else ""
            if op in done or {*self.survey.made_of.get(op, ())} & done or self.is_over:
                continue
            self.count()
            if self.judge.disagrees(prop, c):
                done.add(op)
                seen = self.judge.seen(prop, c)
                if prop.kind == "limit" and "RecursionError" in getattr(seen, "text", ""):
                    self.limits[prop.name] = self.depth(c)
                else:
                    self.note(self.explainer.explain(prop, c, 1))

    def depth(self, c: Computation) -> int:
        """How many operations in a row the engine's recursion bears."""
        low, high = 1, len(c.steps)
        while high - low > max(10, low // 50):
            middle = (low + high) // 2
            part = c._replace(steps=c.steps[:middle])
            if isinstance(self.worker.run(part, once(part)), Trouble):
                high = middle
            else:
                low = middle
        return low

    # ------------------------------------------------------------ what comes of it

    def handle(self, prop: Property, c: Computation, tried: int) -> None:
        """Note a finding and decide how to go on."""
        finding = self.explainer.explain(prop, c, tried)
        self.note(finding)
        self.unexplained[prop.name] += not finding.diagnosis
        known = finding.op in self.ops and self.unexplained[prop.name] < UNEXPLAINED
        if finding.convention and prop.name in (INNER.name, *PASSES):
            self.failed.add(prop.name)
        elif known or (prop is VALUES and finding.op in self.of_right_value):
            self.leave_out(finding.op, prop)  # and see whether there is more
        else:
            self.failed.add(prop.name)

    def leave_out(self, op: str, prop: Property) -> None:
        """Go on without an operation, and without those that are made of it.

        What has a wrong gradient may still have right values.
        """

        def made_of_it(other: str) -> bool:
            return op == other or op in self.search.below(other)

        self.result.left_out += filter(made_of_it, self.ops)
        self.ops[:] = [other for other in self.ops if not made_of_it(other)]
        if prop is VALUES:
            self.of_right_value = [o for o in self.of_right_value if not made_of_it(o)]

    def note(self, finding: Finding) -> None:
        """Keep a finding, or count it to one with the same cause."""
        for other in (*self.result.findings, *self.result.conventions):
            if other.has_cause_of(finding):
                other.properties += [p for p in finding.properties if p not in other.properties]
                if finding.op not in ("", "sum", other.op, *other.also):
                    other.also.append(finding.op)
                return
        kept = self.result.conventions if finding.convention else self.result.findings
        kept.append(finding)

    def conclude(self, prop: Property) -> None:
        """Add the outcome of a property."""
        blocked = [need for need in prop.needs if need in self.failed]
        differs = [f.convention for f in self.result.conventions if prop.name in f.properties]
        rest = self.of_right_value if prop in (VALUES, LARGE) else self.ops
        without = [spelled(op) for op in self.survey.ops if op not in rest]
        every = prop.kind in ("random", "form")  # of the operations, not one of them
        verdict, detail = "not tried", ""
        if any(prop.name in finding.properties for finding in self.result.findings):
            verdict, detail = "fails", prop.sentence
        elif differs:
            verdict, detail = "convention", differs[0]
        elif prop.name in self.limits:
            most = self.limits[prop.name]
            verdict, detail = "limit", f"RecursionError beyond {most:,} operations in a row"
        elif self.explainer.shared:
            detail = SHARES
        elif blocked or not rest:
            detail = f"needs right {[*blocked, 'operations'][0]} first"
        elif prop.lacks and not [*prop.graphs(self.survey, self.survey.ops if every else rest)]:
            detail = prop.lacks
        elif self.has_enough:
            detail = ENOUGH
        else:
            but = f" (without {', '.join(without)})" if without and every else ""
            verdict, detail = "holds", prop.sentence + but
        self.result.outcomes.append(Outcome(prop.name, verdict, detail))
