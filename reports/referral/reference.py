"""The reference data of a referral: law, custom and policy as files, each row with its source.

A recipient is a folder of files, `recipients/CODE`:

    recipient.toml   its name, the requests to it, and the names of its scale and certificates
    offences.toml    offences that it may consider, element by element
    scales.toml      its own words for likelihood; optional
    fields.toml      its own form, field by field; if `annexes` names fields
    letter.txt       template of a letter in its language; if `annexes` names letter
    NAME.txt         template of a certificate of its own

The language that recipient.toml names is a folder, too: `languages/CODE`, as `language` says.
Recipients share the files in `data`: policy.toml, providers.toml, retention.toml, scales.toml, and
templates of certificates. The shipped files are drafts. `--reference DIR` takes files of `data`
from DIR, recipients from DIR/recipients/CODE and languages from DIR/languages/CODE, in place of
shipped files of the same name.

A case file, `case.toml`, holds facts that no run has: legal names, contacts, custodians,
signatories, case numbers and counsel's own words. All are optional; a missing one is a blank to
fill.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Template

from reports.export.stix import TLP_LEVELS
from reports.referral.language import (
    ENGLISH,
    LANGUAGE_FILES,
    LANGUAGE_SCHEMA,
    LETTERS,
    TEMPLATE_VALUES,
    TEMPLATES,
    Language,
    LanguageError,
    ReferenceFileError,
    check_font,
    checked_template,
    make_language,
    text_fields,
)
from reports.signing import digest_of
from schemas.records import parse_toml
from transforms.gates import read_bytes

Row = dict[str, Any]

SHARED_FILES = ("policy.toml", "providers.toml", "retention.toml", "scales.toml")

RECIPIENT_FILES = ("recipient.toml", "offences.toml", "scales.toml", "fields.toml", "letter.txt")

ANNEXES = {"fields": "fields.toml", "letter": "letter.txt"}
"""Files that a recipient's `annexes` name: its own form, and a letter in its language."""

SECTIONS = tuple(
    """summary method identifiers victims nexus money links chronology offences exculpatory
    limits form requests signatures exhibits""".split()
)
"""Sections of the document, in the default order."""

NEEDED_SECTIONS = ("identifiers", "exculpatory", "limits", "exhibits")

BLANK_VALUE = "blank"

_CASE_VALUES = (
    *"reference recipient subject title organisations contacts case_numbers date compiled".split(),
    *"first_day last_day complaints calls victims losses brands channels stories scripts".split(),
    *"phone_numbers emails sites accounts remote_access chat".split(),
)

STATED_VALUES = tuple(
    """transaction_date beneficiary_name beneficiary_bank payment_reference
    payment_status""".split()
)
"""Values of a payment that a complaint may state; a missing value is a blank line."""

FORM_VALUES: Mapping[str, tuple[str, ...]] = {
    "case": (BLANK_VALUE, *_CASE_VALUES),
    "payments": (
        BLANK_VALUE,
        *"record received amount currency method payee institution institution_country".split(),
        *STATED_VALUES,
    ),
    "identifiers": (
        BLANK_VALUE,
        *"number identifier kind role institution reporters complaints calls".split(),
        *("first_day", "last_day"),
    ),
}
"""Entries of a form by its kind of rows: the whole case, payments, or identifiers."""

ELEMENTS = ("scheme", "wires", "loss", "money", "organisation", "knowledge", "identity")
"""Values of `holds` of an offence's element: evidence that a package has, or lacks."""

CERTIFICATE_FIELDS = tuple(
    "code files local_time version custodian custodian_title organisation".split()
)
"""Names that a certificate's template can use: the referral's reference, the number of files in the
hash report, the referral's time in the recipient's time zone, ringtrace's version, and the person
who certifies, as blanks if the case file does not name them."""

LETTER_FIELDS = (*_CASE_VALUES, "exhibits", "offences")
"""Names that a letter's template can use; the last two are lists."""

CASE_FILE = "case.toml"

_PERSON = text_fields("name? title?")

_SOURCED = text_fields("source date checked_by? read_at?")

_ANY_NAME = "*"

_SCHEMAS: Mapping[str, Any] = {
    "recipient.toml": {
        **text_fields("name unit country scale time_zone language? nexus?"),
        "certificates": [str],
        "asks": [str],
        "annexes?": [tuple(ANNEXES)],
        "sections?": [SECTIONS],
        **_SOURCED,
    },
    "fields.toml": {
        "title": str,
        "form": [
            {
                "title": str,
                "rows": tuple(FORM_VALUES),
                "within_hours?": int,
                "fields": [text_fields("label value")],
            }
        ],
        **_SOURCED,
    },
    "offences.toml": {
        "offence": [
            {
                **text_fields("statute note"),
                "elements": [{"text": str, "holds": ELEMENTS}],
                **_SOURCED,
            }
        ]
    },
    "policy.toml": {
        "tlp": TLP_LEVELS,
        **dict.fromkeys(("suppress_below", "bridge_side", "small_cluster"), int),
        **_SOURCED,
    },
    "providers.toml": {"provider?": [text_fields("kind match name country class") | _SOURCED]},
    "retention.toml": {
        "clock?": [
            {
                **text_fields("provider country rule preserve"),
                "months?": int,
                "days?": int,
                **_SOURCED,
            }
        ]
    },
    "language.toml": LANGUAGE_SCHEMA,
    "texts.toml": {"texts": {_ANY_NAME: str}},
    CASE_FILE: {
        "operation?": str,
        "date?": date,
        "narrative?": str,
        "case_numbers?": {_ANY_NAME: str},
        "organisation?": [
            {
                **text_fields("slug legal_name? address?"),
                "contact?": text_fields("name? title? email? phone?"),
                "custodian?": _PERSON,
                "signatory?": _PERSON,
            }
        ],
    },
    "scales.toml": {
        _ANY_NAME: {"name": str, "words": [{"word": str, "low": float, "high": float}], **_SOURCED}
    },
}
"""Schemas by file. A dict is a table; its fields with ? are optional. A list has values of one
kind, and only a list of texts may be empty. A tuple lists the allowed values."""

_TYPE_NAMES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    date: "a day without quotes, such as 2026-06-02",
    dict: "a table",
    list: "a list",
}

FOLDERS = {
    "recipients": re.compile(r"[a-z0-9][a-z0-9-]{0,63}"),
    "languages": re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"),
}
"""Folders that hold folders of reference data, with the form of these folders' names."""


@dataclass(frozen=True)
class Reference:
    """The reference data of one referral.

    `certificates` are the recipient's templates by name, `digests` the SHA-256 of every file used.
    """

    recipient: Row
    offences: list[Row]
    clocks: list[Row]
    providers: list[Row]
    scale: Row
    policy: Row
    certificates: dict[str, Template]
    form: Row | None
    letter: Template | None
    language: Language
    digests: dict[str, str]

    @property
    def sections(self) -> list[str]:
        """The sections of its document, in order; nexus only if the recipient asks for it."""
        chosen = self.recipient.get("sections", SECTIONS)
        without = () if "nexus" in self.recipient else ("nexus",)
        return [section for section in chosen if section not in without]

    def likelihood_wording(self, share: float) -> str:
        """Returns the estimative word for a likelihood from 0 to 1, with the range of the word.

        A likelihood between two ranges gets the lower word, so no score is overstated.
        """
        below = [word for word in self.scale["words"] if word["low"] < 100 * share]
        best = max(below or self.scale["words"][:1], key=lambda word: float(word["low"]))
        return f"{best['word']} ({best['low']}–{best['high']} %)"

    def retention_clock(self, provider: str, country: str | None) -> Row:
        """Returns the retention row of a class of provider in a country, else for any country."""
        for place in (country, "*"):
            for row in self.clocks:
                if row["provider"] == provider and row["country"] == place:
                    return row
        return {
            "provider": provider,
            "country": "*",
            "rule": self.language.say("clock.no_period"),
            "preserve": self.language.say("clock.ask"),
            "source": "",
            "date": "",
        }


@dataclass(frozen=True)
class CaseFile:
    """A case file: facts that no run has. All are optional."""

    values: Row = field(default_factory=dict)

    def organisation(self, slug: str) -> Row:
        """Returns its table on an organisation; an empty table if it has none."""
        organisations: list[Row] = self.values.get("organisation", [])
        return next((row for row in organisations if row["slug"] == slug), {})

    def person(self, slug: str, part: str) -> str:
        """Returns an organisation's contact, custodian or signatory in words or an empty text."""
        person = self.organisation(slug).get(part, {})
        parts = [person.get(name, "").strip() for name in ("name", "title", "email", "phone")]
        return ", ".join(field for field in parts if field)


def load_case_file(text: str, name: str, organisations: Iterable[str]) -> CaseFile:
    """Reads a case file in TOML, for a case of `organisations`.

    Raises:
        ReferenceFileError: for a field that is unknown or of the wrong type, and an organisation
            that is not in the case or is named twice.
    """
    values, schema = _parsed(name, text), _SCHEMAS[CASE_FILE]
    _check(name, schema, values)
    if not values:
        fields = ", ".join(field.removesuffix("?") for field in schema)
        raise ReferenceFileError(f"{name}: is empty; give {fields}, or some of them")
    known, seen = sorted(organisations), set()
    for number, organisation in enumerate(values.get("organisation", ()), 1):
        slug, place = organisation["slug"], f"{name}, organisation {number}, slug"
        if slug not in known:
            raise ReferenceFileError(
                f"{place}: {slug[:60]!r} is not in this case; known are {', '.join(known)}"
            )
        if slug in seen:
            raise ReferenceFileError(f"{place}: {slug} is there twice; give one")
        seen.add(slug)
    return CaseFile(values)


def recipient_codes() -> list[str]:
    """Lists the codes of the recipients that ship, sorted."""
    return sorted(_folders("recipients", None))


def load_reference(recipient: str, folder: str | None = None) -> Reference:
    """Loads the reference data for a recipient: the shipped files, or files of `folder` instead.

    Raises:
        ReferenceFileError: for an unknown recipient, a missing or unknown file, or a field that is
            missing, unknown, of the wrong type, or names what does not exist.
    """
    own = Path(folder) if folder is not None else None
    if own is not None:
        _check_own_folder(own)
    known = _folders("recipients", own)
    if recipient not in known:
        raise ReferenceFileError(f"{recipient}: no such recipient; use {', '.join(sorted(known))}")
    shared = _Files(_files_in(_shipped("data"), *([own] if own else [])), {})
    home, digests = known[recipient], shared.digests
    source = _Files(_files_in(home), digests, f"recipients/{recipient}/")
    if "recipient.toml" not in source.files:
        raise ReferenceFileError(
            f"{home / 'recipient.toml'}: is missing; a recipient needs recipient.toml and "
            "offences.toml"
        )
    chosen = source.table("recipient.toml")
    _check_recipient(home, source, shared, chosen)
    language = _language(chosen.get("language", ENGLISH), own, digests)
    clocks = shared.table("retention.toml").get("clock", [])
    scales = shared.table("scales.toml")
    if "scales.toml" in source.files:
        scales |= source.table("scales.toml")
    if chosen["scale"] not in scales:
        raise _unknown(home, "scale", "scale", chosen["scale"], scales)
    scale = scales[chosen["scale"]]
    annexes = chosen.get("annexes", ())
    return Reference(
        recipient=chosen | {"code": recipient},
        offences=source.table("offences.toml")["offence"],
        clocks=[language.translated(clock, "rule", "preserve") for clock in clocks],
        providers=shared.table("providers.toml").get("provider", []),
        scale=language.translated(scale, "name")
        | {"words": [language.translated(word, "word") for word in scale["words"]]},
        policy=shared.table("policy.toml"),
        certificates={
            name.removesuffix(".txt"): (source if name in source.files else shared).template(
                name, CERTIFICATE_FIELDS, "certificate"
            )
            for name in _certificate_files(chosen)
        },
        form=_form(source) if "fields" in annexes else None,
        letter=source.template("letter.txt", LETTER_FIELDS, "letter")
        if "letter" in annexes
        else None,
        language=language,
        digests=dict(sorted(digests.items())),
    )


@cache
def english() -> Language:
    """Returns the shipped English, which other languages must match."""
    return _language(ENGLISH, None, {})


def _language(code: str, own: Path | None, digests: dict[str, str]) -> Language:
    """Loads a language from one's own folder of that name, or else from the shipped folder.

    Raises:
        ReferenceFileError: for an unknown or incomplete language.
    """
    known = _folders("languages", own)
    if code not in known:
        raise ReferenceFileError(
            f"languages/{code}: no such language; known are {', '.join(sorted(known))}"
        )
    home, translates = known[code], code != ENGLISH
    source = _Files(_files_in(home), digests, f"languages/{code}/")
    wanted = [file for file in (*LANGUAGE_FILES, *TEMPLATES) if translates or file != "texts.toml"]
    _check_complete(home, [file for file in wanted if file not in source.files])
    form = source.table("language.toml")
    check_font(home / "language.toml", form.get("font"))
    texts = source.table("texts.toml")["texts"] if translates else {}
    templates = {
        name: checked_template(
            source.files[name], source.text(name), TEMPLATE_VALUES[name], "template", LETTERS
        )
        for name in TEMPLATES
    }
    measure = None if home == _shipped("languages") / ENGLISH else english()
    try:
        made = make_language(code, form, source.toml("messages.toml"), texts, templates, measure)
    except LanguageError as error:
        raise ReferenceFileError(f"{home}/{error}") from None
    if translates:
        missing = [repr(text) for text in _shared_texts() if text not in texts]
        _check_complete(home / "texts.toml", missing)
    return made


@cache
def _shared_texts() -> list[str]:
    """Lists the texts of shared files that documents show: each language must have them."""
    shared = _Files(_files_in(_shipped("data")), {})
    clocks = shared.table("retention.toml")["clock"]
    texts = [clock[name] for clock in clocks for name in ("rule", "preserve")]
    for scale in shared.table("scales.toml").values():
        texts += [scale["name"], *(word["word"] for word in scale["words"])]
    return list(dict.fromkeys(texts))


@dataclass(frozen=True)
class _Files:
    """The files of a folder by name, and the digests of read files, by `prefix` and name."""

    files: Mapping[str, Traversable]
    digests: dict[str, str]
    prefix: str = ""

    def text(self, name: str) -> str:
        """Reads a file."""
        file = self.files[name]
        try:
            content = read_bytes(file) if isinstance(file, Path) else file.read_bytes()
            text = content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ReferenceFileError(f"{file}: cannot be read as UTF-8 text: {error}") from None
        self.digests[self.prefix + name] = digest_of(content)
        return text

    def toml(self, name: str) -> Row:
        """Reads a file in TOML."""
        return _parsed(str(self.files[name]), self.text(name))

    def table(self, name: str) -> Row:
        """Reads a file of one of `_SCHEMAS`."""
        table = self.toml(name)
        _check(str(self.files[name]), _SCHEMAS[name], table)
        return table

    def template(self, name: str, fields: Iterable[str], kind: str) -> Template:
        """Reads a template, which can name some fields."""
        return checked_template(self.files[name], self.text(name), dict.fromkeys(fields, ""), kind)


def _check_recipient(home: Traversable, source: _Files, shared: _Files, recipient: Row) -> None:
    """Raises ReferenceFileError unless a recipient has its files, and uses each of them."""
    annexes = [ANNEXES[annex] for annex in recipient.get("annexes", ())]
    sections = recipient.get("sections", SECTIONS)
    missing = [name for name in ("offences.toml", *annexes) if name not in source.files]
    missing += [f"section {section}" for section in NEEDED_SECTIONS if section not in sections]
    if "form" in recipient.get("sections", ()) and "fields.toml" not in annexes:
        missing.append("the annex fields, for its section form")
    _check_complete(home, missing)
    zone = recipient["time_zone"]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ReferenceFileError(
            f"{home / 'recipient.toml'}, time_zone: {zone!r} is not in the time zone database, as "
            "Europe/London is"
        ) from None
    certificates = _certificate_files(recipient)
    used = {*RECIPIENT_FILES, *certificates} - ({*ANNEXES.values()} - {*annexes})
    for name, file in source.files.items():
        if name.endswith((".toml", ".txt")) and name not in used:
            raise ReferenceFileError(
                f"{file}: no such file of a recipient; known are {', '.join(RECIPIENT_FILES)} "
                "(the last two for annexes in recipient.toml) and a NAME.txt for each of its "
                "certificates"
            )
        if name.endswith(".txt") and name in shared.files:
            raise ReferenceFileError(f"{file}: is in {shared.files[name]}, too; keep one of them")
    known = [*source.files, *shared.files]
    for name in certificates:
        if name not in known:
            names = [file[:-4] for file in known if file.endswith(".txt")]
            raise _unknown(home, "certificates", "certificate", name[:-4], names)


def _check_complete(place: Traversable, missing: Sequence[str]) -> None:
    if missing:
        raise ReferenceFileError(f"{place}: is incomplete; it has no {', no '.join(missing)}")


def _certificate_files(recipient: Row) -> list[str]:
    return [f"{name}.txt" for name in recipient["certificates"]]


def _form(source: _Files) -> Row:
    """Reads a recipient's own form; its entries must fit its kind of rows."""
    form = source.table("fields.toml")
    for number, table in enumerate(form["form"], 1):
        for position, each in enumerate(table["fields"], 1):
            place = f"{source.files['fields.toml']}, form {number}, fields {position}, value"
            _check(place, FORM_VALUES[table["rows"]], each["value"])
    return form


def _unknown(
    home: Traversable, field: str, kind: str, name: str, known: Iterable[str]
) -> ReferenceFileError:
    return ReferenceFileError(
        f"{home / 'recipient.toml'}, {field}: no such {kind} {name!r}; known are "
        f"{', '.join(sorted(known))}"
    )


def _shipped(folder: str) -> Traversable:
    return files("reports.referral").joinpath(folder)


def _entries(folder: Traversable) -> list[Traversable]:
    """Lists the content of a folder without hidden files."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name[0] not in "._"]


def _files_in(*folders: Traversable) -> dict[str, Traversable]:
    """Returns the files of folders by name; a later folder's file replaces an earlier folder's."""
    return {path.name: path for folder in folders for path in _entries(folder) if path.is_file()}


def _folders(kind: str, own: Path | None) -> dict[str, Traversable]:
    """Returns folders of recipients or languages by code; one's own replaces a shipped folder."""
    folders = [_shipped(kind), *([own / kind] if own else [])]
    return {path.name: path for folder in folders for path in _entries(folder) if path.is_dir()}


def _check_own_folder(own: Path) -> None:
    """Refuses a --reference folder with a file that would be ignored, or without a usable file."""
    takes = (
        f"recipients/CODE/, {', '.join(SHARED_FILES)}, languages/CODE/, and templates of "
        "certificates"
    )
    if not own.is_dir():
        raise ReferenceFileError(f"{own}: is not a folder; give one of {takes}")
    used = False
    for path in _entries(own):
        ours = path.name in FOLDERS if path.is_dir() else path.name in SHARED_FILES
        if not ours and (path.is_dir() or path.name.endswith(".toml")):
            raise ReferenceFileError(f"{path}: is not known; a reference folder has {takes}")
        used |= ours or path.name.endswith(".txt")
    if not used:
        raise ReferenceFileError(f"{own}: has no reference file; it can have {takes}")
    for kind, code in FOLDERS.items():
        for path in _entries(own / kind):
            if not path.is_dir() or not code.fullmatch(path.name):
                raise ReferenceFileError(
                    f"{path}: is not a {kind.removesuffix('s')}; name its folder with lower-case "
                    "letters, digits and hyphens"
                )


def _parsed(name: str, text: str) -> Row:
    try:
        return parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise ReferenceFileError(
            f"{name}: not TOML: {error}; write a field a line, as name = value"
        ) from None


def _check(place: str, schema: Any, value: Any) -> None:
    """Raises ReferenceFileError unless a value fits a schema of `_SCHEMAS`."""
    if isinstance(schema, dict):
        _check_table(place, schema, value)
    elif isinstance(schema, list):
        if not isinstance(value, list) or not (value or schema == [str]):
            wanted = f"a list of {'texts' if schema == [str] else 'tables'}"
            raise _of_another_type(
                place, value, f"{wanted}, one at least" if value == [] else wanted
            )
        for number, row in enumerate(value, 1):
            _check(f"{place} {number}", schema[0], row)
    elif isinstance(schema, tuple):
        if value not in schema:
            raise ReferenceFileError(
                f"{place}: no such name {value!r}; known are {', '.join(schema)}"
            )
    elif type(value) is not schema and not (schema is float and type(value) is int):
        raise _of_another_type(place, value, _TYPE_NAMES[schema])


def _of_another_type(place: str, value: Any, wanted: str) -> ReferenceFileError:
    """Returns an error with the type of a value: the value of a case file can be personal."""
    has = _TYPE_NAMES.get(type(value), "a time").partition(",")[0]
    return ReferenceFileError(f"{place}: is {has}, not {wanted}")


def _check_table(place: str, schema: Mapping[str, Any], value: Any) -> None:
    if not isinstance(value, dict):
        raise _of_another_type(place, value, _TYPE_NAMES[dict])
    fields = {name.removesuffix("?"): field_schema for name, field_schema in schema.items()}
    for name, field_value in value.items():
        if name not in fields and _ANY_NAME not in fields:
            raise ReferenceFileError(
                f"{place}: no such field {name!r}; known are {', '.join(fields)}"
            )
        _check(f"{place}, {name}", fields.get(name, fields.get(_ANY_NAME)), field_value)
    needed = [name for name in schema if not name.endswith("?") and name != _ANY_NAME]
    for name in needed:
        if name not in value:
            raise ReferenceFileError(f"{place}: has no {name}; it needs {', '.join(needed)}")
