"""NumPy as the namespace ``np`` that a program's readable text asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor.arrays import ARRAYS


class Namespace:
    """NumPy, and the functions of the table that it has not."""

    def __getattr__(self, name: str) -> Any:
        own = ARRAYS[np.dtype("float64")]
        return getattr(np, name, None) or getattr(own, name)


NAMESPACE = Namespace()
