"""Starts a process for each workload, so that none disturbs or takes down another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .results import Result

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",  # float64 is possible; float32 arrays stay what they are
    "CUDA_VISIBLE_DEVICES": "",
}
"""One thread for everybody, on the CPU; read by the libraries when they are imported."""


def results(
    name: str, quick: bool, settings: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[Result]:
    """The results of one workload, as they come.

    Args:
        name: of the workload.
        quick: whether to measure only for a moment.
        settings: of the environment, beyond `ENVIRONMENT`.
        tell: is told of the progress.

    Raises:
        RuntimeError: if the process comes to a bad end, with what it said last.
    """
    inherited = {key: value for key, value in os.environ.items() if key != "OPENBLAS_CORETYPE"}
    command = [sys.executable, "-m", "tests.benchmarks.worker", name, *["--quick"] * quick]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env={**inherited, **ENVIRONMENT, **settings},
            start_new_session=True,  # an interrupt reaches this process, which ends the other
        )
        try:
            for line in child.stdout or ():
                message = json.loads(line)
                if "result" in message:
                    yield Result.from_json(message["result"])
                else:
                    tell(message["progress"])
            if child.wait():
                complaints.seek(0)
                raise RuntimeError(ending(child.returncode, complaints.read()))
        finally:
            end(child)


def ending(status: int, said: str) -> str:
    """How a process ended, in one line."""
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    return f"{how}: {(said.strip().splitlines() or ['it said nothing'])[-1]}"


def end(child: subprocess.Popen[str]) -> None:
    """End a process and those that it has started, if it still runs."""
    if child.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()
