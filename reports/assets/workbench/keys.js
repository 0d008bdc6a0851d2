/** Keys that act, and the help. */
import {
  address,
  button,
  dd,
  dialog,
  div,
  field,
  fill,
  h,
  h2,
  h3,
  KEYS,
  nextInQueue,
  place,
  run,
  TERMS,
  toCluster,
  TOLD
} from "./parts.js";
import { main } from "./router.js";

export function help() {
  const rows = (texts, headed) => Object.entries(texts).map(([name, text]) => dd(headed(name), text));
  const terms = Object.fromEntries(Object.entries(TERMS).filter(([name]) => !run.statuses.includes(name)));
  fill(
    dialog,
    div(
      h2({ id: "dialog-title" }, TOLD.keys_terms),
      h(
        "dl.keys",
        rows(KEYS, (key) => h("kbd", key))
      ),
      h3("Terms"),
      h("dl.terms", rows(terms, String)),
      h(
        "p.buttons",
        button("Close", () => dialog.close(), { class: "primary" })
      )
    )
  );
  dialog.showModal();
  dialog.scrollTop = 0;
}
/** @param {string} tab of the open cluster */
function openTab(tab) {
  const { view, id, state } = place();
  if (view === "c") location.hash = toCluster(id, { tab, id: state.id });
}
/**
 * Focuses the next row of a table, or the one before.
 * @param {number} step @param {Element} target @returns {boolean} whether there is a table
 */
function walkRows(step, target) {
  /** @type {any[]} */ const links = [...main.querySelectorAll("tbody tr")]
    .map((row) => row.querySelector("th a, th button.link, td a.cluster"))
    .filter(Boolean);
  if (!links.length || target.closest(".canvas, summary, [role=button]")) return false;
  const here = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
  const next = links[here < 0 ? 0 : Math.min(Math.max(here + step, 0), links.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}
/**
 * What keys do, beside typing; a key that returns false does what it does in any page.
 * @type {Record<string, (target: HTMLElement) => any>}
 */
const ACTS = {
  "/": () => {
    field.focus();
    field.select();
  },
  "?": help,
  q: () => (location.hash = address("queue")),
  n: () => {
    const next = nextInQueue();
    if (next) location.hash = toCluster(next.id);
  },
  c: () => /** @type {any} */ (document.querySelector(".cluster-head .primary"))?.click(),
  g: () => openTab("graph"),
  m: () => openTab(""),
  t: () => openTab("timeline"),
  r: () => openTab("records"),
  ArrowDown: (target) => walkRows(1, target),
  ArrowUp: (target) => walkRows(-1, target)
};
/** @param {KeyboardEvent} event */
export function press(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || target.matches("input, select, textarea"))
    return;
  const act = ACTS[event.key];
  // A field that opens would take the letter.
  if (act && act(target) !== false) event.preventDefault();
}
