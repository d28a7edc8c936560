"""`save`: what the functions of `viz` return, as files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from engine.files import write_atomically

from .destination import destination

PICTURES = (".svg", ".png", ".pdf")
SLIDES = (".pdf", ".svg", ".png", ".gif", ".mp4")
MOVING = (".gif", ".mp4")

Writer = Callable[[], "bytes | str | Mapping[str, bytes | str]"]
"""Gives the content of a file, or of several by what is added to the file's name."""


def save(
    picture: Any,
    path: str | os.PathLike[str],
    *,
    dark: bool = False,
    seconds: float | None = None,
) -> Path:
    """Write a picture, a derivation or a player to a file, whole or not at all.

    The suffix says in which format. The same picture gives the same bytes whenever it is saved. Of
    several files, such as a player's frames as ``.svg``, none is written before all are made.

    Args:
        picture: what `draw`, `play` or another function of `viz` returned.
        path: a name in a folder that exists. It ends in

            - ``.svg``, ``.png`` or ``.pdf`` for a picture or a plot, ``.dot`` for a graph;
            - one of these for pictures of paths: the overview gets the name, the paths get it with
              a number, ``paths-1.svg``; or ``.txt`` for their products;
            - ``.txt``, ``.md``, ``.tex`` (a fragment) or ``.html`` for a derivation;
            - ``.html`` for what `play` returned, or a film: the page. Or its steps as slides:
              ``.pdf`` with a page for each, ``.svg`` or ``.png`` with a file for each
              (``steps-01.svg``), ``.gif`` and, where imageio-ffmpeg is installed, ``.mp4``.
        dark: for slides: light on dark.
        seconds: for ``.gif`` and ``.mp4``: how long each slide is shown; by default 2, and 0.15 of
            a training run.

    Returns:
        The path written; of numbered ones, the first.

    Raises:
        TypeError: if ``picture`` is nothing of that kind, or ``path`` no path.
        ValueError: if the suffix is none of these, ``dark`` or ``seconds`` is given for something
            else, ``seconds`` is not positive, or a player has more than 1,000 steps.
        FileNotFoundError: if the folder does not exist.
        GraphvizError: if a graph cannot be laid out.
        ModuleNotFoundError: if slides are asked for without matplotlib, or a video without
            imageio-ffmpeg.
    """
    forms = writers(picture, dark, seconds)
    path = destination(path, forms)
    suffix = path.suffix.lower()
    if dark and not (suffix in SLIDES and ".gif" in forms):
        raise ValueError("dark= is for slides: other pictures are drawn so, draw(…, dark=True)")
    if seconds is not None and suffix not in MOVING:
        raise ValueError(f"seconds= is for {' and '.join(MOVING)}: nothing else moves")
    content = forms[suffix]()
    files = content if isinstance(content, Mapping) else {"": content}
    written = [
        write_atomically(path.with_name(f"{path.stem}{added}{path.suffix}"), each)
        for added, each in files.items()
    ]
    return written[0]


def writers(picture: Any, dark: bool, seconds: float | None) -> dict[str, Writer]:
    """What makes the content of a file, by the suffix."""
    if hasattr(picture, "pipe"):
        drawn = {end: partial(picture.pipe, end[1:]) for end in PICTURES}
        return {**drawn, ".dot": lambda: picture.source}
    if hasattr(picture, "overview"):
        every = [picture.overview, *picture]
        forms = {end: partial(numbered, every, end) for end in (*PICTURES, ".dot")}
        return {**forms, ".txt": lambda: f"{picture}\n"}
    if hasattr(picture, "savefig"):
        return {end: partial(plotted, picture, end[1:]) for end in PICTURES}
    if hasattr(picture, "markdown") and hasattr(picture, "latex"):
        return {
            ".txt": lambda: f"{picture}\n",
            ".md": picture.markdown,
            ".tex": picture.latex,
            ".html": picture.html,
        }
    if hasattr(picture, "states"):
        from .player import play

        picture = play(frames=picture)
    if hasattr(picture, "html"):
        shown = {end: partial(slides, picture, end, dark, seconds) for end in SLIDES}
        return {".html": lambda: picture.html, **shown}
    raise TypeError(
        "save() takes first the picture that a function of viz returned (also a derivation, a "
        "player, a film), a graphviz.Digraph or a matplotlib Figure, and then the "
        f"path; the first is {type(picture).__name__}"
    )


def numbered(pictures: Any, suffix: str) -> dict[str, bytes | str]:
    """An overview and then numbered pictures."""
    names = ["", *(f"-{i}" for i in range(1, len(pictures)))]
    return {
        name: each.source if suffix == ".dot" else each.pipe(suffix[1:])
        for name, each in zip(names, pictures, strict=True)
    }


def plotted(figure: Any, file_format: str) -> bytes:
    """A plot as the content of a file."""
    from .style import rendered

    return rendered(figure, file_format)


def slides(player: Any, suffix: str, dark: bool, seconds: float | None) -> Any:
    """A player's steps, one by one."""
    try:
        from .reel import reel
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "matplotlib":
            raise
        cure = "slides need matplotlib, which is missing: pip install 'gradpath[demos]'"
        raise ModuleNotFoundError(cure, name="matplotlib") from None
    return reel(player, suffix[1:], dark=dark, seconds=seconds)
