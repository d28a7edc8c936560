"""Plots of networks, decision regions and training curves."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from sampling import sampled

from engine import Value
from nn import MLP
from viz import (
    draw_curve,
    draw_depth,
    draw_histograms,
    draw_network,
    draw_regions,
    draw_surface,
    save,
)
from viz.confusion import draw_confusion
from viz.style import rendered
from viz.text import short_number
from viz.theme import DARK, LIGHT

CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]
XOR = [0, 1, 1, 0]
TINY = [([[1.5, -0.5], [0.0, 2.0]], [0.25, -1.0]), ([[3.0, -3.0]], [0.5])]


def linear(x: float, y: float) -> float:
    """A line that is wrong at one corner."""
    return x + y - 0.5


def solved(x: float, y: float) -> float:
    """XOR."""
    return (x - 0.5) * (0.5 - y)


PLOTS: dict[str, Callable[..., Any]] = {
    "network": lambda **o: draw_network(TINY, ["x0", "x1"], ["y"], title="2-2-1", **o),
    "regions": lambda **o: draw_regions({"line": linear, "XOR": solved}, CORNERS, XOR, **o),
    "curve": lambda **o: draw_curve({"train": [3, 2, 1], "test": [3, 2.5, 2.4]}, **o),
    "surface": lambda **o: draw_surface(
        solved, (0, 1), (0, 1), {"SGD": [(0, 0), (1, 1)], "Adam": [(0, 1), (1, math.nan)]}, **o
    ),
    "histograms": lambda **o: draw_histograms([(0, [-1, 0, 2]), (1, [-3, -2, 1])], **o),
}


def texts(figure: Any) -> set[str]:
    """Everything that is written in the axes of a figure."""
    found = set()
    for axes in figure.axes:
        found |= {axes.get_title(loc) for loc in ("left", "right")}
        found |= {axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)}
    return found


def rings(axes: Any) -> list[tuple[float, float]]:
    """The points with a ring around them."""
    dots = [c for c in axes.collections if isinstance(c, PathCollection)]
    largest = max(dots, key=lambda c: c.get_sizes()[0])
    return [(float(x), float(y)) for x, y in np.asarray(largest.get_offsets())]


# ---------------- all plots


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_plots_have_the_palette_of_the_graphs(plot: Callable[..., Any], dark: bool) -> None:
    figure, theme = plot(dark=dark), DARK if dark else LIGHT
    assert to_hex(figure.get_facecolor()).upper() == theme.page
    colors = {
        to_hex(color).upper()
        for axes in figure.axes
        for line in axes.lines
        for color in [line.get_color()]
    } | {
        to_hex(color).upper()
        for axes in figure.axes
        for dots in axes.collections
        for color in [*dots.get_facecolor(), *dots.get_edgecolor()]
    }
    colors |= {
        to_hex(patch.get_facecolor()).upper() for axes in figure.axes for patch in axes.patches
    }
    assert {theme.plus, theme.minus} <= colors


MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        # one plot in every format, and every plot in one
        pytest.param(x, end, marks=() if x == "curve" or end == ".svg" else pytest.mark.thorough)
        for x, end in product(PLOTS, MAGIC)
    ],
)
def test_the_same_plot_gives_the_same_file(name: str, suffix: str, tmp_path: Path) -> None:
    first, second = (
        save(PLOTS[name](), tmp_path / f"{number}{suffix}").read_bytes() for number in range(2)
    )
    assert first == second
    assert first.startswith(MAGIC[suffix])
    assert b"Date" not in first


def test_a_plot_is_no_dot_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'a.dot' must end in one of .svg, .png, .pdf$"):
        save(PLOTS["curve"](), tmp_path / "a.dot")


def test_notebooks_show_plots() -> None:
    assert PLOTS["curve"]()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "names", [["curve", "network"], pytest.param([*PLOTS], marks=pytest.mark.thorough)]
)
def test_the_users_matplotlib_stays_as_it_is(names: list[str]) -> None:
    usual = [PLOTS[name]()._repr_png_() for name in names]
    users = {"lines.linewidth": 7.0, "font.size": 40.0, "axes.grid": True, "savefig.bbox": "tight"}
    with matplotlib.rc_context(users):  # type: ignore[arg-type]
        before = dict(matplotlib.rcParams)
        assert [PLOTS[name]()._repr_png_() for name in names] == usual
        assert dict(matplotlib.rcParams) == before


def test_plots_know_nothing_of_pyplot() -> None:
    code = (
        "import sys; from viz import draw_curve, draw_regions, save\n"
        "f = draw_curve({'a': [1, 2]}); f._repr_png_()\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert run.stdout == "False\n", run.stderr


@pytest.mark.parametrize(
    "name",
    ["draw_curve", "draw_depth", "draw_histograms", "draw_network", "draw_regions", "draw_surface"],
)
def test_without_matplotlib_the_cure_is_named(name: str) -> None:
    code = f"import sys; sys.modules['matplotlib'] = None; from viz import {name}"
    root = Path(__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    cure = f"viz.{name} needs matplotlib, which is missing: pip install 'gradpath[demos]'"
    assert run.stderr.splitlines()[-1] == f"ModuleNotFoundError: {cure}"


def test_names_are_no_formulas(tmp_path: Path) -> None:
    names = ["$x$", "$\\frac{", "_hidden", "a\x00b\ud800", "重み", "x" * 1000, "%s {} \\n"]
    curves = draw_curve({name: [1, 2] for name in names}, title=names[1], y_label=names[3])
    network = draw_network([([[1.0] * len(names)], [0.0])], names, ["$"], title="$$")
    regions = draw_regions(dict.fromkeys(names, linear), CORNERS, XOR)
    bars = draw_histograms({name: [(name, [1, 2])] for name in names})
    paths = {name: [(0, 0), (1, 1)] for name in names}
    surface = draw_surface(linear, (0, 1), (0, 1), paths, title="$x$", x_label="_hidden")
    layers = draw_depth({name: [[1, 2]] for name in names})
    lines = draw_regions(linear, CORNERS, XOR, lines={n: (1, i, -1) for i, n in enumerate(names)})
    for figure in (surface, lines):
        assert save(figure, tmp_path / "a.svg").stat().st_size
    for number, figure in enumerate((curves, network, regions, bars, layers)):
        assert save(figure, tmp_path / f"{number}.svg").stat().st_size
        assert {"$x$", "_hidden", "a�b�", "x" * 59 + "…"} <= texts(figure)


LONG = {
    "network": lambda name: draw_network(
        [([[1.25] * 2] * 3, [0.0] * 3), ([[-2.5] * 3] * 2, [0.0] * 2), ([[1.5] * 2], [0.0])],
        [name, "x"],
        [name],
        hidden=[[name, "h", name], [name, name]],
        title=name,
    ),
    "curve": lambda name: draw_curve({name: [1, 2], "b": [2, 1]}, title=name, y_label=name),
    "regions": lambda name: draw_regions(
        {name: linear, "b": solved}, CORNERS, XOR, x_label=name, y_label=name
    ),
    "histograms": lambda name: draw_histograms(
        {name: [(name, [1, math.nan]), ("b", [0, 2])], "b": [(name, [1, 2, math.inf])]},
        title=name,
        x_label=name,
        y_label=name,
    ),
    "surface": lambda name: draw_surface(
        lambda x, y: x,
        (0, 1),
        (0, 9),
        {name: [(0, 0), (1, 9)], "b": [(1, 1)]},
        title=name,
        x_label=name,
        y_label=name,
        levels=[0.3],
    ),
    "lines": lambda name: draw_regions(
        lambda x, y: 1.0,
        [(0, 0), (1, 1)],
        [1, 1],
        lines={name: (0, 0, -1.0), name[:-1]: (1, 0, -0.1), "b": (1, 0, -0.99), "c": (0, 1, -0.1)},
    ),
    "depth": lambda name: draw_depth(
        {name: [[1, 2], [2, 3]]}, theory={name: [1, 2]}, title=name, x_label=name
    ),
    "confusion": lambda name: draw_confusion([[5, 1], [2, 7]], [name, "b"], title=name),
}


@pytest.mark.parametrize(
    "font",  # a narrow and a wide one
    sampled(["DejaVu Sans Mono", "DejaVu Sans"], every=2),
)
@pytest.mark.parametrize("name", sampled(["W" * 1000, "i" * 36, "a b" * 12, "y"], every=2))
@pytest.mark.parametrize("plot", LONG.values(), ids=LONG)
def test_names_take_the_room_that_they_need(
    plot: Callable[..., Any], name: str, font: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viz.style.SANS", (font,))
    figure, drawn, draw = plot(name), dict[Text, None](), Text.draw
    monkeypatch.setattr(Text, "draw", lambda self, to: draw(self, to) or drawn.update({self: None}))
    figure.draw_without_rendering()
    written = [text for text in drawn if text.get_visible() and text.get_text().strip()]
    boxes = [text.get_window_extent() for text in written]
    left, bottom, right, top = figure.bbox.extents
    for text, box in zip(written, boxes, strict=True):
        inside = left <= box.x0 and bottom <= box.y0 and box.x1 <= right and box.y1 <= top
        assert inside, f"{text.get_text()!r} is cut off"
    for i, box in enumerate(boxes):
        for text, other in zip(written, boxes[:i], strict=False):
            assert not box.overlaps(other), (written[i].get_text(), text.get_text())


# ---------------- networks


def test_a_network_has_a_circle_for_each_neuron_and_a_line_for_each_weight() -> None:
    (axes,) = draw_network(TINY, ["x0", "x1"], ["y"], title="2-2-1").axes
    assert len([c for c in axes.collections if isinstance(c, PathCollection)]) == 5
    written = [text.get_text() for text in axes.texts]
    assert sorted(written) == sorted(
        ["1.5", "−0.5", "0", "2", "3", "−3", "0.25", "−1", "0.5", "x0", "x1", "y"]
    )
    lines = {tuple(np.asarray(line.get_ydata()).tolist()): line for line in axes.lines}
    assert len(axes.lines) == 6
    positive, negative, zero = lines[0.5, 0.5], lines[-0.5, 0.5], lines[0.5, -0.5]
    assert (positive.get_color(), negative.get_color()) == (LIGHT.plus, LIGHT.minus)
    assert positive.get_linewidth() > negative.get_linewidth() > zero.get_linewidth()
    assert zero.get_linestyle() == ":"


def test_networks_are_drawn_from_values_and_arrays_alike() -> None:
    model = MLP(2, [3, 1], rng=0)
    layers = [([n.w for n in each.neurons], [n.b for n in each.neurons]) for each in model.layers]
    arrays = [(np.array(w, dtype=float), np.array(b, dtype=float)) for w, b in layers]
    assert texts(draw_network(layers)) == texts(draw_network(arrays))


def test_networks_say_what_they_accept() -> None:
    model = MLP(2, [2, 1])
    wrong: list[Any] = [MLP, model.layers, [1.0], [([1.0], [0.0])], [([["a"]], [0.0])], "ab"]
    for layers in wrong:
        with pytest.raises(TypeError, match=r"a pair \(weights, biases\) .* model.layers\], not "):
            draw_network(layers)


def test_hidden_neurons_have_names() -> None:
    assert {"h0", "h1"} <= texts(draw_network(TINY, hidden=[["h0", "h1"]]))
    with pytest.raises(ValueError, match="3 names for 2 hidden neurons"):
        draw_network(TINY, hidden=[["a", "b", "c"]])
    with pytest.raises(ValueError, match="names of 2 hidden layers for 1"):
        draw_network(TINY, hidden=[["a", "b"], ["c"]])


@pytest.mark.parametrize("hidden", range(1, 9))
def test_weights_stand_on_their_edges_and_overlap_nothing(hidden: int) -> None:
    rows = [[-0.123 - 0.001 * i, 1.23e-5 * (i + 1)] for i in range(hidden)]
    last = [-0.987 - 0.001 * i for i in range(hidden)]
    names = [f"h{i}" for i in range(hidden)]
    plot = draw_network([(rows, [0.5] * hidden), ([last], [0.5])], "ab", "y", hidden=[names])
    plot.draw_without_rendering()
    (axes,) = plot.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
    labels = {text.get_text(): text.get_position() for text in axes.texts}
    for i, row in enumerate([*rows, last]):
        for j, w in enumerate(row):
            head, tail = ((1, (hidden - 1) / 2 - i), (0, 0.5 - j))
            if row is last:
                head, tail = (2, 0.0), (1, (hidden - 1) / 2 - j)
            x, y = labels[short_number(w)]
            assert 0.15 < x - tail[0] < 0.85
            assert y == pytest.approx(tail[1] + (head[1] - tail[1]) * (x - tail[0]))


def test_of_a_wide_layer_the_first_and_last_neurons_are_shown() -> None:
    figure = draw_network([([[1.0] * 300] * 2, [0.0] * 2)], [f"pixel {i}" for i in range(300)])
    shown = texts(figure)
    assert {"pixel 0", "pixel 7", "⋮", "pixel 292", "pixel 299"} <= shown
    assert not {"pixel 8", "pixel 291"} & shown
    assert len(figure.axes[0].lines) == 2 * 16


def test_weights_that_are_not_finite_are_marked() -> None:
    (axes,) = draw_network([([[math.nan, math.inf, -1.0]], [math.nan])]).axes
    nan, inf, minus = axes.lines
    assert (nan.get_color(), inf.get_color()) == (LIGHT.alert, LIGHT.plus)
    assert nan.get_linestyle() == inf.get_linestyle() == ":"
    assert minus.get_color() == LIGHT.minus
    assert {"nan", "inf"} <= {text.get_text() for text in axes.texts}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "at least one layer"),
        (([([], [])],), "at least one weight"),
        (([([[1.0], [1.0, 2.0]], [0, 0])],), r"layer 0 has rows of \[1, 2\] weights"),
        (([([[1.0]], [0, 0])],), "layer 0 .* 2 biases"),
        (([([[1.0]], [0]), ([[1.0, 2.0]], [0])],), "layer 1 .* need rows of 1 weights"),
        (([([[1.0]], [0])], ["a", "b"]), r"2 names for 1 inputs: \['a', 'b'\]"),
        (([([[1.0]], [0])], [], ["a", "b"]), "2 names for 1 outputs"),
    ],
)
def test_networks_must_fit_together(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_network(*arguments)


# ---------------- regions


def test_regions_count_what_is_right_and_ring_what_is_wrong() -> None:
    left, right = draw_regions({"line": linear, "XOR": solved}, CORNERS, XOR).axes
    assert (left.get_title("left"), left.get_title("right")) == ("line", "3 of 4 right")
    assert (right.get_title("left"), right.get_title("right")) == ("XOR", "4 of 4 right")
    assert [rings(axes) for axes in (left, right)] == [[(1.0, 1.0)], []]


def test_regions_have_the_colour_of_the_sign_and_a_line_at_zero() -> None:
    (axes,) = draw_regions(lambda x, y: x - 0.5, CORNERS, XOR).axes
    image = axes.images[0].get_array()
    assert image is not None
    red, _, blue = np.moveaxis(np.asarray(image), -1, 0)
    assert (blue[:, :40] > red[:, :40]).all()
    assert (red[:, 41:] > blue[:, 41:]).all()
    (line,) = (c for c in axes.collections if not isinstance(c, PathCollection))
    assert line.get_paths()[0].vertices[:, 0] == pytest.approx(0.5)  # type: ignore[index]


@pytest.mark.parametrize("points", sampled([CORNERS, [(2.0, 3.0)]], every=2), ids=["four", "one"])
def test_regions_of_odd_scores_are_drawn(points: list[Any], tmp_path: Path) -> None:
    classifiers: dict[str, Any] = {}
    for score in (1.0, 0.0, math.nan, math.inf, 1e308):
        classifiers[f"all {score}"] = lambda x, y, score=score: score
        classifiers[f"±{score}"] = lambda x, y, score=score: score if x > y else -score
    figure = draw_regions(classifiers, points, [1] * len(points))
    assert len(figure.axes) == 10
    for axes in figure.axes:
        lines = [c for c in axes.collections if not isinstance(c, PathCollection)]
        assert len(lines) == (axes.get_title("left") in {"±1.0", "±inf", "±1e+308"})
    assert save(figure, tmp_path / "a.png").stat().st_size


def test_classifiers_may_return_values() -> None:
    w = Value(2.0)
    figure = draw_regions({"value": lambda x, y: w * x - y}, np.array(CORNERS), np.array(XOR))
    assert figure.axes[0].get_title("right") == "1 of 4 right"


@pytest.mark.parametrize("score", [math.nan, 0.0])
def test_a_score_on_no_side_is_never_right(score: float) -> None:
    (axes,) = draw_regions(lambda x, y: score, CORNERS, XOR).axes
    assert axes.get_title("right") == "0 of 4 right"
    assert rings(axes) == CORNERS


def test_without_a_verdict_nothing_is_counted_or_ringed() -> None:
    plot = draw_regions({"h0": linear}, CORNERS, XOR, verdict=False)
    (axes,) = plot.axes
    assert (axes.get_title("left"), axes.get_title("right")) == ("h0", "")
    dots = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert {size for c in dots for size in c.get_sizes()} == {70}
    keys = [[text.get_text() for text in legend.texts] for legend in plot.legends]
    assert "ring" not in str(keys)


def test_regions_name_their_axes_and_equal_ranges_have_equal_ticks() -> None:
    plot = draw_regions({"a": linear, "b": solved}, CORNERS, XOR, x_label="x0", y_label="x1")
    plot.draw_without_rendering()
    for axes in plot.axes:
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x0", "x1")
        assert axes.get_xticks().tolist() == axes.get_yticks().tolist()


def test_regions_say_what_they_accept() -> None:
    with pytest.raises(TypeError, match=r"classifier 'grid' must be a function .* not list"):
        draw_regions({"grid": [[1.0]]}, CORNERS, XOR)  # type: ignore[dict-item]
    one: list[Any] = [MLP(2, [1]), lambda p: p[0], {"grid": lambda x, y, z: x}]
    for classifier in one:
        with pytest.raises(TypeError, match=r"must be a function \(x, y\) -> score, such as"):
            draw_regions(classifier, CORNERS, XOR)
    wrong: list[Any] = [({}, CORNERS, XOR), (linear, [], []), (linear, CORNERS, [1])]
    for arguments in wrong:
        with pytest.raises(ValueError, match="at least one classifier, at least one point"):
            draw_regions(*arguments)


# ---------------- curves


def test_curves_carry_their_names_at_their_ends_without_overlap() -> None:
    series = {"c": [5, 1.001], "a": [4, 1.0], "b": [3, 1.002], "far": [2, 9.0]}
    figure = draw_curve(series, title="loss", x_label="step", y_label="nats")
    (axes,) = figure.axes
    assert {"loss", "step", "nats"} <= texts(figure)
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert sorted(heights, key=lambda name: heights[name]) == ["a", "c", "b", "far"]
    gaps = np.diff(sorted(heights.values()))
    assert gaps.min() > 0.05
    assert len({line.get_color() for line in axes.lines}) == 4


def test_few_measurements_are_dots_in_their_band() -> None:
    def dots(count: int) -> int:
        band = {"a": [(0.5, 2.0)] * count}
        (axes,) = draw_curve({"a": [1.0] * count, "b": [1, 2]}, bands=band).axes
        return [line.get_marker() for line in axes.get_lines()].count("o")

    assert (dots(5), dots(50)) == (1, 0)


def test_a_logarithmic_axis_has_ticks_at_few_places_or_at_powers_of_ten() -> None:
    (few,) = draw_curve({"a": [(x, x) for x in (4, 32, 1024)]}, x_log=True).axes
    (many,) = draw_curve({"a": [(10 ** (k / 2), k) for k in range(-8, 4)]}, x_log=True).axes
    label = few.xaxis.get_major_formatter()
    assert [label(x) for x in few.get_xticks()] == ["4", "32", "1024"]
    assert many.get_xticks() == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1, 10])
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="every x is positive and finite"):
            draw_curve({"a": [(1.0, 1.0), (wrong, 2.0)]}, x_log=True)


def test_curves_take_pairs_for_other_places() -> None:
    pairs = np.array([(0, 5), (2, 6)])
    (axes,) = draw_curve({"train": [1, 2, 3], "test": pairs}).axes
    assert [np.asarray(line.get_xdata()).tolist() for line in axes.lines] == [[0, 1, 2], [0, 2]]
    assert np.asarray(axes.lines[1].get_ydata()).tolist() == [5, 6]


def test_a_curve_that_leaves_the_finite_numbers_says_so(tmp_path: Path) -> None:
    exploding = [10.0 ** (3 * i) for i in range(100)] + [math.inf, math.nan]
    figure = draw_curve(
        {"rate 1": exploding, "rate 0.1": [1 / (i + 1) for i in range(102)]}, log=True
    )
    (axes,) = figure.axes
    assert {"rate 1 → nan", "rate 0.1"} <= texts(figure)
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    assert 0 < low < 1e-2
    assert 1e297 < high < math.inf
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    assert "10²⁵⁰" in ticks
    assert len(ticks) < 9
    assert save(figure, tmp_path / "a.svg").stat().st_size


@pytest.mark.parametrize("low", [1e-9, 0.9, 5e-324])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 50.0, 1e6])
def test_logarithmic_axes_always_have_readable_ticks(low: float, ratio: float) -> None:
    (axes,) = draw_curve({"a": [low, low * ratio]}, log=True).axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert 1 <= len(labels) <= 9
    assert all(labels)
    assert not any("e" in label or "$" in label for label in labels)


def test_gaps_are_where_nothing_can_be_shown() -> None:
    (axes,) = draw_curve({"a": [1.0, -1.0, 0.0, 2.0]}, log=True).axes
    assert np.isnan(axes.lines[0].get_ydata()).tolist() == [False, True, True, False]


def test_curves_say_what_they_accept() -> None:
    with pytest.raises(TypeError, match="by their names, not list"):
        draw_curve([1.0, 2.0])  # type: ignore[arg-type]
    series: list[Any] = [3, "abc", [1, "b"], [(1, 2, 3)], None]
    for wrong in series:
        with pytest.raises(TypeError, match=r"series 'a' must be numbers or pairs \(x, y\)"):
            draw_curve({"a": wrong})
    with pytest.raises(ValueError, match="at least one series"):
        draw_curve({})
    with pytest.raises(ValueError, match="series 'a' is empty"):
        draw_curve({"a": []})
    with pytest.raises(ValueError, match="no number of any series is positive and finite"):
        draw_curve({"a": [-1.0, math.nan]}, log=True)


ENORMOUS = [
    ([1.0, 1e200, 1.7e308], ["1.5·10³⁰⁸"]),
    ([-1.7e308, 1.7e308], ["−1.5·10³⁰⁸", "1.5·10³⁰⁸", "0"]),
    ([1.797e308] * 2, []),
    ([(-1.7e308, 1.0), (1.7e308, 1.2)], []),
]


@pytest.mark.parametrize(("numbers", "ticks"), ENORMOUS)
@pytest.mark.parametrize("log", [False, True])
def test_numbers_near_the_largest_float_are_drawn(
    numbers: Any, ticks: list[str], log: bool, tmp_path: Path
) -> None:
    figure = draw_curve({"loss": numbers}, log=log and numbers[0] != -1.7e308)
    assert save(figure, tmp_path / "a.png").stat().st_size
    if not log:
        assert {*ticks} <= {text.get_text() for text in figure.axes[0].get_yticklabels()}


@pytest.mark.parametrize("far", [1.7e308, 1e300, 5e-324])
def test_points_and_weights_near_the_ends_of_the_floats_are_drawn(
    far: float, tmp_path: Path
) -> None:
    for points in ([(-far, -far), (far, far)], [(far, far)] * 2):
        figure = draw_regions(lambda x, y: x - y, points, [1, 0])
        assert save(figure, tmp_path / "a.png").stat().st_size
    network = draw_network([([[far, -far]], [far])])
    assert save(network, tmp_path / "b.png").stat().st_size
    with pytest.raises(ValueError, match=r"points in the plane, not \(inf, 1.0\)"):
        draw_regions(linear, [(math.inf, 1.0)], [1])


# ---------------- what is to be told apart


def frames(axes: Any) -> PathCollection:
    """The diamonds around the points that are not on their side."""
    dots = [c for c in axes.collections if isinstance(c, PathCollection)]
    return max(dots, key=lambda c: (c.get_sizes()[0], c.get_zorder()))


def test_wrong_points_are_framed_in_another_shape() -> None:
    (axes,) = draw_regions(lambda x, y: 1.0, CORNERS, XOR).axes
    (frame,) = frames(axes).get_paths()
    assert len(np.asarray(frame.vertices)) == 5  # a diamond, whatever its colour
    assert not len(np.asarray(frames(axes).get_facecolor()))  # the point is seen in it


@pytest.mark.parametrize("apart", [0.05, 0.2, 0.6])
def test_frames_of_points_do_not_merge(apart: float) -> None:
    points = [(0.0, 0.0), (apart, 0.0), (4.0, 4.0)]
    figure = draw_regions(lambda x, y: -1.0, points, [1, 1, 1])
    figure.draw_without_rendering()
    (axes,) = figure.axes
    found = frames(axes)
    near, other, alone = found.get_sizes() ** 0.5 / 72 * figure.dpi  # the sides, in pixels
    (x0, _), (x1, _) = axes.transData.transform(points[:2])
    assert near <= other <= alone
    dot = 70**0.5 / 72 * figure.dpi
    assert near > 1.2 * dot  # the point can be seen in it
    assert x1 - x0 >= (near + other) / 2**0.5 or near == pytest.approx(1.3 * dot, rel=0.2)


@pytest.mark.parametrize(
    ("ys", "whole"), [([3, 2, 1], True), ([12, 7, 0], True), ([0.5, 0.25, 0.125], False)]
)
def test_whole_numbers_have_whole_ticks(ys: list[float], whole: bool) -> None:
    figure = draw_curve({"mistakes": ys})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert all(float(x).is_integer() for x in axes.get_xticks())
    assert all(float(y).is_integer() for y in axes.get_yticks()) == whole


@pytest.mark.parametrize("sizes", [[2, 8, 1], [5, 14, 16, 3], [1, 40, 2], [16, 1]])
def test_no_edge_crosses_a_circle(sizes: list[int]) -> None:
    plot = draw_network(MLP(sizes[0], sizes[1:], rng=0))
    plot.draw_without_rendering()
    (axes,) = plot.axes
    circles = [
        axes.transData.transform(np.asarray(c.get_offsets()))[0]
        for c in axes.collections
        if isinstance(c, PathCollection)
    ]
    radius = 16 / 72 * plot.dpi
    for line in axes.lines:
        start, end = axes.transData.transform(line.get_xydata())
        along = (end - start) / np.hypot(*(end - start))
        for center in circles:
            if min(np.hypot(*(center - start)), np.hypot(*(center - end))) < 1:
                continue  # it begins or ends here
            at = np.clip((center - start) @ along, 0, np.hypot(*(end - start)))
            distance = np.hypot(*(center - start - at * along))
            assert distance > radius + line.get_linewidth() / 2 / 72 * plot.dpi


@pytest.mark.parametrize("name", PLOTS)
def test_plots_are_described_in_words(name: str) -> None:
    plot = PLOTS[name]()
    assert plot.words.title not in ("", "Plot drawn by gradpath")
    assert plot.words.text.endswith((".", "…"))
    svg = rendered(plot, "svg").decode()
    assert "<desc" in svg
    assert 'role="img"' in svg


def test_the_words_of_plots_have_their_numbers() -> None:
    curve = draw_curve({"train": [0.5, 0.25], "nothing": [math.nan, 1.0]}).words
    assert curve.text == "train: 0.5 at epoch 0 to 0.25 at epoch 1. nothing: 1 at epoch 1."
    assert (
        "2 inputs (a and b), a hidden layer of 3, 1 output. 9 weights from"
        in draw_network(MLP(2, [3, 1], rng=0), ["a", "b"]).words.text
    )
    regions = draw_regions({"line": linear}, CORNERS, XOR).words.text
    assert regions == "4 points, 2 of them of class +. line: 3 of 4 right."
    confusion = draw_confusion([[5, 1], [2, 7]], ["cat", "dog"]).words.text
    assert confusion == (
        "2 classes; 12 of 15 right. 2 of dog taken for cat and 1 of cat taken for dog."
    )
