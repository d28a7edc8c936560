"""Checks: of gradients (`gradcheck`), and of other people's engines (`conformance`).

`engine.check.strategies` has what Hypothesis tests of anything that differentiates are made of.

`gradients` is where `gradcheck` begins: it brings a function in form (`subject`, `inputs`),
measures (`differences`), compares (`comparison`), and says where it goes wrong (`culprit`) in a
`report`. A `computation` is a graph as data, which any engine can run; the package `engines` tries
them on those of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gradients import gradcheck
from .report import Finding, GradientError, Report

if TYPE_CHECKING:
    from .engines import NotAnEngineError as NotAnEngineError
    from .engines import conformance as conformance
    from .engines import conformance_checks as conformance_checks

__all__ = [
    "Finding", "GradientError", "NotAnEngineError", "Report", "conformance", "conformance_checks",
    "gradcheck",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`conformance` and what belongs to it; they bring Hypothesis when they are first used."""
    if name in ("NotAnEngineError", "conformance", "conformance_checks"):
        from . import engines

        return getattr(engines, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
