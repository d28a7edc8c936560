// What a step does and what a gradient is the sum of, in words and equations.

const MOST_SENDS = 40; // lines of one step
const MOST_LEAVES = 12;

const line = (...parts) => element('p', { class: 'equation' }, ...parts);
const strong = (text) => element('b', {}, text);
const words = (text) => element('p', {}, text);
const note = (text) => element('p', { class: 'note' }, text);
const heading = (phase, ...title) =>
  element('h2', {}, element('span', { class: 'phase' }, phase), ...title);

class Panel {
  constructor(score) {
    this.score = score;
  }

  heading(phase, node) {
    const { name, sign: operation } = this.score.nodes[node];
    return heading(phase, name, element('span', { class: 'operation' }, operation));
  }

  name(index) {
    return strong(this.score.nodes[index].name);
  }

  // The content for a step of the usual passes, or of one that someone has written.
  step(step, now, state) {
    const write = {
      start: () => this.start(state),
      ready: () => this.readyToGo(),
      forward: () => this.forward(step, state),
      seed: () => this.seed(step),
      backward: () => this.backward(step, now, state),
      move: () => this.move(step, now, state),
      set: () => this.set(step),
      clear: () => this.set(step),
      done: () => this.done(now),
    }[step.kind];
    return write();
  }

  // It begins with what all of it is for: what a gradient says, on one number.
  start(state) {
    const { leaves, computed } = this.score;
    const given = leaves.length === 1 ? '1 leaf' : `${leaves.length} leaves`;
    const how = `${given}, ${counted(computed.length, 'operation')}. `
      + 'Forward, each operation computes its value and its local derivatives. '
      + 'Backward, each multiplies the gradient that has arrived by its local derivatives '
      + 'and sends it on.';
    const [about, meaning] = [this.about(), this.meaning(state)];
    if (meaning.length) return [...about, ...meaning, element('h3', {}, 'How all of them are found'), words(how)];
    return [...about, heading('Start', 'The leaves have their numbers'), words(how)];
  }

  // What whoever made the page has to say; code stands between backquotes.
  about() {
    const parts = (text) => text.split('`')
      .map((part, i) => (i % 2 ? element('code', {}, part) : part));
    return this.score.about.map((text) => element('p', { class: 'about' }, ...parts(text)));
  }

  // One leaf nudged: what the output becomes, and what the gradient says about it.
  meaning(state) {
    const { nudge, nodes, root } = this.score;
    if (!nudge) return [];
    const { leaf, by, gradient } = nudge;
    const after = floats(nudge.after)[state.index] ?? NaN;
    const [name, output] = [leaf, root].map((node) => nodes[node].name);
    const [x, y] = [state.data[leaf], state.data[root]];
    const slope = floats(gradient)[state.index];
    if (![x, y, after, slope].every(Number.isFinite)) return [];
    const six = (value) => short(value, 6);
    const change = signed(short(after - y));
    return [
      heading('What a gradient means', `Nudge ${name} by ${by}`),
      line(strong(name), ` = ${six(x)} + ${by} = ${six(x + by)}`),
      line(strong(output), ` = ${six(y)} becomes ${six(after)}`),
      line('a change of ', colored(after - y, change)),
      words(`The gradient of ${name} tells that without trying, to first order:`),
      line(`${this.score.derivative(root, leaf)} × ${by} = ${signed(short(slope))} × ${by} = `,
        colored(slope * by)),
    ];
  }

  // What is not finite, named, with a way to the step where it happens.
  trouble(found, state, go) {
    if (!found) return [];
    return [
      element('p', {}, element('b', {}, 'The first that is not finite: '), accusation(this.score, state, found)),
      element('button', { type: 'button', onclick: go }, 'Show that step'),
    ];
  }

  readyToGo() {
    return [heading('Ready', 'All values are computed'), words('Every gradient is 0.')];
  }

  forward({ node }, state) {
    const { score } = this;
    const { formula, sign: operation } = score.nodes[node];
    const parts = [this.heading('Forward', node)];
    const result = strong(number(state.data[node]));
    if (formula) {
      parts.push(line(this.name(node), ` = ${score.formula(formula, state, false)}`));
      parts.push(line('= ', score.formula(formula, state, true)));
      parts.push(line('= ', result));
    } else {
      const many = `${operation} of ${score.into[node].length}`;
      parts.push(line(this.name(node), ` = ${many} = `, result));
    }
    parts.push(element('h3', {}, 'Local derivatives, kept for the way back'));
    parts.push(...this.few(score.into[node], (edge) => line(...this.local(edge, state))));
    return parts;
  }

  // ∂y/∂x = 1 − y·y = 0.5
  local(edge, state) {
    const { tail, head, formula } = this.score.edges[edge];
    const value = short(state.partials[edge]);
    const text = formula && this.score.formula(formula, state, false);
    const middle = text && text !== value ? ` = ${text}` : '';
    return [`${this.score.derivative(head, tail)}${middle} = `, strong(value)];
  }

  seed({ node }) {
    const { score } = this;
    const name = score.nodes[node].name;
    return [
      heading('Backward', name, ' begins'),
      line(strong(`${bracketed(name)}.grad`), ` = ${score.derivative(node, node)} = `, colored(1)),
      words('A change of the output changes the output by as much.'),
    ];
  }

  backward({ node, sends }, now, state) {
    const { score } = this;
    const name = score.nodes[node].name;
    const arrived = now.arrived[node];
    const parts = [
      this.heading('Backward', node),
      line(strong(`${bracketed(name)}.grad`), ' = ', colored(now.grad[node])),
    ];
    if (arrived > 1) parts.push(note(`complete: the sum of ${arrived} contributions`));
    parts.push(...this.few(sends, (edge, i) => this.update(edge, now.updates[i], now, state)));
    return parts;
  }

  // child.grad += local × upstream, in names and in numbers.
  update(edge, { before, upstream, sent, after, count }, now, state, added = true) {
    const { tail, head } = this.score.edges[edge];
    const child = bracketed(this.score.nodes[tail].name);
    const derivative = this.score.derivative(head, tail);
    const product = `${signed(short(state.partials[edge]))} × ${signed(short(upstream))}`;
    const earlier = added ? `${short(before)} + ` : '';
    const received = `${derivative} × ${bracketed(this.score.nodes[head].name)}.grad`;
    const item = [
      line(strong(`${child}.grad`), ` ${added ? '+=' : '='} ${received}`),
      line(`${child}.grad = ${earlier}${product} = `, colored(after)),
      element('p', { class: 'note' }, ...this.local(edge, state)),
    ];
    const uses = this.score.outOf[tail].length;
    if (uses > 1) {
      item.push(note(`contribution ${count} of ${uses} to ${child}: gradients add up`));
    }
    return element('div', { class: `update ${sign(sent)}` }, ...item);
  }

  move(step, now, state) {
    const { node, target, added, sends } = step;
    const names = `${this.score.nodes[node].name} → ${this.score.nodes[target].name}`;
    return [heading('Backward', names), this.update(sends[0], now.updates[0], now, state, added)];
  }

  set({ node, grad }) {
    const name = this.score.nodes[node].name;
    return [heading('Backward', name), line(strong(`${bracketed(name)}.grad`), ' = ', colored(grad))];
  }

  done(now) {
    const { score } = this;
    const wanted = score.leaves.filter((leaf) => score.nodes[leaf].role !== 'constant');
    const size = (leaf) => (Number.isFinite(now.grad[leaf]) ? Math.abs(now.grad[leaf]) : Infinity);
    const largest = [...wanted].sort((a, b) => size(b) - size(a)).slice(0, MOST_LEAVES);
    const root = score.nodes[score.root].name;
    const rest = wanted.length - largest.length;
    const ordered = rest ? ', the largest first' : '';
    return [
      heading('Done', 'Every leaf has its gradient'),
      words(`How much ${root} changes for a small change of each${ordered}:`),
      ...largest.map((leaf) => line(`∂${root}/∂`, this.name(leaf), ' = ', colored(now.grad[leaf]))),
      ...(rest ? [note(`and ${rest} more`)] : []),
    ];
  }

  few(items, write) {
    const parts = items.slice(0, MOST_SENDS).map(write);
    if (items.length > MOST_SENDS) parts.push(note(`and ${items.length - MOST_SENDS} more`));
    return parts;
  }

  // The same in one sentence, for those who listen.
  narration(step, now, state) {
    const { score } = this;
    const name = step.node === undefined ? '' : score.nodes[step.node].name;
    const sends = now.updates.slice(0, 6).map(({ edge, upstream, after }) => {
      const child = score.nodes[score.edges[edge].tail].name;
      const product = `${short(state.partials[edge])} times ${short(upstream)}`;
      return `${child} gets ${product}, its gradient is now ${short(after)}`;
    });
    if (now.updates.length > 6) sends.push(`and ${now.updates.length - 6} more`);
    return {
      start: () => `Start. ${this.meaning(state).map((part) => part.textContent).join('; ')}`,
      ready: () => 'All values are computed, every gradient is 0.',
      forward: () => `Forward: ${name} is ${short(state.data[step.node])}.`,
      seed: () => `Backward: the gradient of ${name} is 1.`,
      backward: () => `Backward through ${name}: ${sends.join('; ')}.`,
      move: () => `${name} sends: ${sends.join('; ')}.`,
      set: () => `The gradient of ${name} is set to ${short(step.grad ?? 0)}.`,
      clear: () => `The gradient of ${name} is cleared.`,
      done: () => 'Done: every leaf has its gradient. Choose one to see its paths.',
    }[step.kind]();
  }
}
