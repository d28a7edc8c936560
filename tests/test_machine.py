"""Graphs that are built, changed, copied and differentiated in any order, against a naive model.

The model is slow, recursive and knows none of the engine's code: its own derivatives for the
operations that it uses, and the bookkeeping as the engine promises it.
"""

from __future__ import annotations

import copy
import math
import pickle
import weakref
from collections.abc import Callable, Iterator, Sequence
from operator import add, mul, neg, sub, truediv
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import engine
from engine import Value, gradient, jvp, no_grad
from engine.check.subject import Step
from engine.strategies import Computation, computations

# ---------------------------------------------------------------- the model

Local = Callable[..., tuple[float, Sequence[float]]]
LARGEST = 100.0  # of values and local derivatives: 1 + mass stays far from overflow
SLOPE = 0.25  # of leaky_relu


def logistic(x: float) -> float:
    return (1 + math.tanh(x / 2)) / 2


def share(mine: float, others: float) -> float:
    """The derivative of the largest of two: 1, 0, or ½ for a tie."""
    return (1 + (mine > others) - (mine < others)) / 2


def powered(x: float, n: float) -> tuple[float, Sequence[float]]:
    return x**n, [n * x ** (n - 1) if n else 0.0]


def inner_product(*xs: float) -> tuple[float, Sequence[float]]:
    n = len(xs) // 2
    left, right, bias = xs[:n], xs[n : 2 * n], xs[2 * n :]
    total = math.fsum([a * b for a, b in zip(left, right, strict=True)]) + sum(bias)
    return total, [*right, *left, *(1.0 for _ in bias)]


def log_sum_exp(*xs: float) -> tuple[float, Sequence[float]]:
    total = math.fsum(map(math.exp, xs))
    return math.log(total), [math.exp(x) / total for x in xs]


UNARY: dict[str, Local] = {  # value and local derivatives
    "neg": lambda x: (-x, [-1.0]),
    "exp": lambda x: (math.exp(x), [math.exp(x)]),
    "log": lambda x: (math.log(x), [1 / x]),
    "sqrt": lambda x: (math.sqrt(x), [0.5 / math.sqrt(x)]),
    "sin": lambda x: (math.sin(x), [math.cos(x)]),
    "cos": lambda x: (math.cos(x), [-math.sin(x)]),
    "tanh": lambda x: (math.tanh(x), [1 / math.cosh(x) ** 2]),
    "atan": lambda x: (math.atan(x), [1 / (1 + x * x)]),
    "sigmoid": lambda x: (logistic(x), [logistic(x) * logistic(-x)]),
    "relu": lambda x: ((x + abs(x)) / 2, [float(x > 0)]),
    "leaky_relu": lambda x: (x if x > 0 else SLOPE * x, [1.0 if x > 0 else SLOPE]),
    "abs": lambda x: (abs(x), [float((x > 0) - (x < 0))]),
    "clip": lambda x: (sorted([-1.0, x, 1.0])[1], [float(-1 <= x <= 1)]),
}
BINARY: dict[str, Local] = {
    "add": lambda a, b: (a + b, [1.0, 1.0]),
    "sub": lambda a, b: (a - b, [1.0, -1.0]),
    "mul": lambda a, b: (a * b, [b, a]),
    "div": lambda a, b: (a / b, [1 / b, -a / b**2]),
    "max": lambda a, b: ((a + b + abs(a - b)) / 2, [share(a, b), share(b, a)]),
    "min": lambda a, b: ((a + b - abs(a - b)) / 2, [share(b, a), share(a, b)]),
    "pow": lambda a, b: (math.exp(b * math.log(a)), [b * a ** (b - 1), a**b * math.log(a)]),
}
MANY: dict[str, Local] = {
    "sum": lambda *xs: (math.fsum(xs), [1.0] * len(xs)),
    "mean": lambda *xs: (math.fsum(xs) / len(xs), [1 / len(xs)] * len(xs)),
    "dot": inner_product,
    "affine": inner_product,
    "logsumexp": log_sum_exp,
}
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": add, "sub": sub, "mul": mul, "div": truediv, "pow": pow, "neg": neg, "abs": abs,
}  # fmt: skip
PARAMETERS: dict[str, tuple[float, ...]] = {"leaky_relu": (SLOPE,), "clip": (-1.0, 1.0)}


class Model:
    """What a node should be: its number, its gradient, and how it was recorded.

    ``mass`` is the sum of the absolute contributions to the gradient, which bounds its rounding.
    """

    def __init__(
        self,
        data: float,
        args: Sequence[Model] = (),
        partials: Sequence[float] = (),
        handmade: bool = False,
    ) -> None:
        self.data, self.args, self.partials = data, list(args), list(partials)
        self.handmade = handmade
        self.grad = self.mass = 0.0

    def below(self) -> dict[Model, None]:
        """Itself and all that it was computed from."""
        found: dict[Model, None] = {}

        def visit(node: Model) -> None:
            if node not in found:
                found[node] = None
                for x in node.args:
                    visit(x)

        visit(self)
        return found

    def slopes(self) -> dict[Model, tuple[float, float]]:
        """∂self/∂node and its mass for every node below: one recursion from each node up."""
        users: dict[Model, list[tuple[Model, float]]] = {node: [] for node in self.below()}
        for node in users:
            for x, partial in zip(node.args, node.partials, strict=True):
                users[x].append((node, partial))
        known = {self: (1.0, 1.0)}

        def slope(node: Model) -> tuple[float, float]:
            if node not in known:
                shares = [(partial, *slope(user)) for user, partial in users[node]]
                known[node] = (
                    math.fsum(partial * d for partial, d, _ in shares),
                    math.fsum(abs(partial) * mass for partial, _, mass in shares),
                )
            return known[node]

        return {node: slope(node) for node in users}

    def backward(self, seed: float) -> None:
        """Leaves accumulate; computed nodes start from 0."""
        for node, (slope, mass) in self.slopes().items():
            if node.args:
                node.grad = node.mass = 0.0
            node.grad += seed * slope
            node.mass += abs(seed) * mass

    def set_grad(self, grad: float) -> None:
        self.grad, self.mass = grad, abs(grad)

    def push(self) -> None:
        """One step by hand."""
        for x, partial in zip(self.args, self.partials, strict=True):
            x.grad += partial * self.grad
            x.mass += abs(partial) * self.mass

    def copied(self, memo: dict[Model, Model] | None) -> Model:
        """A copy of the node, and if there is a memo also of all below it."""
        if memo is not None and self in memo:
            return memo[self]
        args = self.args if memo is None else [x.copied(memo) for x in self.args]
        new = Model(self.data, args, self.partials)
        new.grad, new.mass = self.grad, self.mass
        if memo is not None:
            memo[self] = new
        return new


# ---------------------------------------------------------------- the machine

NUMBERS = st.one_of(st.integers(-24, 24).map(lambda k: k / 8), st.floats(-3, 3))
PLACES = st.integers(0, 63)  # of a node among those that are held, counted from the last
SELDOM = st.sampled_from([False] * 7 + [True])
OPERANDS = st.one_of(PLACES, NUMBERS)  # a number is a constant
OPERATIONS = st.one_of(  # a method of the machine, and its arguments
    st.tuples(st.just("apply_unary"), st.tuples(st.sampled_from([*UNARY]), PLACES, SELDOM)),
    st.tuples(
        st.just("apply_binary"),
        st.tuples(st.sampled_from([*BINARY]), PLACES, OPERANDS, st.booleans(), SELDOM),
    ),
    st.tuples(
        st.just("apply_power"),
        st.tuples(PLACES, st.sampled_from([0, 1, 2, 3, -1, -2, 0.5, 1.5]), SELDOM),
    ),
    st.tuples(
        st.just("apply_many"),
        st.tuples(
            st.sampled_from([*MANY]), st.lists(OPERANDS, min_size=1, max_size=5), PLACES, SELDOM
        ),
    ),
)
Pair = tuple[Value, Model]


def near(found: float, expected: float, mass: float = 0.0) -> bool:
    return abs(found - expected) <= 1e-11 * (1 + abs(expected) + mass)


class Machine(RuleBasedStateMachine):
    """Does the same to graphs of the engine and of the model, and compares everything."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[Pair] = []
        self.freed: dict[Model, weakref.ref[Value]] = {}  # what has to go when nothing needs it

    def at(self, place: int) -> Pair:
        return self.held[-1 - place % len(self.held)]

    def operand(self, x: int | float) -> tuple[Any, Model]:
        """A node by its place; a float is a constant."""
        return self.at(x) if isinstance(x, int) else (x, Model(x))

    def hold(self, node: Value, model: Model) -> None:
        self.held.append((node, model))
        for value, twin in self.pairs(node, model):
            self.freed[twin] = weakref.ref(value)

    def pairs(self, node: Value, model: Model) -> Iterator[Pair]:
        """A graph and its model side by side."""
        seen: set[Model] = set()
        stack = [(node, model)]
        while stack:
            value, twin = stack.pop()
            yield value, twin
            assert len(value.args) == len(twin.args)
            for pair in zip(value.args, twin.args, strict=True):
                if pair[1] not in seen:
                    seen.add(pair[1])
                    stack.append(pair)

    def record(
        self, local: Local, make: Callable[..., Value], args: Sequence[Any], quiet: bool
    ) -> None:
        """Compute with the engine and with the model; the engine's rounding is then taken over."""
        given = [self.operand(x) for x in args]
        models = [model for _, model in given]
        try:
            data, partials = local(*(model.data for model in models))
        except (ArithmeticError, ValueError):
            return
        sizes = [abs(x) if isinstance(x, float) else math.inf for x in (data, *partials)]
        if not max(sizes) <= LARGEST:
            return
        if quiet:
            with no_grad():
                node = make(*(value for value, _ in given))
            model = Model(data)
        else:
            node = make(*(value for value, _ in given))
            model = Model(data, models, partials)
        assert near(node.data, model.data)
        assert all(map(near, node.partials, model.partials))
        model.data, model.partials = node.data, list(node.partials)
        self.hold(node, model)

    # ------------------------------------------------------------ what makes nodes

    @initialize(xs=st.lists(NUMBERS, min_size=2, max_size=4))
    def leaves(self, xs: list[float]) -> None:
        for x in xs:
            self.leaf(x)

    @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=8))
    def compute(self, operations: list[tuple[str, tuple[Any, ...]]]) -> None:
        """Several at a time, so that graphs grow faster than they are deleted."""
        for name, args in operations:
            getattr(self, name)(*args)

    @rule(x=NUMBERS)
    def leaf(self, x: float) -> None:
        self.hold(Value(x), Model(x))

    def apply_unary(self, name: str, place: int, quiet: bool) -> None:
        def make(x: Value) -> Any:
            if name in OPERATORS:
                return OPERATORS[name](x)
            return getattr(x, name)(*PARAMETERS.get(name, ()))

        self.record(UNARY[name], make, [place], quiet)

    def apply_binary(
        self, name: str, place: int, other: int | float, reflected: bool, quiet: bool
    ) -> None:
        if name == "pow" and isinstance(other, float) and not reflected:
            return  # that is a power, below
        if name in OPERATORS:
            make = OPERATORS[name]
        else:
            make = getattr(engine, name)
        self.record(BINARY[name], make, [other, place] if reflected else [place, other], quiet)

    def apply_power(self, place: int, n: float, quiet: bool) -> None:
        self.record(lambda x: powered(x, n), lambda x: x**n, [place], quiet)

    def apply_many(self, name: str, args: list[Any], place: int, quiet: bool) -> None:
        function = getattr(engine, name)
        n = len(args)
        if name in ("dot", "affine"):
            args = [*args, *reversed(args)] + ([0.5] if name == "affine" else [])

        def make(*xs: Any) -> Any:
            if name == "affine":
                return function(xs[: n + 1], xs[n + 1 : -1], xs[-1])
            return function(xs[: n + 1], xs[n + 1 :]) if name == "dot" else function(xs)

        args.insert(0, place)  # at least one node
        if name in ("dot", "affine"):
            args.insert(n + 1, place)
        self.record(MANY[name], make, args, quiet)

    @rule(first=PLACES, second=PLACES, slopes=st.tuples(NUMBERS, NUMBERS), data=NUMBERS)
    def make_by_hand(
        self, first: int, second: int, slopes: tuple[float, float], data: float
    ) -> None:
        (a, left), (b, right) = self.at(first), self.at(second)
        out = Value(data, (a, b), "mine")
        out._backward = sender(out, (a, b), slopes)
        if a is b:  # the whole derivative is at the first place
            slopes = (slopes[0] + slopes[1], 0.0)
        self.hold(out, Model(data, [left, right], slopes, handmade=True))

    @rule(place=PLACES, slope=NUMBERS)
    def replace_the_backward_of_a_node(self, place: int, slope: float) -> None:
        node, model = self.at(place)
        if not model.args or len(set(model.args)) < len(model.args):
            return
        slopes = [slope] * len(model.args)
        node._backward = sender(node, node.args, slopes)
        model.partials, model.handmade = slopes, True

    # ------------------------------------------------------------ what changes numbers

    @rule(
        roots=st.lists(st.tuples(PLACES, st.one_of(st.just(1.0), NUMBERS)), min_size=1, max_size=3)
    )
    def backward(self, roots: list[tuple[int, float]]) -> None:
        for place, seed in roots:
            node, model = self.at(place)
            node.backward(seed)
            model.backward(seed)
            self.everything_agrees()  # before the next root starts computed nodes afresh

    @rule(place=PLACES)
    def step_back_by_hand(self, place: int) -> None:
        node, model = self.at(place)
        node._backward()
        model.push()

    @rule()
    def zero(self) -> None:
        for node, model in self.held:
            node.grad = 0.0
            model.set_grad(0.0)

    @rule(place=PLACES, grad=NUMBERS)
    def set_grad(self, place: int, grad: float) -> None:
        node, model = self.at(place)
        node.grad = grad
        model.set_grad(grad)

    @rule(place=PLACES, data=NUMBERS)
    def set_data(self, place: int, data: float) -> None:
        node, model = self.at(place)
        node.data = model.data = data

    @rule(root=PLACES, wrt=PLACES)
    def ask_for_a_gradient(self, root: int, wrt: int) -> None:
        (y, model), (x, variable) = self.at(root), self.at(wrt)
        slope, mass = model.slopes().get(variable, (0.0, 0.0))
        assert near(gradient(y, x), slope, mass)

    # ------------------------------------------------------------ what copies and deletes

    @rule(place=PLACES)
    def copy_shallow(self, place: int) -> None:
        node, model = self.at(place)
        if model.handmade:
            with pytest.raises(TypeError, match="by hand"):
                copy.copy(node)
        else:
            self.hold(copy.copy(node), model.copied(None))

    @rule(
        places=st.lists(PLACES, min_size=1, max_size=3),
        way=st.one_of(st.just(-1), st.integers(0, 5)),
    )
    def copy_deep(self, places: list[int], way: int) -> None:
        """By deepcopy or by one of the protocols of pickle; what is copied together shares."""

        def copied(nodes: Any) -> Any:
            return copy.deepcopy(nodes) if way < 0 else pickle.loads(pickle.dumps(nodes, way))

        nodes, models = zip(*map(self.at, places), strict=True)
        if any(below.handmade for model in models for below in model.below()):
            with pytest.raises(TypeError, match="by hand"):
                copied(list(nodes))
            return
        memo: dict[Model, Model] = {}
        for node, model in zip(copied(list(nodes)), models, strict=True):
            self.hold(node, model.copied(memo))

    @rule(place=PLACES)
    def delete(self, place: int) -> None:
        if len(self.held) > 1:
            del self.held[-1 - place % len(self.held)]

    # ------------------------------------------------------------ what must hold

    @invariant()
    def everything_agrees(self) -> None:
        seen: dict[Model, int] = {}
        for root in self.held:
            for node, model in self.pairs(*root):
                if model in seen:
                    assert seen[model] == id(node), "what is shared stays shared"
                    continue
                seen[model] = id(node)
                assert node.data == model.data
                assert near(node.grad, model.grad, model.mass), f"{node}, expected {model.grad}"
                assert [*node.partials] == model.partials
        assert len(set(seen.values())) == len(seen)

    @invariant()
    def what_nothing_needs_is_freed(self) -> None:
        needed = {model for _, root in self.held for model in root.below()}
        for model in self.freed.keys() - needed:
            assert self.freed.pop(model)() is None


def sender(out: Value, args: Sequence[Value], slopes: Sequence[float]) -> Callable[[], None]:
    """A ``_backward`` with constant derivatives, and without a reference cycle through ``out``."""
    result = weakref.ref(out)

    def send() -> None:
        node = result()
        assert node is not None
        for x, slope in zip(args, slopes, strict=True):
            x.grad += slope * node.grad

    return send


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=40)


# ---------------------------------------------------------------- one graph, every mode


def last(c: Computation, inputs: Sequence[Any]) -> Any:
    """The root of a computation on other numbers."""
    return c._replace(inputs=tuple(inputs)).run(lambda x: x)[-1]


def masses(c: Computation) -> list[float]:
    """For each input, the sum of the absolute products along all paths to the root."""
    nodes = c.run()
    received = {id(nodes[-1]): 1.0}
    for node in reversed(engine.topological_order(nodes[-1])):
        for x, partial in zip(node.args, node.partials, strict=True):
            received[id(x)] = received.get(id(x), 0.0) + abs(partial) * received[id(node)]
    return [received[id(x)] for x in nodes[: len(c.inputs)]]


def complex_steps(c: Computation) -> list[float] | None:
    """The gradient by complex step; None where an operation has no complex continuation."""
    slopes = []
    for i in range(len(c.inputs)):
        steps = [Step(complex(x, 1e-20 * (i == k))) for k, x in enumerate(c.inputs)]
        try:
            slopes.append(last(c, steps).number.imag / 1e-20)
        except TypeError:
            return None
    return slopes


@given(computations())
def test_every_mode_gives_the_same_value_and_gradient(c: Computation) -> None:
    nodes = c.run()
    root, variables = nodes[-1], nodes[: len(c.inputs)]
    root.backward()
    slopes = [x.grad for x in variables]
    # Where large contributions cancel, every mode is left with the rounding of its own order.
    assume(all(m <= 1e3 * (1 + abs(d)) for m, d in zip(masses(c), slopes, strict=True)))

    assert [x.data for x in nodes] == pytest.approx(c.run(float), rel=1e-11, abs=1e-11)
    assert gradient(root, variables) == slopes
    found = {"as a graph": [d.data for d in gradient(root, variables, create_graph=True)]}
    axes = [[float(i == k) for k in range(len(slopes))] for i in range(len(slopes))]
    forward = [jvp(lambda xs: last(c, xs), list(c.inputs), axis) for axis in axes]
    assert all(value == root.data for value, _ in forward)
    found["forward"] = [slope for _, slope in forward]
    if exact := complex_steps(c):
        found["complex step"] = exact
    for mode, others in found.items():
        for slope, other in zip(slopes, others, strict=True):
            assert abs(other - slope) <= 1e-11 * (1 + abs(slope)), f"{mode}: {other}, not {slope}"
