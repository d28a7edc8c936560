"""Drawing graphs of growing size, from the `Value` to the SVG."""

from __future__ import annotations

import shutil

import viz
from nn import MLP

from .measure import Run

SIZES = ((150, 5, 0.1), (2_000, 23, 1.0), (10_000, 55, 1.0))
"""How many nodes, or just fewer; the width of the network that has them; the seconds asked."""

WITHOUT_DOT = 0.3  # seconds more for pygraphviz's child process, which starts first


def has_dot() -> bool:
    """Whether Graphviz is installed as a program."""
    return shutil.which("dot") is not None


def allowed(seconds: float) -> float:
    """The seconds asked for, with what this machine needs."""
    return seconds if has_dot() else seconds + WITHOUT_DOT


def drawer(width: int) -> Run:
    """What draws the graph of the loss of a network 2-width-width-1 for one sample.

    It is made of single + and × nodes, as micrograd's would be.
    """
    loss = (MLP(2, [width, width, 1], rng=0, fused=False)((0.5, -0.5)) - 1) ** 2
    loss.backward()

    def run(n: int) -> int:
        for _ in range(n):
            picture = viz.draw(loss).pipe("svg")
        return len(picture)

    return run
