/** Lists of the whole run. */
import {
  button,
  BY_KIND,
  CHOICES,
  clusterColumns,
  clusterList,
  clusters,
  clusterTable,
  column,
  count,
  counted,
  countriesOf,
  counts,
  dates,
  DAY,
  day,
  decide,
  deciding,
  div,
  firstFew,
  h,
  headline,
  identifier,
  identifiers,
  inCluster,
  joined,
  listView,
  load,
  moreThan,
  options,
  ownCluster,
  p,
  plain,
  prettily,
  pretty,
  quiet,
  reasons,
  recordCounts,
  reportedTo,
  rowsOf,
  run,
  say,
  seconds,
  shown,
  simple,
  standing,
  sum,
  TABLES,
  TERMS,
  toCluster,
  TOLD,
  toNamed,
  unionOnly,
  unsorted,
  wholeCluster,
  worded,
  words,
  WORDS
} from "./parts.js";

/** @param {Record<string, string>} state */
export function clustersView(state) {
  const newest = Math.max(...clusters.map((row) => row.last));
  const list = clusterTable({
    columns: clusterColumns(
      "priority name core unreviewed contested reporters complaints calls losses countries orgs confidence first last"
    ),
    rows: clusters,
    caption: "All clusters",
    choices: {
      org: (row) => row.orgs,
      brand: (row) => row.brands,
      country: countriesOf,
      status: (row) => [row.status],
      event: (row) => row.event.split(" ")
    },
    extra: [
      options("size", CHOICES.size),
      options("active", CHOICES.active),
      options("both", [
        ["1", TOLD.several_organisations],
        ...(unionOnly.size ? [/** @type {[string, string]} */ (["union", TOLD.whole_only_union])] : [])
      ])
    ],
    filter: (row) =>
      row.size >= Number(state.size || 0) &&
      (!state.active || row.last >= newest - Number(state.active) * DAY) &&
      (!state.both || (state.both === "union" ? unionOnly.has(row.id) : row.orgs.length > 1))
  });
  return [
    headline(
      "Clusters",
      p(say.clusters_of_two(clusters.length), clusters.length && say.activity_counts_back(day(newest)))
    ),
    list
  ];
}
export async function singlesView() {
  const list = clusterTable({
    columns: clusterColumns("priority name core contested reporters complaints calls losses countries orgs last"),
    rows: await clusterList("singles"),
    caption: TOLD.single_identifiers
  });
  return [headline(TOLD.single_identifiers, p(TOLD.not_yet_linked)), list];
}

export async function sharedView() {
  const rows = rowsOf(await load("shared")),
    { shared, joint } = run;
  const left =
    shared > rows.length && (run.redacted ? say.shared_left_out(rows.length) : moreThan(shared, rows, "entities/"));
  const only = joint && say.union_only(joint.links, joint.merged);
  const total = (row) => sum(row.orgs, ([, complaints, calls]) => complaints + calls);
  const who = ([org, complaints, calls, roles, from, until]) =>
    div(
      h("b", worded(org)),
      ` ${recordCounts({ complaints, calls })} as ${roles.map((role) => words(role).toLowerCase()).join(", ")}, `,
      `${day(seconds(from))} to ${day(seconds(until))}`
    );
  return [
    listView(TOLD.seen_by_several, [say.shared(shared), only, left], {
      rows,
      caption: TOLD.identifiers_several,
      sort: "-total",
      text: ({ id, orgs }) => [id, pretty(id), orgs.map(([org]) => org)],
      columns: [
        column("id", "Identifier", (row) => [inCluster(row, 50), prettily(row.id), row.tier && standing(row)], "who"),
        ownCluster(() => TOLD.single_identifier),
        counts("total", "Records", total, total),
        unsorted("orgs", TOLD.who_saw_what, ({ orgs }) => orgs.map(who), "words")
      ],
      open: ({ cluster, id }) => cluster && (location.hash = toCluster(cluster, { id }))
    }),
    joint &&
      simple(
        TABLES.offers,
        joint.offers.map((offer) => [
          worded(offer.sender),
          shown(offer.issued_at, 24),
          shown(offer.tlp),
          h("span.id", { title: plain(offer.sha256, 80) }, plain(offer.sha256, 12)),
          offer.why ? ["left out: ", shown(offer.why, 120)] : "is in this run"
        ])
      )
  ];
}
export function contestedView() {
  const rows = rowsOf(run.contested);
  const act = (kind, { cluster, id }) =>
    button(WORDS[kind], async () => decide(kind, /** @type {Cluster} */ (await wholeCluster(cluster)), id), {
      label: `${WORDS[kind]}: ${plain(id, 60)}`
    });
  return listView(
    "Contested",
    [TERMS.Contested, TOLD.contested, moreThan(run.contested.total, rows, "entities/")],
    {
      rows,
      caption: TOLD.contested_identifiers,
      sort: "-complaints",
      text: ({ id, reason }) => [id, reason],
      columns: [
        column("id", TOLD.withheld_id, (row) => inCluster(row, 60), "who"),
        ownCluster(shown),
        reasons(TOLD.who_says_what, 200),
        counts("complaints"),
        counts("calls"),
        dates("last"),
        deciding((row) => (row.cluster ? ["suspect_held", "victim_owned"].map((kind) => act(kind, row)) : ""))
      ]
    },
    TOLD.no_identifier_contested
  );
}

export async function campaignsView() {
  const campaigns = await load("campaigns"),
    rows = rowsOf(campaigns);
  const member = ([id, ids, reporters]) => [
    toNamed(id, identifier(ids[0])),
    quiet(` ${counted(reporters, "reporter")}`)
  ];
  return listView(
    "Campaigns",
    [TOLD.campaigns, moreThan(campaigns.total, rows, "campaigns/")],
    {
      rows,
      caption: "Campaigns",
      sort: "rank",
      text: ({ members, shared }) => [members.flat(2), shared.flat()],
      columns: [
        counts("rank"),
        counts(
          "probability",
          "Probability",
          ({ probability }) =>
            probability === null ? TOLD.ranked_only : say.simulated_worlds(Math.round(probability * 100)),
          (row) => row.probability ?? -1
        ),
        column(
          "members",
          "Clusters",
          ({ members }) => [`${count(members.length)}: `, firstFew(members, 12, member)],
          "words",
          (row) => row.members.length
        ),
        unsorted(
          "shared",
          "Shared",
          ({ shared }) => joined(shared, ([id, number]) => [identifier(id), ` (${count(number)})`]),
          "words"
        ),
        counts("reporters"),
        dates("last")
      ]
    },
    TOLD.no_clusters_share
  );
}

export async function suppressedView() {
  const suppressed = await load("suppressed"),
    rows = rowsOf(suppressed);
  return listView(
    "Suppressed",
    [TOLD.suppressed, moreThan(suppressed.total, rows, `entities/${run.redacted ? TOLD.or_left_out : ""}`)],
    {
      rows,
      caption: TOLD.suppressed_identifiers,
      sort: "-complaints",
      text: ({ id, reason }) => [id, pretty(id), reason],
      choices: BY_KIND,
      columns: [identifiers("Identifier"), counts("complaints"), counts("calls"), reportedTo(3), reasons("Why", 300)]
    }
  );
}
