"""How far training is, on a terminal or in a notebook: a bar of tqdm, or a plain line."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Progress(Protocol):
        """What shows how far training is."""

        def update(self, n: int = 1) -> Any: ...  # noqa: D102
        def set_postfix_str(self, s: str) -> Any: ...  # noqa: D102
        def close(self) -> Any: ...  # noqa: D102


def progress(verbose: bool | str, steps: int) -> Progress:
    """What shows so many steps.

    Args:
        verbose: True or False; "auto" is True if stderr is a terminal, and in a notebook.
        steps: how many there will be.

    Raises:
        ValueError: if ``verbose`` is something else.
    """
    if verbose not in (True, False, "auto"):
        raise ValueError(f"verbose is True, False or 'auto', not {verbose!r}")
    notebook, terminal = "ipykernel" in sys.modules, is_terminal()
    if not verbose or (verbose == "auto" and not (notebook or terminal)):
        return Silence()
    try:
        if notebook:
            from tqdm.auto import tqdm  # type: ignore[import-untyped]
        else:
            from tqdm import tqdm  # type: ignore[import-untyped]
    except Exception:  # it is missing, or has no widgets to draw with
        return Line(terminal)
    bar: Progress = tqdm(total=steps, unit="step", file=None if notebook else sys.stderr)
    return bar


def is_terminal() -> bool:
    """Whether stderr is one."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


class Silence:
    """Shows nothing."""

    def update(self, n: int = 1) -> None:
        """So many steps have been taken."""

    def set_postfix_str(self, s: str) -> None:
        """An epoch has ended so."""

    def close(self) -> None:
        """Training has ended."""


class Line(Silence):
    """A line for each epoch; on a terminal each in the place of the last."""

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.length = terminal, 0

    def set_postfix_str(self, s: str) -> None:
        """Show how an epoch has ended."""
        if self.terminal:
            print(f"\r{s:{self.length}}", end="", file=sys.stderr, flush=True)
            self.length = len(s)
        elif sys.stderr:
            print(s, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the last line."""
        if self.length:
            print(file=sys.stderr)
