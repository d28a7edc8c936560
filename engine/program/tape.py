"""Straight-line array programs: the operations that a graph of Tensors stands for, one by one.

`Op` is a quantity of a program: an array of known shape and precision that one operation computes
from others. Ops are numbers, so that rows and pullbacks are recorded by running them on Ops: the
forward pass by the rows, the backward pass by their pullbacks. Equal operations are recorded once.
Composite rows are written out in the functions that NumPy has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..broadcasting import Broadcasting, Selected, is_choice
from ..graph import topological_order
from ..numbers import OPERATORS, Number
from ..rule import ARRAY_TABLE, TABLE, ArrayRule, Rule
from ..tensor.arrays import ARRAYS, quiet
from ..tree import flatten

if TYPE_CHECKING:
    from ..tensor.arrays import Array
    from ..tensor.buffer import Buffer
    from ..tensor.tensor import Tensor

    Operand = "Op | float"

BOOL = np.dtype(bool)
OWN = {
    "astype",
    "one_hot",
    "count",
    "gather",
    "scatter_at",
    "pick_rows",
}  # with a type of their own
CONDITIONS = {"less", "less_equal", "greater", "greater_equal", "equal", "both"}


class Op(Number):
    """A quantity of an array program.

    Attributes:
        rule, args, params: the operation that computes it, from Ops and plain numbers; no rule for
            what is given: an input, a parameter or a constant.
        shape, dtype: of the array.
        leaf: for what is given, the Tensor that holds it.
        label, scope: what its node was called.
        of: for a gradient, the quantity that it is the gradient of.
        weak: whether it is a plain number, which takes on the precision of arrays that it meets.
    """

    __slots__ = (
        "tape", "rule", "args", "params", "shape", "dtype", "leaf", "label", "scope", "of",
        "weak",
    )  # fmt: skip

    def __init__(
        self,
        tape: Tape,
        rule: Rule | ArrayRule | None,
        args: Sequence[Any],
        params: Sequence[Any],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self.tape, self.rule, self.args, self.params = tape, rule, tuple(args), tuple(params)
        self.shape, self.dtype = shape, dtype
        self.leaf: Any = None
        self.label = self.scope = ""
        self.of: Op | None = None
        self.weak = False

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def sum(self) -> Any:
        """The sum of all entries."""
        return self.tape.mathematics.sum_over(self, tuple(range(self.ndim)), False)

    @property
    def name(self) -> str:
        """The name of its operation; "" for what is given."""
        return self.rule.name if self.rule else ""

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        m = next(x for x in args if isinstance(x, Op)).tape.mathematics
        if row.name in OPERATORS or row.name == "power" or row.atomic:
            return m.tape.emit(row, args, params)
        return row.evaluate(m, args, params)

    def __lt__(self, other: Any) -> Any:
        return self.tape.emit(ARRAY_TABLE["less"], (self, other))

    def __le__(self, other: Any) -> Any:
        return self.tape.emit(ARRAY_TABLE["less_equal"], (self, other))

    def __gt__(self, other: Any) -> Any:
        return self.tape.emit(ARRAY_TABLE["greater"], (self, other))

    def __ge__(self, other: Any) -> Any:
        return self.tape.emit(ARRAY_TABLE["greater_equal"], (self, other))

    def __and__(self, other: Any) -> Any:
        return self.tape.emit(ARRAY_TABLE["both"], (self, other))

    def __rand__(self, other: Any) -> Any:  # of what is decided while recording
        return self if other else False

    def __repr__(self) -> str:
        return f"<{self.name or 'given'} {self.shape}>"


class Tape:
    """The Ops of one program in the order in which they can be computed."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.known: dict[Any, Op] = {}
        self.precision = np.dtype("float64")  # of a plain number that fills an array
        self.mathematics = TapeMathematics(self)

    def given(self, shape: tuple[int, ...], dtype: Any, leaf: Any = None, label: str = "") -> Op:
        """An array that the program does not compute."""
        op = Op(self, None, (), (), shape, np.dtype(dtype))
        op.leaf, op.label = leaf, label
        op.scope = leaf.scope if leaf is not None else ""
        if op.dtype.kind == "f" and not any(x.dtype.kind == "f" for x in self.ops):
            self.precision = op.dtype
        self.ops.append(op)
        return op

    def emit(self, rule: Rule | ArrayRule, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
        """The result of an operation: a new Op, an equal one, or what it comes down to."""
        args = list(args)
        if isinstance(rule, Rule) or rule.name in CONDITIONS or rule.name == "select":
            args = without_broadcasts(self.harmonised(args))
        if (simple := simplified(self, rule, args, params)) is not None:
            return simple
        key = key_of(rule, args, params)
        hashable = not any(isinstance(part, np.ndarray) for part in flatten(params))
        if hashable and key in self.known:
            return self.known[key]
        shape, dtype = outcome(rule, args, params)
        if not any(isinstance(x, Op) for x in args) or (rule.name == "select" and dtype == BOOL):
            dtype = self.precision
        op = Op(self, rule, args, params, shape, dtype)
        op.weak = rule.name != "astype" and all(x.weak for x in args if isinstance(x, Op))
        self.ops.append(op)
        if hashable:
            self.known[key] = op
        return op

    def harmonised(self, args: list[Any]) -> list[Any]:
        """The arguments of an operation, plain numbers in the precision of the arrays."""
        ops = [x for x in args if isinstance(x, Op)]
        kinds = {x.dtype for x in ops if not x.weak and x.dtype.kind == "f"}
        if len(kinds) != 1 or not any(x.weak for x in ops):
            return args
        (kind,) = kinds
        return [
            self.mathematics.astype(x, kind)
            if isinstance(x, Op) and x.weak and x.dtype != kind
            else x
            for x in args
        ]


def key_of(rule: Any, args: Sequence[Any], params: Sequence[Any]) -> tuple[Any, ...]:
    """What tells an operation from others."""
    return (rule.name, *(x if isinstance(x, Op) else repr(x) for x in args), repr(tuple(params)))


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an Op or a plain number."""
    return x.shape if isinstance(x, Op) else ()


def joint_shape(args: Sequence[Any]) -> tuple[int, ...]:
    """The shape that the arguments broadcast to."""
    return np.broadcast_shapes(*map(shape_of, args))


def without_broadcasts(args: list[Any]) -> list[Any]:
    """The arguments of an operation that itself broadcasts."""
    for i, x in enumerate(args):
        if isinstance(x, Op) and x.name == "broadcast_to":
            shorter = [*args[:i], x.args[0], *args[i + 1 :]]
            if joint_shape(shorter) == joint_shape(args):
                args = shorter
    return args


def is_full(x: Op) -> bool:
    """Whether it repeats a plain number."""
    return x.name == "broadcast_to" and not isinstance(x.args[0], Op)


def simplified(tape: Tape, rule: Any, args: list[Any], params: Sequence[Any]) -> Any:
    """What an operation comes down to, where that is the same number for certain; else None."""
    name = rule.name
    if not any(isinstance(x, Op) for x in args) and isinstance(rule, Rule):
        from ..numbers import apply

        return apply(rule, args, params)
    if name == "mul":
        for x, one in (args, args[::-1]):
            if not isinstance(one, Op) and one == 1:
                return x
            if not isinstance(one, Op) and one == -1:
                return -x
    if name == "neg" and isinstance(args[0], Op) and args[0].name == "select":
        condition, yes, no = args[0].args
        if not isinstance(yes, Op) and not isinstance(no, Op):
            return tape.emit(ARRAY_TABLE["select"], (condition, -yes, -no))
    if name == "power" and params[0] == 2 and isinstance(args[0], Op):
        return args[0] * args[0]
    if name in ("div", "power") and not isinstance((*args, *params)[1], Op):
        return args[0] if (*args, *params)[1] == 1 else None
    if name in ("reshape", "broadcast_to"):
        x, shape = args[0], params[0]
        if shape_of(x) == shape:
            return x
        if name == "reshape" and (not isinstance(x, Op) or is_full(x)):
            name = "broadcast_to"
            return tape.emit(ARRAY_TABLE[name], [x.args[0] if isinstance(x, Op) else x], params)
        if name == "broadcast_to" and isinstance(x, Op) and is_full(x):
            return tape.emit(rule, x.args, params)
        if name == "reshape" and x.name == "reshape":
            return tape.emit(rule, x.args, params)
        return None
    if name == "transpose" and args[0].name == "transpose":
        axes = tuple(args[0].params[0][i] for i in params[0])
        return args[0].args[0] if axes == tuple(range(len(axes))) else None
    if name == "sum_over" and not params[0]:
        return args[0]
    if name == "sum_over" and isinstance(args[0], Op) and args[0].name == "neg":
        return -tape.emit(rule, args[0].args, params)
    return None


@quiet
def outcome(
    rule: Any, args: Sequence[Any], params: Sequence[Any]
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and precision of a result."""
    kinds: list[Any] = [x.dtype for x in args if isinstance(x, Op)]
    dtype = (
        np.result_type(*(kind for kind in kinds if kind != BOOL)) if set(kinds) - {BOOL} else BOOL
    )
    if isinstance(rule, Rule):
        return joint_shape(args), dtype
    if rule.name in CONDITIONS:
        return joint_shape(args), BOOL
    if rule.name == "require":
        return args[0].shape, args[0].dtype
    if rule.name == "matmul":
        a, b = args
        return (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), dtype
    if rule.name == "linear":
        return (args[0].shape[0], args[1].shape[0]), dtype
    dummies = [
        np.broadcast_to(np.zeros((), x.dtype), x.shape) if isinstance(x, Op) else np.asarray(x)
        for x in args
    ]
    y = np.asarray(rule.evaluate(ARRAYS.get(dtype, ARRAYS[np.dtype("float64")]), dummies, params))
    return y.shape, y.dtype if rule.name in OWN else dtype


class TapeMathematics(Broadcasting):
    """Rows and pullbacks on Ops: each operation goes on the tape."""

    numbers = "recorded arrays"

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def __getattr__(self, name: str) -> Any:
        if name in ARRAY_TABLE:
            rule = ARRAY_TABLE[name]
            if rule.variadic:
                return lambda xs, *params: self.tape.emit(rule, xs, params)
            return lambda *args: self.tape.emit(rule, args[: rule.arity], args[rule.arity :])
        if name in TABLE and TABLE[name].atomic:
            return lambda *args: self.tape.emit(TABLE[name], args)
        return super().__getattr__(name)

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other, entry by entry."""
        if isinstance(condition, bool):
            return yes if condition else no
        if is_choice(yes) or is_choice(no):
            return Selected(condition, yes, no)
        return self.tape.emit(ARRAY_TABLE["select"], (condition, yes, no))

    def equal(self, a: Any, b: Any) -> Any:
        """Where two arrays are equal."""
        if isinstance(a, Op) or isinstance(b, Op):
            return self.tape.emit(ARRAY_TABLE["equal"], (a, b))
        return a == b

    def shape(self, x: Any) -> tuple[int, ...]:
        """The length of every axis."""
        return shape_of(x)

    def dtype(self, x: Op) -> np.dtype[Any]:
        """The type of the entries."""
        return x.dtype

    def swap(self, x: Op) -> Any:
        """The last two axes exchanged."""
        n = len(x.shape)
        return self.transpose(x, (*range(n - 2), n - 1, n - 2))

    def finite(self, x: Any) -> Any:
        """x, with 0 in the place of inf and nan: what may be subtracted to shift a sum."""
        return self.where(self.equal(x - x, 0.0), x, 0.0)

    def logsumexp(self, xs: Sequence[Any]) -> Any:
        """log Σ exp(xᵢ) over several arrays, shifted by the largest."""
        shift = self.finite(self.largest(xs))
        return shift + self.log(self.sum([self.exp(x - shift) for x in xs]))

    def log_softmax(self, xs: Sequence[Any]) -> list[Any]:
        """log(exp(xᵢ) / Σ exp(xⱼ)) for every i; large numbers are shifted before they are lost."""
        top = self.largest(xs)
        xs = [self.where(self.equal(x, top), 0.0, x - top) for x in xs]
        total = self.log(self.sum([self.exp(x) for x in xs]))
        return [x - total for x in xs]

    def logsumexp_over(self, x: Op, axes: tuple[int, ...], keepdims: bool) -> Any:
        """log Σ exp(x) over some axes, shifted by the largest."""
        shift = self.finite(self.max_over(x, axes, True))
        y = shift + self.log(self.sum_over(self.exp(x - shift), axes, True))
        if keepdims:
            return y
        return self.reshape(y, tuple(n for i, n in enumerate(x.shape) if i not in axes))

    def log_softmax_rows(self, x: Op) -> Any:
        """log(exp(x) / Σ exp(x)) in every row; large numbers are shifted before they are lost."""
        last = (len(x.shape) - 1,)
        top = self.max_over(x, last, True)
        x = self.where(self.equal(x, top), 0.0, x - top)
        return x - self.log(self.sum_over(self.exp(x), last, True))

    def cross_entropy_rows(self, x: Op, t: Any) -> Any:
        """−log of the probability that the softmax of each row gives to its class."""
        return -self.pick_rows(self.log_softmax_rows(x), t)


# ---------------------------------------------------------------- from a graph of Tensors


class Trace:
    """A graph of Tensors as a tape: its forward pass and, on request, its backward pass."""

    def __init__(self) -> None:
        self.tape = Tape()
        self.of: dict[int, Any] = {}  # the Op of each node, by the node's id
        self.nodes: list[Tensor] = []  # kept alive, so that ids stay theirs

    def op(self, node: Tensor) -> Any:
        """The Op of a node, which is recorded with all that it needs."""
        if id(node) not in self.of:
            for x in topological_order(node):
                if id(x) not in self.of:
                    self.of[id(x)] = self.record(x)
                    self.nodes.append(x)
        return self.of[id(node)]

    def record(self, node: Tensor) -> Any:
        """The Op of a node whose arguments have theirs."""
        if not node.args:
            if node.role == "constant" and node.ndim == 0 and node.dtype.kind == "f":
                return float(node._data)  # a number that was written in the code
            if node._buffer is not None and node is node._buffer.whole:
                return self.joined(node._buffer.views)
            return self.tape.given(node.shape, node.dtype, node, node.label)
        args = [self.of[id(x)] for x in node.args]
        rule: Any = node.rule
        return rule.evaluate(self.tape.mathematics, args, node.params)

    def joined(self, views: Sequence[Tensor]) -> Any:
        """The array that some parameters are parts of."""
        m = self.tape.mathematics
        return m.concatenate([m.reshape(self.op(view), (view.size,)) for view in views], 0)

    def name(self) -> None:
        """Call the quantities what their nodes are called by now."""
        for node in self.nodes:
            op = self.of[id(node)]
            if node.label and isinstance(op, Op) and not op.label:
                op.label, op.scope = node.label, node.scope

    def gradients(self, y: Tensor, variables: Sequence[Tensor], start: Any = None) -> list[Any]:
        """The Ops of ∂y/∂x for every variable x; 0.0 where y does not depend on it.

        Args:
            start: the gradient that y itself gets; by default 1.
        """
        self.op(y)
        order = topological_order(y)
        between = {id(x) for x in variables}
        between |= {id(x._buffer.whole) for x in variables if x._buffer is not None}
        for node in order:
            if any(id(x) in between for x in node.args):
                between.add(id(node))
        m = self.tape.mathematics
        if start is None:
            start = m.broadcast_to(1.0, y.shape) if y.ndim else 1.0
        received: dict[int, Any] = {id(y): start}
        for node in reversed(order):
            g = received.get(id(node))
            if g is None or not node.args:
                continue
            args = [self.of[id(x)] for x in node.args]
            wanted = [id(x) in between for x in node.args]
            sent = node.rule.pull(m, g, self.of[id(node)], args, node.params, wanted)
            for x, d in zip(node.args, sent, strict=True):
                if d is not None:
                    if isinstance(d, Op) and x.dtype.kind == "f" and d.dtype != x.dtype:
                        d = m.astype(d, x.dtype)
                    received[id(x)] = received[id(x)] + d if id(x) in received else d
        for buffer in {id(b): b for x in order if (b := x._buffer) is not None}.values():
            self.distribute(received, buffer)
        for node in order:
            g, x = received.get(id(node)), self.of[id(node)]
            if isinstance(g, Op) and isinstance(x, Op) and g.of is None and not g.label and g.rule:
                g.of = x
        return [received.get(id(x), 0.0) for x in variables]

    def distribute(self, received: dict[int, Any], buffer: Buffer) -> None:
        """Pass the gradient of an array on to the parameters that are its parts."""
        if (whole := received.pop(id(buffer.whole), None)) is None:
            return
        m, start = self.tape.mathematics, 0
        for view in buffer.views:
            part = m.reshape(m.index(whole, slice(start, start + view.size)), view.shape)
            received[id(view)] = received[id(view)] + part if id(view) in received else part
            start += view.size


def fitting(x: Any, place: Array) -> Array:
    """An input in the shape and of the kind that was recorded.

    Raises:
        TypeError, ValueError: if it is not, or its whole numbers do not fit into those recorded.
    """
    array = np.asarray(x)
    admitted = {"f": "biuf", "b": "b"}.get(place.dtype.kind, "iu")
    if array.dtype.kind not in admitted:
        raise TypeError(
            f"an input was recorded as an array of {place.dtype}, but is given as one of "
            f"{array.dtype}: record again for such an input"
        )
    if array.shape != place.shape:
        raise ValueError(
            f"an input was recorded with shape {place.shape}, but is given with {array.shape}"
        )
    if place.dtype.kind in "iu" and (array.astype(place.dtype) != array).any():
        raise ValueError(f"an input has numbers that {place.dtype}, as it was recorded, has not")
    return array
