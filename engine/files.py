"""Files that are never half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], data: bytes | str) -> Path:
    """Write a file whole or not at all.

    The data goes to a temporary file beside the target, is synced to the disk and then moved into
    place, so an interrupt, a full disk or a kill leaves the old file as it was.

    Args:
        path: the file; its folder must exist.
        data: bytes, or text, which is written as UTF-8.

    Returns:
        The path written.

    Raises:
        OSError: if the folder is missing or cannot be written.
    """
    path = Path(path)
    if isinstance(data, str):
        data = data.encode("utf-8")
    try:
        target = path.resolve()  # a link stays one, and what it points to is replaced
        if target.exists() and not target.is_file():  # a device or a pipe: it takes the data
            with target.open("wb") as file:
                file.write(data)
        else:
            replace(target, data)
    except RuntimeError as error:  # links that lead round in a circle, before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from error
    except OSError as error:  # it may name the temporary file, which nobody knows
        error.filename = str(path)
        del error.filename2  # None would be shown
        raise
    return path


def replace(target: Path, data: bytes) -> None:
    """Put a new file in the place of an old one, once all of it is on the disk."""
    descriptor, temporary = tempfile.mkstemp(prefix=".gradpath-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).chmod(permissions(target))
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def permissions(path: Path) -> int:
    """Those of the file that is replaced, or what a new file gets."""
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
