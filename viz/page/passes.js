// Forward and backward as steps, and where everything stands after so many of them.

// The steps of the engine's own passes: computed nodes in order, then the seed, then back.
function usualSteps(score) {
  const forward = score.computed.map((node) => ({ kind: 'forward', node, sends: [] }));
  const backward = score.computed
    .map((node) => ({ kind: 'backward', node, sends: score.into[node] }))
    .reverse();
  const seed = { kind: 'seed', node: score.root, sends: [] };
  return [{ kind: 'start', sends: [] }, ...forward, seed, ...backward, { kind: 'done', sends: [] }];
}

// The steps of a pass that someone has written: one for each gradient that it changes.
function writtenSteps(score, { moves, grads }) {
  const values = floats(grads);
  const steps = moves.map(([sender, position, target, added], i) => {
    const edge = sender === null ? null : score.into[sender][position];
    const kind = sender === null ? (values[i] === 0 ? 'clear' : 'set') : 'move';
    const sends = edge === null ? [] : [edge];
    return { kind, node: sender ?? target, target, added, grad: values[i], sends };
  });
  return [{ kind: 'ready', sends: [] }, ...steps];
}

class Situation {
  constructor(score) {
    const n = score.nodes.length;
    this.ready = new Uint8Array(n); // whether a node has been computed
    this.grad = new Float64Array(n);
    this.arrived = new Int32Array(n); // how many contributions a gradient consists of so far
    this.sent = new Float64Array(score.edges.length).fill(NaN);
    this.traversed = new Uint8Array(score.edges.length);
    this.updates = []; // of the last step: { edge, before, upstream, sent, after, count }
    this.backward = false;
  }
}

// Where everything stands after step `last`: every step from the first is done again, which makes
// the numbers those of the engine, sum by sum.
function situation(score, state, steps, last) {
  const now = new Situation(score);
  score.leaves.forEach((leaf) => (now.ready[leaf] = 1));
  steps.slice(0, last + 1).forEach((step) => {
    now.updates = [];
    perform(score, state, step, now);
  });
  return now;
}

function perform(score, state, step, now) {
  if (step.kind === 'forward') now.ready[step.node] = 1;
  if (step.kind === 'ready') now.ready.fill(1);
  if (step.kind === 'seed') now.grad[step.node] += 1;
  if (step.kind === 'set' || step.kind === 'clear') now.grad[step.node] = step.grad;
  now.backward ||= !['start', 'forward', 'ready'].includes(step.kind);
  for (const edge of step.sends) {
    const { tail, head } = score.edges[edge];
    const before = now.grad[tail];
    const upstream = now.grad[head];
    const sent = score.sent(state, edge, upstream);
    now.grad[tail] = step.kind === 'move' ? step.grad : before + sent;
    now.arrived[tail] += 1;
    now.sent[edge] = sent;
    now.traversed[edge] = 1;
    now.updates.push({ edge, before, upstream, sent, after: now.grad[tail], count: now.arrived[tail] });
  }
}
