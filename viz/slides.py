"""A frame as a slide: the graph as far as it has come, what happens now, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from .cards import ROLE_WORDS
from .drawing import Card, Edge
from .film import SCORES, STRONGEST, Film
from .frames import Frame, Play, Situation
from .network import draw_on
from .neurons import network
from .style import Plot, shown, styled, ticked, tinted
from .text import brief_number, number, shorten
from .theme import Surface, Theme, theme
from .words import Words

WIDTH, HEIGHT = 13 + 1 / 3, 7.5  # inches: a slide of 960 × 540 points
_GRAPH = (0.03, 0.25, 0.94, 0.61)  # of the slide: left, lower border, width, height
_LARGEST, _LEAST = 2.0, 0.8  # times the stage's size; what is larger than the slide moves past
_LONGEST, _WIDE = 110, 88  # characters of a line below the graph, and so many in full size
_HEAD = [(-9, -4), (0, 0), (-9, 4)]  # an arrow's head that points to the right, in points


def slide(play: Play, frame: Frame, place: str, *, dark: bool = False) -> Plot:
    """The slide of one frame, with a place such as ``7 / 12`` in its corner."""
    colors = theme(dark)
    with styled(colors):
        plot = Plot(WIDTH, HEIGHT, colors)
        plot.set_layout_engine("none")
        said = " ".join(frame.lines)
        plot.words = Words(f"{frame.phase}: {frame.title}", f"Step {place}. {said}")
        _heading(plot, frame, place, colors)
        for (name, now), where in zip(frame.sides, _places(play, len(frame.sides)), strict=True):
            axes = plot.add_axes(where)
            if name:
                color = colors.alert if name == "wrong" else colors.input.stroke
                axes.set_title(name, fontsize=15, fontweight="bold", color=color, loc="left")
            _Scene(axes, play, now, colors).draw()
        for i, line in enumerate(frame.lines):
            line = shorten(line, _LONGEST)
            size = 15 * min(1.0, _WIDE / len(line))
            plot.text(0.03, 0.185 - 0.052 * i, line, va="top", fontsize=size, family=_mono())
    return plot


def epoch_slide(play: Play, film: Film, index: int, *, dark: bool = False) -> Plot:
    """The slide of one recorded state of a training run: where the loss is, and what it does."""
    colors, epoch = theme(dark), film.epochs[index]
    losses = [float(state[len(film.order) - 1]) for state in film.states]
    said = f"epoch {epoch:,}: {shown(play.names[-1])} = {number(losses[index])}"
    known = network(film.order)
    frame = Frame(film.title or "Training", said, [], [])
    with styled(colors):
        plot = Plot(WIDTH, HEIGHT, colors)
        plot.set_layout_engine("none")
        title = shown(film.title) or "A training run"
        plot.words = Words(title, f"{said[0].upper()}{said[1:]}.")
        _heading(plot, frame, f"{index + 1} / {len(film)}", colors)
        if known and film.fields:
            _network(plot.add_axes((0.02, 0.1, 0.35, 0.74)), known, film, index, colors)
            _plane(plot.add_axes((0.42, 0.24, 0.27, 0.48)), film, index, colors)
            _loss(plot.add_axes((0.755, 0.24, 0.22, 0.48)), film, losses, index, colors)
            return plot
        _loss(plot.add_axes((0.66, 0.2, 0.31, 0.58)), film, losses, index, colors)
        if known:
            _network(plot.add_axes((0.03, 0.06, 0.55, 0.8)), known, film, index, colors)
        elif film.fields:
            _plane(plot.add_axes((0.08, 0.1, 0.42, 0.74)), film, index, colors)
        else:
            axes, now = plot.add_axes((0.03, 0.06, 0.55, 0.8)), play.complete(film.states[index])
            _Scene(axes, play.at(film.states[index]), now, colors, 0.0).draw()
    return plot


def _network(axes: Axes, known: Any, film: Film, index: int, colors: Theme) -> None:
    """The network in one state, its edges on the scale of all states."""
    leaves = [i for layer in known["layers"] for neuron in layer for i in neuron["weights"]]
    sizes = np.abs(np.stack(film.states)[:, leaves])
    state = film.states[index]
    weights = [
        [[float(state[i]) for i in neuron["weights"]] for neuron in layer]
        for layer in known["layers"]
    ]
    biases = [
        [0.0 if neuron["bias"] is None else float(state[neuron["bias"]]) for neuron in layer]
        for layer in known["layers"]
    ]
    draw_on(axes, weights, biases, float(sizes[np.isfinite(sizes)].max(initial=0.0)), colors)


def _loss(axes: Axes, film: Film, losses: Sequence[float], index: int, colors: Theme) -> None:
    """The loss up to here, in axes that are the same on every slide."""
    finite = [loss for loss in losses if math.isfinite(loss)] or [0.0]
    low, high = min([0.0, *finite]), max(finite)
    room = 0.05 * (high - low) or 1.0
    axes.set(xlim=(film.epochs[0], max(film.epochs[-1], film.epochs[0] + 1)), xlabel="epoch")
    axes.set(ylim=(low, high + room), ylabel="loss")
    axes.plot(film.epochs, losses, color=colors.faint, linewidth=1.6)
    axes.plot(film.epochs[: index + 1], losses[: index + 1], color=colors.plus, linewidth=2.4)
    axes.plot(
        film.epochs[index], losses[index], "o", color=colors.plus, markersize=8, clip_on=False
    )
    _dressed(axes)
    ticked(axes.xaxis, film.epochs, 5)


def _plane(axes: Axes, film: Film, index: int, colors: Theme) -> None:
    """Where in the plane the classifier says + and where −, and the points."""
    scores = np.frombuffer(film.fields[index], np.int8).reshape(SCORES, SCORES).astype(float)
    scores[scores == -128] = math.nan
    left, right, lower, upper = film.extent
    axes.imshow(
        **tinted(scores / STRONGEST, colors), extent=film.extent, origin="lower",
        interpolation="bilinear", aspect="auto",
    )  # fmt: skip
    if (scores < 0).any() and (scores > 0).any():
        xs, ys = np.linspace(left, right, SCORES), np.linspace(lower, upper, SCORES)
        axes.contour(xs, ys, scores, levels=[0], colors=[colors.ink], linewidths=1.8)
    for (x, y), plus in zip(film.points, film.classes, strict=True):
        color = colors.plus if plus else colors.minus
        fill = color if plus else colors.page
        axes.plot(x, y, "o", color=color, markerfacecolor=fill, markersize=9, markeredgewidth=2)
    axes.set(xlim=(left, right), ylim=(lower, upper), xlabel="x", ylabel="y")
    _dressed(axes)


def _dressed(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3, labelsize=13)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize(14)
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _mono() -> list[str]:
    """The typeface of numbers; for what it lacks, the others."""
    return ["DejaVu Sans Mono", *matplotlib.rcParams["font.family"]]


def _places(play: Play, sides: int) -> list[tuple[float, float, float, float]]:
    """Where on the slide graphs stand: beside each other, or wide ones below each other."""
    left, bottom, width, height = _GRAPH
    if sides == 1:
        return [_GRAPH]
    room, title = (72 * WIDTH * width, 72 * HEIGHT * height), 0.06
    beside = min(room[0] / sides / play.stage.width, room[1] / play.stage.height)
    below = min(room[0] / play.stage.width, room[1] / sides / play.stage.height)
    if beside >= below:
        share = width / sides
        return [(left + i * share, bottom, share * 0.98, height - title) for i in range(sides)]
    share = height / sides
    return [(left, bottom + (sides - 1 - i) * share, width, share - title) for i in range(sides)]


def _heading(plot: Plot, frame: Frame, place: str, colors: Theme) -> None:
    hue = {"Forward": colors.input.stroke, "Backward": colors.parameter.stroke}
    color = hue.get(frame.phase, colors.muted)
    plot.text(0.03, 0.965, frame.phase, va="top", fontsize=15, fontweight="bold", color=color)
    title = shown(frame.title)
    plot.text(0.03, 0.925, title, va="top", fontsize=22, fontweight="bold")
    plot.text(0.97, 0.965, place, va="top", ha="right", fontsize=15, color=colors.muted)


class _Scene:
    """The graph in one situation."""

    def __init__(
        self, axes: Axes, play: Play, now: Situation, colors: Theme, least: float = _LEAST
    ) -> None:
        self.axes, self.play, self.now, self.colors = axes, play, now, colors
        figure: Any = axes.get_figure(root=True)
        box = axes.get_position()
        width, height = box.width * figure.get_figwidth(), box.height * figure.get_figheight()
        self.room = width * 72, height * 72
        self.figure = figure
        stage = play.stage
        fitting = min(self.room[0] / (stage.width + 12), self.room[1] / (stage.height + 12))
        self.scale = min(max(fitting, least), _LARGEST)
        sides = (stage.width, stage.height)
        x, y = (self.middle(i, sides[i]) for i in (0, 1))
        half = [room / self.scale / 2 for room in self.room]
        axes.set(xlim=(x - half[0], x + half[0]), ylim=(y + half[1], y - half[1]))
        axes.set_axis_off()

    def middle(self, axis: int, size: float) -> float:
        """The middle of what is seen: of everything, or what is nearest to where things happen."""
        seen = self.room[axis] / self.scale
        if size + 12 <= seen or self.now.active is None:
            return size / 2
        box = self.play.stage.boxes[self.now.active]
        wanted: float = box[axis] + box[axis + 2] / 2
        return float(min(max(wanted, seen / 2 - 6), size - seen / 2 + 6))

    def draw(self) -> None:
        edges, lit = self.play.drawing.edges, self.now.lit
        for index in sorted(range(len(edges)), key=lambda i: (i in lit, i in self.now.sent)):
            self.edge(index, edges[index])
        for index, card in enumerate(self.play.drawing.cards):
            self.card(index, card)

    # ------------------------------------------------------------ edges

    def edge(self, index: int, edge: Edge) -> None:
        """An edge; once a gradient has gone back along it, its head points back."""
        now, colors = self.now, self.colors
        points = self.play.stage.curves[index]
        sent, lit = now.sent.get(index), index in now.lit
        width, color, dashes = 1.2, colors.zero if edge.head in now.ready else colors.faint, "-"
        if sent is not None:
            color, width = colors.sign(sent), self.width(sent)
            dashes = "-" if sent else "--"
        elif lit:
            color, width = colors.input.stroke, 2.4
        back = sent is not None
        tip, towards = (points[0], points[1]) if back else (points[-1], points[-2])
        start = self.away(tip, towards, 7 if back else 0)
        line = [start, *points[1:]] if back else list(points)
        codes = [Path.MOVETO, *[Path.CURVE4] * (len(points) - 2), Path.LINETO]
        path = Path(line, codes)
        scaled = (width + 1.4 * lit) * self.scale
        drawn = PathPatch(path, fill=False, edgecolor=color, linewidth=scaled, linestyle=dashes)
        drawn.set(zorder=1 + lit + (sent is not None), capstyle="butt")
        self.axes.add_patch(drawn)
        hollow = sent is not None and sent < 0
        self.head(tip, towards, color, width, hollow)
        if not self.play.drawing.compact:
            self.labels(points, edge, index, sent)

    def head(self, tip: Any, towards: Any, color: str, width: float, hollow: bool) -> None:
        angle = math.atan2(tip[1] - towards[1], tip[0] - towards[0])
        size = 0.75 + 0.12 * width
        corners = [
            (
                tip[0] + size * (x * math.cos(angle) - y * math.sin(angle)),
                tip[1] + size * (x * math.sin(angle) + y * math.cos(angle)),
            )
            for x, y in _HEAD
        ]
        head = Polygon(corners, closed=True, edgecolor=color, zorder=3.5)
        head.set(facecolor=self.colors.page if hollow else color, linewidth=1.2 * self.scale)
        self.axes.add_patch(head)

    def away(self, point: Any, towards: Any, length: float) -> tuple[float, float]:
        """The point moved a little way along its edge."""
        span = math.dist(point, towards) or 1.0
        share = min(length / span, 0.9)
        return (
            point[0] + share * (towards[0] - point[0]),
            point[1] + share * (towards[1] - point[1]),
        )

    def labels(self, points: Sequence[Any], edge: Edge, index: int, sent: float | None) -> None:
        """Above an edge its local derivative, below it what has been sent back."""
        (x, y), colors, bold = points[-1], self.colors, index in self.now.lit
        if edge.head in self.now.ready:
            partial = "?" if edge.partial is None else brief_number(edge.partial)
            color = colors.ink if bold else colors.muted
            self.text(x - 24, y - 4, f"∂ {partial}", 9, color, "right", bold=bold)
        if sent is not None:
            said = f"◂ {brief_number(sent)}"
            self.text(x - 24, y + 11, said, 9, colors.sign(sent), "right", bold=True)

    def width(self, sent: float) -> float:
        """Points; as in the pictures, the square root of the share of the largest."""
        if not math.isfinite(sent):
            return 4.2
        sizes = [abs(x) for x in self.now.sent.values() if math.isfinite(x)]
        largest = max([self.play.drawing.largest_sent, *sizes]) or 1.0
        return 1 + 3.2 * math.sqrt(min(abs(sent) / largest, 1.0))

    # ------------------------------------------------------------ cards

    def card(self, index: int, card: Card) -> None:
        now, colors = self.now, self.colors
        x, y, w, h = self.play.stage.boxes[index]
        ready, active = index in now.ready, index == now.active
        surface: Surface = getattr(colors if ready else colors.faded, card.role)
        if card.output and card.role == "computed":
            surface = (colors if ready else colors.faded).output
        corner = 5 if self.play.drawing.compact else 9
        if active:
            hue = colors.parameter.stroke if now.backward else colors.input.stroke
            self.box(x - 4, y - 4, w + 8, h + 8, corner + 3, colors.page, hue, 3.2)
        stroke = colors.alert if index in now.wrong else surface.stroke
        heavy = 2 if card.output or index in now.wrong else 1
        dashes = "--" if card.role == "constant" else "-"
        self.box(x, y, w, h, corner, surface.fill, stroke, heavy, dashes)
        ink = colors.ink if ready else colors.faded.ink
        data = number(card.data) if ready else "–"
        grad, hue = number(now.grads[index]), colors.sign(now.grads[index])
        if index in now.wrong:
            hue = colors.alert
        receiving = any(self.play.drawing.edges[i].tail == index for i in now.lit)
        if self.play.drawing.compact:
            base = y + h / 2 + 3.5
            self.text(x + 6, base, f"{card.name}  {card.sign}", 10, ink, room=w - 118)
            self.text(x + w - 60, base, data, 9, ink, "right", mono=True)
            self.text(x + w - 6, base, grad, 9, hue, "right", mono=True, bold=True)
            return
        self.full(card, (x, y, w, h), ink, surface, data, (grad, hue, receiving and now.backward))

    def full(
        self,
        card: Card,
        place: tuple[float, float, float, float],
        ink: str,
        surface: Surface,
        data: str,
        grad: tuple[str, str, bool],
    ) -> None:
        """What stands on a full card: name and operation, the scope, data and grad."""
        (x, y, w, h), colors = place, self.colors
        top = 9 if card.scope else 0
        tight = min(0.0, h - 61 - top)  # a low card has its lines nearer to each other
        sign = shorten(card.sign, 12) or ROLE_WORDS.get(card.role, "")
        small = not card.sign
        what = surface.stroke if small else ink
        self.text(x + w - 8, y + 16, sign, 9 if small else 13, what, "right", bold=not small)
        room = w - 22 - 8 * max(2, len(sign))
        name = ink if card.named else colors.zero
        self.text(x + 8, y + 16, shown(card.name), 12, name, bold=card.named, room=room)
        if card.scope:
            self.text(x + 8, y + 26, shown(card.scope), 8, colors.muted, room=w - 16)
        line = [y + 23 + top + tight / 2] * 2
        self.axes.plot([x, x + w], line, color=surface.stroke, linewidth=self.scale, zorder=5)
        written, hue, arrives = grad
        if arrives:
            self.box(x + w - 66, y + 43.5 + top + tight, 61, 14, 4, colors.page, hue, 1.2)
        self.text(x + 8, y + 40 + top + tight, "data", 10, colors.muted, mono=True)
        self.text(x + w - 8, y + 40 + top + tight, data, 10, ink, "right", mono=True)
        self.text(x + 8, y + 54 + top + tight, "grad", 10, colors.muted, mono=True)
        self.text(x + w - 8, y + 54 + top + tight, written, 10, hue, "right", mono=True, bold=True)

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        corner: float,
        fill: str,
        stroke: str,
        width: float,
        dashes: str = "-",
    ) -> None:
        """A rectangle with round corners."""
        style = f"round,pad=0,rounding_size={min(corner, w / 2, h / 2)}"
        patch = FancyBboxPatch((x, y), w, h, boxstyle=style, facecolor=fill, edgecolor=stroke)
        patch.set(linewidth=width * self.scale, linestyle=dashes, zorder=4)
        self.axes.add_patch(patch)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str,
        align: str = "left",
        *,
        bold: bool = False,
        mono: bool = False,
        room: float = math.inf,
    ) -> None:
        """Text with its baseline at y, made smaller where it has no room."""
        weight = "bold" if bold else "normal"
        size *= self.scale
        if room < math.inf:
            wide = self.figure.extent(text, size, weight) * 72 / self.scale
            size *= min(1.0, max(room, 20) / (wide or 1.0))
        left, right = sorted(self.axes.get_xlim())
        lower, upper = sorted(self.axes.get_ylim())
        if not (left <= x <= right and lower <= y <= upper):
            return  # outside of what is seen
        drawn = self.axes.text(x, y, text, fontsize=size, color=color, ha=align, va="baseline")
        drawn.set(fontweight=weight, zorder=6, clip_on=True)
        if mono:
            drawn.set_fontfamily(_mono())
