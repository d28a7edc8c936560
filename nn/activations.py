"""Activation functions: any row of the engine's table with one argument."""

from __future__ import annotations

import engine
from engine import TABLE
from engine.cuts import refusal
from engine.rule import REQUIRED, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Activation = Callable[[Any], Any]


def activation_function(activation: str | Activation) -> Activation:
    """The function of that name, or the function itself.

    Raises:
        TypeError: for what is no function, or is one of plain numbers, which would cut the graph.
        ValueError: for a name that no activation has.
    """
    if callable(activation):
        module, name = (getattr(activation, x, "") for x in ("__module__", "__name__"))
        if module in ("math", "cmath"):
            raise refusal(f"{module}.{name}()", name)
        return activation
    if not isinstance(activation, str):
        raise TypeError(f"activation is a name or a function of one number, not {activation!r}")
    if activation not in TABLE or not fits(TABLE[activation]):
        names = ", ".join(row.name for row in TABLE if fits(row))
        raise ValueError(f"no activation is called {activation!r}; there are {names}")
    function: Activation = getattr(engine, activation)
    return function


def fits(row: Rule) -> bool:
    """Whether the row is a function of one number that needs no further parameter."""
    return row.arity == 1 and not row.variadic and REQUIRED not in row.params.values()


def title(activation: Activation) -> str:
    """An activation's name as a neuron bears it: ``ReLU``, ``LeakyReLU``, ``Tanh``."""
    name: str = getattr(activation, "__name__", type(activation).__name__).strip("<>")
    if name in TABLE:
        spelled = TABLE[name].sign.replace(" ", "_")
        name = spelled if spelled.lower() == name else name
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))
