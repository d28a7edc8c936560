"""Recording: a function runs once, on ordinary `Value`s, and a `Tape` notes what it does.

While a tape is on, it takes the place of a few methods of `Value`. What a program could not know
when it runs again is refused (``.data``, ``float()``, ``bool()`` of a number that was computed);
a comparison becomes a guard; and the numbers that live outside of the function, those of its
parameters, their gradients and an optimiser's `State`, become *places*, which a program reads when
it starts and writes when it is done. When no tape is on, none of this costs anything.
"""

from __future__ import annotations

import sys

from ..backward import computed
from ..modes import ONE_RECORDING, TAPE, Recorded, is_ours, origin, tidy
from ..node import describe
from ..numbers import Number, is_number, real, unfit
from ..operators import NAMES
from ..rowcode import functions
from ..rule import NOTHING, Rule
from ..state import Drawn, State
from ..value import Value
from .formulas import COPY, Quantity, Recipe, recipe
from .surroundings import restless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from ..targets import Targets

    R = TypeVar("R")

COMPARISONS = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}


class Place:
    """A number outside of the function: ``owner._data`` or ``owner._grad``.

    Attributes:
        start: the quantity that is read there, if it is read before it is written.
        now: the quantity or constant that is there at this point of the recording.
    """

    __slots__ = ("owner", "attribute", "start", "now", "written")

    def __init__(self, owner: Any, attribute: str) -> None:
        self.owner, self.attribute = owner, attribute
        self.start: Quantity | None = None
        self.now: Any = None
        self.written = False

    def key(self) -> tuple[int, str]:
        """Which place it is."""
        return id(self.owner), self.attribute

    def read(self) -> Any:
        """The quantity that is there now."""
        if self.now is None:
            label = self.owner.label or "p"
            label += "" if self.attribute == "_data" else "_grad"
            scope = getattr(self.owner, "scope", "")
            self.start = self.now = Quantity(label=label, scope=scope)
        return self.now

    def write(self, x: Any) -> None:
        """Put a quantity or a constant there."""
        self.now, self.written = x, True


class Applied:
    """A row was applied: its recipe, the quantities it was given, and the one it made."""

    __slots__ = ("row", "params", "args", "result", "parts")

    def __init__(self, row: Any, params: Any, args: list[Any], result: Quantity) -> None:
        self.row, self.params, self.args, self.result = row, params, args, result
        self.parts: list[Any] = []  # the quantities that a piece refers to, once it is computed

    @property
    def recipe(self) -> Recipe:
        """How it is computed."""
        return recipe(self.row, len(self.args), self.params)


class Guard:
    """Two numbers were compared: replay must find the same."""

    __slots__ = ("op", "args", "outcome")

    def __init__(self, op: str, a: Any, b: Any, outcome: bool) -> None:
        self.op, self.args, self.outcome = op, (a, b), outcome


class Required:
    """An input was taken as a target: in each run it must be one."""

    __slots__ = ("targets", "args")

    def __init__(self, targets: Targets, x: Any) -> None:
        self.targets, self.args = targets, (x,)


class ClassRule(Rule):
    """The row of the cross-entropy whose class is one of the arguments: a recording's input."""

    def __reduce__(self) -> Any:
        return "CLASS_CROSS_ENTROPY"


def chosen(m: Any, xs: Sequence[Any], t: Any) -> Any:
    """The entry of class t, which is one of 0, 1, …"""
    y = xs[-1]
    for i in range(len(xs) - 2, -1, -1):
        y = m.where(t <= i, xs[i], y)
    return y


CLASS_CROSS_ENTROPY = ClassRule(
    "class_cross_entropy",
    lambda m, xst: 0 - chosen(m, m.log_softmax(xst[:-1]), xst[-1]),
    lambda m, y, xst: [
        *(
            m.exp(x) - m.where((xst[-1] >= i) & (xst[-1] <= i), 1.0, 0.0)
            for i, x in enumerate(m.log_softmax(xst[:-1]))
        ),
        NOTHING,
    ],
    variadic=True,
    sign="cross-entropy",
)


def class_cross_entropy(xs: Sequence[Any], t: Any) -> Any:
    """The cross-entropy of logits for the class that an input of the recording is."""
    return functions(CLASS_CROSS_ENTROPY, NAMES)[0]((*xs, t))


class Backward:
    """A backward pass: from which quantity, through which rows, and what is wanted of it.

    Attributes:
        accumulating: whether it is the function's own, which adds to gradients.
        wanted: triples: the quantities that a leaf had in the graph, the gradient that it had
            before (a quantity or a number), and the quantity that is the sum.
    """

    __slots__ = ("root", "seed", "through", "accumulating", "wanted")

    def __init__(self, root: Any, seed: float, through: list[Applied], accumulating: bool) -> None:
        self.root, self.seed, self.through = root, seed, through
        self.accumulating = accumulating
        self.wanted: list[tuple[list[Quantity], Any, Quantity]] = []


class Tape:
    """What a function does with the numbers that it is given.

    Args:
        inputs: the leaves that stand for the function's arguments.
        first: the tape of the time before, which this one is to be like.
    """

    def __init__(self, inputs: Sequence[Value], first: Tape | None = None) -> None:
        self.first = first
        self.order: dict[int, Any] = {}  # of quantities, as they are met
        self.signs: list[Any] = []  # of events
        self.inputs = [Quantity(label=x.label) for x in inputs]
        self.known: dict[int, Any] = dict(zip(map(id, inputs), self.inputs, strict=True))
        self.input_ids = set(self.known)
        self.alive: list[Any] = list(inputs)  # ids stay theirs
        self.given: dict[int, Quantity] = {}  # what those are as arguments, until they are assigned
        self.events: list[Applied | Guard | Required | Backward] = []
        self.applied: dict[int, Applied] = {}
        self.leaves: dict[int, list[Quantity]] = {}  # the quantities a leaf had as an argument
        self.places: dict[tuple[int, str], Place] = {}
        self.gradients: dict[int, Any] = {}  # of nodes that are no place: a backward pass or more
        self.before: list[tuple[Any, str, Any]] = []
        self.draws: list[Drawn] = []
        self.sweeping = False

    # ------------------------------------------------------------ quantities

    def of(self, node: Value) -> Any:
        """The quantity that a node has as an argument, or a number for a constant."""
        if id(node) in self.applied:
            return self.known[id(node)]
        if node.args:
            raise ValueError(
                f"{describe(node)} was computed before the recording began, or by hand: a recorded "
                "function computes what it needs from inputs and leaves"
            )
        if id(node) in self.input_ids or id(node) in self.known:
            now = self.known[id(node)]
        elif node.role == "constant":
            return node._data
        else:
            now = self.place(node, "_data").read()
        if not isinstance(now, Quantity):
            return now
        found = self.given[id(node)] = self.as_leaf(node, now)
        return found

    def as_leaf(self, node: Value, now: Quantity) -> Quantity:
        """A quantity of the leaf's own: another leaf may have the same number."""
        mine = self.leaves.setdefault(id(node), [])
        place = self.places.get((id(node), "_data"))
        own = id(node) in self.input_ids or (place is not None and place.start is now)
        if not mine or (mine[-1] is not now and mine[-1].args != (now,)):
            mine.append(now if own else Quantity(COPY, (now,)))
        return mine[-1]

    def place(self, owner: Any, attribute: str) -> Place:
        """The place of that number."""
        where = (id(owner), attribute)
        if where not in self.places:
            self.places[where] = Place(owner, attribute)
            self.sign(*where)
            self.alive.append(owner)
            self.before.append((owner, attribute, getattr(owner, attribute, 0.0)))
        return self.places[where]

    def number(self, now: Any, data: float) -> Any:
        """A quantity as a number to compute with: a leaf that stands for it."""
        if not isinstance(now, Quantity):
            return now
        leaf = Value(data)
        self.known[id(leaf)] = now
        self.alive.append(leaf)
        return leaf

    def quantity(self, x: Any) -> Any:
        """What a number is in the program: a quantity, or itself."""
        return self.of(x) if isinstance(x, Value) else real(x)

    def draw(self, like: Any, draw: Callable[[], Any], label: str) -> Any:
        """A number that each run of the program draws anew."""
        self.draws.append(drawing(self, like, draw, label))
        return self.draws[-1].data

    # ------------------------------------------------------------ what happens

    def note(self, node: Any) -> None:
        """A row has made a node."""
        if not isinstance(node, Value):
            raise TypeError(
                "Values and Tensors do not mix in one recording: give arrays as examples for a "
                "function of Tensors, numbers and lists of numbers for one of Values"
            )
        self.alive.append(node)
        given = self.given
        args = [given.get(id(x)) or self.of(x) for x in node.args]
        if not any(isinstance(x, Quantity) for x in args):
            self.known[id(node)] = node._data
            return
        result = Quantity()
        event = Applied(node.rule, node.params, args, result)
        self.known[id(node)] = self.given[id(node)] = result
        self.applied[id(node)] = event
        self.events.append(event)
        self.sign(event.row, repr(event.params) if event.params else "", *args, result)

    def sign(self, *parts: Any) -> None:
        """Note what tells an event from others; the second time, that it is the same.

        Raises:
            RestlessError: if it is another one.
        """
        order = self.order
        sign = tuple(
            [
                order.setdefault(id(x), len(order))
                if type(x) is Quantity
                else repr(x)
                if type(x) is float
                else x
                for x in parts
            ]
        )
        self.signs.append(sign)
        if self.first is not None:
            then = self.first.signs
            at = len(self.signs) - 1
            if at >= len(then) or then[at] != sign:
                raise restless("the function computed something else when it ran again", origin())

    def fresh(self, leaf: Value) -> None:
        """The function has made a leaf of a plain number."""
        self.known[id(leaf)] = leaf._data
        self.alive.append(leaf)

    def require(self, x: Any, targets: Targets) -> bool:
        """Whether the program will check this target at each run."""
        if id(x) not in self.input_ids:
            return False
        self.events.append(Required(targets, self.of(x)))
        return True

    def compare(self, op: str, a: Any, b: Any, outcome: bool) -> None:
        """The function has compared two numbers."""
        pair = self.quantity(a), self.quantity(b)
        if any(isinstance(x, Quantity) for x in pair):
            self.events.append(Guard(op, *pair, outcome))
            self.sign(op, *pair, outcome)

    def backward(
        self, root: Value, seed: float, nodes: Sequence[Value], accumulating: bool = True
    ) -> Backward:
        """``root.backward(seed)``: it adds to the gradients of leaves, if it is the function's."""
        through = [self.applied[id(x)] for x in nodes if id(x) in self.applied]
        event = Backward(self.of(root), seed, through, accumulating)
        self.events.append(event)
        if not accumulating:
            return event
        for leaf in {id(x): x for node in (*nodes, root) for x in (*node.args, node)}.values():
            if leaf.args or id(leaf) in self.applied:
                self.gradients[id(leaf)] = (event, self.known.get(id(leaf)))
            elif id(leaf) in self.leaves:
                self.accumulate(event, leaf)
        return event

    def accumulate(self, event: Backward, leaf: Value) -> None:
        """A leaf's gradient grows by what a backward pass sends it."""
        total = Quantity(of=self.leaves[id(leaf)][0])
        if id(leaf) in self.known:
            event.wanted.append((self.leaves[id(leaf)], self.gradient(leaf), total))
            self.gradients[id(leaf)] = total
        else:
            place = self.place(leaf, "_grad")
            event.wanted.append((self.leaves[id(leaf)], place.read(), total))
            place.write(total)

    def gradient(self, node: Value) -> Any:
        """The gradient of a node that is no place, as a quantity or a number."""
        found = self.gradients.get(id(node), 0.0)
        if isinstance(found, tuple):
            event, quantity = found
            total = Quantity(of=quantity)
            event.wanted.append(([quantity], 0.0, total))
            found = self.gradients[id(node)] = total
        return found

    # ------------------------------------------------------------ reading and assigning

    def is_place(self, node: Any) -> bool:
        """Whether it is a leaf, or a state, from outside of the function."""
        if isinstance(node, State):
            return True
        return not node.args and id(node) not in self.known and node.role != "constant"

    def read(self, owner: Any, attribute: str) -> Any:
        """``owner.data`` or ``owner.grad`` while recording."""
        data = getattr(owner, attribute, 0.0)
        if self.is_place(owner) and is_number(data):
            return self.number(self.place(owner, attribute).read(), data)
        if isinstance(owner, State) or not self.follows(owner):
            return data
        if attribute == "_grad":
            return self.number(self.gradient(owner), data)
        raise self.refusal(owner, ".data")

    def assign(self, owner: Any, attribute: str, x: Any) -> None:
        """``owner.data = x`` or ``owner.grad = x`` while recording."""
        if not isinstance(x, Value) and not is_number(x):
            raise unfit(x, f"{type(owner).__name__}.{attribute[1:]}")
        self.given.pop(id(owner), None)
        if self.is_place(owner):
            place = self.place(owner, attribute)
            place.write(self.current(x))
            self.sign(*place.key(), place.now)
        elif attribute == "_grad":
            self.gradients[id(owner)] = self.current(x)
        elif id(owner) in self.input_ids or owner.args or id(owner) in self.applied:
            raise TypeError(
                f"{describe(owner)} is an input or computed: only leaves are assigned to"
            )
        else:
            self.known[id(owner)] = self.current(x)
        setattr(owner, attribute, x._data if isinstance(x, Value) else real(x))

    def current(self, x: Any) -> Any:
        """The quantity that a number is now, whether or not it is a leaf."""
        if isinstance(x, Value) and id(x) in self.known and id(x) not in self.applied:
            return self.known[id(x)]
        return self.quantity(x)

    def follows(self, node: Value) -> bool:
        """Whether a node's number will be another one when the program runs."""
        if id(node) in self.known:
            return isinstance(self.known[id(node)], Quantity)
        return node.role != "constant"

    def refusal(self, node: Value, what: str) -> TypeError:
        """The error for taking a number out of the recording."""
        return TypeError(
            f"{what} of {describe(node)} while recording: the program would keep this number for "
            "ever. Compute with the node itself (engine.sin, not math.sin), or return it and read "
            f"it outside.\n  at {origin()}"
        )

    def name(self) -> None:
        """Call the quantities what their nodes are called by now."""
        for node in self.alive:
            if id(node) in self.applied:
                result = self.applied[id(node)].result
                result.label, result.scope = node.label, node.scope

    def forget(self) -> None:
        """Let go of the function's nodes: the events are all that a program needs."""
        quantities = self.given, self.known, self.applied, self.leaves, self.gradients, self.order
        for held in (self.alive, *quantities):
            held.clear()
        self.signs.clear()
        self.first = None

    def restore(self) -> None:
        """Give all leaves and states the numbers back that they had."""
        for owner, attribute, x in reversed(self.before):
            setattr(owner, attribute, x)


# ---------------------------------------------------------------- what Values do while recording


def taped_attribute(attribute: str, original: property) -> property:
    """``data`` or ``grad``, read and assigned on the tape that is on."""

    def read(self: Any) -> Any:
        tape = TAPE.get()
        return original.__get__(self) if tape is None else tape.read(self, attribute)

    def assign(self: Any, x: Any) -> None:
        tape = TAPE.get()
        if tape is None:
            original.__set__(self, x)
        else:
            tape.assign(self, attribute, x)

    return property(read, assign)


def drawing(tape: Any, like: Any, draw: Callable[[], Any], label: str) -> Drawn:
    """The State for a draw: that of the first time, where the function runs again."""
    count = len(tape.draws)
    if tape.first is not None and count < len(tape.first.draws):
        return tape.first.draws[count]  # type: ignore[no-any-return]
    return Drawn(like, draw, label)


def refused(what: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A method that would take the number out of the recording."""

    def method(self: Value, *args: Any) -> Any:
        tape = TAPE.get()
        if tape is not None and not tape.sweeping and tape.follows(self):
            raise tape.refusal(self, what)
        return original(self, *args)

    return method


def taped_comparison(op: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison that becomes a guard."""

    def method(self: Value, other: Any) -> Any:
        outcome, tape = original(self, other), TAPE.get()
        if tape is not None and outcome is not NotImplemented:
            tape.compare(op, self, other, outcome)
        return outcome

    return method


def taped_equal(self: Any, other: Any) -> Any:
    """``==`` tells objects apart, while the function itself would compare numbers."""
    tape = TAPE.get()
    numbers = is_number(other) or (hasattr(other, "dtype") and not isinstance(other, Number))
    if tape is not None and numbers and tape.follows(self):
        raise tape.refusal(self, "comparing by == (which is that of objects; use <= and >=)")
    return NotImplemented


def taped_text(original: Callable[..., str]) -> Callable[..., str]:
    """The text of a node, without its number in messages of the engine's own."""

    def text(self: Any) -> str:
        tape = TAPE.get()
        if tape is None or not tape.follows(self):
            return original(self)
        if is_ours(sys._getframe(1)):
            return f"<recorded {type(self).__name__}>"
        raise tape.refusal(self, "the text")

    return text


def taped_backward(original: Callable[..., None]) -> Callable[..., None]:
    """A backward pass that is noted."""

    def backward(self: Value, seed: Any = 1.0) -> None:
        tape = TAPE.get()
        if tape is None:
            original(self, seed)
            return
        nodes = computed(self)
        for leaf in {id(x): x for node in nodes for x in node.args}.values():
            if tape.is_place(leaf):
                tape.place(leaf, "_grad")
        if tape.is_place(self):
            tape.of(self)
            tape.place(self, "_grad")
        tape.sweeping = True
        try:
            original(self, seed)
        finally:
            tape.sweeping = False
        tape.backward(self, real(seed), nodes)

    return backward


def taped_init(original: Callable[..., None]) -> Callable[..., None]:
    """A leaf that is made while recording is a constant of the program."""

    def init(self: Value, *args: Any, **named: Any) -> None:
        original(self, *args, **named)
        tape = TAPE.get()
        if tape is not None and not self.args:
            tape.fresh(self)

    return init


def methods() -> list[tuple[type, str, Any]]:
    """What takes the place of the methods of Values and States."""
    own = vars(Value)
    partials = own["partials"].fget
    return [
        (Value, "data", taped_attribute("_data", own["data"])),
        (Value, "grad", taped_attribute("_grad", own["grad"])),
        (State, "data", taped_attribute("_data", vars(State)["data"])),
        (Value, "partials", property(refused("the local derivatives", partials))),
        (Value, "__float__", refused("float()", own["__float__"])),
        (Value, "__bool__", refused("bool()", lambda self: True)),
        (Value, "__int__", refused("int()", lambda self: int(self._data))),
        (Value, "__format__", refused("the text", own["__format__"])),
        (Value, "__repr__", taped_text(own["__repr__"])),
        (Value, "__copy__", refused("a copy", own["__copy__"])),
        (Value, "__deepcopy__", refused("a copy", Value.__deepcopy__)),
        (Value, "__reduce_ex__", refused("a pickle", Value.__reduce_ex__)),
        (Value, "__eq__", taped_equal),
        (Value, "backward", taped_backward(own["backward"])),
        (Value, "__init__", taped_init(own["__init__"])),
        *((Value, n, taped_comparison(op, own[n])) for n, op in COMPARISONS.items()),
    ]


REPLACED: list[tuple[type, str, Any]] = []  # what classes had before a recording


def put_in_place(new: Sequence[tuple[type, str, Any]]) -> None:
    """Give classes other methods for the time of a recording."""
    for kind, attribute, method in new:
        REPLACED.append((kind, attribute, vars(kind).get(attribute)))
        setattr(kind, attribute, method)


def put_back() -> None:
    """Give the classes the methods that they had."""
    for kind, attribute, method in reversed(REPLACED):
        if method is not None:
            setattr(kind, attribute, method)
        elif attribute in vars(kind):
            delattr(kind, attribute)
    REPLACED.clear()


def recorded(tape: Any, methods: Callable[[], Any], run: Callable[[], R]) -> R:
    """Note on the tape what a function does; at the end, everything is as it was.

    Args:
        tape: what notes it; its ``restore()`` gives leaves and states their numbers back.
        methods: the methods that take the place of those of classes.
        run: the function.
    """
    if TAPE.get() is not None:
        raise RuntimeError("a recording is under way: call the function itself, not record() of it")
    try:
        with ONE_RECORDING, Recorded(tape):
            try:
                put_back()  # what an interrupt may have left
                put_in_place(methods())
                return run()
            finally:
                interrupt = None
                for _ in (1, 2, 3):  # what interrupts this is raised when it is done
                    try:
                        put_back()
                        tape.restore()
                        break
                    except BaseException as error:
                        interrupt = error
                if interrupt is not None:
                    raise interrupt
    finally:
        tidy()
