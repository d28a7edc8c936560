"""`python -m viz "tanh(x*w + b)" x=2 w=-3 b=1 -o neuron.svg`: a formula's graph and gradients."""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import Any, NoReturn

from engine import Value
from engine.files import write_atomically

from .expression import ExpressionError, evaluate
from .look import PARTS

PICTURES, TEXTS, PAGE = (".svg", ".png", ".pdf", ".dot"), (".txt", ".md", ".tex"), ".html"
EXAMPLES = """\
examples:
  python -m viz "tanh(x1*w1 + x2*w2 + b)" x1=2 x2=0 w1=-3 w2=1 b=6.88 -o neuron.svg
  python -m viz "(a*b)*(a+b)" a=-2 b=3 --wrt a --paths -o paths.svg
  python -m viz "a*a" a=3 --wrt a -o derivation.tex
  python -m viz "tanh(w*x) + w" w=2 x=-3 --wrt w -o steps.html
  python -m viz "a*b + a" a=2 b=5 --hide grad --title "Fill in" -o worksheet.pdf

-o - writes text to standard output, -o-.svg a picture (or another ending that format).
A formula that begins with a minus sign is given in parentheses.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        fail(message)


def fail(message: str, status: int = 2) -> NoReturn:
    """End with one line on stderr."""
    print(f"viz: {' '.join(message.split())}", file=sys.stderr, flush=True)
    raise SystemExit(status)


def run() -> None:
    """Do what the command line asks for."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        fail("interrupted", 130)
    except BrokenPipeError:  # whoever read the text has read enough
        drop_output()
    except OSError as error:  # a full disk
        drop_output()
        fail(f"error: {error}", 1)


def drop_output() -> None:
    """Let what standard output cannot take go nowhere, so that Python's end does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(arguments: list[str]) -> None:
    """Read the formula, run it forward and backward, and write what is asked for."""
    options = parser().parse_args(arguments)
    if len(dict(options.values)) < len(options.values):
        fail("a name has two values")
    try:
        root, variables = evaluate(options.formula, dict(options.values))
    except ExpressionError as error:
        fail(str(error))
    wrt = variables.get(options.wrt) if options.wrt else None
    if options.wrt and wrt is None:
        fail(f"--wrt {options.wrt}: the formula has no such name, only {', '.join(variables)}")
    if options.paths and wrt is None:
        fail("--paths needs --wrt, the name that the paths lead to")
    if root not in variables.values():  # a formula that is one variable keeps that one's name
        names = chain(("f", "y", "result"), (f"f{i}" for i in count(1)))
        root.label = next(name for name in names if name not in variables)
    root.backward()
    try:
        write(root, variables, wrt, options)
    except (OSError, RuntimeError, ValueError) as error:  # also GraphvizError
        fail(f"error: {error}", 1)


def parser() -> Parser:
    """What the command line takes."""
    found = Parser(
        prog="python -m viz",
        description="The graph of a formula with its gradients, or how a gradient comes about.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = found.add_argument
    add("formula", help="the formula, as in Python")
    add("values", nargs="*", type=assignment, metavar="name=number", help="a number for each name")
    add(
        "--wrt",
        type=as_python_reads,
        metavar="NAME",
        help="show how the derivative with respect to it comes about",
    )
    add(
        "--paths", action="store_true", help="every path by itself, with its product; on a page lit"
    )
    add("--dark", action="store_true", help="light on dark")
    add("--title", default="", help="what stands above a picture or a page")
    add("--digits", type=int, metavar="N", help="decimals of numbers in a picture (4)")
    add("--scale", type=float, metavar="X", help="how large a picture is (1)")
    add("--hide", action="append", choices=PARTS, help="what a worksheet leaves blank; repeatable")
    add("--no-legend", action="store_true", help="without what the signs of a picture mean")
    endings = " ".join((*PICTURES, *TEXTS, PAGE))
    add("-o", "--out", type=output, default="-", metavar="FILE", help=f"what to write: {endings}")
    return found


def assignment(text: str) -> tuple[str, float]:
    """A name and its number."""
    name, equals, number = text.partition("=")
    try:
        if equals and name.isidentifier():
            return as_python_reads(name), float(number)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"must be name=number, not {text[:60]!r}")


def as_python_reads(name: str) -> str:
    """A name in the form that Python gives it: the micro sign of keyboards is the Greek letter."""
    return unicodedata.normalize("NFKC", name)


def output(text: str) -> tuple[str, str]:
    """A file's name and the format that its ending asks for."""
    ending = ".txt" if text == "-" else text[1:] if text[:2] == "-." else Path(text).suffix
    if ending.lower() in (*PICTURES, *TEXTS, PAGE):
        return text, ending.lower()
    accepted = " ".join((*PICTURES, *TEXTS, PAGE))
    raise argparse.ArgumentTypeError(f"{text[:60]!r} must end in one of {accepted}")


# ---------------------------------------------------------------- what is written


def write(root: Value, variables: dict[str, Value], wrt: Value | None, options: Any) -> None:
    """Write the picture or the text to the file or to standard output."""
    name, ending = options.out
    if ending not in PICTURES and (asked := given(options)):
        option = "no-legend" if "legend" in asked else min(asked)
        fail(f"--{option} is for pictures, not for {ending}")
    if ending in TEXTS and options.title:
        fail(f"--title is for pictures and pages, not for {ending}")
    if ending in PICTURES:
        for path, picture in pictures(root, wrt, options):
            content = picture.source if ending == ".dot" else picture.pipe(ending[1:])
            put(path, content)
        return
    if ending == PAGE:
        put(name, page(root, wrt, options))
        return
    put(name, text_of(root, variables, wrt, options.paths, ending))


def pictures(root: Value, wrt: Value | None, options: Any) -> list[tuple[str, Any]]:
    """The pictures by the names of their files."""
    from . import draw, draw_paths

    name, ending = options.out
    look = {"dark": options.dark, "title": options.title, **given(options)}
    if not options.paths or wrt is None:
        return [(name, draw(root, path_to=wrt, **look))]
    found = draw_paths(root, wrt, **look)
    if name.startswith("-"):
        return [(name, found.overview)]
    stem = name[: -len(ending)]
    each = [(f"{stem}-{i}{ending}", picture) for i, picture in enumerate(found, 1)]
    return [(name, found.overview), *each]


def given(options: Any) -> dict[str, Any]:
    """How a picture is to look, as far as that is said."""
    asked = {"digits": options.digits, "scale": options.scale, "hide": options.hide}
    asked["legend"] = False if options.no_legend else None
    return {name: value for name, value in asked.items() if value is not None}


def page(root: Value, wrt: Value | None, options: Any) -> str:
    """The page that steps through both passes, or opens on the paths to a name."""
    from . import play

    path = 1 if options.paths else None
    dark = options.dark or None
    return play(root, path_to=wrt, path=path, dark=dark, title=options.title).html


def text_of(
    root: Value, variables: dict[str, Value], wrt: Value | None, paths: bool, ending: str
) -> str:
    """The derivation or, without a name to differentiate by, all derivatives."""
    if wrt is None:
        lines = [f"{root.label} = {root.data!r}"]
        lines += [f"∂{root.label}/∂{name} = {x.grad!r}" for name, x in variables.items()]
        if ending != ".txt":
            fail(f"a derivation as {ending} needs --wrt")
        return "\n".join(lines) + "\n"
    if paths and ending == ".txt":
        from .pathsum import path_sum

        return f"{path_sum(root, wrt, 20)}\n"
    from . import derive

    derivation = derive(root, wrt)
    styles: dict[str, Callable[[], str]] = {
        ".txt": lambda: f"{derivation}\n",
        ".md": derivation.markdown,
        ".tex": derivation.latex,
    }
    return styles[ending]()


def put(name: str, content: str | bytes) -> None:
    """Write to a file, or to standard output if the name is a dash."""
    if not name.startswith("-"):
        write_atomically(Path(name), content)
    elif isinstance(content, bytes):
        sys.stdout.buffer.write(content)
    else:
        print(content, end="")


if __name__ == "__main__":
    run()
