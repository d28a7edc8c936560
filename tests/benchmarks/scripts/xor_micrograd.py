"""XOR in micrograd, with the hyperbolic tangent that its author's lecture adds."""

# mypy: ignore-errors

import math
import random

from micrograd.engine import Value
from micrograd.nn import MLP, Neuron


def tanh(self):
    t = math.tanh(self.data)
    out = Value(t, (self,), "tanh")

    def _backward():
        self.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


Value.tanh = tanh


class TanhNeuron(Neuron):
    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b).tanh()


random.seed(1)
model = MLP(2, [4, 1])
for neuron in model.layers[0].neurons:
    neuron.__class__ = TanhNeuron

xs, ys = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
for _ in range(1000):
    loss = sum((model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True)) * 0.25
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.data -= 0.1 * p.grad
print(loss.data)
