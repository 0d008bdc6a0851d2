"""Campaigns: what is shared groups clusters, and one person makes no lead."""

from datetime import timedelta
from itertools import count

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.enums import Role, Status
from schemas.mention import CLASSIFIED
from tests.support.made_up_evidence import DAY, classified, listed, piece
from transforms.arrow import hash_text
from transforms.campaigns import USE, campaign_rows, campaign_uses, trait_rows
from transforms.extract import WHOLE_TEXT
from transforms.graph.assign import ASSIGNMENT, cluster_id

SCRIPT, TRUNK, ORIG_ID = "script:0123456789abcdef", "trunk:amazon:t1", "orig_id:o1"

NUMBERS = tuple(f"phone:+1{area}5550123" for area in (888, 877, 866, 855, 844, 833, 800))


def assignment(entity_ids):
    """Each identifier in a cluster of its own, by its number."""
    node = hash_text(pa.array(entity_ids))
    rows = sorted((hashed, hashed >> 1) for hashed in node.tolist())
    columns = {field.name: pa.nulls(len(rows), field.type) for field in ASSIGNMENT}
    columns |= {
        "node": pa.array([hashed for hashed, _ in rows]),
        "hub": pa.array([False] * len(rows)),
    }
    columns["cluster"] = pa.array([cluster for _, cluster in rows])
    return pa.RecordBatch.from_pydict(columns, schema=ASSIGNMENT)


def cluster_of(entity_id):
    return cluster_id(int(hash_text(pa.array([entity_id]))[0]) >> 1)


def reported(number, victim, record, *, things=(SCRIPT,), observed_at=DAY, start=0, **fields):
    """A complaint of a victim's, who was to call a number and heard a script."""
    shared = {"victim_key": victim and f"amazon|{victim}", "observed_at": observed_at, **fields}
    rows = [piece(number, Role.CALLBACK, record, **shared)]
    how = f"words:{start}-{start + 20}" if start is not None else WHOLE_TEXT
    place = {"field": "narrative", "how": how}
    return rows + [
        piece(entity_id, Role.SIGNALLING, record, **shared, **place) for entity_id in things
    ]


def called(number, victim, record, *things):
    """The same with an inbound call, which shows a trunk or an origination id."""
    rows = reported(number, victim, record)
    shared = {"victim_key": f"amazon|{victim}", "group_id": f"amazon|{record}"}
    return rows + [
        piece(entity_id, Role.SIGNALLING, f"k{record}", **shared) for entity_id in things
    ]


def campaigns(rows, models=None, pieces=1, **known):
    ids = sorted({row["entity_id"] for row in rows if row["entity_id"].startswith("phone")})
    groups = sorted({row["group_id"] for row in rows})
    parts = [
        [row for row in rows if groups.index(row["group_id"]) % pieces == number]
        for number in range(pieces)
    ]
    uses = [campaign_uses(listed(classified(part), CLASSIFIED), assignment(ids)) for part in parts]
    return campaign_rows(
        trait_rows(pa.concat_tables([USE.empty_table(), *uses])), models=models, **known
    )


def honest(numbers=NUMBERS[:4], each=2, **fields):
    """Several people on days of their own, for each number."""
    serial = count()
    return [
        row
        for number in numbers
        for _ in range(each)
        for n in [next(serial)]
        for row in reported(
            number, f"v{n}", f"c{n}", observed_at=DAY + timedelta(days=n), start=n, **fields
        )
    ]


def test_a_script_that_is_read_out_with_several_numbers_is_one_lead():
    (campaign,) = campaigns(honest()).to_pylist()
    assert {member["cluster_id"] for member in campaign["members"]} == set(
        map(cluster_of, NUMBERS[:4])
    )
    assert [member["reporters"] for member in campaign["members"]] == [2] * 4
    assert campaign["shared"] == [{"thing": SCRIPT, "members": 4, "reporters": 8}]
    assert (campaign["reporters"], campaign["other_reporters"]) == (8, 6)
    assert (campaign["basis"], campaign["probability"], campaign["rank"]) == ("rank", None, 1)
    assert (campaign["first_seen"], campaign["last_seen"]) == (DAY, DAY + timedelta(days=7))


@given(st.permutations(honest()), st.integers(1, 4))
def test_neither_order_nor_batches_show(rows, pieces):
    assert campaigns(rows, pieces=pieces).equals(campaigns(honest()))


def test_later_records_do_not_rename_it():
    later = reported(NUMBERS[5], "w1", "c90", observed_at=DAY + timedelta(days=60))
    later += reported(NUMBERS[5], "w2", "c91", observed_at=DAY + timedelta(days=61))
    first, second = campaigns(honest()), campaigns(honest() + later)
    assert first["campaign_id"].equals(second["campaign_id"])
    assert len(second["members"][0].as_py()) == 5


def test_one_person_makes_no_lead_and_is_one_witness_in_anothers():
    lies = [
        row
        for n, number in enumerate(NUMBERS)
        for row in reported(number, "liar", f"c{50 + n}", observed_at=DAY + timedelta(days=n))
    ]
    assert campaigns(lies).num_rows == 0
    ring = honest(NUMBERS[:1], each=9)
    assert campaigns(ring + lies[2:]).num_rows == 0


def test_who_copies_a_script_beside_each_honest_copy_is_one_witness():
    """Copies of an hour count as one, but not each as another's."""
    ring = [
        row
        for n in range(9)
        for row in reported(
            NUMBERS[0], f"v{n}", f"c{n}", observed_at=DAY + timedelta(days=n), start=None
        )
    ]
    lies = [
        row
        for n, number in enumerate(NUMBERS[1:])
        for row in reported(
            number, "liar", f"c{50 + n}", observed_at=DAY + timedelta(days=n, hours=1), start=None
        )
    ]
    assert campaigns(ring + lies).num_rows == 0


@pytest.mark.parametrize("hours", [0, 5])
def test_pseudonyms_who_tell_one_text_within_hours_are_one(hours):
    burst = [
        row
        for n in range(50)
        for row in reported(
            NUMBERS[n % 5],
            f"p{n}",
            f"c{100 + n}",
            observed_at=DAY + timedelta(hours=hours * n / 50),
        )
    ]
    assert campaigns(burst).num_rows == 0
    assert campaigns(honest(NUMBERS[:1], each=9) + burst[2:]).num_rows == 0
    over_days = [row | {"observed_at": DAY + timedelta(days=n)} for n, row in enumerate(burst)]
    assert campaigns(over_days).num_rows == 1


def test_rows_without_a_pseudonym_count_by_the_rule_of_their_source():
    rows = [row for n in range(8) for row in reported(NUMBERS[n % 4], None, f"c{n}")]
    assert campaigns(rows)["reporters"].to_pylist() == [8]
    nobody = [row | {"reporter_key": None} for row in rows]
    assert campaigns(nobody).num_rows == 0


BLOCK = tuple(f"phone:+1888555010{digit}" for digit in (1, 4, 7))


def test_numbers_of_one_block_are_a_lead_and_a_wrong_digit_is_none():
    rows = honest(BLOCK, each=3, things=())
    (campaign,) = campaigns(rows).to_pylist()
    assert campaign["shared"] == [{"thing": "block:+188855501xx", "members": 3, "reporters": 9}]
    slips = reported("phone:+18885550109", "w1", "c90", things=())
    slips += reported("phone:+18885550168", "w4", "c93", things=())
    slips += reported("phone:+18885550102", "w2", "c91", things=())
    slips += reported("phone:+18885550102", "w3", "c92", things=())
    more = [row for n in range(3) for row in reported(BLOCK[0], f"x{n}", f"c{60 + n}", things=())]
    (same,) = campaigns(rows + more + slips).to_pylist()
    named = {entity_id for member in same["members"] for entity_id in member["entity_ids"]}
    assert not {"phone:+18885550109", "phone:+18885550168"} & named  # one reporter
    assert "phone:+18885550102" not in named  # two, a digit off one that six report


def test_what_is_contested_or_known_is_left_out():
    contested = {"status": str(Status.CONTESTED)}
    rows = honest(NUMBERS[:3]) + [
        row | (contested if row["kind"] == "phone" else {})
        for n in range(60, 64)
        for row in reported(NUMBERS[4], f"w{n}", f"c{n}", observed_at=DAY + timedelta(days=n))
    ]
    (campaign,) = campaigns(rows).to_pylist()
    assert cluster_of(NUMBERS[4]) not in {member["cluster_id"] for member in campaign["members"]}
    known = {"status": str(Status.SUPPRESSED)}
    assert (
        campaigns([row | (known if row["kind"] == "script" else {}) for row in rows]).num_rows == 0
    )


def test_a_probability_is_stated_only_of_simulated_worlds_where_calls_show_what_each_uses():
    rows = [
        row
        for n in range(8)
        for row in called(NUMBERS[n % 2], f"v{n}", f"c{n}", TRUNK, ORIG_ID)
    ]  # fmt: skip
    others = [
        row
        for n in range(10, 40)
        for row in called(
            NUMBERS[2 + n % 4], f"v{n}", f"c{n}", f"trunk:amazon:o{n % 4}", f"orig_id:x{n % 4}"
        )
    ]
    others = [row | {"entity_id": f"script:{row['record_id'][-1]:>016}"} if row["kind"] == "script"
              else row for row in others]  # fmt: skip
    leads = campaigns(rows + others, simulated=True).to_pylist()
    (pair,) = [lead for lead in leads if any(trait["thing"] == TRUNK for trait in lead["shared"])]
    assert pair["basis"] == "simulated"
    assert 0.2 <= pair["probability"] <= 1
    blind = [row for row in rows + others if row["kind"] not in ("trunk", "orig_id")]
    for unknown in (campaigns(blind, simulated=True), campaigns(rows + others)):
        ranked = {(lead["basis"], lead["probability"]) for lead in unknown.to_pylist()}
        assert ranked == {("rank", None)}
