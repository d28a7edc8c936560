"""Graphs of scalars, in code written for micrograd: its own demo's, for any engine like it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..measure import Run
from ..problems import CHAIN_STEPS, Problem


def chain(make: Callable[[float], Any], tanh: Callable[[Any], Any], steps: int) -> Any:
    """A chain of h ← tanh(h·w + b): 3 nodes a step."""
    h, w, b = make(0.5), make(0.9), make(0.1)
    for _ in range(steps):
        h = tanh(h * w + b)
    return h


def repeat_chain(make: Callable[[float], Any], tanh: Callable[[Any], Any], steps: int) -> Run:
    """What builds the chain and differentiates it."""

    def run(n: int) -> Any:
        for _ in range(n):
            h = chain(make, tanh, steps)
            h.backward()
        return h

    return run


def step(make: Callable[[float], Any], model: Any, problem: Problem) -> Callable[[Any, Any], Any]:
    """A training step as micrograd's demo writes it, as a function of inputs and targets."""

    def train_step(xs: Any, ys: Any) -> Any:
        inputs = [list(map(make, x)) for x in xs]
        scores = list(map(model, inputs))
        if problem.loss == "hinge":
            losses = [(1 + -y * score).relu() for y, score in zip(ys, scores, strict=True)]
        else:
            losses = [(score - y) ** 2 for y, score in zip(ys, scores, strict=True)]
        loss = sum(losses) * (1.0 / len(losses))
        if problem.l2:
            loss = loss + problem.l2 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= problem.lr * p.grad
        return loss

    return train_step


def set_weights(model: Any, problem: Problem) -> Any:
    """The model with the problem's weights."""
    for layer, (w, b) in zip(model.layers, problem.weights, strict=True):
        for neuron, row, bias in zip(layer.neurons, w.tolist(), b.tolist(), strict=True):
            neuron.b.data = bias
            for weight, number in zip(neuron.w, row, strict=True):
                weight.data = number
    return model


def one_by_one(train_step: Callable[[Any, Any], Any], x: Any, y: Any) -> Run:
    """What calls a training step n times."""

    def run(n: int) -> Any:
        for _ in range(n):
            loss = train_step(x, y)
        return loss

    return run


# -- micrograd ------------------------------------------------------------------------------------


def micrograd_tanh(x: Any) -> Any:
    """The hyperbolic tangent, which micrograd has not, as its author's lecture adds it."""
    import math

    t = math.tanh(x.data)
    out = type(x)(t, (x,), "tanh")

    def backward() -> None:
        x.grad += (1 - t**2) * out.grad

    out._backward = backward
    return out


def micrograd_chain(steps: int = CHAIN_STEPS) -> Run:
    """The chain in micrograd."""
    return repeat_chain(import_module("micrograd.engine").Value, micrograd_tanh, steps)


def micrograd_train(problem: Problem) -> Run:
    """Training in micrograd, with its own network; for tanh, its neurons get another activation."""
    nn = import_module("micrograd.nn")
    model = set_weights(nn.MLP(problem.widths[0], list(problem.widths[1:])), problem)
    if problem.activation == "tanh":
        for layer in model.layers[:-1]:
            layer.neurons = [with_tanh(neuron) for neuron in layer.neurons]
    make = import_module("micrograd.engine").Value
    train_step = step(make, model, problem)
    return one_by_one(train_step, problem.x.tolist(), problem.y.tolist())


def with_tanh(neuron: Any) -> Any:
    """The same neuron of micrograd's with another activation."""

    class TanhNeuron(type(neuron)):  # type: ignore[misc]
        def __call__(self, x: Any) -> Any:
            return micrograd_tanh(sum((w * xi for w, xi in zip(self.w, x, strict=True)), self.b))

    neuron.__class__ = TanhNeuron
    return neuron
