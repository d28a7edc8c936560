"""Derivations: what they say, that it is true, and that TeX can read it."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import Value, gradient, topological_order
from engine.strategies import Computation, computations
from nn import MLP
from viz import derive
from viz.matrix import MatrixForm, find_network, matrix_form
from viz.names import Name


def reuse() -> tuple[Value, Value]:
    """f = (a·b)·(a + b), and a."""
    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    d, e = a * b, a + b
    d.label, e.label = "d", "e"
    f = d * e
    f.label = "f"
    return f, a


def one_hidden_layer(
    activation: str = "sigmoid", decay: float = 0.01, rng: int = 1
) -> tuple[Value, MLP]:
    """J = L + s of a 2-2-1 network: half a squared error and a penalty on the weights."""
    model = MLP(2, [2, 1], rng=rng, activation=activation)
    o = model([Value(1.0, label="x0"), Value(-2.0, label="x1")])
    o.label = "o"
    loss = 0.5 * (Value(1.0, label="y") - o) ** 2
    loss.label = "L"
    if not decay:
        return loss, model
    s = decay / 2 * sum(p**2 for p in model.parameters() if p.label != "b")
    s.label = "s"
    total = loss + s
    total.label = "J"
    return total, model


def test_the_chain_rule_symbol_by_symbol_and_number_by_number() -> None:
    assert str(derive(*reuse())) == (
        "∂f/∂a = −3\n"
        "──────────\n"
        "The derivative of f with respect to a: the sum over 2 paths. Numbers have six digits.\n"
        "  a = −2, b = 3\n"
        "\n"
        "Forward\n"
        "───────\n"
        "  d = a·b = −2·3 = −6\n"
        "  e = a + b = −2 + 3 = 1\n"
        "  f = d·e = −6·1 = −6\n"
        "\n"
        "Step by step\n"
        "────────────\n"
        "  ∂f/∂e = d = −6\n"
        "  ∂f/∂d = e = 1\n"
        "  ∂f/∂a = ∂f/∂d·∂d/∂a + ∂f/∂e·∂e/∂a = ∂f/∂d·b + ∂f/∂e·1 = 1·3 + (−6·1) = −3\n"
        "\n"
        "Path by path\n"
        "────────────\n"
        "  path 1:  f ← e ← a\n"
        "  ∂f/∂e·∂e/∂a = d·1 = −6·1 = −6\n"
        "  path 2:  f ← d ← a\n"
        "  ∂f/∂d·∂d/∂a = e·b = 1·3 = 3\n"
        "  ∂f/∂a = −6 + 3 = −3"
    )


def test_formulas_are_those_of_the_table() -> None:
    x = Value(0.5, label="x")
    z = x.sigmoid()
    z.label = "z"
    y = z.tanh()
    y.label = "y"
    text = str(derive(y, x))
    assert "∂y/∂z = 1 − y·y" in text
    assert "∂y/∂x = ∂y/∂z·∂z/∂x = ∂y/∂z·(z·(1 − z))" in text
    assert "z = σ(x) = σ(0.5)" in text


def test_precedence_and_signs() -> None:
    x = Value(-0.5, label="x")
    y = (x - 1) ** 2
    y.label = "y"
    text = str(derive(y, x))
    assert "y = (x − 1)^2 = (−1.5)^2 = 2.25" in text
    assert "∂y/∂(x − 1) = 2·(x − 1) = −3" in text
    latex = derive(y, x).latex()
    assert r"\left(-1.5\right)^{2}" in latex
    assert r"\frac{\partial y}{\partial x}" in latex


def test_two_uses_in_one_operation_are_one_step() -> None:
    a = Value(3.0, label="a")
    y = (a * a).exp()
    y.label = "y"
    text = str(derive(y, a))
    assert "∂y/∂(a·a)·∂(a·a)/∂a = ∂y/∂(a·a)·(a + a)" in text
    assert "the sum over 2 paths" in text


def test_a_direct_use_of_the_output_stands_beside_the_others() -> None:
    x = Value(2.0, label="x")
    t = x.tanh()
    t.label = "t"
    y = t * x
    y.label = "y"
    assert "∂y/∂x = ∂y/∂t·∂t/∂x + t" in str(derive(y, x))


def numbers(text: str) -> list[float]:
    """The numbers that stand last on lines of equations."""
    last = re.findall(r"= ([−\d.e]+|inf|nan|−inf)$", text, re.MULTILINE)
    return [float(x.replace("−", "-")) for x in last]


@given(computations(max_nodes=9), st.data())
@settings(max_examples=40, deadline=None)
def test_any_computation_can_be_derived(c: Computation, data: st.DataObject) -> None:
    known = c.run()
    x = data.draw(st.sampled_from(known[: len(c.inputs)]))
    derivation = derive(known[-1], x)
    slope = gradient(known[-1], x)
    assert derivation.value == slope
    steps = str(derivation).split("Step by step")[1].split("Path by path")[0]
    if known[-1] is not x:
        assert math.isclose(numbers(steps)[-1], slope, rel_tol=1e-5, abs_tol=1e-300)
    check_latex(derivation.latex())


def test_what_is_too_much_is_left_out_and_said() -> None:
    x = Value(0.5, label="x")
    y = x
    for _ in range(100):
        y = y.tanh() * 1.01 + x
    text = str(derive(y, x, steps=10, paths=2))
    assert "… 291 nodes are left out …" in text or "… 290 nodes are left out …" in text
    assert "steps are left out …" in text
    assert "The other 99 paths make up the remainder" in text
    assert len(text.splitlines()) < 120
    wide = sum([x * k for k in range(100)], start=Value(0.0))
    assert len(str(derive(wide, x))) < 20_000


def test_changed_data_is_noticed() -> None:
    f, a = reuse()
    a.data = 5.0
    with pytest.raises(ValueError, match="no longer follows from its arguments"):
        derive(f, a)


def test_mistakes() -> None:
    f, a = reuse()
    with pytest.raises(ValueError, match="was not computed from"):
        derive(f, Value(1.0))
    with pytest.raises(TypeError):
        derive(f, 1.0)
    for wrong in ({"steps": 0}, {"paths": 0}):
        with pytest.raises(ValueError, match=r"(steps|paths) must be at least 1"):
            derive(f, a, **wrong)


def test_a_node_made_by_hand_has_no_formula() -> None:
    x = Value(2.0, label="x")
    y = Value(4.0, (x,), "mine", label="y")

    def back() -> None:
        x.grad += 3 * y.grad

    y._backward = back
    text = str(derive(y, x))
    assert "∂y/∂x = 3" in text


# ---------------- the matrix form


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus"])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_matrix_form_is_the_engine_s_gradient(activation: str, decay: float) -> None:
    loss, model = one_hidden_layer(activation, decay)
    network = find_network(topological_order(loss))
    assert network is not None
    form = matrix_form(network, loss)
    assert isinstance(form, MatrixForm)
    assert form.difference < 1e-15
    for layer, found in zip(model.layers, form.gradients, strict=True):
        for neuron, row in zip(layer.neurons, found, strict=True):
            assert row == pytest.approx(gradient(loss, neuron.w), rel=1e-12)
    assert form.penalty == pytest.approx((decay, decay))


def test_the_matrix_form_is_written_out_for_a_weight() -> None:
    loss, model = one_hidden_layer()
    text = str(derive(loss, model.layers[0].neurons[0].w[0]))
    assert "δ⁽²⁾ = ∂J/∂o = [−1.08368]ᵀ" in text
    assert "δ⁽¹⁾ = (W⁽²⁾ᵀ·δ⁽²⁾) ⊙ (h ⊙ (1 − h))" in text
    assert "∂J/∂W⁽¹⁾ = δ⁽¹⁾·xᵀ + 0.01·W⁽¹⁾ = " in text
    assert "∂J/∂o = ∂J/∂(y − o)·∂(y − o)/∂o" in text
    assert "Matrix form" not in str(derive(loss, find(loss, "x0")))


def find(root: Value, label: str) -> Any:
    """The node of that label."""
    return next(node for node in topological_order(root) if node.label == label)


def test_other_networks_have_no_matrix_form() -> None:
    deep = MLP(2, [2, 2, 1], rng=1)([1.0, 2.0])
    assert find_network(topological_order(deep)) is None
    model = MLP(2, [2, 1], rng=1)
    batch = model([1.0, 2.0]) + model([2.0, 3.0])
    assert find_network(topological_order(batch)) is None
    assert find_network(topological_order(reuse()[0])) is None


# ---------------- LaTeX


def check_latex(latex: str) -> None:
    """Braces, environments and delimiters are balanced, and no atom has two superscripts."""
    depth = 0
    for char in re.sub(r"\\[{}\\]", "", latex):
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"\\left\b", latex)) == len(re.findall(r"\\right\b", latex))
    opened = re.findall(r"\\begin\{(\w+)\}", latex)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(\w+)\}", latex))
    assert not re.search(r"\^\{[^{}]*\}\^", latex)


HOSTILE = ["a_b", "50%", "$x$", "\\input{x}", "x^2", "a & b", "#1", "~", "{", "}", "θ₁", "x·w + b"]


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_mean_only_themselves(label: str) -> None:
    x = Value(0.5, label=label)
    y = x.tanh() ** 2
    latex = derive(y, x).latex()
    check_latex(latex)
    assert "\\input" not in latex


def test_labels_with_an_index_are_set_as_such() -> None:
    x = Value(0.5, label="theta1")
    y = Value(2.0, label="w12") * x
    latex = derive(y, x).latex()
    assert r"\mathrm{theta}_{1}" in latex
    assert "w_{12}" in latex


def test_markdown_and_notebooks() -> None:
    derivation = derive(*reuse())
    text = derivation.markdown()
    assert text.startswith("### ∂f/∂a = −3\n")
    assert text.count("$$") % 2 == 0
    assert derivation._repr_markdown_() == text
    assert "$$" in derivation._repr_latex_()
    assert repr(derivation) == "<Derivation of ∂f/∂a = −3>"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no TeX")
def test_a_real_tex_compiles_it(tmp_path: Path) -> None:
    loss, model = one_hidden_layer()
    body = derive(loss, model.layers[0].neurons[0].w[0]).latex()
    document = (
        "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
        f"{body}\n\\end{{document}}\n"
    )
    (tmp_path / "d.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


@pytest.mark.parametrize(
    ("label", "place", "latex"),
    [
        ("w0", "0.1", "{w_{0}^{[0.1]}}"),
        ("θ₁", "", r"\theta_{1}"),
        ("Α", "", "A"),
        ("Ω", "", r"\Omega"),
        ("loss", "", r"\mathrm{loss}"),
        ("x·w", "", r"\text{x$\cdot$w}"),
        ("αβ", "", r"\text{$\alpha$$\beta$}"),
        ("h", "0.0#2", r"{h^{[\text{0.0\#2}]}}"),
        ("h", "a_b", r"{h^{[\text{a\_b}]}}"),
    ],
)
def test_names_in_latex(label: str, place: str, latex: str) -> None:
    assert Name(label, place).latex() == latex


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=p()>", "</p><script>p()</script>", "<!--", "<?p"]
)
def test_a_label_is_no_html(name: str) -> None:
    """A `<` before a letter, `/`, `!` or `?` begins a tag in a page that the text is put into."""
    x = Value(2.0, label=name)
    y = x * x
    y.label = name + "y"
    for text in (derive(y, x).markdown(), derive(y, x)._repr_latex_(), derive(y, x).latex()):
        assert not re.search(r"<[a-zA-Z/!?]", text)
        assert not re.search(r"&(lt|#)[^;]*;[^$]*&gt;.*<", text)


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("[a](b) `c`", r"\[a\](b) \`c\`"),
        ("*d* _e_", r"\*d\* \_e\_"),
        ("$f$ & \\", r"\$f\$ &amp; \\"),
    ],
)
def test_words_mean_themselves_in_markdown(label: str, written: str) -> None:
    x = Value(2.0, label=label)
    words = derive(x * x, x).markdown().splitlines()[2]
    assert f"with respect to {written}: the sum" in words


def long_graph(kind: str, n: int) -> tuple[Value, Value]:
    x = Value(1.0, label="x")
    y = x
    for _ in range(n):
        y = {"a leaf again": y * x, "squares": y * y, "a chain": y * 1.0}[kind]
    return y, x


@pytest.mark.parametrize("kind", ["a leaf again", "squares", "a chain"])
def test_a_large_graph_is_derived_in_short(kind: str) -> None:
    text = str(derive(*long_graph(kind, 5000)))
    assert len(text) < 40_000
    if kind == "squares":
        assert re.search(r"the sum over about 1\.41·10\^1,505 paths", text)


@pytest.mark.thorough
def test_an_enormous_graph_is_refused_at_once() -> None:
    y, x = long_graph("squares", 20_000)
    assert "the sum over more than 10^4,932 paths" in str(derive(y, x))
    with pytest.raises(ValueError, match="at most 100,000 nodes"):
        derive(*long_graph("a chain", 100_001))


def test_a_derivation_has_no_empty_parts() -> None:
    a = Value(2.0, label="a")
    found = derive(a, a)
    assert found.sections[0].heading == "∂a/∂a = 1"
    assert all(part.text and part.latex for part in found.sections)
