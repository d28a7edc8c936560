"""`gradcheck` for functions of Tensors: entry by entry, as for single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor.tensor import Tensor
from .inputs import number, refill
from .subject import Subject


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
