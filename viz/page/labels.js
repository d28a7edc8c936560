// Where texts may stand on a stage: on no card, on no edge and on no other text. What finds no
// place is left out; the panel says it in any case.

const CELL = 40; // points: side of the squares that obstacles are looked up by
const CLEAR = 3; // between a text and the middle of an edge: half of the widest one, and a bit

const meter = document.createElement('canvas').getContext('2d');
const widths = new Map();

// How wide a text is; a text is written again and again.
function textWidth(text, font) {
  const key = `${font}|${text}`;
  if (!widths.has(key)) {
    meter.font = font;
    widths.set(key, meter.measureText(text).width);
  }
  return widths.get(key);
}

class Room {
  constructor(boxes, ways) {
    this.points = new Map();
    for (const way of ways) {
      for (const point of [...way.samples(), ...way.heads()]) this.put(this.points, point, point);
    }
    this.cards = boxes.map(([x, y, w, h]) => [x, y, x + w, y + h]);
    this.texts = [];
  }

  put(cells, [x, y], what) {
    const key = `${Math.floor(x / CELL)} ${Math.floor(y / CELL)}`;
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(what);
  }

  // Whether a box, [left, top, right, bottom], is free.
  free([left, top, right, bottom]) {
    const hit = (other, by) =>
      left < other[2] + by && other[0] - by < right && top < other[3] + by && other[1] - by < bottom;
    if (this.texts.some((text) => hit(text, 1)) || this.cards.some((card) => hit(card, 1))) return false;
    for (let i = Math.floor((left - CLEAR) / CELL); i <= Math.floor((right + CLEAR) / CELL); i += 1) {
      for (let j = Math.floor((top - CLEAR) / CELL); j <= Math.floor((bottom + CLEAR) / CELL); j += 1) {
        const near = this.points.get(`${i} ${j}`) ?? [];
        if (near.some(([x, y]) => hit([x, y, x, y], CLEAR))) return false;
      }
    }
    return true;
  }

  // The first free one of some boxes, taken from now on; null if there is none.
  take(boxes) {
    for (const box of boxes) {
      if (!this.free(box)) continue;
      this.texts.push(box);
      return box;
    }
    return null;
  }

  // A mark to come back to: all texts so far.
  get mark() {
    return this.texts.length;
  }

  backTo(mark) {
    this.texts.length = mark;
  }
}

// Boxes for a text of some size beside an edge, the best first: near its tip (for what belongs to
// the operation) or near its start (for what arrives at the argument), above it and below it.
function* beside(route, [w, h], near) {
  const { tip, start } = route;
  const x = near === 'tip' ? tip[0] - HEAD - 4 - w : start[0] + HEAD + 3;
  const y = near === 'tip' ? tip[1] : start[1];
  yield boxAt(x, y - CLEAR - 0.4 - h, w, h);
  yield boxAt(x, y + CLEAR + 0.4, w, h);
  const points = route.samples();
  const order = points.map((_, i) => i).filter((i) => i % 2 === 0);
  if (near === 'tip') order.reverse();
  for (const away of [0.4, 5, 11, 1.1 * h + 2]) {
    for (const i of order) {
      const [px, py] = points[i];
      yield boxAt(px - w / 2, py - CLEAR - away - h, w, h);
      yield boxAt(px - w / 2, py + CLEAR + away, w, h);
      yield boxAt(px + CLEAR + away, py - h / 2, w, h);
      yield boxAt(px - CLEAR - away - w, py - h / 2, w, h);
    }
  }
}

const boxAt = (x, y, w, h) => [x, y, x + w, y + h];
