"""Graphs whose nodes are used again, by every kind of node, in every order: each gradient is the
sum over all paths, and each node is gone through once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

import pytest

import engine
from engine import Value, detect_anomaly, gradient
from engine.backward import LONGEST
from nn import Layer


class Use(NamedTuple):
    """How two nodes make the next ones.

    Attributes:
        make: the new nodes.
        partials: of each new node by the two, given their numbers.
    """

    make: Callable[[Value, Value], Sequence[Value]]
    partials: Callable[[float, float], Sequence[tuple[float, float]]]


def by_hand(a: Value, b: Value) -> Value:
    """a/2 − 2b, made by hand."""
    out = Value(a.data / 2 - 2 * b.data, (a, b), "by hand")

    def send() -> None:
        a.grad += out.grad / 2
        b.grad -= out.grad * 2

    out._backward = send
    return out


def layer() -> Layer:
    """Two tanh neurons with two inputs, always the same."""
    return Layer(2, 2, rng=1, activation="tanh")


def slopes_of_layer(a: float, b: float) -> list[tuple[float, float]]:
    found = []
    for neuron in layer().neurons:
        v, w = (x.data for x in neuron.w)
        slope = 1 - math.tanh(v * a + w * b + neuron.b.data) ** 2
        found.append((slope * v, slope * w))
    return found


USES = {
    "one argument": Use(lambda a, b: [a.sin()], lambda a, b: [(math.cos(a), 0.0)]),
    "two arguments": Use(lambda a, b: [a * b], lambda a, b: [(b, a)]),
    "parameters": Use(
        lambda a, b: [a.elu(0.5)], lambda a, b: [(1.0 if a > 0 else 0.5 * math.exp(a), 0.0)]
    ),
    "a sequence": Use(lambda a, b: [engine.sum([a, b, a])], lambda a, b: [(2.0, 1.0)]),
    "a long sequence": Use(
        lambda a, b: [engine.mean([a] * LONGEST + [b])],
        lambda a, b: [(LONGEST / (LONGEST + 1), 1 / (LONGEST + 1))],
    ),
    "by hand": Use(lambda a, b: [by_hand(a, b)], lambda a, b: [(0.5, -2.0)]),
    "a layer": Use(lambda a, b: layer()([a, b]), slopes_of_layer),
}


class Graph:
    """Nodes made one from another, and the derivatives of the last by each of them."""

    def __init__(self, draw: Random, uses: Sequence[Use]) -> None:
        self.nodes = [Value(draw.uniform(-1, 1)), Value(draw.uniform(-1, 1))]
        edges: list[list[tuple[int, float]]] = [[], []]
        for use in uses:
            # of the last few, so that most of them are used several times
            i, j = (draw.randrange(max(0, len(edges) - 3), len(edges)) for _ in range(2))
            a, b = self.nodes[i], self.nodes[j]
            new = use.make(a, b)
            for node, (da, db) in zip(new, use.partials(a.data, b.data), strict=True):
                self.nodes.append(node)
                edges.append([(i, da), (j, db)])
        self.slopes = [self.slope(edges, k) for k in range(len(edges))]

    @staticmethod
    def slope(edges: Sequence[Sequence[tuple[int, float]]], k: int) -> float:
        """How the last node moves with the k-th."""
        moves: list[float] = []
        for i, arguments in enumerate(edges):
            moves.append(1.0 if i == k else sum(d * moves[j] for j, d in arguments))
        return moves[-1]


@pytest.mark.parametrize("most", USES)
def test_each_gradient_is_the_sum_over_all_paths(most: str) -> None:
    for seed in range(120):
        draw = Random(seed)
        uses = [USES[most], *(draw.choice([*USES.values(), USES[most]]) for _ in range(6))]
        draw.shuffle(uses)
        graph = Graph(draw, uses)
        root, right = graph.nodes[-1], pytest.approx(graph.slopes, rel=1e-9, abs=1e-12)
        root.backward()
        assert [x.grad for x in graph.nodes] == right, seed
        leaves = graph.nodes[:2]
        for x in leaves:
            x.grad = 0.0
        root.backward()  # anew
        assert [x.grad for x in graph.nodes] == right, seed
        assert list(gradient(root, graph.nodes)) == right, seed
        for x in leaves:
            x.grad = 0.0
        with detect_anomaly():
            root.backward()
        assert [x.grad for x in graph.nodes] == right, seed


def test_each_node_is_gone_through_once() -> None:
    calls: list[Value] = []

    def counted(a: Value, b: Value) -> Sequence[Value]:
        out = Value(a.data / 2 - 2 * b.data, (a, b), "by hand")
        out._backward = lambda: calls.append(out)
        return [out]

    uses = [Use(counted, USES["by hand"].partials), *USES.values()]
    for seed in range(300):
        draw = Random(seed)
        graph = Graph(draw, [draw.choice(uses) for _ in range(7)])
        calls.clear()
        graph.nodes[-1].backward()
        assert len(calls) == len({id(x) for x in calls}), seed
