"""What holds for a right engine, property by property, and the graphs on which it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...rule import TABLE
from ..computation import Computation, Step, Whole, prune
from .subject import AFRESH, IN_PLACE, Script, Survey

DEEP, WIDE, TOWER = 5_000, 1_024, 40
PLAIN = (  # inputs on which a wrong number is easily seen
    (2.0, 3.0, 5.0, 7.0),
    (-2.0, -3.0, -5.0, -7.0),
    (2.0, -3.0, 5.0, -7.0),
    (0.5, 0.75, 0.25, 0.625),
    (2.0, 2.0, 2.0, 2.0),
)
LARGE_INPUTS = (1.0, -1.0, 10.0, -10.0, 100.0, -100.0, 1000.0, -1000.0)


@dataclass(frozen=True)
class Property:
    """Something that holds for a right engine.

    Attributes:
        name: a word or two.
        sentence: what holds.
        plan: the backward passes to run on a computation.
        compares: "data", "leaves", "inner", "ends" or "all": the numbers that have to be right.
        needs: the properties without which this one need not be tried.
        applies: whether a computation can show it.
    """

    name: str
    sentence: str
    plan: Callable[[Computation], Script]
    compares: str
    needs: tuple[str, ...] = ()
    applies: Callable[[Computation], bool] = lambda c: True


def root(c: Computation) -> int:
    """The index of a computation's root."""
    return len(c.inputs) + len(c.steps) - 1


def has_numbers(c: Computation) -> bool:
    """Whether an operand is a plain number."""
    return any(isinstance(x, float) for step in c.steps for x in step.args)


def once(c: Computation) -> Script:
    """One backward pass from the root."""
    return (root(c),)


PROPERTIES = (
    Property("values", "every operation gives the right number", lambda c: (), "data"),
    Property("gradients", "one backward pass gives leaves their gradients", once, "leaves"),
    Property("inner gradients", "and every node in between", once, "inner", ("gradients",)),
    Property(
        "data kept", "a backward pass changes no value", once, "data", ("values", "gradients")
    ),
    Property(
        "numbers",
        "plain numbers may be operands: 2 - x, x / 2",
        once,
        "all",
        ("values", "gradients"),
        applies=has_numbers,
    ),
    Property(
        "second pass",
        "a second pass adds the same to the leaves",
        lambda c: (root(c), root(c)),
        "leaves",
        ("gradients", "data kept"),
    ),
    Property(
        "two roots",
        "gradients of two roots add up in the leaves",
        lambda c: (root(c), root(c) - 1),
        "leaves",
        ("gradients", "second pass"),
        lambda c: len(c.steps) > 1,
    ),
    Property(
        "afresh",
        "with leaves set to 0, a new graph gives the same",
        lambda c: (root(c), AFRESH, root(c)),
        "leaves",
        ("gradients", "data kept"),
    ),
)
VALUES, GRADIENTS = FIRST = PROPERTIES[:2]  # most others fail with these
INNER = PROPERTIES[2]
NUMBERS = next(prop for prop in PROPERTIES if prop.applies is has_numbers)
PASSES = ("second pass", "two roots")  # where engines differ by convention
INTS = Property("ints", "ints in the place of floats: Value(3) / 2", once, "all", ("gradients",))
AUGMENTED = Property(
    "in place",
    "c += a gives what c + a gives",
    lambda c: (IN_PLACE, root(c)),
    "ends",
    ("gradients",),
)
LARGE = Property(
    "large", "operations at ±1, ±10, ±100 and ±1000", once, "all", ("values", "gradients")
)
LARGE_VALUES = replace(LARGE, plan=lambda c: (), compares="data")  # of what has wrong gradients
FORMS = (INTS, AUGMENTED, LARGE)
LEAF = Property("leaf as root", "x.backward() gives x the gradient 1", lambda c: (0,), "leaves")
SUM = Property("sum", "sum([a, b, c]), which begins with 0 + a", once, "all", ("gradients",))
SHARED = Property(
    "shared", f"{TOWER} nodes, each used twice, in no time", once, "leaves", ("gradients",)
)
LIMITS = (
    Property("deep", f"a chain of {DEEP:,} operations", once, "leaves", ("gradients",)),
    Property("wide", f"a sum of {WIDE:,} nodes", once, "leaves", ("gradients",)),
    SHARED,
)


def places(compares: str, c: Computation) -> list[tuple[int, str]]:
    """Index and attribute of the numbers that a property compares."""
    count, end = len(c.inputs), root(c) + 1
    data = [(i, "data") for i in range(end)]
    leaves = [(i, "grads") for i in range(count)]
    inner = [(i, "grads") for i in range(count, end)]
    ends = [*data[:count], data[-1], *leaves]
    return {
        "data": data, "leaves": leaves, "inner": inner, "all": data + leaves, "ends": ends,
    }[compares]  # fmt: skip


# ---------------------------------------------------------------- computations of a form


def with_leaves(c: Computation, left: Sequence[str], right: Sequence[str]) -> Computation:
    """A computation whose plain numbers are leaves, where the engine takes no plain number."""
    extra: list[float] = []
    count = len(c.inputs)
    stays = {
        (k, place)
        for k, step in enumerate(c.steps)
        for place in range(len(step.args))
        if step.op in (left, right)[place > 0] and place < 2
    }
    more = sum(
        isinstance(x, float) and (k, place) not in stays
        for k, step in enumerate(c.steps)
        for place, x in enumerate(step.args)
    )
    steps = []
    for k, step in enumerate(c.steps):
        args: list[int | float] = []
        for place, x in enumerate(step.args):
            if isinstance(x, int):
                args.append(x + more if x >= count else x)
            elif (k, place) in stays:
                args.append(x)
            else:
                args.append(count + len(extra))
                extra.append(x)
        steps.append(Step(step.op, tuple(args), step.params))
    return Computation((*c.inputs, *extra), tuple(steps))


def with_numbers(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """Every operation with a plain number, on the left and on the right."""
    for op in ops:
        if op in survey.left:
            yield Computation((2.0,), (Step(op, (5.0, 0)),))
        if op in survey.right:
            yield Computation((2.0,), (Step(op, (0, 5.0)),))


def with_ints(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """Every operation on leaves made of ints, and with an int on either side."""
    three, two = Whole(3), Whole(2)
    for op in ops:
        low, high = TABLE[op].domain[0]
        for params in survey.samples[op]:
            if TABLE[op].arity == 1:
                for x in (two, Whole(-3)):
                    if low < x < high:
                        yield Computation((x,), (Step(op, (0,), params),))
                continue
            yield Computation((three, two), (Step(op, (0, 1), params),))
            if op in survey.numbers["left int"]:
                yield Computation((two,), (Step(op, (three, 0), params),))
                yield Computation((2.5,), (Step(op, (three, 0), params),))
            if op in survey.numbers["right int"]:
                yield Computation((three,), (Step(op, (0, two), params),))
                yield Computation((2.5,), (Step(op, (0, two), params),))


def augmented(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """Every operator of which an engine has an in-place form, after another operation."""
    for op in ops:
        if op in survey.augmented:
            before = Step("mul" if "mul" in ops else op, (0, 1))
            yield Computation((2.0, 3.0), (before, Step(op, (2, 0))))
            if op in survey.right:
                yield Computation((2.0, 3.0), (before, Step(op, (2, 5.0))))


def at_large(survey: Survey, ops: Sequence[str], least: float = 1) -> Iterator[Computation]:
    """Every operation on small and large numbers within its domain, the smallest first."""
    for op in ops:
        row = TABLE[op]
        for x in (x for x in LARGE_INPUTS if abs(x) >= least):
            for params in survey.samples[op]:
                for args in [(x,)] if row.arity == 1 else [(x, 2.0), (2.0, x)]:
                    if all(low < y < high for y, (low, high) in zip(args, row.domain, strict=True)):
                        yield Computation(args, (Step(op, tuple(range(row.arity)), params),))


def one_operation(survey: Survey, op: str) -> Iterator[Computation]:
    """An operation on leaves, every way: one node as both operands, too."""
    places = [(0,)] if TABLE[op].arity == 1 else [(0, 0), (0, 1)]
    for point in PLAIN:
        for params in survey.samples[op]:
            for args in places:
                yield Computation(point[: 1 + max(args)], (Step(op, args, params),))


def two_operations(survey: Survey, first: str, second: str) -> Iterator[Computation]:
    """An operation on the result of another one, every way."""
    before = [(0,)] if TABLE[first].arity == 1 else [(0, 0), (0, 1)]
    for point in (PLAIN[0], PLAIN[2]):
        for args in before:
            y, x = 1 + max(args), 0
            step = Step(first, args, survey.samples[first][0])
            after = [(y,)] if TABLE[second].arity == 1 else [(y, y), (y, x), (x, y)]
            for further in after:
                last = Step(second, further, survey.samples[second][0])
                yield Computation(point[:y], (step, last))
            if TABLE[second].arity > 1:  # with another leaf
                for further in ((y + 1, y), (y, y + 1)):
                    last = Step(second, further, survey.samples[second][0])
                    yield Computation(point[: y + 1], (step, last))


def operations(c: Computation) -> Iterator[Computation]:
    """Every operation of a computation alone, on leaves."""
    known = c.values()
    for step in c.steps:
        used = sorted({x for x in step.args if isinstance(x, int)})
        args = tuple(used.index(x) if isinstance(x, int) else x for x in step.args)
        yield Computation(tuple(known[x] for x in used), (Step(step.op, args, step.params),))


def parts(c: Computation) -> Iterator[Computation]:
    """Smaller computations: single operations, less at the end, less at the beginning."""
    known = c.values()
    count = len(c.inputs)
    if len(c.steps) > 1:
        yield from operations(c)
    for end in range(1, len(c.steps)):
        yield prune(c.inputs, c.steps[:end])
    for cut in range(count, root(c)):  # a computed quantity becomes a leaf

        def place(x: int, cut: int = cut) -> int:
            return count if x == cut else x + (count <= x < cut)

        rest = [
            Step(op, tuple(place(x) if isinstance(x, int) else x for x in args), params)
            for i, (op, args, params) in enumerate(c.steps, count)
            if i != cut
        ]
        yield prune((*c.inputs, known[cut]), rest)


def chain(op: str) -> Computation:
    """A long row of operations on the same leaf: 0 + 0 + …, or 1 · 1 · …"""
    x = 1.0 if op == "mul" else 0.0
    return Computation((x,), tuple(Step(op, (k, 0)) for k in range(DEEP)))


def fan(op: str) -> Computation:
    """Many nodes of one leaf, joined in pairs until one is left."""
    steps = [Step(op, (0, 0)) for _ in range(WIDE)]
    layer = list(range(1, WIDE + 1))
    while len(layer) > 1:
        above = []
        for a, b in zip(layer[::2], layer[1::2], strict=True):
            steps.append(Step(op, (a, b)))
            above.append(len(steps))
        layer = above
    return Computation((1.0 if op == "mul" else 0.0,), tuple(steps))


def tower(op: str) -> Computation:
    """Every node is used twice by the next: as many paths as 2 to the power of its height."""
    return Computation(
        (1.0 if op == "mul" else 0.0,), tuple(Step(op, (k, k)) for k in range(TOWER))
    )
