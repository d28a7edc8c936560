"""Modes of recording: `no_grad` and `detect_anomaly`, each for its own thread or task.

The engine's fast paths look at one list, `active`: empty, nothing is on anywhere. Only when it is
not do they ask which modes are on in the context that they run in.

An interrupt (Ctrl-C) may come between any two steps of Python code, also between the end of a
``with`` block and what its ``__exit__`` does. So nothing here has to be undone: each block has a
lock of its own, the mode is on as long as the lock is held, and what ends the block is the lock's
release, which no interrupt can divide. What is left behind is passed over, and removed when found.
"""

from __future__ import annotations

import sys
from _contextvars import ContextVar
from _functools import partial  # type: ignore[import-not-found]
from _thread import allocate_lock, get_ident

from .forks import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable, Generator
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

active: list[object] = []  # the locks of the blocks that are on in any thread
ONE_RECORDING = guard()  # recordings replace methods of classes, so threads take turns


class Setting:
    """What a mode sets, for its own thread or task.

    There is an entry for each block: what tells whether its lock is held, what it sets, the entry
    around it, its lock, and whose block it is.
    """

    __slots__ = ("entry", "set", "default")

    def __init__(self, name: str, default: Any) -> None:
        variable: ContextVar[Any] = ContextVar(name, default=None)
        self.entry, self.set = variable.get, variable.set
        self.default = default

    def get(self) -> Any:
        """What it is set to here and now."""
        entry = self.innermost()
        return self.default if entry is None else entry[1]

    def innermost(self) -> Any:
        """The entry of the innermost block that is on, or None."""
        entry = self.entry()
        while entry is not None and not entry[0]():
            entry = entry[2]
        return entry


RECORDING = Setting("recording", True)
ANOMALY = Setting("anomaly", False)
DIFFERENTIATING = Setting("differentiating", False)
TAPE = Setting("tape", None)  # the program that is being recorded
recording = RECORDING.get
anomaly = ANOMALY.get
differentiating = DIFFERENTIATING.get  # whether a function is being differentiated


def asked(
    tape: Any = TAPE.entry, record: Any = RECORDING.entry, watch: Any = ANOMALY.entry
) -> tuple[Any, bool, bool]:
    """The tape that is on, whether nodes are recorded, and whether anomalies are looked for."""
    a, b, c = tape(), record(), watch()
    return (
        a and TAPE.get(),
        b is None or (b[1] if b[0]() else recording()),
        c is not None and anomaly(),
    )


def tidy() -> None:
    """Remove what blocks have left behind."""
    for lock in tuple(active):
        if not lock.locked():  # type: ignore[attr-defined]
            try:  # noqa: SIM105 — contextlib takes long to load
                active.remove(lock)
            except ValueError:  # another thread was quicker
                pass


def leave(whose: object, setting: Setting, *error: object) -> None:
    """Leave a mode's innermost block by calling ``__exit__``."""
    entry = setting.entry()
    while entry is not None and not (entry[4] is whose and entry[0]()):
        entry = entry[2]
    if entry is None:
        raise RuntimeError("a mode is left that was not entered here")
    entry[3].release()


class Leaving:
    """`Mode.__exit__`: for each ``with`` the release of a new lock.

    ``with`` looks it up in the class, before it calls ``__enter__``, which then takes that lock.
    Whoever calls it by name finds the object's own `leave`.
    """

    def __get__(self, mode: Mode | None, kind: type[Mode]) -> Callable[..., None]:
        if mode is None:  # an ExitStack
            return lambda mode, *error: mode.__exit__(*error)
        lock = mode.prepared[get_ident()] = allocate_lock()
        return lock.__exit__


class Mode:
    """A context manager, or a decorator, that sets something while it is on.

    Attributes:
        settings: pairs of a `Setting` and what it is set to.
        watched: whether new nodes must ask for it.
    """

    settings: tuple[tuple[Setting, Any], ...]
    watched = True

    def __init__(self) -> None:
        self.prepared: dict[int, LockType] = {}  # of the block that a thread is about to enter
        self.__dict__["__exit__"] = partial(leave, self.prepared, self.settings[0][0])

    def result(self) -> Any:
        """What ``as`` gives."""
        return self

    def __enter__(self) -> Any:
        if active:
            tidy()
        result = self.result()
        lock = self.prepared.pop(get_ident(), None) or allocate_lock()
        try:
            for setting, x in self.settings:
                setting.set((lock.locked, x, setting.innermost(), lock, self.prepared))
            lock.acquire()
            if self.watched:
                active.append(lock)
            return result
        except BaseException:
            if lock.locked():
                lock.release()
            raise

    if TYPE_CHECKING:

        def __exit__(self, *error: object) -> None: ...

    else:
        __exit__ = Leaving()

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """A function that runs with the mode on; of a generator or a coroutine, its body does."""
        from functools import wraps

        within: Any = wraps(function)(decorated(type(self), function))
        return within  # type: ignore[no-any-return]


def decorated(mode: Callable[[], Mode], function: Any) -> Any:
    """The function with the mode on while its body runs, and off while that waits."""
    import types

    awaited = types.coroutine(driven)
    kind = getattr(getattr(function, "__code__", None), "co_flags", 0) & 0x2A0
    if kind == 0x20:

        def generator(*args: Any, **named: Any) -> Any:
            return (yield from driven(mode, function(*args, **named)))

        return generator
    if kind == 0x80:

        async def coroutine(*args: Any, **named: Any) -> Any:
            return await awaited(mode, function(*args, **named))

        return coroutine
    if kind == 0x200:

        async def asynchronous(*args: Any, **named: Any) -> Any:
            inner = function(*args, **named)
            step, x = inner.asend, None
            try:
                while True:
                    try:
                        y = await awaited(mode, step(x))
                    except StopAsyncIteration:
                        return
                    try:
                        step, x = inner.asend, (yield y)
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step, x = inner.athrow, error
            finally:
                await awaited(mode, inner.aclose())

        return asynchronous

    def plain(*args: Any, **named: Any) -> Any:
        with mode():
            return function(*args, **named)

    return plain


def driven(mode: Callable[[], Mode], inner: Any) -> Generator[Any, Any, Any]:
    """What a generator or a coroutine gives, with the mode on while it runs."""
    step, x = inner.send, None
    while True:
        try:
            with mode():
                y = step(x)
        except StopIteration as end:
            return end.value
        try:
            step, x = inner.send, (yield y)
        except GeneratorExit:
            with mode():
                inner.close()
            raise
        except BaseException as error:
            step, x = inner.throw, error


class no_grad(Mode):  # noqa: N801 — a name in the manner of functions, as in PyTorch
    """Compute without recording: results are leaves, and nothing is kept for a backward pass.

    >>> from engine import Value
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y, y.args
    (Value(data=4.0, grad=0.0), ())
    """

    settings = ((RECORDING, False),)


class detect_anomaly(Mode):  # noqa: N801
    """Raise `FloatingPointError` at the first value or gradient that is inf or nan.

    The message names the node, its operation, its operands and the line of user code that made
    it. Slower than recording without, so it is off unless asked for.
    """

    settings = ((ANOMALY, True),)


class Unwatched(Mode):
    """No anomaly is looked for: a branch that is not taken may well be infinite."""

    settings = ((ANOMALY, False),)
    watched = False


class Differentiation(Mode):
    """A derivative is being taken: what happens in it is recorded, whatever mode is on outside.

    Inside another one, results stay Values even where numbers were given: the function may have
    closed over the outer one's variables. ``as`` gives whether it is inside another one.
    """

    settings = ((RECORDING, True), (DIFFERENTIATING, True))
    watched = False

    def result(self) -> bool:
        """Whether it is inside another one."""
        return differentiating()  # type: ignore[no-any-return]


class Recorded(Mode):
    """A program is being recorded on a tape, whatever mode is on outside."""

    def __init__(self, tape: Any) -> None:
        self.settings = ((TAPE, tape), (RECORDING, True))
        super().__init__()


def is_ours(frame: Any) -> bool:
    """Whether the code that runs there is the engine's, of `nn`, or NumPy's."""
    parent = __file__.rpartition("engine")[0]
    ours = (f"{parent}engine", f"{parent}nn", "<generated ")
    file = frame.f_code.co_filename
    return file.startswith(ours) or is_numpy(file)


def is_numpy(file: str) -> bool:
    """Whether a file is NumPy's, which calls what the user has called NumPy with."""
    return "/numpy/" in file.replace("\\", "/")


def origin() -> str:
    """The innermost line of user code that is running now: ``file:line: code``."""
    import linecache

    frame = sys._getframe()
    while frame.f_back and is_ours(frame):
        frame = frame.f_back
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line).strip()
    return f"{file}:{line}: {text}" if text else f"{file}:{line}"
