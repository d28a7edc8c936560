"""An engine in parts, each of which can be replaced, that runs computations given as data.

With all parts right it is the reference: the chain rule from the last quantity to the first. With
one part replaced it does what somebody else's engine does that has just this mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..maths import on_floats
from ..rules import TABLE
from ..strategies import Computation, Step
from .isolation import Reading, Script

Numbers = Sequence[float]


class Graph(NamedTuple):
    """A computation as a backward pass sees it.

    Attributes:
        args: the quantities that each quantity was computed from; none for leaves.
        data: their values.
    """

    args: tuple[tuple[int, ...], ...]
    data: tuple[float, ...]


# ---------------------------------------------------------------- the parts of a right engine


def value(step: Step, args: Numbers) -> float:
    """The result of an operation."""
    return on_floats(TABLE[step.op], args, step.params)[0]


def partials(step: Step, y: float, args: Numbers) -> Numbers:
    """The local derivative for each argument."""
    return on_floats(TABLE[step.op], args, step.params)[1]


def edges(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Place and index of every argument that is a node: ``a * a`` has two."""
    return [(place, x) for place, x in enumerate(args) if isinstance(x, int)]


def depth_first(graph: Graph, root: int, last_first: bool = False) -> list[int]:
    """All that a root was computed from, arguments before results; the root last."""
    order: list[int] = []
    seen: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, args_are_done = stack.pop()
        if args_are_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            args = graph.args[node]
            stack += [(x, False) for x in (args if last_first else args[::-1])]
    return order


def results_first(graph: Graph, root: int) -> list[int]:
    """The nodes in the order in which they send their gradients back."""
    return sorted(depth_first(graph, root), reverse=True)


def clear_computed(grads: list[float], graph: Graph, root: int) -> None:
    """Gradients of computed nodes start from 0; leaves accumulate."""
    for node in depth_first(graph, root):
        if graph.args[node]:
            grads[node] = 0.0


@dataclass(frozen=True)
class Engine:
    """How an engine computes and differentiates, part by part.

    Attributes:
        leaf: the number that is stored for a leaf.
        value: the result of an operation.
        partials: its local derivatives.
        edges: the places and indices of the arguments that are sent a gradient.
        send: what is sent: of the partial, the result's gradient and the result.
        add: what an argument's gradient becomes: of the old one and what is sent.
        clear: which gradients start from 0 in a backward pass.
        seed: the root's gradient: of what it was and the root's value.
        order: the nodes in the order in which they send their gradients back.
    """

    leaf: Callable[[float], float] = float
    value: Callable[[Step, Numbers], float] = value
    partials: Callable[[Step, float, Numbers], Numbers] = partials
    edges: Callable[[Sequence[int | float]], Iterable[tuple[int, int]]] = edges
    send: Callable[[float, float, float], float] = lambda partial, above, y: partial * above
    add: Callable[[float, float], float] = lambda old, sent: old + sent
    clear: Callable[[list[float], Graph, int], None] = clear_computed
    seed: Callable[[float, float], float] = lambda old, y: old + 1.0
    order: Callable[[Graph, int], Iterable[int]] = results_first


RIGHT = Engine()


def simulate(
    computation: Computation, script: Script, engine: Engine = RIGHT, op: str = ""
) -> Reading:
    """The numbers that an engine gives.

    Args:
        computation: what is computed.
        script: the backward passes that follow.
        engine: its parts.
        op: if given, only this operation is the engine's, all others are right.
    """

    def way(step: Step) -> Engine:
        return engine if op in ("", step.op) else RIGHT

    count = len(computation.inputs)
    data = [engine.leaf(x) for x in computation.inputs]
    slopes: list[Numbers] = [()] * count
    for step in computation.steps:
        args = [data[x] if isinstance(x, int) else engine.leaf(x) for x in step.args]
        data.append(way(step).value(step, args))
        slopes.append(way(step).partials(step, data[-1], args))
    leaves: list[tuple[int, ...]] = [()] * count
    graph = Graph(
        (*leaves, *(tuple(x for x in s.args if isinstance(x, int)) for s in computation.steps)),
        tuple(data),
    )
    grads = [0.0] * len(data)
    for root in script:
        if not isinstance(root, int):  # a new graph on the same leaves
            grads = [0.0] * len(data)
            continue
        engine.clear(grads, graph, root)
        grads[root] = engine.seed(grads[root], data[root])
        for node in engine.order(graph, root):
            if node >= count:
                step = computation.steps[node - count]
                part = way(step)
                for place, x in part.edges(step.args):
                    sent = part.send(slopes[node][place], grads[node], data[node])
                    grads[x] = part.add(grads[x], sent)
    return Reading(tuple(data), tuple(grads) if script else ())
