"""From a graph to its drawing, and what `draw` refuses."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from engine import Value
from viz import draw
from viz.drawing import FULL_CARDS, LARGEST, describe


def chain(length: int) -> Value:
    """A graph of so many nodes."""
    node = Value(0.5)
    for _ in range(length - 1):
        node = node.tanh()
    return node


def test_cards_show_what_the_nodes_know() -> None:
    x = Value(2.0, label="x")
    w = Value(-3.0, label="w", role="parameter", scope="layers.0.neurons.1")
    y = x * w + 1
    y.label = "y"
    y.backward()
    cards = describe(y).cards
    assert [c.name for c in cards] == ["x", "w", "(x·w)", "1", "y"]
    assert [c.named for c in cards] == [True, True, False, False, True]
    assert [c.role for c in cards] == ["input", "parameter", "computed", "constant", "computed"]
    assert [c.sign for c in cards] == ["", "", "×", "", "+"]
    assert [c.scope for c in cards] == ["", "layers.0.neurons.1", "", "", ""]
    assert [c.data for c in cards] == [2, -3, -6, 1, -5]
    assert [c.grad for c in cards] == [-3, 2, 1, 1, 1]
    assert [c.output for c in cards] == [False] * 4 + [True]


def test_edges_arrive_in_the_order_of_the_arguments() -> None:
    a, b = Value(3.0), Value(5.0)
    y = (b - a) * b
    y.backward()
    found = [(e.tail, e.head, e.position, e.partial, e.sent) for e in describe(y).edges]
    assert found == [(0, 2, 0, 1, 5), (1, 2, 1, -1, -5), (2, 3, 0, 5, 5), (0, 3, 1, 2, 2)]


def test_a_node_used_twice_has_two_edges() -> None:
    a = Value(3.0)
    edges = describe(a * a).edges
    assert [(e.tail, e.head, e.position) for e in edges] == [(0, 1, 0), (0, 1, 1)]


def test_what_is_sent_is_partial_times_gradient_and_adds_up_to_the_gradient() -> None:
    x, w = Value(0.3), Value(-1.7)
    y = (x * w).tanh() * x + w.exp()
    y.backward()
    drawing = describe(y)
    for tail, card in enumerate(drawing.cards[:-1]):
        sent = math.fsum(edge.sent for edge in drawing.edges if edge.tail == tail)
        assert sent == pytest.approx(card.grad, rel=1e-14)
    assert drawing.largest_sent == max(abs(edge.sent) for edge in drawing.edges)


def test_a_branch_not_taken_sends_nothing_whatever_comes_from_above() -> None:
    y = Value(-1.0).relu().log()  # log'(0) = inf
    y.backward()
    assert [edge.sent for edge in describe(y).edges] == [0.0, math.inf]


def test_several_roots_are_drawn_together() -> None:
    a = Value(2.0)
    b, c = a * 3, a + 1
    for roots in ([b, c], (b, c)):
        cards = describe(roots).cards
        assert len(cards) == 5
        assert [card.data for card in cards if card.output] == [6, 3]
    assert len(describe([b, b]).cards) == 3


def test_before_the_backward_pass_nothing_has_been_differentiated() -> None:
    y = Value(2.0) * 3
    assert not describe(y).differentiated
    y.backward()
    assert describe(y).differentiated


def test_a_node_made_by_hand_without_a_derivative_is_drawn_all_the_same() -> None:
    x = Value(2.0)
    out = Value(0.5, (x,), "mystery")
    drawing = describe(out)
    assert drawing.cards[1].sign == "mystery"
    assert [edge.partial for edge in drawing.edges] == [None]
    assert "∂ ?" in draw(out).source


def test_large_graphs_get_compact_cards() -> None:
    assert not describe(chain(FULL_CARDS)).compact
    assert describe(chain(FULL_CARDS + 1)).compact


def test_too_large_graphs_are_refused_with_a_way_out() -> None:
    assert len(describe(chain(LARGEST)).cards) == LARGEST
    message = r"10,001 nodes.*at most 10,000.*collapse.*draw_paths.*single sample"
    with pytest.raises(ValueError, match=message):
        draw(chain(LARGEST + 1), expand=True)


@pytest.mark.parametrize("root", [3.0, "x", None, {1: 2}, [Value(1.0), 2.0], [[Value(1.0)]]])
def test_only_values_can_be_drawn(root: Any) -> None:
    with pytest.raises(TypeError, match=r"takes a Value or a sequence of Values.*"):
        draw(root)


def test_the_error_names_what_was_given() -> None:
    with pytest.raises(TypeError, match=r"not float: 3\.0"):
        draw(3.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"item 1 is str: 'x'"):
        draw([Value(1.0), "x"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="empty"):
        draw([])
    with pytest.raises(ValueError, match=r"rankdir must be one of LR, TB, not 'RL'"):
        draw(Value(1.0), rankdir="RL")


def test_drawing_leaves_the_graph_alone() -> None:
    x = Value(2.0, label="x")
    y = x.tanh()
    y.backward()
    before = (x.data, x.grad, y.data, y.grad, sys.getrefcount(y))
    draw(y)
    assert (x.data, x.grad, y.data, y.grad, sys.getrefcount(y)) == before


def test_marks_are_text_for_nodes() -> None:
    y = Value(1.0).tanh()
    wrong: list[Any] = ["a", [y], {3: "a"}, {"y": "a"}, {y: 3}, {y: None}]
    for marks in wrong:
        with pytest.raises(TypeError, match=r"marks are a dict \{Value: str\}"):
            draw(y, marks=marks)
    assert draw(y, marks={}).source == draw(y).source
