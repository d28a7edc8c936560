"""The backward pass as a graph of its own, above the forward pass that it depends on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine import Symbol, Value, gradient, topological_order
from engine.graph import between

from .cards import BLANK
from .dot import headed, legend
from .drawing import FULL_CARDS, written_sign
from .formulas import value_formula
from .look import Look, look
from .names import names
from .picture import Picture
from .script import Script
from .text import (
    bold,
    exact_number,
    font,
    html,
    mono,
    number,
    powers_raised,
    printable,
    short_number,
    term,
    tooltip,
)
from .theme import SANS, Surface
from .words import Words, counted

MOST_NAMES = 3  # of derivatives that are one and the same node
LONGEST = 40  # characters of a name or a formula on a card
NEUTRAL = {"power": 1.0, "mul": 1.0, "add": 0.0}  # the argument that leaves the other as it is

PLAIN = Script()


@dataclass(frozen=True)
class Passes:
    """The nodes of both passes, and what they are called.

    Attributes:
        forward: the graph of the output, arguments before results.
        backward: what only the derivatives were computed from, likewise.
        named: the names of all of them.
        titles: for a node of the backward pass all derivatives that it is.
        formulas: for a node of the backward pass how it is computed, from derivatives and what is
            in the forward pass.
        pairs: for a node of the forward pass the derivative by it, where it is a node of the
            backward pass; the node nearest to the output, if it is the derivative by several.
        same: nodes that are left out, as ``x^1``, with the node that each is equal to.
        remarks: derivatives that are no nodes of the backward pass, in words.
    """

    forward: list[Value]
    backward: list[Value]
    named: dict[Value, str]
    titles: dict[Value, list[str]] = field(default_factory=dict)
    formulas: dict[Value, str] = field(default_factory=dict)
    pairs: dict[Value, Value] = field(default_factory=dict)
    same: Mapping[Value, Value] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def args(self, node: Value) -> list[Value]:
        """A node's arguments, those that are left out replaced by what they are equal to."""
        return [self.same.get(arg, arg) for arg in node.args]


def draw_backward(
    root: Value,
    wrt: Value | Sequence[Value],
    *,
    dark: bool = False,
    title: str = "",
    digits: int = 4,
    scale: float = 1.0,
    legend: bool = True,
    hide: str | Collection[str] = (),
) -> Picture:
    """The forward pass from left to right and, above it, the backward pass from right to left.

    The backward pass is computed as a graph (``gradient(…, create_graph=True)``), every derivative
    above the node that it belongs to, with the formula that it is computed by. Dashed arrows
    between them show which stored values the backward pass needs.

    Args:
        root: the output.
        wrt: the nodes to differentiate by: one, or a sequence of them.
        dark: light on dark instead of dark on light.
        title, digits, scale, legend: as for `draw`.
        hide: ``"data"`` to leave the forward pass blank, ``"grad"`` the backward pass.

    Raises:
        TypeError: if ``root`` or one of ``wrt`` is not a Value, or an option of another type.
        ValueError: if ``root`` does not depend on one of them, if data was changed since it was
            recorded, if both passes have more than 150 nodes, or an option is out of range.
    """
    if not isinstance(root, Value):
        raise TypeError(f"draw_backward() takes a Value first, not {type(root).__name__}")
    seen = look(dark, "LR", title, digits, scale, legend, hide)
    variables = [wrt] if isinstance(wrt, Value) else list(wrt)
    for x in variables:
        if not isinstance(x, Value):
            raise TypeError(f"wrt is a Value or several, not {type(x).__name__}: {x!r:.60}")
    passes = both(root, variables)
    total = len(passes.forward) + len(passes.backward)
    if total > FULL_CARDS:
        raise ValueError(
            f"both passes have {total} nodes; the picture can show at most {FULL_CARDS}: "
            "differentiate by fewer nodes, or draw a smaller graph"
        )
    graph = {
        "rankdir": "LR", "newrank": "true", "bgcolor": seen.theme.page,
        "fontname": ",".join(SANS), "pad": "0.15", "margin": "0", "nodesep": "0.2",
        "ranksep": "0.45", "tooltip": " ", "label": remarks(passes, seen), "labelloc": "b",
        "outputorder": "edgesfirst", "dpi": f"{72 * seen.scale:g}",
    }  # fmt: skip
    node = {"shape": "plain", "fontname": ",".join(SANS), "fontsize": "12"}
    body = headed(title, statements(passes, {root, *variables}, seen), seen)
    picture = Picture("gradpath", graph_attr=graph, node_attr=node, body=body)
    picture.words = in_words(passes, root, seen)
    return picture


def in_words(passes: Passes, root: Value, look: Look) -> Words:
    """What the picture shows: how large both passes are, and every derivative."""
    told = [
        f"Forward {counted(len(passes.forward), 'node')}, "
        f"backward {counted(len(passes.backward), 'node')}"
    ]
    for node, titles in passes.titles.items():
        if titles:
            value = "" if "grad" in look.hide else f" = {short_number(node.data, 4)}"
            told.append(
                f"{' = '.join(titles)} = {passes.formulas.get(node, '')}{value}".rstrip("= ")
            )
    told += passes.remarks
    title = printable(look.title) or f"The backward pass of {passes.named[root]} as a graph"
    return Words(title, ". ".join(told) + ".")


def both(root: Value, variables: Sequence[Value]) -> Passes:
    """The forward pass and the backward pass to the variables."""
    forward = topological_order(root)
    called = {node: str(name) for node, name in names(forward).items()}
    inside: set[Value] = set()
    for x in variables:
        found = between(root, x)
        if not found:
            raise ValueError(f"{called[root]!r} was not computed from {x.label or repr(x)!r}")
        inside.update(found)
    nodes = [node for node in reversed(forward) if node in inside]
    slopes: list[Value] = gradient(root, nodes, create_graph=True)
    known = set(forward)
    wanted = [slope for node, slope in zip(nodes, slopes, strict=True) if node in variables]
    made = [node for node in topological_order(wanted) if node not in known]
    same = unchanged(made)
    used = set(topological_order([same.get(slope, slope) for slope in wanted]))
    backward = [node for node in made if node in used and node not in same]
    kept = {arg for node in backward for arg in node.args} | set(wanted)
    backward = [node for node in backward if node.args or node in kept]
    passes = Passes(forward, backward, called, same=same)
    entitle(passes, root, nodes, [same.get(slope, slope) for slope in slopes], variables)
    return passes


def unchanged(made: Sequence[Value]) -> dict[Value, Value]:
    """Nodes that are equal to an argument whatever that is: ``x^1``, ``1·x``, ``x + 0``."""
    same: dict[Value, Value] = {}
    for node in made:
        neutral = NEUTRAL.get(node.rule.name if node.rule else "")
        if neutral is None:
            continue
        others = [arg for arg in node.args if not is_number(arg, neutral)]
        if len(others) == 1 and (len(node.args) == 2 or node.params == (neutral,)):
            same[node] = same.get(others[0], others[0])
    return same


def is_number(node: Value, x: float) -> bool:
    """Whether a node is that number and nothing that has a name."""
    return node.role == "constant" and not node.label and node.data == x


def entitle(
    passes: Passes,
    root: Value,
    nodes: Sequence[Value],
    slopes: Sequence[Value],
    variables: Sequence[Value],
) -> None:
    """Name the nodes of the backward pass: by the derivatives that they are, or by formulas."""
    called, known, present = passes.named, set(passes.forward), set(passes.backward)
    for node, slope in zip(nodes, slopes, strict=True):
        title = f"∂{term(called[root])}/∂{term(called[node])}"
        if slope in present:
            if slope not in passes.titles:
                passes.pairs[node] = slope
            passes.titles.setdefault(slope, []).append(title)
        elif node in variables or slope in known:
            passes.remarks.append(f"{title} is {called.get(slope, number(slope.data))}")
    symbols: dict[Value, Any] = {node: Symbol(term(name)) for node, name in called.items()}
    for node in passes.backward:
        titles = passes.titles.setdefault(node, [])
        called[node] = " = ".join([*titles[:MOST_NAMES], *["…"] * (len(titles) > MOST_NAMES)])
        symbols[node] = Symbol(titles[0]) if titles else node.data
        if node.args:
            formula = value_formula(
                node, {arg: symbols[passes.same.get(arg, arg)] for arg in node.args}
            )
            passes.formulas[node] = written(formula) or written_sign(node)
            if not titles:
                symbols[node] = formula if formula is not None else Symbol(written_sign(node))


def written(formula: Any) -> str:
    """A formula as text, whole powers raised: ``3·a²``; "" if there is none."""
    if formula is None:
        return ""
    formula = formula if isinstance(formula, Symbol) else PLAIN.quantity(formula)
    return powers_raised(PLAIN.write(formula))


def statements(passes: Passes, ends: set[Value], look: Look) -> Iterator[str]:
    """The nodes in two clusters, the edges of both passes, and the edges between them."""
    colors = look.theme
    place = {node: i for i, node in enumerate([*passes.forward, *passes.backward])}
    # In a cluster around both Graphviz stacks them in this order, from below. The headings stand
    # at the outer sides, where no edge between the passes comes by.
    sides = (
        ("forward: values", "b", passes.forward),
        ("backward: derivatives", "t", passes.backward),
    )
    yield '\tsubgraph cluster_passes { peripheries=0 margin=0 label=""\n'
    for index, (title, side, nodes) in enumerate(sides):
        heading = bold(font(title, colors.muted, 12))
        yield (
            f"\tsubgraph cluster{index} {{ label=<{heading}> labeljust=l labelloc={side} margin=10"
            f' style="rounded" color="{colors.faint}" peripheries=1\n'
        )
        for node in nodes:
            yield f"\t\tn{place[node]} [{card(node, passes, node in ends, look)}]\n"
        yield "\t}\n"
    yield "\t}\n"
    for node, slope in passes.pairs.items():
        yield f"\t{{ rank=same; n{place[node]}; n{place[slope]} }}\n"
    stored = set(passes.forward)
    for node in place:
        for arg in passes.args(node):
            tail, head = f"n{place[arg]}", f"n{place[node]}"
            if node in stored:
                yield f'\t{tail}:e -> {head}:w [color="{colors.zero}" arrowsize=0.6]\n'
            elif arg in stored:
                yield (
                    f'\t{tail} -> {head} [color="{colors.parameter.stroke}" style=dashed '
                    "constraint=false arrowsize=0.5 arrowhead=vee]\n"
                )
            else:  # drawn from right to left
                yield f'\t{head}:e -> {tail}:w [dir=back color="{colors.plus}" arrowsize=0.6]\n'


def card(node: Value, passes: Passes, end: bool, look: Look) -> str:
    """The attributes of a node: what it is called, how it is computed, and its value."""
    colors, titles = look.theme, passes.titles.get(node)
    surface: Surface = getattr(colors, node.role)
    name = passes.named.get(node, "")
    if titles is None:  # of the forward pass
        what = "data"
        rows = (
            []
            if node.role == "constant" and not node.label
            else [bold(font(html(name, LONGEST), colors.ink, 11))]
        )
        if rows and node.args:
            rows[0] += "  " + bold(font(html(written_sign(node)), colors.ink, 11))
    else:
        what = "grad"
        if titles:
            surface = Surface(colors.output.fill, colors.plus)
        more = ["…"] if len(titles) > MOST_NAMES else []
        shown = [html(title, LONGEST) for title in titles[:MOST_NAMES]]
        rows = [bold(font(title, colors.plus, 11)) for title in [*shown, *more]]
        if node.args:
            formula = html(passes.formulas[node], LONGEST)
            rows.append(font(f"= {formula}" if titles else formula, colors.ink, 10))
    text = BLANK if what in look.hide else number(node.data, look.digits)
    rows.append(mono(text, colors.ink, 10))
    style = "ROUNDED,DASHED" if node.role == "constant" else "ROUNDED"
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    exact = [] if what in look.hide else [f"data {exact_number(node.data)}"]
    tip = tooltip(f"{name} · {written_sign(node) or node.role}", *exact)
    return (
        f'label=<<TABLE STYLE="{style}" BORDER="{2 if end else 1}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="4" COLOR="{surface.stroke}" BGCOLOR="{surface.fill}">{cells}</TABLE>>'
        f" tooltip={tip}"
    )


def remarks(passes: Passes, look: Look) -> str:
    """What stands below the picture."""
    needs = "╌╌▶ a stored value that the backward pass needs"
    back = bold(font("◀─ gradients", look.theme.plus, 10))
    said = [] if "grad" in look.hide else passes.remarks
    return legend(["─▶ values", back, font(needs, look.theme.parameter.stroke, 10)], said, look)
