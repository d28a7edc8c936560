"""Where Graphviz puts cards and edges, as numbers: what a page needs to draw them itself."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from . import layout, strip
from .drawing import Drawing
from .look import Look
from .picture import picture

_NODE = re.compile(
    r"^\tn(?P<node>\d+)\t \[(?P<attributes>.*?)\];$", re.DOTALL | re.MULTILINE | re.X
)
_EDGE = re.compile(
    r"""^\tn(?P<tail>\d+):e [ ] -> [ ] n(?P<head>\d+) (?: : (?:a(?P<position>\d+):)? w )
        \t \[ (?: .*\n\s*)*? pos="e, (?P<tip>\S+) [ ] (?P<points>[^"]*) " """,
    re.MULTILINE | re.VERBOSE,
)
_SIZE = re.compile(r'^(?:\t\t|\s*)(pos|width|height)="?([^",\]]+)(?:,([^"]+))?"?', re.MULTILINE)
_BOX = re.compile(r'\bbb="([^"]*)"')

RANKSEP = "0.5"  # inches between ranks, for the numbers that the page writes there
Point = tuple[float, float]


@dataclass(frozen=True)
class Stage:
    """A drawing laid out. Lengths are points; y grows downward from the upper left corner.

    Attributes:
        width, height: of everything.
        boxes: for every card its left and upper border, its width and its height.
        curves: for every edge the points of a Bézier curve from the tail's card to the head's.
    """

    width: float
    height: float
    boxes: Sequence[tuple[float, float, float, float]]
    curves: Sequence[Sequence[Point]]


def stage(drawing: Drawing) -> Stage:
    """The same places as in a picture of the drawing.

    Raises:
        GraphvizError: if there is no Graphviz, or it takes too long.
    """
    plain = replace(drawing, differentiated=False)  # edges that lead one way
    drawn = picture(plain, Look())
    drawn.graph_attr["ranksep"] = RANKSEP
    source = drawn.source
    placed = layout.run("dot", "dot", source).decode().replace("\\\n", "")
    bordered = _BOX.search(placed)
    top = float(bordered[1].split(",")[3]) if bordered else 0.0
    across = 0 if drawing.compact else strip.WIDTH  # a card has its strip at the left
    boxes = [(0.0, 0.0, 0.0, 0.0)] * len(drawing.cards)
    for match in _NODE.finditer(placed):
        x, y, width, height = _measures(match["attributes"])
        left = x - width / 2 + across
        boxes[int(match["node"])] = (left, top - y - height / 2, width - across, height)
    if not drawing.compact:
        placed = strip.reach_cards(placed)
    found: dict[tuple[int, ...], list[list[Point]]] = defaultdict(list)
    for match in _EDGE.finditer(placed):
        points = [_point(text, top) for text in match["points"].split()]
        ends = [int(match[name]) for name in ("tail", "head", "position") if match[name]]
        found[tuple(ends)].append([*points, _point(match["tip"], top)])
    curves = []
    for edge in drawing.edges:
        ends = [edge.tail, edge.head, *([] if drawing.compact else [edge.position])]
        curves.append(found[tuple(ends)].pop())
    return _moved_to_corner(boxes, curves)


def _measures(attributes: str) -> tuple[float, float, float, float]:
    """A node's x, y, width and height; Graphviz gives the last two in inches."""
    found = {match[1]: match for match in _SIZE.finditer(attributes)}
    x, y = float(found["pos"][2]), float(found["pos"][3])
    return x, y, 72 * float(found["width"][2]), 72 * float(found["height"][2])


def _point(text: str, top: float) -> Point:
    x, y = map(float, text.split(","))
    return x, top - y


def _moved_to_corner(
    boxes: Sequence[tuple[float, float, float, float]], curves: Sequence[Sequence[Point]]
) -> Stage:
    """The stage without the empty margins and without the picture's caption."""
    points = [point for curve in curves for point in curve]
    left = min([box[0] for box in boxes] + [x for x, _ in points])
    top = min([box[1] for box in boxes] + [y for _, y in points])
    right = max([box[0] + box[2] for box in boxes] + [x for x, _ in points])
    bottom = max([box[1] + box[3] for box in boxes] + [y for _, y in points])
    return Stage(
        right - left,
        bottom - top,
        [(x - left, y - top, width, height) for x, y, width, height in boxes],
        [[(x - left, y - top) for x, y in curve] for curve in curves],
    )
