"""`ringtrace exchange hub collect` and `log`: the host runs a hub, and anybody can check it.

hubs/NAME.key             beside the host's keys: opens letters, and makes tokens
hubs/NAME.letters.json    for each member, the time of the last letter taken, and the digests of its
                          letters taken in that second
"""

from __future__ import annotations

import json
import secrets
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines import key_store
from pipelines.exchange.hub import (
    HUB_FLAGS,
    INBOX,
    MAX_SMALL_BYTES,
    REFUSED,
    SEALED,
    Hub,
    host_secrets,
    names_in,
    open_hub,
    put,
    read_bounded,
    read_signed_file,
)
from pipelines.letters.accepted_offers import hub_file
from pipelines.letters.signed_files import refusing, time_of, with_signature
from pipelines.options import UsageError, flag, say, subcommand
from pipelines.safe_files import replaced
from reports import signing
from reports.exchange import (
    MAX_DAY_BYTES,
    MAX_OPEN_DISPUTES,
    SEALED_SIZES,
    HubLog,
    contributor_token,
    epoch_of,
    erased_line,
    open_letter,
    parse_hub_file,
)
from reports.letters import OfferError, listed_key, signer_of
from reports.signing import digest_of
from reports.text import plain, quantity
from schemas.offer import (
    MAX_REASON,
    HubActor,
    HubDispute,
    HubHead,
    HubLetter,
    LoggedActor,
    LoggedAnswer,
    LoggedDispute,
    LoggedEnd,
    LoggedEntry,
    LoggedOpening,
    LoggedRenewal,
)
from schemas.signed_fields import day_of, parse_moment

MAX_LETTERS, MAX_LETTER_BYTES = 1_000, 2 << 30
"""Most letters, and most bytes of letters, taken in a day; the others wait for the next day."""

MOST_DAYS = 10
"""Largest number of days without a head that are listed; the last ones are."""

LETTER_DAYS = timedelta(days=14)
"""Days after which a letter is too old."""


@dataclass(frozen=True)
class Letter:
    """A letter signed by a member or by the host."""

    path: Path
    content: HubLetter
    digest: str
    size: int


class Day:
    """The lines of one day of a log, as the host collects them."""

    def __init__(self, hub: Hub, secret: bytes, today: date) -> None:
        self.hub, self.secret, self.today = hub, secret, today
        self.day = today.isoformat()
        # Two letters can renew the same entry, or answer the same dispute: the log has one line.
        self.lines: dict[bytes, None] = {}
        self.bytes = 0
        self.ended: set[str] = set()
        self.ids: set[str] = set()
        self.claimed: set[tuple[str, str]] = set()
        self.disputed: list[tuple[str, str]] = []
        self.in_time: set[str] = set()
        self.tokens: dict[tuple[str, int], str] = {}

    def token(self, org: str, day: date | None = None) -> str:
        """Returns the token of an organisation in the epoch of a day."""
        when = day or self.today
        key = org, epoch_of(self.hub.charter, when)
        if key not in self.tokens:
            self.tokens[key] = contributor_token(self.secret, self.hub.charter, org, when)
        return self.tokens[key]

    def every_token(self, org: str) -> set[str]:
        """Returns the tokens of an organisation in all epochs so far."""
        first = parse_moment(self.hub.charter.issued_at).date()
        days = range(0, max((self.today - first).days, 0) + 1, self.hub.charter.epoch_days)
        return {self.token(org, first + timedelta(days=number)) for number in days}

    def owns(self, org: str, name: str) -> bool:
        """Tells whether an organisation owns an entry that is not out."""
        state = self.hub.log.entries.get(name)
        return state is not None and state.token == self.token(org, state.day)

    def add(self, org: str, letter: HubLetter) -> None:
        """Takes a whole letter.

        Raises:
            OfferError: if any part is impossible; nothing of the letter is then taken.
        """
        log = self.hub.log
        own = {n: state.actor for n, state in log.entries.items() if self.owns(org, n)}
        entries = [entry for actor in letter.actors for entry in actor.entries]
        replaced_actors = {each for actor in letter.actors for each in actor.replaces}
        gone = {name for name, actor in own.items() if actor in replaced_actors}
        gone.update(letter.withdrawals)
        for name in (*letter.renewals, *letter.withdrawals):
            if name not in own:
                raise OfferError(f"renews or withdraws {name}, which is no entry of {org}")
        if not replaced_actors <= set(own.values()):
            raise OfferError(f"replaces an actor that is not one of {org}")
        left = {log.entries[name].entity_id: name for name in own.keys() - gone - self.ended}
        new = {actor.actor for actor in letter.actors} | {entry.entry for entry in entries}
        new |= {dispute.dispute for dispute in letter.disputes}
        for entry in entries:
            if entry.entity_id in left:
                raise OfferError(f"claims what the entry {left[entry.entity_id]} of it claims")
            if (org, entry.entity_id) in self.claimed:
                raise OfferError(f"claims what another letter of {org} claimed today")
        if replayed := sorted(name for name in new if log.knows(name) or name in self.ids):
            raise OfferError(f"has {replayed[0]}, which was there before: it was replayed")
        self._check_disputes(org, letter, own)
        self.ids |= new
        self.ended |= gone
        self.claimed |= {(org, entry.entity_id) for entry in entries}
        self.disputed += [(org, dispute.entry) for dispute in letter.disputes]
        # The time when the member wrote the letter counts, not when the host collects it.
        written = parse_moment(letter.issued_at).date()
        self.in_time |= {name for name in letter.renewals if log.status(name, written) != "expired"}
        self.in_time |= {
            name for name in letter.answers if day_of(log.disputes[name].answer_by) >= written
        }
        for actor in letter.actors:
            self._claim(org, actor, gone)
        for each in sorted({own[name] for name in letter.renewals}):
            names = sorted(name for name in letter.renewals if own[name] == each)
            self._log(LoggedRenewal(self.day, tuple(names)))
        for dispute in letter.disputes:
            self._dispute(self.token(org) if org else "", dispute)
        for name in letter.answers:
            self._log(LoggedAnswer(self.day, name))

    def _check_disputes(self, org: str, letter: HubLetter, own: Collection[str]) -> None:
        log, tokens = self.hub.log, self.every_token(org) if org else set()
        # A correction that moves a dispute to a new entry keeps its token, which may come from an
        # earlier epoch. So the tokens of all epochs are compared.
        mine = [each.entry for each in log.disputes.values() if each.token in tokens]
        today = [name for sender, name in self.disputed if org and sender == org]
        before = {*mine, *today}
        for dispute in letter.disputes:
            if dispute.entry not in log.entries or dispute.entry in own:
                raise OfferError(f"disputes {dispute.entry}, which is no entry of another's")
            if not org and not dispute.appeal:
                raise OfferError("is the host's, which lodges appeals of others alone")
            if org and dispute.entry in before:
                raise OfferError(f"disputes {dispute.entry} a second time")
            before.add(dispute.entry)
        waiting = sum(
            each.token in tokens for name in log.entries for each in log.open_disputes(name)
        )
        if waiting + len(today) + len(letter.disputes) > MAX_OPEN_DISPUTES:
            raise OfferError(f"has more than {MAX_OPEN_DISPUTES} disputes that wait for an answer")
        for name in letter.answers:
            known = log.disputes.get(name)
            if known is None or known.entry not in own:
                raise OfferError(f"answers {name}, which is no dispute of an entry of {org}")

    def _claim(self, org: str, actor: HubActor, gone: Collection[str]) -> None:
        log, token = self.hub.log, self.token(org)
        frozen = {log.entries[name].entity_id: log.open_disputes(name) for name in gone}
        for entry in actor.entries:
            salt = secrets.token_hex(16)
            self._log(LoggedEntry(actor.actor, self.day, entry, salt, token))
            # A correction does not answer a dispute.
            for dispute in frozen.get(entry.entity_id, ()):
                moved = HubDispute(secrets.token_hex(16), entry.entry, dispute.appeal)
                self._dispute(dispute.token, moved, dispute.answer_by)
        self._log(LoggedActor(actor.actor, self.day, actor.replaces, actor.ties, token))

    def _dispute(self, token: str, dispute: HubDispute, until: str = "") -> None:
        ends = until or (self.today + timedelta(self.hub.charter.answer_days)).isoformat()
        ends = max(ends, self.day)
        self._log(
            LoggedDispute(ends, dispute.appeal, self.day, dispute.dispute, dispute.entry, token)
        )

    def end(self, expelled: Iterable[str]) -> None:
        """Ends entries that are withdrawn, expired, of expelled members, or late with an answer."""
        orgs = list(expelled)
        for name, state in self.hub.log.entries.items():
            is_out = name in self.ended or any(self.owns(org, name) for org in orgs)
            if is_out or self._is_dead(name):
                self._log(LoggedEnd(self.day, name, state.leaf))

    def _is_dead(self, name: str) -> bool:
        """Tells whether an entry was not renewed, or its dispute not answered, in time."""
        late = any(
            day_of(dispute.answer_by) < self.today and dispute.dispute not in self.in_time
            for dispute in self.hub.log.open_disputes(name)
        )
        expired = self.hub.log.status(name, self.today) == "expired"
        return late or (expired and name not in self.in_time)

    def open(self, token: str, reason: str) -> None:
        """Logs that a token was opened."""
        self._log(LoggedOpening(self.day, reason, token))

    def _log(self, line: Any) -> None:
        made = signing.canonical_json(line)
        if made not in self.lines:
            self.lines[made] = None
            self.bytes += len(made) + 1


@subcommand(
    "collect", "as the host: put the letters of members into the log, once a day", HUB_FLAGS
)
def collect(arguments: Namespace) -> int:
    """Puts members' letters into the log, as the host; returns 1 if any was refused.

    Raises:
        UsageError: if the user is not the host, or the hub is invalid.
    """
    now = time_of(arguments)
    hub = open_hub(arguments.hub, now)
    return _collect(hub, arguments.key, now)


def _collect(
    hub: Hub, given_key: str | None, now: datetime, opening: tuple[str, str] | None = None
) -> int:
    key = key_store.own_key(given_key, make=False)
    opens, secret = host_secrets(hub)
    if signing.key_id(key.public_key()) not in hub.host_ids:
        raise UsageError(f"{hub.path}: your key is not that of the host {hub.charter.host}")
    today = now.astimezone(UTC).date()
    before = hub.last_day
    if before and day_of(before) >= today:
        raise UsageError(f"{hub.path}: {before} is collected; run it again tomorrow")
    if hub.members is None:
        raise UsageError(f"{hub.path}: has no members yet; run ringtrace exchange hub members")
    day = Day(hub, secret, today)
    letters = hub_file(f"{hub.charter.name}.letters.json")
    last = key_store.read_kept(letters, dict[str, str], "it says which letters were taken") or {}
    taken, refused, waiting = _take(hub, day, opens, now, last)
    if opening is not None:
        day.open(*opening)
    active = {row.org for row in hub.rows if not row.ended}
    expelled = {row.org for row in hub.rows if row.ended == "expelled"} - active
    day.end(expelled)
    files, head = _day_files(hub, day, key)
    # Written together: without the record of its letters, the next day would take them again.
    with replaced({letters: signing.canonical_json(last)}):
        put(files | _erased_files(hub), now)
    for letter in taken:
        letter.unlink(missing_ok=True)
    for letter in refused:
        (hub.path / REFUSED).mkdir(exist_ok=True)
        if letter.exists():
            letter.replace(hub.path / REFUSED / letter.name)
    came = f"{quantity(len(taken), 'letter')}, {quantity(len(day.lines), 'line')}"
    say(f"{hub.path}: {head.day}: {came}; the log has {head.size}, its root is {head.root}")
    if before and (missed := (today - day_of(before)).days - 1):
        say(
            f"  nothing was collected on {quantity(missed, 'day')} since {before}, of which there "
            "is no head; what expired then is out today"
        )
    if waiting:
        say(f"  left for the next day, since this one is full: {quantity(waiting, 'letter')}")
    for path, why in refused.items():
        say(f"  refused: {path.name}: {plain(why, 300)}")
    return 1 if refused else 0


def _take(
    hub: Hub, day: Day, opens: bytes, now: datetime, last: dict[str, str]
) -> tuple[list[Path], dict[Path, str], int]:
    """Takes letters, first from senders who wrote least, each sender's in order of time.

    A day takes only as many letters as everybody can read; the rest wait for the next day.

    Returns:
        The paths of letters taken, why others are refused, and the number of waiting letters.

    `last` has, by sender, the time of the last letter taken, then the digests of the letters taken
    in that second: a script can write two letters in a second.
    """
    letters: list[Letter] = []
    refused: dict[Path, str] = {}
    total = 0
    names = names_in(hub.path / INBOX, SEALED)
    for name in names[:MAX_LETTERS]:
        path = hub.path / INBOX / name
        try:
            content = read_bounded(path, SEALED_SIZES[-1])
            total += len(content)
            letters.append(_read_letter(hub, path, content, opens, now))
        except (OfferError, UsageError) as error:
            refused[path] = str(error).removeprefix(f"{path}: ")
        if total > MAX_LETTER_BYTES:
            break
    taken = []
    written = Counter[str]()
    for letter in letters:
        written[letter.content.sender] += letter.size
    full: set[str] = set()

    def order(letter: Letter) -> tuple[int, str, str, str]:
        sender = letter.content.sender
        return written[sender], sender, letter.content.issued_at, letter.digest

    for letter in sorted(letters, key=order):
        sender = letter.content.sender
        if sender in full or (day.bytes and day.bytes + letter.size > MAX_DAY_BYTES // 2):
            full.add(sender)
            continue
        try:
            newest, *same = last.get(sender, "").split(" ")
            issued = letter.content.issued_at
            if issued < newest or (issued == newest and letter.digest in same):
                raise OfferError(
                    f"of {sender}, {issued}: is not newer than the last that was taken: it was "
                    "replayed, or came late; what came late must be sent again"
                )
            day.add("" if sender == hub.charter.host else sender, letter.content)
        except OfferError as error:
            refused[letter.path] = str(error)
            continue
        last[sender] = " ".join([issued, *(same if issued == newest else []), letter.digest])
        taken.append(letter.path)
    return taken, refused, len(names) - len(taken) - len(refused)


def _read_letter(hub: Hub, path: Path, sealed: bytes, opens: bytes, now: datetime) -> Letter:
    content, signature = open_letter(sealed, opens, hub.digest)
    keys = {row.org: [listed_key(row)] for row in hub.rows if not row.ended}
    keys[hub.charter.host] = [*hub.host_keys]
    try:
        org, _ = signer_of(content, signature, keys)
    except OfferError as error:
        why = str(error).partition("; see")[0]
        raise OfferError(f"{why}: no member has it") from None
    letter: HubLetter = parse_hub_file(content, org, HubLetter)
    if letter.hub != hub.digest:
        raise OfferError("is for another hub")
    issued = parse_moment(letter.issued_at)
    if not now - LETTER_DAYS <= issued <= now + timedelta(days=1):
        raise OfferError(f"was written at {letter.issued_at}, too long ago or in the future")
    return Letter(path, letter, digest_of(content), len(content))


def _day_files(hub: Hub, day: Day, key: Ed25519PrivateKey) -> tuple[dict[Path, bytes], HubHead]:
    """Returns the files of a day and the head over all lines; adds the day's lines to the log."""
    lines = b"".join(line + b"\n" for line in sorted(day.lines))
    log = hub.log
    with refusing(hub.path, "; make a new hub"):
        log.add_day(day.day, lines)
    previous = hub.heads[-1][1] if hub.heads else hub.digest
    made = HubHead(hub.digest, day.day, log.size, log.root(), hub.members_digest, previous)
    content = signing.letter_bytes(made, key)
    file = hub.path / "heads" / f"{day.day}.json"
    files = {hub.path / "log" / f"{day.day}.jsonl": lines} if lines else {}
    # The head comes last: without it, no line of the day counts.
    return files | with_signature(file, content, key), made


def _erased_files(hub: Hub) -> dict[Path, bytes]:
    """Returns files of earlier days without the lines that the log declares out.

    They are written after the head that declares this. If the host is killed before, the next day
    erases the rest.
    """
    gone, first, changed = set(hub.log.to_erase()), 0, {}
    for head, _ in hub.heads:
        file = hub.path / "log" / f"{head.day}.jsonl"
        here = gone.intersection(range(first, head.size))
        if here:
            lines = read_bounded(file, MAX_DAY_BYTES).split(b"\n")
            for leaf in here:
                lines[leaf - first] = erased_line(lines[leaf - first])
            changed[file] = b"\n".join(lines)
        first = head.size
    return changed


@subcommand(
    "log",
    "check the log, and compare it with an earlier head; as the host, open a token",
    HUB_FLAGS,
    flag("--head", "FILE", "an earlier head, of your own or another member's copy"),
    flag("--open-token", "HEX", "as the host: whose token this is, logged"),
    flag("--reason", "TEXT", "with --open-token: why, for all members"),
)
def show_log(arguments: Namespace) -> int:
    """Checks the log, and prints a summary; returns the exit status 0.

    Raises:
        UsageError: if the log is invalid, or does not continue the given head.
    """
    now = time_of(arguments)
    hub = open_hub(arguments.hub, now)
    if (arguments.open_token is None) != (arguments.reason is None):
        raise UsageError("--open-token HEX and --reason TEXT: give both, or neither")
    if arguments.open_token is not None:
        return _open_token(hub, arguments, now)
    lines = [f"{hub.path}: the hub {hub.charter.name}, hosted by {hub.charter.host}: holds"]
    if hub.heads:
        head, digest = hub.heads[-1]
        lines += [f"  head of {head.day}: {digest}", f"  root: {head.root}"]
        lines += _head_lines(hub, now)
    lines += _log_lines(hub.log, now.date())
    if arguments.head is not None:
        lines.append(_compare_head(hub, Path(arguments.head)))
    return say(*lines)


def _log_lines(log: HubLog, day: date) -> Iterator[str]:
    """Yields a summary of a log as lines for a person."""
    counts = Counter(log.status(name, day) for name in log.entries)
    shown = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    waiting = sum(1 for name in log.entries for _ in log.open_disputes(name))
    lines, disputes = quantity(log.size, "line"), quantity(waiting, "open dispute")
    yield f"  {lines}; entries: {shown or 'none'}; {disputes}"
    for opening in log.openings:
        yield f"  token {opening.token} was opened on {opening.day}: {json.dumps(opening.reason)}"


def _head_lines(hub: Hub, now: datetime) -> Iterator[str]:
    """Yields the number of heads, the days without a head, and the age of an old last head."""
    yield f"  heads: {len(hub.heads)}, each continues the one before, since {hub.heads[0][0].day}"
    headed = {day_of(head.day) for head, _ in hub.heads}
    first, last = min(headed), max(headed)
    between = (first + timedelta(number) for number in range((last - first).days))
    missed = [day.isoformat() for day in between if day not in headed]
    if missed:
        more = f" and {len(missed) - MOST_DAYS} more" if len(missed) > MOST_DAYS else ""
        days = ", ".join(missed[-MOST_DAYS:])
        yield f"  no head of {days}{more}: the host collected nothing on these days"
    if behind := hub.days_behind(now):
        yield f"  the last head is {quantity(behind, 'day')} old: ask the host for what is newer"


def _compare_head(hub: Hub, path: Path) -> str:
    """Checks that the log continues an earlier head."""
    content = read_bounded(path, MAX_SMALL_BYTES)
    _, _, head = read_signed_file(path, content, {hub.charter.host: hub.host_keys}, HubHead)
    if head.hub != hub.digest:
        raise UsageError(f"{path}: is a head of another hub")
    if hub.log.root_at(head.size) != head.root:
        raise UsageError(
            f"{path}: the log of {hub.path} does not continue this head of {head.day}: the host "
            "signed two logs; tell the other members"
        )
    return f"  continues the head of {head.day}"


def _open_token(hub: Hub, arguments: Namespace, now: datetime) -> int:
    """Prints the owner of a token, after the log has recorded that it was opened."""
    key_store.own_key(arguments.key, make=False)
    _, secret = host_secrets(hub)
    if not arguments.reason.isprintable() or not 0 < len(arguments.reason) <= MAX_REASON:
        raise UsageError(f"--reason: give a printable text of at most {MAX_REASON} characters")
    day = Day(hub, secret, now.date())
    orgs = sorted({row.org for row in hub.rows})
    owners = {token: org for org in orgs for token in day.every_token(org)}
    if arguments.open_token not in owners:
        raise UsageError(
            f"--open-token {plain(arguments.open_token, 64)}: is no contributor's token; give one "
            "of the log"
        )
    status = _collect(hub, arguments.key, now, (arguments.open_token, arguments.reason))
    say(f"  {arguments.open_token} is {owners[arguments.open_token]}; the log says that you know")
    return status
