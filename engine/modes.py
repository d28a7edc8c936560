"""Modes of recording: `no_grad` and `detect_anomaly`, each for its own thread or task.

The engine's fast paths look at one list, `active`: empty, nothing is on anywhere. Only when it is
not do they ask which modes are on in the context that they run in.
"""

from __future__ import annotations

import sys
from _contextvars import ContextVar
from _thread import RLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, Self, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

active: list[object] = []  # the modes that are on in any thread

RECORDING: ContextVar[bool] = ContextVar("recording", default=True)
ANOMALY: ContextVar[bool] = ContextVar("anomaly", default=False)
recording = RECORDING.get
anomaly = ANOMALY.get
TAPE: ContextVar[Any] = ContextVar("tape", default=None)  # the program that is being recorded
ONE_RECORDING = RLock()  # recordings replace methods of classes, so threads take turns


class Mode:
    """A context manager, or a decorator, that sets one context variable while it is on."""

    _variable: ContextVar[bool]
    _on: bool

    def __init__(self) -> None:
        self._tokens: list[Any] = []

    def __enter__(self) -> Self:
        active.append(self)
        self._tokens.append(self._variable.set(self._on))
        return self

    def __exit__(self, *error: object) -> None:
        self._variable.reset(self._tokens.pop())
        active.remove(self)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """A function that runs with the mode on."""
        from functools import wraps

        @wraps(function)
        def within(*args: P.args, **named: P.kwargs) -> R:
            with type(self)():
                return function(*args, **named)

        return within


class no_grad(Mode):  # noqa: N801 — a name in the manner of functions, as in PyTorch
    """Compute without recording: results are leaves, and nothing is kept for a backward pass.

    >>> with no_grad():
    ...     prediction = model(x)
    """

    _variable, _on = RECORDING, False


class detect_anomaly(Mode):  # noqa: N801
    """Raise `FloatingPointError` at the first value or gradient that is inf or nan.

    The message names the node, its operation, its operands and the line of user code that made
    it. Slower than recording without, so it is off unless asked for.
    """

    _variable, _on = ANOMALY, True


class Differentiation:
    """A derivative is being taken: what happens in it is recorded, whatever mode is on outside.

    Inside another one, results stay Values even where numbers were given: the function may have
    closed over the outer one's variables.
    """

    _depth: ContextVar[int] = ContextVar("depth", default=0)

    def __enter__(self) -> bool:
        depth = self._depth.get()
        self._tokens = (self._depth.set(depth + 1), RECORDING.set(True))
        return depth > 0

    def __exit__(self, *error: object) -> None:
        depth, recorded = self._tokens
        RECORDING.reset(recorded)
        self._depth.reset(depth)


def differentiating() -> bool:
    """Whether a function is being differentiated."""
    return Differentiation._depth.get() > 0


def origin() -> str:
    """The innermost line of user code that is running now: ``file:line: code``."""
    import linecache

    parent = __file__.rpartition("engine")[0]
    ours = (f"{parent}engine", f"{parent}nn", "<generated from the rule")
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(ours):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line).strip()
    return f"{file}:{line}: {text}" if text else f"{file}:{line}"
