"""Each contributor to a hub adds as much to a join as one sender may, whatever others do."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator

from reports import signing
from reports.exchange import FeedChoice, HubLog, make_feed
from reports.letters import MAX_PEOPLE, OfferError, parse_file
from schemas import contract_docs
from schemas.offer import (
    Feed,
    HubEntry,
    HubTie,
    LoggedActor,
    LoggedEntry,
    Offer,
    OfferedCluster,
    OfferedEntity,
    OfferedEvidence,
    Terms,
)
from tests.support.changed import replace
from tests.support.ties import tie_reporters
from tests.unit.reports.exchange.test_hub_log import CHARTER
from transforms.graph import AcceptedOffer, people_that_count

A, B, C, D = (f"phone:+1888555010{n}" for n in range(1, 5))

START = date(2026, 6, 2)

MEMBERS = ("adatum", "amazon", "contoso", "fabrikam", "google", "microsoft")

NUMBERS = itertools.count(1)


def new_id():
    return f"{next(NUMBERS):032x}"


def token(org, day):
    """The token of an organisation in the epoch of a day, as a host gives it."""
    return f"{MEMBERS.index(org) + 1:x}{(day - START).days // 90 + 1:x}".ljust(32, "0")


class Log:
    """A log as the host writes it, without letters."""

    def __init__(self):
        self.lines = {}
        self.actors = {}

    def claim(self, org, *ties, day=0, replaces=(), role="callback", only=(), week="2026-W11"):
        """An actor with ties of (identifiers, people); returns its id."""
        when = START + timedelta(day)
        owner, actor = token(org, when), new_id()
        ids = sorted({*only, *(place for named, _ in ties for place in named)})
        names = {claimed: new_id() for claimed in ids}
        lines = [
            LoggedEntry(actor, when.isoformat(), HubEntry(
                names[claimed], claimed, role, "core", 90, 5, "2026-W10", "2026-W12", "analyst"),
                new_id(), owner)
            for claimed in ids
        ]  # fmt: skip
        shown = sorted((tuple(sorted(names[place] for place in named)), n) for named, n in ties)
        made = tuple(HubTie(named, number, week) for named, number in shown)
        lines.append(LoggedActor(actor, when.isoformat(), replaces, made, owner))
        self.lines.setdefault(when, []).extend(map(signing.canonical_json, lines))
        return actor

    def feed(self, recipient="amazon", day=200, **choice):
        charter = replace(CHARTER, lives=tuple(replace(live, days=366) for live in CHARTER.lives))
        log = HubLog(charter)
        for when, lines in sorted(self.lines.items()):
            log.add_day(when.isoformat(), b"".join(line + b"\n" for line in sorted(lines)))
        now = datetime.combine(START + timedelta(day), datetime.min.time(), UTC)
        made = make_feed(log, recipient, now, FeedChoice(**choice), MEMBERS)
        return parse_file(signing.canonical_json(made), "acx", Feed)


def bearing(feed, *others, own=(), wrong=()):
    """The people who bear each tie in a join, where identifiers of some tokens proved wrong."""
    offers = [AcceptedOffer(offered, f"{n:064x}") for n, offered in enumerate((feed, *others))]
    most = {
        who: people_that_count(8, 0, 100 if any(who.endswith(name) for name in wrong) else 0)
        for offer in offers
        for who in offer.claims()
    }
    return tie_reporters(offers, most, own)


def offer_of(sender, named, people, *more):
    """An ordinary offer: people who report some identifiers together."""
    ids = sorted({*named, *(each for tied, _ in more for each in tied)})
    rows = sorted((tuple(sorted(map(ids.index, tied))), n) for tied, n in ((named, people), *more))
    return Offer(
        sender, "amazon", "2026-12-01T00:00:00Z", "2026-12-30T00:00:00Z", "TLP:AMBER",
        Terms(75, 5, 2, 1000), tuple(OfferedEntity(each, "callback", 99, 1) for each in ids),
        tuple(OfferedEvidence(places, "complaint", n, "2026-W11") for places, n in rows),
        (OfferedCluster((), None, (), 1),),
    )  # fmt: skip


def test_one_lying_member_adds_what_one_sender_may_and_honest_ones_add_up():
    for honest in (0, 1, 3, 5):
        log = Log()
        for org in MEMBERS[1 : honest + 1]:
            log.claim(org, ((A, B), 10))
        alone = bearing(log.feed()) if honest else {}
        assert alone.get((A, B), 0) == 8 * honest
        log.claim("adatum", ((A, B), 900_000), ((A, C), 900_000))
        assert bearing(log.feed()) == {(A, B): 8 * honest + 8, (A, C): 8}
    assert bearing(offer_of("adatum", (A, B), 900_000)) == {(A, B): 8}


def test_who_claims_more_than_a_feed_can_have_takes_nothing_from_others():
    log = Log()
    log.claim("contoso", ((A, B), 10))
    many = [f"phone:+1888555{n:04}" for n in range(200, 240)]
    log.claim("google", *(((A, claimed), 1_000_000) for claimed in many))
    counted = bearing(log.feed())
    assert counted[A, B] == 8
    assert sum(row.reports for row in log.feed().evidence) == MAX_PEOPLE
    assert len(counted) == 1 + 10


def test_a_liar_adds_no_more_to_a_tie_by_naming_others_beside_it():
    log = Log()
    more = [f"phone:+1888555{n:04}" for n in range(200, 215)]
    log.claim("google", *(((A, B, claimed), 50) for claimed in more))
    assert bearing(log.feed())[A, B] == 8
    log.claim("contoso", ((A, B), 3))
    assert bearing(log.feed())[A, B] == 11


def test_a_liar_with_tokens_of_three_epochs_adds_what_one_may():
    """Epochs of one number are one number in a join; the host takes each of them once."""
    log = Log()
    log.claim("contoso", ((A, B), 50))
    log.claim("contoso", ((f"{A}#2", f"{B}#2"), 50), day=91)
    log.claim("contoso", ((f"{A}#3", f"{B}#3"), 50), day=182)
    assert len({token("contoso", START + timedelta(day)) for day in (0, 91, 182)}) == 3
    assert bearing(log.feed()) == {(A, B): 8}
    # An honest member beside it, of any of these epochs, is another one.
    log.claim("google", ((A, B), 50), day=91)
    assert bearing(log.feed()) == {(A, B): 16}


def test_members_who_claimed_in_different_epochs_add_up_where_they_name_the_same():
    log = Log()
    log.claim("contoso", ((A, B), 10))
    log.claim("google", ((A, B), 10), day=91)
    log.claim("microsoft", ((A, B), 10), day=182)
    assert bearing(log.feed()) == {(A, B): 24}
    # Contributors of different epochs can be one member, but not two of the same epoch of the hub.
    log = Log()
    log.claim("contoso", ((A, B), 10))
    log.claim("google", ((f"{A}#2", f"{B}#2"), 10), ((f"{A}#2", C), 10), day=91)
    assert bearing(log.feed()) == {(A, B): 8, (A, C): 8}
    log.claim("microsoft", ((f"{A}#3", f"{B}#3"), 10))
    assert bearing(log.feed()) == {(A, B): 16, (A, C): 8}


def test_who_replaces_what_another_token_claimed_is_one_contributor():
    log = Log()
    first = log.claim("contoso", ((A, B), 10))
    log.claim("google", ((A, B), 10))
    log.claim("contoso", ((f"{A}#2", C), 10), day=91, replaces=(first,))
    log.claim("google", ((f"{A}#2", C), 10), day=182)
    feed = log.feed()
    # One is of both epochs, so that the other, of the first and the third, is not the same.
    assert [contributor.token for contributor in feed.contributors] == sorted(
        [token("contoso", START), token("google", START), token("google", START + timedelta(182))]
    )
    assert bearing(feed) == {(A, B): 16, (A, C): 16}


def test_wrong_decisions_about_one_contributor_lower_nobody_else():
    log = Log()
    for org in ("contoso", "google", "microsoft"):
        log.claim(org, ((A, B), 100))
    feed = log.feed()
    assert bearing(feed, wrong=[token("contoso", START)]) == {(A, B): 8 + 8 + 1}
    assert bearing(feed) == {(A, B): 24}


def test_a_member_with_an_offer_of_its_own_counts_once():
    log = Log()
    log.claim("contoso", ((A, B), 100))
    log.claim("google", ((A, B), 3))
    feed = log.feed()
    assert bearing(feed) == {(A, B): 11}
    # The tokens are anonymous: contoso can be the contributor with more people.
    assert bearing(feed, offer_of("contoso", (A, B), 100)) == {(A, B): 8 + 3}
    assert bearing(feed, offer_of("contoso", (A, C), 100)) == {(A, B): 11, (A, C): 8}
    # A member who says little beside its feed takes as little from another.
    assert bearing(feed, offer_of("fabrikam", (A, B), 1)) == {(A, B): 8 + 3}
    assert bearing(feed, offer_of("fabrikam", (A, B), 5)) == {(A, B): 8 + 3}
    assert bearing(feed, offer_of("fabrikam", (A, B), 2), offer_of("contoso", (A, B), 5)) == {
        (A, B): 8 + 3
    }
    # An organisation that is no member is none of the contributors.
    assert bearing(feed, offer_of("ftc", (A, B), 100)) == {(A, B): 8 + 11}
    # A member with records in the run, or in two hubs, is not counted twice.
    assert bearing(feed, own=["google"]) == {(A, B): 3}
    assert bearing(feed, own=["ftc"]) == {(A, B): 11}
    renamed = replace(feed, sender="ecx")
    assert bearing(feed, renamed) == {(A, B): 11}
    assert bearing(feed, replace(renamed, members=("contoso", "ftc"))) == {(A, B): 11 + 3}


def test_what_is_ones_own_is_left_out_with_all_that_the_same_contributor_claims():
    log = Log()
    log.claim("amazon", ((A, B), 10))
    log.claim("amazon", ((C, D), 10))
    log.claim("google", ((A, B), 10))
    entry = next(line for line in log.lines[START] if b'"entity_id":"%s"' % C.encode() in line)
    own = frozenset([entry.split(b'"entry":"')[1][:32].decode()])
    assert bearing(log.feed(own=own)) == {(A, B): 8}
    without = frozenset([token("google", START)])
    assert not bearing(log.feed(own=own, without=without))


def test_the_role_of_an_identifier_is_that_of_most_contributors():
    log = Log()
    log.claim("google", ((A, B), 1000), role="payee")
    log.claim("contoso", ((A, B), 2))
    log.claim("fabrikam", ((A, B), 2))
    assert {entity.role for entity in log.feed().entities} == {"callback"}


def test_a_feed_says_no_more_of_who_contributed_than_the_log():
    log = Log()
    for org in MEMBERS[1:]:
        log.claim(org, ((A, B), 10), only=(C,))
    content = signing.canonical_json(log.feed())
    tokens = {token(org, START) for org in MEMBERS[1:]}
    assert all(member_token.encode() in content for member_token in tokens)
    # Members are in it as a list alone, whatever the order of their tokens.
    assert content.count(b'"google"') == content.count(b'"contoso"') == 1
    assert b'"members":["adatum","contoso","fabrikam","google","microsoft"]' in content


def test_what_was_written_is_read_and_nothing_else():
    log = Log()
    log.claim("google", ((A, B), 10))
    log.claim("contoso", ((B, C), 10))
    feed = log.feed()
    schema = Draft202012Validator(contract_docs.json_schemas()["exchange/feed"])
    value = signing.parse_canonical_json(signing.canonical_json(feed))
    assert schema.is_valid(value) and not schema.is_valid(value | {"victim_id": "v-1"})
    first, second = feed.contributors
    row, *rows = feed.evidence
    for changed in (
        {"contributors": (second, first)},
        {"contributors": (first,)},
        {"contributors": (first, second, replace(second, token="f" * 32, entities=()))},
        {"contributors": (first, replace(second, token="x" * 32))},
        {"evidence": (replace(row, contributor=2), *rows)},
        {"evidence": (replace(row, contributor=1 - row.contributor), *rows)},
        {"evidence": (row, row, *rows)},
        {"members": ("google", "contoso")},
        {"members": ("amazon",)},
        {"members": ("Nobody Else",)},
        {"called": (0,)},
    ):
        content = signing.canonical_json(replace(feed, **changed))
        with pytest.raises(OfferError):
            parse_file(content, "acx", Feed)
    renamed = signing.canonical_json(feed).replace(b"ringtrace-feed", b"ringtrace-offer")
    with pytest.raises(OfferError):
        parse_file(renamed, "acx", Feed)


def test_a_week_to_come_does_not_have_the_whole_feed_refused():
    log = Log()
    log.claim("contoso", ((A, B), 10))
    log.claim("google", ((A, B), 10), ((A, C), 10), week="2099-W01")
    assert bearing(log.feed()) == {(A, B): 8}
