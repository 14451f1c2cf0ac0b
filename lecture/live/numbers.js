// What the page computes by itself: what is packed, where the steps are, baselines, squares of pixels, colours.

/** The bytes that stand in a page's text, a character each, as lecture.live.packing puts them there. */
function bytesOf(text) {
  const high = new TextDecoder("windows-1252").decode(Uint8Array.from({ length: 32 }, (_, k) => 128 + k));
  const byteOf = new Map(Array.from(high, (letter, k) => [letter.charCodeAt(0), 128 + k]));
  const made = new Uint8Array(text.length);
  let size = 0;
  for (let at = 0; at < text.length; at += 1) {
    let code = text.charCodeAt(at);
    const shift = code === 61 ? 64 : 0;
    if (shift) code = text.charCodeAt((at += 1));
    made[size] = (code < 256 ? code : byteOf.get(code)) - shift;
    size += 1;
  }
  return made.subarray(0, size);
}

/** Numbers whose bytes lie plane by plane, their signs last. */
function ofPlanes(planes) {
  const size = planes.length / 4;
  const made = new Uint32Array(size);
  for (let k = 0; k < size; k += 1) {
    const turned = planes[k] | (planes[size + k] << 8) | (planes[2 * size + k] << 16) | (planes[3 * size + k] << 24);
    made[k] = (turned >>> 1) | (turned << 31);
  }
  return new Uint8Array(made.buffer);
}

/** Nodes and weights on [0, 1], as igref.attribution.quadrature has them. */
function nodesAndWeights(rule, n) {
  const each = (count, at, weight) => [Array.from({ length: count }, (_, k) => at(k)), Array.from({ length: count }, (_, k) => weight(k))];
  if (rule === "left") return each(n, (k) => k / n, () => 1 / n);
  if (rule === "right") return each(n, (k) => (k + 1) / n, () => 1 / n);
  if (rule === "midpoint") return each(n, (k) => (k + 0.5) / n, () => 1 / n);
  return each(n + 1, (k) => k / n, (k) => (k === 0 || k === n ? 0.5 : 1) / n); // trapezoid
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A Gaussian filter over height and width, edges mirrored, four sigma wide: as igref's blurred baseline. */
function blurred(pixels, [channels, height, width], sigma) {
  const reach = Math.floor(4 * sigma + 0.5);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * sigma ** 2)));
  const total = kernel.reduce((sum, value) => sum + value);
  const mirrored = (at, size) => {
    const within = ((at % (2 * size)) + 2 * size) % (2 * size);
    return within < size ? within : 2 * size - 1 - within;
  };
  const along = (from, size, place) => {
    const made = new Float32Array(from.length);
    for (let at = 0; at < from.length; at += 1) {
      const [start, stride, where] = place(at);
      let sum = 0;
      for (let k = -reach; k <= reach; k += 1) sum += kernel[k + reach] * from[start + stride * mirrored(where + k, size)];
      made[at] = sum / total;
    }
    return made;
  };
  const rows = along(pixels, height, (at) => [at - width * (Math.floor(at / width) % height), width, Math.floor(at / width) % height]);
  return along(rows, width, (at) => [at - (at % width), 1, at % width]);
}

/** The baselines of the page by name, each a picture like x. */
const BASELINES = {
  black: (x) => new Float32Array(x.length),
  white: (x) => new Float32Array(x.length).fill(1),
  blurred: (x, shape) => blurred(x, shape, (20 * Math.min(shape[1], shape[2])) / 224),
  noise: (x) => Float32Array.from(x, random(1)),
};

/** Attributions summed over channels: height x width. */
function channelSum(values, [channels, height, width]) {
  const size = height * width;
  const summed = new Float32Array(size);
  for (let k = 0; k < channels * size; k += 1) summed[k % size] += values[k];
  return summed;
}

/** A map summed over squares; what is left at the right and lower edge is a smaller one. */
function squares(map, width, side) {
  const height = map.length / width;
  const columns = Math.ceil(width / side);
  const summed = new Float32Array(columns * Math.ceil(height / side));
  map.forEach((value, at) => (summed[Math.floor(Math.floor(at / width) / side) * columns + Math.floor((at % width) / side)] += value));
  return { summed, columns };
}

/** Which pixels are kept: the `share` of squares that come first in a ranking. */
function keptBy(ranking, columns, width, height, side, share) {
  const order = Array.from(ranking.keys()).sort((a, b) => ranking[b] - ranking[a]);
  const kept = new Set(order.slice(0, Math.round(share * order.length)));
  return Uint8Array.from({ length: width * height }, (_, at) =>
    kept.has(Math.floor(Math.floor(at / width) / side) * columns + Math.floor((at % width) / side)) ? 1 : 0,
  );
}

/** The picture where it is kept, its mean colour elsewhere. */
function masked(pixels, kept, channels) {
  const size = kept.length;
  const made = Float32Array.from(pixels);
  for (let channel = 0; channel < channels; channel += 1) {
    const part = pixels.subarray(channel * size, (channel + 1) * size);
    const mean = part.reduce((sum, value) => sum + value, 0) / size;
    kept.forEach((keep, at) => { if (!keep) made[channel * size + at] = mean; });
  }
  return made;
}

/** The value below which a share of the sizes lies. */
function percentile(values, share) {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] || sizes.at(-1) || 1;
}

/** From blue, against the class, over white, nothing, to red, for it. */
function color(share) {
  const end = share < 0 ? [33, 102, 172] : [178, 24, 43];
  const size = Math.min(1, Math.abs(share));
  return end.map((value) => Math.round(255 + size * (value - 255)));
}
