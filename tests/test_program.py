"""Programs: what a recorded function computes is what the function computes."""

from __future__ import annotations

import gc
import math
import tracemalloc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import engine
import nn
from engine import TABLE, Rule, Value, gradient, no_grad, relu, tanh
from engine.numbers import apply
from engine.program import GuardError, Program, record
from engine.state import State
from engine.strategies import EDGES, Computation, Step, computations, floats
from nn import MLP, SGD, Adam, AdamW

ROWS = [row for row in TABLE if not row.variadic]
KINKED = ("relu", "leaky_relu", "elu", "abs", "max", "min", "clip", "power", "pow")


def same(a: float, b: float, rel: float = 1e-12, scale: float = 0.0) -> bool:
    """Whether two numbers are equal, but for rounding; nan equals nan."""
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
        return a == b or (math.isnan(a) and math.isnan(b))
    return math.isclose(a, b, rel_tol=rel, abs_tol=rel * scale)


def as_function(c: Computation) -> Callable[..., Any]:
    """The computation as a function of its inputs."""
    return lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1]


def eager(f: Callable[..., Any], inputs: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    """The function's value and gradients, on graphs."""
    leaves = [Value(x) for x in inputs]
    y = f(*leaves)
    if not isinstance(y, Value):
        return y, (0.0,) * len(leaves)
    return y.data, tuple(gradient(y, leaves))


# ---------------------------------------------------------------- values and gradients


@given(computations(max_nodes=20), st.data())
def test_replay_on_other_inputs_gives_what_a_new_graph_gives(c: Computation, data: Any) -> None:
    f = as_function(c)
    program = record(f, *c.inputs)
    for inputs in (c.inputs, tuple(data.draw(floats()) for _ in c.inputs)):
        value, gradients = program(*inputs)
        expected, slopes = eager(f, inputs)
        assert same(value, expected, 1e-9, 1.0)
        scale = max(map(abs, slopes), default=0.0)
        scale = scale if math.isfinite(scale) else 1e300
        if scale < 1e6:  # elsewhere the order of sums shows
            assert all(same(a, b, 1e-9, 1 + scale) for a, b in zip(gradients, slopes, strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_every_row_replays_at_edges_and_kinks(row: Rule, data: Any) -> None:
    params = data.draw(st.sampled_from(row.samples))
    start = [0.5 * (max(low, -2.0) + min(high, 2.0)) for low, high in row.domain]

    def f(*xs: Any) -> Any:
        return apply(row, xs, params)

    program = record(f, *start)
    number = st.one_of(st.sampled_from((*EDGES, 1.0, -1.0, 2.0)), floats())
    inputs = data.draw(st.tuples(*[number for _ in start]))
    value, slopes = eager(f, inputs)
    now, gradients = program(*inputs)
    assert same(value, now), (row.name, inputs)
    for a, b in zip(gradients, slopes, strict=True):
        assert same(a, b), (row.name, inputs, program.source)


def test_powers_at_infinity_are_those_of_eager_numbers() -> None:
    program = record(lambda x, n: x**n, 2.0, 3.0)
    for inputs in ((-math.inf, 0.5), (-math.inf, 1.5), (0.0, -1.0), (-0.0, -3.0), (-8.0, 1 / 3)):
        value, slopes = eager(lambda x, n: x**n, inputs)
        now, gradients = program(*inputs)
        assert same(value, now), inputs
        assert all(map(same, gradients, slopes)), inputs


def test_the_branch_that_is_not_taken_passes_nothing() -> None:
    program = record(lambda x: relu(x).log(), 1.0)
    value, (slope,) = program(-1.0)
    assert value == -math.inf
    assert slope == 0.0


@pytest.mark.parametrize("name", ["logsumexp", "cross_entropy", "sum", "mean", "dot", "affine"])
def test_rows_over_sequences_replay_stably(name: str) -> None:
    row = TABLE[name]

    def f(*xs: Any) -> Any:
        return apply(row, xs, (1,) if row.params else ())

    count = 4 if name == "dot" else 5
    program = record(f, *map(float, range(count)))
    for inputs in ((1.0, 2.0, 3.0, -1.0, 0.5), (1000.0, -1000.0, 1001.0, 0.0, 1000.0)):
        value, gradients = program(*inputs[:count])
        expected, slopes = eager(f, inputs[:count])
        assert same(value, expected)
        assert all(same(a, b, 1e-12, 1e-3) for a, b in zip(gradients, slopes, strict=True))


@pytest.mark.parametrize("count", [1, 12, 13, 40, 5000])
def test_long_sums_are_computed_in_parts(count: int) -> None:
    program = record(lambda xs: engine.sum([x * x for x in xs]), [1.0] * count)
    value, (gradients,) = program([2.0] * count)
    assert value == 4.0 * count
    assert gradients == [4.0] * count


@given(computations(max_nodes=12), st.integers(0, 2**32 - 1))
@example(Computation((1.0,), (Step("abs", (0,)),)), 0)
def test_arrays_are_computed_entry_by_entry(c: Computation, seed: int) -> None:
    program = record(as_function(c), *c.inputs)
    rng = np.random.default_rng(seed)
    columns = [np.append(x, rng.uniform(-2, 2, 3)) for x in c.inputs]
    value, gradients = program(*columns)
    assert value.shape == (4,)
    for i, row in enumerate(zip(*columns, strict=True)):
        one, slopes = program(*map(float, row))
        assert same(value[i], one, 1e-9, 1.0)
        for g, slope in zip(gradients, slopes, strict=True):
            assert same(g[i], slope, 1e-6, 1.0) or abs(slope) > 1e6


def test_an_array_may_stand_beside_a_number() -> None:
    program = record(lambda x, w: x * w, 1.0, 2.0)
    value, (dx, dw) = program(np.array([1.0, 2.0]), 3)
    np.testing.assert_array_equal(value, [3.0, 6.0])
    np.testing.assert_array_equal(dx, [3.0, 3.0])
    np.testing.assert_array_equal(dw, [1.0, 2.0])


def test_nested_inputs_have_gradients_of_their_shape() -> None:
    program = record(lambda xs, y: xs[0][0] * xs[0][1] * xs[1][0] + y, [[1.0, 2.0], [3.0]], 4.0)
    value, (dxs, dy) = program([[2.0, 3.0], [4.0]], 1.0)
    assert value == 25.0
    assert dxs == [[12.0, 8.0], [6.0]]
    assert dy == 1.0
    value, _ = program([np.array([2.0, 3.0]), [4.0]], 1.0)
    assert value == 25.0


def test_other_numbers_count_as_floats() -> None:
    program = record(lambda x, y: x * y + x, 1.0, 2.0)
    value, gradients = program(2, np.float32(3))
    assert (value, gradients) == (8.0, (4.0, 2.0))
    assert all(type(x) is float for x in (value, *gradients))


def test_captured_leaves_are_read_at_each_run() -> None:
    w, b = Value(2.0, label="w"), Value(1.0, label="b")
    program = record(lambda x: w * x + b, 3.0)
    assert program.parameters == [w, b]
    assert program(3.0) == (7.0, (2.0, 3.0, 1.0))
    w.data = 5.0
    assert program(3.0) == (16.0, (5.0, 3.0, 1.0))


def test_constants_and_leaves_that_the_function_makes_stay_as_they_are() -> None:
    program = record(lambda x: x * 3 + Value(2.0), 1.0)
    assert program.parameters == []
    assert program(2.0) == (8.0, (3.0,))


def test_a_result_that_does_not_depend_on_the_inputs() -> None:
    assert record(lambda x: Value(3.0), 1.0)(2.0) == (3.0, (0.0,))
    assert record(lambda x: x, 1.0)(2.0) == (2.0, (1.0,))
    assert record(lambda x: 4, 1.0)(2.0) == (4.0, (0.0,))


def test_second_derivatives_can_be_recorded() -> None:
    def slope(x: Value) -> Any:
        return gradient(x**3, x, create_graph=True)

    assert record(slope, 2.0)(3.0) == (27.0, (18.0,))


def test_a_deep_chain_and_a_wide_sum() -> None:
    def f(x: Value) -> Value:
        for _ in range(10_000):
            x = x * 0.9999 + 1e-4
        return x

    value, (slope,) = record(f, 0.5)(0.25)
    expected, (s,) = eager(f, [0.25])
    assert same(value, expected)
    assert same(slope, s, 1e-9)


def test_recording_keeps_no_graph() -> None:
    class Watched(Value):
        pass

    w = Watched(2.0)
    nodes: list[Any] = []

    def f(x: Any) -> Any:
        h = tanh(w * x)
        nodes.append(weakref.ref(h))
        return h * h

    program = record(f, 0.5)
    gc.collect()
    assert nodes[0]() is None
    assert program(0.5)[0] == pytest.approx(math.tanh(1.0) ** 2)


def test_runs_leave_no_memory_behind() -> None:
    program = record(lambda x: tanh(x) * x, 0.5)
    program(0.5)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        program(0.5)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 2000


# ---------------------------------------------------------------- text


def test_the_source_reads_like_the_chain_rule() -> None:
    def neuron(x: Value, w: Value) -> Any:
        z = w * x
        z.label = "z"
        return tanh(z)

    assert record(neuron, 0.5, 2.0).source == (
        "def neuron(x, w):\n"
        "    # forward\n"
        "    z = w * x\n"
        "    value = np.tanh(z)\n"
        "    # backward\n"
        "    d_z = 1 - value * value\n"
        "    d_w = x * d_z\n"
        "    d_x = w * d_z\n"
        "    return value, (d_x, d_w)\n"
    )


@given(computations(max_nodes=15))
def test_both_renderings_run_and_agree(c: Computation) -> None:
    program = record(as_function(c), *c.inputs)
    names: dict[str, Any] = {"np": Numpy(), "GuardError": GuardError}
    exec(program.source, names)
    with np.errstate(all="ignore"):
        value, gradients = names["program"](*map(np.float64, c.inputs))
    expected, slopes = program(*c.inputs)
    assert same(float(value), expected, 1e-9, 1.0)
    scale = 1 + max(map(abs, slopes))
    assert all(same(float(a), b, 1e-9, scale) for a, b in zip(gradients, slopes, strict=True))


class Numpy:
    """NumPy, with erf."""

    def __getattr__(self, name: str) -> Any:
        return np.vectorize(getattr(math, name)) if name[:3] == "erf" else getattr(np, name)


@pytest.mark.parametrize("library", ["jax.numpy", "torch"])
def test_the_source_runs_with_other_array_libraries(library: str) -> None:
    xp = pytest.importorskip(library)

    def f(x: Any, w: Any) -> Any:
        h = tanh(w * x).relu() + (x.max(0) ** 2).sqrt() + x.softplus() + x.clip(-1, 0.5)
        return h.sigmoid() * x.leaky_relu() + abs(w) + x.atan()

    program = record(f, 0.5, 2.0)
    names: dict[str, Any] = {"np": xp}
    exec(program.source, names)
    make = xp.tensor if library == "torch" else xp.array
    columns = [0.5, -0.75, 1.5], [2.0, 1.0, -1.0]
    value, gradients = names["f"](*map(make, columns))
    expected, slopes = program(*map(np.array, columns))
    np.testing.assert_allclose(np.asarray(value), expected, rtol=1e-5)
    for a, b in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(np.asarray(a) + 0 * expected, b, rtol=1e-5, atol=1e-6)


HOSTILE = [
    "import os", "x\n    evil()", '"""', "class", "None", "np", "place0", "tanh", "__class__", "",
    "1e5", "ﬁ", "σ", "a" * 500, "x'); evil(", "t1", "d_x", "GuardError", "λ", "\x00", "losses",
    "run", "f", "loss", "print", "\ud800", "%s", "{}",
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=8)), min_size=3, max_size=3))
def test_no_text_of_a_users_reaches_the_code(labels: list[str]) -> None:
    w = Value(2.0, label=labels[0], scope=labels[1])
    v = Value(3.0, label=labels[0], scope=labels[2])

    def f(x: Value) -> Any:
        h = tanh(w * x)
        h.label = labels[2]
        if x < 4:
            h = h * v
            h.label = labels[1]
        return h * h

    program = record(f, 0.5)
    assert program(0.5) == eager_with(f, 0.5, [w, v])
    for text in (program.source, program.render("loops")):
        assert text.isascii()
        assert "evil()" not in text
        assert "import" not in text.replace("import_os", "")


def eager_with(f: Any, x: float, leaves: list[Value]) -> Any:
    """The value, and the gradients for the input and for captured leaves."""
    given_x = Value(x)
    y = f(given_x)
    return y.data, tuple(gradient(y, [given_x, *leaves]))


def test_an_unknown_rendering_is_refused() -> None:
    with pytest.raises(ValueError, match="readable"):
        record(lambda x: x, 1.0).render("pretty")


# ---------------------------------------------------------------- guards and refusals


def test_a_comparison_is_checked_when_the_program_runs() -> None:
    program = record(lambda x, y: x * y if x < y else x - y, 1.0, 2.0)
    assert program(2.0, 3.0) == (6.0, (3.0, 2.0))
    with pytest.raises(GuardError, match="recorded with x < y: record again for these inputs"):
        program(3.0, 2.0)
    with pytest.raises(GuardError):
        program(np.array([1.0, 3.0]), 2.0)
    assert "if not np.all(x < y):" in program.source


def test_sorting_and_max_are_guarded() -> None:
    program = record(lambda xs: max(xs) - sorted(xs)[0], [1.0, 3.0, 2.0])
    assert program([2.0, 5.0, 4.0])[0] == 3.0
    with pytest.raises(GuardError):
        program([5.0, 2.0, 4.0])


def test_comparisons_of_constants_are_no_guards() -> None:
    program = record(lambda x: x * 2 if Value(1.0) < 2 else x, 1.0)
    assert "if" not in program.source


@pytest.mark.parametrize(
    ("take", "what"),
    [
        (lambda v: v.data, ".data"),
        (float, "float()"),
        (bool, "bool()"),
        (int, "int()"),
        (lambda v: f"{v:.2f}", "the text"),
        (math.sin, "float()"),
        (lambda v: v.partials, "local derivatives"),
    ],
)
def test_taking_a_number_out_is_refused_with_the_line_and_the_cure(take: Any, what: str) -> None:
    def f(x: Value) -> Any:
        h = x * 2
        h.label = "hidden"
        return h * take(h)

    with pytest.raises(TypeError) as caught:
        record(f, 1.0)
    message = str(caught.value)
    assert what in message
    assert "'hidden'" in message
    assert "return it and read it outside" in message
    assert "test_program.py" in message
    with pytest.raises(TypeError):
        record(lambda x: x * take(x), 1.0)


def test_a_gradient_in_plain_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="local derivatives"):
        record(lambda x: x * gradient(x * x, x), 1.0)


def test_nodes_from_outside_are_refused() -> None:
    h = tanh(Value(1.0))
    with pytest.raises(ValueError, match="before the recording"):
        record(lambda x: x * h, 1.0)


def test_recordings_do_not_nest() -> None:
    inner = record(lambda x: x * 2, 1.0)
    with pytest.raises(RuntimeError, match="under way"):
        record(lambda x: record(lambda y: y * x, 1.0), 1.0)
    with pytest.raises(TypeError, match="must be a number, not Value"):
        record(lambda x: inner(x), 1.0)


def test_tensors_in_a_function_of_numbers_are_refused() -> None:
    t = engine.Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="do not mix"):
        record(lambda x: (t * 2).sum(), 1.0)


def test_arrays_are_lists_to_a_function_that_computes_with_values() -> None:
    model = nn.MLP(2, [3, 1], rng=0)
    step = nn.training_step(model, nn.mean_squared_error, nn.SGD(model.parameters(), lr=0.1))
    xs, ts = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([1.0, 0.0])
    program = record(step, xs, ts)
    other = nn.MLP(2, [3, 1], rng=0)
    eager = nn.training_step(other, nn.mean_squared_error, nn.SGD(other.parameters(), lr=0.1))
    for _ in range(3):
        assert program(xs, ts) == pytest.approx(eager(xs.tolist(), ts.tolist()).data, rel=1e-12)
    with pytest.raises(TypeError, match="takes numbers, not a Tensor"):
        record(step, engine.Tensor(xs), ts)


@pytest.mark.parametrize("result", [None, [Value(1.0)], "text", 1j])
def test_what_is_no_number_cannot_be_differentiated(result: Any) -> None:
    with pytest.raises(TypeError, match="returns"):
        record(lambda x: result, 1.0)


def test_inputs_of_another_shape_are_refused() -> None:
    program = record(lambda xs, y: xs[0] * xs[1] * y, [1.0, 2.0], 3.0)
    for inputs in (([1.0], 2.0), (1.0, 2.0), ([1.0, 2.0, 3.0], 1.0), ([1.0, "2"], 1.0)):
        with pytest.raises(TypeError, match="the argument xs"):
            program(*inputs)
    with pytest.raises(TypeError, match="2 arguments, not 1"):
        program([1.0, 2.0])
    with pytest.raises(TypeError, match="argument x of a recorded function"):
        record(lambda x: x, "1")


@pytest.mark.parametrize("example", [[], [[], 1.0], [[1.0], []], [[[]], 2.0]])
def test_lists_may_be_empty(example: Any) -> None:
    def total(xs: Any) -> Any:
        return sum(total(x) if isinstance(x, list) else 2.0 * x for x in xs)

    program = record(lambda xs: total(xs) + 1.0, example)
    assert program(example)[0] == total(example) + 1.0
    with pytest.raises(TypeError, match="must be a list of"):
        program([5.0, 6.0, 7.0])
    with pytest.raises(TypeError, match="must be a list of"):
        program([5.0])


def test_a_number_of_steps_is_a_whole_number() -> None:
    for program, x in (
        (record(lambda x: x * x, 1.0), 1.0),
        (record(lambda x: (x * x).sum(), np.ones(2)), np.ones(2)),
    ):
        assert program.loop(0, x) == []
        two: Any = np.int64(2)
        assert len(program.loop(two, x)) == 2
        for wrong in (1.5, "a", None):
            with pytest.raises(TypeError, match="number of steps is a whole number"):
                program.loop(wrong, x)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="at least 0, not -1"):
            program.loop(-1, x)


def test_other_words_for_batch_and_ragged_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="batch is True, False or 'auto', not 'yes'"):
        record(lambda x: x * x, 1.0, batch="yes")  # type: ignore[arg-type]
    program = record(lambda x: (x * x).sum(), np.ones((2, 2)))
    with pytest.raises(TypeError, match="rows of an array are of one length"):
        program([[1.0, 2.0], [3.0]])


def test_everything_is_as_before_after_an_error() -> None:
    w = Value(2.0)
    methods = {name: vars(Value).get(name) for name in ("data", "grad", "__lt__", "__bool__")}

    def f(x: Value) -> None:
        loss = w * x
        loss.backward()
        w.data = w.data - w.grad
        raise KeyError("stop")

    with pytest.raises(KeyError):
        record(f, 3.0)
    assert (w.data, w.grad) == (2.0, 0.0)
    assert {name: vars(Value).get(name) for name in methods} == methods
    assert not engine.modes.active


# ---------------------------------------------------------------- training steps

OPTIMISERS: list[Callable[[Any], Any]] = [
    lambda ps: SGD(ps, lr=0.1),
    lambda ps: SGD(ps, lr=0.1, momentum=0.9, weight_decay=0.01),
    lambda ps: Adam(ps, lr=0.05, weight_decay=0.01),
    lambda ps: AdamW(ps, lr=0.05, weight_decay=0.1),
]
XS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
YS = [0.0, 1.0, 1.0, 0.0]


def training(make: Callable[[Any], Any]) -> tuple[MLP, Any, Callable[[Any, Any], Any]]:
    """A network, its optimiser and a step of training."""
    model = MLP(2, [3, 1], activation="tanh", rng=3)
    optimiser = make(model.parameters())

    def step(xs: Any, ys: Any) -> Any:
        loss = engine.mean([(model(x) - y) ** 2 for x, y in zip(xs, ys, strict=True)])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss

    return model, optimiser, step


def state(model: MLP) -> list[float]:
    """All numbers of a model's parameters."""
    return [number for p in model.parameters() for number in (p.data, p.grad)]


@pytest.mark.parametrize("make", OPTIMISERS)
def test_a_recorded_step_trains_like_the_step_itself(make: Any) -> None:
    eager_model, eager_optimiser, eager_step = training(make)
    model, optimiser, step = training(make)
    before = state(model)
    program = record(step, XS, YS)
    assert state(model) == before
    assert program.parameters == model.parameters()
    for i in range(50):
        if i == 20:
            optimiser.lr = eager_optimiser.lr = 0.01
        assert same(program(XS, YS), eager_step(XS, YS).data)
        for a, b in zip(state(model), state(eager_model), strict=True):
            assert same(a, b, 1e-12, 1.0)


@pytest.mark.parametrize("make", OPTIMISERS)
def test_a_loop_of_steps_is_as_many_steps(make: Any) -> None:
    model, _, step = training(make)
    other, _, other_step = training(make)
    losses = record(step, XS, YS).loop(7, XS, YS)
    single = record(other_step, XS, YS)
    assert losses == [single(XS, YS) for _ in range(7)]
    assert state(model) == state(other)


def test_a_loop_of_no_steps_changes_nothing() -> None:
    model, _, step = training(OPTIMISERS[0])
    before = state(model)
    assert record(step, XS, YS).loop(0, XS, YS) == []
    assert state(model) == before


def test_gradients_that_are_not_cleared_accumulate() -> None:
    w = Value(2.0)

    def f(x: Any) -> Any:
        loss = w * x
        loss.backward()
        return loss

    program = record(f, 3.0)
    assert w.grad == 0.0
    assert [program(3.0), w.grad, program(4.0), w.grad] == [6.0, 3.0, 8.0, 7.0]
    assert program.loop(2, 1.0) == [2.0, 2.0]
    assert w.grad == 9.0


def test_two_steps_in_one_recording() -> None:
    w = Value(1.0, label="w")

    def f(x: Any) -> Any:
        losses = []
        for _ in range(2):
            w.grad = 0
            loss = (w * x - 1) ** 2
            loss.backward()
            w.data -= 0.1 * w.grad
            losses.append(loss)
        return losses

    program = record(f, 2.0)
    w.data = 1.0
    first = program(2.0)
    after = w.data
    w.data = 1.0
    assert [loss.data for loss in f(2.0)] == first
    assert w.data == after


def test_gradients_of_inner_nodes_and_several_backward_passes() -> None:
    w = Value(3.0)

    def f(x: Any) -> Any:
        h = w * x
        y = h * h
        y.backward()
        first = h.grad
        h.backward(2.0)
        w.data = w.data - first
        return first, h.grad, w.grad

    program = record(f, 2.0)
    result = program(2.0)
    numbers = w.data, w.grad
    w.data, w.grad = 3.0, 0.0
    assert tuple(f(2.0)) == result
    assert (w.data, w.grad) == numbers


def test_two_leaves_with_one_number_keep_their_own_gradients() -> None:
    v, w = Value(1.0), Value(2.0)

    def f(x: Any) -> Any:
        w.data = v.data
        v.grad = w.grad = 0.0
        loss = v * x + 3 * w * x
        loss.backward()
        return loss

    record(f, 1.0)(2.0)
    assert (v.grad, w.grad, w.data) == (2.0, 6.0, 1.0)


def test_a_guard_in_a_loop_leaves_the_steps_before_it_done() -> None:
    count = State(0.0)

    def f(x: Any) -> Any:
        count.data = count.data + x
        if count.data < 3.5:
            return count.data
        return None

    program = record(f, 1.0)
    assert count.data == 0.0
    with pytest.raises(GuardError):
        program.loop(10, 1.0)
    assert count.data == 3.0


def test_numbers_that_floats_cannot_do_in_a_loop() -> None:
    w = Value(1.0)

    def f(x: Any) -> Any:
        w.data = w.data - x
        return 1 / w.data

    assert record(f, 0.5).loop(4, 0.5) == [2.0, math.inf, -2.0, -1.0]


def test_updates_without_recording_a_graph() -> None:
    w = Value(1.0)

    def f(x: Any) -> Any:
        loss = w * x
        loss.backward()
        with no_grad():
            w.data = w.data - 0.5 * w.grad * w.grad
        w.grad = 0.0
        return loss

    program = record(f, 2.0)
    assert [program(2.0), w.data, w.grad] == [2.0, -1.0, 0.0]


def test_assigning_what_is_no_number_or_no_leaf_is_refused() -> None:
    w = Value(1.0)

    def assign(x: Any) -> Any:
        w.data = "1"

    def assign_input(x: Any) -> Any:
        x.data = 2.0

    with pytest.raises(TypeError, match="takes a real number"):
        record(assign, 1.0)
    with pytest.raises(TypeError, match="only leaves"):
        record(assign_input, 1.0)
    assert w.data == 1.0


def test_a_step_takes_no_arrays() -> None:
    _, _, step = training(OPTIMISERS[0])
    program: Program = record(step, XS, YS)
    with pytest.raises(TypeError, match="training step"):
        program([[np.zeros(3), 1.0], *XS[1:]], YS)
    assert isinstance(program(np.array(XS), np.array(YS)), float)


def test_whole_numbers_and_infinities_run_without_compiling_again(monkeypatch: Any) -> None:
    model = MLP(2, [2, 1], rng=0)
    optimiser = SGD(model.parameters(), lr=0.1)
    step = nn.training_step(model, nn.mean_squared_error, optimiser)
    program = record(step, [[0.0, 1.0], [1.0, 1.0]], [1.0, 0.0])
    slope = record(lambda x: x**2, 1.0)
    program([[0, 1], [1, 1]], [1, 0]), slope(3), slope(1e300)  # each way once

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr("engine.program.straight.compiled", refuse)
    before = model.state_dict()
    losses = [program([[0, True], [1, np.int64(1)]], [1, 0]) for _ in range(3)]
    assert slope(3) == (9.0, (6.0,))
    assert slope(1e300) == (math.inf, (2e300,))
    monkeypatch.undo()
    model.load_state_dict(before)
    assert losses == program.loop(3, [[0, 1], [1, 1]], [1, 0])
    model.load_state_dict(before)
    assert losses == [program([[0.0, 1.0], [1.0, 1.0]], [1.0, 0.0]) for _ in range(3)]
