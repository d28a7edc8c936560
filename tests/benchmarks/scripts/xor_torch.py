"""XOR in torch, eagerly."""

# mypy: ignore-errors

import random

import torch
from torch.nn.functional import linear, mse_loss

random.seed(1)
w1 = torch.tensor([[random.uniform(-1, 1) for _ in range(2)] for _ in range(4)])
w2 = torch.tensor([[random.uniform(-1, 1) for _ in range(4)]])
parameters = [w1, torch.zeros(4), w2, torch.zeros(1)]
for p in parameters:
    p.requires_grad_()

x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
for _ in range(1000):
    w1, b1, w2, b2 = parameters
    loss = mse_loss(linear(torch.tanh(linear(x, w1, b1)), w2, b2), y)
    gradients = torch.autograd.grad(loss, parameters)
    with torch.no_grad():
        for p, g in zip(parameters, gradients, strict=True):
            p.sub_(g, alpha=0.1)
print(loss.item())
