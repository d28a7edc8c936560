"""`State`: what a training step keeps from one call to the next, besides its parameters."""

from __future__ import annotations

from operator import attrgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

settings = [0]  # how often an attribute of a module has been set: a recording may depend on it


class State:
    """A place for a number (or an array) that a recorded program reads and writes when it runs.

    An optimiser's velocities and its learning rate are such numbers: a plain attribute would be
    read once, while the step is recorded, and then stay as it was. ``data`` is read and assigned
    like a parameter's.

    >>> count = State(0.0)
    >>> count.data = count.data + 1
    >>> count
    State(1.0)
    """

    __slots__ = ("_data", "label")

    def __init__(self, data: Any, label: str = "") -> None:
        self._data: Any = data
        self.label = label

    def _set_data(self, data: Any) -> None:
        self._data = data

    data = property(attrgetter("_data"), _set_data, doc="The number.")

    def __reduce__(self) -> tuple[type[State], tuple[Any, str]]:
        return State, (self._data, self.label)

    def __repr__(self) -> str:
        return f"State({self._data!r})"
