"""`fuse`: a function of Tensors as one node, computed by straight-line code.

The first call on arrays of some shapes records the function, as `record` does, and writes its
forward and its backward pass as NumPy calls on arrays made once. Each further call runs the code
and makes a single node, so that a network with its loss costs little more than its matrix
products, while ``backward()``, `gradient` and all else work as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any
from weakref import ref

import numpy as np

from ..forks import lock
from ..gradient import gradient
from ..modes import TAPE, active, anomaly
from ..tensor.arrays import FLOATS, Array, quiet
from ..tensor.mathematics import TENSORS
from ..tensor.operands import floating, numbers
from ..tensor.tensor import Tensor, constant, node
from .buffered import Buffered
from .buffers import homes_of
from .derive import Derived
from .effects import EffectError, unasked
from .names import function
from .recording import Recording
from .surroundings import RestlessError, restless
from .twice import recorded_twice
from .watching import recorded

following = quiet(next)
MOST = 8  # sets of arrays of one plan: one is in use from the forward to the backward pass


class Fused:
    """A function that makes one node of all that it computes.

    Args:
        f: a function of Tensors or arrays that returns one Tensor. As in a recorded program, what
            it does must not depend on the numbers, and leaves that it finds outside of itself,
            such as a network's parameters, are read at each call. If flags and settings that it
            finds have changed, it is recorded anew.
        strict: whether a function that cannot be recorded is refused, not computed as it is; as it
            is computed then also one that does more than compute.
    """

    def __init__(self, f: Callable[..., Any], strict: bool = True) -> None:
        self.f, self.strict = f, strict
        self.plans: dict[Any, Plan | None] = {}
        self.last: Plan | None = None
        self.__name__ = getattr(f, "__name__", "fused")
        self.__doc__ = f.__doc__
        self.__wrapped__ = f

    def __copy__(self) -> Fused:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Fused, (self.f, self.strict)

    def __call__(self, *args: Any) -> Any:
        """The function's result, as one node."""
        if active and (TAPE.get() is not None or anomaly()):
            return self.f(*args)
        try:
            given = tuple([x if isinstance(x, Tensor) else beside(x, args) for x in args])
        except TypeError:
            if self.strict:
                raise
            return self.f(*args)
        key = [(x._data.shape, x._data.dtype, x._needs) for x in given]
        plan = self.last
        if plan is None or plan.key != key or not plan.around.hold():
            plan = self.last = self.plan(key, given)
        lease = plan.lease() if plan is not None else None
        if plan is None or lease is None:
            return self.f(*args)
        every = given + plan.captured
        lease += [x._data for x in every]
        return node(plan, every, (), lease.forward(), lease)

    def plan(self, kinds: list[Any], given: Sequence[Tensor]) -> Plan | None:
        """The plan for arguments of these kinds; None if they are computed without."""
        key = tuple(kinds)
        plan = self.plans.get(key)
        if plan is not None and not plan.around.hold():
            del self.plans[key]
        if key not in self.plans:
            try:
                with nullcontext() if self.strict else unasked():
                    self.plans[key] = Plan(self, kinds, given)
            except (RestlessError, EffectError):
                if self.strict:
                    raise
                self.plans[key] = None
            except Exception:  # the function itself may raise it
                if self.strict:
                    raise
                return None
        return self.plans[key]


def beside(x: Any, args: Sequence[Any]) -> Tensor:
    """A plain argument as a Tensor: whole numbers as they are, others in the Tensors' precision.

    Raises:
        TypeError: if it does not consist of real numbers.
    """
    if not isinstance(x, (np.ndarray, np.generic)):
        array = floating(x, None)
        x = np.asarray(x) if np.asarray(x).dtype.kind in "biu" else array
    if x.dtype.kind in "biu":
        return constant(np.asarray(x))
    kinds = [y._data.dtype for y in args if isinstance(y, Tensor) and y._data.dtype in FLOATS]
    return constant(numbers(x, kinds[0]) if kinds else floating(x, None))


def fuse(f: Callable[..., Any]) -> Fused:
    """The function f of Tensors, as a function that makes one node: see `Fused`.

    >>> @fuse
    ... def objective(x, y):
    ...     return ((x.tanh() - y) ** 2).mean()
    >>> x = Tensor([0.0, 1.0])
    >>> loss = objective(x, [1.0, 1.0])
    >>> loss.backward()
    >>> x.grad.round(3)
    array([-1. , -0.1])
    """
    return Fused(f)


class Plan:
    """A function recorded for arrays of certain shapes; the rule of the nodes that it makes."""

    arity, variadic = 0, False

    def __init__(self, fused: Fused, key: list[Any], given: Sequence[Tensor]) -> None:
        self.fused, self.key = fused, key
        self.name = self.op = self.sign = fused.__name__
        inputs = [stand_in(x) for x in given]

        def run(first: Recording | None) -> tuple[Any, Recording]:
            recording = Recording(inputs, True, first)

            def within() -> Any:
                y = fused.f(*inputs)
                return y, recording.finish([y]) if isinstance(y, Tensor) else [None]

            return (recording, *recorded(recording, within)), recording

        self.around, (recording, y, (output,)) = recorded_twice(fused.f, run)
        if not isinstance(y, Tensor):
            raise TypeError(f"a fused function returns one Tensor, not {type(y).__name__}")
        if recording.draws:
            raise restless("a fused function draws random numbers", repr(fused.f)[:60])
        if any(p.written for p in recording.places.values()):
            raise TypeError("a fused function assigns nothing: record() a whole training step")
        self.inputs = inputs
        held = [p.owner for p in recording.places.values() if p.start is not None]
        outside = [x for x in held if isinstance(x, Tensor)]
        self.constants = [x for x in outside if not x._needs]
        self.captured = tuple(
            dict.fromkeys(x if x._buffer is None else x._buffer.whole for x in outside if x._needs)
        )
        start = recording.add(recording.op_like(y._data))
        start.label = "g"
        through = recording.through(recording.below(y))
        event = recording.pass_back(output, start, through, accumulating=False)
        slopes = [recording.slope(event, x) for x in (*inputs, *self.captured)]
        recording.name()
        self.derived = Derived(recording, [output, *slopes])
        self.output, *self.gradients = self.derived.results
        self.start = self.derived.env[start]
        recording.forget()
        self.arenas: list[Arena] = []
        self.lock = lock()

    def lease(self) -> Lease | None:
        """A set of arrays to compute in; None if too many are in use."""
        with self.lock:
            for arena in self.arenas:
                if arena.lease() is None:
                    return Lease(arena)
            if len(self.arenas) == MOST:
                return None
            self.arenas.append(Arena(self))
            return Lease(self.arenas[-1])

    def pull(
        self, m: Any, g: Any, y: Any, args: Any, params: Any, wanted: Sequence[bool]
    ) -> list[Any]:
        """The gradients of the arguments, given that of the result."""
        if m is TENSORS:
            ours = args[: len(self.inputs)]
            again = self.fused.f(*ours)
            return gradient((again * g).sum(), list(args), create_graph=True)  # type: ignore[no-any-return]
        if not isinstance(args, Lease):  # a copy of the node
            lease = self.lease() or Lease(Arena(self))
            lease += args
            lease.forward()
            args = lease
        slopes: list[Any] = args.backward(g)
        return slopes


def stand_in(x: Tensor) -> Tensor:
    """A leaf like an argument, for the recording."""
    leaf = constant(x._data)
    leaf._needs, leaf._role = x._needs, "input" if x._needs else "constant"
    return leaf


class Arena:
    """The arrays and the code of a plan, for one forward and backward pass at a time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lease: Callable[[], Any] = lambda: None  # whose it is now
        derived = plan.derived
        ops = derived.code.ops
        homes = homes_of(derived)
        finals = [plan.output, *plan.gradients, *derived.checks]
        writer = Buffered(ops, finals, homes, {}, plan.start)
        places = {id(op.leaf): writer.array(op) for op in ops if op.leaf is not None}
        self.inputs = [
            places.get(id(x)) if x._buffer is None else None for x in (*plan.inputs, *plan.captured)
        ]
        self.outside = [
            (x, place) for x in plan.constants if (place := places.get(id(x))) is not None
        ]
        self.start = writer.array(plan.start)
        first, second = writer.lines[: writer.middle], writer.lines[writer.middle :]
        output, gradients = writer.written([plan.output]), writer.written(plan.gradients)
        both = [*first, f"yield {output}", *second, f"yield {gradients}"]
        text = function("passes", [], both)
        self.passes: Callable[[], Iterator[list[Any]]] = writer.run(text)["passes"]


class Lease(list[Array]):
    """A set of arrays in the hands of one node, which is free again when the node is gone.

    As a list, what the node was computed from.
    """

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        arena.lease = ref(self)
        self.passes = arena.passes()  # forward, then backward
        self.spent = False  # a backward pass writes over what the forward pass left

    def forward(self) -> Array:
        """Run the forward pass: the result."""
        arena = self.arena
        for place, x in zip(arena.inputs, self, strict=True):
            if place is not None:
                place[...] = x
        for leaf, place in arena.outside:
            place[...] = leaf._data
        (y,) = following(self.passes)
        return np.array(y)

    def backward(self, g: Array) -> list[Any]:
        """Run the backward pass: the gradients; those of captured leaves hold until the next."""
        arena = self.arena
        with arena.plan.lock:  # of two threads that differentiate one node
            if self.spent:  # from the beginning, wherever an interrupt has left it
                self.passes = arena.passes()
                following(self.passes)
            self.spent = True
            arena.start[...] = g
            slopes = next(self.passes)
            count = len(arena.plan.inputs)
            return [
                None if type(x) is float else x if i >= count else np.array(x)
                for i, x in enumerate(slopes)
            ]
