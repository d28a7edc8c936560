"""Graphs of Tensors drawn and derived: what formulas say is what the engine computes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine import TABLE, Symbol, Tensor, Value, topological_order
from engine.rule import Rule
from engine.tensor import concatenate, linear, softmax_cross_entropy, sum_of_squares, where
from engine.tensor.arrays import ARRAYS
from nn import MLP
from nn.vectorized import VectorizedMLP
from viz import derive, draw
from viz.arrayformulas import FORMULAS, ArraySymbol, symbol
from viz.twin import study

SVG = "{http://www.w3.org/2000/svg}"
M = ARRAYS[np.dtype(float)]


def leaves() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A matrix of five rows and three columns, two more, and a row."""
    rng = np.random.default_rng(3)
    sizes = {"x": (5, 3), "W": (3, 4), "V": (2, 4), "b": (4,)}
    made = (Tensor(rng.normal(size=size), label=label) for label, size in sizes.items())
    x, w, v, b = made
    return x, w, v, b


CLASSES = np.array([0, 1, 1, 0, 1])

GRAPHS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "a layer": lambda x, w, v, b: (x @ w + b).tanh().sum(),
    "broadcasting": lambda x, w, v, b: (b * (w / (2 + b**2)) - b).mean(),
    "linear": lambda x, w, v, b: linear((x @ w).relu(), v, [0.1, -0.2]).sigmoid().sum(),
    "classes": lambda x, w, v, b: softmax_cross_entropy(linear(x @ w, v), CLASSES).mean(),
    "choices": lambda x, w, v, b: where(x > 0.1, x, 0.3 * x).sum() + abs(b).sum(),
    "relu, its kin": lambda x, w, v, b: x.leaky_relu().sum() + (w.relu() * b).sum(),
    "smooth": lambda x, w, v, b: (x.gelu() + x.softplus()).sum() + w.exp().log1p().sum(),
    "axes": lambda x, w, v, b: (w.sum(0) * b).sum() + (x.sum(1, keepdims=True) * x).sum(),
    "largest": lambda x, w, v, b: (x.max(1) ** 2).sum() + w.logsumexp(1).sum(),
    "shapes": lambda x, w, v, b: (w.T @ x.T).reshape(2, 10).sum(0).exp().sum(),
    "places": lambda x, w, v, b: (x[:, 0] * x[:, -1]).sum() + (w[1] * b[1:2]).sum(),
    "joined": lambda x, w, v, b: (concatenate([w, v], 0) ** 2).sum() / (1 + (b * b).sum()),
    "norms": lambda x, w, v, b: sum_of_squares([x, w]) * 0.5 + (b @ b),
    "stacked matrices": lambda x, w, v, b: (x.reshape(1, 5, 3) @ w).tanh().sum(),
    "powers": lambda x, w, v, b: ((x**2 + 1) ** 1.5).sum() + (2.0**w).sum(),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_what_is_sent_back_is_what_its_formula_says(graph: Callable[..., Any]) -> None:
    root = graph(*leaves())
    root.backward()
    order = topological_order(root)
    data = {f"n{i}": node.data for i, node in enumerate(order)}
    names = {node: symbol(node, f"n{i}") for i, node in enumerate(order)}
    sums: dict[Tensor, Any] = dict.fromkeys(order, 0.0)
    for node in order:
        if not node.args:
            continue
        wanted = study([root]).wanted(node)
        args = [names[arg] for arg in node.args]
        pulled = node.rule.pull(FORMULAS, symbol(node, "δ"), names[node], args, node.params, wanted)
        known = {**data, "δ": node.grad}
        for arg, formula in zip(node.args, pulled, strict=True):
            if formula is not None:
                sums[arg] = sums[arg] + evaluated(formula, known, arg.shape)
    for leaf in order:
        if leaf is not root and leaf in study([root]).variable:
            np.testing.assert_allclose(sums[leaf], leaf.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_what_is_sent_back_through_folded_cards_is_one_formula(graph: Callable[..., Any]) -> None:
    root = graph(*leaves())
    root.backward()
    twin = study([root])
    hidden = twin.foldable({root})
    shown = [node for node in twin.order if node not in hidden]
    data = {twin.symbols[node].name: node.data for node in twin.order}
    sums: dict[Tensor, Any] = {}
    for node in shown:
        for arg, _, _, formula in twin.arrivals(node, hidden, symbol(node, "δ")):
            assert arg in shown
            if formula is not None:
                sent = evaluated(formula, {**data, "δ": node.grad}, arg.shape)
                sums[arg] = sums.get(arg, 0.0) + sent
    for node in shown:
        if node is not root and node in twin.variable and node.role != "constant":
            np.testing.assert_allclose(sums[node], node.grad, rtol=1e-9, atol=1e-12)


def evaluated(formula: Any, known: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """A formula in numbers, read from its forms and not from the table's pullbacks."""
    if not isinstance(formula, Symbol):
        return np.broadcast_to(float(formula), shape)
    found = value(formula, known, shape)
    return found.reshape(shape) if found.size == np.prod(shape) else np.broadcast_to(found, shape)


def value(x: Any, known: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """The value of a part of a formula."""
    if not isinstance(x, Symbol):
        return np.asarray(x)
    if x.head is None:
        found = known[x.name]
    else:
        found = applied(x, known, shape)
    if isinstance(x, ArraySymbol):
        return found.reshape(x.like.shape)
    return found


def applied(x: Any, known: dict[str, Any], shape: tuple[int, ...]) -> Any:
    """What the form at the top of a formula makes of its parts."""
    name, text = x.head.name, x.head.text
    if name in {"index", "scatter"}:
        entries, key = value(x.args[0], known, shape), x.args[1].name
        place = eval(f"np.s_[{key.replace('…', '...').replace('−', '-')}]", {"np": np})
        if name == "index":
            return entries[place]
        zeros = np.zeros(x.like.shape)
        zeros[place] += entries
        return zeros
    args = [value(arg, known, shape) for arg in x.args]
    if isinstance(x.head, Rule):
        params = x.args[x.head.arity :]
        return np.asarray(TABLE[name].evaluate(M, args[: x.head.arity], params))
    a = args[0]
    if name == "sum_over":
        over = re.match("Σ([₀-₉,]*)", text)
        assert over
        axes = over[1].translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))
        return a.sum(tuple(map(int, axes.split(","))) if axes else None)
    if name == "concatenate":
        return np.concatenate(args)
    simple: dict[str, Callable[..., Any]] = {
        "mul": lambda: a * args[1],
        "div": lambda: a / args[1],
        "matmul": lambda: a @ args[1],
        "transpose": lambda: np.swapaxes(a, -1, -2) if a.ndim > 1 else a,
        "broadcast_to": lambda: np.broadcast_to(a, x.like.shape),
        "select": lambda: a * args[1],
        "bracket": lambda: a.astype(float),
        "where": lambda: np.where(args[1], a, args[2]),
        "less": lambda: a < args[1],
        "less_equal": lambda: a <= args[1],
        "greater": lambda: a > args[1],
        "greater_equal": lambda: a >= args[1],
        "equal": lambda: a == args[1],
        "unequal": lambda: a != args[1],
        "not": lambda: ~a,
        "both": lambda: a & args[1],
        "with_ones": lambda: np.concatenate([a, np.ones((*a.shape[:-1], 1))], -1),
        "softmax": lambda: np.exp(a) / np.exp(a).sum(-1, keepdims=True),
        "one_hot": lambda: np.eye(2)[a.astype(int)],
        "count": lambda: a.sum(1),
        "reshape": lambda: a.reshape(x.like.shape),
        "sum_of_squares": lambda: (a**2).sum(),
    }
    return simple[name]()


def texts(picture: Any) -> list[str]:
    """All that stands in a picture."""
    root = ET.fromstring(picture.pipe("svg"))
    return [(text.text or "").strip() for text in root.iter(f"{SVG}text")]


def network() -> tuple[Tensor, Tensor, Tensor]:
    """A loss, the weights of its first layer and a hidden layer."""
    x, w, v, b = leaves()
    x.role = "constant"
    h = (x @ w + b).tanh()
    h.label = "h"
    loss = ((h @ v.T - 1.0) ** 2).mean()
    loss.label = "L"
    return loss, w, h


def test_cards_say_shapes_types_and_norms_and_edges_what_is_sent_back() -> None:
    loss, w, h = network()
    before = texts(draw(loss, expand=True))
    loss.backward()
    shown = texts(draw(loss, expand=True))
    assert {"W", "3 × 4", "float64", "‖data‖", "‖grad‖", "one number", "(x·W + b)"} <= set(shown)
    assert f"{np.linalg.norm(w.grad):.4f}" in shown
    assert f"{np.linalg.norm(w.data):.4f}" in shown
    assert {"◂ xᵀ·δ", "◂ Σ₀ δ", "◂ δ ⊙ (1 − h ⊙ h)"} <= set(shown)
    assert "no gradients yet: call backward()" in before
    assert "no gradients yet: call backward()" not in shown
    assert "▴ xᵀ·δ" in texts(draw(loss, rankdir="TB", expand=True))


def test_a_deep_graph_is_folded_where_nothing_has_a_label() -> None:
    loss, w, h = network()
    loss.backward()
    shown = set(texts(draw(loss)))
    assert {"= tanh(x·W + b)", "◂ xᵀ·(δ ⊙ (1 − h ⊙ h))", "◂ Σ₀ (δ ⊙ (1 − h ⊙ h))"} <= shown
    assert "(x·W)" not in shown
    assert "(x·W)" in texts(draw(loss, marks={h.args[0].args[0]: "look"}))
    flat = (w * 2.0).sum()
    assert "(W·2)" in texts(draw(flat))
    assert "(W·2)" not in texts(draw(flat, expand=False))


def test_what_is_sent_back_is_as_wide_as_its_norm() -> None:
    loss, *_ = network()
    plain = draw(loss).source
    loss.backward()
    wide = draw(loss, expand=True).source
    sheet = draw(loss, hide=("grad", "partial")).source
    assert len(set(re.findall(r"penwidth=([\d.]+)", wide))) > 4
    assert len(set(re.findall(r"penwidth=([\d.]+)", plain))) == 1
    assert len(set(re.findall(r"penwidth=([\d.]+)", sheet))) == 1
    assert "________" in sheet
    assert "xᵀ·δ" not in sheet
    assert f"{loss.args[0].grad:.4f}"[:6] not in sheet


def test_a_model_of_the_twin_is_drawn() -> None:
    model = VectorizedMLP(MLP(2, [4, 3], rng=1))
    z = model(np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]))
    loss = softmax_cross_entropy(z, np.array([0, 1, 2])).mean()
    loss.backward()
    shown = texts(draw(loss, title="The twin", dark=True))
    assert "The twin" in shown
    assert any(text.startswith("◂ δ ⊙ (softmax(") for text in shown)
    assert "0 … 2" in shown


@pytest.mark.parametrize(
    "label", ["<b>&#65;", "\\N \\", '"]; n0 -> n1 [', "重み", "a\nb", "x" * 999]
)
def test_hostile_labels_mean_themselves(label: str) -> None:
    x = Tensor([1.0, 2.0], label=label)
    y = (x * x).sum()
    y.backward()
    svg = ET.fromstring(draw(y).pipe("svg"))
    nodes = [g for g in svg.iter(f"{SVG}g") if g.get("class") == "node"]
    assert len(nodes) == 3 + 3  # and the labels of three edges
    assert str(derive(y, x))


def test_names_are_unique() -> None:
    a, b = Tensor([1.0, 2.0], label="a"), Tensor([1.0, 2.0], label="a")
    y = (a * b + (a - b) * (b - a)).sum()
    names = [str(name) for name in study([y]).names.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_matrix_derivation_comes_to_the_gradient(graph: Callable[..., Any]) -> None:
    given = leaves()
    root = graph(*given)
    root.label = "L"
    root.backward()
    for leaf in given:
        if leaf in topological_order(root):
            found = derive(root, leaf)
            np.testing.assert_array_equal(found.value, leaf.grad)
            text, latex = str(found), found.latex()
            assert f"δ{leaf.label} = " in text
            assert latex.count("{") == latex.count("}")
            assert latex.count(r"\left") == latex.count(r"\right")
            assert "δ" not in re.sub(r"\\text\{[^}]*\}|^[^\\].*$", "", latex, flags=re.M)


def test_the_derivation_of_a_network() -> None:
    loss, w, h = network()
    told = str(derive(loss, w))
    assert "h = tanh(x·W + b)   (5 × 4)" in told
    assert "δ(x·W + b) = δh ⊙ (1 − h ⊙ h)" in told
    assert "δW = xᵀ·δ(x·W)" in told
    assert "∂L/∂W = [[" in told
    assert r"\delta_{W} &= x^{\top} \, \delta_{\left(x \, W\right)}" in derive(loss, w).latex()


def test_mistakes() -> None:
    loss, w, h = network()
    with pytest.raises(ValueError, match="path_to is for graphs of Values; this is one of Tensors"):
        draw(loss, path_to=w)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="of Tensors expand is True or False, not 'h'"):
        draw([loss, h], expand="h")
    with pytest.raises(TypeError, match="takes a Value or a sequence of Values"):
        draw([loss, Value(1.0)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="marks are a dict"):
        draw(loss, marks={w: 3})  # type: ignore[dict-item]
    y = w
    for _ in range(200):
        y = y.tanh()
    with pytest.raises(ValueError, match="201 Tensors; a picture can show at most 150"):
        draw(y)
    with pytest.raises(ValueError, match="at most 150"):
        derive(y.sum(), w)
    with pytest.raises(ValueError, match=r"this Tensor has shape \(5, 4\): sum it"):
        derive(h, w)
    with pytest.raises(ValueError, match="'L' was not computed from"):
        derive(loss, Tensor([1.0]))
    with pytest.raises(TypeError, match="by a Tensor, not float"):
        derive(loss, 1.0)
