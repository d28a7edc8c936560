"""What `conformance` found as programs in Python, to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..computation import INFIX, Computation
from .loading import imports
from .subject import AFRESH, IN_PLACE, WHOLE, Survey, Trouble, given

if TYPE_CHECKING:
    from .findings import Finding

LONGEST = 12  # steps of a program that is printed whole, and wrong numbers that it prints


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
    if WHOLE in finding.script:
        c = c.at([given(x, finding.script) for x in c.inputs])
    lines = c.lines(make, finding.survey.spelling(finding.script))
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
