"""Issues that prove wrong are listed, until each recipient's correction is recorded."""

import hashlib
import stat

import pytest
from hypothesis import given, strategies as st

from pipelines import key_store, ledger
from pipelines.commands import correct as correct_command
from pipelines.ledger import Entry, EntryKind, LedgerError
from pipelines.options import UsageError
from reports import signing
from schemas.entity import without_epoch
from schemas.tables import CLUSTERS, HELD_FOLDER, MEMBERS
from tests.support.examples import draws
from tests.support.exchange_world import ringtrace
from tests.support.run_pipeline import (
    callbacks,
    column,
    complaint,
    error_of,
    execute,
    json_of,
    jsonl,
    manifest_of,
    run as batch,
    table_rows,
    use_keys,
    write_decisions,
)

FIRST, SECOND, ACCOUNT = "+18885550100", "+18885550122", "GB29NWBK60161331926819"

NARRATIVES = {
    0: "A pop-up froze my screen and a man made me buy gift cards at two shops.",
    1: "They said my subscription renews today and asked me to sign in to my bank.",
    2: "A recorded voice warned about a parcel of drugs with my name on the label.",
    3: "I lost the house deposit after the agent moved my savings to keep them safe.",
    4: "Grandmother was kept on the line for six hours and wired all that she had.",
    5: "The refund was typed with too many zeros, and he begged me to return it.",
}


def moment(day):
    return f"2024-03-{day + 1:02d}T09:30:00Z"


ROWS = [
    complaint(
        number,
        received_at=moment(number),
        victim_id=f"v{number}",
        narrative=NARRATIVES[number],
        phone_numbers=callbacks(FIRST, SECOND),
        payments=[{"method": "bank", "payee": ACCOUNT, "amount": "400", "currency": "USD"}],
    )
    for number in range(6)
] + [complaint(91, victim_id="v1", phone_numbers=[{"raw": "+12024562131", "role": "victim"}])]

OFFERED = "2024-04-01T00:00:00Z"

LATER = "2024-04-05T00:00:00Z"


def decisions(path, *rows):
    lines = [
        f"D-{n},{kind},{entity},,Ada Cole,checked,2024-04-02T00:00:00Z,"
        for n, (kind, entity) in enumerate(rows)
    ]
    confirmed = f"C-1,confirm,phone:{FIRST},,Priya Rao,seen,2024-03-20T00:00:00Z,"
    return write_decisions(path, *lines, confirmed)


class Office:
    """Amazon's run and what it issued of it: two offers and a package."""

    def __init__(self, folder, patch):
        self.folder, self.run = folder, folder / "run"
        self.patch = patch
        self.act_as("amazon")
        self.rows = jsonl(folder / "rows.jsonl", ROWS)
        before = decisions(folder / "before.csv")
        batch(self.run, "--complaints", self.rows, "--decisions", before)
        for org in ("microsoft", "meta"):
            assert self.offer(org, folder / org) == 0
        self.package = folder / "package"
        assert self.referral(self.run, self.package) == 0

    def act_as(self, org):
        use_keys(self.patch, self.folder / f"home-{org}")

    def offer(self, org, output, *more):
        words = ["exchange", "offer", self.run, "--to", org, "--output", output]
        return ringtrace(*words, "--now", OFFERED, *more)

    def referral(self, run, output, *more):
        clusters = table_rows(run, CLUSTERS)
        cluster = max(clusters, key=lambda cluster: cluster["size"])["cluster_id"]
        words = ["referral", run, "--cluster", cluster, "--complaints", self.rows]
        words += ["--recipient", "in-cbi", "--output", output, "--now", OFFERED]
        answered = ["--override-by", "Ada Cole", "--override-reason", "small, checked by hand"]
        return ringtrace(*words, *answered, *more)

    @property
    def ledger(self):
        return self.folder / "home-amazon" / ledger.FILE_NAME

    def decided(self, kind):
        """The run with a decision on the second number, and its file: one for all tests."""
        file, folder = self.folder / f"{kind}.csv", self.folder / f"{kind}-run"
        if not folder.exists():
            decisions(file, (kind, f"phone:{SECOND}"))
            batch(folder, "--complaints", self.rows, "--decisions", file)
        return folder, file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield Office(tmp_path_factory.mktemp("corrections"), patch)


@pytest.fixture
def office(made):
    """The office, with its ledger as it was once all was issued."""
    made.act_as("amazon")
    before = made.ledger.read_bytes()
    yield made
    made.ledger.write_bytes(before)
    made.act_as("amazon")


def health(run, *more):
    texts = execute("health", run, "--now", LATER, *more, status=None)
    return texts.status, texts.out.splitlines()


def correct(office, run, file, name, *more):
    words = ["correct", run, "--decisions", file, "--output", office.folder / name]
    return ringtrace(*words, "--now", LATER, *more)


def issue_ids(office):
    return [issue.issue_id for issue in ledger.read_ledger(None)]


def test_everything_issued_is_recorded_for_its_owner_alone(office):
    assert stat.S_IMODE(office.ledger.stat().st_mode) == 0o600
    entries = ledger.read_ledger(None)
    assert [(issue.kind, issue.recipient) for issue in entries] == [
        ("offer", "microsoft"),
        ("offer", "meta"),
        ("package", "in-cbi"),
    ]
    ids = set(column(office.run, MEMBERS, "entity_id"))
    run_id = manifest_of(office.run)["run_id"]
    files = [office.folder / org / "offer.json" for org in ("microsoft", "meta")]
    files.append(office.package / "seal.json")
    for issue, file in zip(entries, files, strict=True):
        assert issue.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (issue.run_id, set(issue.identifiers)) == (run_id, ids)
    assert "data/exhibits/02-identifiers.csv" in entries[2].files_naming(f"phone:{FIRST}")
    assert "data/referral.pdf" in entries[2].files_naming(f"phone:{FIRST}")


def test_it_is_well_while_nothing_was_withdrawn(office):
    assert health(office.run, "--fallen-to", "0") == (0, ["well"])
    assert correct(office, office.run, office.folder / "before.csv", "none") == 0
    assert not (office.folder / "none").exists()


@pytest.mark.parametrize(
    ("kind", "entity"),
    [
        ("legitimate", f"phone:{SECOND}"),
        ("legitimate", "+1 (888) 555-0122"),
        ("legitimate", f"phone:{SECOND}#2"),
        ("dispute", f"phone:{SECOND}"),
        ("victim_owned", f"phone:{SECOND}"),
    ],
)
def test_every_issue_is_listed_until_it_is_corrected(office, kind, entity):
    """An identifier counts in every epoch and in its canonical form; a dispute takes a cluster."""
    if entity == f"phone:{SECOND}":
        run, file = office.decided(kind)
    else:  # The decisions of now are asked, not those that the run was made with.
        form = hashlib.sha256(entity.encode()).hexdigest()[:6]
        run, file = office.run, decisions(office.folder / f"{kind}-{form}.csv", (kind, entity))
    name = file.stem
    status, lines = health(run, "--decisions", file)
    due = [line for line in lines if line.startswith("correction: ")]
    assert status == 1
    assert [line.split()[1] for line in due] == issue_ids(office)
    assert all(f"{kind} D-0" in line or "known legitimate" in line for line in due)
    # A log of a scheduler is no place for what may be a victim's number.
    assert SECOND[2:] not in "".join(lines)

    assert SECOND[2:] not in execute(correct, office, run, file, f"out-{name}").out
    out = office.folder / f"out-{name}"
    assert sorted(path.name for path in out.iterdir()) == ["in-cbi", "meta", "microsoft"]
    public = [key_store.own_key().public_key()]
    for path in out.rglob("*.json"):
        signature = path.with_name(f"{path.name}.sig").read_bytes()
        assert signing.verify_detached(path.read_bytes(), signature, public)
    (issue,) = json_of(out / "in-cbi" / "correction.json")["issues"]
    struck = {
        without_epoch(struck_row["entity_id"]): struck_row["files"]
        for struck_row in issue["strike"]
    }
    seal = (office.package / "seal.json").read_bytes()
    assert issue["sha256"] == hashlib.sha256(seal).hexdigest()
    whole = {f"phone:{FIRST}", f"phone:{SECOND}", f"account:iban:{ACCOUNT}"}
    assert struck.keys() == (whole if kind == "dispute" else {f"phone:{SECOND}"})
    assert "data/exhibits/02-identifiers.csv" in struck[f"phone:{SECOND}"]
    assert not (out / "in-cbi" / "revocation.json").exists()
    # Why it is withdrawn is nobody else's to know.
    assert kind not in (out / "microsoft" / "correction.json").read_text()

    status, lines = health(run, "--decisions", file)
    assert not [line for line in lines if line.startswith("correction: ")]
    # What is issued again names it again.
    if kind == "legitimate":
        assert office.offer("meta", office.folder / f"again-{name}") == 0
        status, lines = health(run, "--decisions", file)
        assert status == 1
        assert [line.split()[1] for line in lines] == [issue_ids(office)[1]]


@pytest.mark.parametrize("kind", ["legitimate", "dispute", "victim_owned"])
def test_the_run_itself_says_what_was_withdrawn(office, kind):
    """A victim's own by the register, since the run withholds it."""
    run, _ = office.decided(kind)
    status, lines = health(run)
    due = [line.split()[1] for line in lines if line.startswith("correction: ")]
    assert (status, due) == (1, issue_ids(office))


def listed_by(office, name, *more):
    """A run whose list says that the second number is legitimate: one of a wrong file, perhaps."""
    known = office.folder / "known.csv"
    known.write_text(f"entity_id,reason\nphone:{SECOND},ours\n")
    batch(office.folder / name, "--complaints", office.rows, "--known-legitimate", known, *more)
    return office.folder / name


def test_a_run_says_nothing_of_what_was_issued_after_it(office):
    older = listed_by(office, "older", "--now", "2024-03-31T00:00:00Z")
    assert health(older) == (0, ["well"])
    file = decisions(office.folder / "now.csv", ("legitimate", f"phone:{SECOND}"))
    _, lines = health(older, "--decisions", file)
    assert [line.split()[1] for line in lines] == issue_ids(office)
    _, lines = health(listed_by(office, "newer", "--now", OFFERED))
    assert [line.split()[1] for line in lines] == issue_ids(office)


def test_a_trial_withdraws_nothing_and_nothing_leaves_it(office, tmp_path):
    ledger_before = office.ledger.read_bytes()
    trial = listed_by(office, "trial", "--trial")
    manifest = manifest_of(trial)
    assert manifest["options"]["trial"] and not manifest["options"]["register"]
    assert not (trial / "private" / "victims").exists()
    assert health(trial) == (0, ["well"])
    out = tmp_path / "out"
    cluster = table_rows(trial, CLUSTERS)[0]["cluster_id"]
    again = ["batch", "--complaints", office.rows, "--previous", trial, "--output", out]
    referral = ["referral", trial, "--cluster", cluster, "--complaints", office.rows]
    decide = ["decide", trial, "--decisions", tmp_path / "new.csv", "confirm", f"phone:{FIRST}"]
    for words in (
        ["exchange", "offer", trial, "--to", "meta", "--output", out],
        ["export", trial, "--all", "--format", "csv", "--output", out],
        [*referral, "--recipient", "in-cbi", "--output", out],
        [*decide, "--author", "Ada Cole", "--reason", "seen"],
        again,
    ):
        assert "is a trial, and nothing is built on it" in error_of(*words)
    assert not out.exists() and office.ledger.read_bytes() == ledger_before
    joining = [*again[:3], "--trial", "--offer", office.folder / "meta", "--output", out]
    assert "joins no offer" in error_of(*joining)


def test_a_contest_hides_no_correction(office):
    """Somebody calls a number a victim's own that is in dispute, after it was issued."""
    lie = complaint(90, victim_id="mal", phone_numbers=[{"raw": SECOND, "role": "victim"}])
    rows = jsonl(office.folder / "lie.jsonl", [*ROWS, lie])
    file, run = office.folder / "lie.csv", office.folder / "lie-run"
    decisions(file, ("dispute", f"phone:{SECOND}"))
    batch(run, "--complaints", rows, "--decisions", file)
    status, lines = health(run)
    due = [line.split()[1] for line in lines if line.startswith("correction: ")]
    assert (status, due) == (1, issue_ids(office))


def test_a_correction_that_names_a_victim_otherwise_is_held_back(office, monkeypatch):
    """A correction may name what it strikes, as its recipient has it."""
    run, file = office.decided("victim_owned")
    lines = correct_command.correction_lines
    monkeypatch.setattr(
        correct_command,
        "correction_lines",
        lambda correction: [*lines(correction), "(202) 456-2131"],
    )
    said = error_of(correct, office, run, file, "leaking")
    assert "held back" in said and "correction.txt names 1 withheld value" in said
    assert not (office.folder / "leaking").exists()
    held = run / HELD_FOLDER / "correction" / "in-cbi" / "correction.txt"
    assert b"456-2131" in held.read_bytes() and len(ledger.read_ledger(None)) == 3
    monkeypatch.undo()
    office.act_as("amazon")
    assert correct(office, run, file, "sound") == 0


def test_what_never_left_needs_no_correction(office):
    file = decisions(office.folder / "other.csv", ("legitimate", "phone:+18885550177"))
    flags = ["--decisions", file, "--fallen-to", "0"]
    assert health(office.run, *flags) == (0, ["well"])


def test_a_partner_that_joins_with_the_correction_drops_the_offer(office):
    run, file = office.decided("legitimate")
    assert correct(office, run, file, "out-partner") == 0
    sent = office.folder / "out-partner" / "microsoft"
    pem = office.folder / "amazon.pem"
    pem.write_bytes(signing.public_pem(key_store.own_key().public_key()))
    mark = signing.key_id(key_store.own_key().public_key())
    office.act_as("microsoft")
    execute("keys", "trust", "amazon", pem, "--fingerprint", mark)
    theirs = [row | {"source_org": "microsoft"} for row in ROWS[:2]]
    file = jsonl(office.folder / "theirs.jsonl", theirs)
    batch(office.folder / "theirs", "--complaints", file)
    words = ["exchange", "join", office.folder / "theirs", office.folder / "microsoft", sent]
    assert (
        "revoked; its evidence is left out"
        in execute(*words, "--now", LATER, "--output", office.folder / "joint").err
    )
    options = manifest_of(office.folder / "joint")["options"]
    assert [offer["why"] for offer in options["offers_left_out"]] == ["revoked"]
    assert options["offers"] == []
    shown = execute("exchange", "show", sent / "correction.json").out
    assert f"phone:{SECOND}" in shown and f"signed by {mark}" in shown
    # Altered on the way, it is nobody's.
    text = (sent / "correction.json").read_bytes()
    (sent / "correction.json").write_bytes(text.replace(SECOND.encode(), FIRST.encode()))
    assert "was altered" in error_of("exchange", "show", sent / "correction.json")


def test_a_superseding_package_names_the_one_it_replaces(office):
    run, file = office.decided("legitimate")
    (name,) = (issue_id for issue_id in issue_ids(office) if issue_id.startswith("package-"))
    later = office.folder / "later"
    assert office.referral(run, later, "--supersedes", name) == 0
    facts = json_of(later / "data/package.json")
    seal = (office.package / "seal.json").read_bytes()
    assert facts["supersedes"] == hashlib.sha256(seal).hexdigest()
    assert f"member phone:{SECOND},in it,removed" in (later / "data/changes.csv").read_text()
    execute("verify", later)
    _, lines = health(run, "--decisions", file)
    listed = [line.split()[1] for line in lines if line.startswith("correction: ")]
    package = ledger.read_ledger(None)[-1]
    kept = set(package.identifiers)
    assert (name in listed) == (f"phone:{SECOND}" in kept)
    assert {issue_id for issue_id in issue_ids(office) if issue_id.startswith("offer-")} <= set(
        listed
    )
    assert "is not in the ledger" in error_of(
        office.referral, run, office.folder / "no", "--supersedes", "package-" + "0" * 16
    )


def test_a_revoked_offer_is_corrected(office):
    run, file = office.decided("legitimate")
    out = office.folder / "revocation"
    execute("exchange", "revoke", office.folder / "meta", "--output", out)
    _, lines = health(run, "--decisions", file)
    assert issue_ids(office)[1] not in {line.split()[1] for line in lines}
    assert len(lines) == 2


def test_a_ledger_elsewhere(office, tmp_path):
    elsewhere = tmp_path / "other.jsonl"
    before = office.ledger.read_bytes()
    assert office.offer("zelle", tmp_path / "offer", "--ledger", elsewhere) == 0
    assert office.ledger.read_bytes() == before
    run, file = office.decided("legitimate")
    status, lines = health(run, "--decisions", file, "--ledger", elsewhere)
    assert (status, len(lines)) == (1, 1)
    assert "to zelle" in lines[0]
    assert "give the ledger that offers wrote" in error_of(
        "health", run, "--ledger", tmp_path / "none.jsonl"
    )


def broken(content, change):
    lines = content.splitlines(keepends=True)
    if change == "altered":
        lines[0] = lines[0].replace(SECOND.encode(), b"+18885550199")
    elif change == "taken out":
        del lines[1]
    elif change == "added":
        lines.insert(1, lines[1])
    elif change == "torn":
        lines[-1] = lines[-1][:-20]
    else:
        lines[1:1] = [b"\xff{]\n"]
    return b"".join(lines)


@pytest.mark.parametrize("change", ["altered", "taken out", "added", "torn", "no text"])
def test_a_broken_chain_is_one_line(office, tmp_path, change):
    content = broken(office.ledger.read_bytes(), change)
    office.ledger.write_bytes(content)
    status, lines = health(office.run, "--fallen-to", "0")
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith("ledger: ")
    # Nothing leaves that could not be recorded.
    assert execute(office.offer, "zelle", tmp_path / "offer", status=1).err.count("\n") == 1
    assert not (tmp_path / "offer").exists()
    assert office.referral(office.run, tmp_path / "package") == 1
    assert not (tmp_path / "package").exists()
    assert correct(office, office.run, office.folder / "before.csv", "broken") == 1
    assert office.ledger.read_bytes() == content


IDS = [f"phone:+1888555010{n}" for n in range(4)]

OFFERED_IDS = {"a" * 64: tuple(IDS[:3]), "b" * 64: tuple(IDS[1:])}


def entry(kind, recipient, sha256, taken_back):
    """An offer names the same identifiers whenever it is recorded: its digest is of them."""
    ids = OFFERED_IDS[sha256] if kind == EntryKind.OFFER else tuple(sorted(taken_back))
    return Entry(OFFERED, kind, recipient, sha256, "r", ids)


ENTRIES = st.lists(
    st.builds(
        entry,
        st.sampled_from([EntryKind.OFFER, EntryKind.CORRECTION]),
        st.sampled_from(["meta", "microsoft"]),
        st.sampled_from(sorted(OFFERED_IDS)),
        st.sets(st.sampled_from(IDS), min_size=1),
    ),
    max_size=8,
)


@draws(60)
@given(ENTRIES, st.sets(st.sampled_from(IDS)))
def test_what_is_due_by_the_rule(entries, withdrawn):
    """Each identifier of an issue is due if it left after the last time it was taken back."""
    due = set()
    for issue in entries:
        for each in issue.identifiers:
            key = (issue.sha256, issue.recipient, each)
            if issue.kind == EntryKind.CORRECTION:
                due.discard(key)
            elif each in withdrawn:
                due.add(key)
    due_issues = ledger.outstanding(entries, withdrawn)
    named = {
        (issue.entry.sha256, issue.entry.recipient, each)
        for issue in due_issues
        for each in issue.identifiers
    }
    assert named == due


@draws(40)
@given(ENTRIES, st.data())
def test_entries_are_read_as_recorded_and_no_line_can_be_changed(tmp_path_factory, entries, data):
    path = tmp_path_factory.mktemp("ledger") / "issued.jsonl"
    for issue in entries:
        ledger.record(str(path), [issue])
    if not entries:
        with pytest.raises(UsageError):
            ledger.read_ledger(str(path))
        return
    assert list(ledger.read_ledger(str(path))) == entries
    lines = path.read_bytes().splitlines(keepends=True)
    if len(lines) > 1:
        place = data.draw(st.integers(0, len(lines) - 2))
        position = data.draw(st.integers(0, len(lines[place]) - 2))
        changed = bytearray(lines[place])
        changed[position] ^= 1
        path.write_bytes(b"".join([*lines[:place], bytes(changed), *lines[place + 1 :]]))
        with pytest.raises(LedgerError):
            ledger.read_ledger(str(path))


def test_a_record_that_a_package_cites_is_on_hold(office, tmp_path):
    words = ["erase", "--record", "amazon/c0", "--run", office.run]
    words += ["--author", "Ada Cole", "--reason", "request of a data subject"]
    names = [issue.issue_id for issue in ledger.read_ledger(None)]
    (package,) = [issue_id for issue_id in names if issue_id.startswith("package")]
    assert sorted(names)[0] in error_of(*words)
    offers = [issue_id for issue_id in names if issue_id != package]
    assert package in error_of(*words, "--despite-hold", *offers, "--output", tmp_path / "a")
    sealed = {path: path.read_bytes() for path in office.package.rglob("*") if path.is_file()}
    assert (
        f"--supersedes {package}"
        in execute(*words, "--despite-hold", *names, "--output", tmp_path / "a").out
    )
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "in-cbi",
        "meta",
        "microsoft",
    ]
    content = json_of(tmp_path / "a" / "in-cbi" / "correction.json")
    assert f"phone:{FIRST}" in {row["entity_id"] for row in content["issues"][0]["strike"]}
    assert {path: path.read_bytes() for path in sealed} == sealed
    execute("verify", office.package)
    assert ringtrace(*words) == 0, "what is corrected holds no longer"


def test_a_list_takes_nothing_that_was_confirmed_in_silence(tmp_path, monkeypatch):
    """A list has no author: what clears a ring is a decision, signed where the confirm was."""
    use_keys(monkeypatch, tmp_path / "home")
    rows, first = jsonl(tmp_path / "rows.jsonl", ROWS), tmp_path / "first"
    batch(first, "--complaints", rows)
    (tmp_path / "bank.csv").write_text(f"entity_id,reason\n{SECOND},a bank\n")
    listed = ["--known-legitimate", tmp_path / "bank.csv"]
    typed, signed = (tmp_path / f"{name}.csv" for name in ("typed", "signed"))
    decisions(typed)
    who = ["--decisions", signed, "--author", "Ada", "--reason", "seen"]
    execute("decide", first, "confirm", f"phone:{FIRST}", *who)

    def told(name, file, *flags):
        output = tmp_path / f"{file.stem}-{name}"
        batch(output, "--complaints", rows, "--decisions", file, "--previous", first, *flags)
        return health(output)

    assert told("well", signed) == (0, ["well"])
    for file in (typed, signed):
        status, (line,) = told("listed", file, *listed)
        assert status == 1 and line.startswith("confirmed_suppressed: 1 identifier that analysts")
        assert SECOND not in line
        before = file.read_text()
        blank = "," * (before.partition("\n")[0].count(",") - 7)
        row = f"L-1,legitimate,phone:{SECOND},,Mallory,ours,2024-04-02T00:00:00Z,{blank}\n"
        file.write_text(before + row)
        assert told("cleared", file, *listed)[0] == (file == signed)
        file.write_text(before)
    decide = ["decide", tmp_path / "signed-well", "legitimate", f"phone:{SECOND}", *who]
    execute(*decide)
    assert told("decided", signed, *listed)[0] == 0
