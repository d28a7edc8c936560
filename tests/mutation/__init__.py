"""Mutation testing: alter the table of derivatives and the engine's code; do the tests notice?

``python -m tests.mutation [PLACE …] [--list] [--diff]`` alters every row of `engine.rules` in every
way that `changes` knows, and the code that passes derivatives on in every way that `altered_code`
knows, one mutant at a time, and runs the tests that judge the place until one fails. A place is a
row, a file of the engine such as ``backward`` or ``tensor/backward``, a folder such as ``program``,
``generated``, which is the code that the engine writes, or a single mutant by its name, such as
``tanh#3``. Without any, it is the rows, the code that is written, and `ALWAYS`.

A mutant that no test kills is either equivalent (it gives the same numbers as the original, to the
bit, wherever it is tried, or `EXPLAINED` says why) or shows that a test is missing; then the exit
status is 1, and what was run is shown.

Source: R. DeMillo, R. Lipton and F. Sayward, *Hints on test data selection: help for the practicing
programmer*, Computer 11, 1978.
"""

from __future__ import annotations

import argparse
import ast
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
from fnmatch import fnmatch
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from random import Random
from types import CodeType
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings

import engine
import nn
from engine import TABLE, Rule, Value, rules
from engine.backward import LONGEST
from engine.dual import Dual
from engine.numbers import apply
from engine.reals import REALS, on_floats
from engine.rule import ARRAY_TABLE, ArrayRule

from .explained import EXPLAINED
from .places import GENERATED, JUDGES_OF_GENERATED, alterations, files
from .trees import COMPARISONS, difference, parse, substitutes, text

TESTS = Path(__file__).parents[1]
OF_ROWS = ("test_edges.py", "test_rules.py")  # what judges a row; the quickest to kill comes first
OF_ARRAYS = (
    "test_functions.py", "test_tensor.py", "test_array_program.py", "test_nn_vectorized.py",
    "test_program_inputs.py", "test_nn_training_tools.py",
)  # fmt: skip
BACKWARD = "backward"  # the file with the backward pass
ALWAYS = (BACKWARD, "neuron", "gradient", "paths", "graph", "tensor/backward")
LIMIT = 60  # seconds that the tests of one mutant may take
MEMORY = 4 << 30  # bytes for a mutant that fills a list for ever
FACTOR = 1.0001  # of a derivative that is nearly right
INF, NAN = math.inf, math.nan


class Mutant(NamedTuple):
    """One alteration.

    Attributes:
        place: the row of the table that it alters, or the file of the engine.
        name: what the command calls it: the place and a number.
        change: what is altered, and how.
        install: puts it in place, and returns the function that takes it out again.
        diff: the lines that are run instead of others.
        key: the change whatever the line, as `EXPLAINED` knows it.
        code: the code of the function that is altered, as it is now.
    """

    place: str
    name: str
    change: str
    install: Callable[[], Callable[[], None]]
    diff: str
    key: str = ""
    code: Callable[[], CodeType | None] = lambda: None


class Verdict(NamedTuple):
    """What became of a mutant: the test that failed, or else why none can."""

    killer: str = ""
    reason: str = ""

    def __str__(self) -> str:
        if self.killer:
            return f"killed by {self.killer}"
        return f"equivalent: {self.reason}" if self.reason else "SURVIVED"


# ---------------------------------------------------------------- altered expressions

TERMS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}


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


def changes(function: ast.Lambda, several: bool) -> Iterator[tuple[str, ast.Lambda]]:
    """Every alteration of one function of a row; ``several``: it returns a list of partials."""
    texts = {"sign": "-body", f"× {FACTOR}": f"body * {FACTOR}"}
    if several:
        texts = {x: f"[{part.replace('body', 'd')} for d in body]" for x, part in texts.items()}
        texts["partials reversed"] = "body[::-1]"
    for change, part in texts.items():
        yield change, ast.Lambda(function.args, parse(part, body=function.body))
    for _, change, body in substitutes(function.body, alternatives):
        yield change, ast.Lambda(function.args, body)


# ---------------------------------------------------------------- mutants of the table


def written_rows() -> dict[str, list[ast.Lambda]]:
    """The functions of each row as the table writes them: the value, then the partials."""
    found: dict[str, list[ast.Lambda]] = {}
    for statement in ast.parse(inspect.getsource(rules)).body:
        if isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
            name, *functions = call.args
            if ast.unparse(call.func) in ("rule", "array_rule"):
                found[ast.literal_eval(name)] = [f for f in functions if isinstance(f, ast.Lambda)]
    return found


def row_of(name: str) -> Rule | ArrayRule:
    """The row of that name, of numbers or of arrays."""
    return TABLE[name] if name in TABLE else ARRAY_TABLE[name]


def mutants_of_row(row: Rule | ArrayRule, functions: Sequence[ast.Lambda]) -> Iterator[Mutant]:
    """Every alteration of a row's value and partials, or pullbacks."""
    several = isinstance(row, Rule) and row.variadic
    names = [str(i) for i in range(row.arity)] if isinstance(row, ArrayRule) else row.names
    places = ["value", *(["partials"] if row.variadic else [f"∂/∂{x}" for x in names])]
    count = 0

    def mutant(change: str, altered: dict[int, ast.Lambda]) -> Mutant:
        nonlocal count
        count += 1
        texts = {i: text(x) for i, x in altered.items()}
        diffs = [difference(text(functions[i]), x) for i, x in texts.items()]
        made = {i: compiled(x) for i, x in texts.items()}
        return Mutant(
            row.name, f"{row.name}#{count}", change, lambda: alter(row, made), "\n".join(diffs)
        )

    for i, (place, function) in enumerate(zip(places, functions, strict=False)):
        if ast.unparse(function.body) == "None":
            continue  # nothing passes through this argument
        for change, altered in changes(function, several=several and i > 0):
            yield mutant(f"{place}: {change}", {i: altered})
    for i, j in pairwise(range(1, len(functions))):
        yield mutant(f"{places[i]} ↔ {places[j]}", {i: functions[j], j: functions[i]})


def compiled(function: str) -> Any:
    """The function in the namespace of the rules."""
    return eval(compile(function, "<mutant>", "eval"), vars(rules))


def alter(row: Rule | ArrayRule, altered: dict[int, Any]) -> Callable[[], None]:
    """Give a row other functions, 0 its value, i its i-th partial; returns what undoes it."""
    slot = "pullbacks" if isinstance(row, ArrayRule) else "partials"
    before = [row.value, *getattr(row, slot)]

    def install(functions: Sequence[Any]) -> None:
        row.value = functions[0]
        setattr(row, slot, tuple(functions[1:]))
        for other in TABLE:  # generated code has other rows' formulas written out
            for listener in TABLE.listeners:
                listener(other, True)

    install([altered.get(i, function) for i, function in enumerate(before)])
    return lambda: install(before)


# ---------------------------------------------------------------- mutants of code


def mutants_of_code(place: str) -> Iterator[Mutant]:
    """Every alteration of the functions of a file, or of those that the engine writes."""
    for i, x in enumerate(alterations(place), 1):
        name = f"{place}#{i}"
        yield Mutant(place, name, x.change, x.install, x.diff, x.key, partial(code_of, x.function))


def code_of(function: Any) -> CodeType:
    code: CodeType = function.__code__
    return code


def all_mutants(wanted: Sequence[str] = ()) -> list[Mutant]:
    """The mutants of those places, or those with such names; of what is altered always if none is
    given.

    Raises:
        LookupError: if there is none of such a name.
    """
    rows = written_rows()
    places = [*rows, GENERATED, *files()]
    chosen = [x for x in places if any(is_of(x, name) for name in wanted)]
    if not wanted:
        chosen = [*rows, GENERATED, *ALWAYS]
    found = [
        mutant
        for x in chosen
        for mutant in (mutants_of_row(row_of(x), rows[x]) if x in rows else mutants_of_code(x))
    ]
    names = {name for x in found for name in (x.name, x.place, x.place.partition("/")[0])}
    if unknown := set(wanted) - names:
        raise LookupError(f"there is no place or mutant called {', '.join(sorted(unknown))}")
    places_wanted = {name for name in wanted if "#" not in name}
    whole = [x for x in chosen if any(is_of(x, name) for name in places_wanted)]
    return [x for x in found if not wanted or x.place in whole or x.name in wanted]


def is_of(place: str, wanted: str) -> bool:
    """Whether the place, or what it is in, is wanted."""
    name = wanted.partition("#")[0]
    return place == name or place.startswith(f"{name}/")


# ---------------------------------------------------------------- equivalence


def bits(x: Any) -> tuple[bytes, bool]:
    """What tells two numbers apart: all nans count as one, and NOTHING is no 0."""
    return struct.pack("<d", NAN if x != x else x), x is rules.NOTHING


def observe(name: str) -> list[Any]:
    """Everything that a row, or the backward pass, gives where it is tried."""
    if name == BACKWARD:
        return [gradients(Random(seed)) for seed in range(300)]
    return [measured(TABLE[name], args, params) for args, params in points(TABLE[name])]


def watched(mutant: Mutant, work: Callable[[], list[Any]]) -> tuple[bool, list[Any]]:
    """Whether the function that is altered runs in the course of the work, and what that gives."""
    if mutant.place in TABLE:
        return True, work()
    codes: set[CodeType] = set()
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: codes.add(frame.f_code))
    try:
        found = work()
    finally:
        sys.setprofile(before)
    return mutant.code() in codes, found


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
    neuron = nn.Neuron(2, rng=0)
    for _ in range(random.randrange(1, 12)):
        a, b, c, d = random.choices(nodes[-4:], k=4)  # so that most reach the last one
        made = (
            a + b, a * b, a.tanh(), a.max(b), engine.dot([a, b], [c, d]), engine.sum([a, b, c]),
            engine.mean([a] * LONGEST + [b]), by_hand(a, b), by_hand(a, a), neuron([a, b]),
        )  # fmt: skip
        nodes.append(random.choice(made))
    nodes += neuron.parameters()
    computed = [*nodes[3:-3], nodes[0]]
    root, other = computed[-2], random.choice(computed)
    node, bare = random.choice(nodes), Value(1.0, nodes[:1], "bare")
    found: list[Any] = [attempt(root.backward)]
    found += [bits(node.grad) for node in nodes]
    found += [attempt(partial(other.backward, -0.7))]
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
        places = dict.fromkeys(mutant.place for mutant in self.mutants)
        judges = {place: tests_of(place, session.items) for place in places}
        everything = list(dict.fromkeys(item for tests in judges.values() for item in tests))
        sound = self.isolate(None, lambda: Verdict(self.run(everything)))
        self.broken = self.broken or sound.killer
        for mutant in self.mutants if not self.broken else ():
            tests = judges[mutant.place]
            verdict = self.isolate(mutant, partial(self.judge, mutant, tests))
            self.hear(mutant, verdict)
            tests.sort(key=lambda item: not item.nodeid.endswith(verdict.killer or "none"))
        return True

    def judge(self, mutant: Mutant, tests: Sequence[pytest.Item]) -> Verdict:
        """Run the tests on a mutant; if all pass, see whether it differs at all."""
        undo = mutant.install()
        if killer := self.run(tests):
            return Verdict(killer)
        if reason := EXPLAINED.get((mutant.place, mutant.key or mutant.change)):
            return Verdict(reason=reason)
        if mutant.place not in TABLE and mutant.place != BACKWARD:
            return Verdict()
        ran, altered = watched(mutant, lambda: observe(mutant.place))
        undo()
        original = observe(mutant.place)
        if not ran or altered != original:
            return Verdict()
        where = f"{len(original)} " + ("graphs" if mutant.place == BACKWARD else "points")
        return Verdict(reason=f"the same numbers, to the bit, on {where}")

    def run(self, tests: Sequence[pytest.Item]) -> str:
        """The first test that fails."""
        for item, following in zip(tests, [*tests[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failure:
                return self.failure
        return ""


def tests_of(place: str, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests that judge a place; of a row of the table those first that name it."""
    mine = [x for x in items if any(fnmatch(x.path.name, file) for file in judges_of(place))]
    if place not in TABLE:
        return mine
    named = [item for item in mine if place in rows_of(item)]
    shared = [item for item in mine if item.path.name == "test_edges.py" and not rows_of(item)]
    return named + shared


def judges_of(place: str) -> tuple[str, ...]:
    """The files of tests that judge a place, as patterns; the quickest to kill comes first."""
    if place in TABLE:
        return OF_ROWS
    if place in ARRAY_TABLE:
        return OF_ARRAYS
    return JUDGES_OF_GENERATED if place == GENERATED else files()[place]


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
    chosen = all_mutants([name])
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
    patterns = dict.fromkeys(file for x in mutants for file in judges_of(x.place))
    paths = dict.fromkeys(str(path) for file in patterns for path in sorted(TESTS.glob(file)))
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
        if kind == "survived":
            print(textwrap.indent(mutant.diff, "    "), flush=True)
        self.show(f"{self.done} of {self.count}, {self.found['survived']} survived")

    def show(self, progress: str) -> None:
        """The line at the bottom, which the next one replaces."""
        if sys.stderr.isatty():
            print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)

    def summary(self) -> str:
        counts = ", ".join(f"{count} {kind}" for kind, count in self.found.items())
        return f"{self.done} mutants: {counts} ({time.monotonic() - self.start:.0f} s)"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("place", nargs="*", help="a row, file, folder, or mutant such as tanh#3")
    parser.add_argument("--list", action="store_true", help="print the mutants, run nothing")
    parser.add_argument("--diff", action="store_true", help="print what each would run instead")
    given = parser.parse_args(arguments)
    try:
        mutants = all_mutants(given.place)
    except LookupError as error:
        raise SystemExit(error.args[0]) from None
    if given.list or given.diff:
        for mutant in mutants:
            print(f"{mutant.name:24}  {mutant.change}")
            if given.diff:
                print(textwrap.indent(mutant.diff, "    "))
        return 0
    printer = Printer(mutants)
    status = judge(mutants, printer, in_fork if hasattr(os, "fork") else in_subprocess)
    printer.show("")
    if printer.done:
        print(printer.summary())
    return status or int(printer.found["survived"] > 0)
