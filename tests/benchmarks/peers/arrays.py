"""Libraries of arrays: jax, torch, autograd, and NumPy's matrix products alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..measure import Run
from ..problems import Problem

SCAN = 100  # steps in one call of jax's scan


# -- jax ------------------------------------------------------------------------------------------


def jax_jit(problem: Problem) -> Run:
    """One compiled function for loss, gradient and update, which may reuse the weights' memory."""
    jax = import_module("jax")
    step, weights = jax_step(problem)
    compiled = jax.jit(step, donate_argnums=0)

    def run(n: int) -> Any:
        nonlocal weights
        for _ in range(n):
            weights, loss = compiled(weights)
        return loss.block_until_ready()

    return run


def jax_scan(problem: Problem) -> Run:
    """A compiled loop of 100 such steps: what jax offers to those who can write the loop in it."""
    jax = import_module("jax")
    step, weights = jax_step(problem)

    def loop(weights: Any, length: int) -> Any:
        return jax.lax.scan(lambda carried, _: step(carried), weights, None, length=length)

    compiled = jax.jit(loop, static_argnames="length", donate_argnums=0)

    def run(n: int) -> Any:
        nonlocal weights
        for length in [SCAN] * (n // SCAN) + [1] * (n % SCAN):
            weights, losses = compiled(weights, length=length)
        return losses.block_until_ready()[-1]

    return run


def jax_step(problem: Problem) -> tuple[Any, Any]:
    """The training step as a function of the weights, which are the second of the pair."""
    jax = import_module("jax")
    jnp = jax.numpy
    x, y = jnp.asarray(problem.x), jnp.asarray(problem.y)
    activation = jax.nn.relu if problem.activation == "relu" else jnp.tanh

    def loss_of(weights: Any) -> Any:
        *hidden, (w, b) = weights
        h = x
        for v, c in hidden:
            h = activation(h @ v + c)
        scores = h @ w + b
        if problem.loss == "cross-entropy":
            picked = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
            return jnp.mean(jax.nn.logsumexp(scores, axis=1) - picked)
        if problem.loss == "hinge":
            loss = jnp.mean(jax.nn.relu(1 - y * scores[:, 0]))
        else:
            loss = jnp.mean((scores[:, 0] - y) ** 2)
        if problem.l2:
            loss += problem.l2 * sum(jnp.sum(p * p) for p in jax.tree.leaves(weights))
        return loss

    def step(weights: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(weights)
        return jax.tree.map(lambda p, g: p - problem.lr * g, weights, gradients), loss

    return step, [(jnp.asarray(w.T), jnp.asarray(b)) for w, b in problem.weights]


# -- torch ----------------------------------------------------------------------------------------


def torch_eager(problem: Problem) -> Run:
    """Eager torch with its functional operations and an update in place."""
    torch: Any = import_module("torch")
    functional = torch.nn.functional
    x, y = torch.tensor(problem.x), torch.tensor(problem.y)
    layers = [[torch.tensor(p, requires_grad=True) for p in layer] for layer in problem.weights]
    *hidden, (w, b) = layers
    parameters = [p for layer in layers for p in layer]
    activation = torch.relu if problem.activation == "relu" else torch.tanh

    def loss_of() -> Any:
        h = x
        for v, c in hidden:
            h = activation(functional.linear(h, v, c))
        scores = functional.linear(h, w, b)
        if problem.loss == "cross-entropy":
            return functional.cross_entropy(scores, y)
        if problem.loss == "hinge":
            loss = torch.relu(1 - y * scores[:, 0]).mean()
        else:
            loss = functional.mse_loss(scores[:, 0], y)
        if problem.l2:
            everything = torch.nn.utils.parameters_to_vector(parameters)
            loss = loss + problem.l2 * everything.dot(everything)
        return loss

    def run(n: int) -> float:
        for _ in range(n):
            loss = loss_of()
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for p, g in zip(parameters, gradients, strict=True):
                    p.sub_(g, alpha=problem.lr)
        return float(loss.item())

    return run


# -- autograd and NumPy ---------------------------------------------------------------------------


def autograd(problem: Problem) -> Run:
    """autograd, which differentiates NumPy code."""
    value_and_grad = import_module("autograd").value_and_grad
    anp = import_module("autograd.numpy")
    x, y = problem.x, problem.y
    samples = np.arange(len(y))

    def activation(z: Any) -> Any:
        return anp.maximum(z, 0) if problem.activation == "relu" else anp.tanh(z)

    def loss_of(weights: Any) -> Any:
        *hidden, w, b = weights
        h = x
        for v, c in zip(hidden[::2], hidden[1::2], strict=True):
            h = activation(anp.dot(h, v) + c)
        scores = anp.dot(h, w) + b
        if problem.loss == "cross-entropy":
            shifted = scores - anp.max(scores, axis=1, keepdims=True)
            logs = anp.log(anp.sum(anp.exp(shifted), axis=1))
            return anp.mean(logs - shifted[samples, y])
        if problem.loss == "hinge":
            loss = anp.mean(anp.maximum(1 - y * scores[:, 0], 0))
        else:
            loss = anp.mean((scores[:, 0] - y) ** 2)
        if problem.l2:
            everything = anp.concatenate([anp.reshape(p, -1) for p in weights])
            loss = loss + problem.l2 * anp.dot(everything, everything)
        return loss

    step = value_and_grad(loss_of)
    weights = [p.copy() for w, b in problem.weights for p in (w.T, b)]
    lr = problem.dtype.type(problem.lr)

    def run(n: int) -> float:
        for _ in range(n):
            loss, gradients = step(weights)
            for p, g in zip(weights, gradients, strict=True):
                p -= lr * g
        return float(loss)

    return run


def matrix_products(problem: Problem) -> Run:
    """Only the matrix products of a step, into buffers: the floor for everything on NumPy.

    For each layer there is one forward, one for ∂loss/∂W, and one for ∂loss/∂h except in the first.
    """
    empty = [np.empty((len(problem.x), width), problem.dtype) for width in problem.widths]
    hs = [problem.x, *(h * 0 + 1 for h in empty[1:])]
    downs = [h * 0 + 1 for h in empty]
    ws = [w for w, _ in problem.weights]
    dws = [np.empty_like(w) for w in ws]

    def run(n: int) -> float:
        for _ in range(n):
            for i, w in enumerate(ws):
                np.dot(hs[i], w.T, hs[i + 1])
            for i in reversed(range(len(ws))):
                np.dot(downs[i + 1].T, hs[i], dws[i])
                if i:
                    np.dot(downs[i + 1], ws[i], downs[i])
        return 0.0

    return run
