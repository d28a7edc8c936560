"""The mutation test itself: mutants are made, killed, and told from equivalent ones."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mutation import ALWAYS, BACKWARD, Mutant, all_mutants, judges_of, main, observe
from mutation.places import ENGINE, GENERATED, files

from engine import TABLE, Value, backward
from engine.rule import ARRAY_TABLE

ROOT = Path(__file__).parents[1]
EQUIVALENT = "add#8"  # both partials of a sum are 1


@cache
def mutants() -> list[Mutant]:
    return all_mutants()


def named(row: str, change: str) -> Mutant:
    """The mutant of a row with that change."""
    (found,) = [mutant for mutant in all_mutants([row]) if mutant.change == change]
    return found


@pytest.mark.thorough
def test_every_row_and_every_place_have_mutants() -> None:
    built_in = [row.name for row in TABLE if row.is_built_in()]
    found = list(dict.fromkeys(mutant.place for mutant in mutants()))
    assert found == [*built_in, *ARRAY_TABLE, GENERATED, *ALWAYS]
    for name in built_in:
        own = [mutant.change for mutant in mutants() if mutant.place == name]
        assert len(own) == len(set(own)) >= 4


def test_files_that_are_altered_and_the_tests_that_judge_them_are_there() -> None:
    for place in files():
        assert (ENGINE / f"{place}.py").is_file()
        assert all([*Path(__file__).parent.glob(pattern)] for pattern in judges_of(place))


@pytest.mark.thorough
def test_what_is_shown_is_what_is_run() -> None:
    for mutant in all_mutants(["backward", "graph", "generated"]):
        minus, plus = (
            [line[1:] for line in mutant.diff.splitlines() if line.startswith(sign)]
            for sign in "-+"
        )
        assert minus != plus
        old, _, new = mutant.key.partition(": ")[2].partition(" → ")
        if len(minus) == len(plus) == 1:
            assert minus[0].replace(old, new, 1).split() == plus[0].split() or old in minus[0]


@pytest.mark.thorough
def test_an_alteration_by_the_tool_is_the_one_made_by_hand() -> None:
    source = Path(str(backward.__file__)).read_text(encoding="utf-8")
    for mutant in all_mutants([BACKWARD]):
        function, _, place = mutant.change.partition(":")
        line, _, change = place.partition(": ")
        if function != "sweep" or " → pass" not in change:
            continue
        lines = source.splitlines()
        text = lines[int(line) - 1]
        lines[int(line) - 1] = text[: len(text) - len(text.lstrip())] + "pass"
        module: dict[str, Any] = {"__name__": "engine.backward", "__package__": "engine"}
        exec(compile("\n".join(lines), "by hand", "exec"), module)
        undo = mutant.install()
        try:
            assert backward.sweep.__code__.co_code == module["sweep"].__code__.co_code
        finally:
            undo()


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
    (clear,) = [m for m in all_mutants([BACKWARD]) if m.key == "computed: node._grad = 0.0 → pass"]
    sound = observe(BACKWARD)
    undo = clear.install()
    try:
        assert observe(BACKWARD) != sound
    finally:
        undo()
    assert observe(BACKWARD) == sound


def test_an_equivalent_mutant_is_observed_to_be_the_same() -> None:
    (mutant,) = all_mutants([EQUIVALENT])
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
    assert printed == [m.name for m in all_mutants(["tanh", "abs#1"])]
    with pytest.raises(SystemExit, match="called swish"):
        main(["swish"])
