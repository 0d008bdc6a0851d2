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
  filled,
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
  seconds,
  shown,
  simple,
  standing,
  sum,
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
      org: ["Any organisation", (row) => row.orgs],
      brand: ["Any brand", (row) => row.brands],
      country: ["Any country", countriesOf],
      status: ["Any status", (row) => [row.status]],
      event: ["Any change", (row) => row.event.split(" ")]
    },
    extra: [
      options("Any size", "size", CHOICES.size),
      options("Active any time", "active", CHOICES.active),
      options("One organisation or more", "both", [
        ["1", "Several organisations"],
        ...(unionOnly.size ? [/** @type {[string, string]} */ (["union", "Whole only in the union"])] : [])
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
      p(
        `${counted(clusters.length, "cluster")} of two or more identifiers.`,
        clusters.length && ` Activity counts back from ${day(newest)}, the newest record.`
      )
    ),
    list
  ];
}
export async function singlesView() {
  const list = clusterTable({
    columns: clusterColumns("priority name core contested reporters complaints calls losses countries orgs last"),
    rows: await clusterList("singles"),
    caption: "Single identifiers"
  });
  return [headline("Single identifiers", p("Not yet linked to any other.")), list];
}

export async function sharedView() {
  const rows = rowsOf(await load("shared")),
    { shared, joint } = run;
  const left =
    shared > rows.length &&
    (run.redacted ? filled(TOLD.shared_left_out, { here: count(rows.length) }) : moreThan(shared, rows, "entities/"));
  const only =
    joint && filled(TOLD.union_only, { links: counted(joint.links, "link"), pairs: counted(joint.merged, "pair") });
  const total = (row) => sum(row.orgs, ([, complaints, calls]) => complaints + calls);
  const who = ([org, complaints, calls, roles, from, until]) =>
    div(
      h("b", worded(org)),
      ` ${recordCounts({ complaints, calls })} as ${roles.map((role) => words(role).toLowerCase()).join(", ")}, `,
      `${day(seconds(from))} to ${day(seconds(until))}`
    );
  return [
    listView(
      "Seen by more than one organisation",
      [filled(TOLD.shared, { identifiers: counted(shared, "identifier") }), only, left],
      {
        rows,
        caption: "Identifiers that several organisations see",
        sort: "-total",
        text: ({ id, orgs }) => [id, pretty(id), orgs.map(([org]) => org)],
        columns: [
          column("id", "Identifier", (row) => [inCluster(row, 50), prettily(row.id), row.tier && standing(row)], "who"),
          ownCluster(() => "single identifier"),
          counts("total", "Records", total, total),
          unsorted("orgs", "Who saw what", ({ orgs }) => orgs.map(who), "words")
        ],
        open: ({ cluster, id }) => cluster && (location.hash = toCluster(cluster, { id }))
      }
    ),
    joint &&
      simple(
        "Offers of other organisations",
        "Organisation | Issued | Handling | SHA-256 | Its evidence",
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
    button(WORDS[kind], async () => decide(kind, await wholeCluster(cluster), id), {
      label: `${WORDS[kind]}: ${plain(id, 60)}`
    });
  return listView(
    "Contested",
    [TERMS.Contested, TOLD.contested, moreThan(run.contested.total, rows, "entities/")],
    {
      rows,
      caption: "Contested identifiers",
      sort: "-complaints",
      text: ({ id, reason }) => [id, reason],
      columns: [
        column("id", "Withheld id", (row) => inCluster(row, 60), "who"),
        ownCluster(shown),
        reasons("Who says what", 200),
        counts("complaints"),
        counts("calls"),
        dates("last"),
        deciding((row) => (row.cluster ? ["suspect_held", "victim_owned"].map((kind) => act(kind, row)) : ""))
      ]
    },
    "No identifier is contested."
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
            probability === null ? "ranked only" : `${Math.round(probability * 100)} % in simulated worlds`,
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
    "No clusters share enough."
  );
}

export async function suppressedView() {
  const suppressed = await load("suppressed"),
    rows = rowsOf(suppressed);
  return listView(
    "Suppressed",
    [TOLD.suppressed, moreThan(suppressed.total, rows, `entities/${run.redacted ? ", or left out of this copy" : ""}`)],
    {
      rows,
      caption: "Suppressed identifiers",
      sort: "-complaints",
      text: ({ id, reason }) => [id, pretty(id), reason],
      choices: BY_KIND,
      columns: [identifiers("Identifier"), counts("complaints"), counts("calls"), reportedTo(3), reasons("Why", 300)]
    }
  );
}
