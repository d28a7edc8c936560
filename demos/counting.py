"""What a multilayer perceptron costs: parameters, bytes and multiplications, counted.

Run it as ``python demos/counting.py``. Nothing is taken from a formula that is to be tested:
parameters are counted in the model, bytes in its arrays, multiplications in its graph.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, lesson, table, verdict

    import viz
    from engine import topological_order
    from nn import MLP

SHAPES = [(1, 1, 1), (2, 4, 1), (3, 5, 2), (8, 16, 3), (16, 32, 10)]
LARGER = [(64, 64, 10), (64, 128, 10), (128, 64, 10)]
WIDTHS = (1, 2, 4, 8, 16, 32, 64)
BITS = 7  # of an int8, besides its sign


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
    stored = [quantised(p.data) for p in model.vectorized().parameters()]
    return Count(
        len(model.parameters()),
        bytes_of["f8"],
        bytes_of["f4"],
        sum(integers.nbytes for integers, _ in stored),
        products(model, d),
        error_of(model, stored, d, seed),
    )


def quantised(numbers: Any) -> tuple[Any, float]:
    """A layer in int8: whole numbers from −127 to 127, and what one of them stands for."""
    scale = float(np.abs(numbers).max()) / (2**BITS - 1)
    return np.round(numbers / scale).astype(np.int8), scale


def products(model: MLP, d: int) -> int:
    """How many products of two numbers are in the graph of one forward pass."""
    out = model([1.0] * d)
    nodes = {node for root in (out if isinstance(out, list) else [out])
             for node in topological_order(root)}  # fmt: skip
    return sum(node._op == "*" for node in nodes)


def error_of(model: MLP, stored: Any, d: int, seed: int) -> float:
    """How far int8 moves the outputs for random inputs: root mean squares."""
    inputs = np.random.default_rng(seed).normal(size=(200, d))
    twin, coarse = model.vectorized(), model.vectorized()
    for p, (integers, scale) in zip(coarse.parameters(), stored, strict=True):
        p.data[...] = integers * scale
    exact, rounded = twin(inputs).data, coarse(inputs).data
    return float(np.sqrt(np.mean((rounded - exact) ** 2) / np.mean(exact**2)))


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
    rows = [
        (f"{d}-{h}-{o}", c.parameters, formula(d, h, o), c.float64, c.float32, c.int8, c.products)
        for (d, h, o), c in counts.items()
    ]
    head = ["d-h-o", "parameters", "h(d+1)+o(h+1)", "float64", "float32", "int8", "products"]
    text = f"""\
{table(head, rows)}

Bytes are those of the arrays. The products of one forward pass, counted in
its graph, are d·h + h·o, and the cost of all else is smaller: O(d·h + h·o).
In int8 a parameter is a whole number from −127 to 127 in one byte; each layer
has one more number, what 1 stands for. That moves the outputs by at most
{worst:.2%} of their size (root mean square)."""
    largest = counts[shapes[-1]]
    return Finding(
        verdict(all(right)),
        text,
        {
            "architectures": len(shapes),
            "architectures where all counts are right": sum(right),
            "parameters of the largest": largest.parameters,
            "bytes as float64": largest.float64,
            "bytes as float32": largest.float32,
            "bytes as int8": largest.int8,
            "products": largest.products,
            "largest error of int8 in the outputs": worst,
        },
        [
            (
                "w10-network.svg",
                lambda dark: draw_counted(seed, dark),
                "3·(2 + 1) + 1·(3 + 1) = 13: a line is a weight, a circle with a number a bias",
            ),
            ("w10-bytes.svg", lambda dark: draw_bytes(seed, dark), "bytes against hidden neurons"),
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
