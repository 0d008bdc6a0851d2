"""`ringtrace exchange hub publish`, `pull`, `withdraw` and `dispute`: commands of a hub's members.

    hubs/NAME.json     beside the keys: the hub as last seen, the own entries, and feeds made
    hubs/NAME.pem      the key that signs feeds here; `exchange join` trusts it as the hub's

A letter is sealed to the host. A feed is made here from the log, as an offer of the hub.
"""

from __future__ import annotations

import base64
import csv
import io
import re
import secrets
from argparse import Namespace
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct, structs

from pipelines import key_store, ledger
from pipelines.exchange.hub import HUB_FLAGS, INBOX, Hub, open_hub, put
from pipelines.exchange.offer import (
    SOURCE_FLAGS,
    evidence_of_run,
    offer_policy,
    offer_source,
    reasons_text,
)
from pipelines.ledger import LEDGER_FLAG, Entry, EntryKind, hold_back, values_withheld
from pipelines.letters import accepted_offers, signed_files
from pipelines.letters.accepted_offers import hub_file
from pipelines.letters.signed_files import OFFER, refusing, time_of, utc_text
from pipelines.options import (
    UsageError,
    WholeNumber,
    flag,
    say,
    several,
    subcommand,
    switch,
    system_errors,
)
from pipelines.private_keys import open_private_key, read_secret_file
from pipelines.safe_files import replaced, write_whole
from pipelines.user_files import check_basis, free_folder, open_run, rests_on
from reports import signing, tables
from reports.disclosure_control import REVIEWED_CORE, thin_clusters
from reports.exchange import (
    Contributors,
    EntryState,
    FeedChoice,
    Withheld,
    actors_of_offer,
    iso_week,
    make_feed,
    make_offer,
    parse_hub_file,
    seal_letter,
)
from reports.run import Run
from reports.signing import digest_of
from reports.text import plain, quantity
from schemas.entity import without_epoch
from schemas.enums import HARD_ROLES
from schemas.offer import Feed, HubActor, HubDispute, HubEntry, HubLetter, HubTie
from schemas.tables import DECISIONS, MEMBERS
from transforms.custody import files_of
from transforms.decode import without_formula

ENTRIES_FILE = "entries.csv"

SHORTEST_ID = 8
"""Fewest first digits of an entry's id or a token that can stand for it."""

_RANDOM = re.compile(rb'"[0-9a-f]{32,64}"')
"""Ids and digests in a letter, whose digits are random."""

FEED_COLUMNS = ("entry contributor actor entity_id role reporters first last basis status").split()


class HubRecord(Struct, forbid_unknown_fields=True):
    """The record that a member keeps of a hub.

    Attributes:
        charter: SHA-256 of the charter, which never changes.
        size: number of lines of the log when last seen.
        root: root of the log when last seen.
        own: by entry that the member published, its identifier and the day.
        feeds: by SHA-256 of a feed that the member made and that is not void yet, its end and its
            claims.
    """

    charter: str = ""
    size: int = 0
    root: str = ""
    own: dict[str, list[str]] = {}
    feeds: dict[str, list[str]] = {}


def read_record(hub: Hub) -> HubRecord:
    """Reads the member's record of a hub, and checks that the hub continues it.

    Raises:
        UsageError: for a damaged file, another hub of this name, or a log that was changed.
    """
    path = hub_file(f"{hub.charter.name}.json")
    record = key_store.read_kept(path, HubRecord, "restore it from a copy")
    if record is None:
        return HubRecord(hub.digest)
    if record.charter != hub.digest:
        raise UsageError(
            f"{hub.path}: is another hub than the one of the name {hub.charter.name} that you know"
        )
    if hub.log.root_at(record.size) != record.root:
        raise UsageError(
            f"{hub.path}: the log does not continue the {record.size} lines that you saw before: "
            "it was changed or cut; compare heads with other members"
        )
    return record


class _Member:
    """A member of a hub, or its host lodging an appeal, with its key and its record of the hub.

    Raises:
        UsageError: for an invalid hub, or a key of no member.
    """

    def __init__(self, arguments: Namespace, *, host: bool = False) -> None:
        self.now = time_of(arguments)
        self.hub = hub = open_hub(arguments.hub, self.now)
        self.key = key_store.own_key(arguments.key, make=False)
        signer = signing.key_id(self.key.public_key())
        row = hub.member(signer)
        if row is not None:
            self.org = row.org
        elif host and signer in hub.host_ids:
            self.org = hub.charter.host
        else:
            raise UsageError(f"{hub.path}: your key {signer} is no member's; see its members")
        self.record = read_record(hub)

    def own(self) -> dict[str, EntryState]:
        """Returns the member's entries in the log, by id."""
        entries = self.hub.log.entries
        return {name: state for name, state in entries.items() if name in self.record.own}

    @contextmanager
    def record_saved(self) -> Iterator[None]:
        """Writes the record of the hub before the block, and restores it if the block fails."""
        log, path = self.hub.log, hub_file(f"{self.hub.charter.name}.json")
        seen = {"charter": self.hub.digest, "size": log.size, "root": log.root()}
        with replaced({path: signing.canonical_json(structs.asdict(self.record) | seen)}):
            yield

    def letter(self, **parts: Any) -> bytes:
        """Returns the bytes of a letter to the host.

        Raises:
            UsageError: for a letter that the host would refuse.
        """
        empty = dict.fromkeys(("actors", "renewals", "withdrawals", "disputes", "answers"), ())
        letter = HubLetter(self.hub.digest, self.org, utc_text(self.now), **(empty | parts))
        content = signing.letter_bytes(letter, self.key)
        with refusing(f"{self.hub.path}: your letter", "; publish less"):
            parse_hub_file(content, "", HubLetter)
        return content

    def send(self, content: bytes) -> Path:
        """Seals a letter and puts it into the inbox under a random name; returns its path.

        The record of the hub is written with it.
        """
        hub = self.hub
        host = base64.b64decode(hub.charter.sealing_key)
        signature = signing.sign_detached(content, self.key)
        with refusing(f"{hub.path}: your letter", "; publish less"):
            sealed = seal_letter(content, signature, host, hub.digest)
        path = hub.path / INBOX / f"{secrets.token_hex(16)}.sealed"
        with self.record_saved():
            put({path: sealed}, self.now)
        return path


@subcommand(
    "publish",
    "seal to the host what your run confirms, and withdraw what it confirms no longer",
    flag("run", "RUN", "folder of a finished run of your own"),
    HUB_FLAGS,
    SOURCE_FLAGS,
    LEDGER_FLAG,
)
def publish(arguments: Namespace) -> int:
    """Sends the host the entries that a run confirms or no longer confirms; returns 0.

    Raises:
        UsageError: for a run or a hub that cannot be used, and for a user who is no member.
    """
    run = open_run(arguments.run, built_on=True)
    check_basis(run)
    if run.offers:
        raise UsageError(f"{run.folder}: is joined with others' offers; publish your own run alone")
    member = _Member(arguments)
    hub, record, now = member.hub, member.record, member.now
    _check_collected(hub, record)
    # The record is missing although, by the ledger, entries were published.
    lost = not hub_file(f"{hub.charter.name}.json").exists() and any(
        entry.kind == EntryKind.SUBMISSION and entry.recipient == hub.charter.name
        for entry in ledger.read_ledger(arguments.ledger)
    )
    confirmed, left = _actors_of_run(run, member, arguments)
    known = member.own()
    actors, stay = _compare(confirmed, hub, known, now)
    replaced_actors = {actor_id for actor in actors for actor_id in actor.replaces}
    withdrawals = tuple(
        name
        for name, state in sorted(known.items())
        if name not in stay and state.actor not in replaced_actors
    )
    renewals = tuple(name for name in stay if hub.log.needs_renewal(name, now.date()))
    if not (actors or renewals or withdrawals):
        if stay:
            return say(f"{hub.path}: all that may leave of {run.folder} is there already")
        raise UsageError(f"{run.folder}: nothing in it may leave: {reasons_text(left)}")
    content = member.letter(actors=actors, renewals=renewals, withdrawals=withdrawals)
    values = values_withheld(run, arguments.register_key, no_register=arguments.no_register)
    shown = {"letter.json": _RANDOM.sub(b'""', content)}
    hold_back(run, f"hub/{hub.charter.name}", shown, values)
    claimed = {entry.entry: entry.entity_id for actor in actors for entry in actor.entries}
    named = {*claimed.values(), *(known[name].entity_id for name in stay)}
    gone = {state.entity_id for state in known.values()} - named
    entry = Entry(
        at=utc_text(now),
        kind=EntryKind.SUBMISSION,
        recipient=hub.charter.name,
        sha256=digest_of(content),
        run_id=run.run_id,
        identifiers=tuple(sorted(named)),
        built_on=tuple(rests_on(run)),
    )
    corrected = _corrections(arguments.ledger, hub, gone, now, run.run_id)
    # Recorded first: an entry that is not in the ledger could never be corrected.
    day = now.date().isoformat()
    record.own |= {name: [entity_id, day] for name, entity_id in claimed.items()}
    with ledger.recorded(arguments.ledger, [*corrected, entry]):
        path = member.send(content)
    corrections = sum(1 for actor in actors if actor.replaces)
    say(
        f"{path}: for the host {hub.charter.host} of {hub.charter.name} alone\n"
        f"  claims {quantity(len(claimed), 'identifier')} of {quantity(len(actors), 'actor')}, "
        f"{corrections} of which correct earlier ones; renews {len(renewals)}, "
        f"withdraws {len(withdrawals)}\n"
        f"  stays: {reasons_text(left)}\n"
        f"  recorded as {entry.issue_id}; others see it once the host has collected it"
    )
    if lost:
        say(
            f"  your ledger says that you published to {hub.charter.name} before, of which no "
            "record is beside your keys: the host refuses this letter if what it claims is there; "
            "then withdraw it by the ids of its entries"
        )
    return 0


def _check_collected(hub: Hub, record: HubRecord) -> None:
    """Raises UsageError while the host may still take an earlier letter; drops refused entries."""
    waiting = [
        day
        for name, (_, day) in record.own.items()
        if not hub.log.knows(name) and day >= hub.last_day
    ]
    if waiting:
        raise UsageError(
            f"{hub.path}: the host has not collected what you published on {max(waiting)}; "
            "publish again when it has"
        )
    record.own = {name: own for name, own in record.own.items() if hub.log.knows(name)}


def _actors_of_run(
    run: Run, member: _Member, arguments: Namespace
) -> tuple[list[HubActor], Withheld]:
    """Returns the actors of a run that may leave: reviewed core members, not of thin clusters."""
    org, now = member.org, member.now
    everybody = tables.read_table(run, MEMBERS)
    members = everybody.filter(REVIEWED_CORE)
    members = members.filter(pc.invert(pc.is_in(members["cluster_id"], thin_clusters(run))))
    evidence = evidence_of_run(run)
    signed_files.own_org(org, set(evidence["source_org"].to_pylist()), str(run.folder))
    evidence = evidence.filter(pc.equal(evidence["source_org"], org))
    charter, policy = member.hub.charter, offer_policy(arguments.policy)
    policy = structs.replace(
        policy,
        k=max(charter.k, policy.k),
        confirmed_only=True,
        least_reports=max(2, policy.least_reports),
    )
    source = offer_source(run, arguments, members, evidence)
    offer, left = make_offer(source, policy, org, charter.name, now)
    hard = evidence.filter(pc.is_in(evidence["role"], pa.array(sorted(HARD_ROLES))))
    grouped = hard.group_by("entity_id").aggregate(
        [("reporter_key", "count_distinct"), ("observed_at", "min"), ("observed_at", "max")]
    )
    facts = {
        row["entity_id"]: (
            row["reporter_key_count_distinct"],
            iso_week(row["observed_at_min"]),
            iso_week(row["observed_at_max"]),
        )
        for row in grouped.to_pylist()
    }
    actors = actors_of_offer(offer, facts, _signed_members(run), policy.k)
    if others := everybody.num_rows - members.num_rows:
        why = {"not reviewed core, or of a thin cluster": others}
        left = replace(left, reasons=why | dict(left.reasons))
    return actors, left


def _signed_members(run: Run) -> frozenset[str]:
    """Returns the identifiers, with epochs, that a signed decision in force confirms."""
    if not files_of(run.manifest, DECISIONS):
        return frozenset()
    reviews = pc.field("in_force") & pc.field("kind").isin(["confirm", "review"])
    where = reviews & pc.field("signed_by").is_valid()
    rows = tables.read_table(run, DECISIONS, ["members"], where)["members"].to_pylist()
    return frozenset(member for members in rows for member in members or ())


def _compare(
    confirmed: Iterable[HubActor], hub: Hub, known: Mapping[str, EntryState], now: datetime
) -> tuple[tuple[HubActor, ...], tuple[str, ...]]:
    """Returns new and corrected actors, and the entries that stay unchanged.

    `known` are the member's entries in the log.
    """
    log = hub.log
    actor_of = {state.entity_id: state.actor for state in known.values()}
    entries_of: defaultdict[str, list[HubEntry]] = defaultdict(list)
    for state in known.values():
        entries_of[state.actor].append(state.entry)
    actors: list[HubActor] = []
    stay: list[str] = []
    for actor in confirmed:
        claimed = (entry.entity_id for entry in actor.entries)
        before = sorted({actor_of[entity_id] for entity_id in claimed if entity_id in actor_of})
        old = entries_of[before[0]] if len(before) == 1 else []
        alive = all(log.status(entry.entry, now.date()) in ("live", "frozen") for entry in old)
        tied = log.ties.get(before[0]) if old else None
        there = _claims_and_ties(old, tied.ties if tied else ())
        if old and alive and there == _claims_and_ties(actor.entries, actor.ties):
            stay += [entry.entry for entry in old]
        else:
            actors.append(structs.replace(actor, replaces=tuple(before)))
    return tuple(sorted(actors, key=attrgetter("actor"))), tuple(sorted(stay))


def _claims_and_ties(
    entries: Collection[HubEntry], ties: Iterable[HubTie]
) -> tuple[set[HubEntry], set[tuple[frozenset[str], int, str]]]:
    """Returns the entries and ties of an actor, with identifiers instead of ids of entries."""
    names = {entry.entry: entry.entity_id for entry in entries}
    by_identifier = {
        (frozenset(names.get(name, "") for name in tie.entries), tie.reporters, tie.week)
        for tie in ties
    }
    return {structs.replace(entry, entry="") for entry in entries}, by_identifier


def _corrections(
    ledger_path: str | None, hub: Hub, gone: set[str], now: datetime, run_id: str
) -> list[Entry]:
    """Returns corrections of earlier letters that named withdrawn identifiers."""
    bare = {without_epoch(entity_id) for entity_id in gone}
    corrections = []
    for entry in ledger.read_ledger(ledger_path) if bare else ():
        named = tuple(each for each in entry.identifiers if without_epoch(each) in bare)
        if entry.kind == EntryKind.SUBMISSION and entry.recipient == hub.charter.name and named:
            corrections.append(
                Entry(
                    at=utc_text(now),
                    kind=EntryKind.CORRECTION,
                    recipient=entry.recipient,
                    sha256=entry.sha256,
                    run_id=run_id,
                    identifiers=named,
                )
            )
    return corrections


@subcommand(
    "withdraw",
    "take back what you published",
    HUB_FLAGS,
    flag("ids", "ENTITY", "ids that you published, or of their entries", nargs="*"),
    switch("--all", "all that you published"),
    LEDGER_FLAG,
)
def withdraw(arguments: Namespace) -> int:
    """Asks the host to take own entries out; returns the exit status 0.

    Raises:
        UsageError: for an id without an own entry.
    """
    if arguments.all == bool(arguments.ids):
        flags = f"{plain(arguments.ids[0], 100)}, --all" if arguments.ids else "ENTITY, --all"
        raise UsageError(f"{flags}: give one of them: what you withdraw, or all of it")
    member = _Member(arguments)
    hub = member.hub
    own = {name: state.entity_id for name, state in member.own().items()}
    wanted = set(arguments.ids)
    chosen = {
        name: entity_id
        for name, entity_id in own.items()
        if arguments.all or wanted & {name, entity_id, without_epoch(entity_id)}
    }
    # A member that lost this record, or published elsewhere, must be able to withdraw its claims.
    elsewhere = {
        name: hub.log.entries[name].entity_id
        for name in wanted & hub.log.entries.keys() - own.keys()
    }
    chosen |= elsewhere
    known = {
        each
        for name, entity_id in chosen.items()
        for each in (name, entity_id, without_epoch(entity_id))
    }
    if missing := sorted(wanted - known):
        raise UsageError(
            f"{plain(missing[0], 100)}: is no entry of yours; see {ENTRIES_FILE} of a feed; what "
            "you published elsewhere is withdrawn by the ids of its entries"
        )
    if not chosen:
        raise UsageError(f"{hub.path}: nothing of yours is in it, so there is nothing to withdraw")
    content = member.letter(withdrawals=tuple(sorted(chosen)))
    corrected = _corrections(arguments.ledger, hub, set(chosen.values()), member.now, "")
    with ledger.recorded(arguments.ledger, corrected):
        path = member.send(content)
    say(
        f"{path}: withdraws {quantity(len(chosen), 'entry', 'entries')}, out once the host has "
        "collected it"
    )
    for name in sorted(elsewhere):
        say(
            f"  {name}: you did not publish it from here; the host refuses the whole letter if it "
            "is not yours"
        )
    return 0


@subcommand(
    "dispute",
    "freeze another member's entry until it is answered, or answer for yours",
    HUB_FLAGS,
    flag("id", "HEX", "an entry, or with --answer a dispute"),
    flag("--appeal", "NAME", "reference of somebody outside who appeals; no person's"),
    switch("--answer", "your own entry stands: answers the dispute"),
)
def dispute(arguments: Namespace) -> int:
    """Disputes another member's entry, or answers a dispute; returns the exit status 0.

    Raises:
        UsageError: for an entry or a dispute that does not exist.
    """
    member = _Member(arguments, host=arguments.appeal is not None)
    log, own, name = member.hub.log, member.record.own, arguments.id
    if arguments.answer:
        if arguments.appeal is not None:
            raise UsageError("--answer: leave out --appeal, which is for a dispute")
        known = log.disputes.get(name)
        if known is None or known.entry not in own:
            raise UsageError(
                f"{plain(name, 64)}: is no dispute of an entry of yours; see {ENTRIES_FILE}"
            )
        content = member.letter(answers=(name,))
        summary = f"answers the dispute of {known.entry}: it stands"
    else:
        if name not in log.entries or name in own:
            raise UsageError(f"{plain(name, 64)}: is no entry of another's; see {ENTRIES_FILE}")
        appeal = key_store.org_slug(arguments.appeal) if arguments.appeal else ""
        lodged = HubDispute(secrets.token_hex(16), name, appeal)
        content = member.letter(disputes=(lodged,))
        summary = (
            f"disputes {name} as {lodged.dispute}: it is frozen once the host has collected it"
        )
    return say(f"{member.send(content)}: {summary}")


@subcommand(
    "pull",
    "check what is in force, and write it as a feed for exchange join",
    HUB_FLAGS,
    flag("--output", "DIR", "new folder of the feed", required=True),
    several(
        "--without",
        "HEX",
        "entries, or tokens of contributors, to leave out, by eight digits or more",
    ),
    flag(
        "--min-count",
        "N",
        "contributors that must name an identifier (default: %(default)s)",
        type=WholeNumber(1, 500),
        default=1,
    ),
)
def pull(arguments: Namespace) -> int:
    """Checks the log, and writes the entries in force as a feed for `join`; returns 0.

    Raises:
        UsageError: for an invalid hub, or a user who is no member.
    """
    folder = free_folder(arguments.output)
    member = _Member(arguments)
    hub, org, record, now = member.hub, member.org, member.record, member.now
    name = hub.charter.name
    without = _ids_of_log(hub, arguments.without)
    choice = FeedChoice(frozenset(record.own), without, arguments.min_count)
    members = {row.org for row in hub.rows}
    offer = make_feed(hub.log, org, now, choice, members)
    key = _feed_key(name)
    content = signing.letter_bytes(offer, key)
    files = signed_files.with_signature(folder / OFFER, content, key)
    files[folder / ENTRIES_FILE] = _entries_table(hub, frozenset(record.own), now)
    before = accepted_offers.accepted_before(name)
    if before.issued_at > offer.issued_at:
        raise UsageError(f"{hub.path}: a feed of {before.issued_at} was pulled before; see --now")
    who, everything = Contributors(hub.log), make_feed(hub.log, org, now, FeedChoice())
    live = _claims(everything)
    taken_back = {
        sha
        for sha, (_, *claims) in record.feeds.items()
        if not live.issuperset(_by_oldest(claim, who) for claim in claims)
    }
    now_known = structs.replace(
        before,
        issued_at=offer.issued_at,
        sha256=digest_of(content),
        revoked=before.revoked | taken_back,
    )
    known_feeds = record.feeds | {digest_of(content): [offer.expires_at, *sorted(_claims(offer))]}
    record.feeds = {
        sha: [ends, *claims]
        for sha, (ends, *claims) in known_feeds.items()
        if sha not in taken_back and ends > utc_text(now)
    }
    with (
        system_errors(folder, "give another --output", but_full_disk=True),
        replaced(files),
        member.record_saved(),
    ):
        accepted_offers.save_accepted(name, now_known)
    people = quantity(len(offer.contributors), "contributor")
    say(
        f"{folder}: {quantity(len(offer.entities), 'identifier')} by {people}, until "
        f"{offer.expires_at}; ringtrace exchange join RUN {folder}"
    )
    if behind := hub.days_behind(now):
        say(
            f"  the last head is of {hub.last_day}, {quantity(behind, 'day')} ago: ask the "
            "host for what is newer"
        )
    if taken_back:
        feeds = quantity(len(taken_back), "earlier feed")
        say(f"  void, as it names what was taken back since: {feeds}, and its joins")
    return 0


def _claims(feed: Feed) -> set[str]:
    """Returns the claims of a feed: an identifier after its contributor's oldest token."""
    ids = [entity.entity_id for entity in feed.entities]
    return {
        f"{contributor.token} {ids[place]}"
        for contributor in feed.contributors
        for place in contributor.entities
    }


def _by_oldest(claim: str, who: Contributors) -> str:
    """Returns a claim of an earlier feed by the oldest token: a correction may have joined two."""
    token, _, entity_id = claim.partition(" ")
    return f"{who.of(token)} {entity_id}"


def _ids_of_log(hub: Hub, prefixes: Iterable[str]) -> frozenset[str]:
    """Returns the ids of entries and tokens whose first `SHORTEST_ID` or more digits are given.

    Raises:
        UsageError: for digits that fit no id of the log, or several.
    """
    log = hub.log
    known = {*log.entries, *(actor.token for actor in log.ties.values())}
    ids = set()
    for prefix in prefixes:
        was_entry = log.knows(prefix) and prefix not in log.ties and prefix not in log.disputes
        matching = [prefix] if prefix in known or was_entry else []
        if not matching and len(prefix) >= SHORTEST_ID:
            matching = [each for each in known if each.startswith(prefix)]
        if len(matching) != 1:
            raise UsageError(
                f"--without {plain(prefix, 64)}: is no entry or token of {hub.path}; see "
                f"{ENTRIES_FILE} of a feed"
            )
        ids.update(matching)
    return frozenset(ids)


def _feed_key(name: str) -> Ed25519PrivateKey:
    """Returns the key that signs feeds of a hub here; a new key is trusted as the hub's.

    Raises:
        UsageError: if it is no longer trusted, or the name is another organisation's.
    """
    path = hub_file(f"{name}.pem")
    if not path.exists():
        if key_store.trusted(name):
            raise UsageError(f"{name}: is the name of a partner whose key you trust; and of a hub")
        write_whole(path, signing.private_pem(signing.make_signing_key()))
    content = read_secret_file(path, signing.MAX_SIGNATURE_BYTES, "restore it from a copy")
    key = open_private_key(content, str(path))
    signer = signing.key_id(key.public_key())
    if key_store.validity(name, signer).revoked_since is not None:
        raise UsageError(f"{name}: you took its key {signer} out; trust it again to use the hub")
    if signer not in map(signing.key_id, key_store.trusted(name)):
        key_store.trust(name, key.public_key())
    return key


def _entries_table(hub: Hub, own: frozenset[str], now: datetime) -> bytes:
    """Returns all entries of a hub as CSV, for the person who decides on them."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(FEED_COLUMNS)
    for name, state in sorted(hub.log.entries.items()):
        entry = state.entry
        status = hub.log.status(name, now.date())
        row = [
            name,
            "own" if name in own else state.token,
            without_formula(state.actor),
            without_formula(entry.entity_id),
            entry.role,
        ]
        table.writerow([*row, entry.reporters, entry.first, entry.last, entry.basis, status])
        for each in hub.log.open_disputes(name):
            row = [each.dispute, each.appeal or each.token, "", row[3], "dispute"]
            table.writerow([*row, "", each.day, each.answer_by, "", "open"])
    return text.getvalue().encode()
