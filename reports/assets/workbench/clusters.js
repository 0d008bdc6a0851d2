/** Clusters in lists: their names, tags and columns. */
import {
  anchor,
  brief,
  briefly,
  count,
  day,
  firstFew,
  FLAGS,
  h,
  identifier,
  losses,
  names,
  none,
  prettily,
  pretty,
  quiet,
  say,
  seconds,
  term,
  toCluster,
  TOLD,
  worded,
  words,
  zero
} from "./basics.js";
import { clusterOf } from "./data.js";
import { made, pending } from "./store.js";
import { column, counts, dates, decimals, reportedTo, reporters, table, unsorted } from "./table.js";
import { woken, workTags } from "./work.js";

/** The best known member of a cluster, and the brand that it poses as. @param {Pick<Row, "name" | "brand">} row @returns {string[]} */
export const named = (row) => [row.name, words(row.brand)];
/** @param {Row} row */
export function clusterName(row, state = {}) {
  const [value, brand] = named(row);
  return h(
    "a.cluster",
    { href: toCluster(row.id, state) },
    briefly(value, 48),
    prettily(value),
    brand && h("span.brand", " ", brief(brand, 30))
  );
}
/** The name of a cluster as text. @param {Pick<Row, "name" | "brand">} row @returns {string} */
export const titleOf = (row) => named(row).filter(Boolean).join(" ");
/** The same by its id. @param {string} id @param {string} [absent] text for a cluster that is not listed */
export function titleOfId(id, absent = id) {
  const row = clusterOf.get(id);
  return row ? titleOf(row) : absent;
}
/** @param {Row} row */
export const statusTag = ({ status }) =>
  status !== "candidate" && h(`span.tag.${/^[a-z]+$/.test(status) ? status : "other"}`, worded(status, 20));
/** @param {Row} row */
export function pendingTag(row) {
  const mine = made.filter((decision) => decision.cluster === row.id && pending(decision));
  return (
    mine.length &&
    h(
      "span.tag.mine",
      { title: mine.map((decision) => decision.decision_id).join(", ") },
      `${words(mine.at(-1).kind)} recorded`
    )
  );
}

/** @param {Row} row */
const flagTags = (row) =>
  row.flags
    .filter((flag) => FLAGS[flag])
    .map((flag) => {
      const { name, meaning } = FLAGS[flag];
      return h(
        `span.tag${flag.startsWith("one_") ? "" : ".caution"}`,
        { title: meaning },
        flag === "thin" ? "Thin" : name
      );
    });

/** @param {string} wanted names of columns, with spaces between them */
export function clusterColumns(wanted) {
  const columns = [
    column("name", "Cluster", (row) => [clusterName(row), " ", ...clusterTags(row)], "name"),
    decimals("priority", 1),
    counts("core", term("Core"), (row) => [count(row.core), quiet(` of ${count(row.size)}`)]),
    counts("unreviewed", term("Unreviewed"), (row) => zero(row.unreviewed)),
    counts("contested", term("Contested"), ({ contested }) =>
      contested ? h("strong.warn", count(contested)) : none("0")
    ),
    reporters(),
    counts("complaints"),
    counts("calls"),
    unsorted("losses", "Losses", (row) => losses(row.losses), "num money"),
    reportedTo(2),
    dates("first"),
    dates("last"),
    decimals("confidence"),
    unsorted("countries", "Victims in", (row) => names(countriesOf(row))),
    unsorted("brands", "Brands", (row) => names(row.brands)),
    unsorted(
      "changed",
      TOLD.what_changed,
      (row) => {
        const since = woken(row);
        return row.changes.length || since
          ? [changeChips(row), since && h("span.chip.lone", say.snoozed_until(day(seconds(since))))]
          : none("No change");
      },
      "changed"
    )
  ];
  return wanted.split(" ").map((name) => /** @type {any} */ (columns.find((each) => each.name === name)));
}
export const changeChips = (row) => row.changes.map(({ kind, text }) => h(`span.chip.${kind}`, text));
const clusterTags = (row) => [statusTag(row), pendingTag(row), flagTags(row), workTags(row)];
export const countriesOf = (row) => row.countries.map(([country]) => country);
const clusterText = (row) => [row.name, pretty(named(row)[0]), row.id, row.orgs, row.brands, countriesOf(row)];
/** A table of clusters, the first to look at first. @param {any} more */
export const clusterTable = (more) =>
  table({ text: clusterText, sort: "-priority", open: (row) => (location.hash = toCluster(row.id)), ...more });
/** @param {string[]} ids of clusters */
export const links = (ids) => firstFew(ids, 12, (id) => toNamed(id, identifier(id)));
/**
 * A cluster by name; of a single identifier, or of another run, the text.
 * @param {string} id @param {any} [text] @param {Record<string, any>} [state]
 */
export function toNamed(id, text = TOLD.single_identifier, state = {}) {
  const row = clusterOf.get(id);
  return row ? clusterName(row, state) : anchor(toCluster(id, state), text);
}
/** A column of the cluster of a row. @param {(row: any) => any} absent text for a cluster that is not listed */
export const ownCluster = (absent) =>
  unsorted(
    "cluster",
    "Cluster",
    ({ cluster, id }) => {
      const row = clusterOf.get(cluster);
      return row ? clusterName(row, { id }) : absent(cluster);
    },
    "name"
  );
/** The id of a row, as a link to its cluster. @param {any} row @param {number} limit */
export const inCluster = ({ cluster, id }, limit) => anchor(cluster && toCluster(cluster, { id }), briefly(id, limit));
