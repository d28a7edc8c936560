"""`nn.Module`: which parameters it finds, in which order, under which names."""

from typing import Any

import numpy as np
import pytest

from engine import Tensor, Value
from nn import MLP, SGD, Layer, Module, Neuron


class Found(Module):
    """Parameters in plain attributes."""

    def __init__(self) -> None:
        self.scale = Value(2.0)
        self.head = Neuron(2)
        self.table = {"a": Value(1.0), "b": (Value(2.0), [Value(3.0)])}
        self.name, self.size = "found", 3


class Chosen(Module):
    """Parameters as micrograd's users declare them."""

    def __init__(self) -> None:
        self.w = [Value(1.0), Value(2.0)]
        self.frozen = Value(3.0)
        self.hidden = {0: Value(4.0)}

    def parameters(self) -> list[Value]:
        return [self.hidden[0], *self.w]


def test_parameters_are_found_in_the_order_of_their_definition() -> None:
    model = Found()
    b, c = model.table["b"]
    expected = [model.scale, *model.head.w, model.head.b, model.table["a"], b, *c]
    assert model.parameters() == expected


def test_parameters_have_dotted_names() -> None:
    names = [name for name, _ in Found().named_parameters()]
    assert names == [
        "scale", "head.w.0", "head.w.1", "head.b", "table.a", "table.b.0", "table.b.1.0",
    ]  # fmt: skip
    names = [name for name, _ in MLP(2, [3, 1]).named_parameters()]
    assert len(names) == 13
    assert names[:4] == [
        "layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1", "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
    ]  # fmt: skip
    assert names[-1] == "layers.1.neurons.0.b"


def test_names_and_parameters_agree() -> None:
    for model in (Found(), Chosen(), MLP(2, [2, 2]), Layer(3, 2), Neuron(1)):
        assert [p for _, p in model.named_parameters()] == model.parameters()
        assert len(dict(model.named_parameters())) == len(model.parameters())


def test_a_shared_parameter_counts_once() -> None:
    model = Found()
    model.table["a"] = model.head.w[0]
    assert model.parameters().count(model.head.w[0]) == 1
    assert dict(model.named_parameters())["head.w.0"] is model.head.w[0]
    assert "table.a" not in dict(model.named_parameters())


def test_constants_and_computed_nodes_are_no_parameters() -> None:
    model = Found()
    before = model.parameters()
    model.size = Value(3.0, role="constant")  # type: ignore[assignment]
    model.last = model.head([1.0, 2.0])  # type: ignore[attr-defined]
    assert model.parameters() == before


def test_a_module_may_choose_its_parameters_itself() -> None:
    chosen = Chosen()
    around = Found()
    around.head = chosen  # type: ignore[assignment]
    assert around.parameters()[1:4] == chosen.parameters()
    assert chosen.frozen not in around.parameters()
    assert [name for name, _ in around.named_parameters()][1:4] == [
        "head.hidden.0", "head.w.0", "head.w.1",
    ]  # fmt: skip


def test_a_chosen_parameter_that_no_attribute_holds_has_a_name_too() -> None:
    hidden = Value(1.0)

    class Closed(Module):
        def parameters(self) -> list[Value]:
            return [hidden]

    assert Closed().named_parameters() == [("parameters.0", hidden)]


def test_a_subclass_may_add_to_what_is_found() -> None:
    extra = Value(5.0)

    class Extended(Neuron):
        def parameters(self) -> list[Value]:
            return [*super().parameters(), extra]

    neuron = Extended(1)
    assert neuron.parameters() == [*neuron.w, neuron.b, extra]

    class Gained(Neuron):
        def __init__(self) -> None:
            super().__init__(1)
            self.gain = Value(1.0)

    gained = Gained()
    assert gained.parameters() == [*gained.w, gained.b, gained.gain]


def test_zero_grad_clears_every_parameter() -> None:
    model = MLP(2, [2, 1], activation="tanh", rng=0)
    model([1.0, 2.0]).backward()
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


def test_a_module_that_computes_nothing_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Found does not define __call__"):
        Found()(1.0)


def test_a_module_may_refer_to_the_one_that_it_is_part_of() -> None:
    class Child(Module):
        def __init__(self, parent: Module) -> None:
            self.parent = parent
            self.w = Value(1.0)

    class Parent(Module):
        def __init__(self) -> None:
            self.child = Child(self)
            self.v = Value(2.0)

    parent = Parent()
    assert [name for name, _ in parent.named_parameters()] == ["child.w", "v"]
    assert parent.child.parameters() == [parent.v, parent.child.w]


class Linear(Module):
    """Weights as Tensors, some of them in collections."""

    def __init__(self) -> None:
        self.w = Tensor(np.ones((2, 1)), role="parameter")
        self.more: dict[str, Any] = {"b": [Tensor([0.0])], "scale": Tensor(2.0, role="constant")}

    def __call__(self, x: Any) -> Any:
        return x @ self.w * self.more["scale"] + self.more["b"][0]


def test_tensors_among_the_attributes_are_parameters() -> None:
    model = Linear()
    assert [name for name, _ in model.named_parameters()] == ["w", "more.b.0"]
    first, second = parameters = list[Any](model.parameters())
    assert first is model.w
    optimiser = SGD(parameters, lr=0.1)
    model(Tensor([[1.0, 2.0]])).sum().backward()
    optimiser.step()
    assert model.w.data.tolist() == [[0.8], [0.6]]
    model.zero_grad()
    assert not np.any(second.grad)


BAD: list[Any] = [
    np.array(["x"]), np.array([1j]), None, [None], "abc", [[1.0]], np.ones(2), [{}],
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize("twin", [False, True])
def test_loading_is_all_or_nothing(bad: Any, twin: bool) -> None:
    mlp = MLP(2, [3, 1], rng=0)
    model: Any = mlp.vectorized() if twin else mlp
    before = {name: x.copy() for name, x in model.state_dict().items()}
    state = {name: x + 1 for name, x in before.items()}
    for wrong in (
        {**state, "layers.1.bias": bad},
        {name: x for name, x in state.items() if name != "layers.1.bias"},
        {**state, "layers.2.bias": np.ones(1)},
    ):
        with pytest.raises((TypeError, ValueError)):
            model.load_state_dict(wrong)
        for name, x in model.state_dict().items():
            assert np.array_equal(x, before[name])
    model.load_state_dict(state)
    assert np.array_equal(model.state_dict()["layers.1.bias"], state["layers.1.bias"])
