
const MOST_LINES = 200; // of calls below a row of the table

// What rows show when they are opened. `figures` are, by number of the row, what its cells do not
// have; `more` makes what else there is, by that number.
function rowDetails(heads, figures, calls, more) {
  const opened = new Map(); // by row

  function close(row) {
    opened.get(row)?.remove();
    opened.delete(row);
    row.cells[0].firstElementChild.setAttribute("aria-expanded", "false");
  }

  // The line of the `call`, if one is asked for that is there.
  function open(row, call = null) {
    const before = opened.get(row);
    const line = (detail) => detail.querySelector(`tr[data-call="${call}"]`);
    if (!before || (call !== null && !line(before))) {
      before?.remove();
      const detail = element("tr", { className: "detail" }, element("td", { colSpan: heads.length }, inside(row, call)));
      row.after(detail);
      opened.set(row, detail);
      row.cells[0].firstElementChild.setAttribute("aria-expanded", "true");
    }
    for (const other of document.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
    const found = call === null ? null : line(opened.get(row));
    found?.classList.add("chosen");
    return found;
  }

  function inside(row, call) {
    const number = Number(row.dataset.row);
    const of = figures[number] ?? {};
    const made = calls.filter((each) => each.row === number);
    const parts = element("div", { className: "inside" });
    parts.append(element("p", { className: "whole", textContent: row.cells[0].firstElementChild.title }));
    parts.append(...about(row, of), numbers(row, of.spreads ?? {}), ...threads(of.threads ?? {}), ...more(number));
    if (made.length > MOST_LINES) parts.append(element("p", { textContent: `The ${MOST_LINES} longest of ${made.length.toLocaleString("en")} calls:` }));
    if (made.length) parts.append(element("div", { className: "scroll lines" }, callTable(longest(made, call))));
    parts.append(...insideOf(of.inside));
    return parts;
  }

  // What is said of the operator in words.
  function about(row, { bound = [] }) {
    const list = element("dl", { className: "settings" });
    for (const [column, head] of heads.entries()) {
      const title = head.dataset.title, text = row.cells[column].dataset.key;
      if (title === "Name" || head.classList.contains("number") || (!text && title !== "Argument Shapes")) continue;
      const said = title === "Argument Shapes" ? text.split(/, (?![^[]*\])/) : title === "Bound" ? [text, ...bound] : [text];
      list.append(element("dt", { textContent: title }), element("dd", {}, ...said.map((each) => element("div", { textContent: each || "no tensor arguments" }))));
    }
    return list.childElementCount ? [list] : [];
  }

  // Every number of the row with all its digits, also of columns that are not shown.
  function numbers(row, spreads) {
    const list = element("dl", { className: "figures" });
    for (const [column, head] of heads.entries()) {
      const value = row.cells[column].title;
      if (!head.classList.contains("number") || !value) continue;
      const spread = spreads[head.dataset.title];
      list.append(element("div", {}, element("dt", { textContent: head.dataset.title, title: head.title }), element("dd", { textContent: value }), ...(spread ? [element("dd", { className: "note", textContent: spread, title: "the least and the most of the repeats" })] : [])));
    }
    return list;
  }

  // Who did what of it: a line for each thread.
  function threads(parts) {
    const columns = Object.entries(parts);
    if (!columns.length) return [];
    const made = element("table");
    const head = made.createTHead().insertRow();
    for (const title of ["Thread", ...columns.map(([column]) => column.replace("perf::", ""))])
      head.append(element("th", { textContent: title, className: title === "Thread" ? "" : "number" }));
    const lines = made.createTBody();
    for (let thread = 0; thread < most(columns, ([, values]) => values.length); thread++) {
      const line = lines.insertRow();
      line.append(element("th", { scope: "row", textContent: thread ? `${thread}` : "0, which called" }));
      for (const [, values] of columns) line.append(element("td", { textContent: values[thread] ?? "", className: "number" }));
    }
    return [element("div", { className: "scroll lines" }, made)];
  }

  // Where in the operator its samples were.
  function insideOf({ part, note } = {}) {
    if (part === undefined && !note) return [];
    const made = element("div", { className: "within" });
    if (note) made.append(element("p", { textContent: note }));
    if (part !== undefined) made.append(document.getElementById(`inside-${part}`).content.cloneNode(true));
    return [made];
  }

  // Those that take longest and the `wanted` one, in the order of the run.
  function longest(made, wanted) {
    if (made.length <= MOST_LINES) return made;
    const kept = [...made].sort((a, b) => (b.number === wanted) - (a.number === wanted) || b.mean - a.mean);
    return kept.slice(0, MOST_LINES).sort((a, b) => a.number - b.number);
  }

  function callTable(made) {
    const scale = most(made, (call) => Math.max(call.mean, ...call.samples));
    const table = element("table");
    const head = table.createTHead().insertRow();
    // Of one invocation of many there is one time, and no repeats.
    const repeated = made.some((call) => call.samples.length);
    for (const title of repeated ? ["Call", "Begins", "Mean", "Least", "Most", "Repeats"] : ["Call", "Begins", "Time"])
      head.append(element("th", { textContent: title, className: title === "Repeats" ? "repeats" : "number" }));
    const lines = table.createTBody();
    for (const call of made) {
      const line = lines.insertRow();
      line.dataset.call = call.number;
      line.tabIndex = -1; // the timeline goes there
      const { samples, mean } = call;
      const extremes = samples.length ? [time(Math.min(...samples)), time(Math.max(...samples))] : repeated ? ["", ""] : [];
      for (const text of [`#${call.number + 1}`, time(call.begin), time(mean), ...extremes])
        line.append(element("td", { textContent: text, className: "number" }));
      if (repeated) line.append(element("td", { className: "repeats" }, spread(samples.length ? samples : [mean], mean, scale)));
    }
    return table;
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

  return {
    open,
    toggle: (row) => (opened.has(row) ? close(row) : open(row)),
    of: (row) => (opened.has(row) ? [opened.get(row)] : []),
  };
}
