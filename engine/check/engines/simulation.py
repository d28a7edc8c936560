"""An engine in parts, each of which can be replaced, that runs computations given as data.

With all parts right it is the reference: the chain rule from the last quantity to the first. With
one part replaced it does what somebody else's engine does that has just this mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...reals import on_floats
from ...rule import TABLE
from ..computation import Computation, Step
from .subject import AFRESH, Reading, Script

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
        order: the nodes in the order in which they send their gradients back, or pairs of a node
            and one place, where it sends to that argument only.
        owner: the node that keeps a step's rule for the backward pass: of the step and its result.
        shares: operations from which an argument that has got nothing yet takes over the result's
            gradient itself, where the partial is 1, so that both change together.
        root_only: whether they do so only with the root's own gradient (products of NumPy's arrays
            without axes are scalars, which nothing changes).
        one_array: whether all gradients are one array: "all", or "others" if the root gets its own.
        alters: what a step makes of its arguments' values.
    """

    leaf: Callable[[float], float] = float
    value: Callable[[Step, Numbers], float] = value
    partials: Callable[[Step, float, Numbers], Numbers] = partials
    edges: Callable[[Sequence[int | float]], Iterable[tuple[int, int]]] = edges
    send: Callable[[float, float, float], float] = lambda partial, above, y: partial * above
    add: Callable[[float, float], float] = lambda old, sent: old + sent
    clear: Callable[[list[float], Graph, int], None] = clear_computed
    seed: Callable[[float, float], float] = lambda old, y: old + 1.0
    order: Callable[[Graph, int], Iterable[int | tuple[int, int]]] = results_first
    owner: Callable[[Step, int], int] = lambda step, result: result
    shares: tuple[str, ...] = ()
    root_only: bool = False
    one_array: str = ""
    alters: Callable[[Step, Numbers], Numbers] | None = None


RIGHT = Engine()


class Gradients:
    """The gradients of a graph's nodes, of which several may be one and the same."""

    def __init__(self, count: int, one: bool = False) -> None:
        self.numbers = [0.0] * count
        self.cell = [0] * count if one else list(range(count))
        self.fresh = set(range(count))  # those that have got nothing yet

    def __getitem__(self, node: int) -> float:
        return self.numbers[self.cell[node]]

    def __setitem__(self, node: int, number: float) -> None:
        self.numbers[self.cell[node]] = number
        self.fresh.discard(node)

    def share(self, node: int, other: int) -> None:
        """From now on a node's gradient is another's."""
        self.cell[node] = self.cell[other]
        self.fresh.discard(node)


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

    count, steps = len(computation.inputs), computation.steps
    data = [engine.leaf(x) for x in computation.inputs]
    slopes: list[Numbers] = [()] * count
    rules: dict[int, int] = {}  # the step's result, by the node that keeps the step's rule
    for result, step in enumerate(steps, count):
        part = way(step)
        args = [data[x] if isinstance(x, int) else engine.leaf(x) for x in step.args]
        data.append(part.value(step, args))
        slopes.append(part.partials(step, data[-1], args))
        rules[part.owner(step, result)] = result
        if part.alters:
            for x, changed in zip(step.args, part.alters(step, args), strict=True):
                if isinstance(x, int):
                    data[x] = changed
    leaves: list[tuple[int, ...]] = [()] * count
    below = [*leaves, *(tuple(x for x in s.args if isinstance(x, int)) for s in steps)]
    graph = Graph(tuple(below), tuple(data))

    def start() -> Any:
        if engine.shares or engine.one_array:
            return Gradients(len(data), bool(engine.one_array))
        return [0.0] * len(data)

    grads = start()
    for root in script:
        if root == AFRESH:  # a new graph on the same leaves
            grads = start()
        if not isinstance(root, int):
            continue
        engine.clear(grads, graph, root)
        if engine.one_array == "others":
            grads.numbers.append(0.0)
            grads.cell[root] = len(grads.numbers) - 1
        if engine.shares:
            grads.fresh = {node for node in range(len(data)) if grads[node] == 0.0}
        grads[root] = engine.seed(grads[root], data[root])
        for event in engine.order(graph, root):
            node, only = event if isinstance(event, tuple) else (event, None)
            result = rules.get(node, -1)
            if result < 0:
                continue
            step = steps[result - count]
            part = way(step)
            for place, x in part.edges(step.args):
                if only is not None and only != place:
                    continue
                if (
                    step.op in part.shares
                    and x in grads.fresh
                    and slopes[result][place] == 1.0
                    and (not part.root_only or grads.cell[result] == grads.cell[root])
                ):
                    grads.share(x, result)
                    continue
                sent = part.send(slopes[result][place], grads[result], data[result])
                grads[x] = part.add(grads[x], sent)
    final = [grads[node] for node in range(len(data))]
    passes = any(isinstance(action, int) for action in script)
    return Reading(tuple(data), tuple(final) if passes else ())
