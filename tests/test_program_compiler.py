"""Machine code on the disk: kept for the next process, and never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

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
