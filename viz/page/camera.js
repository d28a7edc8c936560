// Zoom and pan of one stage, by wheel, drag, pinch, buttons and keys.

const CLOSEST = 4;
const SMALLEST = 11; // pixels: the type of cards where room is scarce; below it the camera follows
const USUAL = 9; // on a larger stage
const WHOLE = 0.7; // the least scale at which paths are shown from end to end
const MARGIN = 12;

class Camera {
  constructor(frame, stage) {
    this.frame = frame;
    this.stage = stage;
    [this.width, this.height] = stage.score.size;
    this.pointers = new Map();
    this.moved = 0;
    this.listeners = [];
    const on = (name, action, options) => frame.addEventListener(name, action, options);
    on('wheel', (event) => this.wheel(event), { passive: false });
    on('pointerdown', (event) => this.down(event));
    on('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) on(name, (event) => this.up(event));
    new ResizeObserver(() => this.resized()).observe(frame);
    this.fit();
  }

  get view() {
    return { w: this.frame.clientWidth || 1, h: this.frame.clientHeight || 1 };
  }

  // The least scale at which all that is on a card can be read.
  get readable() {
    const { w, h } = this.view;
    const small = w < 520 || h < 420 ? SMALLEST : USUAL;
    return (shown.present ? PRESENTED : small) / this.stage.type;
  }

  get wholeScale() {
    const { w, h } = this.view;
    return Math.min(CLOSEST, (w - 2 * MARGIN) / this.width, (h - 2 * MARGIN) / this.height);
  }

  // As much as can be read: everything, or else as large as it takes, with the camera following.
  fit(whole = false) {
    const scale = this.wholeScale;
    this.fitted = whole ? 'whole' : 'readable';
    const largest = shown.present ? shown.type / this.stage.type : 1.8;
    this.scale = Math.min(largest, whole ? scale : Math.max(scale, this.readable));
    const { w, h } = this.view;
    this.x = (w - this.width * this.scale) / 2;
    this.y = (h - this.height * this.scale) / 2;
    if (this.followed && this.scale > scale) this.follow(this.followed, false);
    this.apply();
  }

  resized() {
    if (this.fitted) this.fit(this.fitted === 'whole');
    else this.apply();
  }

  zoom(factor, at) {
    const { w, h } = this.view;
    const [cx, cy] = at ?? [w / 2, h / 2];
    const farthest = Math.min(this.wholeScale, this.readable) / 2;
    const scale = Math.min(CLOSEST, Math.max(farthest, this.scale * factor));
    this.x = cx - ((cx - this.x) * scale) / this.scale;
    this.y = cy - ((cy - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = null;
    this.apply();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = null;
    this.apply();
  }

  // Move just so far that these nodes are in sight; the first of them matters most.
  follow(nodes, smoothly = true) {
    this.followed = nodes;
    const inSight = this.fitted && this.scale <= this.wholeScale;
    if (inSight || !nodes.length) return;
    const { w, h } = this.view;
    const margin = Math.min(36, w / 12, h / 12);
    for (const node of [...nodes].reverse()) {
      const [x, y, width, height] = this.stage.score.nodes[node].box;
      const [left, top] = [x * this.scale + this.x, y * this.scale + this.y];
      const [right, bottom] = [left + width * this.scale, top + height * this.scale];
      if (right > w - margin) this.x -= right - w + margin;
      else if (left < margin) this.x += margin - left;
      if (bottom > h - margin) this.y -= bottom - h + margin;
      else if (top < margin) this.y += margin - top;
    }
    this.apply(smoothly);
  }

  apply(smoothly = false) {
    this.stage.world.classList.toggle('gliding', smoothly && !calm());
    this.stage.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.listeners.forEach((listener) => listener());
  }

  wheel(event) {
    event.preventDefault();
    const box = this.frame.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015));
    this.zoom(factor, [event.clientX - box.left, event.clientY - box.top]);
  }

  down(event) {
    if (event.button) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size === 1) this.moved = 0;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    this.moved += Math.abs(dx) + Math.abs(dy);
    if (this.moved < 5) return;
    this.frame.setPointerCapture(event.pointerId);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (!other) return this.pan(dx, dy);
    const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
    const box = this.frame.getBoundingClientRect();
    const middle = [(now[0] + other[0]) / 2 - box.left, (now[1] + other[1]) / 2 - box.top];
    this.pan(dx / 2, dy / 2);
    return this.zoom(apart(now, other) / apart(before, other), middle);
  }

  up(event) {
    this.pointers.delete(event.pointerId);
  }

  // Whether what ends now was a drag, and so no click.
  get dragged() {
    return this.moved >= 5;
  }
}
