"""Pictures of graphs: what the SVG shows, and how Graphviz is found, run and reported."""

from __future__ import annotations

import math
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from operator import mul
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]
import pytest

from engine import Value
from nn import MLP
from viz import GraphvizError, Picture, draw, layout, save
from viz.drawing import describe
from viz.theme import DARK, LIGHT

SVG = "{http://www.w3.org/2000/svg}"
TITLE = "{http://www.w3.org/1999/xlink}title"
HOSTILE = [
    "&#65; &amp; &lt;b&gt; &nbsp; &",
    "\\N \\G \\E \\T \\L \\n \\l trailing\\",
    "<b>bold</b>",
    "--><script>",
    ']]> "quoted" \'s',
    "{a|b} [c] (d)",
    "C:\\Node\\\\Net",
    '</TD></TABLE>>"];',
    '];\nn0 -> n1 [pos="e,0,0"',
    "line\nbreak\ttab",
    "nul\x00 esc\x1b \x7f\x85",
    "lone \ud800 \udfff",
    "no character \ufffe\uffff",
    "\u202eoverride\u202c \u2066isolate",
    "重み θ₁ Ж é ∂",
    "עברית",
    "🙂 👩‍👩‍👧",
    "100% %s %d ${HOME} `ls`",
    'javascript:alert("x")',
    "x" * 10_000,
]


class Svg:
    """An SVG of a graph, taken apart."""

    def __init__(self, text: str | bytes) -> None:
        self.root = ET.fromstring(text)

    def group(self, kind: str, title: str) -> ET.Element:
        """The node or edge with this title."""
        return next(g for g in self.groups(kind) if g.findtext(f"{SVG}title") == title)

    def groups(self, kind: str) -> list[ET.Element]:
        """All nodes or edges, in the order in which they were stated."""
        found = [g for g in self.root.iter(f"{SVG}g") if g.get("class") == kind]
        return sorted(found, key=lambda g: int(re.findall(r"\d+", g.get("id", ""))[0]))

    def texts(self, number: int) -> list[str]:
        """What stands on a card and beside it."""
        return [t.text or "" for t in self.group("node", f"n{number}").iter(f"{SVG}text")]


def tip(group: ET.Element) -> str:
    """The tooltip of a node or edge."""
    return next(a.get(TITLE, "") for a in group.iter(f"{SVG}a"))


def numbers(points: str) -> list[tuple[float, float]]:
    """The coordinates in a path or polygon."""
    flat = [float(n) for n in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", points)]
    return list(zip(flat[::2], flat[1::2], strict=True))


def curve(edge: ET.Element) -> list[tuple[float, float]]:
    """Points along an edge."""
    start, *rest = numbers(next(edge.iter(f"{SVG}path")).get("d", ""))
    points = []
    for b, c, d in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        for t in (i / 50 for i in range(51)):
            u = 1 - t
            weights = (u**3, 3 * t * u**2, 3 * t**2 * u, t**3)
            x, y = (sum(map(mul, weights, axis)) for axis in zip(start, b, c, d, strict=True))
            points.append((x, y))
        start = d
    return points


def head(edge: ET.Element) -> tuple[list[tuple[float, float]], str]:
    """The arrowhead of an edge: its corners, and what fills it."""
    polygon = next(edge.iter(f"{SVG}polygon"))
    return numbers(polygon.get("points", "")), polygon.get("fill", "")


def card(node: ET.Element) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a card."""
    outline = numbers(next(node.iter(f"{SVG}path")).get("d", ""))
    xs, ys = zip(*outline, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def neuron() -> Value:
    """micrograd's neuron: o = tanh(x1·w1 + x2·w2 + b)."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1 = Value(-3.0, label="w1", role="parameter", scope="layers.0.neurons.0")
    w2, b = Value(1.0, label="w2", role="parameter"), Value(6.8813735870195432, label="b")
    o: Value = (x1 * w1 + x2 * w2 + b).tanh()
    o.label = "o"
    o.backward()
    return o


def xor() -> Value:
    """The loss of a 2-4-1 network for one sample."""
    x = [Value(1.0, label="x0"), Value(-1.0, label="x1")]
    loss: Value = (MLP(2, [4, 1], rng=1)(x) - 1.0) ** 2
    loss.label = "loss"
    loss.backward()
    return loss


def shorter(name: str) -> str:
    """A name as a card shows it."""
    return name if len(name) <= 24 else name[:23] + "…"


@pytest.fixture(scope="module")
def drawn() -> Svg:
    """The neuron."""
    return Svg(draw(neuron()).pipe("svg"))


@pytest.fixture(scope="module")
def network() -> Svg:
    """The network, whose neurons are single nodes of 5 and 9 arguments."""
    return Svg(draw(xor(), expand=True).pipe("svg"))


# ---------------- what a picture shows


def test_a_card_shows_name_operation_data_and_gradient(drawn: Svg) -> None:
    assert drawn.texts(0) == ["x1", "input", "data", "2", "grad", "−1.5"]
    assert drawn.texts(1) == [
        "w1", "layers.0.neurons.0", "param", "data", "−3", "grad", "1",
    ]  # fmt: skip
    assert drawn.texts(2) == [
        "∂ −3", "◂ −1.5", "∂ 2", "◂ 1", "(x1·w1)", "×", "data", "−6", "grad", "0.5",
    ]  # fmt: skip
    assert drawn.texts(9) == ["∂ 0.5", "◂ 0.5", "o", "tanh", "data", "0.7071", "grad", "1"]


def test_tooltips_have_full_precision_and_the_scope(drawn: Svg) -> None:
    assert tip(drawn.group("node", "n1")).split("\n") == [
        "w1 · parameter", "layers.0.neurons.0", "data −3.0", "grad 0.9999999999999996",
    ]  # fmt: skip
    assert tip(drawn.groups("edge")[0]).split("\n") == [
        "x1 → (x1·w1)", "local derivative −3.0", "gradient sent back −1.4999999999999993",
    ]  # fmt: skip


def test_signs_differ_in_colour_arrowhead_and_line(drawn: Svg) -> None:
    edges = [next(e.iter(f"{SVG}path")) for e in drawn.groups("edge")]
    fills = [head(e)[1] for e in drawn.groups("edge")]
    minus, plus = edges[0], edges[1]
    (zero,) = (e for e in edges if e.get("stroke-dasharray"))
    assert (plus.get("stroke"), fills[1]) == (LIGHT.plus.lower(), LIGHT.plus.lower())
    assert (minus.get("stroke"), fills[0]) == (LIGHT.minus.lower(), "none")
    assert zero.get("stroke") == LIGHT.zero.lower()


def test_edges_are_wider_the_more_they_send_back(drawn: Svg) -> None:
    widths = {
        abs(float(tip(edge).split()[-1].replace("−", "-"))): float(
            next(edge.iter(f"{SVG}path")).get("stroke-width", "1")
        )
        for edge in drawn.groups("edge")
    }
    assert len(widths) >= 3
    assert [widths[sent] for sent in sorted(widths)] == sorted(widths.values())
    assert widths[max(widths)] > 3 * widths[0]


def test_the_output_has_a_heavy_border_and_a_constant_a_dashed_one() -> None:
    y = Value(2.0) * 3
    y.backward()
    svg = Svg(draw(y).pipe("svg"))
    x, three, out = ([*svg.group("node", f"n{i}").iter(f"{SVG}path")][-1] for i in range(3))
    assert float(x.get("stroke-width", "1")) < float(out.get("stroke-width", "1"))
    assert three.get("stroke-dasharray")
    assert not x.get("stroke-dasharray")


def test_edges_reach_their_card_in_the_order_of_the_arguments(network: Svg) -> None:
    arrivals: dict[int, list[tuple[float, float]]] = {}
    for edge in describe(xor()).edges:
        drawn = network.group("edge", f"n{edge.tail}:e->n{edge.head}:w")
        tip = max(head(drawn)[0])
        arrivals.setdefault(edge.head, []).append(tip)
        assert all(y == pytest.approx(tip[1], abs=0.15) for _, y in curve(drawn)[-51:])
    assert max(map(len, arrivals.values())) == 9
    for node, tips in arrivals.items():
        left, top, _, bottom = card(network.group("node", f"n{node}"))
        assert [y for _, y in tips] == sorted(y for _, y in tips)
        assert all(top < y < bottom and left - 10 < x <= left + 1 for x, y in tips)


def test_no_edge_crosses_a_label(network: Svg) -> None:
    labels = [t for t in network.root.iter(f"{SVG}text") if re.match("[∂◂] \\S+$", t.text or "")]
    assert len(labels) == 2 * len(network.groups("edge"))
    points = [point for edge in network.groups("edge") for point in curve(edge)]
    for label in labels:
        x, y = float(label.get("x", "")), float(label.get("y", ""))
        width = 4.5 * len(label.text or "")
        assert not [p for p in points if x < p[0] < x + width and y - 6 < p[1] < y]


def test_a_picture_starts_at_its_first_card(network: Svg) -> None:
    left = min(card(node)[0] for node in network.groups("node"))
    page = numbers(next(network.root.iter(f"{SVG}polygon")).get("points", ""))
    assert left - min(page)[0] < 20


def test_from_top_to_bottom_edges_arrive_at_the_top() -> None:
    a = Value(3.0, label="a")
    y = a * a
    y.backward()
    svg = Svg(draw(y, rankdir="TB").pipe("svg"))
    _, top, _, _ = card(svg.group("node", "n1"))
    tips = [max(head(edge)[0], key=lambda p: p[1]) for edge in svg.groups("edge")]
    assert tips[0][0] < tips[1][0]
    assert all(top - 10 < y <= top + 1 for _, y in tips)
    assert svg.texts(1)[:4] == ["∂ 3", "▴ 3", "∂ 3", "▴ 3"]


def test_dark_pictures_have_the_dark_colours() -> None:
    source = draw(neuron(), dark=True).source
    for color in (DARK.page, DARK.plus, DARK.minus, DARK.input.fill, DARK.output.stroke):
        assert color in source
    for color in (LIGHT.page, LIGHT.plus, LIGHT.minus, LIGHT.ink):
        assert color not in source


def test_before_the_backward_pass_edges_are_plain() -> None:
    y = Value(2.0, label="x") * 3
    svg = Svg(draw(y).pipe("svg"))
    for edge in svg.groups("edge"):
        path = next(edge.iter(f"{SVG}path"))
        assert path.get("stroke") == LIGHT.zero.lower()
        assert not path.get("stroke-dasharray")
    assert "no gradients yet" in "".join(svg.root.itertext())
    assert svg.texts(2)[:2] == ["∂ 3", "∂ 2"]


def test_what_is_not_finite_is_shown_plainly_and_marked() -> None:
    x = Value(math.inf, label="x")
    y = x * 0.0
    z = y * math.nan
    z.backward()
    svg = Svg(draw(z).pipe("svg"))
    assert svg.texts(0)[:4] == ["x", "input", "data", "inf"]
    assert "∂ inf" in svg.texts(2)
    assert svg.texts(2)[-3:] == ["nan", "grad", "nan"]
    assert "◆ nan" in [t.text for t in svg.root.iter(f"{SVG}text")]
    assert LIGHT.alert.lower() in {
        p.get("fill") for p in svg.group("node", "n0").iter(f"{SVG}polygon")
    }
    assert {e.get("stroke") for e in svg.groups("edge")[-1].iter(f"{SVG}path")} == {
        LIGHT.alert.lower()
    }


def test_marks_say_why_a_node_stands_out() -> None:
    x = Value(2.0)
    y = x.tanh()
    plain, marked = draw(y), draw(y, marks={y: "first <wrong> node"})
    assert LIGHT.alert not in plain.source
    svg = Svg(marked.pipe("svg"))
    assert "first <wrong> node" in svg.texts(1)
    assert tip(svg.group("node", "n1")).endswith("first <wrong> node")


def test_compact_cards_are_one_line_and_say_the_rest_in_tooltips() -> None:
    y = Value(0.5, label="x")
    for _ in range(200):
        y = y.tanh()
    y.backward()
    svg = Svg(draw(y, expand=True).pipe("svg"))
    assert len(svg.groups("node")) == 201
    words = " ".join(" ".join(svg.texts(1)).split())
    assert re.fullmatch(r"tanh\(x\) 0\.4621 0\.00\d\d", words)
    assert "local derivative" in tip(svg.groups("edge")[0])


def test_two_thousand_nodes_are_drawn() -> None:
    y = MLP(2, [24, 24, 1], rng=0, fused=False)([Value(1.0), Value(-1.0)])
    y.backward()
    svg = Svg(draw(y, expand=True).pipe("svg"))
    assert 1900 < len(svg.groups("node")) < 2100
    assert len(svg.groups("edge")) == len(describe(y).edges)


# ---------------- hostile names


@pytest.mark.parametrize("compact", [False, True], ids=["full", "compact"])
def test_hostile_names_are_shown_as_they_are(compact: bool) -> None:
    leaves = [Value(i, label=name, scope=name) for i, name in enumerate(HOSTILE)]
    y = sum(leaves[1:], leaves[0])
    made_by_hand = [Value(0.0, (y,), name, label=name) for name in HOSTILE]
    padding = [Value(0.0) for _ in range(150 if compact else 0)]
    svg = Svg(draw([*leaves, *made_by_hand, *padding], expand=True).pipe("svg"))
    titles = {node.findtext(f"{SVG}title") for node in svg.groups("node")}
    assert titles == {f"n{i}" for i in range(len(titles))}
    assert len(titles) == 3 * len(HOSTILE) - 1 + len(padding)
    everything = " ".join(svg.root.itertext())
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe]", everything
    )
    shown = [[text.replace("\xa0", " ") for text in svg.texts(i)] for i in range(len(titles))]
    tips = [tip(svg.group("node", f"n{i}")) for i in range(len(titles))]
    for name in HOSTILE:
        clean = re.sub(
            "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066\ud800-\udfff\ufffe\uffff]",
            "�",
            name,
        )
        clean = re.sub("[\r\t]", " ", clean)
        lines = [clean.replace("\n", " ")] if compact else clean.split("\n")
        assert sum(set(map(shorter, lines)) <= set(texts) for texts in shown) == 2, name
        assert any(t.startswith(clean.replace("\n", " ")[:900]) for t in tips), name
    for element in svg.root.iter():
        attributes = {name.rpartition("}")[2] for name in element.attrib}
        assert not attributes & {"href", "target", "onclick", "onload"}
        assert element.tag.removeprefix(SVG) in {
            "svg",
            "g",
            "a",
            "title",
            "desc",
            "text",
            "path",
            "polygon",
        }


def test_hostile_names_are_harmless_in_bitmaps_and_pdf() -> None:
    y = sum((Value(1.0, label=name) for name in HOSTILE), Value(0.0))
    picture = draw(y)
    assert picture.pipe("png").startswith(b"\x89PNG")
    assert picture.pipe("pdf").startswith(b"%PDF")


# ---------------- a graphviz.Digraph


def test_a_picture_is_a_digraph(tmp_path: Path) -> None:
    picture = draw(neuron())
    assert isinstance(picture, (graphviz.Digraph, Picture))
    assert picture.source.startswith("digraph gradpath {")
    copy = picture.copy()
    copy.node("note", "a note")
    assert "a note" not in picture.source
    assert "a note" in copy.pipe("svg", encoding="utf-8")


def test_render_and_view_as_usual(tmp_path: Path) -> None:
    picture = draw(Value(1.0, label="重み"))
    rendered = picture.render("graph", directory=tmp_path, format="svg")
    assert Path(rendered) == tmp_path / "graph.svg"
    assert {file.name for file in tmp_path.iterdir()} == {"graph", "graph.svg"}
    assert "重み" in Path(rendered).read_text(encoding="utf-8")
    picture.render(outfile=tmp_path / "other.png", cleanup=True)
    assert (tmp_path / "other.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(graphviz.FileExistsError):
        picture.render(outfile=tmp_path / "other.png", raise_if_result_exists=True)
    with pytest.raises(ValueError, match="unknown format"):
        picture.pipe("nonsense")


def test_notebooks_show_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(Value(1.0, label="seen"))
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["text/plain", "text/html", "image/svg+xml", "image/png"]
    assert bundle["text/plain"] == "Graph of seen. 1 node: 1 input. seen is 1."
    assert "seen" in bundle["image/svg+xml"]
    assert bundle["image/png"].startswith(b"\x89PNG")
    without_graphviz(monkeypatch)
    assert "pip install" in str(picture._repr_mimebundle_()["text/plain"])


def test_other_layouts_of_graphviz_work_too() -> None:
    assert b"<svg" in draw(neuron()).pipe("svg", engine="neato")


# ---------------- files


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".dot", ".SVG"])
def test_the_same_graph_gives_the_same_file(suffix: str, tmp_path: Path) -> None:
    contents = set()
    for number in range(2):
        path = tmp_path / f"{number}{suffix}"
        assert save(draw(neuron()), path) == path
        contents.add(path.read_bytes())
    assert len(contents) == 1
    (content,) = contents
    magic = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF", ".dot": b"digraph"}
    assert content.startswith(magic[suffix.lower()])
    if suffix == ".pdf":
        assert re.findall(rb"CreationDate \(D:(\d+)", content) == [b"19700101000000"]


def test_bitmaps_are_sharp(tmp_path: Path) -> None:
    picture = draw(neuron())
    points = float(re.findall(r'width="(\d+)pt"', picture.pipe("svg", encoding="utf-8"))[0])
    pixels = int.from_bytes(picture.pipe("png")[16:20])
    assert pixels == pytest.approx(points * 192 / 72, rel=0.01)


def test_save_says_what_it_accepts(tmp_path: Path) -> None:
    picture = draw(Value(1.0))
    with pytest.raises(ValueError, match=r"'a.jpg' must end in one of .svg, .png, .pdf, .dot"):
        save(picture, tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="must end in"):
        save(picture, tmp_path / "svg")
    with pytest.raises(FileNotFoundError, match="no folder .*missing"):
        save(picture, tmp_path / "missing" / "a.svg")
    wrong: list[Any] = [(Value(1.0), tmp_path / "a.svg"), (str(tmp_path / "a.svg"), picture)]
    for first, second in wrong:
        kind = type(first).__name__
        with pytest.raises(TypeError, match=f"first the picture .* then the path; .* is {kind}$"):
            save(first, second)
    with pytest.raises(TypeError, match="the path as a str or a Path, not int"):
        save(picture, 3)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


# ---------------- finding and running Graphviz


def without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without `dot` and without pygraphviz."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "pygraphviz", None)


def with_dot(monkeypatch: pytest.MonkeyPatch, folder: Path, script: Sequence[str]) -> None:
    """As on a machine with this program as `dot`."""
    dot = folder / "dot"
    dot.write_text("\n".join([f"#!{sys.executable}", *script]))
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_graphviz_the_error_names_both_cures(monkeypatch: pytest.MonkeyPatch) -> None:
    without_graphviz(monkeypatch)
    picture = draw(neuron())
    with pytest.raises(GraphvizError) as caught:
        picture.pipe("svg")
    message = str(caught.value)
    assert "pip install 'pygraphviz>=2.0'" in message
    assert "apt install graphviz" in message
    assert ".source" in message
    assert picture.source.count("->") == 9


@pytest.mark.skipif(os.name == "nt", reason="a script cannot stand in for an .exe")
def test_dot_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with_dot(
        monkeypatch,
        tmp_path,
        ["import sys", f"open({str(log)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')",
         "print('<picture>')"],
    )  # fmt: skip
    assert draw(neuron()).pipe("svg") == b"<picture>\n"
    assert log.read_text().splitlines() == ["-Kdot -Tdot", "-Knop2 -Tsvg"]


@pytest.mark.skipif(os.name == "nt", reason="a script cannot stand in for an .exe")
@pytest.mark.parametrize(
    ("script", "message"),
    [
        (["import sys", "sys.exit('no layout today')"], r"exit status 1\): no layout today"),
        (["import os", "os.abort()"], r"exit status -6\): it said nothing"),
        (["pass"], r"exit status 0\)"),
        (["import time", "time.sleep(60)"], r"within 0.3 s: draw a smaller part"),
    ],
    ids=["error", "crash", "silence", "endless"],
)
def test_what_goes_wrong_in_graphviz_is_reported(
    script: list[str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_dot(monkeypatch, tmp_path, script)
    monkeypatch.setattr(layout, "TIME_LIMIT", 0.3 if "sleep" in script[-1] else 30.0)
    with pytest.raises(GraphvizError, match=message):
        draw(neuron()).pipe("svg")


def test_a_failed_save_leaves_the_file_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "graph.svg"
    path.write_text("before")
    without_graphviz(monkeypatch)
    with pytest.raises(GraphvizError):
        save(draw(neuron()), path)
    assert [file.name for file in tmp_path.iterdir()] == ["graph.svg"]
    assert path.read_text() == "before"


def test_source_without_a_layout_is_valid_for_every_graphviz(drawn: Svg) -> None:
    alone: Any = graphviz.Source(draw(neuron()).source)
    assert layout.run("dot", "svg", alone.source).count(b'class="edge"') == 9
    assert len(drawn.groups("edge")) == 9
