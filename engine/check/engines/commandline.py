"""`python -m engine.check path/to/mine.py:Value`: is this engine right?"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from ...rule import TABLE
from .loading import HOME, NotAnEngineError, is_file

COMMAND = "gradpath" if sys.argv[0].startswith("gradpath") else "engine.check"
EXAMPLE = """\
examples:
  gradpath check mine.py:Value
  gradpath check micrograd.engine:Value --ops add,mul,relu --out out
  gradpath check lecture.ipynb:Value
  gradpath check mine.py:Node --data value --grad gradient --backward backprop

CLASS may also be a function of the file that makes a node of a number:
  def make(x): return Tensor([x], requires_grad=True)

exit status: 0 nothing is wrong, 1 something is, 2 the engine cannot be run
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        fail(message)


def fail(message: str, status: int = 2) -> NoReturn:
    """End with one line on stderr."""
    print(f"{COMMAND}: {' '.join(message.split())}", file=sys.stderr, flush=True)
    raise SystemExit(status)


def run() -> None:
    """Check the engine that the command line names, and exit with the status that says it all."""
    here = Path.cwd()
    if here.resolve() != HOME.resolve():  # what lies there may be called as gradpath's modules are
        sys.path[:] = [place for place in sys.path if place and Path(place) != here]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        fail("interrupted", 130)
    except BrokenPipeError:  # whoever read the text has read enough
        forget_output()
        status = 1
    except OSError as error:
        forget_output()
        fail(f"cannot write the report: {error.strerror or error}")
    raise SystemExit(status)


def forget_output() -> None:
    """Send what is still to be written nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: list[str]) -> int:
    """Check an engine; the exit status."""
    options = vars(parser().parse_args(arguments))
    target, out = options.pop("engine"), options.pop("out")
    from . import conformance
    from .findings import save

    try:
        with progress() as follow:
            result = conformance(target, **options, follow=follow)
    except NotAnEngineError as error:
        fail(str(error))
    if not result.survey.ops:
        fail(f"{target} has none of the operations asked for")
    print(result)
    if out is not None:
        try:
            for path in save(result, out):
                print(f"  written: {path}")
        except OSError as error:
            fail(f"cannot write into {str(out)!r}: {error.strerror or error}")
    elif not result:
        print("With --out DIR: each program as a file, with a picture of its graph.")
    return 0 if result else 1


def parser() -> Parser:
    """What the command line takes."""
    parser = Parser(
        prog=sys.argv[0] if sys.argv[0].startswith("gradpath") else "python -m engine.check",
        description="Check a scalar autograd engine that is shaped like micrograd: operators, "
        ".data, .grad and .backward().",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    where = "or NOTEBOOK.ipynb:CLASS, or package.module:CLASS"
    add("engine", type=place, metavar="FILE.py:CLASS", help=where)
    add("--ops", type=operations, metavar="add,mul,…", help="only these operations")
    most = "in a graph at most (default %(default)s)"
    add("--nodes", type=whole(2, 1000), default=30, help=most)
    add("--examples", type=whole(1), default=500, help="graphs to try (default %(default)s)")
    add("--seed", type=whole(0), default=0, help="another seed, other graphs")
    for role, what in (
        ("data", "a node's number"),
        ("grad", "its gradient"),
        (
            "backward",
            "the backward pass: a method, or a function of the file that is given the root",
        ),
    ):
        add(f"--{role}", type=name, default=role, metavar="NAME", help=what)
    add("--strict", action="store_true", help="let conventions that differ count as wrong")
    add("--out", type=Path, metavar="DIR", help="write programs and pictures of what is wrong")
    return parser


def name(text: str) -> str:
    """What an attribute is called."""
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is no name")
    return text


def place(text: str) -> str:
    """Where the engine is."""
    where, colon, name = text.rpartition(":")
    if not colon or not where or not name.isidentifier():
        raise argparse.ArgumentTypeError(
            f"write where the class is, like mine.py:Value, not {text!r}"
        )
    path = Path(where)
    if not is_file(where):
        if path.is_file() or len(path.parts) > 1:
            raise argparse.ArgumentTypeError(f"{where!r} is no Python file: its name ends in .py")
    elif not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {where!r}")
    return text


def operations(text: str) -> list[str]:
    """Names of rows of the table, separated by commas."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [row.name for row in TABLE if not row.variadic]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no operation {name!r}; there are {', '.join(known)}")
    if not names:
        raise argparse.ArgumentTypeError("name at least one, like add,mul")
    return names


def whole(low: int, high: int = 10**9) -> Callable[[str], int]:
    """An argument that is a whole number in a range."""

    def parse(text: str) -> int:
        if text.isdecimal() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number from {low:,} to {high:,}")

    return parse


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int], None]]:
    """What is told of every computation: a bar on a terminal, nothing in a pipe."""
    shown = None
    if sys.stderr.isatty() and sys.stdout.isatty():
        with contextlib.suppress(ImportError):
            from tqdm import tqdm  # type: ignore[import-untyped]

            shown = tqdm(unit=" graphs", leave=False, dynamic_ncols=True)

    def follow(count: int) -> None:
        if shown is not None:
            shown.update(count - shown.n)
        elif count % 500 == 0 and sys.stderr.isatty():
            print(f"  {count:,} graphs", file=sys.stderr, flush=True)

    try:
        yield follow
    finally:
        if shown is not None:
            shown.close()
