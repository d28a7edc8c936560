"""What is compared with what, and what is asked of gradpath: S1 to D1."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import drawings, problems
from .measure import Side
from .memory import memory
from .peers import arrays, gradpath, processes, scalars
from .problems import Precision, Problem
from .results import GC_OFF, Figure, Ratio, Within

MICROGRAD, MICROGRAD_OFF = "micrograd", f"micrograd{GC_OFF}"
EAGER, REPLAY, COMPILED = "gradpath", "gradpath replay", "gradpath compiled"
UNASKED = "gradpath training_step"  # which records by itself and replays
JAX, SCAN, TORCH, AUTOGRAD = "jax jit", "jax scan", "torch", "autograd"
PRODUCTS = "matrix products alone"

KERNELS = {"OPENBLAS_CORETYPE": "SkylakeX"}  # OpenBLAS on AVX-512 machines that it does not know
ENVIRONMENTS: dict[str, Sequence[dict[str, str]]] = {"T3": ({}, KERNELS)}
"""The environments that a workload is measured in, where it is not just one."""


@dataclass(frozen=True)
class Case:
    """One comparison of a workload.

    Attributes:
        title: what is computed.
        sides: who computes it.
        asked: what is asked of gradpath.
        training: whether one step differs from the next.
        more: what else is measured, once the clock has been read.
    """

    title: str
    sides: tuple[Side, ...]
    asked: tuple[Ratio | Within, ...] = ()
    training: bool = True
    more: Callable[[], Sequence[Figure]] = tuple


def scalar_sides(name: str, prepare: Callable[[], Any]) -> tuple[Side, Side]:
    """A side with the collector on, as shipped, and one with it off."""
    off = Side(f"{name}{GC_OFF}", prepare, collector=False)
    return Side(name, prepare, littered=True), off


def array_sides(problem: Problem) -> tuple[Side, ...]:
    """The libraries of arrays."""
    return (
        Side(JAX, partial(arrays.jax_jit, problem)),
        Side(SCAN, partial(arrays.jax_scan, problem)),
        Side(TORCH, partial(arrays.torch_eager, problem)),
        Side(AUTOGRAD, partial(arrays.autograd, problem)),
    )


def twin_sides(problem: Problem) -> tuple[Side, ...]:
    """gradpath's twin in its forms."""
    return (
        Side(EAGER, partial(gradpath.twin, problem)),
        Side(UNASKED, partial(gradpath.twin, problem, eager=False)),
        Side(REPLAY, partial(gradpath.recorded_twin, problem)),
        Side(COMPILED, partial(gradpath.recorded_twin, problem, jit=True)),
    )


def s1() -> list[Case]:
    """A graph of scalars as such."""
    sides = (
        *scalar_sides(EAGER, gradpath.chain),
        *scalar_sides(MICROGRAD, scalars.micrograd_chain),
    )
    asked = (Ratio(EAGER, MICROGRAD, 5.5), Ratio(f"{EAGER}{GC_OFF}", MICROGRAD_OFF, 3.5))
    title = "10,000 scalar nodes: h ← tanh(h·w + b), forward and backward"
    return [Case(title, sides, asked, training=False, more=memory)]


def s2() -> list[Case]:
    """micrograd's demo, in its own code."""
    problem, single = problems.moons(), f"{EAGER}, single nodes"
    sides = (
        *scalar_sides(EAGER, partial(gradpath.scalars, problem)),
        *scalar_sides(single, partial(gradpath.scalars, problem, fused=False)),
        *scalar_sides(MICROGRAD, partial(scalars.micrograd_train, problem)),
    )
    asked = (
        Ratio(EAGER, MICROGRAD, 90),
        Ratio(f"{EAGER}{GC_OFF}", MICROGRAD_OFF, 12),
        Ratio(single, MICROGRAD, 15),
        Ratio(f"{single}{GC_OFF}", MICROGRAD_OFF, 3),
    )
    title = "micrograd's moons step: MLP(2, [16, 16, 1]), 100 points, hinge + L2, in its own code"
    return [Case(title, sides, asked)]


def s3() -> list[Case]:
    """The same step as in S2, recorded."""
    problem = problems.moons()
    sides = (
        Side(REPLAY, partial(gradpath.recorded_scalars, problem)),
        Side(COMPILED, partial(gradpath.recorded_scalars, problem, jit=True)),
        *scalar_sides(MICROGRAD, partial(scalars.micrograd_train, problem)),
    )
    asked = (Ratio(REPLAY, MICROGRAD, 7300), Ratio(REPLAY, MICROGRAD_OFF, 809))
    return [Case("the step of S2, recorded once and replayed", sides, asked)]


def s4() -> list[Case]:
    """A network so small that only overheads count."""
    problem = problems.xor(4)
    sides = (
        Side(EAGER, partial(gradpath.scalars, problem)),
        Side(REPLAY, partial(gradpath.recorded_scalars, problem)),
        Side(COMPILED, partial(gradpath.recorded_scalars, problem, jit=True)),
        *scalar_sides(MICROGRAD, partial(scalars.micrograd_train, problem)),
        *array_sides(problem),
    )
    asked = (
        Ratio(REPLAY, MICROGRAD, 87),
        Ratio(REPLAY, MICROGRAD_OFF, None),
        Ratio(REPLAY, JAX, 2.9),
        Ratio(COMPILED, SCAN, 3.8),
    )
    return [Case("XOR: 2-4-1 tanh, 4 points, squared error, recorded and replayed", sides, asked)]


def t1() -> list[Case]:
    """The step of S2 on arrays."""
    asked = (
        Ratio(EAGER, TORCH, None),
        Ratio(UNASKED, TORCH, 12),
        Ratio(UNASKED, JAX, 1.3),
        Ratio(REPLAY, TORCH, 12),
        Ratio(REPLAY, JAX, 1.3),
        Ratio(COMPILED, SCAN, 1.15),
    )
    cases = []
    precisions: tuple[Precision, ...] = ("float64", "float32")
    for dtype in precisions:
        problem = problems.moons(dtype)
        sides = (*twin_sides(problem), *array_sides(problem))
        cases.append(Case(f"the step of S2 in the twin, {dtype}", sides, asked))
    return cases


def t2() -> list[Case]:
    """XOR on arrays."""
    problem = problems.xor(8)
    asked = (
        Ratio(EAGER, TORCH, None),
        Ratio(UNASKED, TORCH, 11.5),
        Ratio(UNASKED, JAX, 1.4),
        Ratio(REPLAY, TORCH, 11.5),
        Ratio(REPLAY, JAX, 1.4),
        Ratio(COMPILED, SCAN, 1.5),
    )
    sides = (*twin_sides(problem), *array_sides(problem))
    return [Case("XOR in the twin: 2-8-1 tanh, 4 points, squared error, float64", sides, asked)]


def t3() -> list[Case]:
    """Networks large enough for matrix products to count."""
    chosen = os.environ.get("OPENBLAS_CORETYPE") == KERNELS["OPENBLAS_CORETYPE"]
    cases = []
    for widths, batch, products in (
        ((64, 128, 64, 10), 32, 0.65),
        ((64, 128, 64, 10), 128, 0.75),
        ((784, 512, 256, 10), 128, 0.90),
    ):
        problem = problems.classes(widths, batch)
        floor = Side(PRODUCTS, partial(arrays.matrix_products, problem), checked=False)
        peers = [side for side in array_sides(problem) if side.name != SCAN]  # slow to compile
        sides = (*twin_sides(problem), *peers, floor)
        asked = (
            Ratio(COMPILED, PRODUCTS, products, percent=True),
            Ratio(COMPILED, TORCH, 1),
            Ratio(REPLAY, TORCH, None),
            Ratio(JAX, PRODUCTS, None, percent=True),  # above 100 % its own products are faster
        )
        title = f"{'-'.join(map(str, widths))}, batch {batch}, cross-entropy, float32"
        kernels = "OPENBLAS_CORETYPE=SkylakeX" if chosen else "OpenBLAS's own choice"
        cases.append(Case(f"{title}; {kernels}", sides, asked))
    return cases


def c1() -> list[Case]:
    """From the shell and back."""
    record = f"{EAGER}, recorded"
    sides = (
        Side(EAGER, partial(processes.script, "gradpath")),
        Side(record, partial(processes.script, "gradpath", "record")),
        Side(MICROGRAD, partial(processes.script, "micrograd")),
        Side("jax", partial(processes.script, "jax")),
        Side(TORCH, partial(processes.script, "torch")),
    )
    asked = (Ratio(record, MICROGRAD, 12), Ratio(record, "jax", 24), Ratio(record, TORCH, 42))
    title = "a whole process: import, train XOR (2-4-1) for 1000 steps, exit"
    return [Case(title, sides, asked, training=False)]


def d1() -> list[Case]:
    """Pictures."""
    layout = "dot" if drawings.has_dot() else "pygraphviz"
    sides = tuple(
        Side(f"{nodes:,} nodes", partial(drawings.drawer, width), checked=False)
        for nodes, width, _ in drawings.SIZES
    )
    asked = tuple(
        Within(f"{nodes:,} nodes", drawings.allowed(seconds))
        for nodes, _, seconds in drawings.SIZES
    )
    title = f"drawing a network's graph for one sample, from Value to SVG, by {layout}"
    return [Case(title, sides, asked, training=False)]


WORKLOADS: dict[str, Callable[[], list[Case]]] = {
    "S1": s1, "S2": s2, "S3": s3, "S4": s4, "T1": t1, "T2": t2, "T3": t3, "C1": c1, "D1": d1,
}  # fmt: skip
