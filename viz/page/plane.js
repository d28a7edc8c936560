// Where the plane is + and where −, with the data's points.

class Plane {
  constructor(plane) {
    this.plane = plane;
    const bytes = Uint8Array.from(atob(plane.scores), (c) => c.charCodeAt(0));
    this.scores = new Int8Array(bytes.buffer);
    this.canvas = element('canvas', { width: 256, height: 256 });
    this.svg = svg('svg', { class: 'dots', role: 'img', 'aria-label': this.said() });
    this.field = svg('foreignObject', {}, this.canvas); // scaled with all else, on paper, too
    this.element = element('figure', { class: 'plane' }, this.svg);
  }

  said() {
    const plus = this.plane.classes.filter(Boolean).length;
    const minuses = this.plane.classes.length - plus;
    return `Decision regions, with ${counted(plus, 'point')} of class + and ${minuses} of class −`;
  }

  draw(width, height, em) {
    const { extent, names, points, classes } = this.plane;
    const [left, right, lower, upper] = extent;
    const axes = new Axes(width, height, em, { x: names[0], y: names[1] });
    const side = Math.min(axes.right - axes.left, axes.bottom - axes.top);
    axes.right = axes.left + side;
    axes.bottom = axes.top + side;
    const across = (x) => axes.left + (side * (x - left)) / (right - left);
    const up = (y) => axes.bottom - (side * (y - lower)) / (upper - lower);
    const n = Math.max(2, Math.min(6, Math.floor(side / (3.5 * em))));
    const marks = (low, high, place) => ticks(low, high, n).map((x) => [tickText(x), place(x)]);
    const radius = Math.max(3.5, Math.min(0.035 * side, 0.55 * em));
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const place = { x: axes.left, y: axes.top, width: side, height: side };
    for (const [name, value] of Object.entries(place)) this.field.setAttribute(name, value);
    this.svg.replaceChildren(
      this.field,
      ...axes.parts(marks(left, right, across), marks(lower, upper, up)),
      ...points.map(([x, y], i) =>
        svg('circle', { cx: across(x), cy: up(y), r: radius, class: classes[i] ? 'plus' : 'minus' })),
    );
  }

  // The scores between the points of the grid by bilinear interpolation, with a line where they are 0.
  show(index) {
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
    const [page, faint, ink, plus, blue] = ['page', 'faint', 'ink', 'plus', 'minus'].map(rgb);
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

// A colour of the theme as three numbers, whatever it is written as.
function rgb(name) {
  const probe = byId('said');
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  probe.style.color = '';
  return found;
}
