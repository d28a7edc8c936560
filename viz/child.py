"""A stand-in for the program `dot`, made of the Graphviz inside the pygraphviz wheel.

Run as ``python child.py -Kdot -Tsvg``: DOT on standard input, the picture on standard output. It
is a process of its own, so that a library that runs out of stack or time takes nothing else down.
"""

import os
import sys
from pathlib import Path


def main(options: list[str]) -> None:
    """Lay out and draw what comes in."""
    _find_some_fonts()
    from pygraphviz import AGraph  # type: ignore[import-untyped]

    engine, output_format, *settings = options
    graph = AGraph(string=sys.stdin.buffer.read().decode())
    picture = graph.draw(
        prog=engine.removeprefix("-K"),
        format=output_format.removeprefix("-T"),
        args=" ".join(settings),
    )
    sys.stdout.buffer.write(picture)
    sys.stdout.buffer.flush()
    os._exit(0)  # taking a large graph apart in order would be time for nothing


def _find_some_fonts() -> None:
    """On a Linux without any fonts, let fontconfig see those that matplotlib brings along."""
    folders = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
    found = (font for f in folders for font in Path(f).expanduser().rglob("*.[otp][tf][fcb]"))
    if sys.platform != "linux" or any(found):
        return
    from importlib.util import find_spec

    matplotlib = find_spec("matplotlib")
    if matplotlib and matplotlib.origin:
        os.environ["XDG_DATA_HOME"] = str(Path(matplotlib.origin).parent / "mpl-data")


if __name__ == "__main__":
    main(sys.argv[1:])
