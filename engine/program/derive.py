"""From what was recorded to straight-line code: rows written out, backward passes by the rows' own
derivatives. This is the only reverse walk over programs: it pulls gradients back, from the last
row to the first, as `Rule.pull` says.
"""

from __future__ import annotations

from .code import Code
from .ops import CHECKS, VIEWS, Backward, Op, reachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Slot:
    """What a program reads at its start, and what it leaves at its end, in some owners' attribute.

    Attributes:
        owners: one; or those of single numbers that lie in an array, in its order.
        start: the Op of what is read; None if nothing needs it.
        now: the Op or number that is there at the end.
        written: whether that is to be stored.
    """

    __slots__ = ("owners", "attribute", "start", "now", "written")

    def __init__(
        self, owners: Sequence[Any], attribute: str, start: Op | None, now: Any, written: bool
    ) -> None:
        self.owners, self.attribute = owners, attribute
        self.start, self.now, self.written = start, now, written

    def __reduce__(self) -> tuple[Any, ...]:
        return Slot, (self.owners, self.attribute, self.start, self.now, self.written)


class Derived:
    """A recording as straight-line code.

    Args:
        recording: inputs, places and events: a `Recording`, or a `Batch` of one.
        results: what is returned, as the recording's Ops and numbers.

    Attributes:
        code: the Ops in order.
        inputs, results: the Ops of the arguments' leaves, and what is returned.
        slots: what is read and stored.
        sections: what the Ops from some places on belong to: "forward", "backward", "update".
        is_batch: whether numbers that are alike have become arrays.
        constants: the arrays that some given Ops then are.
    """

    def __init__(self, recording: Any, results: Sequence[Any]) -> None:
        self.is_batch = hasattr(recording, "constants")
        self.code = Code(recording.arrays)
        self.env: dict[Op, Any] = {}  # what the recording's Ops are in the code
        self.sections = {0: "forward"}
        self.inputs = [self.given(op) for op in recording.inputs]
        constants = recording.constants if self.is_batch else ()
        self.constants = [(self.given(op), array) for op, array in constants]
        starts = [p.start for p in recording.places.values() if p.start is not None]
        for op in starts:
            self.given(op)
        for event in recording.events:
            if type(event) is Op:
                self.write_out(event)
            else:
                self.section("backward")
                self.pull_back(event)
                self.section("update")
        self.results = [self.of(x) for x in results]
        slots = [
            Slot(p.owners, p.attribute, self.env.get(p.start), self.of(p.now), p.written)
            for p in recording.places.values()
        ]
        self.checks = [op for op in self.code.ops if op.name in CHECKS]
        self.results = [self.kept(x, slots) for x in self.results]
        needed = reachable([*self.finals(slots), *self.results, *self.checks])
        self.slots = [s for s in slots if s.written or s.start in needed]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"env": {}}

    def finals(self, slots: Sequence[Slot] | None = None) -> list[Any]:
        """What is stored at the end."""
        return [s.now for s in (self.slots if slots is None else slots) if s.written]

    def kept(self, x: Any, slots: Sequence[Slot]) -> Any:
        """A result; in an array of its own, if it was read from a place that is written."""
        root = x
        while type(root) is Op and root.name in VIEWS:
            root = root.args[0]
        if type(x) is Op and x.shape and any(s.written and s.start is root for s in slots):
            return self.code.mathematics.astype(x, x.dtype)
        return x

    def section(self, name: str) -> None:
        """What comes now belongs to another section."""
        self.sections[len(self.code.ops)] = name

    def given(self, op: Op) -> Op:
        """An Op that is not computed."""
        mine = self.env[op] = self.code.given(op.shape, op.dtype, op.label, op.scope)
        mine.leaf, mine.weak = op.leaf, op.weak
        return mine

    def of(self, x: Any) -> Any:
        """What an Op of the recording is in the code."""
        return self.env[x] if type(x) is Op else x

    def write_out(self, op: Op) -> None:
        """Compute what a row makes of its arguments."""
        if op.rule is None:  # another name, or what is given from here on
            self.env[op] = self.of(op.args[0]) if op.args else self.given(op)
        elif op.name in CHECKS:
            args = [self.of(x) for x in op.args]
            if any(type(x) is Op for x in args):
                self.env[op] = self.code.emit(op.rule, args, op.params)
        else:
            args = [self.of(x) for x in op.args]
            y = self.env[op] = op.rule.evaluate(self.code.mathematics, args, op.params)
            if op.label and type(y) is Op and y.rule is not None and not y.label:
                y.label, y.scope = op.label, op.scope

    def pull_back(self, event: Backward) -> None:
        """The chain rule: what is wanted of a backward pass."""
        m, first = self.code.mathematics, len(self.code.ops)
        between = {op for ops, _, _ in event.wanted for op in ops}
        through = []
        for op in event.through:
            if not between.isdisjoint(op.args):
                between.add(op)
                through.append(op)
        received: dict[Op, Any] = {}
        if type(event.root) is Op:
            seed, shape = self.of(event.seed), event.root.shape
            received[event.root] = m.broadcast_to(seed, shape) if shape else seed
        for op in reversed(through):
            g = received.get(op)
            if g is None:
                continue
            y = self.env[op]
            self.call_gradient(g, y, first)
            wanted = [x in between for x in op.args]
            args = [self.of(x) for x in op.args]
            for x, d in zip(op.args, op.rule.pull(m, g, y, args, op.params, wanted), strict=True):
                if d is not None:
                    d = self.in_precision(d, self.env[x])
                    received[x] = received[x] + d if x in received else d
        for ops, before, total in event.wanted:
            g = self.of(before)
            for op in ops:
                if op in received:
                    g = received[op] if g == 0 else g + received[op]
            if ops[0].shape and type(g) is not Op:
                g = m.broadcast_to(float(g), ops[0].shape)
            self.env[total] = g
            self.call_gradient(g, self.of(ops[0]), first)

    def in_precision(self, g: Any, x: Any) -> Any:
        """A gradient in the precision of what it is the gradient of."""
        if self.code.arrays and type(g) is Op and type(x) is Op and g.dtype != x.dtype:
            return self.code.mathematics.astype(g, x.dtype) if x.dtype.kind == "f" else g
        return g

    def call_gradient(self, g: Any, y: Any, first: int) -> None:
        """Call an Op of this backward pass the gradient of another, if it is nobody's yet."""
        if type(g) is Op and type(y) is Op and g.of is None and g.at >= first and not g.label:
            g.of = y
