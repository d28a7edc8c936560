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

A node made by hand is one of many arguments, with its ``_backward`` function in ``_da`` and
`HANDMADE` in ``_db``. A neuron's activation and its weighted sum are one node, with `FOLDED` in
``_db``, as long as nobody looks: see `engine.neuron`. Until they are needed, ``_name`` (a `Name`)
and a computed node's ``_grad`` are not set at all: outside of a backward pass, read the properties
``label``, ``scope`` and ``grad``, which know that. ``_mark`` is None for a leaf; on a computed node
it is whatever the last walk over the graph has left there.
"""

from __future__ import annotations

from math import isfinite

from .modes import active
from .node import LOCK, describe, not_finite
from .rule import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .value import Value

MANY = object()  # marks a node with its arguments in a tuple
HANDMADE = object()  # marks a node whose `_backward` is the user's
FOLDED = object()  # marks a node that stands for two: see `engine.neuron`
LONGEST = 129  # arguments that code is written out for: 64 weights, 64 inputs and a bias


def computed(root: Value) -> list[Value]:
    """The computed nodes below a root and the root, arguments before results, gradients cleared.

    `graph.topological_order` without the leaves, written out for speed. A mark on the node stands
    for the set of those seen (a leaf's mark is None: it is never gone to). A node is done right
    after the last argument that is gone to from it: so the nodes on the way down to one are kept
    in a run, which turns into their order as a whole, once its end has been reached.
    """
    order: list[Value] = []
    if root._a is None:
        return order
    many, handmade, folded, mark = MANY, HANDMADE, FOLDED, object()
    as_they_are = not active
    run: list[Any] = []
    waiting: list[tuple[list[Any], list[Any]]] = []  # runs, and arguments of the last node in each
    node: Any = root
    while True:
        while True:  # down, to the first argument that is new
            node._mark = mark
            node._grad = 0.0
            run.append(node)
            a = node._a
            b = node._b
            if b is None:
                seen = a._mark
                if seen is None or seen is mark:
                    break
                node = a
            elif b is many:
                kind = node._db
                if kind is folded:  # weights are leaves, and inputs are those of other neurons too
                    inputs = node._da[4]
                    if inputs.mark is mark:
                        break
                    inputs.mark = mark
                    a = inputs.nodes
                elif kind is handmade:  # its function may look at any node
                    as_they_are = False
                args = []
                for x in a:
                    seen = x._mark
                    if seen is not None and seen is not mark:
                        args.append(x)
                if not args:
                    break
                args.reverse()
                node = args.pop()
                if args:
                    waiting.append((run, args))
                    run = []
            else:
                seen = a._mark
                if seen is None or seen is mark:
                    seen = b._mark
                    if seen is None or seen is mark:
                        break
                    node = b
                    continue
                if b._mark is not None:
                    waiting.append((run, [b]))
                    run = []
                node = a
        while True:  # up, until there is another argument that is new
            run.reverse()
            order += run
            if not waiting:
                if as_they_are or not [node.args for node in order if node._db is folded]:
                    return order
                return computed(root)  # those are two nodes each now
            run, args = waiting.pop()
            while args:
                node = args.pop()
                if node._mark is not mark:
                    break
            else:
                continue
            if args:
                waiting.append((run, args))
                run = []
            break


def send(args: Sequence[Value], partials: Sequence[float], gradient: float) -> None:
    """Send a node's gradient to all of its arguments."""
    for a, partial in zip(args, partials, strict=True):
        a._grad += partial * gradient


class OnDemand(dict["Any", "Any"]):
    """Functions by what they are for, each written when it is first needed."""

    def __init__(self, write: Callable[[Any], Any]) -> None:
        self.write = write

    def __missing__(self, key: Any) -> Any:
        self[key] = self.write(key)
        return self[key]


def sender(n: int) -> Any:
    """`send` for n arguments, up to `LONGEST` without a loop."""
    if n > LONGEST:
        return send
    args, partials = ("".join(f"{letter}{i}, " for i in range(n)) for letter in "xd")
    lines = [f"    x{i}._grad += d{i} * gradient" for i in range(n)]
    head = f"def send(args, partials, gradient):\n    {args}= args\n    {partials}= partials\n"
    names: dict[str, Any] = {}
    exec(head + "\n".join(lines), names)
    return names["send"]


SENDERS = OnDemand(sender)  # by the number of arguments


def sweep(nodes: Sequence[Value]) -> None:
    """Send every node's gradient one step back, results before arguments."""
    many, folded, handmade, nothing = MANY, FOLDED, HANDMADE, NOTHING
    for node in reversed(nodes):
        gradient = node._grad
        b = node._b
        if b is None:
            partial = node._da
            if partial is not nothing:  # it would leave the argument's gradient as it is
                node._a._grad += partial * gradient
        elif b is many:
            kind = node._db
            if kind is folded:
                parts = node._da
                partial = parts[1]
                if partial is not nothing:  # else the sum would send zeros: its partials are finite
                    parts[0](node, 0.0 + partial * gradient)
            elif kind is handmade:
                push(node)
            else:
                args = node._a
                SENDERS[len(args)](args, node._da, gradient)
        else:
            node._a._grad += node._da * gradient
            b._grad += node._db * gradient


def is_handmade(node: Value) -> bool:
    """Whether its `_backward` is the user's, or is still missing."""
    return node._db is HANDMADE or (node._a is None and node._da is not None)


def push(node: Value) -> None:
    """Send one node's gradient to its arguments."""
    if not is_handmade(node):
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
                x.grad = 0.0
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
            raise not_finite(x, x._grad, node)
