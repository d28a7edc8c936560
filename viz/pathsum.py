"""A derivative as a sum over paths, in numbers and words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine import Value, gradient, topological_order
from engine.paths import MOST_BITS, Path, count_paths, heaviest_paths

from .names import names
from .text import rounded, term

FACTORS = 12  # local derivatives that are listed
MOST_DIGITS = 60  # of a number of paths that is written out


@dataclass(frozen=True)
class PathSum:
    """A derivative and the paths it is the sum of.

    Attributes:
        output: the output's name.
        node: the name of the node it is differentiated by.
        count: how many paths there are; inf if they are too many to be counted.
        heaviest: those that are listed, by |product|; what is not finite comes first.
        total: the derivative, the sum over all paths.
        names: what the nodes are called.
    """

    output: str
    node: str
    count: int | float
    heaviest: tuple[Path, ...]
    total: float
    names: Mapping[Value, str]

    @property
    def derivative(self) -> str:
        """What is summed: ``∂y/∂x``."""
        return f"∂{term(self.output)}/∂{term(self.node)}"

    @property
    def remainder(self) -> float:
        """The sum over the paths that are not listed; nan if a listed one is not finite."""
        return self.beyond(len(self.heaviest))

    def beyond(self, listed: int) -> float:
        """The sum over all paths but the first so many."""
        if listed >= self.count:
            return 0.0
        known = [path.product for path in self.heaviest[:listed]]
        return self.total - math.fsum(known) if all(map(math.isfinite, known)) else math.nan

    def way(self, path: Path) -> str:
        """The path by the names of its nodes: ``y ← z ← x``."""
        return " ← ".join(shortened([self.names[node] for node in path.nodes]))

    def through(self, path: Path) -> str:
        """What tells it from other paths through the same nodes: ``through y's first factor``."""
        return path.through([self.names[node] for node in path.nodes])

    def __str__(self) -> str:
        """A table of the paths with their products, the remainder and the sum."""
        paths = counted(self.count)
        lines = [f"{self.derivative} is the sum over {paths} from {self.output} to {self.node}", ""]
        for rank, path in enumerate(self.heaviest, 1):
            way = ", ".join(filter(None, (self.way(path), self.through(path))))
            lines += [f"{rank:>4}.  {way}", f"       {factors(path)}"]
        if rest := self.count - len(self.heaviest):
            said = number(self.remainder)
            if math.isnan(self.remainder):
                said = "undefined, as not all products are finite"
            lines.append(f"       the remainder, {counted(rest)}: {said}")
        return "\n".join([*lines, "", f"       sum = {number(self.total)} = {self.derivative}"])


def path_sum(root: Value, to: Value, k: int) -> PathSum:
    """The derivative of ``root`` by ``to`` with its k heaviest paths.

    Raises:
        TypeError: if one of them is not a Value.
        ValueError: if ``root`` does not depend on ``to``.
    """
    try:
        count: int | float = count_paths(root, to)
    except OverflowError:
        count = math.inf
    called = {node: str(name) for node, name in names(topological_order(root)).items()}
    if not count:
        raise ValueError(
            f"there is no path: {called[root]!r} was not computed from {to.label or repr(to)!r}"
        )
    found = tuple(heaviest_paths(root, to, k))
    return PathSum(called[root], called[to], count, found, float(gradient(root, to)), called)


# ---------------- words


def factors(path: Path) -> str:
    """The product written out: ``1 · (−0.229) · 0.5 = −0.115``; of a long one, both ends."""
    texts = shortened([signed(number(d)) for d in path.partials]) or ["1"]
    return " · ".join(texts) + (f" = {number(path.product)}" if len(path.partials) > 1 else "")


def shortened(texts: Sequence[str]) -> list[str]:
    """The texts; if there are many, those at both ends."""
    if len(texts) <= FACTORS + 1:
        return list(texts)
    half = FACTORS // 2
    return [*texts[:half], f"… {len(texts) - FACTORS:,} more …", *texts[-half:]]


def number(x: float) -> str:
    """A number to four digits, as captions and tables give it."""
    return rounded(x, 4)


def signed(text: str) -> str:
    """A number as a factor or a summand: in parentheses if it is negative."""
    return f"({text})" if text.startswith("−") else text


def counted(paths: int | float) -> str:
    """So many paths, in words."""
    return "1 path" if paths == 1 else f"{many(paths)} paths"


def many(count: int | float) -> str:
    """A number of paths; of an enormous one, its size."""
    if isinstance(count, float):
        return f"more than 10^{math.floor(MOST_BITS * math.log10(2)):,}"
    if count < 10**MOST_DIGITS:
        return f"{count:,}"
    power = math.floor((count.bit_length() - 1) * math.log10(2))
    return f"about {count // 10 ** (power - 2) / 100:.2f}·10^{power:,}"
