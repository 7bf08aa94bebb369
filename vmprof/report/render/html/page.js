
{
  const data = JSON.parse(document.getElementById("data").textContent);
  timeline(data, operatorTable(data));
}
