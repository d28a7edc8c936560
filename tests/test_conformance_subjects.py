"""Engines as they are: whatever their files, classes and attributes are called, and whatever
they do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sampling import sampled
from test_conformance import RIGHT

from engine import TABLE
from engine.check import NotAnEngineError, conformance
from engine.check.engines.fitting import resampled
from engine.reals import REALS

ROOT = Path(__file__).parents[1]
WRONG = RIGHT.replace("(other, self.data)", "(other, other.data)").replace(
    "(self, other.data)", "(self, self.data)"
)
FEW: dict[str, Any] = {"nodes": 8, "examples": 20}


def run(*arguments: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        timeout=120,
        check=False,
        **options,
    )


def check(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `gradpath check` in a folder."""
    return run("-m", "gradpath", "check", "--examples", "20", *arguments, folder=folder)


def printed_program(report: str) -> str:
    """The program of the first finding."""
    lines = report.partition("\n1. ")[2].splitlines()[2:]
    end = next(i for i, line in enumerate(lines) if line and not line.startswith("    "))
    blank = max(i for i, line in enumerate(lines[:end]) if not line)
    first = next(i for i, line in enumerate(lines) if line.startswith("      "))
    return "\n".join(line[4:] for line in lines[: min(blank, first)])


# ---------------------------------------------------------------- whose engine?


@pytest.mark.parametrize("name", sampled(["engine", "nn", "viz"], every=3))
def test_a_file_may_be_called_as_gradpaths_packages_are(name: str, tmp_path: Path) -> None:
    for other in ("engine", "nn", "viz"):
        (tmp_path / f"{other}.py").write_text(WRONG)
    (tmp_path / "mine.py").write_text(f"from {name} import Value\n")
    for place in (f"{name}.py", "mine.py"):
        found = check(f"{place}:Value", "--out", "out", folder=tmp_path)
        assert (found.returncode, found.stderr) == (1, "")
        assert "Diagnosis: partials exchanged" in found.stdout
        assert (tmp_path / "out" / "1-gradients.svg").exists()
        assert run("out/1-gradients.py", folder=tmp_path).stdout == "2.0\n3.0\n"


def test_gradpaths_own_class_under_another_name_is_told_from_an_engine(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from engine import Value\n")
    found = check("mine.py:Value", folder=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert "gradpath's own" in found.stderr
    (tmp_path / "mine.py").write_text("import engine\nclass Value(engine.Value): pass\n")
    assert "Nothing is wrong" in check("mine.py:Value", folder=tmp_path).stdout


@pytest.mark.parametrize(
    ("place", "line"),
    sampled(
        [
            ("mine.py", "from mine import Value"),
            ("micrograd/engine.py", "from micrograd.engine import Value"),
            ("a/b/engine.py", "from a.b.engine import Value"),
            ("plain/mine.py", "sys.path.insert(0, 'plain')"),
            ("07-mine.py", "module = run_path('07-mine.py')"),
        ],
        every=2,
    ),
)
def test_programs_run_as_they_are_printed(place: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WRONG)
    for package in ("micrograd", "a", "a/b"):
        if (tmp_path / package).is_dir():
            (tmp_path / package / "__init__.py").touch()
    program = printed_program(check(f"{place}:Value", folder=tmp_path).stdout)
    assert line in program
    assert "print(a.grad)  # 3 is right" in program
    assert run("-c", program, folder=tmp_path).stdout == "2.0\n3.0\n"


@pytest.mark.thorough
def test_modules_beside_a_file_are_found_in_packages_with_and_without_init(tmp_path: Path) -> None:
    for folder in ("with", "without"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "ops.py").write_text(WRONG)
        (tmp_path / folder / "engine.py").write_text("from .ops import Value\n")
    (tmp_path / "with" / "__init__.py").touch()
    for folder in ("with", "without"):
        assert "exchanged" in check(f"{folder}/engine.py:Value", folder=tmp_path).stdout


# ---------------------------------------------------------------- names and forms

OTHER_NAMES = """
class Node:
    def __init__(self, value, parents=()):
        self.value, self.gradient, self.parents = value, 0.0, parents
    def __mul__(self, o):
        return Node(self.value * o.value, ((self, o.value), (o, self.value)))
    def __add__(self, o):
        return Node(self.value + o.value, ((self, 1.0), (o, 1.0)))
    def backprop(self, g=1.0):
        self.gradient += g
        for p, d in self.parents:
            p.backprop(g * d)
def run(node):
    node.backprop()
"""


@pytest.mark.parametrize(
    ("backward", "call"), sampled([("backprop", "y.backprop()"), ("run", "run(y)")], every=2)
)
def test_other_names_are_proposed_and_taken(backward: str, call: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OTHER_NAMES)
    target = f"{tmp_path}/mine.py:Node"
    with pytest.raises(NotAnEngineError, match="--data value --grad gradient --backward backprop"):
        conformance(target)
    report = conformance(
        target, data="value", grad="gradient", backward=backward, time_limit=0.3, **FEW
    )
    (finding,) = report.findings  # it walks along every path
    assert finding.diagnosis is not None
    assert finding.diagnosis.name == "exponential time"
    assert call in str(report)


def test_what_needs_more_than_a_number_is_told_the_way_out(tmp_path: Path) -> None:
    source = OTHER_NAMES.replace("value", "data").replace("gradient", "grad")
    needs = source.replace("def backprop(self, g=1.0)", "def backward(self, g)")
    needs = needs.replace("backprop", "backward")
    (tmp_path / "mine.py").write_text(needs)
    with pytest.raises(NotAnEngineError, match=r"def run\(y\): y.backward\(1.0\)"):
        conformance(f"{tmp_path}/mine.py:Node")
    flag = needs.replace("parents=()):", "parents=(), requires_grad=False):\n        self.r = "
                         "requires_grad").replace("g):", "g=1.0):\n        if not self.r: "
                         "raise ValueError('requires_grad is False')")  # fmt: skip
    (tmp_path / "mine.py").write_text(flag)
    with pytest.raises(NotAnEngineError, match=r"def make\(x\): return Node"):
        conformance(f"{tmp_path}/mine.py:Node")


def test_a_class_in_a_notebook(tmp_path: Path) -> None:
    cells = ["%matplotlib inline\nimport not_there\n", RIGHT, "!ls\nprint(Value)\n",
             "Value.__neg__ = lambda self: self * 1\n", "while True: pass\n"]  # fmt: skip
    code = [{"cell_type": "code", "source": x.splitlines(keepends=True)} for x in cells]
    text = {"cell_type": "markdown", "source": ["# Lecture"]}
    (tmp_path / "lecture.ipynb").write_text(json.dumps({"cells": [text, *code]}))
    found = check("lecture.ipynb:Value", folder=tmp_path)
    assert (found.returncode, found.stderr) == (1, "")
    assert "b = -a\n    print(b.data)  # -2 is right" in found.stdout


def with_methods(*methods: str) -> str:
    """The right engine with further methods."""
    return "import math\n" + RIGHT + "".join(f"    {line}\n" for x in methods
                                             for line in x.splitlines())  # fmt: skip


def unary(name: str, value: str, slope: str, extra: str = "") -> str:
    """A method of one operand."""
    return (
        f"def {name}(self{extra}):\n    x = self.data\n    y = {value}\n"
        f"    return Value(y, ((self, {slope}),))"
    )


@pytest.mark.parametrize(
    ("method", "op", "wrong"),
    sampled(
    [
        (unary("ReLU", "max(x, 0.0)", "float(x > 0)"), "relu", False),
        (unary("ReLU", "max(x, 0.0)", "float(x < 0)"), "relu", True),
        (unary("__exp__", "math.exp(x)", "y"), "exp", False),
        (unary("LeakyReLU", "x if x > 0 else 0.1 * x", "1.0 if x > 0 else 0.1"), "leaky_relu",
         False),
        (unary("leaky_relu", "x if x > 0 else 0.01 * x", "0.5"), "leaky_relu", True),
        (unary("leaky_relu", "x if x > 0 else s * x", "1.0 if y > 0 else s", ", s=0.05"),
         "leaky_relu", False),
        (unary("relu", "x if x > 0 else 0.01 * x", "1.0 if x > 0 else 0.01"), "leaky_relu", False),
        (unary("elu", "x if x > 0 else 2 * math.expm1(x)", "1.0 if x > 0 else y + 2"), "elu",
         False),
        (unary("swish", "x / (1 + math.exp(-x))", "0.0"), "silu", True),
        (unary("ln", "math.log(x)", "1 / x"), "log", False),
    ], every=3),
)  # fmt: skip
def test_methods_under_other_names_and_with_defaults_are_checked(
    method: str, op: str, wrong: bool, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(with_methods(method))
    report = conformance(f"{tmp_path}/mine.py:Value", **FEW)
    assert op in report.survey.ops
    assert {finding.op for finding in report.findings if finding.properties[0] != "large"} == (
        {op} if wrong else set()
    ), str(report)


def test_what_is_not_checked_is_listed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(with_methods("def zap(self):\n    return self"))
    assert "zap (not checked)" in str(conformance(f"{tmp_path}/mine.py:Value", **FEW))


# ---------------------------------------------------------------- what holds is checked


def only_finding(source: str, folder: Path, **options: Any) -> Any:
    """The finding about an engine that has one."""
    (folder / "mine.py").write_text(source)
    report = conformance(f"{folder}/mine.py:Value", **{**FEW, **options})
    (finding,) = report.findings
    return finding


def test_large_inputs_show_an_overflow_and_the_smallest_of_them(tmp_path: Path) -> None:
    naive = unary("tanh", "(math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)", "1 - y * y")
    finding = only_finding(with_methods(naive), tmp_path)
    assert finding.computation.inputs == (1000.0,)
    assert finding.diagnosis.name == "overflow"
    fine = unary("exp", "math.exp(x)", "y")  # which is to overflow
    (tmp_path / "mine.py").write_text(with_methods(fine))
    assert conformance(f"{tmp_path}/mine.py:Value", **FEW)


def test_ints_are_tried_as_leaves_and_as_numbers(tmp_path: Path) -> None:
    method = (
        "def __truediv__(self, o):\n    b = o.data if isinstance(o, Value) else o\n"
        "    whole = isinstance(self.data, int) and isinstance(b, int)\n"
        "    y = self.data // b if whole else self.data / b\n"
        "    o = o if isinstance(o, Value) else Value(o)\n"
        "    return Value(y, ((self, 1 / b), (o, -self.data / b**2)))"
    )
    finding = only_finding(with_methods(method), tmp_path)
    assert finding.properties[0] == "ints"
    assert "Value(3)" in str(finding)
    assert finding.diagnosis.name == "silent truncation"
    by_number = method.replace("isinstance(self.data, int)", "isinstance(o, int)")
    finding = only_finding(with_methods(by_number), tmp_path)
    assert "`a / 2`" in finding.diagnosis.sentence


def test_an_operator_in_place_is_tried(tmp_path: Path) -> None:
    method = "def __imul__(self, o):\n    self.data *= o.data\n    return self"
    finding = only_finding(with_methods(method), tmp_path)
    assert finding.properties[0] == "in place"
    assert "d *= a" in str(finding)


def test_a_value_is_checked_although_the_gradient_is_wrong_elsewhere(tmp_path: Path) -> None:
    exp = unary("exp", "math.exp(x)", "y * 3")
    sinh = "def sinh(self):\n    return self.exp() * (1 / math.exp(self.data)) * 2.0"
    (tmp_path / "mine.py").write_text(with_methods(exp, sinh))
    report = conformance(f"{tmp_path}/mine.py:Value", **FEW)
    assert [(f.properties[0], f.op) for f in report.findings] == [
        ("values", "sinh"),
        ("gradients", "exp"),
    ]


# ---------------------------------------------------------------- true and small


@pytest.mark.parametrize("seed", sampled(range(3), every=3))
def test_the_smallest_graph_is_the_same_for_every_seed(seed: int) -> None:
    report = conformance(f"{ROOT}/demos/student.py:Value", seed=seed, examples=20)
    (finding,) = report.findings
    assert finding.computation.source().splitlines()[1:] == ["b = a * a", "b.backward()"]


def test_state_between_graphs_is_told_from_a_mistake_in_one(tmp_path: Path) -> None:
    shared = RIGHT.replace("args=()):", "args=(), count=[0]):\n        count[0] += 1").replace(
        "self.grad += 1.0", "self.grad += 1.0 if Value.__init__.__defaults__[1][0] < 40 else 2.0"
    )
    finding = only_finding(shared, tmp_path)
    assert finding.diagnosis.name == "state shared between graphs"
    assert "only after other graphs" in " ".join(str(finding).split())


SENDING = """
import numpy as np
class Value:
    def __init__(self, data, edges=(), grad=START):
        self.data, self.grad, self.edges = data, grad, edges
    def __add__(self, o):
        return Value(self.data + o.data, ((self, 1.0), (o, 1.0)))
    def __mul__(self, o):
        return Value(self.data * o.data, ((self, o.data), (o, self.data)))
    def backward(self):
        self.grad = np.ones(1)
        PASS
"""
IN_ORDER = """order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                [visit(x) for x, _ in v.edges]
                order.append(v)
        visit(self)
        for v in reversed(order):
            for x, d in v.edges:
                x.grad += d * v.grad"""
AT_ONCE = """self.send()
    def send(self):
        for x, d in self.edges:
            x.grad = x.grad + d * self.grad
            x.send()"""


@pytest.mark.parametrize(
    ("start", "sends", "diagnosis"),
    [
        ("np.zeros(1)", IN_ORDER, "gradients share an array"),
        ("0.0", AT_ONCE, "running sum sent again"),
        ("0.0", IN_ORDER.replace("order.append", "order.append(v); order.append"),
         "sent twice"),
        ("0.0", IN_ORDER.replace("    order.append", "order.append"), "listed twice in the order"),
    ],
)  # fmt: skip
def test_mistakes_of_the_backward_pass(
    start: str, sends: str, diagnosis: str, tmp_path: Path
) -> None:
    source = SENDING.replace("START", start).replace("PASS", sends)
    finding = only_finding(source, tmp_path, most=1)
    assert finding.diagnosis is not None
    assert finding.diagnosis.name == diagnosis


def test_one_missing_import_is_one_finding(tmp_path: Path) -> None:
    methods = [unary(name, f"math.{name}(x)", "1.0") for name in ("exp", "tanh", "sinh")]
    finding = only_finding(with_methods(*methods).replace("import math\n", ""), tmp_path)
    assert finding.diagnosis.name == "missing import"
    assert "import math" in finding.diagnosis.sentence
    assert len(finding.also) == 2


def test_what_is_slightly_off_is_shown_with_its_digits_and_not_explained(tmp_path: Path) -> None:
    off = unary("exp", "math.exp(x) * (1 + 3e-6)", "y")
    finding = only_finding(with_methods(off), tmp_path)
    assert finding.diagnosis is None
    assert "No known mistake explains it" in str(finding)
    assert "7.389078" in str(finding)


@pytest.mark.parametrize(
    ("old", "new", "property"),
    sampled(
    [
        ("v.grad = 0.0 if v.args else v.grad", "pass", "second pass"),
        ("x.grad += d * v.grad", "x.grad += d * v.grad\n            if v.args: v.grad = None",
         "inner gradients"),
        ("self.grad += 1.0", "self.used = getattr(self, 'used', 0) + 1\n        "
         "if self.used > 1:\n            raise RuntimeError('the graph is gone')\n"
         "        self.grad += 1.0", "second pass"),
    ], every=3),
)  # fmt: skip
def test_conventions_are_told_and_count_only_if_strict(
    old: str, new: str, property: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(RIGHT.replace(old, new))
    found = check("mine.py:Value", folder=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    assert f"convention  {property}" in found.stdout
    assert "Nothing is wrong, 1 convention" in found.stdout
    assert not conformance(f"{tmp_path}/mine.py:Value", strict=True, **FEW)


# ---------------------------------------------------------------- the terminal


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", sampled(["gradpath", "engine.check"], every=2))
def test_a_full_disk_ends_in_one_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RIGHT)
    start = ["-m", "gradpath", "check"] if command == "gradpath" else ["-m", "engine.check"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, *start, "mine.py:Value", "--examples", "5"],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr == f"{command}: cannot write the report: No space left on device\n"


@pytest.mark.thorough
def test_escape_bytes_of_an_engine_do_not_reach_the_terminal(tmp_path: Path) -> None:
    bad = "\\x1b[2J\\x07"
    method = f"def tanh(self):\n    class Odd:\n        def __repr__(self): return '{bad}odd'\n"
    raising = f"def exp(self):\n    raise KeyError('{bad}')"
    (tmp_path / "mine.py").write_text(with_methods(method + "    return Odd()", raising))
    found = check("mine.py:Value", folder=tmp_path)
    assert "odd" in found.stdout
    assert not {x for x in found.stdout + found.stderr if ord(x) < 32} - {"\n"}


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["draw", "a*a", "a=3"], 0, "∂f/∂a = 6.0"),
        (["play", "a*a", "a=3"], 0, ""),
        (["--help"], 0, "gradpath check"),
        (["nonsense"], 2, ""),
        ([], 2, ""),
    ],
)
def test_the_command(arguments: list[str], status: int, text: str, tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text("1/0")
    found = run("-m", "gradpath", *arguments, folder=tmp_path)
    assert found.returncode == status, found.stderr
    assert text in found.stdout
    assert (tmp_path / "steps.html").exists() == (arguments[:1] == ["play"])
    assert (found.stderr == "") == (status == 0)


@pytest.mark.skipif(os.name == "nt", reason="descriptors are POSIX")
@pytest.mark.parametrize(
    "harm",
    sampled(
        ["os.closerange(3, 200)", "[os.write(f, b'x' * 99) for f in range(3, 30) if is_open(f)]"],
        every=2,
    ),
)
def test_nothing_that_an_engine_does_to_its_process_reaches_the_tester(
    harm: str, tmp_path: Path
) -> None:
    method = f"def tanh(self):\n    {harm}\n    return self"
    helper = (
        "import os\ndef is_open(f):\n    try: return bool(os.fstat(f))\n    except OSError: 0\n"
    )
    (tmp_path / "mine.py").write_text(helper + with_methods(method))
    found = check("mine.py:Value", folder=tmp_path)
    assert (found.returncode, found.stderr) == (1, "")
    assert "The line `b = a.tanh()` ends Python" in found.stdout


def test_an_engine_with_other_parameters_leaves_the_table_as_it_is() -> None:
    row = TABLE["elu"]
    before = row.samples
    other = resampled(row, [(2.0,)])
    assert other.samples == ((2.0,),)
    assert row.samples is before
    assert TABLE["elu"] is row
    assert other.evaluate(REALS, [-1.0], [2.0]) == row.evaluate(REALS, [-1.0], [2.0])
