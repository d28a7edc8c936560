"""What a check of gradients found: one `Finding` for each derivative, and the `Report` of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..display import reported, viz
from ..tensor.tensor import Tensor
from ..value import Value

RIGHT, WRONG, KINK, JUMP = "right", "wrong", "kink", "jump"
ILL_CONDITIONED, NOISY, NON_FINITE = "ill-conditioned", "noisy", "non-finite"


class GradientError(AssertionError):
    """A gradient is wrong; `report` tells how and where."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class Finding:
    """One derivative and what differences say about it.

    Attributes:
        what: which derivative: ``∂f/∂x1``, ``∂f/∂x0[1,2]`` for an entry of an array,
            ``∂²f/∂x0∂x1``, ``along direction 3``.
        at: where: the input's value.
        claimed: the derivative under test.
        measured: the slope by differences, or by complex step where these cannot tell.
        tolerance: how far the two may be apart at this point.
        step: the largest step behind it.
        left, right: the one-sided slopes.
        verdict: "right", "wrong", "kink", "jump", "ill-conditioned", "noisy" or "non-finite".
        reason: why it cannot be told; "" if it can.
    """

    what: str
    at: float
    claimed: float
    measured: float
    tolerance: float
    step: float
    left: float
    right: float
    verdict: str
    reason: str = ""

    @property
    def between(self) -> bool:
        """Whether the claimed slope lies between the one-sided ones."""
        low, high = sorted((self.left, self.right))
        return low - self.tolerance <= self.claimed <= high + self.tolerance

    @property
    def passes(self) -> bool:
        """Whether nothing is wrong with it; at a kink, any slope between the two is fine."""
        if self.verdict == KINK:
            return self.between
        return self.verdict in (RIGHT, ILL_CONDITIONED, NOISY)

    def __str__(self) -> str:
        numbers = f"{self.what} at {self.at:.6g}: claimed {self.claimed:.10g}"
        if self.verdict == JUMP:
            return f"jump: {numbers}, but f jumps here: it has no slope"
        if self.verdict == KINK:
            side = "between them" if self.between else "which is not between them"
            slopes = f"{self.left:.6g} on the left, {self.right:.6g} on the right"
            return f"kink: {numbers}, {side}: the slope is {slopes}"
        verdict = f"cannot be told, for {self.reason}" if self.reason else self.verdict
        return (
            f"{verdict}: {numbers}, measured {self.measured:.10g} "
            f"± {self.tolerance:.1g} with step {self.step:.1g}"
        )


@dataclass
class Report:
    """What `gradcheck` found; true if every derivative passes.

    Attributes:
        findings: one for each derivative.
        notes: what could not be compared, and why.
        culprit: the first node whose local derivative is off, if there is one.
        reason: what is wrong with it.
        root: the graph that was checked, with gradients.
    """

    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    culprit: Value | Tensor | None = None
    reason: str = ""
    root: Value | Tensor | None = None

    def __bool__(self) -> bool:
        return all(finding.passes for finding in self.findings)

    def __str__(self) -> str:
        bad = [finding for finding in self.findings if not finding.passes]
        odd = [f for f in self.findings if f.passes and f.verdict != RIGHT]
        if bad:
            lines = [f"{len(bad)} of {len(self.findings)} derivatives are not right"]
        else:
            count = len(self.findings) - len(odd)
            lines = [f"right: {count} derivatives agree with differences"]
            if odd and not count:
                lines = [f"nothing is wrong; see what is said of {len(odd)} derivatives"]
        lines += [f"  {finding}" for finding in bad + odd]
        if self.reason:
            lines.append(f"  first wrong node: {self.reason}")
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        if self.culprit is None:
            return {"text/plain": str(self)}
        return reported(str(self), self.draw)

    def draw(self, **options: Any) -> Any:
        """The picture of the graph with the first wrong node marked; options as for `viz.draw`."""
        if self.root is None:
            raise ValueError("there is no graph to draw: the function returned plain numbers")
        root: Any = self.root
        marks: dict[Any, str] = {self.culprit: self.reason} if self.culprit is not None else {}
        return viz("draw")(root, marks=marks, **options)
