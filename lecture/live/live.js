// The page: what is chosen, what the worker is asked, and what is shown of its answers.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const [channels, height, width] = data.shape;
const SIDE = Math.max(1, Math.round(height / 14)); // of the squares that maps are summed over
const BRUSH = Math.max(1, width / 16); // its radius
const ENDS_AT = 0.97; // the scale of a map ends at this percentile of its sizes
const MOST_PIXELS = 200e6;

const chosen = { target: null, painted: new Uint8Array(width * height), source: null, name: "" };
let pixels, probabilities, result, earlier;
let requests = 0;

// The worker

async function unpacked(id) {
  const element = byId(id);
  const packed = bytesOf(element.textContent);
  element.textContent = "";
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
const worker = new Worker(address(byId("worker").textContent));
const waiting = new Map(); // number of a question to what takes its answer

worker.onmessage = ({ data: message }) => {
  if (message.kind === "ready") ready(message.provider);
  else if (message.kind === "failed") say(`This did not work: ${message.message}`);
  else if (message.kind === "said") {
    waiting.get(message.id)?.(message.probabilities);
    waiting.delete(message.id);
  } else showStep(message);
};
worker.onerror = (event) => say(`The network could not be started: ${event.message}`);

function ask(picture) {
  requests += 1;
  const id = requests;
  return new Promise((answer) => {
    waiting.set(id, answer);
    worker.postMessage({ kind: "ask", id, pixels: picture });
  });
}

/** One question at a time, and of those that came meanwhile only the last. */
function lastWins(task) {
  let [running, again] = [false, false];
  return async function run() {
    if (running) return void (again = true);
    running = true;
    do {
      again = false;
      await task();
    } while (again);
    running = false;
  };
}

const say = (text) => (byId("status").textContent = text);
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;
const fixed = (value, digits = 3) => value.toFixed(digits).replace("-", "−");

// Pictures

const canvasOf = (w, h) => Object.assign(document.createElement("canvas"), { width: w, height: h });

/** A canvas as a picture of the network: one channel after the other, in [0, 1]. */
function read(canvas) {
  const { data: shown } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height);
  const made = new Float32Array(channels * width * height);
  for (let at = 0; at < width * height; at += 1) {
    const color = [shown[4 * at], shown[4 * at + 1], shown[4 * at + 2]];
    if (channels === 1) made[at] = (0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]) / 255;
    else color.forEach((value, channel) => (made[channel * width * height + at] = value / 255));
  }
  return made;
}

function draw(canvas, picture, shade) {
  if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
  const image = canvas.getContext("2d").createImageData(width, height);
  for (let at = 0; at < width * height; at += 1) {
    for (let part = 0; part < 3; part += 1) {
      const value = picture[Math.min(part, channels - 1) * width * height + at];
      image.data[4 * at + part] = 255 * (shade?.[at] ? 0.5 * value + (part === 0 ? 0.5 : 0) : value);
    }
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The largest square in the middle, as the network is used to see photos; transparent parts become white. */
function squareOf(bitmap) {
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const side = Math.min(bitmap.width, bitmap.height) * (bitmap.width === width && bitmap.height === height ? 1 : 224 / 256);
  context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, width, height);
  return canvas;
}

async function takePhoto(file, name) {
  if (!file) return void say("There was no picture in that, only text or an address. Save the picture, then take the file.");
  say("Reading the picture …");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    say(`“${name}” is no picture that this browser can read. JPEG, PNG and WebP can be read; a phone may have saved HEIC.`);
    return;
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    say(`“${name}” has ${Math.round((bitmap.width * bitmap.height) / 1e6)} megapixels, more than this page takes (${MOST_PIXELS / 1e6}).`);
    bitmap.close();
    return;
  }
  const source = squareOf(bitmap);
  const about = `${name}, ${bitmap.width} × ${bitmap.height}`;
  bitmap.close();
  await usePhoto(source, about);
}

/** The first press shows what the camera sees, the second takes it. */
async function photograph() {
  const viewfinder = byId("viewfinder");
  const shows = !viewfinder.hidden;
  if (shows) await takePhoto(viewfinder, "the camera’s picture");
  else {
    try {
      viewfinder.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      await viewfinder.play();
    } catch (error) {
      return void say(`The camera cannot be used: ${error.message}. Take a photo, then choose its file.`);
    }
    say("Press “Take it” when the picture is right.");
  }
  if (shows) for (const track of viewfinder.srcObject.getTracks()) track.stop();
  [viewfinder.hidden, byId("picture").hidden] = [shows, !shows];
  byId("camera").textContent = shows ? "Camera" : "Take it";
}

async function usePhoto(source, name, credit = "") {
  byId("credit").textContent = credit && `Photo: ${credit}`;
  Object.assign(chosen, { source, name, target: null });
  chosen.painted.fill(0);
  [byId("zoom").value, byId("turn").value] = [1, 0];
  byId("picture").setAttribute("aria-label", `the picture: ${name}`);
  for (const button of byId("photos").children) button.setAttribute("aria-pressed", button.title === name);
  await transformed();
}

const transformed = lastWins(async () => {
  const [zoom, turn] = [byId("zoom").valueAsNumber, byId("turn").valueAsNumber];
  byId("zoom-shown").textContent = `× ${zoom.toFixed(1)}`;
  byId("turn-shown").textContent = `${turn}°`;
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d");
  if (zoom === 1 && turn === 0) context.drawImage(chosen.source, 0, 0);
  else {
    [context.fillStyle, context.imageSmoothingQuality] = ["#808080", "high"];
    context.fillRect(0, 0, width, height);
    context.translate(width / 2, height / 2);
    context.rotate((turn * Math.PI) / 180);
    context.scale(zoom, zoom);
    context.drawImage(chosen.source, -width / 2, -height / 2);
  }
  pixels = read(canvas);
  draw(byId("picture"), pixels, chosen.painted);
  probabilities = await ask(pixels);
  if (chosen.target === null) chosen.target = probabilities.indexOf(Math.max(...probabilities));
  showTop();
  guessed();
  say(`${chosen.name}. Choose a class, guess, then press Explain.`);
  byId("explain").disabled = false;
  document.body.dataset.said = chosen.name;
});

function showTop() {
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]).slice(0, 5);
  byId("top").replaceChildren(
    ...order.map((target) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.append(
        Object.assign(document.createElement("span"), { textContent: data.categories[target] }),
        Object.assign(document.createElement("span"), { textContent: percent(probabilities[target]) }),
      );
      button.style.setProperty("--share", `${100 * probabilities[target]}%`);
      button.setAttribute("aria-pressed", target === chosen.target);
      button.dataset.probability = probabilities[target];
      button.addEventListener("click", () => chooseClass(target));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  byId("class").value = data.categories[chosen.target];
  byId("said").textContent = `${data.categories[chosen.target]}: ${percent(probabilities[chosen.target])}`;
}

function chooseClass(target) {
  chosen.target = target;
  showTop();
  guessed();
}

// The map

function explain() {
  const baseline = byId("baseline").value;
  const from = baseline in BASELINES ? BASELINES[baseline](pixels, data.shape) : read(data.photos[baseline.slice(6)].canvas);
  const [nodes, weights] = nodesAndWeights(byId("rule").value, Number(byId("steps").value));
  requests += 1;
  if (result?.done) {
    earlier = result;
    draw2(byId("before"), earlier);
    byId("before").setAttribute("aria-label", `the map before: ${earlier.about}`);
    byId("of-before").textContent = earlier.question;
  }
  const question = `for ${data.categories[chosen.target]}, from ${byId("baseline").selectedOptions[0].text}`;
  const about = `${question}, ${nodes.length} points`;
  result = { id: requests, nodes, from, to: pixels, scores: [], sums: [], question, about, done: false, began: performance.now(), target: chosen.target };
  delete document.body.dataset.explained;
  worker.postMessage({ kind: "integrate", id: requests, from, to: pixels, target: chosen.target, nodes, weights });
}

function showStep({ id, step, alpha, score, sum, first, last, values }) {
  if (id !== result?.id) return;
  result.scores.push([alpha, score]);
  result.sums.push([alpha, first + sum]);
  Object.assign(result, { values, sum, first, last, map: channelSum(values, data.shape) });
  byId("progress").value = step / result.nodes.length;
  byId("alpha").textContent = `α = ${alpha.toFixed(2)}`;
  draw(byId("between"), result.from.map((value, k) => value + alpha * (result.to[k] - value)));
  draw2(byId("map"), result);
  byId("of-map").textContent = result.question;
  byId("of-map").parentElement.title = result.about;
  showSums();
  byId("sum").textContent = `: ${fixed(first + sum)} of ${fixed(last)}`;
  byId("sum").dataset.value = sum;
  byId("sum").dataset.rise = last - first;
  byId("map").setAttribute("aria-label", `the map ${result.about}: after ${step} of ${result.nodes.length} steps its sum is ${fixed(sum)}`);
  if (step < result.nodes.length) return;
  result.done = true;
  window.explained = result; // for the console, and the tests
  const seconds = (performance.now() - result.began) / 1000;
  say(`${result.nodes.length} gradients in ${seconds.toFixed(1)} s; the sum is ${percent(Math.abs((sum - (last - first)) / (last - first)))} off.`);
  document.body.dataset.explained = id;
  document.body.dataset.seconds = seconds;
  guessed();
}

/** A map on its canvas, pixel by pixel or summed over squares. */
function draw2(canvas, { map }) {
  const summed = byId("summed").checked ? squares(map, width, SIDE) : { summed: map, columns: width };
  const limit = percentile(summed.summed, byId("summed").checked ? 1 : ENDS_AT);
  [canvas.width, canvas.height] = [summed.columns, summed.summed.length / summed.columns];
  const image = canvas.getContext("2d").createImageData(canvas.width, canvas.height);
  summed.summed.forEach((value, at) => image.data.set([...color(value / limit), 255], 4 * at));
  canvas.getContext("2d").putImageData(image, 0, 0);
  byId(canvas.id === "map" ? "limit" : "limit-before").textContent = limit.toPrecision(2);
}

function showSums() {
  const all = [...result.scores, ...result.sums, [0, result.first], [1, result.last]].map(([, value]) => value);
  const [low, high] = [Math.min(0, ...all), Math.max(...all, 1e-6)];
  const line = (points, look) => {
    const places = points.map(([x, y]) => `${(300 * x).toFixed(1)} ${(115 - (110 * (y - low)) / (high - low)).toFixed(1)}`);
    return `<path d="M${places.join("L")}" fill="none" vector-effect="non-scaling-stroke" ${look}/>`;
  };
  byId("sums").innerHTML =
    line([[0, result.last], [1, result.last]], 'stroke="currentColor" stroke-dasharray="2 4"') +
    line([[0, result.first], ...result.scores], 'stroke="var(--blue)" stroke-width="3"') +
    line([[0, result.first], ...result.sums], 'stroke="var(--red)" stroke-width="3" stroke-dasharray="8 4"');
  byId("sums").setAttribute("aria-label", `the score on the path (line), and F(x′) + the sum so far (dashed): ${fixed(result.first + result.sum)} of ${fixed(result.last)}`);
}

// The guess

const guessed = lastWins(async () => {
  if (!probabilities) return;
  const by = byId("by").value;
  const share = byId("share").valueAsNumber / 100;
  byId("share-shown").textContent = by === "painted" ? "as painted" : `${percent(share)} of the squares`;
  let kept = chosen.painted;
  if (by !== "painted") {
    if (by === "map" && !result?.done) return void (byId("guess").textContent = "Press Explain first: there is no map yet.");
    const columns = Math.ceil(width / SIDE);
    const ranking = by === "map" ? squares(result.map, width, SIDE).summed : Float32Array.from({ length: columns * Math.ceil(height / SIDE) }, random(7));
    kept = keptBy(ranking, columns, width, height, SIDE, share);
  } else if (!kept.some(Boolean)) {
    byId("guess").textContent = "Paint on the picture what you think matters (arrow keys and space work, too).";
    return;
  }
  const picture = masked(pixels, kept, channels);
  draw(byId("picture"), by === "painted" ? pixels : picture, by === "painted" ? kept : undefined);
  const [only, without] = [await ask(picture), await ask(masked(pixels, kept.map((keep) => 1 - keep), channels))];
  const name = data.categories[chosen.target];
  byId("guess").textContent =
    `${name}: ${percent(probabilities[chosen.target])} whole, ${percent(only[chosen.target])} with only this left, ${percent(without[chosen.target])} with just this hidden.`;
  byId("guess").dataset.only = only[chosen.target];
});

function showBrush() {
  draw(byId("picture"), pixels, chosen.painted);
  const context = byId("picture").getContext("2d");
  context.beginPath();
  context.arc(brush.x * width, brush.y * height, BRUSH, 0, 2 * Math.PI);
  [context.lineWidth, context.strokeStyle] = [width / 75, "#d00000"];
  context.stroke();
  const place = `${percent(brush.x)} from the left, ${percent(brush.y)} from the top`;
  byId("picture").setAttribute("aria-label", `the picture: ${chosen.name}; the brush is ${place}`);
}

function paint(x, y) {
  for (let row = 0; row < height; row += 1) for (let column = 0; column < width; column += 1)
    if (Math.hypot(column - x * width, row - y * height) < BRUSH) chosen.painted[row * width + column] = 1;
  byId("by").value = "painted";
  draw(byId("picture"), pixels, chosen.painted);
  guessed();
}

const brush = { x: 0.5, y: 0.5 };
byId("picture").addEventListener("keydown", (event) => {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key];
  if (!move || !pixels) return;
  event.preventDefault();
  [brush.x, brush.y] = [brush.x + move[0] / 16, brush.y + move[1] / 16].map((place) => Math.max(0, Math.min(1, place)));
  if (event.key === " ") paint(brush.x, brush.y);
  else showBrush();
});
for (const kind of ["pointerdown", "pointermove"]) {
  byId("picture").addEventListener(kind, (event) => {
    if (!pixels || !(event.buttons & 1)) return;
    const box = byId("picture").getBoundingClientRect();
    paint((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
}

// What the reader does

byId("file").addEventListener("change", () => takePhoto(byId("file").files[0], byId("file").files[0]?.name));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const [file] = event.dataTransfer.files;
  takePhoto(file, file?.name);
});
document.addEventListener("paste", (event) => {
  if (event.target.matches("input")) return; // text for its own field
  const [file] = event.clipboardData.files;
  takePhoto(file, "the pasted picture");
});
for (const id of ["zoom", "turn"]) byId(id).addEventListener("input", () => transformed());
for (const id of ["by", "share"]) byId(id).addEventListener("input", () => guessed());
byId("camera").hidden = !navigator.mediaDevices?.getUserMedia;
byId("camera").addEventListener("click", photograph);
byId("clear").addEventListener("click", () => {
  chosen.painted.fill(0);
  draw(byId("picture"), pixels, chosen.painted);
  guessed();
});
byId("divide").addEventListener("input", () => byId("map").style.setProperty("--divide", `${100 * byId("divide").valueAsNumber}%`));
byId("summed").addEventListener("change", () => {
  if (result?.map) draw2(byId("map"), result);
  if (earlier) draw2(byId("before"), earlier);
});
byId("class").addEventListener("change", () => {
  const target = data.categories.indexOf(byId("class").value);
  if (target >= 0) chooseClass(target);
  else say(`The network knows no class “${byId("class").value}”.`);
});
byId("explain").addEventListener("click", explain);

// The start

const RUNS = { wasm: "It runs on one thread of this machine.", webgpu: "It runs on this machine’s graphics card." };

async function ready(provider) {
  say("");
  byId("about").textContent = `${data.about} ${RUNS[provider]}`;
  document.body.dataset.ready = performance.now();
  await usePhoto(data.photos[0].canvas, data.photos[0].name, data.photos[0].source);
}

async function begin() {
  byId("about").textContent = data.about;
  byId("classes").replaceChildren(...data.categories.map((name) => new Option(name)));
  for (const name of Object.keys(BASELINES)) byId("baseline").append(new Option(name, name));
  let files = await unpacked("pictures");
  for (const [at, photo] of data.photos.entries()) {
    const url = URL.createObjectURL(new Blob([files.subarray(0, photo.size)], { type: "image/webp" }));
    files = files.subarray(photo.size);
    const button = Object.assign(document.createElement("button"), { type: "button", title: photo.name });
    const image = Object.assign(new Image(), { src: url, alt: photo.name });
    button.append(image);
    button.addEventListener("click", () => usePhoto(photo.canvas, photo.name, photo.source));
    byId("photos").append(button);
    byId("baseline").append(new Option(`the photo ${photo.name}`, `photo-${at}`));
    await image.decode();
    photo.canvas = canvasOf(width, height);
    photo.canvas.getContext("2d").drawImage(image, 0, 0);
  }
  const [weights, graph, wasm] = await Promise.all(["weights", "graph", "wasm"].map(unpacked));
  const all = { weights: ofPlanes(weights), graph, wasm };
  const given = { kind: "start", webgpu: data.webgpu, shape: data.shape, classes: data.categories.length, ...all };
  worker.postMessage(given, Object.values(all).map((part) => part.buffer));
}
begin().catch((error) => {
  const as = document.characterSet === "windows-1252" ? "" : ` A server sends it as ${document.characterSet}; open the file itself.`;
  say(`The page could not unpack itself: ${error.message}.${as}`);
});
