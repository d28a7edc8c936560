"""What programs do with their inputs: indices and classes, checked at each run, in every thread."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
import engine.program
from engine import Tensor, Value, fuse, gradient, no_grad, record
from nn import MLP, SGD, binary_cross_entropy, cross_entropy, hinge, replayed, training_step

Array = np.ndarray[Any, np.dtype[Any]]
NUMBA = importlib.util.find_spec("numba") is not None
COMPILED = pytest.param("compiled", marks=pytest.mark.skipif(not NUMBA, reason="needs numba"))
WAYS = ["recorded", "fused", COMPILED]


def running(way: str, f: Callable[..., Any], *examples: Any) -> Callable[..., tuple[float, Any]]:
    """A function's value and its first argument's gradient, in some way of running."""
    if way == "fused":
        fused = fuse(f)

        def run(x: Array, *rest: Any) -> tuple[float, Any]:
            leaf = Tensor(x)
            y = fused(leaf, *rest)
            return y.item(), gradient(y, leaf)

        run(*examples)
        return run
    program = record(f, *examples)
    ready: Any = program.jit() if way == "compiled" else program

    def call(*inputs: Any) -> tuple[float, Any]:
        value, slopes = ready(*inputs)
        return value, slopes[0]

    return call


# ---------------------------------------------------------------- indices

KEYS: dict[str, Callable[[Any, Any], Any]] = {
    "rows": lambda x, i: x[i],
    "columns": lambda x, i: x[:, i],
    "of the end": lambda x, i: x[1:, i],
    "reshaped": lambda x, i: x[i.reshape(-1, 1)].reshape(-1, 1),
    "one row": lambda x, i: x[i[0]] * 2,
    "one after another": lambda x, i: sum(x[k] * n for n, k in enumerate(i)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "int64") for name in KEYS), ("rows", "int32"), ("columns", "uint8")],
)
def test_indices_are_read_at_each_run(way: str, name: str, kind: str) -> None:
    def f(x: Any, i: Any) -> Any:
        return (KEYS[name](x, i).tanh() ** 2).sum()

    x = np.arange(12.0).reshape(4, 3) / 10
    example = np.array([0, 1, 1], kind)
    try:
        run = running(way, f, x, example)
    except NotImplementedError as error:  # compiled: refused by name
        assert "index" in str(error)
        return
    for indices in ([2, 0, 2], [1, 1, 1], [-1, 0, -3] if kind != "uint8" else [0, 2, 0]):
        i = np.array(indices).astype(kind)
        leaf = Tensor(x)
        y = (KEYS[name](leaf, i).tanh() ** 2).sum()
        value, slope = run(x, i)
        assert value == pytest.approx(y.item(), rel=1e-12)
        np.testing.assert_allclose(slope, gradient(y, leaf), rtol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_index_is_refused_at_each_run(way: str) -> None:
    run = running(way, lambda x, i: (x[i] ** 2).sum(), np.ones((4, 3)), np.array([0, 1]))
    for wrong in (4, -5, 10**7, -(10**9), 2**40, -(2**62)):
        with pytest.raises(IndexError):
            run(np.ones((4, 3)), np.array([0, wrong]))
    assert run(np.ones((4, 3)), np.array([2, -4]))[0] == 6.0


@pytest.mark.parametrize("way", ["recorded", COMPILED])
@pytest.mark.parametrize(
    "wrong", [[0.0, 1.0], [np.nan, 0.0], [0.5, 1.0], [True, False], ["0", "1"]]
)
def test_an_input_is_of_the_kind_that_was_recorded(way: str, wrong: list[Any]) -> None:
    run = running(way, lambda x, i: (x[i] ** 2).sum(), np.ones((4, 3)), np.array([0, 1]))
    with pytest.raises(TypeError, match="recorded as an array of int64"):
        run(np.ones((4, 3)), np.array(wrong))


def test_whole_numbers_that_do_not_fit_are_refused() -> None:
    program = record(lambda x, n: (x * n).sum(), np.ones(2), np.array([1, 2], np.int8))
    assert program(np.ones(2), np.array([3, 4]))[0] == 7.0
    with pytest.raises(ValueError, match="int8"):
        program(np.ones(2), np.array([3, 1000]))


def test_indexing_by_an_input_is_written_in_the_source_and_differentiated_twice() -> None:
    x, i = np.arange(3.0), np.array([0, 0, 2])
    program = record(lambda x, i: (x[i] ** 3).sum(), x, i)
    names: dict[str, Any] = {"np": np}
    exec(program.source, names)
    value, (slope, _) = names["program"](x, np.array([1, 2, 1]))
    assert (value, slope.tolist()) == (10.0, [0.0, 6.0, 12.0])

    def curved(x: Any, i: Any) -> Any:
        (slope,) = [gradient((x[i] ** 3).sum(), x, create_graph=True)]
        return (slope * x).sum()

    again = record(curved, x, i)
    for j in ([0, 0, 2], [1, 2, 1]):
        leaf = Tensor(x)
        y = curved(leaf, np.array(j))
        value, (slope, _) = again(x, np.array(j))
        assert value == pytest.approx(y.item())
        np.testing.assert_allclose(slope, gradient(y, leaf))


# ---------------------------------------------------------------- what would be kept for ever


@pytest.mark.parametrize("way", ["recorded", "fused"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[x > 0].sum(),
        lambda x: (x * np.isclose(x, 1.0)).sum(),
        lambda x: x.sum() * np.allclose(x, 1.0),
        lambda x: x.sum() * bool(x == 1.0),
        lambda x: x.sum() * (x != np.ones(3)).sum(),
        lambda x: (x * Tensor(x)).sum(),
        lambda x: (x * Tensor([1.0, 2.0, 3.0]) * float(x[0])).sum(),
        lambda x: (x * x.__copy__()).sum(),
        lambda x: (x * __import__("copy").deepcopy(x * 1)).sum(),
        lambda x: x.sum() * len(repr(x)),
        lambda x: x.sum() * len(str(x * 2)),
        lambda x: x.sum() * len(f"{x}"),
        lambda x: x.sum() * max(x).item(),
        lambda x: x.sum() * sorted(x)[0],
        lambda x: x.sum() * int(x[0]),
        lambda x: x.sum() * np.argmax(x),
        lambda x: x.sum() * round(float(x[0])),
        lambda x: (x * gradient((x * x).sum(), x)).sum(),
        lambda x: (x * engine.grad(lambda v: (v * v).sum())(np.asarray(x))).sum(),
    ],
)
def test_numbers_are_not_taken_out_of_a_recording(way: str, f: Any) -> None:
    with pytest.raises(TypeError):
        running(way, f, np.array([1.0, -2.0, 3.0]))


def test_numbers_computed_under_no_grad_are_recorded_or_refused() -> None:
    def taken(x: Any) -> Any:
        with no_grad():
            y = x * 2
        return (x * y.data).sum()

    def kept(x: Any) -> Any:
        with no_grad():
            y = x * 2
        return (x * y).sum()

    with pytest.raises(TypeError, match="data"):
        record(taken, np.ones(2))
    value, (slope,) = record(kept, np.ones(2))(np.array([2.0, 3.0]))
    assert (value, slope.tolist()) == (26.0, [4.0, 6.0])  # y is a constant to the gradient


@pytest.mark.parametrize("example", [3.0, np.array([3.0])])
def test_a_program_recorded_under_no_grad_has_gradients(example: Any) -> None:
    def f(x: Any) -> Any:
        return (x * x).sum() if hasattr(x, "sum") and not isinstance(x, Value) else x * x

    with no_grad():
        program = record(f, example)
        fused = fuse(lambda x: (x * x).sum())
        fused(np.array([3.0]))
    np.testing.assert_allclose(program(example)[1][0], 6.0)
    x = Tensor([3.0])
    assert gradient(fused(x), x).tolist() == [6.0]


@pytest.mark.parametrize(
    "take",
    [repr, str, lambda v: f"{v}", lambda v: v == 1.0, lambda v: v != 2, lambda v: v in [1.0],
     lambda v: __import__("copy").copy(v), lambda v: __import__("copy").deepcopy(v),
     lambda v: __import__("pickle").dumps(v), Value, lambda v: np.isnan(v), round,
     lambda v: np.array([v], float), lambda v: __import__("math").isclose(v, 1.0)],
)  # fmt: skip
def test_numbers_of_values_are_not_taken_out_either(take: Any) -> None:
    def f(x: Any) -> Any:
        take(x * 2)
        return x

    with pytest.raises(TypeError):
        record(f, 1.0)


# ---------------------------------------------------------------- classes and other targets

CLASSES = np.array([0, 1, 2, 1])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["int64", "int8", "uint16"])
def test_classes_are_checked_at_each_run(way: str, kind: str) -> None:
    net = MLP(2, [3], rng=0).vectorized()
    x = np.arange(8.0).reshape(4, 2)
    run = running(way, lambda x, t: cross_entropy(net(x), t), x, CLASSES.astype(kind))
    for wrong in (3, -1, 10**7, 2**40):
        for bad in ([wrong, 1, 2, 1], [0, 1, 2, wrong]):
            with pytest.raises(ValueError):
                run(x, np.array(bad))
    other = np.array([2, 2, 0, 1])
    assert run(x, other)[0] == pytest.approx(cross_entropy(net(x), other).item(), rel=1e-12)


def rendered(program: Any) -> str:
    """The program as text with its buffers; "" if it computes with single numbers."""
    try:
        return str(program.render("buffered"))
    except ValueError:
        return ""


@pytest.mark.parametrize("way", ["program", "loop", COMPILED])
@pytest.mark.parametrize("network", ["array", "small", "batched"])
def test_classes_of_a_recorded_training_step(way: str, network: str) -> None:
    def made() -> Any:
        net: Any = MLP(2, [4, 3], activation="tanh", rng=0)
        net = net.vectorized() if network == "array" else net
        return training_step(net, cross_entropy, SGD(net.parameters(), lr=0.1))

    xs = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    given: Any = np.array(xs) if network == "array" else xs
    plain = made()
    program: Any = record(made(), given, np.array([0, 1, 2]), batch=network == "batched")
    assert ("np.empty" in rendered(program)) == (network != "small")
    if way == "compiled":
        program = program.jit()
    step = program if way != "loop" else lambda *batch: program.loop(1, *batch)[0]
    for targets in ([0, 1, 2], [2, 0, 0], [1, 1, 1]):
        t: Any = np.array(targets) if network == "array" else targets
        loss = plain(given, t)
        assert step(given, t) == pytest.approx(float(loss.data), rel=1e-9)
    for wrong in ([0, 1, 3], [-1, 0, 0], [0, 10**7, 0], [0, 1, 0.5], [0, 1, float("nan")]):
        with pytest.raises((ValueError, TypeError)):
            step(given, np.array(wrong) if network == "array" else wrong)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("loss", "right", "wrong"),
    [(hinge, [-1.0, 1.0], [0.0, 2.0, -1.5, np.nan]),
     (binary_cross_entropy, [0.0, 0.25, 1.0], [-1e-20, 1.0000001, np.inf, np.nan])],
)  # fmt: skip
def test_ranges_are_checked_at_each_run(way: str, loss: Any, right: Any, wrong: Any) -> None:
    run = running(way, loss, np.ones(2), np.array(right[:2]))
    for t in right:
        run(np.ones(2), np.array([t, right[0]]))
    for t in wrong:
        with pytest.raises(ValueError, match="a target of the"):
            run(np.ones(2), np.array([right[0], t]))


@pytest.mark.parametrize("compiled", [False, COMPILED])
@pytest.mark.parametrize("batched", [False, True])
def test_ranges_of_scalar_targets(compiled: Any, batched: bool) -> None:
    for loss, other, wrong in ((hinge, [1.0, -1.0], 0.5), (binary_cross_entropy, [0.5, 0], 1.5)):
        program: Any = record(loss, [0.1, 0.2], [1.0, 1.0], batch=batched)
        assert ("np.empty" in rendered(program)) == batched
        run = program.jit() if compiled else program
        expected = loss([0.3, -0.4], other)
        assert run([0.3, -0.4], other)[0] == pytest.approx(
            float(getattr(expected, "data", expected))
        )
        with pytest.raises(ValueError, match="a target of the"):
            run([0.3, -0.4], [1.0, wrong])


@given(st.lists(st.integers(0, 3), min_size=2, max_size=2), st.integers(0, 2**32 - 1))
def test_scalar_classes_give_the_value_and_gradients_of_the_function(t: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = (rng.normal(size=(2, 4)) * 10 ** rng.uniform(-2, 3)).tolist()
    leaves = [[Value(x) for x in row] for row in rows]
    y = cross_entropy(leaves, t)
    y.backward()
    value, (slopes, of_targets) = PICKED(rows, t)
    assert value == pytest.approx(y.data, rel=1e-12, abs=1e-300)
    np.testing.assert_allclose(slopes, [[x.grad for x in row] for row in leaves], rtol=1e-12)
    assert of_targets == [0.0, 0.0]


PICKED = record(cross_entropy, [[0.0] * 4] * 2, [0, 1])


def test_replayed_classification_of_a_scalar_network() -> None:
    def step() -> Any:
        model = MLP(2, [3], rng=0)
        return training_step(model, cross_entropy, SGD(model.parameters(), lr=0.1))

    plain, fast = step(), replayed(step())
    for xs, ts in (([[1.0, 2.0]], [1]), ([[0.5, -2.0]], [2]), ([[1.0, 2.0]], [0])):
        assert fast(xs, ts) == pytest.approx(plain(xs, ts).data)
    with pytest.raises(ValueError, match="no class"):
        fast([[1.0, 2.0]], [3])


# ---------------------------------------------------------------- threads


def in_threads(work: Callable[[int], None], count: int = 4) -> None:
    """Run work(0), work(1), … at a time, switching often; raises what one of them raises."""
    errors: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


def smooth(x: Any, y: Any) -> Any:
    return engine.tanh(x * y) + x


@pytest.mark.parametrize("way", WAYS)
def test_threads_get_their_own_numbers_from_a_program_of_arrays(way: str) -> None:
    run = running(way, lambda x, y: smooth(x, y).sum(), np.zeros(2000), np.zeros(2000))

    def work(i: int) -> None:
        x, y = np.full(2000, i / 10), np.full(2000, 1 + i)
        right = (np.tanh(x * y) + x).sum()
        slope = y / np.cosh(x * y) ** 2 + 1
        for _ in range(150):
            value, found = run(x, y)
            assert value == pytest.approx(right, rel=1e-9)
            np.testing.assert_allclose(found, slope, rtol=1e-9)

    in_threads(work)


@pytest.mark.parametrize("compiled", [False, COMPILED])
@pytest.mark.parametrize("batched", [False, True])
def test_threads_get_their_own_numbers_from_a_program_of_values(
    compiled: Any, batched: bool
) -> None:
    w = Value(3.0)
    program: Any = record(
        lambda xs: engine.sum([engine.tanh(w * x) for x in xs]), [0.1] * 20, batch=batched
    )
    run = program.jit() if compiled else program

    def work(i: int) -> None:
        xs = [i / 10] * 20
        right = 20 * np.tanh(3 * i / 10)
        for _ in range(300):
            assert run(xs)[0] == pytest.approx(right, rel=1e-9)

    in_threads(work)


@pytest.mark.parametrize("way", ["program", "loop", COMPILED])
@pytest.mark.parametrize("network", ["array", "small", "batched"])
def test_steps_of_several_threads_are_as_many_steps(way: str, network: str) -> None:
    start: Any = np.zeros(50) if network == "array" else 0.0
    w: Any = Tensor(start) if network == "array" else Value(start)

    def step(x: Any) -> Any:
        w.grad = 0.0
        rest = x
        for _ in range(5):  # calls, between which other threads may run
            rest = engine.exp(rest) * 0.0
        loss = (w * x).sum() + rest.sum() if network == "array" else w * x + rest
        loss.backward()
        w.data = w.data - w.grad
        return loss

    # two programs share the parameter
    batch = network == "batched"
    programs: list[Any] = [record(step, start + 1.0, batch=batch) for _ in range(2)]
    if way == "compiled":
        programs = [program.jit() for program in programs]

    def work(i: int) -> None:
        program = programs[i % 2]
        for _ in range(40):
            if way == "loop":
                program.loop(5, start + 1.0)
            else:
                for _ in range(5):
                    program(start + 1.0)

    in_threads(work)
    np.testing.assert_array_equal(w.data, start - 800.0)


@pytest.mark.parametrize("way", ["recorded", COMPILED])
def test_arrays_may_be_given_as_lists(way: str) -> None:
    x, classes = np.arange(12.0).reshape(4, 3) / 10, np.array([0, 1, 2, 1])
    run = running(way, cross_entropy, x, classes)
    value, slopes = run(x, classes)
    again, same = run(x.tolist(), classes.tolist())
    assert again == value
    np.testing.assert_array_equal(same, slopes)
    with pytest.raises(ValueError, match="no class"):
        run(x.tolist(), [0, 1, 3, 1])


# ---------------------------------------------------------------- whole numbers and truth values

ON_WHOLE: dict[str, Callable[[Any, Any], Any]] = {
    "products": lambda x, k: (1.5 * k * x).sum(),
    "quotients": lambda x, k: (x / (k + 0.5)).sum() + k.mean(),
    "differences": lambda x, k: ((1 - k) * x).sum(),
    "opposites": lambda x, k: (-k * x).sum(),
    "squares": lambda x, k: (k * k * x + k**2).sum(),
    "functions": lambda x, k: (engine.tanh(k) * engine.clip(k, 0.5, 1.5) * x).sum(),
    "sums": lambda x, k: x.sum() * k.sum() + (k @ k),
    "largest": lambda x, k: (0.3 * k.max() + k.min(0) / 3) * x.sum(),
    "shares": lambda x, k: (k.softmax() * x).sum() + k.logsumexp(),
    "products of matrices": lambda x, k: (x @ k) * 0.5,
    "comparisons": lambda x, k: engine.where(k < 0.5, x, -x).sum(),
    "choices": lambda x, k: engine.where(x > 0, k, 0.5).sum() * x.sum(),
    "parts": lambda x, k: (
        (0.5 * k[1:] * x[1:]).sum() + 0.25 * k[0] + (0.5 * k.reshape(-1, 1)).sum()
    ),
    "joined": lambda x, k: (engine.concatenate([k, 0.5 * k, x]) ** 2).sum(),
    "losses": lambda x, k: engine.softmax_cross_entropy(k.reshape(1, -1), [1]).sum() * x.sum(),
    "squares of all": lambda x, k: engine.sum_of_squares([k, x]),
}


@pytest.mark.parametrize("way", ["recorded", "fused"])
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("name", ON_WHOLE)
def test_whole_numbers_are_real_ones_to_compute_with(way: str, kind: str, name: str) -> None:
    f, x = ON_WHOLE[name], np.array([0.5, -1.0, 2.0])
    run = running(way, f, x, np.array([0, 1, 1]).astype(kind))
    for k in ([1, 0, 3], [200, 100, 1]):
        whole = np.array(k).astype(kind)
        leaf = Tensor(x)
        y = f(leaf, Tensor(whole.astype(float), role="constant"))
        value, slope = run(x, whole)
        np.testing.assert_allclose(value, y.item(), rtol=1e-12)
        np.testing.assert_allclose(slope, gradient(y, leaf), rtol=1e-12)


TRUTHS: dict[str, Callable[[Any], Any]] = {
    "share": lambda x: (x > 0).mean() * x.sum(),
    "count": lambda x: ((x > 0).sum() + 1) / x.sum(),
    "weights": lambda x: ((x > 0) * 1.5 * x + (1 - (x > 0)) * x**2).sum(),
    "sums": lambda x: (((x > 0) + (x > 1)) * x).sum(),
    "opposites": lambda x: (-(x > 0) * x).sum(),
    "products of matrices": lambda x: (x > 0) @ x,
    "largest": lambda x: (0.5 * (x > 0).max()) * x.sum(),
}


@pytest.mark.parametrize("way", ["eager", *WAYS])
@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("name", TRUTHS)
def test_truth_values_are_ones_and_zeros_to_compute_with(way: str, kind: str, name: str) -> None:
    f, x = TRUTHS[name], np.array([0.5, -1.0, 2.0], kind)
    if way == "eager":
        leaf = Tensor(x)
        value, slope = f(leaf).item(), gradient(f(leaf), leaf)
    else:
        value, slope = running(way, f, -x)(x)
    positive, above = np.array([1.0, 0, 1]), np.array([0.0, 0, 1])
    expected, slopes = {
        "share": (1.0, [2 / 3] * 3),
        "count": (2.0, [-4 / 3] * 3),
        "weights": (4.75, [1.5, -2, 1.5]),
        "sums": (4.5, positive + above),
        "opposites": (-2.5, -positive),
        "products of matrices": (2.5, positive),
        "largest": (0.75, [0.5] * 3),
    }[name]
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(slope, slopes, rtol=1e-6)


# ---------------------------------------------------------------- what the function makes itself


def test_gradients_of_arrays_that_a_step_makes_are_followed() -> None:
    def setting() -> tuple[Any, Callable[[Any], Any]]:
        w = Tensor([[0.5, -1.0, 2.0]], role="parameter")

        def step(x: Any) -> Any:
            c, model = Tensor(np.full((1, 3), 2.0)), MLP(3, [2, 1], rng=0).vectorized()
            loss = (w * x * c + c).sum() + (model(x * w) ** 2).sum()
            loss.backward()
            w.data = w.data - 0.1 * c.grad * w.grad
            c.data = c.data - 0.1 * c.grad
            c.grad = 0.0
            again = (w * c).sum()
            again.backward()
            grads = [p.grad for p in model.parameters()]
            return [loss, again, c.grad[0, 1] * 1.0, *(g.reshape(-1)[0] * 1.0 for g in grads)]

        return w, step

    (w, step), (ours, same) = setting(), setting()
    program = record(same, np.ones((1, 3)))
    for x in np.random.default_rng(0).normal(size=(3, 1, 3)):
        expected = list(map(float, step(Tensor(x))))
        np.testing.assert_allclose(program(x), expected, rtol=1e-12)
        np.testing.assert_allclose(ours.data, w.data, rtol=1e-12)
        np.testing.assert_allclose(ours.grad, w.grad, rtol=1e-12)


@pytest.mark.parametrize("made", [
    lambda kind: kind(2.0),
    lambda kind: kind(2.0) * 3.0,
    lambda kind: engine.exp(kind(2.0)),
])  # fmt: skip
@pytest.mark.parametrize("cleared", [False, True])
def test_gradients_of_numbers_that_a_step_makes_are_refused(made: Any, cleared: bool) -> None:
    for kind, x in ((Value, 1.0), (Tensor, np.ones(3))):
        w: Any = kind(x, label="w", role="parameter")

        def step(x: Any, w: Any = w, kind: Any = kind) -> Any:
            c = made(kind)
            if cleared:
                c.grad = 0.0
            loss: Any = w * x * c
            loss = loss.sum() if kind is Tensor else loss
            loss.backward()
            w.data = w.data - 0.1 * c.grad
            return loss

        with pytest.raises(TypeError, match="does not follow its gradient"):
            record(step, x)
