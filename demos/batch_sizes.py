"""The batch size: how noisy a gradient is, what an epoch costs and brings, and who leaves a ridge.

Run it as ``python demos/batch_sizes.py``.
"""

from __future__ import annotations

import math
import random
import time
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
        banded,
        factor,
        interval,
        lesson,
        log_ratio,
        shown,
        table,
        verdict,
    )
    from numpy.typing import NDArray
    from pupil import Pupil
    from rates import samples

    import viz
    from nn import MLP, SGD, batches, mean_squared_error, replayed, train, training_step

SAMPLES, TEST, NOISE, WORST = 256, 200, 0.1, 1.0
SIZES = (4, 16, 64, 256)
RATES = (0.1, 0.3)  # among which each batch size has its own, by data sets apart
UPDATES = 480  # what "as many updates" are
HIDDEN, NEURONS = [24], 32  # of the networks that learn; of the one on the ridge
EPOCHS = 30
STEPS, LOOKS, RIDGE_RATE = 700, 50, 0.03  # the loss on the ridge is looked at so many times
BESIDE = 0.001  # how far from the ridge all samples at once are started, too
QUICK, FULL = (8, 40, 2, (4, 256)), (20, 300, 4, SIZES)  # seeds, draws, to choose rates with, sizes
SEARCH = 10_000  # seeds of the data sets to choose rates with are that far from the others

Array = NDArray[np.float64]


# -- noise ----------------------------------------------------------------------------------------


def noise(seed: int, draws: int) -> tuple[dict[int, float], float]:
    """The variance of a batch's gradient over many draws, by batch size, and that of one sample's.

    Variances are summed over all parameters.
    """
    one, (x, t) = pupil(), samples(seed, SAMPLES, NOISE)
    one.begin(network(seed).state_dict())
    one.optimiser.lr = 0.0
    model, step = one.model, one.step

    def gradient(chosen: Any) -> Array:
        step(x[chosen], t[chosen])
        return np.array(model.buffer.whole.grad)

    each = np.array([gradient([i]) for i in range(SAMPLES)])
    whole, own = gradient(range(SAMPLES)), float(each.var(axis=0, ddof=1).sum())
    rng = np.random.default_rng(seed)
    found = {
        size: float(np.mean([
            np.sum((gradient(rng.choice(SAMPLES, size, replace=False)) - whole) ** 2)
            for _ in range(draws)
        ]))
        for size in SIZES
    }  # fmt: skip
    return found, own


def theory(own: float, size: int) -> float:
    """The variance of the mean of a batch that is drawn without replacement.

    Source: W. Cochran, *Sampling techniques*, 1977, theorem 2.2.
    """
    return own / size * (1 - size / SAMPLES)


def network(seed: int) -> MLP:
    """A network before training."""
    return MLP(2, [*HIDDEN, 1], activation="tanh", init="xavier_uniform", rng=seed)


@cache
def pupil() -> Pupil:
    """What is trained at all rates, with all data sets and in batches of all sizes."""
    return Pupil(network(0), mean_squared_error, lambda p: SGD(p, lr=RATES[0]))


# -- training -------------------------------------------------------------------------------------


class Fit(NamedTuple):
    """Mean squared errors after training, of the samples and of the function itself; the time."""

    train: float
    test: float
    seconds: float


@np.errstate(all="ignore")  # at some rates it runs away, as it may
def fit(seed: int, size: int, rate: float, epochs: int) -> Fit:
    """Train a network by plain SGD."""
    one, (x, t) = pupil(), samples(seed, SAMPLES, NOISE)
    one.begin(network(seed).state_dict())
    one.optimiser.lr = rate
    model, step = one.model, one.step
    step(x[:size], t[:size])  # the first one is recorded
    start = time.perf_counter()
    for _ in train(step, x, t, epochs=epochs, batch_size=size, rng=seed):
        pass
    seconds = (time.perf_counter() - start) / epochs
    new, truth = samples(seed + 1_000_000, TEST, 0.0)
    errors = (float(np.mean((model(a).data - b) ** 2)) for a, b in ((x, t), (new, truth)))
    own, others = (error if error < WORST else WORST for error in errors)
    return Fit(own, others, seconds)


def tuned(seeds: Sequence[int], size: int, epochs: int, count: int) -> tuple[float, list[Fit]]:
    """The best rate for this batch size, by other data sets, and trainings with it."""
    apart = range(seeds[0] + SEARCH, seeds[0] + SEARCH + count)
    worst = {rate: max(fit(s, size, rate, epochs).train for s in apart) for rate in RATES}
    rate = min(RATES, key=worst.__getitem__)
    return rate, [fit(s, size, rate, epochs) for s in seeds]


# -- the ridge ------------------------------------------------------------------------------------


def ridge(seed: int, size: int, beside: float = 0.0) -> list[float]:
    """The loss on all samples, step by step, of a network that starts on a ridge of its loss.

    The target |x₁ − x₂| does not change if the inputs change places, and with each sample its
    mirror image is there. Where each hidden neuron weighs both inputs alike, the gradient for all
    samples leads along the ridge of such networks, none of which is good; that for some does not.
    """
    half = np.random.default_rng(seed).normal(size=(SAMPLES // 2, 2))
    x = np.concatenate([half, half[:, ::-1]])
    t = np.abs(x[:, 0] - x[:, 1])
    model = MLP(2, [NEURONS, 1], activation="relu", init="he_normal", rng=seed).vectorized()
    p = model.layers[0].p
    start = np.array(p.data)
    start[:, 1] = start[:, 0] + beside
    p.data = start
    optimiser = SGD(model.parameters(), lr=RIDGE_RATE)
    step = replayed(training_step(model, mean_squared_error, optimiser))
    losses: list[float] = []
    rng, done = random.Random(seed), 0
    while done < STEPS:
        for xs, ts in batches(x, t, size, rng):
            if done % (STEPS // LOOKS) == 0 and len(losses) < LOOKS:
                losses.append(float(np.mean((model(x).data - t) ** 2)))
            step(xs, ts)
            done += 1
    return [*losses, float(np.mean((model(x).data - t) ** 2))]


# -- W21 ------------------------------------------------------------------------------------------


def batch_size(seed: int, quick: bool) -> Finding:
    """W21."""
    count, draws, apart, sizes = QUICK if quick else FULL
    seeds = range(seed, seed + count)
    small, large = min(sizes), max(sizes)
    variances = [noise(s, draws) for s in seeds]
    scatter = {
        size: interval([math.log(found[size] / theory(own, size)) for found, own in variances])
        for size in SIZES[:-1]
    }
    shares = {size: middle([f[size] / f[SIZES[0]] for f, _ in variances]) for size in scatter}
    epochs = {size: tuned(seeds, size, EPOCHS, apart) for size in sizes}
    updates = {size: tuned(seeds, size, UPDATES * size // SAMPLES, apart) for size in sizes}
    fits = {
        "epochs": ratio(epochs[large][1], epochs[small][1]),
        "updates": ratio(updates[large][1], updates[small][1]),
    }
    starts = {f"{size} on the ridge": (size, 0.0) for size in sizes}
    starts[f"{large} beside it"] = large, BESIDE
    ways = {name: [ridge(s, *start) for s in seeds] for name, start in starts.items()}
    last = {name: [run[-1] for run in runs] for name, runs in ways.items()}
    escape = log_ratio(last[f"{large} on the ridge"], last[f"{small} on the ridge"])
    beside = log_ratio(last[f"{large} on the ridge"], last[f"{large} beside it"])
    text = f"""\
A gradient of B samples, drawn without replacement from {SAMPLES}: its variance over {draws}
draws, over S²/B·(1 − B/{SAMPLES}), with S² that of single samples; {count} networks:
{
        table(
            ["B", "measured over theory", "noise, in shares of B = 4"],
            [
                (
                    str(size),
                    factor(x),
                    f"{shares[size]:.4f}",
                )
                for size, x in scatter.items()
            ]
            + [(str(SAMPLES), "", "0: all samples")],
        )
    }
So four times as many samples leave a quarter of the variance, half of the typical error;
the last factor is there because few samples are left to be drawn.

Plain SGD on {SAMPLES} noisy values of a wavy function, each batch size at its own best of the
rates {", ".join(map(shown, RATES))}, chosen with {apart} data sets and judged with {count} others;
errors after {EPOCHS} epochs, and then after {UPDATES} updates:
{
        table(
            ["B", "updates an epoch", "ms an epoch", *("rate", "train", "test") * 2],
            [
                (
                    str(size),
                    SAMPLES // size,
                    f"{min(r.seconds for r in epochs[size][1]) * 1e3:.2f}",
                    *(
                        cell
                        for rate, runs in (epochs[size], updates[size])
                        for cell in (
                            shown(rate),
                            f"{middle([r.train for r in runs]):.4f}",
                            f"{middle([r.test for r in runs]):.4f}",
                        )
                    ),
                )
                for size in sizes
            ],
        )
    }
(The time is that of this machine, and decides nothing here.) After as many epochs the
train error of {large} is {factor(fits["epochs"])} times that of {small}, which
has made {large // small} times as many updates. After as many updates, which cost {
        large // small
    } times
as many samples, it is {factor(fits["updates"])} times that of {small}: accurate gradients
do pay.

Started exactly on a ridge, where the gradient of all samples together leads along it,
the loss after {STEPS} updates:
{table(["B", "loss"], [(name, f"{middle(xs):.4f}") for name, xs in last.items()])}
All samples at once never leave it: their loss is {factor(escape)} times
that of {small}, whose gradients point beside it. But a start beside the ridge, by {BESIDE:g}, is
enough for them to leave, too: it divides their loss by {factor(beside)}."""
    noisy = all(x.covers(0.0) for x in scatter.values())
    return Finding(
        verdict(
            noisy and all(x.mean > x.margin for x in (fits["epochs"], escape)),
            "counted in epochs: after as many updates the larger batch fits better"
            if fits["updates"].mean < -fits["updates"].margin
            else "",
        ),
        text,
        {f"variance over theory, B = {size}": factor(x) for size, x in scatter.items()}
        | {f"train error after as many {n}, {large} over {small}": factor(x)
           for n, x in fits.items()}
        | {f"test error after {EPOCHS} epochs, B = {size}": middle([r.test for r in runs])
           for size, (_, runs) in epochs.items()}
        | {f"test error after {UPDATES} updates, B = {size}": middle([r.test for r in runs])
           for size, (_, runs) in updates.items()}
        | {f"loss on the ridge, {large} over {small}": factor(escape)}
        | {f"loss, {large} on the ridge over beside it": factor(beside)},
        [
            ("w21-noise.svg", lambda dark: draw_noise(variances, dark),
             "the variance of a batch's gradient and the theory of it, first network"),
            ("w21-error.svg", lambda dark: draw_errors(epochs, updates, dark),
             "train error against batch size, after as many epochs and after as many updates"),
            ("w21-ridge.svg", lambda dark: draw_ridge(ways, dark),
             "small batches leave a ridge, all samples at once stay on it unless they start "
             "beside it"),
        ],
    )  # fmt: skip


def ratio(above: Sequence[Fit], below: Sequence[Fit]) -> Interval:
    """The logarithm of a ratio of train errors, data set by data set."""
    return log_ratio([a.train for a in above], [b.train for b in below])


def middle(xs: Sequence[float]) -> float:
    """The geometric mean."""
    return math.exp(float(np.mean(np.log(xs))))


def draw_noise(variances: Sequence[tuple[dict[int, float], float]], dark: bool) -> Any:
    """Variances against batch size."""
    found, own = variances[0]
    return viz.draw_curve(
        {"measured": [(size, found[size]) for size in SIZES[:-1]]},
        theory={"measured": [(size, theory(own, size)) for size in (4, 8, 16, 32, 64, 128)]},
        remark="dashed: S²/B·(1 − B/N)", x_label="batch size", y_label="variance of the gradient",
        log=True, x_log=True, dark=dark,
    )  # fmt: skip


def draw_errors(epochs: dict[int, Any], updates: dict[int, Any], dark: bool) -> Any:
    """Train errors against batch size."""
    logs = {
        f"as many {name}": {
            size: interval([math.log(r.train) for r in runs]) for size, (_, runs) in by_size.items()
        }
        for name, by_size in (("epochs", epochs), ("updates", updates))
    }
    drawn = banded(logs)
    return viz.draw_curve(
        {name: [(x, math.exp(y)) for x, y in ys] for name, ys in drawn["series"].items()},
        bands={name: np.exp(edges) for name, edges in drawn["bands"].items()},
        x_label="batch size", y_label="train error", log=True, x_log=True, dark=dark,
    )  # fmt: skip


def draw_ridge(ways: dict[str, list[list[float]]], dark: bool) -> Any:
    """The geometric mean of the losses, update by update."""
    series = {
        name: [(i * STEPS // LOOKS, middle(xs)) for i, xs in enumerate(zip(*runs, strict=True))]
        for name, runs in ways.items()
    }
    return viz.draw_curve(
        series, x_label="update", y_label="loss on all samples", log=True, dark=dark
    )


CLAIMS = [
    Claim(
        "W21",
        "The batch size",
        "Large batches have accurate gradients and use the machine well. Small ones are misled "
        "less by local minima and saddle points, make more updates in an epoch and fit better, "
        "but compute less efficiently.",
        batch_size,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
