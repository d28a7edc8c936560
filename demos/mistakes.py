"""The four mistakes that everybody makes who writes a backward pass, each on its smallest graph.

Run it as ``python demos/mistakes.py``. Every wrong backward pass runs beside the engine's own; the
text says what differs and why, and a picture shows both graphs with the wrong numbers marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from commandline import Parser, add_dark, folder, run, tidy_end

with tidy_end():
    import viz
    from engine import Value, topological_order

RATE = 0.1  # of the one step of gradient descent


class Mistake(NamedTuple):
    """A question, its answer, and the two graphs that show it.

    Attributes:
        name: what its picture is called.
        line: the line that is wrong, and the one that is right.
        question: as it is asked.
        answer: two sentences.
        graph: makes the graph anew; returns the output.
        wrong: runs the mistaken backward pass and returns the output of the graph it ends on.
        right: does the same as it should be.
    """

    name: str
    line: tuple[str, str]
    question: str
    answer: str
    graph: Callable[[], Value]
    wrong: Callable[[Callable[[], Value]], Value]
    right: Callable[[Callable[[], Value]], Value]


def main(arguments: Sequence[str] | None = None) -> None:
    """The demo, with the command line's arguments or others."""
    parser = Parser(
        description="Four wrong backward passes beside the right one, with pictures.",
        epilog="The pictures are mistake-1-order.svg to mistake-4-twice.svg; the pages of the same "
        "names, ending in .html, step through both passes side by side.",
    )
    parser.add_argument(
        "--out", type=folder, default="out", help="folder for the pictures (%(default)s)"
    )
    add_dark(parser)
    options = parser.parse_args(arguments)
    out = options.out
    for number, mistake in enumerate(MISTAKES, start=1):
        wrong, right = mistake.wrong(mistake.graph), mistake.right(mistake.graph)
        print(f"{number}. {mistake.question}\n")
        for line in (*wrapped(mistake.answer), "", *table(wrong, right)):
            print(f"   {line}".rstrip())
        print()
        out.mkdir(parents=True, exist_ok=True)
        drawn = picture(mistake, wrong, right, options.dark)
        viz.save(drawn, out / f"mistake-{number}-{mistake.name}.svg")
        viz.save(page(mistake), out / f"mistake-{number}-{mistake.name}.html")
    print("Beside each picture lies a page (.html) that steps through both passes.")
    print(f"Pictures in {out}: mistake-1-{MISTAKES[0].name}.svg and {len(MISTAKES) - 1} more")


def wrapped(text: str) -> Iterator[str]:
    """The text in lines of at most 80 characters."""
    line = ""
    for word in text.split():
        if line and len(line) + len(word) > 79:
            yield line
            line = ""
        line += f" {word}" if line else word
    yield line


# -- what is shown --------------------------------------------------------------------------------


def table(wrong: Value, right: Value) -> Iterator[str]:
    """The gradients of both graphs, node by node; wrong ones are pointed at."""
    yield f"{'node':<6}{'right':>8}{'wrong':>8}"
    for bad, good in zip(topological_order(wrong), topological_order(right), strict=True):
        arrow = "  ←" if bad.grad != good.grad else ""
        yield f"{good.label:<6}{short(good.grad):>8}{short(bad.grad):>8}{arrow}"


def picture(mistake: Mistake, wrong: Value, right: Value, dark: bool = False) -> viz.Picture:
    """Both graphs, with the wrong numbers marked."""
    pairs = zip(topological_order(wrong), topological_order(right), strict=True)
    marks = {
        bad: f"wrong: the gradient is {short(good.grad)}"
        for bad, good in pairs
        if bad.grad != good.grad
    }
    bad, good = mistake.line
    graphs = {f"wrong:  {bad}": wrong, f"right:  {good}": right}
    return viz.draw(graphs, marks=marks, title=mistake.question, dark=dark)


def page(mistake: Mistake) -> viz.Player:
    """Both passes side by side, step by step."""
    bad, good = mistake.line
    title, about = mistake.question, f"{mistake.answer}\nWrong: `{bad}`\nRight: `{good}`"
    if mistake.wrong is trained_without_zero:  # it makes a second graph: that one is shown
        return viz.play(after_a_step(), wrong=with_what_was_left, title=title, about=about)
    return viz.play(
        mistake.graph(),
        wrong=lambda root: mistake.wrong(lambda: root),
        right=lambda root: mistake.right(lambda: root),
        title=title,
        about=about,
    )


def short(x: float) -> str:
    """A number to four digits."""
    return f"{x:.4g}".replace("-", "−")


# -- the graphs -----------------------------------------------------------------------------------


def square_of_negative() -> Value:
    """c = b·b with b = −a: a node that is used twice and has an argument."""
    a = Value(3.0, label="a")
    b = -a
    c: Value = b * b
    b.label, c.label = "b", "c"
    return c


def square() -> Value:
    """b = a·a: a leaf that is used twice."""
    a = Value(3.0, label="a")
    b: Value = a * a
    b.label = "b"
    return b


def negative_twice() -> Value:
    """c = −b with b = −a: a node between the output and a leaf."""
    a = Value(3.0, label="a")
    b = -a
    c: Value = -b
    b.label, c.label = "b", "c"
    return c


# -- the backward passes --------------------------------------------------------------------------


def once(graph: Callable[[], Value]) -> Value:
    """The engine's backward pass."""
    root = graph()
    root.backward()
    return root


def twice(graph: Callable[[], Value]) -> Value:
    """The engine's backward pass, called two times: the leaf has the sum of both."""
    root = graph()
    root.backward()
    root.backward()
    return root


def depth_first(graph: Callable[[], Value]) -> Value:
    """Wrong: every node sends on what it has as soon as something arrives."""
    root = graph()
    root.grad = 1.0

    def send(node: Value) -> None:
        for arg, partial in zip(node.args, node.partials, strict=True):
            arg.grad += partial * node.grad
            send(arg)

    send(root)
    return root


def assigning(graph: Callable[[], Value]) -> Value:
    """Wrong: ``=`` where ``+=`` belongs."""
    root = graph()
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for arg, partial in zip(node.args, node.partials, strict=True):
            arg.grad = partial * node.grad
    return root


def accumulating(root: Value) -> None:
    """A backward pass that clears nothing, neither leaves nor the nodes between."""
    root.grad = 1.0
    for node in reversed(topological_order(root)):
        for arg, partial in zip(node.args, node.partials, strict=True):
            arg.grad += partial * node.grad


def twice_without_clearing(graph: Callable[[], Value]) -> Value:
    """Wrong: the second pass starts from what the first has left in the nodes between."""
    root = graph()
    accumulating(root)
    accumulating(root)
    return root


def trained(graph: Callable[[], Value], clear: bool) -> Value:
    """One step of gradient descent on the leaf, and the gradient after it."""
    root = graph()
    root.backward()
    leaf = topological_order(root)[0]
    leaf.data -= RATE * leaf.grad
    if clear:
        leaf.grad = 0.0
    again: Value = leaf * leaf  # the forward pass anew
    again.label = root.label
    again.backward()
    return again


def trained_without_zero(graph: Callable[[], Value]) -> Value:
    """Wrong: the leaf still has the gradient of the step before."""
    return trained(graph, clear=False)


def after_a_step() -> Value:
    """The square after a step of gradient descent on its leaf, before another backward pass."""
    root = trained(square, clear=True)
    for node in topological_order(root):
        node.grad = 0.0
    return root


def with_what_was_left(root: Value) -> None:
    """Wrong: a backward pass that adds to the gradient of the step before."""
    topological_order(root)[0].grad = square_slope()
    root.backward()


def square_slope() -> float:
    """The gradient of the square before the step."""
    root = square()
    root.backward()
    slope: float = topological_order(root)[0].grad
    return slope


def trained_with_zero(graph: Callable[[], Value]) -> Value:
    """The leaf's gradient is cleared before the next backward pass."""
    return trained(graph, clear=True)


MISTAKES = (
    Mistake(
        "order",
        (
            "arg.grad += partial * node.grad; send(arg)",
            "for node in reversed(topological_order(root)):",
        ),
        "Why a topological order?",
        "A node may send its gradient on only when all of it has arrived, that is after every node "
        "that uses it. Here b is used twice: it sends −3 after the first use and −6 after the "
        "second, so that the first half reaches a two times.",
        square_of_negative,
        depth_first,
        once,
    ),
    Mistake(
        "assign",
        (
            "arg.grad = partial * node.grad",
            "arg.grad += partial * node.grad",
        ),
        "Why += and not =?",
        "A gradient is a sum over all paths, and a·a has two paths to a, each with the product 3. "
        "With = the second overwrites the first, and only one of them is left.",
        square,
        assigning,
        once,
    ),
    Mistake(
        "zero",
        (
            "loss.backward()",
            "leaf.grad = 0.0; loss.backward()",
        ),
        "Why zero the gradients?",
        "Leaves accumulate, so that a loss can be summed over several backward passes; nobody but "
        "you knows when a new sum begins. After a step from 3 to 2.4 the gradient is 4.8, but "
        "without zeroing it is added to the 6 from before the step.",
        square,
        trained_without_zero,
        trained_with_zero,
    ),
    Mistake(
        "twice",
        (
            "root.grad = 1.0",
            "for node in computed: node.grad = 0.0; root.grad = 1.0",
        ),
        "Why is the second backward wrong?",
        "Calling it twice should give a leaf twice its gradient, but only if the nodes between "
        "start from 0 each time. Here b keeps its −1 from the first pass and sends −2 in the "
        "second, so a gets 1 + 2 instead of 1 + 1.",
        negative_twice,
        twice_without_clearing,
        twice,
    ),
)


if __name__ == "__main__":
    run(main)
