"""When compiling a program pays.

What it costs and saves was measured on programs of 40 to 11,000 operations:

- it takes a second, which is mostly numba's own start, and some time for each operation;
- a compiled step takes about half the time, as far as that went into calls of NumPy's functions
  (0.4 µs and more for each operation) and not into what they compute;
- a tanh of each entry takes longer than NumPy's, which computes several at once: by 8 ns;
- on single numbers it takes half the time, too, but what goes into arrays and out of them 10 µs.
"""

from __future__ import annotations

from math import inf, prod

from ..rule import Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .program import Program

START, OF_NUMBERS, OF_ARRAYS = 1.0, 4e-3, 20e-3  # seconds; the latter for an operation
CALL, ENTRY, IN_AND_OUT = 5e-7, 8e-9, 1e-5  # seconds
ARITHMETIC = {"add", "sub", "mul", "div", "neg", "abs", "max", "min", "sqrt"}
MARGIN = 2.0  # how many times its cost compiling must save


def steps_that_pay(program: Program, seconds: float) -> float:
    """How many steps there must be to come for compiling a program to pay.

    Args:
        seconds: how long a step takes as it is.
    """
    code = program._derived.code
    count = sum(op.rule is not None for op in code.ops)
    if code.arrays:
        functions = (op for op in code.ops if type(op.rule) is Rule and op.name not in ARITHMETIC)
        lost = sum(prod(op.shape) for op in functions) * ENTRY
        saved, cost = min(seconds / 2, count * CALL) - lost, START + count * OF_ARRAYS
    else:
        saved, cost = seconds / 2 - IN_AND_OUT, START + count * OF_NUMBERS
    return MARGIN * cost / saved if saved > 0 else inf
