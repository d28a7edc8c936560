"""More engines, in the styles that are found in public: thirty with a mistake, and right ones.

Each style is a whole engine as text; a variant replaces a piece of it. What a diagnosis may be
called is listed for each; "" stands for none: gradpath need not know the mistake.
"""

from __future__ import annotations

from typing import NamedTuple

CLOSURES = '''
import math

class Value:
    """In the manner of micrograd: a set of children, a closure for each node, recursion."""

    def __init__(self, data, _children=(), _op=""):
        self.data = data
        self.grad = 0.0
        self._prev = set(_children)
        self._op = _op
        self._backward = lambda: None

    def __repr__(self):
        return f"Value({self.data})"

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, n):
        assert isinstance(n, (int, float)), "only int and float powers"
        out = Value(self.data**n, (self,), "**")

        def _backward():
            self.grad += n * self.data ** (n - 1) * out.grad

        out._backward = _backward
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,), "exp")

        def _backward():
            self.grad += out.data * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def relu(self):
        out = Value(self.data if self.data > 0 else 0.0, (self,), "relu")

        def _backward():
            self.grad += (out.data > 0) * out.grad

        out._backward = _backward
        return out

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def backward(self):
        topo = []
        visited = set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        for v in topo:
            if v._prev:
                v.grad = 0.0
        self.grad += 1.0
        for v in reversed(topo):
            v._backward()
'''

EDGES = '''
from __future__ import annotations
from dataclasses import dataclass, field
from math import cos, exp, log, sin, sqrt, tanh

@dataclass(eq=False, slots=True)
class Node:
    """A dataclass with slots; edges are pairs; the order comes from counting uses."""

    data: float
    edges: list[tuple[Node, float]] = field(default_factory=list)
    grad: float = 0.0

    @staticmethod
    def of(x):
        return x if isinstance(x, Node) else Node(x)

    def __add__(self, other):
        other = Node.of(other)
        return Node(self.data + other.data, [(self, 1.0), (other, 1.0)])

    __radd__ = __add__

    def __sub__(self, other):
        other = Node.of(other)
        return Node(self.data - other.data, [(self, 1.0), (other, -1.0)])

    def __rsub__(self, other):
        return Node.of(other) - self

    def __mul__(self, other):
        other = Node.of(other)
        return Node(self.data * other.data, [(self, other.data), (other, self.data)])

    __rmul__ = __mul__

    def __truediv__(self, other):
        other = Node.of(other)
        return Node(self.data / other.data,
                    [(self, 1 / other.data), (other, -self.data / other.data**2)])

    def __rtruediv__(self, other):
        return Node.of(other) / self

    def __neg__(self):
        return Node(-self.data, [(self, -1.0)])

    def __pow__(self, other):
        if isinstance(other, Node):
            y = self.data**other.data
            return Node(y, [(self, other.data * self.data ** (other.data - 1)),
                            (other, y * log(self.data))])
        return Node(self.data**other, [(self, other * self.data ** (other - 1))])

    def sin(self):
        return Node(sin(self.data), [(self, cos(self.data))])

    def cos(self):
        return Node(cos(self.data), [(self, -sin(self.data))])

    def log(self):
        return Node(log(self.data), [(self, 1 / self.data)])

    def sqrt(self):
        y = sqrt(self.data)
        return Node(y, [(self, 0.5 / y)])

    def sigmoid(self):
        y = 0.5 * (1 + tanh(self.data / 2))
        return Node(y, [(self, y * (1 - y))])

    def softplus(self):
        x = self.data
        return Node(max(x, 0) + log(1 + exp(-abs(x))), [(self, 0.5 * (1 + tanh(x / 2)))])

    def backward(self):
        uses, stack, nodes = {}, [self], [self]
        while stack:
            for child, _ in stack.pop().edges:
                if id(child) not in uses:
                    stack.append(child)
                    nodes.append(child)
                uses[id(child)] = uses.get(id(child), 0) + 1
        for node in nodes:
            if node.edges:
                node.grad = 0.0
        self.grad += 1.0
        ready = [self]
        while ready:
            node = ready.pop()
            for child, local in node.edges:
                child.grad += local * node.grad
                uses[id(child)] -= 1
                if uses[id(child)] == 0:
                    ready.append(child)
'''

ARRAYS = '''
import numpy as np

class Tensor:
    """NumPy inside: data and gradients are arrays; gradients begin as None."""

    def __init__(self, data, parents=(), rule=None):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = None
        self.parents = parents
        self.rule = rule

    def accumulate(self, amount):
        self.grad = amount.copy() if self.grad is None else self.grad + amount

    def zero_grad(self):
        self.grad = None

    def lift(self, other):
        return other if isinstance(other, Tensor) else Tensor(other)

    def __add__(self, other):
        other = self.lift(other)
        return Tensor(self.data + other.data, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        other = self.lift(other)
        return Tensor(self.data * other.data, (self, other),
                      lambda g: (g * other.data, g * self.data))

    def __sub__(self, other):
        other = self.lift(other)
        return Tensor(self.data - other.data, (self, other), lambda g: (g, -g))

    def __truediv__(self, other):
        other = self.lift(other)
        return Tensor(self.data / other.data, (self, other),
                      lambda g: (g / other.data, -g * self.data / other.data**2))

    def __neg__(self):
        return Tensor(-self.data, (self,), lambda g: (-g,))

    def __pow__(self, n):
        if isinstance(n, Tensor):
            raise NotImplementedError("powers of tensors")
        return Tensor(self.data**n, (self,), lambda g: (g * n * self.data ** (n - 1),))

    def exp(self):
        y = np.exp(self.data)
        return Tensor(y, (self,), lambda g: (g * y,))

    def tanh(self):
        y = np.tanh(self.data)
        return Tensor(y, (self,), lambda g: (g * (1 - y * y),))

    def relu(self):
        return Tensor(np.maximum(self.data, 0.0), (self,), lambda g: (g * (self.data > 0),))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return self.lift(other) - self

    def __rtruediv__(self, other):
        return self.lift(other) / self

    def order(self):
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((p, False) for p in node.parents)
        return order[::-1]

    def backward(self):
        order = self.order()
        for node in order:
            if node.parents:
                node.grad = None
        self.accumulate(np.ones_like(self.data))
        for node in order:
            if node.rule is not None:
                for parent, amount in zip(node.parents, node.rule(node.grad)):
                    parent.accumulate(amount)
'''

TAPE = '''
import math

class Var:
    """A tape for each graph, joined when graphs meet; what stands on it is replayed backwards."""

    def __init__(self, data, tape=None):
        self.data, self.grad = data, 0.0
        self.tape = tape if tape is not None else {}

    def record(self, data, *edges):
        tape = {}
        for x, _ in edges:
            tape.update(x.tape)
        out = Var(data, tape)
        tape[out] = edges
        return out

    def __add__(self, other):
        other = other if isinstance(other, Var) else Var(other)
        return self.record(self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Var) else Var(other)
        return self.record(self.data * other.data, (self, other.data), (other, self.data))

    def __sub__(self, other):
        return self + other * -1.0

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return other + self * -1.0

    def exp(self):
        y = math.exp(self.data)
        return self.record(y, (self, y))

    def sin(self):
        return self.record(math.sin(self.data), (self, math.cos(self.data)))

    def leaky_relu(self, alpha=0.1):
        slope = 1.0 if self.data > 0 else alpha
        return self.record(slope * self.data, (self, slope))

    def backward(self):
        for node in self.tape:
            node.grad = 0.0
        self.grad += 1.0
        for node, edges in reversed(list(self.tape.items())):
            for x, local in edges:
                x.grad += local * node.grad
'''

STYLES = {"Value": CLOSURES, "Node": EDGES, "Tensor": ARRAYS, "Var": TAPE}


class Variant(NamedTuple):
    """An engine with a piece replaced.

    Attributes:
        name: what is wrong, in a few words.
        style: the class's name.
        old, new: the piece.
        diagnoses: names of which one is right; "" if none need be made.
        op: the operation in which it sits, if it is one.
    """

    name: str
    style: str
    old: str
    new: str
    diagnoses: tuple[str, ...]
    op: str = ""

    @property
    def source(self) -> str:
        """The engine."""
        text = STYLES[self.style]
        assert text.count(self.old) == 1, self.name
        return text.replace(self.old, self.new)


VARIANTS = [
    # ------------------------------------------------------------ closures
    Variant("exp assigns", "Value", "self.grad += out.data * out.grad",
            "self.grad = out.data * out.grad", ("missing accumulation",), "exp"),
    Variant("relu takes >= on the gradient side", "Value", "(out.data > 0) * out.grad",
            "(self.data < 0) * out.grad", ("wrong derivative",), "relu"),
    Variant("tanh without the square", "Value", "(1 - t**2) * out.grad", "(1 - t) * out.grad",
            ("wrong derivative",), "tanh"),
    Variant("pow without the exponent's factor", "Value", "self.grad += n * self.data ** (n - 1)",
            "self.grad += self.data ** (n - 1)", ("wrong derivative",), "power"),
    Variant("subtraction turned round", "Value", "return self + (-other)",
            "return other + (-self)", ("operand order",), "sub"),
    Variant("number minus value turned round", "Value", "return other + (-self)",
            "return self + (-other)", ("operand order",), "sub"),
    Variant("number over value turned round", "Value", "return other * self**-1",
            "return self * other**-1", ("operand order",), "div"),
    Variant("no import", "Value", "import math\n", "", ("missing import",)),
    Variant("append outside the if", "Value", "                topo.append(v)\n",
            "            topo.append(v)\n", ("listed twice in the order",)),
    Variant("not reversed", "Value", "for v in reversed(topo):", "for v in topo:",
            ("stops after one step",)),
    Variant("seeded with data", "Value", "self.grad += 1.0", "self.grad = self.data",
            ("gradient seeded with the value",)),
    Variant("mul's rule on the operand", "Value",
            "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad"
            "\n\n        out._backward = _backward",
            "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad"
            "\n\n        self._backward = _backward", ("rule stored on the operand",), "mul"),
    Variant("mul's rule is called", "Value",
            "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad"
            "\n\n        out._backward = _backward",
            "self.grad += other.data * out.grad\n            other.grad += self.data * out.grad"
            "\n\n        out._backward = _backward()", ("rule called when it is stored",), "mul"),
    Variant("exp forgets to return", "Value",
            "self.grad += out.data * out.grad\n\n        out._backward = _backward\n"
            "        return out",
            "self.grad += out.data * out.grad\n\n        out._backward = _backward",
            ("no node returned",), "exp"),
    Variant("relu changes its operand", "Value",
            'out = Value(self.data if self.data > 0 else 0.0, (self,), "relu")',
            'self.data = max(self.data, 0.0)\n        out = Value(self.data, (self,), "relu")',
            ("operand changed in place",), "relu"),
    Variant("relu zeroes its operand's gradient", "Value",
            "self.grad += (out.data > 0) * out.grad",
            "self.grad = self.grad + out.grad if out.data > 0 else 0.0",
            ("operand's gradient set to zero",), "relu"),
    Variant("children shared by all", "Value", "_children=(), _op=\"\"):\n        self.data = data",
            "_children=(), _op=\"\", pool=[]):\n        self.data = data\n"
            "        pool.append(self)\n        self.pool = pool",
            ()),  # harmless: nobody reads the pool
    # ------------------------------------------------------------ edges
    Variant("sub adds", "Node", "[(self, 1.0), (other, -1.0)]", "[(self, 1.0), (other, 1.0)]",
            ("wrong sign",), "sub"),
    Variant("mul exchanged", "Node", "[(self, other.data), (other, self.data)]",
            "[(self, self.data), (other, other.data)]", ("partials exchanged",), "mul"),
    Variant("div by the divisor alone", "Node", "-self.data / other.data**2",
            "-self.data / other.data", ("", "wrong derivative"), "div"),
    Variant("cos without minus", "Node", "-sin(self.data)", "sin(self.data)", ("wrong sign",),
            "cos"),
    Variant("log of the result", "Node", "1 / self.data)])", "1 / log(self.data))])",
            ("result and argument mixed up",), "log"),
    Variant("sqrt without a half", "Node", "0.5 / y", "1 / y", ("wrong derivative",), "sqrt"),
    Variant("sigmoid's square", "Node", "y * (1 - y)", "y * (1 - y) ** 2", ("",), "sigmoid"),
    Variant("softplus' own value", "Node", "0.5 * (1 + tanh(x / 2))", "max(x, 0)", ("",),
            "softplus"),
    Variant("sent before complete", "Node",
            "                if uses[id(child)] == 0:\n                    ready.append(child)",
            "                ready.append(child)",
            ("no topological order", "running sum sent again", "listed twice in the order")),
    Variant("integers only", "Node", "return Node(self.data / other.data,",
            "return Node(self.data // other.data,", ("silent truncation",), "div"),
    Variant("pow forgets the exponent's gradient", "Node", "(other, y * log(self.data))",
            "(other, 0.0)", ("forgotten operand",), "pow"),
    # ------------------------------------------------------------ arrays
    Variant("gradients alias", "Tensor",
            "self.grad = amount.copy() if self.grad is None else self.grad + amount",
            "if self.grad is None:\n            self.grad = amount\n        else:\n"
            "            self.grad += amount", ("gradients share an array",)),
    Variant("tanh of the gradient", "Tensor", "(g * (1 - y * y),)", "(1 - y * y,)",
            ("forgotten chain factor",), "tanh"),
    Variant("sub's second operand", "Tensor", "lambda g: (g, -g))", "lambda g: (g, 0 * g))",
            ("forgotten operand",), "sub"),
    Variant("overwrites", "Tensor",
            "self.grad = amount.copy() if self.grad is None else self.grad + amount",
            "self.grad = amount", ("missing accumulation",)),
    # ------------------------------------------------------------ tapes
    Variant("late binding", "Var",
            "        out = Var(data, tape)\n        tape[out] = edges\n",
            "        out = Var(data, tape)\n        rules = []\n        for x, local in edges:\n"
            "            rules.append(lambda: (x, local))\n"
            "        tape[out] = [rule() for rule in rules]\n",
            ("late-binding closure",)),
    Variant("partials by operand", "Var",
            "tape[out] = edges\n", "tape[out] = [(x, dict(edges)[x]) for x, _ in edges]\n",
            ()),  # right: all that is recorded twice here has the same derivative twice
    Variant("the first operand only", "Var", "for x, local in edges:\n                x.grad",
            "for x, local in edges[:1]:\n                x.grad", ("forgotten operand",)),
    Variant("no reversal", "Var", "in reversed(list(self.tape.items())):",
            "in list(self.tape.items()):", ("stops after one step",)),
    Variant("the leak on the wrong side", "Var", "1.0 if self.data > 0 else alpha",
            "alpha if self.data > 0 else 1.0", ("", "operand order"), "leaky_relu"),
]  # fmt: skip

BROKEN = [v for v in VARIANTS if v.diagnoses]
RIGHT_ENGINES = {  # style and source by name
    **{style: (style, source) for style, source in STYLES.items()},
    **{v.name: (v.style, v.source) for v in VARIANTS if not v.diagnoses},
}
