"""Optimisers: how gradients move parameters.

Each parameter has ``data`` and ``grad``; both are used with ``+ − * / **`` alone. `step` uses the
gradients as they are: call `zero_grad` before each backward pass.

What an optimiser keeps from step to step, and its learning rate, are `State`s, so that a recorded
step reads them anew each time. If another setting is changed, the step is to be recorded anew.
"""

from __future__ import annotations

from math import inf

import engine
from engine.numbers import Number, real
from engine.state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Protocol

    class Parameter(Protocol):
        """What an optimiser moves."""

        data: Any
        grad: Any


def quiet(step: Callable[[Any], None]) -> Callable[[Any], None]:
    """A step in which arrays overflow to inf without a warning, as plain numbers do."""

    def quietly(self: Optimiser) -> None:
        if not hasattr(self.parameters[0], "ndim"):
            step(self)
            return
        from engine.tensor.arrays import quiet as without_warnings  # which loads NumPy

        without_warnings(step)(self)

    quietly.__name__, quietly.__qualname__ = step.__name__, step.__qualname__
    quietly.__doc__ = step.__doc__
    return quietly


class Setting:
    """A number of an optimiser, checked whenever it is set: at least 0, and less than a bound."""

    def __init__(self, doc: str, positive: bool = False, below: float = inf) -> None:
        self.__doc__, self.positive, self.below = doc, positive, below

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.place = name, f"_{name}"

    def __get__(self, optimiser: Any, owner: type) -> Any:
        return self if optimiser is None else getattr(optimiser, self.place)

    def __set__(self, optimiser: Any, number: float) -> None:
        number = within(self.name, number, self.below)
        if self.positive and not number:
            raise ValueError(
                f"{self.name} must be greater than 0: it keeps the step from dividing by 0"
            )
        setattr(optimiser, self.place, number)


class Optimiser:
    """What all optimisers have: parameters, a learning rate and an L2 penalty.

    Args:
        parameters: what to move, such as a model's ``parameters()``.
        lr: the learning rate; may be changed between steps.
        weight_decay: k, for the penalty ½·k·w² of every parameter w.

    Raises:
        TypeError: if the parameters are no list of parameters, or a number is none.
        ValueError: if there are no parameters, or a number is negative or not finite.
    """

    def __init__(self, parameters: Iterable[Parameter], lr: float, weight_decay: float) -> None:
        if not hasattr(parameters, "__iter__"):
            raise TypeError(
                "an optimiser takes a list of parameters, such as model.parameters(), "
                f"not {type(parameters).__name__}"
            )
        given = list(parameters)
        for p in given:
            if not hasattr(p, "grad"):
                raise TypeError(f"a parameter has data and grad, which {type(p).__name__} has not")
        self.parameters = joined(list(dict.fromkeys(given)))
        self._lr = State(within("lr", lr), "lr")
        self.weight_decay = weight_decay
        if not self.parameters:
            raise ValueError("there are no parameters to optimise")

    def __init_subclass__(cls) -> None:
        if "step" in vars(cls):
            cls.step = quiet(cls.step)  # type: ignore[method-assign, assignment]

    @property
    def lr(self) -> Any:
        """The learning rate."""
        return self._lr.data

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr.data = lr if isinstance(lr, Number) else within("lr", lr)

    weight_decay = Setting("k, of the penalty.")

    def step(self) -> None:
        """Move every parameter once."""
        raise NotImplementedError(f"{type(self).__name__} does not define step")

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters:
            p.grad = 0.0

    def gradient(self, p: Parameter) -> Any:
        """The gradient with that of the penalty, k·w."""
        return p.grad + self.weight_decay * p.data if self.weight_decay else p.grad


class SGD(Optimiser):
    """Gradient descent, with momentum on request: v ← μ·v + g, w ← w − lr·v.

    Args:
        parameters, lr, weight_decay: as in `Optimiser`.
        momentum: μ, how much of the last step's velocity is kept.
        nesterov: whether to look ahead, w ← w − lr·(g + μ·v); needs momentum.

    Source: I. Sutskever et al., *On the importance of initialization and momentum in deep
    learning*, ICML 2013, in PyTorch's form, where lr is not part of the velocity.
    """

    momentum = Setting("μ.")

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = momentum
        if nesterov and not self.momentum:
            raise ValueError("nesterov=True looks ahead along the velocity: it needs a momentum")
        self.nesterov = nesterov
        self.velocities = [State(zero(p), "velocity") for p in self.parameters]

    def step(self) -> None:
        """Move every parameter once."""
        lr = self.lr
        for p, v in zip(self.parameters, self.velocities, strict=True):
            velocity = g = self.gradient(p)
            if self.momentum:
                velocity = v.data = self.momentum * v.data + g
            if self.nesterov:
                velocity = g + self.momentum * velocity
            p.data = p.data - lr * velocity


class Adam(Optimiser):
    """Steps of about lr, whatever the scale of the gradient g.

    With running means m ← β₁·m + (1 − β₁)·g and v ← β₂·v + (1 − β₂)·g², divided by 1 − βᵗ in step
    t because they start at 0: w ← w − lr·m̂ / (√v̂ + ε).

    Args:
        parameters, lr, weight_decay: as in `Optimiser`; the penalty is part of g.
        betas: β₁ and β₂, at least 0 and less than 1.
        eps: ε, greater than 0.

    Source: D. Kingma, J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.betas = betas
        self.eps = eps
        self.steps = State(0, "steps")
        self.means = [State(zero(p), "mean") for p in self.parameters]
        self.squares = [State(zero(p), "square") for p in self.parameters]

    eps = Setting("ε.", positive=True)

    @property
    def betas(self) -> tuple[float, float]:
        """β₁ and β₂."""
        return self._betas

    @betas.setter
    def betas(self, betas: tuple[float, float]) -> None:
        try:
            beta1, beta2 = betas
        except (TypeError, ValueError):
            raise TypeError(f"betas are two numbers, (β₁, β₂), not {betas!r}") from None
        self._betas = within("betas[0]", beta1, below=1.0), within("betas[1]", beta2, below=1.0)

    def step(self) -> None:
        """Move every parameter once."""
        steps = self.steps.data = self.steps.data + 1
        lr, (beta1, beta2) = self.lr, self.betas
        correction1, correction2 = 1 - beta1**steps, 1 - beta2**steps
        for p, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            g = self.gradient(p)
            m = mean.data = beta1 * mean.data + (1 - beta1) * g
            v = square.data = beta2 * square.data + (1 - beta2) * g * g
            scale = (v / correction2) ** 0.5 + self.eps
            p.data = p.data - lr * (m / correction1) / scale


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← (1 − lr·k)·w, then Adam's step on the plain gradient.

    In `Adam` the penalty is divided by √v̂ like the rest of the gradient, so weights with large
    gradients decay less; here all decay alike.

    Args:
        parameters, lr, betas, eps: as in `Adam`.
        weight_decay: k.

    Source: I. Loshchilov, F. Hutter, *Decoupled weight decay regularization*, ICLR 2019,
    algorithm 2, in PyTorch's form, where lr scales the decay.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def step(self) -> None:
        """Move every parameter once."""
        lr = self.lr
        for p in self.parameters:
            p.data = p.data * (1 - lr * self.weight_decay)
        super().step()

    def gradient(self, p: Parameter) -> Any:
        """The plain gradient: the decay does not pass through it."""
        return p.grad


class RMSprop(Optimiser):
    """Steps divided by the root of a running mean of squares: w ← w − lr·g / (√v + ε).

    With v ← α·v + (1 − α)·g², from 0; with momentum, b ← μ·b + g / (√v + ε) and w ← w − lr·b.

    Args:
        parameters, lr, weight_decay: as in `Optimiser`; the penalty is part of g.
        alpha: α, at least 0 and less than 1.
        eps: ε, greater than 0.
        momentum: μ.
        centered: whether v is the running variance, less the square of the running mean of g.

    Source: T. Tieleman, G. Hinton, *Lecture 6.5: rmsprop*, 2012, in PyTorch's form.
    """

    momentum = Setting("μ.")
    alpha = Setting("α.", below=1.0)
    eps = Setting("ε.", positive=True)

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.alpha, self.eps, self.momentum, self.centered = alpha, eps, momentum, centered
        self.squares = [State(zero(p), "square") for p in self.parameters]
        self.means = [State(zero(p), "mean") for p in self.parameters]
        self.velocities = [State(zero(p), "velocity") for p in self.parameters]

    def step(self) -> None:
        """Move every parameter once."""
        lr, alpha = self.lr, self.alpha
        kept = zip(self.parameters, self.squares, self.means, self.velocities, strict=True)
        for p, square, mean, velocity in kept:
            g = self.gradient(p)
            v = square.data = alpha * square.data + (1 - alpha) * g * g
            if self.centered:
                m = mean.data = alpha * mean.data + (1 - alpha) * g
                v = v - m * m
            move = g / (v**0.5 + self.eps)
            if self.momentum:
                move = velocity.data = self.momentum * velocity.data + move
            p.data = p.data - lr * move


class Adagrad(Optimiser):
    """Steps that shrink with all gradients so far: s ← s + g², w ← w − lr·g / (√s + ε).

    Args:
        parameters, lr, weight_decay: as in `Optimiser`; the penalty is part of g.
        lr_decay: η: in step t, from 0, the rate is lr / (1 + η·t).
        initial_accumulator_value: where s starts.
        eps: ε, greater than 0.

    Source: J. Duchi, E. Hazan, Y. Singer, *Adaptive subgradient methods for online learning and
    stochastic optimization*, JMLR 2011, in PyTorch's form.
    """

    lr_decay = Setting("η.")
    eps = Setting("ε.", positive=True)

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.lr_decay, self.eps = lr_decay, eps
        start = within("initial_accumulator_value", initial_accumulator_value)
        self.steps = State(0, "steps")
        self.sums = [State(zero(p) + start, "sum") for p in self.parameters]

    def step(self) -> None:
        """Move every parameter once."""
        steps = self.steps.data
        self.steps.data = steps + 1
        lr = self.lr / (1 + self.lr_decay * steps)
        for p, total in zip(self.parameters, self.sums, strict=True):
            g = self.gradient(p)
            s = total.data = total.data + g * g
            p.data = p.data - lr * g / (s**0.5 + self.eps)


RMSProp, AdaGrad = RMSprop, Adagrad  # as their authors write them


# ---------------------------------------------------------------- clipping


def clip_grad_value_(parameters: Iterable[Parameter], clip_value: float) -> None:
    """Bring every gradient into ±clip_value, one by one.

    Raises:
        ValueError: if the bound is negative or not finite.
    """
    bound = within("clip_value", clip_value)
    for p in joined(list(parameters)):
        p.grad = engine.clip(p.grad, -bound, bound)


def clip_grad_norm_(parameters: Iterable[Parameter], max_norm: float) -> Any:
    """Shrink all gradients together, so that their joint norm is at most ``max_norm``.

    Their direction stays. As in PyTorch the factor is max_norm / (norm + 1e-6), at most 1.

    Returns:
        The norm before, √Σg².

    Raises:
        ValueError: if the bound is negative or not finite.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural
    networks*, ICML 2013, algorithm 1.
    """
    bound = within("max_norm", max_norm)
    ps = joined(list(parameters))
    squares: Any = 0.0
    for p in ps:
        g = p.grad
        squares = squares + ((g * g).sum() if getattr(g, "ndim", 0) else g * g)
    norm = squares**0.5
    factor = engine.min(bound / (norm + 1e-6), 1.0)
    for p in ps:
        p.grad = p.grad * factor
    return norm


def within(name: str, number: float, below: float = inf) -> float:
    """The number, if it is at least 0 and less than the bound."""
    number = real(number, name)
    if 0 <= number < below:
        return number
    raise ValueError(f"{name} must be at least 0 and less than {below:g}, not {number!r}")


def joined(parameters: list[Any]) -> list[Any]:
    """The parameters; one in the place of all those that end to end are one array.

    So a step on a vectorised network is a few operations on one array, however many layers it has.
    """
    buffer = getattr(parameters[0], "_buffer", None) if parameters else None
    return [buffer.whole] if buffer is not None and parameters == buffer.views else parameters


def zero(p: Any) -> Any:
    """What a mean over past gradients starts from: 0, or zeros in the shape of an array."""
    return p.data * 0.0 if getattr(p.data, "ndim", 0) else 0.0
