"""The batch pipeline end to end: no row is lost, no victim shown, and bytes are always the same."""

import csv
import gzip
import json
import os
import random
import re
from collections import Counter

import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from schemas.enums import SUPPLIER_KINDS, Status, Strength
from schemas.tables import (
    ALL_TABLES,
    CLUSTERS,
    ENTITIES,
    LINKS,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
    REJECTS,
    SUPPLIERS,
)
from tests.support.leaks import decoded_layers
from tests.support.read_files import compress_zstd
from tests.support.real_data import real
from tests.support.run_pipeline import (
    EXAMPLES,
    NOW,
    by_key,
    call,
    callbacks,
    checked_manifest,
    column,
    command,
    complaint,
    jsonl,
    read,
    run,
    simulated,
    table_rows,
    tables,
)
from transforms.engine import PerPartition
from transforms.extract import allowlist

SMALL = World(seed=7, complaints=150, operations=12)


def objects(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def files_of(output, names=None):
    """The bytes of a run's tables."""
    folders = [table.name for table in ALL_TABLES if names is None or table.name in names]
    paths = sorted(path for name in folders for path in (output / name).iterdir())
    return {str(path.relative_to(output)): path.read_bytes() for path in paths}


def text_of(output):
    """Everything that a run's files say, as one text."""
    contents = [repr(table.to_pylist()) for table in tables(output).values()]
    contents.append(repr(table_rows(output, NARRATIVES)))
    contents.append((output / "manifest.json").read_text(encoding="utf-8"))
    pieces = sorted((output / "report" / "data").iterdir())
    # Not the script itself: among letters of base64 stand three by chance.
    layers = [
        layer for path in pieces for layer in [*decoded_layers(path.name, path.read_bytes())][1:]
    ]
    return "\n".join(contents + [layer.decode("utf-8", "replace") for layer in layers])


# -- the same bytes ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(complaints, calls, files, run) of a small world with some rows that are rejected."""
    folder = tmp_path_factory.mktemp("small")
    simulate(SMALL, folder / "world")
    rows = {
        kind: [row for path in sorted((folder / "world" / kind).iterdir()) for row in objects(path)]
        for kind in ("complaints", "calls")
    }
    bad = ({"received_at": "now"}, {"victim_country": "UK"}, {"loss_amount": "much"})
    rows["complaints"] += [rows["complaints"][0] | flaw for flaw in bad]
    rows["complaints"].append(rows["complaints"][1])
    files = {kind: jsonl(folder / f"{kind}.jsonl", records) for kind, records in rows.items()}
    run(folder / "run", *inputs_of(files))
    return rows["complaints"], rows["calls"], files, folder / "run"


def inputs_of(files):
    return ["--complaints", files["complaints"], "--calls", files["calls"]]


def cut(rows, folder):
    """The rows shuffled and cut into a file of each layout."""
    folder.mkdir()
    random.Random(3).shuffle(rows)
    parts = [rows[start::5] for start in range(5)]
    lines = ["".join(json.dumps(row) + "\n" for row in part).encode() for part in parts]
    (folder / "a.jsonl").write_bytes(lines[0])
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines[1]))
    (folder / "c.jsonl.zst").write_bytes(compress_zstd(lines[2]))
    names = sorted({name for row in parts[3] for name in row})
    columns = {name: [row.get(name) for row in parts[3]] for name in names}
    if "emails" in columns:  # a column has one type
        columns["emails"] = [
            some
            and [
                mail if isinstance(mail, dict) else {"address": mail, "role": None} for mail in some
            ]
            for some in columns["emails"]
        ]
    pq.write_table(pa.table(columns), folder / "d.parquet", row_group_size=20)
    with (folder / "e.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sorted({name for row in parts[4] for name in row}))
        writer.writeheader()
        for row in parts[4]:
            writer.writerow(
                {
                    name: json.dumps(value) if isinstance(value, list) else value
                    for name, value in row.items()
                }
            )
    return folder


def reasons(output):
    columns = read(output, REJECTS).select(["record_kind", "stage", "code", "field", "message"])
    return Counter(tuple(row.values()) for row in columns.to_pylist())


def test_order_files_layouts_and_partitions_do_not_show(small, tmp_path, monkeypatch):
    complaints, calls, _, first = small
    outputs, _, partitions = PerPartition.__init__.__defaults__
    assert partitions != 5
    monkeypatch.setattr(PerPartition.__init__, "__defaults__", (outputs, None, 5))
    files = {
        "complaints": cut(list(complaints), tmp_path / "complaints"),
        "calls": cut(list(calls), tmp_path / "calls"),
    }
    second = tmp_path / "run"
    manifest = run(second, *inputs_of(files))
    assert len(manifest["inputs"]) == 10
    names = {table.name for table in ALL_TABLES} - {"rejects"}
    assert files_of(second, names) == files_of(first, names)
    assert reasons(second) == reasons(first)
    assert sum(reasons(second).values()) == 3
    assert manifest["counts"] == checked_manifest(first)["counts"]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_nobody_but_its_owner_reads_a_run_whatever_the_umask(small, tmp_path, processes):
    before = os.umask(0)
    try:
        *_, files, _ = small
        run(
            tmp_path / "run",
            *inputs_of(files),
            f"--direct_num_workers={processes}",
            "--partitions=5",
        )
    finally:
        os.umask(before)
    paths = [tmp_path / "run", *(tmp_path / "run").rglob("*")]
    assert len(paths) > 40
    wrong = [path for path in paths if path.stat().st_mode & 0o077]
    assert not wrong


def test_forks_write_the_same_bytes(small, tmp_path, monkeypatch):
    monkeypatch.setattr("transforms.local.executor.LEAST_SECONDS", 0)
    monkeypatch.setattr("transforms.local.executor.BESIDE_SECONDS", 0)
    *_, files, first = small
    run(tmp_path / "run", *inputs_of(files), "--direct_num_workers=3", "--partitions=5")
    assert files_of(tmp_path / "run") == files_of(first)
    names = ["manifest.json", "report/data/part-0.js"]
    assert all(
        (tmp_path / "run" / name).read_bytes() == (first / name).read_bytes() for name in names
    )


def test_several_processes_of_beam_write_the_same_bytes(small, tmp_path):
    *_, files, first = small
    several = ["--direct_num_workers=2", "--direct_running_mode=multi_processing", "--partitions=5"]
    output = tmp_path / "run"
    done = command("batch", *inputs_of(files), "--now", NOW, "--output", output, *several)
    assert done.returncode == 0, done.stderr
    # A slow machine shows which step is on; Beam's own log is never shown.
    assert all(line.startswith("ringtrace: ") for line in done.stderr.splitlines())
    checked_manifest(output)
    assert files_of(output) == files_of(first)
    assert (output / "manifest.json").read_bytes() == (first / "manifest.json").read_bytes()
    piece = "report/data/part-0.js"
    assert (output / piece).read_bytes() == (first / piece).read_bytes()


# -- no harm, in a world with known truth --------------------------------------------------------

SEEN_IN_EVERY_WORLD = "8882804331"
"""A published line of Amazon, which is spoofed in every simulated world: it is not hidden."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(folder of a simulated world, folder of its run)."""
    folder = tmp_path_factory.mktemp("world")
    inputs = simulated(folder / "world", complaints=1500)
    run(folder / "run", *inputs, "--known-legitimate", folder / "world/legitimate.csv")
    return folder / "world", folder / "run"


def victims_of(folder):
    """Every number that the records of a world state as the victim's."""
    own = set()
    for path in (folder / "complaints").iterdir():
        for row in objects(path):
            numbers = row.get("phone_numbers") or []
            own |= {number["raw"] for number in numbers if number["role"] == "victim"}
    for path in (folder / "calls").iterdir():
        for row in objects(path):
            side = "called_number" if row.get("direction") == "inbound" else "calling_number"
            own.add(row.get(side))
    return own - {None}


def test_no_victims_number_is_in_any_file(world):
    folder, output = world
    listed = (folder / "legitimate.csv").read_text(encoding="utf-8")
    known = allowlist.shipped_allowlist().merged(
        allowlist.parse_allowlist(listed, "legitimate.csv")
    )
    published = {entity_id.partition(":")[2] for entity_id in known.why}
    own = {raw for raw in victims_of(folder) if raw.startswith("+")} - published
    assert len(own) > 500
    runs = set(re.findall(r"\d(?:[\s().-]{0,3}\d){5,20}", text_of(output)))
    digits = "\n".join("".join(c for c in run if c.isdigit()) for run in runs)
    assert SEEN_IN_EVERY_WORLD in digits
    national = {pn.national_significant_number(pn.parse(raw)) for raw in own}
    assert not [number for number in national if number in digits]


def test_nobody_known_legitimate_is_a_member(world):
    folder, output = world
    members = set(column(output, MEMBERS, "entity_id"))
    entities = by_key(output, ENTITIES)
    assert not [
        entity_id for entity_id in allowlist.shipped_allowlist().why if entity_id in members
    ]
    with (folder / "legitimate.csv").open(encoding="utf-8") as file:
        listed = [allowlist.canonical_entity_id(row["entity_id"]) for row in csv.DictReader(file)]
    seen = [entities[entity_id] for entity_id in listed if entity_id in entities]
    assert seen
    assert {row["status"] for row in seen} == {Status.SUPPRESSED}
    with (folder / "victims.csv").open(encoding="utf-8") as file:
        assert not members & {row["entity_id"] for row in csv.DictReader(file)}


def holds_together(output):
    """Check what must be true of the tables of every run."""
    entities = by_key(output, ENTITIES)
    members = table_rows(output, MEMBERS)
    clusters = by_key(output, CLUSTERS)
    cluster_of = {row["entity_id"]: row["cluster_id"] for row in members}
    assert len(cluster_of) == len(members)
    in_graph = {Status.INFRASTRUCTURE, Status.CONTESTED}
    assert cluster_of.keys() == {
        entity_id for entity_id, row in entities.items() if row["status"] in in_graph
    }
    assert Counter(cluster_of.values()) == {
        cluster_id: row["size"] for cluster_id, row in clusters.items()
    }
    for link in table_rows(output, LINKS):
        ends = link["entity_a"], link["entity_b"]
        assert ends[0] < ends[1]
        assert set(ends) <= entities.keys()
        where = [cluster_of.get(end) for end in ends]
        together = where[0] is not None and where[0] == where[1]
        assert link["accepted"] == (together and link["strength"] == Strength.HARD)
        assert link["reason"]
    for mention in table_rows(output, MENTIONS):
        assert entities[mention["entity_id"]]["status"] != Status.VICTIM_SIDE
        assert mention["role"] != "victim"
    for supplier in table_rows(output, SUPPLIERS):
        assert supplier["kind"] in SUPPLIER_KINDS
        assert supplier["cluster_id"] in clusters
    return entities, clusters


def test_the_tables_of_a_world_agree_with_each_other(world):
    _, clusters = holds_together(world[1])
    assert max(row["size"] for row in clusters.values()) > 2


def test_the_examples_show_the_find_across_sources(tmp_path):
    run(tmp_path / "run", "--complaints", EXAMPLES / "*.csv")
    entities, _ = holds_together(tmp_path / "run")
    for number in ("+13152328257", "+17144064370", "+19494475846"):
        entity = entities[f"phone:{number}"]
        assert entity["status"] == Status.INFRASTRUCTURE
        assert len(entity["orgs"]) > 1
    assert entities["phone:+18008291040"]["status"] == Status.SUPPRESSED


# -- no harm, in records made to do it --------------------------------------------------------

VICTIM, OTHER_VICTIM, SUSPECT = "+12024561414", "+12027621401", "+18882223344"


def test_records_made_to_leak_a_victim_do_not(tmp_path):
    callback = callbacks(SUSPECT)
    rows = [
        complaint(1, phone_numbers=[*callback, {"raw": VICTIM, "role": "Victim"}]),
        complaint(2, phone_numbers=[{"raw": "(202) 456-1414", "role": "caller_id"}]),
        complaint(3, phone_numbers=callback, narrative="someone at 202.456.1414 heard it too"),
        complaint(4, urls=["https://evil.support/p?tel=2024561414"]),
        complaint(5, payments=[{"method": "zelle", "payee": "202-456-1414"}]),
        complaint(6, phone_numbers=callback, claimed_brand="Police 2024561414"),
        complaint(7, received_at="now", phone_numbers=[{"raw": VICTIM, "role": "caller_id"}]),
        complaint(8, victim_id="2024561414", victim_region="202 456 1414", language=VICTIM),
        complaint(9, phone_numbers=callback, narrative=f"my own number is {OTHER_VICTIM}"),
    ]
    reports = jsonl(tmp_path / "reports.jsonl", rows)
    with reports.open("a", encoding="utf-8") as file:
        file.write('{"complaint_id": "10", "phone_numbers": [{"raw": "202-456-1414"\n')
    sides = {"inbound": (SUSPECT, OTHER_VICTIM), "outbound": (OTHER_VICTIM, SUSPECT)}
    numbers = [
        {"direction": way, "calling_number": calling, "called_number": called}
        for way, (calling, called) in sides.items()
    ]
    calls = [call(n, **sides) for n, sides in enumerate(numbers)]
    calls += [
        call(3, direction="inbound", calling_number=VICTIM, called_number="+12025550143"),
        call(4, calling_number=VICTIM, called_number=OTHER_VICTIM, trunk="t-2024561414"),
        call(5, started_at="x", calling_number=VICTIM, called_number=OTHER_VICTIM),
    ]
    given_calls = jsonl(tmp_path / "calls.jsonl", calls)
    output = tmp_path / "run"
    manifest = run(output, "--complaints", reports, "--calls", given_calls)
    assert manifest["counts"]["complaints"]["rejected"] == 2
    assert manifest["counts"]["calls"]["rejected"] == 1
    digits = "".join(c for c in text_of(output) if c.isdigit())
    for number in (VICTIM, OTHER_VICTIM):
        assert number[2:] not in digits
    entities, _ = holds_together(output)
    assert entities[f"phone:{SUSPECT}"]["status"] == Status.INFRASTRUCTURE
    # Nobody with a pseudonym calls the one a victim's, and others of that day show it.
    hidden = [
        row for row in entities.values() if row["status"] in (Status.VICTIM_SIDE, Status.CONTESTED)
    ]
    assert {row["status"] for row in hidden} == {Status.VICTIM_SIDE, Status.CONTESTED}
    assert all(row["value"] is None for row in hidden)


STATED_WORDS = {
    "my email is quillfeather at gmail dot com ok": ["quillfeather"],
    "my email is quillfeather [at] gmail [dot] com ok": ["quillfeather"],
    "my email is quillfeather(at)gmail.com ok": ["quillfeather"],
    "my email is quill dot feather at gmail dot com, I said Quill.Feather@gmail.com": ["feather"],
    "mi correo es quillfeather arroba gmail punto com": ["quillfeather"],
    "my website is quillfeather dot com": ["quillfeather"],
    "my number is two zero two, four five six, one four one four. They rang": ["four one"],
    "my number is double two zero two four five six one four one": ["four five six"],
    "mi numero es dos cero dos cuatro cinco seis uno cuatro uno cuatro": ["cuatro cinco"],
    "my number is 2O2-456-I4I4. They rang": ["I4I4", "2O2"],
    "my number is ２０２ー４５６ー１４１４. They rang": ["４５６"],
    "my business number is 1-800-QUILLED. They rang": ["QUILLED"],
}
"""Words of a victim about their own, and what of it must not be left."""


def test_what_victims_say_in_words_letters_and_disguises_is_in_no_file(tmp_path):
    callback = callbacks(SUSPECT)
    accepted = [
        complaint(n, phone_numbers=callback, narrative=words)
        for n, words in enumerate(STATED_WORDS)
    ]
    refused = [
        row | {"complaint_id": f"r{n}", "received_at": "x"} for n, row in enumerate(accepted)
    ]
    output = tmp_path / "run"
    manifest = run(output, "--complaints", jsonl(tmp_path / "all.jsonl", [*accepted, *refused]))
    assert manifest["counts"]["complaints"]["rejected"] == len(STATED_WORDS)
    kept = column(output, NARRATIVES, "narrative")
    raw = column(output, REJECTS, "raw")
    assert len(kept) == len(raw) == len(STATED_WORDS)
    assert all(text.startswith(("my ", "mi ")) for text in kept)
    everything = text_of(output)
    for words in (words_left for left in STATED_WORDS.values() for words_left in left):
        assert words not in everything and json.dumps(words)[1:-1] not in "".join(raw)


def test_whom_a_link_was_sent_to_is_nobody_to_name(tmp_path):
    link = "https://evil-refund.support/p?e=quillfeather@gmail.com"
    rows = [
        complaint(1, narrative=f"They sent me to {link} and took over"),
        complaint(2, narrative=f"They sent me to {link.replace('@', '%40')}", urls=[link]),
        complaint(3, received_at="x", narrative=link),
    ]
    output = tmp_path / "run"
    run(output, "--complaints", jsonl(tmp_path / "all.jsonl", rows))
    assert "quillfeather" not in text_of(output)
    assert column(output, MEMBERS, "entity_id") == ["domain:evil-refund.support"]


def test_messy_input_reconciles(tmp_path):
    lines = [
        json.dumps(complaint(1)),
        json.dumps(complaint(1)),
        json.dumps(complaint(1, received_at="2024-03-02T00:00:00.1234567Z", victim_country="us")),
        "",
        "{broken",
        "[1, 2]",
        "null",
        '{"complaint_id": "nul\\u0000"}',
        json.dumps(complaint(2, loss_amount=float("nan"))),
        json.dumps(complaint(3, loss_amount="1e400", loss_currency="USD")),
        json.dumps(complaint(4, loss_amount="9" * 20, loss_currency="USD")),
        json.dumps(complaint(5, received_at="2024-02-30T00:00:00Z")),
        json.dumps(complaint(6, surprise=1, channel="pigeon")),
        json.dumps(complaint(7, phone_numbers=callbacks("not a number"))),
        json.dumps(complaint(8, phone_numbers="+18882223344")),
        "\x00\x00\x00",
    ]
    reports = tmp_path / "reports.jsonl"
    reports.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n" + lines[0].encode())
    manifest = run(tmp_path / "run", "--complaints", reports)
    count = manifest["counts"]["complaints"]
    assert (count["read"], count["accepted"], count["duplicates"]) == (17, 4, 3)
    rejects = table_rows(tmp_path / "run", REJECTS)
    assert [row["position"] for row in rejects] == sorted({row["position"] for row in rejects})
    assert manifest["tallies"]["complaint_unknown_fields"] == {"surprise": 1}
    assert manifest["tallies"]["complaint_words_coerced"] == {
        "channel": 1,
        "loss_amount": 1,  # NaN
    }
    (kept,) = [
        row
        for row in tables(tmp_path / "run")["complaints"].to_pylist()
        if row["complaint_id"] == "c1"
    ]
    assert (kept["received_at"].microsecond, kept["victim_country"]) == (123456, "US")


# -- rejects, and real data --------------------------------------------------------------------


def test_a_runs_rejects_can_be_given_to_the_next(tmp_path):
    rows = [
        complaint(1),
        complaint(2, received_at="2024-03-01T09:30:00"),
        complaint(3, source_org=None),
    ]
    reports = jsonl(tmp_path / "reports.jsonl", rows)
    bad_call = jsonl(tmp_path / "calls.jsonl", [call(1, started_at="x"), call(2)])
    run(tmp_path / "one", "--complaints", reports, "--calls", bad_call, "--shards", "3")
    rejects = tmp_path / "one/rejects"
    assert len(list(rejects.iterdir())) == 3
    flags = ["--complaints", rejects, "--calls", rejects, "--source-org", "amazon"]
    again = run(tmp_path / "two", *flags, status=1)  # its only call was rejected again
    assert again["counts"]["complaints"] == {
        "read": 2, "accepted": 1, "duplicates": 0, "rejected": 1,
    }  # fmt: skip
    assert again["counts"]["calls"] == {"read": 1, "accepted": 0, "duplicates": 0, "rejected": 1}


@pytest.mark.real
def test_real_files_of_five_formats_in_one_run(tmp_path):
    complaints = [
        real("ftc_dnc/dnc_complaint_numbers_2019-12-16.csv"),
        real("ftc_foia/FTC_5114-71014.csv"),
        real("robocall_transcripts/transcripts.csv"),
        real("fcc/fcc_unwanted_calls_2rows.json"),
    ]
    manifest = run(tmp_path / "run", "--complaints", *complaints, "--calls", real("cdr/cdr.csv"))
    rows = {source["format"]: source["rows"] for source in manifest["inputs"]}
    assert (rows["ftc-dnc"], rows["ftc-foia"], rows["transcripts"], rows["fcc"]) == (
        20_532,
        7_982,
        568,
        2,
    )
    assert rows["asterisk"] == 218
    assert manifest["counts"]["complaints"]["read"] == 20_532 + 7_982 + 568 + 2
    entities, _ = holds_together(tmp_path / "run")
    assert entities["phone:+18008291040"]["status"] == Status.SUPPRESSED
    assert "known legitimate" in entities["phone:+18008291040"]["reason"]
    mentions = read(tmp_path / "run", MENTIONS)
    of_dnc = pc.match_substring_regex(mentions["record_id"], "^dnc-")
    phones = mentions.filter(pc.and_(of_dnc, pc.equal(mentions["kind"], "phone")))
    assert len(phones["entity_id"].unique()) >= 13_000
