"""The backward pass: the chain rule, one node at a time, from the result to the leaves.

A node's fields are fixed slots rather than a tuple and a closure, which makes the engine several
times faster and a graph free of reference cycles. Here, `value` and `copies` know their layout:

========  ==============  ==============  ===========================  ====================
slot      leaf            one argument    two arguments                otherwise
========  ==============  ==============  ===========================  ====================
``_a``    None            the argument    the first argument           tuple of arguments
``_b``    None            None            the second argument          `MANY`
``_da``   None            its partial     the first's partial          tuple of partials
``_db``   its role        parameters      the second's partial         parameters
========  ==============  ==============  ===========================  ====================

A node made by hand keeps `HANDMADE` in ``_b`` and its ``_backward`` function in ``_da``.
"""

from __future__ import annotations

from _thread import RLock
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .value import Value

MANY = object()  # marks a node with its arguments in a tuple
HANDMADE = object()  # marks a node whose `_backward` is the user's
LOCK = RLock()  # two threads may share leaves; each backward pass runs whole


def computed(root: Value) -> list[Value]:
    """The computed nodes below a root and the root, arguments before results.

    `graph.topological_order` without the leaves, written out for speed: a mark on the node stands
    for the set of those seen.
    """
    order: list[Value] = []
    if root._a is None:
        return order
    mark = object()
    stack: list[Any] = [root]
    later, pop, done = stack.append, stack.pop, order.append
    while stack:
        node = pop()
        if node is None:  # everything below the next one is done
            done(pop())
        elif node._mark is not mark:
            node._mark = mark
            later(node)
            later(None)
            a, b = node._a, node._b
            if b is None:
                if a._a is not None and a._mark is not mark:
                    later(a)
            elif b is MANY or b is HANDMADE:
                stack += [x for x in a if x._a is not None and x._mark is not mark][::-1]
            else:
                if b._a is not None and b._mark is not mark:
                    later(b)
                if a._a is not None and a._mark is not mark:
                    later(a)
    return order


def sweep(nodes: Sequence[Value]) -> None:
    """Send every node's gradient one step back, results before arguments."""
    for node in reversed(nodes):
        gradient = node._grad
        b = node._b
        if b is None:
            node._a._grad += node._da * gradient
        elif b is MANY:
            for a, partial in zip(node._a, node._da, strict=True):
                a._grad += partial * gradient
        elif b is HANDMADE:
            push(node)
        else:
            node._a._grad += node._da * gradient
            b._grad += node._db * gradient


def push(node: Value) -> None:
    """Send one node's gradient to its arguments."""
    if node._b is not HANDMADE:
        for a, partial in zip(node.args, node.partials, strict=True):
            a._grad += partial * node._grad
    elif node._da is None:
        raise RuntimeError(
            f"{name(node)} was made by hand and has no _backward: assign it a function that adds "
            "to its arguments' grad, as in  out._backward = f"
        )
    else:
        node._da()


def probe(node: Value) -> tuple[float, ...]:
    """The local derivatives of a node made by hand: what its _backward makes of a gradient of 1.

    An argument that occurs twice has its whole derivative at its first place.
    """
    with LOCK:
        touched = {id(x): (x, x._grad) for x in (node, *node._a)}
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
                f"the gradient of {name(x)} became {x._grad} in the backward pass of {name(node)}, "
                f"whose gradient is {node._grad}\n{made(node)}"
            )


def name(node: Value) -> str:
    """A node in a message: ``'h' (tanh, 0.46)``."""
    label = full_label(node)
    return f"{repr(label) if label else 'a node'} ({node._op or node.role}, {node._data:g})"


def full_label(node: Value) -> str:
    """The label with the scope before it; "" without a label."""
    return f"{node.scope}.{node.label}" if node.scope and node.label else str(node.label)


def made(node: Value) -> str:
    """How a node was made: its operands and its line, for the end of a message."""
    shown = [f"{full_label(x) or x._op or x.role} = {x._data!r}" for x in node.args[:8]]
    if len(node.args) > len(shown):
        shown.append(f"… and {len(node.args) - len(shown):,} more")
    operands = ", ".join(shown)
    line = node.origin or "unknown: record under detect_anomaly() to see it"
    return f"  operands: {operands}\n  made at: {line}"
