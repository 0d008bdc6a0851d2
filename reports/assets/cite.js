// @ts-check
"use strict";
/**
 * A citation of every row: what it says under which heading, of which run and cluster, what it is
 * (`data-what`) and the tables that it is from (`data-from`). The clipboard may refuse a local file; then it is shown.
 */
(() => {
  const bar = byId("cited");
  let waiting = 0;

  for (const table of document.querySelectorAll("main table")) {
    for (const heads of table.querySelectorAll("thead tr")) {
      const head = element("th");
      head.setAttribute("scope", "col");
      head.append(element("span", "unseen", "Cite"));
      heads.append(head);
    }
    for (const row of table.querySelectorAll("tbody tr")) {
      if (headOf(row)) row.append(citeCell(headOf(row)?.textContent || ""));
    }
  }

  /** @param {Element} row @returns {HTMLElement | null | undefined} the heading of a row, or of its group */
  function headOf(row) {
    return row.querySelector("th") || row.closest("tbody")?.querySelector("th[scope=rowgroup]");
  }

  /** @param {HTMLElement} cell @returns {string} its text, what stands on lines of its own set apart */
  function words(cell) {
    const copy = /** @type {HTMLElement} */ (cell.cloneNode(true));
    for (const quote of copy.querySelectorAll("q")) quote.replaceWith(quote.querySelector("mark") || "");
    for (const one of copy.querySelectorAll("svg, .tag, .unseen")) one.remove();
    for (const line of copy.querySelectorAll("br")) line.replaceWith(" – ");
    for (const line of copy.querySelectorAll(".sub")) line.prepend("; ");
    return (copy.textContent || "").replace(/\s+/g, " ").replace(/ ;/g, ";").trim();
  }

  /** @param {HTMLTableRowElement} row */
  function said(row) {
    const table = /** @type {HTMLTableElement} */ (row.closest("table"));
    const heads = [...(table.tHead?.rows[0]?.cells || [])];
    const cells = [...row.cells].slice(0, -1);
    // The heading of a group stands in its first row alone.
    const shift = heads.length - row.cells.length;
    const told = cells.flatMap((cell, place) => {
      const head = heads[place + shift];
      if (cell === headOf(row) || !head || "uncited" in head.dataset || cell.ariaHidden) return [];
      const bare = "bare" in head.dataset || cell.colSpan > 1;
      const name = bare ? "" : `${(head.textContent || "").toLowerCase()} `;
      return [name + words(cell)];
    });
    const what = row.dataset.what ?? table.dataset.what ?? "";
    const first = row.dataset.cite || words(/** @type {HTMLElement} */ (headOf(row)));
    const from = row.dataset.from || table.dataset.from;
    return `${[`${what} ${first}`.trim(), ...told].join(", ")}; ${from}`;
  }

  /** @param {string} text @returns {boolean} */
  function copied(text) {
    const field = document.createElement("textarea");
    field.value = text;
    field.setAttribute("aria-hidden", "true");
    field.className = "unseen";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button.cite") : null;
    if (!(button instanceof HTMLElement)) return;
    const row = button.closest("tr");
    const whose = button.closest("[data-cited]")?.getAttribute("data-cited") || "";
    const text = whose + (row ? said(row) : button.dataset.cite);
    const done = copied(text);
    button.focus();
    clearTimeout(waiting);
    bar.textContent = `${done ? "Copied: " : "Copy this: "}${text}`;
    if (done) waiting = setTimeout(() => (bar.textContent = ""), 8000);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") bar.textContent = "";
  });

  const sought = new URLSearchParams(location.search).get("find");
  for (const head of sought ? document.querySelectorAll("main th[scope=row] .id, #evidence .id") : []) {
    if (head.textContent !== sought) continue;
    const row = head.closest("tr");
    row?.classList.add("sought");
    row?.scrollIntoView({ block: "center" });
    break;
  }
  document.documentElement.dataset.ready ??= "page";
})();
