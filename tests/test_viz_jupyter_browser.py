"""Notebooks in a real JupyterLab, trusted and handed out, light and dark, and exported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import chromium
from notebooks import Lab, require_jupyter

pytestmark = pytest.mark.thorough  # JupyterLab takes its time
CELLS = [
    """
from engine import Symbol, Value, record
from engine.check import gradcheck
from nn import MLP
import viz
x, w = Value(2.0, label="x"), Value(-0.5, label="w", role="parameter")
y = x
for _ in range(8):
    y = (y * w).tanh()
y.label = "y"
y.backward()
model = MLP(2, [4, 1], activation="tanh", rng=0)
""",
    "y",
    "viz.draw(y, path_to=w)",
    "viz.draw_backward(y, w)",
    "model",
    "viz.draw_regions(lambda a, b: a - b, [(0, 1), (1, 0)], [0, 1], verdict=False)",
    "gradcheck(lambda x: x * Value(x.data * 2, label='detached'), [1.5])",
    "viz.play(y)",
    "Symbol('a').tanh()",
    "record(lambda x: x.tanh(), 0.5)",
    "model.parameters()",
]
PICTURES = 6  # and the player
CROPPED = """() => [...document.querySelectorAll('.gradpath')].flatMap(figure => {
    const cell = figure.getBoundingClientRect();
    const parts = [...figure.querySelectorAll('svg, img, iframe')];
    const seen = parts.filter(part => part.checkVisibility());
    return seen.map(part => {
        const box = part.getBoundingClientRect();
        const panel = figure.closest('.jp-Notebook').getBoundingClientRect();
        const right = Math.min(cell.right, panel.right);
        const fits = box.left >= cell.left - 1 && box.right <= right + 1;
        return fits && box.width > 40 && box.height > 40 ? '' : part.outerHTML.slice(0, 80);
    });
}).filter(Boolean)"""
SEEN = """() => [...document.querySelectorAll('.gradpath')].map(figure =>
    [...figure.querySelectorAll('svg, img, iframe')]
        .filter(part => part.checkVisibility()).map(part => part.localName).join())"""
# the colours behind the pictures: of the notebook, and of what a picture draws first
PAGES = """() => {
    const rgb = color => color.match(/[\\d.]+/g).map(Number);
    const notebook = getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor;
    const first = [...document.querySelectorAll('.gradpath-live svg')].map(svg =>
        getComputedStyle(svg.querySelector('polygon, path')).fill);
    return [rgb(notebook), ...first.map(rgb)];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    require_jupyter()
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("jupyter"))
    lab.write("trusted.ipynb", CELLS)
    handed_out = lab.notebooks / "handed_out.ipynb"  # other text: a signature is of the content
    text = (lab.notebooks / "trusted.ipynb").read_text(encoding="utf-8")
    handed_out.write_text(text.replace("from nn import MLP", "from nn import MLP  # a network"))
    lab.jupyter("trust", "trusted.ipynb")
    with lab.running():
        yield lab


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    # the scheme that a frame's page prefers is then that of the element it stands in
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="null")
    yield page
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_trusted_notebook_shows_pictures_in_its_colours(lab: Lab, page: Any, theme: str) -> None:
    lab.open(page, "trusted.ipynb", theme)
    assert page.evaluate(SEEN) == ["svg"] * PICTURES + ["iframe"]
    assert page.evaluate(CROPPED) == []
    notebook, *pictures = page.evaluate(PAGES)
    assert (max(notebook[:3]) < 60) == (theme == "dark")
    assert len(pictures) == PICTURES
    assert all(picture[:3] == notebook[:3] for picture in pictures)
    frame = next(frame for frame in page.frames if frame is not page.main_frame)
    behind = frame.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (behind == "rgb(255, 255, 255)") == (theme == "light")
    assert "def program" in page.locator(".jp-RenderedMarkdown code").inner_text()
    assert "layers.0.neurons.0.w0" in page.locator(".jp-OutputArea").last.inner_text()
    assert page.locator(".jp-RenderedLatex").count() == 1
    said = page.locator(".jp-Notebook").inner_text()
    assert " at 0x" not in said
    assert "no picture" not in said


def test_a_click_magnifies_and_another_one_fits_again(lab: Lab, page: Any) -> None:
    lab.open(page, "trusted.ipynb", "light")
    picture = page.locator(".gradpath-live svg").first
    fitting = picture.bounding_box()["width"]
    box = page.locator(".gradpath-live input").first
    picture.click()
    assert picture.bounding_box()["width"] > 1.4 * fitting
    inside = "label => label.scrollWidth > label.clientWidth"
    assert page.locator(".gradpath-live").first.evaluate(inside)  # and can be scrolled
    assert page.evaluate(CROPPED) != []  # which is how cropping would show
    picture.click()
    assert picture.bounding_box()["width"] == pytest.approx(fitting, abs=1)
    box.focus()
    page.keyboard.press("Space")
    assert picture.bounding_box()["width"] > 1.4 * fitting


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_notebook_that_was_handed_out_shows_images(lab: Lab, page: Any, theme: str) -> None:
    lab.open(page, "handed_out.ipynb", theme)
    assert page.evaluate(SEEN) == ["img"] * (PICTURES + 1)
    assert page.evaluate(CROPPED) == []
    widths = page.evaluate(
        "[...document.querySelectorAll('.gradpath img')].map(image => image.naturalWidth)"
    )
    assert all(width > 100 for width in widths)
    said = page.locator(".gradpath").all_inner_texts()
    assert [text.strip() for text in said[:-1]] == [""] * PICTURES  # nothing is left of the SVG
    assert "step by step" in said[-1]
    assert "it plays where the notebook is trusted" in said[-1]
    assert "def program" in page.locator(".jp-RenderedMarkdown code").inner_text()
    assert " at 0x" not in page.locator(".jp-Notebook").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_exported_notebook_shows_all(lab: Lab, page: Any, theme: str) -> None:
    lab.jupyter("nbconvert", "--to", "html", "--theme", theme, "trusted.ipynb", "--output", theme)
    page.route("http*://**", lambda route: route.abort())  # it asks for MathJax
    exported: Path = lab.notebooks / f"{theme}.html"
    page.goto(exported.as_uri())
    assert page.evaluate(SEEN) == ["svg"] * PICTURES + ["iframe"]
    assert page.evaluate(CROPPED) == []
    notebook, *pictures = page.evaluate(PAGES)
    assert (max(notebook[:3]) < 60) == (theme == "dark")
    assert all(picture[:3] == notebook[:3] for picture in pictures)
