"""The search for computations on which an engine is wrong, and for the smallest of them."""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from ...rule import TABLE
from ..computation import Computation, Step
from ..strategies import computations
from .diagnosis import Diagnosis, at_once, diagnose, of_trouble, rungs, smooth
from .findings import Finding, Outcome, spelled
from .fitting import resampled
from .isolation import Worker, close_to, packed
from .properties import (
    AUGMENTED,
    FIRST,
    FORMS,
    GRADIENTS,
    INNER,
    INTS,
    LARGE,
    LARGE_VALUES,
    LEAF,
    LIMITS,
    NUMBERS,
    PASSES,
    PLAIN,
    PROPERTIES,
    SUM,
    VALUES,
    Property,
    at_large,
    augmented,
    chain,
    fan,
    once,
    one_operation,
    operations,
    parts,
    places,
    root,
    tower,
    two_operations,
    with_ints,
    with_leaves,
    with_numbers,
)
from .simulation import RIGHT, Engine, simulate, value
from .subject import ROUNDING, Reading, Script, Trouble

if TYPE_CHECKING:
    from . import Conformance

TOLERANCE = 1e-6  # of 1 + |right number|
HUGE = 1e30  # beyond what single precision holds
SHRINKING = 5.0  # seconds for making what was found smaller, twice
FEW = 100  # examples to look for a plainer failure in
ENOUGH = "enough was found before"
NEEDS = "needs right gradients first"
SHARES = "graphs have to be independent of each other first"
MOST_STEPS = 12  # of a computation on which mistakes are simulated
PADDINGS = 8  # places in memory to try, on which the order of a set depends
UNEXPLAINED = 3  # findings without a diagnosis, after which a property is given up


class DisagreementError(Exception):
    """Tells Hypothesis that an engine is wrong on a computation."""


class Enough(BaseException):
    """Ends a search: what was found need not be made smaller by Hypothesis."""


class Battery:
    """The search for computations on which an engine is wrong."""

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
        self.nodes, self.examples, self.seed, self.most = nodes, examples, seed, most
        self.follow = follow
        depth = {op: len(self.below(op)) for op in self.survey.ops}
        self.ops = sorted(self.survey.ops, key=depth.__getitem__)  # what others are made of first
        self.of_right_value = list(self.ops)
        self.failed: set[str] = set()  # properties that fail for no single operation
        self.unexplained: Counter[str] = Counter()
        self.afresh = False  # whether each trial needs a process of its own to be worth something
        self.shared = False  # whether what a graph gives depends on other graphs
        self.known: dict[str, Reading | Trouble] = {}

    def below(self, op: str) -> set[str]:
        """The operations that an operation is made of, directly or not."""
        found: set[str] = set()
        waiting = [op]
        while waiting:
            new = set(self.survey.made_of.get(waiting.pop(), ())) - found - {op}
            found |= new
            waiting += new
        return found

    def run(self) -> None:
        """Try everything and note what comes of it."""
        self.try_small()
        self.try_large()  # before a random number happens to be as large
        self.try_random()
        if not self.failed & {*NUMBERS.needs}:
            self.try_each(NUMBERS, with_numbers(self.survey, self.ops))
        for prop in PROPERTIES:
            self.conclude(prop)
        for prop, make in ((INTS, with_ints), (AUGMENTED, augmented)):
            if not self.failed & {*prop.needs}:
                self.try_each(prop, make(self.survey, self.ops))
        for prop in FORMS:
            self.conclude(prop)
        self.try_limits()

    @property
    def is_over(self) -> bool:
        """Whether enough is known."""
        return self.shared or len(self.result.findings) >= self.most

    def try_small(self) -> None:
        """All graphs of one operation: values first, then gradients."""
        for prop in (VALUES, GRADIENTS, INNER):
            for op in list(self.of_right_value if prop is VALUES else self.ops):
                if self.is_over or prop.name in self.failed or {*prop.needs} & self.failed:
                    break
                if op not in (self.of_right_value if prop is VALUES else self.ops):
                    continue
                found, tried = self.first(prop, one_operation(self.survey, op))
                if found is not None and self.survey.made_of[op]:
                    found = self.first(prop, self.basic(), SHRINKING)[0] or found
                if found is not None:
                    self.handle(prop, found, tried)

    def try_large(self) -> None:
        """Large inputs; of what has a wrong gradient the values."""
        if VALUES.name in self.failed:
            return
        right = [] if GRADIENTS.name in self.failed else self.ops
        others = [op for op in self.of_right_value if op not in right]
        self.try_each(LARGE, at_large(self.survey, right))
        self.try_each(LARGE_VALUES, at_large(self.survey, others, 10))

    def try_random(self) -> None:
        """Random graphs of any size, and of what is found the smallest."""
        active = [p for p in PROPERTIES if not {p.name, *p.needs} & self.failed]
        while self.ops and active and not self.is_over:
            found = self.search(active)
            if found is None:
                break
            plainer = [prop for prop in FIRST if prop in active]
            if found[0] not in FIRST:
                found = (plainer and self.search(plainer, FEW)) or found
            prop, c, tried = found
            small, _ = self.first(prop, self.small(c), SHRINKING)
            self.handle(prop, small or c, tried)
            active = [p for p in PROPERTIES if not {p.name, *p.needs} & self.failed]

    def basic(self) -> Iterator[Computation]:
        """Graphs of two operations that are not made of others."""
        basis = [op for op in self.ops if not self.survey.made_of[op]]
        joins = [op for op in basis if TABLE[op].arity == 2][:2]
        for first in basis:
            for second in basis:
                if {first, second} & {*joins}:
                    yield from two_operations(self.survey, first, second)

    def small(self, c: Computation) -> Iterator[Computation]:
        """All graphs of one and of two operations that could show what a larger one shows."""
        for op in self.ops:
            yield from one_operation(self.survey, op)
        if len(c.steps) < 2:
            return
        joins = [op for op in self.ops if TABLE[op].arity == 2][:2]
        involved = {step.op for step in c.steps}
        pairs = [
            (first, second)
            for first in self.ops
            for second in self.ops
            if {first, second} & {*joins} or {first, second} <= involved
        ]
        for first, second in sorted(pairs, key=self.made_of_others):
            yield from two_operations(self.survey, first, second)

    def made_of_others(self, ops: Iterable[str]) -> int:
        """How many operations are made of others."""
        return sum(bool(self.survey.made_of[op]) for op in ops)

    def first(
        self, prop: Property, graphs: Iterable[Computation], limit: float = math.inf
    ) -> tuple[Computation | None, int]:
        """The first of some graphs on which a property fails, and how many were tried."""
        deadline = time.monotonic() + limit
        tried = 0
        for tried, c in enumerate(graphs, start=1):
            if time.monotonic() > deadline:
                break
            self.count()
            if (prop in FORMS or smooth(c)) and self.disagrees(prop, c):
                return self.form(prop, c), tried
        return None, tried

    def count(self) -> None:
        """One more computation was run."""
        self.result.examples += 1
        self.follow(self.result.examples)

    def handle(self, prop: Property, c: Computation, tried: int) -> None:
        """Note a finding and decide how to go on."""
        finding = self.explain(prop, c, tried)
        self.note(finding)
        name = finding.properties[0]
        self.unexplained[name] += not finding.diagnosis
        if finding.convention and prop.name in (INNER.name, *PASSES):
            self.failed.add(prop.name)
        elif finding.op in self.ops and self.unexplained[name] < UNEXPLAINED:
            self.leave_out(finding.op, name)  # and see whether there is more
        elif finding.op in self.of_right_value and name == VALUES.name:
            self.leave_out(finding.op, name)
        else:
            self.failed.add(prop.name)

    def try_each(self, prop: Property, graphs: Iterable[Computation]) -> None:
        """Try a property on some graphs; what fails on one operation is not tried on it again."""
        done: set[str] = set()
        for c in graphs:
            op = c.steps[-1].op
            if op in done or {*self.survey.made_of[op]} & done or self.is_over:
                continue
            self.count()
            if self.disagrees(prop, c):
                done.add(op)
                self.note(self.explain(prop, c, 1))

    def leave_out(self, op: str, name: str) -> None:
        """Go on without an operation, and without those that are made of it.

        What has a wrong gradient may still have right values.
        """
        for other in [o for o in self.ops if op == o or op in self.below(o)]:
            self.ops.remove(other)
            self.result.left_out.append(other)
        if name == VALUES.name:
            self.of_right_value = [
                o for o in self.of_right_value if op != o and op not in self.below(o)
            ]

    def search(
        self,
        active: Sequence[Property],
        most: int | None = None,
        ops: Sequence[str] = (),
    ) -> tuple[Property, Computation, int] | None:
        """The smallest computation on which a property fails, and how many were tried before."""
        failing: list[tuple[Property, Computation]] = []
        count = tried = 0
        since = 0.0
        rows = [resampled(TABLE[op], self.survey.samples[op]) for op in ops or self.ops]

        @seeded(self.seed)
        @settings(
            database=None,
            max_examples=min(self.examples, most or self.examples),
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            verbosity=Verbosity.quiet,
        )
        @given(computations(max_nodes=self.nodes, ops=rows))
        def look(c: Computation) -> None:
            nonlocal count, tried, since
            count += 1
            self.count()
            for prop in [failing[0][0]] if failing else active:
                if self.disagrees(prop, c):
                    tried = tried or count
                    late = time.monotonic() - (since or time.monotonic()) > SHRINKING
                    since = since or time.monotonic()
                    failing.append((prop, c))
                    raise Enough if late or self.is_plain(prop, c) else DisagreementError

        with contextlib.suppress(DisagreementError, Enough):
            look()
        if not failing:
            return None
        prop, c = min(reversed(failing), key=lambda f: (len(f[1].steps), len(f[1].inputs)))
        return prop, self.readable(prop, self.reduced(prop, self.form(prop, c))), tried

    def is_plain(self, prop: Property, c: Computation) -> bool:
        """Whether `reduced` will do better than Hypothesis: it needs fewer tries."""
        seen = self.seen(prop, self.form(prop, c))
        if isinstance(seen, Trouble) and seen.kind in ("hangs", "crashes"):
            return True  # a try costs the time limit
        return any(self.disagrees(prop, part) for part in operations(self.form(prop, c)))

    def reduced(self, prop: Property, c: Computation) -> Computation:
        """The computation with less in it, as far as the property still fails."""
        deadline = time.monotonic() + SHRINKING
        best = c
        smaller: Iterator[Computation] = parts(best)
        while (part := next(smaller, None)) is not None and time.monotonic() < deadline:
            if self.disagrees(prop, part, min(1.0, self.worker.time_limit)):
                best = part
                smaller = parts(best)
        return best

    # ------------------------------------------------------------ one computation

    def form(self, prop: Property, c: Computation) -> Computation:
        """The computation as the engine can run it: plain numbers made leaves where need be."""
        if prop in (*FORMS, LARGE_VALUES):
            return c
        keep = prop is NUMBERS
        return with_leaves(c, self.survey.left if keep else (), self.survey.right if keep else ())

    def seen(self, prop: Property, c: Computation, limit: float | None = None) -> Reading | Trouble:
        """What the engine gives; each computation is run once."""
        key = packed(c, prop.plan(c))
        if key not in self.known:
            if len(self.known) > 20_000:
                self.known.clear()
            self.known[key] = self.worker.read(key, limit)
        return self.known[key]

    def disagrees(self, prop: Property, c: Computation, limit: float | None = None) -> bool:
        """Whether a property fails on a computation."""
        c = self.form(prop, c)
        if not prop.applies(c) or (prop.name == LARGE.name and not self.is_finite(c)):
            return False
        seen = self.seen(prop, c, limit)
        return isinstance(seen, Trouble) or bool(self.wrong(prop, c, seen))

    def is_finite(self, c: Computation) -> bool:
        """Whether the right numbers are such as the engine's precision holds."""
        try:
            right = simulate(c, once(c))
        except (ArithmeticError, ValueError):
            return False
        most = HUGE if self.survey.rounding > 1e-12 else math.inf
        return all(isinstance(x, float) and abs(x) < most for x in (*right.data, *right.grads))

    def wrong(self, prop: Property, c: Computation, seen: Reading) -> list[tuple[int, str]]:
        """Index and attribute of the numbers that are wrong."""
        script = prop.plan(c)
        right = simulate(c, script)
        chosen = places(prop.compares, c)
        for slack in (None, self.slack):
            loose = (
                slack(c, script)
                if slack
                else Reading((0.0,) * (root(c) + 1), (0.0,) * (root(c) + 1))
            )
            bad = [
                (i, what)
                for i, what in chosen
                if not close_to(
                    getattr(seen, what)[i],
                    getattr(right, what)[i],
                    TOLERANCE * (1 + abs(getattr(right, what)[i])) + getattr(loose, what)[i],
                )
            ]
            if not bad:
                return []
        return bad

    def slack(self, c: Computation, script: Script) -> Reading:
        """How far rounding may move the numbers: they are computed with other roundings."""
        error = max(self.survey.rounding, ROUNDING)
        right = simulate(c, script)
        moved = [simulate(c, script, jitter(error, k)) for k in range(4)]
        return Reading(
            apart(right.data, [m.data for m in moved]), apart(right.grads, [m.grads for m in moved])
        )

    # ------------------------------------------------------------ what was found

    def readable(self, prop: Property, c: Computation) -> Computation:
        """The computation with inputs on which mistakes show plainly, if it fails there too."""
        for point in (*PLAIN, [round(x * 8) / 8 for x in c.inputs]):
            moved = c._replace(inputs=tuple(point[i % len(point)] for i in range(len(c.inputs))))
            if smooth(moved) and self.disagrees(prop, moved, min(1.0, self.worker.time_limit)):
                return moved
        return c

    def explain(self, prop: Property, c: Computation, examples: int) -> Finding:
        """The finding with its diagnosis."""
        script, seen = prop.plan(c), self.seen(prop, c)
        wrong = self.wrong(prop, c, seen) if isinstance(seen, Reading) else []
        alone = c.steps[-1].op if len(c.steps) == 1 or prop in (*FORMS, LARGE_VALUES) else ""
        finding = Finding(
            [prop.name], c, script, simulate(c, script), seen, wrong, None, alone, examples,
            self.result.name, survey=self.survey, origin=self.result.origin,
            names=self.worker.names, loop=prop in LIMITS,
        )  # fmt: skip
        finding.convention = convention(prop, finding)
        self.compare_with_fresh(prop, finding)
        if not self.shared:
            finding.diagnosis = self.diagnosis(prop, finding, alone) or self.basics(prop, c)
        if finding.diagnosis and (finding.diagnosis.op or prop not in (*FORMS, LARGE_VALUES)):
            finding.op = finding.diagnosis.op
        return finding

    def compare_with_fresh(self, prop: Property, finding: Finding) -> None:
        """Run what was found where nothing was run before: that is what its program gives."""
        c = finding.computation
        for padding in range(PADDINGS):
            with self.worker.fresh() as fresh:
                fresh.ask("pad", padding)
                seen = fresh.run(c, finding.script, self.worker.time_limit)
            wrong = [] if isinstance(seen, Trouble) else self.wrong(prop, c, seen)
            if isinstance(seen, Trouble) or wrong:
                finding.varies = padding > 0
                break
        else:
            again = [self.worker.run(c, finding.script) for _ in range(PADDINGS)]
            if any(isinstance(x, Reading) and not self.wrong(prop, c, x) for x in again):
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

    def basics(self, prop: Property, c: Computation) -> Diagnosis | None:
        """The mistake that shows on operations that are not made of others, if any does."""
        basis = [op for op in self.ops if not self.survey.made_of[op]]
        if not basis or not self.made_of_others({step.op for step in c.steps}) or prop in FORMS:
            return None
        joins = [op for op in basis if TABLE[op].arity == 2][:2]
        ladders = (rungs(op, n, back) for n in (3, 4) for op in joins for back in (1, 0, 2))
        found, _ = self.first(prop, ladders)
        if found is None:
            _, found, _ = self.search([prop], FEW, basis) or (prop, None, 0)
        if found is None or len(found.steps) > MOST_STEPS:
            return None
        seen = self.seen(prop, found)
        return diagnose(found, seen, prop.plan, self.run_one, self.survey, basis)

    def run_one(self, c: Computation, script: Script) -> Reading | Trouble:
        """What the engine gives, in little time."""
        if self.afresh:
            with self.worker.fresh() as fresh:
                return fresh.run(c, script, min(1.0, self.worker.time_limit))
        return self.worker.run(c, script, min(1.0, self.worker.time_limit))

    def diagnosis(self, prop: Property, finding: Finding, alone: str) -> Diagnosis | None:
        """The known mistake that explains a finding."""
        c, seen, script = finding.computation, finding.seen, finding.script
        if finding.convention and prop is INNER:
            return None
        if isinstance(seen, Trouble):
            return of_trouble(seen, alone, finding, self.is_finite(c))
        before = self.worker.run(c, ())
        later = bool(script) and isinstance(before, Reading) and not self.wrong(VALUES, c, before)
        if alone:
            lost = self.worker.facts(alone, c.steps[-1].params)
            if self.worker.names.backward in lost:
                return Diagnosis(
                    "method replaced",
                    f"{alone} sets an attribute {self.worker.names.backward} of a node, which has "
                    "a method of that name: from then on it is lost. Give the attribute another "
                    "name (_backward, say).",
                    alone,
                )
        return at_once(finding, alone, later, prop.name == LARGE.name) or (
            diagnose(
                c,
                seen,
                prop.plan,
                self.run_one,
                self.survey,
                [op for op in self.ops if not self.survey.made_of[op]],
                prop is INTS,
            )
            if len(c.steps) <= MOST_STEPS and prop.name != LARGE.name
            else None
        )

    def note(self, finding: Finding) -> None:
        """Keep a finding, or count it to one with the same cause."""
        kept = self.result.conventions if finding.convention else self.result.findings
        for other in (*self.result.findings, *self.result.conventions):
            if other.has_cause_of(finding):
                other.properties += [p for p in finding.properties if p not in other.properties]
                if finding.op not in ("", "sum", other.op, *other.also):
                    other.also.append(finding.op)
                return
        kept.append(finding)

    def conclude(self, prop: Property) -> None:
        """The outcome of a property."""
        blocked = [need for need in prop.needs if need in self.failed]
        numbers = any(self.survey.numbers.values())
        found = [f for f in self.result.findings if prop.name in f.properties]
        differs = [f for f in self.result.conventions if prop.name in f.properties]
        rest = self.of_right_value if prop in (VALUES, LARGE) else self.ops
        if found:
            outcome = Outcome(prop.name, "fails", prop.sentence)
        elif differs:
            outcome = Outcome(prop.name, "convention", differs[0].convention)
        elif self.shared:
            outcome = Outcome(prop.name, "not tried", SHARES)
        elif blocked or not rest:
            first = blocked[0] if blocked else "operations"
            outcome = Outcome(prop.name, "not tried", f"needs right {first} first")
        elif prop is NUMBERS and not numbers:
            outcome = Outcome(prop.name, "not tried", "its operators take no plain numbers")
        elif len(self.result.findings) >= self.most:
            outcome = Outcome(prop.name, "not tried", ENOUGH)
        else:
            without = [spelled(op) for op in self.survey.ops if op not in rest]
            but = f" (without {', '.join(without)})" if without else ""
            outcome = Outcome(prop.name, "holds", prop.sentence + but)
        self.result.outcomes.append(outcome)

    # ------------------------------------------------------------ large and small graphs

    def try_limits(self) -> None:
        """The properties with one computation each."""
        if self.shared:
            for prop in (LEAF, SUM, *LIMITS):
                self.skip(prop, SHARES)
            return
        self.try_one(LEAF, Computation((2.0,), ()))
        wrong, enough = (
            self.failed & {"values", "gradients"},
            len(self.result.findings) >= self.most,
        )
        why = NEEDS if wrong else ENOUGH if enough else ""
        if not why and "add" in self.ops and "add" in self.survey.left:
            self.try_one(SUM, Computation((2.0, 3.0, 5.0), (Step("sum", (0, 1, 2)),)))
        else:
            self.skip(SUM, why or "needs 0 + a")
        join = next((op for op in ("add", "mul", "sub") if op in self.ops), None)
        for prop, make in zip(LIMITS, (chain, fan, tower), strict=True):
            if join and not why:
                self.try_one(prop, make(join))
            else:
                self.skip(prop, why or "needs a right +, * or -")

    def skip(self, prop: Property, why: str) -> None:
        """Say that a property was not tried."""
        self.result.outcomes.append(Outcome(prop.name, "not tried", why))

    def try_one(self, prop: Property, c: Computation) -> None:
        """Try a property on the one computation that shows it."""
        seen = self.seen(prop, c)
        verdict, detail = "holds", prop.sentence
        if isinstance(seen, Trouble) and "RecursionError" in seen.text and prop in LIMITS:
            verdict = "limit"
            detail = f"RecursionError beyond {self.depth(c):,} operations in a row"
        elif isinstance(seen, Trouble) or self.wrong(prop, c, seen):
            finding = self.explain(prop, c, 1)
            self.note(finding)
            verdict = "convention" if finding.convention else "fails"
            detail = finding.convention or detail
        self.result.outcomes.append(Outcome(prop.name, verdict, detail))

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


def convention(prop: Property, finding: Finding) -> str:
    """In what an engine differs from most without being wrong; "" if it is wrong."""
    seen = finding.seen
    if prop.name in PASSES:
        if isinstance(seen, Trouble):
            return "a second pass through a graph is refused"
        return "a second pass does not add the same again"
    if isinstance(seen, Trouble):
        if seen.kind == "refuses" and prop not in (VALUES, GRADIENTS, INNER):
            return f"refused: {seen.text}"
        if seen.kind == "refuses" and prop is VALUES:
            return f"refused: {seen.text}"
        return ""
    if prop is INNER:
        computed = seen.grads[len(finding.computation.inputs) :]
        if all(x in ("None", 0.0) for x in computed[:-1]) and computed[-1] in ("None", 0.0, 1.0):
            return "gradients are kept for leaves only"
        if finding.wrong == [(len(seen.grads) - 1, "grads")] and seen.grads[-1] in ("None", 0.0):
            return "the root keeps no gradient"
    return ""


def apart(right: Sequence[Any], moved: Sequence[Sequence[Any]]) -> tuple[float, ...]:
    """How far numbers may be from the right ones, judged by how far rounding moves them."""
    return tuple(20 * max(abs(m[i] - x) for m in moved) for i, x in enumerate(right))


def jitter(error: float, k: int) -> Engine:
    """A right engine with other roundings, the k-th way."""
    signs = iter(range(10**9))

    def rounded(step: Step, args: Sequence[float]) -> float:
        n = next(signs)
        return value(step, args) * (1 + error * (1 if (n * (2 * k + 1) + k) % (k + 2) else -1))

    def leaf(x: float) -> float:
        return x * (1 + error * (1 if k % 2 else -1))

    return replace(RIGHT, value=rounded, leaf=leaf)
