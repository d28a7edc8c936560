"""The functions of the engine's files, and the functions that it writes itself, altered in place.

A function's code is exchanged in the function object, so that all who imported it run the other.
What is exchanged is compiled from text, and of the same text comes the difference that is shown.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import engine
from engine import TABLE, backward, neuron, operators, rowcode

from .trees import COMPARISONS, difference, parse, substitutes, text

ENGINE = Path(engine.__file__).parent
GENERATED = "generated"  # what is altered: code that the engine writes


class Place(NamedTuple):
    """Files of the engine, by a pattern, and the files of tests that judge them."""

    files: str
    tests: tuple[str, ...]


OF_TENSORS = ("test_tensor.py", "test_branches.py", "test_nn_vectorized.py", "test_modes.py")
PLACES = (
    Place("backward.py", ("test_sharing.py", "test_value.py", "test_modes.py", "test_neuron.py")),
    Place("neuron.py", ("test_sharing.py", "test_neuron.py", "test_nn_scalar.py")),
    Place("gradient.py", ("test_sharing.py", "test_gradient.py", *OF_TENSORS, "test_edges.py")),
    Place("paths.py", ("test_graph.py", "test_viz_paths.py")),
    Place("graph.py", ("test_sharing.py", "test_graph.py", "test_value.py")),
    Place("numbers.py", ("test_functions.py", "test_rules.py", "test_value.py")),
    Place("operators.py", ("test_functions.py", "test_value.py")),
    Place("rule.py", ("test_rules.py", "test_functions.py")),
    Place("rowcode.py", ("test_rules.py", "test_value.py")),
    Place("node.py", ("test_value.py", "test_graph.py")),
    Place("value.py", ("test_value.py", "test_modes.py")),
    Place("dual.py", ("test_gradient.py", "test_rules.py")),
    Place("tensor/*.py", OF_TENSORS),
    Place("program/*.py", ("test_program*.py", "test_array_program.py", "test_branches.py")),
    Place("check/*.py", ("test_check.py", "test_strategies.py")),
)
JUDGES_OF_GENERATED = (
    "test_sharing.py",
    "test_neuron.py",
    "test_value.py",
    "test_modes.py",
    "test_rules.py",
)


def files() -> dict[str, tuple[str, ...]]:
    """The files that are altered, by what the command calls them, with the tests that judge them.

    Raises:
        FileNotFoundError: if there is no file any more that fits a pattern.
    """
    found: dict[str, tuple[str, ...]] = {}
    for place in PLACES:
        here = sorted(ENGINE.glob(place.files))
        if not here:
            raise FileNotFoundError(f"there is no engine/{place.files} to be altered")
        for path in here:
            found[str(path.relative_to(ENGINE).with_suffix("").as_posix())] = place.tests
    return found


def altered_code(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of one part of a function."""
    if isinstance(node, ast.AugAssign):
        yield ast.Assign([node.target], node.value, lineno=0)
        if isinstance(node.op, ast.Add):
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
    if isinstance(node, ast.Attribute) and node.attr in EXCHANGED:
        yield ast.Attribute(node.value, EXCHANGED[node.attr], node.ctx)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        yield ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.BoolOp):
        for k in range(len(node.values)):
            rest = [x for i, x in enumerate(node.values) if i != k]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


EXCHANGED = {"_da": "_db", "_db": "_da"}  # slots of a node


class Altered(NamedTuple):
    """One alteration of one function.

    Attributes:
        place: the file's name, or `GENERATED`.
        key: what is altered in which function, whatever line it is in.
        change: the same with the line.
        before, after: the function's code, and what is run instead.
        function: the function.
    """

    place: str
    key: str
    change: str
    before: str
    after: str
    function: FunctionType

    @property
    def diff(self) -> str:
        return difference(self.before, self.after)

    def install(self) -> Callable[[], None]:
        """Have the function run the other code; returns what undoes it."""
        function: Any = self.function
        before = function.__code__
        function.__code__ = code_like(self.after, before)

        def undo() -> None:
            function.__code__ = before

        return undo


def alterations(place: str) -> Iterator[Altered]:
    """Every alteration of the functions of a file, or of those that the engine writes."""
    for name, function, tree in written() if place == GENERATED else functions_of(place):
        before = text(tree)
        for part, change, altered in substitutes(tree, altered_code):
            after, line = text(altered), getattr(part, "lineno", 0)
            if fits(after, function.__code__):
                key = f"{name}: {change}"
                yield Altered(place, key, f"{name}:{line}: {change}", before, after, function)


def code_like(source: str, model: CodeType) -> CodeType:
    """The code of a function, with the free variables that it had before."""
    free = "".join(f"    {x} = None\n" for x in model.co_freevars)
    head = f"def outer():\n    global {model.co_name}\n{free}"  # it finds its own name as before
    module = compile(head + textwrap.indent(source, "    ") + "\n", "<mutant>", "exec")
    (outer,) = (x for x in module.co_consts if isinstance(x, CodeType))
    made = [x for x in outer.co_consts if isinstance(x, CodeType) and x.co_name == model.co_name]
    if not made or made[0].co_freevars != model.co_freevars:
        raise ValueError("other free variables")
    return made[0].replace(
        co_filename=model.co_filename, co_firstlineno=model.co_firstlineno,
        co_qualname=model.co_qualname,
    )  # fmt: skip


def fits(source: str, model: CodeType) -> bool:
    """Whether the code can stand in a function's place."""
    try:
        code_like(source, model)
    except (SyntaxError, ValueError):
        return False
    return True


# ---------------------------------------------------------------- functions of a file


def functions_of(place: str) -> Iterator[tuple[str, FunctionType, ast.FunctionDef]]:
    """The functions and methods of a file, each with its name and its code."""
    module = importlib.import_module(f"engine.{place.replace('/', '.')}".removesuffix(".__init__"))
    objects = {f.__code__.co_firstlineno: f for f in objects_of(module)}
    tree = ast.parse((ENGINE / f"{place}.py").read_text(encoding="utf-8"))
    for name, node in definitions(tree, ""):
        first = min([node.lineno, *(x.lineno for x in node.decorator_list)])
        if first in objects:
            node.decorator_list = []
            yield name, objects[first], node


def definitions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions and methods that are written in a file; what is inside them belongs to them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from definitions(node, f"{prefix}{node.name}.")


def objects_of(module: ModuleType) -> Iterator[FunctionType]:
    """The function objects of a module and its classes, without what decorators have put on."""
    seen = [*vars(module).values()]
    while seen:
        x = seen.pop()
        if isinstance(x, type) and x.__module__ == module.__name__:
            seen += vars(x).values()
        elif isinstance(x, property):
            seen += [x.fget, x.fset, x.fdel]
        elif isinstance(x, (staticmethod, classmethod)):
            seen.append(x.__func__)
        elif callable(x) and not isinstance(x, type):
            function = inspect.unwrap(x)
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield function


# ---------------------------------------------------------------- functions that the engine writes

FIXED = ("mul", "neg", "exp", "div", "max", "elu")  # each is laid out in a way of its own
SEVERAL = (("dot", 2), ("sum", 3), ("logsumexp", 0))  # and for so many terms; 0: any number


def written() -> Iterator[tuple[str, FunctionType, ast.FunctionDef]]:
    """Functions of every kind that the engine writes, each with its name and its code."""
    for row in FIXED:
        yield from named(f"make {row}", operators.MAKERS[row], rowcode.source(row))
    for row, n in SEVERAL:
        lengths = operators.MAKERS[row].__globals__["makers_"]
        make = lengths[n] if n else lengths.loop
        yield from named(f"make {row} of {n or 'any number'}", make, rowcode.source(row, n))
    activation = operators.FUNCTIONS["tanh"]
    yield from named("neuron", operators.NEURONS[activation][2], neuron.activated(TABLE["tanh"], 2))
    yield from named("sum of products", operators.APART[2], neuron.apart(2))
    yield from named("send", backward.SENDERS[3], sent(3))


def named(
    name: str, function: Any, source: str
) -> Iterator[tuple[str, FunctionType, ast.FunctionDef]]:
    """The function of such a text, and the others in it, which it finds among its globals."""
    definitions = [x for x in ast.parse(source).body if isinstance(x, ast.FunctionDef)]
    for k, node in zip(count(), definitions, strict=False):
        found = function.__globals__[node.name] if k else function
        yield f"{name}, {node.name}" if k else name, found, node


def sent(n: int) -> str:
    """What `engine.backward` writes for nodes of n arguments."""
    texts: list[str] = []

    def spy(source: str, names: dict[str, Any]) -> None:
        texts.append(source)
        exec(source, names)

    backward.exec = spy  # type: ignore[attr-defined]
    try:
        backward.SENDERS.write(n)
    finally:
        del backward.exec  # type: ignore[attr-defined]
    return texts[0]
