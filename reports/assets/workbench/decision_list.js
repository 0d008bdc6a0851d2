/** Decisions that were made here and in the run, and the next run. */
import { meet } from "./alerts.js";
import {
  about,
  ask,
  author,
  AUTHOR_KEY,
  button,
  count,
  counted,
  decisionsCsv,
  fill,
  greet,
  grid,
  h,
  h2,
  headline,
  identifier,
  input,
  keep,
  labelled,
  linkButton,
  made,
  may,
  moment,
  nameOf,
  p,
  plain,
  quiet,
  refused,
  remark,
  run,
  say,
  seconds,
  sentences,
  served,
  shown,
  signAs,
  simple,
  TABLES,
  take,
  TOLD,
  undo,
  words,
  workPart
} from "./parts.js";

/** @param {any[]} rows @param {boolean} mine */
export const decisionTable = (rows, mine) =>
  grid(
    TABLES.decisions,
    rows.map((decision) => [
      shown(decision.decision_id),
      words(decision.kind),
      [identifier(decision.entity_a), decision.entity_b && [" and ", identifier(decision.entity_b)]],
      [shown(nameOf(decision.author)), "signed_by" in decision && !decision.signed_by && quiet(" (not signed)")],
      [shown(decision.reason, 200), decision.why && p(h("strong.warn", shown(decision.why, 600)))],
      decision.decided_at ? moment(seconds(decision.decided_at)) : "–",
      mine && (!served || decision.undo)
        ? button(decision.why ? "Take away" : "Undo", () => undo(decision.decision_id))
        : quiet(decision.undo === false ? "waits" : { true: "in force", false: "not in force" }[decision.in_force] ?? "recorded")
    ]),
    (n) => (n === 5 ? "date" : null)
  );

/** Who looked at which narrative, for the owner of the run. @returns {Promise<any>} */
async function viewsPart() {
  if (!served || !may("views")) return null;
  const { views } = await ask("views");
  const rows = views.map(({ when, person, org, record, run: name }) => [
    moment(seconds(when)),
    shown(nameOf(person)),
    shown(`${org}|${record}`),
    shown(name)
  ]);
  return simple(TABLES.views, rows, [1, 2, 3]);
}
export async function decisionsView() {
  const name = input({
    value: author,
    maxlength: 80,
    size: 14,
    label: TOLD.your_name,
    onchange: () => {
      signAs(name.value.trim());
      keep(AUTHOR_KEY, author, "decisions.csv");
    }
  });
  return [
    headline("Decisions", p(sentences(served ? TOLD.decisions_served : TOLD.decisions_kept))),
    h(
      "div.bar",
      !served && [
        labelled(TOLD.your_name, name),
        button(TOLD.download_decisions_csv, decisionsCsv, { disabled: !made.length, class: "primary" })
      ],
      quiet(counted(made.length, "decision"), !served && TOLD.made_here)
    ),
    made.length ? decisionTable(made.toReversed(), true) : remark(TOLD.no_decision_yet),
    refused.length && [h2(TOLD.not_recorded), decisionTable(refused, true)],
    rerunPart(),
    may("note") && workPart(),
    await viewsPart(),
    h2("In this run"),
    run.decisions?.length ? decisionTable(run.decisions, false) : remark(TOLD.run_applied_none)
  ];
}

/** The button for the next run, and how far it is. @returns {any} */
function rerunPart() {
  if (!about?.rerun || !served) return null;
  const told = p({ role: "status" });
  const bar = h("progress", { max: 100, value: 0, label: TOLD.next_run, hidden: true });
  const start = button(TOLD.run_again_with, async () => {
    try {
      await ask("rerun", {});
      take(await ask("decisions"));
      follow();
    } catch (error) {
      told.textContent = plain(error.message, 400);
    }
  });
  async function follow() {
    const before = about.rerun.state;
    const { state, percent, line, name } = (await greet()).rerun,
      running = state === "running";
    if (before === "running" && state === "done") await meet();
    start.disabled = running;
    bar.hidden = !running;
    bar.value = percent ?? 0;
    if (running) {
      told.textContent = `${count(percent)} %. ${plain(line, 200).replace(/^\d+ %: /, "")}`;
      setTimeout(() => told.isConnected && follow(), 1000);
    } else if (state === "failed") told.textContent = say.run_failed(plain(line, 300));
    else if (state === "done") {
      const next = about.runs.find((each) => each.name === name);
      fill(told, TOLD.next_run_done, next && linkButton(`${next.href}#/queue`, "Open it"));
    }
  }
  follow();
  return [h2(TOLD.next_run), p(sentences(TOLD.rerun)), h("div.bar", start, bar), told];
}
