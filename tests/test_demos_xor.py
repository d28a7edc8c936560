"""`demos/xor.py`: what it claims, what it prints, what it draws, and how it ends."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from children import PATIENCE, running
from hypothesis import given
from hypothesis import strategies as st
from sampling import sampled

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demos" / "xor.py"
PICTURES = {"graph.svg", "network.svg", "regions.svg", "hidden.svg", "loss.svg"}


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The demo as a process of its own."""
    command = [sys.executable, str(DEMO), *map(str, arguments)]
    options = {"timeout": PATIENCE, **options}
    return subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, **options)


def run_without(*modules: str, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The demo on a machine that lacks these modules."""
    missing = "".join(f"sys.modules[{name!r}] = None; " for name in modules)
    code = f"import sys; {missing}import xor; from commandline import run; run(xor.main)"
    return subprocess.run(
        [sys.executable, "-c", code, "--out", str(out)],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(DEMO.parent)} | environment,
        timeout=PATIENCE,
    )


class Default(NamedTuple):
    """A default run: how it ended, where it drew, and what."""

    done: subprocess.CompletedProcess[str]
    out: Path
    drawn: dict[str, bytes]


def default_run(out: Path) -> Default:
    done = run("--out", out)
    return Default(done, out, {file.name: file.read_bytes() for file in out.iterdir()})


@pytest.fixture(scope="module")
def xor() -> Iterator[ModuleType]:
    """The demo as a module."""
    before = sys.path[:]
    sys.path.insert(0, str(DEMO.parent))
    try:
        import xor

        yield xor
    finally:
        sys.path[:] = before


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Default:
    """A default run."""
    return default_run(tmp_path_factory.mktemp("xor") / "new" / "out")


# -- a default run --------------------------------------------------------------------------------


def test_a_run_shows_that_lines_cannot_and_a_hidden_layer_can(default: Default) -> None:
    done = default.done
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"right +0 of 4 +3 of 4 +4 of 4\n", done.stdout)
    assert "every line gives 14," in done.stdout
    for x0, x1, target in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
        row = rf"^ +{x0} +{x1} +{target} +0\.5000 +[01] +{target}\.0000$"
        assert re.search(row, done.stdout, re.MULTILINE)


def test_the_text_fits_a_terminal(default: Default) -> None:
    text = default.done.stdout
    narrow = [line for line in text.splitlines() if "/" not in line]  # but for the folder's name
    assert max(map(len, narrow)) <= 80
    assert "\r" not in text
    assert "\x1b" not in text


@pytest.mark.thorough
def test_the_same_seed_prints_and_draws_the_same(default: Default) -> None:
    again = default_run(default.out)
    assert again.done.stdout == default.done.stdout
    assert again.drawn == default.drawn


@pytest.mark.parametrize("arguments", [[], ["--hidden", "1", "--steps", "7", "--seed", "3"]])
def test_all_engines_print_and_draw_the_same(
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    xor: ModuleType,
) -> None:
    monkeypatch.setattr(xor, "draw", lambda *given: drawn.append(given))
    drawn: list[Any] = []
    texts = set()
    for engine in ("scalar", "twin", "program"):
        xor.main([*arguments, "--engine", engine])
        texts.add(capsys.readouterr().out)
    assert len(texts) == 1
    weights = [[p.data for p in mlp.parameters()] for _, _, mlp, _ in drawn]
    assert weights[1] == pytest.approx(weights[0], abs=1e-8)
    assert weights[2] == pytest.approx(weights[0], abs=1e-8)


@pytest.mark.parametrize(
    "engine",
    ["program", "twin"],
)
def test_every_engine_reports_a_network_that_diverges(
    engine: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    xor: ModuleType,
) -> None:
    monkeypatch.setattr(xor, "draw", lambda *_: None)
    xor.main(["--lr", "1e300", "--engine", engine])
    out, err = capsys.readouterr()
    assert re.search(r"right +0 of 4 +3 of 4 +0 of 4\n", out)
    assert err == ""


def test_another_seed_prints_something_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, xor: ModuleType
) -> None:
    monkeypatch.setattr(xor, "draw", lambda *_: None)
    texts = []
    for seed in "01":
        xor.main(["--seed", seed])
        texts.append(capsys.readouterr().out)
    assert texts[0] != texts[1]


def test_every_picture_is_whole_and_named_in_the_text(default: Default) -> None:
    done, _, drawn = default
    assert set(drawn) == PICTURES
    for name, data in drawn.items():
        assert ET.fromstring(data).tag == "{http://www.w3.org/2000/svg}svg"
        assert name in done.stdout


def test_the_graph_shows_every_parameter_and_gradient(default: Default) -> None:
    graph = default.drawn["graph.svg"].decode()
    texts = [text for text in ET.fromstring(graph).itertext() if text.strip()]
    names = [text for text in texts if re.fullmatch(r"w\d|b", text)]
    assert len(names) == 4 * 3 + 5
    assert {"x0", "x1", "z3", "h3", "y", "target", "error", "loss"} <= set(texts)


# -- the claims -----------------------------------------------------------------------------------


def test_the_search_misses_no_line(xor: ModuleType) -> None:
    splits = {xor.split(line) for line in xor.lines()}
    assert len(splits) == 14
    assert (0, 1, 1, 0) not in splits
    assert (1, 0, 0, 1) not in splits

    coefficient = st.floats(-2, 2)

    @given(coefficient, coefficient, coefficient)
    def every_line_splits_in_one_of_these_ways(w0: float, w1: float, b: float) -> None:
        assert xor.split((w0, w1, b)) in splits

    every_line_splits_in_one_of_these_ways()


def test_the_best_line_gets_three(xor: ModuleType) -> None:
    assert max(xor.right(xor.split(line)) for line in xor.lines()) == 3


def test_half_is_no_answer(xor: ModuleType) -> None:
    assert xor.right([0.5] * 4) == 0
    assert xor.right([0.4, 0.6, 0.6, 0.6]) == 3
    assert xor.right([float("nan")] * 4) == 0


def test_beyond_the_target_is_right_too(xor: ModuleType) -> None:
    assert xor.right([-3.0, 7.0, float("inf"), 0.5 - 1e-3]) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--hidden", "64", "--steps", "5"], marks=pytest.mark.thorough),
        ["--hidden", "1", "--lr", "1e10"],
    ],
)
def test_the_picture_counts_as_the_table_does(arguments: list[str], xor: ModuleType) -> None:
    options = xor.parse(arguments)
    mlp = xor.network(options.hidden, options.seed)
    list(xor.descend(mlp, options))
    _, axes = xor.draw_regions((1, 1, -0.5), mlp).axes
    assert axes.get_title("right") == f"{xor.right(xor.predict(mlp))} of 4 right"


@pytest.mark.parametrize("engine", sampled(["program", "twin", "scalar"], every=3))
def test_twenty_seeds_learn_xor(engine: str) -> None:
    done = run("--seeds", 20, "--seed", 100, "--engine", engine)
    assert "20 of 20 seeds reach 4 of 4 (100.00%)" in done.stdout


def test_seeds_that_fail_are_named(capsys: pytest.CaptureFixture[str], xor: ModuleType) -> None:
    xor.main(["--seeds", "3", "--seed", "7", "--hidden", "1", "--steps", "20"])
    text = capsys.readouterr().out
    assert "0 of 3 seeds reach 4 of 4 (0.00%)" in text
    assert "7, 8, 9" in text


@pytest.mark.parametrize(
    ("arguments", "learnt"),
    [
        (["--hidden", "1"], False),
        pytest.param(["--lr", "1e300"], False, marks=pytest.mark.thorough),
        pytest.param(["--steps", "0"], False, marks=pytest.mark.thorough),
        pytest.param(["--hidden", "16", "--steps", "200"], True, marks=pytest.mark.thorough),
    ],
)
def test_odd_settings_are_reported_as_they_are(
    arguments: list[str],
    learnt: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    xor: ModuleType,
) -> None:
    xor.main([*arguments, "--out", str(tmp_path)])
    out, err = capsys.readouterr()
    assert err == ""
    assert {file.name for file in tmp_path.iterdir()} == PICTURES
    assert bool(re.search(r"right .* 4 of 4\n", out)) == learnt


@pytest.mark.parametrize(
    ("hidden", "neurons", "caption"),
    [
        ("1", "1 tanh neuron,", "what the hidden neurons add to the output"),
        ("4", "4 tanh neurons,", "what the hidden neurons add to the output"),
        ("5", "5 tanh neurons,", "what the 4 heaviest hidden neurons add to the output"),
    ],
)
def test_the_text_counts_the_hidden_neurons(
    hidden: str,
    neurons: str,
    caption: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    xor: ModuleType,
) -> None:
    monkeypatch.setattr(xor.viz, "save", lambda *_: None)
    xor.main(["--hidden", hidden, "--steps", "1", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert neurons in out
    assert caption in out


def test_the_pictures_name_what_they_show(xor: ModuleType) -> None:
    mlp = xor.network(5, 0)
    written = [text.get_text() for text in xor.draw_network(mlp).axes[0].texts]
    assert {"x0", "x1", "h0", "h4", "y"} <= set(written)
    regions, hidden = xor.draw_regions((1, 1, -0.5), mlp), xor.draw_hidden(mlp)
    for axes in (*regions.axes, *hidden.axes):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("x0", "x1")
    assert [axes.get_title("right") for axes in hidden.axes] == [""] * 4
    (axes,) = xor.draw_losses({"network": [1.0, 1e-22]}).axes
    assert axes.get_yscale() == "log"
    assert axes.get_title("left") == "Loss of both models in training"


# -- bad arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hidden", "0"], "argument --hidden: must be a whole number from 1 to 64, not '0'"),
        (["--hidden", "2.5"], "from 1 to 64, not '2.5'"),
        (["--hidden", "65"], "from 1 to 64, not '65'"),
        (["--steps", "-1"], "argument --steps: must be a whole number of at least 0, not '-1'"),
        (["--seed", "x"], "argument --seed: must be a whole number"),
        (["--seed", "-1"], "argument --seed: must be a whole number"),
        (["--seed", "9" * 5000], "9…'"),
        (["--seeds", "0"], "argument --seeds: must be a whole number of at least 1"),
        (["--lr", "nan"], "argument --lr: must be a positive number, not 'nan'"),
        (["--lr", "inf"], "positive number, not 'inf'"),
        (["--lr", "0"], "positive number, not '0'"),
        (["--lr", "fast"], "positive number, not 'fast'"),
        (["--engine", "quantum"], "argument --engine: invalid choice: 'quantum'"),
        (["--out", str(DEMO)], "argument --out: cannot write into"),
        (["--out", str(DEMO / "below")], "argument --out: cannot write into"),
        (["--out", "/dev/null"], "argument --out: cannot write into '/dev/null': not a directory"),
        (["--out", "/proc/1/new"], "argument --out: cannot write into"),
        (["--out", "x" * 5000], "…': file name too long"),
        (["--out", ""], "argument --out: must be the name of a folder, not ''"),
        (["--sed", "1"], "unrecognized arguments: --sed 1"),
        (["1"], "unrecognized arguments: 1"),
        (["--seed"], "argument --seed: expected one argument"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], xor: ModuleType
) -> None:
    with pytest.raises(SystemExit) as ended:
        xor.main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


def test_a_bad_argument_ends_the_process_with_status_2() -> None:
    done = run("--hidden", 0)
    assert done.returncode == 2
    assert done.stderr.startswith("xor.py: error: argument --hidden")
    assert "Traceback" not in done.stderr


def test_help_says_what_was_measured() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in (
        "--seed",
        "--hidden",
        "--steps",
        "--lr",
        "--out",
        "--engine",
        "--seeds",
        "9998 of",
    ):
        assert word in done.stdout


# -- other ends -----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals as on POSIX")
@pytest.mark.parametrize(
    "arguments", sampled([["--steps", "100000000"], ["--seeds", "100000000"]], every=2)
)
def test_ctrl_c_ends_it_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(DEMO), *arguments, "--out", str(out)]
    with running(command, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as demo:
        with pytest.raises(subprocess.TimeoutExpired):
            demo.communicate(timeout=1)
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=PATIENCE)
    assert (demo.returncode, err) == (130, "xor.py: interrupted\n")
    assert not out.exists()


@pytest.mark.parametrize("module", ["viz", "engine", "nn"])
def test_ctrl_c_during_the_imports_ends_it_in_one_line(module: str) -> None:
    code = f"""
import runpy, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
sys.path.insert(0, {str(DEMO.parent)!r})
sys.argv = [{str(DEMO)!r}]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (130, "xor.py: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes as on POSIX")
def test_a_reader_may_leave_early(tmp_path: Path) -> None:
    script = f'"{sys.executable}" "{DEMO}" --out "{tmp_path}" | head -n 1'
    command = ["sh", "-c", script]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=PATIENCE)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_a_terminal_without_the_characters_gets_others(tmp_path: Path) -> None:
    done = run_without("matplotlib", out=tmp_path, PYTHONIOENCODING="ascii")
    assert "says ? everywhere" in done.stdout


def test_without_matplotlib_there_are_the_text_and_the_graph(
    tmp_path: Path, default: Default
) -> None:
    done = run_without("matplotlib", "tqdm", out=tmp_path)
    assert done.returncode == 1
    assert {file.name for file in tmp_path.iterdir()} == {"graph.svg"}
    assert "matplotlib is missing (pip install -e '.[demos]')" in done.stderr
    assert done.stderr.count("\n") == 1
    full = default.done.stdout
    assert done.stdout.partition("Pictures")[0] == full.partition("Pictures")[0]


def test_a_picture_that_cannot_be_drawn_stops_no_other(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    xor: ModuleType,
) -> None:
    def fail(mlp: object) -> None:
        raise xor.viz.GraphvizError("no Graphviz found:\ninstall it")

    for name in ("draw_graph", "draw_hidden"):
        monkeypatch.setattr(xor, name, fail)
    with pytest.raises(SystemExit) as ended:
        xor.main(["--out", str(tmp_path)])
    assert ended.value.code == 1
    assert {file.name for file in tmp_path.iterdir()} == PICTURES - {"graph.svg", "hidden.svg"}
    message = "no graph.svg, hidden.svg: no Graphviz found: install it\n"
    assert capsys.readouterr().err.partition(": ")[2] == message


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.filterwarnings("ignore")  # libraries that another test has loaded dislike a fork
@pytest.mark.parametrize("tqdm", [True, False])
def test_a_terminal_shows_a_bar_where_a_pipe_gets_lines(
    tqdm: bool,
) -> None:
    missing = "" if tqdm else "sys.modules['tqdm'] = None; "
    code = f"import sys; {missing}import xor; from commandline import run; run(xor.main)"
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        os.environ["PYTHONPATH"] = str(DEMO.parent)
        os.execv(sys.executable, [sys.executable, "-c", code, "--seeds", "3", "--seed", "5"])
    shown = b""
    while True:
        try:
            shown += (part := os.read(terminal, 10_000))
        except OSError:  # how Linux ends it
            part = b""
        if not part:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert "3 of 3 seeds reach 4 of 4" in text
    assert ("0/3" in text) == tqdm
    assert "seed 3 of 3: 0 failed" in text
    assert ("seed 1 of 3: 0 failed" in text) != tqdm
    assert ("pip install -e '.[demos]'" in text) != tqdm


@pytest.mark.thorough
def test_the_film_of_a_training_is_a_page_of_at_most_two_megabytes(
    tmp_path: Path, xor: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    xor.main(["--film", "--steps", "250", "--out", str(tmp_path)])
    assert "film.html" in capsys.readouterr().out
    page = (tmp_path / "film.html").read_text(encoding="utf-8")
    assert len(page) < 2_000_000
    assert "Content-Security-Policy" in page
    assert page.count("<svg") >= 1
