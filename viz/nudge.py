"""What a gradient means, on one number: a leaf is nudged, and the output computed anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from engine import Value
from engine.paths import send
from engine.reals import on_reals
from engine.rule import NOTHING

BY = 0.01
MOST_RUNS = 50_000  # operations that are computed anew; of a longer film only the first states


def nudge(
    order: Sequence[Value], states: Sequence[Any], leaf: Value | None = None
) -> dict[str, Any] | None:
    """A leaf moved by 0.01: for every state what the output becomes, and its gradient there.

    Args:
        order: the nodes, arguments before results, the output last.
        states: the numbers, as `score.state` gives them.
        leaf: the one to nudge; by default a parameter or an input with a large gradient.

    Returns:
        None if there is no such leaf, or an operation that nobody can run again.
    """
    place = {node: i for i, node in enumerate(order)}
    args = [[place[arg] for arg in node.args] for node in order]
    slopes = gradients(args, states[0])
    index = place[leaf] if leaf in place and not leaf.args else best(order, args, slopes)
    if index is None or len(order) < 2:
        return None
    moved = {index}
    for i, each in enumerate(args):
        if moved.intersection(each):
            moved.add(i)
    again = sorted(moved - {index})
    if any(order[i].rule is None for i in again):
        return None
    count = max(1, min(len(states), MOST_RUNS // max(1, len(again))))
    after, found = [], []
    for state in states[:count]:
        data = state[: len(order)].tolist()
        data[index] += BY
        for i in again:
            data[i] = on_reals(order[i].rule, [data[j] for j in args[i]], order[i].params)
        after.append(data[-1])
        found.append(gradients(args, state)[index])
    return {"leaf": index, "by": BY, "after": after, "gradient": found}


def gradients(args: Sequence[Sequence[int]], state: Any) -> list[float]:
    """The gradient of the last node with respect to every node."""
    n, m = len(args), sum(map(len, args))
    partials, nothing = state[n : n + m].tolist(), state[n + m :].tolist()
    found, edge = [0.0] * (n - 1) + [1.0], m
    for i in range(n - 1, -1, -1):
        edge -= len(args[i])
        for k, j in enumerate(args[i], edge):
            found[j] += send(NOTHING if nothing[k] else partials[k], found[i])
    return found


def best(
    order: Sequence[Value], args: Sequence[Sequence[int]], slopes: Sequence[float]
) -> int | None:
    """The leaf whose nudge tells most: one that the computation begins with, a named parameter."""
    leaves = [i for i, x in enumerate(order[:-1]) if not x.args and x.role != "constant"]
    depth = [0] * len(order)  # operations between the node and the output
    for i in range(len(order) - 1, -1, -1):
        for j in args[i]:
            depth[j] = max(depth[j], depth[i] + 1)

    def rank(i: int) -> tuple[Any, ...]:
        size = abs(slopes[i]) if math.isfinite(slopes[i]) else 0.0
        return size > 0, depth[i], order[i].role == "parameter", bool(order[i].label), size

    return max(leaves, key=rank, default=None)
