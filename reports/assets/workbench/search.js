/** The search of a run: its index, its field and its hits. */
import {
  address,
  briefly,
  fill,
  h,
  isolated,
  marks,
  plain,
  prettily,
  rowsOf,
  say,
  sentences,
  toCluster,
  TOLD,
  words
} from "./basics.js";
import { titleOf, titleOfId } from "./clusters.js";
import { clusterList, clusterOf, clusters, load } from "./data.js";
import { bareValue, folded, identifiersIn, sought } from "./query.js";

export const field = /** @type {HTMLInputElement} */ (document.getElementById("query"));
const hits = /** @type {HTMLElement} */ (document.getElementById("hits"));
/** @type {any} */ export let index;
let marked = 0;

async function loadIndex() {
  const [whole, suppressed] = await Promise.all([
    load("found"),
    load("suppressed"),
    clusterList("clusters"),
    clusterList("singles")
  ]);
  const all = (name) => Promise.all(Array.from({ length: whole[name] }, (_, n) => load(`${name}-${n}`)));
  const pieces = (await Promise.all([all("search"), all("records")])).flat();
  index = { ...whole, suppressed: rowsOf(suppressed) };
  for (const name of "ids clusters records record_orgs record_clusters".split(" "))
    index[name] = pieces.flatMap((piece) => piece[name] ?? []);
  index.values = index.ids.map(bareValue);
  index.lower = index.records.map((record) => record.toLowerCase());
}

/**
 * The rows of the search: text, what is said of it, where it leads, and how well it fits.
 * @param {string} query @returns {{text: string, note: string, href: string, weight: number}[]}
 */
function find(query) {
  const [bareQuery, holder = ""] = query.trim().split(/(#\d+)$/);
  const { key, number, fits } = sought(bareQuery);
  if (key.length < 2) return [];
  const weightOf = (id, text) => {
    const exact = text === key || (number && text.endsWith(number) && text.length - number.length <= 4);
    return exact ? (holder && id.endsWith(holder) ? 4 : 3) : 1;
  };
  const titled = (id) => plain(titleOfId(id), 60);
  /** @type {any[]} */ const hitRows = [];
  const add = (text, note, href, weight) => hitRows.push({ text, note, href, weight });
  index.ids.forEach((id, n) => {
    const row = clusterOf.get(index.of[index.clusters[n]]),
      value = index.values[n];
    if (row && fits(id, value))
      add(
        id,
        row.size > 1 ? `in ${titled(row.id)}` : TOLD.single_identifier,
        toCluster(row.id, { id }),
        weightOf(id, value)
      );
  });
  for (const { id, reason } of index.suppressed) {
    const value = bareValue(id);
    if (fits(id, value))
      add(id, `suppressed: ${plain(reason, 120)}`, address("suppressed", { q: id }), weightOf(id, value) - 0.5);
  }
  const start = query.trim().toLowerCase();
  const named = index.orgs.findIndex(
    (org) => start.startsWith(`${org.toLowerCase()}|`) || start.startsWith(`${org.toLowerCase()}/`)
  );
  const own = named < 0 ? start : start.slice(index.orgs[named].length + 1);
  for (let n = 0, left = 60; n < index.lower.length && left; n++) {
    const record = index.lower[n],
      inOrg = index.record_orgs[n] === named && record.startsWith(own);
    if (!inOrg && !record.startsWith(start)) continue;
    left--;
    const text = index.records[n],
      id = index.of[index.record_clusters[n]] ?? "";
    add(
      text,
      `record of ${words(index.orgs[index.record_orgs[n]])}` + (id ? ` in ${titled(id)}` : TOLD.names_no_member),
      id && toCluster(id, { tab: "records", rq: text }),
      record === start || (inOrg && record === own) ? 3.2 : 2
    );
  }
  for (const row of clusters) {
    if (![`${row.name} ${row.brand}`, row.id].some((text) => folded(text).includes(key))) continue;
    add(titleOf(row), say.cluster_member(row.size), toCluster(row.id), 1.5);
  }
  return hitRows.sort((a, b) => b.weight - a.weight || a.text.length - b.text.length).slice(0, 60);
}

/** @param {string} query */
export async function lookUp(query) {
  if (!index) await loadIndex();
  return find(query);
}

async function search() {
  const query = asked();
  if (!query.trim()) return closeHits();
  const whole = await lookUp(query);
  if (query !== asked()) return;
  const parts = whole.length
    ? whole
    : [
        ...new Map(
          identifiersIn(query)
            .flatMap(find)
            .map((hit) => [hit.text + hit.href, hit])
        ).values()
      ].slice(0, 60);
  marked = 0;
  const said = (...text) => h("p.quiet", { role: "option", "aria-selected": "false" }, text);
  fill(
    hits,
    !whole.length && parts.length && said(TOLD.found_parts),
    parts.map(({ text, note, href }, n) =>
      h(
        href ? "a" : "div",
        {
          href: href || null,
          role: "option",
          id: `hit-${n}`,
          tabindex: href ? -1 : null,
          "aria-selected": String(n === 0),
          onclick: closeHits
        },
        briefly(text, 70),
        prettily(text),
        h("span.note", isolated(note))
      )
    ),
    !parts.length && said(sentences(TOLD.not_found), /^\s*RT-/i.test(query) && sentences(TOLD.evidence_number), ".")
  );
  hits.hidden = false;
  field.setAttribute("aria-expanded", "true");
  field.setAttribute("aria-activedescendant", parts.length ? "hit-0" : "");
  marks.searched = query;
}
const asked = () => field.value.slice(0, 300);
export function closeHits() {
  hits.hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}
/** @param {number} step */
function walk(step) {
  const every = hits.querySelectorAll("a, div");
  if (!every.length) return;
  every[marked]?.setAttribute("aria-selected", "false");
  marked = (marked + step + every.length) % every.length;
  every[marked].setAttribute("aria-selected", "true");
  every[marked].scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", every[marked].id);
}
let waiting = 0;
field.addEventListener("focus", () => index || loadIndex(), { once: true });
field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, 60);
});
async function openHit() {
  clearTimeout(waiting);
  if (marks.searched !== asked() || hits.hidden) await search();
  /** @type {any} */ const hit = hits.querySelectorAll("a, div")[marked];
  if (!hit?.href) return;
  closeHits();
  field.blur();
  location.hash = hit.hash;
}
field.addEventListener("keydown", (event) => {
  const act = { ArrowDown: () => walk(1), ArrowUp: () => walk(-1), Enter: openHit, Escape: closeHits }[event.key];
  if (!act) return;
  if (event.key !== "Escape") event.preventDefault();
  act();
});
document.addEventListener("click", (event) => {
  if (!(/** @type {any} */ (event.target).closest(".searcher"))) closeHits();
});
