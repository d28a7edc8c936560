"""A forked process computes, whatever other threads were doing when it was made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys, threading, time
from engine import Tensor, Value, record

# Python itself waits for ever in a child of a process that was importing something elsewhere.
record(lambda a: (a * a).tanh(), 1.0)(2.0)
(Tensor([1.0]) * Tensor([1.0])).sum().backward()

sys.setswitchinterval(1e-5)
x = Value(0.5)
running = True

def differentiate():
    while running:
        y = x
        for _ in range(100):
            y = (y * x + 1.0).tanh()
        y.backward()

def record_programs():
    while running:
        record(lambda a: (a * a).tanh(), 1.0)

for work in (differentiate, record_programs):
    threading.Thread(target=work, daemon=True).start()
for i in range(int(sys.argv[1])):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends a child that waits for ever
        y = Value(2.0)
        (y * y).backward()
        t = Tensor([1.0, 2.0])
        (t * t).sum().backward()
        program = record(lambda a: a * a, 1.0)
        right = y.grad == 4.0 and t.grad.tolist() == [2.0, 4.0] and program(3.0) == (9.0, (6.0,))
        os._exit(0 if right else 1)
    status = os.waitpid(child, 0)[1]
    assert status == 0, f"child {i}: {status}"
    time.sleep(0.001)
running = False
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_busy_process_computes() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, "100" if os.environ.get("CI") else "25"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
