"""The learning-rate range test: rates against losses, and nothing changed afterwards."""

from __future__ import annotations

import math
import pickle
import random
from typing import Any

import numpy as np
import pytest

from nn import (
    MLP,
    SGD,
    Adam,
    CosineAnnealingLR,
    Optimiser,
    RMSprop,
    learning_rate_range_test,
    mean_squared_error,
    replayed,
    training_step,
)

XS = np.random.default_rng(0).normal(size=(40, 2))
TS = np.sin(XS[:, 0]) + XS[:, 1] ** 2


def network(twin: bool, dropout: float = 0.0) -> tuple[Any, Any, Any]:
    model = MLP(2, [8, 1], activation="tanh", init="xavier_normal", rng=0, dropout=dropout)
    return (model.vectorized(), XS, TS) if twin else (model, XS.tolist(), TS.tolist())


def everything(model: Any, optimiser: Optimiser) -> bytes:
    numbers = [(np.copy(p.data), np.copy(p.grad)) for p in model.parameters()]
    modes = [module.training for module in model.modules()]
    rng = model.dropout and model.dropout.rng.getstate()
    kept = {k: v for k, v in vars(optimiser).items() if k != "parameters"}
    return pickle.dumps(([(a.tolist(), b.tolist()) for a, b in numbers], modes, rng, str(kept)))


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("kind", [SGD, Adam, RMSprop])
def test_afterwards_everything_is_as_it_was(twin: bool, dropout: float, kind: Any) -> None:
    model, xs, ts = network(twin, dropout)
    optimiser = kind(model.parameters(), 0.01)
    step = replayed(training_step(model, mean_squared_error, optimiser))
    for _ in range(3):
        step(xs, ts)
    model.eval()
    before = everything(model, optimiser)
    found = learning_rate_range_test(
        model, mean_squared_error, optimiser, xs, ts, steps=12, batch_size=16, rng=0
    )
    assert everything(model, optimiser) == before
    assert len(found.rates) == len(found.losses) == len(found.means) > 2
    assert len(set(found.losses)) > 2


def test_it_stops_where_training_diverges() -> None:
    model, xs, ts = network(twin=True)
    optimiser = SGD(model.parameters(), lr=0.1)
    options: Any = {"lowest": 1e-5, "highest": 1e5, "steps": 61, "batch_size": 20}
    found = learning_rate_range_test(model, mean_squared_error, optimiser, xs, ts, rng=1, **options)
    assert found.diverged
    assert len(found.rates) < 61
    ratios = [b / a for a, b in zip(found.rates, found.rates[1:], strict=False)]
    assert ratios == pytest.approx([10 ** (10 / 60)] * len(ratios))
    assert found.rates[0] == 1e-5
    assert 1e-3 < found.steepest < found.rates[-1]
    assert min(found.losses) < found.losses[0] / 2
    assert "diverged" in repr(found)
    again = learning_rate_range_test(model, mean_squared_error, optimiser, xs, ts, rng=1, **options)
    assert again.losses == found.losses


def test_a_loss_that_is_not_finite_ends_it() -> None:
    model, xs, ts = network(twin=True)
    optimiser = SGD(model.parameters(), lr=0.1)
    found = learning_rate_range_test(
        model, lambda o, t: mean_squared_error(o * 1e200, t), optimiser, xs, ts, rng=0
    )
    assert len(found.losses) == 1
    assert found.diverged
    assert not math.isfinite(found.losses[0])
    assert found.steepest == found.rates[0]


def test_the_whole_range_if_all_goes_well() -> None:
    model, xs, ts = network(twin=False)
    optimiser = SGD(model.parameters(), lr=0.1)
    CosineAnnealingLR(optimiser, T_max=10)
    found = learning_rate_range_test(
        model, mean_squared_error, optimiser, xs, ts, highest=1e-4, steps=5, rng=random.Random(0)
    )
    assert not found.diverged
    assert found.rates == pytest.approx(np.geomspace(1e-7, 1e-4, 5).tolist())
    assert "ended" in repr(found)


def test_an_error_restores_everything_too() -> None:
    model, xs, ts = network(twin=False)
    optimiser = Adam(model.parameters())
    before = everything(model, optimiser)
    calls = []

    def loss(outputs: Any, targets: Any) -> Any:
        calls.append(0)
        if len(calls) > 3:  # while the last batch of the first epoch is recorded
            raise KeyboardInterrupt
        return mean_squared_error(outputs, targets)

    with pytest.raises(KeyboardInterrupt):
        learning_rate_range_test(model, loss, optimiser, xs, ts, batch_size=15, rng=0)
    assert everything(model, optimiser) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 0.0}, "rates rise"),
        ({"lowest": 1.0, "highest": 1.0}, "rates rise"),
        ({"highest": math.inf}, "rates rise"),
        ({"steps": 1}, "at least 2"),
        ({"batch_size": 0}, "at least one sample"),
    ],
)
def test_impossible_settings_are_refused(options: Any, message: str) -> None:
    model, xs, ts = network(twin=True)
    optimiser = SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match=message):
        learning_rate_range_test(model, mean_squared_error, optimiser, xs, ts, **options)
    assert optimiser.lr == 0.1
    with pytest.raises(ValueError, match="one for one"):
        learning_rate_range_test(model, mean_squared_error, optimiser, xs, ts[1:])
