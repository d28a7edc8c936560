"""What every node of a graph has, whatever it holds: a name, an operation, copies, messages.

`Value` and `Tensor` derive from `Node`. Each keeps its arguments in its own way and says so in
``args``; the rest of what pictures, messages, copies and pickles ask of a node is here, once.

`copy.deepcopy` and `pickle` recurse from a node into its arguments, and a deep graph would be too
much for them; here both go node by node, arguments first.
"""

from __future__ import annotations

from .forks import guard
from .graph import topological_order
from .numbers import Number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

LOCK = guard()  # two threads may share leaves; each backward pass runs whole
ROLES = ("", "input", "parameter", "constant")


class Name:
    """What a node is called: its label, its scope, and the line of user code that made it.

    Nodes of one name share one object (see `named`), and a node without any has none, so that
    names cost next to no memory.
    """

    __slots__ = ("label", "scope", "origin")

    def __init__(self, label: str, scope: str, origin: str) -> None:
        self.label, self.scope, self.origin = label, scope, origin

    def __reduce__(self) -> tuple[Callable[..., Name], tuple[str, str, str]]:
        return named, (self.label, self.scope, self.origin)


NAMES: dict[tuple[str, str, str], Name] = {}
NAMELESS = Name("", "", "")


def named(label: str, scope: str = "", origin: str = "") -> Name:
    """The name of those parts, shared with other nodes."""
    key = label, scope, origin
    name = NAMES.get(key)
    if name is None:
        if len(NAMES) >= 4096:  # a program that names each node anew must not fill the memory
            NAMES.clear()
        name = NAMES[key] = Name(label, scope, origin)
    return name


class Node(Number):
    """A number, or an array of them, that remembers how it was made.

    Its ``_name`` is not set as long as it has none. A subclass has the slots ``_data`` and
    ``_mark`` (whatever the last walk over the graph has left there), and says what ``args`` are.
    """

    __slots__ = ("_name",)

    holds_array = False  # or one number

    _data: Any
    _name: Name
    _mark: object

    # ------------------------------------------------------------ how it was made

    if TYPE_CHECKING:  # what a subclass brings: properties that need no call from here

        @property
        def args(self) -> tuple[Any, ...]:
            """The nodes it was computed from, in order; ``a * a`` has two."""

        @property
        def params(self) -> tuple[Any, ...]:
            """The parameters of its operation: the 2 of ``x ** 2``."""

        @property
        def role(self) -> str:
            """What it is: "input", "parameter", "constant", or "computed" if it has arguments."""

        _rule: Any

        def _shown(self) -> str:
            """Its data, as short as a message needs it."""

        def _shown_as_operand(self) -> str:
            """What it is, in a list of operands."""

        def _fields(self) -> tuple[Any, ...]:
            """What it consists of, besides its arguments and its name."""

        def _restore(self, fields: tuple[Any, ...], args: tuple[Any, ...]) -> None:
            """Let it consist of those fields and arguments."""

    @property
    def rule(self) -> Any:
        """The row of the table that made it; None for leaves and for nodes made by hand."""
        rule = self._rule
        return None if isinstance(rule, str) else rule

    @property
    def _prev(self) -> set[Any]:
        return set(self.args)

    @property
    def _op(self) -> str:
        if (rule := self.rule) is None:
            return self._rule or ""
        return rule.op % self.params if "%s" in rule.op else rule.op  # type: ignore[no-any-return]

    @property
    def sign(self) -> str:
        """The operation as pictures write it: "×", "tanh", "^2"; "" for a leaf."""
        if (rule := self.rule) is None:
            return self._op if self.args else ""
        if "%s" not in rule.sign:
            return rule.sign  # type: ignore[no-any-return]
        return rule.sign % tuple(f"{p:g}".replace("-", "−") for p in self.params)  # type: ignore[no-any-return]

    # ------------------------------------------------------------ who it is

    @property
    def label(self) -> str:
        """Its name in pictures, derivations and messages."""
        return getattr(self, "_name", NAMELESS).label

    @label.setter
    def label(self, label: str) -> None:
        name = getattr(self, "_name", NAMELESS)
        self._name = named(text(label, "label"), name.scope, name.origin)

    @property
    def scope(self) -> str:
        """Its place in a network: ``layers.0.neurons.3``."""
        return getattr(self, "_name", NAMELESS).scope

    @scope.setter
    def scope(self, scope: str) -> None:
        name = getattr(self, "_name", NAMELESS)
        self._name = named(name.label, text(scope, "scope"), name.origin)

    @property
    def origin(self) -> str:
        """The line of user code that made it, if it was made under `detect_anomaly`."""
        return getattr(self, "_name", NAMELESS).origin

    # ------------------------------------------------------------ copies

    def _state(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What makes a copy of it: a function and what it takes."""
        names = self.label, self.scope
        return restore, (type(self), self._fields(), names, self.args, additions(self))

    def _duplicate(self, memo: dict[int, Any]) -> None:
        """Put a copy of it into ``memo``, which has copies of its arguments."""
        kind, fields, names, args, added = Node._state(self)[1]
        copy = memo[id(self)] = restore(kind, fields, names, tuple([memo[id(x)] for x in args]), {})
        if added:
            from copy import deepcopy

            with_additions(copy, deepcopy(added, memo))

    def __copy__(self) -> Any:
        return restore(*Node._state(self)[1])

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        for node in topological_order(self):
            if id(node) not in memo:
                node._duplicate(memo)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        """Pickle the graph node by node, arguments first, so that depth is no limit.

        Whichever node is pickled first lists all nodes below it. When the list is being written,
        each of them is asked in turn, and as its arguments are in the pickle already it need only
        name them; the `Listing` tells whose turn it is.
        """
        mark = self._mark
        if not self.args or (isinstance(mark, Listing) and mark.expects(self)):
            return self._state()
        below = topological_order(self)[:-1]
        listing = Listing(below)
        with LOCK:
            for node in below:
                if node.args:
                    node._mark = listing
        return restore_last, (below, *self._state())

    # ------------------------------------------------------------ display

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        from .display import mimebundle

        return mimebundle(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        from .display import named

        printer.text(named(self))


# ---------------------------------------------------------------- messages


def text(x: str, what: str) -> str:
    """``x``, if it is text."""
    if isinstance(x, str):
        return x
    raise TypeError(f"a {what} is a str, not {type(x).__name__} {x!r}")


def leaf_role(role: str) -> str:
    """``role``, if a leaf can have it."""
    if role in ROLES:
        return role
    raise ValueError(f"a leaf's role is one of {', '.join(ROLES[1:])}, not {role!r}")


def describe(node: Node) -> str:
    """A node in a message: ``'h' (tanh, 0.46)``, ``'h' (tanh, shape (3, 4))``."""
    label = full_label(node)
    return f"{repr(label) if label else 'a node'} ({node._op or node.role}, {node._shown()})"


def full_label(node: Node) -> str:
    """The label with the scope before it; "" without a label."""
    return f"{node.scope}.{node.label}" if node.scope and node.label else str(node.label)


def describe_making(node: Node) -> str:
    """How a node was made: its operands and its line, for the end of a message."""
    shown = [x._shown_as_operand() for x in node.args[:8]]
    if len(node.args) > len(shown):
        shown.append(f"… and {len(node.args) - len(shown):,} more")
    line = node.origin or "unknown: record under detect_anomaly() to see it"
    return f"  operands: {', '.join(shown)}\n  made at: {line}"


def stale(node: Node, changed: str = "data was") -> ValueError:
    """The error when a node is not any more what its row makes of its arguments."""
    return ValueError(
        f"{describe(node)} no longer follows from its arguments: {changed} changed after it was "
        "recorded; run the forward pass again"
    )


def not_finite(x: Node, gradient: Any, node: Node) -> FloatingPointError:
    """The error when a node has sent a gradient that is inf or nan."""
    return FloatingPointError(
        f"the gradient of {describe(x)} became {gradient} in the backward pass of "
        f"{describe(node)}\n{describe_making(node)}"
    )


# ---------------------------------------------------------------- copies


class Listing:
    """The nodes, in order, that a pickle under way will ask for; each has it as its mark.

    A pickle that fails leaves its listing behind. A node is then out of turn, and begins anew.
    """

    def __init__(self, nodes: Sequence[Any]) -> None:
        self.remaining = iter([id(node) for node in nodes])

    def expects(self, node: Any) -> bool:
        """Whether it is the node's turn, now that those are passed over that the pickle has."""
        return any(expected == id(node) for expected in self.remaining)


def restore(
    kind: Any, fields: Sequence[Any], names: Sequence[str], args: Any, added: dict[str, Any]
) -> Any:
    """The node of those fields, names, arguments and additions."""
    node = kind.__new__(kind)
    node._restore(fields, args)
    if any(names):
        node._name = named(*names)
    return with_additions(node, added)


def restore_last(below: object, restore: Callable[..., Any], state: tuple[Any, ...]) -> Any:
    """The node whose pickle lists the nodes below it first."""
    return restore(*state)


def additions(node: Any) -> dict[str, Any]:
    """What a subclass has added to a node: what is in its ``__dict__`` and in its own slots."""
    ours = [kind for kind in type(node).__mro__ if kind.__module__.partition(".")[0] == "engine"]
    if type(node) in ours:
        return {}
    state: Any = object.__getstate__(node)
    found, slots = state
    known = {slot for kind in ours for slot in kind.__dict__.get("__slots__", ())}
    return (found or {}) | {slot: x for slot, x in slots.items() if slot not in known}


def with_additions(node: Any, added: dict[str, Any]) -> Any:
    """The node, with what a subclass adds to one."""
    for attribute, x in added.items():
        object.__setattr__(node, attribute, x)
    return node
