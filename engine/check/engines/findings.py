"""What `conformance` found, for people: tables of numbers, pictures, the report, files."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...display import reported, viz
from ...files import write_atomically
from ...rule import TABLE
from ..computation import INFIX, Computation
from .diagnosis import Diagnosis
from .loading import Origin
from .programs import LONGEST, calculation, figure, figures, program
from .subject import IN_PLACE, Reading, Script, Survey, Trouble

if TYPE_CHECKING:
    from . import Conformance

WIDTH = 78


@dataclass(frozen=True)
class Outcome:
    """What came of a property.

    Attributes:
        name: the property's.
        verdict: "holds", "fails", "convention", "limit" or "not tried".
        detail: the property as a sentence, or why it was not tried.
    """

    name: str
    verdict: str
    detail: str


@dataclass
class Finding:
    """The smallest computation that was found on which an engine is wrong.

    Attributes:
        properties: the properties that fail for this reason.
        computation: what is computed.
        script: the backward passes that follow.
        right: the numbers as they should be.
        seen: those of the engine, or why there are none.
        wrong: index and attribute ("data" or "grads") of the numbers that are wrong.
        diagnosis: the known mistake that explains it, if there is one.
        op: the operation it sits in, if it is one; `also` are further ones.
        examples: how many computations were tried until one failed.
        engine: what the engine is called.
        convention: in what it differs from most, if that is no mistake.
        survey, origin: what the engine offers, and where it is.
        loop: whether the computation is one of the large ones that test limits.
        varies: whether it shows in some runs only, as what depends on the order of a set does.
    """

    properties: list[str]
    computation: Computation
    script: Script
    right: Reading
    seen: Reading | Trouble
    wrong: list[tuple[int, str]]
    diagnosis: Diagnosis | None
    op: str
    examples: int
    engine: str
    survey: Survey
    origin: Origin | None
    also: list[str] = field(default_factory=list)
    convention: str = ""
    loop: bool = False
    varies: bool = False

    def __str__(self) -> str:
        lines = [textwrap.indent(program(self), "    "), "", *self.numbers()]
        if self.diagnosis:
            lines += ["", f"  Diagnosis: {self.diagnosis.name}", *wrapped(self.diagnosis.sentence)]
        elif self.convention:
            lines += ["", *wrapped(f"A convention: {self.convention}.")]
        else:
            lines += ["", "  No known mistake explains it."]
        if self.varies:
            lines += wrapped("It does not show in every run: the order of a set, say, differs.")
        if self.also:
            lines += wrapped(f"The same in: {', '.join(map(spelled, self.also))}.")
        if self.properties[1:]:
            lines += wrapped(f"For the same reason fails: {', '.join(self.properties[1:])}.")
        return "\n".join(lines)

    def has_cause_of(self, other: Finding) -> bool:
        """Whether both have the same explanation."""
        both = [x._replace(step=0) for x in (self.seen, other.seen) if isinstance(x, Trouble)]
        if len(both) == 2 and both[0] == both[1] and both[0].where:
            return True  # the same exception from one line of code
        if self.diagnosis and other.diagnosis and self.diagnosis.name == other.diagnosis.name:
            return self.op == other.op or self.diagnosis.kind == other.diagnosis.kind
        return bool(self.convention) and self.convention == other.convention

    def numbers(self) -> list[str]:
        """A line for each quantity, or what happened instead."""
        if isinstance(self.seen, Trouble):
            return trouble(self)
        names = self.computation.names()
        rows = [("", "right", "yours", "")]
        for what, title in zip(Reading._fields, self.survey.names, strict=False):
            right, seen = getattr(self.right, what), getattr(self.seen, what)
            bad = [i for i, kind in self.wrong if kind == what]
            shown = list(range(len(right) if bad or (what == "grads" and seen) else 0))
            if len(shown) > 2 * LONGEST:
                shown = sorted({*bad[:LONGEST], *range(LONGEST)})
            for i in shown:
                mark = "<-- wrong" if i in bad else ""
                rows.append((f"{names[i]}.{title}", *figures(right[i], seen[i], bool(mark)), mark))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        return [
            f"      {a:{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {mark}".rstrip()
            for a, b, c, mark in rows
        ]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return reported(str(self), self.draw)

    def draw(self, **options: Any) -> Any:
        """The picture of the right graph with the engine's wrong numbers marked."""
        roots = [action for action in self.script or (-1,) if isinstance(action, int)]
        nodes = self.computation.nodes(roots)
        marks = {nodes[i]: "" for i, _ in self.wrong}
        if isinstance(self.seen, Trouble):
            marks = {nodes[self.seen.step]: f"{self.seen.kind}: {self.seen.text}"}
        else:
            for i, what in self.wrong:
                word = "grad" if what == "grads" else "data"
                note = f"yours: {word} {figure(getattr(self.seen, what)[i])}"
                marks[nodes[i]] = " ".join(filter(None, (marks[nodes[i]], note)))
        return viz("draw")(nodes[-1], marks=marks, **options)


def report(result: Conformance) -> str:
    """Everything about an engine, in lines of at most 80 columns."""
    survey = result.survey
    lines = [result.name, ""]
    lines += named("operations", [spelled(op) for op in survey.ops])
    lines += named("not there", [*map(spelled, result.missing), *one_sided(survey)])
    if survey.unchecked:
        lines += named("unknown", [*survey.unchecked[:-1], f"{survey.unchecked[-1]} (not checked)"])
    notes = list(survey.notes)
    if survey.rounding > 1e-12:
        kind = "float32" if survey.rounding < 1e-5 else "float16"
        notes.append(f"its numbers have the precision of {kind}, and were judged by that")
    lines += [line for note in notes for line in wrapped(f"Note: {note}.")]
    lines.append("")
    for outcome in result.outcomes:
        verdict = outcome.verdict.upper() if outcome.verdict == "fails" else outcome.verdict
        lines += wrapped(outcome.detail, f"  {verdict:10}  {outcome.name:15}  ")
    for number, finding in enumerate((*result.findings, *result.conventions), start=1):
        verdict = "wrong" if number <= len(result.findings) else "a convention"
        size = plural(len(finding.computation.steps), "operation")
        lines += ["", f"{number}. {finding.properties[0]}: {verdict} on a graph of {size}"]
        lines += ["", str(finding)]
    lines += ["", *ending(result)]
    return "\n".join(lines)


def ending(result: Conformance) -> list[str]:
    """What it comes to."""
    count, others = len(result.findings), len(result.conventions)
    what = plural(count, "finding") if count else "Nothing is wrong"
    if others:
        what += f", {plural(others, 'convention')} that differ{'s' * (others == 1)}"
    lines = [f"{what}, after {result.examples:,} computations."]
    if result.left_out and count:
        names = ", ".join(map(spelled, dict.fromkeys(result.left_out)))
        again = f"Once found, {names} was left out of the rest: run this again when it is mended."
        lines += wrapped(again, "")
    return lines


def plural(count: int, word: str) -> str:
    """So many of them."""
    return f"{count} {word}{'s' * (count != 1)}"


# ---------------------------------------------------------------- text


def trouble(finding: Finding) -> list[str]:
    """Why an engine gave no numbers."""
    seen, c, script = finding.seen, finding.computation, finding.script
    assert isinstance(seen, Trouble)
    step = seen.step - len(c.inputs)
    if seen.kind in ("hangs", "crashes") and len(c.steps) == 1 and not script:
        step = 0  # it can be no other
    subject = "The engine"
    if step >= 0 and finding.loop:
        subject = f"Operation {step + 1} of {len(c.steps)}"
    elif step >= 0:
        code = calculation(finding)[-1 if IN_PLACE in script else len(c.inputs) + step]
        subject = f"The line `{code}`"
    what = {
        "hangs": f"hangs: {seen.text}",
        "crashes": f"ends Python: {seen.text}",
        "returns": f"gives {seen.text}, which is not one of its nodes",
    }.get(seen.kind, f"raises {seen.text}")
    return wrapped(f"{subject} {what}{f' ({seen.where})' if seen.where else ''}")


def spelled(op: str) -> str:
    """An operation as users write it."""
    if op == "power":
        return "a**2"
    if op in ("neg", "abs", "sum"):
        return {"neg": "-a", "abs": "abs(a)", "sum": "sum([a, b])"}[op]
    return f"a{INFIX[op]}b" if op in INFIX else TABLE[op].name


def one_sided(survey: Survey) -> list[str]:
    """The operators that take no plain number on one side."""
    infix = [op for op in survey.ops if op in INFIX and op != "power"]
    found = []
    for side, spelling in (("left", "{1}{0}a"), ("right", "a{0}{1}")):
        ints, floats = (survey.numbers[f"{side} {kind}"] for kind in ("int", "float"))
        tried = [op for op in infix if side == "left" or op != "pow"]
        found += [spelling.format(INFIX[op], 2) for op in tried if op not in ints]
        none = [op for op in infix if op in ints and op not in floats]
        found += [spelling.format(INFIX[op], 2.5) for op in none]
    return found


def named(title: str, words: list[str]) -> list[str]:
    """A list of words under a title."""
    return wrapped(", ".join(words) or "none", f"  {title + ':':12}")


def wrapped(text: str, start: str = "  ") -> list[str]:
    """A paragraph whose lines are indented as far as its start is long."""
    rest = " " * len(start)
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=rest)


# ---------------------------------------------------------------- files


def save(result: Conformance, folder: Path) -> list[Path]:
    """Write each finding's program and picture, whole or not at all.

    Raises:
        OSError: if the folder cannot be written.
    """
    save_picture = viz("save")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, finding in enumerate(result.findings, start=1):
        stem = f"{number}-{finding.properties[0].replace(' ', '-')}"
        files.append(
            write_atomically(folder / f"{stem}.py", program(finding, absolute=True) + "\n")
        )
        if len(finding.computation.steps) <= 5 * LONGEST:
            try:
                files.append(save_picture(finding.draw(), folder / f"{stem}.svg"))
            except viz("GraphvizError"):
                files.append(save_picture(finding.draw(), folder / f"{stem}.dot"))
    return files
