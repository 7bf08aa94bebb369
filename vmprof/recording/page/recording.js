
// The switch between the functions. A view is made when it is first asked for, of a template
// outside the document, so that the parts of one function alone have their names.
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const choice = document.getElementById("switch");
  const summary = document.getElementById("summary");
  const place = document.getElementById("view");
  const views = new Map(); // by number, of those that were made

  function fill(number) {
    const { curves, ...timed } = data[number];
    place.replaceChildren(document.getElementById(`view-${number}`).content.cloneNode(true));
    const name = choice.options[number + 1].text;
    document.getElementById("whole").append(timeByInvocation(curves, curves.whole, { name, width: 1280, height: 260, beside: true }));
    const calls = unpackCalls(timed);
    const table = operatorTable(calls, (row) => {
      const curve = curves.rows[row];
      const label = document.querySelector(`#row-${row} button`).title;
      return curve ? [timeByInvocation(curves, curve, { name: label, width: 860, height: 170 })] : [];
    });
    timeline(timed, calls, table);
    return [...place.childNodes];
  }

  function show() {
    const asked = /^#?(summary|function-(\d+))?$/.exec(location.hash);
    if (!asked || Number(asked[2] ?? 0) >= Math.max(data.length, 1)) return; // a part of what is shown
    const number = asked[2] === undefined ? -1 : Number(asked[2]);
    choice.selectedIndex = number + 1;
    summary.hidden = number >= 0;
    place.hidden = number < 0;
    if (number < 0) {
      place.replaceChildren();
    } else if (views.has(number)) {
      place.replaceChildren(...views.get(number));
    } else {
      views.set(number, fill(number));
    }
    window.scrollTo(0, 0);
  }

  choice.addEventListener("change", () => (location.hash = choice.value));
  addEventListener("hashchange", show);
  show();
}
