"""The mutation test itself: mutants are made, killed, and told from equivalent ones."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random

import pytest
from mutation import BACKWARD, Mutant, all_mutants, main, observe, select

from engine import TABLE, Value

ROOT = Path(__file__).parents[1]
EQUIVALENT = "add#8"  # both partials of a sum are 1


@cache
def mutants() -> list[Mutant]:
    return all_mutants()


def named(row: str, change: str) -> Mutant:
    """The mutant of a row with that change."""
    (found,) = [mutant for mutant in mutants() if (mutant.row, mutant.change) == (row, change)]
    return found


def test_every_row_and_the_backward_pass_have_mutants() -> None:
    built_in = [row.name for row in TABLE if row.is_built_in()]
    assert list(dict.fromkeys(mutant.row for mutant in mutants())) == [*built_in, BACKWARD]
    for name in built_in:
        own = [mutant.change for mutant in mutants() if mutant.row == name]
        assert len(own) == len(set(own)) >= 4


@pytest.mark.parametrize(
    ("row", "change", "x", "value", "slope"),
    [
        ("tanh", "value: sign", 0.0, 0.0, 1.0),
        ("exp", "∂/∂x: × 1.0001", 0.0, 1.0, 1.0001),
        ("neg", "∂/∂x: sign", 1.0, -1.0, 1.0),
        ("relu", "∂/∂x: x <= 0 → x < 0", 0.0, 0.0, 1.0),
        ("log", "∂/∂x: 1 / x → x / 1", 2.0, math.log(2.0), 2.0),
    ],
)
def test_a_mutant_computes_otherwise_until_it_is_taken_out(
    row: str, change: str, x: float, value: float, slope: float
) -> None:
    def compute() -> tuple[float, float]:
        leaf = Value(x)
        y = getattr(leaf, row)()
        y.backward()
        return y.data, leaf.grad

    before, mutant = compute(), named(row, change)
    undo = mutant.install()
    try:
        assert compute() == (value, slope)
        altered = observe(row)
    finally:
        undo()
    assert compute() == before
    assert observe(row) != altered


def test_a_mutant_of_the_backward_pass_runs_until_it_is_taken_out() -> None:
    clear = named(BACKWARD, "computed: node._grad = 0.0 → pass")
    sound = observe(BACKWARD)
    undo = clear.install()
    try:
        assert observe(BACKWARD) != sound
    finally:
        undo()
    assert observe(BACKWARD) == sound


def test_an_equivalent_mutant_is_observed_to_be_the_same() -> None:
    (mutant,) = select(mutants(), [EQUIVALENT])
    assert mutant.change == "∂/∂a ↔ ∂/∂b"
    sound = observe("add")
    undo = mutant.install()
    try:
        assert observe("add") == sound
    finally:
        undo()


@pytest.mark.thorough
def test_the_command_kills_mutants_and_recognises_an_equivalent_one() -> None:
    signs = [mutant.name for mutant in mutants() if mutant.change.endswith("sign")]
    chosen = [*Random(0).sample(signs, 4), EQUIVALENT]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", *chosen],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, summary = done.stdout.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(chosen)
    assert sum("killed by test_" in line for line in lines) == 4
    assert "5 mutants: 4 killed, 1 equivalent, 0 survived" in summary


def test_the_list_names_every_mutant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "tanh", "abs#1"]) == 0
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == [m.name for m in mutants() if m.row == "tanh" or m.name == "abs#1"]
    with pytest.raises(SystemExit, match="called swish"):
        main(["swish"])
