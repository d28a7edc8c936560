"""Paths: counted, enumerated, the heaviest found, and their sum, which is the gradient."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import NOTHING, Value, gradient, topological_order
from engine.paths import Path, count_paths, heaviest_paths, paths
from engine.strategies import Computation, computations
from nn import MLP


def diamonds(count: int) -> tuple[Value, Value]:
    """A node squared so many times, and the result."""
    a = b = Value(1.0, label="a")
    for _ in range(count):
        b = b * b
    return b, a


def reuse() -> tuple[Value, Value, Value]:
    """f = (a·b)·(a + b), with a and b."""
    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    d, e = a * b, a + b
    d.label, e.label = "d", "e"
    f = d * e
    f.label = "f"
    return f, a, b


def weight(path: Path) -> float:
    """What paths are ranked by: |product|, where all that is not finite comes first."""
    return abs(path.product) if math.isfinite(path.product) else math.inf


# ---------------- counting


def test_paths_are_counted_along_every_edge() -> None:
    f, a, b = reuse()
    assert (count_paths(f, a), count_paths(f, b), count_paths(f, f.args[0])) == (2, 2, 1)
    x = Value(3.0)
    assert count_paths(x * x, x) == 2
    assert count_paths(x, x) == 1
    assert count_paths(x, Value(1.0)) == 0
    assert count_paths(x, x * x) == 0  # a path leads down


def test_more_paths_than_anyone_can_walk_are_counted_exactly() -> None:
    b, a = diamonds(60)
    assert count_paths(b, a) == 2**60
    assert count_paths(*diamonds(3000)) == 2**3000


def test_counting_needs_no_local_derivatives() -> None:
    x = Value(1.0)
    assert count_paths(Value(2.0, (x, x), "mystery"), x) == 2


# ---------------- enumerating


def test_a_path_knows_its_way_and_its_product() -> None:
    f, a, _ = reuse()
    through_d, through_e = paths(f, a)
    assert through_d.nodes == (f, f.args[0], a)
    assert (through_d.positions, through_d.partials) == ((0, 0), (1.0, 3.0))
    assert (through_e.positions, through_e.partials) == ((1, 0), (-6.0, 1.0))
    assert through_e.products == [1.0, -6.0, -6.0]
    assert through_d.product + through_e.product == gradient(f, a) == -3.0
    assert str(through_d) == "f ← d ← a: 1 · 3 = 3"
    assert str(through_e) == "f ← e ← a: (-6) · 1 = -6"


def test_both_arguments_of_a_square_are_paths() -> None:
    x = Value(3.0)
    first, second = paths(x * x, x)
    assert (first.positions, second.positions) == ((0,), (1,))
    assert first != second
    assert first.product == second.product == 3.0


def test_paths_end_at_an_inner_node() -> None:
    f, _, b = reuse()
    d = f.args[0]
    (path,) = paths(f, d)
    assert path.nodes == (f, d)
    assert [p.nodes for p in paths(b, b)] == [(b,)]
    assert [p.product for p in paths(b, b)] == [1.0]
    assert list(paths(d, f)) == []


def test_enumeration_is_lazy() -> None:
    b, a = diamonds(60)
    few = list(itertools.islice(paths(b, a), 5))
    assert len(set(few)) == 5
    assert all(len(path.nodes) == 61 for path in few)


@pytest.mark.thorough
def test_depth_and_fan_out_have_no_limit() -> None:
    x = node = Value(0.5, label="x")
    for _ in range(20_000):
        node = -node
    (path,) = paths(node, x)
    assert path.product == 1.0
    assert heaviest_paths(node, x, 2) == [path]
    assert "more" in str(path)
    assert len(str(path)) < 400
    wide: Any = sum([x] * 20_000)
    assert count_paths(wide, x) == sum(1 for _ in paths(wide, x)) == 20_000


def test_no_gradient_is_touched() -> None:
    f, a, b = reuse()
    a.grad, b.grad, f.grad = 5.0, 6.0, 7.0
    list(paths(f, a)), heaviest_paths(f, b, 3), count_paths(f, a)
    assert [node.grad for node in topological_order(f)] == [5.0, 6.0, 0.0, 0.0, 7.0]


def test_later_changes_of_data_change_no_path() -> None:
    f, a, _ = reuse()
    before = [path.product for path in paths(f, a)]
    a.data = 100.0
    assert [path.product for path in paths(f, a)] == before


# ---------------- the gradient is the sum


@given(computations(max_nodes=14), st.data())
def test_the_sum_over_all_paths_is_the_gradient(c: Computation, data: st.DataObject) -> None:
    known = c.run()
    root, x = known[-1], data.draw(st.sampled_from(known))
    root.backward()
    products = [path.product for path in itertools.islice(paths(root, x), 20_000)]
    if len(products) < 20_000:
        assert len(products) == count_paths(root, x)
        tolerance = 1e-12 * math.fsum(map(abs, products))
        assert math.isclose(math.fsum(products), x.grad, rel_tol=0, abs_tol=tolerance)


# ---------------- the heaviest


@given(computations(max_nodes=12), st.integers(0, 60), st.data())
def test_the_heaviest_are_those_of_all(c: Computation, k: int, data: st.DataObject) -> None:
    known = c.run()
    root, x = known[-1], data.draw(st.sampled_from(known))
    if count_paths(root, x) < 3000:
        everything = list(paths(root, x))
        found = heaviest_paths(root, x, k)
        assert set(found) <= set(everything)
        assert len(set(found)) == len(found) == min(k, len(everything))
        expected = sorted(map(weight, everything), reverse=True)[:k]
        assert [weight(path) for path in found] == expected


EDGE_CASES = (0.0, -0.0, 1.0, -1.0, 2.0, -0.5, 1e200, -1e200, 1e-200, math.inf, -math.inf, math.nan)


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 7), *[st.sampled_from(EDGE_CASES)] * 2),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_zeros_infinities_and_nan_keep_the_order(
    steps: list[tuple[int, int, float, float]], choose: bool
) -> None:
    nodes = [Value(1.0)]
    for i, j, p, q in steps:
        a, b = nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)]
        nodes.append(a * p + b * q)
        if choose:
            nodes.append(nodes[-1].relu())
    root, x = nodes[-1], nodes[0]
    everything = list(paths(root, x))
    found = heaviest_paths(root, x, len(everything) + 1)
    assert len(set(found)) == len(everything)
    assert [weight(p) for p in found] == sorted(map(weight, everything), reverse=True)


def test_what_is_not_finite_comes_first_and_nothing_wins_over_it() -> None:
    x = Value(-1.0)
    y = x.relu().log() + x * 3 + x * math.inf  # log'(0) = inf, and relu takes the other branch
    found = heaviest_paths(y, x, 9)
    assert [path.product for path in found] == [math.inf, 3.0, 0.0]
    assert NOTHING in found[2].partials


def test_a_product_is_multiplied_as_the_backward_pass_does() -> None:
    x = Value(0.0)
    y = x.sqrt() * 0.0  # 0·∞
    y.backward()
    (path,) = paths(y, x)
    assert math.isnan(path.product)
    assert math.isnan(x.grad)
    u = Value(0.3)
    z = u
    for c in (0.1, 0.7, 1.3, 3.3):
        z = (z * c).tanh()
    z.backward()
    assert next(paths(z, u)).product == u.grad  # to the last bit


def test_negative_products_count_by_their_size() -> None:
    x = Value(1.0)
    y = x * 2 + x * -3 + x * 1 + x * 0
    assert [path.product for path in heaviest_paths(y, x, 3)] == [-3.0, 2.0, 1.0]


def test_the_heaviest_of_very_many_come_at_once() -> None:
    a = b = Value(0.5)
    for _ in range(60):
        b = b * 0.9 + b * -0.8
    found = heaviest_paths(b, a, 62)
    assert found[0].product == pytest.approx(0.9**60)
    assert all(p.product == pytest.approx(-0.8 * 0.9**59) for p in found[1:61])
    assert found[61].product == pytest.approx(0.8**2 * 0.9**58)


def rows() -> tuple[Value, Value]:
    """10,000 nodes, alternately deep and shared."""
    x = node = Value(0.5)
    for i in range(3333):
        node = node.tanh() * (1 + i % 3) + x
    return node, x


def layers() -> tuple[Value, Value]:
    """A dense network of 10,000 nodes."""
    model = MLP(30, [30] * 10 + [1], activation="tanh", rng=0)
    return model([0.1 * i for i in range(30)]), model.layers[0].neurons[0].w[3]


@pytest.mark.parametrize("make", [rows, layers])
def test_ten_of_a_graph_of_10_000_nodes_take_less_than_a_second(
    make: Callable[[], tuple[Value, Value]],
) -> None:
    y, x = make()
    assert len(topological_order(y)) > 9_900
    times = []
    for _ in range(2):  # a busy machine may be slow once
        start = time.perf_counter()
        found = heaviest_paths(y, x, 10)
        times.append(time.perf_counter() - start)
    assert min(times) < 1.0
    assert len(found) == 10
    assert [weight(p) for p in found] == sorted(map(weight, found), reverse=True)


def test_the_order_is_the_same_each_time() -> None:
    y, x = layers()
    assert heaviest_paths(y, x, 20) == heaviest_paths(y, x, 30)[:20]


# ---------------- mistakes


@pytest.mark.parametrize("function", [count_paths, paths, lambda y, x: heaviest_paths(y, x, 1)])
def test_paths_lead_between_values(function: Callable[..., Any]) -> None:
    pairs: Iterable[tuple[Any, Any]] = [(3.0, Value(1.0)), (Value(1.0), None), ([Value(1.0)], 1)]
    for y, x in pairs:
        with pytest.raises(TypeError, match=r"from a Value to a Value, not to (float|None|list)"):
            function(y, x)


def test_k_is_a_count() -> None:
    x = Value(1.0)
    assert heaviest_paths(x, x, 0) == []
    with pytest.raises(ValueError, match="k must be 0 or more, not -1"):
        heaviest_paths(x, x, -1)
    with pytest.raises(TypeError):
        heaviest_paths(x, x, 1.5)  # type: ignore[arg-type]


def test_a_node_without_a_derivative_is_named() -> None:
    x = Value(1.0)
    y = Value(2.0, (x,), "mystery") * 2
    for function in (paths, lambda y, x: heaviest_paths(y, x, 1)):
        with pytest.raises(RuntimeError, match="mystery"):
            function(y, x)


def test_so_many_paths_that_they_are_not_counted() -> None:
    assert count_paths(*diamonds(16_000)) == 2**16_000
    with pytest.raises(OverflowError, match=r"more than 2\^16,384 paths"):
        count_paths(*diamonds(17_000))


def test_several_roots_are_listed_one_after_the_other() -> None:
    a, b = Value(1.0), Value(2.0)
    c, d = a.exp(), b * b
    assert topological_order([c, d]) == [a, c, b, d]
    assert topological_order((d, c, d)) == [b, d, a, c]


def test_a_node_without_a_label_is_called_by_its_operation() -> None:
    x = Value(2.0, label="x")
    (path,) = paths(-(x * 3.0), x)
    assert str(path) == "− ← × ← x: (-1) · 3 = -3"


def test_the_text_of_a_path_has_numbers_for_what_has_no_name() -> None:
    x = Value(2.5)
    assert str(next(paths(x, x))) == "2.5: 1 = 1"
    assert str(next(paths(x * 0.0, x))) == "× ← 2.5: 0 = 0"


@pytest.mark.parametrize(("length", "nodes", "factors"), [(23, 0, 0), (25, 2, 1), (40, 17, 16)])
def test_the_text_of_a_long_path_says_how_much_is_left_out(
    length: int, nodes: int, factors: int
) -> None:
    x = y = Value(2.0, label="x")
    for _ in range(length):
        y = y * 1.0
    names, _, products = str(next(paths(y, x))).partition(": ")
    for text, left_out in ((names, nodes), (products, factors)):
        assert text.count(f"… {left_out} more …") == (left_out > 0)
        assert text.count("…") == 2 * (left_out > 0)


def test_so_many_paths_are_counted() -> None:
    assert count_paths(*diamonds(16_383)) == 2**16_383
    with pytest.raises(OverflowError):
        count_paths(*diamonds(16_384))


def test_paths_through_other_nodes_are_others() -> None:
    x = Value(2.0)
    (one,), (other,) = (list(paths(f, x)) for f in (x.exp(), x.sin()))
    assert one.positions == other.positions
    assert one != other
    assert one == next(paths(one.nodes[0], x))
