"""`save`: pictures as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from engine.files import write_atomically

PICTURES = (".svg", ".png", ".pdf")


def save(picture: Any, path: str | os.PathLike[str]) -> Path:
    """Write a picture to a file, whole or not at all; the suffix says in which format.

    The same picture gives the same bytes whenever it is saved.

    Args:
        picture: what `draw`, `play` or another function of `viz` returned.
        path: a name that ends in ``.svg``, ``.png`` or ``.pdf``, or for a graph also ``.dot``, in a
            folder that exists; for what `play` returned a name that ends in ``.html``.

    Returns:
        The path written.

    Raises:
        TypeError: if ``picture`` is no picture, or ``path`` no path.
        ValueError: if the suffix is none of these.
        FileNotFoundError: if the folder does not exist.
        GraphvizError: if a graph cannot be laid out.
    """
    is_graph, is_page = hasattr(picture, "pipe"), hasattr(picture, "html")
    if not is_graph and not is_page and not hasattr(picture, "savefig"):
        raise TypeError(
            "save() takes first the picture that a function of viz returned, a graphviz.Digraph "
            f"or a matplotlib Figure, and then the path; the first is {type(picture).__name__}"
        )
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"save() takes the path as a str or a Path, not {type(path).__name__}")
    path = Path(path)
    accepted = (".html",) if is_page else (*PICTURES, ".dot") if is_graph else PICTURES
    suffix = path.suffix.lower()
    if suffix not in accepted:
        raise ValueError(f"{path.name!r} must end in one of {', '.join(accepted)}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to save {path.name!r} in")
    if is_page:
        return write_atomically(path, picture.html)
    if suffix == ".dot":
        return write_atomically(path, picture.source)
    if is_graph:
        return write_atomically(path, picture.pipe(suffix[1:]))
    from .style import rendered

    return write_atomically(path, rendered(picture, suffix[1:]))
