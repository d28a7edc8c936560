"""The search for computations on which an engine is wrong, and for the smallest of them."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from ..strategies import Computation, Step, computations
from .diagnosis import Diagnosis, at_once, diagnose, of_trouble, smooth
from .findings import Finding, Outcome
from .isolation import ROUNDING, Reading, Script, Trouble, Worker, close_to
from .properties import (
    FIRST,
    LEAF,
    LIMITS,
    NUMBERS,
    PROPERTIES,
    SHARED,
    SUM,
    VALUES,
    Property,
    chain,
    fan,
    once,
    operations,
    parts,
    places,
    root,
    tower,
    with_leaves,
    with_numbers,
)
from .simulation import RIGHT, Engine, simulate, value

if TYPE_CHECKING:
    from . import Conformance

TOLERANCE = 1e-6  # of 1 + |right number|
SHRINKING = 5.0  # seconds for making what was found smaller, twice
FEW = 100  # examples to look for a plainer failure in
ENOUGH = "enough was found before"
NEEDS = "needs right gradients first"
MOST_STEPS = 12  # of a computation on which mistakes are simulated
EXPONENTIAL = (
    "exponential time",
    "a node that is used twice is walked through twice, so the time doubles with each such node in "
    "a row; keep the nodes already seen in a set.",
)
PLAIN = (  # inputs on which a wrong number is easily seen
    (2.0, 3.0, 5.0, 7.0),
    (-2.0, -3.0, -5.0, -7.0),
    (2.0, -3.0, 5.0, -7.0),
    (0.5, 0.75, 0.25, 0.625),
)


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
        self.ops = list(self.survey.ops)
        self.failed: set[str] = set()  # properties that fail for no single operation
        self.known: dict[tuple[Computation, Script], Reading | Trouble] = {}

    def run(self) -> None:
        """Try everything and note what comes of it."""
        active = list(PROPERTIES)
        unexplained: Counter[str] = Counter()
        while self.ops and active and len(self.result.findings) < self.most:
            found = self.search(active)
            if found is None:
                break
            plainer = [prop for prop in FIRST if prop in active]
            if found[0] not in FIRST:
                found = (plainer and self.search(plainer, FEW)) or found
            if any(self.survey.made_of[step.op] for step in found[1].steps):
                basis = [op for op in self.ops if not self.survey.made_of[op]]
                wanted = plainer if found[0] in FIRST else [found[0]]
                found = (basis and self.search(wanted, FEW, basis)) or found
            finding = self.explain(*found)
            self.note(finding)
            unexplained[finding.properties[0]] += not finding.diagnosis
            if finding.op in self.ops and unexplained[finding.properties[0]] < 3:
                self.leave_out(finding.op)  # and see whether there is more
            else:
                self.failed.add(found[0].name)
            active = [p for p in PROPERTIES if not {p.name, *p.needs} & self.failed]
        if not self.failed & {*NUMBERS.needs}:
            self.try_numbers()
        for prop in PROPERTIES:
            self.conclude(prop)
        self.try_limits()

    def try_numbers(self) -> None:
        """Every operator with a plain number on either side, if nothing is known against it."""
        for c in with_numbers(self.survey, self.ops):
            if len(self.result.findings) < self.most and self.disagrees(NUMBERS, c):
                self.note(self.explain(NUMBERS, c, 1))

    def leave_out(self, op: str) -> None:
        """Go on without an operation, and without those that are made of it."""
        for other in [o for o in self.ops if op in (o, *self.survey.made_of[o])]:
            self.ops.remove(other)
            self.result.left_out.append(other)

    def search(
        self,
        active: Sequence[Property],
        most: int | None = None,
        ops: Sequence[str] | None = None,
    ) -> tuple[Property, Computation, int] | None:
        """The smallest computation on which a property fails, and how many were tried before."""
        failing: list[tuple[Property, Computation]] = []
        count = tried = 0
        since = 0.0

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
        @given(computations(max_nodes=self.nodes, ops=ops or self.ops))
        def look(c: Computation) -> None:
            nonlocal count, tried, since
            count += 1
            self.result.examples += 1
            self.follow(self.result.examples)
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
        keep = prop.name == "numbers"
        return with_leaves(c, self.survey.left if keep else (), self.survey.right if keep else ())

    def seen(self, prop: Property, c: Computation, limit: float | None = None) -> Reading | Trouble:
        """What the engine gives; each computation is run once."""
        key = c, prop.plan(c)
        if key not in self.known:
            if len(self.known) > 20_000:
                self.known.clear()
            self.known[key] = self.worker.run(*key, limit)
        return self.known[key]

    def disagrees(self, prop: Property, c: Computation, limit: float | None = None) -> bool:
        """Whether a property fails on a computation."""
        c = self.form(prop, c)
        if not prop.applies(c):
            return False
        seen = self.seen(prop, c, limit)
        return isinstance(seen, Trouble) or bool(self.wrong(prop, c, seen))

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
        alone = c.steps[0].op if len(c.steps) == 1 else ""
        if isinstance(seen, Trouble):
            diagnosis = of_trouble(seen, alone)
        else:
            before = self.worker.run(c, ())
            later = isinstance(before, Reading) and not self.wrong(VALUES, c, before)
            later = later and bool(script)
            diagnosis = at_once(c, seen, wrong, alone, later)
            if not diagnosis and len(c.steps) <= MOST_STEPS:
                diagnosis = diagnose(c, prop.plan, self.worker.run)
        if prop is SHARED:
            diagnosis = Diagnosis(*EXPONENTIAL)
        op = diagnosis.op if diagnosis else alone
        return Finding(
            [prop.name], c, script, simulate(c, script), seen, wrong, diagnosis, op, examples,
            self.result.name,
        )  # fmt: skip

    def note(self, finding: Finding) -> None:
        """Keep a finding, or count it to one with the same cause."""
        for other in self.result.findings:
            if other.has_cause_of(finding):
                other.properties += [p for p in finding.properties if p not in other.properties]
                if finding.op not in ("", "sum", other.op, *other.also):
                    other.also.append(finding.op)
                return
        self.result.findings.append(finding)

    def conclude(self, prop: Property) -> None:
        """The outcome of a property."""
        blocked = [need for need in prop.needs if need in self.failed]
        numbers = bool(self.survey.left or self.survey.right)
        if any(prop.name in f.properties for f in self.result.findings):
            outcome = Outcome(prop.name, "fails", prop.sentence)
        elif blocked or not self.ops:
            first = blocked[0] if blocked else "operations"
            outcome = Outcome(prop.name, "not tried", f"needs right {first} first")
        elif prop.name == "numbers" and not numbers:
            outcome = Outcome(prop.name, "not tried", "its operators take no plain numbers")
        elif len(self.result.findings) >= self.most:
            outcome = Outcome(prop.name, "not tried", ENOUGH)
        else:
            outcome = Outcome(prop.name, "holds", prop.sentence)
        self.result.outcomes.append(outcome)

    # ------------------------------------------------------------ large and small graphs

    def try_limits(self) -> None:
        """The properties with one computation each."""
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
            verdict = "fails"
            self.note(self.explain(prop, c, 1))
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
