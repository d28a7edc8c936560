"""Backpropagation through one hidden layer: by hand, by the engine, by differences.

Run it as ``python demos/backprop.py``. The network has no biases, as in the notes: z = Wx,
h = σ(z), o = v·h, L = ½(y − o)², s = ½λ(‖W‖² + ‖v‖²), J = L + s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, lesson, table, verdict
    from numpy.typing import NDArray

    import viz
    from engine import Value, dot

NIN, HIDDEN = 2, 2
STEP = 1e-5  # of a central difference: its error is about STEP² and 1e-16 / STEP
AGREE = 1e-7  # how far a difference may be off

Array = NDArray[np.float64]


class Problem(NamedTuple):
    """Numbers for W, v, x, y and λ."""

    w: Array
    v: Array
    x: Array
    y: float
    decay: float


class Graph(NamedTuple):
    """The same as nodes, with what is computed from them."""

    w: list[list[Value]]
    v: list[Value]
    o: Value
    error: Value
    penalty: Value
    loss: Value

    @property
    def parameters(self) -> list[Value]:
        """W row by row, then v."""
        return [*(w for row in self.w for w in row), *self.v]


def problem(rng: np.random.Generator) -> Problem:
    """A network and a sample, drawn at random."""
    return Problem(
        rng.normal(size=(HIDDEN, NIN)), rng.normal(size=HIDDEN), rng.normal(size=NIN),
        float(rng.normal()), 0.1,
    )  # fmt: skip


# -- three ways -----------------------------------------------------------------------------------


def by_hand(p: Problem) -> tuple[float, Array]:
    """∂J/∂o, and the gradient of all parameters, from the chain rule as one writes it on paper."""
    h = 1 / (1 + np.exp(-p.w @ p.x))
    do = float(p.v @ h) - p.y  # ∂J/∂o = o − y
    dv = do * h + p.decay * p.v
    dz = do * p.v * h * (1 - h)
    dw = np.outer(dz, p.x) + p.decay * p.w
    return do, np.concatenate([dw.ravel(), dv])


def build(p: Problem) -> Graph:
    """The computation as a graph, with the notes' names."""
    x = [Value(x, label=f"x{j + 1}") for j, x in enumerate(p.x.tolist())]
    w = [
        [Value(a, label=f"w{i + 1}{j + 1}", role="parameter") for j, a in enumerate(row)]
        for i, row in enumerate(p.w.tolist())
    ]
    v = [Value(w, label=f"v{i + 1}", role="parameter") for i, w in enumerate(p.v.tolist())]
    z = [dot(row, x) for row in w]
    h = [node.sigmoid() for node in z]
    o = dot(v, h)
    parameters = [*(node for row in w for node in row), *v]
    error, penalty = (o - p.y) ** 2 / 2, p.decay / 2 * dot(parameters, parameters)
    loss = error + penalty
    for i, (a, b) in enumerate(zip(z, h, strict=True), start=1):
        a.label, b.label = f"z{i}", f"h{i}"
    o.label, error.label, penalty.label, loss.label = "o", "L", "s", "J"
    return Graph(w, v, o, error, penalty, loss)


def above(p: Problem, graph: Graph) -> Value:
    """The part of the graph that leads from o and s to J, as a graph of its own."""
    o, s = Value(graph.o.data, label="o"), Value(graph.penalty.data, label="s")
    error = o - Value(p.y, label="y", role="constant")
    squared = error**2
    half = squared / 2
    loss: Value = half + s
    error.label, squared.label, half.label, loss.label = "o − y", "(o − y)²", "L", "J"
    loss.backward()
    return loss


def objective(p: Problem, parameters: Array) -> float:
    """J, computed with nothing but NumPy."""
    w, v = parameters[: HIDDEN * NIN].reshape(HIDDEN, NIN), parameters[HIDDEN * NIN :]
    o = v @ (1 / (1 + np.exp(-w @ p.x)))
    return float((p.y - o) ** 2 / 2 + p.decay / 2 * parameters @ parameters)


def by_differences(f: Callable[[Array], float], x: Array) -> Array:
    """The gradient of a function by central differences."""
    steps = STEP * np.eye(len(x))
    return np.array([(f(x + d) - f(x - d)) / (2 * STEP) for d in steps])


def output_by_differences(p: Problem, o: float) -> float:
    """∂J/∂o by a central difference: only L depends on o."""
    (slope,) = by_differences(lambda x: float((p.y - x[0]) ** 2 / 2), np.array([o]))
    return float(slope)


# -- W6 -------------------------------------------------------------------------------------------


def chain_rule(seed: int, quick: bool) -> Finding:
    """W6."""
    rng = np.random.default_rng(seed)
    example = problem(rng)
    graph = build(example)
    graph.loss.backward()
    engine = np.array([w.grad for w in graph.parameters])
    do, hand = by_hand(example)
    parameters = np.concatenate([example.w.ravel(), example.v])
    differences = by_differences(partial(objective, example), parameters)
    slope = output_by_differences(example, graph.o.data)
    rows = zip(
        [w.label for w in graph.parameters], formulas(), hand, engine, differences, strict=True
    )
    apart, off, signs = compare(rng, 50 if quick else 500)
    text = f"""\
One network, one sample: J = {graph.loss.data:.6f}, o = {graph.o.data:.6f}, y = {example.y:.6f}

{
        table(
            ["∂J/∂", "by the chain rule", "by hand", "engine", "differences"],
            [(name, formula, *(f"{x:+.8f}" for x in three)) for name, formula, *three in rows],
        )
    }

The first factor of all of them, ∂J/∂o:
  the notes write   y − o = {-do:+.9f}
  by hand           o − y = {do:+.9f}
  the engine                {graph.o.grad:+.9f}
  differences               {slope:+.9f}
The notes have the right size and the other sign: ½(y − o)² has the inner
derivative −1. With y − o, a step against the gradient would walk uphill.

Over {len(apart)} random networks, all parameters:
  engine against hand         at most {max(apart):.1e} apart
  differences against engine  at most {max(off):.1e} apart
  ∂J/∂o has the sign of o − y in {sum(signs)} of {len(signs)}"""
    right = max(apart) < 1e-12 and max(off) < AGREE
    return Finding(
        verdict(right and all(signs), "∂J/∂o is o − y, not y − o"),
        text,
        {
            "∂J/∂o in the notes, y − o": -do,
            "∂J/∂o by hand, o − y": do,
            "∂J/∂o by the engine": graph.o.grad,
            "∂J/∂o by differences": slope,
            "networks": len(apart),
            "largest distance, engine and hand": max(apart),
            "largest distance, engine and differences": max(off),
            "networks where ∂J/∂o has the sign of o − y": sum(signs),
        },
        [
            (
                "w06-graph.svg",
                lambda dark: viz.draw(above(example, graph), dark=dark),
                "J = L + s as a graph, from o and s on: on each edge its local derivative, as wide "
                "as what is sent back along it",
            ),
            (
                "w06-network.svg",
                lambda dark: viz.draw(graph.o, dark=dark),
                "below o: the network, with the gradients of J",
            ),
            (
                "w06-backward.svg",
                lambda dark: viz.draw_backward(graph.error, [graph.w[0][0], graph.v[0]], dark=dark),
                "the backward pass of L for w11 and v1 above the forward pass that it uses",
            ),
            ("w06-steps.html", lambda _: viz.play(graph.loss), "the same, one step at a time"),
        ],
    )


def formulas() -> list[str]:
    """The chain rule's answer for every parameter, in symbols."""
    units, inputs = range(1, HIDDEN + 1), range(1, NIN + 1)
    hidden = [f"(o − y)·v{i}·h{i}·(1 − h{i})·x{j} + λ·w{i}{j}" for i in units for j in inputs]
    return [*hidden, *(f"(o − y)·h{i} + λ·v{i}" for i in units)]


def compare(rng: Any, times: int) -> tuple[list[float], list[float], list[bool]]:
    """Over random networks: engine − hand, differences − engine, and whose sign ∂J/∂o has."""
    apart, off, signs = [], [], []
    for _ in range(times):
        p = problem(rng)
        graph = build(p)
        graph.loss.backward()
        engine = np.array([w.grad for w in graph.parameters])
        do, hand = by_hand(p)
        parameters = np.concatenate([p.w.ravel(), p.v])
        differences = by_differences(partial(objective, p), parameters)
        apart.append(float(np.abs(engine - hand).max()))
        off.append(float(np.abs(differences - engine).max()))
        slope = output_by_differences(p, graph.o.data)
        signs.append(slope * do > 0 and graph.o.grad * do > 0 or abs(do) < AGREE)
    return apart, off, signs


CLAIMS = [
    Claim(
        "W6",
        "Backpropagation is the chain rule",
        "For a network with one hidden layer, the loss L = ½(y − o)² and a penalty s on the "
        "weights, the gradient of J = L + s follows from the chain rule, backwards from J by way "
        "of L and s, o, h and z. The notes begin with ∂J/∂o = y − o.",
        chain_rule,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
