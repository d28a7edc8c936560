"""Hypothesis profiles, and what several test files share as fixtures."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import none

from engine import TABLE, Rule, rule

for library in ("OPENBLAS", "OMP", "MKL"):
    # a process for each core: threads of NumPy's libraries would only wait for one another
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

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
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
settings.load_profile(PROFILE)


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # a shell starts what runs in the background so, and tests and their children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """The whole suite runs on all cores and without what is thorough, unless options say otherwise.

    The tests of a file stay together: they share what takes long to make. Whoever names a file
    runs all its tests, and whoever asks for the profile ``thorough`` runs all there are.
    """
    option = config.option
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    if not option.markexpr and PROFILE != "thorough":
        option.markexpr = "not thorough"
    if hasattr(config, "workerinput"):
        return  # one of the processes that this has started
    if getattr(option, "numprocesses", 0) is None and not option.usepdb:
        option.numprocesses, option.dist = "auto", "loadfile"


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


@pytest.fixture(scope="module", autouse=True)
def _sight_of_the_collector() -> None:
    """What earlier tests and the libraries have left is not looked through again and again."""
    # Hypothesis makes a random generator for its first test, and looks who keeps it
    given(none())(lambda _: None)()
    gc.collect()
    gc.freeze()
