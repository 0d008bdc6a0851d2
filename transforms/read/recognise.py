"""Which format a file has, from the first of its bytes."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import replace

from schemas.kinds import RecordKind
from transforms.read import passport, rejects_file
from transforms.read.errors import InputError
from transforms.read.files import InputFile, labels, match
from transforms.read.formats import FORMATS
from transforms.read.heads import (
    HEAD_BYTES,
    OPTION,
    UnrecognisedError,
    known,
    parquet_format,
    text_format,
    wrong_kind,
)
from transforms.read.options import ReadOptions
from transforms.read.streams import compression, head, raw_blocks

__all__ = ["ReadOptions", "plan", "recognised"]

_FOREIGN = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\x03\x04": "zip",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
}


def plan(complaints: Sequence[str], calls: Sequence[str], options: ReadOptions) -> list[InputFile]:
    """The files that the patterns mean, each with its format, complaints first, by path.

    Raises InputError for a pattern without a file, a file of no known format, a file given
    for the other record kind, and Parquet or CSV that lacks the contract's columns.
    """
    _check(options)
    given = {RecordKind.COMPLAINT: match(complaints), RecordKind.CALL: match(calls)}
    named = labels([file.path for files in given.values() for file in files])
    return [
        recognised(
            InputFile(file.path, named[file.path], kind, "", "none", file.size_in_bytes), options
        )
        for kind, files in given.items()
        for file in files
    ]


def _check(options: ReadOptions) -> None:
    """Raise InputError for options that no file can be read with."""
    for kind in RecordKind:
        name = options.format_for(kind)
        if name is not None and (name not in FORMATS or kind not in FORMATS[name].kinds):
            raise InputError(f"{OPTION[kind]}-format", "no such format", known(kind))
    try:
        passport.load_keys(options.passport_keys)
    except ValueError:
        remedy = "give PEM texts of public keys or certificates"
        raise InputError("PASSporT keys", "not elliptic curve keys", remedy) from None


def recognised(file: InputFile, options: ReadOptions) -> InputFile:
    """The file with its format, compression and header.

    Raises:
        InputError: if it cannot be opened, or has no format that `options` let it have.
    """
    try:
        start = next(raw_blocks(file.path, 0, HEAD_BYTES), b"")
    except OSError as error:
        raise InputError(file.path, "cannot be opened", "check your access to it") from error
    packed = compression(start)
    file = replace(file, compression=packed)
    data, damaged = head(file.path, packed, HEAD_BYTES)
    for magic, name in _FOREIGN.items():
        if data.startswith(magic):
            remedy = "convert it to UTF-8" if "text" in name else "unpack it, or use gzip or zstd"
            raise InputError(file.path, f"{name} is not read", remedy)
    is_parquet = data.startswith(b"PAR1")
    if not is_parquet and data.count(b"\0") * 4 > len(data):
        raise InputError(file.path, "not text (every other byte is NUL)", "convert it to UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip() and len(data) < HEAD_BYTES - len(codecs.BOM_UTF8):
        return replace(file, format="jsonl" if damaged else "empty")
    wanted = options.format_for(file.kind)
    try:
        found = (
            parquet_format(file, options)
            if is_parquet
            else text_format(file, data, wanted, options)
        )
    except UnrecognisedError as problem:
        raise InputError(file.path, str(problem), known(file.kind)) from None
    if wanted is not None and found.format not in (wanted, rejects_file.NAME):
        raise InputError(
            file.path,
            f"it is {FORMATS[found.format].about}, not {wanted}",
            "name its format, or none",
        )
    if file.kind not in FORMATS[found.format].kinds:
        raise wrong_kind(file, FORMATS[found.format].about)
    return found
