"""The backward pass as a graph of its own, beside the forward pass that it depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine import Value, gradient, topological_order
from engine.graph import between

from .cards import SIGN_LENGTH
from .drawing import FULL_CARDS
from .names import names
from .picture import Picture
from .text import bold, exact_number, font, html, mono, number, tooltip
from .theme import SANS, Surface, Theme, theme

MOST_NAMES = 3  # of derivatives that are one and the same node


@dataclass(frozen=True)
class Passes:
    """The nodes of both passes, and what they are called.

    Attributes:
        forward: the graph of the output, arguments before results.
        backward: what only the derivatives were computed from, likewise.
        named: the names of all of them.
        pairs: for a node of the forward pass the derivative by it, where it is a node of the
            backward pass; the node nearest to the output, if it is the derivative by several.
        remarks: derivatives that are no nodes of the backward pass, in words.
    """

    forward: list[Value]
    backward: list[Value]
    named: Mapping[Value, str]
    pairs: Mapping[Value, Value]
    remarks: Sequence[str]


def draw_backward(root: Value, wrt: Value | Sequence[Value], *, dark: bool = False) -> Picture:
    """The forward pass from left to right and, above it, the backward pass from right to left.

    The backward pass is computed as a graph (``gradient(…, create_graph=True)``), every derivative
    above the node that it belongs to. Dashed arrows between them show which stored values the
    backward pass needs.

    Args:
        root: the output.
        wrt: the nodes to differentiate by: one, or a sequence of them.
        dark: light on dark instead of dark on light.

    Raises:
        TypeError: if ``root`` or one of ``wrt`` is not a Value.
        ValueError: if ``root`` does not depend on one of them, if data was changed since it was
            recorded, or if both passes have more than 150 nodes.
    """
    if not isinstance(root, Value):
        raise TypeError(f"draw_backward() takes a Value first, not {type(root).__name__}")
    variables = [wrt] if isinstance(wrt, Value) else list(wrt)
    passes = both(root, variables)
    total = len(passes.forward) + len(passes.backward)
    if total > FULL_CARDS:
        raise ValueError(
            f"both passes have {total} nodes; the picture can show at most {FULL_CARDS}: "
            "differentiate by fewer nodes, or draw a smaller graph"
        )
    colors = theme(dark)
    graph = {
        "rankdir": "LR", "newrank": "true", "bgcolor": colors.page, "fontname": ",".join(SANS),
        "pad": "0.15", "margin": "0", "nodesep": "0.16", "ranksep": "0.45", "tooltip": " ",
        "label": legend(passes, colors), "labelloc": "b", "outputorder": "edgesfirst",
    }  # fmt: skip
    node = {"shape": "plain", "fontname": ",".join(SANS), "fontsize": "12"}
    body = statements(passes, {root, *variables}, colors)
    return Picture("gradpath", graph_attr=graph, node_attr=node, body=body)


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
    backward = [node for node in topological_order(wanted) if node not in known]
    present, pairs, remarks = set(backward), {}, []
    titles: dict[Value, list[str]] = {}
    for node, slope in zip(nodes, slopes, strict=True):
        title = f"∂{called[root]}/∂{called[node]}"
        if slope in present:
            if slope not in titles:
                pairs[node] = slope
            titles.setdefault(slope, []).append(title)
        elif node in variables or slope in known:
            remarks.append(f"{title} is {called.get(slope, number(slope.data))}")
    for slope, all_of_it in titles.items():
        more = ["…"] if len(all_of_it) > MOST_NAMES else []
        called[slope] = " = ".join(all_of_it[:MOST_NAMES] + more)
    return Passes(forward, backward, called, pairs, remarks)


def statements(passes: Passes, ends: set[Value], colors: Theme) -> Iterator[str]:
    """The nodes in two clusters, the edges of both passes, and the edges between them."""
    place = {node: i for i, node in enumerate([*passes.forward, *passes.backward])}
    sides = (("forward: values", passes.forward), ("backward: derivatives", passes.backward))
    for number_, (title, nodes) in enumerate(sides):
        heading = bold(font(title, colors.muted, 12))
        yield (
            f"\tsubgraph cluster{number_} {{ label=<{heading}> labeljust=l labelloc=t margin=10"
            f' style="rounded" color="{colors.faint}"\n'
        )
        for node in nodes:
            yield f"\t\tn{place[node]} [{card(node, passes, node in ends, colors)}]\n"
        yield "\t}\n"
    for node, slope in passes.pairs.items():
        yield f"\t{{ rank=same; n{place[node]}; n{place[slope]} }}\n"
    above = set(passes.forward)
    for node in place:
        for arg in node.args:
            tail, head = f"n{place[arg]}", f"n{place[node]}"
            if node in above:
                yield f'\t{tail}:e -> {head}:w [color="{colors.zero}" arrowsize=0.6]\n'
            elif arg in above:
                yield (
                    f'\t{tail} -> {head} [color="{colors.parameter.stroke}" style=dashed '
                    "constraint=false arrowsize=0.5 arrowhead=vee]\n"
                )
            else:  # drawn from right to left
                yield f'\t{head}:e -> {tail}:w [dir=back color="{colors.plus}" arrowsize=0.6]\n'


def card(node: Value, passes: Passes, end: bool, colors: Theme) -> str:
    """The attributes of a node: its name, operation and value."""
    backward = node not in passes.named or passes.named[node].startswith("∂")
    surface: Surface = getattr(colors, node.role)
    name, color = passes.named.get(node, ""), colors.ink
    if node.role == "constant" and not node.label:
        name = ""
    if backward and name:
        surface, color = Surface(colors.output.fill, colors.plus), colors.plus
    title = bold(font(html(name, 40), color, 11)) if name else ""
    sign = bold(font(html(node.sign, SIGN_LENGTH), colors.ink, 11))
    top = "  ".join(filter(None, (title, sign if node.sign else "")))
    style = "ROUNDED,DASHED" if node.role == "constant" else "ROUNDED"
    rows = [top] if top else []
    rows.append(mono(number(node.data), colors.ink, 10))
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    tip = tooltip(f"{name} · {node.sign or node.role}", f"data {exact_number(node.data)}")
    return (
        f'label=<<TABLE STYLE="{style}" BORDER="{2 if end else 1}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="2" COLOR="{surface.stroke}" BGCOLOR="{surface.fill}">{cells}</TABLE>>'
        f" tooltip={tip}"
    )


def legend(passes: Passes, colors: Theme) -> str:
    """What stands below the picture."""
    needs = font("╌╌▶ a stored value that the backward pass needs", colors.parameter.stroke, 10)
    rows = [bold(font(html(remark, 200), colors.ink, 11)) for remark in passes.remarks]
    cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in [*rows, needs])
    return f'<<TABLE BORDER="0" CELLSPACING="0">{cells}</TABLE>>'
