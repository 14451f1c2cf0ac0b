// The two charts, as SVG in pixels of the screen, with every length in units of the smallest text.

const [INK, BLUE, VERMILLION, CONTROL] = ["ink", "blue", "vermillion", "control"].map((name) => `var(--${name})`); // of the page
const SVG = "http://www.w3.org/2000/svg";

function draw(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

const line = (points) => "M" + points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L");

/** An empty chart that fills its element, with axes; returns where values lie in it. */
function axes(element, { x, y, xTicks, yTicks, xLabel, margin }) {
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const { clientWidth: width, clientHeight: height } = element;
  const [left, right, top, bottom] = [margin * unit, width - 0.9 * unit, 0.9 * unit, height - 1.8 * unit];
  element.replaceChildren();
  const svg = draw(element, "svg", { width, height, "aria-hidden": "true" });
  const toX = (value) => left + x(value) * (right - left);
  const toY = (value) => bottom - y(value) * (bottom - top);
  for (const [value, text] of yTicks) {
    draw(svg, "path", { d: line([[left, toY(value)], [right, toY(value)]]), stroke: "var(--line)" });
    draw(svg, "text", { x: left - 0.4 * unit, y: toY(value) + 0.35 * unit, "text-anchor": "end" }, text);
  }
  for (const [value, text] of xTicks) {
    draw(svg, "path", { d: line([[toX(value), bottom], [toX(value), bottom + 0.25 * unit]]), stroke: INK });
    draw(svg, "text", { x: toX(value), y: bottom + 1.2 * unit, "text-anchor": "middle" }, text);
  }
  const label = draw(svg, "text", { x: left - 0.9 * unit, y: bottom + 1.2 * unit, "text-anchor": "end" }, xLabel);
  label.style.fontStyle = xLabel.length === 1 ? "italic" : "normal";
  draw(svg, "path", { d: line([[left, top], [left, bottom], [right, bottom]]), stroke: INK, fill: "none" });
  return { svg, toX, toY, unit };
}

/** F along the path with a marker at alpha, and F(x') plus the map's sum after each step taken so far, which ends at `at`. */
function drawAlong(element, { scores, sums, at, alpha }) {
  const last = scores.length - 1;
  const running = sums.map((sum) => scores[0] + sum);
  const high = Math.max(...scores, ...running);
  const low = Math.min(0, ...running);
  const step = [0.05, 0.1, 0.2, 0.5, 1].find((size) => high - low <= 5 * size) ?? Math.ceil((high - low) / 5);
  const floor = step * Math.floor(low / step);
  const ceiling = Math.max(high, floor + step);
  const yTicks = [];
  for (let value = floor; value <= ceiling + 1e-9; value += step) yTicks.push([value, value.toFixed(step < 0.1 ? 2 : 1)]);
  const { svg, toX, toY, unit } = axes(element, {
    x: (value) => value,
    y: (value) => (value - floor) / (1.03 * (ceiling - floor)),
    xTicks: [0, 0.25, 0.5, 0.75, 1].map((value) => [value, String(value)]),
    yTicks,
    xLabel: "α",
    margin: 2.4,
  });
  draw(svg, "path", { d: line([[toX(alpha), toY(floor)], [toX(alpha), 0]]), stroke: INK, "stroke-dasharray": "2 4" });
  const curve = scores.map((score, k) => [toX(k / last), toY(score)]);
  draw(svg, "path", { d: line(curve), stroke: BLUE, "stroke-width": 0.2 * unit, fill: "none" });
  const points = running.map((value, m) => [toX(at[m]), toY(value)]);
  draw(svg, "path", {
    d: line(points), stroke: VERMILLION, "stroke-width": 0.16 * unit, fill: "none", "stroke-dasharray": `${0.45 * unit} ${0.25 * unit}`,
  });
  if (at.length <= 26) {
    for (const [x, y] of points) draw(svg, "rect", { x: x - 0.25 * unit, y: y - 0.25 * unit, width: 0.5 * unit, height: 0.5 * unit, fill: VERMILLION });
  }
  const reached = scores[Math.round(alpha * last)];
  draw(svg, "circle", { cx: toX(alpha), cy: toY(reached), r: 0.42 * unit, fill: BLUE, stroke: "var(--paper)", "stroke-width": 0.12 * unit });
}

/** The relative gap after all steps, for every count of each rule. */
function drawConvergence(element, { gaps, rule, nSteps }) {
  const counts = Object.values(gaps).flatMap((ofRule) => ofRule.map(([n]) => n));
  const most = Math.log(Math.max(...counts));
  const shown = Object.values(gaps).flat().map(([, gap]) => gap).filter((gap) => gap > 0 && Number.isFinite(gap));
  const high = Math.min(1, Math.max(0, Math.ceil(Math.log10(Math.max(...shown)))));
  const low = Math.max(-4, Math.min(-2, Math.floor(Math.log10(Math.min(...shown)))));
  const limited = (gap) => Math.max(low, Math.min(high, Math.log10(Math.max(gap, 1e-9))));
  const yTicks = [];
  for (let power = low; power <= high; power += 1) yTicks.push([10 ** power, `${Number((100 * 10 ** power).toPrecision(1))} %`]);
  const { svg, toX, toY, unit } = axes(element, {
    x: (n) => Math.log(n) / most,
    y: (gap) => (limited(gap) - low) / (high - low),
    xTicks: [1, 2, 5, 10, 20, 40, 100, 200].filter((n) => counts.includes(n)).map((n) => [n, String(n)]),
    yTicks,
    xLabel: "steps",
    margin: 4,
  });
  const place = (ofRule) => ofRule.map(([n, gap]) => [toX(n), toY(gap)]);
  for (const [name, ofRule] of Object.entries(gaps)) {
    if (name !== rule) draw(svg, "path", { d: line(place(ofRule)), stroke: CONTROL, "stroke-width": 0.1 * unit, fill: "none" });
  }
  draw(svg, "path", { d: line([[toX(1), toY(0.05)], [toX(Math.exp(most)), toY(0.05)]]), stroke: INK, "stroke-dasharray": "6 4" });
  draw(svg, "path", {
    d: line(place(gaps[rule])), stroke: VERMILLION, "stroke-width": 0.18 * unit, fill: "none", "stroke-dasharray": `${0.45 * unit} ${0.25 * unit}`,
  });
  for (const [n, gap] of gaps[rule]) {
    const here = n === nSteps;
    const r = (here ? 0.42 : 0.25) * unit;
    draw(svg, "rect", { x: toX(n) - r, y: toY(gap) - r, width: 2 * r, height: 2 * r, fill: VERMILLION, stroke: here ? INK : "none", "stroke-width": 0.14 * unit });
  }
  draw(svg, "text", { x: toX(1) + 0.3 * unit, y: toY(0.05) - 0.25 * unit }, "5 %");
}
