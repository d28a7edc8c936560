"""What nodes are called: what they are, no two alike, and right in LaTeX."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value, topological_order
from engine import sum as summed
from engine.strategies import Computation, computations
from nn import MLP
from viz import derive, draw, draw_paths
from viz.drawing import describe
from viz.names import LONGEST, names
from viz.text import NAME_LENGTH, term


def called(root: Value) -> list[str]:
    return [str(name) for name in names(topological_order(root)).values()]


def test_small_expressions_are_names() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    assert called((a * 2 + 1).tanh()) == ["a", "2", "(a·2)", "1", "(a·2 + 1)", "tanh(a·2 + 1)"]
    assert called(a**2)[-1] == "(a²)"
    assert called(-a)[-1] == "(−a)"
    assert called(a.sigmoid())[-1] == "σ(a)"
    assert called((a + b) * (a - b))[-1] == "((a + b)·(a − b))"
    assert called(summed([a, b, a]))[-1] == "(a + b + a)"
    assert called(a * 0.30000000000000004)[1:] == ["0.3", "(a·0.3)"]


def test_what_is_too_long_is_named_by_its_operation_and_index() -> None:
    y = Value(0.5, label="x")
    for _ in range(6):
        y = y.tanh()
    assert called(y)[1:] == ["tanh(x)", "tanh(tanh(x))", "tanh₃", "tanh₄", "tanh₅", "tanh₆"]
    assert all(len(name) <= LONGEST for name in called(y))
    xs = [Value(1.0, label=f"x{i}") for i in range(9)]
    assert called(summed(xs))[-1] == "Σ₁"
    assert called(xs[0] ** 2 * sum(xs))[-1].startswith("×")


def test_a_node_made_by_hand_is_named_by_its_sign() -> None:
    x = Value(2.0, label="x")
    assert called(Value(4.0, (x,), "mystery"))[-1] == "mystery₁"


def test_leaves_without_a_label_are_counted_by_their_role() -> None:
    a, b, w = Value(1.0), Value(2.0), Value(3.0, role="parameter")
    assert called((a + b) * w) == ["in₁", "in₂", "(in₁ + in₂)", "p₁", "((in₁ + in₂)·p₁)"]


def test_names_tell_neurons_apart() -> None:
    model = MLP(2, [2, 1], rng=0, fused=False)
    found = called(model([1.0, 2.0]))
    assert len(set(found)) == len(found)
    assert {"w0[0.1]", "(w0·x0)[0.0]", "(b + w0·x0)[0.0]", "x1"} <= set(found)
    assert not any(name.startswith("v") for name in found)


labels = st.sampled_from(["", "a", "a[1]", "(a·2)", "tanh₁", "v0", "2", "x" * 50, "<b>\n&"])


@given(computations(max_nodes=14), st.lists(labels, min_size=20, max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_two_nodes_are_called_alike(c: Computation, given_labels: list[str]) -> None:
    known = c.run()
    for node, label in zip(known, given_labels, strict=False):
        node.label = label
        node.scope = "layers.1.neurons.0" if len(label) == 1 else ""
    found = called(known[-1])
    assert len(set(found)) == len(found)
    titles = [card.title for card in describe(known[-1]).cards]
    assert len(set(titles)) == len(titles)
    for name in names(topological_order(known[-1])).values():
        assert len(name.label) <= NAME_LENGTH
        latex = name.latex()
        assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
        assert latex.count(r"\left") == latex.count(r"\right")


@pytest.mark.parametrize(
    ("formula", "latex"),
    [
        (lambda a: a * 2 + 1, r"\left(a \cdot 2 + 1\right)"),
        (lambda a: a.tanh(), r"\tanh\left(a\right)"),
        (lambda a: a**2, r"\left(a^{2}\right)"),
        (lambda a: a.tanh().tanh().tanh().tanh().tanh(), r"{\mathrm{tanh}}_{5}"),
        (lambda a: (a + 1) * (a + 2) * (a + 3) * (a + 4), r"{\text{$\times$}}_{3}"),
    ],
)
def test_names_in_latex(formula: object, latex: str) -> None:
    y = formula(Value(0.5, label="a"))  # type: ignore[operator]
    assert names(topological_order(y))[y].latex() == latex


def test_names_stand_in_formulas_with_the_parentheses_that_they_need() -> None:
    a = Value(0.5, label="a")
    y = ((a * 2).exp() + a * 2) ** 2
    y.label = "y"
    text = str(derive(y, a))
    assert "exp(a·2)" in text
    assert "((" not in text.replace("∂((", "").replace("·((", "")
    for name, part in {"a": "a", "(a·2)": "(a·2)", "f(a)": "f(a)", "a + b": "(a + b)"}.items():
        assert term(name) == part
    for call in ("leaky_relu(x)", "hypot2(u, v)", "f1(g(x))"):
        assert term(call) == call
    assert term("(a)·(b)") == "((a)·(b))"
    assert r"\left(\left(" not in derive(y, a).latex()


def test_pictures_paths_and_derivations_use_the_same_names() -> None:
    a = Value(0.5, label="a")
    y = (a * 2 + 1).tanh() * a
    y.label = "y"
    for text in (str(derive(y, a)), str(draw_paths(y, a)), draw(y).source):
        assert "tanh(a·2 + 1)" in text


@pytest.mark.parametrize("blank", ["  ", "\n", "\t", ""])
@pytest.mark.parametrize("expand", [None, True, False])
def test_blank_texts_make_no_empty_cards(blank: str, expand: bool | None) -> None:
    model = MLP(2, [2, 1], rng=0)
    y = model([Value(1.0, label=blank), Value(2.0)]) ** 2
    y.label = blank
    for node in topological_order(y):
        node.scope = node.scope or blank
    for marks in ({}, dict.fromkeys(topological_order(y), blank)):
        svg = draw(y, expand=expand, marks=marks, title=blank).pipe("svg", encoding="utf-8")
        for card in re.findall(r'class="node">.*?</g>', svg, re.DOTALL):
            assert "<text" in card


@pytest.mark.parametrize(
    "labels", [("x1", "x_1", "x₁"), ("A", "Α"), ("x1[1]", "x₁[1]"), ("µ", "μ")]
)
def test_no_two_names_are_alike_in_latex(labels: tuple[str, ...]) -> None:
    leaves = [Value(float(i), label=label) for i, label in enumerate(labels)]
    order = topological_order(sum(leaves, Value(1.0)))
    assert len({name.latex() for name in names(order).values()}) == len(order)
