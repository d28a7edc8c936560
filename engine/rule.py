"""What a row of the table is: `Rule` for numbers, `ArrayRule` for whole arrays; and the tables.

The rows themselves are in `engine.rules`.
"""

from __future__ import annotations

from keyword import iskeyword

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would cost start-up time
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Function = Callable[..., Any]
    Interval = tuple[float, float]

INF = float("inf")
REAL: Interval = (-INF, INF)

# How tightly an operation binds when it is written down; a function call is an atom.
CHOICE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)


class Nothing(float):
    """The partial derivative along a branch that was not taken: a zero that wins over inf and nan.

    In every product it gives itself, in every sum the other term. As a number it is 0.0. Any other
    kind of number leaves an operation with it to it.
    """

    __slots__ = ()
    __array_ufunc__ = None

    def __mul__(self, other: object) -> Nothing:
        return self

    __rmul__ = __truediv__ = __mul__

    def __add__(self, other: Any) -> Any:
        return other

    __radd__ = __rsub__ = __add__

    def __sub__(self, other: Any) -> Any:
        return -other

    def __neg__(self) -> Nothing:
        return self

    def __reduce__(self) -> str:
        return "NOTHING"


NOTHING = Nothing()


class Row:
    """What rows for numbers and rows for arrays share: how their value is computed."""

    __slots__ = ("name", "value", "arity", "variadic", "op", "sign")

    name: str
    value: Function
    variadic: bool

    def evaluate(self, m: Any, args: Sequence[Any], params: Sequence[Any] = ()) -> Any:
        """The result in the mathematics ``m``."""
        if self.variadic:
            return self.value(m, args, *params)
        return self.value(m, *args, *params)


class Rule(Row):
    """One row of the table.

    Attributes:
        name: what the operation is called: the method's and the function's name.
        value: ``value(m, *args, *params)``, the result in the mathematics ``m``.
        partials: one ``partial(m, y, *args, *params)`` per argument.
        variadic: whether it takes any number of arguments. Such a row gets them as one sequence,
            ``value(m, args, *params)``, and has a single function that returns all partials.
        params: names and defaults of numbers that are not differentiated (`REQUIRED`: no default).
        op: the operation as text, as micrograd writes it (``Value._op``); ``%s`` takes a parameter.
        sign: the operation as pictures write it.
        text, latex: templates of the whole expression with one ``%s`` per argument and parameter.
        level: how tightly the written form binds, `CHOICE` to `ATOM`; by default like a function
            call, or loosely if ``text`` begins or ends with an argument.
        domain: per argument, the open interval on which the row is defined and smooth.
        samples: tuples of parameters to check the row with; by default the defaults.
        pack: of a variadic row, what makes one sequence of what its function is given.
        kinks: ``kinks(m, *args, *params)``: expressions that vanish where the row has a kink or
            a pole, so that checks can keep away from there.
        atomic: whether the value is the mathematics' own function of the row's name, ``m.exp(x)``,
            and not expressed by other functions. It is found by looking for the name in ``value``.
    """

    __slots__ = (
        "partials", "params", "names", "text", "latex", "level",
        "domain", "samples", "pack", "kinks", "atomic",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        value: Function,
        *partials: Function,
        params: dict[str, Any] | None = None,
        variadic: bool = False,
        op: str = "",
        sign: str = "",
        text: str = "",
        latex: str = "",
        level: int | None = None,
        domain: Sequence[Interval] = (),
        samples: Sequence[tuple[Any, ...]] = (),
        pack: Function = lambda xs: tuple(xs),
        kinks: Function | None = None,
    ) -> None:
        for function in (value, *partials):
            if not hasattr(function, "__code__"):
                raise TypeError(
                    f"rule {name!r} needs functions written in Python, not {function!r}"
                )
        code = value.__code__
        self.name, self.value, self.partials = name, value, partials
        self.params, self.variadic = params or {}, variadic
        self.names = code.co_varnames[1 : code.co_argcount - len(self.params)]
        self.arity = len(self.names)  # of a variadic row 1: the sequence
        self.op, self.sign = op or name, sign or op or name
        self.text, self.latex = text, latex
        loose = text.startswith("%s") or text.endswith("%s")
        self.level = level if level is not None else CHOICE if loose else ATOM
        self.domain = tuple(domain) or (REAL,) * self.arity
        self.samples = tuple(samples) or (tuple(self.params.values()),)
        self.pack = pack
        self.kinks = kinks or (lambda m, *args: ())
        self.atomic = name in code.co_names
        if not name.isidentifier() or iskeyword(name):
            raise ValueError(f"a rule's name must be a Python identifier, not {name!r}")
        if any(x.endswith("_") for x in (*self.names, *self.params)):
            raise ValueError(
                f"an argument of rule {name!r} ends in an underscore: call it otherwise"
            )
        if len(partials) != self.arity:
            raise ValueError(
                f"rule {name!r} has {self.arity} argument(s) and {len(partials)} partial(s); "
                "give one partial per argument (a variadic rule: one function for all)"
            )
        taken = ("m", "y", *self.names, *self.params)
        for partial in partials:
            if partial.__code__.co_argcount != len(taken):
                raise ValueError(f"each partial of rule {name!r} takes {', '.join(taken)}")

    def __repr__(self) -> str:
        return f"<rule {self.name}>"

    def __reduce__(self) -> tuple[Function, tuple[str]]:
        return find, (self.name,)

    def is_built_in(self) -> bool:
        """Whether it is one of the rows in `engine.rules`."""
        return self.value.__module__ == f"{__package__}.rules"

    def differentiate(
        self, m: Any, y: Any, args: Sequence[Any], params: Sequence[Any] = ()
    ) -> list[Any]:
        """The partial derivative for each argument, given the result ``y``."""
        if self.variadic:
            return list(self.partials[0](m, y, args, *params))
        return [partial(m, y, *args, *params) for partial in self.partials]

    def pull(
        self,
        m: Any,
        g: Any,
        y: Any,
        args: Sequence[Any],
        params: Sequence[Any],
        wanted: Sequence[bool],
    ) -> list[Any]:
        """The gradients of the arguments that are wanted, given that of the result, else None.

        ``m.send`` multiplies partial and gradient. Through a partial that is `NOTHING` passes none.
        """
        if self.variadic:
            partials = self.differentiate(m, y, args, params)
        else:
            partials = [
                partial(m, y, *args, *params) if want else NOTHING
                for partial, want in zip(self.partials, wanted, strict=True)
            ]
        return [
            m.send(partial, g, x) if want and partial is not NOTHING else None
            for partial, x, want in zip(partials, args, wanted, strict=True)
        ]


class Table:
    """The rows by name, in the order of their definition, and who wants to hear of new ones."""

    def __init__(self) -> None:
        self.rows: dict[str, Rule] = {}
        self.reserved: set[str] = set()  # what numbers have besides the rows
        self.listeners: list[Callable[[Rule, bool], None]] = []

    def __getitem__(self, name: str) -> Rule:
        try:
            return self.rows[name]
        except KeyError:
            raise LookupError(f"no rule is called {name!r}; add it: rule({name!r}, …)") from None

    def __contains__(self, name: object) -> bool:
        return name in self.rows

    def __iter__(self) -> Iterator[Rule]:
        return iter(list(self.rows.values()))

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: Rule) -> None:
        """Add a row. One of your own may be defined anew, as a notebook's cell is run again."""
        if row.name in self and self[row.name].is_built_in():
            raise ValueError(f"there is a rule {row.name!r} already, and it is gradpath's own")
        if row.name in self.reserved:
            raise ValueError(f"{row.name!r} means something else on numbers: choose another name")
        self.rows[row.name] = row
        try:
            for listener in self.listeners:
                listener(row, True)
        except Exception:
            self.remove(row.name)
            raise

    def remove(self, name: str) -> None:
        """Forget a row of your own. Graphs that were recorded with it keep their gradients."""
        row = self[name]
        if row.is_built_in():
            raise ValueError(f"the rule {name!r} is gradpath's own and stays")
        del self.rows[name]
        for listener in self.listeners:
            listener(row, False)

    def listen(self, listener: Callable[[Rule, bool], None]) -> None:
        """Call ``listener(row, present)`` for every row there is and every change to come."""
        self.listeners.append(listener)
        for row in self:
            listener(row, True)


TABLE = Table()
ARRAY_NAMES = {  # what libraries of arrays call functions that have another name there
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "max": "maximum", "min": "minimum",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
}  # fmt: skip
REQUIRED = object()  # a parameter without a default


def find(name: str) -> Rule:
    """The row of that name; pickles refer to rows by it."""
    return TABLE[name]


def rule(name: str, value: Function, *partials: Function, **details: Any) -> Rule:
    """Add a row to the table: see `Rule` for what it holds."""
    row = Rule(name, value, *partials, **details)
    TABLE.add(row)
    return row


# ---------------------------------------------------------------- operations on whole arrays


class ArrayRule(Row):
    """A row for an operation that moves, sums or multiplies the entries of whole arrays.

    Such an operation has no derivative entry by entry. In the place of partials stand pullbacks:
    ``pullback(m, g, y, *args, *params)`` is the gradient of an argument, given the gradient ``g``
    of the result. All are written with ``m``'s functions, so that pullbacks can be computed on
    arrays, recorded as graphs, and written down as programs.

    Args:
        name: its name, also that of the mathematics' function that computes it.
        value: ``value(m, *args, *params)``; of a variadic row ``value(m, args, *params)``.
        pullbacks: one per argument, or none if nothing passes through it; of a variadic row one,
            ``pullback(m, g, y, i, args, *params)`` for argument i.
        arity: how many of ``value``'s arguments are arrays; the others are parameters.
        variadic: whether it takes one sequence of arrays.
        sign: the operation as pictures write it.
    """

    __slots__ = ("pullbacks",)

    def __init__(
        self,
        name: str,
        value: Function,
        *pullbacks: Function,
        arity: int = 1,
        variadic: bool = False,
        sign: str = "",
    ) -> None:
        self.name, self.value, self.pullbacks = name, value, pullbacks
        self.arity, self.variadic = arity, variadic
        self.op = name
        self.sign = sign or name

    def __repr__(self) -> str:
        return f"<array rule {self.name}>"

    def __reduce__(self) -> tuple[Function, tuple[str]]:
        return find_array, (self.name,)

    def pull(
        self,
        m: Any,
        g: Any,
        y: Any,
        args: Sequence[Any],
        params: Sequence[Any],
        wanted: Sequence[bool],
    ) -> list[Any]:
        """The gradients of the arguments that are wanted, given that of the result, else None."""

        def gradient(i: int) -> Any:
            if self.variadic:
                return self.pullbacks[0](m, g, y, i, args, *params)
            return self.pullbacks[i](m, g, y, *args, *params) if self.pullbacks else None

        return [gradient(i) if want else None for i, want in enumerate(wanted)]


ARRAY_TABLE: dict[str, ArrayRule] = {}


def find_array(name: str) -> ArrayRule:
    """The row of that name; pickles refer to rows by it."""
    return ARRAY_TABLE[name]


def array_rule(name: str, value: Function, *pullbacks: Function, **details: Any) -> ArrayRule:
    """Add a row to the table of array operations: see `ArrayRule` for what it holds."""
    row = ARRAY_TABLE[name] = ArrayRule(name, value, *pullbacks, **details)
    return row
