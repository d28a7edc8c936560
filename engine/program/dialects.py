"""How programs are written: for each dialect a table of forms, and what statements look like.

=========  ====================================================================================
readable   functions of a namespace ``np``, of those only what NumPy, jax.numpy and torch have in
           common, so that the same text runs with each of them, on numbers and on arrays
           (indexing that is differentiated needs NumPy; ``erf`` one that has it, such as torch)
floats     ``math`` and conditional expressions on plain floats: what CPython runs fastest, and
           what numba compiles
buffered   NumPy's functions by name, as they write into arrays; operators between numbers
=========  ====================================================================================

A form is a template of an operation, how tightly it binds, and how tightly each operand must bind
to stand in it without parentheses. An operation that a table has no form for is a function's call.
``program.render(dialect)`` writes a program in any dialect, one of your own, too.
"""

from __future__ import annotations

from ..numbers import Number
from ..rule import ARRAY_NAMES, ATOM, CHOICE, POWER, PRODUCT, SIGN, SUM
from .names import Names, function, wrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Text = tuple[str, int]  # an expression and how tightly it binds
    Operand = Callable[[Any, int], str]  # its text where it must bind so tightly
    Form = tuple[str, int, tuple[int, ...]]

FORMS: dict[str, Form] = {
    "add": ("{} + {}", SUM, (SUM, PRODUCT)),
    "sub": ("{} - {}", SUM, (SUM, PRODUCT)),
    "mul": ("{} * {}", PRODUCT, (PRODUCT, SIGN)),
    "div": ("{} / {}", PRODUCT, (PRODUCT, SIGN)),
    "neg": ("-{}", SIGN, (SIGN,)),
    "less": ("{} < {}", CHOICE, (SUM, SUM)),
    "less_equal": ("{} <= {}", CHOICE, (SUM, SUM)),
    "greater": ("{} > {}", CHOICE, (SUM, SUM)),
    "greater_equal": ("{} >= {}", CHOICE, (SUM, SUM)),
    "equal": ("{} == {}", CHOICE, (SUM, SUM)),
}

NUMPY_CONSTANTS = {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}


class Dialect:
    """How operations are written.

    Attributes:
        forms: the form of an operation, by its name.
        functions: what a function is called that has another name there.
        prefix: what stands before a function's name.
        constants: numbers that are written in words.
        reserved: names that the language uses otherwise, besides those that Python does.
        plain: operations whose forms write every operand once.
        longest: the most characters of an expression that is written in the place of a name.
        for_people: whether named quantities and those with a gradient keep a line of their own.
    """

    forms: Mapping[str, Form] = FORMS
    functions: Mapping[str, str] = {}
    prefix = ""
    constants: Mapping[str, str] = {"inf": "inf", "-inf": "-inf", "nan": "nan"}
    reserved: Iterable[str] = ()
    plain = frozenset(FORMS)
    longest = 120
    for_people = False

    def write(self, op: Any, w: Operand) -> Text:
        """An operation as an expression.

        Args:
            w: an operand's text, in parentheses if it binds looser than it must.
        """
        if (form := self.forms.get(op.name)) is not None:
            template, level, least = form
            return template.format(*map(w, (*op.args, *op.params), least)), level
        special: Callable[..., Text] | None = getattr(self, f"write_{op.name}", None)
        if special is not None:
            return special(op, w, *op.params)
        return self.call(op.name, [w(x, CHOICE) for x in (*op.args, *op.params)])

    def call(self, name: str, texts: Iterable[str]) -> Text:
        """A function's call."""
        return f"{self.function(name)}({', '.join(texts)})", ATOM

    def function(self, name: str) -> str:
        """What a function is called."""
        return self.prefix + self.functions.get(name, name)

    def number(self, x: float) -> str:
        """A constant."""
        text = repr(float(x))
        return self.constants.get(text, text)

    def constant(self, x: Any, least: int) -> str:
        """A number or a parameter, such as a shape, as an operand."""
        if x is None or isinstance(x, tuple):
            return self.constants.get(str(x), str(x))
        text = self.number(x)
        return f"({text})" if least > SIGN and text.startswith("-") else text

    def tidied(self, text: str) -> str:
        """An expression as one would write it: x + −y is x − y."""
        return text.replace(" + -", " - ")

    def sequence(self, texts: Sequence[str], brackets: str = "") -> str:
        """Several results, in ``[]`` or ``()`` if they are one of several."""
        comma = "," if brackets == "()" and len(texts) == 1 else ""
        return f"{brackets[:1]}{', '.join(texts)}{comma}{brackets[1:]}"

    def assignment(self, name: str, text: str) -> list[str]:
        """The lines that give an expression a name."""
        return [f"{name} = {text}"]

    def unpacking(self, names: Names, name: str, x: Any) -> list[str]:
        """The lines that take an argument apart, if it is a list of Ops, which get their names."""
        return names.unpacked(name, x)

    def returned(self, text: str) -> list[str]:
        """The lines that return a result."""
        return wrapped("return ", text)

    def definition(self, name: str, given: Sequence[str], lines: Sequence[str]) -> str:
        """The whole text of a function."""
        return function(name, given, lines)

    def heading(self, text: str) -> list[str]:
        """The lines before the part of a program that is called so."""
        return []

    def comparison(self, a: str, sign: str, b: str) -> str:
        """A comparison that a guard checks."""
        return f"{a} {sign} {b}"

    def check(self, conditions: Sequence[str], outcome: bool, failing: str) -> list[str]:
        """The lines that fail unless all conditions hold; with outcome false, unless none does."""
        unless = "not " if outcome else ""
        return [f"if {unless}{self.test(conditions, outcome)}:", f"    {failing}"]

    def test(self, conditions: Sequence[str], outcome: bool) -> str:
        """Whether all conditions hold; with outcome false, whether one holds."""
        return f"({' and '.join(conditions)})" if len(conditions) > 1 else conditions[0]


class Floats(Dialect):
    """Plain floats."""

    forms = FORMS | {
        "both": ("{} and {}", CHOICE, (CHOICE, CHOICE)),
        "select": ("({1} if {0} else {2})", ATOM, (CHOICE, SUM, SUM)),
    }
    functions = {"power": "pow"}


class Readable(Dialect):
    """Functions of a namespace ``np``."""

    forms = FORMS | {
        "both": ("{} & {}", CHOICE, (PRODUCT, PRODUCT)),
        "pow": ("{} ** {}", POWER, (ATOM, ATOM)),
        "power": ("{} ** {}", POWER, (ATOM, ATOM)),
        "matmul": ("{} @ {}", PRODUCT, (PRODUCT, SIGN)),
        "linear": ("{0} @ {1}[:, :-1].T + {1}[:, -1]", SUM, (ATOM, ATOM)),  # [W b], side by side
        "with_ones": ("np.concatenate([{0}, np.ones_like({0}[:, :1])], 1)", ATOM, (ATOM,)),
        "reshape": ("{}.reshape({})", ATOM, (ATOM, CHOICE)),
        "one_hot": ("({}[:, None] == np.arange({})) * 1", PRODUCT, (ATOM, CHOICE)),
    }
    functions = ARRAY_NAMES
    prefix = "np."
    constants = NUMPY_CONSTANTS
    longest = 48
    for_people = True

    def number(self, x: float) -> str:
        """A constant; −0 stays what it is, which it would not as an integer."""
        text = super().number(x)
        return text if text == "-0.0" else text.removesuffix(".0")

    def assignment(self, name: str, text: str) -> list[str]:
        """The lines that give an expression a name."""
        return wrapped(f"{name} = ", text)

    def heading(self, text: str) -> list[str]:
        """The lines before the part of a program that is called so."""
        return [f"# {text}"]

    def definition(self, name: str, given: Sequence[str], lines: Sequence[str]) -> str:
        """The whole text of a function, with the one that it may need."""
        needed = SCATTER if any("scatter(" in line for line in lines) else []
        return super().definition(name, given, [*needed, *lines])

    def test(self, conditions: Sequence[str], outcome: bool) -> str:
        """Whether all conditions hold everywhere; with outcome false, whether one holds at all."""
        one = conditions[0] if len(conditions) == 1 else " & ".join(f"({x})" for x in conditions)
        return f"np.{'all' if outcome else 'any'}({one})"

    def write_select(self, op: Any, w: Operand) -> Text:
        """One of two, entry by entry."""
        condition, yes, no = op.args
        texts = [w(condition, CHOICE), w(yes, CHOICE), w(no, CHOICE)]
        if op.dtype is not None and not isinstance(yes, Number) and not isinstance(no, Number):
            compared = [y for x in condition.args for y in (x, *getattr(x, "args", ()))]
            for x in compared:
                if isinstance(x, Number) and (x.shape, x.dtype) == (op.shape, op.dtype):
                    texts[2] = f"np.full_like({w(x, CHOICE)}, {texts[2]})"
                    break
            else:
                texts[2] = write_full(op, texts[2])
        return self.call("where", texts)

    def write_max(self, op: Any, w: Operand) -> Text:
        """The larger or smaller; with a constant by a choice, as torch.maximum does not take it."""
        x, bound = sorted(op.args, key=lambda arg: not isinstance(arg, Number))
        if isinstance(bound, Number):
            return self.call(op.name, [w(arg, CHOICE) for arg in op.args])
        condition = f"{w(x, SUM)} {'<' if op.name == 'max' else '>'} {w(bound, SUM)}"
        return self.call("where", [condition, w(bound, CHOICE), w(x, CHOICE)])

    write_min = write_max

    def write_transpose(self, op: Any, w: Operand, axes: tuple[int, ...]) -> Text:
        """The axes in another order."""
        if axes == (1, 0):
            return f"{w(op.args[0], ATOM)}.T", ATOM
        return f"np.moveaxis({w(op.args[0], CHOICE)}, {axes}, {tuple(range(len(axes)))})", ATOM

    def write_broadcast_to(self, op: Any, w: Operand, shape: tuple[int, ...]) -> Text:
        """An array repeated to a shape, or a number."""
        text = w(op.args[0], CHOICE)
        if isinstance(op.args[0], Number):
            return f"np.broadcast_to({text}, {shape})", ATOM
        return write_full(op, text), ATOM

    def write_astype(self, op: Any, w: Operand, dtype: Any) -> Text:
        """The numbers in another precision, which a plain number takes on by itself."""
        if op.args[0].weak:
            return w(op.args[0], ATOM), ATOM
        return f"np.asarray({w(op.args[0], CHOICE)}, dtype=np.{op.dtype.name})", ATOM

    def write_index(self, op: Any, w: Operand, key: Any) -> Text:
        """Entries at a key."""
        return f"{w(op.args[0], ATOM)}[{write_key(key, [w(x, CHOICE) for x in op.args[1:]])}]", ATOM

    write_gather = write_index

    def write_scatter(self, op: Any, w: Operand, key: Any, shape: tuple[int, ...]) -> Text:
        """Zeros with entries added at a key: by a function in the text, `SCATTER`."""
        g, *arrays = [w(x, CHOICE) for x in op.args]
        return f"scatter({g}, np.index_exp[{write_key(key, arrays)}], {shape})", ATOM

    write_scatter_at = write_scatter

    def write_sum_over(self, op: Any, w: Operand, axes: tuple[int, ...], keepdims: bool) -> Text:
        """A sum over axes."""
        some = len(axes) < len(op.args[0].shape) or keepdims
        given = write_axes(axes, keepdims) if some else ""
        return f"{w(op.args[0], ATOM)}.sum({given})", ATOM

    def write_count(self, op: Any, w: Operand, axes: tuple[int, ...], dtype: Any) -> Text:
        """How many are true over axes, in the precision of the arrays: 1 / n is computed in it."""
        given = f"{write_axes(axes, True)}, dtype=np.{dtype.name}"
        return f"{w(op.args[0], ATOM)}.sum({given})", ATOM

    def write_max_over(self, op: Any, w: Operand, axes: tuple[int, ...], keepdims: bool) -> Text:
        """The largest over axes."""
        return f"np.amax({w(op.args[0], CHOICE)}, {write_axes(axes, keepdims)})", ATOM

    def write_pick_rows(self, op: Any, w: Operand) -> Text:
        """From each row the entry of its class."""
        x, t = (w(arg, ATOM) for arg in op.args)
        return f"{x}[np.arange({op.shape[0]}), {t}]", ATOM

    def write_sum_of_squares(self, op: Any, w: Operand) -> Text:
        """The sum of all squares."""
        texts = [f"({w(x, SIGN)} * {w(x, SIGN)}).sum()" for x in op.args]
        return " + ".join(texts), SUM if len(texts) > 1 else ATOM

    def write_concatenate(self, op: Any, w: Operand, axis: int) -> Text:
        """Arrays joined along an axis."""
        return f"np.concatenate([{', '.join([w(x, CHOICE) for x in op.args])}], {axis})", ATOM


class Calls(Dialect):
    """NumPy's own functions."""

    forms = {name: FORMS[name] for name in ("add", "sub", "mul", "div")}
    plain = frozenset(forms)
    functions = {
        **ARRAY_NAMES, "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
        "pow": "power", "both": "logical_and",
    }  # fmt: skip
    prefix = "np."
    constants = NUMPY_CONSTANTS

    def number(self, x: float) -> str:
        """A constant."""
        return repr(x) if isinstance(x, int) else super().number(x)


FLOATS, READABLE, BUFFERED = Floats(), Readable(), Calls()

SCATTER = [  # what indexing pulls back to, where NumPy has no expression for it
    "def scatter(g, key, shape):",
    "    whole = np.zeros(shape, g.dtype)",
    "    np.add.at(whole, key, g)",
    "    return whole",
    "",
]


def write_full(op: Any, text: str) -> str:
    """An array that is full of one number, in the shape and precision of an operation."""
    return f"np.full({op.shape}, {text}, dtype=np.{op.dtype.name})"


def write_axes(axes: tuple[int, ...], keepdims: bool) -> str:
    """Axes as a function's arguments."""
    axis = axes[0] if len(axes) == 1 else axes
    return f"axis={axis}, keepdims=True" if keepdims else f"axis={axis}"


def write_key(key: Any, arrays: Iterable[str] = ()) -> str:
    """What stands in brackets: slices and numbers, arrays of numbers, names of arrays in holes."""
    remaining = iter(arrays)

    def part(k: Any) -> str:
        if isinstance(k, slice):
            ends = ["" if end is None else str(end) for end in (k.start, k.stop)]
            return ":".join(ends) + ("" if k.step is None else f":{k.step}")
        if hasattr(k, "tolist"):
            return f"np.asarray({k.tolist()})"
        if k is None or k is Ellipsis or isinstance(k, int):
            return "..." if k is Ellipsis else str(k)
        return next(remaining)

    return ", ".join(map(part, key)) if isinstance(key, tuple) else part(key)
