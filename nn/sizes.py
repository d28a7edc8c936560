"""`summary`: how large a network is, and how much work it does for one sample."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from engine import Value
from engine.tree import is_tensor

from .activations import title
from .module import COLLECTIONS, Module, is_parameter, parts
from .scalar import Layer, Neuron
from .vectorized import VectorizedLayer

BYTES = {"float64": 8, "float32": 4, "int8": 1}  # of one number


class LayerSummary(NamedTuple):
    """A layer in numbers.

    Attributes:
        name: where it is in the model, such as ``layers.0``.
        kind: its activation, ``Linear`` without one; the class of a module that is no layer.
        inputs, outputs: how many numbers go in and come out for one sample; None if unknown.
        parameters: how many there are.
        forward, backward: multiply-adds for one sample; None if unknown.
    """

    name: str
    kind: str
    inputs: int | None
    outputs: int | None
    parameters: int
    forward: int | None
    backward: int | None

    @property
    def bytes(self) -> dict[str, int]:
        """How many bytes the parameters take as float64, float32 and int8."""
        return {name: size * self.parameters for name, size in BYTES.items()}


class Summary:
    """What `summary` finds; as text it is a table.

    Attributes:
        layers: a `LayerSummary` for each layer, in order.
        parameters: how many there are in all; one that is used in two places counts once.
        forward, backward: multiply-adds for one sample; None if a module's are unknown.
    """

    def __init__(self, layers: tuple[LayerSummary, ...], parameters: int) -> None:
        self.layers, self.parameters = layers, parameters
        self.forward = total([layer.forward for layer in layers])
        self.backward = total([layer.backward for layer in layers])

    @property
    def bytes(self) -> dict[str, int]:
        """How many bytes the parameters take as float64, float32 and int8."""
        return {name: size * self.parameters for name, size in BYTES.items()}

    def __repr__(self) -> str:
        head = ("", "", "", "", *["bytes as"] * 3, *["multiply-adds"] * 2)
        names = ("layer", "kind", "shape", "parameters", *BYTES, "forward", "backward")
        table = [head, names, *[cells(x.name, x.kind, shape(x), x) for x in self.layers]]
        table.append(cells("in all", "", "", self))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                text.ljust(n) if i < 3 else text.rjust(n)
                for i, (text, n) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        ]
        rule = "─" * max(map(len, lines))
        return "\n".join([*lines[:2], rule, *lines[2:-1], rule, lines[-1]])


def summary(model: Module) -> Summary:
    """A model's parameters, their bytes and its multiply-adds, per layer and in all.

    For one sample, a layer of o neurons with d inputs has o·(d + 1) parameters, and as many
    multiply-adds forward: each weight times its input, each bias times 1. Backward each parameter's
    gradient takes one, and, in all layers but the first, so does each weight once more, for the
    gradients of the layer's inputs. Activations are not counted.

    A network of d inputs, h hidden and o output neurons has h·(d + 1) + o·(h + 1) parameters:

    >>> from nn import MLP
    >>> summary(MLP(64, [256, 10], rng=0)).parameters == 256 * (64 + 1) + 10 * (256 + 1)
    True

    Args:
        model: a network, scalar or vectorised, or any other module; of a module of your own that
            has parameters beside those of its layers, multiply-adds are unknown.

    Raises:
        TypeError: if it is no module.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary() takes a model, such as an MLP, not {type(model).__name__}")
    layers: list[LayerSummary] = []
    gather(model, "", layers, set())
    return Summary(tuple(layers), sum(size(p) for p in model.parameters()))


def gather(x: Any, path: str, found: list[LayerSummary], seen: set[int]) -> None:
    """Add the layers in a module or a collection, which is at ``path``."""
    if id(x) in seen:
        return
    seen.add(id(x))
    widths = widths_of(x)
    if widths is not None:
        found.append(layer(path or type(x).__name__, kind(x), *widths, first=not found))
        return
    if isinstance(x, Module):
        own = sum(size(p) for p in own_parameters(x))
        if own:
            name = path or type(x).__name__
            found.append(LayerSummary(name, type(x).__name__, None, None, own, None, None))
    for key, part in parts(x):
        if isinstance(part, COLLECTIONS):
            gather(part, f"{path}.{key}" if path else str(key), found, seen)


def layer(name: str, kind: str, nin: int, nout: int, first: bool) -> LayerSummary:
    """A layer of neurons."""
    n = nout * (nin + 1)
    return LayerSummary(name, kind, nin, nout, n, n, n if first else n + nout * nin)


def widths_of(x: Any) -> tuple[int, int] | None:
    """How many inputs and outputs a layer has; None of what is no layer of neurons."""
    if isinstance(x, Layer) and x.neurons:
        return len(x.neurons[0].w), len(x.neurons)
    if isinstance(x, Neuron):
        return len(x.w), 1
    if isinstance(x, VectorizedLayer):
        nout, columns = x.p.shape
        return columns - 1, nout
    return None


def kind(x: Any) -> str:
    """A layer's activation."""
    first = x.neurons[0] if isinstance(x, Layer) else x
    linear = first.activation is None or not getattr(first, "nonlin", True)
    return "Linear" if linear else title(first.activation)


def own_parameters(module: Module) -> list[Any]:
    """The parameters that belong to a module itself and to no module in it."""
    found: dict[Any, None] = {}
    waiting: list[Any] = [part for _, part in parts(module)]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Value) or is_tensor(x):
            if is_parameter(x):
                found[x] = None
        elif not isinstance(x, Module):
            waiting += [part for _, part in parts(x)]
    return list(found)


def size(p: Any) -> int:
    """How many numbers a parameter is."""
    return prod(getattr(p, "shape", ()))


def total(numbers: list[int | None]) -> int | None:
    """The sum; None if one is unknown."""
    known = [n for n in numbers if n is not None]
    return sum(known) if len(known) == len(numbers) else None


def cells(name: str, kind: str, shape: str, x: LayerSummary | Summary) -> tuple[str, ...]:
    """A row of the table."""
    counts = (x.parameters, *x.bytes.values(), x.forward, x.backward)
    return name, kind, shape, *["unknown" if n is None else f"{n:,}" for n in counts]


def shape(x: LayerSummary) -> str:
    """How many numbers go in and come out."""
    return "" if x.inputs is None else f"{x.inputs:,} → {x.outputs:,}"
