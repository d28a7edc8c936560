// Axes with numbers, for the pictures of a training.

// Round numbers from low to high, some `n` of them; whole ones if asked.
function ticks(low, high, n, whole = false) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(span / n));
  let step = [1, 2, 5, 10].map((x) => x * power).find((x) => span / x <= n);
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * span; i += 1) found.push(i * step);
  return found;
}

// Powers of ten from low to high, at most `n`; without one, the two ends.
function logTicks(low, high, n) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const step = Math.max(1, Math.ceil((last - first + 1) / n));
  const found = [];
  for (let power = last; power >= first; power -= step) found.push(10 ** power);
  return found.length > 1 ? found : [low, high];
}

const raise = (power) => [...String(power)].map((c) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]).join('');

function tickText(x, log) {
  const power = Math.log10(x);
  if (log && Math.abs(power - Math.round(power)) < 1e-9) return `10${raise(Math.round(power))}`;
  return short(Number(x.toPrecision(3)), 3);
}

// The frame of a picture with axes: what it is of, and how much room is inside. `em` is the type.
class Axes {
  constructor(width, height, em, { x, y }) {
    this.em = em;
    this.left = 4.4 * em;
    this.top = 2 * em;
    this.right = Math.max(this.left + 20, width - 1.4 * em);
    this.bottom = Math.max(this.top + 20, height - 3.2 * em);
    this.names = { x, y };
  }

  // The axes' lines, numbers and names; `xs` and `ys` are pairs of a text and a place.
  parts(xs, ys) {
    const { left, top, right, bottom, em, names } = this;
    const text = (cls, x, y, what) => svg('text', { class: `tick ${cls}`, x, y, 'font-size': em }, what);
    return [
      svg('path', { class: 'axis', d: `M${left} ${top - 4}V${bottom}H${right + 4}` }),
      ...xs.flatMap(([what, x]) => [
        svg('path', { class: 'axis', d: `M${x} ${bottom}v4` }),
        text('below', x, bottom + 4 + em, what),
      ]),
      ...ys.flatMap(([what, y]) => [
        svg('path', { class: 'axis', d: `M${left} ${y}h-4` }),
        text('before', left - 7, y + 0.35 * em, what),
      ]),
      text('below title', (left + right) / 2, bottom + 4 + 2.3 * em, names.x),
      text('after title', 2, 1.05 * em, names.y),
    ];
  }
}
