"""Backward passes as someone has written them, move by move: what each one adds to which gradient.

A pass is a function of the output. It is given a copy of the graph whose nodes note every change of
their ``grad``, so the graph itself stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, SupportsFloat

from engine import Value, topological_order
from engine.paths import send

MOST_MOVES = 10_000

Pass = Callable[[Any], object]


class Move(NamedTuple):
    """One assignment to a gradient.

    Attributes:
        sender: the node that the gradient comes from; None where a number is just set.
        position: which argument of the sender the target is, from 0.
        target: the node whose gradient changes.
        added: whether the gradient is added to what was there, rather than put in its place.
        grad: the target's gradient afterwards.
    """

    sender: int | None
    position: int
    target: int
    added: bool
    grad: float


class Understudy:
    """A node's stand-in: it has what backward passes use, and notes what they do to ``grad``.

    Attributes:
        args, partials, data, label: those of the node; the arguments are stand-ins too.
    """

    def __init__(self, index: int, node: Value, args: Sequence[Understudy], notes: Notes) -> None:
        self.index, self.args, self._notes = index, tuple(args), notes
        self.partials, self.data, self.label = node.partials, node.data, node.label
        self._prev, self._grad = set(self.args), 0.0

    @property
    def grad(self) -> float:
        """The gradient so far."""
        self._notes.reads.append(self)
        return self._grad

    @grad.setter
    def grad(self, grad: SupportsFloat) -> None:
        self._grad = float(grad)
        self._notes.write(self)

    def _backward(self) -> None:
        for arg, partial in zip(self.args, self.partials, strict=True):
            arg.grad += send(partial, self.grad)

    def backward(self) -> None:
        """The engine's backward pass: computed nodes start from 0, leaves keep what they have."""
        order = topological_order(self)
        for node in order:
            if node.args and node._grad:
                node.grad = 0.0
        self.grad += 1.0
        for node in reversed(order):
            node._backward()


class Notes:
    """What a pass did so far.

    Attributes:
        moves: every assignment.
        reads: whose gradient was read since the last one.
    """

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self.reads: list[Understudy] = []
        self._sender: Understudy | None = None
        self._uses: Counter[tuple[Understudy, Understudy]] = Counter()

    def write(self, target: Understudy) -> None:
        """Note that a gradient was assigned, and from whose gradient it was computed."""
        users = [node for node in self.reads if target in node.args]
        if not users and self._sender and target in self._sender.args and target._grad:
            users = [self._sender]  # read once, before the first of its arguments
        self._sender = users[-1] if users else None
        position = 0
        if self._sender:
            places = [i for i, arg in enumerate(self._sender.args) if arg is target]
            position = places[self._uses[self._sender, target] % len(places)]
            self._uses[self._sender, target] += 1
        sender = self._sender.index if self._sender else None
        added = target in self.reads
        self.moves.append(Move(sender, position, target.index, added, target._grad))
        self.reads.clear()
        if len(self.moves) > MOST_MOVES:
            raise ValueError(
                f"the backward pass makes more than {MOST_MOVES:,} moves: play a smaller graph"
            )


def rehearse(order: Sequence[Value], backward: Pass) -> list[Move]:
    """The moves of a backward pass on a copy of the graph.

    Args:
        order: the nodes, arguments before results.
        backward: a function of the output that uses ``args``, ``partials``, ``data``, ``grad``,
            ``_prev``, ``_backward()`` and ``backward()`` of nodes.

    Raises:
        ValueError: if it assigns to more than 10,000 gradients.
    """
    notes = Notes()
    cast: dict[Value, Understudy] = {}
    for index, node in enumerate(order):
        cast[node] = Understudy(index, node, [cast[arg] for arg in node.args], notes)
    backward(cast[order[-1]])
    return notes.moves
