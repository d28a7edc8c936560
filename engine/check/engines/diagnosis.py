"""Which known mistake an engine has: the one that, simulated, gives the engine's own numbers.

Each row of `mistakes` is run on the computation at hand and on a few others like it, and the one
that gives the numbers of the engine under test is the diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from ...rule import TABLE
from ..computation import Computation, Step, prune
from ..strategies import is_smooth_throughout
from .mistakes import MISTAKES, Mistake
from .properties import rungs
from .simulation import RIGHT, Engine, simulate
from .subject import WHOLE, Reading, Script, Survey, Trouble, all_close

SAME = 1e-9  # relative, with which simulated and observed numbers agree, if they are exact
ROUNDINGS = 100  # of an engine's own, with which they agree else
UNDEFINED = ("ZeroDivisionError", "OverflowError", "ValueError: math")
OF_PASS = ("leaf", "clear", "seed", "order", "mask")  # parts, not of single operations
POINTS = (  # inputs at which mistakes that look alike at 0 or 1 differ
    (2.0, 3.0, 5.0, 7.0),
    (0.5, 0.75, 0.25, 0.625),
    (1.25, 0.375, 2.5, 1.75),
    (-0.75, 0.5, -1.5, 2.25),
)
WHOLE_POINTS = ((3.0, 2.0, 5.0, 7.0), (7.0, 3.0, 2.0, 5.0), (2.0, 5.0, 3.0, 4.0))

Trial = tuple[Computation, Script]
Observation = tuple[Trial, Reading | Trouble]


class Diagnosis(NamedTuple):
    """A known mistake that explains what an engine gives.

    Attributes:
        name: the mistake's.
        sentence: what is wrong.
        op: the operation it sits in; "" if it is in the backward pass.
        kind: what is the same in other operations with the same mistake.
    """

    name: str
    sentence: str
    op: str = ""
    kind: str = ""


def diagnose(
    computation: Computation,
    seen: Reading | Trouble,
    plan: Callable[[Computation], Script],
    run: Callable[[Computation, Script], Reading | Trouble],
    survey: Survey,
    others: Sequence[str] = (),
) -> Diagnosis | None:
    """The known mistake that gives the numbers of an engine, if there is one.

    It has to give all of them, to their precision: on the computation and on a few like it, and,
    if it is one of the backward pass, on other operations, too.

    Args:
        computation: on which the engine is wrong.
        seen: what it gives there.
        plan: the backward passes for a computation.
        run: runs both on the engine.
        survey: what the engine offers.
        others: operations against which nothing is known.
    """
    same = max(SAME, ROUNDINGS * survey.rounding)
    whole = WHOLE in plan(computation)

    def observed(computations: Iterable[Computation]) -> list[Observation]:
        return [((c, plan(c)), run(c, plan(c))) for c in computations]

    def explain(engines: Sequence[Engine], op: str, pairs: Sequence[Observation]) -> bool:
        return all(any(agrees(*pair, engine, op, same) for engine in engines) for pair in pairs)

    def told(mistake: Mistake, op: str) -> Diagnosis:
        names, spell = computation.names(), survey.spelling(plan(computation))
        lines = (step.text(names, spell) for step in computation.steps if step.op == op)
        sentence = mistake.sentence.format(op=op, code=f"`{next(lines, '')}`")
        return Diagnosis(mistake.name, sentence, op, mistake.sentence)

    near = [((computation, plan(computation)), seen), *observed(moved(computation, whole))]
    if agrees(*near[0], RIGHT, "", 10 * same):
        return None  # it is off by too little to tell why
    far = [] if whole else observed(c for shape in longer(computation) for c in moved(shape))
    plain = [c for op in others for c in alone(op, survey)]
    # where computed nodes are used by those above, orders show their differences
    ladder = [rungs(op, 5, 1) for op in ("add", "sub", "mul") if op in others][:1]
    elsewhere = [pair for pair in observed(plain + ladder) if tells(pair[1])]
    composite = any(survey.made_of.get(step.op) for step in computation.steps)
    # of what is made of others, the graph has more nodes than are simulated in a whole pass
    suspected = [one for one in suspects(computation) if one[2] or not composite]
    nearly = []
    for mistake, engines, op in suspected:
        if not explain(engines, op, near):
            continue
        if explain(engines, op, far) and (op or explain(engines, op, elsewhere)):
            return told(mistake, op)
        if op:
            nearly.append((mistake, engines, op))
    passes = [(m, engines) for m, engines, op in suspected if not op]
    for (mistake, engines, op), (other, more) in product(nearly, passes):  # two mistakes at once
        both = [
            replace(one, **{part: getattr(two, part) for part in OF_PASS})
            for one in engines
            for two in more
        ]
        rest = [(trial, seen) for trial, seen in elsewhere if trial[0].steps[0].op != op]
        if explain(both, op, near + far) and explain(more, "", rest):
            first, second = told(mistake, op), told(other, op)
            besides = f"{first.sentence} Besides, {second.name}: {second.sentence}"
            return first._replace(sentence=besides, kind=besides)
    return None


def suspects(computation: Computation) -> Iterator[tuple[Mistake, list[Engine], str]]:
    """Every mistake that can show in a computation, in each operation and variant.

    Last come the variants together, where one graph may show one of them and the next another.
    """
    present = {step.op: TABLE[step.op].arity for step in computation.steps}
    for mixed in (False, True):
        for mistake in MISTAKES:
            alone = [[engine] for engine in mistake.engines]
            groups = [mistake.engines] * mistake.mixed if mixed else alone
            for op, arity in present.items() if mistake.single else [("", 2)]:
                if (not mistake.ops or op in mistake.ops) and arity >= mistake.operands:
                    for group in groups:
                        yield mistake, group, op


def agrees(trial: Trial, seen: Reading | Trouble, engine: Engine, op: str, same: float) -> bool:
    """Whether an engine gives the numbers that were seen."""
    try:
        reading = simulate(*trial, engine, op)
    except (ArithmeticError, ValueError):
        return isinstance(seen, Trouble) and not tells(seen)
    except (TypeError, LookupError):
        return False
    if isinstance(seen, Trouble):  # what raises there is inf or nan here
        numbers = (*reading.data, *reading.grads)
        return not tells(seen) and not all(map(math.isfinite, numbers))  # type: ignore[arg-type]
    return all_close(seen.data, reading.data, same) and all_close(seen.grads, reading.grads, same)


def tells(seen: Reading | Trouble) -> bool:
    """Whether what was seen is more than that a number is undefined."""
    return isinstance(seen, Reading) or not seen.text.startswith(UNDEFINED)


# ---------------------------------------------------------------- where to look


def moved(computation: Computation, whole: bool = False) -> Iterator[Computation]:
    """The computation on other inputs."""
    points = map(computation.at, WHOLE_POINTS if whole else POINTS)
    return filter(is_smooth_throughout, points)


def longer(computation: Computation) -> Iterator[Computation]:
    """The computation, and on its result its last operation again."""
    if not computation.steps:
        return
    inputs, steps, root = *computation, computation.root
    last, count = steps[-1], len(inputs)

    def on(step: Step, place: int, x: int) -> Step:
        return step._replace(args=(*step.args[:place], x, *step.args[place + 1 :]))

    if len(last.args) == 1:  # twice beside each other
        both = Step("add", (root, root + 1))
        yield computation._replace(steps=(*steps, last, both))
    for place in (i for i, x in enumerate(last.args) if isinstance(x, int)):
        yield computation._replace(steps=(*steps, on(last, place, root)))
        if len(last.nodes) > 1:  # with two different leaves as operands
            *before, end = [step.on(lambda x: x + (x >= count)) for step in steps]
            yield prune((*inputs, inputs[-1]), [*before, on(end, place, count)])


def alone(op: str, survey: Survey) -> Iterator[Computation]:
    """An operation on two points."""
    places = tuple(range(TABLE[op].arity))
    step = Step(op, places, survey.samples[op][0])
    points = [Computation(point[: len(places)], (step,)) for point in POINTS[:2]]
    return filter(is_smooth_throughout, points)
