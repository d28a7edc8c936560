"""`draw`, and the picture it returns: a `graphviz.Digraph` that needs no `dot` on PATH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import graphviz  # type: ignore[import-untyped]
from graphviz.backend.rendering import get_outfile  # type: ignore[import-untyped]

from engine import Value
from engine.files import write_atomically

from . import layout
from .collapse import Expand, describe_any
from .dot import RANKDIRS, attributes, statements
from .drawing import Drawing
from .theme import theme


def draw(
    root: Value | Sequence[Value],
    *,
    dark: bool = False,
    rankdir: str = "LR",
    marks: Mapping[Value, str] | None = None,
    path_to: Value | None = None,
    path: int | None = None,
    expand: Expand = None,
) -> Picture:
    """The graph of everything that ``root`` was computed from, with data and gradients.

    Every node is a card with its name, operation, data and grad; roles differ in colour, the output
    has a heavy border. Every edge leads from an argument to a result and carries the local
    derivative ∂result/∂argument; its width shows the |gradient sent back| along it, its colour and
    arrowhead the sign: filled for +, hollow for −, dashed for 0. Before the first ``backward()``
    edges are plain. Above 150 nodes the cards shrink to one line, and edges lose their labels;
    above 2,500 nodes (or thousands of edges) neurons, layers and nodes that are alike become one
    card each, with their number and the norm of their gradients.

    Args:
        root: one `Value`, or a sequence of them drawn together.
        dark: light on dark instead of dark on light.
        rankdir: ``"LR"`` to draw from left to right, ``"TB"`` from top to bottom.
        marks: nodes to point out, and what to say about each.
        path_to: a node, leaf or not: show all paths to it and let the rest fade. Gradients are
            then those of ``root``, from the recorded local derivatives, whatever ``backward()``
            did; below the picture stands what the paths add up to. Of a graph with more than 150
            nodes only the paths are shown, and on long ones a row of one operation as one card.
        path: show only one of these paths, by its rank: 1 for the one with the largest |product|.
        expand: the name of a card, or several, to show what it stands for, one level down;
            ``"layers.1"`` also means all whose name begins so. True shows every node, False makes
            cards of many nodes even of a small graph.

    Raises:
        TypeError: if ``root`` is neither a `Value` nor a sequence of them (with ``path_to``: not a
            Value), ``marks`` no dict of what to say about nodes, ``path`` no whole number, or
            ``expand`` no name.
        ValueError: if the sequence is empty, more than 10,000 nodes are to be shown, ``rankdir``
            is unknown, or there is no such path or card.
    """
    if rankdir not in RANKDIRS:
        raise ValueError(f"rankdir must be one of {', '.join(RANKDIRS)}, not {rankdir!r}")
    if path_to is not None:
        from .paths import describe_paths

        return picture(describe_paths(root, path_to, path, marks), dark, rankdir)
    if path is not None:
        raise ValueError("path is the rank of a path to a node: say to which with path_to")
    return picture(describe_any(root, marks, expand), dark, rankdir)


def picture(drawing: Drawing, dark: bool, rankdir: str) -> Picture:
    """The picture of a drawing."""
    colors = theme(dark)
    graph, node, edge = attributes(drawing, rankdir, colors)
    body = statements(drawing, rankdir, colors)
    return Picture("gradpath", graph_attr=graph, node_attr=node, edge_attr=edge, body=body)


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A drawn graph, ready for `render`, `pipe`, `view`, a notebook, or `viz.save`.

    Everything works as in `graphviz.Digraph`, but the layout also runs on the Graphviz inside the
    pygraphviz wheel, and where it cannot run, the error is a `GraphvizError`. `source` is the DOT
    text.
    """

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, bytes | str]:
        try:
            bundle: dict[str, bytes | str] = super()._repr_mimebundle_(*args, **kwargs)
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
