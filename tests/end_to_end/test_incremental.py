"""A run that takes components over from the day before gives what a run without them gives."""

import hashlib
import json
import shutil
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from pipelines.batch.__main__ import main
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, PRIVATE_SIGNATURE, SIGNATURE_NAME
from schemas.tables import ALL_TABLES, COMPONENTS
from tests.support.run_pipeline import (
    checked_manifest,
    column,
    json_of,
    manifest_of,
    read,
    run,
    simulated,
    three_quarters,
)


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """(flags of the second run, the first run, the second four days later, its manifest)."""
    folder = tmp_path_factory.mktemp("days")
    inputs = simulated(folder / "world", seed=25, complaints=200, operations=10)
    day = three_quarters(folder / "world")
    run(folder / "first", *inputs, "--as-of", day.isoformat())
    after = [*inputs, "--as-of", (day + timedelta(days=4)).isoformat()]
    manifest = run(folder / "second", *after, "--previous", folder / "first")
    return after, folder / "first", folder / "second", manifest


def files(folder):
    """The bytes of a run's tables, by name."""
    paths = [path for table in ALL_TABLES for path in (folder / table.name).iterdir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def components_of(folder):
    (path,) = (folder / COMPONENTS.name).iterdir()
    return path


def put_manifest(folder, manifest):
    """Writes the manifest of an unsigned run, and binds that of its private files to it."""
    content = json.dumps(manifest).encode()
    (folder / MANIFEST_NAME).write_bytes(content)
    private = json_of(folder / PRIVATE_MANIFEST)
    private["manifest_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / PRIVATE_MANIFEST).write_text(json.dumps(private))
    for name in (SIGNATURE_NAME, PRIVATE_SIGNATURE):
        (folder / name).unlink(missing_ok=True)


def relisted(folder):
    """A forger's manifest, which has the digest of what is there."""
    manifest = manifest_of(folder)
    for line in manifest["outputs"]:
        if line["name"].startswith(f"{COMPONENTS.name}/"):
            content = (folder / line["name"]).read_bytes()
            line |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    put_manifest(folder, manifest)


def test_most_components_of_a_day_are_taken_over(days):
    _, first, second, manifest = days
    told = manifest["tallies"]["islands"]
    assert told["taken_over"] > told["clustered"] > 0
    before, now = (set(column(folder, COMPONENTS, "fingerprint")) for folder in (first, second))
    assert told == {"taken_over": len(now & before), "clustered": len(now - before)}
    assert checked_manifest(first)["tallies"]["islands"] == {"clustered": len(before)}
    assert not any(alarm["code"] == "islands_refused" for alarm in manifest["alarms"])


def without(folder):
    """As a run of an earlier version, which wrote none."""
    shutil.rmtree(folder / COMPONENTS.name)
    manifest = manifest_of(folder)
    kept = [
        file for file in manifest["outputs"] if not file["name"].startswith(f"{COMPONENTS.name}/")
    ]
    put_manifest(folder, manifest | {"outputs": kept})


def cut(folder):
    path = components_of(folder)
    path.write_bytes(path.read_bytes()[:-100])


def one_part_each(folder):
    """A forger's islands, each of which is one community and better than any can be."""
    path = components_of(folder)
    rows = pq.read_table(path)
    forged = [row | {"parts": [0] * len(row["parts"]), "quality": 1e9} for row in rows.to_pylist()]
    pq.write_table(type(rows).from_pylist(forged, rows.schema), path)
    relisted(folder)


@pytest.mark.parametrize(
    ("damage", "says"),
    [(without, None), (cut, "1 files and 0 islands"), (one_part_each, "0 files and ")],
)
def test_whatever_became_of_them_the_tables_are_the_same(days, tmp_path, capsys, damage, says):
    after, first, second, manifest = days
    shutil.copytree(first, tmp_path / "first")
    damage(tmp_path / "first")
    flags = [*after, "--previous", tmp_path / "first", "--output", tmp_path / "second"]
    assert main([*map(str, flags)]) == 0
    again = checked_manifest(tmp_path / "second")
    assert files(tmp_path / "second") == files(second)
    assert again["run_id"] == manifest["run_id"]
    told = [alarm["message"] for alarm in again["alarms"] if alarm["code"] == "islands_refused"]
    assert [says in message for message in told] == ([True] if says else [])
    counted = again["tallies"]["islands"]
    assert counted["clustered"] + counted.get("taken_over", 0) == read(second, COMPONENTS).num_rows
    error = capsys.readouterr().err
    assert f"{counted['clustered']:,} components clustered" in error
    assert all(message in error for message in told)


def test_nothing_is_left_to_search_where_nothing_came(days, tmp_path, capsys):
    after, _, second, _ = days
    again = run(tmp_path / "again", *after, "--previous", second)
    assert again["tallies"]["islands"] == {"taken_over": read(second, COMPONENTS).num_rows}
    assert "0 changed; 0 components clustered" in capsys.readouterr().err
