"""`demos/moons.py`: what it prints, what it draws, on each engine, and how it ends."""

import random
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from math import hypot
from pathlib import Path
from types import ModuleType

import pytest
from children import PATIENCE, running

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "moons.py"
PICTURES = {"regions.svg", "loss.svg", "accuracy.svg"}


@pytest.fixture(scope="module")
def moons() -> Iterator[ModuleType]:
    """The demo as a module."""
    before = sys.path[:]
    sys.path.insert(0, str(DEMO.parent))
    try:
        import moons

        yield moons
    finally:
        sys.path[:] = before


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch, moons: ModuleType) -> None:
    """The demo without pictures."""
    monkeypatch.setattr(moons, "draw", lambda *_: None)


def printed(capsys: pytest.CaptureFixture[str], moons: ModuleType, *arguments: str) -> str:
    """The text of a run."""
    moons.main(arguments)
    out, err = capsys.readouterr()
    assert err == ""
    return out


# -- what it says ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
def test_it_tells_the_moons_apart(capsys: pytest.CaptureFixture[str], moons: ModuleType) -> None:
    text = printed(capsys, moons)
    (right,) = re.findall(r"test .* (\d+) of 200$", text, re.MULTILINE)
    assert int(right) >= 196
    assert len(re.findall(r"^  epoch +\d+ of 100: loss", text, re.MULTILINE)) == 10
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.usefixtures("undrawn")
def test_all_engines_print_the_same(capsys: pytest.CaptureFixture[str], moons: ModuleType) -> None:
    texts = {
        printed(capsys, moons, "--engine", engine, "--epochs", "3", "--hidden", "4")
        for engine in ("scalar", "twin", "program")
    }
    assert len(texts) == 1
    again = printed(capsys, moons, "--epochs", "3", "--hidden", "4", "--seed", "1")
    assert again not in texts


@pytest.mark.usefixtures("undrawn")
def test_only_a_terminal_is_told_the_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, moons: ModuleType
) -> None:
    arguments = ["--epochs", "1", "--engine", "twin"]
    line = re.compile(r"^  Trained by the vectorised twin in \d+\.\d\d s$", re.MULTILINE)
    assert not line.search(printed(capsys, moons, *arguments))
    monkeypatch.setattr(sys.modules["experiment"], "on_terminal", lambda: True)
    assert line.search(printed(capsys, moons, *arguments))


@pytest.mark.usefixtures("undrawn")
def test_a_diverging_network_is_reported_as_it_is(
    capsys: pytest.CaptureFixture[str], moons: ModuleType
) -> None:
    text = printed(capsys, moons, "--lr", "1e300", "--epochs", "2")
    assert re.search(r"^  test .* 0 of 200$", text, re.MULTILINE)
    assert "nan" in text


def test_without_noise_the_points_are_on_two_half_circles(moons: ModuleType) -> None:
    points, classes = moons.moons(40, 0.0, random.Random(0))
    assert classes == [-1.0, 1.0] * 20
    for (x, y), side in zip(points, classes, strict=True):
        middle = (0.0, 0.0) if side < 0 else (1.0, 0.5)
        assert hypot(x - middle[0], y - middle[1]) == pytest.approx(1)
        assert (y - middle[1]) * side <= 0


def test_a_score_of_zero_or_nan_is_not_right(moons: ModuleType) -> None:
    assert moons.right([0.0, float("nan"), 2.0, -2.0], [1.0, 1.0, 1.0, 1.0]) == 1


# -- what it draws --------------------------------------------------------------------------------


def test_the_pictures_are_whole(
    capsys: pytest.CaptureFixture[str], moons: ModuleType, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "out"
    text = printed(capsys, moons, "--epochs", "2", "--out", str(out))
    assert {file.name for file in out.iterdir()} == PICTURES
    for file in out.iterdir():
        assert ET.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert file.name in text


def test_the_regions_count_as_the_table_does(moons: ModuleType) -> None:
    options = moons.parse(["--epochs", "5", "--noise", "0.3"])
    experiment = moons.prepare(options)
    before = experiment.scores().test
    *_, after = experiment.run(options.epochs, options.batch, options.seed)
    titles = [axes.get_title("right") for axes in moons.draw_regions(options, experiment).axes]
    assert titles == [f"{score.right} of 200 right" for score in (before, after.test)]


def test_the_curves_begin_before_training(moons: ModuleType) -> None:
    experiment = moons.prepare(moons.parse([]))
    history = [experiment.scores(), *experiment.run(2, 50, 0)]
    (axes,) = moons.draw_losses(history).axes
    for line, scores in zip(axes.get_lines(), zip(*history, strict=True), strict=True):
        assert list(line.get_xdata()) == [0, 1, 2]
        assert list(line.get_ydata()) == [score.loss for score in scores]


# -- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden", "0"], "argument --hidden: must be a whole number from 1 to 64, not '0'"),
        (["--epochs", "0"], "argument --epochs: must be a whole number of at least 1, not '0'"),
        (["--batch", "0"], "argument --batch: must be a whole number of at least 1, not '0'"),
        (["--noise", "-1"], "argument --noise: must be a positive number, not '-1'"),
        (["--noise", "1e308"], "argument --noise: must be at most 1,000, not '1e308'"),
        (["--lr", "nan"], "argument --lr: must be a positive number, not 'nan'"),
        (["--engine", "quantum"], "argument --engine: invalid choice: 'quantum'"),
        (["--out", str(DEMO)], "argument --out: cannot write into"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], moons: ModuleType
) -> None:
    with pytest.raises(SystemExit) as ended:
        moons.main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on POSIX")
def test_ctrl_c_ends_it_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-u", str(DEMO), "--epochs", "1000000", "--out", str(out)]
    with running(command) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("Two moons")  # the imports are done
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=PATIENCE)
    assert (demo.returncode, err) == (130, "moons.py: interrupted\n")
    assert not out.exists()


def test_without_matplotlib_there_is_the_text(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None; sys.path.insert(0, sys.argv.pop(1)); "
        "import moons; from commandline import run; run(moons.main)"
    )
    command = [sys.executable, "-c", code, str(DEMO.parent), "--epochs", "1", "--out"]
    done = subprocess.run(
        [*command, str(tmp_path)], capture_output=True, encoding="utf-8", timeout=PATIENCE
    )
    assert done.returncode == 1
    assert "right answers" in done.stdout
    assert done.stderr.endswith("matplotlib is missing (pip install -e '.[demos]')\n")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_points_without_scatter_are_allowed(moons: ModuleType) -> None:
    assert moons.parse(["--noise", "0"]).noise == 0
    with pytest.raises(SystemExit):
        moons.parse(["--noise", "nan"])
