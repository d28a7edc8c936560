"""Somebody else's engine as the tester uses it: what it offers, and what it gives.

All this runs in the process of the engine, without importing anything: there the names of
gradpath's modules belong to others (`loading`).
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import math
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from ...numbers import OPERATORS, REFLECTED
from ...rule import TABLE, Rule
from ..computation import OPERATIONS, Computation, Whole, written
from .loading import NotAnEngineError, article, describe, headline, line, own_frame, shown

Script = tuple[int | str, ...]  # indices of roots to call backward() on, AFRESH, IN_PLACE
AFRESH = "afresh"  # set the leaves' gradients to 0 and compute everything again
IN_PLACE = "in place"  # first of all: the last operation is written like a += b
ROUNDING = 2.0**-52
NUMBERS = ("left float", "right float", "left int", "right int")
ALIASES = {
    "add": ("plus",), "sub": ("subtract", "minus"), "mul": ("multiply", "times"),
    "div": ("divide", "truediv"), "neg": ("negate", "negative"), "abs": ("absolute",),
    "power": ("pow",), "log": ("ln",), "sigmoid": ("logistic", "sigm"), "silu": ("swish",),
    "leaky_relu": ("lrelu",), "asin": ("arcsin",), "acos": ("arccos",), "atan": ("arctan",),
    "max": ("maximum",), "min": ("minimum",), "clip": ("clamp",),
}  # fmt: skip
NEAR = {
    "data": ("value", "val", "v", "x", "number", "item", "primal"),
    "grad": ("gradient", "derivative", "deriv", "adjoint", "dx", "d", "g", "delta", "bar"),
    "backward": (
        "backprop", "backwards", "back", "backaward", "backward_pass", "backpropagate",
        "back_propagate", "backpropagation", "compute_gradients", "run_backward",
    ),
}  # fmt: skip
REDUCTIONS = {"axis", "dim", "dims", "axes", "keepdims", "keepdim"}
KNOWN = {"backward", "zero_grad", "item", "detach", "numpy", "tolist", "topological_sort"}


class Names(NamedTuple):
    """What an engine calls its attributes; ``backward`` may also be a function beside the class."""

    data: str = "data"
    grad: str = "grad"
    backward: str = "backward"


class Form(NamedTuple):
    """How an engine spells an operation.

    Attributes:
        kind: "operator", "method" or "function".
        name: the method's or the function's; of an operator that of the row.
        passes: whether it is given the row's parameters.
    """

    kind: str
    name: str
    passes: bool = True

    def text(self, op: str, args: Sequence[str], params: Sequence[Any]) -> str:
        """The operation as its users write it."""
        params = params if self.passes else ()
        if self.kind == "operator":
            return written(op, args, params)
        inside = ", ".join([*args[self.kind == "method" :], *map(str, params)])
        return f"{args[0]}.{self.name}({inside})" if self.kind == "method" else (
            f"{self.name}({inside})"
        )  # fmt: skip


class Reading(NamedTuple):
    """What the quantities of a computation show: floats, or text where there is no number."""

    data: tuple[float | str, ...]
    grads: tuple[float | str, ...]


class Trouble(NamedTuple):
    """An engine that gave no numbers.

    Attributes:
        kind: "raises", "refuses" (its own code raises, with a message), "hangs", "crashes" or
            "returns" (something that is no node).
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
        forms: how it spells each of the table's rows that it has.
        samples: parameters to try each of them with, where that is not for the row to say.
        numbers: the rows that take a plain number, for each of `NUMBERS`.
        rounding: the relative rounding error of its numbers.
        made_of: for each row, the other rows that it calls: ``a - b`` may be ``a + -b``.
        augmented: the rows whose operator has a method of its own for ``a += b``.
        unchecked: what is there and is not checked, each in a few words.
        notes: what else there is to say.
        free_backward: whether ``backward`` is a function beside the class, not a method.
    """

    forms: dict[str, Form]
    samples: dict[str, tuple[tuple[Any, ...], ...]]
    numbers: dict[str, tuple[str, ...]]
    rounding: float
    made_of: dict[str, tuple[str, ...]]
    augmented: tuple[str, ...]
    unchecked: tuple[str, ...]
    notes: tuple[str, ...]
    free_backward: bool = False

    @property
    def ops(self) -> tuple[str, ...]:
        """The table's rows that it has."""
        return tuple(self.forms)

    @property
    def left(self) -> tuple[str, ...]:
        """Those that take a float on the left of a node."""
        return self.numbers["left float"]

    @property
    def right(self) -> tuple[str, ...]:
        """Those that take a float on the right of a node."""
        return self.numbers["right float"]


class Subject:
    """An engine.

    Args:
        make: makes a node of a float.
        names: what its attributes are called.
        module: where functions that belong to it are looked for.
    """

    def __init__(
        self, make: Callable[[float], Any], names: Names, module: ModuleType | None = None
    ) -> None:
        self.make, self.names, self.module = make, names, module
        self.forms: dict[str, Form] = {}
        self.padding: list[Any] = []
        self.nested = False  # whether its gradients are nodes, too, as in engines for higher orders

    def is_node(self, x: Any) -> bool:
        """Whether something is one of the engine's nodes."""
        return hasattr(x, self.names.data) and hasattr(x, self.names.grad)

    def backward(self, node: Any) -> None:
        """Run a backward pass."""
        method = getattr(node, self.names.backward, None)
        if method is None:
            vars(self.module)[self.names.backward](node)
        else:
            method()

    def perform(self, op: str, args: Sequence[Any], params: Sequence[Any]) -> Any:
        """An operation as the engine's users write it."""
        if op == "sum":
            return sum(args)
        form = self.forms[op]
        params = params if form.passes else ()
        if form.kind == "operator":
            return OPERATIONS[op](*args, *params)
        if form.kind == "method":
            return getattr(args[0], form.name)(*args[1:], *params)
        return vars(self.module)[form.name](*args, *params)

    # ------------------------------------------------------------ whether it is an engine

    def check_shape(self, name: str) -> None:
        """Refuse what is not shaped like micrograd's Value.

        Raises:
            NotAnEngineError: with what is missing.
        """
        if not callable(self.make):
            raise NotAnEngineError(
                f"{name} is {article(self.make)}, not a class that makes numbers"
            )
        try:
            node = self.make(1.0)
        except BaseException as error:
            way = f"write  def make(x): return {name}(…)  and name make" if self.module else ""
            raise NotAnEngineError("; ".join(filter(None, (
                f"{name}(1.0) fails: {describe(error)}", way)))) from None  # fmt: skip
        self.check_names(name, node)
        if not self.offered():
            raise NotAnEngineError(f"{name} has no operation that gradpath knows: no +, no *, …")

    def check_names(self, name: str, node: Any) -> None:
        """Refuse a node without the attributes; propose those that may be meant."""
        missing, proposed = [], []
        for role, what in self.names._asdict().items():
            found = getattr(node, what, None) if role == "backward" else hasattr(node, what)
            if role == "backward":
                found = callable(found) or callable(vars(self.module or math).get(what))
            if not found:
                missing.append(f".{what}()" if role == "backward" else f".{what}")
                near = self.near(role, node)
                proposed += [f"--{role} {near}"] if near else []
        if missing:
            hint = f"; try {' '.join(proposed)}" if proposed else ""
            raise NotAnEngineError(
                f"what {name}(1.0) makes has no {' and no '.join(missing)}{hint}"
            )

    def near(self, role: str, node: Any) -> str:
        """The attribute that a node may have in the place of one."""
        there = {normal(n): n for n in dir(node) if not n.startswith("__")}
        if role == "backward" and self.module is not None:
            there |= {normal(n): n for n, x in vars(self.module).items() if inspect.isfunction(x)}
        for candidate in (role, *NEAR[role]):
            found = there.get(normal(candidate))
            if found and callable(getattr(node, found, None)) <= (role == "backward"):
                return found
        return ""

    def has_free_backward(self) -> bool:
        """Whether ``backward`` is a function beside the class."""
        return not hasattr(self.make(1.0), self.names.backward)

    def first_pass(self, name: str) -> tuple[str, bool]:
        """Why a pass needs more than it gets, or ""; whether gradients are nodes themselves."""
        op = next(iter(self.forms))
        errors = []
        for compute in (False, True):
            try:
                root = self.make(0.5)
                if compute:
                    root = self.perform(op, [self.make(0.5) for _ in range(TABLE[op].arity)], ())
                self.backward(root)
                self.nested = self.is_node(getattr(root, self.names.grad))
                return "", self.nested
            except Exception as error:
                errors.append(error)
        text, call = headline(errors[0]), f"{name}(1.0).{self.names.backward}()"
        if "requires_grad" in text:
            way = f"write  def make(x): return {name}(x, requires_grad=True)  and name make"
            return f"{call} fails: {text}; {way}", False
        if isinstance(errors[0], TypeError) and "argument" in text and own_frame(errors[0]) is None:
            way = f"write  def run(y): y.{self.names.backward}(1.0)  and add --backward run"
            return f"{call} fails: {text}; {way}", False
        return "", False

    # ------------------------------------------------------------ what it offers

    def offered(self) -> list[str]:
        """The table's rows for which an engine has an operator, a method or a function."""
        node = self.make(2.0)
        self.forms = {
            row.name: form
            for row in TABLE
            if not row.variadic and (form := self.find(row, node)) is not None
        }
        return list(self.forms)

    def find(self, row: Rule, node: Any) -> Form | None:
        """How an engine spells a row, if it has it."""
        operator = "__pow__" if row.name == "power" else OPERATORS.get(row.name)
        if operator and hasattr(type(node), operator):
            return Form("operator", row.name)
        spelled = {normal(row.name), *map(normal, ALIASES.get(row.name, ()))}
        if row.name == "pow":
            return None  # a method `pow` takes numbers
        there = [n for n in dir(type(node)) if normal(n) in spelled]
        there.sort(key=lambda n: (n != row.name, n.startswith("_"), n))
        for name in there:
            passes = fits(getattr(node, name, None), row, row.arity - 1)
            if passes is not None:
                return Form("method", name, passes)
        for name, function in vars(self.module).items() if self.module else ():
            if normal(name) in spelled and inspect.isfunction(function):
                passes = fits(function, row, row.arity)
                if passes is not None and function.__module__ == getattr(
                    self.module, "__name__", ""
                ):
                    form = Form("function", name, passes)
                    if self.gives_a_node(row, form):
                        return form
        return None

    def gives_a_node(self, row: Rule, form: Form) -> bool:
        """Whether a function beside the class is one of nodes."""
        self.forms = {**self.forms, row.name: form}
        try:
            args = [self.make(0.5) for _ in range(row.arity)]
            return self.is_node(self.perform(row.name, args, row.samples[0]))
        except Exception:
            return False

    def works(self, op: str, numbers: str) -> bool:
        """Whether an operation takes plain numbers (one of `NUMBERS`), or only "nodes"."""
        row = TABLE[op]
        operands = [self.make(2.0), self.make(1.5)][: row.arity]
        if numbers != "nodes":
            place = numbers.startswith("right")
            operands[place] = 3 if numbers.endswith("int") else 1.5
        elif op != "pow":  # operators and methods that are there take nodes
            return True
        return self.takes(op, operands, row.samples[0])

    def takes(self, op: str, operands: Sequence[Any], params: Sequence[Any]) -> bool:
        """Whether an operation takes operands, be its result right or wrong."""
        try:
            result = self.perform(op, operands, params)
        except Exception as error:
            return not declines(error)
        if op == "pow" and self.is_node(result):
            return not self.is_node(getattr(result, self.names.data))
        return result is not NotImplemented

    def accepted(self, op: str) -> list[tuple[Any, ...]]:
        """The row's parameters that an operation takes."""
        arity = TABLE[op].arity
        return [
            params
            for params in self.choices(op)
            if self.takes(op, [self.make(1.5) for _ in range(arity)], params)
        ]

    def choices(self, op: str) -> Sequence[tuple[Any, ...]]:
        """Parameters to try an operation with: the engine's own, where it has some."""
        if op == "leaky_relu":
            own = self.slope(op)
            if not self.forms[op].passes:
                return ((own or 0.01,),)
            return tuple(dict.fromkeys([(own or 0.01,), (0.01,), (0.2,)]))
        if op == "elu" and not self.forms[op].passes:
            return ((self.scale(op) or 1.0,),)
        if not self.forms[op].passes:
            return TABLE[op].samples[:1]
        return TABLE[op].samples

    def slope(self, op: str) -> float:
        """The slope on the left of an activation that is called without one; 0 if it has none."""
        try:
            bare = replace_form(self, op, False)
            left, more, right = (bare(x) for x in (-1.0, -2.0, 1.0))
        except Exception:
            return 0.0
        if 0 < -left < 1 and math.isclose(more, 2 * left, rel_tol=1e-5) and right == 1.0:
            return round(-left, 6)
        return 0.0

    def scale(self, op: str) -> float:
        """The alpha of an elu that is called without one; 0 if it has none."""
        try:
            bare = replace_form(self, op, False)
            one, two = bare(-1.0) / math.expm1(-1.0), bare(-2.0) / math.expm1(-2.0)
        except Exception:
            return 0.0
        return round(one, 6) if one > 0 and math.isclose(one, two, rel_tol=1e-5) else 0.0

    def varieties(self) -> list[str]:
        """Rename what is another function of the table than its name says; what there is to say."""
        notes = []
        slope = self.slope("relu") if "relu" in self.forms else 0.0
        if slope and "leaky_relu" not in self.forms:
            self.forms["leaky_relu"] = self.forms.pop("relu")._replace(passes=False)
            notes.append(f"its relu has the slope {slope:g} on the left, as a leaky_relu has")
        if "gelu" in self.forms:
            with contextlib.suppress(Exception):
                if math.isclose(replace_form(self, "gelu", False)(1.0), 0.841192, abs_tol=2e-5):
                    del self.forms["gelu"]
                    notes.append("its gelu is the approximation by tanh, which was not checked")
        for op, form in self.forms.items():
            if form.name.startswith("__") and form.kind == "method":
                notes.append(f"Python has no method {form.name}: call it {op}")
        return notes

    def unchecked(self) -> list[str]:
        """What a class has that is not checked."""
        used = {form.name for form in self.forms.values()} | set(self.names) | KNOWN
        kind = type(self.make(2.0))
        found = []
        for base in kind.__mro__[:-1]:
            for name, x in vars(base).items():
                method = inspect.isfunction(x) or isinstance(x, (staticmethod, classmethod))
                public = method and not name.startswith("_")
                strange = name.startswith("__") and name.strip("_") in TABLE.rows
                if (public or (strange and name not in PYTHONS)) and name not in used:
                    found.append(name)
        return list(dict.fromkeys(found))

    def calls(self, op: str, ops: Sequence[str]) -> tuple[str, ...]:
        """The other operations that an operation calls."""
        kind = type(self.make(2.0))
        homes: dict[Any, str] = {}
        for other in ops:
            for code in self.codes(kind, other):
                homes.setdefault(code, other)
        own = self.codes(kind, op)
        found: dict[str, None] = {}

        def notice(frame: Any, event: str, _: Any) -> None:
            if event == "call" and frame.f_code not in own and frame.f_code in homes:
                found[homes[frame.f_code]] = None

        sys.setprofile(notice)
        try:
            for first in (0.5, -0.5):
                operands = [self.make(first + 0.25 * k) for k in range(TABLE[op].arity)]
                with contextlib.suppress(Exception):
                    self.perform(op, operands, self.choices(op)[0])
        finally:
            sys.setprofile(None)
        return tuple(found)

    def codes(self, kind: type, op: str) -> list[Any]:
        """The code of the methods that an operation begins with."""
        form = self.forms[op]
        if form.kind == "function":
            return [vars(self.module)[form.name].__code__]
        base = "pow" if op == "power" else op
        names = (
            OPERATORS.get(base, base),
            REFLECTED.get(op, ""),
            f"__i{REFLECTED.get(op, '')[3:]}",
        )
        if form.kind == "method":
            names = (form.name, form.name, form.name)
        codes = (getattr(getattr(kind, name, None), "__code__", None) for name in names)
        return [code for code in codes if code is not None]

    def rounding(self) -> float:
        """The relative rounding error of an engine's numbers: 2⁻⁵², or 2⁻²³ for float32."""
        worst = ROUNDING
        with contextlib.suppress(Exception):
            leaf = self.make(1 / 3)
            for x in (getattr(leaf, self.names.data), getattr(leaf, self.names.grad)):
                kind = str(getattr(x, "dtype", ""))
                worst = max(worst, {"float32": 2.0**-23, "float16": 2.0**-10}.get(kind, ROUNDING))
            error = abs(float(number(getattr(leaf, self.names.data), self)) * 3 - 1)
            if ROUNDING < error < 1e-5:  # more is no rounding
                worst = max(worst, 4 * error)
        return worst

    def augmented(self) -> list[str]:
        """The rows whose operator has a method of its own for ``a += b``."""
        kind = type(self.make(2.0))
        return [op for op in self.forms if hasattr(kind, f"__i{REFLECTED.get(op, '__r.')[3:]}")]

    def facts(self, op: str, params: Sequence[Any]) -> list[str]:
        """The methods that a node loses by an operation: it sets an attribute of the same name."""
        nodes = [self.make(2.0), self.make(1.5)][: TABLE[op].arity]
        before = [set(getattr(x, "__dict__", ())) for x in nodes]
        result = self.perform(op, nodes, params)
        fresh = set(getattr(result, "__dict__", ())) - before[0]
        for node, names in zip(nodes, before, strict=True):
            fresh |= set(getattr(node, "__dict__", ())) - names
        return [n for n in sorted(fresh) if callable(getattr(type(result), n, None))]

    # ------------------------------------------------------------ one computation

    def execute(self, computation: Computation, script: Script) -> Reading | Trouble:
        """What the quantities show after they were computed and the script was run."""
        nodes: list[Any] = []
        names = self.names
        try:
            for x in computation.inputs:
                nodes.append(self.make(int(x) if isinstance(x, Whole) else x))
            for node in self.play(nodes, computation, script):
                if not self.is_node(node):
                    return Trouble("returns", shown(node), step=len(nodes) - 1)
            data = tuple(number(getattr(node, names.data), self) for node in nodes)
            passes = any(isinstance(action, int) for action in script)
            grads = (number(getattr(node, names.grad), self, True) for node in nodes)
            return Reading(data, tuple(grads) if passes else ())
        except Exception as error:
            complete = len(nodes) == len(computation.inputs) + len(computation.steps)
            step = -1 if complete else len(nodes)
            kind = "refuses" if refuses(error) else "raises"
            return Trouble(kind, headline(error), line(error), step)

    def play(self, nodes: list[Any], computation: Computation, script: Script) -> Iterator[Any]:
        """Compute on leaves and run backward passes; yields every node that is added."""
        in_place = IN_PLACE in script
        before = [self.gradient_now(leaf) for leaf in nodes] if AFRESH in script else []
        yield from self.forward(nodes, computation, in_place)
        for action in script:
            if isinstance(action, int):
                self.backward(nodes[action])
            elif action == AFRESH:
                del nodes[len(computation.inputs) :]
                for leaf, gradient in zip(nodes, before, strict=True):
                    self.reset(leaf, gradient)
                yield from self.forward(nodes, computation, in_place)

    def gradient_now(self, leaf: Any) -> Any:
        """A copy of a new leaf's gradient: 0, in whatever form."""
        try:
            return copy.deepcopy(getattr(leaf, self.names.grad))
        except Exception:
            return 0.0

    def reset(self, leaf: Any, gradient: Any) -> None:
        """Set a leaf's gradient to what it was when the leaf was made."""
        try:
            setattr(leaf, self.names.grad, gradient)
        except AttributeError:
            leaf.zero_grad()

    def forward(self, nodes: list[Any], computation: Computation, in_place: bool) -> Iterator[Any]:
        """Add the computed quantities to the leaves, one by one."""
        last = len(computation.steps) - 1
        for k, (op, args, params) in enumerate(computation.steps):
            operands = [nodes[x] if type(x) is int else constant(x) for x in args]
            if in_place and k == last:
                nodes.append(getattr(operator, f"i{REFLECTED[op].strip('_')[1:]}")(*operands))
            else:
                nodes.append(self.perform(op, operands, params))
            yield nodes[-1]


PYTHONS = {"__abs__", "__neg__", "__pow__", "__add__", "__sub__", "__mul__"}


def normal(name: str) -> str:
    """A name without regard to case and underscores."""
    return name.lower().replace("_", "")


def constant(x: Any) -> Any:
    """A plain number as the engine gets it."""
    return int(x) if isinstance(x, Whole) else x


def replace_form(subject: Subject, op: str, passes: bool) -> Callable[[float], float]:
    """An operation on one float, with or without its parameters."""
    form = subject.forms[op]._replace(passes=passes)

    def compute(x: float) -> float:
        before = subject.forms
        subject.forms = {op: form}
        try:
            node = subject.perform(op, [subject.make(x)], ())
        finally:
            subject.forms = before
        return float(number(getattr(node, subject.names.data), subject))

    return compute


def fits(method: Any, row: Rule, count: int) -> bool | None:
    """Whether a method takes the row's parameters after some operands; None: no operands even."""
    if not callable(method):
        return None
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # a function without a signature
        return True
    if row.arity > 1 and set(signature.parameters) & REDUCTIONS:
        return None  # the largest of an array, say
    for passes in (True, False) if row.params else (True,):
        try:
            signature.bind(*range(count), *(row.samples[0] if passes else ()))
        except TypeError:
            continue
        return passes
    return None


def declines(error: Exception) -> bool:
    """Whether an exception says that an operation does not take such operands."""
    if isinstance(error, (NotImplementedError, AssertionError)) or refuses(error):
        return True
    text = str(error)
    if isinstance(error, TypeError):
        return "unsupported operand" in text or own_frame(error) is None or "required" in text
    return isinstance(error, AttributeError) and text.startswith(("'float'", "'int'"))


def refuses(error: Exception) -> bool:
    """Whether an engine's own code raised an exception on purpose, with a message."""
    frame = own_frame(error)
    text = (frame.line or "") if frame else ""
    return text.startswith(("raise ", "assert ")) and bool(str(error))


def number(x: Any, subject: Subject, grad: bool = False) -> float | str:
    """A float, or the text of what is none."""
    for _ in range(4):
        strange = subject.is_node(x) and not (grad and subject.nested)
        if isinstance(x, (str, bytes)) or x is None or strange:
            return shown(x)
        if callable(x):
            x = x()
        if hasattr(x, "item") and getattr(x, "size", 1) == 1:
            x = x.item()
        try:
            return float(x)
        except OverflowError:
            return shown(x)
        except (TypeError, ValueError):
            pass
        inner = content(x)
        if inner is None:
            return shown(x)
        x = inner
    return shown(x)


def content(x: Any) -> Any:
    """The number that an object holds, if it holds one."""
    if isinstance(x, (list, tuple)):
        return x[0] if len(x) == 1 else None
    if hasattr(x, "dtype"):
        return None
    for name in ("data", "value", "val", "real"):
        if hasattr(x, name):
            return getattr(x, name)
    return None
