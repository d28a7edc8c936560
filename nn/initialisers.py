"""Where weights start: functions of a layer's widths and a source of randomness.

An initialiser is called once for every weight, as ``init(nin, nout, rng)``: the layer has ``nin``
inputs and ``nout`` neurons, ``rng`` is a `random.Random`. Biases start at 0.

Xavier keeps the variance of activations (Var w = 1/nin) and of gradients (Var w = 1/nout) about
constant from layer to layer, as a compromise between the two; He doubles 1/nin for ReLU, which
halves the variance.

Sources: X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural
networks*, AISTATS 2010, equations 12 and 16; K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into
rectifiers*, ICCV 2015, equation 10.
"""

from __future__ import annotations

import random
from math import sqrt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Randomness(Protocol):
        """What initialisers use of `random.Random`; the module `random` has it too."""

        def uniform(self, a: float, b: float) -> float: ...  # noqa: D102
        def gauss(self, mu: float, sigma: float) -> float: ...  # noqa: D102

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


def zeros(nin: int, nout: int, rng: Randomness) -> float:
    """0: all neurons of a layer are the same, and stay so."""
    return 0.0


INITIALISERS: dict[str, Initialiser] = {
    f.__name__: f
    for f in (uniform, xavier_uniform, xavier_normal, he_uniform, he_normal, zeros)
}  # fmt: skip


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
