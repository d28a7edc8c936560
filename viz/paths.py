"""Pictures of the paths that a derivative is the sum over."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

from engine import Value, gradient, topological_order
from engine.graph import between
from engine.paths import Path, send

from .collapse import Expand, Scene, check_expand
from .drawing import FULL_CARDS, Drawing, Edge, card, checked, edges
from .legible import READABLE, readable, text_size
from .look import look
from .names import Name, names
from .pathsum import PathSum, counted, factors, many, number, path_sum, signed
from .picture import Picture, picture

SUMMANDS = 5  # products that a caption lists
PAGE = READABLE * 0.75  # points on a slide that are 6 on a page of paper across

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
    pictures = [picture(found.drawing(rank, rankdir=rankdir), seen) for rank in ranks]
    return PathPictures(picture(found.overview(rankdir), seen), found.summary, pictures)


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
    expand: Expand = None,
    rankdir: str = "LR",
) -> Drawing:
    """The drawing of a graph in which the paths to a node, or one of them, stand out.

    Raises:
        TypeError: if ``root`` or ``to`` is not a Value, ``rank`` no whole number, or ``expand`` no
            name.
        ValueError: if there is no such path or card, or more is to be shown than fits.
    """
    check_expand(expand)
    found = study(root, to, SUMMANDS if rank is None else ranked(rank))
    return found.drawing(rank, marks, expand, rankdir)


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

    def drawing(
        self,
        rank: int | None = None,
        marks: Mapping[Value, str] | None = None,
        expand: Expand = None,
        rankdir: str = "LR",
    ) -> Drawing:
        """The graph with one path standing out, or all; of a large graph only what stands out."""
        if rank is None:
            nodes = set(between(self.root, self.to))
            lit = [
                (node, position)
                for node in nodes - {self.to}
                for position, arg in enumerate(node.args)
                if arg in nodes
            ]
            found = self.drawn(nodes, lit, None, marks, self.sum_in_words(), expand, rankdir)
            few = expand is not None or text_size(found, rankdir) >= PAGE
            return found if few or len(found.cards) <= FULL_CARDS // 3 else self.overview(rankdir)
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
        return self.drawn(path.nodes, steps(path), path, marks, said, expand, rankdir)

    def overview(self, rankdir: str = "LR") -> Drawing:
        """The graph with all paths standing out; if they are large, only the heaviest paths."""
        if len(between(self.root, self.to)) <= FULL_CARDS:
            return self.drawing(rankdir=rankdir)
        nodes = {node for path in self.summary.heaviest for node in path.nodes}
        lit = [step for path in self.summary.heaviest for step in steps(path)]
        return self.drawn(nodes, lit, None, None, self.sum_in_words(), None, rankdir)

    def drawn(
        self,
        nodes: Collection[Value],
        lit: Lit,
        path: Path | None,
        marks: Mapping[Value, str] | None,
        said: Sequence[str],
        expand: Expand,
        rankdir: str,
    ) -> Drawing:
        """The drawing in which these nodes and steps stand out."""
        nodes, lit, marks = set(nodes), set(lit), checked(marks)
        if len(self.order) <= FULL_CARDS:
            whole = self.scene(self.order, nodes, lit, path, marks, said)
            shown = whole.drawn(whole.whole(compact=False))
            if expand is True or readable(shown, rankdir):
                return shown
            shown = whole.drawn(whole.whole(compact=True))
            if expand is None and text_size(shown, rankdir) >= PAGE:
                return shown
        kept = [node for node in self.order if node in nodes]
        hidden = len(self.order) - len(kept)
        more = [f"{hidden:,} other nodes are not shown"] if hidden else []
        scene = self.scene(kept, nodes, lit, path, marks, [*said, *more])
        return scene.described(expand, rankdir)

    def scene(
        self,
        order: Sequence[Value],
        nodes: Collection[Value],
        lit: Lit,
        path: Path | None,
        marks: Mapping[Value, str],
        said: Sequence[str],
    ) -> Scene:
        """Some of the nodes, those that stand out among them, ready to be drawn."""
        shares = dict(zip(path.nodes, path.products, strict=True)) if path else {}
        cards = [
            replace(
                card(node, self.names[node], node is self.root, marks.get(node, "")),
                grad=self.slopes[node],
                faded=node not in nodes,
                share=shares.get(node),
            )
            for node in order
        ]
        links = list(lit_edges(order, self.slopes, lit, path))
        kept = {self.root, self.to, *marks} & set(order)
        return Scene(order, cards, links, kept, tuple(said))

    @cached_property
    def names(self) -> Mapping[Value, Name]:
        """What the nodes are called."""
        return names(self.order)

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
