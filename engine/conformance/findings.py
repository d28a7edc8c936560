"""What `engine.conformance` found, for people: programs to paste, tables of numbers, pictures."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import write_atomically
from ..rules import TABLE
from ..strategies import INFIX, Computation
from ..value import Value
from .diagnosis import Diagnosis
from .isolation import AFRESH, Reading, Script, Survey, Trouble, play

if TYPE_CHECKING:
    from . import Conformance

WIDTH = 78
LONGEST = 12  # steps of a program that is printed whole


@dataclass(frozen=True)
class Outcome:
    """What came of a property.

    Attributes:
        name: the property's.
        verdict: "holds", "fails", "limit" or "not tried".
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
    also: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [indent(program(self)), "", *self.numbers()]
        if self.diagnosis:
            lines += ["", f"  Diagnosis: {self.diagnosis.name}", *wrapped(self.diagnosis.sentence)]
        if self.also:
            lines += wrapped(f"The same in: {', '.join(map(spelled, self.also))}.")
        if self.properties[1:]:
            lines += wrapped(f"For the same reason fails: {', '.join(self.properties[1:])}.")
        return "\n".join(lines)

    def has_cause_of(self, other: Finding) -> bool:
        """Whether both have the same explanation."""
        if not self.diagnosis or not other.diagnosis or self.diagnosis.name != other.diagnosis.name:
            return False
        return not other.op or other.op == self.op or other.properties[0] in self.properties

    def numbers(self) -> list[str]:
        """A line for each quantity, or what happened instead."""
        if isinstance(self.seen, Trouble):
            return trouble(self.seen, self.computation, self.script)
        names = self.computation.names()
        rows = [("", "", "right", "yours", "")]
        for what, title in (("data", "data"), ("grads", "grad")):
            right, seen = getattr(self.right, what), getattr(self.seen, what)
            bad = [i for i, kind in self.wrong if kind == what]
            shown = range(len(right)) if bad or what == "grads" else ()
            for i in [*shown][: 2 * LONGEST]:
                mark = "<-- wrong" if i in bad else ""
                rows.append((f"{names[i]}.{title}", "", figure(right[i]), figure(seen[i]), mark))
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        return [
            f"      {a:{widths[0]}}  {b:>{widths[2]}}  {c:>{widths[3]}}  {mark}".rstrip()
            for a, _, b, c, mark in rows
        ]

    def draw(self, **options: Any) -> Any:
        """The picture of the right graph with the engine's wrong numbers marked."""
        from viz import draw

        nodes: list[Any] = [Value(x) for x in self.computation.inputs]
        for _ in play(nodes, self.computation, self.script or (-1,)):
            pass
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
        return draw(nodes[-1], marks=marks, **options)


def report(result: Conformance) -> str:
    """Everything about an engine, in lines of at most 80 columns."""
    lines = [f"{result.name}", ""]
    lines += named("operations", [spelled(op) for op in result.survey.ops])
    lines += named("not there", [*map(spelled, result.missing), *one_sided(result.survey)])
    lines.append("")
    for outcome in result.outcomes:
        verdict = outcome.verdict.upper() if outcome.verdict == "fails" else outcome.verdict
        lines.append(f"  {verdict:9}  {outcome.name:15}  {outcome.detail}")
    for number, finding in enumerate(result.findings, start=1):
        lines += ["", headline(number, finding), "", str(finding)]
    count = len(result.findings)
    ending = f"{count} finding{'s' * (count != 1)}" if count else "Nothing is wrong"
    lines += ["", f"{ending}, after {result.examples:,} computations."]
    if result.left_out and count:
        names = ", ".join(map(spelled, result.left_out))
        lines += textwrap.wrap(f"Once found, {names} was left out of the rest: run this again "
                               "when it is mended.", WIDTH)  # fmt: skip
    return "\n".join(lines)


def headline(number: int, finding: Finding) -> str:
    """A finding in one line."""
    steps = len(finding.computation.steps)
    size = f"{steps} operation{'s' * (steps != 1)}"
    title = f"{number}. {finding.properties[0]}: wrong on a graph of {size}"
    return f"{title} (found in example {finding.examples})"


# ---------------------------------------------------------------- programs


def program(finding: Finding) -> str:
    """The computation and its backward passes in Python, to paste."""
    c, names = finding.computation, finding.computation.names()
    place, _, make = finding.engine.rpartition(":")
    module = Path(place).stem if place.endswith(".py") else place
    lines = [f"from {module} import {make}", ""] if module.replace(".", "").isidentifier() else []
    if len(c.steps) > LONGEST:
        return "\n".join([*lines, *large(c, make)])
    written = c.source(make).splitlines()[:-1]
    computed = written[len(c.inputs) :]
    lines += written
    for action in finding.script:
        if action == AFRESH:
            leaves = "".join(f"{name}, " for name in names[: len(c.inputs)])
            lines += [f"for leaf in ({leaves.strip()}):", "    leaf.grad = 0", *computed]
        else:
            lines.append(f"{names[int(action)]}.backward()")
    return "\n".join(lines)


def large(c: Computation, make: str) -> list[str]:
    """The graphs that test limits, as loops."""
    op = INFIX.get(c.steps[0].op, ",")
    lines = [f"a = y = {make}({c.inputs[0]!r})"]
    if len({step.args for step in c.steps}) < len(c.steps):  # a fan
        width = sum(step.args == (0, 0) for step in c.steps)
        return [
            f"a = {make}({c.inputs[0]!r})",
            f"layer = [a {op} a for _ in range({width})]",
            "while len(layer) > 1:",
            f"    layer = [x {op} y for x, y in zip(layer[::2], layer[1::2])]",
            "layer[0].backward()",
        ]
    second = "y" if c.steps[1].args[0] == c.steps[1].args[1] else "a"
    return [*lines, f"for _ in range({len(c.steps)}):", f"    y = y {op} {second}", "y.backward()"]


# ---------------------------------------------------------------- text


def trouble(seen: Trouble, c: Computation, script: Script) -> list[str]:
    """Why an engine gave no numbers."""
    what = {
        "raises": f"raises {seen.text}",
        "hangs": f"hangs: {seen.text}",
        "crashes": f"ends Python: {seen.text}",
        "returns": f"gives {seen.text}, which is not one of its nodes",
    }[seen.kind]
    where = f" ({seen.where})" if seen.where else ""
    if seen.kind in ("hangs", "crashes") and len(c.steps) == 1 and not script:
        seen = seen._replace(step=len(c.inputs))
    if seen.step >= len(c.inputs):
        return wrapped(f"The line `{c.source().splitlines()[seen.step]}` {what}{where}")
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
    return [f"2{INFIX[op]}a" for op in infix if op not in survey.left] + [
        f"a{INFIX[op]}2" for op in infix if op not in survey.right and op != "pow"
    ]


def named(title: str, words: list[str]) -> list[str]:
    """A list of words under a title."""
    return textwrap.wrap(
        ", ".join(words) or "none",
        WIDTH,
        initial_indent=f"  {title + ':':12}",
        subsequent_indent=" " * 14,
    )


def figure(x: float | str) -> str:
    """A number to compare."""
    return x if isinstance(x, str) else f"{x:.7g}"


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
    from viz import GraphvizError
    from viz import save as save_picture

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, finding in enumerate(result.findings, start=1):
        stem = f"{number}-{finding.properties[0].replace(' ', '-')}"
        files.append(write_atomically(folder / f"{stem}.py", program(finding) + "\n"))
        if len(finding.computation.steps) <= 5 * LONGEST:
            try:
                files.append(save_picture(finding.draw(), folder / f"{stem}.svg"))
            except GraphvizError:
                files.append(save_picture(finding.draw(), folder / f"{stem}.dot"))
    return files
