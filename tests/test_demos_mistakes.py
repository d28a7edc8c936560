"""`demos/mistakes.py`: every wrong backward pass is wrong, and shown to be."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engine import Value, topological_order

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "mistakes.py"
NAMES = ["order", "assign", "zero", "twice"]
PICTURES = [
    f"mistake-{i}-{name}{suffix}" for i, name in enumerate(NAMES, 1) for suffix in (".html", ".svg")
]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The demo as a process of its own."""
    command = [sys.executable, str(DEMO), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", cwd=ROOT, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def mistakes() -> Iterator[ModuleType]:
    """The demo as a module."""
    before = sys.path[:]
    sys.path.insert(0, str(DEMO.parent))
    try:
        import mistakes

        yield mistakes
    finally:
        sys.path[:] = before


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder that the demo wrote into, and how it went."""
    out = tmp_path_factory.mktemp("mistakes") / "new" / "folder"
    return out, run("--out", out)


def leaf_gradient(root: Value) -> float:
    """The gradient of the one leaf."""
    return float(topological_order(root)[0].grad)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [("order", 6.0, 9.0), ("assign", 6.0, 3.0), ("zero", 4.8, 10.8), ("twice", 2.0, 3.0)],
)
def test_the_wrong_pass_gives_the_number_that_the_text_says(
    mistakes: ModuleType, name: str, right: float, wrong: float
) -> None:
    (mistake,) = (m for m in mistakes.MISTAKES if m.name == name)
    assert leaf_gradient(mistake.right(mistake.graph)) == pytest.approx(right)
    assert leaf_gradient(mistake.wrong(mistake.graph)) == pytest.approx(wrong)
    assert mistake.answer.count(". ") == 1  # two sentences
    assert len(topological_order(mistake.graph())) <= 3


def test_the_text_has_every_question_and_points_at_what_differs(
    done: tuple[Path, subprocess.CompletedProcess[str]], mistakes: ModuleType
) -> None:
    _, process = done
    assert process.returncode == 0, process.stderr
    for number, mistake in enumerate(mistakes.MISTAKES, 1):
        assert f"{number}. {mistake.question}" in process.stdout
    assert process.stdout.count("←") == 5
    assert all(len(line) <= 90 for line in process.stdout.splitlines()[:-1])


def test_pictures_show_both_graphs_and_mark_what_is_wrong(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, _ = done
    assert sorted(file.name for file in out.iterdir()) == PICTURES
    pictures = [name for name in PICTURES if name.endswith(".svg")]
    for name, marks, nodes in zip(pictures, (1, 1, 1, 2), (6, 4, 4, 6), strict=True):
        text = (out / name).read_text(encoding="utf-8")
        ET.fromstring(text)
        assert len(re.findall(r">wrong: the gradient is [^<]*</text>", text)) == marks
        assert text.count('class="node"') == nodes


@pytest.mark.thorough
def test_the_same_text_and_pictures_twice(
    done: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    out, first = done
    second = run("--out", tmp_path)
    assert second.stdout.replace(str(tmp_path), str(out)) == first.stdout
    for name in PICTURES:
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_help_and_mistakes_on_the_command_line(tmp_path: Path) -> None:
    assert "--out" in run("--help").stdout
    file = tmp_path / "file"
    file.write_text("")
    for arguments in (["--out", file / "below"], ["--seed", "1"]):
        failed = run(*arguments)
        assert failed.returncode == 2
        assert failed.stderr.startswith("mistakes.py: error:")
        assert failed.stderr.count("\n") == 1
