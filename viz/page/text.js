// Numbers as the pictures write them, and elements that hold text and nothing else.

const minus = (text) => text.replace(/-/g, '−');
const nonfinite = (x) => (Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '−inf');

// Four decimals, or an exponent where these would say too little: −6.0000, 8.73e−04.
function number(x) {
  if (!Number.isFinite(x)) return nonfinite(x);
  const size = Math.abs(x);
  if (x === 0 || (size >= 1e-3 && size < 1e4)) return minus((x + 0).toFixed(4));
  return minus(raised(x.toExponential(2)));
}

// So many significant digits, without zeros at the end: −0.2293, 1.801e−06.
function short(x, digits = 4) {
  if (!Number.isFinite(x)) return nonfinite(x);
  if (x === 0) return '0';
  const [mantissa, power] = x.toExponential(digits - 1).split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) return minus(raised(`${Number(mantissa)}e${power}`));
  return minus(String(Number(x.toPrecision(digits))));
}

// The shortest text that gives this very number back.
const exact = (x) => (Number.isFinite(x) ? minus(String(x + 0)) : nonfinite(x));

const raised = (text) => text.replace(/e([+-])(\d)$/, 'e$10$2');

// A number as a factor or a summand: in parentheses if it is negative.
const signed = (text) => (text.startsWith('−') ? `(${text})` : text);

const sign = (x) => (Number.isNaN(x) ? 'odd' : x > 0 ? 'plus' : x < 0 ? 'minus' : 'zero');

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
