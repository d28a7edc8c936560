"""Deep or wide: what networks of the same size can learn, what they cost, how they train.

Run it as ``python demos/shapes.py``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, Interval, banded, interval, lesson, shown, table, verdict
    from numpy.typing import NDArray
    from pupil import Pupil

    import viz
    from nn import (
        MLP,
        Adam,
        binary_cross_entropy,
        observe,
        summary,
        train,
    )

DEPTHS = {1: 331, 2: 34, 4: 20, 8: 13, 16: 9, 32: 6}  # hidden layers of so many neurons each
FEW, DEEPEST = 4, 32
WIDTHS, STACKS = (8, 16, 32, 64), (1, 2, 3, 4)  # what is counted
BASE = 8  # neurons of each layer of the network that grows
TURNS, TEST = 2.0, 1000
TASKS = {"spirals": 300, "noisy line": 100}  # how many samples there are to learn from
QUICK, FULL = (8, 150, (1, FEW, DEEPEST)), (20, 400, tuple(DEPTHS))  # seeds, epochs, depths
RATE = 0.01

Array = NDArray[np.float64]


def spirals(rng: np.random.Generator, count: int, turns: float = TURNS) -> tuple[Array, Array]:
    """Points of two spirals that are wound round each other, and of which each is."""
    side = rng.integers(0, 2, count)
    radius = np.sqrt(rng.uniform(size=count))
    angle = (2 * turns * radius + side) * np.pi
    x = 2 * radius * np.array([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(2, count))
    return x.T, side.astype(float)


def noisy_line(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Points on both sides of a line, near which the classes mix: one neuron is the best answer."""
    x = rng.normal(size=(count, 2))
    likely = 1 / (1 + np.exp(-2 * x[:, 0] - x[:, 1]))
    return x, (rng.uniform(size=count) < likely).astype(float)


class Fit(NamedTuple):
    """A network that was trained.

    Attributes:
        train, test: shares of right answers.
        health: the first hidden layer's gradient over the last one's before training, each as the
            root of its mean square; nan of one layer, which is both.
        seconds: for an epoch, on this machine.
    """

    train: float
    test: float
    health: float
    seconds: float


def network(width: int, depth: int, seed: int) -> MLP:
    """A network before training."""
    return MLP(2, [width] * depth + [1], activation="relu", init="he_normal", rng=seed)


@cache
def pupil(width: int, depth: int) -> Pupil:
    """What is trained with every data set."""
    return Pupil(network(width, depth, 0), binary_cross_entropy, lambda p: Adam(p, lr=RATE))


def fit(task: str, depth: int, seed: int, epochs: int) -> Fit:
    """Train a network on all samples at once."""
    draw = spirals if task == "spirals" else noisy_line
    own, others = (
        draw(np.random.default_rng([seed, i]), n) for i, n in ((0, TASKS[task]), (1, TEST))
    )
    one = pupil(DEPTHS[depth], depth)
    one.begin(network(DEPTHS[depth], depth, seed).state_dict())
    model, step = one.model, one.step
    first, *_, last = [
        layer.gradients.norm / math.sqrt(layer.units)
        for layer in (x.statistics() for x in observe(model, binary_cross_entropy, *own)[:-1])
    ] * (2 if depth == 1 else 1)
    step(*own)  # the first one is recorded
    start = time.perf_counter()
    for _ in train(step, *own, epochs=epochs - 1):
        pass
    seconds = (time.perf_counter() - start) / (epochs - 1)
    trained, new = (float(np.mean((model(x).data > 0) == (t > 0))) for x, t in (own, others))
    health = math.nan if depth == 1 else first / last if last else 0.0
    return Fit(trained, new, health, seconds)


# -- what is counted ------------------------------------------------------------------------------


def parameters(width: int, depth: int) -> int:
    """How many parameters a network of two inputs and one output has."""
    return summary(MLP(2, [width] * depth + [1], rng=0)).parameters


def growth() -> tuple[bool, str]:
    """Whether parameters are a square function of width and a linear one of depth; a table."""
    counts = {depth: [parameters(width, depth) for width in WIDTHS] for depth in STACKS}
    square = all(
        counts[depth][i] == (depth - 1) * n * n + (depth + 3) * n + 1
        for depth in STACKS
        for i, n in enumerate(WIDTHS)
    )
    steps = [np.diff(column) for column in zip(*counts.values(), strict=True)]
    linear = all(len(set(step)) == 1 for step in steps)
    rows = [(str(depth), *(f"{n:,}" for n in row)) for depth, row in counts.items()]
    return square and linear, table(["hidden layers", *(f"width {n}" for n in WIDTHS)], rows)


# -- W15 ------------------------------------------------------------------------------------------


def depth_and_width(seed: int, quick: bool) -> Finding:
    """W15."""
    seeds, epochs, depths = QUICK if quick else FULL
    found = {
        task: {d: [fit(task, d, s, epochs) for s in range(seed, seed + seeds)] for d in depths}
        for task in TASKS
    }
    hard, easy = (found[task] for task in TASKS)
    gains = {
        f"spirals: {FEW} layers over 1": gain(hard, FEW, 1),
        f"spirals: {FEW} layers over {DEEPEST}": gain(hard, FEW, DEEPEST),
        f"noisy line: {FEW} layers over 1": gain(easy, FEW, 1),
    }
    gaps = interval(
        [(a.train - a.test) - (b.train - b.test) for a, b in zip(easy[FEW], easy[1], strict=True)]
    )
    counted, counts = growth()
    networks = {d: summary(MLP(2, [DEPTHS[d]] * d + [1], rng=0)) for d in depths}
    seconds = {d: min(r.seconds for r in hard[d]) for d in depths}
    health = {d: health_of(hard[d] + easy[d]) for d in depths if d > 1}
    text = f"""\
Parameters, from two inputs to one output:
{counts}
With n neurons in each of L hidden layers it is (L − 1)·n² + (L + 3)·n + 1: square
in the width, linear in the depth. So a wide network is better made deeper than
twice as wide, but from the second layer on; a single hidden layer grows
linearly, too. At the same number of parameters neither is cheaper:
{
        table(
            ["hidden layers", "parameters", "multiply-adds", "outputs to keep", "ms an epoch"],
            [
                (
                    f"{d} of {DEPTHS[d]}",
                    f"{networks[d].parameters:,}",
                    f"{(networks[d].forward or 0) + (networks[d].backward or 0):,}",
                    d * DEPTHS[d],
                    f"{seconds[d] * 1e3:.2f}",
                )
                for d in depths
            ],
        )
    }
(Multiply-adds and outputs of one sample; the time is that of {TASKS["spirals"]} on
this machine, and other machines have others.)

What they learn, ReLU with He's start, {epochs} steps of Adam, {seeds} data sets
of each task; shares of right answers on {TEST:,} new samples:
{
        table(
            ["hidden layers", *TASKS, "its train share", "gradient, first/last"],
            [
                (
                    f"{d} of {DEPTHS[d]}",
                    interval([r.test for r in hard[d]]),
                    interval([r.test for r in easy[d]]),
                    f"{np.mean([r.train for r in easy[d]]):.3f}",
                    shown(health[d]) if d > 1 else "",
                )
                for d in depths
            ],
        )
    }

Data set by data set:
{table(["", "more right answers"], list(gains.items()))}
Two spirals, wound {TURNS:g} times, take folds of folds, and depth pays, up to a few
layers. In {DEEPEST} layers the gradient is lost on its way back, and with it everything.
Where one neuron is the best answer, {FEW} layers only learn the noise by heart: their
train and test share are further apart than those of one by {gaps}."""
    pays, sinks, everywhere = (x.mean > x.margin for x in gains.values())
    return Finding(
        verdict(
            counted and pays,
            "the task needs it and gradients get through: a few layers, not many"
            if sinks and not everywhere
            else "",
        ),
        text,
        {f"right answers, {t}, {d} of {DEPTHS[d]}": str(interval([r.test for r in runs]))
         for t in TASKS for d, runs in found[t].items()}
        | {f"more right answers, {name}": str(x) for name, x in gains.items()}
        | {f"noisy line: gap of train and test, {FEW} layers less 1": str(gaps)}
        | {f"gradient, first over last of {d} layers": x for d, x in health.items()}
        | {f"parameters, {d} of {DEPTHS[d]}": x.parameters for d, x in networks.items()},
        [
            ("w15-depth.svg", lambda dark: draw_depth(found, dark),
             "right answers of networks of the same size, with intervals: a few layers are best, "
             "where depth is needed"),
            ("w15-gradient.svg", lambda dark: draw_health(health, dark),
             "how much of the last hidden layer's gradient arrives at the first one"),
            ("w15-parameters.svg", draw_growth,
             "wider costs with the square, deeper by the same each time"),
        ],
    )  # fmt: skip


def gain(runs: dict[int, list[Fit]], better: int, worse: int) -> Interval:
    """How many more right answers one depth has than another, data set by data set."""
    pairs = zip(runs[better], runs[worse], strict=True)
    return interval([a.test - b.test for a, b in pairs])


def health_of(runs: Sequence[Fit]) -> float:
    """The middle one of all networks: some have a layer that lets nothing through."""
    return float(np.median([r.health for r in runs]))


def draw_depth(found: dict[str, dict[int, list[Fit]]], dark: bool) -> Any:
    """Right answers against depth."""
    measured = {
        task: {d: interval([r.test for r in runs]) for d, runs in by_depth.items()}
        for task, by_depth in found.items()
    }
    return viz.draw_curve(
        **banded(measured),
        x_label="hidden layers, at the same number of parameters",
        y_label="right answers on the test set",
        x_log=True,
        dark=dark,
    )


def draw_health(health: dict[int, float], dark: bool) -> Any:
    """The gradient of the first hidden layer over that of the last, against depth."""
    return viz.draw_curve(
        {"He, ReLU": list(health.items())},
        x_label="hidden layers, at the same number of parameters",
        y_label="gradient, first layer over last",
        log=True,
        x_log=True,
        dark=dark,
    )


def draw_growth(dark: bool) -> Any:
    """Parameters, if a network of 2 layers becomes so many times as wide or as deep."""
    times = range(1, 9)
    series = {
        "wider": [(k, parameters(BASE * k, 2)) for k in times],
        "deeper": [(k, parameters(BASE, 2 * k)) for k in times],
    }
    return viz.draw_curve(
        series,
        x_label=f"so many times 2 hidden layers of {BASE} neurons",
        y_label="parameters",
        dark=dark,
    )


CLAIMS = [
    Claim(
        "W15",
        "Depth against width",
        "Depth makes a network learn more complex functions, though it is harder to train and "
        "overfits more easily. Parameters grow with the square of the width but linearly with the "
        "depth, so that depth is cheaper, and is what one adds first.",
        depth_and_width,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
