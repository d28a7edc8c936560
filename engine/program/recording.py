"""Recording: a function runs once, on ordinary Values or Tensors, and what it does is noted as Ops.

What is noted are whole rows (an affine, a cross-entropy) in the order in which they happen, with
guards, checks and backward passes between them; nothing is differentiated or written out yet. The
numbers that live outside of the function, those of its parameters, their gradients and an
optimiser's `State`, become *places*, which a program reads when it starts and writes when it ends.

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
from .ops import GUARD, Op, outcome, sign
from .surroundings import restless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..targets import Targets
    from ..tensor.buffer import Buffer

    Event = "Op | Backward"


class Place:
    """Numbers outside of the function: ``owner._data`` or ``owner._grad``.

    Attributes:
        start: the Op that is read there, if it is read before it is written.
        now: the Op or number that is there at this point of the recording.
    """

    __slots__ = ("owner", "attribute", "start", "now", "written")

    def __init__(self, owner: Any, attribute: str) -> None:
        self.owner, self.attribute = owner, attribute
        self.start: Op | None = None
        self.now: Any = None
        self.written = False

    @property
    def owners(self) -> tuple[Any, ...]:
        """The one owner."""
        return (self.owner,)


class Backward:
    """A backward pass: from which Op, through which rows, and what is wanted of it.

    Attributes:
        accumulating: whether it is the function's own, which adds to gradients.
        wanted: triples: the Ops that a leaf was in the graph, the gradient that it had before (an
            Op or a number), and the Op that is the sum.
    """

    __slots__ = ("root", "seed", "through", "accumulating", "wanted")

    def __init__(self, root: Any, seed: float, through: list[Op], accumulating: bool) -> None:
        self.root, self.seed, self.through = root, seed, through
        self.accumulating = accumulating
        self.wanted: list[tuple[list[Op], Any, Op]] = []


class Recording:
    """What a function does with the numbers that it is given.

    Args:
        inputs: the leaves that stand for the function's arguments.
        arrays: whether they are Tensors; otherwise they are Values.
        first: the recording of the time before, which this one is to be like.

    Attributes:
        events: Ops and backward passes, in order.
        places: by the owner's id and the attribute.
    """

    def __init__(self, inputs: Sequence[Any], arrays: bool, first: Recording | None = None) -> None:
        self.arrays, self.first = arrays, first
        self.kind: Any = Value
        if arrays:
            from ..tensor.tensor import Tensor

            self.kind = Tensor
        self.met: list[Any] = []  # in order: Ops, and what tells assignments from others
        self.events: list[Any] = []
        self.places: dict[tuple[int, str], Place] = {}
        self.alive: list[Any] = list(inputs)  # ids stay theirs
        self.known: dict[int, Any] = {}  # the Op or number that a node is
        self.inputs = [self.input(x) for x in inputs]
        self.input_ids = set(self.known)
        self.made: set[int] = set()  # leaves that the function has made
        self.given: dict[int, Op] = {}  # what nodes are as arguments, until they are assigned
        self.leaves: dict[int, list[Op]] = {}  # the Ops that a leaf was as an argument
        self.gradients: dict[int, Any] = {}  # of nodes that are no place: a backward pass or more
        self.joins: list[Op] = []  # what puts the parts of an array together
        self.before: list[tuple[Any, str, Any]] = []
        self.draws: list[Drawn] = []
        self.sweeping = False

    # ------------------------------------------------------------ what nodes are

    def input(self, leaf: Any) -> Op:
        """The Op of an argument's leaf."""
        op = self.known[id(leaf)] = self.op_like(leaf._data)
        op.label, op.leaf = leaf.label, leaf
        self.meet(op)
        return op

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
            return float(node._data)
        else:
            now = self.held(node, "_data")
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
        mine = self.leaves.setdefault(id(node), [])
        place = self.places.get((id(node), "_data"))
        own = id(node) in self.input_ids or (place is not None and place.start is now)
        if not mine or (mine[-1] is not now and mine[-1].args != (now,)):
            if not own:
                now = self.add(self.op_like(node._data, None, (now,)))
            mine.append(now)
        return mine[-1]

    def add(self, op: Op) -> Op:
        """Note an operation."""
        self.events.append(op)
        self.meet(op)
        return op

    def row(self, name: str, args: Sequence[Any], *params: Any) -> Op:
        """Note an operation on whole arrays that is not a node's."""
        rule = ARRAY_TABLE[name]
        shape, dtype = outcome(rule, args, params)
        return self.add(Op(None, rule, tuple(args), params, shape, dtype))

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
        leaf = self.leaf(data)
        self.known[id(leaf)] = now
        self.alive.append(leaf)
        return leaf

    def leaf(self, data: Any) -> Any:
        """A leaf with those numbers."""
        if not self.arrays:
            return Value(data)
        from numpy import asarray

        from ..tensor.tensor import constant

        return constant(asarray(data))

    # ------------------------------------------------------------ places

    def place(self, owner: Any, attribute: str) -> Place:
        """The place of those numbers."""
        where = (id(owner), attribute)
        if where not in self.places:
            self.places[where] = Place(owner, attribute)
            self.alive.append(owner)
            if not self.arrays:
                self.before.append((owner, attribute, getattr(owner, attribute, 0.0)))
        return self.places[where]

    def held(self, owner: Any, attribute: str) -> Any:
        """The Op or number that is there now."""
        place = self.place(owner, attribute)
        if place.now is None:
            if (buffer := whole_of(owner)) is not None:
                return self.joined(buffer, attribute)
            place.start = place.now = self.start(owner, attribute)
        return place.now

    def start(self, owner: Any, attribute: str) -> Op:
        """The Op of what is there when the program starts."""
        op = Op(None)
        if self.arrays:
            from numpy import asarray, dtype, zeros_like

            data = getattr(owner, attribute)
            array = zeros_like(owner._data) if data is None else asarray(data)
            is_data = attribute == "_data" and isinstance(owner, self.kind)
            kept = is_data or array.dtype.kind == "f"
            op.shape, op.dtype = array.shape, array.dtype if kept else dtype("float64")
            op.weak = isinstance(owner, State) and not array.shape
        word = owner.label or ("" if self.arrays else "p")
        op.label = word + ("" if attribute == "_data" else "_grad")
        op.scope = getattr(owner, "scope", "")
        if attribute == "_data" and isinstance(owner, self.kind):
            op.leaf = owner
        else:
            op.params = (id(owner), attribute)
        self.meet(op)
        return op

    def write(self, owner: Any, attribute: str, now: Any) -> None:
        """Put an Op or a number there."""
        place = self.place(owner, attribute)
        place.now, place.written = now, True
        self.meet((*(id(owner), attribute), at(now)))
        if attribute == "_data":
            self.given.pop(id(owner), None)
        buffer = getattr(owner, "_buffer", None)
        if buffer is not None and owner is buffer.whole:
            start = 0
            for view in buffer.views:
                part = now
                if type(now) is Op and now.shape:
                    part = self.row("index", [now], slice(start, start + view.size))
                    part = self.row("reshape", [part], view.shape)
                mine = self.place(view, attribute)
                mine.now, mine.written = part, True
                self.given.pop(id(view), None)
                start += view.size
        elif buffer is not None and (id(buffer.whole), attribute) in self.places:
            self.places[id(buffer.whole), attribute].now = None  # what its parts are by now

    def joined(self, buffer: Buffer, attribute: str) -> Op:
        """An array of which Tensors are views, as its parts end to end."""
        first, parts = len(self.events), []
        for view in buffer.views:
            part = self.of(view) if attribute == "_data" else self.held(view, attribute)
            if type(part) is not Op:
                part = self.row("broadcast_to", [part], view.shape)
                part.dtype = view.dtype
            parts.append(self.row("reshape", [part], (view.size,)))
        whole = self.row("concatenate", parts, 0)
        self.joins += self.events[first:]
        return whole

    def is_place(self, node: Any) -> bool:
        """Whether it is a leaf, or a state, from outside of the function."""
        if isinstance(node, State):
            return True
        if node.args or id(node) in self.known or id(node) in self.made:
            return False
        return node.role != "constant"  # type: ignore[no-any-return]

    def parameters(self) -> list[Any]:
        """The leaves from outside of the function that have a gradient, in order of use."""
        held = [p for p in self.places.values() if p.attribute == "_data" and p.start is not None]
        return [
            p.owner
            for p in held
            if isinstance(p.owner, self.kind)
            and p.owner.role != "constant"
            and id(p.owner) not in self.made
        ]

    # ------------------------------------------------------------ what happens

    def note(self, node: Any) -> None:
        """A row has made a node."""
        if not isinstance(node, self.kind):
            raise KindError(
                "Values and Tensors do not mix in one recording: give arrays as examples for a "
                "function of Tensors, numbers and lists of numbers for one of Values"
            )
        self.alive.append(node)
        given, of = self.given.get, self.of
        args = tuple([given(id(x)) or of(x) for x in node.args])
        for x in args:
            if type(x) is Op:
                break
        else:
            if not (self.arrays and node.shape):
                self.known[id(node)] = float(node._data)
                return
        op = self.op_like(node._data, node.rule, args)
        op.params = node.params
        self.known[id(node)] = self.given[id(node)] = op
        self.events.append(op)
        self.meet(op)

    def meet(self, x: Any) -> None:
        """Note something in its turn; the second time, that it is the same.

        Raises:
            RestlessError: if it is something else.
        """
        n = len(self.met)
        self.met.append(x)
        if type(x) is Op:
            x.at = n
        if self.first is not None:
            then = self.first.met
            if n >= len(then) or not alike(x, then[n]):
                raise restless("the function computed something else when it ran again", origin())

    def finish(self, results: Sequence[Any]) -> list[Any]:
        """Close the recording: the Ops or numbers of what is returned."""
        found = [x if x is None else self.quantity(x) for x in results]
        for place in list(self.places.values()):
            buffer = getattr(place.owner, "_buffer", None)
            if buffer is None or not place.written:
                continue
            whole = self.place(buffer.whole, place.attribute)
            if whole.written or place.attribute == "_grad":
                if whole.now is None:
                    whole.now = self.joined(buffer, place.attribute)
                whole.written = True
        for place in self.places.values():  # what is written as a whole is not written in parts
            buffer = getattr(place.owner, "_buffer", None)
            if buffer is not None and place.owner is buffer.whole and place.written:
                for view in buffer.views:
                    if (id(view), place.attribute) in self.places:
                        self.places[id(view), place.attribute].written = False
        self.meet(("returned", *map(at, found)))
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
            op = Op(None, GUARD, pair)
            op.params = (comparison, outcome)
            self.add(op)

    def draw(self, like: Any, draw: Callable[[], Any], label: str) -> Any:
        """A number or array that each run of the program draws anew."""
        count = len(self.draws)
        again = self.first is not None and count < len(self.first.draws)
        state = self.first.draws[count] if again else Drawn(like, draw, label)  # type: ignore[union-attr]
        self.draws.append(state)
        return state.data

    # ------------------------------------------------------------ backward passes

    def below(self, root: Any) -> list[Any]:
        """The computed nodes below a root and the root, arguments before results."""
        if self.arrays:
            return [x for x in topological_order(root) if x.args]
        return computed(root)

    def pass_back(
        self, root: Any, seed: Any, nodes: Sequence[Any], accumulating: bool = True
    ) -> Backward:
        """Note a backward pass from an Op, through what nodes stand for."""
        through = [op for x in nodes if type(op := self.known.get(id(x))) is Op]
        event = Backward(root, seed, [*self.joins, *through], accumulating)
        self.events.append(event)
        return event

    def backward(self, root: Any, seed: float, nodes: Sequence[Any]) -> None:
        """``root.backward(seed)``: it adds to the gradients of leaves."""
        event = self.pass_back(self.of(root), seed, nodes)
        leaves: dict[int, Any] = {}
        for x in (root, *(x for node in nodes for x in (*node.args, node))):
            if x.args:
                self.gradients[id(x)] = (event, self.known.get(id(x)))
            else:
                buffer = whole_of(x)
                leaves |= {id(part): part for part in (buffer.views if buffer else [x])}
        for leaf in leaves.values():
            if id(leaf) in self.leaves:
                self.accumulate(event, leaf)

    def accumulate(self, event: Backward, leaf: Any) -> None:
        """A leaf's gradient grows by what a backward pass sends it."""
        mine = self.leaves[id(leaf)]
        total = self.op_of_gradient(mine[0])
        if id(leaf) in self.known or id(leaf) in self.made:
            event.wanted.append((mine, self.gradient(leaf), total))
            self.gradients[id(leaf)] = total
        else:
            event.wanted.append((mine, self.held(leaf, "_grad"), total))
            self.write(leaf, "_grad", total)

    def slope(self, event: Backward, leaf: Any) -> Op:
        """The gradient of a leaf, in a backward pass of its own."""
        if (buffer := whole_of(leaf)) is not None:
            parts = [
                self.row("reshape", [self.slope(event, view)], (view.size,))
                for view in buffer.views
            ]
            return self.row("concatenate", parts, 0)
        ops = self.leaves.get(id(leaf))
        if ops is None:
            ops = [self.known[id(leaf)] if id(leaf) in self.known else self.held(leaf, "_data")]
        event.wanted.append((ops, 0.0, self.op_of_gradient(ops[0])))
        return event.wanted[-1][2]

    def op_of_gradient(self, op: Op) -> Op:
        """The Op for a gradient of an Op, which a backward pass will find out."""
        total = Op(None, None, (), (), op.shape, op.dtype)
        total.of = op
        return total

    def gradient(self, node: Any) -> Any:
        """The gradient of a node that is no place, as an Op or a number."""
        found = self.gradients.get(id(node), 0.0)
        if isinstance(found, tuple):
            event, op = found
            found = self.gradients[id(node)] = self.op_of_gradient(op)
            event.wanted.append(([op], 0.0, found))
        return found

    # ------------------------------------------------------------ reading and assigning

    def read(self, owner: Any, attribute: str, original: Callable[[Any], Any]) -> Any:
        """``owner.data`` or ``owner.grad`` while recording."""
        if self.is_place(owner):
            data = getattr(owner, attribute, 0.0)
            if data is None:
                data = original(owner)
            if is_number(data) or hasattr(data, "shape"):
                return self.stand_in(self.held(owner, attribute), data)
            return data
        if isinstance(owner, State) or not self.follows(owner):
            return original(owner)
        if attribute == "_grad":
            return self.stand_in(self.gradient(owner), original(owner))
        raise self.refusal(owner, ".data")

    def assign(self, owner: Any, attribute: str, x: Any) -> None:
        """``owner.data = x`` or ``owner.grad = x`` while recording."""
        if not isinstance(x, self.kind) and not is_number(x):
            if self.arrays:
                raise TypeError(f"a recorded step assigns what it computed, not {type(x).__name__}")
            raise unfit(x, f"{type(owner).__name__}.{attribute[1:]}")
        now = self.current(x)
        if self.is_place(owner):
            self.write(owner, attribute, now)
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

    def refusal(self, node: Any, what: str) -> TypeError:
        """The error for taking a number out of the recording."""
        return TypeError(
            f"{what} of {describe(node)} while recording: the program would keep this number for "
            "ever. Compute with the node itself (engine.sin, not math.sin), or return it and read "
            f"it outside.\n  at {origin()}"
        )

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
            if place.attribute != "_data" or not place.written:
                continue
            new = resolved(place.now)
            if type(new) is not Op or new.rule is None or new.label:
                continue
            if place.start is not None or self.arrays:
                new.label = f"new_{place.start.label if place.start is not None else 'data'}"
                new.scope = getattr(place.owner, "scope", "")

    def forget(self) -> None:
        """Let go of the function's nodes: the events are all that a program needs."""
        kept = self.alive, self.known, self.made, self.given, self.leaves, self.gradients, self.met
        for held in kept:
            held.clear()
        self.first = None

    def restore(self) -> None:
        """Give all leaves and states the numbers back that they had."""
        for owner, attribute, x in reversed(self.before):
            setattr(owner, attribute, x)


def resolved(x: Any) -> Any:
    """The Op, or the number, that an Op is another name for."""
    while type(x) is Op and x.rule is None and x.args:
        x = x.args[0]
    return x


def whole_of(owner: Any) -> Buffer | None:
    """The buffer of which a leaf is the whole; else None."""
    buffer = getattr(owner, "_buffer", None)
    return buffer if buffer is not None and owner is buffer.whole else None


def at(x: Any) -> Any:
    """What tells an Op of a recording, or a number, from others."""
    return x.at if type(x) is Op else repr(x)


def alike(x: Any, y: Any) -> bool:
    """Whether what two recordings met at the same point is the same."""
    if type(x) is not Op or type(y) is not Op:
        return bool(x == y)
    if x.rule is not y.rule or len(x.args) != len(y.args):
        return False
    for a, b in zip(x.args, y.args, strict=True):
        if type(a) is Op is type(b):
            if a.at != b.at:
                return False
        elif a is not b and repr(a) != repr(b):
            return False
    if x.params and list(map(sign, x.params)) != list(map(sign, y.params)):
        return False
    return x.leaf is y.leaf or made_alike(x.leaf, y.leaf)


def made_alike(x: Any, y: Any) -> bool:
    """Whether two Tensors hold the same: the function made one each time it ran."""
    if x is None or y is None or not (hasattr(x, "_needs") and hasattr(y, "_needs")):
        return False
    ours, theirs = x._data, y._data
    return (ours.shape, ours.dtype, x._needs) == (theirs.shape, theirs.dtype, y._needs) and bool(
        ours.tobytes() == theirs.tobytes()
    )
