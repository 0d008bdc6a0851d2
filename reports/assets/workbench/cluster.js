/** The page of a cluster. */
import { aboutTab } from "./about.js";
import { graphTab } from "./graph.js";
import { linksTab, rejectedTab } from "./links.js";
import { memberPanel } from "./panel.js";
import {
  actions,
  address,
  anchor,
  button,
  byName,
  changeChips,
  clusterColumns,
  clusters,
  count,
  counted,
  decide,
  div,
  FLAGS,
  h,
  headline,
  identifier,
  joined,
  kindsOf,
  li,
  linkButton,
  links,
  may,
  memberOf,
  membersTab,
  named,
  names,
  nextInQueue,
  nounOf,
  p,
  pair,
  pendingTag,
  period,
  plain,
  prettily,
  quiet,
  recordCounts,
  recordsTab,
  remember,
  run,
  say,
  shown,
  span,
  spokesman,
  statusTag,
  tile,
  toCluster,
  TOLD,
  wholeCluster,
  worded,
  workBar
} from "./parts.js";
import { suppliersTab } from "./suppliers.js";
import { timelineTab } from "./timeline.js";

/**
 * The parts that a cluster falls into for each organisation, by the links of its own records; nothing if an
 * organisation sees it whole.
 * @param {Cluster} cluster
 */
function aloneLine({ alone, orgs, size }) {
  if (!alone) return null;
  const parts = (org) => {
    const sizes = Object.hasOwn(alone, org) ? alone[org] : [];
    if (!sizes.length) return "none of its members";
    const first = sizes.slice(0, 4).map(count).join(" + ");
    return say.of_its(first, sizes.length > 4 ? " + …" : "", size);
  };
  const lines = orgs.slice(0, 4).map((org, n) => [n && "; ", worded(org), say.own_records_tie(parts(org))]);
  return li(h("strong", TOLD.whole_only_union), ": ", lines, TOLD.one_alone);
}
/** @param {Cluster} cluster */
function flagLines(cluster) {
  const { thin, weakest } = cluster.sides,
    { cut, size, flags } = cluster;
  const same = weakest.join() === thin.join();
  const falls =
    weakest.length &&
    cut !== null &&
    !run.redacted &&
    say.if_reporter_wrong(flags.includes("cut_at_least") ? "at least " : "", cut) +
      say.falls_into_members(weakest.length, size - weakest.length);
  const smaller = (side) =>
    cluster.sides[side].length && [
      anchor(toCluster(cluster.id, { side }), say.show_smaller_side(cluster.sides[side].length)),
      "."
    ];
  const lines = [
    aloneLine(cluster),
    ...flags
      .filter((flag) => FLAGS[flag])
      .map((flag) =>
        li(
          h("strong", FLAGS[flag].name),
          `: ${FLAGS[flag].meaning} `,
          flag === "thin" && [same && falls, smaller("thin")]
        )
      ),
    falls && !(same && thin.length) && li(h("strong", TOLD.weakest_cut), `: ${falls}`, smaller("weakest"))
  ].filter(Boolean);
  return lines.length && h("ul.flags", { label: TOLD.what_to_know }, lines);
}

/**
 * Tabs of a cluster: name, text, the function that draws it, and the function that counts for the tab.
 * @type {[string, string, (cluster: Cluster, open: (member: Member) => void) => any,
 *   ((cluster: Cluster) => number)?][]}
 */
const TABS = [
  ["members", "Members", membersTab, (cluster) => cluster.size],
  ["links", "Links", linksTab, ({ links, ties }) => links.length + ties.length],
  ["records", "Records", recordsTab],
  ["timeline", "Timeline", timelineTab],
  ["graph", "Graph", graphTab],
  ["rejected", TOLD.weak_rejected_links, rejectedTab, ({ counts: [{ near }], bridges }) => near + bridges.length],
  ["suppliers", TOLD.suppliers_scripts, suppliersTab, ({ suppliers, scripts }) => suppliers.length + scripts.length],
  ["about", "About", aboutTab]
];

/** @param {string} id @param {Record<string, string>} state */
export async function clusterView(id, state) {
  const cluster = await wholeCluster(id);
  if (!cluster) {
    const went = [
      ...run.moved.filter((moved) => moved.cluster_id === id).flatMap((moved) => moved.to_ids),
      ...clusters.filter(({ from }) => from.includes(id)).map((row) => row.id)
    ];
    return [
      headline(
        went.length ? TOLD.no_longer_cluster : TOLD.no_such_cluster,
        p(
          identifier(id),
          TOLD.not_of_this_run,
          went.length && [TOLD.members_went, links([...new Set(went)]), ". "],
          anchor(address("queue"), TOLD.back_queue)
        )
      )
    ];
  }
  const { members, brands } = cluster;
  const [tab, text, draw] = byName(TABS, state.tab) ?? TABS[0];
  const best = may("decide") && spokesman(cluster),
    next = nextInQueue();
  const panel = h("aside.panel", { label: "Identifier" });
  const chosen = memberOf(cluster, state.id) ?? members[0];
  const rowOf = (member) => document.querySelector(`tr[data-key="${CSS.escape(plain(member.id, 200))}"]`);
  const open = (member) => {
    remember({ id: member.id });
    memberPanel(panel, cluster, member);
    document.querySelector("tr.open")?.classList.remove("open");
    rowOf(member)?.classList.add("open");
  };
  const head = h(
    "div.headline.cluster-head",
    h("h1", clusterTitle(cluster), " ", statusTag(cluster), pendingTag(cluster)),
    actions(
      TOLD.decide_cluster,
      best && [
        button("Confirm", () => decide("confirm", cluster, best.id), { class: "primary" }),
        button("Dispute", () => decide("dispute", cluster, best.id)),
        button(TOLD.same_operation, () => pair("must_link", cluster, best.id))
      ],
      linkButton(address("compare", { a: id }), "Compare…"),
      next && h("a.button.quiet-button", { href: toCluster(next.id), title: "Key: n" }, TOLD.next_queue)
    ),
    h(
      "p.summary",
      kindsOf(members)
        .map((kind) => counted(members.filter((member) => member.kind === kind).length, ...nounOf(kind)))
        .join(", "),
      brands.length && [TOLD.used_callers_posing, names(brands)],
      say.linked_reported(recordCounts(cluster, " and ")),
      names(cluster.orgs, 4),
      ` from ${period(cluster)}.`,
      cluster.left_out && say.left_out_to_verify(cluster.left_out),
      quiet(TOLD.lead_not_proof)
    ),
    cluster.changes.length && h("p.changes", changeChips(cluster)),
    flagLines(cluster),
    may("note") && workBar(cluster)
  );
  const numbers = h(
    "div.facts",
    clusterColumns(`priority reporters losses core unreviewed ${cluster.contested ? "contested " : ""}confidence`).map(
      ({ name, head, cell }) => tile(cell(cluster), head, name === "contested")
    ),
    tile(
      span(
        joined(cluster.countries.slice(0, 3), ([country, complaints]) => [
          shown(country),
          ` ${complaints === null ? "–" : count(complaints)}`
        ])
      ),
      TOLD.complaints_country
    )
  );
  const tabs = TABS.map(([name, label, , number]) =>
    h(
      "a",
      {
        role: "tab",
        href: toCluster(id, { tab: name === "members" ? "" : name, id: state.id }),
        "aria-selected": String(name === tab)
      },
      label,
      number && h("span.count", ` ${count(number(cluster))}`)
    )
  );
  const body = h("div.tab", { role: "tabpanel", label: text }, draw(cluster, open));
  if (chosen) memberPanel(panel, cluster, chosen);
  requestAnimationFrame(() => {
    const opened = chosen && rowOf(chosen);
    opened?.classList.add("open");
    if (state.id && tab === "members") opened?.scrollIntoView({ block: "nearest" });
    if (state.id && innerWidth < 900) panel.scrollIntoView();
  });
  return [head, numbers, h("div.area", div(h("div.tabs", { role: "tablist" }, tabs), body), panel)];
}
/** @param {Row} row */
function clusterTitle(row) {
  const [value, brand] = named(row);
  return [identifier(value), prettily(value), brand && [" ", shown(brand)]];
}
