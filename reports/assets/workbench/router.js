/** Which view an address names, and drawing it. */
import { alertsView, fresh } from "./alerts.js";
import { clusterView } from "./cluster.js";
import { compareView } from "./compare.js";
import { decisionsView } from "./decision_list.js";
import { leaveGraph } from "./graph.js";
import { healthView } from "./health.js";
import { campaignsView, clustersView, contestedView, sharedView, singlesView, suppressedView } from "./lists.js";
import {
  about,
  address,
  anchor,
  arrive,
  count,
  entry,
  fill,
  h,
  headline,
  made,
  marks,
  p,
  place,
  plain,
  run,
  scrolled,
  tip,
  titleOfId,
  TOLD,
  words
} from "./parts.js";
import { placesView } from "./places.js";
import { queueView } from "./queue.js";
import { suppliersView } from "./suppliers.js";

/** What draws each view. @type {Record<string, (state: Record<string, string>) => any>} */
const VIEWS = {
  queue: queueView,
  clusters: clustersView,
  singles: singlesView,
  shared: sharedView,
  contested: contestedView,
  places: placesView,
  suppliers: suppliersView,
  campaigns: campaignsView,
  suppressed: suppressedView,
  alerts: alertsView,
  decisions: decisionsView,
  health: healthView
};
/** @param {string} view @param {string} id @param {Record<string, string>} state */
async function contentOf(view, id, state) {
  if (view === "c") return clusterView(id, state);
  if (view === "compare") return compareView(state);
  if (!Object.hasOwn(VIEWS, view)) return [h("h1", TOLD.no_such_page), p(anchor(address("queue"), "To the queue"))];
  if (lacks(view)) return headline(words(view), p(view === "alerts" ? TOLD.no_alerts : TOLD.left_out));
  return VIEWS[view](state);
}
/** @param {string} name of a view that this page does not have */
const lacks = (name) =>
  name === "alerts" ? !about?.alerts : run.redacted && ["decisions", "contested", "campaigns"].includes(name);
export const main = /** @type {HTMLElement} */ (document.getElementById("main"));
let drawn = "";
let turn = 0;

export async function render() {
  const mine = ++turn;
  const { view, id, state } = place();
  const left = entry,
    back = arrive(),
    numbers = { decisions: made.length, alerts: fresh() };
  fill(
    document.getElementById("views"),
    Object.keys(VIEWS)
      .filter((name) => !lacks(name))
      .map((name) =>
        h(
          "a",
          { href: address(name), "aria-current": (name === view || (view === "c" && name === "clusters")) && "page" },
          words(name),
          numbers[name] && h(`span.count${name === "alerts" ? ".warn" : ""}`, ` ${count(numbers[name])}`)
        )
      )
  );
  /** @type {any} */ let content;
  try {
    content = await contentOf(view, id, state);
  } catch (error) {
    content = [h("h1", TOLD.cannot_be_shown), p(plain(error.message, 300))];
  }
  if (mine !== turn) return;
  leaveGraph();
  const where = `${view}/${id}`,
    same = where === drawn;
  const held = same && document.activeElement?.matches("main a.choice") && document.activeElement.getAttribute("href");
  const scroll = same && (left === entry || back === undefined) ? scrollY : (back ?? 0);
  fill(main, content);
  scrollTo(0, scroll);
  scrolled.set(entry, scrollY);
  const from = back !== undefined && left !== entry && drawn.startsWith("c/") && drawn.slice(2);
  const focus = (selector) => /** @type {any} */ (main.querySelector(selector))?.focus({ preventScroll: true });
  if (from) focus(`tr[data-key="${CSS.escape(plain(from, 200))}"] a.cluster`);
  if (held) focus(`a.choice[href="${CSS.escape(held)}"]`);
  // A reader of the screen is told of a new view; who types on keeps the field.
  if (drawn && !same && document.activeElement === document.body) main.focus({ preventScroll: true });
  drawn = where;
  tip.hidden = true;
  const title = view === "c" ? plain(titleOfId(id), 60) : Object.hasOwn(VIEWS, view) ? words(view) : "";
  document.title = `${title} – ringtrace ${run.run}`;
  marks.ready = location.hash || "#/queue";
}
