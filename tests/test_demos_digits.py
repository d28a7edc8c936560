"""`demos/digits.py`: what it claims, what it prints, what it draws, and how it ends."""

import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from children import PATIENCE, running

pytestmark = pytest.mark.skipif(not find_spec("sklearn"), reason="there is no scikit-learn")

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "digits.py"
PICTURES = {"loss.svg", "accuracy.svg", "confusion.svg", "mistakes.svg", "weights.svg"}


@pytest.fixture(scope="module")
def digits() -> Iterator[ModuleType]:
    """The demo as a module."""
    before = sys.path[:]
    sys.path.insert(0, str(DEMO.parent))
    try:
        import digits

        yield digits
    finally:
        sys.path[:] = before


@pytest.fixture(scope="module")
def sets(digits: ModuleType) -> Any:
    """The images."""
    return digits.split(digits.load(), 0)


def without(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The demo on a machine that lacks a module."""
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.path.insert(0, sys.argv.pop(1)); "
        "import digits; from commandline import run; run(digits.main)"
    )
    command = [sys.executable, "-c", code, str(DEMO.parent), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE)


# -- what it claims -------------------------------------------------------------------------------


def test_the_default_network_reads_97_per_cent(
    capsys: pytest.CaptureFixture[str], digits: ModuleType
) -> None:
    digits.main(["--seeds", "2", "--seed", "0"])
    text = capsys.readouterr().out
    assert "2 of 2 seeds read 97 % of the test images or more" in text
    low, high = map(float, re.findall(r"(\d+\.\d\d) %", text))
    assert 97 <= low <= high <= 100


def test_no_image_is_in_both_sets(sets: Any) -> None:
    (learnt, learnt_digits), (test, test_digits) = sets
    assert len(learnt) + len(test) == len(learnt_digits) + len(test_digits) == 1797
    assert not {image.tobytes() for image in learnt} & {image.tobytes() for image in test}
    assert (learnt.min(), learnt.max(), learnt.dtype) == (0, 1, "float32")


def test_help_says_what_was_measured(
    capsys: pytest.CaptureFixture[str], digits: ModuleType
) -> None:
    with pytest.raises(SystemExit) as ended:
        digits.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert "19 of the seeds 0 to 19 read 97 % of their test images or more" in text


# -- what it says ---------------------------------------------------------------------------------


def test_both_engines_print_the_same_and_the_table_adds_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, digits: ModuleType
) -> None:
    monkeypatch.setattr(digits, "draw", lambda *_: None)
    texts = []
    for engine in ("twin", "program"):
        digits.main(["--engine", engine, "--epochs", "10"])
        texts.append(capsys.readouterr().out)
    one, other = texts
    assert numbers(one) == pytest.approx(numbers(other), abs=0.3)  # float32, in another order
    rows = re.findall(r"^ {6}(\d) +(\d+) +(\d+) +([\d.]+) %", one, re.MULTILINE)
    (total,) = re.findall(r"^  total +(\d+) +(\d+) +([\d.]+) %$", one, re.MULTILINE)
    assert [int(row[0]) for row in rows] == list(range(10))
    assert sum(int(row[1]) for row in rows) == int(total[0]) == 449
    assert sum(int(row[2]) for row in rows) == int(total[1])
    assert one.splitlines()[11].endswith(f"{float(total[2]):5.1f} %")  # the last epoch's
    assert max(map(len, one.splitlines())) <= 80


def numbers(text: str) -> list[float]:
    """What the log says, without the table."""
    log = text.partition("\n\n")[0]
    return [float(number) for number in re.findall(r"\d+\.\d+", log)]


@pytest.mark.thorough
def test_a_diverging_network_is_reported_as_it_is(
    capsys: pytest.CaptureFixture[str], digits: ModuleType, tmp_path: Path
) -> None:
    digits.main(["--lr", "1e38", "--epochs", "1", "--out", str(tmp_path)])
    out, err = capsys.readouterr()
    assert err == ""
    assert "nan" in out
    assert "nothing (45×)" in out
    assert re.search(r"^  total +449 +0 +0\.0 %$", out, re.MULTILINE)
    assert {file.name for file in tmp_path.iterdir()} == PICTURES


def test_answers_are_counted_by_how_often_they_were_given(digits: ModuleType) -> None:
    assert digits.tally(np.array([8, 5, -1, 5])) == "nothing, 5 (2×), 8"


def test_a_logit_that_is_nan_is_no_answer(digits: ModuleType) -> None:
    logits = np.array([[0.0, 1.0], [np.nan, 1.0], [np.inf, 0.0]])
    assert digits.answers(logits).tolist() == [1, -1, 0]


# -- what it draws --------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_pictures_are_whole_and_the_same_twice(
    capsys: pytest.CaptureFixture[str], digits: ModuleType, tmp_path: Path
) -> None:
    drawn = []
    for _ in range(2):
        digits.main(["--epochs", "2", "--hidden", "8", "--out", str(tmp_path)])
        drawn.append({file.name: file.read_bytes() for file in tmp_path.iterdir()})
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == PICTURES
    out, err = capsys.readouterr()
    assert err == ""
    for name, data in drawn[0].items():
        assert ET.fromstring(data).tag == "{http://www.w3.org/2000/svg}svg"
        assert name in out


def test_the_pictures_show_the_mistakes(digits: ModuleType, sets: Any) -> None:
    experiment = digits.prepare(digits.parse(["--hidden", "8"]), 0, sets)
    list(experiment.epochs(3, 32, 0))
    said, sure = digits.read(experiment)
    (images, truth) = sets[1]
    wrong = int((said != truth).sum())
    (axes,) = digits.draw_table(truth, said).axes
    assert axes.get_title("right") == f"{449 - wrong} of 449 right"
    plot = digits.draw_mistakes(experiment, said, sure)
    captions = [axes.get_title() for axes in plot.axes if axes.get_title()]
    assert len(captions) == min(wrong, 32)
    surest = max(np.flatnonzero(said != truth), key=lambda i: sure[i])
    assert captions[0].startswith(f"is {truth[surest]}, said {said[surest]}\n")
    assert f"{wrong} of 449 test images misread" in plot.get_suptitle()
    assert len(digits.draw_weights(experiment).axes) == 16
    assert digits.draw_weights(experiment).get_suptitle() == "Weights of 8 hidden neurons"


def test_a_network_without_mistakes_is_drawn_too(digits: ModuleType, sets: Any) -> None:
    experiment = digits.prepare(digits.parse([]), 0, sets)
    plot = digits.draw_mistakes(experiment, sets[1][1], np.ones(449))
    assert plot.get_suptitle() == "0 of 449 test images misread"


# -- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden", "0"], "argument --hidden: must be a whole number from 1 to 512, not '0'"),
        (["--epochs", "0"], "argument --epochs: must be a whole number of at least 1, not '0'"),
        (["--batch", "x"], "argument --batch: must be a whole number of at least 1, not 'x'"),
        (["--lr", "0"], "argument --lr: must be a positive number, not '0'"),
        (["--engine", "scalar"], "argument --engine: invalid choice: 'scalar'"),
        (["--seeds", "0"], "argument --seeds: must be a whole number of at least 1"),
        (["--out", str(DEMO)], "argument --out: cannot write into"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], digits: ModuleType
) -> None:
    with pytest.raises(SystemExit) as ended:
        digits.main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


def test_without_scikit_learn_one_line_names_the_cure(tmp_path: Path) -> None:
    done = without("sklearn", "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("scikit-learn is missing (pip install -e '.[demos]')\n")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_there_is_the_text(tmp_path: Path) -> None:
    done = without("matplotlib", "--epochs", "1", "--out", str(tmp_path))
    assert done.returncode == 1
    assert "total     449" in done.stdout
    assert done.stderr.endswith("matplotlib is missing (pip install -e '.[demos]')\n")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on POSIX")
def test_ctrl_c_ends_it_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-u", str(DEMO), "--epochs", "1000000", "--out", str(out)]
    with running(command) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("Handwritten digits")
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=PATIENCE)
    assert (demo.returncode, err) == (130, "digits.py: interrupted\n")
    assert not out.exists()
