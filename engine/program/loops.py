"""The loops rendering of an array program: single numbers in arrays, for a compiler.

Every operation becomes a loop over the entries of its result, with the lengths of all axes written
out, so that a compiler can unroll and vectorise. What is computed entry by entry and used once is
written into the loop that uses it; new numbers that nothing else needs are written over the old
ones when a step ends.

A matrix with a row for each sample of a batch is stored turned, so that the innermost loop is a
long one; where a layer needs it, with a row of ones below, by which a bias is one more weight, and
all factors are contiguous. Small matrix products are calls of the few functions in
`engine.program.kernels`, larger ones of ``np.dot``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..rule import ATOM, CHOICE, SIGN, Rule
from ..rules import ALL_BUT_LAST
from ..tensor.arrays import HOLE, filled
from .names import function, indented
from .ops import CONDITIONS, Op, arguments_of
from .storage import Layout, is_basic
from .write import FLOATS

if TYPE_CHECKING:
    from ..tensor.arrays import Array
    from .dialects import Text

MOVED = ("transpose", "broadcast_to", "index", "astype")
FILLED = (*MOVED, "reshape", "pick_rows", "one_hot")
PRODUCTS = 1024  # multiplications from which on a matrix product is worth a call of BLAS
INDICES = (*"ijkl", *(f"i{axis}" for axis in range(4, 64)))  # NumPy has at most 64 axes
DOUBLE, SINGLE = np.dtype("float64"), np.dtype("float32")


class UnwrittenError(Exception):
    """An operation has no loop: programs with it are not compiled."""


class LoopPrinter(Layout):
    """Writes the operations of an array program as a function that runs some steps in loops.

    Args:
        ops: what to compute, in order.
        results: single numbers, of which each step leaves a row; None for 0.
        assigned: what a step ends with: Ops that are given, and their new numbers.
        others: quantities whose arrays are read when all steps are done.
        homes: arrays for some Ops that exist already, such as a parameter's.

    Attributes:
        source: the function ``steps(count, results, done, …)``.
        arrays: its last arguments, by name.

    Raises:
        UnwrittenError: for an operation that has no loop.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        results: Sequence[Any],
        assigned: Sequence[tuple[Op, Any]],
        others: Sequence[Any] = (),
        homes: Mapping[Op, Array] | None = None,
    ) -> None:
        super().__init__(ops, [*results, *others, *(x for _, x in assigned)], homes)
        self.lines: list[str] = []
        self.known: dict[str, Array] = {}
        self.numbers = itertools.count()  # of variables
        self.stored: dict[Op, Array] = {}
        self.has_blas = find_spec("scipy") is not None  # numba calls SciPy's
        self.finals = {x for x in (*results, *others) if isinstance(x, Op)}
        self.uses: dict[Op, int] = {}
        self.widened: set[Op] = set()  # what is repeated in something larger
        for op in reversed(self.ops):
            self.count_uses(op)
        late = self.assigned_only(assigned)
        for op in self.ops:
            if op not in late:
                self.write(op)
        for i, x in enumerate(results):
            place = ["0"] * len(x.shape) if isinstance(x, Op) else ()
            text = self.text(0.0 if x is None else x, place)
            self.lines.append(f"results[number, {i}] = {text}")
        self.assign(assigned)
        lines = ["for number in range(count):", *indented([*self.lines, "done[0] = number + 1"])]
        used = set(re.findall(r"\w+", " ".join(lines)))
        self.arrays = {name: array for name, array in self.known.items() if name in used}
        self.source = function("steps", ["count", "results", "done", *self.arrays], lines)

    def count_uses(self, op: Op) -> None:
        """Count how often an operation that is written where it is used would be computed."""
        passes_on = op not in self.finals and (op.name in MOVED or op.name in CONDITIONS)
        times = max(self.uses.get(op, 1), 1) if passes_on else 1
        for x in set(arguments_of(op)):
            self.uses[x] = self.uses.get(x, 0) + times
            is_larger = prod(op.shape) > prod(x.shape)
            if (is_larger and (self.is_elementwise(op) or op.name == "broadcast_to")) or (
                passes_on and op in self.widened
            ):
                self.widened.add(x)

    # ------------------------------------------------------------ one operation after another

    def write(self, op: Op) -> None:
        """The loop for one operation, if it is not written where it is used."""
        if op.rule is None:
            name = self.array(op)
            if not op.shape:
                self.lines.append(f"{self.variable(op)} = {name}[()]")
            return
        if self.view(op):
            return
        if not (op in self.finals or self.is_fixed(op)):
            if op.name in MOVED and not self.is_gather(op):
                return
            if self.is_elementwise(op) and self.uses.get(op) == 1 and op not in self.widened:
                return
            if op.name in CONDITIONS:
                return
        writer = getattr(self, f"write_{op.name}", None)
        if writer is not None:
            writer(op)
        elif self.is_elementwise(op) or op.name in FILLED:
            self.fill(op, op)
        else:
            raise UnwrittenError(op.name)

    def is_elementwise(self, op: Op) -> bool:
        """Whether an entry of the result depends on entries in the same place."""
        return isinstance(op.rule, Rule) or op.name in CONDITIONS or op.name == "select"

    def is_gather(self, op: Op) -> bool:
        """Whether it picks entries by an array of indices."""
        return op.name == "index" and any(isinstance(k, np.ndarray) for k in as_tuple(op.params[0]))

    def view(self, op: Op) -> bool:
        """Whether a quantity is a contiguous part of another's array, which it then has."""
        if op.name not in ("reshape", "index", "transpose") or not op.shape:
            return False
        x, how = op.args[0], op.params[0]
        if x not in self.stored or self.is_fixed(op) or (op.name == "index" and not is_basic(how)):
            return False
        whole = self.array_of(x)
        part: Array = whole[how] if op.name == "index" else getattr(whole, op.name)(how)
        part = part.T if self.is_turned(op) else part
        if not part.flags.c_contiguous or not np.may_share_memory(part, whole):
            return False
        self.store(op, part)
        return True

    # ------------------------------------------------------------ arrays and loops

    def variable(self, op: Op) -> str:
        """A new variable for one number."""
        self.names[op] = f"s{next(self.numbers)}"
        return self.names[op]

    def array(self, op: Op) -> str:
        """A new array for a result; for one number, a variable."""
        if not op.shape and op.rule is not None:
            return self.variable(op)
        if op in self.homes:
            return self.store(op, self.homes[op])
        below = self.is_turned(op)
        shape = op.shape[::-1] if below else op.shape
        if op not in self.layers or len(shape) != 2:
            return self.store(op, np.zeros(shape, op.dtype))
        whole = np.ones((shape[0] + below, shape[1] + (not below)), op.dtype)
        self.ones[op] = self.name(whole) + ".T" * below
        return self.store(op, whole[:-1] if below else whole[:, :-1])

    def store(self, op: Op, array: Array) -> str:
        """Let a quantity have an array."""
        self.stored[op], self.names[op] = array, self.name(array)
        return self.names[op]

    def name(self, array: Array) -> str:
        """The name of an array: the same for the same memory."""
        for name, known in self.known.items():
            if is_same(known, array):
                return name
        name = f"a{len(self.known)}"
        self.known[name] = array
        return name

    def array_of(self, op: Op) -> Array:
        """The array of a quantity, in its own shape."""
        return self.stored[op].T if self.is_turned(op) else self.stored[op]

    def fill(self, op: Op, source: Any) -> None:
        """A loop that computes every entry."""
        indices = all_indices(op.shape)
        text = self.text(source, indices, op.dtype)
        self.array(op)
        self.loop(op, [f"{self.cell(op, indices)} = {text}"])

    def copy(self, x: Op) -> Op:
        """A quantity in a new array of its own."""
        copy = Op(x.code, None, (), (), x.shape, x.dtype)
        self.fill(copy, x)
        return copy

    def cell(self, op: Op, indices: Sequence[str]) -> str:
        """An entry of an array, or the variable."""
        if not op.shape:
            return self.names[op]
        order = list(indices)[::-1] if self.is_turned(op) else indices
        return f"{self.names[op]}[{', '.join(order)}]"

    def loop(self, op: Op, body: Sequence[str]) -> None:
        """Nested loops over the axes in the order of storage, but for those of length 1."""
        axes = [(n, i) for n, i in zip(op.shape, INDICES, strict=False) if n != 1]
        if self.is_turned(op):
            axes = axes[::-1]
        for depth, (n, i) in enumerate(axes):
            self.lines.append("    " * depth + f"for {i} in range({n}):")
        self.lines += ["    " * len(axes) + line for line in body]

    # ------------------------------------------------------------ what a step ends with

    def assigned_only(self, assigned: Sequence[tuple[Op, Any]]) -> set[Op]:
        """New numbers that nothing else needs: the old ones' array is the only one they have."""
        new = [x for _, x in assigned if isinstance(x, Op)]
        taken = {*self.uses, *self.finals, *self.homes}
        return {
            x
            for x in new
            if self.is_elementwise(x) and x.shape and x not in taken and len(set(new)) == len(new)
        }

    def assign(self, assigned: Sequence[tuple[Op, Any]]) -> None:
        """Write the new numbers over the old, but for those that are there already.

        An array is read before it is written to; a copy is, if that goes round in a circle. Loops
        of one shape become one.
        """
        for op, _ in assigned:
            if op not in self.stored:
                self.array(op)
        moves = [
            (op, self.copy(x) if self.reads(x, self.stored[op], elsewhere=True) else x)
            for op, x in assigned
            if not (x in self.stored and is_same(self.stored[x], self.stored[op]))
        ]
        together: list[list[tuple[Op, Any]]] = []
        while moves:
            op, x = next((move for move in moves if not self.is_awaited(move[0], moves)), moves[0])
            moves = [move for move in moves if move[0] is not op]
            if self.is_awaited(op, moves):
                array = self.stored[op]
                moves = [(o, self.copy(y) if self.reads(y, array) else y) for o, y in moves]
            last = together[-1] if together else []
            if any(
                o.shape != op.shape
                or self.is_turned(o) != self.is_turned(op)
                or self.reads(y, self.stored[op], elsewhere=True)
                for o, y in last
            ):
                last = []
            if not last:
                together.append(last)
            last.append((op, x))
        for group in together:
            self.loop(group[0][0], [self.move(op, x) for op, x in group])

    def is_awaited(self, op: Op, moves: Sequence[tuple[Op, Any]]) -> bool:
        """Whether new numbers of others are computed from what is to be overwritten."""
        return any(self.reads(x, self.stored[op]) for other, x in moves if other is not op)

    def move(self, op: Op, x: Any) -> str:
        """The line that writes an entry of what is assigned."""
        indices = all_indices(op.shape)
        cell = self.cell(op, indices) if op.shape else f"{self.name(self.stored[op])}[()]"
        return f"{cell} = {self.text(x, indices, op.dtype)}"

    def reads(self, x: Any, array: Array, elsewhere: bool = False, in_place: bool = True) -> bool:
        """Whether an expression reads an array, or reads it elsewhere than in the same place."""
        if x in self.stored and x.shape:
            read = self.stored[x]
            allowed = elsewhere and in_place and is_same(read, array)
            return np.may_share_memory(read, array) and not allowed
        if not isinstance(x, Op) or x in self.names:
            return False
        in_place = in_place and self.is_elementwise(x)
        return any(self.reads(arg, array, elsewhere, in_place) for arg in arguments_of(x))

    # ------------------------------------------------------------ entries

    def text(
        self, x: Any, indices: Sequence[str], dtype: np.dtype[Any] = DOUBLE, least: int = CHOICE
    ) -> str:
        """One entry of a quantity as text, in parentheses if it binds looser than it must."""
        text, level = self.entry(x, indices, dtype)
        return text.replace(" + -", " - ") if level >= least else f"({text})"

    def entry(self, x: Any, indices: Sequence[str], dtype: np.dtype[Any]) -> Text:
        """One entry of a quantity as an expression; a plain number in that precision."""
        if not isinstance(x, Op):
            text = number(x, dtype)
            return text, SIGN if text.startswith("-") else ATOM
        indices = broadcast(x.shape, indices)
        if x in self.names:
            return self.cell(x, indices), ATOM
        if x.name == "transpose":
            order = x.params[0]
            indices = [indices[order.index(i)] for i in range(len(order))]
            return self.entry(x.args[0], indices, x.dtype)
        if x.name == "broadcast_to":
            return self.entry(x.args[0], indices, x.dtype)
        if x.name in ("index", "gather"):
            return self.entry(x.args[0], self.shifted(x, indices), x.dtype)
        if x.name == "pick_rows":
            at = f"int({self.text(x.args[1], indices)})"
            return self.entry(x.args[0], [*indices, at], x.dtype)
        if x.name == "one_hot":
            *row, i = indices
            return f"(1.0 if {self.text(x.args[0], row)} == {i} else 0.0)", ATOM
        if x.name == "reshape":
            return self.entry(x.args[0], self.refolded(x, indices), x.dtype)
        if x.name == "astype":
            convert = "int" if x.dtype.kind == "i" else x.dtype.name
            return f"{convert}({self.text(x.args[0], indices)})", ATOM
        if not self.is_elementwise(x):
            raise UnwrittenError(x.name)
        kind = arguments_of(x)[0].dtype if x.name in CONDITIONS else x.dtype
        return FLOATS.write(x, lambda part, least: self.text(part, indices, kind, least))

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
                found.append(f"int({self.text(k, own)}) % {n}")
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
                cell = self.text(k, all_indices(k.shape))
                failing = f"raise IndexError('index … is out of bounds for an axis with size {n}')"
                self.loop(k, FLOATS.check([f"(-{n} <= {cell} < {n})"], True, failing))

    def index_array(self, k: Any) -> str:
        """The name of an array of indices."""
        return self.name(np.ascontiguousarray(k))

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
        axes, keepdims = op.params
        self.summed(op, axes, keepdims, self.text(op.args[0], all_indices(op.args[0].shape)))

    def write_count(self, op: Op) -> None:
        """How many are true over some axes, which are kept as 1."""
        condition = self.text(op.args[0], all_indices(op.args[0].shape))
        one, zero = number(1.0, op.dtype), number(0.0, op.dtype)
        self.summed(op, op.params[0], True, f"({one} if {condition} else {zero})")

    def summed(self, op: Op, axes: Sequence[int], keepdims: bool, text: str) -> None:
        """The loops that add up what the text computes for each entry of the operand."""
        x = op.args[0]
        self.array(op)
        keep = kept_indices(x.shape, axes, keepdims)
        if len(axes) == len(x.shape):
            self.lines.append("total = 0.0")
            self.loop(x, [f"total += {text}"])
            self.lines.append(f"{self.cell(op, keep)} = {in_precision('total', op.dtype)}")
        else:
            self.loop(op, [f"{self.cell(op, all_indices(op.shape))} = 0.0"])
            self.loop(x, [f"{self.cell(op, keep)} += {text}"])

    def write_sum_of_squares(self, op: Op) -> None:
        """The sum of all entries' squares."""
        texts = [self.text(x, all_indices(x.shape)) for x in op.args]
        self.array(op)
        self.lines.append("total = 0.0")
        for x, text in zip(op.args, texts, strict=True):
            self.loop(x, [f"c = {text}", "total += c * c"])
        self.lines.append(f"{self.cell(op, ())} = {in_precision('total', op.dtype)}")

    def write_max_over(self, op: Op) -> None:
        """The largest over some axes; nan if there is one."""
        x, (axes, keepdims) = op.args[0], op.params
        text = self.text(x, all_indices(x.shape))
        self.array(op)
        cell = self.cell(op, kept_indices(x.shape, axes, keepdims))
        least = number(-inf, op.dtype)
        self.loop(op, [f"{self.cell(op, all_indices(op.shape))} = {least}"])
        self.loop(x, [f"c = {text}", f"{cell} = max(c, {cell})"])

    def write_require(self, op: Op) -> None:
        """A check of targets."""
        (t,), (targets,) = op.args, op.params
        cell = self.text(t, all_indices(t.shape))
        self.loop(t, FLOATS.check(targets.parts(cell), True, targets.failing()))

    # ------------------------------------------------------------ matrix products

    def write_linear(self, op: Op) -> None:
        """Weighted sums and biases: [W b]·[h; 1]."""
        x, p = op.args
        self.product(op, self.with_ones(x), turned(self.factor(p)), p.shape[1])

    def write_matmul(self, op: Op) -> None:
        """A matrix product; one by the weights alone is computed by the biases, too."""
        a, b = op.args
        if len(a.shape) != 2 or len(b.shape) != 2:
            raise UnwrittenError("matmul")
        left, whole = self.factor(a), b.args[0] if b.name == "index" else None
        if (
            whole in self.stored
            and b.params[0] == ALL_BUT_LAST
            and self.is_turned(op)
            and not self.is_turned(whole)
            and op not in self.layers
        ):
            n, k = op.shape
            wide = np.zeros((k + 1, n), op.dtype)
            self.store(op, wide[:-1])
            self.multiply(f"{self.names[whole]}.T", turned(left), wide, a.shape[1])
        else:
            self.product(op, left, self.factor(b), a.shape[1])

    def product(self, op: Op, a: str, b: str, terms: int) -> None:
        """A product of two factors, into the result as it is stored."""
        self.array(op)
        a, b = (turned(b), turned(a)) if self.is_turned(op) else (a, b)
        self.multiply(a, b, self.stored[op], terms)

    def multiply(self, a: str, b: str, out: Array, terms: int) -> None:
        """A product of sums of so many terms."""
        kinds = {out.dtype, *(self.known[name.removesuffix(".T")].dtype for name in (a, b))}
        if self.has_blas and out.size * terms >= PRODUCTS and len(kinds) == 1:
            function = "np.dot"
        elif not b.endswith(".T"):
            function = "product"
        elif not a.endswith(".T"):
            function, b = "product_of_rows", turned(b)
        else:
            function = "product_of_any"
        self.lines.append(f"{function}({a}, {b}, {self.name(out)})")

    def factor(self, x: Op) -> str:
        """A factor of a product: a contiguous array's name, turned where it is stored so."""
        if x.name == "transpose":
            return turned(self.factor(x.args[0]))
        if x.name == "with_ones":
            return self.with_ones(x.args[0])
        if x not in self.stored:
            self.fill(x, x)
        elif not self.stored[x].flags.c_contiguous:
            x = self.copy(x)
        return turned(self.names[x]) if self.is_turned(x) else self.names[x]

    def with_ones(self, x: Op) -> str:
        """A matrix with one more column, of ones."""
        if x not in self.ones:
            self.layers.add(copy := Op(x.code, None, (), (), x.shape, x.dtype))
            self.fill(copy, x)
            return self.ones[copy]
        return self.ones[x]

    def write_with_ones(self, op: Op) -> None:
        """Nothing: only factors of products have such a column."""

    # ------------------------------------------------------------ parts and wholes

    def write_concatenate(self, op: Op) -> None:
        """Arrays one after another along the first axis; most are there already."""
        if op.params[0] != 0 or len(op.shape) != 1:
            raise UnwrittenError("concatenate")
        texts = [self.text(x, all_indices(x.shape)) for x in op.args]
        name, start = self.array(op), 0
        for x, text in zip(op.args, texts, strict=True):
            part = self.stored[op][start : start + x.shape[0]]
            if not (x in self.stored and is_same(self.stored[x], part)):
                self.loop(x, [f"{name}[{start} + {all_indices(x.shape)[0]}] = {text}"])
            start += x.shape[0]

    def write_gather(self, op: Op) -> None:
        """The entries at a key that is computed."""
        self.check_indices(op)
        self.fill(op, op)

    def write_scatter_at(self, op: Op) -> None:
        """Zeros, and the entries added at a key that is computed."""
        self.write_scatter(op)

    def write_scatter(self, op: Op) -> None:
        """Zeros, and the entries added at a key."""
        key, shape = op.params
        whole = Op(op.code, None, (), (), shape, op.dtype)
        arrays = [np.zeros(k.shape, int) for k in op.args[1:]]
        taken = np.broadcast_to(0.0, shape)[filled(key, arrays)].shape
        part = Op(op.code, None, (whole, *op.args[1:]), (key,), taken, op.dtype)
        self.check_indices(part)
        indices = all_indices(taken)
        text = self.text(op.args[0], indices)
        places = self.shifted(part, indices)
        self.array(op)
        self.loop(op, [f"{self.cell(op, all_indices(shape))} = 0.0"])
        self.loop(part, [f"{self.cell(op, places)} += {text}"])


def turned(name: str) -> str:
    """A matrix's transpose."""
    return name[:-2] if name.endswith(".T") else f"{name}.T"


def all_indices(shape: Sequence[int]) -> list[str]:
    """The indices of an entry; 0 along axes of length 1."""
    return ["0" if n == 1 else i for n, i in zip(shape, INDICES, strict=False)]


def broadcast(shape: Sequence[int], indices: Sequence[str]) -> list[str]:
    """The indices of the entry that an array is broadcast from."""
    own = list(indices)[len(indices) - len(shape) :]
    return ["0" if n == 1 else i for n, i in zip(shape, own, strict=True)]


def as_tuple(key: Any) -> tuple[Any, ...]:
    """A key as a tuple."""
    return key if isinstance(key, tuple) else (key,)


def kept_indices(shape: Sequence[int], axes: Sequence[int], keepdims: bool) -> list[str]:
    """The indices of the entry that a reduction over some axes writes to."""
    indices = enumerate(all_indices(shape))
    return ["0" if a in axes else i for a, i in indices if keepdims or a not in axes]


def is_same(x: Array, y: Array) -> bool:
    """Whether two arrays are the same entries of the same memory."""
    return (x.shape, x.dtype, x.__array_interface__["data"], x.strides) == (
        y.shape, y.dtype, y.__array_interface__["data"], y.strides
    )  # fmt: skip


def number(x: float, dtype: np.dtype[Any]) -> str:
    """A plain number, in the precision of what it is combined with."""
    return in_precision(FLOATS.number(x), dtype)


def in_precision(text: str, dtype: np.dtype[Any]) -> str:
    """A number in double precision as one of the precision wanted."""
    return f"float32({text})" if dtype == SINGLE else text
