"""Where something is saved: a path with an ending that it can have, in a folder that exists."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def destination(path: Any, endings: Iterable[str]) -> Path:
    """The path, if something can be saved there.

    Raises:
        TypeError: if it is no path.
        ValueError: if it ends in none of the endings.
        FileNotFoundError: if its folder does not exist.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"save() takes the path as a str or a Path, not {type(path).__name__}")
    found = Path(path)
    if found.suffix.lower() not in endings:
        raise ValueError(f"{found.name!r} must end in one of {', '.join(endings)}")
    if not found.parent.is_dir():
        folder = str(found.parent)
        raise FileNotFoundError(f"there is no folder {folder!r} to save {found.name!r} in")
    return found
