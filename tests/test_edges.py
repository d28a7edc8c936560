"""The conventions at kinks, borders, infinities and nan, as tables of literal numbers.

They are IEEE 754's and PyTorch's. Where PyTorch is installed, every row is also compared with it on
a grid of special values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from strategies_local import NAMES, ROWS, arities, call, close, same
from test_rules import TORCH

import engine
from engine import TABLE, Rule, Value, gradient, jvp

INF, NAN = math.inf, math.nan

# For each row its value (f) and its derivative (f′) at special arguments. The value's zeros are
# told apart by their sign, the derivative's are not.
ONE_ARGUMENT = """
row             x =  0     -0      inf   -inf  nan   1e300    -1e300   5e-324    -5e-324

neg             f    -0    0       -inf  inf   nan   -1e300   1e300    -5e-324   5e-324
neg             f'   -1    -1      -1    -1    -1    -1       -1       -1        -1
power 0         f    1     1       1     1     1     1        1        1         1
power 0         f'   0     0       0     0     0     0        0        0         0
power 1         f    0     -0      inf   -inf  nan   1e300    -1e300   5e-324    -5e-324
power 1         f'   1     1       1     1     1     1        1        1         1
power 2         f    0     0       inf   inf   nan   inf      inf      0         0
power 2         f'   0     0       inf   -inf  nan   2e300    -2e300   1e-323    -1e-323
power 3         f    0     -0      inf   -inf  nan   inf      -inf     0         -0
power 3         f'   0     0       inf   inf   nan   inf      inf      0         0
power -1        f    inf   -inf    0     -0    nan   1e-300   -1e-300  inf       -inf
power -1        f'   -inf  -inf    0     0     nan   0        0        -inf      -inf
power -2        f    inf   inf     0     0     nan   0        0        inf       inf
power -2        f'   -inf  inf     0     0     nan   0        0        -inf      inf
power 0.5       f    0     0       inf   inf   nan   1e150    nan      2.2227587494850775e-162  nan
power 0.5       f'   inf   inf     0     0     nan   5e-151   nan      2.2494568972715982e+161  nan
power 1.5       f    0     0       inf   inf   nan   inf      nan      0         nan
power 1.5       f'   0     0       inf   inf   nan   1.5e150  nan      3.3341381242276163e-162  nan
power -0.5      f    inf   inf     0     0     nan   1e-150   nan      4.4989137945431964e+161  nan
power -0.5      f'   -inf  -inf    0     0     nan   0        nan      -inf      nan
exp             f    1     1       inf   0     nan   inf      0        1         1
exp             f'   1     1       inf   0     nan   inf      0        1         1
expm1           f    0     -0      inf   -1    nan   inf      -1       5e-324    -5e-324
expm1           f'   1     1       inf   0     nan   inf      0        1         1
log             f    -inf  -inf    inf   nan   nan   690.7755278982137  nan  -744.4400719213812  nan
log             f'   inf   -inf    0     0     nan   1e-300   -1e-300  inf       -inf
log1p           f    0     -0      inf   nan   nan   690.7755278982137  nan  5e-324  -5e-324
log1p           f'   1     1       0     0     nan   1e-300   -1e-300  1         1
sqrt            f    0     -0      inf   nan   nan   1e150    nan      2.2227587494850775e-162  nan
sqrt            f'   inf   -inf    0     nan   nan   5e-151   nan      2.2494568972715982e+161  nan
sin             f    0     -0      nan   nan   nan   -0.8178819121159085  0.8178819121159085  5e-324  -5e-324
sin             f'   1     1       nan   nan   nan   -0.5753861119575491  -0.5753861119575491  1  1
cos             f    1     1       nan   nan   nan   -0.5753861119575491  -0.5753861119575491  1  1
cos             f'   0     0       nan   nan   nan   0.8178819121159085  -0.8178819121159085  -5e-324  5e-324
tan             f    0     -0      nan   nan   nan   1.4214488238747245  -1.4214488238747245  5e-324  -5e-324
tan             f'   1     1       nan   nan   nan   3.0205167588948374  3.0205167588948374  1  1
asin            f    0     -0      nan   nan   nan   nan      nan      5e-324    -5e-324
asin            f'   1     1       nan   nan   nan   nan      nan      1         1
acos            f    1.5707963267948966  1.5707963267948966  nan  nan  nan  nan  nan  1.5707963267948966  1.5707963267948966
acos            f'   -1    -1      nan   nan   nan   nan      nan      -1        -1
atan            f    0     -0      1.5707963267948966  -1.5707963267948966  nan  1.5707963267948966  -1.5707963267948966  5e-324  -5e-324
atan            f'   1     1       0     0     nan   0        0        1         1
sinh            f    0     -0      inf   -inf  nan   inf      -inf     5e-324    -5e-324
sinh            f'   1     1       inf   inf   nan   inf      inf      1         1
cosh            f    1     1       inf   inf   nan   inf      inf      1         1
cosh            f'   0     0       inf   -inf  nan   inf      -inf     5e-324    -5e-324
tanh            f    0     -0      1     -1    nan   1        -1       5e-324    -5e-324
tanh            f'   1     1       0     0     nan   0        0        1         1
sigmoid         f    0.5   0.5     1     0     nan   1        0        0.5       0.5
sigmoid         f'   0.25  0.25    0     0     nan   0        0        0.25      0.25
softplus        f    0.6931471805599453  0.6931471805599453  inf  0  nan  1e300  0  0.6931471805599453  0.6931471805599453
softplus        f'   0.5   0.5     1     0     nan   1        0        0.5       0.5
relu            f    0     -0      inf   0     nan   1e300    0        5e-324    0
relu            f'   0     0       1     0     1     1        0        1         0
leaky_relu 0.5  f    0     -0      inf   -inf  nan   1e300    -5e299   5e-324    -0
leaky_relu 0.5  f'   0.5   0.5     1     0.5   0.5   1        0.5      1         0.5
elu 0.5         f    0     -0      inf   -0.5  nan   1e300    -0.5     5e-324    -0
elu 0.5         f'   0.5   0.5     1     0     1     1        0        1         0.5
silu            f    0     -0      inf   nan   nan   1e300    -0       0         -0
silu            f'   0.5   0.5     nan   nan   nan   1        0        0.5       0.5
gelu            f    0     -0      inf   nan   nan   1e300    -0       0         -0
gelu            f'   0.5   0.5     nan   nan   nan   1        0        0.5       0.5
erf             f    0     -0      1     -1    nan   1        -1       5e-324    -5e-324
erf             f'   1.1283791670955126  1.1283791670955126  0  0  nan  0  0  1.1283791670955126  1.1283791670955126
erfc            f    1     1       0     2     nan   0        2        1         1
erfc            f'   -1.1283791670955126  -1.1283791670955126  0  0  nan  0  0  -1.1283791670955126  -1.1283791670955126
abs             f    0     0       inf   inf   nan   1e300    1e300    5e-324    5e-324
abs             f'   0     0       1     -1    0     1        -1       1         -1
clip -1 1       f    0     -0      1     -1    nan   1        -1       5e-324    -5e-324
clip -1 1       f'   1     1       0     0     0     0        0        1         1
clip 5e-324 inf f    5e-324  5e-324  inf  5e-324  nan  1e300  5e-324   5e-324    5e-324
clip 5e-324 inf f'   0     0       1     0     0     1        0        1         0
"""  # noqa: E501

# Borders, ties, overflow, negative bases: row, arguments -> value : one derivative per argument.
# A sequence's terms are its arguments; parameters follow a semicolon; ~ asks for 12 digits only.
CASES = """
exp             709.782712893384           -> 1.7976931348622732e+308 : 1.7976931348622732e+308
exp             709.782712893385           -> inf      : inf
exp             -745.2                     -> 0        : 0
exp             -745.1                     -> 5e-324   : 5e-324
expm1           1e-20                      -> 1e-20    : 1
expm1           -50                        -> -1       : 0
log             -1                         -> nan      : -1
log1p           -1                         -> -inf     : inf
log1p           -2                         -> nan      : -1
log1p           1e-20                      -> 1e-20    : 1
sqrt            -1                         -> nan      : nan
asin            1                          -> 1.5707963267948966 : inf
asin            -1                         -> -1.5707963267948966 : inf
asin            1.0000000000000002         -> nan      : nan
asin            0.9999999999999999         -> 1.5707963118937354 : 67108864
acos            1                          -> 0        : -inf
acos            -1                         -> 3.141592653589793 : -inf
acos            -1.0000000000000002        -> nan      : nan
tan             1.5707963267948966         -> 1.633123935319537e+16 : 2.667093788113571e+32
sinh            711                        -> inf      : inf
sinh            -711                       -> -inf     : inf
cosh            -711                       -> inf      : -inf
tanh            20                         -> 1        : 0
sigmoid         -40                        -> 4.248354255291589e-18 : 4.248354255291589e-18
sigmoid         40                         -> 1        : 0
sigmoid         -1000                      -> 0        : 0
softplus        -40                        -> 4.248354255291589e-18 : 4.248354255291589e-18
softplus        40                         -> 40       : 1
softplus        1000                       -> 1000     : 1
softplus        -1000                      -> 0        : 0
silu            -1000                      -> -0       : 0
gelu            -1000                      -> -0       : 0
elu             0 ; -1                     -> 0       : -1
elu             -1000 ; 2                  -> -2       : 0
elu             -1e-20 ; 1                 -> -1e-20   : 1
elu             1000 ; 1                   -> 1000     : 1
leaky_relu      -1 ; 0                     -> -0       : 0
leaky_relu      0 ; -0.5                   -> -0       : -0.5
leaky_relu      -inf ; 0                   -> nan      : 0
clip            1 ; -1 1                   -> 1        : 1
clip            -1 ; -1 1                  -> -1       : 1
clip            1.0000000000000002 ; -1 1  -> 1        : 0
clip            0.5 ; 1 -1                 -> -1       : 0

add             0 -0                       -> 0        : 1 1
add             -0 -0                      -> -0       : 1 1
add             inf -inf                   -> nan      : 1 1
add             nan 1                      -> nan      : 1 1
add             1e308 1e308                -> inf      : 1 1
add             5e-324 -5e-324             -> 0        : 1 1
add             1e300 1                    -> 1e300    : 1 1
sub             0 0                        -> 0        : 1 -1
sub             -0 0                       -> -0       : 1 -1
sub             inf inf                    -> nan      : 1 -1
sub             -1e308 1e308               -> -inf     : 1 -1
mul             0 -0                       -> -0       : 0 0
mul             0 inf                      -> nan      : inf 0
mul             -inf 0                     -> nan      : 0 -inf
mul             inf -inf                   -> -inf     : -inf inf
mul             nan 0                      -> nan      : 0 nan
mul             1e300 -1e300               -> -inf     : -1e300 1e300
mul             5e-324 0.5                 -> 0        : 0.5 5e-324
mul             5e-324 5e-324              -> 0        : 5e-324 5e-324
div             1 0                        -> inf      : inf -inf
div             1 -0                       -> -inf     : -inf -inf
div             -1 0                       -> -inf     : inf inf
div             0 0                        -> nan      : inf nan
div             0 -1                       -> -0       : -1 0
div             nan 0                      -> nan      : inf nan
div             inf inf                    -> nan      : 0 nan
div             inf 0                      -> inf      : inf -inf
div             1 inf                      -> 0        : 0 0
div             1 -inf                     -> -0       : 0 0
div             1e300 1e-300               -> inf      : 1e300 -inf
div             1 5e-324                   -> inf      : inf -inf
div             5e-324 2                   -> 0        : 0.5 0

pow             2 3                        -> 8        : 12 5.545177444479562
pow             -2 3                       -> -8       : 12 nan
pow             -2 2                       -> 4        : -4 nan
pow             -8 0.3333333333333333      -> nan      : nan nan
pow             0 0                        -> 1        : 0 0
pow             -0 0                       -> 1        : 0 0
pow             2 0                        -> 1        : 0 0.6931471805599453
pow             -2 0                       -> 1        : 0 nan
pow             nan 0                      -> 1        : 0 nan
pow             inf 0                      -> 1        : 0 inf
pow             1 nan                      -> 1        : nan 0
pow             nan 1                      -> nan      : 1 nan
pow             0 1                        -> 0        : 1 0
pow             0 2                        -> 0        : 0 0
pow             0 0.5                      -> 0        : inf 0
pow             -0 3                       -> -0       : 0 0
pow             -0 0.5                     -> 0        : inf 0
pow             0 -1                       -> inf      : -inf -inf
pow             -0 -1                      -> -inf     : -inf inf
pow             -0 -2                      -> inf      : inf -inf
pow             -0 -0.5                    -> inf      : -inf -inf
pow             -0 -0.9999999999999999     -> inf      : -inf -inf
pow             0 inf                      -> 0        : nan 0
pow             0 -inf                     -> inf      : -inf -inf
pow             1 inf                      -> 1        : inf 0
pow             -1 inf                     -> 1        : inf nan
pow             2 inf                      -> inf      : inf inf
pow             0.5 inf                    -> 0        : nan 0
pow             inf 2                      -> inf      : inf inf
pow             inf -1                     -> 0        : 0 nan
pow             -inf 3                     -> -inf     : inf nan
pow             -inf 2                     -> inf      : -inf nan
pow             -inf 0.5                   -> inf      : 0 nan
pow             -inf -1                    -> -0       : 0 nan
pow             1e300 2                    -> inf      : 2e300 inf
pow             -1e300 3                   -> -inf     : inf nan
pow             1e300 -2                   -> 0        : 0 0
pow             5e-324 2                   -> 0        : 1e-323 0
pow             5e-324 -1                  -> inf      : -inf -inf

max             1 2                        -> 2        : 0 1
max             2 1                        -> 2        : 1 0
max             1 1                        -> 1        : 0.5 0.5
max             -0 0                       -> -0       : 0.5 0.5
max             0 -0                       -> 0        : 0.5 0.5
max             inf inf                    -> inf      : 0.5 0.5
max             -inf 1                     -> 1        : 0 1
max             0 5e-324                   -> 5e-324   : 0 1
max             1e300 inf                  -> inf      : 0 1
max             nan 1                      -> nan      : 1 1
max             1 nan                      -> nan      : 1 1
min             1 2                        -> 1        : 1 0
min             2 1                        -> 1        : 0 1
min             1 1                        -> 1        : 0.5 0.5
min             -0 0                       -> -0       : 0.5 0.5
min             0 -0                       -> 0        : 0.5 0.5
min             -inf -inf                  -> -inf     : 0.5 0.5
min             -5e-324 0                  -> -5e-324  : 1 0
min             -1e300 -inf                -> -inf     : 0 1
min             nan 1                      -> nan      : 1 1
min             1 nan                      -> nan      : 1 1

sum             1e16 1 -1e16               -> 0        : 1 1 1
sum             1e308 1e308 -1e308         -> inf      : 1 1 1
sum             inf -inf 1                 -> nan      : 1 1 1
sum             inf 1 2                    -> inf      : 1 1 1
sum             nan inf                    -> nan      : 1 1
mean            inf 1                      -> inf      : 0.5 0.5
mean            1e308 1e308                -> inf      : 0.5 0.5
mean            5e-324 0                   -> 0        : 0.5 0.5
dot             inf 1 0 1                  -> nan      : 0 1 inf 1
dot             1e300 1 1e300 -inf         -> nan      : 1e300 -inf 1e300 1
dot             -2 0 3 5                   -> -6       : 3 5 -2 0
affine          -2 3 inf                   -> inf      : 3 -2 1
affine          inf 0 1                    -> nan      : 0 inf 1
logsumexp       -7                         -> -7       : 1
logsumexp       1000 1000                  -> 1000.6931471805599 : 0.5~ 0.5~
logsumexp       -1000 -1000                -> -999.3068528194401 : 0.5~ 0.5~
logsumexp       0 -1000                    -> 0        : 1 0
logsumexp       -inf 0                     -> 0        : 0 1
logsumexp       -inf -inf                  -> -inf     : nan nan
logsumexp       inf 0                      -> inf      : nan 0
logsumexp       nan 0                      -> nan      : nan nan
logsumexp       1e300 -1e300               -> 1e300    : 1 0
softmax_entry   0 1000                     -> 0        : 0 0
softmax_entry   -inf 0                     -> 0        : 0 0
softmax_entry   1 1                        -> 1        : 1 -1
cross_entropy   1000 0 ; 0                 -> 0        : 0 0
cross_entropy   1000 0 ; 1                 -> 1000     : 1 -1
cross_entropy   -inf 0 ; 1                 -> 0        : 0 0
cross_entropy   -inf 0 ; 0                 -> inf      : -1 1
cross_entropy   1e8 1e8 ; 0                -> 0.6931471805599453 : -0.5~ 0.5~
cross_entropy   1e300 1e300 ; 1            -> 0.6931471805599453 : 0.5~ -0.5~
cross_entropy   5 5 ; 0                    -> 0.6931471805599453 : -0.5 0.5
binary_cross_entropy  0 0.5                -> 0.6931471805599453 : 0 0
binary_cross_entropy  40 1                 -> 4.248354255291589e-18 : 0 -40
binary_cross_entropy  -40 0                -> 4.248354255291589e-18 : 4.248354255291589e-18 40
binary_cross_entropy  1000 0               -> 1000     : 1 -1000
binary_cross_entropy  -1000 1              -> 1000     : -1 1000
binary_cross_entropy  inf 0                -> inf      : 1 -inf
binary_cross_entropy  -inf 1               -> inf      : -1 inf
binary_cross_entropy  nan 0                -> nan      : nan nan
"""

Slope = tuple[float, float]  # a derivative and the relative error that is allowed
Edge = tuple[Rule, tuple[float, ...], tuple[float, ...], float, list[Slope]]
EXACT = 8.9e-16  # four units in the last place


def numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split()))


def one_argument() -> list[Edge]:
    """The first table: row, argument, parameters, value, derivative."""
    header, *lines = filter(None, ONE_ARGUMENT.splitlines())
    points = numbers(header.partition("=")[2])
    edges: list[Edge] = []
    for upper, lower in zip(lines[::2], lines[1::2], strict=True):
        (name, *params), values = upper.partition(" f ")[0].split(), numbers(upper.split(" f ")[1])
        slopes = numbers(lower.partition(" f' ")[2])
        assert lower.split()[0] == name
        for x, value, slope in zip(points, values, slopes, strict=True):
            given = tuple(map(float, params))
            edges.append((TABLE[name], (x,), given, value, [(slope, EXACT)]))
    return edges


def cases() -> list[Edge]:
    """The second table."""
    edges: list[Edge] = []
    for line in filter(None, CASES.splitlines()):
        given, _, results = line.partition("->")
        name, _, given = given.partition(" ")
        args, _, params = given.partition(";")
        value, _, slopes = results.partition(":")
        expected = [(float(d.rstrip("~")), 1e-12 if "~" in d else EXACT) for d in slopes.split()]
        edges.append((TABLE[name], numbers(args), numbers(params), float(value), expected))
    return edges


EDGES = [*one_argument(), *cases()]


def right(found: float, expected: float) -> bool:
    """Whether a result is the literal one, up to four units in the last place."""
    return same(found, expected) if expected == 0 else close(found, expected, EXACT)


def naturals(params: tuple[float, ...]) -> list[float]:
    """Parameters as one would type them: whole numbers as integers."""
    return [int(p) if p.is_integer() else p for p in params]


def name_of(edge: Edge) -> str:
    row, args, params, _, _ = edge
    return f"{row.name}({', '.join(f'{x:g}' for x in (*args, *params))})"


@pytest.mark.parametrize("edge", EDGES, ids=name_of)
def test_values_and_gradients_at_the_edges(edge: Edge) -> None:
    row, args, params, value, slopes = edge
    given = naturals(params)
    variables = [Value(x) for x in args]
    y = call(row, variables, given)
    assert right(y.data, value), f"value {y.data}"
    assert right(call(row, args, given), value)
    y.backward()
    recorded = gradient(y, variables, create_graph=True)
    for i, (x, (slope, allowed)) in enumerate(zip(variables, slopes, strict=True)):
        assert close(x.grad, slope, allowed), f"reverse ∂{i}: {x.grad}"
        assert close(recorded[i].data, slope, allowed), f"as a graph ∂{i}: {recorded[i].data}"

        def along(x: Any, i: int = i) -> Any:
            return call(row, [*args[:i], x, *args[i + 1 :]], given)

        result, tangent = jvp(along, args[i], 1.0)
        assert right(result, value)
        assert close(tangent, slope, allowed), f"forward ∂{i}: {tangent}"


def test_every_row_is_in_the_tables() -> None:
    assert {row.name for row, *_ in EDGES} == set(NAMES)


# ---------------------------------------------------------------- one node twice, and selection


@pytest.mark.parametrize("name", ["max", "min"])
def test_a_tie_of_a_node_with_itself_passes_the_whole_gradient(name: str) -> None:
    x = Value(3.0)
    y = getattr(x, name)(x)
    y.backward()
    assert (y.data, y.partials, x.grad) == (3.0, (0.5, 0.5), 1.0)


SELECTED: dict[str, tuple[Callable[[Any], Any], float]] = {
    "log(relu(-1))": (lambda x: engine.log(engine.relu(x)), -1.0),
    "log(relu(0))": (lambda x: engine.log(engine.relu(x)), 0.0),
    "sqrt(relu(-1))": (lambda x: engine.sqrt(engine.relu(x)), -1.0),
    "1 / relu(-1)": (lambda x: 1 / engine.relu(x), -1.0),
    "log(max(-1, 0))": (lambda x: engine.log(engine.max(x, 0.0)), -1.0),
    "log(max(0, -1))": (lambda x: engine.log(engine.max(0.0, x)), -1.0),
    "log(-min(1, 0))": (lambda x: engine.log(-engine.min(x, 0.0)), 1.0),
    "log(-min(0, 1))": (lambda x: engine.log(-engine.min(0.0, x)), 1.0),
    "log(clip(-1, 0, 1))": (lambda x: engine.log(engine.clip(x, 0, 1)), -1.0),
    "log(1 - clip(2, 0, 1))": (lambda x: engine.log(1 - engine.clip(x, 0, 1)), 2.0),
    "log(2**0 - 1)": (lambda x: engine.log(x**0 - 1), 2.0),
    "log((-2)**z - 1), z = 0": (lambda x: engine.log(engine.pow(x, 0.0) - 1), -2.0),
    "log(0**z - 1), z = 0": (lambda x: engine.log(engine.pow(x, 0.0) - 1), 0.0),
    "relu(-1) * inf": (lambda x: engine.relu(x) * INF, -1.0),
    "clip(nan, 0, 1) * inf": (lambda x: engine.clip(x, 0, 1) * INF, NAN),
}


@pytest.mark.parametrize("name", SELECTED)
def test_a_branch_not_taken_passes_nothing_back_whatever_comes_from_above(name: str) -> None:
    f, at = SELECTED[name]
    x = Value(at)
    y = f(x)
    y.backward()
    assert x.grad == 0.0
    assert gradient(y, x) == 0.0
    assert gradient(y, x, create_graph=True).data == 0.0
    assert jvp(f, at, 1.0)[1] == 0.0
    assert type(jvp(f, at, 1.0)[1]) is float
    assert float(jvp(f, x, 1.0)[1]) == 0.0
    assert float(jvp(lambda v: jvp(f, v, 1.0)[1], at, 1.0)[0]) == 0.0


@pytest.mark.parametrize("name", SELECTED)
def test_a_branch_not_taken_adds_nothing_to_what_other_paths_send(name: str) -> None:
    f, at = SELECTED[name]
    x = Value(at)
    (3 * x + f(x)).backward()
    assert x.grad == 3.0
    assert jvp(lambda x: 3 * x + f(x), at, 1.0)[1] == 3.0


TIMES_ZERO: dict[str, tuple[Callable[[Any], Any], float]] = {
    "log(0·x)": (lambda x: engine.log(0.0 * x), 1.0),
    "log|0|": (lambda x: engine.log(engine.abs(x)), 0.0),
    "log(x²), x = 0": (lambda x: engine.log(x**2), 0.0),
    "log(leaky_relu(-1, 0))": (lambda x: engine.log(engine.leaky_relu(x, 0.0)), -1.0),
    "inf · tanh(1000)": (lambda x: engine.tanh(x) * INF, 1000.0),
    "sqrt(x·x), x = 0": (lambda x: engine.sqrt(x * x), 0.0),
    "log(0**z), z = 2": (lambda z: engine.log(engine.pow(0.0, z)), 2.0),
}


@pytest.mark.parametrize("name", TIMES_ZERO)
def test_every_other_zero_times_infinity_is_nan(name: str) -> None:
    f, at = TIMES_ZERO[name]
    x = Value(at)
    y = f(x)
    y.backward()
    assert math.isnan(x.grad)
    assert math.isnan(gradient(y, x))
    assert math.isnan(gradient(y, x, create_graph=True).data)
    assert math.isnan(jvp(f, at, 1.0)[1])


def test_a_negative_seed_and_an_infinite_seed_meet_a_branch_not_taken() -> None:
    for seed in (-1.0, INF, NAN):
        x = Value(-1.0)
        x.relu().backward(seed)
        assert same(x.grad, 0.0)


# ---------------------------------------------------------------- PyTorch on a grid

SPECIAL = (
    0.0, -0.0, INF, -INF, NAN, 1e300, -1e300, 5e-324, -5e-324, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0,
    0.5, -0.5, 25.0, -25.0, 710.0, -710.0, 746.0, -746.0, 1 - 2**-53, -1 + 2**-53, 1 + 2**-52,
)  # fmt: skip

# Where PyTorch gives something else, and why its answer was not taken.
DIFFERENT: dict[str, tuple[Callable[..., bool], str]] = {
    "power": (
        lambda x, n: n == 0.5 and x in (0.0, -INF),
        "it computes x**0.5 as sqrt(x), which differs at -0 and -inf from IEEE's pow",
    ),
    "elu": (
        lambda x, alpha: x != x,
        "its derivative at nan is nan in the vectorised loop and 1 for single numbers",
    ),
    "gelu": (
        lambda x: x < -1,
        "its 1 + erf(x/√2) cancels in the negative tail, where erfc keeps all digits",
    ),
    "softplus": (
        lambda x: 20 < x < 40 or -745 < x < -709,
        "it is linear from 20 on, which drops digits; below -709 it keeps subnormal slopes",
    ),
    "cross_entropy": (
        lambda *given: any(abs(x) > 1e15 for x in given[:-1]),
        "its log_softmax subtracts inf from inf, also where value and gradient are defined; "
        "exp(x - logsumexp) has no digits left at 1e300, as its own logsumexp's gradient",
    ),
    "binary_cross_entropy": (
        lambda z, t: not 0 <= t <= 1 or abs(z) > 20,
        "it loses the digits of confident logits, and inf; its targets are within 0 and 1",
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_grid_of_special_values_agrees_with_torch(row: Rule) -> None:
    torch = pytest.importorskip("torch")
    function = TORCH.get(row.name) or (lambda torch, *xs: getattr(torch, row.name)(*xs))
    differs, _ = DIFFERENT.get(row.name, (lambda *given: False, ""))
    for params in row.samples:
        n = min(arities(row, params)[-1], 3) if row.variadic else row.arity
        n = n if n in arities(row, params) else 2
        points = list(product(SPECIAL if n < 3 else (*SPECIAL[:6], -2.0), repeat=n))
        columns = torch.tensor(points, dtype=torch.float64).T
        variables = [column.clone().requires_grad_() for column in columns]
        values = function(torch, *variables, *params)
        values.sum().backward()
        slopes = [[0.0] * len(points) if x.grad is None else x.grad.tolist() for x in variables]
        for point, value, *expected in zip(points, values.tolist(), *slopes, strict=True):
            if differs(*point, *params):
                continue
            ours = [Value(x) for x in point]
            y = call(row, ours, params)
            y.backward()
            assert close(y.data, value, 1e-13, 1e-323), f"{point}: {y.data}, torch {value}"
            found = [x.grad for x in ours]
            for ours_i, theirs_i in zip(found, expected, strict=True):
                assert close(ours_i, theirs_i, 1e-13, 1e-323), f"{point}: {found}, {expected}"


@pytest.mark.parametrize("name", [*SELECTED, *TIMES_ZERO])
def test_zero_times_infinity_is_decided_as_in_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    f, at = (SELECTED | TIMES_ZERO)[name]
    x = Value(at)
    f(x).backward()
    functions: dict[str, Callable[[Any], Any]] = {
        "log(relu(-1))": lambda x: torch.relu(x).log(),
        "log(relu(0))": lambda x: torch.relu(x).log(),
        "sqrt(relu(-1))": lambda x: torch.relu(x).sqrt(),
        "1 / relu(-1)": lambda x: 1 / torch.relu(x),
        "log(max(-1, 0))": lambda x: torch.maximum(x, torch.zeros_like(x)).log(),
        "log(max(0, -1))": lambda x: torch.maximum(torch.zeros_like(x), x).log(),
        "log(-min(1, 0))": lambda x: (-torch.minimum(x, torch.zeros_like(x))).log(),
        "log(clip(-1, 0, 1))": lambda x: x.clamp(0, 1).log(),
        "log(1 - clip(2, 0, 1))": lambda x: (1 - x.clamp(0, 1)).log(),
        "log(-min(0, 1))": lambda x: (-torch.minimum(torch.zeros_like(x), x)).log(),
        "log(2**0 - 1)": lambda x: (x**0 - 1).log(),
        "log((-2)**z - 1), z = 0": lambda x: (torch.pow(x, torch.zeros_like(x)) - 1).log(),
        "log(0**z - 1), z = 0": lambda x: (torch.pow(x, torch.zeros_like(x)) - 1).log(),
        "relu(-1) * inf": lambda x: torch.relu(x) * INF,
        "clip(nan, 0, 1) * inf": lambda x: x.clamp(0, 1) * INF,
        "log(0·x)": lambda x: (0.0 * x).log(),
        "log|0|": lambda x: x.abs().log(),
        "log(x²), x = 0": lambda x: (x**2).log(),
        "log(leaky_relu(-1, 0))": lambda x: torch.nn.functional.leaky_relu(x, 0.0).log(),
        "inf · tanh(1000)": lambda x: torch.tanh(x) * INF,
        "sqrt(x·x), x = 0": lambda x: (x * x).sqrt(),
        "log(0**z), z = 2": lambda z: torch.pow(torch.zeros_like(z), z).log(),
    }
    t = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    functions[name](t).backward()
    assert close(x.grad, t.grad.item(), 0.0)
