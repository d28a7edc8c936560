// Everything one can do: buttons, keys, playing.

const STEP_TIME = 1100; // milliseconds
const EPOCH_TIME = 110;
const PRESENTED = 24; // pixels: the least type of a presentation
const MOST_PRESENTED = 36;
const SPEEDS = [0.25, 0.5, 1, 2, 4];

const within = (x, last) => Math.max(0, Math.min(last, x));
const cameras = (action) => sides.forEach((side) => action(side.camera));
const training = () => Boolean(film) && shown.view === 'training';

function toStep(step, by = 'hand') {
  if (by === 'hand') pause();
  shown.step = within(step, lastStep);
  show();
}

function toEpoch(epoch, by = 'hand') {
  if (by === 'hand') pause();
  shown.epoch = within(epoch, lastEpoch);
  show(false);
}

// One on or back of what is played: states of a training, or steps through its graph.
function forth(by) {
  if (training()) toEpoch(shown.epoch + by);
  else toStep(shown.step + by);
}

function toEnd(last) {
  if (training()) toEpoch(last ? lastEpoch : 0);
  else toStep(last ? lastStep : 0);
}

function choose(node) {
  shown.path = null;
  shown.chosen = node === shown.chosen ? null : node;
  show(false);
  if (shown.chosen !== null) byId('paths').scrollIntoView({ block: 'nearest' });
}

// One of the listed paths stands out, or none of them.
function look(path) {
  shown.path = path;
  show(false);
}

// The next of the listed paths, or the one before.
function alongPaths(by) {
  const last = list.buttons.length - 1;
  look(shown.path === null ? (by > 0 ? 0 : last) : within(shown.path + by, last));
  list.buttons[shown.path].scrollIntoView({ block: 'nearest' });
}

// The network with its loss, or the graph of the state that is shown.
function toView(view) {
  shown.view = view;
  document.body.dataset.view = view;
  setType();
  byId('view').textContent = view === 'training' ? 'Graph' : 'Training';
  if (film) film.moveTo(byId(view === 'training' ? 'film' : 'training'), view === 'training');
  cameras((camera) => camera.resized());
  show();
}

// How large the type of a presentation is: as large as the whole graph then has room for.
function largeType() {
  if (score.compact || training()) return PRESENTED;
  const [width, height] = score.size;
  const room = [innerWidth / sides.length - 2 * MARGIN, 0.55 * innerHeight - 2 * MARGIN];
  const fitting = LARGE * Math.min(room[0] / width, room[1] / height);
  return Math.max(PRESENTED, Math.min(MOST_PRESENTED, fitting));
}

function setType() {
  shown.type = largeType();
  document.body.style.setProperty('--type', `${shown.type}px`);
}

function toPresent(on) {
  shown.present = on;
  setType();
  document.body.classList.toggle('present', on);
  byId('present').setAttribute('aria-pressed', String(on));
  for (const side of sides) {
    side.raise(on);
    side.camera.fit();
  }
  film?.draw();
  show();
  cameras((camera) => camera.fit());
}

function toSpeed(index) {
  const at = within(index, SPEEDS.length - 1);
  shown.speed = SPEEDS[at];
  byId('speed').value = String(at);
}

let timer = null;

function pause() {
  clearTimeout(timer);
  shown.playing = null;
  for (const id of ['play', 'train']) {
    byId(id).classList.remove('playing');
    byId(id).setAttribute('aria-label', id === 'play' ? 'Play the steps' : 'Play the epochs');
  }
}

function play(what) {
  const again = shown.playing === what;
  pause();
  if (again) return;
  shown.playing = what;
  const button = byId(what === 'epochs' ? 'train' : 'play');
  button.classList.add('playing');
  button.setAttribute('aria-label', 'Pause');
  if (what === 'epochs' && shown.epoch >= film.settled) toEpoch(0, 'player');
  if (what === 'steps' && shown.step === lastStep) toStep(0, 'player');
  advance();
}

// The next step after its time, until nothing changes any more.
function advance() {
  const epochs = shown.playing === 'epochs';
  timer = setTimeout(() => {
    if (epochs) toEpoch(shown.epoch + 1, 'player');
    else toStep(shown.step + 1, 'player');
    const over = epochs ? shown.epoch >= film.settled : shown.step === lastStep;
    if (over) pause();
    else advance();
  }, (epochs ? EPOCH_TIME : STEP_TIME) / shown.speed);
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = root.dataset.theme ?? (dark ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  show(false);
}

// A black screen, as clickers have a button for; any key brings the page back.
function blank(on = byId('blank').hidden) {
  pause();
  byId('blank').hidden = !on;
  byId('said').textContent = on ? 'The screen is black; any key brings the page back.' : '';
}

function escape() {
  pause();
  sides.forEach((side) => side.inspect(null));
  if (shown.chosen !== null) choose(shown.chosen);
  else if (shown.present) toPresent(false);
}

const KEYS = {
  ArrowRight: () => forth(1),
  ArrowLeft: () => forth(-1),
  ArrowDown: () => alongPaths(1),
  ArrowUp: () => alongPaths(-1),
  PageDown: () => forth(1),
  PageUp: () => forth(-1),
  Home: () => toEnd(false),
  End: () => toEnd(true),
  Escape: escape,
  ' ': () => play(training() ? 'epochs' : 'steps'),
  '.': () => blank(),
  '<': () => toSpeed(SPEEDS.indexOf(shown.speed) - 1),
  '>': () => toSpeed(SPEEDS.indexOf(shown.speed) + 1),
  '+': () => cameras((camera) => camera.zoom(1.25)),
  '=': () => cameras((camera) => camera.zoom(1.25)),
  '-': () => cameras((camera) => camera.zoom(0.8)),
  0: () => cameras((camera) => camera.fit(camera.fitted === 'readable')), // and back
  '[': () => film && toEpoch(shown.epoch - 1),
  ']': () => film && toEpoch(shown.epoch + 1),
  g: () => film?.network && toView(training() ? 'graph' : 'training'),
  p: () => toPresent(!shown.present),
};

// Space plays, and PageUp and PageDown step, whatever has the focus: a clicker knows of none.
const ALWAYS = [' ', 'PageDown', 'PageUp', 'Escape', '.'];

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  if (!byId('blank').hidden) {
    event.preventDefault();
    blank(false);
    return;
  }
  const card = target.closest?.('[data-node]');
  if (card && key === 'Enter') {
    event.preventDefault();
    choose(Number(card.dataset.node));
    return;
  }
  const own = target.matches?.('input, select') && !ALWAYS.includes(key);
  const scrolling = ['ArrowUp', 'ArrowDown'].includes(key) && shown.chosen === null;
  if (own || scrolling || !KEYS[key]) return;
  event.preventDefault();
  KEYS[key]();
}

function prepare() {
  document.addEventListener('keydown', pressed);
  document.addEventListener('keyup', (event) => event.key === ' ' && event.preventDefault());
  byId('blank').addEventListener('click', () => blank(false));
  const buttons = {
    first: () => toStep(0),
    previous: () => toStep(shown.step - 1),
    next: () => toStep(shown.step + 1),
    last: () => toStep(lastStep),
    play: () => play('steps'),
    train: () => play('epochs'),
    view: KEYS.g,
    print: printSteps,
    present: KEYS.p,
    theme: toggleTheme,
    closer: KEYS['+'],
    farther: KEYS['-'],
    fit: KEYS[0],
    clear: () => choose(shown.chosen),
  };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener('click', action);
  byId('steps').max = lastStep;
  byId('steps').addEventListener('input', (event) => toStep(Number(event.target.value)));
  byId('epochs').max = lastEpoch;
  byId('epochs').addEventListener('input', (event) => toEpoch(Number(event.target.value)));
  const turn = score.passes ? 0 : (score.computed.length + 0.5) / lastStep;
  byId('steps').style.setProperty('--turn', `${100 * turn}%`);
  SPEEDS.forEach((speed, i) => byId('speed').append(element('option', { value: i }, `${speed}×`)));
  byId('speed').addEventListener('change', ({ target }) => toSpeed(Number(target.value)));
  toSpeed(SPEEDS.indexOf(1));
  addEventListener('resize', setType);
  prepareChoice();
  prepareSheets();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => show(false));
  byId('title').textContent = score.title;
  byId('program').append(program.element);
  document.body.classList.toggle('has-film', Boolean(film));
  document.body.classList.toggle('has-network', Boolean(film?.network));
  document.body.classList.toggle('has-sides', sides.length > 1);
}

function prepareChoice() {
  for (const [title, nodes] of [['leaves', score.leaves], ['computed', score.computed]]) {
    const options = nodes.map((node) => element('option', { value: node }, score.nodes[node].name));
    byId('choice').append(element('optgroup', { label: title }, ...options));
  }
  byId('choice').addEventListener('change', ({ target }) => {
    shown.chosen = null;
    choose(target.value === '' ? null : Number(target.value));
    if (shown.chosen !== null) cameras((camera) => camera.follow([shown.chosen]));
  });
}
