"""What somebody else's engine offers: which of the table's rows, how spelled, on which numbers.

Like `subject`, this runs in the process of the engine; each function is a question to it.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ...numbers import OPERATORS, REFLECTED
from ...reals import REALS
from ...rule import TABLE, Rule
from .loading import NotAnEngineError, article, describe, headline, own_frame
from .subject import ROUNDING, Form, Subject, augmented_operator, refuses

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
SINGLE = 1e-5  # that numbers are the same but for the rounding of single precision
PYTHONS = {"__abs__", "__neg__", "__pow__", "__add__", "__sub__", "__mul__"}
OWN: dict[str, tuple[Callable[[Callable[[float], float]], float], float, tuple[float, ...]]] = {
    # how the parameter shows, its upper bound, and where the row has to give what is given then
    "leaky_relu": (lambda f: -f(-1.0), 1.0, (-2.0, 1.0)),
    "elu": (lambda f: f(-1.0) / math.expm1(-1.0), math.inf, (-2.0,)),
}

# ---------------------------------------------------------------- whether it is an engine


def check_shape(subject: Subject, name: str) -> None:
    """Refuse what is not shaped like micrograd's Value.

    Raises:
        NotAnEngineError: with what is missing.
    """
    if not callable(subject.make):
        raise NotAnEngineError(f"{name} is {article(subject.make)}, not a class that makes numbers")
    try:
        node = subject.make(1.0)
    except BaseException as error:
        way = f"; write  def make(x): return {name}(…)  and name make" if subject.module else ""
        raise NotAnEngineError(f"{name}(1.0) fails: {describe(error)}{way}") from None
    check_names(subject, name, node)
    if not offered(subject):
        raise NotAnEngineError(f"{name} has no operation that gradpath knows: no +, no *, …")


def check_names(subject: Subject, name: str, node: Any) -> None:
    """Refuse a node without the attributes; propose those that may be meant."""
    missing, proposed = [], []
    for role, what in subject.names._asdict().items():
        if role == "backward":
            found = callable(getattr(node, what, None)) or callable(functions(subject).get(what))
        else:
            found = hasattr(node, what)
        if not found:
            missing.append(f".{what}()" if role == "backward" else f".{what}")
            near = near_name(subject, role, node)
            proposed += [f"--{role} {near}"] if near else []
    if missing:
        hint = f"; try {' '.join(proposed)}" if proposed else ""
        raise NotAnEngineError(f"what {name}(1.0) makes has no {' and no '.join(missing)}{hint}")


def near_name(subject: Subject, role: str, node: Any) -> str:
    """The attribute that a node may have in the place of one."""
    there = {normal(n): n for n in dir(node) if not n.startswith("__")}
    if role == "backward":
        there |= {normal(n): n for n, x in functions(subject).items() if inspect.isfunction(x)}
    for candidate in (role, *NEAR[role]):
        found = there.get(normal(candidate))
        if found and callable(getattr(node, found, None)) <= (role == "backward"):
            return found
    return ""


def functions(subject: Subject) -> dict[str, Any]:
    """What is beside the class."""
    return vars(subject.module) if subject.module else {}


def normal(name: str) -> str:
    """A name without regard to case and underscores."""
    return name.lower().replace("_", "")


def has_free_backward(subject: Subject) -> bool:
    """Whether ``backward`` is a function beside the class."""
    return not hasattr(subject.make(1.0), subject.names.backward)


def first_pass(subject: Subject, name: str) -> tuple[str, bool]:
    """Why a pass needs more than it gets, or ""; whether gradients are nodes themselves."""
    op = next(iter(subject.forms))
    errors = []
    for compute in (False, True):
        try:
            root = subject.perform(op, nodes(subject, op), ()) if compute else subject.make(0.5)
            subject.backward(root)
            subject.nested = subject.is_node(getattr(root, subject.names.grad))
            return "", subject.nested
        except Exception as error:
            errors.append(error)
    first, text, backward = errors[0], headline(errors[0]), subject.names.backward
    if "requires_grad" in text:
        way = f"write  def make(x): return {name}(x, requires_grad=True)  and name make"
    elif isinstance(first, TypeError) and "argument" in text and own_frame(first) is None:
        way = f"write  def run(y): y.{backward}(1.0)  and add --backward run"
    else:
        return "", False
    return f"{name}(1.0).{backward}() fails: {text}; {way}", False


# ---------------------------------------------------------------- its operations


def nodes(subject: Subject, op: str, first: float = 0.5, step: float = 0.0) -> list[Any]:
    """Operands for an operation."""
    return [subject.make(first + step * k) for k in range(TABLE[op].arity)]


def offered(subject: Subject) -> dict[str, Form]:
    """The table's rows for which an engine has an operator, a method or a function."""
    node = subject.make(2.0)
    found = {row.name: find(subject, row, node) for row in TABLE if not row.variadic}
    subject.forms = {op: form for op, form in found.items() if form is not None}
    return subject.forms


def find(subject: Subject, row: Rule, node: Any) -> Form | None:
    """How an engine spells a row, if it has it."""
    operator = OPERATORS.get("pow" if row.name == "power" else row.name)
    if operator and hasattr(type(node), operator):
        return Form("operator", row.name)
    if row.name == "pow":
        return None  # a method `pow` takes numbers
    spelled = {normal(row.name), *map(normal, ALIASES.get(row.name, ()))}
    there = [n for n in dir(type(node)) if normal(n) in spelled]
    for name in sorted(there, key=lambda n: (n != row.name, n.startswith("_"), n)):
        passes = fits(getattr(node, name, None), row, row.arity - 1)
        if passes is not None:
            return Form("method", name, passes)
    for name, function in functions(subject).items():
        if normal(name) in spelled and inspect.isfunction(function):
            passes = fits(function, row, row.arity)
            if passes is not None and function.__module__ == functions(subject).get("__name__", ""):
                form = Form("function", name, passes)
                with contextlib.suppress(Exception):  # it may be one of numbers
                    if subject.is_node(
                        subject.call(form, nodes(subject, row.name), row.samples[0])
                    ):
                        return form
    return None


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
        with contextlib.suppress(TypeError):
            signature.bind(*range(count), *(row.samples[0] if passes else ()))
            return passes
    return None


def works(subject: Subject, op: str, numbers: str) -> bool:
    """Whether an operation takes plain numbers (one of `NUMBERS`), or only "nodes"."""
    row = TABLE[op]
    operands = [subject.make(2.0), subject.make(1.5)][: row.arity]
    if numbers != "nodes":
        operands[numbers.startswith("right")] = 3 if numbers.endswith("int") else 1.5
    elif op != "pow":  # operators and methods that are there take nodes
        return True
    return takes(subject, op, operands, row.samples[0])


def takes(subject: Subject, op: str, operands: Sequence[Any], params: Sequence[Any]) -> bool:
    """Whether an operation takes operands, be its result right or wrong."""
    try:
        result = subject.perform(op, operands, params)
    except Exception as error:
        return not declines(error)
    if op == "pow" and subject.is_node(result):
        return not subject.is_node(getattr(result, subject.names.data))
    return result is not NotImplemented


def declines(error: Exception) -> bool:
    """Whether an exception says that an operation does not take such operands."""
    if isinstance(error, (NotImplementedError, AssertionError)) or refuses(error):
        return True
    text = str(error)
    if isinstance(error, TypeError):
        return "unsupported operand" in text or own_frame(error) is None or "required" in text
    return isinstance(error, AttributeError) and text.startswith(("'float'", "'int'"))


def accepted(subject: Subject, op: str) -> list[tuple[Any, ...]]:
    """The row's parameters that an operation takes."""
    return [p for p in choices(subject, op) if takes(subject, op, nodes(subject, op, 1.5), p)]


def choices(subject: Subject, op: str) -> Sequence[tuple[Any, ...]]:
    """Parameters to try an operation with: the engine's own first, where it has some."""
    samples = list(TABLE[op].samples)
    if op in OWN:
        samples = [(p,) for (p,) in samples if 0 < p < OWN[op][1]]
        own = own_parameter(subject, op, op)
        samples = [*dict.fromkeys([(own,), *samples])] if own else samples
    return samples if subject.forms[op].passes else samples[:1]


def own_parameter(subject: Subject, op: str, row: str) -> float:
    """The parameter with which a row gives what an operation gives that gets none; 0 if none."""
    shows, bound, places = OWN[row]
    with contextlib.suppress(Exception):
        f = on_floats(subject, op)
        own = shows(f)
        right = ((f(x), TABLE[row].evaluate(REALS, [x], [own])) for x in places)
        if 0 < own < bound and all(math.isclose(*pair, rel_tol=SINGLE) for pair in right):
            return round(own, 6)
    return 0.0


def on_floats(subject: Subject, op: str) -> Callable[[float], float]:
    """An operation that gets no parameters, as a function of a float."""
    form = subject.forms[op]._replace(passes=False)

    def compute(x: float) -> float:
        node = subject.call(form, [subject.make(x)])
        return float(subject.number(getattr(node, subject.names.data)))

    return compute


def varieties(subject: Subject) -> tuple[list[str], dict[str, Form]]:
    """Rename what is another function of the table than its name says; what there is to say."""
    notes, forms = [], subject.forms
    slope = own_parameter(subject, "relu", "leaky_relu") if "relu" in forms else 0.0
    if slope and "leaky_relu" not in forms:
        forms["leaky_relu"] = forms.pop("relu")._replace(passes=False)
        notes.append(f"its relu has the slope {slope:g} on the left, as a leaky_relu has")
    if "gelu" in forms:
        with contextlib.suppress(Exception):
            if math.isclose(on_floats(subject, "gelu")(1.0), 0.841192, abs_tol=2e-5):
                del forms["gelu"]
                notes.append("its gelu is the approximation by tanh, which was not checked")
    for op, form in forms.items():
        if form.name.startswith("__"):
            notes.append(f"Python has no method {form.name}: call it {op}")
    return notes, forms


def unchecked(subject: Subject) -> list[str]:
    """What a class has that is not checked."""
    used = {form.name for form in subject.forms.values()} | set(subject.names) | KNOWN
    found = []
    for base in type(subject.make(2.0)).__mro__[:-1]:
        for name, x in vars(base).items():
            method = inspect.isfunction(x) or isinstance(x, (staticmethod, classmethod))
            public = method and not name.startswith("_")
            strange = name.startswith("__") and name.strip("_") in TABLE.rows
            if (public or (strange and name not in PYTHONS)) and name not in used:
                found.append(name)
    return list(dict.fromkeys(found))


def augmented(subject: Subject) -> list[str]:
    """The rows whose operator has a method of its own for ``a += b``."""
    kind = type(subject.make(2.0))
    return [op for op in subject.forms if hasattr(kind, augmented_operator(op))]


def calls(subject: Subject, op: str, ops: Sequence[str]) -> tuple[str, ...]:
    """The other operations that an operation calls."""
    homes: dict[Any, str] = {}
    for other in ops:
        for code in codes(subject, other):
            homes.setdefault(code, other)
    own = codes(subject, op)
    found: dict[str, None] = {}

    def notice(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code not in own and frame.f_code in homes:
            found[homes[frame.f_code]] = None

    sys.setprofile(notice)
    try:
        for first in (0.5, -0.5):
            operands = nodes(subject, op, first, 0.25)
            with contextlib.suppress(Exception):
                subject.perform(op, operands, choices(subject, op)[0])
    finally:
        sys.setprofile(None)
    return tuple(found)


def codes(subject: Subject, op: str) -> list[Any]:
    """The code of the methods that an operation begins with."""
    form = subject.forms[op]
    if form.kind == "function":
        return [functions(subject)[form.name].__code__]
    names = [form.name]
    if form.kind == "operator":
        operator = OPERATORS["pow" if op == "power" else op]
        names = [operator, REFLECTED.get(op, ""), augmented_operator(op)]
    kind = type(subject.make(2.0))
    codes = (getattr(getattr(kind, name, None), "__code__", None) for name in names)
    return [code for code in codes if code is not None]


def rounding(subject: Subject) -> float:
    """The relative rounding error of an engine's numbers: 2⁻⁵², or 2⁻²³ for float32."""
    worst = ROUNDING
    with contextlib.suppress(Exception):
        leaf = subject.make(1 / 3)
        data = getattr(leaf, subject.names.data)
        for x in (data, getattr(leaf, subject.names.grad)):
            kind = str(getattr(x, "dtype", ""))
            worst = max(worst, {"float32": 2.0**-23, "float16": 2.0**-10}.get(kind, ROUNDING))
        error = abs(float(subject.number(data)) * 3 - 1)
        if ROUNDING < error < 1e-5:  # more is no rounding
            worst = max(worst, 4 * error)
    return worst


def hides_backward(subject: Subject, op: str, params: Sequence[Any]) -> bool:
    """Whether an operation gives a node an attribute that hides its method ``backward``."""
    name = subject.names.backward

    def hidden(x: Any) -> bool:
        return name in getattr(x, "__dict__", ())

    operands = [subject.make(2.0), subject.make(1.5)][: TABLE[op].arity]
    before = any(map(hidden, operands))
    result = subject.perform(op, operands, params)
    is_method = callable(getattr(type(result), name, None))
    return is_method and not before and any(map(hidden, [result, *operands]))
