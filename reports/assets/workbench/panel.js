/** The panel of one member. */
import {
  actions,
  addressWith,
  anchor,
  button,
  citation,
  cite,
  count,
  counted,
  dd,
  decide,
  fill,
  h,
  h2,
  h3,
  identifier,
  li,
  may,
  memberTags,
  names,
  noteLink,
  opener,
  p,
  pair,
  period,
  plain,
  pretty,
  quiet,
  recordCounts,
  recordLine,
  recordsOf,
  remark,
  run,
  say,
  shown,
  span,
  tierTag,
  toCluster,
  TOLD,
  worded,
  WORDS,
  words
} from "./parts.js";

/** @param {any} panel @param {Cluster} cluster @param {Member} member */
export function memberPanel(panel, cluster, member) {
  const { id, readings, host } = member;
  const tied = member.links.filter(({ accepted }) => accepted),
    records = recordsOf(member);
  const act = (kind) => button(WORDS[kind], () => decide(kind, cluster, id), { "data-term": WORDS[kind] });
  const open = (neighbour) => (location.hash = addressWith({ id: neighbour.id }));
  const acts =
    member.status === "contested"
      ? ["suspect_held", "victim_owned"].map(act)
      : [
          ...["review", "dispute", "legitimate"].map(act),
          button(TOLD.keep_apart, () => pair("cannot_link", cluster, id)),
          button(TOLD.same_operation, () => pair("must_link", cluster, id))
        ];
  const missing = readings.length < records;
  fill(
    panel,
    h2(identifier(id, 200)),
    pretty(id) && remark(pretty(id)),
    p(
      tierTag(member),
      " ",
      span(member.review === "reviewed" ? "reviewed" : TOLD.not_yet_reviewed),
      " ",
      memberTags(member)
    ),
    actions(
      TOLD.decide_identifier,
      may("decide") && acts,
      button("Cite", () => cite(citation(cluster, [member])))
    ),
    h(
      "ul.plain",
      li(say.people_report(member.reporters), say.place_rests_on(member.robustness)),
      member.near && h("li.warn", TOLD.one_digit_off, identifier(member.near), TOLD.near_miss),
      member.doubts.map((doubt) => li(quiet("Doubt: "), shown(doubt, 300))),
      li(quiet("Why: "), shown(because(member), 400))
    ),
    h(
      "dl.pairs",
      dd(
        "Role",
        worded(member.role),
        member.roles
          .filter(({ role }) => role !== member.role)
          .map((each) => quiet(`, ${words(each.role).toLowerCase()} ${count(each.count)}`))
      ),
      dd("Seen", period(member)),
      dd("Records", recordCounts(member)),
      (member.region || member.line) &&
        dd(TOLD.region_line, shown(member.region), " ", member.line && worded(member.line)),
      member.carriers.length && dd("Carriers", names(member.carriers, 4)),
      host && dd("Hosted by", shown(host)),
      dd("Reported to", names(member.orgs, 5)),
      dd("Confidence", member.confidence.toFixed(2))
    ),
    h3(
      { id: "panel-records" },
      `Records `,
      h("span.count", missing && !run.redacted ? `${count(readings.length)} of ${count(records)}` : count(records))
    ),
    run.redacted
      ? remark(TOLD.left_out)
      : [
          h(
            "ol.records",
            readings.slice(0, 12).map((reading) => li(recordLine(reading)))
          ),
          (readings.length > 12 || missing) &&
            p(
              anchor(toCluster(cluster.id, { tab: "records", rq: id, id }), "All that are here"),
              missing && quiet(TOLD.rest_mentions)
            )
        ],
    h3("Links ", h("span.count", count(tied.length))),
    tied.length
      ? h(
          "ul.near",
          tied.slice(0, 12).map((link) => {
            const neighbour = link.ends[link.ends[0] === member ? 1 : 0];
            noteLink(cluster, link.ends[0].id, link.ends[1].id);
            return li(
              opener(neighbour, open, 40),
              " ",
              quiet(say.neighbour(link.reporters, link.weight.toFixed(1))),
              may("decide") &&
                button("Keep apart", () => decide("cannot_link", cluster, id, neighbour.id), {
                  label: say.keep_apart_from(plain(neighbour.id, 60)),
                  class: "mini"
                })
            );
          })
        )
      : remark(cluster.size > 1 ? TOLD.no_accepted_link : TOLD.not_yet_linked),
    tied.length > 12 &&
      p(anchor(toCluster(cluster.id, { tab: "links", lq: id, id }), `All ${counted(tied.length, "link")}`)),
    cluster.joint?.saw
      .filter(([seen]) => seen === id)
      .map(([, rows]) =>
        p(
          quiet("Seen by "),
          names(
            rows.map(([org]) => org),
            6
          )
        )
      )
  );
  panel.scrollTop = 0;
}
/** @param {Member} member */
function because(member) {
  const [[code, records] = [], ...more] = member.facts ?? [];
  return code === "used" && !more.length
    ? `${words(member.status)} in ${counted(Number(records), "record")}`
    : `${words(member.status)}; ${member.reason}`;
}
