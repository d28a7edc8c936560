"""A neuron is one node until somebody looks, and nobody can tell: it is as if there were two."""

from __future__ import annotations

import copy
import pickle
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import Value, detect_anomaly, gradient, heaviest_paths, topological_order
from engine.backward import FOLDED, LONGEST, computed
from engine.modes import tidy
from nn import MLP, Layer, Neuron

ACTIVATIONS = ["relu", "tanh", "sigmoid", "softplus", "silu", "exp", "log", "abs", "sqrt"]
NUMBERS = st.one_of(
    st.floats(-3, 3), st.sampled_from([0.0, -0.0, 1e308, -1e308, float("inf"), float("nan")])
)


@pytest.fixture(autouse=True)
def nothing_left_of_modes() -> None:
    tidy()  # the first node after a block of `no_grad` would do it


def folded(node: Value) -> bool:
    return node._db is FOLDED


def bits(x: float) -> bytes:
    return b"nan" if x != x else struct.pack("d", x)


def plain(neuron: Neuron, xs: list[Value]) -> Value:
    """What the neuron computes, by the functions of the table."""
    z = engine.affine(neuron.w, xs, neuron.b)
    h: Value = neuron.activation(z)
    return h


def ask(h: Value) -> None:
    _ = h.args


def leave(h: Value) -> None:
    pass


@given(
    st.sampled_from(ACTIVATIONS),
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4),
    NUMBERS,
    st.sampled_from([1.0, -2.5, 0.0, float("inf")]),
    st.booleans(),
)
def test_it_has_the_bits_of_two_nodes(
    activation: str, pairs: list[tuple[float, float]], b: float, seed: float, early: bool
) -> None:
    found = []
    for compute in (Neuron.__call__, plain):
        neuron = Neuron(len(pairs), activation=activation, init="zeros")
        for w, (number, _) in zip(neuron.w, pairs, strict=True):
            w.data = number
        neuron.b.data = b
        xs = [Value(x) for _, x in pairs]
        h = compute(neuron, xs)
        if early:
            ask(h)
        for _ in range(2):
            h.backward(seed)
        (z,) = h.args
        assert z.args == (*neuron.w, *xs, neuron.b)
        nodes = [h, z, *z.args]
        numbers = [x.data for x in nodes] + [x.grad for x in nodes] + [*h.partials, *z.partials]
        found.append([bits(x) for x in numbers])
    assert found[0] == found[1]


def test_it_is_one_node_for_the_backward_pass_and_two_for_everyone_else() -> None:
    model = MLP(2, [3, 3, 1], rng=1)
    y = model([0.5, -0.25])
    assert len(computed(y)) == 7
    y.backward()
    gradients = [p.grad for p in model.parameters()]
    nodes = [node for node in topological_order(y) if node.args]
    assert len(nodes) == 13
    sums = [node.label for node in nodes if node.rule.name == "affine"]
    assert sums == ["z0", "z1", "z2", "z0", "z1", "z2", "z0"]
    hidden = [node for node in nodes if node.rule.name == "relu"]
    assert all(h.args[0].grad == h.partials[0] * h.grad for h in hidden)
    model.zero_grad()
    y.backward()
    assert [p.grad for p in model.parameters()] == gradients


NEURONS = [Neuron(3, rng=i, activation="tanh") for i in range(2)]
STEPS: list[Callable[[Value, Value, Value], Any]] = [
    lambda a, b, c: a + b,
    lambda a, b, c: a.tanh(),
    lambda a, b, c: engine.sum([a, b, c]),
    lambda a, b, c: NEURONS[0]([a, b, c]),
    lambda a, b, c: NEURONS[1]([a, b, b]),
    lambda a, b, c: engine.sum(Layer(2, 3, rng=1, activation="tanh")([a, b])),
]


@given(st.lists(st.tuples(st.integers(0, 5), *[st.integers(0, 40)] * 3), min_size=1, max_size=25))
def test_the_walk_back_is_the_order_of_the_graph_without_its_leaves(
    steps: list[tuple[int, int, int, int]],
) -> None:
    nodes = [Value(0.5), Value(-0.25), Value(2.0)]
    for kind, *places in steps:
        nodes.append(STEPS[kind](*(nodes[i % len(nodes)] for i in places)))
    root = nodes[-1]
    walked = computed(root)
    for neuron in NEURONS:
        neuron.zero_grad()
    root.backward()
    leaves = [x for x in topological_order(root) if not x.args]
    gradients = [x.grad for x in leaves]
    order = [x for x in topological_order(root) if x.args]
    assert walked == [x for x in order if x in walked]
    assert computed(root) == order  # now that each is for itself
    for x in leaves:
        x.grad = 0.0
    root.backward()
    assert [x.grad for x in leaves] == gradients
    assert gradients == pytest.approx(gradient(root, leaves), nan_ok=True)


LOOKS: dict[str, Callable[[Value], Any]] = {
    "args": lambda h: h.args,
    "_prev": lambda h: h._prev,
    "partials": lambda h: h.partials,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "order": topological_order,
    "paths": lambda h: heaviest_paths(h, h, 1),
    "gradient": lambda h: gradient(h, h),
    "anomalies": lambda h: detect_anomaly()(h.backward)(),
    "by hand": lambda h: h._backward(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_looks_sees_two(look: str) -> None:
    neuron = Neuron(2, rng=1, activation="tanh")
    h = neuron([0.5, 1.0])
    assert folded(h)
    LOOKS[look](h)
    assert not folded(h)
    (z,) = h.args
    assert h.args[0] is z
    assert (z.rule.name, h.rule.name) == ("affine", "tanh")


def test_its_sum_keeps_its_gradient_when_the_result_gets_another() -> None:
    h = Neuron(2, rng=1, activation="tanh")([0.5, 1.0])
    h.backward()
    h.grad = 7.0
    assert h.args[0].grad == h.partials[0]
    assert h.grad == 7.0


def test_a_node_made_by_hand_may_look_at_a_neuron_in_the_middle_of_a_pass() -> None:
    for reads in (False, True):
        neuron = Neuron(2, rng=1, activation="tanh")
        h = neuron([0.5, 1.0])
        out = Value(h.data**2, (h,), "square")

        def square(h: Value = h, out: Value = out, reads: bool = reads) -> None:
            if reads:
                assert len(h.args) == 1
            h.grad += 2 * h.data * out.grad

        out._backward = square
        out.backward()
        slope = 2 * h.data * (1 - h.data**2)
        assert [w.grad for w in neuron.w] == pytest.approx([0.5 * slope, slope])
        assert h.args[0].grad == pytest.approx(slope)
        assert out.partials == (2 * h.data,)


def test_the_derivative_of_a_node_made_by_hand_is_found_without_a_trace() -> None:
    h = Neuron(2, rng=1, activation="tanh")([0.5, 1.0])
    out = Value(h.data**2, (h,), "square")
    out._backward = lambda: h._set_grad(h.grad + 2 * h.data * out.grad)
    h.backward(3.0)
    assert out.partials == (2 * h.data,)
    assert (h.grad, h.args[0].grad) == (3.0, 3.0 * h.partials[0])


def test_a_copy_of_a_graph_goes_on() -> None:
    h = Layer(2, 3, rng=1, activation="tanh")([0.5, 1.0])
    y = engine.sum(list(h))
    for twin in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        twin.backward()
        assert [x.grad for x in twin.args] == [1.0, 1.0, 1.0]
    assert not any(map(folded, h))


@pytest.mark.parametrize("kind", ["computed weight", "too many inputs", "own activation", "sum"])
def test_what_does_not_fit_into_one_node_is_two(kind: str) -> None:
    n = LONGEST if kind == "too many inputs" else 2
    neuron = Neuron(n, rng=1, activation=abs if kind == "own activation" else "relu")
    root = Value(0.5)
    if kind == "computed weight":
        neuron.w[0] = root * 2.0
    if kind == "sum":
        neuron.b.data = float("inf")
    h = neuron([1.0] * n)
    assert not folded(h)
    h.backward()
    assert root.grad == (2.0 if kind == "computed weight" else 0.0)


def test_numbers_that_change_later_change_no_gradient() -> None:
    neuron = Neuron(2, rng=1, activation="tanh")
    xs = [Value(0.5), Value(1.0)]
    h = neuron(xs)
    weights = [w.data for w in neuron.w]
    for node in (*xs, *neuron.w):
        node.data = 100.0
    h.backward()
    slope = 1 - h.data * h.data
    assert [w.grad for w in neuron.w] == [0.5 * slope, 1.0 * slope]
    assert [x.grad for x in xs] == [w * slope for w in weights]
    assert h.args[0].partials == (0.5, 1.0, *weights, 1.0)


def test_threads_that_look_at_once_see_the_same() -> None:
    layer = Layer(2, 50, rng=1)
    for _ in range(20):
        out = layer([0.5, 1.0])
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda _, out=out: [h.args[0] for h in out], range(4)))
        assert all(x is y for others in seen for x, y in zip(others, seen[0], strict=True))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4), NUMBERS, st.booleans())
def test_a_sum_of_single_nodes_is_that_of_the_operators(
    pairs: list[tuple[float, float]], b: float, computed_weight: bool
) -> None:
    neuron = Neuron(len(pairs), False, fused=False, scope="here")
    neuron.w = [Value(w) for w, _ in pairs]
    neuron.b.data = b
    if computed_weight:
        neuron.w[0] = -neuron.w[0]
    xs = [Value(x) for _, x in pairs]
    total = neuron.b
    for w, x in zip(neuron.w, xs, strict=True):
        total = total + w * x
    found = []
    for y in (neuron(xs), total):
        for node in topological_order(y):
            node.grad = 0.0
        y.backward()
        nodes = topological_order(y)
        numbers = [n for x in nodes for n in (x.data, x.grad, *x.partials)]
        found.append([bits(n) for n in numbers] + [x._op for x in nodes])
    assert found[0] == found[1]
    assert {x.scope for x in topological_order(neuron(xs)) if x._op in ("+", "*")} == {"here"}
