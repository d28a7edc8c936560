"""What a function reads outside of itself, which a recording of it keeps.

A recorded program knows the numbers of Values, Tensors and States anew each time. Everything else
that the function finds is as it was when it was recorded: flags, settings, schedules in plain
Python. `Surroundings` notes these, so that a program can tell that they have changed, and the
random generators, so that draws from them are seen.

What is found is what the code names: closures, globals, and the attributes of the objects that are
reached through these, in turn. Code of libraries is not looked into.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections import deque
from functools import lru_cache
from opcode import opmap

from ..modes import TAPE, active
from ..numbers import Number
from ..state import State, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Entry = tuple[Any, str, Any]  # a mapping, a name in it, and what has that name

PLAIN = (bool, int, float, complex, str, bytes, type(None))
MOST = 20_000  # objects that are looked at
LARGE = 100_000  # entries of an array that is compared; of a larger one, some are
SOME = 1_000
FEW = 64  # entries of a list of other things than numbers
PARENT, _, _ = __file__.rpartition(os.path.join("engine", "program", ""))  # noqa: PTH118
ENGINE, OURS = f"{PARENT}engine{os.sep}", f"{PARENT}nn{os.sep}"
BY_NAME = {"getattr", "vars", "__dict__", "globals", "attrgetter"}  # take names from texts
SPECIAL = ("__call__", "__getattr__", "__getitem__", "__len__", "__iter__")
PYTHON, _, _ = os.__file__.rpartition(os.sep)
LIBRARIES = (ENGINE, PYTHON, "<frozen", "<generated", "<recorded", "<fused")
MISSING = object()
MEMBER = type(vars(State)["label"])  # a slot
LOAD_GLOBAL, LOAD_NAME, EXTENDED_ARG = (
    opmap[name] for name in ("LOAD_GLOBAL", "LOAD_NAME", "EXTENDED_ARG")
)


def is_library(file: str) -> bool:
    """Whether a file's code belongs to Python, to an installed package, or to the engine."""
    if file.startswith(OURS):
        return False
    return file.startswith(LIBRARIES) or "site-packages" in file


class GuardError(ValueError):
    """A program was run where what it was recorded for does not hold: a comparison, a setting."""


class StaleError(GuardError):
    """What a program's function finds outside of itself has changed since it was recorded."""


class RestlessError(TypeError):
    """A function gave other numbers when it was run again: random ones, a count, the time."""


def restless(what: str, where: str) -> RestlessError:
    """The error for a function that cannot be recorded."""
    return RestlessError(
        f"{what}: a recorded program would keep these numbers for ever. Draw or count outside and "
        f"give the numbers as an input, or keep them in an engine.state.State\n  at {where}"
    )


class Surroundings:
    """What a function finds outside of itself.

    Args:
        f: the function.

    Attributes:
        unchanged: a quick function that tells whether all is as it was; None if there is nothing.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self.attributes: set[str] = set()  # that the code reads
        self.spaces: dict[int, Any] = {}  # attributes by name, of objects, classes and modules
        self.fixed: set[int] = set()  # those of classes of `nn`
        self.modules: set[int] = set()  # those of its `Module`s, which count their changes
        self.plain: set[int] = set()  # those of other objects of `nn`: their numbers are settings
        self.globals: dict[tuple[int, str], Any] = {}
        self.cells: dict[int, tuple[str, Any]] = {}
        self.collections: dict[int, Any] = {}
        self.slotted: dict[int, Any] = {}
        self.functions: dict[int, Any] = {}
        self.arrays: dict[int, Any] = {}
        self.generators: list[Any] = [
            module for name in ("random", "numpy.random") if (module := sys.modules.get(name))
        ]
        self.seen: dict[int, Any] = {}
        self.explore(f)
        self.states = [state(g) for g in self.generators]
        self.remember()

    # ------------------------------------------------------------ looking around

    def explore(self, f: Any) -> None:
        """Find what is reached from the function."""
        stack = [f]
        while stack and len(self.seen) < MOST:
            while stack and len(self.seen) < MOST:
                x = stack.pop()
                if not isinstance(x, (*PLAIN, State, Number)) and id(x) not in self.seen:
                    self.seen[id(x)] = x
                    stack += self.parts(x)
            stack = [
                x
                for space in self.spaces.values()
                for name in space.keys() & self.attributes
                if id(x := space[name]) not in self.seen
                and not isinstance(x, (*PLAIN, State, Number))
            ]

    def parts(self, x: Any) -> Iterable[Any]:
        """What belongs to an object, as far as a function's result may depend on it."""
        kind = type(x)
        if kind is property:
            return [x.fget]
        if kind.__module__.startswith(("engine.", "nn.")) and hasattr(x, "__wrapped__"):
            return [x.__wrapped__]  # it keeps what it has recorded, and computes what that does
        if isinstance(x, type(is_library)):
            return self.function(x)
        if isinstance(x, type(sys)):
            if not is_library(getattr(x, "__file__", None) or "<frozen"):
                self.spaces[id(x)] = vars(x)
        elif isinstance(x, type):
            return self.members(x)
        elif hasattr(kind, "__func__"):  # a method
            return [x.__func__, getattr(x, "__self__", None)]
        elif kind is type(len):  # one in C
            return [x.__self__]
        elif isinstance(x, (list, dict, set, tuple, deque, bytearray)):
            if not isinstance(x, tuple):
                self.collections[id(x)] = x
            return list(x.values()) if isinstance(x, dict) else list(x)
        elif any(hasattr(kind, name) for name in ("bit_generator", "setstate", "set_state")):
            self.generators.append(x)
        elif hasattr(kind, "dtype") and hasattr(kind, "tobytes"):
            self.arrays[id(x)] = x
        elif hasattr(kind, "func") and hasattr(kind, "keywords"):  # a functools.partial
            return [x.func, *x.args, *x.keywords.values()]
        elif slots_of(kind):
            self.slotted[id(x)] = x
            return [kind, *(getattr(x, name, None) for name in slots_of(kind))]
        elif hasattr(x, "__dict__"):
            self.spaces[id(x)] = vars(x)
            if hasattr(kind, "zero_grad") and hasattr(kind, "over"):
                self.modules.add(id(x))
            elif kind.__module__.startswith("nn."):
                self.plain.add(id(x))
            return [kind, getattr(x, "__wrapped__", None)]
        return ()

    def function(self, f: Any) -> list[Any]:
        """What a function refers to."""
        code = f.__code__
        if is_library(code.co_filename):
            return []
        found = [*(f.__defaults__ or ()), f.__kwdefaults__]
        for name, cell in zip(code.co_freevars, f.__closure__ or (), strict=True):
            try:
                found.append(cell.cell_contents)
            except ValueError:  # not set yet
                continue
            if not code.co_filename.startswith(OURS):
                self.cells[id(cell)] = (name, cell)
        names, attributes = names_of(code)
        self.attributes |= attributes
        if code.co_filename.startswith(OURS):
            return found  # what it calls by its own names does not change
        self.functions[id(f)] = f
        for name in names & f.__globals__.keys():
            self.globals[id(f.__globals__), name] = f.__globals__
            found.append(f.__globals__[name])
        return found

    def members(self, kind: type) -> list[Any]:
        """The special methods of a class; of its other attributes, those that code names count."""
        found: list[Any] = []
        for base in kind.__mro__:
            module = sys.modules.get(base.__module__)
            file = getattr(module, "__file__", None) or "<frozen"
            if not is_library(file):
                self.spaces[id(base)] = vars(base)
                if file.startswith(OURS):
                    self.fixed.add(id(base))
                found += [x for name, x in vars(base).items() if name in SPECIAL]
        return found

    # ------------------------------------------------------------ what has changed

    def remember(self) -> None:
        """Note how everything is now."""
        self.noted = settings[0]
        self.entries = entries((space, name) for (_, name), space in self.globals.items())
        self.counted: list[Entry] = []
        for i, space in self.spaces.items():
            if i in self.fixed:
                continue
            x = self.seen.get(i)
            own = x is not None and not isinstance(x, (type, type(sys)))
            whole = i in self.plain or (own and has_descriptors(type(x), self.attributes))
            names = space.keys() if whole else space.keys() & self.attributes
            found = entries((space, name) for name in names)
            if whole:
                found = [entry for entry in found if is_plain(entry[2])]
            (self.counted if i in self.modules else self.entries).extend(found)
        self.entries += [
            (vars(x), name, MISSING)
            for x in self.seen.values()
            if id(x) in self.spaces and not isinstance(x, (type, type(sys)))
            for base in type(x).__mro__
            for name in vars(base).keys() & self.attributes
            if isinstance(vars(base)[name], PLAIN) and name not in vars(x)
        ]
        self.contents = [
            (name, cell, cell.cell_contents)
            for name, cell in self.cells.values()
            if is_watched(cell.cell_contents)
        ]
        self.slots = [
            (x, name, getattr(x, name, MISSING))
            for x in self.slotted.values()
            for name in slots_of(type(x)) & self.attributes
        ]
        self.slots += [  # which an editor's reload replaces
            (f, name, getattr(f, name))
            for f in self.functions.values()
            for name in ("__code__", "__defaults__")
        ]
        ours = self.kept_by_nn()
        self.copies = [
            (x, x.copy()) for i, x in self.collections.items() if is_compared(x, i in ours)
        ]
        self.numbers = [(x, numbers_of(x)) for x in self.arrays.values()]
        self.unchanged = self.comparison()

    def kept_by_nn(self) -> set[int]:
        """What the attributes of objects of `nn` are, by their ids."""
        return {id(x) for i in self.modules | self.plain for x in self.spaces[i].values()}

    def settle(self) -> None:
        """Watch no more what has changed since: the function does not depend on it."""
        self.entries = [(s, k, x) for s, k, x in self.entries if s.get(k, MISSING) is x]
        self.counted = [(s, k, x) for s, k, x in self.counted if s.get(k, MISSING) is x]
        self.noted = settings[0]
        self.contents = [(k, c, x) for k, c, x in self.contents if c.cell_contents is x]
        self.slots = [(x, k, y) for x, k, y in self.slots if getattr(x, k, MISSING) is y]
        self.copies = [(x, y) for x, y in self.copies if are_equal(x, y)]
        self.numbers = [(x, y) for x, y in self.numbers if numbers_of(x) == y]
        self.unchanged = self.comparison()

    def comparison(self) -> Callable[[], bool] | None:
        """What tells whether all is as it was."""
        given: dict[str, Any] = {"settings": settings}
        tests = [f"settings[0] == {self.noted}"] if self.counted else []
        for i, (space, name, x) in enumerate(self.entries):
            given |= {f"d{i}": space, f"x{i}": x}
            absent = x is MISSING
            tests.append(f"{name!r} not in d{i}" if absent else f"d{i}[{name!r}] is x{i}")
        for i, (_, cell, x) in enumerate(self.contents):
            given |= {f"c{i}": cell, f"y{i}": x}
            tests.append(f"c{i}.cell_contents is y{i}")
        for i, (x, name, y) in enumerate(self.slots):
            given |= {f"o{i}": x, f"z{i}": y}
            tests.append(f"getattr(o{i}, {name!r}, None) is z{i}")
        for i, (x, y) in enumerate(self.copies):
            given |= {f"a{i}": x, f"b{i}": y}
            tests.append(f"a{i} == b{i}")
        for i, (x, y) in enumerate(self.numbers):
            given |= {f"n{i}": x, f"m{i}": y, "numbers_of": numbers_of}
            few = x.size < LARGE
            tests.append(f"n{i}.tobytes() == m{i}" if few else f"numbers_of(n{i}) == m{i}")
        if not tests:
            return None
        test = " and ".join(tests)
        exec(f"def unchanged():\n try: return {test}\n except Exception: return False", given)
        found: Callable[[], bool] = given["unchanged"]
        return found

    def changes(self) -> str:
        """What has changed since it was noted, in words; "" for nothing."""
        for space, name, x in [*self.entries, *self.counted]:
            now = space.get(name, MISSING)
            if not is_same(now, x):
                return f"{name} was {shown(x)} and is {shown(now)}"
        for name, cell, x in self.contents:
            if not is_same(cell.cell_contents, x):
                return f"{name} was {x!r:.40} and is {cell.cell_contents!r:.40}"
        for x, name, before in self.slots:
            if not is_same(now := getattr(x, name, MISSING), before):
                return f"{name} was {shown(before)} and is {shown(now)}"
        for x, before in self.copies:
            if not are_equal(x, before):
                return f"{before!r:.40} has become {x!r:.40}"
        for x, bytes_before in self.numbers:
            if numbers_of(x) != bytes_before:
                return f"an array of shape {x.shape} has been changed in place"
        self.remember()  # equal numbers, in other objects
        return ""

    def ready(self, is_step: bool) -> None:
        """See that the program may run.

        Raises:
            RuntimeError: for a step while a program is recorded, which would not note what it does.
            StaleError: if something has changed, naming it.
        """
        if is_step and active and TAPE.get() is not None:
            raise RuntimeError(
                "a program is called while another one is recorded, which would not note what it "
                "does: call the function itself there"
            )
        if self.unchanged is not None and not self.unchanged():
            self.check()

    def hold(self) -> bool:
        """Whether all is as it was."""
        return self.unchanged is None or self.unchanged() or not self.changes()

    def check(self) -> None:
        """Raise if something has changed.

        Raises:
            StaleError: naming it.
        """
        if changes := self.changes():
            raise StaleError(
                f"what the function finds outside of itself has changed since it was recorded: "
                f"{changes}; record it again, or keep in an engine.state.State what changes"
            )

    def drawn(self) -> Any:
        """A random generator that has been drawn from, or None.

        Python's and NumPy's own may have been drawn from by another thread.
        """
        named = "random" in self.attributes or any(name == "random" for _, name in self.globals)
        alone = named or len(sys._current_frames()) == 1
        for g, before in zip(self.generators, self.states, strict=True):
            if (alone or not isinstance(g, type(sys))) and state(g) != before:
                return g
        return None

    def rewind_generators(self) -> None:
        """Give random generators the state back that they had."""
        for g, then in zip(self.generators, self.states, strict=True):
            if state(g) != then:
                set_state(g, pickle.loads(then))

    def rewind(self) -> None:
        """Give generators, settings and counters the state back that they had."""
        self.rewind_generators()
        for space, name, x in [*self.entries, *self.counted]:
            if isinstance(space, dict) and space.get(name, MISSING) is not x:
                space[name] = x
                if x is MISSING:
                    del space[name]
        for _, cell, x in self.contents:
            cell.cell_contents = x
        for x, name, value in self.slots:
            if value is not MISSING and getattr(x, name, MISSING) is not value:
                setattr(x, name, value)
        for x, before in self.copies:
            if are_equal(x, before):
                continue
            if isinstance(x, (list, bytearray)):
                x[:] = before
            else:
                x.clear()
                (x.extend if isinstance(x, deque) else x.update)(before)


def entries(places: Iterable[tuple[Any, str]]) -> list[Entry]:
    """What is in those places, as far as it may be replaced."""
    return [(s, k, s[k]) for s, k in places if k in s and is_watched(s[k])]


def slots_of(kind: type) -> set[str]:
    """The attributes that objects of a user's class have in slots."""
    found: set[str] = set()
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        module = sys.modules.get(base.__module__)
        if names and not is_library(getattr(module, "__file__", None) or "<frozen"):
            found |= {names} if isinstance(names, str) else set(names)
    return found - {"__dict__", "__weakref__"}


def numbers_of(array: Any) -> bytes:
    """An array's numbers, with which a later look is compared; of a large one, a thousand."""
    if array.size < LARGE:
        return array.tobytes()  # type: ignore[no-any-return]
    return array.flat[:: array.size // SOME].tobytes()  # type: ignore[no-any-return]


def is_compared(x: Any, ours: bool) -> bool:
    """Whether a collection's entries are compared: numbers and texts, or a few other things.

    Args:
        ours: it belongs to an object of `nn`, which keeps its States.
    """
    entries = x.values() if isinstance(x, dict) else x
    if all(isinstance(y, (*PLAIN, Number)) for y in entries):
        return len(x) <= MOST
    return len(x) <= FEW and not (ours and all(isinstance(y, State) for y in entries))


def are_equal(x: Any, y: Any) -> bool:
    """Whether two collections have the same entries."""
    try:
        return bool(x == y)
    except Exception:  # arrays in other places
        return False


@lru_cache(4096)
def names_of(code: Any) -> tuple[set[str], set[str]]:
    """The globals that code and the code within it reads, and the other names in it."""
    found: set[str] = set()
    more = 0
    for op, number in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        number |= more
        more = number << 8 if op == EXTENDED_ARG else 0
        if op == LOAD_GLOBAL:
            found.add(code.co_names[number >> 1])
        elif op == LOAD_NAME:
            found.add(code.co_names[number])
    attributes = set(code.co_names) - found
    if not BY_NAME.isdisjoint(code.co_names):
        texts = {x for x in code.co_consts if isinstance(x, str)}
        found |= texts
        attributes |= texts
    for part in code.co_consts:
        if hasattr(part, "co_names"):
            inner, others = names_of(part)
            found |= inner
            attributes |= others
    return found, attributes


def is_watched(x: Any) -> bool:
    """Whether it may be replaced: not a module, nor a descriptor."""
    return not isinstance(x, (type(sys), property, staticmethod, classmethod))


def is_plain(x: Any) -> bool:
    """Whether it is a number or text, or some of them."""
    return isinstance(x, PLAIN) or (isinstance(x, tuple) and all(map(is_plain, x)))


def has_descriptors(kind: type, names: set[str]) -> bool:
    """Whether an attribute that is read is a descriptor, which may be kept under another name."""
    return any(
        hasattr(type(vars(base)[name]), "__set__")
        and not isinstance(vars(base)[name], (property, MEMBER))
        for base in kind.__mro__
        for name in vars(base).keys() & names
    )


def shown(x: Any) -> str:
    """A setting in a message."""
    return "not set" if x is MISSING else repr(x)[:40]


def is_same(x: Any, y: Any) -> bool:
    """Whether two objects are one, or equal numbers or texts of one type."""
    return x is y or (type(x) is type(y) and is_plain(x) and (x == y or x != x and y != y))


def state(generator: Any) -> bytes:
    """A random generator's state."""
    for name in ("getstate", "get_state"):
        if hasattr(generator, name):
            return pickle.dumps(getattr(generator, name)())
    return pickle.dumps(generator.bit_generator.state)


def set_state(generator: Any, before: Any) -> None:
    """Give a random generator a state back."""
    for name in ("setstate", "set_state"):
        if hasattr(generator, name):
            getattr(generator, name)(before)
            return
    generator.bit_generator.state = before
