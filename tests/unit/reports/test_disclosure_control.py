"""A copy for a reader outside has no words of analysts and no small counts."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from reports import disclosure_control
from reports.disclosure_control import (
    LEFT_OUT,
    keep_members,
    sum_shown_counts,
    suppress_small_counts,
)
from reports.tables import read_table
from schemas.facts import fact
from schemas.tables import ENTITIES
from tests.support.made_up_case import IDS, case_of, rows
from tests.support.report_tables import entity, told, write_run


@pytest.mark.parametrize(
    ("facts", "left"),
    [
        ([fact("used", 4)], "used by the scammer in 4 records"),
        (
            [fact("used", 4), fact("decided", "dispute", "D-2", "a.roe", "A-1; x")],
            f"used by the scammer in 4 records; {LEFT_OUT}",
        ),
        (
            [
                fact("used", 1),
                *(fact("decided", "review", decision_id, "a.roe", "x") for decision_id in "ab"),
            ],
            f"used by the scammer in 1 record; {LEFT_OUT}",
        ),
        (
            [fact("decided_suspects", "suspect_held", "D-5", "j", "one\ntwo"), fact("returned")],
            f"a suspect's by {LEFT_OUT}; {fact('returned').sentence()}",
        ),
        ([fact("decided_legitimate", "l", "D", "j", "x")], f"known legitimate: {LEFT_OUT}"),
        (
            [fact("kept_apart", "l", "D", "j", "x")],
            f"the two clusters are kept apart by {LEFT_OUT}",
        ),
        (
            [fact("known_legitimate", "our own decision line")],
            "known legitimate: our own decision line",
        ),
    ],
)
def test_what_analysts_wrote_is_left_out(facts, left):
    rows = pa.Table.from_pylist([entity("phone:+18885550123", **told(*facts))], ENTITIES.schema)
    assert disclosure_control.redact_reasons(rows).to_pylist() == [left]


@pytest.mark.parametrize("kind", ["members", "inside", "near", "soft"])
def test_what_analysts_wrote_is_left_out_of_all_rows_of_a_cluster(tmp_path, kind):
    rows_of_kind = [told(fact("decided", "dispute", "D-2", "a.roe", "A-1; Jane Doe")), told()]
    facts = replace(case_of(tmp_path / "run", rows()).facts, **{kind: rows_of_kind})
    redacted = getattr(disclosure_control.redact_fact_reasons(facts), kind)
    assert [row["reason"] for row in redacted] == [LEFT_OUT, ""]


def test_reasons_of_an_earlier_version_are_left_out(tmp_path):
    row = entity("phone:+18885550123", reason="confirm decision D by Ann Roe: x")
    run = write_run(tmp_path / "run", {"entities": [row]})
    (file,) = (run / "entities").iterdir()
    pq.write_table(pq.read_table(file).drop_columns(["facts"]), file)
    (reason,) = disclosure_control.redact_reasons(read_table(run, ENTITIES)).to_pylist()
    assert reason == "not told here: the run is of an earlier version"


def test_alarms_do_not_name_decisions():
    giant = {"code": "giant_cluster", "message": "one holds 12 %"}
    contradiction = {
        "code": "decisions_contradict",
        "message": "cannot_link A-1 against must_link A-2",
    }
    redacted = disclosure_control.redact_alarms([giant, contradiction])
    assert redacted == [giant, {"code": "decisions_contradict", "message": LEFT_OUT}]


COUNTS = st.lists(st.integers(0, 30), max_size=8)


@given(COUNTS, st.integers(0, 12))
def test_no_small_count_is_shown_or_can_be_had_from_the_sum(counts, floor):
    shown = suppress_small_counts(counts, floor)
    assert all(a in (b, None) for a, b in zip(shown, counts, strict=True))
    assert not [count for count in shown if count is not None and 0 < count < floor]
    hidden = [count for count, seen in zip(counts, shown, strict=True) if seen is None]
    if len(hidden) == 1:
        assert not [count for count in counts if count and count >= floor]


def test_examples():
    assert suppress_small_counts([9, 3, 2], 5) == [9, None, None]
    assert suppress_small_counts([9, 7, 2], 5) == [9, None, None]
    assert suppress_small_counts([9, 7, 0], 5) == [9, 7, 0]
    assert suppress_small_counts([2], 5) == [None]
    assert suppress_small_counts([9, 2], 0) == [9, 2]


@given(COUNTS, st.integers(0, 12))
def test_a_sum_tells_what_is_shown_alone_and_whether_that_is_all(counts, floor):
    shown = suppress_small_counts(counts, floor)
    number, whole = sum_shown_counts(shown)
    assert number == (sum(filter(None, shown)) if {*shown} - {None} else None)
    assert whole == (None not in shown)
    assert not whole or (number or 0) == sum(counts)


def test_a_cluster_without_some_members_names_none_of_them(tmp_path):
    facts = case_of(tmp_path / "run", rows()).facts
    sides = {"weakest_side": IDS[:3], "thin_side": IDS[1:4]}
    kept = keep_members(replace(facts, row=facts.row | sides), set(IDS[:2]))
    assert [member["entity_id"] for member in kept.members] == sorted(IDS[:2])
    assert (kept.row["size"], kept.left_out) == (2, facts.left_out + len(facts.members) - 2)
    assert kept.row["weakest_side"] == IDS[:2]
    assert kept.row["thin_side"] == IDS[1:2]
    (link,) = kept.inside
    assert {link["entity_a"], link["entity_b"]} == set(IDS[:2])
    assert not [gone for gone in IDS[2:] if gone in repr(kept.row)]
