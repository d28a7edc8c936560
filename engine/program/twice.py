"""A recording is made twice, to see that the function does the same again."""

from __future__ import annotations

from .effects import PURE, Effects
from .surroundings import Surroundings, restless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


def recorded_twice(
    f: Callable[..., Any], run: Callable[[Any], tuple[T, Any]]
) -> tuple[Surroundings, T]:
    """What a recording gives, and what its function finds outside of itself.

    The function runs a second time, to see whether it does the same.

    Args:
        run: records and gives a result and the tape. It gets the tape of the first time, with
            which it compares, or None.

    Raises:
        RestlessError: if not, naming the line; everything that is found is then as it was.
    """
    around = Surroundings(f)
    effects = Effects(around) if PURE.get() else None
    try:
        result, tape = run(None)
        run(tape)
        if (drawn := around.drawn()) is not None:
            code = getattr(f, "__code__", None)
            where = f"{code.co_filename}:{code.co_firstlineno}" if code else repr(f)
            raise restless(f"{drawn!r:.60} has been drawn from", where)
        if effects is not None:
            effects.check()
    except TypeError:  # a refusal: whoever goes on without a program finds everything as it was
        around.rewind()
        raise
    except BaseException:
        around.rewind_generators()
        raise
    around.settle()
    return around, result
