"""That what is shown can be read: estimates beside layouts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from operator import add

import pytest

from engine import Value
from nn import MLP, mean_squared_error
from viz.collapse import describe_any
from viz.drawing import Drawing
from viz.legible import READABLE, SLIDE, SMALLEST, readable, text_size
from viz.look import Look
from viz.picture import picture


def neuron() -> Value:
    """The README's."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1", role="parameter"), Value(1.0, label="w2", role="parameter")
    o: Value = (x1 * w1 + x2 * w2 + Value(6.88, label="b", role="parameter")).tanh()
    o.label = "o"
    return o


def sample(*sizes: int, fused: bool = True) -> Callable[[], Value]:
    """The loss of a network for one sample."""

    def loss() -> Value:
        model = MLP(sizes[0], sizes[1:], activation="tanh", rng=1, fused=fused)
        y: Value = (model([i / 3 - 0.4 for i in range(sizes[0])]) - 1.0) ** 2
        y.label = "loss"
        return y

    return loss


def samples(count: int, *sizes: int) -> Callable[[], Value]:
    """The mean squared error of a network on so many samples."""

    def loss() -> Value:
        model = MLP(sizes[0], sizes[1:], activation="tanh", rng=1)
        xs = [[(i * k % 7) / 7 for i in range(sizes[0])] for k in range(count)]
        y: Value = mean_squared_error([model(x) for x in xs], [k % 2 for k in range(count)])
        y.label = "loss"
        return y

    return loss


def chain(length: int) -> Callable[[], Value]:
    """A chain of operations of one argument."""
    return lambda: reduce(lambda y, i: y.tanh() if i % 2 else y.sin(), range(length), x())


def x(label: str = "x") -> Value:
    return Value(0.5, label=label)


def long_sum() -> Value:
    """A running sum of 200 terms."""
    return reduce(add, [x(f"x{i}") for i in range(200)])


def without_layers() -> Value:
    """The example of micrograd's README."""
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
    c, d = a + b, a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    f = (c - d) ** 2
    g: Value = f / 2.0 + 10.0 / f
    g.label = "g"
    return g


SMALL: dict[str, Callable[[], Value]] = {
    "neuron": neuron,
    "square": lambda: (a := x("a")) * a,
    "xor": sample(2, 4, 1),
    "xor apart": sample(2, 4, 1, fused=False),
    "xor loss": samples(4, 2, 4, 1),
    "1-1": sample(1, 1),
    "2-2-1": sample(2, 2, 1),
    "3-7-1": sample(3, 7, 1),
    "4-2-2-2-1": sample(4, 2, 2, 2, 1),
    "2-4-4-1": sample(2, 4, 4, 1),
    "chain of 60": chain(60),
    "chain of 15,000": chain(15_000),
    "sum of 200": long_sum,
    "no layers": without_layers,
}
LARGE: dict[str, Callable[[], Value]] = {
    "8-16-16-1": sample(8, 16, 16, 1),
    "20 samples": samples(20, 8, 16, 16, 1),
    "4 samples of 2-4-4-1": samples(4, 2, 4, 4, 1),
    "digits": samples(5, 64, 32, 10, 1),
}
ALL = SMALL | LARGE


def laid_out(drawing: Drawing, rankdir: str = "LR") -> float:
    """Points of the smallest text when Graphviz's picture fits into a slide."""
    svg = picture(drawing, Look(rankdir=rankdir)).pipe("svg", encoding="utf-8")
    match = re.search(r'width="(\d+)pt" height="(\d+)pt"', svg)
    assert match
    across, down = (float(points) for points in match.groups())
    smallest = min(float(size) for size in re.findall(r'font-size="([\d.]+)"', svg))
    assert smallest == SMALLEST
    return smallest * min(SLIDE[0] / across, SLIDE[1] / down)


@pytest.mark.parametrize("name", ALL)
def test_the_text_can_be_read_on_a_slide(name: str) -> None:
    root = ALL[name]()
    root.backward()
    assert laid_out(describe_any(root, None, None)) >= READABLE


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("name", [name for name in ALL if "," not in name])
def test_the_estimate_is_that_of_the_layout(name: str, rankdir: str) -> None:
    root = ALL[name]()
    root.backward()
    for expand in (None, False):
        drawing = describe_any(root, None, expand, rankdir)
        estimate, found = text_size(drawing, rankdir), laid_out(drawing, rankdir)
        assert 0.8 * found < estimate < (1.12 if rankdir == "LR" else 1.2) * found
        if readable(drawing, rankdir):
            assert found >= READABLE


def test_neurons_stand_in_order_from_left_to_right() -> None:
    root = sample(8, 16, 16, 1)()
    root.backward()
    drawing = describe_any(root, None, None)
    plain = picture(drawing, Look()).pipe("plain", encoding="utf-8")
    at = {
        int(m[1]): (float(m[2]), -float(m[3]))
        for m in re.finditer(r"^node n(\d+) (\S+) (\S+)", plain, re.MULTILINE)
    }
    place = {card.name: at[i] for i, card in enumerate(drawing.cards)}
    for layer in (0, 1):
        down = [place[f"L{layer} n{i}"][1] for i in range(16)]
        assert down == sorted(down)  # 15 never above 0
    across = [place[name][0] for name in ("x0", "L0 n0", "L1 n0", "L2 n0", "loss")]
    assert across == sorted(across)
    inputs = [place[f"x{i}"][1] for i in range(8)]
    assert inputs == sorted(inputs)
