"""How much of a graph is shown: the most that can be read on a slide.

A small graph is shown node by node, with full cards or, if these would be too small, with cards of
one line and long chains folded. Of a larger one neurons become one card each, then layers, or the
samples of a loss. A card that stands for several nodes has one result or many. With one it is an
operation like any other: its data and gradient are the result's, and its local derivatives are the
sums over the paths within it, so the chain rule holds for the picture as it is shown.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add

from engine import Value, topological_order
from engine.paths import send

from .clusters import Group, Paths, alike, by_sample, by_scope, levels, samples, terms
from .drawing import (
    FULL_CARDS,
    Card,
    Drawing,
    Edge,
    card,
    checked,
    drawing,
    edges,
    outputs,
    refuse_more_than_fits,
)
from .folding import expressions, folds
from .legible import places, readable, text_size
from .names import names
from .text import number

FULL, LINES = 30, 120
"""So many nodes are shown with full cards, or with cards of one line, if they can be read."""

FREE = 16  # nodes outside a network that are shown one by one
MOST_SAMPLES = 8  # that have a card each
PARAMETERS, INPUTS = 5, 4  # of a neuron, and of a sample, that are listed on its card
CROSSING = 24  # edges between two boxes that are drawn one by one
BOXED = 300  # cards above which there are no boxes
QUICK = 600, 1_500, 4_000  # cards, edges and their places that are laid out in about a second

Expand = bool | str | Collection[str] | None


def describe_any(
    root: Value | Sequence[Value],
    marks: Mapping[Value, str] | None,
    expand: Expand,
    rankdir: str = "LR",
    others: int = 0,
) -> Drawing:
    """The drawing of a graph in as much detail as can be read, or as ``expand`` says.

    Of graphs that stand beside ``others`` in one picture each gets its part of a slide.

    Raises:
        TypeError: as `describe`, and if ``expand`` is no name, no collection of names and no bool.
        ValueError: as `describe`; if no card has a name in ``expand``, or more is to be shown than
            fits.
    """
    check_expand(expand)
    roots = outputs(root)
    order = topological_order(roots)
    if expand is True:
        refuse_more_than_fits(len(order))
    scene = replace(scene_of(order, roots, checked(marks)), others=others)
    return scene.described(expand, rankdir)


def check_expand(expand: Expand) -> None:
    """Raise TypeError if it says nothing about cards."""
    if not isinstance(expand, bool | str | Collection | None):
        raise TypeError(f"expand is the name of a card, several, or a bool, not {expand!r:.60}")


def scene_of(order: Sequence[Value], roots: Collection[Value], marks: Mapping[Value, str]) -> Scene:
    """A graph with the gradients that its nodes have."""
    kept = set(roots)
    called = names(order)
    cards = [card(node, called[node], node in kept, marks.get(node, "")) for node in order]
    return Scene(order, cards, list(edges(order)), kept | set(marks) & set(order))


@dataclass(frozen=True)
class Detail:
    """How much is shown.

    Attributes:
        paths: for nodes that are in groups these, the largest first.
        depth: for each of them, which of its groups is its card; itself, if there are none left.
        compact: whether cards are a single line.
        rows: whether the parameters of neurons are listed.
    """

    paths: Paths
    depth: Mapping[Value, int]
    compact: bool = False
    rows: bool = False

    def key(self, node: Value) -> Group | Value:
        """What stands for a node."""
        path, depth = self.paths.get(node, ()), self.depth.get(node, 0)
        return path[depth] if depth < len(path) else node

    def boxes(self, node: Value) -> tuple[Group, ...]:
        """The groups around what stands for a node."""
        return self.paths.get(node, ())[: self.depth.get(node, 0)]


@dataclass(frozen=True)
class Scene:
    """A graph with its cards and edges node by node, to be drawn in some detail.

    Attributes:
        order: the nodes, arguments before results.
        cards: one for each.
        links: the edges between them, grouped by result.
        kept: the nodes that no fold hides.
        said: what stands below the picture in any case.
        others: how many pictures of the same kind it stands beside.
    """

    order: Sequence[Value]
    cards: Sequence[Card]
    links: Sequence[Edge]
    kept: Collection[Value]
    said: tuple[str, ...] = ()
    others: int = 0

    # ---------------------------------------------------------------- how much is shown

    def described(self, expand: Expand, rankdir: str) -> Drawing:
        """The drawing in as much detail as can be read, or as ``expand`` says."""
        if expand is True:
            return self.drawn(self.whole(len(self.order) > FULL_CARDS))
        named = [] if expand is None or expand is False else several(expand)
        detail, found = self.readable(rankdir, collapsed=expand is False)
        if not named:
            return found
        for name in named:
            detail = self.taken_apart(detail, name)
        cards = len(self.keys(detail))
        refuse_slow(named, cards)
        full = self.drawn(replace(detail, compact=False, rows=False))
        refuse_slow(named, cards, full)
        if readable(full, rankdir, self.others):
            return full
        lines = self.drawn(replace(detail, compact=True, rows=False))
        return max(lines, full, key=lambda found: text_size(found, rankdir, self.others))

    def readable(self, rankdir: str, collapsed: bool = False) -> tuple[Detail, Drawing]:
        """The greatest detail that can be read; if there is none, the one that nearly can."""
        best: tuple[float, Detail, Drawing] | None = None
        for detail in self.details(collapsed):
            if len(self.keys(detail)) <= LINES:
                found = self.drawn(detail)
                size = text_size(found, rankdir, self.others)
                if readable(found, rankdir, self.others):
                    return detail, found
                if best is None or size > best[0]:
                    best = size, detail, found
        if best is None:  # very many outputs
            detail = Detail(alike(self.order, self.alone, 1, 6), {}, True)
            return detail, self.drawn(detail)
        return best[1:]

    def details(self, collapsed: bool) -> Iterator[Detail]:
        """From the most detail to the least."""
        count = len(self.order)
        if not collapsed:
            if count <= FULL:
                yield self.whole(False)
            yield from self.folded(False)
            yield self.whole(True)
            yield from self.folded(True)
        if self.network:
            yield from self.grouped()
        elif count <= LINES and not collapsed:
            titles = [one.title for one in self.cards]
            for most in (3, 5, 8, 12):
                found = expressions(self.order, self.alone, most, titles)
                yield Detail(found, {}, False)
                yield Detail(found, {}, True)
        if collapsed or count > LINES:
            for most, bands in ((FREE, 12), (1, 12), (1, 6)):
                free = alike(self.order, self.alone, most, bands)
                yield Detail(free, {}, False)
                yield Detail(free, {}, True)

    def whole(self, compact: bool) -> Detail:
        """Every node; on one line, in the box of its layer, which it has no room to name."""
        paths = self.network if compact and len(self.order) <= BOXED else {}
        return Detail({n: path[:1] for n, path in paths.items()}, dict.fromkeys(paths, 1), compact)

    def folded(self, compact: bool) -> Iterator[Detail]:
        """With long chains and sums folded, more and more of them."""
        boxes = self.whole(compact)
        for found in self.folds:
            paths = {n: (*boxes.paths.get(n, ()), *found.get(n, ())) for n in self.order}
            yield Detail(paths, boxes.depth, compact)

    def grouped(self) -> Iterator[Detail]:
        """A network's neurons, then its layers; of a few samples, these first."""
        if 2 <= self.count <= MOST_SAMPLES:
            paths = by_sample(self.order, self.sample, self.parameters)
            yield from self.with_the_rest(paths, {}, ((False, False), (True, False)))
        paths = self.network
        inner = {node: len(path) - 1 for node, path in paths.items()}
        ways = ((False, True), (False, False), (True, False))
        yield from self.with_the_rest(paths, inner, ways)
        yield from self.with_the_rest(paths, {}, ways[1:])

    def with_the_rest(
        self, paths: Paths, depth: Mapping[Value, int], ways: Iterable[tuple[bool, bool]]
    ) -> Iterator[Detail]:
        """The groups, and what is in none: one by one if that is little, or as alike groups."""
        known = self.alone | {node: path[0] for node, path in paths.items()}
        few = len(self.order) - len(known) <= FREE
        rest = {} if few else alike(self.order, known, FREE, 6)
        last = terms(self.order, known, paths)
        for compact, rows in ways:
            yield Detail(paths | rest, depth, compact, rows)
            if not rows:
                yield Detail(paths | last, depth, compact, rows)

    # ---------------------------------------------------------------- what is known of the graph

    @cached_property
    def network(self) -> Paths:
        """The layers and neurons of the nodes that have a scope."""
        return by_scope(self.order)

    @cached_property
    def folds(self) -> list[Paths]:
        """What is folded away, from little to much; nothing if that leaves too much to be read."""
        most = folds(self.order, self.kept, 1)
        if not most or len(self.order) - len(most) + len(set(most.values())) > LINES:
            return []
        return [*(found for e in (3, 2) if (found := folds(self.order, self.kept, e))), most]

    @cached_property
    def parameters(self) -> Paths:
        """The layers and neurons of leaves that belong to no sample."""
        leaves = [node for node in self.order if not node.args and node not in self.sample]
        return by_scope(leaves, " weights")

    @cached_property
    def sample(self) -> Mapping[Value, int]:
        """Which sample nodes are computed for; empty if there is only one."""
        return samples(self.order)

    @cached_property
    def count(self) -> int:
        """How many samples there are."""
        return 1 + max(self.sample.values(), default=0)

    @cached_property
    def alone(self) -> dict[Value, object]:
        """The nodes that stay as they are wherever they are in no part of a network."""
        return {node: node for node in self.kept if node not in self.network}

    # ---------------------------------------------------------------- taking apart

    def taken_apart(self, detail: Detail, name: str) -> Detail:
        """The detail in which cards of that name, or below it, are taken apart one level.

        If it is the name of what is within a card, that card is taken apart first.
        """
        keys = [detail.key(node) for node in self.order]
        wanted = {key for key in keys if isinstance(key, Group) and matches(key, name)}
        depth = dict(detail.depth)
        if wanted:
            for node, key in zip(self.order, keys, strict=True):
                if key in wanted:
                    depth[node] = depth.get(node, 0) + 1
            return replace(detail, depth=depth)
        around = {
            key
            for node, key in zip(self.order, keys, strict=True)
            if isinstance(key, Group)
            and any(matches(g, name) for g in detail.paths[node][depth.get(node, 0) + 1 :])
        }
        if not around:
            known = sorted({key.name for key in keys if isinstance(key, Group)}, key=natural)
            shown = ", ".join(map(repr, known[:8])) + (", …" if len(known) > 8 else "")
            raise ValueError(f"no card is called {name!r} to expand; there are {shown or 'none'}")
        for node, key in zip(self.order, keys, strict=True):
            if key in around:
                depth[node] = depth.get(node, 0) + 1
        return self.taken_apart(replace(detail, depth=depth), name)

    def keys(self, detail: Detail) -> dict[Group | Value, list[int]]:
        """What is shown, with the indices of its nodes."""
        found: dict[Group | Value, list[int]] = {}
        for i, node in enumerate(self.order):
            found.setdefault(detail.key(node), []).append(i)
        return found

    # ---------------------------------------------------------------- the drawing

    def drawn(self, detail: Detail) -> Drawing:
        """The drawing in that detail."""
        members = self.keys(detail)
        refuse_more_than_fits(len(members))
        place = [0] * len(self.order)
        for at, nodes in enumerate(members.values()):
            for i in nodes:
                place[i] = at
        links, exits = merged(self.links, place, members.values(), self.kept_places())
        cards = []
        for (key, nodes), ends in zip(members.items(), exits, strict=True):
            if len(nodes) == 1:
                one = self.cards[nodes[0]]
            else:
                assert isinstance(key, Group)
                one = self.summary(key, nodes, ends, detail.rows)
            boxes = detail.boxes(self.order[nodes[0]])
            cards.append(replace(one, box=tuple(box.name for box in boxes)))
        cards = told_apart(without_lone_boxes(cards))
        lined = columns(cards, links, [self.order[nodes[-1]] for nodes in members.values()])
        cards = with_boxes_of_inputs(cards, links, lined)
        cards = with_signs_on_boxes(cards) if detail.compact else cards
        found = drawing(cards, links, self.caption(cards), compact=detail.compact, columns=lined)
        return bundled(found)

    def kept_places(self) -> set[int]:
        """The indices of the outputs, which are results although nobody uses them."""
        return {i for i, one in enumerate(self.cards) if one.output}

    def caption(self, cards: Sequence[Card]) -> list[str]:
        """What stands below the picture."""
        said = list(self.said)
        if len(cards) < len(self.order):
            hint = "expand=… takes cards apart, by name"
            said.append(f"{len(self.order):,} nodes on {len(cards):,} cards: {hint}")
        return said

    def summary(self, group: Group, nodes: Sequence[int], exits: Sequence[int], rows: bool) -> Card:
        """The card that stands for many nodes."""
        cards = [self.cards[i] for i in nodes]
        parameters = [one for one in cards if one.role == "parameter"]
        result = cards[nodes.index(exits[0])] if len(exits) == 1 else None
        ends = [self.cards[i] for i in exits]
        roles, fold = {one.role for one in cards}, group.kind == "fold"
        role = roles.pop() if len(roles) == 1 else "computed"
        return Card(
            name=group.name,
            named=True,
            sign=signs(cards if fold else ends if group.kind else ()),
            role="parameter" if parameters and not fold else role,
            scope=group.scope,
            data=result.data if result else math.nan,
            grad=result.grad if result else norm(one.grad for one in parameters or cards),
            output=any(one.output for one in cards),
            mark="; ".join(dict.fromkeys(one.mark for one in cards if one.mark)),
            faded=all(one.faded for one in cards),
            share=result.share if result else None,
            size=len(nodes),
            result=result is not None,
            rows=self.listed(group, nodes, result) if rows or group.kind == "sample" else (),
            words=tuple(self.words(group, nodes, exits)),
            labelled=group.kind in ("fold", "expression") and result is not None,
        )

    def listed(
        self, group: Group, nodes: Sequence[int], result: Card | None
    ) -> tuple[tuple[str, float | None, float | None], ...]:
        """The nodes that a neuron's or a sample's card lists, with data and gradient."""
        if result is None or group.kind not in ("neuron", "sample"):
            return ()
        if group.kind == "neuron":
            inner = [self.cards[i] for i in nodes if self.cards[i].role == "parameter"]
            inner = inner if len(inner) <= PARAMETERS else []
            rows = [(one.name, one.data, one.grad) for one in inner]
            return (*rows, ("out", result.data, result.grad))
        used = {edge.tail for edge in self.links if self.order[edge.head].scope}
        inside = [i for i in nodes if self.order[i].scope and self.order[i].args and i not in used]
        heads = [self.cards[i] for i in inside]
        ends = [(one.name, one.data, one.grad) for one in heads if one is not result]
        return (*ends[:PARAMETERS], ("term" if ends else "out", result.data, result.grad))

    def words(self, group: Group, nodes: Sequence[int], exits: Sequence[int]) -> Iterator[str]:
        """What the nodes of a group are, in words."""
        members = [self.order[i] for i in nodes]
        weights = sum(node.role == "parameter" for node in members)
        if group.kind == "layer":
            yield counted(len({node.scope for node in members}), "neuron")
        if group.kind in ("layer", "neuron") and weights:
            yield counted(weights, "parameter")
        if group.kind in ("layer", "neuron") and members[-1].args and self.count > 1:
            yield counted(self.count, "sample")
        if group.kind == "fold" and len(exits) == 1:
            count = group.name.split()[1]
            alone = f"{len(nodes):,}" == count  # else there are terms, factors or the like
            yield f"∂ is a product of {count}" if alone else f"{counted(len(nodes), 'node')}"
        if group.kind == "sample":
            xs = [number(node.data, 2) for node in members if node.role == "input"]
            yield "in " + ", ".join(xs[:INPUTS]) + (", …" if len(xs) > INPUTS else "")
        if group.kind == "expression" or (group.kind == "" and not group.name[0].isdecimal()):
            yield counted(len(nodes), "node")


def refuse_slow(names: Sequence[str], cards: int, found: Drawing | None = None) -> None:
    """Raise ValueError if a layout would take long, and nothing could be read in it."""
    edges = sum(edge.size for edge in found.edges) if found else 0
    slow = found and (len(found.edges) > QUICK[1] or places(found) > QUICK[2])
    if slow or cards > QUICK[0]:
        shown = ", ".join(map(repr, names))
        size = f"{cards:,} cards" + (f" and {edges:,} edges" if slow else "")
        raise ValueError(
            f"expand={shown} takes apart too much to be read: {size}. Expand less, one neuron or "
            "one sample; expand=True shows every node all the same"
        )


def several(expand: str | Collection[str]) -> list[str]:
    """The names to expand."""
    return [expand] if isinstance(expand, str) else list(expand)


def matches(group: Group, name: str) -> bool:
    """Whether a name means a group: its own, its scope's, or one that it begins with."""
    if group.kind == "fold" and name == "…":
        return True
    return name in (group.name, group.scope) or bool(name) and group.scope.startswith(f"{name}.")


def counted(count: int, what: str) -> str:
    """So many of something, in words."""
    return f"{count:,} {what}" + ("s" if count != 1 else "")


def norm(numbers: Iterable[float]) -> float:
    """The Euclidean norm; nan if a number is nan."""
    numbers = list(numbers)
    return math.nan if any(map(math.isnan, numbers)) else math.hypot(*numbers)


def signs(cards: Sequence[Card]) -> str:
    """The operations of several nodes: one, or a few."""
    found = list(dict.fromkeys(one.sign for one in cards if one.sign))
    return " ".join(found) if len(found) <= 2 else f"{found[0]} {found[1]} …"


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts ``n2`` before ``n15``."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


# ---------------------------------------------------------------- merging


def merged(
    links: Sequence[Edge],
    place: Sequence[int],
    members: Iterable[Sequence[int]],
    outputs: Collection[int],
) -> tuple[list[Edge], list[list[int]]]:
    """The edges between cards, and for each card the nodes whose results leave it.

    The local derivative of a card with one result, by what comes in, is the sum over the paths
    within: the backward pass, run inside the card from a gradient of 1.
    """
    sizes = [len(nodes) for nodes in members]
    leaving: list[dict[int, None]] = [{} for _ in sizes]
    for edge in links:
        if place[edge.tail] != place[edge.head]:
            leaving[place[edge.tail]][edge.tail] = None
    for i in sorted(outputs):
        leaving[place[i]][i] = None
    results = [next(iter(found)) for found in leaving if len(found) == 1]
    inner: dict[int, float | None] = dict.fromkeys(results, 1.0)
    bundles: dict[tuple[int, int, int], list[tuple[Edge, float | None]]] = {}
    lit = {(place[edge.tail], place[edge.head]) for edge in links if not edge.faded}
    for edge in reversed(links):
        ends = place[edge.tail], place[edge.head]
        inside = ends[0] == ends[1]
        if edge.faded and (inside or ends in lit and max(sizes[ends[0]], sizes[ends[1]]) > 1):
            continue  # what stands back does not hide what stands out
        slope = None
        if edge.head in inner and edge.partial is not None and inner[edge.head] is not None:
            slope = send(edge.partial, inner[edge.head] or 0.0)
        if inside:
            known = inner.get(edge.tail, 0.0)
            inner[edge.tail] = None if slope is None or known is None else known + slope
        else:
            plain = sizes[ends[0]] == sizes[ends[1]] == 1
            bundles.setdefault((*ends, edge.position if plain else -1), []).append((edge, slope))
    found = [one_edge(*ends[:2], bundle, leaving) for ends, bundle in bundles.items()]
    found.sort(key=lambda edge: (edge.head, edge.position, edge.tail))
    counts: Counter[int] = Counter()
    numbered = []
    for edge in found:
        numbered.append(replace(edge, position=counts[edge.head]))
        counts[edge.head] += 1
    return numbered, [list(nodes) for nodes in leaving]


def one_edge(
    tail: int,
    head: int,
    bundle: Sequence[tuple[Edge, float | None]],
    leaving: Sequence[Mapping[int, None]],
) -> Edge:
    """The edge that stands for several between two cards."""
    slopes = [slope for _, slope in bundle if slope is not None]
    position = min(edge.position for edge, _ in bundle)
    faded = all(edge.faded for edge, _ in bundle)
    if len(slopes) == len(bundle) and len(leaving[tail]) == 1:
        sent = added(edge.sent for edge, _ in bundle)
        return Edge(tail, head, position, added(slopes), sent, faded, len(bundle))
    sent = bundle[0][0].sent if len(bundle) == 1 else norm(edge.sent for edge, _ in bundle)
    return Edge(tail, head, position, None, sent, faded, len(bundle))


def added(numbers: Iterable[float]) -> float:
    """The sum, rounded the same way in every version of Python."""
    return reduce(add, numbers, 0.0)


def told_apart(cards: Sequence[Card]) -> list[Card]:
    """The cards, those of groups numbered if another is called so: labels and scopes may be."""
    used = Counter(one.title for one in cards)
    if len(used) == len(cards):
        return list(cards)
    taken = {one.title for one in cards if one.size == 1}
    found = []
    for one in cards:
        name, again = one.name, 1
        while one.size > 1 and name in taken:
            again += 1
            name = f"{one.name} ({again})"
        taken.add(name)
        found.append(replace(one, name=name) if one.size > 1 else one)
    return found


def without_lone_boxes(cards: Sequence[Card]) -> list[Card]:
    """The cards without boxes that hold only one of them."""
    held = Counter(one.box[: i + 1] for one in cards for i in range(len(one.box)))
    return [
        replace(one, box=tuple(b for i, b in enumerate(one.box) if held[one.box[: i + 1]] > 1))
        if one.box
        else one
        for one in cards
    ]


def columns(
    cards: Sequence[Card], links: Sequence[Edge], last: Sequence[Value]
) -> tuple[tuple[int, ...], ...]:
    """The cards to stand side by side: a layer's neurons, the samples, the inputs of both."""
    found: dict[object, list[int]] = {}
    users: dict[int, set[int]] = {}
    for edge in links:
        users.setdefault(edge.tail, set()).add(edge.head)
    steps: dict[tuple[tuple[str, ...], str], list[int]] = {}  # of a neuron, one after the other
    for i, one in enumerate(cards):
        if re.fullmatch(r"sample \d+", one.name) and one.size > 1:
            found.setdefault("samples", []).append(i)
        elif one.scope and last[i].args:
            steps.setdefault((one.box, one.scope), []).append(i)
        elif one.scope and one.size == 1 and one.box:
            found.setdefault((one.box, levels(one.scope)[0], one.role), []).append(i)
        elif not last[i].args and len(users.get(i, ())) > 1:
            found.setdefault((one.box, one.role, frozenset(users[i])), []).append(i)
    for (box, scope), row in steps.items():
        for back, i in enumerate(row[:-3:-1]):  # its activation, and its weighted sum
            found.setdefault((box, levels(scope)[0], back), []).append(i)
    return tuple(
        tuple(sorted(column, key=lambda i: (natural(cards[i].scope or cards[i].name), i)))
        for column in found.values()
        if len(column) > 1
    )


def with_boxes_of_inputs(
    cards: Sequence[Card], links: Sequence[Edge], columns: Iterable[Sequence[int]]
) -> list[Card]:
    """The cards with a box around inputs from which too many edges lead to be drawn one by one."""
    found, used = list(cards), Counter(edge.tail for edge in links)
    names: Counter[str] = Counter(box for one in cards for box in one.box)
    for column in columns:
        first = cards[column[0]]
        if not first.box and first.role == "input" and sum(used[i] for i in column) > CROSSING:
            names["inputs"] += 1
            name = "inputs" if names["inputs"] == 1 else f"inputs {names['inputs']}"
            for i in column:
                found[i] = replace(found[i], box=(name,))
    return found


def with_signs_on_boxes(cards: Sequence[Card]) -> list[Card]:
    """The cards without the operation that all in their box have: the box says it for them."""
    held: dict[str, set[str]] = {}
    for one in cards:
        for box in one.box:
            held.setdefault(box, set()).add(one.sign if one.size > 1 else "")
    return [
        replace(one, sign="", box=(*one.box[:-1], f"{one.box[-1]} · {one.sign}"))
        if one.box and one.sign and held[one.box[-1]] == {one.sign}
        else one
        for one in cards
    ]


def bundled(found: Drawing) -> Drawing:
    """The drawing in which many edges between the same two boxes are one."""
    groups: dict[tuple[object, ...], list[Edge]] = {}
    for edge in found.edges:
        boxes = found.cards[edge.tail].box, found.cards[edge.head].box
        around = len(os.path.commonprefix(boxes))  # what is within one box stays apart
        between = [
            box[: around + 1] if box[around:] else i
            for box, i in zip(boxes, (edge.tail, edge.head), strict=True)
        ]
        groups.setdefault(tuple(between), []).append(edge)
    kept: list[Edge] = []
    for bundle in groups.values():
        if len(bundle) <= CROSSING:
            kept += bundle
            continue
        tails, heads = (sorted({getattr(e, end) for e in bundle}) for end in ("tail", "head"))
        size, sent = sum(edge.size for edge in bundle), norm(edge.sent for edge in bundle)
        tail, head = tails[len(tails) // 2], heads[len(heads) // 2]
        faded = all(edge.faded for edge in bundle)
        kept.append(Edge(tail, head, 0, None, sent, faded, size, boxed=True))
    if len(kept) == len(found.edges):
        return found
    kept.sort(key=lambda edge: (edge.head, edge.position, edge.tail))
    return replace(found, edges=tuple(kept), largest_sent=drawing((), kept).largest_sent)
