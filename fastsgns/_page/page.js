"use strict";
// The explorer's page: a map of words on a canvas, zoomed by d3-zoom; the hash of the address is its only state.

const { words, counts, dimensions } = JSON.parse(document.getElementById("facts").textContent);
const bytes = id => {
  const text = atob(document.getElementById(id).textContent);
  const array = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) array[i] = text.charCodeAt(i);
  return array.buffer;
};
const places = new Float32Array(bytes("places")); // x, y of each word, from -1 to 1
const labels = new Uint8Array(bytes("labels")); // its cluster
const scales = new Float32Array(bytes("scales")); // a word's vector, of length 1, is its row of vectors x its scale
const vectors = new Int16Array(bytes("vectors"));
const lower = words.map(word => word.toLowerCase());
const rowOf = new Map(words.map((word, row) => [word, row]));
const NEIGHBORS = 15;

// --- What Python's most_similar computes -----------------------------------------------------------------------------

function vectorOf(row) {
  return Float64Array.from(vectors.subarray(row * dimensions, (row + 1) * dimensions), part => part * scales[row]);
}

/** Rows and cosines nearest to the mean of the positive and the negated negative words, without these. */
function mostSimilar(positive, negative, topn) {
  const mean = new Float64Array(dimensions);
  for (const [rows, sign] of [[positive, 1], [negative, -1]])
    for (const row of rows) vectorOf(row).forEach((part, i) => { mean[i] += sign * part; });
  const length = Math.hypot(...mean) || 1;
  const given = new Set([...positive, ...negative]);
  const best = []; // from the highest cosine
  for (let row = 0, at = 0; row < words.length; row++) {
    let cosine = 0;
    for (let i = 0; i < dimensions; i++, at++) cosine += vectors[at] * mean[i];
    cosine *= scales[row] / length;
    if (given.has(row) || (best.length === topn && !(cosine > best[topn - 1].cosine))) continue;
    let place = best.length;
    while (place > 0 && best[place - 1].cosine < cosine) place--;
    best.splice(place, 0, { row, cosine });
    if (best.length > topn) best.pop();
  }
  return best;
}

// --- The map ---------------------------------------------------------------------------------------------------------

const PALETTE = ["#4e79a7", "#f28e2c", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#9c755f", "#edc949", "#ff9da7", "#8a8f98"];
const canvas = document.getElementById("map");
const context = canvas.getContext("2d");
const clusters = PALETTE.map((_, label) => Int32Array.from(words.keys()).filter(row => labels[row] === label));
const widths = new Map(); // of labels in pixels, as they are asked for
const quick = matchMedia("(prefers-reduced-motion: reduce)").matches;
let width = 1, height = 1, base = 1, transform = d3.zoomIdentity, hovered = null, pending = false;
let reach = [1e-9, 1e-9];
for (let i = 0; i < places.length; i++) reach[i % 2] = Math.max(reach[i % 2], Math.abs(places[i]));
let shown = { marked: [], near: [] }; // rows selected, and what is like them

const baseX = row => width / 2 + places[2 * row] * base;
const baseY = row => height / 2 - places[2 * row + 1] * base;
const tree = d3.quadtree(Int32Array.from(words.keys()), row => places[2 * row], row => places[2 * row + 1]);

function redraw() {
  if (!pending) requestAnimationFrame(draw);
  pending = true;
}

function draw() {
  pending = false;
  const style = getComputedStyle(canvas);
  const ratio = devicePixelRatio || 1;
  const { x, y, k } = transform;
  const chosen = shown.marked.length > 0;
  const radius = Math.min(5, (words.length > 5000 ? 1 : 1.8) * k ** 0.4);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.globalAlpha = chosen ? 0.25 : 0.75;
  clusters.forEach((rows, label) => {
    context.fillStyle = PALETTE[label];
    context.beginPath();
    for (const row of rows) {
      const px = baseX(row) * k + x, py = baseY(row) * k + y;
      if (px < -radius || py < -radius || px > width + radius || py > height + radius) continue;
      if (radius < 1.6) context.rect(px - radius, py - radius, 2 * radius, 2 * radius);
      else { context.moveTo(px + radius, py); context.arc(px, py, radius, 0, 7); }
    }
    context.fill();
  });
  context.globalAlpha = 1;
  for (const row of [...shown.near, ...shown.marked]) dot(row, Math.max(3.5, radius), style);
  if (hovered !== null) dot(hovered, Math.max(4, radius), style);
  drawLabels(style, radius);
}

function dot(row, radius, style) {
  context.beginPath();
  context.arc(baseX(row) * transform.k + transform.x, baseY(row) * transform.k + transform.y, radius, 0, 7);
  context.fillStyle = PALETTE[labels[row]];
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = shown.marked.includes(row) || row === hovered ? style.color : style.backgroundColor;
  context.stroke();
}

/** Labels where there is room for them: of what is selected, what is like it, and then the most frequent words. */
function drawLabels(style, radius) {
  const { x, y, k } = transform;
  const taken = [];
  const most = Math.max(20, width * height / 7000);
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = style.backgroundColor;
  context.fillStyle = style.color;
  const put = (row, weight, size, alpha, always) => {
    const px = baseX(row) * k + x, py = baseY(row) * k + y;
    if (px < 0 || py < 0 || px > width || py > height) return;
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    const key = weight + size + words[row];
    if (!widths.has(key)) widths.set(key, context.measureText(words[row]).width);
    const long = widths.get(key), off = Math.max(radius, always ? 4 : 0) + 3;
    const left = px + off + long > width ? px - off - long : px + off;
    const box = [left - 2, py - size * 0.7, left + long + 2, py + size * 0.7];
    if (!always && taken.some(other => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) return;
    taken.push(box);
    context.globalAlpha = alpha;
    context.strokeText(words[row], left, py);
    context.fillText(words[row], left, py);
  };
  if (hovered !== null) put(hovered, 600, 14, 1, true);
  for (const row of shown.marked) if (row !== hovered) put(row, 700, 15, 1, true);
  for (const row of shown.near) if (row !== hovered) put(row, 500, 13, 1, false);
  const alpha = shown.marked.length ? 0.4 : 0.9;
  for (let row = 0, looked = 0; row < words.length && taken.length < most && looked < 5000; row++) {
    const px = baseX(row) * k + x, py = baseY(row) * k + y;
    if (px < 0 || py < 0 || px > width || py > height || row === hovered) continue;
    looked++;
    if (!shown.marked.includes(row) && !shown.near.includes(row)) put(row, 400, 12, alpha, false);
  }
  context.globalAlpha = 1;
}

const zoom = d3.zoom().scaleExtent([0.5, 400]).on("zoom", event => { transform = event.transform; redraw(); });
const surface = d3.select(canvas).call(zoom).on("dblclick.zoom", null);
const moving = duration => surface.transition().duration(quick ? 0 : duration);

function resize() {
  ({ clientWidth: width, clientHeight: height } = canvas);
  canvas.width = width * (devicePixelRatio || 1);
  canvas.height = height * (devicePixelRatio || 1);
  base = 0.94 * Math.min(width / 2 / reach[0], height / 2 / reach[1]);
  zoom.extent([[0, 0], [width, height]]).translateExtent([[-width / 2, -height / 2], [1.5 * width, 1.5 * height]]);
  draw();
}

/** Center the map on words, as near as shows their closest neighbours too. */
function flyTo(rows, near) {
  const mean = of => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const [cx, cy] = [mean(baseX), mean(baseY)];
  const far = [...rows, ...near.slice(0, 10)].map(row => Math.hypot(baseX(row) - cx, baseY(row) - cy))
    .sort((first, second) => first - second);
  const span = Math.max(far[rows.length > 1 ? far.length - 1 : Math.floor(0.7 * far.length)] || 0, 1e-6);
  const k = Math.min(30, Math.max(1.5, 0.35 * Math.min(width, height) / span));
  moving(700).call(zoom.transform, d3.zoomIdentity.translate(width / 2, height / 2).scale(k).translate(-cx, -cy));
}

function pick(event) {
  const [px, py] = transform.invert(d3.pointer(event, canvas));
  const row = tree.find((px - width / 2) / base, (height / 2 - py) / base, 12 / transform.k / base);
  return row === undefined ? null : row;
}

canvas.addEventListener("pointermove", event => {
  const row = event.pointerType === "touch" || event.buttons ? null : pick(event);
  if (row === hovered) return;
  hovered = row;
  canvas.style.cursor = row === null ? "grab" : "pointer";
  redraw();
});
canvas.addEventListener("pointerleave", () => { hovered = null; redraw(); });
canvas.addEventListener("click", event => {
  const row = pick(event);
  if (row !== null) { stay = true; choose(row); }
});

// --- What is selected ------------------------------------------------------------------------------------------------

const message = document.getElementById("message");
const chosenPart = document.getElementById("chosen");
const analogyPart = document.getElementById("analogy");
let stay = false; // a click on the map does not move it

const choose = row => go({ word: words[row] });
function go(state) {
  const hash = `#${new URLSearchParams(state)}`;
  if (location.hash !== hash) history.pushState(null, "", hash); // hashchange comes only by hand, and by Back
  show();
}

function list(ol, found) {
  ol.replaceChildren(...found.map(({ row, cosine }) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const word = document.createElement("bdi"), number = document.createElement("span");
    word.textContent = words[row];
    number.textContent = cosine.toFixed(3);
    button.style.setProperty("--part", Math.max(0, cosine));
    button.append(word, number);
    button.onclick = () => choose(row);
    item.append(button);
    return item;
  }));
}

/** Show what the hash says. */
function show() {
  const state = new URLSearchParams(location.hash.slice(1));
  const asked = ["word", "a", "b", "c"].filter(name => state.has(name));
  const unknown = asked.map(name => state.get(name)).find(word => !rowOf.has(word));
  message.textContent = unknown === undefined ? "" : `“${unknown}” is not among these ${words.length.toLocaleString("en")} words`;
  const rows = Object.fromEntries(asked.map(name => [name, rowOf.get(state.get(name))]));
  find.value = state.get("word") ?? "";
  chosenPart.querySelector("h2").textContent = "";
  for (const part of document.querySelectorAll("section ol, #chosen .facts")) part.replaceChildren();
  shown = { marked: [], near: [] };
  if (unknown !== undefined) { /* said above */ }
  else if (rows.word !== undefined) {
    const found = mostSimilar([rows.word], [], NEIGHBORS);
    shown = { marked: [rows.word], near: found.map(({ row }) => row) };
    chosenPart.querySelector("h2").textContent = words[rows.word];
    chosenPart.querySelector(".facts").textContent =
      (counts ? `occurs ${counts[rows.word].toLocaleString("en")} times; ` : "") + "nearest by cosine:";
    list(chosenPart.querySelector("ol"), found);
  } else if (["a", "b", "c"].every(name => name in rows)) {
    const { a, b, c } = rows;
    for (const name of "abc") analogyPart.querySelector(`[name=${name}]`).value = state.get(name);
    const found = mostSimilar([b, c], [a], 10);
    shown = { marked: [a, b, c], near: found.map(({ row }) => row) };
    list(analogyPart.querySelector("ol"), found);
  } else {
    chosenPart.querySelector(".facts").textContent = "Click a point, or search, to see what is near.";
  }
  document.querySelector("aside").scrollTop = 0;
  if (shown.marked.length && !stay) flyTo(shown.marked, rows.word === undefined ? shown.near.slice(0, 1) : shown.near);
  stay = false;
  redraw();
}

// --- Search ----------------------------------------------------------------------------------------------------------

/** Rows of words that are, begin with, or hold the text, the most frequent first. */
function complete(text, most) {
  const wanted = text.trim().toLowerCase(), tiers = [[], [], []];
  if (wanted)
    for (let row = 0; row < words.length && tiers[0].length + tiers[1].length < most; row++) {
      const at = lower[row].indexOf(wanted);
      if (at >= 0) tiers[lower[row] === wanted ? 0 : at === 0 ? 1 : 2].push(row);
    }
  const exact = rowOf.get(text.trim());
  return [...new Set([...(exact === undefined ? [] : [exact]), ...tiers.flat()])].slice(0, most);
}

/** An input that offers completions, by the combobox pattern of WAI-ARIA. */
function combobox(input, done) {
  const ul = document.createElement("ul");
  let found = [], active = -1;
  ul.id = `list-${input.name}`;
  ul.role = "listbox";
  input.role = "combobox";
  input.autocapitalize = "none";
  input.spellcheck = false;
  input.setAttribute("aria-controls", ul.id);
  input.setAttribute("aria-autocomplete", "list");
  input.after(ul);
  const offer = rows => {
    found = rows;
    active = -1;
    ul.replaceChildren(...rows.map((row, place) => {
      const li = document.createElement("li");
      li.id = `${ul.id}-${place}`;
      li.role = "option";
      li.textContent = words[row];
      li.onpointerdown = event => { event.preventDefault(); take(row); };
      return li;
    }));
    mark();
  };
  const mark = () => {
    input.setAttribute("aria-expanded", found.length > 0);
    input.setAttribute("aria-activedescendant", active < 0 ? "" : `${ul.id}-${active}`);
    [...ul.children].forEach((li, place) => li.setAttribute("aria-selected", place === active));
  };
  const take = row => { input.value = words[row]; offer([]); done(row); };
  input.addEventListener("input", () => offer(complete(input.value, 8)));
  input.addEventListener("blur", () => offer([]));
  input.addEventListener("keydown", event => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      active = (active + (event.key === "ArrowDown" ? 1 : -1) + found.length + 1) % (found.length + 1);
      if (active === found.length) active = -1;
      mark();
    } else if (event.key === "Escape" && found.length) {
      event.stopPropagation();
      offer([]);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      take(found[active]);
    }
  });
}

const find = document.getElementById("find").elements.word;
combobox(find, row => { choose(row); find.select(); });
document.getElementById("find").onsubmit = event => {
  event.preventDefault();
  const text = find.value.trim(), [best] = complete(text, 1);
  if (text) go({ word: best === undefined ? text : words[best] });
  find.dispatchEvent(new Event("blur"));
};
const analogy = analogyPart.querySelector("form");
const inputs = ["a", "b", "c"].map(name => analogy.elements[name]);
const ask = () => go(Object.fromEntries(inputs.map(input => {
  const [best] = complete(input.value || input.placeholder, 1);
  return [input.name, best === undefined ? input.value || input.placeholder : words[best]];
})));
inputs.forEach((input, place) => combobox(input, () => (place < 2 ? inputs[place + 1].focus() : ask())));
analogy.onsubmit = event => { event.preventDefault(); ask(); };

// --- Keys, buttons, start --------------------------------------------------------------------------------------------

const ACTIONS = {
  "+": () => moving(200).call(zoom.scaleBy, 1.6),
  "-": () => moving(200).call(zoom.scaleBy, 1 / 1.6),
  "0": () => moving(500).call(zoom.transform, d3.zoomIdentity),
  "/": () => { find.focus(); find.select(); },
  Escape: () => { if (location.hash.length > 1) go({}); },
};
ACTIONS["="] = ACTIONS["+"];
const MOVES = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input") && event.key !== "Escape") return;
  const move = MOVES[event.key], step = 80 / transform.k;
  if (move && event.target === canvas) moving(120).call(zoom.translateBy, step * move[0], step * move[1]);
  else if (ACTIONS[event.key]) ACTIONS[event.key]();
  else return;
  event.preventDefault();
});
for (const [id, key] of [["in", "+"], ["out", "-"], ["all", "0"]]) document.getElementById(id).onclick = ACTIONS[key];
document.getElementById("theme").onclick = () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
    (!document.documentElement.style.colorScheme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.style.colorScheme = dark ? "light" : "dark";
  redraw();
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("hashchange", show);
new ResizeObserver(resize).observe(canvas);
resize();
show();
document.documentElement.dataset.ready = Math.round(performance.now());
