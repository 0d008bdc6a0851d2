"""Searches files that leave for values that a run withheld: the last thing before they are written.

Masks are many, and one of them may fail; this does not know them. It looks for values alone, never
for mere shapes: identifiers of victims, what is contested, and the numbers of papers, all of which
it has as keyed hashes (`transforms.victim_register`). Names and bytes of files come in, how many
such values stand in each go out.

A file is read as whoever opens it would read it: unpacked, with the escapes of HTML, JSON and links
decoded, digits of any script as those of ASCII. What is looked up are whole tokens: an address, a
word with a digit in it, a row of digits with the signs of a phone number between them. A number of
fewer than nine digits is no number that a file can be judged by: dates and counts have as many.
"""

from __future__ import annotations

import gzip
import html
import io
import os
import re
import secrets
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.entity import are_withheld, without_epochs
from schemas.manifest import OutputFile
from schemas.tables import CALLS, COMPLAINTS, CONTESTED, ENTITIES, HELD_FOLDER, Table
from transforms.arrow_util import Array, sorted_lookup
from transforms.erasure import RegisterKey
from transforms.manifest import files_of
from transforms.private_files import PrivateStore, open_private, private_files
from transforms.text_spans import (
    ALPHANUMERIC_BYTES,
    FEW_TEXTS,
    find_spans,
    slice_spans,
    string_buffers,
)
from transforms.text_util import digits_to_ascii
from transforms.victim_register import (
    LEAST_TEXT,
    TEXT,
    RegisterSource,
    VictimRegister,
    entries_of_ids,
    international_ids,
    national_digits,
    read_lookup,
    text_key,
    text_of_id,
)
from transforms.write.parquet_files import is_local

BLOCK_BYTES = 1 << 25
"""Bytes of unpacked files that are searched at once, which bounds the memory for it."""

MANY_TEXTS = 4_096
"""Texts of a block from which on those that the run shows are left out before they are searched."""

MOST_UNPACKED = 1 << 28
"""Bytes of a packed file that are searched; one with more is no file of ours."""

LEAST_DIGITS, MOST_DIGITS = 9, 19
"""Digits of a token without letters, at least and at most."""

LEAST_OF_TEXT = 8
"""The same of an account or a paper."""

LEAVING_FOLDERS = ("report/", "graph/")
"""Begins the names of the files of a run that are made to be given to others."""

_DATA_PIECE = b'rt.piece("'
"""Start of a script file of `reports.workbench`: a name, and data between two backquotes."""

_MOST_PIECES = 6

RUN_FOLDER = PrivateStore()
"""Private files in the folder of the run, not sealed."""

_SIGNS = r"[ ().\-/\x{a0}\x{2010}-\x{2015}]"

_TOKEN = (
    r"[A-Za-z0-9._%+\-]*@[A-Za-z0-9.\-]+"
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
)

_ESCAPED = rf"[^\n<>\"]{{0,80}}(?:{_ESCAPE})[^\n<>\"]{{0,80}}"
"""RE2: what is read a second time, decoded."""

_MAY_ESCAPE = r"%|&|\\u|[^\x00-\x7f]"
"""RE2: what a text has that has an escape."""

_JSON_SIGN = re.compile(rb"\\([^u])")

_MOST_SHORT = 7
"""Digits of a whole number that is no token that has a form."""

_OF_LISTS = bytes(
    ord("0" if sign in b"0123456789" else "," if sign in b",[]" else "x") for sign in range(256)
)
"""For each byte: 0 for a digit, a comma for what stands between whole numbers, x for all else."""

_JSON_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")

_REPEATED = re.compile(r"<style>.*?</style>|<script>.*?</script>", re.DOTALL)
"""Parts of a page that all pages have: each is searched once."""

_PIECE = re.compile(r"[^\W_]+")

_MOMENT = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-/.])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?:[T ]\d\d)?(?!\d)"
)
"""A day, with its hour: its digits are those of a telephone number, or of a passport."""


_BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
)
"""Errors of files that are not packed as they begin."""


class Texts(NamedTuple):
    """Texts, and the number of the file that each lot of them is of."""

    files: list[int]
    texts: list[pa.Array]


@dataclass(frozen=True)
class WithheldValues:
    """The values that are looked for: entries of a register and its key.

    `permitted` returns the forms of what may be shown; it is called where something was found.
    `shown` returns texts all of whose forms are permitted, which need no search: most of what a
    report says are ids of its run.
    """

    key: RegisterKey
    register: VictimRegister
    permitted: Callable[[], frozenset[str]] = field(default=frozenset, repr=False)
    shown: Callable[[], pa.Array] | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        """Tells whether there is anything to look for."""
        return bool(len(self.register.ids.heads) or len(self.register.digits.heads))

    def among(self, forms: Sequence[str]) -> frozenset[str]:
        """Returns which of some distinct forms (`forms_of_token`) are withheld."""
        heads = self.key.heads(forms)
        known = (self.register.ids.heads, self.register.digits.heads)
        there = np.logical_or(*(sorted_lookup(one, heads)[1] for one in known))
        found = [forms[at] for at in np.flatnonzero(there).tolist()]
        return frozenset(found) - self.permitted() if found else frozenset()


def withheld_by_run(
    folder: str,
    manifest: Mapping[str, Any],
    source: RegisterSource | None,
    private: PrivateStore = RUN_FOLDER,
) -> WithheldValues:
    """Returns what the run whose tables are in `folder` withheld, as its private files have it.

    What it shows by value is permitted: its own decision, or an analyst's `suspect_held`.

    Args:
        folder: of the run, finished or about to be.
        manifest: its own.
        source: its register and those of others, and their key; None without a key: then only what
            is contested is known.
        private: where its private files are, and the key that opens them.
    """
    known = source or RegisterSource(RegisterKey(secrets.token_bytes(32)))
    ids = list(_contested_ids(folder, manifest, private))
    register = read_lookup(known, [entries_of_ids(ids, known.key)] if ids else ())

    def column(table: Table, name: str) -> pa.Array:
        return _column_of(folder, (one["name"] for one in files_of(manifest, table)), name)

    @cache
    def entities() -> pa.Array:
        return column(ENTITIES, "entity_id")

    @cache
    def records() -> pa.Array:
        # Whoever calls the id of a record the number of their passport must not hold back every
        # page that cites it.
        both = column(COMPLAINTS, "complaint_id"), column(CALLS, "call_id")
        return pa.concat_arrays(both)

    @cache
    def permitted() -> frozenset[str]:
        by_value = entities().filter(pc.invert(are_withheld(entities())))
        return _forms_shown(without_epochs(by_value).to_pylist(), records().to_pylist())

    def shown() -> pa.Array:
        # A withheld id is a hash, which has no forms.
        return pa.concat_arrays([entities(), records()])

    return WithheldValues(known.key, register, permitted, shown)


def without_ids(values: WithheldValues, entity_ids: Iterable[str]) -> WithheldValues:
    """Returns the values but those of some identifiers, which whoever gets the files has already.

    Args:
        values: that a run withheld.
        entity_ids: without epochs.
    """
    known = _forms_shown(list(entity_ids), [])
    return replace(values, permitted=lambda: values.permitted() | known)


def count_withheld(files: Iterable[tuple[str, bytes]], values: WithheldValues) -> dict[str, int]:
    """Returns how many withheld values stand in each of some files, by name, where there is one."""
    counted: dict[str, int] = {}
    if not values:
        return counted
    harmless: set[str] = set()
    for names, read in _blocks(files):
        counted |= _count_in_block(names, read, values, harmless)
    return counted


def hold_back_written(
    folder: str,
    written: list[OutputFile],
    values: WithheldValues,
    private: PrivateStore,
    static: Collection[str] = (),
) -> None:
    """Moves those of the `written` files of a run that name withheld values to its private folder.

    Their lines in `written` then have that place, and as rows how many values stand in them. Where
    nothing private is kept they are removed. `static` names files that hold nothing of a run.
    """
    every = (one["name"] for one in written if one["name"].startswith(LEAVING_FOLDERS))
    names = [one for one in every if one not in static]
    found = count_withheld(((name, _read(folder, name)) for name in names), values)
    for at, one in enumerate(written):
        if count := found.get(one["name"]):
            place = f"{HELD_FOLDER}/{one['name']}"
            _hold_back(folder, one["name"], private)
            written[at] = OutputFile(**one | {"name": place, "rows": count})


def set_aside(folder: str, name: str, content: bytes) -> str:
    """Writes a file that was held back to the private folder of a run; returns where it is."""
    place = f"{HELD_FOLDER}/{name}"
    if is_local(folder):
        path = Path(folder, place)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    else:
        with FileSystems.create(_path(folder, place)) as file:
            file.write(content)
    return f"{folder.rstrip('/')}/{place}"


def count_in_text(text: str, values: WithheldValues) -> int:
    """Returns how many withheld values stand in a text."""
    return sum(count_withheld([("", text.encode())], values).values())


def forms_of_token(token: str) -> Iterator[str]:
    """Yields what the value of a token may have been hashed as."""
    if "@" in token:
        yield f"email:{token.lower().strip('._%+-')}"
        if text := text_key(token):
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
    for at, piece in enumerate(pieces):
        if not piece.isdecimal():
            is_word = len(piece) < LEAST_TEXT and piece.isascii()
            if not is_word and (text := text_key(piece)):
                yield text
            continue
        for last in range(at, min(at + _MOST_PIECES, len(pieces))):
            if not pieces[last].isdecimal():
                break
            digits = "".join(pieces[at : last + 1])
            if len(digits) > MOST_DIGITS:
                break
            yield from _forms_of_digits(digits)


def _forms_of_digits(digits: str) -> Iterator[str]:
    """Yields the same of digits alone."""
    if LEAST_OF_TEXT <= len(digits) <= MOST_DIGITS:
        yield f"{TEXT}{digits}"
    if LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
        yield from international_ids(digits)
        national = national_digits(digits)
        yield from (one for one in national if len(one.partition(":")[2]) >= LEAST_DIGITS)


def _blocks(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[list[str], Texts]]:
    """Yields the names and the texts of some whole files at a time."""
    names, read, size = list[str](), Texts([], []), 0
    for name, content in files:
        for texts in texts_of_file(content):
            read.files.append(len(names))
            read.texts.append(texts)
            size += texts.nbytes
        names.append(name)
        if size >= BLOCK_BYTES:
            yield names, read
            names, read, size = [], Texts([], []), 0
    if names:
        yield names, read


def _count_in_block(
    names: Sequence[str], read: Texts, values: WithheldValues, harmless: set[str]
) -> dict[str, int]:
    """Counts in files what `count_withheld` does; adds to the `harmless` tokens."""
    every = pa.concat_arrays([pa.array([], pa.string()), *read.texts]).dictionary_encode()
    texts = every.dictionary
    if values.shown is not None and len(texts) >= MANY_TEXTS:
        texts = texts.filter(pc.invert(pc.is_in(texts, values.shown())))
    texts = pa.concat_arrays([texts, pa.array([""] * FEW_TEXTS)])  # so that RE2 reads them
    rows, plain = _tokens(texts)
    odd_rows, decoded = _decoded_tokens(texts)
    tokens = pa.concat_arrays([plain, decoded]).dictionary_encode()
    distinct = tokens.dictionary.to_pylist()
    new = {one: tuple(forms_of_token(one)) for one in distinct if one not in harmless}
    found = values.among(list(dict.fromkeys(form for those in new.values() for form in those)))
    bad = {one for one, those in new.items() if not found.isdisjoint(those)} if found else set()
    harmless.update(new.keys() - bad)
    if not bad:
        return {}
    hit = np.array([one in bad for one in distinct], bool)
    at = tokens.indices.to_numpy()
    of_text = texts.take(pa.array(np.concatenate([rows, odd_rows])[hit[at]]))
    pairs = pa.table({"text": of_text, "token": at[hit[at]]})
    files = np.repeat(np.array(read.files, np.int64), [len(one) for one in read.texts])
    places = pa.table({"text": every.cast(pa.string()), "file": files})
    wanted = places.filter(pc.is_in(places["text"], of_text.unique()))
    both = wanted.join(pairs, "text", join_type="inner").select(["file", "token"])
    counted: dict[str, int] = {}
    for number in sorted(both.group_by(["file", "token"]).aggregate([])["file"].to_pylist()):
        counted[names[number]] = counted.get(names[number], 0) + 1
    return counted


def _tokens(texts: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the tokens of texts and the row of each."""
    spans = find_spans(texts, _TOKEN)
    offsets, data = string_buffers(texts)
    begin = offsets[spans.rows] + spans.starts
    inner = (
        (spans.starts > 0) & ALPHANUMERIC_BYTES[data[np.maximum(begin - 1, 0)]] if len(data) else []
    )
    # With the letter before, the first piece of such a token is no value, and the others stay.
    spans = spans._replace(starts=spans.starts - np.array(inner, np.int64))
    return spans.rows, slice_spans(texts, spans)


def _decoded_tokens(every: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the tokens around escapes in texts, once these are decoded, and the row of each."""
    odd = np.flatnonzero(pc.match_substring_regex(every, _MAY_ESCAPE))
    texts = pa.concat_arrays([every.take(pa.array(odd)), pa.array([""] * FEW_TEXTS)])
    spans = find_spans(texts, _ESCAPED)
    written = slice_spans(texts, spans).dictionary_encode()
    decoded = [decode_escapes(one) for one in written.dictionary.to_pylist()]
    rows, tokens = _tokens(pa.array([*decoded, *[""] * FEW_TEXTS], pa.string()))
    order = np.argsort(written.indices.to_numpy(), kind="stable")
    sorted_ = written.indices.to_numpy()[order]
    first, end = (np.searchsorted(sorted_, rows, side) for side in ("left", "right"))
    places = [order[a:b] for a, b in zip(first.tolist(), end.tolist(), strict=True)]
    counts = np.array([len(one) for one in places], np.int64)
    where = np.concatenate([np.empty(0, np.int64), *places])
    return odd[spans.rows[where]], tokens.take(pa.array(np.repeat(np.arange(len(tokens)), counts)))


def decode_escapes(text: str) -> str:
    """Decodes the escapes of JSON, HTML and links, links in links too, to compatible characters."""
    plain = _JSON_ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)
    plain = unquote(unquote(unquote(html.unescape(plain))))
    compatible = digits_to_ascii(unicodedata.normalize("NFKC", plain))
    return compatible.encode("utf-8", "replace").decode()


def texts_of_file(content: bytes, depth: int = 2) -> list[pa.Array]:
    """Returns the texts in a file: unpacked if it is packed, of a table its columns of text.

    They are cut where no token or escape goes on: at ends of lines and at quotes. What only begins
    like a packed file is read as it is.
    """
    try:
        return list(_texts_within(content, depth))
    except _BROKEN:
        return [_texts_of(content)]


def _texts_of(content: bytes) -> pa.Array:
    """Returns the lines of a text, cut at quotes; what pages repeat stands there once."""
    if b"<style>" in content or b"<script>" in content:
        text = content.decode("utf-8", "replace")
        parts = dict.fromkeys(_REPEATED.findall(text))
        content = "\n".join([_REPEATED.sub(" ", text), *parts]).encode()
    if not content.isascii():
        content = content.decode("utf-8", "replace").encode()
    signs = np.frombuffer(content + b"\n", np.uint8)
    cuts = np.flatnonzero((signs == ord('"')) | (signs == ord("\n")))
    offsets = np.append(0, cuts - np.arange(len(cuts))).astype(np.int32)
    kept = content.translate(None, b'"\n')
    return pa.StringArray.from_buffers(len(cuts), pa.py_buffer(offsets), pa.py_buffer(kept))


def _texts_of_piece(lines: bytes) -> Iterator[pa.Array]:
    """Yields the texts of the data of a workbench, without its line of short numbers."""
    texts, _, numbers = lines.partition(b"\n")
    yield _texts_of(texts)
    if b"\\" in texts:
        # The letter of an escape is no part of what follows, and another one may be within it.
        yield _texts_of(
            _JSON_SIGN.sub(lambda sign: sign[1] if sign[1] in b'"\\/' else b"\n", texts)
        )
    # Of lists of whole numbers that are all so short none has a form.
    signs = numbers.translate(_OF_LISTS)
    if b"x" in signs or b"0" * (_MOST_SHORT + 1) in signs:
        yield _texts_of(numbers)


def _texts_within(content: bytes, depth: int) -> Iterator[pa.Array]:
    if content[:2] == b"\x1f\x8b" and depth:
        yield from texts_of_file(_decompressed(content), depth - 1)
    elif content[: len(_DATA_PIECE)] == _DATA_PIECE:
        head, lines, rest = content.split(b"`", 2)
        yield from _texts_of_piece(lines)
        yield _texts_of(head + b"\n" + rest)
    elif content[:4] == b"PK\x03\x04" and depth:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for one in archive.infolist():
                with archive.open(one) as member:
                    yield from texts_of_file(member.read(MOST_UNPACKED), depth - 1)
    elif content[:4] == b"PAR1":
        file = pa.BufferReader(content)
        schema = pq.read_schema(file)
        coded = [one.name for one in schema if pa.types.is_string(one.type)]
        read = [one.name for one in schema if not _is_numeric(one.type)]
        # A dot in a name would be a path.
        columns = None if any("." in one for one in schema.names) else read
        whole = pq.read_table(file, columns=columns, use_threads=False, read_dictionary=coded)
        for column in whole.columns:
            yield from _texts_of_column(column)
    elif content[:5] == b"%PDF-":
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
            try:
                plain = zlib.decompressobj().decompress(stream, MOST_UNPACKED)
            except zlib.error:
                continue  # a font or a picture
            yield _texts_of(plain.decode("latin-1").encode())
    else:
        yield _texts_of(content)


def _decompressed(content: bytes) -> bytes:
    """Returns the first `MOST_UNPACKED` bytes within a gzip file."""
    one = zlib.decompressobj(wbits=31)
    plain = one.decompress(content, MOST_UNPACKED)
    if one.eof and not one.unused_data:
        return plain
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:  # of several parts, or cut off
        return file.read(MOST_UNPACKED)


def _texts_of_column(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yields the distinct texts of a column, however deep they stand."""
    kind = column.type
    if pa.types.is_list(kind):
        yield from _texts_of_column(pc.list_flatten(column))
    elif pa.types.is_struct(kind):
        for part in kind:
            yield from _texts_of_column(pc.struct_field(column, part.name))
    elif pa.types.is_dictionary(kind):
        for chunk in column.chunks:
            yield chunk.dictionary.cast(pa.string()).drop_null()
    elif pa.types.is_string(kind):
        yield pc.unique(column).drop_null()


def _is_numeric(kind: pa.DataType) -> bool:
    """Tells whether a column of a type has no text that `_texts_of_column` yields."""
    of = pa.types
    tests = (of.is_temporal, of.is_integer, of.is_floating, of.is_boolean)
    return any(test(kind) for test in tests)


def _path(folder: str, name: str) -> str:
    return str(FileSystems.join(folder.rstrip("/"), *name.split("/")))


def _read(folder: str, name: str) -> bytes:
    if is_local(folder):
        return Path(folder, name).read_bytes()
    with FileSystems.open(_path(folder, name)) as file:
        return bytes(file.read())


def _hold_back(folder: str, name: str, private: PrivateStore) -> None:
    if private.kept:
        set_aside(private.staging or folder, name, _read(folder, name))
    FileSystems.delete([_path(folder, name)])


def _contested_ids(
    folder: str, manifest: Mapping[str, Any], private: PrivateStore
) -> Iterator[str]:
    """Yields the ids of what a run has under withheld ones, as its private files tell."""
    root = private.staging or manifest.get("private_output") or folder
    for path in private_files(str(root), {"private": manifest.get("private")}, CONTESTED):
        with FileSystems.open(path) as sealed:
            file = open_private(sealed, path, CONTESTED, private.key)
            rows = pq.read_table(file, columns=["kind", "value"])
        for kind, value in zip(*(one.to_pylist() for one in rows.columns), strict=True):
            yield f"{kind}:{value}"


def _column_of(folder: str, names: Iterable[str], column: str) -> pa.Array:
    """Returns a column of text of Parquet files below a folder, without nulls."""
    found = [pa.array([], pa.string())]
    for name in names:
        content = pa.BufferReader(_read(folder, name))
        found += pq.read_table(content, columns=[column], use_threads=False)[column].chunks
    return pa.concat_arrays(found).drop_null()


def _forms_shown(entity_ids: list[str], texts: list[str]) -> frozenset[str]:
    """Returns the forms of identifiers and of what is within them or the texts.

    A form's number stands in its address.
    """
    _, parts = _tokens(pa.array([*entity_ids, *texts, *[""] * FEW_TEXTS], pa.string()))
    within = map(forms_of_token, pc.unique(parts).to_pylist())
    return frozenset(chain.from_iterable(chain(map(_forms_of_id, entity_ids), within)))


def _forms_of_id(entity_id: str) -> set[str]:
    """Returns the forms of an identifier, without its epoch, that is shown by value."""
    value = entity_id.rpartition(":")[2]
    digits = value.lstrip("+")
    forms = {entity_id, *(one for one in (text_of_id(entity_id), text_key(value)) if one)}
    return forms | {f"phone:+{digits}", f"digits:{digits}"} if digits.isdecimal() else forms
