
const MOST_LINES = 200; // of calls below a row of the table

// The table of operators: details, sorting, filter, columns. `more` makes what else the details
// of a row show, by its number.
function operatorTable(calls, more = () => []) {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];

  const details = new Map(); // by row, of those that are open

  function close(row) {
    details.get(row)?.remove();
    details.delete(row);
    row.cells[0].firstElementChild.setAttribute("aria-expanded", "false");
  }

  function open(row) {
    const shapes = heads.findIndex((head) => head.dataset.title === "Argument Shapes");
    const made = calls.filter((call) => call.row === Number(row.dataset.row));
    const cell = element("td", { colSpan: heads.length });
    if (shapes >= 0) cell.append(element("p", { textContent: row.cells[shapes].title || "no tensor arguments" }));
    cell.append(...more(Number(row.dataset.row)));
    if (made.length > MOST_LINES) cell.append(element("p", { textContent: `The ${MOST_LINES} longest of ${made.length.toLocaleString("en")} calls:` }));
    if (made.length) cell.append(element("div", { className: "scroll" }, callTable(longest(made))));
    const detail = element("tr", { className: "detail" }, cell);
    row.after(detail);
    details.set(row, detail);
    row.cells[0].firstElementChild.setAttribute("aria-expanded", "true");
  }

  // Those that take longest, in the order of the run.
  function longest(made) {
    if (made.length <= MOST_LINES) return made;
    return [...made].sort((a, b) => b.mean - a.mean).slice(0, MOST_LINES).sort((a, b) => a.number - b.number);
  }

  function callTable(calls) {
    const scale = most(calls, (call) => Math.max(call.mean, ...call.samples));
    const made = element("table");
    const head = made.createTHead().insertRow();
    // Of one invocation of many there is one time, and no repeats.
    const repeated = calls.some((call) => call.samples.length);
    for (const title of repeated ? ["Call", "Begins", "Mean", "Least", "Most", "Repeats"] : ["Call", "Begins", "Time"])
      head.append(element("th", { textContent: title, className: title === "Repeats" ? "" : "number" }));
    const lines = made.createTBody();
    for (const call of calls) {
      const line = lines.insertRow();
      const { samples, mean } = call;
      const extremes = samples.length ? [time(Math.min(...samples)), time(Math.max(...samples))] : repeated ? ["", ""] : [];
      for (const text of [`#${call.number + 1}`, time(call.begin), time(mean), ...extremes])
        line.append(element("td", { textContent: text, className: "number" }));
      if (repeated) line.append(element("td", {}, spread(samples.length ? samples : [mean], mean, scale)));
    }
    return made;
  }

  // What each repeat took, as dots on a line from 0 to the most of the row.
  function spread(samples, mean, scale) {
    const at = (us) => 4 + (252 * us) / (scale || 1);
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

  return { rows, find };
}
