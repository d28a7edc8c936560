"""The picture of a multilayer perceptron as neurons and weighted edges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, SupportsFloat

from matplotlib.axes import Axes

from .style import LARGE, SMALL, Plot, keyed, shown, styled, titled
from .text import short_number
from .theme import Theme, theme
from .words import Words, counted, listed

Layer = tuple[Iterable[Iterable[SupportsFloat]], Iterable[SupportsFloat]]
Place = tuple[float, float]

MOST_NEURONS = 16  # of a layer that are shown, half of them from its end
MOST_WEIGHTS = 24  # of a network that are written on its edges
_CIRCLE, _GAP = 32, 6  # points: a neuron, and from it to its name
_LEAST, _APART, _PAD = 5.2, 2.6, 0.2  # inches: the figure, two layers, around names
_ROW, _CLEAR = 0.72, 0.08  # inches: from neuron to neuron, and from a neuron to others' edges
_ABOVE = 0.38  # from a neuron to its name above it, in distances between neurons
_LABEL = (0.19, 0.26)  # room for a weight, in distances between layers and between neurons
_STOPS = [0.2 + 0.025 * i for i in range(25)]  # where on its edge a weight may stand
_ROUNDS = 4  # so often every weight looks for its best place


def draw_network(
    layers: Any,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    *,
    hidden: Iterable[Sequence[str]] = (),
    title: str = "",
    dark: bool = False,
) -> Plot:
    """A multilayer perceptron as neurons and weighted edges.

    An edge is as wide as its |weight| and coloured by its sign; a network of at most 24 weights
    has their numbers written on them, each where few other edges pass. The
    bias of a neuron stands in its circle. Of a layer with more than 16 neurons the first and last
    eight are shown.

    Args:
        layers: a perceptron, such as an `nn.MLP` or its twin: its ``state_dict()`` has weights and
            biases by names such as ``layers.0.weight``, as PyTorch's have. Or for each layer its
            weights, one row per neuron and in it one number per input, and its biases, one per
            neuron.
        inputs: names of the inputs.
        outputs: names of the outputs.
        hidden: names of the neurons in the layers between them, layer by layer.
        title: what stands above.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if it is neither a model nor pairs of weights and biases.
        ValueError: if there are no layers, or shapes or names do not fit together.
    """
    weights, biases = _numbers(_layers(layers))
    sizes, between = _sizes(weights, biases), list(hidden)
    if between and len(between) != len(sizes) - 2:
        raise ValueError(f"names of {len(between)} hidden layers for {len(sizes) - 2}")
    all_names = [inputs, *(between or [()] * (len(sizes) - 2)), outputs]
    kinds = ["inputs", *["hidden neurons"] * (len(sizes) - 2), "outputs"]
    for what, names, size in zip(kinds, all_names, sizes, strict=True):
        if names and len(names) != size:
            raise ValueError(f"{len(names)} names for {size} {what}: {list(names)!r:.60}")
    colors = theme(dark)
    places = [_places(column, size) for column, size in enumerate(sizes)]
    tallest = max(map(len, places))
    with styled(colors):
        result = Plot(_LEAST, _ROW * tallest + 0.9, colors)
        extents = _extents(result, all_names, places)
        left, apart, right = _room(extents, tallest)
        width = left + apart * (len(sizes) - 1) + right
        result.grow(max(width, result.extent(title, LARGE)) + _PAD)
        axes = result.add_subplot(
            xlim=(-left / apart, len(sizes) - 1 + right / apart), ylim=(-tallest / 2, tallest / 2)
        )
        axes.set_axis_off()
        titled(axes, title)
        above = [
            (x, y + _ABOVE, each[index] / 2 / apart)
            for each, layer in zip(extents[1:-1], places[1:-1], strict=True)
            for index, (x, y) in layer.items()
            if index in each
        ]
        _draw_weights(axes, weights, places, above, colors)
        _draw_neurons(axes, biases, places, colors)
        sides = [-1, *[0] * (len(sizes) - 2), 1]
        for layer, names, side in zip(places, all_names, sides, strict=True):
            for index, name in enumerate(names):
                if index in layer:
                    _name(axes, layer[index], side, shown(name), colors)
        keyed(result, colors, "width: |weight|     in the circle: bias")
    name = shown(title) or f"Network {'-'.join(map(str, sizes))}"
    result.words = Words(name, _told(sizes, weights, inputs, outputs))
    return result


def _told(
    sizes: Sequence[int],
    weights: list[list[list[float]]],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> str:
    """The network in words: its layers, and the weights that are largest and least."""
    ends = [f" ({listed(names)})" if names else "" for names in (inputs, outputs)]
    kind = "a hidden layer" if len(sizes) == 3 else "hidden layers"
    hidden = f", {kind} of {listed(sizes[1:-1])}" if sizes[2:] else ""
    every = [w for rows in weights for row in rows for w in row]
    span = f"{short_number(min(every))} to {short_number(max(every))}"
    return (
        f"{counted(sizes[0], 'input')}{ends[0]}{hidden}, {counted(sizes[-1], 'output')}{ends[1]}. "
        f"{counted(len(every), 'weight')} from {span}."
    )


def draw_on(axes: Axes, weights: Any, biases: Any, largest: float, colors: Theme) -> None:
    """The network in axes that are there, without names, as one of several states of training.

    Args:
        axes: where to draw.
        weights: for each layer one row per neuron.
        biases: for each layer one per neuron.
        largest: the |weight| of the widest edge.
        colors: the palette.
    """
    sizes = [len(weights[0][0]), *map(len, weights)]
    places = [_places(column, size) for column, size in enumerate(sizes)]
    tallest = max(map(len, places))
    axes.set(xlim=(-0.2, len(sizes) - 0.8), ylim=(-tallest / 2, tallest / 2))
    axes.set_axis_off()
    figure: Any = axes.get_figure(root=True)
    row = 72 * figure.get_figheight() * axes.get_position().height / tallest
    _draw_weights(axes, weights, places, [], colors, largest)
    _draw_neurons(axes, biases, places, colors, min(_CIRCLE, 0.62 * row))


def _layers(model: Any) -> Any:
    """A model's weights and biases layer by layer; what is no model as it is."""
    if not hasattr(model, "state_dict") or isinstance(model, type):
        return model
    state = model.state_dict()
    ends = [name.removesuffix("weight") for name in state if name.endswith("weight")]
    return [
        (state[f"{end}weight"], state.get(f"{end}bias", [0.0] * len(state[f"{end}weight"])))
        for end in ends
    ]


def _numbers(layers: Iterable[Layer]) -> tuple[list[list[list[float]]], list[list[float]]]:
    """The weights and the biases of all layers."""
    try:
        pairs = [(rows, column) for rows, column in layers]
        weights = [[[float(w) for w in row] for row in rows] for rows, _ in pairs]
        return weights, [[float(b) for b in column] for _, column in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            "draw_network() takes a perceptron, or for each layer a pair (weights, biases) of "
            "numbers, such as [([n.w for n in layer.neurons], [n.b for n in layer.neurons]) "
            f"for layer in model.layers], not {type(layers).__name__}: {layers!r:.60}"
        ) from None


def _sizes(weights: list[list[list[float]]], biases: list[list[float]]) -> list[int]:
    """How many inputs there are, and how many neurons in each layer."""
    if not weights or not all(rows and rows[0] for rows in weights):
        raise ValueError(
            "draw_network() takes at least one layer, with at least one weight in each"
        )
    sizes = [len(weights[0][0])]
    for layer, (rows, column) in enumerate(zip(weights, biases, strict=True)):
        if {len(row) for row in rows} != {sizes[-1]} or len(column) != len(rows):
            raise ValueError(
                f"layer {layer} has rows of {sorted({len(row) for row in rows})} weights and "
                f"{len(column)} biases; its {len(rows)} neurons with {sizes[-1]} inputs each "
                f"need rows of {sizes[-1]} weights and {len(rows)} biases"
            )
        sizes.append(len(rows))
    return sizes


def _places(column: int, size: int) -> dict[int, Place]:
    """Where the neurons of a layer are that are shown, by their number; -1 stands for the rest."""
    half = MOST_NEURONS // 2
    indices = list(range(size))
    if size > MOST_NEURONS:
        indices[half:-half] = [-1]
    return {index: (column, (len(indices) - 1) / 2 - row) for row, index in enumerate(indices)}


def _extents(
    plot: Plot, names: Sequence[Sequence[str]], places: list[dict[int, Place]]
) -> list[dict[int, float]]:
    """For each layer how wide the names are that are shown, in inches, by the neurons' numbers."""
    sizes = [SMALL, *[SMALL - 1] * (len(names) - 2), SMALL]
    return [
        {i: plot.extent(name, size) for i, name in enumerate(each) if i in layer}
        for each, layer, size in zip(names, places, sizes, strict=True)
    ]


def _room(extents: list[dict[int, float]], tallest: int) -> tuple[float, float, float]:
    """Inches at the left of the inputs, from layer to layer, and at the right of the outputs.

    Names fit in whole, in the fonts that there are.
    """
    widest = [max(layer.values(), default=0.0) for layer in extents]
    beside = (_CIRCLE / 2 + _GAP) / 72 + _PAD / 2
    apart = max([_APART, _flat(tallest), *(width + _PAD for width in widest[1:-1])])
    return max(0.5, beside + widest[0]), apart, max(0.5, beside + widest[-1])


def _flat(rows: int) -> float:
    """Inches between layers with which no edge passes through a circle that is not its end.

    Beside the end of an edge there is a circle one row away, from which the steepest edge is to
    keep a little more than the circle's radius.
    """
    clear = _CIRCLE / 2 / 72 + _CLEAR
    return _ROW * (rows - 1) * clear / math.sqrt(_ROW**2 - clear**2)


def _draw_weights(
    axes: Axes,
    weights: list[list[list[float]]],
    places: list[dict[int, Place]],
    names: list[tuple[float, float, float]],
    colors: Theme,
    largest: float = 0.0,
) -> None:
    every = [w for rows in weights for row in rows for w in row]
    largest = largest or max((abs(w) for w in every if math.isfinite(w)), default=0.0) or 1.0
    thickest = 4.5 * min(1, MOST_WEIGHTS / len(every)) ** 0.4
    for rows, (tails, heads) in zip(weights, pairwise(places), strict=True):
        for head, tail in ((h, t) for h in heads for t in tails if h >= 0 and t >= 0):
            w, (x0, y0), (x1, y1) = rows[head][tail], tails[tail], heads[head]
            share = min(abs(w) / largest, 1.0) if w == w else 1.0
            axes.plot(
                [x0, x1],
                [y0, y1],
                color=colors.sign(w),
                linewidth=0.4 + thickest * share,
                linestyle="-" if w and math.isfinite(w) else ":",
                zorder=1 + share,  # the heaviest on top
            )
        if len(every) <= MOST_WEIGHTS:
            edges = [(t, h) for h in heads for t in tails]
            ends = [(tails[t], heads[h]) for t, h in edges]
            for (tail, head), (x, y) in zip(edges, _label_places(ends, names), strict=True):
                w = rows[head][tail]
                label = axes.text(x, y, short_number(w), color=colors.sign(w), zorder=3)
                label.set(ha="center", va="center", fontsize=SMALL - 1)
                label.set_bbox({"facecolor": colors.page, "edgecolor": "none", "pad": 1})


def _label_places(
    edges: list[tuple[Place, Place]], names: list[tuple[float, float, float]]
) -> list[Place]:
    """Where on each edge its label stands best: clear of other labels, other edges and names.

    A name is the place of its middle and half its width.
    """
    stops = [
        [(x0 + t * (x1 - x0), y0 + t * (y1 - y0)) for t in _STOPS] for (x0, y0), (x1, y1) in edges
    ]
    passed = [
        [
            sum(_crowding(stop, edge) for edge in edges if edge is not own)
            + 10 * any(_covers(name, stop) for name in names)
            for stop in row
        ]
        for own, row in zip(edges, stops, strict=True)
    ]
    chosen = [row[0] for row in stops]
    for index in [*range(len(edges))] * _ROUNDS:
        others = chosen[:index] + chosen[index + 1 :]
        costs = [
            cost + sum(10 * _overlap(stop, other) for other in others)
            for stop, cost in zip(stops[index], passed[index], strict=True)
        ]
        chosen[index] = stops[index][costs.index(min(costs))]
    return chosen


def _overlap(a: Place, b: Place) -> float:
    """How much two labels get in each other's way: 0 if they are apart, 1 at the same place."""
    return max(0.0, 1 - abs(a[0] - b[0]) / _LABEL[0]) * max(0.0, 1 - abs(a[1] - b[1]) / _LABEL[1])


def _covers(name: tuple[float, float, float], label: Place) -> bool:
    """Whether a name and a label get in each other's way."""
    x, y, half = name
    return abs(x - label[0]) < half + _LABEL[0] / 2 and abs(y - label[1]) < _LABEL[1]


def _crowding(label: Place, edge: tuple[Place, Place]) -> float:
    """How much an edge gets in a label's way: 0 if it passes outside, 1 through the middle."""
    (x0, y0), (x1, y1) = edge
    steepness = (y1 - y0) / (x1 - x0)
    distance = abs(y0 + steepness * (label[0] - x0) - label[1])
    return max(0.0, 1 - distance / (_LABEL[1] / 2 + abs(steepness) * _LABEL[0] / 2))


def _draw_neurons(
    axes: Axes,
    biases: list[list[float]],
    places: list[dict[int, Place]],
    colors: Theme,
    size: float = _CIRCLE,
) -> None:
    for column, layer in enumerate(places):
        last = column == len(places) - 1
        surface = colors.input if not column else colors.output if last else colors.computed
        for index, (x, y) in layer.items():
            if index < 0:
                axes.text(x, y, "⋮", fontsize=20, ha="center", va="center")
                continue
            circle = axes.scatter(x, y, s=size**2, zorder=4)
            circle.set(facecolor=surface.fill, edgecolor=surface.stroke, linewidth=1 + last)
            if column:
                bias = biases[column - 1][index]
                text = axes.text(x, y, short_number(bias, 2), color=colors.sign(bias), zorder=5)
                text.set(ha="center", va="center", fontsize=(SMALL - 1) * size / _CIRCLE)


def _name(axes: Axes, place: Place, side: int, name: str, colors: Theme) -> None:
    """Write a neuron's name at its left (-1), at its right (1) or above it (0)."""
    text = axes.annotate(
        name,
        place,
        xytext=(side * (_CIRCLE / 2 + _GAP), 0 if side else _CIRCLE / 2 + 2),
        textcoords="offset points",
        ha={-1: "right", 0: "center", 1: "left"}[side],
        va="center" if side else "bottom",
        fontweight="bold",
        zorder=4,
    )
    if not side:
        text.set(fontsize=SMALL - 1)
        text.set_bbox({"facecolor": colors.page, "edgecolor": "none", "pad": 0.5})
