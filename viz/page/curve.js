// The loss over the epochs.

class Curve {
  constructor(epochs, losses, choose) {
    this.epochs = epochs;
    this.losses = losses;
    this.svg = svg('svg', { class: 'curve', role: 'img' });
    const point = (event) => choose(this.nearest(event));
    this.svg.addEventListener('pointerdown', point);
    this.svg.addEventListener('pointermove', (event) => event.buttons && point(event));
    this.element = element('figure', { class: 'loss' }, this.svg);
  }

  draw(width, height, em) {
    const { epochs, losses } = this;
    const finite = losses.filter(Number.isFinite);
    const [low, high] = finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
    const log = low > 0 && high > 50 * low;
    const scale = log ? Math.log10 : (y) => y;
    const axes = new Axes(width, height, em, { x: 'epoch', y: log ? 'loss, log scale' : 'loss' });
    const [first, last] = [epochs[0], epochs[epochs.length - 1]];
    const [bottom, top] = [scale(low), scale(high)];
    const across = (epoch) =>
      axes.left + ((axes.right - axes.left) * (epoch - first)) / (last - first || 1);
    const up = (y) => axes.bottom - ((axes.bottom - axes.top) * (scale(y) - bottom)) / (top - bottom || 1);
    this.place = (i) => [across(epochs[i]), up(losses[i])];
    this.axes = axes;
    const many = Math.max(2, Math.floor((axes.bottom - axes.top) / (3 * em)));
    const wide = Math.max(2, Math.floor((axes.right - axes.left) / (4.5 * em)));
    const ys = log ? logTicks(low, high, many) : ticks(low, high, many);
    const xs = ticks(first, last, wide, true);
    this.marker = svg('circle', { r: 0.4 * em, class: 'marker' });
    this.rule = svg('path', { class: 'now' });
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.replaceChildren(
      ...axes.parts(
        xs.map((x) => [String(x), across(x)]),
        ys.map((y) => [tickText(y, log), up(y)]),
      ),
      this.rule,
      svg('path', { class: 'losses', d: this.path() }),
      this.marker,
    );
  }

  path() {
    let path = '';
    this.losses.forEach((loss, i) => {
      if (!Number.isFinite(loss)) return;
      const goesOn = path && Number.isFinite(this.losses[i - 1]);
      path += `${goesOn ? 'L' : 'M'}${this.place(i).map((x) => x.toFixed(1))}`;
    });
    return path;
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const x = event.clientX - box.left;
    let best = 0;
    this.epochs.forEach((_, i) => {
      if (Math.abs(this.place(i)[0] - x) < Math.abs(this.place(best)[0] - x)) best = i;
    });
    return best;
  }

  show(index) {
    const [x, y] = this.place(index);
    const there = Number.isFinite(this.losses[index]);
    this.marker.setAttribute('cx', x);
    this.marker.setAttribute('visibility', there ? 'visible' : 'hidden');
    if (there) this.marker.setAttribute('cy', y);
    this.rule.setAttribute('d', `M${x} ${this.axes.top}V${this.axes.bottom}`);
    const said = `Epoch ${this.epochs[index]}: loss ${short(this.losses[index])}`;
    this.svg.setAttribute('aria-label', said);
    return said;
  }
}
