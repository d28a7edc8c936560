"""One way of adding: the same bits on every Python, for every kind of number, in every mode.

Python's own `sum` of floats rounds otherwise from 3.12 on. Whatever is computed twice, when it is
recorded and when it is needed again, must come out the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import engine
from engine import Value, gradient, jvp, record
from nn import MLP, mean_squared_error

NUMBERS = st.floats(-1e6, 1e6)
TRIPLES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=200)


def from_left_to_right(terms: Sequence[float]) -> float:
    total = terms[0]
    for x in terms[1:]:
        total = total + x
    return total


SUMS: dict[str, tuple[Callable[..., Any], Callable[..., float]]] = {
    "sum": (lambda xs, ws, b: engine.sum(xs), lambda xs, ws, b: from_left_to_right(xs)),
    "mean": (
        lambda xs, ws, b: engine.mean(xs),
        lambda xs, ws, b: from_left_to_right(xs) / len(xs),
    ),
    "dot": (
        lambda xs, ws, b: engine.dot(xs, ws),
        lambda xs, ws, b: from_left_to_right([x * w for x, w in zip(xs, ws, strict=True)]),
    ),
    "affine": (
        lambda xs, ws, b: engine.affine(ws, xs, b),
        lambda xs, ws, b: from_left_to_right([b, *(w * x for x, w in zip(xs, ws, strict=True))]),
    ),
}


@pytest.mark.parametrize("name", SUMS)
@given(pairs=TRIPLES, b=NUMBERS)
@example(pairs=[(0.1, 1.0), (0.2, 1.0), (0.3, 1.0)], b=0.0)
@example(pairs=[(1e100, 1.0), (1.0, 1.0), (-1e100, 1.0)], b=1.0)
@example(pairs=[(0.1, 1.0)] * 200, b=0.5)
@example(pairs=[(-0.0, 1.0)], b=-0.0)
def test_a_sum_has_the_same_bits_however_it_is_computed(
    name: str, pairs: list[tuple[float, float]], b: float
) -> None:
    f, plain = SUMS[name]
    xs, ws = (list(part) for part in zip(*pairs, strict=True))
    expected = plain(xs, ws, b).hex()
    assert float(f(xs, ws, b)).hex() == expected  # plain numbers
    node = f([Value(x) for x in xs], [Value(w) for w in ws], Value(b))
    assert node.data.hex() == expected
    forward, _ = jvp(lambda v: f(v[:-1], ws, v[-1]), [*xs, b], [1.0] * (len(xs) + 1))
    assert float(forward).hex() == expected
    program = record(f, xs, ws, b)
    assert program(xs, ws, b)[0].hex() == expected


@given(pairs=TRIPLES, b=NUMBERS)
@example(pairs=[(0.1, 1.0), (0.2, 1.0), (0.3, 1.0)], b=0.0)
def test_a_long_sum_can_be_differentiated_again(pairs: list[tuple[float, float]], b: float) -> None:
    """What is recomputed must not differ from what was recorded, or the graph is refused."""
    xs, ws = ([Value(x) for x in part] for part in zip(*pairs, strict=True))
    for y in (engine.dot(xs, ws), engine.affine(ws, xs, b), engine.sum(xs), engine.mean(xs)):
        slope = gradient(y * y, xs[0], create_graph=True)
        if isinstance(slope, Value):
            assert math.isfinite(gradient(slope, xs[0]))


@given(st.integers(0, 10_000), st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_a_network_is_the_same_in_second_order_and_recorded(seed: int, sizes: list[int]) -> None:
    model = MLP(3, [*sizes, 1], activation="tanh", rng=seed)

    def loss(x: Any) -> Any:
        return mean_squared_error([model(x)], [0.5])

    xs = [0.1, -0.7, 0.3]
    y = loss([Value(x) for x in xs])
    w = model.parameters()[0]
    assert math.isfinite(gradient(gradient(y, w, create_graph=True), w))
    assert record(model, xs)(xs)[0].hex() == model(xs).data.hex()
    assert record(loss, xs)(xs)[0].hex() == y.data.hex()
