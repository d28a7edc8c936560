"""From DOT to a picture: runs Graphviz, as `dot` or as the copy inside the pygraphviz wheel."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from .strip import has_strips, reach_cards

TIME_LIMIT = 60.0
"""Seconds that one run of Graphviz may take."""

BITMAPS = ("png", "jpg", "jpeg", "gif", "webp")
SHARP, LARGEST_BITMAP = 192.0, 100e6
"""Dots per inch of a bitmap, and the number of pixels above which it gets fewer."""
NOTEBOOK, SMALL_BITMAP = 96.0, 1.6e6
"""The same for a bitmap that a notebook keeps."""


class GraphvizError(RuntimeError):
    """Graphviz is missing, failed or took too long: the message says which, and what helps."""


def render(source: str, output_format: str, engine: str = "dot") -> bytes:
    """The picture of DOT text.

    Args:
        source: the DOT text.
        output_format: ``"svg"``, ``"png"``, ``"pdf"`` or another format of Graphviz.
        engine: the layout program of Graphviz.

    Raises:
        GraphvizError: if there is no Graphviz, or it fails, or takes longer than `TIME_LIMIT`.
    """
    kind = output_format.partition(":")[0]
    bitmap, options = kind in BITMAPS, []
    if engine == "dot" and (bitmap or has_strips(source)):
        source, engine = reach_cards(run("dot", "dot", source).decode()), "nop2"
        if bitmap:
            options = [f"-Gdpi={_resolution(source):.0f}"]
    picture = run(engine, output_format, source, *options)
    return _undated(picture) if kind == "pdf" else picture


def render_both(source: str, engine: str = "dot") -> tuple[bytes, bytes]:
    """The picture of DOT text for a notebook: as SVG, and as a PNG of moderate size."""
    if engine == "dot":
        source, engine = reach_cards(run("dot", "dot", source).decode()), "nop2"
    dots = f"-Gdpi={_resolution(source, NOTEBOOK, SMALL_BITMAP):.0f}"
    with ThreadPoolExecutor() as side_by_side:
        png = side_by_side.submit(run, engine, "png", source, dots)
        return run(engine, "svg", source), png.result()


def run(engine: str, output_format: str, source: str, *options: str) -> bytes:
    """One run of Graphviz: what ``engine`` makes of the DOT text, in ``output_format``."""
    command = [*_graphviz(), f"-K{engine}", f"-T{output_format}", *options]
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise GraphvizError(
            f"Graphviz did not finish within {TIME_LIMIT:g} s: draw a smaller part of the graph"
        ) from None
    except OSError as error:
        raise GraphvizError(f"Graphviz could not be started: {error}") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or "it said nothing"
        raise GraphvizError(
            f"Graphviz failed to make {output_format!r} (exit status {done.returncode}): {said}"
        )
    return done.stdout


def _graphviz() -> list[str]:
    dot = shutil.which("dot")
    if dot:
        return [dot]
    if find_spec("pygraphviz") and sys.executable:
        return [sys.executable, "-P", str(Path(__file__).with_name("child.py"))]
    raise GraphvizError(
        "no Graphviz found to lay the picture out. Either install the wheel that contains it, "
        "`pip install 'pygraphviz>=2.0'`, or install Graphviz itself so that `dot` is on PATH "
        "(apt install graphviz, brew install graphviz, winget install graphviz). The DOT text "
        "needs neither: it is the picture's .source"
    )


def _resolution(placed: str, sharp: float = SHARP, largest: float = LARGEST_BITMAP) -> float:
    """Dots per inch for a bitmap of a graph that has been laid out."""
    box = re.search(r'bb="([^"]*)"', placed)
    left, bottom, right, top = map(float, box[1].split(",")) if box else (0.0, 0.0, 0.0, 0.0)
    square_inches = (right - left) * (top - bottom) / 72**2
    set_to = re.search(r"\bdpi=([\d.]+)", placed)
    scale = float(set_to[1]) / 72 if set_to else 1.0
    return min(scale * sharp, math.sqrt(largest / max(square_inches, 1.0)))


def _undated(pdf: bytes) -> bytes:
    """The same PDF whenever it is made; a date of equal length keeps the file's offsets right."""
    return re.sub(rb"(/CreationDate \(D:)\d{14}", rb"\g<1>19700101000000", pdf)
