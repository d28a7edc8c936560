"""The learning rate: how it is found, what schedules change, and optimisers that adapt it.

Run it as ``python demos/rates.py``. A rate is chosen with some data sets and judged with others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    from pupil import Pupil

    import viz
    from nn import (
        MLP,
        SGD,
        AdaGrad,
        Adam,
        CosineAnnealingLR,
        ExponentialLR,
        LinearLR,
        OneCycleLR,
        RMSProp,
        StepLR,
        learning_rate_range_test,
        mean_squared_error,
        train,
    )

OPTIMISERS: dict[str, Callable[..., Any]] = {
    "SGD": SGD,
    "momentum": lambda parameters, lr: SGD(parameters, lr=lr, momentum=0.9),
    "AdaGrad": AdaGrad,
    "RMSProp": RMSProp,
    "Adam": Adam,
}
COARSE = tuple(10.0**k for k in range(-4, 2))  # rates, ten times as high each time
FINE = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the best of them
BATCH, TEST = 32, 200
WORST = 1.0  # an error counts as at most that much; always to answer 0 is better than that
STEPS = 400  # of a range test
HIDDEN = [24, 24]
NOISE = 0.1
PLACES = 12  # of a training where its error is measured
HIGH = 3.0  # times the rate that was found: where schedules start

Array = NDArray[np.float64]


class Size(NamedTuple):
    """How large an experiment is: optimisers, data sets to search and to judge with, the task."""

    names: Sequence[str]
    search: int
    judge: int
    epochs: int
    samples: int
    schedules: Sequence[str]


QUICK = Size(("SGD", "Adam"), 6, 8, 24, 256, ("constant", "cosine", "one-cycle"))
SEARCH = 10_000  # seeds of the data sets to search with are that far from the others

Schedules = dict[str, Callable[[Any, float, int], Any]]  # of an optimiser, its rate, all steps
SCHEDULES: Schedules = {
    "constant": lambda optimiser, rate, steps: LinearLR(optimiser, 1.0, total_iters=1),
    "step": lambda optimiser, rate, steps: StepLR(optimiser, steps // 3, 0.3),
    "exponential": lambda optimiser, rate, steps: ExponentialLR(optimiser, 0.01 ** (1 / steps)),
    "cosine": lambda optimiser, rate, steps: CosineAnnealingLR(optimiser, steps),
    "warm-up": lambda optimiser, rate, steps: LinearLR(optimiser, 0.01, total_iters=steps // 5),
    "one-cycle": lambda optimiser, rate, steps: OneCycleLR(optimiser, rate, steps + 1),
}
FULL = Size(tuple(OPTIMISERS), 6, 12, 60, 512, tuple(SCHEDULES))


def network(seed: int) -> MLP:
    """A network before training."""
    return MLP(2, [*HIDDEN, 1], activation="tanh", init="xavier_uniform", rng=seed)


@cache
def weights(seed: int) -> Any:
    """Those of a network before training."""
    return network(seed).state_dict()


@cache
def pupil(name: str) -> Pupil:
    """What is trained by an optimiser, at all rates and with all data sets."""
    return Pupil(network(0), mean_squared_error, lambda p: OPTIMISERS[name](p, lr=COARSE[0]))


def samples(seed: int, count: int, noise: float) -> tuple[Array, Array]:
    """Values of a wavy function of two numbers, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(count, 2))
    return x, np.sin(3 * x[:, 0]) * np.cos(3 * x[:, 1]) + noise * rng.normal(size=count)


@cache
@np.errstate(all="ignore")  # at some rates it runs away, as it may
def fit(size: Size, seed: int, name: str, rate: float, schedule: str = "") -> list[float]:
    """Train a network; its mean squared distance from the function itself in a few places.

    With a schedule the rate is set anew for each step.
    """
    one, (new, truth) = pupil(name), samples(seed + 1_000_000, TEST, 0.0)
    one.begin(weights(seed))
    one.optimiser.lr = rate
    model, step = one.model, one.step
    if schedule:
        steps = size.epochs * math.ceil(size.samples / BATCH)
        step = paced(step, SCHEDULES[schedule](one.optimiser, rate, steps))
    data = samples(seed, size.samples, NOISE)
    training = train(step, *data, epochs=size.epochs, batch_size=BATCH, rng=seed)
    errors = []
    for epoch, _ in enumerate(training, start=1):
        if epoch % (size.epochs // PLACES) == 0:
            error = float(np.mean((model(new).data - truth) ** 2))
            errors.append(error if error < WORST else WORST)
    return errors


def paced(step: Any, schedule: Any) -> Any:
    """The step and then the schedule's."""

    def both(inputs: Any, targets: Any) -> float:
        loss = float(step(inputs, targets))
        schedule.step()
        return loss

    return both


# -- W20 ------------------------------------------------------------------------------------------


class Search(NamedTuple):
    """A search for a rate with one optimiser.

    Attributes:
        tried: by rate the logarithm of the error, and how far data sets are from their middle.
        coarse, fine: the best rate of each round, by the data set that it does worst with.
    """

    tried: dict[float, Interval]
    coarse: float
    fine: float


def search(size: Size, seed: int, name: str) -> Search:
    """First rates ten times as high each time, then some around the best of them."""
    tried: dict[float, Interval] = {}
    seeds = range(seed + SEARCH, seed + SEARCH + size.search)

    def best(rates: Sequence[float]) -> float:
        for rate in rates:
            if rate not in tried:
                errors = [math.log(fit(size, s, name, rate)[-1]) for s in seeds]
                low, high = min(errors), max(errors)
                tried[rate] = Interval((low + high) / 2, (high - low) / 2)
        return min(rates, key=lambda rate: tried[rate].mean + tried[rate].margin)

    coarse = best(COARSE)
    fine = best([coarse * times for times in FINE])
    return Search(dict(sorted(tried.items())), coarse, fine)


@np.errstate(all="ignore")
def range_test(size: Size, seed: int, name: str) -> Any:
    """Smith's test: one training in which the rate rises from step to step."""
    model = network(seed).vectorized()
    return learning_rate_range_test(
        model, mean_squared_error, OPTIMISERS[name](model.parameters(), lr=COARSE[0]),
        *samples(seed, size.samples, NOISE),
        lowest=COARSE[0], highest=COARSE[-1], steps=STEPS, batch_size=BATCH, rng=seed,
    )  # fmt: skip


def learning_rate(seed: int, quick: bool) -> Finding:
    """W20."""
    size = QUICK if quick else FULL
    seeds = range(seed, seed + size.judge)

    def judged(name: str, rate: float, schedule: str = "") -> list[list[float]]:
        return [fit(size, s, name, rate, schedule) for s in seeds]

    searches = {name: search(size, seed, name) for name in size.names}
    courses = {name: judged(name, found.fine) for name, found in searches.items()}
    blind = {name: [judged(name, rate) for rate in COARSE] for name in ("SGD", "Adam")}
    average = {  # over the rates; the logarithm, for each data set
        name: [
            float(np.mean([math.log(run[-1]) for run in runs]))
            for runs in zip(*by_rate, strict=True)
        ]
        for name, by_rate in blind.items()
    }
    forgiving = interval([a - b for a, b in zip(*average.values(), strict=True)])
    pays = {
        name: interval([a - math.log(b[-1]) for a, b in zip(xs, courses[name], strict=True)])
        for name, xs in average.items()
    }
    better = {name: ratio(courses["SGD"], courses[name]) for name in size.names if name != "SGD"}
    tests = {name: [range_test(size, s, name) for s in seeds] for name in size.names}
    suggested = {
        name: interval([math.log(test.steepest / searches[name].fine) for test in runs])
        for name, runs in tests.items()
    }
    away = {
        name: interval([math.log(test.rates[-1] / searches[name].fine) for test in runs])
        for name, runs in tests.items()
    }
    high = HIGH * searches["Adam"].fine
    paces = {name: judged("Adam", high, name) for name in size.schedules}
    gained = {name: ratio(paces["constant"], runs) for name, runs in paces.items()}
    text = f"""A network learns a wavy function from {
        size.samples
    } noisy values; the error is its mean squared
distance from the function itself. The rate is chosen with {size.search} data sets, in two rounds
of tries, and then judged with {size.judge} others:
{
        table(
            ["optimiser", "coarse", "fine", "error", "SGD's is so many times as large"],
            [
                (
                    name,
                    f"{found.coarse:g}",
                    f"{found.fine:g}",
                    f"{middle(courses[name]):.4f}",
                    factor(better[name]) if name in better else "",
                )
                for name, found in searches.items()
            ],
        )
    }

The rate matters. Errors at the coarse rates, with the same data sets:
{
        table(
            ["rate", *blind],
            [
                (f"{rate:g}", *(f"{middle(runs[i]):.4f}" for runs in blind.values()))
                for i, rate in enumerate(COARSE)
            ],
        )
    }
A rate picked blindly among them costs SGD {factor(pays["SGD"])} times the
error at the rate found, and Adam {factor(pays["Adam"])} times; SGD's error is then
{factor(forgiving)} times that of Adam. Adam gives each parameter a rate of
its own, but all of them are multiples of one number. It forgives a wrong one more
easily, which does not make it right.

A range test is one training of {STEPS} steps instead of {
        len(searches["Adam"].tried)
    } tries. It tells from which rate
on the loss runs away, and suggests the rate where it falls most steeply:
{
        table(
            ["over the rate found", "suggested", "runs away"],
            [(name, factor(suggested[name]), factor(away[name])) for name in tests],
        )
    }
Where it runs away is sharp; the suggestion is worth as much as its interval is narrow.

Schedules with Adam, started at {HIGH:g} times the rate found:
{
        table(
            ["schedule", "error", "that at a constant rate is so many times as large"],
            [(name, f"{middle(runs):.4f}", factor(gained[name])) for name, runs in paces.items()],
        )
    }"""
    found_well = pays["SGD"].mean > pays["SGD"].margin
    return Finding(
        verdict(
            found_well and forgiving.mean > forgiving.margin,
            "Adam's own rate is searched for, too"
            if pays["Adam"].mean > pays["Adam"].margin
            else "",
        ),
        text,
        {f"rate found, {name}": found.fine for name, found in searches.items()}
        | {f"error, {name}": middle(runs) for name, runs in courses.items()}
        | {f"error, SGD over {name}": factor(x) for name, x in better.items()}
        | {f"error, blind rate over found, {name}": factor(x) for name, x in pays.items()}
        | {"error at a blind rate, SGD over Adam": factor(forgiving)}
        | {f"range test, suggested over found, {name}": factor(x) for name, x in suggested.items()}
        | {f"range test, runs away over found, {name}": factor(x) for name, x in away.items()}
        | {f"error, constant over {name}": factor(x) for name, x in gained.items()},
        [
            ("w20-search.svg", lambda dark: draw_search(searches, dark),
             "error against learning rate, coarse and fine; bands: all data sets (SGD, Adam)"),
            ("w20-range.svg", lambda dark: draw_range(tests, dark),
             "range test: the loss while the rate rises, first data set"),
            ("w20-optimisers.svg", lambda dark: draw_courses(courses, size, dark),
             "training with each optimiser at its own best rate"),
            ("w20-schedules.svg", lambda dark: draw_courses(paces, size, dark),
             f"training with Adam from {HIGH:g} times its best rate, by schedule"),
        ],
    )  # fmt: skip


def ratio(above: Sequence[Sequence[float]], below: Sequence[Sequence[float]]) -> Interval:
    """The logarithm of a ratio of last errors, data set by data set."""
    return log_ratio([a[-1] for a in above], [b[-1] for b in below])


def middle(runs: Sequence[Sequence[float]]) -> float:
    """The geometric mean of the last errors."""
    return math.exp(float(np.mean([math.log(run[-1]) for run in runs])))


def draw_search(searches: dict[str, Search], dark: bool) -> Any:
    """Errors against rates; of five bands one would see none."""
    series, bands = {}, {}
    for name, found in searches.items():
        series[name] = [(rate, math.exp(x.mean)) for rate, x in found.tried.items()]
        edges = [(x.mean - x.margin, x.mean + x.margin) for x in found.tried.values()]
        if name in ("SGD", "Adam"):
            bands[name] = [(math.exp(low), math.exp(high)) for low, high in edges]
    return viz.draw_curve(
        series, bands=bands, x_label="learning rate", y_label="error after training",
        log=True, x_log=True, dark=dark,
    )  # fmt: skip


def draw_range(tests: dict[str, list[Any]], dark: bool) -> Any:
    """The smoothed loss while the rate rises."""
    series = {
        name: list(zip(first.rates, first.means, strict=True))
        for name, (first, *_) in tests.items()
    }
    return viz.draw_curve(
        series, x_label="learning rate", y_label="smoothed loss", log=True, x_log=True, dark=dark
    )


def draw_courses(runs: dict[str, list[list[float]]], size: Size, dark: bool) -> Any:
    """The geometric mean of the errors over training."""
    every = size.epochs // PLACES
    series = {
        name: [
            (every * (i + 1), math.exp(float(np.mean(np.log(errors)))))
            for i, errors in enumerate(zip(*courses, strict=True))
        ]
        for name, courses in runs.items()
    }
    return viz.draw_curve(series, y_label="mean squared error", log=True, dark=dark)


CLAIMS = [
    Claim(
        "W20",
        "The learning rate",
        "A good learning rate is found by trying, first in a wide range and then in a narrow one, "
        "or left to an adaptive optimiser such as Adam, which gives every parameter a rate of its "
        "own by its gradients.",
        learning_rate,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
