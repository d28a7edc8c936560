"""`gradcheck` for functions of Tensors: entry by entry, as for single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..graph import topological_order
from ..node import describe
from ..tensor.arrays import quiet
from ..tensor.tensor import Tensor
from .subject import EPSILON, Subject, number, refill


class TensorSubject(Subject):
    """A function of Tensors under test at a point, whose numbers are the entries of its inputs."""

    def record(self, point: Sequence[float]) -> tuple[list[Any], Any]:
        """The variables, a Tensor for each input, and the graph at a point."""
        variables: list[Any] = []

        def variable(entries: Any) -> Tensor:
            variables.append(Tensor(entries, f"x{len(variables)}", dtype="float64"))
            return variables[-1]  # type: ignore[no-any-return]

        y = self.f(*refill(self.inputs, iter(point), variable))
        if not isinstance(y, Tensor):
            y = Tensor(number(y), role="constant")
        return variables, y if y.size == 1 else self.projected(y)

    def value(self, point: Sequence[float]) -> float:
        """The function at a point."""
        return float(self.record(point)[1].data.item())

    def entries(self, slopes: Sequence[Any]) -> list[Any]:
        """All entries of the derivatives by the inputs: floats of arrays, Tensors of Tensors."""
        found = [x[i] for x in slopes for i in np.ndindex(x.shape)]
        return [x if isinstance(x, Tensor) else float(x) for x in found]

    def exact(self, point: Sequence[float], direction: Sequence[float]) -> float | None:
        """Complex step does not run on Tensors."""
        return None

    @quiet
    def move(self, there: Any, here: Any) -> Any:
        """How far each entry of a node has moved."""
        return there.data.astype(float) - here.data

    @quiet
    def misfit(
        self,
        node: Any,
        i: int,
        move: tuple[Any, Any],
        moves: Sequence[tuple[Any, Any]],
        step: float,
    ) -> str:
        """What is wrong with a node that moves otherwise than its pullback says; "" if nothing is.

        For any u, ⟨u, Δnode⟩ = Σ ⟨pullback of u, Δargument⟩ but for a remainder.
        """
        if not node.args:
            if node.label or not any(map(np.any, move)):
                return ""
            return (
                f"{describe(node)} is a leaf, but its entries depend on {self.names[i]}: it was "
                "computed outside the graph, with .data or numpy.asarray()"
            )
        if node.dtype.kind != "f":
            return ""
        u = np.random.default_rng(0).normal(size=node.shape)
        pulled = node._pull(u, False, [True] * len(node.args))
        own = [float((u * moved).sum()) / step for moved in move]
        expected = [
            sum(
                float((d * moved).sum())
                for d, moved in zip(pulled, args, strict=True)
                if d is not None
            )
            / step
            for args in zip(*moves, strict=True)
        ]
        coarse, fine = (a - b for a, b in zip(own, expected, strict=True))
        size = sum(float(abs(x.data).sum()) for x in (node, *node.args))
        rounding = 100 * EPSILON * size / step
        if not abs(fine) > abs(fine - coarse / 2) + 1e-7 * abs(own[1]) + rounding:
            return ""
        return (
            f"{describe(node)} moves by {own[1]:.6g} per unit of {self.names[i]} in a random "
            f"direction, its pullback says {expected[1]:.6g}"
        )

    def nodes(self, i: int, t: float) -> list[Any]:
        """The graph's nodes in topological order, recorded with entry i moved by t."""
        moved = [x + t if i == j else x for j, x in enumerate(self.point)]
        return topological_order(self.record(moved)[1])
