// The graph as cards and edges, and how they look at one step.

const ROLE_WORDS = { input: 'input', parameter: 'param', constant: 'const' };
const MANY = 150; // cards above which none is a stop of the Tab key: the list of nodes leads there

const written = (cls, x, y, text = '') => svg('text', { class: cls, x, y }, text);

class Stage {
  constructor(score, title) {
    this.score = score;
    this.world = svg('g', { class: 'world' });
    this.edges = score.edges.map((edge, i) => this.makeEdge(edge, i));
    this.cards = score.nodes.map((node, i) => this.makeCard(node, i));
    this.chips = svg('g', { class: 'chips', 'aria-hidden': 'true' });
    const lines = svg('g', { 'aria-hidden': 'true' }, ...this.edges.map((edge) => edge.group));
    this.world.append(lines, ...this.cards.map((card) => card.group), this.chips);
    const cls = score.compact ? 'graph' : 'graph lively';
    this.svg = svg('svg', { class: cls, role: 'group', 'aria-label': title }, this.world);
  }

  makeCard(node, index) {
    const [, , w, h] = node.box;
    const parts = this.score.compact ? this.compactParts(node) : this.fullParts(node);
    const { name, data, grad, others, room } = parts;
    const [right, base] = ['x', 'y'].map((axis) => Number(grad.getAttribute(axis)));
    const pill = { x: right - parts.pill + 3, y: base - 10.5, width: parts.pill, height: 14, rx: 4 };
    const cls = ['node', node.role];
    if (index === this.score.root) cls.push('output');
    if (this.score.compact) cls.push('compact');
    const group = svg(
      'g',
      {
        class: cls.join(' '),
        transform: `translate(${node.box[0]} ${node.box[1]})`,
        'data-node': index,
        role: 'button',
        tabindex: this.score.nodes.length > MANY ? -1 : 0,
      },
      svg('rect', { class: 'halo', x: -4, y: -4, width: w + 8, height: h + 8, rx: parts.corner + 3 }),
      svg('rect', { class: 'card', width: w, height: h, rx: parts.corner }),
      ...others,
      svg('rect', { class: 'pill', ...pill }),
      name,
      data,
      grad,
    );
    return { group, cls: cls.join(' '), data, grad, name, room, now: {} };
  }

  // Name and operation, the scope below them if there is one, then data and grad.
  fullParts(node) {
    const w = node.box[2];
    const top = node.scope ? 9 : 0;
    const right = w - 8;
    const sign = written(node.sign ? 'sign' : 'role', right, 16, node.sign || ROLE_WORDS[node.role]);
    return {
      name: written(node.named ? 'name named' : 'name', 8, 16, node.label),
      data: written('data', right, 40 + top),
      grad: written('grad', right, 54 + top),
      others: [
        sign,
        svg('path', { class: 'rule', d: `M0 ${23 + top}H${w}` }),
        written('what', 8, 40 + top, 'data'),
        written('what', 8, 54 + top, 'grad'),
        ...(node.scope ? [written('scope', 8, 26, node.scope)] : []),
      ],
      room: right - 14 - 8 * Math.max(2, sign.textContent.length),
      corner: 9,
      pill: 61,
    };
  }

  // All of it on one line.
  compactParts(node) {
    const [, , w, h] = node.box;
    const base = h / 2 + 3.5;
    const name = written('names', 6, base);
    name.append(
      svg('tspan', { class: node.named ? 'name named' : 'name' }, node.label),
      svg('tspan', { class: 'sign', dx: 6 }, node.sign),
    );
    return {
      name,
      data: written('data', w - 60, base),
      grad: written('grad', w - 6, base),
      others: [],
      room: w - 114,
      corner: 5,
      pill: 52,
    };
  }

  makeEdge(edge, index) {
    const [start, ...rest] = edge.curve;
    const tip = rest.pop();
    const before = rest[rest.length - 1];
    const curve = `M${start}C${rest.join(' ')}L${tip}`;
    const angle = (Math.atan2(tip[1] - before[1], tip[0] - before[0]) * 180) / Math.PI;
    const line = svg('path', { class: 'line', d: curve });
    const flow = svg('path', { class: 'flow', d: curve });
    const there = `translate(${tip}) rotate(${angle})`;
    const head = svg('path', { class: 'head', d: 'M-9 -4L0 0L-9 4Z', transform: there });
    const label = svg('text', { class: 'partial', x: tip[0] - 24, y: tip[1] - 4 });
    const group = svg('g', { 'data-edge': index }, line, flow, head);
    if (!this.score.compact) group.append(label);
    return { group, line, head, label, start, tip, now: {} };
  }

  // Names that are wider than their card has room for are squeezed.
  fitNames() {
    const long = this.cards.filter(({ name }) => name.textContent.length > 5);
    const wide = long.filter(({ name, room }) => name.getComputedTextLength() > room);
    for (const { name, room } of wide) { // after all have been measured, so as to lay out once
      name.setAttribute('textLength', Math.max(room, 20));
      name.setAttribute('lengthAdjust', 'spacingAndGlyphs');
    }
  }

  // Show a situation: `view` has the state, the step, the chosen paths and the other pass's grads.
  show(now, view) {
    this.largest = view.largest;
    const receiving = new Set(now.updates.map(({ edge }) => this.score.edges[edge].tail));
    this.cards.forEach((card, i) => this.showCard(card, i, now, view, receiving));
    this.edges.forEach((edge, i) => this.showEdge(edge, i, now, view));
    this.showChips(now);
  }

  showCard(card, i, now, view, receiving) {
    const { step, paths, path, others } = view;
    const wrong = others && !Object.is(others[i] + 0, now.grad[i] + 0);
    const classes = [card.cls, sign(now.grad[i])];
    if (!now.ready[i]) classes.push('pending');
    if (step.node === i) classes.push('active', step.kind);
    if (receiving.has(i)) classes.push('receiving');
    if (wrong) classes.push('wrong');
    const on = path ? path.nodes.has(i) : paths?.inside[i];
    if (paths && !on) classes.push('dimmed');
    if (paths?.target === i) classes.push('chosen');
    this.change(card, 'cls', classes.join(' '), (value) => card.group.setAttribute('class', value));
    const data = now.ready[i] ? number(view.state.data[i]) : '–';
    this.change(card, 'data', data, (value) => (card.data.textContent = value));
    this.change(card, 'grad', number(now.grad[i]), (value) => (card.grad.textContent = value));
    const node = this.score.nodes[i];
    const what = node.sign || node.role;
    const differs = wrong ? ', differs' : '';
    const said = `${node.name}, ${what}, data ${data}, gradient ${number(now.grad[i])}${differs}`;
    this.change(card, 'said', said, (value) => card.group.setAttribute('aria-label', value));
    const pressed = String(paths?.target === i);
    this.change(card, 'pressed', pressed, (value) => card.group.setAttribute('aria-pressed', value));
  }

  showEdge(edge, i, now, view) {
    const { step, paths, path } = view;
    const { head } = this.score.edges[i];
    const classes = ['edge'];
    if (!now.ready[head]) classes.push('pending');
    if (step.kind === 'forward' && step.node === head) classes.push('forth');
    if (step.sends.includes(i)) classes.push('back');
    classes.push(now.traversed[i] ? sign(now.sent[i]) : 'quiet');
    if (paths && !(path ? path.edges.has(i) : paths.lit[i])) classes.push('dimmed');
    this.change(edge, 'cls', classes.join(' '), (value) => edge.group.setAttribute('class', value));
    const width = now.traversed[i] ? this.width(now.sent[i]) : 1.2;
    this.change(edge, 'width', width.toFixed(2), (value) => edge.line.setAttribute('stroke-width', value));
    const text = now.ready[head] ? `∂ ${short(view.state.partials[i], 3)}` : '';
    this.change(edge, 'text', text, (value) => (edge.label.textContent = value));
  }

  // Square roots keep gradients that differ a thousandfold apart and visible.
  width(sent) {
    const thickest = this.score.compact ? 2.2 : 4.2;
    if (!Number.isFinite(sent)) return thickest;
    const share = Math.min(Math.abs(sent) / (this.largest || 1), 1);
    return sent === 0 ? 1 : 1 + (thickest - 1) * Math.sqrt(share);
  }

  // What is being sent stands beside the card that it arrives at.
  showChips(now) {
    this.chips.replaceChildren();
    if (this.score.compact) return;
    const stacked = new Map();
    for (const { edge, sent } of now.updates) {
      const { start } = this.edges[edge];
      const at = stacked.get(String(start)) ?? 0;
      stacked.set(String(start), at + 1);
      const text = `${sent < 0 ? '−' : '+'} ${short(Math.abs(sent), 3)}`;
      const y = start[1] - 7 - 15 * at;
      this.chips.append(svg('text', { class: `chip ${sign(sent)}`, x: start[0] + 5, y }, text));
    }
  }

  change(part, what, value, apply) {
    if (part.now[what] === value) return;
    part.now[what] = value;
    apply(value);
  }
}
