"""Straight-line code: operations in an order in which they can be computed.

Rows and pullbacks are written out by computing them with `OpMathematics`. Equal operations are one
Op, and what an operation certainly comes down to takes its place.
"""

from __future__ import annotations

from ..broadcasting import Composed
from ..numbers import apply
from ..rule import ARRAY_TABLE, TABLE, Rule
from .ops import CONDITIONS, Op, joint_shape, outcome, shape_of
from .simpler import SIMPLER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .ops import Shape

KEPT = ("params", "shape", "dtype", "label", "scope", "leaf", "weak")  # by copies of Ops
BROADCASTING = CONDITIONS | {"select"}


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

    def __reduce__(self) -> tuple[Any, ...]:
        rows = [
            (
                op.rule,
                [x.at if type(x) is Op else (x,) for x in op.args],
                None if op.of is None else op.of.at,
                [getattr(op, field) for field in KEPT],
            )
            for op in self.ops
        ]
        return code_of, (self.arrays, self.precision, rows)

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
        key = key_of(rule, args, params)
        op = self.known.get(key)
        if op is None:
            op = Op(self, rule, tuple(args), tuple(params))
            if self.arrays:
                self.infer(op)
            self.known[key] = self.add(op)
        return op

    def find(self, rule: Any, args: Sequence[Any]) -> Op | None:
        """The Op of an operation that is there already."""
        return self.known.get(key_of(rule, args, ()))

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


def key_of(rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """What equal operations have in common."""
    key: Any = (rule, *[x if type(x) is Op else repr(x) for x in args])
    return (*key, *map(sign, params)) if params else key


def code_of(arrays: bool, precision: Any, rows: Sequence[Any]) -> Code:
    """Code that consists of these rows, in which other Ops are numbers: copies need no depth."""
    code = Code(arrays)
    code.precision = precision
    for rule, args, of, kept in rows:
        op = code.add(
            Op(code, rule, tuple(x[0] if type(x) is tuple else code.ops[x] for x in args))
        )
        op.of = None if of is None else code.ops[of]
        for field, x in zip(KEPT, kept, strict=True):
            setattr(op, field, x)
    return code


def sign(x: Any) -> Any:
    """A parameter as something that tells it from others: an array is told by its contents."""
    if isinstance(x, tuple):
        return tuple(map(sign, x))
    return (x.shape, str(x.dtype), x.tobytes()) if hasattr(x, "tobytes") else repr(x)


def without_broadcasts(args: Sequence[Any]) -> Sequence[Any]:
    """The arguments of an operation that itself broadcasts."""
    for i, x in enumerate(args):
        if type(x) is Op and x.name == "broadcast_to":
            shorter = [*args[:i], x.args[0], *args[i + 1 :]]
            if joint_shape(shorter) == joint_shape(args):
                args = shorter
    return args


# ---------------------------------------------------------------- rows on Ops


class OpMathematics(Composed):
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
