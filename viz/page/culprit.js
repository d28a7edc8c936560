// The first number that is not finite, in the order of computing: who else is affected only passes
// it on.

// { kind, node, edge, step } in the pass that is shown, or null if all numbers are finite.
function culprit(score, state, steps) {
  const node = score.nodes.findIndex((_, i) => !Number.isFinite(state.data[i]));
  if (node >= 0) {
    const step = steps.findIndex((each) => each.kind === 'forward' && each.node === node);
    return { kind: score.into[node].length ? 'value' : 'given', node, step: Math.max(0, step) };
  }
  const now = new Situation(score);
  for (const [index, step] of steps.entries()) {
    now.updates = [];
    perform(score, state, step, now);
    const update = now.updates.find(({ after }) => !Number.isFinite(after));
    if (update) {
      const { edge } = update;
      return { kind: 'gradient', node: score.edges[edge].tail, edge, update, step: index };
    }
    if ('grad' in step && !Number.isFinite(step.grad)) {
      return { kind: 'set', node: step.node, step: index };
    }
  }
  return null;
}

// In words: which number it is, and what made it.
function accusation(score, state, found) {
  const name = score.nodes[found.node].name;
  const value = nonfinite(state.data[found.node]);
  if (found.kind === 'given') return `${name} is ${value} from the start.`;
  if (found.kind === 'value') {
    const formula = score.formula(score.nodes[found.node].formula, state, true);
    const made = formula ? ` = ${formula}` : '';
    return `${name}${made} is ${value}, though everything it is computed from is finite.`;
  }
  if (found.kind === 'set') return `The gradient of ${name} is set to a number that is not finite.`;
  const { edge, upstream, after } = found.update;
  const { tail, head } = score.edges[edge];
  const partial = state.partials[edge];
  const product = `${signed(short(partial))} × ${signed(short(upstream))}`;
  const derivative = score.derivative(head, tail);
  const because = Number.isFinite(partial)
    ? 'The product is too large for a float.'
    : `The local derivative ${derivative} is ${nonfinite(partial)} at this point.`;
  return `The gradient of ${name} becomes ${nonfinite(after)}: ${bracketed(score.nodes[head].name)} `
    + `sends ${product}. ${because}`;
}
