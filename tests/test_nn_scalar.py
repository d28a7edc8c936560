"""Neurons, layers and networks of scalars, alone and side by side with micrograd's."""

import copy
import pickle
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import Rule, Value, detect_anomaly, jvp, no_grad, topological_order
from nn import INITIALISERS, MLP, Layer, Module, Neuron


def near(x: Any) -> Any:
    return pytest.approx(x, rel=1e-12, abs=1e-12)


# -- drop-in for micrograd ------------------------------------------------------------------------


def test_reprs_are_micrograds() -> None:
    assert repr(Neuron(2)) == "ReLUNeuron(2)"
    assert repr(Neuron(16, nonlin=False)) == "LinearNeuron(16)"
    assert repr(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert repr(MLP(1, [1, 1])) == "MLP of [Layer of [ReLUNeuron(1)], Layer of [LinearNeuron(1)]]"


@pytest.mark.parametrize(
    ("activation", "name"),
    [("tanh", "Tanh"), ("leaky_relu", "LeakyReLU"), ("sigmoid", "Sigmoid"), ("gelu", "GELU"),
     (engine.relu, "ReLU"), (lambda z: z, "Lambda")],
)  # fmt: skip
def test_other_activations_have_reprs_of_the_same_form(activation: Any, name: str) -> None:
    assert repr(Neuron(2, activation=activation)) == f"{name}Neuron(2)"


def test_attributes_are_micrograds() -> None:
    model = MLP(3, [4, 2])
    assert [len(layer.neurons) for layer in model.layers] == [4, 2]
    assert [n.nonlin for layer in model.layers for n in layer.neurons] == [True] * 4 + [False] * 2
    neuron = model.layers[0].neurons[0]
    assert isinstance(neuron.w, list)
    assert len(neuron.w) == 3
    assert neuron.b.data == 0.0
    assert neuron.parameters() == [*neuron.w, neuron.b]
    assert len(model.parameters()) == 4 * 4 + 2 * 5


def test_nonlin_may_be_changed_later() -> None:
    neuron = Neuron(1, init=lambda nin, nout, rng: -1.0)
    assert neuron([2.0]).data == 0.0
    neuron.nonlin = False
    assert neuron([2.0]).data == -2.0
    assert repr(neuron) == "LinearNeuron(1)"


def test_one_output_is_a_value_and_several_are_a_list() -> None:
    assert isinstance(MLP(2, [3, 1])([1, 2]), Value)
    outputs = MLP(2, [3, 2])([1, 2])
    assert isinstance(outputs, list)
    assert len(outputs) == 2


def test_initial_weights_are_micrograds() -> None:
    theirs = pytest.importorskip("micrograd.nn")
    random.seed(42)
    ours = [p.data for p in MLP(3, [5, 4, 2]).parameters()]
    random.seed(42)
    assert ours == [p.data for p in theirs.MLP(3, [5, 4, 2]).parameters()]


@pytest.mark.parametrize("fused", [True, False])
def test_outputs_and_gradients_are_micrograds(fused: bool) -> None:
    theirs = pytest.importorskip("micrograd.nn")
    random.seed(7)
    other = theirs.MLP(3, [5, 4, 2])
    random.seed(7)
    model = MLP(3, [5, 4, 2], fused=fused)
    for net in (other, model):
        a, b = net([0.5, -1.0, 2.0])
        (a * b + a).backward()
    assert [p.grad for p in model.parameters()] == near([p.grad for p in other.parameters()])
    assert [o.data for o in model([1, 2, 3])] == [o.data for o in other([1, 2, 3])]


def test_single_nodes_are_micrograds() -> None:
    theirs = pytest.importorskip("micrograd.nn")

    def operations(model: Any) -> list[str]:
        order: list[Any] = []

        def visit(node: Any) -> None:
            if node not in order:
                for child in node._prev:
                    visit(child)
                order.append(node)

        visit(model([1.0, 2.0]))
        return sorted(node._op for node in order if node._op)

    assert operations(MLP(2, [2, 1], fused=False)) == operations(theirs.MLP(2, [2, 1]))


NOTEBOOK = """
import random
import numpy as np
from micrograd.engine import Value
from micrograd.nn import Neuron, Layer, MLP

np.random.seed(1337)
random.seed(1337)
t = np.random.rand(8) * np.pi
X = np.concatenate([np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]])
y = np.repeat([-1, 1], 8)
model = MLP(2, [16, 16, 1])
print(model)
print("number of parameters", len(model.parameters()))

def loss(batch_size=None):
    if batch_size is None:
        Xb, yb = X, y
    else:
        ri = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[ri], y[ri]
    inputs = [list(map(Value, xrow)) for xrow in Xb]
    scores = list(map(model, inputs))
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(yb, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    reg_loss = alpha * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(yb, scores)]
    return total_loss, sum(accuracy) / len(accuracy)

course = []
for k in range(3):
    total_loss, acc = loss(batch_size=None if k % 2 else 10)
    model.zero_grad()
    total_loss.backward()
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= learning_rate * p.grad
    course.append((total_loss.data, acc))
"""


def test_micrograds_demo_runs_with_only_the_import_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("micrograd.nn")
    here: dict[str, Any] = {}
    there: dict[str, Any] = {}
    exec(NOTEBOOK, there)
    said = capsys.readouterr().out
    exec(NOTEBOOK.replace("micrograd.engine", "engine").replace("micrograd.nn", "nn"), here)
    assert capsys.readouterr().out == said
    assert here["course"] == [near(pair) for pair in there["course"]]


def test_micrograds_way_to_write_a_module_works() -> None:
    class Line(Module):
        def __init__(self) -> None:
            self.a, self.b = Value(2.0), Value(1.0)

        def __call__(self, x: float) -> Any:
            return self.a * x + self.b

        def parameters(self) -> list[Value]:
            return [self.a, self.b]

    line = Line()
    line(3.0).backward()
    assert [p.grad for p in line.parameters()] == [3.0, 1.0]
    line.zero_grad()
    assert [p.grad for p in line.parameters()] == [0.0, 0.0]


# -- the computation ------------------------------------------------------------------------------

finite = st.floats(-10, 10)


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.data())
def test_one_node_or_many_compute_the_same(widths: list[int], data: st.DataObject) -> None:
    x = data.draw(st.lists(finite, min_size=widths[0], max_size=widths[0]))
    seed = data.draw(st.integers(0, 100))
    results = []
    for fused in (True, False):
        model = MLP(widths[0], widths[1:], activation="tanh", rng=seed, fused=fused)
        outputs = model(x)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        engine.sum(outputs).backward()
        results.append(([o.data for o in outputs], [p.grad for p in model.parameters()]))
    (ours, slopes), (same, same_slopes) = results
    assert ours == same
    assert slopes == near(same_slopes)


def test_a_neuron_is_one_node_and_its_activation_another() -> None:
    h = Neuron(3, activation="tanh")([1.0, 2.0, 3.0])
    assert (h.sign, len(h.args)) == ("tanh", 1)
    assert (h.args[0].sign, len(h.args[0].args)) == ("Σwx+b", 7)
    single = Neuron(3, nonlin=False, fused=False)([1.0, 2.0, 3.0])
    signs = [node.sign for node in topological_order(single) if node.args]
    assert sorted(signs) == ["+"] * 3 + ["×"] * 3


def test_any_row_of_the_table_is_an_activation(softsign: Rule) -> None:
    neuron = Neuron(1, activation="softsign", init=lambda nin, nout, rng: 3.0)
    h = neuron([1.0])
    h.backward()
    assert (h.data, neuron.w[0].grad) == (0.75, 1 / 16)
    assert repr(neuron) == "SoftsignNeuron(1)"


def test_a_function_is_an_activation() -> None:
    neuron = Neuron(1, activation=lambda z: z * z, init=lambda nin, nout, rng: 3.0)
    assert neuron([1.0]).data == 9.0


@pytest.mark.parametrize(
    "x",
    [[1.0, 2.0], (1, 2), np.array([1.0, 2.0]), np.array([1, 2], dtype=np.float32), [True, 2],
     map(Value, [1.0, 2.0]), [Value(1.0), 2.0], [np.float64(1.0), np.int8(2)]],
)  # fmt: skip
def test_inputs_are_anything_that_holds_numbers(x: Any) -> None:
    init = iter([3.0, 5.0])
    neuron = Neuron(2, nonlin=False, init=lambda nin, nout, rng: next(init))
    assert neuron(x).data == 13.0


def test_a_lone_number_is_one_input() -> None:
    for x in (0.5, Value(0.5), np.float64(0.5)):
        assert MLP(1, [1, 3, 1], rng=0)(x).data == MLP(1, [1, 3, 1], rng=0)([0.5]).data


def test_a_network_can_be_differentiated_forwards() -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=1)
    x = [Value(0.5), Value(-1.0)]
    model(x).backward()
    _, slope = jvp(model, [0.5, -1.0], [1.0, 0.0])
    assert float(slope) == near(x[0].grad)


def test_nothing_is_recorded_under_no_grad() -> None:
    model = MLP(2, [3, 1], rng=0)
    recorded = model([1.0, 2.0]).data
    with no_grad():
        output = model([1.0, 2.0])
    assert (output.args, output.data) == ((), recorded)


# -- what pictures need ---------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
def test_a_layer_wraps_its_inputs_once(fused: bool) -> None:
    output = MLP(2, [4, 1], fused=fused)([0.0, 1.0])
    leaves = [node for node in topological_order(output) if not node.args]
    assert sorted(x.label for x in leaves if x.role == "input") == ["x0", "x1"]
    assert len(leaves) == 2 + 4 * 3 + 5


def test_a_given_input_stays_itself() -> None:
    x = Value(1.0, label="age")
    model = MLP(2, [2, 1])
    assert x in topological_order(model([x, 2.0]))
    assert x.label == "age"


def test_parameters_have_label_role_and_scope() -> None:
    for name, p in MLP(2, [2, 1]).named_parameters():
        assert p.role == "parameter"
        assert f"{p.scope}.{p.label}" == re.sub(r"\.w\.(\d+)$", r".w\1", name)
    assert [p.scope for p in Layer(1, 2).parameters()] == [
        "neurons.0", "neurons.0", "neurons.1", "neurons.1",
    ]  # fmt: skip
    assert [(p.label, p.scope) for p in Neuron(2).parameters()] == [
        ("w0", ""), ("w1", ""), ("b", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_computed_nodes_have_label_and_scope(fused: bool, watched: bool) -> None:
    model = MLP(2, [2, 1], activation="tanh", rng=0, fused=fused)
    if watched:
        with detect_anomaly():
            output = model([1.0, 2.0])
    else:
        output = model([1.0, 2.0])
    assert (output.label, output.scope) == ("z0", "layers.1.neurons.0")
    made = {node.label: node for node in topological_order(output) if node.args}
    assert made["h1"].scope == made["h1"].args[0].scope == "layers.0.neurons.1"
    assert made["h1"].args[0].label == "z1"
    assert all(node.scope.startswith("layers.") for node in topological_order(output) if node.args)
    assert ("test_nn_scalar" in output.origin) == watched


def test_a_label_that_an_activation_gives_is_kept() -> None:
    def activation(z: Value) -> Value:
        out: Value = z.tanh()
        out.label = "mine"
        return out

    assert Neuron(1, activation=activation)([1.0]).label == "mine"
    assert Neuron(1, activation=lambda z: z)([1.0]).label == "z"


# -- where weights start --------------------------------------------------------------------------


def test_a_seed_decides_all_weights_and_leaves_the_module_random_alone() -> None:
    random.seed(3)
    state = random.getstate()
    first, again, other = (MLP(2, [3, 3, 1], rng=seed) for seed in (5, 5, 6))
    assert random.getstate() == state
    weights = [[p.data for p in model.parameters()] for model in (first, again, other)]
    assert weights[0] == weights[1] != weights[2]
    assert len({p.data for p in first.parameters()} - {0.0}) == 6 + 9 + 3


def test_a_generator_is_used_as_it_is() -> None:
    rng = random.Random(5)
    first, second = Layer(2, 3, rng=rng), Layer(2, 3, rng=rng)
    assert [p.data for p in first.parameters()] != [p.data for p in second.parameters()]
    assert [p.data for p in first.parameters()] == [p.data for p in Layer(2, 3, rng=5).parameters()]


def test_init_is_given_the_layers_widths() -> None:
    seen = set()

    def init(nin: int, nout: int, rng: Any) -> float:
        seen.add((nin, nout))
        return 0.0

    MLP(2, [3, 1], init=init)
    assert seen == {(2, 3), (3, 1)}


@pytest.mark.parametrize(
    ("name", "variance", "bound"),
    [("uniform", 1 / 3, 1.0), ("xavier_uniform", 2 / 10, (6 / 10) ** 0.5),
     ("xavier_normal", 2 / 10, None), ("he_uniform", 2 / 4, (6 / 4) ** 0.5),
     ("he_normal", 2 / 4, None), ("zeros", 0.0, 0.0)],
)  # fmt: skip
def test_initialisers_have_the_variance_of_their_formula(
    name: str, variance: float, bound: float | None
) -> None:
    rng = random.Random(0)
    draws = [INITIALISERS[name](4, 6, rng) for _ in range(20_000)]
    assert sum(draws) / len(draws) == pytest.approx(0, abs=0.02)
    assert sum(w * w for w in draws) / len(draws) == pytest.approx(variance, rel=0.03)
    if bound is not None:
        assert max(map(abs, draws)) <= bound
        assert max(map(abs, draws)) >= 0.99 * bound
    else:
        assert max(map(abs, draws)) > 3 * variance**0.5


def test_every_initialiser_works_by_name() -> None:
    for name in INITIALISERS:
        assert len(MLP(2, [3, 1], init=name, rng=0).parameters()) == 13


# -- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_is_the_same_network_with_parameters_of_its_own(
    copied: Callable[[MLP], MLP],
) -> None:
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    twin = copied(model)
    expected = model([1.0, 2.0]).data
    assert repr(twin) == repr(model)
    assert twin([1.0, 2.0]).data == expected
    for p in twin.parameters():
        p.data = 0.0
    assert model([1.0, 2.0]).data == expected


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Neuron(2), Layer(2, 3), MLP(2, [3, 1])])
def test_a_wrong_number_of_inputs_is_named(model: Callable[[Any], Any]) -> None:
    for x in ([1.0], [1.0, 2.0, 3.0], np.zeros(3), 1.0, []):
        n = np.size(x)
        with pytest.raises(ValueError, match=rf"ReLUNeuron\(2\) takes 2 inputs, not {n}$"):
            model(x)


@pytest.mark.parametrize("x", [None, "ab", ["a", "b"], [None, 1.0], [[1.0], [2.0]], np.eye(2)])
def test_inputs_that_are_no_numbers_are_type_errors(x: Any) -> None:
    with pytest.raises(TypeError, match="number"):
        MLP(2, [1])(x)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Neuron(0), ValueError, "nin is at least 1, not 0"),
        (lambda: Neuron(2.0), TypeError, "nin is a whole number, not 2.0"),  # type: ignore[arg-type]
        (lambda: Layer(2, -1), ValueError, "nout is at least 1, not -1"),
        (lambda: Layer(2, "3"), TypeError, "nout is a whole number, not '3'"),  # type: ignore[arg-type]
        (lambda: MLP(2, 16), TypeError, "nouts is a list .*, not 16"),  # type: ignore[arg-type]
        (lambda: MLP(2, "16"), TypeError, "nouts is a list .*, not '16'"),  # type: ignore[arg-type]
        (lambda: MLP(2, []), ValueError, "nouts is empty"),
        (lambda: MLP(2, [3, 0]), ValueError, "a layer's width is at least 1, not 0"),
        (lambda: MLP(2, [3, 1.5]), TypeError, "a layer's width is a whole number, not 1.5"),  # type: ignore[list-item]
        (lambda: Neuron(2, "tanh"), TypeError, "not 'tanh': write activation='tanh'"),  # type: ignore[arg-type]
        (lambda: Neuron(2, abs), TypeError, "nonlin is True or False, not .*activation="),  # type: ignore[arg-type]
        (lambda: MLP(2, [1], activation="rely"), ValueError, "'rely'; there are .*tanh.*relu"),
        (lambda: MLP(2, [1], activation="add"), ValueError, "no activation is called 'add'"),
        (lambda: MLP(2, [1], activation="power"), ValueError, "no activation is called 'power'"),
        (lambda: MLP(2, [1], activation="sum"), ValueError, "no activation is called 'sum'"),
        (lambda: MLP(2, [1], activation=None), TypeError, "activation is a name"),  # type: ignore[arg-type]
        (lambda: MLP(2, [1], init="xavier"), ValueError, "'xavier'; there are .*xavier_uniform"),
        (lambda: MLP(2, [1], init=0.5), TypeError, "init is a name or a function"),  # type: ignore[arg-type]
        (lambda: MLP(2, [1], rng="seed"), TypeError, "rng is a random.Random"),  # type: ignore[arg-type]
        (lambda: MLP(2, [1], rng=np.random.default_rng()), TypeError, "rng is a"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_are_named(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_widths_may_be_numpys() -> None:
    assert repr(MLP(np.int64(2), np.array([2, 1]))) == repr(MLP(2, (2, 1)))  # type: ignore[arg-type]
