"""Running straight-line code: fast on floats, and otherwise with care.

The fast functions know only floats, on which Python's arithmetic raises where IEEE has inf or nan,
and nothing has been changed when it does. Then the same code runs on numbers that never raise.
Arrays go through the readable rendering.
"""

from __future__ import annotations

from functools import cached_property

from ..node import LOCK
from ..numbers import is_number, real
from ..reals import REALS, Real
from ..rule import TABLE
from ..tree import flatten, map_leaves
from .assembly import CAREFUL_FUNCTIONS, FUNCTIONS, Assembly, compiled
from .formulas import Quantity
from .surroundings import GuardError
from .unrolling import Code, resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .recording import Tape


class Straight:
    """A recording as straight-line code that runs.

    Args:
        tape: the recording.
        name: what the function is called.
        arguments: for each argument its name and its quantity, or lists of quantities.
        result: what is returned, with quantities in the place of numbers.
    """

    def __init__(
        self, tape: Tape, name: str, arguments: Sequence[tuple[str, Any]], result: Any
    ) -> None:
        self.code = Code(tape, flatten(result))
        self.assembly = Assembly(self.code, name, arguments, map_leaves(result, resolved))
        self.places = self.code.places
        self.run = self.compiled("run")
        if any(p.written for p in self.places):
            self.run = alone(self.run)

    def compiled(self, kind: str) -> Callable[..., Any]:
        """One of the assembly's functions, with the places that it uses."""
        names = dict(FUNCTIONS) | {f"place{i}": p.owner for i, p in enumerate(self.places)}
        return compiled(getattr(self.assembly, kind)(), kind, names)

    def loop(self, steps: int, inputs: Sequence[Any]) -> list[Any]:
        """Run several times: the list of results."""
        inputs = as_floats(self.assembly.arguments, inputs)
        run = alone(self.compiled("loop"))
        losses: list[Any] = []
        while len(losses) < steps:
            try:
                run(losses, steps - len(losses), *inputs)
            except GuardError:
                raise
            except Exception:
                losses.append(self.carefully(inputs))
        return losses

    @cached_property
    def pure(self) -> Callable[..., Any]:
        """The code for numbers that never raise."""
        names: dict[str, Any] = {name: getattr(REALS, name) for name in atomic()}
        return compiled(self.assembly.pure(), "pure", names | CAREFUL_FUNCTIONS)

    def carefully(self, inputs: Sequence[Any]) -> Any:
        """Run on inputs that are not floats, or numbers on which Python's floats raise."""
        numbers = fitting_all(self.assembly.arguments, inputs)
        if any(getattr(x, "ndim", 0) for x in numbers):
            return self.on_arrays(inputs)
        with LOCK:
            starts = [getattr(p.owner, p.attribute) for p in self.places if p.start]
            result, changed = self.pure(*map(Real, numbers), *map(Real, starts))
            for place, x in zip([p for p in self.places if p.written], changed, strict=True):
                setattr(place.owner, place.attribute, float(x))
        return map_leaves(result, lambda x: x if x is None else float(x))

    def on_arrays(self, inputs: Sequence[Any]) -> Any:
        """Run entry by entry on arrays."""
        import numpy as np

        from ..tensor.arrays import ArrayMathematics

        if any(p.written for p in self.places):
            raise TypeError("a training step takes numbers: arrays would make parameters arrays")
        names = {"np": Namespace(np, ArrayMathematics("float64")), "GuardError": GuardError}
        run = compiled(self.assembly.readable(), self.assembly.name, names)
        starts = [np.float64(getattr(p.owner, p.attribute)) for p in self.places if p.start]
        arrays = [
            as_arrays(shape, x)
            for (_, shape), x in zip(self.assembly.arguments, inputs, strict=True)
        ]
        shape = np.broadcast_shapes(*(x.shape for x in flatten(arrays)))
        with np.errstate(all="ignore"):
            result = run(*arrays, *starts)
        return map_leaves(result, lambda x: np.broadcast_to(x, shape) + 0.0)


def alone(run: Callable[..., Any]) -> Callable[..., Any]:
    """A step that no other one comes between."""

    def locked(*args: Any) -> Any:
        with LOCK:
            return run(*args)

    return locked


class Namespace:
    """NumPy, and the functions of the table that it has not."""

    def __init__(self, np: Any, arrays: Any) -> None:
        self.np, self.arrays = np, arrays

    def __getattr__(self, name: str) -> Any:
        return getattr(self.np, name, None) or getattr(self.arrays, name)


# ---------------------------------------------------------------- what goes in


def fitting_all(arguments: Sequence[tuple[str, Any]], inputs: Sequence[Any]) -> list[Any]:
    """The numbers of all arguments, which must have the shapes of the examples."""
    if len(inputs) != len(arguments):
        raise TypeError(f"the program takes {len(arguments)} arguments, not {len(inputs)}")
    return [
        number
        for (name, shape), x in zip(arguments, inputs, strict=True)
        for number in fitting(name, shape, x)
    ]


def as_floats(arguments: Sequence[tuple[str, Any]], inputs: Sequence[Any]) -> Sequence[Any]:
    """The arguments with floats in the place of other numbers; as they are, if some are arrays."""
    numbers = iter(fitting_all(arguments, inputs))
    floats = [map_leaves(shape, lambda _: next(numbers)) for _, shape in arguments]
    return floats if all(type(x) is float for x in flatten(floats)) else inputs


def fitting(name: str, shape: Any, x: Any) -> list[Any]:
    """The numbers of an argument, which must have the shape of the example."""
    if isinstance(shape, Quantity):
        if is_number(x):
            return [real(x)]
        if getattr(getattr(x, "dtype", None), "kind", "") in "biuf" and hasattr(x, "ndim"):
            return [x]
        raise TypeError(f"the argument {name} must be a number, not {type(x).__name__} {x!r:.60}")
    if isinstance(x, (str, bytes)) or not hasattr(x, "__len__") or len(x) != len(shape):
        given = f"{len(x)} entries" if hasattr(x, "__len__") else f"{type(x).__name__} {x!r:.60}"
        raise TypeError(f"the argument {name} must be a list of {len(shape)}, not {given}")
    return [
        number
        for i, (s, part) in enumerate(zip(shape, x, strict=True))
        for number in fitting(f"{name}[{i}]", s, part)
    ]


def as_arrays(shape: Any, x: Any) -> Any:
    """An argument with arrays of floats in the place of numbers."""
    import numpy as np

    if not isinstance(shape, Quantity):
        return [as_arrays(s, part) for s, part in zip(shape, x, strict=True)]
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(float)


def atomic() -> list[str]:
    """The functions of one argument or two that formulas may be left with."""
    return [row.name for row in TABLE if hasattr(REALS, row.name) and not row.variadic]
