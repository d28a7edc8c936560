// The network that is being trained: neurons in layers, weights as edges, biases in the neurons.

const MOST_WEIGHTS = 24; // that are written on their edges
const MOST_NEURONS = 16; // of a layer that are shown

class Network {
  constructor(score) {
    this.score = score;
    this.layers = score.film.network.layers; // for each the neurons: { weights, bias }, by node
    this.inputs = score.film.network.inputs;
    const all = this.layers.flat().flatMap(({ weights }) => weights);
    this.few = all.length <= MOST_WEIGHTS;
    this.largest = 0;
    for (let i = 0; i < score.numbers.count; i += 1) {
      const { data } = score.state(i);
      for (const node of all) if (Number.isFinite(data[node])) this.largest = Math.max(this.largest, Math.abs(data[node]));
    }
    this.svg = svg('svg', { class: 'network', role: 'img' });
    this.element = element('figure', { class: 'net' }, this.svg);
  }

  draw(width, height, em) {
    const sizes = [this.inputs.length, ...this.layers.map((layer) => layer.length)];
    const most = Math.min(MOST_NEURONS, Math.max(...sizes));
    const foot = 2.2 * em;
    const wide = Math.max(...this.inputs.map((name) => textWidth(name, `bold ${em}px ${SANS}`)), 2 * em);
    const radius = Math.max(5, Math.min(2.1 * em, (height - foot) / most / 2.7, (width - wide) / sizes.length / 3.4));
    const across = (column) => wide + radius + 8 + ((width - wide - 2 * radius - 16 - 3 * em) * column) / (sizes.length - 1);
    this.columns = sizes.map((size, column) => {
      const shown = [...Array(size).keys()].filter((i) => size <= MOST_NEURONS || i < 8 || i >= size - 8);
      const step = Math.min((height - foot) / most, 5.2 * radius);
      return new Map(shown.map((i, row) => [
        i, [across(column), (height - foot) / 2 + step * (row - (shown.length - 1) / 2)],
      ]));
    });
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.edges = this.makeEdges(radius, most);
    this.neurons = this.makeNeurons(radius, em);
    const room = new Room(
      this.neurons.map(({ place: [x, y] }) => [x - radius, y - radius, 2 * radius, 2 * radius]),
      this.edges.map(({ way }) => way),
    );
    const texts = this.few ? this.place(room, em) : [];
    const whole = 'width: |weight| · dashed: negative · in the circle: bias';
    const key = textWidth(whole, `${em}px ${SANS}`) < width ? whole : 'dashed: negative';
    this.svg.replaceChildren(
      ...this.edges.map(({ line }) => line),
      ...this.neurons.flatMap(({ parts }) => parts),
      ...texts,
      ...sizes.flatMap((size, column) => (size > MOST_NEURONS ? [this.gap(column, em)] : [])),
      svg('text', { class: 'tick', x: width / 2, y: height - 0.6 * em, 'font-size': em }, key),
    );
  }

  gap(column, em) {
    const [above, below] = [7, 8].map((i) => [...this.columns[column].values()][i]);
    return svg('text', { class: 'tick', x: above[0], y: (above[1] + below[1]) / 2 + em / 3, 'font-size': em }, '⋮');
  }

  makeEdges(radius, most) {
    this.thickest = Math.min(6, 40 / most);
    return this.layers.flatMap((layer, column) =>
      layer.flatMap(({ weights }, head) =>
        weights.flatMap((node, tail) => {
          const [from, to] = [this.columns[column].get(tail), this.columns[column + 1].get(head)];
          if (!from || !to) return [];
          const turned = angle(from, to);
          const way = new Straight(ahead(from, turned, radius), ahead(to, turned, -radius));
          return [{ node, way, line: svg('path', { d: `M${way.start}L${way.tip}` }) }];
        })));
  }

  makeNeurons(radius, em) {
    return this.columns.flatMap((column, depth) =>
      [...column].map(([index, [x, y]]) => {
        const last = depth === this.layers.length;
        const cls = depth === 0 ? 'input' : last ? 'output' : 'hidden';
        const text = svg('text', { x, y: y + 0.34 * em, 'font-size': em, class: 'bias' });
        const circle = svg('circle', { cx: x, cy: y, r: radius, class: `neuron ${cls}` });
        const name = svg('text', { x: x - radius - 6, y: y + 0.34 * em, 'font-size': em, class: 'name' });
        if (depth === 0) name.textContent = this.inputs[index];
        const bias = depth ? this.layers[depth - 1][index].bias : null;
        return { place: [x, y], bias: radius > 1.2 * em ? bias : null, text, parts: [circle, text, name] };
      }));
  }

  // The numbers of the weights, each beside its own edge where there is room.
  place(room, em) {
    const box = [textWidth('−0.000', `${em}px ${SANS}`), 1.2 * em];
    for (const edge of this.edges) {
      const spots = [...edge.way.stops(box)];
      const at = room.take(spots);
      edge.text = at && svg('text', { class: 'weight', x: (at[0] + at[2]) / 2, y: at[3] - 0.26 * em, 'font-size': em });
    }
    return this.edges.map(({ text }) => text).filter(Boolean);
  }

  show(index) {
    const { data } = this.score.state(index);
    for (const { node, line, text } of this.edges) {
      const w = data[node];
      const share = Number.isFinite(w) ? Math.min(Math.abs(w) / (this.largest || 1), 1) : 1;
      line.setAttribute('class', `synapse ${sign(w)}`);
      line.setAttribute('stroke-width', (0.5 + this.thickest * share).toFixed(2));
      if (!text) continue;
      text.textContent = short(w, 2);
      text.setAttribute('class', `weight number ${sign(w)}`);
    }
    for (const { bias, text } of this.neurons) {
      if (bias === null || bias === undefined) continue;
      text.textContent = short(data[bias], 2);
      text.setAttribute('class', `bias number ${sign(data[bias])}`);
    }
    const sizes = [this.inputs.length, ...this.layers.map((layer) => layer.length)].join('-');
    this.svg.setAttribute('aria-label', `The network, ${sizes}, with its weights`);
  }
}

// An edge that is a straight line.
class Straight {
  constructor(start, tip) {
    this.start = start;
    this.tip = tip;
  }

  at(t) {
    return [0, 1].map((i) => this.start[i] + (this.tip[i] - this.start[i]) * t);
  }

  heads() {
    return [];
  }

  samples() {
    const n = Math.ceil(distance(this.start, this.tip) / 5) || 1;
    return Array.from({ length: n + 1 }, (_, k) => this.at(k / n));
  }

  // Boxes close beside it, from its middle outwards.
  * stops([w, h]) {
    const slope = Math.abs((this.tip[1] - this.start[1]) / (this.tip[0] - this.start[0] || 1));
    const away = CLEAR + 1.5 + (h + slope * w) / 2;
    for (let i = 0; i < 19; i += 1) {
      const [x, y] = this.at(0.5 + (i % 2 ? 1 : -1) * Math.ceil(i / 2) * 0.042);
      yield boxAt(x - w / 2, y - away - h / 2, w, h);
      yield boxAt(x - w / 2, y + away - h / 2, w, h);
    }
  }
}
