"""What numbers do while a function is recorded.

While a recording is on, it takes the place of a few methods of `Value` or `Tensor`, and of `State`:
what is read and assigned is noted, a comparison becomes a guard, and what would take a number out
of the recording is refused. When none is on, none of this costs anything.
"""

from __future__ import annotations

import sys

from ..backward import computed
from ..modes import ONE_RECORDING, TAPE, Recorded, is_ours, tidy
from ..numbers import Number, is_number, real
from ..state import State
from ..value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from .recording import Recording

    R = TypeVar("R")

COMPARISONS = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


def watched_attribute(attribute: str, original: Any) -> property:
    """``data`` or ``grad``, read and assigned in the recording that is on."""

    def read(self: Any) -> Any:
        tape = TAPE.get()
        if tape is None:
            return original.__get__(self)
        return tape.read(self, attribute, original.__get__)

    def assign(self: Any, x: Any) -> None:
        tape = TAPE.get()
        if tape is None:
            original.__set__(self, x)
        else:
            tape.assign(self, attribute, x)

    return property(read, assign)


def refused(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A method that would take the number out of the recording."""

    def method(self: Any, *args: Any) -> Any:
        tape = TAPE.get()
        if tape is not None and not tape.sweeping and tape.follows(self):
            raise tape.refusal(self, what)
        return original(self, *args)

    return method


def refused_reading(original: Callable[..., Any]) -> Callable[..., Any]:
    """A Tensor's numbers for something that is no node, which says what it is."""

    def read(self: Any, what: str) -> Any:
        tape = TAPE.get()
        if tape is not None and tape.follows(self):
            raise tape.refusal(self, what)
        return original(self, what)

    return read


def watched_comparison(sign: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison that becomes a guard."""

    def method(self: Value, other: Any) -> Any:
        outcome, tape = original(self, other), TAPE.get()
        if tape is not None and outcome is not NotImplemented:
            tape.compare(sign, self, other, outcome)
        return outcome

    return method


def refused_equality(self: Any, other: Any) -> Any:
    """``==`` tells objects apart, while the function itself would compare numbers."""
    tape = TAPE.get()
    numbers = is_number(other) or (hasattr(other, "dtype") and not isinstance(other, Number))
    if tape is not None and numbers and tape.follows(self):
        raise tape.refusal(self, "comparing by == (which is that of objects; use <= and >=)")
    return NotImplemented


def refused_text(original: Callable[..., str]) -> Callable[..., str]:
    """The text of a node, without its number in messages of the engine's own."""

    def text(self: Any) -> str:
        tape = TAPE.get()
        if tape is None or not tape.follows(self):
            return original(self)
        if is_ours(sys._getframe(1)):
            return f"<recorded {type(self).__name__}>"
        raise tape.refusal(self, "the text")

    return text


def watched_backward(original: Callable[..., None]) -> Callable[..., None]:
    """A Value's backward pass, which happens and is noted."""

    def backward(self: Value, seed: Any = 1.0) -> None:
        tape = TAPE.get()
        if tape is None:
            original(self, seed)
            return
        nodes = computed(self)
        for leaf in tape.reached(self, tape.through(nodes)):
            if tape.is_place(leaf):
                tape.places.place(leaf, "_grad")
        tape.sweeping = True
        try:
            original(self, seed)
        finally:
            tape.sweeping = False
        tape.backward(self, real(seed), nodes)

    return backward


def noted_backward(original: Callable[..., None]) -> Callable[..., None]:
    """A Tensor's backward pass, which is noted and does not happen."""

    def backward(self: Any, seed: Any = None) -> None:
        tape = TAPE.get()
        if tape is None:
            original(self, seed)
        elif seed is not None or self.size != 1:
            raise ValueError("a recorded backward() starts from one number, without a seed")
        else:
            tape.backward(self, 1.0, tape.below(self))

    return backward


def plain_start(original: Callable[..., Any]) -> Callable[..., Any]:
    """What `gradient` starts with, which gives a graph or plain numbers."""

    def first(self: Any, create_graph: bool) -> Any:
        tape = TAPE.get()
        if tape is not None and not create_graph and tape.follows(self):
            raise tape.refusal(self, "a gradient in plain numbers (write create_graph=True)")
        return original(self, create_graph)

    return first


def watched_init(original: Callable[..., None]) -> Callable[..., None]:
    """A leaf that is made while recording is a constant of the program."""

    def init(self: Value, *args: Any, **named: Any) -> None:
        original(self, *args, **named)
        tape = TAPE.get()
        if tape is not None and not self.args:
            tape.fresh(self)

    return init


def methods(kind: Any) -> list[tuple[type, str, Any]]:
    """What takes the place of the methods of Values or Tensors, and of States."""
    own = {name: x for base in reversed(kind.__mro__) for name, x in vars(base).items()}
    found: list[tuple[type, str, Any]] = [
        (kind, "data", watched_attribute("_data", own["data"])),
        (kind, "grad", watched_attribute("_grad", own["grad"])),
        (State, "data", watched_attribute("_data", vars(State)["data"])),
        (kind, "__eq__", refused_equality),
        (kind, "__repr__", refused_text(own["__repr__"])),
        (kind, "__init__", watched_init(own["__init__"])),
    ]
    if kind.holds_array:
        return [
            *found,
            (kind, "backward", noted_backward(own["backward"])),
            (kind, "_read", refused_reading(own["_read"])),
            (kind, "_first", plain_start(own["_first"])),
        ]
    return [
        *found,
        (kind, "backward", watched_backward(own["backward"])),
        (kind, "partials", property(refused("the local derivatives", own["partials"].fget))),
        (kind, "__float__", refused("float()", own["__float__"])),
        (kind, "__bool__", refused("bool()", lambda self: True)),
        (kind, "__int__", refused("int()", lambda self: int(self._data))),
        (kind, "__format__", refused("the text", own["__format__"])),
        (kind, "__copy__", refused("a copy", own["__copy__"])),
        (kind, "__deepcopy__", refused("a copy", kind.__deepcopy__)),
        (kind, "__reduce_ex__", refused("a pickle", kind.__reduce_ex__)),
        *((kind, n, watched_comparison(sign, own[n])) for n, sign in COMPARISONS.items()),
    ]


REPLACED: list[tuple[type, str, Any]] = []  # what classes had before a recording


def put_in_place(new: Sequence[tuple[type, str, Any]]) -> None:
    """Give classes other methods for the time of a recording."""
    for kind, attribute, method in new:
        REPLACED.append((kind, attribute, vars(kind).get(attribute)))
        setattr(kind, attribute, method)


def put_back() -> None:
    """Give the classes the methods that they had."""
    for kind, attribute, method in reversed(REPLACED):
        if method is not None:
            setattr(kind, attribute, method)
        elif attribute in vars(kind):
            delattr(kind, attribute)
    REPLACED.clear()


def recorded(tape: Recording, run: Callable[[], R]) -> R:
    """Note in a recording what a function does; at the end, everything is as it was."""
    if TAPE.get() is not None:
        raise RuntimeError("a recording is under way: call the function itself, not record() of it")
    try:
        with ONE_RECORDING, Recorded(tape):
            try:
                put_back()  # what an interrupt may have left
                put_in_place(methods(tape.kind))
                return run()
            finally:
                interrupt = None
                for _ in (1, 2, 3):  # what interrupts this is raised when it is done
                    try:
                        put_back()
                        tape.places.restore()
                        break
                    except BaseException as error:
                        interrupt = error
                if interrupt is not None:
                    raise interrupt
    finally:
        tidy()
