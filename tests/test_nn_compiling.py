"""Long runs of training are compiled, if that is faster; their numbers are those of every run."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import count
from typing import Any

import numpy as np
import pytest
from test_nn_replaying import OPTIMISERS, TS, XS, network, number, numbers, step_of, twins

from engine import Program, Tensor, Value, record
from engine.program import worth
from nn import MLP, SGD, compiling, fit, mean_squared_error, replayed, train, training_step
from nn.replaying import Replay

SLOW, QUICK = 1.0, 0.25  # seconds of the clock below that a replayed and a compiled step take


class Compiler:
    """What stands for numba, and for the clock: a compiled program is the program, but quicker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time, self.speed = 0.0, QUICK
        self.compiled = self.steps = 0
        self.error: Exception | None = None
        self.late = False  # whether the error comes when the compiled program is first called
        self.replay = Program.__call__
        monkeypatch.setattr(compiling, "has_compiler", lambda: True)
        monkeypatch.setattr(compiling, "perf_counter", lambda: self.time)
        monkeypatch.setattr(Program, "jit", lambda program: Quicker(program, self))
        monkeypatch.setattr(Program, "__call__", lambda *given: self.taken(*given))

    def taken(self, program: Any, *inputs: Any) -> Any:
        self.time += SLOW
        return self.replay(program, *inputs)


class Quicker:
    """A compiled program."""

    def __init__(self, program: Any, compiler: Compiler) -> None:
        self.program, self.compiler = program, compiler
        compiler.compiled += 1
        if compiler.error is not None and not compiler.late:
            raise compiler.error

    def __call__(self, *inputs: Any) -> Any:
        self.compiler.time += self.compiler.speed
        self.compiler.steps += 1
        return self.compiler.replay(self.program, *inputs)

    def loop(self, steps: int, *inputs: Any) -> list[Any]:
        if self.compiler.error is not None:
            raise self.compiler.error
        return [self(*inputs) for _ in range(steps)]


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """Numbers' steps of a second: with compiling at two seconds, some ten steps pay for it."""
    return Compiler(monkeypatch)


def train_one(epochs: int, **options: Any) -> tuple[list[float], list[float]]:
    model, xs, ts = network(False)
    step = step_of(model)
    losses = list(train(step, xs, ts, epochs=epochs, rng=0, **options))
    return losses, numbers(model)


def test_a_long_run_is_compiled_and_a_short_one_is_not(compiler: Compiler) -> None:
    train_one(compiling.TIMED + 3)
    assert (compiler.compiled, compiler.steps) == (0, 0)
    found = train_one(100)
    assert compiler.compiled == 1
    assert compiler.steps == 100 - compiling.TIMED
    assert found == train_one(100, eager=True)


def test_what_pays_grows_with_the_program_and_shrinks_with_its_time(compiler: Compiler) -> None:
    model, xs, ts = network(False)
    small, large = (record(step_of(model).eager, xs[:n], ts[:n], batch=False) for n in (2, 12))
    assert worth.steps_that_pay(small, 1.0) < worth.steps_that_pay(large, 1.0)
    assert worth.steps_that_pay(small, 1.0) < worth.steps_that_pay(small, 1e-3) < math.inf
    assert worth.steps_that_pay(small, 1e-6) == math.inf
    twin, xs, ts = network(True)
    arrays = record(step_of(twin).eager, xs, ts)
    assert 1e5 < worth.steps_that_pay(arrays, 4e-5) < 1e6
    assert worth.steps_that_pay(arrays, 1.0) > 1e4  # matrix products take as long compiled
    many = record(step_of(twin).eager, np.tile(xs, (100, 1)), np.tile(ts, 100))
    assert worth.steps_that_pay(many, 4e-5) == math.inf  # NumPy's tanh of many is faster


def test_of_batches_of_two_sizes_those_are_compiled_that_are_many(compiler: Compiler) -> None:
    found = train_one(20, batch_size=5)  # 5, 5 and 2
    assert compiler.compiled == 1
    assert compiler.steps == 40 - compiling.TIMED
    assert found == train_one(20, batch_size=5, eager=True)


def test_fit_compiles(compiler: Compiler) -> None:
    ends = []
    for epochs in (100, compiling.TIMED + 3):
        before = compiler.compiled
        model, xs, ts = network(False)
        optimiser = SGD(model.parameters(), lr=0.1)
        history = fit(model, (xs, ts), loss=mean_squared_error, optimiser=optimiser,
                      epochs=epochs, shuffle=False, verbose=False)  # fmt: skip
        assert compiler.compiled - before == (epochs == 100)
        ends.append(history["loss"])
    assert ends[1] == ends[0][: len(ends[1])]
    assert ends[0] == train_one(100, eager=True)[0]


def test_where_nobody_says_how_long_a_run_is_it_is_compiled_when_it_was_long(
    compiler: Compiler,
) -> None:
    model, xs, ts = network(False)
    other, _, _ = network(False)
    step, plain = step_of(model), step_of(other, eager=True)
    first = None
    for i in range(80):
        assert number(step(xs, ts)) == number(plain(xs, ts))
        first = i if first is None and compiler.compiled else first
    assert first is not None
    assert 2 * compiling.TIMED <= first + 1 <= 79
    assert compiler.compiled == 1
    assert numbers(model) == numbers(other)


def test_many_short_runs_are_a_long_one(compiler: Compiler) -> None:
    model, xs, ts = network(False)
    step = step_of(model)
    losses = [x for _ in range(30) for x in train(step, xs, ts, epochs=4)]
    assert compiler.compiled == 1
    assert losses == train_one(120, eager=True)[0]


def test_a_run_that_is_broken_off_announces_no_more(compiler: Compiler) -> None:
    model, xs, ts = network(False)
    step = step_of(model)
    run: Any = train(step, xs, ts, epochs=10**6)
    next(run)
    run.close()
    for _ in range(compiling.TIMED + 1):
        step(xs, ts)
    assert compiler.compiled == 0


def test_a_compiled_program_that_is_slower_is_left_again(compiler: Compiler) -> None:
    compiler.speed = 1.5 * SLOW
    found = train_one(100)
    assert (compiler.compiled, compiler.steps) == (1, compiling.TIMED)
    assert found == train_one(100, eager=True)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error", [ImportError, NotImplementedError, RuntimeError, ValueError])
def test_what_cannot_be_compiled_is_replayed(
    compiler: Compiler, error: type[Exception], late: bool
) -> None:
    compiler.error, compiler.late = error("no"), late
    found = train_one(200)
    assert (compiler.compiled, compiler.steps) == (1, 0)
    assert found == train_one(200, eager=True)


def test_eager_steps_and_recordings_compile_nothing(compiler: Compiler) -> None:
    model, xs, ts = network(False)
    step = step_of(model, eager=True)
    list(train(step, xs, ts, epochs=100, eager=True))
    for _ in range(100):
        step(xs, ts)
    inner = step_of(model)
    program = record(lambda a, b: inner(a, b), xs, ts)
    for _ in range(100):
        program(xs, ts)
    assert compiler.compiled == 0


def test_without_a_compiler_nothing_is_timed(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "has_compiler", lambda: False)
    monkeypatch.setattr(compiling, "perf_counter", lambda: pytest.fail("timed"))
    train_one(100)
    assert compiler.compiled == 0


def test_whether_there_is_a_compiler() -> None:
    assert compiling.has_compiler() is (find_spec("numba") is not None)


def test_a_compiled_step_follows_what_changes(compiler: Compiler) -> None:
    model, xs, ts = network(False)
    other, _, _ = network(False, seed=9)
    step = replayed(step_of(model))
    for _ in range(100):
        step(xs, ts)
    assert compiler.compiled == 1
    model.layers[1] = other.layers[1]
    expected = number(mean_squared_error(model.over(xs), ts))
    assert step(xs, ts) == pytest.approx(expected, rel=1e-12)


def test_a_bad_batch_is_an_error_for_the_compiled_step(compiler: Compiler) -> None:
    model, xs, ts = network(False)
    step = step_of(model)
    for _ in range(100):
        step(xs, ts)
    with pytest.raises((TypeError, ValueError)):
        step(xs, ts[:5])
    with pytest.raises((TypeError, ValueError)):
        step([["x"] * 3] * 12, ts)
    steps = compiler.steps
    step(xs, ts)
    assert compiler.steps == steps + 1


def take_in_threads(step: Any, x: Any) -> None:
    """Take 400 steps, in four threads."""
    with ThreadPoolExecutor(4) as pool:
        for found in [pool.submit(lambda: [step(x, x) for _ in range(100)]) for _ in range(4)]:
            found.result()


def falling(w: Any) -> Any:
    """A step that moves a leaf by −1, whatever it is."""
    optimiser = SGD([w], lr=1.0)

    def step(x: Any, t: Any) -> Any:
        loss = (w + x).sum() if isinstance(w, Tensor) else w + x
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return step


def test_steps_of_several_threads_are_as_many_steps(compiler: Compiler) -> None:
    w = Value(0.0)
    take_in_threads(replayed(falling(w)), 1.0)
    assert w.data == -400.0
    assert compiler.compiled


def trained(model: Any, xs: Any, ts: Any) -> Replay:
    """A step that has been compiled."""
    optimiser = SGD(model.parameters(), lr=0.1, momentum=0.5)
    step = replayed(training_step(model, mean_squared_error, optimiser))
    for _ in range(60):
        step(xs, ts)
    return step  # type: ignore[return-value]


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copies_train_the_copied_network(compiler: Compiler, copied: Callable[..., Any]) -> None:
    model, xs, ts = network(False)
    step = trained(model, xs, ts)
    assert compiler.compiled == 1
    (program,) = step.programs.values()
    theirs, copy_of_it = copied((model, program))
    expected = [step(xs, ts) for _ in range(60)]
    before = numbers(model)
    assert [copy_of_it(xs, ts) for _ in range(60)] == expected
    assert numbers(theirs) == before == numbers(model)
    assert compiler.compiled == 2


# ---------------------------------------------------------------- with numba


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Every program is compiled and stays so; what tells how many were."""
    pytest.importorskip("numba", reason="compiled programs need numba (extra jit)")
    jit, compiled = Program.jit, []

    def noted(program: Any) -> Any:
        compiled.append(jit(program))
        return compiled[-1]

    monkeypatch.setattr(Program, "jit", noted)
    monkeypatch.setattr(worth, "MARGIN", 1e-9)
    monkeypatch.setattr(worth, "IN_AND_OUT", -1.0)
    monkeypatch.setattr(compiling, "TIMED", 2)
    monkeypatch.setattr(compiling, "perf_counter", map(math.sqrt, count()).__next__)
    return lambda: len(compiled)


@twins
@pytest.mark.parametrize(("optimiser", "dropout"), [("momentum", 0.0), ("adamw", 0.4)])
def test_compiled_training_is_what_it_is_step_by_step(
    twin: bool, optimiser: str, dropout: float, at_once: Callable[[], int]
) -> None:
    courses, ends = [], []
    for eager in (True, False):
        model, xs, ts = network(twin, dropout)
        step = training_step(model, mean_squared_error, OPTIMISERS[optimiser](model.parameters()))
        courses.append(list(train(step, xs, ts, epochs=8, batch_size=4, rng=1, eager=eager)))
        ends.append(numbers(model))
    assert at_once() >= 1
    assert courses[0] == pytest.approx(courses[1], rel=1e-9)
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)


@pytest.mark.parametrize("twin", [False, True])
def test_compiled_steps_of_several_threads_are_as_many_steps(
    twin: bool, at_once: Callable[[], int]
) -> None:
    w: Any = Tensor(np.zeros(3)) if twin else Value(0.0)
    take_in_threads(replayed(falling(w)), np.ones(3) if twin else 1.0)
    assert at_once()
    np.testing.assert_array_equal(w.data, -400.0)


def test_compiled_training_in_single_precision(at_once: Callable[[], int]) -> None:
    courses = []
    for eager in (True, False):
        model = MLP(3, [5, 1], rng=0).vectorized("float32")
        step, xs, ts = step_of(model), XS.astype("float32"), TS.astype("float32")
        courses.append(list(train(step, xs, ts, epochs=8, eager=eager)))
        assert {p.dtype for p in model.parameters()} == {np.dtype("float32")}
    assert at_once() == 1
    assert courses[0] == pytest.approx(courses[1], rel=1e-4)
