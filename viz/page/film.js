// Training: the curve of the loss over the epochs, and where the plane is + and where −.

class Film {
  constructor(score, choose) {
    this.score = score;
    this.epochs = score.film.epochs;
    this.plane = score.film.plane;
    this.losses = this.epochs.map((_, i) => score.state(i).data[score.root]);
    this.curve = svg('svg', { class: 'curve', viewBox: '0 0 200 160', role: 'img' });
    this.drawCurve();
    this.curve.addEventListener('pointerdown', (event) => this.point(event, choose));
    this.curve.addEventListener('pointermove', (event) => event.buttons && this.point(event, choose));
    this.parts = [element('figure', {}, this.curve, element('figcaption', {}, 'loss'))];
    if (this.plane) {
      const bytes = Uint8Array.from(atob(this.plane.scores), (c) => c.charCodeAt(0));
      this.scores = new Int8Array(bytes.buffer);
      this.canvas = element('canvas', { width: 256, height: 256 });
      this.dots = svg('svg', { class: 'dots', viewBox: '0 0 1 1', 'aria-hidden': 'true' });
      this.drawPoints();
      const picture = element('div', { class: 'plane', role: 'img' }, this.canvas, this.dots);
      this.picture = picture;
      this.parts.push(element('figure', {}, picture, element('figcaption', {}, 'decision regions')));
    }
    byId('training').append(...this.parts);
  }

  drawCurve() {
    const finite = this.losses.filter(Number.isFinite);
    const positive = finite.length && finite.every((y) => y > 0);
    const [low, high] = [Math.min(...finite), Math.max(...finite)];
    this.scale = positive && high > 50 * low ? Math.log10 : (y) => y;
    const [bottom, top] = [this.scale(low), this.scale(high)];
    const last = this.epochs[this.epochs.length - 1];
    const first = this.epochs[0];
    this.place = (i) => [
      56 + (136 * (this.epochs[i] - first)) / (last - first || 1),
      144 - (132 * (this.scale(this.losses[i]) - bottom)) / (top - bottom || 1),
    ];
    let path = '';
    this.losses.forEach((loss, i) => {
      if (!Number.isFinite(loss)) return;
      const goesOn = path && Number.isFinite(this.losses[i - 1]);
      path += `${goesOn ? 'L' : 'M'}${this.place(i).map((x) => x.toFixed(1))}`;
    });
    this.marker = svg('circle', { r: 4.5, class: 'marker' });
    this.rule = svg('path', { class: 'now' });
    this.curve.append(
      svg('path', { class: 'axis', d: 'M56 8V148H194' }),
      svg('text', { class: 'tick', x: 52, y: 16 }, short(high, 2)),
      svg('text', { class: 'tick', x: 52, y: 147 }, short(low, 2)),
      svg('text', { class: 'tick start', x: 56, y: 158 }, String(first)),
      svg('text', { class: 'tick', x: 194, y: 158 }, String(last)),
      this.rule,
      svg('path', { class: 'losses', d: path }),
      this.marker,
    );
  }

  point(event, choose) {
    const box = this.curve.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 200;
    let best = 0;
    this.epochs.forEach((_, i) => {
      if (Math.abs(this.place(i)[0] - x) < Math.abs(this.place(best)[0] - x)) best = i;
    });
    choose(best);
  }

  drawPoints() {
    const [left, right, lower, upper] = this.plane.extent;
    this.plane.points.forEach(([x, y], i) => {
      const at = { cx: (x - left) / (right - left), cy: (upper - y) / (upper - lower) };
      const cls = this.plane.classes[i] ? 'plus' : 'minus';
      this.dots.append(svg('circle', { ...at, r: 0.028, class: cls }));
    });
  }

  show(index) {
    const [x, y] = this.place(index);
    const there = Number.isFinite(this.losses[index]);
    this.marker.setAttribute('cx', x);
    if (there) this.marker.setAttribute('cy', y);
    this.rule.setAttribute('d', `M${x} 8V148`);
    const said = `Epoch ${this.epochs[index]}: loss ${short(this.losses[index])}`;
    this.curve.setAttribute('aria-label', said);
    if (this.plane) this.paint(index);
    return said;
  }

  // The scores between the points of the grid by bilinear interpolation, with a line where they are 0.
  paint(index) {
    const { side } = this.plane;
    const grid = this.scores.subarray(index * side * side, (index + 1) * side * side);
    const n = this.canvas.width;
    const values = new Float32Array(n * n);
    for (let row = 0; row < n; row += 1) {
      const v = ((n - 1 - row) * (side - 1)) / (n - 1);
      const j = Math.min(Math.floor(v), side - 2);
      for (let column = 0; column < n; column += 1) {
        const u = (column * (side - 1)) / (n - 1);
        const i = Math.min(Math.floor(u), side - 2);
        const [a, b] = [grid[j * side + i], grid[j * side + i + 1]];
        const [c, d] = [grid[(j + 1) * side + i], grid[(j + 1) * side + i + 1]];
        const [p, q] = [u - i, v - j];
        const missing = a === -128 || b === -128 || c === -128 || d === -128;
        const mixed = (1 - q) * ((1 - p) * a + p * b) + q * ((1 - p) * c + p * d);
        values[row * n + column] = missing ? NaN : mixed;
      }
    }
    this.color(values, n);
  }

  color(values, n) {
    const style = getComputedStyle(document.documentElement);
    const rgb = (name) => {
      const hex = style.getPropertyValue(`--${name}`).trim();
      return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    };
    const [page, faint, ink] = ['page', 'faint', 'ink'].map(rgb);
    const [plus, blue] = ['plus', 'minus'].map(rgb);
    const context = this.canvas.getContext('2d');
    const image = context.createImageData(n, n);
    for (let at = 0; at < n * n; at += 1) {
      const value = values[at];
      const strength = 0.1 + (0.34 * Math.abs(value)) / 127;
      const hue = value > 0 ? plus : blue;
      const right = at % n < n - 2 ? values[at + 2] : value;
      const below = at + 2 * n < n * n ? values[at + 2 * n] : value;
      const border = value > 0 !== right > 0 || value > 0 !== below > 0;
      for (let c = 0; c < 3; c += 1) {
        const tint = page[c] + strength * (hue[c] - page[c]);
        image.data[4 * at + c] = Number.isNaN(value) ? faint[c] : border ? ink[c] : tint;
      }
      image.data[4 * at + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }
}
