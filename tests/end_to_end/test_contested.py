"""Contested identifiers stay in the graph, unnamed, until somebody settles who holds them."""

from __future__ import annotations

import shutil
import stat

import pyarrow.parquet as pq
import pytest

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
from tests.support.examples import some
from tests.support.leaks import decoded_layers, leak_forms, number_forms
from tests.support.real_data import ROOT
from tests.support.run_pipeline import (
    by_key,
    call,
    complaint,
    inbox,
    jsonl,
    manifest_of,
    read,
    ringtrace,
    run,
    table_rows,
    watch_once,
    write_decisions,
)

SHIPPED = {path.read_bytes() for path in (ROOT / "reports/assets").iterdir() if path.is_file()}
"""Files that a run copies: they hold no value of its records."""


def iban(account):
    """A British account, by its last four digits."""
    bank = f"NWBK6016133192{account}"
    digits = "".join(str(int(letter, 36)) for letter in f"{bank}GB00")
    return f"GB{98 - int(digits) % 97:02d}{bank}"


class Ring:
    """A ring that shares no identifier, reporter or record with another of the same run.

    Numbers of two rings differ in at least two digits, so that none is a near miss of another.
    """

    def __init__(self, index):
        self.index = index
        digits = "".join(str((step * index + 1) % 10) for step in (1, 3, 7, 9))
        ten = index // 10
        self.number = f"+1{(202, 312, 415)[ten]}736{digits}"
        self.other = f"+1{(202, 312, 415)[ten]}548{digits}"
        self.free = f"+18{(88, 77, 66)[ten]}452{digits}"
        self.payee = iban(f"{ten}{digits[1:]}")
        self.site = f"amzn-refund-desk-{index}.com"
        self.mail = f"refunds@amzn-desk-mail-{index}.com"
        self.desk = f"38{ten}9{digits}6"

    @property
    def entity(self):
        return f"phone:{self.number}"

    def report(self, number, who, *numbers, **fields):
        """A complaint of one person that names numbers in a role each."""
        return complaint(
            100 * self.index + number,
            **{
                "victim_id": who and f"{who}-{self.index}",
                "phone_numbers": [{"raw": raw, "role": role} for raw, role in numbers],
            }
            | fields,
        )

    def reports(self, people=4, first=1, **fields):
        """Complaints of several people about the ring."""
        numbers = [(raw, "callback") for raw in (self.number, self.other, self.free)]
        words = f"They told me to call {self.number[2:]} or 1-{self.free[2:]} at once."
        shared = {
            "urls": [f"https://{self.site}/help"],
            "narrative": words,
            "payments": [{"method": "wire", "payee": self.payee}],
        }
        return [
            self.report(first + n, f"v{first + n}", *numbers, **shared
                        | {"received_at": f"2024-03-0{1 + n}T09:30:00Z"} | fields)
            for n in range(people)
        ]  # fmt: skip

    def lie(self, number=90, who="liar", role="victim", **fields):
        """A complaint that calls the ring's number somebody's own."""
        return self.report(number, who, (self.number, role), **fields)

    def words(self, who="liar", **fields):
        """The same in words alone."""
        return self.report(
            90, who, narrative=f"My own phone number is {self.number}. Please help me.", **fields
        )


LIES = {
    "field": lambda ring: [ring.lie()],
    "words": lambda ring: [ring.words()],
    "replaced": lambda ring: [
        ring.lie(),
        ring.report(90, "liar", received_at="2024-03-09T09:30:00Z", narrative="Nothing happened."),
    ],
    "both": lambda ring: [ring.lie(), ring.lie(91, role="callback")],
    "many": lambda ring: [ring.lie(90 + number) for number in range(9)],
}

LIED = {lie: Ring(index) for index, lie in enumerate(LIES)}

CALLED, TAKEN_OVER, HELD, TOLL_FREE, FEW_TOLL_FREE, NOT_SHOWN, NEAR, REJECTED = map(
    Ring, range(5, 13)
)

MAILED, PAID, REMOTE = map(Ring, range(13, 16))

OTHER_KINDS = {
    "email": (MAILED, MAILED.mail, f"My own email address is {MAILED.mail}, they wrote to me."),
    "account": (PAID, PAID.payee, f"My own bank account is IBAN {PAID.payee}, and it is empty."),
    "remote": (REMOTE, REMOTE.desk, f"My AnyDesk id is {REMOTE.desk}, please check my computer."),
}

UNNAMED = {
    (rule, lie): Ring(16 + index)
    for index, (rule, lie) in enumerate(
        (rule, lie) for rule in ("none", "per_day", "each_row") for lie in ("field", "words")
    )
}
"""Rings that people without a pseudonym report, to an organisation of that rule."""

SLIP = NEAR.number[:-1] + str((int(NEAR.number[-1]) + 1) % 10)


def unnamed_fields(rule, ring):
    """The fields of rows of one day without a pseudonym."""
    day = f"2024-02-{ring.index:02d}T09:30:00Z"
    return {"source_org": f"org-{rule}", "victim_id": None, "received_at": day}


def honest_rows():
    rows = [row for ring in (*LIED.values(), CALLED, REJECTED) for row in ring.reports()]
    for ring, people in ((TAKEN_OVER, 1), (HELD, 2), (TOLL_FREE, 3), (FEW_TOLL_FREE, 2), (NEAR, 9)):
        rows += ring.reports(people)
    numbers = [(raw, "callback") for raw in (SLIP, NEAR.other, NEAR.free)]
    rows += [NEAR.report(30 + n, f"w{n}", *numbers, urls=[f"https://{NEAR.site}/help"])
             for n in range(3)]  # fmt: skip
    for ring in (MAILED, PAID, REMOTE):
        rows += [
            row | {"emails": [ring.mail], "remote_access": [{"tool": "anydesk", "id": ring.desk}]}
            for row in ring.reports()
        ]
    for (rule, _), ring in UNNAMED.items():
        rows += ring.reports(**unnamed_fields(rule, ring))
    return rows


def lying_rows():
    rows = [row for lie, ring in LIED.items() for row in LIES[lie](ring)]
    for ring in (TAKEN_OVER, HELD):
        rows += [ring.lie(60 + n, f"u{n}") for n in range(3)]
    rows += [ring.report(90, "liar", (ring.free, "victim")) for ring in (TOLL_FREE, FEW_TOLL_FREE)]
    rows += [
        NOT_SHOWN.report(90 + n, f"v{n}", (NOT_SHOWN.other, role), (NOT_SHOWN.number, "callback"))
        for n, role in enumerate(("victim", "caller_id"))
    ]
    rows.append(NEAR.lie())
    rows.append(REJECTED.lie(received_at="never", narrative=f"I am {REJECTED.number}"))
    rows += [ring.report(90, "liar", narrative=words) for ring, _, words in OTHER_KINDS.values()]
    for (rule, lie), ring in UNNAMED.items():
        fields = unnamed_fields(rule, ring)
        rows.append(ring.lie(**fields) if lie == "field" else ring.words(**fields))
    return rows


CALL = call(1, direction="inbound", calling_number="+13125550100", called_number=CALLED.number)


def batch(folder, name, complaints, *flags):
    """A run over these records, and its manifest."""
    path = jsonl(folder / f"{name}.jsonl", complaints)
    return folder / name, run(folder / name, "--complaints", path, *flags)


def members(output):
    return by_key(output, MEMBERS)


def entities(output):
    return by_key(output, ENTITIES)


def named(output, number, complaints):
    """The entity of a number: the one that shows it, or the victim's with so many complaints."""
    by_id = entities(output)
    if shown := by_id.get(f"phone:{number}"):
        return shown
    withheld = [row for row in by_id.values() if row["status"] == Status.VICTIM_SIDE]
    (row,) = [row for row in withheld if row["complaints"] == complaints]
    assert row["value"] is None
    return row


def hidden(output):
    """The contested identifiers of a run, by value."""
    return {row["value"]: row for row in table_rows(output, CONTESTED)}


def assert_nowhere(output, *values):
    """Asserts that no file but private/contested holds a value, however it is written."""
    forms = set()
    for value in values:
        written = number_forms(value, "US") if value.startswith("+") else {value}
        forms |= {form for each in written for form in leak_forms(each)}
    for path in sorted(output.rglob("*")):
        if path.is_file() and CONTESTED.name not in str(path):
            content = path.read_bytes()
            for layer in () if content in SHIPPED else decoded_layers(path.name, content):
                assert not [form for form in forms if form in layer], path


def decide(file, *rows):
    """Writes decisions, each as its id, its kind and its identifiers."""
    lines = [f"{row},ann,checked,2024-04-01T00:00:00Z," for row in rows]
    return "--decisions", write_decisions(file, *lines)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with a run of honest records, and one of these with lies about each ring."""
    folder = tmp_path_factory.mktemp("contested")
    (folder / "sources.csv").write_text(
        "source_org,rule\norg-per_day,per_day\norg-each_row,each_row\n"
    )
    rules = ["--sources", folder / "sources.csv"]
    batch(folder, "honest", honest_rows(), *rules)
    flags = [*rules, "--calls", jsonl(folder / "calls.jsonl", [CALL])]
    path = jsonl(folder / "lied.jsonl", [*honest_rows(), *lying_rows()])
    run(folder / "lied", "--complaints", path, *flags)
    return folder


@pytest.fixture(scope="module")
def lied(world):
    return world / "lied"


@pytest.fixture(scope="module")
def honest(world):
    return world / "honest"


@pytest.mark.parametrize("lie", LIES)
def test_one_reporter_hides_a_rings_number_and_changes_nothing_else(lie, honest, lied):
    ring = LIED[lie]
    row = hidden(lied)[ring.number]
    assert (row["suspect_reporters"], row["victim_reporters"]) == (4, 1)
    shown = row["entity_id"]

    def rename(entity_id):
        return shown if entity_id == ring.entity else entity_id

    # It keeps its place, under an id that says nothing.
    before = members(honest)
    cluster_id = before[ring.entity]["cluster_id"]
    before = {each: row for each, row in before.items() if row["cluster_id"] == cluster_id}
    assert len(before) == 5
    cluster_id = members(lied)[shown]["cluster_id"]
    after = {each: row for each, row in members(lied).items() if row["cluster_id"] == cluster_id}
    assert {each: row["tier"] for each, row in after.items()} == {
        rename(each): Tier.VERIFY if each == ring.entity else row["tier"]
        for each, row in before.items()
    }
    told = entities(lied)[shown]
    assert (told["status"], told["value"], told["line_type"]) == (Status.CONTESTED, None, None)
    assert told["reason"] == (
        "contested: 1 reporter calls it a victim's own, 4 show a suspect using it"
    )
    ties = [
        {
            (*sorted((rename(row["entity_a"]), rename(row["entity_b"]))), row["reporters"])
            for row in table_rows(output, LINKS)
            if row["accepted"] and {row["entity_a"], row["entity_b"]} & {*before, *after}
        }
        for output in (honest, lied)
    ]
    assert ties[0] == ties[1] != set()
    mentioned = [row for row in table_rows(lied, MENTIONS) if row["entity_id"] == shown]
    theirs = {row["complaint_id"] for row in ring.reports()}
    assert {row["record_id"] for row in mentioned} >= theirs
    assert {row["raw"] for row in mentioned} == {None}


def test_what_is_contested_or_a_victims_stands_in_no_file_and_everybody_hears_of_it(lied, capfd):
    contested = hidden(lied)
    assert_nowhere(lied, *contested, TAKEN_OVER.number, NOT_SHOWN.other, PAID.payee, REMOTE.desk)
    (path,) = (lied / CONTESTED.name).iterdir()
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path.parent.parent, path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]
    assert pq.read_schema(path).equals(CONTESTED.schema)
    manifest = manifest_of(lied)
    assert [alarm["code"] for alarm in manifest["alarms"]] == ["contested_identifiers"]
    assert ringtrace("health", lied) == 1
    assert capfd.readouterr().out.startswith(f"contested_identifiers: {len(contested)} ")


def test_a_call_without_a_pseudonym_contests_too(lied):
    row = hidden(lied)[CALLED.number]
    assert (row["suspect_reporters"], row["victim_reporters"]) == (4, 1)


@pytest.mark.parametrize(("rule", "lie"), UNNAMED)
def test_a_row_without_a_pseudonym_says_nothing_for_others_of_its_day(rule, lie, lied):
    row = hidden(lied)[UNNAMED[rule, lie].number]
    shown = 4 if rule == "each_row" else 1
    assert (row["suspect_reporters"], row["victim_reporters"]) == (shown, 1)


def test_three_times_as_many_reporters_settle_it_for_either_side(honest, lied):
    contested = hidden(lied)
    row = named(lied, TAKEN_OVER.number, complaints=4)
    assert (row["status"], row["value"]) == (Status.VICTIM_SIDE, None)
    assert row["entity_id"] not in members(lied)
    assert TAKEN_OVER.number not in contested and HELD.number in contested
    assert entities(lied)[f"phone:{TOLL_FREE.free}"]["status"] == Status.INFRASTRUCTURE
    assert FEW_TOLL_FREE.free in contested and TOLL_FREE.free not in contested
    assert hidden(honest) == {}


def test_nobody_shows_a_suspect_using_it(lied):
    numbers = {NOT_SHOWN.other, NOT_SHOWN.number}
    assert not numbers & hidden(lied).keys()
    assert named(lied, NOT_SHOWN.other, complaints=2)["status"] == Status.VICTIM_SIDE


def test_a_rejected_row_states_nothing_of_others(honest, lied):
    assert REJECTED.number not in hidden(lied)
    for entity_id in (REJECTED.entity, f"phone:{REJECTED.other}", f"domain:{REJECTED.site}"):
        assert entities(lied)[entity_id] == entities(honest)[entity_id]
    (reject,) = pq.read_table(lied / "rejects").to_pylist()
    assert REJECTED.number[2:] not in reject["raw"]
    assert any(REJECTED.number[2:] in row["narrative"]
               for row in table_rows(lied, NARRATIVES))  # fmt: skip


def test_a_near_miss_of_a_contested_number_stays_a_near_miss(honest, lied):
    assert members(honest)[f"phone:{SLIP}"]["near_miss_of"] == NEAR.entity
    row = members(lied)[f"phone:{SLIP}"]
    shown = hidden(lied)[NEAR.number]["entity_id"]
    assert (row["near_miss_of"], row["tier"]) == (shown, Tier.VERIFY)


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_identifiers_of_other_kinds_are_hidden_as_well(kind, lied):
    ring, value, _ = OTHER_KINDS[kind]
    (row,) = [row for told, row in hidden(lied).items() if told.endswith(value)]
    told = entities(lied)[row["entity_id"]]
    assert (told["kind"], told["status"], told["value"]) == (kind, Status.CONTESTED, None)
    by_id = members(lied)
    assert by_id[row["entity_id"]]["cluster_id"] == by_id[ring.entity]["cluster_id"]


def test_the_same_records_contest_the_same_in_any_order(world, lied, tmp_path, capfd):
    path = jsonl(tmp_path / "rows.jsonl", [*honest_rows(), *lying_rows()][::-1])
    flags = ["--sources", world / "sources.csv", "--calls", world / "calls.jsonl"]
    second = run(tmp_path / "run", "--complaints", path, *flags)
    said = "".join(capfd.readouterr())
    first = manifest_of(lied)
    assert hidden(lied) == hidden(tmp_path / "run")
    outputs = [
        {each["name"]: each["sha256"] for each in manifest["outputs"]
         if not each["name"].startswith(("report/", "rejects/"))}
        for manifest in (first, second)
    ]  # fmt: skip
    assert outputs[0] == outputs[1]
    assert first["alarms"] == second["alarms"]
    # A run says no value on the screen.
    assert not [value for value in hidden(lied) if value.removeprefix("+1") in said]


def test_a_stream_holds_the_same_and_raises_no_alert_about_it(world, lied, tmp_path):
    rows = honest_rows()
    watched, output = inbox(tmp_path / "in"), tmp_path / "out"
    jsonl(watched / "calls" / "0.jsonl", [CALL])
    flags = ["--alert-records", "2", "--alert-hours", "900", "--sources", world / "sources.csv"]
    for number, part in enumerate(([*rows[::2], *lying_rows()], rows[1::2])):
        jsonl(watched / "complaints" / f"{number}.jsonl", part)
        last = watch_once(watched, output, *flags)
    for table in (ENTITIES, MEMBERS, LINKS, CONTESTED):
        assert read(last, table).to_pylist() == read(lied, table).to_pylist()
    alerts = "".join(path.read_text() for path in (output / "alerts").iterdir())
    assert LIED["both"].other in alerts
    assert "withheld" not in alerts
    numbers = [value for value in hidden(lied) if value.startswith("+")]
    for folder in (last, output / "alerts"):
        assert_nowhere(folder, *numbers)


SETTLED = {
    "suspect_held": (Ring(0), Status.INFRASTRUCTURE),
    "victim_owned": (Ring(1), Status.VICTIM_SIDE),
    "legitimate": (Ring(2), Status.SUPPRESSED),
}

FORBIDDEN, DISPUTED = Ring(3), Ring(4)

CALLED_BY_ALL = {
    "victim": (Ring(5), Status.VICTIM_SIDE),
    "caller_id": (Ring(6), Status.INFRASTRUCTURE),
}


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A run of contested numbers with a decision about each."""
    folder = tmp_path_factory.mktemp("decided")
    rows = [row for ring in (FORBIDDEN, DISPUTED) for row in [*ring.reports(), ring.lie()]]
    for ring, _ in SETTLED.values():
        rows += [*ring.reports(), *(ring.lie(60 + n, f"u{n}") for n in range(20))]
    for role, (ring, _) in CALLED_BY_ALL.items():
        numbers = [(ring.other, role), (ring.number, "callback")]
        rows += [ring.report(90 + n, f"v{n}", *numbers) for n in range(3)]
    flags = decide(
        folder / "decisions.csv",
        *(f"a{ring.index},{kind},{ring.entity}," for kind, (ring, _) in SETTLED.items()),
        f"b,cannot_link,{FORBIDDEN.entity},domain:{FORBIDDEN.site}",
        f"c,dispute,{DISPUTED.entity},",
        *(f"d{ring.index},suspect_held,phone:{ring.other}," for ring, _ in CALLED_BY_ALL.values()),
    )
    return batch(folder, "run", rows, *flags)[0]


@pytest.mark.parametrize("kind", SETTLED)
def test_a_decision_settles_it(kind, decided):
    ring, status = SETTLED[kind]
    row = named(decided, ring.number, complaints=24)
    assert row["status"] == status
    assert (row["entity_id"] in members(decided)) == (status == Status.INFRASTRUCTURE)
    assert hidden(decided).keys() == {FORBIDDEN.number, DISPUTED.number}


@pytest.mark.parametrize("role", CALLED_BY_ALL)
def test_a_decision_shows_no_number_that_every_record_calls_a_victims(role, decided):
    ring, status = CALLED_BY_ALL[role]
    assert named(decided, ring.other, complaints=3)["status"] == status


def test_links_that_analysts_forbid_and_disputes_hold_for_contested_numbers(decided):
    by_id, shown = members(decided), hidden(decided)
    clusters = by_key(decided, CLUSTERS)
    forbidden, disputed = (
        by_id[shown[ring.number]["entity_id"]]["cluster_id"] for ring in (FORBIDDEN, DISPUTED)
    )
    assert forbidden != by_id[f"domain:{FORBIDDEN.site}"]["cluster_id"]
    assert clusters[disputed]["status"] == "disputed"


def test_no_file_of_a_run_with_decisions_names_what_they_hide(decided):
    hides = [ring.number for ring in (FORBIDDEN, DISPUTED, SETTLED["victim_owned"][0])]
    assert_nowhere(decided, *hides, CALLED_BY_ALL["victim"][0].other)


def test_a_decision_on_a_number_is_a_claim_on_addresses_with_it(tmp_path):
    ring = Ring(0)
    address = f"{ring.number[2:]}@evil-help.com"
    rows = ring.reports(emails=[{"address": address, "role": "reply_to"}])
    flags = decide(tmp_path / "d.csv", f"d,victim_owned,{ring.number},")
    output, manifest = batch(tmp_path, "run", rows, *flags, "--no-register")
    assert hidden(output).keys() == {address}
    assert [alarm["code"] for alarm in manifest["alarms"]] == ["contested_identifiers"]
    assert_nowhere(output, ring.number)


KINDS = ("confirm", "dispute")

COVERED, ALONE, OUTVOTED = (
    dict(zip(KINDS, map(Ring, pair), strict=True)) for pair in ((0, 1), (2, 3), (4, 5))
)
"""Rings by the kind of a decision that covers them.

Everybody reports the first ring again, and so does the liar. No person reports the second ring.
Three people call the third ring's number their own.
"""

STAYS = Ring(6)
"""A ring that is contested from the first day on, without a decision."""

QUIET = Ring(7).report(1, "v1", narrative="Nothing happened.")


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Runs day by day, each with what was decided and the run of the day before, by name.

    The second day is followed by a day of records about most rings, and by one that is quiet.
    """
    folder = tmp_path_factory.mktemp("days")
    covers = [
        f"{ring.index},{kind},phone:{ring.free},"
        for rings in (COVERED, ALONE, OUTVOTED)
        for kind, ring in rings.items()
    ]
    decisions = [*covers, *(f"b{ring.index},review,{ring.entity}," for ring in COVERED.values())]
    held = [f"c{ring.index},suspect_held,{ring.entity},"
            for rings in (COVERED, ALONE) for ring in rings.values()]  # fmt: skip

    def day(name, before, rows, *more):
        flags = [*decide(folder / f"{name}.csv", *decisions, *more), "--previous", folder / before]
        batch(folder, name, rows, *flags)

    reports, covered, alone, lies = (
        [row for ring in rings for row in rows(ring)]
        for rings, rows in (
            ([*COVERED.values(), *ALONE.values(), *OUTVOTED.values()], Ring.reports),
            (COVERED.values(), lambda ring: [*ring.reports(), ring.lie()]),
            (ALONE.values(), lambda ring: [*ring.reports(), ring.lie()]),
            (ALONE.values(), lambda ring: [ring.lie()]),
        )
    )
    many = [ring.lie(90 + n, f"u{n}") for ring in OUTVOTED.values() for n in range(3)]
    others = [STAYS.report(40, "v40", (STAYS.other, "callback"), (STAYS.free, "callback"))]
    batch(folder, "first", [*reports, *STAYS.reports(), STAYS.lie()])
    day("second", "first", [*reports, *STAYS.reports(first=20)])
    day("busy", "second", [*covered, *lies, *many, *others])
    day("silent", "busy", [QUIET])
    day("settled", "silent", [*covered, *alone, *STAYS.reports(first=50)], *held)
    day("quiet", "second", [QUIET])
    day("claimed", "quiet", [*lies, *many])
    day("again", "claimed", lies)
    day("back", "again", [row for ring in ALONE.values() for row in ring.reports()])
    day("checked", "back", alone, *held)
    return folder


def covered(output):
    """The members that the decisions of a run cover, by decision id."""
    return {row["decision_id"]: row["members"] for row in table_rows(output, DECISIONS)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_contest_takes_nothing_from_what_a_decision_covers(kind, days):
    ring = COVERED[kind]
    before, after = covered(days / "second"), covered(days / "settled")
    assert ring.entity in before[f"{ring.index}"]
    assert before[f"b{ring.index}"] == [ring.entity]
    for name in ("busy", "silent"):  # also where nobody names it, so that it is carried on
        assert ring.number in hidden(days / name)
    assert ring.number not in hidden(days / "settled")
    for decision_id in (f"{ring.index}", f"b{ring.index}"):
        assert after[decision_id] == before[decision_id]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("claimed", ["busy", "claimed"])
def test_a_claim_on_a_day_without_other_records_takes_nothing_from_a_decision(kind, claimed, days):
    """Whoever files alone on a day erases nothing that others showed on the days before."""
    ring, outvoted = ALONE[kind], OUTVOTED[kind]
    before = covered(days / "second")[f"{ring.index}"]
    assert ring.entity in before
    assert ring.number in hidden(days / claimed)
    assert len(covered(days / claimed)[f"{ring.index}"]) == len(before)
    # Again, which one person can do for as long as he likes.
    for name in {"busy": ["silent"], "claimed": ["again", "back"]}[claimed]:
        assert hidden(days / name)[ring.number]["victim_reporters"] == 1
    last = {"busy": "settled", "claimed": "checked"}[claimed]
    assert covered(days / last)[f"{ring.index}"] == before
    # Three who claim it settle it for the victim, as nobody else is known to show it.
    assert outvoted.entity in covered(days / "second")[f"{outvoted.index}"]
    assert outvoted.number not in hidden(days / claimed)


def test_what_was_contested_stays_so_in_later_runs_until_a_decision(days, tmp_path):
    """One day no report says whose number it is; the next none names it; then reports do again."""
    told = hidden(days / "second")[STAYS.number]
    assert (told["suspect_reporters"], told["victim_reporters"]) == (4, 1)
    for name in ("busy", "silent", "quiet", "checked"):
        assert hidden(days / name)[STAYS.number] == told
    assert hidden(days / "settled")[STAYS.number]["victim_reporters"] == 1
    # Without what it held privately, a run is no previous one.
    shutil.copytree(days / "settled", tmp_path / "run")
    (tmp_path / "run" / CONTESTED.name / "part-00000-of-00001.parquet").unlink()
    flags = ["--complaints", str(days / "settled.jsonl"), "--output", str(tmp_path / "next")]
    assert ringtrace("batch", *flags, "--previous", tmp_path / "run") == 2


def test_no_day_shows_what_is_contested_and_everybody_hears_of_it(days, capfd):
    for name in ("second", "busy", "silent", "quiet", "claimed", "again", "back", "settled"):
        contested = hidden(days / name)
        assert_nowhere(days / name, *contested)
        manifest = manifest_of(days / name)
        assert [alarm["code"] for alarm in manifest["alarms"]] == ["contested_identifiers"]
        capfd.readouterr()
        assert ringtrace("health", days / name) == 1
        assert capfd.readouterr().out.startswith(f"contested_identifiers: {len(contested)} ")


OWN_WORDS = {
    "en": "My own bank account is IBAN {}, and they emptied it.",
    "es": "Mi cuenta bancaria es IBAN {} y la vaciaron.",
    "de": "Mein Konto hat die IBAN {}, es ist leer.",
}


@pytest.mark.parametrize("language", some(list(OWN_WORDS)))
def test_one_claim_takes_no_more_than_its_count(tmp_path, language):
    """A complaint that calls all of a ring's one's own: each keeps its place and its ties.

    That is so for eleven of them against four, too; the twelfth settles what fields say.
    """
    ring, sizes = Ring(25), {}
    numbers = [(raw, "victim") for raw in (ring.number, ring.other, ring.free)]
    words = OWN_WORDS[language].format(ring.payee)
    for liars in (0, 1, 11, 12):
        lies = [ring.report(50 + n, f"liar{n}", *numbers, narrative=words) for n in range(liars)]
        rows = jsonl(tmp_path / f"{liars}.jsonl", [*ring.reports(), *lies])
        out = tmp_path / f"run-{liars}"
        run(out, "--complaints", rows)
        clusters = {row["cluster_id"] for row in table_rows(out, MEMBERS)}
        links = sum(row["accepted"] for row in table_rows(out, LINKS))
        contested = {row["value"].removeprefix("iban:") for row in table_rows(out, CONTESTED)}
        sizes[liars] = len(clusters), len(table_rows(out, MEMBERS)), links, contested
    private = {ring.number, ring.other, ring.payee}
    assert sizes[0] == (1, 5, sizes[0][2], set())
    # Four show a business line, so that one does not contest it.
    assert sizes[1] == (*sizes[0][:3], private)
    assert sizes[11] == (*sizes[0][:3], private | {ring.free})
    assert sizes[12] == (1, 2, 1, {ring.payee})
