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

from collections.abc import Iterator, Sequence
from copy import deepcopy
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .arrays import ARRAYS, HOLE, Array, quiet
from .backward import LOCK
from .copies import Listing, adorned, attributes
from .cuts import refuse_cut
from .graph import topological_order
from .maths import KindError, Number, apply, is_number, parameter, real
from .modes import Unwatched, active, anomaly, asked, differentiating, origin, recording, tidy
from .pullback import (
    FALLBACK,
    accumulate,
    check_gradient,
    check_stamp,
    computed,
    describe,
    made,
    pull,
    sweep,
    worst,
)
from .rules import ARRAY_TABLE, TABLE, ArrayRule, Rule
from .value import ROLES, text

if TYPE_CHECKING:
    from .buffer import Buffer

ONES = {kind: np.ones((), kind) for kind in ARRAYS}
for one in ONES.values():
    one.setflags(write=False)  # they start every backward pass
FLOATS = {np.dtype("float64"), np.dtype("float32")}
UFUNCS = {"subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
          "negative": "neg", "absolute": "abs", "arcsin": "asin", "arccos": "acos",
          "arctan": "atan", "maximum": "max", "minimum": "min", "fabs": "abs"}  # fmt: skip
COMPOSED: dict[str, Any] = {  # NumPy's functions of one or two operations
    "square": lambda x: x * x, "reciprocal": lambda x: 1 / x, "positive": lambda x: x,
    "exp2": lambda x: 2.0**x,
}  # fmt: skip


class Place(str):
    """A scope that also knows the line of user code, of a node made under `detect_anomaly`."""

    origin: str

    def __new__(cls, scope: str, origin: str) -> Place:
        """The scope, with the line."""
        place = super().__new__(cls, scope)
        place.origin = origin
        return place


class Tensor(Number):
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
        "_data", "_grad", "_rule", "_args", "_saved", "_params", "_needs", "_buffer", "_stamp",
        "_mark", "_label", "_scope", "_role", "__weakref__",
    )  # fmt: skip

    _data: Array
    _grad: Array | None
    _rule: Any
    _args: tuple[Tensor, ...]
    _saved: Sequence[Array]
    _params: tuple[Any, ...]
    _needs: bool
    _buffer: Buffer | None
    _stamp: tuple[Buffer, int] | None
    _mark: object
    _label: str
    _scope: str
    _role: str

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
        self._label, self._scope = text(label, "label"), text(scope, "scope")
        self.role = role

    # ------------------------------------------------------------ the numbers

    @property
    def data(self) -> Array:
        """The array of the numbers."""
        return self._data

    @data.setter
    def data(self, data: ArrayLike) -> None:
        array = fitted(numbers(data, self._data.dtype), self._data.shape, "data")
        if self._buffer is not None:
            self._buffer.version += 1
            self._data[...] = array
        else:
            self._data = array.copy()

    @property
    def grad(self) -> Array:
        """∂root/∂self, as `backward` left it; zeros before."""
        if self._grad is None:
            return np.zeros_like(self._data)
        if self._args:  # several nodes may share one array
            return np.array(self._grad)
        return self._grad

    @grad.setter
    def grad(self, grad: ArrayLike) -> None:
        if self._buffer is not None and self._grad is not None and type(grad) is float:
            self._grad.fill(grad)  # as `zero_grad` does before every step
            return
        array = fitted(numbers(grad, self._data.dtype), self._data.shape, "grad")
        if self._buffer is not None and self._grad is not None:
            self._grad[...] = array
        else:
            self._grad = array.copy()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of every axis."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the entries."""
        return self._data.dtype

    def item(self) -> float:
        """The number in a Tensor of one entry."""
        uncut(self, "item()")
        return self._only("item()").item()  # type: ignore[no-any-return]

    def __float__(self) -> float:
        uncut(self, "float()")
        if recording() and self._needs:
            refuse_cut()
        return float(self._only("float()").item())

    def __bool__(self) -> bool:
        return bool(self._only("a decision by its truth", " (to choose entries, use where())"))

    def _only(self, what: str, instead: str = "") -> Array:
        """The data, if that is one number."""
        if self.size != 1:
            raise ValueError(
                f"{what} takes one number{instead}; this Tensor has shape {self.shape}"
            )
        return self._read(what)

    def _read(self, what: str) -> Array:
        """The data, for something that is no node; a recording does not give them away."""
        return self._data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        uncut(self, "numpy.asarray()")
        if copy is False:
            raise ValueError("a Tensor becomes an array of its own: that takes a copy")
        return np.array(self._read("numpy.asarray()"), dtype)

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        from .functions import numpy_function

        return numpy_function(function)(*args, **named)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **options: Any) -> Any:
        name = UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or options:
            return NotImplemented
        if name in COMPARISONS:
            return compare(name, *args)
        if name == "matmul":
            return matmul(*args)
        if name == "power":
            base, exponent = args
            return base**exponent if isinstance(base, Tensor) else apply(TABLE["pow"], args)
        if name in COMPOSED:
            return COMPOSED[name](*args)
        if name not in TABLE or TABLE[name].variadic:
            raise TypeError(
                f"numpy.{ufunc.__name__} has no derivative here: compute with engine's functions, "
                "or take .data where the numbers are meant to be constants"
            )
        return apply(TABLE[name], args)

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("a Tensor without axes has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        head = "Tensor("
        numbers = self._read("its text")
        array = np.array2string(numbers, separator=", ", prefix=head, threshold=40)
        kind = "" if self._data.dtype == np.float64 else f", dtype={self._data.dtype}"
        return f"{head}{array}{kind})"

    def __format__(self, spec: str) -> str:
        numbers = self._read("its text")
        return format(numbers.item(), spec) if spec else repr(self)

    def __lt__(self, other: Any) -> Tensor:
        return compare("less", self, other)

    def __le__(self, other: Any) -> Tensor:
        return compare("less_equal", self, other)

    def __gt__(self, other: Any) -> Tensor:
        return compare("greater", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return compare("greater_equal", self, other)

    def __and__(self, other: Any) -> Tensor:
        return make(ARRAY_TABLE["both"], (condition(self), condition(other)))

    def __rand__(self, other: Any) -> Tensor:
        return condition(other) & self

    # ------------------------------------------------------------ how it was made

    @property
    def args(self) -> tuple[Tensor, ...]:
        """The nodes it was computed from, in order."""
        return self._args

    @property
    def rule(self) -> Rule | ArrayRule | None:
        """The row that made it; None for a leaf."""
        return self._rule  # type: ignore[no-any-return]

    @property
    def params(self) -> tuple[Any, ...]:
        """The parameters of its operation: the axes of a sum."""
        return self._params

    @property
    def _prev(self) -> set[Tensor]:
        return set(self._args)

    @property
    def _op(self) -> str:
        op = self._rule.op if self._rule else ""
        return op % self._params if "%s" in op else op

    @property
    def sign(self) -> str:
        """The operation as pictures write it; "" for a leaf."""
        sign = self._rule.sign if self._rule else ""
        return sign % tuple(f"{p:g}" for p in self._params) if "%s" in sign else sign

    @property
    def label(self) -> str:
        """Its name in pictures and messages."""
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        self._label = text(label, "label")

    @property
    def scope(self) -> str:
        """Its place in a network: ``layers.0``."""
        return self._scope

    @scope.setter
    def scope(self, scope: str) -> None:
        self._scope = text(scope, "scope")

    @property
    def role(self) -> str:
        """What it is: "input", "parameter", "constant", or "computed" if it has arguments."""
        return "computed" if self._args else self._role or "input"

    @role.setter
    def role(self, role: str) -> None:
        if role not in ROLES:
            raise ValueError(f"a leaf's role is one of {', '.join(ROLES[1:])}, not {role!r}")
        if not self._args:
            self._role, self._needs = role, role != "constant"

    # ------------------------------------------------------------ shapes, sums and products

    @property
    def T(self) -> Tensor:  # noqa: N802 — NumPy's name
        """The axes in reverse order."""
        return self.transpose()

    def transpose(self, *axes: Any) -> Tensor:
        """The axes in another order; without arguments reversed."""
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        order = axes_of(self, given) if given else tuple(reversed(range(self.ndim)))
        if len(order) != self.ndim:
            raise ValueError(f"{given} does not order the {self.ndim} axes of shape {self.shape}")
        return make(ARRAY_TABLE["transpose"], (self,), (order,))

    def reshape(self, *shape: Any) -> Tensor:
        """The same entries in another shape; one length may be -1: what is left."""
        new = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if any(not hasattr(n, "__index__") or n.__index__() < -1 for n in new):
            raise TypeError(f"a shape consists of whole numbers, not {new}")
        try:
            new = np.empty(self.shape, bool).reshape(new).shape
        except ValueError:
            raise ValueError(
                f"an array of shape {self.shape} has {self.size} entries: "
                f"they do not fill shape {tuple(new)}"
            ) from None
        return make(ARRAY_TABLE["reshape"], (self,), (new,))

    def astype(self, dtype: DTypeLike) -> Tensor:
        """The numbers in another precision, "float32" or "float64"."""
        return make(ARRAY_TABLE["astype"], (self,), (precision(dtype),))

    def __getitem__(self, key: Any) -> Tensor:
        arrays: list[Tensor] = []
        key = plain_key(key, arrays)
        try:
            if arrays:
                return make(ARRAY_TABLE["gather"], (self, *arrays), (key,))
            return make(ARRAY_TABLE["index"], (self,), (key,))
        except IndexError as error:
            raise IndexError(f"{error}, in a Tensor of shape {self.shape}") from None

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor's entries are not assigned one by one, as the graph would not know: "
            "use where() or assign .data of a leaf as a whole"
        )

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The sum of all entries, or over one axis or several."""
        return over("sum_over", self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The mean of all entries, or over one axis or several; of none it is nan."""
        axes = axes_of(self, axis)
        count = prod(self.shape[i] for i in axes)
        return over("sum_over", self, axes, keepdims) / count  # type: ignore[no-any-return]

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The largest entry, or over one axis or several; ties share the gradient.

        Of two Tensors entry by entry: ``engine.max(a, b)``.
        """
        return over("max_over", self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """The smallest entry, or over one axis or several; ties share the gradient."""
        return -over("max_over", -self, axis, keepdims)  # type: ignore[no-any-return]

    def logsumexp(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """log Σ exp(x) over all entries, one axis or several; nothing overflows on the way."""
        return over("logsumexp_over", self, axis, keepdims)

    def softmax(self, axis: int = -1) -> Tensor:
        """exp(x) / Σ exp(x) along an axis."""
        return apply(TABLE["softmax_entry"], (self, self.logsumexp(axis, keepdims=True)))  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Tensor:
        """The sum of the products of the entries, of two Tensors of one shape."""
        other = operand(other, self)
        if other.shape != self.shape:
            raise ValueError(f"dot: shapes {self.shape} and {other.shape} differ")
        return (self * other).sum()  # type: ignore[no-any-return]

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return matmul(other, self)

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

    def _over(self, name: str, *rest: Any) -> Tensor:
        """What a row over a sequence is if it is given one Tensor in the sequence's place."""
        if name == "cross_entropy":
            from .functions import softmax_cross_entropy

            return softmax_cross_entropy(self, *rest)
        if name == "affine":
            xs, b = rest
            return self.dot(xs) + b  # type: ignore[no-any-return]
        result: Tensor = getattr(self, name)(*rest)
        return result

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
        if self._stamp is not None:
            check_stamp(self)
        if create_graph:
            sent = self._pull_nodes(g, wanted)
        else:
            m = ARRAYS.get(self.dtype, FALLBACK)
            with np.errstate(all="ignore"):
                sent = pull(m, self._rule, g, self._data, self._saved, self._params, wanted)
        sent = [
            d if d is None or d.dtype == x.dtype or x.dtype not in FLOATS else d.astype(x.dtype)
            for d, x in zip(sent, self._args, strict=True)
        ]
        if anomaly():
            for d, x in zip(sent, self._args, strict=True):
                if d is not None:
                    check_gradient(d._data if isinstance(d, Tensor) else d, x, self)
        return sent

    def _pull_nodes(self, g: Any, wanted: Sequence[bool]) -> list[Any]:
        """The gradients of its arguments as Tensors of a graph."""
        for x, then in zip(self._args, self._saved, strict=True):
            if x._data is not then:
                raise ValueError(
                    f"{describe(self)} no longer follows from its arguments: data was changed "
                    "after it was recorded; run the forward pass again"
                )
        from .tensor_maths import TENSORS, TensorMathematics

        scalar = isinstance(self._rule, Rule)  # a row that may choose between branches
        m = TensorMathematics(self._args) if scalar else TENSORS
        with Unwatched():
            return pull(m, self._rule, g, self, self._args, self._params, wanted)

    def __copy__(self) -> Tensor:
        return restore(fields(self), self._args)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        for node in topological_order(self):
            if node._buffer is not None:
                deepcopy(node._buffer, memo)
            elif id(node) not in memo:
                state = fields(node)
                if state[7:]:
                    state = (*state[:8], deepcopy(state[8], memo))
                memo[id(node)] = restore(state, [memo[id(x)] for x in node._args])
        return memo[id(self)]

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Pickle the graph node by node, arguments first: see `Value.__reduce_ex__`."""
        if self._buffer is not None:
            return self._buffer.part_of, (self._buffer.place(self),)
        if not self._args or (isinstance(self._mark, Listing) and self._mark.expects(self)):
            return restore, (fields(self), self._args)
        below = topological_order(self)[:-1]
        listing = Listing(below)
        with LOCK:
            for node in below:
                node._mark = listing
        return restore_last, (below, fields(self), self._args)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from .display import mimebundle

        shown: Any = self
        return mimebundle(shown)


# ---------------------------------------------------------------- making nodes


def fill(node: Tensor, data: Array) -> Tensor:
    """Set up a node as a leaf."""
    node._data = data
    node._grad = node._rule = node._mark = node._buffer = node._stamp = None
    node._args = node._params = ()
    node._saved = ()
    node._needs = True
    node._label = node._scope = node._role = ""
    return node


def make(rule: Rule | ArrayRule, args: tuple[Tensor, ...], params: tuple[Any, ...] = ()) -> Tensor:
    """The node that applies a row to Tensors."""
    data = [x._data for x in args]
    try:
        y = compute(rule, data, params)
    except ValueError as error:
        shapes = " and ".join(str(x.shape) for x in args)
        raise ValueError(f"{rule.name}: shapes {shapes} do not go together: {error}") from None
    return node(rule, args, params, y, data)


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
        out._scope = Place(out._scope, origin())
        if out._data.dtype in FLOATS and not np.isfinite(out._data).all():
            raise FloatingPointError(
                f"{describe(out)} has an entry that is not finite: {worst(out._data)}\n{made(out)}"
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


def floating(x: Any, dtype: DTypeLike | None) -> Array:
    """The numbers as an array of its own in float32 or float64.

    Raises:
        TypeError: if they are not real numbers, or of another precision.
    """
    if isinstance(x, Tensor):
        uncut(x, "Tensor()")
        x = x._read("Tensor()")
    elif holds_tensor(x):
        raise TypeError("a list of Tensors becomes one by stack(), which keeps the graph")
    try:
        array = np.array(x)
    except ValueError as error:
        raise TypeError(f"the rows of an array are of one length: {error}") from None
    if array.dtype == object and all(is_number(entry) for entry in array.flat):
        # Decimal, Fraction, integers beyond 64 bits
        array = np.array([real(entry) for entry in array.flat]).reshape(array.shape)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"a Tensor holds real numbers, not {type(x).__name__} {x!r:.60}")
    if dtype is None:
        if array.dtype.kind == "f" and array.dtype not in FLOATS:
            raise TypeError(
                f"a Tensor is float32 or float64, not {array.dtype}: convert it with dtype="
            )
        dtype = array.dtype if array.dtype in FLOATS else np.float64
    return array.astype(precision(dtype), copy=False)


def numbers(x: Any, dtype: np.dtype[Any]) -> Array:
    """The numbers as an array of that precision, which may be the one that was given."""
    return x if type(x) is np.ndarray and x.dtype == dtype else floating(x, dtype)


def holds_tensor(x: Any) -> bool:
    """Whether there is a Tensor in nested lists or tuples."""
    return isinstance(x, Tensor) or (
        isinstance(x, (list, tuple)) and any(holds_tensor(part) for part in x)
    )


def precision(dtype: DTypeLike) -> np.dtype[Any]:
    """float32 or float64."""
    kind = np.dtype(dtype)
    if kind not in FLOATS:
        raise TypeError(f"a Tensor is float32 or float64, not {kind}")
    return kind


def fitted(array: Array, shape: tuple[int, ...], what: str) -> Array:
    """An array in a shape that it must have; a single number fills it."""
    if array.shape == shape:
        return array
    if array.ndim == 0:
        return np.full(shape, array)
    raise ValueError(f"{what} of a Tensor of shape {shape} cannot have shape {array.shape}")


def uncut(x: Tensor, what: str) -> None:
    """Refuse to make plain numbers of a node where that would cut the graph unnoticed."""
    if differentiating() and x._needs:
        raise TypeError(
            f"{what} would cut the graph inside a differentiated function: use engine's functions, "
            "or take .data where the numbers are meant to be constants"
        )


# ---------------------------------------------------------------- operations

COMPARISONS = {"less", "less_equal", "greater", "greater_equal"}


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


def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product over the last two axes; an operand of one axis is a row or a column.

    Shapes (…, n, k) and (…, k, m) give (…, n, m); the axes before them broadcast.
    """
    like = a if isinstance(a, Tensor) else b if isinstance(b, Tensor) else Tensor(b)
    a, b = operand(a, like), operand(b, like)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} do not go together")
    rows, columns = a.ndim == 1, b.ndim == 1
    a = a.reshape(1, -1) if rows else a
    b = b.reshape(-1, 1) if columns else b
    y = make(ARRAY_TABLE["matmul"], (a, b))
    if rows or columns:
        kept = y.shape[:-2] + (() if rows else y.shape[-2:-1]) + (() if columns else y.shape[-1:])
        y = y.reshape(kept)
    return y


def over(name: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    """A row over some axes."""
    axes = axes_of(x, axis)
    if name == "max_over" and not prod(x.shape[i] for i in axes):
        raise ValueError(f"no entry is the largest of none: shape {x.shape}, axes {axes}")
    return make(ARRAY_TABLE[name], (x,), (axes, bool(keepdims)))


def axes_of(x: Tensor, axis: Any) -> tuple[int, ...]:
    """One axis or several, counted from the first; all for None."""
    if axis is None:
        return tuple(range(x.ndim))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = []
    for i in given:
        if not hasattr(i, "__index__"):
            raise TypeError(f"an axis is a whole number, not {i!r}")
        if not -x.ndim <= i.__index__() < x.ndim:
            raise ValueError(f"there is no axis {i} in an array of shape {x.shape}")
        axes.append(i.__index__() % x.ndim)
    if len(set(axes)) < len(axes):
        raise ValueError(f"an axis is named twice in {tuple(given)}")
    return tuple(axes)


def plain_key(key: Any, arrays: list[Tensor]) -> Any:
    """A key of plain slices, numbers and arrays that no one changes later.

    Args:
        arrays: gets the Tensors of whole numbers in it, which leave holes.
    """
    if isinstance(key, tuple):
        return tuple([plain_key(part, arrays) for part in key])
    if isinstance(key, Tensor):
        if key.dtype in FLOATS:
            raise TypeError("a Tensor of real numbers is no index: use whole numbers")
        if key.dtype == bool:  # how many entries it names depends on the numbers
            return key._read("using it as a mask")
        arrays.append(key)
        return HOLE
    if isinstance(key, (list, np.ndarray)):
        array = np.array(key)
        return array if array.size else array.astype(int)
    return key


# ---------------------------------------------------------------- copies


def fields(x: Tensor) -> tuple[Any, ...]:
    """What a node consists of, without its arguments.

    Raises:
        ValueError: if parameters have been changed since it was computed from them.
    """
    if x._stamp is not None:
        check_stamp(x)
    # what has been changed since is kept, else the copy's arguments have it
    data = x._read("a copy of it")
    saved = [
        then if then is not arg._data else None for then, arg in zip(x._saved, x._args, strict=True)
    ]
    names = str(x._label), str(x._scope), x._role
    state = data, x._grad, x._rule, x._params, x._needs, names, saved
    return state if type(x) is Tensor else (*state, type(x), attributes(x))


def restore(state: tuple[Any, ...], args: Sequence[Tensor]) -> Tensor:
    """A node of those fields and arguments."""
    data, grad, rule, params, needs, names, saved = state[:7]
    kind, extra = state[7:] or (Tensor, {})
    x: Tensor = fill(kind.__new__(kind), data if rule else data.copy())
    x._grad = None if grad is None else np.array(grad)
    x._rule, x._args, x._params, x._needs = rule, tuple(args), params, needs
    x._saved = [arg._data if then is None else then for then, arg in zip(saved, args, strict=True)]
    x._label, x._scope, x._role = names
    return adorned(x, extra)  # type: ignore[no-any-return]


def restore_last(below: object, state: tuple[Any, ...], args: Sequence[Tensor]) -> Tensor:
    """The node whose pickle lists the nodes below it first."""
    return restore(state, args)
