"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const flame = document.getElementById("flame");
const said = document.getElementById("said");
const find = document.getElementById("find");
const choice = document.getElementById("graph");
const ROW = 22; // pixels, of a frame and the gap below
const CHARACTER = 7.3; // pixels, of a letter on average
let root = data.graphs[0].root;
let path = [root]; // from the root to the frame that is as wide as the page

const percent = (part, whole) => `${(100 * part / whole).toPrecision(3)} %`;

// What a frame is, in words.
function describe(node, parent) {
  const shares = [`${node.s.toLocaleString("en")} samples`, `${percent(node.s, root.s)} of all`];
  if (parent && parent !== root) shares.push(`${percent(node.s, parent.s)} of ${parent.n}`);
  return `${node.n} (${data.labels[node.k]}${node.f ? `, ${node.f}` : ""}): ${shares.join(", ")}`;
}

// A name in so many pixels. Operators often begin alike: their middle goes first.
function fitting(name, pixels) {
  const room = Math.floor((pixels - 10) / CHARACTER);
  if (name.length <= room) return name;
  if (room < 5) return "";
  const head = Math.floor((room - 1) / 3);
  return `${name.slice(0, head)}…${name.slice(name.length - (room - 1 - head))}`;
}

function box(node, parent, above, left, width, depth) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = data.kinds[node.k];
  button.textContent = fitting(node.n, width * flame.clientWidth);
  button.dataset.name = node.n.toLowerCase();
  button.title = describe(node, parent);
  button.style.left = `${100 * left}%`;
  button.style.width = `${100 * width}%`;
  button.style.top = `${ROW * depth}px`;
  button.setAttribute("role", "treeitem");
  button.setAttribute("aria-label", button.title);
  if (above.includes(node) && node !== above[above.length - 1]) button.classList.add("above");
  button.addEventListener("click", () => { path = trail(node); draw(); });
  button.addEventListener("pointerenter", () => { said.textContent = button.title; });
  button.addEventListener("focus", () => { said.textContent = button.title; });
  flame.append(button);
}

// From the root to a node.
function trail(node, at = root, so_far = []) {
  const here = [...so_far, at];
  if (at === node) return here;
  for (const inner of at.c) {
    const found = trail(node, inner, here);
    if (found) return found;
  }
  return null;
}

// A node and all below, in pixels of a page that is `whole` wide: what is narrower than one is left out.
function below(node, parent, left, width, depth, whole) {
  box(node, parent, path, left, width, depth);
  let deepest = depth;
  let at = left;
  for (const inner of node.c) {
    const share = width * inner.s / node.s;
    if (share * whole >= 1) deepest = Math.max(deepest, below(inner, node, at, share, depth + 1, whole));
    at += share;
  }
  return deepest;
}

function draw() {
  flame.replaceChildren();
  const last = path.length - 1;
  path.slice(0, last).forEach((node, depth) => box(node, path[depth - 1], path, 0, 1, depth));
  const deepest = below(path[last], path[last - 1], 0, 1, last, flame.clientWidth);
  flame.style.height = `${ROW * (deepest + 1)}px`;
  mark();
}

// Samples below frames whose name has the text in it; what is inside another is counted once.
function matching(node, text) {
  if (node.n.toLowerCase().includes(text)) return node.s;
  return node.c.reduce((sum, inner) => sum + matching(inner, text), 0);
}

function mark() {
  const text = find.value.trim().toLowerCase();
  for (const button of flame.children) {
    button.classList.toggle("found", text !== "" && button.dataset.name.includes(text));
  }
  document.getElementById("found").textContent = text === "" ? "" : percent(matching(root, text), root.s);
}

find.addEventListener("input", mark);
document.getElementById("whole").addEventListener("click", () => { path = [root]; draw(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { path = [root]; draw(); }
});
if (choice) {
  choice.addEventListener("change", () => {
    root = data.graphs[choice.value].root;
    path = [root];
    draw();
  });
}
window.addEventListener("resize", draw);
draw();
