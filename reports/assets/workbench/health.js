/** What a run read, and whether it adds up. */
import {
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
  say,
  seconds,
  shown,
  simple,
  sum,
  TABLES,
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
        ? h("strong.warn", TOLD.does_not_add_up, problems.join("; "))
        : "adds up";
  const sorted = (values, cell) =>
    Object.entries(values)
      .sort()
      .map(([name, value]) => cell(name, value));
  const pairsOf = (caption, heads, values, limit) =>
    simple(
      [caption, heads],
      sorted(values, (name, value) => [shown(name), shown(value, limit)])
    );
  const accounted = "read accepted duplicates rejected erased".split(" ");
  return [
    headline("Health", p(TOLD.health), alarms(Infinity, 1000) || p("No alarms.")),
    simple(
      TABLES.rows,
      run.accounts.map((account) => [
        words(account.kind),
        ...accounted.map((name) => account.counts[name] ?? 0),
        check(account)
      ])
    ),
    h(
      "div.columns",
      simple(TABLES.rejects, [
        ...run.rejects.map(({ code, record_kind, stage, field: name, rows }) => [
          shown(code),
          words(record_kind),
          worded(stage),
          shown(name),
          rows
        ]),
        run.more_rejects && [say.more_reason_rejects(run.more_rejects), "", "", "", ""]
      ]),
      simple(
        [
          TOLD.identifiers_kind,
          [
            "Kind",
            ...run.statuses.map((status) =>
              term(status, status === "uncorroborated" ? TOLD.only_named : words(status))
            ),
            "All"
          ]
        ],
        run.kinds.map(({ kind, by_status: numbers }) => [words(kind), ...numbers.map(zero), sum(numbers, Number)])
      ),
      simple(
        TABLES.tiers,
        run.tiers.map(({ tier, review, rows }) => [words(tier), words(review), rows])
      ),
      run.breakdowns.map(({ title, rows, notes, others, unknown }) =>
        simple(
          [title, TOLD.value_complaints],
          [
            ...rows.map(([name, number]) => [
              [worded(name), notes[name] && quiet(` ${plain(notes[name], 200)}`)],
              number
            ]),
            others !== 0 && ["Others", others],
            unknown && ["Not stated", unknown]
          ]
        )
      )
    ),
    h2(TOLD.records_over_time),
    run.trends.map(trendChart),
    simple(
      TABLES.inputs,
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
      TOLD.versions_options_all,
      h(
        "div.columns",
        pairsOf(say.versions_contract(run.contract), TOLD.what_version, run.versions, 60),
        pairsOf("Options", TOLD.option_value, run.options, 400),
        sorted(run.tallies, (group, numbers) =>
          simple(
            [plain(words(group), 80), TOLD.what_count],
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
