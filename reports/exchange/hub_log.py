"""The log of a hub: a Merkle tree of lines, the entries in force, and the feed made of them.

Each list of members follows from the list before. A log has tokens in place of the names of
contributors; only the host can compute them (`contributor_token`).

The line of an entry that is out is erased. The digest of its leaf stays, so the tree stays valid.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import combinations
from operator import attrgetter, itemgetter
from typing import Any, get_args

from reports import signing
from reports.exchange.hub_letters import MAX_LINE_BYTES, check_entry, check_ties
from reports.letters import MAX_PEOPLE, MAX_ROWS, OfferError, need
from reports.signing import MerkleTree, merkle_leaf
from reports.text import quantity
from schemas.entity import without_epoch
from schemas.enums import RecordKind, Tier
from schemas.offer import (
    BASES,
    MAX_LINES,
    ErasedLine,
    Feed,
    FeedContributor,
    FeedEvidence,
    HubActor,
    HubCharter,
    HubEntry,
    HubMembers,
    HubTie,
    LoggedActor,
    LoggedAnswer,
    LoggedDispute,
    LoggedEnd,
    LoggedEntry,
    LoggedOpening,
    LoggedRenewal,
    Offer,
    OfferedCluster,
    OfferedEntity,
    Terms,
)
from schemas.signed_fields import LEAST, MOMENT, day_of, parse_moment, rising, week_start
from transforms.values import Tie, ties_of

Line = (
    LoggedEntry
    | LoggedActor
    | LoggedRenewal
    | LoggedDispute
    | LoggedAnswer
    | LoggedEnd
    | LoggedOpening
)
"""A line of the log, in the order in which the lines of one day take effect."""

_ORDER = get_args(Line)

_LOGGED: Any = Line


def erased_line(line: bytes) -> bytes:
    """Returns the line that replaces an erased line: the hash of its leaf."""
    return signing.canonical_json(ErasedLine(merkle_leaf(line).hex()))


@dataclass
class EntryState:
    """An entry that is not out.

    Attributes:
        entry: as its contributor claims it.
        actor: the actor that it belongs to.
        token: of the contributor.
        day: of its line.
        leaf: the number of its line's leaf.
        since: the first day of its present life: when it was made, or last renewed.
        disputes: ids of disputes about it.
    """

    entry: HubEntry
    actor: str
    token: str
    day: date
    leaf: int
    since: date
    disputes: list[str] = field(default_factory=list)

    @property
    def entity_id(self) -> str:
        """The identifier that it claims."""
        return self.entry.entity_id


@dataclass
class HubLog:
    """The log read so far, and the entries, disputes and ties that it puts in force.

    Attributes:
        charter: of the hub.
        entries: entries that did not end, by id.
        disputes: all disputes, by id.
        answered: ids of answered disputes.
        ties: by actor.
    """

    charter: HubCharter
    entries: dict[str, EntryState] = field(default_factory=dict)
    disputes: dict[str, LoggedDispute] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    ties: dict[str, LoggedActor] = field(default_factory=dict)
    openings: list[LoggedOpening] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _ended: dict[int, str] = field(default_factory=dict)
    _erased: dict[int, str] = field(default_factory=dict)
    _tree: MerkleTree = field(default_factory=MerkleTree)
    _roots: dict[int, str] = field(default_factory=lambda: {0: MerkleTree().root().hex()})

    @property
    def size(self) -> int:
        """The number of lines read so far."""
        return self._tree.size

    def root(self) -> str:
        """Returns the root over all lines read so far."""
        return self._tree.root().hex()

    def root_at(self, size: int) -> str | None:
        """Returns the root at the end of the day that left the log at this size; None for none."""
        return self._roots.get(size)

    def add_day(self, day: str, content: bytes) -> None:
        """Reads the lines of one day.

        Raises:
            OfferError: naming the first line that no log can have, or that repeats an earlier line.
        """
        *lines, rest = content.split(b"\n")
        if rest:
            raise OfferError("ends in the middle of a line")
        read: list[tuple[int, int, Line]] = []
        for number, written in enumerate(lines, 1):
            try:
                line = self._line(written, day)
            except OfferError as error:
                raise OfferError(f"line {number}: {error}") from None
            if line is not None:
                read.append((_ORDER.index(type(line)), self.size - 1, line))
        shown = [line for line in lines if not line.startswith(b'{"erased":')]
        if not rising(shown):
            raise OfferError("has a line twice, or its lines out of order")
        for _, leaf, line in sorted(read, key=itemgetter(0, 1)):
            self._apply(leaf, line)
        self._roots[self.size] = self.root()

    def _line(self, line: bytes, day: str) -> Line | None:
        if len(line) > MAX_LINE_BYTES:
            raise OfferError(f"is longer than {MAX_LINE_BYTES} bytes")
        if self.size >= MAX_LINES:
            raise OfferError(f"the log has more than {MAX_LINES} lines")
        value = signing.parse_canonical_json(line)
        if isinstance(value, dict) and set(value) == {"erased"}:
            leaf = signing.read_letter(ErasedLine, value).erased
            self._erased[self.size] = day
            self._tree.add(bytes.fromhex(leaf))
            return None
        parsed = signing.read_letter(_LOGGED, value)
        _check_line(parsed, day)
        self._tree.add(merkle_leaf(line))
        return parsed

    def _new(self, name: str) -> None:
        if name in self._ids:
            raise OfferError(f"{name} is there twice: it was replayed")
        self._ids.add(name)

    def _apply(self, leaf: int, line: Line) -> None:
        match line:
            case LoggedEntry(entry=entry):
                self._new(entry.entry)
                day = day_of(line.day)
                state = EntryState(entry, line.actor, line.token, day, leaf, day)
                self.entries[entry.entry] = state
            case LoggedActor(actor=actor):
                self._new(actor)
                self.ties[actor] = line
            case LoggedRenewal():
                for name in self.entries.keys() & {*line.entries}:
                    self.entries[name].since = day_of(line.day)
            case LoggedDispute(dispute=dispute):
                self._new(dispute)
                self.disputes[dispute] = line
                if line.entry in self.entries:
                    self.entries[line.entry].disputes.append(dispute)
            case LoggedAnswer(dispute=dispute):
                if dispute not in self.disputes:
                    raise OfferError(f"answers {dispute}, which is no dispute")
                self.answered.add(dispute)
            case LoggedEnd():
                self._end(line)
            case LoggedOpening():
                self.openings.append(line)

    def _end(self, end: LoggedEnd) -> None:
        """Takes an entry out; raises OfferError if `end` names another entry's line."""
        entry = self.entries.pop(end.entry, None)
        leaf = entry.leaf if entry else None
        if (leaf is None and end.leaf not in self._erased) or leaf not in (None, end.leaf):
            raise OfferError(f"ends {end.entry} with line {end.leaf}, which is not its line")
        if leaf is None and end.entry in self._ids:
            raise OfferError(f"ends {end.entry} again")
        self._ended[end.leaf] = end.entry
        self._ids.add(end.entry)

    def check_erasures(self) -> None:
        """Checks that every erased line is of an entry that the log says is out.

        Raises:
            OfferError: naming the first erased line of another entry.
        """
        for leaf, day in self._erased.items():
            if leaf not in self._ended:
                raise OfferError(
                    f"log/{day}.jsonl: erases line {leaf} of the log, which is not out"
                )

    def to_erase(self) -> set[int]:
        """Returns the leaves of entries that are out and whose lines are not erased yet."""
        return self._ended.keys() - self._erased.keys()

    def knows(self, name: str) -> bool:
        """Returns whether an entry, an actor or a dispute of this id is in the log, or was."""
        return name in self._ids

    def open_disputes(self, name: str) -> list[LoggedDispute]:
        """Returns the unanswered disputes of an entry."""
        entry = self.entries.get(name)
        disputes = [self.disputes[name] for name in entry.disputes] if entry else []
        return [dispute for dispute in disputes if dispute.dispute not in self.answered]

    def _life(self, state: EntryState) -> int:
        days = {life.kind: life.days for life in self.charter.lives}
        return days[state.entity_id.partition(":")[0]]

    def needs_renewal(self, name: str, day: date) -> bool:
        """Returns whether a third of the life of an entry has passed."""
        state = self.entries[name]
        return state.since + timedelta(days=self._life(state) // 3) <= day

    def status(self, name: str, day: date) -> str:
        """Returns the status of an entry: `live`, `frozen`, `unanswered`, `expired` or `out`."""
        state = self.entries.get(name)
        if state is None:
            return "out"
        if state.since + timedelta(days=self._life(state)) <= day:
            return "expired"
        unanswered = self.open_disputes(name)
        if any(day_of(dispute.answer_by) < day for dispute in unanswered):
            return "unanswered"
        return "frozen" if unanswered else "live"


def _check_line(line: Line, day: str) -> None:
    """Checks a line beyond the form of its fields."""
    need(line.day == day, "day")
    match line:
        case LoggedEntry():
            check_entry(line.entry, "entry")
        case LoggedActor():
            check_ties(line.ties, "ties")
        case LoggedRenewal():
            need(line.entries, "entries")
        case LoggedDispute():
            need(line.token or line.appeal, "token")
            need(line.answer_by >= day, "answer_by")


def show_count(count: int, k: int) -> int:
    """Returns the lower bound to show for a count of people: 2, or a multiple of k."""
    return LEAST if count < k else count - count % k


def shown_ties(
    rows: Iterable[tuple[frozenset[str], int, str]], k: int
) -> list[tuple[tuple[str, ...], int, str]]:
    """Returns which identifiers people named together, with counts as lower bounds from 2 on.

    A set that a single person names is cut down: to a pair that several people name together, or
    to a single identifier. Each person stays in one row.

    Args:
        rows: identifiers of a cluster that people named together, the number of these people, and
            the ISO 8601 week.
        k: of the hub.
    """
    people: Counter[frozenset[str]] = Counter()
    week: dict[frozenset[str], str] = {}
    pairs: Counter[tuple[str, str]] = Counter()

    def count(named: frozenset[str], number: int, when: str) -> None:
        people[named] += number
        week[named] = max(week.get(named, ""), when)

    for named, number, when in rows:
        count(named, number, when)
        pairs.update(dict.fromkeys(combinations(sorted(named), 2), number))
    for named in sorted(people, key=lambda named: (-len(named), sorted(named))):
        if people[named] >= LEAST or len(named) < LEAST:
            continue
        borne = [p for p in combinations(sorted(named), 2) if pairs[p] >= LEAST and len(named) > 2]
        choices = [*borne] if borne else [(name,) for name in sorted(named)]
        # Best is a choice with a single person so far, which becomes two; then an unused choice.
        chosen = min(
            choices, key=lambda choice: ((1, 0, 2)[min(people[frozenset(choice)], 2)], choice)
        )
        count(frozenset(chosen), people.pop(named), week[named])
    for named in sorted(people, key=sorted):
        if len(named) == LEAST and people[named] == 1:
            least = min(sorted(named), key=lambda name: people[frozenset([name])])
            count(frozenset([least]), people.pop(named), week[named])
    return sorted(
        (tuple(sorted(named)), show_count(number, k), week[named])
        for named, number in people.items()
        if number >= LEAST
    )


@dataclass(frozen=True)
class FeedChoice:
    """The entries that a member takes into its feed.

    Attributes:
        own: ids of entries that it contributed itself.
        without: ids of entries, or tokens of contributors, that it leaves out.
        least: least number of contributors who name an identifier.
    """

    own: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    least: int = 1


class Contributors:
    """The contributors of a log: tokens, and which of them surely belong to two members.

    Two tokens belong to the same member if one replaced a claim of the other. They belong to two
    members if they are of the same epoch, or if both claim the same identifier: the host gives a
    member one token an epoch, and lets no member claim an identifier twice.
    """

    def __init__(self, log: HubLog) -> None:
        import networkx as nx

        self._epochs: defaultdict[str, set[int]] = defaultdict(set)
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        self._ages: dict[str, int] = {}
        same = nx.Graph()
        for actor in sorted(log.ties.values(), key=attrgetter("day", "actor")):
            self._ages.setdefault(actor.token, len(self._ages))
            same.add_node(actor.token)
            before = (log.ties[name].token for name in actor.replaces if name in log.ties)
            same.add_edges_from((actor.token, token) for token in before)
        self._of = {
            token: min(tokens, key=self._ages.__getitem__)
            for tokens in nx.connected_components(same)
            for token in tokens
        }
        for actor in log.ties.values():
            epoch = epoch_of(log.charter, day_of(actor.day))
            self._epochs[self.of(actor.token)].add(epoch)
        for state in log.entries.values():
            self._names[self.of(state.token)].add(state.entity_id)

    def of(self, token: str) -> str:
        """Returns the oldest token of the contributor of a token."""
        return self._of.get(token, token)

    def are_two(self, first: str, second: str) -> bool:
        """Returns whether two contributors, by their oldest tokens, are surely two members."""
        epochs, names = self._epochs, self._names
        shared = not epochs[first].isdisjoint(epochs[second])
        return first != second and (shared or not names[first].isdisjoint(names[second]))

    def age(self, token: str) -> int:
        """Returns the place of a contributor, by its oldest token, in the order of first days."""
        return self._ages[token]

    def named(self, names: Iterable[str]) -> frozenset[str]:
        """Returns the oldest token of each contributor's token in `names`; skips other ids."""
        return frozenset(self._of[name] for name in names if name in self._of)


FeedRow = tuple[str, tuple[int, ...], int]
"""A row of a feed's evidence: week, places of identifiers, and contributor."""


def make_feed(
    log: HubLog, recipient: str, now: datetime, choice: FeedChoice, members: Iterable[str] = ()
) -> Feed:
    """Returns the entries in force as a feed of the hub.

    Each contributor's people are counted apart. An identifier that several contributors name has
    the role that most of them give it, and cluster and confidence of the first of these.

    Args:
        log: of the hub.
        recipient: who makes the feed.
        now: when.
        choice: of its entries. A contributor with an entry among `own` is the recipient itself.
        members: all organisations of the hub's list.
    """
    who = Contributors(log)
    own = {who.of(log.entries[name].token) for name in choice.own if name in log.entries}
    chosen = _entries_of_feed(log, who, now, choice, own)
    kept = {entity_id: _first_of_most(states) for entity_id, states in sorted(chosen.items())}
    numbers: dict[str, int] = {}
    for state in kept.values():
        numbers.setdefault(state.actor, len(numbers) + 1)
    entities = tuple(
        OfferedEntity(entity_id, state.entry.role, state.entry.confidence,
                      numbers[state.actor])
        for entity_id, state in kept.items()
    )  # fmt: skip
    place = {entity_id: place for place, entity_id in enumerate(kept)}
    of_entry = {state.entry.entry: entity_id for entity_id in kept for state in chosen[entity_id]}
    named: defaultdict[str, set[int]] = defaultdict(set)
    for name, entity_id in of_entry.items():
        named[who.of(log.entries[name].token)].add(place[entity_id])
    charter = log.charter
    ends = now + timedelta(days=charter.feed_days)
    return Feed(
        sender=charter.name,
        recipient=recipient,
        issued_at=f"{now:{MOMENT}}",
        expires_at=f"{ends:{MOMENT}}",
        tlp=charter.tlp,
        terms=Terms(
            min((entity.confidence for entity in entities), default=0), charter.k, LEAST, 1
        ),
        entities=entities,
        evidence=_evidence_of_feed(log, who, now.date(), sorted(named), place, of_entry),
        clusters=tuple(OfferedCluster((), None, (), number) for number in sorted(numbers.values())),
        contributors=tuple(
            FeedContributor(tuple(sorted(places)), token) for token, places in sorted(named.items())
        ),
        members=tuple(sorted(set(members) - {recipient})),
    )


def _entries_of_feed(
    log: HubLog, who: Contributors, now: datetime, choice: FeedChoice, own: Collection[str]
) -> dict[str, list[EntryState]]:
    """Returns the entries of a feed by identifier."""
    chosen: defaultdict[str, list[EntryState]] = defaultdict(list)
    gone = {*own, *who.named(choice.without)}
    for name, state in log.entries.items():
        if name in choice.own or name in choice.without or who.of(state.token) in gone:
            continue
        if log.status(name, now.date()) == "live":
            chosen[state.entity_id].append(state)
    return {
        entity_id: states
        for entity_id, states in chosen.items()
        if len({who.of(state.token) for state in states}) >= choice.least
    }


def _first_of_most(states: Sequence[EntryState]) -> EntryState:
    """Returns the first entry of an identifier with the role that most contributors give it."""
    roles = Counter(role for role, _ in {(state.entry.role, state.token) for state in states})
    return min(states, key=lambda state: (-roles[state.entry.role], state.leaf))


def _evidence_of_feed(
    log: HubLog,
    who: Contributors,
    day: date,
    tokens: Sequence[str],
    place: Mapping[str, int],
    of_entry: Mapping[str, str],
) -> tuple[FeedEvidence, ...]:
    """Returns how many people each contributor counts for each tie, no person twice.

    Args:
        log: of the hub.
        who: its contributors.
        day: of the feed, which has no week that begins later.
        tokens: contributors of the feed, in order.
        place: the place of each identifier of the feed.
        of_entry: the identifier of each entry of the feed.
    """
    numbers = {token: number for number, token in enumerate(tokens)}
    counts: Counter[FeedRow] = Counter()
    for actor in log.ties.values():
        contributor = numbers.get(who.of(actor.token))
        if contributor is None:
            continue
        for tie in actor.ties:
            places = {
                place[of_entry[name]]
                for name in tie.entries
                if name in of_entry and log.entries[name].actor == actor.actor
            }
            if places and week_start(tie.week) <= day:
                counts[tie.week, tuple(sorted(places)), contributor] += tie.reporters
    rows = dict(_within_bounds(counts))
    double = _rows_counted_already(rows, who, tokens, [*map(without_epoch, place)])
    return tuple(
        FeedEvidence(row[1], str(RecordKind.COMPLAINT), reports, row[0], row[2])
        for row, reports in rows.items()
        if row not in double
    )


def _rows_counted_already(
    rows: Iterable[FeedRow], who: Contributors, tokens: Sequence[str], bare: Sequence[str]
) -> set[FeedRow]:
    """Returns rows whose people an older contributor, maybe the same member, already counts.

    Two contributors who name the same epoch of an identifier are two members. So they can be the
    same member only if they name different epochs of it.

    Args:
        rows: of a feed.
        who: the contributors of the log.
        tokens: contributors of the feed, in order.
        bare: identifiers without epochs, by place.
    """
    epochs = Counter(bare)
    naming: defaultdict[int, list[FeedRow]] = defaultdict(list)
    for row in rows:
        if any(epochs[bare[place]] > 1 for place in row[1]):
            naming[row[2]].append(row)
    counted: dict[int, set[Tie]] = {}
    double: set[FeedRow] = set()
    for contributor in sorted(naming, key=lambda contributor: who.age(tokens[contributor])):
        others = [ties for each, ties in counted.items()
                  if not who.are_two(tokens[contributor], tokens[each])]  # fmt: skip
        counted[contributor] = set()
        for row in naming[contributor]:
            ties = [tie for tie in ties_of(bare[place] for place in row[1])
                    if all(epochs[each] > 1 for each in tie)]  # fmt: skip
            if any(not known.isdisjoint(ties) for known in others):
                double.add(row)
            else:
                counted[contributor].update(ties)
    return double


def _within_bounds(counts: Mapping[FeedRow, int]) -> Iterator[tuple[FeedRow, int]]:
    """Yields the rows of a feed in order, within the bounds of an offer.

    Without this, a contributor who claims too much would get the whole feed refused.
    """
    people, named = Counter[int](), Counter[int]()
    for (_, places, contributor), reports in counts.items():
        people[contributor] += reports
        named[contributor] += len(places)
    people, named = _fair_shares(people, MAX_PEOPLE), _fair_shares(named, MAX_ROWS)
    for row, reports in sorted(counts.items()):
        _, places, contributor = row
        shown = min(reports, people[contributor])
        if shown and len(places) <= named[contributor]:
            people[contributor] -= shown
            named[contributor] -= len(places)
            yield row, shown


def _fair_shares(wanted: Counter[int], most: int) -> Counter[int]:
    """Shares `most` out, smallest wishes first: each gets its wish or at least an equal share."""
    shares, left = Counter[int](), most
    for number, count in sorted(wanted.items(), key=lambda pair: (pair[1], pair[0])):
        shares[number] = min(count, left // (len(wanted) - len(shares)))
        left -= shares[number]
    return shares


def actors_of_offer(
    offer: Offer, facts: Mapping[str, tuple[int, str, str]], signed: frozenset[str], k: int
) -> list[HubActor]:
    """Returns the clusters of an offer of one's own run as actors of new entries.

    Args:
        offer: an offer that counts each person once for each cluster.
        facts: how many people report an identifier, and their first and last ISO 8601 week.
        signed: identifiers that a signed decision confirms.
        k: of the hub.
    """
    actors = []
    for cluster in offer.clusters:
        entries = {
            place: HubEntry(
                entry=secrets.token_hex(16),
                entity_id=entity.entity_id,
                role=entity.role,
                tier=str(Tier.CORE),
                confidence=entity.confidence // 10 * 10,
                reporters=show_count(facts[entity.entity_id][0], k),
                first=facts[entity.entity_id][1],
                last=facts[entity.entity_id][2],
                basis=BASES[entity.entity_id in signed],
            )
            for place, entity in enumerate(offer.entities)
            if entity.cluster == cluster.number
        }
        name = {entry.entity_id: entry.entry for entry in entries.values()}
        rows = (
            (frozenset(entries[place].entity_id for place in entries.keys() & {*row.entities}), row)
            for row in offer.evidence
        )
        shown = shown_ties(((named, row.reports, row.week) for named, row in rows if named), k)
        ties = (
            HubTie(tuple(sorted(map(name.__getitem__, named))), count, week)
            for named, count, week in shown
        )
        ordered = tuple(sorted(ties, key=attrgetter("entries", "week")))
        actors.append(HubActor(secrets.token_hex(16), tuple(entries.values()), ordered, ()))
    return actors


def check_succession(
    before: HubMembers | None,
    before_digest: str,
    after: HubMembers,
    signers: set[str],
    charter: HubCharter,
    host_keys: set[str],
) -> None:
    """Checks that a list of members follows from the list before, signed by whoever may change it.

    While there are fewer than two members, they and the host sign; later, two members sign.

    Args:
        before: the list before; None for the first one.
        before_digest: SHA-256 of it, or of the charter.
        after: the list.
        signers: ids of keys whose signatures of it hold.
        charter: of the hub.
        host_keys: ids of the host's keys.

    Raises:
        OfferError: if it does not.
    """
    if after.previous != before_digest or after.number != (before.number if before else 0) + 1:
        raise OfferError("does not follow from the list of members in force")
    if charter.host in {row.org for row in after.members}:
        raise OfferError(f"names the host {charter.host} as a member, which knows who contributes")
    rows = {(row.org, row.since): row for row in after.members}
    for row in before.members if before else ():
        now = rows.get((row.org, row.since))
        same = now is not None and now.key_id == row.key_id
        if not same or (row.ended and now != row):
            raise OfferError(f"leaves out or changes the row of {row.org} since {row.since}")
    active = {row.org: row.key_id for row in before.members if not row.ended} if before else {}
    agree = sorted(org for org, key in active.items() if key in signers)
    missing = min(2, len(active)) - len(agree)
    if missing > 0:
        raise OfferError(
            f"needs the signatures of {quantity(min(2, len(active)), 'member')} and has "
            f"{' and '.join(agree) or 'none'}; let another sign it: exchange hub members --sign"
        )
    if len(active) < 2 and not host_keys & signers:
        raise OfferError(
            f"needs the signature of the host {charter.host}: there are no two members"
        )


def epoch_of(charter: HubCharter, day: date) -> int:
    """Returns the number of the epoch of a day."""
    return (day - parse_moment(charter.issued_at).date()).days // charter.epoch_days


def contributor_token(secret: bytes, charter: HubCharter, org: str, day: date) -> str:
    """Returns the token that stands for an organisation in the log, in the epoch of a day."""
    text = f"ringtrace hub token|{charter.name}|{epoch_of(charter, day)}|{org}"
    return hmac.digest(secret, text.encode(), "sha256").hex()[:32]
