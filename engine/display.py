"""How a Value shows itself in a notebook: text always, and the picture if it can be drawn.

This is the one place where the engine reaches for `viz`, and only when a notebook asks.
"""

from __future__ import annotations

from .graph import topological_order
from .value import Value

LARGEST = 150  # nodes that are drawn unasked


def mimebundle(value: Value) -> dict[str, object]:
    """What Jupyter shows for a Value, by MIME type; never an exception."""
    text = repr(value)
    try:
        size = len(topological_order(value))
        if size > LARGEST:
            return {"text/plain": f"{text}\n({size:,} nodes: viz.draw(…) draws them)"}
        from viz import draw

        return {"text/plain": text, "image/svg+xml": draw(value).pipe("svg", encoding="utf-8")}
    except Exception as error:  # a cell's value must show, whatever is missing
        reason = str(error).partition("\n")[0]
        return {"text/plain": f"{text}\n(no picture: {reason})"}
