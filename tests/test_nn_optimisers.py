"""Optimisers: their formulas in closed form, and step for step against PyTorch."""

from collections.abc import Callable
from math import inf, nan, sqrt
from typing import Any

import pytest

import nn
from engine import Value
from nn import MLP, SGD, Adam, AdamW, Optimiser, mean_squared_error


def run(make: Callable[[list[Value]], Optimiser], gradients: list[float], start: float) -> float:
    """Where a parameter gets to that is given these gradients one after the other."""
    p = Value(start)
    optimiser = make([p])
    for g in gradients:
        p.grad = g
        optimiser.step()
    return float(p.data)


def near(x: Any) -> Any:
    return pytest.approx(x, rel=1e-14, abs=1e-14)


def test_sgd_goes_down_the_gradient() -> None:
    assert run(lambda ps: SGD(ps, 0.1), [1.0, -3.0], 5.0) == near(5.0 - 0.1 + 0.3)


def test_momentum_keeps_a_part_of_the_velocity() -> None:
    def make(ps: list[Value]) -> Optimiser:
        return SGD(ps, 0.1, momentum=0.5)

    # velocities 1, 0.5 + 1 and 0.75 + 1
    assert run(make, [1.0, 1.0, 1.0], 0.0) == near(-0.1 * (1 + 1.5 + 1.75))


def test_weight_decay_of_sgd_is_the_gradient_of_half_k_w_squared() -> None:
    def make(ps: list[Value]) -> Optimiser:
        return SGD(ps, 0.1, weight_decay=0.5)

    assert run(make, [0.0, 0.0], 2.0) == near(2.0 * (1 - 0.05) ** 2)
    w = Value(2.0)
    (0.5 * 0.5 * w**2).backward()
    assert 2.0 - 0.1 * w.grad == near(run(make, [0.0], 2.0))


def test_adams_first_steps_have_length_lr_whatever_the_scale() -> None:
    for scale in (1e-3, 1.0, 1e6):
        assert run(lambda ps: Adam(ps, 0.1), [scale] * 5, 1.0) == pytest.approx(0.5, abs=1e-5)


def test_adam_is_its_formula() -> None:
    b1, b2, eps, lr, w = 0.9, 0.999, 1e-8, 0.01, 1.0
    gradients = [0.3, -1.2, 5.0, 0.0]
    for t in range(1, len(gradients) + 1):
        past = list(enumerate(gradients[:t], start=1))
        m = sum((1 - b1) * b1 ** (t - i) * g for i, g in past) / (1 - b1**t)
        v = sum((1 - b2) * b2 ** (t - i) * g * g for i, g in past) / (1 - b2**t)
        w -= lr * m / (sqrt(v) + eps)
    assert run(lambda ps: Adam(ps, lr), gradients, 1.0) == pytest.approx(w, rel=1e-12)


def test_adamw_decays_all_weights_alike_and_adam_does_not() -> None:
    def decayed(kind: type[Adam], gradient: float) -> float:
        def make(k: float) -> Callable[[list[Value]], Optimiser]:
            return lambda ps: kind(ps, 0.1, weight_decay=k)

        return run(make(0.0), [gradient], 3.0) - run(make(0.5), [gradient], 3.0)

    assert decayed(AdamW, 0.01) == near(3.0 * 0.1 * 0.5)
    assert decayed(AdamW, 100.0) == near(3.0 * 0.1 * 0.5)
    assert abs(decayed(Adam, 100.0)) < 1e-6


def test_adamw_decays_by_default_and_the_others_do_not() -> None:
    assert run(lambda ps: AdamW(ps, 0.1), [0.0], 1.0) == near(1 - 0.1 * 0.01)
    assert run(lambda ps: Adam(ps, 0.1), [0.0], 1.0) == 1.0
    assert run(lambda ps: SGD(ps, 0.1), [0.0], 1.0) == 1.0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("RMSprop", {}),
        ("RMSprop", {"alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1}),
        ("RMSprop", {"centered": True, "eps": 1e-3}),
        ("Adagrad", {}),
        ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
        ("Adam", {}),
        ("Adam", {"betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
        ("AdamW", {}),
        ("AdamW", {"betas": (0.0, 0.9), "weight_decay": 0.1}),
    ],
)
def test_steps_are_torchs(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    start = [0.5, -2.0, 3.0]
    ours = [Value(w) for w in start]
    theirs = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimiser = getattr(nn, name)(ours, lr=0.05, **options)
    other = getattr(torch.optim, name)([theirs], lr=0.05, **options)
    for step in range(100):
        if step == 50:
            optimiser.lr = other.param_groups[0]["lr"] = 0.01
        optimiser.zero_grad()
        other.zero_grad()
        a, b, c = ours
        ((a * b - 1) ** 2 + (b - c).tanh() + c**2).backward()
        a, b, c = theirs
        ((a * b - 1) ** 2 + (b - c).tanh() + c**2).backward()
        optimiser.step()
        other.step()
        expected = pytest.approx(theirs.tolist(), rel=1e-12, abs=1e-12)
        assert [p.data for p in ours] == expected


@pytest.mark.parametrize(
    "make",
    [lambda ps: SGD(ps, 0.1), lambda ps: SGD(ps, 0.02, momentum=0.9), lambda ps: Adam(ps, 0.05)],
)
def test_a_network_learns(make: Callable[[Any], Optimiser]) -> None:
    model = MLP(1, [4, 1], activation="tanh", rng=0)
    optimiser = make(model.parameters())
    course = []
    for _ in range(100):
        loss = mean_squared_error(
            [model(x / 4) for x in range(-4, 5)], [x / 4 for x in range(-4, 5)]
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        course.append(loss.data)
    assert course[-1] < 0.02 < course[0]


def test_a_shared_parameter_moves_once() -> None:
    p = Value(1.0)
    p.grad = 1.0
    SGD([p, p], 0.1).step()
    assert p.data == 0.9


def test_parameters_may_come_one_by_one() -> None:
    p = Value(1.0)
    assert SGD(iter([p]), 0.1).parameters == [p]


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_bad_arguments_are_named(kind: Any) -> None:
    p = [Value(1.0)]
    with pytest.raises(ValueError, match="there are no parameters"):
        kind([], lr=0.1)
    with pytest.raises(TypeError, match="a parameter has data and grad, which float has not"):
        kind([1.0], lr=0.1)
    model = MLP(1, [1])
    for wrong in (model, model.parameters, p[0]):
        with pytest.raises(TypeError, match=r"such as model.parameters\(\), not "):
            kind(wrong, lr=0.1)
    for nested in ([p], [model], "ab"):
        with pytest.raises(TypeError, match="a parameter has data and grad, which"):
            kind(nested, lr=0.1)
    for bad_type in ("a", None, p[0]):
        with pytest.raises(TypeError, match="lr takes a real number, not"):
            kind(p, lr=bad_type)
        with pytest.raises(TypeError, match="weight_decay takes a real number, not"):
            kind(p, lr=0.1, weight_decay=bad_type)
    for bad in (-0.1, nan, inf):
        with pytest.raises(ValueError, match=f"lr must be at least 0 .*, not {bad}"):
            kind(p, lr=bad)
        with pytest.raises(ValueError, match="weight_decay must be"):
            kind(p, lr=0.1, weight_decay=bad)


def test_bad_constants_are_named() -> None:
    p = [Value(1.0)]
    with pytest.raises(ValueError, match="momentum must be at least 0"):
        SGD(p, 0.1, momentum=-1)
    with pytest.raises(ValueError, match=r"betas\[0\] must be at least 0 and less than 1"):
        Adam(p, betas=(1.0, 0.9))
    with pytest.raises(ValueError, match=r"betas\[1\] must be at least 0 and less than 1"):
        Adam(p, betas=(0.9, -0.1))
    betas: list[Any] = [0.9, (0.9,), (0.9, 0.99, 0.999), None]
    for wrong in betas:
        with pytest.raises(TypeError, match=r"betas are two numbers, \(β₁, β₂\), not "):
            Adam(p, betas=wrong)
    with pytest.raises(TypeError, match=r"betas\[1\] takes a real number, not str"):
        Adam(p, betas=(0.9, "b"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="momentum takes a real number"):
        SGD(p, 0.1, momentum="a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="eps must be greater than 0"):
        Adam(p, eps=0.0)


SETTINGS: list[tuple[type[Any], str]] = [
    (SGD, "lr"), (SGD, "momentum"), (SGD, "weight_decay"), (Adam, "lr"), (Adam, "eps"),
    (Adam, "weight_decay"), (AdamW, "lr"), (AdamW, "weight_decay"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
def test_settings_are_checked_when_they_are_set(kind: type[Any], name: str) -> None:
    optimiser = kind([Value(1.0)], lr=0.1)
    before = getattr(optimiser, name)
    for bad in (nan, inf, -1.0, "0.1", None, 1j, [0.1]):
        with pytest.raises((TypeError, ValueError), match=f"^{name} "):
            setattr(optimiser, name, bad)
        assert getattr(optimiser, name) == before
    setattr(optimiser, name, 1)
    assert getattr(optimiser, name) == 1.0


def test_betas_and_eps_are_checked_when_they_are_set() -> None:
    optimiser = Adam([Value(1.0)])
    bad_betas: list[Any] = [(0.9, 1.0), (-0.1, 0.9), (0.9,), 0.9, ("0.9", 0.9)]
    for bad in bad_betas:
        with pytest.raises((TypeError, ValueError), match="betas"):
            optimiser.betas = bad
    assert optimiser.betas == (0.9, 0.999)
    with pytest.raises(ValueError, match="eps must be greater than 0"):
        optimiser.eps = 0.0
