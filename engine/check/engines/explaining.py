"""What was found on a computation, and why: run again where nothing ran before, and diagnosed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ..computation import Computation
from .diagnosis import Diagnosis, diagnose
from .findings import Finding
from .judging import Judge
from .properties import (
    GRADIENTS,
    INNER,
    LARGE,
    PASSES,
    VALUES,
    Property,
    rungs,
)
from .searching import FEW, Search, joining
from .simulation import simulate
from .subject import Reading, Script, Trouble
from .troubles import at_once, of_trouble

if TYPE_CHECKING:
    from . import Conformance

MOST_STEPS = 12  # of a computation on which mistakes are simulated
PADDINGS = 8  # places in memory to try, on which the order of a set depends


class Explainer:
    """Makes findings of failures.

    Attributes:
        shared: whether what a graph gives was seen to depend on other graphs.
    """

    def __init__(self, judge: Judge, search: Search, result: Conformance) -> None:
        self.judge, self.search, self.result = judge, search, result
        self.worker, self.survey = judge.worker, judge.survey
        self.shared = False
        self.afresh = False  # whether each trial needs a process of its own to be worth something

    def explain(self, prop: Property, c: Computation, examples: int) -> Finding:
        """The finding with its diagnosis."""
        seen = self.judge.seen(prop, c)
        wrong = self.judge.wrong(prop, c, seen) if isinstance(seen, Reading) else []
        single = prop.kind == "form"
        alone = c.steps[-1].op if len(c.steps) == 1 or single else ""
        finding = Finding(
            [prop.name], c, prop.plan(c), simulate(c, prop.plan(c)), seen, wrong, None, alone,
            examples, self.result.name, self.survey, self.result.origin, loop=prop.kind == "limit",
        )  # fmt: skip
        finding.convention = convention(prop, finding)
        self.compare_with_fresh(prop, finding)
        if not self.shared:
            finding.diagnosis = self.diagnosis(prop, finding, alone) or self.basics(prop, c)
        if finding.diagnosis and (finding.diagnosis.op or not single):
            finding.op = finding.diagnosis.op
        return finding

    def compare_with_fresh(self, prop: Property, finding: Finding) -> None:
        """Run what was found where nothing was run before: that is what its program gives."""
        c = finding.computation
        for padding in range(PADDINGS):
            with closing(self.worker.fresh()) as fresh:
                fresh.ask("pad", padding)
                seen = fresh.run(c, finding.script, self.worker.time_limit)
            wrong = [] if isinstance(seen, Trouble) else self.judge.wrong(prop, c, seen)
            if isinstance(seen, Trouble) or wrong:
                finding.varies = padding > 0
                break
        else:
            again = [self.worker.run(c, finding.script) for _ in range(PADDINGS)]
            if any(isinstance(x, Reading) and not self.judge.wrong(prop, c, x) for x in again):
                finding.varies = True  # by chance, and not for what ran before
                return
            self.shared = True
            finding.convention = ""
            finding.diagnosis = Diagnosis(
                "state shared between graphs",
                "run alone, this program is right: it is wrong only after other graphs were made. "
                "Something is shared between them: a mutable default argument, an attribute of "
                "the class, a global.",
            )
        if isinstance(seen, Reading) and wrong and seen != finding.seen:
            finding.seen, finding.wrong = seen, wrong
            self.afresh = not finding.varies

    def diagnosis(self, prop: Property, finding: Finding, alone: str) -> Diagnosis | None:
        """The known mistake that explains a finding."""
        c, seen, large = finding.computation, finding.seen, prop.name == LARGE.name
        if finding.convention and prop is INNER:
            return None
        if isinstance(seen, Trouble):
            return of_trouble(seen, alone, finding, self.judge.is_finite(c))
        words = tuple(x for x in finding.script if isinstance(x, str))
        before = self.worker.run(c, words) if finding.script != words else None
        later = isinstance(before, Reading) and not self.judge.wrong(VALUES, c, before)
        if alone and self.worker.ask("hides_backward", alone, c.steps[-1].params) is True:
            backward = self.survey.names.backward
            return Diagnosis(
                "method replaced",
                f"{alone} sets an attribute {backward} of a node, which has a method of that "
                "name: from then on it is lost. Give the attribute another name (_backward, say).",
                alone,
            )
        found = at_once(finding, alone, later, large)
        if found or large or len(c.steps) > MOST_STEPS:
            return found
        return diagnose(c, seen, prop.plan, self.run_one, self.survey, self.search.basis)

    def basics(self, prop: Property, c: Computation) -> Diagnosis | None:
        """The mistake that shows on operations that are not made of others, if any does."""
        basis = self.search.basis
        composite = self.search.made_of_others({step.op for step in c.steps})
        if not basis or not composite or prop.kind == "form":
            return None
        ladders = (
            rungs(op, n, back) for n in (3, 4) for op in joining(basis) for back in (1, 0, 2)
        )
        found, _ = self.search.first(prop, ladders)
        if found is None:
            _, found, _ = self.search.random([prop], FEW, basis) or (prop, None, 0)
        if found is None or len(found.steps) > MOST_STEPS:
            return None
        seen = self.judge.seen(prop, found)
        return diagnose(found, seen, prop.plan, self.run_one, self.survey, basis)

    def run_one(self, c: Computation, script: Script) -> Reading | Trouble:
        """What the engine gives, in little time."""
        if self.afresh:
            with closing(self.worker.fresh()) as fresh:
                return fresh.run(c, script, self.judge.little)
        return self.worker.run(c, script, self.judge.little)


def convention(prop: Property, finding: Finding) -> str:
    """In what an engine differs from most without being wrong; "" if it is wrong."""
    seen = finding.seen
    if prop.name in PASSES:
        if isinstance(seen, Trouble):
            return "a second pass through a graph is refused"
        return "a second pass does not add the same again"
    if isinstance(seen, Trouble):
        refused = seen.kind == "refuses" and prop not in (GRADIENTS, INNER)
        return f"refused: {seen.text}" if refused else ""
    if prop is INNER:
        *computed, root = seen.grads[len(finding.computation.inputs) :]
        if all(x in ("None", 0.0) for x in computed) and root in ("None", 0.0, 1.0):
            return "gradients are kept for leaves only"
        if finding.wrong == [(len(seen.grads) - 1, "grads")] and root in ("None", 0.0):
            return "the root keeps no gradient"
    return ""
