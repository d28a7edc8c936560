"""Activation functions: the table from the engine's own rules, and what sigmoid costs.

Run it as ``python demos/activations.py``.
"""

from __future__ import annotations

import math
import timeit
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, lesson, table, verdict
    from numpy.typing import NDArray

    import engine
    import viz
    from engine import TABLE, Symbol, grad
    from engine.symbol import FORMULAS

ROWS = ("relu", "sigmoid", "tanh", "leaky_relu", "softplus", "silu")  # of the engine's table
NOTES: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {  # f and f′
    "relu": (lambda x: max(0.0, x), lambda x: float(x > 0)),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)),
                lambda x: 1 / (1 + math.exp(-x)) * (1 - 1 / (1 + math.exp(-x)))),
    "tanh": (lambda x: (1 - math.exp(-2 * x)) / (1 + math.exp(-2 * x)),
             lambda x: 1 - math.tanh(x) ** 2),
}  # fmt: skip
GRID = [k / 16 for k in range(-96, 97)]  # from −6 to 6, with 0
FAR = 700.0  # where a function is as good as at its end
REACH = (
    20.0  # a look-up table of sigmoid goes from −20 to 20: beyond, it is within 2.1e-9 of its end
)
SIZES = (16, 64, 256, 1024, 4096)
AT_ONCE = 8_000  # values for NumPy: arrays that a cache holds, and that need no new memory
WAYS = ("exp alone", "1/(1 + exp(−x))", "nearest", "interpolated")
REPEAT = 100  # measurements, of which the least counts: a busy machine only adds
CLOSE = 1.2  # a ratio that is no difference
NO_COMPILER = """
(There is no numba here, so compiled code is not measured: pip install gradpath[jit].)"""
BEND = 1 / (6 * math.sqrt(3))  # the largest |σ″|

Array = NDArray[np.float64]


# -- W11 ------------------------------------------------------------------------------------------


def comparison(seed: int, quick: bool) -> Finding:
    """W11."""
    rows = [described(name) for name in ROWS]
    apart = {
        name: max(
            max(abs(f(x) - value(name, x)), abs(slope(x) - derivative(name, x)))
            for x in GRID
            for f, slope in [NOTES[name]]
        )
        for name in NOTES
    }
    characters = [
        value("tanh", 0.0) == 0.0 and derivative("tanh", 0.0) == 1.0,
        value("sigmoid", 0.0) != 0.0,
        all(derivative("relu", x) == 1.0 for x in GRID if x > 0),
    ]
    text = f"""\
{table(["name", "y =", "dy/dx =", "range", "y(0)", "slope at 0"], rows)}

This table is made from the engine's rules; nothing in it is typed in. The
notes' three functions and derivatives, evaluated beside the engine's at
{len(GRID)} points from −6 to 6:
{table(["name", "largest difference"], [(n, f"{x:.1e}") for n, x in apart.items()])}
tanh passes through 0 with slope 1, sigmoid does not pass through 0 and has
slope {derivative("sigmoid", 0.0)} at most, ReLU has slope 1 wherever x > 0."""
    numbers: dict[str, float | str] = {f"{n}: largest difference": x for n, x in apart.items()}
    numbers |= {f"{name}: slope at 0": derivative(name, 0.0) for name in ROWS}
    return Finding(
        verdict(max(apart.values()) < 1e-12 and all(characters)),
        text,
        numbers,
        [
            ("w11-values.svg", lambda dark: draw_curves(value, "y", dark), "the functions"),
            ("w11-slopes.svg", lambda dark: draw_curves(derivative, "dy/dx", dark), "their slopes"),
        ],
    )


def described(name: str) -> tuple[str, ...]:
    """A row of the engine's table in words."""
    row = TABLE[name]
    x, y = Symbol("x"), Symbol("y")
    params = [Symbol(p) for p in row.params]
    formula = row.evaluate(FORMULAS, [x], params)
    (slope,) = row.differentiate(FORMULAS, y, [x], params)
    ends = [*(value(name, x) for x in GRID), value(name, FAR), value(name, -FAR)]
    here = (f"{value(name, 0.0):.3g}", f"{derivative(name, 0.0):.3g}")
    return name, str(formula), str(slope), f"{end(min(ends))} … {end(max(ends))}", *here


def end(x: float) -> str:
    """The end of a range; what is as large as the input has none."""
    if abs(x) > 2:
        return "∞" if x > 0 else "−∞"
    return f"{x:.3f}".rstrip("0").rstrip(".").replace("-", "−")


def value(name: str, x: float) -> float:
    """The engine's function at a point."""
    return float(getattr(engine, name)(x))


def derivative(name: str, x: float) -> float:
    """The engine's derivative at a point."""
    return float(grad(getattr(engine, name))(x))


def draw_curves(of: Callable[[str, float], float], y_label: str, dark: bool) -> Any:
    """The notes' three functions, or their slopes; ReLU's jumps just beside 0."""
    places = sorted({1e-9, *(x for x in GRID if abs(x) <= 3)})
    series = {name: [(x, of(name, x)) for x in places] for name in NOTES}
    return viz.draw_curve(series, x_label="x", y_label=y_label, dark=dark)


# -- W13 ------------------------------------------------------------------------------------------


def exact(x: Array) -> Array:
    """σ in NumPy."""
    return np.asarray(1 / (1 + np.exp(-x)))


class Lookup:
    """σ from a table of values at equal distances."""

    def __init__(self, size: int) -> None:
        self.places = np.linspace(-REACH, REACH, size + 1)
        self.values = exact(self.places)
        self.step = 2 * REACH / size
        self.slopes = np.diff(self.values, append=self.values[-1])  # from each entry to the next
        self.listed, self.rises = self.values.tolist(), self.slopes.tolist()

    def nearest(self, x: Array) -> Array:
        """The nearest entry: off by at most ½·step·max σ′ = step / 8."""
        index = ((x + REACH) * (1 / self.step) + 0.5).astype(np.intp)
        return np.asarray(self.values.take(index, mode="clip"))

    def between(self, x: Array) -> Array:
        """Linear interpolation: off by at most step²/8·max |σ″|."""
        place = (np.clip(x, -REACH, REACH) + REACH) * (1 / self.step)
        index = place.astype(np.intp)
        place -= index
        return np.asarray(self.values.take(index) + place * self.slopes.take(index))

    def one(self, x: float) -> float:
        """The nearest entry for one number, in Python alone."""
        return float(self.listed[int((min(max(x, -REACH), REACH) + REACH) / self.step + 0.5)])

    def one_between(self, x: float) -> float:
        """Linear interpolation for one number, in Python alone."""
        place = (min(max(x, -REACH), REACH) + REACH) / self.step
        index = int(place)
        return float(self.listed[index] + (place - index) * self.rises[index])


def exact_one(x: float) -> float:
    """σ of one number, in Python alone."""
    return 1 / (1 + math.exp(-x))


def shortcuts(seed: int, quick: bool) -> Finding:
    """W13."""
    x = np.random.default_rng(seed).uniform(-30, 30, 20_000 if quick else 1_000_000)
    x = np.concatenate([x, np.linspace(-3, 3, 10_001)])
    right, errors = exact(x), []
    tail = float(exact(np.array(-REACH)))
    for size in SIZES:
        lookup = Lookup(size)
        off = [float(np.abs(f(x) - right).max()) for f in (lookup.nearest, lookup.between)]
        bounds = (lookup.step / 8 + tail, lookup.step**2 / 8 * BEND + tail)
        errors.append((size, off[0], bounds[0], off[1], bounds[1]))
    times = timings(seed)
    here, slope, apart = stretched()
    bounded = all(a <= b and c <= d for _, a, b, c, d in errors)
    (rule,) = TABLE["sigmoid"].differentiate(FORMULAS, Symbol("y"), [Symbol("x")])
    text = f"""\
Largest error of a look-up table, and the bound that it obeys:
{
        table(
            ["entries", "nearest", "step/8", "interpolated", "step²·max|σ″|/8"],
            [(size, *(f"{e:.2e}" for e in row)) for size, *row in errors],
        )
    }

Time for one value on this machine, in nanoseconds, with {SIZES[-1]} entries:
{
        table(
            ["", *WAYS],
            [(where, *(f"{t:.1f}" for t in ways)) for where, ways in times.items()],
        )
    }{"" if "compiled, in a loop" in times else NO_COMPILER}
{chr(10).join(judged(where, ways) for where, ways in times.items())}
The error is bounded everywhere; whether time is saved depends on where it runs.

Backward nothing is computed anew: the engine's rule for σ is dy/dx = {rule},
which has no exp in it.

4σ(x) − 2 has at 0 the value {here:g} and the slope {slope:g} (by the engine), and it is
2·tanh(x/2): at {len(GRID)} points at most {apart:.1e} apart."""
    facts = bounded and (here, slope) == (0.0, 1.0) and apart < 1e-14 and "exp" not in str(rule)
    numbers: dict[str, float | str] = {}
    for size, nearest, _, interpolated, _ in errors:
        numbers[f"largest error, nearest of {size}"] = nearest
        numbers[f"largest error, interpolated, {size}"] = interpolated
    for where, ways in times.items():
        numbers |= {f"ns, {where}: {way}": t for way, t in zip(WAYS, ways, strict=True)}
    numbers |= {"4σ(x) − 2 at 0": here, "slope of 4σ(x) − 2 at 0": slope}
    numbers["largest distance from 2·tanh(x/2)"] = apart
    return Finding(
        verdict(facts, "the table is really quicker where it runs"),
        text,
        numbers,
        [
            (
                "w13-errors.svg",
                lambda dark: draw_errors(errors, dark),
                "the largest error against the table's size, measured and bound",
            ),
            ("w13-stretched.svg", draw_stretched, "σ, 4σ(x) − 2 and tanh"),
        ],
    )


def timings(seed: int) -> dict[str, list[float]]:
    """Nanoseconds a value in all ways, by where it is computed."""
    lookup = Lookup(SIZES[-1])
    x = np.random.default_rng(seed).uniform(-REACH, REACH, AT_ONCE)
    few = x[:200].tolist()
    out = np.empty_like(x)
    single: list[Callable[[float], float]] = [
        lambda x: math.exp(-x), exact_one, lookup.one, lookup.one_between,
    ]  # fmt: skip
    found = {
        "NumPy, many at once": least(
            [partial(f, x) for f in (np.exp, exact, lookup.nearest, lookup.between)],
            x.size,
        ),
        "Python, one at a time": least(
            [partial(each, f, few) for f in single],
            len(few),
        ),
    }
    if compiled := compiled_loops():
        ways = [partial(f, x, lookup.values, REACH, 1 / lookup.step, out) for f in compiled]
        found["compiled, in a loop"] = least(ways, x.size)
    return found


def each(f: Callable[[float], float], xs: Sequence[float]) -> list[float]:
    """One number after the other."""
    return [f(x) for x in xs]


def least(ways: Sequence[Callable[[], object]], values: int) -> list[float]:
    """Nanoseconds a value: the least of several times, taken in turn so that all meet the same."""
    times = [[timeit.timeit(f, number=1) for f in ways] for _ in range(REPEAT)]
    return [1e9 * min(column) / values for column in zip(*times, strict=True)]


def compiled_loops() -> list[Callable[..., None]]:
    """The ways as loops in machine code, where numba is installed."""
    try:
        from numba import njit  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return []
    exp = math.exp

    def exponential(x: Any, values: Any, reach: float, density: float, out: Any) -> None:
        for i in range(x.size):
            out[i] = exp(-x[i])

    def sigmoid(x: Any, values: Any, reach: float, density: float, out: Any) -> None:
        for i in range(x.size):
            out[i] = 1 / (1 + exp(-x[i]))

    def nearest(x: Any, values: Any, reach: float, density: float, out: Any) -> None:
        for i in range(x.size):
            out[i] = values[int((min(max(x[i], -reach), reach) + reach) * density + 0.5)]

    def between(x: Any, values: Any, reach: float, density: float, out: Any) -> None:
        for i in range(x.size):
            place = (min(max(x[i], -reach), reach) + reach) * density
            k = min(int(place), values.size - 2)
            out[i] = values[k] + (place - k) * (values[k + 1] - values[k])

    return [njit(f) for f in (exponential, sigmoid, nearest, between)]


def judged(where: str, ways: Sequence[float]) -> str:
    """Whether a table saves time there."""
    _, right, *tables = ways
    said = []
    for name, t in zip(WAYS[2:], tables, strict=True):
        ratio = right / t
        if 1 / CLOSE < ratio < CLOSE:
            said.append(f"{name} as fast as exp")
        else:
            said.append(
                f"{name} {max(ratio, 1 / ratio):.1f} times {'faster' if ratio > 1 else 'slower'}"
            )
    return f"  {where}: {', '.join(said)}."


def stretched() -> tuple[float, float, float]:
    """4σ(x) − 2 at 0: its value and slope; and how far it is from 2·tanh(x/2) anywhere."""

    def f(x: Any) -> Any:
        return 4 * engine.sigmoid(x) - 2

    apart = max(abs(f(x) - 2 * math.tanh(x / 2)) for x in GRID)
    return float(f(0.0)), float(grad(f)(0.0)), apart


def draw_errors(errors: Any, dark: bool) -> Any:
    """Error against size, on logarithmic axes, and the bounds."""
    series, bounds = (
        {name: [(row[0], row[i]) for row in errors] for name, i in columns}
        for columns in (
            (("nearest", 1), ("interpolated", 3)),
            (("nearest", 2), ("interpolated", 4)),
        )
    )
    return viz.draw_curve(
        series,
        theory=bounds,
        x_label="entries",
        y_label="largest error",
        log=True,
        x_log=True,
        remark="dashed: the bounds",
        dark=dark,
    )


def draw_stretched(dark: bool) -> Any:
    """σ and what is made of it."""
    xs = [x for x in GRID if abs(x) <= 4]
    series = {
        "σ(x)": [(x, value("sigmoid", x)) for x in xs],
        "4σ(x) − 2": [(x, 4 * value("sigmoid", x) - 2) for x in xs],
        "tanh(x)": [(x, value("tanh", x)) for x in xs],
    }
    return viz.draw_curve(series, x_label="x", y_label="y", dark=dark)


CLAIMS = [
    Claim(
        "W11",
        "ReLU, sigmoid and tanh",
        "ReLU is max(0, x) with slope 1 for positive x; sigmoid is 1/(1 + e^(−x)) with slope "
        "f·(1 − f) and does not pass through 0; tanh has slope 1 − f², passes through 0 and has "
        "slope 1 there.",
        comparison,
    ),
    Claim(
        "W13",
        "A cheaper sigmoid",
        "Sigmoid is costly because of exp. A look-up table can take its place forward, and the "
        "backward pass uses the forward value again. 4σ(x) − 2 passes through 0 with slope 1.",
        shortcuts,
    ),
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
