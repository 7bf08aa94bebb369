
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const calls = unpackCalls(data);
  timeline(data, calls, operatorTable(calls));
}
