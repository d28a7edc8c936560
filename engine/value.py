"""`Value`: a scalar that remembers how it was made.

A node keeps its arguments and, from the moment it is made, the local derivative for each of them.
`backward` walks the graph once, from the result to the leaves, and sends to every argument
``local derivative × gradient of the result``: the chain rule.

There is no addition here and no ``tanh``: operators and functions are made of the table's rows, by
`engine.operators` and `engine.rowcode`. This is what ``a * b`` runs, and shows how a node is laid
out: ``print(engine.rowcode.source("mul"))``.
"""

from __future__ import annotations

from math import isfinite
from operator import attrgetter

from .backward import (
    FOLDED,
    HANDMADE,
    MANY,
    check_gradients,
    computed,
    is_handmade,
    probe,
    push,
    sweep,
)
from .modes import anomaly, asked, differentiating, origin, recording, tidy
from .neuron import unfold
from .node import (
    LOCK,
    Name,
    Node,
    describe,
    describe_making,
    full_label,
    leaf_role,
    named,
    stale,
    text,
)
from .numbers import give_comparisons, is_number, real, unfit
from .reals import on_floats
from .rule import NOTHING, TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, SupportsFloat


class Value(Node):
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
        "_data", "_grad", "_rule", "_a", "_b", "_da", "_db", "_mark",
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
        self._b, self._db = (MANY, HANDMADE) if children else (None, None)
        self._da = None
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
        if self._db is FOLDED:
            unfold(self)
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

    _repr_pretty_ = Node._repr_pretty_  # IPython takes it from the class that has the repr

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    # ------------------------------------------------------------ how it was made

    @property
    def args(self) -> tuple[Value, ...]:
        """The nodes it was computed from, in order; ``a * a`` has two."""
        if self._db is FOLDED:
            unfold(self)
        if self._a is None:
            return ()
        if self._b is None:
            return (self._a,)
        if self._b is MANY:
            return self._a  # type: ignore[no-any-return]
        return (self._a, self._b)

    @property
    def partials(self) -> tuple[float, ...]:
        """The local derivatives ∂self/∂arg, one per argument, fixed when the node was made."""
        if self._db is FOLDED:
            unfold(self)
        if self._a is None:
            return ()
        if self._b is None:
            return (self._da,)
        if self._db is HANDMADE:
            return probe(self)
        if self._b is MANY:
            return tuple([float(d) if type(d) is int else d for d in self._da])
        return (self._da, self._db)

    @property
    def params(self) -> tuple[Any, ...]:
        """The parameters of its operation: the 2 of ``x ** 2``."""
        alone = self._a is None or (self._b is not None and self._b is not MANY)
        if alone or self._db is HANDMADE or self._db is FOLDED:
            return ()
        return self._db or ()

    # ------------------------------------------------------------ who it is

    @property
    def role(self) -> str:
        """What it is: "input", "parameter", "constant", or "computed" if it has arguments."""
        return "computed" if self._a is not None else self._db or "input"

    @role.setter
    def role(self, role: str) -> None:
        checked = leaf_role(role)
        if self._a is None:
            self._db = checked

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
        self._rule, self._a, self._da = self._op, self.args or None, function
        if self._a is not None:  # a leaf stays one
            self._b, self._db = MANY, HANDMADE

    _backward = property(
        _get_backward, _set_backward, doc="Send this node's gradient one step back, by hand."
    )

    # ------------------------------------------------------------ kinds of number, copies, display

    def _constant(self, x: float) -> Value:
        return constant(real(x))

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *(row.name for row in TABLE if not row.variadic)})

    def _fields(self) -> tuple[Any, ...]:
        if is_handmade(self):
            raise TypeError(
                f"{describe(self)} was made by hand: its _backward belongs to this very graph and "
                "can be neither copied nor pickled; add the operation with engine.rule(…) instead"
            )
        if self._db is FOLDED:
            unfold(self)
        return self._data, self.grad, self._rule, self._b is MANY, self._da, self._db

    def _restore(self, fields: tuple[Any, ...], args: tuple[Any, ...]) -> None:
        self._data, self._grad, self._rule, many, self._da, self._db = fields
        self._a, self._b = (args, MANY) if many else (*args, None, None)[:2]
        self._mark = 0 if args else None

    def _shown(self) -> str:
        return f"{self._data:g}"

    def _shown_as_operand(self) -> str:
        return f"{full_label(self) or self._op or self.role} = {self._data!r}"


# ---------------------------------------------------------------- operands

UNFIT = (str, bytes, bytearray, complex, list, tuple, dict, set, frozenset, type(None))


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


def comparison(operator: Callable[[float, float], bool]) -> Callable[[Value, Any], Any]:
    """The method that compares the data; it gives NotImplemented as `operand` does."""

    def compare(self: Value, other: Any) -> Any:
        if isinstance(other, Value):
            return operator(self._data, other._data)
        if is_number(other) or isinstance(other, UNFIT):
            return operator(self._data, real(other, "a comparison with a Value"))
        return NotImplemented

    return compare


give_comparisons(Value, comparison)


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
            raise FloatingPointError(f"{describe(node)} is not finite\n{describe_making(node)}")
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
            raise stale(node)
