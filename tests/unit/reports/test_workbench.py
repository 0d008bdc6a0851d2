"""The data of the workbench: what it says, and what never reaches it."""

import hashlib
import json
import re
from collections import Counter
from decimal import Decimal
from importlib.resources import files as resources

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from reports.member_mentions import compare_scripts, compare_words
from reports.pieces import encode_piece, texts_of_data
from reports.run import Run
from reports.tables import Numbers
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from tests.support.hostile_text import HOSTILE, hostile_run
from tests.support.leaks import decoded_layers
from tests.support.report_tables import (
    cluster,
    complaint,
    entity,
    lineage,
    link,
    manifest,
    member,
    mention,
    supplier,
    world,
    write_run,
)
from tests.support.written_report import parts, piece, report_files, rows
from tests.unit.reports.export.test_what_files_name import ACCOUNT, PHONE, liars_run, naming
from transforms.custody import RegisterKey
from transforms.graph.link_weights import link_probability
from transforms.victims import entries_of_ids, read_lookup
from transforms.write import WithheldValues, count_withheld

NARRATIVE = "They said to call (888) 555-0123 at once, and I did."

FORGED = "phone:+12125550111"

PIECE = rb'rt\.piece\("[a-z]+(?:-\d+)?",String\.raw`([^`]*)`\);\n'
"""A file of data: its only text in quotes is its name, its only raw template its two lines."""


def small_run(folder, **options):
    tables = {
        "entities": [
            entity(PHONE, complaints=3),
            entity(ACCOUNT),
            entity("phone:withheld-1", value=None, status="contested", reason="2 and 3 people"),
            entity("trunk:acme", status="uncorroborated"),
            entity(FORGED, status="uncorroborated", reason="caller id only"),
        ],
        "members": [
            member(PHONE, "c-1", review="reviewed"),
            member(ACCOUNT, "c-1"),
            member("phone:withheld-1", "c-1", tier="verify"),
        ],
        "links": [
            link(PHONE, ACCOUNT, record_ids=["amazon|A-1"]),
            link(PHONE, "trunk:acme", strength="soft", accepted=False),
            link(PHONE, FORGED, strength="soft", accepted=False),
        ],
        "suppliers": [supplier("trunk:acme", "c-1")],
        "clusters": [
            cluster(
                "c-1",
                size=3,
                reporters=9,
                losses=[{"currency": "USD", "amount": Decimal("70.5"), "complaints": 2}],
            )
        ],
        "lineage": [lineage("c-1", event="grew", from_ids=["c-0"], members_new=1)],
        "complaints": [complaint("A-1", narrative=NARRATIVE)],
        "mentions": [
            mention(PHONE, "A-1", field="narrative", start=18, end=32, raw="(888) 555-0123"),
            mention(FORGED, "A-1", role="caller_id"),
        ],
    }
    return write_run(folder, tables), manifest(options=options)


def test_same_tables_same_bytes_however_they_are_cut(tmp_path):
    made, whole = world(40)
    written = [
        report_files(write_run(tmp_path / str(cut), made, cut), json.loads(json.dumps(whole)))
        for cut in (1, 3)
    ]
    assert written[0] == written[1]
    assert {"report/index.html", "report/data/run.js", "report/data/part-0.js"} <= written[0].keys()


def test_files_are_few_and_every_cluster_is_in_one(tmp_path):
    made, whole = world(400)
    files = report_files(write_run(tmp_path / "r", made), whole)
    assert len(files) < 20
    listed = [*rows(piece(files, "clusters")), *rows(piece(files, "singles"))]
    assert len(listed) == 400
    told = parts(files)
    for cluster_row in listed:
        assert cluster_row["id"] in piece(files, f"part-{cluster_row['part']}")["clusters"]
        assert len(told[cluster_row["id"]]["members"]) == cluster_row["size"]


def test_what_changed_is_told_with_the_numbers_of_the_run_before(tmp_path):
    before = {"clusters": [cluster("c-0", size=2, reporters=4, status="confirmed")]}
    previous = Run(str(write_run(tmp_path / "before", before)), manifest(run_id="run-0"))
    previous.manifest["clock"] = "2026-03-01T00:00:00+00:00"
    files = report_files(*small_run(tmp_path / "r"), previous=previous)
    (row,) = rows(piece(files, "clusters"))
    assert (row["event"], row["gained"], row["reporters"]) == ("grew", 1, 9)
    assert (row["core"], row["unreviewed"], row["contested"]) == (2, 1, 1)
    assert row["losses"] == [["USD", "70.50", 2]]
    (earlier,) = row["before"]
    assert (earlier["reporters"], earlier["status"]) == (4, "confirmed")
    said = piece(files, "run")
    assert (said["previous"], said["previous_clock"]) == ("run-0", "2026-03-01T00:00:00+00:00")


def test_a_cluster_has_its_name_and_its_brand_apart(tmp_path):
    names = {"c-1": "+18885550123 (microsoft)", "c-2": "Microsoft at +18885550123"}
    made = [cluster(key, name=name, brands=["microsoft"]) for key, name in names.items()]
    files = report_files(write_run(tmp_path / "r", {"clusters": made}), manifest())
    told = {row["id"]: (row["name"], row["brand"]) for row in rows(piece(files, "singles"))}
    assert told == {"c-1": ("+18885550123", "microsoft"), "c-2": (names["c-2"], "")}


def test_a_link_has_the_confidence_that_the_clustering_gives_it(tmp_path):
    (tie,) = parts(report_files(*small_run(tmp_path / "r")))["c-1"]["links"]
    assert tie["confidence"] == pytest.approx(link_probability(tie["weight"]), abs=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_a_cluster_that_took_a_part_of_another_is_merged_and_split(tmp_path, turned):
    split = lineage("c-1", event="split", from_ids=["c-9"], to_ids=["c-1", "c-9"])
    events = [lineage("c-1", event="merged", from_ids=["c-1", "c-9"]), split]
    made = {"clusters": [cluster("c-1")], "lineage": events[::-1] if turned else events}
    (row,) = rows(piece(report_files(write_run(tmp_path / "r", made), manifest()), "singles"))
    assert (row["event"], row["from"]) == ("merged split", ["c-1", "c-9"])


def test_a_narrative_is_quoted_where_the_run_keeps_it_and_nowhere_else(tmp_path):
    kept = report_files(*small_run(tmp_path / "kept", keep_narratives=True))
    apart = report_files(*small_run(tmp_path / "apart", keep_narratives=False))
    assert naming(kept, ["at once, and I did"]) == ["report/data/part-0.js"]
    assert naming(apart, ["at once, and I did", "They said"]) == []


def test_a_number_that_only_a_caller_id_shows_is_nowhere(tmp_path):
    files = report_files(*small_run(tmp_path / "r"))
    assert naming(files, ["+12125550111"]) == []
    assert naming(files, ["withheld-1"]) != []


def test_a_file_that_is_named_after_its_sender_is_listed_without_number_and_address(tmp_path):
    run, whole = liars_run(tmp_path / "r")
    digest = {"kind": "complaint", "format": "eml", "rows": 1, "bytes": 9, "sha256": "ab" * 32}
    whole |= {"inputs": [{"name": "Roe 202-456-2131 jane.roe@gmail.com.eml", **digest}]}
    (own,) = piece(report_files(run, whole), "run")["inputs"]
    assert own == {"name": "### ###-###-#### ######################", **digest}
    (copied,) = piece(report_files(run, whole, redact=True), "run")["inputs"]
    assert copied == {"name": "file 1", **digest}


def test_what_only_the_union_reveals_is_with_its_cluster(tmp_path):
    offer = {"sender": "microsoft", "tlp": "AMBER", "expires_at": "2026-09-01T00:00:00Z"}
    run, whole = small_run(tmp_path / "r", offers=[offer])
    union = {"cluster_id": "c-1", "kind": "link", "entity_a": ACCOUNT, "entity_b": PHONE}
    union |= {"shared": [], "shared_in_all": 0}
    saw = [
        {"entity_id": PHONE, "cluster_id": "c-1", "contributor": name, "part": "1"}
        for name in ("amazon", "microsoft")
    ]
    for table, made in ((CONTRIBUTORS, saw), (UNION_LINKS, [union]), (OFFERED_CLUSTERS, [])):
        (run / table.name).mkdir()
        pq.write_table(pa.Table.from_pylist(made, table.schema), run / table.name / "part.parquet")
    files = report_files(run, whole)
    told = piece(files, "run")["joint"]
    assert (told["links"], told["merged"]) == (1, 0)
    assert [offer["sender"] for offer in told["offers"]] == ["microsoft"]
    part = parts(files)["c-1"]["joint"]
    assert part["links"] == [[ACCOUNT, PHONE]]
    assert part["saw"] == [[PHONE, [["amazon", "1", None], ["microsoft", "1", None]]]]


def test_small_counts_are_hidden(tmp_path):
    made, whole = world(4)
    countries = [{"country": "US", "complaints": 90}, {"country": "GB", "complaints": 2}]
    made["clusters"][0]["countries"] = countries
    files = report_files(write_run(tmp_path / "r", made), whole, suppress_below=5)
    listed = {cluster_row["id"]: cluster_row for cluster_row in rows(piece(files, "clusters"))}
    assert listed[made["clusters"][0]["cluster_id"]]["countries"] == [["US", None], ["GB", None]]


def test_a_piece_that_names_a_withheld_value_is_found(tmp_path):
    key = RegisterKey(b"k" * 32)
    values = WithheldValues(key, read_lookup_of(key, ["phone:+12125550188"]))
    leak = encode_piece("part-0", {"clusters": {"c-1": "call 212-555-0188"}})
    harmless = encode_piece("part-1", {"at": "2025-02-05T01:08:08Z", "n": [212, 555, 188]})
    withheld = count_withheld([("leak", leak), ("harmless", harmless)], values, texts_of_data)
    assert withheld == {"leak": 1}
    for sign in ("<", "`", "${", "\x1b", "\n", "\\", '"'):
        behind = encode_piece("part-0", {"said": [f"call{sign}2125550188{sign}now"]})
        assert count_withheld([("leak", behind)], values, texts_of_data) == {"leak": 1}, sign


def read_lookup_of(key, ids):
    from transforms.victims import RegisterSource

    return read_lookup(RegisterSource(key), [entries_of_ids(ids, key)])


@pytest.mark.slow
def test_hostile_text_is_data_and_ids_are_whole(tmp_path):
    files = report_files(*hostile_run(tmp_path / "r"))
    for name, content in files.items():
        if "/data/" in name:
            assert re.fullmatch(PIECE, content)
    whole = b"".join(
        layer for name, content in files.items() for layer in decoded_layers(name, content)
    )
    assert b"SECRET ROW" not in whole
    assert len(HOSTILE[-1]) == 1_000_000
    # An id is whole in each table.
    assert max(len(content) for content in files.values()) < 20_000_000


@given(st.text('`${}\\a"\u2028\n0', max_size=12), st.integers(0, 9))
def test_no_text_leaves_the_template_of_a_piece(value, number):
    """Every text comes out as it went in, and no sign of it is JavaScript's."""
    numbers = Numbers()
    table = numbers.put(np.array([number]))
    content = encode_piece("part-0", {value: [value], "at": table}, numbers)
    texts, lists = re.fullmatch(PIECE, content)[1].split(b"\n")
    assert b"${" not in texts and b"<" not in texts
    assert json.loads(texts) == {value: [value], "at": {"n": 0}} and json.loads(lists) == [[number]]


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_a_wording_is_compared_word_by_word(template, wording):
    used = {"kind": "script", "entity_id": "script:1", "records": 2, "clusters": 1}
    words = {"script:1": Counter({" ".join(wording): 1})}
    (script,) = compare_scripts([used | {"template": " ".join(template)}], words)
    if template:
        ((shown, _),) = script.variants
        pieces = compare_words(script.template, shown)
        said = [(word, differs) for piece, differs in pieces for word in piece.split()]
        assert [word for word, _ in said] == wording
        left = iter(template)
        assert all(word in left for word, differs in said if not differs)
        assert (template == wording) <= (not any(differs for _, differs in said))


def test_the_graph_library_is_the_one_that_its_notice_names():
    folder = resources("reports").joinpath("assets")
    notice = folder.joinpath("cytoscape.NOTICE.txt").read_text(encoding="utf-8")
    digest = hashlib.sha256(folder.joinpath("cytoscape.min.js").read_bytes()).hexdigest()
    assert re.search(rf"sha256 +{digest}\b", notice)


@pytest.mark.parametrize("name", ["world.js", "regions.json"])
def test_the_maps_are_those_that_their_notice_names(name):
    folder = resources("reports").joinpath("assets")
    notice = folder.joinpath("world.NOTICE.txt").read_text(encoding="utf-8")
    digest = hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest()
    assert re.search(rf"sha256 +{digest} +reports/assets/{re.escape(name)}\n", notice)
