"""What a function does beside computing: a program, which only computes, would leave it out.

Whoever calls `record` knows that. What records by itself (`nn.training_step`, `nn.train`, `nn.fit`)
must not change what a function does, and records only one of which nothing speaks against it: it
writes to nothing but leaves and States, and all that it calls is known to have no effects.
"""

from __future__ import annotations

import sys
from _contextvars import ContextVar
from contextlib import contextmanager

from .surroundings import ENGINE, OURS, is_library
from .watched import COLLECTION, LARGE, MOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .surroundings import Surroundings

HARMLESS = {  # packages whose functions only compute, or draw, which is seen
    "_collections", "_functools", "_operator", "abc", "builtins", "cmath", "collections", "copy",
    "dataclasses", "decimal", "engine", "enum", "fractions", "functools", "itertools", "math",
    "nn", "numbers", "numpy", "operator", "random", "statistics", "types", "typing",
}  # fmt: skip
ACTS = {"print", "open", "input", "exec", "eval", "breakpoint", "__import__"}  # built in
SAVING = {"save", "savez", "savetxt", "tofile", "dump", "memmap"}  # NumPy's own

PURE = ContextVar("pure", default=False)


class EffectError(TypeError):
    """A function that is not recorded unasked, as it does more than compute; what, says it."""


@contextmanager
def unasked() -> Iterator[None]:
    """Recordings in this block raise `EffectError` for a function that does more than compute."""
    token = PURE.set(True)
    try:
        yield
    finally:
        PURE.reset(token)


class Effects:
    """What a function may do, and what it has done.

    Args:
        around: what it finds outside of itself.

    Raises:
        EffectError: if it calls what may have effects, or writes to variables of its module.
    """

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        for x in around.seen.values():
            if not is_harmless(x) or hasattr(type(x), "__next__"):
                raise EffectError(f"it uses {x!r:.60}, which may do more than compute")
        if not is_seen(around):
            raise EffectError("it finds more outside of itself than can be watched")
        for f in around.functions.values():
            if acts := actions(f.__code__):
                raise EffectError(f"{f.__qualname__} does more than compute: {acts}")
        self.sizes = {i: len(x) for i, x in around.collections.items()}
        self.attributes = {
            i: list(space)
            for i, space in around.spaces.items()
            if not isinstance(around.seen.get(i), (type, type(sys)))
        }

    def check(self) -> None:
        """Raise `EffectError` if the function has changed something beside leaves and States."""
        changed = self.added() or self.around.changes()
        if changed:
            raise EffectError(f"it does more than compute: {changed}")

    def added(self) -> str:
        """What has been added to objects, which loses it again, and to collections, in words."""
        found = ""
        for i, names in self.attributes.items():
            space = self.around.spaces[i]
            for name in [name for name in space if name not in names]:
                del space[name]
                found = f"it sets {name}"
        if any(len(self.around.collections[i]) != n for i, n in self.sizes.items()):
            found = "a collection gets other entries"
        return found


def is_seen(around: Surroundings) -> bool:
    """Whether a change in anything that was found would be noticed."""
    whole = {id(x.holder) for x in around.watched if x.kind is COLLECTION}
    return (
        len(around.seen) < MOST
        and all(x.size < LARGE for x in around.arrays.values())
        and around.collections.keys() <= whole | around.kept_by_nn()
    )


def is_harmless(x: Any) -> bool:
    """Whether calling an object, or its methods, is known to have no effects of its own.

    What is written in Python by the user is looked into: that is not judged here.
    """
    if isinstance(x, type(sys)):
        return is_of_harmless(x.__name__) or not is_library(x.__file__ or "<frozen")
    if isinstance(x, type(is_harmless)):
        file = x.__code__.co_filename
        known = file.startswith((ENGINE, OURS, "<")) or not is_library(file)
        return known or is_of_harmless(x.__module__)
    if isinstance(x, type(len)) and x.__name__ in ACTS:
        return False
    kind = x if isinstance(x, type) else type(x)
    module = getattr(x, "__module__", None) if kind is type(len) else kind.__module__
    if module is None or is_of_harmless(str(module)):
        return True
    home = sys.modules.get(str(module))
    return not is_library(getattr(home, "__file__", None) or "<frozen")


def is_of_harmless(module: str) -> bool:
    """Whether a module belongs to one of the packages that only compute."""
    return module.partition(".")[0] in HARMLESS


def actions(code: Any) -> str:
    """What code does beside computing, as far as its own instructions tell; "" for nothing."""
    import dis  # not needed where a recording is asked for

    for step in dis.get_instructions(code):
        name = str(step.argval)
        if step.opname == "STORE_GLOBAL":
            return f"it assigns {name}"
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and name in ACTS:
            return f"it calls {name}()"
        if step.opname == "IMPORT_NAME" and not is_of_harmless(name):
            return f"it imports {name}"
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD") and name in SAVING:
            return f"it calls {name}()"
    inner = (part for part in code.co_consts if hasattr(part, "co_code"))
    return next(filter(None, map(actions, inner)), "")
