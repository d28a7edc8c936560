// What stands on a card: its texts, where they are, and how much room there is for a name.

const ROLE_WORDS = { input: 'input', parameter: 'param', constant: 'const' };
const SMALL = 10; // points: the least type of cards
const LARGE = 17; // the same in a presentation
const SANS = 'Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif';
const MONO = 'Menlo, "DejaVu Sans Mono", Consolas, monospace';
const WIDEST = textWidth('−8.88e−88', `bold ${SMALL}px ${SANS}`); // number on a compact card

const written = (cls, x, y, text = '') => svg('text', { class: cls, x, y }, text);

// The name, and what tells it from others.
function titled(node, x, base) {
  const name = written('names', x, base);
  name.append(svg('tspan', { class: node.named ? 'name named' : 'name' }, node.label));
  if (node.place) name.append(svg('tspan', { class: 'place' }, node.place));
  return name;
}

// Name and operation, more lines of the name or its scope below, then data and grad.
function fullFace(node) {
  const w = node.box[2];
  const top = 12 * node.below.length;
  const base = top ? 15 : 16;
  const right = w - 8;
  const sign = written(node.sign ? 'sign' : 'role', right, base, node.sign || ROLE_WORDS[node.role]);
  return {
    name: titled(node, 8, base),
    data: written('data', right, 40 + top),
    grad: written('grad', right, 54 + top),
    others: [
      sign,
      svg('path', { class: 'rule', d: `M0 ${23 + top}H${w}` }),
      written('what', 8, 40 + top, 'data'),
      written('what', 8, 54 + top, 'grad'),
      ...node.below.map((line, i) => written('below', 8, 28.5 + 12 * i, line)),
    ],
    room: right - 13 - textWidth(sign.textContent, `bold 13px ${SANS}`),
    sizes: [12, SMALL],
    corner: 9,
    pill: 61,
  };
}

// The same without words for what stands where: data, and below it the gradient.
function largeFace(node) {
  const w = node.box[2];
  const right = w - 8;
  const sign = node.sign || ROLE_WORDS[node.role];
  const named = textWidth(node.label + node.place, `bold 17px ${SANS}`);
  const down = Math.max(0, Math.min(3, node.box[3] - 61)); // where there is room above
  const both = node.sign || named + textWidth(sign, `17px ${SANS}`) < w - 24;
  const beside = both ? textWidth(sign, `bold 17px ${SANS}`) + 6 : 0;
  return {
    name: titled(node, 8, 14.5 + down),
    data: written('data', right, 35.5 + down),
    grad: written('grad', right, 55.5 + down),
    others: [
      ...(both ? [written(node.sign ? 'sign' : 'role', right, 14.5 + down, sign)] : []),
      svg('path', { class: 'rule', d: `M0 ${19.5 + down}H${w}` }),
    ],
    room: right - 8 - beside,
    sizes: [LARGE, LARGE],
    corner: 9,
    pill: w - 10,
  };
}

// All of it on one line.
function compactFace(node) {
  const [, , w, h] = node.box;
  const base = h / 2 + 3.5;
  const name = titled(node, 6, base);
  name.append(svg('tspan', { class: 'sign', dx: 6 }, node.sign));
  return {
    name,
    data: written('data', w - WIDEST - 10, base),
    grad: written('grad', w - 6, base),
    others: [],
    room: w - 2 * WIDEST - 18,
    sizes: [SMALL, SMALL],
    corner: 5,
    pill: WIDEST,
  };
}

// A name that is wider than its card has room for is squeezed, to two thirds at most: before that it
// goes without what tells it from others, and is shortened. `sizes` are the types of both.
function fitName(name, node, room, [size, small], compact) {
  const behind = compact ? 6 + textWidth(node.sign, `${small}px ${SANS}`) : 0;
  const available = Math.max(20, room - behind);
  const [label, place] = name.querySelectorAll('.name, .place');
  const widthOf = (part) =>
    (part ? textWidth(part.textContent, `bold ${part === label ? size : small}px ${SANS}`) : 0);
  let width = widthOf(label) + widthOf(place);
  if (width <= available) return;
  if (place && available < 0.67 * width) {
    place.remove();
    width = widthOf(label);
  }
  const kept = Math.floor((node.label.length * available) / width / 0.67);
  if (kept < node.label.length) label.textContent = `${node.label.slice(0, Math.max(1, kept - 1))}…`;
  const squeeze = Math.min(1, available / (widthOf(label) + (place?.parentNode ? widthOf(place) : 0)));
  for (const part of [label, place]) {
    part?.setAttribute('textLength', squeeze * widthOf(part));
    part?.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  }
}
