"""Large graphs: what becomes one card, what its numbers are, and how it is taken apart."""

from __future__ import annotations

import math
import time
from collections import Counter
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value, gradient, topological_order
from engine.strategies import Computation, computations
from nn import MLP, mean_squared_error
from viz import draw
from viz.clusters import levels, samples, title
from viz.collapse import FULL, LINES, Detail, describe_any, scene_of
from viz.drawing import Card, Drawing, describe
from viz.folding import expressions, folds


def loss_of(samples: int, fused: bool = False) -> tuple[Value, MLP]:
    """A hinge loss with an L2 penalty on MLP(2, [16, 16, 1]), after its backward pass."""
    model = MLP(2, [16, 16, 1], rng=1, fused=fused)
    scores = [model([i / samples, (i * 7 % 5) / 5]) for i in range(samples)]
    hinges = [(1 + (-1) ** i * score).relu() for i, score in enumerate(scores)]
    loss = sum(hinges) * (1 / samples) + 1e-4 * sum(p * p for p in model.parameters())
    loss.label = "loss"
    loss.backward()
    return loss, model


def xor(hidden: int = 4, samples: int = 1, layers: int = 1) -> tuple[Value, MLP]:
    """The mean squared error of a tanh network on some of XOR's samples, after backward()."""
    model = MLP(2, [hidden] * layers + [1], activation="tanh", rng=1)
    data = [([0, 1], 1), ([1, 0], 1), ([0, 0], 0), ([1, 1], 0)][:samples]
    loss = mean_squared_error([model(x) for x, _ in data], [t for _, t in data])
    loss.label = "loss"
    loss.backward()
    return loss, model


def tower(length: int) -> tuple[Value, Value]:
    """A chain of operations of one argument, after backward(), and where it begins."""
    x = y = Value(0.5, label="x")
    for i in range(length):
        y = y.tanh() if i % 2 else y.sin()
    y.label = "y"
    y.backward()
    return y, x


@pytest.fixture(scope="module")
def large() -> Drawing:
    """The drawing of more than 10,000 nodes."""
    return describe_any(loss_of(16)[0], None, None)


@pytest.fixture(scope="module")
def neurons() -> Drawing:
    """The neurons of two hidden layers of 16, one sample."""
    model = MLP(8, [16, 16, 1], activation="tanh", rng=1)
    loss = (model([i / 8 for i in range(8)]) - 1) ** 2
    loss.label = "loss"
    loss.backward()
    return describe_any(loss, None, None)


def names(drawing: Drawing) -> list[str]:
    return [card.name for card in drawing.cards]


def called(drawing: Drawing, name: str) -> Card:
    (card,) = (card for card in drawing.cards if card.name == name)
    return card


# ---------------- what becomes one card


def test_of_many_samples_every_layer_becomes_one_card(large: Drawing) -> None:
    assert {"L0", "L1", "L2 n0", "inputs", "loss"} <= set(names(large))
    assert called(large, "L1").words == ("16 neurons", "272 parameters", "16 samples")
    assert sum(card.size for card in large.cards) == len(topological_order(loss_of(16)[0]))
    assert large.caption[0].startswith("11,386 nodes on ")
    assert large.collapsed


def test_every_neuron_becomes_one_card_in_the_box_of_its_layer(neurons: Drawing) -> None:
    for layer in (0, 1):
        for i in range(16):
            card = called(neurons, f"L{layer} n{i}")
            assert card.box[0].startswith(f"L{layer}")
            assert card.scope == f"layers.{layer}.neurons.{i}"
    assert neurons.compact
    assert sum(card.size for card in neurons.cards) == 509


def test_neurons_stand_in_order(neurons: Drawing) -> None:
    for layer in (0, 1):
        order = [names(neurons).index(f"L{layer} n{i}") for i in range(16)]
        assert tuple(order) in neurons.columns


def test_many_edges_between_two_boxes_are_one(neurons: Drawing) -> None:
    box = {i: card.box for i, card in enumerate(neurons.cards)}
    between = [e for e in neurons.edges if box[e.tail] and box[e.head]]
    assert Counter(e.size for e in between if box[e.tail] != box[e.head])[256] == 1


def test_a_few_samples_have_a_card_each() -> None:
    loss, model = xor(samples=4)
    drawing = describe_any(loss, None, None)
    found = [called(drawing, f"sample {i}") for i in (1, 2, 3, 4)]
    assert [card.words for card in found] == [
        ("in 0, 1",),
        ("in 1, 0",),
        ("in 0, 0",),
        ("in 1, 1",),
    ]
    scores = [model(x).data for x in ([0, 1], [1, 0], [0, 0], [1, 1])]
    assert [card.rows[0][1] for card in found] == scores
    assert [card.data for card in found] == pytest.approx(
        [(y - t) ** 2 for y, t in zip(scores, (1, 1, 0, 0), strict=True)]
    )
    assert [card.grad for card in found] == [0.25] * 4
    weights = called(drawing, "L0 weights")
    assert weights.grad == pytest.approx(
        math.hypot(*(p.grad for p in model.layers[0].parameters()))
    )


def test_samples_are_what_hangs_together_without_the_parameters() -> None:
    loss, _ = xor(samples=3)
    order = topological_order(loss)
    found = samples(order)
    assert set(found.values()) == {0, 1, 2}
    assert len(set(Counter(found.values()).values())) == 1  # as many nodes in each
    assert all(node.role != "parameter" for node in found)
    assert loss not in found
    assert samples(topological_order(xor(samples=1)[0])) == {}


def test_a_neuron_says_what_it_is() -> None:
    loss, model = xor(layers=2)
    drawing = describe_any(loss, None, None)
    order = topological_order(loss)
    for layer in (0, 1):
        for i in range(4):
            card = called(drawing, f"L{layer} n{i}")
            (out,) = (n for n in order if n.label == f"h{i}" and f"layers.{layer}" in n.scope)
            assert (card.sign, card.data, card.grad) == ("tanh", out.data, out.grad)
            assert card.words == (f"{len(model.layers[layer].neurons[i].w) + 1} parameters",)


def test_the_output_stays_a_node(large: Drawing) -> None:
    (output,) = (card for card in large.cards if card.output)
    assert (output.name, output.size) == ("loss", 1)


def test_what_has_no_scope_is_grouped_by_what_it_does() -> None:
    xs = [Value(i / 10, label=f"x{i}") for i in range(50)]
    total: Any = sum((x * x for x in xs), start=Value(0.0))
    total.backward()
    drawing = describe_any(total, None, False)
    assert sorted(card.size for card in drawing.cards) == [1, 1, 49, 50, 50]
    assert {"49 +", "50 ×"} <= set(names(drawing))


def test_a_very_deep_graph_is_folded() -> None:
    x = node = Value(0.5, label="x")
    for i in range(3333):
        node = node.tanh() * (1 + i % 3) + x
    drawing = describe_any(node, None, None)
    assert len(topological_order(node)) > 9_900
    assert len(drawing.cards) < 20
    assert sum(card.size for card in drawing.cards) == len(topological_order(node))
    y, _ = tower(15_000)
    assert len(describe_any(y, None, None).cards) < 12


def test_marks_are_not_lost() -> None:
    loss, model = loss_of(16)
    w = model.layers[0].neurons[2].w[0]
    drawing = describe_any(loss, {w: "look here"}, None)
    marked = [card for card in drawing.cards if card.mark]
    assert [(card.name, card.mark) for card in marked] == [("L0", "look here")]
    assert "look here" in draw(loss, marks={w: "look here"}).source


def test_what_is_not_finite_shows_in_the_norm() -> None:
    xs = [Value(1.0) for _ in range(5)]
    total: Any = sum(xs, start=Value(0.0))
    xs[3].grad = math.nan
    card = called(describe_any(total, None, False), "inputs")
    assert math.isnan(card.grad)
    xs[3].grad = math.inf
    assert called(describe_any(total, None, False), "inputs").grad == math.inf


def test_scopes_have_levels_and_titles() -> None:
    assert levels("layers.0.neurons.3") == ("layers.0", "layers.0.neurons.3")
    assert levels("block") == ("block",)
    assert levels("encoder.2.norm") == ("encoder.2", "encoder.2.norm")
    assert [title(s) for s in ("layers.0.neurons.3", "neurons.2", "encoder.2.norm")] == [
        "L0 n3", "n2", "encoder.2.norm",
    ]  # fmt: skip


# ---------------- a card of many nodes is an operation


@pytest.mark.parametrize("layers", [1, 2])
def test_the_chain_rule_holds_between_the_cards(layers: int) -> None:
    loss, _ = xor(layers=layers)
    drawing = describe_any(loss, None, False)
    known = [card for card in drawing.cards if card.result]
    assert any(card.size > 1 for card in known)
    for i, card in enumerate(drawing.cards):
        sent = [edge for edge in drawing.edges if edge.tail == i]
        if card.result and not card.output and all(e.partial is not None for e in sent):
            assert math.fsum(e.sent for e in sent) == pytest.approx(card.grad, rel=1e-12)
            for edge in sent:
                head = drawing.cards[edge.head]
                assert (edge.partial or 0.0) * head.grad == pytest.approx(edge.sent, abs=1e-15)


def test_edges_stand_for_all_between_two_cards(large: Drawing) -> None:
    ends = [(edge.tail, edge.head) for edge in large.edges if edge.size > 1]
    assert len(set(ends)) == len(ends)
    assert all(edge.tail != edge.head for edge in large.edges)
    inputs, first = (names(large).index(n) for n in ("inputs", "L0"))
    (edge,) = (e for e in large.edges if (e.tail, e.head) == (inputs, first))
    assert edge.size == 2 * 16 * 16
    assert edge.partial is None
    assert 0 <= edge.sent <= large.largest_sent


@given(computations(max_nodes=30), st.integers(1, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_is_folded_no_node_is_lost_and_the_derivatives_stay(
    c: Computation, ends: int, collapsed: bool
) -> None:
    known = c.run()
    root = known[-1]
    root.backward()
    order = topological_order(root)
    scene = scene_of(order, [root], {})
    for detail in [*scene.details(collapsed), scene.whole(False)]:
        drawing = scene.drawn(detail)
        assert sum(card.size for card in drawing.cards) == len(order)
        assert len({card.title for card in drawing.cards}) == len(drawing.cards)
    assert [c.name for c in describe_any(root, None, True).cards] == [
        c.name for c in describe(root).cards
    ]


# ---------------- folds


def test_a_chain_is_folded_and_its_edge_carries_the_product() -> None:
    y, x = tower(60)
    drawing = describe_any(y, None, None)
    (fold,) = (card for card in drawing.cards if card.size > 1)
    assert fold.name == f"… {fold.size} more …"
    assert fold.sign in ("sin tanh", "tanh sin")
    product = math.prod(edge.partial or 0.0 for edge in drawing.edges)
    assert product == pytest.approx(gradient(y, x), rel=1e-12)
    assert len(folds(topological_order(y), {y}, 3)) == 54


@pytest.mark.parametrize("kind", ["running", "squares", "one node"])
def test_a_sum_elides_its_middle(kind: str) -> None:
    xs = [Value(i / 100, label=f"x{i}") for i in range(200)]
    if kind == "one node":
        from engine import sum as summed

        y = summed(xs)
    else:
        y = reduce(add, xs if kind == "running" else [x * x for x in xs])
    y.backward()
    drawing = describe_any(y, None, None)
    assert len(drawing.cards) < 16
    assert sum(card.size for card in drawing.cards) == len(topological_order(y))
    (fold,) = (card for card in drawing.cards if card.size > 1)
    assert 190 <= int(fold.name.split()[1]) <= 198
    shown = set(names(drawing))
    assert {"x0", "x199"} <= shown


def test_folds_open_on_request() -> None:
    y, _ = tower(60)
    folded = describe_any(y, None, None)
    (fold,) = (card for card in folded.cards if card.size > 1)
    for name in ("…", fold.name, [fold.name]):
        opened = describe_any(y, None, name)
        assert not opened.collapsed
        assert len(opened.cards) == 61
    assert names(describe_any(y, None, True)) == names(describe(y))


def test_a_mark_is_not_folded_away() -> None:
    y, x = tower(60)
    middle = topological_order(y)[30]
    drawing = describe_any(y, {middle: "here"}, None)
    (card,) = (card for card in drawing.cards if card.mark)
    assert card.size == 1
    assert sum(card.size for card in drawing.cards) == 61


# ---------------- taking apart


def test_a_layer_is_taken_apart_by_name() -> None:
    loss, _ = loss_of(16, fused=True)
    whole = describe_any(loss, None, None)
    assert {"L0", "L1"} <= set(names(whole))
    for name in ("layers.1", "L1"):
        expanded = describe_any(loss, None, name)
        assert {f"L1 n{i}" for i in range(16)} <= set(names(expanded))
        assert "L1" not in names(expanded)
        assert "L0" in names(expanded)
    inner = describe_any(loss, None, ["layers.1", "L1 n3"])
    assert sum(card.scope == "layers.1.neurons.3" for card in inner.cards) == 2 * 16 + 17
    assert called(inner, "w0").box == ("L1", "L1 n3")
    both = describe_any(loss, None, ["layers.1", "inputs"])
    assert len(both.cards) == len(expanded.cards) + 31
    with pytest.raises(ValueError, match=r"no card is called 'layers.9'.*'L0', 'L1', 'L2 n0'"):
        draw(loss, expand="layers.9")


def test_a_sample_is_taken_apart_into_neurons_and_nodes() -> None:
    loss, _ = xor(samples=4)
    drawing = describe_any(loss, None, "sample 2")
    assert {f"L0 n{i}, sample 2" for i in range(4)} <= set(names(drawing))
    inside = [card for card in drawing.cards if card.box == ("sample 2",)]
    assert len(inside) == 4 + 1 + 5  # neurons, the output's node, two inputs and the loss's part
    assert "sample 1" in names(drawing)


def test_many_neurons_become_layers() -> None:
    model = MLP(3, [100, 100, 1], rng=0)
    loss = model([1.0, 2.0, 3.0]) ** 2
    whole = describe_any(loss, None, False)
    assert {"L0", "L1", "L2 n0"} <= set(names(whole))
    expanded = names(describe_any(loss, None, "layers.1"))
    assert "L1 n99" in expanded
    assert "L1" not in expanded
    assert "L0" in expanded


def test_expand_true_shows_every_node_and_false_collapses_a_small_graph() -> None:
    loss, _ = loss_of(1, fused=True)
    size = len(topological_order(loss))
    assert len(describe_any(loss, None, True).cards) == size
    assert len(describe_any(loss, None, False).cards) < 60
    y = Value(1.0).tanh()
    assert len(describe_any(y, None, False).cards) == 2


def test_too_much_at_once_is_refused_in_time() -> None:
    loss, _ = loss_of(10)
    assert len(topological_order(loss)) > 7_000
    start = time.perf_counter()
    assert "L1 n7" in draw(loss, expand="layers.1").source
    with pytest.raises(ValueError, match=r"takes apart too much .*: [\d,]+ cards.* Expand less"):
        draw(loss, expand=["layers.1", "layers.1"])
    assert time.perf_counter() - start < 20  # on a machine with much else to do


def test_a_large_graph_of_no_network_is_shown_in_ranges_of_depth() -> None:
    nodes = [Value(0.5 + i / 10, label=f"x{i}") for i in range(5)]
    for i in range(1_000):
        a, b = nodes[-1 - i * 7 % 5], nodes[-1 - i * 3 % 5]
        nodes.append((a * b).tanh() if i % 2 else a - b)
    nodes[-1].backward()
    drawing = describe_any(nodes[-1], None, None)
    assert len(drawing.cards) <= 12
    assert sum(card.size for card in drawing.cards) == len(topological_order(nodes[-1]))
    assert any(name.startswith("depth ") for name in names(drawing))
    with pytest.raises(ValueError, match="takes apart too much"):
        draw(nodes[-1], expand=[card.name for card in drawing.cards if card.size > 1])


@pytest.mark.parametrize("expand", [3, 1.5, object()])
def test_expand_takes_names(expand: Any) -> None:
    with pytest.raises(TypeError, match="expand is the name of a card, several, or a bool"):
        draw(Value(1.0), expand=expand)


# ---------------- how much is shown


def test_full_cards_then_lines_then_groups() -> None:
    few = describe_any(xor(1)[0], None, None)
    assert len(few.cards) <= FULL
    assert not few.compact
    products: Any = reduce(add, [Value(i) * Value(i + 1) for i in range(6)])
    lines = describe_any(products, None, None)
    assert lines.compact
    assert len(lines.cards) == len(topological_order(products)) == 23
    assert describe_any(xor(4, layers=2)[0], None, None).collapsed


def test_many_outputs_are_all_shown() -> None:
    x = Value(0.5, label="x")
    outs = [x * i for i in range(LINES + 30)]
    drawing = describe_any(outs, None, None)
    assert sum(card.output for card in drawing.cards) == len(outs)


def test_the_picture_names_counts_and_norms() -> None:
    loss, _ = loss_of(16)
    start = time.perf_counter()
    svg = draw(loss, dark=True).pipe("svg").decode()
    assert time.perf_counter() - start < 20
    for said in (">L1<", "‖grad‖", "16 neurons", "norm of the gradients sent back"):
        assert said in svg


def test_edges_within_a_box_are_drawn_one_by_one() -> None:
    loss, _ = xor(samples=4, layers=2)
    found = describe_any(loss, None, "sample 2")
    inside = [i for i, one in enumerate(found.cards) if one.box == ("sample 2",)]
    within = {found.cards[i].name.removesuffix(", sample 2"): i for i in inside}
    ends = {(edge.tail, edge.head) for edge in found.edges if not edge.boxed}
    for to in range(4):
        for tail in ("x0", "x1"):
            assert (within[tail], within[f"L0 n{to}"]) in ends
        for of in range(4):
            assert (within[f"L0 n{of}"], within[f"L1 n{to}"]) in ends


def test_a_chain_of_squares_folds_like_any_other() -> None:
    y = Value(1.1, label="x")
    for i in range(40):
        y = (y + y if i % 2 else y * y) * 0.6
    y.backward()
    found = describe_any(y, None, None)
    assert len(found.cards) <= 8
    (fold,) = (i for i, one in enumerate(found.cards) if one.size > 1)
    slope = sum(edge.sent for edge in found.edges if edge.head == fold)
    below = {edge.tail for edge in found.edges if edge.head == fold}
    assert slope == pytest.approx(sum(found.cards[i].grad for i in below))


@settings(max_examples=60)
@given(computations(max_nodes=14), st.integers(2, 9))
def test_short_expressions_are_on_their_users_cards(c: Computation, most: int) -> None:
    root = c.run()[-1]
    root.backward()
    order = topological_order(root)
    scene = scene_of(order, [root], {})
    found = expressions(order, scene.alone, most, [card.title for card in scene.cards])
    drawing = scene.drawn(Detail(found, {}))
    assert sum(card.size for card in drawing.cards) == len(order)
    assert max(card.size for card in drawing.cards) <= most
    assert all(card.result for card in drawing.cards)  # one result each: the chain rule holds
    assert root not in found
    shown = {card.title: card for card in drawing.cards}
    assert len(shown) == len(drawing.cards)
    for i, card in enumerate(drawing.cards):
        sent = [edge.sent for edge in drawing.edges if edge.tail == i]
        if sent and card.grad == card.grad and all(map(math.isfinite, sent)):
            size = math.fsum(map(abs, sent))
            assert math.fsum(sent) == pytest.approx(card.grad, rel=1e-9, abs=1e-9 * size + 1e-300)


def test_an_expression_opens_by_its_name() -> None:
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    y = a
    for _ in range(8):  # too deep for a slide
        y = y * (b + 1) + y * (a - 2)
    y.label = "y"
    y.backward()
    drawing = describe_any(y, None, None)
    group = next(card for card in drawing.cards if card.size > 1)
    opened = describe_any(y, None, group.name)
    assert len(opened.cards) == len(drawing.cards) + group.size - 1
    assert len(describe_any(y, None, True).cards) == len(topological_order(y))
