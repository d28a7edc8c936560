"""Large graphs: what becomes one card, what its numbers are, and how it is taken apart."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from engine import Value, topological_order
from nn import MLP
from viz import draw
from viz.collapse import COLLAPSED, MOST_EDGES, describe_any, is_large, levels
from viz.drawing import FULL_CARDS, Drawing


def loss_of(samples: int, fused: bool = False) -> tuple[Value, MLP]:
    """A hinge loss with an L2 penalty on MLP(2, [16, 16, 1]), after its backward pass."""
    model = MLP(2, [16, 16, 1], rng=1, fused=fused)
    scores = [model([i / samples, (i * 7 % 5) / 5]) for i in range(samples)]
    hinges = [(1 + (-1) ** i * score).relu() for i, score in enumerate(scores)]
    loss = sum(hinges) * (1 / samples) + 1e-4 * sum(p * p for p in model.parameters())
    loss.label = "loss"
    loss.backward()
    return loss, model


@pytest.fixture(scope="module")
def large() -> Drawing:
    """The drawing of more than 10,000 nodes."""
    return describe_any(loss_of(16)[0], None, None)


def names(drawing: Drawing) -> list[str]:
    return [card.name for card in drawing.cards]


def test_every_neuron_becomes_one_card(large: Drawing) -> None:
    neurons = [f"layers.{i}.neurons.{j}" for i in (0, 1) for j in range(16)]
    assert {*neurons, "layers.2.neurons.0"} <= set(names(large))
    assert len(large.cards) < 60
    assert large.collapsed
    assert large.compact
    assert sum(card.size for card in large.cards) == len(topological_order(loss_of(16)[0]))
    assert large.caption[0].startswith("11,386 nodes on 50 cards")


def test_a_card_shows_the_norm_of_its_parameters_gradients(large: Drawing) -> None:
    _, model = loss_of(16)
    neuron = model.layers[1].neurons[3]
    card = next(card for card in large.cards if card.name == "layers.1.neurons.3")
    assert card.grad == pytest.approx(math.hypot(*(p.grad for p in neuron.parameters())))
    assert card.role == "parameter"


def test_an_edge_stands_for_all_between_two_cards(large: Drawing) -> None:
    ends = [(edge.tail, edge.head) for edge in large.edges if edge.size > 1]
    assert len(set(ends)) == len(ends)
    assert all(edge.tail != edge.head for edge in large.edges)
    inputs, first = (names(large).index(n) for n in ("inputs", "layers.0.neurons.0"))
    (edge,) = (e for e in large.edges if (e.tail, e.head) == (inputs, first))
    assert edge.size == 32
    assert edge.partial is None
    assert 0 <= edge.sent <= large.largest_sent


def test_the_output_stays_a_node(large: Drawing) -> None:
    (output,) = (card for card in large.cards if card.output)
    assert (output.name, output.size) == ("loss", 1)


def test_a_layer_is_taken_apart_by_name() -> None:
    loss, _ = loss_of(16, fused=True)
    whole = describe_any(loss, None, False)
    expanded = describe_any(loss, None, "layers.2")
    assert "layers.2.neurons.0" in names(whole)
    assert "layers.2.neurons.0" not in names(expanded)
    z = [card for card in expanded.cards if card.scope == "layers.2.neurons.0"]
    assert len(z) == 16 + 17
    both = describe_any(loss, None, ["layers.2", "inputs"])
    assert len(both.cards) == len(expanded.cards) + 31
    with pytest.raises(ValueError, match=r"no card is called 'layers.9'.*'layers.0.neurons.0'"):
        draw(loss, expand="layers.9")


def test_many_neurons_become_layers_and_these_neurons() -> None:
    model = MLP(3, [100, 100, 1], rng=0)
    loss = model([1.0, 2.0, 3.0]) ** 2
    whole = describe_any(loss, None, False)
    assert {"layers.0", "layers.1", "layers.2"} <= set(names(whole))
    expanded = names(describe_any(loss, None, "layers.1"))
    assert "layers.1.neurons.99" in expanded
    assert "layers.1" not in expanded
    assert "layers.0" in expanded


def test_expand_true_shows_every_node_and_false_collapses_a_small_graph() -> None:
    loss, _ = loss_of(1, fused=True)
    size = len(topological_order(loss))
    assert len(describe_any(loss, None, True).cards) == size
    assert len(describe_any(loss, None, False).cards) < 60
    y = Value(1.0).tanh()
    assert len(describe_any(y, None, False).cards) == 2


def test_what_has_no_scope_is_grouped_by_what_it_does() -> None:
    xs = [Value(i / 10, label=f"x{i}") for i in range(50)]
    total: Any = sum((x * x for x in xs), start=Value(0.0))
    total.backward()
    drawing = describe_any(total, None, False)
    assert sorted(card.size for card in drawing.cards) == [1, 1, 49, 50, 50]
    assert names(drawing).count("inputs") == 1


def test_a_long_chain_is_cut_into_bands_of_depth() -> None:
    x = node = Value(0.5, label="x")
    for i in range(3333):
        node = node.tanh() * (1 + i % 3) + x
    drawing = describe_any(node, None, None)
    assert len(topological_order(node)) > 9_900
    assert len(drawing.cards) <= FULL_CARDS
    assert sum(card.size for card in drawing.cards) == len(topological_order(node))


def test_large_means_slow_to_lay_out() -> None:
    def chain(length: int) -> Value:
        node = Value(0.5)
        for _ in range(length - 1):
            node = node.tanh()
        return node

    assert not is_large(topological_order(chain(COLLAPSED)))
    assert is_large(topological_order(chain(COLLAPSED + 1)))
    dense = sum(MLP(2, [30, 30, 30, 30, 1], rng=0)([1.0, 2.0 * i]) for i in range(2))
    order = topological_order(dense)
    assert sum(len(node.args) for node in order) > MOST_EDGES
    assert is_large(order)
    x = node = Value(0.5)
    for _ in range(400):
        node = node.tanh() + x
    assert is_large(topological_order(node))  # every + has a long edge from x


def test_marks_are_not_lost() -> None:
    loss, model = loss_of(16)
    w = model.layers[0].neurons[2].w[0]
    drawing = describe_any(loss, {w: "look here"}, None)
    marked = [card for card in drawing.cards if card.mark]
    assert [(card.name, card.mark) for card in marked] == [("layers.0.neurons.2", "look here")]
    assert "look here" in draw(loss, marks={w: "look here"}).source


def test_what_is_not_finite_shows_in_the_norm() -> None:
    xs = [Value(1.0) for _ in range(5)]
    total: Any = sum(xs, start=Value(0.0))
    xs[3].grad = math.nan
    card = next(c for c in describe_any(total, None, False).cards if c.name == "inputs")
    assert math.isnan(card.grad)
    xs[3].grad = math.inf
    card = next(c for c in describe_any(total, None, False).cards if c.name == "inputs")
    assert card.grad == math.inf


def test_scopes_have_levels() -> None:
    assert levels("layers.0.neurons.3") == ["layers.0", "layers.0.neurons.3"]
    assert levels("block") == ["block"]
    assert levels("encoder.2.norm") == ["encoder.2", "encoder.2.norm"]


def test_the_picture_names_counts_and_norms() -> None:
    loss, _ = loss_of(16)
    start = time.perf_counter()
    svg = draw(loss, dark=True).pipe("svg").decode()
    assert time.perf_counter() - start < 20
    assert "layers.1.neurons.3" in svg
    assert "‖grad‖" in svg
    assert "545 nodes" in svg
    assert "norm of the gradients sent back" in svg


@pytest.mark.parametrize("expand", [3, 1.5, object()])
def test_expand_takes_names(expand: Any) -> None:
    with pytest.raises(TypeError, match="expand is the name of a card, several, or a bool"):
        draw(Value(1.0), expand=expand)
