"""Recording: a function runs once, on ordinary Values or Tensors, and what it does is noted as Ops.

What is noted are whole rows (an affine, a cross-entropy) in the order in which they happen, with
guards, checks and backward passes between them; nothing is differentiated or written out yet. The
numbers that live outside of the function, those of its parameters, their gradients and an
optimiser's `State`, are *places* (`engine.program.places`).

What could not be known when the program runs again is refused: ``.data``, ``float()``, ``bool()``
of a number that was computed. See `engine.program.watching` for how the recording comes to know.
"""

from __future__ import annotations

from ..backward import computed
from ..graph import topological_order
from ..modes import origin
from ..node import describe
from ..numbers import KindError, is_number, real, unfit
from ..rule import ARRAY_TABLE
from ..state import Drawn, State
from ..value import Value
from .ops import GUARD, Backward, Op, outcome, resolved
from .places import Places, whole_of
from .twice import Course

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..targets import Targets

KEPT = (
    "the program would keep this number for ever. Compute with the node itself (engine.sin, not "
    "math.sin), or return it and read it outside."
)
NOT_FOLLOWED = (
    "the function makes it of plain numbers, and the program does not follow its gradient. Make "
    "it outside of the function, or take it as an argument."
)


class Recording:
    """What a function does with the numbers that it is given.

    Args:
        inputs: the leaves that stand for the function's arguments.
        arrays: whether they are Tensors; otherwise they are Values.
        first: the recording of the time before, which this one is to be like.

    Attributes:
        events: Ops and backward passes, in order.
        places: what is read and written outside of the function.
    """

    def __init__(self, inputs: Sequence[Any], arrays: bool, first: Recording | None = None) -> None:
        self.arrays, self.first = arrays, first
        self.kind: Any = Value
        if arrays:
            from ..tensor.tensor import Tensor

            self.kind = Tensor
        self.course: Course = Course(first.course if first is not None else None)
        self.events: list[Any] = []
        self.alive: list[Any] = list(inputs)  # ids stay theirs
        self.places = Places(self)
        self.known: dict[int, Any] = {}  # the Op or number that a node is
        self.inputs = [self.input(x) for x in inputs]
        self.input_ids = set(self.known)
        self.made: set[int] = set()  # leaves that the function has made
        self.plain: set[int] = set()  # nodes that are plain numbers here: no gradient is followed
        self.given: dict[int, Op] = {}  # what nodes are as arguments, until they are assigned
        self.leaves: dict[int, tuple[Any, list[Op]]] = {}  # with the Ops they were as arguments
        self.gradients: dict[int, Any] = {}  # of nodes that are no place: a backward pass or more
        self.draws: list[Drawn] = []
        self.sweeping = False

    # ------------------------------------------------------------ what nodes are

    def input(self, leaf: Any) -> Op:
        """The Op of an argument's leaf."""
        op = self.op_like(leaf._data)
        op.label, op.leaf = leaf.label, leaf
        found: Op = self.course.meet(op)
        self.known[id(leaf)] = found
        return found

    def op_like(self, data: Any, rule: Any = None, args: tuple[Any, ...] = ()) -> Op:
        """A new Op of that shape and type."""
        if not self.arrays:
            return Op(None, rule, args)
        return Op(None, rule, args, (), data.shape, data.dtype)

    def of(self, node: Any) -> Any:
        """The Op that a node is as an argument, or a number for a constant."""
        found = self.given.get(id(node))
        if found is not None:
            return found
        if id(node) in self.known:
            now = self.known[id(node)]
        elif node.args:
            return self.earlier(node)
        elif not (self.arrays and node.shape) and not self.is_place(node):
            self.plain.add(id(node))
            return float(node._data)
        else:
            now = self.places.read(node, "_data")
        if type(now) is not Op or (self.arrays and not node._needs) or whole_of(node):
            return now
        found = self.given[id(node)] = self.as_leaf(node, now)
        return found

    def earlier(self, node: Any) -> Any:
        """The Op of a node that was computed before the recording began."""
        if not self.arrays:
            raise ValueError(
                f"{describe(node)} was computed before the recording began, or by hand: a recorded "
                "function computes what it needs from inputs and leaves"
            )
        for x in topological_order(node):
            if x.args and id(x) not in self.known:
                self.note(x)
        return self.known[id(node)]

    def as_leaf(self, node: Any, now: Op) -> Op:
        """An Op of the leaf's own: another leaf may have the same number."""
        _, mine = self.leaves.setdefault(id(node), (node, []))
        place = self.places.get((id(node), "_data"))
        own = id(node) in self.input_ids or (place is not None and place.start is now)
        if not mine or (mine[-1] is not now and mine[-1].args != (now,)):
            if not own:
                now = self.add(self.op_like(node._data, None, (now,)))
            mine.append(now)
        return mine[-1]

    def add(self, op: Op) -> Op:
        """Note an operation."""
        op = self.course.meet(op)
        self.events.append(op)
        return op

    def row(self, name: str, args: Sequence[Any], *params: Any) -> Op:
        """Note an operation on whole arrays that is not a node's."""
        rule = ARRAY_TABLE[name]
        return self.add(Op(None, rule, tuple(args), params, *outcome(rule, args, params)))

    def quantity(self, x: Any) -> Any:
        """What a number is in the program: an Op, or itself."""
        return self.of(x) if isinstance(x, self.kind) else real(x)

    def current(self, x: Any) -> Any:
        """What a number is now, whether or not it is a leaf."""
        if isinstance(x, self.kind) and id(x) in self.known and not x.args:
            return self.known[id(x)]
        return self.quantity(x)

    def stand_in(self, now: Any, data: Any) -> Any:
        """A number of the program as a leaf to compute with."""
        if type(now) is not Op:
            return now
        if self.arrays:
            from numpy import asarray

            from ..tensor.tensor import constant

            leaf: Any = constant(asarray(data, now.dtype))
        else:
            leaf = Value(data)
        self.known[id(leaf)] = now
        self.alive.append(leaf)
        return leaf

    def is_place(self, node: Any) -> bool:
        """Whether it is a leaf, or a state, from outside of the function."""
        if isinstance(node, State):
            return True
        if node.args or id(node) in self.known or id(node) in self.made:
            return False
        return node.role != "constant"  # type: ignore[no-any-return]

    def parameters(self) -> list[Any]:
        """The leaves from outside of the function that have a gradient, in order of use."""
        read = [p for p in self.places.values() if p.start is not None]
        held = [p.owner for p in read if p.start.leaf is not None]  # type: ignore[union-attr]
        return [x for x in held if x.role != "constant" and id(x) not in self.made]

    # ------------------------------------------------------------ what happens

    def note(self, node: Any) -> None:
        """A row has made a node."""
        if not isinstance(node, self.kind):
            raise KindError(
                "Values and Tensors do not mix in one recording: give arrays as examples for a "
                "function of Tensors, numbers and lists of numbers for one of Values"
            )
        self.alive.append(node)
        args = tuple(map(self.given.get, map(id, node.args)))
        if None in args:
            args = tuple(map(self.of, node.args))
            if not any(type(x) is Op for x in args) and not (self.arrays and node.shape):
                self.known[id(node)] = float(node._data)
                self.plain.add(id(node))
                return
        op = self.course.row(node.rule, args, node.params)
        if op is None:
            op = self.op_like(node._data, node.rule, args)
            op.params = node.params
            op = self.course.meet(op)
        self.known[id(node)] = self.given[id(node)] = op
        self.events.append(op)

    def finish(self, results: Sequence[Any]) -> list[Any]:
        """Close the recording: the Ops or numbers of what is returned."""
        found = [x if x is None else self.quantity(x) for x in results]
        self.places.settle()
        self.course.meet(("returned", *(x if type(x) is Op else repr(x) for x in found)))
        return found

    def fresh(self, leaf: Any) -> None:
        """The function has made a leaf of plain numbers."""
        self.made.add(id(leaf))
        self.alive.append(leaf)

    def require(self, x: Any, targets: Targets) -> bool:
        """Whether the program will check these targets at each run."""
        if not isinstance(x, self.kind):
            return False
        if not (self.follows(x) if self.arrays else id(x) in self.input_ids):
            return False
        op = self.op_like(x._data, ARRAY_TABLE["require"], (self.of(x),))
        op.params = (targets,)
        self.add(op)
        return True

    def compare(self, comparison: str, a: Any, b: Any, outcome: bool) -> None:
        """The function has compared two numbers."""
        pair = self.quantity(a), self.quantity(b)
        if any(type(x) is Op for x in pair):
            self.add(Op(None, GUARD, pair, (comparison, outcome)))

    def draw(self, like: Any, draw: Callable[[], Any], label: str) -> Any:
        """A number or array that each run of the program draws anew."""
        count = len(self.draws)
        again = self.first.draws[count : count + 1] if self.first is not None else []
        self.draws += again or [Drawn(like, draw, label)]
        return self.draws[-1].data

    # ------------------------------------------------------------ backward passes

    def below(self, root: Any) -> list[Any]:
        """The computed nodes below a root and the root, arguments before results."""
        if self.arrays:
            return [x for x in topological_order(root) if x.args]
        return computed(root)

    def through(self, nodes: Sequence[Any]) -> list[Op]:
        """The rows that a backward pass through nodes goes through."""
        ops = [op for x in nodes if type(op := self.known.get(id(x))) is Op]
        return [*self.places.joins, *ops]

    def reached(self, root: Any, through: Sequence[Op]) -> list[Any]:
        """The leaves that a backward pass through these rows sends something to."""
        met = {self.of(root)}.union(*[op.args for op in through])
        return [leaf for leaf, ops in self.leaves.values() if not met.isdisjoint(ops)]

    def pass_back(
        self, root: Any, seed: Any, through: list[Op], accumulating: bool = True
    ) -> Backward:
        """Note a backward pass from an Op."""
        event = Backward(root, seed, through, accumulating)
        self.events.append(event)
        return event

    def backward(self, root: Any, seed: float, nodes: Sequence[Any]) -> None:
        """``root.backward(seed)``: it adds to the gradients of leaves."""
        start, through = self.of(root), self.through(nodes)
        event = self.pass_back(start, seed, through)
        self.gradients.update((id(x), event) for x in nodes)
        for leaf in self.reached(root, through):
            self.accumulate(event, leaf)

    def accumulate(self, event: Backward, leaf: Any) -> None:
        """A leaf's gradient grows by what a backward pass sends it."""
        _, mine = self.leaves[id(leaf)]
        is_ours = id(leaf) in self.known or id(leaf) in self.made
        before = self.gradient(leaf) if is_ours else self.places.read(leaf, "_grad")
        total = self.wanted(event, list(mine), before)
        if is_ours:
            self.gradients[id(leaf)] = total
        else:
            self.places.write(leaf, "_grad", total)

    def wanted(self, event: Backward, ops: list[Op], before: Any = 0.0) -> Op:
        """An Op for a gradient, which a backward pass will find out."""
        total = Op(None, None, (), (), ops[0].shape, ops[0].dtype)
        total.of = ops[0]
        met: Op = self.course.meet(total)
        event.wanted.append((ops, before, met))
        return met

    def slope(self, event: Backward, leaf: Any) -> Op:
        """The gradient of a leaf, in a backward pass of its own."""
        if (buffer := whole_of(leaf)) is not None:
            parts = [
                self.row("reshape", [self.slope(event, view)], (view.size,))
                for view in buffer.views
            ]
            return self.row("concatenate", parts, 0)
        _, ops = self.leaves.get(id(leaf), (leaf, []))
        if not ops:
            ops = [
                self.known[id(leaf)] if id(leaf) in self.known else self.places.read(leaf, "_data")
            ]
        return self.wanted(event, ops)

    def gradient(self, node: Any) -> Any:
        """The gradient of a node that is no place, as an Op or a number."""
        found = self.gradients.get(id(node), 0.0)
        if isinstance(found, Backward):
            op = self.known[id(node)]
            found = self.wanted(found, [op]) if type(op) is Op else 0.0
            self.gradients[id(node)] = found
        return found

    # ------------------------------------------------------------ reading and assigning

    def read(self, owner: Any, attribute: str, original: Callable[[Any], Any]) -> Any:
        """``owner.data`` or ``owner.grad`` while recording."""
        if self.is_place(owner):
            data = getattr(owner, attribute, 0.0)
            if data is None:
                data = original(owner)
            if is_number(data) or hasattr(data, "shape"):
                return self.stand_in(self.places.read(owner, attribute), data)
            return data
        if attribute == "_grad":
            if id(owner) in self.plain and self.gradients:
                raise self.refusal(owner, ".grad", NOT_FOLLOWED)
            if self.follows(owner) or id(owner) in self.gradients:
                return self.stand_in(self.gradient(owner), original(owner))
        if isinstance(owner, State) or not self.follows(owner):
            return original(owner)
        raise self.refusal(owner, ".data")

    def assign(self, owner: Any, attribute: str, x: Any) -> None:
        """``owner.data = x`` or ``owner.grad = x`` while recording."""
        if not isinstance(x, self.kind) and not is_number(x):
            if self.arrays:
                raise TypeError(f"a recorded step assigns what it computed, not {type(x).__name__}")
            raise unfit(x, f"{type(owner).__name__}.{attribute[1:]}")
        now = self.current(x)
        if self.is_place(owner):
            self.places.write(owner, attribute, now)
        elif attribute == "_grad":
            self.gradients[id(owner)] = now
        elif id(owner) in self.input_ids or owner.args:
            raise TypeError(
                f"{describe(owner)} is an input or computed: only leaves are assigned to"
            )
        else:
            self.known[id(owner)] = now
            self.given.pop(id(owner), None)
        if not self.arrays:
            setattr(owner, attribute, x._data if isinstance(x, Value) else real(x))

    def follows(self, node: Any) -> bool:
        """Whether a node's number will be another one when the program runs."""
        if id(node) in self.known:
            return type(self.known[id(node)]) is Op
        return id(node) not in self.made and node.role != "constant"

    def refusal(self, node: Any, what: str, why: str = KEPT) -> TypeError:
        """The error for taking a number out of the recording."""
        return TypeError(f"{what} of {describe(node)} while recording: {why}\n  at {origin()}")

    # ------------------------------------------------------------ the end

    def name(self) -> None:
        """Call the Ops what their nodes are called by now, and give results and places names."""
        for node in self.alive:
            op = self.known.get(id(node))
            if type(op) is Op and op.rule is not None and not op.label and node.label:
                op.label, op.scope = node.label, node.scope
        for event in self.events:
            if type(event) is Backward and type(event.root) is Op:
                event.root.label = event.root.label or ("loss" if event.accumulating else "value")
        for place in self.places.values():
            new = resolved(place.now)
            if place.attribute != "_data" or not place.written or type(new) is not Op:
                continue
            if new.rule is not None and not new.label and (place.start is not None or self.arrays):
                new.label = f"new_{place.start.label if place.start is not None else 'data'}"
                new.scope = getattr(place.owner, "scope", "")

    def forget(self) -> None:
        """Let go of the function's nodes: the events are all that a program needs."""
        nodes = self.known, self.given, self.leaves, self.gradients
        for held in (self.alive, self.made, self.plain, *nodes):
            held.clear()
        self.course, self.first = Course(None), None
