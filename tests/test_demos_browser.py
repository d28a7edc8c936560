"""The booklet in a real browser: its players step by click and by key, in both themes."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import Visit, chromium

pytestmark = pytest.mark.thorough  # a browser takes its time
DEMOS = Path(__file__).parents[1] / "demos"
BACKGROUND = {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 20, 25)"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def booklet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A booklet of the claims that have a page to step through."""
    before, folder = sys.path[:], tmp_path_factory.mktemp("booklet")
    sys.path.insert(0, str(DEMOS))
    from booklet import entries, write_booklet
    from claims import find_claims

    chosen = [claim for claim in find_claims() if claim.number in {"W5", "W6"}]
    made = entries(chosen, 0, True, folder)
    assert any(name.endswith(".html") for entry in made for name, *_ in entry.finding.pictures)
    yield write_booklet(made, folder)
    sys.path[:] = before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_players_in_the_booklet_step_by_click_and_by_key(
    browser: Any, booklet: Path, scheme: str
) -> None:
    with Visit(browser, booklet, color_scheme=scheme, reduced_motion="reduce") as visit:
        frames = visit.page.locator("iframe")
        assert frames.count() == booklet.read_text("utf-8").count("<iframe") >= 2
        for i in range(frames.count()):
            frames.nth(i).scroll_into_view_if_needed()
            player = visit.page.frame_locator("iframe").nth(i)
            count = player.locator("#count")
            last = int(count.inner_text().split("/")[1])
            assert count.inner_text() == f"0 / {last}"
            assert colour(player) == BACKGROUND[scheme]
            for control, step in [("next", 1), ("next", 2), ("previous", 1), ("last", last)]:
                player.locator(f"#{control}").click()
                assert count.inner_text() == f"{step} / {last}"
            player.locator("header").click()
            for key, step in [("Home", 0), ("ArrowRight", 1), ("ArrowLeft", 0), ("End", last)]:
                visit.page.keyboard.press(key)
                assert count.inner_text() == f"{step} / {last}"
            grads = player.locator("[data-node] .grad").all_text_contents()
            assert any(grad.strip() not in {"0", ""} for grad in grads)
        visit.requests = [url for url in visit.requests if url != "about:srcdoc"]


def test_a_player_begins_with_its_first_cards_in_sight(browser: Any, booklet: Path) -> None:
    with Visit(browser, booklet, reduced_motion="reduce") as visit:
        for i in range(visit.page.locator("iframe").count()):
            visit.page.locator("iframe").nth(i).scroll_into_view_if_needed()
            player = visit.page.frame_locator("iframe").nth(i)
            stage = player.locator("main").bounding_box()
            cards = [card.bounding_box() for card in player.locator("[data-node] .card").all()]
            assert min(card["x"] for card in cards if card) >= stage["x"]
        visit.requests = [url for url in visit.requests if url != "about:srcdoc"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_picture_of_the_booklet_is_drawn_in_the_readers_theme(
    browser: Any, booklet: Path, scheme: str
) -> None:
    with Visit(browser, booklet, color_scheme=scheme) as visit:
        shown: list[list[Any]] = visit.page.eval_on_selector_all(
            "img:not(.paper)",
            "images => images.map(i => [i.complete && i.naturalWidth, i.currentSrc])",
        )
        assert all(width > 0 for width, _ in shown)
        drawn = [x for x in booklet.parent.glob("*.svg") if not x.name.endswith("-paper.svg")]
        dark = [path for path in drawn if path.name.endswith("-dark.svg")]
        files = [x.read_bytes() for x in drawn if (x in dark) == (scheme == "dark")]
        seen = [base64.b64decode(source.partition(",")[2]) for _, source in shown]
        assert sorted(seen) == sorted(files)


def colour(player: Any) -> str:
    return str(player.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
