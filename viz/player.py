"""`play`: a page that steps through backpropagation."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine import Value, topological_order
from engine.files import write_atomically

from .destination import destination
from .document import page
from .film import SCORES, Film
from .graphs import draw
from .neurons import network
from .notebook import beside
from .nudge import nudge
from .paths import ranked
from .pathsum import counted, path_sum
from .picture import Picture
from .rehearsal import Move, Pass, rehearse
from .score import packed, score, state
from .text import printable, shorten
from .words import Words

MOST_NODES = 2_000


def play(
    root: Value | None = None,
    *,
    frames: Film | None = None,
    wrong: Pass | None = None,
    right: Pass | None = None,
    title: str = "",
    about: str = "",
    path_to: Value | None = None,
    path: int | None = None,
    dark: bool | None = None,
) -> Player:
    """A page that steps through the forward and the backward pass, one node at a time.

    It begins with what a gradient means: one leaf is nudged. Every step shows the node, its local
    derivatives, and what is added to whose gradient, and lights the node's formula, and the line of
    Python that made it if that was under `detect_anomaly`; a leaf that is chosen shows the paths
    that its gradient is the sum over. The backward pass starts from gradients of 0 and from the
    recorded local derivatives; no ``grad`` is read or changed.

    A clicker steps (Page Down, Page Up), plays (Space) and blanks the screen (full stop); ``p`` is
    for large type. The page's address says what it shows: ``#step=7``, ``#paths=w1&path=2``,
    ``#epoch=120``, ``#view=graph``, ``#present``, ``#theme=dark``; ``#print=steps`` has every step
    on a page of its own.

    Args:
        root: the output.
        frames: instead of it, the recorded states of a training run: the page then opens on the
            network, its loss and its decision regions, and has the graph of every state.
        wrong: a backward pass as a function of the output, to be shown beside the right one. It is
            given a copy of the graph and uses ``args`` and ``partials``, ``_prev`` and
            ``_backward()``, ``grad`` and ``data`` of its nodes.
        right: the pass it is compared with, likewise; by default ``lambda root: root.backward()``.
        title: what stands above; by default what the page goes through.
        about: what the first step says before all else, a paragraph a line; code stands between
            backquotes.
        path_to: a node whose paths the page opens with, at the end of the backward pass.
        path: which of them stands out, from 1, the heaviest.
        dark: open it dark or light; by default as the reader's system is.

    Returns:
        The page: it shows itself in a notebook, and ``save`` writes it as one HTML file.

    Raises:
        TypeError: if ``root`` is no Value, ``frames`` no Film, a pass no function, or ``title`` or
            ``about`` no str.
        ValueError: if the graph has more than 2,000 nodes, the film is empty, there is not just one
            of ``root`` and ``frames``, or ``path_to`` is not in the graph, or has no
            such ``path``.
        RuntimeError: for a node made by hand that was given no ``_backward``.
        GraphvizError: if there is no Graphviz to lay the graph out, or it takes too long.
    """
    film = checked(root, frames)
    for name, backward in (("wrong", wrong), ("right", right)):
        if backward is not None and not callable(backward):
            raise TypeError(
                f"{name} is a backward pass as a function of the output, "
                f"not {type(backward).__name__}"
            )
    for name, text in (("title", title), ("about", about)):
        if not isinstance(text, str):
            raise TypeError(f"{name} is a str, not {type(text).__name__}: {text!r:.60}")
    if right and not wrong:
        raise ValueError("right is what a wrong pass is compared with: give both, or none")
    if wrong and frames:
        raise ValueError("a wrong pass is shown on one graph, not on a film: give root and wrong")
    content = score(film.order, film.states)
    content["opening"] = opening(film.order, path_to, path, dark)
    content["nudge"] = packed_nudge(film, path_to)
    content["film"] = reel(film) if frames else None
    content["title"] = shorten(printable(title), 120)
    content["about"] = [printable(line) for line in about.split("\n") if line.strip()]
    content["passes"], passes = None, []
    if wrong:
        sides = (("wrong", wrong), ("right", right or (lambda root: root.backward())))
        passes = [(name, rehearse(film.order, side)) for name, side in sides]
        content["passes"] = [{"name": name, **moves(made)} for name, made in passes]
    return Player(content, film, passes)


def checked(root: Value | None, frames: Film | None) -> Film:
    """What is to be played: a film, of one state if only an output is given."""
    if (root is None) == (frames is None):
        raise ValueError("play() takes either an output or frames=, a Film")
    if frames is not None and not isinstance(frames, Film):
        raise TypeError(
            f"frames is a Film, not {type(frames).__name__}: record the states of a training run "
            "with film = viz.Film() and film.add(loss)"
        )
    if root is not None and not isinstance(root, Value):
        raise TypeError(f"play() takes a Value, not {type(root).__name__}: {root!r:.60}")
    if frames is not None and not len(frames):
        raise ValueError("the film is empty: add(loss) records a state")
    order = frames.order if frames else topological_order(root)
    if len(order) > MOST_NODES:
        raise ValueError(
            f"the graph has {len(order):,} nodes; the player can show at most {MOST_NODES:,}. Play "
            "the loss of a single sample, or a node in the middle of the graph; draw() collapses "
            "large graphs, and draw_paths() shows the heaviest paths to one leaf"
        )
    if frames:
        return frames
    film = Film()
    film.order, film.epochs, film.states = order, [0], [state(order)]
    return film


def opening(
    order: Sequence[Value], path_to: Value | None, path: int | None, dark: bool | None
) -> dict[str, str]:
    """What the page opens with, as its address would say it."""
    words = {} if dark is None else {"theme": "dark" if dark else "light"}
    if path_to is None:
        if path is not None:
            raise ValueError("path is one of the paths to a node: give path_to, too")
        return words
    if not isinstance(path_to, Value):
        raise TypeError(f"path_to is a Value of the graph, not {type(path_to).__name__}")
    if path_to not in order:
        raise ValueError("path_to is not in the graph: there is no path to it")
    if path is not None and ranked(path) > (found := path_sum(order[-1], path_to, 1)).count:
        raise ValueError(f"there is no path {path}: {counted(found.count)} lead to {found.node!r}")
    words |= {"node": str(order.index(path_to)), "step": "last"}
    return words if path is None else words | {"path": str(path)}


def packed_nudge(film: Film, leaf: Value | None) -> dict[str, Any] | None:
    """The nudged leaf, with its numbers as the bytes of floats."""
    found = nudge(film.order, film.states, leaf)
    if found:
        for name in ("after", "gradient"):
            found[name] = packed(np.array(found[name], "<f8"))
    return found


def reel(film: Film) -> dict[str, Any]:
    """What a film has beside its states."""
    plane, known = None, network(film.order)
    if film.fields:
        plane = {
            "side": SCORES,
            "extent": film.extent,
            "names": known["inputs"] if known and len(known["inputs"]) == 2 else ["x", "y"],
            "points": film.points,
            "classes": film.classes,
            "scores": base64.b64encode(b"".join(film.fields)).decode(),
        }
    count = sum(node.role == "parameter" and not node.args for node in film.order)
    parameters = "1 parameter" if count == 1 else f"{count:,} parameters"
    what = f"a {'-'.join(map(str, known['sizes']))} network" if known else parameters
    on = f" on {len(film.points)} points" if film.points else ""
    output = shorten(printable(str(film.order[-1].label))) or "the output"
    return {
        "epochs": film.epochs,
        "plane": plane,
        "network": known,
        "title": shorten(printable(film.title), 120) or f"Training {what}",
        "subject": f"{parameters}, moved to make {output} small{on}.",
    }


def moves(made: Sequence[Move]) -> dict[str, Any]:
    """A pass's moves, and the gradients after each as the bytes of floats."""
    return {
        "moves": [[m.sender, m.position, m.target, m.added] for m in made],
        "grads": packed(np.array([m.grad for m in made], "<f8")),
    }


class Player:
    """A page that steps through backpropagation; in a notebook it shows itself.

    Attributes:
        html: the page, one self-contained HTML document. It fetches nothing from anywhere, and its
            content-security policy allows no script but its own.
        film: the recorded states of the graph, of which there may be but one.
        passes: the moves of a wrong pass and a right one, by name, if two are compared.
    """

    def __init__(
        self, content: dict[str, Any], film: Film, passes: Sequence[tuple[str, list[Move]]] = ()
    ) -> None:
        self.html, self.film, self.passes = page(content), film, passes
        self._root = film.order[-1]

    def still(self, *, dark: bool = False) -> Picture:
        """The graph as a picture, for paper; its gradients are those that the nodes have now."""
        return draw(self._root, dark=dark)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all; `viz.save` writes slides, too.

        Raises:
            ValueError: if the name does not end in ``.html``.
            FileNotFoundError: if the folder does not exist.
        """
        return write_atomically(destination(path, [".html"]), self.html)

    def __repr__(self) -> str:
        return f"<Player of {len(self.html) / 1000:,.0f} kB: save('player.html') writes it>"

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The page; where a notebook is not trusted an image of it, and a sentence."""
        if len(self.film) > 1:
            what, png = "Training, state by state", training(self.film)
            told = f"{self.film!r}".strip("<>")
        else:
            found = self.still()._repr_mimebundle_()
            what, png = "Backpropagation, step by step", found.get("image/png", b"")
            told = str(self.still().words)
        text = f"{what}; it plays where the notebook is trusted. {told}"
        bundle = {"text/plain": text, "text/html": self._repr_html_()}
        if not png:
            return bundle
        return {
            "text/plain": text,
            "text/html": beside(self._repr_html_(), png, Words(what, text)),
            "image/png": png,
        }

    def _repr_html_(self) -> str:
        """The page in a frame that may run scripts and nothing else."""
        return (
            '<iframe class="gradpath-page" sandbox="allow-scripts" '
            'title="Backpropagation, step by step" width="100%" '
            f'height="640" style="border:0" srcdoc="{html.escape(self.html)}"></iframe>'
        )


def training(film: Film) -> bytes:
    """The last state of a training run as an image; nothing where there is no matplotlib."""
    try:
        from .frames import Play
        from .slides import epoch_slide
        from .style import rendered
    except ModuleNotFoundError:
        return b""
    return rendered(epoch_slide(Play(film.order), film, len(film) - 1), "png", 80)
