"""ReLU units that are never on: what kills them, what keeps them alive, and what revives them.

Run it as ``python demos/dead_units.py``. A unit counts as dead if its output is 0 for every sample
of the training set.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, Interval, interval, lesson, table, verdict
    from moons import moons
    from numpy.typing import NDArray
    from pupil import Pupil

    import viz
    from nn import (
        MLP,
        SGD,
        Adam,
        accuracy,
        binary_cross_entropy,
        observe,
        train,
    )

POINTS, NOISE, BATCH = 200, 0.2, 100
HIDDEN = 24  # units in each of two layers
RATE, HIGH = 0.1, 5.0
BIAS = -2.0
QUICK, FULL = (8, 30), (20, 300)  # how many seeds, how many epochs
LOOKS = (0, 1, 2, 4, 7, 10, 15, 20, 30, 45, 60, 100, 150, 200, 250, 300)  # epochs with a count
FATAL = 15  # epochs at the high rate, after which revival is tried
DECAY = 0.01
DRAWN = 4  # dead units in a picture

Array = NDArray[np.float64]


class Start(NamedTuple):
    """How a network starts, and how quickly it learns: by default as the notes advise."""

    rate: float = RATE
    init: Any = "he_normal"
    bias: float = 0.0
    activation: str = "relu"


def lopsided(nin: int, nout: int, rng: Any) -> float:
    """Weights most of which are negative."""
    return float(rng.uniform(-1.0, 0.3))


GOOD = f"He, bias 0, rate {RATE:g}"
LOW = f"bias {BIAS:g}".replace("-", "−")
CAUSES: dict[str, dict[str, Start]] = {  # by cause: the fault, and what else is tried against it
    "rate": {
        f"rate {HIGH:g}": Start(rate=HIGH),
        f"rate {HIGH:g}, leaky ReLU": Start(rate=HIGH, activation="leaky_relu"),
    },
    "bias": {
        LOW: Start(bias=BIAS),
        f"{LOW}, leaky ReLU": Start(bias=BIAS, activation="leaky_relu"),
    },
    "start": {
        "all weights 0": Start(init="zeros"),
        "weights in [−1, 0.3]": Start(init=lopsided),
        "weights in [−1, 0.3], leaky ReLU": Start(init=lopsided, activation="leaky_relu"),
    },
}
CAPTIONS = (
    "too high a rate kills units as it goes; leaky ReLU has none to lose",
    "with a negative bias many are dead from the start, and few come back",
    "bad starts: all weights 0, or most of them negative",
)
CURES = ("lower rate", "Adam", "weight decay", "leaky ReLU for a while", "drawn anew by He")


class Course(NamedTuple):
    """What became of a network.

    Attributes:
        dead: pairs of an epoch and the share of hidden units that are dead then.
        accuracy: the share of training samples that it takes for what they are, in the end.
    """

    dead: list[tuple[int, float]]
    accuracy: float

    @property
    def last(self) -> float:
        """The share of dead units in the end."""
        return self.dead[-1][1]


def samples(seed: int) -> tuple[Array, Array]:
    """Two moons, with mean 0 and variance 1, and their classes 0 and 1."""
    points, signs = moons(POINTS, NOISE, random.Random(seed))
    x = np.array(points)
    return (x - x.mean(0)) / x.std(0), (np.array(signs) > 0).astype(float)


def network(seed: int, start: Start) -> Any:
    """A network with two hidden layers."""
    mlp = MLP(2, [HIDDEN, HIDDEN, 1], activation=start.activation, init=start.init, rng=seed)
    model = mlp.vectorized()
    for layer in model.layers[:-1]:
        layer.bias[:] = start.bias
    return model


def off(model: Any, x: Array, t: Array) -> list[NDArray[np.bool_]]:
    """Which units of each hidden layer are dead."""
    seen = observe(model, binary_cross_entropy, x, t)[:-1]
    return [(layer.activations == 0).all(0) for layer in seen]


def share(layers: Sequence[NDArray[np.bool_]]) -> float:
    """The share of all hidden units."""
    return float(np.concatenate(layers).mean())


@cache
def pupil(activation: str, rate: float, decay: float = 0.0, moves: Any = SGD) -> Pupil:
    """What is trained from every start."""
    mlp = MLP(2, [HIDDEN, HIDDEN, 1], activation=activation, rng=0)
    return Pupil(mlp, binary_cross_entropy, lambda p: moves(p, rate, weight_decay=decay))


def learn(seed: int, start: Start, epochs: int) -> Course:
    """Train a network and count its dead units on the way."""
    x, t = samples(seed)
    one = pupil(start.activation, start.rate)
    one.begin(network(seed, start).state_dict())
    model, dead = one.model, [(0, share(off(one.model, x, t)))]
    course = train(one.step, x, t, epochs=epochs, batch_size=BATCH, rng=seed)
    for epoch, _ in enumerate(course, start=1):
        if epoch in LOOKS:
            dead.append((epoch, share(off(model, x, t))))
    return Course(dead, accuracy(model(x), t))


# -- what is dead already -------------------------------------------------------------------------


class Revival(NamedTuple):
    """What became of a network many of whose units were dead.

    Attributes:
        dead: pairs of an epoch and the share of all hidden units that would be dead as ReLU.
        revived: of the units that were dead, the share that is not in the end.
        moved: whether a weight of a unit of the first layer that was dead has moved, by one bit.
        accuracy: in the end.
    """

    dead: list[tuple[int, float]]
    revived: float
    moved: bool
    accuracy: float


def kill(seed: int) -> Any:
    """A network after some epochs at a rate that is too high."""
    one, model = pupil("relu", HIGH), network(seed, Start())
    one.begin(model.state_dict())
    for _ in train(one.step, *samples(seed), epochs=FATAL, batch_size=BATCH, rng=seed):
        pass
    model.load_state_dict(one.model.state_dict())
    return model


def revive(seed: int, killed: Any, cure: str, epochs: int) -> Revival:
    """Train a copy of the network further, in another way."""
    x, t = samples(seed)
    one = pupil(
        "leaky_relu" if "leaky" in cure else "relu",
        RATE / 10 if cure == "Adam" else RATE,
        DECAY if "decay" in cure else 0.0,
        Adam if cure == "Adam" else SGD,
    )
    one.begin(killed.state_dict())
    model, dead = one.model, off(killed, x, t)
    if "anew" in cure:
        draw_anew(seed, model, dead)
    before = model.layers[0].p.data[dead[0]].copy()
    judged = network(seed, Start())  # the same network with ReLU

    def judge() -> list[NDArray[np.bool_]]:
        judged.load_state_dict(model.state_dict())
        return off(judged, x, t)

    course = [(0, share(judge()))]
    for epoch, _ in enumerate(
        train(one.step, x, t, epochs=epochs, batch_size=BATCH, rng=seed), start=1
    ):
        if epoch in LOOKS:
            course.append((epoch, share(judge())))
    moved = not np.array_equal(before, model.layers[0].p.data[dead[0]])
    were, still = np.concatenate(dead), np.concatenate(judge())
    revived = float((were & ~still).sum() / max(were.sum(), 1))
    return Revival(course, revived, moved, accuracy(judged(x), t))


def draw_anew(seed: int, model: Any, dead: Sequence[NDArray[np.bool_]]) -> None:
    """Give dead units the weights of a fresh network."""
    fresh = network(seed + 1_000_000, Start())
    for layer, other, which in zip(model.layers, fresh.layers, dead, strict=False):
        layer.p.data[which] = other.p.data[which]


def gradients(seed: int, killed: Any) -> tuple[int, float, float]:
    """How many units are dead; their largest |∂L/∂w|; and that of the units that are alive."""
    x, t = samples(seed)
    dead, alive, count = [0.0], [0.0], 0
    for layer in observe(killed, binary_cross_entropy, x, t)[:-1]:
        units = layer.activations.shape[1]
        largest = np.abs(layer.parameter_gradients.reshape(units, -1)).max(1)
        never = (layer.activations == 0).all(0)
        dead.extend(largest[never].tolist())
        alive.extend(largest[~never].tolist())
        count += int(never.sum())
    return count, max(dead), max(alive)


# -- W12 ------------------------------------------------------------------------------------------


def dying(seed: int, quick: bool) -> Finding:
    """W12."""
    count, epochs = QUICK if quick else FULL
    seeds = range(seed, seed + count)
    starts = {GOOD: Start()} | {name: s for tried in CAUSES.values() for name, s in tried.items()}
    found = {name: [learn(s, start, epochs) for s in seeds] for name, start in starts.items()}
    dead = {name: interval([c.last for c in courses]) for name, courses in found.items()}
    more = {
        name: interval([a.last - b.last for a, b in zip(found[name], found[GOOD], strict=True)])
        for name in starts
        if starts[name].activation == "relu" and name != GOOD
    }
    killed = {s: kill(s) for s in seeds}
    slopes = [gradients(s, model) for s, model in killed.items()]
    tried = {
        cure: [revive(s, model, cure, epochs) for s, model in killed.items()] for cure in CURES
    }
    causes = all(x.mean > x.margin for x in more.values())
    leaky = max(c.last for name, cs in found.items() if "leaky" in name for c in cs)
    exact = max(slope for _, slope, _ in slopes) == 0.0
    stuck = not any(r.moved for r in tried[CURES[0]])
    return Finding(
        verdict(
            causes and leaky == 0 and exact and stuck,
            "He is to mend the start alone: a high rate or a negative bias kills all the same",
        ),
        told(epochs, found, dead, slopes, tried, stuck),
        {f"dead units, {name}": percent(x) for name, x in dead.items()}
        | {f"more than with {GOOD}: {name}": percent(x) for name, x in more.items()}
        | {"largest gradient of a dead unit's weights": max(s for _, s, _ in slopes)}
        | {
            f"revived by {c}": percent(interval([r.revived for r in rs])) for c, rs in tried.items()
        },
        [
            *(
                (
                    f"w12-{cause}.svg",
                    partial(draw_dead, {n: found[n] for n in (*names, GOOD)}),
                    said,
                )
                for cause, names, said in zip(CAUSES, CAUSES.values(), CAPTIONS, strict=True)
            ),
            (
                "w12-lines.svg",
                lambda dark: draw_lines(seed, dark),
                "where dead units begin to be on (ticks): beyond all points",
            ),
            (
                "w12-revival.svg",
                partial(draw_dead, tried, bands=False),
                f"after {FATAL} epochs at rate {HIGH:g}: what brings units back",
            ),
        ],
    )


def told(
    epochs: int,
    found: Mapping[str, Sequence[Course]],
    dead: Mapping[str, Interval],
    slopes: Sequence[tuple[int, float, float]],
    tried: Mapping[str, Sequence[Revival]],
    stuck: bool,
) -> str:
    """What was measured, in words."""
    runs = len(slopes)
    rows = [
        (
            name,
            percent(interval([c.dead[0][1] for c in courses])),
            percent(dead[name]),
            percent(interval([c.accuracy for c in courses])),
        )
        for name, courses in found.items()
    ]
    revivals = [
        (
            cure,
            f"{np.mean([r.revived for r in rs]):.0%}",
            *(f"{end(r.revived for r in rs):.0%}" for end in (min, max)),
            "yes" if any(r.moved for r in rs) else "no",
            percent(interval([r.accuracy for r in rs])),
        )
        for cure, rs in tried.items()
    ]
    head = ["", "revived", "least", "most", "1st layer moved", "told apart"]
    killed = sum(n for n, _, _ in slopes) / runs
    return f"""\
Two moons, {POINTS} points; networks 2-{HIDDEN}-{HIDDEN}-1, {epochs} epochs of SGD in batches of {
        BATCH
    }, {runs} seeds.
A unit is dead if it is 0 for every point. Shares of the {2 * HIDDEN} hidden units:
{table(["", "dead at first", "dead in the end", "points told apart"], rows)}

Each fault kills, the first two in spite of He's weights, with which they start.
Leaky ReLU has slope 0.01 where ReLU has 0: none of its units is ever dead,
though that alone does not make a network learn: see the last column.

Does anything revive? After {FATAL} epochs at rate {HIGH:g}, {killed:.0f} of {
        2 * HIDDEN
    } units are dead (mean of
the seeds). The largest |∂L/∂w| of their weights is {
        max(s for _, s, _ in slopes):g}, exactly; of the units alive,
{max(s for _, _, s in slopes):.2g}. The same networks, {epochs} epochs more:
{table(head, revivals)}

A lower rate has to come in time: a dead unit stays dead. Its weights are the
same{
        "" if stuck else " (not here)"
    } to the last bit; only in the second layer one may come back, when the
first moves what it is given. Decay shrinks weights and bias alike, which leaves
the sign of w·x + b. Leaky ReLU moves units, if not always far enough. Dead ones
drawn anew are alive, though some die again among the large weights that the
high rate has left: to start anew, and slower, is better."""


def percent(x: Interval) -> str:
    """A share and its interval."""
    return f"{100 * x.mean:.1f} ± {100 * x.margin:.1f} %"


def mean_course(courses: Sequence[Course] | Sequence[Revival]) -> list[tuple[int, float]]:
    """The mean share of dead units, in per cent, epoch by epoch."""
    shares = np.mean([[s for _, s in c.dead] for c in courses], axis=0)
    return [(epoch, 100 * x) for (epoch, _), x in zip(courses[0].dead, shares, strict=True)]


def spread(courses: Sequence[Course] | Sequence[Revival]) -> list[tuple[float, float]]:
    """The interval of the mean, epoch by epoch."""
    columns = zip(*([s for _, s in c.dead] for c in courses), strict=True)
    found = [interval([100 * s for s in column]) for column in columns]
    return [(max(x.mean - x.margin, 0.0), min(x.mean + x.margin, 100.0)) for x in found]


def draw_dead(courses: Mapping[str, Any], dark: bool, bands: bool = True) -> Any:
    """The share of dead units over the epochs, a curve for each kind of network."""
    return viz.draw_curve(
        {name: mean_course(each) for name, each in courses.items()},
        bands={name: spread(each) for name, each in courses.items()} if bands else {},
        y_label="dead hidden units, in per cent",
        remark="band: interval of the mean" if bands else "",
        dark=dark,
    )


def draw_lines(seed: int, dark: bool) -> Any:
    """Where units of the first layer that start with a negative bias begin to be on."""
    x, t = samples(seed)
    model = network(seed, Start(bias=BIAS))
    dead, parameters = off(model, x, t)[0], model.layers[0].p.data
    distance = -parameters[:, -1] / np.linalg.norm(parameters[:, :-1], axis=1)
    nearest = [int(i) for i in np.argsort(distance) if dead[i]][:DRAWN]
    return viz.draw_regions(
        {f"Dead at the start, {LOW}": lambda x, y: 0.0},
        x.tolist(),
        t.tolist(),
        lines={f"unit {i}": parameters[i].tolist() for i in nearest},
        verdict=False,
        dark=dark,
    )


CLAIMS = [
    Claim(
        "W12",
        "Dead ReLU",
        "A ReLU whose input is negative for all samples gives 0 and gets the gradient 0: it is "
        "dead. Too high a rate, a negative bias or a bad start cause it; a lower rate and He's "
        "start help.",
        dying,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
