
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const calls = unpackCalls(data);
  const table = operatorTable(data, calls);
  timeline(data, calls, table);
  offerToSave((reports) => reports);
  const goToRow = () => {
    const row = /^#row-(\d+)$/.exec(location.hash);
    if (row) table.find(Number(row[1]));
  };
  addEventListener("hashchange", goToRow);
  goToRow();
}
