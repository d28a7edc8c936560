"""Where the arrays of a program lie: in arrays made once, before it first runs.

Views (reshaped, transposed, sliced) are made then, too, and cost nothing later. An array that a
layer multiplies lies in a larger one with a row of ones, so that the bias is one more column:
``[W b]·[h; 1]``. Such arrays are stored with the samples along the last axis, which makes that row
contiguous. A place is used again once its quantity is no longer needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np

from ..rule import Rule
from ..tensor.arrays import Array
from .dialects import BUFFERED, write_key
from .names import identifier
from .ops import VIEWS, Op, arguments_of, reachable, unshaped

IMPORTS = {
    "ARRAYS": "from engine.tensor.arrays import ARRAYS, HOLE",
    "Targets": "from engine.targets import Targets",
}


class Layout:
    """How the arrays of a program lie, in whatever way it is written.

    Args:
        ops: what to compute, in order; what nothing needs is left out.
        finals: the results, whose places are never used again.
        homes: places for some of them that exist already, such as a parameter's gradient.
        operands: the quantities that are read for one.

    Attributes:
        names: what the quantities' arrays, or variables, are called.
        ones: the larger arrays, with ones beside them, of what a layer multiplies.
    """

    def __init__(
        self,
        ops: Sequence[Op],
        finals: Sequence[Any],
        homes: Mapping[Op, Array] | None,
        operands: Callable[[Op], Sequence[Op]] = arguments_of,
    ) -> None:
        self.names: dict[Op, str] = {}
        self.ones: dict[Op, str] = {}
        self.homes = dict(homes or {})
        self.finals = {x for x in finals if isinstance(x, Op)}
        self.layers = {op.args[0] for op in ops if op.name in ("with_ones", "linear")}
        self.batches = {op.shape[0] for op in ops if op.name == "linear"}
        needed = reachable(finals, operands)
        self.ops = [op for op in ops if op in needed or op.rule is None]
        for op in self.ops:
            if op.name == "concatenate":
                settle_parts(op, self.homes, self.layers)

    def is_turned(self, op: Op) -> bool:
        """Whether a matrix is stored with its columns as rows: one with a row for each sample.

        What is given and has the longer rows lies as it is.
        """
        return (
            len(op.shape) == 2
            and op.shape[0] in self.batches
            and op not in self.homes
            and (op.rule is not None or op.shape[0] > op.shape[1])
        )

    def is_fixed(self, op: Op) -> bool:
        """Whether it has an array of its own: a home, or one with ones beside it."""
        return op in self.homes or op in self.layers


class Storage(Layout):
    """The places of a program that is being written as calls of NumPy.

    Args:
        ops, finals, homes: as of a `Layout`.

    Attributes:
        arrays: what the names in the code stand for.
        setup: the lines that make them.
    """

    def __init__(
        self, ops: Sequence[Op], finals: Sequence[Any], homes: Mapping[Op, Array] | None
    ) -> None:
        super().__init__(ops, finals, homes, operands)
        self.arrays: dict[str, Any] = {"np": np}
        self.setup: list[str] = []
        self.made: dict[str, str] = {}  # names by expressions of what is the same each time
        self.placed: dict[int, str] = {}  # the names of homes by the arrays' ids
        self.root: dict[Op, Op] = {}  # whose place a view looks at
        self.uses: dict[Op, int] = {}  # of a place, by quantities still to be computed
        self.free: dict[Any, list[str]] = {}  # places by shape, precision and order
        self.kept: set[Op] = set()  # whose places are of another kind
        self.consumers: dict[Op, int] = {}
        for op in self.ops:
            for x in operands(op):
                self.consumers[x] = self.consumers.get(x, 0) + 1
        for op in self.ops:
            if op.name == "concatenate" and op in self.homes:
                self.home(op)

    # ------------------------------------------------------------ names

    def new(self, prefix: str, expression: str, array: Any = None, label: str = "") -> str:
        """A name for an array, which the setup makes by the expression."""
        name = f"{prefix}{len(self.setup)}"
        self.setup.append(f"{name} = {expression}{label and f'  # {identifier(label)}'}")
        self.arrays[name] = eval(expression, self.arrays) if array is None else array
        return name

    def once(self, prefix: str, expression: str, array: Any = None) -> str:
        """The name of what an expression gives, which is made once."""
        if expression not in self.made:
            self.made[expression] = self.new(prefix, expression, array)
        return self.made[expression]

    def constant(self, x: Any, dtype: np.dtype[Any]) -> str:
        """The name of a plain number as an array without axes."""
        return self.once("c", f"np.array({BUFFERED.number(x)}, {dtype.name!r})")

    def term(self, x: Any, dtype: np.dtype[Any]) -> str:
        """An operand in the code."""
        return self.names[x] if isinstance(x, Op) else self.constant(x, dtype)

    def turned(self, name: str) -> str:
        """The name of the transposed view of a matrix."""
        return self.once("v", f"{name}.T")

    def written(self, results: Sequence[Any]) -> str:
        """The results as a list in the code."""
        return f"[{', '.join(self.names[x] if isinstance(x, Op) else repr(x) for x in results)}]"

    def preamble(self) -> list[str]:
        """The lines that make the arrays, with the imports that they need."""
        text = "\n".join(self.setup)
        return [
            "import numpy as np",
            *(x for key, x in IMPORTS.items() if key in text),
            *self.setup,
        ]

    def run(self, text: str) -> dict[str, Any]:
        """Run the text of functions, in which NumPy's are then found by names of their own."""
        call = re.compile(r"\bnp\.(\w+)\(")
        self.arrays.update((name, getattr(np, name)) for name in call.findall(text))
        exec(compile(call.sub(r"\1(", text), "<program>", "exec"), self.arrays)
        return self.arrays

    # ------------------------------------------------------------ places

    def array(self, op: Op) -> Array:
        """The array at a quantity's place."""
        return self.arrays[self.names[op]]  # type: ignore[no-any-return]

    def home(self, op: Op) -> str:
        """The name of a place that exists already; of a part of another, as that."""
        array = self.homes[op]
        if id(array) in self.placed:
            return self.placed[id(array)]
        expression = f"np.empty({array.shape}, {array.dtype.name!r})"
        for name in self.placed.values():
            whole = self.arrays[name]
            if whole.ndim == 1 and np.may_share_memory(whole, array):
                start = (address(array) - address(whole)) // array.itemsize
                expression = f"{name}[{start} : {start + array.size}].reshape({array.shape})"
        self.placed[id(array)] = name = self.new("p", expression, array, op.label)
        return name

    def buffer(self, op: Op, order: str = "") -> str:
        """A place for a quantity: its home, one that is free, or a new one."""
        order = order or self.order(op)
        if op in self.homes:
            return self.home(op)
        if op in self.layers and len(op.shape) == 2:
            return self.augmented(op, order)
        if op.rule is None:
            return self.new("x", empty(op.shape, order, repr(op.dtype.name)), None, op.label)
        if pool := self.free.get((op.shape, op.dtype, order)):
            return pool.pop()
        return self.new("b", empty(op.shape, order, repr(op.dtype.name)))

    def augmented(self, op: Op, order: str) -> str:
        """A place inside a larger one that has ones beside it."""
        n, k = op.shape
        if order == "F":
            whole = self.new("h", f"np.ones(({k + 1}, {n}), {op.dtype.name!r}).T")
        else:
            whole = self.new("h", f"np.ones(({n}, {k + 1}), {op.dtype.name!r})")
        self.ones[op] = whole
        return self.new("b", f"{whole}[:, :-1]", None, op.label)

    def order(self, op: Op) -> str:
        """Whether a matrix is stored with its rows ("C") or columns ("F") contiguous."""
        return "F" if self.is_turned(op) else "C"

    def view(self, op: Op) -> bool:
        """Whether the quantity is a view of another's place, which is then made."""
        x = op.args[0]
        if not isinstance(x, Op) or self.is_scalar(x) or self.is_fixed(op):
            return False
        if op.name == "with_ones":
            if x not in self.ones:
                return False
            self.settle(op, self.ones[x], self.root[x])
            return True
        name, how = self.names[x], op.params[0]
        if op.name == "index" and not is_basic(how):
            return False
        expression = {
            "reshape": f"{name}.reshape({how})",
            "transpose": f"{name}.transpose({how})",
            "broadcast_to": f"np.broadcast_to({name}, {how})",
            "index": f"{name}[{write_key(how) if op.name == 'index' else ''}]",
        }[op.name]
        array = eval(expression, self.arrays)
        if array.size and not np.shares_memory(array, self.array(x)):
            return False
        self.settle(op, self.once("v", expression, array), self.root[x])
        return True

    # ------------------------------------------------------------ places that are used again

    def settle(self, op: Op, name: str, root: Op | None = None) -> None:
        """Note where a quantity lies."""
        self.names[op] = name
        self.root[op] = root = root or op
        again = self.consumers.get(op, 0) + (op in self.finals)
        self.uses[root] = self.uses.get(root, 0) + again

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

    def is_scalar(self, x: Any) -> bool:
        """Whether it is a number without axes, kept in a local variable."""
        return not isinstance(x, Op) or (not x.shape and x.rule is not None)

    def destination(self, op: Op, candidates: Sequence[Any] | None = None) -> str:
        """Where an entry-by-entry operation writes: over an operand that is needed no more."""
        for x in operands(op) if candidates is None else candidates:
            if self.dies_here(x, op):
                self.uses[x] += 1  # never freed: the result has it now
                return self.names[x]
        return self.buffer(op)

    def is_last(self, op: Op, array: Array) -> bool:
        """Whether an operation entry by entry is the last that reads what lies in an array."""
        mine = [self.root[x] for x in operands(op)]
        places = (x for x in self.uses if x.shape or x.rule is None)  # the others are variables
        later = (x for x in places if self.uses[x] > mine.count(x))
        return isinstance(op.rule, Rule) and not any(
            np.may_share_memory(self.array(x), array) for x in later
        )

    def dies_here(self, x: Any, op: Op) -> bool:
        """Whether this is the last use of an operand's place, which the result fits and may have.

        What has a home, or ones beside it, has a place of its own.
        """
        return (
            isinstance(x, Op)
            and not self.is_fixed(op)
            and x.rule is not None
            and self.root[x] is x
            and (x.shape, x.dtype) == (op.shape, op.dtype)
            and self.uses[x] == operands(op).count(x)
            and not self.is_kept(x)
            and bool(x.shape)
        )


def empty(shape: tuple[int, ...], order: str, dtype: str) -> str:
    """The expression of a new array, stored by rows ("C") or columns ("F")."""
    return f"np.empty({shape[::-1]}, {dtype}).T" if order == "F" else f"np.empty({shape}, {dtype})"


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
        x = unshaped(part)
        if x.rule and x.name not in VIEWS and x not in homes and x not in layers:
            homes[x] = whole[start:stop].reshape(x.shape)
        start = stop


def buffer_of(op: Op) -> Array | None:
    """The array that lies behind parameters which are joined, if they are all of its parts."""
    parts = list(map(unshaped, op.args))
    buffer = getattr(parts[0].leaf, "_buffer", None)
    if buffer is None or [x.leaf for x in parts] != buffer.views:
        return None
    return buffer.whole._data  # type: ignore[no-any-return]


def is_basic(k: Any) -> bool:
    """Whether a key consists of slices and numbers, so that it gives a view."""
    parts = k if isinstance(k, tuple) else (k,)
    return all(part is None or part is Ellipsis or isinstance(part, (slice, int)) for part in parts)


def address(array: Array) -> int:
    """Where an array begins in memory."""
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]
