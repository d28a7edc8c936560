"""The buffered rendering of an array program: NumPy calls that write into arrays made once.

Every quantity gets a place before the program first runs. Views (reshaped, transposed, sliced)
are made then, too, and cost nothing later. An array that a layer multiplies lies in a larger one
with a row of ones, so that the bias is one more column: ``[W b]·[h; 1]``. Such arrays are stored
with the samples along the last axis, which makes that row contiguous. A place is used again once
its quantity is no longer needed.

What makes the difference, as measured: ``np.dot`` on contiguous arrays rather than ``@``,
constants as arrays without axes rather than Python numbers, ``np.putmask`` or a mask of bits for a
branch that passes nothing back, ``dot`` with ones rather than ``sum``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..rule import ARRAY_NAMES, ArrayRule, Rule
from ..tensor.arrays import ARRAYS, Array
from .dialects import write_key
from .tape import CONDITIONS, Op
from .write import reachable

UFUNCS = {"add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative",
          "pow": "power", "power": "power", "both": "logical_and"} | ARRAY_NAMES  # fmt: skip
VIEWS = {"reshape", "transpose", "broadcast_to", "index", "with_ones"}
BLOCK = 8192  # entries of a long array that are computed with at a time
MANY = 500  # entries from which on a mask of integers is worth its preparation
ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


class Long(NamedTuple):
    """A line on long flat arrays."""

    op: Op
    ufunc: str
    texts: list[str]
    out: str


class Buffered:
    """A program being written: its lines, and the arrays that they use.

    Args:
        ops: what to compute, in order.
        finals: the results, whose places are never used again.
        homes: places for some of them that exist already, such as a parameter's gradient.
        start: what the second part of the code begins with, if it is in two parts.

    Attributes:
        lines: the code; the second part begins at ``middle``.
        arrays: what the names in it stand for.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        finals: Sequence[Any],
        homes: Mapping[Op, Array] | None = None,
        start: Op | None = None,
    ) -> None:
        self.middle = 0
        self.long: dict[int, Long] = {}  # lines on long flat arrays
        self.arrays: dict[str, Any] = {"np": np}  # by the names that the code uses
        self.setup: list[str] = []
        self.lines: list[str] = []
        self.names: dict[Op, str] = {}  # of each quantity's place, or scalar variable
        self.root: dict[Op, Op] = {}  # whose place a view looks at
        self.uses: dict[Op, int] = {}  # of a place, by quantities still to be computed
        self.free: dict[Any, list[str]] = {}  # places by shape, precision and order
        self.homes = dict(homes or {})
        self.finals = {x for x in finals if isinstance(x, Op)}
        self.layers = {op.args[0] for op in ops if op.name in ("with_ones", "linear")}
        self.kept: set[Op] = set()  # whose places are of another kind
        self.ones: dict[Op, str] = {}  # the larger array with a row of ones
        self.batches = {op.shape[0] for op in ops if op.name == "linear"}
        needed = reachable(finals, operands)
        self.ops = [op for op in ops if op in needed]
        self.consumers: dict[Op, int] = {}
        for op in self.ops:
            for x in operands(op):
                self.consumers[x] = self.consumers.get(x, 0) + 1
        for op in self.ops:
            if op.name == "concatenate":
                settle_parts(op, self.homes, self.layers)
        begin = ops.index(start) if start is not None else 0
        first = set(ops[:begin])
        for op in self.ops:
            self.place(op)
            if op in first:
                self.middle = len(self.lines)
        if start is None:
            self.block()

    # ------------------------------------------------------------ names and places

    def new(self, prefix: str, expression: str, array: Any = None) -> str:
        """A name for an array, which the setup makes by the expression."""
        name = f"{prefix}{len(self.setup)}"
        self.setup.append(f"{name} = {expression}")
        self.arrays[name] = eval(expression, self.arrays) if array is None else array
        return name

    def constant(self, x: Any, dtype: np.dtype[Any]) -> str:
        """The name of a plain number as an array without axes."""
        expression = f"np.array({literal(x)}, {dtype.name!r})"
        for line in self.setup:
            if line.endswith(f" = {expression}"):
                return line.partition(" ")[0]
        return self.new("c", expression)

    def written(self, results: Sequence[Any]) -> str:
        """The results as a list in the code."""
        return f"[{', '.join(self.names[x] if isinstance(x, Op) else repr(x) for x in results)}]"

    def array(self, op: Op) -> Array:
        """The array at a quantity's place."""
        return self.arrays[self.names[op]]  # type: ignore[no-any-return]

    def place_of(self, op: Op) -> Array | None:
        """The array of what is given; None if nothing needs it."""
        return self.array(op) if op in self.names else None

    def is_scalar(self, x: Any) -> bool:
        """Whether it is a number without axes, kept in a local variable."""
        return not isinstance(x, Op) or (not x.shape and x.rule is not None)

    def term(self, x: Any, dtype: np.dtype[Any]) -> str:
        """An operand in the code."""
        return self.names[x] if isinstance(x, Op) else self.constant(x, dtype)

    def buffer(self, op: Op, order: str) -> str:
        """A place for a quantity: its home, one that is free, or a new one."""
        if op in self.homes:
            return self.new("g", f"…  # {op.shape}", self.homes[op])
        if op in self.layers and len(op.shape) == 2:
            return self.augmented(op, order)
        if pool := self.free.get((op.shape, op.dtype, order)):
            return pool.pop()
        shape = op.shape[::-1] if order == "F" else op.shape
        turned = ".T" if order == "F" else ""
        return self.new("b", f"np.empty({shape}, {op.dtype.name!r}){turned}")

    def augmented(self, op: Op, order: str) -> str:
        """A place inside a larger one that has ones beside it."""
        n, k = op.shape
        if order == "F":
            whole = self.new("h", f"np.ones(({k + 1}, {n}), {op.dtype.name!r}).T")
        else:
            whole = self.new("h", f"np.ones(({n}, {k + 1}), {op.dtype.name!r})")
        self.ones[op] = whole
        return self.new("b", f"{whole}[:, :-1]")

    def order(self, op: Op) -> str:
        """Whether a matrix is stored with its rows ("C") or columns ("F") contiguous.

        What has a row for each sample of a network's batch is stored by columns.
        """
        return "F" if len(op.shape) == 2 and op.shape[0] in self.batches else "C"

    def retire(self, op: Op) -> None:
        """Count the uses of the operands' places down; those of the last use become free."""
        for x in operands(op):
            root = self.root[x]
            self.uses[root] -= 1
            if self.uses[root] == 0 and root.rule and root.shape and not self.is_kept(root):
                place = (root.shape, root.dtype, self.order(root))
                self.free.setdefault(place, []).append(self.names[root])

    def is_kept(self, op: Op) -> bool:
        """Whether a quantity's place is for it alone."""
        return op in self.homes or op in self.ones or op in self.finals or op in self.kept

    def settle(self, op: Op, name: str, root: Op | None = None) -> None:
        """Note where a quantity lies, and free what was needed for it alone."""
        self.names[op] = name
        self.root[op] = root = root or op
        again = self.consumers.get(op, 0) + (op in self.finals)
        self.uses[root] = self.uses.get(root, 0) + again

    # ------------------------------------------------------------ one operation after another

    def place(self, op: Op) -> None:
        """Write the lines for one quantity."""
        if op.rule is None:
            self.settle(op, self.given(op))
            return
        if op.name in VIEWS and self.view(op):
            self.retire(op)
            return
        if not op.shape and op.dtype.kind == "f" and op.name != "astype":
            name = f"s{len(self.lines)}"
            self.lines.append(f"{name} = {self.scalar(op)}")
            self.settle(op, name)
        else:
            writer: Callable[[Op], str] = getattr(self, f"write_{op.name}", self.write_any)
            self.settle(op, writer(op))
        self.retire(op)

    def given(self, op: Op) -> str:
        """The place of what the program does not compute."""
        if op in self.homes:
            return self.new("p", f"…  # {op.label or 'given'}, {op.shape}", self.homes[op])
        if op in self.layers and len(op.shape) == 2:
            return self.augmented(op, "C")
        return self.new("x", f"np.empty({op.shape}, {op.dtype.name!r})")

    def view(self, op: Op) -> bool:
        """Whether the quantity is a view of another's place, which is then made."""
        x = op.args[0]
        if not isinstance(x, Op) or self.is_scalar(x) or op in self.homes or op in self.layers:
            return False
        if op.name == "with_ones":
            if x not in self.ones:
                return False
            self.settle(op, self.ones[x], self.root[x])
            return True
        name = self.names[x]
        expression = {
            "reshape": lambda: f"{name}.reshape({op.params[0]})",
            "transpose": lambda: f"{name}.transpose({op.params[0]})",
            "broadcast_to": lambda: f"np.broadcast_to({name}, {op.params[0]})",
            "index": lambda: f"{name}[{write_key(op.params[0])}]",
        }[op.name]()
        if not expression or expression == "None]":
            return False
        if op.name == "index" and not is_basic(op.params[0]):
            return False
        array = eval(expression, self.arrays)
        if array.size and not np.shares_memory(array, self.array(x)):
            return False
        self.settle(op, self.new("v", expression), self.root[x])
        return True

    def scalar(self, op: Op) -> str:
        """A number without axes as an expression."""
        if is_maximum(op):
            return f"np.maximum({self.names[op.args[2]]}, {literal(op.args[1])})"
        texts = [self.names[x] if isinstance(x, Op) else literal(x) for x in (*op.args, *op.params)]
        if op.name in ARITHMETIC:
            return f"{texts[0]} {ARITHMETIC[op.name]} {texts[1]}"
        x = op.args[0]
        if op.name == "sum_over" and len(x.shape) == 1:
            ones = self.new("o", f"np.ones({x.shape}, {x.dtype.name!r})")
            return f"np.dot({ones}, {texts[0]})"
        if op.name == "sum_over":
            return f"np.add.reduce({texts[0]}, axis=None)"
        if op.name == "sum_of_squares":
            squares = []
            for part in op.args:
                flat = self.new("v", f"{self.names[part]}.reshape(-1)")
                squares.append(f"np.dot({flat}, {flat})")
            return " + ".join(squares)
        if isinstance(op.rule, Rule):
            return f"np.{UFUNCS.get(op.name, op.name)}({', '.join(texts)})"
        return self.general(op)

    def write_any(self, op: Op) -> str:
        """An entry-by-entry function of NumPy, or whatever the arrays' mathematics has."""
        if isinstance(op.rule, Rule) or op.name in CONDITIONS:
            is_root = op.name == "power" and op.params[0] == 0.5
            ufunc = "sqrt" if is_root else UFUNCS.get(op.name, op.name)
            if not hasattr(np, ufunc):
                return self.copied(op)
            kind = next(x.dtype for x in op.args if isinstance(x, Op))
            texts = [self.term(x, kind) for x in op.args]
            texts += [self.constant(x, kind) for x in op.params if not is_root]
            out = self.destination(op)
            if self.is_long(op):
                self.long[len(self.lines)] = Long(op, ufunc, texts, out)
            self.lines.append(f"np.{ufunc}({', '.join(texts)}, out={out})")
            return out
        return self.copied(op)

    def copied(self, op: Op) -> str:
        """The arrays' mathematics' own function, copied into place."""
        text = self.general(op)
        out = self.buffer(op, self.order(op))
        self.lines.append(f"np.copyto({out}, {text})")
        return out

    def general(self, op: Op) -> str:
        """A call of the arrays' mathematics."""
        kind = op.dtype if op.dtype in ARRAYS else np.dtype("float64")
        self.arrays["m"] = ARRAYS[kind]
        texts = [self.term(x, kind) for x in op.args]
        if isinstance(op.rule, ArrayRule) and op.rule.variadic:
            texts = [f"({', '.join(texts)},)"]
        for p in op.params:
            if isinstance(p, (str, np.dtype)) or p is None or not isinstance(p, (int, float, bool)):
                texts.append(self.new("k", f"…  # {op.name}", p))
            else:
                texts.append(literal(p))
        return f"m.{op.name}({', '.join(texts)})"

    def destination(self, op: Op) -> str:
        """Where an entry-by-entry operation writes: over an operand that is needed no more."""
        for x in operands(op):
            if self.dies_here(x, op):
                return self.take_over(x)
        return self.buffer(op, self.order(op))

    def dies_here(self, x: Op, op: Op) -> bool:
        """Whether this is the last use of an operand's place, which the result fits and may have.

        What has a home, or ones beside it, has a place of its own.
        """
        return (
            op not in self.homes
            and op not in self.layers
            and x.rule is not None
            and self.root[x] is x
            and (x.shape, x.dtype) == (op.shape, op.dtype)
            and self.uses[x] == operands(op).count(x)
            and not self.is_kept(x)
            and bool(x.shape)
        )

    def take_over(self, x: Op) -> str:
        """The place of an operand that is not needed after this."""
        self.uses[x] += 1  # never freed: the result has it now
        return self.names[x]

    def is_long(self, op: Op) -> bool:
        """Whether an operation goes along flat arrays that no cache holds."""
        return (
            len(op.shape) == 1
            and op.shape[0] >= 4 * BLOCK
            and all(x.shape in ((), op.shape) for x in op.args if isinstance(x, Op))
        )

    def block(self) -> None:
        """Let consecutive lines on long arrays work block by block, while it is in the cache.

        What one of them computes for the next alone needs no more than a block.
        """
        for last in sorted(self.long, reverse=True):
            if last + 1 in self.long:
                continue
            start = last
            while (
                start - 1 in self.long and self.long[start - 1].op.shape == self.long[last].op.shape
            ):
                start -= 1
            run = [self.long[i] for i in range(start, last + 1)]
            if len(run) > 1:
                self.lines[start : last + 1] = self.blocked(run)

    def blocked(self, run: Sequence[Long]) -> list[str]:
        """The loop over blocks of a run of lines."""
        size = run[0].op.shape[0]
        passing = {step.op for step in run if self.passes_on(step.op, run)}
        parts: dict[str, str] = {}  # what a block is called, by the expression that gives it
        place: dict[str, str] = {}  # the expressions of arrays that the run writes

        def part(array: str) -> str:
            expression = place.get(array, f"{array}[i : i + {BLOCK}]")
            return parts.setdefault(expression, f"part{len(parts)}")

        body = []
        for step in run:
            texts = [
                part(text) if np.ndim(self.arrays.get(text, 0.0)) else text for text in step.texts
            ]
            place.pop(step.out, None)
            if step.op in passing:
                small = self.new("b", f"np.empty({BLOCK}, {step.op.dtype.name!r})")
                place[step.out] = f"{small}[: {size} - i]"
            body.append(f"    np.{step.ufunc}({', '.join(texts)}, out={part(step.out)})")
        blocks = self.new("k", f"[({', '.join(parts)},) for i in range(0, {size}, {BLOCK})]")
        return [f"for {', '.join(parts.values())} in {blocks}:", *body]

    def passes_on(self, op: Op, run: Sequence[Long]) -> bool:
        """Whether a quantity is only needed by other lines of a run."""
        uses = sum(operands(step.op).count(op) for step in run)
        return op not in self.homes and self.consumers.get(op, 0) == uses and op not in self.finals

    def write_astype(self, op: Op) -> str:
        """The numbers in another precision, copied into place."""
        out = self.buffer(op, self.order(op))
        self.lines.append(f"{out}[...] = {self.term(op.args[0], op.dtype)}")
        return out

    def write_linear(self, op: Op) -> str:
        """A layer's weighted sums and biases: [W b]·[h; 1]."""
        x, p = op.args
        out = self.buffer(op, "F")
        self.lines.append(
            f"np.dot({self.names[p]}, {self.turned(self.ones[x])}, {self.turned(out)})"
        )
        return out

    def write_matmul(self, op: Op) -> str:
        """A matrix product, stored like its left factor."""
        a, b = (self.names[x] for x in op.args)
        if len(op.shape) != 2 or any(len(x.shape) != 2 for x in op.args):
            out = self.buffer(op, "C")
            self.lines.append(f"np.matmul({a}, {b}, out={out})")
            return out
        order = self.order(op)
        out = self.buffer(op, order)
        into = self.arrays[out]
        if into.flags.c_contiguous:
            self.lines.append(f"np.dot({a}, {b}, {out})")
        elif into.flags.f_contiguous:
            self.lines.append(f"np.dot({self.turned(b)}, {self.turned(a)}, {self.turned(out)})")
        else:
            self.lines.append(f"np.matmul({a}, {b}, out={out})")
        return out

    def turned(self, name: str) -> str:
        """The name of the transposed view of a matrix."""
        expression = f"{name}.T"
        for line in self.setup:
            if line.endswith(f" = {expression}"):
                return line.partition(" ")[0]
        return self.new("v", expression)

    def write_concatenate(self, op: Op) -> str:
        """Arrays joined; parts that were written in place are there already."""
        if buffer_of(op) is not None:
            return self.new("p", f"…  # {op.shape}", self.homes[op])
        out = self.buffer(op, self.order(op))
        whole, start = self.arrays[out], 0
        for part in op.args:
            axis = op.params[0]
            stop = start + part.shape[axis]
            place = (slice(None),) * axis + (slice(start, stop),)
            start = stop
            here, there = whole[place], self.array(part)
            if not (here.size == there.size and np.shares_memory(here, there)):
                self.lines.append(f"{out}[{write_key(place)}] = {self.names[part]}")
        return out

    def write_select(self, op: Op) -> str:
        """One of two, entry by entry; max(x, c) where that is what it comes to."""
        condition, yes, no = op.args
        kind = op.dtype
        if is_maximum(op):
            out = self.destination(op)
            self.lines.append(
                f"np.maximum({self.names[no]}, {self.constant(yes, kind)}, out={out})"
            )
            return out
        if self.is_gate(op):
            return self.write_gate(op)
        if isinstance(no, Op) and self.dies_here(no, op):
            out = self.take_over(no)
        else:
            out = self.buffer(op, self.order(op))
            self.lines.append(f"np.copyto({out}, {self.term(no, kind)})")
        mask = self.names[condition]
        if isinstance(yes, Op) or condition.shape != op.shape:
            self.lines.append(f"np.copyto({out}, {self.term(yes, kind)}, where={mask})")
        else:
            self.lines.append(f"np.putmask({out}, {mask}, {self.constant(yes, kind)})")
        return out

    def is_gate(self, op: Op) -> bool:
        """Whether a choice lets numbers through or makes them 0, and there are many of them."""
        condition, yes, no = op.args
        return (
            isinstance(no, Op)
            and not isinstance(yes, Op)
            and yes == 0
            and condition.shape == no.shape == op.shape
            and prod(op.shape) >= MANY
        )

    def write_gate(self, op: Op) -> str:
        """Where the condition holds 0: all bits of the others stay, by a mask of integers.

        Unlike a product with 0 this also stops inf and nan; unlike `putmask` it does not branch,
        which is ten times as fast.
        """
        condition, _, no = op.args
        out = self.take_over(no) if self.dies_here(no, op) else self.buffer(op, self.order(op))
        whole = f"'i{op.dtype.itemsize}'"
        bits = self.new("k", f"np.empty_like({out}, {whole})")
        flags = self.new("v", f"{self.names[condition]}.view('i1')")
        source = self.new("v", f"{self.names[no]}.view({whole})")
        target = self.new("v", f"{out}.view({whole})")
        one = self.constant(1, np.dtype("i1"))
        self.lines.append(f"np.subtract({flags}, {one}, out={bits})")
        self.lines.append(f"np.bitwise_and({source}, {bits}, out={target})")
        return out

    def write_one_hot(self, op: Op) -> str:
        """For each class a row of zeros with a 1 in its place."""
        column = self.new("v", f"{self.names[op.args[0]]}[..., None]")
        classes = self.new("k", f"np.arange({op.params[0]})")
        mask = self.new("b", f"np.empty({op.shape[::-1]}, 'bool').T")
        self.lines.append(f"np.equal({column}, {classes}, out={mask})")
        readers = [x for x in self.ops if op in operands(x)]
        if op not in self.finals and all(x.name in ARITHMETIC for x in readers):
            self.kept.add(op)
            return mask  # in arithmetic true is 1
        out = self.buffer(op, self.order(op))
        self.lines.append(f"np.copyto({out}, {mask})")
        return out

    def write_pick_rows(self, op: Op) -> str:
        """From each row the entry of its class."""
        x, t = op.args
        if len(x.shape) != 2:
            return self.copied(op)
        rows = self.new("k", f"np.arange({x.shape[0]})")
        picked = f"{self.names[x]}[{rows}, {self.names[t]}]"
        if op not in self.finals and op not in self.homes:
            self.kept.add(op)
            name = f"picked{len(self.lines)}"
            self.arrays[name] = np.empty(op.shape, op.dtype)
            self.lines.append(f"{name} = {picked}")
            return name
        out = self.buffer(op, "C")
        self.lines.append(f"np.copyto({out}, {picked})")
        return out

    def write_require(self, op: Op) -> str:
        """A check of targets."""
        (t,), (targets,) = op.args, op.params
        self.lines.append(f"{self.new('k', '…  # targets', targets)}.check({self.names[t]})")
        return self.names[t]

    def write_sum_over(self, op: Op) -> str:
        """A sum over some axes, into place."""
        return self.reduced(op, "add")

    def write_max_over(self, op: Op) -> str:
        """The largest over some axes, into place."""
        return self.reduced(op, "maximum")

    def reduced(self, op: Op, ufunc: str) -> str:
        """A reduction by a function of NumPy, into place."""
        axes, keepdims = op.params
        out = self.buffer(op, "C")
        self.lines.append(
            f"np.{ufunc}.reduce({self.names[op.args[0]]}, axis={axes}, out={out}, "
            f"keepdims={keepdims})"
        )
        return out


def is_maximum(op: Op) -> bool:
    """Whether a choice is the larger of a quantity and a number."""
    if op.name != "select":
        return False
    condition, yes, no = op.args
    return (
        condition.name in ("less", "less_equal")
        and condition.args[0] is no
        and not isinstance(yes, Op)
        and condition.args[1] == yes
    )


def operands(op: Op) -> list[Op]:
    """The quantities that the lines for one read."""
    args = op.args[2:] if is_maximum(op) else op.args
    return [x for x in args if isinstance(x, Op)]


def settle_parts(op: Op, homes: dict[Op, Array], layers: Container[Op]) -> None:
    """Let the parts of a flat array be written where they will lie in it."""
    if len(op.shape) != 1:
        return
    if (array := buffer_of(op)) is not None:
        homes[op] = array
        return
    whole = homes.setdefault(op, np.empty(op.shape, op.dtype))
    start = 0
    for part in op.args:
        stop = start + part.shape[0]
        x = part.args[0] if part.name == "reshape" else part
        if x.rule and x.name not in VIEWS and x not in homes and x not in layers:
            homes[x] = whole[start:stop].reshape(x.shape)
        start = stop


def buffer_of(op: Op) -> Array | None:
    """The array that lies behind parameters which are joined, if they are all of its parts."""
    parts = [x.args[0] if x.name == "reshape" else x for x in op.args]
    buffer = getattr(parts[0].leaf, "_buffer", None)
    if buffer is None or [x.leaf for x in parts] != buffer.views:
        return None
    return buffer.whole._data  # type: ignore[no-any-return]


def literal(x: Any) -> str:
    """A number in the code."""
    text = repr(float(x)) if isinstance(x, float) else repr(x)
    return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)


def is_basic(k: Any) -> bool:
    """Whether a key consists of slices and numbers, so that it gives a view."""
    parts = k if isinstance(k, tuple) else (k,)
    return all(part is None or part is Ellipsis or isinstance(part, (slice, int)) for part in parts)
