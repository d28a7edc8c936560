"""The mistakes that gradpath knows, each as a right engine with a part of it replaced.

To teach gradpath another one, add a row to `MISTAKES`. The first row that gives the numbers of the
engine under test is its diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from ...reals import REALS, Real, on_floats
from ...rule import TABLE
from ..computation import Step
from .orders import recursion, sending_sums, stacked, walk
from .simulation import RIGHT, Engine, Gradients, Graph, Numbers, below, edges, partials, value

# ---------------------------------------------------------------- parts with a mistake in them

Edges = Callable[[Sequence[int | float]], list[tuple[int, int]]]
Partials = Callable[[Step, float, Numbers], Numbers]


def clear_all(grads: Gradients, graph: Graph, root: int) -> None:
    """All gradients start from 0, those of leaves too."""
    for node in below(graph, root):
        grads[node] = 0.0


def last_partial(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Partials kept by operand: where a node is both operands, both get the last."""
    last = {x: place for place, x in edges(args)}
    return [(last[x], x) for _, x in edges(args)]


def one_of_each(step: int) -> Edges:
    """Arguments as a set, or as keys: a node that occurs twice is there once, the last or first."""
    return lambda args: [
        (place, x) for x, place in {x: place for place, x in edges(args)[::step]}.items()
    ]


def without(place: int) -> Edges:
    """Edges, but for one place."""
    return lambda args: [edge for edge in edges(args) if edge[0] != place]


def changed(change: Callable[[list[float]], Numbers]) -> Partials:
    """The right partials, then changed."""
    return lambda step, y, args: change(list(partials(step, y, args)))


def formula(function: Callable[..., float]) -> Partials:
    """Partials by a function of the result, the arguments and the parameters."""
    return lambda step, y, args: [
        function(y, *args, *step.params), *partials(step, y, args)[1:]
    ]  # fmt: skip


def mixed_up(result_for_argument: bool) -> Partials:
    """The partials with the result in the place of the argument, or the other way round."""

    def wrong(step: Step, y: float, args: Numbers) -> Numbers:
        args, y = ([y] * len(args), y) if result_for_argument else (args, args[0])
        slopes = TABLE[step.op].differentiate(REALS, Real(y), [*map(Real, args)], step.params)
        return [float(d) for d in slopes]

    return wrong


def swapped_value(step: Step, args: Numbers) -> float:
    """The result with its operands in the wrong order."""
    return value(step, args[::-1])


def swapped_partials(step: Step, y: float, args: Numbers) -> Numbers:
    """The partials of the result with its operands in the wrong order."""
    return partials(step, value(step, args[::-1]), args[::-1])[::-1]


# ---------------------------------------------------------------- the table


@dataclass(frozen=True)
class Mistake:
    """A row of the table.

    Attributes:
        name: what it is called.
        sentence: what is wrong, told to who wrote the engine; ``{op}`` is the operation, ``{code}``
            a line in which it occurs.
        variants: the parts of the engine that it replaces, for each way in which it is made.
        ops: the operations it can sit in; by default any.
        operands: how many an operation has at least in which it can sit.
        mixed: whether it depends on the order of a node's operands, which may be that of a set:
            one graph may show one order, and the next another.
    """

    name: str
    sentence: str
    variants: tuple[dict[str, Any], ...]
    ops: tuple[str, ...] = ()
    operands: int = 1
    mixed: bool = False

    @cached_property
    def engines(self) -> list[Engine]:
        """The variants, each with every order of the operands if it depends on that."""
        masks = range(32 if self.mixed else 1)
        return [replace(RIGHT, **parts, mask=mask) for parts in self.variants for mask in masks]

    @property
    def single(self) -> bool:
        """Whether it sits in one operation, which the sentence names, not in the whole pass."""
        return "{op}" in self.sentence or "{code}" in self.sentence


def ways(part: str, *functions: Any, **others: Any) -> tuple[dict[str, Any], ...]:
    """Variants that replace the same part, and others besides."""
    return tuple({part: function, **others} for function in functions)


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
        ways("order", recursion, add=lambda old, sent: sent),
        mixed=True,
    ),
    Mistake(
        "a*a as one edge",
        "in {code} the same node is both operands, and it has to get a gradient for each; here "
        "the operands are kept as a set, in which it is there only once.",
        ways("edges", one_of_each(-1), one_of_each(1)),
        operands=2,
    ),
    Mistake(
        "partials in a dictionary",
        "the local derivatives are kept by operand: in {code} the same node is both operands, and "
        "only the second derivative is left, which is then sent twice. Keep pairs in a list.",
        ways("edges", last_partial),
        operands=2,
    ),
    Mistake(
        "gradients share an array",
        "the gradients of different nodes are one and the same array: an operand takes over that "
        "of the result, or all begin with one that was made once, as a default argument is. What "
        "is added to one is added to the other: copy it, or add with a = a + b, not a += b.",
        ways("order", recursion, shares=("add", "sub"))
        + ways("order", recursion, shares=("add", "sub"), root_only=True)
        + ways("one_array", "all", "others"),
        mixed=True,
    ),
    Mistake(
        "rule stored on the operand",
        "{op} stores its rule as the _backward of an operand (self._backward = …): it belongs to "
        "the result, out._backward.",
        ways(
            "owner",
            lambda step, result: [*step.nodes, result][0],
            lambda step, result: [result, *step.nodes][-1],
            order=recursion,
        ),
        mixed=True,
    ),
    Mistake(
        "late-binding closure",
        "the rules of {op} are made in a loop, and when they run they all see the loop's last "
        "operand: bind it when the rule is made (lambda x=x: …).",
        ways("edges", lambda args: edges(args)[-1:] * len(edges(args))),
        operands=2,
    ),
    Mistake(
        "operand's gradient set to zero",
        "where the derivative of {op} is 0, it sets its operand's gradient to 0 in the place of "
        "adding 0: what the operand got before is lost.",
        ways("order", recursion, add=lambda old, sent: sent and old + sent),
        mixed=True,
    ),
    Mistake(
        "operand changed in place",
        "{op} changes its operand's value to its own result; it has to leave it alone and make a "
        "new node.",
        ways("alters", lambda step, args: (value(step, args),) * len(args)),
    ),
    Mistake(
        "no topological order",
        "a node sends its gradient on before it has got everything from the nodes that use it; "
        "sort the graph first, so that every node comes before its operands.",
        ways("order", *(partial(walk, queue=queue, once=once)
                        for queue in (False, True) for once in (True, False))),
        mixed=True,
    ),
    Mistake(
        "listed twice in the order",
        "in the order of the backward pass a node comes as often as it is used, and sends its "
        "gradient each time: append it where it is marked as seen, once.",
        ways("order", *(order for merged in (True, False) for order in (
            partial(recursion, merged=merged, again=True),
            partial(stacked, merged=merged, unseen=True),
            partial(stacked, merged=merged, unseen=False)))),
        mixed=True,
    ),
    Mistake(
        "running sum sent again",
        "a node that gets a second gradient sends on the sum of both, and so the first one once "
        "more: sort the graph and let each node send once, when it has got all; or send on only "
        "what came last.",
        ways("order", *(partial(sending_sums, all_first=first) for first in (False, True))),
        mixed=True,
    ),
    Mistake(
        "stops after one step",
        "only the root sends a gradient to its operands, which send nothing on: backward() does "
        "not go through the graph, or goes through it from the leaves to the root.",
        ways("order", lambda graph, root: [root], below),
    ),
    Mistake(
        "equal values taken for one node",
        "two different nodes with equal values are taken for the same one (by __eq__ and "
        "__hash__), and the second is left out of the backward pass; compare nodes with `is`.",
        ways("order", partial(recursion, equal=True)),
    ),
    Mistake(
        "stale gradients on the second backward",
        "gradients of computed nodes are left from the first backward pass, and the second one "
        "sends them back again; set them to 0 when a pass begins (leaves go on adding up).",
        ways("clear", lambda grads, graph, root: None, seed=lambda old, y: 1.0)
        + ways("clear", lambda grads, graph, root: None),
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
    ),
    Mistake(
        "operand order",
        "the operands of {code} are taken in the wrong order.",
        (
            {"value": swapped_value, "partials": swapped_partials},
            {"value": swapped_value},
            {"partials": swapped_partials},
        ),
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
    ),
    Mistake(
        "forgotten operand",
        "in {code} one of the two operands is sent no gradient.",
        ways("edges", without(0), without(1)),
        operands=2,
    ),
    Mistake(
        "partials exchanged",
        "in {code} each operand gets the derivative that belongs to the other one.",
        ways("partials", changed(lambda d: d[::-1])),
        operands=2,
    ),
    Mistake(
        "same derivative for both operands",
        "in {code} both operands get the same derivative; there is one for each.",
        ways("partials", changed(lambda d: d[:1] * len(d)), changed(lambda d: d[-1:] * len(d))),
        operands=2,
    ),
    Mistake(
        "forgotten chain factor",
        "{op} sends back its local derivative alone; the chain rule multiplies it by the gradient "
        "of the result, out.grad.",
        ways("send", lambda partial, above, y: partial),
    ),
    Mistake(
        "value in place of the gradient",
        "{op} multiplies its local derivative by the result's value, out.data; the chain rule "
        "multiplies it by the result's gradient, out.grad.",
        ways("send", lambda partial, above, y: partial * y),
    ),
    *(
        Mistake(
            "wrong derivative",
            f"the derivative of {{op}} is {right}; what comes out here is {wrong}.",
            ways("partials", formula(function)),
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
        ops=("div",),
    ),
    Mistake(
        "forgotten local derivative",
        "{op} hands the gradient on as it is; the chain rule multiplies it by the derivative of "
        "{code}.",
        ways("partials", changed(lambda d: [1.0] * len(d))),
    ),
    Mistake(
        "result and argument mixed up",
        "the derivative of {op} is computed from its argument where its result belongs, or the "
        "other way round.",
        ways("partials", mixed_up(False), mixed_up(True)),
    ),
    Mistake(
        "sent twice",
        "{op} sends every gradient back twice.",
        ways("edges", lambda args: edges(args) * 2),
    ),
    Mistake(
        "sent nothing",
        "{op} sends no gradient back at all: its _backward is missing or is never called.",
        ways("edges", lambda args: []),
    ),
    Mistake(
        "operand in place of the result",
        "{code} gives its operand back, unchanged.",
        ways("value", lambda step, args: args[0], lambda step, args: args[-1]),
    ),
    *(
        Mistake(
            "another function",
            f"{{op}} computes what {other.name} should.",
            ways("value", lambda step, args, row=other: on_floats(row, args, row.samples[0])[0]),
                ops=tuple(row.name for row in TABLE
                      if row.arity == other.arity and not row.variadic and row is not other),
        )
        for other in TABLE if not other.variadic and other.is_built_in()
    ),
)  # fmt: skip
