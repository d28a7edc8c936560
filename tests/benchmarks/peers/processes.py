"""Whole processes: the scripts that train a network on XOR, one per library."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ..measure import NotYetError, Run

SCRIPTS = Path(__file__).parents[1] / "scripts"
ROOT = Path(__file__).parents[3]


def script(library: str, *arguments: str) -> Run:
    """What runs the library's script n times; the loss is the one that it prints.

    Raises:
        ModuleNotFoundError: if the library is not installed.
        RuntimeError: if the script fails.
    """
    if library != "gradpath" and find_spec(library) is None:
        raise ModuleNotFoundError(f"No module named {library!r}", name=library)
    command = [sys.executable, str(SCRIPTS / f"xor_{library}.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have their bytecode, too

    def run(n: int) -> float:
        for _ in range(n):
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, check=False
            )
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["no message"]
                if "has no attribute 'record'" in said[-1]:
                    raise NotYetError("engine.record")
                raise RuntimeError(f"{Path(command[1]).name}: {said[-1]}")
        return float(done.stdout)

    return run
