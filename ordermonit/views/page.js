"use strict";
// Times in the zone and the manner of whoever reads.
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
// A page that nobody renews says so.
for (const warning of document.querySelectorAll("[data-stale]")) {
  const look = () => { warning.hidden = Date.now() < Date.parse(warning.dataset.stale); };
  look();
  setInterval(look, 5000);
}
// The head of a table sorts it.
const value = (row, at) => {
  const cell = row.cells[at], time = cell.querySelector("time");
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  return time ? Date.parse(time.dateTime) : cell.textContent;
};
const compare = (one, other) =>
  typeof one === "number" && typeof other === "number"
    ? one - other
    : String(one).localeCompare(String(other), undefined, { numeric: true });
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((one, other) => compare(value(one, at), value(other, at)));
      body.append(...(down ? rows.reverse() : rows));
    });
  });
}
// Look again, but not while somebody is in the middle of something.
const refresh = Number(document.documentElement.dataset.refresh || 0) * 1000;
if (refresh) {
  setInterval(() => {
    if (document.activeElement === document.body && !String(getSelection())) location.reload();
  }, refresh);
}
