"""`Module`: anything with parameters."""

from __future__ import annotations

from engine.node import Node
from engine.state import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self

    from engine import Value

    Path = tuple["Path", object] | None  # the way to an attribute, from its last step to its first


class Module:
    """Something that computes with parameters.

    A subclass computes in ``__call__``. Its parameters are the leaves among its attributes, in the
    order in which the attributes were set: `Value`s and `Tensor`s whose role is not "constant",
    other modules', and those in lists, tuples and dicts, nested as you like. A subclass that knows
    better defines ``parameters`` itself, and the modules around it ask it.
    """

    training = True  # whether it behaves as in training: see `train` and `eval`

    if not TYPE_CHECKING:  # else any attribute could be set

        def __setattr__(self, name: str, x: Any) -> None:
            object.__setattr__(self, name, x)
            settings[0] += 1  # recorded programs look whether it concerns them

    def __call__(self, x: Any) -> Any:
        """The result for the input x."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__")

    def over(self, xs: Any) -> Any:
        """The results for several samples, a list."""
        return [self(x) for x in xs]

    def parameters(self) -> list[Value]:
        """The parameters in the order of their definition, each once."""
        found: dict[Value, None] = {}
        gather(self, found, set())
        return list(found)

    def named_parameters(self) -> list[tuple[str, Value]]:
        """The parameters, each with where it is, such as ``layers.0.neurons.3.w.1``."""
        found: dict[Value, Path] = {}
        visit(self, None, found, set())
        return [(dotted(path), p) for p, path in found.items()]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0.0

    def modules(self) -> list[Module]:
        """This module and all that it consists of, each once."""
        found: dict[int, Module] = {}
        seen: set[int] = set()
        waiting: list[Any] = [self]
        while waiting:
            x = waiting.pop()
            if id(x) not in seen:
                seen.add(id(x))
                if isinstance(x, Module):
                    found[id(x)] = x
                waiting += reversed([part for _, part in parts(x) if isinstance(part, COLLECTIONS)])
        return list(found.values())

    def train(self, mode: bool = True) -> Self:
        """Let it and all its modules behave as in training: dropout drops."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Let it and all its modules behave as in use: dropout lets everything pass."""
        return self.train(False)


def gather(x: Any, found: dict[Any, None], seen: set[int]) -> None:
    """Add the parameters in a module or a collection: `explore` without the paths.

    Every step of training asks for the parameters several times, so this takes no detours.
    """
    seen.add(id(x))
    entries = x if isinstance(x, (list, tuple)) else [part for _, part in parts(x)]
    for part in entries:
        if isinstance(part, Node):
            if is_parameter(part):
                found[part] = None
        elif isinstance(part, COLLECTIONS) and id(part) not in seen:
            if isinstance(part, Module) and type(part).parameters is not Module.parameters:
                found |= dict.fromkeys(part.parameters())
            else:
                gather(part, found, seen)


def is_parameter(x: Any) -> bool:
    """Whether a Value or Tensor is a leaf that can be trained."""
    return x.role in ("parameter", "input")  # the latter is that of a plain `Value(…)`


def visit(x: Any, path: Path, found: dict[Any, Path], seen: set[int]) -> None:
    """Add the parameters in ``x``, which is at ``path``, to those found."""
    if isinstance(x, Node):
        if is_parameter(x):
            found.setdefault(x, path)
    elif isinstance(x, Module) and type(x).parameters is not Module.parameters:
        inside: dict[Value, Path] = {}
        explore(x, path, inside, seen)
        for i, p in enumerate(x.parameters()):
            found.setdefault(p, inside.get(p, ((path, "parameters"), i)))
    else:
        explore(x, path, found, seen)


def explore(x: Any, path: Path, found: dict[Value, Path], seen: set[int]) -> None:
    """Visit what a module or a collection consists of, once: it may refer to what it is part of."""
    if id(x) not in seen:
        seen.add(id(x))
        for key, part in parts(x):
            visit(part, (path, key), found, seen)


def parts(x: Any) -> Iterable[tuple[object, Any]]:
    """What ``x`` consists of, each part with its name or place."""
    if isinstance(x, (list, tuple)):
        return enumerate(x)
    if isinstance(x, Module):
        return vars(x).items()
    return x.items() if isinstance(x, dict) else ()


def dotted(path: Path) -> str:
    """A path as text."""
    steps = []
    while path:
        path, step = path
        steps.append(str(step))
    return ".".join(reversed(steps))


COLLECTIONS = (Module, list, tuple, dict)  # what `parts` takes apart
WATCHERS: list[Callable[[Any, Any], None]] = []  # called with each layer and its outputs
