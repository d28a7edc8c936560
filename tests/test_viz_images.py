"""Confusion matrices and small images: what is drawn, in which colour, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

import viz
from viz.confusion import draw_confusion
from viz.images import draw_images
from viz.theme import theme

COUNTS = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 99), min_size=n, max_size=n), min_size=n, max_size=n)
)


def pixels(axes: Any) -> Any:
    """The colours of the one image in the axes."""
    (image,) = axes.get_images()
    return np.asarray(image.get_array())


# -- confusion ------------------------------------------------------------------------------------


@given(COUNTS)
def test_every_count_but_0_stands_in_its_cell(counts: list[list[int]]) -> None:
    (axes,) = draw_confusion(counts).axes
    n = len(counts)
    cells = {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text()
        for text in axes.texts
        if " of " not in text.get_text()
    }
    assert cells == {(i, j): str(counts[i][j]) for i in range(n) for j in range(n) if counts[i][j]}
    good = sum(counts[i][i] for i in range(n))
    assert axes.get_title("right") == f"{good} of {sum(map(sum, counts))} right"
    rows = [text.get_text() for text in axes.texts if " of " in text.get_text()]
    assert rows == [f"{counts[i][i]} of {sum(counts[i])}" for i in range(n)]


@pytest.mark.parametrize("dark", [False, True])
def test_mistakes_are_framed_and_have_another_colour(dark: bool) -> None:
    (axes,) = draw_confusion([[9, 1, 0], [0, 5, 5], [0, 0, 3]], dark=dark).axes
    frames = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    centres = [((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in frames]
    assert centres == [pytest.approx((1, 0)), pytest.approx((2, 1))]
    colors = pixels(axes)
    page = to_rgb(theme(dark).page)
    assert colors[0, 2] == pytest.approx(page)
    far = [float(np.abs(colors[cell] - page).sum()) for cell in ((0, 1), (1, 2))]
    assert 0.05 < far[0] < far[1]  # the larger share is the stronger
    red, green, blue = colors[0, 0]
    assert green > red  # what is right is green
    assert colors[1, 2][0] > colors[1, 2][1]  # what is wrong is red


def test_classes_have_their_names() -> None:
    (axes,) = draw_confusion([[1, 0], [0, 1]], ["cat", "dog"], title="Animals").axes
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog"]
    assert axes.get_title("left") == "Animals"


@pytest.mark.parametrize(
    ("name", "n", "rotation"), [("upper", 2, 0), ("W" * 24, 2, 90), ("upper", 9, 90), ("7", 9, 0)]
)
def test_names_of_few_classes_stand_side_by_side(name: str, n: int, rotation: int) -> None:
    (axes,) = draw_confusion([[1] * n] * n, [name] * n).axes
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {rotation}


@pytest.mark.parametrize(
    ("counts", "names", "error", "message"),
    [
        ([], (), ValueError, "as many columns as rows"),
        ([[1, 2]], (), ValueError, "as many columns as rows"),
        ([[1, 2], [3]], (), ValueError, "as many columns as rows"),
        ([[1, -2], [3, 4]], (), ValueError, "at least 0, not -2"),
        ([[1]], ("a", "b"), ValueError, "2 names for 1 classes"),
        ([[1.5]], (), TypeError, "whole numbers"),
        (["ab"], (), TypeError, "whole numbers"),
        (3, (), TypeError, "whole numbers, not 3"),
    ],
)
def test_what_is_no_confusion_matrix(
    counts: Any, names: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw_confusion(counts, names)


# -- images ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_the_largest_number_is_ink_and_0_is_the_page(dark: bool) -> None:
    axes = draw_images([[[0.0, 2.0]], [[1.0, -5.0]]], dark=dark).axes
    page, ink = (np.array(to_rgb(color)) for color in (theme(dark).page, theme(dark).ink))
    assert pixels(axes[0])[0] == pytest.approx(np.array([page, ink]))
    assert pixels(axes[1])[0] == pytest.approx(np.array([(page + ink) / 2, page]))


def test_signs_have_their_colours() -> None:
    plot = draw_images([[[0.0, 2.0, -2.0]]], signed=True)
    colors = theme(False)
    expected = [to_rgb(color) for color in (colors.page, colors.plus, colors.minus)]
    assert pixels(plot.axes[0])[0] == pytest.approx(np.array(expected))
    (legend,) = plot.legends
    assert [text.get_text() for text in legend.get_texts()][:2] == ["+", "−"]


@given(st.integers(0, 40), st.booleans())
@settings(max_examples=settings().max_examples // 4)  # each draws up to 40 images
def test_each_image_is_there_with_its_caption(n: int, captioned: bool) -> None:
    captions = [f"a{i}\nb" for i in range(n)] if captioned else []
    plot = draw_images(np.ones((n, 2, 3)), captions, title="$all$")
    drawn = [axes for axes in plot.axes if axes.get_images()]
    assert len(drawn) == n
    assert [axes.get_title() for axes in drawn if axes.get_title()] == captions
    assert plot.get_suptitle() == "$all$"


def test_what_is_not_finite_counts_as_0() -> None:
    (axes, *_) = draw_images([[[float("nan"), float("inf"), 1.0]]]).axes
    page = to_rgb(theme(False).page)
    assert pixels(axes)[0, 0] == pytest.approx(page)
    assert pixels(axes)[0, 1] == pytest.approx(page)


def test_numbers_of_any_size_are_drawn() -> None:
    for size in (1e-308, 1e308):
        (axes, *_) = draw_images([[[size, 0.0]]]).axes
        assert pixels(axes)[0, 0] == pytest.approx(to_rgb(theme(False).ink))


@pytest.mark.parametrize(
    ("images", "captions", "error", "message"),
    [
        ([[1.0, 2.0]], (), ValueError, r"shape \(n, height, width\), not \(1, 2\)"),
        (np.ones((2, 0, 3)), (), ValueError, r"not \(2, 0, 3\)"),
        (np.ones((2, 3, 3)), ["one"], ValueError, "1 captions for 2 images"),
        ("images", (), TypeError, "not str: 'images'"),
        ([[[1.0], [2.0, 3.0]]], (), TypeError, "not list"),
    ],
)
def test_what_are_no_images(
    images: Any, captions: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw_images(images, captions)


@pytest.mark.parametrize(
    "draw", [lambda: draw_confusion([[1]]), lambda: draw_images(np.ones((3, 2, 2)), ["a"] * 3)]
)
def test_they_are_saved_the_same_each_time(draw: Callable[[], Any], tmp_path: Any) -> None:
    first, second = (viz.save(draw(), tmp_path / name) for name in ("a.svg", "b.svg"))
    assert first.read_bytes() == second.read_bytes()
