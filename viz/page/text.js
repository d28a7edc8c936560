// Numbers as the pictures write them, and elements that hold text and nothing else.

const minus = (text) => text.replace(/-/g, '−');
const nonfinite = (x) => (Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '−inf');

const NOISE = 1e-12; // a share of a number that only its last bits differ by: 0.1 + 0.2 is 0.3
const trimmed = (text) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
const near = (text, x) => Math.abs(Number(text) - x) <= NOISE * Math.abs(x);

// Exactly if that takes few digits, else with four decimals, fewer of a large number, or with an
// exponent where these would say too little: −6, 0.5, 0.7071, 1.0000, 12345.7, 8.73e−04.
function number(x) {
  if (x === 0) return '0';
  if (!Number.isFinite(x)) return nonfinite(x);
  const size = Math.abs(x);
  if (size < 1e9 && Number.isInteger(x)) return minus(String(x));
  if (size < 1e7 && (size >= 1e-3 || near(x.toFixed(4), x))) {
    const first = Math.floor(Math.log10(size)); // the place of the first digit
    const text = x.toFixed(Math.max(Math.min(4, 5 - first), 1 - first, 0));
    return minus(near(text, x) ? trimmed(text) : text);
  }
  const [mantissa, power] = x.toExponential(2).split('e');
  return minus(raised(`${trimmed(mantissa)}e${power}`));
}

// Beside an edge, so many significant digits: −3, 0.501, 1.00 for 1.0019, 1.2e−05.
function brief(x, digits = 3) {
  if (x === 0 || !Number.isFinite(x)) return number(x);
  const size = Math.abs(x);
  if (size < 1e-3 || size >= 1e5) return short(x, 2);
  const text = x.toFixed(Math.max(digits - 1 - Math.floor(Math.log10(size)), 0));
  return minus(near(text, x) ? trimmed(text) : text);
}

// So many significant digits, without zeros at the end: −0.2293, 1.801e−06.
function short(x, digits = 4) {
  if (!Number.isFinite(x)) return nonfinite(x);
  if (x === 0) return '0';
  const [mantissa, power] = x.toExponential(digits - 1).split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= Math.max(digits, 6)) {
    return minus(raised(`${Number(mantissa)}e${power}`));
  }
  return minus(String(Number(x.toPrecision(Math.max(digits, exponent + 1)))));
}

// The shortest text that gives this very number back.
const exact = (x) => (Number.isFinite(x) ? minus(String(x + 0)) : nonfinite(x));

const raised = (text) => text.replace(/e([+-])(\d)$/, 'e$10$2');

// A number as a factor or a summand: in parentheses if it is negative.
const signed = (text) => (text.startsWith('−') ? `(${text})` : text);

const sign = (x) => (Number.isFinite(x) ? (x > 0 ? 'plus' : x < 0 ? 'minus' : 'zero') : 'odd');

const counted = (count, what) =>
  count === 1 || count === 1n ? `1 ${what}` : `${count.toLocaleString('en')} ${what}s`;

// An HTML element; strings among its children are text, whatever they contain.
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// A number in the colour of its sign.
const colored = (x, text = short(x)) => element('b', { class: `number ${sign(x)}` }, text);

const byId = (id) => document.getElementById(id);
const calm = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
