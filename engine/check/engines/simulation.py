"""An engine in parts, each of which can be replaced, that runs computations given as data.

With all parts right it is the reference: the chain rule from the last quantity to the first. With
one part replaced it does what somebody else's engine does that has just this mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..computation import Computation, Step
from .subject import AFRESH, Reading, Script

Numbers = Sequence[float]


class Graph(NamedTuple):
    """A computation as a backward pass sees it.

    Attributes:
        args: the places and indices of the quantities that each quantity was computed from, in the
            order in which they are visited; none for leaves.
        data: their values.
    """

    args: Sequence[Sequence[tuple[int, int]]]
    data: Sequence[float]


# ---------------------------------------------------------------- the parts of a right engine


def value(step: Step, args: Numbers) -> float:
    """The result of an operation."""
    return step.compute(args)[0]


def partials(step: Step, y: float, args: Numbers) -> Numbers:
    """The local derivative for each argument."""
    return step.compute(args)[1]


def edges(args: Sequence[int | float]) -> list[tuple[int, int]]:
    """Place and index of every argument that is a node: ``a * a`` has two."""
    return [(place, x) for place, x in enumerate(args) if isinstance(x, int)]


def below(graph: Graph, root: int) -> list[int]:
    """The root and all that it was computed from, arguments before results."""
    found = {root}
    for node in range(root, -1, -1):
        if node in found:
            found.update(x for _, x in graph.args[node])
    return sorted(found)


def results_first(graph: Graph, root: int) -> list[int]:
    """The nodes in the order in which they send their gradients back."""
    return below(graph, root)[::-1]


def clear_computed(grads: Gradients, graph: Graph, root: int) -> None:
    """Gradients of computed nodes start from 0; leaves accumulate."""
    for node in below(graph, root):
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
        mask: which nodes' operands are visited last first: a bit for each of five kinds of nodes.
            The order of a set is anybody's.
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
    clear: Callable[[Gradients, Graph, int], None] = clear_computed
    seed: Callable[[float, float], float] = lambda old, y: old + 1.0
    order: Callable[[Graph, int], Iterable[int | tuple[int, int]]] = results_first
    mask: int = 0
    owner: Callable[[Step, int], int] = lambda step, result: result
    shares: tuple[str, ...] = ()
    root_only: bool = False
    one_array: str = ""
    alters: Callable[[Step, Numbers], Numbers] | None = None


RIGHT = Engine()


class Gradients:
    """The gradients of a graph's nodes, of which several may be one and the same."""

    def __init__(self, count: int, one: bool) -> None:
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

    def own(self, node: int) -> None:
        """From now on a node's gradient is its own, and 0."""
        self.cell[node] = len(self.numbers)
        self.numbers.append(0.0)


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
    count = len(computation.inputs)
    data = [engine.leaf(x) for x in computation.inputs]
    ways: dict[int, tuple[Step, Engine, Numbers]] = {}  # by result: how it sends its gradient back
    rules: dict[int, int] = {}  # the result, by the node that keeps its rule
    for result, step in enumerate(computation.steps, count):
        part = engine if op in ("", step.op) else RIGHT
        args = [data[x] if isinstance(x, int) else engine.leaf(x) for x in step.args]
        data.append(part.value(step, args))
        ways[result] = step, part, part.partials(step, data[-1], args)
        rules[part.owner(step, result)] = result
        if part.alters:
            for x, changed in zip(step.args, part.alters(step, args), strict=True):
                if isinstance(x, int):
                    data[x] = changed
    found = [edges(step.args) for step in computation.steps]
    visited = [x[::-1] if engine.mask >> i % 5 & 1 else x for i, x in enumerate(found, count)]
    graph = Graph([*([] for _ in computation.inputs), *visited], data)
    grads = Gradients(len(data), bool(engine.one_array))
    for root in script:
        if not isinstance(root, int):
            if root == AFRESH:  # a new graph on the same leaves
                grads = Gradients(len(data), bool(engine.one_array))
            continue
        engine.clear(grads, graph, root)
        if engine.one_array == "others":
            grads.own(root)
        if engine.shares:
            grads.fresh = {node for node in range(len(data)) if grads[node] == 0.0}
        grads[root] = engine.seed(grads[root], data[root])
        for event in engine.order(graph, root):
            node, only = event if isinstance(event, tuple) else (event, None)
            result = rules.get(node, -1)
            if result < 0:
                continue
            step, part, slopes = ways[result]
            for place, x in part.edges(step.args):
                if only is not None and only != place:
                    continue
                if (
                    step.op in part.shares
                    and x in grads.fresh
                    and slopes[place] == 1.0
                    and (not part.root_only or grads.cell[result] == grads.cell[root])
                ):
                    grads.share(x, result)
                    continue
                sent = part.send(slopes[place], grads[result], data[result])
                grads[x] = part.add(grads[x], sent)
    passes = any(isinstance(action, int) for action in script)
    return Reading(tuple(data), tuple(grads[x] for x in range(len(data))) if passes else ())
