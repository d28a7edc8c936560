// The graph, its formulas and its numbers, as the page was given them.

const floats = (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
};

// A name as part of a formula: in parentheses, unless it is a word or a call, or has them.
function bracketed(name) {
  const called = /^\p{L}*\((.*)\)(\[[\w.#]*\])?$/u.exec(name);
  return (called && balanced(called[1])) || !/[\s+−·*/×÷^()-]/.test(name) ? name : `(${name})`;
}

// The same where parentheses stand around it already.
const unwrapped = (name) =>
  (name[0] === '(' && name.endsWith(')') && balanced(name.slice(1, -1)) ? name.slice(1, -1) : name);

function balanced(text) {
  let depth = 0;
  return [...text].every((c) => (depth += (c === '(') - (c === ')')) >= 0) && depth === 0;
}

class Score {
  constructor(content) {
    Object.assign(this, content);
    this.root = this.nodes.length - 1;
    this.into = this.nodes.map(() => []); // for every node the edges of its arguments, in order
    this.outOf = this.nodes.map(() => []); // and those to the nodes that use it
    this.edges.forEach((edge, i) => {
      this.into[edge.head].push(i);
      this.outOf[edge.tail].push(i);
    });
    this.computed = this.nodes.map((_, i) => i).filter((i) => this.into[i].length);
    this.leaves = this.nodes.map((_, i) => i).filter((i) => !this.into[i].length);
    this.first = floats(this.numbers.first);
    this.moved = floats(this.numbers.moved);
    this.states = new Map();
  }

  // One state: every node's data, every edge's partial, and which edges pass nothing back.
  state(index) {
    if (!this.states.has(index)) {
      const all = this.first.slice();
      const { moving } = this.numbers;
      moving.forEach((place, i) => (all[place] = this.moved[index * moving.length + i]));
      const [n, m] = [this.nodes.length, this.edges.length];
      const data = all.slice(0, n);
      const [partials, nothing] = [all.slice(n, n + m), all.slice(n + m)];
      this.states.set(index, { index, data, partials, nothing });
    }
    return this.states.get(index);
  }

  // What the backward pass sends along an edge: where nothing is passed back, 0 whatever comes.
  sent(state, edge, upstream) {
    return state.nothing[edge] ? 0 : state.partials[edge] * upstream;
  }

  // A formula with names, or with the numbers of a state. A constant that nobody named is a number.
  formula(template, state, inNumbers) {
    return template.replace(/\ue000(\d+)\ue001/g, (_, index, place) => {
      const node = this.nodes[index];
      const nameless = node.role === 'constant' && !node.named;
      const name = inNumbers || nameless ? short(state.data[index]) : node.name;
      const before = template[place - 1] ?? '';
      const after = template[place + index.length + 2] ?? '';
      const alone = (before === '' || before === '(') && (after === '' || after === ')');
      return alone ? unwrapped(name) : bracketed(name);
    });
  }

  derivative(upper, lower) {
    const [over, under] = [upper, lower].map((node) => bracketed(this.nodes[node].name));
    return `∂${over}/∂${under}`;
  }
}
