
const OUTER = /^[^/.]*[/.]?[^/.]+/; // of a path, its first part

// What rows may be grouped by, each with what makes a row's group: their kind, and what columns
// tell of them. Paths, as those of layers are, by their first part too.
function waysToGroup(heads, rows) {
  const ways = new Map([["kind", (row) => row.dataset.kind]]);
  for (const [column, head] of heads.entries()) {
    if (!head.hasAttribute("data-tells")) continue;
    const text = (row) => row.cells[column].dataset.key;
    const first = (path) => OUTER.exec(path)?.[0] ?? path;
    // A row may be of several layers.
    const outer = (row) => [...new Set(text(row).split(" + ").map(first))].join(" + ");
    const name = head.textContent.toLowerCase();
    ways.set(name, text);
    if (rows.some((row) => outer(row) !== text(row))) ways.set(`${name}, outermost`, outer);
  }
  // One group is none.
  for (const [name, way] of ways) if (new Set(rows.map(way)).size < 2) ways.delete(name);
  return ways;
}

// The groups of `rows`, in the order of their first rows. Each has a head with the sums of what
// adds up, by column, which folds it.
function groupsOf(rows, heads, way) {
  const members = new Map();
  for (const row of rows) {
    const name = way(row);
    members.set(name, [...(members.get(name) ?? []), row]);
  }
  return [...members].map(([name, ofGroup]) => {
    const sums = heads.map((head, column) => {
      if (!head.hasAttribute("data-adds")) return null;
      const values = ofGroup.map((row) => row.cells[column].dataset.key).filter((key) => key !== "");
      return values.length ? values.reduce((sum, value) => sum + Number(value), 0) : null;
    });
    const button = element("button", { type: "button", title: name }, element("span", { className: "name", textContent: name || "(none)" }), element("small", { textContent: ` ${ofGroup.length}` }));
    const head = element("tr", { className: "group" }, element("th", { scope: "row" }, button));
    for (const [column, each] of heads.entries()) {
      if (!column) continue;
      const alike = ofGroup[0].cells[column].classList;
      const cell = element("td", { hidden: each.hidden, className: ["number", "extra"].filter((name) => alike.contains(name)).join(" ") });
      cell.dataset.label = each.textContent;
      if (sums[column] !== null) cell.append(...summed(each.dataset.title, sums[column]));
      head.append(cell);
    }
    return {
      name,
      rows: ofGroup,
      sums,
      head,
      folded: false,
      update(shown) {
        head.hidden = !shown;
        button.setAttribute("aria-expanded", String(!this.folded));
      },
    };
  });
}

// As the cells of the column have it.
function summed(title, value) {
  if (title === "Percent") return [value.toFixed(1)];
  if (title.endsWith("(us)")) return [value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })];
  const [digits, unit = ""] = short(value).split(" ");
  return [digits, element("small", { textContent: unit })];
}
