"""XOR in jax, with one compiled function for the whole step."""

# mypy: ignore-errors

import random

import jax
import jax.numpy as jnp

random.seed(1)
w1 = jnp.array([[random.uniform(-1, 1) for _ in range(2)] for _ in range(4)]).T
w2 = jnp.array([[random.uniform(-1, 1) for _ in range(4)]]).T
weights = [w1, jnp.zeros(4), w2, jnp.zeros(1)]
x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y = jnp.array([[0.0], [1.0], [1.0], [0.0]])


def loss_of(weights):
    w1, b1, w2, b2 = weights
    return jnp.mean((jnp.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)


@jax.jit
def step(weights):
    loss, gradients = jax.value_and_grad(loss_of)(weights)
    return [w - 0.1 * g for w, g in zip(weights, gradients, strict=True)], loss


for _ in range(1000):
    weights, loss = step(weights)
print(float(loss))
