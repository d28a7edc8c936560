"""XOR: no line can, one hidden layer can.

Run it as ``python demos/xor.py``. It tries every line that can separate four points, trains a
linear model and a multilayer perceptron, sets their answers side by side, and draws the computation
graph of a sample with its gradients, the network, the decision regions and the losses. The same
network learns on scalars, on their vectorised twin or as a recorded program (``--engine``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
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
    from claims import Claim, Finding, show, table, verdict
    from experiment import ENGINES, samples, say_time, trainer

    import viz
    from engine import Value, no_grad
    from nn import MLP, SGD, Module, Neuron, mean_squared_error, train

POINTS = ((0, 0), (0, 1), (1, 0), (1, 1))
TARGETS = (0, 1, 1, 0)
MOMENTUM = 0.9  # of gradient descent
FRAMES = 100  # of a film, besides the first
SHARES = 4  # hidden neurons whose share in the output is drawn

Line = tuple[float, float, float]  # (w0, w1, b): it answers 1 where w0·x0 + w1·x1 + b > 0


def main(arguments: Sequence[str] | None = None) -> None:
    """The demo, with the command line's arguments or others."""
    options = parse(arguments)
    if options.claim or options.quick:
        show(CLAIMS[0], options)
    elif options.seeds:
        count_seeds(options)
    else:
        compare(options)


def parse(arguments: Sequence[str] | None) -> Any:
    """The options, checked."""
    parser = Parser(
        description="No line can compute XOR, one hidden layer can: search, training, pictures.",
        epilog="With the default settings 9998 of the seeds 0 to 9999 reach 4 of 4 right answers, "
        "all but 6886 and 8591: run it with --seeds 10000 to measure that again.",
    )
    add = parser.add_argument
    add("--claim", action="store_true", help="run the claim W9 instead, from many starts")
    add("--quick", action="store_true", help="run the claim from fewer starts")
    add("--seed", type=whole(0), default=0, help="seed of the initial weights (%(default)s)")
    add("--hidden", type=whole(1, 64), default=4, help="hidden neurons, 1 to 64 (%(default)s)")
    add("--steps", type=whole(0), default=500, help="steps of gradient descent (%(default)s)")
    add("--lr", type=positive, default=0.05, help="learning rate (%(default)s)")
    add("--out", type=folder, default=Path("out"), help="folder for the pictures (%(default)s)")
    add("--engine", choices=ENGINES, default="scalar", help="what trains (%(default)s)")
    add("--film", action="store_true", help="also write the training as a page to step through")
    add("--seeds", type=whole(1), metavar="N", help="only count which of N seeds learn XOR")
    add_dark(parser)
    return parser.parse_args(arguments)


def compare(options: Any) -> None:
    """Linear models against a network with a hidden layer: text first, then pictures."""
    print("XOR: 1 if exactly one of two bits is 1\n")
    line = search()
    linear = MLP(2, [1], rng=options.seed)
    mlp = network(options.hidden, options.seed)
    losses = {"linear": [*descend(linear, options), loss_of(linear).data]}
    say_how_near(predict(linear))
    neurons = f"{options.hidden} tanh neuron{'s' if options.hidden > 1 else ''}"
    print(f"One hidden layer can: 2 inputs, {neurons}, 1 output")
    with say_time(options.engine):
        course = follow(descend(mlp, options), options.steps, "step", "loss {:.1e}".format)
    losses["network"] = [*course, loss_of(mlp).data]
    print_answers(predict(linear), split(line), predict(mlp))
    print_hidden(mlp)
    draw(options, line, mlp, losses)


# -- lines ----------------------------------------------------------------------------------------


def lines() -> Iterator[Line]:
    """Lines that split the four points in every way in which a line can.

    Any line that separates points can be moved until it touches one of them, and then turned about
    that one until it touches another, without a third changing sides. So it is enough to take the
    line through each pair of points, to nudge it so that each of the two falls on either side (it
    passes the other points at a safe distance), and to exchange the sides.
    """
    for (p0, p1), (q0, q1) in combinations(POINTS, 2):
        w0, w1, b = q1 - p1, p0 - q0, p1 * q0 - p0 * q1  # 0 at p and q, ±1 or more elsewhere
        length = (q0 - p0) ** 2 + (q1 - p1) ** 2
        for at_p, at_q, side in product((-0.5, 0.5), (-0.5, 0.5), (-1, 1)):
            n0, n1 = ((at_q - at_p) * d / length for d in (q0 - p0, q1 - p1))
            n = at_p - n0 * p0 - n1 * p1
            yield side * (w0 + n0), side * (w1 + n1), side * (b + n)


def score(line: Line, x0: float, x1: float) -> float:
    """How far a point is on the side of a line where it answers 1."""
    w0, w1, b = line
    return w0 * x0 + w1 * x1 + b


def split(line: Line) -> tuple[int, ...]:
    """The line's answers for the four points."""
    return tuple(int(score(line, *point) > 0) for point in POINTS)


def search() -> Line:
    """Try every line, say how far lines get, and return the best."""
    splits = {split(line) for line in lines()}
    best, line = max((right(split(line)), line) for line in lines())
    w0, w1, b = line
    (wrong,) = (p for p, y, t in zip(POINTS, split(line), TARGETS, strict=True) if y != t)
    print("No line can")
    print(
        f"  Four points can be answered in 16 ways. Trying every line gives {len(splits)}, and the"
    )
    print(f"  best gets {best} of 4 right: {w0:g}·x0 + {w1:g}·x1 > {-b:g} is wrong at {wrong}.")
    print("  The reason: every linear f has f(0, 0) + f(1, 1) = f(0, 1) + f(1, 0), but XOR")
    print("  wants both terms on the left to be below ½ and both on the right above it.")
    return line


def say_how_near(outputs: Sequence[float]) -> None:
    """How near a trained linear model is to the best linear fit."""
    distance = max(abs(y - 0.5) for y in outputs)
    print("  The linear model with the least squared error says ½ everywhere; the trained")
    print(f"  one comes within {distance:.0e} of that.\n")


# -- models ---------------------------------------------------------------------------------------


def network(hidden: int, seed: int) -> MLP:
    """An untrained perceptron with one hidden layer."""
    return MLP(2, [hidden, 1], activation="tanh", rng=seed)


def loss_of(model: Module) -> Any:
    """The mean squared error over the four points."""
    return mean_squared_error(map(model, POINTS), TARGETS)


def descend(mlp: MLP, options: Any) -> Iterator[float]:
    """Gradient descent with momentum; yield the loss before every step.

    Whichever engine computes, the network has the weights when it is done.
    """

    def optimiser(parameters: Any) -> SGD:
        return SGD(parameters, options.lr, momentum=MOMENTUM)

    model, step = trainer(options.engine, mlp, mean_squared_error, optimiser)
    points = samples(model, POINTS, TARGETS)
    yield from train(step, *points, epochs=options.steps, eager=True)  # recorded already, or not
    if model is not mlp:
        mlp.load_state_dict(model.state_dict())


def predict(model: Module) -> list[float]:
    """The model's output for each of the four points."""
    with no_grad():
        return [model(point).data for point in POINTS]


def right(outputs: Iterable[float]) -> int:
    """How many of the four outputs are on their target's side of ½; ½ itself and nan never are.

    Nor is what differs from ½ by rounding only, as the trained linear model's outputs do.
    """
    sides = (y - 0.5 if t else 0.5 - y for y, t in zip(outputs, TARGETS, strict=True))
    return sum(side > 1e-6 for side in sides)


def count_seeds(options: Any) -> None:
    """Train a network from each seed, and say how many learn XOR."""
    seeds = range(options.seed, options.seed + options.seeds)
    failed: list[int] = []

    def learn() -> Iterator[int]:
        for seed in seeds:
            model = network(options.hidden, seed)
            for _ in descend(model, options):
                pass
            if right(predict(model)) < len(POINTS):
                failed.append(seed)
            yield seed

    follow(learn(), len(seeds), "seed", lambda _: f"{len(failed)} failed")
    learnt = len(seeds) - len(failed)
    print(f"{learnt} of {len(seeds)} seeds reach 4 of 4 ({learnt / len(seeds):.2%})")
    if failed:
        print(f"the others: {', '.join(map(str, failed))}")


# -- text -----------------------------------------------------------------------------------------


def print_answers(linear: Sequence[float], line: Sequence[int], mlp: Sequence[float]) -> None:
    """The table of predictions."""
    print("\n  x0  x1  target    linear  best line   network")
    for (x0, x1), t, a, b, c in zip(POINTS, TARGETS, linear, line, mlp, strict=True):
        print(f"  {x0:2}  {x1:2}  {t:6}  {a:z8.4f}  {b:9}  {c:z8.4f}")
    print(f"  right             {right(linear)} of 4     {right(line)} of 4    {right(mlp)} of 4\n")


def print_hidden(mlp: MLP) -> None:
    """What each hidden neuron says, and what the output makes of it."""
    hidden, (output,) = mlp.layers[0].neurons, mlp.layers[1].neurons
    print("  What the hidden neurons say; y is their sum with these weights, plus a bias")
    print(f"  {'':6}" + "".join(f"{point!s:>9}" for point in POINTS) + "        weight")
    for i, (neuron, w) in enumerate(zip(hidden, output.w, strict=True)):
        print(f"  {f'h{i}':6}" + columns(predict(neuron)) + f"  {w.data:+11.2f}")
    print(f"  {'y':6}" + columns(predict(mlp)) + f"  {output.b.data:+11.2f} (bias)\n")


def columns(numbers: Iterable[float]) -> str:
    """One number for each of the four points."""
    return "".join(f"{number:z9.2f}" for number in numbers)


# -- pictures -------------------------------------------------------------------------------------


def draw(options: Any, line: Line, mlp: MLP, losses: dict[str, list[float]]) -> None:
    """Write the pictures, or say why one cannot be drawn here."""
    untrained = network(options.hidden, options.seed)
    which = "hidden neurons" if options.hidden <= SHARES else f"{SHARES} heaviest hidden neurons"
    look: Any = {"dark": True} if options.dark else {}
    pictures: Pictures = [
        ("graph.svg", lambda _: draw_graph(untrained, **look), "(1, 1) in the untrained network"),
        ("network.svg", lambda _: draw_network(mlp, **look), "the trained network"),
        (
            "regions.svg",
            lambda _: draw_regions(line, mlp, **look),
            "where the best line and the network say 1",
        ),
        ("hidden.svg", lambda _: draw_hidden(mlp, **look), f"what the {which} add to the output"),
        (
            "loss.svg",
            lambda _: draw_losses(losses, **look),
            "the losses of both models in training",
        ),
    ]
    if options.film:
        caption = "the training, epoch by epoch and node by node"
        pictures.append(("film.html", lambda _: film(options), caption))
    draw_all(pictures, options.out, options.dark)


def film(options: Any) -> viz.Player:
    """The network's training once more, on scalars, as a film of at most 101 states."""
    mlp = network(options.hidden, options.seed)
    optimiser = SGD(mlp.parameters(), options.lr, momentum=MOMENTUM)
    title = f"A network with {options.hidden} hidden neurons learns XOR"
    states = viz.Film(lambda x0, x1: mlp((x0, x1)).data - 0.5, POINTS, TARGETS, title)
    for step in range(options.steps + 1):
        loss = loss_of(mlp)
        loss.label = "loss"
        optimiser.zero_grad()
        loss.backward()
        if step % max(1, -(-options.steps // FRAMES)) == 0:
            states.add(loss, step)
        optimiser.step()
    return viz.play(frames=states)


def draw_graph(mlp: MLP, dark: bool = False) -> Any:
    """The computation graph of one sample's loss with its gradients."""
    y = mlp((1, 1))
    error = y - Value(0, label="target", role="constant")
    loss = error**2
    y.label, error.label, loss.label = "y", "error", "loss"
    loss.backward()
    return viz.draw(loss, dark=dark)


def draw_network(mlp: MLP, dark: bool = False) -> Any:
    """The network with its weights and biases."""
    hidden = [f"h{i}" for i in range(len(mlp.layers[0].neurons))]
    names: Any = {"hidden": [hidden], "title": title(mlp)}
    return viz.draw_network(mlp, ["x0", "x1"], ["y"], **names, dark=dark)


def draw_regions(line: Line, mlp: MLP, dark: bool = False) -> Any:
    """The decision regions of the best line and of the network."""
    classifiers = {
        "Best line": lambda x0, x1: score(line, x0, x1),
        title(mlp): lambda x0, x1: mlp((x0, x1)).data - 0.5,
    }
    return viz.draw_regions(classifiers, POINTS, TARGETS, x_label="x0", y_label="x1", dark=dark)


def draw_units(mlp: MLP, dark: bool = False) -> Any:
    """The network's regions, and the line of each hidden neuron."""
    return viz.draw_regions(
        {title(mlp): lambda x0, x1: mlp((x0, x1)).data - 0.5},
        POINTS,
        TARGETS,
        lines={f"h{i}": (*each.w, each.b) for i, each in enumerate(mlp.layers[0].neurons)},
        x_label="x0",
        y_label="x1",
        dark=dark,
    )


def draw_hidden(mlp: MLP, dark: bool = False) -> Any:
    """What hidden neurons add to the output, everywhere; of many, those with most weight."""
    hidden, (output,) = mlp.layers[0].neurons, mlp.layers[1].neurons
    heaviest = sorted(range(len(hidden)), key=lambda i: -abs(output.w[i].data))[:SHARES]

    def share(neuron: Neuron, w: Value) -> Callable[[float, float], float]:
        return lambda x0, x1: w.data * neuron((x0, x1)).data

    shares = {
        f"{output.w[i].data:+.2f}·h{i}".replace("-", "−"): share(hidden[i], output.w[i])
        for i in sorted(heaviest)
    }
    labels: Any = {"x_label": "x0", "y_label": "x1"}
    return viz.draw_regions(shares, POINTS, TARGETS, **labels, verdict=False, dark=dark)


def draw_losses(losses: dict[str, list[float]], dark: bool = False) -> Any:
    """The loss of each model, step by step."""
    return viz.draw_curve(
        losses,
        title="Loss of both models in training",
        x_label="step",
        y_label="mean squared error",
        log=True,
        dark=dark,
    )


def title(mlp: MLP) -> str:
    """The network's name by its widths."""
    return f"Network 2-{len(mlp.layers[0].neurons)}-1"


# -- the claim ------------------------------------------------------------------------------------


def lines_and_networks(seed: int, quick: bool) -> Finding:
    """W9: the best of all lines, trained linear models and trained networks."""
    best, line = max((right(split(line)), line) for line in lines())
    seeds = range(seed, seed + (10 if quick else 100))
    options = argparse.Namespace(lr=0.05, steps=500, engine="program")
    linear = [trained(MLP(2, [1], rng=s), options) for s in seeds]
    networks = [trained(network(4, s), options) for s in seeds]
    learnt = sum(right(predict(mlp)) == len(POINTS) for mlp in networks)
    most = max(right(predict(mlp)) for mlp in linear)
    near = max(abs(y - 0.5) for mlp in linear for y in predict(mlp))
    shown = networks[0]
    text = f"""\
{
        table(
            ["", "right answers"],
            [
                ["the best of all lines", f"{best} of 4"],
                [
                    f"trained linear models, {len(seeds)} starts",
                    f"{most} of 4: all say ½, ± {near:.0e}",
                ],
                [
                    f"networks 2-4-1 with tanh, {len(seeds)} starts",
                    f"4 of 4 in {learnt} of {len(seeds)}",
                ],
            ],
        )
    }

{
        len({split(line) for line in lines()})
    } of the 16 ways to answer four points can be drawn with one line, and XOR is not
among them: a linear f has f(0, 0) + f(1, 1) = f(0, 1) + f(1, 0)."""
    return Finding(
        verdict(max(best, most) == 3 and learnt > 0.9 * len(seeds)),
        text,
        {
            "right answers of the best line": best,
            "starts": len(seeds),
            "networks with 4 of 4": learnt,
            "largest distance of a linear model's answer from ½": near,
        },
        [
            ("w09-regions.svg", lambda dark: draw_regions(line, shown, dark), "where they say 1"),
            (
                "w09-lines.svg",
                lambda dark: draw_units(shown, dark),
                "the same network with its hidden units' lines, where their weighted sums are 0",
            ),
            ("w09-hidden.svg", lambda dark: draw_hidden(shown, dark), "what each hidden unit adds"),
        ],
    )


def trained(mlp: MLP, options: Any) -> MLP:
    """The network after its training."""
    for _ in descend(mlp, options):
        pass
    return mlp


CLAIMS = [
    Claim(
        "W9",
        "XOR needs a hidden layer",
        "A perceptron without a hidden layer separates by one line and cannot learn XOR; with a "
        "hidden layer and an activation that is not linear it can.",
        lines_and_networks,
    )
]

if __name__ == "__main__":
    run(main)
