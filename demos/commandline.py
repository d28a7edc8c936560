"""What the demos share: arguments that explain themselves, progress, pictures, and a tidy end.

Importing this module first lets a demo run from a checkout that is not installed.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

INSTALL = "pip install -e '.[demos]'"

Pictures = list[tuple[str, Callable[[bool], Any], str]]
"""File names, what draws them, light or dark, and captions."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line."""

    def __init__(self, description: str, epilog: str) -> None:
        super().__init__(prog=command(), description=description, epilog=epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        fail(f"error: {message}", status=2)


def fail(message: str, status: int) -> NoReturn:
    """End the demo with one line."""
    warn(message)
    raise SystemExit(status)


def warn(message: str) -> None:
    """One line on stderr, after the name of the demo."""
    print(f"{command()}: {' '.join(message.split())}", file=sys.stderr, flush=True)


def command() -> str:
    """What was typed to start the demo."""
    path = Path(sys.argv[0])
    return f"python -m {path.resolve().parent.name}" if path.name == "__main__.py" else path.name


def run(main: Callable[[], None]) -> None:
    """Run a demo, to an end in one line if it is interrupted, a pipe closed or a disk full."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    with tidy_end():
        main()
        sys.stdout.flush()


@contextmanager
def tidy_end() -> Iterator[None]:
    """End the demo in one line for what is no mistake in it; imports that take long belong here."""
    try:
        yield
    except KeyboardInterrupt:
        fail("interrupted", status=130)
    except BrokenPipeError:  # whoever read the text has read enough
        drop_output()
    except OSError as error:
        drop_output()
        fail(f"error: {error}", status=1)


def drop_output() -> None:
    """Let what standard output cannot take go nowhere, so that Python's end does not fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# -- arguments ------------------------------------------------------------------------------------


def whole(low: int, high: float = math.inf) -> Callable[[str], int]:
    """An argument that is a whole number in a range."""
    wanted = f"from {low} to {high}" if high < math.inf else f"of at least {low}"

    def parse(text: str) -> int:
        if text.isdecimal() and len(text) < 20 and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number {wanted}, not {quoted(text)}")

    return parse


def quoted(text: str) -> str:
    """What was given, not all of it if it is long."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def positive(text: str, most: float = sys.float_info.max, zero: bool = False) -> float:
    """An argument that is a positive number, or 0 if that is allowed, and not too large a one."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if most < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be at most {most:,.0f}, not {quoted(text)}")
    if 0 < number < math.inf or (zero and number == 0):
        return abs(number)
    raise argparse.ArgumentTypeError(f"must be a positive number, not {quoted(text)}")


def folder(text: str) -> Path:
    """An argument that is a folder to write into; it need not exist yet, and is not made here."""
    if not text:
        raise argparse.ArgumentTypeError("must be the name of a folder, not ''")
    path = Path(text)
    try:
        existing = next(place for place in (path, *path.absolute().parents) if place.exists())
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise argparse.ArgumentTypeError(
            f"cannot write into {quoted(text)}: {reason.lower()}"
        ) from None
    return path


def file(text: str) -> Path:
    """An argument that is a file to write, in a folder that need not exist yet."""
    path = Path(text)
    if not text or path.is_dir():
        raise argparse.ArgumentTypeError(f"must be the name of a file, not {quoted(text)}")
    folder(str(path.parent))
    return path


def add_dark(parser: Parser) -> None:
    """What every demo that draws can be told."""
    parser.add_argument("--dark", action="store_true", help="pictures light on dark")


# -- progress -------------------------------------------------------------------------------------


def follow(results: Iterable[T], total: int, unit: str, say: Callable[[T], str]) -> list[T]:
    """All results, while they come: a bar on a terminal, ten lines anywhere else.

    Args:
        results: what takes its time.
        total: how many there will be.
        unit: what one of them is called.
        say: how it goes, from one of them.
    """
    return list((bar if on_terminal() else lines)(results, total, unit, say))


def on_terminal() -> bool:
    """Whether somebody watches, and no file or pipe keeps the text."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def bar(results: Iterable[T], total: int, unit: str, say: Callable[[T], str]) -> Iterator[T]:
    """The results, with a progress bar that leaves one line when they are complete."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        warn(f"no tqdm, no progress bar: {INSTALL}")
        yield from lines(results, total, unit, say)
        return
    with tqdm(total=total, unit=unit, leave=False, dynamic_ncols=True) as shown:
        for result in results:
            yield result
            shown.set_postfix_str(say(result), refresh=False)
            shown.update()
    if total:
        print(line(total, total, unit, say(result)))


def lines(results: Iterable[T], total: int, unit: str, say: Callable[[T], str]) -> Iterator[T]:
    """The results, with a line for every tenth of them."""
    for i, result in enumerate(results, start=1):
        yield result
        if i * 10 // total > (i - 1) * 10 // total:
            print(line(i, total, unit, say(result)), flush=True)


def line(i: int, total: int, unit: str, said: str) -> str:
    """How it goes after i results."""
    return f"  {unit} {i:{len(str(total))}} of {total}: {said}"


# -- pictures -------------------------------------------------------------------------------------


def draw_all(pictures: Pictures, out: Path, dark: bool = False) -> None:
    """Write all pictures that can be drawn here, and end with a line for why others cannot."""
    import viz

    out.mkdir(parents=True, exist_ok=True)
    print(f"Pictures in {out}")
    width = max(len(name) for name, _, _ in pictures)
    problems: dict[str, list[str]] = {}
    for name, picture, caption in pictures:
        try:
            viz.save(picture(dark), out / name)
            print(f"  {name:{width}}  {caption}", flush=True)
        except ModuleNotFoundError as error:
            module = str(error.name).partition(".")[0]
            problems.setdefault(f"{module} is missing ({INSTALL})", []).append(name)
        except viz.GraphvizError as error:
            problems.setdefault(str(error), []).append(name)
    for problem, names in problems.items():
        warn(f"no {', '.join(names)}: {problem}")
    if problems:
        raise SystemExit(1)
