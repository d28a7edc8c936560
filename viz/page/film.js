// A training: the network, its decision regions and its loss, in the state that is shown.

class Film {
  constructor(score, choose) {
    this.score = score;
    this.epochs = score.film.epochs;
    this.losses = this.epochs.map((_, i) => score.state(i).data[score.root]);
    this.curve = new Curve(this.epochs, this.losses, choose);
    this.plane = score.film.plane && new Plane(score.film.plane);
    this.network = score.film.network && new Network(score);
    this.parts = [this.network, this.plane, this.curve].filter(Boolean);
    this.index = 0;
    this.watch = new ResizeObserver(() => this.draw());
  }

  // Put the pictures into an element; the network only where there is room for it.
  moveTo(home, whole) {
    this.watch.disconnect();
    this.shown = this.parts.filter((part) => whole || part !== this.network);
    home.replaceChildren(...this.shown.map(({ element: figure }) => figure));
    this.draw();
    this.shown.forEach((part) => this.watch.observe(part.element));
  }

  draw() {
    const em = parseFloat(getComputedStyle(this.curve.element).fontSize);
    for (const part of this.shown) {
      const { clientWidth: w, clientHeight: h } = part.element;
      if (w < 40 || h < 40) return;
      part.draw(w, h, em);
    }
    this.drawn = true;
    this.show(this.index);
  }

  show(index) {
    this.index = index;
    if (this.drawn) this.shown.forEach((part) => part.show(index));
    return `Epoch ${this.epochs[index]}: loss ${short(this.losses[index])}`;
  }

  // The pictures as they are now, for paper. A copy of a canvas would be empty.
  stills() {
    const copies = this.shown.map(({ element: figure }) => figure.cloneNode(true));
    const canvas = this.plane?.canvas;
    for (const copy of copies) {
      const field = copy.querySelector('foreignObject');
      if (!field) continue;
      const place = Object.fromEntries(['x', 'y', 'width', 'height'].map((x) => [x, field.getAttribute(x)]));
      field.replaceWith(svg('image', { ...place, href: canvas.toDataURL() }));
    }
    return [element('div', { class: 'film' }, ...copies)];
  }

  // The last state in which something is seen to change.
  get settled() {
    if (this.end === undefined) {
      const parameters = this.score.leaves.filter((leaf) => this.score.nodes[leaf].role === 'parameter');
      const still = (i) => {
        const [a, b] = [this.score.state(i - 1).data, this.score.state(i).data];
        const near = (x, y, by) => Object.is(x, y) || Math.abs(x - y) <= by;
        const { root } = this.score;
        return near(a[root], b[root], 1e-3 * Math.abs(a[root]))
          && parameters.every((p) => near(a[p], b[p], 1e-4 * (1 + Math.abs(a[p]))));
      };
      this.end = this.epochs.length - 1;
      while (this.end > 0 && still(this.end)) this.end -= 1;
    }
    return this.end;
  }

  // What is being trained, and how far it has come.
  words(index) {
    const { title, subject } = this.score.film;
    const last = this.epochs.length - 1;
    const rest = index >= this.settled && this.settled < last
      ? [words('Nothing changes any more.')] : [];
    return [
      heading(`Epoch ${this.epochs[index]} of ${this.epochs[last]}`, title),
      words(subject),
      line('loss ', strong(short(this.losses[index])), index ? `, at first ${short(this.losses[0])}` : ''),
      ...rest,
    ];
  }
}
