"""A recording as straight-line code: every quantity in order, forward and backward.

The backward pass goes through the recorded rows from the last to the first. Each has its result's
gradient by then, and its recipe has a formula for what every argument gets of it: the chain rule.
"""

from __future__ import annotations

from .formulas import COPY, SUMS, TERMS, Quantity, specialised
from .recording import Applied, Backward, Guard, Required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .formulas import Formula
    from .recording import Tape

    Step = Quantity | Guard | Required


class Code:
    """A program as straight-line code.

    Attributes:
        steps: quantities and guards in the order in which they are computed.
        phases: for each step, "forward", "backward" or "update".
        inputs: the quantities given, in order.
        places: the places that are read or written.
        results: what is returned, as quantities and constants.
    """

    def __init__(self, tape: Tape, results: Sequence[Any]) -> None:
        self.steps: list[Step] = []
        self.phases: list[str] = []
        self.computed: set[int] = set()  # by the event that is being written
        self.inputs = tape.inputs
        phase = "forward"
        for event in tape.events:
            self.computed.clear()
            if isinstance(event, Applied):
                self.forward(event)
            elif isinstance(event, (Guard, Required)):
                event.args = tuple(map(resolved, event.args))
                self.steps.append(event)
            else:
                self.chain_rule(event)
                phase = "backward"
            self.phases += [phase] * (len(self.steps) - len(self.phases))
            phase = "update" if phase == "backward" else phase
        self.places = list(tape.places.values())
        for place in self.places:
            place.now = resolved(place.now)
        self.results = [resolved(x) for x in results]
        self.leave_out_unused()

    # ------------------------------------------------------------ formulas

    def compute(self, formula: Formula, args: Sequence[Any], into: Quantity | None = None) -> Any:
        """Add a step, unless it turns out to be a constant or a quantity that is known."""
        args = [resolved(x) for x in args]
        numbers = [x for x in args if type(x) is float]
        if numbers and (
            formula.bounded or len(numbers) == len(args) or 1.0 in numbers or -1.0 in numbers
        ):
            every = formula.bounded or len(numbers) == len(args)
            given = [type(x) is float and (every or x == 1.0 or x == -1.0) for x in args]
            pattern = tuple([x if known else None for x, known in zip(args, given, strict=True)])
            found = specialised(formula, pattern)
            if not isinstance(found, tuple):
                return self.constant(found, into)
            formula, places = found
            args = [args[i] for i in places]
        if formula is COPY and into is None:
            return args[0]
        result = into or Quantity()
        self.computed.add(id(result))
        result.formula, result.args = formula, args
        if formula is not COPY:
            self.steps.append(result)
        return result

    def piece(self, piece: Any, parts: Sequence[Any], into: Quantity | None = None) -> Any:
        """Compute a piece of a recipe."""
        if not isinstance(piece, tuple):
            return self.constant(piece, into)
        formula, places = piece
        return self.compute(formula, [parts[i] for i in places], into)

    def constant(self, x: float, into: Quantity | None) -> Any:
        """A constant, as the quantity that it is to be."""
        if into is None:
            return x
        into.formula, into.args = COPY, (x,)
        return into

    def add(self, terms: Sequence[Any], into: Quantity | None = None) -> Any:
        """The sum, from left to right."""
        terms = [x for x in map(resolved, terms) if not (type(x) is float and x == 0.0)] or [0.0]
        while len(terms) > TERMS:
            terms = [self.compute(SUMS[TERMS - 1], terms[:TERMS]), *terms[TERMS:]]
        if len(terms) == 1:
            return terms[0] if into is None else self.constant(terms[0], into)
        return self.compute(SUMS[len(terms) - 1], terms, into)

    # ------------------------------------------------------------ events

    def forward(self, event: Applied) -> None:
        """Compute a row's result."""
        recipe = event.recipe
        parts = [*event.args, event.result, None]
        parts += [None] * (len(recipe.early) + len(recipe.late))
        for i, part in recipe.early:
            parts[i] = self.piece(part, parts)
        self.piece(recipe.value, parts, event.result)
        event.parts = parts

    def chain_rule(self, event: Backward) -> None:
        """Compute the gradients that are wanted."""
        wanted = {id(q) for quantities, _, _ in event.wanted for q in quantities}
        between = set(wanted)
        through = []
        for applied in event.through:
            if any(id(x) in between for x in applied.args):
                between.add(id(applied.result))
                through.append(applied)
        received: dict[int, list[Any]] = {id(event.root): [event.seed]}
        gradients: dict[int, Any] = {}
        for applied in reversed(through):
            terms = received.pop(id(applied.result), None)
            if terms is None:
                continue
            g = gradients[id(applied.result)] = self.gradient(applied.result, terms)
            self.send(applied, g, between, received)
        for quantities, before, total in event.wanted:
            sent = [gradients[id(q)] for q in quantities if id(q) in gradients]
            sent += [x for q in quantities for x in received.get(id(q), ())]
            self.add([before, *sent], total)
            self.call_gradient(resolved(total), quantities[0])

    def gradient(self, quantity: Quantity, terms: Sequence[Any]) -> Any:
        """The gradient of a quantity: the sum of what it has been sent."""
        total = self.add(terms)
        self.call_gradient(total, quantity)
        return total

    def call_gradient(self, x: Any, quantity: Quantity) -> None:
        """Call a quantity of the backward pass the gradient of another, if it is nobody's yet."""
        if id(x) in self.computed and x.of is None:
            x.of = quantity

    def send(
        self, applied: Applied, g: Any, between: set[int], received: dict[int, list[Any]]
    ) -> None:
        """Send a row's gradient to its arguments."""
        recipe, parts = applied.recipe, applied.parts
        parts[recipe.count + 1] = g
        for i, part in recipe.late:
            parts[i] = self.piece(part, parts)
        for x, pullback in zip(applied.args, recipe.pullbacks, strict=True):
            if id(x) in between and pullback is not None:
                received.setdefault(id(x), []).append(self.piece(pullback, parts))

    # ------------------------------------------------------------ what nothing needs

    def leave_out_unused(self) -> None:
        """Keep only the steps that results, places and guards depend on."""
        kept: list[Step] = []
        phases: list[str] = []
        needed = {id(x) for x in (*self.results, *(p.now for p in self.places if p.written))}
        for step, phase in zip(reversed(self.steps), reversed(self.phases), strict=True):
            if isinstance(step, (Guard, Required)) or id(step) in needed:
                kept.append(step)
                phases.append(phase)
                needed.update(map(id, step.args))
        self.steps, self.phases = kept[::-1], phases[::-1]
        self.places = [p for p in self.places if p.written or id(p.start) in needed]


def resolved(x: Any) -> Any:
    """The quantity that a copy stands for."""
    while type(x) is Quantity and x.formula is COPY:
        x = x.args[0]
    return x
