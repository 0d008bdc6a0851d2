/** Links between members, weak ones, and those that were rejected. */
import {
  column,
  count,
  counted,
  day,
  decidingOnLink,
  decimals,
  div,
  firstFew,
  h,
  h2,
  identifier,
  li,
  names,
  noteLink,
  opener,
  period,
  plain,
  quiet,
  reasons,
  recordCounts,
  recordLinks,
  remark,
  reporters,
  say,
  shown,
  span,
  standing,
  table,
  term,
  TOLD,
  toNamed,
  unsorted,
  words
} from "./parts.js";
import { partsOf } from "./structure.js";

/** @param {Cluster} cluster @param {(member: Member) => void} open */
export function linksTab(cluster, open) {
  const list = table({
    prefix: "l",
    rows: cluster.links,
    caption: TOLD.links_between_members,
    sort: "-weight",
    text: ({ ends: [a, b], ids, orgs }) => [a.id, b.id, ids, orgs],
    columns: [
      column(
        "ends",
        "Identifiers",
        (link) => {
          noteLink(cluster, link.ends[0].id, link.ends[1].id);
          return link.ends.map((end) => div(opener(end, open), standing(end)));
        },
        "who",
        (link) => link.ends[0].id
      ),
      decimals("weight"),
      reporters(),
      column(
        "strength",
        term("Hard link", "Link"),
        ({ strength, accepted, reason }) =>
          span(
            { title: plain(reason, 300) },
            words(strength),
            !accepted && [h("span.warn", ", rejected"), h("div.why", shown(reason, 120))]
          ),
        "orgs",
        (link) => `${link.strength}${link.accepted}`
      ),
      unsorted("orgs", "Reported to", (link) => names(link.orgs, 2)),
      column("last", "Seen", (link) => [day(link.first), h("br"), day(link.last)], "num date"),
      column(
        "ids",
        "Records",
        (link) => [
          div(
            { title: link.ids.map((id) => plain(id, 80)).join("; ") },
            counted(link.complaints, "complaint"),
            link.calls && `, ${counted(link.calls, "call")}`
          ),
          recordLinks(cluster, link, 2)
        ],
        "ids",
        (link) => -link.records
      ),
      decidingOnLink(cluster, ({ ends: [a, b] }) => [a.id, b.id])
    ]
  });
  const { length } = cluster.ties;
  return [list, length && remark(say.links_in_tables(length))];
}

/** The members that the removal of a weak link cuts off. @param {Cluster} cluster @param {any} bridge */
function freed(cluster, bridge) {
  const cut = cluster.links.find(
    ({ accepted, ends }) => accepted && ends.every(({ id }) => id === bridge.a || id === bridge.b)
  );
  if (!cut) return null;
  const parts = partsOf(cluster, (link) => link !== cut);
  /** @type {any[]} */ const [here, there] = [cut.a, cut.b].map((end) => parts.find((part) => part.includes(end)));
  const few = here.length <= there.length ? here : there;
  return (
    here !== there &&
    h(
      "div.quiet",
      firstFew(few, 8, (member) => identifier(cluster.members[member].id))
    )
  );
}

/** @param {Cluster} cluster */
export function rejectedTab(cluster) {
  const { bridges, near } = cluster;
  const weak = table({
    prefix: "w",
    rows: bridges,
    caption: TOLD.weak_links,
    sort: "weight",
    text: ({ a, b }) => [a, b],
    columns: [
      unsorted(
        "link",
        "Weak link",
        ({ a, b }) =>
          [a, b].map((id) => div(identifier(id), cluster.members.filter((member) => member.id === id).map(standing))),
        "who"
      ),
      decimals("weight"),
      column(
        "drops",
        "Without it",
        (bridge) => [say.link_drops(bridge.side, cluster.size), freed(cluster, bridge)],
        "",
        (bridge) => -bridge.side
      ),
      decidingOnLink(cluster, ({ a, b }) => [a, b])
    ]
  });
  const rejected = table({
    prefix: "n",
    rows: near,
    caption: TOLD.links_other_clusters,
    sort: "-weight",
    text: (link) => [link.member.id, link.there, link.cluster],
    columns: [
      column(
        "here",
        TOLD.here_there,
        ({ member, there }) => {
          noteLink(cluster, member.id, there);
          return [div(identifier(member.id), standing(member)), div(identifier(there))];
        },
        "who",
        (link) => link.member.id
      ),
      unsorted("cluster", TOLD.other_cluster, (link) => toNamed(link.cluster, undefined, { id: link.there })),
      decimals("weight"),
      reporters(),
      reasons("Why not", 160),
      decidingOnLink(cluster, (link) => [link.member.id, link.there, link.cluster])
    ]
  });
  const more = cluster.counts[0].near - near.length;
  return [
    h2(TOLD.weak_links),
    bridges.length ? weak : remark(TOLD.no_single_link),
    h2(TOLD.links_we_rejected),
    near.length ? rejected : remark(TOLD.none_leads_another),
    more && remark(say.weaker_in_tables(more))
  ];
}
/** A link with its evidence. @param {Cluster} cluster @param {Link} link */
export function linkLine(cluster, link) {
  const {
    ends: [a, b],
    reporters,
    weight,
    strength,
    accepted,
    reason,
    ids
  } = link;
  noteLink(cluster, a.id, b.id);
  const told =
    say.link_line(recordCounts(link), reporters, weight.toFixed(1)) +
    `${words(strength).toLowerCase()}, ${period(link)}`;
  return li(
    identifier(a.id),
    " and ",
    identifier(b.id),
    quiet(told, !accepted && ["; ", shown(reason, 160)], ids.length && ": "),
    recordLinks(cluster, link, 4).map((each) => [each, " "]),
    ids.length > 4 && quiet(`+${count(ids.length - 4)}`)
  );
}
