"""Where weights start: all equal, Xavier, He, and what becomes of variances in deep networks.

Run it as ``python demos/initialisation.py``.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, Interval, interval, lesson, table, verdict
    from numpy.typing import NDArray

    import viz
    from engine import Tensor
    from engine.operators import FUNCTIONS
    from nn import INITIALISERS, MLP, SGD, constant, mean_squared_error, train, training_step
    from nn.vectorized import VectorizedLayer

POINTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
TARGETS = [0.0, 1.0, 1.0, 0.0]
HIDDEN, STEPS = 4, 1000
NUDGE = 1e-6
SHAPES = ((64, 64), (100, 25), (20, 80))  # (n_in, n_out) of layers whose weights are drawn
DEPTH, BATCH = 20, 128
QUICK, FULL = (8, 32), (20, 64)  # how many seeds, how wide the layers are

Array = NDArray[np.float64]


# -- W16 ------------------------------------------------------------------------------------------


class Course(NamedTuple):
    """A network that was trained on XOR.

    Attributes:
        spread: after each step, how far a hidden neuron's numbers are from those of the first.
        distinct: how many different hidden neurons there are in the end, to the last bit.
        moved: whether the hidden neurons' numbers have moved at all.
        loss: the last loss.
    """

    spread: list[float]
    distinct: int
    moved: bool
    loss: float


def learn(seed: int, nudge: float = 0.0, **options: Any) -> Course:
    """Train for a thousand steps."""
    model = MLP(2, [HIDDEN, 1], rng=seed, **options)
    model.layers[0].neurons[0].w[0].data += nudge
    before = rows(model)
    optimiser = SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = training_step(model, mean_squared_error, optimiser)
    spread, loss = [spread_of(model)], math.nan
    for loss in train(step, POINTS, TARGETS, epochs=STEPS):  # noqa: B007
        spread.append(spread_of(model))
    return Course(spread, len(set(rows(model))), rows(model) != before, loss)


def rows(model: MLP) -> list[tuple[float, ...]]:
    """All numbers of each hidden neuron: its weights, its bias, its weight in the output."""
    (output,) = model.layers[1].neurons
    return [
        (*(w.data for w in neuron.w), neuron.b.data, out.data)
        for neuron, out in zip(model.layers[0].neurons, output.w, strict=True)
    ]


def spread_of(model: MLP) -> float:
    """The largest distance from the first hidden neuron's numbers."""
    first, *others = rows(model)
    return max(abs(a - b) for row in others for a, b in zip(first, row, strict=True))


def symmetry(seed: int, quick: bool) -> Finding:
    """W16."""
    zeros: dict[str, Any] = {"init": "zeros"}
    courses = {
        "zeros, sigmoid": learn(seed, activation="sigmoid", **zeros),
        "zeros, tanh": learn(seed, activation="tanh", **zeros),
        "zeros, ReLU": learn(seed, activation="relu", **zeros),
        "all ½, tanh": learn(seed, activation="tanh", init=constant(0.5)),
        "all ½, one weight off": learn(seed, NUDGE, activation="tanh", init=constant(0.5)),
        "all ½, dropout": learn(seed, activation="tanh", init=constant(0.5), dropout=0.2),
        "Xavier, tanh": learn(seed, activation="tanh", init="xavier_uniform"),
    }
    alike, broken = list(courses.values())[:4], list(courses.values())[4:]
    head = ["start", "different neurons", "largest distance", "hidden weights moved", "loss"]
    lines = [
        (name, f"{c.distinct} of {HIDDEN}", c.spread[-1], "yes" if c.moved else "no", c.loss)
        for name, c in courses.items()
    ]
    text = f"""\
A 2-{HIDDEN}-1 network learns XOR for {STEPS} steps. Neurons count as different if one
bit of their weights differs:

{table(head, lines)}

Equal neurons get equal gradients, so they stay one neuron, written {HIDDEN} times.
With zeros and a function through 0 not even that one learns: both layers'
gradients have a factor 0. Any difference breaks the symmetry: one weight off
by {NUDGE:g}, a mask of dropout, a random start."""
    return Finding(
        verdict(
            all(c.distinct == 1 and c.spread[-1] == 0 for c in alike)
            and all(c.distinct > 1 for c in broken)
        ),
        text,
        {f"different neurons: {name}": c.distinct for name, c in courses.items()}
        | {f"loss: {name}": c.loss for name, c in courses.items()},
        [("w16-spread.svg", lambda dark: draw_spread(courses, dark), "how far neurons are apart")],
    )


def draw_spread(courses: dict[str, Course], dark: bool) -> Any:
    """Distances over training; those that stay 0 are on the axis below."""
    names = ["all ½, tanh", "all ½, one weight off", "all ½, dropout", "Xavier, tanh"]
    series = {name: [x or 1e-9 for x in courses[name].spread] for name in names}
    series["all ½, tanh: exactly 0"] = series.pop(names[0])
    return viz.draw_curve(
        series, x_label="step", y_label="largest distance of two neurons", log=True, dark=dark
    )


# -- W17 and W18 ----------------------------------------------------------------------------------


def weight_variance(init: str, shape: tuple[int, int], seeds: Sequence[int]) -> Interval:
    """The variance of a layer's weights, about their mean 0, over several layers drawn."""
    nin, nout = shape
    variances = []
    for seed in seeds:
        rng = random.Random(seed)
        drawn = np.array([INITIALISERS[init](nin, nout, rng) for _ in range(nin * nout)])
        variances.append(float(np.mean(drawn**2)))
    return interval(variances)


def through(init: str, activation: str, width: int, seed: int) -> tuple[Array, Array]:
    """Mean squares per layer, of what goes forward and of the gradients that come back.

    The first of each is that of the network's input. No activation's name stands for none.
    """
    draw, rng = random.Random(seed), np.random.default_rng(seed)
    passed = [Tensor(rng.normal(size=(BATCH, width)))]
    for _ in range(DEPTH):
        drawn = [INITIALISERS[init](width, width, draw) for _ in range(width * width)]
        weights = np.reshape(drawn, (width, width))
        p = Tensor(np.column_stack([weights, np.zeros(width)]))
        passed.append(VectorizedLayer(p, FUNCTIONS.get(activation))(passed[-1]))
    (passed[-1] * rng.normal(size=(BATCH, width))).sum().backward()
    squares = [[float(np.mean(x**2)) for x in xs] for xs in
               ([h.data for h in passed], [np.asarray(h.grad) for h in passed])]  # fmt: skip
    return np.array(squares[0]), np.array(squares[1])


def factors(
    init: str, activation: str, width: int, seeds: Sequence[int]
) -> tuple[Interval, Interval, Any]:
    """By how much one layer multiplies mean squares, forward and backward; and all the runs."""
    runs = [through(init, activation, width, seed) for seed in seeds]
    forward = interval([float((f[-1] / f[1]) ** (1 / (DEPTH - 1))) for f, _ in runs])
    backward = interval([float((b[0] / b[-2]) ** (1 / (DEPTH - 1))) for _, b in runs])
    return forward, backward, runs


def xavier(seed: int, quick: bool) -> Finding:
    """W17."""
    count, width = QUICK if quick else FULL
    seeds = range(seed, seed + count)
    lines, right = [], []
    for init in ("xavier_normal", "xavier_uniform"):
        for shape in SHAPES:
            found, theory = weight_variance(init, shape, seeds), 2 / sum(shape)
            lines.append((init, f"{shape[0]} → {shape[1]}", theory, found))
            right.append(found.covers(theory))
    deep = {
        "uniform ±1, tanh": factors("uniform", "tanh", width, seeds),
        "Xavier, tanh": factors("xavier_normal", "tanh", width, seeds),
        "Xavier, linear": factors("xavier_normal", "", width, seeds),
    }
    kept = {
        f"{nin} → {nout}": (2 * nin / (nin + nout), 2 * nout / (nin + nout)) for nin, nout in SHAPES
    }
    text = f"""\
Variance of the weights, over {len(seeds)} layers drawn:
{table(["", "n_in → n_out", "2/(n_in + n_out)", "measured"], lines)}

What such a layer multiplies a variance with, before its activation: n_in·Var w
forward, n_out·Var w backward. Both are 1 only where n_in = n_out; elsewhere
Xavier is the compromise between them:
{table(["n_in → n_out", "forward", "backward"], [(k, *v) for k, v in kept.items()])}

{DEPTH} layers of {width} neurons, {len(seeds)} starts. What one layer multiplies
a mean square with:
{table(["start", "forward", "backward"], [(k, v[0], v[1]) for k, v in deep.items()])}
A linear network keeps both, as the theory has it, which takes tanh(z) for z.
tanh itself takes a little in each layer, which a gain can give back. Uniform
±1, which looks at no widths, drives tanh to its ends and gradients with it."""
    expected = {"Xavier, linear": 1.0}
    kept_both = all(x.covers(1) for x in deep["Xavier, linear"][:2])
    return Finding(
        verdict(all(right) and kept_both, "n_in = n_out: elsewhere it is a compromise"),
        text,
        deep_numbers(deep) | {f"Var w, {a}, {b}": str(found) for a, b, _, found in lines},
        [
            (
                "w17-forward.svg",
                lambda dark: draw_depth(deep, 0, expected, dark),
                "forward, from the input at the left: the mean square of each layer's outputs",
            ),
            (
                "w17-backward.svg",
                lambda dark: draw_depth(deep, 1, expected, dark),
                "backward, from the right: the mean square of the gradients of those outputs",
            ),
        ],
    )


def he(seed: int, quick: bool) -> Finding:
    """W18."""
    count, width = QUICK if quick else FULL
    seeds = range(seed, seed + count)
    lines, right = [], []
    for init in ("he_normal", "he_uniform"):
        for shape in SHAPES:
            found, theory = weight_variance(init, shape, seeds), 2 / shape[0]
            lines.append((init, f"{shape[0]} → {shape[1]}", theory, found))
            right.append(found.covers(theory))
    deep = {
        "Xavier": factors("xavier_normal", "relu", width, seeds),
        "He": factors("he_normal", "relu", width, seeds),
    }
    expected = {"Xavier": 0.5, "He": 1.0}
    halved = all(0.4 < x.mean < 0.6 for x in deep["Xavier"][:2])
    kept = all(0.8 < x.mean < 1.2 for x in deep["He"][:2])
    text = f"""\
Variance of the weights, over {len(seeds)} layers drawn:
{table(["", "n_in → n_out", "2/n_in", "measured"], lines)}

{DEPTH} ReLU layers of {width} neurons, {len(seeds)} starts. What one layer multiplies
a mean square with:
{table(["start", "forward", "backward"], [(k, v[0], v[1]) for k, v in deep.items()])}
ReLU passes half of it, so after {DEPTH} layers Xavier leaves about 1/{2**DEPTH:,} of it;
twice the variance makes up for that. (Between equal widths twice Xavier is
2/n_in; otherwise He looks at n_in alone.)"""
    return Finding(
        verdict(all(right) and halved and kept),
        text,
        deep_numbers(deep) | {f"Var w, {a}, {b}": str(found) for a, b, _, found in lines},
        [
            (
                "w18-forward.svg",
                lambda dark: draw_depth(deep, 0, expected, dark),
                "forward, from the input at the left: the mean square of each layer's outputs",
            ),
            (
                "w18-backward.svg",
                lambda dark: draw_depth(deep, 1, expected, dark),
                "backward, from the right: the mean square of the gradients of those outputs",
            ),
        ],
    )


def deep_numbers(deep: dict[str, Any]) -> dict[str, float | str]:
    """The factors of one layer, with their intervals."""
    return {
        f"factor of one layer, {name}, {way}": str(found[i])
        for name, found in deep.items()
        for i, way in enumerate(("forward", "backward"))
    }


def draw_depth(deep: dict[str, Any], way: int, expected: dict[str, float], dark: bool) -> Any:
    """Mean squares against depth, beside what a factor expected of each layer makes of them."""
    layers = np.arange(DEPTH + 1)
    theory = {
        name: (factor ** (layers if not way else DEPTH - layers)).tolist()
        for name, factor in expected.items()
    }
    label = ("mean square of the outputs", "mean square of the gradients")[way]
    runs = {name: [run[way] for run in found[2]] for name, found in deep.items()}
    return viz.draw_depth(runs, theory=theory, first=0, y_label=label, dark=dark)


CLAIMS = [
    Claim(
        "W16",
        "Starting from equal weights",
        "If all weights start at 0, all neurons of a layer get the same gradient in every step "
        "and stay the same for ever; the layer's width is worth nothing.",
        symmetry,
    ),
    Claim(
        "W17",
        "Xavier initialisation",
        "Weights of variance 2/(n_in + n_out), normal or uniform in ±√(6/(n_in + n_out)), keep "
        "the variance of what goes forward and of the gradients that come back about the same "
        "from layer to layer; exactly both only where n_in = n_out.",
        xavier,
    ),
    Claim(
        "W18",
        "He initialisation",
        "ReLU makes half of its inputs 0 and so halves the variance; He initialisation, of "
        "variance 2/n_in, makes up for that, and deep ReLU networks keep their signals and "
        "gradients.",
        he,
    ),
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
