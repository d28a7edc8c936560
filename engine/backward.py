"""The backward pass: the chain rule, one node at a time, from the result to the leaves.

A node's fields are fixed slots rather than a tuple and a closure, which makes the engine several
times faster and a graph free of reference cycles. Here and in `value` their layout is known:

========  ==============  ==============  ===========================  ====================
slot      leaf            one argument    two arguments                otherwise
========  ==============  ==============  ===========================  ====================
``_a``    None            the argument    the first argument           tuple of arguments
``_b``    None            None            the second argument          `MANY`
``_da``   None            its partial     the first's partial          tuple of partials
``_db``   its role        parameters      the second's partial         parameters
========  ==============  ==============  ===========================  ====================

A node made by hand keeps `HANDMADE` in ``_b`` and its ``_backward`` function in ``_da``. Until they
are needed, ``_name`` (a `Name`) and a computed node's ``_grad`` are not set at all: outside of a
backward pass, read the properties ``label``, ``scope`` and ``grad``, which know that. ``_mark`` is
None for a leaf; on a computed node it is whatever the last walk over the graph has left there.
"""

from __future__ import annotations

from math import isfinite

from .node import LOCK, describe, describe_making
from .rule import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .value import Value

MANY = object()  # marks a node with its arguments in a tuple
HANDMADE = object()  # marks a node whose `_backward` is the user's
LONGEST = 129  # arguments that code is written out for: 64 weights, 64 inputs and a bias


def computed(root: Value) -> list[Value]:
    """The computed nodes below a root and the root, arguments before results, gradients cleared.

    `graph.topological_order` without the leaves, written out for speed. A mark on the node stands
    for the set of those seen (a leaf's mark is None: it is never gone to), and a path is followed
    down and up again rather than put on a stack step by step.
    """
    order: list[Value] = []
    if root._a is None:
        return order
    many, handmade, mark = MANY, HANDMADE, object()
    path: list[Any] = []
    waiting: list[list[Value]] = []  # per node with a tuple of arguments: those not yet gone to
    node: Any = root
    while True:
        while True:  # down, to the first argument that is new
            node._mark = mark
            node._grad = 0.0
            a = node._a
            b = node._b
            if b is many or b is handmade:
                args = []
                for x in a:
                    seen = x._mark
                    if seen is not None and seen is not mark:
                        args.append(x)
                if args:
                    args.reverse()
                    waiting.append(args)
                    path.append(node)
                else:
                    order.append(node)
                break
            seen = a._mark
            if seen is not None and seen is not mark:
                path.append(node)
                node = a
                continue
            if b is not None:
                seen = b._mark
                if seen is not None and seen is not mark:
                    path.append(node)
                    node = b
                    continue
            order.append(node)
            break
        while path:  # up, until there is another argument that is new
            node = path.pop()
            b = node._b
            if b is None:
                order.append(node)
                continue
            if b is many or b is handmade:
                args = waiting[-1]
                while args:
                    b = args.pop()
                    if b._mark is not mark:
                        break
                else:
                    waiting.pop()
                    order.append(node)
                    continue
            else:
                seen = b._mark
                if seen is None or seen is mark:
                    order.append(node)
                    continue
            path.append(node)
            node = b
            break
        else:
            return order


def send(args: Sequence[Value], partials: Sequence[float], gradient: float) -> None:
    """Send a node's gradient to all of its arguments."""
    for a, partial in zip(args, partials, strict=True):
        a._grad += partial * gradient


class Senders(dict[int, "Callable[[Sequence[Value], Sequence[float], float], None]"]):
    """`send` by the number of arguments: up to `LONGEST`, written out when first needed."""

    def __missing__(self, n: int) -> Callable[[Sequence[Value], Sequence[float], float], None]:
        if n > LONGEST:
            return send
        names: dict[str, Any] = {}
        exec(written_out(n), names)
        self[n] = found = names["send"]
        return found  # type: ignore[no-any-return]


def written_out(n: int) -> str:
    """Source of `send` for n arguments, without a loop."""
    args, partials = ("".join(f"{letter}{i}, " for i in range(n)) for letter in "xd")
    lines = [f"    x{i}._grad += d{i} * gradient" for i in range(n)]
    head = f"def send(args, partials, gradient):\n    {args}= args\n    {partials}= partials\n"
    return head + "\n".join(lines)


SENDERS = Senders()


def sweep(nodes: Sequence[Value]) -> None:
    """Send every node's gradient one step back, results before arguments."""
    many, handmade, nothing = MANY, HANDMADE, NOTHING
    for node in reversed(nodes):
        gradient = node._grad
        b = node._b
        if b is None:
            partial = node._da
            if partial is not nothing:  # it would leave the argument's gradient as it is
                node._a._grad += partial * gradient
        elif b is many:
            args = node._a
            SENDERS[len(args)](args, node._da, gradient)
        elif b is handmade:
            push(node)
        else:
            node._a._grad += node._da * gradient
            b._grad += node._db * gradient


def push(node: Value) -> None:
    """Send one node's gradient to its arguments."""
    if node._b is not HANDMADE:
        for a, partial in zip(node.args, node.partials, strict=True):
            a._grad = a.grad + partial * node.grad
    elif node._da is None:
        raise RuntimeError(
            f"{describe(node)} was made by hand and has no _backward: assign it a function that "
            "adds to its arguments' grad, as in  out._backward = f"
        )
    else:
        node._da()


def probe(node: Value) -> tuple[float, ...]:
    """The local derivatives of a node made by hand: what its _backward makes of a gradient of 1.

    An argument that occurs twice has its whole derivative at its first place.
    """
    with LOCK:
        touched = {id(x): (x, x.grad) for x in (node, *node._a)}
        try:
            for x, _ in touched.values():
                x._grad = 0.0
            node._grad = 1.0
            push(node)
            partials = []
            for x in node._a:
                partials.append(x._grad)
                x._grad = 0.0
            return tuple(partials)
        finally:
            for x, grad in touched.values():
                x._grad = grad


def check_gradients(node: Value) -> None:
    """Raise at the node that sent a gradient which is not finite."""
    for x in node.args:
        if not isfinite(x._grad):
            raise FloatingPointError(
                f"the gradient of {describe(x)} became {x._grad} in the backward pass of "
                f"{describe(node)}, whose gradient is {node._grad}\n{describe_making(node)}"
            )
