"""A recording is made twice, to see that the function does the same again."""

from __future__ import annotations

from ..modes import origin
from .code import sign
from .effects import PURE, Effects
from .ops import Op
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
        run: records and gives a result and the recording. It gets the recording of the first time,
            with which it compares, or None.

    Raises:
        RestlessError: if not, naming the line; everything that is found is then as it was.
    """
    around = Surroundings(f)
    effects = Effects(around) if PURE.get() else None
    try:
        result, recording = run(None)
        run(recording)
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


class Course:
    """What a recording meets, in order; the second one, that it is what the first one met.

    The second recording goes on with the Ops of the first: arguments are then the same objects.
    """

    def __init__(self, first: Course | None) -> None:
        self.met: list[Any] = []
        self.then = first.met if first is not None else None

    def row(self, rule: Any, args: tuple[Any, ...], params: Any) -> Op | None:
        """The Op that the first recording met here, if it is that row of those arguments."""
        if self.then is None or len(self.met) >= len(self.then):
            return None
        op = self.then[len(self.met)]
        if type(op) is not Op or op.rule is not rule or op.args != args or op.params is not params:
            return None
        self.met.append(op)
        return op

    def meet(self, x: Any) -> Any:
        """Note an Op, or a text that tells an assignment from others, in its turn.

        Returns:
            It, or what the first recording met here.

        Raises:
            RestlessError: if the function does something else the second time.
        """
        n = len(self.met)
        if self.then is not None:
            if n >= len(self.then) or not alike(x, self.then[n]):
                raise restless("the function computed something else when it ran again", origin())
            x = self.then[n]
        elif type(x) is Op:
            x.at = n
        self.met.append(x)
        return x


def alike(x: Any, y: Any) -> bool:
    """Whether what two recordings met at the same point is the same."""
    if type(x) is not Op or type(y) is not Op:
        return type(x) is type(y) and bool(x == y)
    if x.rule is not y.rule or len(x.args) != len(y.args):
        return False
    if any(
        a is not b and (type(a) is Op or repr(a) != repr(b))
        for a, b in zip(x.args, y.args, strict=True)
    ):
        return False
    if x.params and list(map(sign, x.params)) != list(map(sign, y.params)):
        return False
    return x.leaf is y.leaf or made_alike(x.leaf, y.leaf)


def made_alike(x: Any, y: Any) -> bool:
    """Whether two Tensors hold the same: the function made one each time it ran."""
    if not (hasattr(x, "_needs") and hasattr(y, "_needs")):
        return False
    ours, theirs = x._data, y._data
    return (ours.shape, ours.dtype, x._needs) == (theirs.shape, theirs.dtype, y._needs) and bool(
        ours.tobytes() == theirs.tobytes()
    )
