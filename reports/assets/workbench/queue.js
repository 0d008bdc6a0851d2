/** The queue: what changed and asks for attention. */
import {
  address,
  addressWith,
  anchor,
  author,
  clusterColumns,
  clusters,
  clusterTable,
  count,
  counted,
  details,
  FLAGS,
  h,
  headline,
  identifier,
  li,
  links,
  made,
  moment,
  p,
  queueRows,
  run,
  say,
  seconds,
  served,
  setAside,
  shown,
  simple,
  span,
  sum,
  TABLES,
  tile,
  TOLD,
  unionOnly,
  walkIn,
  WHY,
  worded,
  workOf
} from "./parts.js";

/** What is chosen among all clusters, not among those alone that changed. */
const EVERYWHERE = "unreviewed thin burst same_text mine snoozed done".split(" ");

/** @param {Record<string, string>} state */
export function queueView(state) {
  const rows = queueRows(),
    changedRows = new Set(rows),
    { why = "" } = state;
  const setBy = new Map(clusters.map((row) => [row, setAside(row)]));
  const has = (kind, row) => {
    if (!EVERYWHERE.includes(kind) && !changedRows.has(row)) return false;
    const aside = setBy.get(row);
    if (kind === "snoozed" || kind === "done") return aside === kind;
    if (aside) return false;
    if (kind === "mine" || kind === "free")
      return author !== "" && workOf(row).owner === (kind === "mine" ? author : "");
    if (FLAGS[kind]) return row.flags.includes(kind);
    return !kind || (kind === "unreviewed" ? row.unreviewed > 0 : row.changes.some((change) => change.kind === kind));
  };
  const chips = Object.entries(WHY).map(([kind, name]) => ({
    kind,
    name,
    number: clusters.filter((row) => has(kind, row)).length
  }));
  const list = clusterTable({
    columns: clusterColumns(
      `priority name ${run.compared ? "changed" : "countries"} core unreviewed reporters losses orgs last`
    ),
    rows: clusters,
    caption: TOLD.clusters_ask_attention,
    filter: (row) => has(why, row),
    hint: TOLD.filter_number_brand,
    none: state.q ? TOLD.nothing_fits : TOLD.nothing_asks_attention,
    drawn: (shownRows) => {
      walkIn(
        shownRows.map(({ id }) => id),
        why === "snoozed" || why === "done"
      );
    }
  });
  const having = (test) => clusters.filter(test).length;
  const several = having((row) => row.orgs.length > 1),
    { joint, contested } = run;
  const before = run.previous_clock ? say.run_of(moment(seconds(run.previous_clock))) : run.previous;
  const compared = run.previous ? `changed since ${before}` : TOLD.changed_since;
  const changed = run.previous || run.compared ? `${counted(rows.length, "cluster")} ${compared}` : TOLD.first_run;
  return [
    headline(
      "Queue",
      p(
        span({ title: run.previous }, changed),
        TOLD.by_priority,
        anchor(address("clusters"), `All ${counted(clusters.length, "cluster")}`),
        ", ",
        anchor(address("singles"), counted(run.singles, TOLD.single_identifier)),
        "."
      ),
      alarms(5, 300)
    ),
    h(
      "div.facts",
      leads(run.shared, joint ? TOLD.identifier_both_sides : TOLD.identifier_tile, address("shared")),
      joint
        ? leads(joint.links, TOLD.link_only_union, address("shared"))
        : leads(several, TOLD.cluster_seen_several, address("clusters", { both: 1 })),
      joint && leads(joint.merged, TOLD.pair_clusters_one, address("shared")),
      !joint &&
        !run.redacted &&
        several &&
        leads(
          having((row) => unionOnly.has(row.id)),
          TOLD.whole_tile,
          address("clusters", { both: "union" })
        ),
      leads(
        sum(clusters, (row) => row.unreviewed),
        TOLD.unreviewed_core_member,
        address("clusters", { sort: "-unreviewed" })
      ),
      contested && leads(contested.total, TOLD.contested_identifier, address("contested"), contested.total > 0),
      leads(
        having((row) => row.status === "disputed"),
        TOLD.disputed_cluster,
        address("clusters", { status: "disputed" })
      ),
      !run.redacted && leads(made.length, served ? TOLD.decision_file : TOLD.decision_kept_here, address("decisions"))
    ),
    h(
      "div.chips",
      { role: "group", label: "Why" },
      chips
        .filter(({ kind, number }) => number || !kind)
        .map(({ kind, name, number }) =>
          h(
            "a.chip.choice",
            { href: addressWith({ why: kind }), "aria-current": kind === why && "true" },
            kind || !run.compared ? name : "Changed",
            " ",
            h("b", count(number))
          )
        )
    ),
    list,
    run.moved.length &&
      details(
        say.cluster_no_longer(run.moved.length),
        simple(
          TABLES.gone,
          run.moved.map((moved) => [
            identifier(moved.cluster_id),
            moved.to_ids.length ? links(moved.to_ids) : "none here"
          ])
        )
      )
  ];
}
/**
 * A number that leads to what it counts.
 * @param {number} number @param {string} noun with a * where a plural has its s @param {string} href
 * @param {boolean} [warn]
 */
const leads = (number, noun, href, warn) =>
  tile(number, anchor(href, noun.replace("*", number === 1 ? "" : "s")), warn);
/** @param {number} most @param {number} letters */
export const alarms = (most, letters) =>
  run.alarms.length &&
  h(
    "ul.alarms",
    { label: "Alarms" },
    run.alarms.slice(0, most).map(({ code, message }) => li(worded(code), ": ", shown(message, letters)))
  );
