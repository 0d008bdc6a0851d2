from unittest import mock

import pyarrow.compute as pc
import pytest

from reports import pieces as module
from reports.pieces import PartContext, gather_job, search_index
from tests.support.report_tables import complaint, entity, member, mention, write_run


def searched(run, ids):
    job = gather_job(str(run), ids, None, PartContext(False, 0, False, pc.scalar(True)))
    return search_index(run, ids, job.naming)


def several(folder, records):
    """A run with four numbers in two clusters, which the `records` name."""
    members = [f"phone:+1888555{n:04d}" for n in range(4)]
    rows = {
        "entities": [entity(entity_id) for entity_id in members],
        "members": [member(name, f"c-{n % 2}") for n, name in enumerate(members)],
        "mentions": [
            mention(members[n], f"a-{record}") for record, named in records for n in sorted(named)
        ],
        "complaints": [complaint(f"a-{record}") for record, _ in records],
    }
    return write_run(folder, rows)


RECORDS = [(record, {n for n in range(4) if record >> n & 1}) for record in range(16)]


@pytest.mark.parametrize("limit", [7, 100])
def test_as_many_records_as_there_is_room_for_are_those_that_come_first(tmp_path, limit):
    run = several(tmp_path, RECORDS)
    expected = sorted({(f"a-{record}", n % 2) for record, named in RECORDS for n in named})
    expected += sorted((f"a-{record}", None) for record, named in RECORDS if not named)
    with mock.patch.object(module, "RECORD_LIMIT", limit):
        index = searched(run, ["c-0", "c-1"])
    shown = list(zip(index["records"], index["record_clusters"], strict=True))
    assert shown == expected[:limit]
    assert search_index(run, ["c-0", "c-1"], None)["records"] == []
