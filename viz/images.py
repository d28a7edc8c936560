"""Pictures of small images: samples of a data set, the weights of a neuron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from .style import LARGE, SMALL, Plot, keyed, shown, styled
from .theme import Theme, theme
from .words import Words, counted, listed

_COLUMNS = 8  # side by side, and twice as many without captions
_WIDTH, _LINES, _MARGIN = 7.2, 0.34, 0.6  # inches: the figure, two lines of a caption, the title


def draw_images(
    images: Any,
    captions: Sequence[str] = (),
    *,
    title: str = "",
    signed: bool = False,
    dark: bool = False,
) -> Plot:
    """Small images in rows, in one common scale.

    Args:
        images: numbers of shape (n, height, width), n ≥ 0; what is not finite counts as 0. The
            larger, the darker, from 0 to the largest; less than 0 counts as 0.
        captions: what stands above each, in lines; nothing by default.
        title: what stands above them.
        signed: numbers of both signs instead: a colour for each, the stronger the larger the size.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if the images are no numbers.
        ValueError: if they are no images of one size, or there is not one caption for each.
    """
    stack = _checked(images)
    if captions and len(captions) != len(stack):
        raise ValueError(f"{len(captions)} captions for {len(stack)} images")
    columns = _COLUMNS if captions else 2 * _COLUMNS
    rows = max(1, math.ceil(len(stack) / columns))
    side = _WIDTH / columns
    colors = theme(dark)
    with styled(colors):
        result = Plot(_WIDTH, rows * (side + (_LINES if captions else 0.0)) + _MARGIN, colors)
        panels = result.subplots(rows, columns, squeeze=False)
        result.suptitle(shown(title), x=0.01, ha="left", fontsize=LARGE, fontweight="bold")
        pixels = _tints(stack, colors) if signed else _greys(stack, colors)
        for axes in panels.flat[len(stack) :]:
            axes.set_axis_off()
        for axes, image in zip(panels.flat, pixels, strict=False):
            axes.imshow(image, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color(colors.faint)
        for axes, caption in zip(panels.flat, captions, strict=False):
            axes.set_title("\n".join(map(shown, caption.split("\n"))), fontsize=SMALL)
        if signed:
            keyed(result, colors, "one scale for all", linestyle="", marker="s")
    if not dark:
        options: Any = {"title": title, "signed": signed, "dark": True}
        result.in_the_dark = partial(draw_images, stack, captions, **options)
    said = [" ".join(map(shown, caption.split("\n"))) for caption in captions]
    size = " × ".join(map(str, stack.shape[1:]))
    result.words = Words(
        shown(title) or "Images", f"{counted(len(stack), 'image')} of {size} pixels. {listed(said)}"
    )
    return result


def _checked(images: Any) -> Any:
    """The images as one array."""
    try:
        stack = np.asarray(images, float)
    except (TypeError, ValueError):
        raise TypeError(
            "draw_images() takes an array of shape (n, height, width), "
            f"not {type(images).__name__}: {images!r:.60}"
        ) from None
    if stack.ndim != 3 or not all(stack.shape[1:]):
        raise ValueError(f"images have the shape (n, height, width), not {stack.shape}")
    return np.nan_to_num(stack, posinf=0.0, neginf=0.0)


def _greys(stack: Any, colors: Theme) -> Any:
    """From the page, for 0, to ink."""
    page, ink = map(np.array, map(to_rgb, (colors.page, colors.ink)))
    return page + _strength(stack.clip(0.0))[..., None] * (ink - page)


def _tints(stack: Any, colors: Theme) -> Any:
    """From the page, for 0, to the colour of the sign."""
    page, plus, minus = map(np.array, map(to_rgb, (colors.page, colors.plus, colors.minus)))
    hue = np.where((stack > 0)[..., None], plus, minus)
    return page + _strength(np.abs(stack))[..., None] * (hue - page)


def _strength(sizes: Any) -> Any:
    """Sizes as shares of the largest."""
    return sizes / (sizes.max(initial=0.0) or 1.0)
