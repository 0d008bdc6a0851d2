"""The victim register: withheld identifiers as keyed hashes, by which later runs refuse them.

A run must recognize a victim's identifier, even if today's records do not say whose it is, without
storing it. So the register keeps HMAC-SHA256 of the canonical id under the organisation's secret.
The register without the secret reveals no number, even to an attacker who tries all. An entry says
how many reporters called the identifier a victim's.

Entries, files and ids to look up come in. The entries of a run, and the reporters of each id, go
out. An entry of a number has a second hash, of the digits dialed in its own country. It finds the
number inside an address, a name or a link. Other entries have a second hash of their letters and
digits, by which `transforms.write.exit_scan` finds them in a text. Document numbers that a run
masked have entries only for that search.

Erased records are known by keyed hashes too (`ErasureList`). If few records name an identifier, its
entry has their hashes, and ends when all of them are erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, islice
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.complaint import COMPLAINT_TEXTS, PAPER
from schemas.entity import VICTIM_ENTRY
from schemas.enums import EntityKind, RecordKind
from schemas.field import FLAG, INTEGER
from schemas.tables import VICTIMS
from transforms.arrow import (
    Array,
    aggregate,
    fill_columns,
    is_among,
    one_table,
    row_tuples,
    sorted_lookup,
    true_mask,
)
from transforms.custody import (
    Erasures,
    PrivateKey,
    RegisterKey,
    open_private,
    private_files,
    read_manifest,
    read_or_keep,
)
from transforms.decode.escapes import read_plainly
from transforms.engine import KeyedInput, PerPartition, batches_of
from transforms.gates import open_bytes
from transforms.victims.number_index import IDD_PREFIXES, trunk_prefix
from transforms.victims.record_texts import MIN_DIGITS, candidate_digits, find_digits, record_texts
from transforms.victims.stated_numbers import chosen_names

REGISTER_CHANGE = pa.schema(
    [*(pa.field(column.name, column.type) for column in VICTIM_ENTRY), ("leaves", FLAG)]
)
"""An entry. With `leaves` the entry of its `mac` ends, and the other columns do not count."""

REGISTERED = pa.schema({"entity_id": pa.string(), "reporters": INTEGER})
"""A bare id that is in the register or contains a registered number, and its reporters' count."""

NOT_REGISTERED = REGISTERED.empty_table()

MOST_RECORDS = 16
"""Most records whose hashes an entry has. With more, it does not end by erasing one person."""

LOOKED_UP = ("mac", "digits_mac", "kind", "reporters")
"""Columns of an entry that a lookup compares."""

_SINCE_ERASURES = "records"
"""A column that registers of older versions lack."""

_PLACE_TIME = 21
"""Length of the time and mark in ACTIVITY's `place`, before the record's key, in characters."""

_PHONE = f"{EntityKind.PHONE}:"

_IN_ONE_PIECE = (EntityKind.ACCOUNT, EntityKind.HANDLE, EntityKind.REMOTE, EntityKind.WALLET)

_DIGITS = "digits:"
"""Prefix of national digits when hashed, so that they differ from an entity id."""

TEXT = "text:"
"""Prefix of the letters and digits of any other value when hashed."""

PAPER_KIND = "paper"
"""The kind of a document number's entry. No id that is looked up has it."""

LEAST_TEXT = 6
"""Least letters and digits of a value that is searched for in texts."""

_HEAD_DIGITS = 16
"""Hexadecimal digits of a hash that a lookup compares: 64 bits suffice, since choosing a hash needs
the secret."""


class RegisterError(ValueError):
    """A file is no victim register, or not of the right key; the message is a single line."""


@dataclass(frozen=True)
class RegisterSource:
    """The registers, all under `key`, whose identifiers a run refuses.

    Attributes:
        key: The secret of the registers.
        files: Files of registers.
        folder: A run folder with a register. A stream reads it again at each tick, since the run
        may
            be replaced.
        private: Opens sealed files.
        erasures: Erased records. An entry that rests only on them is not kept.
    """

    key: RegisterKey
    files: tuple[str, ...] = ()
    folder: str | None = None
    private: PrivateKey | None = None
    erasures: Erasures = field(default_factory=Erasures)

    def locate(self) -> tuple[str, ...]:
        """Returns the files of all registers. Raises OSError if the run does not exist."""
        if self.folder is None:
            return self.files
        return (*self.files, *private_files(self.folder, read_manifest(self.folder), VICTIMS))


class Hashes(NamedTuple):
    """The first 64 bits of hashes, sorted, and the reporters of each."""

    heads: Array
    reporters: Array

    def look_up(self, macs: pa.Array) -> Array:
        """Returns the number of reporters of each hash, 0 without an entry."""
        places, there = sorted_lookup(self.heads, _heads(macs))
        counts = np.zeros(len(macs), np.int64)
        counts[there] = self.reporters[places[there]]
        return counts

    def without(self, macs: pa.Array) -> Hashes:
        """Returns the hashes without those of `macs`."""
        kept = ~np.isin(self.heads, _heads(macs))
        return Hashes(self.heads[kept], self.reporters[kept])


@dataclass(frozen=True)
class VictimRegister:
    """The entries of registers for a lookup, 16 bytes each or 32 with national digits.

    `ids` has the hashes of all entries, `kinds` their kinds, `digits` the hashes of national
    digits.
    """

    ids: Hashes
    digits: Hashes
    kinds: frozenset[str]

    def find(self, entity_ids: pa.Array, key: RegisterKey) -> pa.Table:
        """Returns the ids that are in the register or contain a registered number, as REGISTERED.

        `entity_ids` are distinct bare ids.
        """
        counts = np.zeros(len(entity_ids), np.int64)
        if len(self.ids.heads):
            kinds = pc.replace_substring_regex(entity_ids, r":.*$", "")
            rows = np.flatnonzero(true_mask(is_among(kinds, self.kinds)))
            counts[rows] = self.ids.look_up(key.macs(entity_ids.take(rows).to_pylist()))
        if len(self.digits.heads):
            rows, names = chosen_names(entity_ids)
            of_name, digits = candidate_digits(find_digits(names))
            np.maximum.at(counts, rows[of_name], self.reporters_of_digits(digits, key))
        there = np.flatnonzero(counts)
        columns = [entity_ids.take(there), pa.array(counts[there])]
        return pa.table(columns, schema=REGISTERED)

    def without(self, entity_ids: Iterable[str], key: RegisterKey) -> VictimRegister:
        """Returns the register without the entries of some ids."""
        gone = sorted(entity_ids)
        if not gone or not len(self.ids.heads):
            return self
        digits = self.digits.without(_text_macs(gone, key).drop_null())
        return VictimRegister(self.ids.without(key.macs(gone)), digits, self.kinds)

    def reporters_of_digits(self, candidates: pa.Array, key: RegisterKey) -> Array:
        """Returns, for each text of dialed digits, the number of reporters of that phone number."""
        distinct = candidates.dictionary_encode()
        texts = distinct.dictionary.to_pylist()
        counts = np.zeros(len(texts), np.int64)
        for hashes, read_as in ((self.ids, international_ids), (self.digits, national_digits)):
            readings = [(row, form) for row, text in enumerate(texts) for form in read_as(text)]
            if readings:
                rows, ids = zip(*readings, strict=True)
                np.maximum.at(counts, np.array(rows), hashes.look_up(key.macs(ids)))
        return counts[distinct.indices.to_numpy()]


def make_lookup(entries: Iterable[pa.RecordBatch]) -> VictimRegister:
    """Makes a lookup of VICTIM_ENTRY batches, which need only the columns `LOOKED_UP`."""
    ids: list[Hashes] = []
    digits: list[Hashes] = []
    kinds: set[str] = set()
    for batch in entries:
        counts = batch["reporters"].to_numpy()
        numbers = true_mask(pc.is_valid(batch["digits_mac"]))
        ids.append(Hashes(_heads(batch["mac"]), counts))
        digits.append(Hashes(_heads(batch["digits_mac"].drop_null()), counts[numbers]))
        kinds.update(pc.unique(batch["kind"]).to_pylist())
    return VictimRegister(_merge_hashes(ids), _merge_hashes(digits), frozenset(kinds))


def register_changes(
    activity: pa.Table, owners: pa.Table, leaving: Iterable[str], key: RegisterKey
) -> pa.Table:
    """Returns the changes of the register by entities' status, as REGISTER_CHANGE rows.

    Each withheld identifier has a single row, however many records name it.

    Args:
        activity: ACTIVITY rows of whole entities, under bare ids.
        owners: `entity_id` of each victim's identifier, and `own_by`: how many reporters say so.
        leaving: Bare ids whose entries end.
        key: The secret of the register.
    """
    rows = activity.filter(pc.is_in(activity["entity_id"], pc.unique(owners["entity_id"])))
    counted = aggregate(rows, "entity_id", [("kind", "min"), ("first_seen", "min")])
    ids = counted["entity_id"].combine_chunks()
    who = owners["own_by"].take(pc.index_in(ids, pc.unique(owners["entity_id"])))
    entries = _named_ids(ids.to_pylist(), key) | {
        "kind": counted["kind"].combine_chunks(),
        "reporters": pc.max_element_wise(who, 1).combine_chunks(),
        "first_seen": counted["first_seen"].combine_chunks(),
        "records": _records_of(ids, activity, key),
    }
    made = _changes(len(ids), entries, key)
    return pa.concat_tables([made, entries_that_leave(leaving, key)]).combine_chunks()


def paper_changes(records: pa.RecordBatch, key: RegisterKey) -> pa.Table:
    """Returns entries of document numbers in COMPLAINT_READ rows, as REGISTER_CHANGE rows."""
    texts = record_texts(records, COMPLAINT_TEXTS)
    of_text, spans = texts.of_column(records["private"])
    is_paper = true_mask(pc.equal(spans.field("what"), PAPER))
    places = (spans.field(name).to_numpy()[is_paper].tolist() for name in ("start", "end"))
    written = texts.texts.take(of_text[is_paper]).to_pylist()
    keys = [text_key(text[a:b]) for text, a, b in zip(written, *places, strict=True)]
    kept = np.array([value is not None for value in keys], bool)
    values = [value for value in keys if value is not None]
    rows = pa.array(texts.rows[of_text[is_paper]][kept])
    orgs, ids = (records[name].take(rows) for name in ("source_org", "complaint_id"))
    names = pc.binary_join_element_wise(RecordKind.COMPLAINT, orgs, ids, "|").to_pylist()
    entries = {
        "mac": key.macs(f"{PAPER_KIND}:{value}" for value in values),
        "digits_mac": key.macs(values),
        "kind": PAPER_KIND,
        "reporters": 1,
        "first_seen": records["received_at"].take(rows),
        "records": pa.array([mac.hex() for mac in key.record_macs(names)], pa.string()),
    }
    return _changes(len(values), entries, key)


def _changes(count: int, entries: Mapping[str, Any], key: RegisterKey) -> pa.Table:
    """Makes REGISTER_CHANGE rows of entries under a key, which by default do not leave."""
    columns = {"key_id": key.key_id, "leaves": False, **entries}
    return one_table(fill_columns(count, columns, REGISTER_CHANGE))


def _named_ids(entity_ids: Sequence[str], key: RegisterKey) -> dict[str, pa.Array]:
    """Returns both hashes of bare ids: of the id, and of its digits or text."""
    return {"mac": key.macs(entity_ids), "digits_mac": _text_macs(entity_ids, key)}


def text_key(value: str) -> str | None:
    """Returns the form of a value that is hashed to find it in texts; None for a mere word.

    Any value with an @ or a digit and at least `LEAST_TEXT` letters and digits has such a form.
    """
    plain = read_plainly(value).lower()
    kept = "".join(filter(str.isalnum, plain))
    known = len(kept) >= LEAST_TEXT and ("@" in plain or any(map(str.isdecimal, kept)))
    return f"{TEXT}{kept}" if known else None


def entries_that_leave(entity_ids: Iterable[str], key: RegisterKey) -> pa.Table:
    """Returns REGISTER_CHANGE rows that end the entries of bare ids."""
    macs = key.macs(sorted(set(entity_ids)))
    return _changes(len(macs), {"mac": macs, "leaves": True}, key)


def merge_changes(changes: pa.Table) -> pa.Table:
    """Returns the VICTIM_ENTRY rows after REGISTER_CHANGE rows of whole entries.

    An identifier's largest number of reporters counts, since the same people are in the records of
    many days. Its first time counts too. An identifier that leaves in any row has no entry.
    """
    gone = pc.unique(changes["mac"].filter(changes["leaves"]))
    kept = changes.filter(pc.invert(pc.is_in(changes["mac"], gone)))
    smallest = [(name, "min") for name in ("digits_mac", "kind", "first_seen", "key_id")]
    merged = aggregate(kept, "mac", [*smallest, ("reporters", "max"), ("records", "list")])
    records = pa.array(map(_merge_records, merged["records_list"].to_pylist()), pa.string())
    merged = merged.drop_columns(["records_list"]).append_column("records", records)
    return merged.select(VICTIM_ENTRY.names).cast(VICTIM_ENTRY)


def own_register(
    source: RegisterSource, folder: str, manifest: Mapping[str, Any]
) -> RegisterSource:
    """Returns the register that a run wrote in a folder, under the key of `source`."""
    listed = {"private": manifest.get("private")}
    files = tuple(private_files(folder, listed, VICTIMS))
    return RegisterSource(source.key, files, private=source.private)


def entries_of_ids(entity_ids: Iterable[str], key: RegisterKey) -> pa.RecordBatch:
    """Returns entries of bare ids, filled as far as a lookup needs (`LOOKED_UP`)."""
    ids = list(entity_ids)
    kinds = pa.array([entity_id.partition(":")[0] for entity_id in ids], pa.string())
    columns = _named_ids(ids, key) | {"kind": kinds, "reporters": 1}
    return fill_columns(len(ids), columns, REGISTER_CHANGE)


def check_register_file(path: str, private: PrivateKey | None = None) -> tuple[str | None, int]:
    """Returns the key id of a file's entries, or None without entries, and their number.

    Raises:
        RegisterError: The file is no register of a single key.
        PrivateFileError: The file is sealed with another key than `private`.
    """
    ids: set[str | None] = set()
    count = 0
    for batch in _read_entries(path, ["key_id"], private):
        ids.update(pc.unique(batch["key_id"]).to_pylist())
        count += batch.num_rows
    if len(ids) > 1 or None in ids:
        raise RegisterError(f"{path}: is no victim register of one key; was it edited?")
    return next(iter(ids), None), count


def read_lookup(source: RegisterSource, more: Iterable[pa.RecordBatch] = ()) -> VictimRegister:
    """Reads the lookup of all registers of a source, with `more` entries.

    Raises:
        OSError: A file cannot be opened.
        RegisterError: A file is no register of the source's key.
    """
    return make_lookup(chain(_entries_of(source, source.locate(), LOOKED_UP), more))


def records_naming(source: RegisterSource, forms: Iterable[str]) -> set[bytes]:
    """Returns the keyed hashes of records that name identifiers with these forms, if they are few.

    `forms` are ids, national digits or texts, as they are hashed.
    """
    macs = source.key.macs(forms)
    records: set[bytes] = set()
    for batch in _entries_of(source, source.locate(), ("mac", "digits_mac", "records")):
        hit = pc.or_(pc.is_in(batch["mac"], macs), pc.is_in(batch["digits_mac"], macs))
        for listed in batch["records"].filter(hit).drop_null().to_pylist():
            records.update(map(bytes.fromhex, listed.split()))
    return records


def changed_lookup(source: RegisterSource, changes: Iterable[pa.RecordBatch]) -> VictimRegister:
    """Returns the lookup of a source's registers after REGISTER_CHANGE batches."""
    every = [*_earlier_entries(None, source), *changes]
    return make_lookup(merge_changes(pa.Table.from_batches(every, REGISTER_CHANGE)).to_batches())


@dataclass(eq=False)
class KeepRegister(beam.PTransform):
    """Converts the changes of a run (REGISTER_CHANGE) to its register (VICTIM_ENTRY).

    The entries of the registers in `source` are merged in. `start` has an element for each window
    whose register is kept.
    """

    source: RegisterSource
    start: beam.PCollection

    def expand(self, changes: beam.PCollection) -> Any:
        """Groups changes by the hash of the identifier, and merges them."""
        earlier = self.start | "Earlier entries" >> beam.FlatMap(_earlier_entries, self.source)
        both = (changes, earlier) | "With earlier" >> beam.Flatten()
        keyed = {"changes": KeyedInput(REGISTER_CHANGE, ("mac",))}
        return {"changes": both} | "Merge" >> PerPartition(keyed, merge_changes)


class ReadRegister(beam.DoFn):
    """Reads the registers of `source` as a VictimRegister, for each element."""

    def __init__(self, source: RegisterSource) -> None:
        self._source = source
        self._known: tuple[object, VictimRegister] | None = None

    def process(self, _: object) -> Iterator[VictimRegister]:
        """Reads the lookup, and reads it again if the files have changed."""
        self._known = read_or_keep(self._read, self._known)
        yield self._known[1]

    def _read(self) -> tuple[object, VictimRegister]:
        files = self._source.locate()
        seen = [(path, FileSystems.last_updated(path)) for path in files]
        if self._known is not None and self._known[0] == seen:
            return self._known
        return seen, make_lookup(_entries_of(self._source, files, LOOKED_UP))


def _entries_of(
    source: RegisterSource, files: Iterable[str], columns: Iterable[str]
) -> Iterator[pa.RecordBatch]:
    """Yields columns of the entries of files. Raises RegisterError for another key's entry."""
    for path in files:
        for batch in _read_entries(path, [*columns, "key_id"], source.private):
            if pc.any(pc.not_equal(batch["key_id"], source.key.key_id)).as_py():
                raise RegisterError(f"{path}: is a victim register of another key")
            yield batch


def _earlier_entries(_: object, source: RegisterSource) -> Iterator[pa.RecordBatch]:
    for batch in _entries_of(source, source.locate(), VICTIM_ENTRY.names):
        rows = one_table(batch).select(VICTIM_ENTRY.names)
        if source.erasures.known is not None:
            rows = source.erasures.known.shorten(rows)
        columns = {name: rows[name].combine_chunks() for name in rows.column_names}
        yield from batches_of(_changes(rows.num_rows, columns, source.key))


def _read_entries(
    path: str, columns: list[str], private: PrivateKey | None
) -> Iterator[pa.RecordBatch]:
    """Yields the distinct columns of a file of entries.

    Raises:
        OSError: The file cannot be opened.
        PrivateFileError: The file is sealed with another key.
        RegisterError: The file is no Parquet of the contract.
    """
    with open_bytes(path) as file:
        try:
            parquet = pq.ParquetFile(open_private(file, path, VICTIMS, private))
            there = {*parquet.schema_arrow.names, _SINCE_ERASURES}
            if not set(VICTIM_ENTRY.names) <= there:
                raise RegisterError(f"{path}: is no victim register; give private/victims of a run")
            names = list(dict.fromkeys(columns))
            schema = pa.schema([VICTIM_ENTRY.field(name) for name in names])
            for batch in parquet.iter_batches(columns=names):
                read = dict(zip(batch.schema.names, batch.columns, strict=True))
                yield fill_columns(batch.num_rows, read, schema)
        except pa.ArrowException:
            raise RegisterError(
                f"{path}: is no victim register; give a file of private/victims of a run"
            ) from None


def _records_of(ids: pa.Array, activity: pa.Table, key: RegisterKey) -> pa.Array:
    """Returns the column `records` of the entries of ids, from ACTIVITY rows of whole entities."""
    rows = activity.filter(pc.is_in(activity["entity_id"], ids))
    counts = pc.add(rows["complaints"], rows["calls"]).to_pylist()
    named_at = row_tuples(rows, "entity_id", "records", "place")
    places: dict[str, set[str] | None] = {}
    for (entity_id, listed, place), count in zip(named_at, counts, strict=True):
        # ACTIVITY lists no records unless a reporter calls the id a victim's. The place names one.
        alone = [place[_PLACE_TIME:].rsplit("|", 2)[0]] if count == 1 else None
        known, more = places.setdefault(entity_id, set()), listed or alone
        whole = None if known is None or more is None else known.union(more)
        places[entity_id] = None if whole is None or len(whole) > MOST_RECORDS else whole
    named = [places.get(entity_id) or () for entity_id in ids.to_pylist()]
    hashed = key.record_macs(chain.from_iterable(named))
    listed = (sorted(mac.hex() for mac in islice(hashed, len(keys))) for keys in named)
    return pa.array([" ".join(macs) or None for macs in listed], pa.string())


def _merge_records(parts: list[str | None]) -> str | None:
    """Returns the value of `records` for an entry in several files; None if there are too many."""
    macs = {mac for part in parts if part is not None for mac in part.split()}
    many = None in parts or len(macs) > MOST_RECORDS
    return None if many else " ".join(sorted(macs))


def international_ids(digits: str) -> Iterator[str]:
    """Yields the entity ids of numbers that digits dial with a country code."""
    for prefix in IDD_PREFIXES:
        if digits.startswith(prefix):
            yield f"{_PHONE}+{digits[len(prefix) :]}"


def national_digits(digits: str) -> Iterator[str]:
    """Yields, in hashed form, the national numbers that digits may dial."""
    for prefix in _trunk_prefixes():
        if digits.startswith(prefix) and len(digits) - len(prefix) >= MIN_DIGITS:
            yield f"{_DIGITS}{digits[len(prefix) :]}"


@cache
def _trunk_prefixes() -> tuple[str, ...]:
    """Returns the prefixes dialed before a national number in any country, also the empty text."""
    codes = {trunk_prefix(str(code)) for code in pn.COUNTRY_CODE_TO_REGION_CODE}
    return tuple(sorted({"", "0", *codes}))


def _text_macs(entity_ids: Iterable[str], key: RegisterKey) -> pa.Array:
    """Hashes ids' second texts (`text_of_id`), null without one."""
    texts = [text_of_id(entity_id) for entity_id in entity_ids]
    hashed = iter(key.macs(text for text in texts if text).to_pylist())
    return pa.array([next(hashed) if text else None for text in texts], pa.string())


def text_of_id(entity_id: str) -> str | None:
    """Returns the second hashed text of an id: national digits, or letters and digits."""
    kind, _, value = entity_id.partition(":")
    if kind == EntityKind.PHONE:
        digits = _national_number(entity_id)
        return f"{_DIGITS}{digits}" if digits else None
    return text_key(value.rpartition(":")[2]) if kind in _IN_ONE_PIECE else None


def _national_number(entity_id: str) -> str | None:
    """Returns the digits after the country code; no country code is the beginning of another."""
    kind, _, digits = entity_id.partition("+")
    codes = pn.COUNTRY_CODE_TO_REGION_CODE
    size = next((n for n in (1, 2, 3) if digits[:n].isdecimal() and int(digits[:n]) in codes), None)
    if kind != _PHONE or size is None or len(digits) - size < MIN_DIGITS:
        return None
    return digits[size:]


def _heads(macs: pa.Array) -> Array:
    """Returns the first 64 bits of hashes in hexadecimal digits."""
    begin = pc.utf8_slice_codeunits(macs, 0, _HEAD_DIGITS)
    joined = "".join(begin.to_pylist())
    return np.frombuffer(bytes.fromhex(joined), ">i8").astype(np.int64)


def _merge_hashes(parts: Iterable[Hashes]) -> Hashes:
    """Sorts distinct hashes, with the largest number of reporters of each."""
    none = Hashes(np.empty(0, np.int64), np.empty(0, np.int64))
    heads, reporters = (
        np.concatenate(parts_of_column) for parts_of_column in zip(none, *parts, strict=True)
    )
    distinct, place = np.unique(heads, return_inverse=True)
    most = np.zeros(len(distinct), np.int64)
    np.maximum.at(most, place, reporters)
    return Hashes(distinct, most)
