"""Histograms of weights, activations and gradients over training."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from engine import Tensor, Value
from nn import MLP
from viz import draw_histograms, save
from viz.theme import LIGHT

FLOATS = st.floats(width=64)


def bars(axes: Any) -> dict[str, list[list[float]]]:
    """The heights of the bars above their rows, from the top row down, by colour."""
    found: dict[str, list[list[float]]] = {}
    for patch in axes.patches:
        heights, _, baseline = patch.get_data()
        color = to_hex(patch.get_facecolor()).upper()
        found.setdefault(color, []).append((np.asarray(heights) - baseline).tolist())
    return found


def said(axes: Any) -> list[str]:
    """What stands at the right of the rows."""
    return [text.get_text() for text in axes.texts]


def names(axes: Any) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_each_side_of_zero_has_its_colour_and_bars_count_numbers() -> None:
    (axes,) = draw_histograms([("a", [-3, -3, -1, 0, 0, 2]), ("b", [1] * 4)]).axes
    found = bars(axes)
    assert set(found) == {LIGHT.minus, LIGHT.zero, LIGHT.plus}
    assert sorted(x for x in found[LIGHT.minus][0] if x) == pytest.approx([0.44, 0.88])
    assert [x for x in found[LIGHT.plus][0] if x] == pytest.approx([0.44])
    assert found[LIGHT.zero][0] == pytest.approx([0.88])  # no higher than the others' highest
    assert not any(found[LIGHT.minus][1] + found[LIGHT.zero][1])
    assert [x for x in found[LIGHT.plus][1] if x] == pytest.approx([0.88])


def test_rows_are_named_and_say_their_spread_their_zeros_and_what_is_not_finite() -> None:
    records = {
        0: [0.0, 0.0, 2.0, -2.0],
        1.0: [[1.0, math.nan], [math.inf, 3.0]],
        "end": [math.nan],
    }
    plot = draw_histograms(records.items(), title="w", x_label="weight")
    (axes,) = plot.axes
    assert names(axes) == ["0", "1", "end"]
    assert said(axes) == ["σ 1.4\n50 % are 0", "σ 1\n2 not finite", "1 not finite"]
    assert [text.get_color() for text in axes.texts] == [LIGHT.muted, LIGHT.alert, LIGHT.alert]
    assert (axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel()) == (
        "w",
        "weight",
        "epoch",
    )


def test_of_many_epochs_the_first_the_last_and_some_between_are_shown() -> None:
    (axes,) = draw_histograms((i, [i]) for i in range(101)).axes
    assert names(axes) == ["0", "17", "33", "50", "67", "83", "100"]


def test_panels_have_their_titles_and_axes_of_their_own() -> None:
    many = {f"layer {i}": [(0, [10.0**i, -(10.0**i)])] for i in range(5)}
    plot = draw_histograms(many)
    assert [axes.get_title("left") for axes in plot.axes] == list(many)
    assert [axes.get_xlim()[1] for axes in plot.axes] == pytest.approx(
        [plot.axes[0].get_xlim()[1] * 10**i for i in range(5)]
    )


def test_an_outlier_does_not_hide_the_others() -> None:
    numbers = np.append(np.linspace(-1, 1, 999), 1e6)
    (axes,) = draw_histograms([(0, numbers)]).axes
    assert -1.5 < axes.get_xlim()[0] < axes.get_xlim()[1] < 1.5


def test_what_has_numbers_is_taken_as_it_is() -> None:
    model = MLP(2, [3, 1], rng=0)
    weights = [p.data for p in model.parameters()]
    forms: list[Any] = [weights, np.array(weights), [Value(w) for w in weights], Tensor(weights)]
    forms += [[np.array(weights[:6]).reshape(3, 2), weights[6:]], model.parameters()]
    forms += [[p.data for p in model.vectorized().parameters()], model.vectorized().parameters()]
    assert len({str(bars(draw_histograms([(0, form)]).axes[0])) for form in forms}) == 1


@given(st.lists(st.lists(FLOATS, min_size=1, max_size=6), min_size=1, max_size=4))
def test_whatever_is_finite_is_within_the_axis(rows: list[list[float]]) -> None:
    if not any(math.isfinite(x) for row in rows for x in row):
        with pytest.raises(ValueError, match="no number is finite"):
            draw_histograms(enumerate(rows))
        return
    (axes,) = draw_histograms(enumerate(rows)).axes
    low, high = axes.get_xlim()
    assert math.isfinite(low)
    assert low < high < math.inf
    for text, row in zip(said(axes), rows, strict=True):
        assert ("not finite" in text) == any(not math.isfinite(x) for x in row)
    for heights in bars(axes).values():
        assert all(0 <= x < 1 for row in heights for x in row)


@pytest.mark.parametrize("number", [0.0, 5e-324, 1e-200, 7.0, -1e16, 1e200, sys.float_info.max])
def test_equal_numbers_are_one_bar(number: float, tmp_path: Path) -> None:
    plot = draw_histograms([(i, [number] * 3) for i in range(2)])
    found = bars(plot.axes[0]).values()
    assert [x for rows in found for row in rows for x in row if x] == pytest.approx([0.88] * 2)
    assert save(plot, tmp_path / "a.png").stat().st_size


def test_what_it_accepts_is_said() -> None:
    wrong: list[Any] = [3, [1.0, 2.0], "abc", [(0, 1, 2)], {"a": [1.0]}]
    for records in wrong:
        with pytest.raises(TypeError, match=r"takes pairs \(epoch, numbers\)"):
            draw_histograms(records)
    odd: list[Any] = [["a"], [None, 1], object(), {1: 2}, [1j], np.array([1j]), [[1], ["a"]]]
    for numbers in odd:
        with pytest.raises(TypeError, match="the numbers of epoch 7 of panel 'w' must be"):
            draw_histograms({"w": [(7, numbers)]})
    empty: list[Any] = [{}, [], {"w": []}]
    for records in empty:
        with pytest.raises(ValueError, match="at least one pair"):
            draw_histograms(records)
    with pytest.raises(ValueError, match="epoch 1 has no numbers"):
        draw_histograms([(0, [1]), (1, [])])
    with pytest.raises(ValueError, match="no number of panel 'w' is finite"):
        draw_histograms({"w": [(0, [math.nan])]})
