/** Decisions and notes, as the server or this browser keeps them, and what was opened on the page. */
import { byName, CHOICES, counted, plain, say } from "./basics.js";
import { run } from "./data.js";
import { toast } from "./dialogs.js";
import { allows, served } from "./server.js";

/** @type {any[]} */ export let made = [];
/** Decisions that the server could not record. @type {any[]} */ export let refused = [];
export let author = "";
/** Takes the decisions of an answer. @param {any} answer @returns {any} the answer */
export function take(answer) {
  made = answer.decisions;
  refused = answer.refused ?? [];
  return answer;
}
/** @param {string} name of who decides */
export function signAs(name) {
  author = name;
}
/** Whether this browser keeps what is decided, and the page shows it; another tab may then have added to it. */
export let keeps = true;
/** Whether who looks may make a call of the server, or keep here what it would. @param {string} call */
export const may = (call) => !run.redacted && allows(call);
export const AUTHOR_KEY = "ringtrace author";
export const storeKey = () => `ringtrace ${run.run}`;

/**
 * What this browser keeps; nothing where it keeps nothing, or something else.
 * @param {string} key @param {(text: string) => any} [read] @returns {any}
 */
function stored(key, read = JSON.parse) {
  try {
    const text = localStorage.getItem(key);
    return text ? read(text) : null;
  } catch {
    return null;
  }
}
/** Takes the decisions and notes that this browser keeps, those of other tabs among them. */
export function readKept() {
  if (served || !keeps || run.redacted) return;
  const kept = stored(storeKey())?.made;
  if (Array.isArray(kept)) made = kept;
  author ||= stored(AUTHOR_KEY, String) ?? "";
  takeWork(stored(WORK_KEY));
}
export function keepDecisions() {
  keep(storeKey(), JSON.stringify({ made }), "decisions.csv");
  if (author) keep(AUTHOR_KEY, author, "decisions.csv");
}
/** @param {string} key @param {string} text @param {string} file that has it, too */
export function keep(key, text, file) {
  try {
    localStorage.setItem(key, text);
  } catch {
    keeps = false;
    toast(say.keeps_nothing(file));
  }
}

/** @param {string} id @returns {any[]} decisions made here that name it */
export const madeOn = (id) =>
  made.filter((decision) => [decision.entity_a, decision.entity_b].includes(id) && pending(decision));
/** Whether this run was made without a decision. @param {any} decision */
export const pending = (decision) => !run.decisions?.some((applied) => applied.decision_id === decision.decision_id);

/** What was opened on the page of each cluster, by its id. @type {Record<string, Map<string, Set<string>>>} */
const read = { narrative: new Map(), link: new Map() };
/** @param {string} noun @param {string} cluster @param {string} name */
export const noteRead = (noun, cluster, name) =>
  read[noun].set(cluster, (read[noun].get(cluster) ?? new Set()).add(plain(name, 240)));
/** @param {Cluster} cluster @param {string} a @param {string} b ends of a link that is drawn */
export const noteLink = (cluster, a, b) => noteRead("link", cluster.id, `${a} ${b}`);
/** What was open on the pages of clusters, in words. @param {any[]} both */
export const openedOn = (both) =>
  Object.entries(read)
    .map(([noun, names]) => ({ noun, names: [...new Set(both.flatMap(({ id }) => [...(names.get(id) ?? [])]))] }))
    .filter(({ names }) => names.length)
    .map(({ noun, names }) => `${counted(names.length, noun)}: ${plain(names.join(", "), 1500)}`)
    .join("; ") || "none: nothing was opened on the page";

export const WORK_KEY = "ringtrace workbench";
/** @type {any} */ export let work = { version: 1, clusters: Object.create(null), acknowledged: {} };

/** Takes what a file or this browser has as notes, where it is some. @param {any} file @returns {boolean} */
export function takeWork(file) {
  const isObject = (value) => value?.constructor === Object;
  const { version, clusters: rows, acknowledged } = file ?? {};
  if (version !== 1 || !isObject(rows) || !Object.values(rows).every(isObject)) return false;
  const text = (value, most) => (typeof value === "string" ? value.slice(0, most) : "");
  const signed = ({ at, by }) => ({ at: text(at, 40), by: text(by, 80) });
  /** @type {any} */ const kept = Object.create(null);
  for (const [id, noted] of Object.entries(/** @type {Record<string, any>} */ (rows))) {
    const notes = (Array.isArray(noted.notes) ? noted.notes : []).filter(isObject);
    kept[id] = {
      ...signed(noted),
      status: byName(CHOICES.work, noted.status) ? noted.status : "",
      owner: text(noted.owner, 80),
      snoozed_until: /^\d{4}-\d\d-\d\d$/.test(noted.snoozed_until) ? noted.snoozed_until : "",
      notes: notes.map((note) => ({ ...signed(note), text: text(note.text, 2000) }))
    };
  }
  work = { version: 1, clusters: kept, acknowledged: isObject(acknowledged) ? acknowledged : {} };
  return true;
}
export const keepWork = () => keep(WORK_KEY, JSON.stringify(work), "workbench.json");
