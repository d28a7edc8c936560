"""Large graphs: neurons, layers and what is alike become one card each.

A card stands for

- the nodes of a neuron or, if there are too many neurons, of a layer, by their scope;
- nodes without a scope that do the same to the same: the squares of all weights of a layer, the
  running sum over samples; if that leaves too many, those at about the same depth;
- leaves without a scope that go to the same places.

An output, and whatever would be alone, stays a node.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from engine import Value, topological_order

from .drawing import (
    FULL_CARDS,
    Card,
    Drawing,
    Edge,
    card,
    checked,
    describe,
    drawing,
    edges,
    outputs,
    refuse_more_than_fits,
)

COLLAPSED, MOST_EDGES, MOST_PLACES = 2_500, 5_000, 20_000
"""Above so many nodes, edges, or places where edges pass by nodes, a graph is collapsed."""

BANDS = 60  # of depth, where nothing else makes a large graph small
Expand = bool | str | Collection[str] | None
Key = object  # what the nodes of one card have in common


def describe_any(
    root: Value | Sequence[Value], marks: Mapping[Value, str] | None, expand: Expand
) -> Drawing:
    """The drawing of a graph node by node, or collapsed if it is large or ``expand`` says so.

    Raises:
        TypeError: as `describe`, and if ``expand`` is no name, no collection of names and no bool.
        ValueError: as `describe` and `collapse`.
    """
    if not isinstance(expand, bool | str | Collection | None):
        raise TypeError(f"expand is the name of a card, several, or a bool, not {expand!r:.60}")
    roots = outputs(root)
    order = topological_order(roots)
    if expand is True or (expand is None and not is_large(order)):
        return describe(root, marks)
    return collapse(order, roots, checked(marks), expand)


def is_large(order: Sequence[Value]) -> bool:
    """Whether a graph would take Graphviz long to lay out, or a reader to see anything in it.

    Time goes with the nodes, the edges and, most in long chains, with the places: an edge takes
    one on every rank that it passes on its way. A leaf stands just before its first use.
    """
    if len(order) <= FULL_CARDS:
        return False
    count = sum(len(node.args) for node in order)
    if len(order) > COLLAPSED or count > MOST_EDGES:
        return True
    rank = depths(order)
    for node in reversed(order):
        for arg in node.args:
            if not arg.args:
                rank[arg] = rank[node] - 1  # in the end, before its first use in this order
    places = sum(abs(rank[node] - rank[arg]) - 1 for node in order for arg in node.args)
    return places > MOST_PLACES


def depths(order: Sequence[Value]) -> dict[Value, int]:
    """How many operations each node is away from the leaves."""
    depth: dict[Value, int] = {}
    for node in order:
        depth[node] = 1 + max((depth[arg] for arg in node.args), default=-1)
    return depth


def collapse(
    order: Sequence[Value],
    roots: Collection[Value],
    marks: Mapping[Value, str],
    expand: Expand,
) -> Drawing:
    """The drawing of a graph with one card for many nodes.

    Args:
        order: the nodes, arguments before results.
        roots: the outputs among them.
        marks: nodes that shall stand out, and why.
        expand: names of cards to take apart, one level down; also names that theirs begin with.

    Raises:
        ValueError: if no card has a name in ``expand``, or more is to be shown than fits.
    """
    keys = named(grouped(order, roots))
    for name in () if expand is None or isinstance(expand, bool) else several(expand):
        keys = taken_apart(keys, name)
    members: dict[str | Value, list[Value]] = {}
    for node in order:
        members.setdefault(keys[node], []).append(node)
    refuse_more_than_fits(len(members))
    unnamed = {node: f"v{i}" for i, node in enumerate(order)}
    cards = []
    for called, nodes in members.items():
        if len(nodes) == 1:
            (node,) = nodes
            cards.append(card(node, unnamed[node], node in roots, marks.get(node, "")))
        else:
            cards.append(summary(str(called), nodes, marks))
    place = {node: i for i, nodes in enumerate(members.values()) for node in nodes}
    collapsed = f"{len(order):,} nodes on {len(cards):,} cards"
    hint = "expand=… takes cards apart, by name"
    return drawing(cards, merged(edges(order), order, place), [f"{collapsed}: {hint}"])


def several(expand: str | Collection[str]) -> list[str]:
    """The names to expand."""
    return [expand] if isinstance(expand, str) else list(expand)


def summary(name: str, nodes: Sequence[Value], marks: Mapping[Value, str]) -> Card:
    """The card that stands for many nodes."""
    parameters = [node for node in nodes if node.role == "parameter"]
    roles = {node.role for node in nodes}
    role = "parameter" if parameters else roles.pop() if len(roles) == 1 else "computed"
    signs = {node.sign for node in nodes}
    return Card(
        name=name,
        named=True,
        sign=signs.pop() if len(signs) == 1 else "",
        role=role,
        scope="",
        data=math.nan,
        grad=norm(node.grad for node in parameters or nodes),
        output=False,
        mark="; ".join(dict.fromkeys(marks[node] for node in nodes if node in marks)),
        size=len(nodes),
    )


def merged(
    found: Iterable[Edge], order: Sequence[Value], place: Mapping[Value, int]
) -> Iterator[Edge]:
    """The edges between cards; of several from one card to another, one for all."""
    bundles: dict[tuple[int, int], list[Edge]] = {}
    for edge in found:
        ends = place[order[edge.tail]], place[order[edge.head]]
        if ends[0] != ends[1]:
            bundles.setdefault(ends, []).append(edge)
    for (tail, head), bundle in sorted(bundles.items(), key=lambda item: item[0][::-1]):
        if len(bundle) == 1:
            yield replace(bundle[0], tail=tail, head=head)
        else:
            sent = norm(edge.sent for edge in bundle)
            faded = all(edge.faded for edge in bundle)
            yield Edge(tail, head, bundle[0].position, None, sent, faded, size=len(bundle))


def norm(numbers: Iterable[float]) -> float:
    """The Euclidean norm; nan if a number is nan."""
    numbers = list(numbers)
    return math.nan if any(map(math.isnan, numbers)) else math.hypot(*numbers)


# ---------------------------------------------------------------- what belongs together


def levels(scope: str) -> list[str]:
    """The parts of a network that a scope lies in, from the largest to the smallest.

    >>> levels("layers.0.neurons.3")
    ['layers.0', 'layers.0.neurons.3']
    """
    parts = scope.split(".")
    found = [".".join(parts[: i + 1]) for i, part in enumerate(parts) if part.isdecimal()]
    return found if found and found[-1] == scope else [*found, scope]


def grouped(order: Sequence[Value], roots: Collection[Value]) -> dict[Value, Key]:
    """What each node is shown with."""
    kept = set(roots)
    scopes = {node: levels(str(node.scope)) for node in order if node.scope and node not in kept}
    neurons = len({found[-1] for found in scopes.values()})
    level = -1 if neurons <= FULL_CARDS else 0
    keys: dict[Value, Key] = {node: found[level] for node, found in scopes.items()}
    coarse: dict[Value, Key] = {node: found[0] for node, found in scopes.items()}
    free = [node for node in order if node not in scopes and node not in kept]
    found = alike(free, coarse)
    if len(set(found.values())) + len(set(keys.values())) > FULL_CARDS:
        found = bands(free, order)
    for node in order:
        keys.setdefault(node, found.get(node, node))
    return keys | leaves(free, order, keys)


def alike(free: Sequence[Value], known: Mapping[Value, Key]) -> dict[Value, Key]:
    """Groups of computed nodes with one operation and arguments from the same groups.

    A node whose argument is in a group of its own operation joins that: a running sum is one group.
    """
    groups: dict[Value, Key] = {}
    signs: dict[Key, str] = {}
    ids: dict[object, Key] = {}
    for node in free:
        if not node.args:
            continue
        below = {groups.get(arg, known.get(arg)) for arg in node.args} - {None}
        same = [key for key in map(groups.get, node.args) if key and signs[key] == node.sign]
        what = (node.sign, frozenset(below))
        key = same[0] if same else ids.setdefault(what, (node.sign, len(ids)))
        groups[node], signs[key] = key, node.sign
    return groups


def bands(free: Sequence[Value], order: Sequence[Value]) -> dict[Value, Key]:
    """Groups of computed nodes at about the same depth."""
    depth = depths(order)
    width = max(depth.values()) // BANDS + 1
    return {node: ("depth", depth[node] // width) for node in free if node.args}


def leaves(
    free: Sequence[Value], order: Sequence[Value], keys: Mapping[Value, Key]
) -> dict[Value, Key]:
    """Groups of leaves with one role that go to the same groups."""
    goals: dict[Value, set[Key]] = {node: set() for node in free if not node.args}
    for node in order:
        for arg in node.args:
            if arg in goals:
                goals[arg].add(keys[node])
    return {leaf: (leaf.role, frozenset(goal)) for leaf, goal in goals.items()}


# ---------------------------------------------------------------- names, and taking apart


def named(keys: Mapping[Value, Key]) -> dict[Value, str | Value]:
    """The groups by the names that their cards have: a scope, ``inputs``, ``group 3``.

    A node that is alone stands for itself.
    """
    members: dict[Key, list[Value]] = {}
    for node, key in keys.items():
        members.setdefault(key, []).append(node)
    many = {key: nodes for key, nodes in members.items() if len(nodes) > 1}
    words = {
        key: "group" if nodes[0].args else f"{nodes[0].role}s"
        for key, nodes in many.items()
        if not isinstance(key, str)
    }
    often, used = Counter(words.values()), Counter[str]()
    names: dict[Key, str] = {}
    for key, word in words.items():
        used[word] += 1
        names[key] = word if often[word] == 1 else f"{word} {used[word]}"
    return {node: names.get(key, str(key)) if key in many else node for node, key in keys.items()}


def taken_apart(keys: Mapping[Value, str | Value], name: str) -> dict[Value, str | Value]:
    """The groups after those of that name, or below it, have been taken apart one level."""
    found = dict(keys)
    for node, key in keys.items():
        if isinstance(key, str) and (key == name or key.startswith(f"{name}.")):
            finer = (x for x in levels(node.scope) if node.scope and len(x) > len(key))
            found[node] = next(finer, node)
    if found == keys:
        names = list(dict.fromkeys(key for key in keys.values() if isinstance(key, str)))
        shown = ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
        raise ValueError(f"no card is called {name!r} to expand; there are {shown or 'none'}")
    return found
