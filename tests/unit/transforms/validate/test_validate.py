"""Validation: every row ends accepted or rejected, and each fault has its own code."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to
from hypothesis import given, strategies as st

from schemas.call import CALL_ACCEPTED, CALL_LOOSE
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_LOOSE
from schemas.enums import COUNTRIES, RecordKind, Stage
from schemas.reject import REJECT, Code
from tests.support.examples import draws
from tests.support.made_up_loose import CALL_ROWS, COMPLAINT_ROWS, call, complaint
from transforms.validate import (
    COUNTERS,
    REJECTS,
    Validate,
    folded_pseudonym,
    validate_calls,
    validate_complaints,
)
from transforms.values import word_lists


def validated(*rows):
    """Accepted rows, rejects and coerced words of complaints."""
    return validate_complaints(pa.RecordBatch.from_pylist(rows, COMPLAINT_LOOSE))


AS_OF = datetime(2024, 6, 1, tzinfo=UTC)

CLOCK = datetime(2024, 5, 20, tzinfo=UTC)

COMPLAINT_FAULTS = [
    ("complaint_id", None, Code.MISSING_FIELD),
    ("complaint_id", "  ", Code.MISSING_FIELD),
    ("complaint_id", "x" * 257, Code.BAD_VALUE),
    ("complaint_id", "a\nb", Code.BAD_VALUE),
    ("source_org", None, Code.MISSING_FIELD),
    ("source_org", "Amazon Inc.", Code.BAD_VALUE),
    ("source_org", "a|b", Code.BAD_VALUE),
    ("received_at", None, Code.MISSING_FIELD),
    ("received_at", "2024-03-01T09:30:00", Code.BAD_TIMESTAMP),
    ("received_at", "1970-01-01T00:00:00Z", Code.IMPOSSIBLE_DATE),
    ("received_at", "0000-01-01T00:00:00Z", Code.IMPOSSIBLE_DATE),
    ("received_at", "2024-07-01T00:00:00Z", Code.AFTER_AS_OF),
    ("received_at", "2024-05-21T00:00:00.000001Z", Code.IN_FUTURE),
    ("occurred_at", "last week", Code.BAD_TIMESTAMP),
    ("occurred_at", "2200-01-01T00:00:00Z", Code.IMPOSSIBLE_DATE),
    ("victim_id", "jane@example.org", Code.VICTIM_ID_IS_CONTACT),
    ("complaint_id", "+1 202 555 0143", Code.ID_IS_CONTACT),
    ("complaint_id", "jane@example.org", Code.ID_IS_CONTACT),
    ("victim_id", "+1 202 555 0143", Code.VICTIM_ID_IS_CONTACT),
    ("victim_id", "(202) 555-0143", Code.VICTIM_ID_IS_CONTACT),
    ("victim_id", "(###) ###-####", Code.VICTIM_ID_IS_CONTACT),
    ("victim_id", "020 7946 0958", Code.VICTIM_ID_IS_CONTACT),
    ("victim_id", "jane%40example.org", Code.VICTIM_ID_IS_CONTACT),
    ("complaint_id", "tel:+12025550143", Code.ID_IS_CONTACT),
    ("complaint_id", "amFuZUBleGFtcGxlLm9yZw==", Code.ID_IS_CONTACT),
    ("complaint_id", "jane＠example.org", Code.ID_IS_CONTACT),
    ("source_org", "202-555-0143", Code.ID_IS_CONTACT),
    ("source_org", "two-o2-zero-5550143", Code.ID_IS_CONTACT),
    ("victim_country", "UK", Code.BAD_COUNTRY),
    ("victim_country", "USA", Code.BAD_COUNTRY),
    ("loss_amount", "Infinity", Code.BAD_AMOUNT),
    ("loss_amount", "-1", Code.BAD_AMOUNT),
    ("loss_amount", "1e400", Code.BAD_AMOUNT),
    ("loss_amount", "9" * 30, Code.BAD_AMOUNT),
    ("loss_currency", "dollars", Code.BAD_CURRENCY),
    ("payments", [{"amount": "1"}, {"amount": "Infinity"}], Code.BAD_AMOUNT),
    ("payments", [{"paid_at": "yesterday"}], Code.BAD_TIMESTAMP),
    ("payments", [{"paid_at": "2026-02-30"}], Code.BAD_TIMESTAMP),
    ("payments", [{"paid_at": "2026-02-28"}, {"paid_at": "1066-10-14"}], Code.IMPOSSIBLE_DATE),
    ("phone_numbers", [{"raw": "1", "role": "customer"}], Code.BAD_VALUE),
    ("email_roles", ["victim"], Code.BAD_VALUE),
]

CALL_FAULTS = [
    ("call_id", None, Code.MISSING_FIELD),
    ("source_org", "", Code.MISSING_FIELD),
    ("started_at", "noon", Code.BAD_TIMESTAMP),
    ("started_at", "2024-07-01T00:00:00Z", Code.AFTER_AS_OF),
    ("started_at", "2024-05-21T00:00:00.000001Z", Code.IN_FUTURE),
    ("duration_seconds", "-1", Code.BAD_VALUE),
    ("duration_seconds", "inf", Code.BAD_VALUE),
    ("victim_country", "XX", Code.BAD_COUNTRY),
    ("victim_id", "+442079460000", Code.VICTIM_ID_IS_CONTACT),
]


@pytest.mark.parametrize(
    "name", ["112-1234567-1234567", "20245550143", "2024 12 01", "INC-0012345"]
)
def test_a_case_number_is_no_contact(name):
    assert validated(complaint(complaint_id=name))[0]["complaint_id"].to_pylist() == [name]


def test_an_id_must_not_hold_a_number_of_its_own_victim():
    """Ids are shown in every table."""
    number, case = "+1 (202) 456-1414", "case-2024561414-1"
    victims_number = [
        {"raw": "888-555-0123", "role": "callback"},
        {"raw": number, "role": "victim"},
    ]
    rows = [
        complaint(complaint_id=case),
        complaint(complaint_id=case, phone_numbers=victims_number),
    ]
    calls = [
        call(call_id=case, direction=direction, calling_number=number)
        for direction in ("inbound", "outbound", None)
    ]
    for validate, batch, refused in (
        (validate_complaints, pa.RecordBatch.from_pylist(rows, COMPLAINT_LOOSE), 1),
        (validate_calls, pa.RecordBatch.from_pylist(calls, CALL_LOOSE), 2),
    ):
        accepted, rejects, _ = validate(batch)
        assert rejects["code"].to_pylist() == [Code.ID_IS_CONTACT] * refused
        assert accepted.num_rows == 1


NAMES = [
    ("AnyDesk 9.0.1", "AnyDesk 9.0.1"),
    ("202-555-0143", None),
    ("two zero two five five five 0143", None),
    ("jane@home.org", None),
    ("jane at home dot org", None),
    (None, None),
]


@pytest.mark.parametrize(("name", "kept"), NAMES)
def test_a_word_that_is_shown_as_it_is_holds_no_number_and_no_address(name, kept):
    words = {
        "remote_access": [{"tool": name, "id": "123456789"}],
        "payments": [{"method": name, "payee": "refund@oksbi", "amount": None, "currency": name}],
        "victim_region": name,
        "language": name,
    }
    accepted, _, coerced = validated(complaint(**words))
    (row,) = accepted.select(list(words)).to_pylist()
    (payment,) = row.pop("payments")
    assert row == {
        "remote_access": [{"tool": kept, "id": "123456789"}],
        "victim_region": kept,
        "language": kept,
    }
    assert (payment["method"], payment["currency"]) == (kept, kept)
    dropped = int(kept != name)
    fields = ("remote_access[].tool", "payments[].method", "payments[].currency", *row)
    assert {coerced[field] for field in fields if field != "remote_access"} == {dropped}


UNKNOWN = st.sampled_from([*word_lists()["unknown"]["words"], "N/A", "#N/A", "-", "??", "—", "NaN"])


@given(word=UNKNOWN, upper=st.booleans(), blanks=st.sampled_from(["", " ", "\u00a0"]))
def test_what_is_said_to_be_unknown_is_absent_and_loses_no_report(word, upper, blanks):
    word = f"{blanks}{word.upper() if upper else word}{blanks}"
    fields = {
        "loss_amount": word,
        "loss_currency": word,
        "occurred_at": word,
        "victim_country": "unknown" if word.strip().upper() in COUNTRIES else word,
        "payments": [
            {"method": "bank", "payee": "x@oksbi", "amount": word, "currency": "", "paid_at": word}
        ],
    }
    accepted, rejects, coerced = validated(complaint(**fields))
    assert not rejects.num_rows
    (row,) = accepted.to_pylist()
    names = ("loss_amount", "loss_currency", "occurred_at", "victim_country")
    assert [row[name] for name in names] == [None] * 4
    assert row["payments"][0]["amount"] is None
    assert {*names, "payments[].amount", "payments[].paid_at"} == {*coerced}
    assert validated(complaint(received_at=word))[1]["code"].to_pylist() == ["bad_timestamp"]


@pytest.mark.parametrize("loss", ["unknown, 500 or so", "about 300", "none of 500", "1,500"])
def test_a_loss_with_a_number_that_cannot_be_read_is_not_dropped(loss):
    assert validated(complaint(loss_amount=loss))[1]["code"].to_pylist() == ["bad_amount"]


@pytest.mark.parametrize(
    ("faults", "sound", "schema", "validate"),
    [
        (COMPLAINT_FAULTS, complaint, COMPLAINT_LOOSE, validate_complaints),
        (CALL_FAULTS, call, CALL_LOOSE, validate_calls),
    ],
    ids=["complaints", "calls"],
)
def test_one_bad_row_of_each_kind_among_good_ones(faults, sound, schema, validate):
    rows, expected = [], []
    for position, (name, value, code) in enumerate(faults, 1):
        rows.append(sound(position=2 * position - 1))
        rows.append(sound(position=2 * position, raw=b"row %d" % position) | {name: value})
        expected.append((2 * position, code, name, f"row {position}"))
    batch = pa.RecordBatch.from_pylist(rows, schema)
    accepted, rejects, _ = validate(batch, AS_OF, CLOCK)
    assert accepted["position"].to_pylist() == list(range(1, 2 * len(faults), 2))
    codes = [
        (reject["position"], reject["code"], reject["field"].partition("[")[0], reject["raw"])
        for reject in rejects.to_pylist()
    ]
    assert codes == expected
    assert {reject["stage"] for reject in rejects.to_pylist()} == {Stage.VALIDATE}


READ_BY_READERS = {
    Code.BAD_ENCODING,
    Code.BROKEN_JSON,
    Code.NOT_AN_OBJECT,
    Code.BROKEN_CSV,
    Code.BROKEN_TOKEN,
    Code.ROW_TOO_LARGE,
    Code.TRUNCATED_FILE,
    Code.UNREADABLE_FILE,
    Code.OVER_LIMIT,
    Code.WRONG_TYPE,
}


def test_every_code_of_validation_is_reached_above():
    reached = {code for _, _, code in COMPLAINT_FAULTS + CALL_FAULTS}
    assert reached == set(Code) - READ_BY_READERS


CASES = [
    (COMPLAINT_ROWS, COMPLAINT_LOOSE, COMPLAINT_ACCEPTED, validate_complaints),
    (CALL_ROWS, CALL_LOOSE, CALL_ACCEPTED, validate_calls),
]


def check_rows_alone_and_together(rows, loose, schema, validate):
    padded = pa.RecordBatch.from_pylist(rows[:1] + rows + rows[:1], loose)
    batch = padded.slice(min(1, len(rows)), len(rows))
    accepted, rejects, _ = validate(batch, AS_OF, CLOCK)
    assert accepted.schema.equals(schema, check_metadata=True)
    assert rejects.schema == REJECT
    accepted.validate(full=True)
    rejects.validate(full=True)
    assert accepted.num_rows + rejects.num_rows == len(rows)
    for field in schema:
        assert field.nullable or accepted[field.name].null_count == 0
    alone = [validate(batch.slice(row, 1), AS_OF) for row in range(len(rows))]
    assert [row for outcome in alone for row in outcome[0].to_pylist()] == accepted.to_pylist()
    assert [row for outcome in alone for row in outcome[1].to_pylist()] == rejects.to_pylist()


@draws(60)
@given(COMPLAINT_ROWS)
def test_any_complaints_are_accepted_or_rejected_each_on_its_own(rows):
    check_rows_alone_and_together(rows, *CASES[0][1:])


@draws(60)
@given(CALL_ROWS)
def test_any_calls_are_accepted_or_rejected_each_on_its_own(rows):
    check_rows_alone_and_together(rows, *CASES[1][1:])


def test_messages_hold_nothing_of_the_row():
    batch = pa.RecordBatch.from_pylist(
        [complaint() | {name: value} for name, value, _ in COMPLAINT_FAULTS], COMPLAINT_LOOSE
    )
    _, rejects, _ = validate_complaints(batch, AS_OF)
    given_values = {
        value for _, value, _ in COMPLAINT_FAULTS if isinstance(value, str) and len(value) > 3
    }
    for message in rejects["message"].to_pylist():
        assert not any(value in message for value in given_values)
    by_fault = Counter(zip(*(rejects[name].to_pylist() for name in ("code", "field")), strict=True))
    messages = set(
        zip(*(rejects[name].to_pylist() for name in ("code", "field", "message")), strict=True)
    )
    assert len(messages) == len(by_fault)


def test_a_role_in_capitals_is_still_the_victims():
    numbers = [{"raw": "+12025550143", "role": "Victim"}, {"raw": "+18885550123", "role": None}]
    accepted, _, _ = validated(complaint(phone_numbers=numbers))
    assert [number["role"] for number in accepted["phone_numbers"][0].as_py()] == [
        "victim",
        "mentioned",
    ]


def test_strange_words_of_open_vocabularies_are_counted_not_refused():
    accepted, _, coerced = validated(complaint(channel="pigeon"))
    assert accepted["channel"].to_pylist() == ["other"]
    assert coerced == {"channel": 1}
    batch = pa.RecordBatch.from_pylist([call(direction="sideways", attestation="Z")], CALL_LOOSE)
    accepted, _, coerced = validate_calls(batch)
    assert accepted["direction"].to_pylist() == [None]
    assert coerced == {"direction": 1, "attestation": 1}


def test_a_strange_status_of_a_payment_is_counted_by_the_name_of_its_field():
    payments = [{"status": "completed"}, {"status": "vanished"}, {"status": None}]
    accepted, rejects, coerced = validated(complaint(payments=payments))
    assert (accepted.num_rows, rejects.num_rows) == (1, 0)
    assert coerced == {"payments[].status": 1}


def test_a_claimed_brand_has_no_blanks_around_it():
    rows = [complaint(claimed_brand=brand) for brand in (" Amazon\u00a0", "Amazon", "  ")]
    accepted, _, _ = validated(*rows)
    assert accepted["claimed_brand"].to_pylist() == ["Amazon", "Amazon", None]


def test_a_run_refuses_records_after_its_own_clock_and_counts_coerced_words():
    late = (CLOCK + timedelta(days=2)).isoformat()
    rows = [complaint(channel="pigeon"), complaint(received_at=late)]
    batch = pa.RecordBatch.from_pylist(rows, COMPLAINT_LOOSE)
    step = Validate(RecordKind.COMPLAINT, AS_OF, CLOCK)
    with beam.Pipeline("FnApiRunner") as pipeline:
        outputs = pipeline | beam.Create([batch]) | step
        codes = outputs[REJECTS] | beam.FlatMap(lambda rejects: rejects["code"].to_pylist())
        assert_that(codes, equal_to([Code.IN_FUTURE]), label="rejects")
        coerced = (("complaint_words_coerced", "channel"), 1)
        assert_that(outputs[COUNTERS], equal_to([coerced]), label="counters")


def test_lists_stay_with_their_rows():
    first = [{"raw": "1", "role": "callback"}, {"raw": "2", "role": None}]
    rows = [complaint(phone_numbers=numbers) for numbers in (None, first, [], None, first[:1])]
    accepted, _, _ = validated(*rows)
    raws = [
        [number["raw"] for number in numbers or []]
        for numbers in accepted["phone_numbers"].to_pylist()
    ]
    assert raws == [[], ["1", "2"], [], [], ["1"]]


def test_every_spelling_of_a_pseudonym_is_the_same_person():
    spellings = ["z1", "Z1", " z1 ", "ｚ１", "z 1", "Z\u00a01", "z\u20031"]
    assert {folded_pseudonym(spelling) for spelling in spellings} == {"z1"}
