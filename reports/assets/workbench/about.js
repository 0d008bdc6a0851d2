/** More on a cluster: priority, lineage, decisions and offers. */
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
  say,
  seconds,
  shown,
  simple,
  span,
  TABLES,
  TOLD,
  worded,
  words
} from "./parts.js";

/** @param {Cluster} cluster */
export function aboutTab(cluster) {
  const { id, members, joint } = cluster,
    ids = new Set(members.map((member) => member.id));
  const past = (run.decisions ?? []).filter((decision) => ids.has(decision.entity_a) || ids.has(decision.entity_b));
  const withheld = run.suppress_below > 1 && say.counts_withheld(run.suppress_below);
  return [
    h(
      "div.columns",
      simple(
        TABLES.priority,
        cluster.parts.map(({ part, points, value }) => [
          words(part),
          points.toFixed(1),
          h("meter", { min: 0, max: 1, value, label: words(part) })
        ])
      ),
      simple(
        TABLES.losses,
        cluster.losses.map(([currency, amount, number]) => [shown(currency), cents(amount), number])
      ),
      simple(
        [say.victims_countries(withheld || ""), TABLES.countries[1]],
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
        gone && say.member_gone(gone),
        alone && TOLD.one_reporter_alone
      )
    ),
    cluster.rests_on.length &&
      p(
        quiet(TOLD.reporter_records),
        [...new Set(cluster.rests_on)].map((record) => [identifier(record), " "])
      ),
    h2(TOLD.decisions_run),
    p("Status: ", h("strong", worded(cluster.status)), "."),
    past.length ? decisionTable(past, false) : remark(run.redacted ? TOLD.left_out : TOLD.none_names_member),
    joint && jointPart(cluster, joint),
    h2(TOLD.files_others),
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
    button(TOLD.cite_cluster, () =>
      cite(
        `ringtrace ${run.run}, cluster ${plain(id)}: ${counted(cluster.size, "member")}, ` +
          `${counted(cluster.complaints, "complaint")}, ${counted(cluster.reporters, "reporter")}; clusters/`
      )
    )
  ];
}
/** @param {Cluster} cluster @param {any} joint what offers brought to it */
function jointPart({ reporters }, { several, saw, overlaps, both, links: tied, shared, offered }) {
  const side = (row, end) => shown(`${row[`part_${end}`]} of ${words(row[`contributor_${end}`])}`);
  const listed = (rows, cell) => (rows?.length ? rows.map((row) => `${cell(row)} `) : TOLD.withheld_small_counts);
  return [
    h2(TOLD.what_only_union),
    p(say.seen_by_several_of(several, saw.length), TOLD.joint),
    overlaps.length &&
      p(
        overlaps.map(({ shared: number, floor, organisation, by, counted_at }) => [
          number === null ? say.fewer_than_victims(floor) : counted(number, "victim"),
          TOLD.both_sides,
          worded(organisation),
          TOLD.and_this_run,
          shown(by, 20),
          " at ",
          shown(counted_at, 20),
          ". "
        ]),
        say.at_most_distinct(reporters - both, reporters)
      ),
    (tied.length || shared.length) &&
      simple(TABLES.alone, [
        ...tied.slice(0, 200).map(([a, b]) => ["Link", span(identifier(a), " and ", identifier(b))]),
        ...shared
          .slice(0, 200)
          .map((row) => [
            TOLD.one_cluster,
            span(side(row, "a"), " and ", side(row, "b"), say.identifier_shared(row.shared_in_all))
          ])
      ]),
    offered.length &&
      simple(
        TABLES.offered,
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
      say.each_identifier(saw.length > 500 ? say.first_500(saw.length) : ""),
      simple(
        TABLES.saw,
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
