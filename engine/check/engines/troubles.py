"""What it means where an engine gives no numbers, or numbers that no arithmetic explains."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING

from .diagnosis import Diagnosis
from .subject import Reading, Trouble

if TYPE_CHECKING:
    from .findings import Finding


def at_once(finding: Finding, alone: str, later: bool, large: bool) -> Diagnosis | None:
    """What numbers mean that no arithmetic explains.

    Args:
        finding: what was found.
        alone: the only operation, or "".
        later: whether all values were right before the first backward pass.
        large: whether it was found on large inputs only.
    """
    c, seen = finding.computation, finding.seen
    assert isinstance(seen, Reading)
    odd = [getattr(seen, what)[i] for i, what in finding.wrong]
    if large and any(isinstance(x, float) and not math.isfinite(x) for x in odd):
        return overflow(alone)
    strange = next((x for x in odd if isinstance(x, str)), "")
    if strange == "None":
        return Diagnosis("gradient is None", "a gradient is None; it has to begin as 0.0.")
    if strange:
        return Diagnosis(
            "graph in the gradient",
            f"where a number should be, there is {strange}: compute with the operands' .data, not "
            "with the operands themselves.",
            alone,
        )
    data = [i for i, what in finding.wrong if what == "data"]
    if data and later:
        return Diagnosis(
            "values changed by backward()",
            "a backward pass may write gradients only; here it changes .data as well.",
        )
    if any(i < len(c.inputs) and seen.data[i] != int(c.inputs[i]) for i in data):
        return Diagnosis(
            "operand changed in place",
            f"{alone or 'an operation'} changes its operand; it has to leave it alone and make a "
            "new node.",
            alone,
        )
    return None


def of_trouble(trouble: Trouble, alone: str, finding: Finding, finite: bool) -> Diagnosis | None:
    """What an exception or a strange result means, where that is known."""
    text = trouble.text
    if trouble.kind == "returns":
        return Diagnosis(
            "no node returned",
            f"the operation gives {text}, which is no node: it has to end with `return out`"
            ", and out has to be made with the class.",
            alone,
        )
    missing = re.match(r"NameError: name '(\w+)' is not defined", text)
    if missing and missing[1] in sys.stdlib_module_names | {"np", "numpy"}:
        what = "numpy as np" if missing[1] == "np" else missing[1]
        text = f"`import {what}` is missing at the top."
        return Diagnosis("missing import", text, alone, text)
    if alone and finite and ("OverflowError" in text or "overflow" in text):
        return overflow(alone)
    if "MemoryError" in text or (finding.loop and trouble.kind == "hangs"):
        if trouble.step >= 0:
            return Diagnosis(
                "grows with every use",
                "something that each node keeps (a label, a list of all nodes below) is put "
                "together from that of its operands, so it doubles with each node that is used "
                "twice.",
            )
        if trouble.kind == "hangs":
            return Diagnosis(
                "exponential time",
                "a node that is used twice is walked through twice, so the time doubles with each "
                "such node in a row; keep the nodes already seen in a set.",
            )
    if "'NoneType' object is not callable" in text and trouble.step < 0:
        return Diagnosis(
            "rule called when it is stored",
            "a node's rule is None: write out._backward = _backward, without parentheses.",
            alone,
        )
    if "unhashable" in text:
        return Diagnosis(
            "unhashable nodes",
            "a class that defines __eq__ and no __hash__ cannot be put into a set; leave __eq__ "
            "out, or write __hash__ = object.__hash__.",
        )
    if "RecursionError" in text:
        return Diagnosis(
            "endless recursion",
            "a method calls itself without end, even on so small a graph.",
            alone,
        )
    return None


def overflow(op: str) -> Diagnosis:
    """An intermediate number that is too large, though the result is not."""
    return Diagnosis(
        "overflow",
        f"{op} is computed from numbers that grow beyond the largest float (exp overflows above "
        "709), though its own value is small there: use math.tanh, or exp(-abs(x)).",
        op,
    )
