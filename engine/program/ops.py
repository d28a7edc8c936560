"""What programs are made of: operations, each of which makes one number or array of others.

An `Op` is what a row of the table, or an array row, makes of its arguments; a number has the shape
``()``. Ops are numbers themselves, so that a row is written out by computing it on Ops, and the
backward pass by pulling gradients back on Ops. Equal operations are one Op, and what an operation
certainly comes down to takes its place.
"""

from __future__ import annotations

from ..broadcasting import Broadcasting, Selected, is_choice
from ..numbers import OPERATORS, Number, apply
from ..rule import ARRAY_TABLE, TABLE, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Shape = tuple[int, ...]

CONDITIONS = {"less", "less_equal", "greater", "greater_equal", "equal", "both"}
OWN = {"astype", "one_hot", "count", "gather", "scatter_at", "pick_rows"}  # have their own type
CHECKS = {"guard", "require"}  # whose results nothing needs, and which are computed all the same


class Op(Number):
    """A number or an array of a program.

    Attributes:
        rule, args, params: the operation that computes it, from Ops and plain numbers; no rule for
            what is given. While a function is recorded, an Op without a rule that has an argument
            is another name for it: a leaf that holds what another one held.
        shape, dtype: of the array; for a Python float ``()`` and None.
        label, scope: what its node was called.
        of: for a gradient, the quantity that it is the gradient of.
        leaf: for what is given, the Tensor that holds it.
        weak: whether it is a plain number, which takes on the precision of arrays that it meets.
        code, at: what it belongs to, and its place there.
    """

    __slots__ = (
        "code", "rule", "args", "params", "shape", "dtype", "label", "scope", "of", "leaf", "weak",
        "at",
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
        self.shape, self.dtype = shape, dtype
        self.label = self.scope = ""
        self.of: Op | None = None
        self.leaf: Any = None
        self.weak = False
        self.at = -1

    @property
    def name(self) -> str:
        """The name of its operation; "" for what is given."""
        return self.rule.name if self.rule is not None else ""

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


class Guard:
    """The rule of a comparison that must come out as it was recorded."""

    name = "guard"

    def __reduce__(self) -> str:
        return "GUARD"


GUARD = Guard()


class Code:
    """The Ops of one program in an order in which they can be computed.

    Args:
        arrays: whether there are arrays among them; otherwise all are Python's floats.
    """

    def __init__(self, arrays: bool) -> None:
        self.ops: list[Op] = []
        self.known: dict[Any, Op] = {}
        self.arrays = arrays
        self.precision: Any = None  # of a plain number that fills an array
        self.mathematics = OpMathematics(self)
        if arrays:
            import numpy as np

            self.precision = np.dtype("float64")

    def given(self, shape: Shape = (), dtype: Any = None, label: str = "", scope: str = "") -> Op:
        """What the program does not compute."""
        op = Op(self, None, (), (), shape, dtype)
        op.label, op.scope = label, scope
        if self.arrays and dtype.kind == "f" and not any(x.dtype.kind == "f" for x in self.ops):
            self.precision = dtype
        return self.add(op)

    def add(self, op: Op) -> Op:
        """Put an Op at the end."""
        op.at = len(self.ops)
        self.ops.append(op)
        return op

    def emit(self, rule: Any, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
        """The result of an operation: a new Op, an equal one, or what it comes down to."""
        if self.arrays and (isinstance(rule, Rule) or rule.name in BROADCASTING):
            args = without_broadcasts(self.harmonised(args))
        simpler = SIMPLER.get(rule.name)
        if simpler is not None and (found := simpler(self, rule, args, params)) is not None:
            return found
        for x in args:
            if type(x) is Op:
                break
        else:
            if isinstance(rule, Rule):
                return apply(rule, args, params)
        key: Any = (rule, *[x if type(x) is Op else repr(x) for x in args])
        if params:
            key = (*key, *map(sign, params))
        op = self.known.get(key)
        if op is None:
            op = Op(self, rule, tuple(args), tuple(params))
            if self.arrays:
                self.infer(op)
            self.known[key] = self.add(op)
        return op

    def infer(self, op: Op) -> None:
        """Find out the shape and the precision of a result."""
        op.shape, op.dtype = outcome(op.rule, op.args, op.params)
        given = [x for x in op.args if type(x) is Op]
        if not given or (op.name == "select" and op.dtype.kind == "b"):
            op.dtype = self.precision
        op.weak = op.name != "astype" and all(x.weak for x in given)

    def harmonised(self, args: Sequence[Any]) -> Sequence[Any]:
        """The arguments of an operation, plain numbers in the precision of the arrays."""
        given = [x for x in args if type(x) is Op]
        if not any(x.weak for x in given):
            return args
        kinds = {x.dtype for x in given if not x.weak and x.dtype.kind == "f"}
        if len(kinds) != 1:
            return args
        (kind,) = kinds
        return [
            self.mathematics.astype(x, kind) if type(x) is Op and x.weak and x.dtype != kind else x
            for x in args
        ]


def sign(x: Any) -> Any:
    """A parameter as something that tells it from others: an array is told by its contents."""
    if isinstance(x, tuple):
        return tuple(map(sign, x))
    return (x.shape, str(x.dtype), x.tobytes()) if hasattr(x, "tobytes") else repr(x)


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


BROADCASTING = CONDITIONS | {"select"}


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


def without_broadcasts(args: Sequence[Any]) -> Sequence[Any]:
    """The arguments of an operation that itself broadcasts."""
    for i, x in enumerate(args):
        if type(x) is Op and x.name == "broadcast_to":
            shorter = [*args[:i], x.args[0], *args[i + 1 :]]
            if joint_shape(shorter) == joint_shape(args):
                args = shorter
    return args


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


# ---------------------------------------------------------------- what operations come down to


def is_plain(x: Any, number: float) -> bool:
    """Whether it is that number, and not −0 for 0."""
    return type(x) is not Op and x == number and str(float(x)) == str(float(number))


def is_full(x: Any) -> bool:
    """Whether it repeats a plain number."""
    return type(x) is Op and x.name == "broadcast_to" and type(x.args[0]) is not Op


def simpler_product(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """x·1 is x, and x·(−1) is −x."""
    for x, one in ((args[0], args[1]), (args[1], args[0])):
        if type(one) is not Op and type(x) is Op:
            if one == 1:
                return x
            if one == -1:
                return code.emit(TABLE["neg"], (x,))
    return None


def simpler_negative(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """−(−x) is x; a choice between numbers is one between their opposites."""
    (x,) = args
    if type(x) is not Op:
        return None
    if x.name == "neg":
        return x.args[0]
    if x.name == "select" and not any(type(part) is Op for part in x.args[1:]):
        return code.emit(x.rule, (x.args[0], -x.args[1], -x.args[2]))
    return None


def simpler_power(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """x¹ is x, x⁰ is 1, and x² is x·x."""
    x, n = (*args, *params)
    if type(n) is Op or type(x) is not Op:
        return None
    if n == 1:
        return x
    if n == 2:
        return code.emit(TABLE["mul"], (x, x))
    return 1.0 if n == 0 and not x.shape else None


def simpler_reshape(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """Once is enough; what repeats a number repeats it in any shape."""
    x, shape = args[0], params[0]
    if shape_of(x) == shape:
        return x
    if type(x) is not Op or is_full(x):
        number = x.args[0] if type(x) is Op else x
        return code.emit(ARRAY_TABLE["broadcast_to"], (number,), params)
    return code.emit(rule, x.args, params) if x.name == "reshape" else None


def simpler_broadcast(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """To its own shape it is itself."""
    x = args[0]
    if shape_of(x) == params[0]:
        return x
    return code.emit(rule, x.args, params) if is_full(x) else None


def simpler_transpose(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """Twice, back and forth, is not at all."""
    x, order = args[0], params[0]
    back = x.name == "transpose" and all(x.params[0][k] == i for i, k in enumerate(order))
    return x.args[0] if back else None


def simpler_sum(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """Over no axes it is itself; that of −x is minus that of x."""
    x = args[0]
    if not params[0]:
        return x
    if type(x) is Op and x.name == "neg":
        return code.emit(TABLE["neg"], (code.emit(rule, x.args, params),))
    return None


def first_if(number: float) -> Callable[..., Any]:
    """An operation with that number as its second argument leaves the first as it is."""

    def simpler(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
        return args[0] if is_plain(args[1], number) and type(args[0]) is Op else None

    return simpler


SIMPLER: dict[str, Callable[..., Any]] = {  # only what changes no result of IEEE arithmetic
    "mul": simpler_product, "neg": simpler_negative, "div": first_if(1.0), "sub": first_if(0.0),
    "power": simpler_power, "pow": simpler_power, "reshape": simpler_reshape,
    "broadcast_to": simpler_broadcast, "transpose": simpler_transpose, "sum_over": simpler_sum,
    "select": lambda code, rule, args, params: args[1] if args[1] is args[2] else None,
}  # fmt: skip


# ---------------------------------------------------------------- rows on Ops


class OpMathematics(Broadcasting):
    """Rows and pullbacks on Ops: what they compute is written into the code.

    Composite functions are written out in those that every library has.
    """

    numbers = "the numbers of a recorded program"

    def __init__(self, code: Code) -> None:
        self.code = code

    def __getattr__(self, name: str) -> Any:
        code = self.code
        if name in ARRAY_TABLE:
            rule = ARRAY_TABLE[name]
            if rule.variadic:
                return lambda xs, *params: code.emit(rule, xs, params)
            return lambda *args: code.emit(rule, args[: rule.arity], args[rule.arity :])
        if name in TABLE and TABLE[name].atomic:
            return lambda *args: code.emit(TABLE[name], args)
        return super().__getattr__(name)

    def where(self, condition: Any, yes: Any, no: Any) -> Any:
        """The one or the other, entry by entry."""
        if isinstance(condition, bool):
            return yes if condition else no
        if is_choice(yes) or is_choice(no):
            return Selected(condition, yes, no)
        return self.code.emit(ARRAY_TABLE["select"], (condition, yes, no))

    def equal(self, a: Any, b: Any) -> Any:
        """Where two numbers or arrays are equal."""
        if type(a) is Op or type(b) is Op:
            return self.code.emit(ARRAY_TABLE["equal"], (a, b))
        return a == b

    def shape(self, x: Any) -> Shape:
        """The length of every axis."""
        return shape_of(x)

    def dtype(self, x: Op) -> Any:
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
        """log Σ exp(xᵢ), shifted by the largest so that nothing overflows."""
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
