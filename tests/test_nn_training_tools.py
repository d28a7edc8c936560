"""What training needs besides steps: dropout, clipping, penalties, schedules, samples, metrics."""

from __future__ import annotations

import copy
import math
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from engine import Tensor, Value
from nn import (
    MLP,
    SGD,
    Adam,
    CosineAnnealingLR,
    Dropout,
    ExponentialLR,
    LinearLR,
    Module,
    OneCycleLR,
    StepLR,
    accuracy,
    batches,
    clip_grad_norm_,
    clip_grad_value_,
    confusion_matrix,
    constant,
    gain,
    huber,
    mean_squared_error,
    negative_log_likelihood,
    normal,
    replayed,
    sum_of_absolutes,
    train_test_split,
    training_step,
    with_gain,
)

XS = np.random.default_rng(0).normal(size=(6, 2))
TS = np.random.default_rng(1).normal(size=6)

# ---------------------------------------------------------------- dropout


def kinds(p: float = 0.5) -> list[tuple[Any, Any, Any]]:
    """A scalar network with dropout and its twin, each with inputs and targets."""
    scalar = MLP(2, [16, 1], activation="tanh", rng=0, dropout=p)
    return [(scalar, XS.tolist(), TS.tolist()), (scalar.vectorized(), XS, TS)]


@pytest.mark.parametrize("which", [0, 1])
def test_dropout_draws_anew_in_training_and_lets_pass_in_use(which: int) -> None:
    model, xs, _ = kinds()[which]
    plain = MLP(2, [16, 1], activation="tanh", rng=0)
    assert len({number(model.over(xs)) for _ in range(5)}) == 5
    assert model.eval() is model
    assert [number(model.over(xs)) for _ in range(2)] == pytest.approx([number(plain.over(XS))] * 2)
    assert model.train() is model
    assert number(model.over(xs)) != number(model.over(xs))


def number(outputs: Any) -> float:
    return float(
        outputs.sum().data if isinstance(outputs, Tensor) else sum(y.data for y in outputs)
    )


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_what_passes_keeps_its_mean(p: float) -> None:
    drop, n = Dropout(p, rng=0), 40_000
    y = drop(np.ones(n))
    kept = y > 0
    assert set(np.unique(y)) == {0.0, 1 / (1 - p)}
    deviation = math.sqrt(p * (1 - p) / n)
    assert abs(kept.mean() - (1 - p)) < 5 * deviation
    alone = [drop(Value(1.0)).data for _ in range(2000)]
    assert abs(np.mean(np.array(alone) > 0) - (1 - p)) < 5 * math.sqrt(p * (1 - p) / 2000)


def test_dropout_has_a_generator_of_its_own() -> None:
    first = MLP(3, [4, 1], rng=7)
    assert [p.data for p in MLP(3, [4, 1], rng=7, dropout=0.3).parameters()] == [
        p.data for p in first.parameters()
    ]
    a, b = (MLP(2, [8, 1], rng=3, dropout=0.5) for _ in range(2))
    state = random.getstate()
    assert number(a.over(XS.tolist())) == number(b.over(XS.tolist()))
    assert random.getstate() == state
    c = pickle.loads(pickle.dumps(a))
    assert number(a.over(XS.tolist())) == number(c.over(XS.tolist()))
    assert Dropout(0.5, rng=1)(np.ones(99)).tolist() == Dropout(0.5, rng=1)(np.ones(99)).tolist()


def test_modes_reach_every_module_also_in_collections() -> None:
    class Several(Module):
        def __init__(self) -> None:
            self.parts = {"a": [Dropout(0.5), MLP(1, [1])], "b": (Dropout(0.2),)}

    several = Several()
    several.eval()
    assert not any(module.training for module in several.modules())
    assert len(several.modules()) == 6
    assert all(module.training for module in several.train().modules())


def test_float32_stays_float32() -> None:
    y = Dropout(0.5, rng=0)(Tensor(np.ones((3, 3), np.float32)))
    assert y.dtype == np.float32


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("run", [lambda step: step, replayed])
def test_training_draws_a_new_mask_in_each_step(which: int, run: Callable[..., Any]) -> None:
    model, xs, ts = kinds()[which]
    step = run(training_step(model, mean_squared_error, SGD(model.parameters(), lr=0.0)))
    losses = {float(getattr(loss, "data", loss)) for loss in (step(xs, ts) for _ in range(6))}
    assert len(losses) == 6
    model.eval()
    losses = {float(getattr(loss, "data", loss)) for loss in (step(xs, ts) for _ in range(3))}
    assert len(losses) == 1
    model.train()
    assert step(xs, ts) != step(xs, ts)


@pytest.mark.parametrize("p", [-0.1, 1.0, math.nan])
def test_a_probability_is_checked(p: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and less than 1"):
        Dropout(p)
    with pytest.raises(TypeError, match="dropout takes numbers"):
        Dropout(0.5)("text")


# ---------------------------------------------------------------- clipping and penalties


@pytest.mark.parametrize("twin", [False, True])
@pytest.mark.parametrize(
    "options", [{"clip_norm": 0.01}, {"clip_value": 1e-3}, {"l1": 0.1}, {"penalty": 0.1, "l1": 0.2}]
)
def test_a_replayed_step_clips_and_penalises_alike(twin: bool, options: dict[str, Any]) -> None:
    model: Any = MLP(2, [5, 1], activation="tanh", rng=0)
    model = model.vectorized() if twin else model
    xs, ts = (XS, TS) if twin else (XS.tolist(), TS.tolist())
    other = copy.deepcopy(model)
    eager = training_step(model, mean_squared_error, SGD(model.parameters(), lr=0.5), **options)
    step = training_step(other, mean_squared_error, SGD(other.parameters(), lr=0.5), **options)
    again = replayed(step)
    for _ in range(4):
        assert again(xs, ts) == pytest.approx(eager(xs, ts).data, rel=1e-12)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


@given(gradients=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), bound=st.floats(0, 1e3))
def test_clipped_gradients_keep_to_their_bounds(gradients: list[float], bound: float) -> None:
    def leaves() -> list[Value]:
        found = [Value(0.0) for _ in gradients]
        for p, g in zip(found, gradients, strict=True):
            p.grad = g
        return found

    ps = leaves()
    norm = clip_grad_norm_(ps, bound)
    assert norm == pytest.approx(math.hypot(*gradients))
    assert math.hypot(*(p.grad for p in ps)) <= bound * (1 + 1e-9) + 1e-300
    if norm < bound - 1e-5:
        assert [p.grad for p in ps] == gradients
    ps = leaves()
    clip_grad_value_(ps, bound)
    assert [p.grad for p in ps] == [max(-bound, min(bound, g)) for g in gradients]


def test_clipping_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    gradients = np.random.default_rng(3).normal(size=(4, 3))
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        ours = Tensor(np.zeros((4, 3)), role="parameter")
        ours.grad = gradients
        theirs = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
        theirs.grad = torch.tensor(gradients)
        getattr(nn, name)([ours], 0.7)
        getattr(torch.nn.utils, name)([theirs], 0.7)
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_a_bound_is_checked(clip: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        clip([Value(1.0)], -1.0)


def test_the_l1_penalty_of_both_kinds() -> None:
    model = MLP(2, [3, 1], rng=0)
    expected = sum(abs(p.data) for p in model.parameters())
    assert sum_of_absolutes(model.parameters()).data == pytest.approx(expected)
    assert sum_of_absolutes(model.vectorized().parameters()).data == pytest.approx(expected)


# ---------------------------------------------------------------- losses


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=6))
def test_huber_is_quadratic_near_and_linear_far(pairs: list[tuple[float, float]]) -> None:
    ps, ts = (list(part) for part in zip(*pairs, strict=True))

    def one(e: float, delta: float) -> float:
        return 0.5 * e * e if abs(e) <= delta else delta * (abs(e) - 0.5 * delta)

    for delta in (0.5, 1.0, 3.0):
        expected = sum(one(p - t, delta) for p, t in pairs) / len(pairs)
        nodes = [Value(p) for p in ps]
        loss = huber(nodes, ts, delta)
        assert loss.data == pytest.approx(expected, abs=1e-12)
        tensor = Tensor(np.array(ps))
        huber(tensor, np.array(ts), delta).backward()
        loss.backward()
        assert tensor.grad is not None
        assert [p.grad for p in nodes] == pytest.approx(tensor.grad.tolist(), abs=1e-12)
        slopes = [max(-delta, min(delta, p - t)) / len(pairs) for p, t in pairs]
        assert [p.grad for p in nodes] == pytest.approx(slopes, abs=1e-12)


def test_the_likelihood_of_a_log_softmax_is_the_cross_entropy() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4))
    classes = np.array([0, 3, 1, 1, 2])
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = nn.cross_entropy(Tensor(logits), classes).data
    array = Tensor(logs)
    loss = negative_log_likelihood(array, classes)
    assert loss.data == pytest.approx(expected)
    loss.backward()
    assert array.grad == pytest.approx(-np.eye(logs.shape[1])[classes] / len(classes))
    rows = [[Value(x) for x in row] for row in logs]
    assert negative_log_likelihood(rows, classes.tolist()).data == pytest.approx(expected)
    for bad in (4, -1):
        with pytest.raises(ValueError, match="no class"):
            negative_log_likelihood(Tensor(logs), np.array([0, 0, 0, 0, bad]))
        with pytest.raises(ValueError, match="no class"):
            negative_log_likelihood(rows, [0, 0, 0, 0, bad])


# ---------------------------------------------------------------- schedules

SCHEDULES: list[tuple[Any, dict[str, Any]]] = [
    (StepLR, {"step_size": 3, "gamma": 0.3}),
    (ExponentialLR, {"gamma": 0.9}),
    (CosineAnnealingLR, {"T_max": 7, "eta_min": 0.01}),
    (CosineAnnealingLR, {"T_max": 20}),
    (LinearLR, {}),
    (LinearLR, {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 8}),
    (OneCycleLR, {"max_lr": 0.4, "total_steps": 21}),
    (OneCycleLR, {"max_lr": 0.4, "total_steps": 20, "pct_start": 0.5, "div_factor": 10.0}),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("schedule", "options"), SCHEDULES)
def test_rates_are_torchs(schedule: Any, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    ours = SGD([Value(1.0)], lr=0.2)
    theirs = torch.optim.SGD([torch.tensor(1.0, requires_grad=True)], lr=0.2)
    mine = schedule(ours, **options)
    more = {"cycle_momentum": False} if schedule is OneCycleLR else {}
    other = getattr(torch.optim.lr_scheduler, schedule.__name__)(theirs, **options, **more)
    for _ in range(19):
        assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)
        mine.step()
        theirs.step()
        other.step()


def test_a_replayed_step_follows_the_schedule() -> None:
    model = MLP(2, [1], rng=0).vectorized()
    optimiser = SGD(model.parameters(), lr=0.1)
    schedule = ExponentialLR(optimiser, gamma=0.0)
    step = replayed(training_step(model, mean_squared_error, optimiser))
    first = step(XS, TS)
    second = step(XS, TS)
    assert second < first
    schedule.step()
    third = step(XS, TS)
    assert third < second
    assert step(XS, TS) == third  # at rate 0


def test_a_cycle_ends_and_settings_are_checked() -> None:
    optimiser = SGD([Value(1.0)], lr=0.1)
    schedule = OneCycleLR(optimiser, max_lr=1.0, total_steps=2)
    schedule.step()
    with pytest.raises(ValueError, match="all are done"):
        schedule.step()
    with pytest.raises(ValueError, match="at least 1"):
        StepLR(optimiser, step_size=0)
    with pytest.raises(TypeError, match="whole number"):
        StepLR(optimiser, step_size=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 0"):
        ExponentialLR(optimiser, gamma=-1.0)


# ---------------------------------------------------------------- samples and metrics


@given(st.integers(2, 60), st.floats(0.05, 0.9), st.integers(0, 99))
def test_a_split_loses_nothing_and_repeats_itself(n: int, share: float, seed: int) -> None:
    xs = [[i, -i] for i in range(n)]
    if math.ceil(share * n) >= n:
        return
    train, test, train_t, test_t = train_test_split(xs, list(range(n)), share, rng=seed)
    assert len(test) == math.ceil(share * n)
    assert sorted(train_t + test_t) == list(range(n))
    assert all(x == [t, -t] for x, t in zip(train + test, train_t + test_t, strict=True))
    arrays = train_test_split(np.array(xs), np.arange(n), share, rng=seed)
    assert arrays[1].tolist() == test
    assert train_test_split(xs, list(range(n)), len(test), rng=seed)[1] == test


@pytest.mark.parametrize("size", [0.0, 1.0, 0, 4, -1, 0.99])
def test_no_part_is_empty(size: float) -> None:
    with pytest.raises(ValueError, match="test_size|held out"):
        train_test_split([1, 2, 3, 4], [1, 2, 3, 4], size, rng=0)


def test_batches_hold_every_sample_once_an_epoch() -> None:
    rng = random.Random(0)
    xs, ts = np.arange(10.0), np.arange(10)
    epochs = [[ts for _, ts in batches(xs, ts, 4, rng)] for _ in range(2)]
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    for epoch in epochs:
        assert sorted(np.concatenate(epoch)) == list(range(10))
    assert np.concatenate(epochs[0]).tolist() != np.concatenate(epochs[1]).tolist()
    with pytest.raises(ValueError, match="at least one sample"):
        batches(xs, ts, 0)


def test_accuracy_and_confusion() -> None:
    scores = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 0.5, 0.2], [1.0, 0.0, 9.0]])
    targets = [0, 1, 2, 2]
    table = [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    for outputs in (scores, Tensor(scores), [[Value(x) for x in row] for row in scores]):
        assert accuracy(outputs, targets) == 0.75
        assert confusion_matrix(outputs, targets).tolist() == table
    assert confusion_matrix(scores, targets, classes=4).shape == (4, 4)
    numbers: Any
    for numbers in ([-1.0, 2.0, 0.0], [Value(-1.0), Value(2.0), Value(0.0)]):
        assert accuracy(numbers, [0, 1, 1]) == accuracy(numbers, [-1, 1, 1]) == pytest.approx(2 / 3)
        assert confusion_matrix(numbers, [0, 1, 1]).tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("outputs", "targets", "error"),
    [
        ([1.0, 2.0], [1], ValueError),
        ([], [], ValueError),
        ([1.0], [0.5], ValueError),
        ([[1.0, 2.0]], [-2], ValueError),
        (["a"], [1], TypeError),
        ([1.0], ["a"], TypeError),
        ([[[1.0]]], [0], ValueError),
    ],
)
def test_what_is_no_classification_is_refused(outputs: Any, targets: Any, error: Any) -> None:
    with pytest.raises(error):
        accuracy(outputs, targets)


# ---------------------------------------------------------------- initialisers


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("lecun_normal", math.sqrt(1 / 40)),
        ("lecun_uniform", math.sqrt(1 / 40)),
        (normal(0.3), 0.3),
        (with_gain("xavier_normal", gain("tanh")), 5 / 3 * math.sqrt(2 / 140)),
        (with_gain("he_uniform", 0.5), 0.5 * math.sqrt(2 / 40)),
    ],
)
def test_weights_have_the_variance_of_their_initialiser(init: Any, deviation: float) -> None:
    layer = nn.Layer(40, 100, init=init, rng=0)
    weights = np.array([w.data for neuron in layer.neurons for w in neuron.w])
    assert abs(weights.mean()) < 5 * deviation / math.sqrt(4000)
    assert weights.std() == pytest.approx(deviation, rel=0.06)
    assert all(neuron.b.data == 0.0 for neuron in layer.neurons)


def test_constant_weights_and_bad_settings() -> None:
    assert {p.data for p in MLP(2, [3], init=constant(0.25)).parameters()} == {0.25, 0.0}
    with pytest.raises(ValueError, match="at least 0"):
        normal(-1.0)
    with pytest.raises(ValueError, match="no gain is known"):
        gain("gelu")
    assert gain("leaky_relu", 0.2) == pytest.approx(math.sqrt(2 / 1.04))


def test_gains_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))


def test_every_optimiser_records() -> None:
    makers: list[Callable[[Any], Any]] = [
        lambda ps: SGD(ps, 0.05, momentum=0.9, nesterov=True),
        lambda ps: nn.RMSprop(ps, 0.01, momentum=0.5, centered=True),
        lambda ps: nn.Adagrad(ps, 0.1, lr_decay=0.01),
        lambda ps: Adam(ps, 0.01),
    ]
    for make in makers:
        for twin in (False, True):
            first: Any = MLP(2, [4, 1], activation="tanh", rng=0)
            first = first.vectorized() if twin else first
            xs, ts = (XS, TS) if twin else (XS.tolist(), TS.tolist())
            second = copy.deepcopy(first)
            eager = training_step(first, mean_squared_error, make(first.parameters()))
            again = replayed(training_step(second, mean_squared_error, make(second.parameters())))
            for _ in range(5):
                assert again(xs, ts) == pytest.approx(eager(xs, ts).data, rel=1e-10)
