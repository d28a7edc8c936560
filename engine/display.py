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

    from .node import Node

LARGEST = 150  # nodes that are drawn unasked


def viz(name: str, module: str = "viz") -> Any:
    """What `viz`, or a module of it, has under a name."""
    return getattr(import_module(module), name)


def mimebundle(value: Node) -> dict[str, object]:
    """What Jupyter shows for a node, by MIME type; never an exception."""

    def picture() -> str:
        size = len(topological_order(value))
        if size > LARGEST:
            return f"({size:,} nodes: viz.draw(…) draws them)"
        return viz("draw")(value).pipe("svg", encoding="utf-8")  # type: ignore[no-any-return]

    return bundle(value, picture)


def network_mimebundle(model: Any) -> dict[str, object]:
    """What Jupyter shows for a network, by MIME type; never an exception."""

    def picture() -> str:
        figure = viz("draw_network")(model)
        return viz("rendered", "viz.style")(figure, "svg").decode()  # type: ignore[no-any-return]

    return bundle(model, picture)


def bundle(x: Any, picture: Callable[[], str]) -> dict[str, object]:
    """The text, with the picture, or with a line that says why there is none."""
    text = repr(x)
    try:
        drawn = picture()
    except Exception as error:  # a cell's value must show, whatever is missing
        drawn = f"(no picture: {str(error).partition(chr(10))[0]})"
    if drawn.startswith("("):
        return {"text/plain": f"{text}\n{drawn}"}
    return {"text/plain": text, "image/svg+xml": fitted(drawn)}


def fitted(svg: str) -> str:
    """A picture that is no wider than the cell that it is shown in: JupyterLab crops others."""
    return svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)
