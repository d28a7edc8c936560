"""`Targets`: the numbers that a loss takes as its targets.

A loss checks them when it is computed. A recorded program checks those that it is given at each
run, in its own code: what is no class never becomes an index.
"""

from __future__ import annotations

from .modes import TAPE, active
from .value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Targets:
    """Numbers from ``low`` to ``high``, at distances of ``step``; of a step of 0, all between.

    Args:
        message: what is wrong with another number, which takes the place of ``{}``.
        kind: the error that is raised for other numbers.
    """

    __slots__ = ("low", "high", "step", "message", "kind", "right")

    def __init__(
        self, low: float, high: float, step: float, message: str, kind: type[Exception] = ValueError
    ) -> None:
        self.low, self.high, self.step = low, high, step
        self.message, self.kind = message, kind
        self.right: Any = None  # the numbers that were checked last

    def __reduce__(self) -> tuple[Any, ...]:
        return Targets, (self.low, self.high, self.step, self.message, self.kind)

    def __repr__(self) -> str:
        said = f"{self.low!r}, {self.high!r}, {self.step!r}, {self.message!r}"
        return f"Targets({said}, {self.kind.__name__})"

    def hold(self, x: Any) -> Any:
        """Which entries of an array are among them; of a number, whether it is."""
        if getattr(getattr(x, "dtype", None), "kind", "") == "i" and not self.low and self.step:
            return x.view(f"u{x.dtype.itemsize}") <= self.high  # -1 is a large number then
        if self.step == self.high - self.low:
            return (x == self.low) | (x == self.high)
        within = (x >= self.low) & (x <= self.high)
        return within & ((x - self.low) % self.step == 0) if self.step else within

    def check(self, x: Any) -> None:
        """Raise for the first number that is not among them."""
        if not hasattr(x, "tobytes"):
            if not self.hold(x):
                raise self.kind(self.message.format(repr(x)))
            return
        numbers = x.dtype, x.tobytes()
        if numbers != self.right:  # many steps have the same targets
            hold = self.hold(x)
            if b"\0" in hold.tobytes():
                wrong = x[~hold].ravel().tolist()[0] if x.ndim else x.item()
                raise self.kind(self.message.format(repr(wrong)))
            self.right = numbers

    def require(self, x: Any) -> None:
        """Check numbers now and, if they are given to a recording, at each run of the program."""
        if self.are_recorded(x) or not isinstance(x, Value):
            self.check(getattr(x, "_data", x))

    def are_recorded(self, x: Any) -> bool:
        """Whether a program is being recorded that will check these numbers at each run."""
        tape = TAPE.get() if active else None
        return tape is not None and tape.require(x, self)

    def parts(self, x: str) -> list[str]:
        """The conditions in code for single numbers, all of which must hold."""
        parts = [f"{x} >= {self.low!r}", f"{x} <= {self.high!r}"]
        return [*parts, f"({x} - {self.low!r}) % {self.step!r} == 0"] if self.step else parts

    def failing(self) -> str:
        """The line that raises, in code for single numbers."""
        return f"raise {self.kind.__name__}({self.message.format('…')!r})"


def classes(count: int) -> Targets:
    """The numbers of so many classes."""
    return Targets(0, count - 1, 1, f"there is no class {{}} among {count} logits")
