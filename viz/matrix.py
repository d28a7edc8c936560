"""Backpropagation through one hidden layer in matrix form, read off a graph and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine import Rule, Symbol, Value, gradient, topological_order
from engine.paths import send

from .formulas import FORMULAS, simplified
from .script import Latex, Script

_PLACE = re.compile(r"layers\.(\d+)\.neurons\.(\d+)")
TOLERANCE = 1e-9  # relative: within it the matrix form is the engine's gradient

Matrix = list[list[float]]


@dataclass(frozen=True)
class LayerNodes:
    """The nodes of a layer for one sample: z = W·x + b, neuron by neuron."""

    z: list[Value]
    weights: list[list[Value]]
    inputs: list[Value]
    biases: list[Value]


@dataclass(frozen=True)
class Network:
    """A hidden layer with an activation, and an output layer, for one sample."""

    hidden: LayerNodes
    output: LayerNodes
    activation: Rule

    @property
    def parameters(self) -> set[Value]:
        """All weights and biases."""
        layers = (self.hidden, self.output)
        return {w for layer in layers for row in layer.weights for w in row} | {
            b for layer in layers for b in layer.biases
        }


@dataclass(frozen=True)
class MatrixForm:
    """The gradients of a network's parameters by matrix products.

    Attributes:
        delta: for the hidden layer and the output layer, ∂J/∂z.
        gradients: for both layers, ∂J/∂W.
        penalty: for both layers, what a penalty adds to ∂J/∂W, λ·W; None if it is not that.
        difference: the largest |difference| from the engine's gradients.
    """

    network: Network
    root: Value
    delta: tuple[list[float], list[float]]
    gradients: tuple[Matrix, Matrix]
    penalty: tuple[float | None, float | None]
    difference: float

    def lines(self, script: Script) -> Iterator[list[str] | str]:
        """The formulas with their numbers, sides of equations and words."""
        net, latex = self.network, isinstance(script, Latex)
        dot = r" \, " if latex else "·"
        w = [script.layer("W", 1), script.layer("W", 2)]
        b = [script.layer("b", 1), script.layer("b", 2)]
        d = [script.layer(r"\delta" if latex else "δ", n) for n in (1, 2)]
        z, h, x, o = script.layer("z", 1), "h", "x", "o"
        phi = script.write(Symbol(head=net.activation, args=(Symbol(z),)))
        yield [x, column(script, [node.data for node in net.hidden.inputs])]
        for name, layer in zip(w, (net.hidden, net.output), strict=True):
            yield [name, script.matrix([[v.data for v in row] for row in layer.weights])]
        yield [z, f"{w[0]}{dot}{x} + {b[0]}", column(script, [v.data for v in net.hidden.z])]
        yield [h, phi, column(script, [v.data for v in net.output.inputs])]
        yield [o, f"{w[1]}{dot}{h} + {b[1]}", column(script, [v.data for v in net.output.z])]
        yield [d[1], script.derivative("J", o), column(script, self.delta[1])]
        back = f"{w[1]}{script.transposed}{dot}{d[1]}"
        yield [d[0], f"({back}){script.times}{self.slope(script)}", column(script, self.delta[0])]
        for n, above in ((1, h), (0, x)):
            product = f"{d[n]}{dot}{above}{script.transposed}"
            sides = [script.derivative("J", w[n]), product + self.decay(script, n, w[n])]
            yield [*sides, script.matrix(self.gradients[n])]
        for n in (1, 0):
            yield [script.derivative("J", b[n]), d[n], column(script, self.delta[n])]
        yield f"Largest difference from the engine's gradients: {self.difference:.1e}."

    def slope(self, script: Script) -> str:
        """The activation's derivative, entry by entry, in parentheses."""
        z, h = Symbol(script.layer("z", 1)), Symbol("h")
        (formula,) = self.network.activation.differentiate(FORMULAS, h, [z])
        text = script.write(simplified(formula))
        return "(" + text.replace("·", script.times).replace(r" \cdot ", script.times) + ")"

    def decay(self, script: Script, layer: int, weights: str) -> str:
        """What a penalty adds to the gradient of the weights."""
        strength = self.penalty[layer]
        if strength == 0:
            return ""
        if strength is None:
            return " + " + script.derivative("s", weights)
        dot = r" \, " if isinstance(script, Latex) else "·"
        return f" + {script.number(strength)}{dot}{weights}"


def column(script: Script, entries: Sequence[float]) -> str:
    """A column vector."""
    if isinstance(script, Latex):
        return script.matrix([[entry] for entry in entries])
    return f"[{', '.join(map(script.number, entries))}]ᵀ"


# ---------------------------------------------------------------- reading the graph


def find_network(order: Sequence[Value]) -> Network | None:
    """The network with one hidden layer that a graph is of, if it is of one, for one sample."""
    layers: dict[int, dict[int, Value]] = {}
    for node in order:
        place = _PLACE.fullmatch(node.scope)
        if place and node.rule and node.rule.name == "affine":
            neurons = layers.setdefault(int(place[1]), {})
            if int(place[2]) in neurons:
                return None  # several samples
            neurons[int(place[2])] = node
    if sorted(layers) != [0, 1]:
        return None
    hidden, output = (layer_nodes([layers[i][j] for j in sorted(layers[i])]) for i in (0, 1))
    if hidden is None or output is None or len(output.inputs) != len(hidden.z):
        return None
    rows = {h.rule for h in output.inputs}
    activation = rows.pop()
    if rows or activation is None or activation.arity != 1 or activation.variadic:
        return None
    if activation.params or [h.args for h in output.inputs] != [(z,) for z in hidden.z]:
        return None
    return Network(hidden, output, activation)


def layer_nodes(neurons: Sequence[Value]) -> LayerNodes | None:
    """The layer that weighted sums make up, if they have the same inputs."""
    count = (len(neurons[0].args) - 1) // 2
    inputs = neurons[0].args[count : 2 * count]
    if any(z.args[count : 2 * count] != inputs for z in neurons):
        return None
    return LayerNodes(
        list(neurons),
        [list(z.args[:count]) for z in neurons],
        list(inputs),
        [z.args[-1] for z in neurons],
    )


# ---------------------------------------------------------------- computing


def matrix_form(network: Network, root: Value) -> MatrixForm | None:
    """The gradients by matrix products; None if the engine's differ, as with other uses of h."""
    hidden, output = network.hidden, network.output
    top = [float(d) for d in gradient(root, output.z)]
    columns = zip(*output.weights, strict=True)
    back = [sum(w.data * d for w, d in zip(col, top, strict=True)) for col in columns]
    slopes = [h.partials[0] for h in output.inputs]
    below = [send(slope, d) for slope, d in zip(slopes, back, strict=True)]
    penalties = penalty_gradients(network, root)
    gradients, strengths, difference = [], [], 0.0
    for layer, delta, extra in ((hidden, below, penalties[0]), (output, top, penalties[1])):
        outer = [[d * x.data for x in layer.inputs] for d in delta]
        found = [
            [a + b for a, b in zip(*rows, strict=True)] for rows in zip(outer, extra, strict=True)
        ]
        for row, weights in zip(found, layer.weights, strict=True):
            difference = max(difference, *apart(row, gradient(root, weights)))
        difference = max(difference, *apart(delta, gradient(root, layer.z)))
        gradients.append(found)
        strengths.append(strength(extra, layer.weights))
    largest = max(abs(x) for found in gradients for row in found for x in row)
    if not difference <= TOLERANCE * max(largest, 1e-300):
        return None
    return MatrixForm(
        network,
        root,
        (below, top),
        (gradients[0], gradients[1]),
        (strengths[0], strengths[1]),
        difference,
    )


def penalty_gradients(network: Network, root: Value) -> tuple[Matrix, Matrix]:
    """What the weights' other uses than in their layer add to ∂root/∂W."""
    order = topological_order(root)
    slopes = gradient(root, order)
    own = {*network.hidden.z, *network.output.z}
    direct = dict.fromkeys(network.parameters, 0.0)
    for node, slope in zip(order, slopes, strict=True):
        if node not in own and any(arg in direct for arg in node.args):
            for arg, partial in zip(node.args, node.partials, strict=True):
                if arg in direct:
                    direct[arg] += send(partial, slope)
    layers = (network.hidden, network.output)
    hidden, output = ([[direct[w] for w in row] for row in layer.weights] for layer in layers)
    return hidden, output


def strength(extra: Matrix, weights: Sequence[Sequence[Value]]) -> float | None:
    """The λ with extra = λ·W; None if there is none."""
    pairs = [(e, w.data) for es, ws in zip(extra, weights, strict=True)
             for e, w in zip(es, ws, strict=True)]  # fmt: skip
    size = sum(w * w for _, w in pairs)
    ratio = sum(e * w for e, w in pairs) / size if size else 0.0
    fits = all(math.isclose(e, ratio * w, rel_tol=1e-9, abs_tol=1e-300) for e, w in pairs)
    return ratio if fits else None


def apart(found: Sequence[float], expected: Sequence[float]) -> list[float]:
    """How far numbers are from what they should be."""
    return [abs(a - b) for a, b in zip(found, expected, strict=True)]
