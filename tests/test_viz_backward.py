"""The backward pass as a picture of its own."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine import Value, gradient, topological_order
from engine.strategies import Computation, computations
from nn import MLP
from viz import derive, draw_backward
from viz.backward import both
from viz.pathsum import path_sum

SVG = "{http://www.w3.org/2000/svg}"


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
    assert "forward: values" in svg
    assert "backward: derivatives" in svg
    assert "a stored value that the backward pass needs" in svg


def test_a_derivative_that_is_a_stored_value_is_said() -> None:
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    y = x * w
    y.label = "y"
    passes = both(y, [x, w])
    assert not passes.backward
    assert sorted(r for r in passes.remarks if "/∂y" not in r) == ["∂y/∂w is x", "∂y/∂x is w"]
    assert "∂y/∂w is x" in draw_backward(y, [x, w]).source


def places(svg: bytes) -> dict[str, tuple[float, float]]:
    """Where texts stand in a picture: the left end of their baselines."""
    texts = ET.fromstring(svg).iter(f"{SVG}text")
    return {t.text or "": (float(t.get("x", "")), float(t.get("y", ""))) for t in texts}


@settings(max_examples=15)
@given(computations(max_nodes=8), st.sampled_from(["", "A title"]))
def test_the_backward_pass_stands_above_and_nothing_goes_through_a_heading(
    c: Computation, title: str
) -> None:
    root = c.run()[-1]
    order = topological_order(root)
    variables = [node for node in order if not node.args and node.role != "constant"][:3]
    assume(len(order) > 1 and variables)
    passes = both(root, variables)
    assume(passes.backward)
    svg = draw_backward(root, variables, title=title).pipe("svg")
    found = places(svg)
    above, below = found["backward: derivatives"], found["forward: values"]
    nodes = {
        int(group.findtext("{*}title", "")[1:]): [
            float(t.get("y", "")) for t in group.iter(f"{SVG}text")
        ]
        for group in ET.fromstring(svg).iter(f"{SVG}g")
        if group.get("class") == "node"
    }
    count = len(passes.forward)
    forward = [y for node, ys in nodes.items() if node < count for y in ys]
    backward = [y for node, ys in nodes.items() if node >= count for y in ys]
    assert above[1] < min(backward) < max(backward) < min(forward) < max(forward) < below[1]
    for path in re.findall(r'<path fill="none"[^>]* d="([^"]*)"', svg.decode()):
        numbers = [float(x) for x in re.findall(r"-?[\d.]+", path)]
        for x, y in zip(numbers[::2], numbers[1::2], strict=True):
            for left, base in (above, below):
                assert not (left <= x <= left + 90 and base - 8 <= y <= base)


def test_each_product_is_named_and_names_that_are_no_words_stand_in_parentheses() -> None:
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    s = a * b + a**2
    s.label = "a·b + a²"
    y = s.tanh()
    y.label = "y"
    passes = both(y, [a, b])
    assert "∂y/∂(a·b + a²)" in " ".join(passes.named.values())
    assert set(passes.formulas) == {node for node in passes.backward if node.args}
    assert all(passes.formulas.values())
    shown = set(places(draw_backward(y, [a, b]).pipe("svg")))
    assert {"y·y", "= 1 − y·y", "∂y/∂b", "= a·∂y/∂(a·b + a²)"} <= shown
    assert not [text for text in shown if "^" in text or "¹" in text]
    assert not [node for node in passes.backward if node.sign == "^1"]
    text = str(derive(y, b))
    assert "∂y/∂(a·b + a²)" in text
    assert r"\partial \left(\text{a$\cdot$b + a²}\right)" in derive(y, b).latex()
    assert str(path_sum(s, b, 3)).startswith("∂(a·b + a²)/∂b is")


def test_what_is_hidden_is_left_blank() -> None:
    loss, model = network()
    wrt = model.layers[1].parameters()
    key = places(draw_backward(loss, wrt, digits=3).pipe("svg"))
    sheet = places(draw_backward(loss, wrt, hide="grad", legend=False).pipe("svg"))
    assert "________" in sheet
    assert "________" not in key
    assert "a stored value" not in " ".join(sheet)
    with pytest.raises(ValueError, match="digits must be"):
        draw_backward(loss, wrt, digits=99)
    with pytest.raises(TypeError, match="wrt is a Value or several, not str: 'w1'"):
        draw_backward(loss, ["w1"])  # type: ignore[list-item]


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
