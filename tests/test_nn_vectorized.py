"""The vectorised twin of a network is the same network."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import TABLE, Tensor, Value, gradient, hvp
from engine.check import gradcheck
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    mean_squared_error,
    sum_of_squares,
)
from nn.activations import fits

Array = np.ndarray[Any, np.dtype[Any]]
ACTIVATIONS = [
    row.name
    for row in TABLE
    if fits(row) and row.domain[0] == (-math.inf, math.inf) and row.name != "tan"
]
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mean_squared_error": mean_squared_error,
    "hinge": hinge,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
}


class Problem:
    """A network, a batch and a loss, for both of its forms."""

    def __init__(
        self, widths: Sequence[int], activation: str, loss: str, samples: int, seed: int
    ) -> None:
        widths = [*widths, 3 if loss == "cross_entropy" else 1]
        self.mlp = MLP(widths[0], widths[1:], activation=activation, rng=seed)
        self.twin = self.mlp.vectorized()
        generator = np.random.default_rng(seed)
        self.loss = LOSSES[loss]
        self.xs = generator.normal(size=(samples, widths[0]))
        ts: Any = generator.normal(size=samples)
        if loss == "hinge":
            ts = np.sign(ts)
        elif loss == "binary_cross_entropy":
            ts = generator.uniform(size=samples)
        elif loss == "cross_entropy":
            ts = generator.integers(0, 3, size=samples)
        self.ts = ts

    def scalar_loss(self) -> Value:
        return self.loss(self.mlp.over(self.xs.tolist()), self.ts.tolist())  # type: ignore[no-any-return]

    def twin_loss(self) -> Tensor:
        return self.loss(self.twin.over(self.xs), self.ts)  # type: ignore[no-any-return]

    def gradients(self) -> tuple[Array, Array]:
        """The gradient of all parameters, scalar and vectorised, end to end."""
        ours = np.array([p.grad for p in self.mlp.parameters()])
        return ours, np.concatenate([p.grad.ravel() for p in self.twin.parameters()])


def problems(samples: int = 6) -> st.SearchStrategy[Problem]:
    return st.builds(
        Problem,
        st.lists(st.integers(1, 4), min_size=1, max_size=3),
        st.sampled_from(ACTIVATIONS),
        st.sampled_from(sorted(LOSSES)),
        st.integers(1, samples),
        st.integers(0, 999),
    )


def agree(a: Any, b: Any, relative: float = 1e-12) -> None:
    """Assert that two results are the same but for rounding, measured by the largest."""
    a, b = np.asarray(a), np.asarray(b)
    finite = np.isfinite(a)
    np.testing.assert_array_equal(finite, np.isfinite(b))
    scale = max(1.0, float(abs(a[finite]).max(initial=0.0)))
    np.testing.assert_allclose(a[finite], b[finite], rtol=relative, atol=relative * scale)


@given(problems())
def test_same_losses_and_gradients_on_any_network_and_batch(problem: Problem) -> None:
    ours, theirs = problem.scalar_loss(), problem.twin_loss()
    agree(ours.data, theirs.item())
    ours.backward()
    theirs.backward()
    agree(*problem.gradients())
    slopes = gradient(problem.twin_loss(), problem.twin.parameters())
    agree(np.concatenate([d.ravel() for d in slopes]), problem.gradients()[1])


@given(problems())
def test_there_and_back_gives_the_same_network(problem: Problem) -> None:
    back = problem.twin.scalar()
    assert repr(back) == repr(problem.mlp)
    assert [p.data for p in back.parameters()] == [p.data for p in problem.mlp.parameters()]
    flat = np.concatenate([p.data.ravel() for p in problem.twin.parameters()])
    assert flat.tolist() == [p.data for p in problem.mlp.parameters()]
    xs = problem.xs.tolist()
    agree([float(y) for y in np.ravel(data(back.over(xs)))], np.ravel(problem.twin(xs).data))


def data(outputs: Any) -> Any:
    """The numbers of outputs, nested as they are."""
    return [data(y) for y in outputs] if isinstance(outputs, list) else outputs.data


def test_a_single_sample_and_a_single_output() -> None:
    for nouts, shape, batch in (([3, 2], (2,), (5, 2)), ([3, 1], (), (5,))):
        mlp = MLP(2, nouts, activation="tanh", rng=0)
        twin = mlp.vectorized()
        assert twin([0.5, -1.0]).shape == shape
        agree(data(mlp([0.5, -1.0])), twin([0.5, -1.0]).data)
        assert twin(np.ones((5, 2))).shape == batch
        assert twin(Tensor(np.ones((5, 2)))).shape == batch
        assert twin(np.ones((0, 2))).shape == (0, *batch[1:])


def test_inputs_of_another_width_are_refused() -> None:
    twin = MLP(2, [2, 1]).vectorized()
    for wrong in ([1.0], [[1.0, 2.0, 3.0]], 1.0, np.ones((2, 2, 2))):
        with pytest.raises(ValueError, match=r"inputs of shape \(n, 2\), not"):
            twin(wrong)
    with pytest.raises(TypeError, match="real numbers"):
        twin(["a", "b"])
    with pytest.raises(ValueError, match=r"outputs have shape \(3,\), but the targets \(2,\)"):
        mean_squared_error(twin(np.ones((3, 2))), [1.0, 2.0])
    with pytest.raises(ValueError, match="there are none"):
        mean_squared_error(twin(np.ones((0, 2))), np.ones(0))


def test_the_gradient_of_the_inputs_is_there_too() -> None:
    twin = MLP(2, [3, 1], activation="tanh", rng=0).vectorized()
    assert gradcheck(lambda x: twin(x).sum(), [np.array([[0.5, -1.0], [0.1, 0.2]])], order=2)


def test_activations_of_ones_own_run_on_both() -> None:
    def wavy(z: Any) -> Any:
        return engine.sin(z) + 0.1 * z

    def tanh(z: Any) -> Any:  # not the table's
        return 2.0 * z

    for activation in (wavy, tanh):
        mlp = MLP(2, [3, 1], activation=activation, rng=0)
        twin = mlp.vectorized()
        agree(
            [mlp(x).data for x in ([0.5, 1.0], [2.0, -1.0])], twin([[0.5, 1.0], [2.0, -1.0]]).data
        )
        agree(twin.scalar()([0.5, 1.0]).data, mlp([0.5, 1.0]).data)


def test_float32_is_kept_from_the_weights_to_the_step() -> None:
    mlp = MLP(2, [3, 1], activation="gelu", rng=0)
    twin = mlp.vectorized("float32")
    for optimiser in (SGD(twin.parameters(), 0.1, momentum=0.9), Adam(twin.parameters())):
        loss = mean_squared_error(twin(np.ones((4, 2))), np.zeros(4))
        twin.zero_grad()
        loss.backward()
        optimiser.step()
        kinds = {loss.dtype, *(p.dtype for p in twin.parameters())}
        kinds |= {p.grad.dtype for p in twin.parameters()}
        assert kinds == {np.dtype("float32")}
    assert twin.state_dict()["layers.0.weight"].dtype == np.float32
    with pytest.raises(TypeError, match="float32 or float64"):
        mlp.vectorized("float16")


OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda ps: SGD(ps, 0.05),
    "momentum": lambda ps: SGD(ps, 0.05, momentum=0.9),
    "weight decay": lambda ps: SGD(ps, 0.05, momentum=0.5, weight_decay=0.1),
    "adam": lambda ps: Adam(ps, 0.02),
    "adam, weight decay": lambda ps: Adam(ps, 0.02, weight_decay=0.1),
    "adamw": lambda ps: AdamW(ps, 0.02, weight_decay=0.1),
}


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_optimisers_move_both_alike(make: Callable[[Any], Any], loss: str) -> None:
    problem = Problem([2, 3], "tanh", loss, 5, 1)
    ours, theirs = make(problem.mlp.parameters()), make(problem.twin.parameters())
    for k in range(30):
        for value, model, optimiser in (
            (problem.scalar_loss(), problem.mlp, ours),
            (problem.twin_loss(), problem.twin, theirs),
        ):
            value = value + 1e-3 * sum_of_squares(model.parameters())
            model.zero_grad()
            value.backward()
            optimiser.lr = 0.05 / (1 + k)
            optimiser.step()
    expected = [p.data for p in problem.mlp.parameters()]
    np.testing.assert_allclose(problem.twin.buffer.whole.data, expected, rtol=1e-10, atol=1e-12)
    assert len(theirs.parameters) == 1  # all at once


def test_an_optimiser_of_some_layers_moves_only_these() -> None:
    twin = MLP(2, [3, 1], activation="tanh", rng=0).vectorized()
    first, last = twin.parameters()
    before = first.data.copy(), last.data.copy()
    twin(np.ones((4, 2))).sum().backward()
    SGD([last], 0.1).step()
    np.testing.assert_array_equal(first.data, before[0])
    assert (last.data != before[1]).any()
    np.testing.assert_array_equal(twin.buffer.whole.data[-4:], last.data.ravel())


@given(problems())
def test_penalties_are_alike(problem: Problem) -> None:
    ours = sum_of_squares(problem.mlp.parameters())
    theirs = sum_of_squares(problem.twin.parameters())
    agree(ours.data, theirs.item())
    ours.backward()
    theirs.backward()
    agree(*problem.gradients())


def test_hessian_vector_products_go_through_the_twin() -> None:
    problem = Problem([2, 3], "tanh", "mean_squared_error", 4, 0)
    ps = problem.twin.parameters()
    slopes = gradient(problem.twin_loss(), ps, create_graph=True)
    direction = [np.random.default_rng(i).normal(size=p.shape) for i, p in enumerate(ps)]
    along = sum((d * v).sum() for d, v in zip(slopes, direction, strict=True))
    theirs = np.concatenate([d.ravel() for d in gradient(along, ps)])
    scalar = problem.mlp.parameters()
    flat = [float(x) for v in direction for x in v.ravel()]
    first = gradient(problem.scalar_loss(), scalar, create_graph=True)
    ours = gradient(engine.dot(first, flat), scalar)
    agree(ours, theirs, 1e-11)
    x = problem.xs[0]
    product = hvp(lambda x: problem.twin(x) ** 2, x, np.array([1.0, -1.0]))
    scalar_product = hvp(lambda x: problem.mlp(x) ** 2, x.tolist(), [1.0, -1.0])
    agree(product, scalar_product, 1e-11)


def test_changed_parameters_make_old_graphs_refuse() -> None:
    twin = MLP(2, [3, 1], activation="tanh", rng=0).vectorized()
    loss = twin(np.ones((4, 2))).sum()
    loss.backward()
    SGD(twin.parameters(), 0.1).step()
    for run in (
        loss.backward,
        lambda: gradient(loss, twin.parameters()),
        lambda: gradient(loss, twin.parameters(), create_graph=True),
        lambda: copy.deepcopy(loss),
    ):
        with pytest.raises(ValueError, match="parameters were changed after it was recorded"):
            run()


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_and_pickles_train_on_their_own(clone: Callable[[Any], Any]) -> None:
    twin = MLP(2, [3, 1], activation="tanh", rng=0).vectorized()
    twin(np.ones((4, 2))).sum().backward()
    before = twin.buffer.whole.data.copy()
    other = clone(twin)
    assert [p.label for p in other.parameters()] == ["p", "p"]
    np.testing.assert_array_equal(other.parameters()[0].grad, twin.parameters()[0].grad)
    optimiser = SGD(other.parameters(), 0.1)
    assert len(optimiser.parameters) == 1
    optimiser.step()
    other.zero_grad()
    assert not other.parameters()[1].grad.any()
    assert other.parameters()[0].data.base is not None
    expected = before - 0.1 * twin.buffer.whole.grad
    np.testing.assert_allclose([p.data for p in other.scalar().parameters()], expected)
    np.testing.assert_array_equal(twin.buffer.whole.data, before)


def test_weights_travel_by_the_names_and_shapes_of_pytorchs_linear() -> None:
    mlp = MLP(3, [4, 2], activation="tanh", rng=0)
    state = mlp.vectorized().state_dict()
    assert {name: x.shape for name, x in state.items()} == {
        "layers.0.weight": (4, 3), "layers.0.bias": (4,),
        "layers.1.weight": (2, 4), "layers.1.bias": (2,),
    }  # fmt: skip
    other = MLP(3, [4, 2], activation="tanh", rng=1)
    other.load_state_dict(state)
    assert [p.data for p in other.parameters()] == [p.data for p in mlp.parameters()]
    twin = other.vectorized()
    state["layers.0.bias"][:] = 9.0
    assert twin.layers[0].bias[0] != 9.0
    with pytest.raises(ValueError, match=r"layers\.0\.bias has shape \(4,\), not \(3,\)"):
        twin.load_state_dict({**state, "layers.0.bias": np.ones(3)})
    with pytest.raises(ValueError, match="the names"):
        twin.load_state_dict({})
    np.testing.assert_array_equal(twin.buffer.whole.data, [p.data for p in mlp.parameters()])


def test_networks_without_a_matrix_are_refused() -> None:
    mlp = MLP(2, [2, 1])
    mlp.layers[0].neurons[1].nonlin = False
    with pytest.raises(ValueError, match="neurons of layer 0 differ"):
        mlp.vectorized()
    mlp = MLP(2, [2, 2, 1])
    mlp.layers[1].neurons[0].w[0] = mlp.layers[0].neurons[0].w[0]
    with pytest.raises(ValueError, match="used in two places"):
        mlp.vectorized()


@pytest.mark.parametrize("state", [None, [1.0], "layers.0.weight"])
def test_weights_without_names_are_refused(state: Any) -> None:
    twin = MLP(2, [1], rng=0).vectorized()
    with pytest.raises(TypeError, match="the weights are a dictionary by name"):
        twin.load_state_dict(state)
