
// When the calls of one run were, in lanes; nothing if the page has none.
function timeline(data, calls, { rows, find }) {
  const canvas = document.getElementById("lanes");
  if (!canvas) return;
  const context = canvas.getContext("2d");
  const status = document.getElementById("call");
  const LANE = 30, AXIS = 22, RIGHT = 8;
  const depth = 1 + most(calls, (call) => call.depth);
  const threads = [...new Set(data.tasks.thread)].sort((a, b) => a - b);
  const lanes = depth + threads.length;
  const LEFT = threads.length ? 72 : 8; // room for the names of threads
  // What is drawn: calls, by how deep they lie in others, and below them who did their tasks.
  const bars = [
    ...calls.map((call, place) => ({ place, lane: call.depth, begin: call.begin, end: call.end })),
    ...data.tasks.call.map((place, i) => {
      const begin = calls[place].begin + data.tasks.begin[i] / 1e3;
      return { place, lane: depth + threads.indexOf(data.tasks.thread[i]), begin, end: begin + data.tasks.took[i] / 1e3 };
    }),
  ];
  const whole = most(calls, (call) => call.end) || 1;
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
    drawBars();
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
      const text = us ? time(us) : "0";
      if (at + 4 + context.measureText(text).width < canvas.clientWidth) context.fillText(text, at + 4, 14);
    }
  }

  function drawNames() {
    if (!threads.length) return;
    context.fillStyle = color("--soft");
    context.fillText("calls", 10, AXIS + 19);
    for (const [number, thread] of threads.entries())
      context.fillText(`thread ${thread}`, 10, AXIS + (depth + number) * LANE + 19);
  }

  // What is narrower than a pixel shares it with its neighbours: the longest of them shows.
  function drawBars() {
    const wide = width(), perUs = wide / (to - from);
    const colours = new Map([...new Set(data.colours)].map((colour) => [colour, color(colour === null ? "--rest" : `--k${colour}`)]));
    const panel = color("--panel"), ink = color("--ink");
    const shared = new Array(lanes).fill(null); // by lane, the pixel that is being filled
    const draw = (bar, left, right) => {
      const call = calls[bar.place];
      const top = AXIS + 2 + bar.lane * LANE;
      const broad = right - left;
      context.fillStyle = colours.get(call.colour);
      context.fillRect(left, top, broad > 3 ? broad - 0.7 : broad, LANE - 4);
      if (broad > 44 && bar.lane < depth) {
        context.save();
        context.beginPath();
        context.rect(left, top, broad - 4, LANE);
        context.clip();
        context.fillStyle = panel;
        context.fillText(nameOf(call), left + 6, top + 17);
        context.restore();
      }
    };
    const fill = ({ pixel, bar, several, left }) => (several ? draw(bar, pixel, pixel + 1) : draw(bar, left, left + 0.6));
    const marked = [];
    for (const bar of bars) {
      if (bar.end < from || bar.begin > to) continue;
      const left = LEFT + Math.max((bar.begin - from) * perUs, 0);
      const right = LEFT + Math.min((bar.end - from) * perUs, wide);
      if (bar.place === chosen) marked.push([bar, left, right]);
      if (right - left >= 0.6) {
        draw(bar, left, right);
        continue;
      }
      const pixel = Math.floor(left), before = shared[bar.lane], took = bar.end - bar.begin;
      if (before?.pixel === pixel) {
        before.several = true;
        if (took > before.took) Object.assign(before, { bar, took });
      } else {
        if (before) fill(before);
        shared[bar.lane] = { pixel, bar, took, left, several: false };
      }
    }
    for (const last of shared) if (last) fill(last);
    context.strokeStyle = ink;
    context.lineWidth = 2;
    for (const [bar, left, right] of marked) {
      const end = Math.max(right, left + 0.6);
      draw(bar, left, end);
      context.strokeRect(left, AXIS + 1 + bar.lane * LANE, Math.max(end - left, 2), LANE - 2);
    }
    context.lineWidth = 1;
  }

  const byNumber = new Map(rows.map((row) => [Number(row.dataset.row), row]));
  const nameOf = (call) => byNumber.get(call.row).cells[0].firstElementChild.title;
  const goTo = (call) => find(call.row, call.number);

  function choose(place) {
    chosen = place;
    if (place < 0) {
      status.replaceChildren("\u00a0");
    } else {
      const call = calls[place];
      status.replaceChildren(
        element("b", { textContent: nameOf(call) }),
        `  call ${call.number + 1} of ${data.made}: ${time(call.end - call.begin)} from ${time(call.begin)}`,
        call.samples.length ? `; mean of the repeats ${time(call.mean)}` : "",
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
      if (best < 0 || bar.begin <= us) best = bar.place;
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
    if (chosen >= 0) goTo(calls[chosen]);
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
      Enter: () => chosen >= 0 && goTo(calls[chosen]),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  new ResizeObserver(draw).observe(canvas.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
