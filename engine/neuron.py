"""A neuron as one node: an activation of a weighted sum, which are two as soon as anyone looks.

Half the nodes of a network are weighted sums that nothing but their activation ever asks for. So
both are made as one node, in which the row of the weighted sum stays folded up: `unfold` takes it
out when a node's arguments are asked for, by pictures, copies, second derivatives or a user. Until
then only the backward pass meets it. A ReLU that is off then sends nothing at all.

The code is written from the rows, as that of all nodes is: see `engine.rowcode`.
"""

from __future__ import annotations

from .backward import FOLDED, LONGEST, MANY, OnDemand
from .node import LOCK
from .reals import REALS
from .rowcode import guarded, listed, made, many, run, summed, tuple_of
from .rule import TABLE, Rule
from .symbol import ATOMS, straight_line, value_and_partials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .value import Value

SUM = TABLE["affine"]  # of weights, inputs and bias


class Inputs:
    """The inputs of a layer, which its neurons share.

    Attributes:
        nodes: the nodes.
        data: their numbers as they are now; empty if there are others than Values among them.
        mark: what the last walk over the graph that came by has left here.
    """

    __slots__ = ("nodes", "data", "mark")

    def __init__(self, nodes: Sequence[Any]) -> None:
        self.nodes = tuple(nodes)
        self.mark: object = None
        try:
            self.data = tuple([x._data for x in nodes])
        except AttributeError:
            self.data = ()


def for_inputs(write: Callable[[int], str], names: dict[str, Any]) -> OnDemand:
    """Functions that are written out for so many inputs.

    They take weights and bias in one tuple, the `Inputs` and a name for what is computed. They give
    None for what they are not written for: computed weights, a sum that is inf or nan, or other
    numbers than floats.
    """

    def function(n: int) -> Any:
        if 2 * n >= LONGEST:
            return lambda ws, inputs, name: None
        return run(write(n), f"for a neuron of {n} inputs", names)["make"]

    return OnDemand(function)


def head(n: int) -> list[str]:
    """The first lines of such a function: the nodes w, b and x, and their numbers v, c and u."""
    w, v = [*many("w", n), "b_"], [*many("v", n), "c_"]
    return [
        "def make(ws_, inputs_, name_):",
        f"    {listed(w)} = ws_",
        f"    {listed(many('u', n))} = inputs_.data",
        "    try:",
        f"        if {' or '.join(f'{node}._a' for node in w)}:",
        "            return None",
        *(f"        {number} = {node}._data" for number, node in zip(v, w, strict=True)),
        "    except AttributeError:",
        "        return None",
    ]


def activated(row: Rule, n: int) -> str:
    """Source for neurons of n inputs: what makes one, and what sends its gradient on."""
    w, x, v, u = (many(letter, n) for letter in "wxvu")
    sum_steps, slopes = summed(SUM, [*v, *u, "c_"], "z_")
    steps, (slope,) = straight_line(*value_and_partials(row, ATOMS, ["z_"], "y_"))
    sent = zip([*w, *x, "b_"], slopes, strict=True)
    kept = ["send", "d_", "z_", "name_", "inputs_", *v, "c_"]
    return "\n".join(
        [
            *head(n),
            *(f"    {step}" for step in sum_steps),
            "    if type(z_) is not float or not -INF_ < z_ < INF_:",
            "        return None",
            *guarded([*steps, f"d_ = {slope}"], "return None"),
            *made("out_", "y_", "row_", ("ws_", "MANY_", tuple_of(kept), "FOLDED_")),
            "    return out_",
            "def send(node_, gradient_):",
            f"    {listed([*w, 'b_'])} = node_._a",
            f"    {listed(['_'] * 4 + kept[4:])} = node_._da",
            f"    {listed(x)} = inputs_.nodes",
            f"    {listed(u)} = inputs_.data",
            *(f"    {node}._grad += {slope} * gradient_" for node, slope in sent),
        ]
    )


def apart(n: int) -> str:
    """Source for b + w₀x₀ + w₁x₁ + … of + and × nodes, in micrograd's order."""
    lines, total, number = [f"    {listed(many('x', n))} = inputs_.nodes"], "b_", "c_"
    for w, x, v, u, i in zip(*(many(letter, n) for letter in "wxvu"), range(n), strict=True):
        for name, args, data in (
            ("mul", (w, x), (v, u)),
            ("add", (total, f"mul{i}_"), (number, f"z_mul{i}_")),
        ):
            node, z = f"{name}{i}_", f"z_{name}{i}_"
            steps, slopes = straight_line(*value_and_partials(TABLE[name], ATOMS, data, z), z)
            lines += [f"    {step}" for step in steps]
            lines += made(node, z, f"{name}_row_", (*args, *slopes))
            lines += [f"    {node}._name = name_"]
        total, number = f"add{i}_", f"z_add{i}_"
    floats = f"type({number}) is float"
    return "\n".join([*head(n), *lines, f"    return {total} if {floats} else None"])


def unfold(node: Value) -> None:
    """Make two nodes of one, as if they had always been."""
    with LOCK:
        if node._db is not FOLDED:  # another thread was quicker
            return
        ws = node._a
        _, partial, data, name, inputs, *numbers = node._da
        inner = type(node).__new__(type(node))
        inner._data, inner._rule, inner._mark, inner._name = data, SUM, 0, name
        inner._a, inner._b, inner._db = (*ws[:-1], *inputs.nodes, ws[-1]), MANY, ()
        numbers[-1:-1] = inputs.data
        inner._da = tuple(SUM.differentiate(REALS, data, numbers))
        if hasattr(node, "_grad"):
            inner._grad = 0.0 + partial * node._grad
        node._a, node._b, node._da = inner, None, partial
        node._db = None  # last: others look at it first
