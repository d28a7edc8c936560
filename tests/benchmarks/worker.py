"""One workload in a process of its own: ``python -m tests.benchmarks.worker NAME [--quick]``.

`children` starts it. It writes a line of JSON to standard output for every step of progress and
for every result.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator

from .measure import QUICK, THOROUGH, Effort, compare
from .results import Result
from .sizes import SWEEPS
from .workloads import WORKLOADS


def main(name: str, quick: bool) -> None:
    """Measure one workload or sweep."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print what they like

    def send(**message: object) -> None:
        print(json.dumps(message), file=channel, flush=True)

    sys.setrecursionlimit(10**7)  # micrograd's backward pass is recursive
    effort = QUICK if quick else THOROUGH
    for result in measure(name, effort, lambda text: send(progress=text)):
        send(result=result.as_json())


def measure(name: str, effort: Effort, tell: Callable[[str], None]) -> Iterator[Result]:
    """The results of a workload, or of a sweep over sizes."""
    if name in SWEEPS:
        yield from SWEEPS[name].measure(effort, tell)
        return
    for case in WORKLOADS[name]():
        timings = compare(case.sides, effort, tell, case.training)
        figures = [asked.figure(timings) for asked in case.asked]
        yield Result(case.title, timings, (*figures, *case.more()))


if __name__ == "__main__":
    main(sys.argv[1], "--quick" in sys.argv[2:])
