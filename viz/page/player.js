// The player: which step and which epoch is shown, and everything one can do about it.

const STEP_TIME = 1100; // milliseconds
const EPOCH_TIME = 110;

const score = new Score(JSON.parse(byId('score').textContent));
const panel = new Panel(score);
const list = new PathList(score, look);

// ---------------------------------------------------------------- what is shown

const shown = { step: 0, epoch: 0, chosen: null, path: null, playing: null };
const stepsOf = score.passes
  ? score.passes.map((pass) => ({ name: pass.name, steps: writtenSteps(score, pass) }))
  : [{ name: '', steps: usualSteps(score) }];
const lastStep = Math.max(...stepsOf.map(({ steps }) => steps.length)) - 1;
const sides = stepsOf.map(({ name, steps }) => new Side(name, steps));
const reference = sides[sides.length - 1];
const film = score.film ? new Film(score, (index) => toEpoch(index)) : null;
const lastEpoch = score.numbers.count - 1;

const leftmost = score.leaves.reduce((a, b) =>
  score.nodes[b].box[0] < score.nodes[a].box[0] ? b : a);

// Where a side stands after its last step, in the epoch that is shown.
function outcome(side) {
  side.outcomes[shown.epoch] ??= side.at(lastStep, score.state(shown.epoch));
  return side.outcomes[shown.epoch];
}

function show(follow = true) {
  const state = score.state(shown.epoch);
  const end = outcome(reference);
  const finite = [...end.sent].filter(Number.isFinite).map(Math.abs);
  const largest = Math.max(0, ...finite);
  const paths = shown.chosen === null ? null : pathsTo(score, state, shown.chosen);
  const path = shown.path && {
    edges: new Set(shown.path.edges),
    nodes: new Set([score.root, ...shown.path.edges.map((edge) => score.edges[edge].tail)]),
  };
  const situations = sides.map((side) => (side.now = side.at(shown.step, state)));
  sides.forEach((side, i) => {
    const step = side.stepAt(shown.step);
    const others = sides.length > 1 && side !== reference ? situations[sides.length - 1].grad : null;
    side.stage.show(side.now, { state, step, paths, path, largest, others });
    if (follow) {
      const edges = step.kind === 'forward' ? score.into[step.node] : step.sends;
      const around = edges.map((edge) => score.edges[edge].tail);
      const outermost = step.kind === 'done' ? score.root : leftmost;
      side.camera.follow([step.node ?? outermost, ...around.slice(0, 4)]);
    }
    if (side.inspected !== null && side.inspected !== undefined) side.inspect(side.inspected);
    byId('stages').dataset.step = step.kind;
  });
  showPanel(situations, end, paths, state);
  showControls(situations, state);
}

function showPanel(situations, end, paths, state) {
  const blocks = sides.flatMap((side, i) => {
    const content = panel.step(side.stepAt(shown.step), situations[i], state);
    const over = shown.step > side.steps.length - 1 ? [note('this pass is over')] : [];
    const title = side.name ? [element('h3', { class: `side ${side.name}` }, `${side.name} pass`)] : [];
    return [element('section', {}, ...title, ...content, ...over)];
  });
  byId('step').replaceChildren(...blocks);
  if (!shown.path) {
    const totals = { right: paths && end.grad[paths.target] };
    if (paths && sides.length > 1) totals.wrong = outcome(sides[0]).grad[paths.target];
    byId('paths').replaceChildren(...(paths ? list.show(paths, totals, state) : []));
  }
  byId('paths').hidden = !paths;
  byId('choice').value = shown.chosen === null ? '' : String(shown.chosen);
  byId('clear').hidden = !paths;
}

function showControls(situations, state) {
  const step = reference.stepAt(shown.step);
  const phases = { start: 'start', ready: 'start', forward: 'forward', done: 'done' };
  const phase = phases[step.kind] ?? 'backward';
  byId('steps').value = shown.step;
  byId('steps').setAttribute('aria-valuetext', `Step ${shown.step} of ${lastStep}, ${phase}`);
  byId('count').textContent = `${shown.step} / ${lastStep}`;
  byId('phase').textContent = phase;
  byId('phase').dataset.phase = phase;
  for (const id of ['first', 'previous']) byId(id).disabled = shown.step === 0;
  for (const id of ['next', 'last']) byId(id).disabled = shown.step === lastStep;
  const said = sides.map((side, i) => {
    const told = panel.narration(side.stepAt(shown.step), situations[i], state);
    return side.name ? `${side.name} pass: ${told}` : told;
  });
  let epoch = '';
  if (film) {
    epoch = `${film.show(shown.epoch)}. `;
    byId('epochs').value = shown.epoch;
    byId('epochs').setAttribute('aria-valuetext', epoch);
    byId('epoch').textContent = `epoch ${film.epochs[shown.epoch]}`;
    byId('loss').textContent = `loss ${short(film.losses[shown.epoch])}`;
  }
  if (shown.playing !== 'epochs') byId('said').textContent = epoch + said.join(' ');
}

// ---------------------------------------------------------------- what one can do

const within = (x, last) => Math.max(0, Math.min(last, x));

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

function choose(node) {
  shown.path = null;
  shown.chosen = node === shown.chosen ? null : node;
  show(false);
  if (shown.chosen !== null) byId('paths').scrollIntoView({ block: 'nearest' });
}

function look(path) {
  shown.path = path;
  show(false);
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
  if (what === 'epochs' && shown.epoch === lastEpoch) toEpoch(0, 'player');
  if (what === 'steps' && shown.step === lastStep) toStep(0, 'player');
  advance();
}

function advance() {
  const epochs = shown.playing === 'epochs';
  timer = setTimeout(() => {
    if (epochs) toEpoch(shown.epoch + 1, 'player');
    else toStep(shown.step + 1, 'player');
    const over = epochs ? shown.epoch === lastEpoch : shown.step === lastStep;
    if (over) pause();
    else advance();
  }, epochs ? EPOCH_TIME : STEP_TIME);
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = root.dataset.theme ?? (dark ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  if (film) film.show(shown.epoch);
}

const cameras = (action) => sides.forEach((side) => action(side.camera));

const KEYS = {
  ArrowRight: () => toStep(shown.step + 1),
  ArrowLeft: () => toStep(shown.step - 1),
  Home: () => toStep(0),
  End: () => toStep(lastStep),
  Escape: () => {
    pause();
    sides.forEach((side) => side.inspect(null));
    if (shown.chosen !== null) choose(shown.chosen);
  },
  ' ': () => play(film ? 'epochs' : 'steps'),
  '+': () => cameras((camera) => camera.zoom(1.25)),
  '=': () => cameras((camera) => camera.zoom(1.25)),
  '-': () => cameras((camera) => camera.zoom(0.8)),
  0: () => cameras((camera) => camera.fit(true)),
  '[': () => toEpoch(shown.epoch - 1),
  ']': () => toEpoch(shown.epoch + 1),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  const card = target.closest?.('[data-node]');
  if (card && (key === 'Enter' || key === ' ')) {
    event.preventDefault();
    choose(Number(card.dataset.node));
    return;
  }
  const own = target.matches?.('input, select') && key !== 'Escape';
  if (own || (key === ' ' && target.matches?.('button')) || !KEYS[key]) return;
  event.preventDefault();
  KEYS[key]();
}

function prepare() {
  document.addEventListener('keydown', pressed);
  const buttons = {
    first: KEYS.Home,
    previous: KEYS.ArrowLeft,
    next: KEYS.ArrowRight,
    last: KEYS.End,
    play: () => play('steps'),
    train: () => play('epochs'),
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
  for (const [title, nodes] of [['leaves', score.leaves], ['computed', score.computed]]) {
    const options = nodes.map((node) => element('option', { value: node }, score.nodes[node].name));
    byId('choice').append(element('optgroup', { label: title }, ...options));
  }
  byId('choice').addEventListener('change', ({ target }) => {
    shown.chosen = null;
    choose(target.value === '' ? null : Number(target.value));
    if (shown.chosen !== null) cameras((camera) => camera.follow([shown.chosen]));
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => film?.show(shown.epoch));
  byId('title').textContent = score.title;
  document.body.classList.toggle('has-film', Boolean(film));
  document.body.classList.toggle('has-sides', sides.length > 1);
  byId('stages').dataset.ready = 'true';
}

prepare();
if (film) shown.step = lastStep;
show();
cameras((camera) => camera.fit());
