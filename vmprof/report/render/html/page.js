
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function drawn(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function time(us) {
    const [unit, size] = us >= 999500 ? ["s", 1e6] : us >= 999.5 ? ["ms", 1e3] : us >= 0.9995 ? ["us", 1] : ["ns", 1e-3];
    return `${Number((us / size).toPrecision(3))} ${unit}`;
  }

  // ---- the table: details, sorting, filter, columns

  const details = new Map(); // by row, of those that are open

  function close(row) {
    details.get(row)?.remove();
    details.delete(row);
    row.cells[0].firstElementChild.setAttribute("aria-expanded", "false");
  }

  function open(row) {
    const shapes = heads.findIndex((head) => head.dataset.title === "Argument Shapes");
    const calls = data.calls
      .map((call, number) => ({ ...call, number }))
      .filter((call) => call.row === Number(row.dataset.row));
    const cell = element("td", { colSpan: heads.length });
    if (shapes >= 0) cell.append(element("p", { textContent: row.cells[shapes].title || "no tensor arguments" }));
    if (calls.length) cell.append(element("div", { className: "scroll" }, callTable(calls)));
    const detail = element("tr", { className: "detail" }, cell);
    row.after(detail);
    details.set(row, detail);
    row.cells[0].firstElementChild.setAttribute("aria-expanded", "true");
  }

  function callTable(calls) {
    const most = Math.max(...calls.flatMap((call) => [call.mean, ...call.samples]));
    const made = element("table");
    const head = made.createTHead().insertRow();
    for (const title of ["Call", "Begins", "Mean", "Least", "Most", "Repeats"])
      head.append(element("th", { textContent: title, className: title === "Repeats" ? "" : "number" }));
    const lines = made.createTBody();
    for (const call of calls) {
      const line = lines.insertRow();
      const samples = call.samples.length ? call.samples : [call.mean];
      for (const text of [`#${call.number + 1}`, time(call.begin), time(call.mean), time(Math.min(...samples)), time(Math.max(...samples))])
        line.append(element("td", { textContent: text, className: "number" }));
      line.append(element("td", {}, spread(samples, call.mean, most)));
    }
    return made;
  }

  // What each repeat took, as dots on a line from 0 to the most of the row.
  function spread(samples, mean, most) {
    const at = (us) => 4 + (252 * us) / (most || 1);
    const svg = drawn("svg", { class: "spread", viewBox: "0 0 260 14", "aria-hidden": "true" });
    svg.append(drawn("line", { x1: 0, x2: 260, y1: 7, y2: 7 }));
    for (const us of samples) svg.append(drawn("circle", { cx: at(us), cy: 7, r: 3 }));
    svg.append(drawn("circle", { cx: at(mean), cy: 7, r: 4.5, class: "mean" }));
    return svg;
  }

  function sort(head) {
    const column = heads.indexOf(head);
    const numeric = head.classList.contains("number");
    const before = head.getAttribute("aria-sort");
    const down = before ? before !== "descending" : numeric;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sign = down ? -1 : 1;
    const key = (row) => row.cells[column].dataset.key;
    rows.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      // What is not there comes last, whichever way.
      if (left === "" || right === "") return (left === "") - (right === "");
      return sign * (numeric ? left - right : left.localeCompare(right, "en", { numeric: true }));
    });
    for (const row of rows) {
      body.append(row);
      if (details.has(row)) body.append(details.get(row));
    }
  }

  const filter = document.getElementById("filter");
  const found = document.getElementById("found");

  function applyFilter() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = [...row.cells].map((cell) => (cell.tagName === "TH" || cell.className === "shapes" ? cell.textContent : "")).join(" ").toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (details.has(row)) details.get(row).hidden = row.hidden;
      shown += !row.hidden;
    }
    found.textContent = `${shown} of ${rows.length}`;
  }

  function showColumn(column, shown) {
    for (const row of [heads[0].parentElement, ...rows, ...table.tFoot.rows]) row.cells[column].hidden = !shown;
  }

  // Shows a row; with `go`, goes there.
  function find(row, go = true) {
    filter.value = "";
    applyFilter();
    for (const other of rows) other.classList.toggle("found", other === row);
    if (!details.has(row)) open(row);
    if (!go) return;
    row.scrollIntoView({ block: "center" });
    row.cells[0].firstElementChild.focus({ preventScroll: true });
  }

  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sort(head);
  });
  body.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const row = button.closest("tr");
    details.has(row) ? close(row) : open(row);
  });
  filter.addEventListener("input", applyFilter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !["INPUT", "TEXTAREA"].includes(document.activeElement.tagName)) {
      event.preventDefault();
      filter.focus();
    } else if (event.key === "Escape" && document.activeElement === filter) {
      filter.value = "";
      applyFilter();
    }
  });
  for (const [column, head] of heads.entries()) {
    if (!column) continue;
    const box = element("input", { type: "checkbox", checked: !head.hidden });
    box.addEventListener("change", () => showColumn(column, box.checked));
    document.getElementById("columns").append(element("label", {}, box, ` ${head.dataset.title}`));
  }

  // ---- the timeline

  const canvas = document.getElementById("lanes");
  if (!canvas) return;
  const context = canvas.getContext("2d");
  const status = document.getElementById("call");
  const calls = data.calls;
  const LANE = 30, AXIS = 22, RIGHT = 8;
  const depth = 1 + Math.max(...calls.map((call) => call.depth));
  const threads = [...new Set(data.tasks.map((task) => task.thread))].sort((a, b) => a - b);
  const lanes = depth + threads.length;
  const LEFT = threads.length ? 72 : 8; // room for the names of threads
  // What is drawn: calls, by how deep they lie in others, and below them who did their tasks.
  const bars = [
    ...calls.map((call, number) => ({ number, lane: call.depth, begin: call.begin, end: call.end })),
    ...data.tasks.map((task) => ({ number: task.call, lane: depth + threads.indexOf(task.thread), begin: task.begin, end: task.end })),
  ];
  const whole = Math.max(...calls.map((call) => call.end)) || 1;
  let from = 0, to = whole, chosen = -1;

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const width = () => canvas.clientWidth - LEFT - RIGHT;
  const x = (us) => LEFT + ((us - from) / (to - from)) * width();
  const atX = (pixel) => from + ((pixel - LEFT) / width()) * (to - from);

  function draw() {
    const scale = window.devicePixelRatio || 1;
    const height = AXIS + lanes * LANE + 8;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.font = "12px system-ui, sans-serif";
    drawAxis(height);
    for (const bar of bars) drawBar(bar, false);
    for (const bar of bars) if (bar.number === chosen) drawBar(bar, true);
    drawNames();
  }

  function drawAxis(height) {
    const rough = ((to - from) * 110) / width();
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    context.fillStyle = color("--soft");
    context.strokeStyle = color("--line");
    for (let us = Math.ceil(from / step) * step; us <= to; us += step) {
      const at = Math.round(x(us)) + 0.5;
      context.beginPath();
      context.moveTo(at, AXIS - 4);
      context.lineTo(at, height);
      context.stroke();
      context.fillText(us ? time(us) : "0", at + 4, 14);
    }
  }

  function drawNames() {
    if (!threads.length) return;
    context.fillStyle = color("--soft");
    context.fillText("calls", 10, AXIS + 19);
    for (const [number, thread] of threads.entries())
      context.fillText(`thread ${thread}`, 10, AXIS + (depth + number) * LANE + 19);
  }

  function drawBar(bar, isChosen) {
    if (bar.end < from || bar.begin > to) return;
    const call = calls[bar.number];
    const left = Math.max(x(bar.begin), LEFT);
    const wide = Math.max(Math.min(x(bar.end), LEFT + width()) - left, 0.6);
    const top = AXIS + 2 + bar.lane * LANE;
    context.fillStyle = color(call.colour === null ? "--rest" : `--k${call.colour}`);
    context.fillRect(left, top, wide > 3 ? wide - 0.7 : wide, LANE - 4);
    if (wide > 44 && bar.lane < depth) {
      context.save();
      context.beginPath();
      context.rect(left, top, wide - 4, LANE);
      context.clip();
      context.fillStyle = color("--panel");
      context.fillText(nameOf(call), left + 6, top + 17);
      context.restore();
    }
    if (isChosen) {
      context.strokeStyle = color("--ink");
      context.lineWidth = 2;
      context.strokeRect(left, top - 1, Math.max(wide, 2), LANE - 2);
      context.lineWidth = 1;
    }
  }

  const byNumber = new Map(rows.map((row) => [Number(row.dataset.row), row]));
  const nameOf = (call) => byNumber.get(call.row).cells[0].firstElementChild.title;

  function choose(number) {
    chosen = number;
    if (number < 0) {
      status.replaceChildren("\u00a0");
    } else {
      const call = calls[number];
      status.replaceChildren(
        element("b", { textContent: nameOf(call) }),
        `  call ${number + 1} of ${calls.length}: ${time(call.end - call.begin)} from ${time(call.begin)}; mean of the repeats ${time(call.mean)}`,
      );
    }
    draw();
  }

  function view(begin, end) {
    const span = Math.min(Math.max(end - begin, whole / 1e6, 0.01), whole);
    from = Math.min(Math.max(begin, 0), whole - span);
    to = from + span;
    draw();
  }

  function zoom(factor, around) {
    view(around - (around - from) * factor, around + (to - around) * factor);
  }

  function step(by) {
    choose(Math.min(Math.max(chosen + by, 0), calls.length - 1));
    const call = calls[chosen];
    // A call is brought into view with a little of what is around it.
    if (call.begin < from || call.end > to) view(call.begin - (to - from) / 2, call.begin + (to - from) / 2);
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const us = atX(event.clientX - box.left);
    const lane = Math.floor((event.clientY - box.top - AXIS) / LANE);
    const slack = ((to - from) / width()) * 2;
    let best = -1;
    for (const bar of bars) {
      if (bar.lane !== lane || bar.begin - slack > us || bar.end + slack < us) continue;
      if (best < 0 || bar.begin <= us) best = bar.number;
    }
    return best;
  }

  let grabbed = null;
  canvas.addEventListener("pointerdown", (event) => {
    grabbed = { x: event.clientX, from, to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grabbed) return choose(under(event));
    const moved = event.clientX - grabbed.x;
    grabbed.moved ||= Math.abs(moved) > 3;
    const us = (-moved / width()) * (grabbed.to - grabbed.from);
    view(grabbed.from + us, grabbed.to + us);
  });
  canvas.addEventListener("pointerup", (event) => {
    const clicked = grabbed && !grabbed.moved;
    grabbed = null;
    if (!clicked) return;
    choose(under(event));
    if (chosen >= 0) find(byNumber.get(calls[chosen].row), false);
  });
  canvas.addEventListener("wheel", (event) => {
    // Whoever only scrolls past means the page.
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, atX(event.clientX - box.left));
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const around = chosen >= 0 ? (calls[chosen].begin + calls[chosen].end) / 2 : (from + to) / 2;
    const actions = {
      ArrowRight: () => step(1),
      ArrowLeft: () => step(-1),
      Home: () => step(-calls.length),
      End: () => step(calls.length),
      "+": () => zoom(0.6, around),
      "=": () => zoom(0.6, around),
      "-": () => zoom(1 / 0.6, around),
      0: () => view(0, whole),
      Enter: () => chosen >= 0 && find(byNumber.get(calls[chosen].row)),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  new ResizeObserver(draw).observe(canvas.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
