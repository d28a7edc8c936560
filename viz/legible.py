"""How large the text of a picture will be on a slide: estimated, for no layout is needed to ask.

Graphviz ranks cards from left to right, so a picture is about as wide as the sum of its ranks'
widest cards, and as high as its highest rank.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from . import strip
from .cards import APART, DIGIT
from .drawing import Card, Drawing, Edge
from .text import number, room

SLIDE = 960.0, 540.0
"""The size of a slide in points."""

READABLE = 8.0
"""Points of the smallest text that can be read from the last row."""

SURE, SURE_OF_LINES = 1.06, 1.025  # how much larger than asked text is to be by the estimate
SMALLEST = 10.0  # points of the smallest text of a picture at its own size
LINES_GAP, RANK_GAP, MOST_GAP = 22.0, 30.0, 54.0  # between ranks
LINE_GAP, PASSING = 14.4, 16.0  # between cards, and for an edge that passes by
LINE = 19.0  # how high a card of one line is
MANY = 60  # edges that need more room between ranks than a slide has
BOX, MARGIN, LEGEND, LEGEND_WIDTH, CAPTION = 34.0, 22.0, 34.0, 380.0, 18.0


def text_size(drawing: Drawing, rankdir: str = "LR", others: int = 0) -> float:
    """About how many points high the smallest text is, once the picture fits into a slide.

    Of ``others`` of its kind that share the slide each stands in a box.
    """
    across, down = extent(drawing, rankdir)
    if others:
        across, down = across + BOX, down + BOX
        along = others + 1 if rankdir == "LR" else 1
        across, down = across * (others + 1) / along, down * along
    return SMALLEST * min(SLIDE[0] / across, SLIDE[1] / down)


def readable(drawing: Drawing, rankdir: str = "LR", others: int = 0) -> bool:
    """Whether all text can be read on a slide."""
    return text_size(drawing, rankdir, others) >= least(drawing)


def least(drawing: Drawing) -> float:
    """What the estimate must be: the heights of full cards depend on how their edges run."""
    return READABLE * (SURE_OF_LINES if drawing.compact else SURE)


def extent(drawing: Drawing, rankdir: str = "LR") -> tuple[float, float]:
    """About how wide and how high a picture is, in points."""
    along, breadth = lengths(drawing, rankdir)
    gaps = len(along) - 1
    return size_of(drawing, rankdir, sum(along) + gaps * ranksep(drawing, rankdir), breadth)


def lengths(drawing: Drawing, rankdir: str) -> tuple[list[float], float]:
    """How long each rank is, and how broad the broadest."""
    level = rankdir == "LR"
    rank = ranks(drawing)
    along: dict[int, float] = {}
    side: dict[int, float] = {}
    boxes: dict[str, dict[int, float]] = {}  # how broad what is in a box is, rank by rank
    for place, (card, into) in zip(rank, arrivals(drawing), strict=True):
        width, height = size(card, len(into), drawing.compact, level)
        long, wide = (width, height) if level else (height, width)
        along[place] = max(along.get(place, 0.0), long)
        within = boxes.setdefault(card.box[0], {}) if card.box else side
        within[place] = within.get(place, 0.0) + wide + gap(drawing)
    for held in boxes.values():  # which has its breadth on all ranks that it reaches over
        for place in range(min(held), max(held) + 1):
            side[place] = side.get(place, 0.0) + max(held.values()) + BOX
    for edge in drawing.edges:
        for place in range(rank[edge.tail] + 1, rank[edge.head]):
            side[place] = side.get(place, 0.0) + PASSING
    return list(along.values()), max(side.values())


def size_of(drawing: Drawing, rankdir: str, length: float, breadth: float) -> tuple[float, float]:
    """A picture's width and height, with boxes, margins, and what stands below."""
    boxes = {card.box[0] for card in drawing.cards if card.box}
    nested = max((len(card.box) for card in drawing.cards), default=0)
    length += BOX / 2 * len(boxes) + MARGIN
    breadth += BOX * max(nested - 1, 0) + MARGIN
    if rankdir == "LR" and not drawing.compact:
        length -= strip.WIDTH
    width, height = (length, breadth) if rankdir == "LR" else (breadth, length)
    return max(width, LEGEND_WIDTH), height + LEGEND + CAPTION * len(drawing.caption)


def ranksep(drawing: Drawing, rankdir: str = "LR") -> float:
    """Between two ranks: as much as leaves the text readable, where edges without labels cross."""
    if len(drawing.edges) > MANY:
        return MOST_GAP
    along, breadth = lengths(drawing, rankdir)
    if len(along) < 2 or not (drawing.collapsed or drawing.compact):
        return RANK_GAP
    width, height = size_of(drawing, rankdir, sum(along), breadth)
    scale = SMALLEST / least(drawing)
    room = scale * SLIDE[0] - width if rankdir == "LR" else scale * SLIDE[1] - height
    closest = LINES_GAP if drawing.compact else RANK_GAP
    return min(max(room / (len(along) - 1), closest), MOST_GAP)


def gap(drawing: Drawing) -> float:
    """Between two cards of a rank."""
    return LINE_GAP if not drawing.compact else 5.8


def arrivals(drawing: Drawing) -> Iterator[tuple[Card, list[Edge]]]:
    """Every card with the edges that arrive at it."""
    into = {head: list(edges) for head, edges in groupby(drawing.edges, attrgetter("head"))}
    for i, card in enumerate(drawing.cards):
        yield card, into.get(i, [])


def size(card: Card, arguments: int, compact: bool, level: bool) -> tuple[float, float]:
    """A card's width and height in points, with its strip."""
    if compact:
        return line_width(card), LINE
    sign = 7.0 * min(len(card.sign), 12)
    title = 7.2 * min(len(card.title), 24) + (sign or 36.0) + 12
    lines = 2 + len(card.rows) + len(card.words) + bool(card.mark) + (card.share is not None)
    width, height = max(title, 110.0), 26.0 + 17.0 * lines
    if card.rows:
        width = max(width, 150.0)
    if card.size > 1:
        width, height = width + 8.0, height + 14.0
    if not card.labelled:
        return width, height
    if level:
        return width + strip.WIDTH, max(height, strip.height(arguments) + 24.0)
    across = strip.LABEL_WIDTH + arguments * (strip.LABEL_WIDTH + strip.PORT_WIDTH)
    return max(width, across), height + strip.HEIGHT


def line_width(card: Card) -> float:
    """How wide a card of one line is, in points."""
    digits = [len(number(x)) for x in (card.data, card.grad) if not math.isnan(x)]
    if not card.result:
        digits.append(7)
    if card.share is not None:
        digits.append(5 + len(number(card.share)))
    sign = card.sign if not card.expressed else ""
    name = card.within if card.size > 1 else card.title
    words = [name[:24], sign[:12], *([card.mark[:60]] if card.size > 1 else [])]
    cells = [room(word) for word in words if word] + [DIGIT * count for count in digits]
    return sum(cells) + APART * (len(cells) - 1) + 14 + 14 * (card.size > 1)


def places(drawing: Drawing) -> int:
    """How many places edges take, one on every rank that they reach: a layout's time."""
    rank = ranks(drawing)
    return sum(max(rank[edge.head] - rank[edge.tail], 1) for edge in drawing.edges)


def ranks(drawing: Drawing) -> list[int]:
    """The rank of every card: a computed one after its arguments, a leaf just before its use."""
    into: dict[int, list[int]] = {}
    users: dict[int, list[int]] = {}
    for edge in drawing.edges:
        into.setdefault(edge.head, []).append(edge.tail)
        users.setdefault(edge.tail, []).append(edge.head)
    rank = [0] * len(drawing.cards)
    column = {i: cards for cards in drawing.columns for i in cards}
    for i in topological(len(rank), into):
        rank[i] = max(rank[i], 1 + max((rank[tail] for tail in into.get(i, ())), default=-1))
        for other in column.get(i, ()):
            rank[other] = max(rank[other], rank[i])
    for i in range(len(rank)):
        if i not in into and not any(other in into for other in column.get(i, ())):
            rank[i] = min((rank[head] for head in users.get(i, ())), default=1) - 1
    for cards in drawing.columns:
        for i in cards:
            rank[i] = max(rank[other] for other in cards)
    return rank


def topological(count: int, into: dict[int, list[int]]) -> Iterator[int]:
    """Cards after their arguments; in groups there may be circles, which are cut."""
    done: set[int] = set()
    for start in range(count):
        stack = [(start, iter(into.get(start, ())))]
        entered = {start}
        while stack and start not in done:
            card, tails = stack[-1]
            for tail in tails:
                if tail not in done and tail not in entered:
                    entered.add(tail)
                    stack.append((tail, iter(into.get(tail, ()))))
                    break
            else:
                done.add(card)
                yield card
                stack.pop()
