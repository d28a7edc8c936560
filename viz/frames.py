"""The steps of a player as still frames: what has been computed and sent so far, in a few lines.

They are the same steps, in the same order, as the player's page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from engine import Symbol, Value
from engine.paths import send
from engine.rule import NOTHING

from .drawing import Drawing, Edge, describe
from .formulas import partial_formulas, value_formula
from .names import names
from .rehearsal import Move
from .score import with_room
from .script import Script
from .staging import Stage, stage
from .text import brief_number, number

MOST_FRAMES = 1_000
MOST_LINES = 3  # below a frame

SCRIPT = Script()


@dataclass
class Situation:
    """Where a pass stands.

    Attributes:
        ready: the nodes that have been computed.
        grads: every node's gradient so far.
        sent: what has been sent along edges so far.
        active: the node whose turn it is.
        lit: the edges along which something happens now.
        backward: whether the backward pass has begun.
        wrong: nodes whose gradients differ from those of the other pass.
    """

    ready: set[int]
    grads: list[float]
    sent: dict[int, float] = field(default_factory=dict)
    active: int | None = None
    lit: set[int] = field(default_factory=set)
    backward: bool = False
    wrong: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Frame:
    """One step.

    Attributes:
        phase: ``"Start"``, ``"Forward"``, ``"Backward"`` or ``"Done"``.
        title: whose turn it is.
        lines: what happens, as equations and words.
        sides: one situation, or by their names those of two passes.
    """

    phase: str
    title: str
    lines: Sequence[str]
    sides: Sequence[tuple[str, Situation]]


class Play:
    """A graph on its stage, and the frames of the passes through it."""

    def __init__(self, order: Sequence[Value]) -> None:
        self.order = order
        self.drawing: Drawing = describe(order[-1])
        self.stage: Stage = stage(with_room(self.drawing) if self.drawing.compact else self.drawing)
        self.names = [SCRIPT.name(name) for name in names(order).values()]
        self.place = {node: i for i, node in enumerate(order)}
        self.into: list[list[int]] = [[] for _ in order]
        for index, edge in enumerate(self.drawing.edges):
            self.into[edge.head].append(index)
        self.leaves = {i for i, node in enumerate(order) if not node.args}
        self.computed = [i for i in range(len(order)) if i not in self.leaves]

    def frames(self) -> Iterator[Frame]:
        """The engine's own passes: forward node by node, then backward."""
        now = Situation(set(self.leaves), [0.0] * len(self.order))
        yield self.frame("Start", "the leaves have their numbers", [], now)
        for i in self.computed:
            now.ready.add(i)
            now.active, now.lit = i, set(self.into[i])
            yield self.frame("Forward", self.names[i], self.forward(i), now)
        root = len(self.order) - 1
        now.backward, now.active, now.lit, now.grads[root] = True, root, set(), 1.0
        said = [f"∂{self.names[root]}/∂{self.names[root]} = 1: where the backward pass begins"]
        yield self.frame("Backward", f"{self.names[root]} begins", said, now)
        for i in reversed(self.computed):
            now.active, now.lit = i, set(self.into[i])
            lines = [self.send(edge, now) for edge in self.into[i]]
            yield self.frame("Backward", self.names[i], lines, now)
        now.active, now.lit = None, set()
        yield self.frame("Done", "every gradient is complete", self.results(now), now)

    def compared(self, passes: Sequence[tuple[str, Sequence[Move]]]) -> Iterator[Frame]:
        """Two passes side by side, move by move."""
        everything = set(range(len(self.order)))
        sides = [(name, Situation(everything, [0.0] * len(self.order))) for name, _ in passes]
        yield Frame("Ready", "all values are computed", ["Every gradient is 0."], deepcopy(sides))
        for i in range(max(len(moves) for _, moves in passes)):
            lines, targets = [], []
            for (name, now), (_, moves) in zip(sides, passes, strict=True):
                now.backward = True
                if i < len(moves):
                    targets.append(self.names[moves[i].target])
                    lines.append(f"{name}: {self.make(moves[i], now)}")
                else:
                    now.active, now.lit = None, set()
                    lines.append(f"{name}: done")
            one, other = (now.grads for _, now in sides)
            differ = {j for j, (a, b) in enumerate(zip(one, other, strict=True)) if a != b}
            sides[0][1].wrong = differ
            title = " and ".join(dict.fromkeys(targets))
            yield Frame("Backward", title, lines, deepcopy(sides))

    def at(self, state: Any) -> Play:
        """The same graph in another state, as `score.state` gives it."""
        data = iter(state.tolist())
        cards = [replace(card, data=next(data)) for card in self.drawing.cards]
        edges = [replace(edge, partial=next(data)) for edge in self.drawing.edges]
        found = copy(self)
        found.drawing = replace(self.drawing, cards=tuple(cards), edges=tuple(edges))
        return found

    def complete(self, state: Any) -> Situation:
        """A recorded state after the whole backward pass."""
        n, m = len(self.order), len(self.drawing.edges)
        partials, nothing = state[n : n + m], state[n + m :]
        now = Situation(set(range(n)), [0.0] * (n - 1) + [1.0], backward=True)
        for i in reversed(self.computed):
            for index in self.into[i]:
                sent = 0.0 if nothing[index] else float(partials[index] * now.grads[i])
                now.grads[self.drawing.edges[index].tail] += sent
                now.sent[index] = sent
        return now

    def frame(self, phase: str, title: str, lines: Sequence[str], now: Situation) -> Frame:
        """The frame of a situation that will change."""
        return Frame(phase, title, few(lines), [("", deepcopy(now))])

    def forward(self, i: int) -> list[str]:
        """How a node is computed: ``n = x·w = 2·(−3) = −6``, and its local derivatives."""
        node, args = self.order[i], self.order[i].args
        words = {arg: self.symbol(arg) for arg in args}
        formula = value_formula(node, words)
        sides = [f"{node.sign} of {len(args)}"]
        if formula is not None:
            data = {arg: SCRIPT.quantity(arg.data) for arg in args}
            sides = [SCRIPT.write(formula), SCRIPT.write(value_formula(node, data))]
        lines = [" = ".join([self.names[i], *unlike([*sides, SCRIPT.number(node.data)])])]
        return lines + [self.local(edge) for edge in self.into[i]]

    def local(self, index: int) -> str:
        """``∂n/∂x = w = −3``."""
        edge = self.drawing.edges[index]
        formulas = partial_formulas(self.order[edge.head], self.symbols(edge.head)) or []
        formula = formulas[edge.position : edge.position + 1]
        said = [SCRIPT.write(f if isinstance(f, Symbol) else SCRIPT.quantity(f)) for f in formula]
        value = "unknown" if edge.partial is None else SCRIPT.number(edge.partial)
        return " = ".join([self.derivative(edge), *unlike([*said, value])])

    def send(self, index: int, now: Situation) -> str:
        """Send a gradient along an edge, and say so."""
        edge = self.drawing.edges[index]
        upstream, before = now.grads[edge.head], now.grads[edge.tail]
        partial: Any = self.order[edge.head].partials[edge.position]
        sent = 0.0 if partial is NOTHING else float(send(partial, upstream))
        now.grads[edge.tail] = before + sent
        now.sent[index] = sent
        tail, head = self.names[edge.tail], self.names[edge.head]
        earlier = f"{brief_number(before)} + " if before else ""
        return (
            f"{tail}.grad += {self.derivative(edge)}·{head}.grad = {earlier}"
            f"{factor(float(partial))}·{factor(upstream)} = {number(now.grads[edge.tail])}"
        )

    def make(self, move: Move, now: Situation) -> str:
        """Make the move of a pass that someone has written, and say so."""
        before, now.grads[move.target] = now.grads[move.target], move.grad
        tail = self.names[move.target]
        now.active, now.lit = move.target, set()
        if move.sender is None:
            return f"{tail}.grad = {number(move.grad)}"
        index = self.into[move.sender][move.position]
        now.active, now.lit = move.sender, {index}
        now.sent[index] = move.grad - before if move.added else move.grad
        received = f"{self.derivative(self.drawing.edges[index])}·{self.names[move.sender]}.grad"
        does, operator = ("adds", "+=") if move.added else ("replaces", "=")
        change = f"{number(before)} → {number(move.grad)}"
        return f"{tail}.grad {operator} {received}:  {change}  ({does})"

    def results(self, now: Situation) -> list[str]:
        """The gradients of what the graph starts from."""
        root = self.names[-1]
        wanted = [i for i in sorted(self.leaves) if self.order[i].role != "constant"]
        said = [f"∂{root}/∂{self.names[i]} = {number(now.grads[i])}" for i in wanted[:8]]
        more = [f"… {len(wanted) - 8:,} more"] if len(wanted) > 8 else []
        return [",  ".join(said[:4]), ",  ".join([*said[4:], *more])]

    def derivative(self, edge: Edge) -> str:
        """∂n/∂x."""
        return SCRIPT.derivative(self.names[edge.head], self.names[edge.tail])

    def symbols(self, head: int) -> dict[Value, Any]:
        """A node and its arguments by their names."""
        node = self.order[head]
        return {each: self.symbol(each) for each in (node, *node.args)}

    def symbol(self, node: Value) -> Any:
        """A node in a formula; a constant that nobody named is a number."""
        if node.role == "constant" and not node.label:
            return SCRIPT.quantity(node.data)
        return Symbol(self.names[self.place[node]])


def factor(x: float) -> str:
    """A number in a product."""
    text = brief_number(x)
    return f"({text})" if text.startswith("−") else text


def unlike(sides: Sequence[str]) -> list[str]:
    """The sides of an equation, each but once in a row."""
    return [b for a, b in zip([None, *sides], sides, strict=False) if a != b]


def few(lines: Sequence[str]) -> list[str]:
    """So many lines as there is room for."""
    lines = [line for line in lines if line]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], f"… and {len(lines) - MOST_LINES + 1:,} more"]
