"""`draw`: the picture of a graph, or of the paths through it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine import Value
from engine.node import Node

from .collapse import Expand, describe_any
from .drawing import Drawing, side_by_side
from .look import look
from .paths import describe_paths
from .picture import Picture, picture

if TYPE_CHECKING:
    from engine import Tensor


def draw(
    root: Value | Tensor | Sequence[Value] | Sequence[Tensor] | Mapping[str, Value],
    *,
    dark: bool = False,
    rankdir: str = "LR",
    title: str = "",
    digits: int = 4,
    scale: float = 1.0,
    legend: bool = True,
    hide: str | Collection[str] = (),
    marks: Mapping[Any, str] | None = None,
    path_to: Value | None = None,
    path: int | None = None,
    expand: Expand = None,
) -> Picture:
    """The graph of everything that ``root`` was computed from, with data and gradients.

    Every node is a card with its name, operation, data and grad; roles differ in colour, the output
    has a heavy border. Every edge leads from an argument to a result and carries the local
    derivative ∂result/∂argument; its width shows the |gradient sent back| along it, its colour and
    arrowhead the sign: filled for +, hollow for −, dashed for 0. Before the first ``backward()``
    edges are plain.

    What is shown by default is what can be read on a slide. If the text of full cards would be too
    small there, the middle of long chains and sums is folded away, or cards shrink to one line and
    edges lose their labels. Of a larger graph neurons become one card each, in the box of their
    layer, or the samples of a loss, or whole layers; where there are no layers, what serves one
    other node alone stands on that one's card. A card with one result, be it a neuron's or a
    fold's ``… 54 more …``, is an operation like any other: its local derivatives are the products
    along the paths within it, added up. Other groups show the norm of their gradients.

    Args:
        root: one `Value`, or a sequence of them drawn together. Of a `Tensor`, or several, cards
            give the shape, the type and the norms of data and gradient, and every edge the
            gradient that is sent back there as a formula, ``δ·Wᵀ``, with δ the result's; of a
            deep graph short expressions without a label are folded into their users. A dict
            ``{title: Value}`` draws several graphs side by side, each in a box with its title: a
            wrong pass and a right one, or two states of a `Film`.
        dark: light on dark instead of dark on light.
        rankdir: ``"LR"`` to draw from left to right, ``"TB"`` from top to bottom.
        title: what stands above the picture.
        digits: to how many decimals numbers are rounded; exact ones are written as they are, ``3``.
        scale: how large the picture is: 2 for twice the usual size.
        legend: False to leave out what the signs mean.
        hide: what to leave blank, for a worksheet: ``"grad"``, ``"data"``, ``"partial"`` (the local
            derivatives), or several. The same call without it draws the answer key.
        marks: nodes to point out, and what to say about each.
        path_to: a node, leaf or not: show all paths to it and let the rest fade. Gradients are
            then those of ``root``, from the recorded local derivatives, whatever ``backward()``
            did; below the picture stands what the paths add up to. Of a graph that is too large
            to be read as a whole only the paths are shown.
        path: show only one of these paths, by its rank: 1 for the one with the largest |product|.
        expand: the name of a card, or several, one after the other, to show what it stands for,
            one level down: ``"L1 n3"``, ``"sample 2"``, ``"… 54 more …"``. ``"layers.1"`` also
            means all whose scope begins so, ``"…"`` every fold. True shows every node, False makes
            cards of many nodes even of a small graph.

    Raises:
        TypeError: if ``root`` is neither a `Value` nor a sequence of them (with ``path_to``: not a
            Value), ``marks`` no dict of what to say about nodes, ``path`` no whole number,
            ``expand`` no name, or an option of the picture's look of another type.
        ValueError: if the sequence is empty, more than 10,000 nodes are to be shown, ``rankdir``
            or what to ``hide`` is unknown, ``digits`` or ``scale`` is out of range, or there is no
            such path or card.
    """
    seen = look(dark, rankdir, title, digits, scale, legend, hide)
    if twins := tensors(root):
        for name, given in (("path_to", path_to), ("path", path)):
            if given is not None:
                raise ValueError(f"{name} is for graphs of Values; this is one of Tensors")
        if not isinstance(expand, bool | None):
            raise ValueError(f"of Tensors expand is True or False, not {expand!r:.60}")
        from .twinpicture import draw_twin

        return draw_twin(twins, seen, marks, expand)
    if isinstance(root, Mapping):
        if path_to is not None or path is not None:
            raise ValueError("path_to is for one graph, and these are several side by side")
        return picture(side_by_side(described(root, marks, expand, rankdir), rankdir), seen)
    if path_to is not None:
        return picture(describe_paths(root, path_to, path, marks, expand, rankdir), seen)  # type: ignore[arg-type]
    if path is not None:
        raise ValueError("path is the rank of a path to a node: say to which with path_to")
    return picture(describe_any(root, marks, expand, rankdir), seen)  # type: ignore[arg-type]


def described(
    roots: Mapping[str, Any], marks: Mapping[Any, str] | None, expand: Expand, rankdir: str
) -> dict[str, Drawing]:
    """The drawings of several graphs, by their titles."""
    accepted = "draw() takes a Value or a sequence of Values, or a dict of such by their titles"
    if not roots:
        raise ValueError(f"{accepted}, and this one is empty")
    for title in roots:
        if not isinstance(title, str) or not title:
            raise TypeError(f"{accepted}; one title is {title!r:.60}")
        if tensors(roots[title]):
            raise TypeError(f"graphs of Values stand side by side; {title!r:.60} is one of Tensors")
    others = len(roots) - 1
    return {
        title: describe_any(root, marks, expand, rankdir, others) for title, root in roots.items()
    }


def tensors(root: Any) -> list[Any]:
    """The Tensors that are to be drawn; none if they are Values, or something else."""
    several = list(root) if isinstance(root, (list, tuple)) else [root]
    twins = all(isinstance(x, Node) and not isinstance(x, Value) for x in several)
    return several if twins else []
