"""The chain rule written out for arrays: every gradient as a product of matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine import Tensor, gradient, topological_order
from engine.graph import between

from .drawing import FULL_CARDS
from .equations import Derivation, Equation, distinct, parts, section, total
from .script import Latex, Script
from .text import once_enclosed, powers_raised, term
from .twin import Twin, dimensions, norm, study

MEANINGS = {  # in words that every TeX has letters for
    "⊙": "a circled dot multiplies entry by entry",
    "𝟏": "a bold 1 repeats along axes",
    "[": "brackets are 1 where what stands in them is true, and else 0",
}
WRITTEN = 24  # entries of a gradient that are written out
SCRIPTS = (Script(), Latex())


def derive_twin(root: Any, to: Any, steps: int) -> Derivation:
    """Why ∂root/∂to has its value, for Tensors: the chain rule in matrix form.

    Raises:
        TypeError: if one of them is not a Tensor.
        ValueError: if the root is not one number, or does not depend on ``to``; if data was
            changed since it was recorded; if the graph has more than 150 nodes.
    """
    for x in (root, to):
        if not isinstance(x, Tensor):
            raise TypeError(f"the derivation of a Tensor is by a Tensor, not {type(x).__name__}")
    if root.size != 1:
        raise ValueError(
            f"a derivation starts from one number; this Tensor has shape {root.shape}: sum it"
        )
    nodes: list[Tensor] = between(root, to)
    if not nodes:
        raise ValueError(f"{root.label or 'the root'!r} was not computed from {to.label or to!r}")
    if (count := len(topological_order(root))) > FULL_CARDS:
        raise ValueError(
            f"the graph has {count:,} Tensors; a derivation is written for at most "
            f"{FULL_CARDS}: derive one step, or from or to a node within it"
        )
    slopes = dict(zip(nodes, gradient(root, list(nodes)), strict=True))
    works = [Work(root, to, nodes, script, slopes) for script in SCRIPTS]
    plain = works[0]
    shown = " ".join(side for item in plain.backward(len(nodes)) for side in sides(item))
    meanings = [words for sign, words in MEANINGS.items() if sign in shown]
    heading = f"∂{plain.name(root)}/∂{plain.name(to)}: {dimensions(to)}"

    def by_script(write: Any) -> Any:
        return lambda script: write(next(w for w in works if type(w.script) is type(script)))

    return Derivation(
        slopes[to],
        [
            section(heading, by_script(lambda work: work.intro(meanings))),
            section("Forward", by_script(lambda work: work.forward(steps))),
            section("Backward", by_script(lambda work: work.backward(steps))),
            section("The gradient", by_script(lambda work: work.result())),
        ],
    )


class Work:
    """What the derivation is written from, in one script.

    Args:
        root, to: the output and the node to differentiate by.
        nodes: those on the paths between them, arguments before results.
        script: how it is written.
        slopes: their gradients.
    """

    def __init__(
        self,
        root: Tensor,
        to: Tensor,
        nodes: Sequence[Tensor],
        script: Script,
        slopes: Mapping[Tensor, Any],
    ) -> None:
        self.root, self.to, self.nodes, self.script = root, to, nodes, script
        self.twin: Twin = study([root], script)
        self.slopes = slopes

    def name(self, node: Tensor) -> str:
        """A node's name."""
        return self.twin.symbols[node].name

    def delta(self, node: Tensor) -> str:
        """The gradient of a node: δh."""
        return self.script.gradient(self.name(node))

    def write(self, formula: Any) -> str:
        """A formula in the script."""
        text = self.script.write(formula)
        if isinstance(self.script, Latex):
            return text
        return once_enclosed(powers_raised(text))

    def shaped(self, node: Tensor) -> str:
        """A node's shape, behind an equation."""
        return self.script.words(f"   ({dimensions(node)})")

    def intro(self, meanings: Sequence[str]) -> Iterator[Equation | str]:
        """What the letters and the signs mean."""
        root, to = (str(self.twin.names[node]) for node in (self.root, self.to))
        yield (
            f"The gradient of {root} by {to} has the shape of {to}. "
            + "; ".join([f"δh stands for ∂{term(root)}/∂h", *meanings])
            + ". Numbers have six digits."
        )

    def forward(self, steps: int) -> Iterator[Equation | str]:
        """How every node on the paths was computed, and its shape; if its name does not say it."""
        told = {self.to, *self.twin.expressed}
        for node in parts([node for node in self.nodes if node not in told], steps):
            if isinstance(node, int):
                yield f"… {node:,} nodes are left out …"
                continue
            sides = [self.name(node), self.write(self.twin.formula(node)) + self.shaped(node)]
            yield Equation(sides)

    def backward(self, steps: int) -> Iterator[Equation | str]:
        """The gradient of every node on the paths, from the output down, and its norm."""
        terms: dict[Tensor, list[Any]] = {node: [] for node in self.nodes}
        for upper in self.nodes:
            sent = [] if upper is self.to else self.twin.pullbacks(upper, self.delta(upper))
            for arg, formula in zip(upper.args, sent, strict=False):
                if arg in terms and formula is not None:
                    terms[arg].append(formula)
        for node in parts([*reversed(self.nodes)], steps):
            if isinstance(node, int):
                yield f"… {node:,} steps are left out …"
                continue
            if node is self.root:
                yield Equation([self.delta(node), "1"])
                continue
            size = self.script.words(f"   (norm {SCRIPTS[0].number(norm(self.slopes[node]))})")
            arrived = self.write(total(terms[node])) if terms[node] else "0"
            yield Equation(distinct([self.delta(node), arrived + size]))

    def result(self) -> Iterator[Equation | str]:
        """The gradient in numbers; of a large one how large it is."""
        slope = np.asarray(self.slopes[self.to], float)
        left = self.script.derivative(self.name(self.root), self.name(self.to))
        if slope.ndim == 0:
            yield Equation([left, self.script.number(float(slope))])
        elif slope.size <= WRITTEN and slope.ndim <= 2:
            rows = slope if slope.ndim == 2 else slope[None]
            yield Equation([left, self.script.matrix(rows.tolist())])
        else:
            yield Equation([self.script.words(f"norm {SCRIPTS[0].number(norm(slope))}")])


def sides(item: Equation | str) -> Sequence[str]:
    """What stands in an item."""
    return item.sides if isinstance(item, Equation) else [item]
