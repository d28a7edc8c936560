"""Weights that are kept small and neurons that are dropped: what they are equal to, and when.

Run it as ``python demos/regularisation.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import (
        Claim,
        Finding,
        Interval,
        factor,
        interval,
        lesson,
        log_ratio,
        table,
        verdict,
    )
    from numpy.typing import NDArray

    import viz
    from nn import MLP, SGD, Adam, AdamW, mean_squared_error, train, training_step
    from nn.vectorized import VectorizedLayer

FEATURES, TRAIN, TEST, NOISE = 3, 100, 400, 0.5
HIDDEN = 8  # neurons of the network whose weights decay
SMALL, MIDDLE, LARGE = 1, 4, 64  # hidden neurons of networks that underfit, fit and overfit
QUICK, FULL = (8, 600), (20, 3000)  # data sets, and epochs of each training
PLACES = 100  # of a training where losses are measured
DECAY = 0.01  # k
STRENGTHS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
DROP = 0.5
AT_ONCE, ASKED = 100, 40  # sub-networks; inputs for which they are asked
FAR = 4.5  # standard errors: the largest of forty seldom is so large
KINDS: dict[str, tuple[list[int], str]] = {  # widths of hidden layers and their activation
    "linear, 2 hidden layers": ([8, 8], ""),
    "tanh, 1 hidden layer": ([8], "tanh"),
    "tanh, 2 hidden layers": ([8, 8], "tanh"),
    "ReLU, 2 hidden layers": ([8, 8], "relu"),
}

Array = NDArray[np.float64]


def samples(seed: int, count: int) -> tuple[Array, Array]:
    """Noisy values of a function of three numbers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, FEATURES))
    return x, np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] + NOISE * rng.normal(size=count)


# -- W4 -------------------------------------------------------------------------------------------


def weights(seed: int, epochs: int, optimiser: Any, penalty: float, **options: Any) -> Array:
    """All parameters after training, with a penalty in the loss or with an optimiser's decay."""
    model = MLP(
        FEATURES, [HIDDEN, 1], activation="tanh", init="xavier_uniform", rng=seed
    ).vectorized()
    moves = optimiser(model.parameters(), **options)
    step = training_step(model, mean_squared_error, moves, penalty)
    for _ in train(step, *samples(seed, TRAIN), epochs=epochs):
        pass
    return np.array(model.buffer.whole.data)


def decay(seed: int, quick: bool) -> Finding:
    """W4."""
    epochs = 300 if quick else 2000
    apart = {}
    for name, optimiser, lr in (("SGD", SGD, 0.05), ("Adam", Adam, 0.01), ("AdamW", AdamW, 0.01)):
        penalised = weights(seed, epochs, Adam if optimiser is AdamW else optimiser, DECAY, lr=lr)
        decayed = weights(seed, epochs, optimiser, 0.0, lr=lr, weight_decay=2 * DECAY)
        apart[name] = float(np.abs(penalised - decayed).max())
    sizes = [float(np.linalg.norm(weights(seed, epochs, SGD, k, lr=0.05))) for k in STRENGTHS]
    shrinks = all(a > b for a, b in zip(sizes, sizes[1:], strict=False))
    text = f"""\
A network {FEATURES}-{HIDDEN}-1 learns the {TRAIN} noisy samples of W2. Its weights after {
        epochs
    } steps,
with k·Σw² in the loss (k = {DECAY:g}) or with the optimiser's decay; the derivative of
k·w² is 2k·w, so the decay is 2k:
{
        table(
            ["optimiser", "largest distance of a weight"],
            [
                ("SGD: w shrinks by 2k·rate in each step", f"{apart['SGD']:.1e}"),
                ("Adam: 2k·w added to the gradient", f"{apart['Adam']:.1e}"),
                ("AdamW: w shrinks by 2k·rate in each step", f"{apart['AdamW']:.1e}"),
            ],
        )
    }

To the last digits the same for SGD. Adam divides the gradient by its size, and
the penalty's part with it; AdamW shrinks the weights beside that, which is
another method, not a penalty in the loss.

The norm of all weights against k, after {epochs} steps of SGD:
{table(["k", "‖w‖"], [(f"{k:g}", size) for k, size in zip(STRENGTHS, sizes, strict=True)])}"""
    holds = apart["SGD"] < 1e-12 and apart["AdamW"] > 1e-3 and shrinks
    return Finding(
        verdict(holds, "decay is not decoupled from the gradient: AdamW's is no penalty"),
        text,
        {f"largest distance, penalty and decay: {name}": x for name, x in apart.items()}
        | {f"norm of the weights, k = {k:g}": x for k, x in zip(STRENGTHS, sizes, strict=True)},
        [
            (
                "w04-norm.svg",
                lambda dark: viz.draw_curve(
                    {"‖w‖": list(zip(STRENGTHS, sizes, strict=True))[1:]},
                    theory={"‖w‖": [(k, sizes[0]) for k in STRENGTHS[1:]]},
                    remark="dashed: without a penalty", x_log=True,
                    x_label="k", y_label="norm of all weights", dark=dark,
                ),
                "the larger k, the smaller the weights",
            )
        ],
    )  # fmt: skip


# -- W3 -------------------------------------------------------------------------------------------


def subnetworks(seed: int, kind: str, times: int) -> tuple[Array, Array, Array]:
    """The scaled network's outputs; the mean over sampled sub-networks, and its standard errors."""
    widths, activation = KINDS[kind]
    model: Any = MLP(
        FEATURES, [*widths, 1], activation=activation or "tanh", init="xavier_uniform", rng=seed,
        dropout=DROP,
    ).vectorized()  # fmt: skip
    if not activation:
        model.layers = [VectorizedLayer(layer.p, None) for layer in model.layers]
    x = samples(seed, ASKED)[0]
    repeated = np.repeat(x, AT_ONCE, axis=0)  # each row has a mask of its own
    runs = [model(repeated).data.reshape(len(x), AT_ONCE) for _ in range(times // AT_ONCE)]
    outputs = np.concatenate(runs, axis=1)
    error = outputs.std(axis=1, ddof=1) / math.sqrt(times)
    return np.array(model.eval()(x).data), outputs.mean(axis=1), error


def dropout(seed: int, quick: bool) -> Finding:
    """W3."""
    times = 10_000 if quick else 100_000
    off = {kind: subnetworks(seed, kind, times) for kind in KINDS}
    apart = {
        k: float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2))) for k, (a, b, _) in off.items()
    }
    errors = {k: float(np.max(np.abs(a - b) / error)) for k, (a, b, error) in off.items()}
    exact = {kind: x < FAR for kind, x in errors.items()}
    plain, dropped = (fits(seed, quick, [LARGE], drop)[LARGE] for drop in (0.0, DROP))
    closed = interval([a.gap - b.gap for a, b in zip(plain, dropped, strict=True)])
    better = ratio(plain, dropped, "test")
    text = f"""\
Every hidden output is dropped with probability {DROP:g}. The mean answer of {times:,} sub-
networks against that of the network with all neurons, in evaluation:
{
        table(
            ["network", "apart", "in standard errors, at most", "equal"],
            [
                (k, f"{apart[k]:.2%}", f"{errors[k]:.1f}", "yes" if exact[k] else "no")
                for k in KINDS
            ],
        )
    }
The mean of sums is the sum of means, so a network that is linear from the first
dropped output on averages exactly; tanh or ReLU of a mean is not the mean of it.

Overfitting of a network with {LARGE} hidden neurons, over {len(plain)} data sets (see W2):
{
        table(
            ["", "train", "test", "gap"],
            [loss_row("without", plain), loss_row("with dropout", dropped)],
        )
    }
Dropout makes the gap smaller by {closed}, and the test loss without it
is {factor(better)} times that with it."""
    as_expected = list(exact.values()) == [True, True, False, False]
    return Finding(
        verdict(
            as_expected and closed.mean > closed.margin,
            "the average is taken loosely: it is exact only if all is linear after dropout",
        ),
        text,
        {f"distance of mean and scaled network: {k}": x for k, x in apart.items()}
        | {f"the same in standard errors: {k}": x for k, x in errors.items()}
        | {"gap, without less with dropout": str(closed)}
        | {"test loss, without over with dropout": factor(better)},
        [
            (
                "w03-loss.svg",
                lambda dark: draw_fits({"without": plain, "dropout": dropped}, dark),
                "train and test loss with and without dropout, first data set",
            )
        ],
    )


# -- W2 -------------------------------------------------------------------------------------------


class Fit(NamedTuple):
    """The losses of a network in training, epoch by epoch in a hundred places."""

    own: list[float]
    others: list[float]

    @property
    def train(self) -> float:
        """The last loss on the training set."""
        return self.own[-1]

    @property
    def test(self) -> float:
        """The last loss on the test set."""
        return self.others[-1]

    @property
    def gap(self) -> float:
        """How much worse it is on what it has not seen."""
        return self.test - self.train


def fits(seed: int, quick: bool, sizes: Sequence[int], drop: float = 0.0) -> dict[int, list[Fit]]:
    """Networks of these sizes, trained on several data sets each."""
    seeds, epochs = QUICK if quick else FULL
    return {n: [fit(s, n, epochs, drop) for s in range(seed, seed + seeds)] for n in sizes}


@cache
def fit(seed: int, hidden: int, epochs: int, drop: float) -> Fit:
    """Train one network; both losses are measured with all neurons."""
    model = MLP(
        FEATURES, [hidden, 1], activation="tanh", init="xavier_uniform", rng=seed, dropout=drop
    ).vectorized()
    own, others = samples(seed, TRAIN), samples(seed + 1_000_000, TEST)
    step = training_step(model, mean_squared_error, Adam(model.parameters(), lr=0.03))
    found = Fit([], [])
    for epoch, _ in enumerate(train(step, *own, epochs=epochs), start=1):
        if epoch % (epochs // PLACES) == 0:
            model.eval()
            for losses, (x, t) in ((found.own, own), (found.others, others)):
                losses.append(float(np.mean((model(x).data - t) ** 2)))
            model.train()
    return found


def overfitting(seed: int, quick: bool) -> Finding:
    """W2."""
    sizes = (SMALL, MIDDLE, LARGE)
    found, epochs = fits(seed, quick, sizes), (QUICK if quick else FULL)[1]
    small, middle, large = (found[n] for n in sizes)
    ratios = {
        "train loss, smallest over middle": ratio(small, middle, "train"),
        "test loss, smallest over middle": ratio(small, middle, "test"),
        "train loss, middle over largest": ratio(middle, large, "train"),
        "test loss, largest over middle": ratio(large, middle, "test"),
    }
    text = f"""\
Noisy values of sin(2·x0) + ½·x1, which does not depend on the third input: {TRAIN} samples
to learn from, {TEST} to test with, noise of variance {NOISE**2:.2g}. Networks of one hidden layer,
tanh, {epochs} epochs of Adam; mean squared errors over {len(small)} data sets:
{
        table(
            ["hidden neurons", "train", "test", "gap"],
            [loss_row(str(n), runs) for n, runs in found.items()],
        )
    }

The smallest underfits: both losses are high. The largest overfits: it learns
the noise by heart, below the noise's variance, and pays for it on the test set.
{table(["data set by data set", "ratio"], [(n, factor(x)) for n, x in ratios.items()])}"""
    return Finding(
        verdict(all(x.mean > x.margin for x in ratios.values())),
        text,
        {f"gap, {n} hidden": str(interval([r.gap for r in runs])) for n, runs in found.items()}
        | {name: factor(x) for name, x in ratios.items()},
        [
            (
                "w02-loss.svg",
                lambda dark: draw_fits({f"{n} hidden": runs for n, runs in found.items()}, dark),
                "train and test loss of the three networks, first data set",
            )
        ],
    )


def ratio(above: Sequence[Fit], below: Sequence[Fit], what: str) -> Interval:
    """The logarithm of a ratio of losses, data set by data set: ratios scatter by factors."""
    return log_ratio([getattr(a, what) for a in above], [getattr(b, what) for b in below])


def loss_row(name: str, runs: Sequence[Fit]) -> tuple[object, ...]:
    """Mean losses with their intervals."""
    return name, *(interval([getattr(r, what) for r in runs]) for what in ("train", "test", "gap"))


def draw_fits(found: dict[str, list[Fit]], dark: bool) -> Any:
    """Both losses of each kind of network on its first data set."""
    return viz.draw_curve(
        {name: first.others for name, (first, *_) in found.items()},
        theory={name: first.own for name, (first, *_) in found.items()},
        remark="solid: test, dashed: train",
        x_label="training, in per cent",
        y_label="mean squared error",
        log=True,
        dark=dark,
    )


CLAIMS = [
    Claim(
        "W2",
        "Overfitting and underfitting",
        "A model that is too large for its data has a low loss on what it was trained with and a "
        "high one on everything else; one that is too small has a high loss on both.",
        overfitting,
    ),
    Claim(
        "W3",
        "Dropout",
        "Dropout sets a random part of the hidden outputs to 0 in each step of training. The "
        "network that predicts is the average of all these sub-networks, and overfits less.",
        dropout,
    ),
    Claim(
        "W4",
        "Weight decay",
        "Weight decay adds a penalty k·w² to the loss; the larger k, the smaller the weights.",
        decay,
    ),
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
