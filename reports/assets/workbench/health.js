/** What a run read, and whether it adds up. */
import {
  counted,
  details,
  h,
  h2,
  headline,
  identifier,
  moment,
  p,
  plain,
  quiet,
  remark,
  run,
  seconds,
  shown,
  simple,
  sum,
  term,
  TOLD,
  trendChart,
  worded,
  words,
  zero
} from "./parts.js";
import { alarms } from "./queue.js";

export function healthView() {
  const check = ({ problems }) =>
    run.snapshot
      ? "a snapshot keeps no records"
      : problems.length
        ? h("strong.warn", "does not add up: ", problems.join("; "))
        : "adds up";
  const sorted = (values, cell) =>
    Object.entries(values)
      .sort()
      .map(([name, value]) => cell(name, value));
  const pairsOf = (caption, heads, values, limit) =>
    simple(
      caption,
      heads,
      sorted(values, (name, value) => [shown(name), shown(value, limit)])
    );
  const accounted = "read accepted duplicates rejected erased".split(" ");
  return [
    headline("Health", p(TOLD.health), alarms(Infinity, 1000) || p("No alarms.")),
    simple(
      TOLD.rows,
      "Kind | Read | Accepted | Duplicates | Rejected | Erased | Check",
      run.accounts.map((account) => [
        words(account.kind),
        ...accounted.map((name) => account.counts[name] ?? 0),
        check(account)
      ])
    ),
    h(
      "div.columns",
      simple("Rejects", "Code | Kind | Stage | Field | Rows", [
        ...run.rejects.map(({ code, record_kind, stage, field: name, rows }) => [
          shown(code),
          words(record_kind),
          worded(stage),
          shown(name),
          rows
        ]),
        run.more_rejects && [`${counted(run.more_rejects, "more reason")} in rejects/`, "", "", "", ""]
      ]),
      simple(
        "Identifiers by kind",
        [
          "Kind",
          ...run.statuses.map((status) => term(status, status === "uncorroborated" ? "Only named" : words(status))),
          "All"
        ],
        run.kinds.map(({ kind, by_status: numbers }) => [words(kind), ...numbers.map(zero), sum(numbers, Number)])
      ),
      simple(
        "Members by tier and review, single identifiers too",
        "Tier | Review | Members",
        run.tiers.map(({ tier, review, rows }) => [words(tier), words(review), rows])
      ),
      run.breakdowns.map(({ title, rows, notes, others, unknown }) =>
        simple(title, "Value | Complaints", [
          ...rows.map(([name, number]) => [
            [worded(name), notes[name] && quiet(` ${plain(notes[name], 200)}`)],
            number
          ]),
          others !== 0 && ["Others", others],
          unknown && ["Not stated", unknown]
        ])
      )
    ),
    h2("Records over time"),
    run.trends.map(trendChart),
    simple(
      "Inputs",
      "File | Records | Format | Rows | Bytes | SHA-256",
      run.inputs
        .slice(0, 200)
        .map((file) => [
          shown(file.name),
          words(file.kind),
          shown(file.format),
          file.rows ?? 0,
          file.bytes ?? 0,
          identifier(file.sha256)
        ])
    ),
    details(
      "Versions, options and all else that was counted",
      h(
        "div.columns",
        pairsOf(`Versions; contract version ${run.contract}`, "What | Version", run.versions, 60),
        pairsOf("Options", "Option | Value", run.options, 400),
        sorted(run.tallies, (group, numbers) =>
          simple(
            plain(words(group), 80),
            "What | Count",
            sorted(numbers, (name, number) => [worded(name), number])
          )
        )
      )
    ),
    remark(
      "Run ",
      identifier(run.run),
      run.clock && `, ${moment(seconds(run.clock))}`,
      `; ringtrace ${plain(run.versions.ringtrace, 40)}.`
    )
  ];
}
