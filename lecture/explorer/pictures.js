// The pictures: frames out of a pair's sheet, and values in the colours of igref.plots.

/** The picture behind a data URL, ready to be drawn. */
async function loadPicture(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
}

/** Every frame of a pair: what (x - x') dF/dx is at each alpha, K x size x size, as packing.py packed it. */
function unpackFrames(sheet, pair, data) {
  const canvas = new OffscreenCanvas(sheet.width, sheet.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  const grey = context.getImageData(0, 0, sheet.width, sheet.height).data;
  const share = Float32Array.from({ length: 2 * data.levels + 1 }, (_, at) => {
    const level = at - data.levels;
    return Math.sign(level) * Math.abs(level / data.levels) ** (1 / data.exponent);
  });
  const size = pair.mapSize;
  const levels = new Int16Array(size * size).fill(data.levels); // of the frame before
  return pair.limits.map((limit, k) => {
    const frame = new Float32Array(size * size);
    const left = (k % data.sheetColumns) * size;
    const top = Math.floor(k / data.sheetColumns) * size;
    for (let row = 0, at = 0; row < size; row += 1) {
      let from = 4 * ((top + row) * sheet.width + left);
      for (let column = 0; column < size; column += 1, at += 1, from += 4) {
        levels[at] += grey[from] - 128;
        frame[at] = limit * share[levels[at]];
      }
    }
    return frame;
  });
}

/** The sum of w_k times frame k. */
function weightedSum(frames, weights) {
  const total = new Float32Array(frames[0].length);
  weights.forEach((weight, k) => {
    if (weight !== 0) frames[k].forEach((value, at) => (total[at] += weight * value));
  });
  return total;
}

/** A square map summed over squares of so many points. */
function squares(values, side) {
  const [size, columns] = [Math.sqrt(values.length), Math.sqrt(values.length) / side];
  const summed = new Float32Array(columns * columns);
  values.forEach((value, at) => (summed[Math.floor(Math.floor(at / size) / side) * columns + Math.floor((at % size) / side)] += value));
  return summed;
}

/** Signed values on a square canvas: blue against the class, white for nothing, red for it, ending at +-limit. */
function drawValues(canvas, values, limit, colormap) {
  const size = Math.sqrt(values.length);
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  values.forEach((value, at) => {
    const share = Math.max(-1, Math.min(1, limit > 0 ? value / limit : 0));
    const [red, green, blue] = colormap[Math.round(127.5 * (share + 1))];
    image.data.set([red, green, blue, 255], 4 * at);
  });
  context.putImageData(image, 0, 0);
}

/** x' + alpha (x - x'). */
function drawBetween(canvas, baseline, photo, alpha) {
  const context = canvas.getContext("2d");
  context.globalAlpha = 1;
  context.drawImage(baseline, 0, 0);
  context.globalAlpha = alpha;
  context.drawImage(photo, 0, 0);
}

function drawScale(element, colormap) {
  const stops = colormap.filter((_, at) => at % 15 === 0).map(([red, green, blue]) => `rgb(${red} ${green} ${blue})`);
  element.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
}
