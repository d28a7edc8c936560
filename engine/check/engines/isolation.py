"""Somebody else's engine in a process of its own: it may crash, hang or print, and harms nobody.

The parent sends computations and gets numbers back, both as JSON; it never touches the engine
itself. Silence beyond the time limit ends the child, and so does the child's own alarm clock,
should the parent have gone.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import math
import multiprocessing
import os
import random
import signal
import socket
import struct
import sys
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

from ...rule import TABLE
from ..computation import Computation, Step, Whole
from .loading import NotAnEngineError, Origin, load
from .subject import NUMBERS, ROUNDING, Form, Names, Reading, Script, Subject, Survey, Trouble

Target = str | Callable[[float], Any]
MEMORY = 2 << 30  # bytes that an engine may take beyond what it starts with
NAMES = Names()
PATIENCE = 20  # times as long as a computation may take, it may wait for a busy processor
ANSWERING = 10  # seconds for a message that has begun
LONGEST_ANSWER = 64 << 20  # bytes
STARTING = 60.0  # seconds for importing a file


# ---------------------------------------------------------------- the parent's side


class Worker:
    """A child process that runs computations; it is started anew after it had to be ended.

    Args:
        target: an engine's class (or any function that makes a node of a float), or where it is:
            ``path/to/mine.py:Value``, ``mine.ipynb:Value`` or ``package.module:Value``.
        time_limit: seconds that one computation may take.
        names: what the engine's attributes are called.
        forms: how it spells its operations, if that is known: then it is not looked at again.
        nested: whether its gradients are nodes themselves.

    Raises:
        NotAnEngineError: if there is no engine to run.
    """

    def __init__(
        self,
        target: Target,
        time_limit: float = 5.0,
        names: Names = NAMES,
        forms: dict[str, Form] | None = None,
        nested: bool = False,
    ) -> None:
        self.target, self.time_limit, self.names = target, time_limit, names
        self.forms, self.nested = forms, nested
        self.origin: Origin | None = None
        fork = "fork" in multiprocessing.get_all_start_methods()  # it takes notebooks' classes too
        self.context: Any = multiprocessing.get_context("fork" if fork else "spawn")
        self.start()

    def fresh(self) -> Worker:
        """Another child, in which nothing has been computed."""
        return Worker(self.target, self.time_limit, self.names, self.forms, self.nested)

    def start(self) -> None:
        """Start the child and wait until it has the engine."""
        self.connection, theirs = multiprocessing.Pipe()
        give_up_after(self.connection, ANSWERING)
        known = (self.names, self.forms, self.nested)
        arguments = (theirs, self.connection, self.target, str(Path.cwd()), known)
        self.process = self.context.Process(target=serve, args=arguments, daemon=True)
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
        if "error" in answer:
            self.close()
            raise NotAnEngineError(answer["error"])
        if answer["origin"]:
            self.origin = Origin(*answer["origin"])

    def survey(self) -> Survey:
        """What the engine offers; an operation that crashes or hangs is there all the same.

        Raises:
            NotAnEngineError: if a pass needs more than a root.
        """

        def tell(task: str, *args: Any, instead: Any) -> Any:
            answer = self.ask(task, *args, limit=min(1.0, self.time_limit))
            return instead if isinstance(answer, Trouble) else answer

        offered = tell("offered", instead={})
        self.forms = {op: Form(*form) for op, form in offered.items()}
        name = self.origin.name if self.origin else label(self.target)
        needs, self.nested = tell("first_pass", name, instead=["", False])
        if needs:
            raise NotAnEngineError(needs)
        notes = tell("varieties", instead=[[], offered])
        self.forms = {op: Form(*form) for op, form in notes[1].items()}
        ops = [op for op in self.forms if tell("works", op, "nodes", instead=True)]
        samples = {op: lists(tell("accepted", op, instead=TABLE[op].samples)) for op in ops}
        ops = [op for op in ops if samples[op]]
        self.forms = {op: self.forms[op] for op in ops}
        binary = [op for op in ops if TABLE[op].arity == 2]
        numbers = {
            kind: tuple(
                op for op in binary
                if (self.forms[op].kind == "operator" or kind.startswith("right"))
                and not (op == "pow" and kind.startswith("right"))
                and tell("works", op, kind, instead=True)
            )
            for kind in NUMBERS
        }  # fmt: skip
        return Survey(
            self.forms,
            samples,
            numbers,
            tell("rounding", instead=ROUNDING),
            {op: tuple(tell("calls", op, ops, instead=())) for op in ops},
            tuple(op for op in tell("augmented", instead=()) if op in ops),
            tuple(tell("unchecked", instead=())),
            tuple(notes[0]),
            tell("has_free_backward", instead=False),
        )

    def run(
        self, computation: Computation, script: Script, time_limit: float | None = None
    ) -> Reading | Trouble:
        """What the engine makes of a computation and of backward passes on it."""
        return self.read(packed(computation, script), time_limit)

    def read(self, packed: str, time_limit: float | None = None) -> Reading | Trouble:
        """`run`, of what is already packed."""
        answer = self.ask("execute", packed, limit=time_limit)
        if isinstance(answer, Trouble):
            return answer
        kind, fields = answer
        return Reading(*map(tuple, fields)) if kind == "reading" else Trouble(*fields)

    def facts(self, op: str, params: Sequence[Any]) -> list[str]:
        """The methods that a node loses by an operation."""
        answer = self.ask("facts", op, params)
        return [] if isinstance(answer, Trouble) else answer

    def ask(self, task: str, *args: Any, limit: float | None = None) -> Any:
        """The task's result in the child, or the `Trouble` that kept it from having one."""
        if not self.process.is_alive():
            self.close()
            self.start()
        limit = limit or self.time_limit
        try:
            self.connection.send_bytes(json.dumps([task, args, limit]).encode())
        except OSError:
            return self.ended()
        answer = self.receive(limit)
        if isinstance(answer, Trouble) and answer.kind in ("hangs", "crashes"):
            self.close()
        return answer

    def receive(self, limit: float) -> Any:
        """The next message, or what became of the child.

        On a busy machine a child that wants to run may wait for long: its time is that of the
        processor, as far as it does not sleep.
        """
        _, before = activity(self.process.pid)
        waited = 0.0
        try:
            while waited < PATIENCE * limit:
                wait = limit if not waited else min(limit, 0.1)
                if self.connection.poll(wait):
                    return json.loads(self.connection.recv_bytes(LONGEST_ANSWER))
                waited += wait
                runs, used = activity(self.process.pid)
                if not runs or used - before >= 0.9 * limit:
                    break
        except (EOFError, ConnectionResetError):
            return self.ended()
        except (ValueError, OSError):
            return Trouble("crashes", "it writes where it should not")
        return Trouble("hangs", f"no answer for {limit:g} s")

    def ended(self) -> Trouble:
        """Why the child is no more."""
        self.process.join(1)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            return Trouble("crashes", "it writes where it should not")
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


def give_up_after(connection: Connection, seconds: int) -> None:
    """Let no message take longer: who writes into what is not his may leave half of one."""
    with contextlib.suppress(OSError, AttributeError):  # it is no socket on Windows
        end = socket.socket(fileno=os.dup(connection.fileno()))
        for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            end.setsockopt(socket.SOL_SOCKET, way, struct.pack("ll", seconds, 0))
        end.close()


def activity(pid: int) -> tuple[bool, float]:
    """Whether a process runs or wants to, and for how many seconds it has run so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return fields[0] == "R", (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return False, 0.0


# ---------------------------------------------------------------- the child's side


def serve(
    connection: Connection,
    parents: Connection,
    target: Target,
    folder: str,
    known: tuple[Names, dict[str, Form] | None, bool],
) -> None:
    """Run what the parent asks for until it hangs up."""
    if multiprocessing.get_start_method(allow_none=True) != "spawn":
        parents.close()  # or the parent's end would still be open when the parent is gone
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    be_quiet()
    try:
        subject, origin = found(target, folder, *known)
    except NotAnEngineError as error:
        tell(connection, {"error": str(error)})
        return
    limit_memory()
    tell(connection, {"origin": origin})
    while True:
        try:
            task, args, limit = json.loads(connection.recv_bytes())
        except EOFError:
            return
        set_alarm(PATIENCE * limit + 2)
        answer = TASKS[task](subject, *args)
        set_alarm(0)
        tell(connection, answer)


def tell(connection: Connection, answer: Any) -> None:
    """Send an answer."""
    connection.send_bytes(json.dumps(answer).encode())


def found(
    target: Target, folder: str, names: Names, forms: dict[str, Form] | None, nested: bool
) -> tuple[Subject, Origin | None]:
    """The engine, and where it was found.

    Raises:
        NotAnEngineError: if it is none.
    """
    module: ModuleType | None
    if isinstance(target, str):
        make, module, origin = load(target, folder)
    else:
        make, origin = target, None
        module = sys.modules.get(getattr(target, "__module__", None) or "")
    subject = Subject(make, names, module)
    subject.nested = nested
    if forms is None:
        subject.check_shape(origin.name if origin else label(target))
    else:
        subject.forms = forms
    return subject, origin


def execute(subject: Subject, packed: str) -> tuple[str, Reading | Trouble]:
    """Run a computation and a script."""
    result = subject.execute(*unpacked(packed))
    return ("reading" if isinstance(result, Reading) else "trouble"), result


def offered(subject: Subject) -> dict[str, Form]:
    """The rows that an engine has, and how it spells them."""
    subject.offered()
    return subject.forms


def varieties(subject: Subject) -> tuple[list[str], dict[str, Form]]:
    """What there is to say about its operations, and how they are spelled then."""
    return subject.varieties(), subject.forms


def pad(subject: Subject, seed: int) -> None:
    """Let what follows lie elsewhere in memory: the order of a set of objects depends on it."""
    kind: Any = subject.make if isinstance(subject.make, type) else Padding
    with contextlib.suppress(Exception):
        held = [kind.__new__(kind) for _ in range(500)]
        random.Random(seed).shuffle(held)
        del held[::2]  # their places are taken next, in this order
        subject.padding = held


class Padding:
    """An object as large as others."""


TASKS: dict[str, Callable[..., Any]] = {
    "execute": execute,
    "offered": offered,
    "varieties": varieties,
    "pad": pad,
    **{
        name: getattr(Subject, name)
        for name in (
            "first_pass", "has_free_backward", "works", "accepted", "calls", "rounding",
            "augmented", "unchecked", "facts",
        )
    },
}  # fmt: skip


def packed(computation: Computation, script: Script) -> str:
    """A computation as text: it tells 2, 2.0 and the index 2 apart."""

    def flat(x: Any) -> Any:
        return str(x) if isinstance(x, Whole) else x

    inputs = [flat(x) for x in computation.inputs]
    steps = [[op, [flat(x) for x in args], params] for op, args, params in computation.steps]
    return json.dumps([inputs, steps, script])


def unpacked(text: str) -> tuple[Computation, Script]:
    """The computation in a text, and its script."""

    def full(x: Any) -> Any:
        return Whole(x) if isinstance(x, str) else x

    inputs, steps, script = json.loads(text)
    whole = [Step(op, tuple(map(full, args)), tuple(params)) for op, args, params in steps]
    return Computation(tuple(map(full, inputs)), tuple(whole)), tuple(script)


def lists(x: Any) -> tuple[tuple[Any, ...], ...]:
    """Tuples of tuples, of what JSON made lists of."""
    return tuple(map(tuple, x))


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


def label(target: Any) -> str:
    """What an engine is called."""
    return target if isinstance(target, str) else getattr(target, "__name__", repr(target))


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
