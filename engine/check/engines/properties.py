"""What holds for a right engine, property by property, and the graphs on which it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...rule import TABLE
from ..computation import Computation, Step, prune
from .subject import AFRESH, IN_PLACE, WHOLE, Script, Survey

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
        graphs: the computations to try it on, of what an engine offers and its right operations.
        lacks: what is missing where there are none.
        kind: "random" if it is tried on random computations, "form" if on those of a form, which
            run as they are, "single" or "limit" if one shows it, a small or a large one.
    """

    name: str
    sentence: str
    plan: Callable[[Computation], Script]
    compares: str
    needs: tuple[str, ...] = ()
    applies: Callable[[Computation], bool] = lambda c: True
    graphs: Callable[[Survey, Sequence[str]], Iterable[Computation]] = lambda survey, ops: ()
    lacks: str = ""
    kind: str = "random"


def passes(*actions: int | str) -> Callable[[Computation], Script]:
    """A plan: for each number k a backward pass from the k-th quantity before the root."""
    return lambda c: tuple(c.root - x if isinstance(x, int) else x for x in actions)


def places(compares: str, c: Computation) -> list[tuple[int, str]]:
    """Index and attribute of the numbers that a property compares."""
    count, end = len(c.inputs), c.root + 1
    data = [(i, "data") for i in range(end)]
    leaves = [(i, "grads") for i in range(count)]
    return {
        "data": data,
        "leaves": leaves,
        "inner": [(i, "grads") for i in range(count, end)],
        "ends": [*data[:count], data[-1], *leaves],
        "all": data + leaves,
    }[compares]


# ---------------------------------------------------------------- computations of a form


def with_leaves(c: Computation, left: Sequence[str], right: Sequence[str]) -> Computation:
    """A computation whose plain numbers are leaves, where the engine takes no plain number."""
    count, extra = len(c.inputs), list[float]()
    steps = []
    for step in c.steps:
        args = list(step.args)
        for place, x in enumerate(args):
            if isinstance(x, float) and not (place < 2 and step.op in (left, right)[place]):
                extra.append(x)
                args[place] = -len(extra)  # for now
        steps.append(step._replace(args=tuple(args)))

    def place_of(x: int) -> int:
        return count - 1 - x if x < 0 else x + len(extra) * (x >= count)

    return Computation((*c.inputs, *extra), tuple(step.on(place_of) for step in steps))


def has_numbers(c: Computation) -> bool:
    """Whether an operand is a plain number."""
    return any(len(step.nodes) < len(step.args) for step in c.steps)


def with_numbers(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """Every operation with a plain number, on the left and on the right."""
    for op in ops:
        if op in survey.left:
            yield Computation((2.0,), (Step(op, (5.0, 0)),))
        if op in survey.right:
            yield Computation((2.0,), (Step(op, (0, 5.0)),))


def with_ints(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """Every operation on leaves made of ints, and with an int on either side."""
    for op in ops:
        low, high = TABLE[op].domain[0]
        for params in survey.samples[op]:
            if TABLE[op].arity == 1:
                for x in (2.0, -3.0):
                    if low < x < high:
                        yield Computation((x,), (Step(op, (0,), params),))
                continue
            yield Computation((3.0, 2.0), (Step(op, (0, 1), params),))
            for side, leaf, args in (("left", 2.0, (3.0, 0)), ("right", 3.0, (0, 2.0))):
                if op in survey.numbers[f"{side} int"]:
                    for number in (leaf, 2.5):
                        yield Computation((number,), (Step(op, args, params),))


def augmented(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """Every operator of which an engine has an in-place form, after another operation."""
    for op in ops:
        if op in survey.augmented:
            before = Step("mul" if "mul" in ops else op, (0, 1))
            for operand in (0, 5.0) if op in survey.right else (0,):
                yield Computation((2.0, 3.0), (before, Step(op, (2, operand))))


def at_large(survey: Survey, ops: Sequence[str], least: float = 1) -> Iterator[Computation]:
    """Every operation on small and large numbers within its domain, the smallest first."""
    for op in ops:
        row = TABLE[op]
        for x in (x for x in LARGE_INPUTS if abs(x) >= least):
            for params in survey.samples[op]:
                for args in [(x,)] if row.arity == 1 else [(x, 2.0), (2.0, x)]:
                    if all(low < y < high for y, (low, high) in zip(args, row.domain, strict=True)):
                        yield Computation(args, (Step(op, tuple(range(row.arity)), params),))


def on_leaves(op: str) -> list[tuple[int, ...]]:
    """The arguments that an operation may have: one node as both operands, too."""
    return [(0,)] if TABLE[op].arity == 1 else [(0, 0), (0, 1)]


def one_operation(survey: Survey, op: str) -> Iterator[Computation]:
    """An operation on leaves, every way."""
    for point in PLAIN:
        for params in survey.samples[op]:
            for args in on_leaves(op):
                yield Computation(point[: 1 + max(args)], (Step(op, args, params),))


def two_operations(survey: Survey, first: str, second: str) -> Iterator[Computation]:
    """An operation on the result of another one, every way."""
    for point in (PLAIN[0], PLAIN[2]):
        for args in on_leaves(first):
            y, x = 1 + max(args), 0
            step = Step(first, args, survey.samples[first][0])
            after: list[tuple[int, ...]] = [(y,)]
            if TABLE[second].arity > 1:  # at last with another leaf
                after = [(y, y), (y, x), (x, y), (y + 1, y), (y, y + 1)]
            for k, further in enumerate(after):
                last = Step(second, further, survey.samples[second][0])
                yield Computation(point[: y + (k > 2)], (step, last))


def operations(c: Computation) -> Iterator[Computation]:
    """Every operation of a computation alone, on leaves."""
    known = c.values()
    for step in c.steps:
        used = sorted({*step.nodes})
        yield Computation(tuple(known[x] for x in used), (step.on(used.index),))


def parts(c: Computation) -> Iterator[Computation]:
    """Smaller computations: single operations, less at the end, less at the beginning."""
    known = c.values()
    count = len(c.inputs)
    if len(c.steps) > 1:
        yield from operations(c)
    for end in range(1, len(c.steps)):
        yield prune(c.inputs, c.steps[:end])
    for cut in range(count, c.root):  # a computed quantity becomes a leaf

        def place(x: int, cut: int = cut) -> int:
            return count if x == cut else x + (count <= x < cut)

        rest = [step.on(place) for i, step in enumerate(c.steps, count) if i != cut]
        yield prune((*c.inputs, known[cut]), rest)


def shortened(c: Computation) -> Iterator[Computation]:
    """Computations with fewer operations: one, or all, take what they took from further back."""
    count = len(c.inputs)
    for k, step in enumerate(c.steps):
        for x in dict.fromkeys(x for x in step.nodes if x >= count):
            for back in dict.fromkeys((*c.steps[x - count].nodes, *range(count))):

                def place(y: int, x: int = x, back: int = back) -> int:
                    return back if y == x else y

                for moved in ((k,), range(len(c.steps))):
                    steps = [s.on(place) if i in moved else s for i, s in enumerate(c.steps)]
                    shorter = prune(c.inputs, steps)
                    if len(shorter.steps) < len(c.steps):
                        yield shorter


def rungs(op: str, count: int, back: int, x: float = 1.25) -> Computation:
    """An operation again and again, on its last result and on an earlier one."""
    return Computation((x,), tuple(Step(op, (k, max(k - back, 0))) for k in range(count)))


def neutral(op: str) -> float:
    """The number on which an operation changes nothing: 0 + 0, 1 · 1."""
    return 1.0 if op == "mul" else 0.0


def leaf(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """No operation at all."""
    yield Computation((2.0,), ())


def three(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
    """What Python's `sum` does, which begins with 0."""
    if "add" in ops and "add" in survey.left:
        yield Computation((2.0, 3.0, 5.0), (Step("sum", (0, 1, 2)),))


def joined(make: Callable[[str], Computation]) -> Callable[..., Iterator[Computation]]:
    """A large graph of an operation that joins two nodes."""

    def graphs(survey: Survey, ops: Sequence[str]) -> Iterator[Computation]:
        return (make(op) for op in [op for op in ("add", "mul", "sub") if op in ops][:1])

    return graphs


def chain(op: str) -> Computation:
    """A long row of operations on the same leaf."""
    return rungs(op, DEEP, DEEP, neutral(op))


def fan(op: str) -> Computation:
    """Many nodes of one leaf, joined in pairs until one is left."""
    steps = [Step(op, (0, 0)) for _ in range(WIDE)]
    steps += [Step(op, (k, k + 1)) for k in range(1, 2 * WIDE - 2, 2)]
    return Computation((neutral(op),), tuple(steps))


def tower(op: str) -> Computation:
    """Every node is used twice by the next: as many paths as 2 to the power of its height."""
    return rungs(op, TOWER, 0, neutral(op))


# ---------------------------------------------------------------- what holds

none, once = passes(), passes(0)
FIRST = ("values", "gradients")  # without which most others fail
KEPT = ("gradients", "data kept")
SLOPES = ("gradients",)

ALL = {
    prop.name: prop
    for prop in (
        Property("values", "every operation gives the right number", none, "data"),
        Property("gradients", "one backward pass gives leaves their gradients", once, "leaves"),
        Property("inner gradients", "and every node in between", once, "inner", SLOPES),
        Property("data kept", "a backward pass changes no value", once, "data", FIRST),
        Property(
            "numbers", "plain numbers may be operands: 2 - x, x / 2", once, "all", FIRST,
            has_numbers, with_numbers, "its operators take no plain numbers",
        ),
        Property(
            "second pass", "a second pass adds the same to the leaves", passes(0, 0), "leaves", KEPT
        ),
        Property(
            "two roots", "gradients of two roots add up in the leaves", passes(0, 1), "leaves",
            ("gradients", "second pass"), lambda c: len(c.steps) > 1,
        ),
        Property(
            "afresh", "with leaves set to 0, a new graph gives the same", passes(0, AFRESH, 0),
            "leaves", KEPT,
        ),
        Property(
            "ints", "ints in the place of floats: Value(3) / 2", passes(WHOLE, 0), "all", SLOPES,
            graphs=with_ints, kind="form",
        ),
        Property(
            "in place", "c += a gives what c + a gives", passes(IN_PLACE, 0), "ends", SLOPES,
            graphs=augmented, kind="form",
        ),
        Property(
            "large", "operations at ±1, ±10, ±100 and ±1000", once, "all", FIRST, kind="form"
        ),
        Property(
            "leaf as root", "x.backward() gives x the gradient 1", once, "leaves",
            graphs=leaf, kind="single",
        ),
        Property(
            "sum", "sum([a, b, c]), which begins with 0 + a", once, "all", FIRST,
            graphs=three, lacks="needs 0 + a", kind="single",
        ),
        *(
            Property(
                name, sentence, once, "leaves", FIRST,
                graphs=joined(make), lacks="needs a right +, * or -", kind="limit",
            )
            for name, sentence, make in (
                ("deep", f"a chain of {DEEP:,} operations", chain),
                ("wide", f"a sum of {WIDE:,} nodes", fan),
                ("shared", f"{TOWER} nodes, each used twice, in no time", tower),
            )
        ),
    )
}  # fmt: skip
VALUES, GRADIENTS, INNER, LARGE = (
    ALL[name] for name in ("values", "gradients", "inner gradients", "large")
)
# of what has wrong gradients
LARGE_VALUES = replace(LARGE, plan=none, compares="data", needs=("values",))
PASSES = ("second pass", "two roots")  # where engines differ by convention
