
switched(JSON.parse(document.getElementById("data").textContent), ({ curves, ...data }, name) => {
  const narrow = window.innerWidth <= 640;
  document.getElementById("whole").append(timeByInvocation(curves, curves.whole, { name, width: narrow ? 400 : 1280, height: 260, beside: true }));
  const calls = unpackCalls(data);
  const table = operatorTable(data, calls, (row) => {
    const curve = curves.rows[row];
    const label = document.querySelector(`#row-${row} button`).title;
    return curve ? [timeByInvocation(curves, curve, { name: label, width: narrow ? 400 : 860, height: 170 })] : [];
  });
  timeline(data, calls, table);
  return table;
});
