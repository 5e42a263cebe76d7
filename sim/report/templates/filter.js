// Shows the scenarios whose name, claim, verdict or reason has every word typed; opens the one the address names.
(() => {
  const bar = document.getElementById("filter"), box = bar.querySelector("input"), said = bar.querySelector("output");
  const rows = [...document.querySelectorAll(".scenario, .failure")].map((row) => [row, row.dataset.words.toLowerCase()]);
  const homes = [...document.querySelectorAll("main > section")].filter((s) => s.querySelector(".scenario, .failure"));
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    for (const home of homes) home.hidden = !home.querySelector(".scenario:not([hidden]), .failure:not([hidden])");
    said.textContent = words.length ? `${shown} of ${rows.length}` : `${rows.length} scenarios`;
  };
  const open = () => {
    const row = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!row || !row.matches(".scenario, .failure")) return;
    if (row.hidden) { box.value = ""; show(); }
    if (row.matches("details")) row.open = true;
    row.scrollIntoView();
  };
  box.addEventListener("input", show);
  box.addEventListener("keydown", (key) => { if (key.key === "Escape") { box.value = ""; show(); } });
  addEventListener("hashchange", open);
  bar.hidden = rows.length < 2;
  show();
  open();
})();
