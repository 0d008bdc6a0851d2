"""E-mail addresses have roles, in every format of the input contract."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_LOOSE
from schemas.enums import EMAIL_ROLES, RecordKind, Role
from schemas.reject import Code
from tests.support.made_up_loose import complaint
from tests.support.made_up_records import complaints
from tests.unit.transforms.redact.test_rejects import masked
from transforms.extract.fields import complaint_mentions
from transforms.read.adapters import input_contract
from transforms.read.adapters.registry import group_rows, parse_records
from transforms.read.files import InputFile, ReadOptions
from transforms.read.framing import Origin, Record
from transforms.validate import validate_complaints

ITEMS = [{"address": "a@b.com", "role": "reply_to"}, "c@d.com", None, {"address": "e@f.com"}]

ADDRESSES, ROLES = ["a@b.com", "c@d.com", None, "e@f.com"], ["reply_to", None, None, None]

ORIGIN = Origin("a", "jsonl", RecordKind.COMPLAINT)


def read_json(value):
    line = json.dumps({"complaint_id": "1", "emails": value}).encode()
    return input_contract.read_records(ORIGIN, [Record(1, line, len(line))], ReadOptions())


def test_items_of_json_are_texts_or_objects_with_a_role():
    batch, rejects = read_json(ITEMS)
    assert not rejects
    assert batch["emails"].to_pylist() == [ADDRESSES]
    assert batch["email_roles"].to_pylist() == [ROLES]
    assert read_json(["c@d.com"])[0]["email_roles"].to_pylist() == [None]


@pytest.mark.parametrize("value", ["a@b.com", [{"address": "a", "role": 2}]])
def test_other_items_of_json_are_refused(value):
    _, rejects = read_json(value)
    assert [reject.code for reject in rejects] == [Code.WRONG_TYPE]


def test_a_column_of_parquet_is_of_texts_or_of_structs():
    both = [item if isinstance(item, dict) else {"address": item} for item in ITEMS]
    rows = pa.RecordBatch.from_pylist([{"complaint_id": "1", "emails": both}])
    assert input_contract.misfit_columns(rows.schema, RecordKind.COMPLAINT) == []
    file = InputFile("a.parquet", "a", RecordKind.COMPLAINT, "parquet", "none", 0)
    ((origin, records),) = group_rows(file, rows, 1)
    batch, rejects = parse_records(origin, records, ReadOptions())
    assert not rejects
    assert batch["emails"].to_pylist() == [ADDRESSES]
    assert batch["email_roles"].to_pylist() == [ROLES]


@pytest.mark.parametrize(
    ("emails", "roles", "code"),
    [
        (["a@b.com"], ["Victim"], None),
        (None, None, None),
        (["a@b.com"], ["owner"], Code.BAD_VALUE),
        (["a@b.com", "c@d.com"], ["victim"], Code.BAD_VALUE),
        (None, ["victim"], Code.BAD_VALUE),
    ],
)
def test_a_role_that_is_not_known_or_not_of_one_address_refuses_the_row(emails, roles, code):
    row = complaint(emails=emails, email_roles=roles)
    accepted, rejects, _ = validate_complaints(pa.RecordBatch.from_pylist([row], COMPLAINT_LOOSE))
    assert accepted.schema == COMPLAINT_ACCEPTED
    assert rejects["code"].to_pylist() == ([code] if code else [])
    if not code:
        expected = [roles and [role.lower() for role in roles]]
        assert accepted["email_roles"].to_pylist() == expected


@pytest.mark.parametrize(
    ("address", "stated_role", "role"),
    [
        ("alerts@bankofthewest.com", None, Role.CALLER_ID),
        ("alerts@bankofthewest.com", "reply_to", Role.SENDER),
        ("help@amazon-refund.support", None, Role.SENDER),
        ("x@gmail.com", None, Role.SENDER),
        ("x@gmail.com", "mentioned", Role.MENTIONED),
        ("x@gmail.com", "victim", Role.VICTIM),
    ],
)
def test_a_shown_address_at_a_domain_of_ones_own_is_soft(address, stated_role, role):
    row = {"emails": [address], "email_roles": stated_role and [stated_role]}
    assert complaint_mentions(complaints(row))["role"].to_pylist() == [role]
    assert stated_role is None or stated_role in EMAIL_ROLES


@pytest.mark.parametrize(
    "text",
    [
        '{"emails":[{"address":"jane@gmail.com","role":"victim"}],"narrative":"jane@gmail.com"}',
        '{"emails":[{"role": "victim", "address": "jane@gmail.com"}]}',
        '{"emails":["jane@gmail.com"],"email_roles":["victim"]}',
    ],
)
def test_a_rejected_row_hides_the_victims_address(text):
    assert "jane" not in masked(text)


def test_a_cards_number_as_payee_is_the_victims():
    paid = {"method": "card", "payee": "4111 1111 1111 1111", "amount": None, "currency": None}
    account = paid | {"method": "bank", "payee": "4111 1111 1111 1112"}
    rows = [{"payments": [payment]} for payment in (paid, account)]
    assert complaint_mentions(complaints(*rows))["role"].to_pylist() == [Role.VICTIM, Role.PAYEE]
