"""`Tensor`: the NumPy-vectorised twin of `Value`, on the same table.

A node holds a whole array. The table's rows work entry by entry, with NumPy's broadcasting, and
the array rows (matrix products, sums over axes, indexing, …) move and join entries. A backward
pass visits each node once and pulls the gradient of the result back to its arguments.

>>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
>>> y = (x @ x).sum()
>>> y.backward()
>>> x.grad
array([[ 7., 11.],
       [ 9., 13.]])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..modes import active, anomaly, asked, origin, tidy
from ..node import (
    LOCK,
    describe,
    describe_making,
    leaf_role,
    named,
    text,
)
from ..numbers import KindError, Number, give_comparisons, is_number, parameter
from ..rule import ARRAY_TABLE, TABLE, ArrayRule, Rule
from ..symbol import COMPARED
from .arrays import ARRAYS, FLOATS, Array, quiet
from .backward import (
    FALLBACK,
    accumulate,
    check_gradient,
    check_stamp,
    computed,
    pull,
    sweep,
    worst,
)
from .operands import fitted, floating, numbers
from .operations import Operations

if TYPE_CHECKING:
    from .buffer import Buffer

ONES = {kind: np.ones((), kind) for kind in ARRAYS}
for one in ONES.values():
    one.setflags(write=False)  # they start every backward pass


class Tensor(Operations):
    """An array of real numbers in a computation graph.

    Args:
        data: the numbers: anything that NumPy makes an array of. float32 and float64 stay what
            they are, integers and truth values become float64.
        label: a name for pictures and messages.
        dtype: "float32" or "float64", if the numbers are to be converted.
        role: "input", "parameter" or "constant"; no gradient is computed for a constant.
        scope: where in a network it belongs, such as ``layers.0``.

    Attributes:
        data: the array. Assign a new one to change it; of a node whose result has been computed
            from it, do not write into it.
        grad: ∂root/∂self, an array of the same shape, as `backward` left it.

    Operators, methods and NumPy's functions make new nodes. An operand that is a plain number, a
    list or an array is a constant and takes the Tensor's precision; two Tensors of different
    precision give the higher one. ``==`` and ``hash`` are those of the object; ``<  <=  >  >=``
    give a Tensor of truth values.

    Raises:
        TypeError: if ``data`` is not an array of real numbers.
    """

    __slots__ = (
        "_rule", "_args", "_saved", "_params", "_needs", "_buffer", "_stamp",
        "_mark", "_role", "__weakref__",
    )  # fmt: skip

    _rule: Any
    _args: tuple[Tensor, ...]
    _saved: Sequence[Array]
    _params: tuple[Any, ...]
    _needs: bool
    _buffer: Buffer | None
    _stamp: tuple[Buffer, int] | None
    _mark: object
    _role: str

    # set where they are defined: `engine.tensor.functions`, `engine.tensor.mathematics`
    _over: Callable[..., Tensor]
    _pull_nodes: Callable[..., list[Any]]
    __array_function__: Callable[..., Any]
    __array_ufunc__: Callable[..., Any]

    def __init__(
        self,
        data: ArrayLike,
        label: str = "",
        *,
        dtype: DTypeLike | None = None,
        role: str = "",
        scope: str = "",
    ) -> None:
        fill(self, floating(data, dtype))
        if label != "" or scope != "":
            self._name = named(text(label, "label"), text(scope, "scope"))
        self.role = role

    # ------------------------------------------------------------ how it was made

    @property
    def args(self) -> tuple[Tensor, ...]:
        """The nodes it was computed from, in order."""
        return self._args

    @property
    def params(self) -> tuple[Any, ...]:
        """The parameters of its operation: the axes of a sum."""
        return self._params

    @property
    def role(self) -> str:
        """What it is: "input", "parameter", "constant", or "computed" if it has arguments."""
        return "computed" if self._args else self._role or "input"

    @role.setter
    def role(self, role: str) -> None:
        checked = leaf_role(role)
        if not self._args:
            self._role, self._needs = checked, role != "constant"

    # ------------------------------------------------------------ the backward pass

    def backward(self, seed: ArrayLike | None = None) -> None:
        """Add the gradient to ``x.grad`` for every leaf x; set it for every other node.

        Args:
            seed: the gradient of what is differentiated with respect to this node, an array of
                its shape; a node of one entry needs none.

        Raises:
            ValueError: if the node has several entries and no seed is given, or the seed has
                another shape; if parameters have been changed since the forward pass.
            FloatingPointError: under `detect_anomaly`, at the first gradient that is not finite.
        """
        start = self._start(seed)
        with LOCK:
            nodes = computed(self)
            for node in nodes:
                node._grad = None
            accumulate(self, start)
            sweep(nodes)

    def _start(self, seed: ArrayLike | None) -> Array:
        if seed is not None:
            return fitted(numbers(seed, self._data.dtype), self.shape, "the seed").copy()
        if self.size != 1:
            raise ValueError(
                f"backward() starts from one number; this Tensor has shape {self.shape}: sum it, "
                "or give a seed of its shape"
            )
        if self.dtype not in FLOATS:
            raise TypeError(f"backward() starts from real numbers, not {self.dtype}")
        if not self._data.ndim:
            return ONES[self._data.dtype]
        return np.ones_like(self._data)

    # ------------------------------------------------------------ kinds of number, copies, display

    @classmethod
    def _apply(cls, row: Rule, args: Sequence[Any], params: Sequence[Any]) -> Any:
        if row.name == "power" and not is_number(params[0]):  # x ** [1, 2]
            row, args, params = TABLE["pow"], (*args, *params), ()
        like = next(x for x in args if isinstance(x, Tensor))
        constants = tuple([parameter(p, row.name) for p in params])
        return make(row, tuple([operand(x, like) for x in args]), constants)

    def _constant(self, x: Any) -> Tensor:
        return operand(x, self)

    _operand = _constant

    def _first(self, create_graph: bool) -> Any:
        """The gradient that a backward pass from here starts with."""
        ones = self._start(None)
        return constant(ones) if create_graph else ones

    def _zeros(self) -> Tensor:
        """The gradient if nothing depends on it."""
        return constant(np.zeros_like(self._data))

    _quiet = staticmethod(quiet)  # runs a function without NumPy's warnings

    def _own(self, slope: Any) -> Array:
        """A gradient as an array that nothing else refers to."""
        array = np.empty_like(self._data)
        array[...] = slope
        return array

    def _pull(self, g: Any, create_graph: bool, wanted: Sequence[bool]) -> list[Any]:
        """The gradients of its arguments, given its own: arrays, or Tensors of a graph."""
        if create_graph:
            check_stamp(self)
            sent = self._pull_nodes(g, wanted)
        else:
            with np.errstate(all="ignore"):
                sent = pull(self, g, wanted)
        sent = [
            d if d is None or d.dtype == x.dtype or x.dtype not in FLOATS else d.astype(x.dtype)
            for d, x in zip(sent, self._args, strict=True)
        ]
        if anomaly():
            for d, x in zip(sent, self._args, strict=True):
                if d is not None:
                    check_gradient(d._data if isinstance(d, Tensor) else d, x, self)
        return sent

    def _fields(self) -> tuple[Any, ...]:
        check_stamp(self)
        # what has been changed since is kept, else the copy's arguments have it
        saved = [
            then if then is not arg._data else None
            for then, arg in zip(self._saved, self._args, strict=True)
        ]
        data = self._read("a copy of it")
        return data, self._grad, self._rule, self._params, self._needs, self._role, saved

    def _restore(self, fields: tuple[Any, ...], args: Sequence[Tensor]) -> None:
        data, grad, rule, params, needs, role, saved = fields
        fill(self, data if rule else data.copy())
        self._grad = None if grad is None else np.array(grad)
        self._rule, self._args, self._params = rule, tuple(args), params
        self._needs, self._role = needs, role
        self._saved = [
            arg._data if then is None else then for then, arg in zip(saved, args, strict=True)
        ]

    def _state(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self._buffer is not None:
            return self._buffer.part_of, (self._buffer.place(self),)
        return super()._state()

    def _duplicate(self, memo: dict[int, Any]) -> None:
        if self._buffer is not None:
            deepcopy(self._buffer, memo)
        else:
            super()._duplicate(memo)

    def _shown(self) -> str:
        return f"shape {self.shape}"

    def _shown_as_operand(self) -> str:
        return describe(self)


# ---------------------------------------------------------------- making nodes


def fill(node: Tensor, data: Array) -> Tensor:
    """Set up a node as a leaf."""
    node._data = data
    node._grad = node._rule = node._mark = node._buffer = node._stamp = None
    node._args = node._params = ()
    node._saved = ()
    node._needs = True
    node._role = ""
    return node


def make(rule: Rule | ArrayRule, args: tuple[Tensor, ...], params: tuple[Any, ...] = ()) -> Tensor:
    """The node that applies a row to Tensors."""
    for x in args:
        if x._data.dtype not in ARRAYS:
            args = in_reals(rule, args)
            break
    data = [x._data for x in args]
    try:
        y = compute(rule, data, params)
    except ValueError as error:
        shapes = " and ".join(str(x.shape) for x in args)
        raise ValueError(f"{rule.name}: shapes {shapes} do not go together: {error}") from None
    return node(rule, args, params, y, data)


WHOLE = {  # rows that take whole numbers and truth values as they are, and as which arguments
    **dict.fromkeys(("broadcast_to", "reshape", "transpose", "index", "scatter"), slice(1)),
    **dict.fromkeys(("gather", "scatter_at", "concatenate", "count", "one_hot"), slice(None)),
    **dict.fromkeys(("astype", "both"), slice(None)), "select": slice(1),
    **dict.fromkeys(("pick_rows", "cross_entropy_rows"), slice(1, 2)),
}  # fmt: skip


def in_reals(rule: Rule | ArrayRule, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The arguments, as real numbers if the row computes with them: 1.5·k is not 1·k."""
    kept = args[WHOLE[rule.name]] if rule.name in WHOLE else ()
    kinds = [x.dtype for x in args if x.dtype in FLOATS] or [FALLBACK.dtype_of_choices]
    return tuple([
        x if x.dtype.kind not in "biu" or any(x is y for y in kept)
        else make(ARRAY_TABLE["astype"], (x,), (kinds[0],))
        for x in args
    ])  # fmt: skip


def node(
    rule: Any, args: tuple[Tensor, ...], params: tuple[Any, ...], y: Array, saved: Sequence[Array]
) -> Tensor:
    """The node of a result that has been computed, with what its pullback needs."""
    out = fill(Tensor.__new__(Tensor), y)
    out._rule, out._args, out._params, out._saved = rule, args, params, saved
    out._needs = False
    for x in args:
        if x._needs:
            out._needs = True
            if x._buffer is not None:
                out._stamp = x._buffer, x._buffer.version
    if active:
        observe(out)
    return out


@quiet
def compute(rule: Rule | ArrayRule, data: Sequence[Array], params: tuple[Any, ...]) -> Array:
    """A row's result on arrays."""
    for x in data:
        if x.dtype in ARRAYS:
            m = ARRAYS[x.dtype]
            break
    else:
        m = FALLBACK
    y = rule.evaluate(m, data, params)
    return y if type(y) is np.ndarray else np.asarray(y)


def observe(out: Tensor) -> None:
    """What a new node undergoes while a mode is on."""
    tape, recorded, watched = asked()
    if tape is not None:
        tape.note(out)
    if not recorded:
        fill(out, out._data)
        out.role = "constant"
    elif watched:
        out._name = named(out.label, out.scope, origin())
        if out._data.dtype in FLOATS and not np.isfinite(out._data).all():
            raise FloatingPointError(
                f"{describe(out)} has an entry that is not finite: {worst(out._data)}\n"
                f"{describe_making(out)}"
            )
    elif tape is None:
        tidy()


def operand(x: Any, like: Tensor) -> Tensor:
    """``x`` as an operand beside a Tensor: itself, or a constant of that Tensor's precision."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, Number):
        raise KindError(
            f"a Tensor does not compute with a {type(x).__name__}: each has a graph of its own"
        )
    dtype = like._data.dtype if like._data.dtype in FLOATS else FALLBACK.dtype_of_choices
    return constant(floating(x, dtype))


def constant(array: Array) -> Tensor:
    """An array as a leaf without a gradient, whatever its type."""
    leaf = fill(Tensor.__new__(Tensor), array)
    leaf._role, leaf._needs = "constant", False
    return leaf


def compare(name: str, a: Any, b: Any) -> Tensor:
    """Where a comparison holds: a Tensor of truth values."""
    like = a if isinstance(a, Tensor) else b
    return make(ARRAY_TABLE[name], (operand(a, like), operand(b, like)))


def condition(x: Any) -> Tensor:
    """Truth values as an operand: a Tensor of them, or a constant."""
    given = x if isinstance(x, Tensor) else constant(np.array(x))
    if given.dtype != bool:
        raise TypeError(f"a condition consists of truth values, not {given.dtype}")
    return given


Tensor._make = staticmethod(make)
Tensor._condition = staticmethod(condition)
give_comparisons(Tensor, lambda f: lambda a, b: compare(COMPARED[f.__name__].name, a, b))
