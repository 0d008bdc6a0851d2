// @ts-check
"use strict";
/** Copies the citation of a row. The clipboard may refuse a local file; then it is shown. */
(() => {
  const said = byId("cited");
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
    const whose = button.closest("[data-cited]");
    const text = `${whose?.getAttribute("data-cited") || ""}${button.dataset.cite || ""}`;
    const done = copied(text);
    button.focus();
    button.textContent = done ? "Copied" : "Cite";
    said.textContent = `${done ? "Copied: " : "Copy this: "}${text}`;
    setTimeout(() => (button.textContent = "Cite"), 2000);
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
