"""Pictures in a notebook's cell, in a real browser: whole, however wide they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsers import chromium

from engine import Value
from nn import MLP
from viz import draw, draw_paths

pytestmark = pytest.mark.thorough  # a browser takes its time
CELL = 848  # pixels: JupyterLab's, on a screen of 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def chain() -> Value:
    """A graph that is wider than a cell."""
    y = x = Value(0.5, label="x")
    for _ in range(12):
        y = (y * x).tanh()
    y.backward()
    return y


def shown() -> dict[str, Any]:
    y = chain()
    x = min(y._prev, key=lambda v: len(v.args))
    while x.args:
        x = x.args[-1]
    return {
        "value": y, "picture": draw(y), "paths": draw_paths(y, x),
        "network": MLP(3, [8, 8, 1], rng=0),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["value", "picture", "paths", "network"])
def test_a_picture_is_as_wide_as_its_cell_at_most(browser: Any, name: str) -> None:
    svg = str(shown()[name]._repr_mimebundle_()["image/svg+xml"])
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_content(f'<div id="cell" style="width: {CELL}px; overflow: hidden">{svg}</div>')
    cell, box = (page.locator(name).bounding_box() for name in ("#cell", "svg"))
    assert box["width"] <= cell["width"]
    assert box["x"] >= cell["x"]
    width, height = page.eval_on_selector(
        "svg", "svg => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]"
    )
    assert box["height"] / box["width"] == pytest.approx(height / width, rel=0.02)  # not squeezed
    assert name not in ("value", "picture") or box["width"] > 0.9 * CELL
    page.close()
