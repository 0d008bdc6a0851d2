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
  seconds,
  served,
  setAside,
  shown,
  simple,
  span,
  sum,
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
    caption: "Clusters that ask for attention",
    filter: (row) => has(why, row),
    hint: "Filter by number, brand, organisation",
    none: state.q ? "Nothing fits." : "Nothing asks for attention.",
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
  const before = run.previous_clock ? `the run of ${moment(seconds(run.previous_clock))}` : run.previous;
  const compared = run.previous ? `changed since ${before}` : TOLD.changed_since;
  const changed =
    run.previous || run.compared
      ? `${counted(rows.length, "cluster")} ${compared}`
      : "First run: no earlier one to compare with";
  return [
    headline(
      "Queue",
      p(
        span({ title: run.previous }, changed),
        "; by priority. ",
        anchor(address("clusters"), `All ${counted(clusters.length, "cluster")}`),
        ", ",
        anchor(address("singles"), counted(run.singles, "single identifier")),
        "."
      ),
      alarms(5, 300)
    ),
    h(
      "div.facts",
      leads(run.shared, joint ? "identifier* that both sides see" : "identifier* seen by several", address("shared")),
      joint
        ? leads(joint.links, "link* only the union reveals", address("shared"))
        : leads(several, "cluster* seen by several", address("clusters", { both: 1 })),
      joint && leads(joint.merged, "pair* of clusters that are one", address("shared")),
      !joint &&
        !run.redacted &&
        several &&
        leads(
          having((row) => unionOnly.has(row.id)),
          "whole only in the union",
          address("clusters", { both: "union" })
        ),
      leads(
        sum(clusters, (row) => row.unreviewed),
        "unreviewed core member*",
        address("clusters", { sort: "-unreviewed" })
      ),
      contested && leads(contested.total, "contested identifier*", address("contested"), contested.total > 0),
      leads(
        having((row) => row.status === "disputed"),
        "disputed cluster*",
        address("clusters", { status: "disputed" })
      ),
      !run.redacted &&
        leads(made.length, served ? "decision* in the file" : "decision* kept here", address("decisions"))
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
        `${counted(run.moved.length, "cluster")} no longer seen`,
        simple(
          "No longer seen",
          "Cluster of the run before | Its members went to",
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
