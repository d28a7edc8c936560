"""What is wrong with an engine: known mistakes, told apart by the numbers they give.

A mistake replaces one part of a right engine (`simulation`). Each is run on the computation
at hand and on a few others like it, and the one that gives the numbers of the engine under test is
the diagnosis. To teach gradpath another mistake, add a row to `MISTAKES`.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, product
from typing import TYPE_CHECKING, Any, NamedTuple

from ...reals import REALS, Real
from ...rule import TABLE
from ..computation import Computation, Step, Whole, prune, written
from ..strategies import Primitive, is_smooth
from .isolation import all_close
from .simulation import RIGHT, Engine, Graph, Numbers, depth_first, edges, partials, simulate, value
from .subject import Reading, Script, Survey, Trouble

if TYPE_CHECKING:
    from .findings import Finding

SAME = 1e-9  # relative, with which simulated and observed numbers agree, if they are exact
ROUNDINGS = 100  # of an engine's own, with which they agree else
UNDEFINED = ("ZeroDivisionError", "OverflowError", "ValueError: math")
LONGEST = 2_000  # nodes that a walk without a list of those seen may visit
POINTS = (  # inputs at which mistakes that look alike at 0 or 1 differ
    (2.0, 3.0, 5.0, 7.0),
    (0.5, 0.75, 0.25, 0.625),
    (1.25, 0.375, 2.5, 1.75),
    (-0.75, 0.5, -1.5, 2.25),
)

WHOLE_POINTS = tuple(
    tuple(map(Whole, point)) for point in ((3, 2, 5, 7), (7, 3, 2, 5), (2, 5, 3, 4))
)

# ---------------------------------------------------------------- parts with a mistake in them


def clear_all(grads: list[float], graph: Graph, root: int) -> None:
    """All gradients start from 0, those of leaves too."""
    for node in depth_first(graph, root):
        grads[node] = 0.0


MASKS = range(32)  # which nodes' operands are visited last first: the order in a set is anybody's


def operands(graph: Graph, node: int, mask: int) -> tuple[int, ...]:
    """A node's operands in the order that a mask gives them."""
    args = graph.args[node]
    return args[::-1] if mask >> node % 5 & 1 else args


def orders(order: Callable[..., Any], **options: Any) -> list[Callable[[Graph, int], Any]]:
    """An order with each mask."""
    return [partial(order, mask=mask, **options) for mask in MASKS]


def walk(graph: Graph, root: int, *, mask: int, queue: bool, once: bool) -> list[int]:
    """From the root down, without waiting for all results of a node."""
    order: list[int] = []
    waiting = [root]
    while waiting and len(order) < LONGEST:
        node = waiting.pop(0 if queue else -1)
        if not (once and node in order):
            order.append(node)
            waiting += operands(graph, node, mask)
    return order


def turned(graph: Graph, root: int, *, mask: int) -> list[int]:
    """A right order, but another one; what ``grad = …`` leaves depends on it."""
    order: list[int] = []
    seen: set[int] = set()

    def visit(node: int) -> None:
        if node not in seen:
            seen.add(node)
            for x in operands(graph, node, mask):
                visit(x)
            order.append(node)

    visit(root)
    return order[::-1]


def listed_again(graph: Graph, root: int, *, mask: int, merged: bool) -> list[int]:
    """The usual recursion, where a node is appended each time it is met."""
    order: list[int] = []
    seen: set[int] = set()

    def visit(node: int) -> None:
        if node not in seen:
            seen.add(node)
            args = operands(graph, node, mask)
            for x in dict.fromkeys(args) if merged else args:
                visit(x)
        order.append(node)

    visit(root)
    return order[::-1]


def stacked_again(graph: Graph, root: int, *, mask: int, merged: bool, unseen: bool) -> list[int]:
    """A sort with a stack, where a node is appended whenever it is met again."""
    order: list[int] = []
    seen: set[int] = set()
    stack = [root]
    while stack and len(order) < LONGEST:
        node = stack.pop()
        if node in seen:
            order.append(node)
            continue
        seen.add(node)
        stack.append(node)
        args = operands(graph, node, mask)
        stack += [x for x in (dict.fromkeys(args) if merged else args)
                  if not unseen or x not in seen]  # fmt: skip
    return order[::-1]


def sending_sums(
    graph: Graph, root: int, *, mask: int, all_first: bool
) -> list[int | tuple[int, int]]:
    """A recursion without an order: each argument sends on at once all that it has got so far."""
    events: list[int | tuple[int, int]] = []

    def visit(node: int) -> None:
        places = list(enumerate(graph.args[node]))
        if mask >> node % 5 & 1:
            places.reverse()
        if all_first:
            events.append(node)
        for place, x in places:
            if len(events) > LONGEST:
                return
            if not all_first:
                events.append((node, place))
            visit(x)

    visit(root)
    return events


def all_to_last(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Every rule was made in a loop and looks at the loop's variables when it is over."""
    found = edges(args)
    return found[-1:] * len(found)


def last_partial(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Partials kept by operand: where a node is both operands, both get the last."""
    last = {x: place for place, x in edges(args)}
    return [(last[x], x) for _, x in edges(args)]


def kept_by(place: int) -> Callable[[Step, int], int]:
    """The rule is stored on an operand in the place of the result."""

    def owner(step: Step, result: int) -> int:
        nodes = [x for x in step.args if isinstance(x, int)]
        return nodes[place] if nodes else result

    return owner


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
        operands: how many an operation has at least in which it can sit.
        mixed: whether one graph may show one variant and the next another: they differ by the
            order of a set only.
    """

    name: str
    sentence: str
    variants: tuple[dict[str, Any], ...]
    single: bool = False
    ops: tuple[str, ...] = ()
    operands: int = 1
    mixed: bool = False


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
        tuple({"add": lambda old, sent: sent, "order": o} for o in orders(turned)),
        single=True,
        mixed=True,
    ),
    Mistake(
        "a*a as one edge",
        "in {code} the same node is both operands, and it has to get a gradient for each; here "
        "the operands are kept as a set, in which it is there only once.",
        ways("edges", first_of_each, last_of_each),
        single=True,
        operands=2,
    ),
    Mistake(
        "partials in a dictionary",
        "the local derivatives are kept by operand: in {code} the same node is both operands, and "
        "only the second derivative is left, which is then sent twice. Keep pairs in a list.",
        ways("edges", last_partial),
        single=True,
        operands=2,
    ),
    Mistake(
        "gradients share an array",
        "the gradients of different nodes are one and the same array: an operand takes over that "
        "of the result, or all begin with one that was made once, as a default argument is. What "
        "is added to one is added to the other: copy it, or add with a = a + b, not a += b.",
        tuple(
            {"shares": ("add", "sub"), "root_only": only, "order": o}
            for only in (False, True) for o in orders(turned)
        ) + ({"one_array": "all"}, {"one_array": "others"}),
        mixed=True,
    ),
    Mistake(
        "rule stored on the operand",
        "{op} stores its rule as the _backward of an operand (self._backward = …): it belongs to "
        "the result, out._backward.",
        tuple({"owner": kept_by(p), "order": o} for p in (0, -1) for o in orders(turned)),
        single=True,
        mixed=True,
    ),
    Mistake(
        "late-binding closure",
        "the rules of {op} are made in a loop, and when they run they all see the loop's last "
        "operand: bind it when the rule is made (lambda x=x: …).",
        ways("edges", all_to_last),
        single=True,
        operands=2,
    ),
    Mistake(
        "operand's gradient set to zero",
        "where the derivative of {op} is 0, it sets its operand's gradient to 0 in the place of "
        "adding 0: what the operand got before is lost.",
        tuple({"add": lambda old, sent: sent if sent == 0 else old + sent, "order": o}
              for o in orders(turned)),
        single=True,
        mixed=True,
    ),
    Mistake(
        "operand changed in place",
        "{op} changes its operand's value to its own result; it has to leave it alone and make a "
        "new node.",
        ({"alters": lambda step, args: (value(step, args),) * len(args)},),
        single=True,
    ),
    Mistake(
        "no topological order",
        "a node sends its gradient on before it has got everything from the nodes that use it; "
        "sort the graph first, so that every node comes before its operands.",
        tuple(
            {"order": o}
            for q in (False, True) for once in (True, False)
            for o in orders(walk, queue=q, once=once)
        ),
        mixed=True,
    ),
    Mistake(
        "listed twice in the order",
        "in the order of the backward pass a node comes as often as it is used, and sends its "
        "gradient each time: append it where it is marked as seen, once.",
        tuple(
            {"order": o}
            for m in (True, False) for found in (
                orders(listed_again, merged=m), orders(stacked_again, merged=m, unseen=True),
                orders(stacked_again, merged=m, unseen=False))
            for o in found
        ),
        mixed=True,
    ),
    Mistake(
        "running sum sent again",
        "a node that gets a second gradient sends on the sum of both, and so the first one once "
        "more: sort the graph and let each node send once, when it has got all; or send on only "
        "what came last.",
        tuple({"order": o} for a in (False, True) for o in orders(sending_sums, all_first=a)),
        mixed=True,
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
        operands=2,
    ),
    Mistake(
        "partials exchanged",
        "in {code} each operand gets the derivative that belongs to the other one.",
        ways("partials", changed(lambda d: d[::-1])),
        single=True,
        operands=2,
    ),
    Mistake(
        "same derivative for both operands",
        "in {code} both operands get the same derivative; there is one for each.",
        ways("partials", changed(lambda d: d[:1] * len(d)), changed(lambda d: d[-1:] * len(d))),
        single=True,
        operands=2,
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
    whole: bool = False,
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
        whole: whether all numbers are to be ints.
    """
    same = max(SAME, ROUNDINGS * survey.rounding)

    def observed(computations: Iterable[Computation]) -> list[Observation]:
        return [((c, plan(c)), run(c, plan(c))) for c in computations]

    def explain(engines: Sequence[Engine], op: str, pairs: Sequence[Observation]) -> bool:
        return all(any(agrees(*pair, engine, op, same) for engine in engines) for pair in pairs)

    near = [((computation, plan(computation)), seen), *observed(moved(computation, whole))]
    if agrees(*near[0], RIGHT, "", 10 * same):
        return None  # it is off by too little to tell why
    far = [] if whole else observed(c for shape in longer(computation) for c in moved(shape))
    plain = [c for op in others for c in alone(op, survey)]
    elsewhere = [pair for pair in observed([*plain, *ladder(others)]) if tells(pair[1])]
    composite = any(survey.made_of.get(step.op) for step in computation.steps)
    nearly = []
    for mistake, engines, op in suspects(computation):
        if composite and not mistake.single:
            continue  # its graph has more nodes than are simulated
        if not explain(engines, op, near):
            continue
        if explain(engines, op, far) and (op or explain(engines, op, elsewhere)):
            return told(mistake, op, computation, survey)
        if op:
            nearly.append((mistake, engines, op))
    passes = [(m, engines) for m, engines, op in suspects(computation) if not op]
    for (mistake, engines, op), (other, more) in product(nearly, passes):  # two mistakes at once
        both = [
            replace(one, leaf=two.leaf, clear=two.clear, seed=two.seed, order=two.order)
            for one in engines
            for two in more
        ]
        rest = [(trial, seen) for trial, seen in elsewhere if trial[0].steps[0].op != op]
        if explain(both, op, near + far) and explain(more, "", rest):
            first, second = (told(m, op, computation, survey) for m in (mistake, other))
            besides = f"{first.sentence} Besides, {second.name}: {second.sentence}"
            return first._replace(sentence=besides, kind=besides)
    return None


def told(mistake: Mistake, op: str, computation: Computation, survey: Survey) -> Diagnosis:
    """A mistake as a diagnosis."""
    code = excerpt(computation, op, survey)
    sentence = mistake.sentence.format(op=op, code=code)
    return Diagnosis(mistake.name, sentence, op, mistake.sentence)


def tells(seen: Reading | Trouble) -> bool:
    """Whether what was seen is more than that a number is undefined."""
    return isinstance(seen, Reading) or not seen.text.startswith(UNDEFINED)


def ladder(ops: Sequence[str]) -> Iterator[Computation]:
    """A graph in which computed nodes are used by those above: orders show their differences."""
    op = next((op for op in ("add", "sub", "mul") if op in ops), None)
    if op:
        yield rungs(op, 5, 1)


def rungs(op: str, count: int, back: int) -> Computation:
    """An operation again and again, on its last result and on an earlier one."""
    return Computation((1.25,), tuple(Step(op, (k, max(k - back, 0))) for k in range(count)))


def alone(op: str, survey: Survey) -> Iterator[Computation]:
    """An operation on two points."""
    for point in POINTS[:2]:
        places = tuple(range(TABLE[op].arity))
        c = Computation(point[: len(places)], (Step(op, places, survey.samples[op][0]),))
        if smooth(c):
            yield c


def suspects(computation: Computation) -> Iterator[tuple[Mistake, list[Engine], str]]:
    """Every mistake that can show in a computation, in each operation and variant.

    Last come the variants together, where one graph may show one of them and the next another.
    """
    present = {step.op: TABLE[step.op].arity for step in computation.steps}
    for mixed in (False, True):
        for mistake in MISTAKES:
            engines = [replace(RIGHT, **parts) for parts in mistake.variants]
            groups = [engines] * mistake.mixed if mixed else [[engine] for engine in engines]
            for op, arity in present.items() if mistake.single else [("", 2)]:
                if (not mistake.ops or op in mistake.ops) and arity >= mistake.operands:
                    for group in groups:
                        yield mistake, group, op


def agrees(trial: Trial, seen: Reading | Trouble, engine: Engine, op: str, same: float) -> bool:
    """Whether an engine gives the numbers that were seen."""
    try:
        reading = simulate(*trial, engine, op)
    except (ArithmeticError, ValueError):
        return isinstance(seen, Trouble) and seen.text.startswith(UNDEFINED)
    except (TypeError, LookupError):
        return False
    if isinstance(seen, Trouble):  # what raises there is inf or nan here
        numbers = (*reading.data, *reading.grads)
        return seen.text.startswith(UNDEFINED) and not all(map(math.isfinite, numbers))  # type: ignore[arg-type]
    return all_close(seen.data, reading.data, same) and all_close(seen.grads, reading.grads, same)


def moved(computation: Computation, whole: bool = False) -> Iterator[Computation]:
    """The computation on other inputs."""
    for point in WHOLE_POINTS if whole else POINTS:
        inputs = tuple(x for x, _ in zip(cycle(point), computation.inputs, strict=False))
        other = computation._replace(inputs=inputs)
        if smooth(other):
            yield other


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
            yield prune(inputs, steps)


def smooth(computation: Computation) -> bool:
    """Whether every operation has well-scaled derivatives at its arguments."""
    known = list(computation.inputs)
    for step in computation.steps:
        args = tuple(known[x] if isinstance(x, int) else x for x in step.args)
        if not is_smooth(Primitive(TABLE[step.op], args, step.params)):
            return False
        known.append(value(step, args))
    return True


def excerpt(computation: Computation, op: str, survey: Survey) -> str:
    """The first line of a computation in which an operation occurs, as Python."""
    names = computation.names()
    for step in computation.steps:
        if step.op == op:
            texts = [names[x] if isinstance(x, int) else str(x) for x in step.args]
            form = survey.forms.get(op)
            text = form.text if form else written
            args = (op, texts, step.params)
            return f"`{text(*args)}`"
    return ""


# ---------------------------------------------------------------- without simulation


def at_once(finding: Finding, alone: str, later: bool, large: bool) -> Diagnosis | None:
    """What numbers mean that no arithmetic explains.

    Args:
        finding: what was found.
        alone: the only operation, or "".
        later: whether all values were right before the first backward pass.
        large: whether it was found on large inputs only.
    """
    c, seen = finding.computation, finding.seen
    assert isinstance(seen, Reading)
    odd = [getattr(seen, what)[i] for i, what in finding.wrong]
    if any(isinstance(x, float) and not math.isfinite(x) for x in odd) and large:
        return overflow(alone)
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
    data = [i for i, what in finding.wrong if what == "data"]
    if data and later:
        return Diagnosis(
            "values changed by backward()",
            "a backward pass may write gradients only; here it changes .data as well.",
        )
    if any(i < len(c.inputs) and seen.data[i] != int(c.inputs[i]) for i in data):
        return Diagnosis(
            "operand changed in place",
            f"{alone or 'an operation'} changes its operand; it has to leave it alone and make a "
            "new node.",
            alone,
        )
    return None


def of_trouble(trouble: Trouble, alone: str, finding: Finding, finite: bool) -> Diagnosis | None:
    """What an exception or a strange result means, where that is known."""
    text = trouble.text
    if trouble.kind == "returns":
        return Diagnosis(
            "no node returned",
            f"the operation gives {text}, which is no node: it has to end with `return out`"
            ", and out has to be made with the class.",
            alone,
        )
    missing = re.match(r"NameError: name '(\w+)' is not defined", text)
    if missing and missing[1] in sys.stdlib_module_names | {"np", "numpy"}:
        what = "numpy as np" if missing[1] == "np" else missing[1]
        text = f"`import {what}` is missing at the top."
        return Diagnosis("missing import", text, alone, text)
    if alone and finite and ("OverflowError" in text or "overflow" in text):
        return overflow(alone)
    if "MemoryError" in text or (finding.loop and trouble.kind == "hangs"):
        if trouble.step >= 0:
            return Diagnosis(
                "grows with every use",
                "something that each node keeps (a label, a list of all nodes below) is put "
                "together from that of its operands, so it doubles with each node that is used "
                "twice.",
            )
        if trouble.kind == "hangs":
            return Diagnosis(
                "exponential time",
                "a node that is used twice is walked through twice, so the time doubles with each "
                "such node in a row; keep the nodes already seen in a set.",
            )
    if "'NoneType' object is not callable" in text and trouble.step < 0:
        return Diagnosis(
            "rule called when it is stored",
            "a node's rule is None: write out._backward = _backward, without parentheses.",
            alone,
        )
    if "unhashable" in text:
        return Diagnosis(
            "unhashable nodes",
            "a class that defines __eq__ and no __hash__ cannot be put into a set; leave __eq__ "
            "out, or write __hash__ = object.__hash__.",
        )
    if "RecursionError" in text:
        return Diagnosis(
            "endless recursion",
            "a method calls itself without end, even on so small a graph.",
            alone,
        )
    return None


def overflow(op: str) -> Diagnosis:
    """An intermediate number that is too large, though the result is not."""
    return Diagnosis(
        "overflow",
        f"{op} is computed from numbers that grow beyond the largest float (exp overflows above "
        "709), though its own value is small there: use math.tanh, or exp(-abs(x)).",
        op,
    )
