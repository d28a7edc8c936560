"""What a recorded function finds outside of itself: it is seen, or refused, but never frozen."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import engine
from engine import Tensor, Value, fuse, record
from engine.program.surroundings import RestlessError, StaleError
from engine.state import State
from nn import MLP, SGD, Module, cross_entropy, mean_squared_error, replayed, training_step

X = np.array([1.0, -2.0, 3.0])
FACTOR = 2.0
draw, gauss = random.random, random.gauss


class Noisy(Module):
    """Multiplies by noise while it is trained."""

    def __init__(self, seed: int = 0) -> None:
        self.w = Tensor([1.0, 2.0, 3.0], role="parameter")
        self.training, self.rng, self.calls = True, np.random.default_rng(seed), 0

    def parameters(self) -> list[Any]:
        return [self.w]

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        h = x * self.w
        return h * (self.rng.random(3) < 0.5) if self.training else h

    def over(self, xs: Any) -> Any:
        return self(xs)


# ---------------------------------------------------------------- what is another each time


def restless() -> dict[str, Callable[[Any], Any]]:
    rng, ticks, model = np.random.default_rng(0), count(1), Noisy()
    own, legacy = random.Random(0), np.random.RandomState(0)
    holder = SimpleNamespace(calls=0)

    def counting(x: Any) -> Any:
        holder.calls += 1
        return x * holder.calls

    return {
        "generator": lambda x: x * float(rng.normal()),
        "discrete": lambda x: x * float(rng.random() < 2.0),  # the same number each time
        "legacy": lambda x: x * float(np.random.normal()),
        "state of numpy": lambda x: x * float(legacy.normal()),
        "random": lambda x: x * random.random(),
        "gauss": lambda x: x * gauss(),
        "imported": lambda x: x * draw(),
        "own random": lambda x: x * own.random(),
        "fresh": lambda x: x * float(np.random.default_rng().normal()),
        "iterator": lambda x: x * next(ticks),
        "counter": counting,
        "time": lambda x: x * time.perf_counter_ns(),
        "choice": lambda x: x * random.choice([x, x + 1]),
        "module": lambda x: model(x * X).sum() if isinstance(x, Tensor) else x * model.rng.random(),
    }


@pytest.mark.parametrize("name", restless())
@pytest.mark.parametrize("way", ["values", "arrays", "fused"])
def test_what_is_random_or_counts_is_refused_with_the_line(name: str, way: str) -> None:
    f = restless()[name]
    state = random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    with pytest.raises(RestlessError, match=r"test_program_surroundings\.py:\d+"):
        if way == "values":
            record(f, 1.0)
        elif way == "arrays":
            record(lambda x: f(x).sum(), X)
        else:
            fuse(lambda x: f(x).sum())(X)
    now = random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    assert now == state, "refusing takes no numbers from a generator"


def test_a_training_step_with_noise_draws_as_the_plain_loop_does() -> None:
    models = Noisy(), Noisy()
    step = training_step(models[0], mean_squared_error, SGD(models[0].parameters(), lr=0.1))
    optimiser = SGD(models[1].parameters(), lr=0.1)
    for _ in range(5):
        loss = mean_squared_error(models[1](X), np.ones(3))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        assert step(X, np.ones(3)).item() == pytest.approx(loss.item(), rel=1e-12)
    assert models[0].calls == models[1].calls == 5


def test_a_function_that_only_counts_its_calls_is_recorded() -> None:
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * 2

    program = record(f, 1.0)
    before = len(calls)
    assert program(3.0)[0] == 6.0
    assert len(calls) == before


# ---------------------------------------------------------------- what changes between calls


def changing() -> dict[str, tuple[Callable[[Any], Any], Callable[[], None]]]:
    """Functions, and what changes a number that they find."""
    holder, numbers, table = SimpleNamespace(factor=2.0), [2.0], {"factor": 2.0}
    array, model, kind = np.array([2.0]), Noisy(), type("Kind", (), {"factor": 2.0})
    factor = 2.0
    model.training = False

    def set_closure() -> None:
        nonlocal factor
        factor = 5.0

    def set_global() -> None:
        globals()["FACTOR"] = 5.0

    class Scaled:
        scale = 2.0

        def __call__(self, x: Any) -> Any:
            return self.scaled(x)

        def scaled(self, x: Any) -> Any:
            return x * self.scale

    class Slotted:
        __slots__ = ("factor",)

        def __init__(self) -> None:
            self.factor = 2.0

    class Proper:
        def __init__(self) -> None:
            self.half = 1.0

        @property
        def double(self) -> float:
            return 2 * self.half

    scaled, slotted, nested, proper = Scaled(), Slotted(), {"a": {"b": 2.0}}, Proper()
    chosen, queue, large = SimpleNamespace(of=min), deque([2.0, 5.0]), np.full(200_000, 2.0)

    def with_default(x: Any, factor: float = 2.0) -> Any:
        return x * factor

    def reloaded(x: Any) -> Any:
        return x * 2.0

    @lru_cache
    def cached() -> Any:
        return holder.factor

    def set_cached() -> None:
        holder.factor = 5.0
        cached.cache_clear()

    def through(x: Any) -> Any:
        return helper(x)

    def helper(x: Any) -> Any:
        return x * holder.factor

    return {
        "closure": (lambda x: factor * x, set_closure),
        "global": (lambda x: x * FACTOR, set_global),
        "attribute": (lambda x: x * holder.factor, lambda: setattr(holder, "factor", 5.0)),
        "a function's": (through, lambda: setattr(holder, "factor", 5.0)),
        "list": (lambda x: x * numbers[0], lambda: numbers.__setitem__(0, 5.0)),
        "dict": (lambda x: x * table["factor"], lambda: table.update(factor=5.0)),
        "array": (lambda x: x * float(array[0]), lambda: array.fill(5.0)),
        "class": (lambda x: x * kind.factor, lambda: setattr(kind, "factor", 5.0)),  # type: ignore[attr-defined]
        "object": (scaled, lambda: setattr(scaled, "scale", 5.0)),
        "slots": (lambda x: x * slotted.factor, lambda: setattr(slotted, "factor", 5.0)),
        "nested": (lambda x: x * nested["a"]["b"], lambda: nested.update(a={"b": 5.0})),
        "property": (lambda x: x * proper.double, lambda: setattr(proper, "half", 2.5)),
        "partial": (
            partial(lambda h, x: x * h.factor, holder),
            lambda: setattr(holder, "factor", 5.0),
        ),
        "flag": (
            lambda x: x * (2.0 if not model.training else 5.0),
            lambda: setattr(model, "training", True),
        ),
        "a function of Python's": (
            lambda x: x * chosen.of((2.0, 5.0)),
            lambda: setattr(chosen, "of", max),
        ),
        "by name": (
            lambda x: x * getattr(holder, "factor"),  # noqa: B009
            lambda: setattr(holder, "factor", 5.0),
        ),
        "among all names": (
            lambda x: x * vars(holder)["factor"],
            lambda: setattr(holder, "factor", 5.0),
        ),
        "global by name": (lambda x: x * globals()["FACTOR"], set_global),
        "queue": (lambda x: x * queue[0], queue.reverse),
        "default": (
            lambda x: with_default(x),
            lambda: setattr(with_default, "__defaults__", (5.0,)),
        ),
        "code": (
            lambda x: reloaded(x),
            lambda: setattr(reloaded, "__code__", (lambda x: x * 5.0).__code__),
        ),
        "cached": (lambda x: x * cached(), set_cached),
        "large array": (lambda x: x * float(large.mean()), lambda: large.fill(5.0)),
    }


@pytest.mark.parametrize("name", changing())
def test_settings_that_have_changed_are_seen(name: str) -> None:
    for way in ("values", "arrays", "fused", "replayed"):
        f, change = changing()[name]
        globals()["FACTOR"] = 2.0
        if way == "fused":
            fused = fuse(lambda x, f=f: f(x).sum())
            assert fused(X).item() == 4.0
            change()
            assert fused(X).item() == 10.0
            continue
        if way == "replayed":
            step = replayed(lambda x, t, f=f: f(x))  # type: ignore[misc]
            assert step(3.0, [1.0])[0] == 6.0
            change()
            assert step(3.0, [1.0])[0] == 15.0
            continue
        example: Any = 3.0 if way == "values" else X
        program = record(f if way == "values" else lambda x, f=f: f(x).sum(), example)
        value = program(example)[0]
        assert program(example)[0] == value
        change()
        with pytest.raises(StaleError, match="changed since it was recorded"):
            program(example)
        with pytest.raises(StaleError, match="changed since it was recorded"):
            program.loop(1, example)
    globals()["FACTOR"] = 2.0


def test_leaves_that_the_function_makes_are_no_change() -> None:
    program = record(lambda x: (x * Tensor([1.0, 2.0, 3.0])).sum(), X)
    assert program(X)[0] == 6.0
    assert fuse(lambda x: (x * Tensor([1.0, 2.0, 3.0])).sum())(X).item() == 6.0


def test_a_leaf_that_takes_the_place_of_another_is_seen() -> None:
    leaves = [Value(2.0)]
    program = record(lambda x: x * leaves[0], 3.0)
    leaves[0].data = 5.0
    assert program(3.0)[0] == 15.0
    leaves[0] = Value(2.0)
    with pytest.raises(StaleError, match="has become"):
        program(3.0)


def test_numbers_that_are_set_to_what_they_were_are_no_change() -> None:
    holder = SimpleNamespace(factor=2.0)
    program = record(lambda x: x * holder.factor, 1.0)
    for text in ("2.0", "2.00"):
        holder.factor = float(text)
        assert program(3.0)[0] == 6.0


def test_what_is_kept_in_a_state_may_change() -> None:
    factor = State(2.0)
    program = record(lambda x: x * factor.data, 1.0)
    factor.data = 5.0
    assert program(3.0)[0] == 15.0


def test_settings_of_an_optimiser_and_of_a_network() -> None:
    xs, ts = [[0.0, 1.0], [1.0, 1.0]], [1.0, 0.0]
    model = MLP(2, [2, 1], rng=0)
    optimiser = SGD(model.parameters(), lr=0.1, momentum=0.5)
    step = training_step(model, mean_squared_error, optimiser)
    program = record(step, xs, ts)
    program(xs, ts)
    optimiser.lr = 0.01  # a State
    program(xs, ts)
    optimiser.momentum = 0.9
    with pytest.raises(StaleError, match=r"momentum was 0\.5 and is 0\.9"):
        program(xs, ts)
    program = record(step, xs, ts)
    MLP(2, [2, 1])  # another network is none of its business
    program(xs, ts)
    model.layers[0].neurons[0].nonlin = False
    with pytest.raises(StaleError, match="nonlin"):
        program(xs, ts)


def test_a_lookup_table_trains_the_rows_of_each_batch() -> None:
    class Lookup(Noisy):
        def __init__(self) -> None:
            self.w = Tensor(np.arange(20.0).reshape(5, 4) / 10, role="parameter")

        def __call__(self, x: Any) -> Any:
            return self.w[x]

    models = Lookup(), Lookup(), Lookup()
    steps = [training_step(m, cross_entropy, SGD(m.parameters(), lr=0.5)) for m in models[:2]]
    steps[1] = replayed(steps[1])
    optimiser = SGD(models[2].parameters(), lr=0.5)
    for rows, targets in (([0, 1], [1, 2]), ([4, 3], [0, 0]), ([1, 1], [3, 0])):
        loss = cross_entropy(models[2](np.array(rows)), np.array(targets))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for step in steps:
            step(np.array(rows), np.array(targets))
    for model in models[:2]:
        np.testing.assert_allclose(model.w.data, models[2].w.data, rtol=1e-12)


def test_values_too_draw_in_each_step() -> None:
    model, rng = MLP(2, [1], rng=0), random.Random(0)

    def noisy(outputs: Any, targets: Any) -> Any:
        return mean_squared_error([p + rng.random() for p in outputs], targets)

    step = training_step(model, noisy, SGD(model.parameters(), lr=0.0))
    assert len({step([[1.0, 1.0]], [0.0]).data for _ in range(4)}) == 4
    with pytest.raises(RestlessError):
        engine.record(step, [[1.0, 1.0]], [0.0])
    replay = replayed(step)  # goes on without a program
    assert len({replay([[1.0, 1.0]], [0.0]) for _ in range(4)}) == 4
    assert engine.tanh(Value(0.0)).data == 0.0


class Kept:
    """A descriptor that keeps its number under another name."""

    def __get__(self, x: Any, kind: type) -> Any:
        return vars(x)["hidden"]

    def __set__(self, x: Any, number: float) -> None:
        vars(x)["hidden"] = number


def test_settings_behind_descriptors_are_seen() -> None:
    class Holder:
        factor = Kept()

    holder = Holder()
    holder.factor = 2.0
    program = record(lambda x: x * holder.factor, 1.0)
    assert program(3.0)[0] == 6.0
    holder.factor = 5.0
    with pytest.raises(StaleError, match="hidden was"):
        program(3.0)


@pytest.mark.parametrize("arrays", [False, True])
def test_a_program_inside_a_recording_is_refused_before_it_moves_anything(arrays: bool) -> None:
    w: Any = Tensor([1.0, 2.0]) if arrays else Value(1.0)
    x: Any = np.ones(2) if arrays else 1.0

    def step(x: Any) -> Any:
        loss = (w * x).sum() if arrays else w * x
        w.grad = 0.0
        loss.backward()
        w.data = w.data - 0.1 * w.grad
        return loss

    program = record(step, x)
    before = np.array(w.data)
    with pytest.raises(RuntimeError, match="call the function itself"):
        record(lambda x: program(x), x)
    with pytest.raises(RuntimeError, match="call the function itself"):
        record(lambda x: program.loop(2, x), x)
    assert np.array_equal(w.data, before)
    program(x)
    assert not np.array_equal(w.data, before)
