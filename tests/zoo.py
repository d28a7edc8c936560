"""A zoo of broken engines: the mistakes that students make, each planted in a sound engine.

`Sound` is right. Every other class breaks one thing and says what the diagnosis should be.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

Edge = tuple[Any, float]  # an operand and the local derivative for it


class Sound:
    """A small engine without mistakes."""

    diagnosis: ClassVar[str] = ""
    op: ClassVar[str] = ""

    def __init__(self, data: float, _prev: tuple[Any, ...] = ()) -> None:
        self.data: Any = data
        self.grad: Any = 0.0
        self._prev = _prev
        self._backward: Callable[[], None] = lambda: None

    # -- the graph

    def node(self, data: float, *edges: Edge) -> Any:
        out = type(self)(data, tuple(x for x, _ in edges))

        def _backward() -> None:
            for x, local in edges:
                x.receive(local * out.grad)

        out._backward = _backward
        return out

    def lift(self, x: Any) -> Any:
        return x if isinstance(x, Sound) else type(self)(x)

    def receive(self, amount: float) -> None:
        self.grad += amount

    def below(self) -> list[Any]:
        """Everything this was computed from, operands first."""
        order: list[Any] = []
        seen: set[int] = set()
        stack: list[tuple[Any, bool]] = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack += [(x, False) for x in node._prev]
        return order

    def clear(self, nodes: list[Any]) -> None:
        for node in nodes:
            if node._prev:
                node.grad = 0.0

    def seed(self) -> None:
        self.grad += 1.0

    def sending(self) -> list[Any]:
        return self.below()[::-1]

    def backward(self) -> None:
        self.clear(self.below())
        self.seed()
        for node in self.sending():
            node._backward()

    # -- operators

    def __add__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other: Any) -> Any:
        other = self.lift(other)
        a, b = self.data, other.data
        return self.node(a / b, (self, 1 / b), (other, -a / b**2))

    def __pow__(self, n: Any) -> Any:
        x = self.data
        if not isinstance(n, Sound):
            return self.node(x**n, (self, n * x ** (n - 1)))
        z = n.data
        return self.node(x**z, (self, z * x ** (z - 1)), (n, x**z * math.log(x)))

    def __neg__(self) -> Any:
        return self.node(-self.data, (self, -1.0))

    def __radd__(self, other: Any) -> Any:
        return self.lift(other) + self

    def __rsub__(self, other: Any) -> Any:
        return self.lift(other) - self

    def __rmul__(self, other: Any) -> Any:
        return self.lift(other) * self

    def __rtruediv__(self, other: Any) -> Any:
        return self.lift(other) / self

    # -- functions

    def exp(self) -> Any:
        e = math.exp(self.data)
        return self.node(e, (self, e))

    def log(self) -> Any:
        return self.node(math.log(self.data), (self, 1 / self.data))

    def tanh(self) -> Any:
        t = math.tanh(self.data)
        return self.node(t, (self, 1 - t * t))

    def sigmoid(self) -> Any:
        s = (1 + math.tanh(self.data / 2)) / 2
        return self.node(s, (self, s * (1 - s)))

    def relu(self) -> Any:
        return self.node(max(self.data, 0.0), (self, float(self.data > 0)))

    def sin(self) -> Any:
        return self.node(math.sin(self.data), (self, math.cos(self.data)))

    def cos(self) -> Any:
        return self.node(math.cos(self.data), (self, -math.sin(self.data)))

    def sqrt(self) -> Any:
        r = math.sqrt(self.data)
        return self.node(r, (self, 1 / (2 * r)))


class Float32(Sound):
    """Sound too: single precision is no mistake."""

    def __init__(self, data: Any, _prev: tuple[Any, ...] = ()) -> None:
        import numpy as np

        super().__init__(data, _prev)
        self.data = np.float32(data)
        self.grad = np.float32(0.0)

    def receive(self, amount: Any) -> None:
        import numpy as np

        self.grad = np.float32(self.grad + np.float32(amount))


ZOO: list[type[Sound]] = []


def broken(diagnosis: str, op: str = "") -> Callable[[type[Sound]], type[Sound]]:
    """Put a class into the zoo.

    Args:
        diagnosis: the name of the mistake; "" if it is none that gradpath knows.
        op: the operation in which it sits.
    """

    def put(kind: type[Sound]) -> type[Sound]:
        kind.diagnosis, kind.op = diagnosis, op
        ZOO.append(kind)
        return kind

    return put


# ---------------------------------------------------------------- the backward pass


@broken("missing accumulation")
class SetsInsteadOfAdding(Sound):
    def receive(self, amount: float) -> None:
        self.grad = amount


@broken("missing accumulation", "mul")
class MulSetsInsteadOfAdding(Sound):
    def __mul__(self, other: Any) -> Any:
        other = self.lift(other)
        out = type(self)(self.data * other.data, (self, other))

        def _backward() -> None:
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad

        out._backward = _backward
        return out


@broken("missing accumulation", "tanh")
class TanhSetsInsteadOfAdding(Sound):
    def tanh(self) -> Any:
        t = math.tanh(self.data)
        out = type(self)(t, (self,))

        def _backward() -> None:
            self.grad = (1 - t * t) * out.grad

        out._backward = _backward
        return out


@broken("no topological order")
class SendsAtEveryVisit(Sound):
    def sending(self) -> list[Any]:
        return [self, *(node for x in self._prev for node in x.sending())]


@broken("no topological order")
class SendsBeforeOperandsAreComplete(Sound):
    def sending(self) -> list[Any]:
        order: list[Any] = []

        def visit(node: Any) -> None:
            if node not in order:
                order.append(node)
                for x in node._prev:
                    visit(x)

        visit(self)
        return order


@broken("no topological order")
class GoesLevelByLevel(Sound):
    def sending(self) -> list[Any]:
        order = [self]
        for node in order:
            order += [x for x in dict.fromkeys(node._prev) if x not in order]
        return order


@broken("no topological order")
class QueuesWithoutLooking(Sound):
    def sending(self) -> list[Any]:
        order = [self]
        for node in order:
            if len(order) < 10_000:
                order += node._prev
        return order


@broken("stops after one step")
class ForgetsToReverse(Sound):
    def sending(self) -> list[Any]:
        return self.below()


@broken("stops after one step")
class OnlyTheRootSends(Sound):
    def sending(self) -> list[Any]:
        return [self]


@broken("gradient not seeded")
class IsNotSeeded(Sound):
    def seed(self) -> None:
        pass


@broken("gradient seeded with the value")
class IsSeededWithItsValue(Sound):
    def seed(self) -> None:
        self.grad = self.data


@broken("stale gradients on the second backward")
class KeepsInnerGradients(Sound):
    def clear(self, nodes: list[Any]) -> None:
        pass

    def seed(self) -> None:
        self.grad = 1.0


@broken("stale gradients on the second backward")
class KeepsAllGradients(Sound):
    def clear(self, nodes: list[Any]) -> None:
        pass


@broken("gradients of leaves lost between passes")
class ClearsLeavesToo(Sound):
    def clear(self, nodes: list[Any]) -> None:
        for node in nodes:
            node.grad = 0.0


@broken("gradients of leaves lost between passes")
class RunsOnce(Sound):
    def backward(self) -> None:
        if not getattr(self, "ran", False):
            self.ran = True
            super().backward()


@broken("a*a as one edge")
class KeepsOperandsAsASet(Sound):
    def node(self, data: float, *edges: Edge) -> Any:
        return super().node(data, *{id(x): (x, local) for x, local in edges}.values())


@broken("equal values taken for one node")
class IsEqualByValue(Sound):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sound) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def below(self) -> list[Any]:
        order: list[Any] = []
        seen = set()

        def visit(node: Any) -> None:
            if node not in seen:
                seen.add(node)
                for x in node._prev:
                    visit(x)
                order.append(node)

        visit(self)
        return order


@broken("unhashable nodes")
class IsUnhashable(Sound):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sound) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]  # what Python does on its own

    def below(self) -> list[Any]:
        return [*{self}, *super().below()]


@broken("exponential time")
class WalksAlongEveryPath(Sound):
    def sending(self) -> list[Any]:
        self.grad -= 1.0
        self.walk(1.0)
        return []

    def walk(self, amount: float) -> None:
        self.grad += amount
        for x, local in self.edges():
            x.walk(local * amount)

    def edges(self) -> Iterator[Edge]:
        yield from getattr(self, "_edges", ())

    def node(self, data: float, *edges: Edge) -> Any:
        out = super().node(data, *edges)
        out._edges = edges
        return out


@broken("values changed by backward()")
class LearnsWhileItDifferentiates(Sound):
    def backward(self) -> None:
        super().backward()
        for node in self.below():
            node.data -= 0.01 * node.grad


@broken("")
class DropsInnerGradients(Sound):
    def backward(self) -> None:
        super().backward()
        self.clear(self.below())


# ---------------------------------------------------------------- single operations


@broken("wrong sign", "sub")
class SubAddsToBoth(Sound):
    def __sub__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(self.data - other.data, (self, 1.0), (other, 1.0))


@broken("wrong sign", "div")
class DivForgetsTheMinus(Sound):
    def __truediv__(self, other: Any) -> Any:
        other = self.lift(other)
        a, b = self.data, other.data
        return self.node(a / b, (self, 1 / b), (other, a / b**2))


@broken("wrong sign", "neg")
class NegForgetsTheMinus(Sound):
    def __neg__(self) -> Any:
        return self.node(-self.data, (self, 1.0))


@broken("wrong sign", "cos")
class CosForgetsTheMinus(Sound):
    def cos(self) -> Any:
        return self.node(math.cos(self.data), (self, math.sin(self.data)))


@broken("forgotten chain factor", "tanh")
class TanhForgetsTheChain(Sound):
    def tanh(self) -> Any:
        t = math.tanh(self.data)
        out = type(self)(t, (self,))
        out._backward = lambda: self.receive(1 - t * t)
        return out


@broken("forgotten chain factor", "mul")
class MulForgetsTheChain(Sound):
    def __mul__(self, other: Any) -> Any:
        other = self.lift(other)
        out = type(self)(self.data * other.data, (self, other))

        def _backward() -> None:
            self.receive(other.data)
            other.receive(self.data)

        out._backward = _backward
        return out


@broken("value in place of the gradient", "exp")
class ExpUsesTheValue(Sound):
    def exp(self) -> Any:
        e = math.exp(self.data)
        out = type(self)(e, (self,))
        out._backward = lambda: self.receive(e * out.data)
        return out


@broken("forgotten local derivative", "sin")
class SinPassesOn(Sound):
    def sin(self) -> Any:
        return self.node(math.sin(self.data), (self, 1.0))


@broken("forgotten local derivative", "relu")
class ReluPassesOnEverything(Sound):
    def relu(self) -> Any:
        return self.node(max(self.data, 0.0), (self, 1.0))


@broken("wrong derivative", "relu")
class ReluLetsTheWrongSideThrough(Sound):
    def relu(self) -> Any:
        return self.node(max(self.data, 0.0), (self, float(self.data < 0)))


@broken("wrong derivative", "tanh")
class TanhForgetsTheSquare(Sound):
    def tanh(self) -> Any:
        t = math.tanh(self.data)
        return self.node(t, (self, 1 - t))


@broken("result and argument mixed up", "tanh")
class TanhUsesItsInput(Sound):
    def tanh(self) -> Any:
        return self.node(math.tanh(self.data), (self, 1 - self.data**2))


@broken("wrong derivative", "sigmoid")
class SigmoidForgetsAFactor(Sound):
    def sigmoid(self) -> Any:
        s = 1 / (1 + math.exp(-self.data))
        return self.node(s, (self, 1 - s))


@broken("wrong derivative", "power")
class PowerForgetsTheExponent(Sound):
    def __pow__(self, n: Any) -> Any:
        if isinstance(n, Sound):
            return super().__pow__(n)
        return self.node(self.data**n, (self, self.data ** (n - 1)))


@broken("wrong derivative", "power")
class PowerKeepsTheExponent(Sound):
    def __pow__(self, n: Any) -> Any:
        if isinstance(n, Sound):
            return super().__pow__(n)
        return self.node(self.data**n, (self, n * self.data**n))


@broken("forgotten operand", "pow")
class PowForgetsTheExponentsGradient(Sound):
    def __pow__(self, n: Any) -> Any:
        if not isinstance(n, Sound):
            return super().__pow__(n)
        x, z = self.data, n.data
        return self.node(x**z, (self, z * x ** (z - 1)))


@broken("wrong derivative", "sqrt")
class SqrtForgetsTheTwo(Sound):
    def sqrt(self) -> Any:
        r = math.sqrt(self.data)
        return self.node(r, (self, 1 / r))


@broken("wrong derivative", "log")
class LogSquares(Sound):
    def log(self) -> Any:
        return self.node(math.log(self.data), (self, 1 / self.data**2))


@broken("wrong derivative", "exp")
class ExpTakenForAPower(Sound):
    def exp(self) -> Any:
        x = self.data
        return self.node(math.exp(x), (self, x * math.exp(x - 1)))


@broken("partials exchanged", "mul")
class MulUsesItsOwnData(Sound):
    def __mul__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(self.data * other.data, (self, self.data), (other, other.data))


@broken("forgotten operand", "mul")
class MulForgetsOther(Sound):
    def __mul__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(self.data * other.data, (self, other.data))


@broken("sent nothing", "add")
class AddHasNoBackward(Sound):
    def __add__(self, other: Any) -> Any:
        other = self.lift(other)
        return type(self)(self.data + other.data, (self, other))


@broken("sent twice", "sigmoid")
class SigmoidSendsTwice(Sound):
    def sigmoid(self) -> Any:
        s = 1 / (1 + math.exp(-self.data))
        local = s * (1 - s)
        return self.node(s, (self, local), (self, local))


# ---------------------------------------------------------------- values


@broken("operand order", "sub")
class SubIsTurnedRound(Sound):
    def __sub__(self, other: Any) -> Any:
        other = self.lift(other)
        return self.node(other.data - self.data, (self, -1.0), (other, 1.0))


@broken("operand order", "sub")
class NumberMinusValueIsTurnedRound(Sound):
    def __rsub__(self, other: Any) -> Any:
        return self - other


@broken("operand order", "div")
class NumberOverValueIsTurnedRound(Sound):
    def __rtruediv__(self, other: Any) -> Any:
        return self / other


@broken("silent truncation")
class StoresWholeNumbers(Sound):
    def __init__(self, data: float, _prev: tuple[Any, ...] = ()) -> None:
        super().__init__(data if _prev else int(data), _prev)


@broken("silent truncation", "div")
class DividesWhole(Sound):
    def __truediv__(self, other: Any) -> Any:
        other = self.lift(other)
        a, b = self.data, other.data
        return self.node(a // b, (self, 1 / b), (other, -a / b**2))


@broken("operand in place of the result", "add")
class NumberPlusValueForgetsTheNumber(Sound):
    def __radd__(self, other: Any) -> Any:
        return self + 0


@broken("another function", "tanh")
class TanhIsSinh(Sound):
    def tanh(self) -> Any:
        t = math.sinh(self.data)
        return self.node(t, (self, math.cosh(self.data)))


@broken("operand changed in place", "add")
class AddsInPlace(Sound):
    def __add__(self, other: Any) -> Any:
        self.data += self.lift(other).data
        return self


@broken("graph in the gradient", "mul")
class MulPutsNodesIntoGradients(Sound):
    def __mul__(self, other: Any) -> Any:
        other = self.lift(other)
        out = type(self)(self.data * other.data, (self, other))

        def _backward() -> None:
            self.grad += other + out.grad
            other.grad += self + out.grad

        out._backward = _backward
        return out


@broken("gradient is None")
class StartsWithoutGradient(Sound):
    def backward(self) -> None:
        super().backward()
        for node in self.below():
            if not node._prev:
                node.grad = None


@broken("no node returned", "neg")
class NegForgetsToReturn(Sound):
    def __neg__(self) -> Any:
        super().__neg__()


@broken("no node returned", "exp")
class ExpReturnsAFloat(Sound):
    def exp(self) -> Any:
        return math.exp(self.data)


# ---------------------------------------------------------------- no numbers at all


@broken("", "cos")
class CosRaises(Sound):
    def cos(self) -> Any:
        return self.node(math.cos(self.data), (self, -math.sin(selff.data)))  # type: ignore[name-defined]  # noqa: F821


@broken("endless recursion", "neg")
class NegCallsItself(Sound):
    def __neg__(self) -> Any:
        return -1 * -self


@broken("", "log")
class LogHangs(Sound):
    def log(self) -> Any:
        while self.data > 1:
            pass
        return super().log()


@broken("", "sqrt")
class SqrtCrashes(Sound):
    def sqrt(self) -> Any:
        if self.data < 1:
            os.abort()
        return super().sqrt()
