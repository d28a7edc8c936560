"""What a notebook is given for gradpath's objects: pictures in all forms, and sentences."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest

import engine
import viz
from engine import Symbol, Tensor, Value, record
from engine.check import gradcheck
from nn import MLP
from viz.notebook import colors, variable
from viz.theme import DARK, LIGHT


def neuron() -> tuple[Value, Value]:
    x, w = Value(2.0, label="x"), Value(-3.0, label="w", role="parameter")
    o = (x * w + 6.5).tanh()
    o.label = "o"
    o.backward()
    return o, w


def pictures() -> dict[str, Any]:
    o, w = neuron()
    return {
        "value": o,
        "picture": viz.draw(o),
        "paths": viz.draw_paths(o, w),
        "backward": viz.draw_backward(o, w),
        "curve": viz.draw_curve({"loss": [3, 2, 1]}),
        "network": MLP(2, [2, 1], rng=0),
    }


def chain(x: Any) -> Any:
    for _ in range(300):
        x = (x * 2).tanh()
    return x


PICTURES = pictures()
KINDS = ["text/plain", "text/html", "image/svg+xml", "image/png"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_comes_as_text_page_svg_and_png(name: str) -> None:
    bundle = PICTURES[name]._repr_mimebundle_()
    assert list(bundle) == KINDS
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert len(bundle["image/png"]) < 300_000
    assert " at 0x" not in bundle["text/plain"]
    svg = ET.fromstring(bundle["image/svg+xml"].encode())
    assert svg.get("role") == "img"
    title = next(x for x in svg if x.tag.endswith("}title"))
    assert title.text and title.get("id") in svg.get("aria-labelledby", "").split()
    assert svg.get("viewBox")
    assert "max-width: 100%" in svg.get("style", "")


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_has_the_picture_in_the_pages_colours_and_the_image(name: str) -> None:
    html = PICTURES[name]._repr_mimebundle_()["text/html"]
    svg = html[html.index("<svg ") : html.index("</svg>")]
    assert "<script" not in html
    assert not re.findall(r'[:"]\s*#[0-9a-f]{6}', svg)  # no colour that is not the page's
    assert "var(--gp-ink," in svg or "var(--gp-muted," in svg
    assert html.count("data:image/png;base64,") == html.count("<img ") == 1
    assert '<label class="gradpath-live" hidden="hidden"' in html  # what is left of it is not seen


def test_pictures_on_one_page_have_no_ids_in_common() -> None:
    pages = [PICTURES[name]._repr_mimebundle_()["text/html"] for name in ("curve", "network")]
    one, other = (set(re.findall(r'\bid="([^"]*)"', page)) for page in pages)
    assert one
    assert not one & other
    for page, ids in zip(pages, (one, other), strict=True):
        assert {*re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', page)[0]} - {""} <= ids


def test_a_dark_picture_stays_dark() -> None:
    html = viz.draw(neuron()[0], dark=True)._repr_mimebundle_()["text/html"]
    assert "var(" not in html[html.index("<svg ") :]
    assert DARK.page.lower() in html[html.index("<svg ") :]


def test_every_colour_has_its_own_name() -> None:
    light, dark = colors(LIGHT), colors(DARK)
    assert light.keys() == dark.keys()
    assert len(set(light.values())) == len(light)
    for name, color in light.items():
        assert variable(color.lower()) == f"var(--gp-{name},{color.lower()})"
    assert variable("#123456") == "#123456"


def test_a_graph_is_described_in_words() -> None:
    o, w = neuron()
    assert PICTURES["picture"]._repr_mimebundle_()["text/plain"] == (
        "Graph of o. 6 nodes: 1 input, 1 parameter and 1 constant. o = tanh(x·w + 6.5) is 0.4621. "
        "∂o/∂x = −2.359, ∂o/∂w = 1.573."
    )
    assert "1 path from o to w" in str(viz.draw(o, path_to=w).words)
    assert "w: look" in viz.draw(o, marks={w: "look\0"}).words.text
    assert repr(viz.draw(o)).startswith("<Picture: Graph of o. 6 nodes")
    fresh = Value(1.0, label="a") * 2
    assert "∂" not in viz.draw(fresh).words.text
    many = engine.sum([Value(float(i), label=f"x{i}") for i in range(20)])
    many.backward()
    assert "and 12 more" in viz.draw(many, expand=True).words.text


def test_the_backward_pass_and_arrays_are_described_in_words() -> None:
    o, w = neuron()
    said = viz.draw_backward(o, w).words
    assert said.title == "The backward pass of o as a graph"
    assert said.text.startswith("Forward 6 nodes, backward ")
    assert "∂o/∂w = " in said.text
    assert said.text.endswith("= 1.573.")
    assert "1.573" not in str(viz.draw_backward(o, w, hide="grad").words)
    a = Tensor([[1.0, 2.0], [3.0, 4.0]], label="A")
    y = (a * a).sum()
    y.label = "y"
    y.backward()
    said = viz.draw(y).words
    assert said.title == "Graph of y"
    assert "A: 2 × 2, norm of its gradient 10.95" in said.text


def test_a_tensor_shows_its_picture() -> None:
    y = (Tensor([1.0, 2.0]) * 2).sum()
    y.backward()
    bundle = y._repr_mimebundle_()
    assert list(bundle) == KINDS
    assert bundle["text/plain"] == repr(y)


def test_words_tell_operations_as_cards_do() -> None:
    a, b = Value(3.0, label="a"), Value(0.5, label="b")
    said = {
        "a × b is 1.5": a * b, "a² is 9": a**2, "−a is −3": -a, "a − b is 2.5": a - b,
        "max(a, b) is 3": a.max(b),
    }  # fmt: skip
    for text, y in said.items():
        y.label = "y"
        assert f"y = {text}" in viz.draw(y).words.text


def test_worksheets_do_not_tell_the_answer() -> None:
    o, w = neuron()
    words = viz.draw(o, path_to=w, hide=("grad", "data"), title="Exercise 1").words
    assert words == (
        "Exercise 1",
        "6 nodes: 1 input, 1 parameter and 1 constant. o = tanh(x·w + 6.5).",
    )


def test_a_copy_has_the_same_words() -> None:
    picture = viz.draw(neuron()[0])
    assert picture.copy().words == picture.words


def test_the_player_brings_an_image_and_a_sentence() -> None:
    player = viz.play(neuron()[0])
    bundle = player._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert "step by step" in bundle["text/plain"]
    html = bundle["text/html"]
    assert html.count("<iframe") == 1
    outside = html[html.index("</iframe>") :]
    assert "data:image/png;base64," in outside
    assert "step by step" in unescape(outside)


def test_a_film_brings_an_image_and_says_what_is_trained() -> None:
    w, film = Value(1.0, label="w", role="parameter"), viz.Film(title="a line")
    for _ in range(3):
        loss = (w - 0.5) ** 2
        loss.label = "loss"
        film.add(loss)
        w.data -= 0.1
    assert repr(film) == "<Film of a line: 3 states, epochs 0 to 2, loss 0.25 to 0.09>"
    assert "without states" in repr(viz.Film())
    bundle = viz.play(frames=film)._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert "Film of a line: 3 states" in bundle["text/plain"]
    assert bundle["text/html"].count("<iframe") == 1


# ---------------------------------------------------------------- objects of the engine and nn


def pretty(x: Any) -> str:
    """What IPython writes for it in a list."""
    said: list[str] = []
    x._repr_pretty_(SimpleNamespace(text=said.append), False)
    return "".join(said)


def test_formulas_show_as_latex() -> None:
    assert Symbol("x").tanh()._repr_latex_() == r"$\displaystyle \tanh\left(x\right)$"


def test_programs_show_their_source_as_code() -> None:
    program = record(lambda x, w: (x * w).tanh(), 0.5, 2.0)
    markdown = program._repr_markdown_()
    assert markdown == f"```python\n{program.source.rstrip()}\n```\n"
    long = record(chain, 0.5)
    lines = long._repr_markdown_().splitlines()
    assert len(lines) < 210
    assert "more lines" in lines[-2]


def test_a_report_shows_its_text_and_the_culprit() -> None:
    report = gradcheck(lambda x: x * Value(x.data * 2, label="detached"), [1.5])
    assert not report
    bundle = report._repr_mimebundle_()
    assert bundle["text/plain"] == str(report)
    assert "first wrong node" in bundle["text/html"].partition("<svg")[0]
    assert "image/png" in bundle
    good = gradcheck(lambda x: x.tanh(), [0.5])
    assert good._repr_mimebundle_() == {"text/plain": str(good)}


def test_parameters_in_a_list_tell_their_names() -> None:
    model = MLP(2, [2, 1], rng=0)
    first, *_ = parameters = model.parameters()
    assert pretty(first) == f"layers.0.neurons.0.w0: {first!r}"
    assert len({pretty(p).partition(":")[0] for p in parameters}) == len(parameters)
    assert pretty(Value(1.0)) == repr(Value(1.0))
    (twin, *_) = model.vectorized().parameters()
    assert pretty(twin).startswith("layers.0")
    assert pretty(Tensor([1.0])) == repr(Tensor([1.0]))


def test_a_derivation_shows_its_text() -> None:
    o, w = neuron()
    assert pretty(viz.derive(o, w)) == str(viz.derive(o, w))
