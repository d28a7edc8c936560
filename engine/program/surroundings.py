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
import sys
from collections import deque
from functools import lru_cache
from opcode import opmap

from ..modes import TAPE, active
from ..numbers import Number
from ..state import State, settings
from .watched import (
    ATTRIBUTE,
    CELL,
    COLLECTION,
    ENTRY,
    MOST,
    NUMBERS,
    PLAIN,
    Watched,
    has_descriptors,
    is_compared,
    is_plain,
    is_watched,
    numbers_of,
    set_state,
    state,
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

PARENT, _, _ = __file__.rpartition(os.path.join("engine", "program", ""))  # noqa: PTH118
ENGINE, OURS = f"{PARENT}engine{os.sep}", f"{PARENT}nn{os.sep}"
BY_NAME = {"getattr", "vars", "__dict__", "globals", "attrgetter"}  # take names from texts
SPECIAL = ("__call__", "__getattr__", "__getitem__", "__len__", "__iter__")
PYTHON, _, _ = os.__file__.rpartition(os.sep)
LIBRARIES = (ENGINE, PYTHON, "<frozen", "<generated", "<program")
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
        if kind.__module__.startswith("nn.") and hasattr(kind, "__set__"):
            return ()  # a descriptor of a class of `nn`, which stays
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
        self.watched = [*self.named(), *self.in_slots(), *self.contents()]
        self.counted = [x for i in self.modules for x in self.in_space(i)]  # by `settings`
        self.unchanged = self.comparison()

    def named(self) -> list[Watched]:
        """Globals, variables of enclosing functions, and attributes."""
        found: list[Watched] = [
            Watched(ENTRY, space, name)
            for (_, name), space in self.globals.items()
            if name in space and is_watched(space[name])
        ]
        found += [
            Watched(CELL, cell, name)
            for name, cell in self.cells.values()
            if is_watched(cell.cell_contents)
        ]
        for i in self.spaces.keys() - self.modules:
            found += self.in_space(i)
        found += [  # class attributes, which an object's own would hide
            Watched(ENTRY, vars(x), name)
            for x in self.seen.values()
            if id(x) in self.spaces and not isinstance(x, (type, type(sys)))
            for base in type(x).__mro__
            for name in vars(base).keys() & self.attributes
            if isinstance(vars(base)[name], PLAIN) and name not in vars(x)
        ]
        return found

    def in_space(self, i: int) -> list[Watched]:
        """Attributes of an object, a class or a module that the code names, or all its settings."""
        if i in self.fixed:
            return []
        space, x = self.spaces[i], self.seen.get(i)
        own = x is not None and not isinstance(x, (type, type(sys)))
        if i in self.plain or (own and has_descriptors(type(x), self.attributes)):
            return [Watched(ENTRY, space, name) for name, y in space.items() if is_plain(y)]
        names = space.keys() & self.attributes
        return [Watched(ENTRY, space, name) for name in names if is_watched(space[name])]

    def in_slots(self) -> list[Watched]:
        """Attributes in slots; the code of functions, which an editor's reload replaces."""
        found: list[Watched] = [
            Watched(ATTRIBUTE, x, name)
            for x in self.slotted.values()
            for name in slots_of(type(x)) & self.attributes
        ]
        return found + [
            Watched(ATTRIBUTE, f, name)
            for f in self.functions.values()
            for name in ("__code__", "__defaults__")
        ]

    def contents(self) -> list[Watched]:
        """What collections and arrays have in them."""
        ours = self.kept_by_nn()
        found: list[Watched] = [
            Watched(COLLECTION, x) for i, x in self.collections.items() if is_compared(x, i in ours)
        ]
        return found + [Watched(NUMBERS, x) for x in self.arrays.values()]

    def kept_by_nn(self) -> set[int]:
        """What the attributes of objects of `nn` are, by their ids."""
        return {id(x) for i in self.modules | self.plain for x in self.spaces[i].values()}

    def settle(self) -> None:
        """Watch no more what has changed since: the function does not depend on it."""
        self.watched = [x for x in self.watched if x.holds()]
        self.counted = [x for x in self.counted if x.holds()]
        self.noted = settings[0]
        self.unchanged = self.comparison()

    def comparison(self) -> Callable[[], bool] | None:
        """What tells whether all is as it was."""
        tests = [f"settings[0] == {self.noted}"] if self.counted else []
        given: dict[str, Any] = {"settings": settings, "numbers_of": numbers_of}
        for i, x in enumerate(self.watched):
            given |= {f"x{i}": x.holder, f"y{i}": x.then}
            tests.append(x.test(f"x{i}", f"y{i}"))
        if not tests:
            return None
        test = " and ".join(tests)
        exec(f"def unchanged():\n try: return {test}\n except Exception: return False", given)
        found: Callable[[], bool] = given["unchanged"]
        return found

    def changes(self) -> str:
        """What has changed since it was noted, in words; "" for nothing."""
        for x in (*self.watched, *self.counted):
            if not x.is_same():
                return x.words()
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
                set_state(g, then)

    def rewind(self) -> None:
        """Give generators, settings and counters the state back that they had."""
        self.rewind_generators()
        for x in (*self.watched, *self.counted):
            if not x.holds():
                x.restore()


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


def slots_of(kind: type) -> set[str]:
    """The attributes that objects of a user's class have in slots."""
    found: set[str] = set()
    for base in kind.__mro__:
        names = vars(base).get("__slots__", ())
        module = sys.modules.get(base.__module__)
        if names and not is_library(getattr(module, "__file__", None) or "<frozen"):
            found |= {names} if isinstance(names, str) else set(names)
    return found - {"__dict__", "__weakref__"}
