"""Gradients that vanish and gradients that explode, layer by layer and step by step.

Run it as ``python demos/gradients.py``.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import WIDTH as LINE
    from claims import Claim, Finding, interval, lesson, table, verdict
    from numpy.typing import NDArray

    import viz
    from engine import Value, detect_anomaly
    from nn import MLP, SGD, mean_squared_error, train, training_step

WIDTH, DEPTH, BATCH = 16, 10, 32
STARTS = (
    ("sigmoid", "xavier_normal"), ("tanh", "xavier_normal"), ("tanh", "lecun_normal"),
    ("relu", "xavier_normal"), ("relu", "he_normal"),
)  # fmt: skip
RATES = (1e-4, 1e-2, 1e-1)
SLOPE = 0.25  # the largest of sigmoid

FEATURES, SAMPLES = 3, 20
RATE, CURED = 0.0042, 2e-5  # of the run that explodes, and of one that does not
CLIP = 3.0  # the largest norm of the gradient in a run that is cured
EPOCHS, EVERY = 200, 20
NOTES = "10⁴ → 10¹⁰³ → 10²⁰¹ → 10²⁹⁹ → inf → inf → inf → nan → nan → nan"  # the losses of its log
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

Array = NDArray[np.float64]


# -- W7 -------------------------------------------------------------------------------------------


def norms(activation: str, init: str, seed: int) -> Array:
    """The norm of the gradient of each layer's weights, of a fresh network on a random batch."""
    model, step = deep(activation, init, seed, 0.0)
    step(*samples(seed))
    return np.array([np.linalg.norm(p.grad) for p in model.parameters()[:-1]])


def deep(activation: str, init: str, seed: int, rate: float) -> tuple[Any, Any]:
    """A deep network, and what trains it."""
    widths = [WIDTH] * DEPTH + [1]
    model = MLP(WIDTH, widths, activation=activation, init=init, rng=seed).vectorized()
    return model, training_step(model, mean_squared_error, SGD(model.parameters(), rate))


def samples(seed: int) -> tuple[Array, Array]:
    """Random inputs and targets."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(BATCH, WIDTH)), rng.normal(size=BATCH)


def vanishing(seed: int, quick: bool) -> Finding:
    """W7."""
    seeds = range(seed, seed + (8 if quick else 20))
    found = {start: [norms(*start, s) for s in seeds] for start in STARTS}
    ratios = {start: interval([ratio(run) for run in runs]) for start, runs in found.items()}
    by_rate = [first_gradients(seed, rate) for rate in RATES]
    same = all(np.array_equal(by_rate[0], other) for other in by_rate[1:])
    losses = [last_loss(seed, rate) for rate in RATES]
    sigmoid, cured = ratios[STARTS[0]], ratios[STARTS[-1]]
    text = f"""\
Networks of {DEPTH} hidden layers of {WIDTH} neurons, {
        len(seeds)
    } random starts of each kind. What one
layer multiplies the gradient's norm with on the way back, and what is left of it
in the first layer:

{
        table(
            ["activation", "start", "per layer", f"after {DEPTH - 1}"],
            [(a, i, r, f"{r.mean ** (DEPTH - 1):.1e}") for (a, i), r in ratios.items()],
        )
    }

The slope of sigmoid is at most {SLOPE}; {DEPTH - 1} of them multiplied are at most {
        SLOPE ** (DEPTH - 1):.1e}.

Does a small learning rate do it? The gradients of the same start, and the loss
after 100 steps:
{
        table(
            ["rate", "norm, first layer", "norm, last hidden layer", "loss after 100 steps"],
            [
                (f"{rate:g}", float(n[0]), float(n[-1]), loss)
                for rate, n, loss in zip(RATES, by_rate, losses, strict=True)
            ],
        )
    }
The gradients are the same to the last bit: {
        "yes" if same else "no"
    }. The rate multiplies the gradient
after it has been computed: a small one makes learning slow, not gradients small."""
    shrinks = sigmoid.mean + sigmoid.margin < 0.5 < cured.mean - cured.margin
    return Finding(
        verdict(
            shrinks and same, "the learning rate is left out: slopes alone make gradients vanish"
        ),
        text,
        {f"factor of one layer, {a}, {i}": str(r) for (a, i), r in ratios.items()}
        | {
            f"norm in the first layer at rate {r:g}": float(n[0])
            for r, n in zip(RATES, by_rate, strict=True)
        }
        | {f"loss after 100 steps at rate {r:g}": x for r, x in zip(RATES, losses, strict=True)},
        [
            (
                "w07-norms.svg",
                lambda dark: draw_norms(found, dark),
                "the gradient's norm in each layer, the first at the left, and all starts' spread",
            ),
            (
                "w07-chain.svg",
                lambda dark: viz.draw(chain(), dark=dark),
                "a chain of sigmoids: an edge is as wide as the gradient that goes back along it",
            ),
            ("w07-steps.html", lambda _: viz.play(chain()), "the same, one step at a time"),
        ],
    )


def ratio(run: Array) -> float:
    """By how much one layer multiplies the norm on the way back."""
    return float((run[0] / run[-1]) ** (1 / (len(run) - 1)))


def first_gradients(seed: int, rate: float) -> Array:
    """The norms in the first step of training with that rate."""
    model, step = deep("sigmoid", "xavier_normal", seed, rate)
    step(*samples(seed))
    return np.array([np.linalg.norm(p.grad) for p in model.parameters()[:-1]])


def last_loss(seed: int, rate: float) -> float:
    """The loss after 100 steps of a ReLU network, whose gradients do not vanish."""
    _, step = deep("relu", "he_normal", seed, rate)
    return list(train(step, *samples(seed), epochs=100))[-1]


def draw_norms(found: Any, dark: bool) -> Any:
    """Norms against layers."""
    series = {f"{a}, {i.removesuffix('_normal')}": runs for (a, i), runs in found.items()}
    return viz.draw_depth(series, y_label="norm of the gradient", dark=dark)


def chain() -> Value:
    """Sigmoid of sigmoid of sigmoid, with its gradients."""
    x = node = Value(0.5, label="x")
    for i in range(1, 5):
        node = node.sigmoid()
        node.label = f"h{i}"
    node.backward()
    assert 0 < x.grad < SLOPE**4
    return node


# -- W8 -------------------------------------------------------------------------------------------


def prices(seed: int) -> tuple[list[list[float]], list[float]]:
    """Samples whose inputs nobody has scaled, as areas in m² and prices in thousands."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(20, 180, size=(SAMPLES, FEATURES))
    targets = inputs @ np.array([2.0, -1.0, 0.5]) + 10 * rng.normal(size=SAMPLES)
    return inputs.tolist(), targets.tolist()


def regression(seed: int, rate: float, **options: Any) -> tuple[MLP, Any]:
    """A linear model, and what trains it."""
    model = MLP(FEATURES, [1], rng=seed)
    return model, training_step(model, mean_squared_error, SGD(model.parameters(), rate), **options)


def course(seed: int, rate: float, **options: Any) -> list[float]:
    """The loss in every epoch."""
    _, step = regression(seed, rate, **options)
    return list(train(step, *prices(seed), epochs=EPOCHS))


def log(losses: Sequence[float]) -> Iterator[str]:
    """The notes' log: their format, in which a large number has all its digits."""
    for epoch in range(0, EPOCHS, EVERY):
        line = f"epoch {epoch}, loss: {losses[epoch]:.5f}"
        yield textwrap.fill(line, LINE, initial_indent="  ", subsequent_indent="  ")


def in_powers(losses: Sequence[float]) -> str:
    """The same numbers as powers of ten."""
    return " → ".join(
        "10" + f"{math.log10(x):.0f}".translate(RAISED) if math.isfinite(x) else str(x)
        for x in losses[::EVERY]
    )


def least_loss(seed: int) -> float:
    """The mean squared error of the best linear model there is."""
    inputs, targets = prices(seed)
    columns = np.column_stack([inputs, np.ones(SAMPLES)])
    weights = np.linalg.lstsq(columns, targets, rcond=None)[0]
    return float(np.mean((columns @ weights - targets) ** 2))


def culprit(seed: int) -> tuple[int, str, bool]:
    """When a node first left the finite numbers, what is said of it, and if weights are finite."""
    model, step = regression(seed, RATE)
    inputs, targets = prices(seed)
    for number in range(EPOCHS):
        try:
            with detect_anomaly():
                step(inputs, targets)
        except FloatingPointError as error:
            finite = all(math.isfinite(p.data) for p in model.parameters())
            return number, str(error), finite
    return EPOCHS, "", True


def exploding(seed: int, quick: bool) -> Finding:
    """W8."""
    losses = course(seed, RATE)
    clipped, slow = course(seed, RATE, clip_norm=CLIP), course(seed, CURED)
    number, said, finite = culprit(seed)
    infinite = next((i for i, x in enumerate(losses) if x == math.inf), EPOCHS)
    undefined = next((i for i, x in enumerate(losses) if math.isnan(x)), EPOCHS)
    growth = (losses[20] / losses[0]) ** (1 / 20)
    least = least_loss(seed)
    text = f"""\
A linear model of {FEATURES} unscaled inputs, {SAMPLES} samples, squared error, learning rate {
        RATE:g}:

{chr(10).join(log(losses))}

The notes' log has the same course:
  here       {in_powers(losses)}
  the notes  {NOTES}
In each step the weights overshoot, and the loss grows {growth:,.0f} times. In epoch {
        infinite
    } it is
larger than the largest float, 1.8e308, though every weight is still {
        "finite" if finite else "infinite"
    }.
Later the weights are infinite, too, and from epoch {undefined} on inf − inf is nan.

Who was first? detect_anomaly() stops in step {number} and says:
{indented(said)}
What it is computed from is finite, it is not: the squares have outgrown the floats.

Cured, after {EPOCHS} epochs:
{
        table(
            ["", "loss"],
            [
                (f"gradients clipped to norm {CLIP:g}", clipped[-1]),
                (f"learning rate {CURED:g}", slow[-1]),
                ("(the best linear model there is)", least),
            ],
        )
    }"""
    boom = losses[0] > 1000 and math.isinf(losses[infinite % EPOCHS]) and undefined < EPOCHS
    cured = clipped[-1] < losses[0] / 10 and slow[-1] < losses[0] / 10
    return Finding(
        verdict(boom and cured and number == infinite),
        text,
        {
            "first loss": losses[0],
            "loss in epoch 20": losses[20],
            "growth of the loss in one step": growth,
            "first epoch with loss inf": infinite,
            "first epoch with loss nan": undefined,
            "step in which a node first left the finite numbers": number,
            "loss in the end, gradients clipped": clipped[-1],
            f"loss in the end, rate {CURED:g}": slow[-1],
            "loss of the best linear model": least,
        },
        [
            (
                "w08-loss.svg",
                lambda dark: viz.draw_curve(
                    {f"rate {RATE:g}": losses, "clipped": clipped, f"rate {CURED:g}": slow},
                    log=True, dark=dark,
                ),
                "the loss that explodes; far below it the same run cured",
            ),
            (
                "w08-cured.svg",
                lambda dark: viz.draw_curve(
                    {"clipped": clipped, f"rate {CURED:g}": slow}, log=True, dark=dark
                ),
                "the cured runs alone: the loss falls",
            ),
        ],
    )  # fmt: skip


def indented(message: str) -> str:
    """The error's lines, without the folder of a file and the end of what is long."""
    lines = re.sub(r"made at: \S*[/\\]", "made at: ", message).splitlines()
    return "\n".join(f"  {textwrap.shorten(line, 76, placeholder=' …')}" for line in lines)


CLAIMS = [
    Claim(
        "W7",
        "Vanishing gradients",
        "On the way back through many layers the slopes of sigmoid are multiplied, so gradients "
        "shrink exponentially and the first layers hardly learn. The notes also blame a small "
        "learning rate.",
        vanishing,
    ),
    Claim(
        "W8",
        "Exploding gradients",
        "With too large a learning rate or too large weights the loss grows exponentially from "
        "step to step, until it is inf and then nan.",
        exploding,
    ),
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
