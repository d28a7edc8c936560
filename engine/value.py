"""`Value`: a scalar that remembers how it was made.

A node keeps its arguments and, from the moment it is made, the local derivative for each of them.
`backward` walks the graph once, from the result to the leaves, and sends to every argument
``local derivative × gradient of the result``: the chain rule.
"""

from __future__ import annotations

from itertools import repeat, starmap
from math import isfinite
from operator import attrgetter

from .backward import (
    HANDMADE,
    LOCK,
    MANY,
    NAMELESS,
    Name,
    check_gradients,
    computed,
    made,
    name,
    named,
    probe,
    push,
    sweep,
)
from .copies import Listing, adorned, attributes, fields, restore, restore_last
from .graph import topological_order
from .maths import (
    OPERATORS,
    REFLECTED,
    KindError,
    Number,
    is_number,
    on_floats,
    real,
    unfit,
)
from .modes import active, anomaly, asked, differentiating, origin, recording, tidy
from .rules import NOTHING, TABLE, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, SupportsFloat


class Value(Number):
    """A real number in a computation graph.

    Args:
        data: the number; anything that converts to a float exactly as `float` does.
        _children: for a node made by hand, the nodes that it was computed from.
        _op: for a node made by hand, the name of its operation.
        label: a name for pictures, derivations and messages.
        role: "input", "parameter" or "constant"; pictures colour leaves by it.
        scope: where in a network it belongs, such as ``layers.0.neurons.3``.

    Operators and the methods of the table (``x.exp()``, ``x.max(y)``, …) make new nodes, and
    ``y.backward()`` then adds ∂y/∂x to the ``grad`` of every leaf x that y was computed from.
    ``==`` and ``hash`` are those of the object; ``<  <=  >  >=`` compare data.

    Raises:
        TypeError: if ``data`` is not a real number.
    """

    __slots__ = (
        "_data", "_grad", "_rule", "_a", "_b", "_da", "_db", "_mark", "_name",
        "__weakref__",
    )  # fmt: skip
    __match_args__ = ("data",)

    _data: float
    _grad: float
    _rule: Any
    _a: Any
    _b: Any
    _da: Any
    _db: Any
    _mark: object
    _name: Name

    def __init__(
        self,
        data: SupportsFloat,
        _children: Iterable[Value] = (),
        _op: str = "",
        label: str = "",
        *,
        role: str = "",
        scope: str = "",
    ) -> None:
        self._data = real(data, "Value()")
        self._grad = 0.0
        if isinstance(_children, Value):
            raise TypeError("_children is a tuple of Values, such as (x,), not one Value")
        children = tuple(_children)
        self._rule = _op
        self._a = children or None
        self._b = HANDMADE if children else None
        self._da = self._db = None
        self._mark = 0 if children else None
        if role != "" and not children:
            self.role = role
        if label != "" or scope != "":
            self._name = named(text(label, "label"), text(scope, "scope"))
        for child in children:
            if not isinstance(child, Value):
                raise TypeError(f"_children must be Values, not {type(child).__name__}")

    # ------------------------------------------------------------ the number

    def _set_data(self, data: SupportsFloat) -> None:
        self._data = real(data, "Value.data")

    def _set_grad(self, grad: SupportsFloat) -> None:
        self._grad = real(grad, "Value.grad")

    def _get_grad(self) -> float:
        return getattr(self, "_grad", 0.0)  # not set before the first backward pass

    data = property(attrgetter("_data"), _set_data, doc="The number.")
    grad = property(_get_grad, _set_grad, doc="∂root/∂self, as `backward` left it.")

    def __float__(self) -> float:
        if differentiating():
            raise TypeError(
                "float() would cut the graph inside a differentiated function: use engine.sin, not "
                "math.sin, or take .data where the number is meant to be a constant"
            )
        if recording() and self.role != "constant":
            from .cuts import refuse_cut  # not needed before the first such number

            refuse_cut()
        return self._data

    def __repr__(self) -> str:
        return f"Value(data={self._data}, grad={self.grad})"

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    def __lt__(self, other: Any) -> Any:
        x = comparable(other)
        return x if x is NotImplemented else self._data < x

    def __le__(self, other: Any) -> Any:
        x = comparable(other)
        return x if x is NotImplemented else self._data <= x

    def __gt__(self, other: Any) -> Any:
        x = comparable(other)
        return x if x is NotImplemented else self._data > x

    def __ge__(self, other: Any) -> Any:
        x = comparable(other)
        return x if x is NotImplemented else self._data >= x

    # ------------------------------------------------------------ how it was made

    @property
    def args(self) -> tuple[Value, ...]:
        """The nodes it was computed from, in order; ``a * a`` has two."""
        if self._a is None:
            return ()
        if self._b is None:
            return (self._a,)
        if self._b is MANY or self._b is HANDMADE:
            return self._a  # type: ignore[no-any-return]
        return (self._a, self._b)

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivatives ∂self/∂arg, one per argument, fixed when the node was made."""
        if self._a is None:
            return ()
        if self._b is None:
            return (self._da,)
        if self._b is MANY:
            return tuple([float(d) if type(d) is int else d for d in self._da])
        if self._b is HANDMADE:
            return probe(self)
        return (self._da, self._db)

    @property
    def rule(self) -> Rule | None:
        """The row of the table that made it; None for leaves and for nodes made by hand."""
        return self._rule if isinstance(self._rule, Rule) else None

    @property
    def params(self) -> tuple[Any, ...]:
        """The parameters of its operation: the 2 of ``x ** 2``."""
        if self._a is None or not (self._b is None or self._b is MANY):
            return ()
        return self._db or ()

    @property
    def _prev(self) -> set[Value]:
        return set(self.args)

    @property
    def _op(self) -> str:
        if not isinstance(self._rule, Rule):
            return self._rule or ""
        op = self._rule.op
        return op % self.params if "%s" in op else op

    @property
    def sign(self) -> str:
        """The operation as pictures write it: "×", "tanh", "^2"; "" for a leaf."""
        if not isinstance(self._rule, Rule):
            return self._rule if self._a is not None else ""
        sign = self._rule.sign
        if "%s" not in sign:
            return sign
        return sign % tuple(f"{p:g}".replace("-", "−") for p in self.params)

    # ------------------------------------------------------------ who it is

    def _get_label(self) -> str:
        return getattr(self, "_name", NAMELESS).label

    def _set_label(self, label: str) -> None:
        name = getattr(self, "_name", NAMELESS)
        self._name = named(text(label, "label"), name.scope, name.origin)

    def _get_scope(self) -> str:
        return getattr(self, "_name", NAMELESS).scope

    def _set_scope(self, scope: str) -> None:
        name = getattr(self, "_name", NAMELESS)
        self._name = named(name.label, text(scope, "scope"), name.origin)

    label = property(_get_label, _set_label, doc="Its name in pictures, derivations and messages.")
    scope = property(_get_scope, _set_scope, doc="Its place in a network: ``layers.0.neurons.3``.")

    @property
    def role(self) -> str:
        """What it is: "input", "parameter", "constant", or "computed" if it has arguments."""
        return "computed" if self._a is not None else self._db or "input"

    @role.setter
    def role(self, role: str) -> None:
        if role not in ROLES:
            raise ValueError(f"a leaf's role is one of {', '.join(ROLES[1:])}, not {role!r}")
        if self._a is None:
            self._db = role

    @property
    def origin(self) -> str:
        """The line of user code that made it, if it was made under `detect_anomaly`."""
        return getattr(self, "_name", NAMELESS).origin

    # ------------------------------------------------------------ the backward pass

    def backward(self, seed: SupportsFloat = 1.0) -> None:
        """Add ``seed`` · ∂self/∂x to ``x.grad`` for every leaf x; set it for every other node.

        Gradients of computed nodes start from 0 each time; leaves accumulate until they are
        cleared. Linear in the size of the graph, without recursion.

        Raises:
            RuntimeError: for a node made by hand that was given no ``_backward``.
            FloatingPointError: under `detect_anomaly`, at the first gradient that is not finite.
        """
        start = real(seed, "backward()")
        with LOCK:
            nodes = computed(self)
            self._grad += start
            if anomaly():
                for node in reversed(nodes):
                    push(node)
                    check_gradients(node)
            else:
                sweep(nodes)

    def _get_backward(self) -> Callable[[], None]:
        return lambda: push(self)

    def _set_backward(self, function: Callable[[], None]) -> None:
        if not callable(function):
            raise TypeError(f"_backward must be a function, not {type(function).__name__}")
        self._rule, self._a = self._op, self.args or None  # a leaf stays one
        self._b, self._da = HANDMADE, function

    _backward = property(
        _get_backward, _set_backward, doc="Send this node's gradient one step back, by hand."
    )

    # ------------------------------------------------------------ kinds of number, copies, display

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        values = [operand(x) for x in args]
        if NotImplemented in values:
            other = args[values.index(NotImplemented)]
            error = unfit(other, row.name)
            raise KindError(*error.args) if isinstance(other, Number) else error
        make = MAKERS[row.name]
        return make(tuple(values), *params) if row.variadic else make(*values, *params)

    def _constant(self, x: float) -> Value:
        return constant(real(x))

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *(row.name for row in TABLE if not row.variadic)})

    def __copy__(self) -> Value:
        return restore(type(self), fields(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                copy = memo[id(node)] = restore(type(node), fields(node, memo))
                if extra := attributes(node):
                    from copy import deepcopy

                    adorned(copy, deepcopy(extra, memo))
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Pickle the graph node by node, arguments first, so that depth is no limit.

        Whichever node is pickled first lists all nodes below it. When the list is being written,
        each of them is asked in turn, and as its arguments are in the pickle already it need only
        name them; the `Listing` tells whose turn it is.
        """
        mark = self._mark
        if mark is None or (isinstance(mark, Listing) and mark.expects(self)):
            return restore, (type(self), fields(self))
        below = topological_order(self)[:-1]
        listing = Listing(below)
        with LOCK:
            for node in below:
                if node._a is not None:
                    node._mark = listing
        return restore_last, (below, type(self), fields(self))

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from .display import mimebundle

        return mimebundle(self)


# ---------------------------------------------------------------- operands

ROLES = ("", "input", "parameter", "constant")

UNFIT = (str, bytes, bytearray, complex, list, tuple, dict, set, frozenset, type(None))


def text(x: str, what: str) -> str:
    """``x``, if it is text."""
    if isinstance(x, str):
        return x
    raise TypeError(f"a {what} is a str, not {type(x).__name__} {x!r}")


def constant(x: float) -> Value:
    """A leaf for a number that an operator was given."""
    value: Value = Value.__new__(Value)
    value._data = x
    value._grad = 0.0
    value._rule = ""
    value._a = value._b = value._da = value._mark = None
    value._db = "constant"
    return value


def operand(x: Any) -> Any:
    """What an operator computes with: the Value itself, or a constant for a number.

    Raises TypeError for what is certainly a mistake; NotImplemented leaves it to the other side,
    as an array or a dual number knows what to do with a Value.
    """
    if type(x) is float:
        return constant(x)
    if isinstance(x, Value):
        return x
    if x is NOTHING:
        return NotImplemented
    if is_number(x):
        return constant(real(x))
    if isinstance(x, UNFIT):
        raise unfit(x, "a Value's operator")
    return NotImplemented


def comparable(x: Any) -> Any:
    """The number that a comparison uses; NotImplemented as for `operand`."""
    if isinstance(x, Value):
        return x._data
    if is_number(x) or isinstance(x, UNFIT):
        return real(x, "a comparison with a Value")
    return NotImplemented


def observe(node: Value) -> None:
    """What a new node undergoes while a mode is on."""
    tape, recorded, watched = asked()
    if tape is not None:
        tape.note(node)
    if not recorded:
        node._rule, node._grad = "", 0.0
        node._a = node._b = node._da = node._db = node._mark = None
    elif watched:
        node._name = named(node.label, node.scope, origin())
        if not isfinite(node._data):
            raise FloatingPointError(f"{name(node)} is not finite\n{made(node)}")
    elif tape is None:
        tidy()


PARTIALS: Callable[[Value], tuple[float, ...]] = vars(Value)["partials"].fget


def recompute(node: Value) -> None:
    """Check that a node's data and local derivatives still follow from its arguments.

    Raises:
        ValueError: if someone has changed ``data`` since the node was recorded.
    """
    value, partials = on_floats(node._rule, [x._data for x in node.args], node.params)
    then_partials = PARTIALS(node)  # a recording puts another property in its place
    for now, then in zip((value, *partials), (node._data, *then_partials), strict=True):
        if now != then and (now == now or then == then):
            raise ValueError(
                f"{name(node)} no longer follows from its arguments: data was changed after it "
                "was recorded; run the forward pass again"
            )


# ---------------------------------------------------------------- the table's rows on Values


class Written(dict[str, "Callable[..., Any]"]):
    """The table's rows as generated functions by name, each written when it is first needed."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        from .generate import functions  # not needed before the first operation

        try:
            MAKERS[name], FUNCTIONS[name] = functions(TABLE[name], NAMES)
        except TypeError as error:
            raise TypeError(f"the rule {name!r} does not run on formulas: {error}") from error
        return self[name]


MAKERS = Written()  # they make a node of Values and numbers
FUNCTIONS = Written()  # they take any kind of number
BLANK = starmap(Value.__new__, repeat((Value,)))  # next(BLANK) is a quick Value.__new__(Value)
NAMES: dict[str, Any] = {  # what generated code needs of the engine
    "Value": Value, "blank": BLANK, "operand": operand, "active": active,
    "observe": observe, "MANY": MANY,
}  # fmt: skip


class Method:
    """A method or operator of Value that takes its own place when it is first looked up."""

    def __init__(self, name: str, write: Callable[[], Callable[..., Any]]) -> None:
        self.name, self.write = name, write

    def __get__(self, value: Value | None, kind: type[Value]) -> Any:
        function = self.write()
        setattr(Value, self.name, function)
        return function.__get__(value, kind)


def install(row: Rule, present: bool) -> None:
    """Give Values the row as a method, and as an operator if it is written with one."""
    MAKERS.pop(row.name, None)
    FUNCTIONS.pop(row.name, None)
    if row.variadic:
        return
    if not present:
        delattr(Value, row.name)
        return

    def make() -> Callable[..., Any]:
        return MAKERS[row.name]

    method = make if row.arity == 1 else lambda: FUNCTIONS[row.name]
    setattr(Value, row.name, Method(row.name, method))
    if not row.is_built_in():
        make()  # a mistake in it shows where it is defined
    if operator := OPERATORS.get(row.name):
        setattr(Value, operator, power if row.name == "pow" else Method(operator, make))
    if operator := REFLECTED.get(row.name):
        setattr(Value, operator, Method(operator, lambda: reflected(make())))


def reflected(make: Callable[[Value, Value], Value]) -> Callable[[Value, Any], Any]:
    """The operator for a number on the left."""

    def operator(b: Value, a: Any) -> Any:
        left = operand(a)
        return left if left is NotImplemented else make(left, b)

    return operator


def power(x: Value, n: Any) -> Any:
    """``x ** n``: one argument if the exponent is a number, two if it is a Value."""
    if isinstance(n, Number):
        return MAKERS["pow"](x, n)
    return MAKERS["power"](x, n) if is_number(n) else operand(n)


TABLE.listen(install)


def softmax(xs: Any) -> Any:
    """exp(xᵢ) / Σⱼ exp(xⱼ) for every entry: one node each, over one logsumexp.

    Of a list of numbers a list, of lists of them the same in lists; of a Tensor a Tensor, of an
    array an array. It is along the last axis, whatever is given.
    """
    if hasattr(xs, "_over"):
        return xs.softmax()
    if isinstance(xs, (list, tuple)) and xs and all(hasattr(x, "__len__") for x in xs):
        return [softmax(x) for x in xs]
    if getattr(xs, "ndim", 0) and xs.dtype != object:
        from .tensor import Tensor

        return Tensor(xs, role="constant").softmax().data
    if getattr(xs, "ndim", 0) > 1:
        return [softmax(x) for x in xs]
    total = FUNCTIONS["logsumexp"](xs)
    return [FUNCTIONS["softmax_entry"](x, total) for x in xs]
