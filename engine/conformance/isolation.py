"""Somebody else's engine in a process of its own: it may crash, hang or print, and harms nobody.

The parent sends computations (`engine.strategies.Computation`: plain data) and gets numbers back;
it never touches the engine itself. Silence beyond the time limit ends the child, and so does the
child's own alarm clock, should the parent have gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import importlib.util
import inspect
import math
import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..maths import OPERATORS, REFLECTED
from ..rules import TABLE, Rule
from ..strategies import Computation, perform

Target = str | Callable[[float], Any]
Script = tuple[int | str, ...]  # indices of roots to call backward() on, and AFRESH
AFRESH = "afresh"  # set the leaves' gradients to 0 and compute everything again
ROUNDING = 2.0**-52
MEMORY = 2 << 30  # bytes that an engine may take beyond what it starts with
STARTING = 60.0  # seconds for importing a file


class NotAnEngineError(Exception):
    """What was given cannot be checked; the message says why in one line."""


class Reading(NamedTuple):
    """What the quantities of a computation show: floats, or text where there is no number."""

    data: tuple[float | str, ...]
    grads: tuple[float | str, ...]


class Trouble(NamedTuple):
    """An engine that gave no numbers.

    Attributes:
        kind: "raises", "hangs", "crashes" or "returns" (something that is no node).
        text: the exception, the signal, or what was returned.
        where: the line of the engine's code, if there is one.
        step: index of the quantity that was being computed; −1 in the backward pass.
    """

    kind: str
    text: str
    where: str = ""
    step: int = -1


class Survey(NamedTuple):
    """What an engine offers.

    Attributes:
        ops: the table's rows that it has.
        left, right: those that take a number on the left or on the right of a node.
        rounding: the relative rounding error of its numbers.
        made_of: for each row, the other rows that it calls: ``a - b`` may be ``a + -b``.
    """

    ops: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]
    rounding: float
    made_of: dict[str, tuple[str, ...]]


# ---------------------------------------------------------------- the parent's side


class Worker:
    """A child process that runs computations; it is started anew after it had to be ended.

    Args:
        target: an engine's class (or any function that makes a node of a float), or where it is:
            ``path/to/mine.py:Value`` or ``package.module:Value``.
        time_limit: seconds that one computation may take.

    Raises:
        NotAnEngineError: if there is no engine to run.
    """

    def __init__(self, target: Target, time_limit: float = 5.0) -> None:
        self.target, self.time_limit = target, time_limit
        fork = "fork" in multiprocessing.get_all_start_methods()  # it takes notebooks' classes too
        self.context: Any = multiprocessing.get_context("fork" if fork else "spawn")
        self.start()

    def start(self) -> None:
        """Start the child and wait until it has the engine."""
        self.connection, theirs = multiprocessing.Pipe()
        self.process = self.context.Process(
            target=serve, args=(theirs, self.connection, self.target, str(Path.cwd())), daemon=True
        )
        with warnings.catch_warnings():
            for kind in (DeprecationWarning, RuntimeWarning):  # of forking beside threads
                warnings.simplefilter("ignore", kind)
            self.process.start()
        theirs.close()
        answer = self.receive(STARTING)
        if isinstance(answer, Trouble):
            self.close()
            raise NotAnEngineError(
                f"importing it took longer than {STARTING:.0f} s"
                if answer.kind == "hangs"
                else f"importing it ends Python: {answer.text}"
            )
        if isinstance(answer, str):
            self.close()
            raise NotAnEngineError(answer)

    def survey(self) -> Survey:
        """What the engine offers; an operation that crashes or hangs is there all the same."""

        def tell(task: Callable[..., Any], *args: Any, instead: Any) -> Any:
            answer = self.ask(task, *args, limit=min(1.0, self.time_limit))
            return instead if isinstance(answer, Trouble) else answer

        ops = [op for op in tell(offered, instead=[]) if tell(works, op, "nodes", instead=True)]
        binary = [op for op in ops if TABLE[op].arity == 2]
        return Survey(
            tuple(ops),
            tuple(o for o in binary if o in REFLECTED and tell(works, o, "left", instead=True)),
            tuple(o for o in binary if o != "pow" and tell(works, o, "right", instead=True)),
            tell(rounding, instead=ROUNDING),
            {op: tell(calls, op, ops, instead=()) for op in ops},
        )

    def run(
        self, computation: Computation, script: Script, time_limit: float | None = None
    ) -> Reading | Trouble:
        """What the engine makes of a computation and of backward passes on it."""
        answer: Reading | Trouble = self.ask(execute, computation, script, limit=time_limit)
        return answer

    def ask(self, task: Callable[..., Any], *args: Any, limit: float | None = None) -> Any:
        """The task's result in the child, or the `Trouble` that kept it from having one."""
        if not self.process.is_alive():
            self.close()
            self.start()
        limit = limit or self.time_limit
        try:
            self.connection.send((task, args, limit))
        except (BrokenPipeError, ConnectionResetError):
            return self.ended()
        answer = self.receive(limit)
        if isinstance(answer, Trouble) and answer.kind in ("hangs", "crashes"):
            self.close()
        return answer

    def receive(self, limit: float) -> Any:
        """The next message, or what became of the child."""
        try:
            if self.connection.poll(limit):
                return self.connection.recv()
        except (EOFError, ConnectionResetError):
            return self.ended()
        return Trouble("hangs", f"no answer for {limit:g} s")

    def ended(self) -> Trouble:
        """Why the child is no more."""
        self.process.join(5)
        code = self.process.exitcode
        if code is not None and code < 0:
            return Trouble("crashes", signal.Signals(-code).name)
        return Trouble("crashes", f"exit status {code}")

    def close(self) -> None:
        """End the child."""
        self.connection.close()
        self.process.kill()
        self.process.join()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# ---------------------------------------------------------------- the child's side


def serve(connection: Connection, parents: Connection, target: Target, folder: str) -> None:
    """Run what the parent asks for until it hangs up."""
    if multiprocessing.get_start_method(allow_none=True) != "spawn":
        parents.close()  # or the parent's end would still be open when the parent is gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    be_quiet()
    try:
        make = load(target, folder) if isinstance(target, str) else target
        check_shape(make, target)
    except NotAnEngineError as error:
        connection.send(str(error))
        return
    limit_memory()
    connection.send(None)
    while True:
        try:
            task, args, limit = connection.recv()
        except EOFError:
            return
        set_alarm(limit + 2)
        answer = task(make, *args)
        set_alarm(0)
        connection.send(answer)


def be_quiet() -> None:
    """Send what the engine prints nowhere, and let it read nothing."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    faulthandler.disable()  # it would write to a descriptor of its own
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def set_alarm(seconds: float) -> None:
    """End this process after some seconds, whatever it does then; 0: do not."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def limit_memory() -> None:
    """Where the system allows it, turn a graph that grows without end into a MemoryError."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def load(target: str, folder: str) -> Any:
    """The class or function at ``path/to/mine.py:Value`` or ``package.module:Value``."""
    place, _, name = target.rpartition(":")
    sys.path.insert(0, folder)
    try:
        module = from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except BaseException as error:  # whatever the file does: it may even call exit()
        raise NotAnEngineError(f"importing {place} fails: {describe(error)}") from None
    try:
        return getattr(module, name)
    except AttributeError:
        near = ", ".join(n for n, x in vars(module).items() if inspect.isclass(x))
        has = f"; its classes: {near}" if near else ""
        raise NotAnEngineError(f"there is no {name!r} in {place}{has}") from None


def from_file(path: Path) -> ModuleType:
    """The module in a file, with the modules beside it within reach."""
    sys.path.insert(0, str(path.resolve().parent))
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_under_test"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def check_shape(make: Any, target: Target) -> None:
    """Refuse what is not shaped like micrograd's Value."""
    name = target.rpartition(":")[2] if isinstance(target, str) else label(target)
    if not callable(make):
        raise NotAnEngineError(f"{name} is {article(make)}, not a class that makes numbers")
    try:
        node = make(1.0)
    except BaseException as error:
        raise NotAnEngineError(f"{name}(1.0) fails: {describe(error)}") from None
    missing = [f".{a}" for a in ("data", "grad") if not hasattr(node, a)]
    missing += [] if callable(getattr(node, "backward", None)) else [".backward()"]
    if missing:
        raise NotAnEngineError(f"what {name}(1.0) makes has no {' and no '.join(missing)}")
    if not offered(make):
        raise NotAnEngineError(f"{name} has no operation that gradpath knows: no +, no *, …")


def label(target: Any) -> str:
    """What an engine is called."""
    return target if isinstance(target, str) else getattr(target, "__name__", repr(target))


def article(x: Any) -> str:
    """A thing by its type: "an int"."""
    name = type(x).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


# ---------------------------------------------------------------- what an engine offers


def offered(make: Callable[[float], Any]) -> list[str]:
    """The table's rows for which an engine has an operator or a method."""
    node = make(2.0)
    found = []
    for row in TABLE:
        operator = "__pow__" if row.name == "power" else OPERATORS.get(row.name)
        if operator:
            there = hasattr(type(node), operator)
        else:
            there = not row.variadic and fits(getattr(node, row.name, None), row)
        if there:
            found.append(row.name)
    return found


def fits(method: Any, row: Rule) -> bool:
    """Whether a method takes the row's further arguments and parameters."""
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(*range(row.arity - 1), *row.samples[0])
    except TypeError:
        return False
    except ValueError:  # a function without a signature
        return True
    return True


def works(make: Callable[[float], Any], op: str, numbers: str) -> bool:
    """Whether an operation takes plain numbers on the "left" or "right", or only "nodes".

    Operators and methods that are there take nodes; only of ``**`` one cannot know by looking.
    """
    if numbers == "nodes" and op not in ("power", "pow"):
        return True
    operands = [make(2.0), make(1.5)][: TABLE[op].arity]
    if numbers != "nodes":
        operands[numbers == "right"] = 1.5
    try:
        return hasattr(perform(op, operands, TABLE[op].samples[0]), "data")
    except (TypeError, AttributeError, AssertionError, NotImplementedError):
        return False
    except Exception:  # it takes them, and something is wrong: the battery will find it
        return True


def calls(make: Callable[[float], Any], op: str, ops: Sequence[str]) -> tuple[str, ...]:
    """The other operations that an operation calls."""
    row, kind = TABLE[op], type(make(2.0))
    homes: dict[Any, str] = {}
    for other in ops:
        for name in (OPERATORS.get(other, other), REFLECTED.get(other, other)):
            homes.setdefault(getattr(getattr(kind, name, None), "__code__", None), other)
    if op == "power":  # shares its method with pow
        homes = {code: "power" if other == "pow" else other for code, other in homes.items()}
    found: dict[str, None] = {}

    def notice(frame: Any, event: str, _: Any) -> None:
        if event == "call" and homes.get(frame.f_code, op) != op:
            found[homes[frame.f_code]] = None

    operands = [make(0.5 + 0.25 * k) for k in range(row.arity)]
    sys.setprofile(notice)
    try:
        with contextlib.suppress(Exception):
            perform(op, operands, row.samples[0])
    finally:
        sys.setprofile(None)
    return tuple(found)


def rounding(make: Callable[[float], Any]) -> float:
    """The relative rounding error of an engine's numbers: 2⁻⁵², or 2⁻²³ for float32."""
    try:
        error = abs(float(make(1 / 3).data) * 3 - 1)
    except (TypeError, ValueError):
        return ROUNDING
    return 4 * error if ROUNDING < error < 1e-5 else ROUNDING  # more is no rounding


# ---------------------------------------------------------------- one computation


def execute(
    make: Callable[[float], Any], computation: Computation, script: Script
) -> Reading | Trouble:
    """What the quantities show after they were computed and the script was run."""
    nodes: list[Any] = []
    try:
        for x in computation.inputs:
            nodes.append(make(x))
        for node in play(nodes, computation, script):
            if not hasattr(node, "data") or not hasattr(node, "grad"):
                return Trouble("returns", shown(node), step=len(nodes) - 1)
        data = tuple(number(node.data) for node in nodes)
        return Reading(data, tuple(number(node.grad) for node in nodes) if script else ())
    except Exception as error:
        complete = len(nodes) == len(computation.inputs) + len(computation.steps)
        return Trouble("raises", headline(error), line(error), -1 if complete else len(nodes))


def play(nodes: list[Any], computation: Computation, script: Script) -> Iterator[Any]:
    """Compute on leaves and run backward passes; yields every node that is added."""
    yield from forward(nodes, computation)
    for action in script:
        if isinstance(action, int):
            nodes[action].backward()
            continue
        del nodes[len(computation.inputs) :]
        for leaf in nodes:
            leaf.grad = 0.0
        yield from forward(nodes, computation)


def forward(nodes: list[Any], computation: Computation) -> Iterator[Any]:
    """Add the computed quantities to the leaves, one by one."""
    for op, args, params in computation.steps:
        operands = [nodes[x] if isinstance(x, int) else x for x in args]
        nodes.append(perform(op, operands, params))
        yield nodes[-1]


def number(x: Any) -> float | str:
    """A float, or the text of what is none."""
    if isinstance(x, (str, bytes)) or hasattr(x, "backward") and hasattr(x, "grad"):
        return shown(x)
    try:
        return float(x)
    except (TypeError, ValueError, OverflowError):
        return shown(x)


def shown(x: Any) -> str:
    """A thing in few words."""
    try:
        text = " ".join(repr(x).split())
    except Exception:
        text = article(x)
    return text if len(text) <= 40 else f"{text[:39]}…"


def headline(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text if len(text) <= 200 else f"{text[:199]}…"


def line(error: BaseException) -> str:
    """The line of the engine's own code that an exception came from."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{Path(error.filename or '?').name}, line {error.lineno}"
    ours = {str(Path(__file__).parent), str(Path(importlib.__file__).parent)}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if str(Path(frame.filename).parent) not in ours and not frame.filename.startswith("<froz"):
            return f"{Path(frame.filename).name}, line {frame.lineno}"
    return ""


def describe(error: BaseException) -> str:
    """An exception in one line, with the line of code that it came from."""
    where = line(error)
    return f"{headline(error)} ({where})" if where else headline(error)


def close_to(a: float | str, b: float | str, tolerance: float) -> bool:
    """Whether two readings are the same but for rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or abs(a - b) <= tolerance or (math.isnan(a) and math.isnan(b))


def all_close(a: Sequence[float | str], b: Sequence[float | str], scale: float) -> bool:
    """Whether two lists of readings are the same but for rounding."""
    return len(a) == len(b) and all(
        close_to(x, y, scale * (1 + (abs(y) if isinstance(y, float) else 0)))
        for x, y in zip(a, b, strict=True)
    )
