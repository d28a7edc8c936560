"""Two moons: a network learns a curved border between two classes of points.

Run it as ``python demos/moons.py``. It trains the network of micrograd's demo on points of two
interleaved half circles, counts how many others it tells apart, and draws its border and its
progress. The same network learns on scalars, on their vectorised twin or as a recorded program
(``--engine``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from commandline import (
    Parser,
    Pictures,
    add_dark,
    draw_all,
    folder,
    follow,
    positive,
    run,
    tidy_end,
    whole,
)

with tidy_end():
    from experiment import (
        ENGINES,
        Epoch,
        Experiment,
        draw_accuracies,
        draw_losses,
        report,
        samples,
        say_time,
        trainer,
    )

    import viz
    from nn import MLP, SGD, hinge

POINTS = 200  # to learn from, and as many others to test
PENALTY = 1e-4  # of the L2 penalty, as in micrograd's demo
MOMENTUM = 0.9

Points = list[tuple[float, float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """The demo, with the command line's arguments or others."""
    options = parse(arguments)
    print(f"Two moons: {POINTS} points to learn from, {POINTS} others to test")
    print(f"A network 2-{options.hidden}-{options.hidden}-1 with ReLU and hinge loss")
    experiment = prepare(options)
    history = [experiment.scores()]
    with say_time(options.engine):
        course = experiment.run(options.epochs, options.batch, options.seed)
        history += follow(course, options.epochs, "epoch", report)
    print_scores(history)
    draw(options, experiment, history)


def parse(arguments: Sequence[str] | None) -> Any:
    """The options, checked."""
    parser = Parser(
        description="Two moons: a network learns a curved border between two classes of points.",
        epilog="The network, its loss and its penalty are those of micrograd's demo.",
    )
    add = parser.add_argument
    add("--seed", type=whole(0), default=0, help="seed of points and weights (%(default)s)")
    scatter = partial(positive, most=1000, zero=True)  # more leaves nothing of the moons
    add("--noise", type=scatter, default=0.1, help="the points' scatter σ, or 0 (%(default)s)")
    add("--hidden", type=whole(1, 64), default=16, help="neurons in a hidden layer (%(default)s)")
    add("--epochs", type=whole(1), default=100, help="rounds through the points (%(default)s)")
    add("--batch", type=whole(1), default=50, help="points in a step (%(default)s)")
    add("--lr", type=positive, default=0.05, help="learning rate (%(default)s)")
    add("--engine", choices=ENGINES, default="program", help="what trains (%(default)s)")
    add("--out", type=folder, default="out", help="folder for the pictures (%(default)s)")
    add_dark(parser)
    return parser.parse_args(arguments)


# -- the data -------------------------------------------------------------------------------------


def moons(n: int, noise: float, rng: random.Random) -> tuple[Points, list[float]]:
    """Points on two interleaved half circles of radius 1, in turn of class −1 and of class 1.

    Args:
        n: how many.
        noise: the standard deviation of what is added to each coordinate.
        rng: what scatters them.
    """
    points = []
    for i in range(n):
        angle = rng.uniform(0, math.pi)
        x, y = math.cos(angle), math.sin(angle)
        if i % 2:
            x, y = 1 - x, 0.5 - y
        points.append((rng.gauss(x, noise), rng.gauss(y, noise)))
    return points, [1.0 if i % 2 else -1.0 for i in range(n)]


# -- training -------------------------------------------------------------------------------------


def prepare(options: Any) -> Experiment:
    """An untrained network and its points."""

    def optimiser(parameters: Any) -> SGD:
        return SGD(parameters, options.lr, momentum=MOMENTUM)

    rng = random.Random(options.seed)
    sets = [moons(POINTS, options.noise, rng) for _ in Epoch._fields]
    mlp = MLP(2, [options.hidden, options.hidden, 1], init="he_normal", rng=rng)
    model, step = trainer(options.engine, mlp, hinge, optimiser, PENALTY)
    return Experiment(model, step, hinge, right, *(samples(model, *each) for each in sets))


def right(scores: Any, targets: Any) -> int:
    """How many scores have their target's sign; 0 and nan have none."""
    return sum(bool(s * t > 0) for s, t in zip(scores, targets, strict=True))


def print_scores(history: Sequence[Epoch]) -> None:
    """The table of losses and right answers."""
    print("\n                    loss            right answers")
    print("             before    after     before      after")
    for name in Epoch._fields:
        before, after = (getattr(epoch, name) for epoch in (history[0], history[-1]))
        answers = "".join(f"{s.right:6} of {s.size}" for s in (before, after))
        print(f"  {name:8}  {before.loss:7.4f}  {after.loss:7.4f}{answers}")
    print()


# -- pictures -------------------------------------------------------------------------------------


def draw(options: Any, experiment: Experiment, history: Sequence[Epoch]) -> None:
    """Write the pictures, or say why one cannot be drawn here."""
    pictures: Pictures = [
        (
            "regions.svg",
            lambda dark: draw_regions(options, experiment, dark),
            "the border and the test points",
        ),
        (
            "loss.svg",
            lambda dark: draw_losses(history, dark=dark),
            "the loss of both sets in training",
        ),
        (
            "accuracy.svg",
            lambda dark: draw_accuracies(history, dark),
            "the right answers in both sets",
        ),
    ]
    draw_all(pictures, options.out, options.dark)


def draw_regions(options: Any, experiment: Experiment, dark: bool = False) -> Any:
    """What the network says in the plane, before and after training, and the test points."""
    models = {"Before training": prepare(options).model, "After training": experiment.model}
    classifiers = {
        title: lambda x, y, model=model: model([x, y]).data for title, model in models.items()
    }
    return viz.draw_regions(classifiers, *experiment.test, dark=dark)


if __name__ == "__main__":
    run(main)
