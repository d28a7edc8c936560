"""The chain rule written out for one derivative: symbol by symbol, then number by number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

from engine import Symbol, Value, gradient, topological_order
from engine.graph import between
from engine.node import Node
from engine.paths import Path
from engine.value import recompute

from .equations import PLAIN, Derivation, Equation, as_item, distinct, parts, section, total
from .formulas import partial_formulas, value_formula
from .matrix import find_network, matrix_form
from .names import Name, names
from .pathsum import PathSum, counted, path_sum
from .script import Script

MOST_LEAVES = 40  # whose values are listed
MOST_FACTORS = 24  # of a path that are written
MOST_USES = 200  # of a node whose terms are written
MOST_NODES = 100_000  # of a graph that is derived


def derive(root: Any, to: Any, *, steps: int = 40, paths: int = 6) -> Derivation:
    """Why ∂root/∂to has its value: the chain rule, written out for this graph.

    First the forward pass, then the derivative step by step from the output down, with every local
    derivative as the engine's table writes it and then as a number; then path by path. If the
    graph is that of a network with one hidden layer, and ``to`` one of its weights or biases,
    also in matrix form, checked against the engine. Of Tensors the chain rule is written in matrix
    form: every gradient by the pullbacks of the table, ``δW = xᵀ·δz``.

    Args:
        root: the output, a `Value`, or a `Tensor` of one number.
        to: the node to differentiate by, a leaf or not, of the same kind.
        steps: of how many nodes to show the step; what is left out is said.
        paths: how many paths to show, the heaviest.

    Raises:
        TypeError: if ``root`` or ``to`` is neither a Value nor a Tensor.
        ValueError: if root does not depend on it, if a node's data no longer follows from its
            arguments, if ``steps`` or ``paths`` is less than 1, or if the graph has more than
            100,000 nodes.
    """
    for what, least in (("steps", steps), ("paths", paths)):
        if least < 1:
            raise ValueError(f"{what} must be at least 1, not {least}")
    if isinstance(root, Node) and not isinstance(root, Value):
        from .twinderivation import derive_twin

        return derive_twin(root, to, steps)
    refuse_large(root)
    summary = path_sum(root, to, paths)
    work = Work(root, to)
    for node in work.nodes:
        if node.rule:
            recompute(node)
    heading = f"{summary.derivative} = {PLAIN.number(summary.total)}"
    sections = [
        section(heading, lambda script: intro(work, script, summary)),
        section("Forward", lambda script: forward(work, script, steps)),
        section("Step by step", lambda script: backward(work, script, steps)),
        section("Path by path", lambda script: along_paths(work, script, summary)),
    ]
    network = find_network(work.order)
    if network and to in network.parameters and (form := matrix_form(network, root)):
        sections.append(
            section("Matrix form", lambda script: [as_item(i) for i in form.lines(script)])
        )
    return Derivation(summary.total, [part for part in sections if part.text])


def refuse_large(root: Value) -> None:
    """Raise for a graph that would take minutes; as soon as it is known to be one."""
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Value) and node not in seen:
            seen.add(node)
            waiting.extend(node.args)
            if len(seen) > MOST_NODES:
                raise ValueError(
                    f"a derivation is written for graphs of at most {MOST_NODES:,} nodes: derive a "
                    "part of this one, from or to a node within it"
                )


@dataclass
class Work:
    """What a derivation is written from.

    Attributes:
        root, to: the output and the node to differentiate by.
        order: all nodes of the graph, arguments before results.
        nodes: those on the paths.
        names: what they are called.
        slopes: ∂root/∂node.
    """

    root: Value
    to: Value

    def __post_init__(self) -> None:
        self.order: list[Value] = topological_order(self.root)
        self.nodes: list[Value] = between(self.root, self.to)
        self.names: dict[Value, Name] = names(self.order)
        slopes = gradient(self.root, self.nodes)
        self.slopes: dict[Value, float] = dict(zip(self.nodes, slopes, strict=True))
        inside = set(self.nodes)
        self.above: dict[Value, dict[Value, list[int]]] = {node: {} for node in self.nodes}
        for node in self.nodes:
            for position, arg in enumerate(node.args):
                if arg in inside and node is not self.to:
                    self.above[arg].setdefault(node, []).append(position)

    def symbols(self, script: Script, nodes: Iterable[Value]) -> dict[Value, Any]:
        """The nodes as symbols; constants without a label as the numbers they are."""
        return {
            node: Symbol(script.name(self.names[node]))
            if node.label or node.role != "constant"
            else node.data
            for node in nodes
        }

    def derivative(self, script: Script, upper: Value, lower: Value) -> str:
        """∂upper/∂lower."""
        return script.derivative(script.name(self.names[upper]), script.name(self.names[lower]))

    def local(self, script: Script, node: Value, positions: Sequence[int]) -> Any:
        """A node's local derivative for an argument, as a formula; at each place it occurs."""
        formulas = partial_formulas(node, self.symbols(script, (*node.args, node)))
        if formulas is None:
            return Symbol(self.derivative(script, node, node.args[positions[0]]))
        terms = [formulas[i] for i in positions]
        return total([f if isinstance(f, Symbol) else script.quantity(f) for f in terms])


def intro(work: Work, script: Script, summary: PathSum) -> Iterator[Equation | str]:
    """How many paths there are, and the numbers that the formulas start from."""
    yield (
        f"The derivative of {summary.output} with respect to {summary.node}: "
        f"{'the sum over' if summary.count > 1 else 'the product along'} "
        f"{counted(summary.count)}. Numbers have six digits."
    )
    inside = set(work.nodes) - {work.to}
    known: dict[Value, None] = {}
    for node in work.nodes:
        if node is not work.to:
            named = (a for a in node.args if a.label or a.role != "constant")
            known.update(dict.fromkeys(a for a in named if a not in inside))
    if not known:
        return
    given = [*known][:MOST_LEAVES]
    listed = [f"{script.name(work.names[a])} = {script.number(a.data)}" for a in given]
    more = len(known) - len(given)
    for i in range(0, len(listed), 6):
        yield Equation([", ".join(listed[i : i + 6])])
    if more:
        yield f"… and {more:,} other numbers, left out."


def forward(work: Work, script: Script, steps: int) -> Iterator[Equation | str]:
    """Every node on the paths, as it was computed."""
    computed = [node for node in work.nodes if node is not work.to]
    for node in parts(computed, steps):
        if isinstance(node, int):
            yield f"… {node:,} nodes are left out …"
            continue
        name = work.names[node]
        sides = [script.name(name)]
        if (formula := value_formula(node, work.symbols(script, node.args))) is not None:
            data = {arg: script.quantity(arg.data) for arg in node.args}
            sides += [] if name.expression and not name.place else [script.write(formula)]
            sides.append(script.write(value_formula(node, data)))
        else:
            sides.append(script.words(f"{node.sign} of {len(node.args):,}"))
        yield Equation([*sides, script.number(node.data)])


def backward(work: Work, script: Script, steps: int) -> Iterator[Equation | str]:
    """The derivative of the output by every node on the paths, from the output down."""
    lower = [node for node in reversed(work.nodes) if node is not work.root]
    for node in parts(lower, steps):
        if isinstance(node, int):
            yield f"… {node:,} steps are left out …"
            continue
        yield Equation(distinct(step(work, script, node)))


def step(work: Work, script: Script, node: Value) -> list[str]:
    """∂root/∂node by the chain rule: with derivatives, with formulas, with numbers."""
    above = work.above[node]
    chain: list[Any] = []
    formulas: list[Any] = []
    numbers: list[Any] = []
    for use in parts([*above.items()], MOST_USES):
        if isinstance(use, int):
            for terms in (chain, formulas, numbers):
                terms.append(Symbol(script.dots))
            continue
        consumer, positions = use
        local = work.local(script, consumer, positions)
        values = [script.quantity(consumer.partials[i]) for i in positions]
        if consumer is work.root:
            alone = len(above) == 1
            chain.append(Symbol(work.derivative(script, consumer, node)) if alone else local)
            formulas.append(local)
            numbers.append(total(values))
            continue
        upstream = Symbol(work.derivative(script, work.root, consumer))
        chain.append(upstream * Symbol(work.derivative(script, consumer, node)))
        formulas.append(upstream * local)
        numbers.append(script.quantity(work.slopes[consumer]) * total(values))
    sides = [script.write(total(terms)) for terms in (chain, formulas, numbers)]
    return [work.derivative(script, work.root, node), *sides, script.number(work.slopes[node])]


def along_paths(work: Work, script: Script, summary: PathSum) -> Iterator[Equation | str]:
    """The product along each path, and their sum."""
    for rank, path in enumerate(summary.heaviest, 1):
        way = [
            script.dots if isinstance(node, int) else script.name(work.names[node])
            for node in parts(path.nodes, MOST_FACTORS)
        ]
        told = summary.through(path)
        after = script.words(f",  {told}") if told else ""
        yield Equation([script.words(f"path {rank}:  ") + script.arrow.join(way) + after])
        yield Equation(distinct(product(work, script, path)))
    products = [script.quantity(path.product) for path in summary.heaviest]
    if rest := summary.count - len(summary.heaviest):
        products.append(script.quantity(summary.remainder))
        yield f"The other {counted(rest)} make up the remainder, the last summand."
    if summary.count > 1:
        left = work.derivative(script, work.root, work.to)
        yield Equation([left, script.write(total(products)), script.number(summary.total)])


def product(work: Work, script: Script, path: Path) -> list[str]:
    """The product along a path: of derivatives, of formulas, of numbers."""
    if not path.partials:
        return [script.number(1.0), script.number(1.0)]
    steps = list(zip(path.nodes, path.nodes[1:], path.positions, path.partials, strict=False))
    symbols: list[Any] = []
    formulas: list[Any] = []
    values: list[Any] = []
    for step in parts(steps, MOST_FACTORS):
        if isinstance(step, int):
            for factors in (symbols, formulas, values):
                factors.append(Symbol(script.dots))
            continue
        upper, lower, position, partial = step
        symbols.append(Symbol(work.derivative(script, upper, lower)))
        formulas.append(work.local(script, upper, [position]))
        values.append(script.quantity(partial))
    sides = [script.write(reduce(mul, factors)) for factors in (symbols, formulas, values)]
    return [*sides, script.number(path.product)]
