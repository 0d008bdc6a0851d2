/** Files and citations that leave the page. */
import { counted, h, period, plain, say, shown, TIMES, words } from "./basics.js";
import { csv } from "./csv.js";
import { leaves, run } from "./data.js";
import { toast } from "./dialogs.js";

/** @param {string} name @param {BlobPart} content @param {string} type */
export function download(name, content, type) {
  const href = URL.createObjectURL(new Blob([content], { type }));
  h("a", { download: name, href }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
/** @param {string} text */
export async function cite(text) {
  let told = "Copied: ";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    told = "Copy this: ";
  }
  toast([told, shown(text, 300)]);
}
/** @param {Cluster} cluster @param {Member[]} members */
export function citation(cluster, members) {
  const told = members.map(
    (member) =>
      `${plain(member.id, 400)} (${words(member.role)}, ${member.tier}, ${counted(member.reporters, "reporter")}, ` +
      `${counted(member.complaints, "complaint")}, ${period(member)})`
  );
  return `ringtrace ${run.run}, cluster ${plain(cluster.id)}: ${told.join("; ")}; members/, entities/`;
}
/** @param {Cluster} cluster @param {Member[]} members core ones go by value, the others as a count */
export function membersCsv({ id }, members) {
  const columns = "id kind role tier review reporters robustness complaints calls first last".split(" ");
  const rows = members
    .filter(leaves)
    .map((member) => [
      id,
      ...columns.map((name) => (TIMES.includes(name) ? new Date(member[name] * 1000).toISOString() : member[name]))
    ]);
  const rest = members.length - rows.length;
  if (rest) rows.push([id, say.rest_to_verify(rest)]);
  download(`${plainName(id)}.csv`, csv([["cluster_id", ...columns], ...rows]), "text/csv");
}
/** @param {string} id */
export const plainName = (id) => (/^[\w-]{1,64}$/.test(id) ? id : "cluster");
