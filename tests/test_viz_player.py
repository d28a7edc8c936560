"""The player's page as a document: what it contains and refuses, and what it records."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from engine import Value, detect_anomaly, topological_order
from engine.strategies import Computation, computations
from nn import MLP, SGD, mean_squared_error
from viz import Film, Player, draw, play
from viz.drawing import describe
from viz.rehearsal import rehearse
from viz.staging import stage

anyhow: Any = play  # also with what it does not take
NO_VALUE: Any = 3
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "&#65;&lt;",
    "a\x00b\ud800c",
    "]]>'\"`${x}$style",
    "\ue0000\ue001",
    "x" * 10_000,
]


def product() -> Value:
    """f = a·b + a: the leaf a is used twice."""
    a, b = Value(-2.0, label="a"), Value(3.0, label="b", role="parameter")
    f: Value = a * b + a
    f.label = "f"
    return f


def network_loss(model: MLP) -> Value:
    """The loss of a network on three points."""
    points, targets = ((0.0, 1.0), (1.0, 1.0), (-1.0, 0.5)), (1.0, 0.0, 1.0)
    loss: Value = mean_squared_error(map(model, points), targets)
    loss.label = "loss"
    return loss


def content(player: Player) -> dict[str, Any]:
    """What the page plays from."""
    found = re.search(r'<script type="application/json" id="score">(.*?)</script>', player.html)
    assert found
    return dict(json.loads(found[1]))


def unpacked(text: str) -> Any:
    return np.frombuffer(base64.b64decode(text), "<f8")


class Elements(HTMLParser):
    """The elements of a document, the texts of scripts and styles."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self.inside = False
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.inside = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts.append((*self.found[-1], data))


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else() -> None:
    elements = Elements(play(product()).html)
    policies = [a["content"] for t, a in elements.found if t == "meta" and "http-equiv" in a]
    assert len(policies) == 1 and policies[0]
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    assert rules["default-src"] == "'none'"
    for tag in ("script", "style"):
        (text,) = (x for t, a, x in elements.texts if t == tag and "type" not in a)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_the_page_names_no_other_address() -> None:
    for _, attributes in Elements(play(product()).html).found:
        addresses = [attributes.get(name) for name in ("src", "href", "action", "srcset")]
        assert set(addresses) <= {None, "data:,"}
        assert not any(name.startswith("on") for name in attributes)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", play(product()).html)


def test_the_same_graph_gives_the_same_page() -> None:
    assert play(product()).html == play(product()).html


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_becomes_markup(label: str) -> None:
    plain = Elements(play(product()).html)
    root = product()
    for node in topological_order(root):
        node.label = label
    page = play(root).html
    page.encode()
    hostile = Elements(page)
    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in plain.found]
    found = content(play(root))
    assert all(len(node["name"]) <= 60 for node in found["nodes"])
    assert not any("\ue000" in node["name"] for node in found["nodes"])


def test_a_notebook_gets_a_frame_that_may_only_run_scripts() -> None:
    player = play(product())
    ((tag, attributes),) = Elements(player._repr_html_()).found
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == player.html
    assert html.unescape(player._repr_html_()).count("<iframe") == 1


def test_it_is_saved_whole(tmp_path: Path) -> None:
    player = play(product())
    assert player.save(tmp_path / "f.html").read_text(encoding="utf-8") == player.html
    with pytest.raises(ValueError, match=r"\.html"):
        player.save(tmp_path / "f.svg")
    with pytest.raises(FileNotFoundError, match="no folder"):
        player.save(tmp_path / "none" / "f.html")
    with pytest.raises(TypeError, match="int"):
        player.save(3)  # type: ignore[arg-type]


def test_a_still_is_the_graph_that_is_played() -> None:
    a = Value(2.0, label="a")
    b = (a * a).tanh()
    film = Film()
    film.add(b)
    for player in (play(b), play(frames=film)):
        assert player.still().source == draw(b).source
        assert player.still(dark=True).source == draw(b, dark=True).source


def test_playing_changes_no_gradient() -> None:
    root = product()
    for i, node in enumerate(topological_order(root)):
        node.grad = float(i)
    play(root, wrong=lambda output: output.backward())
    assert [node.grad for node in topological_order(root)] == [0.0, 1.0, 2.0, 3.0]


@settings(max_examples=10)
@given(computations(max_nodes=12))
def test_the_numbers_are_exactly_those_recorded(computation: Computation) -> None:
    root = computation.run()[-1]
    order = topological_order(root)
    found = content(play(root))
    first = unpacked(found["numbers"]["first"])
    partials = [partial for node in order for partial in node.partials]
    assert first[: len(order)].tolist() == [node.data for node in order]
    assert first[len(order) : len(order) + len(partials)].tolist() == partials
    ends = [(edge["tail"], edge["head"]) for edge in found["edges"]]
    assert ends == [(order.index(arg), i) for i, node in enumerate(order) for arg in node.args]


def test_cards_are_apart_and_edges_go_from_card_to_card() -> None:
    root = network_loss(MLP(2, [3, 1], rng=2, activation="tanh"))
    drawing = describe(root)
    placed = stage(drawing)
    for i, (x, y, w, h) in enumerate(placed.boxes):
        assert 0 <= x <= x + w <= placed.width + 1e-6
        assert 0 <= y <= y + h <= placed.height + 1e-6
        for a, b, c, d in placed.boxes[:i]:
            assert x >= a + c or a >= x + w or y >= b + d or b >= y + h
    for edge, curve in zip(drawing.edges, placed.curves, strict=True):
        x, y, w, h = placed.boxes[edge.tail]
        assert curve[0] == pytest.approx((x + w, y + h / 2), abs=3)
        x, y, _, h = placed.boxes[edge.head]
        assert curve[-1][0] == pytest.approx(x, abs=3)
        assert y - 1 <= curve[-1][1] <= y + h + 1


def test_a_nudge_is_what_the_engine_computes() -> None:
    a, b = Value(-2.0, label="a"), Value(3.0, label="b", role="parameter")
    f = (a * b).tanh() + a
    found = content(play(f))["nudge"]
    assert [topological_order(f)[found["leaf"]].label, found["by"]] == ["b", 0.01]
    assert unpacked(found["after"]).tolist() == [math.tanh(-2.0 * 3.01) - 2.0]
    f.backward()
    assert unpacked(found["gradient"]).tolist() == [b.grad]
    chosen = content(play(f, path_to=a))["nudge"]
    assert unpacked(chosen["after"]).tolist() == [math.tanh(-1.99 * 3.0) - 1.99]


def test_what_cannot_be_nudged_is_not() -> None:
    x = Value(1.0, label="x")
    made = Value(2.0, (x,), "double")
    made._backward = lambda: None
    assert content(play(made))["nudge"] is None
    assert content(play(Value(1.0, role="constant") * 2))["nudge"] is None
    assert content(play(x))["nudge"] is None


def test_a_line_of_python_is_known_if_it_was_recorded() -> None:
    x = Value(1.0, label="x")
    with detect_anomaly():
        y = (x * 2).tanh()
    lines = [node["line"] for node in content(play(y + 1))["nodes"] if node["line"]]
    assert [line["code"] for line in lines] == ["y = (x * 2).tanh()"] * 2
    assert all(line["at"].startswith("test_viz_player.py, line ") for line in lines)


def test_formulas_come_from_the_table() -> None:
    x = Value(0.5, label="x")
    y = x.tanh()
    y.label = "y"
    found = content(play(y))
    assert found["nodes"][1]["formula"] == "tanh(\ue0000\ue001)"
    assert found["edges"][0]["formula"] == "1 − \ue0001\ue001·\ue0001\ue001"


# ---------------- passes as someone has written them


def square() -> list[Value]:
    a = Value(3.0, label="a")
    return topological_order(a * a)


def test_an_assignment_is_told_from_an_addition() -> None:
    def assigning(root: Any) -> None:
        root.grad = 1.0
        for arg, partial in zip(root.args, root.partials, strict=True):
            arg.grad = partial * root.grad

    seed, first, second = rehearse(square(), assigning)
    assert seed == (None, 0, 1, False, 1.0)
    assert first == (1, 0, 0, False, 3.0)
    assert second == (1, 1, 0, False, 3.0)
    *_, last = rehearse(square(), lambda root: root.backward())
    assert last == (1, 1, 0, True, 6.0)


def test_a_pass_in_the_manner_of_micrograd_is_followed() -> None:
    def backward(root: Any) -> None:
        order: list[Any] = []
        seen = set()

        def build(node: Any) -> None:
            if node not in seen:
                seen.add(node)
                for child in node._prev:
                    build(child)
                order.append(node)

        build(root)
        root.grad = 1.0
        for node in reversed(order):
            node._backward()

    root = product()
    moves = rehearse(topological_order(root), backward)
    root.backward()
    final = {move.target: move.grad for move in moves}
    assert final == {i: node.grad for i, node in enumerate(topological_order(root))}


def test_who_sent_it_is_known_if_the_gradient_was_read_only_once() -> None:
    def backward(root: Any) -> None:
        root.grad = 1.0
        for node in reversed(topological_order(root)):
            upstream = node.grad
            for arg, partial in zip(node.args, node.partials, strict=True):
                arg.grad += partial * upstream

    moves = rehearse(topological_order(product()), backward)
    assert [(move.sender, move.target) for move in moves[1:]] == [(3, 2), (3, 0), (2, 0), (2, 1)]


@settings(max_examples=25)
@given(computations(max_nodes=12))
def test_rehearsing_backward_gives_the_engines_gradients(computation: Computation) -> None:
    root = computation.run()[-1]
    order = topological_order(root)
    final = dict.fromkeys(range(len(order)), 0.0)
    final.update({m.target: m.grad for m in rehearse(order, lambda output: output.backward())})
    root.backward()
    assert list(final.values()) == [node.grad for node in order]


def test_a_pass_that_does_not_end_is_refused() -> None:
    def forever(root: Any) -> None:
        while True:
            root.grad += 1.0

    with pytest.raises(ValueError, match="10,000 moves"):
        play(product(), wrong=forever)


# ---------------- films


def test_a_film_stores_what_changes_and_gives_every_state_back() -> None:
    model = MLP(2, [2, 1], rng=0, activation="tanh")
    optimiser, film, before = SGD(model.parameters(), 0.1), Film(), []
    for epoch in range(4):
        loss = network_loss(model)
        before.append([node.data for node in topological_order(loss)])
        film.add(loss, 10 * epoch)
        model.zero_grad()
        loss.backward()
        optimiser.step()
    found = content(play(frames=film))
    numbers = found["numbers"]
    first, moving = unpacked(numbers["first"]), numbers["moving"]
    moved = unpacked(numbers["moved"]).reshape(4, len(moving))
    assert 0 < len(moving) < len(first)
    for state, data in zip(moved, before, strict=True):
        whole = first.copy()
        whole[moving] = state
        assert whole[: len(data)].tolist() == data
    assert found["film"]["epochs"] == [0, 10, 20, 30]


def test_a_state_of_a_film_is_a_graph_like_any_other() -> None:
    model = MLP(2, [3, 1], rng=1, activation="tanh")
    optimiser, film, seen = SGD(model.parameters(), 0.1), Film(), []
    for _ in range(4):
        loss = network_loss(model)
        film.add(loss)
        model.zero_grad()
        loss.backward()
        order = topological_order(loss)
        seen.append([(n.data, n.grad, n.label, n.role, n.scope) for n in order])
        optimiser.step()
    for index, known in enumerate(seen):
        root = film[index]
        order = topological_order(root)
        assert [(n.data, n.grad, n.label, n.role, n.scope) for n in order] == known
    assert film[-1].data == film[3].data < film[0].data
    assert not {*topological_order(film[0])} & {*topological_order(film[0])}
    none: list[Any] = ["0", 1.0, slice(0, 2)]
    for wrong in none:
        with pytest.raises(TypeError, match=f"whole number, not {type(wrong).__name__}"):
            film[wrong]
    with pytest.raises(IndexError, match="the film has 4 states; there is no state 4"):
        film[4]
    by_hand = Film()
    x = Value(1.0)
    made = Value(2.0, (x,), "mine", label="m")

    def backward() -> None:
        x.grad += 2 * made.grad

    made._backward = backward
    by_hand.add(made)
    with pytest.raises(ValueError, match="'m' was made by hand"):
        by_hand[0]


def test_a_page_has_a_title_and_says_what_it_is_about() -> None:
    player = play(product(), title="<b>Why?</b>", about="Because `a < b`.\n\nAnd so on.")
    found = content(player)
    assert found["title"] == "<b>Why?</b>"
    assert found["about"] == ["Because `a < b`.", "And so on."]
    assert "<title>&lt;b&gt;Why?&lt;/b&gt;</title>" in player.html
    with pytest.raises(TypeError, match="about is a str, not int: 3"):
        play(product(), about=3)  # type: ignore[arg-type]


def test_a_film_knows_its_network() -> None:
    film = Film(title="<title>")
    film.add(network_loss(MLP(2, [3, 1], rng=0)))
    found = content(play(frames=film))["film"]
    assert found["title"] == "<title>"
    nodes = content(play(frames=film))["nodes"]
    layers = found["network"]["layers"]
    assert [len(layer) for layer in layers] == [3, 1]
    first = layers[0][2]
    assert [nodes[i]["label"] for i in first["weights"]] == ["w0", "w1"]
    assert {nodes[i]["scope"] for i in [*first["weights"], first["bias"]]} == {"layers.0.neurons.2"}
    other = Film()
    other.add(product())
    assert content(play(frames=other))["film"]["network"] is None


def test_the_plane_keeps_the_sign_of_every_score() -> None:
    film = Film(lambda x, y: math.nan if x < 0 else 1e-9 * (x - y), [(0, 0), (1, 1)], [1, 0])
    film.add(product())
    left, right, lower, upper = film.extent
    assert (left, right, lower, upper) == (-0.25, 1.25, -0.25, 1.25)
    scores = np.frombuffer(film.fields[0], np.int8).reshape(33, 33)
    xs = np.linspace(left, right, 33)
    for j, y in enumerate(xs):
        for i, x in enumerate(xs):
            assert scores[j, i] == -128 if x < 0 else np.sign(scores[j, i]) == np.sign(x - y)


def opened_on(path: Any) -> Player:
    """A page of x·x that opens on a path to x."""
    x = Value(3.0, label="x")
    return play(x * x, path_to=x, path=path)


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: play(), ValueError, "either an output or frames"),
        (lambda: play(product(), frames=Film()), ValueError, "either an output or frames"),
        (lambda: anyhow(3), TypeError, "Value, not int"),
        (lambda: anyhow(frames=[product()]), TypeError, "frames is a Film, not list"),
        (lambda: play(frames=Film()), ValueError, "film is empty"),
        (lambda: anyhow(product(), wrong=3), TypeError, "wrong is a backward pass"),
        (lambda: play(product(), right=print), ValueError, "give both"),
        (lambda: play(product(), path_to=Value(1.0)), ValueError, "not in the graph"),
        (lambda: anyhow(product(), path_to="a"), TypeError, "Value of the graph, not str"),
        (lambda: play(product(), path=1), ValueError, "give path_to"),
        (lambda: opened_on(0), ValueError, "there is no path 0"),
        (lambda: opened_on(3), ValueError, "there is no path 3: 2 paths lead to 'x'"),
        (lambda: opened_on("1"), TypeError, "rank of a path"),
        (lambda: anyhow(sum(Value(i) for i in range(2001))), ValueError, "at most 2,000"),
        (lambda: Film(lambda x, y: x), ValueError, "at least one point"),
        (lambda: Film(points=[(0, 0)]), ValueError, "one class for each point"),
        (lambda: Film().add(NO_VALUE), TypeError, "Value, not int"),
    ],
)
def test_mistakes_are_named(wrong: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        wrong()


def test_a_film_is_of_one_graph_in_the_order_of_its_epochs() -> None:
    film = Film()
    film.add(product(), 5)
    with pytest.raises(ValueError, match="5 was added after 5"):
        film.add(product(), 5)
    with pytest.raises(ValueError, match="it has 3 nodes, not 4"):
        film.add(Value(1.0, label="a") * 2)
    a, b = Value(-2.0, label="a"), Value(3.0, label="b", role="parameter")
    other = a / b + a
    other.label = "f"
    with pytest.raises(ValueError, match="node 2 in topological order"):
        film.add(other)
    assert len(film) == 1


def test_a_film_and_a_wrong_pass_do_not_go_together() -> None:
    film = Film()
    film.add(product())
    with pytest.raises(ValueError, match="not on a film"):
        play(frames=film, wrong=lambda root: None)
