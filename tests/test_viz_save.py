"""`save` takes whatever the package returns: derivations, pictures of paths, players, films."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viz
from engine import Tensor, Value, topological_order
from nn import MLP
from viz.frames import Play
from viz.slides import slide

A = Value(3.0, label="a")
C = A * A
C.label = "c"
ROOT = C + A
ROOT.label = "l"
ROOT.backward()
STEPS = 2 * 2 + 3  # two operations forward and backward, and the start, the seed, the end


def film(states: int = 2, plane: bool = True) -> viz.Film:
    """A tiny training run."""
    model = MLP(2, [2, 1], rng=0)
    points, classes = [(0, 0), (1, 1)], [1, -1]
    found = viz.Film(lambda x, y: model([x, y]), points, classes) if plane else viz.Film()
    for _ in range(states):
        loss = (model([1, 1]) - 1.0) ** 2
        loss.label = "loss"
        found.add(loss)
        for p in model.parameters():
            p.data += 0.1
    return found


def overwrite(root: Any) -> None:
    """A pass that replaces gradients instead of adding to them."""
    root.grad = 1.0
    order: list[Any] = [root]
    for node in order:
        for arg, partial in zip(node.args, node.partials, strict=True):
            arg.grad = partial * node.grad
            order += [arg] if arg not in order else []


# ---------------------------------------------------------------- texts and pictures


def test_derivations_are_saved_in_four_forms(tmp_path: Path) -> None:
    found = viz.derive(ROOT, A)
    for name, content in {
        "d.txt": f"{found}\n",
        "d.md": found.markdown(),
        "d.tex": found.latex(),
    }.items():
        assert viz.save(found, tmp_path / name).read_text(encoding="utf-8") == content
    with pytest.raises(ValueError, match=r"one of .txt, .md, .tex, .html$"):
        viz.save(found, tmp_path / "d.svg")


def test_a_derivations_page_is_whole_and_harmless(tmp_path: Path) -> None:
    root = Value(1.0, label="<script>x</script>&") * 2
    page = viz.save(viz.derive(root, root.args[0]), tmp_path / "d.HTML").read_text(encoding="utf-8")
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.feed(page)
    assert "script" not in tags
    assert tags.count("h1") == 1
    assert "http" not in page
    assert page.startswith("<!doctype html>")


@pytest.mark.parametrize("suffix", [".svg", ".dot"])
def test_paths_are_saved_as_an_overview_and_one_by_one(suffix: str, tmp_path: Path) -> None:
    found = viz.draw_paths(ROOT, A)
    first = viz.save(found, tmp_path / f"p{suffix}")
    assert first == tmp_path / f"p{suffix}"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"p{suffix}", f"p-1{suffix}", f"p-2{suffix}", f"p-3{suffix}"}
    shown = {path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(shown) == 4


def test_the_products_of_paths_are_saved_as_text(tmp_path: Path) -> None:
    found = viz.draw_paths(ROOT, A)
    text = viz.save(found, tmp_path / "p.txt").read_text(encoding="utf-8")
    assert text == f"{found}\n"


def test_a_derivation_of_arrays_is_saved_too(tmp_path: Path) -> None:
    w = Tensor([[1.0, 2.0], [3.0, 4.0]], label="W")
    y = (w @ w).tanh().sum()
    y.label = "y"
    y.backward()
    for suffix in ("txt", "md", "tex", "html"):
        assert viz.save(viz.derive(y, w), tmp_path / f"d.{suffix}").stat().st_size > 200


def test_a_graph_larger_than_the_slide_moves_past(tmp_path: Path) -> None:
    loss = MLP(2, [4, 4, 1], rng=0)([1.0, 2.0]) ** 2
    play = Play(topological_order(loss))
    frames = list(play.frames())
    views = set()
    for frame in (frames[2], frames[len(frames) // 2], frames[-2]):
        plot = slide(play, frame, "")
        plot.draw_without_rendering()
        (axes,) = plot.axes
        views.add((axes.get_xlim(), axes.get_ylim()))
        ((_, now),) = frame.sides
        assert now.active is not None
        x, y, w, h = play.stage.boxes[now.active]
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert left <= x and x + w <= right
        assert top <= y + h / 2 <= bottom
    assert len(views) > 1


def test_what_is_none_of_these_is_refused(tmp_path: Path) -> None:
    for wrong in (3, "picture", None, ROOT, [viz.draw(ROOT)]):
        with pytest.raises(TypeError, match="a derivation, a player"):
            viz.save(wrong, tmp_path / "a.svg")


# ---------------------------------------------------------------- frames


def test_frames_are_the_players_steps() -> None:
    play = Play(topological_order(ROOT))
    frames = list(play.frames())
    assert [frame.phase for frame in frames] == [
        "Start", "Forward", "Forward", "Backward", "Backward", "Backward", "Done",
    ]  # fmt: skip
    assert frames[1].lines[0] == "c = a·a = 3·3 = 9"
    assert frames[4].lines == [
        "c.grad += ∂l/∂c·l.grad = 1·1 = 1", "a.grad += ∂l/∂a·l.grad = 1·1 = 1",
    ]  # fmt: skip
    assert frames[5].lines == [
        "a.grad += ∂c/∂a·c.grad = 1 + 3·1 = 4", "a.grad += ∂c/∂a·c.grad = 4 + 3·1 = 7",
    ]  # fmt: skip
    (_, last), *_ = frames[-1].sides
    assert last.grads == [node.grad for node in topological_order(ROOT)]
    assert frames[-1].lines == ["∂l/∂a = 7"]
    (_, start), *_ = frames[0].sides  # later steps have not changed it
    assert start.ready == {0} and not any(start.grads)


def test_nothing_moves_from_frame_to_frame() -> None:
    play = Play(topological_order(ROOT))
    places = []
    for frame in play.frames():
        (axes,) = slide(play, frame, "").axes
        names = [t for t in axes.texts if t.get_text() in ("a", "c", "l", "data", "grad")]
        places.append([(t.get_text(), t.get_position()) for t in names] + [axes.get_xlim()])
    assert len(places) == STEPS
    assert all(place == places[0] for place in places)


def test_two_passes_are_shown_side_by_side() -> None:
    player = viz.play(ROOT, wrong=overwrite)
    play = Play(player.film.order)
    frames = list(play.compared(player.passes))
    assert [name for name, _ in frames[0].sides] == ["wrong", "right"]
    wrong, right = (side for _, side in frames[-1].sides)
    assert right.grads == [node.grad for node in topological_order(ROOT)]
    assert wrong.wrong == {0}
    assert any("replaces" in line for frame in frames for line in frame.lines)
    assert len(slide(play, frames[-1], "").axes) == 2


def test_numbers_that_are_not_finite_are_shown() -> None:
    root = (Value(0.0, label="x") * float("inf")).tanh()
    play = Play(topological_order(root))
    for frame in play.frames():
        slide(play, frame, "1 / 2").draw_without_rendering()


@pytest.mark.parametrize(
    ("suffix", "magic"), [(".pdf", b"%PDF"), (".gif", b"GIF89a"), (".mp4", b"")]
)
def test_steps_are_saved_as_one_file(suffix: str, magic: bytes, tmp_path: Path) -> None:
    if suffix == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    path = viz.save(viz.play(ROOT), tmp_path / f"steps{suffix}")
    content = path.read_bytes()
    assert content.startswith(magic)
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".pdf":
        assert content.count(b"/Type /Page ") == STEPS
    if suffix == ".gif":
        from PIL import Image

        with Image.open(path) as image:
            assert (image.n_frames, image.size) == (STEPS, (1280, 720))  # type: ignore[attr-defined]
    if suffix == ".mp4":
        import imageio_ffmpeg  # type: ignore[import-untyped]

        reader = imageio_ffmpeg.read_frames(str(path))
        about = next(reader)
        assert about["size"] == (1280, 720)
        assert about["duration"] == pytest.approx(2 * STEPS, abs=2)
        assert np.frombuffer(next(reader), np.uint8).mean() > 200  # a light page
        reader.close()


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", [".pdf", ".gif", ".mp4"])
def test_the_same_steps_give_the_same_file(suffix: str, tmp_path: Path) -> None:
    if suffix == ".mp4":
        pytest.importorskip("imageio_ffmpeg")
    one, other = (viz.save(viz.play(ROOT), tmp_path / f"{i}{suffix}") for i in range(2))
    assert one.read_bytes() == other.read_bytes()


def test_steps_are_saved_as_numbered_pictures(tmp_path: Path) -> None:
    first = viz.save(viz.play(ROOT), tmp_path / "steps.svg", dark=True)
    assert first.name == "steps-1.svg"
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [f"steps-{i}.svg" for i in range(1, STEPS + 1)]
    svg = ET.fromstring(files[4].read_bytes())
    assert svg.get("role") == "img"
    assert "c.grad +=" in "".join(svg.itertext())


@pytest.mark.parametrize("plane", [True, False])
def test_films_are_saved_as_pages_and_as_slides(plane: bool, tmp_path: Path) -> None:
    run = film(plane=plane)
    assert (
        viz.save(run, tmp_path / "f.html").read_text(encoding="utf-8") == viz.play(frames=run).html
    )
    viz.save(run, tmp_path / "f.png")
    content = [path.read_bytes() for path in sorted(tmp_path.glob("f-*.png"))]
    sizes = [(int.from_bytes(x[16:20]), int.from_bytes(x[20:24])) for x in content]
    assert sizes == [(1920, 1080)] * 2


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viz import reel

    made = []

    def interrupted(*args: Any, **options: Any) -> Any:
        made.append(args)
        if len(made) == 3:
            raise KeyboardInterrupt
        return slide(*args, **options)

    monkeypatch.setattr(reel, "slide", interrupted)
    for name in ("s.svg", "s.pdf"):
        made.clear()
        with pytest.raises(KeyboardInterrupt):
            viz.save(viz.play(ROOT), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_slides_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="seconds"):
            viz.save(viz.play(ROOT), tmp_path / "s.gif", seconds=seconds)
    with pytest.raises(ValueError, match="dark= is for slides"):
        viz.save(viz.draw(ROOT), tmp_path / "a.svg", dark=True)
    with pytest.raises(ValueError, match="dark= is for slides"):
        viz.save(viz.play(ROOT), tmp_path / "a.html", dark=True)
    with pytest.raises(ValueError, match=r"seconds= is for .gif and .mp4"):
        viz.save(viz.play(ROOT), tmp_path / "a.pdf", seconds=1)
    with monkeypatch.context() as few:
        few.setattr("viz.reel.MOST_FRAMES", 9)
        y = A
        for _ in range(9):
            y = y * 1.0
        with pytest.raises(ValueError, match=r"21 steps.*at most 9"):
            viz.save(viz.play(y), tmp_path / "s.pdf")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ModuleNotFoundError, match=r"gradpath\[demos\]"):
        viz.save(viz.play(ROOT), tmp_path / "s.mp4")
    with pytest.raises(ValueError, match=r"one of .html, .pdf, .svg, .png, .gif, .mp4$"):
        viz.save(viz.play(ROOT), tmp_path / "s.txt")
    assert not list(tmp_path.iterdir())
