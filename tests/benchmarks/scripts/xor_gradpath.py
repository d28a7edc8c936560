"""XOR in gradpath: with graphs of scalars or, given the argument ``record``, recorded once."""

# mypy: ignore-errors

import sys

import engine
from nn import MLP, SGD, mean_squared_error

model = MLP(2, [4, 1], activation="tanh", rng=1)
optimiser = SGD(model.parameters(), lr=0.1)


def train_step(xs, ys):
    loss = mean_squared_error(map(model, xs), ys)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss


xs, ys = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
step = engine.record(train_step, xs, ys) if "record" in sys.argv else train_step
for _ in range(1000):
    loss = step(xs, ys)
print(getattr(loss, "data", loss))
