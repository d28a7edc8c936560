"""Programs of arrays: recorded once, right on all other inputs, readable, no side effects."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import engine
import nn
from engine import TABLE, Rule, Tensor, Value, fuse, gradient, record
from engine.program import buffered
from engine.state import State
from engine.tensor.buffer import Buffer
from nn import MLP, SGD, Adam, AdamW, binary_cross_entropy, cross_entropy, mean_squared_error

Array = np.ndarray[Any, np.dtype[Any]]
INF, NAN = math.inf, math.nan


# ---------------------------------------------------------------- random functions of arrays


def narrow(x: Any) -> Any:
    """Keep numbers moderate, so that long computations stay finite."""
    return x.tanh()


UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": narrow,
    "relu": lambda x: x.relu(),
    "gelu": lambda x: narrow(x).gelu(),
    "softplus": lambda x: x.softplus(),
    "square": lambda x: narrow(x) ** 2,
    "negative": lambda x: -x,
    "abs": lambda x: abs(x),
    "clip": lambda x: x.clip(-0.5, 0.5),
    "transpose": lambda x: x.T,
    "reshape": lambda x: x.reshape(-1).reshape(x.shape[::-1]),
    "softmax": lambda x: x.softmax(-1),
    "minus mean": lambda x: x - x.mean(0, keepdims=True),
    "over largest": lambda x: x / (1 + abs(x).max()),
    "plus logsumexp": lambda x: x + x.logsumexp(1, keepdims=True),
    "gather": lambda x: x[[0, -1, 0]][:3],
    "slice": lambda x: engine.concatenate([x[1:], x[:1]]),
    "plus one column": lambda x: x + x[:, :1],
    "a layer": lambda x: engine.linear(narrow(x), narrow(x), x[:, 0], "relu"),  # on a batch
    "times sum of squares": lambda x: x * (1 + engine.sum_of_squares([narrow(x), x[:, :1].tanh()])),
    "times mean square": lambda x: x * (1 + (narrow(x) ** 2).mean()),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b.mean(),
    "multiply": lambda a, b: narrow(a) * narrow(b).sum(1, keepdims=True)[0],
    "divide": lambda a, b: a / (2 + b.tanh().mean()),
    "matmul": lambda a, b: narrow(a @ a.T) @ a + narrow(b).sum(),
    "maximum": lambda a, b: engine.max(a, b.mean(0)[0]),
    "where": lambda a, b: engine.where(a > b.mean(), a, -a),
    "stack": lambda a, b: engine.stack([a, a * narrow(b).mean()], 1).sum(1),
}


@dataclass(frozen=True)
class Recipe:
    """A random function of matrices: each step names an operation and the results it takes."""

    shapes: tuple[tuple[int, int], ...]
    steps: tuple[tuple[str, int, int], ...]

    def __call__(self, *xs: Any) -> Any:
        results = list(xs)
        for name, i, j in self.steps:
            a, b = results[-1 - i % len(results)], results[-1 - j % len(results)]
            results.append(UNARY[name](a) if name in UNARY else BINARY[name](a, b))
        return sum((x.sum() for x in results[1:]), start=results[0].sum())


def recipes(size: int = 8) -> st.SearchStrategy[Recipe]:
    """Random functions of one or two matrices."""
    side = st.integers(1, 3)
    step = st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, size), st.integers(0, size))
    return st.builds(
        Recipe,
        st.lists(st.tuples(side, side), min_size=1, max_size=2).map(tuple),
        st.lists(step, min_size=1, max_size=size).map(tuple),
    )


def inputs(shapes: Sequence[tuple[int, ...]], seed: int) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=shape) for shape in shapes]


def eager(f: Callable[..., Any], arrays: Sequence[Array]) -> tuple[float, list[Array]]:
    """A function's value and gradients without a program."""
    xs = [Tensor(a) for a in arrays]
    y = f(*xs)
    return y.item(), gradient(y, xs)


def agree(a: Any, b: Any, relative: float = 1e-12) -> None:
    """Assert that two results are the same but for rounding."""
    np.testing.assert_allclose(a, b, rtol=relative, atol=relative)


ON_A_BATCH = Recipe(((3, 2),), (("a layer", 0, 0), ("times sum of squares", 0, 0)))


@given(recipes(), st.integers(0, 999), st.booleans())
@example(ON_A_BATCH, 0, False)  # what lies sample by sample was summed before it was computed
def test_programs_give_eager_values_and_gradients_on_other_inputs(
    f: Recipe, seed: int, masks: bool
) -> None:
    with mock.patch.object(buffered, "MANY", 1 if masks else buffered.MANY):
        program = record(f, *inputs(f.shapes, seed))
    for k in range(2):
        arrays = inputs(f.shapes, seed + 1 + k)
        value, slopes = eager(f, arrays)
        got, gradients = program(*arrays)
        agree(got, value)
        for a, b in zip(gradients, slopes, strict=True):
            agree(a, b)


@given(recipes(4), st.data(), st.booleans())
def test_programs_are_right_at_kinks_infinities_and_nan(
    f: Recipe, draw: st.DataObject, masks: bool
) -> None:
    with mock.patch.object(buffered, "MANY", 1 if masks else buffered.MANY):
        program = record(f, *inputs(f.shapes, 0))
    special = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, INF, -INF, NAN, 1e300, 5e-324])
    arrays = [
        np.array(draw.draw(st.lists(special, min_size=n * k, max_size=n * k))).reshape(n, k)
        for n, k in f.shapes
    ]
    value, slopes = eager(f, arrays)
    got, gradients = program(*arrays)
    agree(got, value)
    for a, b in zip(gradients, slopes, strict=True):
        agree(a, b)


def run(source: str, xp: Any, arrays: Sequence[Any]) -> Any:
    """What a program's text gives with another library in NumPy's place."""
    namespace: dict[str, Any] = {"np": xp}
    exec(source, namespace)
    name = source.removeprefix("def ").partition("(")[0]
    return namespace[name](*arrays)


@settings(max_examples=3 * settings().max_examples // 20)
@given(recipes(6), st.integers(0, 99))
def test_the_readable_source_runs_on_numpy_and_torch(f: Recipe, seed: int) -> None:
    names = {name for name, *_ in f.steps}
    assume("gelu" not in names)  # NumPy has no erf
    program = record(f, *inputs(f.shapes, seed))
    arrays = inputs(f.shapes, seed + 1)
    expected, slopes = program(*arrays)
    value, gradients = run(program.source, np, arrays)
    agree(value, expected)
    for a, b in zip(gradients, slopes, strict=True):
        agree(a, b, 1e-10)
    if "scatter(" in program.source:  # what indexing pulls back to is NumPy's alone
        return
    torch = pytest.importorskip("torch")
    value, gradients = run(program.source, torch, [torch.tensor(a) for a in arrays])
    agree(value, expected, 1e-10)
    for a, b in zip(gradients, slopes, strict=True):
        agree(a, b, 1e-10)


RECIPES = [
    Recipe(((2, 3),), (("tanh", 0, 0), ("softmax", 0, 0), ("minus mean", 0, 0))),
    Recipe(((2, 3), (3, 2)), (("matmul", 0, 1), ("transpose", 0, 0), ("plus logsumexp", 0, 0))),
    Recipe(((3, 2),), (("where", 0, 0), ("softplus", 0, 0), ("clip", 0, 0))),
    Recipe(((2, 2),), (("relu", 0, 0), ("over largest", 0, 0), ("reshape", 0, 0), ("abs", 0, 0))),
]
CHILD = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
results = []
for source, arrays in json.load(sys.stdin):
    namespace = {"np": jax.numpy}
    exec(source, namespace)
    value, slopes = namespace["program"](*map(jax.numpy.asarray, arrays))
    results.append([float(value), [slope.tolist() for slope in slopes]])
print(json.dumps(results))
"""


def test_the_readable_source_runs_on_jax() -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed")
    # in a process of its own: once jax is loaded, a process can't be forked any more
    tasks, expected = [], []
    for k, f in enumerate(RECIPES):
        program, arrays = record(f, *inputs(f.shapes, k)), inputs(f.shapes, k + 9)
        tasks.append([program.source, [a.tolist() for a in arrays]])
        expected.append(program(*arrays))
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(tasks),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    for (value, slopes), (ours, gradients) in zip(json.loads(child.stdout), expected, strict=True):
        agree(value, ours, 1e-10)
        for a, b in zip(slopes, gradients, strict=True):
            agree(a, b, 1e-10)


def run_buffered(text: str, given: dict[str, Array]) -> list[Any]:
    """What a program's buffered text gives, with its inputs in the arrays that name them."""
    names: dict[str, Any] = {}
    exec(text, names)
    for line in text.splitlines():
        name, _, made = line.partition(" = ")
        label = made.partition("  # ")[2]
        if label in given:
            names[name][...] = given[label]
    function = text.partition("def ")[2].partition("(")[0]
    return names[function]()  # type: ignore[no-any-return]


@given(recipes(6), st.integers(0, 99))
def test_the_buffered_source_makes_its_arrays_and_runs(f: Recipe, seed: int) -> None:
    program = record(f, *inputs(f.shapes, seed))
    arrays = inputs(f.shapes, seed + 1)
    value, slopes = program(*arrays)
    given = {f"x{i}": array for i, array in enumerate(arrays)}
    got, *gradients = run_buffered(program.render("buffered"), given)
    assert got == value
    for a, b in zip(gradients, slopes, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_buffered_source_of_a_step_has_keys_targets_and_parts_of_parameters() -> None:
    model = MLP(3, [4, 3], rng=0).vectorized()
    for i, w in enumerate(model.parameters()):
        w.label = f"w{i}"
    x, t = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 1, 2, 0, 1])

    def step(x: Any, t: Any, rows: Any) -> Any:
        model.zero_grad()
        loss = cross_entropy(model(x[rows][:, [2, 0, 1]]), t[rows])
        loss.backward()
        return loss

    rows = np.array([4, 0, 0])
    program = record(step, x, t, rows)
    text = program.render("buffered")
    given = {"x": x, "t": t, "rows": rows}
    given |= {f"w{i}": w.data for i, w in enumerate(model.parameters())}
    assert program(x, t, rows) == pytest.approx(run_buffered(text, given)[0])


# ---------------------------------------------------------------- training steps

OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda ps: SGD(ps, 0.05),
    "momentum": lambda ps: SGD(ps, 0.05, momentum=0.9, weight_decay=0.01),
    "adam": lambda ps: Adam(ps, 0.02, weight_decay=0.01),
    "adamw": lambda ps: AdamW(ps, 0.02, weight_decay=0.1),
}
TARGETS: dict[str, tuple[Callable[[Any, Any], Any], Any, int]] = {
    "mean squared error": (mean_squared_error, np.linspace(-1, 1, 6), 1),
    "binary cross-entropy": (binary_cross_entropy, np.linspace(0, 1, 6), 1),
    "cross-entropy": (cross_entropy, np.array([0, 1, 2, 0, 1, 2]), 3),
}


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_recorded_training_steps_do_what_the_eager_step_does(
    make: Callable[[Any], Any], task: str, dtype: str
) -> None:
    loss, targets, outputs = TARGETS[task]
    mlp = MLP(2, [4, outputs], activation="tanh", rng=0)
    generator = np.random.default_rng(0)

    def training(replay: bool) -> tuple[Any, Any]:
        twin = mlp.vectorized(dtype)
        optimiser = make(twin.parameters())

        def step(xs: Any, ts: Any) -> Any:
            y = loss(twin(xs), ts)
            twin.zero_grad()
            y.backward()
            optimiser.step()
            return y

        return SimpleNamespace(twin=twin, optimiser=optimiser), step

    (eager_side, step), (recorded_side, again) = training(False), training(True)
    first = generator.normal(size=(6, 2)).astype(dtype)
    before = recorded_side.twin.buffer.whole.data.copy()
    program = record(again, first, targets)
    np.testing.assert_array_equal(recorded_side.twin.buffer.whole.data, before)
    assert not recorded_side.twin.buffer.whole.grad.any()
    relative = 1e-10 if dtype == "float64" else 1e-3
    for k in range(30):
        xs = generator.normal(size=(6, 2)).astype(dtype)
        for side in (eager_side, recorded_side):
            side.optimiser.lr = 0.05 / (1 + k)
        expected = step(Tensor(xs, role="constant"), Tensor(targets, role="constant"))
        agree(float(program(xs, targets)), expected.item(), relative)
        agree(recorded_side.twin.buffer.whole.data, eager_side.twin.buffer.whole.data, relative)
        agree(recorded_side.twin.buffer.whole.grad, eager_side.twin.buffer.whole.grad, relative)
    assert recorded_side.twin.buffer.whole.data.dtype == dtype


def test_leaves_outside_are_read_at_each_run_and_their_gradients_returned() -> None:
    w = Tensor([1.0, 2.0], "w", role="parameter")
    scale = Tensor([10.0, 10.0], role="constant")
    program = record(lambda x: (w * x * scale).sum(), np.ones(2))
    (found,) = program.parameters
    assert id(found) == id(w)
    w.data = [3.0, 4.0]
    value, (dx, dw) = program([1.0, 0.5])
    assert value == 50.0
    agree(dx, [30.0, 40.0])
    agree(dw, [10.0, 5.0])
    assert not w.grad.any()


def test_results_are_arrays_of_their_own() -> None:
    program = record(lambda x: (x * x).sum(), np.ones(3))
    _, (first,) = program(np.array([1.0, 2.0, 3.0]))
    program(np.zeros(3))
    agree(first, [2.0, 4.0, 6.0])


def test_lists_of_arrays_are_inputs_too() -> None:
    program = record(
        lambda p, x: ((x @ p[0] + p[1]) ** 2).sum(), [np.ones((2, 2)), np.ones(2)], np.ones(2)
    )
    value, ((dw, db), dx) = program([np.eye(2), np.zeros(2)], np.array([1.0, 2.0]))
    assert value == 5.0
    agree(dw, [[2, 4], [4, 8]])
    agree(db, [2, 4])
    agree(dx, [2, 4])
    assert "def program(p, x):" in program.source


# ---------------------------------------------------------------- refusals and hostile names


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: x.sum() if x.sum() > 0 else -x.sum(), "decision"),
        (lambda x: x.sum() * float(x.sum()), "float"),
        (lambda x: x.sum() * x.sum().item(), "item"),
        (lambda x: (x * np.asarray(x)).sum(), "asarray"),
        (lambda x: (x * x.data).sum(), "data"),
        (lambda x: ((x * 2).data * x).sum(), "data"),
        (lambda x: x.sum() * len(f"{x.sum():.2f}"), "text"),
    ],
)
def test_reading_numbers_while_recording_is_refused_with_the_line(f: Any, what: str) -> None:
    with pytest.raises(TypeError, match=rf"(?s){what}.*test_array_program\.py:\d+"):
        record(f, np.ones(2))
    x = Tensor([1.0, 2.0])
    assert (x * x.data).sum().item() == 5.0  # nothing stays behind
    assert float(x.sum()) == 3.0


@pytest.mark.parametrize("compiled", [False, importlib.util.find_spec("numba") is not None])
def test_gradients_have_the_shapes_of_their_arrays_also_where_they_are_0(compiled: bool) -> None:
    program = record(lambda x, y: (x > 0).sum() * 0.0 + 2.0 * y[0], np.ones((2, 3)), np.ones(2))
    run: Any = program.jit() if compiled else program
    value, (dx, dy) = run(np.ones((2, 3)), np.array([3.0, 4.0]))
    assert value == 6.0
    np.testing.assert_array_equal(dx, np.zeros((2, 3)))
    np.testing.assert_array_equal(dy, [2.0, 0.0])


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(TypeError, match="one number"):
        record(lambda x: x * 2, np.ones(2))
    program = record(lambda x: x.sum(), np.ones(2))
    with pytest.raises(ValueError, match=r"recorded with shape \(2,\), but is given with \(3,\)"):
        program(np.ones(3))
    with pytest.raises(TypeError, match=r"takes 1 array\(s\), not 2"):
        program(np.ones(2), np.ones(2))
    with pytest.raises(RuntimeError, match="a recording is under way"):
        record(lambda x: record(lambda x: x.sum(), np.ones(2))(x)[0] * x.sum(), np.ones(2))
    assert (Tensor([1.0]) * 2).data == 2.0


@pytest.mark.parametrize(
    "label",
    [
        "a b",
        "1x",
        "np",
        "",
        "import os",
        "x); raise SystemExit(",
        "\n    1/0",
        "é",
        "def",
        "\0",
        "'",
    ],
)
def test_labels_never_reach_the_code_as_code(label: str) -> None:
    w = Tensor([1.0, 2.0], label, role="parameter", scope=label)

    def f(x: Any) -> Any:
        h = x * w
        h.label = label
        return h.tanh().sum()

    program = record(f, np.ones(2))
    arguments = [np.array([1.0, 2.0]), w.data]
    value, (dx, dw) = program(arguments[0])
    got, (ex, ew) = run(program.source, np, arguments)
    agree([got, *ex, *ew], [value, *dx, *dw])
    assert "raise SystemExit" not in program.source
    assert "1/0" not in program.source


@pytest.mark.parametrize(
    "name", ["f(): import os\ndef g", "<lambda>", "", "np", "def", "é", "step"]
)
def test_function_names_never_reach_the_code_as_code(name: str) -> None:
    def f(x: Any) -> Any:
        return (x * x).sum()

    def g(x: Any) -> Any:
        return x * x

    f.__name__ = g.__name__ = name
    for program in (record(f, np.ones(2)), record(g, 1.0)):
        assert "import" not in program.source
        compile(program.source, "<program>", "exec")
    assert run(record(f, np.ones(2)).source, np, [np.ones(2)])[0] == 2.0


def test_threads_record_scalars_and_arrays_at_a_time() -> None:
    """Both replace what `State.data` does while they last; neither may see the other's."""
    wrong: list[object] = []

    def work(vectorised: bool) -> None:
        for seed in range(8):
            model: Any = nn.MLP(2, [3, 1], activation="tanh", rng=seed)
            model = model.vectorized() if vectorised else model
            optimiser = nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
            xs: Any = np.array([[0.0, 1.0], [1.0, 1.0]])
            step = nn.training_step(model, nn.mean_squared_error, optimiser)
            program = record(step, xs, np.array([1.0, 0.0]))
            losses = program.loop(30, xs, np.array([1.0, 0.0]))
            if not losses[-1] < losses[0]:
                wrong.append((vectorised, seed, losses[0], losses[-1]))

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert nn.SGD([Value(1.0)], lr=0.5).lr == 0.5


@pytest.mark.parametrize("f", [
    lambda x, y: (x.astype("float32") * x).sum() * y.sum(),
    lambda x, y: (gradient((x.max(1) ** 3).sum(), x, create_graph=True) ** 2).sum() * y.sum(),
    lambda x, y: engine.cross_entropy([x * 2, x, y], 2).sum(),
])  # fmt: skip
def test_the_readable_source_keeps_to_what_torch_has_too(f: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    arrays = [np.array([[1.0, 3, 3], [2, 2, 2]]), np.array([0.5, -1.0, 2.0])]
    program = record(f, *arrays)
    value, gradients = run(program.source, torch, [torch.tensor(a) for a in arrays])
    agree(value, program(*arrays)[0], 1e-12)
    for a, b in zip(gradients, program(*arrays)[1], strict=True):
        agree(a, b, 1e-12)


@pytest.mark.parametrize("same", [
    lambda x, s: engine.where(x > 0, s, s).sum() * s,
    lambda x, s: engine.where(x > 0, x[0], x[0]).sum() * s,
    lambda x, s: (engine.where(x > s, x, x) * x).sum(),
    lambda x, s: (engine.where(x > 0, 2.0, 2.0) * s).sum(),
    lambda x, s: (engine.where(s > 0, x[:1], x[:1]) * x).sum(),
])  # fmt: skip
def test_a_choice_between_two_that_are_the_same_has_the_conditions_shape(same: Any) -> None:
    x, s = np.random.default_rng(0).normal(size=(2, 3)), np.array(0.7)
    value, slopes = eager(same, [x, s])
    got, gradients = record(same, np.ones((2, 3)), s)(x, s)
    agree(got, value)
    for a, b in zip(gradients, slopes, strict=True):
        agree(a, b)


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("row", [r for r in TABLE if r.arity == 1 and not r.variadic], ids=str)
def test_every_row_of_a_number_without_axes_in_a_program_of_arrays(row: Rule, kind: str) -> None:
    x = np.random.default_rng(0).uniform(0.2, 0.9, (2, 3)).astype(kind)

    def f(x: Any) -> Any:
        return getattr(engine, row.name)(x.mean(), *(row.samples or ((),))[0]) * x.sum()

    value, (slope,) = eager(f, [x])
    relative = 1e-12 if kind == "float64" else 1e-5
    got, (found,) = record(f, x / 2)(x)
    agree(got, value, relative)
    agree(found, slope, relative)
    leaf = Tensor(x)
    agree(gradient(fuse(f)(leaf), leaf), slope, relative)


def test_a_quantity_that_comes_down_to_a_number_has_a_gradient_that_nobody_needs() -> None:
    def f(x: Any) -> Any:
        return ((x.mean() ** 0 + 1.0) * x).sum()

    program = record(f, np.ones(3, np.float32))
    value, (slope,) = program(np.array([1.0, 2.0, 3.0], np.float32))
    assert value == 12 and slope.tolist() == [2, 2, 2] and slope.dtype == "float32"

    def shared(x: Any) -> Any:
        u, v, one = x.max(), x.min(), x.mean() ** 0
        return (one * v + u * v).tanh()  # ∂/∂one and ∂/∂u are one quantity

    x = np.array([0.5, 0.1, 0.3])
    agree(run(record(shared, np.ones(3)).source, np, [x])[0], math.tanh(0.15))


NOT_SIMPLER: dict[str, Callable[[Any], Any]] = {
    "axes twice round": lambda x: (
        x.transpose(1, 2, 0).transpose(1, 2, 0) * np.arange(24.0).reshape(4, 2, 3)
    ).sum(),
    "axes back and forth": lambda x: (
        x.transpose(1, 2, 0).transpose(2, 0, 1) * np.arange(24.0).reshape(2, 3, 4)
    ).sum(),
    "squares with axes": lambda x: (x * x).sum((0, 1, 2), keepdims=True)[0, 0, 0],
    "some squares": lambda x: ((x * x).sum((0, 1)) ** 2).sum(),
    "minus −0": lambda x: (1 / (0.0 * x - (-0.0))).sum(),
    "over −1": lambda x: (-(x * -1.0) / -1.0).sum() * 1.0,
}


@pytest.mark.parametrize("name", NOT_SIMPLER)
def test_what_looks_like_nothing_to_compute_is_computed(name: str) -> None:
    f, x = NOT_SIMPLER[name], -np.random.default_rng(0).uniform(0.5, 1.5, (2, 3, 4))
    with np.errstate(all="ignore"):
        value, slopes = eager(f, [x])
        got, gradients = record(f, -x)(x)
    agree(got, value)
    agree(gradients[0], slopes[0])


def test_a_number_minus_minus_0_is_not_that_number() -> None:
    for batch in (True, False):
        value, _ = record(lambda x: x - (-0.0), 1.0, batch=batch)(-0.0)
        assert math.copysign(1.0, value) == math.copysign(1.0, -0.0 - (-0.0))


def test_an_old_number_is_read_before_the_array_that_it_lies_in_is_written() -> None:
    """A parameter without axes is a part of an array, too."""
    buffer = Buffer(np.array([1.0, 2.0, 3.0]))
    w, s, whole = buffer.view(0, (2,)), buffer.view(2, ()), buffer.whole
    z = Tensor(np.array(1.0))

    def step(x: Any) -> Any:
        old = s * 1
        whole.grad = z.grad = 0.0
        loss = (w * w).sum() * x.sum() + s * s
        loss.backward()
        whole.data = whole.data - 0.1 * whole.grad
        z.data = z.data * old
        return old, old * 2, loss

    program = record(step, np.ones(2))
    agree(program(np.ones(2)), (3.0, 6.0, 19.0))
    agree(program(np.ones(2))[:2], (2.4, 4.8))
    agree(z.data, 7.2)


@pytest.mark.parametrize("count", [3, 700])
def test_a_choice_of_minus_0_is_minus_0(count: int) -> None:
    x = np.linspace(-1, 1, count)
    program = record(lambda x: 1 / engine.where(x < 2, -0.0, x).sum(), x)
    slope = fuse(lambda x: engine.where(x < 0.5, -0.0, x))(Tensor(x)).data
    assert np.signbit(slope[x < 0.5]).all()
    assert abs(program(x)[0]) == INF


CHOICES: dict[str, Callable[[Any, Any], Any]] = {
    "of arrays": lambda y, s: engine.where(y > 0, y, 0.5 * y),
    "of a state": lambda y, s: engine.where(y > 0, y, s),
    "by a state": lambda y, s: engine.where(y > s, y, -y),
    "of a state and a number": lambda y, s: engine.where(y > 0, s, 1.0) * y,
    "of numbers": lambda y, s: engine.where(y > s, 2.0, 1.0) * y,
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_choice_keeps_its_precision_beside_that_of_others(kind: str, name: str) -> None:
    w, state = Tensor([1.0, 2.0]), State(0.1)

    def step(x: Any, y: Any) -> Any:
        chosen = CHOICES[name](y, state.data)
        loss = (w * x).sum() + chosen.sum()
        w.grad = 0.0
        loss.backward()
        w.data = w.data - 0.1 * w.grad
        return chosen

    x, y = np.array([1.0, 2.0]), np.array([0.3, -0.7, np.float32(0.1)], kind)
    program = record(step, x, y)
    expected, got = step(x, Tensor(y)).data, program(x, y)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
