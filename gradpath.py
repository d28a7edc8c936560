"""gradpath's command: `gradpath check mine.py:Value`, `gradpath draw "a*a + b" a=3 b=1`, ….

It works in every folder, also beside files called engine.py, nn.py or viz.py, as which gradpath's
own packages are known: those are taken from where this file is. (`python -m engine.check` takes
what is called `engine` in the current folder, if there is such a thing; `python -m gradpath check`
does not.)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

HOME = str(Path(__file__).resolve().parent)
USAGE = """\
usage: gradpath check mine.py:Value        is this engine right?
       gradpath draw "a*a + b" a=3 b=1     a formula's derivatives; -o file.svg: its graph
       gradpath play "a*a + b" a=3 b=1     a page to step through it; -o file.html

gradpath check --help and gradpath draw --help list what else there is.
"""


def main() -> None:
    """Run the command that the first argument names."""
    command, rest = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return
    if command not in ("check", "draw", "play"):
        fail(f"there is no command {command!r}" if command else "name a command")
    if command == "play" and not {"-h", "--help"} & {*rest}:
        given = [x for x in rest if x.startswith(("-o", "--out"))]
        rest += [] if given else ["-o", "steps.html"]
    sys.argv = [f"gradpath {command}", *rest]
    import_own()
    if command == "check":
        from engine.check.engines.commandline import run
    else:
        from viz.__main__ import run
    run()


def import_own() -> None:
    """Import gradpath's packages from beside this file, and nothing from the current folder."""
    here = str(Path.cwd().resolve())
    others = [
        place for place in sys.path if place and str(Path(place).resolve()) not in (here, HOME)
    ]
    sys.path[:] = [HOME, *others]
    import engine  # noqa: F401
    import viz  # noqa: F401

    sys.path[:] = [*others, HOME]


def fail(message: str) -> NoReturn:
    """End with what there is."""
    print(f"gradpath: {message}\n{USAGE}", end="", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
