// The computation line by line, the line of the step that is shown lit: for every operation its
// formula and, where it is known, the line of Python that made it.

const MOST_LINES = 400;
const MOST_PRINTED = 60; // of a longer one, paper has none

class Program {
  constructor(score) {
    this.lines = new Map();
    const list = element('ol', { class: 'program', tabindex: 0, 'aria-label': 'The computation, line by line' });
    let python = null; // the line that the operations below it come from
    for (const node of score.computed.slice(0, MOST_LINES)) {
      const { name, formula, sign: operation, line: made } = score.nodes[node];
      if (made && made.at !== python?.title) {
        python = element('li', { class: 'python', title: made.at }, element('code', {}, made.code));
        list.append(python);
      }
      if (!made) python = null;
      const right = formula ? score.formula(formula, score.state(0), false)
        : `${operation} of ${score.into[node].length}`;
      const text = [right, `(${right})`].includes(name) ? right : `${bracketed(name)} = ${right}`;
      const item = element('li', { class: made ? 'inner' : '' }, element('code', {}, text));
      this.lines.set(node, { item, python });
      list.append(item);
    }
    this.list = list;
    const rest = score.computed.length - MOST_LINES;
    const more = rest > 0 ? [note(`and ${counted(rest, 'operation')} more`)] : [];
    this.element = element('section', { class: this.lines.size > MOST_PRINTED ? 'long' : '' }, element('h3', {}, 'Computed like this'), list, ...more);
  }

  // Light a node's line, if any.
  show(node, kind) {
    for (const part of this.lit ?? []) part.classList.remove('lit', 'backward');
    const line = kind === 'done' ? null : this.lines.get(node);
    this.lit = line ? [line.item, line.python].filter(Boolean) : [];
    for (const part of this.lit) {
      part.classList.add('lit');
      part.classList.toggle('backward', kind !== 'forward');
    }
    if (!line) return;
    const { list } = this;
    const top = line.item.offsetTop - list.offsetTop;
    const hidden = top < list.scrollTop || top + line.item.offsetHeight > list.scrollTop + list.clientHeight;
    if (hidden) list.scrollTop = top - list.clientHeight / 2;
  }
}
