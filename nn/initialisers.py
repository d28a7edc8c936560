"""Where weights start: functions of a layer's widths and a source of randomness.

An initialiser is called once for every weight, as ``init(nin, nout, rng)``: the layer has ``nin``
inputs and ``nout`` neurons, ``rng`` is a `random.Random`. Biases start at 0.

Xavier keeps the variance of activations (Var w = 1/nin) and of gradients (Var w = 1/nout) about
constant from layer to layer, as a compromise between the two; LeCun keeps that of activations
alone; He doubles 1/nin for ReLU, which halves the variance. A gain multiplies the weights for an
activation that shrinks what passes through it: ``with_gain("xavier_normal", gain("tanh"))``.

Sources: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, *Efficient BackProp*, 1998, §4.6; X. Glorot,
Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS
2010, equations 12 and 16; K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, ICCV
2015, equation 10.
"""

from __future__ import annotations

import random
from math import inf, sqrt

from engine.numbers import real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Randomness(Protocol):
        """What initialisers use of `random.Random`; the module `random` has it too."""

        def uniform(self, a: float, b: float) -> float: ...  # noqa: D102
        def gauss(self, mu: float, sigma: float) -> float: ...  # noqa: D102
        def shuffle(self, x: list[Any]) -> None: ...  # noqa: D102

    Initialiser = Callable[[int, int, Randomness], float]


def uniform(nin: int, nout: int, rng: Randomness) -> float:
    """Uniform in [−1, 1], whatever the widths: micrograd's."""
    return rng.uniform(-1, 1)


def xavier_uniform(nin: int, nout: int, rng: Randomness) -> float:
    """Uniform in ±√(6 / (nin + nout)), so Var w = 2 / (nin + nout)."""
    bound = sqrt(6 / (nin + nout))
    return rng.uniform(-bound, bound)


def xavier_normal(nin: int, nout: int, rng: Randomness) -> float:
    """Normal with variance 2 / (nin + nout)."""
    return rng.gauss(0, sqrt(2 / (nin + nout)))


def he_uniform(nin: int, nout: int, rng: Randomness) -> float:
    """Uniform in ±√(6 / nin), so Var w = 2 / nin."""
    bound = sqrt(6 / nin)
    return rng.uniform(-bound, bound)


def he_normal(nin: int, nout: int, rng: Randomness) -> float:
    """Normal with variance 2 / nin."""
    return rng.gauss(0, sqrt(2 / nin))


def lecun_uniform(nin: int, nout: int, rng: Randomness) -> float:
    """Uniform in ±√(3 / nin), so Var w = 1 / nin."""
    bound = sqrt(3 / nin)
    return rng.uniform(-bound, bound)


def lecun_normal(nin: int, nout: int, rng: Randomness) -> float:
    """Normal with variance 1 / nin."""
    return rng.gauss(0, sqrt(1 / nin))


def zeros(nin: int, nout: int, rng: Randomness) -> float:
    """0: all neurons of a layer are the same, and stay so."""
    return 0.0


INITIALISERS: dict[str, Initialiser] = {
    f.__name__: f
    for f in (
        uniform, xavier_uniform, xavier_normal, he_uniform, he_normal, lecun_uniform,
        lecun_normal, zeros,
    )
}  # fmt: skip


def constant(value: float) -> Initialiser:
    """An initialiser that makes every weight the same number."""
    value = real(value, "constant()")
    return lambda nin, nout, rng: value


def normal(std: float = 1.0) -> Initialiser:
    """An initialiser that draws from a normal distribution of mean 0, whatever the widths.

    Raises:
        ValueError: if the standard deviation is negative or not finite.
    """
    std = real(std, "normal()")
    if not 0 <= std < inf:
        raise ValueError(f"a standard deviation is at least 0 and finite, not {std!r}")
    return lambda nin, nout, rng: rng.gauss(0, std)


def with_gain(init: str | Initialiser, factor: float) -> Initialiser:
    """An initialiser whose weights are those of another one, times a factor."""
    draw, factor = initialiser(init), real(factor, "with_gain()")
    return lambda nin, nout, rng: factor * draw(nin, nout, rng)


def gain(activation: str, slope: float = 0.01) -> float:
    """The gain that PyTorch recommends for an activation, its ``calculate_gain``.

    Args:
        activation: "linear", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        slope: of leaky ReLU for negative numbers.
    """
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": sqrt(2.0),
        "leaky_relu": sqrt(2 / (1 + slope * slope)),
        "selu": 3 / 4,
    }
    if activation not in gains:
        raise ValueError(f"no gain is known for {activation!r}; there are {', '.join(gains)}")
    return gains[activation]


def initialiser(init: str | Initialiser) -> Initialiser:
    """The initialiser of that name, or the function itself."""
    if callable(init):
        return init
    if not isinstance(init, str):
        raise TypeError(f"init is a name or a function (nin, nout, rng), not {init!r}")
    if init not in INITIALISERS:
        raise ValueError(f"no initialiser is called {init!r}; there are {', '.join(INITIALISERS)}")
    return INITIALISERS[init]


def randomness(rng: Any) -> Randomness:
    """The generator itself, a new one for a seed, the module `random` for None."""
    if rng is None:
        return random
    if hasattr(rng, "uniform") and hasattr(rng, "gauss"):
        generator: Randomness = rng
        return generator
    if hasattr(rng, "__index__"):
        return random.Random(rng.__index__())
    raise TypeError(f"rng is a random.Random, a whole number as its seed, or None, not {rng!r}")
