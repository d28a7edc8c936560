"""Pictures of the paths that a derivative is the sum over."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from engine import Value, gradient, topological_order
from engine.graph import between
from engine.paths import Path, send

from .collapse import merged, norm
from .drawing import (
    FULL_CARDS,
    Drawing,
    Edge,
    card,
    checked,
    drawing,
    edges,
    refuse_more_than_fits,
)
from .look import look
from .pathsum import PathSum, counted, factors, many, number, path_sum, signed
from .picture import Picture, picture

SUMMANDS = 5  # products that a caption lists
LONG = 40  # cards above which rows of one operation become one card

Lit = Collection[tuple[Value, int]]  # the steps that stand out


def draw_paths(
    root: Value,
    to: Value,
    *,
    k: int = 10,
    dark: bool = False,
    rankdir: str = "LR",
    title: str = "",
    digits: int = 4,
    scale: float = 1.0,
    legend: bool = True,
    hide: str | Collection[str] = (),
) -> PathPictures:
    """Why ∂root/∂to has its value: every path as a picture, and an overview.

    The derivative is the sum, over all paths from the output to the node, of the products of the
    local derivatives along them. Numbers come from what was recorded; no ``grad`` is read or
    changed.

    Args:
        root: the output.
        to: the node to differentiate by, a leaf or not.
        k: how many paths to show, those with the largest |product|.
        dark, rankdir, title, digits, scale, legend, hide: as for `draw`.

    Returns:
        A sequence of pictures, the heaviest path first, with the overview as a picture and as text.

    Raises:
        TypeError: if ``root`` or ``to`` is not a Value, or an option is of another type.
        ValueError: if there is no path, k is less than 1, or an option is out of range.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    seen = look(dark, rankdir, title, digits, scale, legend, hide)
    found = study(root, to, k)
    ranks = range(1, len(found.summary.heaviest) + 1)
    pictures = [picture(found.drawing(rank), seen) for rank in ranks]
    return PathPictures(picture(found.overview(), seen), found.summary, pictures)


class PathPictures(Sequence[Picture]):
    """Pictures of the heaviest paths, in order.

    Attributes:
        overview: all paths in one picture; if they have more than 150 nodes, the heaviest.
        summary: their number, products, remainder and sum; as text with ``str``.
    """

    def __init__(self, overview: Picture, summary: PathSum, pictures: Sequence[Picture]) -> None:
        self.overview, self.summary, self._pictures = overview, summary, list(pictures)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture]:
        return self._pictures[index]

    def __len__(self) -> int:
        return len(self._pictures)

    def __str__(self) -> str:
        return str(self.summary)

    def __repr__(self) -> str:
        return f"<{self.summary.derivative}: {len(self)} of {counted(self.summary.count)} drawn>"

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**self.overview._repr_mimebundle_(*args, **kwargs), "text/plain": str(self)}


# ---------------- drawings


def describe_paths(
    root: Value | Sequence[Value],
    to: Value,
    rank: int | None,
    marks: Mapping[Value, str] | None = None,
) -> Drawing:
    """The drawing of a graph in which the paths to a node, or one of them, stand out.

    Raises:
        TypeError: if ``root`` or ``to`` is not a Value, or ``rank`` no whole number.
        ValueError: if there is no such path, or more is to be shown than fits.
    """
    if rank is None:
        return study(root, to, SUMMANDS).drawing(marks=marks)
    return study(root, to, ranked(rank)).drawing(rank, marks=marks)


def study(root: Value | Sequence[Value], to: Value, k: int) -> Study:
    """The k heaviest paths of a graph, ready to be drawn."""
    if not isinstance(root, Value):
        raise TypeError(f"paths lead from one Value, not from a {type(root).__name__}")
    summary, order = path_sum(root, to, k), topological_order(root)
    return Study(root, to, summary, order, dict(zip(order, gradient(root, order), strict=True)))


@dataclass(frozen=True)
class Study:
    """What drawings of the paths from an output to a node are made from.

    Attributes:
        root, to: the output and the node.
        summary: the heaviest paths and the sum over all.
        order: all nodes of the graph, arguments before results.
        slopes: ∂root/∂node, from the recorded local derivatives.
    """

    root: Value
    to: Value
    summary: PathSum
    order: Sequence[Value]
    slopes: Mapping[Value, float]

    def drawing(self, rank: int | None = None, marks: Mapping[Value, str] | None = None) -> Drawing:
        """The graph with one path standing out, or all; of a large graph only what stands out."""
        if rank is None:
            nodes = set(between(self.root, self.to))
            lit = [
                (node, position)
                for node in nodes - {self.to}
                for position, arg in enumerate(node.args)
                if arg in nodes
            ]
            return self.drawn(nodes, lit, None, marks, self.sum_in_words())
        if rank > len(self.summary.heaviest):
            paths = counted(self.summary.count)
            raise ValueError(f"there is no path {rank}: {paths} lead to {self.summary.node!r}")
        path = self.summary.heaviest[rank - 1]
        way = self.summary.through(path)
        said = (
            f"path {rank} of {many(self.summary.count)} by |product|:  {factors(path)}",
            *([way] if way else []),
            f"{self.summary.derivative} = {number(self.summary.total)}, the sum over all",
        )
        return self.drawn(path.nodes, steps(path), path, marks, said)

    def overview(self) -> Drawing:
        """The graph with all paths standing out; if they are large, only the heaviest paths."""
        if len(between(self.root, self.to)) <= FULL_CARDS:
            return self.drawing()
        nodes = {node for path in self.summary.heaviest for node in path.nodes}
        lit = [step for path in self.summary.heaviest for step in steps(path)]
        return self.drawn(nodes, lit, None, None, self.sum_in_words())

    def drawn(
        self,
        nodes: Collection[Value],
        lit: Lit,
        path: Path | None,
        marks: Mapping[Value, str] | None,
        said: Sequence[str],
    ) -> Drawing:
        """The drawing in which these nodes and steps stand out."""
        nodes, lit, marks = set(nodes), set(lit), checked(marks)
        large = len(self.order) > FULL_CARDS
        kept = [node for node in self.order if node in nodes or not large]
        refuse_more_than_fits(len(kept))
        unnamed = {node: f"v{i}" for i, node in enumerate(self.order)}
        shares = dict(zip(path.nodes, path.products, strict=True)) if path else {}
        cards = [
            replace(
                card(node, unnamed[node], node is self.root, marks.get(node, "")),
                grad=self.slopes[node],
                faded=node not in nodes,
                share=shares.get(node),
            )
            for node in kept
        ]
        hidden = len(self.order) - len(kept)
        more = [f"{hidden:,} other nodes are not shown"] if hidden else []
        found = drawing(cards, lit_edges(kept, self.slopes, lit, path), [*said, *more])
        ends = {self.root, self.to, *checked(marks)}
        return in_rows(found, kept, ends) if large and len(kept) > LONG else found

    def sum_in_words(self) -> list[str]:
        """The derivative as the sum of the first products and the remainder."""
        found = self.summary
        listed = found.heaviest[:SUMMANDS]
        summands = [signed(number(path.product)) for path in listed]
        said = f"{counted(found.count)} from {found.output} to {found.node}:  "
        if rest := found.count - len(listed):
            beyond = found.beyond(len(listed))
            said += f"the {len(listed)} heaviest + (the other {rest:,}):  "
            summands.append(f"({'undefined' if math.isnan(beyond) else number(beyond)})")
        sum_is = f"{' + '.join(summands)} = {number(found.total)}"
        if found.count == 1:
            sum_is = factors(found.heaviest[0])
        return [f"{said}{sum_is} = {found.derivative}"]


def in_rows(found: Drawing, order: Sequence[Value], ends: Collection[Value]) -> Drawing:
    """The drawing in which a row of one operation, such as a running sum, is one card."""
    first: dict[Value, Value] = {}  # of the row that a node is in
    rows: dict[Value, list[int]] = {}
    for i, node in enumerate(order):
        before = [arg for arg in node.args if arg in first and arg.args and arg not in ends]
        same = [first[arg] for arg in before if arg.sign == node.sign and node not in ends]
        first[node] = same[0] if same else node
        rows.setdefault(first[node], []).append(i)
    cards = []
    for row in rows.values():
        one = found.cards[row[0]]
        if len(row) > 1:
            grad = norm(found.cards[i].grad for i in row)
            name = f"{len(row):,} in a row"
            one = replace(one, name=name, named=True, grad=grad, size=len(row), share=None)
        cards.append(one)
    place = {order[i]: card for card, row in enumerate(rows.values()) for i in row}
    steps_between = merged(found.edges, order, place)
    return replace(drawing(cards, steps_between, found.caption), labelled=True)


def lit_edges(
    order: Sequence[Value], slopes: Mapping[Value, float], lit: Lit, path: Path | None
) -> Iterator[Edge]:
    """The edges; on a path that is shown alone they send what arrives along the path."""
    along: Mapping[tuple[Value, int], float] = {}
    if path:
        along = dict(zip(steps(path), path.products[1:], strict=True))
    for edge in edges(order):
        step = (order[edge.head], edge.position)
        sent = send(edge.partial, slopes[step[0]]) if edge.partial is not None else 0.0
        yield replace(edge, sent=along.get(step, sent), faded=step not in lit)


def steps(path: Path) -> list[tuple[Value, int]]:
    """The steps of a path: for each the upper node and which argument it goes to."""
    return list(zip(path.nodes, path.positions, strict=False))


def ranked(rank: Any) -> int:
    """The rank of a path, if it is one."""
    if isinstance(rank, int) and not isinstance(rank, bool):
        if rank >= 1:
            return rank
        raise ValueError(f"paths are counted from 1, the heaviest; there is no path {rank}")
    raise TypeError(f"path is the rank of a path, 1 for the heaviest, not {rank!r}")
