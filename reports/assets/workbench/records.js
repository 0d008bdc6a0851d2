/** Records that name a member, and where in them it stands. */
import {
  brief,
  button,
  day,
  DAY,
  div,
  h,
  identifier,
  moment,
  place,
  plain,
  pretty,
  quiet,
  remark,
  say,
  sentences,
  shown,
  toCluster,
  TOLD,
  worded,
  words
} from "./basics.js";
import { run } from "./data.js";
import { opener, standing } from "./members.js";
import { ask, served } from "./server.js";
import { may, noteRead } from "./store.js";
import { column, table, unsorted } from "./table.js";

/** Where in a record something was read, such as `phone_numbers[1].raw`. @param {any} field */
function fieldName(field) {
  const [, name, place] = /^([a-z_]{1,40})(?:\[(\d{1,4})\])?/.exec(field ?? "") ?? [];
  if (!name) return quiet(shown(field));
  const single = place === undefined || name === "narrative",
    nth = Number(place ?? 0) + 1;
  return h(
    "span.quiet",
    { title: plain(field, 80) },
    `in ${single ? "the " : ""}${name.replaceAll("_", " ")}${nth > 1 ? `, entry ${nth}` : ""}`
  );
}
/** What an offer counts has the middle of its week as its time. @param {Reading} reading @returns {string} */
const inWeek = ({ field, at }) => (/^offer(?:\.called)?$/.test(field ?? "") ? say.in_week(day(at - 3 * DAY)) : "");
/** What was read in a record. @param {Reading} reading */
function readingLine(reading) {
  const { role, field, before, raw, after, confidence } = reading;
  return h(
    "div.read",
    quiet(`${words(role)}: `),
    inWeek(reading)
      ? [TOLD.counted_offer, field !== "offer" && TOLD.sender_has_call]
      : before != null
        ? h("q", "…", shown(before, 200), h("mark", shown(raw, 200)), shown(after, 200), "…")
        : [h("mark", shown(raw, 200)), " ", fieldName(field)],
    confidence < 0.9 &&
      h(
        confidence < 0.7 ? "span.warn" : "span.quiet",
        { title: TOLD.how_sure },
        `, confidence ${confidence.toFixed(2)}`
      )
  );
}
/** @param {Reading} reading */
export const recordLine = (reading) =>
  h(
    "div.record",
    div(
      h("span.date", inWeek(reading) || moment(reading.at)),
      " ",
      worded(reading.org),
      " ",
      identifier(reading.id),
      reading.kind === "call" && " call",
      reading.country && [" ", quiet(shown(reading.country))]
    ),
    readingLine(reading),
    narrative(reading)
  );
/** The button that shows a narrative, which the server writes down. @param {Reading} reading */
function narrative({ org, id, kind }) {
  if (!served || !may("narrative") || kind !== "complaint") return null;
  const cluster = place().id;
  const more = button(
    TOLD.show_masked_narrative,
    () =>
      ask("narrative", { org, id }).then(
        (answer) => {
          noteRead("narrative", cluster, `${org}|${id}`);
          more.replaceWith(h("blockquote", shown(answer.narrative, 2000)));
        },
        (error) => more.replaceWith(quiet(plain(error.message, 300)))
      ),
    { class: "mini" }
  );
  return more;
}
/** Links to the first records of a link. @param {Cluster} cluster @param {Link} link @param {number} most */
export const recordLinks = (cluster, link, most) =>
  link.ids
    .slice(0, most)
    .map((id) =>
      h(
        "a.id",
        { href: toCluster(cluster.id, { tab: "records", rq: id.slice(id.lastIndexOf("|") + 1) }) },
        brief(id.slice(id.lastIndexOf("|") + 1), 30)
      )
    );

/** @param {Cluster} cluster @param {(member: Member) => void} open */
export function recordsTab(cluster, open) {
  if (run.redacted) return remark(TOLD.left_out);
  const list = table({
    prefix: "r",
    rows: cluster.readings,
    caption: TOLD.records_name_member,
    sort: "-at",
    hint: TOLD.filter_record_identifier,
    text: ({ member, org, id, role, raw, before, after }) => [
      member.id,
      pretty(member.id),
      org,
      id,
      role,
      raw,
      before,
      after
    ],
    columns: [
      column("at", "When", (reading) => [day(reading.at), h("div.quiet", moment(reading.at).split(", ")[1])], "date"),
      column(
        "record",
        "Record",
        ({ org, id, kind }) => [worded(org), div(identifier(id), kind === "call" && " call")],
        "orgs",
        (reading) => `${reading.org} ${reading.id}`
      ),
      column(
        "who",
        "Identifier",
        ({ member }) => [opener(member, open), standing(member)],
        "who",
        (reading) => reading.a
      ),
      column(
        "country",
        "Victim in",
        (reading) => shown(reading.country),
        "",
        (reading) => reading.country ?? ""
      ),
      unsorted("words", TOLD.where_stands, (reading) => [readingLine(reading), narrative(reading)], "words")
    ]
  });
  return [list, remark(TOLD.records, !run.narratives && sentences(TOLD.narratives_apart))];
}
