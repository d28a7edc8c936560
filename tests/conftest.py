"""Hypothesis profiles, and what several test files share as fixtures."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from engine import TABLE, Rule, rule

QUIET = (HealthCheck.too_slow, HealthCheck.filter_too_much)

settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=QUIET)
settings.register_profile(
    "ci",
    max_examples=100,
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=QUIET,
)
settings.register_profile(
    "thorough", max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


@pytest.fixture
def softsign() -> Iterator[Rule]:
    """A row that gradpath does not have, in the table for the time of one test."""
    before = [row.name for row in TABLE]
    yield rule(
        "softsign",
        lambda m, x: x / (1 + m.abs(x)),
        lambda m, y, x: 1 / (1 + m.abs(x)) ** 2,
        kinks=lambda m, x: (x,),
    )
    TABLE.remove("softsign")
    assert [row.name for row in TABLE] == before
