"""What a graph of scalars takes of the memory, and what it leaves there."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

from engine import Value, tanh

from .measure import collector
from .peers.scalars import chain
from .problems import CHAIN_STEPS
from .results import Figure

NODES = 3 * CHAIN_STEPS + 3


def memory() -> Sequence[Figure]:
    """Bytes for a node of S1's chain with label, role and scope, and bytes that stay behind."""
    with collector(on=False):
        tracemalloc.start()
        try:
            leaves(CHAIN_STEPS)  # fills the interpreter's own free lists, which stay full
            left = leaves(CHAIN_STEPS) - leaves(0)  # less what measuring itself takes
            forward, backward = takes(CHAIN_STEPS)
        finally:
            tracemalloc.stop()
    return (
        Figure("bytes a node, forward", forward / NODES, 160, "bytes", at_most=True),
        Figure("bytes a node, forward and backward", backward / NODES, None, "bytes"),
        Figure("bytes left behind, gc off", left, 0, "bytes", at_most=True),
    )


def takes(steps: int) -> tuple[int, int]:
    """Bytes that a graph takes after its forward and after its backward pass."""
    before = allocated()
    graph = chain(Value, tanh, steps)
    forward = allocated() - before
    graph.backward()
    return forward, allocated() - before


def leaves(steps: int) -> int:
    """Bytes that are still in use when a graph is gone."""
    before = allocated()
    graph = chain(Value, tanh, steps)
    graph.backward()
    del graph
    return allocated() - before


def allocated() -> int:
    """Bytes that are in use now."""
    return tracemalloc.get_traced_memory()[0]
