"""The search for computations on which a property fails, and for the smallest of them."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded

from ...rule import TABLE
from ..computation import Computation, Step
from ..strategies import computations, is_smooth_throughout
from .fitting import resampled
from .judging import Judge
from .properties import PLAIN, Property, one_operation, parts, shortened, two_operations

SHRINKING = 5.0  # seconds for making what was found smaller, in each way
FEW = 100  # examples to look for a plainer failure in

Found = tuple[Property, Computation, int]  # what failed on what, after how many tries


class Enough(BaseException):
    """Ends a search: Hypothesis lets it through."""


class Search:
    """Looks for failures among the operations that nothing is known against.

    Attributes:
        ops: these operations, what others are made of first.
    """

    def __init__(
        self, judge: Judge, nodes: int, examples: int, seed: int, count: Callable[[], None]
    ) -> None:
        self.judge, self.survey = judge, judge.survey
        self.nodes, self.examples, self.seed, self.count = nodes, examples, seed, count
        self.ops = sorted(self.survey.ops, key=lambda op: len(self.below(op)))

    def below(self, op: str) -> set[str]:
        """The operations that an operation is made of, directly or not."""
        found: set[str] = set()
        waiting = [op]
        while waiting:
            new = set(self.survey.made_of.get(waiting.pop(), ())) - found - {op}
            found |= new
            waiting += new
        return found

    @property
    def basis(self) -> list[str]:
        """The operations that are not made of others."""
        return [op for op in self.ops if not self.survey.made_of[op]]

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
            smooth = prop.kind == "form" or is_smooth_throughout(c)
            if smooth and self.judge.disagrees(prop, c):
                return self.judge.form(prop, c), tried
        return None, tried

    def random(
        self, active: Sequence[Property], most: int | None = None, ops: Sequence[str] = ()
    ) -> Found | None:
        """A small one of the random computations on which a property fails."""
        failing: list[tuple[Property, Computation]] = []
        tried = 0
        rows = [resampled(TABLE[op], self.survey.samples[op]) for op in ops or self.ops]

        @seeded(self.seed)
        @settings(
            database=None,
            max_examples=min(self.examples, most or self.examples),
            deadline=None,
            phases=(Phase.generate,),  # `reduced` needs fewer tries than Hypothesis
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @given(computations(max_nodes=self.nodes, ops=rows))
        def look(c: Computation) -> None:
            nonlocal tried
            tried += 1
            self.count()
            for prop in active:
                if self.judge.disagrees(prop, c):
                    failing.append((prop, c))
                    raise Enough

        with contextlib.suppress(Enough), seed_alone():
            look()
        if not failing:
            return None
        prop, c = failing[0]
        return prop, self.readable(prop, self.reduced(prop, self.judge.form(prop, c))), tried

    def reduced(self, prop: Property, c: Computation) -> Computation:
        """The computation with less in it, and plainer, as far as the property still fails."""
        deadline = time.monotonic() + SHRINKING
        best, smaller = c, self.smaller(c)
        while (part := next(smaller, None)) is not None and time.monotonic() < deadline:
            if self.judge.disagrees(prop, part, self.judge.little):
                best, smaller = part, self.smaller(part)
        return best

    def smaller(self, c: Computation) -> Iterator[Computation]:
        """Parts of a computation, and the whole with one operation that comes before its own."""
        yield from parts(c)
        yield from filter(is_smooth_throughout, shortened(c))
        for k, step in enumerate(c.steps):
            for op in self.ops[: self.ops.index(step.op)] if step.op in self.ops else ():
                if TABLE[op].arity == TABLE[step.op].arity:
                    other = step._replace(op=op, params=self.survey.samples[op][0])
                    plainer = c._replace(steps=(*c.steps[:k], other, *c.steps[k + 1 :]))
                    if is_smooth_throughout(plainer):
                        yield plainer

    def readable(self, prop: Property, c: Computation) -> Computation:
        """The computation with inputs on which mistakes show plainly, if it fails there too."""
        for moved in map(c.at, (*PLAIN, [round(x * 8) / 8 for x in c.inputs])):
            if is_smooth_throughout(moved) and self.judge.disagrees(prop, moved, self.judge.little):
                return moved
        return c

    # ------------------------------------------------------------ all graphs of a size

    def smallest(self, prop: Property, c: Computation) -> Computation:
        """A graph of one or two operations that shows what a larger one shows, if there is one."""
        alone = (one_operation(self.survey, op) for op in self.ops)
        pairs = self.pairs(self.ops, [step.op for step in c.steps]) if len(c.steps) > 1 else ()
        return self.first(prop, chain.from_iterable((*alone, pairs)), SHRINKING)[0] or c

    def beside(self, op: str) -> Iterator[Computation]:
        """An operation's result, joined with its only operand: both send it a gradient.

        Of two operands, which may be one node, that shows on the operation alone.
        """
        for join in joining(self.ops)[: TABLE[op].arity == 1]:
            for point in PLAIN[:2]:
                for params in self.survey.samples[op]:
                    steps = Step(op, (0,), params), Step(join, (1, 0), self.survey.samples[join][0])
                    yield Computation(point[:1], steps)

    def pairs(self, ops: Sequence[str], involved: Collection[str] = ()) -> Iterator[Computation]:
        """Graphs of two operations, of which one joins two nodes or both are involved."""
        joins = {*joining(ops)}
        pairs = [
            (first, second)
            for first in ops
            for second in ops
            if {first, second} & joins or {first, second} <= {*involved}
        ]
        for first, second in sorted(pairs, key=self.made_of_others):
            yield from two_operations(self.survey, first, second)

    def made_of_others(self, ops: Iterable[str]) -> int:
        """How many operations are made of others."""
        return sum(bool(self.survey.made_of[op]) for op in ops)


@contextlib.contextmanager
def seed_alone() -> Iterator[None]:
    """Let what Hypothesis draws depend on the seed: newer ones try constants of loaded modules."""
    try:
        from hypothesis.internal.cache import LRUCache
        from hypothesis.internal.conjecture import providers

        none = providers.Constants()  # type: ignore[attr-defined]
        own = {"_get_local_constants": lambda: none, "CONSTANTS_CACHE": LRUCache(1024)}
        before = {name: getattr(providers, name) for name in own}
    except (ImportError, AttributeError):  # an older one
        yield
        return
    vars(providers).update(own)
    try:
        yield
    finally:
        vars(providers).update(before)


def joining(ops: Iterable[str]) -> list[str]:
    """Two operations that join two nodes."""
    return [op for op in ops if TABLE[op].arity == 2][:2]
