"""One process computes what several need: the tests of one run under pytest-xdist."""

from __future__ import annotations

import atexit
import hashlib
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ...files import write_atomically

Result = TypeVar("Result")


def shared(key: str, compute: Callable[[], Result]) -> Result:
    """What is computed, by whichever process of a test run comes first.

    Args:
        key: what it is, the same in all processes.
        compute: gives the result, which can be pickled.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    try:
        import fcntl
    except ImportError:  # Windows
        run = None
    if not run:
        return compute()
    folder = Path(tempfile.gettempdir()) / f"gradpath-{os.getuid()}-{digest(run)}"
    folder.mkdir(mode=0o700, exist_ok=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # all end when the run ends
    if folder.stat().st_uid != os.getuid():  # it is somebody else's
        return compute()
    path = folder / digest(key)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # which a process that ends gives up
        if not path.exists():
            write_atomically(path, pickle.dumps(compute()))
        found: Result = pickle.loads(path.read_bytes())
        return found


def digest(text: str) -> str:
    """A file's name for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
