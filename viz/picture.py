"""`Picture`: a `graphviz.Digraph` that needs no `dot` on PATH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]
from graphviz.backend.rendering import get_outfile  # type: ignore[import-untyped]

from engine.files import write_atomically

from . import layout
from .dot import attributes, headed, statements
from .drawing import Drawing
from .look import Look
from .notebook import in_cell
from .theme import LIGHT
from .words import Words, described, of_drawing


def picture(drawing: Drawing, look: Look) -> Picture:
    """The picture of a drawing."""
    graph, node, edge = attributes(drawing, look)
    body = headed(look.title, statements(drawing, look), look)
    found = Picture("gradpath", graph_attr=graph, node_attr=node, edge_attr=edge, body=body)
    found.words = of_drawing(drawing, look)
    return found


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A drawn graph, ready for `render`, `pipe`, `view`, a notebook, or `viz.save`.

    Everything works as in `graphviz.Digraph`, but the layout also runs on the Graphviz inside the
    pygraphviz wheel, and where it cannot run, the error is a `GraphvizError`. `source` is the DOT
    text.
    """

    words = Words("Graph drawn by gradpath", "")
    """What the picture shows, in words: in an SVG its title and description."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.words}>"

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            svg, png = layout.render_both(self.source, self.engine)
        except layout.GraphvizError as error:
            return {"text/plain": f"{self.words}\n{error}"}
        light = self.graph_attr.get("bgcolor") == LIGHT.page
        return in_cell(described(svg.decode(), self.words), png, self.words, follows=light)

    def copy(self) -> Picture:
        """The same picture once more."""
        found: Picture = super().copy()
        found.words = self.words
        return found

    # `graphviz` reaches Graphviz through these three properties and nowhere else.

    @property
    def _pipe_lines(self) -> Callable[..., bytes]:
        return partial(_pipe_lines, words=self.words)

    @property
    def _pipe_lines_string(self) -> Callable[..., str]:
        return lambda *args, encoding, **kwargs: self._pipe_lines(*args, **kwargs).decode(encoding)

    @property
    def _render(self) -> Callable[..., str]:
        return partial(_render, words=self.words)


def _pipe_lines(
    engine: str,
    format: str,
    lines: Iterable[str],
    *,
    words: Words,
    renderer: str | None = None,
    formatter: str | None = None,
    **_: Any,
) -> bytes:
    output_format = ":".join(filter(None, (format, renderer, formatter)))
    picture = layout.render("".join(lines), output_format, engine)
    return described(picture.decode(), words).encode() if format == "svg" else picture


def _render(
    engine: str,
    format: str,
    filepath: str | os.PathLike[str],
    *,
    words: Words,
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
    picture = _pipe_lines(
        engine, format, lines, words=words, renderer=renderer, formatter=formatter
    )
    write_atomically(target, picture)
    return os.fspath(target)
