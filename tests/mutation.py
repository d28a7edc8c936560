"""Mutation testing: alter the table of derivatives and the backward pass; do the tests notice?

``python -m tests.mutation [ROW …] [--list]`` alters every row of `engine.rules` in every way that
`changes` knows, one mutant at a time, and runs the tests that judge the row until one fails. A row
may be ``backward``, which is the backward pass, or a single mutant by its name, such as ``tanh#3``.

A mutant that no test kills is either equivalent (it gives the same numbers as the original, to the
bit, wherever it is tried) or shows that a test is missing; then the exit status is 1.

Source: R. DeMillo, R. Lipton and F. Sayward, *Hints on test data selection: help for the practicing
programmer*, Computer 11, 1978.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import inspect
import json
import math
import os
import signal
import struct
import subprocess
import sys
import textwrap
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings

import engine
from engine import TABLE, Rule, Value, backward, rules
from engine.dual import Dual
from engine.numbers import apply
from engine.reals import REALS, on_floats

TESTS = Path(__file__).parent
OF_ROWS = ("test_edges.py", "test_rules.py")  # what judges a row; the quickest to kill comes first
OF_BACKWARD = ("test_value.py", "test_neuron.py", "test_modes.py")
BACKWARD = "backward"  # stands for the backward pass where otherwise a row is named
LIMIT = 60  # seconds that the tests of one mutant may take
MEMORY = 4 << 30  # bytes for a mutant that fills a list for ever
FACTOR = 1.0001  # of a derivative that is nearly right
INF, NAN = math.inf, math.nan


class Mutant(NamedTuple):
    """One alteration.

    Attributes:
        row: the row of the table that it alters, or `BACKWARD`.
        name: what the command calls it: the row and a number.
        change: what is altered, and how.
        install: puts it in place, and returns the function that takes it out again.
    """

    row: str
    name: str
    change: str
    install: Callable[[], Callable[[], None]]


class Verdict(NamedTuple):
    """What became of a mutant: the test that failed, or else why none can."""

    killer: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.killer:
            return f"killed by {self.killer}"
        return f"equivalent: {self.reason}" if self.reason else "SURVIVED"


# ---------------------------------------------------------------- altered expressions

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
TERMS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}


def parse(text: str, **parts: ast.expr) -> Any:
    """The expression, with the named parts put in the places of their names."""

    class Insert(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parts.get(node.id, node)

    return Insert().visit(ast.parse(text, mode="eval").body)


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of one part of an expression."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, (ast.Sub, ast.Div)):
            yield ast.BinOp(node.right, node.op, node.left)
        if type(node.op) in TERMS:
            yield ast.BinOp(node.left, TERMS[type(node.op)](), node.right)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "m.where":
        condition, *arms = node.args
        for i, arm in enumerate(arms):
            for altered in altered_arms(arm):
                chosen = [altered if i == k else other for k, other in enumerate(arms)]
                yield ast.Call(node.func, [condition, *chosen], [])


def altered_arms(arm: ast.expr) -> Iterator[ast.expr]:
    """What may stand for one branch of a choice; a choice in its place has branches of its own."""
    text = ast.unparse(arm)
    if text == "NOTHING":
        yield parse("0")
    elif text == "0":
        yield parse("NOTHING")
    elif not text.startswith("m.where"):
        yield parse("-arm", arm=arm)
        yield parse(f"arm * {FACTOR}", arm=arm)


def substitutes(
    tree: Any, choices: Callable[[ast.AST], Iterator[ast.AST]]
) -> Iterator[tuple[str, Any]]:
    """Every copy of a tree with one part altered, and what became of the part."""
    for k, node in enumerate(ast.walk(tree)):
        for choice in choices(node):
            whole = copy.deepcopy(tree)
            old = next(part for i, part in enumerate(ast.walk(whole)) if i == k)
            yield f"{ast.unparse(node)} → {ast.unparse(choice)}", replace(whole, old, choice)


def replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """The tree with another part in the place of the old one."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return copy.deepcopy(new) if node is old else self.generic_visit(node)

    result: ast.AST = Replace().visit(tree)
    return result


def changes(function: ast.Lambda, several: bool) -> Iterator[tuple[str, ast.Lambda]]:
    """Every alteration of one function of a row; ``several``: it returns a list of partials."""
    texts = {"sign": "-body", f"× {FACTOR}": f"body * {FACTOR}"}
    if several:
        texts = {x: f"[{text.replace('body', 'd')} for d in body]" for x, text in texts.items()}
        texts["partials reversed"] = "body[::-1]"
    for change, text in texts.items():
        yield change, ast.Lambda(function.args, parse(text, body=function.body))
    for change, body in substitutes(function.body, alternatives):
        yield change, ast.Lambda(function.args, body)


# ---------------------------------------------------------------- mutants of the table


def written_rows() -> dict[str, list[ast.Lambda]]:
    """The functions of each row as the table writes them: the value, then the partials."""
    found: dict[str, list[ast.Lambda]] = {}
    for statement in ast.parse(inspect.getsource(rules)).body:
        if isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
            name, *functions = call.args
            if ast.unparse(call.func) == "rule":
                found[ast.literal_eval(name)] = [f for f in functions if isinstance(f, ast.Lambda)]
    return found


def mutants_of_row(row: Rule, functions: Sequence[ast.Lambda]) -> Iterator[Mutant]:
    """Every alteration of a row's value and partials."""
    places = ["value", *("partials" if row.variadic else f"∂/∂{x}" for x in row.names)]
    count = 0

    def mutant(change: str, altered: dict[int, Any]) -> Mutant:
        nonlocal count
        count += 1
        return Mutant(row.name, f"{row.name}#{count}", change, lambda: alter(row, altered))

    for i, (place, function) in enumerate(zip(places, functions, strict=True)):
        for change, altered in changes(function, several=row.variadic and i > 0):
            yield mutant(f"{place}: {change}", {i: compiled(altered)})
    for i, j in pairwise(range(1, len(functions))):
        swapped = {i: row.partials[j - 1], j: row.partials[i - 1]}
        yield mutant(f"{places[i]} ↔ {places[j]}", swapped)


def compiled(function: ast.Lambda) -> Any:
    """The function in the namespace of the rules."""
    expression = ast.fix_missing_locations(ast.Expression(function))
    return eval(compile(expression, "<mutant>", "eval"), vars(rules))


def alter(row: Rule, altered: dict[int, Any]) -> Callable[[], None]:
    """Give a row other functions, 0 its value, i its i-th partial; returns what undoes it."""
    before = row.value, row.partials
    functions = [row.value, *row.partials]
    for i, function in altered.items():
        functions[i] = function

    def install(value: Any, partials: Any) -> None:
        row.value, row.partials = value, tuple(partials)
        for other in TABLE:  # generated code has other rows' formulas written out
            for listener in TABLE.listeners:
                listener(other, True)

    install(functions[0], functions[1:])
    return lambda: install(*before)


# ---------------------------------------------------------------- mutants of the backward pass

PASS = (backward.computed, backward.sweep, backward.push, backward.probe, Value.backward)
RECORDED = {"_da": "_db", "_db": "_da"}


def altered_code(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of one part of a function of the backward pass."""
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=0)
        yield ast.AugAssign(node.target, ast.Sub(), node.value)
    forgotten = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
    if forgotten or stored or isinstance(node, ast.AugAssign):
        yield ast.Pass()
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "reversed":
        yield parse("list(nodes)", nodes=node.args[0])
    if isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "::-1":
        yield node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield node.left
        yield node.right
    if isinstance(node, ast.Attribute) and node.attr in RECORDED:
        yield ast.Attribute(node.value, RECORDED[node.attr], node.ctx)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.BoolOp):
        yield from node.values


def mutants_of_backward() -> Iterator[Mutant]:
    """Every alteration of the functions that make up the backward pass."""
    count = 0
    for function in PASS:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        for change, altered in substitutes(tree, altered_code):
            count += 1
            line = f"{function.__name__}: {' '.join(change.split())}"
            yield Mutant(BACKWARD, f"{BACKWARD}#{count}", line, recoder(function, altered))


def recoder(function: Any, altered: ast.stmt) -> Callable[[], Callable[[], None]]:
    """What gives a function the altered code in place, so that all who imported it run that."""

    def install() -> Callable[[], None]:
        before = function.__code__
        module = ast.fix_missing_locations(ast.Module([altered], []))
        made: dict[str, Any] = {}
        exec(compile(module, "<mutant>", "exec"), function.__globals__, made)
        function.__code__ = made[function.__name__].__code__

        def undo() -> None:
            function.__code__ = before

        return undo

    return install


def all_mutants() -> list[Mutant]:
    """The mutants of every row and those of the backward pass."""
    written = written_rows()
    found = [mutant for name in written for mutant in mutants_of_row(TABLE[name], written[name])]
    return found + list(mutants_of_backward())


# ---------------------------------------------------------------- equivalence


def bits(x: Any) -> tuple[bytes, bool]:
    """What tells two numbers apart: all nans count as one, and NOTHING is no 0."""
    return struct.pack("<d", NAN if x != x else x), x is rules.NOTHING


def observe(name: str) -> list[Any]:
    """Everything that a row, or the backward pass, gives where it is tried."""
    if name == BACKWARD:
        return [gradients(Random(seed)) for seed in range(300)]
    return [measured(TABLE[name], args, params) for args, params in points(TABLE[name])]


def measured(row: Rule, args: Sequence[float], params: Sequence[Any]) -> Any:
    """A row's value, partials and second derivatives at a point, or the error that it raises."""
    try:
        y, slopes = on_floats(row, args, params)
        curvatures = [
            second(row, args, params, i, j) for i in range(len(args)) for j in range(len(args))
        ]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return type(error)
    return [bits(x) for x in (y, *slopes, *curvatures)]


def second(row: Rule, args: Sequence[float], params: Sequence[Any], i: int, j: int) -> Any:
    """∂²/∂xᵢ∂xⱼ by dual numbers of dual numbers: it tells apart partials of equal value."""
    inner = [Dual(x, float(i == k), 1) for k, x in enumerate(args)]
    y = apply(row, [Dual(x, float(j == k), 2) for k, x in enumerate(inner)], params)
    return y.tangent.tangent if isinstance(y.tangent, Dual) else 0.0


EDGES = (0.0, -0.0, INF, -INF, NAN, 1e300, -1e300, 5e-324, -5e-324)


def points(row: Rule) -> Iterator[tuple[tuple[float, ...], tuple[Any, ...]]]:
    """The edges, the kinks and their neighbours, and many points of a row's domain."""
    random = Random(row.name)
    for params in parameters(row):
        special = [*EDGES, *near((1.0, -1.0, *params, *kinks(row, params)))]
        ends = [(max(low, -8.0), min(high, 8.0)) for low, high in row.domain]
        if row.arity == 1 and not row.variadic:
            steps = [ends[0][0] + (ends[0][1] - ends[0][0]) * k / 1000 for k in range(1001)]
            yield from (((x,), params) for x in (*special, *steps))
            continue
        if not row.variadic:
            yield from ((args, params) for args in product(special, repeat=row.arity))
        for k in range(1000):
            several = ends * (1 + k % 5) if row.variadic else ends
            drawn = [
                random.choice(special) if random.random() < 0.2 else random.uniform(*interval)
                for interval in several
            ]
            yield tuple(drawn), params


def parameters(row: Rule) -> list[tuple[Any, ...]]:
    """The row's sample parameters; those that are real numbers also negative, 0 and infinite."""
    found = list(row.samples)
    for params in row.samples:
        if params and all(isinstance(p, float) for p in params):
            found += [tuple(-p for p in params), (0.0,) * len(params), (INF,) * len(params)]
    return list(dict.fromkeys(found))


def near(xs: Sequence[float]) -> list[float]:
    """Numbers and their neighbours."""
    return [y for x in xs for y in (x, math.nextafter(x, -INF), math.nextafter(x, INF))]


def kinks(row: Rule, params: Sequence[Any]) -> list[float]:
    """Where the expressions change sign that vanish at a kink of a row of one argument."""
    if row.variadic or row.arity > 1:
        return []
    grid = [k / 10 for k in range(-80, 81)]
    found = []
    for low, high in pairwise(grid):
        for k in range(len(row.kinks(REALS, low, *params))):
            a, b = low, high
            while a < (middle := (a + b) / 2) < b:
                below, there = (row.kinks(REALS, x, *params)[k] for x in (a, middle))
                a, b = (a, middle) if below * there <= 0 else (middle, b)
            if row.kinks(REALS, a, *params)[k] * row.kinks(REALS, b, *params)[k] <= 0:
                found += [a, b]
    return found


def gradients(random: Random) -> list[Any]:
    """What backward passes, by all their ways, leave in every node of a random graph."""
    nodes = [Value(random.uniform(-2, 2)) for _ in range(3)]
    nodes[0]._backward = lambda: nodes[1]._set_grad(nodes[1].grad + 1)
    for _ in range(random.randrange(1, 12)):
        a, b, c, d = random.choices(nodes, k=4)
        made = (
            a + b, a * b, a.tanh(), a.max(b), engine.dot([a, b], [c, d]), engine.sum([a, b, c]),
            by_hand(a, b), by_hand(a, a),
        )  # fmt: skip
        nodes.append(random.choice(made))
    root, other, node, bare = *random.choices(nodes, k=3), Value(1.0, nodes[:1], "bare")
    found: list[Any] = [attempt(root.backward), attempt(partial(other.backward, -0.7))]
    steps = node._backward, nodes[0]._backward, bare.backward, bare._backward
    found += map(attempt, steps)
    with engine.detect_anomaly():
        found += [attempt(partial(root.backward, 0.3)), attempt(partial(other.backward, INF))]
    return [*found, *(bits(x) for node in nodes for x in (node.grad, *node.partials, node.grad))]


def attempt(step: Callable[[], None]) -> str:
    """How a step of the backward pass ended."""
    try:
        step()
    except (ArithmeticError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        return type(error).__name__
    return ""


def by_hand(a: Value, b: Value) -> Value:
    """A node that was made by hand, with derivatives ½ and −2."""
    out = Value(a.data / 2 - 2 * b.data, (a, b), "by hand")

    def send() -> None:
        a.grad += out.grad / 2
        b.grad -= out.grad * 2

    out._backward = send
    return out


# ---------------------------------------------------------------- tests as judges


class Judge:
    """A plugin of pytest that runs the tests it collects on one mutant after the other.

    Attributes:
        mutants: what is judged.
        hear: is told of every mutant and verdict.
        isolate: runs a function in a process of its own, for which mutants never come back.
        broken: what fails on the engine as it is.
    """

    def __init__(
        self,
        mutants: Sequence[Mutant],
        hear: Callable[[Mutant, Verdict], None],
        isolate: Callable[[Mutant | None, Callable[[], Verdict]], Verdict],
    ) -> None:
        self.mutants, self.hear, self.isolate = mutants, hear, isolate
        self.broken = self.failure = ""

    def pytest_sessionstart(self) -> None:
        """The same examples each time; a failure need not be made smaller."""
        phases = [Phase.explicit, Phase.generate]
        settings.register_profile(
            "mutation", derandomize=True, database=None, phases=phases, max_examples=30
        )
        settings.load_profile("mutation")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken = report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failure = self.failure or report.nodeid.rpartition("/")[2]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge the mutants in place of the one run of all tests."""
        rows = dict.fromkeys(mutant.row for mutant in self.mutants)
        judges = {row: tests_of(row, session.items) for row in rows}
        everything = list(dict.fromkeys(item for tests in judges.values() for item in tests))
        sound = self.isolate(None, lambda: Verdict(self.run(everything)))
        self.broken = self.broken or sound.killer
        for mutant in self.mutants if not self.broken else ():
            tests = judges[mutant.row]
            verdict = self.isolate(mutant, partial(self.judge, mutant, tests))
            self.hear(mutant, verdict)
            tests.sort(key=lambda item: not item.nodeid.endswith(verdict.killer or "none"))
        return True

    def judge(self, mutant: Mutant, tests: Sequence[pytest.Item]) -> Verdict:
        """Run the tests on a mutant; if all pass, see whether it differs at all."""
        undo = mutant.install()
        if killer := self.run(tests):
            return Verdict(killer)
        altered = observe(mutant.row)
        undo()
        original = observe(mutant.row)
        if altered != original:
            return Verdict()
        where = f"{len(original)} " + ("graphs" if mutant.row == BACKWARD else "points")
        return Verdict(reason=f"the same numbers, to the bit, on {where}")

    def run(self, tests: Sequence[pytest.Item]) -> str:
        """The first test that fails."""
        for item, following in zip(tests, [*tests[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failure:
                return self.failure
        return ""


def tests_of(row: str, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests that judge a row, those first that name it; or those of the backward pass."""
    if row == BACKWARD:
        return [item for item in items if item.path.name in OF_BACKWARD]
    mine = [item for item in items if item.path.name in OF_ROWS]
    named = [item for item in mine if row in rows_of(item)]
    shared = [item for item in mine if item.path.name == "test_edges.py" and not rows_of(item)]
    return named + shared


def rows_of(item: pytest.Item) -> set[str]:
    """The rows that a parametrised test is about."""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    first = [x[0] if isinstance(x, tuple) and x else x for x in given]
    return {x.name for x in first if isinstance(x, Rule)}


# ---------------------------------------------------------------- processes


def in_fork(mutant: Mutant | None, work: Callable[[], Verdict]) -> Verdict:
    """Do the work in a child that has all imports and collected tests already."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, which numerical libraries start
        child = os.fork()
    if not child:
        labour(work, writer, LIMIT if mutant else 20 * LIMIT)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    if answer:
        result = json.loads(answer)
        if isinstance(result, str):
            raise RuntimeError(result)
        return Verdict(*result)
    number = os.waitstatus_to_exitcode(status)
    return Verdict("the time limit" if number == -signal.SIGALRM else f"a crash ({number})")


def labour(work: Callable[[], Verdict], writer: int, limit: int) -> None:
    """What the child does: it is silent, its time and memory are limited, and it never returns."""
    import resource

    try:
        signal.alarm(limit)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, resource.RLIM_INFINITY))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        answer: Any = work()
    except BaseException:  # the harness itself failed, which is nobody's death
        answer = traceback.format_exc()
    os.write(writer, json.dumps(answer).encode())
    os._exit(0)


def in_subprocess(mutant: Mutant | None, work: Callable[[], Verdict]) -> Verdict:
    """Where there is no fork: a new Python, which judges this one mutant in its own process."""
    if mutant is None:
        return Verdict()  # each child sees for itself whether the tests pass
    code = f"from tests.mutation import alone; alone({mutant.name!r})"
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(
            command, cwd=TESTS.parent, capture_output=True, text=True, timeout=2 * LIMIT
        )
    except subprocess.TimeoutExpired:
        return Verdict("the time limit")
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    return Verdict(*json.loads(done.stdout.splitlines()[-1]))


def alone(name: str) -> None:
    """Judge one mutant in this process and print the verdict as JSON."""
    chosen = [mutant for mutant in all_mutants() if mutant.name == name]
    judge(chosen, lambda mutant, verdict: print(json.dumps(verdict)), lambda mutant, work: work())


# ---------------------------------------------------------------- the command


def judge(
    mutants: Sequence[Mutant],
    hear: Callable[[Mutant, Verdict], None],
    isolate: Callable[[Mutant | None, Callable[[], Verdict]], Verdict],
) -> int:
    """Collect the tests once and judge the mutants; the exit status of pytest."""
    if importlib.util.find_spec("torch"):
        importlib.import_module("torch")  # the tests import it, and each child would do so anew
    judging = Judge(mutants, hear, isolate)
    paths = [str(TESTS / file) for file in (*OF_ROWS, *OF_BACKWARD)]
    options = ["-o", "addopts=", "-p", "no:terminal", "-p", "no:cacheprovider", "-s"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is imported here
    status = int(pytest.main([*options, "--rootdir", str(TESTS.parent), *paths], [judging]))
    if judging.broken:
        print(f"nothing to judge by: {judging.broken} fails on the engine as it is")
        return 2
    return status


class Printer:
    """The table on standard output as it grows, and how far it is on a terminal."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.count, self.done, self.start = len(mutants), 0, time.monotonic()
        self.width = max(len(mutant.name) for mutant in mutants)
        self.found = {"killed": 0, "equivalent": 0, "survived": 0}

    def __call__(self, mutant: Mutant, verdict: Verdict) -> None:
        kind = "killed" if verdict.killer else "equivalent" if verdict.reason else "survived"
        self.found[kind] += 1
        self.done += 1
        self.show("")
        print(f"{mutant.name:{self.width}}  {mutant.change:60}  {verdict}", flush=True)
        self.show(f"{self.done} of {self.count}, {self.found['survived']} survived")

    def show(self, progress: str) -> None:
        """The line at the bottom, which the next one replaces."""
        if sys.stderr.isatty():
            print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)

    def summary(self) -> str:
        counts = ", ".join(f"{count} {kind}" for kind, count in self.found.items())
        return f"{self.done} mutants: {counts} ({time.monotonic() - self.start:.0f} s)"


def select(mutants: Sequence[Mutant], wanted: Sequence[str]) -> list[Mutant]:
    """The mutants of those rows, or of those names; all if none is given."""
    unknown = set(wanted) - {x for mutant in mutants for x in (mutant.row, mutant.name)}
    if unknown:
        raise SystemExit(f"there is no row or mutant called {', '.join(sorted(unknown))}")
    return [mutant for mutant in mutants if not wanted or {*wanted} & {mutant.row, mutant.name}]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("row", nargs="*", help="a row, 'backward', or a mutant such as tanh#3")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    given = parser.parse_args(arguments)
    mutants = select(all_mutants(), given.row)
    if given.list:
        print("\n".join(f"{mutant.name:24}  {mutant.change}" for mutant in mutants))
        return 0
    printer = Printer(mutants)
    status = judge(mutants, printer, in_fork if hasattr(os, "fork") else in_subprocess)
    printer.show("")
    if printer.done:
        print(printer.summary())
    return status or int(printer.found["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
