/** The pieces of data, which are scripts so that the page works from a disk; the run, its clusters, and all that is known of one. */
import { bare, fact, lists, rowsOf, say } from "./basics.js";
import { changes } from "./changes.js";
import { allows, ask, served } from "./server.js";

/** Promises of pieces by name, and what fulfils each. @type {Map<string, any>} */
const pieces = new Map();
/** @type {any} */ (window).rt = {
  /** @param {string} name @param {string} lines of JSON: texts, and lists of numbers */
  piece(name, lines) {
    const [piece, numbers] = lines.split("\n").map((line) => JSON.parse(line));
    if (piece.tables)
      piece.read = Object.fromEntries(
        Object.entries(piece.tables).map(([table, rows]) => [table, lists(rows, numbers)])
      );
    pieces.get(name).done(piece);
  },
  /** @param {any} outlines of countries */
  world(outlines) {
    pieces.get("world").done(outlines);
  }
};

const BESIDE = ["world", "cytoscape.min"];
/** Loads a piece of data, or a script that stands beside the page. @param {string} name @returns {Promise<any>} */
export function load(name) {
  if (!pieces.has(name)) {
    const script = document.createElement("script");
    script.src = BESIDE.includes(name) ? `${name}.js` : `data/${name}.js`;
    /** @type {any} */ const waited = {};
    waited.promise = new Promise((resolve, reject) => {
      waited.done = resolve;
      script.onerror = () => reject(new Error(say.piece_missing(script.getAttribute("src"))));
    });
    // What a piece hands over comes before.
    script.onload = waited.done;
    pieces.set(name, waited);
    document.head.append(script);
  }
  return pieces.get(name).promise;
}

/** @type {any} */ export let run;
/** @type {Row[]} */ export let clusters = [];
/** @type {Set<string>} clusters that no organisation links as a whole */ export let unionOnly = new Set();
/** @type {Map<string, Row>} */ export const clusterOf = new Map();

/** Loads what every view draws on. */
export async function openRun() {
  run = await load("run");
  clusters = await clusterList("clusters");
  unionOnly = new Set((await load("union")).clusters);
}

/** @param {string} name of a list of clusters */
export async function clusterList(name) {
  const list = await load(name);
  if (!list.objects) {
    list.objects = rowsOf(list);
    for (const row of list.objects) {
      row.changes = changes(row, run.compared);
      clusterOf.set(row.id, row);
    }
  }
  return list.objects;
}

/** @param {string} id @returns {Promise<Cluster | null>} the row of a cluster, and its facts as objects that know each other */
export async function wholeCluster(id) {
  if (!clusterOf.has(id)) await clusterList("singles");
  const row = clusterOf.get(id);
  if (!row) return null;
  const part = await load(`part-${row.part}`);
  const cluster = (row.opened ??= opened(part, part.clusters.indexOf(id), row));
  // Asked for where it is drawn: what was changed by then is not signed.
  if (served && allows("decide"))
    cluster.digest ??= ask("evidence", { entity: cluster.members[0].id }).catch((error) => ({ error }));
  return cluster;
}

/** @param {any} part @param {number} place @param {any} row @returns {any} */
function opened(part, place, row) {
  const { cut = {}, ...facts } = part.facts[place];
  const cluster = Object.assign(Object.create(row), { left_out: 0, lineage: [], rests_on: [], scripts: [] }, facts);
  for (const [name, rows] of Object.entries(part.read)) cluster[name] = rows(place);
  const { members, links, ties, readings, suppliers } = cluster;
  cluster.tied = [...links, ...ties];
  cluster.sides = { thin: cut.thin_side ?? [], weakest: cut.weakest_side ?? [] };
  cluster.scripts = cluster.scripts.map((script) => ({
    ...script,
    template: part.words[script.template][0][0],
    variants: script.variants.map(([wording, records]) => [part.words[wording], records])
  }));
  for (const supplier of suppliers) supplier.others = supplier.serves.filter((id) => id !== row.id).slice(0, 6);
  members.forEach((member, n) => {
    let day = 0;
    const days = member.days.map((each) => [(day += each.day), each.count]);
    Object.assign(member, { place: n, days, links: [], readings: [], accepted: [] });
  });
  for (const link of cluster.tied) {
    link.ends = [members[link.a], members[link.b]];
    if (link.accepted) for (const [here, there] of [link.ends, link.ends.toReversed()]) here.accepted.push(there);
  }
  for (const link of links) {
    link.ids = (link.ids ?? []).map(({ id }) => id);
    for (const end of link.ends) end.links.push(link);
  }
  for (const row of [...readings, ...cluster.near]) row.member = members[row.a];
  readings.sort((a, b) => b.at - a.at);
  for (const reading of readings) reading.member.readings.push(reading);
  for (const member of members) member.doubts = doubts(member);
  for (const handover of cluster.handovers)
    for (const end of ["before", "after"]) handover[end] = members[handover[end]];
  return cluster;
}

/**
 * @param {Member} member @returns {any[]} what would have to be wrong for it to be no member (reports/link_evidence.py)
 */
function doubts({ id, kind, roles, complaints, calls, accepted, bridge }) {
  /** @param {string} name */ const isRead = (name) => roles.some(({ role }) => role === name);
  return [
    bare(id) !== id && fact("earlier_holder", { identifier: bare(id) }),
    kind === "phone" && isRead("caller_id") && fact("caller_id_too"),
    isRead("mentioned") && fact("mentioned_too"),
    complaints + calls === 1 && fact("one_record"),
    accepted.length === 1 && fact("one_link", { other: accepted[0].id }),
    bridge && fact("bridge")
  ].filter(Boolean);
}

/** @param {Cluster} cluster @param {string | undefined} id @returns {any} */
export const memberOf = ({ members }, id) => members.find((member) => member.id === id);
/** @param {Cluster} cluster @returns {any} the member by which it is decided on */
export function spokesman({ members }) {
  const open = members.filter(({ id, status }) => status !== "contested" && !id.includes(":withheld-"));
  const core = open.filter(({ tier }) => tier === "core");
  return (core.length ? core : open).sort((a, b) => b.robustness - a.robustness || b.reporters - a.reporters)[0];
}
export const recordsOf = (member) => member.complaints + member.calls;
/** @param {Member} member whether a file that is passed on may name it */
export const leaves = (member) => member?.tier === "core" && member.status === "infrastructure";
