"""The loops rendering of an array program: single numbers in arrays, for a compiler.

Every operation becomes a loop over the entries of its result, with the lengths of all axes written
out, so that a compiler can unroll and vectorise. What is computed entry by entry and used once is
written into the loop that uses it.

A matrix with a row for each sample of a batch is stored turned, so that the innermost loop is a
long one; where a layer needs it, with a row of ones below, by which a bias is
one more weight. Matrix products are calls of the few functions in `engine.program.kernels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..rule import ATOM, TABLE, Rule
from ..rules import ALL_BUT_LAST
from ..symbol import BOTH, EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, WHERE
from ..tensor.arrays import HOLE, filled
from .printing import LOOPS
from .tape import Op

FORMS = {
    "less": LESS, "less_equal": LESS_EQUAL, "greater": GREATER, "greater_equal": GREATER_EQUAL,
    "equal": EQUAL, "both": BOTH,
}  # fmt: skip
MOVED = ("transpose", "broadcast_to", "index", "astype")

Text = tuple[list[Any], int]


class UnwrittenError(Exception):
    """An operation has no loop: programs with it are not compiled."""


class LoopPrinter:
    """Writes the operations of an array program as loops.

    Args:
        ops: what to compute, in order.
        finals: the results.

    Attributes:
        lines: the code.
        buffers: the arrays that the code uses, by name.
        names: of the Ops that have an array.
    """

    def __init__(self, ops: Sequence[Op], finals: Sequence[Any]) -> None:
        self.lines: list[str] = []
        self.buffers: dict[str, Any] = {}
        self.names: dict[Op, str] = {}
        self.uses: dict[Op, int] = {}
        self.ones: dict[Op, str] = {}
        self.batches = {op.shape[0] for op in ops if op.name == "linear"}
        self.layers = {op.args[0] for op in ops if op.name in ("linear", "with_ones")}
        self.finals = {x for x in finals if isinstance(x, Op)}
        needed: set[Op] = set()
        stack = list(self.finals)
        while stack:
            op = stack.pop()
            if op not in needed:
                needed.add(op)
                stack += [x for x in op.args if isinstance(x, Op)]
        for op in ops:
            if op in needed:
                for x in {x for x in op.args if isinstance(x, Op)}:
                    self.uses[x] = self.uses.get(x, 0) + 1
        for op in ops:
            if op in needed or op.rule is None:
                self.write(op)

    def is_turned(self, op: Op) -> bool:
        """Whether a matrix is stored with its columns as rows: one with a row for each sample."""
        return len(op.shape) == 2 and op.shape[0] in self.batches and op.shape[0] > op.shape[1]

    # ------------------------------------------------------------ one operation after another

    def write(self, op: Op) -> None:
        """The loop for one operation, if it is not written where it is used."""
        if op.rule is None:
            self.array(op)
            return
        if op not in self.finals:
            if op.name in MOVED and not self.is_gather(op):
                return
            if self.is_elementwise(op) and self.uses.get(op, 1) == 1:
                return
            if op.name in FORMS:
                return
        writer = getattr(self, f"write_{op.name}", None)
        if writer is not None:
            writer(op)
        elif self.is_elementwise(op) or op.name in (*MOVED, "reshape"):
            self.fill(op, op)
        else:
            raise UnwrittenError(op.name)

    def is_elementwise(self, op: Op) -> bool:
        """Whether an entry of the result depends on entries in the same place."""
        return isinstance(op.rule, Rule) or op.name in FORMS or op.name == "select"

    def is_gather(self, op: Op) -> bool:
        """Whether it picks entries by an array of indices."""
        return op.name == "index" and any(isinstance(k, np.ndarray) for k in as_tuple(op.params[0]))

    def array(self, op: Op) -> str:
        """A new array for a result; for one number, a variable."""
        if not op.shape and op.rule is not None:
            self.names[op] = f"s{len(self.names)}"
            return self.names[op]
        name = self.names[op] = f"a{len(self.buffers)}"
        shape = op.shape[::-1] if self.is_turned(op) else op.shape
        if op in self.layers and self.is_turned(op):
            self.ones[op] = f"h{len(self.buffers)}"
            self.buffers[self.ones[op]] = np.ones((shape[0] + 1, shape[1]), op.dtype)
            self.buffers[name] = self.buffers[self.ones[op]][:-1]
        else:
            self.buffers[name] = np.zeros(shape, op.dtype)
        return name

    def fill(self, op: Op, source: Op) -> None:
        """A loop that computes every entry."""
        indices = all_indices(op.shape)
        text = joined(self.entry(source, indices))
        self.array(op)
        self.loop(op, [f"{self.cell(op, indices)} = {text}"])

    def cell(self, op: Op, indices: Sequence[str]) -> str:
        """An entry of an array, or the variable."""
        if not op.shape and op.rule is not None:
            return self.names[op]
        order = list(indices)[::-1] if self.is_turned(op) else indices
        return f"{self.names[op]}[{', '.join(order) or '()'}]"

    def loop(self, op: Op, body: Sequence[str]) -> None:
        """Nested loops over the axes in the order of storage, but for those of length 1."""
        axes = [(n, i) for n, i in zip(op.shape, "ijkl", strict=False) if n != 1]
        if self.is_turned(op):
            axes = axes[::-1]
        for depth, (n, i) in enumerate(axes):
            self.lines.append("    " * depth + f"for {i} in range({n}):")
        self.lines += ["    " * len(axes) + line for line in body]

    def copy(self, target: Op, x: Any) -> None:
        """A loop that copies a quantity's entries."""
        indices = all_indices(target.shape)
        text = joined(self.entry(x, indices))
        self.loop(target, [f"{self.cell(target, indices)} = {text}"])

    # ------------------------------------------------------------ entries

    def entry(self, x: Any, indices: Sequence[str]) -> Text:
        """One entry of a quantity as an expression."""
        if not isinstance(x, Op):
            text = LOOPS.number(float(x))
            return [text], ATOM - 2 * text.startswith("-")
        indices = broadcast(x.shape, indices)
        if x in self.names:
            return [self.cell(x, indices)], ATOM
        if x.name == "select":
            condition, yes, no = (self.entry(part, indices) for part in x.args)
            return LOOPS.head(WHERE, [yes, condition, no])
        if x.name in FORMS:
            return LOOPS.head(FORMS[x.name], [self.entry(part, indices) for part in x.args])
        if x.name == "transpose":
            order = x.params[0]
            return self.entry(x.args[0], [indices[order.index(i)] for i in range(len(order))])
        if x.name == "broadcast_to":
            return self.entry(x.args[0], indices)
        if x.name == "index":
            return self.entry(x.args[0], self.shifted(x, indices))
        if x.name == "reshape":
            return self.entry(x.args[0], self.refolded(x, indices))
        if x.name == "astype" and x.dtype.kind == "i":
            return [f"int({joined(self.entry(x.args[0], indices))})"], ATOM
        if isinstance(x.rule, Rule):
            args = [self.entry(part, indices) for part in x.args]
            if x.name == "power" and x.params[0] == 2 and len(args[0][0]) == 1:
                return LOOPS.head(SQUARE, [args[0], args[0]])
            args += [self.entry(p, ()) for p in x.params]
            return LOOPS.head(x.rule, args)
        raise UnwrittenError(x.name)

    def shifted(self, x: Op, indices: Sequence[str]) -> list[str]:
        """Where an entry of a part lies in the whole."""
        rest, found = list(indices), []
        for k, n in self.along_axes(x):
            if isinstance(k, slice):
                start, _, step = k.indices(n)
                i = rest.pop(0)
                i = i if step == 1 else f"{step} * {i}"
                found.append(i if start == 0 else f"{start} + {i}")
            elif isinstance(k, int):
                found.append(str(k % n))
            elif isinstance(k, Op):
                own = [rest.pop(0) for _ in k.shape]
                found.append(f"int({joined(self.entry(k, own))}) % {n}")
            elif isinstance(k, np.ndarray) and len(x.args[0].shape) == 1 and k.dtype != bool:
                found.append(f"{self.index_array(k)}[{', '.join(rest)}]")
            else:
                raise UnwrittenError("index")
        return found

    def along_axes(self, x: Op) -> list[tuple[Any, int]]:
        """For each axis of the whole its part of the key, with the axis's length."""
        whole, key = x.args[0].shape, list(as_tuple(x.params[0]))
        if any(k is None for k in key):
            raise UnwrittenError("index")
        if Ellipsis in [k for k in key if not isinstance(k, np.ndarray)]:
            at = next(i for i, k in enumerate(key) if k is Ellipsis)
            key[at : at + 1] = [slice(None)] * (len(whole) - len(key) + 1)
        key += [slice(None)] * (len(whole) - len(key))
        if any(k is HOLE for k in key):  # numbers beside an array would be arrays, too
            if sum(not isinstance(k, slice) for k in key) > 1:
                raise UnwrittenError("index")
            key = [x.args[1] if k is HOLE else k for k in key]
        return list(zip(key, whole, strict=True))

    def check_indices(self, x: Op) -> None:
        """The loops that check what names entries along an axis."""
        for k, n in self.along_axes(x):
            if isinstance(k, Op):
                cell = joined(self.entry(k, all_indices(k.shape)))
                text = f"index … is out of bounds for an axis with size {n}"
                self.loop(k, [f"if not (-{n} <= {cell} < {n}):", f"    raise IndexError({text!r})"])

    def index_array(self, k: Any) -> str:
        """The name of an array of indices."""
        name = f"k{len(self.buffers)}"
        self.buffers[name] = np.ascontiguousarray(k)
        return name

    def refolded(self, x: Op, indices: Sequence[str]) -> list[str]:
        """Where an entry lies in the array of another shape."""
        old = x.args[0].shape
        short = [i for i, n in zip(indices, x.shape, strict=True) if n != 1]
        if [n for n in old if n != 1] == [n for n in x.shape if n != 1]:
            rest = iter(short)
            return ["0" if n == 1 else next(rest) for n in old]
        flat = "0"
        for i, n in zip(indices, x.shape, strict=True):
            flat = i if flat == "0" else f"({flat}) * {n} + {i}"
        found, size = [], prod(old)
        for axis, n in enumerate(old):
            size //= n
            part = f"({flat}) // {size}" if size > 1 else f"({flat})"
            found.append(part if axis == 0 else f"{part} % {n}")
        return found

    # ------------------------------------------------------------ with loops of their own

    def write_sum_over(self, op: Op) -> None:
        """A sum over some axes."""
        x, (axes, keepdims) = op.args[0], op.params
        self.summed(op, x.shape, axes, keepdims, joined(self.entry(x, all_indices(x.shape))))

    def write_count(self, op: Op) -> None:
        """How many are true over some axes, which are kept as 1."""
        x = op.args[0]
        condition = joined(self.entry(x, all_indices(x.shape)))
        self.summed(op, x.shape, op.params[0], True, f"(1.0 if {condition} else 0.0)")

    def summed(
        self, op: Op, shape: tuple[int, ...], axes: Sequence[int], keepdims: bool, text: str
    ) -> None:
        """The loops that add up what the text computes."""
        indices = all_indices(shape)
        whole = Op(op.tape, None, (), (), shape, op.dtype)
        self.array(op)
        keep = ["0" if a in axes else i for a, i in enumerate(indices) if keepdims or a not in axes]
        if len(axes) == len(shape):
            self.lines.append("total = 0.0")
            self.loop(whole, [f"total += {text}"])
            self.lines.append(f"{self.cell(op, keep)} = total")
        else:
            self.loop(op, [f"{self.cell(op, all_indices(op.shape))} = 0.0"])
            self.loop(whole, [f"{self.cell(op, keep)} += {text}"])

    def write_sum_of_squares(self, op: Op) -> None:
        """The sum of all entries' squares."""
        texts = [self.entry(x, all_indices(x.shape)) for x in op.args]
        self.array(op)
        self.lines.append("total = 0.0")
        for x, text in zip(op.args, texts, strict=True):
            self.loop(x, [f"c = {joined(text)}", "total += c * c"])
        self.lines.append(f"{self.cell(op, ())} = total")

    def write_max_over(self, op: Op) -> None:
        """The largest over some axes; nan if there is one."""
        x, axes = op.args[0], op.params[0]
        indices = all_indices(x.shape)
        text = joined(self.entry(x, indices))
        keep = [i for a, i in enumerate(indices) if a not in axes]
        if op.params[1]:
            keep = ["0" if a in axes else i for a, i in enumerate(indices)]
        name = self.array(op)
        cell = self.cell(op, keep)
        start = (
            [f"{self.cell(op, all_indices(op.shape))} = -inf"] if op.shape else [f"{name} = -inf"]
        )
        self.loop(op, start)
        self.loop(x, [f"c = {text}", f"{cell} = max(c, {cell})"])

    def write_pick_rows(self, op: Op) -> None:
        """The entry of each row that its class names."""
        x, t = op.args
        if len(x.shape) != 2:
            raise UnwrittenError("pick_rows")
        i = all_indices(op.shape)[0]
        text = joined(self.entry(x, [i, "k"]))
        target = joined(self.entry(t, [i]))
        self.array(op)
        self.loop(op, [f"k = int({target})", f"{self.cell(op, [i])} = {text}"])

    def write_require(self, op: Op) -> None:
        """A check of targets."""
        (t,), (targets,) = op.args, op.params
        cell = joined(self.entry(t, all_indices(t.shape)))
        self.loop(t, [f"if not ({' and '.join(targets.parts(cell))}):", f"    {targets.failing()}"])

    def write_one_hot(self, op: Op) -> None:
        """For each class a row of zeros with a 1 in its place."""
        if len(op.shape) != 2:
            raise UnwrittenError("one_hot")
        i, j = all_indices(op.shape)
        target = joined(self.entry(op.args[0], [i]))
        self.array(op)
        self.loop(op, [f"{self.cell(op, [i, j])} = 1.0 if {target} == {j} else 0.0"])

    def write_linear(self, op: Op) -> None:
        """Weighted sums and biases."""
        x, p = op.args
        if x in self.ones:
            self.product(op, self.ones[x] + ".T", self.factor(p) + ".T")
            return
        entry, weight = self.entry(x, ["i", "k"]), self.entry(p, ["j", "k"])
        bias = joined(self.entry(p, ["j", str(x.shape[1])]))
        self.array(op)
        cell = self.cell(op, ["i", "j"])
        self.lines += [
            f"for i in range({op.shape[0]}):",
            f"    for j in range({op.shape[1]}):",
            f"        total = {bias}",
            f"        for k in range({x.shape[1]}):",
            f"            total += {joined(entry)} * {joined(weight)}",
            f"        {cell} = total",
        ]

    def write_matmul(self, op: Op) -> None:
        """A matrix product."""
        a, b = op.args
        if len(a.shape) != 2 or len(b.shape) != 2:
            raise UnwrittenError("matmul")
        self.product(op, self.factor(a), self.factor(b))

    def product(self, op: Op, a: str, b: str) -> None:
        """A product of two arrays, into the result as it is stored."""
        name = self.array(op)
        if self.is_turned(op):
            a, b = turned(b), turned(a)
        if b.endswith(".T") and not a.endswith(".T"):
            self.lines.append(f"product_of_rows({a}, {turned(b)}, {name})")
        elif not b.endswith(".T"):
            self.lines.append(f"product({a}, {b}, {name})")
        else:
            self.lines.append(f"product_of_any({a}, {b}, {name})")

    def factor(self, x: Op) -> str:
        """A factor of a product: an array's name, turned where it is stored so."""
        if x.name == "transpose":
            return turned(self.factor(x.args[0]))
        if x.name == "index" and x.params[0] == ALL_BUT_LAST and not self.is_turned(x.args[0]):
            return f"{self.factor(x.args[0])}[:, :-1]"
        if x.name == "with_ones" and x.args[0] in self.ones:
            return f"{self.ones[x.args[0]]}.T"
        if x not in self.names:
            self.fill(x, x)
        return turned(self.names[x]) if self.is_turned(x) else self.names[x]

    def write_with_ones(self, op: Op) -> None:
        """One more column, of ones; nothing to do if the array has it already."""
        x = op.args[0]
        if x in self.ones:
            return
        part = Op(op.tape, None, (), (), x.shape, op.dtype)
        indices = all_indices(x.shape)
        text = joined(self.entry(x, indices))
        self.array(op)
        self.loop(part, [f"{self.cell(op, indices)} = {text}"])
        column = Op(op.tape, None, (), (), (op.shape[0], 1), op.dtype)
        last = [all_indices(column.shape)[0], str(x.shape[1])]
        self.loop(column, [f"{self.cell(op, last)} = 1.0"])

    def write_concatenate(self, op: Op) -> None:
        """Arrays one after another along the first axis."""
        if op.params[0] != 0 or len(op.shape) != 1:
            raise UnwrittenError("concatenate")
        texts = [joined(self.entry(x, all_indices(x.shape))) for x in op.args]
        name, start = self.array(op), 0
        for x, text in zip(op.args, texts, strict=True):
            self.loop(x, [f"{name}[{start} + {all_indices(x.shape)[0]}] = {text}"])
            start += x.shape[0]

    def write_gather(self, op: Op) -> None:
        """The entries at a key that is computed."""
        self.check_indices(op)
        indices = all_indices(op.shape)
        text = joined(self.entry(op.args[0], self.shifted(op, indices)))
        self.array(op)
        self.loop(op, [f"{self.cell(op, indices)} = {text}"])

    def write_scatter_at(self, op: Op) -> None:
        """Zeros, and the entries added at a key that is computed."""
        self.write_scatter(op)

    def write_scatter(self, op: Op) -> None:
        """Zeros, and the entries added at a key."""
        key, shape = op.params
        whole = Op(op.tape, None, (), (), shape, op.dtype)
        arrays = [np.zeros(k.shape, int) for k in op.args[1:]]
        taken = np.broadcast_to(0.0, shape)[filled(key, arrays)].shape
        part = Op(op.tape, None, (whole, *op.args[1:]), (key,), taken, op.dtype)
        self.check_indices(part)
        indices = all_indices(taken)
        text = joined(self.entry(op.args[0], indices))
        places = self.shifted(part, indices)
        self.array(op)
        self.loop(op, [f"{self.cell(op, all_indices(shape))} = 0.0"])
        self.loop(part, [f"{self.cell(op, places)} += {text}"])


def turned(name: str) -> str:
    """A matrix's transpose."""
    return name[:-2] if name.endswith(".T") else f"{name}.T"


def all_indices(shape: Sequence[int]) -> list[str]:
    """The indices of an entry; 0 along axes of length 1."""
    return ["0" if n == 1 else i for n, i in zip(shape, "ijkl", strict=False)]


def broadcast(shape: Sequence[int], indices: Sequence[str]) -> list[str]:
    """The indices of the entry that an array is broadcast from."""
    own = list(indices)[len(indices) - len(shape) :]
    return ["0" if n == 1 else i for n, i in zip(shape, own, strict=True)]


def as_tuple(key: Any) -> tuple[Any, ...]:
    """A key as a tuple."""
    return key if isinstance(key, tuple) else (key,)


def joined(text: Text) -> str:
    """An expression's pieces as one text."""
    return "".join(text[0]).replace(" + -", " - ")


SQUARE = TABLE["mul"]
