/** Two clusters side by side. */
import {
  actions,
  address,
  addressWith,
  anchor,
  barChart,
  bare,
  briefly,
  cellsOf,
  clusterColumns,
  clusterName,
  counted,
  DAY,
  day,
  dayOf,
  dot,
  form,
  h,
  h2,
  headline,
  identifier,
  keyed,
  li,
  linkButton,
  lookUp,
  may,
  p,
  pairButtons,
  people,
  period,
  quiet,
  remark,
  safeDecoded,
  say,
  scroller,
  shown,
  simple,
  spokesman,
  standing,
  TABLES,
  titleOf,
  titleOfId,
  toast,
  toCluster,
  TOLD,
  tr,
  valueOf,
  wholeCluster,
  words
} from "./parts.js";

/** @param {Record<string, string>} state */
export async function compareView(state) {
  const [left, right] = await Promise.all([state.a, state.b].map((id) => (id ? wholeCluster(id) : null)));
  if (left && right) return comparison(left, right);
  const [name, text] = left ? ["b", "Compare with it"] : ["a", TOLD.choose_first];
  const query = h("input.filter", { type: "search", label: text, placeholder: TOLD.any_form_hint });
  const submit = async () => {
    const hit = (await lookUp(query.value)).find(({ href }) => href.startsWith("#/c/"));
    if (!hit) return toast(TOLD.no_cluster_by_that);
    location.hash = addressWith({ [name]: safeDecoded(hit.href.slice(4).split("?")[0]) });
  };
  const near = new Map(left?.near.map(({ cluster }) => [cluster, "a rejected link"]));
  for (const { kind, others } of left?.suppliers ?? [])
    for (const id of others) if (!near.has(id)) near.set(id, `the same ${words(kind).toLowerCase()}`);
  return [
    headline(TOLD.compare_two_clusters, left && p(clusterName(left), " and")),
    form("form.bar", submit, query, h("button", text)),
    near.size && [
      h2("Close to it"),
      h(
        "ul.plain",
        [...near]
          .slice(0, 30)
          .map(([id, why]) =>
            li(
              anchor(addressWith({ b: id }), briefly(titleOfId(id, `single identifier ${id}`), 60)),
              quiet(` by ${why}`)
            )
          )
      )
    ]
  ];
}
/** Two clusters side by side. @param {any} left @param {any} right */
function comparison(left, right) {
  const both = [left, right];
  const rows = clusterColumns(
    "name priority core reporters complaints calls losses countries orgs brands first last confidence"
  );
  const common = (name, values, cell) => {
    const there = new Set(values(right));
    return [...new Set(values(left))].filter((value) => there.has(value)).map((value) => [name, cell(value)]);
  };
  const templateOf = (id) => left.scripts.find((script) => script.entity_id === id).template;
  const shared = [
    ...common(TOLD.held_by_both, ({ members }) => members.map(({ id }) => bare(id)), identifier),
    ...common(
      TOLD.call_script,
      ({ scripts }) => scripts.map((script) => script.entity_id),
      (id) => [identifier(id), h("div.quiet", shown(templateOf(id), 160))]
    ),
    ...common("Supplier", ({ suppliers }) => suppliers.map(({ id }) => id), identifier),
    ...common("Carrier", ({ members }) => members.flatMap(({ carriers }) => carriers), shown)
  ];
  const near = left.near.filter(({ cluster }) => cluster === right.id);
  const [a, b] = both.map((cluster) => may("decide") && spokesman(cluster));
  const choose = linkButton(address("compare", { a: left.id }), "Another…");
  const [same, apart] = a && b ? pairButtons(left, a.id, b.id, right.id) : [];
  same?.classList.add("primary");
  const list = ({ id, name, brand, members }) =>
    h(
      "section",
      h2(`Members of `, briefly(titleOf({ name, brand }), 60)),
      h(
        "ul.near",
        members
          .slice(0, 40)
          .map((member) =>
            li(
              dot(member.kind),
              anchor(toCluster(id, { id: member.id }), briefly(valueOf(member.id), 40)),
              standing(member),
              quiet(` ${words(member.role)}, ${people(member.reporters)}, ${period(member)}`)
            )
          )
      ),
      members.length > 40 && p(anchor(toCluster(id), `All ${counted(members.length, "member")}`))
    );
  return [
    headline(TOLD.compare_two_clusters, same && actions(TOLD.decide_both, same, apart, choose)),
    scroller(
      TOLD.side_by_side,
      h(
        "table.pair",
        h(
          "tbody",
          rows.map(({ head, cell }) => tr(cellsOf([head, ...both.map(cell)], () => null)))
        )
      )
    ),
    h2(TOLD.when_active),
    twoTimes(both),
    simple(TABLES.common, shared.length ? shared : [[TOLD.nothing_run_knows, ""]], [1]),
    near.length &&
      simple(
        TABLES.rejected,
        near.map(({ member, there, weight, reason }) => [
          identifier(member.id),
          identifier(there),
          weight.toFixed(2),
          shown(reason, 160)
        ]),
        [1, 3]
      ),
    h("div.columns.two", both.map(list))
  ];
}
/** Records by day of two clusters, one above the other on one axis. @param {any[]} both */
function twoTimes(both) {
  const days = both.map(({ members }) => members.flatMap((member) => member.days));
  const every = days.flat().map(([when]) => when);
  if (!every.length) return remark(TOLD.no_day_known);
  const start = Math.min(...every),
    end = Math.max(...every);
  const dayAt = (bar) => day((start + bar) * DAY);
  const numbers = days.map((rows) => {
    const sums = Array.from({ length: end - start + 1 }, () => 0);
    for (const [when, number] of rows) sums[when - start] += number;
    return sums;
  });
  const chart = barChart(
    say.records_day_both(dayAt(0), dayAt(end - start)),
    86,
    numbers.map((sums) => [sums]),
    dayAt,
    (bar) => `${dayAt(bar)}: ${numbers.map((sums) => counted(sums[bar], "mention")).join(" and ")}`
  );
  const [first, second] = both,
    met = Math.min(first.last, second.last) - Math.max(first.first, second.first);
  const told =
    met >= 0
      ? say.both_active_day(dayOf(met) + 1)
      : `${counted(Math.max(Math.round(-met / DAY), 1), "day")} ` + TOLD.between_last_record;
  return keyed(briefly(titleOf(first), 60), briefly(titleOf(second), 60), `; ${told}`, chart);
}
