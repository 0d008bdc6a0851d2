/** What serves several clusters. */
import {
  BY_KIND,
  count,
  counted,
  counts,
  h,
  h2,
  h3,
  identifier,
  identifiers,
  joined,
  kinds,
  li,
  listView,
  moreThan,
  quiet,
  remark,
  rowsOf,
  run,
  say,
  shown,
  sum,
  table,
  term,
  TERMS,
  TOLD,
  toNamed,
  unsorted
} from "./parts.js";

/** @param {Cluster} cluster */
export function suppliersTab({ suppliers, scripts }) {
  const list = table({
    prefix: "s",
    rows: suppliers,
    caption: "Suppliers",
    sort: "-records",
    text: ({ id }) => [id],
    columns: [
      identifiers(term("Supplier")),
      kinds(),
      counts("records", TOLD.records_here),
      counts("clusters"),
      unsorted("others", TOLD.serves_also, (supplier) => servedBy(supplier.others, supplier.clusters - 1))
    ]
  });
  const more = sum(suppliers, (supplier) => supplier.more);
  return [
    h2("Suppliers"),
    suppliers.length ? list : remark(TOLD.no_supplier),
    more && remark(say.more_suppliers(more)),
    scripts.length && h2(TOLD.scripts_callers_read),
    scripts.map((script) =>
      h(
        "section.script",
        h3(
          identifier(script.entity_id),
          quiet(` ${counted(script.records, "record")}, ${counted(script.clusters, "cluster")}`)
        ),
        h("blockquote", shown(script.template, 1000)),
        h(
          "ul",
          script.variants.map(([pieces, records]) =>
            li(
              pieces.map(([text, differs]) => [h(differs ? "mark" : "span", shown(text, 400)), " "]),
              quiet(counted(records, "record"))
            )
          )
        ),
        script.more && remark(say.rarer_wordings(script.more))
      )
    )
  ];
}
/**
 * Clusters that a supplier serves, and how many more there are.
 * @param {string[]} ids @param {number} total @param {any} [state]
 */
const servedBy = (ids, total, state) => [
  joined(ids, (id) => toNamed(id, undefined, state)),
  total > ids.length && quiet(` and ${count(total - ids.length)} more`)
];
export function suppliersView() {
  const rows = rowsOf(run.suppliers);
  return listView("Suppliers", [TERMS.Supplier, moreThan(run.suppliers.total, rows, "suppliers/")], {
    rows,
    caption: "Suppliers",
    sort: "-clusters",
    text: ({ id, kind }) => [id, kind],
    choices: BY_KIND,
    columns: [
      identifiers(term("Supplier")),
      kinds(),
      counts("clusters"),
      counts("records"),
      unsorted("of", "Serves", (row) => servedBy(row.serves, row.clusters, { tab: "suppliers" }), "words")
    ]
  });
}
