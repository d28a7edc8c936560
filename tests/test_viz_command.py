"""`python -m viz`: formulas that are read and never run, and what is written."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viz.__main__ import main
from viz.expression import ExpressionError, evaluate

ROOT = Path(__file__).parents[1]
NEURON = ["tanh(x1*w1 + x2*w2 + b)", "x1=2", "x2=0", "w1=-3", "w2=1", "b=6.8813735870195432"]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "viz", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        timeout=60,
        check=False,
    )


# ---------------- pages


def test_a_page_steps_through_the_formula(tmp_path: Path) -> None:
    path = tmp_path / "steps.html"
    main([*NEURON, "-o", str(path)])
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("options", "opening"),
    [
        ([], {}),
        (["--wrt", "w1"], {"name": "w1", "step": "last"}),
        (["--wrt", "w1", "--paths"], {"name": "w1", "step": "last", "path": "1"}),
        (["--dark"], {"theme": "dark"}),
    ],
)
def test_a_page_opens_on_what_is_asked_for(
    tmp_path: Path, options: list[str], opening: dict[str, str]
) -> None:
    path = tmp_path / "steps.html"
    main([*NEURON, *options, "-o", str(path)])
    found = re.search(r'id="score">(.*?)</script>', path.read_text(encoding="utf-8"))
    assert found
    score = json.loads(found[1])
    if "node" in score["opening"]:
        score["opening"]["name"] = score["nodes"][int(score["opening"].pop("node"))]["name"]
    assert score["opening"] == opening


# ---------------- formulas


@pytest.mark.parametrize(
    ("formula", "value", "slope"),
    [
        ("x*x + 1", 10.0, 6.0),
        ("-x**2", -9.0, -6.0),
        ("2**x", 8.0, 8 * math.log(2)),
        ("x**-1", 1 / 3, -1 / 9),
        ("1/(x - 1)", 0.5, -0.25),
        ("+x - -x", 6.0, 2.0),
        ("max(x, 1) + leaky_relu(-x, 0.5)", 1.5, 0.5),
        ("sum(x, x, 1) + mean(x, 1)", 9.0, 2.5),
        ("  relu(x)  ", 3.0, 1.0),
        ("x*(1 + 2)*1e0", 9.0, 3.0),
    ],
)
def test_formulas_mean_what_they_mean_in_python(formula: str, value: float, slope: float) -> None:
    root, variables = evaluate(formula, {"x": 3.0})
    root.backward()
    assert root.data == pytest.approx(value)
    assert variables["x"].grad == pytest.approx(slope)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("__import__('os').system('true')", "column 1, at"),
        ("x.data", r"column 1, at 'x.data': only numbers"),
        ("x if x else 1", "only numbers"),
        ("[x for x in x]", "only numbers"),
        ("lambda: x", "only numbers"),
        ("(y := x)", "only numbers"),
        ("f'{x}'", "only numbers"),
        ("'x'", "only numbers"),
        ("True", "only numbers"),
        ("2j", "only numbers"),
        ("x @ x", "only numbers"),
        ("x < 1", "only numbers"),
        ("x, x", "only numbers"),
        ("exp(x=1)", "only numbers"),
        ("x + eval(x)", r"column 5, at 'eval\(x\)': no function is called 'eval'"),
        ("x + zeta", r"column 5, at 'zeta': 'zeta' has no value; give it as zeta="),
        ("é*x", "'é' has no value"),
        ("exp(x, x)", "column 1.*exp does not take these arguments"),
        ("mean()", "mean does not take these arguments"),
        ("leaky_relu(x, x)", "leaky_relu does not take these arguments"),
        ("x +", "this is no formula"),
        ("", "this is no formula"),
        ("x; x", "this is no formula"),
        ("x\x00", "this is no formula"),
        ("x**1001", "the exponent is larger than 1,000"),
        ("x**9**9", "the exponent is larger than 1,000"),
        ("1" + "0" * 400 + "*x", "too large a number"),
        ("x" + "+x" * 1000, "2,001 characters"),
        ("exp(" * 70 + "x" + ")" * 70, "deeper than 60 levels"),
        ("(" * 500 + "x" + ")" * 500, "this is no formula"),
        ("-" * 1500 + "x", "no formula|deeper than"),
        ("7", "'x' has a value but does not occur"),
    ],
)
def test_whatever_else_is_refused_with_its_place(formula: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        evaluate(formula, {"x": 3.0})
    assert "\n" not in str(caught.value)


def test_a_long_sum_is_not_deep() -> None:
    root, _ = evaluate("x" + "+x" * 900, {"x": 1.0})
    assert root.data == 901


@given(st.text("xy+-*/()0123456789.,e=<>[]{}'\"_ abc", max_size=30) | st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_no_text_does_anything_but_evaluate_or_be_refused(text: str) -> None:
    try:
        root, _ = evaluate(text, {"x": 2.0, "y": -1.0})
        assert isinstance(root.data, float)
    except ExpressionError as error:
        assert str(error)


# ---------------- what is written


def test_numbers_go_to_standard_output() -> None:
    done = run(*NEURON)
    assert done.returncode == 0
    lines = [line.partition(" = ") for line in done.stdout.splitlines()]
    assert [name for name, _, _ in lines] == [
        "f", "∂f/∂x1", "∂f/∂x2", "∂f/∂w1", "∂f/∂w2", "∂f/∂b",
    ]  # fmt: skip
    found = [float(number) for _, _, number in lines]
    assert found == pytest.approx([0.5**0.5, -1.5, 0.5, 1.0, 0.0, 0.5])


@pytest.mark.parametrize(
    ("ending", "begins"),
    [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph")],
)
def test_pictures_by_their_ending(ending: str, begins: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"neuron{ending}"
    main([*NEURON, "--dark", "-o", str(path)])
    assert path.read_bytes().startswith(begins)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_derivation_by_its_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending, part in ((".txt", "∂f/∂w1"), (".md", "$$"), (".tex", r"\begin{aligned}")):
        path = tmp_path / f"d{ending}"
        main([*NEURON, "--wrt", "w1", "-o", str(path)])
        assert part in path.read_text(encoding="utf-8")
    main(["a*a", "a=3", "--wrt", "a"])
    assert "∂f/∂a = a + a = 3 + 3 = 6" in capsys.readouterr().out
    main(["a*a", "a=3", "--wrt", "a", "--out=-.dot"])
    assert capsys.readouterr().out.startswith("digraph")


def test_a_picture_has_the_look_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--title", "Fill in", "--hide", "grad", "--hide", "partial", "--no-legend"]
    main(["a*b", "a=3", "b=0.123456", *asked, "--digits", "2", "--scale", "2", "--out=-.dot"])
    source = capsys.readouterr().out
    assert "Fill in" in source
    assert "________" in source
    assert ">0.12<" in source
    assert "dpi=144" in source
    assert "gradient sent back" not in source


def test_every_path_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["(a*b)*(a+b)", "a=-2", "b=3", "--wrt", "a", "--paths", "-o", str(tmp_path / "p.dot")])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["p-1.dot", "p-2.dot", "p.dot"]
    main(["a*a", "a=3", "--wrt", "a", "--paths"])
    assert "the sum over 2 paths" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.y", "x=1"], "viz: column 1, at 'x.y'"),
        (["x", "x=one"], "must be name=number, not 'x=one'"),
        (["x", "x=1", "x=2"], "a name has two values"),
        (["x", "x=1", "--wrt", "y"], "--wrt y: the formula has no such name, only x"),
        (["x", "x=1", "--paths"], "--paths needs --wrt"),
        (["x", "x=1", "-o", "x.jpg"], "must end in one of .svg .png .pdf .dot .txt .md .tex"),
        (["x", "x=1", "-o", "x.tex"], "needs --wrt"),
        (["x", "x=1", "--hide", "grad", "-o", "x.txt"], "--hide is for pictures, not for .txt"),
        (["x", "x=1", "--no-legend", "-o", "x.html"], "--no-legend is for pictures, not for .html"),
        (["x", "x=1", "--title", "T"], "--title is for pictures and pages, not for .txt"),
        (["x", "x=1", "--hide", "all", "-o", "x.svg"], "invalid choice: 'all'"),
        ([], "the following arguments are required: formula"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_folder_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["x", "x=1", "-o", str(tmp_path / "none" / "x.dot")])
    assert caught.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_help_shows_examples() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "examples:" in done.stdout


# ---------------- what is typed


def test_names_are_read_as_python_reads_them() -> None:
    """The keyboard's micro sign is to Python the Greek letter, and ﬁ two letters."""
    for name in ("\u00b5", "\ufb01", "\u212b", "x\u2082"[:1] + "\u1d62"):
        done = run(f"{name}*x", f"{name}=2", "x=3", "--wrt", name)
        assert (done.returncode, done.stderr) == (0, "")
        assert "= 3" in done.stdout.splitlines()[0]
    assert run("\u00b5", "\u00b5=2", "\u03bc=3").stderr == "viz: a name has two values\n"


@pytest.mark.parametrize("sign", ["+", "*", "-"])
@pytest.mark.parametrize("arguments", [[], ["--wrt", "x"], ["--wrt", "x", "-o-.md"]])
def test_a_formula_may_be_as_long_as_is_allowed(sign: str, arguments: list[str]) -> None:
    done = run(sign.join(["x"] * 1000), "x=1", *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_formula_ends_in_a_traceback() -> None:
    deep = ["(" * 900 + "x" + ")" * 900, "(" + "-" * 1500 + "x)", "**".join(["x"] * 600)]
    for formula in [*deep, "2if a else 3", "1_if x", "0xfor x", "x.y", "x[0]", "'\\d'", "x" * 2001]:
        done = run(formula, "x=1")
        assert done.returncode == 2, formula[:20]
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("viz: ")


def test_a_formula_that_is_one_variable_keeps_its_name() -> None:
    assert run("x", "x=2", "--wrt", "x").stdout.startswith("∂x/∂x = 1\n")
    assert run("+x", "x=2").stdout == "x = 2.0\n∂x/∂x = 1.0\n"


def test_the_result_has_a_name_that_is_free() -> None:
    assert run("f*y*result", "f=1", "y=2", "result=3").stdout.startswith("f1 = 6.0\n")
    assert run("f*y*result*f1", "f=1", "y=2", "result=3", "f1=1").stdout.startswith("f2 = 6.0\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_is_said_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "viz", "x*x", "x=2"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left" in done.stderr
