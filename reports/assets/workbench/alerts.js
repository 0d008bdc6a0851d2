/** What a server shows beside the run: other runs, and the alerts of a stream. */
import {
  about,
  anchor,
  ask,
  author,
  briefly,
  button,
  BY_KIND,
  changeWork,
  clusterOf,
  column,
  firstFew,
  greet,
  h,
  identifier,
  listView,
  may,
  moment,
  names,
  options,
  place,
  plain,
  prettily,
  pretty,
  quiet,
  redraw,
  reporters,
  say,
  seconds,
  select,
  shown,
  signAs,
  toCluster,
  TOLD,
  unsorted,
  worded,
  work
} from "./parts.js";

/** @type {any} */ let feed = { alerts: [], held_back: 0 };
async function readAlerts() {
  feed = await ask("alerts");
}
/** @returns {number} alerts that nobody acknowledged */
export const fresh = () => feed.alerts.filter((alert) => !work.acknowledged[alert.alert_id]).length;
let watching = 0;
/** @param {Record<string, string>} state */
export async function alertsView(state) {
  await readAlerts();
  clearTimeout(watching);
  watching = setTimeout(
    () => place().view === "alerts" && !document.activeElement?.matches("input, select") && redraw(),
    20_000
  );
  const seen = ({ alert_id: id }) => work.acknowledged[id];
  const acknowledge = ({ alert_id: id }) =>
    changeWork("acknowledge", { alert: id }, (signed) => (work.acknowledged[id] = signed));
  const rows = feed.alerts.map((alert) => ({
    orgs: [],
    tied_to: [],
    reporters: 0,
    ...alert,
    id: alert.entity_id ?? alert.cluster_id ?? ""
  }));
  return listView("Alerts", [say.alerts(fresh(), rows.length), feed.held_back && say.held_back(feed.held_back)], {
    rows,
    caption: TOLD.alerts_stream,
    sort: "-observed_at",
    text: ({ id, kind, reason, orgs }) => [id, pretty(id), kind, reason, orgs],
    before: options("seen", [["all", "All alerts"]]),
    choices: BY_KIND,
    filter: (alert) => state.seen === "all" || !seen(alert),
    columns: [
      column("observed_at", "Observed", (alert) => moment(seconds(alert.observed_at)), "date"),
      column("kind", "Alert", ({ kind }) => worded(kind)),
      column(
        "id",
        TOLD.identifier_or_cluster,
        ({ id, cluster_id, entity_id }) => [
          clusterOf.has(cluster_id)
            ? anchor(toCluster(cluster_id, { id: entity_id }), briefly(id, 50))
            : identifier(id),
          prettily(id)
        ],
        "who"
      ),
      unsorted(
        "reason",
        "Why",
        ({ reason, tied_to: tied }) => [
          shown(reason, 200),
          tied.length &&
            h(
              "div.quiet",
              "linked to ",
              firstFew(tied, 3, (id) => briefly(id, 40))
            )
        ],
        "words"
      ),
      reporters(),
      unsorted("orgs", "Reported to", ({ orgs }) => names(orgs), "orgs"),
      unsorted(
        "ack",
        h("span.unseen", "Acknowledge"),
        (alert) =>
          seen(alert)
            ? quiet("seen by ", shown(seen(alert).by || "you"))
            : may("acknowledge") &&
              button("Acknowledge", () => acknowledge(alert), { label: `Acknowledge ${plain(alert.id, 60)}` }),
        "quick"
      )
    ]
  });
}

/** Meets the server: which runs it shows, and what it records. */
export async function meet() {
  await greet();
  signAs(about.author || author);
  const runs = about.runs.map(({ href, name, clock }) => [
    href,
    plain(`${name}${clock ? `, ${moment(seconds(clock))}` : ""}`, 80)
  ]);
  const current = about.runs.find((shownRun) => shownRun.current)?.href;
  document.getElementById("runs")?.remove();
  if (runs.length > 1) {
    const switcher = select(
      "Run",
      runs,
      current,
      (href) => (location.href = href + location.hash.replace(/\?.*$/, ""))
    );
    switcher.id = "runs";
    document.querySelector(".product")?.after(switcher);
  }
  if (about.alerts) await readAlerts();
}
