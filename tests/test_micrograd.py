"""Code that was written for micrograd, and for the lecture that builds it, runs as it is.

Only the import changes. Stated differences: ``-`` and ``/`` are single nodes, data and grad are
floats, and a computed node's gradient starts afresh with each backward pass.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from engine import Value, relu


def sanity(x: Any, rectify: Any) -> Any:
    z = 2 * x + 2 + x
    q = rectify(z) + z * x
    h = rectify(z * z)
    return h + q + q * x


def tour(a: Any, b: Any, rectify: Any) -> Any:
    """Every operation of micrograd, with augmented assignments."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + rectify(b + a)
    d += 3 * d + rectify(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def test_the_example_of_the_readme() -> None:
    a, b = Value(-4.0), Value(2.0)
    g = tour(a, b, relu)
    g.backward()
    assert f"{g.data:.4f}" == "24.7041"
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"
    assert repr(a) == f"Value(data=-4.0, grad={a.grad})"


def test_the_sanity_check() -> None:
    x = Value(-4.0)
    y = sanity(x, relu)
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)


def test_the_two_checks_against_torch() -> None:
    torch = pytest.importorskip("torch")
    checks: list[tuple[Any, tuple[float, ...], float]] = [
        (sanity, (-4.0,), 0.0),
        (tour, (-4.0, 2.0), 1e-6),
    ]
    for function, inputs, allowed in checks:
        ours = [Value(x) for x in inputs]
        theirs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
        y, t = function(*ours, relu), function(*theirs, torch.relu)
        y.backward()
        t.backward()
        assert abs(y.data - t.item()) <= allowed
        for x, other in zip(ours, theirs, strict=True):
            assert abs(x.grad - other.grad.item()) <= allowed


def test_the_same_numbers_as_micrograd_itself() -> None:
    theirs = pytest.importorskip("micrograd.engine").Value
    examples: list[tuple[Any, tuple[float, ...]]] = [
        (sanity, (-4.0,)),
        (tour, (-4.0, 2.0)),
        (tour, (1.3, -0.7)),
    ]
    kinds: list[Any] = [Value, theirs]
    for function, inputs in examples:
        results = []
        for kind in kinds:
            variables = [kind(x) for x in inputs]
            y = function(*variables, kind.relu)
            y.backward()
            results.append([y.data, *(x.grad for x in variables)])
        assert results[0] == pytest.approx(results[1], rel=1e-14)


def test_reprs_and_names_of_operations_are_micrograds() -> None:
    theirs = pytest.importorskip("micrograd.engine").Value
    makers: list[Callable[[Any], Any]] = [
        lambda kind: kind(1.5),
        lambda kind: kind(1.5) + 2,
        lambda kind: 2 * kind(1.5),
        lambda kind: kind(1.5) ** 2,
        lambda kind: kind(1.5) ** -0.5,
        lambda kind: kind(-1.5).relu(),
    ]
    for make in makers:
        ours, other = make(Value), make(theirs)
        assert ours._op == other._op
        assert repr(ours) == repr(other).replace("grad=0)", "grad=0.0)").replace(
            "data=0,", "data=0.0,"
        )
        assert sorted(v.data for v in ours._prev) == sorted(v.data for v in other._prev)


# ---------------------------------------------------------------- the lecture


def neuron() -> dict[str, Value]:
    """The lecture's neuron with two inputs, every value labelled."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    both = x1w1 + x2w2
    both.label = "x1*w1 + x2*w2"
    n = both + b
    n.label = "n"
    return {v.label: v for v in (x1, x2, w1, w2, b, x1w1, x2w2, both, n)}


GRADIENTS = {
    "n": 0.5, "b": 0.5, "x1*w1 + x2*w2": 0.5, "x1*w1": 0.5, "x2*w2": 0.5,
    "x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0,
}  # fmt: skip


def gradients(values: dict[str, Value]) -> dict[str, float]:
    return {label: v.grad for label, v in values.items()}


def test_backward_by_hand_one_node_after_the_other() -> None:
    v = neuron()
    o = v["n"].tanh()
    assert o.data == pytest.approx(0.7071067811865476)
    o.grad = 1.0
    o._backward()
    for label in ("n", "b", "x1*w1 + x2*w2", "x2*w2", "x1*w1"):
        v[label]._backward()
    assert gradients(v) == pytest.approx(GRADIENTS)


def test_backward_by_hand_along_a_topological_order_of_ones_own() -> None:
    v = neuron()
    o = v["n"].tanh()
    order: list[Value] = []
    visited: set[Value] = set()

    def build(node: Value) -> None:
        if node not in visited:
            visited.add(node)
            for child in node._prev:
                build(child)
            order.append(node)

    build(o)
    assert len(order) == 10
    assert order[-1] is o
    o.grad = 1.0
    for node in reversed(order):
        node._backward()
    assert gradients(v) == pytest.approx(GRADIENTS)


def test_backward_in_one_call() -> None:
    v = neuron()
    o = v["n"].tanh()
    o.backward()
    assert gradients(v) == pytest.approx(GRADIENTS)
    assert o.grad == 1.0


def test_tanh_taken_apart_has_the_same_gradients() -> None:
    v = neuron()
    e = (2 * v["n"]).exp()
    o = (e - 1) / (e + 1)
    o.backward()
    assert o.data == pytest.approx(0.7071067811865476)
    assert gradients(v) == pytest.approx(GRADIENTS)


def test_tanh_added_by_hand_has_the_same_gradients() -> None:
    v = neuron()
    n = v["n"]
    x = n.data
    t = (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)
    o = Value(t, (n,), "tanh", label="o")

    def _backward() -> None:
        n.grad += (1 - t**2) * o.grad

    o._backward = _backward
    assert (o._op, o._prev) == ("tanh", {n})
    o.backward()
    assert gradients(v) == pytest.approx(GRADIENTS)


def test_a_value_that_is_used_twice() -> None:
    a = Value(3.0, label="a")
    b = a + a
    b.backward()
    assert a.grad == 2.0
    a, b = Value(-2.0), Value(3.0)
    d, e = a * b, a + b
    f = d * e
    f.backward()
    assert (f.data, a.grad, b.grad) == (-6.0, -3.0, -8.0)


def test_nudging_the_leaves_along_the_gradient_raises_the_result() -> None:
    a, b, c, f = Value(2.0), Value(-3.0), Value(10.0), Value(-2.0)
    loss = (a * b + c) * f
    assert loss.data == -8.0
    loss.backward()
    assert (a.grad, b.grad, c.grad, f.grad) == (6.0, -4.0, -2.0, 4.0)
    for leaf in (a, b, c, f):
        leaf.data += 0.01 * leaf.grad
    assert ((a * b + c) * f).data == pytest.approx(-7.286496)


def test_a_graph_is_traced_and_drawn_with_graphviz_as_in_the_lecture() -> None:
    graphviz = pytest.importorskip("graphviz")
    v = neuron()
    root = v["n"].tanh()
    root.label = "o"
    root.backward()
    nodes: set[Value] = set()
    edges: set[tuple[Value, Value]] = set()

    def build(node: Value) -> None:
        if node not in nodes:
            nodes.add(node)
            for child in node._prev:
                edges.add((child, node))
                build(child)

    build(root)
    dot = graphviz.Digraph(format="svg", graph_attr={"rankdir": "LR"})
    for node in nodes:
        uid = str(id(node))
        text = f"{{ {node.label} | data {node.data:.4f} | grad {node.grad:.4f} }}"
        assert text == "{ %s | data %.4f | grad %.4f }" % (node.label, node.data, node.grad)  # noqa: UP031
        dot.node(name=uid, label=text, shape="record")
        if node._op:
            dot.node(name=uid + node._op, label=node._op)
            dot.edge(uid + node._op, uid)
    for one, other in edges:
        dot.edge(str(id(one)), str(id(other)) + other._op)
    assert len(nodes) == 10
    assert len(edges) == 9
    assert "{ o | data 0.7071 | grad 1.0000 }" in dot.source
    assert "{ x1 | data 2.0000 | grad -1.5000 }" in dot.source


# ---------------------------------------------------------------- its training loops


def test_the_lectures_perceptron_learns_its_four_examples() -> None:
    """Neuron, Layer and MLP as the lecture writes them, on Values alone."""
    source = random.Random(1337)

    def layer(inputs: int, outputs: int) -> list[list[Value]]:
        return [[Value(source.uniform(-1, 1)) for _ in range(inputs + 1)] for _ in range(outputs)]

    layers = [layer(3, 4), layer(4, 4), layer(4, 1)]
    parameters = [w for each in layers for weights in each for w in weights]
    assert len(parameters) == 41

    def model(x: Any) -> Any:
        for each in layers:
            x = [sum((w * xi for w, xi in zip(ws, x, strict=False)), ws[-1]).tanh() for ws in each]
        return x[0]

    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(20):
        predictions = [model(x) for x in xs]
        loss = sum((out - target) ** 2 for target, out in zip(ys, predictions, strict=True))
        assert isinstance(loss, Value)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data += -0.1 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.1 < losses[0]


def test_the_demos_hinge_loss_with_numpy_labels() -> None:
    np = pytest.importorskip("numpy")
    points = np.array([[1.0, 2.0], [-1.0, 0.5], [0.3, -2.0]])
    labels = np.array([1, -1, 1])
    w = [Value(0.1), Value(-0.2), Value(0.05)]

    def score(x: list[Value]) -> Any:
        return sum((wi * xi for wi, xi in zip(w, x, strict=False)), w[2]).relu()

    inputs = [list(map(Value, row)) for row in points]
    scores = list(map(score, inputs))
    losses = [(1 + -yi * si).relu() for yi, si in zip(labels, scores, strict=True)]
    total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in w)
    total.backward()
    accuracy = [(yi > 0) == (si.data > 0) for yi, si in zip(labels, scores, strict=True)]
    assert type(total) is Value
    assert total.data == pytest.approx((1 + 1 + (1 - 0.48)) / 3 + 1e-4 * 0.0525)
    assert sum(accuracy) == 2
    assert w[0].grad == pytest.approx(-0.3 / 3 + 2e-5)
    assert w[2].grad == pytest.approx(-1 / 3 + 1e-5)
