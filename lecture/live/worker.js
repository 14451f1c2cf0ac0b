// Runs the graph, away from the page's own thread, so that the page answers while a map is computed.

let session, shape, classes;
let wanted = 0; // the number of the last request for a map; older ones stop at their next step

/** A session of a runtime of its own: one that a graphics card has failed answers no more. */
async function begin(provider, { wasm, graph, weights }, options = {}) {
  const ort = await runtime(); // ONNX Runtime Web, which the build puts before this text
  ort.env.wasm.numThreads = 1; // a page from a file has no shared memory
  ort.env.wasm.wasmBinary = wasm;
  self.Tensor = ort.Tensor;
  const externalData = [{ path: "weights", data: weights }];
  session = await ort.InferenceSession.create(graph, { executionProviders: [provider], externalData, ...options });
}

/** The name of what the graph runs on: a graphics card, where the page has the runtime for one and it works, or the processor. */
async function start({ webgpu, ...given }) {
  [shape, classes] = [[1, ...given.shape], given.classes];
  try {
    if (webgpu && (await self.navigator.gpu?.requestAdapter())) {
      const forceCpuNodeNames = webgpu.onCpu.length ? webgpu.onCpu : undefined;
      // Some nodes run beside the card: no need to warn of it.
      await begin({ name: "webgpu", forceCpuNodeNames }, given, { logSeverityLevel: 3 });
      await run(new Float32Array(shape.reduce((one, other) => one * other)), null); // a card may fail only here
      return "webgpu";
    }
  } catch (error) {
    console.info("The graphics card does not run the network, so the processor does.", error);
  }
  await begin({ name: "wasm" }, given);
  return "wasm";
}

/** Probabilities of all classes, and the gradient of the target's by the pixels. */
async function run(pixels, target) {
  const one = new Float32Array(classes);
  if (target !== null) one[target] = 1;
  const given = { picture: new Tensor("float32", pixels, shape), target: new Tensor("float32", one, [1, classes]) };
  const { probabilities, gradient } = await session.run(given);
  return { probabilities: probabilities.data, gradient: gradient.data };
}

const between = (from, to, alpha) => from.map((value, k) => value + alpha * (to[k] - value));
const breath = () => new Promise((done) => setTimeout(done)); // lets newer requests in

/** Integrated gradients, with a message after each step. */
async function integrate({ id, from, to, target, nodes, weights }) {
  const [first, last] = [(await run(from, target)).probabilities[target], (await run(to, target)).probabilities[target]];
  const total = new Float64Array(to.length);
  let sum = 0;
  for (let step = 0; step < nodes.length; step += 1) {
    await breath();
    if (id !== wanted) return;
    const { probabilities, gradient } = await run(between(from, to, nodes[step]), target);
    gradient.forEach((value, k) => {
      const part = weights[step] * (to[k] - from[k]) * value;
      total[k] += part;
      sum += part;
    });
    const values = Float32Array.from(total);
    postMessage({ id, step: step + 1, alpha: nodes[step], score: probabilities[target], sum, first, last, values }, [values.buffer]);
  }
}

onmessage = async ({ data }) => {
  try {
    if (data.kind === "start") {
      postMessage({ kind: "ready", provider: await start(data) });
    } else if (data.kind === "ask") {
      const { probabilities } = await run(data.pixels, null);
      postMessage({ kind: "said", id: data.id, probabilities });
    } else if (data.kind === "integrate") {
      wanted = data.id;
      await integrate(data);
    } else wanted = 0;
  } catch (error) {
    postMessage({ kind: "failed", message: String(error?.message ?? error) });
  }
};
