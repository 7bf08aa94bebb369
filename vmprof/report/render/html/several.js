
switched(JSON.parse(document.getElementById("data").textContent), (data) => {
  const calls = unpackCalls(data);
  const table = operatorTable(data, calls);
  timeline(data, calls, table);
  return table;
});
