"""The states of a graph in the course of training, for the player."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np

from engine import Value, no_grad, topological_order
from engine.numbers import apply

from .score import Numbers, outline, state
from .text import printable, short_number, shorten

Classifier = Callable[[float, float], SupportsFloat]

SCORES = 33  # along each side of the plane
MARGIN = 0.25  # of the points' range, around them
STRONGEST = 127  # what a score is rounded to at most


class Film:
    """Recorded states of one graph: ``add`` its loss after every so many steps, then play it.

    Every state must be of the same graph, in other numbers. A loss is made anew in every step, and
    the optimiser changes parameters in place, so ``add`` reads all numbers when it is called.

    Args:
        classifier: a function ``(x, y) -> score``, for a picture of where in the plane it is + and
            where −; it is called 1,089 times for every state.
        points: the data, as pairs (x, y).
        classes: for each point a number that is > 0 for class +, and not for class −.
        title: what is being trained, in words.

    Attributes:
        epochs: the numbers that the states were added with.

    Raises:
        ValueError: if there is a classifier without points, or not one class for each point.
    """

    def __init__(
        self,
        classifier: Classifier | None = None,
        points: Iterable[Iterable[SupportsFloat]] = (),
        classes: Iterable[SupportsFloat] = (),
        title: str = "",
    ) -> None:
        self.points = [(float(x), float(y)) for x, y in points]
        self.classes = [float(c) > 0 for c in classes]
        if len(self.points) != len(self.classes) or (classifier and not self.points):
            raise ValueError(
                "a Film with a classifier takes at least one point and one class for each point, "
                f"not {len(self.points)} and {len(self.classes)}"
            )
        self.classifier, self.title = classifier, str(title)
        self.epochs: list[int] = []
        self.states: list[Numbers] = []
        self.fields: list[bytes] = []
        self.order: Sequence[Value] = ()
        self._outline: list[Any] = []

    def add(self, root: Value, epoch: int | None = None) -> None:
        """Record all numbers of the graph as they are now.

        Args:
            root: the loss.
            epoch: the number of the epoch or step; by default the states are numbered from 0.

        Raises:
            TypeError: if ``root`` is not a Value.
            ValueError: if the graph is not that of the states before, or the epoch not a later one.
        """
        if not isinstance(root, Value):
            raise TypeError(f"Film.add() takes a Value, not {type(root).__name__}: {root!r:.60}")
        order = topological_order(root)
        drawn = outline(order)
        if not self.states:
            self.order, self._outline = order, drawn
        elif drawn != self._outline:
            raise ValueError(
                f"state {len(self.states)} of the film is of another graph: "
                f"{difference(self._outline, drawn)}; a film shows one graph in changing numbers"
            )
        last = self.epochs[-1] if self.epochs else -1
        if epoch is None:
            epoch = last + 1
        if self.epochs and epoch <= last:
            raise ValueError(f"epochs come in order: {epoch} was added after {last}")
        self.epochs.append(int(epoch))
        self.states.append(state(order))
        if self.classifier:
            self.fields.append(self._scores(self.classifier))

    def __getitem__(self, index: SupportsIndex) -> Value:
        """The graph as it was in a state, with its gradients: to be drawn or derived, as any.

        Args:
            index: which state, counted from 0, or from −1 backwards; not the epoch's number.

        Returns:
            The root of a graph of its own, made by the same operations on that state's leaves.

        Raises:
            TypeError: if ``index`` is no whole number.
            IndexError: if there is no such state.
            ValueError: if a node was made by hand: nobody knows how it was computed.
        """
        if not isinstance(index, SupportsIndex):
            kind = type(index).__name__
            raise TypeError(f"a state of a film has a whole number, not {kind}: {index!r:.60}")
        if not -len(self) <= operator.index(index) < len(self):
            raise IndexError(f"the film has {len(self)} states; there is no state {index}")
        made: dict[Value, Value] = {}
        for node, data in zip(self.order, self.states[index].tolist(), strict=False):
            label, scope = str(node.label), str(node.scope)
            if not node.args:
                made[node] = Value(data, label=label, role=node.role, scope=scope)
                continue
            if node.rule is None:
                raise ValueError(f"{label or node.sign!r} was made by hand: it can't be made anew")
            made[node] = apply(node.rule, [made[arg] for arg in node.args], node.params)
            made[node].label, made[node].scope = label, scope
        root = made[self.order[-1]]
        root.backward()
        return root

    def __len__(self) -> int:
        return len(self.states)

    def __repr__(self) -> str:
        if not self.states:
            return "<Film without states: add(loss) records one>"
        last, loss = len(self.order) - 1, str(self.order[-1].label) or "loss"
        low, high = (short_number(float(self.states[i][last]), 4) for i in (0, -1))
        title = f" of {shorten(printable(self.title))}" if self.title else ""
        epochs = f"epochs {self.epochs[0]:,} to {self.epochs[-1]:,}"
        return f"<Film{title}: {len(self)} states, {epochs}, {shorten(loss)} {low} to {high}>"

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """The part of the plane that is shown: left, right, lower and upper border."""
        borders = []
        for values in zip(*self.points, strict=True):
            margin = MARGIN * (max(values) - min(values)) or 1.0
            borders += [min(values) - margin, max(values) + margin]
        return tuple(borders)

    def _scores(self, classifier: Classifier) -> bytes:
        """The scores over the plane, row by row from the lower left, each as a signed byte.

        The sign is exact, the size only what a tint needs; −128 stands for nan.
        """
        left, right, lower, upper = self.extent
        xs, ys = np.linspace(left, right, SCORES), np.linspace(lower, upper, SCORES)
        with no_grad():
            scores = np.array([[float(classifier(x, y)) for x in xs.tolist()] for y in ys.tolist()])
        size = np.abs(np.nan_to_num(scores))
        strength = np.ceil(STRONGEST * np.tanh(size / (float(np.median(size)) or 1.0)))
        return bytes(
            np.where(np.isnan(scores), -128, np.sign(scores) * strength).astype(np.int8).tobytes()
        )


def difference(before: Sequence[Any], now: Sequence[Any]) -> str:
    """In words, where two outlines of graphs differ first."""
    if len(before) != len(now):
        return f"it has {len(now):,} nodes, not {len(before):,}"
    place = next(i for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b)
    return f"node {place} in topological order is {now[place]}, not {before[place]}"
