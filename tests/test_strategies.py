"""The public strategies: well scaled, runnable anywhere, shrinking to what a person can read."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings

import engine
from engine import Value
from engine.strategies import (
    Computation,
    Primitive,
    Step,
    arrays,
    computations,
    floats,
    primitives,
    vectors,
)

QUIET = settings(database=None, max_examples=1000)
UNSHRUNK = settings(QUIET, phases=[Phase.generate])


@given(computations())
def test_a_computation_runs_alike_on_the_engine_and_on_floats(c: Computation) -> None:
    nodes = c.run()
    nodes[-1].backward()
    assert len(nodes) <= 30
    for node, value, slope in zip(nodes, c.values(), c.gradients(), strict=True):
        assert node.data == pytest.approx(value, rel=1e-12)
        assert node.grad == pytest.approx(slope, rel=1e-9, abs=1e-9)
        assert math.isfinite(value)
        assert math.isfinite(slope)


@given(computations())
def test_the_printed_source_does_the_same(c: Computation) -> None:
    names: dict[str, Any] = {row.name: getattr(engine, row.name) for row in engine.TABLE}
    names |= {"Value": Value, "abs": abs}
    exec(c.source(), names)
    assert names[c.names()[-1]].data == pytest.approx(c.values()[-1], rel=1e-12)
    for name, slope in zip(c.names(), c.gradients(), strict=True):
        assert names[name].grad == pytest.approx(slope, rel=1e-9, abs=1e-9)


@given(computations(max_nodes=8, max_depth=2, max_inputs=2))
def test_size_and_depth_are_kept(c: Computation) -> None:
    assert len(c.inputs) <= 2
    assert len(c.inputs) + len(c.steps) <= 8
    depth = [0] * len(c.inputs)
    for step in c.steps:
        depth.append(1 + max(depth[x] for x in step.args if isinstance(x, int)))
    assert max(depth) <= 2


def test_graphs_share_nodes_reuse_operands_and_hold_constants_and_wide_nodes() -> None:
    def twice(c: Computation) -> bool:
        return any(len(set(step.args)) < len(step.args) for step in c.steps)

    def shared(c: Computation) -> bool:
        uses = [x for step in c.steps for x in set(step.args) if isinstance(x, int)]
        return len(uses) - len(set(uses)) >= 2

    def constant(c: Computation) -> bool:
        return any(isinstance(x, float) for step in c.steps for x in step.args)

    def wide(c: Computation) -> bool:
        return any(len(step.args) >= 4 for step in c.steps)

    def deep(c: Computation) -> bool:
        return len(c.steps) >= 12

    for feature in (twice, shared, constant, wide, deep):
        assert find(computations(), feature, settings=UNSHRUNK)


@pytest.mark.thorough
def test_shrinking_ends_in_few_operations() -> None:
    both = find(
        computations(),
        lambda c: {"tanh", "mul"} <= {step.op for step in c.steps},
        settings=QUIET,
    )
    assert len(both.steps) == 2
    assert all(x * 8 == round(x * 8) for x in both.inputs)


def test_every_row_of_the_table_occurs() -> None:
    seen: set[str] = set()

    def completes(point: Primitive) -> bool:
        seen.add(point.row.name)
        return seen == {row.name for row in engine.TABLE}

    assert find(primitives(), completes, settings=UNSHRUNK, random=Random(0))


@given(computations(ops=["add", "mul", "tanh"]))
def test_operations_can_be_chosen(c: Computation) -> None:
    assert {step.op for step in c.steps} <= {"add", "mul", "tanh"}


def test_a_picture_shows_the_graph() -> None:
    c = Computation((2.0,), (Step("mul", (0, 0)), Step("tanh", (1,))))
    assert c.source() == "a = Value(2.0)\nb = a * a\nc = b.tanh()\nc.backward()"
    assert "tanh" in c.draw().source


@given(floats(), vectors(3), arrays((2, 3)), floats(edges=True))
def test_numbers_are_well_scaled(x: float, xs: list[float], grid: Any, edge: float) -> None:
    assert -4 <= x <= 4
    assert len(xs) == 3
    assert grid.shape == (2, 3)
    assert isinstance(edge, float)


def test_an_index_is_not_the_constant_of_the_same_value() -> None:
    node, constant = (Computation((3.0,), (Step("add", (0, x)),)) for x in (0, 0.0))
    assert node != constant
    assert len({node, constant, Computation((3.0,), (Step("add", (0, 0)),))}) == 2


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two nodes"):
        computations(max_nodes=1)
    with pytest.raises(LookupError, match="no rule is called"):
        computations(ops=["nonsense"])


def test_sizes_grow_with_what_is_allowed() -> None:
    def sizes(most: int) -> list[int]:
        found: list[int] = []

        @settings(database=None, max_examples=100, derandomize=True, phases=[Phase.generate])
        @given(computations(max_nodes=most))
        def look(c: Computation) -> None:
            found.append(len(c.inputs) + len(c.steps))

        look()
        return found

    small, large = sizes(10), sizes(300)
    assert max(small) <= 10
    assert max(large) > 50
    assert sum(large) > 3 * sum(small)


class Bare:
    """An engine with + and tanh only, which takes no plain numbers."""

    def __init__(self, data: float, parents: tuple[tuple[Any, float], ...] = ()) -> None:
        self.data, self.grad, self.parents = data, 0.0, parents

    def __add__(self, other: Any) -> Any:
        return Bare(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def tanh(self) -> Any:
        t = math.tanh(self.data)
        return Bare(t, ((self, 1 - t * t),))

    def backward(self, amount: float = 1.0) -> None:
        self.grad += amount
        for parent, local in self.parents:
            parent.backward(local * amount)


@given(computations(max_nodes=10, for_=Bare))
def test_graphs_fit_any_engine(c: Computation) -> None:
    *others, root = c.run(Bare)
    root.backward()
    assert [x.grad for x in others] == pytest.approx(c.gradients()[:-1])
    assert {step.op for step in c.steps} <= {"add", "tanh"}


def test_an_engine_is_not_asked_for_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="Bare has no operation 'exp'"):
        computations(ops=["add", "exp"], for_=Bare)
    with pytest.raises(ValueError, match="has no operation that gradpath knows"):
        computations(for_=lambda x: object())


def test_what_fails_prints_as_code(capsys: pytest.CaptureFixture[str]) -> None:
    @settings(database=None, derandomize=True, phases=[Phase.generate])
    @given(computations(max_nodes=40))
    def fails(c: Computation) -> None:
        raise AssertionError

    with pytest.raises(AssertionError) as error:
        fails()
    (note,) = [x for x in error.value.__notes__ if "fails(" in x]
    bare = "\n".join(line.partition("#")[0] for line in note.splitlines())
    code = bare.partition("c=")[2].rpartition(")")[0].strip().removesuffix(",")
    c = eval(code, {"Computation": Computation, "Step": Step})
    assert isinstance(c, Computation)
    assert c.steps


@pytest.mark.parametrize(
    ("low", "high"), [(-1e308, 1e308), (1e300, 1e301), (0.1, 0.12), (-math.inf, 0.0), (2.0, 2.0)]
)
def test_floats_come_from_intervals_of_any_width(low: float, high: float) -> None:
    @settings(database=None, max_examples=30)
    @given(floats(low, high))
    def inside(x: float) -> None:
        assert low <= x <= high

    inside()


@pytest.mark.parametrize(
    "domain", [(100.0, math.inf), (-math.inf, -100.0), (1.0, 1.01), (4.0, 4.03), (-1e9, -1e8)]
)
def test_rows_with_far_and_narrow_domains_are_drawn_from(domain: tuple[float, float]) -> None:
    engine.rule("shifted", lambda m, x: x / 1e9, lambda m, y, x: 1e-9, domain=[domain])
    try:
        point = find(primitives(["shifted"]), lambda p: True, settings=QUIET)
        assert domain[0] < point.args[0] < domain[1]
    finally:
        engine.TABLE.remove("shifted")


def test_a_strategy_is_never_too_slow_or_too_choosy() -> None:
    @settings(database=None, max_examples=50, suppress_health_check=[])
    @given(computations(), computations(ops=["log", "sqrt", "acos"]), primitives())
    def look(c: Computation, d: Computation, p: Primitive) -> None:
        assert c.steps
        assert d.steps

    look()
