"""The benchmark's machinery: who is compared, what counts as the same, what is printed and written.

No test here asserts a time.
"""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import commandline, problems, report
from benchmarks.measure import Effort, NotYetError, Run, Side, Timings, collector, compare, number
from benchmarks.memory import memory
from benchmarks.peers import arrays, gradpath, scalars
from benchmarks.report import Painter
from benchmarks.results import Figure, Ratio, Result, Within
from benchmarks.sizes import SWEEPS
from benchmarks.workloads import WORKLOADS
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
MOMENT = Effort(rounds=2, seconds=1e-4, in_a_row=2, slow=9.0, checks=3)
PLAIN = Painter(colours=False)
PEERS = {
    "jax": arrays.jax_jit,
    "torch": arrays.torch_eager,
    "autograd": arrays.autograd,
    "micrograd": scalars.micrograd_train,
}


def counting(*losses: float) -> Run:
    """A run whose steps have these losses, and the last one for ever."""
    left = list(losses)

    def run(n: int) -> float:
        for _ in range(n):
            loss = left.pop(0) if len(left) > 1 else left[0]
        return loss

    return run


def side(name: str, *losses: float, **options: bool) -> Side:
    return Side(name, lambda: counting(*losses), **options)


def silent(text: str) -> None:
    """Progress that nobody follows."""


# -- comparing ------------------------------------------------------------------------------------


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory stays out of the collector's sight, so that it is not looked through anew
    before every measurement."""
    monkeypatch.setattr("gc.unfreeze", lambda: None)


@pytest.mark.usefixtures("unseen")
def test_sides_that_agree_are_timed_in_every_round() -> None:
    timings = compare([side("a", 3, 2, 1), side("b", 3, 2, 1 + 9e-6)], MOMENT, silent)
    assert {name: len(times) for name, times in timings.times.items()} == {"a": 2, "b": 2}
    assert all(t > 0 for times in timings.times.values() for t in times)
    assert (timings.notes, timings.wrong) == ({}, False)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.usefixtures("unseen")
def test_a_side_that_computes_something_else_is_named_and_not_timed(step: int) -> None:
    losses = [3.0, 2.0, 1.0]
    losses[step] += 1e-4
    sides = [side("a", 3, 2, 1), side("b", 3, 2, 1), side("odd", *losses)]
    timings = compare(sides, MOMENT, silent)
    assert set(timings.times) == {"a", "b"}
    assert timings.wrong
    assert timings.notes["odd"].startswith(f"WRONG: the loss of step {step + 1} is")


@pytest.mark.usefixtures("unseen")
def test_of_two_that_differ_neither_is_timed() -> None:
    timings = compare([side("a", 1.0), side("b", 2.0)], MOMENT, silent)
    assert timings.times == {}
    assert set(timings.notes) == {"a", "b"}


@pytest.mark.usefixtures("unseen")
def test_a_loss_that_is_not_finite_is_wrong() -> None:
    timings = compare([side("a", math.nan), side("b", 1.0), side("c", 1.0)], MOMENT, silent)
    assert "a" in timings.notes


@pytest.mark.usefixtures("unseen")
def test_a_side_without_a_loss_is_timed_unchecked() -> None:
    timings = compare([side("a", 1.0), side("part", 0.0, checked=False)], MOMENT, silent)
    assert set(timings.times) == {"a", "part"}


@pytest.mark.usefixtures("unseen")
def test_what_cannot_run_is_named_with_the_reason_and_the_others_are_timed() -> None:
    def raising(error: Exception) -> Any:
        def prepare() -> Run:
            raise error

        return prepare

    sides = [
        Side("later", raising(NotYetError("engine.record"))),
        Side("absent", raising(ModuleNotFoundError("no", name="somelib.part"))),
        Side("broken", raising(ValueError("two\nlines"))),
        side("a", 1.0),
    ]
    timings = compare(sides, MOMENT, silent)
    assert timings.notes == {
        "later": "not there yet: engine.record",
        "absent": "somelib is not installed",
        "broken": "failed: ValueError: two lines",
    }
    assert set(timings.times) == {"a"}


def test_the_collector_is_off_for_those_who_ask_and_afterwards_as_before() -> None:
    seen: dict[str, set[bool]] = {"on": set(), "off": set()}

    def watching(name: str) -> Any:
        def run(n: int) -> float:
            for _ in range(n):
                seen[name].add(gc.isenabled())
            return 1.0

        return lambda: run

    sides = [Side("on", watching("on")), Side("off", watching("off"), collector=False)]
    for before in (False, True):
        with collector(before):
            compare(sides, MOMENT, silent)
            assert gc.isenabled() == before
    assert seen == {"on": {True}, "off": {False}}
    assert gc.get_freeze_count() == 0


# -- the peers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize(
    "problem", [problems.xor(4), problems.moons("float64", 10)], ids=["xor", "moons"]
)
def test_every_peer_that_is_installed_computes_what_gradpath_does(
    name: str, problem: problems.Problem
) -> None:
    pytest.importorskip(name)
    ours, theirs = gradpath.scalars(problem), PEERS[name](problem)
    for _ in range(3):
        assert number(theirs(1)) == pytest.approx(number(ours(1)), rel=1e-5)


@given(st.integers(1, 40))
def test_the_chain_has_three_nodes_a_step(steps: int) -> None:
    from engine import Value, tanh, topological_order

    assert len(topological_order(scalars.chain(Value, tanh, steps))) == 3 + 3 * steps


def test_sides_share_the_data_but_nobody_can_change_it() -> None:
    problem = problems.moons("float32", 7)
    assert problem.x.shape == (7, 2)
    assert set(problem.y) == {-1.0, 1.0}
    assert problem.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        problem.weights[0][0][0, 0] = 1.0


def test_a_graph_leaves_nothing_behind() -> None:
    left = memory()[-1]
    assert left.measured == 0
    assert left.met


# -- figures and tables ---------------------------------------------------------------------------


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    timings = Timings({"a": [1.0, 2.0, 1.0], "b": [2.0, 8.0, 30.0]})
    assert Ratio("a", "b", 4).figure(timings) == Figure("a vs b", 4.0, 4)
    assert Ratio("a", "b", 4, percent=True).figure(timings).measured == 400
    assert Ratio("a", "absent", 4).figure(timings).measured is None
    assert Within("b", 9.0).figure(timings).measured == 8.0


@pytest.mark.parametrize(
    ("measured", "asked", "at_most", "met"),
    [
        (9.0, 10.0, False, True), (8.9, 10.0, False, False), (None, 10.0, False, None),
        (9.0, None, False, None), (10.0, 9.0, True, True), (10.1, 9.0, True, False),
        (0.0, 0.0, True, True), (1.0, 0.0, True, False),
    ],
)  # fmt: skip
def test_nine_tenths_of_what_is_asked_will_do(
    measured: float | None, asked: float | None, at_most: bool, met: bool | None
) -> None:
    assert Figure("x", measured, asked, at_most=at_most).met is met


RESULT = Result(
    "a title",
    Timings({"gradpath": [2e-6], "jax jit": [4.5e-6]}, {"torch": "torch is not installed"}),
    (Figure("gradpath vs jax jit", 2.25, 2), Figure("gradpath vs torch", None, 11)),
)


def test_the_table_shows_times_reasons_and_what_is_asked() -> None:
    table = report.comparison("S4", RESULT, PLAIN)
    assert "\033" not in table
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["S4", "a", "title"]
    assert rows[1] == ["time", "relative"]
    assert rows[2] == ["gradpath", "2.00", "µs", "1.00", "×"]
    assert rows[3] == ["jax", "jit", "4.50", "µs", "2.25", "×"]
    assert "torch: torch is not installed" in table
    assert rows[-2] == ["gradpath", "vs", "jax", "jit", "2.25", "×", "≥", "2", "×", "yes"]
    assert rows[-1] == ["gradpath", "vs", "torch", "–", "≥", "11", "×"]
    assert max(map(len, table.splitlines())) <= report.WIDTH


def test_the_summary_counts_and_lists_what_is_missed() -> None:
    missed = Figure("gradpath vs torch", 3.0, 9)
    summary = report.summary({"T1": [RESULT, Result("b", Timings(), (missed,))]}, PLAIN)
    assert summary.startswith("1 of 3 figures asked for are met")
    assert "1 is not:" in summary
    assert "T1  b" in summary
    assert "T1  a title" not in summary
    assert "gradpath vs torch" in summary
    assert summary.endswith("1 could not be measured")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1.5, "1.50 s"), (0.9999, "1.00 s"), (123.0, "123 s"), (2.5e-3, "2.50 ms"),
     (999.6e-6, "1.00 ms"), (41e-9, "41.0 ns")],
)  # fmt: skip
def test_durations_have_three_digits(seconds: float, shown: str) -> None:
    assert report.duration(seconds) == shown


def test_results_survive_json() -> None:
    plain = json.loads(json.dumps(RESULT.as_json()))
    assert [figure["met"] for figure in plain["figures"]] == [True, None]
    assert Result.from_json(plain) == RESULT


def test_every_workload_names_its_sides_once_and_asks_only_of_them() -> None:
    for cases in WORKLOADS.values():
        for case in cases():
            names = [each.name for each in case.sides]
            assert len(set(names)) == len(names)
            for asked in case.asked:
                assert {asked.side, getattr(asked, "over", asked.side)} <= set(names)


def test_cost_against_size_is_tabulated_and_drawn() -> None:
    pytest.importorskip("matplotlib")
    from benchmarks import plot

    timings = [Timings({"gradpath": [n * 1e-6], "gradpath, gc off": [n * 5e-7]}) for n in (9, 90)]
    done = {"nodes": [Result("t", t, size=n) for t, n in zip(timings, (9, 90), strict=True)]}
    rows = [line.split() for line in report.growth("nodes", done["nodes"], PLAIN).splitlines()]
    assert rows[-1] == ["90", "1.00", "µs", "500", "ns"]
    assert b"<svg" in plot.draw(done, "svg")


# -- the command ----------------------------------------------------------------------------------


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the command asks to measure; nothing is, and C1 fails."""
    names: list[str] = []

    def results(name: str, *_: object) -> Iterator[Result]:
        names.append(name)
        yield RESULT
        if name == "C1":
            raise RuntimeError("signal SIGKILL: it said nothing")

    monkeypatch.setattr(commandline, "results", results)
    return names


def test_the_command_prints_and_writes_what_it_measured(
    measured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.json"
    assert commandline.main(["s4", "T3", "--json", str(target)]) == 0
    assert measured == ["S4", "T3", "T3"]  # T3 with each of OpenBLAS's kernels
    printed = capsys.readouterr().out
    assert "S4  a title" in printed
    written = json.loads(target.read_text(encoding="utf-8"))
    assert list(written["workloads"]) == ["S4", "T3"]
    assert written["workloads"]["S4"][0]["timings"]["times"]["gradpath"] == [2e-6]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_a_workload_that_fails_does_not_lose_the_others(
    measured: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert commandline.main(["C1", "D1"]) == 1
    printed = capsys.readouterr().out
    assert "C1  failed: signal SIGKILL: it said nothing" in printed
    assert "D1  a title" in printed


def test_without_names_all_workloads_are_measured_and_sizes_when_drawn(
    measured: list[str],
) -> None:
    commandline.main(["--quick"])
    assert list(dict.fromkeys(measured)) == list(WORKLOADS)
    options = commandline.parse(["S1", "--plot", "cost.svg"])
    assert options.names == ["S1", *SWEEPS]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["S9"], "no workload 'S9'; there are S1"),
        (["--json", "/nowhere/at/all.json"], "cannot write"),
        (["--plot", "cost.txt"], "ends in .svg"),
        (["--fast"], "--fast"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        commandline.main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_real_workload_in_a_process_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "s1.json"
    command = [sys.executable, "-m", "tests.benchmarks", "S1", "--quick", "--json", str(target)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "S1  10,000 scalar nodes" in done.stdout
    (result,) = json.loads(target.read_text(encoding="utf-8"))["workloads"]["S1"]
    assert len(result["timings"]["times"]["gradpath"]) == 1
