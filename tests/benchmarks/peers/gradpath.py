"""gradpath's three ways: graphs of scalars, the vectorised twin, and recorded programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import Tensor, Value, record, tanh
from nn import MLP, SGD, cross_entropy, hinge, mean_squared_error, training_step

from ..measure import NotYetError, Run
from ..problems import CHAIN_STEPS, Problem
from .scalars import one_by_one, repeat_chain, set_weights, step

LOOP = 100  # steps in one call of a recorded loop, as in jax's scan


def chain(steps: int = CHAIN_STEPS) -> Run:
    """The chain of scalars."""
    return repeat_chain(Value, tanh, steps)


def scalars(problem: Problem, fused: bool = True) -> Run:
    """Training with graphs of scalars, in micrograd's code."""
    train_step = step(Value, network(problem, fused), problem)
    return one_by_one(train_step, problem.x.tolist(), problem.y.tolist())


def recorded_scalars(problem: Problem, jit: bool = False) -> Run:
    """The same training step, recorded once and replayed."""
    train_step = step(as_is, network(problem), problem)
    return replay(train_step, problem.x.tolist(), problem.y.tolist(), jit)


def twin(problem: Problem, eager: bool = True) -> Run:
    """Training with the twin, eagerly or as a training step does it by itself."""
    return one_by_one(*step_of_twin(problem, eager))


def recorded_twin(problem: Problem, jit: bool = False) -> Run:
    """The twin's training step, recorded once and replayed."""
    return replay(*step_of_twin(problem), jit)


# -- the parts ------------------------------------------------------------------------------------


def as_is(x: Any) -> Any:
    """The number itself: what is recorded are numbers already."""
    return x


def network(problem: Problem, fused: bool = True) -> MLP:
    """The problem's network, of scalars."""
    inputs, *widths = problem.widths
    model = MLP(inputs, widths, activation=problem.activation, rng=0, fused=fused)
    set_weights(model, problem)
    return model


def step_of_twin(
    problem: Problem, eager: bool = True
) -> tuple[Callable[[Any, Any], Any], Any, Any]:
    """The twin's training step, its inputs and its targets."""
    model = network(problem).vectorized(dtype=str(problem.dtype))
    loss = {"hinge": hinge, "squares": mean_squared_error, "cross-entropy": cross_entropy}
    optimiser = SGD(model.parameters(), problem.lr)
    train_step = training_step(model, loss[problem.loss], optimiser, problem.l2, eager=eager)
    return train_step, Tensor(problem.x, role="constant"), problem.y.reshape(len(problem.y))


def replay(train_step: Callable[[Any, Any], Any], x: Any, y: Any, jit: bool) -> Run:
    """What replays a recorded step; compiled, many steps in one call."""
    program: Any = record(train_step, x, y)
    if not jit:
        return one_by_one(program, x, y)
    if not hasattr(program, "jit"):
        raise NotYetError("Program.jit")
    program = program.jit()

    def run(n: int) -> Any:
        for _ in range(n // LOOP):
            losses = program.loop(LOOP, x, y)
        return program.loop(n % LOOP, x, y)[-1] if n % LOOP else losses[-1]

    return run
