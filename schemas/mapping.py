"""The map: how the columns of a company's own export become the fields of the input contract.

`ringtrace map` guesses one and writes it as TOML, a person corrects it, and `--map` reads by it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from schemas.call import CALL_INPUT
from schemas.complaint import COMPLAINT_INPUT
from schemas.enums import (
    COUNTRIES,
    CURRENCIES,
    EMAIL_ROLES,
    NUMBER_ROLES,
    Channel,
    Direction,
    RecordKind,
    Speaker,
)
from schemas.records import parse_toml
from schemas.signed_fields import SLUG

MAP_VERSION = 1

IGNORE = "ignore"
"""The target of a column that is not read at all: a name, an address, or what nothing needs."""

UNKNOWN = "unknown"
"""The meaning of an unknown word: the field is absent."""

DEFAULT_DELIMITER, DEFAULT_ENCODING, DEFAULT_DECIMAL = ",", "utf-8", "."

DELIMITERS = (DEFAULT_DELIMITER, ";", "\t", "|")

EAST_ASIAN = ("cp932", "cp949", "gb18030", "big5")
"""Encodings of two bytes a character, of which the second may be a letter or a bar."""

ENCODINGS = (
    *(DEFAULT_ENCODING, "cp1252", "latin-1", "mac_roman", "cp1250", "cp1251", "cp1253"),
    *EAST_ASIAN,
)
"""Encodings in which line ends, quotes and delimiters except the bar have bytes of their own.

So a file can be split into rows before decoding.
"""


class FileFormat(StrEnum):
    """Formats of files that a map reads."""

    CSV = "csv"
    JSONL = "jsonl"
    JSON = "json"
    PARQUET = "parquet"
    XLSX = "xlsx"


class TimeForm(StrEnum):
    """Forms of a time: `iso` names its zone, the others need not but for epochs.

    `excel-serial` is a number of days since 1900. `time-of-day` is of a column beside that of the
    date.
    """

    ISO = "iso"
    ISO_LOCAL = "iso-local"
    MONTH_FIRST = "month-first"
    DAY_FIRST = "day-first"
    UNDECIDED = "undecided"
    MONTH_NAME = "month-name"
    EPOCH_SECONDS = "epoch-seconds"
    EPOCH_MILLISECONDS = "epoch-milliseconds"
    EPOCH_MICROSECONDS = "epoch-microseconds"
    RFC_5322 = "rfc5322"
    EXCEL_SERIAL = "excel-serial"
    TIME_OF_DAY = "time-of-day"


ZONELESS = frozenset(
    {
        TimeForm.ISO_LOCAL,
        TimeForm.MONTH_FIRST,
        TimeForm.DAY_FIRST,
        TimeForm.UNDECIDED,
        TimeForm.MONTH_NAME,
        TimeForm.EXCEL_SERIAL,
    }
)
"""Forms of times that need not name their zone."""

LIST_FIELDS = ("phone_numbers", "urls", "emails", "email_roles", "remote_access", "payments")
"""The fields of a complaint that are lists."""

NUMBER_TARGETS = tuple(f"phone.{role}" for role in NUMBER_ROLES)

EMAIL_TARGETS = tuple(f"email.{role}" for role in EMAIL_ROLES)

PAYMENT_TARGETS = tuple(
    f"payment.{part.name}" for part in COMPLAINT_INPUT.field("payments").type.value_type
)

PAID_AT = "payment.paid_at"

URL_TARGET = "url"

REMOTE_PREFIX = "remote_access."
"""Before the name of a product, such as anydesk, whose ids on the operator's side a column has."""

_REMOTE = re.compile(rf"{re.escape(REMOTE_PREFIX)}[A-Za-z0-9_-]{{1,64}}")

SCALARS: Mapping[RecordKind, tuple[str, ...]] = {
    RecordKind.COMPLAINT: tuple(name for name in COMPLAINT_INPUT.names if name not in LIST_FIELDS),
    RecordKind.CALL: tuple(CALL_INPUT.names),
}
"""The fields of one value."""

ID_FIELDS = {RecordKind.COMPLAINT: "complaint_id", RecordKind.CALL: "call_id"}

HASHED = ".hashed"
"""Behind an id that looks like an address, as Call-IDs of SIP do: a hash of it stands for it."""

TARGETS: Mapping[RecordKind, tuple[str, ...]] = {
    RecordKind.COMPLAINT: (
        *SCALARS[RecordKind.COMPLAINT],
        f"complaint_id{HASHED}",
        *NUMBER_TARGETS,
        URL_TARGET,
        *EMAIL_TARGETS,
        *PAYMENT_TARGETS,
    ),
    RecordKind.CALL: (*SCALARS[RecordKind.CALL], f"call_id{HASHED}"),
}
"""All that a column may be read as, by record kind, besides `remote_access.PRODUCT`."""

TIME_FIELDS = ("received_at", "occurred_at", "started_at")

TIME_FIELD = {RecordKind.COMPLAINT: "received_at", RecordKind.CALL: "started_at"}
"""The time that a record must have."""

WORD_VALUES: Mapping[str, Collection[str]] = {
    "channel": tuple(Channel),
    "direction": tuple(Direction),
    "narrative_by": tuple(Speaker),
    "victim_country": COUNTRIES,
    "loss_currency": CURRENCIES,
}
"""Fields of a closed vocabulary, whose words a map can translate."""

_NO_CONSTANT = {*TIME_FIELDS, *ID_FIELDS.values(), "victim_id", "narrative", "source_org"}


class MapError(ValueError):
    """A map that cannot be used; its message is one line that says what to do."""


@dataclass(frozen=True)
class FileForm:
    """The form of the files of a map.

    Attributes:
        format: The format.
        delimiter: Between the cells of CSV.
        encoding: Of CSV.
        rows: The dotted key of the array of records in a JSON object; empty for an array.
        sheet: The sheet of xlsx; empty for the first with two rows and columns.
        skip: Rows of CSV or xlsx that are no records: below the header row, or at the top.
        names: The columns of CSV or xlsx without a header row.
    """

    format: FileFormat
    delimiter: str = DEFAULT_DELIMITER
    encoding: str = DEFAULT_ENCODING
    rows: str = ""
    sheet: str = ""
    skip: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordMap:
    """A map: the meaning of each column in a form of file.

    Attributes:
        name: The file it was read from, for messages.
        kind: The kind of record that a row is.
        file: The form of the files.
        columns: The targets of each column, by its name (dotted for an inner field).
        times: The form of each column that is a time.
        source_org: The organisation of rows that do not name theirs.
        timezone: The zone of times that name none; UTC where absent.
        decimal: The sign before the decimals of an amount.
        constants: Values of fields that a row leaves absent.
        words: The meanings of lower-case words in fields with a closed vocabulary, by field.
    """

    name: str
    kind: RecordKind
    file: FileForm
    columns: Mapping[str, tuple[str, ...]]
    times: Mapping[str, TimeForm] = field(default_factory=dict)
    source_org: str | None = None
    timezone: str | None = None
    decimal: str = DEFAULT_DECIMAL
    constants: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def read_columns(self) -> tuple[str, ...]:
        """The columns that are read, in the order of the map."""
        return tuple(name for name, targets in self.columns.items() if targets != (IGNORE,))

    @property
    def assumes_zone(self) -> bool:
        """True where a time may lack its zone and the map does not name one."""
        return self.timezone is None and not ZONELESS.isdisjoint(self.times.values())


def parse_map(text: str, name: str) -> RecordMap:
    """Parses the TOML of a map; `name` is that of its file.

    Raises:
        MapError: naming the file, the key and what to do.
    """
    try:
        values = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise MapError(f"{name}: not TOML: {error}; write one with `ringtrace map`") from None
    for fault in _faults(values):
        raise MapError(f"{name}: {fault}")
    kind = values["kind"]
    columns = {
        column: tuple(targets) if isinstance(targets, list) else (targets,)
        for column, targets in values["columns"].items()
    }
    times = {
        column: TimeForm.ISO
        for column, targets in columns.items()
        if not {*TIME_FIELDS, PAID_AT}.isdisjoint(targets)
    }
    times |= values.get("times", {})
    forms = [times[column] for column, targets in columns.items() if TIME_FIELD[kind] in targets]
    if not forms:
        remedy = f'read one as "{TIME_FIELD[kind]}", which a {kind} must have'
        raise MapError(f"{name}: columns give no time; {remedy}")
    if all(form == TimeForm.TIME_OF_DAY for form in forms):
        raise MapError(f"{name}: times have no date; name the column that has it, too")
    words = {
        field: {word.strip().casefold(): meaning for word, meaning in words.items()}
        for field, words in values.get("words", {}).items()
    }
    read = {"name": name, "columns": columns, "times": times, "words": words}
    return msgspec.convert(values | read, RecordMap)


def _faults(values: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is wrong with the values of a map, and what to do."""
    if values.get("version") != MAP_VERSION:
        yield f"version is not {MAP_VERSION}; write one with `ringtrace map`"
    kinds = [kind for kind in RecordKind if kind == values.get("kind")] or [*RecordKind]
    yield from _misfits("", values, map_schema(kinds))
    form, known = values["file"], (IGNORE, *TARGETS[kinds[0]])
    if form.get("delimiter") == "|" and form.get("encoding") in EAST_ASIAN:
        yield "file.delimiter may be half a character; save the file as UTF-8"
    for column, stated in values["columns"].items():
        targets = stated if isinstance(stated, list) else [stated]
        if not targets or (IGNORE in targets and len(targets) > 1):
            yield f'columns.{column[:80]} has no target; write one, or "{IGNORE}"'
        for target in targets:
            of_remote = isinstance(target, str) and _REMOTE.fullmatch(target)
            if target not in known and not (of_remote and kinds == [RecordKind.COMPLAINT]):
                said = f"not anything of a {kinds[0]}; use {', '.join(known)}"
                yield f"columns.{column[:80]} {_is(target)}, {said}"


_TYPES: Mapping[str, tuple[type, str]] = {
    "object": (dict, "not a table; write it as [{key}]"),
    "string": (str, "not text; write it in quotes"),
    "integer": (int, "not a number of rows; use one from 0 to 1000"),
    "array": (list, 'not a list of names; write ["first", "second"]'),
}
"""Types of JSON Schema, and what to say of a value that is of another."""


def _misfits(key: str, value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yields where a value breaks its part of the schema of a map; null is what is not there."""
    if choices := schema.get("enum"):
        if value not in choices:
            few = ", ".join(repr(str(choice)).strip("'") for choice in choices)
            yield f"{key} {_is(value)}; use {few if len(choices) < 60 else 'a code'}"
        return
    if "type" not in schema:
        return  # what `_faults` looks at
    kind, says = _TYPES[schema["type"]]
    is_other = kind is not value.__class__
    is_blank = "minLength" in schema and not str(value).strip()
    if is_other or is_blank or (kind is int and not 0 <= value <= schema["maximum"]):
        yield f"{key} {_is(value)}, {says.format(key=key)}"
    elif "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        yield f"{key} {_is(value)}, not a slug; write it as acme or acme-bank"
    elif kind is list:
        for part in value:
            yield from _misfits(key, part, schema["items"])
        if len({*value}) < len(value):
            yield f"{key} has a name twice; give each column its own"
    elif kind is dict:
        parts = schema.get("properties", {})
        for name in dict.fromkeys([*value, *schema.get("required", ())]):
            place = f"{key}.{name[:80]}" if key else name[:80]
            part = parts.get(name) or schema["additionalProperties"]
            if part:
                yield from _misfits(place, value.get(name), part)
            else:
                yield f"{place} is no key of a map; use {', '.join(parts)}"


def _is(value: Any) -> str:
    """Says a wrong value, and that there is none."""
    return "is missing" if value is None else f"is {ascii(value)[:80]}"


def write_map(by: RecordMap, notes: Mapping[str, str], unsure: Sequence[str] = ()) -> str:
    """Writes a map as TOML that a person can edit.

    Args:
        by: The map.
        notes: What to say beside a column, by its name.
        unsure: What to check first, a line each.
    """
    lines = [
        "# How ringtrace reads these files: ringtrace batch --map THIS_FILE. Correct it first.",
        "# Every key: docs/operations.md, and docs/schemas/input/map.schema.json.",
        *(_comment(f"CHECK {doubt}") for doubt in unsure),
        "",
        f"version = {MAP_VERSION}",
        f"kind = {_quoted(by.kind)}",
        *([f"source_org = {_quoted(by.source_org)}"] if by.source_org else []),
        f"timezone = {_quoted(by.timezone)}"
        if by.timezone
        else '# timezone = "Europe/Madrid"  # of times that name no zone; without it they are UTC',
        *([f"decimal = {_quoted(by.decimal)}"] if by.decimal != DEFAULT_DECIMAL else []),
        "",
        "[file]",
        *(
            f"{key} = {_written(value)}"
            for key, value in vars(by.file).items()
            if value != getattr(FileForm, key, None)
        ),
        "",
        "[columns]",
        f'# "{IGNORE}", or one or a list of: {", ".join(TARGETS[by.kind])}'
        + (f", {REMOTE_PREFIX}anydesk" if by.kind is RecordKind.COMPLAINT else ""),
    ]
    for column, targets in by.columns.items():
        written = _written(targets if len(targets) > 1 else targets[0])
        note = f"  {_comment(notes[column])}" if notes.get(column) else ""
        lines.append(f"{_quoted(column)} = {written}{note}")
    if by.times:
        lines += ["", "[times]", f"# {', '.join(TimeForm)}"]
        lines += [f"{_quoted(column)} = {_quoted(form)}" for column, form in by.times.items()]
    if by.constants:
        lines += ["", "[constants]"]
        lines += [f"{name} = {_quoted(value)}" for name, value in by.constants.items()]
    for name, words in by.words.items():
        values = WORD_VALUES[name]
        lines += ["", f"[words.{name}]"]
        if len(values) < 60:
            lines.append(f"# {', '.join((*values, UNKNOWN))}")
        if name == "direction":
            lines.append(
                "# inbound: the caller is the suspect; outbound: the called one is. Calls of your"
            )
            lines.append("# customers to your own lines are neither.")
        lines += [f"{_quoted(word)} = {_quoted(value)}" for word, value in words.items()]
    return "\n".join(lines) + "\n"


def _written(value: str | int | Sequence[str]) -> str:
    if isinstance(value, int):
        return str(value)
    return _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"


def _quoted(text: str) -> str:
    """Writes a TOML basic string; what is not printable is escaped."""
    return f'"{"".join(map(_escaped, str(text)))}"'


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\U{ord(sign):08X}"


def _comment(text: str) -> str:
    """Writes a comment of one line: no character in it ends the line or moves a cursor."""
    return "# " + "".join(sign if sign.isprintable() else f"<U+{ord(sign):04X}>" for sign in text)


def map_schema(kinds: Sequence[RecordKind] = tuple(RecordKind)) -> dict[str, Any]:
    """Returns the JSON Schema of a map of one of these kinds of records."""

    def words(values: Collection[str]) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"enum": [*sorted(values), UNKNOWN]}}

    targets = sorted({IGNORE, *(target for kind in kinds for target in TARGETS[kind])})
    remote = {"type": "string", "pattern": r"^remote_access\.[A-Za-z0-9_-]{1,64}$"}
    target = {"anyOf": [{"enum": targets}, remote]}
    constants = sorted({name for kind in kinds for name in SCALARS[kind]} - _NO_CONSTANT)
    named: dict[str, Any] = {
        name: {"enum": sorted(WORD_VALUES[name])}
        if name in WORD_VALUES
        else {"type": "string", "minLength": 1}
        for name in constants
    }
    text = {"type": "string"}
    form = {
        "format": {"enum": list(FileFormat)},
        "delimiter": {"enum": list(DELIMITERS)},
        "encoding": {"enum": list(ENCODINGS)},
        "names": {"type": "array", "uniqueItems": True, "items": text | {"minLength": 1}},
        "skip": {"type": "integer", "minimum": 0, "maximum": 1000},
        "rows": text,
        "sheet": text,
    }
    properties = {
        "version": {"const": MAP_VERSION},
        "kind": {"enum": list(RecordKind)},
        "source_org": {"type": "string", "pattern": f"^{SLUG.pattern}$"},
        "timezone": {
            "type": "string",
            "minLength": 1,
            "description": "Zone of times that name none, else UTC.",
        },
        "decimal": {"enum": [".", ","]},
        "file": _closed(form, ["format"]),
        "columns": {
            "type": "object",
            "description": "What each column is read as, by its name; dotted for an inner field.",
            "additionalProperties": {
                "anyOf": [target, {"type": "array", "minItems": 1, "items": target}]
            },
        },
        "times": {"type": "object", "additionalProperties": {"enum": list(TimeForm)}},
        "constants": _closed(named, []),
        "words": _closed({name: words(values) for name, values in WORD_VALUES.items()}, []),
    }
    about = "How the columns of a company's own export are read: the file of `--map`."
    return {"description": about, **_closed(properties, ["version", "kind", "file", "columns"])}


def _closed(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
