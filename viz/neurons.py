"""Which leaves of a graph are which weights of which neurons, by their labels and scopes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engine import Value

_SCOPE = re.compile(r"(?:.*\.)?layers\.(\d+)\.neurons\.(\d+)")
_WEIGHT = re.compile(r"w(\d+)")


def network(order: Sequence[Value]) -> dict[str, Any] | None:
    """The network in a graph: ``layers``, for each neuron its leaves, and names of the ``inputs``.

    A leaf is given by its index in ``order``. None if the graph's parameters are not those of one
    multilayer perceptron whose layers take all that the one before gives.
    """
    neurons: dict[tuple[int, int], dict[str, int]] = {}
    for index, node in enumerate(order):
        if node.role == "parameter" and not node.args:
            match = _SCOPE.fullmatch(str(node.scope))
            if not match:
                return None
            leaves = neurons.setdefault((int(match[1]), int(match[2])), {})
            if str(node.label) in leaves:
                return None
            leaves[str(node.label)] = index
    layers: list[list[dict[str, Any]]] = []
    for layer, neuron in sorted(neurons):
        if neuron == 0:
            layers.append([])
        if layer != len(layers) - 1 or neuron != len(layers[-1]):
            return None
        layers[-1].append(_neuron(neurons[layer, neuron]))
    if not layers or not layers[0][0]["weights"]:
        return None
    sizes = [len(layers[0][0]["weights"]), *map(len, layers)]
    for size, each in zip(sizes, layers, strict=False):
        if any(len(one["weights"]) != size for one in each):
            return None
    return {"layers": layers, "inputs": [f"x{i}" for i in range(sizes[0])], "sizes": sizes}


def _neuron(leaves: dict[str, int]) -> dict[str, Any]:
    """A neuron's weights in order, and its bias if it has one."""
    weights = {int(m[1]): i for name, i in leaves.items() if (m := _WEIGHT.fullmatch(name))}
    whole = sorted(weights) == list(range(len(weights)))
    in_order = [weights[k] for k in sorted(weights)] if whole else []
    return {"weights": in_order, "bias": leaves.get("b")}
