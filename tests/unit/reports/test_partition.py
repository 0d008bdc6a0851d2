"""A part of a run gives the same facts of its clusters as the whole run."""

import random
import tempfile
from dataclasses import fields

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports import tables, workbench
from reports.cluster_data import gather_facts
from reports.partition import NODE_POSITIONS, partition_run, positions_dataset, read_positions
from reports.run import Run
from schemas.tables import LINKS
from tests.support.examples import LONG
from tests.support.hostile_text import hostile_run
from tests.support.report_tables import (
    call,
    complaint,
    entity,
    link,
    member,
    mention,
    supplier,
    world,
    write_run,
)
from tests.support.written_report import parts, report_files
from transforms.write import job_pool
from transforms.write.job_pool import local_job_pool


def tangled():
    """A world whose clusters share suppliers, scripts, records, carriers and links."""
    chance = random.Random(5)
    rows, whole = world(12)
    ids = [row["entity_id"] for row in rows["members"]]
    clusters = [cluster["cluster_id"] for cluster in rows["clusters"]]
    again = f"{ids[0]}#2"
    rows["entities"] += [entity(again), entity("orig_id:forged", status="uncorroborated")]
    rows["members"].append(member(again, clusters[5]))
    rows["clusters"][5]["size"] += 1
    pairs = {(row["entity_a"], row["entity_b"]) for row in rows["links"]}
    for strength in ("hard", "soft"):
        for _ in range(60):
            a, b = sorted(chance.sample(ids, 2))
            if (a, b) not in pairs:
                pairs.add((a, b))
                rows["links"].append(link(a, b, accepted=False, strength=strength))
    for n, cluster_id in enumerate(clusters):
        for trunk in chance.sample(range(9), 8):
            named = f"trunk:t-{trunk}"
            rows["suppliers"].append(supplier(named, cluster_id, records=chance.randrange(4)))
            ends = sorted((chance.choice(ids), named))
            if tuple(ends) not in pairs:
                pairs.add(tuple(ends))
                rows["links"].append(link(*ends, accepted=False, strength="soft"))
        rows["suppliers"].append(supplier("script:1f", cluster_id, template="pay # now"))
        rows["suppliers"][-1]["kind"] = "script"
        for m in range(3):
            record = f"S-{n}-{m}"
            narrative = f"they said pay now, {chance.choice('abc')}"
            rows["complaints"].append(complaint(record, narrative=narrative))
            rows["mentions"] += [
                mention("script:1f", record, raw=f"pay # now {m}", field="narrative"),
                mention(ids[n], record, field="narrative", start=10, end=13, raw="pay"),
                mention(chance.choice(ids), record, field="urls"),
            ]
    numbers = [
        entity_id.removeprefix("phone:") for entity_id in ids if entity_id.startswith("phone:")
    ]
    rows["calls"] = [
        call(f"k-{n}", suspect_number=number, carrier=f"Carrier {n % 5}" if n % 4 else None)
        for n, number in enumerate([*numbers, "+15550000000"])
    ]
    return rows, whole


def facts(source, ids):
    return {cluster.row["cluster_id"]: cluster for cluster in gather_facts(source, ids)}


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4])
def test_a_group_is_gathered_as_from_the_whole_run(tmp_path, size):
    rows, _ = tangled()
    run = write_run(tmp_path / "run", rows, 3)
    ids = [cluster["cluster_id"] for cluster in rows["clusters"]][:9]
    groups = [ids[start : start + size] for start in range(0, len(ids), size)]
    folders = partition_run(run, groups, str(tmp_path))
    shown = set()
    for folder, group in zip(folders, groups, strict=True):
        part, whole = facts(folder, group), facts(run, group)
        for cluster_id in group:
            for field in fields(part[cluster_id]):
                if value := getattr(whole[cluster_id], field.name):
                    shown.add(field.name)
                assert getattr(part[cluster_id], field.name) == value, field.name
        assert tables.count_rows(folder, LINKS) < tables.count_rows(run, LINKS)
    # Nothing is left out of a run's own facts.
    assert shown == {field.name for field in fields(whole[cluster_id])} - {"left_out"}


def test_a_part_has_the_positions_of_the_run_before(tmp_path):
    rows, _ = world(4)
    run = write_run(tmp_path / "run", rows)
    ids = [row["entity_id"] for row in rows["members"]]
    positions = {entity_id: ("c-before", (n / 100, 0.5)) for n, entity_id in enumerate(ids[::2])}
    columns = [list(positions), ["c-before"] * len(positions)]
    columns += [[point[axis] for _, point in positions.values()] for axis in (0, 1)]
    nodes = pa.table(columns, schema=NODE_POSITIONS.schema)
    pq.write_table(nodes, tmp_path / "nodes.parquet")
    before = positions_dataset(str(tmp_path / "nodes.parquet"))
    groups = [[cluster["cluster_id"]] for cluster in rows["clusters"]]
    placed = {}
    for folder in partition_run(run, groups, str(tmp_path), before):
        placed |= read_positions(folder, None, pa.array(ids)).of_entity
    path = str(tmp_path / "nodes.parquet")
    assert placed == positions == read_positions("run", path, pa.array(ids)).of_entity


def tangled_run(folder):
    rows, whole = tangled()
    return write_run(folder, rows, 2), whole


CUTS = [(tangled_run, False), (hostile_run, True), (hostile_run, False), (tangled_run, True)]
"""A run, and whether its report is redacted."""


@pytest.mark.slow
@pytest.mark.parametrize(("made_run", "redact"), CUTS if LONG else CUTS[:2])
def test_the_report_is_the_same_however_it_is_cut_and_shared(
    tmp_path, monkeypatch, made_run, redact
):
    run, whole = made_run(tmp_path / "run")
    whole_files = report_files(run, whole, redact=redact)
    monkeypatch.setattr(workbench, "MEMBERS_OF_PART", 20)
    cut_files = report_files(run, whole, redact=redact)
    assert len(cut_files) >= len(whole_files)
    assert parts(cut_files) == parts(whole_files)
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(job_pool, "MIN_CPU_SECONDS", 0.0)
    with local_job_pool(str(out), 2) as pool:
        workbench.write_workbench(Run(str(run), whole), pool, redact=redact)
    assert sorted(file["name"] for file in pool.written) == sorted(cut_files)
    assert all((out / name).read_bytes() == data for name, data in cut_files.items())


def test_scratch_files_are_beside_the_run(tmp_path, monkeypatch):
    rows, whole = world(1)
    run = write_run(tmp_path / "run", rows)
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))  # no such folder
    with local_job_pool(str(out), 1) as pool:
        workbench.write_workbench(Run(str(run), whole), pool)
    assert "report/index.html" in {file["name"] for file in pool.written}


def test_rows_come_in_order_whatever_file_they_are_in(tmp_path):
    chance = random.Random(2)
    ends = {(f"phone:{chance.randrange(40):03d}", f"url:{n}") for n in range(400)}
    whole = pa.Table.from_pylist([link(a, b) for a, b in sorted(ends)], LINKS.schema)
    columns = ["entity_a", "entity_b", "weight"]
    for files in (1, 4):
        folder = tmp_path / str(files)
        (folder / "links").mkdir(parents=True)
        shard = [chance.randrange(files) for _ in range(whole.num_rows)]
        for number in range(files):
            part = whole.filter(pa.array([file == number for file in shard]))
            pq.write_table(part, folder / "links" / f"{number}.parquet", row_group_size=7)
        batches = list(tables.read_in_key_order(folder, LINKS, columns))
        assert len(batches) > 5
        assert pa.concat_tables(batches).to_pylist() == whole.select(columns).to_pylist()
