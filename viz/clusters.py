"""What belongs together in a graph: a network's layers, neurons and samples, and what is alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine import Value

from .drawing import written_sign

Key = object  # what the nodes of one group have in common


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes that one card can stand for, or one box can hold.

    Attributes:
        name: what it is called in pictures: ``L1 n3``, ``sample 2``, ``inputs``.
        kind: ``"neuron"``, ``"layer"``, ``"sample"``, ``"fold"``, ``"expression"``, or ``""``
            for what is just alike.
        scope: the part of the network that it is, such as ``layers.1.neurons.3``.
    """

    name: str
    kind: str = ""
    scope: str = ""


Paths = dict[Value, tuple[Group, ...]]
"""For each node the groups that it is in, the largest first."""


# ---------------------------------------------------------------- by scope


@cache
def levels(scope: str) -> tuple[str, ...]:
    """The parts of a network that a scope lies in, from the largest to the smallest.

    >>> levels("layers.0.neurons.3")
    ('layers.0', 'layers.0.neurons.3')
    """
    parts = scope.split(".")
    found = [".".join(parts[: i + 1]) for i, part in enumerate(parts) if part.isdecimal()]
    return (*found,) if found and found[-1] == scope else (*found, scope)


@cache
def title(scope: str) -> str:
    """A part of a network in short.

    >>> title("layers.0.neurons.3"), title("encoder.2")
    ('L0 n3', 'encoder.2')
    """
    short = re.sub(r"\blayers\.(\d+)", r"L\1", scope)
    return re.sub(r"(^|\.)neurons\.(\d+)", r" n\2", short).strip()


def by_scope(order: Iterable[Value], words: str = "") -> Paths:
    """The layer and the neuron of every node that has a scope; a layer of one neuron is that.

    Args:
        order: the nodes.
        words: what follows a part's name: `` weights``.
    """
    scoped = [node for node in order if node.scope]
    within: dict[str, set[str]] = {}
    for scope in {str(node.scope) for node in scoped}:
        parts = levels(scope)
        within.setdefault(parts[0], set()).add(parts[-1])
    groups: dict[str, tuple[Group, ...]] = {}
    large: dict[str, Group] = {}
    for node in scoped:
        if node.scope in groups:
            continue
        layer, *_, neuron = (*levels(node.scope), levels(node.scope)[-1])
        small = Group(title(neuron) + words, "neuron", neuron)
        if within[layer] == {neuron}:
            groups[node.scope] = (small,)
        else:
            whole = large.setdefault(layer, Group(title(layer) + words, "layer", layer))
            groups[node.scope] = (whole, small)
    shared: dict[str, Group] = {}  # scopes of one neuron, such as a.1.x and a.1.y, are told apart
    for scope, path in groups.items():
        groups[scope] = (*path[:-1], shared.setdefault(path[-1].scope, path[-1]))
    return {node: groups[node.scope] for node in scoped}


# ---------------------------------------------------------------- by sample

MIXED = -1  # of several samples


def samples(order: Sequence[Value]) -> dict[Value, int]:
    """Which sample each node is computed for, from 0; nodes of no sample, or of all, are left out.

    What a network computes for one sample hangs together without the parameters. What is made of
    it alone, and the leaves that only it uses, are the sample's too.
    """
    component = Components()
    users: dict[Value, Value] = {}  # of a leaf: one of the nodes that use it in the network
    for node in order:
        if not node.scope or not node.args:
            continue
        component.add(node)
        for arg in node.args:
            if arg in component.parents:
                component.join(node, arg)
            elif not arg.args and arg.role == "input":
                component.join(node, users.setdefault(arg, node))
    scopes: dict[Value, set[str]] = {}
    for node in component.parents:
        scopes.setdefault(component.of(node), set()).add(node.scope)
    if not scopes:
        return {}
    often = Counter(map(frozenset, scopes.values()))
    ((usual, count),) = often.most_common(1)
    if count < 2:
        return {}
    heads = [head for head, found in scopes.items() if found == usual]
    place = {head: i for i, head in enumerate(heads)}
    found = {
        node: place[component.of(node)] for node in component.parents if component.of(node) in place
    }
    return with_what_is_its_own(order, found)


class Components:
    """Sets of nodes that are joined one by one (union–find with path halving)."""

    def __init__(self) -> None:
        self.parents: dict[Value, Value] = {}

    def add(self, node: Value) -> None:
        """A set of one node."""
        self.parents.setdefault(node, node)

    def of(self, node: Value) -> Value:
        """The node that stands for a node's set: the one that came first."""
        parents = self.parents
        while parents[node] is not node:
            parents[node] = node = parents[parents[node]]
        return node

    def join(self, a: Value, b: Value) -> None:
        """Make one set of two."""
        later, first = self.of(a), self.of(b)
        self.parents[later] = first


def with_what_is_its_own(order: Sequence[Value], known: Mapping[Value, int]) -> dict[Value, int]:
    """The samples' nodes, with what is computed from one alone and the leaves that only it uses."""
    found = dict(known)
    for node in order:
        if node.args and node not in found:
            below = {found[arg] for arg in node.args if arg in found}
            if below:
                found[node] = below.pop() if len(below) == 1 else MIXED
    used: dict[Value, int] = {}
    for node in order:
        for arg in node.args:
            if not arg.args and arg.role != "parameter" and not arg.scope:
                sample = found.get(node, MIXED)
                used[arg] = sample if used.get(arg, sample) == sample else MIXED
    found |= used
    return {node: sample for node, sample in found.items() if sample != MIXED}


def by_sample(order: Sequence[Value], sample: Mapping[Value, int], parameters: Paths) -> Paths:
    """The sample of every node that has one, and its neuron there; parameters by layer."""
    count = 1 + max(sample.values())
    whole = [Group(f"sample {i + 1}", "sample") for i in range(count)]
    parts: dict[tuple[int, str], Group] = {}
    paths: Paths = {}
    for node in order:
        if node in sample:
            number = sample[node]
            paths[node] = (whole[number],)
            if node.scope:
                scope = levels(node.scope)[-1]
                name = f"{title(scope)}, sample {number + 1}"
                part = parts.setdefault((number, scope), Group(name, "neuron", scope))
                paths[node] = (whole[number], part)
        elif node in parameters:
            paths[node] = parameters[node]
    return paths


# ---------------------------------------------------------------- by likeness


def alike(order: Sequence[Value], known: Mapping[Value, Key], most: int, ranges: int) -> Paths:
    """Groups of nodes that are in none: those that do the same to the same; else of like depth.

    Args:
        order: all nodes, arguments before results.
        known: the groups of the others, and nodes that stay alone, each as its own group.
        most: more groups than this are too many; then those of like depth become one.
        ranges: of depth, so many.
    """
    free = [node for node in order if node not in known]
    found = same_operation(free, known)
    if len(set(found.values())) > most:
        found = bands(free, order, ranges)
    keys = dict(known) | found
    return named(keys_of(found | leaves(free, order, keys)))


def terms(order: Sequence[Value], known: Mapping[Value, Key], networks: Collection[Value]) -> Paths:
    """Groups of nodes that are in none: what is computed from the network's outputs, and the rest.

    The last resort of a loss: its terms become one card, and those of a penalty another.
    """
    free = [node for node in order if node not in known]
    above: set[Value] = set()
    for node in order:
        if node in networks and node.args or any(arg in above for arg in node.args):
            above.add(node)
    groups = {True: Group("loss terms"), False: Group("penalty terms")}
    found: dict[Value, Key] = {node: groups[node in above] for node in free if node.args}
    rest = named(keys_of(leaves(free, order, dict(known) | found)))
    return {node: (group,) for node, group in found.items() if isinstance(group, Group)} | rest


def same_operation(free: Sequence[Value], known: Mapping[Value, Key]) -> dict[Value, Key]:
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


def depths(order: Sequence[Value]) -> dict[Value, int]:
    """How many operations each node is away from the leaves."""
    depth: dict[Value, int] = {}
    for node in order:
        depth[node] = 1 + max((depth.get(arg, -1) for arg in node.args), default=-1)
    return depth


def bands(free: Sequence[Value], order: Sequence[Value], ranges: int) -> dict[Value, Key]:
    """Groups of computed nodes at about the same depth."""
    depth = depths(order)
    width = max(depth.values()) // ranges + 1
    return {node: ("depth", depth[node] // width * width) for node in free if node.args}


def leaves(
    free: Sequence[Value], order: Sequence[Value], keys: Mapping[Value, Key]
) -> dict[Value, Key]:
    """Groups of leaves with one role that go to the same groups."""
    goals: dict[Value, set[Key]] = {node: set() for node in free if not node.args}
    for node in order:
        for arg in node.args:
            if arg in goals:
                goals[arg].add(keys.get(node, node))
    return {leaf: (leaf.role, frozenset(goal)) for leaf, goal in goals.items()}


def keys_of(found: Mapping[Value, Key]) -> dict[Key, list[Value]]:
    """The nodes by their group; of one node there is no group."""
    members: dict[Key, list[Value]] = {}
    for node, key in found.items():
        members.setdefault(key, []).append(node)
    return {key: nodes for key, nodes in members.items() if len(nodes) > 1}


def named(members: Mapping[Key, Sequence[Value]]) -> Paths:
    """The groups by the names that their cards have: ``inputs``, ``16 relu``, ``depth 3``."""
    words = {key: word(key, nodes) for key, nodes in members.items()}
    often, used = Counter(words.values()), Counter[str]()
    paths: Paths = {}
    for key, nodes in members.items():
        name = words[key]
        used[name] += 1
        group = Group(name if often[name] == 1 else f"{name} {used[name]}")
        paths |= dict.fromkeys(nodes, (group,))
    return paths


def word(key: Any, nodes: Sequence[Value]) -> str:
    """What alike nodes are."""
    if not nodes[0].args:
        return f"{nodes[0].role}s"
    kind, which = key
    return f"depth {which}" if kind == "depth" else f"{len(nodes):,} {written_sign(nodes[0])}"
