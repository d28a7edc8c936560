"""Broken engines are found, shown small and diagnosed; right ones are left in peace."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import micrograd.engine  # type: ignore[import-untyped]
import pytest
from children import PATIENCE, running
from sampling import sampled
from variants import BROKEN, RIGHT_ENGINES, Variant
from zoo import ZOO, Float32, GoesLevelByLevel, SendsBeforeOperandsAreComplete, Sound

import engine
from engine.check import NotAnEngineError, conformance, conformance_checks
from engine.check.engines.commandline import main
from engine.check.engines.isolation import Worker
from engine.check.engines.subject import Trouble

ROOT = Path(__file__).parents[1]
THOROUGH = bool(os.environ.get("CI")) or os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
SAMPLE = 10  # every so-manieth engine is always tried
SMALL: dict[str, Any] = {"nodes": 12, "examples": 120}
OPTIONS = {} if THOROUGH else SMALL
CORRECT = {
    "Value": engine.Value,
    "sound": Sound,
    "float32": Float32,
}


# ---------------------------------------------------------------- the zoo


@pytest.mark.parametrize("kind", sampled(ZOO, SAMPLE))
def test_a_broken_engine_is_found_shown_small_and_diagnosed(kind: type[Sound]) -> None:
    report = conformance(kind, most=1, time_limit=0.5, strict=True, **OPTIONS)
    assert not report
    finding, *_ = report.findings
    assert finding.examples <= 500
    assert (finding.diagnosis.name if finding.diagnosis else "") == kind.diagnosis
    if kind.op:
        assert finding.op == kind.op
    if kind.diagnosis != "exponential time":  # which needs many operations
        assert len(finding.computation.steps) <= 4
    assert kind.__name__ in str(report)
    assert max(map(len, str(report).splitlines())) <= 80
    assert finding.draw().source.startswith("digraph")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [SendsBeforeOperandsAreComplete, GoesLevelByLevel])
def test_a_wrong_order_is_shown_on_few_operations_whatever_was_found(
    kind: type[Sound], seed: int
) -> None:
    report = conformance(kind, most=1, time_limit=0.5, strict=True, seed=seed, **SMALL)
    assert len(report.findings[0].computation.steps) <= 4


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 60
    assert len(BROKEN) >= 30


@pytest.mark.parametrize("variant", sampled(BROKEN, SAMPLE), ids=lambda v: v.name)
def test_a_broken_variant_is_found_and_never_explained_wrongly(
    variant: Variant, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(variant.source)
    report = conformance(f"{tmp_path}/mine.py:{variant.style}", most=1, **SMALL)
    (finding,) = report.findings
    assert (finding.diagnosis.name if finding.diagnosis else "") in variant.diagnoses
    if variant.op:
        assert finding.op == variant.op


@pytest.mark.parametrize("seed", sampled(range(20), SAMPLE))
def test_what_shows_only_beside_the_operand_is_found_for_every_seed(
    seed: int, tmp_path: Path
) -> None:
    (variant,) = (v for v in BROKEN if v.name == "relu zeroes its operand's gradient")
    (tmp_path / "mine.py").write_text(variant.source)
    report = conformance(f"{tmp_path}/mine.py:{variant.style}", most=1, seed=seed, **SMALL)
    (finding,) = report.findings
    assert finding.diagnosis is not None
    assert (finding.diagnosis.name, finding.op) == ("operand's gradient set to zero", "relu")


@pytest.mark.parametrize("name", sampled(RIGHT_ENGINES, SAMPLE))
def test_right_engines_of_other_styles_give_no_finding(name: str, tmp_path: Path) -> None:
    style, source = RIGHT_ENGINES[name]
    (tmp_path / "mine.py").write_text(source)
    report = conformance(f"{tmp_path}/mine.py:{style}", **SMALL)
    assert report, str(report)
    assert not report.conventions, str(report)


@pytest.mark.parametrize(
    ("name", "seed"),
    sampled([*((name, 0) for name in CORRECT), *(("Value", x) for x in range(1, 20))], every=30),
)
def test_a_right_engine_gives_no_finding(name: str, seed: int) -> None:
    report = conformance(CORRECT[name], seed=seed, examples=500 if THOROUGH else 60)
    assert report, str(report)
    assert {outcome.verdict for outcome in report.outcomes} == {"holds"}


def test_a_search_depends_on_its_seed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Worker.run
    seen: list[Any] = []

    def recorded(self: Worker, c: Any, *rest: Any) -> Any:
        seen.append(c)
        return run(self, c, *rest)

    monkeypatch.setattr(Worker, "run", recorded)
    conformance(Sound, ops=["add", "mul", "exp"], **SMALL)
    before = seen.copy()
    seen.clear()
    (tmp_path / "full_of_constants.py").write_text(f"x = {[k + 1 / 3 for k in range(-4, 4)]}")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("full_of_constants")
    conformance(Sound, ops=["add", "mul", "exp"], **SMALL)
    assert seen == before


def test_micrograd_keeps_stale_gradients_and_has_a_recursion_limit() -> None:
    report = conformance(micrograd.engine.Value, examples=60)
    assert report, str(report)  # what a second pass adds is a convention
    (finding,) = report.conventions
    assert finding.diagnosis is not None
    assert finding.diagnosis.name == "stale gradients on the second backward"
    verdicts = {outcome.name: outcome.verdict for outcome in report.outcomes}
    assert verdicts["deep"] == "limit"
    assert verdicts["gradients"] == verdicts["afresh"] == verdicts["numbers"] == "holds"


@pytest.mark.thorough
def test_several_mistakes_are_found_one_by_one_and_where_they_sit() -> None:
    class Several(Sound):
        def __mul__(self, other: Any) -> Any:
            other = self.lift(other)
            return self.node(self.data * other.data, (self, self.data), (other, other.data))

        def __neg__(self) -> Any:
            return self * -1

        def __sub__(self, other: Any) -> Any:
            return self + -self.lift(other)

        def tanh(self) -> Any:
            return self.node(super().tanh().data, (self, 1.0))

        def clear(self, nodes: list[Any]) -> None:
            pass

        def __rtruediv__(self, other: Any) -> Any:
            return self / other

    report = conformance(Several, nodes=12, examples=100, strict=True)
    named = {(f.op, f.diagnosis.name) for f in report.findings if f.diagnosis}
    assert named == {
        ("mul", "partials exchanged"),
        ("tanh", "forgotten local derivative"),
        ("", "stale gradients on the second backward"),
        ("div", "operand order"),
    }
    assert {"mul", "neg", "sub", "tanh"} <= set(report.left_out)


def test_an_exponential_walk_that_is_also_wrong_comes_to_an_end() -> None:
    (kind,) = (k for k in ZOO if k.__name__ == "SendsAtEveryVisit")
    report = conformance(kind, time_limit=0.5, **OPTIONS)
    assert [f.diagnosis.name for f in report.findings if f.diagnosis] == ["no topological order"]


def test_what_an_engine_lacks_is_no_failure() -> None:
    class Bare:
        def __init__(self, data: float) -> None:
            self.data, self.grad = data, 0.0
            self.parents: tuple[Any, ...] = ()

        def __add__(self, other: Any) -> Any:
            out = Bare(self.data + other.data)
            out.parents = (self, other)
            return out

        def backward(self) -> None:
            self.send(1.0)

        def send(self, amount: float) -> None:
            self.grad = amount if self.parents else self.grad + amount
            for parent in self.parents:
                parent.send(amount)

    report = conformance(Bare, examples=30, time_limit=0.5)
    assert report.survey.ops == ("add",)
    assert report.survey.left == report.survey.right == ()
    assert "tanh" in report.missing
    verdicts = {outcome.name: outcome.verdict for outcome in report.outcomes}
    assert verdicts["numbers"] == verdicts["sum"] == "not tried"
    assert verdicts["values"] == verdicts["gradients"] == "holds"


# ---------------------------------------------------------------- as tests


@pytest.mark.parametrize("check", conformance_checks(Sound, nodes=10, examples=20))
def test_the_battery_parametrises_a_test(check: Any) -> None:
    check()


def test_a_check_fails_with_its_finding() -> None:
    (kind,) = (k for k in ZOO if k.__name__ == "NegForgetsTheMinus")
    checks = {check.__name__: check for check in conformance_checks(kind, nodes=10, examples=60)}
    checks["values"]()
    with pytest.raises(AssertionError, match="Diagnosis: wrong sign"):
        checks["gradients"]()


# ---------------------------------------------------------------- the command line

RIGHT = """
class Value:
    def __init__(self, data, args=()):
        self.data, self.grad, self.args = data, 0.0, args
    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))
    __rmul__ = __mul__
    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                [visit(x) for x, _ in v.args]
                order.append(v)
        visit(self)
        for v in order:
            v.grad = 0.0 if v.args else v.grad
        self.grad += 1.0
        for v in reversed(order):
            for x, d in v.args:
                x.grad += d * v.grad
"""


def check(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "engine.check", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        timeout=120,
        check=False,
    )


def test_a_right_engine_in_a_file_exits_with_0_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RIGHT + "print('hello')\n")
    run = check("mine.py:Value", "--examples", "20", folder=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "Nothing is wrong" in run.stdout
    assert "hello" not in run.stdout
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}


def test_a_wrong_engine_exits_with_1_and_its_program_shows_the_mistake(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(RIGHT.replace("x.grad += d", "x.grad -= d"))
    run = check("mine.py:Value", "--examples", "20", "--seed", "3", "--out", "o", folder=tmp_path)
    assert (run.returncode, run.stderr) == (1, "")
    assert "Diagnosis: wrong sign" in run.stdout
    program = (tmp_path / "o" / "1-gradients.py").read_text()
    names: dict[str, Any] = {}
    sys.path.insert(0, str(tmp_path))
    try:
        exec(program, names)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("mine")
    assert names["a"].grad < 0
    assert "yours: grad" in (tmp_path / "o" / "1-gradients.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.py"], "like mine.py:Value"),
        (["nothing.py:Value"], "there is no file 'nothing.py'"),
        (["mine.py:Other"], "there is no 'Other' in mine.py; its classes: Value"),
        (["broken.py:Value"], "NameError: name 'nonsense' is not defined (broken.py, line 2)"),
        (["syntax.py:Value"], "SyntaxError"),
        (["syntax.py:Value"], "(syntax.py, line 1)"),
        (["leaves.py:Value"], "importing leaves.py fails: SystemExit: 0"),
        (["no_such_module:Value"], "ModuleNotFoundError"),
        (["shape.py:Value"], "has no .grad and no .backward()"),
        (["shape.py:number"], "number is an int, not a class"),
        (["empty.py:Value"], "no operation that gradpath knows"),
        (["mine.py:Value", "--ops", "nonsense"], "no operation 'nonsense'"),
        (["mine.py:Value", "--ops", "tanh"], "none of the operations asked for"),
        (["mine.py:Value", "--examples", "0"], "whole number"),
        (["mine.py:Value", "--nodes", "x"], "whole number"),
    ],
)
def test_what_cannot_be_run_ends_with_2_and_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    empty = "class Value:\n    def __init__(self, x): self.data = x; self.grad = 0\n"
    files = {
        "mine": RIGHT,
        "broken": "import math\nnonsense",
        "syntax": "class Value(:",
        "leaves": "exit(0)",
        "shape": "number = 3\nclass Value:\n    def __init__(self, x): self.data = x\n",
        "empty": empty + "    def backward(self): pass\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_what_cannot_be_run_exits_with_2_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text("exit(0)")
    run = check("leaves.py:Value", folder=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "importing leaves.py fails: SystemExit: 0" in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interrupt_exits_with_130_and_leaves_no_process(tmp_path: Path) -> None:
    start = "        order, seen"
    slow = "import time\nfrom pathlib import Path\n" + RIGHT.replace(
        start, f"        Path('begun').touch(); time.sleep(0.2)\n{start}"
    )
    (tmp_path / "mine.py").write_text(slow)
    command = [sys.executable, "-m", "engine.check", "mine.py:Value"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with running(command, cwd=tmp_path, env=environment) as run:
        late = time.monotonic() + PATIENCE
        while not (tmp_path / "begun").exists() and time.monotonic() < late:
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=PATIENCE)
    assert (run.returncode, errors) == (130, "engine.check: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


def test_importing_the_check_brings_no_hypothesis() -> None:
    code = "import engine.check, sys; assert 'hypothesis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_functions_and_strange_objects_are_refused() -> None:
    with pytest.raises(NotAnEngineError, match="has no .data"):
        conformance(lambda x: None)
    with pytest.raises(NotAnEngineError, match="fails: TypeError"):
        conformance(dict)  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="no rule is called"):
        conformance(Sound, ops=["nonsense"])


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    sampled([("SqrtCrashes", "crashes", "SIGABRT"), ("LogHangs", "hangs", "1 s")], every=2),
)
def test_a_crash_and_a_hang_name_the_line(name: str, kind: str, text: str) -> None:
    (engine_class,) = (k for k in ZOO if k.__name__ == name)
    report = conformance(engine_class, most=1, time_limit=1.0, **OPTIONS)
    trouble = report.findings[0].seen
    assert isinstance(trouble, Trouble)
    assert trouble.kind == kind
    assert text in trouble.text
    assert f".{report.findings[0].op}()`" in str(report)
