"""How things show themselves in a notebook: text always, and the picture if it can be drawn.

This is the one place where the engine (and `nn`) reaches for `viz`, and only when a picture is
asked for: `viz` is a plug-in, looked up by name.
"""

from __future__ import annotations

from importlib import import_module

from .graph import topological_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LARGEST = 150  # nodes that are drawn unasked
MOST_LINES = 200  # of a program that are shown unasked


def viz(name: str, module: str = "viz") -> Any:
    """What `viz`, or a module of it, has under a name."""
    return getattr(import_module(module), name)


def mimebundle(value: Any) -> dict[str, Any]:
    """What Jupyter shows for a node, by MIME type; never an exception."""

    size = len(topological_order(value))
    if size > LARGEST:
        return {"text/plain": f"{value!r}\n({size:,} nodes: viz.draw(…) draws them)"}
    return bundle(repr(value), lambda: viz("draw")(value))


def named(value: Any) -> str:
    """A node in a list of them, such as a model's parameters: what it is called, and its text."""
    name = ".".join(filter(None, (str(value.scope), str(value.label))))
    return f"{name}: {value!r}" if name else repr(value)


def network_mimebundle(model: Any) -> dict[str, Any]:
    """What Jupyter shows for a network, by MIME type; never an exception."""
    return bundle(repr(model), lambda: viz("draw_network")(model))


def bundle(text: str, picture: Callable[[], Any]) -> dict[str, Any]:
    """The text, with the picture if there is one: what a cell's value is must show in any case."""
    try:
        drawn = picture()._repr_mimebundle_()
    except Exception:  # whatever is missing
        return {"text/plain": text}
    if "image/png" not in drawn:  # there is no Graphviz
        return {"text/plain": text}
    return {**drawn, "text/plain": text}


def reported(text: str, picture: Callable[[], Any]) -> dict[str, Any]:
    """The text above the picture, if there is one."""
    found = bundle(text, picture)
    if "text/html" in found:
        from html import escape

        found["text/html"] = f"<pre>{escape(text)}</pre>{found['text/html']}"
    return found


def code(source: str) -> str:
    """A program as Markdown, which notebooks highlight."""
    lines = source.rstrip().split("\n")
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"# … {len(lines) - MOST_LINES:,} more lines: print(….source)"]
    return "\n".join(["```python", *lines, "```"]) + "\n"
