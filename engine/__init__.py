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
from .graph import topological_order
from .modes import detect_anomaly, no_grad
from .rules import NOTHING, REQUIRED, TABLE, Rule, rule
from .symbol import Symbol
from .value import FUNCTIONS, Value, softmax

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "NOTHING",
    "REQUIRED",
    "TABLE",
    "Rule",
    "Symbol",
    "Value",
    "detect_anomaly",
    "grad",
    "gradient",
    "hessian",
    "hvp",
    "jvp",
    "no_grad",
    "rule",
    "softmax",
    "topological_order",
    "value_and_grad",
]


MODULES = (  # those that are loaded later
    "battery", "check", "commandline", "conformance", "diagnosis", "display", "files", "findings",
    "generate", "isolation", "properties", "simulation", "strategies",
)  # fmt: skip
TABLE.reserved.update(globals(), MODULES)


def __getattr__(name: str) -> Any:
    """The function of that row of the table: ``engine.exp``."""
    if name in TABLE:
        return FUNCTIONS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(row.name for row in TABLE)})
