"""What `conformance` found, for people: programs to paste, tables of numbers, pictures."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...display import viz
from ...files import write_atomically
from ...rule import TABLE
from ..computation import INFIX, Computation
from .diagnosis import Diagnosis
from .loading import Origin, imports
from .subject import AFRESH, IN_PLACE, Reading, Script, Survey, Trouble

if TYPE_CHECKING:
    from . import Conformance

WIDTH = 78
LONGEST = 12  # steps of a program that is printed whole


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
        lines = [indent(program(self)), "", *self.numbers()]
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
        if same_line(self.seen, other.seen):
            return True
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

    def draw(self, **options: Any) -> Any:
        """The picture of the right graph with the engine's wrong numbers marked."""
        nodes = self.computation.run()
        for action in self.script or (-1,):
            if isinstance(action, int):
                nodes[action].backward()
        for name, node in zip(self.computation.names(), nodes, strict=True):
            node.label = name
        marks = {nodes[i]: "" for i, _ in self.wrong}
        if isinstance(self.seen, Trouble):
            marks = {nodes[self.seen.step]: f"{self.seen.kind}: {self.seen.text}"}
        else:
            for i, what in self.wrong:
                word = "grad" if what == "grads" else "data"
                note = f"yours: {word} {figure(getattr(self.seen, what)[i])}"
                marks[nodes[i]] = " ".join(filter(None, (marks[nodes[i]], note)))
        return viz("draw")(nodes[-1], marks=marks, **options)


def same_line(one: Reading | Trouble, other: Reading | Trouble) -> bool:
    """Whether two troubles are the same exception from one line of code."""
    if isinstance(one, Trouble) and isinstance(other, Trouble):
        return bool(one.where) and one._replace(step=0) == other._replace(step=0)
    return False


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
        start = f"  {verdict:10}  {outcome.name:15}  "
        lines += textwrap.wrap(
            outcome.detail, WIDTH, initial_indent=start, subsequent_indent=" " * len(start)
        )
    for number, finding in enumerate(result.findings, start=1):
        lines += ["", headline(number, finding), "", str(finding)]
    for number, finding in enumerate(result.conventions, start=len(result.findings) + 1):
        lines += ["", headline(number, finding, "a convention"), "", str(finding)]
    lines += ["", *ending(result)]
    return "\n".join(lines)


def ending(result: Conformance) -> list[str]:
    """What it comes to."""
    count, others = len(result.findings), len(result.conventions)
    what = f"{count} finding{'s' * (count != 1)}" if count else "Nothing is wrong"
    if others and not result.strict:
        what += f", {others} convention{'s' * (others != 1)} that differ{'s' * (others == 1)}"
    lines = [f"{what}, after {result.examples:,} computations."]
    if result.left_out and count:
        names = ", ".join(map(spelled, dict.fromkeys(result.left_out)))
        lines += textwrap.wrap(f"Once found, {names} was left out of the rest: run this again "
                               "when it is mended.", WIDTH)  # fmt: skip
    return lines


def headline(number: int, finding: Finding, verdict: str = "wrong") -> str:
    """A finding in one line."""
    steps = len(finding.computation.steps)
    size = f"{steps} operation{'s' * (steps != 1)}"
    return f"{number}. {finding.properties[0]}: {verdict} on a graph of {size}"


# ---------------------------------------------------------------- programs


def program(finding: Finding, absolute: bool = False) -> str:
    """The computation and its backward passes in Python, to paste.

    Args:
        finding: what was found.
        absolute: whether it is to run in any folder.
    """
    c, survey, names = finding.computation, finding.survey, finding.computation.names()
    make = finding.engine.rpartition(":")[2]
    forms = [survey.forms[step.op] for step in c.steps if step.op in survey.forms]
    needed = [make, *(form.name for form in forms if form.kind == "function")]
    needed += [survey.names.backward] * survey.free_backward
    lines = imports(finding.origin, list(dict.fromkeys(needed)), absolute)
    if finding.loop and len(c.steps) > LONGEST:
        return "\n".join([*lines, *loops(c, make, survey)])
    written = calculation(finding, make)
    lines += written
    for action in finding.script:
        if action == AFRESH:
            leaves = "".join(f"{name}, " for name in names[: len(c.inputs)])
            lines += [f"for leaf in ({leaves.strip()}):", f"    leaf.{survey.names.grad} = 0"]
            lines += written[len(c.inputs) :]
        elif isinstance(action, int):
            lines.append(survey.start(names[action]))
    return "\n".join([*lines, *prints(finding)])


def calculation(finding: Finding, make: str = "") -> list[str]:
    """A line for each quantity; two for an operation in place."""
    c = finding.computation
    lines = c.lines(make, finding.survey.spell)
    if IN_PLACE in finding.script:
        step, names = c.steps[-1], c.names()
        first, second = step.of(names)
        lines[-1:] = [f"{names[-1]} = {first}", f"{names[-1]} {INFIX[step.op]}= {second}"]
    return lines


def prints(finding: Finding) -> list[str]:
    """Lines that print what is wrong beside what is right."""
    if isinstance(finding.seen, Trouble):
        return []
    lines = []
    for i, what in finding.wrong[:LONGEST]:
        title = finding.survey.names[what == "grads"]
        right, seen = getattr(finding.right, what)[i], getattr(finding.seen, what)[i]
        name = finding.computation.names()[i]
        lines.append(f"print({name}.{title})  # {figures(right, seen, True)[0]} is right")
    return lines


def loops(c: Computation, make: str, survey: Survey) -> list[str]:
    """The graphs that test limits, as loops."""
    op, x = c.steps[0].op, c.inputs[0]
    if len({step.args for step in c.steps}) < len(c.steps):  # a fan
        width = sum(step.args == (0, 0) for step in c.steps)
        lines = [
            f"a = {make}({x!r})",
            f"layer = [{survey.spell(op, ('a', 'a'), ())} for _ in range({width})]",
            "while len(layer) > 1:",
            "    pairs = zip(layer[::2], layer[1::2])",
            f"    layer = [{survey.spell(op, ('x', 'y'), ())} for x, y in pairs]",
            survey.start("layer[0]"),
        ]
    else:
        second = "y" if c.steps[1].args[0] == c.steps[1].args[1] else "a"
        lines = [
            f"a = y = {make}({x!r})",
            f"for _ in range({len(c.steps)}):",
            f"    y = {survey.spell(op, ('y', second), ())}",
            survey.start("y"),
        ]
    return [*lines, f"print(a.{survey.names.grad})"]


# ---------------------------------------------------------------- text


def trouble(finding: Finding) -> list[str]:
    """Why an engine gave no numbers."""
    seen, c, script = finding.seen, finding.computation, finding.script
    assert isinstance(seen, Trouble)
    what = {
        "hangs": f"hangs: {seen.text}",
        "crashes": f"ends Python: {seen.text}",
        "returns": f"gives {seen.text}, which is not one of its nodes",
    }.get(seen.kind, f"raises {seen.text}")
    where = f" ({seen.where})" if seen.where else ""
    count = len(c.inputs)
    if seen.kind in ("hangs", "crashes") and len(c.steps) == 1 and not script:
        seen = seen._replace(step=count)
    if finding.loop and seen.step >= count:
        return wrapped(f"Operation {seen.step - count + 1} of {len(c.steps)} {what}{where}")
    if seen.step >= count:
        code = calculation(finding)[-1 if IN_PLACE in script else seen.step]
        return wrapped(f"The line `{code}` {what}{where}")
    return wrapped(f"The engine {what}{where}")


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
    ints, floats = survey.numbers["left int"], survey.numbers["left float"]
    found = [f"2{INFIX[op]}a" for op in infix if op not in ints]
    found += [f"2.5{INFIX[op]}a" for op in infix if op in ints and op not in floats]
    ints, floats = survey.numbers["right int"], survey.numbers["right float"]
    found += [f"a{INFIX[op]}2" for op in infix if op not in ints and op != "pow"]
    return found + [f"a{INFIX[op]}2.5" for op in infix if op in ints and op not in floats]


def named(title: str, words: list[str]) -> list[str]:
    """A list of words under a title."""
    return textwrap.wrap(
        ", ".join(words) or "none",
        WIDTH,
        initial_indent=f"  {title + ':':12}",
        subsequent_indent=" " * 14,
    )


def figures(right: float | str, seen: float | str, wrong: bool) -> tuple[str, str]:
    """Two numbers to compare, with as many digits as tell them apart."""
    for digits in (7, 10, 17):
        texts = figure(right, digits), figure(seen, digits)
        if not wrong or texts[0] != texts[1]:
            break
    return texts


def figure(x: float | str, digits: int = 7) -> str:
    """A number to compare."""
    return x if isinstance(x, str) else f"{x:.{digits}g}"


def indent(text: str) -> str:
    """A block of code."""
    return textwrap.indent(text, "    ")


def wrapped(text: str) -> list[str]:
    """A paragraph, indented."""
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


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
