"""The player, measured in a real browser: in a lecture, in a notebook's cell, on paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import Visit, chromium
from measuring import overlaps, smallest

from engine import Value, detect_anomaly, topological_order
from nn import MLP, SGD, mean_squared_error
from viz import Film, play

pytestmark = pytest.mark.thorough  # a browser takes its time
POINTS, TARGETS = ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0)
SLIDE, CELL, ENLARGED = (
    {"width": width, "height": height} for width, height in ((1280, 800), (700, 420), (640, 400))
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def neuron() -> Value:
    """o = tanh(x1·w1 + x2·w2 + b)."""
    x1, x2, b = Value(2.0, label="x1"), Value(0.0, label="x2"), Value(6.8813735870195432, label="b")
    w1, w2 = Value(-3.0, label="w1", role="parameter"), Value(1.0, label="w2", role="parameter")
    p1, p2 = x1 * w1, x2 * w2
    s = p1 + p2
    o: Value = (s + b).tanh()
    p1.label, p2.label, s.label, o.label = "x1·w1", "x2·w2", "x1·w1 + x2·w2", "o"
    return o


def square() -> Value:
    a = Value(3.0, label="a")
    b: Value = a * a
    return b


def diamond() -> Value:
    a = Value(0.8, label="a")
    c = a * a
    return (c * a).tanh() + c  # type: ignore[no-any-return]


def xor() -> Value:
    loss: Value = (MLP(2, [4, 1], activation="tanh", rng=0)((0, 1)) - 1) ** 2
    return loss


def chain() -> Value:
    y = Value(0.5, label="x")
    for i in range(4):
        y = y.sigmoid()
        y.label = f"h{i}"
    return y


def moons() -> Value:
    """The loss of four points of two moons: so large that its cards have one line."""
    model = MLP(2, [8, 8, 1], activation="tanh", rng=0)
    points = [(math.cos(t), math.sin(t)) for t in (0.3, 1.5, 2.8, 4.0)]
    return mean_squared_error(map(model, points), [0, 1, 0, 1])  # type: ignore[no-any-return]


def undefined() -> Value:
    x, w = Value(-1.0, label="x"), Value(2.0, label="w")
    p = x * w
    y: Value = p.log() * w + x
    p.label, y.label = "p", "y"
    return y


@pytest.fixture(scope="module")
def film() -> Film:
    """A network learning XOR."""
    model = MLP(2, [4, 1], rng=0, activation="tanh")
    optimiser = SGD(model.parameters(), 0.1, momentum=0.9)
    found = Film(lambda x, y: model((x, y)).data - 0.5, POINTS, TARGETS, title="XOR is learnt")
    for epoch in range(0, 100, 10):
        loss = mean_squared_error(map(model, POINTS), TARGETS)
        loss.label = "loss"
        found.add(loss, epoch)
        for _ in range(10):
            model.zero_grad()
            loss.backward()
            optimiser.step()
            loss = mean_squared_error(map(model, POINTS), TARGETS)
    return found


def opened(browser: Any, folder: Path, player: Any, at: str = "", **options: Any) -> Visit:
    """The page, at an address that ends like this."""
    options.setdefault("reduced_motion", "reduce")
    return Visit(browser, player.save(folder / "player.html"), at=at, **options)


def go_to(page: Any, step: int) -> None:
    page.evaluate(
        "step => { const s = document.getElementById('steps');"
        " s.value = step; s.dispatchEvent(new Event('input')); }",
        step,
    )


def step_of(page: Any) -> tuple[int, int]:
    step, last = page.locator("#count").text_content().split("/")
    return int(step), int(last)


def eventually(page: Any, happened: Callable[[], bool]) -> None:
    for _ in range(200):
        if happened():
            return
        page.wait_for_timeout(25)
    pytest.fail("it did not happen within 5 s")


# ---------------- the stage


@pytest.mark.parametrize("large", [False, True], ids=["usual", "presented"])
@pytest.mark.parametrize("made", [neuron, square, diamond, xor, chain, undefined, moons])
def test_no_text_is_on_another_or_on_an_edge(
    browser: Any, tmp_path: Path, made: Callable[[], Value], large: bool
) -> None:
    at = "present" if large else ""
    with opened(browser, tmp_path, play(made()), at, viewport=SLIDE) as visit:
        page = visit.page
        last = step_of(page)[1]
        for step in range(0, last + 1, max(1, last // (2 if last > 99 else 12))):
            go_to(page, step)
            assert not overlaps(page), step
        labels = page.locator(".partial")
        written = [text for text in labels.all_text_contents() if text]
        assert made is xor or len(written) == labels.count()  # each has found a place


@pytest.mark.parametrize("at", ["", "present"])
def test_a_long_name_is_shortened_and_stands_once(browser: Any, tmp_path: Path, at: str) -> None:
    a = Value(2.0, label="abc" * 30)
    b = a.tanh()
    b.label = "x1·w1 + x2·w2"
    with opened(browser, tmp_path, play(b), at, viewport=SLIDE) as visit:
        long, short = visit.page.locator("[data-node] .names").all_text_contents()
        assert long.startswith("abcabc") and long.endswith("…") and len(long) < 40
        assert short.startswith("x1·w1") and short.count("w1") == 1


def test_nothing_overlaps_in_a_film(browser: Any, tmp_path: Path, film: Film) -> None:
    with opened(browser, tmp_path, play(frames=film), viewport=SLIDE) as visit:
        page = visit.page
        assert not overlaps(page)
        page.keyboard.press("End")
        assert not overlaps(page)
        page.keyboard.press("g")
        for step in (0, 30, 60, 92):
            go_to(page, step)
            assert not overlaps(page)


def test_where_a_gradient_has_gone_the_arrow_points_back(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(chain()), viewport=SLIDE) as visit:
        page = visit.page

        def pointing() -> list[int]:
            """For every edge −1 if its head is at its argument's card, 1 if at its result's."""
            found: list[int] = page.evaluate(
                """() => [...document.querySelectorAll('.edge')].map((edge) => {
                    const line = edge.querySelector('.line').getBoundingClientRect();
                    const head = edge.querySelector('.head').getBoundingClientRect();
                    const middle = (box) => (box.left + box.right) / 2;
                    return Math.sign(middle(head) - middle(line));
                })"""
            )
            return found

        go_to(page, 4)
        assert pointing() == [1, 1, 1, 1]
        go_to(page, 7)
        assert pointing() == [1, 1, -1, -1]
        page.keyboard.press("End")
        assert pointing() == [-1, -1, -1, -1]


def test_motion_comes_to_an_end(browser: Any, tmp_path: Path) -> None:
    options = {"reduced_motion": "no-preference"}
    with opened(browser, tmp_path, play(diamond()), "step=8", **options) as visit:
        times = "document.getAnimations().map(a => a.effect.getComputedTiming().endTime)"
        assert all(0 < end < 5000 for end in visit.page.evaluate(times))


def test_the_first_number_that_is_not_finite_is_named(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(undefined())) as visit:
        page = visit.page
        said = page.inner_text("#trouble")
        assert "log(−2)" in said and "is nan" in said
        page.click("#trouble button")
        assert page.locator(".node.active").get_attribute("class").split().count("culprit")
        assert page.locator(".node.broken").count() == 1  # those after it are not computed yet
        page.keyboard.press("End")
        assert page.locator(".node.culprit").count() == 1
        assert page.locator(".node.broken").count() == 3


def test_a_gradient_that_is_not_finite_is_traced_to_its_edge(browser: Any, tmp_path: Path) -> None:
    x = Value(0.0, label="x")
    y = x.sqrt() * 2 + x
    with opened(browser, tmp_path, play(y)) as visit:
        said = visit.page.inner_text("#trouble")
        assert "The gradient of x becomes inf" in said and "local derivative" in said
    with opened(browser, tmp_path, play(diamond())) as visit:
        assert visit.page.is_hidden("#trouble")


def test_it_opens_with_what_a_gradient_means(browser: Any, tmp_path: Path) -> None:
    root = neuron()
    with opened(browser, tmp_path, play(root)) as visit:
        text = visit.page.inner_text("#step")
        assert "WHAT A GRADIENT MEANS" in text.upper() and "Nudge w1 by 0.01" in text
        becomes = math.tanh(2 * -2.99 + 6.8813735870195432)
        assert f"becomes {becomes:.6f}" in text
        assert "∂o/∂w1 × 0.01 = 1 × 0.01 = 0.01" in text.replace("0.9999", "1")
        assert visit.page.locator(".node.lit .name").text_content() == "w1"


def test_the_line_of_the_step_is_lit(browser: Any, tmp_path: Path) -> None:
    with detect_anomaly():
        a = Value(3.0, label="a")
        b = a * a  # this very line
        c = b.tanh()
    b.label, c.label = "b", "c"
    with opened(browser, tmp_path, play(c)) as visit:
        page = visit.page
        assert page.locator(".program .lit").count() == 0
        page.keyboard.press("ArrowRight")
        assert page.locator(".program .lit").all_text_contents() == [
            "b = a * a  # this very line", "b = a·a",
        ]  # fmt: skip
        page.keyboard.press("ArrowRight")
        assert "c = tanh(b)" in page.locator(".program .lit").all_text_contents()
        go_to(page, 5)
        assert "b = a·a" in page.locator(".program .lit.backward").all_text_contents()


# ---------------- in a lecture


def test_a_clicker_works_whatever_has_the_focus(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron())) as visit:
        page = visit.page
        places = ["#first", "#next", "#theme", "#speed", "#choice", "#steps", '[data-node="0"]']
        for place in places:
            go_to(page, 3)
            page.focus(place)
            for key, expected in [("PageDown", 4), ("PageDown", 5), ("PageUp", 4)]:
                page.keyboard.press(key)
                assert step_of(page)[0] == expected, place
            theme = page.evaluate("document.documentElement.dataset.theme ?? ''")
            page.keyboard.press("Space")
            assert page.get_attribute("#play", "aria-label") == "Pause", place
            page.keyboard.press("Space")
            assert page.get_attribute("#play", "aria-label") == "Play the steps", place
            assert step_of(page)[0] == 4
            assert page.evaluate("document.documentElement.dataset.theme ?? ''") == theme
            assert page.is_hidden("#paths")
            page.keyboard.press(".")
            assert page.locator("#blank").bounding_box() == {
                "x": 0, "y": 0, "width": 1280, "height": 720,
            }  # fmt: skip
            page.keyboard.press(".")
            assert page.is_hidden("#blank")


def test_the_speed_is_chosen_by_hand_and_by_key(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron())) as visit:
        page = visit.page
        chosen = "document.getElementById('speed').selectedOptions[0].textContent"
        assert page.evaluate(chosen) == "1×"
        page.keyboard.press(">")
        page.keyboard.press(">")
        assert page.evaluate(chosen) == "4×"
        page.keyboard.press("Space")
        page.wait_for_timeout(900)
        assert step_of(page)[0] >= 2  # in less than the time of one step
        page.keyboard.press("Space")
        page.keyboard.press("<")
        assert page.evaluate(chosen) == "2×"
        assert page.get_by_label("Speed").is_visible()


def test_paths_are_gone_through_by_keys(browser: Any, tmp_path: Path) -> None:
    root = diamond()
    leaf = next(node for node in topological_order(root) if not node.args)
    with opened(browser, tmp_path, play(root, path_to=leaf, path=1, dark=True)) as visit:
        page = visit.page
        lit = "[...document.querySelectorAll('.path')].findIndex(p => p.matches('.lit'))"
        assert step_of(page) == (10, 10)
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.locator(".path").first.is_visible()
        stage = page.locator("main").bounding_box()
        for card in page.locator(".node .card").all():
            box = card.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= stage["width"]
        for key, expected in [("Down", 1), ("Down", 2), ("Up", 1), ("Up", 0), ("Up", 0)]:
            page.keyboard.press(f"Arrow{key}")
            assert page.evaluate(lit) == expected
            edges = page.locator(".edge:not(.dimmed)").count()
            assert edges == (3 if expected == 2 else 2)  # the way over v3 and v2 is longer


def test_the_address_opens_a_step_and_follows_it(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron()), "step=7") as visit:
        page = visit.page
        assert step_of(page)[0] == 7
        page.keyboard.press("ArrowRight")
        eventually(page, lambda: page.url.endswith("#step=8"))
        page.reload()
        assert step_of(page)[0] == 8
        page.evaluate("location.hash = '#step=3&paths=w1&path=1'")
        eventually(page, lambda: step_of(page)[0] == 3)
        assert "∂o/∂w1" in page.inner_text("#paths")
        assert page.locator(".path.lit").count() == 1
        page.evaluate("location.hash = '#step=99&paths=none&path=x&theme=pink&=&%'")
        eventually(page, lambda: step_of(page)[0] == 12)
        assert page.is_hidden("#paths")


@pytest.mark.parametrize("made", [neuron, square, diamond, xor, undefined, moons])
def test_a_presentation_can_be_read_from_the_last_row(
    browser: Any, tmp_path: Path, made: Callable[[], Value]
) -> None:
    with opened(browser, tmp_path, play(made()), "present", viewport=SLIDE) as visit:
        page = visit.page
        last = step_of(page)[1]
        for step in (0, last // 4, last * 3 // 4, last):
            go_to(page, step)
            everything = "body *:not(script, style, option)"
            assert smallest(page, everything) >= 23.99
            stage = page.locator("main").bounding_box()
            assert stage["width"] == 1280 and stage["height"] > 400
            active = page.locator(".node.active .card, .node.lit .card")
            if active.count():
                box = active.first.bounding_box()
                assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
                assert box["y"] >= 0 and box["y"] + box["height"] <= stage["height"]
        page.keyboard.press("Escape")
        assert page.get_attribute("#present", "aria-pressed") == "false"
        page.keyboard.press("p")
        assert page.get_attribute("#present", "aria-pressed") == "true"
        page.click("#present")
        assert page.is_visible("h1")


def test_a_presented_film_is_large(browser: Any, tmp_path: Path, film: Film) -> None:
    with opened(browser, tmp_path, play(frames=film), "present&epoch=50", viewport=SLIDE) as visit:
        everything = "body *:not(script, style, option)"
        assert smallest(visit.page, everything) >= 23.99
        assert not overlaps(visit.page)


# ---------------- in a notebook's cell


@pytest.mark.parametrize("size", [CELL, ENLARGED], ids=["cell", "enlarged"])
@pytest.mark.parametrize("made", [neuron, xor, moons])
def test_it_can_be_read_in_little_room(
    browser: Any, tmp_path: Path, made: Callable[[], Value], size: dict[str, int]
) -> None:
    with opened(browser, tmp_path, play(made()), viewport=size) as visit:
        page = visit.page
        last = step_of(page)[1]
        for step in (0, last // 3, last * 2 // 3):
            go_to(page, step)
            assert smallest(page, ".graph text, .graph tspan") >= 10.99
            stage, panel = (page.locator(x).bounding_box() for x in ("main", "#panel"))
            assert stage["width"] * stage["height"] > 0.45 * size["width"] * size["height"]
            assert stage["x"] + stage["width"] <= panel["x"]
        controls = "first previous play next last steps speed theme present print fit closer"
        for control in controls.split():
            box = page.locator(f"#{control}").bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"], control
            assert box["y"] >= 0 and box["y"] + box["height"] <= size["height"], control
            assert box["width"] >= 24 and box["height"] >= 24, control


# ---------------- on paper


@pytest.mark.parametrize("made", [neuron, xor, moons])
def test_every_card_is_on_the_page(browser: Any, tmp_path: Path, made: Callable[[], Value]) -> None:
    with opened(browser, tmp_path, play(made()), "step=9&theme=dark", viewport=SLIDE) as visit:
        page = visit.page
        page.emulate_media(media="print")
        stage = page.locator(".graph").bounding_box()
        assert stage["x"] >= 0 and stage["x"] + stage["width"] <= 1280
        cards = page.evaluate(
            "[...document.querySelectorAll('.card')].map(c => {"
            " const b = c.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
        )
        for left, top, right, bottom in cards:
            assert stage["x"] <= left < right <= stage["x"] + stage["width"]
            assert stage["y"] <= top < bottom <= stage["y"] + stage["height"]
        assert page.is_hidden("#controls") and page.is_visible("#panel")
        paper = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.emulate_media(media="screen")
        eventually(page, lambda: page.locator(".graph").get_attribute("viewBox") is None)


def test_on_request_each_step_is_a_page(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron()), "print=steps") as visit:
        page = visit.page
        assert page.locator(".sheet").count() == 13
        paper = page.pdf(landscape=True)
        assert paper.count(b"/Type /Page\n") == 13
        page.evaluate("location.hash = '#step=2'")
        eventually(page, lambda: page.locator(".sheet").count() == 0)
        assert step_of(page)[0] == 2
        page.evaluate(
            "window.print = () => { asked = document.querySelectorAll('.sheet').length; }"
        )
        page.click("#print")
        assert page.evaluate("asked") == 13
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".sheet").count() == 0 and step_of(page)[0] == 2


# ---------------- films


def test_a_film_opens_on_the_network_and_has_the_graph_on_demand(
    browser: Any, tmp_path: Path, film: Film
) -> None:
    with opened(browser, tmp_path, play(frames=film)) as visit:
        page = visit.page
        assert page.is_visible(".network") and page.is_hidden(".graph")
        assert page.inner_text("h1") == "XOR is learnt"
        text = page.inner_text("#step")
        assert "17 parameters" in text and "to make loss small on 4 points" in text
        axes = page.locator(".tick.title").all_text_contents()
        assert set(axes) >= {"epoch", "x0", "x1"} and any(x.startswith("loss") for x in axes)
        widths = (
            "[...document.querySelectorAll('.synapse')].map(p => p.getAttribute('stroke-width'))"
        )
        before = page.evaluate(widths)
        assert len(before) == 12
        page.keyboard.press("PageDown")
        assert page.inner_text("#epoch") == "epoch 10"
        assert page.evaluate(widths) != before
        page.click("#view")
        assert page.is_visible(".graph") and page.is_hidden(".network")
        assert page.is_visible(".curve")
        page.keyboard.press("ArrowLeft")
        assert step_of(page) == (91, 92)
        eventually(page, lambda: "view=graph" in page.url and "epoch=10" in page.url)
        page.reload()
        assert page.inner_text("#epoch") == "epoch 10" and page.is_visible(".graph")
        page.keyboard.press("g")
        assert page.is_visible(".network")
        page.evaluate("location.hash = '#step=5'")
        eventually(page, lambda: page.is_visible(".graph"))
        assert step_of(page) == (5, 92)


def test_a_film_stops_where_nothing_changes(browser: Any, tmp_path: Path) -> None:
    w = Value(1.0, label="w", role="parameter")
    film = Film()
    for epoch in range(40):
        loss = w * w
        film.add(loss, epoch)
        w.data = max(0.5, w.data - 0.25)
    with opened(browser, tmp_path, play(frames=film)) as visit:
        page = visit.page
        page.click("#train")
        eventually(page, lambda: page.get_attribute("#train", "aria-label") == "Play the epochs")
        assert page.inner_text("#epoch") == "epoch 2"
