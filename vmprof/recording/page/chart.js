
// Time by invocation, as dots: `curve` is one of `curves`. What sticks out so far that the others
// would be flat is a triangle at the upper border. With `beside`, those too whose calls were not
// timed.
function timeByInvocation(curves, curve, { name, width, height, beside = false }) {
  const LEFT = 64, RIGHT = 14, TOP = 12, BOTTOM = 34;
  const points = curves.numbers
    .map((number, place) => ({ number, us: curve.us[place], thread: curves.threads ? curves.threads[place] : 0 }))
    .filter((point) => point.us !== null);
  const others = (beside ? curves.others : []).flatMap(({ counted, how, numbers, us }) =>
    numbers.map((number, place) => ({ number, us: us[place], beside: true, counted, how })));
  const all = [...points, ...others].sort((a, b) => a.number - b.number);
  const lengths = all.map((point) => point.us).sort((a, b) => a - b);
  const usual = lengths[Math.floor(0.9 * (lengths.length - 1))] || 0;
  const longest = lengths[lengths.length - 1] || 0;
  const most = (longest > 4 * usual && usual > 0 ? 2 * usual : longest * 1.06) || 1;
  const low = all.length ? all[0].number : 0;
  const high = all.length ? all[all.length - 1].number : 0;
  const x = (number) => LEFT + ((number - low + 0.5) / (high - low + 1)) * (width - LEFT - RIGHT);
  const y = (us) => height - BOTTOM - (Math.max(Math.min(us, most), 0) / most) * (height - TOP - BOTTOM);
  const threads = curves.threads ? [...new Set(curves.threads)].sort((a, b) => a - b) : [];

  const svg = drawn("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "img", "aria-label": `Time of ${name} by invocation; the arrow keys step through it` });
  const text = (at, words, properties) => svg.append(Object.assign(drawn("text", { ...at, ...properties }), { textContent: words }));
  for (const us of ticks(0, most, 4)) {
    svg.append(drawn("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(us), y2: y(us) }));
    text({ x: LEFT - 8, y: y(us) + 4 }, us ? time(us) : "0", { class: "tick end" });
  }
  for (const number of ticks(low, high, 8).filter(Number.isInteger))
    text({ x: x(number), y: height - BOTTOM + 16 }, number.toLocaleString("en"), { class: "tick middle" });
  text({ x: width - RIGHT, y: height - 4 }, "invocation", { class: "axis end" });

  if (!curve.growth && curve.rest !== null) svg.append(drawn("line", { class: "median", x1: LEFT, x2: width - RIGHT, y1: y(curve.rest), y2: y(curve.rest) }));
  const marks = all.map((point) => {
    const kind = `k${Math.max(threads.indexOf(point.thread), 0) % 8}`;
    const extra = point.beside ? (point.counted ? "beside counted" : "beside") : point.number === 0 ? "first" : "";
    const [cx, cy] = [x(point.number), y(point.us)];
    const mark = point.us > most
      ? drawn("path", { class: `${kind} beyond ${extra}`, d: `M${cx - 5} ${TOP + 8}h10l-5 -8z` })
      : point.counted
      ? drawn("path", { class: `${kind} ${extra}`, d: `M${cx} ${cy - 4}l4 4l-4 4l-4 -4z` })
      : drawn("circle", { class: `${kind} ${extra}`, cx, cy, r: point.number === 0 && !point.beside ? 4.5 : 3 });
    svg.append(mark);
    return mark;
  });
  if (curve.growth) drawGrowth(curve.growth);

  const caption = element("figcaption", { role: "status" });
  let chosen = -1;
  function choose(number) {
    marks[chosen]?.classList.remove("chosen");
    chosen = number;
    if (number < 0) return caption.replaceChildren(about());
    marks[number].classList.add("chosen");
    const { number: invocation, us, thread, how } = all[number];
    const who = how ? `, ${how}` : threads.length ? `, thread ${thread}` : "";
    caption.replaceChildren(`invocation ${invocation.toLocaleString("en")}: ${time(us)}${who}`);
  }
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height];
    const far = (point) => Math.hypot(x(point.number) - px, y(point.us) - py);
    choose(all.reduce((best, point, place) => (best < 0 || far(point) < far(all[best]) ? place : best), -1));
  });
  svg.addEventListener("pointerleave", () => choose(-1));
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -all.length, End: all.length }[event.key];
    if (!by || !all.length) return;
    event.preventDefault();
    choose(Math.min(Math.max(chosen + by, 0), all.length - 1));
  });

  // The slope and its bounds, through the medians.
  function drawGrowth({ at: [middle, us], slopes: [slope, least, largest] }) {
    const line = (each, number) => `${x(number)},${y(us + each * (number - middle))}`;
    svg.append(drawn("polygon", { class: "bounds", points: [line(least, low), line(least, high), line(largest, high), line(largest, low)].join(" ") }));
    const [[x1, y1], [x2, y2]] = [line(slope, low), line(slope, high)].map((point) => point.split(","));
    svg.append(drawn("line", { class: "slope", x1, y1, x2, y2 }));
  }

  function about() {
    const said = [];
    if (curve.first !== null) said.push(`first ${time(curve.first)}`);
    if (curve.rest !== null) said.push(`rest ${time(curve.rest)} (median)`);
    if (curve.growth) said.push(curve.growth.text);
    if (threads.length) said.push(`a colour for each of ${threads.length} threads`);
    return said.join("; ");
  }

  choose(-1);
  return element("figure", { className: "by-invocation" }, svg, caption);
}

// Round numbers from `low` to `high`, at most about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(n * step);
  return found;
}
