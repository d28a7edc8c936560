"""How a picture looks: title, digits, size, legend, and what a worksheet leaves blank."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from engine import Tensor, Value
from nn import MLP
from viz import Film, draw, draw_paths

SVG = "{http://www.w3.org/2000/svg}"


def product() -> Value:
    """o = (a·b)² with a third of a three and b = −0.7."""
    a, b = Value(1 / 3, label="a"), Value(-0.7, label="b\nin metres")
    o: Value = (a * b) ** 2
    o.label = "o"
    o.backward()
    return o


def texts(picture: Any) -> list[str]:
    """All that stands in a picture."""
    root = ET.fromstring(picture.pipe("svg"))
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def size(picture: Any) -> tuple[float, float]:
    """A picture's width and height in points."""
    found = re.search(r'width="(\d+)pt" height="(\d+)pt"', picture.pipe("svg", encoding="utf-8"))
    assert found
    return float(found[1]), float(found[2])


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_a_title_stands_above_and_at_the_left(rankdir: str) -> None:
    title = 'A <product> & its "square"\nsecond line'
    root = ET.fromstring(draw(product(), title=title, rankdir=rankdir).pipe("svg"))
    places = {
        t.text: (float(t.get("x", "")), float(t.get("y", ""))) for t in root.iter(f"{SVG}text")
    }
    first, second = places['A <product> & its "square"'], places["second line"]
    assert first[1] < second[1] < min(places[name][1] for name in ("a", "b", "o"))
    assert abs(first[0] - second[0]) < 0.5
    assert first[0] <= min(places[name][0] for name in ("a", "b", "o")) + 4


def test_digits_are_those_asked_for() -> None:
    shown = texts(draw(product(), digits=2))
    assert "0.33" in shown
    assert "−0.7" in shown
    assert "0.3333" in texts(draw(product()))
    assert "0.33333333" in texts(draw(product(), digits=8))


def test_scale_makes_the_same_picture_larger() -> None:
    once, twice = size(draw(product())), size(draw(product(), scale=2))
    assert twice == pytest.approx((2 * once[0], 2 * once[1]), abs=2)
    small = len(draw(product(), scale=0.25).pipe("png"))
    assert small < len(draw(product(), scale=1).pipe("png"))


def test_without_a_legend_only_the_answer_stands_below() -> None:
    o = product()
    a = o.args[0].args[0]
    assert not any("local derivative" in text for text in texts(draw(o, legend=False)))
    found = texts(draw(o, legend=False, path_to=a))
    assert any("∂o/∂a" in text for text in found)
    assert not any("gradient sent back" in text for text in found)


def test_a_worksheet_tells_nothing_of_what_is_hidden() -> None:
    o = product()
    sheet = draw(o, hide=("grad", "partial"))
    shown = " ".join(texts(sheet))
    assert "∂ ____" in shown
    assert "◂ ____" in shown
    assert shown.count("________") == 4
    answers = {f"{abs(x.grad):.3f}"[:5] for x in (o.args[0], *o.args[0].args)}
    source = sheet.source
    assert not [answer for answer in answers if answer in source]
    assert "dashed" not in source
    assert "onormal" not in source
    assert len(set(re.findall(r"penwidth=([\d.]+) tooltip", source))) == 1
    paths = draw(o, hide="grad", path_to=o.args[0].args[0], path=1)
    assert "∂o/∂a" not in paths.source
    assert "along this path" not in paths.source
    key = " ".join(texts(draw(o)))
    assert "____" not in key
    without_data = draw(o, hide="data")
    assert "0.3333" not in " ".join(texts(without_data))
    assert "data 0.333" not in without_data.source


def test_a_line_of_a_label_is_a_line_of_the_card() -> None:
    found = texts(draw(product()))
    assert found[found.index("b") + 1] == "in metres"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"title": 3}, TypeError, "title is a str, not int: 3"),
        ({"digits": 2.0}, TypeError, "digits is a whole number, not float"),
        ({"digits": True}, TypeError, "digits is a whole number, not bool"),
        ({"digits": 0}, ValueError, "digits must be from 1 to 15, not 0"),
        ({"scale": "2"}, TypeError, "scale is a number, not str"),
        ({"scale": float("nan")}, ValueError, "scale must be from 0.05 to 20"),
        ({"scale": 0}, ValueError, "scale must be from 0.05 to 20"),
        ({"hide": "gradient"}, ValueError, "'data', 'grad', 'partial', not 'gradient'"),
        ({"hide": ("grad", 3)}, ValueError, "not 3"),
        ({"hide": 3}, TypeError, "not int: 3"),
        ({"rankdir": "RL"}, ValueError, "rankdir must be one of LR, TB, not 'RL'"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], error: type, said: str) -> None:
    o = product()
    for call in (draw, lambda o, **options: draw_paths(o, o, **options)):
        with pytest.raises(error, match=re.escape(said)):
            call(o, **options)


def test_graphs_stand_side_by_side_in_the_order_of_their_titles() -> None:
    x = Value(2.0, label="x")
    first, second, third = x * 3, (x + 1).tanh(), x**2
    for rankdir, axis in (("LR", 1), ("TB", 0)):
        titles = {"zebra": first, "a <wrong> pass, told in some words": second, "lion": third}
        picture = draw(titles, rankdir=rankdir, title="Three")
        root = ET.fromstring(picture.pipe("svg"))
        places = {
            t.text: (float(t.get("x", "")), float(t.get("y", ""))) for t in root.iter(f"{SVG}text")
        }
        shown = [places[title][axis] for title in titles]
        assert shown == sorted(shown)
        assert sum((t.text or "") == "x" for t in root.iter(f"{SVG}text")) == 3
    assert "look" in texts(draw({"one": first, "two": second}, marks={second: "look"}))


def test_two_states_of_a_film_share_a_slide() -> None:
    film = Film()
    model = MLP(2, [4, 1], rng=1)
    for epoch in range(2):
        model.parameters()[0].data += epoch
        film.add(sum((model([a, b]) - 1.0) ** 2 for a in (0.5, 1.0) for b in (0.5, 1.0)))
    picture = draw({"before": film[0], "after": film[1]})
    width, height = size(picture)
    assert min(960 / width, 540 / height) * 10 > 7.5
    assert {"before", "after"} <= set(texts(picture))


def test_what_stands_side_by_side_has_titles() -> None:
    with pytest.raises(ValueError, match="this one is empty"):
        draw({})
    with pytest.raises(TypeError, match="one title is 3"):
        draw({3: product()})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="takes a Value or a sequence of Values, not float"):
        draw({"a": 3.0})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="of Values stand side by side; 'a' is one of Tensors"):
        draw({"a": Tensor([1.0])})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="path_to is for one graph"):
        draw({"a": product()}, path_to=Value(1.0))
