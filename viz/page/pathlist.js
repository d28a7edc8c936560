// The paths to a node in words: each with its product, and what they add up to.

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth'];
const NOUNS = { '×': 'factor', '+': 'summand', Σ: 'summand' };

class PathList {
  constructor(score, onPath) {
    this.score = score;
    this.onPath = onPath; // what to do when one of them is looked at, or none any more
  }

  name(index) {
    return this.score.nodes[index].name;
  }

  // `totals` are the gradients that the right pass ends with and, if there is one, the wrong pass.
  show(found, totals, state) {
    const [name, root] = [found.target, this.score.root].map((node) => bracketed(this.name(node)));
    const all = counted(found.count, 'path');
    const products = 'the products of the local derivatives along each';
    const parts = [
      element('h2', {}, `∂${root}/∂${name} = `, colored(totals.right)),
      words(`The sum over ${all} from ${root} to ${name}, of ${products}.`),
      element('ol', { class: 'paths' }, ...this.items(found, state)),
      ...this.sum(found, totals.right),
      line('= ', strong(`${name}.grad`), ' after the backward pass'),
    ];
    if (totals.wrong !== undefined && !Object.is(totals.wrong, totals.right)) {
      const text = `the wrong pass ends with ${name}.grad = ${short(totals.wrong)}`;
      parts.push(element('p', { class: 'equation alert' }, text));
    }
    return parts;
  }

  sum({ heaviest, count }, total) {
    const { sum, rest } = remainder({ heaviest }, total);
    const products = heaviest.map((path) => signed(short(path.product)));
    const others = count - BigInt(heaviest.length);
    const parts = [];
    if (others > 0n) {
      const unknown = 'undefined, as not all products are finite';
      const what = Number.isNaN(rest) ? unknown : colored(rest);
      parts.push(line(`the other ${counted(others, 'path')}: `, what));
      products.push(Number.isNaN(rest) ? '(undefined)' : signed(short(rest)));
    }
    const summands = count > 1n ? products.join(' + ') : 'sum';
    const result = colored(others > 0n ? total : sum);
    return [...parts, element('p', { class: 'equation sum' }, `${summands} = `, result)];
  }

  items({ heaviest }, state) {
    const sizes = heaviest.map((path) => Math.abs(path.product)).filter(Number.isFinite);
    const largest = Math.max(0, ...sizes);
    this.buttons = heaviest.map((path, i) => this.item(path, i, largest, state));
    return this.buttons.map((button) => element('li', {}, button));
  }

  // Mark the path that stands out, if one does.
  light(index) {
    this.buttons?.forEach((button, i) => button.classList.toggle('lit', i === index));
  }

  // What tells a path from others through the same nodes, as `engine.paths` says it.
  through(path) {
    const { edges, into, nodes } = this.score;
    const crossings = path.edges.map((edge) => edges[edge]).filter(({ head, tail }) => (
      into[head].filter((other) => edges[other].tail === tail).length > 1));
    const told = crossings.slice(0, 3).map(({ head, position }) => (
      `${this.name(head)}'s ${ORDINALS[position] ?? `${position + 1}th`} `
      + (NOUNS[nodes[head].sign] ?? 'argument')));
    if (crossings.length > 3) told.push(`${(crossings.length - 3).toLocaleString('en')} more`);
    const last = told.pop();
    return last ? `through ${told.join(', ')}${told.length ? ' and ' : ''}${last}` : '';
  }

  item(path, index, largest, state) {
    const { root, edges } = this.score;
    const nodes = [root, ...path.edges.map((edge) => edges[edge].tail)];
    const names = ends(nodes.map((node) => this.name(node))).join(' ← ');
    const way = [names, this.through(path)].filter(Boolean).join(', ');
    const partials = path.edges.map((edge) => signed(short(state.partials[edge])));
    const factors = ends(partials).join(' × ') || '1';
    const bar = element('span', { class: `bar ${sign(path.product)}` });
    bar.style.width = `${100 * Math.min(1, Math.abs(path.product) / largest) || 0}%`;
    const [look, leave] = [() => this.onPath(index), () => this.onPath(null)];
    const events = { onmouseenter: look, onfocus: look, onmouseleave: leave, onblur: leave };
    return element(
      'button',
      { type: 'button', class: 'path', ...events },
      element('span', { class: 'way' }, way),
      element('span', { class: 'equation' }, `${factors} = `, colored(path.product)),
      bar,
    );
  }
}

// The items; of very many, those at both ends.
function ends(items) {
  if (items.length <= 16) return items;
  return [...items.slice(0, 7), `… ${items.length - 14} more …`, ...items.slice(-7)];
}
