"""gradpath's engine: numbers that remember how they were made, and their derivatives.

>>> from engine import Value, tanh
>>> x = Value(0.5, label="x")
>>> y = tanh(2 * x)
>>> y.backward()
>>> x.grad  # dy/dx
0.8399486832280523

Every row of the table in `engine.rules` is a function here, for any kind of number: ``exp(1.0)`` is
a float, ``exp(Value(1.0))`` a node of a graph.

How to read it in an evening, one file after the other:

1. `rules`, the table: a derivative is written there and nowhere else; `rule` says what a row is.
2. `numbers`: a row is computed in the mathematics of whatever it is given.
3. `node` and `value`: a number that remembers how it was made; `backward`, the walk that sends
   gradients back. The methods of a Value are printed from the rows: ``rowcode.source("mul")``.
4. `graph` and `paths`: the order of a graph, and sums over the paths through it.
5. `gradient`: derivatives as functions, and as graphs that can be differentiated again.

Behind it: other kinds of number (`dual` for forward mode, `symbol` for formulas, `reals`,
`complexes`); neurons that are one node until somebody looks (`neuron`); what is on while one
computes (`modes`, `state`); and three packages, each of which begins with a map of its own:
`tensor`, the twin on NumPy's arrays; `program`, functions recorded and replayed; `check`, which
tests gradients, and engines of others.
"""

from __future__ import annotations

from .gradient import grad, gradient, hessian, hvp, jvp, value_and_grad
from .graph import topological_order
from .modes import detect_anomaly, no_grad
from .numbers import register
from .operators import FUNCTIONS, softmax
from .paths import Path, count_paths, heaviest_paths, paths
from .rules import NOTHING, REQUIRED, TABLE, Rule, rule
from .symbol import Symbol
from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .program import GuardError as GuardError
    from .program import Program as Program
    from .program import record as record
    from .program.fusion import fuse as fuse
    from .tensor.functions import concatenate as concatenate
    from .tensor.functions import linear as linear
    from .tensor.functions import matmul as matmul
    from .tensor.functions import softmax_cross_entropy as softmax_cross_entropy
    from .tensor.functions import stack as stack
    from .tensor.functions import sum_of_squares as sum_of_squares
    from .tensor.functions import where as where
    from .tensor.tensor import Tensor as Tensor

__all__ = [
    "GuardError",
    "NOTHING",
    "Path",
    "Program",
    "REQUIRED",
    "TABLE",
    "Rule",
    "Symbol",
    "Tensor",
    "Value",
    "concatenate",
    "count_paths",
    "detect_anomaly",
    "fuse",
    "grad",
    "gradient",
    "heaviest_paths",
    "hessian",
    "hvp",
    "jvp",
    "linear",
    "matmul",
    "no_grad",
    "paths",
    "record",
    "rule",
    "softmax",
    "softmax_cross_entropy",
    "stack",
    "sum_of_squares",
    "topological_order",
    "value_and_grad",
    "where",
]


LATER = {  # public names by the modules that they come from, which load NumPy
    "Tensor": "tensor", "concatenate": "tensor", "linear": "tensor", "matmul": "tensor",
    "softmax_cross_entropy": "tensor", "stack": "tensor", "sum_of_squares": "tensor",
    "where": "tensor", "fuse": "program.fusion", "Program": "program", "record": "program",
    "GuardError": "program",
}  # fmt: skip
PACKAGES = {"check", "program", "strategies", "tensor"}  # those that are loaded later
TABLE.reserved.update(globals(), PACKAGES, LATER)


def found_in(module: str, name: str) -> Any:
    """What a module of the engine has under a name; it is loaded now, if it is not yet."""
    from importlib import import_module

    return getattr(import_module(f".{module}", __name__), name)


register(
    lambda x: bool(getattr(x, "ndim", 0)),  # an array that is no single number
    lambda *args: found_in("tensor.arrays", "on_arrays")(*args),
)
register(
    lambda x: isinstance(x, complex),
    lambda *args: found_in("complexes", "on_complexes")(*args),
)


def __getattr__(name: str) -> Any:
    """The function of that row of the table: ``engine.exp``. What needs NumPy loads it then."""
    if name in TABLE:
        return FUNCTIONS[name]
    if name in LATER:
        found = globals()[name] = found_in(LATER[name], name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER, *(row.name for row in TABLE)})
