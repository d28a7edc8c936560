"""The README's snippets run and print what they say; its picture is the one that they draw."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import TABLE

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def own_rules_are_forgotten() -> Iterator[None]:
    """The tour adds a row to the table, which other tests must not see."""
    before = set(TABLE.rows)
    yield
    for name in set(TABLE.rows) - before:
        TABLE.remove(name)


def test_the_snippets_print_what_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_rules_are_forgotten: None
) -> None:
    monkeypatch.chdir(tmp_path)
    snippets = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", README, re.DOTALL | re.MULTILINE))
    tour = doctest.DocTestParser().get_doctest(snippets, {}, "README", "README.md", 0)
    assert len(tour.examples) > 30
    report: list[str] = []
    results = doctest.DocTestRunner().run(tour, out=report.append)
    assert results.failed == 0, "".join(report)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"neuron-dark.png", "neuron.svg", "paths.svg", "steps.html"}
    drawn, shown = Path("neuron.svg"), ROOT / "demos/pictures/neuron.svg"
    assert texts(drawn) == texts(shown), "draw the README's picture again"


def test_there_are_two_commands_for_a_fresh_machine() -> None:
    commands = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && ")
    assert "demos/xor.py" in commands[0]
    assert commands[1].rstrip().endswith("-m pytest")


@pytest.mark.thorough
def test_the_student_sees_what_the_readme_shows() -> None:
    (shown,) = re.findall(r"^```console\n\$ (.*?)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    command, output = shown
    script, *arguments = command.partition(" --out")[0].split()
    assert script.endswith("/gradpath")
    run = subprocess.run(
        [sys.executable, "-m", "gradpath", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert output in run.stdout


def texts(svg: Path) -> list[str]:
    """What is written in a picture."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.read_text(encoding="utf-8"))
