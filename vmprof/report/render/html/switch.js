
// The switch between the views of a page. A view is made when it is first asked for, of a template
// outside the document, so that the parts of one view alone have their names. `fill` makes it
// work, of its data, and returns its table.
function switched(data, fill) {
  const choice = document.getElementById("switch");
  const summary = document.getElementById("summary");
  const place = document.getElementById("view");
  const views = new Map(); // by number, of those that were made

  function made(number) {
    if (!views.has(number)) {
      place.replaceChildren(document.getElementById(`view-${number}`).content.cloneNode(true));
      const table = fill(data[number], choice.options[number + 1].text);
      views.set(number, { nodes: [...place.childNodes], table });
    }
    return views.get(number);
  }

  function show() {
    const asked = /^#?(?:summary|report-(\d+)(?::row-(\d+))?)?$/.exec(location.hash);
    if (!asked || Number(asked[1] ?? 0) >= Math.max(data.length, 1)) return; // a part of what is shown
    const number = asked[1] === undefined ? -1 : Number(asked[1]);
    choice.selectedIndex = number + 1;
    summary.hidden = number >= 0;
    place.hidden = number < 0;
    place.replaceChildren(...(number < 0 ? [] : made(number).nodes));
    window.scrollTo(0, 0);
    if (asked[2] !== undefined) made(number).table.find(Number(asked[2]));
  }

  choice.addEventListener("change", () => (location.hash = choice.value));
  addEventListener("hashchange", show);
  show();
  offerToSave((reports) => (choice.selectedIndex ? [reports[choice.selectedIndex - 1]] : reports));
}
