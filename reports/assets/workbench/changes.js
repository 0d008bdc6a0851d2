/** Changes of a cluster since the run before. */
import { count, counted, plain } from "./format.js";
import { sum } from "./rows.js";
import { say, TOLD, words } from "./words.js";

/** What changed since the run before. @param {Row} row @param {boolean} compared @returns {{kind: string, text: string}[]} */
export function changes(row, compared) {
  /** @type {{kind: string, text: string}[]} */ const told = [];
  const add = (kind, text) => text && told.push({ kind, text });
  const { before, from, event, gained, lost, contested } = row,
    [earlier] = before,
    events = event.split(" "),
    split = events.includes("split");
  const sizes =
    earlier &&
    ` of ${before.map(({ size }) => count(size)).join(" + ")} ` +
      (before.length === 1 && earlier.size === 1 ? "member" : "members");
  add("merged", events.includes("merged") && say.merged_from_cluster(from.length, sizes ?? ""));
  if (split && events.length > 1) add("split", TOLD.parts_these_other);
  else if (split && from.includes(row.id)) add("split", `Split${earlier ? say.had_member(earlier.size) : ""}`);
  else if (split) add("split", say.split_off(earlier ? ` a cluster of ${count(earlier.size)}` : ""));
  add("new", event === "born" && compared && TOLD.new_cluster);
  add("identifiers", gained && event !== "born" && `+${counted(gained, "identifier")}`);
  add("gone", lost && `−${counted(lost, "identifier")}`);
  if (earlier && !split) {
    const was = sum(before, ({ reporters }) => reporters),
      more = row.reporters - was;
    add("reporters", more > 0 && say.more_reporters(more, was));
    for (const [currency, amount] of row.losses) {
      const same = before.flatMap(({ losses: stated }) => stated).filter(([name]) => name === currency);
      const extra = Math.round(Number(amount) - sum(same, (loss) => Number(loss[1])));
      add("losses", extra > 0 && `+${plain(currency, 12)} ${count(extra)}`);
    }
  }
  add(
    "decided",
    earlier &&
      earlier.status !== row.status &&
      say.now_was(words(row.status).toLowerCase(), words(earlier.status).toLowerCase())
  );
  add("lone", row.lone && compared && TOLD.one_reporter);
  add("contested", contested && `${count(contested)} contested`);
  return told;
}
