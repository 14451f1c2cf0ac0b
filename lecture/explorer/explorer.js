// The explorer: what is chosen, the numbers that follow from it, and the page that shows them.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const last = data.intervals;
const ADAPTIVE = "adaptive"; // the trapezoid on all stored alphas: some were added where it was most wrong
const RULES = ["right", "left", "trapezoid", "midpoint", ADAPTIVE];
const SECONDS_FOR_THE_PATH = 6;
const SQUARE = 16; // points: 32 pixels of the photo

const chosen = { photo: 0, baseline: 0, alpha: Math.round(0.4 * last), rule: "right", nSteps: 10, ownScale: false, summed: false };
const pairs = new Map(); // unpacked, a few of them
let playing = null;
let waits = false; // for the next frame

// The numbers

/** Where the stored alphas of a pair are, from 0 to 1: equal ones stand first in its lists, then the added ones. */
const inOrder = (pair) => (pair.order ??= pair.alphas.map((_, k) => k).sort((a, b) => pair.alphas[a] - pair.alphas[b]));

/** The ends of the steps, n + 1 of them. */
const ends = (pair, rule, n) =>
  rule === ADAPTIVE ? inOrder(pair).map((k) => pair.alphas[k]) : Array.from({ length: n + 1 }, (_, m) => m / n);

/** The weight of each stored alpha in the first `taken` of n steps. */
function weights(pair, rule, n, taken) {
  const found = new Float64Array(pair.alphas.length);
  if (rule === ADAPTIVE) {
    const order = inOrder(pair);
    for (let step = 0; step < taken; step += 1) {
      const [from, to] = [order[step], order[step + 1]];
      const half = (pair.alphas[to] - pair.alphas[from]) / 2;
      found[from] += half;
      found[to] += half;
    }
    return found;
  }
  for (let step = 0; step < taken; step += 1) {
    const nodes = { left: [0], right: [1], midpoint: [0.5], trapezoid: [0, 1] }[rule];
    for (const node of nodes) found[Math.round(((step + node) * last) / n)] += 1 / n / nodes.length;
  }
  return found;
}

const sumAfter = (pair, rule, n, taken) => weights(pair, rule, n, taken).reduce((sum, w, k) => sum + w * pair.slopes[k], 0);
const difference = (pair) => pair.scores[last] - pair.scores[0];
const gapAfterAll = (pair, rule, n) => sumAfter(pair, rule, n, n) - difference(pair);
const stepsTaken = (pair) => ends(pair, chosen.rule, chosen.nSteps).filter((end) => end <= chosen.alpha / last + 1e-9).length - 1;
const counts = (pair, rule) => (rule === ADAPTIVE ? [pair.alphas.length - 1] : data.stepCounts[rule]);

// The page

const photo = () => data.photos[chosen.photo];
const baseline = () => data.baselines[chosen.baseline];
const key = () => `${photo().name} ${baseline().name}`;
const baselineUrl = (name) => data.baselinePictures[data.pairs[`${photo().name} ${name}`].baseline];
const fixed = (value, digits = 3) => value.toFixed(digits).replace("-", "−");
const percent = (share) => `${(100 * share).toPrecision(share < 0.1 ? 2 : 3)} %`;
const plural = (n) => `${n} step${n === 1 ? "" : "s"}`;

async function unpacked() {
  const name = key();
  if (!pairs.has(name)) {
    const pair = data.pairs[name];
    const [sheet, from, to] = await Promise.all([pair.sheet, baselineUrl(baseline().name), photo().picture].map(loadPicture));
    pairs.set(name, { from, to, frames: unpackFrames(sheet, pair, data) });
    if (pairs.size > 6) pairs.delete(pairs.keys().next().value);
  }
  return pairs.get(name);
}

const state = () => `${key()} ${chosen.alpha} ${chosen.rule} ${chosen.nSteps}`;

async function show() {
  const name = key();
  const pictures = await unpacked();
  if (name !== key()) return; // another pair was chosen meanwhile
  const pair = data.pairs[name];
  const { rule, nSteps } = chosen;
  const alpha = chosen.alpha / last;
  const taken = stepsTaken(pair);
  const sums = Array.from({ length: taken + 1 }, (_, m) => sumAfter(pair, rule, nSteps, m));
  showPictures(pictures, pair, alpha, taken);
  showNumbers(pair, alpha, taken, sums[taken]);
  const gaps = Object.fromEntries(RULES.map((each) => [each, counts(pair, each).map((n) => [n, Math.abs(gapAfterAll(pair, each, n) / difference(pair))])]));
  drawAlong(byId("along"), { scores: pair.scores.slice(0, last + 1), sums, at: ends(pair, rule, nSteps), alpha });
  drawConvergence(byId("convergence"), { gaps, rule, nSteps });
  document.body.dataset.shown = state();
}

function showPictures({ from, to, frames }, pair, alpha, taken) {
  const gradient = frames[chosen.alpha];
  const map = weightedSum(frames, weights(pair, chosen.rule, chosen.nSteps, taken));
  const scales = chosen.summed ? scalesOfSums(pair, frames) : pair.scales;
  const shown = (values) => (chosen.summed ? squares(values, SQUARE) : values);
  drawBetween(byId("between"), from, to, alpha);
  drawValues(byId("gradient"), shown(gradient), chosen.ownScale ? scales.each[chosen.alpha] : scales.path, data.colormap);
  drawValues(byId("map"), shown(map), scales.map, data.colormap);
  byId("limit").textContent = scales.map.toPrecision(2);
  const share = `${Math.round(100 * alpha)} %`;
  const describe = (id, text) => byId(id).setAttribute("aria-label", text);
  describe("between", `${share} of the way from the baseline, ${baseline().caption}, to the photo, ${photo().shows}.`);
  describe("gradient", `Map of the gradient at this point times photo minus baseline; it adds up to ${fixed(pair.slopes[chosen.alpha])}.`);
  describe("map", `Map of the attribution so far, ${taken} of ${plural(chosen.nSteps)}. The map of the whole path: ${pair.description}`);
  describe("along", `Curve of the probability from ${fixed(pair.scores[0])} at the baseline to ${fixed(pair.scores[last])} at the photo; here ${fixed(pair.scores[chosen.alpha])}.`);
  describe("convergence", `Curve of the relative gap after all steps for each number of steps by the rule ${chosen.rule}; 5 % is marked.`);
}

/** Where the colours end of maps summed over squares: as those that igref's side computed of the points. */
function scalesOfSums(pair, frames) {
  const largest = (values) => Math.max(...squares(values, SQUARE).map(Math.abs));
  return (pair.scalesOfSums ??= (() => {
    const each = frames.map(largest);
    const path = [...each].sort((a, b) => a - b)[Math.floor(data.steepFrom * (each.length - 1))];
    return { each, path, map: largest(weightedSum(frames, weights(pair, "trapezoid", last, last))) };
  })());
}

function showNumbers(pair, alpha, taken, sum) {
  const { rule, nSteps } = chosen;
  const whole = difference(pair);
  const gap = gapAfterAll(pair, rule, nSteps);
  const write = (id, text, value) => {
    byId(id).textContent = text;
    if (value !== undefined) byId(id).dataset.value = value;
  };
  write("summary", `${photo().category}, with probability ${fixed(pair.scores[last], 2)} at the photo and ${fixed(pair.scores[0], 2)} at the baseline`);
  write("here", fixed(pair.scores[chosen.alpha], 2), pair.scores[chosen.alpha]);
  write("steps-taken", `${taken} of ${plural(nSteps)}`);
  for (const place of document.getElementsByClassName("name-of-class")) place.textContent = photo().category;
  write("alpha-shown", alpha.toFixed(2));
  write("steps-shown", plural(nSteps));
  write("all-steps", `after ${plural(nSteps)}`);
  write("approximation", `${data.model}. Maps are packed: ${pair.mapSize} × ${pair.mapSize} points, ${2 * data.levels + 1} levels. Photo: ${photo().source}.`);
  write("difference", fixed(whole), whole);
  write("sum", fixed(sum), sum);
  write("gap-so-far", fixed(sum - whole), sum - whole);
  write("gap", fixed(gap, 4), gap);
  write("relative-gap", percent(Math.abs(gap / whole)), Math.abs(gap / whole));
  const share = sum / whole;
  const [reached, full] = byId("bar").children;
  reached.style.width = `${(100 * Math.max(0, share)) / Math.max(1, share)}%`;
  full.style.left = `${100 / Math.max(1, share)}%`; // where the sum has to end
  byId("bar").setAttribute("aria-label", `the map's sum so far is ${Math.round(100 * share)} % of the difference`);
  byId("alpha").value = chosen.alpha;
  byId("alpha").setAttribute("aria-valuetext", `${alpha.toFixed(2)}: probability ${fixed(pair.scores[chosen.alpha])}, sum so far ${fixed(sum)}`);
  const offered = counts(pair, rule);
  const fill = (id, at) => byId(id).style.setProperty("--filled", `${100 * at}%`);
  fill("alpha", alpha);
  fill("steps", offered.length > 1 ? offered.indexOf(nSteps) / (offered.length - 1) : 1);
  byId("steps").max = offered.length - 1;
  byId("steps").value = offered.indexOf(nSteps);
  byId("steps").setAttribute("aria-valuetext", `${plural(nSteps)}: gap ${fixed(gap, 4)}`);
  byId("rule").value = rule;
  byId("own-scale").checked = chosen.ownScale;
  byId("summed").checked = chosen.summed;
  data.baselines.forEach(({ name }, at) => (byId(`baseline-${at}`).nextSibling.src = baselineUrl(name)));
  for (const kind of ["photo", "baseline"]) byId(`${kind}-${chosen[kind]}`).checked = true;
}

// What the reader does

function choose(changes) {
  Object.assign(chosen, changes);
  chosen.alpha = Math.max(0, Math.min(last, chosen.alpha));
  const offered = counts(data.pairs[key()], chosen.rule);
  if (!offered.includes(chosen.nSteps)) chosen.nSteps = offered.findLast((n) => n <= chosen.nSteps) ?? offered[0];
  showSoon();
}

/** At the next frame what is chosen by then: a slider moves faster than pictures are drawn. */
function showSoon() {
  document.body.dataset.chosen = state(); // on the page before it is what is shown
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => {
    waits = false;
    show();
  });
}

const after = (list, item, by = 1) => (list.length + item + by) % list.length;
const otherCount = (by) => {
  const offered = counts(data.pairs[key()], chosen.rule);
  return offered[Math.max(0, Math.min(offered.length - 1, offered.indexOf(chosen.nSteps) + by))];
};

function play(on) {
  cancelAnimationFrame(playing);
  playing = null;
  byId("play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  const first = chosen.alpha === last ? 0 : chosen.alpha;
  let begun = null;
  const next = (now) => {
    begun ??= now;
    const alpha = first + Math.floor((last * (now - begun)) / 1000 / SECONDS_FOR_THE_PATH);
    if (alpha !== chosen.alpha) choose({ alpha });
    if (chosen.alpha === last) play(false);
    else playing = requestAnimationFrame(next);
  };
  playing = requestAnimationFrame(next);
}

const keys = {
  ArrowLeft: () => choose({ alpha: chosen.alpha - 1 }),
  ArrowRight: () => choose({ alpha: chosen.alpha + 1 }),
  Home: () => choose({ alpha: 0 }),
  End: () => choose({ alpha: last }),
  ArrowUp: () => choose({ nSteps: otherCount(1) }),
  ArrowDown: () => choose({ nSteps: otherCount(-1) }),
  " ": () => play(playing === null),
  p: (by) => choose({ photo: after(data.photos, chosen.photo, by) }),
  b: (by) => choose({ baseline: after(data.baselines, chosen.baseline, by) }),
  r: (by) => choose({ rule: RULES[after(RULES, RULES.indexOf(chosen.rule), by)] }),
  g: () => choose({ ownScale: !chosen.ownScale }),
  s: () => choose({ summed: !chosen.summed }),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // A focused control keeps its own keys: arrows move a slider, the space bar presses a button.
  const ofControl = event.target.matches("input, select") ? !/^[pbrgs]$/.test(letter) : false;
  const ofButton = event.target.matches("button, select, [type=checkbox]") && letter === " ";
  const spaceOfSlider = event.target.matches("[type=range], [type=radio]") && letter === " ";
  if (!keys[letter] || ofButton || (ofControl && !spaceOfSlider)) return;
  event.preventDefault();
  keys[letter](event.shiftKey ? -1 : 1);
});

function addChoices(kind, entries) {
  entries.forEach(({ name, url, alt, title }, at) => {
    const label = document.createElement("label");
    label.className = "choice";
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: kind, id: `${kind}-${at}` });
    const picture = Object.assign(document.createElement("img"), { src: url, alt, title });
    const caption = Object.assign(document.createElement("span"), { textContent: name });
    radio.addEventListener("change", () => choose({ [kind]: at }));
    label.append(radio, picture, caption);
    byId(`${kind}s`).append(label);
  });
}

addChoices("photo", data.photos.map(({ name, picture, shows, source }) => ({ name, url: picture, alt: shows, title: source })));
addChoices("baseline", data.baselines.map(({ name, caption }) => ({
  name: caption, url: baselineUrl(name), alt: `the baseline ${caption} of this photo`, title: "",
})));
RULES.forEach((rule) => byId("rule").append(new Option(rule, rule)));
drawScale(document.querySelector(".scale"), data.colormap);
byId("alpha").max = last;
byId("alpha").addEventListener("input", () => choose({ alpha: byId("alpha").valueAsNumber }));
byId("steps").addEventListener("input", () => choose({ nSteps: counts(data.pairs[key()], chosen.rule)[byId("steps").valueAsNumber] }));
byId("rule").addEventListener("change", () => choose({ rule: byId("rule").value }));
byId("own-scale").addEventListener("change", () => choose({ ownScale: byId("own-scale").checked }));
byId("summed").addEventListener("change", () => choose({ summed: byId("summed").checked }));
byId("play").addEventListener("click", () => play(playing === null));
new ResizeObserver(showSoon).observe(byId("along"));
showSoon();
