"""What a multilayer perceptron costs: parameters, bytes and multiplications, counted.

Run it as ``python demos/counting.py``. Nothing is taken from a formula that is to be tested:
parameters are counted in the model, bytes in its arrays, multiplications in its graph.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, in_the_plane, interval, lesson, table, verdict
    from moons import moons

    import viz
    from engine import topological_order
    from nn import (
        MLP,
        Adam,
        accuracy,
        binary_cross_entropy,
        quantize,
        summary,
        train,
        train_test_split,
        training_step,
    )

SHAPES = [(1, 1, 1), (2, 4, 1), (3, 5, 2), (8, 16, 3), (16, 32, 10)]
LARGER = [(64, 64, 10), (64, 128, 10), (128, 64, 10)]
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
TABLED = (2, 4, 1)
POINTS, TEST, NOISE = 600, 400, 0.2
HIDDEN, EPOCHS = 32, 300
NOTABLE = 0.01  # a loss of accuracy that one would notice


class Count(NamedTuple):
    """What was counted in one model."""

    parameters: int
    float64: int
    float32: int
    int8: int
    products: int
    error: float  # of int8, in the outputs, as a share of their size


def formula(d: int, h: int, o: int) -> int:
    """The notes' number of parameters."""
    return h * (d + 1) + o * (h + 1)


def count(d: int, h: int, o: int, seed: int) -> Count:
    """Count in a model with d inputs, h hidden neurons and o outputs."""
    model = MLP(d, [h, o], activation="tanh", init="xavier_uniform", rng=seed, fused=False)
    bytes_of = {name: model.vectorized(name).buffer.whole.data.nbytes for name in ("f8", "f4")}
    coarse = quantize(model)
    return Count(
        len(model.parameters()),
        bytes_of["f8"],
        bytes_of["f4"],
        sum(layer.q.nbytes for layer in coarse.layers),
        products(model, d),
        error_of(model, coarse, d, seed),
    )


def products(model: MLP, d: int) -> int:
    """How many products of two numbers are in the graph of one forward pass."""
    out = model([1.0] * d)
    nodes = {node for root in (out if isinstance(out, list) else [out])
             for node in topological_order(root)}  # fmt: skip
    return sum(node._op == "*" for node in nodes)


def error_of(model: MLP, coarse: Any, d: int, seed: int) -> float:
    """How far int8 moves the outputs for random inputs: root mean squares."""
    inputs = np.random.default_rng(seed).normal(size=(200, d))
    exact, rounded = model.vectorized()(inputs).data, coarse(inputs).data
    return float(np.sqrt(np.mean((rounded - exact) ** 2) / np.mean(exact**2)))


class Rounded(NamedTuple):
    """A trained classifier, the same in int8, and how both do on points that are new to them."""

    model: Any
    coarse: Any
    points: tuple[Any, Any]

    @property
    def accuracies(self) -> tuple[float, float]:
        """The shares of right answers: as float64 and as int8."""
        x, t = self.points
        return accuracy(self.model(x), t), accuracy(self.coarse(x), t)

    @property
    def changed(self) -> float:
        """The share of answers that are others in int8."""
        x, _ = self.points
        return 1 - accuracy(self.coarse(x), self.model(x).data > 0)


def classify(seed: int) -> Rounded:
    """Learn to tell two moons apart, and store what was learnt in int8."""
    points, signs = moons(POINTS + TEST, NOISE, random.Random(seed))
    classes = (np.array(signs) > 0).astype(float)
    x, x_test, t, t_test = train_test_split(np.array(points), classes, TEST, rng=seed)
    model = MLP(2, [HIDDEN, 1], init="he_normal", rng=seed).vectorized()
    step = training_step(model, binary_cross_entropy, Adam(model.parameters(), 0.03))
    for _ in train(step, x, t, epochs=EPOCHS):
        pass
    return Rounded(model, quantize(model), (x_test, t_test))


def costs(seed: int, quick: bool) -> Finding:
    """W10."""
    shapes = SHAPES if quick else SHAPES + LARGER
    counts = {shape: count(*shape, seed) for shape in shapes}
    right = [
        c.parameters == formula(*shape)
        and (c.float64, c.float32, c.int8) == (8 * c.parameters, 4 * c.parameters, c.parameters)
        and c.products == shape[0] * shape[1] + shape[1] * shape[2]
        for shape, c in counts.items()
    ]
    worst = max(c.error for c in counts.values())
    trained = [classify(s) for s in range(seed, seed + (8 if quick else 20))]
    exact, rounded = (interval([r.accuracies[i] for r in trained]) for i in (0, 1))
    lost = interval([r.accuracies[0] - r.accuracies[1] for r in trained])
    changed = max(r.changed for r in trained)
    stored = trained[0].coarse
    one_each = all(
        layer.q.itemsize == 1 and layer.q.nbytes == layer.q.size for layer in stored.layers
    )
    rows = [
        (f"{d}-{h}-{o}", c.parameters, formula(d, h, o), c.float64, c.float32, c.int8, c.products)
        for (d, h, o), c in counts.items()
    ]
    head = ["d-h-o", "parameters", "h(d+1)+o(h+1)", "float64", "float32", "int8", "products"]
    text = f"""\
{table(head, rows)}

Bytes are those of the arrays. The products of one forward pass, counted in
its graph, are d·h + h·o, and the cost of all else is smaller: O(d·h + h·o).
nn.summary counts layer by layer, the backward pass, too; of {"-".join(map(str, TABLED))}:
{summary(MLP(TABLED[0], list(TABLED[1:]), rng=seed))}

In int8 a parameter is a whole number from −127 to 127 in one byte; each neuron has
one more number, what 1 stands for. That moves the outputs of these untrained
networks by at most {worst:.2%} of their size (root mean square).

Does it still answer rightly? Networks 2-{HIDDEN}-1 that have learnt two moons, on {TEST} new
points, over {len(trained)} seeds:
{
        table(
            ["", "bytes of the parameters", "accuracy"],
            [
                ("float64", 8 * formula(2, HIDDEN, 1), exact),
                ("int8", sum(layer.q.nbytes for layer in stored.layers), rounded),
            ],
        )
    }
In int8 the accuracy is {abs(lost.mean):.4f} ± {lost.margin:.4f} {
        "lower" if lost.mean >= 0 else "higher"
    }; of no network more than {changed:.2%} of
the answers change. With what 1 stands for, all is {stored.nbytes} bytes; with one such number for
each layer instead of each neuron, {quantize(trained[0].model, per="layer").nbytes}."""
    largest = max(counts.values(), key=lambda c: c.parameters)
    return Finding(
        verdict(all(right) and one_each and lost.mean + lost.margin < NOTABLE),
        text,
        {
            "architectures": len(shapes),
            "architectures where all counts are right": sum(right),
            "parameters of the largest": largest.parameters,
            "bytes as float64": largest.float64,
            "bytes as float32": largest.float32,
            "bytes as int8": largest.int8,
            "products of a forward pass of the largest": largest.products,
            "largest error of int8, as a share of the outputs": worst,
            "accuracy as float64": str(exact),
            "accuracy as int8": str(rounded),
            "accuracy lost by int8": str(lost),
            "answers that int8 changes, at most": f"{changed:.2%}",
        },
        [
            (
                "w10-network.svg",
                lambda dark: draw_counted(seed, dark),
                "3·(2 + 1) + 1·(3 + 1) = 13: a line is a weight, a circle with a number a bias",
            ),
            ("w10-bytes.svg", lambda dark: draw_bytes(seed, dark), "bytes against hidden neurons"),
            (
                "w10-int8.svg",
                both(trained[0]),
                "the same network with 8 bytes for each parameter and with 1",
            ),
        ],
    )


def draw_counted(seed: int, dark: bool) -> Any:
    """A network small enough to count its parameters in the picture."""
    state = MLP(2, [3, 1], init="xavier_uniform", rng=seed).state_dict()
    layers = [(state[f"layers.{i}.weight"], state[f"layers.{i}.bias"]) for i in range(2)]
    return viz.draw_network(layers, ["x1", "x2"], ["o"], title="Network 2-3-1", dark=dark)


def draw_bytes(seed: int, dark: bool) -> Any:
    """The bytes of networks with 8 inputs and 3 outputs."""
    counts = [(h, count(8, h, 3, seed)) for h in WIDTHS]
    series = {
        kind: [(h, getattr(c, kind)) for h, c in counts] for kind in ("float64", "float32", "int8")
    }
    return viz.draw_curve(
        series, title="Network 8-h-3", x_label="hidden neurons h", y_label="bytes", dark=dark
    )


def both(found: Rounded) -> Callable[[bool], Any]:
    """What draws a trained network in the plane, as float64 and as int8."""
    models = {"float64": found.model, "int8": found.coarse}
    classifiers = {title: in_the_plane(model) for title, model in models.items()}
    x, t = (each.tolist() for each in found.points)
    return lambda dark: viz.draw_regions(classifiers, x, t, dark=dark)


CLAIMS = [
    Claim(
        "W10",
        "What a network costs",
        "A network with d inputs, h hidden neurons and o outputs has h·(d + 1) + o·(h + 1) "
        "parameters, of 4 bytes each as float32 and 1 byte as int8, and a forward pass costs "
        "O(d·h + h·o).",
        costs,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
