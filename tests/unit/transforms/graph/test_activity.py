"""The sums of mentions before they travel: few rows, however many calls name one number."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from schemas.enums import Role
from schemas.mention import EVIDENCE_MENTION
from tests.support.examples import draws
from tests.support.made_up_evidence import DAY, evidence, piece, records
from transforms.extract import allowlist
from transforms.graph.activity import ACTIVITY, ROLE_COUNTS, sum_activity
from transforms.graph.entities import NO_LIFETIMES, annotate_mentions, determine_status
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.graph.ownership import settle_roles

HOT = "phone:+18885550100"

NOBODY = allowlist.parse_allowlist("entity_id,reason\n", "none.csv")

ROLES = (Role.CALLBACK, Role.CALLER_ID, Role.VICTIM, Role.PAYEE)


def test_a_number_in_many_calls_is_a_row_for_each_reporter_and_day():
    calls = [
        piece(
            HOT,
            Role.CALLER_ID,
            f"k{n}",
            victim_key=f"amazon|v{n % 7}",
            observed_at=DAY.replace(hour=1) + timedelta(days=n % 3, seconds=n),
        )
        for n in range(4_200)
    ]
    added = sum_activity(evidence(calls))
    assert added.num_rows == 7 * 3
    assert sum(added["calls"].to_pylist()) == 4_200
    assert added.nbytes < evidence(calls).nbytes / 100


@pytest.mark.parametrize(
    ("named", "reported_by"), [(MAX_HARD_ENTITIES, 2), (MAX_HARD_ENTITIES + 1, 1)]
)
def test_a_copied_list_tells_of_no_line(named, reported_by):
    ids = [HOT, *(f"phone:+1888555{1000 + n}" for n in range(named - 1))]
    listed = [
        piece(entity_id, Role.CALLBACK, "c1", victim_key="amazon|v1") for entity_id in [*ids, *ids]
    ]
    heard = [piece("domain:x.top", Role.CALLER_ID, "c1", victim_key="amazon|v1")]
    alone = [piece(HOT, Role.CALLBACK, "c2", victim_key="amazon|v2")]
    entities = determine_status(
        sum_activity(evidence([*listed, *heard, *alone])), NOBODY, NO_LIFETIMES
    ).entities
    (line,) = entities.filter(pc.equal(entities["entity_id"], HOT)).to_pylist()
    assert (line["reporters"], line["reported_by"]) == (2, reported_by)


@draws(60)
@given(records(roles=ROLES), st.integers(1, 4))
def test_records_counted_apart_are_judged_as_if_together(rows, shares):
    rows = settle_roles(evidence(rows)).to_pylist()
    of_share = [[] for _ in range(shares)]
    for row in rows:
        of_share[sum(row["group_id"].encode()) % shares].append(row)
    parts = [pa.Table.from_pylist(some, EVIDENCE_MENTION) for some in of_share]
    added = pa.concat_tables([sum_activity(part, share) for share, part in enumerate(parts)])
    assert added.schema == ACTIVITY
    whole, verdicts, hidden, _ = determine_status(
        sum_activity(evidence(rows)), NOBODY, NO_LIFETIMES
    )
    entities, told, also_hidden, _ = determine_status(added, NOBODY, NO_LIFETIMES)
    key = [("entity_id", "ascending")]
    assert entities.sort_by(key).equals(whole.sort_by(key))
    assert also_hidden.sort_by(key).equals(hidden.sort_by(key))
    seen = []
    for share, part in enumerate(parts):
        mine = told.filter(pc.equal(told["share"], share))
        seen += map(repr, annotate_mentions(part, mine)[0].to_pylist())
    assert sorted(seen) == sorted(
        map(repr, annotate_mentions(evidence(rows), verdicts)[0].to_pylist())
    )


@draws(40)
@given(records(roles=ROLES))
def test_every_mention_is_counted_in_its_role(rows):
    added = sum_activity(evidence(rows))
    total = sum(sum(added[name].to_pylist()) for name in ROLE_COUNTS)
    assert total == len(rows)
