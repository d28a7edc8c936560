"""`no_grad` and `detect_anomaly`: what they change, for whom, and for how long."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import math
import random
import signal
import threading
import time
import types
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import numpy as np
import pytest

import engine
from engine import TABLE, Rule, Tensor, Value, detect_anomaly, grad, gradient, hvp, no_grad
from engine.modes import active

INF, NAN = math.inf, math.nan


def recording() -> bool:
    return bool((Value(1.0) * 2).args)


def checking() -> bool:
    try:
        Value(0.0).log()
    except FloatingPointError:
        return True
    return False


def switch(mode: type) -> Callable[[], bool]:
    """What tells whether the mode is on."""
    return (lambda: not recording()) if mode is no_grad else checking


@pytest.fixture(autouse=True)
def _nothing_stays_on() -> Any:
    yield
    assert recording()
    assert not checking()
    assert not active, "operations ask which modes are on although none is"


# ---------------------------------------------------------------- no_grad


def test_nothing_is_recorded_within_no_grad() -> None:
    x = Value(0.5)
    with no_grad():
        results = [
            x + 1, 2 * x, x**2, x**x, x.tanh(), -x, engine.sum([x, x]), engine.exp(x),
            engine.logsumexp([x, 1.0]), x.clip(0, 1), *engine.softmax([x, x]),
        ]  # fmt: skip
    for y in results:
        assert (y.args, y.partials, y.params) == ((), (), ())
        assert (y._op, y.rule, y.role) == ("", None, "input")
        y.backward()
    assert x.grad == 0.0
    assert results[0].data == 1.5


def test_what_was_recorded_before_no_grad_is_differentiated_within() -> None:
    x = Value(3.0)
    y = x * x
    with no_grad():
        y.backward()
        assert gradient(y, x) == 6.0
    assert x.grad == 6.0


def test_results_of_no_grad_are_constants_to_what_follows() -> None:
    x = Value(3.0)
    with no_grad():
        c = x * x
    y = c * x
    y.backward()
    assert (x.grad, c.grad) == (9.0, 3.0)


def test_values_made_by_hand_within_no_grad_are_values() -> None:
    with no_grad():
        x = Value(3.0, label="x", role="parameter")
    assert (x.label, x.role) == ("x", "parameter")
    (x * 2).backward()
    assert x.grad == 2.0


def test_a_label_may_be_given_within_no_grad() -> None:
    with no_grad():
        y = Value(1.0) + 1
        y.label = "y"
    assert y.label == "y"


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_modes_nest_and_end_also_when_an_error_leaves_them(mode: Any) -> None:
    is_on = switch(mode)
    assert not is_on()
    with mode():
        assert is_on()
        with mode():
            assert is_on()
        assert is_on()
        with pytest.raises(KeyError), mode():
            raise KeyError
        assert is_on()
    assert not is_on()


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_one_mode_object_can_be_entered_again_and_within_itself(mode: Any) -> None:
    is_on = switch(mode)
    guard = mode()
    for _ in range(2):
        with guard:
            with guard:
                assert is_on()
            assert is_on()
        assert not is_on()


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_modes_decorate_functions(mode: Any) -> None:
    is_on = switch(mode)

    @mode()  # type: ignore[untyped-decorator]
    def predict(x: float, *, scale: float = 1.0) -> tuple[bool, float]:
        """Says what it does."""
        return is_on(), x * scale

    assert predict(3.0, scale=2.0) == (True, 6.0)
    assert (predict.__name__, predict.__doc__) == ("predict", "Says what it does.")
    assert not is_on()
    assert predict(1.0)[0]


def test_both_modes_at_once() -> None:
    with no_grad(), detect_anomaly():
        assert not recording()
    with detect_anomaly(), no_grad():
        assert not recording()
    with detect_anomaly():
        with no_grad():
            pass
        assert checking()


def test_a_mode_is_for_its_own_thread() -> None:
    seen: list[tuple[bool, bool]] = []
    entered, done = threading.Event(), threading.Event()

    def inside() -> None:
        with no_grad(), detect_anomaly():
            entered.set()
            done.wait(10)
            seen.append((recording(), checking()))

    thread = threading.Thread(target=inside)
    thread.start()
    assert entered.wait(10)
    seen.append((recording(), checking()))
    done.set()
    thread.join()
    assert seen[0] == (True, False)
    assert seen[1][0] is False


def test_a_mode_is_for_its_own_task() -> None:
    async def guarded(entered: asyncio.Event, other: asyncio.Event) -> bool:
        with no_grad():
            entered.set()
            await other.wait()
            return recording()

    async def free(entered: asyncio.Event, other: asyncio.Event) -> bool:
        await entered.wait()
        result = recording()
        other.set()
        return result

    async def main() -> tuple[bool, bool]:
        entered, other = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(guarded(entered, other), free(entered, other))

    assert tuple(asyncio.run(main())) == (False, True)


# ---------------------------------------------------------------- detect_anomaly


def test_without_it_nothing_raises() -> None:
    x = Value(0.0)
    y = 1 / x + x.log() + (x - 1).sqrt()
    y.backward()
    assert math.isnan(y.data)
    assert math.isnan(x.grad)


@pytest.mark.parametrize(
    ("operation", "f", "at"),
    [
        ("/", lambda x: 1 / x, 0.0),
        ("log", lambda x: x.log(), -1.0),
        ("exp", lambda x: x.exp(), 1000.0),
        ("sqrt", lambda x: x.sqrt(), -1.0),
        (r"\*\*-1", lambda x: x**-1, 0.0),
        (r"\*\*", lambda x: x ** Value(0.5), -2.0),
        (r"\*", lambda x: x * 1e300, 1e300),
        ("sum", lambda x: engine.sum([x, INF]), 1.0),
        ("logsumexp", lambda x: engine.logsumexp([x, NAN]), 1.0),
        (r"\+", lambda x: x + NAN, 1.0),
    ],
)
def test_the_first_value_that_is_not_finite_is_named(
    operation: str, f: Callable[[Value], Value], at: float
) -> None:
    x = Value(at, label="the input")
    with detect_anomaly(), pytest.raises(FloatingPointError, match=f"[(]{operation}, ") as error:
        f(x)
    text = str(error.value)
    assert "the input" in text
    assert repr(at) in text
    assert __file__ in text
    assert "lambda x: " in text


def test_the_message_names_node_operation_operands_and_line() -> None:
    a, b = Value(3.0, label="a"), Value(0.0, label="b")
    with detect_anomaly(), pytest.raises(FloatingPointError) as error:
        a / b  # the culprit
    text = str(error.value)
    for part in ("/", "inf", "a = 3.0", "b = 0.0", "# the culprit", "test_modes.py"):
        assert part in text


def test_the_first_gradient_that_is_not_finite_is_named() -> None:
    x = Value(0.0, label="x")
    with detect_anomaly():
        root = x.sqrt()  # the square root
        root.label = "root"
        y = root * 3
        with pytest.raises(FloatingPointError) as error:
            y.backward()
    text = str(error.value)
    for part in ("gradient", "'x'", "inf", "'root'", "sqrt", "# the square root"):
        assert part in text


def test_a_gradient_of_a_graph_recorded_before_has_no_line_and_says_how_to_get_one() -> None:
    x = Value(0.0, label="x")
    y = x.sqrt()
    with detect_anomaly(), pytest.raises(FloatingPointError, match="detect_anomaly"):
        y.backward()


def test_gradient_finds_anomalies_and_names_the_node() -> None:
    x = Value(0.0, label="x")
    y = x.sqrt()
    for create_graph in (False, True):
        with detect_anomaly(), pytest.raises(FloatingPointError, match="'x'"):
            gradient(y, x, create_graph=create_graph)


def test_the_functions_find_anomalies() -> None:
    with detect_anomaly():
        with pytest.raises(FloatingPointError):
            grad(lambda x: x.sqrt())(0.0)
        with pytest.raises(FloatingPointError):
            hvp(lambda x: 1 / x, 0.0, 1.0)


def test_the_line_is_the_users_also_through_a_function_of_theirs() -> None:
    def loss(x: Value) -> Any:
        return x.log()  # here

    with detect_anomaly(), pytest.raises(FloatingPointError, match="# here"):
        engine.sum([loss(Value(0.0))])
    with detect_anomaly(), pytest.raises(FloatingPointError, match="# there"):
        engine.softmax([Value(INF), Value(INF)])  # there


def test_the_line_is_the_users_also_through_a_network() -> None:
    model = pytest.importorskip("nn").MLP(2, [3, 1])
    with detect_anomaly(), pytest.raises(FloatingPointError, match="# the user's line"):
        model([Value(INF), 1.0])  # the user's line


def test_finite_graphs_pass_and_give_the_same_numbers() -> None:
    def f(x: Value) -> Any:
        return (x * x + x.exp() / (1 + x.tanh())).log() + engine.logsumexp([x, 2.0]) + x.relu()

    x, z = Value(0.7), Value(0.7)
    f(x).backward()
    with detect_anomaly():
        y = f(z)
        y.backward()
        slope = gradient(y, z, create_graph=True)
    assert z.grad == x.grad == slope.data
    assert "test_modes.py" in y.origin


def test_a_branch_not_taken_is_no_anomaly() -> None:
    with detect_anomaly():
        x = Value(-1.0)
        y = x.relu() + 1
        y.backward()
        assert x.grad == 0.0
        assert grad(grad(engine.elu))(1000.0) == 0.0


def test_a_nan_that_goes_no_further_than_a_branch_not_taken_is_no_anomaly_outside() -> None:
    x = Value(-1.0)
    y = x.relu().log()
    y.backward()
    assert (y.data, x.grad) == (-INF, 0.0)


# ---------------------------------------------------------------- generators and coroutines


def drained(steps: Any) -> list[Any]:
    """What a generator or a coroutine gives, with what is on between its steps."""
    seen = []
    while True:
        try:
            seen.append(steps.send(None))
        except StopIteration as end:
            return [*seen, end.value]
        assert recording()
        assert not checking()


@types.coroutine
def pause() -> Generator[str, Any, Any]:
    """Lets a coroutine wait."""
    return (yield "waiting")


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_generators_and_coroutines_run_with_the_mode_on_and_wait_with_it_off(mode: Any) -> None:
    is_on = switch(mode)

    @mode()  # type: ignore[untyped-decorator]
    def generator() -> Generator[bool, Any, bool]:
        yield is_on()
        yield is_on()
        return is_on()

    @mode()  # type: ignore[untyped-decorator]
    async def coroutine() -> bool:
        await pause()
        return is_on()

    @mode()  # type: ignore[untyped-decorator]
    async def stream() -> AsyncIterator[bool]:
        yield is_on()
        await pause()
        yield is_on()

    async def collect() -> list[bool]:
        found = []
        async for x in stream():
            assert not is_on()
            found.append(x)
        return found

    assert drained(generator()) == [True, True, True]
    assert drained(coroutine()) == ["waiting", True]
    assert drained(collect()) == ["waiting", [True, True]]
    assert inspect.isgeneratorfunction(generator)
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isasyncgenfunction(stream)


def test_interleaved_generators_have_each_their_own_mode() -> None:
    def steps() -> Iterator[tuple[bool, bool]]:
        for _ in range(3):
            yield recording(), checking()

    quiet, watchful = no_grad()(steps)(), detect_anomaly()(steps)()
    for _ in range(3):
        assert next(quiet) == (False, False)
        assert next(watchful) == (True, True)


def test_what_is_sent_and_thrown_reaches_a_decorated_generator() -> None:
    events: list[Any] = []

    @no_grad()
    def generator() -> Generator[Any, Any, str]:
        try:
            events.append((yield 1))
        except KeyError as error:
            events.append((error.args, recording()))
        try:
            yield 2
        finally:
            events.append(recording())
        return "end"

    first = generator()
    assert (next(first), first.send("sent")) == (1, 2)
    first.close()
    second = generator()
    assert (next(second), second.throw(KeyError("thrown"))) == (1, 2)
    with pytest.raises(StopIteration) as end:
        next(second)
    assert end.value.value == "end"
    assert events == ["sent", False, (("thrown",), False), False]


def test_closing_an_asynchronous_generator_runs_its_end_with_the_mode_on() -> None:
    events: list[Any] = []

    @no_grad()
    async def stream() -> AsyncGenerator[Any, Any]:
        try:
            events.append((yield 1))
            yield 2
        finally:
            events.append(recording())

    async def main() -> None:
        steps = stream()
        assert await steps.asend(None) == 1
        assert await steps.asend("sent") == 2
        await steps.aclose()

    asyncio.run(main())
    assert events == ["sent", False]


# ---------------------------------------------------------------- entered in other ways


@pytest.mark.parametrize("mode", [no_grad, detect_anomaly])
def test_modes_are_entered_and_left_by_hand_and_by_exit_stacks(mode: Any) -> None:
    is_on = switch(mode)
    guard = mode()
    guard.__enter__()
    assert is_on()
    guard.__exit__(None, None, None)
    assert not is_on()
    with pytest.raises(RuntimeError, match="not entered here"):
        guard.__exit__(None, None, None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(guard)
        stack.enter_context(guard)
        assert is_on()
    assert not is_on()


def test_threads_may_share_a_mode_object() -> None:
    guard, inside, left = no_grad(), threading.Barrier(2), threading.Event()
    seen: list[bool] = []

    def first() -> None:
        with guard:
            inside.wait(10)
        seen.append(recording())
        left.set()

    def second() -> None:
        with guard:
            inside.wait(10)
            left.wait(10)
            seen.append(recording())

    threads = [threading.Thread(target=f) for f in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True, False]


# ---------------------------------------------------------------- interrupts


class Interrupt(KeyboardInterrupt):
    """Ctrl-C, at some moment."""


def blocks() -> None:
    for mode in (no_grad, detect_anomaly):
        with mode():
            X * 2


def step(x: Any) -> Any:
    X.grad = 0.0
    loss = (x * X - 1) ** 2
    loss.backward()
    X.data = X.data - 0.1 * X.grad
    return loss


@no_grad()
def generated() -> Iterator[Value]:
    for _ in range(3):
        yield X * 2


X = Value(2.0)
METHODS = [
    (kind, name, x)
    for kind in (Value, Tensor)
    for name, x in vars(kind).items()
    if type(x).__name__ != "Method"  # those take their place when they are first used
]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer on this system")
@pytest.mark.parametrize(
    "work",
    [
        blocks,
        lambda: list(generated()),
        lambda: engine.grad(engine.grad(lambda x: x**3))(2.0),
        lambda: engine.record(step, 1.0),
        lambda: engine.record(lambda x: x.tanh().sum(), np.ones(2)),
        lambda: engine.fuse(lambda x: x.tanh().sum())(Tensor([1.0, 2.0])),
    ],
    ids=["blocks", "generator", "grad", "record", "record arrays", "fuse"],
)
def test_interrupts_leave_everything_as_it_was(work: Callable[[], Any]) -> None:
    def interrupt(*_: object) -> None:
        raise Interrupt

    def seconds() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    rng = random.Random(0)
    typical = min(seconds() for _ in range(10))
    before = signal.signal(signal.SIGALRM, interrupt)
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()  # Hypothesis has one, in which an interrupt is lost
    try:
        for _ in range(300 if typical < 1e-4 else 150):
            with pytest.raises(Interrupt):
                signal.setitimer(
                    signal.ITIMER_REAL, rng.uniform(1e-6, 5e-5 + 1.5 * typical), 0.5
                )  # again, should a destructor have swallowed the first
                while True:
                    work()
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert recording()
            assert not checking()
            assert gc.isenabled()
            assert (X.data, (X * 2).data) == (2.0, 4.0)
            assert [(k, n, vars(k)[n]) for k, n, _ in METHODS] == METHODS
            assert engine.record(lambda x: x * X, 1.0)(3.0)[0] == 6.0
            X.grad = 0.0
    finally:
        signal.signal(signal.SIGALRM, before)
        gc.callbacks[:] = callbacks


@pytest.mark.parametrize(
    "row", [row for row in TABLE if not row.variadic], ids=lambda row: row.name
)
def test_every_operation_is_told_where_it_was_made(row: Rule) -> None:
    args = [Value(0.4 * max(low, -2.0) + 0.6 * min(high, 2.0)) for low, high in row.domain]
    params = row.samples[0] if row.samples else ()
    with detect_anomaly():
        y = getattr(engine, row.name)(*args, *params)
    assert "test_modes.py" in y.origin


@pytest.mark.parametrize("count", [1, 2, 300])
@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp"])
def test_every_operation_over_a_sequence_is_told_where_it_was_made(name: str, count: int) -> None:
    with detect_anomaly():
        y = getattr(engine, name)([Value(0.5)] * count)
    assert "test_modes.py" in y.origin
