"""`Snapshot`: what training changes, kept so that it can be put back."""

from __future__ import annotations

from contextlib import contextmanager

from engine.state import State

from .optimisers import Optimiser, joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .module import Module
    from .schedules import Schedule


class Snapshot:
    """A model's parameters, modes and generators, and what an optimiser and a schedule keep.

    What is put back keeps its place, so that recorded programs go on reading and writing it.
    """

    def __init__(
        self, model: Module, optimiser: Optimiser | None = None, schedule: Schedule | None = None
    ) -> None:
        modules = model.modules()
        self.leaves = joined(list(model.parameters()))
        self.numbers = [(copied(p.data), copied(p.grad)) for p in self.leaves]
        self.modes = [(module, module.training) for module in modules]
        found: list[Any] = [vars(module).get("rng") for module in modules]
        generators = {id(g): g for g in found if hasattr(g, "getstate")}
        self.generators = [(g, g.getstate()) for g in generators.values()]
        self.states = [(state, copied(state.data)) for state in states(optimiser)]
        self.settings = [
            (owner, name, x)
            for owner in (optimiser, schedule)
            for name, x in (vars(owner) if owner else {}).items()
            if isinstance(x, (int, float, tuple))
        ]

    def restore(self) -> None:
        """Put everything back as it was."""
        for p, (data, grad) in zip(self.leaves, self.numbers, strict=True):
            p.data, p.grad = copied(data), copied(grad)
        for module, mode in self.modes:
            if module.training is not mode:
                module.training = mode
        for generator, state in self.generators:
            generator.setstate(state)
        for state, x in self.states:
            state.data = copied(x)
        for owner, name, x in self.settings:
            if getattr(owner, name) != x:
                setattr(owner, name, x)

    def weights(self) -> None:
        """Put only the parameters back."""
        for p, (data, _) in zip(self.leaves, self.numbers, strict=True):
            p.data = copied(data)


def states(optimiser: Optimiser | None) -> Iterator[State]:
    """What an optimiser keeps from step to step."""
    for x in vars(optimiser).values() if optimiser else ():
        if isinstance(x, State):
            yield x
        elif isinstance(x, list):
            yield from (part for part in x if isinstance(part, State))


def copied(x: Any) -> Any:
    """The number itself, a copy of an array."""
    return x.copy() if hasattr(x, "copy") else x


@contextmanager
def mode(model: Module, training: bool) -> Iterator[None]:
    """The model in training or in use, and afterwards each module as it was."""
    before = [(module, module.training) for module in model.modules()]
    try:
        for module, was in before:
            if was is not training:
                module.training = training
        yield
    finally:
        for module, was in before:
            if module.training is not was:
                module.training = was
