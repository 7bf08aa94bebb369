
// The table of operators: sorting, groups, filter, columns. `more` makes what else the details of
// a row show, by its number.
function operatorTable(data, calls, more = () => []) {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const details = rowDetails(heads, data.details, calls, more);
  let groups = []; // of rows, in the order in which they stand; none if they are not in groups

  const filter = document.getElementById("filter");
  const order = document.getElementById("sort");
  const by = document.getElementById("group");
  const ways = waysToGroup(heads, rows);

  function sortedBy() {
    const head = heads.find((each) => each.hasAttribute("aria-sort"));
    return [heads.indexOf(head), head.getAttribute("aria-sort") === "descending"];
  }

  function sort(head) {
    const before = head.getAttribute("aria-sort");
    const down = before ? before !== "descending" : head.classList.contains("number");
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    order.selectedIndex = heads.indexOf(head);
    arrange();
  }

  // Puts rows, their groups and their details where they belong.
  function arrange() {
    const [column, down] = sortedBy();
    const numeric = heads[column].classList.contains("number");
    const compare = (left, right) => {
      // What is not there comes last, whichever way.
      if (left === "" || right === "") return (left === "") - (right === "");
      return (down ? -1 : 1) * (numeric ? left - right : left.localeCompare(right, "en", { numeric: true }));
    };
    rows.sort((a, b) => compare(a.cells[column].dataset.key, b.cells[column].dataset.key));
    const folded = new Set(groups.filter((group) => group.folded).map((group) => group.name));
    for (const group of groups) group.head.remove();
    const way = ways.get(by.value);
    groups = way ? groupsOf(rows, heads, way) : [];
    for (const group of groups) group.folded = folded.has(group.name);
    for (const row of rows) row.classList.toggle("member", groups.length > 0);
    if (heads[column].hasAttribute("data-adds")) groups.sort((a, b) => compare(a.sums[column] ?? "", b.sums[column] ?? ""));
    for (const each of groups.length ? groups : [{ rows }]) {
      if (each.head) body.append(each.head);
      for (const row of each.rows) body.append(row, ...details.of(row));
    }
    show();
  }

  // Hides what does not pass the filter, and what is folded.
  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const told = heads.flatMap((head, column) => (head.dataset.title === "Name" || head.dataset.title === "Argument Shapes" || head.hasAttribute("data-tells") ? [column] : []));
    const passes = new Map(rows.map((row) => {
      const text = told.map((column) => row.cells[column].dataset.key).join(" ").toLowerCase();
      return [row, words.every((word) => text.includes(word))];
    }));
    const folded = new Set(groups.flatMap((group) => (group.folded ? group.rows : [])));
    for (const row of rows)
      for (const each of [row, ...details.of(row)]) each.hidden = !passes.get(row) || folded.has(row);
    for (const group of groups) group.update(group.rows.some((row) => passes.get(row)));
    const found = [...passes.values()].filter(Boolean).length;
    document.getElementById("found").textContent = `${found} of ${rows.length}`;
  }

  function showColumn(column, shown) {
    const all = [heads[0].parentElement, ...rows, ...groups.map((group) => group.head), ...table.tFoot.rows];
    for (const row of all) row.cells[column].hidden = !shown;
  }

  // Goes to a row, which is opened; if the number of a `call` is given, to its line in there.
  function find(number, call = null) {
    const row = rows.find((each) => Number(each.dataset.row) === number);
    if (!row) return;
    filter.value = "";
    for (const group of groups) if (group.rows.includes(row)) group.folded = false;
    show();
    for (const other of rows) other.classList.toggle("found", other === row);
    const line = details.open(row, call);
    const place = line ?? row.cells[0].firstElementChild;
    place.scrollIntoView({ block: "center" });
    place.focus({ preventScroll: true });
  }

  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sort(head);
  });
  body.addEventListener("click", (event) => {
    const button = event.target.closest("th > button");
    const row = button?.closest("tr");
    const group = groups.find((each) => each.head === row);
    if (group) {
      group.folded = !group.folded;
      show();
    } else if (row?.dataset.row) {
      details.toggle(row);
    }
  });
  for (const link of document.querySelectorAll("#roofline a"))
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      find(Number(link.getAttribute("href").slice("#row-".length)));
    });
  filter.addEventListener("input", show);
  by.append(...["", ...ways.keys()].map((name) => element("option", { value: name, textContent: name || "nothing" })));
  by.parentElement.hidden = !ways.size;
  by.addEventListener("change", arrange);
  order.append(...heads.map((head) => element("option", { textContent: head.textContent })));
  order.selectedIndex = sortedBy()[0];
  order.addEventListener("change", () => sort(heads[order.selectedIndex]));
  for (const [column, head] of heads.entries()) {
    if (!column) continue;
    const box = element("input", { type: "checkbox", checked: !head.hidden });
    box.addEventListener("change", () => showColumn(column, box.checked));
    document.getElementById("columns").append(element("label", { title: head.title }, box, element("span", { textContent: head.dataset.title })));
  }
  return { rows, find };
}

document.addEventListener("keydown", (event) => {
  const filter = document.getElementById("filter");
  if (event.key === "/" && filter && !["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement.tagName)) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "Escape" && filter && document.activeElement === filter) {
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
  }
});
