"""What a forked process inherits: no lock that another thread holds.

A child process has only the thread that forked. A lock that another one held at that moment would
stay locked in it for ever, and what the lock guards would stay half done. The same holds for a
module that another thread was loading.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from _weakref import ref
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATIENCE = 10.0  # seconds that a fork waits for what is under way in other threads

OURS = ("engine", "nn", "viz")

guards: list[Any] = []  # a fork waits until they are free, in this order
others: list[Any] = []  # references to those that a child just finds free


def guard() -> Any:
    """A lock around what a child process must not find half done: a fork waits for it."""
    lock = RLock()
    guards.append(lock)
    return lock


def lock() -> Any:
    """A lock that is free in a child process, whoever held it when the process forked."""
    made = RLock()
    others.append(ref(made, others.remove))
    return made


held: list[Any] = []  # by the thread that forks


def before() -> None:
    """Wait until no other thread is in the middle of something."""
    for lock in guards:
        if lock.acquire(timeout=PATIENCE):
            held.append(lock)
    end = monotonic() + PATIENCE
    while any(map(is_loading, tuple(sys.modules))) and monotonic() < end:
        sleep(0.001)


def is_loading(module: str) -> bool:
    """Whether it is one of gradpath's own modules, and its import has not ended yet."""
    if not module.startswith(OURS):
        return False
    spec = getattr(sys.modules.get(module), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


def in_parent() -> None:
    """Let the other threads go on."""
    while held:
        held.pop().release()


def in_child() -> None:
    """Free what threads hold that the child has not."""
    free = [lock for lock in guards if lock not in held]
    in_parent()
    for lock in (*free, *(made for reference in others if (made := reference()))):
        lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
