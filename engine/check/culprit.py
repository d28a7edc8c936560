"""Where a gradient goes wrong: the first node that moves otherwise than its partials say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import topological_order
from ..node import describe
from ..tree import is_tensor
from .comparison import axis
from .report import Report
from .subject import Subject

EPSILON = 2.0**-52


def find_culprit(subject: Subject, report: Report) -> None:
    """Find the first node whose local derivatives do not explain how it moves with its arguments.

    An input is moved by ±H and by ±H/2, and the graph is recorded each time. At a node that is
    right, Δnode = Σ partial · Δargument but for a remainder of the order H³.
    """
    for i, name in enumerate(subject.names):
        findings = [f for f in report.findings if f.what == f"∂f/∂{name}"]
        if all(finding.passes for finding in findings):
            continue
        largest = max(finding.step for finding in findings)
        step = largest / 16 or 2.0**-20 * max(1.0, abs(subject.point[i]))
        direction = axis(i, len(subject.point))
        records = [
            subject.record(subject.moved(direction, t))
            for t in (0.0, step, -step, step / 2, -step / 2)
        ]
        here, *others = (topological_order(root) for _, root in records)
        if any([v.sign for v in nodes] != [v.sign for v in here] for nodes in others):
            report.notes.append("the graph's shape changes near the point: no node is singled out")
            return
        variables = {id(x) for x in records[0][0]}
        moves = {
            id(node): [np.asarray(a.data, float) - b.data for a, b in ((up, down), (high, low))]
            for node, up, down, high, low in zip(here, *others, strict=True)
        }
        for node in here:
            if id(node) in variables:
                continue
            reason = misfit(node, moves[id(node)], [moves[id(x)] for x in node.args], step, name)
            if reason:
                report.root, report.culprit, report.reason = records[0][1], node, reason
                report.root.backward()
                return


def misfit(
    node: Any, move: Sequence[Any], moves: Sequence[Sequence[Any]], step: float, name: str
) -> str:
    """What is wrong with a node that moves otherwise than its partials say; "" if nothing is.

    Of an array a sum with random weights u is looked at: ⟨u, Δnode⟩ = Σ ⟨pullback of u, Δargument⟩.

    Args:
        node: the node.
        move: by how much it moves with the larger and with the smaller step.
        moves: the same of its arguments.
        step: the larger step, in each direction.
        name: what is moved by it.
    """
    if not node.args:
        return "" if not any(map(np.any, move)) else (
            f"{describe(node)} is a leaf, but its value depends on {name}: it was computed outside "
            "the graph, with .data, float() or numpy.asarray()"
        )  # fmt: skip
    array = is_tensor(node)
    if array and node.dtype.kind != "f":
        return ""
    u = np.random.default_rng(0).normal(size=node.shape) if array else 1.0
    pulled = node._pull(u, False, [True] * len(node.args)) if array else node.partials
    own = [float(np.sum(u * moved)) / step for moved in move]
    expected = [
        sum(float(np.sum(d * x)) for d, x in zip(pulled, args, strict=True) if d is not None) / step
        for args in zip(*moves, strict=True)
    ]
    coarse, fine = (a - b for a, b in zip(own, expected, strict=True))
    size = sum(float(np.sum(abs(x.data))) for x in (node, *node.args))
    rounding = 100 * EPSILON * size / step
    if not abs(fine) > abs(fine - coarse / 2) + 1e-7 * abs(own[1]) + rounding:
        return ""
    if len(moves) == 1 and not array and moves[0][1]:
        wide, slope = (float(own / moved) for own, moved in zip(move, moves[0], strict=True))
        slope += (slope - wide) / 3
        return f"{describe(node)} has local derivative {node.partials[0]:.6g}, measured {slope:.6g}"
    says = "in a random direction, its pullback says" if array else "but its partials say"
    return f"{describe(node)} moves by {own[1]:.6g} per unit of {name} {says} {expected[1]:.6g}"
