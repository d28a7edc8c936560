"""Steps of training as programs: recorded when they are first taken, then replayed."""

from __future__ import annotations

from contextlib import nullcontext

from engine import Value
from engine.modes import active, asked, differentiating
from engine.tree import is_tensor

from .compiling import Course, paced
from .module import WATCHERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Step = Callable[[Any, Any], Any]

MOST = 32  # kinds of batches that have programs
REFUSALS = (TypeError, ValueError, AttributeError, RuntimeError, IndexError, KeyError)


def kind_of(x: Any) -> Any:
    """What a program for some samples depends on: their number or shape, and their type."""
    shape = getattr(x, "shape", None)
    if shape is not None:
        return tuple(shape), x.dtype
    return len(x) if hasattr(x, "__len__") else type(x)


def is_looked_into() -> bool:
    """Whether someone asks for each node: a mode is on here, or layers are watched."""
    if not active:
        return bool(WATCHERS)
    tape, recorded, watched = asked()
    return bool(tape) or not recorded or watched or differentiating() or bool(WATCHERS)


def is_recorded() -> bool:
    """Whether this happens in a recording, which notes what is computed and must not skip it."""
    return bool(active) and bool(asked()[0])


def number(loss: Any) -> float:
    """A loss as a float."""
    return float(loss.data if hasattr(loss, "backward") else loss)


def replayed(step: Step) -> Step:
    """The step as a program: recorded for the first batch of each size, then replayed.

    It is recorded anew when flags or settings that it finds have changed. A step that computes
    something else each time is run as it is; the masks of dropout are drawn anew in each run. See
    `engine.record` for what a program may depend on. What `training_step` gives and `train` runs
    does this by itself, as far as nothing speaks against it.

    Raises:
        TypeError: at a step that cannot be recorded.
    """
    return Replay(step.eager if isinstance(step, TrainingStep) else step)


class Replay:
    """A step as programs, one for each kind of batch; called, it gives the loss as a float.

    Programs of long runs are compiled where numba is installed; see `nn.compiling`.

    Args:
        step: the step.
        unasked: whether it is only recorded if nothing speaks against it, and else run as it is;
            without that, a refusal is raised.
    """

    def __init__(self, step: Step, unasked: bool = False) -> None:
        self.step = self.__wrapped__ = step
        self.unasked = unasked
        self.programs: dict[Any, Any] = {}  # for a step that is run as it is, all settings' state
        self.course = Course()
        self.plain = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Replay, (self.step, self.unasked)  # a copy records what its own step does

    def __call__(self, inputs: Any, targets: Any) -> float:
        """The loss of a batch; the parameters move."""
        if is_recorded():
            return self.step(inputs, targets)  # type: ignore[no-any-return]
        if self.plain or (self.unasked and is_looked_into()):
            return number(self.step(inputs, targets))
        return self.attempt((kind_of(inputs), kind_of(targets)), inputs, targets)

    def attempt(self, kind: Any, inputs: Any, targets: Any) -> float:
        """The loss of a batch of a kind, from now on by the step itself if it is refused."""
        try:
            return self.replay(kind, inputs, targets)
        except REFUSALS:
            if not self.unasked:
                raise
        loss = number(self.step(inputs, targets))  # if the step itself is at fault, it raises again
        self.plain = True
        return loss

    def replay(self, key: Any, inputs: Any, targets: Any) -> float:
        """The loss by a program, if there can be one."""
        program = self.programs.get(key)
        if program is None or type(program) is int:
            program = self.found(key, program, inputs, targets)
            if type(program) is int:
                return number(self.step(inputs, targets))
        try:
            return program(inputs, targets)  # type: ignore[no-any-return]
        except ValueError as error:
            from engine.program.surroundings import StaleError

            if not isinstance(error, StaleError):
                raise
        del self.programs[key]
        return self.replay(key, inputs, targets)

    def found(self, key: Any, known: int | None, inputs: Any, targets: Any) -> Any:
        """A program for a kind of batch; the state of all settings if there is none for now."""
        from engine.state import settings

        if known == settings[0] or (known is None and len(self.programs) >= MOST):
            return settings[0]
        program = self.programs[key] = self.record(inputs, targets)
        return program

    def record(self, inputs: Any, targets: Any) -> Any:
        """The program for a batch like this; the state of all settings if there is none."""
        from engine import record
        from engine.program.effects import unasked
        from engine.program.surroundings import RestlessError
        from engine.state import settings

        try:
            with unasked() if self.unasked else nullcontext():
                program = record(self.step, inputs, targets)
        except RestlessError:
            return settings[0]
        if self.unasked and not program.is_step:
            return settings[0]
        return paced(program, self.course)


class TrainingStep:
    """A step of training that records itself: what `training_step` gives.

    Called with a batch's inputs and targets, it takes a step and returns the loss. From the second
    batch of a size on it replays a program, with the numbers that the step itself would compute; a
    step that cannot be recorded, or does more than compute, is taken as it is.

    Attributes:
        eager: the step itself, whose loss has its graph.
    """

    def __init__(self, eager: Step) -> None:
        self.eager = self.__wrapped__ = eager
        self.__name__ = "step"
        self.replay = Replay(eager, unasked=True)
        self.known: set[Any] = set()  # kinds of batches that have been taken
        self.leaf: Callable[[float], Any] = Value

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingStep, (self.eager,)

    def __call__(self, inputs: Any, targets: Any) -> Any:
        """The loss of a batch; the parameters move."""
        if self.replay.plain or is_looked_into():
            return self.eager(inputs, targets)
        kind = kind_of(inputs), kind_of(targets)
        if kind in self.known:
            return self.leaf(self.replay.attempt(kind, inputs, targets))
        loss = self.eager(inputs, targets)  # one step alone is not worth a recording
        self.known.add(kind)
        if is_tensor(loss):
            self.leaf = loss_of_type(loss.dtype)
        return loss


def loss_of_type(dtype: Any) -> Callable[[float], Any]:
    """What makes a Tensor of a loss, in the network's precision."""
    import numpy as np

    from engine.tensor.tensor import constant

    return lambda loss: constant(np.array(loss, dtype))


def automatic(step: Step) -> Step:
    """The step as one that is replayed where nothing speaks against it; it gives floats."""
    if isinstance(step, Replay):
        return step
    return step.replay if isinstance(step, TrainingStep) else Replay(step, unasked=True)
