"""Loss functions: their formulas, their gradients, their nodes and their errors."""

import math
from collections.abc import Callable
from math import exp, inf, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import Value, topological_order
from nn import binary_cross_entropy, cross_entropy, hinge, mean_squared_error

scores = st.lists(st.floats(-20, 20), min_size=1, max_size=6)


def near(x: Any) -> Any:
    return pytest.approx(x, rel=1e-12, abs=1e-12)


def sigmoid(z: float) -> float:
    return 1 / (1 + exp(-z))


@given(scores, st.data())
def test_mean_squared_error_is_its_formula(zs: list[float], data: st.DataObject) -> None:
    ts = data.draw(st.lists(st.floats(-5, 5), min_size=len(zs), max_size=len(zs)))
    nodes = [Value(z) for z in zs]
    loss = mean_squared_error(nodes, ts)
    loss.backward()
    n = len(zs)
    assert loss.data == near(sum((z - t) ** 2 for z, t in zip(zs, ts, strict=True)) / n)
    assert [z.grad for z in nodes] == near([2 * (z - t) / n for z, t in zip(zs, ts, strict=True)])


@given(scores, st.data())
def test_hinge_is_its_formula(zs: list[float], data: st.DataObject) -> None:
    ts = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(zs), max_size=len(zs)))
    nodes = [Value(z) for z in zs]
    loss = hinge(nodes, ts)
    loss.backward()
    n = len(zs)
    assert loss.data == near(sum(max(0, 1 - t * z) for z, t in zip(zs, ts, strict=True)) / n)
    assert [z.grad for z in nodes] == near(
        [-t / n if t * z < 1 else 0.0 for z, t in zip(zs, ts, strict=True)]
    )


@given(scores, st.data())
def test_cross_entropy_is_its_formula(zs: list[float], data: st.DataObject) -> None:
    t = data.draw(st.integers(0, len(zs) - 1))
    rows = [[Value(z) for z in zs], [Value(z + 1) for z in zs]]
    loss = cross_entropy(rows, [t, t])
    loss.backward()
    total = sum(exp(z) for z in zs)
    assert loss.data == near(log(total) - zs[t])
    assert [z.grad for z in rows[0]] == near(
        [(exp(z) / total - (i == t)) / 2 for i, z in enumerate(zs)]
    )


@given(scores, st.data())
def test_binary_cross_entropy_is_its_formula(zs: list[float], data: st.DataObject) -> None:
    ts = data.draw(st.lists(st.floats(0, 1), min_size=len(zs), max_size=len(zs)))
    nodes = [Value(z) for z in zs]
    loss = binary_cross_entropy(nodes, ts)
    loss.backward()
    n, pairs = len(zs), list(zip(zs, ts, strict=True))
    expected = [-t * log(sigmoid(z)) - (1 - t) * log(sigmoid(-z)) for z, t in pairs]
    assert loss.data == pytest.approx(sum(expected) / n, rel=1e-9, abs=1e-12)
    assert [z.grad for z in nodes] == near([(sigmoid(z) - t) / n for z, t in pairs])


def test_losses_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    z, t = [[0.5, -1.0, 3.0], [2.0, 2.0, -7.0]], [2, 0]
    tensor = torch.tensor(z, dtype=torch.float64)
    assert cross_entropy(z, t) == near(functional.cross_entropy(tensor, torch.tensor(t)).item())
    ours = binary_cross_entropy(z[0], [0.0, 0.25, 1.0])
    target = torch.tensor([0.0, 0.25, 1.0], dtype=torch.float64)
    theirs = functional.binary_cross_entropy_with_logits(tensor[0], target)
    assert ours == near(theirs.item())
    assert mean_squared_error(z[0], z[1]) == near(functional.mse_loss(tensor[0], tensor[1]).item())


def test_nothing_overflows() -> None:
    assert binary_cross_entropy([Value(1e4), Value(-1e4)], [0, 1]).data == 1e4
    assert cross_entropy([[Value(1e4), Value(-1e4)]], [1]).data == 2e4


def test_a_loss_costs_few_nodes() -> None:
    def computed(loss: Value) -> int:
        return sum(1 for node in topological_order(loss) if node.args)

    z = [Value(0.1 * i) for i in range(10)]
    assert computed(binary_cross_entropy(z, [0, 1] * 5)) == 10 + 1
    assert computed(cross_entropy([z] * 10, range(10))) == 10 + 1
    assert computed(hinge(z, [-1, 1] * 5)) == 20 + 1
    assert computed(mean_squared_error(z, range(10))) == 20 + 1


def test_targets_may_be_arrays_and_samples_iterators() -> None:
    z = [Value(0.5), Value(-0.5)]
    assert hinge(iter(z), np.array([1, -1])).data == 0.5
    assert mean_squared_error(z, np.array([0.5, 0.5])).data == 0.5
    assert cross_entropy([z, z], np.array([0, 1])).data == near(log(1 + exp(-1)) + 0.5)


@pytest.mark.parametrize("loss", [mean_squared_error, hinge, cross_entropy, binary_cross_entropy])
def test_lengths_must_agree(loss: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="there are 1 outputs, but 2 targets"):
        loss([Value(1.0)], [1, 1])
    with pytest.raises(ValueError, match="there are none"):
        loss([], [])


@pytest.mark.parametrize(
    ("loss", "output", "target", "error", "message"),
    [
        (hinge, 0.5, 0, ValueError, "−1 or 1, not 0"),
        (hinge, 0.5, 2, ValueError, "−1 or 1, not 2"),
        (binary_cross_entropy, 0.5, -0.1, ValueError, "between 0 and 1, not -0.1"),
        (binary_cross_entropy, 0.5, inf, ValueError, "between 0 and 1, not inf"),
        (binary_cross_entropy, 0.5, inf - inf, ValueError, "between 0 and 1, not nan"),
        (cross_entropy, [0.5, 0.5], 2, ValueError, "no class 2 among 2 logits"),
        (cross_entropy, [0.5, 0.5], -1, ValueError, "no class -1 among 2 logits"),
        (cross_entropy, [0.5, 0.5], 1.0, TypeError, "the number of a class, not 1.0"),
    ],
)
def test_bad_targets_are_named(
    loss: Callable[..., Any], output: Any, target: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        loss([output], [target])


@pytest.mark.parametrize("loss", [mean_squared_error, hinge, binary_cross_entropy])
def test_what_is_no_list_of_numbers_is_named(loss: Callable[..., Any]) -> None:
    z, lists = [Value(0.5)], "a list with one item for each sample, not "
    no_lists: list[Any] = [Value(0.5), 1.0, "ab", None]
    for wrong in no_lists:
        with pytest.raises(TypeError, match=f"the outputs are {lists}"):
            loss(wrong, [1])
        with pytest.raises(TypeError, match=f"the targets are {lists}"):
            loss(z, wrong)
    no_numbers: list[Any] = [[0.5], "a", None, np.array([1.0])]
    for wrong in no_numbers:
        with pytest.raises(TypeError, match="output 1 must be a number, not "):
            loss([0.5, wrong], [1, 1])
        with pytest.raises(TypeError, match="target 0 must be a number, not "):
            loss(z, [wrong])


def test_logits_are_a_list_for_each_sample() -> None:
    no_rows: list[Any] = [Value(0.5), 0.5, "ab", [[0.5]], [None], None]
    for wrong in no_rows:
        with pytest.raises(TypeError, match="output 0 must be a list of numbers, not "):
            cross_entropy([wrong], [0])
    with pytest.raises(TypeError, match="the outputs are a list .*, not 1.0"):
        cross_entropy(1.0, [0])


@pytest.mark.parametrize(
    ("logits", "target", "loss", "slopes"),
    [
        ([math.inf, 0.0], 0, 0.0, [0.0, 0.0]),
        ([math.inf, 0.0], 1, math.inf, [1.0, -1.0]),
        ([math.inf, math.inf], 0, math.log(2), [-0.5, 0.5]),
        ([0.0, -math.inf], 0, 0.0, [0.0, 0.0]),
        ([math.inf, -math.inf], 0, 0.0, [0.0, 0.0]),
        ([1e308, -1e308], 0, 0.0, [0.0, 0.0]),
    ],
)
def test_an_infinite_logit_takes_all_in_every_way_of_running(
    logits: list[float], target: int, loss: float, slopes: list[float]
) -> None:
    rows, classes = np.array([logits]), np.array([target])

    def total(x: Any, t: Any) -> Any:
        return engine.softmax_cross_entropy(x, t).sum()

    nodes = [Value(x) for x in logits]
    y = engine.cross_entropy(nodes, target)
    y.backward()
    program = engine.record(total, np.zeros((1, 2)), classes)
    numbers = engine.record(lambda xs: engine.cross_entropy(xs, target), [0.3, 0.1])
    tensor = engine.Tensor(rows)
    z = total(tensor, classes)
    z.backward()
    assert tensor.grad is not None
    ways = [
        (y.data, [x.grad for x in nodes]),
        (float(z.data), tensor.grad[0].tolist()),
        (program(rows, classes)[0], program(rows, classes)[1][0][0].tolist()),
        (numbers(logits)[0], numbers(logits)[1][0]),
    ]
    for found, gradients in ways:
        assert found == pytest.approx(loss, abs=1e-15)
        assert gradients == pytest.approx(slopes, abs=1e-15)
