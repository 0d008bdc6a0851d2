"""One reporter is counted once: by pseudonym, by an organisation's rule, else by the day."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.enums import SourceRule
from schemas.records import RecordError
from transforms.values import (
    MAIL_ID,
    call_reporter_keys,
    is_of_many,
    is_pseudonym,
    is_unnamed,
    parse_source_rules,
    reporter_keys,
    rules_in_force,
    shipped_source_rules,
)

RULES = {"each": SourceRule.EACH_ROW, "daily": SourceRule.PER_DAY, "named": SourceRule.VICTIM_ID}

ROWS = st.lists(
    st.tuples(
        st.sampled_from(("each", "daily", "named", "none")),
        st.none() | st.sampled_from(("v1", "v2", "\x1fv")),
        st.datetimes(datetime(2024, 1, 1), datetime(2024, 1, 4), timezones=st.just(UTC)),
    ),
    min_size=1,
    max_size=20,
)


def columns(rows):
    orgs, victims, times = zip(*rows, strict=True)
    return (
        pa.array(orgs),
        pa.array(victims, pa.string()),
        pa.array(times, pa.timestamp("us", "UTC")),
        pa.array([f"r{n}" for n in range(len(rows))]),
    )


@given(ROWS)
def test_two_rows_have_one_reporter_exactly_where_the_rule_says_so(rows):
    keys = reporter_keys(*columns(rows), RULES).to_pylist()

    def who(number):
        org, victim, time = rows[number]
        if victim is not None:
            return org, "pseudonym", victim
        return (org, number) if org == "each" else (org, "day", time.date())

    for row in range(len(rows)):
        for earlier in range(row):
            assert (keys[row] == keys[earlier]) == (who(row) == who(earlier))


def test_mails_without_a_rule_are_one_reporter_whatever_day_they_say():
    rows = [(org, None, datetime(2024, 1, day, tzinfo=UTC)) for org in "ab" for day in (1, 2, 3)]
    orgs, victims, times, _ = columns(rows)
    ids = pa.array([f"{MAIL_ID}{number:016x}" for number in range(6)])
    keys = reporter_keys(orgs, victims, times, ids)
    assert len(set(keys.to_pylist())) == 2
    assert all(is_unnamed(keys).to_pylist()) and all(is_of_many(keys).to_pylist())
    for rule, reporters in ((SourceRule.EACH_ROW, 6), (SourceRule.PER_DAY, 6)):
        rules = dict.fromkeys("ab", rule)
        assert len(set(reporter_keys(orgs, victims, times, ids, rules).to_pylist())) == reporters
    others = pa.array(["mail-room 4", "mail-000000000000000", "x-mail-0000000000000000"] * 2)
    assert len(set(reporter_keys(orgs, victims, times, others).to_pylist())) == 6


@given(ROWS)
def test_a_pseudonym_and_a_row_that_no_rule_counts_are_told_apart(rows):
    keys = reporter_keys(*columns(rows), RULES)
    for (org, victim, _), unnamed in zip(rows, is_unnamed(keys).to_pylist(), strict=True):
        assert unnamed == (victim is None and org in ("named", "none"))
    for (_, victim, _), named in zip(rows, is_pseudonym(keys).to_pylist(), strict=True):
        if victim != "\x1fv":
            assert named == (victim is not None)


def test_a_call_of_a_complaint_has_the_reporter_of_the_complaint():
    day = datetime(2024, 1, 1, tzinfo=UTC)
    calls = pa.table(
        {
            "source_org": ["a", "a", "a"],
            "victim_id": pa.array([None, "v1", None], pa.string()),
            "started_at": pa.array([day] * 3, pa.timestamp("us", "UTC")),
            "call_id": ["k1", "k2", "k3"],
            "complaint_id": pa.array(["c1", "c1", None], pa.string()),
        }
    )
    assert call_reporter_keys(calls).to_pylist() == [None, "a|v1", None]


def test_rules_are_read_and_come_back_from_a_manifest():
    rules = parse_source_rules("source_org,rule\nacme,per_day\nab,each_row\n", "s.csv")
    assert rules == {"ab": SourceRule.EACH_ROW, "acme": SourceRule.PER_DAY}
    assert rules_in_force({"sources": {org: str(rule) for org, rule in rules.items()}}) == rules
    assert rules_in_force({}) == {}
    assert shipped_source_rules()["ftc"] is SourceRule.EACH_ROW


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("source_org,rule\na,daily\n", "s.csv, row 2: field rule: Expected one of each_row, "),
        ("source_org,rule\na,per_day\na,each_row\n", "s.csv, row 3: 'a' has a rule"),
    ],
)
def test_what_is_no_rule_is_named_with_its_place(text, problem):
    with pytest.raises(RecordError) as caught:
        parse_source_rules(text, "s.csv")
    assert str(caught.value).startswith(problem)
