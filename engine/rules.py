"""The table of derivatives: every operation that gradpath knows, each written once.

A row (`Rule`) says what an operation is called, how it is written, its value, and one partial
derivative per argument, given the mathematics ``m``, the result ``y`` and the arguments. A row
never says which numbers it runs on: ``m`` brings the functions (``m.exp``, ``m.where``, …) and the
arguments bring the operators, so one and the same row computes with floats, complex numbers, dual
numbers, formulas, and with `Value`s, where its partials are graphs that can be differentiated
again. That is why a row chooses with ``m.where`` between branches and compares with ``<  <=  >
>=`` or ``m.equal``, never with ``if`` or ``==``.

To add an operation, add a row, here or from your own code::

    rule("softsign", lambda m, x: x / (1 + m.abs(x)),
         lambda m, y, x: 1 / (1 + m.abs(x)) ** 2)

and ``x.softsign()``, ``softsign(x)``, pictures, formulas, second derivatives, forward mode and the
property tests all know it.

The conventions at kinks and edges are PyTorch's. Where a row *selects* a branch, the branch that
was not taken has the partial `NOTHING`: it passes nothing back, not even 0·∞ = nan.
"""

from __future__ import annotations

from .rule import (
    ARRAY_TABLE,
    INF,
    NOTHING,
    POWER,
    PRODUCT,
    REAL,
    REQUIRED,
    SIGN,
    SUM,
    TABLE,
    ArrayRule,
    Rule,
    array_rule,
    rule,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .rule import Interval

__all__ = ["ARRAY_TABLE", "NOTHING", "REQUIRED", "TABLE", "ArrayRule", "Rule", "array_rule", "rule"]

POSITIVE: Interval = (0.0, INF)
UNIT: Interval = (0.0, 1.0)
WITHIN_ONE: Interval = (-1.0, 1.0)
ABOVE_MINUS_ONE: Interval = (-1.0, INF)


def some(xs: Sequence[Any]) -> tuple[Any, ...]:
    """The sequence, if it has a term."""
    if xs := tuple(xs):
        return xs
    raise ValueError("there must be at least one term")


def pair(xs: Sequence[Any], ys: Sequence[Any]) -> tuple[Any, ...]:
    """Two sequences of one length, one after the other."""
    xs, ys = tuple(xs), tuple(ys)
    if len(xs) == len(ys):
        return xs + ys
    raise ValueError(f"the two sequences must be of one length, not {len(xs)} and {len(ys)}")


def halves(xs: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The first ⌊n/2⌋ entries and the ⌊n/2⌋ after them."""
    n = len(xs) // 2
    return xs[:n], xs[n : 2 * n]


def pick(xs: Sequence[Any], target: Any) -> Any:
    """The entry of the target class."""
    if isinstance(target, int) and 0 <= target < len(xs):
        return xs[target]
    raise ValueError(f"the target must be an integer from 0 to {len(xs) - 1}, not {target!r}")


# fmt: off

# Arithmetic.
rule("add", lambda m, a, b: a + b,
     lambda m, y, a, b: 1,
     lambda m, y, a, b: 1,
     op="+", text="%s + %s", latex="%s + %s", level=SUM)
rule("sub", lambda m, a, b: a - b,
     lambda m, y, a, b: 1,
     lambda m, y, a, b: -1,
     op="-", sign="−", text="%s − %s", latex="%s - %s", level=SUM)
rule("mul", lambda m, a, b: a * b,
     lambda m, y, a, b: b,
     lambda m, y, a, b: a,
     op="*", sign="×", text="%s·%s", latex=r"%s \cdot %s", level=PRODUCT)
rule("div", lambda m, a, b: a / b,
     lambda m, y, a, b: 1 / b,
     lambda m, y, a, b: -y / b,
     op="/", sign="÷", text="%s/%s", latex=r"\frac{%s}{%s}", level=PRODUCT,
     kinks=lambda m, a, b: (b,))
rule("neg", lambda m, x: -x,
     lambda m, y, x: -1,
     op="-", sign="−", text="−%s", latex="-%s", level=SIGN)

# Powers: x ** n with a number n is one node of one argument; x ** z has two.
rule("power", lambda m, x, n: m.where(m.equal(n, 2), x * x, x ** n),  # C's pow may round otherwise
     lambda m, y, x, n: m.where(m.equal(n, 0), NOTHING, n * x ** (n - 1)),
     params={"n": REQUIRED}, samples=((2,), (3,), (-1,), (0.5,), (0,), (1,), (-2.5,)),
     op="**%s", sign="^%s", text="%s^%s", latex="%s^{%s}", level=POWER,
     domain=[POSITIVE])
rule("pow", lambda m, x, z: x ** z,
     lambda m, y, x, z: m.where(m.equal(z, 0), m.where(x > 0, z * y / x, NOTHING),
                                z * x ** (z - 1)),
     lambda m, y, x, z: m.where(m.equal(x, 0) & (z >= 0), 0, y * m.log(x)),
     op="**", sign="^", text="%s^%s", latex="%s^{%s}", level=POWER,
     domain=[POSITIVE, REAL])

# Exponentials and logarithms.
rule("exp", lambda m, x: m.exp(x),
     lambda m, y, x: y,
     latex=r"\exp\left(%s\right)")
rule("expm1", lambda m, x: m.expm1(x),
     lambda m, y, x: y + 1)
rule("log", lambda m, x: m.log(x),
     lambda m, y, x: 1 / x,
     latex=r"\log\left(%s\right)", domain=[POSITIVE])
rule("log1p", lambda m, x: m.log1p(x),
     lambda m, y, x: 1 / (1 + x),
     domain=[ABOVE_MINUS_ONE])
rule("sqrt", lambda m, x: m.sqrt(x),
     lambda m, y, x: 1 / (2 * y),
     sign="√", text="√(%s)", latex=r"\sqrt{%s}", domain=[POSITIVE])

# Trigonometry and its inverses.
rule("sin", lambda m, x: m.sin(x),
     lambda m, y, x: m.cos(x),
     latex=r"\sin\left(%s\right)")
rule("cos", lambda m, x: m.cos(x),
     lambda m, y, x: -m.sin(x),
     latex=r"\cos\left(%s\right)")
rule("tan", lambda m, x: m.tan(x),
     lambda m, y, x: 1 + y * y,
     latex=r"\tan\left(%s\right)", kinks=lambda m, x: (m.cos(x),))
rule("asin", lambda m, x: m.asin(x),
     lambda m, y, x: 1 / m.sqrt((1 - x) * (1 + x)),
     latex=r"\arcsin\left(%s\right)", domain=[WITHIN_ONE])
rule("acos", lambda m, x: m.acos(x),
     lambda m, y, x: -1 / m.sqrt((1 - x) * (1 + x)),
     latex=r"\arccos\left(%s\right)", domain=[WITHIN_ONE])
rule("atan", lambda m, x: m.atan(x),
     lambda m, y, x: 1 / (1 + x * x),
     latex=r"\arctan\left(%s\right)")

# Hyperbolic functions.
rule("sinh", lambda m, x: m.sinh(x),
     lambda m, y, x: m.cosh(x),
     latex=r"\sinh\left(%s\right)")
rule("cosh", lambda m, x: m.cosh(x),
     lambda m, y, x: m.sinh(x),
     latex=r"\cosh\left(%s\right)")
rule("tanh", lambda m, x: m.tanh(x),
     lambda m, y, x: 1 - y * y,
     latex=r"\tanh\left(%s\right)")

# Activation functions.
rule("sigmoid", lambda m, x: 1 / (1 + m.exp(-x)),
     lambda m, y, x: y * (1 - y),
     sign="σ", text="σ(%s)", latex=r"\sigma\left(%s\right)")
rule("softplus", lambda m, x: m.max(x, 0) + m.log1p(m.exp(-m.abs(x))),
     lambda m, y, x: m.sigmoid(x))
rule("relu", lambda m, x: m.where(x < 0, 0, x),
     lambda m, y, x: m.where(x <= 0, NOTHING, 1),
     op="ReLU", kinks=lambda m, x: (x,))
rule("leaky_relu", lambda m, x, slope: m.where(x > 0, x, slope * x),
     lambda m, y, x, slope: m.where(x > 0, 1, slope),
     params={"slope": 0.01}, samples=((0.01,), (0.2,), (-0.5,)),
     sign="leaky ReLU", kinks=lambda m, x, slope: (x,))
rule("elu", lambda m, x, alpha: m.where(x < 0, alpha * m.expm1(x), x),
     lambda m, y, x, alpha: m.where(x <= 0, alpha * m.exp(x), 1),
     params={"alpha": 1.0}, samples=((1.0,), (0.5,)),
     sign="ELU", kinks=lambda m, x, alpha: (x,))
rule("silu", lambda m, x: x * m.sigmoid(x),
     lambda m, y, x: m.sigmoid(x) * (1 + x * (1 - m.sigmoid(x))),
     sign="SiLU")
rule("gelu", lambda m, x: 0.5 * x * m.erfc(x * -SQRT_HALF),
     lambda m, y, x: 0.5 * m.erfc(x * -SQRT_HALF) + x * (m.exp(-0.5 * x * x) * NORMAL),
     sign="GELU")
rule("erf", lambda m, x: m.erf(x),
     lambda m, y, x: TWO_OVER_SQRT_PI * m.exp(-x * x))
rule("erfc", lambda m, x: m.erfc(x),  # 1 − erf, which keeps its digits where erf is near 1
     lambda m, y, x: -TWO_OVER_SQRT_PI * m.exp(-x * x))

# Choices. Ties of max and min share the gradient; the bounds of clip count as inside.
rule("abs", lambda m, x: m.abs(x),
     lambda m, y, x: m.where(x > 0, 1, m.where(x < 0, -1, 0)),
     sign="|·|", text="|%s|", latex=r"\left|%s\right|", kinks=lambda m, x: (x,))
rule("max", lambda m, a, b: m.max(a, b),
     lambda m, y, a, b: m.where(a < b, NOTHING, m.where(a <= b, 0.5, 1)),
     lambda m, y, a, b: m.where(b < a, NOTHING, m.where(b <= a, 0.5, 1)),
     latex=r"\max\left(%s, %s\right)", kinks=lambda m, a, b: (a - b,))
rule("min", lambda m, a, b: m.min(a, b),
     lambda m, y, a, b: m.where(a > b, NOTHING, m.where(a >= b, 0.5, 1)),
     lambda m, y, a, b: m.where(b > a, NOTHING, m.where(b >= a, 0.5, 1)),
     latex=r"\min\left(%s, %s\right)", kinks=lambda m, a, b: (a - b,))
rule("clip", lambda m, x, lo, hi: m.min(m.max(x, lo), hi),
     lambda m, y, x, lo, hi: m.where((x >= lo) & (x <= hi), 1, NOTHING),
     params={"lo": -INF, "hi": INF}, samples=((-1.0, 1.0), (0.0, INF)),
     kinks=lambda m, x, lo, hi: (x - lo, x - hi))

# Over sequences: one node with an argument per term, which the row sees as one sequence.
rule("sum", lambda m, xs: m.sum(xs),
     lambda m, y, xs: [1.0] * len(xs),
     variadic=True, sign="Σ")
rule("mean", lambda m, xs: m.sum(xs) / len(xs),
     lambda m, y, xs: [1 / len(xs)] * len(xs),
     variadic=True, pack=some)
rule("dot", lambda m, xy: m.dot(*halves(xy)),
     lambda m, y, xy: [*halves(xy)[1], *halves(xy)[0]],
     variadic=True, sign="Σxy", pack=pair)
rule("affine", lambda m, wxb: m.dot(*halves(wxb), wxb[-1]),
     lambda m, y, wxb: [*halves(wxb)[1], *halves(wxb)[0], 1.0],
     variadic=True, sign="Σwx+b", pack=lambda ws, xs, b: (*pair(ws, xs), b))
rule("logsumexp", lambda m, xs: m.logsumexp(xs),
     lambda m, y, xs: [m.softmax_entry(x, y) for x in xs],
     variadic=True, sign="log Σ exp", pack=some)
rule("softmax_entry", lambda m, x, lse: m.exp(x - lse),  # lse: the logsumexp of all entries
     lambda m, y, x, lse: y,
     lambda m, y, x, lse: -y,
     sign="softmax")

# Losses on logits, fused so that neither overflows nor loses digits.
rule("cross_entropy", lambda m, xs, target: 0 - pick(m.log_softmax(xs), target),
     lambda m, y, xs, target: [m.exp(x) - (i == target) for i, x in enumerate(m.log_softmax(xs))],
     variadic=True, pack=some, params={"target": REQUIRED}, samples=((0,), (1,)),
     sign="cross-entropy")
rule("binary_cross_entropy",  # an infinite logit on the right side costs nothing
     lambda m, z, t: (m.where(m.equal(t, 0), 0, t * m.softplus(-z))
                      + m.where(m.equal(t, 1), 0, (1 - t) * m.softplus(z))),
     lambda m, y, z, t: m.sigmoid(z) - t,
     lambda m, y, z, t: -z,
     sign="binary cross-entropy", domain=[REAL, UNIT])

# fmt: on

SQRT_HALF = 0.5**0.5
NORMAL = 0.3989422804014327  # 1/√(2π), the height of the standard normal density
TWO_OVER_SQRT_PI = 1.1283791670955126


# ---------------------------------------------------------------- operations on whole arrays


def kept(m: Any, y: Any, x: Any, axes: Sequence[int]) -> Any:
    """What an array x was reduced to over the axes, or its gradient, with these kept as 1."""
    return m.reshape(y, tuple(1 if i in axes else n for i, n in enumerate(m.shape(x))))


def share(m: Any, g: Any, found: Any, axes: Sequence[int], dtype: Any) -> Any:
    """The gradient in equal parts where something was found, along the axes."""
    return m.select(found, g / m.count(found, axes, dtype), 0.0)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes one."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def spans(sizes: Sequence[int], axis: int) -> list[tuple[slice, ...]]:
    """Where each of several arrays lies along the axis once they are joined."""
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [
        (slice(None),) * axis + (slice(end - size, end),)
        for end, size in zip(ends, sizes, strict=True)
    ]


ALL_BUT_LAST = (Ellipsis, slice(None, -1))

# fmt: off

# Shapes: what is linear and only moves entries pulls back along the way it came.
array_rule("broadcast_to", lambda m, x, shape: m.broadcast_to(x, shape),
           lambda m, g, y, x, shape: m.unbroadcast(g, m.shape(x)))
array_rule("reshape", lambda m, x, shape: m.reshape(x, shape),
           lambda m, g, y, x, shape: m.reshape(g, m.shape(x)))
array_rule("transpose", lambda m, x, axes: m.transpose(x, axes),
           lambda m, g, y, x, axes: m.transpose(g, inverse(axes)))
array_rule("index", lambda m, x, key: m.index(x, key),
           lambda m, g, y, x, key: m.scatter(g, key, m.shape(x)), sign="[ ]")
array_rule("scatter", lambda m, x, key, shape: m.scatter(x, key, shape),
           lambda m, g, y, x, key, shape: m.index(g, key))
array_rule("gather", lambda m, xs, key: m.gather(xs, key),  # xs: an array, and those of the key
           lambda m, g, y, i, xs, key:
           None if i else m.scatter_at((g, *xs[1:]), key, m.shape(xs[0])),
           variadic=True, sign="[ ]")
array_rule("scatter_at", lambda m, xs, key, shape: m.scatter_at(xs, key, shape),
           lambda m, g, y, i, xs, key, shape: None if i else m.gather((g, *xs[1:]), key),
           variadic=True)
array_rule("concatenate", lambda m, xs, axis: m.concatenate(xs, axis),
           lambda m, g, y, i, xs, axis:
           m.index(g, spans([m.shape(x)[axis] for x in xs], axis)[i]),
           variadic=True)
array_rule("astype", lambda m, x, dtype: m.astype(x, dtype),  # the slope of 1.5·k is 1.5
           lambda m, g, y, x, dtype: m.astype(g, m.dtype(x)) if m.dtype(x).kind == "f" else g)

# Sums and choices over axes; ties of the largest share the gradient.
array_rule("sum_over", lambda m, x, axes, keepdims: m.sum_over(x, axes, keepdims),
           lambda m, g, y, x, axes, keepdims:
           m.broadcast_to(kept(m, g, x, axes), m.shape(x)), sign="Σ")
array_rule("max_over", lambda m, x, axes, keepdims: m.max_over(x, axes, keepdims),
           lambda m, g, y, x, axes, keepdims:
           share(m, kept(m, g, x, axes), m.equal(x, kept(m, y, x, axes)), axes, m.dtype(x)),
           sign="max")
array_rule("logsumexp_over", lambda m, x, axes, keepdims: m.logsumexp_over(x, axes, keepdims),
           lambda m, g, y, x, axes, keepdims:
           kept(m, g, x, axes) * m.exp(x - kept(m, y, x, axes)), sign="log Σ exp")

# Products of matrices.
array_rule("matmul", lambda m, a, b: m.matmul(a, b),
           lambda m, g, y, a, b: m.unbroadcast(m.matmul(g, m.swap(b)), m.shape(a)),
           lambda m, g, y, a, b: m.unbroadcast(m.matmul(m.swap(a), g), m.shape(b)),
           arity=2, sign="@")
array_rule("with_ones", lambda m, x: m.with_ones(x),
           lambda m, g, y, x: m.index(g, ALL_BUT_LAST), sign="[· 1]")
array_rule("linear", lambda m, x, p: m.linear(x, p),  # p = [W b], one row per neuron
           lambda m, g, y, x, p: m.matmul(g, m.index(p, ALL_BUT_LAST)),
           lambda m, g, y, x, p: m.matmul(m.swap(g), m.with_ones(x)),
           arity=2, sign="W·x+b")

# Choices. A condition is an array of truth values, through which nothing passes back.
array_rule("select", lambda m, c, a, b: m.select(c, a, b),
           lambda m, g, y, c, a, b: None,
           lambda m, g, y, c, a, b: m.unbroadcast(m.select(c, g, 0.0), m.shape(a)),
           lambda m, g, y, c, a, b: m.unbroadcast(m.select(c, 0.0, g), m.shape(b)),
           arity=3, sign="where")
array_rule("count", lambda m, c, axes, dtype: m.count(c, axes, dtype))
array_rule("one_hot", lambda m, t, classes, dtype: m.one_hot(t, classes, dtype))
array_rule("less", lambda m, a, b: a < b, arity=2, sign="<")
array_rule("less_equal", lambda m, a, b: a <= b, arity=2, sign="≤")
array_rule("greater", lambda m, a, b: a > b, arity=2, sign=">")
array_rule("greater_equal", lambda m, a, b: a >= b, arity=2, sign="≥")
array_rule("equal", lambda m, a, b: m.equal(a, b), arity=2, sign="=")
array_rule("both", lambda m, a, b: a & b, arity=2, sign="∧")

# The losses of classification: a row of logits and the number of its class, sample by sample.
array_rule("pick_rows", lambda m, x, t: m.pick_rows(x, t),
           lambda m, g, y, x, t: m.reshape(g, (*m.shape(g), 1))
           * m.one_hot(t, m.shape(x)[-1], m.dtype(x)),
           lambda m, g, y, x, t: None,
           arity=2, sign="[t]")
array_rule("cross_entropy_rows", lambda m, x, t: m.cross_entropy_rows(x, t),
           lambda m, g, y, x, t: m.reshape(g, (*m.shape(g), 1))
           * (m.exp(m.log_softmax_rows(x)) - m.one_hot(t, m.shape(x)[-1], m.dtype(x))),
           lambda m, g, y, x, t: None,
           arity=2, sign="cross-entropy")
array_rule("require", lambda m, t, targets: m.require(t, targets))
array_rule("sum_of_squares", lambda m, xs: m.sum_of_squares(xs),
           lambda m, g, y, i, xs: 2 * g * xs[i],
           variadic=True, sign="Σx²")

# fmt: on
