"""The lines of a hub's log, the counts that it shows, and how little it says of who contributed."""

import base64
import itertools
import random
import secrets
from copy import deepcopy
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, strategies as st

from pipelines.exchange.hub_host import Day
from reports import signing
from reports.exchange import (
    HUB_LIVES,
    SEALED_SIZES,
    HubLog,
    contributor_token,
    open_letter,
    parse_hub_file,
    seal_letter,
)
from reports.exchange.hub_log import shown_ties
from reports.letters import OfferError
from reports.signing import make_signing_key
from schemas.offer import (
    HubActor,
    HubCharter,
    HubDispute,
    HubEntry,
    HubHead,
    HubLetter,
    HubTie,
    KindLife,
    LoggedEnd,
)
from tests.support.changed import replace
from tests.support.examples import draws

DAY = date(2026, 6, 2)

HUB = "0" * 64

ORGS = ("amazon", "google", "microsoft")

SECRET = b"\2" * 32

CHARTER = HubCharter(
    "acx", "isac", "2026-06-01T00:00:00Z", base64.b64encode(b"\1" * 32).decode(), 90, 14, 7, 5,
    "TLP:AMBER", tuple(KindLife(kind, days) for kind, days in sorted(HUB_LIVES.items())),
)  # fmt: skip

LONG_LIVES = tuple(KindLife(life.kind, 366) for life in CHARTER.lives)


people = st.lists(
    st.tuples(st.frozensets(st.sampled_from("abcdef"), min_size=1), st.integers(1, 12)), max_size=12
)


@draws(300)
@given(people, st.integers(3, 7))
def test_ties_count_nobody_twice_and_no_less_than_two(reports, k):
    rows = [(named, number, f"2026-W{10 + week}") for week, (named, number) in enumerate(reports)]
    ties = shown_ties(rows, k)
    assert sum(number for _, number, _ in ties) <= sum(number for _, number in reports)
    for named, number, _ in ties:
        assert number == 2 or number % k == 0
        assert number <= sum(count for whole, count in reports if whole >= set(named))


NUMBERS = itertools.count()


def entry():
    number = next(NUMBERS)
    return HubEntry(secrets.token_hex(16), f"phone:+1888{number:07}", "callback", "core", 90, 5,
                    "2026-W10", "2026-W12", "analyst")  # fmt: skip


def letter(org, rng, actors):
    made = []
    for _ in range(actors):
        entries = tuple(sorted((entry() for _ in range(rng.randrange(1, 9))),
                               key=lambda line: line.entity_id))  # fmt: skip
        named = tuple(sorted(claim.entry for claim in entries))
        ties = (HubTie(named, 5, "2026-W11"),)
        made.append(HubActor(secrets.token_hex(16), entries, ties, ()))
    made.sort(key=lambda line: line.actor)
    return HubLetter(HUB, org, "2026-06-02T10:00:00Z", tuple(made), (), (), (), ())


def test_a_sealed_letter_says_nothing_of_its_sender_by_bytes_or_size():
    opens, key = X25519PrivateKey.generate(), make_signing_key()
    public, rng = opens.public_key().public_bytes_raw(), random.Random(1)
    for actors in (2, 100):
        content = signing.letter_bytes(letter("google", rng, actors), key)
        sealed = seal_letter(content, b"signature", public, HUB)
        assert len(sealed) == SEALED_SIZES[0] and b"google" not in sealed
        assert seal_letter(content, b"signature", public, HUB)[:256] != sealed[:256]
        assert open_letter(sealed, opens.private_bytes_raw(), HUB) == (content, b"signature")


def lines_of(letters):
    day = Day(empty_hub(), SECRET, DAY)
    for org, sent_letter in letters:
        day.add(org, sent_letter)
    return sorted(day.lines)


def test_lines_of_a_day_are_the_same_in_whatever_order_letters_came(monkeypatch):
    """Neither the order nor the time of letters shows, nor who sent them."""
    rng = random.Random(3)
    letters = [(org, letter(org, rng, 3)) for org in ORGS]
    monkeypatch.setattr(secrets, "token_hex", lambda count: "ab" * count)
    lines = lines_of(letters)
    assert lines == lines_of(letters[::-1])
    whole = b"".join(lines)
    assert not any(org.encode() in whole for org in ORGS) and b"T10:00:00" not in whole


def test_nobody_claims_an_identifier_twice_whatever_the_epoch():
    """Two tokens with one identifier in force are so two members, which a feed rests on."""
    hub = empty_hub(LONG_LIVES)
    first = letter("google", random.Random(4), 1)
    day = day_of(hub)
    day.add("google", first)
    close(hub, day)
    claimed = first.actors[0].entries[0].entity_id

    def again(replaces=()):
        again = replace(entry(), entity_id=claimed)
        actors = (HubActor(secrets.token_hex(16), (again,), (), replaces),)
        return replace(first, actors=actors)

    for days in (1, 91, 181):
        later = day_of(hub, days)
        with pytest.raises(OfferError, match="claims what the entry"):
            later.add("google", again())
        later.add("amazon", again())
        later.add("google", again((first.actors[0].actor,)))
        assert first.actors[0].entries[0].entry in later.ended


def test_tokens_are_of_one_epoch_and_of_one_hub():
    tokens = {contributor_token(SECRET, CHARTER, org, DAY + timedelta(days=each))
              for org in ORGS for each in (0, 90, 180)}  # fmt: skip
    assert len(tokens) == 9
    assert contributor_token(SECRET, CHARTER, "amazon", DAY) in tokens
    assert contributor_token(SECRET, CHARTER, "amazon", DAY + timedelta(days=80)) in tokens
    assert contributor_token(b"\3" * 32, CHARTER, "amazon", DAY) not in tokens


@pytest.mark.parametrize("size", [0, 47, 48, SEALED_SIZES[0], SEALED_SIZES[0] + 1])
def test_bytes_of_nobody_are_no_letter(size):
    with pytest.raises(OfferError, match="is not sealed to this hub's key"):
        open_letter(bytes(size), b"\1" * 32, HUB)


def empty_hub(lives=None):
    charter = replace(CHARTER, lives=lives or CHARTER.lives)
    return SimpleNamespace(charter=charter, log=HubLog(charter))


def day_of(hub, days=0):
    return Day(hub, SECRET, DAY + timedelta(days))


def close(hub, day):
    """Puts the lines of a day into the log, as a host does."""
    day.end(())
    lines = b"".join(line + b"\n" for line in sorted(day.lines))
    hub.log.add_day(day.day, lines)


def nothing(org, when=DAY, **parts):
    written = f"{when.isoformat()}T10:00:00Z"
    return replace(HubLetter(HUB, org, written, (), (), (), (), ()), **parts)


def claimed(hub, actors=1):
    """Lets google claim; returns the ids of its entries."""
    taken, day = letter("google", random.Random(5), actors), day_of(hub)
    day.add("google", taken)
    close(hub, day)
    return sorted(entry.entry for actor in taken.actors for entry in actor.entries)


def test_two_letters_that_renew_or_answer_the_same_are_one_line():
    hub = empty_hub()
    names = claimed(hub)
    day = day_of(hub, 1)
    wanted = HubDispute(secrets.token_hex(16), names[0], "")
    day.add("amazon", nothing("amazon", disputes=(wanted,)))
    close(hub, day)
    day = day_of(hub, 2)
    for _ in range(2):
        day.add("google", nothing("google", renewals=tuple(names), answers=(wanted.dispute,)))
    close(hub, day)
    assert len(day.lines) == 2
    assert hub.log.status(names[0], DAY + timedelta(2)) == "live"


def test_two_letters_of_a_day_claim_an_identifier_once():
    hub = empty_hub()
    day = day_of(hub)
    first = letter("google", random.Random(6), 1)
    day.add("google", first)
    same = replace(entry(), entity_id=first.actors[0].entries[0].entity_id)
    again = replace(first, actors=(HubActor(secrets.token_hex(16), (same,), (), ()),))
    with pytest.raises(OfferError, match="another letter of google claimed today"):
        day.add("google", again)
    day.add("amazon", again)


def test_many_letters_of_a_day_freeze_no_more_than_one():
    hub = empty_hub()
    names = claimed(hub, actors=60)
    day = day_of(hub, 1)

    def disputes(names):
        made = sorted((HubDispute(secrets.token_hex(16), name, "") for name in names),
                      key=lambda dispute: dispute.dispute)  # fmt: skip
        return nothing("amazon", disputes=tuple(made))

    day.add("amazon", disputes(names[:90]))
    with pytest.raises(OfferError, match="more than 100 disputes"):
        day.add("amazon", disputes(names[90:101]))
    with pytest.raises(OfferError, match="a second time"):
        day.add("amazon", disputes(names[:1]))
    with pytest.raises(OfferError, match="a second time"):
        day.add("amazon", disputes([names[90]] * 2))
    day.add("amazon", disputes(names[90:100]))
    # Another member has its own.
    day.add("microsoft", replace(disputes(names[:100]), sender="microsoft"))


def test_a_dispute_that_was_moved_counts_as_its_members_in_the_next_epoch():
    hub = empty_hub(LONG_LIVES)
    first = letter("google", random.Random(7), 1)
    day = day_of(hub)
    day.add("google", first)
    close(hub, day)
    name = first.actors[0].entries[0].entry
    when = DAY + timedelta(85)
    day = Day(hub, SECRET, when)
    wanted = HubDispute(secrets.token_hex(16), name, "")
    day.add("amazon", nothing("amazon", when, disputes=(wanted,)))
    close(hub, day)
    moved = replace(entry(), entity_id=first.actors[0].entries[0].entity_id)
    actor = HubActor(secrets.token_hex(16), (moved,), (), (first.actors[0].actor,))
    day = day_of(hub, 92)
    day.add("google", nothing("google", DAY + timedelta(92), actors=(actor,)))
    close(hub, day)
    assert hub.log.status(moved.entry, DAY + timedelta(92)) == "frozen"
    day = day_of(hub, 93)
    again = HubDispute(secrets.token_hex(16), moved.entry, "")
    with pytest.raises(OfferError, match="a second time"):
        day.add("amazon", nothing("amazon", disputes=(again,)))


def test_what_was_renewed_or_answered_in_time_lives_however_late_the_host_collects():
    hub = empty_hub()
    renewed, disputed, late = claimed(hub, actors=1), claimed(hub), claimed(hub)
    day = day_of(hub, 1)
    wanted = [
        HubDispute(f"{number:032x}", named[0], "") for number, named in enumerate((disputed, late))
    ]
    day.add("amazon", nothing("amazon", disputes=tuple(wanted)))
    close(hub, day)
    # Phones live 45 days, and a dispute waits 14.
    day = day_of(hub, 20)
    answer = DAY + timedelta(15)
    day.add("google", nothing("google", answer, answers=(wanted[0].dispute,)))
    answer = DAY + timedelta(16)
    day.add("google", nothing("google", answer, answers=(wanted[1].dispute,)))
    close(hub, day)
    assert disputed[0] in hub.log.entries and late[0] not in hub.log.entries
    day = day_of(hub, 50)
    day.add("google", nothing("google", DAY + timedelta(44), renewals=tuple(renewed)))
    day.add("google", nothing("google", DAY + timedelta(45), renewals=tuple(disputed)))
    close(hub, day)
    assert set(renewed) <= hub.log.entries.keys() and not set(disputed) & hub.log.entries.keys()


def test_what_a_host_signs_ends_no_command_with_a_traceback():
    with pytest.raises(OfferError, match="cannot be sealed"):
        seal_letter(b"letter", b"signature", b"\0" * 32, HUB)  # a point of low order
    head = HubHead(HUB, "2026-06-02", 0, HUB, HUB, HUB)
    parse_hub_file(signing.canonical_json(head), "", HubHead)
    with pytest.raises(OfferError, match="day"):
        parse_hub_file(signing.canonical_json(replace(head, day="9999-12-31")), "", HubHead)


def sent(content):
    return parse_hub_file(signing.letter_bytes(content, make_signing_key()), "", HubLetter)


def test_a_letter_that_a_log_cannot_hold_is_none():
    taken = letter("google", random.Random(8), 2)
    assert sent(taken).actors == taken.actors
    # One id of an actor and an entry: the log would have it twice.
    first, second = taken.actors
    twice = replace(first, actor=second.entries[0].entry)
    with pytest.raises(OfferError, match="actors"):
        sent(replace(taken, actors=tuple(sorted((twice, second), key=lambda each: each.actor))))
    # A line of more than a megabyte.
    entries = tuple(entry() for _ in range(20))
    names = sorted(each.entry for each in entries)
    many = [*itertools.combinations(names, 16)][:4000]
    ties = tuple(HubTie(named, 2, "2026-W11") for named in sorted(many))
    with pytest.raises(OfferError, match="more ties"):
        sent(replace(taken, actors=(HubActor(secrets.token_hex(16), entries, ties, ()),)))
    # A week to come, of which a feed would be refused.
    ahead = replace(first.ties[0], week="2026-W30")
    with pytest.raises(OfferError, match="ties"):
        sent(replace(taken, actors=(replace(first, ties=(ahead,)),)))


def test_an_entry_is_ended_by_its_own_line_alone_and_once():
    hub = empty_hub()
    first, *others = claimed(hub)
    own, foreign = (hub.log.entries[name].leaf for name in (first, others[0]))

    def left(*ends):
        log = deepcopy(hub.log)
        lines = [signing.canonical_json(LoggedEnd("2026-06-03", name, leaf)) for name, leaf in ends]
        log.add_day("2026-06-03", b"".join(line + b"\n" for line in sorted(lines)))
        return log.entries.keys()

    assert left((first, own)) == set(others)
    for ends in [(first, foreign)], [("0" * 32, foreign)], [(first, own), (first, foreign)]:
        with pytest.raises(OfferError, match="not its line"):
            left(*ends)
