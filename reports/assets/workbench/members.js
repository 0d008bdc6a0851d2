/** The members of a cluster: tags, and their table. */
import {
  addressWith,
  briefly,
  button,
  count,
  dot,
  fill,
  h,
  linkButton,
  nounOf,
  place,
  plain,
  pretty,
  quiet,
  say,
  SHORT,
  shown,
  span,
  term,
  termTag,
  TOLD,
  valueOf,
  words
} from "./basics.js";
import { recordsOf } from "./data.js";
import { decide, pairButtons } from "./decisions.js";
import { citation, cite, membersCsv } from "./downloads.js";
import { madeOn } from "./store.js";
import { column, counts, dates, deciding, reportedTo, reporters, table } from "./table.js";

/** @param {Member} member */
export const memberTags = (member) => [
  member.status === "contested" && termTag("Contested", ".contested"),
  member.near && termTag("Near miss", ".near"),
  member.bridge && termTag("Bridge"),
  madeOn(member.id).map(({ kind }) => h("span.tag.mine", words(kind)))
];
/** @param {Member} member */
export const tierTag = ({ tier }) => (tier === "core" ? h("span.tier.core", "Core") : h("span.tier.verify", "Verify"));

/** @param {Cluster} cluster @param {(member: Member) => void} open */
export function membersTab(cluster, open) {
  const picked = new Set();
  let listed = cluster.members;
  const bar = h("span.picked", { hidden: true });
  const pick = (member, checked) => {
    picked[checked ? "add" : "delete"](member);
    const chosen = cluster.members.filter((each) => picked.has(each)),
      [a, b] = chosen;
    bar.hidden = !chosen.length;
    fill(bar, onSelected(cluster, chosen), chosen.length === 2 && pairButtons(cluster, a.id, b.id));
  };
  const { side: wanted = "" } = place().state,
    side = Object.hasOwn(cluster.sides, wanted) && new Set(cluster.sides[wanted]);
  return table({
    columns: [
      column(
        "id",
        "Identifier",
        (member) => [
          h(
            "span.pick",
            h("input", {
              type: "checkbox",
              label: `Select ${plain(member.id, 60)}`,
              checked: picked.has(member),
              onchange: (event) => pick(member, event.target.checked)
            }),
            button(
              [dot(member.kind, { title: nounOf(member.kind)[0] }), briefly(valueOf(member.id), 40)],
              () => open(member),
              { class: "link" }
            )
          ),
          " ",
          pretty(member.id) && h("span.quiet.nice", pretty(member.id), " "),
          memberTags(member)
        ],
        "who"
      ),
      column(
        "tier",
        term("Core", "Tier"),
        (member) => [
          tierTag(member),
          member.review === "reviewed" &&
            h("span.tier.core", { title: TOLD.reviewed_analyst }, " ✓", h("span.unseen", " reviewed"))
        ],
        "orgs",
        (member) => `${member.tier} ${member.review}`
      ),
      counts("robustness", term("Robustness", "Robust")),
      reporters(),
      counts("records", span({ title: TOLD.complaints_and_calls }, "Records"), recordsOf, recordsOf),
      column("role", "Role", ({ role }) => shown(SHORT[role] ?? words(role)), "orgs"),
      reportedTo(2),
      dates("last"),
      deciding(
        ({ id, status }) =>
          status !== "contested" && [
            button("✓", () => decide("review", cluster, id), {
              title: "Reviewed",
              label: `Reviewed: ${plain(id, 60)}`
            }),
            button("Dispute", () => decide("dispute", cluster, id), { label: `Dispute: ${plain(id, 60)}` })
          ]
      )
    ],
    rows: cluster.members,
    caption: "Members",
    sort: "-records",
    open,
    text: (member) => [member.id, pretty(member.id), member.role, member.orgs, member.carriers, member.region],
    choices: {
      kind: (member) => [member.kind],
      tier: (member) => [member.tier],
      review: (member) => [member.review]
    },
    before: side && linkButton(addressWith({ side: "" }), "Both sides"),
    extra: [button(TOLD.download_csv, () => membersCsv(cluster, listed)), bar],
    drawn: (rows) => (listed = rows),
    filter: (member) => !side || side.has(member.id)
  });
}
/** What can be done with selected members. @param {Cluster} cluster @param {Member[]} members */
export const onSelected = (cluster, members) => [
  h("b", `${count(members.length)} selected`),
  button("Cite", () => cite(citation(cluster, members))),
  button("CSV", () => membersCsv(cluster, members))
];

/** The tier and the robustness of a member that a row names. @param {Member} member */
export const standing = (member) => {
  const robustness = count(member.robustness);
  return h(
    "span.standing",
    { title: say.robustness_fewest(robustness) },
    " ",
    tierTag(member),
    quiet(` ${robustness}`)
  );
};
/** A button that opens a member. @param {Member} member @param {(member: Member) => void} open @param {number} [limit] */
export const opener = (member, open, limit = 46) =>
  button(briefly(member.id, limit), () => open(member), { class: "link" });
