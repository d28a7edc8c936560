"""Minima and saddle points: told apart by eigenvalues, counted, and walked past.

Run it as ``python demos/saddles.py``.
"""

from __future__ import annotations

from typing import Any

from commandline import run, tidy_end

with tidy_end():
    import numpy as np
    from claims import Claim, Finding, Share, lesson, table, verdict
    from numpy.typing import NDArray

    import viz
    from engine import Value, grad, hessian
    from nn import SGD, Adam, RMSprop

DIMENSIONS = (1, 2, 3, 4, 5, 6)
BESIDE = 1e-6  # how far beside the ridge the second start is
STEPS = 400
LEVELS = (-0.2, -0.1, 0.0, 0.1, 0.2, 0.4, 0.6)  # of the contours
LEFT = 0.5  # |y| at which the saddle has been left behind
STUCK = "they start exactly on the ridge: beside it all optimisers leave"
OPTIMISERS: dict[str, Any] = {
    "SGD": lambda p: SGD(p, lr=0.05),
    "momentum": lambda p: SGD(p, lr=0.05, momentum=0.9),
    "RMSProp": lambda p: RMSprop(p, lr=0.05),
    "Adam": lambda p: Adam(p, lr=0.05),
}

Array = NDArray[np.float64]


def valley(v: Any) -> Any:
    """½x² − ½y² + ¼y⁴: a saddle at 0, minima at (0, ±1), and a ridge along y = 0."""
    x, y = v
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def eigenvalues(f: Any, point: Any) -> Array:
    """Those of the engine's Hessian."""
    return np.linalg.eigvalsh(np.array(hessian(f)(list(point))))


def kind(values: Array) -> str:
    """What a stationary point is, by its Hessian's eigenvalues."""
    return "minimum" if values.min() > 0 else "maximum" if values.max() < 0 else "saddle"


def share_of_saddles(dimension: int, draws: int, rng: Any) -> Share:
    """Among random functions with a stationary point at 0, how many have a saddle there.

    The functions are ½·vᵀAv + ¼·Σv⁴, with A symmetric, of independent normal entries.
    """
    saddles = 0
    for _ in range(draws):
        a = rng.normal(size=(dimension, dimension))
        a = ((a + a.T) / 2).tolist()

        def f(v: Any, a: Any = a) -> Any:
            terms = [a[i][j] * v[i] * v[j] for i in range(dimension) for j in range(dimension)]
            return sum(terms) / 2 + sum(x**4 for x in v) / 4

        saddles += kind(eigenvalues(f, [0.0] * dimension)) == "saddle"
    return Share(saddles, draws)


def walk(name: str, y: float) -> list[tuple[float, float]]:
    """An optimiser's way from (1, y)."""
    point = [Value(1.0), Value(y)]
    optimiser, way = OPTIMISERS[name](point), [(1.0, y)]
    for _ in range(STEPS):
        loss = valley(point)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        way.append((point[0].data, point[1].data))
    return way


def steps_to_leave(way: list[tuple[float, float]]) -> int | None:
    """After how many steps the saddle has been left behind."""
    return next((i for i, (_, y) in enumerate(way) if abs(y) > LEFT), None)


def saddles(seed: int, quick: bool) -> Finding:
    """W19."""
    points = {"(0, 0)": (0.0, 0.0), "(0, 1)": (0.0, 1.0), "(0, −1)": (0.0, -1.0)}
    slopes = {name: list(map(float, grad(valley)(list(p)))) for name, p in points.items()}
    spectra = {name: eigenvalues(valley, point) for name, point in points.items()}
    rng, draws = np.random.default_rng(seed), 100 if quick else 400
    shares = {n: share_of_saddles(n, draws, rng) for n in DIMENSIONS}
    on, beside = ({name: walk(name, y) for name in OPTIMISERS} for y in (0.0, BESIDE))
    ways = [(name, said(steps_to_leave(on[name])), said(steps_to_leave(beside[name])))
            for name in OPTIMISERS]  # fmt: skip
    text = f"""\
Stationary points of f(x, y) = ½x² − ½y² + ¼y⁴, by the engine's Hessian:
{
        table(
            ["point", "gradient", "eigenvalues", "it is a"],
            [(p, pair(slopes[p]), pair(e), kind(e)) for p, e in spectra.items()],
        )
    }
At the saddle, too, the gradient is 0 in all directions (the notes say: in some);
what tells the two apart is how the function bends.

Random functions of n numbers with a stationary point at 0: the share of saddles
among {draws} of them. Only where all n eigenvalues have one sign it is none:
{table(["n", "share of saddles"], [(str(n), share) for n, share in shares.items()])}

Steps until the saddle at (0, 0) is left (|y| > {LEFT:g}), from (1, 0), exactly on the
ridge, and from (1, {BESIDE:g}), beside it:
{table(["", "on the ridge", "beside it"], ways)}

On the ridge the gradient across it is exactly 0, so nobody leaves. Beside it all
do, as rounding or noise also would bring about: SGD slowly, because the gradient
is as small as the distance; those that divide by its size soon."""
    still = not any(x for slope in slopes.values() for x in slope)
    told = still and [kind(e) for e in spectra.values()] == ["saddle", "minimum", "minimum"]
    first, last = shares[DIMENSIONS[0]], shares[DIMENSIONS[-1]]
    grows = first.bounds[1] < last.bounds[0]
    stuck = all(steps_to_leave(way) is None for way in on.values())
    leaves = all(steps_to_leave(way) is not None for way in beside.values())
    return Finding(
        verdict(told and grows and stuck and leaves, STUCK),
        text,
        {f"share of saddles, n = {n}": str(share) for n, share in shares.items()}
        | {f"steps to leave, beside the ridge, {name}": later for name, _, later in ways},
        [
            (
                "w19-share.svg",
                lambda dark: viz.draw_curve(
                    {"saddles": [(n, share.mean) for n, share in shares.items()]},
                    bands={"saddles": [share.bounds for share in shares.values()]},
                    remark="band: interval of the share",
                    x_label="dimension", y_label="share of stationary points", dark=dark,
                ),
                "the share of saddles grows with the dimension",
            ),
            *(
                (
                    f"w19-paths-{name}.svg",
                    lambda dark, ways=ways: viz.draw_surface(
                        lambda x, y: valley((x, y)), (-0.6, 1.15), (-0.35, 1.35), ways,
                        levels=LEVELS, dark=dark,
                    ),
                    f"from (1, {start:g}), {name} the ridge: the optimisers' paths across the "
                    "saddle at (0, 0)",
                )
                for name, start, ways in (("on", 0.0, on), ("beside", BESIDE, beside))
            ),
            (
                "w19-leave.svg",
                lambda dark: viz.draw_curve(
                    {name: [abs(y) for _, y in way] for name, way in beside.items()},
                    x_label="step", y_label="|y|, distance from the ridge", log=True, dark=dark,
                ),
                "how the optimisers leave the ridge, a millionth beside which they start",
            ),
        ],
    )  # fmt: skip


def pair(numbers: Any) -> str:
    """Two numbers with their signs."""
    return ", ".join(f"{x:+.3g}" if x else "0" for x in numbers)


def said(steps: int | None) -> str:
    """A number of steps in words."""
    return "never" if steps is None else str(steps)


CLAIMS = [
    Claim(
        "W19",
        "Minima and saddle points",
        "Where the gradient is 0 there is a minimum or a saddle. In high dimension saddles are "
        "much commoner, and optimisers get stuck in them.",
        saddles,
    )
]

if __name__ == "__main__":
    run(lambda: lesson(CLAIMS))
