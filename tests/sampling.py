"""Of many cases that are alike, some are always tried, and all where time is no matter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[Any], every: int) -> list[Any]:
    """Parameters of a test, where all but the first and every so-manieth are thorough."""
    return [case if i % every == 0 else thorough(case) for i, case in enumerate(cases)]


def thorough(case: Any) -> Any:
    """A test's parameter, or a tuple of them, that is tried where time is no matter."""
    values = case if type(case) is tuple else (case,)
    return pytest.param(*values, marks=pytest.mark.thorough)
