"""Machine code on the disk: kept for the next process, and never in the way."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.program import compiler, kernels

STEP = """
import sys
from engine import record
from engine.program import compiler, kernels

if "other kernels" in sys.argv:
    def product(left, right, out):
        out[:] = 1.0

    kernels.product = product

import numpy as np

def f(x, a, b):
    return (x.log() * x).tanh().sum() + (a @ b).sum()

program = record(f, np.ones(3), np.ones((2, 2)), np.ones((2, 2))).jit()
value, (slope, *_) = program(np.array([0.5, 2.0, 3.0]), np.eye(2), np.eye(2))
hits = sum(program._steps.stats.cache_hits.values())
print(hits, round(float(value), 9), round(float(slope.sum()), 9))
"""


def needs_numba() -> None:
    """Skip a test where there is no compiler."""
    pytest.importorskip("numba", reason="compiled programs need numba (extra jit)")


def start(home: Path, *options: str) -> subprocess.Popen[str]:
    """A process that compiles a program."""
    environment = os.environ | {"XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", STEP, *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def ended(child: subprocess.Popen[str]) -> tuple[int, list[float]]:
    """How many functions came from the disk, and what was computed."""
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    hits, *found = output.split()
    return int(hits), list(map(float, found))


def test_the_next_process_finds_what_was_compiled(tmp_path: Path) -> None:
    needs_numba()
    at_once = [start(tmp_path) for _ in range(2)]
    (_, expected), (_, same) = map(ended, at_once)
    assert same == expected
    assert ended(start(tmp_path)) == (1, expected)

    (file,) = (tmp_path / "gradpath" / "programs").iterdir()
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:-1] + b"x"):
        file.write_bytes(damaged)
        assert ended(start(tmp_path)) == (0, expected)
        assert len(file.read_bytes()) > len(whole) // 2  # it is whole again
    hits, others = ended(start(tmp_path, "other kernels"))
    assert hits == 0
    assert others[0] == expected[0] + 2.0  # four ones in the place of the identity
    assert ended(start(tmp_path)) == (1, expected)


def test_where_nothing_can_be_kept_programs_are_compiled(tmp_path: Path) -> None:
    needs_numba()
    file = tmp_path / "file"
    file.write_text("no folder")
    hits, _ = ended(start(file))
    assert hits == 0
    assert file.read_text() == "no folder"


def test_what_is_saved_is_loaded_unless_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "code"
    with pytest.raises(OSError, match="code"):
        compiler.load(path)
    compiler.save(path, b"machine code")
    assert compiler.load(path) == b"machine code"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[1:], whole[:-1] + b"x", bytes(len(whole))):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            compiler.load(path)


def test_what_nobody_uses_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "MOST", 4)
    now = time.time()
    for i in range(4):
        compiler.save(tmp_path / f"old{i}", b"x")
        os.utime(tmp_path / f"old{i}", (now - i * 12 * 86400,) * 2)  # days
    compiler.load(tmp_path / "old2")  # which counts as a use
    compiler.save(tmp_path / "new", b"x")
    assert {file.name for file in tmp_path.iterdir()} == {"new", "old0", "old1", "old2"}
    compiler.save(tmp_path / "newer", b"x")
    assert {file.name for file in tmp_path.iterdir()} == {"new", "newer", "old0", "old2"}


def test_the_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = compiler.folder()
    assert folder == tmp_path / "cache" / "gradpath" / "programs"
    assert folder.is_dir()
    if hasattr(os, "getuid"):
        folder.chmod(0o777)
        with pytest.raises(PermissionError):
            compiler.folder()
    for unset in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
        assert compiler.folder() == tmp_path / "home" / ".cache" / "gradpath" / "programs"


def test_a_kernel_that_changes_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    numba: Any = type(sys)("numba")
    numba.__version__ = "0"
    llvmlite: Any = type(sys)("llvmlite")
    llvmlite.__version__ = "0"
    monkeypatch.setitem(sys.modules, "numba", numba)
    monkeypatch.setitem(sys.modules, "llvmlite", llvmlite)
    before = compiler.surroundings()
    assert compiler.surroundings() == before
    texts = [before]
    numba.__version__ = "1"
    texts.append(compiler.surroundings())
    monkeypatch.setattr(kernels, "product", lambda left, right, out: None)
    texts.append(compiler.surroundings())
    monkeypatch.setattr(kernels, "product", lambda left, right, out: 0.5)
    texts.append(compiler.surroundings())
    monkeypatch.setattr(compiler, "FREE", compiler.STRICT)
    texts.append(compiler.surroundings())
    monkeypatch.setenv("NUMBA_OPT", "0")
    texts.append(compiler.surroundings())
    assert len(set(texts)) == len(texts)


# ---------------------------------------------------------------- the functions that are arithmetic

ENDS = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-9, 709.78, 709.79, 710.5, -708.5, -745.13, -745.2]
ENDS += [-746.5, 22.0, -22.0, 1e308, -1e308, math.inf, -math.inf, math.nan]


@given(st.one_of(st.floats(-750, 720), st.floats(-1, 1), st.floats(), st.sampled_from(ENDS)))
@settings(max_examples=300)
def test_functions_of_kernels_are_those_of_math(x: float) -> None:
    with np.errstate(all="ignore"):
        found, expected = kernels.exp(np.float64(x)), np.exp(x)
        assert found == pytest.approx(expected, rel=3e-16, abs=1e-323, nan_ok=True)
        found = kernels.tanh(np.float64(x))
    assert found == pytest.approx(math.tanh(x), rel=6e-16, abs=0, nan_ok=True)
    assert math.copysign(1.0, found) == math.copysign(1.0, x) or math.isnan(x)


def test_functions_of_kernels_compiled() -> None:
    numba = pytest.importorskip("numba", reason="compiled programs need numba (extra jit)")
    xs = np.array([*ENDS, *np.linspace(-750, 720, 1001), *np.linspace(-1, 1, 1001)])
    for kind in ("float64", "float32"):
        for name in ("exp", "tanh"):
            f = numba.njit(**compiler.STRICT)(getattr(kernels, name))
            with np.errstate(all="ignore"):
                given = xs.astype(kind)
                expected = getattr(np, name)(given.astype(float))
            found = [f(x) for x in given]
            np.testing.assert_allclose(found, expected, rtol=6e-16, atol=1e-323)
