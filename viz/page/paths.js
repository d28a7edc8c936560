// A gradient as a sum over paths: how many there are, and the heaviest of them.

const LISTED = 8;

// The nodes from which a node can be reached by following arguments.
function above(score, target) {
  const inside = new Uint8Array(score.nodes.length);
  inside[target] = 1;
  score.edges.forEach(({ tail, head }) => (inside[head] ||= inside[tail]));
  return inside;
}

// The paths from the output down to a node: what lies on them, their exact number, and those with
// the largest |product|, what is not finite first.
//
// A step never changes the order of what arrives, so that the heaviest ways to a node are among the
// heaviest ways to the nodes above it, each led one step on.
function pathsTo(score, state, target) {
  const inside = above(score, target);
  const count = score.nodes.map(() => 0n);
  const ways = score.nodes.map(() => []);
  count[score.root] = 1n;
  ways[score.root] = [{ product: 1, edge: null, before: null }];
  const weight = ({ product }) => (Number.isFinite(product) ? Math.abs(product) : Infinity);
  for (let node = score.root; node >= target; node -= 1) {
    if (!inside[node] || !count[node]) continue;
    ways[node] = ways[node].sort((a, b) => weight(b) - weight(a) || 0).slice(0, LISTED);
    if (node === target) break;
    for (const edge of score.into[node]) {
      const { tail } = score.edges[edge];
      if (!inside[tail]) continue;
      count[tail] += count[node];
      for (const before of ways[node]) {
        ways[tail].push({ product: 0 + score.sent(state, edge, before.product), edge, before });
      }
    }
  }
  const heaviest = ways[target].map((way) => {
    const edges = [];
    for (let at = way; at.before; at = at.before) edges.unshift(at.edge);
    return { product: way.product, edges };
  });
  const lit = score.edges.map(({ tail, head }) => inside[tail] && inside[head]);
  return { target, inside, lit, count: count[target], heaviest };
}

// The sum of the listed products, and what the other paths make up of the whole.
function remainder(found, total) {
  const listed = found.heaviest.map((path) => path.product);
  const sum = listed.reduce((a, b) => a + b, 0);
  return { sum, rest: listed.every(Number.isFinite) ? total - sum : NaN };
}
