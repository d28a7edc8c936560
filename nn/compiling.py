"""Programs of steps that are compiled once that pays, where numba is installed."""

from __future__ import annotations

from functools import cache
from math import inf
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from engine import Program

TIMED = 16  # steps, of which the quickest tells how long one takes


@cache
def has_compiler() -> bool:
    """Whether numba is installed."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


class Course:
    """How many steps have been replayed, and how many of those announced are to come."""

    taken = end = 0

    def announce(self, steps: int) -> None:
        """So many steps are to come."""
        self.end = self.taken + steps

    def ahead(self, count: int) -> float:
        """How many steps of a program are to come, if so many were its own up to now.

        It is its share of those announced; where nothing is announced, as many again.
        """
        announced = self.end - self.taken
        return announced * count / self.taken if announced > 0 else count


def paced(program: Program, course: Course) -> Program | Paced:
    """The program as one that is compiled once that pays, if there is a compiler."""
    return Paced(program, course) if has_compiler() else program


class Paced:
    """A program of a step that is compiled once that pays, and stays so if its steps are faster.

    Args:
        program: the program.
        course: that of all programs of the step.
    """

    def __init__(self, program: Program, course: Course) -> None:
        self.program, self.course = program, course
        self.run: Any = program
        self.times: list[float] = []
        self.count, self.enough, self.before, self.is_settled = 0, inf, inf, False

    def __reduce__(self) -> tuple[Any, ...]:
        return Paced, (self.program, self.course)

    def __call__(self, inputs: Any, targets: Any) -> Any:
        """A step."""
        if self.is_settled:
            return self.run(inputs, targets)
        self.count += 1
        self.course.taken += 1
        if len(self.times) < TIMED:
            start = perf_counter()
            loss = self.run(inputs, targets)
            self.times.append(perf_counter() - start)
            if len(self.times) >= TIMED:
                self.judge(min(self.times))
        else:
            loss = self.run(inputs, targets)
        if not self.count % TIMED and self.course.ahead(self.count) >= self.enough:
            self.compile(inputs, targets)
        return loss

    def judge(self, seconds: float) -> None:
        """Decide by how long a step takes."""
        from engine.program.worth import steps_that_pay

        if self.run is self.program:
            self.before, self.enough = seconds, steps_that_pay(self.program, seconds)
            self.is_settled = self.enough == inf
        else:
            self.run = self.run if seconds < self.before else self.program
            self.is_settled = True

    def compile(self, inputs: Any, targets: Any) -> None:
        """Take the compiled program, if there is one."""
        self.enough = inf
        try:
            compiled = self.program.jit()
            compiled.loop(0, inputs, targets)  # no step: numba compiles at the first call
        except Exception:  # whatever it is, the program runs as it is
            self.is_settled = True
        else:
            self.times, self.run = [], compiled
