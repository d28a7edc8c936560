"""Hypothesis strategies for numbers, primitives and whole computation graphs.

They are for the tests of anyone who differentiates: a layer, an operation, an engine. All values
are well scaled unless edges are asked for, so that finite differences can judge the gradients::

    from hypothesis import given
    from engine.strategies import computations

    @given(computations(max_nodes=10, for_=MyValue))
    def test_my_engine(c):
        *leaves, root = c.run(MyValue)
        root.backward()
        assert [x.grad for x in leaves] == pytest.approx(c.gradients()[:-1])

A failing computation shrinks to few operations on simple numbers. It is shown as code for
Hypothesis' ``@example``, prints as Python to paste (`Computation.source`) and can be drawn
(`Computation.draw`).
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import reject
from hypothesis import strategies as st

from ..reals import REALS, on_floats
from ..rule import TABLE, Rule
from .computation import OPERATIONS, Computation, Step, prune

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

EDGES = (0.0, -0.0, math.inf, -math.inf, math.nan, 1e300, -1e300, 5e-324, -5e-324)
LARGEST = 1e3  # of values and partials in a computation, so that differences keep their digits
REACH = 64  # raw arguments that stand for earlier quantities
GRID = 2.0**40  # beyond this, eighths are no simple numbers
MARGIN = 0.02  # distance of arguments from the ends of their domain and from kinks


def floats(low: float = -4.0, high: float = 4.0, edges: bool = False) -> SearchStrategy[float]:
    """Well-scaled floats that shrink to eighths near 0; with ``edges``, also 0, inf, nan, ….

    Args:
        low, high: the closed interval they come from, of any width.
        edges: whether to add the numbers at which floating-point code breaks.
    """
    first, last = math.ceil(max(low, -GRID) * 8), math.floor(min(high, GRID) * 8)
    values = st.floats(low, high, allow_subnormal=False)
    grid = st.integers(first, last).map(lambda k: k / 8) if first <= last else values
    found = st.one_of(grid, values)
    return st.one_of(found, st.sampled_from(EDGES)) if edges else found


def vectors(length: int | SearchStrategy[int], **options: Any) -> SearchStrategy[list[float]]:
    """Lists of floats, of a length or of lengths that are drawn; options as for `floats`."""
    if isinstance(length, int):
        return st.lists(floats(**options), min_size=length, max_size=length)
    return length.flatmap(lambda n: vectors(n, **options))


def arrays(shape: Sequence[int], **options: Any) -> SearchStrategy[Any]:
    """NumPy arrays of float64 of a shape; options as for `floats`."""
    from hypothesis.extra import numpy

    return numpy.arrays(float, tuple(shape), elements=floats(**options), fill=st.nothing())


class Primitive(NamedTuple):
    """A row of the table with arguments and parameters at which it is smooth."""

    row: Rule
    args: tuple[float, ...]
    params: tuple[Any, ...]


def primitives(names: Iterable[str] | None = None, terms: int = 4) -> SearchStrategy[Primitive]:
    """Rows of the table with arguments from their domains, away from kinks and poles.

    Args:
        names: the rows; by default all there are when the test runs.
        terms: how many arguments a row over a sequence gets at most.
    """
    rows = list(TABLE) if names is None else [TABLE[name] for name in names]
    return st.sampled_from(rows).flatmap(lambda row: points(row, terms)).filter(is_smooth)


def points(row: Rule, terms: int) -> SearchStrategy[Primitive]:
    """A row with arguments from its domain."""
    if row.variadic:
        args = variadic_args(row, terms)
    else:
        args = st.tuples(*(floats(*inside(domain)) for domain in row.domain))
    return st.builds(Primitive, st.just(row), args, st.sampled_from(row.samples))


def variadic_args(row: Rule, terms: int) -> SearchStrategy[tuple[float, ...]]:
    """Arguments as the row's function packs them: as many as it takes."""
    count = row.pack.__code__.co_argcount
    least = 2 if row.params else 1  # a parameter is an index
    if count == 1:
        return st.integers(least, max(terms, least)).flatmap(vectors).map(tuple)
    extra = count - 2
    return st.integers(1, max(terms // 2, 1)).flatmap(lambda n: vectors(2 * n + extra)).map(tuple)


def inside(domain: tuple[float, float], reach: float = 4.0) -> tuple[float, float]:
    """A closed interval well inside an open one, around 0 or as near to it as there is one."""
    margin = min(MARGIN, (domain[1] - domain[0]) / 4)  # to keep from its ends
    low, high = domain[0] + margin, domain[1] - margin
    if low > reach:
        return low, min(high, low + 2 * reach)
    if high < -reach:
        return max(low, high - 2 * reach), high
    return max(low, -reach), min(high, reach)


def is_smooth(point: Primitive) -> bool:
    """Whether a row has well-scaled derivatives at a point, and no kink near it."""
    row, args, params = point
    try:
        y, slopes = on_floats(row, args, params)
        kinks = () if row.variadic else row.kinks(REALS, *args, *params)
        ends = [] if row.variadic else [inside(domain, math.inf) for domain in row.domain]
    except (ArithmeticError, ValueError):
        return False
    return bool(
        all(abs(x) <= LARGEST for x in (y, *slopes))
        and all(abs(k) >= MARGIN for k in kinks)
        and all(low <= x <= high for x, (low, high) in zip(args, ends, strict=False))
    )


def is_smooth_throughout(c: Computation) -> bool:
    """Whether every operation of a computation is smooth at its arguments."""
    known = list(c.inputs)
    for step in c.steps:
        args = step.of(known)
        if not is_smooth(Primitive(TABLE[step.op], tuple(args), step.params)):
            return False
        known.append(step.compute(args)[0])
    return True


# ---------------------------------------------------------------- computation graphs

ARGUMENT = st.integers(-16, REACH - 1)  # as `assemble` takes it
RawStep = tuple[Rule, Sequence[int], "tuple[Any, ...] | None"]


def computations(
    max_nodes: int = 30,
    max_inputs: int = 4,
    max_depth: int | None = None,
    ops: Iterable[str | Rule] | None = None,
    terms: int = 4,
    for_: Callable[[float], Any] | None = None,
) -> SearchStrategy[Computation]:
    """Random computation graphs on which every derivative is smooth and well scaled.

    Nodes are shared, an operation may take one node twice, operands may be constants, and what
    the root does not depend on is left out.

    Args:
        max_nodes: how many quantities a graph has at most, inputs included; some have about so
            many, most fewer.
        max_inputs: how many inputs it has at most.
        max_depth: how many operations may follow on each other; by default as many as there are.
        ops: the rows to use, by name; by default all there are when the test runs.
        terms: how many arguments an operation over a sequence gets at most.
        for_: an engine's class, or what makes one of its nodes of a float: then only operations,
            parameters and constants that it has and takes are used.
    """
    rows = [op if isinstance(op, Rule) else TABLE[op] for op in (TABLE if ops is None else ops)]
    taken: Callable[[Computation], Computation] = lambda c: c  # noqa: E731
    if for_ is not None:
        from .engines.fitting import fitting

        rows, taken = fitting(for_, rows if ops is not None else None)
    if not rows or max_inputs < 1 or max_nodes < 2:
        raise ValueError("a computation needs an operation, an input and at least two nodes")
    steps = st.lists(raw_step(rows, terms), min_size=1, max_size=8)
    parts = st.lists(steps, min_size=1, max_size=8)  # one list would rarely be long
    inputs = st.lists(floats(), min_size=1, max_size=max_inputs)

    @st.composite
    def graph(draw: st.DrawFn) -> Computation:
        start, raw = draw(inputs), list(chain.from_iterable(draw(parts)))
        if max_nodes > len(raw):  # a large graph is a few steps again and again
            raw *= draw(st.integers(1, max(1, max_nodes // 10)))
        del raw[3 * max_nodes :]
        found = assemble(start, raw, max_nodes - len(start), max_depth or max_nodes)
        return taken(found if found.steps else simplest(rows, start[0], terms))

    return graph()


@st.composite
def raw_step(draw: st.DrawFn, rows: Sequence[Rule], terms: int) -> RawStep:
    """A row, arguments as `assemble` takes them, and parameters if there is a choice."""
    row = draw(st.sampled_from(rows))
    count = draw(st.integers(1, terms)) if row.variadic else row.arity
    args = [draw(ARGUMENT) for _ in range(count)]
    return row, args, draw(st.sampled_from(row.samples)) if len(row.samples) > 1 else None


def simplest(rows: Sequence[Rule], x: float, terms: int) -> Computation:
    """One operation at a point where it is smooth, for when nothing that was drawn is."""
    for row in rows:
        count = max(terms, 2) if row.variadic else row.arity
        for point in (x, 0.5, 1.5, -0.5, 2.5, *(sum(inside(d)) / 2 for d in row.domain)):
            found = assemble([point], [(row, [0] * count, None)], 1, 1)
            if found.steps:
                return found
    return reject()


def assemble(
    inputs: Sequence[float], raw: Sequence[RawStep], most: int, max_depth: int
) -> Computation:
    """The computation that raw steps describe, without those that are not smooth.

    A raw argument k ≥ 0 stands for the quantity that is (k / REACH)² of the way back through
    those that nothing has used yet and then the others; k < 0 is the constant −k/8. So graphs hang
    together, and a step means much the same when steps before it are left out, as shrinking does.
    """
    known = list(inputs)
    depth = [0] * len(known)
    behind = [1 << i for i in range(len(known))]  # as bits, what each quantity depends on
    unused, used = list(range(len(known))), list[int]()
    steps: list[Step] = []
    for row, backward, chosen in raw:
        if len(steps) >= most:
            break
        args, rest, done = resolve(backward, unused, used)
        params = row.samples[0] if chosen is None else chosen
        data = tuple(known[x] if isinstance(x, int) else x for x in args)
        deep = 1 + max((depth[x] for x in args if isinstance(x, int)), default=max_depth)
        if (
            deep > max_depth
            or not takes(row, args, params)
            or not is_smooth(Primitive(row, data, params))
        ):
            continue
        unused, used = [*rest, len(known)], done
        known.append(on_floats(row, data, params)[0])
        depth.append(deep)
        behind.append(1 << len(behind))
        for x in args:
            behind[-1] |= behind[x] if isinstance(x, int) else 0
        steps.append(Step(row.name, args, params))
    sizes = [dependencies.bit_count() for dependencies in behind[len(inputs) :]]
    last = max(range(len(steps)), key=lambda i: (sizes[i], i), default=-1)
    return prune(tuple(inputs), steps[: last + 1])


def resolve(
    backward: Sequence[int], unused: Sequence[int], used: Sequence[int]
) -> tuple[tuple[int | float, ...], list[int], list[int]]:
    """The arguments that raw ones stand for, and what is unused and used after them."""
    rest, done = list(unused), list(used)
    count = len(rest) + len(done)
    args: list[int | float] = []
    for k in backward:
        if k < 0:
            args.append(-k / 8)
            continue
        back = count * k * k // REACH**2
        if back >= len(rest):
            args.append(done[len(rest) - back - 1])
            continue
        found = rest.pop(-back - 1)
        insort(done, found)
        args.append(found)
    return tuple(args), rest, done


def takes(row: Rule, args: Sequence[Any], params: Sequence[Any]) -> bool:
    """Whether a row takes that many arguments."""
    if not row.variadic:
        return row.name in OPERATIONS or isinstance(args[0], int)
    if row.params:
        return len(args) > int(max(params))
    count: int = row.pack.__code__.co_argcount
    extra = len(args) - count
    return count == 1 or (extra >= 0 and extra % 2 == 0)
