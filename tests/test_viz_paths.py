"""Pictures of gradient paths: what stands out, what it says, and that the sum is right."""

from __future__ import annotations

import math
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value, gradient, topological_order
from engine.graph import between
from engine.paths import count_paths
from engine.strategies import Computation, computations
from nn import MLP
from viz import derive, draw, draw_backward, draw_paths
from viz.names import names
from viz.paths import describe_paths, study
from viz.pathsum import path_sum
from viz.text import number


def network() -> tuple[Value, Value]:
    """The loss of a 2-2-1 network, and its first input, to which two paths lead."""
    x = [Value(1.0, label="x0"), Value(-2.0, label="x1")]
    loss: Value = (MLP(2, [2, 1], rng=1, activation="tanh")(x) - 1.0) ** 2
    loss.label = "loss"
    return loss, x[0]


def test_all_paths_stand_out_and_the_rest_fades() -> None:
    loss, x = network()
    drawing = describe_paths(loss, x, None)
    order = topological_order(loss)
    lit = set(between(loss, x))
    assert [not card.faded for card in drawing.cards] == [node in lit for node in order]
    for edge in drawing.edges:
        assert edge.faded == (order[edge.tail] not in lit or order[edge.head] not in lit)
    assert all(card.share is None for card in drawing.cards)
    total = number(gradient(loss, x)).lstrip("0")
    assert drawing.caption[0].startswith("2 paths from loss to x0:")
    assert drawing.caption[0].endswith("= ∂loss/∂x0")
    assert total[:4] in drawing.caption[0]


def test_one_path_shows_the_product_on_its_way_down() -> None:
    loss, x = network()
    for rank in (1, 2):
        drawing = describe_paths(loss, x, rank)
        lit = [edge for edge in drawing.edges if not edge.faded]
        path = path_sum(loss, x, 2).heaviest[rank - 1]
        assert len(lit) == len(path.partials)
        shares = [card.share for card in drawing.cards if card.share is not None]
        assert sorted(shares) == sorted(path.products)
        assert sorted(edge.sent for edge in lit) == sorted(path.products[1:])
        assert drawing.caption[0].startswith(f"path {rank} of 2 by |product|:")
    assert sum(p.product for p in path_sum(loss, x, 2).heaviest) == pytest.approx(
        gradient(loss, x), rel=1e-12
    )


def test_the_other_edge_of_a_square_fades() -> None:
    a = Value(3.0, label="a")
    y = a * a
    first, second = (describe_paths(y, a, rank).edges for rank in (1, 2))
    assert [edge.faded for edge in first] == [False, True]
    assert [edge.faded for edge in second] == [True, False]


def test_two_paths_through_the_same_nodes_are_told_apart() -> None:
    a = Value(3.0, label="a")
    b = a * a
    c = b + b - a
    b.label, c.label = "b", "c"
    found = path_sum(c, a, 9)
    ways = [(found.way(path), found.through(path)) for path in found.heaviest]
    assert len(set(ways)) == found.count == 5
    s = c.args[0]
    assert {through for _, through in ways} == {
        f"through {found.names[s]}'s {i} summand and b's {j} factor"
        for i in ("first", "second")
        for j in ("first", "second")
    } | {""}
    texts = {through for _, through in ways if through}
    said = [describe_paths(c, a, rank).caption for rank in range(1, 6)]
    assert {line for lines in said for line in lines if line.startswith("through")} == texts
    for text in texts:
        assert text in str(found)
        assert text in str(derive(c, a))
        assert text in derive(c, a).latex()


@given(computations(max_nodes=8), st.data())
@settings(max_examples=40)
def test_no_two_paths_are_told_alike(c: Computation, data: st.DataObject) -> None:
    known = c.run()
    found = path_sum(known[-1], data.draw(st.sampled_from(known)), 20)
    ways = [(found.way(path), found.through(path)) for path in found.heaviest]
    assert len(set(ways)) == len(ways)


def test_path_pictures_need_no_backward_pass_and_change_nothing() -> None:
    loss, x = network()
    before = (sys.getrefcount(loss), [n.grad for n in topological_order(loss)])
    shown = describe_paths(loss, x, None)
    assert shown.differentiated
    assert [card.grad for card in shown.cards] == gradient(loss, topological_order(loss))
    draw_paths(loss, x)
    assert (sys.getrefcount(loss), [n.grad for n in topological_order(loss)]) == before
    loss.backward()
    loss.backward()
    assert [card.grad for card in describe_paths(loss, x, None).cards] == [
        card.grad for card in shown.cards
    ]


@given(computations(max_nodes=10), st.integers(1, 4), st.data())
@settings(max_examples=40)
def test_what_is_listed_and_the_remainder_make_up_the_gradient(
    c: Computation, k: int, data: st.DataObject
) -> None:
    known = c.run()
    x = data.draw(st.sampled_from(known))
    found = path_sum(known[-1], x, k)
    assert found.count == count_paths(known[-1], x)
    listed = [p.product for p in found.heaviest]
    size = math.fsum(map(abs, listed)) + abs(found.total)
    assert found.total == gradient(known[-1], x)
    assert abs(math.fsum(listed) + found.remainder - found.total) <= 1e-12 * max(size, 1e-300)


def test_the_remainder_of_what_is_not_finite_is_undefined() -> None:
    x = Value(2.0, label="x")
    y = x * math.inf + x * 2 + x * 3
    found = path_sum(y, x, 1)
    assert math.isinf(found.heaviest[0].product)
    assert math.isnan(found.remainder)
    assert "the remainder, 2 paths: undefined" in str(found)
    assert "undefined" in describe_paths(y, x, None).caption[0] or found.count <= 5


def test_the_table_lists_the_paths_with_their_factors() -> None:
    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    d, e = a * b, a + b
    d.label, e.label = "d", "e"
    f = d * e
    f.label = "f"
    assert str(draw_paths(f, a)).splitlines() == [
        "∂f/∂a is the sum over 2 paths from f to a",
        "",
        "   1.  f ← e ← a",
        "       (−6) · 1 = −6",
        "   2.  f ← d ← a",
        "       1 · 3 = 3",
        "",
        "       sum = −3 = ∂f/∂a",
    ]


def test_one_picture_per_path_heaviest_first() -> None:
    loss, x = network()
    pictures = draw_paths(loss, x, k=5)
    assert len(pictures) == len(list(pictures)) == 2
    assert pictures[0].source == draw(loss, path_to=x, path=1).source
    assert pictures.overview.source == draw(loss, path_to=x).source
    assert repr(pictures) == "<∂loss/∂x0: 2 of 2 paths drawn>"
    assert len(draw_paths(loss, x, k=1, dark=True)) == 1
    svg = pictures[1].pipe("svg").decode()
    assert svg.count(">path</text>") == 6


def test_of_a_large_graph_only_the_paths_are_shown() -> None:
    x = Value(0.5, label="x")
    y = Value(1.0)
    for _ in range(300):
        y = y * 0.99 + 0.5
    z = y * x.tanh()
    drawing = describe_paths(z, x, None)
    assert len(drawing.cards) == 3
    assert not drawing.compact
    assert drawing.caption[-1] == "1,201 other nodes are not shown"


def test_the_overview_of_a_large_graph_is_that_of_its_heaviest_paths() -> None:
    model = MLP(2, [20, 20, 1], rng=0, activation="tanh", fused=False)
    x = Value(1.0, label="x")
    y = model([x, Value(2.0)])
    pictures = draw_paths(y, x, k=3)
    assert len(pictures) == 3
    shown = {node for path in pictures.summary.heaviest for node in path.nodes}
    assert sum(card.size for card in study(y, x, 3).overview().cards) == len(shown)
    assert "400 paths from" in pictures.overview.source
    assert "the 3 heaviest + (the other 397)" in pictures.overview.source


def test_a_long_row_of_one_operation_is_one_card() -> None:
    x = Value(0.5, label="x")
    y = x.tanh()
    for i in range(200):
        y = y + Value(i / 100)
    z = y.exp()
    z.label = "z"
    drawing = describe_paths(z, x, 1)
    assert [(card.name, card.size) for card in drawing.cards] == [
        ("x", 1), ("tanh(x)", 1), ("… 200 more …", 200), ("z", 1),
    ]  # fmt: skip
    assert not drawing.compact
    (path,) = path_sum(z, x, 1).heaviest
    assert [edge.partial for edge in drawing.edges] == [
        path.partials[-1], math.prod(path.partials[1:-1]), path.partials[0],
    ]  # fmt: skip
    svg = draw(z, path_to=x, path=1).pipe("svg").decode()
    assert "… 200 more …" in svg
    assert svg.count('class="edge"') == 3


HOSTILE = ["<b>&#65;", "\\N \\", '"]; n0 -> n1 [', "nul\x00\ud800", "]]>", "x" * 5000]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_are_harmless(label: str) -> None:
    x = Value(0.5, label=label, scope=label)
    y = (x * 2).tanh() + x
    y.label = label
    for picture in (
        draw(y, path_to=x),
        draw(y, path_to=x, path=1),
        draw(y, expand=False),
        draw_backward(y, x),
    ):
        ET.fromstring(picture.pipe("svg"))
    assert str(draw_paths(y, x))


def test_more_paths_than_can_be_drawn_are_counted() -> None:
    a = b = Value(1.0, label="a")
    for _ in range(60):
        b = b * b
    assert f"{2**60:,} paths" in str(path_sum(b, a, 3))
    assert f"path 3 of {2**60:,}" in describe_paths(b, a, 3).caption[0]


def test_names_are_told_apart_by_their_place() -> None:
    loss, _ = network()
    called = [str(name) for name in names(topological_order(loss)).values()]
    assert len(set(called)) == len(called)
    assert {"w0[0.1]", "z0[1.0]", "h1", "x0", "loss"} <= set(called)
    twice = [Value(1.0, label="a"), Value(2.0, label="a")]
    assert sorted(map(str, names(twice).values())) == ["a[1]", "a[2]"]


def test_mistakes_say_what_is_accepted() -> None:
    loss, x = network()
    other = Value(1.0, label="other")
    with pytest.raises(ValueError, match=r"no path: 'loss' was not computed from 'other'"):
        draw(loss, path_to=other)
    with pytest.raises(ValueError, match=r"there is no path 3: 2 paths lead to 'x0'"):
        draw(loss, path_to=x, path=3)
    with pytest.raises(ValueError, match=r"counted from 1"):
        draw(loss, path_to=x, path=0)
    with pytest.raises(ValueError, match=r"say to which with path_to"):
        draw(loss, path=1)
    with pytest.raises(ValueError, match=r"k must be at least 1"):
        draw_paths(loss, x, k=0)
    wrong: list[tuple[Any, Any, Any]] = [(loss, 3, None), ([loss], x, None), (loss, x, "1")]
    for root, to, path in wrong:
        with pytest.raises(TypeError):
            draw(root, path_to=to, path=path)
