"""The cross-entropy of logits for a class that a recorded program is given anew at each run."""

from __future__ import annotations

from ..operators import NAMES
from ..rowcode import functions
from ..rule import NOTHING, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class ClassRule(Rule):
    """The row of the cross-entropy whose class is one of the arguments: a recording's input."""

    def __reduce__(self) -> Any:
        return "CLASS_CROSS_ENTROPY"


def chosen(m: Any, xs: Sequence[Any], t: Any) -> Any:
    """The entry of class t, which is one of 0, 1, …"""
    y = xs[-1]
    for i in range(len(xs) - 2, -1, -1):
        y = m.where(t <= i, xs[i], y)
    return y


CLASS_CROSS_ENTROPY = ClassRule(
    "class_cross_entropy",
    lambda m, xst: 0 - chosen(m, m.log_softmax(xst[:-1]), xst[-1]),
    lambda m, y, xst: [
        *(
            m.exp(x) - m.where((xst[-1] >= i) & (xst[-1] <= i), 1.0, 0.0)
            for i, x in enumerate(m.log_softmax(xst[:-1]))
        ),
        NOTHING,
    ],
    variadic=True,
    sign="cross-entropy",
)


def class_cross_entropy(xs: Sequence[Any], t: Any) -> Any:
    """The cross-entropy of logits for the class that an input of the recording is."""
    return functions(CLASS_CROSS_ENTROPY, NAMES)[0]((*xs, t))
