"""The buffered rendering of an array program: NumPy calls that write into arrays made once.

What makes the difference, as measured: ``np.dot`` on contiguous arrays rather than ``@``,
constants as arrays without axes rather than Python numbers, ``np.putmask`` or a mask of bits for a
branch that passes nothing back, ``dot`` with ones rather than ``sum``; to run, functions by names
of their own, and the place that they write into by its position: a quarter of a small call's time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..rule import ArrayRule, Rule
from ..tensor.arrays import ARRAYS, Array
from .dialects import BUFFERED, write_key
from .ops import CONDITIONS, VIEWS, Op
from .storage import Storage, buffer_of, empty, is_maximum, operands

BY_NAME = {"np.maximum", "np.minimum"}  # which take the place to write into by its name only
MANY = 500  # entries from which on a mask of integers is worth its preparation
ARITHMETIC = ("add", "sub", "mul", "div")


class Buffered(Storage):
    """A program being written: its lines, and the arrays that they use.

    Args:
        ops, finals, homes: as of `Storage`.
        heirs: new numbers, with the arrays of the old, where they are written if nothing reads
            those any more.
        start: what the second part of the code begins with, if it is in two parts.

    Attributes:
        lines: the code; the second part begins at ``middle``.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        finals: Sequence[Any],
        homes: Mapping[Op, Array],
        heirs: Mapping[Any, Array],
        start: Op | None = None,
    ) -> None:
        super().__init__(ops, finals, homes)
        self.heirs = heirs
        self.lines: list[str] = []
        self.middle = 0
        first = set(ops[: ops.index(start)] if start is not None else ())
        for op in self.ops:
            self.place(op)
            if op in first:
                self.middle = len(self.lines)

    def place(self, op: Op) -> None:
        """Write the lines for one quantity."""
        if op.rule is None:
            self.settle(op, self.buffer(op))
            return
        if op in self.heirs and self.is_last(op, self.heirs[op]):
            self.homes.setdefault(op, self.heirs[op])
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

    # ------------------------------------------------------------ entry by entry

    def scalar(self, op: Op) -> str:
        """A number without axes as an expression."""
        if is_maximum(op):
            return f"np.maximum({self.names[op.args[2]]}, {BUFFERED.number(op.args[1])})"
        x = op.args[0]
        if op.name == "sum_over" and len(x.shape) == 1:
            ones = self.once("o", f"np.ones({x.shape}, {x.dtype.name!r})")
            return f"np.dot({ones}, {self.names[x]})"
        if op.name == "sum_over":
            return f"np.add.reduce({self.names[x]}, axis=None)"
        if op.name == "sum_of_squares":
            flat = [self.flat(part) for part in op.args]
            return " + ".join(f"np.dot({part}, {part})" for part in flat)
        if isinstance(op.rule, Rule) and has_function(op.name):
            return BUFFERED.write(op, self.operand)[0]
        return self.general(op)

    def flat(self, x: Op) -> str:
        """All entries in a row, in whatever order: a view where there is one."""
        name, flags = self.names[x], self.array(x).flags
        if flags.c_contiguous or flags.f_contiguous:
            return self.once("v", f"{name}{'' if flags.c_contiguous else '.T'}.reshape(-1)")
        return f"{name}.ravel()"

    def operand(self, x: Any, least: int) -> str:
        """A number without axes in an expression."""
        return self.names[x] if isinstance(x, Op) else BUFFERED.constant(x, least)

    def write_any(self, op: Op) -> str:
        """An entry-by-entry function of NumPy, or whatever the arrays' mathematics has."""
        is_root = op.name == "power" and op.params[0] == 0.5
        function = "np.sqrt" if is_root else BUFFERED.function(op.name)
        if not ((isinstance(op.rule, Rule) or op.name in CONDITIONS) and has_function(op.name)):
            return self.copied(op, self.general(op))
        kind = next(x.dtype for x in op.args if isinstance(x, Op))
        texts = [self.term(x, kind) for x in (*op.args, *(() if is_root else op.params))]
        return self.call(function, texts, self.destination(op))

    def call(self, function: str, texts: Sequence[str], out: str) -> str:
        """Write a call of a function of NumPy, into place."""
        place = f"out={out}" if function in BY_NAME else out
        self.lines.append(f"{function}({', '.join(texts)}, {place})")
        return out

    def copied(self, op: Op, text: str) -> str:
        """What an expression gives, copied into place."""
        out = self.buffer(op)
        self.lines.append(f"{out}[...] = {text}")
        return out

    def general(self, op: Op) -> str:
        """A call of the arrays' mathematics."""
        kind = op.dtype if op.dtype in ARRAYS else np.dtype("float64")
        texts = [self.term(x, kind) for x in op.args]
        if isinstance(op.rule, ArrayRule) and op.rule.variadic:
            texts = [f"({', '.join(texts)},)"]
        texts += [
            BUFFERED.constant(p, 0)
            if isinstance(p, (int, float))
            else self.once("k", write_value(p), p)
            for p in op.params
        ]
        m = self.once("m", f"ARRAYS[{write_value(kind)}]", ARRAYS[kind])
        return f"{m}.{op.name}({', '.join(texts)})"

    def write_astype(self, op: Op) -> str:
        """The numbers in another precision, copied into place."""
        return self.copied(op, self.term(op.args[0], op.dtype))

    # ------------------------------------------------------------ products and sums

    def write_linear(self, op: Op) -> str:
        """A layer's weighted sums and biases: [W b]·[h; 1]."""
        x, p = op.args
        out = self.buffer(op, "F")
        self.call("np.dot", [self.names[p], self.turned(self.ones[x])], self.turned(out))
        return out

    def write_matmul(self, op: Op) -> str:
        """A matrix product, stored like its left factor."""
        a, b = (self.names[x] for x in op.args)
        is_matrix = all(len(x.shape) == 2 for x in (op, *op.args))
        out = self.buffer(op)
        into = self.arrays[out]
        if is_matrix and into.flags.c_contiguous:
            self.call("np.dot", [a, b], out)
        elif is_matrix and into.flags.f_contiguous:
            self.call("np.dot", [self.turned(b), self.turned(a)], self.turned(out))
        else:
            self.call("np.matmul", [a, b], out)
        return out

    def write_sum_over(self, op: Op) -> str:
        """A sum over some axes, into place."""
        return self.reduced(op, "add")

    def write_max_over(self, op: Op) -> str:
        """The largest over some axes, into place."""
        return self.reduced(op, "maximum")

    def reduced(self, op: Op, function: str) -> str:
        """A reduction by a function of NumPy, into place."""
        x, (axes, keepdims) = self.names[op.args[0]], op.params
        out = self.buffer(op, "C")
        self.lines.append(f"np.{function}.reduce({x}, axis={axes}, out={out}, keepdims={keepdims})")
        return out

    # ------------------------------------------------------------ choices and parts

    def write_select(self, op: Op) -> str:
        """One of two, entry by entry; max(x, c) where that is what it comes to."""
        condition, yes, no = op.args
        kind = op.dtype
        if is_maximum(op):
            c = self.constant(yes, kind)
            return self.call("np.maximum", [self.names[no], c], self.destination(op))
        out, mask = self.destination(op, [no]), self.names[condition]
        if self.is_gate(op):
            self.write_gate(op, out, mask)
            return out
        if self.names.get(no) != out:
            self.lines.append(f"{out}[...] = {self.term(no, kind)}")
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
            and str(float(yes)) == "0.0"  # a mask of bits makes no −0
            and condition.shape == no.shape == op.shape
            and prod(op.shape) >= MANY
        )

    def write_gate(self, op: Op, out: str, mask: str) -> None:
        """Where the condition holds 0: all bits of the others stay, by a mask of integers.

        Unlike a product with 0 this also stops inf and nan; unlike `putmask` it does not branch,
        which is ten times as fast.
        """
        whole = f"'i{op.dtype.itemsize}'"
        bits, small = (
            self.once("k", empty(op.shape, self.order(op), kind)) for kind in (whole, "'i1'")
        )
        flags = self.once("v", f"{mask}.view('i1')")
        source = self.once("v", f"{self.names[op.args[2]]}.view({whole})")
        target = self.once("v", f"{out}.view({whole})")
        one = self.constant(1, np.dtype("i1"))
        self.call("np.subtract", [flags, one], small)
        self.lines.append(f"{bits}[...] = {small}")  # quicker than a call that converts
        self.call("np.bitwise_and", [source, bits], target)

    def write_one_hot(self, op: Op) -> str:
        """For each class a row of zeros with a 1 in its place."""
        column = self.once("v", f"{self.names[op.args[0]]}[..., None]")
        classes = self.once("k", f"np.arange({op.params[0]})")
        mask = self.new("b", empty(op.shape, "F", "'bool'"))
        self.call("np.equal", [column, classes], mask)
        readers = [x for x in self.ops if op in operands(x)]
        if op not in self.finals and all(x.name in ARITHMETIC for x in readers):
            self.kept.add(op)
            return mask  # in arithmetic true is 1
        return self.copied(op, mask)

    def write_pick_rows(self, op: Op) -> str:
        """From each row the entry of its class."""
        x, t = op.args
        if len(x.shape) != 2:
            return self.copied(op, self.general(op))
        rows = self.once("k", f"np.arange({x.shape[0]})")
        return self.copied(op, f"{self.names[x]}[{rows}, {self.names[t]}]")

    def write_concatenate(self, op: Op) -> str:
        """Arrays joined; parts that were written in place are there already."""
        if buffer_of(op) is not None:
            return self.home(op)
        out = self.buffer(op)
        whole, axis, start = self.arrays[out], op.params[0], 0
        for part in op.args:
            stop = start + part.shape[axis]
            place = (slice(None),) * axis + (slice(start, stop),)
            start = stop
            here, there = whole[place], self.array(part)
            if not (here.size == there.size and np.shares_memory(here, there)):
                self.lines.append(f"{out}[{write_key(place)}] = {self.names[part]}")
        return out

    def write_require(self, op: Op) -> str:
        """A check of targets."""
        (t,), (targets,) = op.args, op.params
        self.lines.append(f"{self.once('k', repr(targets), targets)}.check({self.names[t]})")
        return self.names[t]


def has_function(name: str) -> bool:
    """Whether NumPy itself has the function, or the operator, of a row: it has no erf."""
    return name in BUFFERED.forms or hasattr(np, BUFFERED.function(name).removeprefix("np."))


def write_value(x: Any) -> str:
    """A parameter as an expression: a shape, a precision, a key with arrays in it."""
    if isinstance(x, tuple):
        return f"({''.join(f'{write_value(part)}, ' for part in x)})"
    if isinstance(x, np.ndarray):
        return f"np.array({x.tolist()}, {x.dtype.name!r})"
    return f"np.dtype({x.name!r})" if isinstance(x, np.dtype) else repr(x)
