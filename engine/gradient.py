"""Derivatives as functions and as graphs.

`gradient` is the backward pass without side effects: it returns derivatives instead of adding them
to ``grad``, and with ``create_graph=True`` they are nodes that can be drawn and differentiated
again. The others take a function: `grad`, `value_and_grad`, `hessian` and `hvp` run it on
`Value`s (reverse mode), `jvp` on dual numbers (forward mode).

Where a function's argument is a list or tuple of numbers, nested as you like, its gradient comes
as lists of the same shape. Numbers in, numbers out; Values in, Values out, so that the functions
can be nested: ``grad(grad(f))``.
"""

from __future__ import annotations

from itertools import count
from math import isfinite

from .backward import name
from .dual import Dual
from .graph import topological_order
from .maths import GENERIC, Number, product, real
from .modes import ANOMALY, Differentiation, anomaly
from .rules import NOTHING
from .value import Value, constant, recompute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Function = Callable[..., Any]


def gradient(y: Value, wrt: Any, create_graph: bool = False) -> Any:
    """The derivatives ∂y/∂x for every x in ``wrt``; no node's ``grad`` is touched.

    Args:
        y: the result to differentiate.
        wrt: a node, leaf or not, or a list or tuple of nodes, nested as you like.
        create_graph: whether the derivatives are to be Values that were computed from the nodes
            of y's graph, so that they can be differentiated again; otherwise they are floats.

    Returns:
        A derivative for a node, else lists of derivatives in the shape of ``wrt``. A node that y
        does not depend on has derivative 0.

    Raises:
        TypeError: for anything that is not a Value.
        ValueError: with ``create_graph``, if a node's data no longer follows from its arguments.
    """
    if not isinstance(y, Value):
        raise TypeError(f"gradient() differentiates a Value, not {type(y).__name__}")
    variables = flatten(wrt)
    for x in variables:
        if not isinstance(x, Value):
            raise TypeError(f"gradient() is taken with respect to Values, not {type(x).__name__}")
    received = backpropagate(y, variables, create_graph)
    slopes = [received.get(id(x), 0.0) for x in variables]
    if create_graph:
        slopes = [d if isinstance(d, Value) else constant(float(d)) for d in slopes]
    return unflatten(wrt, [d if isinstance(d, Value) else float(d) for d in slopes])


def backpropagate(y: Value, variables: Sequence[Value], create_graph: bool) -> dict[int, Any]:
    """∂y/∂node by the node's id, for all nodes between the variables and y."""
    order = topological_order(y)
    between = {id(x) for x in variables}
    for node in order:
        if any(id(x) in between for x in node.args):
            between.add(id(node))
    received: dict[int, Any] = {id(y): 1.0}
    for node in reversed(order):
        upstream = received.get(id(node))
        if upstream is None or not node.args:
            continue
        partials = recorded_partials(node) if create_graph else node.partials
        for x, partial in zip(node.args, partials, strict=True):
            if id(x) not in between:
                continue
            sent = product(partial, upstream)
            if id(x) in received:
                sent = received[id(x)] + sent
            received[id(x)] = sent if isinstance(sent, Number) else 0.0 + sent
            number = sent.data if isinstance(sent, Value) else sent
            if anomaly() and not isfinite(number):
                raise FloatingPointError(
                    f"the gradient of {name(x)} became {number} "
                    f"in the backward pass of {name(node)}"
                )
    return received


def recorded_partials(node: Value) -> list[Any]:
    """A node's local derivatives as a graph on its arguments."""
    if node.rule is None:
        raise ValueError(
            f"{name(node)} was made by hand: its derivative is not known as a formula; "
            "add the operation with engine.rule(…) to differentiate it twice"
        )
    recompute(node)
    quiet = ANOMALY.set(False)  # a branch that is not taken may well be infinite
    try:
        return node.rule.differentiate(GENERIC, node, node.args, node.params)
    finally:
        ANOMALY.reset(quiet)


def value_and_grad(f: Function, argnum: int = 0) -> Function:
    """A function that returns f(…) and its gradient with respect to one argument.

    Args:
        f: a function with one number as its result.
        argnum: which positional argument to differentiate by.
    """

    def derivative(*args: Any, **named: Any) -> tuple[Any, Any]:
        with Differentiation() as nested:
            variables, y, graph = record(f, argnum, args, named, nested)
            slopes = gradient(y, variables, create_graph=graph)
        return (y if graph else y.data), unflatten(args[argnum], slopes)

    return derivative


def grad(f: Function, argnum: int = 0) -> Function:
    """The gradient of f as a function: ``grad(f)(x)`` is ∂f/∂x at x.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    both = value_and_grad(f, argnum)
    return lambda *args, **named: both(*args, **named)[1]


def hessian(f: Function, argnum: int = 0) -> Function:
    """All second derivatives of f as a function.

    For a number, f″; for a list of n numbers, n lists of n numbers (row i: the gradient of
    ∂f/∂xᵢ); in general the argument's shape in the place of each of its numbers.
    """

    def derivative(*args: Any, **named: Any) -> Any:
        with Differentiation() as nested:
            variables, y, graph = record(f, argnum, args, named, nested)
            rows = [
                unflatten(args[argnum], gradient(slope, variables, create_graph=graph))
                for slope in gradient(y, variables, create_graph=True)
            ]
        return unflatten(args[argnum], rows)

    return derivative


def hvp(f: Function, x: Any, v: Any) -> Any:
    """The Hessian of f at x times the vector v, at the cost of a few gradients.

    Args:
        f: a function of one argument with one number as its result.
        x: the argument: a number, or lists of numbers.
        v: the vector, in the shape of x.

    Returns:
        H·v in the shape of x.

    Source: B. Pearlmutter, *Fast exact multiplication by the Hessian*, Neural Computation 6, 1994.
    """
    direction = alike(x, v)
    with Differentiation() as nested:
        variables, y, graph = record(f, 0, (x,), {}, nested)
        slopes = gradient(y, variables, create_graph=True)
        along = GENERIC.dot(slopes, direction)
        return unflatten(x, gradient(along, variables, create_graph=graph))


LEVELS = count(1)  # an inner jvp starts later, so its level is the higher


def jvp(f: Function, x: Any, v: Any) -> tuple[Any, Any]:
    """f(x) and its derivative along v, in one forward pass of dual numbers.

    Args:
        f: a function of one argument; its result may be a number or lists of numbers.
        x: the argument: a number, or lists of numbers.
        v: the direction, in the shape of x.

    Returns:
        The value and the directional derivative Σᵢ ∂f/∂xᵢ·vᵢ, both in the shape of f's result.
    """
    level = next(LEVELS)
    primals = [check(p, "jvp()") for p in flatten(x)]
    duals = [Dual(p, t, level) for p, t in zip(primals, alike(x, v), strict=True)]
    result = f(unflatten(x, duals))
    outputs = flatten(result)
    mine = [isinstance(y, Dual) and y._rank == level + 1 for y in outputs]
    values = [y.primal if own else y for y, own in zip(outputs, mine, strict=True)]
    slopes = [y.tangent if own else 0.0 for y, own in zip(outputs, mine, strict=True)]
    slopes = [0.0 if d is NOTHING else d for d in slopes]
    return unflatten(result, values), unflatten(result, slopes)


# ---------------------------------------------------------------- arguments of any shape


def flatten(x: Any) -> list[Any]:
    """The numbers in nested lists and tuples, in order."""
    if isinstance(x, (list, tuple)):
        return [number for part in x for number in flatten(part)]
    return [x]


def unflatten(like: Any, numbers: Sequence[Any]) -> Any:
    """The numbers as lists in the shape of ``like``."""
    return refill(like, iter(numbers))


def refill(shape: Any, remaining: Iterator[Any]) -> Any:
    """The next numbers as lists of that shape."""
    if isinstance(shape, (list, tuple)):
        return [refill(part, remaining) for part in shape]
    return next(remaining)


def alike(x: Any, v: Any) -> list[Any]:
    """The numbers in v, which must have the shape of x."""
    if shape(x) != shape(v):
        raise ValueError(f"x and v must have one shape, not {shape(x)} and {shape(v)}")
    return [check(number, "v") for number in flatten(v)]


def shape(x: Any) -> str:
    """The nesting of lists as text: ``[.,.]`` for a list of two numbers."""
    if isinstance(x, (list, tuple)):
        return "[" + ",".join(map(shape, x)) + "]"
    return "."


def check(x: Any, what: str) -> Any:
    """``x`` itself if it is a gradpath number, else as a float."""
    return x if isinstance(x, Number) else real(x, what)


def record(
    f: Function, argnum: int, args: Sequence[Any], named: dict[str, Any], nested: bool
) -> tuple[list[Value], Value, bool]:
    """Run f on fresh variables: the variables, the result, and whether Values are to come out.

    A Value that is given gets a node of its own, ``x * 1``, so that other uses of it in f count as
    constants, which they are to this derivative.
    """
    if not -len(args) <= argnum < len(args):
        raise TypeError(f"argument {argnum} is to be differentiated, but {len(args)} were given")
    numbers = [check(x, "a differentiated function") for x in flatten(args[argnum])]
    if any(isinstance(x, Number) and not isinstance(x, Value) for x in numbers):
        raise TypeError("reverse mode runs on numbers and Values; for a jvp of a gradient use hvp")
    graph = nested or any(isinstance(x, Value) for x in numbers)
    variables = [x * 1.0 if isinstance(x, Value) else Value(x) for x in numbers]
    arguments = list(args)
    arguments[argnum] = unflatten(args[argnum], variables)
    y = f(*arguments, **named)
    if not isinstance(y, Number):
        y = constant(real(y, "the result of a differentiated function"))
    if not isinstance(y, Value):
        raise TypeError(f"the function must return one number, not {type(y).__name__}")
    return variables, y, graph
