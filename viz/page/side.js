// One pass as it is seen: its stage, its camera, and the tip with a node's numbers in full.
//
// A side has steps of its own; there are two where a wrong pass is shown beside the right one.
class Side {
  constructor(name, steps) {
    this.name = name;
    this.steps = steps;
    this.outcomes = [];
    this.tip = element('div', { class: 'tip', hidden: '' });
    const title = name ? [element('h2', { class: `side ${name}` }, `${name} pass`)] : [];
    this.frame = element('div', { class: 'frame' }, ...title, this.tip);
    byId('stages').append(this.frame);
    this.raise(false);
    this.camera = new Camera(this.frame, this.stage);
    this.listen();
  }

  // Build the stage, in the usual type or in that of a presentation.
  raise(large) {
    this.stage?.svg.remove();
    this.stage = new Stage(score, this.name ? `The graph, ${this.name} pass` : 'The computation graph', large);
    this.frame.prepend(this.stage.svg);
    if (this.camera) this.camera.stage = this.stage;
  }

  stepAt(index) {
    return this.steps[Math.min(index, this.steps.length - 1)];
  }

  at(index, state) {
    return situation(score, state, this.steps, Math.min(index, this.steps.length - 1));
  }

  listen() {
    const nodeOf = (event) => {
      const card = event.target.closest?.('[data-node]');
      return card ? Number(card.dataset.node) : null;
    };
    this.frame.addEventListener('click', (event) => {
      if (!this.camera.dragged) choose(nodeOf(event));
    });
    for (const name of ['pointerover', 'focusin']) {
      this.frame.addEventListener(name, (event) => this.inspect(nodeOf(event), name === 'focusin'));
    }
    for (const name of ['pointerleave', 'focusout']) {
      this.frame.addEventListener(name, () => this.inspect(null));
    }
    this.camera.listeners.push(() => this.inspect(null));
  }

  // Everything about a node at this step, in full precision.
  inspect(node, focused = false) {
    if (focused && node !== null) this.camera.follow([node], false); // which closes the tip
    this.inspected = node;
    this.tip.hidden = node === null;
    if (node === null) return;
    const { name, sign: operation, role, scope, box } = score.nodes[node];
    const { now } = this;
    const state = score.state(shown.epoch);
    const uses = score.outOf[node].length;
    const rows = [
      ['data', now.ready[node] ? exact(state.data[node]) : 'not computed yet'],
      ['grad', exact(now.grad[node])],
      ...(uses > 1 ? [['arrived', `${now.arrived[node]} of ${uses} contributions`]] : []),
      ...(scope ? [['in', scope]] : []),
    ];
    const list = element('dl');
    for (const [what, value] of rows) list.append(element('dt', {}, what), element('dd', {}, value));
    this.tip.replaceChildren(element('b', {}, name), ` ${operation || role}`, list);
    const { scale, x, y } = this.camera;
    const { w, h } = this.camera.view;
    const [left, below] = [box[0] * scale + x, (box[1] + box[3]) * scale + y + 8];
    const over = box[1] * scale + y - 8 - this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(6, Math.min(left, w - this.tip.offsetWidth - 6))}px`;
    this.tip.style.top = `${below + this.tip.offsetHeight > h && over > 0 ? over : below}px`;
  }
}
