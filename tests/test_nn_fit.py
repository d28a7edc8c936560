"""`fit`: training as a whole, its history, its ends, and what it leaves behind."""

from __future__ import annotations

import math
import os
import pickle
import random
import signal
import sys
from typing import Any

import numpy as np
import pytest

import engine
from engine import Tensor, Value
from nn import (
    MLP,
    SGD,
    Adam,
    EarlyStopping,
    ExponentialLR,
    History,
    Module,
    NonFiniteLossError,
    OneCycleLR,
    accuracy,
    binary_cross_entropy,
    cross_entropy,
    fit,
    mean_squared_error,
    observe,
    replayed,
    train,
    training_step,
)

XS = np.random.default_rng(0).normal(size=(30, 2))
TS = np.sin(XS[:, 0]) + XS[:, 1] ** 2


def network(twin: bool = True, **options: Any) -> tuple[Any, Any]:
    settings: Any = {"activation": "tanh", "init": "xavier_normal", "rng": 0} | options
    model = MLP(2, [6, 1], **settings)
    return (model.vectorized(), (XS, TS)) if twin else (model, (XS.tolist(), TS.tolist()))


def numbers(model: Any) -> list[float]:
    return [float(x) for p in model.parameters() for x in np.ravel(p.data)]


def run(model: Any, data: Any, **options: Any) -> History:
    optimiser = options.pop("optimiser", None) or Adam(model.parameters(), lr=0.02)
    known: Any = {"loss": mean_squared_error, "optimiser": optimiser, "rng": 0, "batch_size": 8}
    history: History = fit(model, data, **(known | options))
    return history


# ---------------------------------------------------------------- what it computes


@pytest.mark.parametrize("twin", [False, True])
def test_it_is_the_training_loop(twin: bool) -> None:
    model, data = network(twin)
    history = run(model, data, epochs=4, penalty=1e-3, clip_norm=1.0)
    other, data = network(twin)
    adam = Adam(other.parameters(), lr=0.02)
    step = replayed(training_step(other, mean_squared_error, adam, 1e-3, clip_norm=1.0))
    assert history["loss"] == list(train(step, *data, epochs=4, batch_size=8, rng=0))
    assert numbers(model) == numbers(other)
    assert history["lr"] == [0.02] * 4
    assert history.epochs == 4
    assert history.steps == 16
    assert history.stopped == ""


def test_lists_are_arrays_for_a_twin_and_float32_stays_so() -> None:
    model, _ = network()
    other, _ = network()
    lists = run(model, (XS.tolist(), TS.tolist()), epochs=2)
    assert lists == run(other, (XS, TS), epochs=2)
    small = MLP(2, [3, 1], rng=0).vectorized("float32")
    run(small, (XS.tolist(), TS.tolist()), epochs=1)
    assert small.parameters()[0].dtype == np.float32
    xor = MLP(2, [4, 1], activation="tanh", rng=0).vectorized()
    corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    history = run(xor, (corners, [0, 1, 1, 0]), epochs=200, batch_size=None)
    assert history["loss"][-1] < 0.05


@pytest.mark.parametrize("twin", [False, True])
def test_classes_metrics_and_validation(twin: bool) -> None:
    mlp = MLP(2, [8, 2], activation="tanh", rng=0)
    model: Any = mlp.vectorized() if twin else mlp
    classes = (XS[:, 0] > 0).astype(int)
    data = (XS, classes) if twin else (XS.tolist(), classes.tolist())
    history = run(
        model, (data[0][:20], data[1][:20]), validation_data=(data[0][20:], data[1][20:]),
        loss=cross_entropy, metrics=["accuracy"], epochs=12,
        optimiser=Adam(model.parameters(), 0.05),
    )  # fmt: skip
    assert list(history) == ["loss", "lr", "accuracy", "val_loss", "val_accuracy"]
    assert {len(column) for column in history.values()} == {12}
    outputs = model.over(data[0][20:])
    assert history["val_accuracy"][-1] == accuracy(outputs, data[1][20:])
    assert history["val_loss"][-1] == pytest.approx(cross_entropy(outputs, data[1][20:]).data)
    assert history["accuracy"][-1] > 0.9
    assert "val_accuracy" in repr(history)


def test_metrics_have_names() -> None:
    model, data = network()

    def largest(outputs: Any, targets: Any) -> float:
        return float(np.abs(outputs.data - targets).max())

    assert "largest" in run(model, data, metrics=largest)
    assert "far" in run(model, data, metrics={"far": largest})
    with pytest.raises(ValueError, match="a metric is 'accuracy' or a function"):
        run(model, data, metrics="precision")


@pytest.mark.parametrize("twin", [False, True])
def test_dropout_drops_in_training_alone(twin: bool) -> None:
    model, data = network(twin, dropout=0.5)
    model.eval()
    history = run(model, data, epochs=3, validation_data=data, statistics=True)
    assert not any(module.training for module in model.modules())
    assert history["val_loss"][-1] == mean_squared_error(model.over(data[0]), data[1]).data
    other, _ = network(twin)
    assert history["loss"] != run(other, data, epochs=3)["loss"]
    again, _ = network(twin, dropout=0.5)
    assert run(again, data, epochs=3, validation_data=data)["loss"] == history["loss"]


class Scaled(Module):
    """A module of one's own: a network, and a factor behind it."""

    def __init__(self, twin: bool) -> None:
        mlp = MLP(2, [5, 1], activation="tanh", rng=0)
        self.inner: Any = mlp.vectorized() if twin else mlp
        self.factor = Tensor(2.0, role="parameter") if twin else Value(2.0)
        self.looks = 0

    def __call__(self, x: Any) -> Any:
        return self.inner(x) * self.factor

    def over(self, xs: Any) -> Any:
        return self(xs) if isinstance(self.factor, Tensor) else [self(x) for x in xs]


@pytest.mark.parametrize("twin", [False, True])
def test_modules_of_ones_own(twin: bool) -> None:
    model, (_, data) = Scaled(twin), network(twin)
    history = run(model, data, epochs=8, statistics=True)
    assert history["loss"][-1] < history["loss"][0]
    assert [x.name for x in history.statistics[0]] == ["inner.layers.0", "inner.layers.1"]
    assert model.factor.data != 2.0


def test_what_cannot_be_recorded_is_trained_step_by_step() -> None:
    class Branching(Module):
        def __init__(self) -> None:
            self.w = Value(0.5)

        def __call__(self, x: Any) -> Any:
            y = self.w * x
            return y if float(y.data) > 0 else 0.1 * y

    model = Branching()
    xs = [float(x) for x in np.linspace(-1, 1, 9)]
    history = run(model, (xs, [abs(x) for x in xs]), epochs=5, optimiser=SGD([model.w], 0.1))
    other = Branching()
    step = training_step(other, mean_squared_error, SGD([other.w], 0.1))
    assert history["loss"] == list(train(step, xs, [abs(x) for x in xs], epochs=5, batch_size=8,
                                         rng=0))  # fmt: skip


def test_a_schedule_sets_the_rate_after_epochs_or_steps() -> None:
    model, data = network()
    optimiser = SGD(model.parameters(), lr=0.1)
    schedule = ExponentialLR(optimiser, gamma=0.5)
    history = run(model, data, epochs=3, optimiser=optimiser, schedule=schedule)
    assert history["lr"] == pytest.approx([0.1, 0.05, 0.025])
    cycle = OneCycleLR(optimiser, max_lr=0.1, total_steps=8)
    run(model, data, epochs=2, optimiser=optimiser, schedule=cycle, schedule_every="step")
    assert cycle.count == 7  # the rate of the last step
    with pytest.raises(ValueError, match="all are done"):
        run(model, data, epochs=1, optimiser=optimiser, schedule=cycle, schedule_every="step")


def test_a_history_is_gone_on_with() -> None:
    model, data = network()
    optimiser = Adam(model.parameters(), lr=0.02)
    rng = random.Random(0)
    history = run(model, data, epochs=2, optimiser=optimiser, rng=rng)
    assert run(model, data, epochs=3, optimiser=optimiser, rng=rng, history=history) is history
    assert {len(column) for column in history.values()} == {5}
    other, _ = network()
    shorter = run(other, data, epochs=2)
    assert {name: column[:2] for name, column in history.items()} == shorter
    assert history["loss"][4] < history["loss"][2]
    assert history.steps == 20
    copy = pickle.loads(pickle.dumps(history))
    assert copy == history
    assert copy.steps == 20


# ---------------------------------------------------------------- its ends


@pytest.mark.parametrize("twin", [False, True])
def test_early_stopping_puts_the_best_weights_back(twin: bool) -> None:
    model, data = network(twin)
    kept: list[list[float]] = []
    course = iter([5.0, 3.0, 4.0, math.nan, 2.9, 3.5, 2.85, 3.0, 9.0])

    def keep(model: Any, history: History) -> None:
        kept.append(numbers(model))

    history = run(
        model, data, epochs=99, metrics={"cost": lambda outputs, targets: next(course)},
        early_stopping=EarlyStopping(2, "cost", min_delta=0.2, mode="min"), callbacks=[keep],
    )  # fmt: skip
    assert history.epochs == 4  # 2.9 would have come too late
    assert history.best_epoch == 1
    assert "cost did not get better" in history.stopped
    assert numbers(model) == kept[1] != kept[-1]


def test_the_last_weights_stay_on_request_and_patience_is_a_number() -> None:
    model, data = network()
    last: list[float] = []
    history = run(
        model, data, epochs=50, optimiser=SGD(model.parameters(), 0.0), early_stopping=3,
        validation_data=data,
    )  # fmt: skip
    assert history.epochs == 1 + 3
    other, _ = network()
    run(
        other, data, epochs=3, early_stopping=EarlyStopping(9, restore_best_weights=False),
        callbacks=[lambda model, _: last.append(numbers(model)[0])],
    )  # fmt: skip
    assert numbers(other)[0] == last[-1]


def test_a_callback_ends_training() -> None:
    model, data = network()
    history = run(model, data, epochs=9, callbacks=[lambda m, h: h.epochs == 3, lambda m, h: None])
    assert history.epochs == 3
    assert history.stopped == "a callback ended it"


@pytest.mark.parametrize("twin", [False, True])
def test_ctrl_c_comes_between_two_steps(twin: bool) -> None:
    model, data = network(twin)
    optimiser, history = Adam(model.parameters(), lr=0.02), History()
    before = signal.getsignal(signal.SIGINT)

    def press(model: Any, history: History) -> None:
        if history.epochs == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(model, data, epochs=9, optimiser=optimiser, history=history, callbacks=[press])
    assert signal.getsignal(signal.SIGINT) is before
    assert history.stopped == "interrupted"
    assert {len(column) for column in history.values()} == {2}
    assert history.steps == optimiser.steps.data == 8
    other, _ = network(twin)
    run(other, data, epochs=2)
    assert numbers(model) == numbers(other)


def test_ctrl_c_within_a_step_waits_for_its_end() -> None:
    model, data = network(twin=False)
    calls: list[int] = []

    class Slow(SGD):
        def step(self) -> None:
            calls.append(0)
            if len(calls) == 6:
                os.kill(os.getpid(), signal.SIGINT)
            super().step()

    class Plain(Module):  # draws, so that it is never recorded
        def __call__(self, x: Any) -> Any:
            return model(x) + 0.0 * random.random()

        def parameters(self) -> Any:
            return model.parameters()

    history = History()
    with pytest.raises(KeyboardInterrupt):
        run(Plain(), data, epochs=9, optimiser=Slow(model.parameters(), 0.01), history=history)
    assert history.steps > 0
    assert {len(column) for column in history.values()} <= {history.epochs}


# ---------------------------------------------------------------- a loss that is not finite


@pytest.mark.parametrize("twin", [False, True])
def test_the_stop_names_step_layer_node_and_line(twin: bool) -> None:
    model = MLP(2, [4, 4, 1], activation="relu", rng=0)
    model = model.vectorized() if twin else model  # type: ignore[assignment]
    data = (XS, TS) if twin else (XS.tolist(), TS.tolist())
    optimiser, history = SGD(model.parameters(), lr=1e30), History()
    with pytest.raises(NonFiniteLossError) as caught:
        run(model, data, epochs=40, optimiser=optimiser, history=history)
    error, text = caught.value, str(caught.value)
    assert isinstance(error, FloatingPointError)
    assert error.history is history
    assert f"in step {error.step} (epoch {error.epoch}, batch " in text
    assert history.steps == error.step - 1
    assert error.layer.startswith("layers.")
    assert error.layer in text
    assert "made at: " in text
    assert "test_nn_fit.py" in text
    assert all(map(math.isfinite, numbers(model)))
    assert {len(column) for column in history.values()} <= {error.epoch - 1}


def test_the_line_is_the_users() -> None:
    model, data = network(twin=False)

    def objective(outputs: Any, targets: Any) -> Any:
        return mean_squared_error([engine.log(y - 1e6) for y in outputs], targets)

    with pytest.raises(NonFiniteLossError, match="engine.log") as caught:
        run(model, data, loss=objective)
    assert "in step 1 (epoch 1, batch 1) the loss became nan" in str(caught.value)
    assert "(log, nan)" in str(caught.value)
    assert caught.value.step == 1


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_bad_step_is_found_in_the_middle_of_an_epoch(dropout: float) -> None:
    model, _ = network(twin=True, dropout=dropout)
    targets = TS.copy()
    targets[17] = math.inf
    history = History()
    with pytest.raises(NonFiniteLossError) as caught:
        run(model, (XS, targets), shuffle=False, history=history, batch_size=4)
    assert caught.value.step == 17 // 4 + 1
    assert history.steps == 17 // 4
    assert all(map(math.isfinite, numbers(model)))
    other, _ = network(twin=True, dropout=dropout)
    run(other, (XS[:16], TS[:16]), shuffle=False, batch_size=4)
    assert numbers(model) == numbers(other)


def test_a_last_step_that_overflows_is_found_too() -> None:
    model, data = network()
    with pytest.raises(NonFiniteLossError, match="a parameter became infinite or nan.*at the rate"):
        run(model, data, optimiser=SGD(model.parameters(), lr=1.7e308), batch_size=None)
    assert all(map(math.isfinite, numbers(model)))


# ---------------------------------------------------------------- statistics


@pytest.mark.parametrize("twin", [False, True])
def test_statistics_are_those_of_numpy(twin: bool) -> None:
    mlp = MLP(2, [5, 3, 1], activation="relu", rng=3)
    for w in (*mlp.layers[0].neurons[1].w, *mlp.layers[0].neurons[4].w):
        w.data = 0.0
    mlp.layers[0].neurons[1].b.data = -1.0
    mlp.layers[0].neurons[4].b.data = 1.0  # alive, though it says nothing
    model: Any = mlp.vectorized() if twin else mlp
    data = (XS, TS) if twin else (XS.tolist(), TS.tolist())
    state = mlp.state_dict()
    w0, b0 = state["layers.0.weight"], state["layers.0.bias"]
    for p in model.parameters():
        p.grad = p.data * 3.0
    first, second, last = observe(model, mean_squared_error, *data)
    h = np.maximum(XS @ w0.T + b0, 0)
    np.testing.assert_allclose(first.activations, h)
    assert last.activations.shape == (30, 1)
    slopes = 2 * (last.activations[:, 0] - TS) / 30
    np.testing.assert_allclose(last.gradients[:, 0], slopes)
    np.testing.assert_allclose(second.gradients, np.outer(slopes, state["layers.2.weight"][0]))
    np.testing.assert_allclose(last.parameter_gradients[-1], slopes.sum())
    brief = first.statistics()
    assert brief.activations == pytest.approx((h.mean(), h.std(), np.sqrt((h**2).sum())))
    assert brief.units == 5
    assert brief.dead == int((h == 0).all(0).sum()) >= 1
    assert last.statistics().dead == 0
    for p in model.parameters():  # all is as it was
        np.testing.assert_array_equal(p.grad, np.asarray(p.data) * 3.0)


def test_statistics_do_not_change_training() -> None:
    model, data = network(dropout=0.3)
    other, _ = network(dropout=0.3)
    history = run(model, data, epochs=3, statistics=True)
    assert run(other, data, epochs=3) == history
    assert [len(layers) for layers in history.statistics] == [2, 2, 2]
    assert history.statistics[0][0].name == "layers.0"


# ---------------------------------------------------------------- progress


def test_nothing_is_shown_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    model, data = network()
    run(model, data, epochs=2)
    run(model, data, epochs=2, verbose=False)
    assert capsys.readouterr() == ("", "")


def test_a_plain_line_without_tqdm(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    model, data = network()
    run(model, data, epochs=2, verbose=True)
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 2
    assert shown[0].startswith("loss ")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run(model, data, epochs=2)
    shown = capsys.readouterr().err.split("\r")
    assert len(shown) == 3
    assert shown[-1].endswith("\n")


def test_a_bar_with_tqdm(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tqdm")
    model, data = network()
    run(model, data, epochs=2, verbose=True)
    shown = capsys.readouterr().err
    assert "8/8" in shown
    assert "loss" in shown
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run(model, data, epochs=2)
    assert "8/8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "number of epochs"),
        ({"batch_size": 0}, ValueError, "at least one sample"),
        ({"schedule_every": "day"}, ValueError, "'epoch' or 'step'"),
        ({"early_stopping": -1}, ValueError, "patience"),
        ({"early_stopping": EarlyStopping(1, "val_loss")}, ValueError, "monitor is one of loss"),
        ({"early_stopping": EarlyStopping(1, mode="up")}, ValueError, "'min' or 'max'"),
        ({"verbose": "loud"}, ValueError, "verbose is"),
        ({"validation_data": (XS, TS[1:])}, ValueError, "one for one"),
        ({"validation_data": XS}, TypeError, "inputs and targets"),
        ({"data": XS}, TypeError, "inputs and targets"),
    ],
)
def test_impossible_settings_are_refused(options: Any, error: Any, message: str) -> None:
    model, data = network()
    before = numbers(model)
    with pytest.raises(error, match=message):
        run(model, options.pop("data", data), **options)
    assert numbers(model) == before


def test_the_optimiser_is_the_models() -> None:
    mlp = MLP(2, [3, 1], rng=0)
    for model, other in ((mlp.vectorized(), mlp), (mlp, mlp.vectorized())):
        with pytest.raises(ValueError, match="moves none of the model's parameters"):
            run(model, (XS, TS), optimiser=SGD(other.parameters(), 0.1))
    twin = mlp.vectorized()
    before = numbers(twin)
    run(twin, (XS, TS), optimiser=SGD(twin.parameters()[1:], 0.1))  # only the last layer
    assert numbers(twin)[:9] == before[:9]
    assert numbers(twin)[9:] != before[9:]


def test_a_binary_classifier_as_the_readme_trains_it() -> None:
    model = MLP(2, [8, 1], activation="tanh", rng=0)
    targets = (XS[:, 0] * XS[:, 1] > 0).astype(float)  # arrays, though the network is scalar
    history = run(model, (XS, targets), loss=binary_cross_entropy, metrics="accuracy", epochs=60,
                  optimiser=Adam(model.parameters(), 0.05))  # fmt: skip
    assert history["accuracy"][-1] > 0.95
