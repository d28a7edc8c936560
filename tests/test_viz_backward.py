"""The backward pass as a picture of its own."""

from __future__ import annotations

import pytest

from engine import Value, gradient, topological_order
from nn import MLP
from viz import draw_backward
from viz.backward import both


def network() -> tuple[Value, MLP]:
    """The loss of a 2-2-1 network."""
    model = MLP(2, [2, 1], rng=1, activation="tanh")
    loss = (model([Value(1.0, label="x0"), Value(-2.0, label="x1")]) - 1.0) ** 2
    loss.label = "L"
    return loss, model


def test_the_derivatives_are_the_engine_s_and_are_named() -> None:
    loss, model = network()
    passes = both(loss, model.parameters())
    assert passes.forward == topological_order(loss)
    assert not set(passes.forward) & set(passes.backward)
    titles = {name: node.data for node, name in passes.named.items() if name.startswith("∂")}
    for w, slope in zip(model.parameters(), gradient(loss, model.parameters()), strict=True):
        title = f"∂L/∂{passes.named[w]}"
        assert [d for name, d in titles.items() if title in name.split(" = ")] == [slope]


def test_one_node_may_be_the_derivative_by_several() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    s = a + b
    s.label = "s"
    y = s.tanh()
    y.label = "y"
    passes = both(y, [a, b])
    assert "∂y/∂s = ∂y/∂b = ∂y/∂a" in passes.named.values()
    assert list(passes.pairs) == [s]


def test_stored_values_that_the_backward_pass_needs_are_seen() -> None:
    loss, model = network()
    svg = draw_backward(loss, model.parameters()).pipe("svg").decode()
    passes = both(loss, model.parameters())
    above = set(passes.forward)
    needed = [arg for node in passes.backward for arg in node.args if arg in above]
    assert svg.count("stroke-dasharray") >= len(needed)
    edges = sum(len(node.args) for node in [*passes.forward, *passes.backward])
    assert svg.count('class="edge"') == edges
    assert svg.count('class="cluster"') == 2
    assert "forward: values" in svg
    assert "a stored value that the backward pass needs" in svg


def test_a_derivative_that_is_a_stored_value_is_said() -> None:
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    y = x * w
    y.label = "y"
    passes = both(y, [x, w])
    assert not passes.backward
    assert sorted(r for r in passes.remarks if "/∂y" not in r) == ["∂y/∂w is x", "∂y/∂x is w"]
    assert "∂y/∂w is x" in draw_backward(y, [x, w]).source


def test_nothing_changes_and_it_is_the_same_each_time() -> None:
    loss, model = network()
    loss.backward()
    before = [(n.label, n.grad) for n in topological_order(loss)]
    first, second = (draw_backward(loss, model.parameters(), dark=True).source for _ in range(2))
    assert first == second
    assert [(n.label, n.grad) for n in topological_order(loss)] == before


def test_mistakes() -> None:
    loss, model = network()
    with pytest.raises(ValueError, match="was not computed from 'other'"):
        draw_backward(loss, Value(1.0, label="other"))
    big = MLP(2, [30, 1], rng=0)
    with pytest.raises(ValueError, match="can show at most 150"):
        draw_backward(big([1.0, 2.0]), big.parameters())
    model.layers[0].neurons[0].w[0].data = 9.0
    with pytest.raises(ValueError, match="no longer follows"):
        draw_backward(loss, model.parameters())
    with pytest.raises(TypeError):
        draw_backward(3.0, loss)  # type: ignore[arg-type]
