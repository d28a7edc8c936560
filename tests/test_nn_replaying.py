"""Steps that record themselves: the numbers of steps taken one by one, and nothing is left out."""

from __future__ import annotations

import copy
import math
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import GuardError, Value, detect_anomaly, log, record
from engine.program import effects
from engine.state import State, drawn
from engine.strategies import floats
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    Dropout,
    Module,
    RMSprop,
    fit,
    mean_squared_error,
    observe,
    replayed,
    train,
    training_step,
)

XS = np.random.default_rng(0).normal(size=(12, 3))
TS = np.sin(XS[:, 0]) + 0.5 * XS[:, 1]
OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda ps: SGD(ps, lr=0.1),
    "momentum": lambda ps: SGD(ps, lr=0.05, momentum=0.9),
    "rmsprop": lambda ps: RMSprop(ps, lr=0.01),
    "adamw": lambda ps: AdamW(ps, lr=0.01),
}


def network(twin: bool, dropout: float = 0.0, seed: int = 0) -> tuple[Any, Any, Any]:
    """A network with its inputs and targets."""
    model: Any = MLP(3, [5, 1], activation="tanh", rng=seed, dropout=dropout)
    return (model.vectorized(), XS, TS) if twin else (model, XS.tolist(), TS.tolist())


def number(loss: Any) -> float:
    """A loss as a float."""
    return float(getattr(loss, "data", loss))


def numbers(model: Any) -> list[float]:
    """All parameters."""
    return [float(x) for p in model.parameters() for x in np.ravel(p.data)]


def step_of(model: Any, loss: Any = mean_squared_error, **options: Any) -> Any:
    """A step of gradient descent."""
    return training_step(model, loss, SGD(model.parameters(), lr=0.1), **options)


twins = pytest.mark.parametrize("twin", [False, True], ids=["scalar", "twin"])


# -- the same numbers -----------------------------------------------------------------------------


@twins
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_training_is_what_it_is_step_by_step(twin: bool, optimiser: str, dropout: float) -> None:
    courses, ends = [], []
    for eager in (True, False):
        model, xs, ts = network(twin, dropout)
        step = training_step(model, mean_squared_error, OPTIMISERS[optimiser](model.parameters()))
        courses.append(list(train(step, xs, ts, epochs=8, batch_size=5, rng=1, eager=eager)))
        ends.append(numbers(model))
    assert courses[0] == pytest.approx(courses[1], rel=1e-12)
    assert ends[0] == pytest.approx(ends[1], rel=1e-10)


@twins
def test_a_step_called_directly_gives_losses_of_one_kind(twin: bool) -> None:
    model, xs, ts = network(twin)
    other, _, _ = network(twin)
    step, plain = step_of(model), step_of(other, eager=True)
    for i in range(5):
        loss, expected = step(xs, ts), plain(xs, ts)
        assert type(loss) is type(expected)
        assert float(loss.data) == pytest.approx(float(expected.data), rel=1e-13)
        assert bool(loss.args) == (i == 0)  # later ones come from a program
        assert expected.args
    assert numbers(model) == pytest.approx(numbers(other), rel=1e-12)
    assert step.replay.programs


@twins
def test_a_step_can_be_recorded_and_called_as_well(twin: bool) -> None:
    model, xs, ts = network(twin)
    other, _, _ = network(twin)
    step, plain = step_of(model), step_of(other, eager=True)
    program = record(step, xs, ts)
    assert repr(program).startswith("<program step")
    runs = [program, step, step, program, step, replayed(step), program]
    found = [number(run(xs, ts)) for run in runs]
    assert found == pytest.approx([number(plain(xs, ts)) for _ in runs], rel=1e-12)


def test_float32_stays_float32() -> None:
    model = MLP(3, [5, 1], rng=0).vectorized("float32")
    step = step_of(model)
    losses = [step(XS.astype("float32"), TS.astype("float32")) for _ in range(3)]
    assert {loss.dtype for loss in losses} == {np.dtype("float32")}


@twins
def test_rates_and_modes_that_change_are_heeded(twin: bool) -> None:
    ends = []
    for eager in (True, False):
        model, xs, ts = network(twin, dropout=0.4)
        optimiser = Adam(model.parameters(), lr=0.1)
        step = training_step(model, mean_squared_error, optimiser, eager=eager)
        for i in range(9):
            optimiser.lr = 0.1 / (i + 1)
            model.train(i % 3 != 0)
            step(xs, ts)
        ends.append(numbers(model))
    assert ends[0] == pytest.approx(ends[1], rel=1e-10)


# -- what is drawn --------------------------------------------------------------------------------


@twins
def test_a_program_of_dropout_draws_new_masks_with_its_own_generator(twin: bool) -> None:
    model, xs, ts = network(twin, dropout=0.5)
    other, _, _ = network(twin, dropout=0.5)
    program = record(step_of(model, eager=True), xs, ts)
    plain = step_of(other, eager=True)
    found = [program(xs, ts) for _ in range(3)] + program.loop(2, xs, ts)
    assert found == pytest.approx([float(plain(xs, ts).data) for _ in range(5)], rel=1e-12)
    assert model.dropout.rng.getstate() == other.dropout.rng.getstate()


@twins
def test_a_copied_program_draws_for_itself(twin: bool) -> None:
    model, xs, ts = network(twin, dropout=0.5)
    program = record(step_of(model, eager=True), xs, ts)
    pairs = [copy.deepcopy((model, program)), pickle.loads(pickle.dumps((model, program)))]
    expected = [program(xs, ts) for _ in range(3)]
    for theirs, copied in pairs:
        assert [copied(xs, ts) for _ in range(3)] == expected
        assert numbers(theirs) == numbers(model)


@twins
def test_a_compiled_program_draws_new_masks(twin: bool) -> None:
    pytest.importorskip("numba", reason="compiled programs need numba (extra jit)")
    model, xs, ts = network(twin, dropout=0.5)
    other, _, _ = network(twin, dropout=0.5)
    compiled = record(step_of(model, eager=True), xs, ts).jit()
    program = record(step_of(other, eager=True), xs, ts)
    found = [compiled(xs, ts) for _ in range(3)] + compiled.loop(3, xs, ts)
    assert found == pytest.approx([program(xs, ts) for _ in range(6)], rel=1e-10)
    assert numbers(model) == pytest.approx(numbers(other), rel=1e-10)


@given(st.lists(floats(), min_size=1, max_size=5), st.integers(0, 99))
@settings(max_examples=20)
def test_what_is_drawn_is_drawn_once_a_run_in_order(xs: list[float], seed: int) -> None:
    def noisy(rng: random.Random) -> Callable[..., Any]:
        return lambda values: sum(x * drawn(1.0, rng.random) for x in values)

    program = record(noisy(random.Random(seed)), xs)
    plain = noisy(random.Random(seed))
    for _ in range(3):
        assert program(xs)[0] == pytest.approx(float(plain(xs)), rel=1e-13, abs=1e-300)


# -- nothing is left out --------------------------------------------------------------------------


class Counting(Module):
    """A network that does something else in each call, too."""

    def __init__(self, act: Callable[[Any], None], **extra: Any) -> None:
        self.model, self.act = network(True)[0], act
        for name, x in extra.items():
            setattr(self, name, x)

    def __call__(self, x: Any) -> Any:
        self.act(self)
        return self.model(x)

    def over(self, xs: Any) -> Any:
        return self(xs)


counted = 0
MANY: list[Any] = []
TABLE: dict[int, Any] = {}


def in_a_global(module: Any) -> None:
    global counted
    counted += 1


def prints(module: Any) -> None:
    print("called")


def appends(module: Any) -> None:
    MANY.append(1)


def fills(module: Any) -> None:
    TABLE[len(TABLE)] = object()


def sets_an_attribute(module: Any) -> None:
    module.count = getattr(module, "count", 0) + 1


def writes(module: Any) -> None:
    with Path(module.path).open("a") as file:
        file.write("x")


say = print


def prints_by_another_name(module: Any) -> None:
    say("called")


def logs(module: Any) -> None:
    module.logger.info("called")


class Handler:
    """Counts what is logged."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, record: Any) -> bool:
        self.count += 1
        return False


def module_and_count(
    act: Callable[[Any], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[Counting, Callable[[], int]]:
    """A module, and what tells how often it has acted."""
    import logging

    if act is in_a_global:
        return Counting(act), lambda: counted
    if act in (prints, prints_by_another_name):
        return Counting(act), lambda: capsys.readouterr().out.count("called")
    if act is appends:
        return Counting(act), lambda: len(MANY)
    if act is fills:
        return Counting(act), lambda: len(TABLE)
    if act is writes:
        path = tmp_path / "log"
        return Counting(act, path=str(path)), lambda: len(path.read_text())
    if act is logs:
        logger = logging.getLogger(str(tmp_path))
        logger.setLevel("INFO")
        logger.addFilter(handler := Handler())
        return Counting(act, logger=logger), lambda: handler.count
    module = Counting(act)
    return module, lambda: int(module.count)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "act",
    [in_a_global, prints, prints_by_another_name, appends, fills, sets_an_attribute, writes, logs],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("way", ["step", "train", "fit"])
def test_a_step_that_does_more_than_compute_does_it_every_time(
    act: Any, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    global counted
    counted = 0
    MANY.clear()
    TABLE.clear()
    module, count = module_and_count(act, tmp_path, capsys)
    optimiser = SGD(module.parameters(), lr=0.1)
    if way == "fit":
        fit(module, (XS, TS), loss=mean_squared_error, optimiser=optimiser, epochs=6, shuffle=False)
    elif way == "train":
        list(train(training_step(module, mean_squared_error, optimiser), XS, TS, epochs=6))
    else:
        step = training_step(module, mean_squared_error, optimiser)
        for _ in range(6):
            step(XS, TS)
    assert count() == 6
    plain, xs, ts = network(True)
    list(train(step_of(plain), xs, ts, epochs=6, eager=True))
    assert numbers(module) == pytest.approx(numbers(plain), rel=1e-12)


def test_a_step_of_ones_own_is_recorded_if_it_only_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, xs, ts = network(True)
    optimiser = SGD(model.parameters(), lr=0.1)
    runs = State(0.0)
    taken: list[int] = []

    def step(inputs: Any, targets: Any) -> Any:
        runs.data = runs.data + 1
        loss = ((model(inputs) - targets) ** 2).mean()
        model.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    def speaking(inputs: Any, targets: Any) -> Any:
        taken.append(1)
        return step(inputs, targets)

    list(train(step, xs, ts, epochs=5))
    assert runs.data == 5
    list(train(speaking, xs, ts, epochs=5))
    assert (runs.data, len(taken)) == (10, 5)


@twins
def test_a_comparison_that_comes_out_otherwise_is_followed(twin: bool) -> None:
    def loss(y: Any, t: Any) -> Any:
        found = mean_squared_error(y, t)
        return found * 2 if found < 0.3 else found

    ends = []
    for eager in (True, False):
        model, xs, ts = network(twin)
        list(train(step_of(model, loss), xs, ts, epochs=30, eager=eager))
        ends.append(numbers(model))
    assert ends[0] == pytest.approx(ends[1], rel=1e-10)


def test_random_numbers_of_ones_own_are_drawn_every_time() -> None:
    def noisy(rng: random.Random) -> Callable[[Any, Any], Any]:
        return lambda y, t: mean_squared_error(y, t) * (1 + rng.random())

    losses = []
    for eager in (True, False):
        model, xs, ts = network(True)
        step = step_of(model, noisy(random.Random(3)))
        losses.append(list(train(step, xs, ts, epochs=5, eager=eager)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@twins
@pytest.mark.parametrize("way", ["step", "fused or not", "replayed"])
def test_a_layer_that_is_replaced_is_the_new_one_from_then_on(twin: bool, way: str) -> None:
    model, xs, ts = network(twin)
    other, _, _ = network(twin, seed=9)
    step: Any = training_step(model, mean_squared_error, SGD(model.parameters(), lr=0.0))
    run: Any = {"step": step, "fused or not": step.eager, "replayed": replayed(step)}[way]
    before = [number(run(xs, ts)) for _ in range(3)]
    model.layers[1] = other.layers[1]
    expected = number(mean_squared_error(model.over(xs), ts))
    assert number(run(xs, ts)) == pytest.approx(expected, rel=1e-12) != before[-1]


def test_a_weight_that_is_replaced_is_the_new_one_from_then_on() -> None:
    model, xs, ts = network(False)
    step = step_of(model)
    for _ in range(3):
        step(xs, ts)
    model.layers[0].neurons[2].w[1] = Value(0.25)
    expected = number(mean_squared_error(model.over(xs), ts))
    assert number(step(xs, ts)) == pytest.approx(expected, rel=1e-12)


def test_under_detect_anomaly_each_node_is_looked_at() -> None:
    model, xs, _ = network(True)
    step = step_of(model, lambda y, t: log(y - 1e9).mean())
    for _ in range(3):
        step(xs, TS)
    with detect_anomaly(), pytest.raises(FloatingPointError, match="log"):
        step(xs, TS)


def test_layers_that_are_watched_compute_in_every_step() -> None:
    model, xs, ts = network(True)
    step = step_of(model)
    for _ in range(3):
        step(xs, ts)
    assert len(observe(model, mean_squared_error, xs, ts)) == 2


def test_a_recording_that_was_asked_for_says_why_it_is_refused() -> None:
    model, xs, ts = network(False)
    step = replayed(step_of(model, lambda y, t: mean_squared_error(y, [math.sin(y[0])] * 12)))
    with pytest.raises(TypeError, match="math.sin"):
        step(xs, ts)


def test_a_bad_batch_is_an_error_in_every_call() -> None:
    model, xs, _ = network(True)
    step = step_of(model)
    for _ in range(3):
        step(xs, TS)
    for _ in range(3):
        with pytest.raises(ValueError, match="shape"):
            step(xs, TS[:5])
    step(xs, TS)
    assert not step.replay.plain  # the batch was at fault, not the program


@pytest.mark.parametrize("kind", ["array", "objects", "values"])
def test_what_is_too_large_to_be_watched_is_looked_at_in_every_step(kind: str) -> None:
    weights: Any = {
        "array": np.ones(200_000),
        "objects": [[1.0, np.ones(1)] for _ in range(100)],
        "values": [Value(1.0, role="constant") for _ in range(500)],
    }[kind]

    def weight() -> float:
        x = weights[77]
        return float(x[0] if kind == "objects" else x.data if kind == "values" else x)

    model, xs, ts = network(True)
    step = step_of(model, lambda y, t: mean_squared_error(y, t) * weight())
    for _ in range(3):
        step(xs, ts)
    weights[77] = {"array": 3.0, "objects": [3.0], "values": Value(3.0)}[kind]
    expected = 3 * number(mean_squared_error(model.over(xs), ts))
    assert number(step(xs, ts)) == pytest.approx(expected, rel=1e-12)


def test_effects_are_named() -> None:
    def speaks(x: Any) -> Any:
        print("called")
        return x * x

    with effects.unasked(), pytest.raises(effects.EffectError, match="speaks.* calls print"):
        record(speaks, 1.0)
    assert record(speaks, 1.0)(2.0)[0] == 4.0


def test_a_guard_is_no_reason_to_stop(recwarn: pytest.WarningsRecorder) -> None:
    def step(xs: Any, ts: Any) -> Any:
        return sum(x if x > 0 else -x for x in xs)

    found = list(train(step, [1.0, -2.0, 3.0], [0.0] * 3, epochs=4, batch_size=1, rng=0))
    assert found == [2.0] * 4
    with pytest.raises(GuardError):
        record(lambda x: x if x > 0 else -x, 1.0)(-1.0)


def test_a_generator_may_be_shared() -> None:
    courses, states = [], []
    for eager in (True, False):
        shared = random.Random(5)
        model = MLP(3, [5, 5, 1], activation="tanh", rng=0).vectorized()
        model.dropout = Dropout(0.3, rng=shared)
        courses.append(list(train(step_of(model), XS, TS, epochs=4, eager=eager)))
        states.append(shared.getstate())
    assert courses[0] == pytest.approx(courses[1], rel=1e-12)
    assert states[0] == states[1]


def endless() -> Iterator[int]:
    yield from range(10**9)


def test_an_iterator_moves_on_in_every_step() -> None:
    noise = endless()
    model, xs, ts = network(True)
    step = step_of(model, lambda y, t: mean_squared_error(y, t) * (1 + next(noise)))
    losses = list(train(step, xs, ts, epochs=5))
    other, _, _ = network(True)
    again = iter(range(10**9))
    plain = step_of(other, lambda y, t: mean_squared_error(y, t) * (1 + next(again)), eager=True)
    assert losses == pytest.approx([float(plain(xs, ts).data) for _ in range(5)], rel=1e-12)


@pytest.mark.parametrize("twin", [True, False])
def test_a_replayed_step_in_a_function_of_ones_own_takes_no_step_beside(twin: bool) -> None:
    """A recording of the function must not move parameters by a program that it has already."""
    found = []
    for kind in ("plain", "replayed", "recorded"):
        model, xs, ts = network(twin)
        step = step_of(model)
        step = step.eager if kind == "plain" else replayed(step)
        step(xs, ts)

        def paced(xs: Any, ts: Any, step: Any = step) -> Any:
            return step(xs, ts)

        if kind == "recorded":
            program = record(paced, xs, ts)
            for _ in range(4):
                program(xs, ts)
        else:
            list(train(paced, xs, ts, epochs=4, eager=kind == "plain"))
        found.append(numbers(model))
    assert found[1] == pytest.approx(found[0], rel=1e-9)
    assert found[2] == pytest.approx(found[0], rel=1e-9)


class Stepping:
    """A step of training as an object, which is copied with its model."""

    def __init__(self, model: Any) -> None:
        self.model, self.optimiser = model, SGD(model.parameters(), lr=0.1)

    def __call__(self, inputs: Any, targets: Any) -> Any:
        loss = mean_squared_error(self.model.over(inputs), targets)
        self.model.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss


@twins
@pytest.mark.parametrize("size", [12, 5])
def test_a_copied_step_moves_what_its_function_moves(twin: bool, size: int) -> None:
    """By a program as by itself: a function is shared by copies, an object is copied."""
    model, xs, ts = network(twin)
    step = step_of(model)
    step(xs, ts)
    step(xs, ts)
    theirs, copied = copy.deepcopy((model, step))
    before, others = numbers(model), numbers(theirs)
    for _ in range(3):
        copied(xs[:size], ts[:size])
    assert numbers(model) != before
    assert numbers(theirs) == others

    stepping = Stepping(model)
    replay = replayed(stepping)
    replay(xs, ts)
    ours, copied = copy.deepcopy((stepping, replay))
    before, others = numbers(model), numbers(ours.model)
    for _ in range(3):
        copied(xs[:size], ts[:size])
    assert numbers(model) == before
    assert numbers(ours.model) != others
