"""All that gradpath draws on one sheet, and measured: ``python -m tests.contact_sheet [folder]``.

Every picture and page is shown as it is met: on a slide, on a phone, in a notebook's cell, in
print, light and dark. ``sheet.png`` has them side by side with their measures, ``measures.txt`` the
measures alone; every one also lies beside it at its full size. It needs Chromium and Playwright.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does

from browsers import chromium
from legibility import Measures, measure
from measuring import overlaps

import viz
from engine import Tensor, Value, topological_order
from nn import MLP, SGD, mean_squared_error
from nn.vectorized import VectorizedMLP

MEDIA = {  # pixels of what it is looked at in
    "slide": (1280, 720),
    "phone": (390, 844),
    "notebook": (848, 600),
    "print": (1123, 794),
}
HOSTILE = ("<b>bold</b>", '\\N & "quotes"', "重み₁", "a·b\nin metres", "x" * 60)


@dataclass(frozen=True)
class Shot:
    """One picture or page in one medium.

    Attributes:
        name: of its file.
        make: draws it; dark or light as it is told.
        medium: a name in `MEDIA`.
        dark: whether it is dark.
        least: points of the smallest text on a slide that are asked for; 0 if none are.
        fragment: what the page's address ends in.
    """

    name: str
    make: Callable[[bool], Any]
    medium: str = "slide"
    dark: bool = False
    least: float = 0.0
    fragment: str = ""


# ---------------------------------------------------------------- what is drawn


def neuron() -> Value:
    """The README's: o = tanh(x1·w1 + x2·w2 + b)."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1", role="parameter"), Value(1.0, label="w2", role="parameter")
    b = Value(6.8813735870195432, label="b", role="parameter")
    n = x1 * w1 + x2 * w2 + b
    o: Value = n.tanh()
    n.label, o.label = "n", "o"
    o.backward()
    return o


def square() -> Value:
    """a·a."""
    a = Value(3.0, label="a")
    y: Value = a * a
    y.label = "y"
    y.backward()
    return y


def diamond() -> Value:
    """Two ways from a to d."""
    a = Value(-2.0, label="a")
    b, c = a * 2, a + 1
    d: Value = b * c
    b.label, c.label, d.label = "b", "c", "d"
    d.backward()
    return d


def xor(samples: int) -> Value:
    """The loss of a 2-4-1 network."""
    points, targets = [(0, 0), (0, 1), (1, 0), (1, 1)][:samples], [0, 1, 1, 0][:samples]
    model = MLP(2, [4, 1], rng=1)
    loss: Value = mean_squared_error([model([Value(x) for x in p]) for p in points], targets)
    loss.label = "loss"
    loss.backward()
    return loss


def deep(samples: int, sizes: Sequence[int] = (16, 16, 1)) -> Value:
    """The loss of a network of several layers, as two moons are told apart by."""
    rng = np.random.default_rng(0)
    model = MLP(2, list(sizes), rng=2)
    scores = [model([Value(x) for x in point]) for point in rng.normal(size=(samples, 2)).tolist()]
    loss: Value = mean_squared_error(scores, [1.0] * samples)
    loss.label = "loss"
    loss.backward()
    return loss


def chain(length: int) -> Value:
    """A row of operations of one argument."""
    y = Value(0.5, label="x")
    for i in range(length):
        y = y.tanh() if i % 2 else y.sin()
    y.label = "y"
    y.backward()
    return y


def long_sum(terms: int) -> Value:
    """A running sum of squares."""
    xs = [Value(math.sin(i), label=f"x{i}") for i in range(terms)]
    y: Value = xs[0] * xs[0]
    for x in xs[1:]:
        y = y + x * x
    y.label = "y"
    y.backward()
    return y


def not_finite() -> Value:
    """log 0, and what comes of it."""
    x, w = Value(0.0, label="x"), Value(2.0, label="w")
    y: Value = (x * w).log() * w - x / x
    y.label = "y"
    y.backward()
    return y


def hostile() -> Value:
    """Labels that are no words."""
    leaves = [Value(i + 0.5, label=label) for i, label in enumerate(HOSTILE)]
    y: Value = leaves[0] * leaves[1] + leaves[2] * leaves[3] - leaves[4]
    y.label = "損失"
    y.backward()
    return y


def twin() -> Tensor:
    """A small network on arrays."""
    rng = np.random.default_rng(1)
    x = Tensor(rng.normal(size=(5, 3)), label="x", role="constant")
    w, b, v = (
        Tensor(rng.normal(size=size), label=label, role="parameter")
        for label, size in {"W": (3, 4), "b": (4,), "V": (4, 2)}.items()
    )
    h = (x @ w + b).tanh()
    loss: Tensor = ((h @ v - 1.0) ** 2).mean()
    h.label, loss.label = "h", "L"
    loss.backward()
    return loss


def twin_model() -> Tensor:
    """The loss of a vectorised network."""
    model = VectorizedMLP(MLP(2, [8, 8, 1], rng=1))
    loss: Tensor = (model(np.ones((4, 2))) ** 2).mean()
    loss.backward()
    return loss


def film() -> viz.Film:
    """XOR is learnt."""
    model = MLP(2, [4, 1], rng=1)
    points, targets = [(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0]
    optimiser = SGD(model.parameters(), 0.5)
    found = viz.Film(lambda x, y: model([x, y]).data - 0.5, points, targets, title="XOR")
    for epoch in range(40):
        loss = mean_squared_error([model([Value(x) for x in p]) for p in points], targets)
        loss.label = "loss"
        found.add(loss, epoch)
        model.zero_grad()
        loss.backward()
        optimiser.step()
    return found


def trained() -> MLP:
    """A network with weights of both signs."""
    return MLP(2, [4, 4, 1], rng=3)


WHY = "A gradient is a sum over all paths.\nWrong: `arg.grad = partial * node.grad`"


def assigned(root: Value) -> None:
    """A backward pass with = in the place of +=."""
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for arg, partial in zip(node.args, node.partials, strict=True):
            arg.grad = partial * node.grad


def leaf(root: Value, label: str) -> Value:
    """A node by its label."""
    found: Value = next(node for node in topological_order(root) if node.label == label)
    return found


def of(graph: Callable[[], Any], **options: Any) -> Callable[[bool], Any]:
    """Draws a graph."""
    return lambda dark: viz.draw(graph(), dark=dark, **options)


def played(graph: Callable[[], Value]) -> Callable[[bool], Any]:
    """The page that steps through a graph."""
    return lambda dark: viz.play(graph())


SHOTS = (
    Shot("neuron", of(neuron), least=8),
    Shot("neuron-dark", of(neuron), dark=True, least=8),
    Shot("neuron-phone", of(neuron, rankdir="TB"), "phone"),
    Shot("neuron-notebook", of(neuron), "notebook", dark=True),
    Shot("neuron-print", of(neuron), "print"),
    Shot("worksheet", of(neuron, title="Fill in", hide=("grad", "partial")), "print", least=8),
    Shot("square", of(square), least=8),
    Shot("diamond", of(diamond), least=8),
    Shot("diamond-paths", lambda dark: viz.draw(d := diamond(), path_to=leaf(d, "a"), dark=dark)),
    Shot("xor-sample", of(lambda: xor(1)), least=8),
    Shot("xor-sample-dark", of(lambda: xor(1)), dark=True, least=8),
    Shot("xor-loss", of(lambda: xor(4)), least=8),
    Shot("mlp-2-4-4-1", of(lambda: deep(1, (4, 4, 1))), least=8),
    Shot("moons-sample", of(lambda: deep(1))),
    Shot("moons-collapsed", of(lambda: deep(20)), dark=True),
    Shot("chain-60", of(lambda: chain(60)), least=8),
    Shot("sum-200", of(lambda: long_sum(200))),
    Shot("nan", of(not_finite), dark=True),
    Shot("hostile", of(hostile), "notebook"),
    Shot("backward", lambda dark: viz.draw_backward(o := neuron(), leaf(o, "w1"), dark=dark)),
    Shot("side-by-side", of(lambda: {"before": (f := film())[0], "after": f[-1]}), least=7.5),
    Shot("twin", of(twin), least=8),
    Shot("twin-model", of(twin_model), "notebook", dark=True),
    Shot("network", lambda dark: viz.draw_network(trained(), dark=dark)),
    Shot("player", played(neuron), fragment="#step=12"),
    Shot("player-dark", played(neuron), dark=True, fragment="#step=16"),
    Shot("player-phone", played(square), "phone"),
    Shot("player-notebook", played(lambda: xor(1)), "notebook", fragment="#step=9"),
    Shot("player-present", played(diamond), fragment="#present&step=6"),
    Shot("player-nan", played(not_finite)),
    Shot(
        "player-wrong", lambda dark: viz.play(square(), wrong=assigned, title="Why +=?", about=WHY)
    ),
    Shot("player-print", played(neuron), "print"),
    Shot("film", lambda dark: viz.play(frames=film()), fragment="#epoch=25"),
    Shot("film-dark", lambda dark: viz.play(frames=film()), dark=True, fragment="#epoch=39"),
)


# ---------------------------------------------------------------- how it is looked at


@dataclass(frozen=True)
class Taken:
    """A shot with its image and its measures; printed pages have none."""

    shot: Shot
    image: Path
    measures: Measures | None

    @property
    def said(self) -> str:
        """The measures in words."""
        if self.measures is None:
            return "page"
        found = self.measures.faults
        more = f"; and {len(found) - 2:,} more" if len(found) > 2 else ""
        size = f"{self.measures.smallest:.1f} pt on a slide, " if self.measures.smallest else ""
        return size + ("; ".join(found[:2]) + more if found else "no faults")


def take(browser: Any, shot: Shot, folder: Path) -> Taken:
    """Draw it, measure it, and photograph it in its medium."""
    width, height = MEDIA[shot.medium]
    made, image = shot.make(shot.dark), folder / f"{shot.name}.png"
    scheme = "dark" if shot.dark else "light"
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.emulate_media(media="print" if shot.medium == "print" else "screen", color_scheme=scheme)
    measures = None
    if hasattr(made, "html"):
        file = folder / f"{shot.name}.html"
        viz.save(made, file)
        page.goto(file.resolve().as_uri() + shot.fragment)
        if shot.medium == "print":
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.wait_for_timeout(500)
        if shot.medium != "print":
            measures = Measures(0.0, tuple(overlaps(page)), sideways(page), ())
    else:
        svg = picture(made)
        measures = measure(page, svg)
        page.set_content(framed(svg, shot))
    page.screenshot(path=image, full_page=shot.medium == "print")
    page.close()
    return Taken(shot, image, measures)


def sideways(page: Any) -> tuple[str, ...]:
    """Whether a page is wider than the window that it is shown in."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return (f"{wide} pixels at the right",) if wide > 0 else ()


def picture(made: Any) -> str:
    """A picture or a plot as SVG."""
    if hasattr(made, "pipe"):
        return str(made.pipe("svg", encoding="utf-8"))
    from viz.style import rendered

    return rendered(made, "svg").decode()


def framed(svg: str, shot: Shot) -> str:
    """The picture as it is fitted into its medium."""
    ground = "#0F1419" if shot.dark else "#FFFFFF"
    sizes = "max-width:100%;height:auto"
    if shot.medium == "slide":
        sizes = "width:100vw;height:100vh"
    return (
        f"<!doctype html><style>body{{margin:0;background:{ground}}} svg{{{sizes}}}</style>"
        f"{svg[svg.index('<svg') :]}"
    )


def all_taken(folder: Path, names: Sequence[str] = ()) -> Iterator[Taken]:
    """Every shot, or those of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [shot for shot in SHOTS if not names or shot.name in names]
    with chromium() as browser:
        for shot in tqdm(wanted, unit="picture"):
            yield take(browser, shot, folder)


def sheet(taken: Sequence[Taken], path: Path) -> None:
    """One image of all, with their names and measures."""
    cells = "".join(
        f"<figure><img src='{t.image.resolve().as_uri()}'><figcaption><b>{t.shot.name}</b> "
        f"{t.said}</figcaption></figure>"
        for t in taken
    )
    style = (
        "body{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin:12px;"
        "font:12px sans-serif;background:#ddd}figure{margin:0}img{width:100%;height:260px;"
        "object-fit:contain;background:#888}"
    )
    html = path.with_suffix(".html")
    html.write_text(f"<!doctype html><style>{style}</style>{cells}", encoding="utf-8")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(html.resolve().as_uri())
        page.screenshot(path=path, full_page=True)
    html.unlink()


def main() -> None:
    """Make the sheet."""
    parser = argparse.ArgumentParser(description="A contact sheet of all pictures and pages.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("out/contact"))
    parser.add_argument("--only", nargs="*", default=(), help="names of pictures")
    options = parser.parse_args()
    taken = list(all_taken(options.folder, options.only))
    sheet(taken, options.folder / "sheet.png")
    lines = [f"{t.shot.name:18} {t.shot.medium:9} {t.said}" for t in taken]
    (options.folder / "measures.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
