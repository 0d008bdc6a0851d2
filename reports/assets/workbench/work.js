/** Work on clusters: notes, which bind no run, and which cluster comes next. */
import {
  button,
  byName,
  CHOICES,
  compare,
  counted,
  day,
  DAY,
  form,
  h,
  h2,
  input,
  isoDay,
  labelled,
  li,
  moment,
  now,
  p,
  place,
  plain,
  quiet,
  redraw,
  remember,
  say,
  seconds,
  select,
  shown,
  today,
  TOLD
} from "./basics.js";
import { clusterOf, clusters, run } from "./data.js";
import { failed, toast } from "./dialogs.js";
import { download } from "./downloads.js";
import { ask, nameOf, served } from "./server.js";
import { author, keepWork, readKept, takeWork, work } from "./store.js";

/**
 * Changes the notes: by the server, or in this browser.
 * @param {string} call @param {any} body @param {(signed: {at: string, by: string}) => void} change in this browser
 */
export async function changeWork(call, body, change) {
  try {
    if (served) takeWork(await ask(call, body));
    else {
      readKept();
      change({ at: now(), by: author });
      keepWork();
    }
    redraw();
  } catch (error) {
    failed(error);
  }
}
/** @param {string} id of a cluster @param {any} changes */
const changeCluster = (id, changes) =>
  changeWork("note", { cluster: id, ...changes }, (signed) => {
    const { text, ...others } = changes,
      known = work.clusters[id] ?? UNNOTED;
    const notes = text ? [...known.notes, { ...signed, text: text.slice(0, 2000) }].slice(-200) : known.notes;
    work.clusters[id] = { ...known, ...others, ...signed, notes };
  });
/** What is noted of a cluster, or of those that it came from. @param {Row} row @returns {any} */
export function workOf(row) {
  const every = [...new Set([row.id, ...row.from])].map((id) => work.clusters[id]).filter(Boolean);
  return { ...UNNOTED, ...every[0], notes: every.flatMap(({ notes }) => notes).sort((a, b) => compare(a.at, b.at)) };
}
const UNNOTED = Object.freeze({ status: "", owner: "", snoozed_until: "", at: "", by: "", notes: [] });
/**
 * Whether a cluster is out of the queue for now: snoozed, or done before it changed.
 * @param {Row} row @returns {string}
 */
export function setAside(row) {
  const mine = workOf(row);
  if (mine.snoozed_until > today()) return "snoozed";
  return mine.status === "done" && (!run.clock || Date.parse(run.clock) <= Date.parse(mine.at)) ? "done" : "";
}
/** @param {Row} row */
export function workTags(row) {
  const { status, owner, snoozed_until: until, notes } = workOf(row);
  const state = byName(CHOICES.work, status);
  return [
    state && h(`span.tag.work-${status}`, state[1]),
    owner && h("span.tag.owner", { title: "Owner" }, shown(owner, 24)),
    until > today() && h("span.tag", `until ${day(seconds(until))}`),
    notes.length && h("span.tag", { title: plain(notes.at(-1).text, 200) }, counted(notes.length, "note"))
  ];
}
/** The strip of a cluster in which its state, owner, snooze and notes are set. @param {Row} row */
export function workBar(row) {
  const { status, owner, snoozed_until: until, notes } = workOf(row),
    ended = woken(row),
    shownUntil = ended || (until > today() && until);
  const after = (days) => isoDay(Date.now() / 1000 / DAY + days);
  const change = (changes) => changeCluster(row.id, changes);
  const who = input({
    value: owner,
    maxlength: 80,
    placeholder: "Nobody",
    label: "Owner",
    size: 14,
    onchange: () => change({ owner: who.value.trim() })
  });
  const note = input({ maxlength: 2000, placeholder: TOLD.note_hint, label: "Note" });
  const add = () => note.value.trim() && change({ text: note.value.trim() });
  const snooze = [
    ["", until ? "Wake it" : "No"],
    [after(1), "A day"],
    [after(7), "A week"],
    [after(30), "30 days"]
  ];
  if (shownUntil) snooze.splice(1, 0, [shownUntil, `${ended ? "Ended" : "Until"} ${day(seconds(shownUntil))}`]);
  return h(
    "div.work",
    { role: "group", label: TOLD.work_cluster },
    labelled(
      "Work",
      select(TOLD.state_work, [["", "Not begun"], ...CHOICES.work], status, (chosen) => change({ status: chosen }))
    ),
    labelled("Owner", who),
    author && owner !== author && button("Take it", () => change({ owner: author, status: status || "open" })),
    labelled(
      "Snooze",
      select("Snooze", snooze, shownUntil, (snoozed_until) => change({ snoozed_until }))
    ),
    h(
      "details.notes",
      { open: place().state.notes === "1", ontoggle: (event) => remember({ notes: event.target.open ? "1" : "" }) },
      h("summary", notes.length ? counted(notes.length, "note") : "Notes"),
      h(
        "div.note-list",
        form("form.bar", add, note, h("button", TOLD.add_note)),
        h(
          "ol.records",
          notes
            .reverse()
            .map(({ at, by, text }) => li(quiet(moment(seconds(at)), " ", shown(nameOf(by)), " "), shown(text, 400)))
        )
      )
    )
  );
}
/** The part of the page of decisions that keeps and loads notes. */
export function workPart() {
  const number = Object.keys(work.clusters).length;
  const file = h("input", {
    type: "file",
    accept: ".json,application/json",
    label: TOLD.load_workbench_json,
    onchange: async () => {
      const good = takeWork(
        await file.files[0]
          .text()
          .then(JSON.parse)
          .catch(() => null)
      );
      if (good) keepWork();
      toast(good ? say.notes_loaded(Object.keys(work.clusters).length) : TOLD.file_no_workbench);
      redraw();
    }
  });
  return [
    h2(TOLD.notes_clusters),
    p(say.state_owner_snooze(number), served ? TOLD.notes_served : TOLD.notes_kept),
    h(
      "div.bar",
      button(
        TOLD.download_workbench_json,
        () => download("workbench.json", `${JSON.stringify(work, null, 1)}\n`, "application/json"),
        { disabled: !number }
      ),
      !served && labelled("Load", file)
    )
  ];
}

/** @returns {any[]} clusters that ask for attention, by priority */
export function queueRows() {
  return clusters.filter((row) => row.changes.length || (!run.compared && row.unreviewed) || woken(row));
}
/** The day on which a snooze ended, until somebody takes it away. @param {Row} row @returns {string} */
export function woken(row) {
  const mine = workOf(row);
  return mine.snoozed_until && mine.status !== "done" && mine.snoozed_until <= today() ? mine.snoozed_until : "";
}
/** Ids of the queue as it was last shown, chosen, filtered and sorted; and whether these were set aside. */
let inQueue = /** @type {string[]} */ ([]),
  walkAside = false;
/** @param {string[]} ids @param {boolean} aside */
export function walkIn(ids, aside) {
  inQueue = ids;
  walkAside = aside;
}
/** @returns {any} the cluster after the open one in the queue as it was last shown, or the first */
export function nextInQueue() {
  const rows = inQueue.length ? inQueue.map((id) => clusterOf.get(id)) : queueRows();
  return rows.slice(rows.findIndex(({ id }) => id === place().id) + 1).find((row) => walkAside || !setAside(row));
}
