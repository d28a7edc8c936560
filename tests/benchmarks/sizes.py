"""How cost grows with size: nodes of a graph, samples in a batch, neurons in a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from .measure import Effort, Side, Timings, compare
from .peers import arrays, gradpath, scalars
from .problems import Problem, classes, moons
from .results import GC_OFF, Figure, Result, spread
from .workloads import scalar_sides

FLAT = 1.5  # the largest time per node in terms of the smallest
SLOWER = 1.3  # the largest time of a step of the widest network in terms of torch's
MICROGRAD_NODES = 100_000  # it takes 0.7 kB a node, and backward() is recursive


@dataclass(frozen=True)
class Sweep:
    """One measurement of cost against size.

    Attributes:
        title: what is computed.
        axis: what the size counts.
        per: what the cost is divided by: "node", "sample" or, for none, "step".
        sizes: the sizes.
        sides: who computes it at a size.
    """

    title: str
    axis: str
    per: str
    sizes: tuple[int, ...]
    sides: Callable[[int], tuple[Side, ...]]

    def measure(self, effort: Effort, tell: Callable[[str], None]) -> Iterator[Result]:
        """A result for every size, and one more with what is asked of all or the largest."""
        effort = effort._replace(rounds=min(effort.rounds, 3))
        results = []
        for size in self.sizes:

            def tell_size(text: str, size: int = size) -> None:
                tell(f"{size:,} {self.axis}: {text}")

            timings = compare(self.sides(size), effort, tell_size, training=self.axis != "nodes")
            results.append(Result(self.title, timings, size=size))
            yield results[-1]
        if self.per == "node":
            yield Result("time per node over all sizes", Timings(), flat(results))
        if self.per == "step":
            yield Result("time a step at the largest size", Timings(), beside_torch(results[-1]))

    def cost(self, seconds: float, size: int) -> float:
        """The cost in seconds, per node or sample."""
        return seconds if self.per == "step" else seconds / size


def flat(results: list[Result]) -> tuple[Figure, ...]:
    """The largest time per node in terms of the smallest, for gradpath."""
    name = f"gradpath{GC_OFF}"
    found = [r.medians()[name] / r.size for r in results if r.size and name in r.medians()]
    what = f"{name}: largest : smallest time per node"
    return (Figure(what, spread(found) if found else None, FLAT, at_most=True),)


def beside_torch(result: Result) -> tuple[Figure, ...]:
    """The replay's time in terms of torch's."""
    measured = result.timings.ratio("torch", "gradpath replay")
    return (Figure("gradpath replay : torch", measured, SLOWER, at_most=True),)


def chain_sides(nodes: int) -> tuple[Side, ...]:
    """Who builds and differentiates a chain of so many nodes."""
    steps = nodes // 3
    sides = scalar_sides("gradpath", partial(gradpath.chain, steps))
    if nodes > MICROGRAD_NODES:
        return sides
    return (*sides, *scalar_sides("micrograd", partial(scalars.micrograd_chain, steps)))


def array_sides(problem: Problem) -> tuple[Side, ...]:
    """Who trains a network on arrays."""
    return (
        Side("gradpath", partial(gradpath.twin, problem)),
        Side("gradpath replay", partial(gradpath.recorded_twin, problem)),
        Side("jax jit", partial(arrays.jax_jit, problem)),
        Side("torch", partial(arrays.torch_eager, problem)),
        Side("autograd", partial(arrays.autograd, problem)),
    )


SWEEPS = {
    "nodes": Sweep(
        "a chain of scalars, forward and backward",
        "nodes",
        "node",
        tuple(10**k for k in range(2, 7)),
        chain_sides,
    ),
    "batch": Sweep(
        "a training step of MLP(2, [16, 16, 1]) in float64",
        "samples",
        "sample",
        tuple(4**k for k in range(7)),
        lambda samples: array_sides(moons("float64", samples)),
    ),
    "width": Sweep(
        "a training step of width-width-10 in float32, batch 32",
        "neurons",
        "step",
        tuple(2**k for k in range(3, 11)),
        lambda width: array_sides(classes((width, width, 10), 32)),
    ),
}
