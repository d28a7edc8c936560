"""Derivatives as functions and as graphs.

`gradient` is the backward pass without side effects: it returns derivatives instead of adding them
to ``grad``, and with ``create_graph=True`` they are nodes that can be drawn and differentiated
again. The others take a function: `grad`, `value_and_grad`, `hessian` and `hvp` run it on
`Value`s (reverse mode), `jvp` on dual numbers (forward mode).

Where a function's argument is a list or tuple of numbers, nested as you like, its gradient comes
as lists of the same shape. Numbers in, numbers out; Values in, Values out, so that the functions
can be nested: ``grad(grad(f))``. Where there is a NumPy array among the numbers, the function runs
on `Tensor`s and the derivatives come as arrays; Tensors in, Tensors out.
"""

from __future__ import annotations

from itertools import count
from math import isfinite

from .dual import Dual
from .graph import between
from .modes import Differentiation, Unwatched, anomaly
from .node import describe, not_finite
from .numbers import GENERIC, Number, product, real
from .rule import NOTHING
from .tree import describe_shape, flatten, is_array, is_tensor, unflatten
from .value import Value, constant, recompute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .tensor.tensor import Tensor

    Function = Callable[..., Any]
    Node = Value | Tensor


def gradient(y: Node, wrt: Any, create_graph: bool = False) -> Any:
    """The derivatives ∂y/∂x for every x in ``wrt``; no node's ``grad`` is touched.

    Args:
        y: the result to differentiate: a Value, or a Tensor of one entry.
        wrt: a node, leaf or not, or a list or tuple of nodes, nested as you like.
        create_graph: whether the derivatives are to be nodes that were computed from the nodes
            of y's graph, so that they can be differentiated again; otherwise they are floats,
            or arrays for Tensors.

    Returns:
        A derivative for a node, else lists of derivatives in the shape of ``wrt``. A node that y
        does not depend on has derivative 0.

    Raises:
        TypeError: for anything that is neither a Value nor a Tensor.
        ValueError: for a Tensor with several entries; with ``create_graph``, if a node's data no
            longer follows from its arguments.
    """
    if not is_node(y):
        raise TypeError(f"gradient() differentiates a Value or Tensor, not {type(y).__name__}")
    variables = flatten(wrt)
    for x in variables:
        if not is_node(x):
            raise TypeError(
                f"gradient() is taken with respect to Values or Tensors, not {type(x).__name__}"
            )
    run = backpropagate if isinstance(y, Value) else y._quiet(backpropagate)
    received = run(y, [*variables, *wholes(variables)], create_graph)
    for x in variables:
        if (buffer := getattr(x, "_buffer", None)) and id(buffer.whole) in received:
            part = buffer.part(x, received[id(buffer.whole)])
            received[id(x)] = received[id(x)] + part if id(x) in received else part
    return unflatten(wrt, [finish(x, received.get(id(x), 0.0), create_graph) for x in variables])


def wholes(variables: Sequence[Node]) -> list[Any]:
    """The arrays that some of the variables are parts of: what depends on these depends on them."""
    buffers = {id(b): b for x in variables if (b := getattr(x, "_buffer", None))}
    return [buffer.whole for buffer in buffers.values()]


def is_node(x: Any) -> bool:
    """Whether it is a Value or a Tensor; without loading NumPy if there is no Tensor yet."""
    return isinstance(x, Value) or is_tensor(x)


def finish(x: Node, slope: Any, create_graph: bool) -> Any:
    """The derivative with respect to x as it is returned."""
    if isinstance(x, Value):
        if create_graph:
            return slope if isinstance(slope, Value) else constant(float(slope))
        return float(slope)
    if create_graph:
        return slope if isinstance(slope, Number) else x._zeros()
    return x._own(slope)


def backpropagate(y: Node, variables: Sequence[Node], create_graph: bool) -> dict[int, Any]:
    """∂y/∂node by the node's id, for all nodes between the variables and y."""
    order = between(y, *variables)
    inside = set(map(id, order))
    received: dict[int, Any] = {id(y): 1.0 if isinstance(y, Value) else y._first(create_graph)}
    for node in reversed(order):
        upstream = received.get(id(node))
        wanted = [id(x) in inside for x in node.args]
        if upstream is None or not any(wanted):
            continue
        if isinstance(node, Value):
            gradients = scalar_pull(node, upstream, create_graph, wanted)
        else:
            gradients = node._pull(upstream, create_graph, wanted)
        for x, sent in zip(node.args, gradients, strict=True):
            if sent is not None:
                received[id(x)] = received[id(x)] + sent if id(x) in received else sent
    return received


def scalar_pull(
    node: Value, upstream: Any, create_graph: bool, wanted: Sequence[bool]
) -> list[Any]:
    """The gradients that a scalar node sends to its arguments."""
    partials = recorded_partials(node) if create_graph else node.partials
    gradients: list[Any] = []
    for x, partial, want in zip(node.args, partials, wanted, strict=True):
        sent: Any = product(partial, upstream) if want else None
        if want and not isinstance(sent, Number):
            sent = 0.0 + sent
        if want and anomaly() and not isfinite(number := getattr(sent, "_data", sent)):
            raise not_finite(x, number, node)
        gradients.append(sent)
    return gradients


def recorded_partials(node: Value) -> list[Any]:
    """A node's local derivatives as a graph on its arguments."""
    if node.rule is None:
        raise ValueError(
            f"{describe(node)} was made by hand: its derivative is not known as a formula; "
            "add the operation with engine.rule(…) to differentiate it twice"
        )
    recompute(node)
    with Unwatched():
        return node.rule.differentiate(GENERIC, node, node.args, node.params)  # type: ignore[no-any-return]


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
        slopes = [plain(x, d) for x, d in zip(flatten(args[argnum]), slopes, strict=True)]
        return (y if graph else one(y.data)), unflatten(args[argnum], slopes)

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
    ∂f/∂xᵢ); in general the argument's shape in the place of each of its numbers. For an array of
    shape s, an array of shape s + s.
    """

    def derivative(*args: Any, **named: Any) -> Any:
        with Differentiation() as nested:
            variables, y, graph = record(f, argnum, args, named, nested)
            rows = [
                unflatten(args[argnum], second(slope, variables, graph))
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
        second = gradient(along(slopes, direction), variables, create_graph=graph)
    return unflatten(x, [plain(p, d) for p, d in zip(flatten(x), second, strict=True)])


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
    if any(is_array(p) for p in flatten(x)):
        return push_forward(f, x, v)
    level = next(LEVELS)
    primals = [check(p, "jvp()") for p in flatten(x)]
    duals = [Dual(p, t, level) for p, t in zip(primals, alike(x, v), strict=True)]
    result = f(unflatten(x, duals))
    if str(getattr(result, "dtype", "")) == "object":
        result = result.tolist()  # an array of numbers is a list of them
    outputs = flatten(result)
    mine = [isinstance(y, Dual) and y._rank == level + 1 for y in outputs]
    values = [y.primal if own else y for y, own in zip(outputs, mine, strict=True)]
    slopes = [y.tangent if own else 0.0 for y, own in zip(outputs, mine, strict=True)]
    slopes = [0.0 if d is NOTHING else d for d in slopes]
    return unflatten(result, values), unflatten(result, slopes)


# ---------------------------------------------------------------- arguments of any shape


def alike(x: Any, v: Any) -> list[Any]:
    """The numbers in v, which must have the shape of x."""
    if describe_shape(x) != describe_shape(v):
        raise ValueError(
            f"x and v must have one shape, not {describe_shape(x)} and {describe_shape(v)}"
        )
    return [check(number, "v") for number in flatten(v)]


def check(x: Any, what: str) -> Any:
    """``x`` itself if it is a gradpath number or an array, else as a float."""
    return x if isinstance(x, Number) or is_array(x) else real(x, what)


def record(
    f: Function, argnum: int, args: Sequence[Any], named: dict[str, Any], nested: bool
) -> tuple[list[Node], Node, bool]:
    """Run f on fresh variables: the variables, the result, and whether Values are to come out.

    A Value that is given gets a node of its own, ``x * 1``, so that other uses of it in f count as
    constants, which they are to this derivative.
    """
    if not -len(args) <= argnum < len(args):
        raise TypeError(f"argument {argnum} is to be differentiated, but {len(args)} were given")
    numbers = [check(x, "a differentiated function") for x in flatten(args[argnum])]
    if any(isinstance(x, Number) and not is_node(x) for x in numbers):
        raise TypeError(
            "reverse mode runs on numbers, Values and Tensors; for a jvp of a gradient use hvp"
        )
    graph = nested or any(map(is_node, numbers))
    leaf = leaf_maker(numbers)
    variables = [x * 1.0 if is_node(x) else leaf(x) for x in numbers]
    arguments = list(args)
    arguments[argnum] = unflatten(args[argnum], variables)
    y = f(*arguments, **named)
    if not isinstance(y, Number) and getattr(y, "size", 0) == 1:
        y = y.item()  # an array of one entry is that number
    if not isinstance(y, Number):
        y = constant(real(y, "the result of a differentiated function"))
    if not is_node(y):
        raise TypeError(f"the function must return one number, not {type(y).__name__}")
    return variables, y, graph


# ---------------------------------------------------------------- arrays


def leaf_maker(numbers: Sequence[Any]) -> Function:
    """What makes variables of the numbers: Tensors if there is an array among them."""
    if not any(map(is_array, numbers)):
        return Value
    from .tensor.tensor import Tensor

    return Tensor


def one(y: Any) -> float:
    """A result as a float; an array of one entry is that number."""
    return float(y.item() if hasattr(y, "item") else y)


def plain(x: Any, slope: Any) -> Any:
    """A result of no axes as a float, unless it is a node or belongs to an array x."""
    return slope if isinstance(slope, Number) or is_array(x) else float(slope)


def second(slope: Node, variables: Sequence[Node], graph: bool) -> list[Any]:
    """The derivatives of a first derivative: of all its entries, if it is a Tensor."""
    if isinstance(slope, Value):
        return gradient(slope, variables, create_graph=graph)  # type: ignore[no-any-return]
    import numpy as np

    from .tensor.functions import stack

    size: Any = slope.shape
    rows = [gradient(slope[i], variables, graph) for i in np.ndindex(size)]
    shapes: list[Any] = [size + x.shape for x in variables]
    if not rows:
        return [np.zeros(shape) for shape in shapes]
    join: Function = stack if graph else np.stack
    return [join([row[k] for row in rows]).reshape(s) for k, s in enumerate(shapes)]


def along(slopes: Sequence[Any], direction: Sequence[Any]) -> Any:
    """The slope in a direction: Σ slope · step."""
    if not any(map(is_tensor, slopes)):
        return GENERIC.dot(slopes, direction)
    total: Any = 0.0
    for slope, step in zip(slopes, direction, strict=True):
        total = (slope * step).sum() + total
    return total


def push_forward(f: Function, x: Any, v: Any) -> tuple[Any, Any]:
    """`jvp` on arrays, by differentiating the gradient, which is linear in what it starts from.

    Source: J. Townsend, *A new trick for calculating Jacobian vector products*, 2017.
    """
    from .tensor.tensor import Tensor

    direction = alike(x, v)
    with Differentiation():
        primals = [check(p, "jvp()") for p in flatten(x)]
        variables = [p * 1.0 if is_node(p) else Tensor(p) for p in primals]
        result = f(unflatten(x, variables))
        values, slopes = [], []
        for y in flatten(result):
            if not is_tensor(y):
                values.append(y)
                slopes.append(0.0)
                continue
            start = Tensor(y._zeros().data)
            pulled = gradient((y * start).sum(), variables, create_graph=True)
            slopes.append(gradient(along(pulled, direction), start))
            values.append(y.data)
    return unflatten(result, values), unflatten(result, slopes)
