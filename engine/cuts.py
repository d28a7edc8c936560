"""Whether a node is about to be turned into a plain number by mistake.

``math.exp(x)`` asks x for a float just as ``float(x)`` does, and the graph would end there without
a word. `float(x)` says what it wants; a function of plain numbers is told what to write instead.
Python does not say who asks, so the line that is running is looked at.
"""

from __future__ import annotations

import builtins
import sys
from types import BuiltinFunctionType, ModuleType

from .rule import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dis import Instruction
    from types import CodeType, FrameType
    from typing import Any

    Site = tuple[str, tuple[str, ...]]

SITES: dict[tuple[CodeType, int], Site] = {}  # what was found out about places in the code
UNKNOWN = object()
EXPLICIT = (float, complex)  # what says itself that a plain number is wanted
# where a number comes out of a `map` or the like: whatever it calls, it was given the node itself
LAZY = ("FOR_ITER", "LIST_EXTEND", "SET_UPDATE", "UNPACK_SEQUENCE", "UNPACK_EX", "CALL_INTRINSIC_1")


def refuse_cut() -> None:
    """Raise if the caller's caller is a function of plain numbers, such as those of `math`.

    Raises:
        TypeError: it names the function and what to write instead.
    """
    frame = sys._getframe(2)
    key = frame.f_code, frame.f_lasti
    site = SITES.get(key)
    if site is None:
        if len(SITES) >= 4096:
            SITES.clear()
        site = SITES[key] = look(*key)
    operation, names = site
    function = resolve(frame, names)
    module = getattr(function, "__module__", None)
    if isinstance(function, BuiltinFunctionType) and module in ("math", "cmath"):
        raise refusal(f"{module}.{function.__name__}()", function.__name__)
    # `list` and `sum` ask for no float, but the function that a `map` in them calls does
    within = operation in LAZY or (module == builtins.__name__ and function not in EXPLICIT)
    if within and "float" not in frame.f_code.co_names:
        raise refusal("a function of plain numbers")


def refusal(what: str, name: str = "") -> TypeError:
    """The error, with the cure."""
    name = "abs" if name == "fabs" else name
    ours = f"engine.{name}" if name in TABLE else "the engine's functions, such as engine.exp"
    return TypeError(
        f"{what} would cut the graph: use {ours}, or .data where the number is meant to be a "
        "constant"
    )


def look(code: CodeType, at: int) -> Site:
    """The operation at that place, and the dotted name of what it calls if it is a call."""
    import dis

    instructions = list(dis.get_instructions(code))
    here = next((x for x in instructions if x.offset == at), None)
    if here is None or not here.opname.startswith("CALL") or here.positions is None:
        return (here.opname if here else "", ())
    names: tuple[str, ...] = ()
    place, end = start_of(here), (here.positions.end_lineno, here.positions.end_col_offset)
    for x in instructions:
        if x.offset >= at:
            break
        if start_of(x) != place or x.positions is None:
            continue
        if (x.positions.end_lineno, x.positions.end_col_offset) == end:
            continue  # of the whole call, as its preparation is
        if x.opname in ("LOAD_ATTR", "LOAD_METHOD") and names:
            names = (*names, str(x.argval))
        elif x.opname.startswith("LOAD") and isinstance(x.argval, str):
            names = (x.argval,)
        elif x.opname.startswith(("CALL", "BINARY")):
            names = ()  # what is called was computed
    return here.opname, names


def start_of(instruction: Instruction) -> tuple[int | None, int | None] | None:
    """Where in the text its expression begins; None if the code does not know."""
    positions = instruction.positions
    return positions and (positions.lineno, positions.col_offset)


def resolve(frame: FrameType, names: tuple[str, ...]) -> Any:
    """What a dotted name means in a frame, as far as modules go."""
    first, *rest = names or ("",)
    scopes = (frame.f_locals, frame.f_globals, frame.f_builtins)
    found = next((scope[first] for scope in scopes if first in scope), UNKNOWN)
    for name in rest:
        found = getattr(found, name, UNKNOWN) if isinstance(found, ModuleType) else UNKNOWN
    return found
