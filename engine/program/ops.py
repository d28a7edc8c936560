"""What programs are made of: operations, each of which makes one number or array of others.

An `Op` is what a row of the table, or an array row, makes of its arguments; a number has the shape
``()``. Ops are numbers themselves, so that a row is written out by computing it on Ops, and the
backward pass by pulling gradients back on Ops: see `engine.program.code`.
"""

from __future__ import annotations

from ..numbers import OPERATORS, Number
from ..rule import ARRAY_TABLE, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Shape = tuple[int, ...]

CONDITIONS = {"less", "less_equal", "greater", "greater_equal", "equal", "both"}
OWN = {"astype", "one_hot", "count", "gather", "scatter_at", "pick_rows"}  # have their own type
VIEWS = {"reshape", "transpose", "broadcast_to", "index", "with_ones"}  # need no place of their own
CHECKS = {"guard", "require"}  # whose results nothing needs, and which are computed all the same


class Op(Number):
    """A number or an array of a program.

    Attributes:
        rule, name, args, params: the operation that computes it, from Ops and plain numbers; no
            rule, and the name "", for what is given. While a function is recorded, an Op without a
            rule that has an argument is another name for it: a leaf that holds what another held.
        shape, dtype: of the array; for a Python float ``()`` and None.
        label, scope: what its node was called.
        of: for a gradient, the quantity that it is the gradient of.
        leaf: for what is given, the Tensor that holds it.
        weak: whether it is a plain number, which takes on the precision of arrays that it meets.
        code, at: what it belongs to, and its place there.
    """

    __slots__ = (
        "code", "rule", "name", "args", "params", "shape", "dtype", "label", "scope", "of", "leaf",
        "weak", "at",
    )  # fmt: skip

    def __init__(
        self,
        code: Any,
        rule: Any = None,
        args: tuple[Any, ...] = (),
        params: tuple[Any, ...] = (),
        shape: Shape = (),
        dtype: Any = None,
    ) -> None:
        self.code, self.rule, self.args, self.params = code, rule, args, params
        self.name: str = rule.name if rule is not None else ""
        self.shape, self.dtype = shape, dtype
        self.label = self.scope = ""
        self.of: Op | None = None
        self.leaf: Any = None
        self.weak = False
        self.at = -1

    def __reduce__(self) -> tuple[Any, ...]:
        return op_of, (self.code, self.at)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        code = next(x for x in args if isinstance(x, Op)).code
        if row.name in OPERATORS or row.name == "power" or row.atomic:
            return code.emit(row, args, params)
        return row.evaluate(code.mathematics, args, params)

    def __lt__(self, other: Any) -> Any:
        return self.code.emit(ARRAY_TABLE["less"], (self, other))

    def __le__(self, other: Any) -> Any:
        return self.code.emit(ARRAY_TABLE["less_equal"], (self, other))

    def __gt__(self, other: Any) -> Any:
        return self.code.emit(ARRAY_TABLE["greater"], (self, other))

    def __ge__(self, other: Any) -> Any:
        return self.code.emit(ARRAY_TABLE["greater_equal"], (self, other))

    def __and__(self, other: Any) -> Any:
        if isinstance(other, bool):  # what is decided while the program is written
            return self if other else False
        return self.code.emit(ARRAY_TABLE["both"], (self, other))

    __rand__ = __and__

    def __repr__(self) -> str:
        return f"<{self.name or 'given'} {self.label} {self.shape}>"


def op_of(code: Any, at: int) -> Op:
    """The Op at a place of some code, which is copied first, and once."""
    found: Op = code.ops[at]
    return found


class Guard:
    """The rule of a comparison that must come out as it was recorded."""

    name = "guard"

    def __reduce__(self) -> str:
        return "GUARD"


GUARD = Guard()


class Backward:
    """A backward pass: from which Op, through which rows, and what is wanted of it.

    Attributes:
        accumulating: whether it is the function's own, which adds to gradients.
        wanted: triples: the Ops that a leaf was in the graph, the gradient that it had before (an
            Op or a number), and the Op that is the sum.
    """

    __slots__ = ("root", "seed", "through", "accumulating", "wanted")

    def __init__(self, root: Any, seed: Any, through: list[Op], accumulating: bool) -> None:
        self.root, self.seed, self.through = root, seed, through
        self.accumulating = accumulating
        self.wanted: list[tuple[list[Op], Any, Op]] = []


def resolved(x: Any) -> Any:
    """The Op, or the number, that an Op is another name for."""
    while type(x) is Op and x.rule is None and x.args:
        x = x.args[0]
    return x


def unshaped(x: Any) -> Any:
    """What a quantity has been reshaped from; else itself."""
    return x.args[0] if type(x) is Op and x.name == "reshape" else x


def arguments_of(op: Op) -> list[Op]:
    """The Ops that an operation is computed from."""
    return [x for x in op.args if type(x) is Op]


def reachable(
    finals: Iterable[Any], operands: Callable[[Op], Sequence[Op]] = arguments_of
) -> set[Op]:
    """What the results need."""
    found: set[Op] = set()
    waiting = [x for x in finals if type(x) is Op]
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += operands(op)
    return found


# ---------------------------------------------------------------- shapes


def shape_of(x: Any) -> Shape:
    """The shape of an Op or a plain number."""
    return x.shape if type(x) is Op else ()


def joint_shape(args: Sequence[Any]) -> Shape:
    """The shape that the arguments broadcast to."""
    shapes = set(map(shape_of, args)) - {()}
    if len(shapes) < 2:
        return shapes.pop() if shapes else ()
    from numpy import broadcast_shapes

    return broadcast_shapes(*shapes)


def outcome(rule: Any, args: Sequence[Any], params: Sequence[Any]) -> tuple[Shape, Any]:
    """The shape and precision of a result; where no formula is at hand, by computing one."""
    import numpy as np

    truth = np.dtype(bool)
    kinds: set[Any] = {x.dtype for x in args if type(x) is Op} - {truth}
    dtype = np.result_type(*kinds) if kinds else truth
    if isinstance(rule, Rule):
        return joint_shape(args), dtype
    match rule.name:
        case name if name in CONDITIONS:
            return joint_shape(args), truth
        case "require":
            return args[0].shape, args[0].dtype
        case "matmul":
            a, b = (x.shape for x in args)
            return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]), dtype
        case "linear":
            return (args[0].shape[0], args[1].shape[0]), dtype
    from ..tensor.arrays import ARRAYS

    dummies = [
        np.broadcast_to(np.zeros((), x.dtype), x.shape) if type(x) is Op else np.asarray(x)
        for x in args
    ]
    m = ARRAYS.get(dtype, ARRAYS[np.dtype("float64")])
    with np.errstate(all="ignore"):
        y = np.asarray(rule.evaluate(m, dummies, params))
    return y.shape, y.dtype if rule.name in OWN else dtype
