// The graph as cards and edges, and how they look at one step.

const MANY = 150; // cards above which none is a stop of the Tab key: the list of nodes leads there

// `large`: with the type of a presentation, for which a card has room if it says less.
class Stage {
  constructor(score, title, large = false) {
    this.score = score;
    this.large = large && !score.compact;
    this.type = this.large ? LARGE : SMALL; // the smallest type, in points
    this.routes = routes(score);
    if (!score.compact) this.room = new Room(score.nodes.map((node) => node.box), this.routes);
    this.world = svg('g', { class: 'world' });
    this.edges = score.edges.map((_, i) => this.makeEdge(i));
    this.cards = score.nodes.map((node, i) => this.makeCard(node, i));
    this.chips = svg('g', { class: 'chips', 'aria-hidden': 'true' });
    const lines = svg('g', { 'aria-hidden': 'true' }, ...this.edges.map((edge) => edge.group));
    const texts = score.compact ? [] : this.edges.map((edge) => edge.label);
    const labels = svg('g', { 'aria-hidden': 'true' }, ...texts);
    this.world.append(lines, ...this.cards.map((card) => card.group), labels, this.chips);
    const cls = `graph${score.compact ? '' : ' lively'}${this.large ? ' large' : ''}`;
    this.svg = svg('svg', { class: cls, role: 'group', 'aria-label': title }, this.world);
  }

  makeCard(node, index) {
    const [, , w, h] = node.box;
    const { compact } = this.score;
    const face = compact ? compactFace : this.large ? largeFace : fullFace;
    const { name, data, grad, others, room, sizes, corner, pill } = face(node);
    fitName(name, node, room, sizes, compact);
    const [right, base] = ['x', 'y'].map((axis) => Number(grad.getAttribute(axis)));
    const high = this.type + 4;
    const under = { x: right - pill + 3, y: base - 0.8 * high, width: pill, height: high, rx: 4 };
    const cls = ['node', node.role];
    if (index === this.score.root) cls.push('output');
    if (compact) cls.push('compact');
    const flag = svg('g', { class: 'flag' }, svg('circle', { r: 6.5 }), written('', 0, 0, '!'));
    const group = svg(
      'g',
      {
        class: cls.join(' '),
        transform: `translate(${node.box[0]} ${node.box[1]})`,
        'data-node': index,
        role: 'button',
        tabindex: this.score.nodes.length > MANY ? -1 : 0,
      },
      svg('rect', { class: 'halo', x: -4, y: -4, width: w + 8, height: h + 8, rx: corner + 3 }),
      svg('rect', { class: 'card', width: w, height: h, rx: corner }),
      ...others,
      svg('rect', { class: 'pill', ...under }),
      name,
      data,
      grad,
      flag,
    );
    return { group, cls: cls.join(' '), data, grad, now: {} };
  }

  makeEdge(index) {
    const route = this.routes[index];
    const line = svg('path', { class: 'line', d: route.forward });
    const flow = svg('path', { class: 'flow', d: route.forward });
    const head = svg('path', { class: 'head', d: `M-${HEAD} -4L0 0L-${HEAD} 4Z` });
    const group = svg('g', { 'data-edge': index }, line, flow, head);
    return { group, line, flow, head, label: svg('text', { class: 'partial' }), route, now: {} };
  }

  // Show a situation: `view` has the state, the step, the chosen paths and the other pass's grads.
  show(now, view) {
    this.largest = view.largest;
    const receiving = new Set(now.updates.map(({ edge }) => this.score.edges[edge].tail));
    this.cards.forEach((card, i) => this.showCard(card, i, now, view, receiving));
    this.edges.forEach((edge, i) => this.showEdge(edge, i, now, view));
    if (this.score.compact) return;
    this.showPartials(now, view);
    this.showChips(now);
  }

  showCard(card, i, now, view, receiving) {
    const { step, paths, path, others } = view;
    const wrong = others && !Object.is(others[i] + 0, now.grad[i] + 0);
    const ready = Boolean(now.ready[i]);
    const classes = [card.cls, sign(now.grad[i])];
    if (!ready) classes.push('pending');
    if (ready && !Number.isFinite(view.state.data[i])) classes.push('broken');
    if (step.node === i) classes.push('active', step.kind);
    if (view.lit === i) classes.push('lit');
    if (receiving.has(i)) classes.push('receiving');
    if (wrong) classes.push('wrong');
    if (view.culprit === i) classes.push('culprit');
    const on = path ? path.nodes.has(i) : paths?.inside[i];
    if (paths && !on) classes.push('dimmed');
    if (paths?.target === i) classes.push('chosen');
    this.change(card, 'cls', classes.join(' '), (value) => card.group.setAttribute('class', value));
    const data = ready ? number(view.state.data[i]) : '–';
    const grad = number(now.grad[i]);
    this.change(card, 'data', data, (value) => this.write(card.data, value));
    this.change(card, 'grad', grad, (value) => this.write(card.grad, value));
    const node = this.score.nodes[i];
    const differs = wrong ? ', differs' : '';
    const first = view.culprit === i ? ', the first that is not finite' : '';
    const said = `${node.name}, ${node.sign || node.role}, data ${data}, gradient ${grad}${differs}${first}`;
    this.change(card, 'said', said, (value) => card.group.setAttribute('aria-label', value));
    const pressed = String(paths?.target === i);
    this.change(card, 'pressed', pressed, (value) => card.group.setAttribute('aria-pressed', value));
  }

  // A number, squeezed where large type has no room for all its digits.
  write(text, value) {
    text.textContent = value;
    if (!this.large) return;
    if (value.length > 8) text.setAttribute('textLength', 86);
    else text.removeAttribute('textLength');
    text.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  }

  // Once a gradient has gone back along an edge, its head points back.
  showEdge(edge, i, now, view) {
    const { step, paths, path } = view;
    const { head } = this.score.edges[i];
    const back = Boolean(now.traversed[i]);
    const classes = ['edge'];
    if (!now.ready[head]) classes.push('pending');
    if (step.kind === 'forward' && step.node === head) classes.push('forth');
    if (step.sends.includes(i)) classes.push('back');
    if (back) classes.push('returned');
    classes.push(back ? sign(now.sent[i]) : 'quiet');
    if (paths && !(path ? path.edges.has(i) : paths.lit[i])) classes.push('dimmed');
    this.change(edge, 'cls', classes.join(' '), (value) => edge.group.setAttribute('class', value));
    const width = back ? this.width(now.sent[i]) : 1.2;
    this.change(edge, 'width', width.toFixed(2), (value) => edge.line.setAttribute('stroke-width', value));
    this.change(edge, 'direction', back, () => {
      const { route } = edge;
      for (const line of [edge.line, edge.flow]) line.setAttribute('d', back ? route.backward : route.forward);
      edge.head.setAttribute('transform', back ? route.headBack : route.headThere);
    });
  }

  // Square roots keep gradients that differ a thousandfold apart and visible.
  width(sent) {
    const thickest = this.score.compact ? 2.2 : 4.2;
    if (!Number.isFinite(sent)) return thickest;
    const share = Math.min(Math.abs(sent) / (this.largest || 1), 1);
    return sent === 0 ? 1 : 1 + (thickest - 1) * Math.sqrt(share);
  }

  // The local derivatives, each where it has room in whatever step.
  showPartials(now, view) {
    const { partials } = view.state;
    if (this.placed !== view.state) {
      this.placed = view.state;
      this.room.backTo(0);
      const size = `${this.type}px ${SANS}`;
      this.places = this.edges.map(({ route }, i) => {
        const text = `∂ ${brief(partials[i])}`;
        const box = [1.08 * textWidth(text, `bold ${size}`) + 1, 1.22 * this.type];
        return { text, box: this.room.take(beside(route, box, 'tip')) };
      });
      this.mark = this.room.mark;
    }
    this.edges.forEach((edge, i) => {
      const { text, box } = this.places[i];
      const shown = box && now.ready[this.score.edges[i].head] ? text : '';
      this.change(edge, 'text', shown, (value) => (edge.label.textContent = value));
      const place = box && `${box[2].toFixed(2)},${(box[3] - 0.26 * this.type).toFixed(2)}`;
      this.change(edge, 'place', place, () => box && this.put(edge.label, place));
      const cls = `partial ${edge.now.cls.replace('edge', '')}`;
      this.change(edge, 'partial', cls, (value) => edge.label.setAttribute('class', value));
    });
  }

  put(text, place) {
    ['x', 'y'].forEach((axis, i) => text.setAttribute(axis, place.split(',')[i]));
  }

  // What is being sent stands on its way, near the card that it arrives at.
  showChips(now) {
    this.chips.replaceChildren();
    this.room.backTo(this.mark);
    const size = this.large ? 17 : 11;
    for (const { edge, sent } of now.updates) {
      const text = `${sent < 0 ? '−' : '+'} ${brief(Math.abs(sent))}`;
      const box = [textWidth(text, `bold ${size}px ${MONO}`) + 2, 1.28 * size];
      const place = this.room.take(beside(this.routes[edge], box, 'start'));
      if (!place) continue;
      const chip = svg('text', { class: `chip ${sign(sent)}`, x: place[0] + 1, y: place[3] - 0.28 * size }, text);
      this.chips.append(chip);
    }
  }

  change(part, what, value, apply) {
    if (part.now[what] === value) return;
    part.now[what] = value;
    apply(value);
  }
}
