/** Decisions that were made here, and in the run. */
import {
  author,
  AUTHOR_KEY,
  button,
  counted,
  decisionsCsv,
  grid,
  h,
  h2,
  headline,
  identifier,
  input,
  keep,
  labelled,
  made,
  moment,
  p,
  quiet,
  remark,
  run,
  seconds,
  sentences,
  served,
  shown,
  signAs,
  TOLD,
  undo,
  words,
  workPart
} from "./parts.js";
import { rerunPart } from "./runs.js";

/** @param {any[]} rows @param {boolean} mine */
export const decisionTable = (rows, mine) =>
  grid(
    "Decisions",
    TOLD.decision_kind_author,
    rows.map((decision) => [
      shown(decision.decision_id),
      words(decision.kind),
      [identifier(decision.entity_a), decision.entity_b && [" and ", identifier(decision.entity_b)]],
      [shown(decision.author), "signed_by" in decision && !decision.signed_by && quiet(" (not signed)")],
      shown(decision.reason, 200),
      decision.decided_at ? moment(seconds(decision.decided_at)) : "–",
      mine && (!served || decision.undo)
        ? button("Undo", () => undo(decision.decision_id))
        : quiet({ true: "in force", false: "not in force" }[decision.in_force] ?? "recorded")
    ]),
    (n) => (n === 5 ? "date" : null)
  );

export function decisionsView() {
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
    rerunPart(),
    workPart(),
    h2("In this run"),
    run.decisions?.length ? decisionTable(run.decisions, false) : remark(TOLD.run_applied_none)
  ];
}
