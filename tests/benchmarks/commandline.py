"""``python -m tests.benchmarks [S1 … D1] [sizes] [--quick] [--json FILE] [--plot FILE]``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from engine.files import write_atomically

from . import report
from .children import results
from .measure import QUICK, THOROUGH
from .report import Painter
from .results import Result
from .sizes import SWEEPS
from .workloads import ENVIRONMENTS, WORKLOADS

SIZES = "sizes"  # the name of all sweeps together
EPILOG = """\
workloads:
  S1  scalar nodes as such              T1  S2's step in the vectorised twin
  S2  micrograd's moons step            T2  XOR in the vectorised twin
  S3  S2's step, recorded and replayed  T3  networks with larger matrices
  S4  XOR, recorded and replayed        C1  a whole process, from import to exit
  D1  drawing graphs                    sizes  cost against size (not among the default)

Peers that are not installed are named and left out: pip install -e '.[bench,jit]'.
Exit status: 0 done, 1 a workload or a side failed or computed something else, 2 wrong arguments.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with status 2."""
        fail(message, 2)


def fail(message: str, status: int) -> NoReturn:
    """End with one line on stderr."""
    print(f"benchmarks: {' '.join(message.split())}", file=sys.stderr, flush=True)
    raise SystemExit(status)


def run() -> None:
    """Run what the command line asks for, and exit with the status that says it all."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        fail("interrupted", 130)
    except BrokenPipeError:  # whoever read the text has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    raise SystemExit(status)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write; the exit status."""
    options = parse(arguments)
    effort = QUICK if options.quick else THOROUGH
    paint = Painter(report.has_colours())
    print(report.header(effort.rounds), flush=True)
    done: dict[str, list[Result]] = {}
    status = 0
    for name in options.names:
        done[name] = []
        try:
            for settings in ENVIRONMENTS.get(name, ({},)):
                measure(name, options.quick, settings, done[name], paint)
        except RuntimeError as error:
            print(f"\n{name}  {paint(f'failed: {error}', report.RED)}", flush=True)
            status = 1
        if name in SWEEPS and done[name]:
            print("\n" + report.growth(name, done[name], paint), flush=True)
        if options.json:
            write(options.json, as_json(done, options.quick))
    print("\n" + report.summary(done, paint))
    if options.plot:
        from .plot import draw

        write(options.plot, draw(done, options.plot.suffix.lstrip(".")))
    return status or int(any(went_wrong(result) for found in done.values() for result in found))


def measure(
    name: str, quick: bool, settings: dict[str, str], found: list[Result], paint: Painter
) -> None:
    """Measure a workload; print its results as they come, and add them to those found."""
    with Progress(name) as tell:
        for result in results(name, quick, settings, tell):
            tell("")
            found.append(result)
            if name not in SWEEPS:
                print("\n" + report.comparison(name, result, paint), flush=True)


def went_wrong(result: Result) -> bool:
    """Whether a side failed, or computed something else than the others."""
    notes = result.timings.notes.values()
    return result.timings.wrong or any(note.startswith("failed") for note in notes)


class Progress:
    """A line that says what is being done: overwritten on a terminal, not shown elsewhere."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        self("starting")
        return self

    def __call__(self, text: str) -> None:
        """Show what is being done; nothing to clear the line."""
        if self.shown:
            line = f"{self.name}  {text}"[: report.WIDTH] if text else ""
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *error: object) -> None:
        self("")


# -- arguments and files --------------------------------------------------------------------------


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, checked."""
    parser = Parser(
        prog="python -m tests.benchmarks",
        description="gradpath side by side with its peers: times, and what is asked of them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("names", nargs="*", type=workload, metavar="WORKLOAD", help="see below")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--json", type=target, metavar="FILE", help="write all numbers, too")
    parser.add_argument(
        "--plot", type=target, metavar="FILE", help="draw cost against size, which it measures"
    )
    options = parser.parse_args(arguments)
    names = options.names or list(WORKLOADS)
    if options.plot and SIZES not in names:
        names = [*names, SIZES]
    options.names = [
        each for name in dict.fromkeys(names) for each in (SWEEPS if name == SIZES else (name,))
    ]
    if options.plot:
        if importlib.util.find_spec("matplotlib") is None:
            parser.error("--plot needs matplotlib: pip install -e '.[bench]'")
        if options.plot.suffix not in {".svg", ".png", ".pdf"}:
            parser.error(f"--plot FILE ends in .svg, .png or .pdf, not {options.plot.name!r}")
    return options


def workload(text: str) -> str:
    """The name of a workload."""
    known = {name.casefold(): name for name in (*WORKLOADS, SIZES)}
    if text.casefold() not in known:
        raise argparse.ArgumentTypeError(
            f"no workload {text!r:.40}; there are {', '.join(known.values())}"
        )
    return known[text.casefold()]


def target(text: str) -> Path:
    """A file to write, in a folder that exists."""
    path = Path(text)
    if not text or path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {text!r}: no file in a folder that exists")
    return path


def write(path: Path, data: bytes | str) -> None:
    """Write a file whole, or end in one line."""
    try:
        write_atomically(path, data)
    except OSError as error:
        fail(f"cannot write {str(path)!r}: {error.strerror or error}", 1)


def as_json(done: dict[str, list[Result]], quick: bool) -> str:
    """All numbers: for every workload its results, times in seconds a step."""
    libraries = {name: report.installed(name) for name in ("numpy", "numba", *report.PEERS)}
    whole = {
        "processor": report.processor(),
        "python": sys.version.split()[0],
        "libraries": libraries,
        "quick": quick,
        "workloads": {name: [r.as_json() for r in found] for name, found in done.items()},
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
