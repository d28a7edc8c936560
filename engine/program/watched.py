"""What a recording must not keep for ever, as it was: settings, collections, arrays, generators.

Each thing that is watched knows how to tell quickly that it is as it was, to say in words how it
has changed, and to become again what it was.
"""

from __future__ import annotations

import sys
from collections import deque

from ..numbers import Number
from ..state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PLAIN = (bool, int, float, complex, str, bytes, type(None))
MOST = 20_000  # objects that are looked at
LARGE = 100_000  # entries of an array that is compared; of a larger one, some are
SOME = 1_000
FEW = 64  # entries of a list of other things than numbers
MISSING = object()
MEMBER = type(vars(State)["label"])  # a slot


class Kind:
    """A way in which something is held.

    Args:
        read: gives what is there, of the holder and the name.
        put: puts something there.
        test: the expression that tells whether it is as it was.
        is_whole: whether the contents count, and not which object is there.
        words: how it has changed.
    """

    def __init__(
        self,
        read: Callable[[Any, str], Any],
        put: Callable[[Any, str, Any], None],
        test: str,
        is_whole: bool = False,
        words: str = "{name} was {then} and is {now}",
    ) -> None:
        self.read, self.put, self.test = read, put, test
        self.is_whole, self.words = is_whole, words


class Watched:
    """Something that may change.

    Attributes:
        holder, name: where it is.
        then: what was there.
    """

    __slots__ = ("kind", "holder", "name", "then")

    def __init__(self, kind: Kind, holder: Any, name: str = "") -> None:
        self.kind, self.holder, self.name = kind, holder, name
        self.then = kind.read(holder, name)

    def now(self) -> Any:
        """What is there now."""
        return self.kind.read(self.holder, self.name)

    def test(self, holder: str, then: str) -> str:
        """The expression that tells whether it is as it was, where those are called so."""
        form = self.kind.test if self.then is not MISSING else "{name!r} not in {holder}"
        return form.format(holder=holder, name=self.name, then=then)

    def holds(self) -> bool:
        """Whether the very same is there."""
        try:
            now = self.now()
            return bool(now == self.then) if self.kind.is_whole else now is self.then
        except Exception:  # arrays in other places
            return False

    def is_same(self) -> bool:
        """Whether it is the same, or an equal number or text of the same type."""
        if self.kind.is_whole:
            return self.holds()
        x, y = self.now(), self.then
        return x is y or (type(x) is type(y) and is_plain(x) and (x == y or x != x and y != y))

    def words(self) -> str:
        """How it has changed."""
        return self.kind.words.format(
            name=self.name, then=shown(self.then), now=shown(self.now()), holder=self.holder
        )

    def restore(self) -> None:
        """Let it be what it was."""
        self.kind.put(self.holder, self.name, self.then)


def put_entry(space: Any, name: str, x: Any) -> None:
    """Give something a name in a module or an object; a class's are not given back."""
    if isinstance(space, dict):
        space[name] = x
        if x is MISSING:
            del space[name]


def put_attribute(x: Any, name: str, y: Any) -> None:
    """Set an attribute that was set."""
    if y is not MISSING:
        setattr(x, name, y)


def put_contents(collection: Any, name: str, entries: Any) -> None:
    """Give a collection those entries."""
    if isinstance(collection, (list, bytearray)):
        collection[:] = entries
    else:
        collection.clear()
        (collection.extend if isinstance(collection, deque) else collection.update)(entries)


def numbers_of(array: Any) -> bytes:
    """An array's numbers, with which a later look is compared; of a large one, a thousand."""
    if array.size < LARGE:
        return array.tobytes()  # type: ignore[no-any-return]
    return array.flat[:: array.size // SOME].tobytes()  # type: ignore[no-any-return]


ENTRY = Kind(  # in a module, or an attribute
    lambda space, name: space.get(name, MISSING), put_entry, "{holder}[{name!r}] is {then}"
)
CELL = Kind(  # of an enclosing function
    lambda cell, name: cell.cell_contents,
    lambda cell, name, x: setattr(cell, "cell_contents", x),
    "{holder}.cell_contents is {then}",
)
ATTRIBUTE = Kind(  # in a slot
    lambda x, name: getattr(x, name, MISSING),
    put_attribute,
    "getattr({holder}, {name!r}, None) is {then}",
)
COLLECTION = Kind(
    lambda x, name: x.copy(), put_contents, "{holder} == {then}", True, "{then} has become {now}"
)
NUMBERS = Kind(  # which stay as the function has left them
    lambda x, name: numbers_of(x),
    lambda x, name, numbers: None,
    "numbers_of({holder}) == {then}",
    True,
    "an array of shape {holder.shape} has been changed in place",
)


def is_compared(x: Any, ours: bool) -> bool:
    """Whether a collection's entries are compared: numbers and texts, or a few other things.

    Args:
        ours: it belongs to an object of `nn`, which keeps its States.
    """
    entries = x.values() if isinstance(x, dict) else x
    if all(isinstance(y, (*PLAIN, Number)) for y in entries):
        return len(x) <= MOST
    return len(x) <= FEW and not (ours and all(isinstance(y, State) for y in entries))


def is_watched(x: Any) -> bool:
    """Whether it may be replaced: not a module, nor a descriptor."""
    return not isinstance(x, (type(sys), property, staticmethod, classmethod))


def is_plain(x: Any) -> bool:
    """Whether it is a number or text, or some of them."""
    return isinstance(x, PLAIN) or (isinstance(x, tuple) and all(map(is_plain, x)))


def shown(x: Any) -> str:
    """A setting in a message."""
    return "not set" if x is MISSING else repr(x)[:40]


def state(generator: Any) -> Any:
    """A random generator's state, to be compared and given back by `set_state`."""
    if hasattr(generator, "getstate") and is_plain(found := generator.getstate()):
        return found
    from pickle import dumps  # Python's own generators do without

    for name in ("getstate", "get_state"):
        if hasattr(generator, name):
            return dumps(getattr(generator, name)())
    return dumps(generator.bit_generator.state)


def set_state(generator: Any, then: Any) -> None:
    """Give a random generator a state back."""
    if type(then) is bytes:
        from pickle import loads

        then = loads(then)
    for name in ("setstate", "set_state"):
        if hasattr(generator, name):
            getattr(generator, name)(then)
            return
    generator.bit_generator.state = then


def has_descriptors(kind: type, names: set[str]) -> bool:
    """Whether an attribute that is read is a descriptor, which may be kept under another name."""
    return any(
        hasattr(type(vars(base)[name]), "__set__")
        and not isinstance(vars(base)[name], (property, MEMBER))
        for base in kind.__mro__
        for name in vars(base).keys() & names
    )
