"""Pictures of many graphs measured in a browser: no text on another, on a border or cropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsers import chromium
from legibility import measure
from test_viz_legible import ALL, sample, samples

from engine import topological_order
from viz import draw
from viz.legible import READABLE

pytestmark = pytest.mark.thorough  # a browser takes its time


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    with chromium() as browser:
        yield browser.new_page()


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("name", ALL)
def test_no_text_is_on_another_on_a_border_or_cropped(page: Any, name: str, rankdir: str) -> None:
    root = ALL[name]()
    root.backward()
    found = measure(page, draw(root, rankdir=rankdir).pipe("svg"))
    assert found.faults == ()
    if rankdir == "LR":
        assert found.smallest >= READABLE


def test_what_is_taken_apart_has_no_faults(page: Any) -> None:
    one, four = sample(2, 4, 4, 1)(), samples(4, 2, 4, 1)()
    leaf = next(node for node in topological_order(one) if node.label == "w0")
    for root in (one, four):
        root.backward()
    for drawn in (
        draw(one, expand="L1 n2"),
        draw(one, path_to=leaf),
        draw(one, path_to=leaf, path=1),
        draw(one, expand=True),
        draw(four, expand="sample 2"),
        draw(four, expand=["sample 2", "L0 weights"], title="Four samples", dark=True),
    ):
        assert measure(page, drawn.pipe("svg")).faults == ()
