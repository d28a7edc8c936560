"""`State`: what a training step keeps from one call to the next, besides its parameters.

`drawn`: what it draws anew in each call, such as the masks of dropout.
"""

from __future__ import annotations

from operator import attrgetter

from .modes import TAPE, active

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

settings = [0]  # how often an attribute of a module has been set: a recording may depend on it


class State:
    """A place for a number (or an array) that a recorded program reads and writes when it runs.

    An optimiser's velocities and its learning rate are such numbers: a plain attribute would be
    read once, while the step is recorded, and then stay as it was. ``data`` is read and assigned
    like a parameter's. An array without axes becomes a plain number, which takes on the precision
    of the arrays that it meets.

    >>> count = State(0.0)
    >>> count.data = count.data + 1
    >>> count
    State(1.0)
    """

    __slots__ = ("_data", "label")

    def __init__(self, data: Any, label: str = "") -> None:
        self._set_data(data)
        self.label = label

    def _set_data(self, data: Any) -> None:
        is_array = type(data).__module__ == "numpy"
        self._data: Any = data.item() if is_array and not data.ndim else data

    data = property(attrgetter("_data"), _set_data, doc="The number.")

    def __reduce__(self) -> tuple[type[State], tuple[Any, str]]:
        return State, (self._data, self.label)

    def __repr__(self) -> str:
        return f"State({self._data!r})"


class Drawn(State):
    """A State that is drawn anew whenever a program that reads it is run.

    Args:
        data: a number or array of the kind that is drawn.
        draw: what draws.
    """

    __slots__ = ("draw",)

    def __init__(self, data: Any, draw: Callable[[], Any], label: str = "") -> None:
        super().__init__(data, label)
        self.draw = draw

    def __reduce__(self) -> tuple[Any, ...]:
        return Drawn, (self._data, self.draw, self.label)


def drawn(like: Any, draw: Callable[[], Any], label: str = "") -> Any:
    """What ``draw()`` gives; while a program is recorded, a number that each run of it draws anew.

    Args:
        like: a number or array of the kind that is drawn. It is what the recording computes with.
        draw: draws, always in the same shape. It is called once for every run, in the order in
            which the function asked, so that a program draws what the function would have drawn.
        label: a name for the program's text.
    """
    tape = TAPE.get() if active else None
    return draw() if tape is None else tape.draw(like, draw, label)


def among(owners: Iterable[object]) -> tuple[Drawn, ...]:
    """Those of a program's States that are drawn."""
    return tuple(dict.fromkeys(x for x in owners if isinstance(x, Drawn)))
