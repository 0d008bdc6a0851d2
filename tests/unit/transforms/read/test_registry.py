"""The registry lists every input format, each whole enough to be recognized and read."""

import importlib
import json
import pkgutil

import pytest
from hypothesis import given, strategies as st

from schemas.enums import RecordKind
from schemas.mapping import parse_map
from schemas.reject import Code
from tests.support.examples import draws
from transforms.read import adapters
from transforms.read.adapters.base import Adapter, Layout
from transforms.read.adapters.registry import ADAPTERS, EMPTY, parse_records
from transforms.read.files import ReadOptions
from transforms.read.framing import Origin, Record


def test_every_adapter_of_a_module_is_listed_once():
    modules = (
        importlib.import_module(f"{adapters.__name__}.{module.name}")
        for module in pkgutil.iter_modules(adapters.__path__)
    )
    made = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Adapter)
    }
    assert made == {adapter.name: adapter for adapter in ADAPTERS}
    assert len(made) == len(ADAPTERS)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_an_adapter_is_whole(adapter):
    assert adapter.needed_columns <= set(adapter.header)
    assert len(set(adapter.header)) == len(adapter.header)
    if adapter.layout == Layout.CSV:
        assert (adapter.convert or adapter.read) is not None
    elif adapter.layout not in (Layout.REJECTS, Layout.EMPTY):
        assert adapter.read is not None
    if adapter.in_array:
        assert adapter.read is not None
    assert (adapter.row_objects is not None) == (adapter.layout == Layout.PARQUET)


OF_EVERY_TARGET = parse_map(
    """version = 1
kind = "complaint"
source_org = "acme"
[file]
format = "csv"
[columns]
id = "complaint_id"
issue_date = "received_at"
raw = ["phone.victim", "loss_amount", "url", "email.victim", "victim_country"]
[times]
issue_date = "iso-local"
""",
    "m.toml",
)
"""A map of a column into fields of every type."""

KEYS = (
    "id issue_date caller_id_number raw role amount urls emails payments phone_numbers narrative "
    "complaint_id loss_amount identity caller_profile uuid start_epoch billsec"
).split()

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)

DATA = st.one_of(
    st.sampled_from([b"", b"{", b"[]", b"\0", b'"', b"a" * 70_000, b"NaN"]),
    st.binary(max_size=60),
    st.lists(st.text(max_size=20)).map(lambda cells: ",".join(cells).encode("utf-8", "replace")),
    VALUES.map(json.dumps).map(str.encode),
    st.fixed_dictionaries({"variables": VALUES, "callflow": VALUES})
    .map(json.dumps)
    .map(str.encode),
)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@draws(150)
@given(
    kind=st.sampled_from(RecordKind),
    header=st.sampled_from(["", ":a,b", ":a,a", ":id,issue_date,raw"]),
    data=DATA,
    maps=st.sampled_from([(), (OF_EVERY_TARGET,)]),
)
def test_any_record_is_one_row_or_one_reject(adapter, kind, header, data, maps):
    unread = adapter is EMPTY or kind not in adapter.kinds
    records = [Record(1, data, len(data)), Record(2, b"x", 9, Code.ROW_TOO_LARGE)]
    origin = Origin("f", adapter.name + header, kind)
    batch, rejects = parse_records(origin, records, ReadOptions(maps=maps))
    batch.validate(full=True)
    assert batch.num_rows + len(rejects) == 2
    assert rejects[0].code == Code.ROW_TOO_LARGE
    assert not unread or rejects[1].code == Code.BAD_VALUE
