"""How to test an operation, a layer and a dialect of programs of your own: a few lines each."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import engine
import viz
from engine import TABLE, Symbol, Tensor, Value, fuse, grad, hessian, jvp, record, rule, softmax
from engine.check import gradcheck
from engine.program.dialects import FORMS, Dialect
from engine.rule import ATOM, CHOICE
from engine.strategies import arrays, computations, floats, vectors
from nn import MLP, SGD, Layer, mean_squared_error, training_step


@pytest.fixture(autouse=True, scope="module")
def swish() -> Iterator[None]:
    """An operation of one's own, for these tests only."""
    rule(
        "swish",
        lambda m, x, beta: x * m.sigmoid(beta * x),
        lambda m, y, x, beta: m.sigmoid(beta * x) + beta * y * (1 - m.sigmoid(beta * x)),
        params={"beta": 1.0},
    )
    yield
    TABLE.remove("swish")


@given(floats(), floats(0.5, 2.0))
def test_an_own_operation(x: float, beta: float) -> None:
    assert gradcheck(lambda x: x.swish(beta), [x], order=2, raises=True)


@given(computations(max_nodes=8))
def test_an_own_operation_on_top_of_random_graphs(c) -> None:  # type: ignore[no-untyped-def]
    f = lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1].swish()  # noqa: E731
    assert gradcheck(f, c.inputs, raises=True)


@pytest.mark.parametrize("x", [1.0, 2.0])
def test_an_own_operation_compares_a_number_with_its_argument_or_the_other_way_round(
    x: float,
) -> None:
    rule(
        "beside_one",
        lambda m, x: m.where(m.equal(1.0, x), 0.0, x * x),
        lambda m, y, x: m.where(m.equal(1.0, x), 0.0, 2.0 * x),
    )
    try:
        f = engine.beside_one
        expected = (0.0, 0.0) if x == 1 else (x * x, 2 * x)
        leaf = Value(x)
        value, (slope,) = record(f, 0.5)(x)
        assert (f(leaf).data, engine.gradient(f(leaf), leaf)) == (value, slope) == expected
        row = Tensor([x, 3.0])
        value, (slopes,) = record(lambda x: f(x).sum(), np.array([0.5, 0.5]))(row.data)
        assert f(row).data.sum() == value == expected[0] + 9
        assert engine.gradient(f(row).sum(), row).tolist() == slopes.tolist() == [expected[1], 6.0]
    finally:
        TABLE.remove("beside_one")


class Attention(Layer):
    """A layer of one's own: its outputs weighted by their softmax."""

    def __call__(self, x: list[Value]) -> Value:
        """Σ softmax(h)ᵢ hᵢ."""
        h = super().__call__(x)
        return sum(p * v for p, v in zip(softmax(h), h, strict=True))  # type: ignore[no-any-return]


@given(vectors(3))
def test_an_own_layer_by_its_inputs(xs: list[float]) -> None:
    layer = Attention(3, 2, activation="tanh", rng=0)
    assert gradcheck(layer, [xs], raises=True)


@given(vectors(8))
def test_an_own_layer_by_its_parameters(values: list[float]) -> None:
    layer = Attention(3, 2, activation="tanh", rng=0)

    def loss(parameters: list[Value]) -> Value:
        for neuron, (w0, w1, w2, b) in zip(
            layer.neurons, (parameters[:4], parameters[4:]), strict=True
        ):
            neuron.w, neuron.b = [w0, w1, w2], b
        return layer([Value(1.0), Value(-2.0), Value(0.5)])

    assert gradcheck(loss, [values], raises=True)


# ---------------------------------------------------------------- a row: two arguments, a root


@pytest.fixture(autouse=True, scope="module")
def hypot() -> Iterator[None]:
    """The length of (a, b): all that there is to write for it."""
    rule(
        "hypot",
        lambda m, a, b: m.sqrt(a * a + b * b),
        lambda m, y, a, b: a / y,
        lambda m, y, a, b: b / y,
        text="|(%s, %s)|",
        latex=r"\lvert(%s, %s)\rvert",
        level=ATOM,
        kinks=lambda m, a, b: (m.abs(a) + m.abs(b),),
    )
    yield
    TABLE.remove("hypot")


side = floats(0.125, 4.0)


def length(a: Any, b: Any) -> Any:
    return engine.hypot(a, b)


def graphs(*ops: str) -> st.SearchStrategy[Any]:
    """Random graphs of some rows, which are looked up when the test runs."""
    return st.deferred(lambda: computations(max_nodes=12, ops=ops))


def test_a_row_on_nodes_and_formulas() -> None:
    a, b = Value(3.0, label="a"), Value(4.0, label="b")
    y = a.hypot(b)
    y.backward()
    assert (y.data, a.grad, b.grad) == (5.0, 0.6, 0.8)
    assert length(3.0, 4.0) == 5.0
    xs = Tensor([[3.0], [6.0]])
    ys = xs.hypot([4.0, 8.0, 4.5])
    ys.sum().backward()
    np.testing.assert_allclose(ys.data, np.hypot(xs.data, [4.0, 8.0, 4.5]))
    np.testing.assert_allclose(xs.grad, (xs.data / ys.data).sum(1, keepdims=True))
    formula = length(Symbol("a"), Symbol("b")) * 2
    assert str(formula) == "|(a, b)|·2"
    assert formula.latex() == r"\lvert(a, b)\rvert \cdot 2"
    told = str(viz.derive(y, a))
    assert "|(3, 4)| = 5" in told
    assert "= 0.6" in told
    assert "hypot" in viz.draw(y).source


@given(side, side)
def test_a_rows_first_and_second_derivatives(a: float, b: float) -> None:
    r = math.hypot(a, b)
    assert gradcheck(length, [a, b], order=2, raises=True)
    assert gradcheck(lambda x, y: length(x, y).sum(), [np.array([a, b]), np.array(b)], raises=True)
    value, slope = jvp(lambda x: length(x[0], x[1]), [a, b], [1.0, -2.0])
    assert (value, slope) == pytest.approx((r, (a - 2 * b) / r), rel=1e-12)
    second = hessian(lambda x: length(x[0], x[1]))([a, b])
    expected = [[b * b / r**3, -a * b / r**3], [-a * b / r**3, a * a / r**3]]
    assert np.array(second, float) == pytest.approx(np.array(expected), rel=1e-9)
    twice = grad(lambda x: grad(lambda z: length(z, b))(x))(a)
    assert float(twice) == pytest.approx(b * b / r**3, rel=1e-9)


@given(graphs("hypot", "add", "mul", "tanh", "sum"), st.booleans())
def test_a_row_in_random_graphs_recorded(c: Any, batch: bool) -> None:
    assume(all(x == 0 or abs(x) > 0.01 for x in c.inputs))  # products must not underflow

    def f(*xs: Any) -> Any:
        return c._replace(inputs=xs).run(lambda x: x)[-1]

    assert gradcheck(f, c.inputs, raises=True)
    value, slopes = record(f, *c.inputs, batch=batch)(*c.inputs)
    leaves = [Value(x) for x in c.inputs]
    y = f(*leaves)
    y.backward()
    assert value == pytest.approx(y.data, rel=1e-12)
    assert slopes == pytest.approx([x.grad for x in leaves], rel=1e-9, abs=1e-12)


@given(arrays((2, 3), low=0.125), arrays((3,), low=0.125))
def test_a_row_on_arrays_recorded_fused_and_compiled(a: Any, b: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return length(x, y).tanh().sum()

    xs, ys = Tensor(a), Tensor(b)
    f(xs, ys).backward()
    program = record(f, np.ones((2, 3)), np.ones(3))
    runs = [program, copy.deepcopy(program), pickle.loads(pickle.dumps(program))]
    for run in runs:
        value, slopes = run(a, b)
        assert value == pytest.approx(f(xs, ys).item(), rel=1e-12)
        np.testing.assert_allclose(slopes[0], xs.grad, rtol=1e-9)
        np.testing.assert_allclose(slopes[1], ys.grad, rtol=1e-9)
    again = Tensor(a)
    fuse(f)(again, b).backward()
    np.testing.assert_allclose(again.grad, xs.grad, rtol=1e-9)


def test_a_row_in_the_text_of_programs() -> None:
    program = record(length, 3.0, 4.0)
    assert "np.sqrt(a * a + b * b)" in program.source
    assert "sqrt(a * a + b * b)" in program.render("loops")
    space: dict[str, Any] = {"np": np}
    exec(program.source, space)
    assert space["length"](3.0, 4.0) == program(3.0, 4.0) == (5.0, (0.6, 0.8))
    array: Any = record(lambda x, y: length(x, y).sum(), np.ones(2), np.ones(2))
    assert "np.sqrt(" in array.source
    assert "np.sqrt(" in array.render("buffered")
    assert "sqrt(" in array.render("loops")


def test_a_row_that_is_compiled() -> None:
    pytest.importorskip("numba", reason="compiled programs need numba (extra jit)")
    value, slopes = record(length, 3.0, 4.0).jit()(6.0, 8.0)
    assert [value, *slopes] == pytest.approx([10.0, 0.6, 0.8])


@pytest.mark.parametrize("twin", [False, True])
def test_a_row_in_training(twin: bool) -> None:
    xs = np.random.default_rng(0).normal(size=(6, 2))
    losses = []
    for eager in (True, False):
        model: Any = MLP(2, [3, 1], activation="tanh", rng=0)
        model = model.vectorized() if twin else model

        def loss(ys: Any, ts: Any, twin: bool = twin) -> Any:
            if twin:
                return length(ys, 0.5).mean() + mean_squared_error(ys, ts)
            return sum(length(y, 0.5) for y in ys) / 6 + mean_squared_error(ys, ts)

        step = training_step(model, loss, SGD(model.parameters(), lr=0.1), eager=eager)
        given = (xs, xs[:, 0]) if twin else (xs.tolist(), xs[:, 0].tolist())
        losses.append([float(step(*given).data) for _ in range(5)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


# ---------------------------------------------------------------- a dialect: a language of stacks


class Stacks(Dialect):
    """A made-up language in which operations take what was said last: ``x 2 * → y``."""

    forms = {
        **{name: (f"{{}} {{}} {form.split()[1]}", ATOM, (CHOICE, CHOICE))
           for name, (form, _, _) in FORMS.items() if name != "neg"},
        "neg": ("{} negated", ATOM, (CHOICE,)),
        "both": ("{} {} and", ATOM, (CHOICE, CHOICE)),
        "select": ("{} {} {} either", ATOM, (CHOICE, CHOICE, CHOICE)),
    }  # fmt: skip
    plain = frozenset(forms)
    reserved = ("negated", "and", "either", "insist")

    def call(self, name: str, texts: Any) -> tuple[str, int]:
        return f"{' '.join(texts)} {name}", ATOM

    def tidied(self, text: str) -> str:
        return text

    def comparison(self, a: str, sign: str, b: str) -> str:
        return f"{a} {b} {sign}"

    def check(self, conditions: Sequence[str], outcome: bool, failing: str) -> list[str]:
        return [f"{x} {'' if outcome else '0 == '}insist" for x in conditions]

    def sequence(self, texts: Sequence[str], brackets: str = "") -> str:
        return " ".join(texts)

    def assignment(self, name: str, text: str) -> list[str]:
        return [f"{text} → {name}"]

    def returned(self, text: str) -> list[str]:
        return [text]

    def definition(self, name: str, given: Sequence[str], lines: Sequence[str]) -> str:
        return "\n".join([f"{name}: {' '.join(given)}", *lines])


WORDS: dict[str, tuple[int, Callable[..., Any]]] = {
    "+": (2, operator.add), "-": (2, operator.sub), "*": (2, operator.mul),
    "/": (2, operator.truediv), "<": (2, operator.lt), "<=": (2, operator.le),
    ">": (2, operator.gt), ">=": (2, operator.ge), "==": (2, operator.eq),
    "negated": (1, operator.neg), "and": (2, operator.and_), "power": (2, pow),
    "either": (3, lambda condition, yes, no: yes if condition else no),
    "sqrt": (1, math.sqrt), "tanh": (1, math.tanh), "sign": (1, lambda x: (x > 0) - (x < 0)),
}  # fmt: skip


def spoken(text: str, *inputs: float) -> list[float]:
    """What a program in that language gives."""
    head, *lines = text.split("\n")
    names = dict(zip(head.split(": ")[1].split(), inputs, strict=True))
    stack: list[Any] = []
    for line in lines:
        words = iter(line.split())
        for word in words:
            if word == "→":
                names[next(words)] = stack.pop()
            elif word == "insist":
                assert stack.pop(), line
            elif word in WORDS:
                count, f = WORDS[word]
                found = stack[-count:]
                del stack[-count:]
                stack.append(f(*found))
            else:
                stack.append(names[word] if word in names else float(word))
    return stack


def test_a_dialect_writes_recorded_programs() -> None:
    program = record(lambda x, w: length(x, w) * w, 3.0, 4.0)
    text = program.render(Stacks())
    assert text.split("\n")[:3] == ["program: x w", "x x * w w * + sqrt → t1", "t1 w * → value"]
    value, slopes = program(0.5, 2.0)
    assert spoken(text, 0.5, 2.0) == pytest.approx([value, *slopes])

    minus = record(lambda x, w: -(x * w) + -length(x, -w), 3.0, 4.0)
    assert spoken(minus.render(Stacks()), 0.5, 2.0)[0] == minus(0.5, 2.0)[0]


def test_a_dialect_writes_guards() -> None:
    f = lambda x, y: length(x, y) if x < y else (x if y > 1 else y)  # noqa: E731
    below, above = record(f, 1.0, 2.0), record(f, 2.0, 1.5)
    assert spoken(below.render(Stacks()), 3.0, 4.0) == [5.0, 0.6, 0.8]
    assert spoken(above.render(Stacks()), 4.0, 3.0)[0] == 4.0
    with pytest.raises(AssertionError, match="insist"):
        spoken(below.render(Stacks()), 4.0, 3.0)
    with pytest.raises(AssertionError, match="insist"):
        spoken(above.render(Stacks()), 0.5, 1.5)


@given(graphs("hypot", "add", "sub", "mul", "neg", "tanh", "relu"))
def test_a_dialect_says_what_random_programs_compute(c: Any) -> None:
    program = record(lambda *xs: c._replace(inputs=xs).run(lambda x: x)[-1], *c.inputs)
    value, slopes = program(*c.inputs)
    found = spoken(program.render(Stacks()), *c.inputs)
    assert found == pytest.approx([value, *slopes], rel=1e-12, abs=1e-300)
