"""Loss surfaces with paths, numbers against depth, bands around curves, and half-planes."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from sampling import sampled

from engine import Value
from nn import MLP
from viz import draw_curve, draw_depth, draw_regions, draw_surface, save
from viz.halfplanes import checked_line, crossing
from viz.theme import LIGHT

CORNERS, XOR = [(0, 0), (0, 1), (1, 0), (1, 1)], [0, 1, 1, 0]


def saddle(x: float, y: float) -> float:
    return x * x - y * y


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def points(line: Any) -> list[tuple[float, float]]:
    return list(zip(line.get_xdata(), line.get_ydata(), strict=True))


# ---------------- surfaces


def test_a_surface_has_contours_with_their_values() -> None:
    (axes,) = draw_surface(lambda x, y: x, (0, 1), (0, 2), title="f").axes
    assert set(labels(axes)) == {f"0.{i}" for i in range(1, 10)}
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 1), (0, 2))
    (axes,) = draw_surface(saddle, (-1, 1), (-1, 1), levels=[0, 0.5, -0.5, 7]).axes
    assert set(labels(axes)) == {"0", "0.5", "−0.5"}


def test_levels_share_the_plane_evenly_however_steep_it_is() -> None:
    (axes,) = draw_surface(lambda x, y: math.exp(40 * x), (0, 1), (0, 1)).axes
    assert len(set(labels(axes))) == 9


def test_paths_begin_with_a_ring_and_end_with_a_sign_and_have_names() -> None:
    paths: dict[str, Any] = {
        "SGD": [(0, 0), (0.5, 0.5), (1, 0)],
        "Adam": np.array([(1, 1), (0, 1)]),
    }
    plot = draw_surface(saddle, (0, 1), (0, 1), paths)
    (axes,), (legend,) = plot.axes, plot.legends
    assert [text.get_text() for text in legend.get_texts()] == ["SGD", "Adam"]
    lines = [line for line in axes.lines if line.get_linestyle() == "-" and points(line)[1:]]
    assert [np.asarray(line.get_xdata()).tolist() for line in lines] == [[0, 0.5, 1], [1, 0]]
    assert lines[0].get_linewidth() > lines[1].get_linewidth()  # the one below shows
    rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert [points(ring) for ring in rings] == [[(0, 0)], [(1, 1)]]


def test_a_path_that_leaves_the_finite_numbers_says_so() -> None:
    plot = draw_surface(saddle, (0, 1), (0, 1), {"SGD": [(0, 0), (math.inf, 1)]})
    assert plot.legends[0].get_texts()[0].get_text() == "SGD → inf"


@pytest.mark.parametrize(
    ("size", "height"),
    sampled(product([1.0, 1.7e308, 1e-300], [0.0, 1e308, -1e-320, math.nan, math.inf]), every=4),
)
def test_odd_surfaces_are_drawn(height: float, size: float, tmp_path: Path) -> None:
    for f in (lambda x, y: height, lambda x, y: height if x > y else 1.0):
        plot = draw_surface(f, (-size, size), (0, size), {"a": [(0, 0), (size, size)]})
        assert save(plot, tmp_path / "a.png").stat().st_size


def test_where_python_finds_no_number_there_is_no_height() -> None:
    for f in (lambda x, y: 1 / x, lambda x, y: (9 * x) ** 999):
        (axes,) = draw_surface(f, (-1, 1), (-1, 1), {7: [(0, 0)]}).axes  # type: ignore[dict-item]
        assert labels(axes)


def test_surfaces_of_values_take_no_part_in_any_graph() -> None:
    w = Value(2.0)
    seen: list[Any] = []
    draw_surface(lambda x, y: seen.append(w * x) or seen[-1], (0, 1), (0, 1))  # type: ignore[func-returns-value]
    assert not any(node.args for node in seen)


def test_surfaces_say_what_they_accept() -> None:
    wrong: list[Any] = [3, MLP(2, [1]), lambda x: x, [[1.0]]]
    for function in wrong:
        with pytest.raises(TypeError, match=r"a function \(x, y\) -> number first"):
            draw_surface(function, (0, 1), (0, 1))
    odd: list[Any] = [3, (1, 2, 3), "ab", None]
    for ends in odd:
        with pytest.raises(TypeError, match="y_range is a pair of numbers"):
            draw_surface(saddle, (0, 1), ends)
    for low, high in [(1, 1), (2, 1), (0, math.inf), (math.nan, 1)]:
        with pytest.raises(ValueError, match="x_range is a pair of finite numbers, low < high"):
            draw_surface(saddle, (low, high), (0, 1))
    with pytest.raises(TypeError, match="by their names, not list"):
        draw_surface(saddle, (0, 1), (0, 1), [(0, 1)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"path 'a' must be points \(x, y\)"):
        draw_surface(saddle, (0, 1), (0, 1), {"a": [1, 2]})  # type: ignore[list-item]
    with pytest.raises(ValueError, match="path 'a' has no points"):
        draw_surface(saddle, (0, 1), (0, 1), {"a": []})


# ---------------- bands, theory, depth


def edges(collection: Any) -> set[tuple[float, float]]:
    """The corners of a band."""
    (path,) = collection.get_paths()
    return {(round(float(x), 9), round(float(y), 9)) for x, y in path.vertices}


def test_a_curve_has_its_band_and_its_theory_in_its_colour() -> None:
    plot = draw_curve(
        {"a": [1, 2], "b": [(0, 3), (5, 4)]},
        bands={"b": [(2.5, 3.5), (3, 5)]},
        theory={"b": [(0, 3), (5, 3)]},
        remark="band: all",
    )
    (axes,) = plot.axes
    (band,) = axes.collections
    assert edges(band) == {(0, 2.5), (0, 3.5), (5, 3), (5, 5)}
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_color() for line in dashed] == [LIGHT.minus]
    assert to_hex(np.asarray(band.get_facecolor())[0]).upper() == LIGHT.minus
    assert axes.get_title("right") == "band: all"


def test_bands_and_theory_belong_to_curves() -> None:
    for extra in ({"bands": {"b": [(0, 1)]}}, {"theory": {"b": [1]}}):
        with pytest.raises(ValueError, match="there is no series 'b'"):
            draw_curve({"a": [1]}, **extra)
    with pytest.raises(ValueError, match=r"band 'a' has 1 pairs \(low, high\) for 2 numbers"):
        draw_curve({"a": [1, 2]}, bands={"a": [(0, 1)]})
    with pytest.raises(TypeError, match="band 'a' must be pairs"):
        draw_curve({"a": [1, 2]}, bands={"a": [0, 1]})  # type: ignore[list-item]


@given(st.lists(st.floats(-0.2, 1.2) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=8))
def test_names_are_as_near_to_their_curves_as_there_is_room(wanted: list[float]) -> None:
    from viz.curves import _LINE_HEIGHT, _spread

    wanted = sorted(wanted)
    places = _spread(wanted)
    gaps = np.diff(places)
    assert (gaps > _LINE_HEIGHT - 1e-9).all()
    assert min(places) > -1e-9
    assert max(places) < 1 + 1e-9
    if (np.diff([-_LINE_HEIGHT, *wanted, 1 + _LINE_HEIGHT]) > _LINE_HEIGHT).all():
        assert places == pytest.approx(wanted)


def test_whole_numbers_have_whole_ticks() -> None:
    plot = draw_curve({"a": [(x, 1.0) for x in range(6)]})
    plot.draw_without_rendering()
    assert all(float(x).is_integer() for x in plot.axes[0].get_xticks())


def test_depth_shows_the_geometric_mean_and_all_runs() -> None:
    runs = {"a": [[1, 10], [4, 1000]], "b": [[1, 1]]}
    (axes,) = draw_depth(runs, theory={"a": [1, 50]}, first=3).axes
    solid = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert np.asarray(solid[0].get_xdata()).tolist() == [3, 4]
    assert np.asarray(solid[0].get_ydata()) == pytest.approx([2, 100])
    assert edges(axes.collections[0]) == {(3, 1), (3, 4), (4, 10), (4, 1000)}
    assert axes.get_title("right") == "band: all runs     dashed: theory"
    assert axes.get_yscale() == "log"


def test_depth_has_gaps_where_a_run_is_not_positive() -> None:
    (axes,) = draw_depth({"a": [[1, 1, 1], [2, 0, math.inf]]}).axes
    assert np.isnan(np.asarray(axes.lines[0].get_ydata())).tolist() == [False, True, True]
    with pytest.raises(ValueError, match="no number of any series is positive and finite"):
        draw_depth({"a": [[0.0]]})


def test_depth_says_what_it_accepts() -> None:
    with pytest.raises(TypeError, match="runs by their names, not list"):
        draw_depth([[1.0]])  # type: ignore[arg-type]
    rows: list[Any] = [[1.0], [["x"]], 3]
    for wrong in rows:
        with pytest.raises(TypeError, match="runs 'a' must be rows of numbers"):
            draw_depth({"a": wrong})
    ragged: list[Any] = [[], [[]], [[1.0], [1.0, 2.0]]]
    for wrong in ragged:
        with pytest.raises(ValueError, match="runs 'a' must be at least one row"):
            draw_depth({"a": wrong})
    with pytest.raises(ValueError, match="theory of 'a' has 1 numbers for 2 layers"):
        draw_depth({"a": [[1, 2]]}, theory={"a": [1]})
    with pytest.raises(ValueError, match="at least one series"):
        draw_depth({})


# ---------------- half-planes

NUMBERS = st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3)


@given(NUMBERS, NUMBERS, st.floats(-1e3, 1e3))
def test_a_line_is_where_it_says_with_its_positive_side_at_the_left(
    w0: float, w1: float, b: float
) -> None:
    a, c, d = checked_line("h", (w0, w1, b))
    found = crossing(a, c, d)
    corners = [a * u + c * v + d for u in (0, 1) for v in (0, 1)]
    if not found:
        assert min(corners) > -2e-3 or max(corners) < 2e-3
        return
    (u0, v0), (u1, v1) = found
    for u, v in found:
        assert abs(a * u + c * v + d) < 1e-6
        assert -1e-8 < u < 1 + 1e-8
        assert -1e-8 < v < 1 + 1e-8
    left = (u0 - (v1 - v0), v0 + (u1 - u0))
    assert a * left[0] + c * left[1] + d > 0


def test_hidden_units_have_lines_and_names_and_those_outside_are_named() -> None:
    model = MLP(2, [3, 1], rng=0)
    lines: dict[str, Any] = {
        f"h{i}": (*neuron.w, neuron.b) for i, neuron in enumerate(model.layers[0].neurons)
    }
    for value, numbers in zip(lines["h0"], (1.0, 0.0, -0.5), strict=True):
        value.data = numbers
    lines |= {"far": (1, 1, 50.0), "none": (0, 0, -1), "zero": (0, 0, 0), "nan": (1, math.nan, 0)}
    plot = draw_regions(saddle, CORNERS, XOR, lines=lines)
    (axes,) = plot.axes
    drawn = [line for line in axes.lines if line.get_color() == LIGHT.parameter.stroke]
    assert any(np.asarray(line.get_xdata()) == pytest.approx([0.5, 0.5]) for line in drawn)
    written = plot.legends[0].get_texts()[-1].get_text().splitlines()
    assert written[-4:] == [
        "far: + everywhere",
        "none: − everywhere",
        "zero: 0 everywhere",
        "nan: not finite",
    ]
    assert len(drawn) + len(written) == len(lines) + 2
    assert "h0" in labels(axes)


@pytest.mark.parametrize("size", sampled([1.7e308, 1e-300, 1e300], every=3))
def test_lines_of_any_size_are_drawn(size: float, tmp_path: Path) -> None:
    lines = {"a": (size, -size, 0.0), "b": (1.0, 1.0, size)}
    points = [(-1.0, -1.0), (1.0, 1.0)]
    far = [(-size, -size), (size, size)]
    for data in (points, far):
        plot = draw_regions(lambda x, y: x, data, [1, 0], lines=lines)
        assert "a" in labels(plot.axes[0])
        assert save(plot, tmp_path / "a.png").stat().st_size


def test_lines_say_what_they_accept() -> None:
    wrong: list[Any] = [3, (1, 2), "abc", (1, 2, "x"), MLP(2, [1])]
    for line in wrong:
        with pytest.raises(TypeError, match=r"line 'h' must be three numbers \(w0, w1, b\)"):
            draw_regions(saddle, CORNERS, XOR, lines={"h": line})
    with pytest.raises(TypeError, match="by their names, not list"):
        draw_regions(saddle, CORNERS, XOR, lines=[(1, 2, 3)])  # type: ignore[arg-type]


def test_of_many_lines_outside_a_few_are_named() -> None:
    plot = draw_regions(saddle, CORNERS, XOR, lines={f"h{i}": (1, 1, 9) for i in range(64)})
    written = plot.legends[0].get_texts()[-1].get_text().splitlines()
    assert written[-2:] == ["h3: + everywhere", "and 60 more outside"]
