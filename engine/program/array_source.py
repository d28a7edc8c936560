"""The readable rendering of an array program: what one would write by hand.

All functions are those of a namespace ``np``, and of those only what NumPy, jax.numpy and torch
have in common, so that the same text runs with each of them. (Indexing by arrays of numbers that is
differentiated, and ``erf``, need NumPy or torch.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..rule import ATOM, POWER, PRODUCT, SIGN, SUM, Rule
from ..tensor.arrays import HOLE, NAMES
from ..tree import flatten
from .buffered import is_basic, key, literal, reachable
from .printing import WIDTH, Names, folded, wrapped
from .tape import Op, shape_of

Text = tuple[str, int]  # an expression and how tightly it binds

INFIX = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT),
    "matmul": ("@", PRODUCT), "less": ("<", SUM - 1), "less_equal": ("<=", SUM - 1),
    "greater": (">", SUM - 1), "greater_equal": (">=", SUM - 1), "equal": ("==", SUM - 1),
    "both": ("&", SUM),
}  # fmt: skip
SCATTER = [  # what indexing pulls back to, where NumPy has no expression for it
    "def scatter(g, key, shape):",
    "    whole = np.zeros(shape, g.dtype)",
    "    np.add.at(whole, key, g)",
    "    return whole",
    "",
]
INLINE = 40  # characters of an expression that is written where it is used


class Readable:
    """The text of a program.

    Args:
        name: of the function.
        arguments: the function's arguments by name; Ops or lists of them.
        ops: all quantities in order.
        sections: headings, each with the quantities that it ends with.
        result: what the function returns: Ops, numbers, lists and tuples of them.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[tuple[str, Any]],
        ops: Sequence[Op],
        sections: Mapping[int, str],
        result: Any,
    ) -> None:
        finals = flatten(result)
        needed = reachable(finals, arguments_of)
        self.ops = [op for op in ops if op in needed]
        self.names = Names([name, *(argument for argument, _ in arguments)])
        self.names.meet(self.ops)
        self.written: dict[Op, Text] = {}
        self.uses: dict[Op, int] = {}
        for op in self.ops:
            for x in op.args:
                if isinstance(x, Op):
                    self.uses[x] = self.uses.get(x, 0) + 1
        for x in finals:
            if isinstance(x, Op):
                self.uses[x] = self.uses.get(x, 0) + 1
        lines = self.unpack(arguments)
        for i, op in enumerate(ops):
            if i in sections:
                lines.append(f"# {sections[i]}")
            if op in needed and op.rule is not None:
                lines += self.line(op)
        lines = [
            line
            for line, after in zip(lines, [*lines[1:], "#"], strict=True)
            if not (line.startswith("#") and after.startswith("#"))
        ]
        returned = self.structure(result)
        if len(returned) + 11 > WIDTH:
            lines += ["return (", *folded(returned), ")"]
        else:
            lines.append(f"return {returned}")
        head = f"def {name}({', '.join(argument for argument, _ in arguments)}):"
        if any("scatter(" in line for line in lines):
            lines = [*SCATTER, *lines]
        self.text = "\n".join([head, *("    " + line for line in lines)]) + "\n"

    def unpack(self, arguments: Sequence[tuple[str, Any]]) -> list[str]:
        """The lines that take lists of arrays apart."""
        lines = []
        for name, x in arguments:
            if isinstance(x, Op):
                self.written[x] = name, ATOM
                self.names.names[id(x)] = name
                continue
            for op in flatten(x):
                self.written[op] = self.names.of(op), ATOM
            lines.append(f"{self.structure(x)} = {name}")
        return lines

    def structure(self, x: Any) -> str:
        """A result or an argument with its nesting."""
        if isinstance(x, list):
            return f"[{', '.join(map(self.structure, x))}]"
        if isinstance(x, tuple):
            return f"({', '.join(map(self.structure, x))}{',' * (len(x) == 1)})"
        return self.operand(x)[0]

    def line(self, op: Op) -> list[str]:
        """The assignment of one quantity; none if it stands where it is used."""
        text, level = self.expression(op)
        if not op.label and self.uses[op] == 1 and len(text) <= INLINE and op.of is None:
            self.written[op] = text, level
            return []
        if level == ATOM and text.isidentifier():
            self.written[op] = text, level
            return []
        name = self.names.of(op)
        self.written[op] = name, ATOM
        return wrapped(f"{name} = ", text)

    def operand(self, x: Any) -> Text:
        """An argument's text."""
        if isinstance(x, Op):
            return self.written[x]
        text = literal(x).removesuffix(".0")
        return text, SIGN if text.startswith("-") else ATOM

    def within(self, x: Any, least: int) -> str:
        """An argument's text, in parentheses if it binds less tightly than its place asks for."""
        text, level = self.operand(x)
        return f"({text})" if level < least else text

    def expression(self, op: Op) -> Text:
        """What computes a quantity."""
        name = op.name
        if name in INFIX:
            sign, level = INFIX[name]
            a, b = op.args
            loose = level + (name == "both" or level < SUM)
            return f"{self.within(a, loose)} {sign} {self.within(b, level + 1)}", level
        if name in ("pow", "power"):
            base, exponent = (*op.args, *op.params)
            return f"{self.within(base, ATOM)} ** {self.within(exponent, ATOM)}", POWER
        if name == "neg":
            return f"-{self.within(op.args[0], SIGN)}", SIGN
        writer: Callable[[Op], Text] | None = getattr(self, f"write_{name}", None)
        if writer:
            return writer(op)
        if isinstance(op.rule, Rule):
            return self.call(NAMES.get(name, name), op.args)
        return self.call(name, [*op.args, *op.params])

    def call(self, name: str, args: Sequence[Any]) -> Text:
        """A call of a function of the array library."""
        texts = [self.operand(x)[0] if isinstance(x, Op) else parameter(x) for x in args]
        return f"np.{name}({', '.join(texts)})", ATOM

    def write_linear(self, op: Op) -> Text:
        """A layer: weights and biases lie side by side."""
        x, p = (self.within(arg, ATOM) for arg in op.args)
        return f"{x} @ {p}[:, :-1].T + {p}[:, -1]", SUM

    def write_with_ones(self, op: Op) -> Text:
        """One more column, of ones."""
        x = self.within(op.args[0], ATOM)
        return f"np.concatenate([{x}, np.ones_like({x}[:, :1])], 1)", ATOM

    def write_reshape(self, op: Op) -> Text:
        """The same entries in another shape."""
        return f"{self.within(op.args[0], ATOM)}.reshape({parameter(op.params[0])})", ATOM

    def write_transpose(self, op: Op) -> Text:
        """The axes in another order."""
        x, axes = op.args[0], op.params[0]
        if axes == (1, 0):
            return f"{self.within(x, ATOM)}.T", ATOM
        return f"np.moveaxis({self.operand(x)[0]}, {axes}, {tuple(range(len(axes)))})", ATOM

    def write_broadcast_to(self, op: Op) -> Text:
        """An array repeated to a shape."""
        x, shape = op.args[0], op.params[0]
        if not isinstance(x, Op):
            return f"np.full({shape}, {literal(x)}, dtype=np.{op.dtype.name})", ATOM
        return f"np.broadcast_to({self.operand(x)[0]}, {shape})", ATOM

    def write_index(self, op: Op) -> Text:
        """Entries at a key."""
        k = op.params[0]
        return f"{self.within(op.args[0], ATOM)}[{key(k) if is_basic(k) else gather(k)}]", ATOM

    def write_scatter(self, op: Op) -> Text:
        """Zeros with entries added at a key."""
        g = self.operand(op.args[0])[0]
        k, shape = op.params
        return f"scatter({g}, np.index_exp[{key(k) if is_basic(k) else gather(k)}], {shape})", ATOM

    def write_gather(self, op: Op) -> Text:
        """Entries at a key with arrays that are computed."""
        return f"{self.within(op.args[0], ATOM)}[{self.key(op)}]", ATOM

    def write_scatter_at(self, op: Op) -> Text:
        """Zeros with entries added at such a key."""
        g = self.operand(op.args[0])[0]
        return f"scatter({g}, np.index_exp[{self.key(op)}], {op.params[1]})", ATOM

    def key(self, op: Op) -> str:
        """A key with names of arrays in its holes."""
        names = iter([self.operand(x)[0] for x in op.args[1:]])
        parts = [
            next(names) if k is HOLE else key(k) if is_basic(k) else gather(k)
            for k in (op.params[0] if isinstance(op.params[0], tuple) else (op.params[0],))
        ]
        return ", ".join(parts)

    def write_astype(self, op: Op) -> Text:
        """The numbers in another precision, which a plain number takes on by itself."""
        if op.args[0].weak:
            return self.operand(op.args[0])
        return f"{self.within(op.args[0], ATOM)}.astype(np.{op.dtype.name})", ATOM

    def write_sum_over(self, op: Op) -> Text:
        """A sum over axes."""
        return f"{self.within(op.args[0], ATOM)}.sum({axes(op)})", ATOM

    def write_max_over(self, op: Op) -> Text:
        """The largest over axes."""
        given = axes(op, always=True)
        return f"np.amax({self.operand(op.args[0])[0]}, {given})", ATOM

    def write_count(self, op: Op) -> Text:
        """How many are true."""
        return f"{self.within(op.args[0], ATOM)}.sum(axis={op.params[0]}, keepdims=True)", ATOM

    def write_select(self, op: Op) -> Text:
        """One of two, entry by entry."""
        condition, yes, no = op.args
        texts = [self.operand(yes)[0], self.operand(no)[0]]
        if not isinstance(yes, Op) and not isinstance(no, Op):
            like = next((x for x in condition.args if shape_of(x) == op.shape), None)
            if like is not None:  # so that the result has the precision of the others
                texts[1] = f"np.full_like({self.operand(like)[0]}, {literal(no)})"
        return f"np.where({self.operand(condition)[0]}, {', '.join(texts)})", ATOM

    def write_max(self, op: Op) -> Text:
        """The larger of two."""
        return self.larger(op, "maximum", "<")

    def write_min(self, op: Op) -> Text:
        """The smaller of two."""
        return self.larger(op, "minimum", ">")

    def larger(self, op: Op, function: str, sign: str) -> Text:
        """One of two numbers, by a comparison."""
        a, b = op.args
        if isinstance(a, Op) and isinstance(b, Op):
            return self.call(function, op.args)
        x, c = (a, b) if isinstance(a, Op) else (b, a)
        text, number = self.operand(x)[0], literal(c)
        return f"np.where({text} {sign} {number}, {number}, {text})", ATOM

    def write_pick_rows(self, op: Op) -> Text:
        """From each row the entry of its class."""
        x, t = (self.within(arg, ATOM) for arg in op.args)
        return f"{x}[np.arange({op.shape[0]}), {t}]", ATOM

    def write_one_hot(self, op: Op) -> Text:
        """A row of zeros with a 1 for each class."""
        t = self.within(op.args[0], ATOM)
        return f"({t}[:, None] == np.arange({op.params[0]})) * 1", PRODUCT

    def write_sum_of_squares(self, op: Op) -> Text:
        """The sum of all squares."""
        texts = [f"({x} * {x}).sum()" for x in (self.within(arg, SIGN) for arg in op.args)]
        return " + ".join(texts), SUM if len(texts) > 1 else ATOM

    def write_concatenate(self, op: Op) -> Text:
        """Arrays joined along an axis."""
        texts = ", ".join(self.operand(x)[0] for x in op.args)
        return f"np.concatenate([{texts}], {op.params[0]})", ATOM


def arguments_of(op: Op) -> list[Op]:
    """The quantities that an operation is computed from."""
    return [x for x in op.args if isinstance(x, Op)]


def parameter(x: Any) -> str:
    """A parameter as text."""
    return literal(x) if isinstance(x, (int, float)) else str(x)


def axes(op: Op, always: bool = False) -> str:
    """The axes of a sum as arguments."""
    over, keepdims = op.params
    given = []
    if always or len(over) < len(op.args[0].shape) or keepdims:
        given.append(f"axis={over[0] if len(over) == 1 else over}")
    if keepdims:
        given.append("keepdims=True")
    return ", ".join(given)


def gather(k: Any) -> str:
    """A key with arrays of numbers."""

    def part(x: Any) -> str:
        if hasattr(x, "tolist"):
            return f"np.asarray({x.tolist()})"
        return key(x)

    return ", ".join(map(part, k)) if isinstance(k, tuple) else part(k)
