// The ways of edges: apart where they leave a card, with a head at either end.

const HEAD = 9; // length of an arrow's head, in points
const APART = 11; // between edges that leave the same card

// For every edge the points of its Bézier curve and its tip. Graphviz lets all edges leave a card
// at one point; here each leaves at its own, so that heads that point back can be told apart.
function routes(score) {
  const ways = score.edges.map(({ curve }) => curve.map((point) => [...point]));
  score.outOf.forEach((edges, node) => {
    const [x, , w, h] = score.nodes[node].box;
    const leaving = edges.filter((edge) => Math.abs(ways[edge][0][0] - x - w) < 4);
    const height = (edge) => ways[edge][Math.min(3, ways[edge].length - 1)][1];
    leaving.sort((a, b) => height(a) - height(b) || score.edges[a].position - score.edges[b].position);
    const room = Math.min(APART, (h - 14) / Math.max(1, leaving.length - 1));
    leaving.forEach((edge, i) => {
      const shift = room * (i - (leaving.length - 1) / 2);
      ways[edge][0][1] += shift;
      ways[edge][1][1] += shift;
    });
  });
  return ways.map((points) => new Route(points));
}

class Route {
  constructor(points) {
    this.points = points.slice(0, -1);
    this.tip = points[points.length - 1];
    this.start = points[0];
    const before = this.points[this.points.length - 1];
    const last = this.tip[0] === before[0] && this.tip[1] === before[1] ? this.points.length - 2 : 0;
    this.into = angle(last ? this.points[last] : before, this.tip);
    this.outOf = angle(this.start, this.points[1]);
    this.forward = this.path(this.start, ahead(this.tip, this.into, -HEAD + 2));
    this.backward = this.path(ahead(this.start, this.outOf, HEAD - 2), this.tip);
    this.headThere = placed(this.tip, this.into);
    this.headBack = placed(this.start, this.outOf + Math.PI);
  }

  path(start, tip) {
    return `M${start}C${this.points.slice(1).join(' ')}L${tip}`;
  }

  // Points at the backs of its two heads, of which it has one or the other.
  heads() {
    const there = ahead(this.tip, this.into, -HEAD);
    const back = ahead(this.start, this.outOf, HEAD);
    return [[there, this.into], [back, this.outOf]].flatMap(([point, turned]) =>
      [-2, 2].map((by) => ahead(point, turned + Math.PI / 2, by)));
  }

  // Points along the way, some 3 points apart.
  samples() {
    if (this.sampled) return this.sampled;
    const found = [];
    const line = [...this.points, this.tip];
    for (let i = 0; i + 3 < this.points.length; i += 3) {
      const [a, b, c, d] = this.points.slice(i, i + 4);
      const n = Math.ceil((distance(a, b) + distance(b, c) + distance(c, d)) / 3) || 1;
      for (let k = 0; k < n; k += 1) found.push(cubic(a, b, c, d, k / n));
    }
    const [from, to] = [line[line.length - 2], this.tip];
    const n = Math.ceil(distance(from, to) / 3) || 1;
    for (let k = 0; k <= n; k += 1) found.push([0, 1].map((i) => from[i] + ((to[i] - from[i]) * k) / n));
    return (this.sampled = found);
  }
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const angle = (a, b) => Math.atan2(b[1] - a[1], b[0] - a[0]);
const ahead = ([x, y], turned, by) => [x + by * Math.cos(turned), y + by * Math.sin(turned)];
const placed = (point, turned) => `translate(${point}) rotate(${(turned * 180) / Math.PI})`;

function cubic(a, b, c, d, t) {
  const s = 1 - t;
  return [0, 1].map((i) =>
    s * s * s * a[i] + 3 * s * s * t * b[i] + 3 * s * t * t * c[i] + t * t * t * d[i]);
}
