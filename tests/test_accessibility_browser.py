"""Pages for everybody: what axe-core finds, and pages in colours that their reader has chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from browsers import Visit, chromium, missing
from test_viz_player_stage_browser import SLIDE, diamond, go_to, moons, neuron, undefined

from engine import Value
from nn import MLP, SGD, mean_squared_error
from viz import Film, play

pytestmark = pytest.mark.thorough  # a browser takes its time
DEMOS = Path(__file__).parents[1] / "demos"
GRAVE = ("moderate", "serious", "critical")
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    try:
        return (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    except ModuleNotFoundError:
        missing("axe-playwright-python is missing: pip install 'gradpath[test]'")
        raise


@pytest.fixture(scope="module")
def film() -> Film:
    points, targets = ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0)
    model = MLP(2, [2, 1], rng=3, activation="tanh")
    optimiser = SGD(model.parameters(), 0.1)
    found = Film(lambda x, y: model((x, y)).data - 0.5, points, targets)
    for _ in range(4):
        loss = mean_squared_error(map(model, points), targets)
        found.add(loss)
        model.zero_grad()
        loss.backward()
        optimiser.step()
    return found


def violations(frame: Any, axe: str) -> list[str]:
    """What axe-core has against a page or a frame, each with the first element that it is about."""
    frame.evaluate(axe)
    results = frame.evaluate("axe.run({ iframes: false, resultTypes: ['violations'] })")
    found = [x for x in results["violations"] if x["impact"] in GRAVE]
    return [f"{x['id']}, {x['impact']}: {x['help']}: {x['nodes'][0]['html']}" for x in found]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("at", ["", "step=2", "step=9&paths=a", "present&step=7", "print=steps"])
def test_nothing_is_in_the_way_of_a_graphs_reader(
    browser: Any, tmp_path: Path, axe: str, at: str, scheme: str
) -> None:
    path = play(diamond()).save(tmp_path / "page.html")
    options: Any = {"color_scheme": scheme, "viewport": SLIDE, "reduced_motion": "reduce"}
    with Visit(browser, path, at=at, **options) as visit:
        assert not violations(visit.page, axe)


def copying(root: Any) -> None:
    """A backward pass that assigns instead of adding."""
    root.grad = 1.0
    for arg, partial in zip(root.args, root.partials, strict=True):
        arg.grad = partial * root.grad


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["nan", "sides", "large", "training", "state"])
def test_nothing_is_in_the_way_of_others(
    browser: Any, tmp_path: Path, axe: str, film: Film, name: str, scheme: str
) -> None:
    a = Value(3.0, label="a")
    made: dict[str, Callable[[], Any]] = {
        "nan": lambda: play(undefined()),
        "sides": lambda: play(a * a, wrong=copying),
        "large": lambda: play(moons()),
        "training": lambda: play(frames=film),
        "state": lambda: play(frames=film),
    }
    path = made[name]().save(tmp_path / "page.html")
    options: Any = {"color_scheme": scheme, "reduced_motion": "reduce"}
    at = {"training": "epoch=3", "state": "view=graph&step=30"}.get(name, "step=3")
    with Visit(browser, path, at=at, **options) as visit:
        assert not violations(visit.page, axe)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_is_in_the_way_of_the_booklets_readers(
    browser: Any, tmp_path: Path, axe: str, scheme: str
) -> None:
    before = sys.path[:]
    sys.path.insert(0, str(DEMOS))
    try:
        from booklet import entries, write_booklet
        from claims import find_claims

        chosen = [claim for claim in find_claims() if claim.number == "W6"]
        booklet = write_booklet(entries(chosen, 0, True, tmp_path), tmp_path)
    finally:
        sys.path[:] = before
    with Visit(browser, booklet, color_scheme=scheme, reduced_motion="reduce") as visit:
        frames = visit.page.frames
        assert len(frames) > 1
        assert not [found for frame in frames for found in violations(frame, axe)]
        visit.requests = [url for url in visit.requests if url != "about:srcdoc"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_keeps_the_colours_that_its_reader_has_chosen(
    browser: Any, tmp_path: Path, scheme: str
) -> None:
    path = play(neuron()).save(tmp_path / "page.html")
    options: Any = {"color_scheme": scheme, "forced_colors": "active", "viewport": SLIDE}
    with Visit(browser, path, **options) as visit:
        page = visit.page
        go_to(page, 9)
        colour = (
            """([selector, what]) => getComputedStyle(document.querySelector(selector))[what]"""
        )
        page.evaluate("document.body.append(Object.assign(document.createElement('i')))")
        chosen = page.evaluate(
            """() => { const probe = document.querySelector('body > i');
            return ['Canvas', 'CanvasText'].map(name => {
              probe.style.color = name; return getComputedStyle(probe).color; }); }"""
        )
        canvas, ink = chosen
        assert page.evaluate(colour, ["body", "backgroundColor"]) == canvas
        assert page.evaluate(colour, [".node .card", "fill"]) == canvas
        for text in (".node .name", ".node .data", ".partial"):
            assert page.evaluate(colour, [text, "fill"]) == ink, text
        assert page.evaluate(colour, [".node .card", "stroke"]) == ink
        lines = "[...document.querySelectorAll('.line')].map(x => getComputedStyle(x).stroke)"
        assert canvas not in page.evaluate(lines)
