"""`ringtrace exchange hub init` and `members`: the folder of a hub, and its members.

    hub.json            the charter, signed by the host
    members/N-SHA.json  lists of members, each with signatures N-SHA.KEY.sig of agreeing members
    inbox/              letters of members, sealed to the host
    refused/            letters that the host refused
    log/DAY.jsonl       the new lines of a day, sorted
    heads/DAY.json      the root of the log, signed by the host

Every file comes from outside: its size is limited, and it is used only if its signature is valid.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import structs

from pipelines import key_store
from pipelines.ledger import signing_flags
from pipelines.letters.accepted_offers import hub_file
from pipelines.letters.signed_files import (
    check_key,
    refusing,
    signature_path,
    time_of,
    utc_text,
    with_signature,
)
from pipelines.options import (
    OWN_SLUG,
    UsageError,
    WholeNumber,
    all_of,
    exclusive,
    flag,
    say,
    subcommand,
    system_errors,
)
from pipelines.private_keys import read_secret_file
from pipelines.safe_files import replaced, write_whole
from pipelines.user_files import free_folder
from reports import signing
from reports.exchange import (
    HUB_LIVES,
    MAX_DAY_BYTES,
    HubLog,
    check_succession,
    parse_hub_file,
    shipped_policy,
)
from reports.letters import OfferError, listed_key, signer_of
from reports.signing import digest_of
from reports.text import plain
from schemas.offer import HubCharter, HubHead, HubMember, HubMembers, KindLife
from schemas.signed_fields import day_of
from transforms.gates import read_bytes

CHARTER, INBOX, REFUSED = "hub.json", "inbox", "refused"

MAX_SMALL_BYTES, MAX_MEMBERS_BYTES = 64 << 10, 1 << 20
"""Largest charter or head, and largest list of members, in bytes."""

HEAD_DAYS = 2
"""Days after which a head is old: the host signs a head every day."""

MAX_FILES = 10_000
"""Largest number of files of a folder that are read."""

_LIST = re.compile(r"(\d{5})-([0-9a-f]{16})\.json")

_DAY_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.json")

SEALED = re.compile(r"[0-9a-f]{32}\.sealed")

SECRET_BYTES = 32


@dataclass(frozen=True)
class Hub:
    """A hub whose files are valid, as members and host see it.

    Attributes:
        path: the hub's folder.
        charter: the hub's charter.
        digest: SHA-256 of the charter; every other file has it.
        host_keys: keys whose signature counts as the host's.
        members: the list of members in force; None before the first list.
        members_digest: SHA-256 of that list, else of the charter.
        waiting: by digest of a later list that lacks signatures, why it waits.
        overtaken: digests of lists that waited until another list was signed.
        log: the log of all days.
        heads: the heads of all days, each with its SHA-256.
    """

    path: Path
    charter: HubCharter
    digest: str
    host_keys: tuple[Ed25519PublicKey, ...]
    members: HubMembers | None
    members_digest: str
    waiting: Mapping[str, str]
    overtaken: frozenset[str]
    log: HubLog
    heads: tuple[tuple[HubHead, str], ...]

    @property
    def host_ids(self) -> set[str]:
        """The ids of the host's keys."""
        return {signing.key_id(key) for key in self.host_keys}

    @property
    def rows(self) -> tuple[HubMember, ...]:
        """The rows of the list in force."""
        return self.members.members if self.members else ()

    @property
    def last_day(self) -> str:
        """The day of the last head; empty before the first one."""
        return self.heads[-1][0].day if self.heads else ""

    def days_behind(self, now: datetime) -> int:
        """Returns the age of the last head in days, if it is more than `HEAD_DAYS`; else 0."""
        last = day_of(self.last_day) if self.heads else now.date()
        days = (now.astimezone(UTC).date() - last).days
        return days if days > HEAD_DAYS else 0

    def member(self, key_id: str) -> HubMember | None:
        """Returns the member with this key."""
        return next((row for row in self.rows if row.key_id == key_id and not row.ended), None)


def read_bounded(path: Path, most: int) -> bytes:
    """Reads a regular file of a hub, of at most `most` bytes.

    Raises:
        UsageError: if it cannot be read, or is larger.
    """
    with system_errors(path, "give the whole folder of a hub"):
        return read_bytes(path, most, follow=False)


def names_in(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Returns the names in a folder that match a pattern, sorted."""
    with system_errors(folder, "give the folder of a hub"):
        if not folder.exists():
            return []
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MAX_FILES + 1)]
    if len(names) > MAX_FILES:
        raise UsageError(f"{folder}: has more than {MAX_FILES} files; take away what is no hub's")
    return sorted(name for name in names if pattern.fullmatch(name))


def open_hub(folder: str, now: datetime) -> Hub:
    """Reads a hub, and checks all its signatures and chains.

    Raises:
        UsageError: if a file is invalid; names the first, and why.
    """
    path = Path(folder)
    content = read_bounded(path / CHARTER, MAX_SMALL_BYTES)
    trusted = key_store.trusted_keys() | {"": key_store.own_public_keys()}
    org, signer, charter = read_signed_file(path / CHARTER, content, trusted, HubCharter)
    if org not in ("", charter.host):
        raise UsageError(f"{path / CHARTER}: is of {charter.host}, but {org} signed it")
    check_key(path / CHARTER, org, signer, charter.issued_at, now)
    digest = digest_of(content)
    heads = list(_heads(path, digest, {org: trusted[org]}, now))
    pinned = heads[-1][0].members if heads else digest
    members, in_force, waiting, overtaken = _lists_in_force(
        path / "members", charter, digest, trusted[org], pinned
    )
    return Hub(
        path=path,
        charter=charter,
        digest=digest,
        host_keys=tuple(trusted[org]),
        members=members,
        members_digest=in_force,
        waiting=waiting,
        overtaken=overtaken,
        log=_read_log(path, charter, [head for head, _ in heads]),
        heads=tuple(heads),
    )


def read_signed_file(
    path: Path, content: bytes, keys: Mapping[str, Any], kind: type[Any]
) -> tuple[str, str, Any]:
    """Returns the signer of a hub's file, the id of the key, and the file's content.

    Raises:
        UsageError: if none of the keys signed it, or a field is wrong.
    """
    with refusing(path):
        signature = read_bounded(signature_path(path), MAX_SMALL_BYTES)
        org, signer = signer_of(content, signature, keys)
        return org, signer, parse_hub_file(content, "", kind)


def _heads(
    path: Path, digest: str, keys: Mapping[str, Any], now: datetime
) -> Iterator[tuple[HubHead, str]]:
    before, previous = None, digest
    for name in names_in(path / "heads", _DAY_FILE):
        file = path / "heads" / name
        content = read_bounded(file, MAX_SMALL_BYTES)
        org, signer, head = read_signed_file(file, content, keys, HubHead)
        check_key(file, org, signer, f"{head.day}T00:00:00Z", now)
        shrinks = before is not None and head.size < before.size
        if (head.hub, f"{head.day}.json", head.previous) != (digest, name, previous) or shrinks:
            raise UsageError(f"{file}: does not follow from the head before it")
        before, previous = head, digest_of(content)
        yield head, previous


class _List(NamedTuple):
    """A list of members: its file and its content."""

    path: Path
    content: bytes
    members: HubMembers


def _lists_in_force(
    folder: Path, charter: HubCharter, digest: str, host: Sequence[Ed25519PublicKey], pinned: str
) -> tuple[HubMembers | None, str, dict[str, str], frozenset[str]]:
    """Follows the chain of member lists, through the `pinned` list, to the list in force.

    Returns:
        The list in force and its digest; by digest, why a possible next list does not follow; the
        digests of lists that lacked signatures until another list was signed.

    Raises:
        UsageError: if the pinned list is missing, or two lists follow.
    """
    lists: dict[str, _List] = {}
    waiting: dict[str, str] = {}
    for name in names_in(folder, _LIST):
        content = read_bounded(folder / name, MAX_MEMBERS_BYTES)
        try:
            members = parse_hub_file(content, "", HubMembers)
            if members.hub != digest:
                raise OfferError("is of another hub")
            lists[digest_of(content)] = _List(folder / name, content, members)
        except OfferError as error:
            waiting[digest_of(content)] = f"members/{name}: {error}"
    leading, before = {pinned}, lists.get(pinned)
    while before is not None:
        leading.add(before.members.previous)
        before = lists.get(before.members.previous)
    latest, in_force, overtaken = digest, None, set[str]()
    passed = latest == pinned
    while True:
        after = [each for each, candidate in lists.items() if candidate.members.previous == latest]
        lacking = {
            each: why
            for each in after
            if (why := _lacks(lists[each], in_force, latest, charter, host))
        }
        after = [each for each in after if each not in lacking]
        if not passed and len(after) > 1:
            after = [each for each in after if each in leading]
        if len(after) > 1:
            named = " and ".join(lists[each].path.name for each in sorted(after))
            raise UsageError(f"{folder}: {named} both follow; ask the members which holds")
        if not after:
            break
        overtaken |= lacking.keys()
        latest, in_force = after[0], lists[after[0]].members
        passed = passed or latest == pinned
    if not passed:
        raise UsageError(
            f"{folder}: the list {pinned[:16]} of the last head is missing, or lacks signatures; "
            "ask the host for the whole folder"
        )
    return in_force, latest, waiting | lacking, frozenset(overtaken)


def _lacks(
    candidate: _List,
    in_force: HubMembers | None,
    latest: str,
    charter: HubCharter,
    host: Sequence[Ed25519PublicKey],
) -> str:
    """Returns why a list cannot follow the latest list; empty if it can.

    An invalid signature file is ignored: anybody who can write to the folder can add one.
    """
    rows = in_force.members if in_force else ()
    signers, wrong = set(), []
    for key in (*host, *(listed_key(row) for row in rows if not row.ended)):
        path = candidate.path.with_name(signature_name(candidate.path.name, signing.key_id(key)))
        if os.path.lexists(path):
            try:
                signature = read_bounded(path, MAX_SMALL_BYTES)
                signers.add(signing.verify_detached(candidate.content, signature, [key]))
            except (signing.SignatureError, UsageError) as error:
                wrong.append(f"{path.name}: {error}")
    hosts = set(map(signing.key_id, host))
    try:
        check_succession(in_force, latest, candidate.members, signers, charter, hosts)
    except OfferError as error:
        return f"members/{candidate.path.name}: {'; '.join([str(error), *wrong])}"
    return ""


def signature_name(name: str, signer: str) -> str:
    """Returns the name of the signature file of a key under a list of members."""
    return f"{name.removesuffix('.json')}.{signer[:16]}.sig"


def _read_log(path: Path, charter: HubCharter, heads: list[HubHead]) -> HubLog:
    log = HubLog(charter)
    for head in heads:
        file = path / "log" / f"{head.day}.jsonl"
        if head.size > log.size:
            with refusing(file):
                log.add_day(head.day, read_bounded(file, MAX_DAY_BYTES))
        if (log.size, log.root()) != (head.size, head.root):
            raise UsageError(
                f"{file}: is not what the host signed: the log was changed; ask for it again"
            )
    with refusing(path):
        log.check_erasures()
    return log


def midnight(now: datetime) -> datetime:
    """Returns the start of a day, which is the only time that files reveal."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def put(files: Mapping[Path, bytes], now: datetime) -> None:
    """Puts files into a hub as `replaced` does, with its folder's access rights, dated to the day.

    Raises:
        OSError: if the disk is full; all files are then unchanged.
        UsageError: if a file cannot be written.
    """
    first, remedy = next(iter(files), None), "give a folder to write to"
    with system_errors(first, remedy, but_full_disk=True, below=True), replaced(files):
        seconds = midnight(now).timestamp()
        for file in files:
            file.chmod(file.parent.stat().st_mode & 0o666)
            os.utime(file, (seconds, seconds))


def host_secrets(hub: Hub) -> tuple[bytes, bytes]:
    """Returns the host's secret that opens letters, and its secret that makes tokens.

    Raises:
        UsageError: if they are not here.
    """
    path = hub_file(f"{hub.charter.name}.key")
    remedy = f"ask its host {hub.charter.host}, which alone can do this"
    content = read_secret_file(path, 2 * SECRET_BYTES, remedy)
    opens = content[:SECRET_BYTES]
    fits = len(content) == 2 * SECRET_BYTES
    if not fits or _public(opens) != hub.charter.sealing_key:
        raise UsageError(f"{path}: is not the key of this hub; {remedy}")
    return opens, content[SECRET_BYTES:]


def _public(secret: bytes) -> str:
    public = X25519PrivateKey.from_private_bytes(secret).public_key()
    return base64.b64encode(public.public_bytes_raw()).decode()


HUB_FLAGS = all_of(
    flag("hub", "HUB", "folder of the hub, or a member's URL of its TAXII collection"),
    signing_flags("the time"),
)
"""The flags that every command of a hub takes."""


@subcommand(
    "init",
    "as the host: make a hub in a folder",
    HUB_FLAGS,
    flag("--name", "NAME", "name of the hub", required=True),
    OWN_SLUG,
    *(
        flag(
            name,
            "N",
            f"{meaning} (default: %(default)s)",
            type=WholeNumber(1, most),
            default=default,
        )
        for name, default, most, meaning in (
            ("--epoch-days", 90, 366, "days until contributors get other tokens"),
            ("--answer-days", 14, 90, "days in which a dispute must be answered"),
            ("--feed-days", 7, 31, "days until a feed is void"),
        )
    ),
)
def init_hub(arguments: Namespace) -> int:
    """Makes a hub, as its host; returns the exit status 0.

    Raises:
        UsageError: for a folder, a name or a key that cannot be used.
    """
    folder = free_folder(arguments.hub)
    host, now = key_store.org_slug(arguments.sender), time_of(arguments)
    path = hub_file(f"{key_store.org_slug(arguments.name)}.key")
    opens = secrets.token_bytes(SECRET_BYTES)
    policy = shipped_policy()
    charter = HubCharter(
        name=arguments.name,
        host=host,
        issued_at=utc_text(now),
        sealing_key=_public(opens),
        epoch_days=arguments.epoch_days,
        answer_days=arguments.answer_days,
        feed_days=arguments.feed_days,
        k=policy.k,
        tlp=policy.tlp,
        lives=tuple(KindLife(kind, days) for kind, days in sorted(HUB_LIVES.items())),
    )
    key = key_store.own_key(arguments.key)
    content = signing.letter_bytes(charter, key)
    with refusing(f"--name {arguments.name}, --from {host}"):
        parse_hub_file(content, "", HubCharter)
    if path.exists():
        raise UsageError(f"{path}: you host a hub of this name already; give another --name")
    write_whole(path, opens + secrets.token_bytes(SECRET_BYTES))
    put(with_signature(folder / CHARTER, content, key), now)
    for name in ("members", INBOX, "log", "heads"):
        (folder / name).mkdir(exist_ok=True)
    return say(
        f"{folder}: the hub {charter.name}, hosted by {host}; its key is in {path}: keep a copy\n"
        f"  members trust your key first (ringtrace keys trust {host} PEM), then add them: "
        f"ringtrace exchange hub members {folder} --add ORG --pem FILE"
    )


@subcommand(
    "members",
    "list, add or expel members, or agree to what another member changed",
    HUB_FLAGS,
    exclusive(
        flag("--add", "ORG", "add a member, or a new key of one"),
        flag("--expel", "ORG", "expel a member: all its contributions are out"),
        flag("--leave", "ORG", "take out a member that takes part no longer"),
        flag("--sign", "HEX", "agree to a list that another made, by its digest"),
    ),
    flag("--pem", "FILE", "with --add: the member's public key"),
)
def change_members(arguments: Namespace) -> int:
    """Shows the members, or makes or signs the next list; returns the exit status 0.

    Raises:
        UsageError: for an impossible change, or a user who is no member.
    """
    now = time_of(arguments)
    hub = open_hub(arguments.hub, now)
    changed = arguments.add or arguments.expel or arguments.leave
    if (arguments.add is None) != (arguments.pem is None):
        raise UsageError("--add ORG and --pem FILE: give both, or neither")
    if changed or arguments.sign:
        key = key_store.own_key(arguments.key, make=False)
        signer = signing.key_id(key.public_key())
        if hub.member(signer) is None and signer not in hub.host_ids:
            raise UsageError(f"{hub.path}: your key {signer} is neither a member's nor the host's")
        name, content = (
            _next_list(hub, arguments, now, key) if changed else _waiting_list(hub, arguments.sign)
        )
        folder, signature = hub.path / "members", signing.sign_detached(content, key)
        put({folder / name: content, folder / signature_name(name, signer): signature}, now)
        hub = open_hub(arguments.hub, now)
    lines = [f"{hub.path}: the hub {hub.charter.name}, hosted by {hub.charter.host}"]
    for row in hub.rows:
        ended = f", {row.ended} {row.until}" if row.ended else ""
        lines.append(f"  {row.org}  {row.key_id}  since {row.since}{ended}")
    for digest, why in sorted(hub.waiting.items()):
        lines.append(f"  waiting: {digest[:16]}: {plain(why, 300)}")
    late = "another list came first; make the change again"
    lines += [f"  overtaken: {digest[:16]}: {late}" for digest in sorted(hub.overtaken)]
    return say(*lines)


def _next_list(
    hub: Hub, arguments: Namespace, now: datetime, key: Ed25519PrivateKey
) -> tuple[str, bytes]:
    ended = arguments.add or arguments.expel or arguments.leave
    word = "expelled" if arguments.expel else "left"
    active = [row for row in hub.rows if row.org == ended and not row.ended]
    if not active and not arguments.add:
        raise UsageError(f"{ended[:64]} takes no part in {hub.charter.name}; see its members")
    when = utc_text(now)
    rows = [
        structs.replace(row, ended=word, until=when) if row in active else row for row in hub.rows
    ]
    if arguments.add:
        public = key_store.public_key(arguments.pem)
        raw = base64.b64encode(public.public_bytes_raw()).decode()
        org = key_store.org_slug(arguments.add)
        rows.append(HubMember(org, signing.key_id(public), raw, when, None, ""))
    rows.sort(key=lambda row: (row.org, row.since))
    number = (hub.members.number if hub.members else 0) + 1
    made = HubMembers(hub.digest, number, hub.members_digest, when, tuple(rows))
    content = signing.letter_bytes(made, key)
    _check_next(hub, content, f"{ended[:64]}: cannot be changed so")
    return f"{number:05}-{digest_of(content)[:16]}.json", content


def _check_next(hub: Hub, content: bytes, place: str) -> None:
    """Checks that a list lacks only signatures, so that a member signs nothing invalid.

    Raises:
        UsageError: if not.
    """
    hosts = hub.host_ids
    with refusing(place):
        members = parse_hub_file(content, "", HubMembers)
        if members.hub != hub.digest:
            raise OfferError("is of another hub")
        everybody = {row.key_id for row in members.members} | hosts
        check_succession(hub.members, hub.members_digest, members, everybody, hub.charter, hosts)


def _waiting_list(hub: Hub, digest: str) -> tuple[str, bytes]:

    def matching(digests: Iterable[str]) -> list[str]:
        return [each for each in digests if len(digest) >= 16 and each.startswith(digest)]

    if matching(hub.overtaken):
        raise UsageError(f"--sign {digest[:64]}: another list came first; make the change again")
    waiting = matching(hub.waiting)
    if len(waiting) != 1:
        raise UsageError(f"--sign {digest[:64]}: no list of that digest waits; see hub members")
    for name in names_in(hub.path / "members", _LIST):
        content = read_bounded(hub.path / "members" / name, MAX_MEMBERS_BYTES)
        if digest_of(content) == waiting[0]:
            _check_next(hub, content, f"--sign {digest[:64]}: cannot be signed")
            return name, content
    raise UsageError(f"--sign {digest[:64]}: the list is not there any more; see hub members")
