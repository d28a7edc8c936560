// The player: which step and which epoch is shown, and how.

const score = new Score(JSON.parse(byId('score').textContent));
const panel = new Panel(score);
const list = new PathList(score, look);
const program = new Program(score);

const shown = {
  step: 0, epoch: 0, chosen: null, path: null, playing: null, view: 'graph', speed: 1, present: false, type: 24,
};
const stepsOf = score.passes
  ? score.passes.map((pass) => ({ name: pass.name, steps: writtenSteps(score, pass) }))
  : [{ name: '', steps: usualSteps(score) }];
const lastStep = Math.max(...stepsOf.map(({ steps }) => steps.length)) - 1;
const sides = stepsOf.map(({ name, steps }) => new Side(name, steps));
const reference = sides[sides.length - 1];
const film = score.film ? new Film(score, (index) => toEpoch(index)) : null;
const lastEpoch = score.numbers.count - 1;
const address = new Address((words) => arrive(words));

const leftmost = score.leaves.reduce((a, b) =>
  score.nodes[b].box[0] < score.nodes[a].box[0] ? b : a);

// Where a side stands after its last step, in the epoch that is shown.
function outcome(side) {
  side.outcomes[shown.epoch] ??= side.at(lastStep, score.state(shown.epoch));
  return side.outcomes[shown.epoch];
}

// The first number of an epoch that is not finite, if there is one.
const culprits = [];
function accused() {
  if (culprits[shown.epoch] === undefined) {
    culprits[shown.epoch] = culprit(score, score.state(shown.epoch), reference.steps);
  }
  return culprits[shown.epoch];
}

function show(follow = true) {
  const state = score.state(shown.epoch);
  const end = outcome(reference);
  const finite = [...end.sent].filter(Number.isFinite).map(Math.abs);
  const largest = Math.max(0, ...finite);
  const paths = shown.chosen === null ? null : pathsTo(score, state, shown.chosen);
  const way = paths && shown.path !== null ? paths.heaviest[shown.path] : null;
  const path = way && {
    edges: new Set(way.edges),
    nodes: new Set([score.root, ...way.edges.map((edge) => score.edges[edge].tail)]),
  };
  const situations = sides.map((side) => (side.now = side.at(shown.step, state)));
  const found = accused();
  const lit = shown.step === 0 && panel.meaning(state).length ? score.nudge.leaf : null;
  sides.forEach((side) => {
    const step = side.stepAt(shown.step);
    const others = sides.length > 1 && side !== reference ? situations[sides.length - 1].grad : null;
    side.stage.show(side.now, { state, step, paths, path, largest, others, lit, culprit: found?.node });
    if (follow) followStep(side, step);
    if (side.inspected !== null && side.inspected !== undefined) side.inspect(side.inspected);
    byId('stages').dataset.step = step.kind;
  });
  showPanel(situations, end, paths, state, found);
  showControls(situations, state);
  tellAddress();
}

function followStep(side, step) {
  const edges = step.kind === 'forward' ? score.into[step.node] : step.sends;
  const around = edges.map((edge) => score.edges[edge].tail);
  if (step.node !== undefined) side.camera.follow([step.node, ...around.slice(0, 4)]);
  else if (step.kind === 'done') side.camera.follow([score.root]);
  else side.camera.follow(score.nudge && !score.passes ? [score.nudge.leaf, leftmost] : [leftmost]);
}

function showPanel(situations, end, paths, state, found) {
    const blocks = sides.flatMap((side, i) => {
    const content = panel.step(side.stepAt(shown.step), situations[i], state);
    const over = shown.step > side.steps.length - 1 ? [note('this pass is over')] : [];
    const title = side.name ? [element('h2', { class: `side ${side.name}` }, `${side.name} pass`)] : [];
    return [element('section', {}, ...title, ...content, ...over)];
  });
  if (score.passes && shown.step === 0) {
    blocks.unshift(element('section', { class: 'both' }, ...panel.about(), ...panel.meaning(state)));
  }
  if (training()) blocks.splice(0, blocks.length, element('section', {}, ...film.words(shown.epoch)));
  byId('step').replaceChildren(...blocks);
  const go = () => (found && shown.view === 'training' ? toView('graph') : null, toStep(found.step));
  byId('trouble').replaceChildren(...panel.trouble(found, state, go));
  byId('trouble').hidden = !found;
  const step = reference.stepAt(shown.step);
  program.show(step.node, step.kind);
  if (shown.path === null || byId('paths').hidden) {
    const totals = { right: paths && end.grad[paths.target] };
    if (paths && sides.length > 1) totals.wrong = outcome(sides[0]).grad[paths.target];
    byId('paths').replaceChildren(...(paths ? list.show(paths, totals, state) : []));
  }
  list.light(shown.path);
  byId('paths').hidden = !paths;
  byId('choice').value = shown.chosen === null ? '' : String(shown.chosen);
  byId('clear').hidden = !paths;
}

function showControls(situations, state) {
    const step = reference.stepAt(shown.step);
  const phases = { start: 'start', ready: 'start', forward: 'forward', done: 'done' };
  const phase = training() ? 'training' : phases[step.kind] ?? 'backward';
  byId('steps').value = shown.step;
  byId('steps').setAttribute('aria-valuetext', `Step ${shown.step} of ${lastStep}, ${phase}`);
  byId('count').textContent = `${shown.step} / ${lastStep}`;
  const arrow = { forward: '→ ', backward: '← ' }[phase] ?? '';
  byId('phase').textContent = arrow + phase;
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
  if (shown.playing !== 'epochs') byId('said').textContent = epoch + (training() ? '' : said.join(' '));
}

// The words that an address has for what is shown; what goes without saying has none.
function tellAddress() {
  const words = new Map();
  const tell = (name, value, told) => told && words.set(name, value);
  const graph = !training();
  tell('step', shown.step, graph && shown.step !== (film ? lastStep : 0));
  tell('epoch', film?.epochs[shown.epoch], film && shown.epoch);
  tell('view', 'graph', film?.network && graph);
  tell('paths', score.nodes[shown.chosen]?.name, graph && shown.chosen !== null);
  tell('path', shown.path + 1, graph && shown.chosen !== null && shown.path !== null);
  tell('present', '', shown.present);
  const { theme } = document.documentElement.dataset;
  tell('theme', theme, theme);
  address.write(words);
}

// Show what an address asks for; what it does not name stays as a page begins.
function arrive(words) {
  const whole = (name, fallback) => (/^\d+$/.test(words.get(name)) ? Number(words.get(name)) : fallback);
  pause();
  shown.step = words.get('step') === 'last' ? lastStep : within(whole('step', film ? lastStep : 0), lastStep);
  const epoch = film ? film.epochs.indexOf(whole('epoch', film.epochs[0])) : 0;
  shown.epoch = Math.max(0, epoch);
  const named = score.nodes.findIndex(({ name }) => name === words.get('paths'));
  const node = named < 0 ? whole('node', -1) : named;
  shown.chosen = node < 0 ? null : node;
  const path = whole('path', 0) - 1;
  shown.path = node >= 0 && path >= 0 ? path : null;
  if (shown.path !== null) shown.path = within(path, pathsTo(score, score.state(shown.epoch), node).heaviest.length - 1);
  if (['light', 'dark'].includes(words.get('theme'))) document.documentElement.dataset.theme = words.get('theme');
  const graph = words.get('view') === 'graph' || words.has('step') || node >= 0;
  toView(film?.network && !graph ? 'training' : 'graph');
  toPresent(words.has('present'));
  toSheets(words.get('print') === 'steps');
  if (shown.chosen === null) return;
  cameras((camera) => { // paths go from end to end
    if (camera.wholeScale >= WHOLE && !shown.present) camera.fit(true);
    else camera.follow([shown.chosen], false);
  });
  byId('paths').scrollIntoView({ block: 'nearest' });
}
