"""What the tests of several files draw from: numbers in a domain, arguments of a row, graphs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

import engine
from engine import TABLE, Rule
from engine.numbers import apply
from engine.reals import REALS

TERMS = (1, 2, 3, 4, 5)

ROWS = tuple(TABLE)
NAMES = [row.name for row in ROWS]


class Case(NamedTuple):
    """One use of a row: its arguments in order, and its parameters."""

    args: tuple[float, ...]
    params: tuple[Any, ...]


def packed(row: Rule, terms: int) -> tuple[int, list[int | None]]:
    """How many arguments a variadic row's node has, and how its function wants them grouped.

    A group is the length of a sequence, or None where the function takes a single number.
    """
    given = [[0.0] * terms for _ in range(row.pack.__code__.co_argcount)]
    result = row.pack(*given)
    alone = [any(x is sequence for x in result) for sequence in given]
    return len(result), [None if single else terms for single in alone]


def arities(row: Rule, params: Sequence[Any]) -> list[int]:
    """The numbers of arguments that the row takes with these parameters."""
    if not row.variadic:
        return [row.arity]
    possible = [packed(row, terms)[0] for terms in TERMS]
    return [n for n in possible if accepts(row, n, params)]


def accepts(row: Rule, n: int, params: Sequence[Any]) -> bool:
    """Whether the row is defined for n arguments: a target class must be among them."""
    try:
        apply(row, [0.5] * n, params)
    except (IndexError, ValueError):
        return False
    return True


def call(row: Rule, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
    """The public function of the row, ``engine.exp`` or ``engine.dot``, on these arguments."""
    function = getattr(engine, row.name)
    if not row.variadic:
        return function(*args, *params)
    for terms in TERMS:
        count, groups = packed(row, terms)
        if count == len(args):
            rest = iter(args)
            given = [
                next(rest) if size is None else [next(rest) for _ in range(size)] for size in groups
            ]
            return function(*given, *params)
    raise AssertionError(f"{row} takes no {len(args)} arguments")


def domains(row: Rule, n: int) -> list[tuple[float, float]]:
    """The open interval for each of n arguments."""
    return list(row.domain[:1]) * n if row.variadic else list(row.domain)


@cache
def inside(interval: tuple[float, float], margin: float = 0.02) -> st.SearchStrategy[float]:
    """Numbers of moderate size, a margin away from the interval's ends."""
    low, high = max(interval[0], -8.0), min(interval[1], 8.0)
    return st.floats(low + margin, high - margin)


def kinks(row: Rule, case: Case) -> list[float]:
    """The expressions that vanish where the row has a kink or a pole."""
    args: tuple[Any, ...] = (case.args,) if row.variadic else case.args
    return [float(x) for x in row.kinks(REALS, *args, *case.params)]


def cases(
    row: Rule, number: Callable[[tuple[float, float]], st.SearchStrategy[float]]
) -> st.SearchStrategy[Case]:
    """Every use of the row, with arguments that ``number`` gives for their domains."""
    uses = [
        st.builds(Case, st.tuples(*map(number, domains(row, n))), st.just(params))
        for params in row.samples
        for n in arities(row, params)
    ]
    return st.one_of(uses)


@cache
def smooth_cases(row: Rule) -> st.SearchStrategy[Case]:
    """Arguments and parameters at which the row is smooth, not too near a kink."""
    return cases(row, inside).filter(lambda case: all(abs(x) > 0.05 for x in kinks(row, case)))


@cache
def any_cases(row: Rule) -> st.SearchStrategy[Case]:
    """Any floats at all as arguments."""
    return cases(row, lambda interval: any_float)


SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, math.inf, -math.inf, math.nan,
    1e300, -1e300, 5e-324, -5e-324, 710.0, -710.0, 746.0, -746.0, 1 - 2**-53, 1 + 2**-52,
)  # fmt: skip
any_float = st.one_of(st.sampled_from(SPECIAL), st.floats())


def same(a: float, b: float) -> bool:
    """Whether two floats have the same bits, all nans counting as one."""
    return a == b and math.copysign(1, a) == math.copysign(1, b) or (a != a and b != b)


def close(a: float, b: float, relative: float, absolute: float = 0.0) -> bool:
    """Whether two floats agree: exactly where one is not finite, else within a tolerance."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (a != a and b != b)
    return abs(a - b) <= max(relative * max(abs(a), abs(b)), absolute)


# ---------------------------------------------------------------- whole graphs

SAFE = (  # operations that keep moderate numbers moderate, so that long programs stay finite
    "add", "sub", "mul", "neg", "tanh", "sin", "cos", "sigmoid", "softplus", "relu", "leaky_relu",
    "elu", "silu", "gelu", "erf", "abs", "max", "min", "atan", "logsumexp", "mean", "clip",
)  # fmt: skip
MODERATE = st.floats(-3, 3)


class Step(NamedTuple):
    """One line of a program: a row, the earlier results that it takes, its parameters."""

    row: Rule
    operands: tuple[int, ...]
    params: tuple[Any, ...]


class Program(NamedTuple):
    """A random straight-line program: its inputs, and its steps."""

    inputs: tuple[float, ...]
    steps: tuple[Step, ...]

    def compute(self, inputs: Sequence[Any]) -> Any:
        """The last result, on any kind of number."""
        results = list(inputs)
        for row, operands, params in self.steps:
            results.append(call(row, [results[i % len(results)] for i in operands], params))
        return results[-1]

    def smooth(self) -> bool:
        """Whether no step is at, or very near, a kink of its row."""
        results = list(self.inputs)
        for row, operands, params in self.steps:
            case = Case(tuple(results[i % len(results)] for i in operands), params)
            if any(abs(x) < 1e-6 for x in kinks(row, case)):
                return False
            results.append(call(row, *case))
        return True

    def run(self) -> tuple[list[Any], Any]:
        """The inputs as Values, and the result."""
        leaves = [engine.Value(x) for x in self.inputs]
        return leaves, self.compute(leaves)


@cache
def steps(rows: tuple[str, ...]) -> st.SearchStrategy[Step]:
    """Lines of a program; an operand counts from the first result and wraps around."""
    lines = [
        st.builds(
            Step,
            st.just(row),
            st.tuples(*[st.integers(0, 40)] * n),
            st.sampled_from(row.samples),
        )
        for row in map(TABLE.__getitem__, rows)
        for n in arities(row, row.samples[0])[:3]
    ]
    return st.one_of(lines)


def programs(
    rows: tuple[str, ...] = SAFE,
    number: st.SearchStrategy[float] = MODERATE,
    size: int = 20,
) -> st.SearchStrategy[Program]:
    """Programs of up to ``size`` steps on one to four inputs."""
    inputs = st.lists(number, min_size=1, max_size=4).map(tuple)
    return st.builds(Program, inputs, st.lists(steps(rows), min_size=1, max_size=size).map(tuple))
