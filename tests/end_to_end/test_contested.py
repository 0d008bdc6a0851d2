"""Contested identifiers stay in the graph, unnamed, until somebody settles who holds them."""

from __future__ import annotations

import json
import stat

import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from schemas.enums import Status, Tier
from schemas.tables import (
    CLUSTERS,
    CONTESTED,
    DECISIONS,
    ENTITIES,
    LINKS,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
)
from tests.end_to_end.streaming.test_watch import stream
from tests.support.leaks import decoded_layers, leak_forms, number_forms
from tests.support.run_pipeline import call, complaint, jsonl, read, run

RING, OTHER, FREE = "+12025550143", "+12025550187", "+18885550121"

SITE = "amzn-refund-desk.com"

PAYEE = "GB29NWBK60161331926819"


def report(number, who, *numbers, **fields):
    """A complaint of one person that names numbers in a role each."""
    listed = [{"raw": raw, "role": role} for raw, role in numbers]
    return complaint(number, victim_id=who, phone_numbers=listed, **fields)


def ring(first=1, people=4):
    """Complaints of several people about one ring."""
    return [
        report(first + n, f"v{first + n}", (RING, "callback"), (OTHER, "callback"),
               (FREE, "callback"), urls=[f"https://{SITE}/help"],
               narrative=f"They told me to call {RING[2:]} or 1-{FREE[2:]} at once.",
               payments=[{"method": "wire", "payee": PAYEE}],
               received_at=f"2024-03-0{1 + n}T09:30:00Z")
        for n in range(people)
    ]  # fmt: skip


LIES = {
    "field": [report(90, "liar", (RING, "victim"))],
    "words": [report(90, "liar", narrative=f"My own phone number is {RING}. Please help me.")],
    "replaced": [
        report(90, "liar", (RING, "victim")),
        report(90, "liar", received_at="2024-03-09T09:30:00Z", narrative="Nothing happened."),
    ],
    "both": [report(90, "liar", (RING, "victim")), report(91, "liar", (RING, "callback"))],
    "many": [report(90 + n, "liar", (RING, "victim")) for n in range(9)],
}


def batch(folder, name, complaints, calls=(), *flags):
    """A run over these records, and its manifest."""
    given = ["--complaints", jsonl(folder / f"{name}.jsonl", complaints)]
    if calls:
        given += ["--calls", jsonl(folder / f"{name}-calls.jsonl", calls)]
    return folder / name, run(folder / name, *given, *flags)


def members(output):
    return {row["entity_id"]: row for row in read(output, MEMBERS).to_pylist()}


def entities(output):
    return {row["entity_id"]: row for row in read(output, ENTITIES).to_pylist()}


def hidden(output):
    """The contested identifiers of a run, by value."""
    return {row["value"]: row for row in read(output, CONTESTED).to_pylist()}


def assert_nowhere(output, value, country="US"):
    """Asserts that no file but private/contested holds a number, however it is written."""
    forms = {form for one in number_forms(value, country) for form in leak_forms(one)}
    for path in sorted(output.rglob("*")):
        if path.is_file() and CONTESTED.name not in str(path):
            for layer in decoded_layers(path.name, path.read_bytes()):
                assert not [form for form in forms if form in layer], path


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return batch(tmp_path_factory.mktemp("honest"), "run", ring())[0]


@pytest.mark.parametrize("lie", LIES)
def test_one_reporter_hides_a_rings_number_and_changes_nothing_else(lie, honest, tmp_path, capfd):
    output, manifest = batch(tmp_path, "run", [*ring(), *LIES[lie]])
    one = hidden(output)[RING]
    assert (one["suspect_reporters"], one["victim_reporters"]) == (4, 1)
    shown = one["entity_id"]

    def rename(entity_id):
        return shown if entity_id == f"phone:{RING}" else entity_id

    # It keeps its place, under an id that says nothing.
    before, after = members(honest), members(output)
    assert {rename(each) for each in before} == after.keys()
    assert len({row["cluster_id"] for row in after.values()}) == 1
    assert {e: r["tier"] for e, r in after.items()} == {
        rename(e): Tier.VERIFY if e == f"phone:{RING}" else r["tier"] for e, r in before.items()
    }
    told = entities(output)[shown]
    assert (told["status"], told["value"], told["line_type"]) == (Status.CONTESTED, None, None)
    assert told["reason"] == (
        "contested: 1 reporter calls it a victim's own, 4 show a suspect using it"
    )
    ties = [
        {
            (*sorted((rename(row["entity_a"]), rename(row["entity_b"]))), row["reporters"])
            for row in read(folder, LINKS).to_pylist()
            if row["accepted"]
        }
        for folder in (honest, output)
    ]
    assert ties[0] == ties[1]
    mentioned = [r for r in read(output, MENTIONS).to_pylist() if r["entity_id"] == shown]
    assert {row["record_id"] for row in mentioned} >= {"c1", "c2", "c3", "c4"}
    assert {row["raw"] for row in mentioned} == {None}

    # Its value is for the run's owner alone.
    assert_nowhere(output, RING)
    said = "".join(capfd.readouterr())
    assert RING not in said and RING[2:] not in said
    (path,) = (output / CONTESTED.name).iterdir()
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (path.parent.parent, path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]
    assert pq.read_schema(path).equals(CONTESTED.schema)

    # And everybody hears of it.
    assert [one["code"] for one in manifest["alarms"]] == ["contested_identifiers"]
    assert main(["health", str(output)]) == 1
    assert capfd.readouterr().out.startswith("contested_identifiers: 1 ")


def test_a_call_without_a_pseudonym_contests_too(tmp_path):
    theirs = call(1, direction="inbound", calling_number="+13125550100", called_number=RING)
    output, _ = batch(tmp_path, "run", ring(), [theirs])
    one = hidden(output)[RING]
    assert (one["suspect_reporters"], one["victim_reporters"]) == (4, 1)
    assert_nowhere(output, RING)


@pytest.mark.parametrize("rule", [None, "per_day", "each_row"])
def test_one_row_without_a_pseudonym_says_nothing_for_others_of_its_day(rule, tmp_path, capfd):
    day = {"victim_id": None, "received_at": "2024-03-01T09:30:00Z"}
    honest = [one | day for one in ring()]
    (tmp_path / "sources.csv").write_text(f"source_org,rule\namazon,{rule}\n")
    flags = ["--sources", tmp_path / "sources.csv"] if rule else []
    for name, lie in {
        "field": report(90, None, (RING, "victim")),
        "words": report(90, None, narrative=f"My own phone number is {RING}. Please help me."),
    }.items():
        output, _ = batch(tmp_path, name, [*honest, lie], (), *flags)
        one = hidden(output)[RING]
        shown = 4 if rule == "each_row" else 1
        assert (one["suspect_reporters"], one["victim_reporters"]) == (shown, 1)
        assert main(["health", str(output)]) == 1
    assert "contested_identifiers" in capfd.readouterr().out


def test_three_times_as_many_reporters_settle_it_for_the_victim(tmp_path):
    lies = [report(60 + n, f"u{n}", (RING, "victim")) for n in range(3)]
    output, manifest = batch(tmp_path, "run", [*ring(people=1), *lies])
    (one,) = [row for row in entities(output).values() if row["status"] == Status.VICTIM_SIDE]
    assert one["value"] is None
    assert one["entity_id"] not in members(output)
    assert (hidden(output), manifest["alarms"]) == ({}, [])
    assert_nowhere(output, RING)
    output, _ = batch(tmp_path, "two", [*ring(people=2), *lies])
    assert hidden(output).keys() == {RING}


def test_many_more_reporters_settle_a_toll_free_line_for_the_suspect(tmp_path):
    lie = report(90, "liar", (FREE, "victim"))
    output, manifest = batch(tmp_path, "run", [*ring(people=3), lie])
    assert entities(output)[f"phone:{FREE}"]["status"] == Status.INFRASTRUCTURE
    assert manifest["alarms"] == []
    output, _ = batch(tmp_path, "two", [*ring(people=2), lie])
    assert hidden(output).keys() == {FREE}


def test_nobody_shows_a_suspect_using_it(tmp_path):
    theirs = report(90, "v90", (OTHER, "victim"), (RING, "callback"))
    mentioned = report(91, "v91", (OTHER, "caller_id"), (RING, "callback"))
    output, manifest = batch(tmp_path, "run", [theirs, mentioned])
    status = {row["status"] for row in entities(output).values() if row["value"] is None}
    assert (status, manifest["alarms"]) == ({Status.VICTIM_SIDE}, [])
    assert_nowhere(output, OTHER)


@pytest.mark.parametrize(
    ("role", "status"), [("victim", Status.VICTIM_SIDE), ("caller_id", Status.INFRASTRUCTURE)]
)
def test_a_decision_shows_no_number_that_every_record_calls_a_victims(role, status, tmp_path):
    rows = [report(90 + n, f"v{n}", (OTHER, role), (RING, "callback")) for n in range(3)]
    file = tmp_path / "decisions.csv"
    file.write_text(
        "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at\n"
        f"d1,suspect_held,phone:{OTHER},,ann,asked,2024-04-01T00:00:00Z,\n"
    )
    output, _ = batch(tmp_path, "run", rows, (), "--decisions", file)
    found = entities(output)
    shown = found.get(f"phone:{OTHER}")
    (one,) = [shown] if shown else [row for row in found.values() if row["value"] is None]
    assert one["status"] == status
    if status == Status.VICTIM_SIDE:
        assert_nowhere(output, OTHER)


def test_a_rejected_row_states_nothing_of_others(honest, tmp_path):
    refused = report(90, "liar", (RING, "victim"), received_at="never", narrative=f"I am {RING}")
    output, manifest = batch(tmp_path, "run", [*ring(), refused])
    assert manifest["counts"]["complaints"]["rejected"] == 1
    assert (hidden(output), manifest["alarms"]) == ({}, [])
    assert entities(output) == entities(honest)
    (reject,) = pq.read_table(output / "rejects").to_pylist()
    assert RING[2:] not in reject["raw"]
    assert any(RING in row["narrative"] or RING[2:] in row["narrative"]
               for row in read(output, NARRATIVES).to_pylist())  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("suspect_held", Status.INFRASTRUCTURE),
        ("victim_owned", Status.VICTIM_SIDE),
        ("legitimate", Status.SUPPRESSED),
    ],
)
def test_a_decision_settles_it(kind, status, tmp_path):
    row = {
        "decision_id": "d1",
        "kind": kind,
        "entity_a": f"phone:{RING}",
        "author": "ann",
        "reason": "asked the carrier",
        "decided_at": "2024-04-01T00:00:00Z",
    }
    decided = ["--decisions", jsonl(tmp_path / "decisions.jsonl", [row])]
    more = [report(60 + n, f"u{n}", (RING, "victim")) for n in range(20)]
    output, manifest = batch(tmp_path, "run", [*ring(), *more], (), *decided)
    (one,) = [
        row
        for row in entities(output).values()
        if row["entity_id"] == f"phone:{RING}" or row["value"] is None
    ]
    assert (one["status"], hidden(output)) == (status, {})
    assert "contested_identifiers" not in [one["code"] for one in manifest["alarms"]]
    assert (one["entity_id"] in members(output)) == (status == Status.INFRASTRUCTURE)
    if status == Status.VICTIM_SIDE:
        assert_nowhere(output, RING)


def test_a_decision_on_a_number_is_a_claim_on_addresses_with_it(tmp_path):
    address = f"{RING[2:]}@evil-help.com"
    rows = [one | {"emails": [{"address": address, "role": "reply_to"}]} for one in ring()]
    file = jsonl(
        tmp_path / "d.jsonl",
        [{"decision_id": "d", "kind": "victim_owned", "entity_a": RING, "author": "ann",
          "reason": "they wrote in", "decided_at": "2024-04-01T00:00:00Z"}],
    )  # fmt: skip
    output, manifest = batch(tmp_path, "run", rows, (), "--decisions", file, "--no-register")
    assert hidden(output).keys() == {address}
    assert [one["code"] for one in manifest["alarms"]] == ["contested_identifiers"]
    assert_nowhere(output, RING)


def test_a_near_miss_of_a_contested_number_stays_one(tmp_path):
    slip = RING[:-1] + "4"
    near = [
        report(30 + n, f"w{n}", (slip, "callback"), (OTHER, "callback"), (FREE, "callback"),
               urls=[f"https://{SITE}/help"])
        for n in range(3)
    ]  # fmt: skip
    output, _ = batch(tmp_path, "honest", [*ring(people=9), *near])
    assert members(output)[f"phone:{slip}"]["near_miss_of"] == f"phone:{RING}"
    output, _ = batch(tmp_path, "run", [*ring(people=9), *near, *LIES["field"]])
    one = members(output)[f"phone:{slip}"]
    assert (one["near_miss_of"], one["tier"]) == (hidden(output)[RING]["entity_id"], Tier.VERIFY)


def test_links_that_analysts_forbid_hold_for_a_contested_number(tmp_path):
    row = {
        "decision_id": "d1",
        "kind": "cannot_link",
        "entity_a": f"phone:{RING}",
        "entity_b": f"domain:{SITE}",
        "author": "ann",
        "reason": "another ring's",
        "decided_at": "2024-04-01T00:00:00Z",
    }
    decided = ["--decisions", jsonl(tmp_path / "decisions.jsonl", [row])]
    output, _ = batch(tmp_path, "run", [*ring(), *LIES["field"]], (), *decided)
    found = members(output)
    shown = hidden(output)[RING]["entity_id"]
    assert found[shown]["cluster_id"] != found[f"domain:{SITE}"]["cluster_id"]
    assert_nowhere(output, RING)  # nor do decisions/ name it


def test_a_dispute_of_a_contested_number_holds(tmp_path):
    row = {
        "decision_id": "d1",
        "kind": "dispute",
        "entity_a": f"phone:{RING}",
        "author": "ann",
        "reason": "we doubt it",
        "decided_at": "2024-04-01T00:00:00Z",
    }
    decided = ["--decisions", jsonl(tmp_path / "decisions.jsonl", [row])]
    output, _ = batch(tmp_path, "run", [*ring(), *LIES["field"]], (), *decided)
    (cluster,) = read(output, CLUSTERS).to_pylist()
    assert cluster["status"] == "disputed"
    assert_nowhere(output, RING)


@pytest.mark.parametrize("kind", ["confirm", "dispute"])
def test_a_contest_takes_nothing_from_what_a_decision_covers(kind, tmp_path):
    def decided(*more):
        rows = [f"{one},,ann,checked,2024-04-01T00:00:00Z," for one in more]
        header = "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at"
        file = tmp_path / "decisions.csv"
        file.write_text("\n".join([header, f"a,{kind},phone:{FREE}" + rows[0][1:], *rows[1:]]))
        return ["--decisions", file]

    def covers(output):
        return {row["decision_id"]: row["members"] for row in read(output, DECISIONS).to_pylist()}

    own, lie = ["-", f"b,review,phone:{RING}"], [*ring(), *LIES["field"]]
    one, _ = batch(tmp_path, "one", ring())
    two, _ = batch(tmp_path, "two", ring(), (), *decided(*own), "--previous", one)
    before = covers(two)
    assert f"phone:{RING}" in before["a"]
    assert before["b"] == [f"phone:{RING}"]
    three, _ = batch(tmp_path, "three", lie, (), *decided(*own), "--previous", two)
    assert_nowhere(three, RING)
    # A day on which nobody names it, so that it is carried on.
    quiet = [report(1, "v1", narrative="Nothing happened.")]
    four, _ = batch(tmp_path, "four", quiet, (), *decided(*own), "--previous", three)
    assert hidden(four).keys() == {RING}
    assert_nowhere(four, RING)
    own.append(f"c,suspect_held,phone:{RING}")
    five, _ = batch(tmp_path, "five", lie, (), *decided(*own), "--previous", four)
    after = covers(five)
    assert (after["a"], after["b"]) == (before["a"], before["b"])


@pytest.mark.parametrize("kind", ["confirm", "dispute"])
@pytest.mark.parametrize("quiet_day", [False, True])
def test_a_claim_on_a_day_without_other_records_takes_nothing_from_a_decision(
    kind, quiet_day, tmp_path, capfd
):
    """Whoever files alone on a day erases nothing that others showed on the days before."""
    header = "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at"
    file = tmp_path / "decisions.csv"
    file.write_text(f"{header}\na,{kind},phone:{FREE},,ann,checked,2024-04-01T00:00:00Z,\n")

    def day(name, rows, before):
        flags = ("--decisions", file, "--previous", before)
        return batch(tmp_path, name, rows, (), *flags)[0]

    def covered(output):
        (row,) = read(output, DECISIONS).to_pylist()
        return row["members"]

    one, _ = batch(tmp_path, "one", ring())
    two = day("two", ring(), one)
    before = covered(two)
    assert f"phone:{RING}" in before
    if quiet_day:
        two = day("quiet", [report(1, "v1", narrative="Nothing happened.")], two)
    lies = [report(90, "liar", (RING, "victim"))]
    three = day("three", lies, two)
    assert (hidden(three).keys(), len(covered(three))) == ({RING}, len(before))
    assert main(["health", str(three)]) == 1
    # Again, which one person can do for as long as he likes.
    again = day("again", lies, three)
    assert hidden(again)[RING]["victim_reporters"] == 1
    four = day("four", ring(), again)
    assert hidden(four).keys() == {RING}
    for output in (three, again, four):
        assert_nowhere(output, RING)
    file.write_text(
        file.read_text() + f"c,suspect_held,phone:{RING},,ann,checked,2024-04-02T00:00:00Z,\n"
    )
    five = day("five", [*ring(), *lies], four)
    rows = {row["decision_id"]: row["members"] for row in read(five, DECISIONS).to_pylist()}
    assert rows["a"] == before
    # Three who claim it settle it for the victim, as nobody else is known to show it.
    many = [report(90 + n, f"u{n}", (RING, "victim")) for n in range(3)]
    file.write_text(f"{header}\na,{kind},phone:{FREE},,ann,checked,2024-04-01T00:00:00Z,\n")
    six = day("six", many, two)
    assert hidden(six) == {}
    capfd.readouterr()
    assert main(["health", str(six)]) == 0


def test_the_same_records_contest_the_same_in_any_order(tmp_path):
    rows = [*ring(), *LIES["both"], *LIES["words"]]
    one, first = batch(tmp_path, "one", rows)
    two, second = batch(tmp_path, "two", rows[::-1])
    assert hidden(one) == hidden(two)
    outputs = [
        {each["name"]: each["sha256"] for each in manifest["outputs"]
         if not each["name"].startswith("report/")}
        for manifest in (first, second)
    ]  # fmt: skip
    assert outputs[0] == outputs[1]
    assert json.dumps(first["alarms"]) == json.dumps(second["alarms"])


def test_what_was_contested_stays_so_in_later_runs_until_a_decision(tmp_path):
    one, _ = batch(tmp_path, "one", [*ring(), *LIES["field"]])
    # The next day nobody says any more whose it is.
    two, manifest = batch(tmp_path, "two", ring(20), (), "--previous", one)
    told = hidden(two)[RING]
    assert (told["suspect_reporters"], told["victim_reporters"]) == (4, 1)
    assert [each["code"] for each in manifest["alarms"]] == ["contested_identifiers"]
    assert_nowhere(two, RING)
    # Then nobody names it at all, which settles nothing, and then somebody does again.
    others = [report(40, "v40", (OTHER, "callback"), (FREE, "callback"))]
    three, manifest = batch(tmp_path, "three", others, (), "--previous", two)
    assert hidden(three)[RING] == told
    assert [each["code"] for each in manifest["alarms"]] == ["contested_identifiers"]
    four, _ = batch(tmp_path, "four", ring(50), (), "--previous", three)
    assert hidden(four)[RING]["victim_reporters"] == 1
    assert_nowhere(four, RING)
    (four / CONTESTED.name / "part-00000-of-00001.parquet").unlink()
    given = ["--complaints", str(tmp_path / "four.jsonl"), "--output", str(tmp_path / "five")]
    assert main(["batch", *given, "--previous", str(four)]) == 2


def test_a_stream_holds_the_same_and_raises_no_alert_about_it(tmp_path):
    rows = [*ring(), *LIES["both"]]
    whole, _ = batch(tmp_path, "run", rows)
    watched, output = tmp_path / "in", tmp_path / "out"
    (watched / "complaints").mkdir(parents=True)
    for number, part in enumerate((rows[::2], rows[1::2])):
        jsonl(watched / "complaints" / f"{number}.jsonl", part)
        last = stream(watched, output, "--alert-records", "2", "--alert-hours", "900")
    for table in (ENTITIES, MEMBERS, LINKS, CONTESTED):
        assert read(last, table).to_pylist() == read(whole, table).to_pylist()
    alerts = "".join(path.read_text() for path in (output / "alerts").iterdir())
    assert OTHER in alerts
    assert "withheld" not in alerts
    for folder in (last, output / "alerts"):
        assert_nowhere(folder, RING)


MAIL, DESK = "refunds@amzn-desk-mail.com", "384917265"

OTHER_KINDS = {
    "email": (MAIL, f"My own email address is {MAIL}, they wrote to me there."),
    "account": (PAYEE, f"My own bank account is IBAN {PAYEE}, and it is empty now."),
    "remote": (DESK, f"My AnyDesk id is {DESK}, please check my computer."),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_identifiers_of_other_kinds_are_hidden_as_well(kind, tmp_path):
    value, words = OTHER_KINDS[kind]
    people = [
        row | {"emails": [MAIL], "remote_access": [{"tool": "anydesk", "id": DESK}]}
        for row in ring()
    ]
    output, _ = batch(tmp_path, "run", [*people, report(90, "liar", narrative=words)])
    (one,) = [row for row in entities(output).values() if row["value"] is None]
    assert (one["kind"], one["status"]) == (kind, Status.CONTESTED)
    assert one["entity_id"] in members(output)
    ((told, _),) = hidden(output).items()
    assert told.endswith(value)
    forms = {value.encode(), told.encode()}
    for path in sorted(output.rglob("*")):
        if path.is_file() and CONTESTED.name not in str(path):
            for layer in decoded_layers(path.name, path.read_bytes()):
                assert not [form for form in forms if form in layer], path
