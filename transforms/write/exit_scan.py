"""Searches files that leave for values that a run withheld, as the last step before writing.

There are many masks, and any may fail. This search does not depend on them. It looks up values, not
shapes: victims' identifiers, contested identifiers and document numbers, as keyed hashes
(`transforms.victims.victim_register`). Names and bytes of files come in. The number of withheld
values in each file goes out.

A file is read as its reader would (`transforms.gates.file_texts`), and its texts also after
decoding (`transforms.decode`). Whole tokens are looked up: an address, a word with a digit, or
digits joined by the signs of a phone number. Numbers of fewer than nine digits are ignored, since
dates and counts have as many.
"""

from __future__ import annotations

import os
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.entity import are_withheld, without_epochs
from schemas.enums import RecordKind
from schemas.field import SMALL_INTEGER
from schemas.manifest import OutputFile
from schemas.tables import CALLS, COMPLAINTS, CONTESTED, ENTITIES, HELD_FOLDER, Table
from transforms.arrow import (
    ALPHANUMERIC_BYTES,
    Array,
    Spans,
    find_rare_spans,
    find_spans,
    group_changes,
    is_among,
    row_tuples,
    slice_spans,
    sorted_lookup,
    string_buffers,
)
from transforms.custody import (
    PrivateStore,
    RegisterKey,
    files_of,
    open_private,
    private_files,
    record_key,
)
from transforms.decode.addresses import ADDRESS_HINT
from transforms.decode.escapes import plain_in_place, read_plainly
from transforms.decode.number_words import DIGIT_WORDS_HINT
from transforms.decode.readings import OPENED, TOKEN_HINT, open_tokens, recipients
from transforms.gates import open_bytes, texts_of_file
from transforms.victims import (
    LEAST_TEXT,
    TEXT,
    RegisterSource,
    VictimRegister,
    entries_of_ids,
    international_ids,
    national_digits,
    read_lookup,
    records_naming,
    text_key,
    text_of_id,
)
from transforms.victims.record_texts import FORMS, candidate_digits, find_addresses, find_digits
from transforms.write.parquet_files import is_local

BLOCK_BYTES = 1 << 25
"""Bytes of unpacked files that are searched at once, which bounds the memory for it."""

MANY_TEXTS = 4_096
"""Least texts of a block for which texts that the run shows are left out before the search."""

LEAST_DIGITS, MOST_DIGITS = 9, 19
"""Least and most digits of a token without letters."""

LEAST_OF_TEXT = 8
"""Least digits of an account's or document's number."""

LEAVING_FOLDERS = ("report/", "graph/")
"""Folders of a run's files that are made for others."""

_MOST_PIECES = 6

RUN_FOLDER = PrivateStore()
"""Private files in the folder of the run, not sealed."""

_SIGNS = r"[ ().\-/\x{a0}\x{2010}-\x{2015}]"

_TOKEN = (
    r"[A-Za-z0-9._%+=\-]*@[A-Za-z0-9.\-]+"
    r"|[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?"
    rf"|[0-9](?:{_SIGNS}{{0,3}}[0-9]){{6,60}}[A-Za-z0-9]*"
    r"|[A-Za-z]+[0-9][A-Za-z0-9]{4,}|[0-9]+[A-Za-z][A-Za-z0-9]{5,}"
)
"""RE2: an address, an IBAN, a row of digits, or a word with a digit."""

_ESCAPE = (
    r"%(?:25)*[2-7][0-9A-Fa-f]"
    r"|&#0*(?:32|4[0-9]|5[0-7]|6[4-9]|[7-9][0-9]|1[012][0-9]|[0-9]{4,5});?|&#[xX][0-9A-Fa-f]{2,5};?"
    r"|&(?:commat|plus|period|nbsp);"
    r"|\\u(?:00[0-7][0-9A-Fa-f]|[fF]{2}[0-5])"
    r"|[\x{ff01}-\x{ff5e}\x{660}-\x{669}\x{6f0}-\x{6f9}\x{966}-\x{96f}\x{9e6}-\x{9ef}\x{e50}-\x{e59}]"
    r"|[\x{3b1}-\x{3c9}\x{430}-\x{45f}]"
)

_CODED = rf"[^\n<>\"]*(?:{_ESCAPE}|{TOKEN_HINT})[^\n<>\"]*"
"""RE2: the parts of a text that are decoded and read again."""

_WHOLE = 4_000
"""Most characters of a line decoded together: a token takes the square of its length in time."""

_PART = 80
"""Length of the parts of a text that are searched again for coded values, in characters."""

_AROUND = 200
"""Bytes that are read on both sides of an address's sign."""

_NUMBER = rf"[0-9](?:{_SIGNS}{{0,3}}[0-9]){{8}}"
"""RE2: digits enough for a telephone number."""

_RECORDS = ((RecordKind.COMPLAINT, COMPLAINTS, "complaint_id"), (RecordKind.CALL, CALLS, "call_id"))

_PIECE = re.compile(r"[^\W_]+")

_MOMENT = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-/.])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?:[T ]\d\d)?(?!\d)"
)
"""A day with an hour, whose digits could be a telephone number's or a passport's."""

Reader = Callable[[bytes], list[pa.Array]]
"""Returns the texts in a file."""

Block = list[tuple[str, pa.Array]]
"""The names of some whole files, and texts in each."""


@dataclass(frozen=True)
class WithheldValues:
    """The values to search for: entries of a register and its key.

    `permitted` returns the forms of values that may be shown; it is called only after a hit.
    `shown` returns texts that need no search, since all of their forms are permitted: the run's
    entities, which make up much of a report.
    """

    key: RegisterKey
    register: VictimRegister
    permitted: Callable[[], frozenset[str]] = field(default=frozenset, repr=False)
    shown: Callable[[], pa.Array] | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        """Tells whether there is anything to look for."""
        return bool(len(self.register.ids.heads) or len(self.register.digits.heads))

    def among(self, forms: Sequence[str]) -> frozenset[str]:
        """Returns the withheld forms among distinct forms (`forms_of_token`)."""
        hits = _registered(forms, self.key, self.register)
        return hits - self.permitted() if hits else hits


def withheld_by_run(
    folder: str,
    manifest: Mapping[str, Any],
    source: RegisterSource | None,
    private: PrivateStore = RUN_FOLDER,
) -> WithheldValues:
    """Returns the values that the run in `folder` withheld, by its private files.

    Values that the run shows are permitted, by its own decision or an analyst's `suspect_held`. So
    are ids of records: a reporter who calls an id a passport number must not hold back every page
    that cites it. But an id that is the number of its own record's victim is a leak.

    Args:
        folder: The run's folder, finished or about to be.
        manifest: The run's manifest.
        source: The victim registers that the run reads, and their key. None without a key; then
            only contested identifiers are known.
        private: The place of the private files, and the key that opens them.
    """
    known = source or RegisterSource(RegisterKey(secrets.token_bytes(32)))
    contested = list(_contested_ids(folder, manifest, private))
    register = read_lookup(known, [entries_of_ids(contested, known.key)] if contested else ())

    def column(table: Table, name: str) -> pa.Array:
        return _column_of(folder, (file["name"] for file in files_of(manifest, table)), name)

    @cache
    def entities() -> pa.Array:
        return column(ENTITIES, "entity_id")

    def records() -> pa.Array:
        """Returns the ids of records, but those that are the number of their own victim."""
        ids = [
            _ids_of_others(kind, column(table, "source_org"), column(table, name), known, register)
            for kind, table, name in _RECORDS
        ]
        return pa.concat_arrays(ids)

    @cache
    def permitted() -> frozenset[str]:
        by_value = entities().filter(pc.invert(are_withheld(entities())))
        return _forms_shown(without_epochs(by_value).to_pylist(), records().to_pylist())

    # Of the ids that are shown the withheld ones are hashes, which have no forms.
    return WithheldValues(known.key, register, permitted, shown=entities)


def _ids_of_others(
    kind: RecordKind,
    orgs: pa.Array,
    ids: pa.Array,
    source: RegisterSource,
    register: VictimRegister,
) -> pa.Array:
    """Returns ids of records but those that are a number which the same record withholds."""
    rows = np.flatnonzero(pc.match_substring_regex(ids, _NUMBER)).tolist()
    forms = {row: frozenset(forms_of_token(ids[row].as_py())) for row in rows}
    known = _registered(list(frozenset().union(*forms.values())), source.key, register)
    leaks = np.zeros(len(ids), bool)
    for row, of_id in forms.items():
        if hits := known & of_id:
            (own,) = source.key.record_macs([record_key(kind, orgs[row].as_py(), ids[row].as_py())])
            leaks[row] = own in records_naming(source, hits)
    return ids.filter(~leaks)


def _registered(forms: Sequence[str], key: RegisterKey, register: VictimRegister) -> frozenset[str]:
    """Returns the forms, of distinct forms, that a register has."""
    heads = key.heads(forms)
    known = (hashes.heads for hashes in (register.ids, register.digits))
    there = np.logical_or(*(sorted_lookup(entries, heads)[1] for entries in known))
    return frozenset(forms[place] for place in np.flatnonzero(there).tolist())


def without_ids(values: WithheldValues, entity_ids: Iterable[str]) -> WithheldValues:
    """Returns the values without those of identifiers that the files' recipient has already.

    Args:
        values: The values that a run withheld.
        entity_ids: Ids without epochs.
    """
    known = _forms_shown(list(entity_ids), [])
    return replace(values, permitted=lambda: values.permitted() | known)


def count_withheld(
    files: Iterable[tuple[str, bytes]], values: WithheldValues, read: Reader = texts_of_file
) -> dict[str, int]:
    """Returns the number of withheld values in each file that has any, by name.

    `read` returns the texts of a file in a syntax of its own.
    """
    counted: dict[str, int] = {}
    if not values:
        return counted
    harmless: set[str] = set()
    for block in _blocks(files, read):
        counted |= _count_in_block(block, values, harmless)
    return counted


def hold_back_written(
    folder: str,
    written: list[OutputFile],
    values: WithheldValues,
    private: PrivateStore,
    static: Collection[str],
    read: Reader,
) -> None:
    """Moves `written` files of a run that name withheld values to its private folder.

    Their entries in `written` get the new place, and as rows the number of withheld values. If
    the run keeps nothing private, the files are removed. `static` names files without data of a
    run; `read` returns the texts of a file.
    """
    every = (file["name"] for file in written if file["name"].startswith(LEAVING_FOLDERS))
    names = [name for name in every if name not in static]
    counts = count_withheld(((name, _read(folder, name)) for name in names), values, read)
    for number, file in enumerate(written):
        if count := counts.get(file["name"]):
            place = f"{HELD_FOLDER}/{file['name']}"
            _hold_back(folder, file["name"], private)
            written[number] = OutputFile(**file | {"name": place, "rows": count})


def set_aside(folder: str, name: str, content: bytes) -> str:
    """Writes a held-back file to the private folder of a run; returns its path."""
    place = f"{HELD_FOLDER}/{name}"
    if is_local(folder):
        path = Path(folder, place)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    else:
        with FileSystems.create(f"{folder.rstrip('/')}/{place}") as file:
            file.write(content)
    return f"{folder.rstrip('/')}/{place}"


def count_in_text(text: str, values: WithheldValues) -> int:
    """Returns the number of withheld values in a text."""
    return sum(count_withheld([("", text.encode())], values).values())


def forms_of_token(token: str) -> Iterator[str]:
    """Yields the forms in which a token's value may have been hashed."""
    if "@" in token:
        local, _, host = token.lower().strip("._%+-=").rpartition("@")
        # Before an address stands what a link calls it; in it, whom a bounce goes to.
        names = dict.fromkeys((local, local.rpartition("=")[2]))
        for address in (*(f"{name}@{host}" for name in names), *recipients(local)):
            yield f"email:{address}"
            if text := text_key(address):
                yield text
        return
    if token.isalnum() and token.isascii() and not token.isdigit():
        yield f"{TEXT}{token.lower()}"
        return
    if token.isdigit() and token.isascii():
        yield from _forms_of_digits(token)
        return
    token = _MOMENT.sub(" day ", token)
    pieces = _PIECE.findall(token)
    if len(pieces) > 1 and any(map(str.isalpha, token)) and (text := text_key(token)):
        yield text  # an IBAN in groups
    for first, piece in enumerate(pieces):
        if not piece.isdecimal():
            is_word = len(piece) < LEAST_TEXT and piece.isascii()
            if not is_word and (text := text_key(piece)):
                yield text
            continue
        for last in range(first, min(first + _MOST_PIECES, len(pieces))):
            if not pieces[last].isdecimal():
                break
            digits = "".join(pieces[first : last + 1])
            if len(digits) > MOST_DIGITS:
                break
            yield from _forms_of_digits(digits)


def _forms_of_digits(digits: str) -> Iterator[str]:
    """Yields the hashed forms of a token of digits."""
    if LEAST_OF_TEXT <= len(digits) <= MOST_DIGITS:
        yield f"{TEXT}{digits}"
    if LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
        yield from international_ids(digits)
        national = national_digits(digits)
        yield from (form for form in national if len(form.partition(":")[2]) >= LEAST_DIGITS)


def _blocks(files: Iterable[tuple[str, bytes]], read: Reader) -> Iterator[Block]:
    """Yields some whole files at a time."""
    block: Block = []
    size = 0
    for name, content in files:
        for texts in read(content):
            block.append((name, texts))
            size += texts.nbytes
        if size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _count_in_block(block: Block, values: WithheldValues, harmless: set[str]) -> dict[str, int]:
    """Counts withheld values in a block of files; adds to the `harmless` tokens."""
    texts = pa.concat_arrays([lot for _, lot in block]).unique()
    if values.shown is not None and len(texts) >= MANY_TEXTS:
        texts = texts.filter(pc.invert(pc.is_in(texts, values.shown())))
    parts = [
        _tokens(texts),
        _decoded_tokens(texts),
        _hidden_digits(texts),
        _hidden_addresses(texts),
    ]
    tokens = pa.concat_arrays([part for _, part in parts])
    distinct = (token for token in tokens.unique().to_pylist() if token not in harmless)
    new = {token: tuple(forms_of_token(token)) for token in distinct}
    hits = values.among(list(dict.fromkeys(chain.from_iterable(new.values()))))
    # What names an address is found in several ways, and counts as the address.
    bad = {
        token: min(hits.intersection(forms)) if "@" in token else token
        for token, forms in new.items()
        if not hits.isdisjoint(forms)
    }
    harmless.update(new.keys() - bad.keys())
    if not bad:
        return {}
    is_bad = is_among(tokens, bad)
    rows = pa.array(np.concatenate([rows for rows, _ in parts])).filter(is_bad)
    by_text = defaultdict[str, set[str]](set)
    for text, token in zip(
        texts.take(rows).to_pylist(), tokens.filter(is_bad).to_pylist(), strict=True
    ):
        by_text[text].add(bad[token])
    by_file = defaultdict[str, set[str]](set)
    for name, lot in block:
        for text in lot.filter(is_among(lot, by_text)).unique().to_pylist():
            by_file[name] |= by_text[text]
    return {name: len(values_of_file) for name, values_of_file in by_file.items()}


def _tokens(texts: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the tokens of texts and the row of each."""
    spans = find_spans(texts, _TOKEN)
    offsets, data = string_buffers(texts)
    begin = offsets[spans.rows] + spans.starts
    inner = (spans.starts > 0) & ALPHANUMERIC_BYTES[data[np.maximum(begin - 1, 0)]]
    # With the letter before, the first piece of such a token is no value, and the others stay.
    spans = spans._replace(starts=spans.starts - inner)
    return spans.rows, slice_spans(texts, spans)


def _decoded_tokens(texts: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the tokens around encoded parts of texts, after decoding, and their rows."""
    spans = find_rare_spans(texts, _CODED)
    written = slice_spans(texts, spans).dictionary_encode()
    decoded = ["\n".join(_readings(text)) for text in written.dictionary.to_pylist()]
    rows, tokens = _tokens(pa.array(decoded, pa.string()))
    of_text = pa.table({"text": pa.array(rows, SMALL_INTEGER), "token": tokens})
    of_row = pa.table({"text": written.indices, "row": spans.rows})
    both = of_text.join(of_row, "text", join_type="inner")
    return both["row"].to_numpy(), both["token"].combine_chunks()


def _readings(line: str) -> set[str]:
    """Returns the readings of a line: decoded, with tokens opened, and in plain letters."""
    readings: set[str] = set()
    for end in range(_WHOLE, len(line) + _WHOLE, _WHOLE):
        text = line[max(0, end - _WHOLE - 2 * _PART) : end]
        decoded = read_plainly(text)
        plain = decoded if decoded.isascii() else plain_in_place(decoded)
        readings |= {decoded, plain, open_tokens(text).text, open_tokens(decoded).text}
        # Of the values in a long token `open_tokens` opens the first alone: read its parts, too.
        starts = range(0, len(text) if len(text) > _PART else 0, _PART)
        readings |= {open_tokens(text[start : start + 2 * _PART]).text for start in starts}
    return readings


def _hidden_digits(texts: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the rows and the digits of numbers written in words."""
    rows = np.flatnonzero(pc.match_substring_regex(texts, DIGIT_WORDS_HINT))
    runs = find_digits(texts.take(rows))
    said = runs.take(np.flatnonzero(runs.form % FORMS > OPENED))
    of_text, digits = candidate_digits(said)
    written = pc.replace_substring_regex(texts.take(rows), "[^0-9]+", "")
    beside = zip(digits.to_pylist(), written.take(of_text).to_pylist(), strict=True)
    hidden = np.array([number not in shown for number, shown in beside], bool)
    return rows[of_text[hidden]], digits.filter(hidden)


def _hidden_addresses(texts: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the rows and the addresses whose signs are spelled out or obfuscated."""
    spans = find_rare_spans(texts, ADDRESS_HINT)
    starts, ends = spans.starts - _AROUND, spans.ends + _AROUND
    # What stands near another sign is read with it, and once.
    apart = group_changes(spans.rows)
    apart[1:] |= starts[1:] > ends[:-1]
    first = np.flatnonzero(apart)
    last = np.append(first[1:], len(apart))[: len(first)] - 1
    rows = spans.rows[first]
    addresses = find_addresses(slice_spans(texts, Spans(rows, starts[first], ends[last])))
    return rows[addresses.text], pc.utf8_slice_codeunits(addresses.entity_ids, len("email:"))


def _read(folder: str, name: str) -> bytes:
    with open_bytes(f"{folder.rstrip('/')}/{name}") as file:
        return file.read()


def _hold_back(folder: str, name: str, private: PrivateStore) -> None:
    if private.kept:
        set_aside(private.staging or folder, name, _read(folder, name))
    FileSystems.delete([f"{folder.rstrip('/')}/{name}"])


def _contested_ids(
    folder: str, manifest: Mapping[str, Any], private: PrivateStore
) -> Iterator[str]:
    """Yields the real ids behind a run's withheld ids, from its private files."""
    root = private.staging or manifest.get("private_output") or folder
    for path in private_files(str(root), {"private": manifest.get("private")}, CONTESTED):
        with open_bytes(path) as sealed:
            file = open_private(sealed, path, CONTESTED, private.key)
            rows = pq.read_table(file, columns=["kind", "value"])
        for kind, value in row_tuples(rows):
            yield f"{kind}:{value}"


def _column_of(folder: str, names: Iterable[str], column: str) -> pa.Array:
    """Returns a column of text of Parquet files below a folder, without nulls."""
    chunks = [pa.array([], pa.string())]
    for name in names:
        content = pa.BufferReader(_read(folder, name))
        chunks += pq.read_table(content, columns=[column], use_threads=False)[column].chunks
    return pa.concat_arrays(chunks).drop_null()


def _forms_shown(entity_ids: list[str], texts: list[str]) -> frozenset[str]:
    """Returns the forms of identifiers and of what is within them or the texts.

    A form's number stands in its address.
    """
    _, parts = _tokens(pa.array([*entity_ids, *texts], pa.string()))
    within = map(forms_of_token, pc.unique(parts).to_pylist())
    return frozenset(chain.from_iterable(chain(map(_forms_of_id, entity_ids), within)))


def _forms_of_id(entity_id: str) -> set[str]:
    """Returns the forms of an identifier, without its epoch, that is shown by value."""
    value = entity_id.rpartition(":")[2]
    digits = value.lstrip("+")
    forms = {entity_id, *filter(None, (text_of_id(entity_id), text_key(value)))}
    return forms | {f"phone:+{digits}", f"digits:{digits}"} if digits.isdecimal() else forms
