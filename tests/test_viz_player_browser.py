"""The player in a real browser: every control, in both themes, and every number at every step."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsers import Visit, chromium
from test_viz_player import HOSTILE

from engine import Value, topological_order
from engine.paths import count_paths, heaviest_paths
from nn import MLP, SGD, mean_squared_error
from viz import Film, play

pytestmark = pytest.mark.thorough  # a browser takes its time
POINTS, TARGETS = ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def neuron() -> Value:
    """o = tanh(x·w + b), then o·o + x: x and o are used twice."""
    x, w, b = Value(2.0, label="x"), Value(-0.7, label="w", role="parameter"), Value(0.9, label="b")
    o = (x * w + b).tanh()
    y: Value = o * o + x
    o.label, y.label = "o", "y"
    return y


def random_graph(seed: int) -> Value:
    """A graph of smooth operations in which many nodes are used several times."""
    draw = random.Random(seed)
    nodes = [Value(draw.uniform(-1.5, 1.5), label=f"x{i}") for i in range(4)]
    for _ in range(14):
        a, b = draw.choice(nodes[-6:]), draw.choice(nodes)
        nodes.append(draw.choice([a * b, a - b, (a + b).tanh(), max(a, b)]))
    total: Value = nodes[0]
    for node in nodes[1:]:
        total = total + node
    return total


def opened(browser: Any, folder: Path, player: Any, **options: Any) -> Visit:
    return Visit(browser, player.save(folder / "player.html"), **options)


def cards(page: Any) -> list[tuple[str, str]]:
    """Data and grad on every card, in topological order."""
    found: list[list[str]] = page.eval_on_selector_all(
        "[data-node]",
        "cards => cards.map(c => ['.data', '.grad'].map(t => c.querySelector(t).textContent))",
    )
    return [(data, grad) for data, grad in found]


def shown(x: float) -> Any:
    """A number as far as a card's four decimals or three digits tell it."""
    return pytest.approx(x, abs=6e-5 if abs(x) >= 1e-3 else 6e-3 * abs(x))


def read(text: str) -> float:
    return float(text.replace("−", "-"))


def go_to(page: Any, step: int) -> None:
    page.evaluate(
        "step => { const s = document.getElementById('steps');"
        " s.value = step; s.dispatchEvent(new Event('input')); }",
        step,
    )


def eventually(page: Any, happened: Callable[[], bool]) -> None:
    """Wait for what takes the page some time. (The page's policy forbids to wait in a script.)"""
    for _ in range(400):
        if happened():
            return
        page.wait_for_timeout(25)
    pytest.fail("it did not happen within 10 s")


def exact(page: Any, index: int, what: str = "grad") -> float:
    """A number of a node in full, as the tip says that comes up when its card has the focus."""
    page.focus(f'[data-node="{index}"]')
    tip = page.locator(".tip:not([hidden])").inner_text().split()
    return read(tip[tip.index(what) + 1])


def chosen(page: Any, index: int) -> str:
    """What the page says about the paths to a node."""
    page.evaluate(
        "node => { const s = document.getElementById('choice');"
        " s.value = node; s.dispatchEvent(new Event('change')); }",
        index,
    )
    text: str = page.inner_text("#paths")
    return text


# ---------------- numbers


@pytest.mark.parametrize("seed", [1, 2])
def test_every_card_shows_what_a_slow_backward_pass_has_at_every_step(
    browser: Any, tmp_path: Path, seed: int
) -> None:
    root = random_graph(seed)
    order = topological_order(root)
    place = {node: i for i, node in enumerate(order)}
    computed = [node for node in order if node.args]
    ready, grads = {place[node] for node in order if not node.args}, [0.0] * len(order)
    with opened(browser, tmp_path, play(root), reduced_motion="reduce") as visit:

        def compare() -> None:
            for i, (data, grad) in enumerate(cards(visit.page)):
                assert (data != "–") == (i in ready)
                assert data == "–" or read(data) == shown(order[i].data)
                assert read(grad) == shown(grads[i])
            visit.page.keyboard.press("ArrowRight")

        compare()
        for node in computed:
            ready.add(place[node])
            compare()
        grads[-1] = 1.0
        compare()
        for node in reversed(computed):
            for arg, partial in zip(node.args, node.partials, strict=True):
                grads[place[arg]] += partial * grads[place[node]]
            compare()
        root.backward()
        for i, node in enumerate(order):
            assert exact(visit.page, i) == node.grad


def test_the_backward_step_says_what_is_multiplied_and_added(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron())) as visit:
        page = visit.page
        go_to(page, 5 + 1 + 2)  # all computed, the seed, y and then o·o have sent
        text = page.inner_text("#step")
        o = math.tanh(2 * -0.7 + 0.9)
        assert "o.grad += ∂(o·o)/∂o × (o·o).grad" in text
        assert f"o.grad = 0 + (−{-o:.4g}) × 1 = −{-o:.4g}" in text
        assert f"(−{-o:.4g}) × 1 = −{-2 * o:.4g}" in text
        assert "contribution 2 of 2 to o" in text
        said = page.inner_text("#said")
        assert said.startswith("Backward through (o·o): o gets")


# ---------------- controls


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_does_what_it_says(browser: Any, tmp_path: Path, scheme: str) -> None:
    with opened(browser, tmp_path, play(neuron()), color_scheme=scheme) as visit:
        page = visit.page

        def step() -> int:
            return int(page.inner_text("#count").split("/")[0])

        last = 2 * 5 + 2
        for control, expected in [
            ("next", 1), ("next", 2), ("previous", 1), ("last", last), ("first", 0),
        ]:  # fmt: skip
            page.click(f"#{control}")
            assert step() == expected, control
        assert page.is_disabled("#previous") and page.is_disabled("#first")
        page.click("header")
        for key, expected in [
            ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", last), ("Home", 0),
        ]:  # fmt: skip
            page.keyboard.press(key)
            assert step() == expected, key
        page.focus("#steps")
        page.keyboard.press("ArrowRight")
        assert step() == 1
        page.click("#play")
        eventually(page, lambda: step() == 2)
        assert page.get_attribute("#play", "aria-label") == "Pause"
        page.keyboard.press("Escape")
        assert page.get_attribute("#play", "aria-label") == "Play the steps"
        page.click("header")
        page.keyboard.press("Space")
        assert page.get_attribute("#play", "aria-label") == "Pause"
        page.keyboard.press("Space")
        assert page.get_attribute("#play", "aria-label") == "Play the steps"

        def background() -> str:
            return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

        colors = {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 20, 25)"}
        assert background() == colors[scheme]
        page.click("#theme")
        assert background() == colors["light" if scheme == "dark" else "dark"]
        page.click("#theme")
        assert background() == colors[scheme]


def test_zoom_and_pan(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron()), reduced_motion="reduce") as visit:
        page = visit.page

        def box() -> Any:
            return page.locator('[data-node="0"] .card').bounding_box()

        before = box()
        pairs: list[tuple[Callable[[], None], Callable[[], None]]] = [
            (lambda: page.click("#closer"), lambda: page.click("#fit")),
            (lambda: page.keyboard.press("+"), lambda: page.keyboard.press("0")),
        ]
        for act, back in pairs:
            act()
            assert box()["width"] > 1.1 * before["width"]
            back()
            assert box()["width"] == pytest.approx(before["width"], rel=1e-3)
        page.click("#farther")
        assert box()["width"] < 0.9 * before["width"]
        page.keyboard.press("0")
        page.mouse.move(400, 150)
        page.mouse.wheel(0, -300)
        eventually(page, lambda: box()["width"] > 1.1 * before["width"])
        page.keyboard.press("0")
        page.mouse.move(300, 120)
        page.mouse.down()
        page.mouse.move(340, 150, steps=4)
        page.mouse.up()
        assert box()["x"] == pytest.approx(before["x"] + 40, abs=6)
        assert box()["y"] == pytest.approx(before["y"] + 30, abs=6)
        assert page.is_hidden("#paths")  # a drag chooses nothing


def test_a_pinch_zooms(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron()), reduced_motion="reduce") as visit:
        width = "document.querySelector('.card').getBoundingClientRect().width"
        before = visit.page.evaluate(width)
        visit.page.evaluate(
            """() => {
                const frame = document.querySelector('.frame');
                frame.setPointerCapture = () => {};
                const send = (name, id, x) => frame.dispatchEvent(new PointerEvent(name,
                    { pointerId: id, clientX: x, clientY: 200, bubbles: true }));
                send('pointerdown', 1, 300); send('pointerdown', 2, 400);
                for (let i = 1; i <= 10; i += 1) send('pointermove', 2, 400 + 10 * i);
                send('pointerup', 1, 300); send('pointerup', 2, 500);
            }"""
        )
        assert visit.page.evaluate(width) > 1.5 * before


# ---------------- paths


def test_the_paths_to_a_leaf_are_listed_and_add_up(browser: Any, tmp_path: Path) -> None:
    root = neuron()
    with opened(browser, tmp_path, play(root)) as visit:
        page = visit.page
        order = topological_order(root)
        x = next(i for i, node in enumerate(order) if node.label == "x")
        page.click(f'[data-node="{x}"]')
        text = page.inner_text("#paths")
        root.backward()
        assert "The sum over 3 paths from y to x" in text
        items = page.locator(".path").all_inner_texts()
        products = [read(item.split("=")[-1].split()[0]) for item in items]
        expected = [path.product for path in heaviest_paths(root, order[x], 3)]
        assert products == pytest.approx(expected, rel=1e-3)
        assert sum(products) == pytest.approx(order[x].grad, rel=1e-3)
        assert read(page.inner_text(".sum .number")) == pytest.approx(order[x].grad, rel=1e-3)
        dimmed = page.locator(".node.dimmed").count()
        assert dimmed == 2  # w and b
        page.focus(".path >> nth=0")
        assert page.locator(".node.dimmed").count() > dimmed
        page.keyboard.press("Escape")
        assert page.is_hidden("#paths")
        assert page.locator(".dimmed").count() == 0


def test_a_leaf_is_chosen_by_keyboard(browser: Any, tmp_path: Path) -> None:
    with opened(browser, tmp_path, play(neuron())) as visit:
        page = visit.page
        page.focus('[data-node="1"]')
        page.keyboard.press("Enter")
        assert page.get_attribute('[data-node="1"]', "aria-pressed") == "true"
        assert "∂y/∂w" in page.inner_text("#paths")
        page.keyboard.press("Enter")
        assert page.is_hidden("#paths")


def test_paths_without_number_are_counted_exactly(browser: Any, tmp_path: Path) -> None:
    x = y = Value(1.0, label="x")
    for _ in range(60):
        y = y * 0.5 + y * 0.5
    with opened(browser, tmp_path, play(y)) as visit:
        text = chosen(visit.page, topological_order(y).index(x))
        assert f"{count_paths(y, x):,} paths" in text
        assert f"the other {2**60 - 8:,} paths" in text
        assert "= 1\n" in text


def test_what_is_not_finite_comes_first_and_makes_the_remainder_undefined(
    browser: Any, tmp_path: Path
) -> None:
    x = Value(0.0, label="x")
    y = x.log() + sum(x * float(k) for k in range(1, 11))
    with opened(browser, tmp_path, play(y)) as visit:
        text = chosen(visit.page, topological_order(y).index(x))
        assert "= inf" in visit.page.locator(".path >> nth=0").inner_text()
        assert "undefined, as not all products are finite" in text


def test_a_branch_not_taken_sends_nothing(browser: Any, tmp_path: Path) -> None:
    x = Value(-1.0, label="x")
    y = x.relu().log()
    with opened(browser, tmp_path, play(y)) as visit:
        visit.page.keyboard.press("End")
        assert exact(visit.page, 0) == 0.0
        assert "sum = 0" in chosen(visit.page, 0)


# ---------------- films and wrong passes


@pytest.fixture(scope="module")
def film() -> Film:
    """A network learning XOR."""
    model = MLP(2, [2, 1], rng=3, activation="tanh")
    optimiser = SGD(model.parameters(), 0.1, momentum=0.9)
    found = Film(lambda x, y: model((x, y)).data - 0.5, POINTS, TARGETS)
    for epoch in range(0, 50, 10):
        loss = mean_squared_error(map(model, POINTS), TARGETS)
        loss.label = "loss"
        found.add(loss, epoch)
        model.zero_grad()
        loss.backward()
        optimiser.step()
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_film_goes_through_the_epochs(
    browser: Any, tmp_path: Path, film: Film, scheme: str
) -> None:
    with opened(browser, tmp_path, play(frames=film), color_scheme=scheme) as visit:
        page = visit.page
        n = len(film.order)
        page.click("header")
        seen = []
        for state, epoch in zip(film.states, film.epochs, strict=True):
            assert page.inner_text("#epoch") == f"epoch {epoch}"
            data = [read(data) for data, _ in cards(page)]
            assert data == [shown(x) for x in state[:n].tolist()]
            seen.append(page.evaluate("document.querySelector('canvas').toDataURL()"))
            page.keyboard.press("]")
        assert len(set(seen)) == len(seen)
        assert page.inner_text("#epoch") == f"epoch {film.epochs[-1]}"
        page.keyboard.press("[")
        assert page.inner_text("#epoch") == f"epoch {film.epochs[-2]}"
        page.click(".curve", position={"x": 60, "y": 40})
        page.click("#train")
        eventually(page, lambda: bool(page.inner_text("#epoch") == "epoch 40"))
        eventually(page, lambda: page.get_attribute("#train", "aria-label") == "Play the epochs")


def test_the_gradients_of_a_film_are_those_of_its_states(
    browser: Any, tmp_path: Path, film: Film
) -> None:
    with opened(browser, tmp_path, play(frames=film)) as visit:
        page = visit.page
        page.click("header")
        order = list(film.order)
        place = {node: i for i, node in enumerate(order)}
        for state in film.states[:3]:
            partials = iter(state[len(order) :].tolist())
            table = [[next(partials) for _ in node.args] for node in order]
            grads = [0.0] * (len(order) - 1) + [1.0]
            for i, node in reversed([*enumerate(order)]):
                for arg, partial in zip(node.args, table[i], strict=True):
                    grads[place[arg]] += partial * grads[i]
            assert [read(grad) for _, grad in cards(page)] == [shown(grad) for grad in grads]
            page.keyboard.press("]")


def test_a_wrong_pass_goes_beside_the_right_one(browser: Any, tmp_path: Path) -> None:
    def assigning(root: Any) -> None:
        root.grad = 1.0
        for arg, partial in zip(root.args, root.partials, strict=True):
            arg.grad = partial * root.grad

    a = Value(3.0, label="a")
    square = a * a
    square.label = "b"
    with opened(browser, tmp_path, play(square, wrong=assigning)) as visit:
        page = visit.page
        assert page.locator(".frame").count() == 2
        page.click("header")
        page.keyboard.press("End")
        grads = [grad for _, grad in cards(page)]
        assert grads == ["3", "1", "6", "1"]
        assert page.locator(".node.wrong").count() == 1
        text = page.inner_text("#step")
        assert "a.grad = ∂b/∂a × b.grad" in text and "a.grad += ∂b/∂a × b.grad" in text
        page.keyboard.press("ArrowLeft")
        assert page.locator(".node.wrong").count() == 0
        assert "the wrong pass ends with a.grad = 3" in chosen(page, 0)


# ---------------- narrow, hostile, large


def test_it_is_usable_on_a_phone(browser: Any, tmp_path: Path) -> None:
    size = {"width": 390, "height": 844}
    options = {"viewport": size, "has_touch": True, "reduced_motion": "reduce"}
    with opened(browser, tmp_path, play(neuron()), **options) as visit:
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for control in ("first", "previous", "play", "next", "last", "steps", "theme", "fit"):
            box = page.locator(f"#{control}").bounding_box()
            assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390, control
            assert box["height"] >= 24 and box["width"] >= 24, control
        for _ in range(12):
            page.tap("#next")
            active = page.locator(".node.active")
            if active.count():
                box = active.bounding_box()
                assert box and box["x"] >= -5 and box["x"] + box["width"] <= 395
        assert page.inner_text("#count") == "12 / 12"


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_only_text(browser: Any, tmp_path: Path, label: str) -> None:
    root = neuron()
    for node in topological_order(root):
        node.label = label
    with opened(browser, tmp_path, play(root)) as visit:
        page = visit.page
        elements = page.evaluate("document.querySelectorAll('body script').length")
        assert elements == 2
        go_to(page, 8)
        chosen(page, 0)
        page.hover('[data-node="1"]')
        assert page.evaluate("document.querySelectorAll('body script').length") == 2
        assert "\ue000" not in page.inner_text("body")


def test_a_frame_that_may_only_run_scripts_is_enough(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{play(neuron())._repr_html_()}")
    with Visit(browser, path) as visit:
        frame = visit.page.frame_locator("iframe")
        frame.locator("#next").click()
        assert frame.locator("#count").inner_text() == "1 / 12"
        visit.requests = [url for url in visit.requests if url != "about:srcdoc"]


def test_a_large_graph_is_compact_and_follows_the_step(browser: Any, tmp_path: Path) -> None:
    xs = [Value(math.cos(i), label=f"x{i}") for i in range(120)]
    total: Value = xs[0]
    for x in xs[1:]:
        total = (total * x).tanh() + x
    root = total
    order = topological_order(root)
    assert len(order) > 400
    with opened(browser, tmp_path, play(root), reduced_motion="reduce") as visit:
        page = visit.page
        go_to(page, 300)
        box = page.locator(".node.active").bounding_box()
        stage = page.locator("main").bounding_box()
        assert box and stage
        assert stage["x"] <= box["x"] and box["x"] + box["width"] <= stage["x"] + stage["width"]
        page.keyboard.press("End")
        root.backward()
        assert [read(grad) for _, grad in cards(page)] == [shown(node.grad) for node in order]


def test_paths_through_the_same_nodes_are_told_apart(browser: Any, tmp_path: Path) -> None:
    a = Value(3.0, label="a")
    b = a * a
    c = b + b - a
    b.label, c.label = "b", "c"
    player = play(c, path_to=a, title="Why?", about="Because `a < b`.")
    with opened(browser, tmp_path, player) as visit:
        ways = visit.page.eval_on_selector_all(".way", "ways => ways.map(w => w.textContent)")
        told = {way.partition(", ")[2] for way in ways}
        names = {path.through([str(n.label or n.sign) for n in path.nodes]) for path in
                 heaviest_paths(c, a, 9)}  # fmt: skip
        assert len(set(ways)) == 5
        assert {way.split("'s ")[-1] for way in told} == {name.split("'s ")[-1] for name in names}
        visit.page.keyboard.press("Home")
        assert visit.page.inner_text("#step code") == "a < b"
        assert visit.page.inner_text("#title") == "Why?"
