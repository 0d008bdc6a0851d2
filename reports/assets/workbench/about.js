/** What else is known of a cluster: priority, lineage, decisions and offers. */
import { decisionTable } from "./decision_list.js";
import {
  button,
  cents,
  cite,
  code,
  count,
  counted,
  day,
  details,
  h,
  h2,
  identifier,
  joined,
  li,
  links,
  p,
  plain,
  plainName,
  quiet,
  remark,
  run,
  seconds,
  shown,
  simple,
  span,
  TOLD,
  worded,
  words
} from "./parts.js";

/** @param {any} cluster */
export function aboutTab(cluster) {
  const { id, members, joint } = cluster,
    ids = new Set(members.map((member) => member.id));
  const past = (run.decisions ?? []).filter((decision) => ids.has(decision.entity_a) || ids.has(decision.entity_b));
  const withheld =
    run.suppress_below > 1 && `; counts below ${run.suppress_below}, and such as would tell them, are withheld`;
  return [
    h(
      "div.columns",
      simple(
        "Priority",
        "Part | Points | Share",
        cluster.parts.map(({ part, points, value }) => [
          words(part),
          points.toFixed(1),
          h("meter", { min: 0, max: 1, value, label: words(part) })
        ])
      ),
      simple(
        "Losses that complaints state",
        "Currency | Amount | Complaints",
        cluster.losses.map(([currency, amount, number]) => [shown(currency), cents(amount), number])
      ),
      simple(
        `Victims’ countries, by complaints${withheld || ""}`,
        "Country | Complaints",
        cluster.countries.map(([name, number]) => [shown(name), number])
      )
    ),
    h2("Lineage"),
    cluster.lineage.map(([event, from, to, more, gone, alone]) =>
      p(
        words(event),
        from.length && [" from ", from.map((each) => [identifier(each), " "])],
        to?.some((each) => each !== id) && [" to ", links(to)],
        more && `; ${counted(more, "new member")}`,
        gone && `; ${counted(gone, "member")} gone`,
        alone && "; one reporter alone put a member there"
      )
    ),
    cluster.rests_on.length &&
      p(
        quiet("That reporter’s records: "),
        [...new Set(cluster.rests_on)].map((record) => [identifier(record), " "])
      ),
    h2("Decisions in this run"),
    p("Status: ", h("strong", worded(cluster.status)), "."),
    past.length ? decisionTable(past, false) : remark(run.redacted ? TOLD.left_out : "None names a member."),
    joint && jointPart(cluster, joint),
    h2("Files for others"),
    p(TOLD.files),
    h(
      "ul.plain",
      run.formats.map(({ code: format, name, description }) =>
        li(
          code(`ringtrace export RUN --cluster ${plainName(id)} --format ${format} --output FILE`),
          quiet(` ${name}, ${description}`)
        )
      )
    ),
    remark("Cluster ", identifier(id), " "),
    button("Cite the cluster", () =>
      cite(
        `ringtrace ${run.run}, cluster ${plain(id)}: ${counted(cluster.size, "member")}, ` +
          `${counted(cluster.complaints, "complaint")}, ${counted(cluster.reporters, "reporter")}; clusters/`
      )
    )
  ];
}
/** @param {any} cluster @param {any} joint what offers brought to it */
function jointPart({ reporters }, { several, saw, overlaps, both, links: tied, shared, offered }) {
  const side = (row, end) => shown(`${row[`part_${end}`]} of ${words(row[`contributor_${end}`])}`);
  const listed = (rows, cell) => (rows?.length ? rows.map((row) => `${cell(row)} `) : "Withheld (small counts)");
  return [
    h2("What only the union reveals"),
    p(`${count(several)} of ${counted(saw.length, "identifier")} were seen by several organisations. `, TOLD.joint),
    overlaps.length &&
      p(
        overlaps.map(({ shared: number, floor, organisation, by, counted_at }) => [
          number === null ? `Fewer than ${count(floor)} victims` : counted(number, "victim"),
          " on both sides, ",
          worded(organisation),
          "’s and this run’s, compared by ",
          shown(by, 20),
          " at ",
          shown(counted_at, 20),
          ". "
        ]),
        `So at most ${count(reporters - both)} distinct people, of ${count(reporters)} counted.`
      ),
    (tied.length || shared.length) &&
      simple("Links and clusters that no organisation has alone", "What | Between", [
        ...tied.slice(0, 200).map(([a, b]) => ["Link", span(identifier(a), " and ", identifier(b))]),
        ...shared
          .slice(0, 200)
          .map((row) => [
            "One cluster",
            span(side(row, "a"), " and ", side(row, "b"), `, ${counted(row.shared_in_all, "identifier")} shared`)
          ])
      ]),
    offered.length &&
      simple(
        "What offers say of their own victims, suppressed and rounded by their senders",
        "Cluster | Identifiers | Victims | By country | Losses, rounded | Handling | Expires",
        offered.map((offer) => [
          shown(`${offer.part} of ${words(offer.contributor)}`),
          offer.members,
          offer.victims_known,
          listed(offer.countries, ({ country, victims }) => `${plain(country, 12)} ${count(victims)}`),
          listed(offer.losses, ({ currency, amount }) => `${plain(currency, 12)} ${cents(amount)}`),
          shown(offer.tlp),
          offer.expires_at ? day(seconds(offer.expires_at)) : "–"
        ])
      ),
    details(
      `Each identifier with everybody who saw it${saw.length > 500 ? `, the first 500 of ${count(saw.length)}` : ""}`,
      simple(
        "Who saw what",
        "Identifier | Seen by",
        saw
          .slice(0, 500)
          .map(([id, rows]) => [
            identifier(id),
            joined(rows, ([org, part, sure]) => [
              worded(org),
              part !== null && [" ", shown(part)],
              sure != null && ` (${sure.toFixed(2)})`
            ])
          ])
      )
    )
  ];
}
