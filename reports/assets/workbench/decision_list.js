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
  undo,
  words,
  workPart
} from "./parts.js";
import { rerunPart } from "./runs.js";

/** @param {any[]} rows @param {boolean} mine */
export const decisionTable = (rows, mine) =>
  grid(
    "Decisions",
    "Decision | Kind | On | Author | Reason | When | State",
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
    label: "Your name",
    onchange: () => {
      signAs(name.value.trim());
      keep(AUTHOR_KEY, author, "decisions.csv");
    }
  });
  return [
    headline("Decisions", p(sentences(served ? "decisions_served" : "decisions_kept"))),
    h(
      "div.bar",
      !served && [
        labelled("Your name", name),
        button("Download decisions.csv", decisionsCsv, { disabled: !made.length, class: "primary" })
      ],
      quiet(counted(made.length, "decision"), !served && " made here")
    ),
    made.length
      ? decisionTable(made.toReversed(), true)
      : remark("None yet: open a cluster, and confirm or dispute it."),
    rerunPart(),
    workPart(),
    h2("In this run"),
    run.decisions?.length ? decisionTable(run.decisions, false) : remark("The run applied none.")
  ];
}
