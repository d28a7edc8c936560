"""gradpath's engine: numbers that remember how they were made, and their derivatives.

>>> from engine import Value, tanh
>>> x = Value(0.5, label="x")
>>> y = tanh(2 * x)
>>> y.backward()
>>> x.grad  # dy/dx
0.8399486832280523

Every row of the table in `engine.rules` is a function here, for any kind of number: ``exp(1.0)`` is
a float, ``exp(Value(1.0))`` a node of a graph.
"""

from __future__ import annotations

from .gradient import grad, gradient, hessian, hvp, jvp, value_and_grad
from .graph import Path, count_paths, heaviest_paths, paths, topological_order
from .modes import detect_anomaly, no_grad
from .rules import NOTHING, REQUIRED, TABLE, Rule, rule
from .symbol import Symbol
from .value import FUNCTIONS, Value, softmax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .functions import concatenate as concatenate
    from .functions import linear as linear
    from .functions import matmul as matmul
    from .functions import softmax_cross_entropy as softmax_cross_entropy
    from .functions import stack as stack
    from .functions import sum_of_squares as sum_of_squares
    from .functions import where as where
    from .program import GuardError as GuardError
    from .program import Program as Program
    from .program import record as record
    from .program.fusion import fuse as fuse
    from .tensor import Tensor as Tensor

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


MODULES = (  # those that are loaded later
    "arrays", "buffer", "check", "check_arrays", "conformance", "differences", "display", "files",
    "functions", "generate", "program", "pullback", "state", "strategies", "tensor", "tensor_maths",
)  # fmt: skip
LATER = {  # public names by the modules that they come from, which load NumPy
    "Tensor": "tensor", "concatenate": "functions", "linear": "functions", "matmul": "functions",
    "softmax_cross_entropy": "functions", "stack": "functions", "sum_of_squares": "functions",
    "where": "functions", "fuse": "program.fusion", "Program": "program", "record": "program",
    "GuardError": "program",
}  # fmt: skip
TABLE.reserved.update(globals(), MODULES, LATER)


def __getattr__(name: str) -> Any:
    """The function of that row of the table: ``engine.exp``. What needs NumPy loads it then."""
    if name in TABLE:
        return FUNCTIONS[name]
    if name in LATER:
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f".{LATER[name]}", __name__), name)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER, *(row.name for row in TABLE)})
