"""Training: one loop for scalars, the vectorised twin and recorded steps; weights by name."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import nn
from engine import TABLE, Value
from nn.activations import fits

XS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, -0.5], [2.0, 1.0], [-1.0, 1.0]]
TS = [0.0, 1.0, 1.0, 0.0, 0.5, 1.0, 0.0]
OPTIMISERS: dict[str, Any] = {
    "sgd": lambda ps: nn.SGD(ps, lr=0.1),
    "momentum": lambda ps: nn.SGD(ps, lr=0.05, momentum=0.9, weight_decay=0.01),
    "adam": lambda ps: nn.Adam(ps, lr=0.02),
    "adamw": lambda ps: nn.AdamW(ps, lr=0.02),
}


def network(seed: int = 1) -> nn.MLP:
    return nn.MLP(2, [5, 1], activation="tanh", rng=seed)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_all_engines_train_alike(name: str) -> None:
    courses = []
    for engine in ("scalar", "twin", "program", "program of the twin"):
        model: Any = network()
        if "twin" in engine:
            model = model.vectorized()
        optimiser = OPTIMISERS[name](model.parameters())
        step = nn.training_step(model, nn.mean_squared_error, optimiser, penalty=1e-3)
        if "program" in engine:
            step = nn.replayed(step)
        xs: Any = np.array(XS) if "twin" in engine else XS
        ts: Any = np.array(TS) if "twin" in engine else TS
        courses.append(list(nn.train(step, xs, ts, epochs=12, batch_size=3, rng=5)))
    assert courses[0][-1] < courses[0][0]
    for course in courses[1:]:
        assert course == pytest.approx(courses[0], rel=1e-9)


@pytest.mark.parametrize("activation", [row.name for row in TABLE if fits(row)])
def test_a_twin_with_any_activation_trains_as_the_scalar_network(activation: str) -> None:
    courses = []
    for kind in ("scalar", "twin", "program of the twin"):
        # all numbers are where logarithms and roots are defined
        model: Any = nn.MLP(2, [4, 1], activation=activation, init=nn.constant(0.3))
        model = model if kind == "scalar" else model.vectorized()
        step = nn.training_step(model, nn.mean_squared_error, nn.SGD(model.parameters(), lr=1e-3))
        xs, ts = np.abs(XS) / 4 + 0.1, np.array(TS)
        both = (xs.tolist(), ts.tolist()) if kind == "scalar" else (xs, ts)
        courses.append(
            list(nn.train(nn.replayed(step) if "program" in kind else step, *both, epochs=3))
        )
    assert courses[0][-1] != courses[0][0]
    for course in courses[1:]:
        assert course == pytest.approx(courses[0], rel=1e-9)


def test_each_epoch_uses_every_sample_once_in_another_order() -> None:
    seen: list[list[float]] = []

    def step(inputs: list[float], targets: list[float]) -> float:
        assert inputs == targets
        seen.append(inputs)
        return float(len(inputs))

    numbers = list(map(float, range(7)))
    losses = list(nn.train(step, numbers, numbers, epochs=2, batch_size=3, rng=0))
    assert [len(batch) for batch in seen] == [3, 3, 1, 3, 3, 1]
    assert losses == [(9 + 9 + 1) / 7] * 2  # the mean over samples, not over batches
    first, second = sum(seen[:3], []), sum(seen[3:], [])
    assert sorted(first) == sorted(second) == numbers
    assert first != second
    assert numbers == list(map(float, range(7)))  # the caller's list is left alone


def test_a_seed_shuffles_alike_and_without_batches_nothing_is_shuffled() -> None:
    def course(**options: Any) -> list[list[float]]:
        seen: list[list[float]] = []

        def step(xs: list[float], _: Any) -> float:
            seen.append(xs)
            return 0.0

        list(nn.train(step, TS, TS, epochs=2, **options))
        return seen

    assert course(batch_size=2, rng=3) == course(batch_size=2, rng=random.Random(3))
    assert course() == [TS, TS]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "number of epochs is at least 0"),
        ({"epochs": 1, "batch_size": 0}, "a batch has at least one sample"),
    ],
)
def test_impossible_settings_are_refused_at_once(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nn.train(lambda x, t: 0.0, XS, TS, **options)


def test_as_many_inputs_as_targets() -> None:
    with pytest.raises(ValueError, match="7 inputs and 6 targets"):
        nn.train(lambda x, t: 0.0, XS, TS[:-1], epochs=1)
    with pytest.raises(ValueError, match="0 inputs and 0 targets"):
        nn.train(lambda x, t: 0.0, [], [], epochs=1)


def test_the_loss_of_a_replayed_step_is_a_float() -> None:
    model = network()
    step = nn.replayed(
        nn.training_step(model, nn.mean_squared_error, nn.SGD(model.parameters(), 1))
    )
    assert type(step(XS, TS)) is float


# ---------------------------------------------------------------- weights by name


def test_weights_travel_by_the_names_of_pytorch() -> None:
    mlp = nn.MLP(3, [4, 2], rng=0)
    state = mlp.state_dict()
    shapes = {name: x.shape for name, x in state.items()}
    assert shapes == {
        "layers.0.weight": (4, 3),
        "layers.0.bias": (4,),
        "layers.1.weight": (2, 4),
        "layers.1.bias": (2,),
    }
    neuron = mlp.layers[0].neurons[2]
    assert state["layers.0.weight"][2].tolist() == [w.data for w in neuron.w]
    other = nn.MLP(3, [4, 2], rng=1)
    other.load_state_dict(state)
    assert [p.data for p in other.parameters()] == [p.data for p in mlp.parameters()]
    twin = nn.MLP(3, [4, 2], rng=2).vectorized()
    twin.load_state_dict(state)
    assert [p.data for p in twin.scalar().parameters()] == [p.data for p in mlp.parameters()]


def test_a_state_is_a_copy() -> None:
    mlp = nn.MLP(1, [1], rng=0)
    before = mlp.parameters()[0].data
    mlp.state_dict()["layers.0.weight"][:] = 7.0
    twin = mlp.vectorized()
    twin.state_dict()["layers.0.weight"][:] = 7.0
    assert mlp.parameters()[0].data == before == twin.parameters()[0].data[0, 0]


@pytest.mark.parametrize("vectorised", [False, True])
def test_a_state_that_does_not_fit_changes_nothing(vectorised: bool) -> None:
    mlp: Any = nn.MLP(2, [3, 1], rng=0)
    model = mlp.vectorized() if vectorised else mlp
    state = model.state_dict()
    with pytest.raises(ValueError, match=r"layers\.1\.bias"):
        model.load_state_dict({k: v for k, v in state.items() if k != "layers.1.bias"})
    wrong = state | {"layers.0.weight": np.ones((3, 2)), "layers.1.weight": np.ones((3, 1))}
    with pytest.raises(ValueError, match=r"layers.1.weight has shape \(1, 3\), not \(3, 1\)"):
        model.load_state_dict(wrong)
    again = model.state_dict()
    assert all((again[name] == x).all() for name, x in state.items())


def test_a_trained_model_moves_to_pytorch_in_three_lines() -> None:
    torch = pytest.importorskip("torch")
    mlp = nn.MLP(2, [3, 1], activation="tanh", rng=0)

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            linear = torch.nn.Linear
            self.layers = torch.nn.ModuleList([linear(2, 3), linear(3, 1)]).double()

        def forward(self, x: Any) -> Any:
            return self.layers[1](torch.tanh(self.layers[0](x)))

    net = Net()
    net.load_state_dict({name: torch.as_tensor(x) for name, x in mlp.state_dict().items()})
    out = net(torch.tensor(XS, dtype=torch.float64))[:, 0].tolist()
    assert out == pytest.approx([mlp(x).data for x in XS], rel=1e-12)
    back = nn.MLP(2, [3, 1], activation="tanh", rng=5)
    back.load_state_dict({name: x.numpy() for name, x in net.state_dict().items()})
    assert [p.data for p in back.parameters()] == [p.data for p in mlp.parameters()]


def test_parameters_are_found_without_paths_as_with_them() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            self.first = Value(1.0)
            self.inner = {"a": [nn.Neuron(2), self.first], "b": (Value(2.0), {"c": nn.MLP(1, [1])})}
            self.fixed = Value(3.0, role="constant")
            self.again = self.inner
            self.text, self.function = "w", len

    odd = Odd()
    odd.inner["self"] = odd  # type: ignore[assignment]
    assert odd.parameters() == [p for _, p in odd.named_parameters()]
