// On paper: what is on the screen as one page with every card on it, or each step as a page.

const MOST_SHEETS = 300;
const MOST_STATES = 24; // of a training, from its first to its last

// A stage as a picture of its own, whole.
function still(stage) {
  const [w, h] = stage.score.size;
  const picture = stage.svg.cloneNode(true);
  picture.setAttribute('viewBox', `-10 -10 ${w + 20} ${h + 20}`);
  picture.setAttribute('role', 'img');
  picture.querySelectorAll('[tabindex]').forEach((card) => {
    for (const name of ['tabindex', 'role', 'aria-pressed', 'aria-label']) card.removeAttribute(name);
  });
  picture.querySelector('.world').style.transform = '';
  return picture;
}

// Every step as a page: the graph and what happens in it.
function makeSheets() {
  const { step, epoch } = shown;
  const states = training();
  const count = states ? film.epochs.length : lastStep + 1;
  const many = Math.min(count, states ? MOST_STATES : MOST_SHEETS);
  const sheets = [];
  for (let k = 0; k < many; k += 1) {
    const i = Math.round((k * (count - 1)) / (many - 1 || 1));
    Object.assign(shown, states ? { epoch: i } : { step: i });
    show(false);
    const title = element('h2', {}, `${score.title} · ${states ? 'state' : 'step'} ${i} of ${count - 1}`);
    const pictures = states ? film.stills() : sides.map((side) => still(side.stage));
    const text = byId('step').cloneNode(true);
    text.removeAttribute('id');
    text.className = 'what';
    sheets.push(element('section', { class: 'sheet' }, title, ...pictures, text));
  }
  Object.assign(shown, { step, epoch });
  show(false);
  return sheets;
}

// Show all steps one below the other, or no longer.
function toSheets(on) {
  document.body.classList.toggle('sheets', on);
  byId('sheets').replaceChildren(...(on ? makeSheets() : []));
}

// For the paper the stages are as large as their graphs, whatever the camera looks at.
function onPaper(on) {
  for (const { stage } of sides) {
    const [w, h] = score.size;
    if (on) stage.svg.setAttribute('viewBox', `-10 -10 ${w + 20} ${h + 20}`);
    else stage.svg.removeAttribute('viewBox');
  }
}

function prepareSheets() {
  addEventListener('beforeprint', () => onPaper(true));
  addEventListener('afterprint', () => {
    onPaper(false);
    if (shown.printing) toSheets((shown.printing = false));
  });
  matchMedia('print').addEventListener('change', ({ matches }) => onPaper(matches));
}

function printSteps() {
  pause();
  shown.printing = true;
  toSheets(true);
  print();
}
