"""Somebody else's engine in a process of its own: it may crash, hang or print, and harms nobody.

The parent sends computations and gets numbers back; it never touches the engine itself. Silence
beyond the time limit ends the child.
"""

from __future__ import annotations

import contextlib
import copy
import json
import multiprocessing
import os
import signal
import socket
import struct
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ...rule import TABLE
from ..computation import Computation
from .child import PATIENCE, Target, label, serve
from .loading import NotAnEngineError, Origin
from .subject import NUMBERS, ROUNDING, Form, Names, Reading, Script, Survey, Trouble

ANSWERING = 10  # seconds for a message that has begun
LONGEST_ANSWER = 64 << 20  # bytes
STARTING = 60.0  # seconds for importing a file


class Worker:
    """A child process that runs computations; it is started anew after it had to be ended.

    Args:
        target: an engine's class (or any function that makes a node of a float), or where it is:
            ``path/to/mine.py:Value``, ``mine.ipynb:Value`` or ``package.module:Value``.
        time_limit: seconds that one computation may take.
        names: what the engine's attributes are called.

    Raises:
        NotAnEngineError: if there is no engine to run.
    """

    def __init__(self, target: Target, time_limit: float, names: Names) -> None:
        self.target, self.time_limit, self.names = target, time_limit, names
        self.forms: dict[str, Form] | None = None  # how it spells its operations, if known
        self.nested = False  # whether its gradients are nodes themselves
        self.origin: Origin | None = None
        fork = "fork" in multiprocessing.get_all_start_methods()  # it takes notebooks' classes too
        self.context: Any = multiprocessing.get_context("fork" if fork else "spawn")
        self.start()

    def fresh(self) -> Worker:
        """Another child, in which nothing has been computed."""
        other = copy.copy(self)
        other.start()
        return other

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
            slow = f"importing it took longer than {STARTING:.0f} s"
            ends = f"importing it ends Python: {answer.text}"
            answer = {"error": slow if answer.kind == "hangs" else ends}
        if "error" in answer:
            self.close()
            raise NotAnEngineError(answer["error"])
        if answer["origin"]:
            self.origin = Origin(*answer["origin"])

    def survey(self, wanted: Sequence[str] | None = None) -> Survey:
        """What the engine offers; an operation that crashes or hangs is there all the same.

        Args:
            wanted: the operations to look at; by default all.

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
        ops = [op for op in self.forms if wanted is None or op in wanted]
        ops = [op for op in ops if tell("works", op, "nodes", instead=True)]
        samples = {
            op: tuple(map(tuple, tell("accepted", op, instead=TABLE[op].samples))) for op in ops
        }
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
            self.names,
            tell("has_free_backward", instead=False),
        )

    def run(
        self, computation: Computation, script: Script, time_limit: float | None = None
    ) -> Reading | Trouble:
        """What the engine makes of a computation and of backward passes on it."""
        answer = self.ask("execute", computation, script, limit=time_limit)
        if isinstance(answer, Trouble):
            return answer
        kind, fields = answer
        return Reading(*map(tuple, fields)) if kind == "reading" else Trouble(*fields)

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
