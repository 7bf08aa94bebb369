
// The reports that the page holds, as files of JSON; `shown` says which of them.
function offerToSave(shown) {
  const button = document.getElementById("save");
  const { reports } = JSON.parse(document.getElementById("reports").textContent);
  button.hidden = typeof DecompressionStream === "undefined" || !reports.length;
  button.addEventListener("click", async () => {
    const parts = [];
    for (const { deflated } of shown(reports)) {
      const bytes = Uint8Array.from(atob(deflated), (character) => character.charCodeAt(0));
      parts.push(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text(), "\n");
    }
    const link = element("a", { href: URL.createObjectURL(new Blob(parts, { type: "application/json" })), download: "report.json" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
