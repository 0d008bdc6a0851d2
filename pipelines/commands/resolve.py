"""`ringtrace resolve NUMBER PATH...`: says what an evidence number or a case number stands for.

A number names one thing of its issuer: an identifier, a record, a link, a cluster or a letter.
Packages that print the number say what it is. Runs say which cluster it is in today. The ledger
says who has it, and what was taken back. The command reads only the given paths and the own folder
of keys; it sends nothing.

    aliases.csv    number,system,id,url,who,when    private: its names in the own case systems
"""

from __future__ import annotations

import csv
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from itertools import starmap
from pathlib import Path
from typing import Annotated

import pyarrow.compute as pc
from msgspec import Meta, structs

from pipelines import key_store, ledger
from pipelines.commands import HOLDINGS
from pipelines.ledger import LEDGER_FLAG
from pipelines.letters.signed_files import read_known
from pipelines.options import UsageError, all_of, flag, say, subcommand, usage_errors
from pipelines.user_files import open_run, read_text
from reports import tables
from reports.evidence_number import (
    EvidenceNumberError,
    cluster_thing,
    evidence_number,
    parse_evidence_number,
)
from reports.export import harmless
from reports.run import Run
from reports.text import plain
from schemas.entity import without_epoch
from schemas.manifest import MANIFEST_NAME
from schemas.offer import Correction
from schemas.records import Record, RecordError, csv_records
from schemas.signed_fields import matching
from schemas.tables import CLUSTERS, COMPLAINTS, ENTITIES, LINEAGE, MEMBERS

UNKNOWN = "nothing that was given knows it; name the packages, offers and runs of it"

MOST_ROWS = 20
"""Largest number of spans of rows named for a file; further spans are counted."""


class Alias(Record):
    """A row of an aliases file: the id that an own case system has for an evidence number."""

    number: str
    system: str
    id: Annotated[str, Meta(min_length=1)]
    url: Annotated[str, matching(r"(https?://[^\s<>\"]+)?")] = ""
    who: str = ""
    when: str = ""


@dataclass(frozen=True)
class Holding:
    """A package or an offer: identifiers of an issuer, and the files that print them.

    `cases` are its reference and case numbers. `printed` has, by evidence number, the files that
    print it with their rows; text files have no rows. `about` says what a number stands for if not
    for an identifier.
    """

    path: str
    title: str
    issuer: str
    cluster_id: str = ""
    members: Sequence[str] = ()
    cases: Mapping[str, str] = field(default_factory=dict)
    printed: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def things(self) -> dict[str, str]:
        """The identifiers and the cluster by their evidence numbers."""
        things = [*self.members, *([cluster_thing(self.cluster_id)] if self.cluster_id else [])]
        return {evidence_number(self.issuer, referent): referent for referent in things}


add_arguments = all_of(
    flag("number", "NUMBER", "an evidence number, a case number or a partner's number"),
    flag("paths", "DIR", "packages, offers and runs to look it up in", nargs="+"),
    flag(
        "--aliases",
        "FILE",
        "CSV of number, system, id, url, who, when: what your own systems call it",
    ),
    LEDGER_FLAG,
)
"""The flags of `ringtrace resolve`."""


def run(arguments: Namespace) -> int:
    """Prints what the number stands for; returns 1 if no given path knows it.

    Raises:
        UsageError: for a wrong number, or a path that is no package, offer or run.
    """
    rows = _read_aliases(arguments.aliases)
    runs = [path for path in arguments.paths if (Path(path) / MANIFEST_NAME).exists()]
    finished = [open_run(path) for path in runs]
    held = [_open(path) for path in arguments.paths if path not in runs]
    numbers = _numbers_of(arguments.number, rows, held)
    entries = ledger.read_ledger(arguments.ledger)
    known = False
    for number in numbers:
        lines = list(_lines(number, rows, held, finished, entries))
        known = known or bool(lines)
        say("\n  ".join([f"{number}", *(lines or [UNKNOWN])]))
    return 0 if known else 1


@subcommand(
    "schedule",
    "list what two packages or offers both name, with the numbers of each",
    flag("a", "DIR", "a package or an offer"),
    flag("b", "DIR", "another one, of another organisation"),
)
def write_schedule(arguments: Namespace) -> int:
    """Prints as CSV the things that two packages or offers share, with both names; returns 0.

    Raises:
        UsageError: for a path that is neither package nor offer.
    """
    sides = [_open(path) for path in (arguments.a, arguments.b)]
    mine, theirs = ({without_epoch(each): each for each in side.members} for side in sides)
    columns = [f"{name}_{side}" for side in "ab" for name in ("issuer", "number", "cluster")]
    rows = [["identifier", *columns, "case_numbers_a", "case_numbers_b"]]
    for bare in sorted(mine.keys() & theirs.keys()):
        cells = [bare]
        for side, members in zip(sides, (mine, theirs), strict=True):
            number = evidence_number(side.issuer, members[bare])
            cells += [side.issuer, number, side.cluster_id]
        cells += ["; ".join(side.cases.values()) for side in sides]
        rows.append([harmless(plain(cell, 300)) for cell in cells])
    csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
    return 0


def _numbers_of(text: str, rows: Sequence[Alias], held: Sequence[Holding]) -> list[str]:
    """Returns the evidence numbers of a text: itself, or the numbers that it is an alias of.

    Raises:
        UsageError: if the text is neither an evidence number, a case number nor an alias.
    """
    with usage_errors(EvidenceNumberError, before=f"{plain(text, 80)}: "):
        if number := parse_evidence_number(text):
            return [number]
    wanted = text.strip().casefold()
    numbers = {row.number for row in rows if row.id.casefold() == wanted}
    numbers |= {
        evidence_number(holding.issuer, cluster_thing(holding.cluster_id))
        for holding in held
        if holding.cluster_id and wanted in map(str.casefold, holding.cases.values())
    }
    if not numbers:
        raise UsageError(
            f"{plain(text, 80)}: is no evidence number (RT-7K3M-9QDX-4F), and neither --aliases "
            "nor a package that is given has it as a case number"
        )
    return sorted(numbers)


def _lines(
    number: str,
    rows: Sequence[Alias],
    held: Sequence[Holding],
    finished: Sequence[Run],
    entries: Sequence[ledger.Entry],
) -> Iterator[str]:
    """Yields a line for each fact about a number."""
    things = {
        holding.things[number]: holding.issuer for holding in held if number in holding.things
    }
    if not things and not any(number in holding.printed for holding in held):
        things = dict(_in_runs(number, finished))
    for referent, issuer in things.items():
        name = referent.removeprefix("cluster|")
        words = f"the identifier {name}" if name == referent else f"the cluster {name}"
        yield f"is {words}, as {plain(issuer, 80)} numbers it"
    for holding in held:
        # A row on a link to an omitted member has the number of the end that is named.
        if number in holding.about and number not in holding.things:
            yield f"is {holding.about[number]}, as {plain(holding.issuer, 80)} numbers it"
        if files := holding.printed.get(number):
            places = "; ".join(starmap(_place, files.items()))
            yield f"printed in {holding.path} ({holding.title}): {places}"
        elif number in holding.things:
            yield f"in {holding.path} ({holding.title})"
    for referent in things:
        members = sorted(_members(referent, held, finished))
        for run in finished:
            yield from _today(run, referent, members)
        yield from dict.fromkeys(_issued(entries, members))
    for row in rows:
        if row.number == number:
            more = ", ".join(plain(each, 200) for each in (row.url, row.who, row.when) if each)
            said = f"alias: {plain(row.system, 80)} {plain(row.id, 120)}"
            yield f"{said} ({more})" if more else said


def _members(referent: str, held: Sequence[Holding], finished: Sequence[Run]) -> set[str]:
    """Returns an identifier, or a cluster's members: from packages, else from runs."""
    if not referent.startswith("cluster|"):
        return {referent}
    if same := [holding for holding in held if cluster_thing(holding.cluster_id) == referent]:
        return {each for holding in same for each in holding.members}
    where = pc.field("cluster_id") == referent.partition("|")[2]
    rows = [tables.read_table(run, MEMBERS, ["entity_id"], where) for run in finished]
    return {each for table in rows for each in table["entity_id"].to_pylist()}


def _in_runs(number: str, finished: Sequence[Run]) -> Iterator[tuple[str, str]]:
    """Yields the identifiers and clusters of runs that have the number, with the issuer."""
    for run in finished:
        orgs = tables.count_by(run, COMPLAINTS, ["source_org"])["source_org"].to_pylist()
        issuers = {*orgs, "+".join(sorted(orgs)), *key_store.trusted_keys()} - {""}
        things = tables.read_table(run, MEMBERS, ["entity_id"])["entity_id"].to_pylist()
        clusters = tables.read_table(run, CLUSTERS, ["cluster_id"])["cluster_id"].to_pylist()
        for referent in (*things, *map(cluster_thing, clusters)):
            for issuer in issuers:
                if evidence_number(issuer, referent) == number:
                    yield referent, issuer


def _today(run: Run, referent: str, members: Sequence[str]) -> Iterator[str]:
    """Yields the clusters of a run that now have an identifier, or a cluster's members."""
    where = tables.among("entity_id", members)
    columns = ["entity_id", "cluster_id", "tier", "review"]
    rows = tables.read_table(run, MEMBERS, columns, where).to_pylist()
    place = f"in the run {run.folder}"
    if referent.startswith("cluster|"):
        held = Counter(row["cluster_id"] for row in rows)
        if not held:
            yield f"{place}: dissolved; none of its {len(members)} members is in a cluster"
            return
        named = ", ".join(f"{name} ({count} of them)" for name, count in sorted(held.items()))
        split = "split: its members are in" if len(held) > 1 else "is"
        yield f"{place}: {split} {named}"
        yield from _lineage(run, held)
        return
    for row in rows:
        yield f"{place}: in the cluster {row['cluster_id']}, {row['tier']}, {row['review']}"
        yield from _lineage(run, [row["cluster_id"]])
    if not rows:
        said = "is not there"
        for entity in tables.read_table(run, ENTITIES, ["status", "reason"], where).to_pylist()[:1]:
            said = f"{entity['status']}: {plain(entity['reason'], 200)}"
        yield f"{place}: in no cluster; {said}"


def _lineage(run: Run, clusters: Iterable[str]) -> Iterator[str]:
    """Yields the merges and splits of clusters that a run records."""
    where = tables.among("cluster_id", clusters)
    for row in tables.read_table(run, LINEAGE, where=where).to_pylist():
        if len(row["from_ids"]) > 1 or len(row["to_ids"]) > 1:
            came, went = ", ".join(row["from_ids"]), ", ".join(row["to_ids"])
            yield f"since the run before it: {row['event']}, {came} to {went}"


def _issued(entries: Sequence[ledger.Entry], members: Sequence[str]) -> Iterator[str]:
    """Yields, from the ledger, who received identifiers and who was sent a correction."""
    bare = frozenset(map(without_epoch, members))
    next_of = {(entry.supersedes, entry.recipient): entry for entry in entries if entry.supersedes}
    for entry in entries:
        named = len(entry.bare & bare)
        if not named:
            continue
        count = f"{named} of its members " if len(bare) > 1 else ""
        if entry.kind == ledger.EntryKind.CORRECTION:
            yield f"withdrawn: {count}taken back from {entry.recipient} on {entry.at[:10]}"
        else:
            then = next_of.get((entry.sha256, entry.recipient))
            last = f", superseded on {then.at[:10]} by {then.issue_id}" if then else ""
            yield f"{count}issued to {entry.recipient} on {entry.at[:10]}: {entry.issue_id}{last}"


def _read_aliases(path: str | None) -> list[Alias]:
    """Reads an aliases file.

    Raises:
        UsageError: if it is wrong, with the row and the column.
    """
    if path is None:
        return []
    aliases = []
    with usage_errors(RecordError):
        for place, alias in csv_records(Alias, read_text(path), path):
            with usage_errors(EvidenceNumberError, before=f"{place}, number: "):
                number = parse_evidence_number(alias.number)
            if number is None:
                raise UsageError(f"{place}, number: is no evidence number, as RT-7K3M-9QDX-4F")
            aliases.append(structs.replace(alias, number=number))
    return aliases


def _open(path: str) -> Holding:
    """Opens a package with a valid seal, or an offer of a known signer.

    Raises:
        UsageError: if it is neither.
    """
    for module in HOLDINGS:
        holding: Holding | None = import_module(module).open_holding(Path(path))
        if holding is not None:
            return holding
    offer = read_known(path).content
    if isinstance(offer, Correction):
        raise UsageError(f"{path}: is a correction; give a package or an offer")
    names = sorted(entity.entity_id for entity in offer.entities)
    title = f"offer of {offer.issued_at[:10]} to {plain(offer.recipient, 80)}"
    return Holding(path, title, offer.sender, members=names)


def _place(name: str, rows: Sequence[str]) -> str:
    """Returns a file's name with its rows; consecutive rows are a span."""
    spans: list[list[str]] = []
    for row in rows:
        if spans and spans[-1][-1].isdecimal() and row == str(int(spans[-1][-1]) + 1):
            spans[-1] = [spans[-1][0], row]
        else:
            spans.append([row])
    shown = [" to ".join(span) for span in spans[:MOST_ROWS]]
    if left := len(spans[MOST_ROWS:]):
        shown.append(f"{left} more")
    words = ", ".join(shown)
    return f"{name} row{'' if words.isdecimal() else 's'} {words}" if words else name
