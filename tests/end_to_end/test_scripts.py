"""Script families in a run: suppliers and mentions show them, and no cluster changes."""

from schemas.tables import CLUSTERS, MEMBERS, SUPPLIERS
from tests.support.made_up_evidence import mentions_of
from tests.support.run_pipeline import callbacks, column, complaint, jsonl, read, run, table_rows
from tests.support.script_texts import SCRIPT, complaints, find_families, own
from transforms.extract import script_matches
from transforms.extract.fingerprints import fingerprint_rows


def world(narrative):
    """Two rings of six victims each, all of whom heard one script and quote it elsewhere."""
    rows = []
    for number in range(12):
        ring = number % 2
        before = f"{own(number)} {own(number + 12, 1 + number // 2)}"
        raws = (f"+1888555010{ring}", f"+1888555010{ring + 2}")
        numbers = callbacks(*raws)
        rows.append(
            complaint(number, victim_id=f"v{number}", phone_numbers=numbers)
            | ({"narrative": f"{before} {SCRIPT} {own(number)}"} if narrative else {})
        )
    return rows


def test_a_script_names_its_clusters_and_joins_none(tmp_path):
    with_script, without = tmp_path / "with", tmp_path / "without"
    run(with_script, "--complaints", jsonl(tmp_path / "a.jsonl", world(True)))
    run(without, "--complaints", jsonl(tmp_path / "b.jsonl", world(False)))
    assert read(with_script, MEMBERS).equals(read(without, MEMBERS))
    assert read(with_script, CLUSTERS).num_rows == 2
    suppliers = table_rows(with_script, SUPPLIERS)
    assert {supplier["kind"] for supplier in suppliers} == {"script"}
    assert [supplier["clusters"] for supplier in suppliers] == [2, 2]
    assert [supplier["records"] for supplier in suppliers] == [6, 6]
    assert {supplier["template"] for supplier in suppliers} == {SCRIPT.replace("1", "#")}
    assert read(without, SUPPLIERS).num_rows == 0


def test_partitions_find_what_one_place_finds(tmp_path):
    """The pipeline against the same passes on one table."""
    texts = [f"{own(number)} {SCRIPT} {own(number)}" for number in range(12)]
    rows = fingerprint_rows(complaints(texts))
    mentions = mentions_of(script_matches(rows, find_families(rows)))
    expected = set(mentions["entity_id"].to_pylist())
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "a.jsonl", world(True)))
    assert set(column(tmp_path / "run", SUPPLIERS, "entity_id")) == expected
