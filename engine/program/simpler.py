"""What operations certainly come down to: only what changes no result of IEEE arithmetic."""

from __future__ import annotations

from ..rule import ARRAY_TABLE, TABLE
from .ops import Op, joint_shape, shape_of, unshaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .code import Code


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
    """Over no axes it is itself; of −x it is minus that of x; of x·x it is a row of its own."""
    x, (axes, keepdims) = args[0], params
    if not axes:
        return x
    if type(x) is Op and x.name == "neg":
        return code.emit(TABLE["neg"], (code.emit(rule, x.args, params),))
    if type(x) is Op and x.name == "mul" and len(axes) == x.ndim and not keepdims:
        y, z = x.args
        return code.emit(ARRAY_TABLE["sum_of_squares"], (y,)) if y is z else None
    return None


def simpler_order(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """x ≤ c is max(x, c) ≤ c: where that is at hand, as a ReLU is, x need not be kept for it."""
    x, c = args
    if not code.arrays or type(c) is Op:
        return None
    less = code.find(ARRAY_TABLE["less"], (x, c))
    larger = None if less is None else code.find(ARRAY_TABLE["select"], (less, c, x))
    return None if larger is None else code.emit(rule, (larger, c))


def simpler_join(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """What is added to the parts of an array, end to end, is added to the array."""
    found: list[Op] = []
    whole, start = None, 0
    for part in args:
        stop = start + part.shape[0]
        other, source = added(part, slice(start, stop))
        if source is None or (whole is not None and source is not whole):
            return None
        found.append(code.emit(ARRAY_TABLE["reshape"], (other,), (part.shape,)))
        whole, start = source, stop
    if whole is None or whole.shape != (start,):
        return None
    return code.emit(TABLE["add"], (code.emit(rule, found, params), whole))


def added(part: Op, where: slice) -> tuple[Any, Op | None]:
    """What is added to the part of an array that lies there, and the array; None if nothing is."""
    x = unshaped(part)
    for a, b in (x.args, x.args[::-1]) if x.name == "add" else ():
        y = unshaped(b)
        if type(y) is Op and y.name == "index" and type(a) is Op and a.shape == x.shape:
            (key,) = y.params
            key = key[0] if type(key) is tuple and len(key) == 1 else key
            if type(key) is slice and key == where:
                return a, y.args[0]
    return None, None


def simpler_choice(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
    """Between two that are the same it is that one, unless the condition repeats it."""
    is_same = args[1] is args[2] and shape_of(args[1]) == joint_shape(args)
    return args[1] if is_same else None


def first_if(number: float) -> Callable[..., Any]:
    """An operation with that number as its second argument leaves the first as it is."""

    def simpler(code: Code, rule: Any, args: Sequence[Any], params: Sequence[Any]) -> Any:
        return args[0] if is_plain(args[1], number) and type(args[0]) is Op else None

    return simpler


SIMPLER: dict[str, Callable[..., Any]] = {
    "mul": simpler_product, "neg": simpler_negative, "div": first_if(1.0), "sub": first_if(0.0),
    "power": simpler_power, "pow": simpler_power, "reshape": simpler_reshape,
    "broadcast_to": simpler_broadcast, "transpose": simpler_transpose, "sum_over": simpler_sum,
    "select": simpler_choice, "less_equal": simpler_order, "concatenate": simpler_join,
}  # fmt: skip
