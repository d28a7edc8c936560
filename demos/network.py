"""What a network is made of, and what its forward pass keeps for the backward pass.

Run it as ``python demos/network.py``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, interval, lesson, table, verdict
    from numpy.typing import NDArray

    import viz
    from engine import TABLE, Symbol, Tensor, Value, count_paths, gradient, topological_order
    from engine.symbol import SymbolMathematics
    from nn import MLP

WIDTHS = (3, 4, 3, 2)  # of the network whose paths are counted
BATCH = 200  # inputs for which a network is compared with a linear map
NEURONS, SAMPLES = 3, 5  # of the network whose stored values are spoilt
ACTIVATIONS = ("sigmoid", "tanh", "relu", "softplus", "exp")

Array = NDArray[np.float64]


# -- W1 -------------------------------------------------------------------------------------------


def structure(seed: int, quick: bool) -> Finding:
    """W1."""
    nodes = layers_of(MLP(WIDTHS[0], list(WIDTHS[1:]), activation="tanh", rng=seed))
    places = [f"hidden layer {i}" if i else "the inputs" for i in range(len(WIDTHS) - 1)]
    found = [reach(layer, nodes[-1]) for layer in nodes[:-1]]
    products = [math.prod(WIDTHS[i + 1 : -1]) for i in range(len(WIDTHS) - 1)]
    whole = all(
        paths == {product} and active == pairs
        for (paths, active, pairs), product in zip(found, products, strict=True)
    )
    seeds = range(seed, seed + (10 if quick else 40))
    apart = {a: [misfit(a, s) for s in seeds] for a in ("none", "tanh", "relu")}
    linear, bent = max(apart["none"]), {a: interval(apart[a]) for a in ("tanh", "relu")}
    product = max(distance_from_product(s) for s in seeds)
    edges = sum(a * b for a, b in zip(WIDTHS, WIDTHS[1:], strict=False))
    text = f"""\
A network {"-".join(map(str, WIDTHS))}: {WIDTHS[0]} inputs, {len(WIDTHS) - 2} hidden layers, {
        WIDTHS[-1]
    } outputs. Hidden layers are those
between: no data set has values for them. All layers are fully connected, with
{edges} weights. In the graph of one forward pass:

{
        table(
            ["from each of", "paths to each output", "widths between", "derivative not 0"],
            [
                (place, " or ".join(map(str, sorted(paths))), product, f"{active} of {pairs}")
                for place, (paths, active, pairs), product in zip(
                    places, found, products, strict=True
                )
            ],
        )
    }

Without activations the layers are one linear map, W = W3·W2·W1 and one bias: its
answers and the network's are at most {product:.0e} apart. How far a network is from
the best linear map, as a share of its outputs' spread, {len(seeds)} starts:

{
        table(
            ["activation", "misfit"],
            [("none", f"at most {linear:.0e}"), *((a, x) for a, x in bent.items())],
        )
    }"""
    drawn = MLP(2, [2, 1], activation="tanh", init="xavier_uniform", rng=seed + 8)
    return Finding(
        verdict(
            whole
            and max(linear, product) < 1e-12
            and all(x.mean - x.margin > 0.01 for x in bent.values())
        ),
        text,
        {
            f"paths to an output from one of {place}": max(paths)
            for place, (paths, _, _) in zip(places, found, strict=True)
        }
        | {"weights": edges, "largest distance of the network and one matrix": product}
        | {"misfit of a linear map, no activation": linear}
        | {f"misfit of a linear map, {a}": str(x) for a, x in bent.items()},
        [
            (
                "w01-network.svg",
                lambda dark: viz.draw_network(
                    drawn, ["x0", "x1"], ["o"], hidden=[["h0", "h1"]], dark=dark
                ),
                "a network: an edge for each weight, from every neuron to every one of the next "
                "layer",
            ),
            (
                "w01-graph.svg",
                lambda dark: viz.draw(forward(drawn), dark=dark),
                "the same model as a computation graph: z is a weighted sum, h its activation",
            ),
            (
                "w01-neurons.svg",
                lambda dark: viz.draw(forward(drawn), expand=False, dark=dark),
                "that graph with one card for each neuron: the network again",
            ),
            (
                "w01-steps.html",
                lambda _: viz.play(forward(drawn)),
                "the computation graph, one step at a time",
            ),
            (
                "w01-lines.svg",
                lambda dark: draw_lines(seed, dark),
                "without an activation function a deep network is a straight line",
            ),
        ],
    )


def layers_of(model: MLP) -> list[list[Value]]:
    """The inputs of a forward pass and every layer's outputs, as nodes of its graph."""
    nodes: list[Any] = [[Value(0.5 - i, label=f"x{i}") for i in range(WIDTHS[0])]]
    for layer in model.layers:
        h = layer(nodes[-1])
        nodes.append(h if isinstance(h, list) else [h])
    return nodes


def reach(layer: Sequence[Value], outputs: Sequence[Value]) -> tuple[set[int], int, int]:
    """The numbers of paths from a node to an output; how many pairs have a derivative; all pairs.

    The pairs are those of a node of a layer and an output.
    """
    pairs = [(node, o) for node in layer for o in outputs]
    slopes = [gradient(o, node) for node, o in pairs]
    return {count_paths(o, node) for node, o in pairs}, sum(map(bool, slopes)), len(pairs)


def misfit(activation: str, seed: int) -> float:
    """How far a network is from the best linear map of its inputs, as a share of its spread."""
    rng = np.random.default_rng(seed)
    x, outputs = rng.normal(size=(BATCH, WIDTHS[0])), answers(activation, seed)
    y = outputs(x)
    columns = np.column_stack([x, np.ones(BATCH)])
    best = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    spread = float(np.mean((y - y.mean(0)) ** 2))
    return math.sqrt(float(np.mean((y - best) ** 2)) / spread) if spread else 0.0


def distance_from_product(seed: int) -> float:
    """How far a network without activations is from the product of its matrices."""
    state = MLP(WIDTHS[0], list(WIDTHS[1:]), rng=seed).state_dict()
    matrix, bias = np.eye(WIDTHS[0]), np.zeros(WIDTHS[0])
    for i in range(len(WIDTHS) - 1):
        w, b = state[f"layers.{i}.weight"], state[f"layers.{i}.bias"]
        matrix, bias = w @ matrix, w @ bias + b
    x = np.random.default_rng(seed).normal(size=(BATCH, WIDTHS[0]))
    return float(np.abs(x @ matrix.T + bias - answers("none", seed)(x)).max())


def answers(activation: str, seed: int) -> Any:
    """What a fresh network says, as a function of many inputs; "none" leaves activations out."""
    known = "tanh" if activation == "none" else activation
    model = MLP(WIDTHS[0], list(WIDTHS[1:]), activation=known, rng=seed)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.nonlin = neuron.nonlin and activation != "none"
    return lambda x: np.array([[o.data for o in model(row)] for row in x.tolist()])


def forward(model: MLP) -> Value:
    """The output for one sample, with its gradients."""
    o: Value = model([Value(1.0, label="x0"), Value(-0.5, label="x1")])
    o.label = "o"
    model.zero_grad()  # of the picture before
    o.backward()
    return o


def draw_lines(seed: int, dark: bool) -> Any:
    """What networks with and without an activation say along a line through their inputs."""
    t = np.linspace(-3, 3, 121)
    x = np.stack([t, -t, t], axis=1)
    names = {"none": "no activation", "tanh": "tanh", "relu": "ReLU"}
    series = {
        name: list(zip(t.tolist(), answers(a, seed)(x)[:, 0].tolist(), strict=True))
        for a, name in names.items()
    }
    return viz.draw_curve(series, x_label="t: the inputs are t, −t and t", y_label="o0", dark=dark)


# -- W5 -------------------------------------------------------------------------------------------


def storing(seed: int, quick: bool) -> Finding:
    """W5."""
    orderly, nodes = layer_by_layer(seed)
    used = {activation: needed(activation, seed) for activation in ACTIVATIONS}
    formulas = {activation: derivative(activation) for activation in ACTIVATIONS}
    agree = {a: (re.search(r"\bz\b", formulas[a]) is not None) == ("z1" in used[a]) for a in used}
    stored, one = passed("sigmoid", seed), used["sigmoid"]
    total, kept = sum(x.size for x in stored.values()), sum(stored[name].size for name in one)
    text = f"""\
Of the {nodes} values computed in a network {
        "-".join(map(str, WIDTHS))
    }, those that take only their own
layer's parameters and the outputs of the layer before: {orderly}.

In a network 2-{NEURONS}-{NEURONS}-1, with {
        SAMPLES
    } samples, each value was spoilt in turn between the two
passes. Which are needed, so that the gradients of all parameters come out right?

{
        table(
            ["value", "numbers", *ACTIVATIONS],
            [
                (name, stored[name].size, *("needs" if name in used[a] else "·" for a in used))
                for name in stored
            ],
        )
    }

With sigmoid it needs {kept} of {total} numbers: not the sums z, whose slope it finds from h.
(W1 is needed for nothing but the gradients of the inputs.) The rules tell why: z is
needed where the derivative has it.

{
        table(
            ["activation", "dh/dz in the rule", "needs z, measured", "as the rule says"],
            [
                (a, f, "yes" if "z1" in used[a] else "no", "yes" if agree[a] else "no")
                for a, f in formulas.items()
            ],
        )
    }"""
    return Finding(
        verdict(orderly == nodes and all(agree.values()) and {"h1", "h2"} <= set(one)),
        text,
        {
            "nodes of the graph": nodes,
            "nodes that take only their layer and the one before": orderly,
            "numbers stored": total,
        }
        | {
            f"numbers needed by the backward pass, {a}": sum(stored[name].size for name in names)
            for a, names in used.items()
        },
        [
            (
                "w05-stored.svg",
                lambda dark: draw_stored(dark),
                "a neuron and an output: dashed arrows lead from a stored value to where the "
                "backward pass needs it; none comes from z",
            ),
            (
                "w05-steps.html",
                lambda _: stepped(),
                "the same, one step at a time: forward, then backward",
            ),
        ],
    )


def layer_by_layer(seed: int) -> tuple[int, int]:
    """How many nodes take only values of their own layer and outputs of the one before; of all."""
    nodes = layers_of(MLP(WIDTHS[0], list(WIDTHS[1:]), activation="sigmoid", rng=seed))
    before: dict[Value, int] = {h: i for i, layer in enumerate(nodes) for h in layer}
    computed = [
        n for n in topological_order(sum(nodes[-1][1:], nodes[-1][0])) if n.scope and n.args
    ]

    def place(node: Value) -> int:
        return int(node.scope.split(".")[1]) + 1

    right = [
        all(before[x] == place(n) - 1 if x in before and x not in nodes[place(n)]
            else place(x) == place(n) for x in n.args)
        for n in computed
    ]  # fmt: skip
    return sum(right), len(computed)


def passed(activation: str, seed: int) -> dict[str, Tensor]:
    """A forward pass on arrays: all that it was given and has computed, by name."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> Tensor:
        return Tensor(rng.normal(size=shape))

    given = {
        "x": drawn(SAMPLES, 2), "W1": drawn(2, NEURONS), "b1": drawn(NEURONS),
        "W2": drawn(NEURONS, NEURONS), "b2": drawn(NEURONS), "v": drawn(NEURONS, 1), "c": drawn(1),
        "y": drawn(SAMPLES, 1),
    }  # fmt: skip
    z1 = given["x"] @ given["W1"] + given["b1"]
    h1 = getattr(z1, activation)()
    z2 = h1 @ given["W2"] + given["b2"]
    h2 = getattr(z2, activation)()
    o = h2 @ given["v"] + given["c"]
    error = o - given["y"]
    loss = (error**2).mean()
    computed = {"z1": z1, "h1": h1, "z2": z2, "h2": h2, "o": o, "o − y": error, "L": loss}
    return given | computed


def gradients(values: dict[str, Tensor]) -> list[Array]:
    """The gradients of all parameters."""
    values["L"].backward()
    return [np.array(values[name].grad) for name in ("W1", "b1", "W2", "b2", "v", "c")]


def needed(activation: str, seed: int) -> list[str]:
    """The values without which the gradients come out otherwise."""
    right, found = gradients(passed(activation, seed)), []
    for name in passed(activation, seed):
        values = passed(activation, seed)
        stored = values[name].data
        stored[...] = -stored - 1
        if not all(map(np.array_equal, gradients(values), right)):
            found.append(name)
    return found


def derivative(activation: str) -> str:
    """dh/dz as its rule has it, in h and z."""
    (partial,) = TABLE[activation].partials
    return str(partial(SymbolMathematics(), Symbol("h"), Symbol("z")))


def chain() -> tuple[Value, list[Value]]:
    """The loss of one hidden neuron and one output, and its parameters."""
    w, b, v, c = (
        Value(number, label=name, role="parameter")
        for name, number in (("w", 0.8), ("b", -0.3), ("v", 1.5), ("c", 0.2))
    )
    z = w * Value(1.0, label="x") + b
    h = z.sigmoid()
    o = v * h + c
    error = o - Value(1.0, label="y", role="constant")
    loss = error**2
    z.label, h.label, o.label, error.label, loss.label = "z", "h", "o", "e", "L"
    return loss, [w, b, v, c]


def stepped() -> Any:
    """Both passes to step through; on paper the second has been."""
    loss, _ = chain()
    loss.backward()
    return viz.play(loss)


def draw_stored(dark: bool) -> Any:
    """Both passes, and what the second takes from the first."""
    loss, parameters = chain()
    return viz.draw_backward(loss, parameters, dark=dark)


CLAIMS = [
    Claim(
        "W1",
        "Neurons, layers, activations",
        "A hidden layer is one between the inputs and the outputs. In a fully connected layer "
        "every neuron gets every output of the layer before. Without activation functions all "
        "layers together are one linear map.",
        structure,
    ),
    Claim(
        "W5",
        "Forward propagation",
        "The forward pass computes layer by layer, from the inputs to the outputs, and stores the "
        "intermediate values that the backward pass needs.",
        storing,
    ),
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
