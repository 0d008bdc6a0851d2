/** Decisions: the sentences on their effects, the dialog for the reason, and recording. */
import {
  button,
  compare,
  count,
  datalist,
  DECISION,
  div,
  EFFECTS,
  h,
  identifier,
  input,
  li,
  linkButton,
  now,
  p,
  place,
  plain,
  pointsOf,
  redraw,
  remark,
  say,
  shown,
  sum,
  tell,
  toCluster,
  TOLD,
  WORDS,
  words
} from "./basics.js";
import { clusterOf, leaves, memberOf, run, wholeCluster } from "./data.js";
import { askFor, dialog, failed, toast } from "./dialogs.js";
import { csv } from "./csv.js";
import { download } from "./downloads.js";
import { index, lookUp } from "./search.js";
import { ask, nameOf, served } from "./server.js";
import { author, keepDecisions, made, may, openedOn, readKept, signAs, take } from "./store.js";
import { cutSide, partsOf, weighed } from "./structure.js";
import { deciding } from "./table.js";
import { nextInQueue } from "./work.js";

/**
 * What a decision would change, in sentences.
 * @param {string} kind @param {Cluster} cluster @param {string} a @param {any} [b]
 * @param {any} [clusterB] cluster of b
 */
function effects(kind, cluster, a, b, clusterB) {
  const { size, members } = cluster,
    member = memberOf(cluster, a),
    core = members.filter(leaves);
  const fresh = core.filter(({ review }) => review !== "reviewed").length,
    others = size - core.length;
  const thin = new Set(cluster.flags.includes("thin") ? cluster.sides.thin : []);
  const vouches = tell.vouches(thin.size, size - thin.size);
  switch (kind) {
    case "confirm":
      return [
        thin.size && vouches,
        core.length
          ? [
              tell.reviews(core.length, fresh),
              others && tell.unreviewed(others),
              tell.may_leave(core.length === 1 ? "it" : `these ${count(core.length)}`)
            ]
          : EFFECTS.none_core,
        cluster.status === "disputed" && EFFECTS.outweighed
      ];
    case "review":
      return [EFFECTS.reviews_one, member?.tier === "core" ? tell.may_leave("it") : EFFECTS.to_verify];
    case "legitimate": {
      const parts = partsOf(cluster, () => true, member.place).map((part) => count(part.length));
      const sizes = parts.slice(0, 6).join(", ") + (parts.length > 6 ? " …" : "");
      return [EFFECTS.legitimate, parts.length > 1 ? tell.falls(parts.length, sizes) : tell.hangs_together(size - 1)];
    }
    case "cannot_link": {
      const end = memberOf(cluster, b);
      if (!end) return [EFFECTS.stay_apart];
      const side = cutSide(cluster, member.place, end.place);
      const cut = weighed(cluster).filter((link) => side.has(link.a) !== side.has(link.b));
      const weight = (cluster.ties.length ? "at most " : "") + sum(cut, (link) => link.weight).toFixed(1);
      return [
        cut.length ? tell.cuts(cut.length, weight) : EFFECTS.not_tied,
        tell.falls_in_two(side.size, size - side.size)
      ];
    }
    case "must_link": {
      const second = clusterOf.get(clusterB),
        same = clusterB === cluster.id;
      return [
        same && thin.has(a) !== thin.has(b) && vouches,
        same ? EFFECTS.binds : second ? tell.joins(size, second.size) : EFFECTS.joins_unknown,
        EFFECTS.worth
      ];
    }
    default:
      return tell[kind](size);
  }
}
/**
 * Asks for the reason, showing what would change, and records.
 * @param {string} kind @param {Cluster} cluster @param {string} a @param {string} [b]
 * @param {string} [clusterB] cluster of b
 */
export function decide(kind, cluster, a, b, clusterB = cluster.id) {
  const reason = input({ id: "reason", maxlength: 400, required: true });
  const who = input({ id: "author", value: author, maxlength: 80, required: true });
  askFor(
    WORDS[kind],
    [
      p(identifier(a), b && [" and ", identifier(b)]),
      h(
        "ul.effects",
        { label: TOLD.what_would_change },
        effects(kind, cluster, a, b, clusterB)
          .flat()
          .filter(Boolean)
          .map((effect) => li(effect))
      ),
      h("label", { for: "reason" }, TOLD.reason_label),
      reason,
      served ? remark("Author: ", shown(nameOf(author))) : [h("label", { for: "author" }, "Author"), who]
    ],
    "Record",
    async () => {
      signAs(who.value.trim() || author);
      const draft = { kind, entity_a: a, entity_b: b ?? null, reason: reason.value.trim() };
      if (!draft.reason) throw new Error(TOLD.no_reason);
      await recordDecision(draft, cluster, clusterB);
      dialog.close();
    }
  );
  const first = author || served ? reason : who;
  first.focus();
  first.select();
}

/** @param {any} draft @param {Cluster} cluster @param {string} clusterB of its second identifier */
async function recordDecision(draft, cluster, clusterB) {
  const { kind, entity_a: a, entity_b: b } = draft;
  /** @type {any[]} */ const both = [cluster, clusterB !== cluster.id && (await wholeCluster(clusterB))].filter(
    Boolean
  );
  draft.opened = openedOn(both);
  let told;
  if (served) {
    const shown = await Promise.all(both.map(({ digest }) => digest));
    for (const { error } of shown) if (error) throw error;
    draft.evidence_digest = shown.map(({ digest }) => digest).join(" ");
    const answer = take(await ask("decide", draft));
    draft.decision_id = answer.added;
    setTimeout(refresh, answer.seconds * 1000 + 500);
    told = say.covers_identifier(words(kind), answer.covers, run.run) + say.recorded_after(answer.seconds);
  } else {
    if (!author) throw new Error(TOLD.no_author);
    readKept();
    const decided = now(),
      stem = `${kind}-${decided.slice(0, 10).replace(/-/g, "")}-w`;
    let number = 1;
    while (made.some(({ decision_id: id }) => id === stem + number)) number++;
    draft.decision_id = stem + number;
    const covers = ({ tier, first }) =>
      (kind === "dispute" || (kind === "confirm" && tier === "core")) && first * 1000 <= Date.now();
    const ids = new Set([a, b, ...cluster.members.filter(covers).map(({ id }) => id)].filter(Boolean));
    const members = [...ids].sort((x, y) => compare(pointsOf(x), pointsOf(y)));
    made.push({ ...draft, author, decided_at: decided, members, run_id: run.run, cluster: cluster.id });
    keepDecisions();
    told = TOLD.kept;
  }
  const next = nextInQueue();
  toast(shown(`${draft.decision_id}: ${told}`, 300), [
    button("Undo", () => undo(draft.decision_id)),
    next && linkButton(toCluster(next.id), TOLD.next_queue)
  ]);
  redraw();
}
/** Reads the decisions of the file again, once one that waited is recorded. */
async function refresh() {
  const { problem } = take(await ask("decisions"));
  if (problem) toast(plain(problem, 400));
  else if (place().view === "decisions") redraw();
}

/** @param {string} id */
export async function undo(id) {
  try {
    if (served) take(await ask("undo", { decision_id: id }));
    else {
      readKept();
      take({ decisions: made.filter((decision) => decision.decision_id !== id) });
      keepDecisions();
    }
    toast(`${id} is undone.`);
  } catch (error) {
    failed(error);
  }
  redraw();
}

export async function decisionsCsv() {
  const lines = [DECISION];
  for (const decision of made) {
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(decision.members.join("\n")));
    const members_digest = Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const row = { ...decision, members: JSON.stringify(decision.members), members_digest };
    lines.push(DECISION.map((name) => row[name] ?? ""));
  }
  download("decisions.csv", csv(lines), "text/csv");
}
/**
 * The buttons that decide on two identifiers.
 * @param {Cluster} cluster @param {string} a @param {string} b @param {string} [clusterB] cluster of b
 */
export const pairButtons = (cluster, a, b, clusterB) =>
  may("decide")
    ? ["must_link", "cannot_link"].map((kind) =>
        button(WORDS[kind], () => decide(kind, cluster, a, b, clusterB), {
          label: `${WORDS[kind]}: ${plain(a, 60)} and ${plain(b, 60)}`
        })
      )
    : [];

/**
 * Asks for the second identifier of a decision about two.
 * @param {string} kind @param {Cluster} cluster @param {string} a
 */
export function pair(kind, cluster, a) {
  const second = input({ id: "other", list: "others", placeholder: TOLD.any_form, required: true });
  askFor(
    WORDS[kind],
    [
      p(identifier(a), " and"),
      h("label", { for: "other" }, TOLD.other_identifier),
      second,
      datalist(
        "others",
        cluster.members.filter(({ id }) => id !== a).map(({ id }) => id)
      )
    ],
    "Continue",
    async () => {
      const hit = (await lookUp(second.value)).find(({ href }) => href.includes("id="));
      if (!hit) throw new Error(TOLD.no_member_run);
      if (hit.text === a) throw new Error(TOLD.same_identifier);
      decide(kind, cluster, a, hit.text, index.of[index.clusters[index.ids.indexOf(hit.text)]]);
    }
  );
  second.focus();
}
/**
 * A column of the buttons that decide on a link.
 * @param {Cluster} cluster @param {(row: any) => [string, string, string?]} ends, and the cluster of the second
 */
export const decidingOnLink = (cluster, ends) =>
  deciding((row) => pairButtons(cluster, ...ends(row)).map((each) => div(each)));
