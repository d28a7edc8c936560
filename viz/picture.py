"""`Picture`: a `graphviz.Digraph` that needs no `dot` on PATH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]
from graphviz.backend.rendering import get_outfile  # type: ignore[import-untyped]

from engine.display import fitted
from engine.files import write_atomically

from . import layout
from .dot import attributes, headed, statements
from .drawing import Drawing
from .look import Look


def picture(drawing: Drawing, look: Look) -> Picture:
    """The picture of a drawing."""
    graph, node, edge = attributes(drawing, look)
    body = headed(look.title, statements(drawing, look), look)
    return Picture("gradpath", graph_attr=graph, node_attr=node, edge_attr=edge, body=body)


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A drawn graph, ready for `render`, `pipe`, `view`, a notebook, or `viz.save`.

    Everything works as in `graphviz.Digraph`, but the layout also runs on the Graphviz inside the
    pygraphviz wheel, and where it cannot run, the error is a `GraphvizError`. `source` is the DOT
    text.
    """

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, bytes | str]:
        try:
            bundle: dict[str, Any] = super()._repr_mimebundle_(*args, **kwargs)
            if "image/svg+xml" in bundle:
                bundle["image/svg+xml"] = fitted(bundle["image/svg+xml"])
            return bundle
        except layout.GraphvizError as error:
            return {"text/plain": str(error)}

    # `graphviz` reaches Graphviz through these three properties and nowhere else.

    @property
    def _pipe_lines(self) -> Callable[..., bytes]:
        return _pipe_lines

    @property
    def _pipe_lines_string(self) -> Callable[..., str]:
        return lambda *args, encoding, **kwargs: _pipe_lines(*args, **kwargs).decode(encoding)

    @property
    def _render(self) -> Callable[..., str]:
        return _render


def _pipe_lines(
    engine: str,
    format: str,
    lines: Iterable[str],
    *,
    renderer: str | None = None,
    formatter: str | None = None,
    **_: Any,
) -> bytes:
    output_format = ":".join(filter(None, (format, renderer, formatter)))
    return layout.render("".join(lines), output_format, engine)


def _render(
    engine: str,
    format: str,
    filepath: str | os.PathLike[str],
    *,
    renderer: str | None = None,
    formatter: str | None = None,
    outfile: str | os.PathLike[str] | None = None,
    raise_if_result_exists: bool = False,
    overwrite_filepath: bool = False,
    **_: Any,
) -> str:
    source = Path(filepath)
    target = Path(
        outfile or get_outfile(source, format=format, renderer=renderer, formatter=formatter)
    )
    if raise_if_result_exists and target.exists():
        raise graphviz.FileExistsError(f"output file exists: {os.fspath(target)!r}")
    if not overwrite_filepath and target.resolve() == source.resolve():
        raise ValueError(f"outfile {target.name!r} must be different from the source file")
    lines = [source.read_text(encoding="utf-8")]
    picture = _pipe_lines(engine, format, lines, renderer=renderer, formatter=formatter)
    write_atomically(target, picture)
    return os.fspath(target)
