"""The booklet in a real browser: on narrow and wide screens, light and dark, and on paper."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import Visit, chromium

pytestmark = pytest.mark.thorough  # a browser takes its time
DEMOS = Path(__file__).parents[1] / "demos"
A4 = 178, 265  # millimetres of a page inside its margins
PIXELS = 96 / 25.4  # of the browser in a millimetre
SIZES = "e => { const r = e.getBoundingClientRect(); return [r.width, r.height]; }"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def booklet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A booklet of two real claims, and of one that is all too long in every way."""
    before = sys.path[:]
    sys.path.insert(0, str(DEMOS))
    try:
        import backprop
        import network
        from booklet import entries, write_booklet
        from claims import Claim, Finding

        import viz

        def run(seed: int, quick: bool) -> Finding:
            lines = [f"{i} " + "x" * 98 for i in range(10, 130)]
            numbers = {f"a number with a very long name, the {i}th of many": i for i in range(60)}
            pictures = [
                ("w99-wide.svg", lambda dark: viz.draw_curve({"a": [1, 2]}, dark=dark), "wide"),
                ("w99-tall.svg", tall, "tall"),
            ]
            return Finding("holds if it is so", "\n".join(lines), numbers, pictures)

        def tall(dark: bool) -> Any:
            plot = viz.draw_curve({"a": [1, 2]}, dark=dark)
            plot.set_size_inches(5, 30)
            return plot

        real = [c for c in (*network.CLAIMS, *backprop.CLAIMS) if c.number in ("W5", "W6")]
        out = tmp_path_factory.mktemp("booklet")
        claims = [*real, Claim("W99", "Too long", "A claim " * 20, run)]
        yield write_booklet(entries(claims, 0, True, out), out)
    finally:
        sys.path[:] = before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_is_as_wide_as_the_screen(
    browser: Any, booklet: Path, width: int, scheme: str
) -> None:
    options: Any = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with Visit(browser, booklet, **options) as visit:
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert all(page.eval_on_selector_all("img", "imgs => imgs.map(i => i.alt.trim())"))
        headings = "hs => hs.map(h => h.tagName)"
        found = page.eval_on_selector_all("h1, h2, h3, h4", headings)
        assert found == ["H1", "H2", "H2", "H2"]
        assert page.locator("iframe").first.is_visible()
        assert not page.locator("img.paper").first.is_visible()
        shown = page.eval_on_selector("picture img", "i => i.currentSrc")
        light = page.eval_on_selector("picture img", "i => i.src")
        assert (shown == light) == (scheme == "light")


def test_on_paper_nothing_is_cut(browser: Any, booklet: Path) -> None:
    wide, high = (round(side * PIXELS) for side in A4)
    with Visit(browser, booklet, viewport={"width": wide, "height": high}) as visit:
        page = visit.page
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("document.documentElement.scrollWidth") <= wide
        for kind in ("figure", "h2", ".command", "tr"):
            boxes = [box.evaluate(SIZES) for box in page.locator(kind).all()]
            assert boxes
            assert all(0 < width <= wide and 0 < height <= high for width, height in boxes)
        for text in page.locator("pre").all():
            assert text.evaluate("e => e.scrollWidth <= e.clientWidth")
        line = page.locator("#W99 pre").evaluate("e => parseFloat(getComputedStyle(e).lineHeight)")
        assert page.locator("#W99 pre").evaluate(SIZES)[1] < 123 * line  # no line takes two
        shown = page.eval_on_selector("picture img", "i => i.currentSrc === i.src")
        assert shown, "on paper pictures are light"


def test_on_paper_a_picture_takes_the_place_of_the_player(browser: Any, booklet: Path) -> None:
    with Visit(browser, booklet) as visit:
        page = visit.page
        page.emulate_media(media="print")
        players = page.locator(".player").all()
        assert len(players) == 2
        for player in players:
            assert not player.locator("iframe").is_visible()
            assert player.locator("img.paper").evaluate(SIZES)[0] > 100
            after = "e => getComputedStyle(e, '::after').content"
            assert "on the screen" in player.locator("figcaption").evaluate(after)
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
