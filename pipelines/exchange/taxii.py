"""A hub over TAXII 2.1: its files as objects of one collection, and its entries as STIX.

    note        each file of the hub except letters: its path, and its bytes in base64
    artifact    each sealed letter, without a name or time
    others      the entries in force, for platforms that read STIX; revoked when an entry is out

Members give the collection's URL for HUB. The host keeps its folder, and synchronizes both with
`ringtrace exchange hub sync`. A server's data is checked like a folder's, and trusted no more.
"""

from __future__ import annotations

import base64
import re
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from pipelines.exchange.hub import (
    CHARTER,
    INBOX,
    MAX_FILES,
    Hub,
    host_secrets,
    midnight,
    open_hub,
    put,
    read_bounded,
)
from pipelines.exchange.hub_host import MAX_LETTERS
from pipelines.letters.accepted_offers import hub_file
from pipelines.letters.signed_files import time_of
from pipelines.options import TIME_NOW, Subcommand, UsageError, flag, say, subcommand
from pipelines.safe_files import locked
from reports.exchange import MAX_DAY_BYTES, SEALED_SIZES
from reports.export import RINGTRACE_ID, entry_stix, hub_stix, stix_id, withdrawn_stix
from reports.signing import digest_of
from reports.text import plain, quantity
from schemas.extras import install_command
from schemas.records import AwareTime
from transforms.gates import OneServer

StixObject = dict[str, Any]

FILES = re.compile(
    r"hub\.json(\.sig)?|members/\d{5}-[0-9a-f]{16}(\.json|\.[0-9a-f]{16}\.sig)"
    r"|log/\d{4}-\d{2}-\d{2}\.jsonl|heads/\d{4}-\d{2}-\d{2}\.json(\.sig)?"
)
"""Paths of the hub's files that are notes in a collection."""

OF_FOLDERS = "the host does this in its folder, and then runs exchange hub sync"

TIMEOUT_SECONDS, LISTING_SECONDS = 45, 900
"""Longest time for a whole answer, and for all answers of a listing, in seconds."""

MAX_ANSWER_BYTES, MAX_LISTING_BYTES = 96 << 20, 256 << 20
"""Largest answer, such as four letters in base64, and largest total of a hub's files, in bytes."""

_STEP = timedelta(milliseconds=1)
"""Least time between two versions of an object."""

PAGE, LETTERS_A_PAGE, MAX_GROUP, MAX_POST = 100, 4, 500, 1 << 20
"""Number of objects and of letters in a request; most objects, and most bytes, in a post."""


def is_collection(hub: str) -> bool:
    """Tells whether a HUB is the URL of a collection, and not a folder."""
    return "://" in hub


class Collection:
    """A TAXII collection with one hub; its errors are UsageErrors.

    The requests library takes user and password from ~/.netrc.
    """

    def __init__(self, url: str) -> None:
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        secure = parts.scheme == "https" or (parts.scheme == "http" and local)
        if not secure or parts.username or not re.search(r"/collections/[^/]+/?$", parts.path):
            raise UsageError(
                f"{plain(url, 200)}: is no collection; give https://HOST/ROOT/collections/ID/, "
                "with user and password in ~/.netrc"
            )
        try:
            from taxii2client.common import _HTTPConnection
            from taxii2client.v21 import Collection as Remote
        except ImportError:
            install = install_command("taxii")
            raise UsageError(f"{url}: TAXII needs taxii2-client; {install}") from None
        self.url = url
        connection = _HTTPConnection(version="2.1")
        self._server = connection.session = OneServer(url, MAX_ANSWER_BYTES, TIMEOUT_SECONDS)
        self._remote = Remote(url if url.endswith("/") else f"{url}/", conn=connection)

    def objects(self, *types: str, page: int = PAGE) -> Iterator[StixObject]:
        """Yields the newest version of each object of some types; a page is in memory at a time."""
        from taxii2client.v21 import as_pages

        pages = as_pages(self._remote.get_objects, per_request=page, type=list(types))
        most, end = self._server.received + MAX_LISTING_BYTES, time.monotonic() + LISTING_SECONDS
        listed = set[str]()
        while time.monotonic() <= end:
            if page == PAGE and self._server.received > most:  # letters are not kept
                raise UsageError(f"{self.url}: lists more than a hub has; see the server")
            with self._errors():
                answer = next(pages, None)
                objects, more = ((answer or {}).get(name, ()) for name in ("objects", "more"))
                known = [stix for stix in objects if _is_object(stix)]
            if answer is None:
                return
            names = {f"{stix['id']} {stix.get('modified')}" for stix in known}
            if more and names <= listed:
                raise UsageError(f"{self.url}: lists the same again and again; see the server")
            listed |= names
            yield from known
        raise UsageError(f"{self.url}: lists for over {LISTING_SECONDS} s; see the server")

    def add(self, objects: Iterable[StixObject]) -> None:
        """Adds objects, several in a post if they are small."""
        group: list[StixObject] = []
        size = 0
        for stix in objects:
            length = len(repr(stix))
            if group and (size + length > MAX_POST or len(group) == MAX_GROUP):
                self._post(group)
                group, size = [], 0
            group.append(stix)
            size += length
        if group:
            self._post(group)

    def _post(self, objects: list[StixObject]) -> None:
        with self._errors():
            status = self._remote.add_objects({"objects": objects}, timeout=TIMEOUT_SECONDS)
        if status.status != "complete" or status.failure_count:
            raise UsageError(
                f"{self.url}: took {status.success_count} of {len(objects)} objects; run it again"
            )

    def delete(self, stix: StixObject) -> None:
        """Deletes one version of an object."""
        version = {"version": stix["modified"]} if "modified" in stix else {}
        with self._errors():
            self._remote.delete_object(stix["id"], **version)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from taxii2client.exceptions import TAXIIServiceException

        try:
            yield
        except (
            TAXIIServiceException,
            OSError,  # the base of the errors of requests
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:  # the client does not check an answer's form
            answer = getattr(error, "response", None)
            code = f"{answer.status_code} {answer.reason}" if answer is not None else str(error)
            why = plain(" ".join(code.split()), 200) or type(error).__name__
            raise UsageError(
                f"{self.url}: {why}; see the address, ~/.netrc and the server"
            ) from None


class _Object(msgspec.Struct):
    """The fields of an object that are read here; a server's times are not trusted."""

    id: str
    type: str


def _is_object(stix: Any) -> bool:
    """Tells whether an answer is an object with a text for its id and its type."""
    try:
        msgspec.convert(stix, _Object)
    except msgspec.ValidationError:
        return False
    return True


def _moment(stix: StixObject, name: str, least: datetime) -> datetime:
    """Returns an object's time plus a millisecond; `least` if its time is missing or invalid."""
    try:
        moment = msgspec.convert(stix.get(name), AwareTime)
        return moment.astimezone(UTC) + _STEP
    except (msgspec.ValidationError, OverflowError):
        return least


def note_of(path: str, content: bytes, now: datetime, before: StixObject | None) -> StixObject:
    """Returns a note with a hub's file, as a newer version than `before`."""
    start = midnight(now)
    made = _time(_moment(before, "created", start + _STEP) - _STEP if before else start)
    modified = _newer(before, now) if before else _time(now)
    return {
        "type": "note",
        "spec_version": "2.1",
        "id": _note_id(path),
        "created": made,
        "modified": max(made, modified),
        "abstract": path,
        "content": base64.b64encode(content).decode(),
        "object_refs": [RINGTRACE_ID],
    }


def _note_id(path: str) -> str:
    return stix_id("note", "ringtrace hub", path)


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _newer(before: StixObject, now: datetime) -> str:
    """Returns a later time for the next version: a server ignores a second version of one time."""
    return max(_time(now), _time(_moment(before, "modified", now)))


def letter_object(sealed: bytes) -> StixObject:
    """Returns an artifact with a sealed letter."""
    digest = digest_of(sealed)
    return {
        "type": "artifact",
        "spec_version": "2.1",
        "id": stix_id("artifact", "ringtrace hub", digest),
        "mime_type": "application/octet-stream",
        "payload_bin": base64.b64encode(sealed).decode(),
        "hashes": {"SHA-256": digest},
    }


def _notes(collection: Collection) -> dict[str, StixObject]:
    """Returns the notes with files of the hub, by path; ignores other objects."""
    notes = {}
    for note in collection.objects("note"):
        path = note.get("abstract")
        if not isinstance(path, str) or not FILES.fullmatch(path):
            continue
        if note["id"] == _note_id(path) and str(note.get("content")).isascii():
            notes[path] = note
    if len(notes) > MAX_FILES:
        raise UsageError(f"{collection.url}: has more than {MAX_FILES} files of a hub")
    return notes


def _content(stix: Mapping[str, Any], name: str, most: int) -> bytes:
    """Returns an object's bytes from base64; none if they cannot be the hub's."""
    text = stix.get(name)
    if not isinstance(text, str) or len(text) > 2 * most:
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


@contextmanager
def _alone() -> Iterator[None]:
    """Lets one command at a time change the records of hubs beside the keys."""
    home = hub_file("")
    with locked(home) if home.is_dir() else nullcontext():
        yield


def in_a_folder(command: Subcommand) -> Subcommand:
    """Returns a hub's command that the host runs only in its folder."""

    def either(arguments: Namespace) -> int:
        if is_collection(arguments.hub):
            raise UsageError(f"{plain(arguments.hub, 200)}: {OF_FOLDERS}")
        with _alone():
            return command.run(arguments)

    return command._replace(run=either)


def over_taxii(command: Subcommand) -> Subcommand:
    """Returns a hub's command that also takes the URL of a collection for HUB.

    It works on a copy of the files, then sends the files that it added.
    """

    def either(arguments: Namespace) -> int:
        url = arguments.hub
        if not is_collection(url):
            with _alone():
                return command.run(arguments)
        if getattr(arguments, "open_token", None) is not None:
            raise UsageError(f"{plain(url, 200)}: {OF_FOLDERS}")
        collection = Collection(url)
        now = time_of(arguments)
        home = hub_file("")
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=home) as name:
            folder, said = Path(name), StringIO()
            notes = _notes(collection)
            if CHARTER not in notes:
                raise UsageError(f"{url}: has no hub; ask its host to run exchange hub sync")
            files = {
                folder / path: _content(note, "content", MAX_DAY_BYTES)
                for path, note in notes.items()
            }
            for path, content in files.items():
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            (folder / INBOX).mkdir()
            arguments.hub = name
            try:
                with _alone(), redirect_stdout(said):
                    status = command.run(arguments)
            except UsageError as error:
                raise UsageError(str(error).replace(name, url.rstrip("/"))) from None
            finally:
                arguments.hub = url
            _send_new(collection, folder, files, now)
        sys.stdout.write(said.getvalue().replace(name, url.rstrip("/")))
        return status

    return command._replace(run=either)


def _send_new(
    collection: Collection, folder: Path, before: Mapping[Path, bytes], now: datetime
) -> None:
    made = [file for file in sorted(folder.rglob("*")) if file.is_file() and file not in before]
    for file in made:
        path = file.relative_to(folder).as_posix()
        if path.startswith(f"{INBOX}/"):
            collection.add([letter_object(read_bounded(file, SEALED_SIZES[-1]))])
        elif FILES.fullmatch(path):
            content = read_bounded(file, MAX_DAY_BYTES)
            collection.add([note_of(path, content, midnight(now), None)])


@subcommand(
    "sync",
    "as the host: take letters out of a TAXII collection, and put the hub there",
    flag("hub", "HUB", "folder of the hub"),
    flag("url", "URL", "its TAXII collection: .../collections/ID/"),
    TIME_NOW,
)
def sync(arguments: Namespace) -> int:
    """Takes letters and lists of members from a collection, as the host, and puts the hub there.

    Returns the exit status 0.

    Raises:
        UsageError: if the user is not the host, or the hub or the server cannot be used.
    """
    now = time_of(arguments)
    hub = open_hub(arguments.hub, now)
    host_secrets(hub)
    collection = Collection(arguments.url)
    notes = _notes(collection)
    letters = _take_letters(collection, hub, now)
    lists = {
        hub.path / path: _content(note, "content", MAX_DAY_BYTES)
        for path, note in notes.items()
        if path.startswith("members/") and not (hub.path / path).exists()
    }
    put(lists, now)
    hub = open_hub(arguments.hub, now)
    files = _put_files(collection, hub, notes, now)
    shown, gone = _put_entries(collection, hub, now)
    return say(
        f"{arguments.url}: {quantity(letters, 'letter')} and {quantity(len(lists), 'file')} of "
        f"members taken, {quantity(files, 'file')} put there\n"
        f"  {quantity(shown, 'entry', 'entries')} as STIX, {gone} revoked"
    )


def _take_letters(collection: Collection, hub: Hub, now: datetime) -> int:
    """Moves sealed letters into the inbox; each is on the disk before the server deletes it."""
    number = 0
    for artifact in collection.objects("artifact", page=LETTERS_A_PAGE):
        sealed = _content(artifact, "payload_bin", SEALED_SIZES[-1])
        if len(sealed) in SEALED_SIZES:
            name = digest_of(sealed)[:32]
            put({hub.path / INBOX / f"{name}.sealed": sealed}, now)
            collection.delete(artifact)
            number += 1
        if number == MAX_LETTERS:  # other objects are not letters and do not count
            break
    return number


def _put_files(
    collection: Collection, hub: Hub, notes: Mapping[str, StixObject], now: datetime
) -> int:
    """Puts new and changed files into the collection, heads last, and deletes older versions."""
    paths = sorted(
        (
            path
            for file in hub.path.rglob("*")
            if file.is_file() and FILES.fullmatch(path := file.relative_to(hub.path).as_posix())
        ),
        key=lambda path: (path.startswith("heads/"), path),
    )
    number = 0
    for path in paths:
        content, before = read_bounded(hub.path / path, MAX_DAY_BYTES), notes.get(path)
        if before is None or _content(before, "content", MAX_DAY_BYTES) != content:
            collection.add([note_of(path, content, now, before)])
            if before is not None:
                collection.delete(before)
            number += 1
    return number


def _put_entries(collection: Collection, hub: Hub, now: datetime) -> tuple[int, int]:
    """Puts the entries in force as STIX, and revokes all others; returns both numbers.

    Revocation is final: a claim that is made again is a new entry, with new ids.
    """
    name, tlp, today = hub.charter.name, hub.charter.tlp, now.date()
    wanted = {stix["id"]: stix for stix in hub_stix(hub.digest, name, tlp)}
    shown = 0
    for entry_id, state in sorted(hub.log.entries.items()):
        status = hub.log.status(entry_id, today)
        if status in ("live", "frozen"):
            disputed = status == "frozen"
            objects = entry_stix(hub.digest, state.entry, state.day, tlp, disputed=disputed)
            wanted |= {stix["id"]: stix for stix in objects}
            shown += 1
    author = next(
        stix["id"]
        for stix in wanted.values()
        if stix["type"] == "identity" and stix["id"] != RINGTRACE_ID
    )
    types = {*OBSERVABLES, "indicator", "observed-data", *(s["type"] for s in wanted.values())}
    there = {stix["id"]: stix for stix in collection.objects(*sorted(types))}
    fresh, old = list[StixObject](), list[StixObject]()
    revoked = 0
    for object_id, made in wanted.items():
        before = there.get(object_id)
        if before is None:
            fresh.append(made)
        elif "modified" in made and not before.get("revoked") and _bare(before) != _bare(made):
            fresh.append(made | {"modified": _newer(before, now)})
            old.append(before)
    for object_id, before in there.items():
        if object_id in wanted or before.get("revoked"):
            continue
        if before.get("created_by_ref") == author:
            fresh.append(withdrawn_stix(before) | {"modified": _newer(before, now)})
            old.append(before)
            revoked += before["type"] == "observed-data"
        elif "created" not in before:
            old.append(before)  # an observable that no entry names now
    collection.add(fresh)
    for before in old:
        collection.delete(before)
    return shown, revoked


OBSERVABLES = (
    "bank-account",
    "cryptocurrency-wallet",
    "domain-name",
    "email-addr",
    "phone-number",
    "url",
    "user-account",
)
"""Types of observables in entries."""


def _bare(stix: StixObject) -> StixObject:
    return {name: value for name, value in stix.items() if name not in ("created", "modified")}
