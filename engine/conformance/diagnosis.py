"""What is wrong with an engine: known mistakes, told apart by the numbers they give.

A mistake replaces one part of a right engine (`simulation`). Each is run on the computation
at hand and on a few others like it, and the one that gives the numbers of the engine under test is
the diagnosis. To teach gradpath another mistake, add a row to `MISTAKES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any, NamedTuple

from ..maths import REALS, Real
from ..rules import TABLE
from ..strategies import Computation, Primitive, Step, is_smooth, written
from .isolation import Reading, Script, Trouble, all_close
from .simulation import (
    RIGHT,
    Engine,
    Graph,
    Numbers,
    depth_first,
    edges,
    partials,
    simulate,
    value,
)

SAME = 1e-5  # relative, with which simulated and observed numbers agree; float32 does
LONGEST = 2_000  # nodes that a walk without a list of those seen may visit
POINTS = (  # inputs at which mistakes that look alike at 0 or 1 differ
    (2.0, 3.0, 5.0, 7.0),
    (0.5, 0.75, 0.25, 0.625),
    (1.25, 0.375, 2.5, 1.75),
    (-0.75, 0.5, -1.5, 2.25),
)

# ---------------------------------------------------------------- parts with a mistake in them


def clear_all(grads: list[float], graph: Graph, root: int) -> None:
    """All gradients start from 0, those of leaves too."""
    for node in depth_first(graph, root):
        grads[node] = 0.0


def walk(
    graph: Graph, root: int, *, queue: bool, once: bool, last_first: bool = False
) -> list[int]:
    """From the root down, without waiting for all results of a node."""
    order: list[int] = []
    waiting = [root]
    while waiting and len(order) < LONGEST:
        node = waiting.pop(0 if queue else -1)
        if not (once and node in order):
            order.append(node)
            args = graph.args[node]
            waiting += args if queue != last_first else args[::-1]
    return order


def recursion(graph: Graph, root: int) -> list[int]:
    """A right order, but another one; what ``grad = …`` leaves depends on it."""
    return depth_first(graph, root)[::-1]


def mirrored(graph: Graph, root: int) -> list[int]:
    """As `recursion`, with the last operand first."""
    return depth_first(graph, root, last_first=True)[::-1]


def merging_equals(graph: Graph, root: int) -> list[int]:
    """The usual recursion, where nodes of equal value are taken for one."""
    order: list[int] = []
    seen: set[float] = set()

    def visit(node: int) -> None:
        if graph.data[node] not in seen:
            seen.add(graph.data[node])
            for x in graph.args[node]:
                visit(x)
            order.append(node)

    visit(root)
    return order[::-1]


def first_of_each(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Arguments as a set: a node that occurs twice is there once."""
    places = {x: place for place, x in reversed(edges(args))}
    return [(place, x) for x, place in places.items()]


def last_of_each(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Arguments as keys: what is kept for a node that occurs twice is the second."""
    places = {x: place for place, x in edges(args)}
    return [(place, x) for x, place in places.items()]


def without(place: int) -> Callable[[Sequence[int | float]], list[tuple[int, int]]]:
    """Edges, but for one place."""
    return lambda args: [edge for edge in edges(args) if edge[0] != place]


def changed(change: Callable[[list[float]], Numbers]) -> Callable[[Step, float, Numbers], Numbers]:
    """The right partials, then changed."""
    return lambda step, y, args: change(list(partials(step, y, args)))


def formula(function: Callable[..., float]) -> Callable[[Step, float, Numbers], Numbers]:
    """Partials by a function of the result, the arguments and the parameters."""

    def wrong(step: Step, y: float, args: Numbers) -> Numbers:
        first = function(y, *args, *step.params)
        return [first, *partials(step, y, args)[1:]]

    return wrong


def swapped_value(step: Step, args: Numbers) -> float:
    """The result with its operands in the wrong order."""
    return value(step, args[::-1])


def swapped_partials(step: Step, y: float, args: Numbers) -> Numbers:
    """The partials of the result with its operands in the wrong order."""
    return partials(step, value(step, args[::-1]), args[::-1])[::-1]


def of_result(step: Step, y: float, args: Numbers) -> Numbers:
    """The partials with the result in the place of the argument."""
    slopes = TABLE[step.op].differentiate(REALS, Real(y), [Real(y)] * len(args), step.params)
    return [float(d) for d in slopes]


def of_argument(step: Step, y: float, args: Numbers) -> Numbers:
    """The partials with the argument in the place of the result."""
    slopes = TABLE[step.op].differentiate(REALS, Real(args[0]), [*map(Real, args)], step.params)
    return [float(d) for d in slopes]


def other_value(name: str) -> Callable[[Step, Numbers], float]:
    """The result of another row of the table."""
    return lambda step, args: value(Step(name, step.args, TABLE[name].samples[0]), args)


# ---------------------------------------------------------------- the table


@dataclass(frozen=True)
class Mistake:
    """A row of the table.

    Attributes:
        name: what it is called.
        sentence: what is wrong, told to who wrote the engine; ``{op}`` is the operation, ``{code}``
            a line in which it occurs.
        variants: the parts of the engine that it replaces, for each way in which it is made.
        single: whether it sits in one operation rather than in the backward pass.
        ops: the operations it can sit in; by default any.
    """

    name: str
    sentence: str
    variants: tuple[dict[str, Any], ...]
    single: bool = False
    ops: tuple[str, ...] = ()


def ways(part: str, *functions: Any) -> tuple[dict[str, Any], ...]:
    """Variants that replace the same part."""
    return tuple({part: function} for function in functions)


FORMULAS: tuple[tuple[str, str, str, Callable[..., float]], ...] = (
    ("tanh", "1 - tanh(x)**2", "1 - tanh(x)", lambda y, x: 1 - y),
    ("tanh", "1 - tanh(x)**2", "1 + tanh(x)**2", lambda y, x: 1 + y * y),
    ("sigmoid", "s * (1 - s)", "1 - s", lambda y, x: 1 - y),
    ("sigmoid", "s * (1 - s)", "s * (1 + s)", lambda y, x: y * (1 + y)),
    ("power", "n * x**(n - 1)", "x**(n - 1)", lambda y, x, n: y / x),
    ("power", "n * x**(n - 1)", "n * x**n", lambda y, x, n: n * y),
    ("power", "n * x**(n - 1)", "n * x", lambda y, x, n: n * x),
    ("power", "n * x**(n - 1)", "(n - 1) * x**(n - 1)", lambda y, x, n: (n - 1) * y / x),
    ("sqrt", "1 / (2 * sqrt(x))", "1 / sqrt(x)", lambda y, x: 1 / y),
    ("sqrt", "1 / (2 * sqrt(x))", "sqrt(x) / 2", lambda y, x: y / 2),
    ("exp", "exp(x)", "x * exp(x - 1)", lambda y, x: x * math.exp(x - 1)),
    ("exp", "exp(x)", "x * exp(x)", lambda y, x: x * y),
    ("log", "1 / x", "1 / x**2", lambda y, x: 1 / (x * x)),
    ("sin", "cos(x)", "sin(x)", lambda y, x: y),
    ("cos", "-sin(x)", "cos(x)", lambda y, x: y),
    ("relu", "1 where x > 0, else 0", "1 where x < 0, else 0", lambda y, x: float(x < 0)),
    ("relu", "1 where x > 0, else 0", "the result itself", lambda y, x: y),
)

MISTAKES = (
    Mistake(
        "gradient not seeded",
        "backward() has to begin with self.grad = 1, as d(root)/d(root) is 1; here the root's "
        "gradient stays 0, so nothing is sent back.",
        ways("seed", lambda old, y: old),
    ),
    Mistake(
        "gradient seeded with the value",
        "backward() begins with self.grad = self.data; it has to be 1, as d(root)/d(root) is 1.",
        ways("seed", lambda old, y: y),
    ),
    Mistake(
        "missing accumulation",
        "{op} sets its operands' gradients with = instead of adding to them with +=, so a node "
        "that is used twice keeps only what it got last.",
        tuple({"add": lambda old, sent: sent, "order": o} for o in (recursion, mirrored)),
        single=True,
    ),
    Mistake(
        "a*a as one edge",
        "in {code} the same node is both operands, and it has to get a gradient for each; here "
        "the operands are kept as a set, in which it is there only once.",
        ways("edges", first_of_each, last_of_each),
        single=True,
    ),
    Mistake(
        "no topological order",
        "a node sends its gradient on before it has got everything from the nodes that use it; "
        "sort the graph first, so that every node comes before its operands.",
        tuple(
            {"order": lambda graph, root, q=q, o=o, f=f: walk(
                graph, root, queue=q, once=o, last_first=f)}
            for q in (False, True) for o in (True, False) for f in (False, True)
        ),
    ),
    Mistake(
        "stops after one step",
        "only the root sends a gradient to its operands, which send nothing on: backward() does "
        "not go through the graph, or goes through it from the leaves to the root.",
        ways("order", lambda graph, root: [root], depth_first),
    ),
    Mistake(
        "equal values taken for one node",
        "two different nodes with equal values are taken for the same one (by __eq__ and "
        "__hash__), and the second is left out of the backward pass; compare nodes with `is`.",
        ways("order", merging_equals),
    ),
    Mistake(
        "stale gradients on the second backward",
        "gradients of computed nodes are left from the first backward pass, and the second one "
        "sends them back again; set them to 0 when a pass begins (leaves go on adding up).",
        (
            {"clear": lambda grads, graph, root: None, "seed": lambda old, y: 1.0},
            {"clear": lambda grads, graph, root: None},
        ),
    ),
    Mistake(
        "gradients of leaves lost between passes",
        "the leaves' gradients of two passes do not add up, as they have to when a loss is summed "
        "over samples: backward() sets them to 0 first, or does nothing the second time.",
        ways("clear", clear_all),
    ),
    Mistake(
        "silent truncation",
        "numbers are cut to whole ones when they are stored: look for int() or //.",
        ways("leaf", lambda x: float(int(x)), math.floor, round),
    ),
    Mistake(
        "silent truncation",
        "the result of {code} is cut to a whole number: look for int() or //.",
        ways("value", lambda step, args: float(int(value(step, args))),
             lambda step, args: float(math.floor(value(step, args)))),
        single=True,
    ),
    Mistake(
        "operand order",
        "the operands of {code} are taken in the wrong order.",
        (
            {"value": swapped_value, "partials": swapped_partials},
            {"value": swapped_value},
            {"partials": swapped_partials},
        ),
        single=True,
        ops=("sub", "div", "pow"),
    ),
    Mistake(
        "wrong sign",
        "the derivative of {op} has the wrong sign, as {code} shows.",
        ways(
            "partials",
            changed(lambda d: [-x for x in d]),
            changed(lambda d: [-d[0], *d[1:]]),
            changed(lambda d: [*d[:-1], -d[-1]]),
        ),
        single=True,
    ),
    Mistake(
        "forgotten operand",
        "in {code} one of the two operands is sent no gradient.",
        ways("edges", without(0), without(1)),
        single=True,
    ),
    Mistake(
        "partials exchanged",
        "in {code} each operand gets the derivative that belongs to the other one.",
        ways("partials", changed(lambda d: d[::-1])),
        single=True,
    ),
    Mistake(
        "same derivative for both operands",
        "in {code} both operands get the same derivative; there is one for each.",
        ways("partials", changed(lambda d: d[:1] * len(d)), changed(lambda d: d[-1:] * len(d))),
        single=True,
    ),
    Mistake(
        "forgotten chain factor",
        "{op} sends back its local derivative alone; the chain rule multiplies it by the gradient "
        "of the result, out.grad.",
        ways("send", lambda partial, above, y: partial),
        single=True,
    ),
    Mistake(
        "value in place of the gradient",
        "{op} multiplies its local derivative by the result's value, out.data; the chain rule "
        "multiplies it by the result's gradient, out.grad.",
        ways("send", lambda partial, above, y: partial * y),
        single=True,
    ),
    *(
        Mistake(
            "wrong derivative",
            f"the derivative of {{op}} is {right}; what comes out here is {wrong}.",
            ways("partials", formula(function)),
            single=True,
            ops=(op,),
        )
        for op, right, wrong, function in FORMULAS
    ),
    Mistake(
        "wrong derivative",
        "the derivative of {code} by its second operand, -a / b**2, is computed as another one.",
        ways(
            "partials",
            lambda step, y, args: [1 / args[1], -y],
            lambda step, y, args: [1 / args[1], -1 / args[1] ** 2],
            lambda step, y, args: [1 / args[1], -1 / args[1]],
        ),
        single=True,
        ops=("div",),
    ),
    Mistake(
        "forgotten local derivative",
        "{op} hands the gradient on as it is; the chain rule multiplies it by the derivative of "
        "{code}.",
        ways("partials", changed(lambda d: [1.0] * len(d))),
        single=True,
    ),
    Mistake(
        "result and argument mixed up",
        "the derivative of {op} is computed from its argument where its result belongs, or the "
        "other way round.",
        ways("partials", of_argument, of_result),
        single=True,
    ),
    Mistake(
        "sent twice",
        "{op} sends every gradient back twice.",
        ways("edges", lambda args: edges(args) * 2),
        single=True,
    ),
    Mistake(
        "sent nothing",
        "{op} sends no gradient back at all: its _backward is missing or is never called.",
        ways("edges", lambda args: []),
        single=True,
    ),
    Mistake(
        "operand in place of the result",
        "{code} gives its operand back, unchanged.",
        ways("value", lambda step, args: args[0], lambda step, args: args[-1]),
        single=True,
    ),
    *(
        Mistake(
            "another function",
            f"{{op}} computes what {other.name} should.",
            ways("value", other_value(other.name)),
            single=True,
            ops=tuple(row.name for row in TABLE
                      if row.arity == other.arity and not row.variadic and row is not other),
        )
        for other in TABLE if not other.variadic and other.is_built_in()
    ),
)  # fmt: skip


# ---------------------------------------------------------------- the diagnosis


class Diagnosis(NamedTuple):
    """A known mistake that explains what an engine gives.

    Attributes:
        name: the mistake's.
        sentence: what is wrong.
        op: the operation it sits in; "" if it is in the backward pass.
    """

    name: str
    sentence: str
    op: str = ""


def diagnose(
    computation: Computation,
    plan: Callable[[Computation], Script],
    run: Callable[[Computation, Script], Reading | Trouble],
) -> Diagnosis | None:
    """The known mistake that gives the numbers of an engine, if there is one.

    Args:
        computation: on which the engine is wrong.
        plan: the backward passes for a computation.
        run: runs both on the engine.
    """
    trials = [(c, plan(c)) for c in (computation, *relatives(computation))]
    seen = [run(*trial) for trial in trials]
    best: tuple[float, Mistake, str] | None = None
    for mistake, engine, op in suspects(computation):
        if not agrees(trials[0], seen[0], engine, op):
            continue
        others = zip(trials[1:], seen[1:], strict=True)
        share = sum(agrees(*pair, engine, op) for pair in others) / max(len(trials) - 1, 1)
        if share >= 0.5 and (best is None or share > best[0]):
            best = share, mistake, op
    if best is None:
        return None
    _, mistake, op = best
    code = excerpt(computation, op)
    return Diagnosis(mistake.name, mistake.sentence.format(op=op, code=code), op)


def suspects(computation: Computation) -> Iterator[tuple[Mistake, Engine, str]]:
    """Every mistake that can show in a computation, in each variant and operation."""
    present = list(dict.fromkeys(step.op for step in computation.steps))
    for mistake in MISTAKES:
        for op in present if mistake.single else [""]:
            if not mistake.ops or op in mistake.ops:
                for parts in mistake.variants:
                    yield mistake, replace(RIGHT, **parts), op


def agrees(
    trial: tuple[Computation, Script], seen: Reading | Trouble, engine: Engine, op: str
) -> bool:
    """Whether an engine gives the numbers that were seen."""
    if isinstance(seen, Trouble):
        return False
    try:
        reading = simulate(*trial, engine, op)
    except (ArithmeticError, ValueError, TypeError, LookupError):
        return False
    return all_close(seen.data, reading.data, SAME) and all_close(seen.grads, reading.grads, SAME)


def relatives(computation: Computation) -> Iterator[Computation]:
    """The computation on other inputs, and longer ones of the same operations."""
    for variant in (computation, *longer(computation)):
        for point in POINTS:
            inputs = tuple(x for x, _ in zip(cycle(point), variant.inputs, strict=False))
            moved = variant._replace(inputs=inputs)
            if smooth(moved):
                yield moved


def longer(computation: Computation) -> Iterator[Computation]:
    """The computation, and on its result its last operation again."""
    if not computation.steps:
        return
    last = computation.steps[-1]
    root = len(computation.inputs) + len(computation.steps) - 1
    nodes = [i for i, x in enumerate(last.args) if isinstance(x, int)]
    if len(last.args) == 1:  # twice beside each other
        both = Step("add", (root, root + 1))
        yield computation._replace(steps=(*computation.steps, last, both))
    for place in nodes:
        args = tuple(root if i == place else x for i, x in enumerate(last.args))
        again = Step(last.op, args, last.params)
        yield computation._replace(steps=(*computation.steps, again))
        if len(nodes) > 1:  # with two different leaves as operands
            fresh = (len(computation.inputs), *computation.inputs)
            shifted = tuple(
                Step(s.op, tuple(x + (x >= fresh[0]) if isinstance(x, int) else x for x in s.args),
                     s.params)
                for s in computation.steps
            )  # fmt: skip
            other = tuple(fresh[0] if i == place else x for i, x in enumerate(shifted[-1].args))
            inputs = (*computation.inputs, computation.inputs[-1])
            steps = (*shifted[:-1], Step(last.op, other, last.params))
            yield Computation(inputs, steps)


def smooth(computation: Computation) -> bool:
    """Whether every operation has well-scaled derivatives at its arguments."""
    known = list(computation.inputs)
    for step in computation.steps:
        args = tuple(known[x] if isinstance(x, int) else x for x in step.args)
        if not is_smooth(Primitive(TABLE[step.op], args, step.params)):
            return False
        known.append(value(step, args))
    return True


def excerpt(computation: Computation, op: str) -> str:
    """The first line of a computation in which an operation occurs, as Python."""
    names = computation.names()
    for step in computation.steps:
        if step.op == op:
            texts = [names[x] if isinstance(x, int) else repr(x) for x in step.args]
            return f"`{written(op, texts, step.params)}`"
    return ""


# ---------------------------------------------------------------- without simulation


def at_once(
    c: Computation, seen: Reading, wrong: Sequence[tuple[int, str]], alone: str, later: bool
) -> Diagnosis | None:
    """What numbers mean that no arithmetic explains.

    Args:
        c: the computation.
        seen: what the engine gives.
        wrong: index and attribute of the numbers that are wrong.
        alone: the only operation, or "".
        later: whether all values were right before the first backward pass.
    """
    odd = [getattr(seen, what)[i] for i, what in wrong]
    odd = [x for x in odd if isinstance(x, str)]
    if odd:
        if odd[0] == "None":
            return Diagnosis("gradient is None", "a gradient is None; it has to begin as 0.0.")
        return Diagnosis(
            "graph in the gradient",
            f"where a number should be, there is {odd[0]}: compute with the operands' .data, not "
            "with the operands themselves.",
            alone,
        )
    data = [i for i, what in wrong if what == "data"]
    if data and later:
        return Diagnosis(
            "values changed by backward()",
            "a backward pass may write gradients only; here it changes .data as well.",
        )
    if any(i < len(c.inputs) and seen.data[i] != int(c.inputs[i]) for i in data):
        return Diagnosis(
            "operand changed in place",
            "an operation changes its operand; it has to leave it alone and make a new node.",
            alone,
        )
    return None


def of_trouble(trouble: Trouble, alone: str) -> Diagnosis | None:
    """What an exception or a strange result means, where that is known."""
    if trouble.kind == "returns":
        return Diagnosis(
            "no node returned",
            f"the operation gives {trouble.text}, which is no node: it has to end with `return out`"
            ", and out has to be made with the class.",
            alone,
        )
    if "unhashable" in trouble.text:
        return Diagnosis(
            "unhashable nodes",
            "a class that defines __eq__ and no __hash__ cannot be put into a set; leave __eq__ "
            "out, or write __hash__ = object.__hash__.",
        )
    if "RecursionError" in trouble.text:
        return Diagnosis(
            "endless recursion",
            "a method calls itself without end, even on so small a graph.",
            alone,
        )
    return None
