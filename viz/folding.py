"""Long chains and sums with their middle folded away: ``… 54 more …``.

A spine is a row of computed nodes each of which serves the next and nothing else: operations of one
argument, be it in two places as in r·r, or a running sum and its terms. From the middle of a long
one becomes one card, with all that serves it alone, such as the terms. That card has one result, so
the chain rule holds through it: its local derivative is the product along the part of the chain
that it stands for.

What is left out of an operation of very many arguments, such as a sum of 200 terms in one node,
becomes one card as well. And where that is not enough, short expressions stand on the card of the
node that they serve.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from engine import Value

from .clusters import Group, Paths, depths

FEWEST = 5  # nodes that are worth a fold
MOST_ARGUMENTS = 12  # of one operation that are all shown


def folds(order: Sequence[Value], kept: Collection[Value], ends: int) -> Paths:
    """The groups that are folded away.

    Args:
        order: the nodes, arguments before results.
        kept: nodes that are shown in any case.
        ends: how many nodes of a spine, or arguments of an operation, are shown at each end.
    """
    uses = users(order)
    groups: Paths = {}
    below: Paths = {}  # by the node just below it, the group that it does not join
    names: Counter[str] = Counter()
    for spine in spines(order, uses, kept):
        middle = spine[ends : len(spine) - ends]
        if len(middle) >= FEWEST:
            below[spine[ends - 1]] = path = (fold(len(middle), names),)
            groups |= dict.fromkeys(middle, path)
    for node in order:
        if len(node.args) > MOST_ARGUMENTS and node not in groups:
            alone = dict.fromkeys(a for a in node.args if uses[a] == 1 and a not in kept)
            middle = [*alone][ends : len(alone) - ends]
            if len(middle) >= FEWEST:
                groups |= dict.fromkeys(middle, (fold(len(middle), names),))
    return serving(order, groups, below, kept)


def users(order: Sequence[Value]) -> Counter[Value]:
    """How many nodes use each."""
    inside = set(order)
    return Counter(arg for node in order for arg in {*node.args} if arg in inside)


def fold(count: int, names: Counter[str]) -> Group:
    """A group for so many nodes, by a name of its own."""
    name = f"… {count:,} more …"
    names[name] += 1
    return Group(name if names[name] == 1 else f"{name} ({names[name]})", "fold")


def spines(
    order: Sequence[Value], uses: Counter[Value], kept: Collection[Value]
) -> list[list[Value]]:
    """The rows of computed nodes each of which serves the next alone; kept ones only at an end."""
    depth = depths(order)
    above: dict[Value, Value] = {}
    for node in order:
        if candidates := [
            arg for arg in node.args if uses[arg] == 1 and arg.args and arg.scope == node.scope
        ]:
            below = max(candidates, key=lambda arg: (arg.sign == node.sign, depth[arg]))
            above[below] = node
    reached = {top for below, top in above.items() if below not in kept}
    found = []
    for node in order:
        if node in above and (node in kept or node not in reached):
            row = [node, above[node]]
            while row[-1] in above and row[-1] not in kept:
                row.append(above[row[-1]])
            found.append(row)
    return found


def serving(order: Sequence[Value], groups: Paths, below: Paths, kept: Collection[Value]) -> Paths:
    """The groups with all nodes that serve nothing but one of them."""
    users: dict[Value, set[tuple[Group, ...] | None]] = {}
    scope: dict[Value, str] = {}  # of one of them: neurons stay as they are
    found = dict(groups)
    for node in reversed(order):
        around = users.get(node, set())
        if len(around) == 1 and node not in kept:
            (user,) = around
            if user and below.get(node) is not user and node.scope in ("", scope.get(node)):
                found[node] = user
        for arg in node.args:
            users.setdefault(arg, set()).add(found.get(node))
            scope[arg] = str(node.scope)
    return found


def expressions(
    order: Sequence[Value], kept: Collection[Value], most: int, titles: Sequence[str]
) -> Paths:
    """Groups of nodes that are one short expression: those that serve one other node alone.

    Args:
        order: the nodes, arguments before results.
        kept: nodes that are shown in any case.
        most: how many nodes are an expression at most.
        titles: what the nodes' own cards are called.
    """
    uses = users(order)
    parts: dict[Value, list[Value]] = {}
    for node in order:
        parts[node] = [node]
        for arg in () if node in kept else dict.fromkeys(node.args):
            alone = uses[arg] == 1 and arg in parts and arg not in kept and not arg.label
            inner = arg.args or arg.role == "constant"
            if alone and inner and len(parts[node]) + len(parts[arg]) <= most:
                parts[node] += parts.pop(arg)
    called = dict(zip(order, titles, strict=True))
    return {
        node: (group,)
        for head, members in parts.items()
        if len(members) > 1
        for group in [Group(called[head], "expression")]
        for node in members
    }
