"""The process of somebody else's engine: it is quiet, does as it is told, and ends when alone.

Messages are JSON. The child's own alarm clock ends it, should the parent have gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

from ..computation import Computation, Step
from . import offers
from .loading import NotAnEngineError, Origin, load
from .subject import Form, Names, Reading, Subject, Trouble

Target = str | Callable[[float], Any]
MEMORY = 2 << 30  # bytes that an engine may take beyond what it starts with
PATIENCE = 20  # times as long as a computation may take, it may wait for a busy processor


def serve(
    connection: Connection,
    parents: Connection,
    target: Target,
    folder: str,
    known: tuple[Names, dict[str, Form] | None, bool],
) -> None:
    """Run what the parent asks for until it hangs up."""
    if multiprocessing.get_start_method(allow_none=True) != "spawn":
        parents.close()  # or the parent's end would still be open when the parent is gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    be_quiet()
    try:
        subject, origin = found(target, folder, *known)
    except NotAnEngineError as error:
        tell(connection, {"error": str(error)})
        return
    limit_memory()
    tell(connection, {"origin": origin})
    while True:
        try:
            task, args, limit = json.loads(connection.recv_bytes())
        except EOFError:
            return
        set_alarm(PATIENCE * limit + 2)
        answer = TASKS[task](subject, *args)
        set_alarm(0)
        tell(connection, answer)


def tell(connection: Connection, answer: Any) -> None:
    """Send an answer."""
    connection.send_bytes(json.dumps(answer).encode())


def found(
    target: Target, folder: str, names: Names, forms: dict[str, Form] | None, nested: bool
) -> tuple[Subject, Origin | None]:
    """The engine, and where it was found.

    Raises:
        NotAnEngineError: if it is none.
    """
    module: ModuleType | None
    if isinstance(target, str):
        make, module, origin = load(target, folder)
    else:
        make, origin = target, None
        module = sys.modules.get(getattr(target, "__module__", None) or "")
    subject = Subject(make, names, module)
    subject.nested = nested
    if forms is None:
        offers.check_shape(subject, origin.name if origin else label(target))
    else:
        subject.forms = forms
    return subject, origin


def execute(
    subject: Subject, computation: list[Any], script: list[Any]
) -> tuple[str, Reading | Trouble]:
    """Run a computation and a script, as they come."""
    inputs, steps = computation
    whole = tuple(Step(op, tuple(args), tuple(params)) for op, args, params in steps)
    result = subject.execute(Computation(tuple(inputs), whole), tuple(script))
    return ("reading" if isinstance(result, Reading) else "trouble"), result


def pad(subject: Subject, seed: int) -> None:
    """Let what follows lie elsewhere in memory: the order of a set of objects depends on it."""
    kind: Any = subject.make if isinstance(subject.make, type) else Padding
    with contextlib.suppress(Exception):
        held = [kind.__new__(kind) for _ in range(500)]
        random.Random(seed).shuffle(held)
        del held[::2]  # their places are taken next, in this order
        subject.padding = held


class Padding:
    """An object as large as others."""


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task
    for task in (
        execute, pad, offers.offered, offers.first_pass, offers.varieties, offers.works,
        offers.accepted, offers.calls, offers.rounding, offers.augmented, offers.unchecked,
        offers.has_free_backward, offers.hides_backward,
    )
}  # fmt: skip


def label(target: Any) -> str:
    """What an engine is called."""
    return target if isinstance(target, str) else getattr(target, "__name__", repr(target))


def be_quiet() -> None:
    """Send what the engine prints nowhere, and let it read nothing."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    faulthandler.disable()  # it would write to a descriptor of its own
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def set_alarm(seconds: float) -> None:
    """End this process after some seconds, whatever it does then; 0: do not."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def limit_memory() -> None:
    """Where the system allows it, turn a graph that grows without end into a MemoryError."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
