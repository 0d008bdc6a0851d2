"""The registry lists every input format, each whole enough to be recognized and read."""

import importlib
import pkgutil

import pytest

from schemas.enums import RecordKind
from schemas.reject import Code
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


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
@pytest.mark.parametrize("kind", RecordKind)
@pytest.mark.parametrize("header", ["", ":a,b", ":a,a"])
@pytest.mark.parametrize(
    "data", [b"", b"{", b"{}", b"[]", b"\xff", b"\0", b'"', b"a,b", b"a" * 70_000, b"NaN"]
)
def test_any_record_is_one_row_or_one_reject(adapter, kind, header, data):
    unread = adapter is EMPTY or kind not in adapter.kinds
    records = [Record(1, data, len(data)), Record(2, b"x", 9, Code.ROW_TOO_LARGE)]
    batch, rejects = parse_records(Origin("f", adapter.name + header, kind), records, ReadOptions())
    batch.validate(full=True)
    assert batch.num_rows + len(rejects) == 2
    assert rejects[0].code == Code.ROW_TOO_LARGE
    assert not unread or rejects[1].code == Code.BAD_VALUE
