// What a page shows, measured: the size and the contrast of its text, and what sticks out of a frame or is cut off.
// Defines `measures`; each function returns a list of sentences about what is wrong, or of what it found.

const measures = (() => {
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const inMath = "math, .katex, mjx-container";
  const notText = "script, style, noscript, template, option, title, desc, .visually-hidden";

  /** Every piece of visible text under a root, with its element. */
  function texts(root) {
    const found = [];
    // What is not displayed is left out as a whole: of a deck that is all slides but one.
    const displayed = (node) => (node.nodeType === Node.TEXT_NODE ? NodeFilter.FILTER_ACCEPT : node.checkVisibility() ? NodeFilter.FILTER_SKIP : NodeFilter.FILTER_REJECT);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, displayed);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.data.trim();
      if (!text || element.closest(notText) || !shown(element)) continue;
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      found.push({ text, element, boxes: [...range.getClientRects()] });
    }
    for (const element of root.querySelectorAll("select, input[type=text]")) {
      if (shown(element)) found.push({ text: element.value, element, boxes: [element.getBoundingClientRect()] });
    }
    return found;
  }

  /** How much larger an element is on the screen than its styles say: reveal.js scales its slides. From a wide one: widths are rounded. */
  function scale(element) {
    const graphics = element.closest("svg")?.parentElement;
    if (graphics && element.getScreenCTM) {
      const { a, b } = element.getScreenCTM();
      return Math.hypot(a, b);
    }
    let box = graphics ?? element;
    while (box && !(box.offsetWidth > 300)) box = box.parentElement;
    return box ? box.getBoundingClientRect().width / box.offsetWidth : 1;
  }

  const pixel = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", {
    willReadFrequently: true,
  });
  const known = new Map();
  /** Any colour of a style as red, green, blue in 0 to 255, and opacity in 0 to 1. */
  function rgba(color) {
    if (!known.has(color)) {
      pixel.clearRect(0, 0, 1, 1);
      pixel.fillStyle = color;
      pixel.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
      known.set(color, [red, green, blue, alpha / 255]);
    }
    return known.get(color);
  }
  const over = ([r, g, b, alpha], below) => [r, g, b].map((value, at) => alpha * value + (1 - alpha) * below[at]);

  /** The colour behind an element, from its own background and those of its ancestors. */
  function behind(element) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = at.dataset?.backgroundColor ?? getComputedStyle(at).backgroundColor;
      layers.push(rgba(color));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  }

  function luminance(color) {
    const [red, green, blue] = color.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  /** WCAG 2.2, contrast ratio. */
  function contrast(element) {
    const style = getComputedStyle(element);
    const background = behind(element);
    let [red, green, blue, alpha] = rgba(element instanceof SVGElement ? style.fill : style.color);
    for (let at = element; at; at = at.parentElement) alpha *= Number(getComputedStyle(at).opacity);
    const [high, low] = [over([red, green, blue, alpha], background), background].map(luminance).sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  }

  const quote = (text) => `"${text.replace(/\s+/g, " ").slice(0, 50)}"`;

  function smallText(root, least) {
    return texts(root)
      .filter(({ element }) => !element.closest("sup, sub"))
      // The signs of an equation may be small where they are raised; the equation itself may not.
      .map(({ text, element }) => ({ text, element: element.closest(inMath) ?? element }))
      .map(({ text, element }) => [text, parseFloat(getComputedStyle(element).fontSize) * scale(element)])
      .filter(([, size]) => size < least - 0.05)
      .map(([text, size]) => `${quote(text)} has ${size.toFixed(1)} px`);
  }

  function paleText(root, least) {
    return texts(root)
      .map(({ text, element }) => [text, contrast(element)])
      .filter(([, ratio]) => ratio < least)
      .map(([text, ratio]) => `${quote(text)} has a contrast of ${ratio.toFixed(2)}`);
  }

  const name = (element) => `<${element.localName} ${element.id || element.className?.baseVal || element.className || ""}>`;

  /** What is to be seen under a root: its name, its boxes on the screen, and the first element that could cut it off. */
  function pieces(root) {
    const found = texts(root).map(({ text, element, boxes }) => ({ what: quote(text), boxes, within: element }));
    for (const element of root.querySelectorAll("img, svg, canvas, video, table, iframe, input, button, select, pre")) {
      if (!shown(element)) continue;
      found.push({ what: name(element), boxes: [element.getBoundingClientRect()], within: element.parentElement });
    }
    return found;
  }

  /** What reaches over the edge of a frame {left, top, right, bottom}, or of a box that cuts. */
  function outside(root, frame) {
    const wrong = [];
    for (const { what, boxes, within } of pieces(root)) {
      for (const box of boxes) {
        if (box.width === 0 || box.height === 0) continue;
        const over = Math.max(frame.left - box.left, frame.top - box.top, box.right - frame.right, box.bottom - frame.bottom);
        if (over > 1) wrong.push(`${what} reaches ${over.toFixed(0)} px over the edge`);
        for (let at = within; at && at !== root.parentElement; at = at.parentElement) {
          const { overflowX, overflowY } = getComputedStyle(at);
          const cut = at.getBoundingClientRect();
          const beyond = Math.max(
            overflowX === "visible" ? 0 : Math.max(cut.left - box.left, box.right - cut.right),
            overflowY === "visible" ? 0 : Math.max(cut.top - box.top, box.bottom - cut.bottom),
          );
          if (beyond > 1.5) wrong.push(`${what} is cut off by ${beyond.toFixed(0)} px in ${name(at)}`);
        }
      }
    }
    return [...new Set(wrong)];
  }

  /** What lies under something else, as under the arrows of a slide. */
  function covered(root, byWhat) {
    const wrong = [];
    for (const above of document.querySelectorAll(byWhat)) {
      const top = above.getBoundingClientRect();
      if (!shown(above) || top.width === 0) continue;
      for (const { what, boxes } of pieces(root)) {
        const overlap = (box) => [
          Math.min(box.right, top.right) - Math.max(box.left, top.left),
          Math.min(box.bottom, top.bottom) - Math.max(box.top, top.top),
        ];
        if (boxes.some((box) => Math.min(...overlap(box)) > 1)) wrong.push(`${what} lies under ${name(above)}`);
      }
    }
    return wrong;
  }

  function pictures(root) {
    const wrong = [];
    for (const picture of root.querySelectorAll("img")) {
      if (!picture.getAttribute("alt")?.trim()) wrong.push("a picture has no alternative text");
      if (!picture.complete || picture.naturalWidth === 0) wrong.push(`the picture ${quote(picture.alt)} did not load`);
    }
    for (const drawn of root.querySelectorAll("canvas, [role=img]")) {
      if (!drawn.getAttribute("aria-label")?.trim()) wrong.push(`<${drawn.localName} id=${drawn.id}> has no alternative text`);
    }
    return wrong;
  }

  /** What is left of TeX in the text, outside of code, and equations that their renderer could not read. */
  function rawEquations(root) {
    const wrong = texts(root)
      .filter(({ element }) => !element.closest("code, pre, annotation, annotation-xml, svg"))
      .filter(({ text }) => /\$[^$\d][^$]*\$|\\\(|\\\[|\\[a-zA-Z]{2,}/.test(text))
      .map(({ text }) => `${quote(text)} looks like TeX`);
    const failed = root.querySelectorAll("merror, .katex-error, mjx-merror");
    return wrong.concat([...failed].map((element) => `${quote(element.textContent)} is no equation`));
  }

  /** What fades or moves by its style, for a reader who asked for stillness. */
  function moving(root) {
    const lasts = (times) => times.split(",").some((time) => parseFloat(time) > 0.001);
    return [...root.querySelectorAll("*")]
      .filter((element) => {
        const { transitionDuration, animationDuration, animationName } = getComputedStyle(element);
        return lasts(transitionDuration) || (animationName !== "none" && lasts(animationDuration));
      })
      .map((element) => `${name(element)} moves`);
  }

  /** For each family, weight and style of the page an element with all signs that are set in it, and one for each sign of an equation. */
  function typefaceProbes() {
    const probes = Object.assign(document.createElement("div"), { id: "probes" });
    const signs = new Map();
    const add = (element, text) => {
      const { fontFamily, fontWeight, fontStyle } = getComputedStyle(element);
      const look = JSON.stringify({ fontFamily, fontWeight, fontStyle });
      if (!signs.has(look)) signs.set(look, new Set());
      for (const sign of text.replace(/\s/g, "")) signs.get(look).add(sign);
    };
    const ofEquations = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (element.closest("script, style, noscript, template, title, desc, annotation")) continue;
      if (element.closest("math")) ofEquations.set(element.outerHTML, element);
      else add(element, walker.currentNode.data);
    }
    for (const field of document.querySelectorAll("input[list], input[type=text]")) add(field, field.value);
    for (const [look, set] of signs) {
      const probe = Object.assign(document.createElement("span"), { textContent: [...set].join("") });
      Object.assign(probe.style, JSON.parse(look));
      probe.dataset.probe = "";
      probes.append(probe);
    }
    for (const sign of ofEquations.values()) {
      const equation = document.createElementNS("http://www.w3.org/1998/Math/MathML", "math");
      equation.append(sign.cloneNode(true));
      equation.firstChild.setAttribute("data-probe", "");
      probes.append(equation);
    }
    document.body.append(probes);
    return document.fonts.ready.then(() => probes.offsetWidth);
  }

  return { typefaceProbes, moving, smallText, paleText, outside, covered, pictures, rawEquations };
})();
